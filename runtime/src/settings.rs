//! What is settled at start: options, parameters, addresses → `.rodata`.

use std::ffi::CString;
use std::fs;
use std::os::unix::fs::MetadataExt;

use libbpf_rs::OpenObject;

use crate::args::{Args, OptionValue};
use crate::error::{Error, Result};
use crate::find::elf::Binary;
use crate::find::{kernel, libraries};
use crate::rodata::Rodata;
use crate::tool::{Setting, SettingSource, Text, TextPiece, Tool};
use crate::{help, message, spec, text};

/// What settings depend on.
pub struct Sources<'a> {
    /// Tables.
    pub tool: &'static Tool,
    /// Command line.
    pub args: &'a Args,
    /// The process of `-c`.
    pub child: Option<u32>,
    /// The process of `-p` or `-c`.
    pub target_pid: Option<u32>,
    /// Expanded probe names.
    pub probes: &'a [String],
}

/// Writes all settings and the runtime's own variables.
///
/// # Errors
/// What could not be found out, with its place in the script.
pub fn write(sources: &Sources<'_>, object: &mut OpenObject) -> Result<()> {
    let rodata = Rodata::of(object)?;
    for (option, value) in sources.tool.options.iter().zip(&sources.args.options) {
        match value {
            OptionValue::Bool(value) => rodata.set_number(object, option.variable, u64::from(*value))?,
            OptionValue::Int(value) => rodata.set_number(object, option.variable, *value as u64)?,
            OptionValue::Str(value) => set_text(&rodata, object, option.variable, value)?,
        }
    }
    for setting in sources.tool.settings {
        match value(sources, setting)? {
            Value::Number(number) => rodata.set_number(object, setting.variable, number)?,
            Value::Text(text) => set_text(&rodata, object, setting.variable, &text)?,
        }
    }
    if let Some(text) = spec::parameter(sources.tool).and_then(|n| text::param(&sources.args.params, n)) {
        spec::write(text, sources.target_pid, &rodata, object)?;
    }
    own_variables(sources, &rodata, object)
}

enum Value {
    Number(u64),
    Text(String),
}

/// Whether the script asks if the kernel shows a symbol.
fn asks_for(sources: &Sources<'_>, symbol: &str) -> bool {
    let asked = |setting: &Setting| match setting.source {
        SettingSource::HasKernelSymbol(name) => late_text(sources, name) == symbol,
        _ => false,
    };
    sources.tool.settings.iter().any(asked)
}

/// Texts are cut at the variable's capacity; the NUL stays.
fn set_text(rodata: &Rodata, object: &mut OpenObject, variable: &str, text: &str) -> Result<()> {
    let capacity = rodata.size(variable).unwrap_or(0);
    let bytes = &text.as_bytes()[..text.len().min(capacity.saturating_sub(1))];
    rodata.set(object, variable, bytes)
}

fn value(sources: &Sources<'_>, setting: &Setting) -> Result<Value> {
    let params = &sources.args.params;
    let refuse = |text: String| Err(Error::refused(message::at(sources.tool, setting.place, "ERROR", &text)).bare());
    if let SettingSource::ParamNumber(n) | SettingSource::ParamAny(n) = setting.source
        && text::param(params, n).is_none_or(str::is_empty)
        && !sources.args.no_warnings
        && !help::tells_usage(sources.tool)
    {
        let text = format!("Positional parameter ${n} is empty or not provided. ");
        eprintln!("{}", message::at(sources.tool, setting.place, "WARNING", &text));
    }
    Ok(Value::Number(match setting.source {
        SettingSource::ParamNumber(n) => match text::param_number(params, n) {
            Ok(number) => number as u64,
            Err(error) => return refuse(error.to_string()),
        },
        SettingSource::ParamString(n) => {
            let text = text::param(params, n).unwrap_or_default();
            if text.len() >= setting.size {
                return refuse(format!("String is too long (over {} bytes): {text}", setting.size));
            }
            return Ok(Value::Text(text.to_owned()));
        }
        SettingSource::ParamAny(n) => {
            return Ok(Value::Text(text::param_any(params, n).0));
        }
        SettingSource::SpecCount(n) => spec::count(text::param(params, n).unwrap_or_default())? as u64,
        SettingSource::ParamCount => params.len() as u64,
        SettingSource::Repetitions(n) => {
            let given = if n == 0 { Ok(params.len() as i64) } else { text::param_number(params, n) };
            match given {
                Ok(number @ 1..=100) => number as u64,
                Ok(..=0) => return refuse("unroll minimum value is 1".to_owned()),
                Ok(_) => return refuse("unroll maximum value is 100".to_owned()),
                Err(_) => return refuse("invalid unroll value".to_owned()),
            }
        }
        SettingSource::KernelAddress(symbol) => {
            let symbol = late_text(sources, symbol);
            match kernel::address(&symbol) {
                Some(address) => address,
                None if asks_for(sources, &symbol) => 0,
                None => {
                    let error = message::at(
                        sources.tool,
                        setting.place,
                        "ERROR",
                        &format!("Failed to resolve kernel symbol: {symbol}"),
                    );
                    let error = Error::refused(error).bare();
                    return Err(if kernel::hides_addresses() {
                        error.hint("the kernel shows addresses only with CAP_SYSLOG")
                    } else if kernel::tells_data() {
                        error
                    } else {
                        error.hint("this kernel's /proc/kallsyms has functions only (CONFIG_KALLSYMS_ALL is off)")
                    });
                }
            }
        }
        SettingSource::HasKernelSymbol(symbol) => kernel::address(&late_text(sources, symbol)).is_some().into(),
        SettingSource::UserAddress { path, symbol } => {
            let (path, symbol) = (text::resolve(path, params), late_text(sources, symbol));
            let files = libraries::binaries(&path, sources.target_pid);
            let found = files.iter().find_map(|file| Some(Binary::read(file).ok()?.symbol(&symbol)?.address));
            match found {
                Some(address) => address,
                None => return refuse(format!("Could not resolve symbol: {path}:{symbol}")),
            }
        }
        SettingSource::CgroupId(path) => {
            let path = late_text(sources, path);
            match fs::metadata(&path) {
                // The inode number of a cgroup's directory is its id.
                Ok(meta) => meta.ino(),
                Err(error) => {
                    let reason = crate::session::plain(&error);
                    return refuse(format!("Failed to get `cgroupid` for path: \"{path}\": {reason}"));
                }
            }
        }
        SettingSource::ProbeIndex(name) => {
            sources.probes.iter().position(|probe| probe == name).map_or(u64::from(u32::MAX), |at| at as u64)
        }
        SettingSource::CpuCount => possible_cpus() as u64,
        SettingSource::ChildPid => u64::from(sources.child.unwrap_or(0)),
        SettingSource::HasChildPid => u64::from(sources.child.is_some()),
    }))
}

