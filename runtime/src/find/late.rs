//! Probes that a parameter names: `vfs_read`, `t:sched:sched_switch`, `libc:malloc`, `r::vfs_read`.

use crate::args::OptionValue;
use crate::error::{Error, Result};
use crate::find::elf::Binary;
use crate::find::expand::Request;
use crate::find::{glob, kernel, libraries};
use crate::regex::Regex;
use crate::tool::{AttachPoint, LateRole, ProgramKind, Target, TextPiece, Tool};
use crate::{spec, text};

/// A probe by name.
#[derive(Clone, Debug, PartialEq)]
enum Named<'a> {
    Kernel { module: Option<&'a str>, function: &'a str, returns: bool },
    User { path: String, symbol: &'a str, returns: bool },
    Tracepoint { category: &'a str, event: &'a str },
    RawTracepoint { module: Option<&'a str>, event: &'a str },
    Usdt { path: String, provider: Option<&'a str>, name: &'a str },
}

/// The target of a program of that kind: the one given where it is an ordinary one; where a parameter names it, what it
/// names, none if that is a probe of another kind.
///
/// # Errors
/// When the parameter is missing, or names nothing that could be probed.
pub fn settle(request: &Request<'_>, kind: ProgramKind, target: &'static Target) -> Result<Option<&'static Target>> {
    let AttachPoint::Late { role, text: named } = target.point else { return Ok(Some(target)) };
    let text = text::resolve(named, &request.args.params);
    if text.is_empty() {
        return Err(which(request.tool));
    }
    let is_expression = takes_expressions(request);
    let probe = if is_expression { &text } else { spec::probe(&text) };
    if probe != text && spec::parameter(request.tool).is_none() {
        // As for BCC's `trace 'f(int x) "%d", x'`.
        return Err(Error::refused(format!("not a probe: {text}")).hint(format!(
            "only the probe is named here; what is shown of it is chosen by options: '{} --help'",
            request.tool.name
        )));
    }
    let mut parts: Vec<&str> = probe.split(':').collect();
    let expression;
    if is_expression && let Some(last) = parts.last_mut() {
        Regex::new(last).map_err(|reason| Error::refused(format!("not a regular expression: {last} ({reason})")))?;
        expression = format!("/{last}/");
        *last = &expression;
    }
    let named = parse(&parts, role, request.target_pid)
        .ok_or_else(|| Error::refused(format!("not a probe: {probe}")).hint(FORMS))?;
    let called;
    let named = match named {
        // BCC's name of a system call's function.
        Named::Kernel { module: None, function, returns } if function.starts_with("sys_") => {
            called = kernel_function(function);
            Named::Kernel { module: None, function: &called, returns }
        }
        named => named,
    };
    Ok(place(&named, role, kind).map(|(provider, point)| -> &'static Target {
        let words = match &named {
            Named::Kernel { module, function, .. } => words(&[*module, Some(function)]),
            Named::User { path, symbol, .. } => words(&[Some(path), Some(symbol)]),
            Named::Tracepoint { category, event } => words(&[Some(category), Some(event)]),
            Named::RawTracepoint { module, event } => words(&[*module, Some(event)]),
            Named::Usdt { path, provider, name } => words(&[Some(path), *provider, Some(name)]),
        };
        // A tool settles its few targets once.
        Box::leak(Box::new(Target { display: keep(&format!("{provider}:{words}")), point, place: target.place }))
    }))
}

/// Whether the last part of the parameter is a regular expression: the tool has an option `regexp`, and it was given.
fn takes_expressions(request: &Request<'_>) -> bool {
    let mut options = request.tool.options.iter().zip(&request.args.options);
    options.any(|(option, value)| option.long() == "regexp" && matches!(value, OptionValue::Bool(true)))
}

/// What kind of probe a text names, for expressions about it.
pub enum Kind {
    /// A function; its name if it is one of the kernel's.
    Function {
        kernel: Option<String>,
        returns: bool,
    },
    Tracepoint {
        category: String,
        event: String,
    },
    Usdt,
    Other,
}

/// # Errors
/// When the text names no probe.
pub fn kind(text: &str, pid: Option<u32>) -> Result<Kind> {
    let parts: Vec<&str> = text.split(':').collect();
    let named =
        parse(&parts, LateRole::Any, pid).ok_or_else(|| Error::refused(format!("not a probe: {text}")).hint(FORMS))?;
    Ok(match named {
        Named::Kernel { function, returns, .. } => Kind::Function { kernel: Some(kernel_function(function)), returns },
        Named::User { returns, .. } => Kind::Function { kernel: None, returns },
        Named::Tracepoint { category, event } => {
            Kind::Tracepoint { category: category.to_owned(), event: event.to_owned() }
        }
        Named::Usdt { .. } => Kind::Usdt,
        Named::RawTracepoint { .. } => Kind::Other,
    })
}

