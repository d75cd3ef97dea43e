//! Variables that only name a positional parameter: `$port = $1;`.
//!
//! What a parameter is, a number or a text, is known when the tool starts; until then each use takes it as what it needs.
//! So that a variable can stand for it, its uses become uses of the parameter.

use std::collections::HashMap;

use super::table::{Lookup, Table};
use crate::syntax::ast::*;
use crate::syntax::visit;

/// Takes such variables out of a probe's body: what each stands for.
pub fn take(body: &mut Block, table: &Table) -> HashMap<String, u32> {
    let mut taken = HashMap::new();
    let mut at = 0;
    while at < body.stmts.len() {
        match assignment(&body.stmts[at]) {
            Some((name, parameter)) if is_only_name(&name, body, at, table) => {
                taken.insert(name, parameter);
                body.stmts.remove(at);
            }
            _ => at += 1,
        }
    }
    taken
}

/// `$x = $1`, `let $x = $1`
fn assignment(stmt: &Stmt) -> Option<(String, u32)> {
    let (name, value) = match &stmt.kind {
        StmtKind::Assign { target: Expr { kind: ExprKind::Var(name), .. }, op: None, value } => (name, value),
        StmtKind::Let { var, ty: None, value: Some(value) } => (&var.name, value),
        _ => return None,
    };
    match value.kind {
        ExprKind::Param(n) => Some((name.clone(), n)),
        _ => None,
    }
}

/// Whether the variable is set at `at` only, not used before, and used for its value alone.
fn is_only_name(name: &str, body: &Block, at: usize, table: &Table) -> bool {
    let is_var = |expr: &Expr| matches!(&expr.kind, ExprKind::Var(known) if known == name);
    let (mut set, mut changed) = (0, false);
    visit::block(
        body,
        &mut |expr| match &expr.kind {
            ExprKind::Unary { op, operand } => {
                use UnaryOp::{AddrOf, PostDec, PostInc, PreDec, PreInc};
                changed |= matches!(op, AddrOf | PostDec | PostInc | PreDec | PreInc) && is_var(operand);
            }
            // A key or an item of the variable is a number, that of a parameter itself a text.
            ExprKind::MapKey { keys, .. } => changed |= keys.iter().any(is_var),
            ExprKind::Tuple(items) => changed |= items.iter().any(is_var),
            ExprKind::Record(fields) => changed |= fields.iter().any(|(_, value)| is_var(value)),
            ExprKind::Call { name, args } if args.iter().any(|arg| matches!(arg, Arg::Expr(arg) if is_var(arg))) => {
                changed |= matches!(name.name.as_str(), "find" | "has_key" | "delete");
                changed |= matches!(table.call(&name.name, args.len(), false), Lookup::Found(_, false));
            }
            _ => {}
        },
        &mut |known| set += usize::from(known == name),
    );
    let before = Block { stmts: body.stmts[..at].to_vec(), value: None, span: body.span };
    let mut used = false;
    visit::block(&before, &mut |expr| used |= is_var(expr), &mut |_| {});
    set == 1 && !changed && !used
}
