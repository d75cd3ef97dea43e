//! C types of values: how they are declared, and which structs the program needs.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::writer::Code;
use crate::emit::escape;
use crate::program::{FieldStep, Program};
use crate::types::{FieldDef, Origin, StructDef, StructName, Type, tuple_layout};

/// Types that the text mentions so far.
#[derive(Debug, Default)]
pub struct Types {
    /// Tuples and records, in the order they were met: type, struct name, member names.
    tuples: Vec<(Type, String, Vec<String>)>,
    tags: BTreeSet<String>,
    /// Fields of kernel structs that are used.
    kernel_fields: BTreeMap<StructName, BTreeSet<usize>>,
    /// Script structs that are used by value or through a pointer with members.
    script_structs: BTreeSet<StructName>,
    /// Structs that are only pointed to.
    mentioned: BTreeSet<StructName>,
    buffers: BTreeSet<u32>,
    /// Structs by their names on other kernels, with the members they share.
    aliases: BTreeMap<StructName, BTreeSet<(StructName, usize)>>,
    /// Members of the syscall tracepoints' contexts that are used: struct and member.
    syscall_members: BTreeSet<(String, &'static str)>,
    enums: BTreeSet<String>,
    enumerators: BTreeMap<String, BTreeMap<String, i64>>,
    /// `struct tw_user_symbol` and its like are used.
    pub values: bool,
    /// `struct tw_stack` is used.
    pub stacks: bool,
}

/// Members of a tuple's or record's struct.
#[derive(Clone, Debug)]
pub struct TupleShape {
    /// `struct start_key`
    pub tag: String,
    /// Member names.
    pub members: Vec<String>,
}

impl Types {
    /// The struct of a tuple or record; made with `hint` as its tag and `names` for its members when it is new.
    pub fn tuple(&mut self, program: &Program, ty: &Type, hint: &str, names: &[Option<String>]) -> TupleShape {
        if let Some((_, tag, members)) = self.tuples.iter().find(|(known, _, _)| known == ty) {
            return TupleShape { tag: format!("struct {tag}"), members: members.clone() };
        }
        let items = tuple_items(ty);
        for item in &items {
            self.note(program, item);
        }
        let mut members: Vec<String> = Vec::new();
        for index in 0..items.len() {
            let wanted = match ty {
                Type::Record(fields) => Some(fields[index].0.clone()),
                _ => names.get(index).cloned().flatten(),
            };
            let mut name = wanted.map_or_else(|| format!("item_{index}"), |name| escape::c_identifier(&name));
            while members.contains(&name) {
                name.push('_');
            }
            members.push(name);
        }
        let tag = self.free_tag(program, if hint.is_empty() { "tuple" } else { hint });
        self.tuples.push((ty.clone(), tag.clone(), members.clone()));
        TupleShape { tag: format!("struct {tag}"), members }
    }

    /// A struct tag that nothing else has.
    pub fn free_tag(&mut self, program: &Program, hint: &str) -> String {
        let hint = escape::c_identifier(hint);
        let taken = |tag: &str| {
            self.tags.contains(tag)
                || ["struct", "union"]
                    .iter()
                    .any(|kind| program.structs.contains_key(&StructName(format!("{kind} {tag}"))))
        };
        let mut tag = hint.clone();
        let mut n = 2;
        while taken(&tag) {
            tag = format!("{hint}_{n}");
            n += 1;
        }
        self.tags.insert(tag.clone());
        tag
    }

    /// Records what a type needs to be declared in the text.
    pub fn note(&mut self, program: &Program, ty: &Type) {
        match ty {
            Type::Array { of, .. } => self.note(program, of),
            Type::Buffer { capacity } => {
                self.buffers.insert(*capacity);
            }
            Type::Tuple(_) | Type::Record(_) => {
                self.tuple(program, ty, "", &[]);
            }
            Type::Struct(name) if program.structs.get(name).is_some_and(|def| def.origin == Origin::Script) => {
                self.use_script(program, name);
            }
            Type::KernelStack(_) | Type::UserStack(_) => self.stacks = true,
            Type::UserSymbol | Type::UserFunction | Type::Inet | Type::Timestamp | Type::CgroupPath => {
                self.values = true;
            }
            _ => {}
        }
    }

