//! Strings and bytes.

use crate::check::{Lower, constant, constant_int, is_char, kind_name, poison, shown, string};
use crate::codes;
use crate::program::{Call, Expr, ExprKind, SettingSource};
use crate::stdlib::CallSite;
use crate::syntax::ast::{self, Arg, BinaryOp};
use crate::types::{AddressSpace, IntType, Type};

pub(super) fn str(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let span = site.span;
    // `str($1)`, `str($1 + 2)`
    if let Arg::Expr(expr) = &site.args[0]
        && let Some((n, offset)) = parameter_offset(expr)
    {
        let text = parameter(lower, n, offset, site);
        let limit = lower.settings.config.max_strlen;
        return match length(lower, site, 1, limit) {
            Ok(Some((Some(characters), _))) if characters < limit => {
                lower.coerce(text, &Type::String { capacity: characters + 1 })
            }
            Ok(_) => text,
            Err(()) => poison(span),
        };
    }
    let Some(value) = lower.value(site, &site.args[0]) else { return poison(span) };
    let limit = lower.settings.config.max_strlen;
    let (capacity, len) = match length(lower, site, 1, limit) {
        Ok(Some((constant, len))) => (constant.map_or(limit, |n| n.min(limit)), len),
        Ok(None) => (limit, None),
        Err(()) => return poison(span),
    };
    let given = site.args.len() > 1;
    if let (ExprKind::Int(number), Type::Int(_)) = (&value.kind, &value.ty) {
        // No address: the number is shown.
        let mut text = number.to_string();
        if given && len.is_none() {
            text.truncate(capacity as usize);
        }
        return string(text, span);
    }
    match value.ty.clone() {
        Type::String { capacity: has } => {
            // A length includes the NUL, but not that of a literal.
            let wanted = if given && len.is_none() { capacity.min(has).max(1) } else { has };
            let ty = Type::String { capacity: wanted };
            if let Some(len) = len {
                return read_text(value, has, Some(len), span);
            }
            if let (ExprKind::Str(bytes), true) = (&value.kind, given && len.is_none()) {
                let bytes = bytes[..bytes.len().min(capacity as usize)].to_vec();
                return string(bytes, span);
            }
            lower.coerce(value, &ty)
        }
        Type::Pointer { .. } | Type::Int(_) | Type::Enum { .. } => {
            let pointer = text_pointer(lower, value);
            // A length includes the NUL; without one, `max_strlen` characters are read. As bpftrace has it, long limits
            // include the NUL too, and what they cut off is not told.
            let whole = if limit < 1024 { limit + 1 } else { limit };
            let capacity = if given && len.is_none() && capacity < limit { capacity } else { whole };
            read_text(pointer, capacity.max(1), len, span)
        }
        ty => {
            let message = format!(
                "str() expects a string, integer or a pointer type as first argument ({} provided)",
                shown(&ty)
            );
            lower.error(codes::ARGUMENT_TYPE, span, message)
        }
    }
}

fn read_text(pointer: Expr, capacity: u32, len: Option<Expr>, span: crate::source::Span) -> Expr {
    let kind = ExprKind::Call(Call::Str { pointer: Box::new(pointer), len: len.map(Box::new) });
    Expr { ty: Type::String { capacity }, kind, span }
}

/// Where an array or string lies: in the kernel's or a process's memory, or in a variable.
fn address_of(lower: &mut Lower<'_>, value: Expr) -> Result<Expr, Expr> {
    match value.kind {
        ExprKind::Local(id) => {
            let ty = Type::Pointer { to: Box::new(value.ty), space: AddressSpace::Bpf };
            Ok(Expr { ty, kind: ExprKind::AddressOfLocal(id), span: value.span })
        }
        _ => lower.address(value).map(|(pointer, _)| pointer),
    }
}

/// A pointer to characters, made of whatever holds the address.
fn text_pointer(lower: &mut Lower<'_>, value: Expr) -> Expr {
    let space = lower.space_of_value(&value);
    match value.ty {
        Type::Pointer { .. } => value,
        _ => {
            let ty = Type::Pointer { to: Box::new(Type::Int(IntType::I8)), space };
            let span = value.span;
            Expr { ty, kind: ExprKind::Cast(Box::new(value)), span }
        }
    }
}

/// `$1`, `$1 + 2`
fn parameter_offset(expr: &ast::Expr) -> Option<(u32, u32)> {
    match &expr.kind {
        ast::ExprKind::Param(n) => Some((*n, 0)),
        ast::ExprKind::Binary { op: BinaryOp::Add, left, right } => match (&left.kind, &right.kind) {
            (ast::ExprKind::Param(n), ast::ExprKind::Int { value, .. })
            | (ast::ExprKind::Int { value, .. }, ast::ExprKind::Param(n)) => Some((*n, u32::try_from(*value).ok()?)),
            _ => None,
        },
        _ => None,
    }
}

