//! Attach points of the tables → places on the running system.

use std::path::{Path, PathBuf};

use crate::args::{Args, Mode};
use crate::context::RunConfig;
use crate::error::{Error, Result};
use crate::find::elf::Binary;
use crate::find::missing::Missing;
use crate::find::{glob, kernel, late, libraries, tracefs};
use crate::regex::Regex;
use crate::tool::{AttachPoint, MissingProbes, Number, Period, ProgramKind, Target, Text, Tool};
use crate::{message, text};

/// Everything that is to be attached, in the script's order.
#[derive(Debug, Default)]
pub struct Plan {
    /// Expanded names; attach cookies index it.
    pub probes: Vec<String>,
    /// One a place.
    pub attachments: Vec<Attachment>,
}

/// A program and one place where it attaches.
#[derive(Clone, Debug)]
pub struct Attachment {
    /// Index into [`Tool::programs`].
    pub program: usize,
    /// Index into the program's targets.
    pub target: usize,
    /// Index into [`Plan::probes`].
    pub probe: usize,
    /// Where.
    pub place: Place,
}

/// A place, without patterns and parameters.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "as in `tool::AttachPoint`")]
pub enum Place {
    Begin,
    End,
    Signal(i32),
    Test(String),
    Bench(String),
    Function {
        module: Option<String>,
        name: String,
        offset: u64,
    },
    KernelAddress(u64),
    Trampoline {
        module: Option<String>,
        name: String,
    },
    Bpf {
        program: u32,
        function: String,
    },
    /// A place in a file; `symbol` and `offset_in_symbol` for messages.
    File {
        path: PathBuf,
        offset: u64,
        symbol: Option<String>,
    },
    Usdt {
        path: PathBuf,
        provider: String,
        name: String,
    },
    Tracepoint {
        category: String,
        event: String,
    },
    RawTracepoint(String),
    Interval(Rate),
    Profile(Rate),
    Software {
        config: u64,
        count: u64,
    },
    Hardware {
        config: u64,
        count: u64,
    },
    Watchpoint {
        address: u64,
        length: u32,
        kind: u32,
    },
    Iter {
        pin: Option<PathBuf>,
    },
}

/// How often a timer fires.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rate {
    /// Times a second.
    Hertz(u64),
    /// Nanoseconds apart.
    Nanoseconds(u64),
}

/// What expansion depends on besides the tables.
pub struct Request<'a> {
    /// Tables.
    pub tool: &'static Tool,
    /// Command line.
    pub args: &'a Args,
    /// Config.
    pub config: &'a RunConfig,
    /// The process of `-p` or `-c`.
    pub target_pid: Option<u32>,
    /// What the child of `-c` will run.
    pub program: Option<&'a Path>,
}

/// Finds every place that the tool's attach points mean here.
///
/// # Errors
/// Missing targets where those are errors, bad parameters, nothing left to attach.
pub fn plan(request: &Request<'_>) -> Result<Plan> {
    let filter = match &request.args.probe_filter {
        Some(pattern) => Some(
            Regex::new(pattern)
                .map_err(|error| Error::kernel(format!("Invalid --probe-filter regex '{pattern}': {error}")))?,
        ),
        None => None,
    };
    let mut plan = Plan::default();
    let mut missing = Missing::default();
    // Whether some program is of the kind that a parameter names, if one does.
    let mut named_late = None;
    for (program_index, program) in request.tool.programs.iter().enumerate() {
        for (target_index, target) in program.targets.iter().enumerate() {
            let is_late = matches!(target.point, AttachPoint::Late { .. });
            let target = late::settle(request, program.kind, target)?;
            if is_late {
                named_late = Some(target.is_some() || named_late == Some(true));
            }
            let Some(target) = target else { continue };
            if !runs_in(request.args.mode, &target.point) {
                missing.note(request, target, program.uses_cookie, true);
                continue;
            }
            let places = match places(request, program.kind, target) {
                Ok(places) => places,
                // A file that does not exist is told as such, and tolerated like a probe that does not.
                Err(error) if program.optional || request.config.missing_probes == MissingProbes::Ignore => {
                    drop(error);
                    Vec::new()
                }
                Err(error) => return Err(error),
            };
            let unnamed = (program.uses_cookie && !is_late) || program.optional;
            missing.note(request, target, unnamed, !places.is_empty());
            for (name, place) in places {
                let keeps = matches!(place, Place::Begin | Place::End);
                if let Some(filter) = &filter
                    && !keeps
                    && !filter.matches(&name)
                {
                    continue;
                }
                let probe = plan.probes.len();
                plan.probes.push(name);
                plan.attachments.push(Attachment { program: program_index, target: target_index, probe, place });
            }
        }
    }
    missing.tell(request)?;
    if named_late == Some(false) {
        let text = request.args.params.join(" ");
        return Err(Error::refused(format!("{text}: not a kind of probe that {} can use", request.tool.name)));
    }
    if plan.attachments.is_empty() {
        let points = || request.tool.programs.iter().flat_map(|program| program.targets).map(|target| target.point);
        let asks = if points().any(|point| matches!(point, AttachPoint::Bench(_))) {
            Some("bench")
        } else if points().any(|point| matches!(point, AttachPoint::Test(_))) {
            Some("test")
        } else {
            None
        };
        return Err(match asks {
            Some(mode) if filter.is_none() => {
                let kind = if mode == "bench" { "benchmark" } else { mode };
                Error::refused(format!("No probes attached; use --{mode} to run {kind} probes."))
            }
            _ => {
                if !request.args.quiet {
                    println!("No probes to attach");
                }
                Error::refused("").bare()
            }
        });
    }
    let max = request.config.max_probes as usize;
    if plan.attachments.len() > max {
        return Err(Error::refused(format!(
            "Can't attach to {} probes because it exceeds the current limit of {max} probes.\nYou can increase the \
             limit through the BPFTRACE_MAX_PROBES environment variable, but BE CAREFUL since a high number of probes \
             attached can cause your system to crash.",
            plan.attachments.len()
        )));
    }
    Ok(plan)
}

