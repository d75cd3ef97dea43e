//! `build` and `run`: scripts → binaries.
//!
//! ```text
//! scripts ─ front end ─▶ programs ─ emit ─▶ texts ─┬─ known by their key ──────────────────────▶ copied out
//!           (all CPUs)                             └─ clang (all CPUs) ─▶ skeletons ─ one cargo ─▶ kept, copied out
//! ```

mod multi_call;

use std::collections::HashMap;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use tracewright_compiler::emit::{self, GeneratedTool};
use tracewright_compiler::program::Program;

use crate::args::{BuildArgs, Profile, RunArgs};
use crate::cache::{self, Cache};
use crate::cargo::{self, Unit};
use crate::front_end::{FrontEnd, in_parallel};
use crate::progress::Progress;
use crate::read_scripts;
use crate::script::{Script, tool_name};

/// `build`: whether all scripts became binaries.
///
/// # Errors
/// When none can: no kernel description, no cargo, no place to write.
pub fn build(args: &BuildArgs) -> Result<bool> {
    if args.output.is_some() && args.scripts.len() > 1 {
        bail!("-o names one binary; use --out-dir for several scripts");
    }
    let (mut scripts, mut good) = read_scripts(&args.scripts, args.program.as_deref());
    if let (Some(output), [script]) = (&args.output, scripts.as_mut_slice())
        && script.display == "stdin"
    {
        // A program without a file is called as its binary.
        script.name = tool_name(&output.file_name().unwrap_or_default().to_string_lossy());
    }
    let front_end = FrontEnd::new(&args.front_end)?;
    if let Some(output) = &args.multi_call {
        let (binary, all) = multi_call::build(&front_end, &scripts, args.profile)?;
        put(&binary, output)?;
        return Ok(good && all);
    }
    let outputs = output_paths(args, &scripts)?;
    let binaries = build_scripts(&front_end, &scripts, args.profile)?;
    for (binary, output) in binaries.iter().zip(&outputs) {
        match binary {
            Some(binary) => put(binary, output)?,
            None => good = false,
        }
    }
    Ok(good)
}

/// `run`: does not return when the tool starts.
///
/// # Errors
/// As `build`, and when the binary does not start.
pub fn run(args: &RunArgs) -> Result<bool> {
    let paths: Vec<String> = args.script().into_iter().cloned().collect();
    let (scripts, _) = read_scripts(&paths, args.program.as_deref());
    let front_end = FrontEnd::new(&args.front_end)?;
    let binaries = build_scripts(&front_end, &scripts, Profile::Dev)?;
    let Some(Some(binary)) = binaries.first() else { return Ok(false) };
    let error = Command::new(binary).arg0(&scripts[0].name).args(args.tool_arguments()).exec();
    Err(error).context("cannot run the tool")
}

/// Where the binary of each script goes.
fn output_paths(args: &BuildArgs, scripts: &[Script]) -> Result<Vec<PathBuf>> {
    if let Some(output) = &args.output {
        return Ok(vec![output.clone(); scripts.len()]);
    }
    if args.out_dir.is_none() && scripts.iter().any(|script| script.display == Script::NO_FILE) {
        bail!("a program without a file has no name: say where its binary goes with `-o OUT`");
    }
    let dir = args.out_dir.clone().unwrap_or_default();
    if args.out_dir.is_some() {
        fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    }
    let mut owners: HashMap<PathBuf, &str> = HashMap::new();
    let mut paths = Vec::new();
    for script in scripts {
        let stem = Path::new(&script.display).file_stem().unwrap_or_default();
        let path = dir.join(stem);
        if let Some(other) = owners.insert(path.clone(), &script.display) {
            bail!("`{other}` and `{}` would both become {}", script.display, path.display());
        }
        if path == Path::new(&script.display) {
            bail!("`{}` would be overwritten by its binary: name another with -o", script.display);
        }
        paths.push(path);
    }
    Ok(paths)
}

/// A script on its way to a binary.
struct Job {
    display: String,
    tool: GeneratedTool,
    /// Names the binary.
    key: String,
    /// Names the BPF object and its skeleton.
    bpf_key: String,
}