fn parameter(lower: &mut Lower<'_>, n: u32, offset: u32, site: &CallSite<'_>) -> Expr {
    let ty = Type::String { capacity: lower.settings.config.max_strlen };
    let name = format!("param_{n}_text");
    let setting = lower.add_setting(&name, SettingSource::ParamString(n), ty.clone(), site.span);
    let kind =
        if offset == 0 { ExprKind::Setting(setting) } else { ExprKind::Call(Call::SettingStr { setting, offset }) };
    let value = Expr { ty, kind, span: site.span };
    match length(lower, site, 1, lower.settings.config.max_strlen) {
        Ok(Some((Some(most), None))) => lower.coerce(value, &Type::String { capacity: most + 1 }),
        Err(()) => poison(site.span),
        _ => value,
    }
}

/// An optional length: a literal, or a value for run time.
#[allow(clippy::type_complexity, reason = "constant and run-time length, or none, or told")]
fn length(
    lower: &mut Lower<'_>,
    site: &CallSite<'_>,
    at: usize,
    limit: u32,
) -> Result<Option<(Option<u32>, Option<Expr>)>, ()> {
    let Some(arg) = site.args.get(at) else { return Ok(None) };
    let value = lower.value(site, arg).ok_or(())?;
    if !matches!(value.ty, Type::Int(_)) {
        let message = format!("{}() only supports int arguments ({} provided)", site.name, kind_name(&value.ty));
        lower.error(codes::ARGUMENT_TYPE, site.span, message);
        return Err(());
    }
    match constant_int(&value) {
        Some(n) if n < 0 => {
            lower.error(
                codes::ARGUMENT_TYPE,
                site.span,
                // Without the blank, as bpftrace has it.
                format!("{}cannot use negative length ({n})", site.name),
            );
            Err(())
        }
        Some(n) => {
            if n > i64::from(limit) {
                lower.warn(
                    codes::W_TRUNCATED,
                    site.span,
                    format!("length param ({n}) is too long and will be shortened to {limit} bytes (see BPFTRACE_MAX_STRLEN)"),
                );
            }
            Ok(Some((Some(n.min(i64::from(limit)) as u32), None)))
        }
        None => {
            let value = lower.wide_int(value);
            Ok(Some((None, Some(value))))
        }
    }
}

pub(super) fn buf(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let span = site.span;
    let Some(value) = lower.value(site, &site.args[0]) else { return poison(span) };
    let limit = lower.settings.config.max_strlen;
    let len = match length(lower, site, 1, limit) {
        Ok(len) => len,
        Err(()) => return poison(span),
    };
    // Text ends at a NUL, the bytes of a literal do not.
    let value = match value.kind {
        ExprKind::Str(mut bytes) if bytes.contains(&0) && len.is_some() => {
            bytes.push(0);
            let ty = Type::Array { of: Box::new(Type::Int(IntType::U8)), len: bytes.len() as u32 };
            Expr { ty, kind: ExprKind::Bytes(bytes), span: value.span }
        }
        kind => Expr { kind, ..value },
    };
    let own = match &value.ty {
        Type::Array { .. } => {
            let ty = value.ty.clone();
            Some(lower.size_of(&ty))
        }
        Type::String { capacity } => Some(*capacity),
        _ => None,
    };
    if let Some((Some(0), _)) = &len {
        return Expr { ty: Type::Buffer { capacity: 1 }, kind: ExprKind::Zero, span };
    }
    match (&value.ty, own) {
        (Type::String { .. }, _) if len.is_none() => {
            let message = format!("buf() expects a length argument for non-array type {}", kind_name(&value.ty));
            lower.error(codes::ARGUMENT_COUNT, span, message)
        }
        (Type::Array { .. } | Type::String { .. }, Some(own)) => match len {
            None => {
                let ty = Type::Buffer { capacity: own.min(limit) };
                Expr { ty, kind: ExprKind::Call(Call::BufOf(Box::new(value))), span }
            }
            Some((Some(n), _)) if n <= own => {
                let ty = Type::Buffer { capacity: n.max(1) };
                Expr { ty, kind: ExprKind::Call(Call::BufOf(Box::new(value))), span }
            }
            Some((known, run_time)) => match address_of(lower, value) {
                Ok(pointer) => {
                    let capacity = known.unwrap_or(limit.min(own));
                    let len = run_time.map(Box::new);
                    let kind = ExprKind::Call(Call::Buf { pointer: Box::new(pointer), len });
                    Expr { ty: Type::Buffer { capacity }, kind, span }
                }
                Err(value) => {
                    let ty = Type::Buffer { capacity: own.min(limit) };
                    let call = match run_time {
                        Some(len) => Call::Buf { pointer: Box::new(value), len: Some(Box::new(len)) },
                        None => Call::BufOf(Box::new(value)),
                    };
                    Expr { ty, kind: ExprKind::Call(call), span }
                }
            },
        },
        (Type::Pointer { .. } | Type::Int(_), _) => {
            let Some((known, run_time)) = len else {
                let message = format!("buf() expects a length argument for non-array type {}", kind_name(&value.ty));
                return lower.error(codes::ARGUMENT_COUNT, span, message);
            };
            let pointer = text_pointer(lower, value);
            let capacity = known.unwrap_or(limit).max(1);
            let kind = ExprKind::Call(Call::Buf { pointer: Box::new(pointer), len: run_time.map(Box::new) });
            Expr { ty: Type::Buffer { capacity }, kind, span }
        }
        (ty, _) => {
            let message = format!("buf() expects an integer, string, or array argument but saw {}", kind_name(ty));
            lower.error(codes::ARGUMENT_TYPE, span, message)
        }
    }
}

