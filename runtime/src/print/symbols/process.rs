//! Symbols of processes: what is mapped where is kept from when a process is first seen, so that it may go.

use super::{At, Frame, SymbolizeBinary, build_id};
use crate::tool::parts::UserSymbols;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Processes seen, and what their addresses are called.
pub struct Processes {
    /// None in a tool that shows no symbols of processes.
    symbolizer: Option<Box<dyn SymbolizeBinary>>,
    known: HashMap<u32, Rc<Process>>,
    frames: HashMap<(u32, u64), Known>,
    /// Binaries that probes are on: where symbols of processes that are gone may be found.
    probed: Vec<String>,
    build_ids: HashMap<PathBuf, Option<Rc<str>>>,
}

/// What an address is called; that it has no name is believed for a while only.
struct Known {
    frames: Rc<[Frame]>,
    until: Option<Instant>,
}

/// What a process has mapped.
#[derive(Default)]
struct Process {
    /// By address.
    mappings: Vec<Mapping>,
    /// `/tmp/perf-PID.map`: start, size, name, by address.
    jit: Vec<(u64, u64, Box<str>)>,
    started: Option<u64>,
}

/// A mapped range of a file.
#[derive(Clone)]
struct Mapping {
    start: u64,
    end: u64,
    offset: u64,
    /// As the process sees it.
    path: Rc<Path>,
    /// Where we can read it.
    readable: Rc<Path>,
}

/// Names that are kept at most; then all are forgotten.
const MAX_FRAMES: usize = 1 << 18;
const MAX_PROCESSES: usize = 4096;
/// A process may yet map what is at an unknown address.
const STALE: Duration = Duration::from_secs(1);
/// Where the kernel puts a position-independent program that is not randomised.
const UNRANDOMISED_BASE: u64 = 0x5555_5555_4000;

impl Processes {
    pub fn new(probed: Vec<String>, symbols: Option<UserSymbols>, demangle: bool, debug_info: bool) -> Self {
        Processes {
            symbolizer: symbols.map(|symbols| (symbols.0)(demangle, debug_info)),
            known: HashMap::new(),
            frames: HashMap::new(),
            probed,
            build_ids: HashMap::new(),
        }
    }

    /// Keeps what a process has mapped now.
    pub fn remember(&mut self, pid: u32) {
        if let Some(process) = Process::read(pid) {
            self.make_room();
            self.known.insert(pid, Rc::new(process));
        }
    }

    /// Keeps what the processes have mapped that run a probed binary now.
    pub fn remember_probed(&mut self) {
        let canonical = |path: &String| Some(fs::canonicalize(path).ok()?.to_str()?.to_owned());
        let paths: HashSet<String> = self.probed.iter().filter_map(canonical).collect();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            if self.known.len() >= MAX_PROCESSES / 2 {
                return;
            }
            let maps = fs::read_to_string(entry.path().join("maps")).unwrap_or_default();
            if maps.lines().filter_map(parse_mapping).any(|(.., path)| paths.contains(path)) {
                self.remember(pid);
            }
        }
    }

    /// The functions an address is in: what was inlined first, then what it was inlined into. Empty when unknown.
    pub fn find(&mut self, pid: u32, address: u64) -> Rc<[Frame]> {
        let known = self.frames.get(&(pid, address));
        if let Some(known) = known.filter(|known| known.until.is_none_or(|until| Instant::now() < until)) {
            return Rc::clone(&known.frames);
        }
        let frames: Rc<[Frame]> = self.look_up(pid, address).into();
        if self.frames.len() >= MAX_FRAMES {
            self.frames.clear();
        }
        let until = frames.is_empty().then(|| Instant::now() + STALE);
        self.frames.insert((pid, address), Known { frames: Rc::clone(&frames), until });
        frames
    }

    /// The file that is mapped at an address, as the process sees it.
    pub fn module(&mut self, pid: u32, address: u64) -> Option<Rc<Path>> {
        let process = self.process(pid, address)?;
        if process.compiled_at(address).is_some() {
            return Some(Rc::from(PathBuf::from(format!("/tmp/perf-{pid}.map"))));
        }
        process.at(address).map(|mapping| Rc::clone(&mapping.path))
    }

    /// Build id of the file at an address, and the offset in the file.
    pub fn build_id(&mut self, pid: u32, address: u64) -> Option<(Rc<str>, u64)> {
        let process = self.process(pid, address)?;
        let mapping = process.at(address)?;
        let id = self.build_ids.entry(mapping.readable.to_path_buf());
        let id = id.or_insert_with(|| build_id(&mapping.readable).map(Rc::from)).clone()?;
        Some((id, address - mapping.start + mapping.offset))
    }

    fn look_up(&mut self, pid: u32, address: u64) -> Vec<Frame> {
        let Some(process) = self.process(pid, address) else { return self.look_up_gone(address) };
        if let Some(frame) = process.compiled_at(address) {
            return vec![frame];
        }
        let Some(mapping) = process.at(address) else { return Vec::new() };
        let offset = address - mapping.start + mapping.offset;
        self.symbolize(&mapping.readable, At::Offset(offset))
    }

    /// Of a process that nothing is known about: right if it ran a probed binary at the address that it asks for.
    fn look_up_gone(&self, address: u64) -> Vec<Frame> {
        let places = [Some(address), address.checked_sub(UNRANDOMISED_BASE)].into_iter().flatten();
        let mut found = places
            .flat_map(|place| self.probed.iter().map(move |path| self.symbolize(Path::new(path), At::Address(place))));
        found.find(|frames| !frames.is_empty()).unwrap_or_default()
    }

    fn symbolize(&self, path: &Path, at: At) -> Vec<Frame> {
        self.symbolizer.as_ref().map(|symbolizer| symbolizer.frames(path, at)).unwrap_or_default()
    }

    /// What is known about a process; read anew when an address lies in nothing it had mapped.
    fn process(&mut self, pid: u32, address: u64) -> Option<Rc<Process>> {
        if let Some(known) = self.known.get(&pid)
            && (known.at(address).is_some() || known.compiled_at(address).is_some() || !known.has_changed(pid))
        {
            return Some(Rc::clone(known));
        }
        match Process::read(pid) {
            Some(process) => {
                self.make_room();
                let process = Rc::new(process);
                self.known.insert(pid, Rc::clone(&process));
                Some(process)
            }
            None => self.known.get(&pid).cloned(),
        }
    }

    fn make_room(&mut self) {
        if self.known.len() >= MAX_PROCESSES {
            self.known.clear();
            self.frames.clear();
        }
    }
}

