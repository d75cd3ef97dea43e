//! AST → typed [`Program`]: names, types, places, against a [`Kernel`].

use crate::Options;
use crate::diagnostics::Diagnostics;
use crate::kernel::{Host, Kernel};
use crate::program::Program;
use crate::source::Sources;
use crate::syntax::ast::Script;

/// Checks an expanded script. `None` when there are errors.
pub fn check(
    _script: Script,
    _options: &Options,
    _kernel: &dyn Kernel,
    _host: &dyn Host,
    _sources: &Sources,
    _diagnostics: &mut Diagnostics,
) -> Option<Program> {
    None
}
