//! One binary of all tools: `tracewright-tools opensnoop`, or called by a tool's name.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use toml::{Table, Value};

use super::sources::Sources;

/// Its crate and binary.
pub const CRATE: &str = "tracewright-tools";

/// Adds the crate to the copied sources.
///
/// # Errors
/// What cannot be read or written.
pub fn write(sources: &Sources, names: &[String]) -> Result<()> {
    let dir = sources.dir.join(CRATE);
    let mut tools = Vec::new();
    for name in names {
        let module = dir.join("src").join(name);
        fs::create_dir_all(&module)?;
        let from = sources.dir.join(name).join("src");
        let main = fs::read_to_string(from.join("main.rs"))?;
        // What is the crate's root in a tool is a module here.
        let main = main.replace("\nfn main()", "\npub fn main()").replace("crate::", "self::");
        fs::write(module.join("mod.rs"), main)?;
        for entry in fs::read_dir(&from)?.flatten() {
            let file = entry.file_name();
            if entry.path().is_file() && file != "main.rs" {
                let text = fs::read_to_string(entry.path())?.replace("crate::", "super::");
                fs::write(module.join(file), text)?;
            }
        }
        // The tool's messages quote it.
        let script = format!("{name}.bt");
        fs::copy(sources.dir.join(name).join(&script), dir.join("src").join(script))?;
        let manifest: Table = fs::read_to_string(sources.dir.join(name).join("Cargo.toml"))?.parse()?;
        let about = manifest["package"].get("description").and_then(Value::as_str).unwrap_or_default();
        tools.push((name.as_str(), about.lines().next().unwrap_or_default().to_owned()));
    }
    fs::write(dir.join("src/main.rs"), main_rs(&tools))?;
    fs::write(dir.join("build.rs"), build_rs(names))?;
    let first = names.first().context("no tools")?;
    fs::write(dir.join("Cargo.toml"), manifest(&sources.dir.join(first))?)?;
    let workspace = sources.dir.join("Cargo.toml");
    let mut table: Table = fs::read_to_string(&workspace)?.parse()?;
    if let Some(members) = table["workspace"].get_mut("members").and_then(Value::as_array_mut) {
        members.push(Value::String(CRATE.to_owned()));
    }
    fs::write(&workspace, toml::to_string(&table)?)?;
    Ok(())
}

/// That of a tool, under another name.
fn manifest(tool: &Path) -> Result<String> {
    let mut table: Table = fs::read_to_string(tool.join("Cargo.toml"))?.parse()?;
    let package = table["package"].as_table_mut().context("no [package]")?;
    package.insert("name".into(), Value::String(CRATE.to_owned()));
    package.insert("description".into(), Value::String("All tools in one".to_owned()));
    let build = table["build-dependencies"].as_table_mut().context("no [build-dependencies]")?;
    let version = build.get("libbpf-cargo").cloned().context("no libbpf-cargo")?;
    build.insert("libbpf-rs".into(), version);
    Ok(toml::to_string(&table)?)
}

fn build_rs(names: &[String]) -> String {
    format!(
        r#"//! Compiles the BPF C of every tool to an object and a skeleton.

use std::path::PathBuf;

use libbpf_cargo::SkeletonBuilder;

const TOOLS: &[&str] = &{names:?};

fn main() {{
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    // As in the build scripts of the tools: nothing in an object tells where it was built.
    let headers = out.join("include/bpf");
    std::fs::create_dir_all(&headers).expect("cannot make a directory in OUT_DIR");
    for (name, text) in libbpf_rs::libbpf_sys::API_HEADERS {{
        std::fs::write(headers.join(name), text).expect("cannot write to OUT_DIR");
    }}
    let common = [
        format!("-I{{}}/include", out.display()),
        format!("-ffile-prefix-map={{}}=.", out.display()),
        format!("-idirafter/usr/include/{{}}-linux-gnu", std::env::consts::ARCH),
    ];
    for name in TOOLS {{
        let bpf = dir.join(name).join("src/bpf");
        let own = [format!("-I{{}}", bpf.display()), format!("-ffile-prefix-map={{}}=.", dir.join(name).display())];
        let warnings = ["-Wall", "-Wextra", "-Wno-unused-parameter"].map(str::to_owned);
        SkeletonBuilder::new()
            .source(bpf.join(format!("{{name}}.bpf.c")))
            .clang_args(own.iter().chain(&common).chain(&warnings))
            .build_and_generate(out.join(format!("{{name}}.skel.rs")))
            .expect("cannot compile the BPF program");
        println!("cargo:rerun-if-changed={{}}", bpf.display());
    }}
}}
"#
    )
}

fn main_rs(tools: &[(&str, String)]) -> String {
    let (mut modules, mut rows) = (String::new(), String::new());
    for (name, about) in tools {
        let _ = writeln!(modules, "#[path = \"{name}/mod.rs\"]\nmod {name};");
        let _ = writeln!(rows, "    Entry {{ name: {name:?}, about: {about:?}, main: {name}::main }},");
    }
    format!(
        r#"//! All tools in one binary.

use std::process::ExitCode;

use tracewright::multi_call::{{self, Entry}};

{modules}
const TOOLS: &[Entry] = &[
{rows}];

fn main() -> ExitCode {{
    multi_call::main(env!("CARGO_PKG_VERSION"), TOOLS)
}}
"#
    )
}
