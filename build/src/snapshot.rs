//! Captures the description of the running kernel.

use std::ffi::CString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tracewright_compiler::kernel::{Capture, Description, DescriptionError};

/// Why there is no description.
#[derive(Debug)]
pub enum SnapshotError {
    /// A file could not be read.
    Read(PathBuf, io::Error),
    /// The kernel's BTF is malformed, or the file is no description.
    Description(DescriptionError),
}

impl std::fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SnapshotError::Read(path, error) => write!(f, "cannot read {}: {error}", path.display()),
            SnapshotError::Description(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SnapshotError {}

/// Captures the kernel that runs here; `root` is `/` or where `sys` and `proc` of that kernel are mounted.
///
/// Without BTF there is no description. Without tracefs (it is mounted for the time being where that is allowed) the
/// description has no tracepoints.
///
/// # Errors
/// When BTF cannot be read or is malformed.
pub fn snapshot(root: &Path) -> Result<Description, SnapshotError> {
    let directory = root.join("sys/kernel/btf");
    let vmlinux = read(&directory.join("vmlinux"))?;
    let mut modules = Vec::new();
    for name in names(&directory) {
        if name != "vmlinux" {
            let data = read(&directory.join(&name))?;
            modules.push((name, data));
        }
    }
    let release = fs::read_to_string(root.join("proc/sys/kernel/osrelease")).unwrap_or_default().trim().to_owned();
    let arch = std::env::consts::ARCH.to_owned();
    let formats = formats(root);
    Description::assemble(Capture { release, arch, vmlinux, modules, formats }).map_err(SnapshotError::Description)
}

fn read(path: &Path) -> Result<Vec<u8>, SnapshotError> {
    fs::read(path).map_err(|error| SnapshotError::Read(path.to_owned(), error))
}

/// Names in a directory, sorted; none when it cannot be read.
fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names
}

type Formats = Vec<(String, String, String)>;

fn formats(root: &Path) -> Formats {
    for place in ["sys/kernel/tracing", "sys/kernel/debug/tracing"] {
        let found = read_formats(&root.join(place).join("events"));
        if !found.is_empty() {
            return found;
        }
    }
    if root == Path::new("/") { formats_of_private_mount() } else { Vec::new() }
}

fn read_formats(events: &Path) -> Formats {
    let mut formats = Vec::new();
    for category in names(events) {
        for event in names(&events.join(&category)) {
            if let Ok(text) = fs::read_to_string(events.join(&category).join(&event).join("format")) {
                formats.push((category.clone(), event, text));
            }
        }
    }
    formats
}

/// Mounts tracefs where only one thread sees it; the mount goes with the thread.
fn formats_of_private_mount() -> Formats {
    let reader = std::thread::spawn(|| {
        let target = Path::new("/sys/kernel/tracing");
        if mount_privately(target).is_err() {
            return Vec::new();
        }
        read_formats(&target.join("events"))
    });
    reader.join().unwrap_or_default()
}

fn mount_privately(target: &Path) -> io::Result<()> {
    let none = c"none";
    let tracefs = c"tracefs";
    let target = CString::new(target.to_string_lossy().as_bytes())?;
    // SAFETY: changes the mount namespace of this thread alone, which reads a few files and ends.
    check(unsafe { libc::unshare(libc::CLONE_NEWNS) })?;
    let flags = libc::MS_REC | libc::MS_PRIVATE;
    // SAFETY: the strings live through the calls; a null data argument is allowed.
    check(unsafe { libc::mount(none.as_ptr(), c"/".as_ptr(), none.as_ptr(), flags, std::ptr::null()) })?;
    // SAFETY: as above.
    check(unsafe { libc::mount(tracefs.as_ptr(), target.as_ptr(), tracefs.as_ptr(), 0, std::ptr::null()) })
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
