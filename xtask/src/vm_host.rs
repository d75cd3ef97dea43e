//! Cases on the kernel of this machine: in a root directory of their own, with devices that can do no harm.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::shell;
use crate::vm::Contents;

/// Why cases cannot be run here, if they cannot.
pub fn obstacle() -> Option<&'static str> {
    if !shell::is_root() {
        return Some("tracing needs root");
    }
    if !Path::new("/sys/kernel/btf/vmlinux").exists() {
        return Some("this kernel has no BTF");
    }
    if !shell::exists("unshare") || !shell::exists("chroot") {
        return Some("no unshare or chroot program");
    }
    None
}

/// Inside mount, network and other namespaces of its own: nothing of it is left behind.
const ENTER: &str = r#"
set -e
cd "$1"
mount -t tmpfs none dev
for device in null:1:3 zero:1:5 random:1:8 urandom:1:9 tty:5:0 ptmx:5:2; do
	set -- $(echo $device | tr : ' ')
	mknod -m 666 dev/$1 c $2 $3
done
mkdir dev/pts
mount -t devpts none dev/pts
mount -t proc none proc
mount -t sysfs none sys
mount -t tmpfs none tmp
exec chroot . /bin/busybox sh -c 'export HOME=/root TMPDIR=/tmp PATH=/bin; ip link set lo up; exec sh /script' </dev/null 2>&1
"#;

/// Runs `script` as a guest would; what it printed.
///
/// # Errors
/// When the root directory cannot be made.
pub fn run(directory: &Path, contents: &Contents, script: &str) -> Result<String> {
    if directory.exists() {
        fs::remove_dir_all(directory)?;
    }
    for name in ["bin", "dev", "proc", "sys", "tmp", "root", "etc", "run", "mnt"] {
        fs::create_dir_all(directory.join(name))?;
    }
    for (path, data) in contents.files() {
        let path = directory.join(path.trim_start_matches('/'));
        fs::create_dir_all(path.parent().context("a file lies in a directory")?)?;
        fs::write(&path, data)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    }
    for (path, to) in contents.links() {
        symlink(to, directory.join(path))?;
    }
    let busybox = ["/bin/busybox", "/usr/bin/busybox"].into_iter().find(|path| Path::new(path).exists());
    let busybox = busybox.context("busybox is missing: install busybox-static")?;
    fs::copy(busybox, directory.join("bin/busybox"))?;
    for applet in crate::kernels::output(Command::new(busybox).arg("--list"))?.lines() {
        let path = directory.join("bin").join(applet);
        if !path.exists() {
            symlink("busybox", path)?;
        }
    }
    fs::write(directory.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n")?;
    fs::write(directory.join("script"), script)?;
    let mut unshare = Command::new("unshare");
    unshare.args(["--mount", "--net", "--propagation", "private", "sh", "-c", ENTER, "sh"]).arg(directory);
    let done = unshare.stdin(Stdio::null()).stderr(Stdio::inherit()).output().context("cannot run unshare")?;
    fs::remove_dir_all(directory)?;
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}
