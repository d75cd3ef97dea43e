//! Comparisons and conditions.

use super::expr::wide;
use super::lower::{Lower, poison};
use super::ops::{is_text, symbol};
use super::widen::{self, shown};
use crate::codes;
use crate::diagnostics::Diagnostic;
use crate::program::{Expr, ExprKind};
use crate::source::Span;
use crate::syntax::ast::BinaryOp;
use crate::types::Type;

impl Lower<'_> {
    /// A value as a condition of a statement at `place`.
    pub fn condition(&mut self, value: Expr, place: Span) -> Expr {
        if self.is_poison(&value) {
            return poison(place);
        }
        let word = match (self.raw_aggregate(&value), &value.ty, &value.kind) {
            (Some(aggregate), ..) => aggregate,
            (_, Type::Struct(_), _) => "c_type".to_owned(),
            (_, Type::String { .. }, kind) if !matches!(kind, ExprKind::Str(_)) => "string".to_owned(),
            (
                _,
                ty @ (Type::Tuple(_)
                | Type::Record(_)
                | Type::Array { .. }
                | Type::Buffer { .. }
                | Type::KernelStack(_)
                | Type::UserStack(_)),
                _,
            ) => widen::kind_name(ty).to_owned(),
            _ => return self.truth(value),
        };
        self.error(codes::OPERAND, place, format!("Invalid condition: {word}"))
    }

    /// A value as a condition.
    pub fn truth(&mut self, value: Expr) -> Expr {
        let span = value.span;
        match &value.ty {
            Type::Bool => value,
            Type::Int(_) | Type::Enum { .. } | Type::Pointer { .. } => match value.kind {
                ExprKind::Int(n) => Expr { ty: Type::Bool, kind: ExprKind::Bool(n != 0), span },
                _ => Expr { ty: Type::Bool, kind: ExprKind::Cast(Box::new(value)), span },
            },
            Type::String { .. } if matches!(value.kind, ExprKind::Str(_)) => {
                let ExprKind::Str(text) = &value.kind else { return poison(span) };
                Expr { ty: Type::Bool, kind: ExprKind::Bool(!text.is_empty()), span }
            }
            Type::String { .. } => {
                // A string is true when it is not empty.
                let empty = Expr { ty: value.ty.clone(), kind: ExprKind::Zero, span };
                Expr {
                    ty: Type::Bool,
                    kind: ExprKind::Equal { left: Box::new(value), right: Box::new(empty), negated: true },
                    span,
                }
            }
            ty if ty.is_scalar() => Expr { ty: Type::Bool, kind: ExprKind::Cast(Box::new(value)), span },
            Type::Void if self.is_poison(&value) => poison(span),
            Type::Void => self.error(codes::OPERAND, span, "Invalid condition: void"),
            ty => {
                let message =
                    format!("Invalid condition: expected an integer, boolean or pointer, got '{}'", shown(ty));
                self.error(codes::OPERAND, span, message)
            }
        }
    }

    pub(super) fn compare(&mut self, op: BinaryOp, left: Expr, right: Expr, span: Span) -> Expr {
        let equality = matches!(op, BinaryOp::Eq | BinaryOp::Ne);
        let (left, right) = (self.decay_text(left), self.decay_text(right));
        let (left, right) = match (&left.ty, &right.ty) {
            (Type::ProbeName, Type::String { .. }) => (left, self.literal_name(right, &Type::ProbeName)),
            (Type::String { .. }, Type::ProbeName) => (self.literal_name(left, &Type::ProbeName), right),
            _ => (left, right),
        };
        match (&left.ty, &right.ty) {
            (Type::Int(_), Type::Int(_)) => {
                let ty = self.common_int(&left, &right, false);
                self.warn_sign(&left, &ty);
                self.warn_sign(&right, &ty);
                self.pair(op, left, right, ty, Type::Bool, span)
            }
            (Type::Bool, Type::Bool) => self.pair(op, left, right, Type::Bool, Type::Bool, span),
            (Type::Bool, Type::Int(_)) | (Type::Int(_), Type::Bool) => {
                self.pair(op, left, right, wide(true), Type::Bool, span)
            }
            (Type::Pointer { to: a, .. }, Type::Pointer { to: b, .. }) => {
                if a != b && **a != Type::Void && **b != Type::Void {
                    let message = format!("comparison of distinct pointer types: {}, {}", shown(a), shown(b));
                    let (a, b) = (format!("left ({})", shown(a)), format!("right ({})", shown(b)));
                    self.report(
                        Diagnostic::warning(codes::W_SIGN, span, message).with(left.span, a).with(right.span, b),
                    );
                }
                self.pair(op, left, right, Type::U64, Type::Bool, span)
            }
            (Type::Pointer { .. }, Type::Int(_) | Type::Bool) | (Type::Int(_) | Type::Bool, Type::Pointer { .. }) => {
                self.pair(op, left, right, Type::U64, Type::Bool, span)
            }
            (Type::String { .. }, Type::String { .. }) if equality => self.equal(op, left, right, span),
            (Type::Array { of: a, len: n }, Type::Array { of: b, len: m }) if equality && a == b && n == m => {
                self.equal(op, left, right, span)
            }
            (Type::Array { of: a, len: n }, Type::Array { of: b, len: m }) => {
                let message = match equality {
                    false => format!("The {} operator cannot be used on arrays.", symbol(op)),
                    true if n != m => "Only arrays of same size support comparison operators.".to_owned(),
                    true if a != b => "Only arrays of same sized integer support comparison operators.".to_owned(),
                    true => "Only arrays of integers support comparison operators.".to_owned(),
                };
                self.error(codes::OPERAND, span, message)
            }
            (Type::Buffer { .. }, Type::Buffer { .. }) if equality => self.equal(op, left, right, span),
            (Type::Tuple(_), Type::Tuple(_)) | (Type::Record(_), Type::Record(_)) if equality => {
                match widen::join(&self.infer_type(&left), &self.infer_type(&right)) {
                    Some(ty) => {
                        let ty = widen::settle(&ty);
                        let (left, right) = (self.coerce(left, &ty), self.coerce(right, &ty));
                        self.equal(op, left, right, span)
                    }
                    // Tuples of other types are other tuples.
                    None => Expr { ty: Type::Bool, kind: ExprKind::Bool(op == BinaryOp::Ne), span },
                }
            }
            (a, b) if a == b && equality && !a.is_scalar() && *a != Type::Void => self.equal(op, left, right, span),
            (a, b) if a == b && a.is_scalar() => self.pair(op, left, right, Type::U64, Type::Bool, span),
            (a, Type::Int(_)) if a.is_scalar() => self.pair(op, left, right, Type::U64, Type::Bool, span),
            (Type::Int(_), b) if b.is_scalar() => self.pair(op, left, right, Type::U64, Type::Bool, span),
            (a, b)
                if !equality
                    && (is_text(a) && is_text(b)
                        || matches!((a, b), (Type::Pointer { .. }, _) | (Type::Tuple(_), Type::Tuple(_)))) =>
            {
                let (a, b) = (shown(a), shown(b));
                let message = format!("The {} operator can not be used on expressions of types {a}, {b}", symbol(op));
                self.error(codes::OPERAND, span, message)
            }
            _ => self.cannot_compare(op, &left, &right, span),
        }
    }

    pub(super) fn cannot_compare(&mut self, op: BinaryOp, left: &Expr, right: &Expr, span: Span) -> Expr {
        let (a, b) = (shown(&left.ty), shown(&right.ty));
        self.operands_differ(op, (left.span, &a), (right.span, &b), span)
    }

    fn operands_differ(&mut self, op: BinaryOp, (left, a): (Span, &str), (right, b): (Span, &str), span: Span) -> Expr {
        self.report(
            Diagnostic::error(
                codes::TYPE_MISMATCH,
                span,
                format!("Type mismatch for '{}': comparing {a} with {b}", symbol(op)),
            )
            .with(left, format!("left ({a})"))
            .with(right, format!("right ({b})")),
        );
        poison(span)
    }

    fn equal(&mut self, op: BinaryOp, left: Expr, right: Expr, span: Span) -> Expr {
        let negated = op == BinaryOp::Ne;
        Expr { ty: Type::Bool, kind: ExprKind::Equal { left: Box::new(left), right: Box::new(right), negated }, span }
    }

    pub(super) fn cannot_compare_aggregate(&mut self, op: BinaryOp, left: &Expr, right: &Expr, span: Span) -> Expr {
        let name = |lower: &Self, value: &Expr| match &value.ty {
            Type::Int(_) if matches!(value.kind, ExprKind::Int(_)) => "int64".to_owned(),
            ty => lower.raw_aggregate(value).unwrap_or_else(|| shown(ty)),
        };
        let (a, b) = (name(self, left), name(self, right));
        self.operands_differ(op, (left.span, &a), (right.span, &b), span)
    }
}

