//! An open object made ready to be loaded: sizes of maps, targets of programs.

use std::collections::HashSet;
use std::mem::size_of;
use std::ops::Range;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use libbpf_rs::btf::types::{DataSec, Var};
use libbpf_rs::libbpf_sys::{self, bpf_insn, bpf_link_create_opts, bpf_prog_load_opts, size_t};
use libbpf_rs::{AsRawLibbpf, Object, OpenObject, ProgramType};

use crate::context::RunConfig;
use crate::error::Result;
use crate::find::expand::{Attachment, Place, Plan};
use crate::settings::{c_string, possible_cpus};
use crate::tool::{ProgramKind, Storage, Tool};

/// Bytes of the ring where nothing else is said.
const RING: u32 = 4 << 20;

/// Sizes of maps.
///
/// # Errors
/// When libbpf refuses a size.
pub fn maps(tool: &Tool, config: &RunConfig, object: &mut OpenObject) -> Result<()> {
    for mut map in object.maps_mut() {
        let name = map.name().to_string_lossy().into_owned();
        match name.as_str() {
            "tw_events" => map.set_max_entries(ring_bytes(config))?,
            // The object has as many slots as probes can interrupt each other; each CPU has its own.
            "tw_scratch" => {
                let levels = map.max_entries().max(1);
                map.set_max_entries(levels * possible_cpus() as u32)?;
            }
            // Lost records are counted by action, too.
            "tw_losses" => map.set_max_entries(crate::ledger::counters(tool.actions.len()))?,
            _ if name.starts_with("tw_stacks_") => {
                if config.max_map_keys_set && config.max_map_keys > map.max_entries() {
                    map.set_max_entries(config.max_map_keys)?;
                }
            }
            _ => {
                let table = tool.maps.iter().find(|table| table.bpf_name == name);
                if let Some(table) = table
                    && table.default_size
                    && config.max_map_keys_set
                    && matches!(table.storage, Storage::Hash { .. })
                {
                    map.set_max_entries(config.max_map_keys)?;
                }
            }
        }
    }
    Ok(())
}

/// A power of two of whole pages.
fn ring_bytes(config: &RunConfig) -> u32 {
    if config.perf_rb_pages == 0 {
        return RING;
    }
    // SAFETY: asks for a constant of the system.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) }.max(4096) as u32;
    config.perf_rb_pages.min(1 << 15).next_power_of_two() * page
}

/// Which programs are loaded, and for what.
///
/// # Errors
/// When libbpf refuses a target.
pub fn programs(
    tool: &Tool,
    plan: &Plan,
    disabled: &HashSet<String>,
    multi: &HashSet<usize>,
    object: &mut OpenObject,
) -> Result<()> {
    for mut program in object.progs_mut() {
        let name = program.name().to_string_lossy().into_owned();
        let Some(index) = tool.programs.iter().position(|table| table.name == name) else { continue };
        let first = plan.attachments.iter().find(|attachment| attachment.program == index);
        let Some(first) = first.filter(|_| !disabled.contains(&name)) else {
            program.set_autoload(false);
            continue;
        };
        let raw = program.as_libbpf_object().as_ptr();
        match &first.place {
            Place::Trampoline { module, name } => {
                let target = match module.as_deref() {
                    Some(module) if module != "vmlinux" => format!("{module}:{name}"),
                    _ => name.clone(),
                };
                program.set_attach_target(0, Some(target))?;
            }
            Place::Bpf { program: id, function } => {
                let fd = libbpf_rs::Program::fd_from_id(*id)?;
                use std::os::fd::IntoRawFd;
                // The kernel wants it while loading; the process keeps it.
                program.set_attach_target(fd.into_raw_fd(), Some(function.clone()))?;
            }
            Place::RawTracepoint(event) if program.prog_type() == ProgramType::Tracing => {
                program.set_attach_target(0, Some(event.clone()))?;
            }
            _ => {}
        }
        if tool.programs[index].uses_cookie {
            crate::attach::cookies::prepare(tool.programs[index].kind, program.as_libbpf_object())?;
        }
        if multi.contains(&index) {
            let kind = match first.place {
                Place::File { .. } => libbpf_sys::BPF_TRACE_UPROBE_MULTI,
                _ => libbpf_sys::BPF_TRACE_KPROBE_MULTI,
            };
            // SAFETY: an open program, not yet loaded.
            unsafe { libbpf_sys::bpf_program__set_expected_attach_type(raw, kind) };
        }
    }
    Ok(())
}

/// Programs that attach to many places, where the kernel can do that with one link.
pub fn multi_programs(tool: &Tool, plan: &Plan) -> HashSet<usize> {
    let count = |index: usize, fits: fn(&Place) -> bool| {
        let mut places = plan.attachments.iter().filter(|attachment| attachment.program == index);
        if places.clone().all(|attachment| fits(&attachment.place)) { places.by_ref().count() } else { 0 }
    };
    let mut found = HashSet::new();
    for (index, program) in tool.programs.iter().enumerate() {
        let many = match program.kind {
            ProgramKind::Kprobe | ProgramKind::Kretprobe => {
                count(index, |place| matches!(place, Place::Function { offset: 0, .. })) > 1 && has_kprobe_multi()
            }
            // A few are as well off by themselves.
            ProgramKind::Uprobe | ProgramKind::Uretprobe => {
                count(index, |place| matches!(place, Place::File { .. })) > 8 && has_uprobe_multi()
            }
            _ => false,
        };
        if many {
            found.insert(index);
        }
    }
    found
}

