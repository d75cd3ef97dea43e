//! Parts of the runtime that are linked only into the tools that name them: the others are half a megabyte smaller.

use std::path::Path;

use libbpf_rs::OpenObject;

use crate::error::Result;
use crate::print::symbols::{self, SymbolizeBinary};
use crate::unwind::{self, UnwindStacks};

/// The parts a tool has.
#[derive(Clone, Copy, Debug)]
pub struct Parts {
    /// For `ustack`, `usym`, and what shows them.
    pub user_symbols: Option<UserSymbols>,
    /// For `uprobe:BINARY:FILE:LINE`.
    pub source_lines: Option<SourceLines>,
    /// For `uprobe:BINARY:cpp:NAME`.
    pub cpp_names: Option<CppNames>,
    /// For `dw_ustack`.
    pub unwinder: Option<Unwinder>,
}

impl Parts {
    /// A tool that does without.
    pub const NONE: Parts = Parts { user_symbols: None, source_lines: None, cpp_names: None, unwinder: None };
}

/// Opens a reader of symbols: whether names are demangled, whether source lines are wanted.
#[derive(Clone, Copy, Debug)]
pub struct UserSymbols(pub(crate) fn(bool, bool) -> Box<dyn SymbolizeBinary>);

/// Symbols of processes, by symbol tables and DWARF; names of C++ and Rust.
pub const USER_SYMBOLS: UserSymbols = UserSymbols(symbols::binary::open);

/// The address of a line (and column, 0 for any) in a binary.
#[derive(Clone, Copy, Debug)]
pub struct SourceLines(pub(crate) fn(&Path, &str, u32, u32) -> Result<u64, String>);

/// Addresses of source lines, by DWARF.
pub const SOURCE_LINES: SourceLines = SourceLines(crate::find::lines::address);

/// Whether a mangled symbol is what a script calls so.
#[derive(Clone, Copy, Debug)]
pub struct CppNames(pub(crate) fn(&str, &str) -> bool);

/// Names of C++ functions.
pub const CPP_NAMES: CppNames = CppNames(crate::find::demangle::matches);

/// Makes the unwinder of the traced processes: their pids, what `-c` is going to run as the first one, whether to tell
/// what it reads.
#[derive(Clone, Copy, Debug)]
pub struct Unwinder(pub(crate) fn(&mut OpenObject, &[u32], Option<&Path>, bool) -> Result<OpenedUnwinder>);

/// None for an object that does not unwind.
pub(crate) type OpenedUnwinder = Option<Box<dyn UnwindStacks>>;

/// Stacks of processes without frame pointers, by `.eh_frame`.
pub const UNWINDER: Unwinder = Unwinder(unwind::open);
