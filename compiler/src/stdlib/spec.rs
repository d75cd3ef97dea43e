//! What a parameter says besides its probe: `'tcp_sendmsg (arg3 > 64) "%d", arg3'`. An extension.
//!
//! The expressions are known when the tool starts; the runtime makes steps of them, which `spec.bpf.h` follows.

use crate::check::{Lower, Provider, constant_int, poison};
use crate::codes;
use crate::program::{AttachPoint, Call, ContextField, Expr, ExprKind, SettingSource, SpecPart, TextPiece};
use crate::source::Span;
use crate::stdlib::CallSite;
use crate::types::Type;

/// How many values a parameter may ask for.
pub(crate) const VALUES: u32 = 6;

/// How many arguments its expressions may read.
const ARGUMENTS: u32 = 6;

/// `spec_count()`
pub(super) fn count(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let Some(parameter) = parameter(lower) else { return misplaced(lower, site) };
    let id = lower.add_setting("spec_count", SettingSource::SpecCount(parameter), Type::I64, site.span);
    Expr { ty: Type::I64, kind: ExprKind::Setting(id), span: site.span }
}

/// `spec_holds()`
pub(super) fn holds(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    part(lower, site, SpecPart::Holds, Type::Bool)
}

/// `spec_enter()`
pub(super) fn enter(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    part(lower, site, SpecPart::Enter, Type::Bool)
}

/// `spec_number(n)`
pub(super) fn number(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    match which(lower, site) {
        Some(n) => part(lower, site, SpecPart::Number(n), Type::I64),
        None => poison(site.span),
    }
}

/// `spec_is_text(n)`
pub(super) fn is_text(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    match which(lower, site) {
        Some(n) => part(lower, site, SpecPart::IsText(n), Type::Bool),
        None => poison(site.span),
    }
}

/// Numbers of all values, for `spec_values(texts…)` of a format.
pub(super) fn numbers(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Vec<Expr> {
    (0..VALUES).map(|n| part(lower, site, SpecPart::Number(n), Type::I64)).collect()
}

/// `spec_values()` where it is not an argument of a format.
pub(super) fn values(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    lower.error(codes::ARGUMENT_TYPE, site.span, "spec_values() is for printf() only, where %s takes it")
}

fn which(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Option<u32> {
    let value = lower.value(site, site.args.first()?)?;
    match constant_int(&value) {
        Some(n) if (0..i64::from(VALUES)).contains(&n) => Some(n as u32),
        _ => {
            let message = format!("{}() expects an integer literal from 0 to {}", site.name, VALUES - 1);
            lower.error(codes::NOT_CONSTANT, site.span, message);
            None
        }
    }
}

fn part(lower: &mut Lower<'_>, site: &CallSite<'_>, part: SpecPart, ty: Type) -> Expr {
    let Some(parameter) = parameter(lower) else { return misplaced(lower, site) };
    // Tells the runtime that the parameter has expressions.
    lower.add_setting("spec_count", SettingSource::SpecCount(parameter), Type::I64, site.span);
    let inputs = inputs(lower, site.span);
    Expr { ty, kind: ExprKind::Call(Call::Spec { part, inputs }), span: site.span }
}

/// What expressions read: arguments, or what the function returns.
fn inputs(lower: &mut Lower<'_>, span: Span) -> Vec<Expr> {
    match lower.probe.provider {
        Provider::Kprobe | Provider::Uprobe | Provider::Usdt => {
            (0..ARGUMENTS).map(|n| lower.argument_number(n, "arg", span)).collect()
        }
        Provider::Kretprobe | Provider::Uretprobe => {
            vec![Expr { ty: Type::U64, kind: ExprKind::Context(ContextField::ReturnValue), span }]
        }
        _ => Vec::new(),
    }
}

/// The parameter that names the probe.
fn parameter(lower: &Lower<'_>) -> Option<u32> {
    lower.probe.targets.iter().find_map(|target| match &target.point {
        AttachPoint::Late { text, .. } => text.iter().find_map(|piece| match piece {
            TextPiece::Param(n) => Some(*n),
            _ => None,
        }),
        _ => None,
    })
}

fn misplaced(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let message = format!("{}() is for probes that a positional parameter names", site.name);
    lower.wrong_probe(site.span, message)
}
