//! A BPF function under way: names, variables, memory.

use std::collections::BTreeSet;

use super::Emitter;
use super::types::has_padding;
use super::value::{Prec, Value};
use super::writer::Code;
use crate::emit::escape;
use crate::program::{BpfProgram, Expr, ExprKind, LocalId, ProgramKind};
use crate::source::Span;
use crate::types::{AddressSpace, Origin, Type};

/// Bytes of large variables that one program may have on its stack, callees included.
const STACK_BUDGET: u32 = 192;
/// Stores at most that clang unrolls a copy into.
const UNROLLED_STORES: u32 = 64;

/// Where a value lies.
#[derive(Clone, Debug)]
pub struct Place {
    /// C lvalue that binds as tightly as a name; for `decayed`, a pointer to the first element.
    pub text: String,
    /// Type of the value.
    pub ty: Type,
    /// Alignment that clang knows of.
    pub align: u32,
    /// `text` is a pointer to the elements of an array or string.
    pub decayed: bool,
}

/// How a loop's `break` and `continue` are spelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoopKind {
    /// A C loop. Labels at the end of its body and behind it, where an `unroll` inside it jumps there.
    Plain { next: Option<String>, done: Option<String> },
    /// `unroll`: a loop in C, none in the script.
    Unrolled,
    /// A callback.
    Callback,
}

/// One BPF program being written.
pub struct Body<'e, 'p> {
    pub e: &'e mut Emitter<'p>,
    pub program: &'p BpfProgram,
    pub code: Code,
    names: BTreeSet<String>,
    /// C text of each local, once it is declared.
    pub locals: Vec<Option<Place>>,
    /// Members of the program's scratch struct.
    pub scratch: Vec<String>,
    scratch_names: BTreeSet<String>,
    stack_used: u32,
    /// Callbacks exist: variables live in a struct that they share.
    pub shares_vars: bool,
    /// Conditions may decide which of several arguments is read.
    pub chooses_arguments: bool,
    /// Records are parts of lines.
    pub prints_parts: bool,
    pub vars: Vec<String>,
    pub uses_ctx: bool,
    /// What expressions of a parameter read, if there are any.
    pub spec_inputs: Option<String>,
    pub uses_scratch: bool,
    pub loops: Vec<LoopKind>,
    pub in_callback: usize,
    /// A `return` inside a callback must end the program.
    pub returns_from_callback: bool,
    /// Finished callbacks, to be put before the program.
    pub callbacks: Vec<String>,
    /// Callbacks that have a name.
    pub callbacks_begun: usize,
    /// Locals whose value is looked at.
    pub homes_read: BTreeSet<usize>,
    /// C names of locals.
    pub local_names: Vec<(usize, String)>,
    /// Callbacks use the context.
    pub shares_ctx: bool,
    /// Callbacks use scratch memory.
    pub shares_scratch: bool,
    /// Locals that callbacks share.
    pub shared: BTreeSet<usize>,
    /// Shared scalars: a C variable outside of callbacks, a copy for them inside.
    pub copies: Vec<(usize, Place)>,
    /// The struct of shared variables.
    pub vars_definition: String,
    /// A callback may end the program.
    pub ends_in_callback: bool,
    pub last_comment: Option<(Span, String)>,
    /// Scratch members for stacks being taken, by limit.
    pub stack_room: Vec<(u16, String)>,
}

impl<'e, 'p> Body<'e, 'p> {
    pub fn new(e: &'e mut Emitter<'p>, program: &'p BpfProgram, shares_vars: bool) -> Self {
        let mut names = e.global_names.clone();
        names.extend(escape::OUR_NAMES.iter().map(|name| name.to_string()));
        Body {
            locals: vec![None; program.locals.len()],
            e,
            program,
            code: Code::at(1),
            names,
            scratch: Vec::new(),
            scratch_names: BTreeSet::new(),
            stack_used: 0,
            shares_vars,
            chooses_arguments: false,
            prints_parts: false,
            vars: Vec::new(),
            uses_ctx: false,
            spec_inputs: None,
            uses_scratch: false,
            loops: Vec::new(),
            in_callback: 0,
            returns_from_callback: false,
            callbacks: Vec::new(),
            callbacks_begun: 0,
            homes_read: BTreeSet::new(),
            local_names: Vec::new(),
            shares_ctx: false,
            shares_scratch: false,
            shared: BTreeSet::new(),
            copies: Vec::new(),
            vars_definition: String::new(),
            ends_in_callback: false,
            last_comment: None,
            stack_room: Vec::new(),
        }
    }

