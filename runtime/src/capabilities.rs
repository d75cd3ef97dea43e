//! What the kernel asks of a tracer.

use std::fs;

use crate::error::{Error, Result};

/// Numbers of linux/capability.h.
const NUMBERS: &[(&str, u32)] = &[
    ("CHOWN", 0),
    ("DAC_OVERRIDE", 1),
    ("DAC_READ_SEARCH", 2),
    ("KILL", 5),
    ("NET_ADMIN", 12),
    ("SYS_PTRACE", 19),
    ("SYS_ADMIN", 21),
    ("SYS_RESOURCE", 24),
    ("SYSLOG", 34),
    ("PERFMON", 38),
    ("BPF", 39),
    ("CHECKPOINT_RESTORE", 40),
];

/// Refuses to start without what loading and attaching need; CAP_SYS_ADMIN stands for CAP_BPF and CAP_PERFMON.
///
/// # Errors
/// The capabilities that are missing, by name.
pub fn check(name: &str, more: &[&str]) -> Result<()> {
    let Some(effective) = effective() else { return Ok(()) };
    let missing: Vec<String> = ["BPF", "PERFMON"]
        .iter()
        .chain(more)
        .filter(|name| !has(effective, name))
        .map(|name| format!("CAP_{name}"))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let error = Error::refused(format!("{name} lacks the privilege to trace: {} missing", missing.join(" and ")));
    Err(error.hint("run it as root, or give it these capabilities"))
}

fn has(effective: u64, name: &str) -> bool {
    let bit =
        |name: &str| NUMBERS.iter().find(|(known, _)| *known == name).is_none_or(|(_, n)| effective >> n & 1 == 1);
    bit(name) || (matches!(name, "BPF" | "PERFMON") && bit("SYS_ADMIN"))
}

/// `CapEff` of this process.
fn effective() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}