impl Process {
    fn read(pid: u32) -> Option<Self> {
        let maps = fs::read_to_string(format!("/proc/{pid}/maps")).ok()?;
        if maps.is_empty() {
            return None;
        }
        let mut files: HashMap<&str, (Rc<Path>, Rc<Path>)> = HashMap::new();
        let mut mappings = Vec::new();
        for line in maps.lines() {
            let Some((start, end, offset, inode, path)) = parse_mapping(line) else { continue };
            let (path, readable) = files.entry(path).or_insert_with(|| {
                let shown: Rc<Path> = Rc::from(Path::new(path));
                (Rc::clone(&shown), readable(pid, path, start, end, inode).map_or(shown, Rc::from))
            });
            mappings.push(Mapping { start, end, offset, path: Rc::clone(path), readable: Rc::clone(readable) });
        }
        Some(Process { mappings, jit: read_jit(pid), started: changes(pid) })
    }

    fn at(&self, address: u64) -> Option<&Mapping> {
        let index = self.mappings.partition_point(|mapping| mapping.start <= address).checked_sub(1)?;
        self.mappings.get(index).filter(|mapping| address < mapping.end)
    }

    fn compiled_at(&self, address: u64) -> Option<Frame> {
        let index = self.jit.partition_point(|&(start, ..)| start <= address).checked_sub(1)?;
        let (start, size, name) = self.jit.get(index)?;
        let offset = address - start;
        (offset < *size).then(|| Frame { name: name.clone(), offset, place: None, is_inlined: false })
    }

    /// Whether it is worth reading again: it runs, and has mapped something since.
    fn has_changed(&self, pid: u32) -> bool {
        changes(pid).is_some_and(|now| Some(now) != self.started)
    }
}

/// Grows with every mapping: its number of lines and the perf map's size stand for a version.
fn changes(pid: u32) -> Option<u64> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).ok().filter(|maps| !maps.is_empty())?;
    let jit = fs::metadata(format!("/tmp/perf-{pid}.map")).map_or(0, |metadata| metadata.len());
    Some(maps.len() as u64 ^ jit << 32)
}

/// Start, end, offset, inode and path of a mapped file.
pub fn parse_mapping(line: &str) -> Option<(u64, u64, u64, u64, &str)> {
    let path = &line[line.find('/')?..];
    let mut fields = line.split_ascii_whitespace();
    let (start, end) = fields.next()?.split_once('-')?;
    let (_, offset, _, inode) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let hex = |digits| u64::from_str_radix(digits, 16).ok();
    Some((hex(start)?, hex(end)?, hex(offset)?, inode.parse().ok()?, path))
}

/// The path under which we can read a file of a process that may have another root, or that was deleted.
pub fn readable(pid: u32, path: &str, start: u64, end: u64, inode: u64) -> Option<PathBuf> {
    let is_it = |path: &Path| fs::metadata(path).is_ok_and(|metadata| metadata.ino() == inode);
    let candidates = [
        PathBuf::from(path),
        PathBuf::from(format!("/proc/{pid}/root{path}")),
        PathBuf::from(format!("/proc/{pid}/map_files/{start:x}-{end:x}")),
    ];
    candidates.into_iter().find(|candidate| is_it(candidate))
}

/// `START SIZE NAME`, in hex. A process in a pid namespace of its own names the file by the pid that it knows.
fn read_jit(pid: u32) -> Vec<(u64, u64, Box<str>)> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let inner = status.lines().find_map(|line| line.strip_prefix("NSpid:")?.split_ascii_whitespace().next_back());
    let inner = inner.map_or_else(|| pid.to_string(), str::to_owned);
    let candidates = [format!("/proc/{pid}/root/tmp/perf-{inner}.map"), format!("/tmp/perf-{pid}.map")];
    let Some(text) = candidates.iter().find_map(|path| fs::read_to_string(path).ok()) else { return Vec::new() };
    let entry = |line: &str| {
        let mut fields = line.splitn(3, ' ');
        let start = u64::from_str_radix(fields.next()?.trim_start_matches("0x"), 16).ok()?;
        let size = u64::from_str_radix(fields.next()?.trim_start_matches("0x"), 16).ok()?;
        Some((start, size, fields.next()?.trim().into()))
    };
    let mut symbols: Vec<_> = text.lines().filter_map(entry).collect();
    symbols.sort_by_key(|&(start, ..)| start);
    symbols
}
