//! [`Program`] → BPF C.
//!
//! Scalars become C expressions ([`expr`]); everything else is written into a place that the caller chose ([`place`]):
//! a stack variable, a map's key, a record. What does not fit the stack lies in the program's part of `tw_scratch`.

mod access;
mod action;
mod body;
mod call;
mod compare;
mod expr;
mod function;
mod headers;
mod homes;
mod lines;
mod loops;
mod map_ops;
mod maps;
mod place;
mod share;
mod stmt;
mod types;
mod value;
mod walk;
mod wrap;
mod writer;

use std::collections::{BTreeMap, BTreeSet};

use crate::emit::escape;
use crate::program::{ActionId, Expr, OptionDefault, Program, SettingSource};
use crate::source::Span;
use crate::types::Type;
pub use map_ops::{MAP_FULL, NO_ELEMENT};

use action::Record;
use maps::MapInfo;
use types::Types;
use writer::Code;

/// Room for this many different stacks at least.
const STACKS: u32 = 16384;

/// The C and what the Rust emitter has to know of it: layouts and names are decided here, once.
#[derive(Clone, Debug, Default)]
pub struct EmittedC {
    /// `<name>.bpf.c`
    pub text: String,
    /// Support headers it includes.
    pub headers: Vec<(String, String)>,
    /// For each of the program's maps: how it is kept in BPF.
    pub maps: Vec<EmittedMap>,
    /// For each of the program's actions: the record.
    pub actions: Vec<EmittedAction>,
    /// Checked helper calls, by index.
    pub checks: Vec<EmittedCheck>,
    /// Loss counters, by index: what, hint.
    pub losses: Vec<(String, String)>,
    /// Stack maps in use: limits.
    pub stack_limits: Vec<u16>,
    /// For each of the program's settings: name of the rodata variable.
    pub settings: Vec<String>,
}

/// How a map is kept.
#[derive(Clone, Debug)]
pub struct EmittedMap {
    /// Name in C.
    pub bpf_name: String,
    /// Array (scalar) rather than hash.
    pub array: bool,
    /// Values per CPU.
    pub per_cpu: bool,
    /// Offset of `set` behind a scalar's value.
    pub set_offset: Option<u32>,
    /// Bytes of the script's key in the BPF key.
    pub key_size: u32,
}

/// The record of an action.
#[derive(Clone, Debug)]
pub struct EmittedAction {
    /// The action's constant: `ACTION_PRINTF_2`.
    pub constant: String,
    /// C struct of the fixed part: `struct printf_open`; its name without `struct`.
    pub struct_name: String,
    /// Bytes of the fixed part, header included.
    pub size: u32,
    /// Offset of each field, and whether it travels in the tail.
    pub fields: Vec<EmittedField>,
}

/// A field of a record.
#[derive(Clone, Debug)]
pub struct EmittedField {
    /// C member name.
    pub name: String,
    /// Bytes from the start of the record.
    pub offset: u32,
    /// A `__u32` length stands here, the bytes follow the fixed part.
    pub tail: bool,
}

/// A checked helper call.
#[derive(Clone, Debug)]
pub struct EmittedCheck {
    /// `probe_read_user`, or empty where `message` says it all.
    pub helper: String,
    /// What to say: for bounds and division warnings all of it, for full maps what stands before the helper.
    /// Empty where the helper says it all.
    pub message: String,
    /// Told always, not only with `-k`.
    pub always: bool,
    /// Place.
    pub span: Span,
}

/// The file under way.
struct Emitter<'p> {
    program: &'p Program,
    types: Types,
    maps: Vec<MapInfo>,
    records: Vec<Option<Record>>,
    checks: Vec<EmittedCheck>,
    headers: BTreeSet<&'static str>,
    global_names: BTreeSet<String>,
    setting_names: Vec<String>,
    rodata: BTreeSet<String>,
    externs: BTreeMap<String, String>,
    stack_limits: BTreeSet<u16>,
    /// Structs of scalar maps' integers, by C type, and which are defined.
    scalar_tags: BTreeMap<String, String>,
    scalars_defined: BTreeSet<String>,
    /// For each program that needs scratch memory: its name and its struct.
    scratch_structs: Vec<(String, String)>,
    has_exit: bool,
    uses_cpu_count: bool,
}

