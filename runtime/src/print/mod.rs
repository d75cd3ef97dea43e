//! Everything that turns bytes into output: text or JSON, exactly as bpftrace writes it.

mod command;
mod format;
mod hist;
mod json;
pub(crate) mod layout;
mod lines;
mod map;
mod message;
mod names;
pub mod numbers;
mod output;
mod pcap;
mod series;
mod stack;
pub(crate) mod symbols;
mod tables;
#[cfg(test)]
mod tests;
mod value;

pub use json::string as json_string;
pub use message::divert;
pub use output::Output;

use crate::spec::{self, SpecFormat};
use crate::tool::{Action, ActionKind, Check, Map, MissingProbes, Tool, Value};
use format::Fields;
use layout::{member_bytes, u32_at, u64_at};
use map::{Limits, Shape};
use message::Severity;
use names::Names;
use pcap::Captures;
use std::collections::HashSet;
use std::io::{self, Write};
use value::Writer;

/// What is called with a BPF key, the values of all CPUs, and the bytes from one CPU's value to the next.
pub type EachEntry<'a> = &'a mut dyn FnMut(&[u8], &[u8], usize);

/// Where maps and stacks are read from.
pub trait MapSource {
    /// Calls `each` for every element of the script's map. Keys of array maps are `__u32` indices.
    ///
    /// # Errors
    /// When the kernel refuses.
    fn entries(&self, map: usize, each: EachEntry) -> io::Result<()>;

    /// One element: values of all CPUs, and the bytes from one to the next.
    ///
    /// # Errors
    /// When the kernel refuses for another reason than that there is none.
    fn lookup(&self, map: usize, key: &[u8]) -> io::Result<Option<(Vec<u8>, usize)>>;

    /// Addresses of a stack in the BPF map of that name.
    fn stack(&self, map: &str, id: u64) -> Option<Vec<u64>>;
}

/// When output is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Buffering {
    /// After every event.
    None,
    /// Whole lines, whenever nothing more waits.
    Line,
    /// By blocks.
    Full,
}

/// How to print.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the names are those of options and config variables")]
pub struct Settings {
    pub json: bool,
    pub buffering: Buffering,
    pub quiet: bool,
    /// `--no-warnings` is false.
    pub warnings: bool,
    /// Positional parameters: `$1` is the first.
    pub params: Vec<String>,
    /// Expanded names of probes.
    pub probes: Vec<String>,
    pub max_cat_bytes: u32,
    pub missing_probes: MissingProbes,
    pub str_trunc_trailer: String,
    pub cpp_demangle: bool,
    pub show_debug_info: bool,
}

/// Prints what a tool's events ask for.
pub struct Printer {
    tool: &'static Tool,
    settings: Settings,
    names: Names,
    sink: Box<dyn Write>,
    /// How the values of the parameter that names the probe are shown.
    spec: SpecFormat,
    /// What is not yet written to the sink.
    out: Vec<u8>,
    /// Lines that have begun.
    parts: Vec<lines::Part>,
    /// Scalar histograms that `zero()` emptied: they are printed, without rows.
    zeroed: HashSet<usize>,
    captures: Captures,
}

/// A block of output.
const BLOCK: usize = 1 << 16;

impl Printer {
    /// Prints to `sink`.
    pub fn new(tool: &'static Tool, settings: Settings, sink: Box<dyn Write>) -> Self {
        let names = Names::new(tool, &settings);
        let (out, parts, zeroed) = (Vec::with_capacity(BLOCK), Vec::new(), HashSet::new());
        let parameter = spec::parameter(tool).and_then(|n| crate::text::param(&settings.params, n));
        let spec = parameter.map(spec::format).unwrap_or_default();
        Printer { tool, settings, names, sink, spec, out, parts, zeroed, captures: Captures::default() }
    }

    /// Keeps what a process has mapped, for its symbols after it has ended.
    pub fn remember_process(&mut self, pid: u32) {
        self.names.processes.remember(pid);
    }

    /// Keeps what processes have mapped that run a probed binary, if user-space symbols will be asked for.
    pub fn remember_probed_processes(&mut self) {
        if layout::shows_user_symbols(self.tool) {
            self.names.processes.remember_probed();
        }
    }

