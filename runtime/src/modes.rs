//! `--test` and `--bench`.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Write};
use std::rc::Rc;
use std::time::{Duration, Instant};

use libbpf_rs::Object;

use crate::args::Mode;
use crate::attach::{self, manual};
use crate::context::Format;
use crate::error::{Error, Result};
use crate::find::expand::Place;
use crate::session::{BATCH, Session, plain};
use crate::{message, print};

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
        let mut failed = Vec::new();
        for (name, raw, probe) in self.runnable(object) {
            let before = self.exit_status();
            let (nanoseconds, runs) = manual::benchmark(raw, probe)
                .map_err(|error| Error::kernel(format!("Failed to run {name}: {}", plain(&error))))?;
            self.consume();
            if before.is_none() && self.exit_status().is_some_and(|status| status != 0) {
                failed.push(name);
            } else {
                results.push((name, nanoseconds, runs));
            }
        }
        if let Some(running) = &self.running {
            let mut sink = running.sink.borrow_mut();
            let told = sink.output.benchmarks(&results);
            sink.check(told);
        }
        for name in failed {
            message::error(&format!("Benchmark '{name}' failed."));
            self.status = 1;
        }
        Ok(())
    }

    /// A report as other test runners give it; what a test printed is shown when it failed.
    ///
    /// A test fails by the status of its `exit()`, by `errorf()`, and by what it returns.
    fn run_tests(&mut self, object: &Object) -> Result<()> {
        let tests = self.runnable(object);
        let is_json = self.args.format == Format::Json;
        let mut failed = Vec::new();
        let mut report = String::new();
        let mut out = self.report_to(false)?;
        let line = |out: &mut Box<dyn Write>, text: String| if is_json { Ok(()) } else { writeln!(out, "{text}") };
        line(&mut out, format!("{} Running {} tests.", green("[==========]"), tests.len()))?;
        for (name, raw, probe) in &tests {
            line(&mut out, format!("{} {name}", green("[ RUN      ]")))?;
            let before = self.exit_status();
            let errors = print::divert(&self.held);
            let start = Instant::now();
            let result = manual::run(*raw, *probe)
                .map_err(|error| Error::kernel(format!("Failed to run {name}: {}", plain(&error))))?;
            let time = start.elapsed();
            self.consume();
            let has_errors = errors.count() > 0;
            drop(errors);
            let mut printed = self.held.take();
            let exited = before.is_none() && self.exit_status().is_some_and(|status| status != 0);
            let passed = result == 0 && !exited && !has_errors;
            if is_json {
                report += &json_result(name, time, passed, &printed);
            } else if passed {
                line(&mut out, format!("{} {name} ({})", green("[       OK ]"), shown(time)))?;
            } else {
                if printed.last().is_some_and(|last| *last != b'\n') {
                    printed.push(b'\n');
                }
                out.write_all(&printed)?;
                line(&mut out, format!("{} {name} ({})", red("[  FAILED  ]"), shown(time)))?;
            }
            if !passed {
                failed.push(name);
            }
        }
        line(&mut out, format!("{} {} ran.", green("[==========]"), tests_word(tests.len())))?;
        line(&mut out, format!("{} {}.", green("[  PASSED  ]"), tests_word(tests.len() - failed.len())))?;
        if !failed.is_empty() {
            line(&mut out, format!("{} {}, listed below:", red("[  FAILED  ]"), tests_word(failed.len())))?;
            for name in &failed {
                line(&mut out, format!("{} {name}", red("[  FAILED  ]")))?;
            }
            self.status = 1;
        }
        out.write_all(report.as_bytes())?;
        Ok(out.flush()?)
    }

    /// Where the report of tests goes.
    pub(crate) fn report_to(&self, again: bool) -> Result<Box<dyn Write>> {
        let Some(path) = &self.args.output else { return Ok(Box::new(io::stdout())) };
        let file = File::options().create(true).write(true).truncate(!again).append(again).open(path);
        let told =
            |error| Error::refused(format!("Failed to open output file: \"{}\": {}", path.display(), plain(&error)));
        Ok(Box::new(file.map_err(told)?))
    }

    /// That of the `exit()` that came, if one did.
    fn exit_status(&self) -> Option<u8> {
        self.running.as_ref().and_then(|running| running.sink.borrow().exit)
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

fn json_result(name: &str, time: Duration, passed: bool, printed: &[u8]) -> String {
    let mut text = b"{\"type\": \"test_result\", \"data\": {".to_vec();
    print::json_string(name.as_bytes(), &mut text);
    text.extend_from_slice(
        format!(": {{\"duration\": {}, \"passed\": {passed}, \"output\": ", time.as_nanos()).as_bytes(),
    );
    print::json_string(printed, &mut text);
    text.extend_from_slice(b"}}}\n");
    String::from_utf8_lossy(&text).into_owned()
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
