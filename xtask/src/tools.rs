//! `build-tools`: the crates of generated-tools/ → static binaries.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::shell::{cargo, root, run};

/// Arguments of `build-tools`.
#[derive(Debug, Args)]
pub struct BuildToolsArgs {
    /// Tools to build [default: all]
    pub names: Vec<String>,
    /// Where to put the binaries
    #[arg(long, value_name = "DIR", default_value = "dist")]
    pub out_dir: PathBuf,
}

/// Compiles tools and copies them to `out_dir`.
///
/// # Errors
/// When one does not compile.
pub fn build_tools(args: &BuildToolsArgs) -> Result<()> {
    let names = if args.names.is_empty() { all()? } else { args.names.clone() };
    let binaries = build(&names)?;
    std::fs::create_dir_all(&args.out_dir).with_context(|| format!("cannot make {}", args.out_dir.display()))?;
    let mut unfit = Vec::new();
    for (name, binary) in names.iter().zip(binaries) {
        unfit.extend(check_binary(name, &binary).err().map(|error| error.to_string()));
        let output = args.out_dir.join(name);
        let temporary = args.out_dir.join(format!(".{name}.tmp"));
        std::fs::copy(&binary, &temporary)
            .and_then(|_| std::fs::rename(&temporary, &output))
            .with_context(|| format!("cannot write {}", output.display()))?;
        println!("{} ({:.1} MB)", output.display(), std::fs::metadata(&output)?.len() as f64 / 1e6);
    }
    if !unfit.is_empty() {
        bail!("{}", unfit.join("; "));
    }
    Ok(())
}

/// Compiles tools; the path of each binary.
///
/// # Errors
/// When one is unknown or does not compile.
pub fn build(names: &[String]) -> Result<Vec<PathBuf>> {
    let known = all()?;
    for name in names {
        if !known.contains(name) {
            bail!("no tool `{name}` in generated-tools/; there are: {}", known.join(", "));
        }
    }
    let dir = root().join("generated-tools");
    let target = target_dir();
    let mut command = cargo();
    command.current_dir(&dir).args(["build", "--release", "--target-dir"]).arg(&target);
    for name in names {
        command.args(["--package", name]);
    }
    run(&mut command)?;
    // With a target given, as static linking needs it, cargo puts the binaries below the target's name.
    let binaries = names.iter().map(|name| -> Result<PathBuf> {
        let mut found: Vec<PathBuf> = std::fs::read_dir(&target)?
            .flatten()
            .map(|entry| entry.path().join("release").join(name))
            .filter(|path| path.is_file())
            .collect();
        found.sort_by_key(|path| std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok());
        found.pop().with_context(|| format!("cargo made no binary `{name}` below {}", target.display()))
    });
    binaries.collect()
}

/// One binary of all tools, compiled quickly: for tests.
///
/// # Errors
/// When a script does not compile.
pub fn build_multi_call() -> Result<PathBuf> {
    let names = all()?;
    let output = root().join("target/vm/tracewright-tools");
    std::fs::create_dir_all(root().join("target/vm"))?;
    let mut command = Command::new(crate::generate::build_cli()?);
    command.args(["build", "--no-warnings", "--unsafe", "--multi-call"]).arg(&output);
    run(command.args(names.iter().map(|name| root().join(format!("generated-tools/{name}/{name}.bt")))))?;
    Ok(output)
}

/// The most that a tool may weigh.
const MAX_TOOL_BYTES: u64 = 3_000_000;
/// Tools that may weigh more: a program for every kind of probe that their parameter can name.
const HEAVY: [&str; 3] = ["argdist", "stackcount", "trace"];
const MAX_HEAVY_BYTES: u64 = 3_300_000;

/// Whether a binary is what we ship: small and static. Its size in bytes.
///
/// # Errors
/// When it is not.
pub fn check_binary(name: &str, path: &Path) -> Result<u64> {
    let bytes = std::fs::read(path)?;
    let size = bytes.len() as u64;
    let max = if HEAVY.contains(&name) { MAX_HEAVY_BYTES } else { MAX_TOOL_BYTES };
    if size > max {
        bail!("{name} has {size} bytes, more than {max}");
    }
    if has_interpreter(&bytes) {
        bail!("{name} is not static: it asks for a dynamic loader");
    }
    Ok(size)
}

/// Whether an ELF file (64-bit, little endian) has a PT_INTERP program header.
fn has_interpreter(elf: &[u8]) -> bool {
    const PT_INTERP: u32 = 3;
    let number = |at: usize, size: usize| -> usize {
        elf.get(at..at + size).map_or(0, |bytes| bytes.iter().rev().fold(0, |n, byte| n << 8 | usize::from(*byte)))
    };
    let (offset, entry_size, count) = (number(32, 8), number(54, 2), number(56, 2));
    (0..count).any(|index| number(offset + index * entry_size, 4) == PT_INTERP as usize)
}

/// Where the tools are built.
pub fn target_dir() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => PathBuf::from(dir).join("generated-tools"),
        None => root().join("generated-tools/target"),
    }
}

/// Names of all tools, sorted.
///
/// # Errors
/// When generated-tools/ cannot be read.
pub fn all() -> Result<Vec<String>> {
    let dir = root().join("generated-tools");
    let mut names: Vec<String> = std::fs::read_dir(&dir)
        .with_context(|| format!("cannot read {}", dir.display()))?
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| dir.join(name).join(format!("{name}.bt")).is_file())
        .collect();
    names.sort();
    Ok(names)
}
