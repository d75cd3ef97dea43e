//! `tracewright list`: what there is to attach to.
//!
//! The kernel's part comes from its description, so that other kernels than the running one can be asked, too; that of
//! binaries from the files.

use anyhow::{Result, bail};
use tracewright_build::HostEnv;
use tracewright_compiler::kernel::{Host, Kernel, matches};
use tracewright_compiler::program::{AttachPoint, KernelLocation, TextPiece, UserLocation};
use tracewright_compiler::types::{StructName, Type};

use crate::args::ListArgs;
use crate::front_end::FrontEnd;
use crate::script::Script;

const SOFTWARE: [&str; 14] = [
    "alignment-faults",
    "bpf-output",
    "context-switches",
    "cpu-clock",
    "cpu-migrations",
    "cpu",
    "cs",
    "dummy",
    "emulation-faults",
    "faults",
    "major-faults",
    "minor-faults",
    "page-faults",
    "task-clock",
];

const HARDWARE: [&str; 12] = [
    "backend-stalls",
    "branch-instructions",
    "branch-misses",
    "branches",
    "bus-cycles",
    "cache-misses",
    "cache-references",
    "cpu-cycles",
    "cycles",
    "frontend-stalls",
    "instructions",
    "ref-cycles",
];

/// Long and short names of what is listed.
const PROVIDERS: [(&str, &[&str]); 15] = [
    ("fentry", &["f", "kfunc"]),
    ("fexit", &["fr", "kretfunc"]),
    ("hardware", &["h"]),
    ("interval", &["i"]),
    ("iter", &["it"]),
    ("kprobe", &["k"]),
    ("kretprobe", &["kr"]),
    ("profile", &["p"]),
    ("rawtracepoint", &["rt"]),
    ("software", &["s"]),
    ("tracepoint", &["t"]),
    ("uprobe", &["u"]),
    ("uretprobe", &["ur"]),
    ("usdt", &["U"]),
    ("watchpoint", &["w"]),
];

/// Lists probes by pattern, types by name, or the probes of a script.
pub fn list(args: &ListArgs) -> Result<bool> {
    let front_end = FrontEnd::new(&args.front_end())?;
    let mut lister = Lister { kernel: front_end.kernel(), host: HostEnv::default(), args, lines: Vec::new() };
    match args.what.as_deref() {
        None => lister.pattern("*"),
        Some(what) if what.starts_with("struct ") || what.starts_with("union ") => lister.structure(what),
        Some(what) if what.starts_with("enum ") => lister.enumeration(what),
        Some(what) if std::path::Path::new(what).is_file() => {
            let compilation = front_end.check(&Script::read(what)?);
            eprint!("{}", front_end.report(&compilation));
            let Some(program) = compilation.program else { return Ok(false) };
            for target in program.programs.iter().flat_map(|program| &program.targets) {
                lister.point(&plain(&target.display), &target.point);
            }
        }
        Some(what) => lister.pattern(what),
    }
    if lister.lines.is_empty() && args.what.as_deref().is_some_and(|what| what.contains('/') && what.ends_with(".bt")) {
        bail!("{} does not exist", args.what.as_deref().unwrap_or_default());
    }
    let mut out = std::io::stdout().lock();
    for line in lister.lines {
        // Whoever reads has seen enough.
        if std::io::Write::write_all(&mut out, format!("{line}\n").as_bytes()).is_err() {
            break;
        }
    }
    Ok(true)
}

struct Lister<'a> {
    kernel: &'a dyn Kernel,
    host: HostEnv,
    args: &'a ListArgs,
    lines: Vec<String>,
}

