//! `test`: everything that this machine can test.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::generate::{self, GenerateArgs};
use crate::kernels;
use crate::package::{self, Format, PackageArgs};
use crate::setup;
use crate::shell::{cargo, is_root, root, run};
use crate::tools;
use crate::vm::{self, VmArgs};

/// Arguments of `test`.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// Only steps whose name contains this
    pub filter: Option<String>,
}

/// A step of the test: its name, and what it does.
type Step = (&'static str, fn() -> Result<Outcome>);

enum Outcome {
    Passed,
    Skipped(String),
}

const STEPS: &[Step] = &[
    ("format", format),
    ("clippy", clippy),
    ("unit and UI tests", unit_tests),
    ("generated crates are fresh", generated_crates),
    ("clippy of the generated crates", clippy_generated),
    ("tools build: static, small", build_tools),
    ("generated C has no warnings", clang_generated),
    ("cases", cases),
    ("packages install and leave", packages),
    ("kernels in QEMU", vm),
];

/// Runs the steps, all of them even when one fails, and tells how each ended.
///
/// # Errors
/// When a step failed.
pub fn test(args: &TestArgs) -> Result<()> {
    let missing = setup::missing_names(false);
    if !missing.is_empty() {
        bail!("missing: {}. Run `cargo xtask setup`", missing.join(", "));
    }
    let mut ended: Vec<(&str, Duration, Result<Outcome>)> = Vec::new();
    for (name, step) in STEPS {
        if args.filter.as_ref().is_some_and(|filter| !name.contains(filter.as_str())) {
            continue;
        }
        println!("\n=== {name}");
        let start = Instant::now();
        let result = step();
        ended.push((name, start.elapsed(), result));
    }
    println!();
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for (name, took, result) in &ended {
        let seconds = took.as_secs();
        match result {
            Ok(Outcome::Passed) => {
                passed += 1;
                println!("passed   {name} ({seconds} s)");
            }
            Ok(Outcome::Skipped(reason)) => {
                skipped += 1;
                println!("skipped  {name}: {reason}");
            }
            Err(error) => {
                failed += 1;
                println!("FAILED   {name} ({seconds} s): {error:#}");
            }
        }
    }
    println!("test: {passed} steps passed, {failed} failed, {skipped} skipped");
    if failed > 0 {
        bail!("{failed} steps failed");
    }
    Ok(())
}

/// The generated crates are formatted by prettyplease when they are written; rustfmt sees some of it otherwise.
fn format() -> Result<Outcome> {
    run(cargo().args(["fmt", "--all", "--check"]))?;
    Ok(Outcome::Passed)
}

fn clippy() -> Result<Outcome> {
    run(cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    Ok(Outcome::Passed)
}

fn unit_tests() -> Result<Outcome> {
    run(cargo().args(["test", "--workspace", "--exclude", "tracewright-tests"]))?;
    let targets = ["--lib", "--test", "ui", "--test", "language", "--test", "reference"];
    run(cargo().args(["test", "--package", "tracewright-tests"]).args(targets))?;
    Ok(Outcome::Passed)
}

fn generated_crates() -> Result<Outcome> {
    generate::generate(&GenerateArgs { names: Vec::new(), check: true })?;
    Ok(Outcome::Passed)
}

fn clippy_generated() -> Result<Outcome> {
    run(cargo()
        .current_dir(root().join("generated-tools"))
        .args(["clippy", "--release", "--target-dir"])
        .arg(tools::target_dir())
        .args(["--", "-D", "warnings"]))?;
    Ok(Outcome::Passed)
}

/// All of clang's warnings, as errors, on the C of every tool.
fn clang_generated() -> Result<Outcome> {
    let headers = libbpf_headers()?;
    let arch = std::env::consts::ARCH;
    let define = match arch {
        "x86_64" => "-D__TARGET_ARCH_x86",
        "aarch64" => "-D__TARGET_ARCH_arm64",
        _ => return Ok(Outcome::Skipped(format!("not written for {arch}"))),
    };
    for name in tools::all()? {
        let bpf = root().join("generated-tools").join(&name).join("src/bpf");
        let mut clang = Command::new("clang");
        clang.args(["-g", "-O2", "-target", "bpf", "-mcpu=v3", "-Wall", "-Wextra", "-Werror", define, "-I"]);
        clang.arg(&bpf).arg("-I").arg(&headers).arg("-idirafter").arg(format!("/usr/include/{arch}-linux-gnu"));
        run(clang.arg("-c").arg(bpf.join(format!("{name}.bpf.c"))).args(["-o", "/dev/null"]))?;
    }
    Ok(Outcome::Passed)
}

/// Where cargo has put libbpf's headers when it built the tools.
fn libbpf_headers() -> Result<PathBuf> {
    let build = tools::target_dir().join("release/build");
    let entries = std::fs::read_dir(&build).with_context(|| format!("cannot read {}", build.display()))?;
    let mut found =
        entries.flatten().map(|entry| entry.path().join("out/include")).filter(|path| path.join("bpf").is_dir());
    found.next().with_context(|| format!("no headers of libbpf below {}", build.display()))
}

/// Tools that are built as they are shipped; `build-tools` looks at all of them.
const SHIPPED_SAMPLE: [&str; 4] = ["opensnoop", "biolatency", "capable", "tcplife"];

fn build_tools() -> Result<Outcome> {
    let names = SHIPPED_SAMPLE.map(str::to_owned);
    for (name, path) in names.iter().zip(tools::build(&names)?) {
        println!("{name}: {} bytes", tools::check_binary(name, &path)?);
    }
    Ok(Outcome::Passed)
}

fn cases() -> Result<Outcome> {
    if !is_root() {
        return Ok(Outcome::Skipped("tracing needs root".to_owned()));
    }
    run(cargo().args(["test", "--package", "tracewright-tests", "--test", "cases"]))?;
    Ok(Outcome::Passed)
}

fn vm() -> Result<Outcome> {
    if which("qemu-system-x86_64").is_none() {
        return Ok(Outcome::Skipped("qemu-system-x86_64 is not installed: `cargo xtask setup --vm`".to_owned()));
    }
    for name in kernels::names() {
        if let Err(error) = kernels::fetch(&root(), name) {
            return Ok(Outcome::Skipped(format!("no kernel {name} to be had: {error:#}")));
        }
    }
    vm::run(&VmArgs::all_cases())?;
    vm::run(&VmArgs { probes: true, ..VmArgs::all_cases() })?;
    Ok(Outcome::Passed)
}

/// The deb of two tools in a Debian root.
fn packages() -> Result<Outcome> {
    if !is_root() {
        return Ok(Outcome::Skipped("a root directory needs root".to_owned()));
    }
    if which("debootstrap").is_none() {
        return Ok(Outcome::Skipped("there is no debootstrap to make a Debian root with".to_owned()));
    }
    package::package(&PackageArgs {
        names: vec!["funccount".to_owned(), "opensnoop".to_owned()],
        format: vec![Format::Deb, Format::Rpm, Format::Tar],
        out_dir: root().join("target/package/tested"),
        multi_call: false,
        maintainer: "tests".to_owned(),
        check_reproducible: false,
        check_install: true,
    })?;
    Ok(Outcome::Passed)
}

fn which(program: &str) -> Option<PathBuf> {
    let paths = std::env::var_os("PATH")?;
    std::env::split_paths(&paths).map(|dir| dir.join(program)).find(|path| path.is_file())
}
