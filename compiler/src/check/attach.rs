//! Attach points: the words between colons → where programs attach.

use super::events::{HARDWARE, SOFTWARE, duration, integer};
use super::names;
pub(crate) use super::provider::Provider;
use crate::Options;
use crate::codes;
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::kernel::{Host, Kernel};
use crate::program::{AttachPoint, Config, KernelLocation, LateText, Target, TextPiece, UserLocation};
use crate::syntax::ast::{self, AttachPart, Script};

/// One attach point, understood.
#[derive(Clone, Debug)]
pub(crate) struct Point {
    pub provider: Provider,
    pub target: Target,
    /// It stands for several events.
    pub wildcard: bool,
    /// The script has a pattern of probe types: there need not be such an event.
    pub optional: bool,
}

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
            if written.provider.name.contains('*') {
                points.extend(any_provider(written, options, kernel, diagnostics));
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
    unique_names(&out, diagnostics);
    if !diagnostics.has_errors() && out.iter().all(Vec::is_empty) {
        diagnostics.push(Diagnostic::global_error(codes::PROBE_MISSING, "No probes to attach"));
    }
    out
}

/// Results of tests and benchmarks are told by name.
fn unique_names(probes: &[Vec<Point>], diagnostics: &mut Diagnostics) {
    let mut seen: Vec<&Target> = Vec::new();
    for target in probes.iter().flatten().map(|point| &point.target) {
        let (kind, name) = match &target.point {
            AttachPoint::Test(name) => ("TEST", name),
            AttachPoint::Bench(name) => ("BENCH", name),
            _ => continue,
        };
        if let Some(other) = seen.iter().find(|other| other.point == target.point) {
            let text = format!("\"{name}\" was used as the name for more than one {kind} probe");
            let error = Diagnostic::error(codes::PROBE_PART, target.span, text);
            diagnostics.push(error.with(other.span, "this is the other instance"));
        }
        seen.push(target);
    }
}

/// `u*probe:/bin/bash:readline`: every type of probe that fits and may be such a point.
fn any_provider(
    written: &ast::AttachPoint,
    options: &Options,
    kernel: &dyn Kernel,
    diagnostics: &mut Diagnostics,
) -> Vec<Point> {
    let mut points = Vec::new();
    let mut said: Vec<Diagnostic> = Vec::new();
    for provider in Provider::listed().filter(|provider| fits(&written.provider.name, provider.name())) {
        let mut written = written.clone();
        written.provider.name = provider.name().to_owned();
        let mut tried = Diagnostics::default();
        let point = Reader { written: &written, options, kernel, diagnostics: &mut tried }.point();
        points.extend(point.map(|point| Point { optional: true, ..point }));
        said.extend(tried.iter().cloned());
    }
    if points.is_empty() {
        let text = format!("No probe type matched for {}", written.provider.name);
        said = vec![Diagnostic::error(codes::UNKNOWN_PROVIDER, written.span, text)];
    } else {
        said.retain(|diagnostic| diagnostic.code != codes::PROBE_PARTS);
    }
    diagnostics.extend(said);
    points
}

