//! Tar archives, the same bytes for the same tree.

use std::io::Write;

use anyhow::Result;
use flate2::{Compression, GzBuilder};
use tar::{Builder, EntryType, Header};

use super::tree::{Entry, Tree};
use super::{About, Format, architecture};

/// Name and bytes of the package.
///
/// # Errors
/// None but those of the archive's format.
pub fn write(tree: &Tree, about: &About) -> Result<(String, Vec<u8>)> {
    let name = format!("{}-{}-{}.tar.gz", about.package, about.version, architecture(Format::Tar));
    Ok((name, gzip(&tar(tree, about.date)?)?))
}

/// An archive; everything belongs to root.
///
/// # Errors
/// Paths too long for the format.
pub fn tar(tree: &Tree, date: u64) -> Result<Vec<u8>> {
    let mut builder = Builder::new(Vec::new());
    let header = |kind: EntryType, mode: u32, size: usize| {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(size as u64);
        header.set_mtime(date);
        header.set_uid(0);
        header.set_gid(0);
        header
    };
    let named = |mut header: Header| -> Result<Header> {
        header.set_username("root")?;
        header.set_groupname("root")?;
        Ok(header)
    };
    for directory in tree.directories() {
        let mut header = named(header(EntryType::Directory, 0o755, 0))?;
        builder.append_data(&mut header, format!("{directory}/"), &[][..])?;
    }
    for (path, entry) in tree.entries() {
        match entry {
            Entry::File { content, executable } => {
                let mode = if *executable { 0o755 } else { 0o644 };
                let mut header = named(header(EntryType::Regular, mode, content.len()))?;
                builder.append_data(&mut header, path, content.as_slice())?;
            }
            Entry::Link(target) => {
                let mut header = named(header(EntryType::Symlink, 0o777, 0))?;
                builder.append_link(&mut header, path, target)?;
            }
        }
    }
    Ok(builder.into_inner()?)
}

/// Compressed, without a name or time in the header.
///
/// # Errors
/// None in memory.
pub fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}
