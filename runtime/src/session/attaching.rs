//! Attaching what the plan has.

use std::cell::LazyCell;
use std::collections::BTreeMap;
use std::io;

use libbpf_rs::{Link, Object};

use super::{Session, plain};
use crate::attach::{self, Held, Hold, How};
use crate::error::{Error, Result};
use crate::find::expand::{self, Attachment, Place, Plan};
use crate::find::kernel::{self, Addresses};
use crate::tool::MissingProbes;
use crate::{configure, loader, message, signal, text};

impl Session {
    /// Attaches every place of the plan; how many.
    pub(super) fn attach_all(&mut self, object: &Object) -> Result<usize> {
        let mut plan = std::mem::take(&mut self.plan);
        let mut left_out = Vec::new();
        let result = self.attach_plan(object, &plan, &mut left_out);
        let mut at = 0..;
        plan.attachments.retain(|_| at.next().is_some_and(|at| !left_out.contains(&at)));
        self.plan = plan;
        kernel::forget();
        result
    }

    /// `left_out` gets the indices of attachments that are none.
    fn attach_plan(&mut self, object: &Object, plan: &Plan, left_out: &mut Vec<usize>) -> Result<usize> {
        // Places found and attached, by program and target.
        let mut counts: BTreeMap<(usize, usize), (usize, usize)> = BTreeMap::new();
        let addresses: LazyCell<Addresses> = LazyCell::new(Addresses::read);
        for range in configure::attach_order(plan, &self.multi) {
            let places = &plan.attachments[range.clone()];
            let attached = self.attach_group(object, places, plan, &addresses)?;
            if attached == 0 {
                left_out.extend(range);
            }
            let count = counts.entry((places[0].program, places[0].target)).or_default();
            *count = (count.0 + places.len(), count.1 + attached);
        }
        for (&(program, target), &(found, attached)) in counts.iter().filter(|(_, count)| count.0 > count.1) {
            let table = &self.tool.programs[program];
            let display = text::resolve(table.targets[target].display, &self.args.params);
            self.explain(|| format!("{display}: {} of {found} left out, the kernel refuses them", found - attached));
            // What is refused by itself was told.
            if attached == 0 && found > 1 {
                self.could_not(&display, table.optional, None)?;
            }
        }
        let attached = counts.values().map(|count| count.1).sum();
        if attached == 0 {
            return Err(Error::kernel("Attachment failed for all probes."));
        }
        Ok(attached)
    }

    /// Attaches places of one program; how many.
    fn attach_group(
        &mut self,
        object: &Object,
        places: &[Attachment],
        plan: &Plan,
        addresses: &LazyCell<Addresses>,
    ) -> Result<usize> {
        let table = &self.tool.programs[places[0].program];
        if self.disabled.contains(table.name) {
            return Ok(0);
        }
        let raw = attach::program(object, table.name)
            .ok_or_else(|| Error::kernel(format!("bug: the object lacks the program {}", table.name)))?;
        let pid = self.target_pid().map_or(-1, |pid| pid as i32);
        let target = attach::Target { program: table, raw, pid };
        if self.multi.contains(&places[0].program) {
            return self.attach_multi(target, places, plan, addresses);
        }
        let (place, name) = (&places[0], &plan.probes[places[0].probe]);
        match self.attach_one(object, target, place, plan) {
            Ok((holds, how)) => {
                if let Some(how) = how {
                    self.explain(|| format!("{name}: {how}"));
                }
                self.hold(holds);
                Ok(1)
            }
            Err(error) => {
                if let Place::Refused(why) = &place.place {
                    if self.config.missing_probes == MissingProbes::Warn && !self.args.no_warnings {
                        message::warning(why);
                    }
                    return self.refuse(name, why).map(|()| 0);
                }
                let log = loader::take();
                if self.args.verbose {
                    eprint!("{log}");
                }
                // Some functions of a pattern cannot be probed.
                if self.is_one_of_many(plan, place) {
                    self.explain(|| format!("{name}: left out ({})", plain(&error)));
                    return Ok(0);
                }
                let first = plan.attachments.iter().find(|other| other.program == place.program);
                // What `begin` has done cannot be done again.
                let has_begun = plan.attachments.iter().any(|other| matches!(other.place, Place::Begin));
                if first.is_some_and(|first| first.probe == place.probe)
                    && !has_begun
                    && expand::stand_in(self.tool, table.name).is_some()
                {
                    // All is told again, with the kprobe in its place.
                    self.refused = Some(table.name.to_owned());
                    self.observer = self.running.as_ref().and_then(|running| running.sink.borrow_mut().observer.take());
                    return Err(Error::kernel(format!("Unable to attach probe: {name}.")));
                }
                self.could_not(name, table.optional, Some(&error)).map(|()| 0)
            }
        }
    }

