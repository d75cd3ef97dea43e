//! The probe itself: its name, arguments and context.

use crate::check::{Lower, Provider, poison, string};
use crate::program::{Builtin, ContextField, Expr, ExprKind};
use crate::source::Span;
use crate::stdlib::CallSite;
use crate::types::{AddressSpace, StructName, Type};

pub(super) fn probe(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    if let Some(name) = lower.probe.probe_name.clone() {
        return string(name, site.span);
    }
    lower.uses_cookie = true;
    Expr { ty: Type::ProbeName, kind: ExprKind::Builtin(Builtin::ProbeIndex), span: site.span }
}

pub(super) fn probetype(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    string(lower.probe.provider.type_name(), site.span)
}

pub(super) fn func(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    use Provider::*;
    let fits = matches!(lower.probe.provider, Kprobe | Kretprobe | Fentry | Fexit | Uprobe | Uretprobe);
    if !fits {
        let message = format!("The func builtin can not be used with '{}' probes", lower.probe.provider.name());
        return lower.wrong_probe(site.span, message);
    }
    if let Some(name) = lower.probe.func_name.clone() {
        return string(name, site.span);
    }
    let ty = if lower.probe.provider.is_user() { Type::UserFunction } else { Type::KernelFunction };
    Expr { ty, kind: ExprKind::Builtin(Builtin::FunctionAddress), span: site.span }
}

pub(super) fn retval(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let span = site.span;
    let source = ContextField::ReturnValue;
    match lower.probe.provider {
        Provider::Kretprobe | Provider::Uretprobe => Expr { ty: Type::U64, kind: ExprKind::Context(source), span },
        Provider::Fexit => {
            let ty = lower.probe.result.clone().unwrap_or(Type::U64);
            lower.know_type(&ty);
            lower.note_context(&source, &ty);
            Expr { ty, kind: ExprKind::Context(source), span }
        }
        _ => lower.wrong_probe(
            span,
            "The retval builtin can only be used with 'kretprobe' and 'uretprobe' and 'fentry' probes".into(),
        ),
    }
}

pub(super) fn args(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    lower.all_arguments(site.span)
}

pub(super) fn ctx(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    use Provider::*;
    if lower.probe.provider.is_manual() {
        let message = format!("The ctx builtin can not be used with '{}' probes", lower.probe.provider.name());
        return lower.wrong_probe(site.span, message);
    }
    lower.needs_trampoline = true;
    let to = match lower.probe.provider {
        Iter => lower.probe.context.clone().map_or(Type::Void, Type::Struct),
        Kprobe | Kretprobe | Uprobe | Uretprobe | Usdt => known_struct(lower, "struct pt_regs"),
        Profile | Interval | Software | Hardware | Watchpoint => known_struct(lower, "struct bpf_perf_event_data"),
        _ => Type::Void,
    };
    lower.know_type(&to);
    let ty = Type::Pointer { to: Box::new(to), space: AddressSpace::Bpf };
    Expr { ty, kind: ExprKind::Context(ContextField::Pointer), span: site.span }
}

fn known_struct(lower: &mut Lower<'_>, name: &str) -> Type {
    let name = StructName(name.into());
    if lower.structure(&name).is_some() { Type::Struct(name) } else { Type::Void }
}

impl Lower<'_> {
    /// `argN`
    pub(crate) fn argument_number(&mut self, n: u32, name: &str, span: Span) -> Expr {
        use Provider::*;
        match self.probe.provider {
            Kprobe | Uprobe | Usdt | RawTracepoint => {
                self.max_arg = self.max_arg.max(Some(n));
                // The notes of USDT probes tell signs: the kernel's side extends each argument by its own.
                let ty = if self.probe.provider == Usdt { Type::I64 } else { Type::U64 };
                Expr { ty, kind: ExprKind::Context(ContextField::Arg(n)), span }
            }
            _ => {
                let message =
                    format!("The {name} builtin can only be used with 'kprobes', 'uprobes' and 'usdt' probes");
                self.wrong_probe(span, message)
            }
        }
    }
}

/// `usdt_arg(n)`
pub(super) fn usdt_arg(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let Some(n) = lower.value(site, &site.args[0]) else { return poison(site.span) };
    match crate::check::constant_int(&n) {
        Some(n @ 0..=11) => lower.argument_number(n as u32, "arg", site.span),
        _ => lower.error(crate::codes::NOT_CONSTANT, site.span, "usdt_arg() expects an integer literal from 0 to 11"),
    }
}
