//! Imports and macros: a script in, a script without them out.
//!
//! ```text
//! Script ─ imports ─▶ one Script ─ table ─▶ macros by name ─ walk ─▶ Script
//! ```

mod imports;
mod params;
mod table;
#[cfg(test)]
mod tests;
mod walk;

use crate::Options;
use crate::diagnostics::Diagnostics;
use crate::kernel::Host;
use crate::source::Sources;
use crate::syntax;
use crate::syntax::ast::Script;

/// The standard library's macros.
const LIBRARY: &str = include_str!("../stdlib/base.bt");

/// Resolves imports (each once) and macros, those of the standard library included.
pub fn expand(
    script: Script,
    options: &Options,
    host: &dyn Host,
    sources: &mut Sources,
    diagnostics: &mut Diagnostics,
) -> Script {
    let mut script = imports::resolve(script, options, host, sources, diagnostics);
    let library = sources.add("stdlib/base.bt", LIBRARY);
    let library = syntax::parse(sources, library, diagnostics);
    let user = std::mem::take(&mut script.macros);
    let table = table::Table::new(user, library.macros, diagnostics);
    walk::expand(&mut script, &table, sources, diagnostics);
    script
}