    /// Attaches many functions with as few links as can be.
    fn attach_multi(
        &mut self,
        target: attach::Target<'_>,
        places: &[Attachment],
        plan: &Plan,
        addresses: &LazyCell<Addresses>,
    ) -> Result<usize> {
        let (table, first) = (target.program, &plan.probes[places[0].probe]);
        let mut links = Vec::new();
        let count = match &places[0].place {
            Place::File { .. } => match attach::uprobe_multi(target, places) {
                Ok(link) => {
                    links.push(link);
                    places.len()
                }
                Err(error) => {
                    self.could_not(first, table.optional, Some(&error))?;
                    return Ok(0);
                }
            },
            _ => {
                let mut refused = Vec::new();
                attach_many(target, &places.iter().collect::<Vec<_>>(), addresses, &mut links, &mut refused);
                // One that the script names is missed, whatever others there are.
                for place in refused.iter().filter(|place| !self.is_one_of_many(plan, place)) {
                    self.could_not(&plan.probes[place.probe], table.optional, None)?;
                }
                places.len() - refused.len()
            }
        };
        self.explain(|| format!("{}: {count} functions with {} links", table.name, links.len()));
        let probe = text::resolve(table.targets[places[0].target].display, &self.args.params);
        self.hold(links.into_iter().map(|link| Hold { probe: probe.clone(), what: Held::Link(link) }).collect());
        Ok(count)
    }

    /// What holds a program at its place, and by which means it is there if there are several.
    fn attach_one(
        &mut self,
        object: &Object,
        target: attach::Target<'_>,
        place: &Attachment,
        plan: &Plan,
    ) -> io::Result<(Vec<Hold>, Option<How>)> {
        let probe = plan.probes[place.probe].clone();
        match &place.place {
            Place::Begin | Place::End | Place::Test(_) | Place::Bench(_) => Ok((Vec::new(), None)),
            Place::Signal(number) => {
                signal::watch(*number);
                Ok((Vec::new(), None))
            }
            Place::Iter { pin } => {
                let sequence = attach::iter::start(target, pin.as_deref())?;
                if let Some(running) = &mut self.running {
                    running.sequences.extend(sequence);
                }
                Ok((Vec::new(), None))
            }
            Place::Trampoline { module, name }
                if configure::is_copy(plan, place) || attach::cookies::is_marked(target) =>
            {
                let cookie = attach::cookies::cookie(target, place.probe);
                let code = attach::cookies::settled(target.raw, place.probe);
                let copy = attach::clone::attach(object, target.raw, module.as_deref(), name, cookie, &code)?;
                Ok((vec![Hold { probe, what: Held::Clone(copy) }], None))
            }
            at => {
                attach::cookies::settle(object, target, place.probe)?;
                let (links, how) = attach::attach(target, place)?;
                let hold = |link| match at {
                    Place::Watchpoint { address, .. } => {
                        Hold { probe: probe.clone(), what: Held::Watch(*address, link) }
                    }
                    _ => Hold { probe: probe.clone(), what: Held::Link(link) },
                };
                Ok((links.into_iter().map(hold).collect(), Some(how)))
            }
        }
    }

