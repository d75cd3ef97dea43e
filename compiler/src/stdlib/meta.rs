//! What is asked of types and constants while compiling.

use crate::check::{Lower, constant, is_constant, parse_format, poison, string};
use crate::codes;
use crate::program::{Expr, ExprKind, FieldStep, FormatPiece, MissingProbes};
use crate::stdlib::CallSite;
use crate::syntax::ast::{self, Arg};
use crate::types::{IntType, Origin, StackMode, Type};

fn boolean(value: bool, site: &CallSite<'_>) -> Expr {
    Expr { ty: Type::Bool, kind: ExprKind::Bool(value), span: site.span }
}

/// An unsigned literal of the smallest type.
fn unsigned(value: u64, site: &CallSite<'_>) -> Expr {
    let bits = match value {
        0..=0xff => 8,
        0x100..=0xffff => 16,
        0x1_0000..=0xffff_ffff => 32,
        _ => 64,
    };
    constant(value as i64, Type::Int(IntType { bits, signed: false }), site.span)
}

pub(super) fn sizeof(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let Some(ty) = measured(lower, &site.args[0]) else { return poison(site.span) };
    let size = match (&ty, &site.args[0]) {
        // An enum named as a type is as wide as its values may be.
        (Type::Enum { .. }, Arg::Type(_)) => 8,
        (Type::Bool, Arg::Expr(ast::Expr { kind: ast::ExprKind::Bool(_), .. })) => 8,
        // As bpftrace keeps them.
        (Type::KernelStack(stack), _) => 8 + 8 * u32::from(stack.limit),
        (Type::UserStack(stack), _) if stack.mode == StackMode::BuildId => 16 + 32 * u32::from(stack.limit),
        (Type::UserStack(stack), _) => 16 + 8 * u32::from(stack.limit),
        (Type::Buffer { capacity }, _) => 4 + capacity,
        (Type::Inet, _) => 24,
        (Type::UserName, _) => 8,
        _ => lower.size_of(&ty),
    };
    if let Type::Struct(name) = &ty
        && lower.structs.get(name).is_some_and(|def| def.origin == Origin::Kernel)
    {
        let kind = ExprKind::Call(crate::program::Call::KernelSizeOf(name.clone()));
        return Expr { ty: Type::U64, kind, span: site.span };
    }
    unsigned(u64::from(size), site)
}

/// The type that `sizeof` and `offsetof` are asked about: a bare word means a type before it means a builtin.
fn measured(lower: &mut Lower<'_>, arg: &Arg) -> Option<Type> {
    if let Arg::Expr(ast::Expr { kind: ast::ExprKind::Ident(name), .. }) = arg
        && !["pid", "tid", "nsecs", "ctx", "args", "kstack", "ustack"].contains(&name.as_str())
        && let Some(ty) = lower.named_type(name)
    {
        return Some(ty);
    }
    lower.unevaluated += 1;
    let ty = lower.type_of_arg(arg);
    lower.unevaluated -= 1;
    ty
}

pub(super) fn offsetof(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let span = site.span;
    let Some(path) = member_path(lower, site) else { return poison(span) };
    if is_of_kernel(lower, &path) {
        let kind = ExprKind::Call(crate::program::Call::KernelOffsetOf { path });
        return Expr { ty: Type::U64, kind, span };
    }
    unsigned(offset(lower, &path), site)
}

/// `field_exists(struct task_struct, __state)`, an extension: what the running kernel has, settled at load.
pub(super) fn field_exists(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let span = site.span;
    let Some(path) = member_path(lower, site) else { return poison(span) };
    if is_of_kernel(lower, &path) {
        let kind = ExprKind::Call(crate::program::Call::KernelFieldExists { path });
        return Expr { ty: Type::Bool, kind, span };
    }
    boolean(true, site)
}

fn is_of_kernel(lower: &Lower<'_>, path: &[FieldStep]) -> bool {
    path.first().and_then(|step| lower.structs.get(&step.parent)).is_some_and(|def| def.origin == Origin::Kernel)
}

