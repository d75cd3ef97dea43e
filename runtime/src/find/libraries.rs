//! Binaries by path, by name on `PATH`, by library name through the loader's cache.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::find::{archive, glob};

/// Binaries that a script's target means.
///
/// Absolute and relative paths stand for themselves, also with `*`; names with a `/`-less form are looked up on `PATH`
/// (executables) and in the loader's cache (`libc`, `libc.so.6`). With `pid`, paths are those of the process's root.
pub fn binaries(target: &str, pid: Option<u32>) -> Vec<PathBuf> {
    if archive::split(Path::new(target)).is_some() {
        return vec![PathBuf::from(target)];
    }
    let root = pid.and_then(other_root);
    if glob::is_pattern(target) {
        if target == "*"
            && let Some(pid) = pid
        {
            return mapped_binaries(pid);
        }
        let pattern = if target.contains('/') { target.to_owned() } else { format!("./{target}") };
        return expand_path(&pattern).into_iter().filter(|path| is_elf(path)).collect();
    }
    if target.contains('/') {
        if let Some(root) = &root
            && target.starts_with('/')
            && !target.starts_with("/proc/")
        {
            let inside = root.join(target.trim_start_matches('/'));
            if inside.is_file() {
                return vec![inside];
            }
        }
        let path = PathBuf::from(target);
        return if path.is_file() { vec![path] } else { Vec::new() };
    }
    let on_path = search_path(target);
    if !on_path.is_empty() {
        return on_path;
    }
    if let Some(path) = pid.and_then(|pid| mapped_library(pid, target)) {
        return vec![path];
    }
    cached_library(target).or_else(|| library_in_directories(target)).into_iter().collect()
}

/// A library where the loader looks without a cache: small systems have none.
fn library_in_directories(name: &str) -> Option<PathBuf> {
    let directories = ["lib", "usr/lib"].map(|place| format!("/{place}/{}-linux-gnu", std::env::consts::ARCH));
    let directories = directories.iter().map(String::as_str).chain(["/lib64", "/usr/lib64", "/lib", "/usr/lib"]);
    for directory in directories {
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        let mut found: Vec<PathBuf> = entries
            .filter(|entry| entry.file_name().to_str().is_some_and(|file| is_library_called(file, name)))
            .map(|entry| entry.path())
            .filter(|path| path.is_file())
            .collect();
        found.sort();
        if let Some(path) = found.pop() {
            return Some(path);
        }
    }
    None
}

/// The process's root directory where its mount namespace is not ours.
fn other_root(pid: u32) -> Option<PathBuf> {
    let theirs = fs::read_link(format!("/proc/{pid}/ns/mnt")).ok()?;
    let ours = fs::read_link("/proc/self/ns/mnt").ok()?;
    if theirs == ours { None } else { Some(PathBuf::from(format!("/proc/{pid}/root"))) }
}

/// Files that a process has mapped as code.
fn mapped_binaries(pid: u32) -> Vec<PathBuf> {
    let Ok(text) = fs::read_to_string(format!("/proc/{pid}/maps")) else { return Vec::new() };
    let root = other_root(pid);
    let mut found: Vec<PathBuf> = Vec::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let permissions = words.nth(1).unwrap_or("");
        let Some(path) = words.nth(3).filter(|path| path.starts_with('/')) else { continue };
        let path = match &root {
            Some(root) => root.join(path.trim_start_matches('/')),
            None => PathBuf::from(path),
        };
        if permissions.contains('x') && !found.contains(&path) && path.is_file() {
            found.push(path);
        }
    }
    found
}

fn mapped_library(pid: u32, name: &str) -> Option<PathBuf> {
    mapped_binaries(pid)
        .into_iter()
        .find(|path| path.file_name().and_then(|file| file.to_str()).is_some_and(|file| is_library_called(file, name)))
}

/// `libc` is `libc.so.6`; `libc.so.6` is itself.
fn is_library_called(file: &str, name: &str) -> bool {
    file == name || file.strip_prefix(name).is_some_and(|rest| rest.starts_with(".so"))
}

/// Executables called `name` on `PATH`: the first, and whether there are others.
fn search_path(name: &str) -> Vec<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_else(|_| "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin".to_owned());
    let executable =
        |path: &PathBuf| fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0);
    path.split(':').map(|directory| Path::new(directory).join(name)).filter(executable).take(1).collect()
}

/// A library of the loader's cache, `/etc/ld.so.cache`, for this machine's architecture.
fn cached_library(name: &str) -> Option<PathBuf> {
    let cache = fs::read("/etc/ld.so.cache").ok()?;
    let path = cache_entries(&cache)
        .into_iter()
        .find(|(library, path)| is_library_called(library, name) && Path::new(path).is_file())?
        .1;
    // The cache goes through /lib where that is a link to /usr/lib: say where the file is.
    let path = PathBuf::from(path);
    match (path.parent().and_then(|parent| parent.canonicalize().ok()), path.file_name()) {
        (Some(parent), Some(file)) => Some(parent.join(file)),
        _ => Some(path),
    }
}

/// Entries (name, path) of a loader cache in glibc's new format (`glibc-ld.so.cache1.1`), alone or behind the old one.
fn cache_entries(cache: &[u8]) -> Vec<(String, String)> {
    const MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
    const HEADER: usize = 48;
    const ENTRY: usize = 24;
    /// FLAG_ELF_LIBC6 with the architecture's bits: x86-64, AArch64.
    const FLAGS: u32 = if cfg!(target_arch = "aarch64") { 0x0a03 } else { 0x0303 };
    let Some(start) = cache.windows(MAGIC.len()).position(|window| window == MAGIC) else { return Vec::new() };
    let cache = &cache[start..];
    let word =
        |at: usize| cache.get(at..at + 4).map(|bytes| u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
    let text = |at: usize| {
        let bytes = cache.get(at..)?;
        let end = bytes.iter().position(|&byte| byte == 0)?;
        String::from_utf8(bytes[..end].to_vec()).ok()
    };
    let count = word(20).unwrap_or(0) as usize;
    (0..count)
        .filter_map(|n| {
            let at = HEADER + n * ENTRY;
            if word(at)? != FLAGS {
                return None;
            }
            Some((text(word(at + 4)? as usize)?, text(word(at + 8)? as usize)?))
        })
        .collect()
}

/// Files that a path with `*` in its components means, sorted.
fn expand_path(pattern: &str) -> Vec<PathBuf> {
    let start = if pattern.starts_with('/') { PathBuf::from("/") } else { PathBuf::new() };
    let mut found = vec![start];
    for component in pattern.split('/').filter(|component| !component.is_empty()) {
        found = found.into_iter().flat_map(|base| step(&base, component)).collect();
    }
    found
}

fn step(base: &Path, component: &str) -> Vec<PathBuf> {
    if !glob::is_pattern(component) {
        let path = base.join(component);
        return if path.exists() { vec![path] } else { Vec::new() };
    }
    let directory = if base.as_os_str().is_empty() { Path::new(".") } else { base };
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| glob::matches(component, name) && (component.starts_with('.') || !name.starts_with('.')))
        .collect();
    names.sort();
    names.into_iter().map(|name| base.join(name)).collect()
}

pub fn is_elf(path: &Path) -> bool {
    use std::io::Read;
    let mut magic = [0; 4];
    path.is_file()
        && fs::File::open(path).and_then(|mut file| file.read_exact(&mut magic)).is_ok()
        && magic == *b"\x7fELF"
}
