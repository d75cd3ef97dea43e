//! Capabilities: what the kernel asks of a tracer to begin with, and what a tool holds on to once it is attached.

use rustix::thread::{CapabilitySet, capabilities, set_capabilities, set_no_new_privs};

use crate::error::{Error, Result};
use crate::print::layout;
use crate::tool::{ActionKind, AttachPoint, Tool, Ty};

/// Refuses to start without what loading and attaching need; CAP_SYS_ADMIN stands for CAP_BPF and CAP_PERFMON.
///
/// # Errors
/// The capabilities that are missing, by name.
pub fn check(tool: &Tool) -> Result<()> {
    let Ok(held) = capabilities(None) else { return Ok(()) };
    let held = with_implied(held.effective);
    let missing = needed(tool).difference(held);
    if missing.is_empty() {
        return Ok(());
    }
    let error = Error::refused(format!("{} lacks the privilege to trace: {} missing", tool.name, names(missing)));
    Err(error.hint("run it as root, or give it these capabilities"))
}

/// What the tool needs to start.
pub fn needed(tool: &Tool) -> CapabilitySet {
    let mut needed = CapabilitySet::BPF | CapabilitySet::PERFMON;
    for name in tool.capabilities {
        needed |= CapabilitySet::from_name(name).unwrap_or(CapabilitySet::empty());
    }
    let mut points = tool.programs.iter().flat_map(|program| program.targets).map(|target| target.point);
    // Other programs are looked up by their id.
    if points.any(|point| matches!(point, AttachPoint::Bpf { .. })) {
        needed |= CapabilitySet::SYS_ADMIN;
    }
    needed
}

/// What the tool goes on needing when everything is attached, each with what for.
pub fn kept(tool: &Tool, has_child: bool) -> Vec<(CapabilitySet, &'static str)> {
    let mut kept = Vec::new();
    let mut keep = |set: CapabilitySet, why: &'static str| kept.push((set, why));
    // `%K` of a parameter's format shows plain numbers as symbols.
    if crate::spec::parameter(tool).is_some() || layout::shows(tool, is_kernel_symbol) {
        keep(CapabilitySet::SYSLOG, "symbols of the kernel");
    }
    if layout::shows_user_symbols(tool) {
        let read = CapabilitySet::DAC_READ_SEARCH | CapabilitySet::CHECKPOINT_RESTORE;
        keep(CapabilitySet::SYS_PTRACE | read, "symbols of processes");
    }
    let acts = |is: fn(&ActionKind) -> bool| tool.actions.iter().any(|action| is(&action.kind));
    if acts(|kind| matches!(kind, ActionKind::Cat(_))) {
        keep(CapabilitySet::SYS_PTRACE | CapabilitySet::DAC_READ_SEARCH, "cat()");
    }
    if acts(|kind| matches!(kind, ActionKind::SkbOutput(_))) {
        keep(CapabilitySet::DAC_OVERRIDE, "skboutput()");
    }
    if has_child {
        keep(CapabilitySet::KILL, "ending the command of -c");
    }
    kept
}

/// Whether the tool runs commands: these get what the user may.
pub fn runs_commands(tool: &Tool) -> bool {
    tool.actions.iter().any(|action| matches!(action.kind, ActionKind::System(_)))
}

/// Gives up everything but `kept`, for good. To be called while the process has one thread.
///
/// `still_works` tells whether the tool's maps can be reached without CAP_BPF, which before Linux 5.19 every use of
/// bpf(2) may ask for; where they cannot it stays.
///
/// # Errors
/// The kernel's word about it.
pub fn give_up(
    kept: CapabilitySet,
    no_commands: bool,
    still_works: impl Fn() -> bool,
) -> std::io::Result<CapabilitySet> {
    let mut sets = capabilities(None)?;
    let mut keep = kept.intersection(sets.permitted);
    sets.effective = keep;
    set_capabilities(None, sets)?;
    if !still_works() {
        keep |= (CapabilitySet::BPF | CapabilitySet::SYS_ADMIN).intersection(sets.permitted);
        if keep.contains(CapabilitySet::BPF) {
            keep -= CapabilitySet::SYS_ADMIN - kept;
        }
    }
    sets.effective = keep;
    sets.permitted = keep;
    sets.inheritable = CapabilitySet::empty();
    set_capabilities(None, sets)?;
    // Nor does a program that the tool would run get them back.
    if no_commands {
        set_no_new_privs(true)?;
    }
    Ok(keep)
}

/// What the process may use now.
pub fn in_effect() -> CapabilitySet {
    capabilities(None).map_or(CapabilitySet::empty(), |sets| sets.effective)
}

/// `CAP_BPF and CAP_PERFMON`
pub fn names(set: CapabilitySet) -> String {
    let names: Vec<String> = set.iter_names().map(|(name, _)| format!("CAP_{name}")).collect();
    match names.as_slice() {
        [] => "none".to_owned(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn with_implied(set: CapabilitySet) -> CapabilitySet {
    if set.contains(CapabilitySet::SYS_ADMIN) { set | CapabilitySet::BPF | CapabilitySet::PERFMON } else { set }
}

fn is_kernel_symbol(ty: &Ty) -> bool {
    matches!(ty, Ty::KernelStack { .. } | Ty::KernelSymbol | Ty::KernelFunction)
}