impl Lister<'_> {
    /// `provider:part:part`, the provider also as a pattern; a word alone is looked for in all names.
    fn pattern(&mut self, pattern: &str) {
        let (provider, rest) = pattern.split_once(':').unwrap_or(("*", pattern));
        let anywhere = !pattern.contains(':');
        for (name, short) in PROVIDERS {
            if !matches(provider, name) && !short.contains(&provider) {
                continue;
            }
            let several = provider.contains('*');
            // What exists beside an entry for the same function, and binaries, are listed when asked for.
            if several && matches!(name, "uprobe" | "uretprobe" | "usdt" | "kretprobe" | "fexit" | "watchpoint") {
                continue;
            }
            self.provider(name, rest, anywhere);
        }
    }

    fn provider(&mut self, name: &str, rest: &str, anywhere: bool) {
        let last = rest.rsplit(':').next().unwrap_or(rest);
        let first = if rest.contains(':') { rest.split(':').next().unwrap_or("*") } else { "*" };
        let fixed = |events: &[&str]| -> Vec<String> {
            let events = events.iter().filter(|event| matches(last, event) || matches(rest, &format!("{event}:")));
            events.map(|event| format!("{name}:{event}:")).collect()
        };
        match name {
            "software" => self.lines.extend(fixed(&SOFTWARE)),
            "hardware" => self.lines.extend(fixed(&HARDWARE)),
            "interval" => self.lines.extend(fixed(&["hz", "ms", "s", "us"])),
            "profile" => self.lines.extend(fixed(&["hz", "ms", "s", "us"])),
            "iter" => {
                let kinds = self.kernel.iterators().into_iter().filter(|kind| matches(last, kind));
                for kind in kinds.collect::<Vec<_>>() {
                    self.lines.push(format!("iter:{kind}"));
                    self.members(&format!("struct bpf_iter__{kind}"));
                }
            }
            "tracepoint" => {
                let (category, event) = if rest.contains(':') { (first, last) } else { ("*", last) };
                for (category, event) in self.kernel.tracepoints(category, event) {
                    self.tracepoint(&category, &event);
                }
                if anywhere && !rest.contains('*') {
                    for (category, event) in self.kernel.tracepoints(rest, "*") {
                        self.tracepoint(&category, &event);
                    }
                }
            }
            "rawtracepoint" => {
                for event in self.kernel.raw_tracepoints(last) {
                    self.lines.push(format!("rawtracepoint:vmlinux:{event}"));
                    let params = self.kernel.raw_tracepoint(&event).unwrap_or_default();
                    self.parameters(&params, None);
                }
            }
            "kprobe" | "kretprobe" => {
                for function in self.kernel.functions(last) {
                    self.lines.push(format!("{name}:{function}"));
                }
            }
            "fentry" | "fexit" => {
                for function in self.kernel.functions(last) {
                    self.lines.push(format!("{name}:vmlinux:{function}"));
                    if let Some(signature) = self.kernel.function(&function).filter(|_| self.args.verbose) {
                        let result = (name == "fexit").then_some(&signature.result);
                        self.parameters(&signature.params, result);
                    }
                }
            }
            "uprobe" | "uretprobe" => {
                let Some((path, symbol)) = rest.split_once(':') else { return self.user(name, rest, "*") };
                self.user(name, path, symbol);
            }
            "usdt" => {
                let mut parts = rest.splitn(3, ':');
                let path = parts.next().unwrap_or_default();
                let (provider, event) = match (parts.next(), parts.next()) {
                    (Some(provider), Some(event)) => (provider, event),
                    (Some(event), None) => ("*", event),
                    _ => ("*", "*"),
                };
                for (found, name) in tracewright_build::usdt_probes(std::path::Path::new(path)) {
                    if matches(provider, &found) && matches(event, &name) {
                        self.lines.push(format!("usdt:{path}:{found}:{name}"));
                    }
                }
            }
            _ => {}
        }
    }

    fn user(&mut self, name: &str, path: &str, symbol: &str) {
        for symbol in self.host.user_symbols(path, symbol) {
            self.lines.push(format!("{name}:{path}:{symbol}"));
            if self.args.verbose
                && let Some(function) = self.host.user_function(path, &symbol)
            {
                self.parameters(&function.params, None);
            }
        }
    }

    fn tracepoint(&mut self, category: &str, event: &str) {
        self.lines.push(format!("tracepoint:{category}:{event}"));
        if !self.args.verbose {
            return;
        }
        let fields = self.kernel.tracepoint(category, event).map(|tracepoint| tracepoint.fields).unwrap_or_default();
        for field in fields.iter().filter(|field| !field.name.starts_with("common_")) {
            let (ty, length) = match field.c_type.split_once('[') {
                Some((ty, length)) if !field.data_loc => (ty.trim().to_owned(), format!("[{length}")),
                _ => (field.c_type.clone(), String::new()),
            };
            let location = if field.data_loc && !ty.starts_with("__data_loc") { "__data_loc " } else { "" };
            self.lines.push(format!("    {location}{ty} {}{length}", field.name));
        }
    }

    fn members(&mut self, name: &str) {
        if self.args.verbose
            && let Some(def) = self.kernel.structure(&StructName(name.to_owned()))
        {
            let mut fields = Vec::new();
            for field in def.fields {
                // Each member stands in a union of its own that aligns it.
                let inner = match &field.ty {
                    Type::Struct(name) if field.name.is_empty() => self.kernel.structure(name),
                    _ => None,
                };
                match inner {
                    Some(inner) => fields.extend(inner.fields.into_iter().map(|field| (field.name, field.ty))),
                    None => fields.push((field.name, field.ty)),
                }
            }
            fields.retain(|(name, _)| name != "meta" && !name.is_empty());
            self.parameters(&fields, None);
        }
    }

    fn parameters(&mut self, params: &[(String, Type)], result: Option<&Type>) {
        if !self.args.verbose {
            return;
        }
        let all = params.iter().map(|(name, ty)| (name.as_str(), ty)).chain(result.map(|ty| ("retval", ty)));
        self.lines.extend(all.map(|(name, ty)| format!("    {}", declared(ty, name))));
    }

    fn structure(&mut self, name: &str) {
        if let Some(def) = self.kernel.structure(&StructName(name.to_owned())) {
            let mut text = format!("vmlinux: {name} {{\n");
            for field in &def.fields {
                let bits = field.bit_width.map_or_else(String::new, |bits| format!(": {bits}"));
                text += &format!("\t{}{bits};\n", declared(&field.ty, &field.name).replace("* ", "*"));
            }
            self.lines.push(text + "};\n");
        }
    }

    fn enumeration(&mut self, name: &str) {
        if let Some((_, values)) = self.kernel.enumeration(name.trim_start_matches("enum ")) {
            let mut text = format!("vmlinux: {name} {{\n");
            values.iter().for_each(|(name, value)| text += &format!("\t{name} = {value},\n"));
            self.lines.push(text + "};\n");
        }
    }

    /// An attach point of a script.
    fn point(&mut self, display: &str, point: &AttachPoint) {
        let name = display.split(':').next().unwrap_or_default();
        let rest = match point {
            AttachPoint::Begin | AttachPoint::End => return,
            AttachPoint::Interval { .. } | AttachPoint::Profile { .. } => {
                let unit = display.split(':').nth(1).unwrap_or_default();
                return self.lines.push(format!("{name}:{unit}:"));
            }
            AttachPoint::Kernel { function: KernelLocation::Function { name, .. }, .. } => plain(name),
            AttachPoint::Trampoline { function, .. } => plain(function),
            AttachPoint::Tracepoint { category, event } => format!("{}:{}", plain(category), plain(event)),
            AttachPoint::RawTracepoint { event, .. } => plain(event),
            AttachPoint::User { path, location: UserLocation::Symbol { name, .. }, .. } => {
                format!("{}:{}", plain(path), plain(name))
            }
            AttachPoint::Usdt { .. } | AttachPoint::Iter { .. } => {
                display.split_once(':').map_or_else(String::new, |(_, rest)| rest.to_owned())
            }
            _ => return self.lines.push(display.to_owned()),
        };
        self.provider(name, &rest, false);
    }
}

