//! `dw_ustack`: tables for unwinding the stacks of the traced process, read here and looked through by BPF programs.

mod rows;

use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use libbpf_rs::{MapCore, MapFlags, MapHandle, OpenObject};

use crate::context::Maps;
use crate::error::{Error, Result};
use crate::find::libraries;
use crate::print::symbols::process;
use crate::settings::possible_cpus;
use rows::{Row, Table};

/// As in unwind.bpf.h.
const MAPPINGS: usize = 1024;
const LEVELS: u32 = 4;
/// Room for the libraries that a process may still load.
const SPARE_ROWS: usize = 1 << 18;
/// How often to look for them.
const PERIOD: Duration = Duration::from_millis(100);
/// Rows for one call of the kernel.
const BATCH: usize = 1 << 14;

/// A file by device and inode.
type FileId = (u64, u64);

/// Follows what a traced process has mapped, for the unwinding programs.
pub trait UnwindStacks {
    /// Takes the maps of the loaded object and fills them.
    fn begin(&mut self, maps: &Maps);
    /// Looks now and then whether the process has mapped something since.
    fn refresh(&mut self);
    /// Brings the maps to what the process has mapped.
    fn update(&mut self);
}

/// Rows of the files that the traced process has mapped.
struct Unwinder {
    pid: u32,
    is_child: bool,
    verbose: bool,
    files: HashMap<FileId, Option<Known>>,
    rows: Option<MapHandle>,
    mappings: Option<MapHandle>,
    now: Option<MapHandle>,
    /// Rows in the map.
    used: usize,
    room: usize,
    /// The half of the mappings that is not looked at.
    spare_half: usize,
    shown: Vec<[u64; 5]>,
    /// What the kernel said of the mappings last.
    text: String,
    looked: Instant,
}

struct Known {
    table: Table,
    /// Number of its first row, once it is in the map.
    first: Option<usize>,
}

/// What `parts::UNWINDER` links: sizes the maps of a script that uses `dw_ustack`. `program` is what the process of
/// `-c` is going to run.
///
/// # Errors
/// Without a process.
pub fn open(
    object: &mut OpenObject,
    pid: Option<u32>,
    program: Option<&Path>,
    verbose: bool,
) -> Result<Option<Box<dyn UnwindStacks>>> {
    Ok(Unwinder::new(object, pid, program, verbose)?.map(|unwinder| Box::new(unwinder) as Box<dyn UnwindStacks>))
}

impl UnwindStacks for Unwinder {
    fn begin(&mut self, maps: &Maps) {
        self.rows = maps.handle("tw_unwind_rows");
        self.mappings = maps.handle("tw_unwind_maps");
        self.now = maps.handle("tw_unwind_now");
        // A child is not its program yet.
        if !self.is_child {
            self.update();
        }
    }

    fn refresh(&mut self) {
        if self.looked.elapsed() >= PERIOD {
            self.update();
        }
    }

    fn update(&mut self) {
        self.looked = Instant::now();
        let text = self.mappings_text();
        // A process that has ended has none; its stacks may still be wanted.
        if text.is_empty() || text == self.text {
            return;
        }
        let found = self.read_mappings(&text);
        self.text = text;
        let mut mappings = Vec::new();
        for (start, end, bias, id) in found {
            if let Some((first, rows)) = self.place(id) {
                mappings.push([start, end, bias, first as u64, rows as u64]);
            }
        }
        if mappings.len() > MAPPINGS {
            self.tell(|| format!("dw_ustack: {} mappings, more than there is room for", mappings.len()));
            mappings.truncate(MAPPINGS);
        }
        if mappings.is_empty() || mappings == self.shown {
            return;
        }
        mappings.sort_unstable();
        let Some((map, now)) = self.mappings.as_ref().zip(self.now.as_ref()) else { return };
        let first = self.spare_half * MAPPINGS;
        for (index, &[start, end, bias, first_row, rows]) in mappings.iter().enumerate() {
            let mut value = Vec::with_capacity(40);
            for word in [start, end, bias] {
                value.extend(word.to_ne_bytes());
            }
            for word in [first_row as u32, rows as u32, self.pid, 0] {
                value.extend(word.to_ne_bytes());
            }
            let key = (first + index) as u32;
            if let Err(error) = map.update(&key.to_ne_bytes(), &value, MapFlags::ANY) {
                return self.tell(|| format!("dw_ustack: {error}"));
            }
        }
        let half = [(first as u32).to_ne_bytes(), (mappings.len() as u32).to_ne_bytes()].concat();
        if let Err(error) = now.update(&0u32.to_ne_bytes(), &half, MapFlags::ANY) {
            return self.tell(|| format!("dw_ustack: {error}"));
        }
        self.spare_half ^= 1;
        self.shown = mappings;
        self.tell(|| format!("dw_ustack: {} mappings, {} rows", self.shown.len(), self.used));
    }
}

