//! `--help`, and what it shares with manual pages and completions: the options and the header comment.

use std::fmt::Write;

use crate::tool::{OptionDefault, Tool, ToolOption};

/// An option as it is told of.
#[derive(Debug)]
pub struct Described {
    /// `p` of `-p`.
    pub short: Option<char>,
    /// `pid` of `--pid`.
    pub long: &'static str,
    /// `PID`, where it takes a value.
    pub value: Option<&'static str>,
    /// One line.
    pub help: String,
}

type Row = (Option<char>, &'static str, Option<&'static str>, &'static str);

const STANDARD: &[Row] = &[
    (Some('p'), "pid", Some("PID"), "Trace this process only, end with it"),
    (Some('c'), "cmd", Some("CMD"), "Run CMD, trace it, end with it"),
    (None, DWARF_PID, Some("PID"), "Unwind stacks of this process too"),
    (Some('o'), "output", Some("FILE"), "Write to FILE instead of standard output"),
    (Some('f'), "format", Some("FORMAT"), "How to print: text or json"),
    (Some('B'), "buffering", Some("MODE"), "When to write output: none (at once), line or full"),
    (Some('q'), "quiet", None, "No messages but errors"),
    (Some('v'), "verbose", None, "Tell what is attached and how; show the kernel's log on errors"),
    (Some('k'), "warnings", None, "Tell when reading memory fails in a probe"),
    (None, "no-warnings", None, "No warnings"),
    (None, "dry-run", None, "Attach everything, then end"),
    (None, "probe-filter", Some("REGEX"), "Only probes whose name matches"),
    (None, "strict", None, "Exit status 2 when anything was lost"),
    (None, "explain", None, "Tell what was attached, how, and what was stepped down from"),
    (Some('h'), "help", None, "Show this help"),
    (Some('V'), "version", None, "Show the version"),
];

/// Of tools that unwind stacks only.
const DWARF_PID: &str = "dwarf-pid";

/// The script's options.
pub fn own_options(tool: &Tool) -> Vec<Described> {
    let described = |option: &ToolOption| {
        let (value, default) = match option.default {
            OptionDefault::Bool(false) => (None, String::new()),
            OptionDefault::Bool(true) => (None, "[default: true]".to_owned()),
            // Such numbers stand for none.
            OptionDefault::Int(..=0) => (Some("NUMBER"), String::new()),
            OptionDefault::Int(value) => (Some("NUMBER"), format!("[default: {value}]")),
            OptionDefault::Str("") => (Some("TEXT"), String::new()),
            OptionDefault::Str(value) => (Some("TEXT"), format!("[default: {value}]")),
        };
        let help = [option.help, &default].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
        Described { short: option.short(), long: option.long(), value, help }
    };
    tool.options.iter().map(described).collect()
}

/// What every tool takes, without what the script took over.
pub fn common_options(tool: &Tool) -> Vec<Described> {
    let own = own_options(tool);
    STANDARD
        .iter()
        .filter(|(_, long, ..)| own.iter().all(|option| option.long != *long))
        .filter(|(_, long, ..)| *long != DWARF_PID || tool.parts.unwinder.is_some())
        .map(|&(short, long, value, help)| {
            let short = short.filter(|letter| own.iter().all(|option| option.short != Some(*letter)));
            Described { short, long, value, help: help.to_owned() }
        })
        .collect()
}

/// `[OPTIONS] PROBE`: what follows the tool's name. The header comment tells (`Usage: name …`), else what is known.
pub fn synopsis(tool: &Tool) -> String {
    let told = tool.description.lines().find_map(|line| line.strip_prefix("Usage: "));
    match told {
        Some(line) => line.trim().strip_prefix(tool.name).unwrap_or(line).trim().to_owned(),
        None => {
            let params: String = (1..=tool.params).map(|n| format!(" [ARG{n}]")).collect();
            format!("[OPTIONS]{params}")
        }
    }
}

/// Whether the script says itself how it is used: its positional parameters may then be left out.
pub fn tells_usage(tool: &Tool) -> bool {
    tool.description.lines().any(|line| line.starts_with("Usage: "))
}

/// The header comment after its first paragraph, without the line about usage.
pub fn description(tool: &Tool) -> String {
    let lines: Vec<&str> = tool.description.lines().filter(|line| !line.starts_with("Usage: ")).collect();
    lines.join("\n").trim_matches('\n').trim_end().to_owned()
}

/// The whole of `--help`.
pub fn text(tool: &Tool) -> String {
    let mut out = String::new();
    if !tool.about.is_empty() {
        let _ = writeln!(out, "{}\n", tool.about);
    }
    let _ = writeln!(out, "Usage: {} {}\n", tool.name, synopsis(tool));
    if tool.options.is_empty() {
        section(&mut out, "Options", &common_options(tool));
    } else {
        section(&mut out, "Options", &own_options(tool));
        out.push('\n');
        section(&mut out, "Common options", &common_options(tool));
    }
    if tool.is_unsafe {
        out.push_str("\nThis tool can change the system it runs on.\n");
    }
    let description = description(tool);
    if !description.is_empty() {
        let _ = write!(out, "\n{description}\n");
    }
    out
}

/// Only the script's options, as bpftrace shows them for `-- --help`.
pub fn script_options(tool: &Tool) -> String {
    let options = sorted(tool);
    if options.is_empty() {
        return format!("HINT: {NO_OPTIONS}");
    }
    let mut out = String::from("HINT: expected program options:");
    for option in options {
        let colon = if option.help.is_empty() { "" } else { ": " };
        let _ = write!(out, "\n--{}{colon}{}", option.long(), option.help);
    }
    out
}

/// What is said of a script without options.
pub const NO_OPTIONS: &str = "no custom program options defined.";

/// The script's options by name.
pub fn sorted(tool: &Tool) -> Vec<&'static ToolOption> {
    let mut options: Vec<_> = tool.options.iter().collect();
    options.sort_by_key(|option| option.long());
    options
}

fn section(out: &mut String, title: &str, options: &[Described]) {
    let left = |option: &Described| {
        let short = option.short.map_or_else(|| "    ".to_owned(), |letter| format!("-{letter}, "));
        let value = option.value.map_or_else(String::new, |value| format!(" {value}"));
        format!("{short}--{}{value}", option.long)
    };
    let width = options.iter().map(|option| left(option).chars().count()).max().unwrap_or(0);
    let _ = writeln!(out, "{title}:");
    for option in options {
        let _ = writeln!(out, "{}", format!("  {:width$}  {}", left(option), option.help).trim_end());
    }
}
