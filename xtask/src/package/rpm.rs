//! RPM packages.

use anyhow::Result;
use rpm::{BuildConfig, CompressionWithLevel, Dependency, FileOptions, PackageBuilder};

use super::tree::{Entry, Tree};
use super::{About, Format, architecture};

const RELEASE: &str = "1";

/// Name and bytes of the package.
///
/// # Errors
/// What the format does not allow.
pub fn write(tree: &Tree, about: &About) -> Result<(String, Vec<u8>)> {
    let arch = architecture(Format::Rpm);
    let license = about.license.replace(" OR ", " or ");
    let mut builder = PackageBuilder::new(&about.package, &about.version, &license, arch, &about.summary);
    let config = BuildConfig::v4().compression(CompressionWithLevel::Gzip(9)).source_date(u32::try_from(about.date)?);
    builder
        .using_config(config)
        .release(RELEASE)
        .url(&about.homepage)
        .packager(&about.maintainer)
        .description(&about.description)
        .build_host("localhost")
        .conflicts(Dependency::any(&about.conflicts));
    // Only the directory that is ours: the others belong to packages of the system.
    builder.with_dir_entry(FileOptions::dir("/usr/lib/tracewright").permissions(0o755))?;
    builder.with_dir_entry(FileOptions::dir("/usr/lib/tracewright/bin").permissions(0o755))?;
    for (path, entry) in tree.entries() {
        let path = format!("/{path}");
        match entry {
            Entry::File { content, executable } => {
                let options = FileOptions::new(&path).permissions(if *executable { 0o755 } else { 0o644 });
                let options = if path.starts_with("/usr/share/doc/") { options.doc() } else { options };
                builder.with_file_contents(content.clone(), options)?;
            }
            Entry::Link(target) => {
                builder.with_symlink(FileOptions::symlink(&path, target))?;
            }
        }
    }
    let mut bytes = Vec::new();
    builder.build()?.write(&mut bytes)?;
    Ok((format!("{}-{}-{RELEASE}.{arch}.rpm", about.package, about.version), bytes))
}
