//! Cases of `tests/vm`: each is run on each kernel; one boot of a kernel runs them all.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::kernels::{self, Kernel};
use crate::vm::{Contents, VmArgs, entries, guest, place, tail};
use crate::{vm_docs, vm_host};

/// `<tool>.sh`, run with the tool in `/bin`; it ends with status 0 when all is well, with 77 when it cannot run.
#[derive(Clone, Debug)]
pub struct Case {
    /// The tool's.
    pub name: String,
    script: String,
}

/// Exit status of a case that cannot run; it has printed a line `skipped: reason`.
const SKIPPED: &str = "77";

/// How a case has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// As it should.
    Good,
    /// Could not be run, for this reason.
    Skipped(String),
    /// What it printed.
    Failed(String),
}

/// A kernel's part of the table.
#[derive(Clone, Debug)]
pub struct Column {
    /// `6.12`
    pub kernel: String,
    /// By case.
    pub ended: BTreeMap<String, Ended>,
    /// What each case has printed.
    pub printed: BTreeMap<String, String>,
}

/// Boots each kernel once, runs all cases there, and prints which went well where.
pub fn run(root: &Path, kernels: &[Kernel], args: &VmArgs, contents: &Contents) -> Result<()> {
    let mut cases = Vec::new();
    for path in entries(&root.join("tests/vm")).iter().filter(|path| path.extension().is_some_and(|e| e == "sh")) {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if args.names.is_empty() || args.names.contains(&name) {
            cases.push(Case { name, script: fs::read_to_string(path)? });
        }
    }
    if cases.is_empty() {
        bail!("no such case in tests/vm");
    }
    let mut columns = if args.kernel.is_empty() || args.kernel.iter().any(|name| name == "host") {
        Vec::from_iter(run_on_host(root, contents, &cases)?)
    } else {
        Vec::new()
    };
    columns.iter().try_for_each(|column| save(root, column))?;
    columns.extend(run_guests(root, kernels, args, contents, &cases)?);
    print_table(&cases, &columns);
    if args.write_table {
        vm_docs::write(root, &root.join("target/vm/tracewright-tools"), &saved(root)?)?;
    }
    let failed: Vec<(&str, &str, &str)> = columns
        .iter()
        .flat_map(|column| column.ended.iter().map(|(case, ended)| (column.kernel.as_str(), case.as_str(), ended)))
        .filter_map(|(kernel, case, ended)| match ended {
            Ended::Failed(text) => Some((kernel, case, text.as_str())),
            _ => None,
        })
        .collect();
    for (kernel, case, text) in &failed {
        eprintln!("\n{case} on {kernel}:\n{text}");
    }
    let known = fs::read_to_string(root.join("tests/vm/known.txt")).unwrap_or_default();
    let is_known = |case: &str, kernel: &str| {
        known
            .lines()
            .filter_map(|line| line.split_once(' '))
            .any(|(tool, rest)| tool == case && rest.split_whitespace().next() == Some(kernel))
    };
    let unknown = failed.iter().filter(|(kernel, case, _)| !is_known(case, kernel));
    let unknown: Vec<String> = unknown.map(|(kernel, case, _)| format!("{case} {kernel}")).collect();
    if !unknown.is_empty() {
        let all = columns.iter().map(|column| column.ended.len()).sum::<usize>();
        bail!("{} of {all} failed: {}", unknown.len(), unknown.join(", "));
    }
    if !failed.is_empty() {
        println!("only what tests/vm/known.txt lists has failed");
    }
    Ok(())
}

/// Keeps how each case has ended and what it printed, for `--write-table`.
fn save(root: &Path, column: &Column) -> Result<()> {
    let directory = root.join("target/vm/results").join(&column.kernel);
    fs::create_dir_all(&directory)?;
    for (case, ended) in &column.ended {
        let first = match ended {
            Ended::Good => "good".to_owned(),
            Ended::Skipped(reason) => format!("skipped {reason}"),
            Ended::Failed(_) => "failed".to_owned(),
        };
        let printed = column.printed.get(case).map_or("", String::as_str);
        fs::write(directory.join(case), format!("{first}\n{printed}"))?;
    }
    Ok(())
}

