//! `cargo xtask vm`: tools on old and new kernels in QEMU; `--snapshot` captures a kernel's description.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::kernels::{self, Kernel, output};
use crate::tools;
use crate::vm_cases;
use crate::vm_guest::Guest;
use crate::vm_probes;

/// Options of `cargo xtask vm`.
#[derive(Args, Clone, Debug)]
pub struct VmArgs {
    /// Kernel series: 5.10, 6.1, 6.12, 7, or `host` for this machine's own; all when not given
    #[arg(long, value_delimiter = ',')]
    pub kernel: Vec<String>,
    /// Capture the kernel's description into this file instead.
    #[arg(long, value_name = "FILE")]
    pub snapshot: Option<PathBuf>,
    /// Run this shell script in the guest instead, and print what it prints.
    #[arg(long, value_name = "SCRIPT")]
    pub script: Option<PathBuf>,
    /// Files for the guest's /bin, besides the tools.
    #[arg(long, value_name = "FILE")]
    pub file: Vec<PathBuf>,
    /// Modules to load.
    #[arg(long, value_delimiter = ',')]
    pub module: Vec<String>,
    /// Take the tools' binaries from here; otherwise one unoptimised binary of all of them is built
    #[arg(long, value_name = "DIR")]
    pub bin_dir: Option<PathBuf>,
    /// Seconds until a guest is given up.
    #[arg(long, default_value_t = 900)]
    pub timeout: u64,
    /// How many guests run at once.
    #[arg(long, default_value_t = 2)]
    pub jobs: usize,
    /// Write docs/tools.md from what came of it
    #[arg(long)]
    pub write_table: bool,
    /// Try every kind of probe instead: the scripts of tests/vm/probes.
    #[arg(long)]
    pub probes: bool,
    /// Write the table of `--probes` to docs/probes.md.
    #[arg(long, requires = "probes")]
    pub write: bool,
    /// Cases of tests/vm to run. All when not given.
    pub names: Vec<String>,
}

impl VmArgs {
    /// All cases on all kernels.
    pub fn all_cases() -> VmArgs {
        VmArgs {
            kernel: Vec::new(),
            snapshot: None,
            script: None,
            file: Vec::new(),
            module: Vec::new(),
            bin_dir: None,
            timeout: 900,
            jobs: 2,
            write_table: false,
            probes: false,
            write: false,
            names: Vec::new(),
        }
    }
}

/// Modules whose tracepoints and types scripts ask for, and that Debian does not build in.
const TRACED_MODULES: [&str; 12] =
    ["ext4", "xfs", "btrfs", "scsi_mod", "sd_mod", "nvme", "nvme_core", "kvm", "nfs", "sunrpc", "overlay", "fuse"];

/// Modules that cases need: file systems, swap, a network device that swallows everything, software RAID.
const CASE_MODULES: [&str; 8] = ["crc32c_generic", "ext4", "xfs", "zram", "dummy", "loop", "md_mod", "raid1"];

/// Programs of this machine that cases use besides busybox; they are brought with their libraries.
const PROGRAMS: [&str; 5] = ["bash", "script", "openssl", "mkfs.ext4", "mkfs.xfs"];

/// Runs it.
pub fn run(args: &VmArgs) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask lies in the repository")?;
    let names: Vec<String> =
        if args.kernel.is_empty() { kernels::names().map(str::to_owned).collect() } else { args.kernel.clone() };
    let kernels = names.iter().filter(|name| *name != "host").cloned().collect::<Vec<_>>();
    let kernels = kernels.iter().map(|name| kernels::fetch(root, name)).collect::<Result<Vec<_>>>()?;
    if let Some(file) = &args.snapshot {
        let [kernel] = &kernels[..] else { bail!("--snapshot wants one --kernel") };
        return snapshot(root, kernel, file);
    }
    if let Some(script) = &args.script {
        let script = fs::read_to_string(script).with_context(|| format!("cannot read {}", script.display()))?;
        let contents = Contents::new(root, args)?;
        return kernels.iter().try_for_each(|kernel| run_script(root, kernel, args, &contents, &script));
    }
    if args.probes {
        return vm_probes::run(root, &kernels, args);
    }
    vm_cases::run(root, &kernels, args, &Contents::new(root, args)?)
}

/// What every guest has in it.
#[derive(Clone, Debug)]
pub struct Contents {
    files: Vec<(String, Vec<u8>)>,
    links: Vec<(String, String)>,
}

impl Contents {
    /// Path in the guest, and what is in the file.
    pub fn files(&self) -> &[(String, Vec<u8>)] {
        &self.files
    }

    /// Path in the guest, and what it points at.
    pub fn links(&self) -> &[(String, String)] {
        &self.links
    }

    /// One more file.
    pub fn add(&mut self, path: String, data: Vec<u8>) {
        self.files.push((path, data));
    }

