//! `build --multi-call`: many scripts, one binary.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Result, bail};

use super::{Job, check_scripts, compile_skeletons, internal_error, keep, with_skeleton};
use crate::args::Profile;
use crate::cache::{self, Cache};
use crate::cargo::{self, Unit};
use crate::front_end::FrontEnd;
use crate::progress::Progress;
use crate::script::Script;

/// The binary, and whether all scripts are in it; those that are not are reported.
///
/// # Errors
/// When no script is good, or two would have the same name.
pub fn build(front_end: &FrontEnd, scripts: &[Script], profile: Profile) -> Result<(PathBuf, bool)> {
    let cache = Cache::open()?;
    let progress = Progress::new();
    let jobs = check_scripts(front_end, scripts, profile, &progress)?;
    let good: Vec<&Job> = jobs.iter().flatten().collect();
    for (index, job) in good.iter().enumerate() {
        if let Some(other) = good[..index].iter().find(|other| other.tool.name == job.tool.name) {
            bail!("`{}` and `{}` would both be called {}", other.display, job.display, job.tool.name);
        }
    }
    let _guard = cache.lock(&progress)?;
    let key = key(&good);
    if let Some(binary) = cache.used(&key) {
        return Ok((binary, good.len() == scripts.len()));
    }
    let mut good = compile_skeletons(&cache, &good, &progress)?;
    loop {
        if good.is_empty() {
            bail!("no script is left");
        }
        let (bin, key) = (format!("multi-{}", &key[..16]), self::key(&good));
        let units =
            [Unit { bin: bin.clone(), display: format!("{} tools", good.len()), main_rs: main_rs(&cache, &good)? }];
        let built = cargo::build(&cache, &units, profile, &progress)?;
        progress.clear();
        match &built[&bin] {
            Ok(path) => {
                keep(path, &cache.tool(&key))?;
                cache.evict(&[key.as_str()].into());
                return Ok((cache.tool(&key), good.len() == scripts.len()));
            }
            Err(text) => {
                // rustc names the files: the others are built without them.
                let (bad, rest): (Vec<&Job>, Vec<&Job>) = good.iter().partition(|job| text.contains(&job.bpf_key));
                if bad.is_empty() {
                    bail!("{}", internal_error("multi-call binary", text));
                }
                for job in bad {
                    let of_job: Vec<&str> = text.split("\n\n").filter(|part| part.contains(&job.bpf_key)).collect();
                    eprint!("{}", internal_error(&job.display, &of_job.join("\n\n")));
                }
                good = rest;
            }
        }
    }
}

fn key(jobs: &[&Job]) -> String {
    cache::content_key(jobs.iter().map(|job| job.key.as_str()).chain(["multi-call"]))
}

/// Each tool is a module; the name called by, or else the first argument, chooses.
fn main_rs(cache: &Cache, jobs: &[&Job]) -> Result<String> {
    let mut modules = String::new();
    let mut table = String::new();
    for (index, job) in jobs.iter().enumerate() {
        let file = cache.skeleton_dir(&job.bpf_key).join("main.rs");
        let text = with_skeleton(cache, job).replacen("\nfn main() ->", "\npub fn main() ->", 1);
        cache::write_if_changed(&file, &text)?;
        writeln!(modules, "#[path = {file:?}]\nmod tool_{index};")?;
        writeln!(table, "    ({:?}, tool_{index}::main),", job.tool.name)?;
    }
    Ok(format!("{modules}\nconst TOOLS: &[(&str, fn() -> ExitCode)] = &[\n{table}];\n{DISPATCH}"))
}

const DISPATCH: &str = r#"
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let mut args = std::env::args();
    let called = args.next().unwrap_or_default();
    let called = called.rsplit('/').next().unwrap_or_default();
    if let Some((_, tool)) = TOOLS.iter().find(|(name, _)| *name == tool_name(called)) {
        return tool();
    }
    let wanted = args.next();
    if let Some(wanted) = wanted.as_deref() {
        if TOOLS.iter().any(|(name, _)| *name == tool_name(wanted)) {
            // Again, called by that name: the tool then finds its arguments where it expects them.
            let error = Command::new("/proc/self/exe").arg0(wanted).args(args).exec();
            eprintln!("{called}: cannot run {wanted}: {error}");
            return ExitCode::FAILURE;
        }
    }
    if wanted.as_deref() == Some("--list") {
        TOOLS.iter().for_each(|(name, _)| println!("{name}"));
        return ExitCode::SUCCESS;
    }
    eprintln!("Usage: {called} TOOL [ARGS]\n\n{called} --list names the tools.");
    ExitCode::from(if wanted.as_deref() == Some("--help") { 0 } else { 2 })
}

/// `tcpaccept-tp.bt` is called by that name, too.
fn tool_name(called: &str) -> String {
    called.replace('-', "_")
}
"#;
