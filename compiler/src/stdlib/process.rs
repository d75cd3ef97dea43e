//! The current task: who runs.

use crate::check::{Lower, effect, kind_name, parse_format, poison, wide};
use crate::codes;
use crate::program::{ActionKind, Builtin, Call, Expr, ExprKind, SettingSource, Stmt, StmtKind};
use crate::stdlib::CallSite;
use crate::syntax::ast::{self, Arg, Ident};
use crate::types::{AddressSpace, IntType, StructName, Type};

fn builtin(builtin: Builtin, ty: Type, site: &CallSite<'_>) -> Expr {
    Expr { ty, kind: ExprKind::Builtin(builtin), span: site.span }
}

/// A builtin that BPF gives with 32 bits, read as bpftrace has it: `uint64`.
fn widened(builtin: Builtin, site: &CallSite<'_>) -> Expr {
    let narrow = Expr { ty: Type::U32, kind: ExprKind::Builtin(builtin), span: site.span };
    Expr { ty: Type::U64, kind: ExprKind::Cast(Box::new(narrow)), span: site.span }
}

pub(super) fn pid(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    namespaced(lower, site, Builtin::Pid, Builtin::InitPid)
}

pub(super) fn tid(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    namespaced(lower, site, Builtin::Tid, Builtin::InitTid)
}

fn namespaced(lower: &mut Lower<'_>, site: &CallSite<'_>, here: Builtin, init: Builtin) -> Expr {
    let word = match site.args.first() {
        None => None,
        Some(Arg::Expr(ast::Expr { kind: ast::ExprKind::Ident(word), span })) => Some((word.as_str(), *span)),
        Some(_) => {
            let message = format!("{}() only supports curr_ns and init as the argument", site.name);
            return lower.error(codes::ARGUMENT_TYPE, site.span, message);
        }
    };
    match word {
        None | Some(("curr_ns", _)) => builtin(here, Type::U32, site),
        Some(("init", _)) => builtin(init, Type::U32, site),
        Some((other, span)) => {
            let message = format!("Invalid PID namespace mode: {other} (expects: curr_ns or init)");
            lower.error(codes::ARGUMENT_TYPE, span, message)
        }
    }
}

pub(super) fn uid(_: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    widened(Builtin::Uid, site)
}

pub(super) fn gid(_: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    widened(Builtin::Gid, site)
}

pub(super) fn username(_: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    builtin(Builtin::UserName, Type::UserName, site)
}

pub(super) fn comm(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let Some(arg) = site.args.first() else { return builtin(Builtin::Comm, Type::String { capacity: 16 }, site) };
    let Some(pid) = lower.value(site, arg) else { return poison(site.span) };
    if !matches!(pid.ty, Type::Int(_)) {
        return lower.error(codes::ARGUMENT_TYPE, site.span, "Only integer supported for comm()'s pid");
    }
    let pid = lower.coerce(pid, &Type::Int(IntType::I32));
    Expr { ty: Type::String { capacity: 64 }, kind: ExprKind::Call(Call::CommOf(Box::new(pid))), span: site.span }
}

pub(super) fn cpu(_: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    widened(Builtin::Cpu, site)
}

pub(super) fn numaid(_: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    widened(Builtin::NumaNode, site)
}

pub(super) fn rand(_: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    widened(Builtin::Rand, site)
}

pub(super) fn cgroup(_: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    builtin(Builtin::CgroupId, Type::U64, site)
}

pub(super) fn usermode(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let _ = lower;
    builtin(Builtin::UserMode, Type::Int(IntType::I8), site)
}

pub(super) fn curtask(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let name = StructName("struct task_struct".into());
    let to = if lower.structure(&name).is_some() { Type::Struct(name) } else { Type::Void };
    builtin(Builtin::CurrentTask, Type::Pointer { to: Box::new(to), space: AddressSpace::Kernel }, site)
}

/// The task that was given, or the current one.
fn task(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    match site.args.first() {
        Some(arg) => lower.value(site, arg).unwrap_or_else(|| poison(site.span)),
        None => curtask(lower, site),
    }
}

/// A chain of fields from a task.
fn task_fields(lower: &mut Lower<'_>, site: &CallSite<'_>, fields: &[&str]) -> Expr {
    let mut value = task(lower, site);
    for field in fields {
        let field = Ident { name: (*field).to_owned(), span: site.span };
        value = lower.field_of(value, &field, site.span);
    }
    value
}

pub(super) fn ppid(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    task_fields(lower, site, &["real_parent", "pid"])
}

pub(super) fn pcomm(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    task_fields(lower, site, &["real_parent", "comm"])
}

