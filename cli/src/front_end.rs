//! Scripts → typed programs, many at a time.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use tracewright_build::{HostEnv, KernelSource};
use tracewright_compiler::kernel::Description;
use tracewright_compiler::{Compilation, Options};

use crate::args::FrontEndArgs;
use crate::render::{Style, render};
use crate::script::Script;

/// The front end with its kernel description loaded.
pub struct FrontEnd {
    args: FrontEndArgs,
    kernel: Description,
    env: Vec<(String, String)>,
    style: Style,
}

impl FrontEnd {
    /// Loads the kernel description.
    ///
    /// # Errors
    /// When there is none of that name, or it cannot be read.
    pub fn new(args: &FrontEndArgs) -> Result<FrontEnd> {
        let Ok(source) = args.kernel.parse::<KernelSource>();
        let kernel = source.load().with_context(|| format!("cannot load the kernel description `{}`", args.kernel))?;
        let env = std::env::vars().filter(|(name, _)| name.starts_with("BPFTRACE_")).collect();
        Ok(FrontEnd { args: args.clone(), kernel, env, style: Style::for_stderr(!args.no_warnings) })
    }

    /// The kernel description.
    pub fn kernel(&self) -> &Description {
        &self.kernel
    }

    /// Version of the kernel described, as `uname -r` has it.
    pub fn release(&self) -> &str {
        self.kernel.release()
    }

    /// Checks one script.
    pub fn check(&self, script: &Script) -> Compilation {
        let options = Options {
            name: script.name.clone(),
            allow_unsafe: self.args.allow_unsafe,
            include_dirs: self.args.include_dirs.clone(),
            includes: self.args.includes.clone(),
            env: self.env.clone(),
            typed_events: false,
            script_dir: script.dir.clone(),
        };
        tracewright_compiler::check(&script.display, &script.text, &options, &self.kernel, &HostEnv::default())
    }

    /// What there is to say about a script, for standard error.
    pub fn report(&self, compilation: &Compilation) -> String {
        render(&compilation.diagnostics, &compilation.sources, self.style)
    }
}

/// Does `work` for every item on all CPUs; the results come in the order of the items. A panic is a mistake of ours,
/// and shall not keep the other items from being done: its message is the `Err`.
pub fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<Result<R, String>> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::with_capacity(items.len()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(items.len());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let worker = || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(index) else { break };
                    let result = catch_unwind(AssertUnwindSafe(|| work(item))).map_err(panic_text);
                    results.lock().unwrap_or_else(|e| e.into_inner()).push((index, result));
                }
            };
            // The parser recurses; scripts nest deeper than the default 2 MiB allows.
            let spawned = std::thread::Builder::new().stack_size(64 << 20).spawn_scoped(scope, worker);
            // SANITY: only fails when the process may not have threads at all.
            spawned.expect("a thread");
        }
    });
    let mut results = results.into_inner().unwrap_or_else(|e| e.into_inner());
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

fn panic_text(payload: Box<dyn Any + Send>) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str).or_else(|| payload.downcast_ref().copied());
    text.unwrap_or("panic").to_owned()
}