/// The member that a call's two arguments name.
fn member_path(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Option<Vec<FieldStep>> {
    let (span, function) = (site.span, site.name);
    let ty = measured(lower, &site.args[0])?;
    let Type::Struct(mut name) = pointee(&ty) else {
        let message = format!("'{}' is not a C type.", crate::check::shown(&ty));
        lower.error(codes::ARGUMENT_TYPE, span, message);
        return None;
    };
    let Some(fields) = field_names(&site.args[1]) else {
        lower.error(codes::ARGUMENT_TYPE, span, format!("{function}() expects the name of a field"));
        return None;
    };
    let mut path: Vec<FieldStep> = Vec::new();
    for (at, field) in fields.iter().enumerate() {
        let Some((steps, ty)) = lower.find_member(&name, field) else {
            let message = format!("'{}' has no field named '{field}'", name.0);
            lower.error(codes::UNKNOWN_FIELD, span, message);
            return None;
        };
        path.extend(steps);
        if at + 1 < fields.len() {
            match ty {
                Type::Struct(inner) => name = inner,
                other => {
                    let message = format!("'{}' is not a c_struct type.", crate::check::shown(&other));
                    lower.error(codes::UNKNOWN_FIELD, span, message);
                    return None;
                }
            }
        }
    }
    Some(path)
}

fn offset(lower: &Lower<'_>, path: &[FieldStep]) -> u64 {
    path.iter()
        .filter_map(|step| lower.structs.get(&step.parent).and_then(|def| def.fields.get(step.field)))
        .map(|field| u64::from(field.bit_offset) / 8)
        .sum()
}

fn pointee(ty: &Type) -> Type {
    match ty {
        Type::Pointer { to, .. } => (**to).clone(),
        other => other.clone(),
    }
}

/// `a.b.c`
fn field_names(arg: &Arg) -> Option<Vec<String>> {
    fn of(expr: &ast::Expr) -> Option<Vec<String>> {
        match &expr.kind {
            ast::ExprKind::Ident(name) => Some(vec![name.clone()]),
            ast::ExprKind::Field { base, field } => {
                let mut names = of(base)?;
                names.push(field.name.clone());
                Some(names)
            }
            ast::ExprKind::Expanded { body, .. } => of(body),
            ast::ExprKind::Block(block) if block.stmts.is_empty() => of(block.value.as_deref()?),
            _ => None,
        }
    }
    match arg {
        Arg::Expr(expr) => of(expr),
        Arg::Type(ast::TypeName { kind: ast::TypeNameKind::Named(name), .. }) => Some(vec![name.clone()]),
        Arg::Type(_) => None,
    }
}

/// `container_of(ptr, type, member)`
pub(super) fn container_of(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let span = site.span;
    let Some(pointer) = lower.value(site, &site.args[0]) else { return poison(span) };
    let Some(ty) = lower.type_of_arg(&site.args[1]) else { return poison(span) };
    if !matches!(pointer.ty, Type::Pointer { .. }) && !lower.is_poison(&pointer) {
        let provided = crate::check::shown(&pointer.ty);
        let message = format!("container_of() expects a pointer as first argument ({provided} provided)");
        return lower.error(codes::ARGUMENT_TYPE, span, message);
    }
    let space = lower.space_of_value(&pointer);
    let offset = offsetof(lower, &CallSite { name: "offsetof", args: &site.args[1..], span });
    if lower.is_poison(&offset) {
        return poison(span);
    }
    let bytes = Type::Pointer { to: Box::new(Type::Int(IntType::U8)), space };
    let pointer = Expr { ty: bytes.clone(), kind: ExprKind::Cast(Box::new(pointer)), span };
    let offset = lower.coerce(offset, &Type::I64);
    let back = match offset.kind {
        ExprKind::Int(n) => constant(-n, Type::I64, span),
        kind => Expr { ty: Type::I64, kind: ExprKind::Negate(Box::new(Expr { ty: Type::I64, kind, span })), span },
    };
    let moved = lower.pointer_offset(pointer, back, bytes, span);
    let ty = Type::Pointer { to: Box::new(ty), space };
    Expr { ty, kind: ExprKind::Cast(Box::new(moved)), span }
}

/// `typeinfo(x)`: a record of the type's kind and full name.
pub(super) fn typeinfo(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    if lower.unstable_typeinfo(site).is_none() {
        return poison(site.span);
    }
    let Some(ty) = lower.type_of_arg(&site.args[0]) else { return poison(site.span) };
    let base = match &ty {
        Type::Array { .. } => "array",
        other => crate::check::kind_name(other),
    };
    let fields = [
        ("btf_id", constant(0, Type::U64, site.span)),
        ("base_type", string(base, site.span)),
        ("full_type", string(crate::check::shown(&ty), site.span)),
    ];
    let types = fields.iter().map(|(name, value)| ((*name).to_owned(), value.ty.clone())).collect();
    let items = fields.into_iter().map(|(_, value)| value).collect();
    Expr { ty: Type::Record(types), kind: ExprKind::Aggregate(items), span: site.span }
}

fn type_test(lower: &mut Lower<'_>, site: &CallSite<'_>, test: fn(&Type) -> bool) -> Expr {
    match lower.type_of_arg(&site.args[0]) {
        Some(ty) => boolean(test(&ty), site),
        None => poison(site.span),
    }
}

pub(super) fn is_array(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    type_test(lower, site, |ty| matches!(ty, Type::Array { .. }))
}

pub(super) fn is_integer(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    type_test(lower, site, |ty| matches!(ty, Type::Int(_)))
}

pub(super) fn is_unsigned_integer(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    type_test(lower, site, |ty| matches!(ty, Type::Int(int) if !int.signed))
}

pub(super) fn is_ptr(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    type_test(lower, site, |ty| matches!(ty, Type::Pointer { .. }))
}

pub(super) fn is_str(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    type_test(lower, site, |ty| matches!(ty, Type::String { .. }))
}

pub(super) fn is_literal(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    match &site.args[0] {
        Arg::Expr(expr) => {
            let value = lower.expr_unevaluated(expr);
            boolean(is_constant(&value) && !matches!(value.kind, ExprKind::Cast(_)), site)
        }
        Arg::Type(_) => boolean(false, site),
    }
}

/// `is_scalar(@m)`
pub(super) fn is_scalar(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    match &site.args[0] {
        Arg::Expr(ast::Expr { kind: ast::ExprKind::Map(name), span }) => {
            let map = lower.map_named(name, *span);
            boolean(lower.map_keyed(map) != Some(true), site)
        }
        _ => lower.error(codes::ARGUMENT_TYPE, site.span, "is_scalar() expects a map argument"),
    }
}

/// `is_err(p)`: whether a kernel pointer is an error number.
pub(super) fn is_err(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let Some(value) = lower.value(site, &site.args[0]) else { return poison(site.span) };
    let span = site.span;
    let number = match &value.ty {
        Type::Int(_) => lower.coerce(value, &Type::I64),
        _ => Expr { ty: Type::I64, kind: ExprKind::Cast(Box::new(value)), span },
    };
    let small = constant(0, Type::I64, span);
    let large = constant(-4095, Type::I64, span);
    let negative = lower.binary_values(ast::BinaryOp::Lt, number.clone(), small, span);
    let near = lower.binary_values(ast::BinaryOp::Ge, number, large, span);
    Expr { ty: Type::Bool, kind: ExprKind::And(Box::new(negative), Box::new(near)), span }
}

/// `fail(fmt, …)`: refuses the script where it is reached while compiling.
pub(super) fn fail(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let Some(text) = lower.literal_text(site, 0) else { return poison(site.span) };
    let mut message = Vec::new();
    let mut args = site.args[1..].iter();
    for piece in parse_format(&text).pieces {
        match piece {
            FormatPiece::Text(text) => message.extend(text),
            FormatPiece::Conversion(_) | FormatPiece::Spec { .. } => {
                let Some(arg) = args.next() else { break };
                let Some(value) = lower.value(site, arg) else { return poison(site.span) };
                match literal_words(&value) {
                    Some(words) => message.extend(words),
                    None => {
                        return lower.error(codes::NOT_CONSTANT, value.span, "fail() arguments need to be literals.");
                    }
                }
            }
        }
    }
    lower.error(codes::SCRIPT_FAILS, site.span, String::from_utf8_lossy(&message).into_owned())
}

fn literal_words(value: &Expr) -> Option<Vec<u8>> {
    match &value.kind {
        ExprKind::Int(n) => Some(n.to_string().into_bytes()),
        ExprKind::Bool(b) => Some(b.to_string().into_bytes()),
        ExprKind::Str(text) => Some(text.clone()),
        _ => None,
    }
}

pub(super) fn static_assert(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let Arg::Expr(cond) = &site.args[0] else { return poison(site.span) };
    match lower.comptime_truth(cond) {
        Some(true) => crate::check::nothing(site.span),
        Some(false) => fail(lower, &CallSite { name: "fail", args: &site.args[1..], span: site.span }),
        None => poison(site.span),
    }
}

/// `kfunc_exist(name)`
pub(super) fn kfunc_exist(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let Some(name) = lower.literal_text(site, 0) else { return poison(site.span) };
    let name = String::from_utf8_lossy(&name).into_owned();
    let known = lower.kernel.function(&name).is_some();
    boolean(known, site)
}

/// `config()`: the settings, as a record.
pub(super) fn config(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let settings = lower.settings;
    let config = &settings.config;
    let span = site.span;
    let number = |n: u32| constant(i64::from(n), Type::U64, span);
    let flag = |value: bool| boolean(value, site);
    let word = |text: &str| string(text, span);
    let missing = match config.missing_probes {
        MissingProbes::Error => "error",
        MissingProbes::Warn => "warn",
        MissingProbes::Ignore => "ignore",
    };
    let stack_mode = match settings.stack_mode {
        StackMode::Bpftrace => "bpftrace",
        StackMode::Perf => "perf",
        StackMode::Raw => "raw",
        StackMode::BuildId => "build_id",
    };
    let fields = [
        ("cpp_demangle", flag(config.cpp_demangle)),
        ("lazy_symbolication", flag(config.lazy_symbolication)),
        ("print_maps_on_exit", flag(config.print_maps_on_exit)),
        ("use_blazesym", flag(true)),
        ("show_debug_info", flag(config.show_debug_info)),
        ("log_size", number(config.log_size)),
        ("max_bpf_progs", number(config.max_bpf_progs)),
        ("max_cat_bytes", number(config.max_cat_bytes)),
        ("max_map_keys", number(config.max_map_keys)),
        ("max_probes", number(config.max_probes)),
        ("max_strlen", number(config.max_strlen)),
        ("on_stack_limit", number(config.on_stack_limit)),
        ("perf_rb_pages", number(config.perf_rb_pages.unwrap_or(0))),
        ("str_trunc_trailer", word(&config.str_trunc_trailer)),
        ("unstable_import_statement", word(settings.unstable_import_statement.word())),
        ("unstable_tseries", word(settings.unstable_tseries.word())),
        ("unstable_typeinfo", word(settings.unstable_typeinfo.word())),
        ("unstable_dw_ustack", word(settings.unstable_dw_ustack.word())),
        ("missing_probes", word(missing)),
        ("stack_mode", word(stack_mode)),
        ("license", word(&config.license)),
    ];
    let types = fields.iter().map(|(name, value)| ((*name).to_owned(), value.ty.clone())).collect();
    let items = fields.into_iter().map(|(_, value)| value).collect();
    Expr { ty: Type::Record(types), kind: ExprKind::Aggregate(items), span }
}

/// Whether unsafe functions are refused.
pub(super) fn safe_mode(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    boolean(!lower.options.allow_unsafe, site)
}