/// Writes the BPF C of a program.
pub fn emit(program: &Program) -> EmittedC {
    let mut emitter = Emitter::new(program);
    for bpf in &program.programs {
        emitter.global_names.insert(bpf.name.clone());
    }
    emitter.plan_settings();
    emitter.plan_maps();
    let programs: Vec<_> = program.programs.iter().map(|bpf| emitter.bpf_program(bpf)).collect();
    let programs = emitter.functions(&programs);
    let maps = emitter.map_definitions();
    let records = emitter.record_definitions();
    let memory = emitter.memory();
    // Last, when all that is used is known.
    let types = emitter.types.declarations(program);
    let settings = emitter.settings();
    if emitter.types.values {
        emitter.header("values.bpf.h");
    }
    if emitter.types.stacks {
        emitter.header("stacks.bpf.h");
    }
    let text = emitter.file(&Sections { types, settings, maps, records, memory, programs });
    emitter.result(text)
}

/// Parts of the file, in its order.
struct Sections {
    types: String,
    settings: String,
    maps: String,
    records: String,
    memory: String,
    programs: Vec<String>,
}

impl<'p> Emitter<'p> {
    fn new(program: &'p Program) -> Self {
        let mut has_exit = false;
        for bpf in &program.programs {
            walk::stmts(&bpf.body, &mut |s| has_exit |= matches!(s.kind, crate::program::StmtKind::Exit { .. }));
        }
        Emitter {
            program,
            types: Types::default(),
            maps: Vec::new(),
            records: vec![None; program.actions.len()],
            checks: Vec::new(),
            headers: BTreeSet::new(),
            global_names: BTreeSet::new(),
            setting_names: Vec::new(),
            rodata: BTreeSet::new(),
            externs: BTreeMap::new(),
            stack_limits: BTreeSet::new(),
            scalar_tags: BTreeMap::new(),
            scalars_defined: BTreeSet::new(),
            scratch_structs: Vec::new(),
            has_exit,
            uses_cpu_count: false,
        }
    }

    /// A name at file scope that nothing else has.
    fn global_name(&mut self, wanted: &str) -> String {
        let mut name = wanted.to_string();
        let mut n = 2;
        while self.belongs_to_a_function(&name) || !self.global_names.insert(name.clone()) {
            name = format!("{wanted}_{n}");
            n += 1;
        }
        name
    }

    /// Whether a name is one that bodies and callbacks of programs get.
    fn belongs_to_a_function(&self, name: &str) -> bool {
        let Some((function, part)) = name.rsplit_once('_') else { return false };
        let part = part.trim_end_matches(|c: char| c.is_ascii_digit());
        matches!(part, "body" | "loop")
            && (function.starts_with("probe_") || self.program.programs.iter().any(|bpf| bpf.name == function))
    }

    fn header(&mut self, name: &'static str) {
        self.headers.insert(name);
    }

    fn rodata(&mut self, definition: &str) {
        self.rodata.insert(definition.to_string());
    }

    /// A check of a helper call that `-k` watches.
    fn helper_check(&mut self, helper: &str, span: Span) -> usize {
        self.check(helper, "", false, span)
    }

    /// A warning that is always told and is all message.
    fn message_check(&mut self, message: &str, span: Span) -> usize {
        self.check("", message, true, span)
    }

    fn check(&mut self, helper: &str, message: &str, always: bool, span: Span) -> usize {
        self.header("checks.bpf.h");
        let same = |check: &EmittedCheck| {
            check.helper == helper && check.message == message && check.always == always && check.span == span
        };
        if let Some(index) = self.checks.iter().position(same) {
            return index;
        }
        let check = EmittedCheck { helper: helper.to_string(), message: message.to_string(), always, span };
        self.checks.push(check);
        self.checks.len() - 1
    }

    fn plan_settings(&mut self) {
        for setting in &self.program.settings {
            let name = self.global_name(&escape::c_identifier(&setting.name));
            self.setting_names.push(name);
        }
    }

    /// The setting that holds `$n` as a number.
    fn param_setting(&mut self, n: u32) -> String {
        let known = self.program.settings.iter().position(|s| s.source == SettingSource::ParamNumber(n));
        match known {
            Some(index) => format!("(__s64){}", self.setting_names[index]),
            None => "0".to_string(),
        }
    }

