//! One boot of a kernel in QEMU: a busybox initramfs with some files, a script, and what it printed.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::kernels::Kernel;

/// What is to be booted.
#[derive(Clone, Debug)]
pub struct Guest<'a> {
    /// The kernel.
    pub kernel: &'a Kernel,
    /// Modules to load, besides those of the disk.
    pub modules: Vec<&'a str>,
    /// Path in the guest, and contents. All are executable.
    pub files: Vec<(String, Vec<u8>)>,
    /// Symbolic links: path in the guest, and what it points at.
    pub links: Vec<(String, String)>,
    /// Shell script to run. `/proc`, `/sys`, `/dev` and tracefs are mounted, loopback is up; the scratch disk is `/dev/vda`.
    pub script: String,
    /// Bytes of the scratch disk; the second value of [`Guest::run`] has its path.
    pub disk: u64,
    /// Of all: boot and script.
    pub timeout: Duration,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct GuestResult {
    /// What the script printed.
    pub output: String,
    /// Its exit status; none when the time was up or the kernel died.
    pub status: Option<i32>,
    /// What the kernel printed.
    pub console: String,
}

const INIT: &str = r#"#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
mkdir -p /dev/pts && mount -t devpts none /dev/pts
mount -t tmpfs none /tmp
mount -t tracefs none /sys/kernel/tracing
mount -t debugfs none /sys/kernel/debug
mount -t bpf none /sys/fs/bpf
mount -t cgroup2 none /sys/fs/cgroup
ip link set lo up
for module in /modules/*.ko; do insmod $module; done
stty -F /dev/ttyS1 raw -echo
export HOME=/root TMPDIR=/tmp
exec </dev/null >/dev/ttyS1 2>&1
sh /script
status=$?
echo; echo "@status $status@"
sleep 0.2
poweroff -f
"#;

impl Guest<'_> {
    /// Boots, runs, and waits for the end; `directory` is for the initramfs and the disk (`disk.img`).
    pub fn run(&self, directory: &Path) -> Result<GuestResult> {
        fs::create_dir_all(directory)?;
        let initramfs = directory.join("initramfs.cpio");
        fs::write(&initramfs, self.initramfs()?)?;
        let disk = directory.join("disk.img");
        fs::File::create(&disk)?.set_len(self.disk.max(1 << 20))?;
        let console = directory.join("console.log");
        let mut qemu = self.qemu(&initramfs, &disk, &console).spawn().context("cannot run qemu-system-x86_64")?;
        // SANITY: stdout is piped.
        let mut pipe = qemu.stdout.take().expect("stdout is piped");
        let reader = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = pipe.read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        });
        wait(&mut qemu, self.timeout, &console)?;
        let text = reader.join().unwrap_or_default();
        let console = String::from_utf8_lossy(&fs::read(&console).unwrap_or_default()).into_owned();
        let marker = text.rfind("\n@status ");
        let status = marker.and_then(|at| text[at + 9..].split('@').next()?.parse().ok());
        let output = text[..marker.unwrap_or(text.len())].to_owned();
        Ok(GuestResult { output, status, console })
    }

    fn qemu(&self, initramfs: &Path, disk: &Path, console: &Path) -> Command {
        let mut qemu = Command::new("qemu-system-x86_64");
        qemu.args(["-accel", "tcg", "-cpu", "max", "-m", "768M", "-smp", "2", "-display", "none", "-no-reboot"]);
        qemu.args(["-nodefaults", "-serial"]).arg(format!("file:{}", console.display())).args(["-serial", "stdio"]);
        qemu.arg("-kernel").arg(&self.kernel.image).arg("-initrd").arg(initramfs);
        qemu.args(["-append", "console=ttyS0 quiet panic=-1 nokaslr mitigations=off"]);
        qemu.arg("-drive").arg(format!("file={},format=raw,if=virtio", disk.display()));
        qemu.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        qemu
    }

    fn initramfs(&self) -> Result<Vec<u8>> {
        let mut archive = Cpio::default();
        for directory in ["bin", "proc", "sys", "dev", "tmp", "root", "etc", "run", "modules", "var", "mnt"] {
            archive.add(directory, 0o040_755, b"");
        }
        let busybox = ["/bin/busybox", "/usr/bin/busybox"].into_iter().map(PathBuf::from).find(|path| path.exists());
        let busybox = busybox.context("busybox is missing: install busybox-static")?;
        archive.add("bin/busybox", 0o100_755, &fs::read(busybox)?);
        archive.add("init", 0o100_755, INIT.as_bytes());
        archive.add("script", 0o100_755, self.script.as_bytes());
        archive.add("etc/passwd", 0o100_644, b"root:x:0:0:root:/root:/bin/sh\n");
        let mut wanted = vec!["virtio_pci", "virtio_blk"];
        wanted.extend(&self.modules);
        for (n, (name, data)) in self.kernel.modules(&wanted)?.iter().enumerate() {
            archive.add(&format!("modules/{n:03}-{name}.ko"), 0o100_644, data);
        }
        for (path, data) in &self.files {
            let path = path.trim_start_matches('/');
            for (at, _) in path.match_indices('/') {
                archive.add(&path[..at], 0o040_755, b"");
            }
            archive.add(path, 0o100_755, data);
        }
        for (path, to) in &self.links {
            archive.add(path, 0o120_777, to.as_bytes());
        }
        Ok(archive.finish())
    }
}

/// A guest in which this has been told so often does not come back: old kernels hang at times under emulation.
const HUNG: (&str, usize) = ("soft lockup", 4);

fn wait(qemu: &mut Child, timeout: Duration, console: &Path) -> Result<()> {
    let start = Instant::now();
    let (mut looked, mut hung) = (start, false);
    while qemu.try_wait()?.is_none() {
        if looked.elapsed() > Duration::from_secs(5) {
            looked = Instant::now();
            let text = String::from_utf8_lossy(&fs::read(console).unwrap_or_default()).into_owned();
            hung = text.matches(HUNG.0).count() >= HUNG.1;
        }
        if hung || start.elapsed() > timeout {
            qemu.kill()?;
            qemu.wait()?;
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    if start.elapsed() < Duration::from_millis(300) {
        bail!("qemu-system-x86_64 ended at once");
    }
    Ok(())
}

/// A cpio archive of the `newc` kind, which kernels unpack.
#[derive(Default)]
struct Cpio {
    bytes: Vec<u8>,
    entries: u32,
    names: Vec<String>,
}

impl Cpio {
    fn add(&mut self, name: &str, mode: u32, data: &[u8]) {
        if self.names.iter().any(|known| known == name) {
            return;
        }
        self.names.push(name.to_owned());
        self.entries += 1;
        let fields = [self.entries, mode, 0, 0, 1, 0, data.len() as u32, 0, 0, 0, 0, name.len() as u32 + 1, 0];
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            self.bytes.extend_from_slice(format!("{field:08x}").as_bytes());
        }
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(data);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    fn finish(mut self) -> Vec<u8> {
        self.add("TRAILER!!!", 0, b"");
        self.bytes
    }
}