/// `sys_read` is `__x64_sys_read` where the kernel has no other.
fn kernel_function(name: &str) -> String {
    if !name.starts_with("sys_") || glob::is_pattern(name) || kernel::function_exists(None, name) {
        return name.to_owned();
    }
    spec::system_call_function(name).unwrap_or_else(|| name.to_owned())
}

const FORMS: &str = "FUNCTION, LIBRARY:FUNCTION, t:CATEGORY:EVENT, u:LIBRARY:PROBE, or any kprobe, kretprobe, uprobe, \
                     uretprobe, tracepoint, rawtracepoint or usdt probe as bpftrace writes it";

fn which(tool: &Tool) -> Error {
    Error::refused("which probe? A parameter is missing").hint(format!("try '{} --help'", tool.name))
}

fn parse<'a>(parts: &[&'a str], role: LateRole, pid: Option<u32>) -> Option<Named<'a>> {
    let kernel = |module, function, returns| Some(Named::Kernel { module, function, returns });
    let user = |path: &str, symbol, returns| {
        let path = home(path, pid, |binary| binary.symbols.iter().any(|known| glob::matches(symbol, &known.name)));
        Some(Named::User { path, symbol, returns })
    };
    let usdt = |path: &str, provider, name| {
        Some(Named::Usdt { path: home(path, pid, |binary| has_probe(binary, name)), provider, name })
    };
    if parts.iter().skip(1).any(|part| part.is_empty()) && !matches!(parts, ["p" | "r", "", _]) {
        return None;
    }
    match *parts {
        [function] | ["p", "", function] => kernel(None, function, false),
        ["r", "", function] => kernel(None, function, true),
        ["k" | "kprobe", function] => kernel(None, function, false),
        ["k" | "kprobe", module, function] => kernel(Some(module), function, false),
        ["kr" | "kretprobe", function] => kernel(None, function, true),
        ["kr" | "kretprobe", module, function] => kernel(Some(module), function, true),
        ["t" | "tracepoint", category, event] => Some(Named::Tracepoint { category, event }),
        ["rt" | "rawtracepoint", event] => Some(Named::RawTracepoint { module: None, event }),
        ["rt" | "rawtracepoint", module, event] => Some(Named::RawTracepoint { module: Some(module), event }),
        ["U" | "usdt", path, name] => usdt(path, None, name),
        ["U" | "u" | "usdt", path, provider, name] => usdt(path, Some(provider), name),
        // bpftrace's `u` is a function, that of BCC's tools a USDT probe: the latter where there is one.
        ["u", path, name] if matches!(role, LateRole::Any | LateRole::Event) && has_usdt(path, name, pid) => {
            usdt(path, None, name)
        }
        ["u" | "uprobe" | "p", path, symbol] => user(path, symbol, false),
        ["ur" | "uretprobe" | "r", path, symbol] => user(path, symbol, true),
        [path, symbol] if !path.is_empty() => user(path, symbol, false),
        _ => None,
    }
}

/// Provider and attach point for a program of that kind.
fn place(named: &Named<'_>, role: LateRole, kind: ProgramKind) -> Option<(&'static str, AttachPoint)> {
    // Where only the function counts, the role says which end of it.
    let end = |returns: bool| match role {
        LateRole::Any => Some(returns),
        LateRole::Entry => Some(false),
        LateRole::Return => Some(true),
        LateRole::Event => None,
    };
    match (named, kind) {
        (Named::Kernel { module, function, returns }, ProgramKind::Kprobe | ProgramKind::Kretprobe) => {
            let returns = end(*returns)?;
            let provider = if returns { "kretprobe" } else { "kprobe" };
            let point = AttachPoint::Kernel { module: module.map(keep), function: keep(function), offset: 0 };
            (returns == (kind == ProgramKind::Kretprobe)).then_some((provider, point))
        }
        (Named::User { path, symbol, returns }, ProgramKind::Uprobe | ProgramKind::Uretprobe) => {
            let returns = end(*returns)?;
            let provider = if returns { "uretprobe" } else { "uprobe" };
            let point = AttachPoint::User { path: keep(path), symbol: keep(symbol), offset: 0, cpp: false };
            (returns == (kind == ProgramKind::Uretprobe)).then_some((provider, point))
        }
        (Named::Tracepoint { category, event }, ProgramKind::Tracepoint) => {
            Some(("tracepoint", AttachPoint::Tracepoint { category: keep(category), event: keep(event) }))
        }
        (Named::RawTracepoint { module, event }, ProgramKind::RawTracepoint) => {
            Some(("rawtracepoint", AttachPoint::RawTracepoint { module: module.map(keep), event: keep(event) }))
        }
        (Named::Usdt { path, provider, name }, ProgramKind::Usdt) => {
            Some(("usdt", AttachPoint::Usdt { path: keep(path), provider: provider.map(keep), name: keep(name) }))
        }
        _ => None,
    }
}

