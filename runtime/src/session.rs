//! A run of a tool, step by step: arguments → settings → load → attach → poll → final print.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::process::ExitCode;
use std::rc::Rc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use libbpf_rs::skel::OpenSkel;
use libbpf_rs::{MapCore, MapFlags, Object, OpenObject};
use rustix::thread::CapabilitySet;

use crate::args::{self, Args, Mode, Request};
use crate::attach::{self, Held, Hold, manual};
use crate::child::Child;
use crate::context::{Context, Format, Maps, RunConfig};
use crate::error::{Error, Result};
use crate::events::{Observer, Ring, Sink};
use crate::find::expand::{self, Attachment, Place, Plan};
use crate::modes;
use crate::print::Output;
use crate::tool::{AttachPoint, Tool};
use crate::unwind::UnwindStacks;
use crate::{capabilities, config, configure, loader, notify, older, read, settings, signal};

mod attaching;
mod ending;

/// How long records may wait when the ring asks for no wake-up.
const POLL: Duration = Duration::from_millis(50);
/// How long a child may go on when there is nothing to trace.
const CHILD_TIME: Duration = Duration::from_millis(100);
/// Records taken between two looks at signals.
pub(crate) const BATCH: usize = 4096;

/// A run of a tool.
pub struct Session {
    pub(crate) tool: &'static Tool,
    pub(crate) args: Args,
    config: RunConfig,
    child: Option<Child>,
    pub(crate) plan: Plan,
    /// Optional programs that the kernel refused.
    pub(crate) disabled: HashSet<String>,
    /// The program that the kernel refused last.
    refused: Option<String>,
    /// Programs that attach many functions with one link.
    multi: HashSet<usize>,
    pub(crate) running: Option<Running>,
    /// Tables for `dw_ustack`.
    unwinder: Option<Box<dyn UnwindStacks>>,
    time: Option<Duration>,
    deadline: Option<Instant>,
    observer: Option<Observer>,
    /// The process is the tool's own.
    standalone: bool,
    keeps_maps: bool,
    kept: Option<Maps>,
    pub(crate) status: u8,
    /// Output of `test` probes, shown when they fail.
    pub(crate) held: modes::Held,
}

/// What there is between attaching and the end.
pub(crate) struct Running {
    pub(crate) sink: Rc<RefCell<Sink>>,
    pub(crate) ring: Ring,
    links: Vec<Hold>,
    /// Iterators that are open, and those that are being read.
    sequences: Vec<File>,
    walkers: Vec<JoinHandle<()>>,
    losses: Option<libbpf_rs::MapHandle>,
    started: Instant,
}

/// Runs a generated tool: `trace` is its story, told once for each try to load.
pub fn main(tool: &'static Tool, trace: impl Fn(&mut Session) -> Result<()>) -> ExitCode {
    let request = match args::parse(tool, std::env::args().skip(1)) {
        Ok(request) => request,
        Err(error) => return fail(&error),
    };
    let args = match request {
        Request::Run(args) => *args,
        Request::Print(text) => {
            // A reader that has gone away has no use for help either.
            let _ = io::stdout().write_all(text.as_bytes());
            return ExitCode::SUCCESS;
        }
    };
    name_process(tool.name);
    let run = |mut session: Session| {
        session.standalone = true;
        // Behind the start of the child, who is not concerned; nor is a program that the tool is a part of.
        if session.plan.attachments.len() > FEW_FILES {
            raise_open_files();
        }
        session.run(trace)
    };
    match Session::new(tool, args).and_then(run) {
        Ok(status) => ExitCode::from(status),
        Err(error) => fail(&error),
    }
}

fn fail(error: &Error) -> ExitCode {
    error.tell();
    ExitCode::from(error.status())
}