    fn use_script(&mut self, program: &Program, name: &StructName) {
        if !self.script_structs.insert(name.clone()) {
            return;
        }
        if let Some(def) = program.structs.get(name) {
            for field in &def.fields {
                self.note_member(program, &field.ty);
            }
        }
    }

    fn note_member(&mut self, program: &Program, ty: &Type) {
        match ty {
            Type::Array { of, .. } => self.note_member(program, of),
            Type::Struct(name) => self.use_script(program, name),
            Type::Pointer { to, .. } => self.note_pointee(to),
            _ => self.note(program, ty),
        }
    }

    fn note_pointee(&mut self, to: &Type) {
        if let Type::Struct(name) = to
            && !name.0.starts_with("anon ")
        {
            self.mentioned.insert(name.clone());
        }
    }

    /// Records that a struct is pointed to.
    pub fn mention(&mut self, name: &StructName) {
        self.mentioned.insert(name.clone());
    }

    /// Records that a member of a struct is accessed.
    pub fn use_field(&mut self, program: &Program, parent: &StructName, index: usize) {
        let Some(def) = program.structs.get(parent) else { return };
        if def.origin == Origin::Script {
            self.use_script(program, parent);
            return;
        }
        self.kernel_fields.entry(parent.clone()).or_default().insert(index);
        if let Some(field) = def.fields.get(index) {
            self.note_kernel_member(program, &field.ty);
        }
    }

    fn note_kernel_member(&mut self, program: &Program, ty: &Type) {
        match ty {
            Type::Array { of, .. } => self.note_kernel_member(program, of),
            Type::Struct(name) => {
                if program.structs.get(name).is_some_and(|def| def.origin == Origin::Kernel) {
                    self.kernel_fields.entry(name.clone()).or_default();
                } else {
                    self.use_script(program, name);
                }
            }
            Type::Pointer { to, .. } => self.note_pointee(to),
            Type::Enum { name, .. } => {
                self.enums.insert(name.clone());
            }
            _ => {}
        }
    }

    /// Records that a member is also read as one of `alias`, what its struct is called on other kernels.
    pub fn use_alias(&mut self, program: &Program, alias: &StructName, path: &[FieldStep]) {
        let Some(step) = path.first() else { return };
        self.use_field(program, &step.parent, step.field);
        self.aliases.entry(alias.clone()).or_default().insert((step.parent.clone(), step.field));
    }

    /// Records that a member of a syscall tracepoint's context is used: `args`, `ret` or `id`.
    pub fn use_syscall_member(&mut self, program: &Program, name: &StructName, member: &'static str) {
        let known = program.structs.get(name).and_then(|def| def.fields.iter().position(|field| field.name == member));
        match known {
            Some(index) => self.use_field(program, name, index),
            None => {
                self.syscall_members.insert((name.0.clone(), member));
            }
        }
    }

    /// Records that a kernel struct is named (`bpf_core_type_size`).
    pub fn use_struct(&mut self, program: &Program, name: &StructName) {
        self.note_kernel_member(program, &Type::Struct(name.clone()));
    }

    /// Records that an enumerator of a kernel enum is named (`bpf_core_enum_value`).
    pub fn use_enumerator(&mut self, name: &str, enumerator: &str, value: i64) {
        self.enumerators.entry(name.to_string()).or_default().insert(enumerator.to_string(), value);
    }

    /// C type of a pointer held in a variable.
    pub fn pointer(&mut self, program: &Program, to: &Type) -> String {
        match to {
            Type::Struct(name) if !name.0.starts_with("anon ") => {
                if name.0.contains(' ') {
                    self.mentioned.insert(name.clone());
                } else {
                    // A typedef cannot be declared forward.
                    self.use_struct(program, name);
                }
                format!("{} *", struct_name(program, name))
            }
            Type::Bool => "bool *".to_string(),
            Type::Int(int) | Type::Enum { repr: int, .. } => format!("{} *", int.c_name()),
            Type::Pointer { .. } => "__u64 *".to_string(),
            Type::String { .. } => "char *".to_string(),
            _ => "void *".to_string(),
        }
    }

