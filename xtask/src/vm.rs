//! `cargo xtask vm`: tools on old and new kernels in QEMU; `--snapshot` captures a kernel's description.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::kernels::{self, Kernel, output};
use crate::vm_guest::Guest;

/// Options of `cargo xtask vm`.
#[derive(Args, Clone, Debug)]
pub struct VmArgs {
    /// Kernel series: 5.10, 6.1, 6.12, 7. All when not given.
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
    /// Where the tools' binaries are.
    #[arg(long, default_value = "dist")]
    pub bin_dir: PathBuf,
    /// Seconds until a guest is given up.
    #[arg(long, default_value_t = 240)]
    pub timeout: u64,
    /// Cases of tests/vm to run. All when not given.
    pub names: Vec<String>,
}

/// Modules whose tracepoints and types scripts ask for, and that Debian does not build in.
const TRACED_MODULES: [&str; 12] =
    ["ext4", "xfs", "btrfs", "scsi_mod", "sd_mod", "nvme", "nvme_core", "kvm", "nfs", "sunrpc", "overlay", "fuse"];

/// Programs of this machine that cases use besides busybox; they are brought with their libraries.
const PROGRAMS: [&str; 2] = ["bash", "script"];

/// Runs it.
pub fn run(args: &VmArgs) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask lies in the repository")?;
    let names: Vec<String> =
        if args.kernel.is_empty() { kernels::names().map(str::to_owned).collect() } else { args.kernel.clone() };
    let kernels = names.iter().map(|name| kernels::fetch(root, name)).collect::<Result<Vec<_>>>()?;
    if let Some(file) = &args.snapshot {
        let [kernel] = &kernels[..] else { bail!("--snapshot wants one --kernel") };
        return snapshot(root, kernel, file);
    }
    if let Some(script) = &args.script {
        let script = fs::read_to_string(script).with_context(|| format!("cannot read {}", script.display()))?;
        return kernels.iter().try_for_each(|kernel| run_script(root, kernel, args, &script));
    }
    table(root, &kernels, args)
}

/// A guest with the tools, the wanted files, and what cases use.
fn guest<'a>(root: &Path, kernel: &'a Kernel, args: &'a VmArgs, script: String) -> Result<Guest<'a>> {
    let mut files = vec![("cases/lib".to_owned(), fs::read(root.join("tests/vm/lib"))?)];
    for program in PROGRAMS {
        files.extend(with_libraries(program)?);
    }
    for binary in entries(&root.join(&args.bin_dir)) {
        files.push((format!("bin/{}", name_of(&binary)), fs::read(&binary)?));
    }
    for path in &args.file {
        let name = path.file_name().context("a file has a name")?.to_string_lossy();
        files.push((format!("bin/{name}"), fs::read(path).with_context(|| format!("cannot read {}", path.display()))?));
    }
    Ok(Guest {
        kernel,
        modules: args.module.iter().map(String::as_str).collect(),
        files,
        script,
        disk: 64 << 20,
        timeout: Duration::from_secs(args.timeout),
    })
}

fn place(root: &Path, kernel: &Kernel) -> PathBuf {
    root.join("target/vm").join(format!("{}-{}", kernel.name, std::process::id()))
}

