//! `--test` and `--bench`.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;
use std::time::{Duration, Instant};

use libbpf_rs::Object;

use crate::args::Mode;
use crate::attach::{self, manual};
use crate::error::{Error, Result};
use crate::find::expand::Place;
use crate::session::{BATCH, Session, plain};

/// Name, program and index of a probe.
type Runnable = (String, std::ptr::NonNull<libbpf_rs::libbpf_sys::bpf_program>, usize);

/// Output that waits for whether it is wanted.
#[derive(Clone, Default)]
pub struct Held {
    bytes: Rc<RefCell<Vec<u8>>>,
}

impl Held {
    /// What was held, leaving nothing.
    pub fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.bytes.borrow_mut())
    }
}

impl Write for Held {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Session {
    /// Runs the probes of `--test` or `--bench`.
    pub(crate) fn run_mode(&mut self, object: &Object) -> Result<()> {
        if self.args.mode == Mode::Test { self.run_tests(object) } else { self.run_benchmarks(object) }
    }

    fn run_benchmarks(&mut self, object: &Object) -> Result<()> {
        let mut results = Vec::new();
        for (name, raw, probe) in self.runnable(object) {
            let (nanoseconds, runs) = manual::benchmark(raw, probe)
                .map_err(|error| Error::kernel(format!("Failed to run {name}: {}", plain(&error))))?;
            results.push((name, nanoseconds, runs));
            self.consume();
        }
        if let Some(running) = &self.running {
            let mut sink = running.sink.borrow_mut();
            let told = sink.output.benchmarks(&results);
            sink.check(told);
        }
        Ok(())
    }

    /// A report as other test runners give it; what a test printed is shown when it failed.
    fn run_tests(&mut self, object: &Object) -> Result<()> {
        let tests = self.runnable(object);
        let mut failed = Vec::new();
        let mut out = io::stdout().lock();
        writeln!(out, "{} Running {} tests.", green("[==========]"), tests.len())?;
        for (name, raw, probe) in &tests {
            writeln!(out, "{} {name}", green("[ RUN      ]"))?;
            let start = Instant::now();
            let result = manual::run(*raw, *probe)
                .map_err(|error| Error::kernel(format!("Failed to run {name}: {}", plain(&error))))?;
            let time = shown(start.elapsed());
            self.consume();
            let printed = self.held.take();
            if result == 0 {
                writeln!(out, "{} {name} ({time})", green("[       OK ]"))?;
            } else {
                out.write_all(&printed)?;
                writeln!(out, "{} {name} ({time})", red("[  FAILED  ]"))?;
                failed.push(name);
            }
        }
        writeln!(out, "{} {} ran.", green("[==========]"), tests_word(tests.len()))?;
        writeln!(out, "{} {}.", green("[  PASSED  ]"), tests_word(tests.len() - failed.len()))?;
        if !failed.is_empty() {
            writeln!(out, "{} {}, listed below:", red("[  FAILED  ]"), tests_word(failed.len()))?;
            for name in &failed {
                writeln!(out, "{} {name}", red("[  FAILED  ]"))?;
            }
            self.status = 1;
        }
        Ok(out.flush()?)
    }

    /// Names and programs of the `test` and `bench` probes of the plan.
    fn runnable(&self, object: &Object) -> Vec<Runnable> {
        self.plan
            .attachments
            .iter()
            .filter_map(|attachment| match &attachment.place {
                Place::Test(name) | Place::Bench(name) => {
                    let raw = attach::program(object, self.tool.programs[attachment.program].name)?;
                    Some((name.clone(), raw, attachment.probe))
                }
                _ => None,
            })
            .collect()
    }

    fn consume(&mut self) {
        if let Some(running) = &mut self.running {
            while running.ring.consume(&running.sink, BATCH) {}
            let mut sink = running.sink.borrow_mut();
            let flushed = sink.output.flush();
            sink.check(flushed);
        }
    }
}

fn tests_word(count: usize) -> String {
    if count == 1 { "1 test".to_owned() } else { format!("{count} tests") }
}

fn shown(time: Duration) -> String {
    match time.as_nanos() {
        n @ 0..1_000 => format!("{n} ns"),
        n @ 1_000..1_000_000 => format!("{} μs", n / 1_000),
        n => format!("{} ms", n / 1_000_000),
    }
}

fn green(text: &str) -> String {
    format!("\x1b[32m{text}\x1b[0m")
}

fn red(text: &str) -> String {
    format!("\x1b[31m{text}\x1b[0m")
}
