//! A copy of the tools' sources in which they are built for packages: one workspace, the runtime inside it.
//!
//! Names that rustc gives to what it compiles depend on where a crate lies unless that is inside the workspace, and in the
//! repository the runtime lies beside generated-tools/. What else would tell the place is mapped to a name that is the
//! same everywhere.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use toml::{Table, Value};

use crate::shell::{cargo, run};

/// Stands for the path of the copy, and of what is generated while it is built, in binaries.
const SOURCES: &str = "/usr/src/tracewright";
/// Stands for the path of crates of the registry.
const CRATES: &str = "/usr/src/crates";

/// The copy.
pub struct Sources {
    pub dir: PathBuf,
}

impl Sources {
    /// Copies the crates of `names` and the runtime from `repository` to `dir`.
    ///
    /// # Errors
    /// What cannot be read or written.
    pub fn copy(repository: &Path, names: &[String], dir: &Path) -> Result<Self> {
        if dir.exists() {
            fs::remove_dir_all(dir).with_context(|| format!("cannot empty {}", dir.display()))?;
        }
        let tools = repository.join("generated-tools");
        for name in names {
            copy_tree(&tools.join(name), &dir.join(name))?;
            let manifest = dir.join(name).join("Cargo.toml");
            let text = fs::read_to_string(&manifest)?;
            fs::write(&manifest, text.replace("\"../../runtime\"", "\"../runtime\""))?;
        }
        copy_tree(&repository.join("runtime"), &dir.join("runtime"))?;
        let runtime = dir.join("runtime/Cargo.toml");
        fs::write(&runtime, without_macros(&fs::read_to_string(&runtime)?)?)?;
        fs::copy(tools.join("Cargo.lock"), dir.join("Cargo.lock"))?;
        let own: Table = fs::read_to_string(tools.join("Cargo.toml"))?.parse()?;
        let outer: Table = fs::read_to_string(repository.join("Cargo.toml"))?.parse()?;
        fs::write(dir.join("Cargo.toml"), toml::to_string(&workspace(own, &outer, names)?)?)?;
        let config: Table = fs::read_to_string(tools.join(".cargo/config.toml"))?.parse()?;
        fs::create_dir_all(dir.join(".cargo"))?;
        fs::write(dir.join(".cargo/config.toml"), toml::to_string(&with_mapped_paths(config, dir)?)?)?;
        Ok(Sources { dir: dir.to_owned() })
    }

    /// Compiles crates of the copy; the path of each binary.
    ///
    /// # Errors
    /// When one does not compile.
    pub fn build(&self, crates: &[String], target: &Path) -> Result<Vec<PathBuf>> {
        let mut command = cargo();
        command.current_dir(&self.dir).args(["build", "--release", "--target-dir"]).arg(target);
        // A directory of the caller's is not meant, nor flags that would replace ours.
        for variable in ["CARGO_TARGET_DIR", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"] {
            command.env_remove(variable);
        }
        for name in crates {
            command.args(["--package", name]);
        }
        run(&mut command)?;
        // Cargo puts the binaries below the target's name, since static linking needs it given.
        let find = |name: &String| -> Result<PathBuf> {
            let mut found = fs::read_dir(target)?.flatten().map(|entry| entry.path().join("release").join(name));
            found.find(|path| path.is_file()).with_context(|| format!("cargo made no binary `{name}`"))
        };
        crates.iter().map(find).collect()
    }
}

/// Names of the tools of a repository, sorted.
///
/// # Errors
/// When generated-tools/ cannot be read.
pub fn tools(repository: &Path) -> Result<Vec<String>> {
    let manifest: Table = fs::read_to_string(repository.join("generated-tools/Cargo.toml"))?.parse()?;
    let members = manifest.get("workspace").and_then(|workspace| workspace.get("members")).and_then(Value::as_array);
    let mut names: Vec<String> = members
        .context("no members in generated-tools/Cargo.toml")?
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    names.sort();
    Ok(names)
}

/// The workspace of the tools, with what the runtime inherits from the repository's.
fn workspace(mut own: Table, outer: &Table, names: &[String]) -> Result<Table> {
    let inherited = outer.get("workspace").and_then(Value::as_table).context("no [workspace]")?;
    let workspace = own.get_mut("workspace").and_then(Value::as_table_mut).context("no [workspace]")?;
    let members = names.iter().map(String::as_str).chain(["runtime"]).map(|name| Value::String(name.to_owned()));
    workspace.insert("members".into(), Value::Array(members.collect()));
    for key in ["package", "dependencies", "lints"] {
        if let Some(value) = inherited.get(key) {
            workspace.insert(key.into(), value.clone());
        }
    }
    Ok(own)
}

/// The runtime's manifest without `bt!`, which tools have no use for and which needs the compiler.
fn without_macros(manifest: &str) -> Result<String> {
    let mut manifest: Table = manifest.parse()?;
    if let Some(dependencies) = manifest.get_mut("dependencies").and_then(Value::as_table_mut) {
        dependencies.retain(|name, _| !name.starts_with("tracewright"));
    }
    if let Some(features) = manifest.get_mut("features").and_then(Value::as_table_mut) {
        for name in ["default", "macros"] {
            features.insert(name.into(), Value::Array(Vec::new()));
        }
    }
    manifest.remove("dev-dependencies");
    Ok(toml::to_string(&manifest)?)
}

/// Flags of rustc by which no path of this machine gets into a binary.
fn with_mapped_paths(mut config: Table, dir: &Path) -> Result<Table> {
    // Build scripts write beside the copy.
    let work = dir.parent().unwrap_or(dir);
    let mut flags = vec![format!("--remap-path-prefix={}={SOURCES}", work.display())];
    let home = match std::env::var_os("CARGO_HOME") {
        Some(home) => PathBuf::from(home),
        None => PathBuf::from(std::env::var_os("HOME").context("HOME is not set")?).join(".cargo"),
    };
    // A registry's directory has a hash in its name; later ones win.
    flags.push(format!("--remap-path-prefix={}={CRATES}", home.display()));
    for registry in fs::read_dir(home.join("registry/src")).into_iter().flatten().flatten() {
        flags.push(format!("--remap-path-prefix={}={CRATES}", registry.path().display()));
    }
    let targets =
        config.get_mut("target").and_then(Value::as_table_mut).context("no [target] in .cargo/config.toml")?;
    for (_, target) in targets.iter_mut() {
        let Some(rustflags) = target.get_mut("rustflags").and_then(Value::as_array_mut) else {
            bail!("no rustflags in .cargo/config.toml");
        };
        rustflags.extend(flags.iter().cloned().map(Value::String));
    }
    Ok(config)
}

/// Copies files and directories; what cargo has built is left.
fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let path = entry?.path();
        let name = path.file_name().context("a name")?;
        if path.is_dir() && name != "target" {
            copy_tree(&path, &to.join(name))?;
        } else if path.is_file() {
            fs::copy(&path, to.join(name)).with_context(|| format!("cannot copy {}", path.display()))?;
        }
    }
    Ok(())
}