    /// The tools, the wanted files, and what cases use.
    fn new(root: &Path, args: &VmArgs) -> Result<Contents> {
        let mut files = vec![("cases/lib".to_owned(), fs::read(root.join("tests/vm/lib"))?)];
        for program in PROGRAMS {
            let places = ["/bin", "/usr/bin", "/sbin", "/usr/sbin"].map(|place| Path::new(place).join(program));
            if let Some(path) = places.iter().find(|path| path.exists()) {
                files.extend(with_libraries(path)?);
            }
        }
        files.extend(with_libraries(&compile_causes(root)?)?);
        let mut links = Vec::new();
        match &args.bin_dir {
            Some(dir) => {
                for binary in entries(&root.join(dir)) {
                    files.push((format!("bin/{}", name_of(&binary)), fs::read(&binary)?));
                }
            }
            None => {
                files.push(("bin/tracewright-tools".to_owned(), fs::read(tools::build_multi_call()?)?));
                links.extend(
                    tools::all()?.into_iter().map(|name| (format!("bin/{name}"), "tracewright-tools".to_owned())),
                );
            }
        }
        for path in &args.file {
            let data = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            files.push((format!("bin/{}", name_of(path)), data));
        }
        Ok(Contents { files, links })
    }
}

/// The program that makes events happen which busybox cannot; dynamic, so that libraries are traced in it.
fn compile_causes(root: &Path) -> Result<PathBuf> {
    let directory = root.join("target/vm");
    fs::create_dir_all(&directory)?;
    let binary = directory.join("cause");
    let mut clang = Command::new("clang");
    clang.args(["-O1", "-Wall", "-pthread", "-o"]).arg(&binary).arg(root.join("tests/vm/cause.c"));
    output(&mut clang)?;
    Ok(binary)
}

/// A guest that runs `script`.
pub fn guest<'a>(kernel: &'a Kernel, args: &'a VmArgs, contents: &Contents, script: String) -> Guest<'a> {
    Guest {
        kernel,
        modules: args.module.iter().map(String::as_str).chain(CASE_MODULES).collect(),
        files: contents.files.clone(),
        links: contents.links.clone(),
        script,
        // mkfs.xfs makes nothing smaller than 300 MB; the file is sparse.
        disk: 320 << 20,
        timeout: Duration::from_secs(args.timeout),
    }
}

/// Where a guest keeps its disk and what it prints.
pub fn place(root: &Path, kernel: &Kernel) -> PathBuf {
    root.join("target/vm").join(format!("{}-{}", kernel.name, std::process::id()))
}

fn run_script(root: &Path, kernel: &Kernel, args: &VmArgs, contents: &Contents, script: &str) -> Result<()> {
    let guest = guest(kernel, args, contents, script.to_owned());
    let directory = place(root, kernel);
    let result = guest.run(&directory)?;
    fs::remove_dir_all(&directory)?;
    print!("{}", result.output);
    match result.status {
        Some(0) => Ok(()),
        Some(status) => bail!("the script ended with status {status} on {}", kernel.release),
        None => bail!("no end on {}; the kernel said:\n{}", kernel.release, result.console),
    }
}

/// A program, in the guest's /bin, and the libraries that it loads.
fn with_libraries(path: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let mut files = vec![(format!("bin/{}", name_of(path)), fs::read(path)?)];
    let libraries = output(Command::new("ldd").arg(path))?;
    for word in libraries.split_whitespace().filter(|word| word.starts_with('/')) {
        files.push((word.to_owned(), fs::read(word)?));
    }
    Ok(files)
}

/// The last lines.
pub fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

/// Boots the kernel, brings its BTF and tracepoint formats here, and makes a description of them.
fn snapshot(root: &Path, kernel: &Kernel, file: &Path) -> Result<()> {
    // Files of tracefs have no length for tar to go by.
    let script = "set -e\nmkdir /tmp/c && cd /sys/kernel && cp -r btf /tmp/c\n\
                  grep -H field: tracing/events/*/*/format > /tmp/c/formats\ntar cf /dev/vda -C /tmp/c . && sync\n";
    let guest = Guest {
        kernel,
        modules: TRACED_MODULES.to_vec(),
        files: Vec::new(),
        links: Vec::new(),
        script: script.to_owned(),
        disk: 128 << 20,
        timeout: Duration::from_secs(300),
    };
    let directory = place(root, kernel);
    let result = guest.run(&directory)?;
    if result.status != Some(0) {
        bail!("the capture failed: {}\n{}", result.output, tail(&result.console));
    }
    let captured = directory.join("root");
    let kernel_directory = captured.join("sys/kernel");
    fs::create_dir_all(&kernel_directory)?;
    fs::create_dir_all(captured.join("proc/sys/kernel"))?;
    output(Command::new("tar").arg("xf").arg(directory.join("disk.img")).arg("-C").arg(&kernel_directory))?;
    fs::write(captured.join("proc/sys/kernel/osrelease"), &kernel.release)?;
    let mut formats: BTreeMap<PathBuf, String> = BTreeMap::new();
    for line in fs::read_to_string(kernel_directory.join("formats"))?.lines() {
        let (path, field) = line.split_once(':').context("grep tells the file before each line")?;
        *formats.entry(kernel_directory.join(path)).or_default() += &format!("{field}\n");
    }
    for (path, fields) in &formats {
        fs::create_dir_all(path.parent().context("a format lies in its event's directory")?)?;
        fs::write(path, fields)?;
    }
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["run", "--quiet", "--package", "tracewright-build", "--example", "snapshot", "--"]);
    output(cargo.arg(&captured).arg(file).current_dir(root))?;
    fs::remove_dir_all(&directory)?;
    println!("{}: {} bytes", file.display(), fs::metadata(file)?.len());
    Ok(())
}

/// The files of a directory, sorted.
pub fn entries(directory: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.is_file());
    paths.sort();
    paths
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
