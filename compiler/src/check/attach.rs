//! Attach points: the words between colons → where programs attach.

use super::names;
pub(crate) use super::provider::Provider;
use crate::Options;
use crate::codes;
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::kernel::{Host, Kernel};
use crate::program::{
    AttachPoint, Config, KernelLocation, LateNumber, LateText, Period, Target, TextPiece, UserLocation,
};
use crate::syntax::ast::{self, AttachPart, Script};

/// One attach point, understood.
#[derive(Clone, Debug)]
pub(crate) struct Point {
    pub provider: Provider,
    pub target: Target,
    /// It stands for several events.
    pub wildcard: bool,
}

/// Nanoseconds between two ticks of a timer, at least.
const SHORTEST: u64 = 1000;

/// Name, aliases, perf's number, default count.
type Event = (&'static str, &'static [&'static str], u64, u64);

const SOFTWARE: [Event; 11] = [
    ("cpu-clock", &["cpu"], 0, 1_000_000),
    ("task-clock", &[], 1, 1_000_000),
    ("page-faults", &["faults"], 2, 100),
    ("context-switches", &["cs"], 3, 1000),
    ("cpu-migrations", &[], 4, 1),
    ("minor-faults", &[], 5, 100),
    ("major-faults", &[], 6, 1),
    ("alignment-faults", &[], 7, 1),
    ("emulation-faults", &[], 8, 1),
    ("dummy", &[], 9, 1),
    ("bpf-output", &[], 10, 1),
];

const HARDWARE: [Event; 10] = [
    ("cpu-cycles", &["cycles"], 0, 1_000_000),
    ("instructions", &[], 1, 1_000_000),
    ("cache-references", &[], 2, 1_000_000),
    ("cache-misses", &[], 3, 1_000_000),
    ("branch-instructions", &["branches"], 4, 100_000),
    ("branch-misses", &[], 5, 100_000),
    ("bus-cycles", &[], 6, 100_000),
    ("frontend-stalls", &[], 7, 1_000_000),
    ("backend-stalls", &[], 8, 1_000_000),
    ("ref-cycles", &[], 9, 1_000_000),
];

/// Reads the attach points of every probe; those that make no sense are reported and left out.
pub(crate) fn check_attach_points(
    script: &Script,
    options: &Options,
    kernel: &dyn Kernel,
    _host: &dyn Host,
    _config: &Config,
    diagnostics: &mut Diagnostics,
) -> Vec<Vec<Point>> {
    let mut out = Vec::new();
    for probe in &script.probes {
        let mut points = Vec::new();
        for written in &probe.attach_points {
            if let Some(late) = super::late::points(written, probe) {
                points.extend(late);
                continue;
            }
            let mut reader = Reader { written, options, kernel, diagnostics };
            if let Some(point) = reader.point() {
                points.push(point);
            }
        }
        if points.iter().any(|point| point.provider == Provider::Iter) && points.len() > 1 {
            diagnostics.push(Diagnostic::error(
                codes::PROBE_PART,
                probe.attach_points[1].span,
                "iter probe only supports one attach point.",
            ));
        }
        out.push(points);
    }
    if !diagnostics.has_errors() && out.iter().all(Vec::is_empty) {
        diagnostics.push(Diagnostic::global_error(codes::PROBE_MISSING, "No probes to attach"));
    }
    out
}

/// Reads one attach point.
struct Reader<'a> {
    written: &'a ast::AttachPoint,
    options: &'a Options,
    kernel: &'a dyn Kernel,
    diagnostics: &'a mut Diagnostics,
}

impl Reader<'_> {
    fn point(&mut self) -> Option<Point> {
        let name = &self.written.provider.name;
        let Some(provider) = Provider::by_name(name) else {
            let error =
                Diagnostic::error(codes::UNKNOWN_PROVIDER, self.written.span, format!("Invalid probe type: {name}"));
            let known = Provider::names();
            self.diagnostics.push(match names::nearest(name, known) {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => error,
            });
            return None;
        };
        let point = self.location(provider)?;
        let wildcard = self.is_wildcard(provider);
        let target = Target { display: self.display(provider), point, span: self.written.span };
        Some(Point { provider, target, wildcard })
    }

    fn location(&mut self, provider: Provider) -> Option<AttachPoint> {
        match provider {
            Provider::Begin => self.none("begin", AttachPoint::Begin),
            Provider::End => self.none("end", AttachPoint::End),
            Provider::SelfSignal => self.signal(),
            Provider::Test => self.named(AttachPoint::Test),
            Provider::Bench => self.named(AttachPoint::Bench),
            Provider::Kprobe | Provider::Kretprobe => self.kernel_function(provider),
            Provider::Fentry | Provider::Fexit => self.trampoline(provider),
            Provider::Uprobe | Provider::Uretprobe => self.user_function(provider),
            Provider::Usdt => self.usdt(),
            Provider::Tracepoint => {
                self.count(2, 2)?;
                Some(AttachPoint::Tracepoint { category: self.text(0), event: self.text(1) })
            }
            Provider::RawTracepoint => {
                self.count(1, 2)?;
                let last = self.written.parts.len() - 1;
                Some(AttachPoint::RawTracepoint { module: (last == 1).then(|| self.text(0)), event: self.text(last) })
            }
            Provider::Interval => self.period().map(|period| AttachPoint::Interval { period }),
            Provider::Profile => self.period().map(|period| AttachPoint::Profile { period }),
            Provider::Software => {
                self.event(&SOFTWARE, "software").map(|(config, count)| AttachPoint::Software { config, count })
            }
            Provider::Hardware => {
                self.event(&HARDWARE, "hardware").map(|(config, count)| AttachPoint::Hardware { config, count })
            }
            Provider::Watchpoint => self.watchpoint(),
            Provider::Iter => self.iterator(),
        }
    }

    fn error<T>(&mut self, message: impl Into<String>) -> Option<T> {
        self.diagnostics.push(Diagnostic::error(codes::PROBE_PART, self.written.span, message));
        None
    }

    /// Refuses any other number of parts.
    fn count(&mut self, least: usize, most: usize) -> Option<()> {
        let found = self.written.parts.len();
        if (least..=most).contains(&found) {
            return Some(());
        }
        let wanted = match most - least {
            0 => least.to_string(),
            1 => format!("{least} or {most}"),
            _ => format!("{least} to {most}"),
        };
        let provider = Provider::by_name(&self.written.provider.name).map_or("", Provider::name);
        let word = if wanted == "1" { "argument" } else { "arguments" };
        self.diagnostics.push(Diagnostic::error(
            codes::PROBE_PARTS,
            self.written.span,
            format!("{provider} probe type requires {wanted} {word}, found {found}"),
        ));
        None
    }

    fn part(&self, at: usize) -> &AttachPart {
        &self.written.parts[at]
    }

    fn text(&self, at: usize) -> LateText {
        self.part(at).pieces.clone()
    }

    /// The part as plain text, with `$n` where a parameter stands.
    fn plain(&self, at: usize) -> String {
        plain(&self.part(at).pieces)
    }

    /// The part where it must be known now.
    fn known(&mut self, at: usize, what: &str) -> Option<String> {
        match known(&self.part(at).pieces) {
            Some(text) => Some(text),
            None => self.error(format!("{what} must not contain positional parameters")),
        }
    }

    fn is_wildcard(&self, provider: Provider) -> bool {
        !matches!(provider, Provider::Interval | Provider::Profile | Provider::Iter)
            && self.written.parts.iter().any(|part| plain(&part.pieces).contains('*'))
    }

    /// `provider:part:part`, the provider spelled out.
    fn display(&self, provider: Provider) -> LateText {
        let mut out = vec![TextPiece::Lit(provider.name().to_owned())];
        // `interval:20ms` is shown in microseconds.
        if let (Provider::Interval | Provider::Profile, [part]) = (provider, self.written.parts.as_slice()) {
            let text = plain(&part.pieces);
            if let Some(nanoseconds) = duration(&text).or_else(|| integer(&text)) {
                return vec![TextPiece::Lit(format!("{}:us:{}", provider.name(), nanoseconds / 1000))];
            }
        }
        for (at, part) in self.written.parts.iter().enumerate() {
            out.push(TextPiece::Lit(":".into()));
            let text = plain(&part.pieces);
            let is_address = matches!(provider, Provider::Uprobe | Provider::Uretprobe)
                && at == 1
                && self.written.parts.len() == 2
                && text.starts_with(|c: char| c.is_ascii_digit());
            match integer(&text).filter(|_| is_address) {
                Some(address) => out.push(TextPiece::Lit(address.to_string())),
                None => out.extend(part.pieces.iter().cloned()),
            }
        }
        merge(out)
    }

    fn none(&mut self, _name: &str, point: AttachPoint) -> Option<AttachPoint> {
        self.count(0, 0)?;
        Some(point)
    }

    fn named(&mut self, make: fn(String) -> AttachPoint) -> Option<AttachPoint> {
        self.count(1, 1)?;
        self.known(0, "the name").map(make)
    }

    fn signal(&mut self) -> Option<AttachPoint> {
        self.count(2, 2)?;
        if self.plain(0) != "signal" {
            let found = self.plain(0);
            return self.error(format!("{found} is not a supported trigger"));
        }
        let signal = self.known(1, "the signal")?;
        if signal != "SIGUSR1" {
            return self.error(format!("{signal} is not a supported signal"));
        }
        Some(AttachPoint::Signal(signal))
    }

    fn kernel_function(&mut self, provider: Provider) -> Option<AttachPoint> {
        self.count(1, 2)?;
        let last = self.written.parts.len() - 1;
        let module = (last == 1).then(|| self.text(0));
        let (name, offset) = self.split_offset(last)?;
        if offset.is_some() && provider == Provider::Kretprobe {
            return self.error("Offset not allowed");
        }
        let text = plain(&name);
        if text.is_empty() {
            return self.error("kprobe function name must not be empty");
        }
        if text.starts_with(|c: char| c.is_ascii_digit())
            && let Some(address) = integer(&text)
        {
            if !self.options.allow_unsafe {
                return self.error("Use --unsafe to force attachment to an address");
            }
            return Some(AttachPoint::Kernel { module, function: KernelLocation::Address(address) });
        }
        let function = KernelLocation::Function { name, offset: offset.unwrap_or(0) };
        Some(AttachPoint::Kernel { module, function })
    }

    /// `name+offset` → name and offset.
    fn split_offset(&mut self, at: usize) -> Option<(LateText, Option<u64>)> {
        let pieces = self.text(at);
        let Some(TextPiece::Lit(last)) = pieces.last() else { return Some((pieces, None)) };
        let Some((name, offset)) = last.rsplit_once('+') else { return Some((pieces, None)) };
        let Some(offset) = integer(offset) else {
            let offset = offset.to_owned();
            return self.error(format!("Invalid offset: invalid integer: {offset}"));
        };
        let mut name_pieces = pieces[..pieces.len() - 1].to_vec();
        name_pieces.push(TextPiece::Lit(name.to_owned()));
        Some((name_pieces, Some(offset)))
    }

    fn trampoline(&mut self, provider: Provider) -> Option<AttachPoint> {
        if self.written.parts.first().is_some_and(|part| plain(&part.pieces) == "bpf") && self.written.parts.len() > 1 {
            self.count(2, 3)?;
            let last = self.written.parts.len() - 1;
            return Some(AttachPoint::Bpf { id: (last == 2).then(|| self.text(1)), name: self.text(last) });
        }
        self.count(1, 2)?;
        let last = self.written.parts.len() - 1;
        if self.plain(last).contains('+') {
            return self.error(format!("{} can not have an offset", provider.name()));
        }
        Some(AttachPoint::Trampoline { module: (last == 1).then(|| self.text(0)), function: self.text(last) })
    }

    fn user_function(&mut self, provider: Provider) -> Option<AttachPoint> {
        let count = self.written.parts.len();
        if !(2..=4).contains(&count) {
            let provider = provider.name();
            self.diagnostics.push(Diagnostic::error(
                codes::PROBE_PARTS,
                self.written.span,
                format!("{provider} probe type requires 2 or 3 arguments, found {count}"),
            ));
            return None;
        }
        let path = self.text(0);
        if self.plain(0).is_empty() {
            return self.error(format!("{} should have a target", provider.name()));
        }
        if self.plain(1).is_empty() {
            let provider = provider.name();
            return self.error(format!(
                "{provider} should be attached to a function, address, or source file and line (using DWARF)"
            ));
        }
        if count == 3 && self.plain(1) == "cpp" {
            return Some(AttachPoint::User {
                path,
                location: UserLocation::Symbol { name: self.text(2), offset: 0 },
                cpp: true,
            });
        }
        // `binary@file:line[:column]`
        if let Some((binary, file)) = self.plain(0).split_once('@')
            && let Some(line) = integer(&self.plain(1))
        {
            let column = if count == 3 { integer(&self.plain(2)).map(|n| n as u32) } else { None };
            let location = UserLocation::Source { file: file.to_owned(), line: line as u32, column };
            let path = vec![TextPiece::Lit(binary.to_owned())];
            return Some(AttachPoint::User { path, location, cpp: false });
        }
        if count == 3 {
            return self.error(format!("unsupported language type: {}", self.plain(1)));
        }
        if count > 3 {
            let provider = provider.name();
            return self.error(format!("{provider} probe type requires 2 or 3 arguments, found {count}"));
        }
        let text = self.plain(1);
        if text.starts_with(|c: char| c.is_ascii_digit())
            && let Some(address) = integer(&text)
        {
            return Some(AttachPoint::User { path, location: UserLocation::Address(address), cpp: false });
        }
        let (name, offset) = self.split_offset(1)?;
        if offset.is_some() && provider == Provider::Uretprobe {
            return self.error("Offset not allowed");
        }
        let location = UserLocation::Symbol { name, offset: offset.unwrap_or(0) };
        Some(AttachPoint::User { path, location, cpp: false })
    }

    fn usdt(&mut self) -> Option<AttachPoint> {
        self.count(2, 3)?;
        let last = self.written.parts.len() - 1;
        Some(AttachPoint::Usdt {
            path: self.text(0),
            provider: (last == 2).then(|| self.text(1)),
            name: self.text(last),
        })
    }

    fn period(&mut self) -> Option<Period> {
        self.count(1, 2)?;
        let name = Provider::by_name(&self.written.provider.name).map_or("", Provider::name);
        let last = self.written.parts.len() - 1;
        let count = match self.text(last).as_slice() {
            [TextPiece::Param(n)] => LateNumber::Param(*n),
            // An extension: the value of an option of the script.
            [TextPiece::Lit(text)] if text.starts_with('$') && text.len() > 1 => {
                LateNumber::Option(text[1..].to_owned())
            }
            pieces => {
                let text = plain(pieces);
                let parsed = if last == 0 { duration(&text).or_else(|| integer(&text)) } else { integer(&text) };
                match parsed {
                    Some(n) if last == 0 && n < SHORTEST => {
                        return self.error(format!(
                            "Invalid rate of {name} probe. Minimum is 1000 or 1us. Found: {n} nanoseconds"
                        ));
                    }
                    Some(0) => return self.error(format!("{name} frequency should be a positive integer")),
                    Some(n) => LateNumber::Const(n),
                    None if text.strip_prefix('-').is_some_and(|text| integer(text).is_some()) => {
                        return self.error(format!("{name} frequency should be a positive integer"));
                    }
                    None if text.starts_with(|c: char| c.is_ascii_digit()) => {
                        return self.error(format!("Invalid rate of {name} probe: invalid trailing bytes: {text}"));
                    }
                    None => return self.error(format!("Invalid rate of {name} probe: invalid integer: {text}")),
                }
            }
        };
        if last == 0 {
            return Some(Period::Every { count, unit: 1 });
        }
        Some(match self.plain(0).as_str() {
            "hz" => Period::Hertz(count),
            "s" => Period::Every { count, unit: 1_000_000_000 },
            "ms" => Period::Every { count, unit: 1_000_000 },
            "us" => Period::Every { count, unit: 1000 },
            unit => {
                let unit = unit.to_owned();
                return self.error(format!("{unit} is not an accepted unit of time"));
            }
        })
    }

    fn event(&mut self, events: &[Event], kind: &str) -> Option<(u64, u64)> {
        self.count(1, 2)?;
        let name = self.known(0, "the event")?;
        let found = events.iter().find(|(long, aliases, ..)| *long == name || aliases.contains(&name.as_str()));
        let Some((_, _, config, default)) = found else {
            let near = names::nearest(&name, events.iter().map(|(long, ..)| *long));
            let error =
                Diagnostic::error(codes::PROBE_PART, self.written.span, format!("{name} is not a {kind} probe"));
            self.diagnostics.push(match near {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => error,
            });
            return None;
        };
        let count = match self.written.parts.get(1).map(|part| plain(&part.pieces)) {
            None => *default,
            Some(text) if text.is_empty() => *default,
            Some(text) => match integer(&text) {
                Some(0) => return self.error(format!("{kind} count should be a positive integer")),
                Some(n) => n,
                None => return self.error(format!("Invalid count for {kind} probe: invalid integer: {text}")),
            },
        };
        Some((*config, count))
    }

    fn watchpoint(&mut self) -> Option<AttachPoint> {
        self.count(3, 3)?;
        let text = self.plain(0);
        if integer(&text).is_none() && !text.contains('$') {
            return self.error(format!("Invalid function/address argument: invalid integer: {text}"));
        }
        let length = self.plain(1);
        let Some(length) = integer(&length) else {
            return self.error(format!("Invalid length argument: invalid integer: {length}"));
        };
        if ![1, 2, 4, 8].contains(&length) {
            return self.error("watchpoint length must be one of (1,2,4,8)");
        }
        let mode = self.plain(2);
        let has = |c: char| mode.contains(c);
        if mode.is_empty() || !mode.chars().all(|c| "rwx".contains(c)) {
            return self.error("watchpoint mode must be combination of (r,w,x)");
        }
        if mode.chars().enumerate().any(|(at, c)| mode[..at].contains(c)) {
            return self.error("watchpoint modes may not be duplicated");
        }
        let sorted: String = ['r', 'w', 'x'].into_iter().filter(|c| has(*c)).collect();
        if !["w", "x", "rw"].contains(&sorted.as_str()) {
            self.diagnostics.push(
                Diagnostic::error(codes::PROBE_PART, self.written.span, format!("invalid watchpoint mode: {sorted}"))
                    .hint("supported modes: x,w,rw"),
            );
            return None;
        }
        Some(AttachPoint::Watchpoint {
            address: self.text(0),
            length: length as u32,
            read: has('r'),
            write: has('w'),
            execute: has('x'),
        })
    }

    fn iterator(&mut self) -> Option<AttachPoint> {
        self.count(1, 2)?;
        let kind = self.known(0, "the iterator")?;
        let known = self.kernel.iterators();
        if !known.is_empty() && !known.contains(&kind) {
            let error = Diagnostic::error(
                codes::PROBE_MISSING,
                self.written.span,
                format!("iter {kind} not available for your kernel version."),
            );
            self.diagnostics.push(match names::nearest(&kind, known.iter().map(String::as_str)) {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => error,
            });
            return None;
        }
        let pin = if self.written.parts.len() == 2 { Some(self.known(1, "the pin")?) } else { None };
        Some(AttachPoint::Iter { pin })
    }
}

