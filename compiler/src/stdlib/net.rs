//! Network addresses and byte order.

use crate::check::{Lower, kind_name, poison};
use crate::codes;
use crate::program::{Call, Expr, ExprKind};
use crate::stdlib::CallSite;
use crate::types::{IntType, Type};
use std::net::{Ipv4Addr, Ipv6Addr};

pub(super) fn ntop(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let span = site.span;
    let Some(mut values) = lower.values(site) else { return poison(span) };
    let Some(address) = values.pop() else { return poison(span) };
    let family = match values.pop() {
        Some(family) if matches!(family.ty, Type::Int(_) | Type::Enum { .. }) => {
            Some(Box::new(lower.coerce(family, &Type::U32)))
        }
        Some(family) => {
            let message = format!("ntop() only supports int arguments ({} provided)", kind_name(&family.ty));
            return lower.error(codes::ARGUMENT_TYPE, span, message);
        }
        None => None,
    };
    let fits = match &address.ty {
        Type::Int(_) | Type::Pointer { .. } => true,
        Type::String { capacity } => matches!(capacity, 4 | 16),
        Type::Array { of, len } => matches!(**of, Type::Int(int) if int.size() * len == 4 || int.size() * len == 16),
        Type::Struct(_) => {
            let ty = address.ty.clone();
            matches!(lower.size_of(&ty), 4 | 16)
        }
        _ => false,
    };
    if !fits {
        let message = match &address.ty {
            Type::Array { .. } | Type::String { .. } => "ntop() argument must be 4 or 16 bytes in size".to_owned(),
            ty => format!("ntop() expects an integer or array argument, got {}", kind_name(ty)),
        };
        return lower.error(codes::ARGUMENT_TYPE, span, message);
    }
    let address = match &address.ty {
        Type::Int(_) => lower.coerce(address, &Type::U32),
        _ => address,
    };
    Expr { ty: Type::Inet, kind: ExprKind::Call(Call::Ntop { family, address: Box::new(address) }), span }
}

pub(super) fn pton(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let span = site.span;
    let Some(text) = lower.value(site, &site.args[0]) else { return poison(span) };
    let ExprKind::Str(text) = text.kind else {
        let message = "pton() expects an string literal at the first argument";
        return lower.error(codes::ARGUMENT_TYPE, span, message);
    };
    let text = String::from_utf8_lossy(&text).into_owned();
    let bytes = if let Ok(v4) = text.parse::<Ipv4Addr>() {
        v4.octets().to_vec()
    } else if let (Ok(v6), false) = (text.parse::<Ipv6Addr>(), text.contains('.')) {
        v6.octets().to_vec()
    } else {
        let message = if text.contains(['.', ':']) {
            format!("pton() expects a valid IPv4/IPv6 address, got {text}")
        } else {
            format!("pton() expects an string argument of an IPv4/IPv6 address, got {text}")
        };
        return lower.error(codes::ARGUMENT_TYPE, span, message);
    };
    let ty = Type::Array { of: Box::new(Type::Int(IntType::U8)), len: bytes.len() as u32 };
    Expr { ty, kind: ExprKind::Bytes(bytes), span }
}

pub(super) fn macaddr(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let Some(value) = lower.value(site, &site.args[0]) else { return poison(site.span) };
    let span = site.span;
    let value = match &value.ty {
        Type::Int(_) => {
            let space = lower.space_of_value(&value);
            let ty = Type::Pointer { to: Box::new(Type::Int(IntType::U8)), space };
            Expr { ty, kind: ExprKind::Cast(Box::new(value)), span }
        }
        Type::Pointer { .. } => value,
        Type::String { .. } if matches!(value.kind, ExprKind::Str(_)) => {
            return lower.error(codes::ARGUMENT_TYPE, span, "macaddr() does not support literal string arguments");
        }
        Type::String { capacity } if *capacity >= 6 => value,
        Type::Array { of, len } if matches!(**of, Type::Int(int) if int.bits == 8) && *len >= 6 => value,
        ty => {
            let message = format!("macaddr() only supports array or pointer arguments ({} provided)", kind_name(ty));
            return lower.error(codes::ARGUMENT_TYPE, span, message);
        }
    };
    Expr { ty: Type::MacAddress, kind: ExprKind::Call(Call::MacAddress(Box::new(value))), span }
}

pub(super) fn bswap(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let Some(value) = lower.value(site, &site.args[0]) else { return poison(site.span) };
    let span = site.span;
    match &value.ty {
        Type::Int(int) => {
            let ty = Type::Int(IntType { bits: int.bits, signed: false });
            let value = lower.coerce(value, &ty);
            Expr { ty, kind: ExprKind::Call(Call::ByteSwap(Box::new(value))), span }
        }
        ty => {
            let message = format!("bswap() only supports integer arguments ({} provided)", kind_name(ty));
            lower.error(codes::ARGUMENT_TYPE, span, message)
        }
    }
}