/// Whether two neighbours of the plan can have one link: one program, for uprobes also one file.
pub fn shares_link(one: &Attachment, other: &Attachment) -> bool {
    one.program == other.program
        && match (&one.place, &other.place) {
            (Place::File { path, .. }, Place::File { path: other, .. }) => path == other,
            _ => true,
        }
}

/// Neighbours of the plan that are attached together, in the order of attaching.
///
/// Probes on one event run in the script's order. The kernel runs the programs of some kinds of probes in the order they
/// came, of others the latest first: those are attached from the last to the first.
pub fn attach_order(plan: &Plan, multi: &HashSet<usize>) -> Vec<Range<usize>> {
    let (mut forward, mut backward) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < plan.attachments.len() {
        let first = &plan.attachments[at];
        let count = if multi.contains(&first.program) {
            plan.attachments[at..].iter().take_while(|other| shares_link(first, other)).count()
        } else {
            1
        };
        let latest_first = matches!(
            first.place,
            Place::Function { .. }
                | Place::KernelAddress(_)
                | Place::Trampoline { .. }
                | Place::Bpf { .. }
                | Place::File { .. }
                | Place::Usdt { .. }
                | Place::Software { .. }
        );
        if latest_first { &mut backward } else { &mut forward }.push(at..at + count);
        at += count;
    }
    forward.extend(backward.into_iter().rev());
    forward
}

/// Whether a trampoline's program was loaded for another function before.
pub fn is_copy(plan: &Plan, attachment: &Attachment) -> bool {
    let first = plan.attachments.iter().find(|other| other.program == attachment.program);
    first.is_some_and(|first| first.probe != attachment.probe)
}

/// Tries it: a link to a file that does not exist is refused in another way than a kind of link that does not.
fn has_uprobe_multi() -> bool {
    let Some(program) = trial_program(libbpf_sys::BPF_TRACE_UPROBE_MULTI) else { return false };
    let Ok(path) = c_string("/") else { return false };
    let offset: std::ffi::c_ulong = 0;
    let mut link = bpf_link_create_opts { sz: size_of::<bpf_link_create_opts>() as size_t, ..Default::default() };
    link.__bindgen_anon_1.uprobe_multi.path = path.as_ptr();
    link.__bindgen_anon_1.uprobe_multi.offsets = &offset;
    link.__bindgen_anon_1.uprobe_multi.cnt = 1;
    // SAFETY: the arrays live through the call; the program's descriptor is open.
    let result =
        unsafe { libbpf_sys::bpf_link_create(program.as_raw_fd(), -1, libbpf_sys::BPF_TRACE_UPROBE_MULTI, &link) };
    // A directory is no binary.
    -result == libc::EBADF
}

/// A program that does nothing, loaded for a kind of link.
fn trial_program(kind: libbpf_sys::bpf_attach_type) -> Option<OwnedFd> {
    let code = [
        bpf_insn { code: 0xb7, ..Default::default() }, // r0 = 0
        bpf_insn { code: 0x95, ..Default::default() }, // exit
    ];
    let load = bpf_prog_load_opts {
        sz: size_of::<bpf_prog_load_opts>() as size_t,
        expected_attach_type: kind,
        ..Default::default()
    };
    // SAFETY: the code is as long as told, the license NUL-terminated.
    let program = unsafe {
        libbpf_sys::bpf_prog_load(
            libbpf_sys::BPF_PROG_TYPE_KPROBE,
            std::ptr::null(),
            c"GPL".as_ptr(),
            code.as_ptr(),
            code.len() as size_t,
            (&raw const load).cast_mut(),
        )
    };
    // SAFETY: a descriptor that the kernel just gave us.
    (program >= 0).then(|| unsafe { OwnedFd::from_raw_fd(program) })
}

/// Tries it: a link to a function that does not exist is refused in another way than a kind of link that does not.
fn has_kprobe_multi() -> bool {
    let Some(program) = trial_program(libbpf_sys::BPF_TRACE_KPROBE_MULTI) else { return false };
    let Ok(name) = c_string("tw_no_such_function") else { return false };
    let mut names = [name.as_ptr()];
    let mut link = bpf_link_create_opts { sz: size_of::<bpf_link_create_opts>() as size_t, ..Default::default() };
    link.__bindgen_anon_1.kprobe_multi.cnt = 1;
    link.__bindgen_anon_1.kprobe_multi.syms = names.as_mut_ptr();
    // SAFETY: the arrays live through the call; the program's descriptor is open.
    let result =
        unsafe { libbpf_sys::bpf_link_create(program.as_raw_fd(), 0, libbpf_sys::BPF_TRACE_KPROBE_MULTI, &link) };
    !matches!(-result, libc::EINVAL | libc::EOPNOTSUPP | libc::EBADF)
}

/// Offset and bytes of a variable of `.bss`.
pub fn bss_variable(object: &Object, name: &str) -> Option<(usize, usize)> {
    let btf = object.btf().ok().flatten()?;
    let section = btf.type_by_name::<DataSec<'_>>(".bss")?;
    section.iter().find_map(|member| {
        let variable = btf.type_by_id::<Var<'_>>(member.ty)?;
        (variable.name()? == name).then_some((member.offset as usize, member.size))
    })
}
