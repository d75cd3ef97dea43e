//! bpftrace scripts in, Rust crates with BPF C skeletons out.
//!
//! ```text
//! script ─ syntax ─▶ ast::Script ─ expand ─▶ ast::Script ─ check ─▶ Program ─ emit ─▶ GeneratedCrate
//!          lexer,                   imports,               names,              BPF C,
//!          grammar                  macros                 types, places       Rust, manifests
//! ```
//!
//! Pure: text and data in, text out. What needs a file, a process or the environment comes through
//! [`kernel::Kernel`], [`kernel::Host`] and [`Options`].

pub mod check;
pub mod codes;
pub mod diagnostics;
pub mod emit;
pub mod expand;
pub mod kernel;
pub mod program;
pub mod source;
pub mod stdlib;
pub mod syntax;
pub mod types;

use diagnostics::Diagnostics;
use kernel::{Host, Kernel};
use program::Program;
use source::Sources;

/// What the caller decides about a compilation.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Tool name; an identifier-like stem (`opensnoop`).
    pub name: String,
    /// Unsafe helpers are allowed.
    pub allow_unsafe: bool,
    /// `-I`
    pub include_dirs: Vec<String>,
    /// `--include`
    pub includes: Vec<String>,
    /// `BPFTRACE_*` variables that were set when compiling (name with prefix, value); they win over the script's `config`.
    pub env: Vec<(String, String)>,
    /// Another program takes the events of `printf`: texts are in them, also those that only user space knows.
    pub typed_events: bool,
    /// Directory of the script, for relative imports and includes.
    pub script_dir: String,
}

/// What came of a compilation.
#[derive(Debug)]
pub struct Compilation {
    /// All texts, for rendering.
    pub sources: Sources,
    /// Errors and warnings, sorted by place.
    pub diagnostics: Diagnostics,
    /// The typed program, unless there are errors.
    pub program: Option<Program>,
}

/// Checks a script: text → typed program.
///
/// `file_name` is what messages call the script; `text` its source.
pub fn check(file_name: &str, text: &str, options: &Options, kernel: &dyn Kernel, host: &dyn Host) -> Compilation {
    let mut sources = Sources::default();
    let mut diagnostics = Diagnostics::default();
    let program = run_passes(file_name, text, options, kernel, host, &mut sources, &mut diagnostics);
    diagnostics.sort(&sources);
    let program = if diagnostics.has_errors() { None } else { program };
    Compilation { sources, diagnostics, program }
}

fn run_passes(
    file_name: &str,
    text: &str,
    options: &Options,
    kernel: &dyn Kernel,
    host: &dyn Host,
    sources: &mut Sources,
    diagnostics: &mut Diagnostics,
) -> Option<Program> {
    let file = sources.add(file_name, text);
    let script = syntax::parse(sources, file, diagnostics);
    diagnostics.propagate().ok()?;
    let script = expand::expand(script, options, host, sources, diagnostics);
    diagnostics.propagate().ok()?;
    check::check(script, options, kernel, host, sources, diagnostics)
}
