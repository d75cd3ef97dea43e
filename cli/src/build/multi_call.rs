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

/// Each tool is a module.
fn main_rs(cache: &Cache, jobs: &[&Job]) -> Result<String> {
    let (mut modules, mut rows) = (String::new(), String::new());
    for (index, job) in jobs.iter().enumerate() {
        let file = cache.skeleton_dir(&job.bpf_key).join("main.rs");
        let text = with_skeleton(cache, job).replacen("\nfn main() ->", "\npub fn main() ->", 1);
        cache::write_if_changed(&file, &text)?;
        writeln!(modules, "#[path = {file:?}]\nmod tool_{index};")?;
        writeln!(
            rows,
            "    Entry {{ name: {:?}, about: {:?}, main: tool_{index}::main }},",
            job.tool.name, job.tool.about
        )?;
    }
    Ok(format!(
        "{modules}\nuse tracewright::multi_call::Entry;\n\nconst TOOLS: &[Entry] = &[\n{rows}];\n\n\
         fn main() -> std::process::ExitCode {{\n    tracewright::multi_call::main(env!(\"CARGO_PKG_VERSION\"), TOOLS)\n}}\n"
    ))
}
