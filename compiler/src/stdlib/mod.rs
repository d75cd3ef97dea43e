//! The standard library: one table of what scripts can call, and a function an entry that lowers the call.
//!
//! Entries without needed arguments are builtins too: `pid` is `pid()`.

pub(crate) mod aggregates;
mod maps;
mod meta;
mod net;
mod notes;
mod output;
mod probe;
mod process;
pub(crate) mod spec;
mod stacks;
mod strings;
mod system;
mod table;
mod time;

use crate::check::Lower;
use crate::program::Expr;
use crate::source::Span;
use crate::syntax::ast::Arg;

pub(crate) use table::ENTRIES;

/// When an entry does its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// In the kernel, at once.
    Sync,
    /// In user space, when the event arrives.
    Async,
    /// While compiling, or once when the tool starts.
    CompileTime,
}

/// An entry of the standard library.
pub(crate) struct Entry {
    /// As scripts call it.
    pub name: &'static str,
    /// Least and most arguments.
    pub least: usize,
    pub most: usize,
    pub mode: Mode,
    pub is_unsafe: bool,
    /// bpftrace's library has it as a macro, whose calls are told apart by their arguments.
    pub is_macro: bool,
    /// What it takes and gives, one line a form, for the reference.
    pub signatures: &'static [&'static str],
    /// What it is for, in a line.
    pub about: &'static str,
    /// A line of script that uses it.
    pub example: &'static str,
    /// Makes an expression of a call.
    pub lower: fn(&mut Lower<'_>, &CallSite<'_>) -> Expr,
}

/// A call, with its arguments as written.
pub(crate) struct CallSite<'a> {
    pub name: &'static str,
    pub args: &'a [Arg],
    pub span: Span,
}

/// A row of the reference of the standard library.
#[derive(Clone, Copy, Debug)]
pub struct Documented {
    /// As scripts call it.
    pub name: &'static str,
    /// When it does its work.
    pub mode: Mode,
    /// `--unsafe` is needed.
    pub is_unsafe: bool,
    /// What it takes and gives.
    pub signatures: &'static [&'static str],
    /// What it is for.
    pub about: &'static str,
    /// A line of script that uses it.
    pub example: &'static str,
    /// The kernel that it needs, if a later one than tools need anyway.
    pub since: &'static str,
    /// What else there is to know.
    pub notes: &'static str,
}

/// The whole standard library, for its reference.
pub fn documented() -> impl Iterator<Item = Documented> {
    ENTRIES.iter().filter(|entry| !entry.about.is_empty()).map(|entry| Documented {
        name: entry.name,
        mode: entry.mode,
        is_unsafe: entry.is_unsafe,
        signatures: entry.signatures,
        about: entry.about,
        example: entry.example,
        since: notes::since(entry.name),
        notes: notes::of(entry.name),
    })
}

/// The entry of that name; `__builtin_name` is `name`.
pub(crate) fn lookup(name: &str) -> Option<&'static Entry> {
    let name = name.strip_prefix("__builtin_").unwrap_or(name);
    ENTRIES.iter().find(|entry| entry.name == name)
}

/// Whether the word is taken by the standard library.
pub(crate) fn is_builtin(name: &str) -> bool {
    lookup(name).is_some()
}

/// All names, for suggestions.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    ENTRIES.iter().map(|entry| entry.name)
}
