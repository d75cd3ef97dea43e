//! Programs → links, one place at a time.

pub mod clone;
pub mod cookies;
pub mod iter;
mod load;
pub mod manual;
pub mod perf;
pub mod reaper;

use std::ffi::CString;
use std::io;
use std::mem::size_of;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr::NonNull;

use libbpf_rs::libbpf_sys::{
    bpf_kprobe_multi_opts, bpf_kprobe_opts, bpf_link, bpf_link_info, bpf_program, bpf_raw_tracepoint_opts,
    bpf_trace_opts, bpf_uprobe_multi_opts, bpf_uprobe_opts, bpf_usdt_opts, size_t,
};
use libbpf_rs::{AsRawLibbpf, Link, Object, libbpf_sys};

use crate::find::archive;
use crate::find::expand::{Attachment, Place};
use crate::find::kernel::Addresses;
use crate::settings::c_string;
use crate::tool::{Program, ProgramKind};

/// How a place was attached, for `--explain`.
pub type How = &'static str;

/// What keeps a program attached.
#[derive(Debug)]
pub struct Hold {
    /// Name of the probe; of several by one link, as the script has it.
    pub probe: String,
    /// What is held.
    pub what: Held,
}

/// What is held for a probe.
#[derive(Debug)]
#[allow(dead_code, reason = "held for what dropping it does")]
pub enum Held {
    /// A link.
    Link(Link),
    /// The link of a watchpoint, with the address.
    Watch(u64, Link),
    /// A copy of a program, and its link.
    Clone(clone::Clone),
}

impl Hold {
    /// Runs that the kernel had no way to begin: of kprobes, where it counts them (6.7).
    pub fn missed(&self) -> u64 {
        let Held::Link(link) = &self.what else { return 0 };
        let mut info = bpf_link_info::default();
        let mut size = size_of::<bpf_link_info>() as u32;
        // SAFETY: the link is open, the struct as long as told. Of the union only what the type says is read; it is
        // all plain numbers, zero where the kernel did not write.
        unsafe {
            let fd = libbpf_sys::bpf_link__fd(link.as_libbpf_object().as_ptr());
            if libbpf_sys::bpf_link_get_info_by_fd(fd, &mut info, &mut size) != 0 {
                return 0;
            }
            match info.type_ {
                libbpf_sys::BPF_LINK_TYPE_KPROBE_MULTI => info.__bindgen_anon_1.kprobe_multi.missed,
                libbpf_sys::BPF_LINK_TYPE_PERF_EVENT => {
                    let event = &info.__bindgen_anon_1.perf_event;
                    let is_kprobe =
                        matches!(event.type_, libbpf_sys::BPF_PERF_EVENT_KPROBE | libbpf_sys::BPF_PERF_EVENT_KRETPROBE);
                    if is_kprobe { event.__bindgen_anon_1.kprobe.missed } else { 0 }
                }
                _ => 0,
            }
        }
    }

    /// Runs that the kernel left out, since the copy of the program was running on that CPU already.
    pub fn recursions(&self) -> u64 {
        match &self.what {
            Held::Clone(copy) => copy.recursions(),
            _ => 0,
        }
    }
}

/// The program called `name` of a loaded object.
pub fn program(object: &Object, name: &str) -> Option<NonNull<bpf_program>> {
    object.progs_mut().find(|program| program.name() == name).map(|program| program.as_libbpf_object())
}

/// What attaching depends on besides the place.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The program's table.
    pub program: &'a Program,
    /// The loaded program.
    pub raw: NonNull<bpf_program>,
    /// The process of `-p` or `-c`; -1 for all.
    pub pid: i32,
}

