//! Perf events: tracepoints, timers, counters, watchpoints.

use std::fs;
use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd};

use libbpf_rs::libbpf_sys::{bpf_perf_event_opts, size_t};
use libbpf_rs::{Link, libbpf_sys};

use super::Target;
use crate::find::expand::Rate;
use crate::find::tracefs;
use crate::settings::online_cpus;

/// `struct perf_event_attr` of linux/perf_event.h, as far as it is used (PERF_ATTR_SIZE_VER5).
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Attr {
    kind: u32,
    size: u32,
    config: u64,
    /// Nanoseconds, events, or times a second with [`FREQ`].
    sample_period: u64,
    sample_type: u64,
    read_format: u64,
    flags: u64,
    wakeup_events: u32,
    bp_type: u32,
    bp_addr: u64,
    bp_len: u64,
    branch_sample_type: u64,
    sample_regs_user: u64,
    sample_stack_user: u32,
    clockid: i32,
    sample_regs_intr: u64,
    aux_watermark: u32,
    sample_max_stack: u16,
    reserved: u16,
}

const TYPE_HARDWARE: u32 = 0;
const TYPE_SOFTWARE: u32 = 1;
const TYPE_TRACEPOINT: u32 = 2;
const TYPE_HW_CACHE: u32 = 3;
const TYPE_BREAKPOINT: u32 = 5;
const SW_CPU_CLOCK: u64 = 0;
/// Bits of `flags`.
const DISABLED: u64 = 1;
const INHERIT: u64 = 1 << 1;
const FREQ: u64 = 1 << 10;
const PRECISE_IP_SHIFT: u64 = 15;

/// A tracepoint.
pub fn tracepoint(target: Target<'_>, category: &str, event: &str, cookie: u64) -> io::Result<Link> {
    let id = tracefs::get()
        .and_then(|tracefs| tracefs.tracepoint_id(category, event))
        .ok_or_else(|| io::Error::from_raw_os_error(libc::ENOENT))?;
    let attr = Attr { kind: TYPE_TRACEPOINT, config: id, sample_period: 1, wakeup_events: 1, ..Attr::default() };
    attach(target, open(attr, -1, 0)?, cookie)
}

/// A timer on one CPU.
pub fn interval(target: Target<'_>, rate: Rate, cookie: u64) -> io::Result<Link> {
    let cpu = online_cpus().first().copied().unwrap_or(0);
    attach(target, open(timer(rate), -1, cpu as i32)?, cookie)
}

/// A timer on each CPU.
pub fn profile(target: Target<'_>, rate: Rate, cookie: u64) -> io::Result<Vec<Link>> {
    everywhere(target, timer(rate), cookie)
}

fn timer(rate: Rate) -> Attr {
    let attr = Attr { kind: TYPE_SOFTWARE, config: SW_CPU_CLOCK, ..Attr::default() };
    match rate {
        Rate::Hertz(hertz) => Attr { sample_period: hertz, flags: FREQ, ..attr },
        Rate::Nanoseconds(period) => Attr { sample_period: period, ..attr },
    }
}

/// PERF_COUNT_SW_*, each `count` events.
pub fn software(target: Target<'_>, config: u64, count: u64, cookie: u64) -> io::Result<Vec<Link>> {
    everywhere(target, Attr { kind: TYPE_SOFTWARE, config, sample_period: count, ..Attr::default() }, cookie)
}

/// PERF_COUNT_HW_*, or PERF_COUNT_HW_CACHE_* where bits above the first eight say so.
pub fn hardware(target: Target<'_>, config: u64, count: u64, cookie: u64) -> io::Result<Vec<Link>> {
    let kind = if config > 0xff { TYPE_HW_CACHE } else { TYPE_HARDWARE };
    everywhere(target, Attr { kind, config, sample_period: count, ..Attr::default() }, cookie)
}

/// HW_BREAKPOINT_X of linux/hw_breakpoint.h.
const EXECUTE: u32 = 4;

/// A debug register: in each thread of the traced process, or on each CPU for kernel addresses.
pub fn watchpoint(target: Target<'_>, address: u64, length: u32, kind: u32, cookie: u64) -> io::Result<Vec<Link>> {
    let attr = Attr {
        kind: TYPE_BREAKPOINT,
        bp_type: kind,
        bp_addr: address,
        // Instructions are watched where they begin.
        bp_len: if kind & EXECUTE != 0 { size_of::<libc::c_long>() as u64 } else { u64::from(length) },
        sample_period: 1,
        flags: 2 << PRECISE_IP_SHIFT,
        ..Attr::default()
    };
    if target.pid < 0 {
        return everywhere(target, attr, cookie);
    }
    let attr = Attr { flags: attr.flags | INHERIT, ..attr };
    let threads = threads(target.pid);
    threads.into_iter().map(|tid| attach(target, open(attr, tid, -1)?, cookie)).collect()
}

fn threads(pid: i32) -> Vec<i32> {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/task")) else { return vec![pid] };
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn everywhere(target: Target<'_>, attr: Attr, cookie: u64) -> io::Result<Vec<Link>> {
    let mut links = Vec::new();
    for cpu in online_cpus() {
        match open(attr, -1, cpu as i32) {
            Ok(event) => links.push(attach(target, event, cookie)?),
            // A CPU may go away between the look at the list and now.
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) && !links.is_empty() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(links)
}

fn open(attr: Attr, pid: i32, cpu: i32) -> io::Result<OwnedFd> {
    const PERF_FLAG_FD_CLOEXEC: libc::c_ulong = 8;
    let attr = Attr { size: size_of::<Attr>() as u32, flags: attr.flags | DISABLED, ..attr };
    // SAFETY: the struct is as long as its size says and lives through the call.
    let fd = unsafe {
        libc::syscall(libc::SYS_perf_event_open, &raw const attr, pid, cpu, -1 as libc::c_int, PERF_FLAG_FD_CLOEXEC)
    };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a descriptor that the kernel just gave us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

fn attach(target: Target<'_>, event: OwnedFd, cookie: u64) -> io::Result<Link> {
    let opts = bpf_perf_event_opts {
        sz: size_of::<bpf_perf_event_opts>() as size_t,
        bpf_cookie: cookie,
        ..Default::default()
    };
    // SAFETY: the program is loaded, the descriptor open.
    let link = super::link(unsafe {
        libbpf_sys::bpf_program__attach_perf_event_opts(target.raw.as_ptr(), event.as_raw_fd(), &opts)
    })?;
    // The link closes it from now on.
    let _ = event.into_raw_fd();
    Ok(link)
}
