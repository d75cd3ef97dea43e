//! Closing many perf events: the kernel waits for all CPUs (synchronize_rcu) at each, tens of milliseconds a piece, and
//! holds a lock meanwhile. The events are disabled at once; their last descriptors are closed by a process that nobody
//! waits for. In another program, whose descriptors are not ours to keep, by a thread.

use std::fs::{self, File};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::{Held, Hold};

/// So many links are closed in no time.
pub const FEW: usize = 8;

/// As long as this lives, the process that holds all descriptors waits; then it ends.
#[derive(Debug)]
pub struct Reaper {
    _gate: OwnedFd,
}

/// Starts the process; none where there cannot be another.
pub fn start() -> Option<Reaper> {
    let mut gate = [0; 2];
    // SAFETY: two descriptors come back.
    if unsafe { libc::pipe2(gate.as_mut_ptr(), libc::O_CLOEXEC) } != 0 {
        return None;
    }
    // SAFETY: just opened.
    let (read, write) = unsafe { (File::from_raw_fd(gate[0]), OwnedFd::from_raw_fd(gate[1])) };
    // SAFETY: the child makes system calls only.
    match unsafe { libc::fork() } {
        -1 => None,
        0 => {
            // Whoever reads the tool's output, or waits for its group, is not to wait for this process.
            // SAFETY: plain system calls on descriptors of the child's own table; the buffer has room for one byte.
            unsafe {
                libc::setsid();
                // A grandchild: nobody has to wait for it.
                if libc::fork() != 0 {
                    libc::_exit(0);
                }
                for fd in 0..3 {
                    libc::close(fd);
                }
                libc::close(gate[1]);
                let mut byte = 0u8;
                libc::read(gate[0], (&raw mut byte).cast(), 1);
                libc::_exit(0)
            }
        }
        child => {
            // SAFETY: waits for our own child, which ends at once.
            unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
            drop(read);
            Some(Reaper { _gate: write })
        }
    }
}

/// Second descriptors of the perf events among what is held: as long as these are open, closing the first is quick.
#[derive(Debug)]
pub struct Kept(Vec<OwnedFd>);

/// Opens them.
pub fn keep(holds: &[Hold]) -> Kept {
    let descriptor = |hold: &Hold| match &hold.what {
        Held::Link(link) | Held::Watch(_, link) if is_perf(link.as_fd()) => link.as_fd().try_clone_to_owned().ok(),
        _ => None,
    };
    Kept(holds.iter().filter_map(descriptor).collect())
}

/// Whether closing the link's own descriptor detaches, whoever has a copy of it.
pub fn detaches_at_once(hold: &Hold) -> bool {
    matches!(&hold.what, Held::Link(link) | Held::Watch(_, link) if is_perf(link.as_fd()))
}

impl Kept {
    /// Closes them, without the caller.
    pub fn close(self) {
        let Kept(descriptors) = self;
        // Where there cannot be another thread, here after all.
        let _ = std::thread::Builder::new().name("detach".to_owned()).spawn(move || drop(descriptors));
    }
}

/// Whether a link is a perf event's: disabling that detaches. Others are attached as long as a descriptor is open.
fn is_perf(fd: BorrowedFd<'_>) -> bool {
    let fd = fd.as_raw_fd();
    let is_event = fs::read_link(format!("/proc/self/fd/{fd}"))
        .is_ok_and(|target| target.to_string_lossy().contains("perf_event"));
    is_event
        || fs::read_to_string(format!("/proc/self/fdinfo/{fd}"))
            .is_ok_and(|text| text.lines().any(|line| line.strip_prefix("link_type:").map(str::trim) == Some("perf")))
}