/// Attaches a program to one place; timers and counters give a link for each CPU.
///
/// # Errors
/// The kernel's word about it.
pub fn attach(target: Target<'_>, attachment: &Attachment) -> io::Result<(Vec<Link>, How)> {
    let cookie = cookies::cookie(target, attachment.probe);
    let one = |link: Link, how: How| Ok((vec![link], how));
    match &attachment.place {
        Place::Function { module, name, offset } => {
            one(kprobe(target, module.as_deref(), name, *offset, cookie)?, "kprobe")
        }
        Place::KernelAddress(address) => one(kprobe_address(target, *address, cookie)?, "kprobe by address"),
        Place::Trampoline { .. } | Place::Bpf { .. } => one(trampoline(target, cookie)?, "trampoline"),
        Place::File { path, offset, .. } => one(uprobe(target, path, *offset, cookie)?, "uprobe"),
        Place::Usdt { path, provider, name } => one(usdt(target, path, provider, name, cookie)?, "usdt"),
        Place::Tracepoint { category, event } => one(perf::tracepoint(target, category, event, cookie)?, "tracepoint"),
        Place::RawTracepoint(name) => one(raw_tracepoint(target, name, cookie)?, "raw tracepoint"),
        Place::Interval(rate) => one(perf::interval(target, *rate, cookie)?, "timer"),
        Place::Profile(rate) => Ok((perf::profile(target, *rate, cookie)?, "timer on each CPU")),
        Place::Software { config, count } => Ok((perf::software(target, *config, *count, cookie)?, "software event")),
        Place::Hardware { config, count } => Ok((perf::hardware(target, *config, *count, cookie)?, "hardware counter")),
        Place::Watchpoint { address, length, kind } => {
            Ok((perf::watchpoint(target, *address, *length, *kind, cookie)?, "debug register"))
        }
        Place::Refused(why) => Err(io::Error::other(why.clone())),
        Place::Iter { .. } | Place::Begin | Place::End | Place::Signal(_) | Place::Test(_) | Place::Bench(_) => {
            Err(io::Error::other("bug: this place is run, not attached"))
        }
    }
}

/// Attaches to many places of one file with one link.
///
/// # Errors
/// The kernel's word about it.
pub fn uprobe_multi(target: Target<'_>, attachments: &[Attachment]) -> io::Result<Link> {
    let mut offsets: Vec<std::ffi::c_ulong> = Vec::new();
    let mut file = None;
    for attachment in attachments {
        if let Place::File { path, offset, .. } = &attachment.place {
            offsets.push(*offset as std::ffi::c_ulong);
            file = Some(path);
        }
    }
    let path = c_path(file.ok_or_else(|| io::Error::other("bug: no file"))?)?;
    let cookies: Vec<u64> = attachments.iter().map(|attachment| attachment.probe as u64).collect();
    let opts = bpf_uprobe_multi_opts {
        sz: size_of::<bpf_uprobe_multi_opts>() as size_t,
        offsets: offsets.as_ptr(),
        cookies: cookies.as_ptr(),
        cnt: offsets.len() as size_t,
        retprobe: target.program.kind == ProgramKind::Uretprobe,
        ..Default::default()
    };
    // SAFETY: the program is loaded; the arrays live through the call and are as long as told.
    link(unsafe {
        libbpf_sys::bpf_program__attach_uprobe_multi(
            target.raw.as_ptr(),
            target.pid,
            path.as_ptr(),
            std::ptr::null(),
            &opts,
        )
    })
}

/// Attaches many functions with one link.
///
/// # Errors
/// The kernel's word; one function that cannot be probed refuses all.
pub fn kprobe_multi(target: Target<'_>, attachments: &[&Attachment], addresses: &Addresses) -> io::Result<Link> {
    let mut names = Vec::new();
    let mut places = Vec::new();
    for attachment in attachments {
        if let Place::Function { module, name, .. } = &attachment.place {
            // Here the kernel takes no module before the name.
            names.push(c_string(name).map_err(io::Error::other)?);
            places.extend(addresses.get(module.as_deref(), name).map(|address| address as std::ffi::c_ulong));
        }
    }
    let mut pointers: Vec<_> = names.iter().map(|name| name.as_ptr()).collect();
    // Looking up names takes the kernel a while, and some stand for several functions.
    let by_address = places.len() == names.len();
    let cookies: Vec<u64> = attachments.iter().map(|attachment| attachment.probe as u64).collect();
    let opts = bpf_kprobe_multi_opts {
        sz: size_of::<bpf_kprobe_multi_opts>() as size_t,
        syms: if by_address { std::ptr::null_mut() } else { pointers.as_mut_ptr() },
        addrs: if by_address { places.as_ptr() } else { std::ptr::null() },
        cookies: cookies.as_ptr(),
        cnt: pointers.len() as size_t,
        retprobe: target.program.kind == ProgramKind::Kretprobe,
        ..Default::default()
    };
    // SAFETY: the program is loaded; the arrays live through the call and are as long as told.
    link(unsafe { libbpf_sys::bpf_program__attach_kprobe_multi_opts(target.raw.as_ptr(), std::ptr::null(), &opts) })
}

