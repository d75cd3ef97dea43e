//! The script's C definitions, through clang, as BTF.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use object::{Object, ObjectSection};
use tempfile::TempDir;
use tracewright_compiler::kernel::c_types::{FUNCTION_VARIABLE, HEADER_VARIABLE, TYPE_VARIABLE};
use tracewright_compiler::kernel::{CError, CRequest, CTypes};

use crate::bpf::machine_includes;
use crate::c_scan::{self, Found};
use crate::macros;

/// Name of the script's C text, as clang's messages have it.
const DEFINITIONS: &str = "definitions.h";

/// Headers that a missing file is a kernel header of: the description stands in for it.
const KERNEL_DIRECTORIES: [&str; 14] = [
    "linux/",
    "net/",
    "asm/",
    "asm-generic/",
    "uapi/",
    "scsi/",
    "trace/",
    "generated/",
    "crypto/",
    "rdma/",
    "sound/",
    "drm/",
    "video/",
    "vdso/",
];

/// Compiles the request's text.
///
/// # Errors
/// Clang's messages.
pub fn compile(request: &CRequest) -> Result<CTypes, Vec<CError>> {
    let directory =
        TempDir::new().map_err(|error| vec![whole(format!("no directory for clang to work in: {error}"))])?;
    let mut clang = Clang { directory: directory.path(), request, shadows: !request.machine_headers };
    let headers = kernel_headers(request);
    for name in &headers {
        clang.write(&format!("empty/{name}"), "")?;
    }
    clang.write("kernel_types.h", &request.kernel_types)?;
    clang.write(DEFINITIONS, &format!("{}\n", c_scan::name_enums(&request.text)))?;
    if request.text.contains("<bpf/") {
        for (name, text) in libbpf_rs::libbpf_sys::API_HEADERS {
            clang.write(&format!("libbpf/bpf/{name}"), text)?;
        }
    }
    let mut main = "#include \"kernel_types.h\"\n".to_owned();
    for include in &request.includes {
        main += &format!("#include \"{include}\"\n");
    }
    main += &format!("#include \"{DEFINITIONS}\"\n");
    let found = clang.compile(&main)?;
    let btf = clang.btf()?;
    let mut values = macros::values(&found.macros, &request.macros, &|names| clang.evaluate(&main, names));
    let all = [found.loose_enumerators.as_slice(), &found.enumerators].concat();
    let mut enumerators = HashMap::new();
    for (name, value) in clang.evaluate(&main, &all) {
        let Some(value) = value else { continue };
        if let macros::Value::Int(value) = value {
            enumerators.insert(name.clone(), value);
        }
        if found.loose_enumerators.contains(&name) {
            values.push((name, value));
        }
    }
    if clang.shadows && !headers.is_empty() {
        // Macros that the table of constants may lack.
        clang.shadows = false;
        let macros = clang.preprocess().map(|text| c_scan::scan(&text).macros).unwrap_or_default();
        let wanted = request.macros.iter().filter(|name| !values.iter().any(|(known, _)| known == *name));
        let wanted: Vec<String> = wanted.cloned().collect();
        values.extend(macros::values(&macros, &wanted, &|names| clang.evaluate(&main, names)));
    }
    Ok(CTypes { btf, macros: values, enumerators })
}

/// Headers of the kernel that a request's text names.
fn kernel_headers(request: &CRequest) -> Vec<String> {
    let named = request.text.lines().filter_map(|line| {
        let rest = line.trim_start().strip_prefix('#')?.trim_start().strip_prefix("include")?.trim_start();
        rest.strip_prefix(['<', '"'])?.split(['>', '"']).next()
    });
    let all = named.chain(request.includes.iter().map(String::as_str));
    all.filter(|name| is_kernel_header(name) && !name.contains("..")).map(str::to_owned).collect()
}

/// Pointers to each type, so that clang describes it; and to each function.
fn variables(found: &Found) -> String {
    let mut out = String::new();
    for (n, ty) in found.types.iter().enumerate() {
        let prefix = if ty.of_kernel_header { HEADER_VARIABLE } else { TYPE_VARIABLE };
        out += &format!("{} *{prefix}{n};\n", ty.name);
    }
    for function in &found.functions {
        out += &format!("__typeof__({function}) *{FUNCTION_VARIABLE}{function};\n");
    }
    out
}

fn whole(message: String) -> CError {
    CError { line: 0, column: 0, message }
}

struct Clang<'a> {
    directory: &'a Path,
    request: &'a CRequest,
    /// Kernel headers that the text names are empty.
    shadows: bool,
}