/// `c` is `libc`, as for BCC's tools, unless there is something called `c`.
fn library(name: &str, pid: Option<u32>) -> String {
    let plain = !name.contains(['/', '.']) && !glob::is_pattern(name) && !name.is_empty();
    let prefixed = format!("lib{name}");
    if plain && libraries::binaries(name, pid).is_empty() && !libraries::binaries(&prefixed, pid).is_empty() {
        prefixed
    } else {
        name.to_owned()
    }
}

/// What the C library has taken in, with version 2.34 of glibc.
const MERGED: [&str; 5] = ["libpthread", "libdl", "librt", "libutil", "libanl"];

/// The library that is meant, or libc if that has by now what was looked for in another one.
fn home(name: &str, pid: Option<u32>, has: impl Fn(&Binary) -> bool) -> String {
    let is_in = |library: &str| {
        let files = libraries::binaries(library, pid);
        files.iter().filter_map(|file| Binary::read(file).ok()).any(|binary| has(&binary))
    };
    let is_merged = MERGED.iter().any(|merged| *merged == name || merged.strip_prefix("lib") == Some(name));
    let library = library(name, pid);
    if is_merged && !is_in(&library) && is_in("libc") { "libc".to_owned() } else { library }
}

fn has_usdt(path: &str, name: &str, pid: Option<u32>) -> bool {
    libraries::binaries(&home(path, pid, |binary| has_probe(binary, name)), pid)
        .iter()
        .filter_map(|file| Binary::read(file).ok())
        .any(|binary| has_probe(&binary, name))
}

fn has_probe(binary: &Binary, name: &str) -> bool {
    binary.usdt.iter().any(|(_, probe)| glob::matches(name, probe))
}

fn words(words: &[Option<&str>]) -> String {
    words.iter().flatten().copied().collect::<Vec<_>>().join(":")
}

/// Text of the tables is static; a tool keeps its few parameters for good.
fn keep(text: &str) -> &'static [TextPiece] {
    Box::leak(Box::new([TextPiece::Lit(Box::leak(text.to_owned().into_boxed_str()))]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider(text: &str, role: LateRole, kind: ProgramKind) -> Option<&'static str> {
        let parts: Vec<&str> = text.split(':').collect();
        place(&parse(&parts, role, None)?, role, kind).map(|(provider, _)| provider)
    }

    #[test]
    fn a_bare_name_is_a_kernel_function() {
        assert_eq!(provider("vfs_*", LateRole::Any, ProgramKind::Kprobe), Some("kprobe"));
        assert_eq!(provider("vfs_*", LateRole::Any, ProgramKind::Kretprobe), None);
        assert_eq!(provider("vfs_*", LateRole::Return, ProgramKind::Kretprobe), Some("kretprobe"));
        assert_eq!(provider("vfs_*", LateRole::Return, ProgramKind::Kprobe), None);
        assert_eq!(provider("vfs_*", LateRole::Event, ProgramKind::Kprobe), None);
    }

    #[test]
    fn prefixes_of_bcc_and_of_bpftrace() {
        assert_eq!(provider("p::do_sys_open", LateRole::Any, ProgramKind::Kprobe), Some("kprobe"));
        assert_eq!(provider("r::do_sys_open", LateRole::Any, ProgramKind::Kretprobe), Some("kretprobe"));
        assert_eq!(provider("kr:do_sys_open", LateRole::Entry, ProgramKind::Kprobe), Some("kprobe"));
        assert_eq!(provider("t:sched:sched_switch", LateRole::Any, ProgramKind::Tracepoint), Some("tracepoint"));
        assert_eq!(provider("rt:sched_switch", LateRole::Event, ProgramKind::RawTracepoint), Some("rawtracepoint"));
        assert_eq!(provider("/bin/x:main", LateRole::Any, ProgramKind::Uprobe), Some("uprobe"));
        assert_eq!(provider("r:/bin/x:main", LateRole::Any, ProgramKind::Uretprobe), Some("uretprobe"));
        assert_eq!(provider("usdt:/bin/x:p:n", LateRole::Any, ProgramKind::Usdt), Some("usdt"));
    }

    #[test]
    fn what_is_no_probe() {
        for text in ["a:b:c:d:e", "t:sched", "kprobe:", ":x"] {
            let parts: Vec<&str> = text.split(':').collect();
            assert!(
                parse(&parts, LateRole::Any, None).is_none_or(|named| matches!(named, Named::User { .. })),
                "{text}"
            );
        }
    }
}