    pub fn line(&mut self, text: impl AsRef<str>) {
        self.code.line(text);
    }

    /// A name that nothing in this program has, near `hint`.
    pub fn fresh(&mut self, hint: &str) -> String {
        let hint = escape::c_identifier(hint);
        let mut name = hint.clone();
        let mut n = 2;
        while self.e.belongs_to_a_function(&name) || !self.names.insert(name.clone()) {
            name = format!("{hint}_{n}");
            n += 1;
        }
        name
    }

    /// A name from `fresh` that is not needed after all.
    pub fn give_back(&mut self, name: &str) {
        self.names.remove(name);
    }

    /// Writes into a separate buffer, one level deeper when `deeper`.
    pub fn aside<T>(&mut self, deeper: bool, write: impl FnOnce(&mut Self) -> T) -> (T, Code) {
        let depth = self.code.depth() + usize::from(deeper);
        let outer = std::mem::replace(&mut self.code, Code::at(depth));
        let result = write(self);
        let inner = std::mem::replace(&mut self.code, outer);
        (result, inner)
    }

    /// Name of the context parameter.
    pub fn ctx(&mut self) -> &'static str {
        self.uses_ctx = true;
        "ctx"
    }

    pub fn size_of(&self, ty: &Type) -> u32 {
        ty.layout(&self.e.program.structs).0
    }

    /// Structs of the kernel are bytes in our own memory.
    pub fn is_kernel_struct(&self, ty: &Type) -> bool {
        match ty {
            Type::Struct(name) => {
                name.0.starts_with("anon ")
                    || self.e.program.structs.get(name).is_none_or(|def| def.origin == Origin::Kernel)
            }
            _ => false,
        }
    }

    /// Whether C's name of such a place is already an address.
    pub fn decays(&self, ty: &Type) -> bool {
        matches!(ty, Type::String { .. } | Type::Array { .. } | Type::MacAddress) || self.is_kernel_struct(ty)
    }

    /// C text of a place's address.
    pub fn address(&self, place: &Place) -> String {
        if place.decayed || self.decays(&place.ty) { place.text.clone() } else { format!("&{}", place.text) }
    }

    /// `sizeof` a place.
    pub fn size_text(&self, place: &Place) -> String {
        if place.decayed { self.size_of(&place.ty).to_string() } else { format!("sizeof({})", place.text) }
    }

    /// Room for a value whose address is needed: on the stack when it is small, else in scratch memory.
    /// Its contents are undefined.
    pub fn temp(&mut self, ty: &Type, hint: &str) -> Place {
        let name = self.fresh(hint);
        self.declare_at(ty, &name, false)
    }

    /// Room for a local or temporary called `name`.
    pub fn declare_at(&mut self, ty: &Type, name: &str, shared: bool) -> Place {
        let size = self.size_of(ty);
        let scalar = ty.is_scalar();
        if !scalar && !self.fits_stack(size) {
            return self.scratch_place(ty, name);
        }
        if !scalar {
            self.stack_used += size;
        }
        let text = if scalar {
            self.e.types.declare_variable(self.e.program, ty, name)
        } else {
            self.e.types.declare(self.e.program, ty, name)
        };
        let aligned = if scalar || size == 0 { "" } else { " __aligned_8" };
        if shared {
            self.vars.push(format!("{text}{aligned};"));
            return self.place(format!("vars->{name}"), ty, 8);
        }
        self.line(format!("{text}{aligned};"));
        self.place(name.to_string(), ty, 8)
    }

    fn fits_stack(&self, size: u32) -> bool {
        size <= self.e.program.config.on_stack_limit && self.stack_used + size <= STACK_BUDGET
    }

    /// Whether a value of this type would be kept on the stack.
    pub fn is_on_stack(&self, ty: &Type) -> bool {
        ty.is_scalar() || self.fits_stack(self.size_of(ty))
    }

    /// Room in the program's scratch memory.
    pub fn scratch_place(&mut self, ty: &Type, name: &str) -> Place {
        let mut member = name.to_string();
        let mut n = 2;
        while !self.scratch_names.insert(member.clone()) {
            member = format!("{name}_{n}");
            n += 1;
        }
        let text = self.e.types.declare(self.e.program, ty, &member);
        self.scratch.push(format!("{text} __aligned_8;"));
        self.uses_scratch = true;
        self.place(format!("scratch->{member}"), ty, 8)
    }

    /// A raw member of the scratch struct.
    pub fn scratch_member(&mut self, declaration: impl Fn(&str) -> String, name: &str) -> String {
        let mut member = name.to_string();
        let mut n = 2;
        while !self.scratch_names.insert(member.clone()) {
            member = format!("{name}_{n}");
            n += 1;
        }
        self.scratch.push(format!("{} __aligned_8;", declaration(&member)));
        self.uses_scratch = true;
        format!("scratch->{member}")
    }

    pub fn place(&self, text: String, ty: &Type, align: u32) -> Place {
        Place { text, ty: ty.clone(), align, decayed: false }
    }

    /// Size, when clang would not unroll a copy of it.
    fn is_large(&self, size: u32, align: u32) -> bool {
        size.div_ceil(align.clamp(1, 8)) > UNROLLED_STORES
    }

    /// Fills a place with zeroes.
    pub fn zero(&mut self, place: &Place) {
        if place.ty.is_scalar() {
            self.line(format!("{} = 0;", place.text));
            return;
        }
        let (address, size) = (self.address(place), self.size_text(place));
        if size == "0" || self.size_of(&place.ty) == 0 {
            return;
        }
        if self.is_large(self.size_of(&place.ty), place.align) {
            self.line(format!("tw_zero({address}, {size});"));
        } else {
            self.line(format!("__builtin_memset({address}, 0, {size});"));
        }
    }

    /// Copies between places of the same type.
    pub fn copy(&mut self, to: &Place, from: &Place) {
        if to.text == from.text {
            return;
        }
        let bytes = self.size_of(&to.ty);
        if bytes == 0 {
            return;
        }
        if to.ty.is_scalar() {
            let value = self.load(from.text.clone(), &to.ty);
            self.assign(to, &value);
            return;
        }
        let (dst, src, size) = (self.address(to), self.address(from), self.size_text(to));
        let align = to.align.min(from.align);
        if self.is_large(bytes, align) {
            self.line(format!("bpf_probe_read_kernel({dst}, {size}, {src});"));
        } else if self.decays(&to.ty) || to.decayed || from.decayed || has_padding(&to.ty, self.e.program) {
            self.line(format!("__builtin_memcpy({dst}, {src}, {size});"));
        } else {
            self.line(format!("{} = {};", to.text, from.text));
        }
    }

    /// A scalar in storage as an expression: pointers get their type back.
    pub fn load(&mut self, text: String, ty: &Type) -> Value {
        match ty {
            Type::Pointer { to, .. } => {
                let pointer = self.e.types.pointer(self.e.program, to);
                Value::cast(&pointer, &Value::atom(text))
            }
            _ => Value::atom(text),
        }
    }

    /// Whether the place holds pointers with their type (variables) rather than as numbers (storage).
    fn is_variable(&self, place: &Place) -> bool {
        let text = place.text.strip_prefix("vars->").unwrap_or(&place.text);
        text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    }

    /// Assigns a scalar.
    pub fn assign(&mut self, to: &Place, value: &Value) {
        if matches!(to.ty, Type::Pointer { .. }) && !self.is_variable(to) {
            let number = Value::cast("__u64", value);
            self.line(format!("{} = {};", to.text, number.text));
        } else {
            self.line(format!("{} = {};", to.text, value.text));
        }
    }

    /// Keeps a scalar in a variable of its own, so that later statements do not change it.
    pub fn capture(&mut self, ty: &Type, value: &Value, hint: &str) -> Value {
        if is_literal(&value.text) {
            return value.clone();
        }
        let name = self.fresh(hint);
        let text = self.e.types.declare_variable(self.e.program, ty, &name);
        self.line(format!("{text} = {};", value.text));
        Value::atom(name)
    }

    /// A number that does not depend on the expression's width.
    pub fn u64_of(&mut self, e: &'p Expr) -> Value {
        let value = self.expr(e);
        match &e.ty {
            Type::Pointer { .. } => Value::cast("__u64", &value),
            _ => value,
        }
    }

    /// The place of a local; declares it at its first use when nobody has.
    pub fn local(&mut self, id: LocalId) -> Place {
        self.locals[id.0].clone().unwrap_or_else(|| {
            // INVARIANT: `declare_locals` and the statements that introduce locals ran before.
            let local = &self.program.locals[id.0];
            self.place(escape::c_identifier(&local.name), &local.ty, 8)
        })
    }

    /// The address space of a pointer expression in this program.
    pub fn space(&self, e: &Expr) -> AddressSpace {
        match &e.ty {
            Type::Pointer { space: AddressSpace::None, .. } => {
                if self.is_user_program() {
                    AddressSpace::User
                } else {
                    AddressSpace::Kernel
                }
            }
            Type::Pointer { space, .. } => *space,
            _ => AddressSpace::Kernel,
        }
    }

    /// Whether pointers without a known space are user pointers here.
    pub fn is_user_program(&self) -> bool {
        matches!(self.program.kind, ProgramKind::Uprobe | ProgramKind::Uretprobe | ProgramKind::Usdt)
    }

    /// The helper's name by address space.
    pub fn read_helper(&self, e: &Expr) -> &'static str {
        match e.ty {
            Type::Pointer { space: AddressSpace::User, .. } => "bpf_probe_read_user",
            Type::Pointer { space: AddressSpace::None, .. } => "bpf_probe_read",
            Type::Pointer { .. } => "bpf_probe_read_kernel",
            // A number as an address.
            _ if e.ty.is_scalar() => "bpf_probe_read",
            // A value of our own.
            _ => "bpf_probe_read_kernel",
        }
    }

    /// Writes the script's line, once.
    pub fn comment(&mut self, span: Span) {
        let text = self.first_line(span);
        if text.is_empty() {
            return;
        }
        if self.last_comment.as_ref().is_some_and(|(_, last)| *last == text) {
            return;
        }
        self.code.comment(&text);
        self.last_comment = Some((span, text));
    }

    /// The script's text at `span`, up to a block or the end of the line.
    pub fn first_line(&self, span: Span) -> String {
        let text = self.e.program.sources.text(span);
        let line = text.lines().next().unwrap_or("");
        line.trim().trim_end_matches(['{', ';']).trim_end().to_string()
    }

    pub fn text(&mut self, e: &'p Expr) -> String {
        self.expr(e).text
    }

    /// A condition for `if (…)`.
    pub fn condition(&mut self, e: &'p Expr) -> Value {
        let value = self.expr(e);
        match &e.ty {
            Type::Pointer { .. } => Value { prec: Prec::Unary, text: value.at(Prec::Unary) },
            _ => value.truth(),
        }
    }
}

