//! `--help`.

use std::fmt::Write;

use crate::tool::{OptionDefault, Tool};

const STANDARD: &[(&str, &str)] = &[
    ("-p, --pid PID", "trace this process only, end with it"),
    ("-c, --cmd CMD", "run CMD, trace it, end with it"),
    ("-o, --output FILE", "write to FILE instead of standard output"),
    ("-f, --format FORMAT", "text or json"),
    ("-B, --buffering MODE", "none, line or full"),
    ("-q, --quiet", "no messages but errors"),
    ("-v, --verbose", "tell what is attached and how; show the kernel's log on errors"),
    ("-k, --warnings", "tell when reading memory fails in a probe"),
    ("    --no-warnings", "no warnings"),
    ("    --dry-run", "attach everything, then end"),
    ("    --probe-filter REGEX", "only probes whose name matches"),
    ("    --strict", "exit status 2 when anything was lost"),
    ("    --explain", "tell what was attached, how, and what was stepped down from"),
    ("-h, --help", "show this"),
    ("-V, --version", "show the version"),
];

/// The whole of `--help`.
pub fn text(tool: &Tool) -> String {
    let mut out = String::new();
    if !tool.about.is_empty() {
        let _ = writeln!(out, "{}\n", tool.about);
    }
    let params: String = (1..=tool.params).map(|n| format!(" [ARG{n}]")).collect();
    let _ = writeln!(out, "Usage: {} [OPTIONS]{params}\n", tool.name);
    if !tool.options.is_empty() {
        let rows: Vec<_> =
            tool.options.iter().map(|option| (long_form(option.name, option.default), described(option))).collect();
        let rows: Vec<_> = rows.iter().map(|(left, right)| (left.as_str(), right.as_str())).collect();
        section(&mut out, "Options", &rows);
        out.push('\n');
        section(&mut out, "Common options", STANDARD);
    } else {
        section(&mut out, "Options", STANDARD);
    }
    if tool.is_unsafe {
        out.push_str("\nThis tool can change the system it runs on.\n");
    }
    if !tool.description.is_empty() {
        let _ = write!(out, "\n{}\n", tool.description.trim_end());
    }
    out
}

/// Only the script's options, as bpftrace shows them for `-- --help`.
pub fn script_options(tool: &Tool) -> String {
    let mut out = String::from("HINT: expected program options:\n");
    for option in tool.options {
        let colon = if option.help.is_empty() { "" } else { ": " };
        let _ = writeln!(out, "--{}{colon}{}", option.name, option.help);
    }
    out
}

fn section(out: &mut String, title: &str, rows: &[(&str, &str)]) {
    let width = rows.iter().map(|(left, _)| left.chars().count()).max().unwrap_or(0);
    let _ = writeln!(out, "{title}:");
    for (left, right) in rows {
        let _ = writeln!(out, "{}", format!("  {left:width$}  {right}").trim_end());
    }
}

fn long_form(name: &str, default: OptionDefault) -> String {
    let value = match default {
        OptionDefault::Bool(_) => "",
        OptionDefault::Int(_) => " NUMBER",
        OptionDefault::Str(_) => " TEXT",
    };
    format!("    --{name}{value}")
}

fn described(option: &crate::tool::ToolOption) -> String {
    let default = match option.default {
        OptionDefault::Bool(false) | OptionDefault::Str("") => String::new(),
        OptionDefault::Bool(true) => "[default: true]".to_owned(),
        OptionDefault::Int(value) => format!("[default: {value}]"),
        OptionDefault::Str(value) => format!("[default: {value}]"),
    };
    [option.help, &default].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}
