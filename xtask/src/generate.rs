//! `generate`: scripts of generated-tools/ → their crates; `--check` proves that they are fresh.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::shell::{cargo, root, run};
use crate::tools;

/// Arguments of `generate`.
#[derive(Debug, Args)]
pub struct GenerateArgs {
    /// Tools [default: all]
    pub names: Vec<String>,
    /// Write nothing; fail when a crate differs from what its script gives
    #[arg(long)]
    pub check: bool,
}

/// Writes or checks the crates.
///
/// # Errors
/// When a script does not compile, or with `--check` when a crate is stale.
pub fn generate(args: &GenerateArgs) -> Result<()> {
    let names = if args.names.is_empty() { tools::all()? } else { args.names.clone() };
    let tracewright = build_cli()?;
    let mut stale = Vec::new();
    for name in &names {
        let dir = root().join("generated-tools").join(name);
        let fresh_dir = tools::target_dir().join("generate").join(name);
        if fresh_dir.exists() {
            fs::remove_dir_all(&fresh_dir)?;
        }
        run(Command::new(&tracewright)
            .arg("generate")
            .arg(dir.join(format!("{name}.bt")))
            .args(["--no-warnings", "--workspace-member", "--runtime", "../../runtime", "-o"])
            .arg(&fresh_dir))?;
        let fresh = read_tree(&fresh_dir)?;
        let mut committed = read_tree(&dir)?;
        committed.remove(Path::new(&format!("{name}.bt")));
        let differing: Vec<&PathBuf> = fresh
            .keys()
            .chain(committed.keys().filter(|path| !fresh.contains_key(*path)))
            .filter(|path| fresh.get(*path) != committed.get(*path))
            .collect();
        if args.check {
            stale.extend(differing.iter().map(|path| format!("generated-tools/{name}/{}", path.display())));
        } else {
            for path in &differing {
                write_or_remove(&dir.join(path), fresh.get(*path).map(Vec::as_slice))?;
                println!("generated-tools/{name}/{}", path.display());
            }
        }
    }
    if !stale.is_empty() {
        bail!("not what `cargo xtask generate` writes:\n    {}", stale.join("\n    "));
    }
    println!("generate: {} crates are up to date", names.len());
    Ok(())
}

/// Builds the `tracewright` command; its path.
///
/// # Errors
/// When it does not compile.
pub fn build_cli() -> Result<PathBuf> {
    run(cargo().args(["build", "--quiet", "--package", "tracewright-cli"]))?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let path = target.join("debug/tracewright");
    if !path.is_file() {
        bail!("cargo built no {}", path.display());
    }
    Ok(path)
}

/// All files below `dir` by relative path, cargo's target directory aside.
fn read_tree(dir: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    fn walk(base: &Path, dir: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) -> Result<()> {
        for entry in fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))? {
            let path = entry?.path();
            if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
                walk(base, &path, files)?;
            } else if path.is_file() {
                files.insert(path.strip_prefix(base)?.to_path_buf(), fs::read(&path)?);
            }
        }
        Ok(())
    }
    let mut files = BTreeMap::new();
    walk(dir, dir, &mut files)?;
    Ok(files)
}

fn write_or_remove(path: &Path, content: Option<&[u8]>) -> Result<()> {
    match content {
        Some(content) => {
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))
        }
        None => fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display())),
    }
}