fn runs_in(mode: Mode, point: &AttachPoint) -> bool {
    match point {
        AttachPoint::Test(_) => mode == Mode::Test,
        AttachPoint::Bench(_) => mode == Mode::Bench,
        AttachPoint::Begin | AttachPoint::End => true,
        _ => mode == Mode::Trace,
    }
}

type Found = Vec<(String, Place)>;

/// Names and places that one attach point means.
fn places(request: &Request<'_>, kind: ProgramKind, target: &'static Target) -> Result<Found> {
    let params = &request.args.params;
    let display = text::resolve(target.display, params);
    let provider = display.split(':').next().unwrap_or("").to_owned();
    let word = |word: Text| text::resolve(word, params);
    let one = |place: Place| Ok(vec![(display.clone(), place)]);
    match target.point {
        AttachPoint::Begin => one(Place::Begin),
        AttachPoint::End => one(Place::End),
        AttachPoint::Signal(name) => one(Place::Signal(signal_number(name)?)),
        AttachPoint::Test(name) => one(Place::Test(name.to_owned())),
        AttachPoint::Bench(name) => one(Place::Bench(name.to_owned())),
        AttachPoint::Kernel { module, function, offset } => {
            let (module, function) = (module.map(word), word(function));
            Ok(functions(request, module.as_deref(), &function)
                .into_iter()
                .map(|f| {
                    let name = if is_pattern(module.as_deref(), &function) {
                        kernel_name(&provider, module.is_some(), &f, offset)
                    } else {
                        display.clone()
                    };
                    (name, Place::Function { module: f.module, name: f.name, offset })
                })
                .collect())
        }
        AttachPoint::KernelAddress(address) => one(Place::KernelAddress(address)),
        AttachPoint::Trampoline { module, function } => {
            let (module, function) = (module.map(word), word(function));
            let pattern = is_pattern(module.as_deref(), &function);
            Ok(functions(request, module.as_deref(), &function)
                .into_iter()
                .filter(|f| crate::attach::clone::is_known(f.module.as_deref(), &f.name))
                .map(|f| {
                    let name = if pattern { kernel_name(&provider, true, &f, 0) } else { display.clone() };
                    (name, Place::Trampoline { module: f.module, name: f.name })
                })
                .collect())
        }
        AttachPoint::Bpf { id, name } => Ok(crate::find::bpf::programs(id.map(word).as_deref(), &word(name))
            .into_iter()
            .map(|(id, function)| (format!("{provider}:bpf:{id}:{function}"), Place::Bpf { program: id, function }))
            .collect()),
        AttachPoint::User { path, symbol, offset, cpp } => {
            let files = files(request, target, &word(path), &provider)?;
            user_symbols(request, &files, &Wanted { symbol: &word(symbol), offset, cpp }, &provider, kind)
        }
        AttachPoint::UserAddress { path, address } => {
            let files = files(request, target, &word(path), &provider)?;
            files.into_iter().map(|file| address_place(request, file, address, &provider)).collect()
        }
        AttachPoint::UserSource { path, file, line, column } => {
            let files = files(request, target, &word(path), &provider)?;
            let mut found = Vec::new();
            for binary in files {
                let address = crate::find::lines::address(&binary.path, file, line, column)
                    .map_err(|text| Error::refused(message::at(request.tool, target.place, "ERROR", &text)).bare())?;
                let offset = Binary::read(&binary.path).map_or(address, |b| b.file_offset(address));
                let name = format!("{provider}:{}:{address}", binary.shown);
                found.push((name, Place::File { path: binary.path, offset, symbol: None }));
            }
            Ok(found)
        }
        AttachPoint::Usdt { path, provider: usdt_provider, name } => {
            let files = usdt_files(request, target, &word(path), &provider)?;
            let usdt_provider = usdt_provider.map_or_else(|| "*".to_owned(), word);
            Ok(usdt_probes(&files, &usdt_provider, &word(name), &provider))
        }
        AttachPoint::Tracepoint { category, event } => {
            let (category, event) = (word(category), word(event));
            let Some(tracefs) = tracefs::get() else {
                let error =
                    Error::refused("tracefs is not mounted, or may not be read: it has the tracepoints' numbers");
                return Err(error.hint(
                    "mount it (`mount -t tracefs tracefs /sys/kernel/tracing`), or let the tool do so: with CAP_SYS_ADMIN",
                ));
            };
            Ok(tracefs
                .tracepoints(&category, &event)
                .into_iter()
                .map(|(category, event)| {
                    (format!("{provider}:{category}:{event}"), Place::Tracepoint { category, event })
                })
                .collect())
        }
        AttachPoint::RawTracepoint { module, event } => {
            let (module, event) = (module.map(word), word(event));
            Ok(kernel::raw_tracepoints(module.as_deref(), &event)
                .into_iter()
                .map(|found| {
                    let module = found.module.as_deref().unwrap_or("vmlinux");
                    (format!("{provider}:{module}:{}", found.name), Place::RawTracepoint(found.name))
                })
                .collect())
        }
        AttachPoint::Interval(period) => {
            let rate = rate(request, period, target, &provider)?;
            Ok(vec![(timer_name(&display, &provider, period, rate), Place::Interval(rate))])
        }
        AttachPoint::Profile(period) => {
            let rate = rate(request, period, target, &provider)?;
            Ok(vec![(timer_name(&display, &provider, period, rate), Place::Profile(rate))])
        }
        AttachPoint::Software { config, count } => one(Place::Software { config, count }),
        AttachPoint::Hardware { config, count } => one(Place::Hardware { config, count }),
        AttachPoint::Watchpoint { address, length, read, write, execute } => {
            let address = word(address);
            let address = crate::args::parse_number(&address)
                .ok_or_else(|| Error::refused(format!("Invalid watchpoint address: {address}")))?;
            one(Place::Watchpoint { address: address as u64, length, kind: watch_kind(read, write, execute) })
        }
        AttachPoint::WatchArgument { function, .. } => {
            Err(Error::refused(format!("{display}: watchpoints on arguments ({function}) are not supported")))
        }
        AttachPoint::Iter { pin } => {
            let kind = display.split(':').nth(1).unwrap_or_default();
            if !crate::attach::clone::has_struct(&format!("bpf_iter__{kind}")) {
                return Ok(Vec::new());
            }
            one(Place::Iter { pin: pin.map(PathBuf::from) })
        }
        AttachPoint::Late { .. } => Err(Error::kernel("bug: a probe that a parameter names was not settled")),
    }
}