impl Session {
    /// Settles everything that does not need the BPF object: config, the child of `-c`, what there is to attach.
    ///
    /// # Errors
    /// What keeps the tool from starting.
    pub fn new(tool: &'static Tool, mut args: Args) -> Result<Self> {
        let config = config::from_environment(&tool.config)?;
        capabilities::check(tool)?;
        loader::watch(args.verbose);
        if let Some(pid) = args.pid {
            pid_descriptor(pid).map_err(|error| {
                Error::refused(format!("Failed to attach to pid: Unable to open pidfd ({})", plain(&error)))
            })?;
        }
        let child = args.command.as_deref().map(Child::start).transpose()?;
        let target_pid = args.pid.or_else(|| child.as_ref().map(Child::pid));
        let plan = expand::plan(&expand::Request {
            tool,
            args: &args,
            config: &config,
            target_pid,
            program: child.as_ref().map(Child::program),
        })?;
        let is_of_mode = |attachment: &Attachment| matches!(attachment.place, Place::Test(_) | Place::Bench(_));
        if !plan.attachments.iter().any(is_of_mode) {
            args.mode = Mode::Trace;
        }
        let multi = configure::multi_programs(tool, &plan);
        for attachment in plan.attachments.iter().filter(|_| args.explain || args.verbose) {
            let target = &tool.programs[attachment.program].targets[attachment.target];
            if matches!(target.point, AttachPoint::StandIn { .. }) {
                eprintln!("{}: steps down to kprobe, no BTF of the kernel has it", plan.probes[attachment.probe]);
            }
        }
        Ok(Session {
            tool,
            args,
            config,
            child,
            plan,
            disabled: HashSet::new(),
            refused: None,
            multi,
            running: None,
            unwinder: None,
            time: None,
            deadline: None,
            observer: None,
            standalone: false,
            keeps_maps: false,
            kept: None,
            status: 0,
            held: modes::Held::default(),
        })
    }

    /// A run inside another program: no command line.
    ///
    /// # Errors
    /// What keeps the tool from starting.
    pub fn embedded(tool: &'static Tool) -> Result<Self> {
        match args::parse(tool, ["-q".to_owned()])? {
            Request::Run(args) => Self::new(tool, *args),
            Request::Print(_) => unreachable!("bug: no options that print were given"),
        }
    }

    /// Ends polling this long after everything is attached.
    pub fn limit(&mut self, time: Duration) {
        self.time = Some(time);
    }

    /// Shows records to `observer` first, by action and with their header; those that it takes are not printed.
    pub fn observe(&mut self, observer: impl FnMut(usize, &[u8]) -> bool + 'static) {
        self.observer = Some(Box::new(observer));
    }

    /// Keeps the maps for [`Session::rows`] instead of printing them at the end.
    pub fn keep_maps(&mut self) {
        self.keeps_maps = true;
        self.config.print_maps_on_exit = false;
    }

    /// All elements of a map, as the last run left them.
    ///
    /// # Errors
    /// When nothing ran yet, or the kernel refuses.
    pub fn rows(&self, map: &str) -> Result<Vec<read::Row>> {
        let map = self.kept.as_ref().and_then(|maps| maps.get(map));
        read::rows(map.ok_or_else(|| Error::refused("the script has not run"))?)
    }

    /// Tells the story, again without a program that the kernel refused and the tool can do without.
    ///
    /// # Errors
    /// What ended the tool.
    pub fn run(&mut self, trace: impl Fn(&mut Session) -> Result<()>) -> Result<u8> {
        loop {
            self.refused = None;
            match trace(self) {
                Ok(()) => return Ok(self.status),
                Err(error) => match self.refused.take() {
                    Some(program) if self.is_optional(&program) && self.disabled.insert(program.clone()) => {
                        if self.args.explain || self.args.verbose {
                            eprintln!("{}: left out, the kernel refuses it", program);
                        }
                    }
                    Some(program) if self.steps_down(&program) || self.leaves_out_first(&program) => {}
                    _ => return Err(error),
                },
            }
        }
    }

    fn is_optional(&self, program: &str) -> bool {
        self.tool.programs.iter().any(|candidate| candidate.name == program && candidate.optional)
    }

    fn target_pid(&self) -> Option<u32> {
        self.args.pid.or_else(|| self.child.as_ref().map(Child::pid))
    }

