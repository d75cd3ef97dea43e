//! BPF programs that are loaded now.

use libbpf_rs::btf::types::Func;
use libbpf_rs::btf::{Btf, TypeId};
use libbpf_rs::query::{ProgInfoIter, ProgInfoQueryOptions, ProgramInfo};

use crate::find::glob;

/// Id of loaded programs, and names of their functions that fit: the program itself and its subprograms. Only programs
/// with type information can be probed.
pub fn programs(id: Option<&str>, pattern: &str) -> Vec<(u32, String)> {
    let programs = ProgInfoIter::with_query_opts(ProgInfoQueryOptions::default().include_func_info(true));
    let fitting = programs.filter(|info| id.is_none_or(|id| glob::matches(id, &info.id.to_string())));
    fitting
        .flat_map(|info| functions(&info).into_iter().map(move |name| (info.id, name)))
        .filter(|(_, name)| glob::matches(pattern, name))
        .collect()
}

fn functions(info: &ProgramInfo) -> Vec<String> {
    if info.func_info.is_empty() {
        return Vec::new();
    }
    let Ok(btf) = Btf::from_prog_id(info.id) else { return Vec::new() };
    let name = |id: u32| Some(btf.type_by_id::<Func<'_>>(TypeId::from(id))?.name()?.to_string_lossy().into_owned());
    info.func_info.iter().filter_map(|function| name(function.type_id)).collect()
}
