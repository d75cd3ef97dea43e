//! What is in the packages, and where.
//!
//! Binaries have their plain names in /usr/lib/tracewright/bin, for whoever puts that on PATH; what is on PATH for all is
//! called `tw-opensnoop`. So nothing meets bpfcc-tools (`opensnoop-bpfcc`), bpftrace (`opensnoop.bt`) or libbpf-tools
//! (`opensnoop`), nor their manual pages and completions.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::tree::Tree;
use super::{About, Format, tarball};

const BIN: &str = "usr/lib/tracewright/bin";
const PREFIX: &str = "tw-";

/// The tools, built.
pub enum Tools<'a> {
    /// One binary a tool.
    Each { binaries: Vec<(String, PathBuf)> },
    /// One of all.
    MultiCall { binary: PathBuf, names: &'a [String] },
}

/// The files of a package.
///
/// # Errors
/// When a tool cannot be run to tell of itself.
pub fn tree(repository: &Path, tools: &Tools<'_>, about: &About, format: Format) -> Result<Tree> {
    let mut tree = Tree::default();
    match tools {
        Tools::Each { binaries } => {
            for (name, binary) in binaries {
                tree.program(format!("{BIN}/{name}"), std::fs::read(binary)?);
                of_tool(&mut tree, name, binary, format)?;
            }
        }
        Tools::MultiCall { binary, names } => {
            tree.program(format!("{BIN}/tracewright-tools"), std::fs::read(binary)?);
            tree.link("usr/sbin/tracewright-tools", "../lib/tracewright/bin/tracewright-tools");
            for name in *names {
                tree.link(format!("{BIN}/{name}"), "tracewright-tools");
                of_tool(&mut tree, name, binary, format)?;
            }
        }
    }
    let doc = format!("usr/share/doc/{}", about.package);
    let text = |name: &str| std::fs::read(repository.join(name)).with_context(|| format!("cannot read {name}"));
    tree.file(format!("{doc}/copyright"), copyright(about));
    tree.file(format!("{doc}/changelog.gz"), tarball::gzip(&text("CHANGELOG.md")?)?);
    for license in ["LICENSE-APACHE", "LICENSE-MIT"] {
        tree.file(format!("{doc}/{license}"), text(license)?);
    }
    Ok(tree)
}

/// The command's name on PATH, its manual page and completions.
fn of_tool(tree: &mut Tree, name: &str, binary: &Path, format: Format) -> Result<()> {
    let command = format!("{PREFIX}{name}");
    tree.link(format!("usr/sbin/{command}"), format!("../lib/tracewright/bin/{name}"));
    let page = generate(binary, &command, "man")?;
    tree.file(format!("usr/share/man/man8/{command}.8.gz"), tarball::gzip(&page)?);
    let zsh = if format == Format::Deb { "vendor-completions" } else { "site-functions" };
    for (kind, path) in [
        ("complete-bash", format!("usr/share/bash-completion/completions/{command}")),
        ("complete-zsh", format!("usr/share/zsh/{zsh}/_{command}")),
        ("complete-fish", format!("usr/share/fish/vendor_completions.d/{command}.fish")),
    ] {
        tree.file(path, generate(binary, &command, kind)?);
    }
    Ok(())
}

/// What a tool tells of itself, called by its name on PATH.
fn generate(binary: &Path, command: &str, kind: &str) -> Result<Vec<u8>> {
    let output = Command::new(binary)
        .arg0(command)
        .args(["--generate", kind])
        .output()
        .with_context(|| format!("cannot run {}", binary.display()))?;
    if !output.status.success() || output.stdout.is_empty() {
        bail!("{command} --generate {kind}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(output.stdout)
}

/// In Debian's machine-readable form.
fn copyright(about: &About) -> String {
    format!(
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: tracewright\nSource: \
         {}\n\nFiles: *\nCopyright: the tracewright authors\nLicense: MIT or Apache-2.0\n The whole texts are in \
         LICENSE-MIT and LICENSE-APACHE beside this file.\n\nFiles: BPF programs in the binaries\nCopyright: the \
         tracewright authors\nLicense: GPL-2.0-only or BSD-3-Clause\n As the kernel requires of programs that use its \
         tracing helpers.\n\nFiles: libbpf, libelf and zlib in the binaries\nCopyright: their authors\nLicense: \
         LGPL-2.1-only or BSD-2-Clause, LGPL-3.0-or-later or GPL-2.0-or-later, Zlib\n",
        about.homepage
    )
}
