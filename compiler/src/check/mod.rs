//! AST → typed [`Program`]: names, types, places, against a [`Kernel`].

mod access;
mod assign;
mod attach;
mod calls;
mod cast;
mod compare;
mod config;
mod ctypes;
mod driver;
mod events;
mod expr;
mod fields;
mod fold;
mod format;
mod given;
mod late;
mod lower;
mod names;
mod ops;
mod places;
mod programs;
mod provider;
mod scope;
mod stand_in;
mod stmt;
#[cfg(test)]
mod tests;
mod typenames;
mod warnings;
mod widen;

use crate::Options;
use crate::diagnostics::Diagnostics;
use crate::kernel::layered::Layered;
use crate::kernel::{Host, Kernel};
use crate::program::Program;
use crate::source::Sources;
use crate::syntax::ast::Script;
pub(crate) use access::summary_type;
pub(crate) use assign::read_at;
pub(crate) use attach::{Provider, known as known_text};
pub(crate) use calls::wrong_count;
pub(crate) use config::{STACK_MODES, stack_mode};
pub(crate) use expr::wide;
pub(crate) use fold::{constant_int, is_constant};
pub(crate) use format::parse as parse_format;
pub(crate) use lower::{Lower, constant, effect, nothing, poison, string};
pub(crate) use programs::is_char;
pub(crate) use widen::{kind_name, shown};

/// Checks an expanded script. `None` when there are errors.
pub fn check(
    script: Script,
    options: &Options,
    kernel: &dyn Kernel,
    host: &dyn Host,
    sources: &Sources,
    diagnostics: &mut Diagnostics,
) -> Option<Program> {
    let settings = config::check_config(&script, options, diagnostics);
    let mut definitions = ctypes::read_definitions(&script, options, kernel, host, sources, diagnostics);
    diagnostics.propagate().ok()?;
    let kernel = &Layered { script: definitions.types.take(), kernel };
    let probes = attach::check_attach_points(&script, options, kernel, host, &settings.config, diagnostics);
    let plans = programs::plan_programs(&script, probes, kernel, host, &settings.config, diagnostics);
    warnings::warn_script(&script, sources, diagnostics);
    driver::infer_and_lower(&script, plans, settings, definitions, options, kernel, host, sources, diagnostics)
}