    /// Does what a record asks for. `clear()`, `zero()` and `unwatch()` are the caller's.
    ///
    /// # Errors
    /// When output cannot be written or a map cannot be read.
    pub fn event(&mut self, action: &Action, record: &[u8], maps: &dyn MapSource) -> io::Result<()> {
        let is_text = matches!(action.kind, ActionKind::Printf(_) | ActionKind::Cat(_) | ActionKind::Join(_));
        let line = if is_text && !self.settings.json { u32_at(record, 4) } else { 0 };
        let start = self.out.len();
        self.begin_part(line);
        self.show(action, record, maps)?;
        self.keep_part(line, start);
        self.event_is_over()
    }

    fn show(&mut self, action: &Action, record: &[u8], maps: &dyn MapSource) -> io::Result<()> {
        let mut fields = Fields::new(record, action.fields, action.size);
        match action.kind {
            ActionKind::Printf(pieces) => {
                self.object("printf", maps, |writer| writer.printf(pieces, &mut fields));
            }
            ActionKind::Errorf(pieces) | ActionKind::Warnf(pieces) => {
                let is_error = matches!(action.kind, ActionKind::Errorf(_));
                let severity = if is_error { Severity::Error } else { Severity::Warning };
                if !is_error && !self.settings.warnings {
                    return Ok(());
                }
                let mut text = Vec::new();
                Writer { names: &mut self.names, spec: &self.spec, maps, out: &mut text }.printf(pieces, &mut fields);
                self.script_message(severity, action, &text)?;
            }
            ActionKind::Cat(pieces) => {
                let path = self.formatted(pieces, &mut fields, maps);
                self.cat(&path)?;
            }
            ActionKind::System(pieces) => {
                let line = self.formatted(pieces, &mut fields, maps);
                self.system(&line)?;
            }
            ActionKind::PrintValue => {
                if let Some((ty, bytes)) = fields.next() {
                    self.print_value(maps, |writer| writer.value(ty, bytes), |writer| writer.json(ty, bytes));
                }
            }
            ActionKind::PrintMap(index) => {
                let number = |field: usize| action.fields.get(field).map_or(0, |m| u64_at(member_bytes(record, m), 0));
                self.print_map(index, number(0), number(1), maps)?;
            }
            ActionKind::PrintElement(index) => self.print_element(index, &mut fields, maps)?,
            ActionKind::Time(format) => {
                self.object("time", maps, |writer| names::local_time(names::now(), format, writer.out));
            }
            ActionKind::Join(delimiter) => {
                let bytes = fields.next().map_or(&[][..], |(_, bytes)| bytes);
                let is_json = self.settings.json;
                self.object("join", maps, |writer| {
                    let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
                    for (index, part) in bytes.split(|&byte| byte == 0).enumerate() {
                        writer.text(if index > 0 { delimiter } else { "" });
                        writer.out.extend_from_slice(part);
                    }
                    writer.text(if is_json { "" } else { "\n" });
                });
            }
            ActionKind::SkbOutput(path) => {
                let boot = fields.next().map_or(0, |(_, bytes)| u64_at(bytes, 0));
                let packet = fields.next().map_or(&[][..], |(_, bytes)| bytes);
                // The kernel copies from the packet's start on; `aux` says how much of it is not wanted.
                let packet = &packet[packet.len().min(u32_at(record, 4) as usize)..];
                if let Err(error) = self.captures.write(path, self.names.wall_clock(boot), packet) {
                    self.error(&format!("cannot write '{path}': {error}"))?;
                }
            }
            ActionKind::Zero(index) => {
                let shape = Shape::new(&self.tool.maps[index], &self.settings.params);
                if !map::read(&shape, index, maps)?.is_empty() {
                    self.zeroed.insert(index);
                }
            }
            ActionKind::Clear(index) => {
                self.zeroed.remove(&index);
            }
            ActionKind::Unwatch => {}
        }
        Ok(())
    }

    /// A map, `print(@map, top, div)`.
    ///
    /// # Errors
    /// When the map cannot be read.
    pub fn print_map(&mut self, index: usize, top: u64, div: u64, maps: &dyn MapSource) -> io::Result<()> {
        let Some(map) = self.tool.maps.get(index) else { return Ok(()) };
        self.write_map(index, map, Limits { top, div }, true, maps)
    }

    /// What stands between the events and the maps: two line breaks, in JSON nothing.
    pub fn end_of_run(&mut self) {
        self.end_parts();
        if !self.settings.json {
            self.out.extend_from_slice(b"\n\n");
        }
    }

