//! Programs that are run, not attached: `begin`, `end`, signals, tests, benchmarks.

use std::io;
use std::mem::size_of;
use std::ptr::NonNull;
use std::time::{Duration, Instant};

use libbpf_rs::libbpf_sys::{self, bpf_program, bpf_test_run_opts, size_t};

/// Runs a raw tracepoint program once; its return value.
///
/// # Errors
/// The kernel's word about it.
pub fn run(program: NonNull<bpf_program>) -> io::Result<u32> {
    // Raw tracepoint programs may look at as many words of context as the test run gives.
    let context = [0u64; 12];
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

/// Runs a program until the time it takes is known well; nanoseconds per run and number of runs.
///
/// # Errors
/// The kernel's word about it.
pub fn benchmark(program: NonNull<bpf_program>) -> io::Result<(u64, u64)> {
    const ENOUGH: Duration = Duration::from_millis(500);
    let (mut runs, mut batch) = (0u64, 1u64);
    let start = Instant::now();
    while start.elapsed() < ENOUGH {
        for _ in 0..batch {
            run(program)?;
        }
        runs += batch;
        batch = (batch * 2).min(4096);
    }
    Ok(((start.elapsed().as_nanos() / u128::from(runs)) as u64, runs))
}