impl Unwinder {
    fn new(object: &mut OpenObject, pid: Option<u32>, program: Option<&Path>, verbose: bool) -> Result<Option<Self>> {
        if object.maps().any(|map| map.name() == "tw_unwind_absent") {
            eprintln!("WARNING: dw_ustack follows frame pointers on this processor");
        }
        if !object.maps().any(|map| map.name() == "tw_unwind_rows") {
            return Ok(None);
        }
        let Some(pid) = pid else {
            return Err(Error::refused("dw_ustack requires a target process. Use -p or -c to specify one."));
        };
        let mut unwinder = Unwinder {
            pid,
            is_child: program.is_some(),
            verbose,
            files: HashMap::new(),
            rows: None,
            mappings: None,
            now: None,
            used: 0,
            room: 0,
            spare_half: 0,
            shown: Vec::new(),
            text: String::new(),
            looked: Instant::now(),
        };
        match program {
            Some(program) => {
                unwinder.read_needed(program);
            }
            None => {
                let text = unwinder.mappings_text();
                unwinder.read_mappings(&text);
            }
        }
        let known: usize = unwinder.files.values().flatten().map(|file| file.table.rows.len()).sum();
        for mut map in object.maps_mut() {
            match map.name().to_str() {
                Some("tw_unwind_rows") => {
                    unwinder.room = (known + SPARE_ROWS).max(map.max_entries() as usize);
                    map.set_max_entries(unwinder.room as u32)?;
                }
                Some("tw_unwind_states") => map.set_max_entries(LEVELS * possible_cpus() as u32)?,
                _ => {}
            }
        }
        Ok(Some(unwinder))
    }

    fn mappings_text(&self) -> String {
        fs::read_to_string(format!("/proc/{}/maps", self.pid)).unwrap_or_default()
    }

    /// Executable mappings of files: start, end, bias, file.
    fn read_mappings(&mut self, text: &str) -> Vec<(u64, u64, u64, FileId)> {
        let mut found = Vec::new();
        for line in text.lines() {
            // `START-END PERMISSIONS OFFSET …`
            if !line.split_ascii_whitespace().nth(1).is_some_and(|permissions| permissions.contains('x')) {
                continue;
            }
            let Some((start, end, offset, inode, path)) = process::parse_mapping(line) else { continue };
            let Some(path) = process::readable(self.pid, path, start, end, inode) else { continue };
            let Some(id) = self.file(&path) else { continue };
            let table = self.files.get(&id).and_then(Option::as_ref).map(|file| &file.table);
            if let Some(bias) = table.and_then(|table| table.bias(start, offset)) {
                found.push((start, end, bias, id));
            }
        }
        found
    }

    /// Reads a program and the libraries that its loader is going to map.
    fn read_needed(&mut self, program: &Path) {
        let mut seen = HashSet::new();
        let mut waiting = vec![program.to_owned()];
        while let Some(path) = waiting.pop() {
            let Some(id) = self.file(&path) else { continue };
            let Some(Some(file)) = self.files.get(&id) else { continue };
            for name in file.table.needed.iter().filter(|name| !name.contains('/')) {
                if seen.insert(name.clone()) {
                    waiting.extend(libraries::binaries(name, None));
                }
            }
        }
    }

    /// Reads a file that is not known yet.
    fn file(&mut self, path: &Path) -> Option<FileId> {
        let metadata = fs::metadata(path).ok()?;
        let id = (metadata.dev(), metadata.ino());
        if !self.files.contains_key(&id) {
            let table = Table::read(path);
            let rows = table.as_ref().map_or(0, |table| table.rows.len());
            self.tell(|| format!("dw_ustack: {}: {rows} rows", path.display()));
            self.files.insert(id, table.map(|table| Known { table, first: None }));
        }
        Some(id)
    }

    /// Where the rows of a file are in the map; puts them there when they are not.
    fn place(&mut self, id: FileId) -> Option<(usize, usize)> {
        let map = self.rows.as_ref()?;
        let file = self.files.get_mut(&id)?.as_mut()?;
        let count = file.table.rows.len();
        if let Some(first) = file.first {
            return Some((first, count));
        }
        if count == 0 {
            return None;
        }
        if self.used + count > self.room {
            eprintln!(
                "WARNING: dw_ustack: no room for the {count} rows of a file that was mapped late: its stacks end there"
            );
            // Asked no more.
            self.files.insert(id, None);
            return None;
        }
        let first = self.used;
        for (at, batch) in file.table.rows.chunks(BATCH).enumerate() {
            let from = first + at * BATCH;
            let keys: Vec<u8> = (from..from + batch.len()).flat_map(|key| (key as u32).to_ne_bytes()).collect();
            let values: Vec<u8> = batch.iter().flat_map(|row| Row::bytes(*row)).collect();
            if let Err(error) = map.update_batch(&keys, &values, batch.len() as u32, MapFlags::ANY, MapFlags::ANY) {
                eprintln!("WARNING: dw_ustack: {error}");
                return None;
            }
        }
        file.first = Some(first);
        self.used += count;
        Some((first, count))
    }

    fn tell(&self, text: impl FnOnce() -> String) {
        if self.verbose {
            eprintln!("{}", text());
        }
    }
}
