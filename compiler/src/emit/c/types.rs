//! C types of values: how they are declared, and which structs the program needs.

mod declarations;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::emit::escape;
use crate::program::{FieldStep, Program};
use crate::types::{Origin, StructName, Type, tuple_layout};

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
}

/// Types of a tuple's or record's items.
pub fn tuple_items(ty: &Type) -> Vec<Type> {
    match ty {
        Type::Tuple(items) => items.clone(),
        Type::Record(fields) => fields.iter().map(|(_, ty)| ty.clone()).collect(),
        _ => Vec::new(),
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
