//! The end of a run: detaching, the last prints, what was lost.

use std::io::{self, Write};

use libbpf_rs::Object;

use super::{Session, clear_exiting, plain};
use crate::args::Mode;
use crate::attach;
use crate::context::Format;
use crate::error::{Error, Result};
use crate::find::expand::Place;

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
        let missed = self.missed_runs(object, &running.links);
        // Others stay attached as long as the reaper has a copy of their descriptor.
        running.links.retain(attach::reaper::detaches_at_once);
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
        // Of tests and benchmarks no maps are shown.
        let is_run = self.args.mode == Mode::Trace;
        if sink.error.is_none() && (is_run || self.args.format == Format::Text) {
            let printed = sink.output.maps(is_run);
            sink.check(printed);
        }
        let mut losses = self.losses(running.losses.as_ref(), &sink.failures, missed);
        if sink.lost_packets > 0 {
            let hint = "raise BPFTRACE_PERF_RB_PAGES".to_owned();
            losses.push(("packets".to_owned(), hint, sink.lost_packets));
        }
        if sink.error.is_none() && !losses.is_empty() {
            let told = sink.output.losses(&losses);
            sink.check(told);
        }
        let flushed = sink.output.flush();
        sink.check(flushed);
        let rest = self.held.take();
        if !rest.is_empty() {
            self.report_to(true)?.write_all(&rest)?;
        }
        if let Some(status) = sink.exit.or(exit_before_end).filter(|_| is_run) {
            self.status = status;
        }
        if self.args.strict && (!losses.is_empty() || !sink.failures.is_empty()) && self.status == 0 {
            self.status = 2;
        }
        match sink.error.take() {
            // Whoever read has seen enough.
            Some(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Some(error) => Err(Error::refused(format!("cannot write output: {}", plain(&error)))),
            None => Ok(()),
        }
    }
}
