//! What printing and symbolising have to know of the running tool.

use std::collections::HashMap;

use libbpf_rs::{MapHandle, Object};

use crate::error::Result;
use crate::tool::Tool;

/// The running tool: tables, settings, maps. Made once everything is loaded.
pub struct Context {
    /// Its tables.
    pub tool: &'static Tool,
    /// The script's config with the environment applied.
    pub config: RunConfig,
    /// Text or JSON.
    pub format: Format,
    /// When output is written.
    pub buffering: Buffering,
    /// `-q`
    pub quiet: bool,
    /// `-v`
    pub verbose: bool,
    /// `--no-warnings`
    pub no_warnings: bool,
    /// `-k`
    pub trace_errors: bool,
    /// Positional parameters: `$1` is the first.
    pub params: Vec<String>,
    /// Expanded probe names; attach cookies and [`crate::tool::Ty::ProbeName`] index it.
    pub probes: Vec<String>,
    /// The process of `-p` or `-c`.
    pub target_pid: Option<u32>,
    /// Maps of the loaded object by BPF name.
    pub maps: Maps,
}

/// `-f`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Format {
    Text,
    Json,
}

/// `-B`; `Line`, the default, writes when nothing more waits, `Full` whole blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Buffering {
    None,
    Line,
    Full,
}

/// The part of [`crate::tool::Config`] that the environment can override, settled.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "as in `tool::Config`")]
pub struct RunConfig {
    pub max_map_keys: u32,
    pub max_map_keys_set: bool,
    pub max_probes: u32,
    pub max_bpf_progs: u32,
    pub max_cat_bytes: u32,
    pub perf_rb_pages: u32,
    pub log_size: u32,
    pub missing_probes: crate::tool::MissingProbes,
    pub print_maps_on_exit: bool,
    pub str_trunc_trailer: String,
    pub cpp_demangle: bool,
    pub lazy_symbolication: bool,
    pub show_debug_info: bool,
    pub cache_user_symbols: String,
}

/// Handles on the maps of a loaded object.
#[derive(Debug, Default)]
pub struct Maps {
    by_name: HashMap<String, MapHandle>,
}

impl Maps {
    /// Handles on all maps of `object`.
    ///
    /// # Errors
    /// When the kernel does not tell about one.
    pub fn new(object: &Object) -> Result<Self> {
        let mut by_name = HashMap::new();
        for map in object.maps() {
            // Names come from libbpf's object: the kernel cuts them at 15 bytes.
            let name = libbpf_rs::MapCore::name(&map).to_string_lossy().into_owned();
            by_name.insert(name, MapHandle::try_from(&map)?);
        }
        Ok(Maps { by_name })
    }

    /// A handle of its own on the map called `name`.
    pub fn handle(&self, name: &str) -> Option<MapHandle> {
        self.get(name).and_then(|map| MapHandle::try_from(map).ok())
    }

    /// The map called `name` in the object.
    pub fn get(&self, name: &str) -> Option<&MapHandle> {
        self.by_name.get(name)
    }
}
