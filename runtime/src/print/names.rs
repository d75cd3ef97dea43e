//! Names of what values stand for: symbols, users, cgroups, errors, signals, system calls, times.

use super::symbols::{Kernel, Processes};
use super::tables::GFP_BITS;
use super::{Settings, text};
use crate::text::param_any;
use crate::tool::Tool;
use std::collections::{HashMap, HashSet};
use std::ffi::CStr;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Whatever is looked up when a value is printed, with what was found before.
pub struct Names {
    pub kernel: Kernel,
    pub processes: Processes,
    /// Strings that fill it were cut off.
    pub max_strlen: usize,
    pub trunc_trailer: String,
    /// Expanded names of probes.
    pub probes: Vec<String>,
    /// Positional parameters.
    params: Vec<String>,
    strings: &'static [&'static str],
    users: Option<HashMap<u32, String>>,
    cgroups: HashMap<(u64, u64), String>,
    clocks: [i64; 4],
}

/// Flags that are several bits, in the kernel's order: the largest first.
const GFP_NAMES: [(u64, &str); 11] = [
    (0x21c24ca, "GFP_TRANSHUGE"),
    (0x21c20ca, "GFP_TRANSHUGE_LIGHT"),
    (0x2100cca, "GFP_HIGHUSER_MOVABLE"),
    (0x100cc2, "GFP_HIGHUSER"),
    (0x100cc0, "GFP_USER"),
    (0x400cc0, "GFP_KERNEL_ACCOUNT"),
    (0xcc0, "GFP_KERNEL"),
    (0xc40, "GFP_NOFS"),
    (0x820, "GFP_ATOMIC"),
    (0xc00, "GFP_NOIO"),
    (0x2800, "GFP_NOWAIT"),
];

const MAX_CGROUPS: usize = 4096;

impl Names {
    pub fn new(tool: &'static Tool, settings: &Settings) -> Self {
        let mut probed: Vec<String> =
            settings.probes.iter().filter_map(|probe| probe_path(probe)).map(str::to_owned).collect();
        probed.dedup();
        Names {
            kernel: Kernel::default(),
            processes: Processes::new(probed, tool.parts.user_symbols, settings.cpp_demangle, settings.show_debug_info),
            max_strlen: tool.config.max_strlen.max(1) as usize,
            trunc_trailer: settings.str_trunc_trailer.clone(),
            probes: settings.probes.clone(),
            params: settings.params.clone(),
            strings: tool.strings,
            users: None,
            cgroups: HashMap::new(),
            clocks: [libc::CLOCK_BOOTTIME, libc::CLOCK_MONOTONIC, libc::CLOCK_TAI, libc::CLOCK_TAI]
                .map(until_wall_clock),
        }
    }

    pub fn kernel_symbol(&mut self, address: u64, out: &mut Vec<u8>) {
        match self.kernel.find(address) {
            Some((name, _)) => out.extend_from_slice(name.as_bytes()),
            None => hex(address, out),
        }
    }

    pub fn user_symbol(&mut self, address: u64, tgid: u32, out: &mut Vec<u8>) {
        // Of what is inlined there, the function that was compiled.
        match self.processes.find(tgid, address).last() {
            Some(frame) => out.extend_from_slice(frame.name.as_bytes()),
            None => hex(address, out),
        }
    }

    pub fn probe(&self, index: u32, out: &mut Vec<u8>) {
        if let Some(name) = self.probes.get(index as usize) {
            out.extend_from_slice(name.as_bytes());
        }
    }

    /// A positional parameter; whether it is a number.
    pub fn parameter(&self, n: u32, out: &mut Vec<u8>) -> bool {
        let (given, is_number) = param_any(&self.params, n);
        text(&given, out);
        is_number
    }

    /// Time of a kernel clock since 1970.
    pub fn wall_clock(&self, boot_nsecs: u64) -> u64 {
        boot_nsecs.wrapping_add_signed(self.clocks[0])
    }

    pub fn timestamp(&self, nsecs: u64, format: u32, clock: u32, out: &mut Vec<u8>) {
        let format = self.strings.get(format as usize).copied().unwrap_or("%H:%M:%S");
        let nsecs = nsecs.wrapping_add_signed(self.clocks[clock.min(3) as usize]);
        if format.is_empty() {
            return text("(?)", out);
        }
        // strftime(3) does not know about microseconds.
        for (index, part) in format.split("%f").enumerate() {
            if index > 0 {
                let micros = nsecs % 1_000_000_000 / 1000;
                // SANITY: a Vec takes what it is given.
                let _ = write!(out, "{micros:06}");
            }
            self.local_time(nsecs, part, out);
        }
    }

    /// Nanoseconds since 1970 in the local time zone.
    pub fn local_time(&self, nsecs: u64, format: &str, out: &mut Vec<u8>) {
        local_time((nsecs / 1_000_000_000) as i64, format, out);
    }

    /// Names from `/etc/passwd`; the number of users that are not there.
    pub fn user(&mut self, uid: u32, out: &mut Vec<u8>) {
        let users = self.users.get_or_insert_with(|| users(&fs::read_to_string("/etc/passwd").unwrap_or_default()));
        match users.get(&uid) {
            Some(name) => out.extend_from_slice(name.as_bytes()),
            None => text("<unknown>", out),
        }
    }

    /// `unified:/system.slice,memory:/…`: every mounted hierarchy that has the cgroup and matches the filter.
    pub fn cgroup_path(&mut self, id: u64, filter: u64, out: &mut Vec<u8>) {
        if let Some(known) = self.cgroups.get(&(id, filter)) {
            return out.extend_from_slice(known.as_bytes());
        }
        let pattern = self.strings.get(filter as usize).copied().filter(|pattern| !pattern.is_empty());
        let found = cgroup_paths(id, pattern);
        out.extend_from_slice(found.as_bytes());
        if self.cgroups.len() >= MAX_CGROUPS {
            self.cgroups.clear();
        }
        self.cgroups.insert((id, filter), found);
    }

