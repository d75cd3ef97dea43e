//! Attach points of timers, counters and watchpoints: units, names of events, numbers.

use super::attach::{Provider, Reader, plain};
use super::names;
use crate::codes;
use crate::diagnostics::Diagnostic;
use crate::program::{AttachPoint, LateNumber, Period, TextPiece};

/// Nanoseconds between two ticks of a timer, at least.
const SHORTEST: u64 = 1000;

/// Name, aliases, perf's number, default count.
pub(super) type Event = (&'static str, &'static [&'static str], u64, u64);

pub(super) const SOFTWARE: [Event; 11] = [
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

pub(super) const HARDWARE: [Event; 10] = [
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

impl Reader<'_> {
    pub fn period(&mut self) -> Option<Period> {
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
                let whole = if last == 0 { duration(&text) } else { None };
                match whole.map_or_else(|| integer(&text), Ok) {
                    Ok(n) if last == 0 && n < SHORTEST => {
                        return self.error(format!(
                            "Invalid rate of {name} probe. Minimum is 1000 or 1us. Found: {n} nanoseconds"
                        ));
                    }
                    Ok(0) => return self.error(format!("{name} frequency should be a positive integer")),
                    Ok(n) => LateNumber::Const(n),
                    Err(_) if text.strip_prefix('-').is_some_and(|text| integer(text).is_ok()) => {
                        return self.error(format!("{name} frequency should be a positive integer"));
                    }
                    Err(why) => return self.error(format!("Invalid rate of {name} probe: {why}")),
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

    pub fn event(&mut self, events: &[Event], kind: &str) -> Option<(u64, u64)> {
        self.count(1, 2)?;
        let name = self.known(0, "the event")?;
        if name.is_empty() {
            return self.error(format!("{kind} probe must have a {kind} event name"));
        }
        if name.contains('*') {
            return self.error(format!("wildcards are not allowed for {kind} probe type"));
        }
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
            Some(text) => match integer(&text) {
                Ok(0) => *default,
                Ok(n) => n,
                Err(_) if text.strip_prefix('-').is_some_and(|text| integer(text).is_ok()) => {
                    return self.error(format!(
                        "{kind} {} should be a positive integer",
                        if kind == "hardware" { "frequency" } else { "count" }
                    ));
                }
                Err(why) => return self.error(format!("Invalid count for {kind} probe: {why}")),
            },
        };
        Some((*config, count))
    }

    pub fn watchpoint(&mut self) -> Option<AttachPoint> {
        self.count(3, 3)?;
        let text = self.plain(0);
        match integer(&text) {
            Ok(0) => return self.error("watchpoint must be attached to a non-zero address"),
            Err(why) if !text.contains('$') => {
                return self.error(format!("Invalid function/address argument: {why}"));
            }
            _ => {}
        }
        let length = match integer(&self.plain(1)) {
            Ok(length) => length,
            Err(why) => return self.error(format!("Invalid length argument: {why}")),
        };
        if ![1, 2, 4, 8].contains(&length) {
            return self.error("watchpoint length must be one of (1,2,4,8)");
        }
        let mode = self.plain(2);
        let has = |c: char| mode.contains(c);
        let wrong = |text: &str| Diagnostic::error(codes::PROBE_PART, self.written.span, text);
        let mut said = Vec::new();
        if mode.is_empty() || !mode.chars().all(|c| "rwx".contains(c)) {
            said.push(wrong("watchpoint mode must be combination of (r,w,x)"));
        }
        if mode.chars().enumerate().any(|(at, c)| mode[..at].contains(c)) {
            said.push(wrong("watchpoint modes may not be duplicated"));
        }
        let mut sorted: Vec<char> = mode.chars().collect();
        sorted.sort_unstable();
        if ![vec!['w'], vec!['x'], vec!['r', 'w']].contains(&sorted) {
            said.push(
                wrong(&format!("invalid watchpoint mode: {}", sorted.iter().collect::<String>()))
                    .hint("supported modes: x,w,rw"),
            );
        }
        if !said.is_empty() {
            self.diagnostics.extend(said);
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
}

/// A number as scripts write it: decimal, hex, octal, with `_`, `1e6`; or what is wrong with it.
pub(crate) fn integer(text: &str) -> Result<u64, String> {
    let plain: String = text.trim().chars().filter(|c| *c != '_').collect();
    let hex = plain.strip_prefix("0x").or_else(|| plain.strip_prefix("0X"));
    let parsed = if let Some(hex) = hex {
        u64::from_str_radix(hex, 16).ok()
    } else if let Some((mantissa, exponent)) = plain.split_once(['e', 'E']) {
        let power = exponent.parse().ok().and_then(|exponent| 10u64.checked_pow(exponent));
        power.and_then(|power| mantissa.parse::<u64>().ok()?.checked_mul(power))
    } else if plain.len() > 1 && plain.starts_with('0') {
        u64::from_str_radix(&plain, 8).ok()
    } else {
        plain.parse().ok()
    };
    parsed.ok_or_else(|| {
        let digits = hex.unwrap_or(text);
        let is_digit = |c: char| c.is_digit(if hex.is_some() { 16 } else { 10 });
        if !digits.starts_with(is_digit) {
            format!("invalid integer: {digits}")
        } else if digits.chars().all(is_digit) {
            format!("overflow error, maximum value is {}: {text}", u64::MAX)
        } else {
            format!("invalid trailing bytes: {digits}")
        }
    })
}

/// `10ms` in nanoseconds.
pub(super) fn duration(text: &str) -> Option<u64> {
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
    integer(digits).ok()?.checked_mul(unit)
}
