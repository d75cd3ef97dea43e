//! How types grow together: a variable or map takes every value that is assigned to it.
//!
//! While types are inferred, an integer that so far comes of literals alone is *loose*: it takes the sign of what it
//! meets. A loose integer is marked by an odd number of bits (`9` for a loose `int8`), which [`settle`] takes away.
//! INVARIANT: loose types live in [`Slot`](super::scope::Slot)s and in results of `infer_type` only, never in a `Program`.

use crate::types::{Aggregate, IntType, Type};

/// The type of an integer literal: the smallest that holds it.
pub(crate) fn literal_type(value: i64) -> IntType {
    let bits = match value {
        -0x80..=0x7f => 8,
        -0x8000..=0x7fff => 16,
        -0x8000_0000..=0x7fff_ffff => 32,
        _ => 64,
    };
    IntType { bits, signed: true }
}

/// A loose integer type of that width.
pub(crate) fn loose(int: IntType) -> Type {
    Type::Int(IntType { bits: int.bits | 1, signed: true })
}

pub(crate) fn is_loose(int: IntType) -> bool {
    int.bits & 1 == 1
}

/// Takes the mark of loose integers away.
pub(crate) fn settle(ty: &Type) -> Type {
    match ty {
        Type::Int(int) => Type::Int(IntType { bits: int.bits & !1, signed: int.signed }),
        Type::Tuple(items) => Type::Tuple(items.iter().map(settle).collect()),
        Type::Record(fields) => Type::Record(fields.iter().map(|(name, ty)| (name.clone(), settle(ty))).collect()),
        other => other.clone(),
    }
}

/// The integer type that holds both.
pub(crate) fn join_ints(a: IntType, b: IntType) -> IntType {
    let bits = (a.bits & !1).max(b.bits & !1);
    match (is_loose(a), is_loose(b)) {
        (true, true) => IntType { bits: bits | 1, signed: true },
        (true, false) => IntType { bits, signed: b.signed },
        (false, true) => IntType { bits, signed: a.signed },
        (false, false) if a.signed == b.signed => IntType { bits, signed: a.signed },
        (false, false) => {
            let (signed, unsigned) = if a.signed { (a, b) } else { (b, a) };
            IntType { bits: signed.bits.max((unsigned.bits * 2).min(64)), signed: true }
        }
    }
}

/// The type that holds values of both, or none. [`Type::Void`] is "not known yet".
pub(crate) fn join(a: &Type, b: &Type) -> Option<Type> {
    Some(match (a, b) {
        (Type::Void, other) | (other, Type::Void) => other.clone(),
        (Type::Int(a), Type::Int(b)) => Type::Int(join_ints(*a, *b)),
        (Type::Enum { name: a_name, .. }, Type::Enum { name: b_name, .. }) if a_name == b_name => a.clone(),
        (Type::Enum { .. } | Type::Int(_), Type::Enum { .. } | Type::Int(_)) => {
            return join(&enum_as_int(a), &enum_as_int(b));
        }
        (Type::String { capacity: a }, Type::String { capacity: b }) => Type::String { capacity: *a.max(b) },
        (Type::Buffer { capacity: a }, Type::Buffer { capacity: b }) => Type::Buffer { capacity: *a.max(b) },
        (Type::Tuple(a), Type::Tuple(b)) if a.len() == b.len() => {
            Type::Tuple(a.iter().zip(b).map(|(a, b)| join(a, b)).collect::<Option<_>>()?)
        }
        (Type::Record(a), Type::Record(b)) if a.len() == b.len() => {
            let field = |(name, ty): &(String, Type)| {
                let (_, other) = b.iter().find(|(other, _)| other == name)?;
                Some((name.clone(), join(ty, other)?))
            };
            Type::Record(a.iter().map(field).collect::<Option<_>>()?)
        }
        (Type::Pointer { to: a_to, space: a_space }, Type::Pointer { to: b_to, space: b_space }) => {
            use crate::types::AddressSpace::None as Unknown;
            let space = if *a_space == Unknown { *b_space } else { *a_space };
            let to = if **a_to == Type::Void { b_to } else { a_to };
            Type::Pointer { to: to.clone(), space }
        }
        (Type::Aggregate(a), Type::Aggregate(b)) => Type::Aggregate(join_aggregates(a, b)?),
        (a, b) if a == b => a.clone(),
        _ => return None,
    })
}

/// `enum` → the integer that arithmetic makes of it.
pub(crate) fn enum_as_int(ty: &Type) -> Type {
    match ty {
        Type::Enum { repr, .. } => Type::Int(*repr),
        other => other.clone(),
    }
}

fn join_aggregates(a: &Aggregate, b: &Aggregate) -> Option<Aggregate> {
    use Aggregate::{Avg, Max, Min, Stats, Sum, TimeSeries};
    Some(match (a, b) {
        (Sum { signed: a }, Sum { signed: b }) => Sum { signed: *a || *b },
        (Min { signed: a }, Min { signed: b }) => Min { signed: *a || *b },
        (Max { signed: a }, Max { signed: b }) => Max { signed: *a || *b },
        (Avg { signed: a }, Avg { signed: b }) => Avg { signed: *a || *b },
        (Stats { signed: a }, Stats { signed: b }) => Stats { signed: *a || *b },
        (
            TimeSeries { interval, buckets, agg, signed: a },
            TimeSeries { interval: i, buckets: n, agg: g, signed: b },
        ) if interval == i && buckets == n && agg == g => {
            TimeSeries { interval: *interval, buckets: *buckets, agg: *agg, signed: *a || *b }
        }
        (a, b) if a == b => a.clone(),
        _ => return None,
    })
}

/// The name under which bpftrace's messages know a type: as `Display`, but the kind alone (`int`, `string`).
pub(crate) fn kind_name(ty: &Type) -> &'static str {
    match ty {
        Type::Void => "none",
        Type::Bool => "bool",
        Type::Int(_) => "int",
        Type::Enum { .. } => "enum",
        Type::String { .. } => "string",
        Type::Buffer { .. } => "buffer",
        Type::Pointer { .. } => "pointer",
        Type::Array { .. } => "array",
        Type::Struct(_) => "struct",
        Type::Tuple(_) => "tuple",
        Type::Record(_) => "record",
        Type::KernelStack(_) => "kstack",
        Type::UserStack(_) => "ustack",
        Type::KernelSymbol => "ksym_t",
        Type::UserSymbol => "usym_t",
        Type::Inet => "inet",
        Type::MacAddress => "mac_address",
        Type::Timestamp => "timestamp",
        Type::CgroupPath => "cgroup_path_t",
        Type::UserName => "username_t",
        Type::ErrorName | Type::SignalName | Type::SyscallName | Type::ProbeName | Type::Parameter => "string",
        Type::KernelFunction | Type::UserFunction => "string",
        Type::GfpFlags => "int",
        Type::Aggregate(_) => "aggregate",
    }
}

/// As messages show a type: like `Display`, with bpftrace's word for "no type".
pub(crate) fn shown(ty: &Type) -> String {
    match settle(ty) {
        Type::Void => "void".into(),
        other => other.to_string(),
    }
}
