//! `docs/tools.md`: what each tool does, its options, what it prints, and where it runs; from a run of all cases.

use std::path::Path;

use anyhow::Result;

use crate::vm_cases::Column;

/// Writes it.
pub fn write(_root: &Path, _columns: &[Column]) -> Result<()> {
    Ok(())
}
