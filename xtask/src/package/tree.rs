//! Files as they are installed.

use std::collections::{BTreeMap, BTreeSet};

/// All files of a package, by path without a leading `/`, sorted.
#[derive(Debug, Default)]
pub struct Tree {
    entries: BTreeMap<String, Entry>,
}

/// What is at a path.
#[derive(Debug)]
pub enum Entry {
    /// A file, and whether it can be run.
    File { content: Vec<u8>, executable: bool },
    /// A symbolic link.
    Link(String),
}

impl Tree {
    /// Adds a file.
    pub fn file(&mut self, path: impl Into<String>, content: impl Into<Vec<u8>>) {
        self.entries.insert(path.into(), Entry::File { content: content.into(), executable: false });
    }

    /// Adds a program.
    pub fn program(&mut self, path: impl Into<String>, content: Vec<u8>) {
        self.entries.insert(path.into(), Entry::File { content, executable: true });
    }

    /// Adds a symbolic link.
    pub fn link(&mut self, path: impl Into<String>, target: impl Into<String>) {
        self.entries.insert(path.into(), Entry::Link(target.into()));
    }

    /// Everything, sorted by path.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(path, entry)| (path.as_str(), entry))
    }

    /// Directories above the files, sorted; those above come first.
    pub fn directories(&self) -> BTreeSet<&str> {
        self.entries.keys().flat_map(|path| path.match_indices('/').map(|(at, _)| &path[..at])).collect()
    }

    /// Bytes of all files.
    pub fn size(&self) -> u64 {
        let sizes = self.entries.values().map(|entry| match entry {
            Entry::File { content, .. } => content.len() as u64,
            Entry::Link(_) => 0,
        });
        sizes.sum()
    }
}
