//! `cargo xtask vm --probes`: every kind of probe on every kernel; the table of docs/probes.md.
//!
//! A case is a script of `tests/vm/probes` with comments in front: `before` is run before the tool, whose options are
//! `flags`; `fire` makes the event, and `line` is what the tool then prints. `not` names a kernel that cannot do it, and
//! why; `told` names a kernel and what the tool says there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::kernels::{Kernel, output};
use crate::vm::{VmArgs, place, tail};
use crate::vm_guest::Guest;

/// Programs of the cases that have probes in them.
const TRACED: [&str; 4] = ["calls", "frames", "marks", "watched"];
/// What modules the cases trace.
const MODULES: [&str; 1] = ["dummy"];
/// Lines of docs/probes.md around the table.
const START: &str = "<!-- table: cargo xtask vm --probes --write -->";
const END: &str = "<!-- end of table -->";

/// A case.
#[derive(Clone, Debug)]
struct Case {
    name: String,
    line: String,
    /// Run before the tool.
    before: String,
    fire: String,
    flags: String,
    /// Kernel, and why it cannot.
    not: Vec<(String, String)>,
    /// Kernel, and part of what the tool says there on stderr.
    told: Vec<(String, String)>,
}

/// How a case went on a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// As it should.
    Good,
    /// It did not, and was known not to.
    Known,
    /// It did not.
    Bad,
}

/// Every kind of probe on every kernel, by one boot each.
pub fn run(root: &Path, kernels: &[Kernel], args: &VmArgs) -> Result<()> {
    let cases = cases(root, &args.names)?;
    let files = build(root, &args.names)?.into_iter().map(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Ok((format!("bin/{name}"), fs::read(path)?))
    });
    let files = files.collect::<Result<Vec<_>>>()?;
    let mut columns = Vec::new();
    for kernel in kernels {
        let mut column = boot(root, kernel, args, &files, &cases)?;
        let bad = |at: &usize| column[*at] == Outcome::Bad;
        let again: Vec<usize> = (0..cases.len()).filter(bad).collect();
        // Once more: an emulated machine that shares its CPUs is late at times.
        if !again.is_empty() {
            let those: Vec<Case> = again.iter().map(|at| cases[*at].clone()).collect();
            for (at, outcome) in again.into_iter().zip(boot(root, kernel, args, &files, &those)?) {
                column[at] = outcome;
            }
        }
        columns.push(column);
    }
    let table = table(&cases, kernels, &columns);
    print!("{table}");
    if args.write {
        write(root, &table)?;
    }
    let mut bad = Vec::new();
    for (kernel, column) in kernels.iter().zip(&columns) {
        let of_kernel = cases.iter().zip(column).filter(|(_, outcome)| **outcome == Outcome::Bad);
        bad.extend(of_kernel.map(|(case, _)| format!("{} {}", case.name, kernel.name)));
    }
    if bad.is_empty() {
        return Ok(());
    }
    bail!("{} of {} failed: {}", bad.len(), cases.len() * kernels.len(), bad.join(", "))
}

/// How the cases go on one kernel.
fn boot(
    root: &Path,
    kernel: &Kernel,
    args: &VmArgs,
    files: &[(String, Vec<u8>)],
    cases: &[Case],
) -> Result<Vec<Outcome>> {
    eprintln!("booting {} …", kernel.release);
    let directory = place(root, kernel);
    let guest = Guest {
        kernel,
        modules: MODULES.to_vec(),
        files: files.to_vec(),
        links: Vec::new(),
        script: script(cases, kernel),
        disk: 1 << 20,
        timeout: Duration::from_secs(args.timeout),
    };
    let result = guest.run(&directory)?;
    fs::remove_dir_all(&directory)?;
    if result.status.is_none() {
        eprintln!("no end; the kernel said:\n{}", tail(&result.console));
    }
    Ok(judge(cases, kernel, &result.output))
}

/// The cases, by name; those in `names`, or all.
fn cases(root: &Path, names: &[String]) -> Result<Vec<Case>> {
    let mut found = Vec::new();
    for path in scripts(root, names)? {
        let text = fs::read_to_string(&path)?;
        let values = |key: &str| -> Vec<String> {
            let start = format!("//! {key}: ");
            text.lines().filter_map(|line| line.strip_prefix(&start)).map(str::to_owned).collect()
        };
        let one = |key: &str| values(key).into_iter().next().unwrap_or_default();
        let by_kernel = |key: &str| -> Vec<(String, String)> {
            let values = values(key);
            values.iter().filter_map(|text| text.split_once(' ')).map(|(k, rest)| (k.into(), rest.into())).collect()
        };
        found.push(Case {
            name: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            line: one("line"),
            before: one("before"),
            fire: one("fire"),
            flags: one("flags"),
            not: by_kernel("not"),
            told: by_kernel("told"),
        });
    }
    Ok(found)
}

fn scripts(root: &Path, names: &[String]) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(root.join("tests/vm/probes")).context("tests/vm/probes")?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "bt"));
    let is_asked = |path: &PathBuf| path.file_stem().is_some_and(|stem| names.iter().any(|name| stem == name.as_str()));
    paths.retain(|path| names.is_empty() || is_asked(path));
    paths.sort();
    Ok(paths)
}