    /// Every map that was set, in order of their names.
    ///
    /// # Errors
    /// When output cannot be written or a map cannot be read.
    pub fn print_all_maps(&mut self, maps: &dyn MapSource) -> io::Result<()> {
        let mut order: Vec<usize> = (0..self.tool.maps.len()).collect();
        order.sort_by_key(|&index| self.tool.maps[index].name);
        for index in order {
            self.write_map(index, &self.tool.maps[index], Limits { top: 0, div: 1 }, false, maps)?;
            self.event_is_over()?;
        }
        self.finish()
    }

    /// `Attached N probes`
    ///
    /// # Errors
    /// When output cannot be written.
    pub fn attached(&mut self, count: usize) -> io::Result<()> {
        if self.settings.quiet {
            return Ok(());
        }
        if self.settings.json {
            writeln!(
                self.out,
                "{{\"type\": \"attached_probes\", \"count\": {count}, \"data\": {{\"probes\": {count}}}}}"
            )?;
            return self.finish();
        }
        self.finish()?;
        message::tell(&format!("Attached {count} probe{}", if count == 1 { "" } else { "s" }));
        Ok(())
    }

    /// A checked helper failed.
    ///
    /// # Errors
    /// When output cannot be written.
    pub fn helper_error(&mut self, check: &Check, result: i64) -> io::Result<()> {
        if !self.settings.warnings {
            return Ok(());
        }
        if self.settings.json {
            message::write_helper_error(self.tool, check, result, &mut self.out);
            return self.event_is_over();
        }
        self.finish()?;
        message::tell_helper_error(self.tool, check, result);
        Ok(())
    }

    /// What was lost, by cause: what, what to raise, how often.
    ///
    /// # Errors
    /// When output cannot be written.
    pub fn losses(&mut self, losses: &[(String, String, u64)]) -> io::Result<()> {
        for (what, hint, count) in losses {
            if self.settings.json {
                message::write_loss(what, hint, *count, &mut self.out);
            } else {
                self.finish()?;
                message::tell_loss(what, hint, *count);
            }
        }
        self.event_is_over()
    }

    /// Results of `bench` probes: name, nanoseconds of a run, runs.
    ///
    /// # Errors
    /// When output cannot be written.
    pub fn benchmarks(&mut self, results: &[(String, u64, u64)]) -> io::Result<()> {
        if !self.settings.json && !results.is_empty() {
            writeln!(self.out, "{:<41}{:<15}Iterations\n{:-<66}", "Benchmark", "Time(ns)", "")?;
        }
        for (name, nanoseconds, runs) in results {
            if self.settings.json {
                self.out.extend_from_slice(b"{\"type\": \"benchmark_result\", \"data\": {");
                json::string(name.as_bytes(), &mut self.out);
                writeln!(self.out, ": {{\"average\": {nanoseconds}, \"iters\": {runs}}}}}}}")?;
            } else {
                writeln!(self.out, "{name:<41}{nanoseconds:<15}{runs}")?;
            }
        }
        self.event_is_over()
    }

    /// `ERROR: …` on standard error, in order with what is printed.
    ///
    /// # Errors
    /// When output cannot be written.
    pub fn error(&mut self, text: &str) -> io::Result<()> {
        self.finish()?;
        message::tell(&format!("{}{text}", Severity::Error.prefix()));
        Ok(())
    }

    /// `WARNING: …`, unless warnings are off.
    ///
    /// # Errors
    /// When output cannot be written.
    pub fn warning(&mut self, text: &str) -> io::Result<()> {
        if !self.settings.warnings {
            return Ok(());
        }
        self.finish()?;
        message::tell(&format!("{}{text}", Severity::Warning.prefix()));
        Ok(())
    }