/// The last results of each case: a table may come of several runs.
fn saved(root: &Path) -> Result<Vec<Column>> {
    let mut columns = Vec::new();
    for kernel in kernels::names().chain(["host"]) {
        let mut column = Column { kernel: kernel.to_owned(), ended: BTreeMap::new(), printed: BTreeMap::new() };
        for path in entries(&root.join("target/vm/results").join(kernel)) {
            let case = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let text = fs::read_to_string(&path)?;
            let (first, printed) = text.split_once('\n').unwrap_or((&text, ""));
            let ended = match first.split_once(' ') {
                Some((_, reason)) => Ended::Skipped(reason.to_owned()),
                None if first == "good" => Ended::Good,
                None => Ended::Failed(printed.to_owned()),
            };
            column.ended.insert(case.clone(), ended);
            column.printed.insert(case, printed.to_owned());
        }
        if !column.ended.is_empty() {
            columns.push(column);
        }
    }
    Ok(columns)
}

/// Some guests at once; the columns are in the order of the kernels.
fn run_guests(
    root: &Path,
    kernels: &[Kernel],
    args: &VmArgs,
    contents: &Contents,
    cases: &[Case],
) -> Result<Vec<Column>> {
    let waiting = Mutex::new(kernels.iter().enumerate());
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..args.jobs.clamp(1, kernels.len().max(1)) {
            scope.spawn(|| {
                loop {
                    // SANITY: no thread panics while it holds the lock.
                    let next = waiting.lock().expect("no thread has panicked").next();
                    let Some((index, kernel)) = next else { return };
                    eprintln!("{}: {} cases …", kernel.release, cases.len());
                    let start = Instant::now();
                    let column = twice(cases, |cases| run_cases(root, kernel, args, contents, cases));
                    eprintln!("{}: done in {} s", kernel.release, start.elapsed().as_secs());
                    let column = column.and_then(|column| save(root, &column).map(|()| column));
                    done.lock().expect("no thread has panicked").push((index, column));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("no thread has panicked");
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, column)| column).collect()
}

/// After a case that was given up: its tool must not write into what the next one prints.
const CLEAN_UP: &str = "for p in /proc/[0-9]*; do case $(readlink $p/exe) in /bin/tracewright-tools) kill -9 ${p#/proc/};; \
                        esac; done 2>/dev/null; umount /mnt 2>/dev/null\n";

/// The cases one after the other, each between marks.
fn script(cases: &[Case]) -> String {
    let run = |case: &Case| {
        let name = &case.name;
        format!(
            "echo '@case {name}@'; timeout 120 sh /cases/{name}.sh; status=$?; echo; echo \"@end {name} $status@\"\n{CLEAN_UP}"
        )
    };
    cases.iter().map(run).collect()
}

/// The files of the cases, on top of what all have.
fn with_cases(contents: &Contents, cases: &[Case]) -> Contents {
    let mut contents = contents.clone();
    for case in cases {
        contents.add(format!("cases/{}.sh", case.name), case.script.clone().into_bytes());
    }
    contents
}

/// Those that failed are run once more: an emulated machine that shares its CPUs is late at times.
fn twice(cases: &[Case], run: impl Fn(&[Case]) -> Result<Column>) -> Result<Column> {
    let mut column = run(cases)?;
    let failed = |case: &&Case| matches!(column.ended.get(&case.name), Some(Ended::Failed(_)));
    let again: Vec<Case> = cases.iter().filter(failed).cloned().collect();
    if !again.is_empty() {
        let names: Vec<&str> = again.iter().map(|case| case.name.as_str()).collect();
        eprintln!("{}: once more {}", column.kernel, names.join(", "));
        let second = run(&again)?;
        column.ended.extend(second.ended);
        column.printed.extend(second.printed);
    }
    Ok(column)
}

fn run_cases(root: &Path, kernel: &Kernel, args: &VmArgs, contents: &Contents, cases: &[Case]) -> Result<Column> {
    let guest = guest(kernel, args, &with_cases(contents, cases), script(cases));
    let directory = place(root, kernel);
    let result = guest.run(&directory)?;
    fs::remove_dir_all(&directory)?;
    Ok(column(&kernel.name, cases, &result.output, &result.console))
}

/// Those that say so, in a line `# host`, on the kernel of this machine.
fn run_on_host(root: &Path, contents: &Contents, cases: &[Case]) -> Result<Option<Column>> {
    if let Some(obstacle) = vm_host::obstacle() {
        eprintln!("not on this machine's kernel: {obstacle}");
        return Ok(None);
    }
    let cases: Vec<Case> =
        cases.iter().filter(|case| case.script.lines().any(|line| line == "# host")).cloned().collect();
    if cases.is_empty() {
        return Ok(None);
    }
    eprintln!("this machine's kernel: {} cases …", cases.len());
    let start = Instant::now();
    let directory = root.join(format!("target/vm/host-{}", std::process::id()));
    let column = twice(&cases, |cases| {
        let printed = vm_host::run(&directory, &with_cases(contents, cases), &script(cases))?;
        Ok(column("host", cases, &printed, ""))
    })?;
    eprintln!("this machine's kernel: done in {} s", start.elapsed().as_secs());
    Ok(Some(column))
}

/// How each case has ended, by what was printed.
fn column(kernel: &str, cases: &[Case], output: &str, console: &str) -> Column {
    let mut column = Column { kernel: kernel.to_owned(), ended: BTreeMap::new(), printed: BTreeMap::new() };
    for case in cases {
        let start = output.find(&format!("@case {}@\n", case.name));
        let rest = start.map_or("", |at| &output[at..]);
        let marker = format!("\n@end {} ", case.name);
        let end = rest.find(&marker);
        let printed = end.map_or(rest, |at| &rest[..at]).to_owned();
        let status = end.and_then(|at| rest[at + marker.len()..].split('@').next());
        let ended = match status {
            Some("0") => Ended::Good,
            Some(SKIPPED) => {
                let reason = printed.lines().rev().find_map(|line| line.strip_prefix("skipped: "));
                Ended::Skipped(reason.unwrap_or("no reason given").to_owned())
            }
            Some(_) => Ended::Failed(printed.clone()),
            None => Ended::Failed(format!("{printed}\nno end; the kernel said:\n{}", tail(console))),
        };
        column.ended.insert(case.name.clone(), ended);
        column.printed.insert(case.name.clone(), printed);
    }
    column
}

fn print_table(cases: &[Case], columns: &[Column]) {
    let width = cases.iter().map(|case| case.name.len()).max().unwrap_or(0);
    print!("{:width$}", "");
    columns.iter().for_each(|column| print!("  {:>5}", column.kernel));
    println!();
    let mut counts = [0; 3];
    for case in cases {
        print!("{:width$}", case.name);
        let mut reasons = Vec::new();
        for column in columns {
            let (word, kind) = match column.ended.get(&case.name) {
                Some(Ended::Good) => ("ok", 0),
                Some(Ended::Skipped(reason)) => {
                    if !reasons.contains(reason) {
                        reasons.push(reason.clone());
                    }
                    ("skip", 1)
                }
                Some(Ended::Failed(_)) => ("FAIL", 2),
                None => {
                    print!("  {:>5}", "");
                    continue;
                }
            };
            counts[kind] += 1;
            print!("  {word:>5}");
        }
        println!("{}{}", if reasons.is_empty() { "" } else { "  " }, reasons.join("; "));
    }
    println!("{} ok, {} skipped, {} failed", counts[0], counts[1], counts[2]);
}