pub(super) fn leader_comm(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    task_fields(lower, site, &["group_leader", "comm"])
}

pub(super) fn leader_tid(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    task_fields(lower, site, &["group_leader", "pid"])
}

pub(super) fn cpid(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let id = lower.add_setting("cpid", SettingSource::ChildPid, Type::U64, site.span);
    let value = Expr { ty: Type::U64, kind: ExprKind::Setting(id), span: site.span };
    let text = parse_format(b"No child command (`-c`); cpid is zero");
    let action = lower.add_action(ActionKind::Warnf(text), Vec::new(), site.span);
    let warn = Stmt { kind: StmtKind::Action { action, args: Vec::new() }, span: site.span };
    let cond = has_cpid(lower, site);
    let stmt = Stmt { kind: StmtKind::If { cond, then: Vec::new(), otherwise: vec![warn] }, span: site.span };
    Expr { ty: Type::U64, kind: ExprKind::Block(vec![stmt], Box::new(value)), span: site.span }
}

pub(super) fn has_cpid(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let id = lower.add_setting("has_cpid", SettingSource::HasChildPid, Type::Bool, site.span);
    Expr { ty: Type::Bool, kind: ExprKind::Setting(id), span: site.span }
}

pub(super) fn signal(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    send_signal(lower, site, false)
}

pub(super) fn signal_thread(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    send_signal(lower, site, true)
}

fn send_signal(lower: &mut Lower<'_>, site: &CallSite<'_>, thread: bool) -> Expr {
    use crate::check::Provider::*;
    // There is no process in these that the signal could be meant for.
    let unfit = match lower.probe.provider {
        Begin | End | SelfSignal => Some("special"),
        Bench => Some("benchmark"),
        provider @ (Test | Interval | Software | Hardware | Watchpoint) => Some(provider.name()),
        _ => None,
    };
    if let Some(kind) = unfit {
        let message = format!("{}() can not be used for this probetype {kind}", site.name);
        lower.wrong_probe(site.span, message);
    }
    let value = match &site.args[0] {
        Arg::Expr(ast::Expr { kind: ast::ExprKind::Param(n), span }) => lower.parameter(*n, *span),
        arg => match lower.value(site, arg) {
            Some(value) => value,
            None => return poison(site.span),
        },
    };
    let signal = match (&value.kind, &value.ty) {
        (ExprKind::Str(text), _) => {
            let name = String::from_utf8_lossy(text).into_owned();
            match signal_number(&name) {
                Some(number) => crate::check::constant(number, Type::U32, value.span),
                None => {
                    return lower.error(codes::ARGUMENT_TYPE, site.span, format!("Invalid string for signal: {name}"));
                }
            }
        }
        (ExprKind::Int(n), Type::Int(_)) => {
            if !(1..=64).contains(n) {
                return lower.error(
                    codes::ARGUMENT_TYPE,
                    site.span,
                    format!("{}() accepts a string literal or an integer between 1 and 64 (inclusive)", site.name),
                );
            }
            lower.coerce(value, &Type::U32)
        }
        (_, Type::Int(_)) => lower.coerce(value, &Type::U32),
        _ => {
            let message = format!("{}() accepts a string literal or an integer", site.name);
            return lower.error(codes::ARGUMENT_TYPE, site.span, message);
        }
    };
    effect(StmtKind::Signal { signal, thread }, site.span)
}

/// Signals by number, from 1.
const SIGNALS: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM",
    "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO",
    "PWR", "SYS",
];

fn signal_number(name: &str) -> Option<i64> {
    let upper = name.to_ascii_uppercase();
    let short = upper.strip_prefix("SIG").unwrap_or(&upper);
    let known = match short {
        "IOT" => "ABRT",
        "POLL" => "IO",
        "CLD" => "CHLD",
        other => other,
    };
    if let Ok(number) = name.parse::<i64>() {
        return (1..=64).contains(&number).then_some(number);
    }
    SIGNALS.iter().position(|signal| *signal == known).map(|at| at as i64 + 1)
}

pub(super) fn override_return(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    if lower.probe.provider != crate::check::Provider::Kprobe {
        return lower.wrong_probe(site.span, "override() can only be used inside kprobes".into());
    }
    let Some(value) = lower.value(site, &site.args[0]) else { return poison(site.span) };
    if !matches!(value.ty, Type::Int(_)) {
        let message = format!("override() only supports int arguments ({} provided)", kind_name(&value.ty));
        return lower.error(codes::ARGUMENT_TYPE, site.span, message);
    }
    let value = lower.coerce(value, &wide(false));
    effect(StmtKind::Override(value), site.span)
}
