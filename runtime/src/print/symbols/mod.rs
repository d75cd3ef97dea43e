//! From addresses to names.

mod elf;
mod kernel;
pub(crate) mod process;

pub use elf::build_id;
pub use kernel::Kernel;
pub use process::Processes;

/// A frame of a stack, or one inlined into it.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// Demangled.
    pub name: Box<str>,
    /// From the symbol's start.
    pub offset: u64,
    /// `file:line`, where debug information is there.
    pub place: Option<Box<str>>,
    pub is_inlined: bool,
}
