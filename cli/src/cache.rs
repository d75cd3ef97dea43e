//! What is kept between calls: the workspace that tools are built in, and what was built.
//!
//! ```text
//! ~/.cache/tracewright/
//!   lock                      held while a build runs
//!   runtime-<hash>/           sources of the runtime crate
//!   workspace/                the crate of the tools being built: one binary each in src/bin
//!   skeletons/<key>/          C, BPF object and skeleton of a tool
//!   target/                   cargo's
//!   tools/<key>               finished binaries
//! ```

use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::fs::{self, File};
use std::hash::Hasher;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, bail};

use crate::progress::Progress;

mod embedded {
    include!(concat!(env!("OUT_DIR"), "/sources.rs"));
}

/// Finished binaries beyond this many bytes are dropped, the longest unused first.
const MAX_KEPT_BYTES: u64 = 2 << 30;

/// Skeletons beyond this many are dropped.
const MAX_KEPT_SKELETONS: usize = 5000;

/// The cache directory.
pub struct Cache {
    root: PathBuf,
}

impl Cache {
    /// `$XDG_CACHE_HOME/tracewright` or `~/.cache/tracewright`.
    ///
    /// # Errors
    /// When there is neither, or it cannot be made.
    pub fn open() -> Result<Cache> {
        let home = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let base = match (home("XDG_CACHE_HOME"), home("HOME")) {
            (Some(cache), _) => cache,
            (None, Some(home)) => home.join(".cache"),
            (None, None) => bail!("neither XDG_CACHE_HOME nor HOME is set: no place to build in"),
        };
        let root = base.join("tracewright");
        fs::create_dir_all(root.join("tools")).with_context(|| format!("cannot make {}", root.display()))?;
        Ok(Cache { root })
    }

    /// Keeps other calls out until the returned file is closed.
    ///
    /// # Errors
    /// When the file system cannot lock.
    pub fn lock(&self, progress: &Progress) -> Result<File> {
        let path = self.root.join("lock");
        let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        if file.try_lock().is_err() {
            progress.show("waiting for another build to end");
            file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
        }
        Ok(file)
    }

    /// Sources of the runtime crate, unpacked.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn runtime(&self) -> Result<PathBuf> {
        let dir = self.root.join(format!("runtime-{}", embedded::HASH));
        unpack_runtime(&dir)?;
        Ok(dir)
    }

    /// The crate that tools are built in.
    pub fn workspace(&self) -> PathBuf {
        self.root.join("workspace")
    }

    /// Cargo's target directory.
    pub fn target(&self) -> PathBuf {
        self.root.join("target")
    }

    /// Where the finished binary of `key` is, or will be.
    pub fn tool(&self, key: &str) -> PathBuf {
        self.root.join("tools").join(key)
    }

    /// The finished binary of `key`, marked as used; none when there is none.
    pub fn used(&self, key: &str) -> Option<PathBuf> {
        let path = self.tool(key);
        // Only [`Cache::evict`] looks at the time: nothing is lost when it cannot be set.
        let _ = File::open(&path).ok()?.set_modified(SystemTime::now());
        Some(path)
    }

    /// Where the BPF object and the skeleton of `key` are, or will be.
    pub fn skeleton_dir(&self, key: &str) -> PathBuf {
        self.root.join("skeletons").join(key)
    }

    /// Drops skeletons when there are very many: all of them, as they are quickly made again.
    pub fn evict_skeletons(&self) {
        let dir = self.root.join("skeletons");
        if fs::read_dir(&dir).is_ok_and(|entries| entries.count() > MAX_KEPT_SKELETONS) {
            // Best effort: they cost only space.
            let _ = fs::remove_dir_all(&dir);
        }
    }

    /// Drops the binaries that nobody asked for in the longest time; those of the call that is going on stay, however
    /// many they are.
    pub fn evict(&self, in_use: &HashSet<&str>) {
        let entries = fs::read_dir(self.root.join("tools")).into_iter().flatten().flatten();
        let mut kept: Vec<(SystemTime, u64, PathBuf)> = entries
            .filter_map(|entry| {
                let metadata = entry.metadata().ok()?;
                Some((metadata.modified().ok()?, metadata.len(), entry.path()))
            })
            .collect();
        kept.sort();
        let mut total: u64 = kept.iter().map(|(_, size, _)| size).sum();
        for (_, size, path) in kept {
            if total <= MAX_KEPT_BYTES {
                break;
            }
            if path.file_name().is_some_and(|name| in_use.contains(&*name.to_string_lossy())) {
                continue;
            }
            // Someone else may have been faster: all the same to us.
            let _ = fs::remove_file(path);
            total -= size;
        }
    }
}

/// Writes the runtime crate to `dir`.
///
/// # Errors
/// When a file cannot be written.
pub fn unpack_runtime(dir: &Path) -> Result<()> {
    for (name, text) in embedded::RUNTIME {
        write_if_changed(&dir.join(name), text)?;
    }
    Ok(())
}

/// `Cargo.lock` with the versions that this command was tested with.
pub fn lock_file() -> &'static str {
    embedded::LOCK
}

/// Names the runtime sources that are built in.
pub fn runtime_hash() -> &'static str {
    embedded::HASH
}

/// Writes a file unless it says so already: cargo rebuilds what looks newer.
///
/// # Errors
/// When it cannot be written.
pub fn write_if_changed(path: &Path, text: &str) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == text.as_bytes()) {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
    }
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// A name for these texts; not for keeping out an adversary.
pub fn content_key<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let (mut first, mut second) = (DefaultHasher::new(), DefaultHasher::new());
    second.write_u8(1);
    for part in parts {
        for hasher in [&mut first, &mut second] {
            hasher.write_usize(part.len());
            hasher.write(part.as_bytes());
        }
    }
    format!("{:016x}{:016x}", first.finish(), second.finish())
}
