//! Runs the cases of `tests/cases`.
//!
//! Scripts that are refused or warned about go through the front end in this process. All that run are compiled in
//! one call of `tracewright build` (one for each set of compile-time options, rather), then each is run by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, bail};
use libtest_mimic::{Arguments, Failed, Trial};
use tracewright_build::{HostEnv, KernelSource};
use tracewright_compiler::diagnostics::Severity;
use tracewright_compiler::kernel::Description;
use tracewright_compiler::{Compilation, Options};
use tracewright_tests::case::{Case, Kind, discover};
use tracewright_tests::machine;
use tracewright_tests::run::{Places, fill_in, run};

/// Cases in one binary: more, and rustc wants gigabytes.
const CHUNK: usize = 150;

/// What is decided when a case is compiled: `--unsafe`, and the environment.
type Settings = (bool, Vec<(String, String)>);

type SharedKernel = Arc<Description>;

fn main() -> Result<()> {
    let mut arguments = Arguments::from_args();
    // Probes see the whole machine: a few cases at a time are as many as stay out of each other's way.
    arguments.test_threads.get_or_insert(2);
    let cases_dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let cases = discover(&cases_dir)?;
    let wanted: Vec<&Case> = cases.iter().filter(|case| is_wanted(case, &arguments)).collect();
    let work = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cases");
    let programs =
        if arguments.list { BTreeMap::new() } else { compile_programs(&cases_dir.join("programs"), &wanted, &work)? };

    let known = Arc::new(Known::read(&cases_dir.join("known.txt"))?);
    let mut skipped: BTreeMap<String, usize> = BTreeMap::new();
    let mut runnable: Vec<Case> = Vec::new();
    let mut trials = Vec::new();
    let kernel: SharedKernel = Arc::new(KernelSource::Host.load().or_else(|_| KernelSource::Bundled.load())?);
    for case in wanted {
        let directives = &case.directives;
        let needs_root = matches!(case.kind, Kind::Ok | Kind::Start).then_some("root");
        let lack = directives.needs.iter().map(String::as_str).chain(needs_root).find_map(machine::lacks);
        match (case.kind, lack) {
            (Kind::Ok | Kind::Start, Some(reason)) => {
                *skipped.entry(reason).or_default() += 1;
                trials.push(Trial::test(case.name.clone(), || Ok(())).with_ignored_flag(true));
            }
            (Kind::Ok | Kind::Start, None) => runnable.push(case.clone()),
            (Kind::Err | Kind::Warn, _) => {
                let (case, kernel, known) = (case.clone(), Arc::clone(&kernel), Arc::clone(&known));
                let program = directives.program.as_ref().and_then(|name| programs.get(name)).cloned();
                trials.push(Trial::test(case.name.clone(), move || {
                    known.judge(&case.name, check_front_end(&case, program.as_deref(), &kernel))
                }));
            }
        }
    }
    let places = if arguments.list { Vec::new() } else { build(&runnable, &programs, &work)? };
    for (index, case) in runnable.into_iter().enumerate() {
        let (places, known) = (places.get(index).cloned(), Arc::clone(&known));
        trials.push(Trial::test(case.name.clone(), move || {
            // Timers and other processes disturb a case now and then; what is wrong is wrong again.
            let result = places
                .context("not built")
                .and_then(|places| run_case(&case, &places).or_else(|_| run_case(&case, &places)));
            known.judge(&case.name, result)
        }));
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    for (reason, count) in skipped {
        println!("skipped {count}: {reason}");
    }
    known.tell();
    conclusion.exit();
}

/// `tests/cases/known.txt`: cases that are known to differ, one `ok/area/name  reason` a line. They are run all the same.
struct Known {
    names: BTreeSet<String>,
    /// Those that differed, and those that did not.
    differed: Mutex<Vec<String>>,
    agreed: Mutex<Vec<String>>,
}

impl Known {
    fn read(path: &Path) -> Result<Known> {
        let text = if path.exists() { fs::read_to_string(path)? } else { String::new() };
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let names = lines.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect();
        Ok(Known { names, differed: Mutex::default(), agreed: Mutex::default() })
    }

    /// Fails the case unless its failure is known.
    fn judge(&self, name: &str, result: Result<()>) -> Result<(), Failed> {
        if !self.names.contains(name) {
            return result.map_err(|error| format!("{error:#}").into());
        }
        let list = if result.is_err() { &self.differed } else { &self.agreed };
        list.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(name.to_owned());
        Ok(())
    }

    fn tell(&self) {
        let read = |list: &Mutex<Vec<String>>| list.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone();
        let (differed, agreed) = (read(&self.differed), read(&self.agreed));
        if !differed.is_empty() {
            println!("known to differ: {} (tests/cases/known.txt)", differed.len());
        }
        for name in agreed {
            println!("no longer differs, take it off tests/cases/known.txt: {name}");
        }
    }
}

fn is_wanted(case: &Case, arguments: &Arguments) -> bool {
    let filter = arguments.filter.as_deref().unwrap_or("");
    let hit = if arguments.exact { case.name == filter } else { case.name.contains(filter) };
    hit && !arguments.skip.iter().any(|skip| case.name.contains(skip.as_str()))
}

/// `cc -g -O0` for every traced program.
fn compile_programs(dir: &Path, cases: &[&Case], work: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let mut programs = BTreeMap::new();
    let out = work.join("programs");
    fs::create_dir_all(&out)?;
    for name in cases.iter().filter_map(|case| case.directives.program.as_ref()) {
        if programs.contains_key(name) {
            continue;
        }
        let (source, binary) = (dir.join(format!("{name}.c")), out.join(name));
        let newer =
            |a: &Path, b: &Path| Some(fs::metadata(a).ok()?.modified().ok()? > fs::metadata(b).ok()?.modified().ok()?);
        if newer(&binary, &source) != Some(true) {
            let status = Command::new("cc")
                .args(["-g", "-O0", "-pthread", "-fno-pie", "-no-pie", "-o"])
                .arg(&binary)
                .arg(&source)
                .status()?;
            if !status.success() {
                bail!("cannot compile {}", source.display());
            }
        }
        programs.insert(name.clone(), binary);
    }
    Ok(programs)
}

/// Compiles all cases; the places come in the order of the cases.
fn build(cases: &[Case], programs: &BTreeMap<String, PathBuf>, work: &Path) -> Result<Vec<Places>> {
    let cli = build_cli()?;
    let (scripts, binaries) = (work.join("scripts"), work.join("bin"));
    for dir in [&scripts, &binaries] {
        if dir.exists() {
            fs::remove_dir_all(dir)?;
        }
        fs::create_dir_all(dir)?;
    }
    let mut groups: BTreeMap<Settings, Vec<String>> = BTreeMap::new();
    let mut places = Vec::new();
    for case in cases {
        copy_imports(&case.path, &scripts)?;
        let stem = case.name.replace('/', "__");
        let tmp = work.join("tmp").join(&stem);
        let program = case.directives.program.as_ref().and_then(|name| programs.get(name)).cloned();
        let script = scripts.join(format!("{stem}.bt"));
        fs::write(&script, fill_in(&case.text, program.as_deref(), &tmp, None))?;
        let script = script.display().to_string();
        groups.entry((case.directives.allow_unsafe, case.directives.env.clone())).or_default().push(script.clone());
        places.push(Places { binary: PathBuf::new(), name: tool_name(&stem), script, program, tmp });
    }
    let chunks =
        groups.iter().flat_map(|(settings, scripts)| scripts.chunks(CHUNK).map(move |chunk| (settings, chunk)));
    for (index, ((allow_unsafe, env), scripts)) in chunks.enumerate() {
        let binary = binaries.join(format!("cases_{index}"));
        let mut command = Command::new(&cli);
        command
            .args(["build", "--kernel", "host", "--no-warnings", "--multi-call"])
            .arg(&binary)
            .args(scripts)
            .envs(env.clone());
        if *allow_unsafe {
            command.arg("--unsafe");
        }
        eprintln!("compiling {} cases", scripts.len());
        // A case that does not compile is not in the binary, and fails on that.
        command.output().context("cannot run tracewright")?;
        let listed = Command::new(&binary).arg("--list").output().map(|output| output.stdout).unwrap_or_default();
        let listed = String::from_utf8_lossy(&listed).into_owned();
        let built: BTreeSet<&str> = listed.lines().filter_map(|line| line.split_whitespace().next()).collect();
        for place in &mut places {
            if built.contains(&*place.name) && scripts.contains(&place.script) {
                place.binary.clone_from(&binary);
            }
        }
    }
    Ok(places)
}

/// What cases import lies beside them, and must beside the scripts made of them.
fn copy_imports(case: &Path, scripts: &Path) -> Result<()> {
    let Some(directory) = case.parent().filter(|directory| directory.ends_with("imports")) else { return Ok(()) };
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let is_case = path.extension().is_some_and(|kind| ["bt", "out", "err"].iter().any(|case| kind == *case));
        if let Some(name) = path.file_name().filter(|_| !is_case) {
            fs::copy(&path, scripts.join(name))?;
        }
    }
    Ok(())
}

