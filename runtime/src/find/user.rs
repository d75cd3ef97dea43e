//! Places in binaries: functions, addresses, USDT probes.

use std::collections::HashSet;
use std::path::PathBuf;

use crate::error::{Error, Result};
use crate::find::elf::Binary;
use crate::find::expand::{Found, Place, Request};
use crate::find::{archive, glob, libraries};
use crate::message;
use crate::tool::{ProgramKind, Target};

/// A binary and how probe names show it.
pub struct TargetFile {
    pub path: PathBuf,
    pub shown: String,
}

pub fn files(request: &Request<'_>, target: &Target, path: &str, provider: &str) -> Result<Vec<TargetFile>> {
    let found = match request.program {
        Some(program) if path == "*" => vec![program.to_owned()],
        _ => libraries::binaries(path, request.target_pid),
    };
    // Flat code has no functions; an address in it is the script's own risk.
    let is_code = |file: &PathBuf| request.tool.is_unsafe || archive::split(file).is_some() || libraries::is_elf(file);
    let found: Vec<PathBuf> = found.into_iter().filter(is_code).collect();
    if found.is_empty() && path == "*" {
        return Ok(Vec::new());
    }
    if found.is_empty() {
        let text = format!("{provider} target file '{path}' does not exist or is not executable");
        return Err(Error::refused(message::at(request.tool, target.place, "ERROR", &text)).bare());
    }
    let literal = path.contains('/') && !glob::is_pattern(path);
    Ok(found
        .into_iter()
        .map(|file| {
            let shown = if literal { path.to_owned() } else { file.to_string_lossy().into_owned() };
            TargetFile { path: file, shown }
        })
        .collect())
}

/// Like [`files`]; without a path those that the traced process has mapped.
pub fn usdt_files(request: &Request<'_>, target: &Target, path: &str, provider: &str) -> Result<Vec<TargetFile>> {
    if path.is_empty() {
        if request.target_pid.is_none() {
            let text = "usdt probe must specify at least path or pid to probe. To target all paths/pids set the path to \
                        '*'.";
            return Err(Error::refused(message::at(request.tool, target.place, "ERROR", text)).bare());
        }
        return files(request, target, "*", provider);
    }
    files(request, target, path, provider)
}

/// A function as an attach point names it.
pub struct Wanted<'a> {
    pub symbol: &'a str,
    pub offset: u64,
    pub cpp: bool,
}

pub fn symbols(
    request: &Request<'_>,
    files: &[TargetFile],
    wanted: &Wanted<'_>,
    provider: &str,
    kind: ProgramKind,
) -> Result<Found> {
    let &Wanted { symbol, offset, cpp } = wanted;
    let mut found = Vec::new();
    let mut places = HashSet::new();
    for file in files {
        let Ok(binary) = Binary::read(&file.path) else { continue };
        let pattern = glob::is_pattern(symbol);
        for candidate in &binary.symbols {
            let fits = if cpp {
                candidate.function
                    && request.tool.parts.cpp_names.is_some_and(|names| (names.0)(symbol, &candidate.name))
            } else if pattern {
                candidate.function && glob::matches(symbol, &candidate.name)
            } else {
                candidate.name == symbol
            };
            // Two names for one address, or two versions of a name, are one place.
            if !fits || !places.insert((file.path.clone(), candidate.address)) {
                continue;
            }
            let cpp_prefix = if cpp { "cpp:" } else { "" };
            let suffix = if offset == 0 { String::new() } else { format!("+{offset}") };
            let shown = candidate.name.as_str();
            let is_inside = offset != 0 && kind == ProgramKind::Uprobe;
            let refused = if is_inside && offset >= candidate.size && (candidate.size > 0 || !request.tool.is_unsafe) {
                Some(format!("Offset outside the function bounds ('{shown}' size is {})", candidate.size))
            } else if is_inside && !binary.begins_instruction(&file.path, candidate, offset) {
                in_instruction(request, &format!("{}:{shown}+{offset}", file.shown))
            } else if candidate.size == 0 && candidate.function && !pattern && !request.tool.is_unsafe {
                // It might be anything. A pattern takes what there is.
                Some(format!("Could not determine boundary for {shown} (symbol has size 0).\n{FORCE}"))
            } else {
                None
            };
            let place = refused.map_or_else(
                || Place::File {
                    path: file.path.clone(),
                    offset: binary.file_offset(candidate.address) + offset,
                    symbol: Some(candidate.name.clone()),
                },
                Place::Refused,
            );
            found.push((format!("{provider}:{}:{cpp_prefix}{shown}{suffix}", file.shown), place));
        }
    }
    Ok(found)
}

const FORCE: &str = "Use --unsafe to force attachment. WARNING: This option could lead to data corruption in the target \
                     process.";

/// A probe in the middle of an instruction breaks the program: why it is refused, or told with `--unsafe`.
fn in_instruction(request: &Request<'_>, place: &str) -> Option<String> {
    if !request.tool.is_unsafe {
        return Some(format!("Could not add uprobe into middle of instruction: {place}\n{FORCE}"));
    }
    if !request.args.no_warnings {
        message::warning(&format!("Unsafe uprobe in the middle of the instruction: {place}"));
    }
    None
}

/// An address in a file: in a function, at the start of an instruction, or forced.
pub fn address(
    request: &Request<'_>,
    file: TargetFile,
    address: u64,
    provider: &str,
    kind: ProgramKind,
) -> (String, Place) {
    let name = format!("{provider}:{}:{address}", file.shown);
    let binary = Binary::read(&file.path).unwrap_or_default();
    let refused = match binary.function_at(address) {
        Some(function) if kind == ProgramKind::Uretprobe && address != function.address => {
            let place = format!("{}+{}", function.name, address - function.address);
            Some(format!("uretprobes cannot be attached at function offset. (address resolved to: {place})"))
        }
        Some(function) if !binary.begins_instruction(&file.path, function, address - function.address) => {
            in_instruction(request, &format!("{}:{}+{}", file.shown, function.name, address - function.address))
        }
        None if !request.tool.is_unsafe => {
            Some(format!("Could not determine instruction boundary for {name} (binary appears stripped).\n{FORCE}"))
        }
        None => {
            if !request.args.no_warnings {
                message::warning(&format!(
                    "Could not determine instruction boundary for {name} (binary appears stripped). Misaligned probes \
                     can lead to tracee crashes!"
                ));
            }
            None
        }
        _ => None,
    };
    let place = |offset| Place::File { offset, path: file.path, symbol: None };
    (name, refused.map_or_else(|| place(binary.file_offset(address)), Place::Refused))
}

pub fn usdt_probes(files: &[TargetFile], provider: &str, name: &str, kind: &str) -> Found {
    let mut found = Vec::new();
    for file in files {
        let Ok(binary) = Binary::read(&file.path) else { continue };
        for (p, n) in &binary.usdt {
            if glob::matches(provider, p) && glob::matches(name, n) {
                found.push((
                    format!("{kind}:{}:{p}:{n}", file.shown),
                    Place::Usdt { path: file.path.clone(), provider: p.clone(), name: n.clone() },
                ));
            }
        }
    }
    found
}
