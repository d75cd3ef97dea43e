//! Assignments.

use super::lower::{Lower, poison};
use super::widen;
use crate::codes;
use crate::diagnostics::Diagnostic;
use crate::kernel::Kernel as _;
use crate::program::{Expr, ExprKind, Stmt, StmtKind};
use crate::source::Span;
use crate::syntax::ast::{self, BinaryOp};
use crate::types::Type;

impl Lower<'_> {
    /// `target = value`, `target += value`
    pub fn assign(
        &mut self,
        target: &ast::Expr,
        op: Option<BinaryOp>,
        value: &ast::Expr,
        span: Span,
        out: &mut Vec<Stmt>,
    ) {
        match &target.kind {
            ast::ExprKind::Var(name) => self.assign_variable(name, target.span, op, value, span, out),
            ast::ExprKind::Map(name) => self.assign_map(name, None, target, op, value, span, out),
            ast::ExprKind::MapKey { map, keys } => {
                self.assign_map(&map.name, Some((keys, target.span)), target, op, value, span, out);
            }
            _ => {
                self.expr(target);
                self.error(codes::OPERAND, target.span, "Only variables and maps can be assigned to");
            }
        }
    }

    fn assign_variable(
        &mut self,
        name: &str,
        target: Span,
        op: Option<BinaryOp>,
        value: &ast::Expr,
        span: Span,
        out: &mut Vec<Stmt>,
    ) {
        let value = match op {
            None => self.expr(value),
            Some(op) => {
                let current = self.expr(&ast::Expr { kind: ast::ExprKind::Var(name.to_owned()), span: target });
                let right = self.expr(value);
                let both = self.operator_onward(target, value.span);
                self.binary_values(op, current, right, both)
            }
        };
        if op.is_none() && self.refuses_aggregate(&value, span) {
            return;
        }
        let id = match self.find_local(name) {
            Some(id) => id,
            None => self.new_local(name, Type::Void, false, span),
        };
        self.locals[id.0].assigned = true;
        if self.is_poison(&value) {
            return;
        }
        if value.ty == Type::Void {
            self.void_assigned(value.span, "scratch variable", span);
            return;
        }
        let loose = self.infer_type(&value);
        let ty = self.grow_local(id, &loose, span);
        match self.locals[id.0].declared {
            true => self.fit_declared(id, &value, span),
            false => self.warn_sign(&value, &ty),
        }
        let value = self.fit(read_at(value, target), &ty);
        out.push(Stmt { kind: StmtKind::SetLocal { local: id, value }, span });
    }

    /// `+= value`, where what a compound assignment does is told.
    fn operator_onward(&self, target: Span, value: Span) -> Span {
        let text = self.sources.get(target.file).text.get(target.end as usize..).unwrap_or("");
        let blanks = text.len() - text.trim_start().len();
        let end = if value.file == target.file { value.end.max(target.end) } else { target.end };
        Span { start: (target.end + blanks as u32).min(end), end, ..target }
    }

    /// Told when an aggregate that amounts to no number is assigned to a variable.
    pub fn refuses_aggregate(&mut self, value: &Expr, span: Span) -> bool {
        let refuses = self.is_numberless(value);
        if refuses {
            let shown = self.raw_aggregate(value).unwrap_or_default();
            let message = format!("Value '{shown}' cannot be assigned to a scratch variable.");
            self.error(codes::AGGREGATE_MISUSE, span, message);
        }
        refuses
    }

    /// Told when something without a value is assigned.
    pub fn void_assigned(&mut self, value: Span, place: &str, span: Span) {
        let text = self.sources.text(value);
        let name = text.split_once('(').map_or("", |(name, _)| name.trim());
        let is_library = || self.definitions.libraries.iter().any(|(.., types)| types.function(name).is_some());
        // Macros, and `exit()` as well, are statements; functions give `void`.
        let is_function = crate::stdlib::lookup(name).is_some_and(|entry| !entry.is_macro && name != "exit");
        let message = if is_function || is_library() {
            format!("Value 'void' cannot be assigned to a {place}.")
        } else {
            "Invalid expression for assignment".to_string()
        };
        self.error(codes::TYPE_MISMATCH, span, message);
    }

    /// Brings a value to its place's type.
    pub fn fit(&mut self, value: Expr, ty: &Type) -> Expr {
        self.coerce(value, ty)
    }

    #[allow(clippy::too_many_arguments, reason = "a map's name, keys and places belong together nowhere else")]
    fn assign_map(
        &mut self,
        name: &str,
        keys: Option<(&[ast::Expr], Span)>,
        target: &ast::Expr,
        op: Option<BinaryOp>,
        value: &ast::Expr,
        span: Span,
        out: &mut Vec<Stmt>,
    ) {
        let name_span = keys.map_or(target.span, |(_, span)| span);
        if op.is_none()
            && let Some(call) = crate::stdlib::aggregates::aggregate_call(value)
        {
            self.map_named(name, name_span);
            let (map, key) = self.map_place(name, keys.map(|(keys, _)| keys), call.span);
            self.maps[map.0].assigned = true;
            self.maps[map.0].used = true;
            if let Some(stmt) = self.aggregate(map, key, &call, span) {
                out.push(stmt);
            }
            return;
        }
        let value = match op {
            None if self.shown_maps.iter().any(|shown| shown == name) => self.item_value(value),
            None => self.expr(value),
            Some(op) => {
                let right = self.expr(value);
                let both = self.operator_onward(target.span, value.span);
                let (map, key) = self.map_place(name, keys.map(|(keys, _)| keys), name_span);
                self.maps[map.0].used = true;
                let before = self.map_value_type(map);
                let current = match before {
                    // `@ += 5` of a map that nothing else was put in: counts from 0.
                    Type::Void => {
                        Expr { ty: Type::Int(crate::types::IntType::I8), kind: ExprKind::Int(0), span: target.span }
                    }
                    _ => self.read_map(map, key, name_span, target.span),
                };
                self.compound(op, current, right, both)
            }
        };
        let (map, key) = self.map_place(name, keys.map(|(keys, _)| keys), name_span);
        self.maps[map.0].assigned = true;
        self.maps[map.0].used = true;
        if self.is_poison(&value) {
            return;
        }
        if op.is_none()
            && let Some(shown) = self.raw_aggregate(&value)
        {
            let name = &self.maps[map.0].name;
            let function = shown.trim_end_matches("_t").trim_start_matches('u');
            let arguments = match function {
                "count" => "",
                "stats" => "arg2",
                "lhist" => "rand %10, 0, 10, 1",
                "tseries" => "rand %10, 10s, 1",
                _ => "retval",
            };
            let message = format!(
                "Map value '{shown}' cannot be assigned from one map to another. The function that returns this type \
                 must be called directly e.g. `@{name} = {function}({arguments});`."
            );
            let error = Diagnostic::error(codes::AGGREGATE_MISUSE, span, message);
            let source = match &value.kind {
                ExprKind::MapSummary { map, .. } if !self.is_numberless(&value) => &self.maps[map.0].name,
                _ => return self.report(error),
            };
            let hint = format!(
                "Add a cast to integer if you want the value of the aggregate, e.g. `@{name} = (int64)@{source};`."
            );
            self.report(error.hint(hint));
            return;
        }
        if value.ty == Type::Void {
            self.void_assigned(value.span, "map", span);
            return;
        }
        let loose = self.infer_type(&value);
        let ty = self.grow_map_value(map, &loose, span);
        self.warn_sign(&value, &ty);
        let value = self.fit(read_at(value, span), &ty);
        out.push(Stmt { kind: StmtKind::SetMap { map, key, value }, span });
    }

    /// `x op= y`: a literal zero in `x`'s place is not folded away, the result is 64 bits wide.
    fn compound(&mut self, op: BinaryOp, current: Expr, right: Expr, span: Span) -> Expr {
        if self.is_poison(&right) {
            return poison(span);
        }
        let unset = matches!(current.kind, ExprKind::Int(0));
        if unset {
            return match (&right.ty, op) {
                (Type::Int(int), _) => {
                    let loose = self.infer_type(&right);
                    let signed = int.signed && !matches!(loose, Type::Int(i) if widen::is_loose(i));
                    let signed = signed || op == BinaryOp::Sub || int.signed;
                    let ty = super::expr::wide(signed);
                    self.coerce(right, &ty)
                }
                _ => right,
            };
        }
        self.binary_values(op, current, right, span)
    }
}

/// A struct or array is read where it is wanted: there failing reads are told.
pub(crate) fn read_at(value: Expr, span: Span) -> Expr {
    let is_lazy = matches!(value.ty, Type::Struct(_) | Type::Array { .. })
        && matches!(value.kind, ExprKind::FieldOf { .. } | ExprKind::Deref(_));
    if is_lazy { Expr { span, ..value } } else { value }
}
