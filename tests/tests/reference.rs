//! docs/stdlib.md: made from the compiler's table and the cases; checked to be fresh and complete.
//!
//! `UPDATE=1 cargo test -p tracewright-tests --test reference` writes it.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;
use tracewright_compiler::stdlib::{Documented, Mode, documented};

const INTRODUCTION: &str = "# The standard library

<!-- Made from the compiler's table. Do not edit:
     UPDATE=1 cargo test -p tracewright-tests --test reference -->

What scripts can call. What takes no argument, or has defaults for all, can be written without parentheses: `pid` is
`pid()`.

When it happens:

- *at once*: in the kernel, where the probe runs.
- *later*: in user space, when the event arrives there, in the order of the CPU that sent it.
- *at start*: while compiling, or once when the tool starts, on the machine where it runs.

*unsafe* functions need `--unsafe` when the script is compiled. Tools run from kernel 5.10 on; what needs a later one
says so.
";

/// Functions that scripts of bpftrace 0.27 may call.
const WANTED: &[&str] = &[
    "assert",
    "assert_str",
    "avg",
    "bswap",
    "buf",
    "cat",
    "cgroup",
    "cgroup_path",
    "cgroupid",
    "clear",
    "comm",
    "config",
    "container_of",
    "count",
    "cpid",
    "cpu",
    "curtask",
    "default_str_length",
    "delete",
    "dw_ustack",
    "elapsed",
    "errorf",
    "exit",
    "fail",
    "find",
    "func",
    "getopt",
    "gid",
    "has_cpid",
    "has_key",
    "hist",
    "is_array",
    "is_err",
    "is_integer",
    "is_literal",
    "is_ptr",
    "is_str",
    "is_unsigned_integer",
    "jiffies",
    "join",
    "kaddr",
    "kfunc_allowed",
    "kfunc_exist",
    "kptr",
    "kstack",
    "ksym",
    "leader_comm",
    "leader_tid",
    "len",
    "lhist",
    "macaddr",
    "max",
    "memcmp",
    "min",
    "ncpus",
    "nsecs",
    "ntop",
    "numaid",
    "offsetof",
    "override",
    "path",
    "pcomm",
    "percpu_kaddr",
    "pid",
    "ppid",
    "print",
    "printf",
    "probe",
    "probetype",
    "pton",
    "rand",
    "reg",
    "retval",
    "signal",
    "signal_name",
    "signal_thread",
    "sizeof",
    "skboutput",
    "socket_cookie",
    "static_assert",
    "stats",
    "str",
    "str_concat",
    "strcap",
    "strcontains",
    "strerror",
    "strftime",
    "strlen",
    "strncmp",
    "strstr",
    "sum",
    "syscall_name",
    "system",
    "tid",
    "time",
    "tseries",
    "uaddr",
    "uid",
    "unwatch",
    "uptr",
    "usermode",
    "username",
    "ustack",
    "usym",
    "warnf",
    "write_user",
    "zero",
];

#[test]
fn every_function_is_documented() {
    let known: Vec<&str> = documented().map(|row| row.name).collect();
    let missing: Vec<&&str> = WANTED.iter().filter(|name| !known.contains(*name)).collect();
    assert!(missing.is_empty(), "not in the table of the standard library: {missing:?}");
}

#[test]
fn every_function_has_a_case() {
    let cases = Cases::read();
    let missing: Vec<&str> = documented().map(|row| row.name).filter(|name| cases.of("ok", name).is_none()).collect();
    assert!(missing.is_empty(), "no case in tests/cases/ok: {missing:?}");
}

#[test]
fn the_reference_is_fresh() {
    let path = repository().join("docs/stdlib.md");
    let text = reference();
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, text).expect("docs can be written");
        return;
    }
    let stored = fs::read_to_string(&path).unwrap_or_default();
    assert!(stored == text, "docs/stdlib.md is stale: UPDATE=1 cargo test -p tracewright-tests --test reference");
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn reference() -> String {
    let cases = Cases::read();
    let (values, functions): (Vec<_>, Vec<_>) = documented().partition(is_map_value);
    let mut out = INTRODUCTION.to_owned();
    section("Functions and builtins", functions, &cases, &mut out);
    section("Values of maps", values, &cases, &mut out);
    out
}

/// `@ = count()`
fn is_map_value(row: &Documented) -> bool {
    matches!(row.name, "avg" | "count" | "hist" | "lhist" | "max" | "min" | "stats" | "sum" | "tseries")
}

fn section(title: &str, mut rows: Vec<Documented>, cases: &Cases, out: &mut String) {
    rows.sort_by_key(|row| row.name);
    // SANITY: a String takes what it is given.
    let _ = writeln!(out, "\n## {title}");
    for row in rows {
        let _ = writeln!(out, "\n### {}\n", row.name);
        for form in row.signatures {
            let _ = writeln!(out, "- `{form}`");
        }
        let _ = writeln!(out, "\n{}. {}.", row.about, facts(&row));
        if !row.notes.is_empty() {
            let _ = writeln!(out, "\n{}", row.notes);
        }
        let _ = writeln!(out, "\n```\n{}\n```", row.example);
        let links: Vec<String> = ["ok", "err"]
            .iter()
            .filter_map(|kind| cases.of(kind, row.name))
            .map(|case| format!("[{case}](../tests/cases/{case}.bt)"))
            .collect();
        let _ = writeln!(out, "\nCases: {}", links.join(", "));
    }
}

/// When it happens, and what it needs.
fn facts(row: &Documented) -> String {
    let mut facts = match row.mode {
        Mode::Sync => "*At once*".to_owned(),
        Mode::Async => "*Later*".to_owned(),
        Mode::CompileTime => "*At start*".to_owned(),
    };
    if row.is_unsafe {
        facts += ", *unsafe*";
    }
    if !row.since.is_empty() {
        facts = format!("{facts}; kernel {}", row.since);
    }
    facts
}

/// Scripts of tests/cases: name (`ok/funcs/bswap`) and text.
struct Cases(Vec<(String, String)>);

impl Cases {
    fn read() -> Self {
        let root = repository().join("tests/cases");
        let mut found = Vec::new();
        for kind in ["ok", "err"] {
            for area in entries(&root.join(kind)) {
                for path in entries(&area).into_iter().filter(|path| path.extension().is_some_and(|e| e == "bt")) {
                    let name = path.strip_prefix(&root).unwrap_or(&path).with_extension("");
                    let text = fs::read_to_string(&path).unwrap_or_default();
                    found.push((name.display().to_string(), text));
                }
            }
        }
        Cases(found)
    }

    /// A case of that kind that calls the function; rather one that is named after it, rather a short one.
    fn of(&self, kind: &str, function: &str) -> Option<&str> {
        // SANITY: names of functions are words.
        let word = Regex::new(&format!(r"(^|[^$@.\w:]){function}\b")).expect("a regular expression");
        let calls = |text: &str| text.lines().any(|line| !line.starts_with("//") && word.is_match(line));
        let cases = self.0.iter().filter(|(name, text)| name.starts_with(kind) && calls(text));
        let named = |name: &str| name.rsplit('/').next().is_some_and(|stem| stem.starts_with(function));
        cases.min_by_key(|(name, text)| (!named(name), text.len(), name.clone())).map(|(name, _)| name.as_str())
    }
}

/// Paths in a directory, by name.
fn entries(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}
