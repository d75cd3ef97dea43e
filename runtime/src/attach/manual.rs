//! Programs that are run, not attached: `begin`, `end`, signals, tests, benchmarks.

use std::io;
use std::mem::size_of;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::ptr::NonNull;
use std::time::Instant;

use libbpf_rs::libbpf_sys::{self, bpf_prog_info, bpf_program, bpf_test_run_opts, size_t};

/// Runs a raw tracepoint program once, as the probe with that index; its return value.
///
/// # Errors
/// The kernel's word about it.
pub fn run(program: NonNull<bpf_program>, probe: usize) -> io::Result<u32> {
    // Raw tracepoint programs may look at as many words of context as the test run gives.
    let mut context = [0u64; 12];
    context[0] = probe as u64;
    let mut opts = bpf_test_run_opts {
        sz: size_of::<bpf_test_run_opts>() as size_t,
        ctx_in: context.as_ptr().cast(),
        ctx_size_in: size_of_val(&context) as u32,
        ..Default::default()
    };
    // SAFETY: the program is loaded; the context lives through the call.
    let result =
        unsafe { libbpf_sys::bpf_prog_test_run_opts(libbpf_sys::bpf_program__fd(program.as_ptr()), &mut opts) };
    if result < 0 { Err(io::Error::from_raw_os_error(-result)) } else { Ok(opts.retval) }
}

/// Runs a program many times; nanoseconds a run by the kernel's clock, and number of runs.
///
/// # Errors
/// The kernel's word about it.
pub fn benchmark(program: NonNull<bpf_program>, probe: usize) -> io::Result<(u64, u64)> {
    const RUNS: u64 = 40_000;
    // SAFETY: a plain system call; the descriptor is ours.
    let statistics = unsafe { libbpf_sys::bpf_enable_stats(libbpf_sys::BPF_STATS_RUN_TIME) };
    // SAFETY: the descriptor that we were just given, if any.
    let _statistics = (statistics >= 0).then(|| unsafe { OwnedFd::from_raw_fd(statistics) });
    let before = spent(program);
    let start = Instant::now();
    for _ in 0..RUNS {
        run(program, probe)?;
    }
    let wall = start.elapsed().as_nanos() as u64;
    let (time, runs) = spent(program);
    let (time, runs) = (time.saturating_sub(before.0), runs.saturating_sub(before.1));
    // Without statistics the time of the system call is all that is known.
    Ok((time.checked_div(runs).unwrap_or(wall / RUNS), RUNS))
}

/// Nanoseconds and runs that the kernel counted.
fn spent(program: NonNull<bpf_program>) -> (u64, u64) {
    info(descriptor(program)).map_or((0, 0), |info| (info.run_time_ns, info.run_cnt))
}

/// Runs that the kernel left out, since the program was running on that CPU already.
pub fn missed(program: NonNull<bpf_program>) -> u64 {
    info(descriptor(program)).map_or(0, |info| info.recursion_misses)
}

/// What the kernel tells of a loaded program.
pub fn info(program: RawFd) -> Option<bpf_prog_info> {
    let mut info = bpf_prog_info::default();
    let mut size = size_of::<bpf_prog_info>() as u32;
    // SAFETY: the struct is as long as told; the kernel refuses what is no program's descriptor.
    let result = unsafe { libbpf_sys::bpf_prog_get_info_by_fd(program, &mut info, &mut size) };
    (result == 0).then_some(info)
}

fn descriptor(program: NonNull<bpf_program>) -> RawFd {
    // SAFETY: a live program.
    unsafe { libbpf_sys::bpf_program__fd(program.as_ptr()) }
}
