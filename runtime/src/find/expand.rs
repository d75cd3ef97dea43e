//! Attach points of the tables → places on the running system.

use std::path::{Path, PathBuf};

use crate::args::{Args, Mode, OptionValue};
use crate::context::RunConfig;
use crate::error::{Error, Result};
use crate::find::elf::Binary;
use crate::find::missing::Missing;
use crate::find::user::{self, Wanted};
use crate::find::{glob, kernel, late, tracefs};
use crate::regex::Regex;
use crate::tool::{AttachPoint, Number, Period, ProgramKind, Target, Text, TextPiece, Tool};
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

impl Plan {
    /// Whether a target of the program called `name` has a place.
    fn has_place(&self, tool: &Tool, name: &str, target: usize) -> bool {
        self.attachments.iter().any(|a| tool.programs[a.program].name == name && a.target == target)
    }

    /// Puts the kprobe that stands in for a trampoline program in the place of its first attachment; the probe's index.
    pub fn step_down(&mut self, tool: &Tool, program: &str) -> Option<usize> {
        let stand_in = stand_in(tool, program)?;
        let first = self.attachments.iter_mut().find(|a| tool.programs[a.program].name == program)?;
        let Place::Trampoline { module, name } = &first.place else { return None };
        first.place = Place::Function { module: module.clone(), name: name.clone(), offset: 0 };
        first.program = stand_in;
        Some(first.probe)
    }
}

/// The program that stands in for another one.
pub fn stand_in(tool: &Tool, program: &str) -> Option<usize> {
    let stands_in = |target: &Target| matches!(target.point, AttachPoint::StandIn { of, .. } if of == program);
    tool.programs.iter().position(|candidate| candidate.targets.iter().any(stands_in))
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
    /// A place in a file where a probe would do harm, and why.
    Refused(String),
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
            if let AttachPoint::StandIn { of, .. } = target.point
                && plan.has_place(request.tool, of, target_index)
            {
                continue;
            }
            let places = match places(request, program.kind, target) {
                Ok(places) => places,
                // A file that does not exist is told as such, and tolerated like a probe that does not.
                Err(error) if program.optional => {
                    drop(error);
                    Vec::new()
                }
                Err(error) => return Err(error),
            };
            let unnamed = (program.uses_cookie && !is_late) || program.optional;
            // If there is none, that of the program that stands in for this one counts.
            if places.is_empty() && stand_in(request.tool, program.name).is_some() {
                continue;
            }
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
                Error::kernel(format!("No probes attached; use --{mode} to run {kind} probes."))
            }
            _ => {
                if !request.args.quiet {
                    println!("No probes to attach");
                }
                Error::refused("").bare()
            }
        });
    }
    limit_programs(request, &plan)?;
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

/// A limit that is lower than the usual one: bpftrace makes a program of each event that a pattern of tracepoints fits, and of
/// each that has to tell its name.
fn limit_programs(request: &Request<'_>, plan: &Plan) -> Result<()> {
    const USUAL: usize = 1024;
    let limit = request.config.max_bpf_progs as usize;
    let is_own = |attachment: &&Attachment| {
        let program = &request.tool.programs[attachment.program];
        let named = text::resolve(program.targets[attachment.target].display, &request.args.params);
        program.uses_cookie || (matches!(attachment.place, Place::Tracepoint { .. }) && glob::is_pattern(&named))
    };
    let own: Vec<&Attachment> = plan.attachments.iter().filter(is_own).collect();
    match own.get(limit) {
        Some(over) if limit < USUAL => {
            let text = format!(
                "Your program is trying to generate more than {} BPF programs, which exceeds the current limit of {limit}",
                own.len()
            );
            let place = request.tool.programs[over.program].targets[over.target].place;
            let error = Error::refused(message::at(request.tool, place, "ERROR", &text)).bare();
            Err(error.hint("You can increase the limit through the BPFTRACE_MAX_BPF_PROGS environment variable."))
        }
        _ => Ok(()),
    }
}

