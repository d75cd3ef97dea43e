//! Expressions.

use super::assign::read_at;
use super::lower::{Lower, constant, poison, string};
use super::widen;
use crate::codes;
use crate::program::{Expr, ExprKind, SettingSource, Stmt, StmtKind};
use crate::source::Span;
use crate::syntax::ast;
use crate::types::{IntType, Type};

impl Lower<'_> {
    /// Lowers an expression to a typed one. Errors are reported; what stands for them is [`poison`].
    pub fn expr(&mut self, expr: &ast::Expr) -> Expr {
        let span = self.place(expr);
        self.note_trail(span);
        match &expr.kind {
            ast::ExprKind::Int { value, .. } => self.integer(*value, span),
            ast::ExprKind::BadInt(text) => {
                self.error(codes::BAD_LITERAL, span, format!("Failed to parse integer: {text}"))
            }
            ast::ExprKind::Bool(value) => Expr { ty: Type::Bool, kind: ExprKind::Bool(*value), span },
            ast::ExprKind::Str(bytes) => self.text(bytes, span),
            ast::ExprKind::Ident(name) => self.name(name, span),
            ast::ExprKind::Var(name) => self.variable(name, span),
            ast::ExprKind::Param(n) => self.parameter(*n, span),
            ast::ExprKind::ParamCount => {
                let id = self.add_setting("param_count", SettingSource::ParamCount, Type::I64, span);
                Expr { ty: Type::I64, kind: ExprKind::Setting(id), span }
            }
            ast::ExprKind::Map(name) => self.map_value(name, None, span, span),
            ast::ExprKind::MapKey { map, keys } => self.map_value(&map.name, Some(keys), map.span, span),
            ast::ExprKind::Call { name, args } => self.call(name, args, span),
            ast::ExprKind::Unary { op, operand } => self.unary(*op, operand, span),
            ast::ExprKind::Binary { op, left, right } => self.binary(*op, left, right, span),
            ast::ExprKind::Ternary { cond, then, otherwise } => self.ternary(cond, then.as_deref(), otherwise, span),
            ast::ExprKind::Cast { ty, operand } => self.cast(ty, operand, span),
            ast::ExprKind::Field { base, field } => self.field(base, field, span),
            ast::ExprKind::TupleField { base, index } => {
                let base = self.expr(base);
                self.item(base, u64::from(*index), span)
            }
            ast::ExprKind::Index { base, index } => self.index(base, index, span),
            // `()` is no value.
            ast::ExprKind::Tuple(items) if items.is_empty() => super::lower::nothing(span),
            ast::ExprKind::Tuple(items) => {
                let items: Vec<Expr> = items.iter().map(|item| read_at(self.item_value(item), span)).collect();
                tuple(items, span)
            }
            ast::ExprKind::Record(fields) => self.record(fields, span),
            ast::ExprKind::Block(block) => self.block_value(block, span),
            ast::ExprKind::If { cond, then, otherwise } => self.if_value(cond, then, otherwise.as_ref(), span),
            ast::ExprKind::Comptime(inner) => self.comptime(inner, span),
            ast::ExprKind::Assign { target, op, value } => {
                let mut stmts = Vec::new();
                self.assign(target, *op, value, span, &mut stmts);
                Expr { ty: Type::Void, kind: ExprKind::Block(stmts, Box::new(poison(span))), span }
            }
            ast::ExprKind::Expanded { call, body, .. } => {
                self.trail.push(*call);
                // A macro cannot leave the loop that it is used in.
                let loops = std::mem::take(&mut self.loops);
                let value = self.expr(body);
                self.loops = loops;
                self.trail.pop();
                value
            }
        }
    }

    /// A literal that fits `max_strlen`, its NUL included.
    fn text(&mut self, bytes: &[u8], span: Span) -> Expr {
        let most = self.settings.config.max_strlen;
        let is_ours = self.sources.get(span.file).name.starts_with("stdlib/");
        if bytes.len() as u64 >= u64::from(most) && !is_ours {
            let text = String::from_utf8_lossy(bytes);
            return self.error(codes::LIMIT, span, format!("String is too long (over {most} bytes): {text}"));
        }
        string(bytes.to_vec(), span)
    }

    fn integer(&mut self, value: u64, span: Span) -> Expr {
        match i64::try_from(value) {
            Ok(value) => constant(value, Type::Int(widen::literal_type(value)), span),
            Err(_) => constant(value as i64, Type::U64, span),
        }
    }

    fn variable(&mut self, name: &str, span: Span) -> Expr {
        let Some(id) = self.find_local(name) else {
            let near = {
                let names = self.scopes.iter().flat_map(|scope| scope.keys());
                super::names::nearest(name, names.map(String::as_str))
            };
            let mut error = crate::diagnostics::Diagnostic::error(
                codes::UNDEFINED_VARIABLE,
                span,
                format!("Undefined or undeclared variable: ${name}"),
            );
            if let Some(near) = near {
                error = error.hint(format!("did you mean `${near}`?"));
            }
            self.report(error);
            return poison(span);
        };
        if self.last && !self.locals[id.0].declared && self.never_typed(id) {
            return self.error(codes::UNDEFINED_VARIABLE, span, "Could not resolve the type of this variable");
        }
        if !self.locals[id.0].assigned && self.locals[id.0].let_without_value {
            self.warn(codes::W_UNASSIGNED, span, format!("Variable used before it was assigned: ${name}"));
            self.locals[id.0].let_without_value = false;
            self.locals[id.0].assigned = false;
        }
        let ty = self.local_type(id);
        self.know_type(&ty);
        Expr { ty, kind: ExprKind::Local(id), span }
    }

    /// `$1` as a number.
    pub fn parameter(&mut self, n: u32, span: Span) -> Expr {
        let id = self.add_setting(&format!("param_{n}"), SettingSource::ParamNumber(n), Type::I64, span);
        Expr { ty: Type::I64, kind: ExprKind::Setting(id), span }
    }

    /// `$1` as a string.
    pub fn parameter_text(&mut self, n: u32, span: Span) -> Expr {
        let ty = Type::String { capacity: self.settings.config.max_strlen };
        let id = self.add_setting(&format!("param_{n}_text"), SettingSource::ParamString(n), ty.clone(), span);
        Expr { ty, kind: ExprKind::Setting(id), span }
    }

    /// `$1` as it was given, for printing.
    pub fn parameter_any(&mut self, n: u32, span: Span) -> Expr {
        let ty = Type::String { capacity: self.settings.config.max_strlen };
        let id = self.add_setting(&format!("param_{n}_any"), SettingSource::ParamAny(n), ty.clone(), span);
        Expr { ty, kind: ExprKind::Setting(id), span }
    }

    /// What a condition tests; a bare parameter holds unless it is missing or 0.
    pub fn condition_value(&mut self, cond: &ast::Expr) -> Expr {
        let ast::ExprKind::Param(n) = cond.kind else { return self.expr(cond) };
        let span = cond.span;
        let kind = ExprKind::Equal {
            left: Box::new(self.parameter_any(n, span)),
            right: Box::new(string("0", span)),
            negated: true,
        };
        Expr { ty: Type::Bool, kind, span }
    }

    /// An item of a tuple, key or print: a bare parameter is taken as it was given.
    pub fn item_value(&mut self, expr: &ast::Expr) -> Expr {
        match &expr.kind {
            ast::ExprKind::Param(n) => self.parameter_any(*n, expr.span),
            _ => {
                let value = self.expr(expr);
                if let Type::Aggregate(aggregate) = &value.ty {
                    let shown = Type::Aggregate(aggregate.clone());
                    let message = format!("Map type {shown} cannot exist inside a tuple.");
                    return self.error(codes::AGGREGATE_MISUSE, value.span, message);
                }
                value
            }
        }
    }

    fn record(&mut self, fields: &[(ast::Ident, ast::Expr)], span: Span) -> Expr {
        let mut types = Vec::new();
        let mut items = Vec::new();
        for (name, value) in fields {
            if types.iter().any(|(known, _): &(String, Type)| *known == name.name) {
                self.error(codes::REDECLARED, name.span, format!("Record field '{}' is given twice", name.name));
                continue;
            }
            let value = read_at(self.item_value(value), span);
            types.push((name.name.clone(), value.ty.clone()));
            items.push(value);
        }
        Expr { ty: Type::Record(types), kind: ExprKind::Aggregate(items), span }
    }

    /// `{ …; value }`
    pub fn block_value(&mut self, block: &ast::Block, span: Span) -> Expr {
        self.open_scope();
        let mut stmts = self.stmts(&block.stmts, false);
        if let (Some(value), true) = (&block.value, block.stmts.last().is_some_and(super::warnings::ends)) {
            self.expr(value);
            self.warn(codes::W_DISCARDED, value.span, "Return value discarded.");
            let message = "Unreachable expression; block type is implicitly none.";
            self.warn(codes::W_UNREACHABLE, value.span, message);
            self.close_scope();
            return Expr { ty: Type::Void, kind: ExprKind::Block(stmts, Box::new(super::lower::nothing(span))), span };
        }
        let value = match &block.value {
            Some(value) => self.expr(value),
            None => poison(span),
        };
        self.close_scope();
        // A block that only wraps a value is that value.
        if stmts.is_empty() && block.value.is_some() {
            return value;
        }
        if let ExprKind::Block(inner, last) = value.kind {
            stmts.extend(inner);
            return Expr { ty: value.ty, kind: ExprKind::Block(stmts, last), span };
        }
        Expr { ty: value.ty.clone(), kind: ExprKind::Block(stmts, Box::new(value)), span }
    }

    fn if_value(&mut self, cond: &ast::Expr, then: &ast::Block, otherwise: Option<&ast::Block>, span: Span) -> Expr {
        if let ast::ExprKind::Comptime(inner) = &cond.kind {
            let taken = match self.comptime_truth(inner) {
                Some(taken) => taken,
                None => return poison(span),
            };
            return match (taken, otherwise) {
                (true, _) => self.block_value(then, span),
                (false, Some(otherwise)) => self.block_value(otherwise, span),
                (false, None) => {
                    Expr { ty: Type::Void, kind: ExprKind::Block(Vec::new(), Box::new(poison(span))), span }
                }
            };
        }
        let cond = self.expr(cond);
        let cond = self.truth(cond);
        let then = self.block_value(then, span);
        let otherwise = match otherwise {
            Some(otherwise) => self.block_value(otherwise, span),
            None => Expr { ty: Type::Void, kind: ExprKind::Block(Vec::new(), Box::new(poison(span))), span },
        };
        if then.ty == Type::Void || otherwise.ty == Type::Void {
            let branch = |value: Expr| match value.kind {
                ExprKind::Block(stmts, _) => stmts,
                ExprKind::Zero => Vec::new(),
                _ => {
                    let span = value.span;
                    vec![Stmt { kind: StmtKind::Expr(value), span }]
                }
            };
            let kind = StmtKind::If { cond, then: branch(then), otherwise: branch(otherwise) };
            return super::lower::effect(kind, span);
        }
        self.choose(cond, then, otherwise, span)
    }

    fn ternary(&mut self, cond: &ast::Expr, then: Option<&ast::Expr>, otherwise: &ast::Expr, span: Span) -> Expr {
        let cond_value = match then {
            Some(_) => self.condition_value(cond),
            None => self.expr(cond),
        };
        let Some(then) = then else {
            if let Some(known) = super::fold::constant_truth(&cond_value) {
                let otherwise = self.expr(otherwise);
                return if known { cond_value } else { otherwise };
            }
            // `a ?: b`: a is evaluated once.
            let id = self.new_local("__cond", self.infer_type(&cond_value), false, cond.span);
            let ty = self.grow_local(id, &self.infer_type(&cond_value), cond.span);
            let kept = Expr { ty: ty.clone(), kind: ExprKind::Local(id), span: cond.span };
            let set = StmtKind::SetLocal { local: id, value: self.coerce(cond_value, &ty) };
            let test = self.truth(kept.clone());
            let otherwise = self.expr(otherwise);
            let chosen = self.choose(test, kept, otherwise, span);
            return Expr {
                ty: chosen.ty.clone(),
                kind: ExprKind::Block(vec![Stmt { kind: set, span }], Box::new(chosen)),
                span,
            };
        };
        let cond = self.condition(cond_value, span);
        let (then, otherwise) = self.sides(then, otherwise);
        self.choose(cond, then, otherwise, span)
    }

    /// Both sides of `c ? a : b`; a parameter beside a text or another parameter is taken as it was given.
    fn sides(&mut self, then: &ast::Expr, otherwise: &ast::Expr) -> (Expr, Expr) {
        match (&then.kind, &otherwise.kind) {
            (ast::ExprKind::Param(_), ast::ExprKind::Param(_)) => (self.item_value(then), self.item_value(otherwise)),
            (ast::ExprKind::Param(_), _) => {
                let otherwise = self.expr(otherwise);
                let then = if super::ops::is_text(&otherwise.ty) { self.item_value(then) } else { self.expr(then) };
                (then, otherwise)
            }
            (_, ast::ExprKind::Param(_)) => {
                let then = self.expr(then);
                let is_text = super::ops::is_text(&then.ty);
                let otherwise = if is_text { self.item_value(otherwise) } else { self.expr(otherwise) };
                (then, otherwise)
            }
            _ => (self.expr(then), self.expr(otherwise)),
        }
    }

    /// `c ? a : b` with both sides brought to one type.
    fn choose(&mut self, cond: Expr, then: Expr, otherwise: Expr, span: Span) -> Expr {
        // A condition that is known decides here; the other side is still checked.
        if let Some(known) = super::fold::constant_truth(&cond) {
            let (a, b) = (self.infer_type(&then), self.infer_type(&otherwise));
            let chosen = if known { then } else { otherwise };
            return match (a, b) {
                (Type::Int(a), Type::Int(b)) => {
                    let ty = widen::settle(&Type::Int(widen::join_ints(a, b)));
                    self.coerce(chosen, &ty)
                }
                _ => chosen,
            };
        }
        let void = |expr: &Expr| expr.ty == Type::Void;
        if void(&then) && void(&otherwise) {
            return Expr {
                ty: Type::Void,
                kind: ExprKind::Ternary { cond: Box::new(cond), then: Box::new(then), otherwise: Box::new(otherwise) },
                span,
            };
        }
        if (void(&then) && self.is_poison(&then)) || (void(&otherwise) && self.is_poison(&otherwise)) {
            return if void(&then) { otherwise } else { then };
        }
        let (a, b) = (self.infer_type(&then), self.infer_type(&otherwise));
        match widen::join(&a, &b) {
            Some(ty) if !void(&then) && !void(&otherwise) => {
                let ty = widen::settle(&ty);
                let then = Box::new(self.coerce(then, &ty));
                let otherwise = Box::new(self.coerce(otherwise, &ty));
                Expr { ty, kind: ExprKind::Ternary { cond: Box::new(cond), then, otherwise }, span }
            }
            _ => self.error(
                codes::TYPE_MISMATCH,
                span,
                format!(
                    "Branches must return the same type or compatible types: have '{}' and '{}'",
                    widen::shown(&then.ty),
                    widen::shown(&otherwise.ty)
                ),
            ),
        }
    }

    fn comptime(&mut self, inner: &ast::Expr, span: Span) -> Expr {
        let value = self.expr(inner);
        if self.is_poison(&value) || super::fold::is_constant(&value) {
            return value;
        }
        self.error(codes::NOT_CONSTANT, span, "Unable to resolve comptime expression")
    }

    /// The truth of a `comptime` condition; nothing is kept of it.
    pub fn comptime_truth(&mut self, cond: &ast::Expr) -> Option<bool> {
        let span = cond.span;
        let cond = match &cond.kind {
            ast::ExprKind::Comptime(inner) => inner,
            _ => cond,
        };
        let value = self.expr(cond);
        let value = self.truth(value);
        let known = super::fold::constant_truth(&value);
        if known.is_none() && !self.is_poison(&value) {
            self.error(codes::NOT_CONSTANT, span, "Unable to resolve comptime expression");
        }
        known
    }
}

/// `(a, b)`
pub(crate) fn tuple(items: Vec<Expr>, span: Span) -> Expr {
    let ty = Type::Tuple(items.iter().map(|item| item.ty.clone()).collect());
    Expr { ty, kind: ExprKind::Aggregate(items), span }
}

/// `int64`, `uint64`
pub(crate) fn wide(signed: bool) -> Type {
    Type::Int(IntType { bits: 64, signed })
}
