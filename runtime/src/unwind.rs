//! `dw_ustack`: tables for unwinding the stacks of the traced process, read here and looked through by BPF programs.

mod rows;

use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::time::{Duration, Instant};

use libbpf_rs::{MapCore, MapFlags, MapHandle, OpenObject};

use crate::context::Maps;
use crate::error::{Error, Result};
use crate::find::libraries;
use crate::message;
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

/// The vDSO, which is no file.
const VDSO: FileId = (u64::MAX, 0);

/// Follows what the traced processes have mapped, for the unwinding programs.
pub trait UnwindStacks {
    /// Takes the maps of the loaded object and fills them.
    fn begin(&mut self, maps: &Maps);
    /// Looks now and then whether a process has mapped something since.
    fn refresh(&mut self);
    /// Brings the maps to what the processes have mapped.
    fn update(&mut self);
}

/// Rows of the files that the traced processes have mapped.
struct Unwinder {
    processes: Vec<Process>,
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
    shown: Vec<Placed>,
    looked: Instant,
    /// That there are more mappings than room was told.
    is_short: bool,
}

/// A traced process.
struct Process {
    pid: u32,
    /// What the kernel said of its mappings last.
    text: String,
}

/// A mapping as BPF programs see it, sorted by process and address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Placed {
    pid: u32,
    start: u64,
    end: u64,
    bias: u64,
    first_row: u32,
    rows: u32,
}

struct Known {
    table: Table,
    /// Number of its first row, once it is in the map.
    first: Option<usize>,
}

/// What `parts::UNWINDER` links: sizes the maps of a script that uses `dw_ustack`. `program` is what the process of
/// `-c`, which is the first, is going to run.
///
/// # Errors
/// Without a process.
pub fn open(
    object: &mut OpenObject,
    pids: &[u32],
    program: Option<&Path>,
    verbose: bool,
) -> Result<Option<Box<dyn UnwindStacks>>> {
    Ok(Unwinder::new(object, pids, program, verbose)?.map(|unwinder| Box::new(unwinder) as Box<dyn UnwindStacks>))
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
        let mut is_new = false;
        for process in &mut self.processes {
            // A process that has ended has none; its stacks may still be wanted.
            let text = mappings_text(process.pid);
            if !text.is_empty() && text != process.text {
                process.text = text;
                is_new = true;
            }
        }
        if !is_new {
            return;
        }
        let mut mappings = Vec::new();
        for index in 0..self.processes.len() {
            let (pid, text) = (self.processes[index].pid, std::mem::take(&mut self.processes[index].text));
            for (start, end, bias, id) in self.read_mappings(pid, &text) {
                if let Some((first_row, rows)) = self.place(id) {
                    mappings.push(Placed { pid, start, end, bias, first_row: first_row as u32, rows: rows as u32 });
                }
            }
            self.processes[index].text = text;
        }
        if mappings.len() > MAPPINGS {
            if !std::mem::replace(&mut self.is_short, true) {
                let text =
                    format!("dw_ustack: {} mappings, room for {MAPPINGS}: some stacks end early", mappings.len());
                message::warning(&text);
            }
            mappings.truncate(MAPPINGS);
        }
        if mappings.is_empty() || mappings == self.shown {
            return;
        }
        mappings.sort_unstable();
        let Some((map, now)) = self.mappings.as_ref().zip(self.now.as_ref()) else { return };
        let first = self.spare_half * MAPPINGS;
        for (index, mapping) in mappings.iter().enumerate() {
            let mut value = Vec::with_capacity(40);
            for word in [mapping.start, mapping.end, mapping.bias] {
                value.extend(word.to_ne_bytes());
            }
            for word in [mapping.first_row, mapping.rows, mapping.pid, 0] {
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
    fn new(object: &mut OpenObject, pids: &[u32], program: Option<&Path>, verbose: bool) -> Result<Option<Self>> {
        if object.maps().any(|map| map.name() == "tw_unwind_absent") {
            eprintln!("WARNING: dw_ustack follows frame pointers on this processor");
        }
        if !object.maps().any(|map| map.name() == "tw_unwind_rows") {
            return Ok(None);
        }
        if pids.is_empty() {
            let message = "dw_ustack requires a target process. Use -p, -c, or --dwarf-pid to specify one.";
            return Err(Error::refused(message));
        }
        let mut processes: Vec<Process> = Vec::new();
        for &pid in pids {
            if processes.iter().all(|process| process.pid != pid) {
                processes.push(Process { pid, text: String::new() });
            }
        }
        let mut unwinder = Unwinder {
            processes,
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
            looked: Instant::now(),
            is_short: false,
        };
        if let Some(program) = program {
            unwinder.read_needed(program);
        }
        unwinder.vdso();
        for &pid in pids.iter().skip(usize::from(program.is_some())) {
            unwinder.read_mappings(pid, &mappings_text(pid));
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

    /// Executable mappings of files: start, end, bias, file.
    fn read_mappings(&mut self, pid: u32, text: &str) -> Vec<(u64, u64, u64, FileId)> {
        let mut found = Vec::new();
        for line in text.lines() {
            // `START-END PERMISSIONS OFFSET …`
            if !line.split_ascii_whitespace().nth(1).is_some_and(|permissions| permissions.contains('x')) {
                continue;
            }
            let Some((start, end, offset, id)) = self.mapped(pid, line) else { continue };
            let table = self.files.get(&id).and_then(Option::as_ref).map(|file| &file.table);
            if let Some(bias) = table.and_then(|table| table.bias(start, offset)) {
                found.push((start, end, bias, id));
            }
        }
        found
    }

    /// What an executable mapping is of: start, end, offset, file.
    fn mapped(&mut self, pid: u32, line: &str) -> Option<(u64, u64, u64, FileId)> {
        if line.ends_with("[vdso]") {
            let (start, end) = address_range(line)?;
            return Some((start, end, 0, self.vdso()?));
        }
        let (start, end, offset, inode, path) = process::parse_mapping(line)?;
        let path = process::readable(pid, path, start, end, inode)?;
        Some((start, end, offset, self.file(&path)?))
    }

    /// The vDSO is the same in all processes of 64 bits, so also in this one.
    fn vdso(&mut self) -> Option<FileId> {
        if !self.files.contains_key(&VDSO) {
            let table = own_vdso().and_then(|image| Table::parse(&image[..]));
            self.tell(|| format!("dw_ustack: vDSO: {} rows", table.as_ref().map_or(0, |table| table.rows.len())));
            self.files.insert(VDSO, table.map(|table| Known { table, first: None }));
        }
        Some(VDSO)
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

fn mappings_text(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default()
}

/// `START-END …`
fn address_range(line: &str) -> Option<(u64, u64)> {
    let (start, end) = line.split_ascii_whitespace().next()?.split_once('-')?;
    Some((u64::from_str_radix(start, 16).ok()?, u64::from_str_radix(end, 16).ok()?))
}

/// The pages of our own vDSO.
fn own_vdso() -> Option<Vec<u8>> {
    let maps = fs::read_to_string("/proc/self/maps").ok()?;
    let (start, end) = maps.lines().find(|line| line.ends_with("[vdso]")).and_then(address_range)?;
    let mut image = vec![0; usize::try_from(end - start).ok()?];
    fs::File::open("/proc/self/mem").ok()?.read_exact_at(&mut image, start).ok()?;
    Some(image)
}
