//! The end of a run: detaching, the last prints, what was lost.

use std::io::{self, Write};

use libbpf_rs::{MapCore, MapFlags, Object};

use super::{Session, clear_exiting, plain};
use crate::args::Mode;
use crate::attach::{self, manual};
use crate::error::{Error, Result};
use crate::find::expand::Place;

/// Why a probe misses runs.
const MISSED: &str = "the event happened while the probe was running";

impl Session {
    /// Detaches, prints what is left, runs `end`, prints the maps and what was lost.
    ///
    /// # Errors
    /// When `end` cannot be run or output cannot be written.
    pub fn finish(&mut self, object: &Object) -> Result<()> {
        let Some(mut running) = self.running.take() else { return Ok(()) };
        if self.args.dry_run {
            return Ok(());
        }
        self.explain(|| format!("traced for {:.1?}", running.started.elapsed()));
        let are_many = running.links.len() > attach::reaper::FEW;
        let reaper = (are_many && self.standalone).then(attach::reaper::start).flatten();
        let kept = (are_many && !self.standalone).then(|| attach::reaper::keep(&running.links));
        running.links.clear();
        drop(reaper);
        if let Some(kept) = kept {
            kept.close();
        }
        running.ring.drain(&running.sink);
        // The last exit() counts: that of `end` wins.
        let exit_before_end = running.sink.borrow_mut().exit.take();
        if running.sink.borrow().error.is_none() {
            clear_exiting(object);
            self.run_each(object, |place| matches!(place, Place::End))?;
            running.ring.drain(&running.sink);
        }
        let mut sink = running.sink.borrow_mut();
        if sink.error.is_none() && self.args.mode != Mode::Test {
            let printed = sink.output.maps();
            sink.check(printed);
        }
        let missed = self.missed(object);
        let mut losses: Vec<(&str, &str, u64)> = self.losses(running.losses.as_ref());
        losses.extend(missed.iter().map(|(what, count)| (what.as_str(), MISSED, *count)));
        if sink.error.is_none() && !losses.is_empty() {
            let told = sink.output.losses(&losses);
            sink.check(told);
        }
        let flushed = sink.output.flush();
        sink.check(flushed);
        let _ = io::stdout().write_all(&self.held.take());
        if let Some(status) = sink.exit.or(exit_before_end) {
            self.status = status;
        }
        if self.args.strict && (!losses.is_empty() || sink.failures > 0) && self.status == 0 {
            self.status = 2;
        }
        match sink.error.take() {
            // Whoever read has seen enough.
            Some(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Some(error) => Err(Error::refused(format!("cannot write output: {}", plain(&error)))),
            None => Ok(()),
        }
    }

    /// Runs of each probe that the kernel left out. Told to those who ask: it happens to any probe on what its own
    /// program does.
    fn missed(&self, object: &Object) -> Vec<(String, u64)> {
        if !(self.args.strict || self.args.explain || self.args.verbose) {
            return Vec::new();
        }
        let programs = self.tool.programs.iter().filter(|program| !self.disabled.contains(program.name));
        let missed = programs.filter_map(|program| {
            let count = manual::missed(attach::program(object, program.name)?);
            let first = self.plan.attachments.iter().find(|a| self.tool.programs[a.program].name == program.name)?;
            (count > 0).then(|| (format!("runs of {}", self.plan.probes[first.probe]), count))
        });
        missed.collect()
    }

    /// Counters that are not zero, summed over CPUs.
    fn losses(&self, map: Option<&libbpf_rs::MapHandle>) -> Vec<(&'static str, &'static str, u64)> {
        let Some(map) = map else { return Vec::new() };
        let mut lost = Vec::new();
        for (index, loss) in self.tool.losses.iter().enumerate() {
            let values = map.lookup_percpu(&(index as u32).to_ne_bytes(), MapFlags::ANY);
            let sum: u64 = values
                .ok()
                .flatten()
                .into_iter()
                .flatten()
                .filter_map(|bytes| Some(u64::from_ne_bytes(bytes.get(..8)?.try_into().ok()?)))
                .sum();
            if sum != 0 {
                lost.push((loss.what, loss.hint, sum));
            }
        }
        lost
    }
}
