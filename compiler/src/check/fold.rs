//! Constants: arithmetic on literals.

use crate::program::{BinaryOp, Call, Expr, ExprKind};
use crate::types::Type;

/// Whether the value is known now.
pub(crate) fn is_constant(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Int(_) | ExprKind::Bool(_) | ExprKind::Str(_) | ExprKind::Bytes(_) => true,
        ExprKind::Call(Call::KernelEnumValue { .. }) => true,
        ExprKind::Aggregate(items) => items.iter().all(is_constant),
        ExprKind::Cast(inner) => is_constant(inner),
        _ => false,
    }
}

/// A condition's value, where it is known now.
pub(crate) fn constant_truth(expr: &Expr) -> Option<bool> {
    match &expr.kind {
        ExprKind::Bool(value) => Some(*value),
        ExprKind::Int(value) => Some(*value != 0),
        ExprKind::Cast(inner) if matches!(inner.kind, ExprKind::Int(_) | ExprKind::Bool(_)) => constant_truth(inner),
        _ => None,
    }
}

/// An integer literal's value, seen through casts to types that hold it.
pub(crate) fn constant_int(expr: &Expr) -> Option<i64> {
    match &expr.kind {
        ExprKind::Int(value) => Some(*value),
        ExprKind::Bool(value) => Some(i64::from(*value)),
        // Where a number must be known now, the description's must do.
        ExprKind::Call(Call::KernelEnumValue { value, .. }) => Some(*value),
        ExprKind::Cast(inner) => match &expr.ty {
            Type::Int(int) if int.bits == 64 => constant_int(inner),
            _ => None,
        },
        _ => None,
    }
}

/// What comes of an operator on two literals.
pub(crate) enum Folded {
    Int(i64),
    /// Above `i64::MAX`: the bits of a `uint64`.
    Unsigned(i64),
    Bool(bool),
    Overflow,
}

/// Folds an operator on integer literals; `unsigned`: one of them is above `i64::MAX`.
pub(crate) fn fold(op: BinaryOp, left: i128, right: i128) -> Folded {
    use BinaryOp::*;
    let value = match op {
        Add => left.checked_add(right),
        Sub => left.checked_sub(right),
        Mul => left.checked_mul(right),
        Div => left.checked_div(right),
        Mod => left.checked_rem(right),
        BitAnd => Some(left & right),
        BitOr => Some(left | right),
        BitXor => Some(left ^ right),
        Shl if (0..64).contains(&right) => left.checked_shl(right as u32),
        Shr if (0..64).contains(&right) => left.checked_shr(right as u32),
        Shl | Shr => None,
        Eq => return Folded::Bool(left == right),
        Ne => return Folded::Bool(left != right),
        Lt => return Folded::Bool(left < right),
        Le => return Folded::Bool(left <= right),
        Gt => return Folded::Bool(left > right),
        Ge => return Folded::Bool(left >= right),
        And => return Folded::Bool(left != 0 && right != 0),
        Or => return Folded::Bool(left != 0 || right != 0),
    };
    match value {
        Some(value) => match (i64::try_from(value), u64::try_from(value)) {
            (Ok(value), _) => Folded::Int(value),
            (_, Ok(value)) => Folded::Unsigned(value as i64),
            _ => Folded::Overflow,
        },
        None => Folded::Overflow,
    }
}

/// A literal's mathematical value.
pub(crate) fn literal(expr: &Expr) -> Option<i128> {
    match (&expr.kind, &expr.ty) {
        (ExprKind::Int(value), Type::Int(int)) if !int.signed => Some(i128::from(*value as u64)),
        (ExprKind::Int(value), Type::Int(_)) => Some(i128::from(*value)),
        _ => None,
    }
}