/// An argument that is a string or can be read as one.
fn text(lower: &mut Lower<'_>, site: &CallSite<'_>, at: usize) -> Option<Expr> {
    let value = match &site.args[at] {
        Arg::Expr(ast::Expr { kind: ast::ExprKind::Param(n), span }) => lower.parameter_text(*n, *span),
        arg => lower.value(site, arg)?,
    };
    let span = value.span;
    match &value.ty {
        Type::String { .. } => Some(value),
        Type::Array { of, len } if matches!(**of, Type::Int(int) if int.bits == 8) => {
            let ty = Type::String { capacity: *len };
            Some(Expr { ty, kind: ExprKind::Cast(Box::new(value)), span })
        }
        Type::Pointer { to, .. } if is_char(to) || matches!(**to, Type::Int(int) if int.bits == 8) => {
            let limit = lower.settings.config.max_strlen;
            Some(read_text(value, limit, None, span))
        }
        ty => {
            if site.name == "strlen" {
                let message = "string-like values must be either strings, arrays or pointers";
                lower.error(codes::ARGUMENT_TYPE, site.span, message);
                return None;
            }
            let what =
                if site.name == "strncmp" { "only supports string arguments" } else { "expects a string argument" };
            let message = format!("{}() {what} ({} provided)", site.name, kind_name(ty));
            lower.error(codes::ARGUMENT_TYPE, site.span, message);
            None
        }
    }
}

pub(super) fn strncmp(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let span = site.span;
    let (Some(left), Some(right)) = (text(lower, site, 0), text(lower, site, 1)) else { return poison(span) };
    let Some(n) = lower.value(site, &site.args[2]) else { return poison(span) };
    let n = match constant_int(&n) {
        Some(n) if n >= 0 => n.min(i64::from(u32::MAX)) as u32,
        Some(_) => {
            return lower.error(codes::ARGUMENT_TYPE, span, "Builtin strncmp requires a non-negative literal");
        }
        None => return lower.error(codes::NOT_CONSTANT, span, "Builtin strncmp requires a non-negative literal"),
    };
    if let (ExprKind::Str(a), ExprKind::Str(b)) = (&left.kind, &right.kind) {
        let n = n as usize;
        let equal = padded(a, n) == padded(b, n);
        return constant(i64::from(!equal), Type::U64, span);
    }
    let kind = ExprKind::Call(Call::StrNCmp { left: Box::new(left), right: Box::new(right), n });
    Expr { ty: Type::U64, kind, span }
}

/// The first `n` bytes, or up to the end.
fn padded(text: &[u8], n: usize) -> &[u8] {
    let end = text.iter().position(|c| *c == 0).unwrap_or(text.len());
    &text[..end.min(n)]
}

pub(super) fn strcontains(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let span = site.span;
    let (Some(haystack), Some(needle)) = (text(lower, site, 0), text(lower, site, 1)) else { return poison(span) };
    let kind = ExprKind::Call(Call::StrContains { haystack: Box::new(haystack), needle: Box::new(needle) });
    Expr { ty: Type::Bool, kind, span }
}

pub(super) fn strstr(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let span = site.span;
    let (Some(haystack), Some(needle)) = (text(lower, site, 0), text(lower, site, 1)) else { return poison(span) };
    let kind = ExprKind::Call(Call::StrStr { haystack: Box::new(haystack), needle: Box::new(needle) });
    Expr { ty: Type::I64, kind, span }
}

