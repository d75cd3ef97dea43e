//! Operators.

use super::compare::fold_other;
use super::expr::wide;
use super::fold::{self, Folded};
use super::lower::{Lower, constant, poison};
use super::widen::{self, shown};
use crate::codes;
use crate::program::{Expr, ExprKind};
use crate::source::Span;
use crate::syntax::ast::{self, BinaryOp, UnaryOp};
use crate::types::{AddressSpace, IntType, Type};

impl Lower<'_> {
    pub fn binary(&mut self, op: BinaryOp, left: &ast::Expr, right: &ast::Expr, span: Span) -> Expr {
        let (left_value, right_value) = self.operands(op, left, right);
        self.binary_values(op, left_value, right_value, span)
    }

    /// Both sides; a parameter compared with a string is one.
    fn operands(&mut self, op: BinaryOp, left: &ast::Expr, right: &ast::Expr) -> (Expr, Expr) {
        use ast::ExprKind::Param;
        let comparing = matches!(op, BinaryOp::Eq | BinaryOp::Ne);
        match (&left.kind, &right.kind) {
            (Param(n), _) if comparing => {
                let other = self.expr(right);
                let mine =
                    if is_text(&other.ty) { self.parameter_text(*n, left.span) } else { self.parameter(*n, left.span) };
                (mine, other)
            }
            (_, Param(n)) if comparing => {
                let other = self.expr(left);
                let mine = if is_text(&other.ty) {
                    self.parameter_text(*n, right.span)
                } else {
                    self.parameter(*n, right.span)
                };
                (other, mine)
            }
            _ => {
                let left = self.expr(left);
                (left, self.expr(right))
            }
        }
    }

    /// An operator on two values.
    pub fn binary_values(&mut self, op: BinaryOp, left: Expr, right: Expr, span: Span) -> Expr {
        if self.is_poison(&left) || self.is_poison(&right) {
            return poison(span);
        }
        if let (Some(a), Some(b)) = (fold::literal(&left), fold::literal(&right)) {
            return self.folded(op, a, b, span);
        }
        let (left, right) = (signed_again(left), signed_again(right));
        if let Some(folded) = self.fold_text(op, &left, &right, span) {
            return folded;
        }
        if self.is_numberless(&left) || self.is_numberless(&right) {
            return self.cannot_compare_aggregate(op, &left, &right, span);
        }
        if let Some(value) = fold_other(op, &left, &right) {
            return Expr { ty: Type::Bool, kind: ExprKind::Bool(value), span };
        }
        let left = self.number_of(left);
        let right = self.number_of(right);
        match op {
            BinaryOp::And | BinaryOp::Or => self.logical(op, left, right, span),
            BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge => {
                self.compare(op, left, right, span)
            }
            _ => self.arithmetic(op, left, right, span),
        }
    }

    /// `"a" + "b"`, `"abc" + 1`
    fn fold_text(&mut self, op: BinaryOp, left: &Expr, right: &Expr, span: Span) -> Option<Expr> {
        if op != BinaryOp::Add {
            return None;
        }
        let (text, by) = match (&left.kind, &right.kind) {
            (ExprKind::Str(a), ExprKind::Str(b)) => {
                return Some(super::lower::string([a.as_slice(), b.as_slice()].concat(), span));
            }
            (ExprKind::Str(text), ExprKind::Int(by)) | (ExprKind::Int(by), ExprKind::Str(text)) => (text, *by),
            _ => return None,
        };
        let by = usize::try_from(by).unwrap_or(0).min(text.len());
        if by == text.len() {
            self.warn(codes::W_TRUNCATED, span, "literal string will always be empty");
        }
        Some(super::lower::string(text[by..].to_vec(), span))
    }

    fn folded(&mut self, op: BinaryOp, left: i128, right: i128, span: Span) -> Expr {
        match fold::fold(op, left, right) {
            Folded::Int(value) => constant(value, Type::Int(widen::literal_type(value)), span),
            Folded::Unsigned(value) => constant(value, Type::U64, span),
            Folded::Bool(value) => Expr { ty: Type::Bool, kind: ExprKind::Bool(value), span },
            Folded::Overflow => {
                self.error(codes::BAD_LITERAL, span, "unable to fold literals due to overflow or underflow")
            }
        }
    }

    /// What arithmetic takes of a value: enums as integers.
    fn number_of(&mut self, value: Expr) -> Expr {
        match &value.ty {
            Type::Enum { repr, .. } => {
                let span = value.span;
                let ty = Type::Int(*repr);
                match value.kind {
                    ExprKind::Int(n) => constant(n, ty, span),
                    _ => Expr { ty, kind: ExprKind::Cast(Box::new(value)), span },
                }
            }
            _ => value,
        }
    }

    fn logical(&mut self, op: BinaryOp, left: Expr, right: Expr, span: Span) -> Expr {
        let is_text = |side: &Expr| matches!(side.ty, Type::String { .. });
        let unlike = is_text(&left) != is_text(&right) && left.ty != Type::Void && right.ty != Type::Void;
        if unlike || matches!(left.ty, Type::Array { .. }) || matches!(right.ty, Type::Array { .. }) {
            return self.cannot_compare(op, &left, &right, span);
        }
        let left = Box::new(self.truth(left));
        let right = Box::new(self.truth(right));
        let kind = if op == BinaryOp::And { ExprKind::And(left, right) } else { ExprKind::Or(left, right) };
        Expr { ty: Type::Bool, kind, span }
    }

    /// Both sides brought to `ty`, the operator applied.
    pub(super) fn pair(&mut self, op: BinaryOp, left: Expr, right: Expr, ty: Type, result: Type, span: Span) -> Expr {
        let left = Box::new(self.coerce(left, &ty));
        let right = Box::new(self.coerce(right, &ty));
        Expr { ty: result, kind: ExprKind::Binary { op, left, right }, span }
    }

    fn arithmetic(&mut self, op: BinaryOp, left: Expr, right: Expr, span: Span) -> Expr {
        match (&left.ty, &right.ty) {
            // Two booleans make a boolean, whatever the operator.
            (Type::Bool, Type::Bool) => {
                let number = self.pair(op, left, right, Type::U64, Type::U64, span);
                Expr { ty: Type::Bool, kind: ExprKind::Cast(Box::new(number)), span }
            }
            (Type::Int(_) | Type::Bool, Type::Int(_) | Type::Bool) => {
                let shift = matches!(op, BinaryOp::Shl | BinaryOp::Shr);
                let ty = self.common_int(&left, &right, op == BinaryOp::Sub);
                let signed = matches!(ty, Type::Int(IntType { signed: true, .. }));
                let known = fold::is_constant(&left) && fold::is_constant(&right);
                let promoted = left.ty != right.ty && self.is_signed(&left, &right);
                if matches!(op, BinaryOp::Div | BinaryOp::Mod) && signed && !known && promoted {
                    self.warn(
                        codes::W_DIVISION,
                        span,
                        format!(
                            "signed operands for '{}' can lead to undefined behavior (cast to unsigned to silence warning)",
                            symbol(op)
                        ),
                    );
                }
                if !shift {
                    self.warn_sign(&left, &ty);
                    self.warn_sign(&right, &ty);
                }
                // Division, modulo and right shift are those of unsigned numbers, as in bpftrace.
                if signed && matches!(op, BinaryOp::Div | BinaryOp::Mod | BinaryOp::Shr) {
                    let left = self.coerce(left, &ty);
                    let right = self.coerce(right, &ty);
                    let bits = self.pair(op, left, right, Type::U64, Type::U64, span);
                    return Expr { ty, kind: ExprKind::Cast(Box::new(bits)), span };
                }
                self.pair(op, left, right, ty.clone(), ty, span)
            }
            (Type::Pointer { .. }, Type::Int(_)) if matches!(op, BinaryOp::Add | BinaryOp::Sub) => {
                let offset = self.coerce(right, &Type::I64);
                let offset = if op == BinaryOp::Sub { negate(offset) } else { offset };
                let ty = left.ty.clone();
                self.pointer_offset(left, offset, ty, span)
            }
            (Type::Int(_), Type::Pointer { .. }) if op == BinaryOp::Add => {
                let offset = self.coerce(left, &Type::I64);
                let ty = right.ty.clone();
                self.pointer_offset(right, offset, ty, span)
            }
            (Type::Array { .. }, Type::Array { .. }) => {
                let message = format!("The {} operator cannot be used on arrays.", symbol(op));
                self.error(codes::OPERAND, span, message)
            }
            (a, b) => {
                let (a, b) = (a.clone(), b.clone());
                if std::mem::discriminant(&a) == std::mem::discriminant(&b)
                    || matches!(a, Type::Pointer { .. })
                    || matches!(b, Type::Pointer { .. })
                {
                    self.error(
                        codes::OPERAND,
                        span,
                        format!(
                            "The {} operator can not be used on expressions of types {}, {}",
                            symbol(op),
                            shown(&a),
                            shown(&b)
                        ),
                    )
                } else {
                    self.cannot_compare(op, &left, &right, span)
                }
            }
        }
    }

    pub fn pointer_offset(&mut self, pointer: Expr, offset: Expr, ty: Type, span: Span) -> Expr {
        if let Type::Pointer { to, .. } = &ty {
            self.know_type(to);
        }
        Expr { ty, kind: ExprKind::PointerOffset { pointer: Box::new(pointer), offset: Box::new(offset) }, span }
    }

    fn is_signed(&self, left: &Expr, right: &Expr) -> bool {
        let signed = |expr: &Expr| match self.infer_type(expr) {
            Type::Int(int) => int.signed && !widen::is_loose(int),
            _ => false,
        };
        signed(left) || signed(right)
    }

    /// The type that two integers meet in: 64 bits wide; unsigned where no side can be negative.
    pub(super) fn common_int(&mut self, left: &Expr, right: &Expr, subtract: bool) -> Type {
        let (a, b) = (self.infer_type(left), self.infer_type(right));
        let signed = match (&a, &b) {
            (Type::Int(a), Type::Int(b)) => {
                let joined = widen::join_ints(*a, *b);
                joined.signed
            }
            (Type::Int(int), _) | (_, Type::Int(int)) => int.signed && !widen::is_loose(*int),
            _ => false,
        };
        wide(signed || subtract)
    }

    /// Told when an unsigned 64-bit value is taken for a signed one beside a signed value.
    pub fn warn_sign(&mut self, value: &Expr, ty: &Type) {
        let (Type::Int(from), Type::Int(to)) = (&value.ty, ty) else { return };
        if from.bits == 64 && !from.signed && to.signed && !matches!(value.kind, ExprKind::Int(_)) {
            self.cast_silently(value.span, *from, *to);
        }
    }

    /// Told when a value may not fit the type that its variable was declared with.
    pub fn warn_declared(&mut self, value: &Expr, ty: &Type) {
        let (Type::Int(from), Type::Int(to)) = (&value.ty, ty) else { return };
        let loose = matches!(self.infer_type(value), Type::Int(int) if widen::is_loose(int));
        let fits = match (from.signed, to.signed) {
            _ if loose => from.bits <= to.bits,
            (false, true) => from.bits < to.bits,
            (true, false) => false,
            _ => from.bits <= to.bits,
        };
        if !fits && !matches!(value.kind, ExprKind::Int(_)) && self.raw_aggregate(value).is_none() {
            self.cast_silently(value.span, *from, *to);
        }
    }

    fn cast_silently(&mut self, span: Span, from: IntType, to: IntType) {
        self.warn(
            codes::W_SIGN,
            span,
            format!(
                "Expression of type: {from} being cast to type: {to}. This may cause unexpected results. Use an \
                 explicit cast to suppress this warning."
            ),
        );
    }

    /// Character arrays by value compare as strings.
    pub(super) fn decay_text(&mut self, value: Expr) -> Expr {
        match &value.ty {
            Type::Array { of, len } if super::programs::is_char(of) => {
                let (span, capacity) = (value.span, *len);
                Expr { ty: Type::String { capacity }, kind: ExprKind::Cast(Box::new(value)), span }
            }
            _ => value,
        }
    }

    pub fn unary(&mut self, op: UnaryOp, operand: &ast::Expr, span: Span) -> Expr {
        match op {
            UnaryOp::AddrOf => self.address_of(operand, span),
            UnaryOp::PreInc => self.step(operand, 1, true, span),
            UnaryOp::PreDec => self.step(operand, -1, true, span),
            UnaryOp::PostInc => self.step(operand, 1, false, span),
            UnaryOp::PostDec => self.step(operand, -1, false, span),
            UnaryOp::Deref => {
                let value = self.expr(operand);
                self.deref(value, span)
            }
            UnaryOp::Plus => self.expr(operand),
            UnaryOp::Neg | UnaryOp::BitNot | UnaryOp::Not => {
                let value = self.expr(operand);
                self.unary_value(op, value, span)
            }
        }
    }

    fn unary_value(&mut self, op: UnaryOp, value: Expr, span: Span) -> Expr {
        if self.is_poison(&value) {
            return poison(span);
        }
        let value = self.number_of(value);
        match (op, &value.ty) {
            (UnaryOp::Not, Type::Bool) => match value.kind {
                ExprKind::Bool(known) => Expr { ty: Type::Bool, kind: ExprKind::Bool(!known), span },
                _ => Expr { ty: Type::Bool, kind: ExprKind::Not(Box::new(value)), span },
            },
            (UnaryOp::Not, Type::Int(_)) => {
                let value = self.truth(value);
                self.unary_value(UnaryOp::Not, value, span)
            }
            (UnaryOp::Neg, Type::Int(_)) => {
                if let Some(known) = fold::literal(&value) {
                    return match i64::try_from(-known) {
                        Ok(known) => constant(known, Type::Int(widen::literal_type(known)), span),
                        Err(_) => {
                            self.error(codes::BAD_LITERAL, span, "unable to fold literals due to overflow or underflow")
                        }
                    };
                }
                self.in_own_width(value, ExprKind::Negate, span)
            }
            (UnaryOp::BitNot, Type::Int(int)) => {
                if let ExprKind::Int(known) = &value.kind {
                    return if int.signed && *known < 0 {
                        constant(!known, Type::Int(widen::literal_type(!known)), span)
                    } else {
                        constant(!known, Type::U64, span)
                    };
                }
                self.in_own_width(value, ExprKind::Invert, span)
            }
            (_, ty) => {
                let sign = match op {
                    UnaryOp::Not => "!",
                    UnaryOp::Neg => "-",
                    _ => "~",
                };
                let message = format!("The {sign} operator can not be used on expressions of type '{}'", shown(ty));
                self.error(codes::OPERAND, span, message)
            }
        }
    }

    /// An operator in the operand's own width; what comes of it is 64 bits wide, filled up with zeros as bpftrace does.
    fn in_own_width(&mut self, value: Expr, operator: fn(Box<Expr>) -> ExprKind, span: Span) -> Expr {
        let ty = self.widened(&value);
        let own = match &value.ty {
            Type::Int(int) => Type::Int(IntType { signed: false, ..*int }),
            other => other.clone(),
        };
        let value = self.coerce(value, &own);
        let narrow = Expr { ty: own, kind: operator(Box::new(value)), span };
        self.coerce(narrow, &ty)
    }

    fn widened(&self, value: &Expr) -> Type {
        match &value.ty {
            Type::Int(int) => wide(int.signed),
            other => other.clone(),
        }
    }

    /// `*p`
    pub fn deref(&mut self, value: Expr, span: Span) -> Expr {
        if self.is_poison(&value) {
            return poison(span);
        }
        match value.ty.clone() {
            Type::Pointer { to, .. } if *to == Type::Void => {
                self.error(codes::OPERAND, span, "Can not dereference a pointer to void")
            }
            Type::Pointer { to, .. } => {
                self.know_type(&to);
                // *(&p.field) is p.field.
                if let ExprKind::FieldAddress { pointer, path } = value.kind {
                    return Expr { ty: *to, kind: ExprKind::FieldOf { pointer, path }, span };
                }
                Expr { ty: *to, kind: ExprKind::Deref(Box::new(value)), span }
            }
            // An integer is an address of 64 bits.
            Type::Int(_) => {
                let ty = Type::Pointer { to: Box::new(wide(false)), space: self.default_space() };
                let pointer = Expr { ty, kind: ExprKind::Cast(Box::new(value)), span };
                Expr { ty: wide(false), kind: ExprKind::Deref(Box::new(pointer)), span }
            }
            ty => self.error(
                codes::OPERAND,
                span,
                format!("The * operator can not be used on expressions of type '{}'", shown(&ty)),
            ),
        }
    }

    /// Where addresses of this probe lie when nothing says it.
    pub fn default_space(&self) -> AddressSpace {
        use super::attach::Provider::*;
        match self.probe.provider {
            Uprobe | Uretprobe | Usdt => AddressSpace::User,
            Kprobe | Kretprobe | Fentry | Fexit | RawTracepoint | Iter | Tracepoint => AddressSpace::Kernel,
            _ => AddressSpace::None,
        }
    }

    fn address_of(&mut self, operand: &ast::Expr, span: Span) -> Expr {
        match &operand.kind {
            ast::ExprKind::Var(name) => {
                let value = self.expr(&ast::Expr { kind: ast::ExprKind::Var(name.clone()), span: operand.span });
                let ExprKind::Local(id) = value.kind else { return poison(span) };
                let ty = Type::Pointer { to: Box::new(value.ty), space: AddressSpace::Bpf };
                Expr { ty, kind: ExprKind::AddressOfLocal(id), span }
            }
            ast::ExprKind::Map(name) => self.address_of_map(name, None, operand.span, span),
            ast::ExprKind::MapKey { map, keys } => self.address_of_map(&map.name, Some(keys), map.span, span),
            _ => self.error(
                codes::OPERAND,
                operand.span,
                "syntax: address-of operator (&) can only be used on a map or variable",
            ),
        }
    }
}

