//! Addresses of source lines, by DWARF.

use std::path::Path;

/// Virtual addresses where the statement at `file:line[:column]` starts; `column` 0 is any.
pub fn addresses(_path: &Path, _file: &str, _line: u32, _column: u32) -> Vec<u64> {
    Vec::new()
}
