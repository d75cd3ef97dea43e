//! The workspace that tools are built in, and cargo at work in it.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::args::Profile;
use crate::cache::{self, Cache};
use crate::progress::Progress;

/// A tool to be compiled.
pub struct Unit {
    /// Name of its binary in the workspace, unique.
    pub bin: String,
    /// What people call it.
    pub display: String,
    /// `main.rs`
    pub main_rs: String,
}

/// What came of one: the path of its binary, or rustc's words.
pub type Built = Result<PathBuf, String>;

/// Static linking against the C library and libelf, the same for `build` and `generate`.
pub const CARGO_CONFIG: &str = r#"# Tools are static binaries: they run where nothing is installed.
[build]
target = "host-tuple"

[target.'cfg(target_env = "gnu")']
rustflags = ["-C", "target-feature=+crt-static"LINK_ZSTD]

[env]
LIBBPF_SYS_LIBRARY_PATH = "/usr/lib/x86_64-linux-gnu:/usr/lib/aarch64-linux-gnu:/usr/lib64:/usr/lib"
"#;

/// `.cargo/config.toml` for this machine: the libelf of some distributions needs libzstd too.
pub fn cargo_config() -> String {
    let libraries = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"];
    let needs_zstd = libraries.iter().any(|dir| Path::new(dir).join("libzstd.a").exists());
    CARGO_CONFIG.replace("LINK_ZSTD", if needs_zstd { r#", "-C", "link-arg=-lzstd""# } else { "" })
}

/// Compiles all units in one call of cargo.
///
/// # Errors
/// When cargo cannot run or the libraries that every tool needs do not compile.
pub fn build(cache: &Cache, units: &[Unit], profile: Profile, progress: &Progress) -> Result<HashMap<String, Built>> {
    write_workspace(cache, units)?;
    let workspace = cache.workspace();
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .current_dir(&workspace)
        .args(["build", "--bins", "--keep-going", "--message-format=json"])
        .args(match profile {
            Profile::Dev => ["--profile", "dev"],
            Profile::Release => ["--profile", "release"],
        })
        .arg("--target-dir")
        .arg(cache.target())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    // What is set for another build, such as that of a program which calls us, is not meant for this one.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        let keep = ["CARGO_HOME", "CARGO_NET_OFFLINE", "CARGO_BUILD_JOBS"].contains(&&*name)
            || name.starts_with("CARGO_HTTP_")
            || name.starts_with("CARGO_REGISTR");
        if (name.starts_with("CARGO") && !keep) || ["RUSTFLAGS", "OUT_DIR", "TARGET"].contains(&&*name) {
            command.env_remove(&*name);
        }
    }
    progress.show(&format!("compiling {}", count(units)));
    let mut child = command.spawn().context("cannot run cargo, which compiles the tools")?;
    // SANITY: both were piped above.
    let (stdout, mut stderr) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
    let stderr_reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        let _ = stderr.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    });
    let (mut built, of_libraries) = read_messages(BufReader::new(stdout), units, progress)?;
    let status = child.wait().context("cargo")?;
    let complaints = stderr_reader.join().unwrap_or_default();
    if built.is_empty() && !status.success() {
        bail!(
            "cargo could not build what every tool links: that needs make, pkg-config, libelf and zlib with headers and \
             static libraries\n{of_libraries}{}",
            complaints.trim_end()
        );
    }
    for unit in units {
        built.entry(unit.bin.clone()).or_insert_with(|| Err(complaints_about(&unit.bin, &complaints)));
    }
    Ok(built)
}

/// The crate `workspace`: one binary a unit, nothing of earlier calls.
fn write_workspace(cache: &Cache, units: &[Unit]) -> Result<()> {
    let workspace = cache.workspace();
    let bins = workspace.join("src/bin");
    cache::write_if_changed(&workspace.join(".cargo/config.toml"), &cargo_config())?;
    cache::write_if_changed(&workspace.join("Cargo.toml"), &manifest(&cache.runtime()?))?;
    let lock = workspace.join("Cargo.lock");
    let lock_of = workspace.join(".lock-of");
    if !lock.exists() || fs::read_to_string(&lock_of).ok().as_deref() != Some(cache::runtime_hash()) {
        fs::write(&lock, cache::lock_file()).with_context(|| format!("cannot write {}", lock.display()))?;
        fs::write(&lock_of, cache::runtime_hash())?;
    }
    if bins.exists() {
        fs::remove_dir_all(&bins).with_context(|| format!("cannot empty {}", bins.display()))?;
    }
    for unit in units {
        cache::write_if_changed(&bins.join(format!("{}.rs", unit.bin)), &unit.main_rs)?;
    }
    Ok(())
}

fn manifest(runtime: &Path) -> String {
    format!(
        r#"# Made by `tracewright build`.
[package]
name = "tools"
version = "0.1.0"
edition = "2024"
publish = false

[dependencies]
tracewright = {{ path = {runtime:?}, default-features = false, features = ["static"] }}

[workspace]

[profile.dev]
opt-level = 0
debug = false
strip = "symbols"
incremental = false
overflow-checks = false
panic = "abort"

[profile.dev.package."*"]
opt-level = 2

{PROFILE_RELEASE}"#
    )
}

/// Settings for the smallest binary.
pub const PROFILE_RELEASE: &str = r#"[profile.release]
opt-level = "z"
lto = true
codegen-units = 1
panic = "abort"
strip = "symbols"
"#;

/// What became of each unit, and rustc's words about anything else.
fn read_messages(
    stdout: impl BufRead,
    units: &[Unit],
    progress: &Progress,
) -> Result<(HashMap<String, Built>, String)> {
    let mut built: HashMap<String, Built> = HashMap::new();
    let mut errors: HashMap<String, String> = HashMap::new();
    for line in stdout.lines() {
        let Ok(message) = serde_json::from_str::<Value>(&line.context("cargo's messages")?) else { continue };
        let target = message["target"]["name"].as_str().unwrap_or_default();
        match message["reason"].as_str() {
            Some("compiler-artifact") => {
                if let Some(unit) = units.iter().find(|unit| unit.bin == target) {
                    if let Some(path) = message["executable"].as_str() {
                        built.insert(unit.bin.clone(), Ok(PathBuf::from(path)));
                        progress.show(&format!("compiled {} of {}", built.len(), count(units)));
                    }
                } else if built.is_empty() {
                    progress.show(&format!("compiling {}: {target}", count(units)));
                }
            }
            Some("compiler-message") if message["message"]["level"] == "error" => {
                let text = message["message"]["rendered"].as_str().unwrap_or_default();
                let _ = writeln!(errors.entry(target.to_owned()).or_default(), "{text}");
            }
            _ => {}
        }
    }
    let mut of_libraries = String::new();
    for (target, text) in errors {
        if units.iter().any(|unit| unit.bin == target) {
            built.insert(target, Err(text));
        } else {
            of_libraries += &text;
        }
    }
    Ok((built, of_libraries))
}

fn count(units: &[Unit]) -> String {
    match units {
        [unit] => unit.display.clone(),
        _ => format!("{} tools", units.len()),
    }
}

/// The linker's words come without a message of their own: cargo names the binary when it fails.
fn complaints_about(bin: &str, complaints: &str) -> String {
    let at = complaints.find(&format!("(bin \"{bin}\")")).unwrap_or(0);
    let start = complaints[..at].rfind("\nerror").map_or(0, |at| at + 1);
    complaints[start..].chars().take(4000).collect()
}
