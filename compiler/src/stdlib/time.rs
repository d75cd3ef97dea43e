//! Clocks.

use crate::check::{Lower, poison};
use crate::codes;
use crate::program::{Builtin, Call, Expr, ExprKind};
use crate::stdlib::CallSite;
use crate::syntax::ast::{self, Arg};
use crate::types::{Clock, Type};

pub(super) fn nsecs(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let clock = match site.args.first() {
        None => Clock::Boot,
        Some(Arg::Expr(ast::Expr { kind: ast::ExprKind::Ident(word), span })) => match clock(word) {
            Some(clock) => clock,
            None => return lower.error(codes::ARGUMENT_TYPE, *span, format!("Invalid timestamp mode: {word}")),
        },
        Some(arg) => {
            let Some(value) = lower.value(site, arg) else { return poison(site.span) };
            let kind = crate::check::kind_name(&value.ty);
            let message = format!("nsecs() only supports timestamp_mode arguments ({kind} provided)");
            return lower.error(codes::ARGUMENT_TYPE, site.span, message);
        }
    };
    Expr { ty: Type::U64, kind: ExprKind::Builtin(Builtin::Nsecs(clock)), span: site.span }
}

fn clock(word: &str) -> Option<Clock> {
    Some(match word {
        "boot" => Clock::Boot,
        "monotonic" => Clock::Monotonic,
        "tai" => Clock::Tai,
        "sw_tai" => Clock::SwTai,
        _ => return None,
    })
}

pub(super) fn elapsed(_: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    Expr { ty: Type::U64, kind: ExprKind::Builtin(Builtin::Elapsed), span: site.span }
}

pub(super) fn jiffies(_: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    Expr { ty: Type::U64, kind: ExprKind::Builtin(Builtin::Jiffies), span: site.span }
}

pub(super) fn strftime(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let Some(format) = lower.literal_text(site, 0) else { return poison(site.span) };
    let Some(nsecs) = lower.value(site, &site.args[1]) else { return poison(site.span) };
    if !lower.want_int(&nsecs, "strftime", site.span) {
        return poison(site.span);
    }
    if crate::check::constant_int(&nsecs).is_some_and(|n| n < 0) && nsecs.ty != Type::U64 {
        return lower.error(codes::ARGUMENT_TYPE, site.span, "strftime() does not accept negative timestamps");
    }
    let clock = match &nsecs.kind {
        ExprKind::Builtin(Builtin::Nsecs(clock)) => *clock,
        _ => Clock::Boot,
    };
    let format = lower.add_string(&String::from_utf8_lossy(&format));
    let nsecs = Box::new(lower.coerce(nsecs, &Type::U64));
    Expr { ty: Type::Timestamp, kind: ExprKind::Call(Call::Strftime { format, clock, nsecs }), span: site.span }
}
