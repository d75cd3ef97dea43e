//! tracefs: where it is mounted, or mounted for this process alone.

use std::ffi::CString;
use std::fs;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::find::glob;

/// A view of tracefs.
#[derive(Debug)]
pub struct Tracefs {
    root: PathBuf,
    /// Keeps a mount of our own alive: detached, seen by nobody else, gone with the descriptor.
    _mount: Option<OwnedFd>,
}

/// tracefs of the running kernel; none where it has none or we may not see it.
pub fn get() -> Option<&'static Tracefs> {
    static TRACEFS: OnceLock<Option<Tracefs>> = OnceLock::new();
    TRACEFS.get_or_init(Tracefs::find).as_ref()
}

impl Tracefs {
    fn find() -> Option<Self> {
        for path in ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"] {
            if Path::new(path).join("events").is_dir() {
                return Some(Tracefs { root: PathBuf::from(path), _mount: None });
            }
        }
        let mount = mount_detached("tracefs")?;
        let root = PathBuf::from(format!("/proc/self/fd/{}", mount.as_raw_fd()));
        Some(Tracefs { root, _mount: Some(mount) })
    }

    /// A file in it.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// The number that perf knows a tracepoint by.
    pub fn tracepoint_id(&self, category: &str, event: &str) -> Option<u64> {
        let text = fs::read_to_string(self.path(&format!("events/{category}/{event}/id"))).ok()?;
        text.trim().parse().ok()
    }

    /// Tracepoints (category, event) that fit two patterns, sorted; without an event, `category` is one of `category:event`.
    pub fn tracepoints(&self, category: &str, event: &str) -> Vec<(String, String)> {
        if event.is_empty() {
            let mut found = self.tracepoints("*", "*");
            found.retain(|(known, event)| glob::matches(category, &format!("{known}:{event}")));
            return found;
        }
        let mut found = Vec::new();
        for category in self.entries("events", category) {
            for event in self.entries(&format!("events/{category}"), event) {
                if self.path(&format!("events/{category}/{event}/id")).exists() {
                    found.push((category.clone(), event));
                }
            }
        }
        found
    }

    /// Directories below `parent` whose name fits, sorted.
    fn entries(&self, parent: &str, pattern: &str) -> Vec<String> {
        if !glob::is_pattern(pattern) {
            return vec![pattern.to_owned()];
        }
        let Ok(directory) = fs::read_dir(self.path(parent)) else { return Vec::new() };
        let mut names: Vec<String> = directory
            .flatten()
            .filter(|entry| entry.file_type().is_ok_and(|ty| ty.is_dir()))
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| glob::matches(pattern, name))
            .collect();
        names.sort();
        names
    }
}

/// Mounts a file system without a place in the tree: nobody sees it but through the descriptor.
fn mount_detached(kind: &str) -> Option<OwnedFd> {
    const FSOPEN_CLOEXEC: libc::c_long = 1;
    const FSMOUNT_CLOEXEC: libc::c_long = 1;
    const FSCONFIG_CMD_CREATE: libc::c_long = 6;
    let kind = CString::new(kind).ok()?;
    let null = std::ptr::null::<libc::c_char>();
    // SAFETY: the arguments are a NUL-terminated string, descriptors and null pointers, as fsopen(2) and its kin want.
    unsafe {
        let context = libc::syscall(libc::SYS_fsopen, kind.as_ptr(), FSOPEN_CLOEXEC);
        if context < 0 {
            return None;
        }
        let context = OwnedFd::from_raw_fd(context as i32);
        let raw = context.as_raw_fd();
        if libc::syscall(libc::SYS_fsconfig, raw, FSCONFIG_CMD_CREATE, null, null, 0) < 0 {
            return None;
        }
        let mount = libc::syscall(libc::SYS_fsmount, raw, FSMOUNT_CLOEXEC, 0);
        if mount < 0 { None } else { Some(OwnedFd::from_raw_fd(mount as i32)) }
    }
}
