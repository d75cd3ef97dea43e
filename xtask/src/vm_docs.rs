//! `docs/tools.md`: what each tool does, its options, what it prints, and where it runs; from a run of all cases.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::kernels::output;
use crate::vm_cases::{Column, Ended};

/// The column whose output is shown, when it is there.
const SHOWN: &str = "6.12";
/// Columns of a line that are shown.
const LINE: usize = 140;
/// Lines of output that are shown.
const SAMPLE_LINES: usize = 14;

/// Writes it; `binary` is the one of all tools.
///
/// # Errors
/// When a tool does not tell its options, or the file cannot be written.
pub fn write(root: &Path, binary: &Path, columns: &[Column]) -> Result<()> {
    let all = crate::tools::all()?;
    let names: BTreeSet<&String> = all.iter().collect();
    let mut text = String::from(
        "# The tools\n\n<!-- Written by `cargo xtask vm --write-table`: from the tools' help, and from what they printed in the run. \
         -->\n\nEach is a script in `generated-tools/`, the crate made from it, and a static binary. `--help` tells the options \
         that all of them take as well: `-p PID`, `-c COMMAND`, `-o FILE`, `-f json`, `-q` and others.\n\n",
    );
    table(&mut text, &names, columns);
    for name in names {
        tool(&mut text, name, binary, columns)?;
    }
    let path = root.join("docs/tools.md");
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Tool × kernel, and the reasons of what was not run.
fn table(text: &mut String, names: &BTreeSet<&String>, columns: &[Column]) {
    let kernels: Vec<&str> = columns.iter().map(|column| column.kernel.as_str()).collect();
    let _ = writeln!(text, "| tool | {} | |", kernels.join(" | "));
    let _ = writeln!(text, "|---|{}---|", "---|".repeat(kernels.len()));
    for name in names {
        let mut cells = Vec::new();
        let mut reasons = BTreeSet::new();
        for column in columns {
            cells.push(match column.ended.get(*name) {
                Some(Ended::Good) => "ok",
                Some(Ended::Skipped(reason)) => {
                    reasons.insert(reason.as_str());
                    "–"
                }
                Some(Ended::Failed(_)) => "**fails**",
                None => "",
            });
        }
        let reasons: Vec<&str> = reasons.into_iter().collect();
        let _ = writeln!(text, "| [{name}](#{name}) | {} | {} |", cells.join(" | "), reasons.join("; "));
    }
    text.push_str(
        "\n“–”: the test could not be run, for the reason given. An empty cell: not part of the last runs.\n",
    );
}

/// A tool's own section.
fn tool(text: &mut String, name: &str, binary: &Path, columns: &[Column]) -> Result<()> {
    let help = output(Command::new(binary).args([name, "--help"]))?;
    let mut parts = help.splitn(2, "\n\n");
    let about = parts.next().unwrap_or("").trim();
    let rest = parts.next().unwrap_or("");
    // Usage, the tool's own options, then those of all tools, then the description.
    let own: Vec<&str> = rest
        .split("\n\n")
        .take_while(|part| !part.starts_with("Common options:"))
        .filter(|part| !part.contains("\n  -p, --pid PID ") || part.starts_with("Usage:"))
        .take(2)
        .filter(|part| part.starts_with("Usage:") || part.starts_with("Options:"))
        .collect();
    let description = rest.split("\n\n").skip_while(|part| !part.contains("--version")).skip(1);
    let description: Vec<&str> =
        description.filter(|part| !part.starts_with("This tool can change the system")).collect();
    let _ = writeln!(text, "\n## {name}\n\n{about}.\n");
    for part in description {
        let part = part.trim_end();
        if part.lines().any(|line| line.starts_with("    ")) {
            let _ = writeln!(text, "```text\n{part}\n```\n");
        } else {
            let _ = writeln!(text, "{part}\n");
        }
    }
    let _ = writeln!(text, "```text\n{}\n```", own.join("\n\n").trim_end());
    // Never what this machine does.
    let guests = columns.iter().filter(|column| column.kernel != "host");
    let mut said: Vec<_> = guests.filter_map(|column| Some((column, sample(column.printed.get(name)?)?))).collect();
    said.sort_by_key(|(column, _)| column.kernel != SHOWN);
    if let Some((_, (command, lines))) = said.first() {
        let _ = writeln!(text, "\n```console\n# {command}\n{}\n```", lines.join("\n"));
    }
    Ok(())
}

/// The first command that the case has run, and the beginning of what it printed.
fn sample(printed: &str) -> Option<(&str, Vec<&str>)> {
    let rest = printed.split_once("@sample ")?.1;
    let (command, rest) = rest.split_once("@\n")?;
    let body = rest.split("\n@@").next()?;
    let mut lines: Vec<&str> = body.lines().map(short).collect();
    let whole = lines.len() <= SAMPLE_LINES;
    lines.truncate(SAMPLE_LINES);
    while lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    if !whole {
        lines.push("…");
    }
    Some((command, lines))
}

/// The beginning of a long line.
fn short(line: &str) -> &str {
    line.char_indices().nth(LINE).map_or(line, |(at, _)| &line[..at]).trim_end()
}