    /// Writes what the buffering mode lets go; for when nothing more waits.
    ///
    /// # Errors
    /// When output cannot be written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.end_old_parts();
        if self.settings.buffering == Buffering::Full && self.out.len() < BLOCK {
            return Ok(());
        }
        self.finish()
    }

    /// Writes everything.
    ///
    /// # Errors
    /// When output cannot be written.
    pub fn finish(&mut self) -> io::Result<()> {
        if !self.out.is_empty() {
            let written = self.sink.write_all(&self.out);
            self.out.clear();
            written?;
            self.sink.flush()?;
        }
        Ok(())
    }

    fn event_is_over(&mut self) -> io::Result<()> {
        if self.settings.buffering == Buffering::None || self.out.len() >= BLOCK { self.finish() } else { Ok(()) }
    }

    /// Text as it is; as JSON, an object with the text as `data`.
    fn object(&mut self, kind: &str, maps: &dyn MapSource, write: impl FnOnce(&mut Writer)) {
        let mut writer = Writer { names: &mut self.names, spec: &self.spec, maps, out: &mut self.out };
        if self.settings.json {
            writer.format(format_args!("{{\"type\": \"{kind}\", \"data\": "));
            writer.json_text(write);
            writer.text("}\n");
        } else {
            write(&mut writer);
        }
    }

    fn print_value(
        &mut self,
        maps: &dyn MapSource,
        as_text: impl FnOnce(&mut Writer),
        as_json: impl FnOnce(&mut Writer),
    ) {
        let mut writer = Writer { names: &mut self.names, spec: &self.spec, maps, out: &mut self.out };
        if self.settings.json {
            writer.text("{\"type\": \"value\", \"data\": ");
            as_json(&mut writer);
            writer.text("}\n");
        } else {
            as_text(&mut writer);
            writer.text("\n");
        }
    }

    /// The value of a map under one key: in the record, or, of aggregates, looked up.
    fn print_element(&mut self, index: usize, fields: &mut Fields, maps: &dyn MapSource) -> io::Result<()> {
        let map = &self.tool.maps[index];
        let (_, key) = fields.next().unwrap_or((&crate::tool::Ty::Bool, &[]));
        if let Some((ty, bytes)) = fields.next() {
            self.print_value(maps, |writer| writer.value(ty, bytes), |writer| writer.json(ty, bytes));
            return Ok(());
        }
        let (values, stride) = maps.lookup(index, key)?.unwrap_or_default();
        let value = map::reduce(&map.value, &values, stride);
        let params = std::mem::take(&mut self.settings.params);
        let shape = Shape::new(map, &params);
        self.print_value(
            maps,
            |writer| map::write_value(writer, map, &value, 1),
            |writer| map::write_json_value(writer, &shape, &value, 1, 0),
        );
        self.settings.params = params;
        Ok(())
    }

    /// A scalar map that was never set is shown as zero when it is asked for.
    fn write_map(
        &mut self,
        index: usize,
        map: &'static Map,
        limits: Limits,
        is_asked_for: bool,
        maps: &dyn MapSource,
    ) -> io::Result<()> {
        let shape = Shape::new(map, &self.settings.params);
        let mut entries = map::read(&shape, index, maps)?;
        if entries.is_empty() && map.key.is_none() {
            entries.extend(map::unset(&shape, is_asked_for, self.zeroed.contains(&index)));
        }
        // Of these, JSON tells even that there is nothing.
        let is_told = self.settings.json && matches!(map.value, Value::Avg { .. } | Value::Stats { .. });
        if entries.is_empty() && !is_told {
            return Ok(());
        }
        map::sort(map, &mut entries);
        let mut writer = Writer { names: &mut self.names, spec: &self.spec, maps, out: &mut self.out };
        let mut drain = |out: &mut Vec<u8>| {
            let written = if out.len() < BLOCK { return Ok(()) } else { self.sink.write_all(out) };
            out.clear();
            written
        };
        if self.settings.json {
            map::write_json(&mut writer, &shape, &entries, limits, &mut drain)
        } else {
            map::write(&mut writer, &shape, &entries, limits, &mut drain)
        }
    }

    fn formatted(&mut self, pieces: &[crate::tool::FormatPiece], fields: &mut Fields, maps: &dyn MapSource) -> Vec<u8> {
        let mut text = Vec::new();
        Writer { names: &mut self.names, spec: &self.spec, maps, out: &mut text }.printf(pieces, fields);
        text
    }

    /// `errorf` and `warnf`
    fn script_message(&mut self, severity: Severity, action: &Action, text: &[u8]) -> io::Result<()> {
        if self.settings.json {
            message::write_script_message(self.tool, severity, action, text, &mut self.out);
            return self.event_is_over();
        }
        self.finish()?;
        message::tell_script_message(self.tool, severity, action.place, text);
        Ok(())
    }
}

impl Drop for Printer {
    fn drop(&mut self) {
        let _ = self.finish();
    }
}

fn text(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(text.as_bytes());
}