    /// Settings into `.rodata`, sizes of maps, which programs are loaded.
    ///
    /// # Errors
    /// What could not be settled.
    pub fn configure(&mut self, object: &mut OpenObject) -> Result<()> {
        let sources = settings::Sources {
            tool: self.tool,
            args: &self.args,
            child: self.child.as_ref().map(Child::pid),
            target_pid: self.target_pid(),
            probes: &self.plan.probes,
        };
        settings::write(&sources, object)?;
        configure::maps(self.tool, &self.config, object)?;
        let program = self.child.as_ref().map(Child::program);
        if let Some(unwinder) = self.tool.parts.unwinder {
            let pids: Vec<u32> = self.target_pid().into_iter().chain(self.args.dwarf_pids.iter().copied()).collect();
            self.unwinder = (unwinder.0)(object, &pids, program, self.args.verbose)?;
        }
        older::share_values(self.tool, self.args.verbose, object)?;
        older::shorten_keys(self.tool, self.args.no_warnings, object)?;
        configure::programs(self.tool, &self.plan, &self.disabled, &self.multi, object)
    }

    /// Loads the object.
    ///
    /// # Errors
    /// The kernel's word about it, with the program that it refuses.
    pub fn load<'obj, Open: OpenSkel<'obj>>(&mut self, open: Open) -> Result<Open::Output> {
        loader::take();
        open.load().map_err(|cause| {
            let log = loader::take();
            self.refused = loader::refused_program(&log).map(str::to_owned);
            loader::error(&cause, &log, self.args.verbose)
        })
    }

    /// Runs `begin`, attaches everything, tells that it is ready, lets the child go.
    ///
    /// # Errors
    /// What could not be attached.
    pub fn attach(&mut self, object: &Object) -> Result<()> {
        signal::watch_stop();
        let maps = Maps::new(object)?;
        crate::print::numbers::fill(&maps)?;
        if let Some(unwinder) = &mut self.unwinder {
            unwinder.begin(&maps);
        }
        let [events, packets, losses] = ["tw_events", "tw_packets", "tw_losses"].map(|name| maps.handle(name));
        let context = Context {
            tool: self.tool,
            config: self.config.clone(),
            // What a test prints is a text in its result.
            format: if self.args.mode == Mode::Test { Format::Text } else { self.args.format },
            buffering: self.args.buffering,
            quiet: self.args.quiet,
            verbose: self.args.verbose,
            no_warnings: self.args.no_warnings,
            trace_errors: self.args.trace_errors,
            params: self.args.params.clone(),
            probes: self.plan.probes.clone(),
            target_pid: self.target_pid(),
            maps,
        };
        let sink = Rc::new(RefCell::new(Sink::new(self.tool, Output::new(context, self.writer()?))));
        sink.borrow_mut().observer = self.observer.take();
        if self.keeps_maps {
            self.kept = Some(Maps::new(object)?);
        }
        let ring = Ring::new(events.as_ref(), packets.as_ref(), self.config.perf_rb_pages)?;
        self.running = Some(Running {
            sink,
            ring,
            links: Vec::new(),
            sequences: Vec::new(),
            walkers: Vec::new(),
            losses,
            started: Instant::now(),
        });

        if !self.args.dry_run && self.args.mode == Mode::Trace {
            self.run_each(object, |place| matches!(place, Place::Begin))?;
        }
        let attached = self.attach_all(object)?;
        if self.args.dry_run || self.args.mode != Mode::Trace {
            return Ok(());
        }
        // Threads would each have privileges of their own: there are none before this.
        if self.standalone {
            self.give_up_privileges(object);
        }
        self.tell_ready(attached)?;
        if let Some(running) = &mut self.running {
            let walk = |sequence| std::thread::spawn(move || attach::iter::drain(sequence));
            running.walkers.extend(running.sequences.drain(..).map(walk));
        }
        self.deadline = self.time.map(|time| Instant::now() + time);
        if let Some(child) = &mut self.child {
            let (pid, running) = (child.pid(), &self.running);
            let started = || {
                if let Some(running) = running {
                    running.sink.borrow_mut().output.remember_process(pid);
                }
            };
            match &mut self.unwinder {
                None => child.resume(started),
                Some(unwinder) => {
                    child.resume_through_entry(|| {
                        started();
                        unwinder.update();
                    });
                }
            }
        }
        Ok(())
    }