impl Clang<'_> {
    fn write(&self, name: &str, text: &str) -> Result<(), Vec<CError>> {
        let path = self.directory.join(name);
        if let Some(parent) = path.parent() {
            let _ = fs::create_dir_all(parent);
        }
        fs::write(&path, text).map_err(|error| vec![whole(format!("cannot write {}: {error}", path.display()))])
    }

    fn arguments(&self) -> Vec<OsString> {
        let mut arguments: Vec<OsString> =
            ["-target", "bpf", "-w", "-ferror-limit=100", "-fno-caret-diagnostics", "-fno-color-diagnostics"]
                .map(OsString::from)
                .to_vec();
        // glibc's headers want to know what they are for.
        arguments.extend(
            ["-DBPFTRACE_HAVE_BTF", "-D__x86_64__", "-D__TARGET_ARCH_x86", "-D__BPF_TRACING__"].map(OsString::from),
        );
        if self.shadows {
            arguments.extend(["-I".into(), self.directory.join("empty").into()]);
        }
        arguments.extend(["-I".into(), self.directory.join("shadow").into()]);
        arguments.extend(["-I".into(), self.directory.into()]);
        for directory in &self.request.include_dirs {
            arguments.extend(["-I".into(), directory.into()]);
        }
        let overlay = self.directory.join("kernel");
        arguments.extend(["-idirafter".into(), overlay.into()]);
        arguments.extend(["-idirafter".into(), self.directory.join("libbpf").into()]);
        for directory in machine_includes() {
            arguments.extend(["-idirafter".into(), directory.into()]);
        }
        arguments
    }

    /// Runs clang on `main.c`; what it printed.
    fn run(&self, more: &[&str]) -> Result<Vec<u8>, Vec<CError>> {
        let mut clang = Command::new("clang");
        clang.args(self.arguments()).args(more).arg("main.c").current_dir(self.directory);
        let done = clang.output().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => vec![whole("clang is not installed: it reads C definitions".to_owned())],
            _ => vec![whole(format!("cannot run clang: {error}"))],
        })?;
        if done.status.success() {
            return Ok(done.stdout);
        }
        let errors = parse_errors(&String::from_utf8_lossy(&done.stderr));
        Err(if errors.is_empty() {
            vec![whole(String::from_utf8_lossy(&done.stderr).trim().to_owned())]
        } else {
            errors
        })
    }

    /// Compiles `main` with variables for all that it defines. A kernel header of this machine that clashes with the
    /// kernel's own declarations gives way to them.
    fn compile(&self, main: &str) -> Result<Found, Vec<CError>> {
        let mut result = Ok(Found::default());
        for _ in 0..20 {
            self.write("main.c", main)?;
            let found = c_scan::scan(&self.preprocess()?);
            self.write("main.c", &(main.to_owned() + &variables(&found)))?;
            result = self.run(&["-c", "-O2", "-g", "-o", "main.o"]).map(|_| found);
            let Err(errors) = &result else { break };
            let clashing = errors.iter().find_map(|error| clashing_header(&error.message));
            match clashing.filter(|name| !self.directory.join("shadow").join(name).exists()) {
                Some(name) => self.write(&format!("shadow/{name}"), "")?,
                None => break,
            }
        }
        result
    }

    /// The preprocessed text, with `#define` lines. Kernel headers that the machine lacks are taken for empty: what is
    /// in them comes from the kernel description.
    fn preprocess(&self) -> Result<String, Vec<CError>> {
        for _ in 0..100 {
            match self.run(&["-E", "-dD", "-o", "-"]) {
                Ok(text) => return Ok(String::from_utf8_lossy(&text).into_owned()),
                Err(errors) => {
                    let missing = errors.iter().find_map(|error| missing_header(&error.message));
                    match missing.filter(|name| is_kernel_header(name) || is_library_header(name)) {
                        Some(name) => self.write(&format!("kernel/{name}"), "")?,
                        None => return Err(errors),
                    }
                }
            }
        }
        Err(vec![whole("too many headers are missing".to_owned())])
    }

    fn btf(&self) -> Result<Vec<u8>, Vec<CError>> {
        let unreadable = |what: &str| vec![whole(format!("clang's object is unreadable: {what}"))];
        let data = fs::read(self.directory.join("main.o")).map_err(|error| unreadable(&error.to_string()))?;
        let file = object::File::parse(&*data).map_err(|error| unreadable(&error.to_string()))?;
        match file.section_by_name(".BTF") {
            Some(section) => Ok(section.data().map_err(|error| unreadable(&error.to_string()))?.to_vec()),
            // Nothing was defined: BTF of no types and one empty string.
            None => Ok(b"\x9f\xeb\x01\0\x18\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0".to_vec()),
        }
    }

    /// Values of constant expressions; none for what is no integer constant.
    fn evaluate(&self, main: &str, expressions: &[String]) -> Vec<(String, Option<macros::Value>)> {
        let mut left: HashSet<usize> = (0..expressions.len()).collect();
        let mut result: Vec<(String, Option<macros::Value>)> =
            expressions.iter().map(|name| (name.clone(), None)).collect();
        // Each round drops the expressions that clang refuses.
        for _ in 0..4 {
            if left.is_empty() {
                break;
            }
            let mut text = main.to_owned();
            let first_line = text.matches('\n').count() + 1;
            for (n, expression) in expressions.iter().enumerate() {
                if left.contains(&n) {
                    text += &format!("const long long tw_value_{n} = (long long)({expression});");
                }
                text += "\n";
            }
            if self.write("values.c", &text).is_err() {
                break;
            }
            match self.values_of(first_line) {
                Ok(values) => {
                    for (n, value) in values {
                        result[n].1 = Some(macros::Value::Int(value));
                    }
                    break;
                }
                Err(refused) if refused.is_empty() => break,
                Err(refused) => left.retain(|n| !refused.contains(n)),
            }
        }
        result
    }

    /// Values by index, or the indices that clang refused.
    fn values_of(&self, first_line: usize) -> Result<Vec<(usize, i64)>, HashSet<usize>> {
        let mut clang = Command::new("clang");
        clang.args(self.arguments()).args(["-S", "-emit-llvm", "-o", "-", "values.c"]).current_dir(self.directory);
        let Ok(done) = clang.output() else { return Err(HashSet::new()) };
        if !done.status.success() {
            let text = String::from_utf8_lossy(&done.stderr);
            let lines = text.lines().filter_map(|line| {
                let rest = line.split_once("values.c:")?.1;
                line.contains("error:").then_some(rest.split(':').next()?.parse::<usize>().ok()?)
            });
            return Err(lines.filter_map(|line| line.checked_sub(first_line)).collect());
        }
        let text = String::from_utf8_lossy(&done.stdout);
        let values = text.lines().filter_map(|line| {
            let (n, rest) = line.strip_prefix("@tw_value_")?.split_once(' ')?;
            let value = rest.split_once("constant i64 ")?.1.split(',').next()?;
            Some((n.parse().ok()?, value.parse().ok()?))
        });
        Ok(values.collect())
    }
}

