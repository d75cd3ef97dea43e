//! `--check-reproducible`: packages from two clones at different paths must be the same bytes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use super::PackageArgs;
use crate::shell::{root, run};

/// Clones the last commit twice, packages both and compares.
///
/// # Errors
/// When a package differs, or cannot be made.
pub fn check(args: &PackageArgs) -> Result<()> {
    let place = root().join("target/package/reproducible");
    if place.exists() {
        fs::remove_dir_all(&place)?;
    }
    fs::create_dir_all(&place)?;
    // The second is of the first: the repository may go on meanwhile.
    let one = from_clone(args, &root(), &place.join("one"))?;
    let two = from_clone(args, &place.join("one/repository"), &place.join("another/and/deeper"))?;
    let mut differing = Vec::new();
    for (one, two) in one.iter().zip(&two) {
        let name = one.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if fs::read(one)? == fs::read(two)? {
            println!("{name}: the same {} bytes from both clones", fs::metadata(one)?.len());
        } else {
            differing.push(format!("{} and {}", one.display(), two.display()));
        }
    }
    if !differing.is_empty() {
        bail!("packages differ:\n    {}", differing.join("\n    "));
    }
    for path in &one {
        fs::create_dir_all(&args.out_dir)?;
        fs::copy(path, args.out_dir.join(path.file_name().unwrap_or_default()))?;
    }
    Ok(())
}

fn from_clone(args: &PackageArgs, repository: &Path, dir: &Path) -> Result<Vec<PathBuf>> {
    run(Command::new("git").args(["clone", "--quiet", "--local"]).arg(repository).arg(dir.join("repository")))?;
    let args = PackageArgs { out_dir: dir.join("packages"), ..args.clone() };
    super::write(&dir.join("repository"), &args, &dir.join("work"))
}
