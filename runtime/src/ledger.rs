//! What was lost, and of which probe: told at exit.

use std::collections::BTreeMap;

use libbpf_rs::{MapCore, MapFlags, MapHandle, Object};

use crate::attach::{self, Hold, manual};
use crate::find::missing;
use crate::session::Session;
use crate::text;

/// Why the kernel did not begin a run.
const NOT_BEGUN: &str = "the kernel was in another probe on that CPU, or too many calls were waiting to return";
/// Why a program misses runs.
const RECURSION: &str = "the event happened while the probe was running";
/// Counters of `tw_losses` before those of the actions.
pub const TOTALS: usize = 3;

/// What was lost, what to raise or why, how often.
pub type Entry = (String, String, u64);

/// Counters of the map `tw_losses`: the totals, then the lost records of each action.
pub fn counters(actions: usize) -> u32 {
    (TOTALS + actions) as u32
}

impl Session {
    /// Somebody wants to know everything.
    fn is_asked(&self) -> bool {
        self.args.strict || self.args.explain || self.args.verbose
    }

    /// Runs of each probe that the kernel did not begin, or left out. The latter happen to any probe on what its own
    /// program does: they are told to those who ask.
    pub(crate) fn missed_runs(&self, object: &Object, holds: &[Hold]) -> Vec<Entry> {
        let mut missed: BTreeMap<(&str, String), u64> = BTreeMap::new();
        let mut note = |why, probe: &str, count| {
            if count > 0 {
                *missed.entry((why, format!("runs of {probe}"))).or_default() += count;
            }
        };
        for hold in holds {
            note(NOT_BEGUN, &hold.probe, hold.missed());
            if self.is_asked() {
                note(RECURSION, &hold.probe, hold.recursions());
            }
        }
        let programs = self.tool.programs.iter().filter(|program| !self.disabled.contains(program.name));
        for program in programs.filter(|_| self.is_asked()) {
            let Some(raw) = attach::program(object, program.name) else { continue };
            let displays: Vec<String> =
                program.targets.iter().map(|target| text::resolve(target.display, &self.args.params)).collect();
            note(RECURSION, &displays.join(","), manual::missed(raw));
        }
        missed.into_iter().map(|((why, what), count)| (what, why.to_owned(), count)).collect()
    }

    /// All of it: what probes could not send or keep, and the runs they missed.
    pub(crate) fn losses(
        &self,
        counters: Option<&MapHandle>,
        failures: &BTreeMap<usize, u64>,
        missed: Vec<Entry>,
    ) -> Vec<Entry> {
        let mut lost = Vec::new();
        let count = |index| counters.map_or(0, |map| counter(map, index));
        for (index, loss) in self.tool.losses.iter().enumerate() {
            let count = count(index);
            if count != 0 {
                lost.push((loss.what.to_owned(), loss.hint.to_owned(), count));
            }
        }
        if self.is_asked() {
            for (index, action) in self.tool.actions.iter().enumerate() {
                let count = count(TOTALS + index);
                if count != 0 {
                    lost.push((format!("events of {}", self.source_of(action.place)), String::new(), count));
                }
            }
            // Each was told when it happened.
            for (&index, &count) in failures {
                let Some(check) = self.tool.checks.get(index) else { continue };
                let what = match check.helper {
                    "map_update_elem" => "updates of maps".to_owned(),
                    helper => format!("results of {helper}"),
                };
                let hint = if check.helper == "map_update_elem" { "raise BPFTRACE_MAX_MAP_KEYS" } else { "" };
                lost.push((format!("{what} in {}", self.source_of(check.place)), hint.to_owned(), count));
            }
        }
        lost.extend(missed);
        lost
    }

    /// `kprobe:vfs_read (trace.bt:3:5-20)`
    fn source_of(&self, place: &str) -> String {
        let outermost = place.lines().last().unwrap_or(place);
        let probes = missing::probes_at(self.tool, outermost, &self.args.params);
        if probes.is_empty() { outermost.to_owned() } else { format!("{} ({outermost})", probes.join(",")) }
    }
}

/// A counter, summed over CPUs.
fn counter(map: &MapHandle, index: usize) -> u64 {
    let values = map.lookup_percpu(&(index as u32).to_ne_bytes(), MapFlags::ANY);
    let numbers = values.ok().flatten().into_iter().flatten();
    numbers.filter_map(|bytes| Some(u64::from_ne_bytes(bytes.get(..8)?.try_into().ok()?))).sum()
}
