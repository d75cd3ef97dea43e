//! Signals: noted by a handler, looked at by the event loop.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

static STOP: AtomicBool = AtomicBool::new(false);
/// A bit a signal number.
static RAISED: AtomicU64 = AtomicU64::new(0);

extern "C" fn on_stop(_: libc::c_int) {
    STOP.store(true, Ordering::SeqCst);
}

extern "C" fn on_signal(signal: libc::c_int) {
    RAISED.fetch_or(1 << (signal as u64 & 63), Ordering::SeqCst);
}

/// SIGINT and SIGTERM stop the tool; the second one ends it on the spot.
pub fn watch_stop() {
    handle(libc::SIGINT, on_stop, libc::SA_RESETHAND);
    handle(libc::SIGTERM, on_stop, libc::SA_RESETHAND);
    // A closed pipe is an error of the write that meets it.
    // SAFETY: SIG_IGN is a valid disposition.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
}

/// Notes `signal` for [`take_raised`].
pub fn watch(signal: i32) {
    handle(signal, on_signal, 0);
}

/// Whether the tool was asked to stop.
pub fn stopped() -> bool {
    STOP.load(Ordering::SeqCst)
}

/// Watched signals that came since the last call: a bit a number.
pub fn take_raised() -> u64 {
    RAISED.swap(0, Ordering::SeqCst)
}

fn handle(signal: i32, handler: extern "C" fn(libc::c_int), flags: libc::c_int) {
    // SAFETY: the handlers only touch atomics; the struct is zeroed where not filled in. Without SA_RESTART, poll(2)
    // returns when a signal comes.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as *const () as usize;
        action.sa_flags = flags;
        libc::sigemptyset(&mut action.sa_mask);
        libc::sigaction(signal, &action, std::ptr::null_mut());
    }
}