    /// Declares `name` as storage for a value: in maps, records, tuples and on the stack.
    pub fn declare(&mut self, program: &Program, ty: &Type, name: &str) -> String {
        self.note(program, ty);
        match ty {
            Type::Void | Type::Aggregate(_) => format!("char {name}[0]"),
            Type::Bool => format!("bool {name}"),
            Type::Int(int) | Type::Enum { repr: int, .. } => format!("{} {name}", int.c_name()),
            Type::String { capacity } => format!("char {name}[{capacity}]"),
            Type::Buffer { capacity } => format!("struct tw_buffer_{capacity} {name}"),
            Type::Pointer { .. } | Type::KernelSymbol | Type::KernelFunction | Type::GfpFlags => {
                format!("__u64 {name}")
            }
            Type::Array { of, len } => self.declare(program, of, &format!("{name}[{len}]")),
            Type::Struct(tag) => match program.structs.get(tag) {
                Some(def) if def.origin == Origin::Script && !tag.0.starts_with("anon ") => {
                    format!("{} {name}", struct_name(program, tag))
                }
                def => {
                    let (size, align) = def.map_or((0, 1), |def| (def.size, def.align.max(1)));
                    format!("__u8 {name}[{size}] __attribute__((aligned({align})))")
                }
            },
            Type::Tuple(_) | Type::Record(_) => format!("{} {name}", self.tuple(program, ty, "", &[]).tag),
            Type::KernelStack(_) | Type::UserStack(_) => format!("struct tw_stack {name}"),
            Type::UserSymbol | Type::UserFunction => format!("struct tw_user_symbol {name}"),
            Type::Inet => format!("struct tw_inet {name}"),
            Type::MacAddress => format!("__u8 {name}[6]"),
            Type::Timestamp => format!("struct tw_timestamp {name}"),
            Type::CgroupPath => format!("struct tw_cgroup_path {name}"),
            Type::ErrorName | Type::SignalName | Type::SyscallName => format!("__s32 {name}"),
            Type::UserName | Type::ProbeName | Type::Parameter => format!("__u32 {name}"),
        }
    }

    /// Declares a scalar variable: like [`Types::declare`], but pointers keep their type.
    pub fn declare_variable(&mut self, program: &Program, ty: &Type, name: &str) -> String {
        match ty {
            Type::Pointer { to, .. } => format!("{}{name}", self.pointer(program, to)),
            _ => self.declare(program, ty, name),
        }
    }

    /// C type of a scalar expression.
    pub fn scalar(&mut self, program: &Program, ty: &Type) -> String {
        self.declare_variable(program, ty, "").trim_end().to_string()
    }

    /// The declarations, in an order that C accepts.
    pub fn declarations(&mut self, program: &Program) -> String {
        let mut out = Output { types: self, program, code: Code::default(), done: BTreeSet::new() };
        out.enums();
        out.relocated_enumerators();
        out.forward();
        out.syscalls();
        let kernel: Vec<StructName> = out.types.kernel_fields.keys().cloned().collect();
        for name in &kernel {
            out.kernel_struct(name);
        }
        out.aliases();
        let script: Vec<StructName> = out.types.script_structs.iter().cloned().collect();
        for name in &script {
            out.script_struct(name);
        }
        for capacity in out.types.buffers.clone() {
            out.code.open(format!("struct tw_buffer_{capacity}"));
            out.code.line("__u32 len;");
            out.code.line(format!("__u8 data[{capacity}];"));
            out.code.close(";");
            out.code.line("");
        }
        let mut index = 0;
        let mut written = BTreeSet::new();
        while index < out.types.tuples.len() {
            out.tuple(index, &mut written);
            index += 1;
        }
        out.code.into_text()
    }
}

/// Types of a tuple's or record's items.
pub fn tuple_items(ty: &Type) -> Vec<Type> {
    match ty {
        Type::Tuple(items) => items.clone(),
        Type::Record(fields) => fields.iter().map(|(_, ty)| ty.clone()).collect(),
        _ => Vec::new(),
    }
}

struct Output<'a> {
    types: &'a mut Types,
    program: &'a Program,
    code: Code,
    done: BTreeSet<StructName>,
}

