//! The script's config with `BPFTRACE_*` of the environment on top.

use crate::args::parse_number;
use crate::context::RunConfig;
use crate::error::{Error, Result};
use crate::tool::{Config, MissingProbes};

/// What of the config is settled when the tool starts.
///
/// # Errors
/// When a variable has a value that does not fit it.
pub fn from_environment(config: &Config) -> Result<RunConfig> {
    let max_map_keys = number("MAX_MAP_KEYS")?;
    Ok(RunConfig {
        max_map_keys: max_map_keys.unwrap_or(config.max_map_keys),
        max_map_keys_set: max_map_keys.is_some(),
        max_probes: number("MAX_PROBES")?.unwrap_or(config.max_probes),
        max_bpf_progs: number("MAX_BPF_PROGS")?.unwrap_or(config.max_bpf_progs),
        max_cat_bytes: number("MAX_CAT_BYTES")?.unwrap_or(config.max_cat_bytes),
        perf_rb_pages: number("PERF_RB_PAGES")?.unwrap_or(config.perf_rb_pages),
        log_size: number("LOG_SIZE")?.unwrap_or(config.log_size),
        missing_probes: missing_probes()?.unwrap_or(config.missing_probes),
        print_maps_on_exit: flag("PRINT_MAPS_ON_EXIT")?.unwrap_or(config.print_maps_on_exit),
        str_trunc_trailer: variable("STR_TRUNC_TRAILER").unwrap_or_else(|| config.str_trunc_trailer.to_owned()),
        cpp_demangle: match variable("NO_CPP_DEMANGLE") {
            Some(value) => value != "1",
            None => flag("CPP_DEMANGLE")?.unwrap_or(config.cpp_demangle),
        },
        lazy_symbolication: flag("LAZY_SYMBOLICATION")?.unwrap_or(config.lazy_symbolication),
        show_debug_info: flag("SHOW_DEBUG_INFO")?.unwrap_or(config.show_debug_info),
        cache_user_symbols: variable("CACHE_USER_SYMBOLS").unwrap_or_else(|| config.cache_user_symbols.to_owned()),
    })
}

fn variable(name: &str) -> Option<String> {
    std::env::var(format!("BPFTRACE_{name}")).ok()
}

fn number(name: &str) -> Result<Option<u32>> {
    let Some(text) = variable(name) else { return Ok(None) };
    match parse_number(&text).map(u32::try_from) {
        Some(Ok(value)) => Ok(Some(value)),
        _ => Err(invalid(name, &text)),
    }
}

fn flag(name: &str) -> Result<Option<bool>> {
    match variable(name).as_deref() {
        None => Ok(None),
        Some("1" | "true") => Ok(Some(true)),
        Some("0" | "false") => Ok(Some(false)),
        Some(text) => Err(invalid(name, text)),
    }
}

fn missing_probes() -> Result<Option<MissingProbes>> {
    match variable("MISSING_PROBES").as_deref() {
        None => Ok(None),
        Some("error") => Ok(Some(MissingProbes::Error)),
        Some("warn") => Ok(Some(MissingProbes::Warn)),
        Some("ignore") => Ok(Some(MissingProbes::Ignore)),
        Some(text) => Err(invalid("MISSING_PROBES", text)),
    }
}

fn invalid(name: &str, text: &str) -> Error {
    Error::refused(format!("Invalid value for BPFTRACE_{name}: {text}"))
}