/// Whether a name fits a pattern in which `*` stands for any text.
fn fits(pattern: &str, name: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or("");
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else { return rest.is_empty() };
    for piece in pieces {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}

/// Reads one attach point.
pub(super) struct Reader<'a> {
    pub written: &'a ast::AttachPoint,
    pub options: &'a Options,
    pub kernel: &'a dyn Kernel,
    pub diagnostics: &'a mut Diagnostics,
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
        Some(Point { provider, target, wildcard, optional: false })
    }

    fn location(&mut self, provider: Provider) -> Option<AttachPoint> {
        match provider {
            Provider::Begin => self.none("begin", AttachPoint::Begin),
            Provider::End => self.none("end", AttachPoint::End),
            Provider::SelfSignal => self.signal(),
            Provider::Test => self.named("test", AttachPoint::Test),
            Provider::Bench => self.named("bench", AttachPoint::Bench),
            Provider::Kprobe | Provider::Kretprobe => self.kernel_function(provider),
            Provider::Fentry | Provider::Fexit => self.trampoline(provider),
            Provider::Uprobe | Provider::Uretprobe => self.user_function(provider),
            Provider::Usdt => self.usdt(),
            Provider::Tracepoint => {
                // A single pattern is one of `category:event`.
                if let [part] = self.written.parts.as_slice()
                    && plain(&part.pieces).contains('*')
                {
                    return Some(AttachPoint::Tracepoint { category: self.text(0), event: Vec::new() });
                }
                self.count(2, 2)?;
                if self.plain(0).is_empty() || self.plain(1).is_empty() {
                    return self.error("tracepoint probe must have a target");
                }
                Some(AttachPoint::Tracepoint { category: self.text(0), event: self.text(1) })
            }
            Provider::RawTracepoint => {
                self.count(1, 2)?;
                let last = self.written.parts.len() - 1;
                if self.plain(last).is_empty() {
                    return self.error("rawtracepoint should be attached to a function");
                }
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

    pub fn error<T>(&mut self, message: impl Into<String>) -> Option<T> {
        self.diagnostics.push(Diagnostic::error(codes::PROBE_PART, self.written.span, message));
        None
    }

    /// Refuses any other number of parts.
    pub fn count(&mut self, least: usize, most: usize) -> Option<()> {
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

    pub fn text(&self, at: usize) -> LateText {
        self.part(at).pieces.clone()
    }

    /// The part as plain text, with `$n` where a parameter stands.
    pub fn plain(&self, at: usize) -> String {
        plain(&self.part(at).pieces)
    }

    /// The part where it must be known now.
    pub fn known(&mut self, at: usize, what: &str) -> Option<String> {
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
            if let Some(nanoseconds) = duration(&text).or_else(|| integer(&text).ok()) {
                return vec![TextPiece::Lit(format!("{}:us:{}", provider.name(), nanoseconds / 1000))];
            }
        }
        for (at, part) in self.written.parts.iter().enumerate() {
            let text = plain(&part.pieces);
            let number = match (provider, at) {
                (Provider::Uprobe | Provider::Uretprobe, 1) if self.written.parts.len() == 2 => {
                    integer(&text).ok().filter(|_| text.starts_with(|c: char| c.is_ascii_digit()))
                }
                (Provider::Watchpoint, 0 | 1) => integer(&text).ok(),
                (Provider::Interval | Provider::Profile, 1) => integer(&text).ok(),
                (Provider::Software | Provider::Hardware, 1) => match integer(&text) {
                    Ok(0) => break,
                    other => other.ok(),
                },
                _ => None,
            };
            out.push(TextPiece::Lit(":".into()));
            if let Some(number) = number {
                out.push(TextPiece::Lit(number.to_string()));
                continue;
            }
            let has_offset =
                matches!(provider, Provider::Kprobe | Provider::Uprobe) && at + 1 == self.written.parts.len();
            match text.split_once('+').filter(|_| has_offset && known(&part.pieces).is_some()) {
                Some((name, offset)) if integer(offset) == Ok(0) => out.push(TextPiece::Lit(name.to_owned())),
                Some((name, offset)) if let Ok(offset) = integer(offset) => {
                    out.push(TextPiece::Lit(format!("{name}+{offset}")));
                }
                _ => out.extend(part.pieces.iter().cloned()),
            }
        }
        merge(out)
    }

    fn none(&mut self, _name: &str, point: AttachPoint) -> Option<AttachPoint> {
        self.count(0, 0)?;
        Some(point)
    }

    fn named(&mut self, kind: &str, make: fn(String) -> AttachPoint) -> Option<AttachPoint> {
        self.count(1, 1)?;
        if self.plain(0).is_empty() {
            return self.error(format!("{kind} probes must have a name"));
        }
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
        let module = (last == 1).then(|| self.text(0)).filter(|module| !module.is_empty());
        if self.plain(last).is_empty() {
            return self.error("kprobes should be attached to a function or an address");
        }
        let (name, offset) = self.split_offset(last)?;
        if offset.is_some() && provider == Provider::Kretprobe {
            return self.error("Offset not allowed");
        }
        let text = plain(&name);
        if text.is_empty() {
            return self.error("Invalid offset");
        }
        if text.starts_with(|c: char| c.is_ascii_digit())
            && let Ok(address) = integer(&text)
        {
            if !self.options.allow_unsafe {
                return self.error("Probing by address requires --unsafe");
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
        let Some((name, offset)) = last.split_once('+') else { return Some((pieces, None)) };
        if offset.is_empty() {
            return self.error("Invalid offset");
        }
        if offset.contains('+') {
            return self.error("Cannot take more than one offset");
        }
        let offset = match integer(offset) {
            Ok(offset) => offset,
            Err(why) => return self.error(format!("Invalid offset: {why}")),
        };
        let mut name_pieces = pieces[..pieces.len() - 1].to_vec();
        name_pieces.push(TextPiece::Lit(name.to_owned()));
        Some((name_pieces, Some(offset)))
    }

    fn trampoline(&mut self, provider: Provider) -> Option<AttachPoint> {
        if self.written.parts.first().is_some_and(|part| plain(&part.pieces) == "bpf") && self.written.parts.len() > 1 {
            self.count(2, 3)?;
            let last = self.written.parts.len() - 1;
            if self.plain(last).is_empty() {
                return self.error("fentry/fexit should specify a function");
            }
            return Some(AttachPoint::Bpf { id: (last == 2).then(|| self.text(1)), name: self.text(last) });
        }
        if self.written.parts.len() == 3 {
            return self.error("Only the 'bpf' variant of this probe supports 4 arguments");
        }
        self.count(1, 2)?;
        let last = self.written.parts.len() - 1;
        if self.plain(last).is_empty() {
            return self.error("fentry/fexit should specify a function");
        }
        if last == 0 && self.plain(0) == "bpf" {
            return self
                .error("the 'bpf' variant of this probe requires a bpf program name and optional bpf program id");
        }
        if self.plain(last).contains('+') {
            return self.error(format!("{} can not have an offset", provider.name()));
        }
        let module = (last == 1).then(|| self.text(0)).filter(|module| !module.is_empty());
        Some(AttachPoint::Trampoline { module, function: self.text(last) })
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
            && let Ok(line) = integer(&self.plain(1))
        {
            let column = if count == 3 { integer(&self.plain(2)).ok().map(|n| n as u32) } else { None };
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
            && let Ok(address) = integer(&text)
        {
            if address == 0 {
                return self.error(format!(
                    "{} should be attached to a function, address, or source file and line (using DWARF)",
                    provider.name()
                ));
            }
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
        if self.plain(last).is_empty() {
            return self.error("usdt probe must have a target function or wildcard");
        }
        Some(AttachPoint::Usdt {
            path: self.text(0),
            provider: (last == 2).then(|| self.text(1)).filter(|provider| !provider.is_empty()),
            name: self.text(last),
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
