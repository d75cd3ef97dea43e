//! Stacks and symbols.

use crate::check::{Lower, STACK_MODES, constant_int, poison, stack_mode};
use crate::codes;
use crate::program::{Call, Expr, ExprKind};
use crate::stdlib::CallSite;
use crate::syntax::ast::{self, Arg};
use crate::types::{StackMode, StackType, Type};

pub(super) fn kstack(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    match stack(lower, site, false) {
        Some(stack) => of_type(Type::KernelStack(stack), stack, site),
        None => poison(site.span),
    }
}

pub(super) fn ustack(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    match stack(lower, site, false) {
        Some(stack) => of_type(Type::UserStack(stack), stack, site),
        None => poison(site.span),
    }
}

pub(super) fn dw_ustack(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    match stack(lower, site, true) {
        Some(stack) => of_type(Type::UserStack(stack), stack, site),
        None => poison(site.span),
    }
}

fn of_type(ty: Type, stack: StackType, site: &CallSite<'_>) -> Expr {
    Expr { ty, kind: ExprKind::Call(Call::Stack(stack)), span: site.span }
}

/// `(mode, limit)`, either left out.
fn stack(lower: &mut Lower<'_>, site: &CallSite<'_>, dwarf: bool) -> Option<StackType> {
    let mut out = StackType { limit: 127, mode: lower.settings.stack_mode, dwarf };
    let mut args = site.args;
    if let Some(Arg::Expr(ast::Expr { kind: ast::ExprKind::Ident(word), span })) = args.first() {
        match stack_mode(word) {
            Some(mode) => out.mode = mode,
            None => {
                let message = format!("Error parsing stack mode: {}: {STACK_MODES}", site.name);
                lower.error(codes::ARGUMENT_TYPE, *span, message);
                return None;
            }
        }
        args = &args[1..];
    } else if args.len() > 1 {
        lower.error(codes::ARGUMENT_TYPE, site.span, "Expected stack mode as first argument");
        return None;
    }
    if let Some(limit) = args.first() {
        let value = lower.value(site, limit)?;
        match constant_int(&value) {
            Some(limit) if limit > 1024 => {
                lower.error(
                    codes::LIMIT,
                    site.span,
                    format!("{}([int limit]): limit shouldn't exceed 1024, {limit} given", site.name),
                );
                return None;
            }
            Some(limit) if limit >= 0 => out.limit = limit as u16,
            _ => {
                lower.error(codes::ARGUMENT_TYPE, site.span, format!("{}: invalid limit value", site.name));
                return None;
            }
        }
    }
    if out.mode == StackMode::BuildId && site.name == "kstack" {
        lower.error(codes::ARGUMENT_TYPE, site.span, "'build_id' stack mode can only be used for ustack");
        return None;
    }
    Some(out)
}

pub(super) fn ksym(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    match address(lower, site) {
        Some(address) => Expr {
            ty: Type::KernelSymbol,
            kind: ExprKind::Call(Call::KernelSymbol(Box::new(address))),
            span: site.span,
        },
        None => poison(site.span),
    }
}

pub(super) fn usym(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    match address(lower, site) {
        Some(address) => {
            Expr { ty: Type::UserSymbol, kind: ExprKind::Call(Call::UserSymbol(Box::new(address))), span: site.span }
        }
        None => poison(site.span),
    }
}

/// An address as `uint64`.
fn address(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Option<Expr> {
    let value = lower.value(site, &site.args[0])?;
    match &value.ty {
        Type::Int(_) => Some(lower.coerce(value, &Type::U64)),
        Type::Pointer { .. } => {
            let span = value.span;
            Some(Expr { ty: Type::U64, kind: ExprKind::Cast(Box::new(value)), span })
        }
        _ => {
            let message = format!("{}() expects an integer or pointer argument", site.name);
            lower.error(codes::ARGUMENT_TYPE, site.span, message);
            None
        }
    }
}
