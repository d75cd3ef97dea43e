//! Visits of every expression in a tree.

use super::ast::*;

/// Calls `visit` with every expression in a block, outer ones first, and `declare` with every variable that a statement
/// declares, assigns or loops over.
pub fn block(block: &Block, visit: &mut dyn FnMut(&Expr), declare: &mut dyn FnMut(&str)) {
    for stmt in &block.stmts {
        self::stmt(stmt, visit, declare);
    }
    if let Some(value) = &block.value {
        expr(value, visit, declare);
    }
}

fn stmt(stmt: &Stmt, visit: &mut dyn FnMut(&Expr), declare: &mut dyn FnMut(&str)) {
    match &stmt.kind {
        StmtKind::Expr(value) | StmtKind::Discard(value) => expr(value, visit, declare),
        StmtKind::Assign { target, op: _, value } => {
            if let ExprKind::Var(name) = &target.kind {
                declare(name);
            }
            expr(target, visit, declare);
            expr(value, visit, declare);
        }
        StmtKind::Let { var, ty, value } => {
            declare(&var.name);
            ty.iter().for_each(|ty| type_name(ty, visit, declare));
            value.iter().for_each(|value| expr(value, visit, declare));
        }
        StmtKind::If { cond, then, otherwise } => {
            expr(cond, visit, declare);
            block(then, visit, declare);
            otherwise.iter().for_each(|otherwise| block(otherwise, visit, declare));
        }
        StmtKind::While { cond: head, body } | StmtKind::Unroll { count: head, body } => {
            expr(head, visit, declare);
            block(body, visit, declare);
        }
        StmtKind::ForRange { var, start, end, body } => {
            declare(&var.name);
            expr(start, visit, declare);
            expr(end, visit, declare);
            block(body, visit, declare);
        }
        StmtKind::ForMap { var, map, body } => {
            declare(&var.name);
            // The map is named, if not by an expression.
            visit(&Expr { kind: ExprKind::Map(map.name.clone()), span: map.span });
            block(body, visit, declare);
        }
        StmtKind::Return(value) => value.iter().for_each(|value| expr(value, visit, declare)),
        StmtKind::Block(inner) => block(inner, visit, declare),
        StmtKind::Comptime(inner) => self::stmt(inner, visit, declare),
        StmtKind::Break | StmtKind::Continue => {}
    }
}

/// As [`block`], for an expression.
pub fn expr(expression: &Expr, visit: &mut dyn FnMut(&Expr), declare: &mut dyn FnMut(&str)) {
    visit(expression);
    match &expression.kind {
        ExprKind::MapKey { map: _, keys: values } | ExprKind::Tuple(values) => {
            values.iter().for_each(|value| expr(value, visit, declare));
        }
        ExprKind::Call { name: _, args } => args.iter().for_each(|arg| self::arg(arg, visit, declare)),
        ExprKind::Unary { op: _, operand }
        | ExprKind::Comptime(operand)
        | ExprKind::Field { base: operand, field: _ }
        | ExprKind::TupleField { base: operand, index: _ }
        | ExprKind::Expanded { name: _, call: _, body: operand } => expr(operand, visit, declare),
        ExprKind::Binary { op: _, left, right } | ExprKind::Index { base: left, index: right } => {
            expr(left, visit, declare);
            expr(right, visit, declare);
        }
        ExprKind::Ternary { cond, then, otherwise } => {
            expr(cond, visit, declare);
            then.iter().for_each(|then| expr(then, visit, declare));
            expr(otherwise, visit, declare);
        }
        ExprKind::Cast { ty, operand } => {
            type_name(ty, visit, declare);
            expr(operand, visit, declare);
        }
        ExprKind::Record(fields) => fields.iter().for_each(|(_, value)| expr(value, visit, declare)),
        ExprKind::Block(inner) => block(inner, visit, declare),
        ExprKind::If { cond, then, otherwise } => {
            expr(cond, visit, declare);
            block(then, visit, declare);
            otherwise.iter().for_each(|otherwise| block(otherwise, visit, declare));
        }
        ExprKind::Assign { target, op: _, value } => {
            if let ExprKind::Var(name) = &target.kind {
                declare(name);
            }
            expr(target, visit, declare);
            expr(value, visit, declare);
        }
        ExprKind::Int { .. }
        | ExprKind::BadInt(_)
        | ExprKind::Bool(_)
        | ExprKind::Str(_)
        | ExprKind::Ident(_)
        | ExprKind::Var(_)
        | ExprKind::Param(_)
        | ExprKind::ParamCount
        | ExprKind::Map(_) => {}
    }
}

fn arg(arg: &Arg, visit: &mut dyn FnMut(&Expr), declare: &mut dyn FnMut(&str)) {
    match arg {
        Arg::Expr(value) => expr(value, visit, declare),
        Arg::Type(ty) => type_name(ty, visit, declare),
    }
}

fn type_name(ty: &TypeName, visit: &mut dyn FnMut(&Expr), declare: &mut dyn FnMut(&str)) {
    match &ty.kind {
        TypeNameKind::Pointer(to) | TypeNameKind::Array(to, _) => type_name(to, visit, declare),
        TypeNameKind::Typeof(inner) => arg(inner, visit, declare),
        TypeNameKind::Tuple(types) => types.iter().for_each(|ty| type_name(ty, visit, declare)),
        TypeNameKind::Named(_)
        | TypeNameKind::Struct(_)
        | TypeNameKind::Union(_)
        | TypeNameKind::Enum(_)
        | TypeNameKind::Sized(..) => {}
    }
}
