//! What this machine can run.

use std::path::Path;

/// Why a case with this need cannot run here; none when it can.
pub fn lacks(need: &str) -> Option<String> {
    let missing = match need {
        "kprobe" => !has_kprobes(),
        "fentry" => !has_kernel_option("CONFIG_FUNCTION_TRACER=y").unwrap_or_else(has_kprobes),
        "hardware" => !Path::new("/sys/bus/event_source/devices/cpu").exists(),
        "tracefs" => {
            !["/sys/kernel/tracing/events", "/sys/kernel/debug/tracing/events"].iter().any(|p| Path::new(p).exists())
        }
        "root" => !is_root(),
        _ => return Some(format!("unknown need `{need}`")),
    };
    missing.then(|| format!("this machine has no {need}"))
}

/// Whether this process is root.
pub fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

/// Probes are offered as a PMU when the kernel has them.
fn has_kprobes() -> bool {
    Path::new("/sys/bus/event_source/devices/kprobe").exists()
}

fn has_kernel_option(line: &str) -> Option<bool> {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
    let config = std::fs::read_to_string(format!("/boot/config-{}", release.trim())).ok()?;
    Some(config.lines().any(|l| l == line))
}
