//! What can be told of a script by its words alone: code that is never reached, what bodies ask of their probes.

use super::programs::Uses;
use crate::codes;
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::source::{Sources, Span};
use crate::syntax::ast::{Arg, BinaryOp, Block, Expr, ExprKind, Probe, Script, Stmt, StmtKind, TypeName, TypeNameKind};

/// Warns of what the words alone show.
pub(crate) fn warn_script(script: &Script, sources: &Sources, diagnostics: &mut Diagnostics) {
    for probe in &script.probes {
        unreachable(&probe.body, sources, diagnostics);
    }
}

/// Statements after `return`, `exit()`, `break` or `continue`.
fn unreachable(block: &Block, sources: &Sources, diagnostics: &mut Diagnostics) {
    let mut ended = false;
    for stmt in &block.stmts {
        if ended {
            diagnostics.push(Diagnostic::warning(
                codes::W_UNREACHABLE,
                with_semicolon(sources, stmt.span),
                "Unreachable statement.",
            ));
            return;
        }
        nested(stmt, sources, diagnostics);
        ended = ends(stmt);
    }
    if let Some(value) = &block.value
        && ended
    {
        diagnostics.push(Diagnostic::warning(
            codes::W_UNREACHABLE,
            with_semicolon(sources, value.span),
            "Unreachable statement.",
        ));
    }
}

fn nested(stmt: &Stmt, sources: &Sources, diagnostics: &mut Diagnostics) {
    match &stmt.kind {
        StmtKind::If { then, otherwise, .. } => {
            unreachable(then, sources, diagnostics);
            if let Some(otherwise) = otherwise {
                unreachable(otherwise, sources, diagnostics);
            }
        }
        StmtKind::While { body, .. }
        | StmtKind::ForRange { body, .. }
        | StmtKind::ForMap { body, .. }
        | StmtKind::Unroll { body, .. }
        | StmtKind::Block(body) => unreachable(body, sources, diagnostics),
        _ => {}
    }
}

/// The place of a statement with its semicolon, if one follows.
pub(crate) fn with_semicolon(sources: &Sources, span: Span) -> Span {
    let after = sources.get(span.file).text.get(span.end as usize..).unwrap_or("");
    let blanks = after.len() - after.trim_start().len();
    match after.trim_start().starts_with(';') {
        true => Span { end: span.end + blanks as u32 + 1, ..span },
        false => span,
    }
}

pub(super) fn ends(stmt: &Stmt) -> bool {
    match &stmt.kind {
        StmtKind::Return(_) | StmtKind::Break | StmtKind::Continue => true,
        StmtKind::Block(block) => block_ends(block),
        StmtKind::If { then, otherwise: Some(otherwise), .. } => block_ends(then) && block_ends(otherwise),
        StmtKind::Expr(Expr { kind: ExprKind::Call { name, .. }, .. }) => name.name == "exit",
        _ => false,
    }
}

fn block_ends(block: &Block) -> bool {
    match &block.value {
        None => block.stmts.last().is_some_and(ends),
        Some(value) => matches!(&value.kind, ExprKind::Call { name, .. } if name.name == "exit"),
    }
}

/// What scripts of 2018 called `probe`.
const OLD_PROBE: &str = "name";

/// Stands for `probe` beside a string in a comparison.
const PROBE_COMPARED: &str = "probe == \"\"";

/// What the probe's predicate and body ask of the probe.
pub(crate) fn uses_of(probe: &Probe) -> Uses {
    let mut uses = Uses::default();
    let mut visit = |name: &str| match name.strip_prefix("__builtin_").unwrap_or(name) {
        "args" => uses.args = true,
        "probe" | OLD_PROBE => uses.probe = true,
        PROBE_COMPARED => uses.probe_compared = true,
        "func" => uses.func = true,
        "retval" => uses.retval = true,
        tag if tag.starts_with("struct ") || tag.starts_with("union ") => uses.structs = true,
        _ => {}
    };
    words_of_probe(probe, &mut visit);
    uses
}

/// Calls `visit` with every bare word and called name of a probe.
pub(crate) fn words_of_probe(probe: &Probe, visit: &mut dyn FnMut(&str)) {
    if let Some(predicate) = &probe.predicate {
        words_of_expr(predicate, visit);
    }
    words_of_block(&probe.body, visit);
}

/// Calls `visit` with every bare word and called name of a block.
fn words_of_block(block: &Block, visit: &mut dyn FnMut(&str)) {
    for stmt in &block.stmts {
        words_of_stmt(stmt, visit);
    }
    if let Some(value) = &block.value {
        words_of_expr(value, visit);
    }
}

