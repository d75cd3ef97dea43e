//! A child that stands at the loader's first instruction is run to its program's: then its libraries are mapped.

/// Where the child has come to.
pub enum Arrival {
    /// At the entry point, stopped.
    There,
    /// Still stopped where it was: nothing is known of its entry point.
    Unknown,
    /// It is no more.
    Ended,
}

#[cfg(not(target_arch = "x86_64"))]
pub fn run_to(_pid: libc::pid_t) -> Arrival {
    Arrival::Unknown
}

/// Puts a breakpoint there and waits for it; signals on the way go to the child.
#[cfg(target_arch = "x86_64")]
pub fn run_to(pid: libc::pid_t) -> Arrival {
    use std::fs::OpenOptions;
    use std::os::unix::fs::FileExt;

    const BREAKPOINT: u8 = 0xcc;
    let memory = OpenOptions::new().read(true).write(true).open(format!("/proc/{pid}/mem"));
    let (Some(entry), Ok(memory)) = (entry_point(pid), memory) else { return Arrival::Unknown };
    let mut original = [0];
    // A probe is there already.
    if memory.read_exact_at(&mut original, entry).is_err() || original[0] == BREAKPOINT {
        return Arrival::Unknown;
    }
    if memory.write_all_at(&[BREAKPOINT], entry).is_err() {
        return Arrival::Unknown;
    }
    let mut signal = 0;
    loop {
        let (mut status, mut waited) = (0, -1);
        // SAFETY: our own child, stopped under our ptrace.
        unsafe { libc::ptrace(libc::PTRACE_CONT, pid, 0, signal) };
        while waited < 0 {
            // SAFETY: as above.
            waited = unsafe { libc::waitpid(pid, &mut status, 0) };
            if waited < 0 && std::io::Error::last_os_error().kind() != std::io::ErrorKind::Interrupted {
                return Arrival::Ended;
            }
            if waited < 0 && crate::signal::stopped() {
                // SAFETY: as above. It cannot be let go with the breakpoint.
                unsafe { libc::kill(pid, libc::SIGKILL) };
            }
        }
        if !libc::WIFSTOPPED(status) {
            return Arrival::Ended;
        }
        signal = libc::WSTOPSIG(status);
        if signal != libc::SIGTRAP {
            continue;
        }
        // SAFETY: plain numbers, which the kernel fills in.
        let mut registers: libc::user_regs_struct = unsafe { std::mem::zeroed() };
        // SAFETY: the child is stopped; the struct lives through the call.
        unsafe { libc::ptrace(libc::PTRACE_GETREGS, pid, 0, &raw mut registers) };
        if registers.rip != entry + 1 {
            continue;
        }
        registers.rip = entry;
        // Without its first instruction the program would do anything: but what was written once can be written again.
        let _ = memory.write_all_at(&original, entry);
        // SAFETY: as above.
        unsafe { libc::ptrace(libc::PTRACE_SETREGS, pid, 0, &raw const registers) };
        return Arrival::There;
    }
}

/// AT_ENTRY of its auxiliary vector.
#[cfg(target_arch = "x86_64")]
fn entry_point(pid: libc::pid_t) -> Option<u64> {
    let vector = std::fs::read(format!("/proc/{pid}/auxv")).ok()?;
    let mut words = vector.chunks_exact(8).map(|word| u64::from_ne_bytes(word.try_into().unwrap_or_default()));
    while let (Some(kind), Some(value)) = (words.next(), words.next()) {
        if kind == libc::AT_ENTRY {
            return Some(value);
        }
    }
    None
}