fn runs_in(mode: Mode, point: &AttachPoint) -> bool {
    match point {
        AttachPoint::Test(_) => mode == Mode::Test,
        AttachPoint::Bench(_) => mode == Mode::Bench,
        AttachPoint::Begin | AttachPoint::End => true,
        _ => mode == Mode::Trace,
    }
}

pub(super) type Found = Vec<(String, Place)>;

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
        AttachPoint::StandIn { module, function, .. } => {
            let (module, function) = (module.map(word), word(function));
            let found = functions(request, module.as_deref(), &function).into_iter();
            Ok(found
                .map(|f| (display.clone(), Place::Function { module: f.module, name: f.name, offset: 0 }))
                .collect())
        }
        AttachPoint::Kernel { module, function, offset } => {
            let (module, name) = (module.map(word), word(function));
            let (function, offset) = late_offset(function, &name).unwrap_or((&name, offset));
            Ok(functions(request, module.as_deref(), function)
                .into_iter()
                .map(|f| {
                    let name = if is_pattern(module.as_deref(), function) {
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
            let files = user::files(request, target, &word(path), &provider)?;
            let name = word(symbol);
            let (name, offset) = late_offset(symbol, &name).unwrap_or((&name, offset));
            user::symbols(request, &files, &Wanted { symbol: name, offset, cpp }, &provider, kind)
        }
        AttachPoint::UserAddress { path, address } => {
            let files = user::files(request, target, &word(path), &provider)?;
            Ok(files.into_iter().map(|file| user::address(request, file, address, &provider, kind)).collect())
        }
        AttachPoint::UserSource { path, file, line, column } => {
            let files = user::files(request, target, &word(path), &provider)?;
            let mut found = Vec::new();
            for binary in files {
                let address = request
                    .tool
                    .parts
                    .source_lines
                    .map_or_else(
                        || Err("DWARF error: the tool was built without".to_owned()),
                        |lines| (lines.0)(&binary.path, file, line, column),
                    )
                    .map_err(|text| Error::refused(message::at(request.tool, target.place, "ERROR", &text)).bare())?;
                let offset = Binary::read(&binary.path).map_or(address, |b| b.file_offset(address));
                let name = format!("{provider}:{}:{address}", binary.shown);
                found.push((name, Place::File { path: binary.path, offset, symbol: None }));
            }
            Ok(found)
        }
        AttachPoint::Usdt { path, provider: usdt_provider, name } => {
            let files = user::usdt_files(request, target, &word(path), &provider)?;
            let usdt_provider = usdt_provider.map_or_else(|| "*".to_owned(), word);
            Ok(user::usdt_probes(&files, &usdt_provider, &word(name), &provider))
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

/// `add+$1`: name and offset, which only the parameter tells.
fn late_offset(text: Text, name: &str) -> Option<(&str, u64)> {
    let is_late = text.iter().any(|piece| matches!(piece, TextPiece::Param(_)));
    let (function, offset) = name.rsplit_once('+').filter(|_| is_late)?;
    Some((function, u64::try_from(crate::args::parse_number(offset)?).ok()?))
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
    let number = |number: Number| match number {
        Number::Option(name) => option_number(request, name),
        number => text::number(number, params),
    };
    Ok(match period {
        Period::Hertz(hertz) => Rate::Hertz(positive(number(hertz)?)?),
        Period::Every { count, unit } => Rate::Nanoseconds(positive(number(count)?)?.saturating_mul(unit)),
    })
}

fn option_number(request: &Request<'_>, name: &str) -> Result<i64> {
    let index = request.tool.options.iter().position(|option| option.long() == name);
    match index.and_then(|index| request.args.options.get(index)) {
        Some(OptionValue::Int(value)) => Ok(*value),
        _ => Err(Error::refused(format!("the script has no option --{name} that is a number"))),
    }
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
