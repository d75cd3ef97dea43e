//! Many tools in one binary: it is called by a tool's name, or with the name as first argument.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

use crate::message;

/// A tool of such a binary.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// What it does, in a line.
    pub about: &'static str,
    /// Runs it, on the arguments of the process.
    pub main: fn() -> ExitCode,
}

/// Runs the tool that the command line names.
pub fn main(version: &str, tools: &[Entry]) -> ExitCode {
    let mut arguments = std::env::args_os();
    let called = arguments.next().unwrap_or_default();
    if let Some(tool) = find(tools, &called) {
        return (tool.main)();
    }
    let own = Path::new(&called).file_name().unwrap_or(&called).display().to_string();
    let Some(first) = arguments.next() else {
        eprint!("{}", usage(&own));
        return ExitCode::FAILURE;
    };
    match first.to_str() {
        Some("--list") => print(&list(tools)),
        Some("-h" | "--help") => print(&usage(&own)),
        Some("-V" | "--version") => print(&format!("{own} {version}\n")),
        _ if find(tools, &first).is_some() => {
            // The tool reads its arguments from the process: it becomes one that has just those.
            let error = Command::new("/proc/self/exe").arg0(&first).args(arguments).exec();
            message::error(&format!("cannot run {}: {error}", first.display()));
            ExitCode::FAILURE
        }
        _ => {
            message::error(&format!("no tool {}", first.display()));
            eprintln!("HINT: try '{own} --list'");
            ExitCode::FAILURE
        }
    }
}

/// `tw-tcpaccept` is tcpaccept; a script `tcpaccept-tp.bt` is the tool tcpaccept_tp, by either name.
fn find<'t>(tools: &'t [Entry], called: &OsStr) -> Option<&'t Entry> {
    let name = Path::new(called).file_name()?.to_str()?;
    let name = name.strip_prefix("tw-").unwrap_or(name);
    tools.iter().find(|tool| tool.name == name || tool.name == name.replace('-', "_"))
}

fn usage(own: &str) -> String {
    format!(
        "Usage: {own} TOOL [ARGUMENTS]\n       {own} --list\n\nA symbolic link of a tool's name to this program runs that tool.\n"
    )
}

fn list(tools: &[Entry]) -> String {
    let mut out = String::new();
    for tool in tools {
        // SANITY: writing to a string does not fail.
        let _ = writeln!(out, "{}", format!("{:16} {}", tool.name, tool.about).trim_end());
    }
    out
}

fn print(text: &str) -> ExitCode {
    // Whoever reads may have seen enough.
    let _ = io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_has_several_names() {
        let tool = |name| Entry { name, about: "", main: || ExitCode::SUCCESS };
        let tools = [tool("tcpaccept_tp"), tool("opensnoop")];
        for called in ["opensnoop", "/usr/bin/opensnoop", "tw-opensnoop", "./tcpaccept-tp", "tw-tcpaccept_tp"] {
            assert!(find(&tools, OsStr::new(called)).is_some(), "{called}");
        }
        assert!(find(&tools, OsStr::new("tools")).is_none());
    }
}