/// A name made of literal text, parameters and options.
fn late_text(sources: &Sources<'_>, name: Text) -> String {
    let option = |name: &str| {
        let at = sources.tool.options.iter().position(|option| option.name == name)?;
        match sources.args.options.get(at)? {
            OptionValue::Str(value) => Some(value.clone()),
            _ => None,
        }
    };
    name.iter()
        .map(|piece| match piece {
            TextPiece::Option(name) => option(name).unwrap_or_default(),
            piece => text::resolve(std::slice::from_ref(piece), &sources.args.params),
        })
        .collect()
}

fn own_variables(sources: &Sources<'_>, rodata: &Rodata, object: &mut OpenObject) -> Result<()> {
    let boot = clock(libc::CLOCK_BOOTTIME);
    rodata.set_number(object, "tw_start_ns", boot)?;
    rodata.set_number(object, "tw_tai_offset", clock(libc::CLOCK_TAI).wrapping_sub(clock(libc::CLOCK_MONOTONIC)))?;
    rodata.set_number(object, "tw_wall_offset", clock(libc::CLOCK_REALTIME).wrapping_sub(boot))?;
    if let Some((dev, ino)) = pid_namespace() {
        rodata.set_number(object, "tw_pidns_dev", dev)?;
        rodata.set_number(object, "tw_pidns_ino", ino)?;
    }
    rodata.set_number(object, "tw_pid_filter", u64::from(sources.args.pid.unwrap_or(0)))?;
    rodata.set_number(object, "tw_cpu_count", possible_cpus() as u64)?;
    if rodata.size("tw_per_cpu_offsets").is_some() {
        rodata.set_number(object, "tw_per_cpu_offsets", kernel::address("__per_cpu_offset").unwrap_or(0))?;
        rodata.set_number(object, "tw_possible_cpus", possible_cpus() as u64)?;
    }
    rodata.set_number(object, "tw_trace_errors", u64::from(sources.args.trace_errors))
}

/// Nanoseconds of a clock.
pub fn clock(id: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the struct lives through the call.
    unsafe { libc::clock_gettime(id, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Device and inode of our pid namespace, unless it is the initial one.
fn pid_namespace() -> Option<(u64, u64)> {
    /// PROC_PID_INIT_INO of the kernel.
    const INITIAL: u64 = 0xEFFF_FFFC;
    let meta = fs::metadata("/proc/self/ns/pid").ok()?;
    if meta.ino() == INITIAL { None } else { Some((meta.dev(), meta.ino())) }
}

/// CPUs that the kernel may ever have.
pub fn possible_cpus() -> usize {
    libbpf_rs::num_possible_cpus().unwrap_or(1)
}

/// CPUs that run now.
pub fn online_cpus() -> Vec<u32> {
    let text = fs::read_to_string("/sys/devices/system/cpu/online").unwrap_or_default();
    let cpus = parse_cpus(text.trim());
    if cpus.is_empty() { (0..possible_cpus() as u32).collect() } else { cpus }
}

/// `0-3,6`
fn parse_cpus(text: &str) -> Vec<u32> {
    let mut cpus = Vec::new();
    for range in text.split(',') {
        let (from, to) = range.split_once('-').unwrap_or((range, range));
        if let (Ok(from), Ok(to)) = (from.parse::<u32>(), to.parse::<u32>()) {
            cpus.extend(from..=to);
        }
    }
    cpus
}

/// A NUL-terminated copy.
pub fn c_string(text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| Error::refused(format!("NUL in {text:?}")))
}

#[cfg(test)]
mod tests {
    use super::parse_cpus;

    #[test]
    fn cpu_lists_are_ranges() {
        assert_eq!(parse_cpus("0-2,5"), [0, 1, 2, 5]);
        assert_eq!(parse_cpus("0"), [0]);
        assert!(parse_cpus("").is_empty());
    }
}
