//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Compiles bpftrace scripts into programs of their own.
#[derive(Debug, Parser)]
#[command(name = "tracewright", version, after_help = EXAMPLES, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  tracewright build opensnoop.bt                 make ./opensnoop, a static binary
  tracewright run opensnoop.bt --errname         build and run it
  tracewright run -e 'begin { print(1 + 1) }'    the same for a program on the command line
  tracewright check *.bt                         only look for errors
  tracewright generate opensnoop.bt -o crate     write the Rust crate, to read or to change
  tracewright kernel snapshot -o my-kernel.tkd   describe this machine's kernel";

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Compile scripts into static binaries
    Build(BuildArgs),
    /// Look for errors in scripts; writes nothing
    Check(CheckArgs),
    /// Write the Rust crate of a script, which builds with plain `cargo build --release`
    Generate(GenerateArgs),
    /// Compile a script and run it
    Run(RunArgs),
    /// Show probes by pattern, the probes of a script, or a kernel type
    List(ListArgs),
    /// Kernel descriptions
    #[command(subcommand)]
    Kernel(KernelCommand),
}

/// What decides how a script is understood.
#[derive(Clone, Debug, Args)]
pub struct FrontEndArgs {
    /// Allow helpers that can do harm: system(), signal(), override()…
    #[arg(long = "unsafe")]
    pub allow_unsafe: bool,
    /// Look for included C headers and imports in DIR
    #[arg(short = 'I', value_name = "DIR")]
    pub include_dirs: Vec<String>,
    /// Include a C header before the script
    #[arg(long = "include", value_name = "FILE")]
    pub includes: Vec<String>,
    /// Kernel description to compile against: `bundled`, `host` or a file made by `kernel snapshot`
    #[arg(long, value_name = "KERNEL", default_value = "bundled")]
    pub kernel: String,
    /// Do not show warnings
    #[arg(long)]
    pub no_warnings: bool,
}

/// How the Rust is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Profile {
    /// Compiles in a second or two
    Dev,
    /// Smallest binary; takes longer
    Release,
}

/// `build`
#[derive(Debug, Args)]
#[command(after_help = BUILD_EXAMPLES, group = clap::ArgGroup::new("what").required(true).multiple(true))]
pub struct BuildArgs {
    /// Scripts; `-` reads one from standard input
    #[arg(group = "what", value_name = "SCRIPT")]
    pub scripts: Vec<String>,
    /// A program instead of a file
    #[arg(short = 'e', group = "what", value_name = "PROGRAM", conflicts_with = "scripts", allow_hyphen_values = true)]
    pub program: Option<String>,
    /// Where to put the binary [default: the script's name without `.bt`]
    #[arg(short = 'o', long = "output", value_name = "OUT", conflicts_with = "out_dir")]
    pub output: Option<PathBuf>,
    /// Where to put the binaries of several scripts
    #[arg(long, value_name = "DIR")]
    pub out_dir: Option<PathBuf>,
    /// One binary of all scripts; its first argument, or the name it is called by, chooses
    #[arg(long, value_name = "OUT", conflicts_with_all = ["output", "out_dir"])]
    pub multi_call: Option<PathBuf>,
    /// How the Rust is compiled
    #[arg(long, value_enum, default_value = "dev")]
    pub profile: Profile,
    /// Front end.
    #[command(flatten)]
    pub front_end: FrontEndArgs,
}

const BUILD_EXAMPLES: &str = "\
A script that fails is reported and the others are still built; the exit status is then 1.
What is built is kept in $XDG_CACHE_HOME/tracewright (or ~/.cache/tracewright).