impl Output<'_> {
    fn enums(&mut self) {
        for name in self.types.enums.clone() {
            if name.is_empty() || name.starts_with("anon") {
                continue;
            }
            let tag = escape::c_identifier(&name);
            let known = self.program.enums.iter().find(|(known, _)| *known == name);
            let first = known.and_then(|(_, values)| values.first()).cloned();
            let (enumerator, value) = first.unwrap_or_else(|| (format!("{tag}_unused"), 0));
            self.code.open(format!("enum {tag}"));
            self.code.line(format!("{} = {value},", escape::c_identifier(&enumerator)));
            self.code.close(";");
            self.code.line("");
        }
    }

    /// Enumerators whose values are relocated, under names that clash with none of a header.
    fn relocated_enumerators(&mut self) {
        for (name, enumerators) in std::mem::take(&mut self.types.enumerators) {
            self.code.open(format!("enum {name}___tw"));
            for (enumerator, value) in enumerators {
                self.code.line(format!("{enumerator}___tw = {value},"));
            }
            self.code.close(";");
            self.code.line("");
        }
    }

    fn syscalls(&mut self) {
        let members = std::mem::take(&mut self.types.syscall_members);
        let names: BTreeSet<String> = members.iter().map(|(name, _)| name.clone()).collect();
        for name in names {
            self.code.open(&name);
            for (_, member) in members.iter().filter(|(known, _)| *known == name) {
                self.code.line(match *member {
                    "args" => "unsigned long args[6];",
                    "ret" => "long ret;",
                    _ => "long id;",
                });
            }
            self.code.close(" __attribute__((preserve_access_index));");
            self.code.line("");
        }
    }

    fn aliases(&mut self) {
        for (alias, members) in std::mem::take(&mut self.types.aliases) {
            if self.types.kernel_fields.contains_key(&alias) {
                continue;
            }
            self.code.open(&alias.0);
            // Several events share the alias, and name the same member each.
            let mut declared = BTreeSet::new();
            for (parent, index) in members {
                if let Some(field) = self.program.structs.get(&parent).and_then(|def| def.fields.get(index).cloned())
                    && declared.insert(field.name.clone())
                {
                    self.kernel_member(&field);
                }
            }
            self.code.close(" __attribute__((preserve_access_index));");
            self.code.line("");
        }
    }

    fn forward(&mut self) {
        let names: Vec<String> = self
            .types
            .mentioned
            .iter()
            .filter(|name| name.0.contains(' '))
            .filter(|name| !self.types.kernel_fields.contains_key(name) && !self.types.script_structs.contains(name))
            .filter(|name| !self.types.syscall_members.iter().any(|(known, _)| *known == name.0))
            .map(|name| format!("{};", struct_name(self.program, name)))
            .collect();
        for name in &names {
            self.code.line(name);
        }
        if !names.is_empty() {
            self.code.line("");
        }
    }

    /// A kernel struct with the members that are used: their offsets are settled when the program is loaded.
    fn kernel_struct(&mut self, name: &StructName) {
        if name.0.starts_with("anon ") || !self.done.insert(name.clone()) {
            return;
        }
        self.embedded_first(name);
        let is_typedef = !name.0.contains(' ');
        let Some(def) = self.program.structs.get(name) else { return };
        if is_typedef {
            self.code.open(format!("typedef {}", if def.is_union { "union" } else { "struct" }));
        } else {
            self.code.open(&*struct_name(self.program, name));
        }
        self.kernel_members(name);
        let attribute = "__attribute__((preserve_access_index))";
        if is_typedef {
            self.code.close(&format!(" {attribute} {};", name.0));
        } else {
            self.code.close(&format!(" {attribute};"));
        }
        self.code.line("");
    }

    fn used(&self, name: &StructName) -> Vec<FieldDef> {
        let Some(def) = self.program.structs.get(name) else { return Vec::new() };
        let Some(used) = self.types.kernel_fields.get(name) else { return Vec::new() };
        used.iter().filter_map(|&index| def.fields.get(index).cloned()).collect()
    }

    fn embedded_first(&mut self, name: &StructName) {
        for field in self.used(name) {
            let mut ty = &field.ty;
            while let Type::Array { of, .. } = ty {
                ty = of;
            }
            if let Type::Struct(inner) = ty {
                if inner.0.starts_with("anon ") {
                    self.embedded_first(inner);
                } else if self.program.structs.get(inner).is_some_and(|def| def.origin == Origin::Kernel) {
                    self.kernel_struct(inner);
                } else {
                    self.script_struct(inner);
                }
            }
        }
    }

    fn kernel_members(&mut self, name: &StructName) {
        for field in self.used(name) {
            self.kernel_member(&field);
        }
    }

    fn kernel_member(&mut self, field: &FieldDef) {
        let mut dimensions = String::new();
        let mut ty = &field.ty;
        while let Type::Array { of, len } = ty {
            dimensions += &format!("[{len}]");
            ty = of;
        }
        let name = &field.name;
        let bits = field.bit_width.map_or(String::new(), |bits| format!(" : {bits}"));
        match ty {
            Type::Struct(inner) if inner.0.starts_with("anon ") => {
                let is_union = self.program.structs.get(inner).is_some_and(|def| def.is_union);
                self.code.open(if is_union { "union" } else { "struct" });
                self.kernel_members(inner);
                let tail = if name.is_empty() { ";".to_string() } else { format!(" {name}{dimensions};") };
                self.code.close(&tail);
            }
            Type::Struct(inner) => {
                self.code.line(format!("{} {name}{dimensions};", struct_name(self.program, inner)));
            }
            Type::Pointer { to, .. } => {
                let pointer = match &**to {
                    Type::Struct(inner) if inner.0.starts_with("anon ") => "void *".to_string(),
                    Type::Struct(inner) if !inner.0.contains(' ') && !self.types.kernel_fields.contains_key(inner) => {
                        "void *".to_string()
                    }
                    to => self.types.pointer(self.program, to),
                };
                self.code.line(format!("{pointer}{name}{dimensions};"));
            }
            Type::Enum { name: tag, repr } if tag.is_empty() || tag.starts_with("anon") => {
                // Only another enum is compatible with an enum.
                let size = if repr.bits == 64 { " = 0x100000000" } else { "" };
                self.code.line(format!("enum {{ {name}_unused{size} }} {name}{dimensions};"));
            }
            Type::Enum { name: tag, .. } => {
                self.code.line(format!("enum {} {name}{dimensions}{bits};", escape::c_identifier(tag)));
            }
            Type::String { capacity } => self.code.line(format!("char {name}{dimensions}[{capacity}];")),
            Type::Bool => self.code.line(format!("bool {name}{dimensions}{bits};")),
            Type::Int(int) => self.code.line(format!("{} {name}{dimensions}{bits};", int.c_name())),
            _ => self.code.line(format!("__u64 {name}{dimensions};")),
        }
    }

    /// A struct of the script's own, whole: its offsets are fixed.
    fn script_struct(&mut self, name: &StructName) {
        if name.0.starts_with("anon ") || !self.done.insert(name.clone()) {
            return;
        }
        let Some(def) = self.program.structs.get(name).cloned() else { return };
        self.script_first(&def);
        let is_typedef = !name.0.contains(' ');
        if is_typedef {
            self.code.open(format!("typedef {}", if def.is_union { "union" } else { "struct" }));
        } else {
            self.code.open(struct_name(self.program, name).as_ref());
        }
        let attribute = self.script_members(&def);
        if is_typedef {
            self.code.close(&format!("{attribute} {};", struct_name(self.program, name)));
        } else {
            self.code.close(&format!("{attribute};"));
        }
        self.code.line("");
    }

    fn script_first(&mut self, def: &StructDef) {
        for field in &def.fields {
            let mut ty = &field.ty;
            while let Type::Array { of, .. } = ty {
                ty = of;
            }
            if let Type::Struct(inner) = ty {
                if inner.0.starts_with("anon ") {
                    if let Some(inner) = self.program.structs.get(inner).cloned() {
                        self.script_first(&inner);
                    }
                } else {
                    self.script_struct(inner);
                }
            }
        }
    }

    /// Members with what C would not do by itself (packing, gaps) spelled out; returns the struct's attributes.
    fn script_members(&mut self, def: &StructDef) -> String {
        let packed = !self.is_natural(def);
        let mut at = 0;
        let mut gaps = 0;
        for field in &def.fields {
            if packed
                && !def.is_union
                && field.bit_offset > at
                && field.bit_offset - at >= 8
                && field.bit_width.is_none()
            {
                let bytes = (field.bit_offset - at) / 8;
                self.code.line(format!("__u8 gap_{gaps}[{bytes}];"));
                gaps += 1;
            }
            let (size, _) = field.ty.layout(&self.program.structs);
            at = field.bit_offset + field.bit_width.map_or(size * 8, u32::from);
            self.script_member(field);
        }
        if packed && def.size * 8 > at && !def.is_union {
            let bytes = def.size - at.div_ceil(8);
            if bytes > 0 {
                self.code.line(format!("__u8 gap_{gaps}[{bytes}];"));
            }
        }
        if packed { format!(" __attribute__((packed, aligned({})))", def.align.max(1)) } else { String::new() }
    }

    fn is_natural(&self, def: &StructDef) -> bool {
        if def.fields.iter().any(|field| field.bit_width.is_some()) {
            return true;
        }
        let (mut at, mut max_align) = (0u32, 1u32);
        for field in &def.fields {
            let (size, align) = field.ty.layout(&self.program.structs);
            let align = align.max(1);
            max_align = max_align.max(align);
            let expected = if def.is_union { 0 } else { at.div_ceil(align) * align };
            if field.bit_offset != expected * 8 {
                return false;
            }
            at = if def.is_union { at.max(size) } else { expected + size };
        }
        at.div_ceil(max_align) * max_align == def.size
    }

    fn script_member(&mut self, field: &FieldDef) {
        let name = &field.name;
        let bits = field.bit_width.map_or(String::new(), |bits| format!(" : {bits}"));
        let mut dimensions = String::new();
        let mut ty = &field.ty;
        while let Type::Array { of, len } = ty {
            dimensions += &format!("[{len}]");
            ty = of;
        }
        match ty {
            Type::Struct(inner) if inner.0.starts_with("anon ") => {
                let Some(inner) = self.program.structs.get(inner).cloned() else { return };
                self.code.open(if inner.is_union { "union" } else { "struct" });
                let attribute = self.script_members(&inner);
                let tail =
                    if name.is_empty() { format!("{attribute};") } else { format!("{attribute} {name}{dimensions};") };
                self.code.close(&tail);
            }
            Type::Struct(inner) => {
                self.code.line(format!("{} {name}{dimensions};", struct_name(self.program, inner)));
            }
            Type::Pointer { .. } => self.code.line(format!("__u64 {name}{dimensions};")),
            Type::String { capacity } => self.code.line(format!("char {name}{dimensions}[{capacity}];")),
            ty => {
                let text = self.types.declare(self.program, ty, &format!("{name}{dimensions}"));
                self.code.line(format!("{text}{bits};"));
            }
        }
    }

    fn tuple(&mut self, index: usize, written: &mut BTreeSet<usize>) {
        if !written.insert(index) {
            return;
        }
        let (ty, tag, members) = self.types.tuples[index].clone();
        let items = tuple_items(&ty);
        for item in &items {
            self.tuples_in(item, written);
        }
        self.code.open(format!("struct {tag}"));
        for (item, member) in items.iter().zip(&members) {
            let text = self.types.declare(self.program, item, member);
            self.code.line(format!("{text};"));
        }
        self.code.close(";");
        self.code.line("");
    }

    fn tuples_in(&mut self, ty: &Type, written: &mut BTreeSet<usize>) {
        match ty {
            Type::Array { of, .. } => self.tuples_in(of, written),
            Type::Tuple(_) | Type::Record(_) => {
                self.types.tuple(self.program, ty, "", &[]);
                if let Some(index) = self.types.tuples.iter().position(|(known, _, _)| known == ty) {
                    self.tuple(index, written);
                }
            }
            _ => {}
        }
    }
}

/// What a struct is called in the text: the script's name, unless the skeleton or a header could not have it.
pub fn struct_name<'n>(program: &Program, name: &'n StructName) -> Cow<'n, str> {
    let (kind, tag) = name.0.split_once(' ').unwrap_or(("", &name.0));
    let own = program.structs.get(name).is_none_or(|def| def.origin == Origin::Script);
    match kind != "anon" && escape::is_taken_tag(tag) {
        true if own => Cow::Owned(format!("{}_", name.0)),
        // What follows three underscores is not part of the name when fields are relocated.
        true if kind == "struct" => Cow::Owned(format!("{}___kernel", name.0)),
        _ => Cow::Borrowed(&name.0),
    }
}

/// Whether bytes of a value belong to no member.
pub fn has_padding(ty: &Type, program: &Program) -> bool {
    match ty {
        Type::Tuple(_) | Type::Record(_) => {
            let items = tuple_items(ty);
            let (_, size, _) = tuple_layout(items.iter(), &program.structs);
            let sum: u32 = items.iter().map(|item| item.layout(&program.structs).0).sum();
            size != sum || items.iter().any(|item| has_padding(item, program))
        }
        Type::Array { of, .. } => has_padding(of, program),
        _ => false,
    }
}