fn run_script(root: &Path, kernel: &Kernel, args: &VmArgs, script: &str) -> Result<()> {
    let guest = guest(root, kernel, args, script.to_owned())?;
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

/// A case of `tests/vm`: `<tool>.sh`, run with the tool in `/bin`; it ends with status 0 when all is well.
struct Case {
    name: String,
    script: String,
}

/// Boots each kernel once, runs all cases there, and prints which went well where.
fn table(root: &Path, kernels: &[Kernel], args: &VmArgs) -> Result<()> {
    let mut cases = Vec::new();
    for path in entries(&root.join("tests/vm")).iter().filter(|path| path.extension().is_some_and(|e| e == "sh")) {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if args.names.is_empty() || args.names.contains(&name) {
            cases.push(Case { name, script: fs::read_to_string(path)? });
        }
    }
    if cases.is_empty() {
        bail!("no such case in tests/vm");
    }
    let mut failures = Vec::new();
    let mut columns: Vec<BTreeMap<String, bool>> = Vec::new();
    for kernel in kernels {
        eprintln!("booting {} …", kernel.release);
        columns.push(run_cases(root, kernel, args, &cases, &mut failures)?);
    }
    let width = cases.iter().map(|case| case.name.len()).max().unwrap_or(0);
    print!("{:width$}", "");
    kernels.iter().for_each(|kernel| print!("  {:>5}", kernel.name));
    println!();
    for case in &cases {
        print!("{:width$}", case.name);
        for column in &columns {
            print!("  {:>5}", if column.get(&case.name) == Some(&true) { "ok" } else { "FAIL" });
        }
        println!();
    }
    if failures.is_empty() {
        return Ok(());
    }
    failures.iter().for_each(|text| eprintln!("\n{text}"));
    let known = fs::read_to_string(root.join("tests/vm/known.txt")).unwrap_or_default();
    failures.retain(|text| {
        !known
            .lines()
            .filter_map(|line| line.split_once(' '))
            .any(|(tool, kernel)| text.starts_with(&format!("{tool} on {kernel}.")))
    });
    if failures.is_empty() {
        println!("only what tests/vm/known.txt lists has failed");
        return Ok(());
    }
    bail!("{} of {} failed", failures.len(), cases.len() * kernels.len());
}

fn run_cases(
    root: &Path,
    kernel: &Kernel,
    args: &VmArgs,
    cases: &[Case],
    failures: &mut Vec<String>,
) -> Result<BTreeMap<String, bool>> {
    let script: String = cases
        .iter()
        .map(|c| {
            format!(
                "echo '@case {0}@'; timeout 60 sh /cases/{0}.sh; status=$?; echo; echo \"@end {0} $status@\"\n",
                c.name
            )
        })
        .collect();
    let mut guest = guest(root, kernel, args, script)?;
    for case in cases {
        guest.files.push((format!("cases/{}.sh", case.name), case.script.clone().into_bytes()));
    }
    let directory = place(root, kernel);
    let result = guest.run(&directory)?;
    fs::remove_dir_all(&directory)?;
    let mut column = BTreeMap::new();
    for case in cases {
        let start = result.output.find(&format!("@case {}@\n", case.name));
        let rest = start.map_or("", |at| &result.output[at..]);
        let end = rest.find(&format!("\n@end {} ", case.name));
        let good = end.is_some_and(|at| rest[at..].starts_with(&format!("\n@end {} 0@", case.name)));
        if !good {
            let said = end.map_or(rest, |at| &rest[..at]);
            let why = if end.is_none() {
                format!("\nno end; the kernel said:\n{}", tail(&result.console))
            } else {
                String::new()
            };
            failures.push(format!("{} on {}:\n{said}{why}", case.name, kernel.release));
        }
        column.insert(case.name.clone(), good);
    }
    Ok(column)
}

/// A program, in the guest's /bin, and the libraries that it loads.
fn with_libraries(program: &str) -> Result<Vec<(String, Vec<u8>)>> {
    let places = ["/bin", "/usr/bin"].map(|place| Path::new(place).join(program));
    let Some(path) = places.iter().find(|path| path.exists()) else { return Ok(Vec::new()) };
    let mut files = vec![(format!("bin/{program}"), fs::read(path)?)];
    let libraries = output(Command::new("ldd").arg(path))?;
    for word in libraries.split_whitespace().filter(|word| word.starts_with('/')) {
        files.push((word.to_owned(), fs::read(word)?));
    }
    Ok(files)
}

fn tail(text: &str) -> String {
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

fn entries(directory: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.is_file());
    paths.sort();
    paths
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