    pub fn gfp_flags(&self, flags: u64, out: &mut Vec<u8>) {
        let mut rest = flags;
        let mut separator = "";
        for &(bits, name) in &GFP_NAMES {
            if rest & bits == bits {
                rest &= !bits;
                text(separator, out);
                text(name, out);
                separator = "|";
            }
        }
        for (bit, name) in GFP_BITS.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
            if rest & 1 << bit != 0 {
                rest &= !(1 << bit);
                text(separator, out);
                text(name, out);
                separator = "|";
            }
        }
        if rest != 0 || flags == 0 {
            text(separator, out);
            hex(rest, out);
        }
    }
}

/// An address as C++ streams write it: zero without a base.
pub fn hex(address: u64, out: &mut Vec<u8>) {
    // SANITY: a Vec takes what it is given.
    let _ = if address == 0 { write!(out, "0") } else { write!(out, "{address:#x}") };
}

/// `/bin/sh` of `uprobe:/bin/sh:main`.
fn probe_path(probe: &str) -> Option<&str> {
    let mut parts = probe.splitn(3, ':');
    let kind = parts.next()?;
    if matches!(kind, "uprobe" | "uretprobe" | "usdt" | "u" | "ur" | "U") { parts.next() } else { None }
}

/// Nanoseconds from a clock's zero to 1970.
fn until_wall_clock(clock: libc::clockid_t) -> i64 {
    read_clock(libc::CLOCK_REALTIME) - read_clock(clock)
}

fn read_clock(clock: libc::clockid_t) -> i64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is valid for writes.
    unsafe { libc::clock_gettime(clock, &mut time) };
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// Seconds since 1970, now.
pub fn now() -> i64 {
    read_clock(libc::CLOCK_REALTIME) / 1_000_000_000
}

/// strftime(3) in the local time zone.
pub fn local_time(seconds: i64, format: &str, out: &mut Vec<u8>) {
    // Enough for any sensible format; longer ones take the heap.
    const ROOM: usize = 256;
    let (mut short, mut long) = ([0u8; ROOM], Vec::new());
    let terminated: &[u8] = if format.len() < ROOM {
        short[..format.len()].copy_from_slice(format.as_bytes());
        &short
    } else {
        long.extend_from_slice(format.as_bytes());
        long.push(0);
        &long
    };
    let Ok(format) = CStr::from_bytes_until_nul(terminated) else { return };
    if format.is_empty() {
        return;
    }
    // SAFETY: an all-zero tm is a valid one.
    let mut broken_down: libc::tm = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are valid; localtime_r keeps neither.
    unsafe { libc::localtime_r(&seconds, &mut broken_down) };
    let start = out.len();
    out.resize(start + 128 + 16 * format.count_bytes(), 0);
    let room = &mut out[start..];
    // SAFETY: the room has the length that is told, the format is NUL-terminated.
    let len = unsafe { libc::strftime(room.as_mut_ptr().cast(), room.len(), format.as_ptr(), &broken_down) };
    out.truncate(start + len);
}

fn users(passwd: &str) -> HashMap<u32, String> {
    let entry = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        Some((fields.nth(1)?.parse().ok()?, name))
    };
    let mut users = HashMap::new();
    for (uid, name) in passwd.lines().filter_map(entry) {
        users.entry(uid).or_insert(name);
    }
    users
}

fn cgroup_paths(id: u64, pattern: Option<&str>) -> String {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let (mut found, mut hierarchies) = (Vec::new(), HashSet::new());
    for line in mounts.lines() {
        let mut fields = line.split(' ');
        let (Some(_), Some(mount), Some(kind)) = (fields.next(), fields.next(), fields.next()) else { continue };
        let hierarchy = match kind {
            "cgroup2" => "unified",
            "cgroup" => mount.rsplit('/').next().unwrap_or(mount),
            _ => continue,
        };
        let is_wanted = pattern.is_none_or(|pattern| glob(pattern.as_bytes(), hierarchy.as_bytes()));
        // A hierarchy can be mounted twice.
        if !is_wanted || !hierarchies.insert(hierarchy) {
            continue;
        }
        if let Some(path) = find_inode(Path::new(mount), id) {
            let path = path.strip_prefix(mount).unwrap_or(&path);
            let path = if path.is_empty() { "/" } else { path };
            found.push((hierarchy != "unified", format!("{hierarchy}:{path}")));
        }
    }
    found.sort();
    found.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join(",")
}

/// The directory whose inode is a cgroup's id.
fn find_inode(root: &Path, id: u64) -> Option<String> {
    let mut waiting = vec![root.to_owned()];
    while let Some(directory) = waiting.pop() {
        if fs::metadata(&directory).is_ok_and(|metadata| metadata.ino() == id) {
            return Some(directory.to_string_lossy().into_owned());
        }
        let entries = fs::read_dir(&directory).into_iter().flatten().flatten();
        waiting.extend(entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|e| e.path()));
    }
    None
}

/// `*` and `?`.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        ([b'*', pattern @ ..], _) => (0..=text.len()).any(|skipped| glob(pattern, &text[skipped..])),
        ([b'?', pattern @ ..], [_, text @ ..]) => glob(pattern, text),
        ([a, pattern @ ..], [b, text @ ..]) if a == b => glob(pattern, text),
        _ => false,
    }
}