pub(super) fn globmatch(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let span = site.span;
    let (Some(value), Some(pattern)) = (text(lower, site, 0), text(lower, site, 1)) else { return poison(span) };
    let kind = ExprKind::Call(Call::GlobMatch { text: Box::new(value), pattern: Box::new(pattern) });
    Expr { ty: Type::Bool, kind, span }
}

pub(super) fn strlen(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let Some(value) = text(lower, site, 0) else { return poison(site.span) };
    Expr { ty: Type::U64, kind: ExprKind::Call(Call::StrLen(Box::new(value))), span: site.span }
}

pub(super) fn str_concat(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let span = site.span;
    let (Some(left), Some(right)) = (text(lower, site, 0), text(lower, site, 1)) else { return poison(span) };
    let ty = Type::String { capacity: lower.settings.config.max_strlen };
    Expr { ty, kind: ExprKind::Call(Call::StrConcat(Box::new(left), Box::new(right))), span }
}

/// `strcap(s)`: how much a string-like value can hold.
pub(super) fn strcap(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let Some(value) = lower.value(site, &site.args[0]) else { return poison(site.span) };
    let capacity = match &value.ty {
        Type::String { capacity } => i64::from(*capacity),
        Type::Array { len, .. } => i64::from(*len),
        Type::Pointer { .. } => i64::from(lower.settings.config.max_strlen),
        ty => {
            let message = format!("strcap() expects a string-like argument ({} provided)", kind_name(ty));
            return lower.error(codes::ARGUMENT_TYPE, site.span, message);
        }
    };
    constant(capacity, Type::U64, site.span)
}

pub(super) fn default_str_length(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    constant(i64::from(lower.settings.config.max_strlen), Type::U64, site.span)
}

pub(super) fn assert_str(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    match text(lower, site, 0) {
        Some(_) => crate::check::nothing(site.span),
        None => poison(site.span),
    }
}

pub(super) fn memcmp(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let span = site.span;
    let mut sides = Vec::new();
    for at in 0..2 {
        let Some(value) = lower.value(site, &site.args[at]) else { return poison(span) };
        sides.push(value);
    }
    let Some(n) = lower.value(site, &site.args[2]) else { return poison(span) };
    if !matches!(n.ty, Type::Int(_)) {
        let message = format!("memcmp() expects an integer count ({} provided)", kind_name(&n.ty));
        return lower.error(codes::ARGUMENT_TYPE, span, message);
    }
    if let Some(count) = constant_int(&n) {
        for side in &sides {
            let size = match &side.ty {
                Type::Pointer { .. } => continue,
                ty if ty.is_scalar() => 8,
                ty => lower.size_of(ty),
            };
            if !(0..=i64::from(size)).contains(&count) {
                let message =
                    format!("memcmp() can not compare {count} bytes: one operand has {size} ({})", kind_name(&side.ty));
                return lower.error(codes::ARGUMENT_TYPE, n.span, message);
            }
        }
    }
    let n = lower.coerce(n, &Type::U64);
    let (Some(right), Some(left)) = (sides.pop(), sides.pop()) else { return poison(span) };
    let kind = ExprKind::Call(Call::MemCmp { left: Box::new(left), right: Box::new(right), n: Box::new(n) });
    Expr { ty: Type::Int(IntType::I32), kind, span }
}

/// `kptr(p)`, `uptr(p)`
pub(super) fn kptr(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    in_space(lower, site, AddressSpace::Kernel)
}

pub(super) fn uptr(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    in_space(lower, site, AddressSpace::User)
}

fn in_space(lower: &mut Lower<'_>, site: &CallSite<'_>, space: AddressSpace) -> Expr {
    let Some(value) = lower.value(site, &site.args[0]) else { return poison(site.span) };
    let span = site.span;
    match &value.ty {
        Type::Pointer { to, .. } => {
            let ty = Type::Pointer { to: to.clone(), space };
            Expr { ty, kind: ExprKind::Call(Call::SetSpace(Box::new(value))), span }
        }
        // A number that is written out has no address space, and stays what it is.
        Type::Int(_) if constant_int(&value).is_some() => Expr { span, ..value },
        // An address: of bytes that nothing says more of.
        Type::Int(_) => {
            let ty = Type::Pointer { to: Box::new(Type::U64), space };
            Expr { ty, kind: ExprKind::Cast(Box::new(value)), span }
        }
        ty => {
            let message =
                format!("{}() only supports integer or pointer arguments ({} provided)", site.name, kind_name(ty));
            lower.error(codes::ARGUMENT_TYPE, span, message)
        }
    }
}
