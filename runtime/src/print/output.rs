//! The printer of a running tool: its maps are the kernel's.

use super::{Buffering, EachEntry, MapSource, Printer, Settings};
use crate::context::{self, Context, Format, Maps};
use crate::tool::{Action, ActionKind, Check, Storage, Tool, Value};
use libbpf_rs::{MapCore as _, MapFlags, MapHandle, MapType};
use std::collections::HashSet;
use std::io::{self, Write};

/// Prints the events of a loaded tool, and clears and zeroes its maps.
pub struct Output {
    printer: Printer,
    maps: KernelMaps,
    print_maps_on_exit: bool,
}

/// The script's maps in the kernel.
struct KernelMaps {
    tool: &'static Tool,
    maps: Maps,
}

impl Output {
    /// Prints to `writer`.
    pub fn new(context: Context, writer: Box<dyn Write>) -> Self {
        let Context { tool, config, format, buffering, quiet, no_warnings, params, probes, target_pid, maps, .. } =
            context;
        let settings = Settings {
            json: format == Format::Json,
            buffering: match buffering {
                context::Buffering::None => Buffering::None,
                context::Buffering::Line => Buffering::Line,
                context::Buffering::Full => Buffering::Full,
            },
            quiet,
            warnings: !no_warnings,
            params,
            probes,
            max_cat_bytes: config.max_cat_bytes,
            missing_probes: config.missing_probes,
            str_trunc_trailer: config.str_trunc_trailer,
            cpp_demangle: config.cpp_demangle,
            show_debug_info: config.show_debug_info,
        };
        let mut printer = Printer::new(tool, settings, writer);
        if let Some(pid) = target_pid {
            printer.remember_process(pid);
        }
        Output { printer, maps: KernelMaps { tool, maps }, print_maps_on_exit: config.print_maps_on_exit }
    }

    /// Does what a record asks for, `unwatch()` aside.
    ///
    /// # Errors
    /// When output cannot be written or the kernel refuses.
    pub fn event(&mut self, action: &'static Action, record: &[u8]) -> io::Result<()> {
        self.printer.event(action, record, &self.maps)?;
        match action.kind {
            ActionKind::Clear(map) => self.maps.clear(map),
            ActionKind::Zero(map) => self.maps.zero(map),
            _ => Ok(()),
        }
    }

    /// Keeps what a process has mapped, for its symbols after it has ended.
    pub fn remember_process(&mut self, pid: u32) {
        self.printer.remember_process(pid);
    }

    /// A checked helper failed.
    ///
    /// # Errors
    /// When output cannot be written.
    pub fn check_failed(&mut self, check: &'static Check, result: i64) -> io::Result<()> {
        self.printer.helper_error(check, result)
    }

    /// Everything is attached.
    ///
    /// # Errors
    /// When output cannot be written.
    pub fn attached(&mut self, count: usize) -> io::Result<()> {
        self.printer.attached(count)?;
        self.printer.remember_probed_processes();
        Ok(())
    }

    /// The maps at the end of a run.
    ///
    /// # Errors
    /// When output cannot be written or a map cannot be read.
    pub fn maps(&mut self, wanted: bool) -> io::Result<()> {
        self.printer.end_of_run();
        if wanted && self.print_maps_on_exit { self.printer.print_all_maps(&self.maps) } else { self.printer.finish() }
    }

    /// Results of `bench` probes: name, nanoseconds of a run, runs.
    ///
    /// # Errors
    /// When output cannot be written.
    pub fn benchmarks(&mut self, results: &[(String, u64, u64)]) -> io::Result<()> {
        self.printer.benchmarks(results)
    }

    /// What was lost: what, what to raise, how often.
    ///
    /// # Errors
    /// When output cannot be written.
    pub fn losses(&mut self, losses: &[(String, String, u64)]) -> io::Result<()> {
        self.printer.losses(losses)
    }

    /// Writes what waits, as the buffering mode has it.
    ///
    /// # Errors
    /// When output cannot be written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.printer.flush()
    }
}

impl KernelMaps {
    fn handle(&self, map: usize) -> Option<&MapHandle> {
        self.maps.get(self.tool.maps.get(map)?.bpf_name)
    }

