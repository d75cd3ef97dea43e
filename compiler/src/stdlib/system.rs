//! The machine, and what is settled when the tool starts: addresses, options, numbers of CPUs.

use crate::check::{Lower, Provider, kind_name, poison};
use crate::codes;
use crate::program::{
    ActionKind, AttachPoint, Call, ContextField, Expr, ExprKind, LateText, OptionDefault, SettingSource, TextPiece,
};
use crate::stdlib::CallSite;
use crate::types::{AddressSpace, IntType, Type};

fn setting(lower: &mut Lower<'_>, name: &str, source: SettingSource, ty: Type, site: &CallSite<'_>) -> Expr {
    let id = lower.add_setting(name, source, ty.clone(), site.span);
    Expr { ty, kind: ExprKind::Setting(id), span: site.span }
}

pub(super) fn ncpus(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    setting(lower, "ncpus", SettingSource::CpuCount, Type::U64, site)
}

fn name_literal(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Option<String> {
    lower.literal_text(site, 0).map(|text| String::from_utf8_lossy(&text).into_owned())
}

/// A name that may come from a parameter or an option: settled at start.
fn late_name(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Option<LateText> {
    use crate::syntax::ast::{Arg, Expr as Written, ExprKind as Form};
    let parameter = |expr: &Written| match expr.kind {
        Form::Param(n) => Some(vec![TextPiece::Param(n)]),
        _ => None,
    };
    let Arg::Expr(written) = &site.args[0] else { return lower.literal_text(site, 0).map(|_| Vec::new()) };
    if let Some(name) = parameter(written) {
        return Some(name);
    }
    let value = lower.value(site, &site.args[0])?;
    if let ExprKind::Setting(id) = value.kind {
        match &lower.rodata[id.0].source {
            SettingSource::ParamString(n) | SettingSource::ParamAny(n) => return Some(vec![TextPiece::Param(*n)]),
            SettingSource::Option { name, default: OptionDefault::Str(_), .. } => {
                return Some(vec![TextPiece::Option(name.clone())]);
            }
            _ => {}
        }
    }
    name_literal(lower, site).map(|name| vec![TextPiece::Lit(name)])
}

/// Part of a variable's name.
fn named(name: &LateText) -> String {
    name.iter()
        .map(|piece| match piece {
            TextPiece::Lit(text) => text.clone(),
            TextPiece::Param(n) => format!("param_{n}"),
            TextPiece::Option(name) => format!("opt_{name}"),
        })
        .collect()
}

pub(super) fn kaddr(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let Some(name) = late_name(lower, site) else { return poison(site.span) };
    setting(lower, &format!("kaddr_{}", named(&name)), SettingSource::KernelAddress(name), Type::U64, site)
}

/// `symbol_exists(name)`, an extension: whether `kaddr(name)` has an address on the machine that runs the tool.
pub(super) fn symbol_exists(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let Some(name) = late_name(lower, site) else { return poison(site.span) };
    setting(lower, &format!("has_{}", named(&name)), SettingSource::HasKernelSymbol(name), Type::Bool, site)
}

pub(super) fn uaddr(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let Some(symbol) = late_name(lower, site) else { return poison(site.span) };
    if !lower.probe.provider.is_user() {
        return lower
            .wrong_probe(site.span, format!("uaddr can not be used with \"{}\" probes", lower.probe.provider.name()));
    }
    let path = match lower.probe.targets.first().map(|target| &target.point) {
        Some(AttachPoint::User { path, .. } | AttachPoint::Usdt { path, .. }) => path.clone(),
        _ => return poison(site.span),
    };
    let known = |text: &LateText| crate::check::known_text(text);
    let size = known(&path).zip(known(&symbol)).and_then(|(path, symbol)| lower.host.user_symbol_size(&path, &symbol));
    let to = match size {
        Some(1) => Type::Int(IntType::I8),
        Some(2) => Type::Int(IntType { bits: 16, signed: true }),
        Some(4) => Type::Int(IntType::I32),
        _ => Type::I64,
    };
    let source = SettingSource::UserAddress { path, symbol: symbol.clone() };
    let address = setting(lower, &format!("uaddr_{}", named(&symbol)), source, Type::U64, site);
    let ty = Type::Pointer { to: Box::new(to), space: AddressSpace::User };
    Expr { ty, kind: ExprKind::Cast(Box::new(address)), span: site.span }
}

pub(super) fn cgroupid(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let Some(path) = late_name(lower, site) else { return poison(site.span) };
    setting(lower, "cgroupid", SettingSource::CgroupId(path), Type::U64, site)
}

pub(super) fn percpu_kaddr(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let Some(symbol) = name_literal(lower, site) else { return poison(site.span) };
    let cpu = match site.args.get(1) {
        None => None,
        Some(arg) => {
            let Some(cpu) = lower.value(site, arg) else { return poison(site.span) };
            if !lower.want_int(&cpu, "percpu_kaddr", site.span) {
                return poison(site.span);
            }
            Some(Box::new(lower.coerce(cpu, &Type::U32)))
        }
    };
    // Tells at start that there is no such symbol.
    let source = SettingSource::KernelAddress(vec![TextPiece::Lit(symbol.clone())]);
    let address = lower.add_setting(&format!("percpu_{symbol}"), source, Type::U64, site.span);
    let to = lower.kernel.variable(&symbol).unwrap_or(Type::U64);
    let to = match to {
        Type::Struct(_) | Type::Int(_) | Type::Pointer { .. } => to,
        _ => Type::U64,
    };
    let pointer = Type::Pointer { to: Box::new(to), space: AddressSpace::Kernel };
    let call = Expr { ty: pointer, kind: ExprKind::Call(Call::PerCpuKaddr { symbol, address, cpu }), span: site.span };
    Expr { ty: Type::U64, kind: ExprKind::Cast(Box::new(call)), span: site.span }
}

/// `interval|i` → the option's name and its one-letter form.
fn option_name(text: &str) -> (String, Option<char>) {
    let letter = |short: &str| {
        let mut letters = short.chars();
        letters.next().filter(|letter| letter.is_ascii_alphabetic() && letters.next().is_none())
    };
    match text.split_once('|').map(|(name, short)| (name, letter(short))) {
        Some((name, Some(letter))) if !name.is_empty() => (name.to_owned(), Some(letter)),
        _ => (text.to_owned(), None),
    }
}

/// `getopt(name, default, help)`
pub(super) fn getopt(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let span = site.span;
    let first = match &site.args[0] {
        crate::syntax::ast::Arg::Expr(expr) => lower.expr(expr),
        crate::syntax::ast::Arg::Type(_) => poison(span),
    };
    let ExprKind::Str(name) = &first.kind else {
        return lower.error(codes::ARGUMENT_TYPE, first.span, "First argument to 'getopt' must be a string literal.");
    };
    let (name, short) = option_name(&String::from_utf8_lossy(name));
    let (default, ty) = match site.args.get(1) {
        None => (OptionDefault::Bool(false), Type::Bool),
        Some(arg) => {
            let Some(value) = lower.value(site, arg) else { return poison(span) };
            match (&value.kind, &value.ty) {
                (ExprKind::Bool(default), _) => (OptionDefault::Bool(*default), Type::Bool),
                // Signed only where the default is negative, as a literal of 64 bits is.
                (ExprKind::Int(default), Type::Int(int)) => {
                    let negative = int.signed && *default < 0;
                    (OptionDefault::Int(*default), if negative { Type::I64 } else { Type::U64 })
                }
                (ExprKind::Str(text), _) => (
                    OptionDefault::Str(String::from_utf8_lossy(text).into_owned()),
                    Type::String { capacity: lower.settings.config.max_strlen },
                ),
                _ => {
                    return lower.error(
                        codes::ARGUMENT_TYPE,
                        value.span,
                        "Second argument to 'getopt' must be a string literal, integer literal, or a boolean literal.",
                    );
                }
            }
        }
    };
    let help = match site.args.get(2) {
        None => None,
        Some(_) => match lower.literal_text(site, 2) {
            Some(text) => Some(String::from_utf8_lossy(&text).into_owned()),
            None => return poison(span),
        },
    };
    let known = lower
        .rodata
        .iter()
        .position(|known| matches!(&known.source, SettingSource::Option { name: known, .. } if *known == name));
    if let Some(at) = known {
        if let SettingSource::Option { default: first, help: first_help, short: first_short, .. } =
            &mut lower.rodata[at].source
        {
            *first_short = first_short.or(short);
            if *first != default {
                let shown = match first {
                    OptionDefault::Bool(value) => value.to_string(),
                    OptionDefault::Int(value) => value.to_string(),
                    OptionDefault::Str(value) => value.clone(),
                };
                let message = format!(
                    "Command line option '{name}' needs to have the same default value in all places it is used. \
                     Previous default value: {shown}"
                );
                return lower.error(codes::ARGUMENT_TYPE, span, message);
            }
            if first_help.is_none() {
                *first_help = help;
            }
        }
        return Expr { ty, kind: ExprKind::Setting(crate::program::SettingId(at)), span };
    }
    let source = SettingSource::Option { name: name.clone(), short, default, help };
    setting(lower, &format!("opt_{name}"), source, ty, site)
}

pub(super) fn reg(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let Some(name) = name_literal(lower, site) else { return poison(site.span) };
    use Provider::*;
    let fits = matches!(
        lower.probe.provider,
        Kprobe | Kretprobe | Uprobe | Uretprobe | Usdt | Profile | Interval | Software | Hardware | Watchpoint
    );
    if !fits {
        let message = format!("reg can not be used with \"{}\" probes", lower.probe.provider.name());
        lower.wrong_probe(site.span, message);
    }
    let Some(register) = register(&name) else {
        let message = format!("'{name}' is not a valid register on this architecture (x86_64)");
        return lower.error(codes::ARGUMENT_TYPE, site.span, message);
    };
    let ty = Type::U64;
    Expr { ty, kind: ExprKind::Context(ContextField::Register(register.to_owned())), span: site.span }
}

/// A register by the name that scripts give it: the member of the kernel's `struct pt_regs`.
fn register(name: &str) -> Option<&'static str> {
    const REGISTERS: [&str; 21] = [
        "r15", "r14", "r13", "r12", "bp", "bx", "r11", "r10", "r9", "r8", "ax", "cx", "dx", "si", "di", "orig_ax",
        "ip", "cs", "flags", "sp", "ss",
    ];
    REGISTERS.into_iter().find(|known| *known == name)
}

pub(super) fn path(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    use Provider::*;
    if !matches!(lower.probe.provider, Fentry | Fexit | Iter) {
        let message = "The path function can only be used with 'fentry', 'fexit', 'iter' probes".to_owned();
        return lower.wrong_probe(site.span, message);
    }
    lower.needs_trampoline = true;
    let Some(value) = lower.value(site, &site.args[0]) else { return poison(site.span) };
    let limit = lower.settings.config.max_strlen;
    let size = match site.args.get(1) {
        None => None,
        Some(arg) => {
            let Some(size) = lower.value(site, arg) else { return poison(site.span) };
            match crate::check::constant_int(&size) {
                Some(size) if size >= 0 => Some((size as u32).min(limit)),
                _ => return lower.error(codes::NOT_CONSTANT, site.span, "path() requires a non-negative literal size"),
            }
        }
    };
    let pointer = match &value.ty {
        Type::Pointer { .. } => value,
        Type::Struct(_) => match lower.address(value) {
            Ok((address, _)) => address,
            Err(value) => {
                let message = format!("path() only supports pointer arguments ({} provided)", kind_name(&value.ty));
                return lower.error(codes::ARGUMENT_TYPE, site.span, message);
            }
        },
        ty => {
            let message = format!("path() only supports pointer arguments ({} provided)", kind_name(ty));
            return lower.error(codes::ARGUMENT_TYPE, site.span, message);
        }
    };
    let ty = Type::String { capacity: size.unwrap_or(limit) };
    Expr { ty, kind: ExprKind::Call(Call::Path { pointer: Box::new(pointer), size }), span: site.span }
}

pub(super) fn socket_cookie(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    use Provider::*;
    if !matches!(lower.probe.provider, Fentry | Fexit | Iter | RawTracepoint) {
        let message = format!("socket_cookie can not be used with \"{}\" probes", lower.probe.provider.name());
        return lower.wrong_probe(site.span, message);
    }
    let Some(value) = lower.value(site, &site.args[0]) else { return poison(site.span) };
    lower.needs_trampoline = true;
    let is_sock =
        matches!(&value.ty, Type::Pointer { to, .. } if matches!(&**to, Type::Struct(name) if name.0 == "struct sock"));
    if !is_sock {
        let message = format!(
            "socket_cookie() only supports 'struct sock *' as the argument ({} provided)",
            crate::check::shown(&value.ty)
        );
        return lower.error(codes::ARGUMENT_TYPE, site.span, message);
    }
    Expr { ty: Type::U64, kind: ExprKind::Call(Call::SocketCookie(Box::new(value))), span: site.span }
}

pub(super) fn skboutput(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    use Provider::*;
    if !matches!(lower.probe.provider, Fentry | Fexit | RawTracepoint) {
        let message = format!("skboutput can not be used with \"{}\" probes", lower.probe.provider.name());
        return lower.wrong_probe(site.span, message);
    }
    lower.needs_trampoline = true;
    let Some(path) = name_literal(lower, site) else { return poison(site.span) };
    let mut values = Vec::new();
    for arg in &site.args[1..] {
        let Some(value) = lower.value(site, arg) else { return poison(site.span) };
        values.push(value);
    }
    let [skb, len, offset] = match <[Expr; 3]>::try_from(values) {
        Ok(values) => values,
        Err(_) => return poison(site.span),
    };
    if !matches!(skb.ty, Type::Pointer { .. }) {
        let message = format!("skboutput() only supports pointer arguments ({} provided)", kind_name(&skb.ty));
        return lower.error(codes::ARGUMENT_TYPE, site.span, message);
    }
    let len = lower.coerce(len, &Type::U64);
    let offset = lower.coerce(offset, &Type::U64);
    let fields = vec![Type::U64, Type::Buffer { capacity: 65535 }];
    let action = lower.add_action(ActionKind::SkbOutput { path }, fields, site.span);
    let kind = Call::SkbOutput { action, skb: Box::new(skb), len: Box::new(len), offset: Box::new(offset) };
    Expr { ty: Type::U32, kind: ExprKind::Call(kind), span: site.span }
}

pub(super) fn cgroup_path(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let Some(id) = lower.value(site, &site.args[0]) else { return poison(site.span) };
    if !lower.want_int(&id, "cgroup_path", site.span) {
        return poison(site.span);
    }
    let id = Box::new(lower.coerce(id, &Type::U64));
    let filter = match site.args.get(1) {
        None => None,
        Some(arg) => match cgroup_filter(lower, site, arg) {
            Some(text) => Some(lower.add_string(&String::from_utf8_lossy(&text))),
            None => return poison(site.span),
        },
    };
    Expr { ty: Type::CgroupPath, kind: ExprKind::Call(Call::CgroupPath { id, filter }), span: site.span }
}

/// A literal.
fn cgroup_filter(lower: &mut Lower<'_>, site: &CallSite<'_>, arg: &crate::syntax::ast::Arg) -> Option<Vec<u8>> {
    let value = lower.value(site, arg)?;
    if matches!(value.ty, Type::String { .. }) {
        return lower.literal_text(site, 1);
    }
    let message = format!("cgroup_path() only supports string arguments ({} provided)", kind_name(&value.ty));
    lower.error(codes::ARGUMENT_TYPE, site.span, message);
    None
}

pub(super) fn strerror(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    named_number(lower, site, Type::ErrorName)
}

pub(super) fn signal_name(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    named_number(lower, site, Type::SignalName)
}

pub(super) fn syscall_name(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    named_number(lower, site, Type::SyscallName)
}

/// Room for the name of an error, a signal or a system call.
const NAME_CAPACITY: u32 = 64;

/// A string; where it is only printed, the number is sent and user space looks it up.
fn named_number(lower: &mut Lower<'_>, site: &CallSite<'_>, ty: Type) -> Expr {
    let Some(value) = lower.value(site, &site.args[0]) else { return poison(site.span) };
    if !matches!(value.ty, Type::Int(_) | Type::Enum { .. } | Type::Bool) {
        let message = format!("Cannot cast from \"{}\" to \"int32\"", crate::check::shown(&value.ty));
        return lower.error(codes::ARGUMENT_TYPE, site.span, message);
    }
    let value = lower.coerce(value, &Type::Int(IntType::I32));
    let number = Expr { ty, kind: ExprKind::Call(Call::Name(Box::new(value))), span: site.span };
    let ty = Type::String { capacity: NAME_CAPACITY };
    Expr { ty, kind: ExprKind::Call(Call::NameText(Box::new(number))), span: site.span }
}

/// `write_user(pointer, source, length)`: whether it was written.
pub(super) fn write_user(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let span = site.span;
    let Some(values) = lower.values(site) else { return poison(span) };
    let Ok([pointer, source, length]) = <[Expr; 3]>::try_from(values) else { return poison(span) };
    if !matches!(pointer.ty, Type::Pointer { .. } | Type::Int(_)) {
        let message = format!("write_user() expects a pointer ({} provided)", kind_name(&pointer.ty));
        return lower.error(codes::ARGUMENT_TYPE, span, message);
    }
    if !lower.want_int(&length, "write_user", span) {
        return poison(span);
    }
    if crate::check::constant_int(&length).is_some_and(|n| n < 1) {
        return lower.error(codes::ARGUMENT_TYPE, length.span, "write_user() expects a length of at least 1");
    }
    // `&$x`: the variable itself.
    let source = match source.kind {
        ExprKind::AddressOfLocal(local) => {
            let ty = lower.local_type(local);
            Expr { ty, kind: ExprKind::Local(local), span }
        }
        kind if matches!(source.ty, Type::Pointer { .. }) => {
            let pointer = Expr { ty: source.ty, kind, span };
            lower.deref(pointer, span)
        }
        kind => Expr { ty: source.ty, kind, span: source.span },
    };
    let length = lower.coerce(length, &Type::U32);
    let call = Call::WriteUser { pointer: Box::new(pointer), source: Box::new(source), length: Box::new(length) };
    Expr { ty: Type::Bool, kind: ExprKind::Call(call), span }
}