fn words_of_stmt(stmt: &Stmt, visit: &mut dyn FnMut(&str)) {
    match &stmt.kind {
        StmtKind::Expr(expr) | StmtKind::Discard(expr) => words_of_expr(expr, visit),
        StmtKind::Assign { target, value, .. } => {
            words_of_expr(target, visit);
            words_of_expr(value, visit);
        }
        StmtKind::Let { ty, value, .. } => {
            ty.iter().for_each(|ty| words_of_type(ty, visit));
            value.iter().for_each(|value| words_of_expr(value, visit));
        }
        StmtKind::If { cond, then, otherwise } => {
            words_of_expr(cond, visit);
            words_of_block(then, visit);
            otherwise.iter().for_each(|block| words_of_block(block, visit));
        }
        StmtKind::While { cond: head, body } | StmtKind::Unroll { count: head, body } => {
            words_of_expr(head, visit);
            words_of_block(body, visit);
        }
        StmtKind::ForRange { start, end, body, .. } => {
            words_of_expr(start, visit);
            words_of_expr(end, visit);
            words_of_block(body, visit);
        }
        StmtKind::ForMap { body, .. } | StmtKind::Block(body) => words_of_block(body, visit),
        StmtKind::Return(value) => value.iter().for_each(|value| words_of_expr(value, visit)),
        StmtKind::Comptime(inner) => words_of_stmt(inner, visit),
        StmtKind::Break | StmtKind::Continue => {}
    }
}

fn words_of_expr(expr: &Expr, visit: &mut dyn FnMut(&str)) {
    match &expr.kind {
        ExprKind::Ident(name) => visit(name),
        ExprKind::Call { name, args } => {
            visit(&name.name);
            args.iter().for_each(|arg| words_of_arg(arg, visit));
        }
        ExprKind::MapKey { keys, .. } => keys.iter().for_each(|key| words_of_expr(key, visit)),
        ExprKind::Tuple(items) => items.iter().for_each(|item| words_of_expr(item, visit)),
        ExprKind::Record(fields) => fields.iter().for_each(|(_, value)| words_of_expr(value, visit)),
        ExprKind::Unary { operand, .. } | ExprKind::Comptime(operand) => words_of_expr(operand, visit),
        ExprKind::Field { base, .. } | ExprKind::TupleField { base, .. } => words_of_expr(base, visit),
        ExprKind::Binary { op, left, right } => {
            let literal = |side: &Expr| matches!(side.kind, ExprKind::Str(_));
            if matches!(op, BinaryOp::Eq | BinaryOp::Ne) && (literal(left) || literal(right)) {
                let mut is_probe = false;
                for side in [left, right] {
                    words_of_expr(side, &mut |name| {
                        is_probe |= matches!(name, "probe" | OLD_PROBE | "__builtin_probe")
                    });
                }
                if is_probe {
                    visit(PROBE_COMPARED);
                }
            }
            words_of_expr(left, visit);
            words_of_expr(right, visit);
        }
        ExprKind::Index { base: a, index: b } | ExprKind::Assign { target: a, value: b, .. } => {
            words_of_expr(a, visit);
            words_of_expr(b, visit);
        }
        ExprKind::Ternary { cond, then, otherwise } => {
            words_of_expr(cond, visit);
            then.iter().for_each(|then| words_of_expr(then, visit));
            words_of_expr(otherwise, visit);
        }
        ExprKind::Cast { ty, operand } => {
            words_of_type(ty, visit);
            words_of_expr(operand, visit);
        }
        ExprKind::Block(block) => words_of_block(block, visit),
        ExprKind::If { cond, then, otherwise } => {
            words_of_expr(cond, visit);
            words_of_block(then, visit);
            otherwise.iter().for_each(|block| words_of_block(block, visit));
        }
        ExprKind::Expanded { body, .. } => words_of_expr(body, visit),
        ExprKind::Int { .. }
        | ExprKind::BadInt(_)
        | ExprKind::Bool(_)
        | ExprKind::Str(_)
        | ExprKind::Var(_)
        | ExprKind::Param(_)
        | ExprKind::ParamCount
        | ExprKind::Map(_) => {}
    }
}

fn words_of_arg(arg: &Arg, visit: &mut dyn FnMut(&str)) {
    match arg {
        Arg::Expr(expr) => words_of_expr(expr, visit),
        Arg::Type(ty) => words_of_type(ty, visit),
    }
}

fn words_of_type(ty: &TypeName, visit: &mut dyn FnMut(&str)) {
    match &ty.kind {
        TypeNameKind::Typeof(arg) => words_of_arg(arg, visit),
        TypeNameKind::Pointer(inner) => words_of_type(inner, visit),
        TypeNameKind::Array(inner, len) => {
            words_of_type(inner, visit);
            len.iter().for_each(|len| words_of_expr(len, visit));
        }
        TypeNameKind::Tuple(items) => items.iter().for_each(|item| words_of_type(item, visit)),
        TypeNameKind::Struct(name) => visit(&format!("struct {name}")),
        TypeNameKind::Union(name) => visit(&format!("union {name}")),
        _ => {}
    }
}