    /// A function of imported C.
    fn external(&mut self, function: &str, result: &Type, args: &[Expr]) {
        let result =
            if matches!(result, Type::Void) { "void".to_string() } else { self.types.scalar(self.program, result) };
        let args: Vec<String> = args.iter().map(|arg| self.types.scalar(self.program, &arg.ty)).collect();
        let args = if args.is_empty() { "void".to_string() } else { args.join(", ") };
        self.externs.insert(function.to_string(), format!("extern {result} {function}({args});"));
    }

    /// Address of a per-CPU variable of the kernel.
    fn per_cpu_symbol(&mut self, symbol: &str, ty: &Type) -> String {
        let pointee = match ty {
            Type::Pointer { to, .. } => (**to).clone(),
            _ => Type::U64,
        };
        let name = escape::c_identifier(symbol);
        let declared = match &pointee {
            Type::Struct(tag) if !tag.0.starts_with("anon ") => {
                self.types.use_struct(self.program, tag);
                format!("{} {name}", tag.0)
            }
            Type::Pointer { .. } => format!("void *{name}"),
            ty => self.types.declare(self.program, ty, &name),
        };
        self.externs.insert(name.clone(), format!("extern const {declared} __ksym __weak;"));
        format!("&{name}")
    }

    fn settings(&mut self) -> String {
        let mut code = Code::default();
        for (index, setting) in self.program.settings.iter().enumerate() {
            let text = self.types.declare(self.program, &setting.ty, &self.setting_names[index].clone());
            // The runtime writes defaults as well: a reader finds them here.
            let initial = match (&setting.source, &setting.ty) {
                (SettingSource::Option { default: OptionDefault::Bool(value), .. }, Type::Bool) => value.to_string(),
                (SettingSource::Option { default: OptionDefault::Int(value), .. }, ty @ Type::Int(_)) => {
                    expr::literal(*value, ty).text
                }
                (_, Type::String { .. }) => "\"\"".to_owned(),
                (_, Type::Bool) => "false".to_owned(),
                _ => "0".to_owned(),
            };
            code.line(format!("const volatile {text} = {initial};"));
        }
        for line in &self.rodata {
            code.line(line);
        }
        let has_settings = !code.is_empty();
        if has_settings && !self.externs.is_empty() {
            code.line("");
        }
        for line in self.externs.values() {
            code.line(line);
        }
        code.into_text()
    }

    fn record_definitions(&mut self) -> String {
        let mut code = Code::default();
        if self.program.actions.is_empty() {
            return String::new();
        }
        self.header("events.bpf.h");
        let records: Vec<Record> =
            (0..self.program.actions.len()).map(|index| self.record(ActionId(index), &[])).collect();
        code.open("enum action");
        for record in &records {
            code.line(format!("{},", record.constant));
        }
        code.close(";");
        code.line("");
        let with_struct: Vec<&Record> = records.iter().filter(|record| record.has_struct()).collect();
        if with_struct.is_empty() {
            return code.into_text();
        }
        for record in &with_struct {
            self.record_definition(record, &mut code);
        }
        code.line("/* Keeps the records' types in BTF, where user space finds them. */");
        for record in &with_struct {
            code.line(format!("const struct {} *{}_type __maybe_unused;", record.tag, record.tag));
        }
        code.into_text()
    }

    /// Stack maps and scratch memory.
    fn memory(&mut self) -> String {
        let mut code = Code::default();
        // Different stacks are many even where keys are few.
        let entries = self.program.config.max_map_keys.max(STACKS);
        for limit in &self.stack_limits {
            code.open("struct");
            code.line("__uint(type, BPF_MAP_TYPE_HASH);");
            code.line(format!("__uint(max_entries, {entries});"));
            code.line("__type(key, __u64);");
            code.line(format!("__type(value, __u64[{limit}]);"));
            code.close(&format!(" tw_stacks_{limit} SEC(\".maps\");"));
            code.line("");
        }
        let mut out = code.into_text();
        if self.scratch_structs.is_empty() {
            return out;
        }
        let mut code = Code::default();
        for (_, definition) in &self.scratch_structs {
            out += definition;
        }
        code.open("struct tw_scratch_slot");
        code.line("__u64 users;");
        code.open("union");
        for (name, _) in &self.scratch_structs {
            code.line(format!("struct {name}_scratch {name};"));
        }
        code.close(";");
        code.close(";");
        code.line("");
        code.open("struct");
        code.line("__uint(type, BPF_MAP_TYPE_ARRAY);");
        code.line("__uint(max_entries, TW_SCRATCH_LEVELS);");
        code.line("__type(key, __u32);");
        code.line("__type(value, struct tw_scratch_slot);");
        code.close(" tw_scratch SEC(\".maps\");");
        code.line("");
        out + &code.into_text()
    }