/// `-$x` and `~$x` of narrow signed numbers: filled up with zeros where they are kept, signed in an expression.
fn signed_again(value: Expr) -> Expr {
    let ExprKind::Cast(inner) = &value.kind else { return value };
    let (Type::Int(to), Type::Int(from)) = (&value.ty, &inner.ty) else { return value };
    if !matches!(inner.kind, ExprKind::Negate(_) | ExprKind::Invert(_)) || !to.signed || from.signed {
        return value;
    }
    let own = Type::Int(IntType { signed: true, ..*from });
    let inner = Expr { ty: own, kind: ExprKind::Cast(inner.clone()), span: value.span };
    Expr { ty: value.ty, kind: ExprKind::Cast(Box::new(inner)), span: value.span }
}

pub(super) fn is_text(ty: &Type) -> bool {
    matches!(ty, Type::String { .. })
}

fn negate(value: Expr) -> Expr {
    let span = value.span;
    match value.kind {
        ExprKind::Int(n) => constant(n.wrapping_neg(), value.ty, span),
        _ => Expr { ty: value.ty.clone(), kind: ExprKind::Negate(Box::new(value)), span },
    }
}

/// As written.
pub(super) fn symbol(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Add => "+",
        BinaryOp::Sub => "-",
        BinaryOp::Mul => "*",
        BinaryOp::Div => "/",
        BinaryOp::Mod => "%",
        BinaryOp::BitAnd => "&",
        BinaryOp::BitOr => "|",
        BinaryOp::BitXor => "^",
        BinaryOp::Shl => "<<",
        BinaryOp::Shr => ">>",
        BinaryOp::Eq => "==",
        BinaryOp::Ne => "!=",
        BinaryOp::Lt => "<",
        BinaryOp::Le => "<=",
        BinaryOp::Gt => ">",
        BinaryOp::Ge => ">=",
        BinaryOp::And => "&&",
        BinaryOp::Or => "||",
    }
}
