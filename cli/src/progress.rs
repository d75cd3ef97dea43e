//! One line on the terminal that says what goes on.

use std::io::{IsTerminal, Write, stderr};
use std::sync::atomic::{AtomicBool, Ordering};

/// Shows progress when standard error is a terminal, nothing otherwise.
pub struct Progress {
    enabled: bool,
    shown: AtomicBool,
}

impl Progress {
    /// For standard error.
    pub fn new() -> Self {
        Progress { enabled: stderr().is_terminal(), shown: AtomicBool::new(false) }
    }

    /// Replaces the line.
    pub fn show(&self, text: &str) {
        if self.enabled {
            // A terminal that went away is no reason to stop.
            let _ = write!(stderr(), "\r\x1b[K{text}…");
            self.shown.store(true, Ordering::Relaxed);
        }
    }

    /// Takes the line away; to be called before anything else is written.
    pub fn clear(&self) {
        if self.shown.swap(false, Ordering::Relaxed) {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}
