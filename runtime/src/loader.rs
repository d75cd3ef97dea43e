//! libbpf's log: kept while loading, shown when something goes wrong.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use libbpf_rs::PrintLevel;

use crate::error::Error;

static LOG: Mutex<String> = Mutex::new(String::new());
static VERBOSE: AtomicBool = AtomicBool::new(false);

/// Takes libbpf's messages from now on.
pub fn watch(verbose: bool) {
    VERBOSE.store(verbose, Ordering::Relaxed);
    libbpf_rs::set_print(Some((PrintLevel::Info, keep)));
}

fn keep(level: PrintLevel, text: String) {
    if level == PrintLevel::Warn
        && let Ok(mut log) = LOG.lock()
    {
        log.push_str(&text);
    }
    if VERBOSE.load(Ordering::Relaxed) && level != PrintLevel::Warn {
        eprint!("{text}");
    }
}

/// What libbpf warned about since the last call.
pub fn take() -> String {
    LOG.lock().map(|mut log| std::mem::take(&mut *log)).unwrap_or_default()
}

/// The program that the kernel refused, by libbpf's words about it.
pub fn refused_program(log: &str) -> Option<&str> {
    log.lines().find_map(|line| {
        let rest = line.split("prog '").nth(1)?;
        let (name, rest) = rest.split_once('\'')?;
        (rest.contains("failed to load") || rest.contains("BPF program load failed") || rest.contains("failed to find"))
            .then_some(name)
    })
}

/// What to tell when loading failed.
pub fn error(cause: &dyn std::fmt::Display, log: &str, verbose: bool) -> Error {
    let text = match refused_program(log) {
        Some(name) => format!("Error loading BPF program for {name}."),
        None => format!("Error loading BPF object: {cause:#}"),
    };
    let verifier = log.contains("BEGIN PROG LOAD LOG");
    let shown = if verbose || !verifier {
        log.trim_end().to_owned()
    } else {
        log.lines().filter(|line| line.starts_with("libbpf:")).filter(|line| !line.contains("LOAD LOG")).fold(
            String::new(),
            |mut out, line| {
                if !out.is_empty() {
                    out.push('\n');
                }
                out.push_str(line);
                out
            },
        )
    };
    let error = Error::kernel(if shown.is_empty() { text } else { format!("{text}\n{shown}") });
    if verifier && !verbose { error.hint("Use -v for full kernel error log.") } else { error }
}
