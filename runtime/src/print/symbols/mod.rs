//! From addresses to names.

pub(crate) mod binary;
mod elf;
mod kernel;
pub(crate) mod process;

pub use elf::build_id;
pub use kernel::Kernel;
pub use process::Processes;

use std::path::Path;

/// The symbols of binaries, as far as the tool has the part of the runtime that reads them.
pub trait SymbolizeBinary {
    /// The functions a place is in: what was inlined first, then what it was inlined into. Empty when unknown.
    fn frames(&self, path: &Path, at: At) -> Vec<Frame>;
}

/// A place in a binary.
#[derive(Clone, Copy, Debug)]
pub enum At {
    /// Offset in the file.
    Offset(u64),
    /// Address as the binary has it: only symbols that are known to reach as far.
    Address(u64),
}

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