/// Compiles scripts; the result names the finished binary of each, none for those that failed, which are reported.
fn build_scripts(front_end: &FrontEnd, scripts: &[Script], profile: Profile) -> Result<Vec<Option<PathBuf>>> {
    let cache = Cache::open()?;
    let progress = Progress::new();
    let jobs = check_scripts(front_end, scripts, profile, &progress)?;
    let guard = cache.lock(&progress)?;
    let mut missing: Vec<&Job> = Vec::new();
    for job in jobs.iter().flatten() {
        let known = cache.tool(&job.key).exists() || missing.iter().any(|other| other.key == job.key);
        if !known {
            missing.push(job);
        }
    }
    if !missing.is_empty() {
        compile(&cache, &missing, profile, &progress)?;
        cache.evict(&jobs.iter().flatten().map(|job| job.key.as_str()).collect());
    }
    let binaries = jobs.iter().map(|job| cache.used(&job.as_ref()?.key)).collect();
    drop(guard);
    Ok(binaries)
}

/// The front end for all scripts: what cargo and clang are to do; those that are refused are reported.
fn check_scripts(
    front_end: &FrontEnd,
    scripts: &[Script],
    profile: Profile,
    progress: &Progress,
) -> Result<Vec<Option<Job>>> {
    match scripts {
        [script] => progress.show(&format!("reading {}", script.display)),
        _ => progress.show(&format!("reading {} scripts", scripts.len())),
    }
    let toolchain = toolchain_key(profile)?;
    let checked = in_parallel(scripts, |script| {
        let compilation = front_end.check(script);
        let report = front_end.report(&compilation);
        let job = compilation.program.map(|program| {
            let tool = emit::emit(&program);
            let bpf_key = bpf_key(&tool);
            let key = cache::content_key([&*toolchain, &bpf_key, &tool.main_rs]);
            Job { display: script.display.clone(), tool, key, bpf_key }
        });
        (report, job)
    });
    progress.clear();
    let mut jobs = Vec::new();
    for (script, checked) in scripts.iter().zip(checked) {
        let (report, job) = checked.unwrap_or_else(|panic| (internal_error(&script.display, &panic), None));
        eprint!("{report}");
        jobs.push(job);
    }
    Ok(jobs)
}

/// clang, then cargo, for all jobs; what works out is in the cache afterwards, what does not is reported.
fn compile(cache: &Cache, jobs: &[&Job], profile: Profile, progress: &Progress) -> Result<()> {
    let jobs = compile_skeletons(cache, jobs, progress)?;
    if jobs.is_empty() {
        return Ok(());
    }
    let unit = |job: &&Job| {
        let bin = format!("{}-{}", job.tool.name, &job.key[..16]);
        Unit { bin, display: job.display.clone(), main_rs: with_skeleton(cache, job) }
    };
    let units: Vec<Unit> = jobs.iter().map(unit).collect();
    let built = cargo::build(cache, &units, profile, progress)?;
    progress.clear();
    for (job, unit) in jobs.iter().zip(&units) {
        match &built[&unit.bin] {
            Ok(path) => keep(path, &cache.tool(&job.key))?,
            Err(text) => eprint!("{}", internal_error(&job.display, text)),
        }
    }
    Ok(())
}

/// clang for all jobs; those that it takes. The others are reported.
fn compile_skeletons<'a>(cache: &Cache, jobs: &[&'a Job], progress: &Progress) -> Result<Vec<&'a Job>> {
    cache.evict_skeletons();
    progress.show("compiling BPF");
    let results = in_parallel(jobs, |job| compile_bpf(&job.tool, &cache.skeleton_dir(&job.bpf_key)));
    progress.clear();
    let mut good = Vec::new();
    for (job, result) in jobs.iter().zip(results) {
        match result {
            Ok(Ok(())) => good.push(*job),
            Err(panic) => eprint!("{}", internal_error(&job.display, &panic)),
            Ok(Err(error)) => eprint!("{}", internal_error(&job.display, &format!("{error:#}"))),
        }
    }
    Ok(good)
}