Examples:
  tracewright build opensnoop.bt                      make ./opensnoop
  tracewright build --profile release opensnoop.bt    the same, smaller
  tracewright build -o /tmp/x -e 'begin { exit() }'   from the command line
  tracewright build --out-dir dist tools/*.bt         many at once
  tracewright build -o opens - < opensnoop.bt         from standard input
  tracewright build --multi-call tools *.bt           one binary: `tools opensnoop --errname`,
                                                      or a link to it called opensnoop";

/// `check`
#[derive(Debug, Args)]
#[command(after_help = CHECK_EXAMPLES, group = clap::ArgGroup::new("what").required(true).multiple(true))]
pub struct CheckArgs {
    /// Scripts; `-` reads one from standard input
    #[arg(group = "what", value_name = "SCRIPT")]
    pub scripts: Vec<String>,
    /// A program instead of a file
    #[arg(short = 'e', group = "what", value_name = "PROGRAM", conflicts_with = "scripts", allow_hyphen_values = true)]
    pub program: Option<String>,
    /// Tell where it will run, and where not: descriptions made by `kernel snapshot`, `host`, `bundled`
    #[arg(long, value_name = "KERNEL,…", value_delimiter = ',')]
    pub kernels: Vec<String>,
    /// Front end.
    #[command(flatten)]
    pub front_end: FrontEndArgs,
}

/// `list`
#[derive(Debug, Args)]
#[command(after_help = LIST_EXAMPLES)]
pub struct ListArgs {
    /// Pattern (`tracepoint:sched:*`), script, or type (`'struct path'`)
    #[arg(value_name = "PATTERN|SCRIPT")]
    pub what: Option<String>,
    /// Show arguments, too
    #[arg(short = 'v', long)]
    pub verbose: bool,
    /// Kernel description: `bundled`, `host` or a file made by `kernel snapshot`
    #[arg(long, value_name = "KERNEL", default_value = "host")]
    pub kernel: String,
}

impl ListArgs {
    /// What reading a script takes.
    pub fn front_end(&self) -> FrontEndArgs {
        FrontEndArgs {
            allow_unsafe: true,
            include_dirs: Vec::new(),
            includes: Vec::new(),
            kernel: self.kernel.clone(),
            no_warnings: true,
        }
    }
}

const LIST_EXAMPLES: &str = "\
Examples:
  tracewright list 'tracepoint:sched:*'
  tracewright list -v rawtracepoint:sched_switch
  tracewright list uprobe:/bin/bash:read*
  tracewright list opensnoop.bt
  tracewright list 'struct path'";

const CHECK_EXAMPLES: &str = "\
Examples:
  tracewright check *.bt
  tracewright check --kernel host -e 'kprobe:vfs_read { print(arg2) }'";

/// `generate`
#[derive(Debug, Args)]
#[command(after_help = GENERATE_EXAMPLES, group = clap::ArgGroup::new("what").required(true))]
pub struct GenerateArgs {
    /// The script; `-` reads standard input
    #[arg(group = "what", value_name = "SCRIPT")]
    pub script: Option<String>,
    /// A program instead of a file; its crate is called as the directory
    #[arg(short = 'e', group = "what", value_name = "PROGRAM", allow_hyphen_values = true)]
    pub program: Option<String>,
    /// Directory of the crate, made if need be
    #[arg(short = 'o', long = "output", value_name = "DIR")]
    pub output: PathBuf,
    /// Where the crate finds the runtime: `vendored` copies it in, otherwise a path as Cargo.toml takes it
    #[arg(long, value_name = "vendored|PATH", default_value = "vendored")]
    pub runtime: String,
    /// The crate is a member of a workspace that has the build settings
    #[arg(long)]
    pub workspace_member: bool,
    /// Front end.
    #[command(flatten)]
    pub front_end: FrontEndArgs,
}

const GENERATE_EXAMPLES: &str = "\
Examples:
  tracewright generate opensnoop.bt -o opensnoop && cd opensnoop && cargo build --release";

/// `run`
#[derive(Debug, Args)]
#[command(after_help = RUN_EXAMPLES, group = clap::ArgGroup::new("what").required(true).multiple(true))]
pub struct RunArgs {
    /// The script (`-` reads standard input), not with -e, and arguments of the tool: positional parameters, its options
    #[arg(group = "what", trailing_var_arg = true, allow_hyphen_values = true, value_names = ["SCRIPT", "ARGS"], num_args = 0..)]
    pub words: Vec<String>,
    /// A program instead of a file
    #[arg(short = 'e', group = "what", value_name = "PROGRAM", allow_hyphen_values = true)]
    pub program: Option<String>,
    /// Options of every tool.
    #[command(flatten)]
    pub tool: ToolArgs,
    /// Front end.
    #[command(flatten)]
    pub front_end: FrontEndArgs,
}

impl RunArgs {
    /// What the tool is started with.
    pub fn tool_arguments(&self) -> Vec<String> {
        let mut words = self.tool.words();
        if self.front_end.no_warnings {
            words.push("--no-warnings".to_owned());
        }
        let arguments = match self.program {
            Some(_) => &self.words[..],
            None => self.words.get(1..).unwrap_or_default(),
        };
        // Only separates the script from its arguments.
        let arguments = arguments.strip_prefix(&["--".to_owned()]).unwrap_or(arguments);
        words.extend(arguments.iter().cloned());
        words
    }

    /// The file of the script.
    pub fn script(&self) -> Option<&String> {
        self.words.first().filter(|_| self.program.is_none())
    }
}

/// Options that every tool has: for `run` they may stand before the script.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Options of every tool")]
pub struct ToolArgs {
    /// Trace this process only, end with it
    #[arg(short = 'p', long, value_name = "PID", allow_hyphen_values = true)]
    pid: Option<String>,
    /// Run CMD, trace it, end with it
    #[arg(short = 'c', long, value_name = "CMD")]
    cmd: Option<String>,
    /// Unwind stacks of this process too, with dw_ustack
    #[arg(long, value_name = "PID", allow_hyphen_values = true)]
    dwarf_pid: Vec<String>,
    /// Write to FILE instead of standard output
    #[arg(short = 'o', long, value_name = "FILE")]
    output: Option<String>,
    /// text or json
    #[arg(short = 'f', long, value_name = "FORMAT")]
    format: Option<String>,
    /// none, line or full
    #[arg(short = 'B', long, value_name = "MODE")]
    buffering: Option<String>,
    /// Only probes whose name matches
    #[arg(long, value_name = "REGEX", allow_hyphen_values = true)]
    probe_filter: Option<String>,
    /// Take the functions that can be probed from FILE
    #[arg(long, value_name = "FILE")]
    traceable_functions: Option<String>,
    /// No messages but errors
    #[arg(short = 'q', long)]
    quiet: bool,
    /// Tell what is attached and how
    #[arg(short = 'v', long)]
    verbose: bool,
    /// Tell when reading memory fails in a probe
    #[arg(short = 'k', long)]
    warnings: bool,
    /// Attach everything, then end
    #[arg(long)]
    dry_run: bool,
    /// End with status 2 if anything was lost
    #[arg(long)]
    strict: bool,
    /// Tell which way each probe was attached
    #[arg(long)]
    explain: bool,
    /// Switch USDT probes on by their file
    #[arg(long)]
    usdt_file_activation: bool,
    /// trace, test or bench
    #[arg(long, value_name = "MODE")]
    mode: Option<String>,
    /// Run the script's `test:` probes
    #[arg(long)]
    test: bool,
    /// Run the script's `bench:` probes
    #[arg(long)]
    bench: bool,
}

impl ToolArgs {
    fn words(&self) -> Vec<String> {
        let values = [
            ("pid", &self.pid),
            ("cmd", &self.cmd),
            ("output", &self.output),
            ("format", &self.format),
            ("buffering", &self.buffering),
            ("probe-filter", &self.probe_filter),
            ("traceable-functions", &self.traceable_functions),
            ("mode", &self.mode),
        ];
        let flags = [
            ("quiet", self.quiet),
            ("verbose", self.verbose),
            ("warnings", self.warnings),
            ("dry-run", self.dry_run),
            ("strict", self.strict),
            ("explain", self.explain),
            ("usdt-file-activation", self.usdt_file_activation),
            ("test", self.test),
            ("bench", self.bench),
        ];
        let given = values.iter().filter_map(|(name, value)| value.as_ref().map(|value| format!("--{name}={value}")));
        let given = given.chain(self.dwarf_pid.iter().map(|pid| format!("--dwarf-pid={pid}")));
        given.chain(flags.iter().filter(|(_, set)| *set).map(|(name, _)| format!("--{name}"))).collect()
    }
}

const RUN_EXAMPLES: &str = "\
Examples:
  tracewright run opensnoop.bt
  tracewright run -p 1234 opensnoop.bt --errname
  tracewright run -f json -e 'tracepoint:syscalls:sys_enter_* { @[probe] = count(); }'";

/// `kernel`
#[derive(Debug, Subcommand)]
pub enum KernelCommand {
    /// Describe the running kernel in a file, for `--kernel FILE`
    #[command(after_help = "Examples:\n  tracewright kernel snapshot -o build-host.tkd")]
    Snapshot {
        /// File to write
        #[arg(short = 'o', long = "output", value_name = "FILE", default_value = "kernel.tkd")]
        output: PathBuf,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Long names of the options that every tool has, and whether they take a value.
    fn options_of_tools() -> Vec<(&'static str, bool)> {
        let source = include_str!("../../runtime/src/args.rs");
        let table = source.split_once("const STANDARD").unwrap().1.split_once("];").unwrap().0;
        let name = |line: &'static str| Some((line.split('"').nth(1)?, line.trim().starts_with("value")));
        table.lines().filter_map(name).collect()
    }

    #[test]
    fn options_of_every_tool_may_stand_before_the_script() {
        let options = options_of_tools();
        assert!(options.len() > 15);
        // Of `tracewright` itself, or not for running.
        for (name, value) in options.into_iter().filter(|(name, _)| !["help", "version", "generate"].contains(name)) {
            let word = if value { format!("--{name}=1") } else { format!("--{name}") };
            let cli = Cli::try_parse_from(["tracewright", "run", &word, "a.bt", "x"]);
            let Command::Run(args) = cli.unwrap().command else { unreachable!() };
            assert_eq!(args.tool_arguments(), [word, "x".to_owned()]);
        }
    }
}