/// Headers of the C library that scripts take constants from; the table of constants has the same.
fn is_library_header(name: &str) -> bool {
    ["sys/", "netinet/", "arpa/", "bits/", "net/"].iter().any(|directory| name.starts_with(directory))
        || ["errno.h", "fcntl.h", "limits.h", "poll.h", "sched.h", "signal.h", "stdio.h", "stdlib.h", "string.h"]
            .contains(&name)
        || ["inttypes.h", "stdint.h", "time.h", "unistd.h"].contains(&name)
}

fn is_kernel_header(name: &str) -> bool {
    KERNEL_DIRECTORIES.iter().any(|directory| name.starts_with(directory))
}

/// `/usr/include/linux/in6.h: redefinition of 'in6_addr'`
fn clashing_header(message: &str) -> Option<String> {
    let (path, message) = message.split_once(": ")?;
    if !message.contains("redefinition") && !message.contains("redeclaration") && !message.contains("conflicting types")
    {
        return None;
    }
    let name = path.split_once("/include/")?.1;
    // The machine's `asm/` lies below the name of its architecture.
    let name = name.split_once("-linux-gnu/").map_or(name, |(_, name)| name);
    is_kernel_header(name).then(|| name.to_owned())
}

/// `'linux/foo.h' file not found`
fn missing_header(message: &str) -> Option<String> {
    let rest =
        message.strip_suffix(" file not found").or_else(|| message.split_once(" file not found").map(|(a, _)| a))?;
    Some(rest.split('\'').nth(1)?.to_owned())
}

/// `./definitions.h:3:9: error: unknown type name 'foo'`
fn parse_errors(text: &str) -> Vec<CError> {
    let mut errors = Vec::new();
    for line in text.lines() {
        let Some((place, message)) = line.split_once(": error: ").or_else(|| line.split_once(": fatal error: ")) else {
            continue;
        };
        let mut parts = place.rsplitn(3, ':');
        let (column, row) = (parts.next().and_then(|n| n.parse().ok()), parts.next().and_then(|n| n.parse().ok()));
        let file = parts.next().unwrap_or(place);
        let own = Path::new(file).file_name().is_some_and(|name| name == DEFINITIONS);
        let (row, column) = if own { (row.unwrap_or(0), column.unwrap_or(0)) } else { (0, 0) };
        let message = if own || file == "main.c" || file.ends_with("/main.c") {
            message.to_owned()
        } else {
            format!("{file}: {message}")
        };
        errors.push(CError { line: row, column, message });
    }
    errors
}

/// Where this process may look for headers that scripts name with quotes.
pub fn absolute(directory: &str) -> PathBuf {
    fs::canonicalize(directory).unwrap_or_else(|_| directory.into())
}
