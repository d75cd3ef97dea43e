//! The `tracewright` command.
//!
//! Exit status: 0, or 1 when a script is refused or cannot be built, 2 for a wrong command line.

mod args;
mod build;
mod cache;
mod cargo;
mod front_end;
mod generate;
mod list;
mod portability;
mod progress;
mod render;
mod script;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;

use args::{CheckArgs, Cli, Command, KernelCommand};
use front_end::{FrontEnd, in_parallel};
use script::Script;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Build(args) => build::build(&args),
        Command::Check(args) => check(&args),
        Command::Generate(args) => generate::generate(&args),
        Command::List(args) => list::list(&args),
        Command::Run(args) => build::run(&args),
        Command::Kernel(KernelCommand::Snapshot { output }) => snapshot(&output),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Front end and clang, for every script; whether all are good.
fn check(args: &CheckArgs) -> Result<bool> {
    let front_end = FrontEnd::new(&args.front_end)?;
    let (scripts, mut good) = read_scripts(&args.scripts, args.program.as_deref());
    if !args.kernels.is_empty() {
        return Ok(portability::check(args, &scripts)? && good);
    }
    let results = in_parallel(&scripts, |script| {
        let compilation = front_end.check(script);
        let mut report = front_end.report(&compilation);
        let mut good = false;
        if let Some(program) = &compilation.program {
            match build::compile_bpf_once(program) {
                Ok(()) => good = true,
                Err(error) => report += &build::internal_error(&script.display, &format!("{error:#}")),
            }
        }
        (report, good)
    });
    for (script, result) in scripts.iter().zip(results) {
        let (report, one_good) = result.unwrap_or_else(|panic| (build::internal_error(&script.display, &panic), false));
        eprint!("{report}");
        good &= one_good;
    }
    Ok(good)
}

fn snapshot(output: &Path) -> Result<bool> {
    let bytes = tracewright_build::snapshot(Path::new("/")).context("cannot describe this kernel")?.to_bytes();
    std::fs::write(output, &bytes).with_context(|| format!("cannot write {}", output.display()))?;
    eprintln!("{}: {} KiB", output.display(), bytes.len() / 1024);
    Ok(true)
}

/// Reads what the command line names; those that cannot be read are reported, and make the second value false.
fn read_scripts(paths: &[String], program: Option<&str>) -> (Vec<Script>, bool) {
    let mut good = true;
    let mut scripts = Vec::new();
    if let Some(text) = program {
        scripts.push(Script::from_text(text.to_owned()));
    }
    for path in paths {
        match Script::read(path) {
            Ok(script) => scripts.push(script),
            Err(error) => {
                eprintln!("error: {error:#}");
                good = false;
            }
        }
    }
    (scripts, good)
}
