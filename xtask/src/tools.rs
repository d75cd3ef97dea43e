//! `build-tools`: the crates of generated-tools/ → static binaries.

use std::path::PathBuf;

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
    for (name, binary) in names.iter().zip(binaries) {
        let output = args.out_dir.join(name);
        let temporary = args.out_dir.join(format!(".{name}.tmp"));
        std::fs::copy(&binary, &temporary)
            .and_then(|_| std::fs::rename(&temporary, &output))
            .with_context(|| format!("cannot write {}", output.display()))?;
        println!("{} ({:.1} MB)", output.display(), std::fs::metadata(&output)?.len() as f64 / 1e6);
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
