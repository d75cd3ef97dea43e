//! What binaries say of their functions.

use std::fs;
use std::path::Path;

use object::{Object, ObjectSymbol, SymbolKind};
use tracewright_compiler::kernel::{UserFunction, matches};

/// Parameters of a function, by DWARF.
pub fn function(_path: &Path, _symbol: &str) -> Option<UserFunction> {
    None
}

/// Functions whose name fits a pattern, sorted.
pub fn symbols(path: &Path, pattern: &str) -> Vec<String> {
    let Ok(data) = fs::read(path) else { return Vec::new() };
    let Ok(file) = object::File::parse(&*data) else { return Vec::new() };
    let all = file.symbols().chain(file.dynamic_symbols());
    let functions = all.filter(|s| s.kind() == SymbolKind::Text && s.is_definition() && s.size() > 0);
    let mut names: Vec<String> =
        functions.filter_map(|s| s.name().ok()).filter(|name| matches(pattern, name)).map(str::to_owned).collect();
    names.sort();
    names.dedup();
    names
}
