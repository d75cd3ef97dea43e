//! BPF C → object → skeleton, with clang and libbpf-cargo.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use libbpf_cargo::SkeletonBuilder;

/// What clang (or libbpf's linker) had against it.
#[derive(Debug)]
pub struct ClangError {
    /// The source.
    pub source: PathBuf,
    /// Clang's own text.
    pub text: String,
}

impl fmt::Display for ClangError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.text.contains("No such file or directory (os error 2)") {
            return write!(f, "clang is not installed: it compiles {}", self.source.display());
        }
        f.write_str(self.text.trim_end())
    }
}

impl std::error::Error for ClangError {}

/// Generated C has no warnings, which our tests see to; a script of a user is compiled even where we failed at that.
const WARNINGS: [&str; 3] = ["-Wall", "-Wextra", "-mcpu=v3"];

/// Compiles `<name>.bpf.c` to an object with BTF and without DWARF. `headers` is searched for the support headers;
/// libbpf's own are provided. Imported C (`<name>.<library>.lib.bpf.c` beside the support headers) is compiled and linked to
/// it. Several threads may do this at a time.
///
/// # Errors
/// Clang's messages, or libbpf's.
pub fn compile_bpf(source: &Path, object: &Path, headers: &Path) -> Result<(), ClangError> {
    let libraries = libraries(source, headers);
    if libraries.is_empty() {
        return compile_one(source, object, headers);
    }
    let main = object.with_extension("main.o");
    compile_one(source, &main, headers)?;
    let mut objects = vec![main];
    for (n, library) in libraries.iter().enumerate() {
        let object = object.with_extension(format!("lib{n}.o"));
        compile_one(library, &object, headers)?;
        objects.push(object);
    }
    let failed = |error: libbpf_rs::Error| ClangError { source: source.to_owned(), text: format!("{error:#}") };
    let mut linker = libbpf_rs::Linker::new(object).map_err(failed)?;
    for object in &objects {
        linker.add_file(object).map_err(failed)?;
    }
    linker.link().map_err(failed)
}

/// The imported C that belongs to a source.
fn libraries(source: &Path, headers: &Path) -> Vec<PathBuf> {
    let file = source.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let prefix = format!("{}.", file.trim_end_matches(".bpf.c"));
    let belongs = |name: &str| name.starts_with(&prefix) && name.ends_with(".lib.bpf.c");
    let entries = std::fs::read_dir(headers).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> =
        entries.filter(|entry| belongs(&entry.file_name().to_string_lossy())).map(|entry| entry.path()).collect();
    found.sort();
    found
}

fn compile_one(source: &Path, object: &Path, headers: &Path) -> Result<(), ClangError> {
    let mut builder = SkeletonBuilder::new();
    builder.source(source).obj(object).clang_args(arguments(headers));
    builder.build().map_err(|error| ClangError { source: source.to_owned(), text: error.root_cause().to_string() })
}

fn arguments(headers: &Path) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = WARNINGS.iter().map(OsString::from).collect();
    arguments.push("-I".into());
    arguments.push(headers.into());
    // libbpf's USDT header wants <linux/errno.h>, which in turn wants the machine's <asm/errno.h>.
    for directory in machine_includes() {
        arguments.push("-idirafter".into());
        arguments.push(directory.into());
    }
    arguments
}

/// Where a distribution keeps `asm/`: clang does not look there for BPF.
pub(crate) fn machine_includes() -> Vec<PathBuf> {
    let arch = std::env::consts::ARCH;
    let candidates = [format!("/usr/include/{arch}-linux-gnu"), format!("/usr/{arch}-linux-gnu/include")];
    candidates.into_iter().map(PathBuf::from).filter(|path| path.is_dir()).collect()
}

/// Writes the libbpf-rs skeleton of an object; it refers to the object by `include_bytes!`.
///
/// # Errors
/// When the object is none, or the file cannot be written.
pub fn write_skeleton(object: &Path, skeleton: &Path) -> Result<(), ClangError> {
    let mut builder = SkeletonBuilder::new();
    // Nobody reads the skeleton, so it is not formatted: a rustfmt that does not exist is passed over.
    builder.obj(object).reference_obj(true).rustfmt("/nonexistent/rustfmt");
    builder.generate(skeleton).map_err(|error| ClangError { source: object.to_owned(), text: format!("{error:#}") })
}

/// The whole of a `build.rs`: compiles `src/bpf/<name>.bpf.c` and writes `<name>.skel.rs` to `OUT_DIR`.
///
/// # Errors
/// Clang's messages.
pub fn skeleton(source: impl AsRef<Path>) -> Result<PathBuf, ClangError> {
    let source = source.as_ref();
    let out = std::env::var_os("OUT_DIR").ok_or_else(|| ClangError {
        source: source.to_owned(),
        text: "OUT_DIR is not set: this runs in a build script".to_owned(),
    })?;
    if let Some(directory) = source.parent() {
        println!("cargo:rerun-if-changed={}", directory.display());
    }
    skeleton_in(source, Path::new(&out))
}

/// As [`skeleton`], into a directory of the caller's choice; the support headers lie beside the source.
///
/// # Errors
/// Clang's messages.
pub fn skeleton_in(source: &Path, out: &Path) -> Result<PathBuf, ClangError> {
    let file = source.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let name = file.trim_end_matches(".bpf.c");
    let (object, skeleton) = (out.join(format!("{name}.o")), out.join(format!("{name}.skel.rs")));
    compile_bpf(source, &object, source.parent().unwrap_or(Path::new(".")))?;
    write_skeleton(&object, &skeleton)?;
    Ok(skeleton)
}

/// One source of many.
#[derive(Clone, Debug)]
pub struct Job {
    /// `<name>.bpf.c`
    pub source: PathBuf,
    /// Where its object goes.
    pub object: PathBuf,
    /// Where its support headers are.
    pub headers: PathBuf,
    /// Where its skeleton goes; none: only the object is wanted.
    pub skeleton: Option<PathBuf>,
}

/// Compiles many, as many at a time as there are CPUs. Results are in the order of the jobs.
pub fn compile_many(jobs: &[Job]) -> Vec<Result<(), ClangError>> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(jobs.len());
    let next = AtomicUsize::new(0);
    let mut results: Vec<(usize, Result<(), ClangError>)> = std::thread::scope(|scope| {
        let worker = || {
            let mut done = Vec::new();
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                let Some(job) = jobs.get(n) else { return done };
                let result = compile_bpf(&job.source, &job.object, &job.headers);
                let skeleton =
                    |()| job.skeleton.as_ref().map_or(Ok(()), |skeleton| write_skeleton(&job.object, skeleton));
                done.push((n, result.and_then(skeleton)));
            }
        };
        let handles: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        // SANITY: a worker does not panic; if it does, so do we.
        handles.into_iter().flat_map(|handle| handle.join().expect("the worker does not panic")).collect()
    });
    results.sort_by_key(|(n, _)| *n);
    results.into_iter().map(|(_, result)| result).collect()
}
