//! Puts the sources of the runtime crate into the command, so that it builds tools wherever it is installed.

use std::collections::hash_map::DefaultHasher;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::hash::Hasher;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("..");
    let out_dir = PathBuf::from(std::env::var("OUT_DIR")?);
    let runtime = root.join("runtime");
    println!("cargo:rerun-if-changed={}", runtime.display());
    println!("cargo:rerun-if-changed={}", root.join("Cargo.toml").display());
    println!("cargo:rerun-if-changed={}", root.join("Cargo.lock").display());

    let mut files = vec![("Cargo.toml".to_owned(), standalone_manifest(&root)?)];
    for path in source_files(&runtime.join("src"))? {
        let name = path.strip_prefix(&runtime)?.to_str().ok_or("a file name that is not UTF-8")?.to_owned();
        files.push((name, fs::read_to_string(&path)?));
    }
    let lock = fs::read_to_string(root.join("Cargo.lock"))?;

    let mut hasher = DefaultHasher::new();
    let mut text =
        String::from("/// Files of the runtime crate: path and text.\npub const RUNTIME: &[(&str, &str)] = &[\n");
    for (name, content) in &files {
        hasher.write(name.as_bytes());
        hasher.write(content.as_bytes());
        writeln!(text, "    ({name:?}, {content:?}),")?;
    }
    hasher.write(lock.as_bytes());
    writeln!(text, "];\n/// Versions that the workspace was tested with.\npub const LOCK: &str = {lock:?};")?;
    writeln!(text, "/// Names these very sources.\npub const HASH: &str = \"{:016x}\";", hasher.finish())?;
    fs::write(out_dir.join("sources.rs"), text)?;
    Ok(())
}

/// The runtime's manifest with everything it inherits from the workspace written out, and without `bt!`,
/// which a generated tool has no use for.
fn standalone_manifest(root: &Path) -> Result<String, Box<dyn Error>> {
    let workspace: Table = fs::read_to_string(root.join("Cargo.toml"))?.parse()?;
    let workspace = workspace["workspace"].as_table().ok_or("no [workspace]")?;
    let mut manifest: Table = fs::read_to_string(root.join("runtime/Cargo.toml"))?.parse()?;

    let package = manifest["package"].as_table_mut().ok_or("no [package]")?;
    for (key, value) in package.iter_mut() {
        if is_inherited(value) {
            *value = workspace["package"][key].clone();
        }
    }
    let dependencies = manifest["dependencies"].as_table_mut().ok_or("no [dependencies]")?;
    dependencies.retain(|name, _| !name.starts_with("tracewright"));
    for (name, value) in dependencies.iter_mut() {
        if is_inherited(value) {
            *value = inherited_dependency(&workspace["dependencies"][name], value);
        }
    }
    if let Some(features) = manifest.get_mut("features").and_then(Value::as_table_mut) {
        // Known, so that `cfg` may ask for it, but without what it would bring.
        features.insert("macros".into(), Value::Array(Vec::new()));
        features.insert("default".into(), Value::Array(Vec::new()));
    }
    for unneeded in ["lints", "dev-dependencies"] {
        manifest.remove(unneeded);
    }
    Ok(toml::to_string(&manifest)?)
}

fn is_inherited(value: &Value) -> bool {
    value.get("workspace").and_then(Value::as_bool) == Some(true)
}

/// What `name = { workspace = true, … }` stands for.
fn inherited_dependency(workspace: &Value, own: &Value) -> Value {
    let mut table = match workspace {
        Value::Table(table) => table.clone(),
        version => Table::from_iter([("version".to_owned(), version.clone())]),
    };
    for (key, value) in own.as_table().into_iter().flatten() {
        match (key.as_str(), table.get_mut("features"), value) {
            ("workspace", ..) => {}
            ("features", Some(Value::Array(have)), Value::Array(more)) => have.extend(more.iter().cloned()),
            _ => {
                table.insert(key.clone(), value.clone());
            }
        }
    }
    Value::Table(table)
}

/// All files below `dir`, sorted.
fn source_files(dir: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(source_files(&path)?);
        } else {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
