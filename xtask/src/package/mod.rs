//! `package`: the tools as packages of distributions, with manual pages and completions.
//!
//! The tools are built in a copy of their sources (`sources`), put into a tree of files as it is installed (`tree`,
//! `contents`), and the tree is written in each format (`deb`, `rpm`, `tarball`). The same commit gives the same bytes
//! wherever it lies.

mod contents;
mod deb;
mod install;
mod multi_call;
mod reproduce;
mod rpm;
mod sources;
mod tarball;
mod tree;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use crate::shell::root;

/// The most that the binary of all tools may weigh.
const MAX_MULTI_CALL_BYTES: u64 = 8_000_000;

/// Arguments of `package`.
#[derive(Args, Clone, Debug)]
pub struct PackageArgs {
    /// Tools [default: all]
    pub names: Vec<String>,
    /// Formats, one or several
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Format::Deb, Format::Rpm, Format::Tar])]
    pub format: Vec<Format>,
    /// Where to put the packages
    #[arg(long, value_name = "DIR", default_value = "dist")]
    pub out_dir: PathBuf,
    /// One binary of all tools, called by many names
    #[arg(long)]
    pub multi_call: bool,
    /// Who answers for the packages
    #[arg(long, value_name = "NAME <ADDRESS>", default_value = "tracewright <packages@tracewright.invalid>")]
    pub maintainer: String,
    /// Build from two clones at different paths, and compare
    #[arg(long)]
    pub check_reproducible: bool,
    /// Install the deb in a Debian root made for it, run a tool there, remove it
    #[arg(long)]
    pub check_install: bool,
}

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Debian and its children
    Deb,
    /// Fedora, openSUSE and theirs
    Rpm,
    /// To be unpacked in `/`
    Tar,
}

/// What the headers of packages say.
#[derive(Clone, Debug)]
pub struct About {
    /// `tracewright-tools`
    pub package: String,
    /// The other form of the same tools: both have the same files.
    pub conflicts: String,
    /// `0.1.0`
    pub version: String,
    pub maintainer: String,
    pub homepage: String,
    pub license: String,
    /// One line.
    pub summary: String,
    /// Lines.
    pub description: String,
    /// Seconds since 1970: of the last commit.
    pub date: u64,
}

/// Builds the tools and writes the packages.
///
/// # Errors
/// When a tool does not compile or a check fails.
pub fn package(args: &PackageArgs) -> Result<()> {
    if args.check_reproducible {
        return reproduce::check(args);
    }
    let written = write(&root(), args, &root().join("target/package"))?;
    for path in &written {
        println!("{} ({:.1} MB)", path.display(), std::fs::metadata(path)?.len() as f64 / 1e6);
    }
    if args.check_install {
        let deb = written.iter().find(|path| path.extension().is_some_and(|extension| extension == "deb"));
        install::check(deb.context("--check-install wants --format deb")?)?;
    }
    Ok(())
}

/// Packages of the repository at `repository`, built below `work`; their paths.
fn write(repository: &Path, args: &PackageArgs, work: &Path) -> Result<Vec<PathBuf>> {
    let known = sources::tools(repository)?;
    if let Some(unknown) = args.names.iter().find(|name| !known.contains(name)) {
        bail!("no tool `{unknown}` in generated-tools/; there are: {}", known.join(", "));
    }
    let names = if args.names.is_empty() { known } else { args.names.clone() };
    let about = about(repository, args)?;
    let sources = sources::Sources::copy(repository, &names, &work.join("src"))?;
    let tools = if args.multi_call {
        multi_call::write(&sources, &names)?;
        let binary = sources.build(&[multi_call::CRATE.to_owned()], &work.join("build"))?.remove(0);
        let size = std::fs::metadata(&binary)?.len();
        if size > MAX_MULTI_CALL_BYTES {
            bail!("the binary of all tools has {size} bytes, more than {MAX_MULTI_CALL_BYTES}");
        }
        contents::Tools::MultiCall { binary, names: &names }
    } else {
        let binaries = sources.build(&names, &work.join("build"))?;
        contents::Tools::Each { binaries: names.iter().cloned().zip(binaries).collect() }
    };
    std::fs::create_dir_all(&args.out_dir).with_context(|| format!("cannot make {}", args.out_dir.display()))?;
    let mut written = Vec::new();
    for format in &args.format {
        let tree = contents::tree(repository, &tools, &about, *format)?;
        let (name, bytes) = match format {
            Format::Deb => deb::write(&tree, &about)?,
            Format::Rpm => rpm::write(&tree, &about)?,
            Format::Tar => tarball::write(&tree, &about)?,
        };
        let path = args.out_dir.join(name);
        std::fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
        written.push(path);
    }
    Ok(written)
}

