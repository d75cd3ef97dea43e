//! The `config` block and the environment over it.

use crate::Options;
use crate::codes;
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::program::{Config, MissingProbes};
use crate::syntax::ast::{ConfigValue, Script};
use crate::types::StackMode;

/// What the script's `config` block and the environment say, defaults filled in.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub config: Config,
    /// `stack_mode`: how stacks are shown that do not say it themselves.
    pub stack_mode: StackMode,
    pub unstable_tseries: Unstable,
    /// Known by name only.
    pub unstable_typeinfo: Unstable,
    pub unstable_dw_ustack: Unstable,
    pub unstable_import_statement: Unstable,
}

/// What becomes of a feature that may still change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unstable {
    Enable,
    Warn,
    Error,
}

impl Unstable {
    /// As scripts write it.
    pub fn word(self) -> &'static str {
        match self {
            Unstable::Enable => "enable",
            Unstable::Warn => "warn",
            Unstable::Error => "error",
        }
    }
}

/// Where a setting was found.
enum Origin<'a> {
    Script(&'a crate::syntax::ast::ConfigAssignment),
    Environment,
}

const LICENSES: [&str; 6] =
    ["Dual MIT/GPL", "Dual BSD/GPL", "Dual MPL/GPL", "GPL and additional rights", "GPL v2", "GPL"];

/// Settings that only the environment knows, or that concern bpftrace's own compiler: accepted and without effect.
const IGNORED: [&str; 11] = [
    "btf",
    "vmlinux",
    "kernel_source",
    "kernel_build",
    "log",
    "max_ast_nodes",
    "max_type_res_iterations",
    "verify_llvm_ir",
    "use_blazesym",
    "unstable_import",
    "unstable_macro",
];

/// Reads the `config` block, then the environment, which wins.
pub(crate) fn check_config(script: &Script, options: &Options, diagnostics: &mut Diagnostics) -> Settings {
    let mut settings = defaults();
    for assignment in &script.config {
        let value = match &assignment.value {
            ConfigValue::Int(n) => n.to_string(),
            ConfigValue::Str(text) | ConfigValue::Word(text) => text.clone(),
        };
        set(&mut settings, &assignment.name.name, &value, &Origin::Script(assignment), diagnostics);
    }
    for (name, value) in &options.env {
        if name.starts_with("BPFTRACE_") {
            set(&mut settings, name, value, &Origin::Environment, diagnostics);
        }
    }
    settings
}

fn defaults() -> Settings {
    Settings {
        config: Config::default(),
        stack_mode: StackMode::Bpftrace,
        unstable_tseries: Unstable::Warn,
        unstable_typeinfo: Unstable::Error,
        unstable_dw_ustack: Unstable::Warn,
        unstable_import_statement: Unstable::Error,
    }
}

fn set(settings: &mut Settings, written: &str, value: &str, origin: &Origin<'_>, diagnostics: &mut Diagnostics) {
    let lower = written.to_ascii_lowercase();
    let name = lower.strip_prefix("bpftrace_").unwrap_or(&lower);
    if let Origin::Script(assignment) = origin
        && ["unstable_map_decl", "unstable_addr", "unstable_import", "unstable_macro"].contains(&name)
    {
        diagnostics.push(Diagnostic::warning(
            codes::W_DEPRECATED,
            assignment.name.span.to(assignment.value_span),
            format!("{name} is deprecated and has no effect"),
        ));
    }
    if let Err(problem) = apply(settings, name, value) {
        let unknown = matches!(problem, Problem::Unknown);
        let message = problem.message(name, written, value);
        let diagnostic = match origin {
            Origin::Script(assignment) => {
                Diagnostic::error(codes::BAD_CONFIG, assignment.name.span.to(assignment.value_span), message)
            }
            // A variable of the environment that is not a setting is nobody's mistake.
            Origin::Environment if unknown => return,
            Origin::Environment => Diagnostic::global_error(codes::BAD_CONFIG, message),
        };
        let near = unknown.then(|| super::names::nearest(name, NAMES.iter().copied())).flatten();
        diagnostics.push(match near {
            Some(near) => diagnostic.hint(format!("did you mean `{near}`?")),
            None => diagnostic,
        });
    }
}

const NAMES: [&str; 23] = [
    "cache_user_symbols",
    "cpp_demangle",
    "lazy_symbolication",
    "license",
    "log_size",
    "max_bpf_progs",
    "max_cat_bytes",
    "max_map_keys",
    "max_probes",
    "max_strlen",
    "missing_probes",
    "on_stack_limit",
    "perf_rb_pages",
    "print_maps_on_exit",
    "show_debug_info",
    "stack_mode",
    "str_trunc_trailer",
    "unstable_addr",
    "unstable_dw_ustack",
    "unstable_import_statement",
    "unstable_map_decl",
    "unstable_tseries",
    "unstable_typeinfo",
];

enum Problem {
    Unknown,
    NotANumber,
    NotABool,
    Invalid(String),
}