    /// Keeps only the capabilities that the tool needs from here on.
    fn give_up_privileges(&self, object: &Object) {
        let kept = capabilities::kept(self.tool, self.child.is_some());
        let all = kept.iter().fold(CapabilitySet::empty(), |all, (set, _)| all | *set);
        let first = object.maps().next();
        let still_works = || first.as_ref().is_none_or(|map| map.info().is_ok());
        match capabilities::give_up(all, !capabilities::runs_commands(self.tool), still_works) {
            Ok(left) => self.explain(|| {
                let mut text = format!("privileges: kept {}", capabilities::names(left));
                for (set, why) in kept.iter().filter(|(set, _)| left.intersects(*set)) {
                    text += &format!("\nprivileges: {} for {why}", capabilities::names(set.intersection(left)));
                }
                if left.difference(all).contains(CapabilitySet::BPF) {
                    text += "\nprivileges: CAP_BPF because this kernel asks for it at every use of maps";
                }
                text
            }),
            Err(error) => self.explain(|| {
                let held = capabilities::in_effect();
                format!("privileges: not given up for good ({error}); in effect are {}", capabilities::names(held))
            }),
        }
    }

    /// Where output goes.
    fn writer(&self) -> Result<Box<dyn Write>> {
        match &self.args.output {
            _ if self.args.mode == Mode::Test => Ok(Box::new(self.held.clone())),
            None => Ok(Box::new(io::stdout())),
            Some(path) => match File::create(path) {
                Ok(file) => Ok(Box::new(file)),
                Err(error) => Err(Error::refused(format!(
                    "Failed to open output file: \"{}\": {}",
                    path.display(),
                    plain(&error)
                ))),
            },
        }
    }

    fn tell_ready(&mut self, attached: usize) -> Result<()> {
        if self.args.output.is_none() || self.args.format == Format::Text {
            let _ = notify::ready();
        }
        if let Some(running) = &self.running {
            let mut sink = running.sink.borrow_mut();
            let told = sink.output.attached(attached);
            sink.check(told);
        }
        Ok(())
    }

    fn explain(&self, text: impl FnOnce() -> String) {
        if self.args.explain || self.args.verbose {
            eprintln!("{}", text());
        }
    }

    /// Runs the programs of matching places, in the script's order.
    fn run_each(&self, object: &Object, which: impl Fn(&Place) -> bool) -> Result<()> {
        for attachment in self.plan.attachments.iter().filter(|attachment| which(&attachment.place)) {
            let table = &self.tool.programs[attachment.program];
            if let Some(raw) = attach::program(object, table.name) {
                manual::run(raw, attachment.probe).map_err(|error| {
                    Error::kernel(format!(
                        "Failed to run {} probe: {}",
                        self.plan.probes[attachment.probe],
                        plain(&error)
                    ))
                })?;
                // An exit() ends its own probe; what others print after it is not shown.
                clear_exiting(object);
            }
        }
        Ok(())
    }

    /// Prints what comes until the tool is to end.
    ///
    /// # Errors
    /// When a probe that is run from here fails.
    pub fn poll(&mut self, object: &Object) -> Result<()> {
        if self.args.dry_run {
            return Ok(());
        }
        if self.args.mode != Mode::Trace {
            return self.run_mode(object);
        }
        let watched = self.args.pid.or_else(|| self.child.as_ref().map(Child::pid));
        let process = watched.and_then(|pid| pid_descriptor(pid).ok());
        while !self.is_over(process.as_ref()) {
            let raised = signal::take_raised();
            if raised != 0 {
                self.run_each(object, |place| matches!(place, Place::Signal(n) if raised >> (n & 63) & 1 == 1))?;
            }
            if let Some(unwinder) = &mut self.unwinder {
                unwinder.refresh();
            }
            let Some(running) = &mut self.running else { return Ok(()) };
            let waits = !running.ring.consume(&running.sink, BATCH);
            let unwatched = std::mem::take(&mut running.sink.borrow_mut().unwatched);
            running.links.retain(|hold| !matches!(&hold.what, Held::Watch(address, _) if unwatched.contains(address)));
            if waits {
                let mut sink = running.sink.borrow_mut();
                let flushed = sink.output.flush();
                sink.check(flushed);
                if sink.exit.is_none() && sink.error.is_none() {
                    drop(sink);
                    self.wait(process.as_ref());
                }
            }
        }
        Ok(())
    }

