//! Debian packages: an `ar` of a version, an archive of what dpkg wants to know, and one of the files.

use std::fmt::Write;

use anyhow::Result;
use md5::{Digest, Md5};

use super::tarball::{gzip, tar};
use super::tree::{Entry, Tree};
use super::{About, Format, architecture};

/// Name and bytes of the package.
///
/// # Errors
/// None but those of the archive's format.
pub fn write(tree: &Tree, about: &About) -> Result<(String, Vec<u8>)> {
    let mut control = Tree::default();
    control.file("control", control_file(tree, about));
    control.file("md5sums", checksums(tree));
    let members = [
        ("debian-binary", b"2.0\n".to_vec()),
        ("control.tar.gz", gzip(&tar(&control, about.date)?)?),
        ("data.tar.gz", gzip(&tar(tree, about.date)?)?),
    ];
    let mut builder = ar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = ar::Header::new(name.as_bytes().to_vec(), bytes.len() as u64);
        header.set_mode(0o100_644);
        header.set_mtime(about.date);
        builder.append(&header, bytes.as_slice())?;
    }
    let name = format!("{}_{}_{}.deb", about.package, about.version, architecture(Format::Deb));
    Ok((name, builder.into_inner()?))
}

fn control_file(tree: &Tree, about: &About) -> String {
    let description: String = about.description.lines().fold(String::new(), |mut text, line| {
        let _ = writeln!(text, " {line}");
        text
    });
    format!(
        "Package: {}\nVersion: {}\nArchitecture: {}\nMaintainer: {}\nInstalled-Size: {}\nConflicts: {}\nSection: \
         admin\nPriority: optional\nHomepage: {}\nDescription: {}\n{description}",
        about.package,
        about.version,
        architecture(Format::Deb),
        about.maintainer,
        tree.size().div_ceil(1024),
        about.conflicts,
        about.homepage,
        about.summary,
    )
}

fn checksums(tree: &Tree) -> String {
    let mut text = String::new();
    for (path, entry) in tree.entries() {
        if let Entry::File { content, .. } = entry {
            let sum: String = Md5::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
            let _ = writeln!(text, "{sum}  {path}");
        }
    }
    text
}