/// Comparisons of other literals: strings, booleans.
pub(super) fn fold_other(op: BinaryOp, left: &Expr, right: &Expr) -> Option<bool> {
    let equal = match (&left.kind, &right.kind) {
        (ExprKind::Str(a), ExprKind::Str(b)) => a == b,
        (ExprKind::Bool(a), ExprKind::Bool(b)) => match op {
            BinaryOp::And => return Some(*a && *b),
            BinaryOp::Or => return Some(*a || *b),
            _ => a == b,
        },
        (ExprKind::Bool(a), _) => {
            return match op {
                BinaryOp::And if !a => Some(false),
                BinaryOp::Or if *a => Some(true),
                _ => None,
            };
        }
        _ => return None,
    };
    match op {
        BinaryOp::Eq => Some(equal),
        BinaryOp::Ne => Some(!equal),
        BinaryOp::Lt | BinaryOp::Gt | BinaryOp::Le | BinaryOp::Ge => match (&left.kind, &right.kind) {
            (ExprKind::Str(a), ExprKind::Str(b)) => Some(match op {
                BinaryOp::Lt => a < b,
                BinaryOp::Gt => a > b,
                BinaryOp::Le => a <= b,
                _ => a >= b,
            }),
            _ => None,
        },
        _ => None,
    }
}
