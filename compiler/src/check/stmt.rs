//! Statements.

use super::lower::Lower;
use super::widen::{self};
use crate::codes;
use crate::diagnostics::Diagnostic;
use crate::program::{Expr, ExprKind, SettingSource, Stmt, StmtKind};
use crate::source::Span;
use crate::syntax::ast::{self, Block};
use crate::types::{Aggregate, IntType, Type};

impl Lower<'_> {
    /// A probe's body: its last expression is a statement like the others.
    pub fn body(&mut self, block: &Block) -> Vec<Stmt> {
        self.statements(block, true)
    }

    /// A block as a statement.
    pub fn block(&mut self, block: &Block) -> Vec<Stmt> {
        self.statements(block, false)
    }

    fn statements(&mut self, block: &Block, of_probe: bool) -> Vec<Stmt> {
        self.open_scope();
        let mut out = self.stmts(&block.stmts, of_probe && block.value.is_none());
        if let Some(value) = &block.value {
            self.last_stmt = true;
            self.expr_stmt(value, value.span, &mut out);
        }
        self.close_scope();
        out
    }

    /// Statements of a block; `to_end`: the last one ends its probe, and is shown without its semicolon.
    pub fn stmts(&mut self, stmts: &[ast::Stmt], to_end: bool) -> Vec<Stmt> {
        let mut out = Vec::new();
        for (at, stmt) in stmts.iter().enumerate() {
            self.last_stmt = to_end && at + 1 == stmts.len();
            self.stmt(stmt, &mut out);
        }
        out
    }

    fn stmt(&mut self, stmt: &ast::Stmt, out: &mut Vec<Stmt>) {
        let span = stmt.span;
        match &stmt.kind {
            ast::StmtKind::Expr(expr) => self.expr_stmt(expr, span, out),
            ast::StmtKind::Assign { target, op, value } => self.assign(target, *op, value, span, out),
            ast::StmtKind::Let { var, ty, value } => self.declare(var, ty.as_ref(), value.as_ref(), span, out),
            ast::StmtKind::Discard(expr) => {
                let value = self.expr(expr);
                self.discard(value, span, false, out);
            }
            ast::StmtKind::If { cond, then, otherwise } => self.if_stmt(cond, then, otherwise.as_ref(), span, out),
            ast::StmtKind::While { cond, body } => self.while_stmt(cond, body, span, out),
            ast::StmtKind::ForRange { var, start, end, body } => self.for_range(var, start, end, body, span, out),
            ast::StmtKind::ForMap { var, map, body } => self.for_map(var, map, body, span, out),
            ast::StmtKind::Unroll { count, body } => self.unroll(count, body, span, out),
            ast::StmtKind::Break => self.jump(StmtKind::Break, "break", span, out),
            ast::StmtKind::Continue => self.jump(StmtKind::Continue, "continue", span, out),
            ast::StmtKind::Return(value) => {
                let value = value.as_ref().map(|value| self.expr(value));
                let value = value.filter(|value| !self.is_poison(value));
                if let Some(value) = &value
                    && !matches!(value.ty, Type::Int(_) | Type::Bool | Type::Enum { .. })
                {
                    let message =
                        format!("Probe return values can only be integers. Found {}", widen::shown(&value.ty));
                    let span = self.with_semicolon(span);
                    self.error(codes::TYPE_MISMATCH, span, message);
                    return;
                }
                out.push(Stmt { kind: StmtKind::Return(value), span });
            }
            ast::StmtKind::Block(block) => {
                let body = self.dropped(block, self.to_next_token(span));
                out.push(Stmt { kind: StmtKind::Block(body), span });
            }
            ast::StmtKind::Comptime(inner) => self.comptime_stmt(inner, out),
        }
    }

    /// An expression for its effect.
    fn expr_stmt(&mut self, expr: &ast::Expr, span: Span, out: &mut Vec<Stmt>) {
        if let ast::ExprKind::If { cond, then, otherwise } = &expr.kind {
            self.if_stmt(cond, then, otherwise.as_ref(), span, out);
            return;
        }
        if let ast::ExprKind::Block(block) = &expr.kind {
            let body = self.block(block);
            out.push(Stmt { kind: StmtKind::Block(body), span });
            return;
        }
        if let ast::ExprKind::Assign { target, op, value } = &expr.kind {
            self.assign(target, *op, value, span, out);
            return;
        }
        let last = self.last_stmt;
        let value = self.expr(expr);
        // What stands for a macro's parameter lies where the macro is used.
        let written = if expr.span.to(span) == span { expr.span } else { span };
        let place = if last { self.bare(written) } else { self.with_semicolon(written) };
        if let ast::ExprKind::Ternary { then: Some(then), otherwise, .. } = &expr.kind
            && value.ty != Type::Void
        {
            for side in [then, otherwise] {
                self.warn(codes::W_DISCARDED, side.span, "Return value discarded.");
            }
            self.discard(value, place, false, out);
            return;
        }
        self.discard(value, place, true, out);
    }

    /// Keeps what an expression does; warns where its value was the point.
    fn discard(&mut self, value: Expr, span: Span, warn: bool, out: &mut Vec<Stmt>) {
        let kind = match value.kind {
            ExprKind::Block(stmts, last) if value.ty == Type::Void => {
                if stmts.is_empty() && matches!(last.kind, ExprKind::Zero) {
                    return;
                }
                if self.is_poison(&last) {
                    if stmts.iter().any(|stmt| matches!(stmt.kind, StmtKind::SetLocal { .. })) {
                        out.push(Stmt { kind: StmtKind::Block(stmts), span });
                    } else {
                        out.extend(stmts);
                    }
                    return;
                }
                StmtKind::Expr(Expr { kind: ExprKind::Block(stmts, last), ty: value.ty, span: value.span })
            }
            ExprKind::Zero if value.ty == Type::Void => return,
            ExprKind::LocalStep { .. } | ExprKind::MapStep { .. } => StmtKind::Expr(value),
            kind => {
                if warn && value.ty != Type::Void {
                    self.warn(codes::W_DISCARDED, span, "Return value discarded.");
                }
                StmtKind::Expr(Expr { ty: value.ty, kind, span: value.span })
            }
        };
        out.push(Stmt { kind, span });
    }

    fn declare(
        &mut self,
        var: &ast::Ident,
        ty: Option<&ast::TypeName>,
        value: Option<&ast::Expr>,
        span: Span,
        out: &mut Vec<Stmt>,
    ) {
        let place = if var.span.file == span.file { Span { end: var.span.end, ..span } } else { span };
        if let Some(known) = self.find_local(&var.name) {
            let first = self.locals[known.0].span;
            let by_let = self.sources.text(first).starts_with("let");
            self.report(
                Diagnostic::error(
                    codes::REDECLARED,
                    place,
                    format!("Variable ${} was already declared. Variable shadowing is not allowed.", var.name),
                )
                .with(
                    first,
                    if by_let { "This is the initial declaration." } else { "This is the initial assignment." },
                ),
            );
            return;
        }
        let fixed = ty.map(|ty| self.type_name(ty));
        if matches!(fixed, Some(None)) {
            self.new_local(&var.name, Type::Void, true, place);
            return;
        }
        let fixed = fixed.flatten();
        if let Some(fixed) = &fixed {
            self.know_type(fixed);
        }
        let value = value.map(|value| self.expr(value));
        // A string without a size takes that of its values.
        let unsized_string =
            ty.is_some_and(|ty| matches!(&ty.kind, ast::TypeNameKind::Named(name) if name == "string"));
        let slot = match &fixed {
            Some(_) if unsized_string => Type::String { capacity: 1 },
            Some(fixed) => fixed.clone(),
            None => Type::Void,
        };
        let id = self.new_local(&var.name, slot, fixed.is_some() && !unsized_string, place);
        match value {
            None => {
                self.locals[id.0].let_without_value = true;
                out.push(Stmt { kind: StmtKind::Declare(id), span });
            }
            Some(value) => {
                self.locals[id.0].assigned = true;
                if self.is_poison(&value) {
                    return;
                }
                if fixed.is_none() && self.refuses_aggregate(&value, span) {
                    return;
                }
                if value.ty == Type::Void {
                    match &fixed {
                        None => self.void_assigned(value.span, "scratch variable", span),
                        Some(ty) => {
                            let (name, has) = (&var.name, widen::shown(ty));
                            let message = format!(
                                "Type mismatch for ${name}: trying to assign value of type 'void' when variable already \
                                 has a type '{has}'"
                            );
                            self.error(codes::TYPE_MISMATCH, span, message);
                        }
                    }
                    return;
                }
                let loose = self.infer_type(&value);
                let ty = self.grow_local(id, &loose, span);
                match self.locals[id.0].declared {
                    true => self.fit_declared(id, &value, span),
                    false => self.warn_sign(&value, &ty),
                }
                let value = self.coerce(super::assign::read_at(value, var.span), &ty);
                out.push(Stmt { kind: StmtKind::SetLocal { local: id, value }, span });
            }
        }
    }

    fn if_stmt(&mut self, cond: &ast::Expr, then: &Block, otherwise: Option<&Block>, span: Span, out: &mut Vec<Stmt>) {
        if let ast::ExprKind::Comptime(inner) = &cond.kind {
            let taken = match self.comptime_truth(inner) {
                Some(true) => Some(then),
                Some(false) => otherwise,
                None => None,
            };
            if let Some(block) = taken {
                let body = self.block(block);
                out.push(Stmt { kind: StmtKind::Block(body), span });
            }
            return;
        }
        let cond = self.condition_value(cond);
        let cond = self.condition(cond, span);
        let then = self.block(then);
        let otherwise = otherwise.map(|otherwise| self.block(otherwise)).unwrap_or_default();
        out.push(Stmt { kind: StmtKind::If { cond, then, otherwise }, span });
    }

    fn comptime_stmt(&mut self, inner: &ast::Stmt, out: &mut Vec<Stmt>) {
        match &inner.kind {
            ast::StmtKind::If { cond, then, otherwise } => {
                let taken = match self.comptime_truth(cond) {
                    Some(true) => Some(then),
                    Some(false) => otherwise.as_ref(),
                    None => None,
                };
                if let Some(block) = taken {
                    let body = self.block(block);
                    out.push(Stmt { kind: StmtKind::Block(body), span: inner.span });
                }
            }
            _ => self.stmt(inner, out),
        }
    }

    fn while_stmt(&mut self, cond: &ast::Expr, body: &Block, span: Span, out: &mut Vec<Stmt>) {
        self.report(
            Diagnostic::warning(
                codes::W_DEPRECATED,
                span,
                "While loops are deprecated and may be removed in the future.",
            )
            .hint(
                "For loops support ranges (e.g. `for ($x : $start..$end) { ... }`), and can be used in place of \
                 while. These are more easily proven to be bounded by the verifier.",
            ),
        );
        let cond = self.condition_value(cond);
        let cond = self.truth(cond);
        let body = self.looped(body);
        out.push(Stmt { kind: StmtKind::While { cond, body }, span });
    }

    /// A block whose value nobody takes, which is told at `place`.
    fn dropped(&mut self, block: &Block, place: Span) -> Vec<Stmt> {
        let value = match &block.value {
            Some(value) if !matches!(value.kind, ast::ExprKind::Ternary { .. } | ast::ExprKind::If { .. }) => value,
            _ => return self.block(block),
        };
        self.open_scope();
        let mut out = self.stmts(&block.stmts, false);
        match &value.kind {
            ast::ExprKind::Block(inner) => {
                let body = self.dropped(inner, place);
                out.push(Stmt { kind: StmtKind::Block(body), span: value.span });
            }
            ast::ExprKind::Assign { target, op, value: assigned } => {
                self.assign(target, *op, assigned, value.span, &mut out);
            }
            _ => {
                let value = self.expr(value);
                let place = self.with_semicolon(place);
                self.discard(value, place, true, &mut out);
            }
        }
        self.close_scope();
        out
    }

    fn looped(&mut self, body: &Block) -> Vec<Stmt> {
        self.loops += 1;
        let body = self.block(body);
        self.loops -= 1;
        body
    }

    fn for_range(
        &mut self,
        var: &ast::Ident,
        start: &ast::Expr,
        end: &ast::Expr,
        body: &Block,
        span: Span,
        out: &mut Vec<Stmt>,
    ) {
        let header = Span { end: end.span.end, ..span };
        let start = self.expr(start);
        let end = self.expr(end);
        for (value, which) in [(&start, "start"), (&end, "end")] {
            if !matches!(value.ty, Type::Int(_)) && !self.is_poison(value) {
                self.error(
                    codes::TYPE_MISMATCH,
                    header,
                    format!("Loop range requires an integer for the {which} value"),
                );
                return;
            }
        }
        let ty = widen::join(&self.infer_type(&start), &self.infer_type(&end)).unwrap_or(Type::Void);
        self.open_scope();
        let Some(local) = self.loop_variable(var, ty.clone(), span) else {
            self.close_scope();
            return;
        };
        let ty = self.grow_local(local, &ty, span);
        let (start, end) = (self.coerce(start, &ty), self.coerce(end, &ty));
        let body = self.looped(body);
        self.close_scope();
        out.push(Stmt { kind: StmtKind::ForRange { local, start, end, body }, span });
    }

    fn loop_variable(&mut self, var: &ast::Ident, ty: Type, _span: Span) -> Option<crate::program::LocalId> {
        if let Some(known) = self.find_local(&var.name) {
            let first = self.locals[known.0].span;
            self.report(
                Diagnostic::error(
                    codes::REDECLARED,
                    var.span,
                    format!("Loop declaration shadows existing variable: ${}", var.name),
                )
                .with(first, "This is the initial declaration."),
            );
            return None;
        }
        let local = self.new_local(&var.name, ty, false, var.span);
        self.locals[local.0].assigned = true;
        Some(local)
    }

    fn for_map(&mut self, var: &ast::Ident, map: &ast::Ident, body: &Block, span: Span, out: &mut Vec<Stmt>) {
        let id = self.map_named(&map.name, map.span);
        self.maps[id.0].used = true;
        if self.last && self.map_keyed(id) != Some(true) {
            if self.previous_unassigned(id) {
                self.undefined_map(&map.name, map.span);
            } else {
                let message =
                    format!("@{} has no explicit keys (scalar map), and cannot be used for iteration", map.name);
                self.error(codes::MAP_SHAPE, map.span, message);
            }
            return;
        }
        let value = match self.map_value_type(id) {
            Type::Aggregate(aggregate) => match super::access::summary_type(&aggregate) {
                Some(ty) if !matches!(aggregate, Aggregate::Stats { .. }) => ty,
                _ => {
                    let shown = Type::Aggregate(aggregate).to_string();
                    self.error(
                        codes::AGGREGATE_MISUSE,
                        map.span,
                        format!("Loop expression does not support type: {shown}"),
                    );
                    return;
                }
            },
            ty => ty,
        };
        let key = self.map_key_type(id);
        let ty = if value == Type::Void || key == Type::Void { Type::Void } else { Type::Tuple(vec![key, value]) };
        self.open_scope();
        let Some(local) = self.loop_variable(var, ty.clone(), span) else {
            self.close_scope();
            return;
        };
        self.grow_local(local, &ty, span);
        let body = self.looped(body);
        self.close_scope();
        out.push(Stmt { kind: StmtKind::ForMap { local, map: id, body }, span });
    }

    /// Whether nothing was ever stored in the map, in any probe.
    pub fn previous_unassigned(&self, map: crate::program::MapId) -> bool {
        !self.assigned_anywhere.contains(&self.maps[map.0].name)
    }

    fn unroll(&mut self, count: &ast::Expr, body: &Block, span: Span, out: &mut Vec<Stmt>) {
        let written = count;
        let count = match written.kind {
            // Checked when the tool starts.
            ast::ExprKind::Param(n) => self.repetitions(n, span),
            ast::ExprKind::ParamCount => self.repetitions(0, span),
            _ => self.expr(written),
        };
        if self.is_poison(&count) {
            return;
        }
        let is_number = match &written.kind {
            ast::ExprKind::Bool(_) => false,
            ast::ExprKind::Call { name, .. } => !matches!(name.name.as_str(), "sizeof" | "offsetof"),
            _ => !matches!(count.ty, Type::Enum { .. }),
        };
        match (super::fold::constant_int(&count), &count.kind) {
            _ if !is_number || matches!(written.kind, ast::ExprKind::Unary { op: ast::UnaryOp::Neg, .. }) => {
                self.error(codes::NOT_CONSTANT, span, "invalid unroll value");
                return;
            }
            (Some(n), _) if n < 1 => {
                self.error(codes::LIMIT, span, "unroll minimum value is 1");
                return;
            }
            (Some(n), _) if n > 100 => {
                self.error(codes::LIMIT, span, "unroll maximum value is 100");
                return;
            }
            (Some(_), _) | (None, ExprKind::Setting(_)) => {}
            _ if is_made_of_settings(&count) => {}
            _ => {
                self.error(codes::NOT_CONSTANT, span, "invalid unroll value");
                return;
            }
        }
        // No loop of its own: `break` and `continue` are those of the loop around it.
        let body = self.dropped(body, body.span);
        let count = self.coerce(count, &Type::I64);
        out.push(Stmt { kind: StmtKind::Unroll { count, body }, span });
    }

    fn repetitions(&mut self, n: u32, span: Span) -> Expr {
        let source = SettingSource::Repetitions(n);
        let id = self.add_setting("repetitions", source, Type::U64, self.bare(span));
        Expr { ty: Type::U64, kind: ExprKind::Setting(id), span }
    }

    fn jump(&mut self, kind: StmtKind, word: &str, span: Span, out: &mut Vec<Stmt>) {
        if self.loops == 0 {
            let span = self.with_semicolon(span);
            let place = if self.trail.is_empty() { "probe" } else { "macro" };
            self.error(codes::MISPLACED, span, format!("'{word}' statement is not allowed in a {place}"));
            return;
        }
        out.push(Stmt { kind, span });
    }

    /// Warns of variables that were declared and never assigned.
    pub fn check_locals(&mut self) {
        for at in 0..self.locals.len() {
            let local = &self.locals[at];
            if local.name.starts_with("__") || local.assigned || local.span == Span::default() {
                continue;
            }
            let (span, name) = (local.span, local.name.clone());
            self.warn(codes::W_UNUSED, span, format!("Variable ${name} was never assigned to."));
        }
    }

    /// Told when a value is of no integer type.
    pub fn want_int(&mut self, value: &Expr, name: &str, span: Span) -> bool {
        match &value.ty {
            Type::Int(_) | Type::Enum { .. } | Type::Bool => true,
            Type::Void if self.is_poison(value) => false,
            ty => {
                let message = format!("{name}() only supports int arguments ({} provided)", widen::kind_name(ty));
                self.error(codes::ARGUMENT_TYPE, span, message);
                false
            }
        }
    }

    /// `int64`/`uint64` of the value's sign.
    pub fn wide_int(&mut self, value: Expr) -> Expr {
        let signed = match &value.ty {
            Type::Int(IntType { signed, .. }) | Type::Enum { repr: IntType { signed, .. }, .. } => *signed,
            _ => false,
        };
        self.coerce(value, &super::expr::wide(signed))
    }
}

/// Arithmetic on numbers that are known when the tool starts.
fn is_made_of_settings(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Int(_) | ExprKind::Setting(_) => true,
        ExprKind::Cast(inner) => is_made_of_settings(inner),
        ExprKind::Binary { left, right, .. } => is_made_of_settings(left) && is_made_of_settings(right),
        _ => false,
    }
}