    fn hold(&mut self, holds: Vec<Hold>) {
        if let Some(running) = &mut self.running {
            running.links.extend(holds);
        }
    }

    /// Whether a place was found by a pattern that fits other places, too.
    fn is_one_of_many(&self, plan: &Plan, place: &Attachment) -> bool {
        plan.attachments.iter().filter(|o| (o.program, o.target) == (place.program, place.target)).nth(1).is_some()
    }

    /// A kprobe might do where the kernel refuses a trampoline.
    pub(super) fn steps_down(&mut self, program: &str) -> bool {
        let Some(probe) = self.plan.step_down(self.tool, program) else { return false };
        self.multi = configure::multi_programs(self.tool, &self.plan);
        let name = &self.plan.probes[probe];
        self.explain(|| format!("{name}: steps down to kprobe, the kernel refuses the trampoline"));
        true
    }

    /// Without its first function a program might load: a trampoline is bound to one when it is loaded.
    pub(super) fn leaves_out_first(&mut self, program: &str) -> bool {
        let of_program = |a: &Attachment| self.tool.programs[a.program].name == program;
        let Some(at) = self.plan.attachments.iter().position(of_program) else { return false };
        let first = &self.plan.attachments[at];
        if !matches!(first.place, Place::Trampoline { .. }) || !self.is_one_of_many(&self.plan, first) {
            return false;
        }
        let name = &self.plan.probes[first.probe];
        self.explain(|| format!("{name}: left out, the kernel refuses it"));
        self.plan.attachments.remove(at);
        true
    }

    /// The runtime's own refusal, with the reason first.
    fn refuse(&self, name: &str, why: &str) -> Result<()> {
        match self.could_not(name, false, None) {
            Err(error) => Err(Error::kernel(format!("{why}\nERROR: {error}"))),
            Ok(()) => Ok(()),
        }
    }

    fn could_not(&self, name: &str, optional: bool, cause: Option<&io::Error>) -> Result<()> {
        match self.config.missing_probes {
            _ if optional => Ok(()),
            MissingProbes::Ignore => Ok(()),
            MissingProbes::Warn => {
                if !self.args.no_warnings {
                    message::warning(&format!("Unable to attach probe: {name}. Skipping."));
                }
                Ok(())
            }
            MissingProbes::Error => {
                let error = Error::kernel(format!(
                    "Unable to attach probe: {name}. If this is expected, set the 'missing_probes' config variable to \
                     'warn'."
                ));
                Err(match cause {
                    _ if name.starts_with("hardware:") => {
                        error.hint("this machine has no such hardware counter, as most virtual machines")
                    }
                    Some(cause) if name.starts_with("fentry:bpf:") || name.starts_with("fexit:bpf:") => {
                        error.hint(format!("this kernel refuses a trampoline on that BPF program: {}", plain(cause)))
                    }
                    Some(cause) if self.args.verbose => error.hint(format!("the kernel says: {}", plain(cause))),
                    _ => error,
                })
            }
        }
    }
}

/// Attaches with as few links as the kernel lets: a function that cannot be probed is found by halving and left out.
fn attach_many<'a>(
    target: attach::Target<'_>,
    places: &[&'a Attachment],
    addresses: &Addresses,
    links: &mut Vec<Link>,
    refused: &mut Vec<&'a Attachment>,
) {
    match attach::kprobe_multi(target, places, addresses) {
        Ok(link) => links.push(link),
        Err(_) if places.len() > 1 => {
            let (left, right) = places.split_at(places.len() / 2);
            attach_many(target, left, addresses, links, refused);
            attach_many(target, right, addresses, links, refused);
        }
        Err(_) => refused.extend(places),
    }
}