    /// Sleeps until records wait, a signal comes, the process ends, or it is time to look anyway.
    fn wait(&self, process: Option<&OwnedFd>) {
        let Some(running) = &self.running else { return };
        let ring = running.ring.descriptor();
        let mut descriptors: Vec<libc::pollfd> = ring
            .into_iter()
            .chain(running.ring.packets_descriptor())
            .chain(process.map(AsRawFd::as_raw_fd))
            .map(|fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 })
            .collect();
        // What a child prints and what is printed about it are to come close together.
        let time = if self.child.is_some() { POLL / 10 } else { POLL };
        // SAFETY: the array is as long as told.
        unsafe {
            libc::poll(descriptors.as_mut_ptr(), descriptors.len() as libc::nfds_t, time.as_millis() as libc::c_int)
        };
        if descriptors.iter().any(|one| Some(one.fd) == ring && one.revents != 0) {
            running.ring.heard();
        }
    }

    fn is_over(&mut self, process: Option<&OwnedFd>) -> bool {
        let Some(running) = &mut self.running else { return true };
        {
            let sink = running.sink.borrow();
            if sink.exit.is_some() || sink.error.is_some() {
                return true;
            }
        }
        if signal::stopped() || self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return true;
        }
        // Nothing that could bring further events: only begin and end, iterators that have come to their end.
        running.walkers.retain(|walker| !walker.is_finished());
        let waits = |place: &Place| !matches!(place, Place::Begin | Place::End | Place::Iter { .. });
        if running.walkers.is_empty() && !self.plan.attachments.iter().any(|attachment| waits(&attachment.place)) {
            let is_late = running.started.elapsed() >= CHILD_TIME;
            return self.child.as_mut().is_none_or(|child| is_late || child.has_ended());
        }
        match (&mut self.child, process) {
            (Some(child), _) => child.has_ended(),
            (None, Some(process)) => is_readable(process),
            (None, None) => false,
        }
    }
}

/// `tw_exiting` makes programs return at once after `exit()`; `end` is to run all the same.
fn clear_exiting(object: &Object) {
    let bss = object.maps().find(|map| map.name().to_string_lossy().ends_with(".bss"));
    let Some(map) = bss else { return };
    let Some((offset, size)) = configure::bss_variable(object, "tw_exiting") else { return };
    let key = 0u32.to_ne_bytes();
    if let Ok(Some(mut value)) = map.lookup(&key, MapFlags::ANY)
        && let Some(bytes) = value.get_mut(offset..offset + size)
    {
        bytes.fill(0);
        // `end` then sees the flag and ends at once: nothing worse.
        let _ = map.update(&key, &value, MapFlags::ANY);
    }
}

/// So many probes do with the usual limit of open files.
const FEW_FILES: usize = 200;

/// Each probe has a descriptor: as many as the process may ever have.
fn raise_open_files() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the struct lives through the calls. Where the limit stays as it is, opening tells.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) == 0 && limit.rlim_cur < limit.rlim_max {
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &limit);
        }
    }
}

/// `comm` of the tool is its name, whatever the binary is called.
fn name_process(name: &str) {
    if let Ok(name) = settings::c_string(name) {
        // SAFETY: a NUL-terminated string; the kernel copies at most 16 bytes.
        unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) };
    }
}

/// A descriptor that becomes readable when the process ends.
fn pid_descriptor(pid: u32) -> io::Result<OwnedFd> {
    // SAFETY: a system call with plain numbers.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a descriptor that the kernel just gave us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

fn is_readable(fd: &OwnedFd) -> bool {
    let mut descriptor = libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one descriptor.
    unsafe { libc::poll(&mut descriptor, 1, 0) == 1 }
}

/// The C library's text for an error, without Rust's `(os error N)`.
pub(crate) fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}