/// Whether C text is a number, a name that cannot change or the like.
fn is_literal(text: &str) -> bool {
    text.chars().next().is_some_and(|c| c.is_ascii_digit() || c == '-')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        || matches!(text, "true" | "false" | "NULL")
}

/// Whether evaluating an expression changes something that other operands may read, or runs statements.
pub fn has_effects(e: &Expr) -> bool {
    use crate::program::Call;
    let mut found = false;
    super::walk::expr(e, &mut |e| {
        found |= matches!(
            e.kind,
            ExprKind::LocalStep { .. }
                | ExprKind::MapStep { .. }
                | ExprKind::MapDelete { .. }
                | ExprKind::MapFind { .. }
                | ExprKind::Block(..)
                | ExprKind::Call(Call::WriteUser { .. } | Call::SkbOutput { .. })
        );
    });
    found
}

/// A name for a value, from what the script calls it.
pub fn hint(e: &Expr, body: &Body<'_, '_>) -> Option<String> {
    use crate::program::{Builtin, Call, ContextField};
    match &e.kind {
        ExprKind::Local(id) => Some(body.program.locals[id.0].name.clone()),
        ExprKind::MapGet { map, .. } | ExprKind::MapSummary { map, .. } => {
            let name = &body.e.program.map(*map).name;
            (!name.is_empty()).then(|| name.clone())
        }
        ExprKind::Cast(inner) | ExprKind::Deref(inner) => hint(inner, body),
        ExprKind::FieldOf { path, .. } | ExprKind::Member { path, .. } | ExprKind::FieldAddress { path, .. } => {
            body.field_name(path)
        }
        ExprKind::Builtin(builtin) => Some(
            match builtin {
                Builtin::Pid | Builtin::InitPid => "pid",
                Builtin::Tid | Builtin::InitTid => "tid",
                Builtin::Uid | Builtin::UserName => "uid",
                Builtin::Gid => "gid",
                Builtin::Comm => "comm",
                Builtin::Cpu => "cpu",
                Builtin::NumaNode => "node",
                Builtin::Nsecs(_) => "nsecs",
                Builtin::Elapsed => "elapsed",
                Builtin::Rand => "rand",
                Builtin::CurrentTask => "task",
                Builtin::CgroupId => "cgroup",
                Builtin::Jiffies => "jiffies",
                Builtin::UserMode => "user_mode",
                Builtin::ProbeIndex => "probe",
                Builtin::FunctionAddress => "func",
            }
            .to_string(),
        ),
        ExprKind::Context(field) => match field {
            ContextField::Arg(n) | ContextField::TypedArg(n) | ContextField::SyscallArg(n) => Some(format!("arg{n}")),
            ContextField::ReturnValue | ContextField::SyscallReturn => Some("ret".to_string()),
            ContextField::SyscallNumber => Some("syscall".to_string()),
            ContextField::Member(path) | ContextField::DataLoc(path) => body.field_name(path),
            ContextField::Register(name) => Some(name.clone()),
            ContextField::Pointer => None,
        },
        ExprKind::Call(call) => match call {
            Call::Str { pointer, .. } | Call::Buf { pointer, .. } => hint(pointer, body),
            Call::Stack(_) if matches!(e.ty, Type::UserStack(_)) => Some("ustack".to_string()),
            Call::Stack(_) => Some("kstack".to_string()),
            Call::KernelSymbol(_) => Some("ksym".to_string()),
            Call::UserSymbol(_) => Some("usym".to_string()),
            Call::Ntop { address, .. } => hint(address, body),
            Call::Strftime { .. } => Some("time".to_string()),
            Call::CgroupPath { .. } => Some("cgroup".to_string()),
            Call::Name(inner) | Call::NameText(inner) | Call::ByteSwap(inner) | Call::SetSpace(inner) => {
                hint(inner, body)
            }
            Call::ParentPid(_) => Some("ppid".to_string()),
            _ => None,
        },
        ExprKind::Setting(id) => Some(body.e.program.settings[id.0].name.clone()),
        _ => None,
    }
}

impl Body<'_, '_> {
    /// Name of the member that a path leads to.
    pub fn field_name(&self, path: &[crate::program::FieldStep]) -> Option<String> {
        let step = path.last()?;
        let def = self.e.program.structs.get(&step.parent)?;
        Some(def.fields.get(step.field)?.name.clone())
    }
}