/// Text with `$n` for parameters.
pub(crate) fn plain(pieces: &[TextPiece]) -> String {
    pieces.iter().map(TextPiece::to_string).collect()
}

/// Text without parameters in it.
pub(crate) fn known(pieces: &[TextPiece]) -> Option<String> {
    pieces
        .iter()
        .map(|piece| match piece {
            TextPiece::Lit(text) => Some(text.clone()),
            TextPiece::Param(_) | TextPiece::Option(_) => None,
        })
        .collect()
}

fn merge(pieces: LateText) -> LateText {
    let mut out: LateText = Vec::new();
    for piece in pieces {
        match (out.last_mut(), piece) {
            (Some(TextPiece::Lit(before)), TextPiece::Lit(text)) => before.push_str(&text),
            (_, piece) => out.push(piece),
        }
    }
    out
}

/// A number as scripts write it: decimal, hex, octal, with `_`, `1e6`.
pub(crate) fn integer(text: &str) -> Option<u64> {
    let text: String = text.trim().chars().filter(|c| *c != '_').collect();
    if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return u64::from_str_radix(hex, 16).ok();
    }
    if let Some((mantissa, exponent)) = text.split_once(['e', 'E']) {
        let power = 10u64.checked_pow(exponent.parse().ok()?)?;
        return mantissa.parse::<u64>().ok()?.checked_mul(power);
    }
    if text.len() > 1 && text.starts_with('0') {
        return u64::from_str_radix(&text, 8).ok();
    }
    text.parse().ok()
}

/// `10ms` in nanoseconds.
fn duration(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "ns" => 1,
        "us" => 1000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        "d" => 86_400_000_000_000,
        _ => return None,
    };
    integer(digits)?.checked_mul(unit)
}