    /// Forgets all elements; an array's become zero.
    fn clear(&self, map: usize) -> io::Result<()> {
        let Some(handle) = self.handle(map) else { return Ok(()) };
        let keys: Vec<Vec<u8>> = handle.keys().collect();
        let zero = vec![0; value_size(handle)];
        for key in keys {
            if is_array(handle) {
                update(handle, &key, &zero)?;
            } else {
                // A probe may have deleted it.
                let _ = handle.delete(&key);
            }
        }
        Ok(())
    }

    /// Sets the value of all elements to zero; what was never set stays so.
    fn zero(&self, map: usize) -> io::Result<()> {
        let Some(handle) = self.handle(map) else { return Ok(()) };
        let set_offset = match self.tool.maps[map].storage {
            Storage::Array { set_offset, .. } => set_offset,
            Storage::Hash { .. } => None,
        };
        let keys: Vec<Vec<u8>> = handle.keys().collect();
        for key in keys {
            let mut zero = vec![0; value_size(handle)];
            if let (Some(offset), Some((values, stride))) = (set_offset, lookup(handle, &key)?)
                && let Some(set) = values.chunks(stride).find_map(|value| value.get(offset..offset + 8))
                && values.chunks(stride).any(|value| super::layout::u64_at(value, offset) != 0)
            {
                let set = if set == [0; 8] { &1u64.to_ne_bytes()[..] } else { set };
                zero[offset..offset + 8].copy_from_slice(set);
            }
            update(handle, &key, &zero)?;
        }
        Ok(())
    }
}

impl MapSource for KernelMaps {
    fn entries(&self, map: usize, each: EachEntry) -> io::Result<()> {
        let Some(handle) = self.handle(map) else { return Ok(()) };
        let is_series = matches!(self.tool.maps[map].value, Value::TimeSeries { .. });
        // Where a probe deletes the key that is asked about, the kernel starts over.
        let mut seen = HashSet::new();
        for key in handle.keys().take(2 * handle.max_entries() as usize) {
            if seen.contains(&key) {
                continue;
            }
            if let Some((values, stride)) = lookup(handle, &key)? {
                let is_empty = is_array(handle) && values.iter().all(|&byte| byte == 0);
                if !(is_series && is_empty) {
                    each(&key, &values, stride);
                }
            }
            seen.insert(key);
        }
        Ok(())
    }

    fn lookup(&self, map: usize, key: &[u8]) -> io::Result<Option<(Vec<u8>, usize)>> {
        match self.handle(map) {
            Some(handle) if is_array(handle) => lookup(handle, &[0; 4]),
            // Old kernels have the keys of maps cut; a text comes without the zeros after it.
            Some(handle) => {
                let mut key = key.to_vec();
                key.resize(handle.key_size() as usize, 0);
                lookup(handle, &key)
            }
            None => Ok(None),
        }
    }

    fn stack(&self, map: &str, id: u64) -> Option<Vec<u64>> {
        let handle = self.maps.get(map)?;
        let bytes = handle.lookup(&id.to_ne_bytes(), MapFlags::ANY).ok()??;
        Some(bytes.chunks_exact(8).map(|word| super::layout::u64_at(word, 0)).collect())
    }
}

fn is_array(handle: &MapHandle) -> bool {
    matches!(handle.map_type(), MapType::Array | MapType::PercpuArray)
}

fn value_size(handle: &MapHandle) -> usize {
    handle.value_size() as usize
}

/// Values of all CPUs, and the bytes from one to the next.
fn lookup(handle: &MapHandle, key: &[u8]) -> io::Result<Option<(Vec<u8>, usize)>> {
    if handle.map_type().is_percpu() {
        let values = handle.lookup_percpu(key, MapFlags::ANY).map_err(io_error)?;
        let stride = value_size(handle);
        return Ok(values.map(|values| (values.concat(), stride)));
    }
    let value = handle.lookup(key, MapFlags::ANY).map_err(io_error)?;
    Ok(value.map(|value| {
        let stride = value.len();
        (value, stride)
    }))
}

/// The same value for all CPUs.
fn update(handle: &MapHandle, key: &[u8], value: &[u8]) -> io::Result<()> {
    if handle.map_type().is_percpu() {
        let cpus = libbpf_rs::num_possible_cpus().map_err(io_error)?;
        let values = vec![value.to_vec(); cpus];
        return handle.update_percpu(key, &values, MapFlags::ANY).map_err(io_error);
    }
    handle.update(key, value, MapFlags::ANY).map_err(io_error)
}

/// A map that cannot be read must not look like a closed pipe.
fn io_error(error: libbpf_rs::Error) -> io::Error {
    io::Error::other(error.to_string())
}