impl Problem {
    fn message(&self, name: &str, written: &str, value: &str) -> String {
        match self {
            Problem::Unknown => format!("{written}: not a known configuration option"),
            Problem::NotANumber => format!("{name}: expecting a number, got {value}"),
            Problem::NotABool => format!("{name}: Invalid value for boolean option, got {value}"),
            Problem::Invalid(text) => text.clone(),
        }
    }
}

fn apply(settings: &mut Settings, name: &str, value: &str) -> Result<(), Problem> {
    let config = &mut settings.config;
    match name {
        "license" => {
            if !LICENSES.contains(&value) {
                return Err(Problem::Invalid(format!(
                    "Invalid value for license. Found: {value}. Valid values: {}. Read more about BPF programs and \
                     licensing: https://docs.kernel.org/bpf/bpf_licensing.html#using-bpf-programs-in-the-linux-kernel",
                    LICENSES.join(", ")
                )));
            }
            config.license = value.into();
        }
        "max_strlen" => config.max_strlen = number(value)?,
        "max_map_keys" => config.max_map_keys = number(value)?,
        "max_probes" => config.max_probes = number(value)?,
        "max_bpf_progs" => config.max_bpf_progs = number(value)?,
        "max_cat_bytes" => config.max_cat_bytes = number(value)?,
        "perf_rb_pages" => config.perf_rb_pages = Some(number(value)?),
        "log_size" => config.log_size = number(value)?,
        "on_stack_limit" => config.on_stack_limit = number(value)?,
        "missing_probes" => {
            config.missing_probes = match value {
                "error" => MissingProbes::Error,
                "warn" => MissingProbes::Warn,
                "ignore" => MissingProbes::Ignore,
                _ => {
                    return Err(Problem::Invalid(
                        "missing_probes: Invalid value for missing_probes: valid values are ignore, warn, and error."
                            .into(),
                    ));
                }
            }
        }
        "print_maps_on_exit" => config.print_maps_on_exit = boolean(value)?,
        "cpp_demangle" => config.cpp_demangle = boolean(value)?,
        "lazy_symbolication" => config.lazy_symbolication = boolean(value)?,
        "show_debug_info" => config.show_debug_info = boolean(value)?,
        "str_trunc_trailer" => config.str_trunc_trailer = value.into(),
        "cache_user_symbols" => match value {
            "PER_PID" | "PER_PROGRAM" | "NONE" => config.cache_user_symbols = Some(value.into()),
            "1" | "true" => config.cache_user_symbols = Some("PER_PROGRAM".into()),
            "0" | "false" => config.cache_user_symbols = Some("NONE".into()),
            _ => {
                return Err(Problem::Invalid(
                    "cache_user_symbols: Invalid value for cache_user_symbols: valid values are PER_PID, PER_PROGRAM, \
                     and NONE."
                        .into(),
                ));
            }
        },
        "stack_mode" => {
            settings.stack_mode =
                stack_mode(value).ok_or_else(|| Problem::Invalid(format!("stack_mode: {STACK_MODES}")))?;
        }
        "unstable_typeinfo" => settings.unstable_typeinfo = unstable(name, value)?,
        "unstable_dw_ustack" => settings.unstable_dw_ustack = unstable(name, value)?,
        "unstable_import_statement" => settings.unstable_import_statement = unstable(name, value)?,
        "unstable_tseries" => settings.unstable_tseries = unstable(name, value)?,
        "unstable_map_decl" | "unstable_addr" => drop(unstable(name, value)?),
        _ if IGNORED.contains(&name) => {}
        _ => return Err(Problem::Unknown),
    }
    Ok(())
}

/// Told when a stack mode is none.
pub(crate) const STACK_MODES: &str =
    "Invalid value for stack_mode: valid values are bpftrace, raw, perf, and build_id.";

/// `perf` → [`StackMode::Perf`].
pub(crate) fn stack_mode(name: &str) -> Option<StackMode> {
    Some(match name {
        "bpftrace" => StackMode::Bpftrace,
        "perf" => StackMode::Perf,
        "raw" => StackMode::Raw,
        "build_id" => StackMode::BuildId,
        _ => return None,
    })
}

fn number(value: &str) -> Result<u32, Problem> {
    value.trim().parse::<u64>().map(|n| n.min(u64::from(u32::MAX)) as u32).map_err(|_| Problem::NotANumber)
}

fn boolean(value: &str) -> Result<bool, Problem> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => value.parse::<u64>().map(|n| n != 0).map_err(|_| Problem::NotABool),
    }
}

fn unstable(name: &str, value: &str) -> Result<Unstable, Problem> {
    Ok(match value {
        "enable" | "1" | "true" => Unstable::Enable,
        "warn" => Unstable::Warn,
        "error" | "0" | "false" => Unstable::Error,
        _ => {
            return Err(Problem::Invalid(format!(
                "{name}: Invalid value for unstable config: valid values are enable, warn, and error."
            )));
        }
    })
}