/// `main.rs` with the place of its skeleton: all binaries of the one crate would have the same OUT_DIR.
fn with_skeleton(cache: &Cache, job: &Job) -> String {
    let out_dir = format!("{:?}", cache.skeleton_dir(&job.bpf_key));
    job.tool.main_rs.replace(r#"env!("OUT_DIR")"#, &out_dir)
}

/// Moves a binary out of cargo's directory, which would otherwise keep two of each for ever.
fn keep(built: &Path, kept: &Path) -> Result<()> {
    fs::rename(built, kept).with_context(|| format!("cannot move {} to {}", built.display(), kept.display()))?;
    let name = built.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let dependency_file = built.with_extension("d");
    let _ = fs::remove_file(dependency_file);
    // Cargo's own copy has a hash behind the name, with `_` for `-`.
    let prefix = format!("{}-", name.replace('-', "_"));
    let other_prefix = format!("{name}-");
    for entry in fs::read_dir(built.with_file_name("deps")).into_iter().flatten().flatten() {
        let file = entry.file_name();
        let file = file.to_string_lossy();
        if file.starts_with(&prefix) || file.starts_with(&other_prefix) {
            let _ = fs::remove_file(entry.path());
        }
    }
    Ok(())
}

/// Writes the C of a tool to `dir` and compiles it there to a skeleton, unless that was done before.
fn compile_bpf(tool: &GeneratedTool, dir: &Path) -> Result<()> {
    let skeleton = dir.join(format!("{}.skel.rs", tool.name));
    if skeleton.exists() {
        return Ok(());
    }
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    for (name, text) in &tool.headers {
        cache::write_if_changed(&dir.join(name), text)?;
    }
    let source = dir.join(format!("{}.bpf.c", tool.name));
    let object = dir.join(format!("{}.bpf.o", tool.name));
    cache::write_if_changed(&source, &tool.bpf_c)?;
    tracewright_build::compile_bpf(&source, &object, dir)?;
    // The skeleton appears last, and whole: it tells that all is there.
    let unfinished = skeleton.with_extension("tmp");
    tracewright_build::write_skeleton(&object, &unfinished)?;
    fs::rename(&unfinished, &skeleton).with_context(|| format!("cannot write {}", skeleton.display()))?;
    Ok(())
}

/// For `check`: whether clang takes the C of a program.
///
/// # Errors
/// clang's words.
pub fn compile_bpf_once(program: &Program) -> Result<()> {
    let dir = tempfile::tempdir().context("cannot make a temporary directory")?;
    let tool = emit::emit(program);
    for (name, text) in &tool.headers {
        fs::write(dir.path().join(name), text)?;
    }
    let source = dir.path().join(format!("{}.bpf.c", tool.name));
    fs::write(&source, &tool.bpf_c)?;
    tracewright_build::compile_bpf(&source, &source.with_extension("o"), dir.path())?;
    Ok(())
}

/// clang and rustc see only what we wrote: what they refuse is our mistake, and we say so.
pub fn internal_error(script: &str, text: &str) -> String {
    if text.contains("is not installed") {
        return format!("error: {script}: {text}\n\n");
    }
    format!(
        "error: {script}: cannot be compiled; this is a bug in tracewright, not in the script\n{}\n\n",
        text.trim_end()
    )
}

/// Everything besides the texts that decides what a binary is.
fn toolchain_key(profile: Profile) -> Result<String> {
    let version = |program: &str| -> Result<String> {
        let output = Command::new(program).arg("-vV").output();
        let output = output.with_context(|| format!("cannot run {program}, which compiles the tools"))?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    Ok(format!("{}{profile:?}{}{}", version("rustc")?, cache::runtime_hash(), env!("CARGO_PKG_VERSION")))
}

fn bpf_key(tool: &GeneratedTool) -> String {
    let headers = tool.headers.iter().flat_map(|(name, text)| [name.as_str(), text.as_str()]);
    cache::content_key([env!("CARGO_PKG_VERSION"), &tool.name, &tool.bpf_c].into_iter().chain(headers))
}

/// Copies a binary to where it was asked for, also over one that runs.
fn put(binary: &Path, output: &Path) -> Result<()> {
    let parent = output.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
    let mut name = output.file_name().context("-o wants a file name")?.to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = parent.join(name);
    fs::copy(binary, &temporary)
        .and_then(|_| fs::rename(&temporary, output))
        .with_context(|| format!("cannot write {}", output.display()))
}
