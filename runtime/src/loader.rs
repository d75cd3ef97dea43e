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

/// The helper that the verifier does not know, by its words about it, and the kernel that has it.
fn missing_helper(log: &str) -> Option<String> {
    /// Numbers of linux/bpf.h.
    const HELPERS: &[(u32, &str)] = &[
        (147, "bpf_d_path (Linux 5.10)"),
        (164, "bpf_for_each_map_elem (Linux 5.13)"),
        (165, "bpf_snprintf (Linux 5.13)"),
        (173, "bpf_get_func_ip (Linux 5.15)"),
        (174, "bpf_get_attach_cookie (Linux 5.15)"),
        (176, "bpf_task_pt_regs (Linux 5.15)"),
        (181, "bpf_loop (Linux 5.17)"),
        (182, "bpf_strncmp (Linux 5.17)"),
        (195, "bpf_map_lookup_percpu_elem (Linux 5.19)"),
    ];
    let number = log.split("invalid func unknown#").nth(1)?;
    let digits = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
    let number: u32 = number[..digits].parse().ok()?;
    let known = HELPERS.iter().find(|(helper, _)| *helper == number);
    Some(known.map_or_else(|| format!("number {number}"), |(_, name)| (*name).to_owned()))
}

/// The helper that the kernel has, but not for this kind of program, and the kernel that has it for more kinds.
fn misplaced_helper(log: &str) -> Option<String> {
    const HELPERS: &[(&str, &str)] = &[("bpf_get_socket_cookie", "for fentry and fexit since Linux 5.12")];
    // Before Linux 6.12, and since.
    let rest = ["unknown func bpf_", "program of this type cannot use helper bpf_"].iter();
    let rest = rest.filter_map(|words| log.split_once(words)).map(|(_, rest)| rest).next()?;
    let name = format!("bpf_{}", rest.split('#').next()?);
    let known = HELPERS.iter().find(|(helper, _)| *helper == name);
    Some(known.map_or_else(|| name.clone(), |(_, since)| format!("{name} ({since})")))
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
    if ["cannot use helper", "unknown func"].iter().any(|words| log.contains(&format!("{words} bpf_override_return"))) {
        let told =
            format!("{text}\nThis kernel cannot override functions: it is built without CONFIG_BPF_KPROBE_OVERRIDE.");
        return Error::kernel(told);
    }
    // What the verifier says of functions that are to be called back.
    if log.contains("number of funcs in func_info doesn't match") || log.contains("unrecognized bpf_ld_imm64 insn") {
        let told = "This kernel has no loops over maps (since Linux 5.13) and none over ranges that are long or not known when \
                    compiling (since Linux 5.17), which the script needs.";
        return Error::kernel(format!("{text}\n{told}"));
    }
    if let Some(helper) = misplaced_helper(log) {
        let told = format!(
            "{text}\nThis kernel lets no program of this kind call the BPF helper {helper}, which the script needs."
        );
        return Error::kernel(told);
    }
    if let Some(helper) = missing_helper(log) {
        return Error::kernel(format!("{text}\nThis kernel lacks the BPF helper {helper}, which the script needs."));
    }
    let error = Error::kernel(if shown.is_empty() { text } else { format!("{text}\n{shown}") });
    if verifier && !verbose { error.hint("Use -v for full kernel error log.") } else { error }
}
