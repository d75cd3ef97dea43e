//! C++ names.

use crate::find::glob;

/// Whether a mangled symbol is the function that a script calls `pattern`: by its name without parameters, or with them.
pub fn matches(pattern: &str, mangled: &str) -> bool {
    if !mangled.starts_with("_Z") {
        return glob::matches(pattern, mangled);
    }
    let Ok(symbol) = cpp_demangle::Symbol::new(mangled) else { return false };
    let Ok(full) = symbol.demangle() else { return false };
    let bare = full.split('(').next().unwrap_or(&full);
    glob::matches(pattern, bare) || glob::matches(pattern, &full)
}