fn kprobe(target: Target<'_>, module: Option<&str>, name: &str, offset: u64, cookie: u64) -> io::Result<Link> {
    let name = c_string(&qualified(module, name)).map_err(io::Error::other)?;
    let opts = bpf_kprobe_opts {
        sz: size_of::<bpf_kprobe_opts>() as size_t,
        bpf_cookie: cookie,
        offset: offset as size_t,
        retprobe: target.program.kind == ProgramKind::Kretprobe,
        ..Default::default()
    };
    // SAFETY: the program is loaded, the name NUL-terminated.
    link(unsafe { libbpf_sys::bpf_program__attach_kprobe_opts(target.raw.as_ptr(), name.as_ptr(), &opts) })
}

fn kprobe_address(target: Target<'_>, address: u64, cookie: u64) -> io::Result<Link> {
    let opts = bpf_kprobe_opts {
        sz: size_of::<bpf_kprobe_opts>() as size_t,
        bpf_cookie: cookie,
        offset: address as size_t,
        retprobe: target.program.kind == ProgramKind::Kretprobe,
        ..Default::default()
    };
    // SAFETY: without a name the offset is an address.
    link(unsafe { libbpf_sys::bpf_program__attach_kprobe_opts(target.raw.as_ptr(), std::ptr::null(), &opts) })
}

/// `module:function`, as the kernel takes it.
fn qualified(module: Option<&str>, name: &str) -> String {
    match module {
        Some(module) if module != "vmlinux" => format!("{module}:{name}"),
        _ => name.to_owned(),
    }
}

fn trampoline(target: Target<'_>, cookie: u64) -> io::Result<Link> {
    let opts = bpf_trace_opts { sz: size_of::<bpf_trace_opts>() as size_t, cookie };
    // SAFETY: the program is loaded with its target.
    link(unsafe { libbpf_sys::bpf_program__attach_trace_opts(target.raw.as_ptr(), &opts) })
}

fn raw_tracepoint(target: Target<'_>, name: &str, cookie: u64) -> io::Result<Link> {
    // SAFETY: the program is loaded.
    let kind = unsafe { libbpf_sys::bpf_program__type(target.raw.as_ptr()) };
    if kind == libbpf_sys::BPF_PROG_TYPE_TRACING {
        return trampoline(target, cookie);
    }
    let name = c_string(name).map_err(io::Error::other)?;
    let mut opts = bpf_raw_tracepoint_opts { sz: size_of::<bpf_raw_tracepoint_opts>() as size_t, cookie };
    // SAFETY: the program is loaded, the name NUL-terminated.
    link(unsafe { libbpf_sys::bpf_program__attach_raw_tracepoint_opts(target.raw.as_ptr(), name.as_ptr(), &mut opts) })
}

fn uprobe(target: Target<'_>, path: &Path, offset: u64, cookie: u64) -> io::Result<Link> {
    let path = c_path(path)?;
    let opts = bpf_uprobe_opts {
        sz: size_of::<bpf_uprobe_opts>() as size_t,
        bpf_cookie: cookie,
        retprobe: target.program.kind == ProgramKind::Uretprobe,
        ..Default::default()
    };
    // SAFETY: the program is loaded, the path NUL-terminated.
    link(unsafe {
        libbpf_sys::bpf_program__attach_uprobe_opts(
            target.raw.as_ptr(),
            target.pid,
            path.as_ptr(),
            offset as size_t,
            &opts,
        )
    })
}

fn usdt(target: Target<'_>, path: &Path, provider: &str, name: &str, cookie: u64) -> io::Result<Link> {
    let path = c_path(path)?;
    let provider = c_string(provider).map_err(io::Error::other)?;
    let name = c_string(name).map_err(io::Error::other)?;
    let opts = bpf_usdt_opts { sz: size_of::<bpf_usdt_opts>() as size_t, usdt_cookie: cookie };
    // SAFETY: the program is loaded, the strings NUL-terminated.
    link(unsafe {
        libbpf_sys::bpf_program__attach_usdt(
            target.raw.as_ptr(),
            target.pid,
            path.as_ptr(),
            provider.as_ptr(),
            name.as_ptr(),
            &opts,
        )
    })
}

fn c_path(path: &Path) -> io::Result<CString> {
    Ok(CString::new(archive::file_of(path).as_os_str().as_bytes())?)
}

/// Takes a link that libbpf made; null means errno.
fn link(raw: *mut bpf_link) -> io::Result<Link> {
    match NonNull::new(raw) {
        // SAFETY: libbpf just made it and leaves it to us.
        Some(raw) => Ok(unsafe { Link::from_ptr(raw) }),
        None => Err(io::Error::last_os_error()),
    }
}