fn about(repository: &Path, args: &PackageArgs) -> Result<About> {
    let manifest: toml::Table = std::fs::read_to_string(repository.join("Cargo.toml"))?.parse()?;
    let field = |name: &str| -> Result<String> {
        let value = manifest.get("workspace").and_then(|w| w.get("package")).and_then(|package| package.get(name));
        Ok(value.and_then(toml::Value::as_str).with_context(|| format!("no {name} in Cargo.toml"))?.to_owned())
    };
    let (each, multi) = ("tracewright-tools".to_owned(), "tracewright-tools-multicall".to_owned());
    let (package, conflicts) = if args.multi_call { (multi, each) } else { (each, multi) };
    Ok(About {
        package,
        conflicts,
        version: field("version")?,
        maintainer: args.maintainer.clone(),
        homepage: field("repository")?,
        license: field("license")?,
        summary: "tracing tools for Linux, as static BPF binaries".to_owned(),
        description: format!(
            "opensnoop, execsnoop, biolatency and others of the bpftrace tool set,\ncompiled ahead of time into one \
             binary{}. They need nothing but\na kernel with BTF, 5.10 or newer. The commands are called tw-opensnoop\nand \
             so on; their plain names are in /usr/lib/tracewright/bin.",
            if args.multi_call { "" } else { " each" }
        ),
        date: date(repository)?,
    })
}

/// `SOURCE_DATE_EPOCH`, else when the last commit was made.
fn date(repository: &Path) -> Result<u64> {
    if let Ok(date) = std::env::var("SOURCE_DATE_EPOCH") {
        return date.trim().parse().context("SOURCE_DATE_EPOCH");
    }
    let output = Command::new("git")
        .arg("-C")
        .arg(repository)
        .args(["log", "-1", "--format=%ct"])
        .output()
        .context("cannot run git, which tells the date; set SOURCE_DATE_EPOCH instead")?;
    String::from_utf8_lossy(&output.stdout).trim().parse().context("git does not tell the date: set SOURCE_DATE_EPOCH")
}

/// The machine, as packages of that format call it.
fn architecture(format: Format) -> &'static str {
    match (format, std::env::consts::ARCH) {
        (Format::Deb, "x86_64") => "amd64",
        (Format::Deb, "aarch64") => "arm64",
        (_, other) => other,
    }
}

#[cfg(test)]
mod tests {
    use super::tree::Tree;
    use super::*;

    fn about() -> About {
        About {
            package: "tracewright-tools".to_owned(),
            conflicts: "tracewright-tools-multicall".to_owned(),
            version: "0.1.0".to_owned(),
            maintainer: "somebody <somebody@example.org>".to_owned(),
            homepage: "https://example.org".to_owned(),
            license: "MIT OR Apache-2.0".to_owned(),
            summary: "tools".to_owned(),
            description: "one\ntwo".to_owned(),
            date: 1_700_000_000,
        }
    }

    fn tree() -> Tree {
        let mut tree = Tree::default();
        tree.link("usr/sbin/tw-x", "../lib/tracewright/bin/x");
        tree.program("usr/lib/tracewright/bin/x", b"\x7fELF".to_vec());
        tree.file("usr/share/doc/tracewright-tools/copyright", "text");
        tree
    }

    #[test]
    fn a_deb_has_its_three_members_in_order() {
        let (name, bytes) = deb::write(&tree(), &about()).unwrap();
        assert!(name.starts_with("tracewright-tools_0.1.0_") && name.ends_with(".deb"), "{name}");
        let mut archive = ar::Archive::new(bytes.as_slice());
        let mut members = Vec::new();
        while let Some(member) = archive.next_entry() {
            let header = member.unwrap().header().clone();
            assert_eq!((header.mtime(), header.uid(), header.gid()), (1_700_000_000, 0, 0));
            members.push(String::from_utf8_lossy(header.identifier()).into_owned());
        }
        assert_eq!(members, ["debian-binary", "control.tar.gz", "data.tar.gz"]);
    }

    #[test]
    fn an_rpm_is_whole_and_has_the_files() {
        let (name, bytes) = rpm::write(&tree(), &about()).unwrap();
        assert!(name.ends_with(".rpm"), "{name}");
        let package = ::rpm::Package::parse(&mut bytes.as_slice()).unwrap();
        package.verify_digests().unwrap();
        let mut paths: Vec<String> = package
            .metadata
            .get_file_paths()
            .unwrap()
            .into_iter()
            .map(|path| path.to_string_lossy().into_owned())
            .collect();
        paths.sort();
        assert_eq!(
            paths,
            [
                "/usr/lib/tracewright",
                "/usr/lib/tracewright/bin",
                "/usr/lib/tracewright/bin/x",
                "/usr/sbin/tw-x",
                "/usr/share/doc/tracewright-tools/copyright"
            ]
        );
    }

    #[test]
    fn the_same_tree_gives_the_same_bytes() {
        for write in [deb::write, rpm::write, tarball::write] {
            assert_eq!(write(&tree(), &about()).unwrap(), write(&tree(), &about()).unwrap());
        }
    }

    #[test]
    fn directories_come_before_what_is_in_them() {
        let directories: Vec<_> = tree().directories().into_iter().map(str::to_owned).collect();
        assert_eq!(directories[..3], ["usr", "usr/lib", "usr/lib/tracewright"]);
    }
}
