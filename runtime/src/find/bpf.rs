//! BPF programs that are loaded now.

use libbpf_rs::query::ProgInfoIter;

use crate::find::glob;

/// Id and function name of loaded programs that fit.
pub fn programs(id: Option<&str>, pattern: &str) -> Vec<(u32, String)> {
    ProgInfoIter::default()
        .filter(|info| id.is_none_or(|id| glob::matches(id, &info.id.to_string())))
        .map(|info| (info.id, info.name.to_string_lossy().into_owned()))
        .filter(|(_, name)| glob::matches(pattern, name))
        .collect()
}