/// The name of a tool in a multi-call binary.
fn tool_name(stem: &str) -> String {
    let words = stem.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("_")
}

/// The command, from this very source.
fn build_cli() -> Result<PathBuf> {
    let status = Command::new(env!("CARGO")).args(["build", "--quiet", "--package", "tracewright-cli"]).status()?;
    let profile_dir = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("debug");
    let path = profile_dir.join("tracewright");
    if !status.success() || !path.is_file() {
        bail!("cargo built no {}", path.display());
    }
    Ok(path)
}

fn run_case(case: &Case, places: &Places) -> Result<()> {
    if !places.binary.is_file() {
        bail!("does not compile:\n{}", why_not_built(case, places)?);
    }
    if places.tmp.exists() {
        fs::remove_dir_all(&places.tmp)?;
    }
    fs::create_dir_all(&places.tmp)?;
    run(case, places)
}

/// Builds it again alone, to hear what is wrong with it.
fn why_not_built(case: &Case, places: &Places) -> Result<String> {
    let cli = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("debug").join("tracewright");
    let mut command = Command::new(cli);
    command.args(["check", "--kernel", "host", "--no-warnings", &places.script]).envs(case.directives.env.clone());
    if case.directives.allow_unsafe {
        command.arg("--unsafe");
    }
    let output = command.output()?;
    if output.status.success() {
        return Ok("the front end and clang take it; rustc does not".to_owned());
    }
    Ok(String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Errors and warnings are where they are expected.
fn check_front_end(case: &Case, program: Option<&Path>, kernel: &Description) -> Result<()> {
    let options = Options {
        name: "case".to_owned(),
        allow_unsafe: case.directives.allow_unsafe,
        env: case.directives.env.clone(),
        script_dir: case.path.parent().unwrap_or(Path::new(".")).display().to_string(),
        ..Options::default()
    };
    let text = fill_in(&case.text, program, Path::new("/tmp"), None);
    let compilation =
        on_a_large_stack(|| tracewright_compiler::check("FILE", &text, &options, kernel, &HostEnv::default()));
    let expected = case.expected("err").with_context(|| format!("{}.err is missing", case.name))?;
    match case.kind {
        Kind::Err => {
            let place = expected.lines().next().unwrap_or("-");
            let errors = places_of(&compilation, Severity::Error);
            let Some(first) = errors.first() else { bail!("not refused; expected an error at {place}") };
            if first.split_once(": ").map(|(place, _)| place) != Some(place) {
                bail!(
                    "expected the first error at {place}\n    {}\ngot\n    {}",
                    expected.trim_end(),
                    errors.join("\n    ")
                );
            }
        }
        _ => {
            if compilation.program.is_none() {
                bail!("refused:\n{}", compilation.diagnostics.to_plain(&compilation.sources));
            }
            let place = |line: &str| line.split_once(": ").map_or(line, |(place, _)| place).to_owned();
            let expected_places: Vec<String> = expected.lines().map(place).collect();
            let warnings = places_of(&compilation, Severity::Warning);
            if warnings.iter().map(|line| place(line)).collect::<Vec<_>>() != expected_places {
                bail!("expected warnings\n    {}\ngot\n    {}", expected.trim_end(), warnings.join("\n    "));
            }
        }
    }
    Ok(())
}

/// `LINE:COL1-COL2: message` of every diagnostic of this severity, and of its other places; `-` for those without one.
fn places_of(compilation: &Compilation, severity: Severity) -> Vec<String> {
    let place = |span| compilation.sources.place(span).replacen("FILE:", "", 1);
    let mut lines = Vec::new();
    for diagnostic in compilation.diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity) {
        let primary = diagnostic.primary.as_ref().map_or("-".to_owned(), |label| place(label.span));
        lines.push(format!("{primary}: {}", diagnostic.message));
        lines.extend(diagnostic.secondary.iter().map(|label| format!("{}: {}", place(label.span), label.text)));
    }
    lines
}

/// Scripts nest; the threads of the test harness have small stacks.
fn on_a_large_stack<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(64 << 20).spawn_scoped(scope, work);
        // SANITY: a panic of the compiler is to fail the case, as it does here.
        thread.expect("a thread").join().expect("the front end panicked")
    })
}