/// `struct task_struct * prev`, `char comm[16]`.
fn declared(ty: &Type, name: &str) -> String {
    match ty {
        Type::Array { of, len } => declared(of, &format!("{name}[{len}]")),
        Type::String { capacity } => format!("char {name}[{capacity}]"),
        other => format!("{} {name}", c_name(other)),
    }
}

fn c_name(ty: &Type) -> String {
    match ty {
        Type::Void => "void".to_owned(),
        Type::Bool => "bool".to_owned(),
        Type::Int(int) => {
            let name = match int.bits {
                8 => "char",
                16 => "short",
                32 => "int",
                _ => "long",
            };
            if int.signed { name.to_owned() } else { format!("unsigned {name}") }
        }
        Type::Enum { name, .. } => format!("enum {name}"),
        Type::Pointer { to, .. } => format!("{} *", c_name(to)),
        Type::Struct(name) => name.0.clone(),
        Type::Array { of, len } => format!("{}[{len}]", c_name(of)),
        other => other.to_string(),
    }
}

fn plain(pieces: &[TextPiece]) -> String {
    let piece = |piece: &TextPiece| match piece {
        TextPiece::Lit(text) => text.clone(),
        TextPiece::Param(n) => format!("${n}"),
        TextPiece::Option(name) => format!("--{name}"),
    };
    pieces.iter().map(piece).collect()
}
