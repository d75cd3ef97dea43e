//! Errors of a tool, with the exit status that they end it with.

use std::fmt;

/// Why the tool ends.
#[derive(Debug)]
pub struct Error {
    message: String,
    hint: Option<String>,
    status: u8,
    bare: bool,
}

/// Result of what can end the tool.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Exit status for bad options, missing targets and missing capabilities.
pub const REFUSED: u8 = 1;
/// Exit status when the kernel refuses to load or attach.
pub const KERNEL_REFUSED: u8 = 255;

impl Error {
    /// What the user can mend: exit status 1.
    pub fn refused(message: impl Into<String>) -> Self {
        Error { message: message.into(), hint: None, status: REFUSED, bare: false }
    }

    /// The kernel refuses: exit status 255.
    pub fn kernel(message: impl Into<String>) -> Self {
        Error { message: message.into(), hint: None, status: KERNEL_REFUSED, bare: false }
    }

    /// Adds what to do about it.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The message says all by itself: no `ERROR: ` before it.
    pub fn bare(mut self) -> Self {
        self.bare = true;
        self
    }

    /// Writes it to standard error.
    pub fn tell(&self) {
        if self.message.is_empty() {
            return;
        }
        let prefix = if self.bare { "" } else { "ERROR: " };
        eprintln!("{prefix}{}", self.message);
        if let Some(hint) = &self.hint {
            eprintln!("HINT: {hint}");
        }
    }

    /// The hint, if any.
    pub fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Exit status of the tool.
    pub fn status(&self) -> u8 {
        self.status
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl From<libbpf_rs::Error> for Error {
    fn from(error: libbpf_rs::Error) -> Self {
        Error::kernel(format!("{error:#}"))
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Error::refused(error.to_string())
    }
}
