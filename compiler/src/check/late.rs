//! Attach points that a parameter names when the tool starts: `$1`, `entry:$1`, `return:$1`, `event:$1`.
//!
//! An extension: such a point becomes a program of each kind that the parameter might ask for, as far as the body makes
//! sense there; the one that it does ask for is loaded.

use super::attach::{Point, Provider, plain};
use super::warnings;
use crate::program::{AttachPoint, LateRole, Target, TextPiece};
use crate::syntax::ast::{self, Probe};

const ENTRIES: [Provider; 2] = [Provider::Kprobe, Provider::Uprobe];
const RETURNS: [Provider; 2] = [Provider::Kretprobe, Provider::Uretprobe];
const EVENTS: [Provider; 3] = [Provider::Tracepoint, Provider::RawTracepoint, Provider::Usdt];

/// The points that a late attach point stands for; none when it is an ordinary one.
pub(crate) fn points(written: &ast::AttachPoint, probe: &Probe) -> Option<Vec<Point>> {
    let (role, text) = match (written.provider.name.as_str(), written.parts.as_slice()) {
        (name, []) => (LateRole::Any, vec![TextPiece::Param(parameter(name)?)]),
        ("entry", [part]) => (LateRole::Entry, part.pieces.clone()),
        ("return", [part]) => (LateRole::Return, part.pieces.clone()),
        ("event", [part]) => (LateRole::Event, part.pieces.clone()),
        _ => return None,
    };
    if !text.iter().any(|piece| matches!(piece, TextPiece::Param(_))) {
        return None;
    }
    let point = |provider: Provider| Point {
        provider,
        target: Target {
            display: vec![TextPiece::Lit(format!("{}:", provider.name())), TextPiece::Lit(plain(&text))],
            point: AttachPoint::Late { role, text: text.clone() },
            span: written.span,
        },
        wildcard: true,
        optional: false,
    };
    Some(providers(role, probe).into_iter().map(point).collect())
}

/// Probe types in which the body makes sense.
fn providers(role: LateRole, probe: &Probe) -> Vec<Provider> {
    let (mut result, mut arguments) = (false, false);
    warnings::words_of_probe(probe, &mut |word| {
        let word = word.strip_prefix("__builtin_").unwrap_or(word);
        let number = word.strip_prefix("arg").unwrap_or("");
        result |= word == "retval";
        arguments |= !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    });
    match role {
        LateRole::Entry => ENTRIES.to_vec(),
        LateRole::Return => RETURNS.to_vec(),
        // The kernel refuses a raw tracepoint's program that reads further than its arguments go.
        LateRole::Event if arguments => vec![Provider::Usdt],
        LateRole::Event => EVENTS.to_vec(),
        LateRole::Any if result => RETURNS.to_vec(),
        LateRole::Any if arguments => vec![Provider::Kprobe, Provider::Uprobe, Provider::Usdt],
        LateRole::Any => [&ENTRIES[..], &RETURNS, &EVENTS].concat(),
    }
}

/// `$1` → 1.
fn parameter(text: &str) -> Option<u32> {
    text.strip_prefix('$')?.parse().ok().filter(|number| *number > 0)
}