    /// Arranges the sections.
    fn file(&self, sections: &Sections) -> String {
        let mut context = tera::Context::new();
        let license = &self.program.config.license;
        context.insert("spdx", &spdx(license));
        let source = self.program.sources.iter().next().map_or("", |source| source.name.as_str());
        context.insert("generated", &escape::c_comment(&format!("Generated by tracewright from {source}.")));
        let about: Vec<String> =
            self.program.header.lines().take(1).map(escape::c_comment).filter(|line| !line.trim().is_empty()).collect();
        context.insert("about", &about);
        context.insert("headers", &self.includes());
        context.insert("types", &sections.types);
        context.insert("settings", &sections.settings);
        context.insert("maps", &sections.maps);
        context.insert("records", &sections.records);
        context.insert("memory", &sections.memory);
        context.insert("programs", &sections.programs.concat());
        context.insert("license", &escape::c_string(license.as_bytes()));
        let mut tera = tera::Tera::default();
        // SANITY: the template is part of this program; a test renders it.
        tera.add_raw_template("tool.bpf.c", headers::TEMPLATE).expect("tool.bpf.c.tera is well-formed");
        let text = tera.render("tool.bpf.c", &context).expect("tool.bpf.c.tera names only what it is given");
        wrap::wrapped(&squeezed(&text))
    }

    fn includes(&self) -> Vec<&'static str> {
        let mut out = vec!["tracewright.bpf.h"];
        // It says how aggregates.bpf.h is to count.
        out.extend(self.headers.get("cpus.bpf.h"));
        out.extend(self.headers.iter().filter(|name| !matches!(**name, "tracewright.bpf.h" | "cpus.bpf.h")));
        out
    }

    fn result(mut self, text: String) -> EmittedC {
        let maps = self
            .maps
            .iter()
            .zip(&self.program.maps)
            .map(|(info, map)| EmittedMap {
                bpf_name: info.name.clone(),
                array: info.array,
                per_cpu: info.per_cpu,
                set_offset: info.set_offset,
                key_size: map.key.as_ref().map_or(0, |key| key.layout(&self.program.structs).0),
            })
            .collect();
        let actions = (0..self.program.actions.len()).map(|index| self.emitted_action(ActionId(index))).collect();
        let losses = [
            ("events", "the buffer was full: raise BPFTRACE_PERF_RB_PAGES"),
            ("probe runs", "too many programs interrupted each other on one CPU"),
            ("stacks", "the map of stacks was full: raise BPFTRACE_MAX_MAP_KEYS"),
        ];
        EmittedC {
            text,
            headers: headers::with_dependencies(&self.includes()),
            maps,
            actions,
            checks: self.checks,
            losses: losses.iter().map(|(what, hint)| (what.to_string(), hint.to_string())).collect(),
            stack_limits: self.stack_limits.into_iter().collect(),
            settings: self.setting_names,
        }
    }
}

/// At most one blank line at a time, and none behind an opening brace.
fn squeezed(text: &str) -> String {
    let mut out: Vec<&str> = Vec::new();
    for line in text.lines() {
        let after_nothing = out.last().is_none_or(|last| last.is_empty() || last.ends_with('{'));
        if line.is_empty() && after_nothing {
            continue;
        }
        if line.trim_start() == "}" && out.last().is_some_and(|last| last.is_empty()) {
            out.pop();
        }
        out.push(line);
    }
    out.join("\n") + "\n"
}

/// SPDX's name of what the script's licence says.
fn spdx(license: &str) -> &str {
    match license {
        "GPL v2" => "GPL-2.0",
        "Dual BSD/GPL" => "GPL-2.0 OR BSD-2-Clause",
        "Dual MIT/GPL" => "GPL-2.0 OR MIT",
        "Dual MPL/GPL" => "GPL-2.0 OR MPL-1.1",
        _ => "GPL-2.0",
    }
}

#[cfg(test)]
mod tests;