/// Compiles all scripts into one binary, and the programs with probes in them; the files for the guest's /bin.
fn build(root: &Path, names: &[String]) -> Result<Vec<PathBuf>> {
    let directory = root.join("target/vm/probes");
    fs::create_dir_all(&directory)?;
    let tool = directory.join("probes");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args([
        "run",
        "--quiet",
        "--package",
        "tracewright-cli",
        "--",
        "build",
        "--unsafe",
        "--no-warnings",
        "--multi-call",
    ]);
    output(cargo.arg(&tool).args(scripts(root, names)?).current_dir(root))?;
    let mut files = vec![tool];
    for program in TRACED {
        let binary = directory.join(program);
        let source = root.join("tests/cases/programs").join(program).with_extension("c");
        let mut cc = Command::new("cc");
        cc.args(["-static", "-g", "-O0", "-no-pie", "-fno-omit-frame-pointer", "-o"]).arg(&binary).arg(source);
        output(cc.args(["-lpthread", "-ldl"]))?;
        files.push(binary);
    }
    Ok(files)
}

/// What the guest runs.
fn script(cases: &[Case], kernel: &Kernel) -> String {
    let mut text = "cd /tmp\n".to_owned();
    for Case { name, line, before, fire, flags, told, .. } in cases {
        let told = told.iter().find(|(name, _)| *name == kernel.name);
        let told = told.map(|(_, text)| format!("if grep -qF -- '{text}' err; then echo '@told {name}@'; fi\n"));
        let fire = if fire.is_empty() { ":" } else { fire };
        text += &format!(
            "rm -f out err; : > out\n{before}\n\
             __BPFTRACE_NOTIFY_PROBES_ATTACHED=1 timeout 8 probes {name} {flags} >out 2>err & tool=$!\n\
             n=0; while [ $n -lt 100 ] && ! grep -q PROBES_ATTACHED out && kill -0 $tool 2>/dev/null; do \
             usleep 50000; n=$((n+1)); done\n\
             {fire} >/dev/null 2>&1\n\
             wait $tool\n\
             if grep -qF -- '{line}' out; then echo '@good {name}@'; else echo '@bad {name}@'; cat out err; fi\n"
        );
        text += &told.unwrap_or_default();
    }
    text
}

/// How each case went, by what the guest printed; tells of those that went badly.
fn judge(cases: &[Case], kernel: &Kernel, printed: &str) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for case in cases {
        let known = case.not.iter().find(|(name, _)| *name == kernel.name);
        let good = printed.contains(&format!("@good {}@", case.name));
        let is_told = case.told.iter().any(|(name, _)| *name == kernel.name);
        // What it cannot, it must not fail at in words of its own.
        let known = known.filter(|_| !is_told || printed.contains(&format!("@told {}@", case.name)));
        if !good && known.is_none() {
            let start = printed.find(&format!("@bad {}@", case.name));
            let said = start.map_or("nothing", |at| &printed[at..]);
            let said = said.split("\n@").next().unwrap_or_default();
            eprintln!("\n{} on {}:\n{said}", case.name, kernel.release);
        }
        outcomes.push(match (good, known) {
            (true, _) => Outcome::Good,
            (false, Some(_)) => Outcome::Known,
            (false, None) => Outcome::Bad,
        });
    }
    outcomes
}

/// The table, as Markdown; `columns` has the outcomes of each kernel.
fn table(cases: &[Case], kernels: &[Kernel], columns: &[Vec<Outcome>]) -> String {
    let mut text = "| case |".to_owned();
    kernels.iter().for_each(|kernel| text += &format!(" {} |", kernel.release));
    text += "\n|---|";
    text += &"---|".repeat(kernels.len());
    text += "\n";
    let mut notes: Vec<&str> = Vec::new();
    for (at, case) in cases.iter().enumerate() {
        text += &format!("| {} |", case.name);
        for (kernel, column) in kernels.iter().zip(columns) {
            let why = case.not.iter().find(|(name, _)| *name == kernel.name).map(|(_, why)| why.as_str());
            text += &match (column[at], why) {
                (Outcome::Good, _) => " yes |".to_owned(),
                (Outcome::Known, Some(why)) => {
                    let number = notes.iter().position(|note| *note == why).unwrap_or_else(|| {
                        notes.push(why);
                        notes.len() - 1
                    });
                    format!(" no [{}] |", number + 1)
                }
                _ => " **fails** |".to_owned(),
            };
        }
        text += "\n";
    }
    for (number, note) in notes.iter().enumerate() {
        text += &format!("\n[{}] {note}.\n", number + 1);
    }
    text
}

/// Puts the table into docs/probes.md.
fn write(root: &Path, table: &str) -> Result<()> {
    let path = root.join("docs/probes.md");
    let text = fs::read_to_string(&path)?;
    let (Some(start), Some(end)) = (text.find(START), text.find(END)) else {
        bail!("docs/probes.md has no place for the table")
    };
    let text = format!("{}{START}\n\n{table}\n{}", &text[..start], &text[end..]);
    Ok(fs::write(path, text)?)
}
