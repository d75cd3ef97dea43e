//! Functions on maps: `clear`, `zero`, `delete`, `has_key`, `find`, `len`.

use crate::check::{Lower, effect, poison};
use crate::codes;
use crate::program::{ActionKind, Expr, ExprKind, MapId, StmtKind};
use crate::source::Span;
use crate::stdlib::CallSite;
use crate::syntax::ast::{self, Arg};
use crate::types::{Aggregate, Type};

/// The map that an argument names, with its keys if it has any.
fn map_of(arg: &Arg) -> Option<(&str, Option<&[ast::Expr]>, Span)> {
    fn of(expr: &ast::Expr) -> Option<(&str, Option<&[ast::Expr]>, Span)> {
        match &expr.kind {
            ast::ExprKind::Map(name) => Some((name, None, expr.span)),
            ast::ExprKind::MapKey { map, keys } => Some((&map.name, Some(keys), map.span)),
            ast::ExprKind::Expanded { body, .. } => of(body),
            ast::ExprKind::Block(block) if block.stmts.is_empty() => of(block.value.as_deref()?),
            _ => None,
        }
    }
    match arg {
        Arg::Expr(expr) => of(expr),
        Arg::Type(_) => None,
    }
}

/// A whole map, or the error that it is none.
fn whole_map(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Option<(MapId, Span)> {
    match map_of(&site.args[0]) {
        Some((name, None, span)) => {
            let map = lower.map_named(name, span);
            lower.maps[map.0].used = true;
            if lower.last && lower.previous_unassigned(map) {
                let name = name.to_owned();
                lower.undefined_map(&name, span);
                return None;
            }
            Some((map, span))
        }
        _ => {
            let span = match &site.args[0] {
                Arg::Expr(expr) => expr.span,
                Arg::Type(ty) => ty.span,
            };
            lower.error(codes::ARGUMENT_TYPE, span, format!("{}() expects a map argument", site.name));
            None
        }
    }
}

pub(super) fn clear(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    on_map(lower, site, ActionKind::Clear)
}

pub(super) fn zero(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    on_map(lower, site, ActionKind::Zero)
}

fn on_map(lower: &mut Lower<'_>, site: &CallSite<'_>, make: fn(MapId) -> ActionKind) -> Expr {
    let Some((map, _)) = whole_map(lower, site) else { return poison(site.span) };
    let action = lower.add_action(make(map), Vec::new(), site.span);
    effect(StmtKind::Action { action, args: Vec::new() }, site.span)
}

pub(super) fn delete(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let span = site.span;
    let Some((name, keys, name_span)) = map_of(&site.args[0]) else {
        return lower.error(codes::ARGUMENT_TYPE, span, "delete() expects a map argument");
    };
    let map = lower.map_named(name, name_span);
    lower.maps[map.0].used = true;
    if (keys.is_some() || site.args.len() > 1) && !without_buckets(lower, map, site) {
        return poison(span);
    }
    let key = match (keys, site.args.get(1)) {
        // delete(@m[k]), the old form.
        (Some(keys), None) => Some(lower.map_key(map, keys, name_span)),
        (Some(_), Some(_)) => {
            return lower.error(codes::ARGUMENT_TYPE, span, "delete() expects a map and a key");
        }
        (None, Some(key)) => {
            if !keyed(lower, map, "delete() with two arguments", span) {
                return poison(span);
            }
            let Some(key) = lower.value(site, key) else { return poison(span) };
            Some(lower.fit_key(map, key, span))
        }
        (None, None) => {
            if lower.last && lower.previous_unassigned(map) {
                let name = name.to_owned();
                return lower.undefined_map(&name, name_span);
            }
            if lower.last && lower.map_keyed(map) == Some(true) {
                return lower.error(
                    codes::MAP_SHAPE,
                    span,
                    "call to delete() with a single argument expects a map without explicit keys (scalar map)",
                );
            }
            None
        }
    };
    Expr { ty: Type::Bool, kind: ExprKind::MapDelete { map, key: key.map(Box::new) }, span }
}

/// Refuses scalar maps and maps that do not exist.
fn keyed(lower: &mut Lower<'_>, map: MapId, what: &str, span: Span) -> bool {
    if !lower.last {
        return lower.map_keyed(map) != Some(false);
    }
    if lower.previous_unassigned(map) {
        let name = lower.maps[map.0].name.clone();
        let place = lower.maps[map.0].span;
        lower.undefined_map(&name, place);
        return false;
    }
    if lower.map_keyed(map) != Some(true) {
        lower.error(
            codes::MAP_SHAPE,
            span,
            format!("call to {what} expects a map with explicit keys (non-scalar map)"),
        );
        return false;
    }
    true
}

/// Refuses maps that have many elements a key: of histograms and series.
fn without_buckets(lower: &mut Lower<'_>, map: MapId, site: &CallSite<'_>) -> bool {
    let ty = lower.map_value_type(map);
    let Type::Aggregate(Aggregate::Hist { .. } | Aggregate::Linear { .. } | Aggregate::TimeSeries { .. }) = ty else {
        return true;
    };
    if lower.last {
        let message = format!("{}() of single keys does not support maps of {ty}: use clear()", site.name);
        lower.error(codes::AGGREGATE_MISUSE, site.span, message);
    }
    false
}

/// A map and a key that is looked up, not stored: it must fit what the map has.
fn map_and_key(lower: &mut Lower<'_>, site: &CallSite<'_>, what: &str) -> Option<(MapId, Expr)> {
    let Some((name, None, name_span)) = map_of(&site.args[0]) else {
        no_match(lower, site, "a map for arg @map");
        return None;
    };
    let map = lower.map_named(name, name_span);
    lower.maps[map.0].used = true;
    if !keyed(lower, map, what, site.span) {
        return None;
    }
    if !without_buckets(lower, map, site) {
        return None;
    }
    let key = match &site.args[1] {
        Arg::Expr(expr) => lower.item_value(expr),
        Arg::Type(_) => return None,
    };
    if lower.is_poison(&key) {
        return None;
    }
    let key = lower.fit_key(map, key, site.span);
    Some((map, key))
}

/// Refuses arguments that have the wrong form.
fn no_match(lower: &mut Lower<'_>, site: &CallSite<'_>, wanted: &str) -> Expr {
    let message = format!("Call to {}() has arguments that do not match any definition.", site.name);
    lower.report_with_hint(
        codes::ARGUMENT_TYPE,
        site.span,
        message,
        &format!("Mismatched arg. {}() expects {wanted} but got an expression.", site.name),
    )
}

pub(super) fn has_key(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let Some((map, key)) = map_and_key(lower, site, "has_key()") else { return unknown_bool(lower, site.span) };
    Expr { ty: Type::Bool, kind: ExprKind::MapHas { map, key: Box::new(key) }, span: site.span }
}

/// While types are not known yet, the result's type is.
fn unknown_bool(lower: &Lower<'_>, span: Span) -> Expr {
    if lower.last {
        return poison(span);
    }
    Expr { ty: Type::Bool, kind: ExprKind::Bool(false), span }
}

pub(super) fn find(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let Some((map, key)) = map_and_key(lower, site, "find") else { return unknown_bool(lower, site.span) };
    let Arg::Expr(ast::Expr { kind: ast::ExprKind::Var(name), span }) = &site.args[2] else {
        return no_match(lower, site, "a variable for arg $var");
    };
    let local = match lower.find_local(name) {
        Some(local) => local,
        None => lower.new_local(name, Type::Void, false, *span),
    };
    lower.locals[local.0].assigned = true;
    let ty = match lower.map_value_type(map) {
        Type::Aggregate(_) => {
            return lower.error(codes::AGGREGATE_MISUSE, site.span, "find() does not support maps of aggregations");
        }
        _ => lower.map_value_slot(map.0),
    };
    lower.grow_local(local, &ty, *span);
    Expr { ty: Type::Bool, kind: ExprKind::MapFind { map, key: Box::new(key), local }, span: site.span }
}

pub(super) fn len(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let span = site.span;
    if let Some((name, None, name_span)) = map_of(&site.args[0]) {
        let map = lower.map_named(name, name_span);
        lower.maps[map.0].used = true;
        // `len(@stack)` of a scalar map that holds a stack is the stack's.
        let stack = matches!(lower.map_value_type(map), Type::KernelStack(_) | Type::UserStack(_));
        if !(stack && lower.map_keyed(map) == Some(false)) {
            if !keyed(lower, map, "len()", span) && lower.last {
                return poison(span);
            }
            return Expr { ty: Type::I64, kind: ExprKind::MapLen(map), span };
        }
    }
    let Some(value) = lower.value(site, &site.args[0]) else { return poison(span) };
    match value.ty {
        Type::KernelStack(_) | Type::UserStack(_) => {
            Expr { ty: Type::I64, kind: ExprKind::StackLen(Box::new(value)), span }
        }
        _ => lower.error(codes::ARGUMENT_TYPE, span, "call to len() expects a map, ustack, or kstack"),
    }
}