fn is_pattern(module: Option<&str>, function: &str) -> bool {
    glob::is_pattern(function) || module.is_some_and(glob::is_pattern)
}

fn kernel_name(provider: &str, with_module: bool, function: &kernel::Function, offset: u64) -> String {
    let module = match (&function.module, with_module) {
        (Some(module), true) => format!("{module}:"),
        (None, true) => "vmlinux:".to_owned(),
        _ => String::new(),
    };
    let offset = if offset == 0 { String::new() } else { format!("+{offset}") };
    format!("{provider}:{module}{}{offset}", function.name)
}

/// Kernel functions that fit; a plain name is taken as it is if the kernel has it.
fn functions(request: &Request<'_>, module: Option<&str>, pattern: &str) -> Vec<kernel::Function> {
    if is_pattern(module, pattern) {
        return kernel::functions(module, pattern, request.args.traceable_functions.as_deref());
    }
    if kernel::function_exists(module, pattern) {
        vec![kernel::Function { module: module.map(str::to_owned), name: pattern.to_owned() }]
    } else {
        Vec::new()
    }
}

/// A binary and how probe names show it.
struct TargetFile {
    path: PathBuf,
    shown: String,
}

fn files(request: &Request<'_>, target: &Target, path: &str, provider: &str) -> Result<Vec<TargetFile>> {
    let found = match request.program {
        Some(program) if path == "*" => vec![program.to_owned()],
        _ => libraries::binaries(path, request.target_pid),
    };
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
fn usdt_files(request: &Request<'_>, target: &Target, path: &str, provider: &str) -> Result<Vec<TargetFile>> {
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
struct Wanted<'a> {
    symbol: &'a str,
    offset: u64,
    cpp: bool,
}

fn user_symbols(
    request: &Request<'_>,
    files: &[TargetFile],
    wanted: &Wanted<'_>,
    provider: &str,
    kind: ProgramKind,
) -> Result<Found> {
    let &Wanted { symbol, offset, cpp } = wanted;
    let mut found = Vec::new();
    let mut places = std::collections::HashSet::new();
    for file in files {
        let Ok(binary) = Binary::read(&file.path) else { continue };
        let pattern = glob::is_pattern(symbol);
        for candidate in &binary.symbols {
            let fits = if cpp {
                candidate.function && crate::find::demangle::matches(symbol, &candidate.name)
            } else if pattern {
                candidate.function && glob::matches(symbol, &candidate.name)
            } else {
                candidate.name == symbol
            };
            // Two names for one address are one place for a pattern.
            if !fits || ((pattern || cpp) && !places.insert((file.path.clone(), candidate.address))) {
                continue;
            }
            if offset != 0 && kind == ProgramKind::Uprobe && offset >= candidate.size && !request.tool.is_unsafe {
                return Err(outside(&candidate.name, candidate.size, provider, &file.shown, offset));
            }
            if offset != 0 && kind == ProgramKind::Uprobe && !binary.begins_instruction(&file.path, candidate, offset) {
                let place = format!("{}:{}+{offset}", file.shown, candidate.name);
                in_instruction(request, &place, &format!("{provider}:{place}"))?;
            }
            let cpp_prefix = if cpp { "cpp:" } else { "" };
            let suffix = if offset == 0 { String::new() } else { format!("+{offset}") };
            let shown = candidate.name.as_str();
            if candidate.size == 0 && candidate.function && !request.tool.is_unsafe {
                let name = format!("{provider}:{}:{cpp_prefix}{shown}{suffix}", file.shown);
                return Err(unsized_symbol(shown, &name));
            }
            found.push((
                format!("{provider}:{}:{cpp_prefix}{shown}{suffix}", file.shown),
                Place::File {
                    path: file.path.clone(),
                    offset: binary.file_offset(candidate.address) + offset,
                    symbol: Some(candidate.name.clone()),
                },
            ));
        }
    }
    Ok(found)
}

/// A symbol without a size might be anything: a probe in the middle of an instruction breaks the program.
fn unsized_symbol(symbol: &str, probe: &str) -> Error {
    Error::kernel(format!(
        "Could not determine boundary for {symbol} (symbol has size 0).\nUse --unsafe to force attachment. WARNING: This \
         option could lead to data corruption in the target process.\nERROR: Unable to attach probe: {probe}. If this is \
         expected, set the 'missing_probes' config variable to 'warn'."
    ))
}

/// A probe in the middle of an instruction: refused, or told with `--unsafe`.
fn in_instruction(request: &Request<'_>, place: &str, probe: &str) -> Result<()> {
    if request.tool.is_unsafe {
        if !request.args.no_warnings {
            message::warning(&format!("Unsafe uprobe in the middle of the instruction: {place}"));
        }
        return Ok(());
    }
    Err(Error::kernel(format!(
        "Could not add uprobe into middle of instruction: {place}\nUse --unsafe to force attachment. WARNING: This \
         option could lead to data corruption in the target process.\nERROR: Unable to attach probe: {probe}. If this is \
         expected, set the 'missing_probes' config variable to 'warn'."
    )))
}

/// An address in a file: in a function, at the start of an instruction, or forced.
fn address_place(request: &Request<'_>, file: TargetFile, address: u64, provider: &str) -> Result<(String, Place)> {
    let name = format!("{provider}:{}:{address}", file.shown);
    let binary = Binary::read(&file.path).unwrap_or_default();
    match binary.function_at(address) {
        Some(function) if !binary.begins_instruction(&file.path, function, address - function.address) => {
            let place = format!("{}:{}+{}", file.shown, function.name, address - function.address);
            in_instruction(request, &place, &name)?;
        }
        None if !request.tool.is_unsafe => {
            return Err(Error::kernel(format!(
                "Could not determine instruction boundary for {name} (binary appears stripped).\nUse --unsafe to force \
                 attachment. WARNING: This option could lead to data corruption in the target process.\nERROR: Unable to \
                 attach probe: {name}. If this is expected, set the 'missing_probes' config variable to 'warn'."
            )));
        }
        _ => {}
    }
    Ok((name, Place::File { offset: binary.file_offset(address), path: file.path, symbol: None }))
}

fn outside(symbol: &str, size: u64, provider: &str, file: &str, offset: u64) -> Error {
    Error::kernel(format!(
        "Offset outside the function bounds ('{symbol}' size is {size})\nERROR: Unable to attach probe: \
         {provider}:{file}:{symbol}+{offset}. If this is expected, set the 'missing_probes' config variable to 'warn'."
    ))
}

fn usdt_probes(files: &[TargetFile], provider: &str, name: &str, kind: &str) -> Found {
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

/// A period given as a whole is shown in microseconds.
fn timer_name(display: &str, provider: &str, period: Period, rate: Rate) -> String {
    match (period, rate) {
        (Period::Every { unit: 1, .. }, Rate::Nanoseconds(n)) => format!("{provider}:us:{}", n / 1000),
        _ => display.to_owned(),
    }
}

fn rate(request: &Request<'_>, period: Period, target: &Target, provider: &str) -> Result<Rate> {
    let params = &request.args.params;
    let positive = |value: i64| {
        u64::try_from(value).ok().filter(|&value| value > 0).ok_or_else(|| {
            let text = format!("{provider} frequency should be a positive integer");
            Error::refused(message::at(request.tool, target.place, "ERROR", &text)).bare()
        })
    };
    // `interval:$1` with `20ms` or `ms:20`: the whole period is given.
    if let Period::Every { count: Number::Param(n), unit: 1 } = period
        && let Some(given) = text::param(params, n)
    {
        let digits = given.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let (unit, count) = given.split_once(':').unwrap_or((&given[digits.len()..], digits));
        let Some(count) = crate::args::parse_number(count) else {
            let text = format!("Invalid rate of {provider} probe: invalid integer: {given}");
            return Err(Error::refused(message::at(request.tool, target.place, "ERROR", &text)).bare());
        };
        let count = positive(count)?;
        let nanoseconds = match unit {
            "hz" => return Ok(Rate::Hertz(count)),
            "d" => 86_400_000_000_000,
            "h" => 3_600_000_000_000,
            "m" => 60_000_000_000,
            "s" => 1_000_000_000,
            "ms" => 1_000_000,
            "us" => 1000,
            _ => 1,
        };
        return Ok(Rate::Nanoseconds(count.saturating_mul(nanoseconds)));
    }
    Ok(match period {
        Period::Hertz(hertz) => Rate::Hertz(positive(text::number(hertz, params)?)?),
        Period::Every { count, unit } => {
            Rate::Nanoseconds(positive(text::number(count, params)?)?.saturating_mul(unit))
        }
    })
}

fn watch_kind(read: bool, write: bool, execute: bool) -> u32 {
    // HW_BREAKPOINT_R, _W, _X of linux/hw_breakpoint.h.
    u32::from(read) | u32::from(write) << 1 | u32::from(execute) << 2
}

fn signal_number(name: &str) -> Result<i32> {
    let bare = name.strip_prefix("SIG").unwrap_or(name);
    match bare {
        "USR1" => Ok(libc::SIGUSR1),
        "USR2" => Ok(libc::SIGUSR2),
        "HUP" => Ok(libc::SIGHUP),
        "INT" => Ok(libc::SIGINT),
        "TERM" => Ok(libc::SIGTERM),
        "QUIT" => Ok(libc::SIGQUIT),
        "ALRM" => Ok(libc::SIGALRM),
        "WINCH" => Ok(libc::SIGWINCH),
        "CONT" => Ok(libc::SIGCONT),
        _ => Err(Error::refused(format!("unknown signal: {name}"))),
    }
}
