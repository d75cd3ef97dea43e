//! Memory behind pointers, and the probe's context.

use super::body::{Body, Place, hint};
use super::value::{Prec, Value};
use crate::program::{ContextField, Expr, ExprKind, FieldStep, ProgramKind};
use crate::types::{AddressSpace, FieldDef, Origin, Type};

/// `BPF_CORE_READ` takes at most this many members.
const LONGEST_CHAIN: usize = 8;

impl<'p> Body<'_, 'p> {
    /// `a.b.c`, and records that the members are used.
    pub fn path_text(&mut self, path: &[FieldStep]) -> String {
        let mut names: Vec<String> = Vec::new();
        for step in path {
            self.e.types.use_field(self.e.program, &step.parent, step.field);
            if let Some(field) = self.field(step)
                && !field.name.is_empty()
            {
                names.push(field.name.clone());
            }
        }
        names.join(".")
    }

    fn field(&self, step: &FieldStep) -> Option<&'p FieldDef> {
        self.e.program.structs.get(&step.parent)?.fields.get(step.field)
    }

    /// Whether the struct that a path starts from is the kernel's.
    fn is_kernel(&self, path: &[FieldStep]) -> bool {
        path.first()
            .and_then(|step| self.e.program.structs.get(&step.parent))
            .is_some_and(|def| def.origin == Origin::Kernel)
    }

    /// The pointer expression as a pointer to the struct that a path starts from.
    fn base(&mut self, pointer: &'p Expr, path: &[FieldStep]) -> Value {
        let value = self.expr(pointer);
        let Some(step) = path.first() else { return value };
        let parent = Type::Struct(step.parent.clone());
        let matches = matches!(&pointer.ty, Type::Pointer { to, .. } if **to == parent);
        if matches && !step.parent.0.starts_with("anon ") {
            return value;
        }
        let to = self.e.types.pointer(self.e.program, &parent);
        Value::cast(&to, &value)
    }

    /// In the place of a struct without a name, a pointer to one with only the member that a path leads to: `value`.
    ///
    /// Its offset is that of the description compiled against, for kernel structs, too: CO-RE looks types up by name.
    /// Few paths start here: behind a member that is a pointer to such a struct, or an array of them. Members of nameless
    /// structs that lie within a named one are part of that one's path, which is relocated.
    pub fn nameless(&mut self, path: &[FieldStep]) -> Option<String> {
        if !path.first()?.parent.0.starts_with("anon ") {
            return None;
        }
        let mut bits = 0;
        for step in path {
            bits += self.field(step)?.bit_offset;
        }
        let field = path.last().and_then(|step| self.field(step)).filter(|field| field.bit_width.is_none())?;
        let member = self.e.types.declare(self.e.program, &field.ty, "value");
        Some(format!("struct {{ __u8 before[{}]; {member}; }} __attribute__((packed)) *", bits / 8))
    }

    /// `p->a.b` without reading.
    pub fn arrow(&mut self, pointer: &'p Expr, path: &[FieldStep]) -> String {
        if let Some(to) = self.nameless(path) {
            return format!("{}->value", Value::cast(&to, &self.expr(pointer)).at(Prec::Postfix));
        }
        let base = self.base(pointer, path);
        let members = self.path_text(path);
        format!("{}->{members}", base.at(Prec::Postfix))
    }

    /// A scalar member read through a pointer.
    pub fn field_of(&mut self, e: &'p Expr, pointer: &'p Expr, path: &'p [FieldStep]) -> Value {
        let Some(field) = path.last().and_then(|step| self.field(step)) else { return Value::atom("0") };
        if self.is_context(pointer) {
            let text = self.arrow(pointer, path);
            return self.load(text, &e.ty);
        }
        let space = match &pointer.ty {
            Type::Pointer { space, .. } => *space,
            _ => AddressSpace::None,
        };
        if field.bit_width.is_some() {
            return self.bitfield(e, pointer, path, field);
        }
        let nameless = self.nameless(path);
        let is_kernel = nameless.is_none() && self.is_kernel(path);
        let value = if is_kernel {
            let (source, chain) = self.chain(pointer, path);
            let name = match space {
                AddressSpace::User => "tw_core_read_user",
                AddressSpace::None => "tw_core_read_any",
                AddressSpace::Kernel | AddressSpace::Bpf => "tw_core_read",
            };
            let check = self.read_check(pointer, "", e);
            Value::atom(format!("{name}({check}, {source}, {})", chain.join(", ")))
        } else {
            let (base, members) = match nameless {
                Some(to) => (Value::cast(&to, &self.expr(pointer)), "value".to_string()),
                None => (self.base(pointer, path), self.path_text(path)),
            };
            let name = match space {
                AddressSpace::User => "tw_probe_read_user",
                AddressSpace::None => "tw_probe_read_any",
                AddressSpace::Kernel | AddressSpace::Bpf => "tw_probe_read",
            };
            let check = self.read_check(pointer, "", e);
            let source = self.unnested(base, &pointer.ty);
            Value::atom(format!("{name}({check}, {source}, {members})"))
        };
        // The member is declared as a number in script structs, and with its own type in kernel ones.
        let declared = if is_kernel { field.ty.clone() } else { storage_type(&field.ty) };
        self.converted(value, &declared, &e.ty)
    }

    /// A scalar of type `from` where `to` is wanted.
    fn converted(&mut self, value: Value, from: &Type, to: &Type) -> Value {
        match (from, to) {
            (Type::Pointer { to: a, .. }, Type::Pointer { to: b, .. }) => {
                let (a, b) = (self.e.types.pointer(self.e.program, a), self.e.types.pointer(self.e.program, b));
                if a == b { value } else { Value::cast(&b, &value) }
            }
            (_, Type::Pointer { to, .. }) => {
                let to = self.e.types.pointer(self.e.program, to);
                Value::cast(&to, &value)
            }
            (Type::Enum { .. }, Type::Int(_)) | (Type::Int(_), Type::Int(_)) if from != to => {
                let to = self.e.types.scalar(self.e.program, to);
                Value::cast(&to, &value)
            }
            _ => value,
        }
    }

    /// `p->a->b` as source and members of one chain of reads.
    fn chain(&mut self, pointer: &'p Expr, path: &'p [FieldStep]) -> (String, Vec<String>) {
        if let ExprKind::FieldOf { pointer: outer, path: outer_path } = &pointer.kind
            && self.is_kernel(outer_path)
            && self.space(outer) == self.space(pointer)
            && !self.is_context(outer)
            && self.is_plain_link(pointer, outer_path, path)
        {
            let (source, mut members) = self.chain(outer, outer_path);
            if members.len() < LONGEST_CHAIN {
                members.push(self.path_text(path));
                return (source, members);
            }
        }
        if let ExprKind::Context(ContextField::Member(outer_path)) = &pointer.kind
            && matches!(self.program.kind, ProgramKind::Iter { .. })
            && self.is_plain_link(pointer, outer_path, path)
        {
            let first = self.path_text(outer_path);
            let members = self.path_text(path);
            return (self.ctx().to_string(), vec![first, members]);
        }
        let base = self.base(pointer, path);
        let members = self.path_text(path);
        (self.unnested(base, &pointer.ty), vec![members])
    }

    /// A pointer that may stand inside a CO-RE macro, which cannot be nested.
    fn unnested(&mut self, value: Value, ty: &Type) -> String {
        if !value.text.contains("READ(") && !value.text.contains("_read") && !value.text.contains("ctx->") {
            return value.text;
        }
        let name = self.fresh("pointer");
        let text = self.e.types.declare_variable(self.e.program, ty, &name);
        self.line(format!("{text} = {};", value.text));
        name
    }

    /// Whether the member that `outer` leads to is declared as a pointer to the struct that `path` starts from.
    fn is_plain_link(&self, pointer: &Expr, outer: &[FieldStep], path: &[FieldStep]) -> bool {
        let Some(field) = outer.last().and_then(|step| self.field(step)) else { return false };
        let Some(first) = path.first() else { return false };
        field.bit_width.is_none()
            && matches!(&field.ty, Type::Pointer { to, .. } if **to == Type::Struct(first.parent.clone()))
            && matches!(&pointer.ty, Type::Pointer { to, .. } if **to == Type::Struct(first.parent.clone()))
            && first.parent.0.contains(' ')
            && !first.parent.0.starts_with("anon ")
    }

    fn bitfield(&mut self, e: &'p Expr, pointer: &'p Expr, path: &'p [FieldStep], field: &FieldDef) -> Value {
        let to = self.e.types.scalar(self.e.program, &e.ty);
        if self.is_kernel(path) && self.space(pointer) != AddressSpace::User {
            let base = self.base(pointer, path);
            let members = self.path_text(path);
            let base = Value::atom(self.unnested(base, &pointer.ty));
            let source = self.simple(base, &pointer.ty, "base");
            return Value::cast(&to, &Value::atom(format!("BPF_CORE_READ_BITFIELD_PROBED({source}, {members})")));
        }
        let offset = self.bit_offset(path);
        let (first, shift) = (offset / 8, offset % 8);
        let bits = u32::from(field.bit_width.unwrap_or(0));
        let bytes = (shift + bits).div_ceil(8).min(8);
        let base = self.base(pointer, path);
        let name = self.fresh("bits");
        self.line(format!("__u64 {name} = 0;"));
        let helper = self.read_helper(pointer);
        self.line(format!("{helper}(&{name}, {bytes}, (void *){} + {first});", base.at(Prec::Unary)));
        self.extract(&name, shift, bits, &e.ty)
    }

    /// Bits `shift..shift + bits` of a 64 bit variable.
    fn extract(&mut self, name: &str, shift: u32, bits: u32, ty: &Type) -> Value {
        let to = self.e.types.scalar(self.e.program, ty);
        let left = 64 - shift - bits;
        let inner = format!("{name} << {left}");
        let text = if super::expr::sign(ty) {
            format!("({to})((__s64)({inner}) >> {})", 64 - bits)
        } else {
            format!("({to})(({inner}) >> {})", 64 - bits)
        };
        Value { text, prec: Prec::Unary }
    }

    /// Bits from the start of the outermost struct to the member.
    pub fn bit_offset(&self, path: &[FieldStep]) -> u32 {
        path.iter().filter_map(|step| self.field(step)).map(|field| field.bit_offset).sum()
    }

    /// A value that is used more than once: its text when it is a name, else a new variable.
    pub fn simple(&mut self, value: Value, ty: &Type, hint: &str) -> String {
        if value.text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '>' || c == '-' || c == '.')
            && !value.text.starts_with('-')
        {
            return value.text;
        }
        let name = self.fresh(hint);
        let text = self.e.types.declare_variable(self.e.program, ty, &name);
        self.line(format!("{text} = {};", value.text));
        name
    }

    /// `&p->a`, and arrays that decay.
    pub fn field_address(&mut self, e: &'p Expr, pointer: &'p Expr, path: &'p [FieldStep]) -> Value {
        let text = self.arrow(pointer, path);
        let to = self.e.types.scalar(self.e.program, &e.ty);
        Value::cast(&to, &Value { text: format!("&{text}"), prec: Prec::Unary })
    }

    /// The pointer is the probe's context: loads are direct.
    pub fn is_context(&self, pointer: &Expr) -> bool {
        match &pointer.kind {
            ExprKind::Context(ContextField::Pointer) => true,
            ExprKind::Cast(inner) | ExprKind::Call(crate::program::Call::SetSpace(inner)) => self.is_context(inner),
            _ => false,
        }
    }

    /// `*p` of a scalar.
    pub fn deref(&mut self, e: &'p Expr, pointer: &'p Expr) -> Value {
        let value = self.expr(pointer);
        let to = match &e.ty {
            Type::Pointer { .. } => "__u64 *".to_string(),
            ty => format!("{} *", self.e.types.scalar(self.e.program, ty)),
        };
        if self.is_context(pointer) {
            let text = format!("*{}", Value::cast(&to, &value).at(Prec::Unary));
            return self.converted(Value { text, prec: Prec::Unary }, &storage_type(&e.ty), &e.ty);
        }
        let name = self.fresh(&hint(e, self).unwrap_or_else(|| "value".to_string()));
        let text = self.e.types.declare(self.e.program, &e.ty, &name);
        self.line(format!("{text} = 0;"));
        let helper = self.read_helper(pointer);
        let check = self.read_check(pointer, "", e);
        self.line(format!("tw_check({check}, {helper}(&{name}, sizeof({name}), {}));", value.text));
        self.load(name, &e.ty)
    }

    /// A read that `-k` watches.
    pub fn checked(&mut self, helper: &str, e: &Expr, call: String) {
        let check = self.e.helper_check(helper.trim_start_matches("bpf_"), e.span);
        self.line(format!("tw_check({check}, {call});"));
    }

    /// Reads what a pointer leads to into a place.
    pub fn read_into(&mut self, to: &Place, pointer: &'p Expr, source: &str, e: &Expr) {
        let helper = self.read_helper(pointer);
        let (dst, size) = (self.address(to), self.size_text(to));
        let check = self.read_check(pointer, "", e);
        self.line(format!("tw_check({check}, {helper}({dst}, {size}, {source}));"));
    }

    /// A check of a read through `pointer`; `-k` names the helper by what the script says of the address space.
    pub fn read_check(&mut self, pointer: &Expr, suffix: &str, e: &Expr) -> usize {
        let space = match &pointer.ty {
            Type::Pointer { space: AddressSpace::User, .. } => "_user",
            Type::Pointer { space: AddressSpace::Kernel | AddressSpace::Bpf, .. } => "_kernel",
            _ => "",
        };
        self.e.helper_check(&format!("probe_read{space}{suffix}"), e.span)
    }

    /// A whole struct, array or string member read through a pointer.
    pub fn read_field(&mut self, to: &Place, e: &'p Expr, pointer: &'p Expr, path: &'p [FieldStep]) {
        let text = self.arrow(pointer, path);
        let address = format!("&{text}");
        self.read_into(to, pointer, &address, e);
    }

    /// A scalar of the context.
    pub fn context_scalar(&mut self, e: &'p Expr, field: &'p ContextField) -> Value {
        let to = self.e.types.scalar(self.e.program, &e.ty);
        match field {
            ContextField::Arg(n) => {
                let value = self.argument(*n);
                self.number_as(value, &e.ty)
            }
            ContextField::ReturnValue => match self.program.kind {
                ProgramKind::Fexit { args } => self.slot(args, &e.ty),
                _ => {
                    let ctx = self.ctx();
                    self.number_as(Value::atom(format!("PT_REGS_RC({ctx})")), &e.ty)
                }
            },
            ContextField::TypedArg(n) => self.slot(*n, &e.ty),
            ContextField::Member(path) => self.context_member(e, path),
            ContextField::SyscallArg(n) => {
                self.syscall_member("args");
                let ctx = self.ctx();
                self.number_as(Value::atom(format!("{ctx}->args[{n}]")), &e.ty)
            }
            ContextField::SyscallReturn => {
                self.syscall_member("ret");
                let ctx = self.ctx();
                self.number_as(Value::atom(format!("{ctx}->ret")), &e.ty)
            }
            ContextField::SyscallNumber => {
                self.syscall_member("id");
                let ctx = self.ctx();
                self.number_as(Value::atom(format!("{ctx}->id")), &e.ty)
            }
            ContextField::DataLoc(path) => {
                let address = self.data_loc(path);
                Value::cast(&to, &address)
            }
            ContextField::Register(name) => {
                let ctx = self.ctx();
                let text = if matches!(self.program.kind, ProgramKind::PerfEvent | ProgramKind::Interval) {
                    format!("{ctx}->regs.{name}")
                } else {
                    format!("{ctx}->{name}")
                };
                self.number_as(Value::atom(text), &e.ty)
            }
            ContextField::Pointer => {
                let ctx = self.ctx();
                Value::cast(&to, &Value::atom(ctx))
            }
        }
    }

    /// Names that the context's struct has on other kernels, the one named for the event itself first.
    fn other_contexts(&self) -> Vec<crate::types::StructName> {
        use crate::program::{AttachPoint, TextPiece};
        let ProgramKind::Tracepoint { context: Some(known) } = &self.program.kind else { return Vec::new() };
        let [target] = self.program.targets.as_slice() else { return Vec::new() };
        let AttachPoint::Tracepoint { category, event } = &target.point else { return Vec::new() };
        let ([TextPiece::Lit(category)], [TextPiece::Lit(event)]) = (category.as_slice(), event.as_slice()) else {
            return Vec::new();
        };
        let mut names = crate::kernel::other_contexts(category, event, known);
        names.sort_by_key(|name| !name.0.ends_with(&format!("trace_event_raw_{event}")));
        names
    }

    /// Which of the context's names is only there where it is the right one, and whether that is the known one.
    fn telling_context(&self, other: &crate::types::StructName) -> (String, bool) {
        use crate::program::{AttachPoint, TextPiece};
        if let ProgramKind::Tracepoint { context: Some(known) } = &self.program.kind
            && let [target] = self.program.targets.as_slice()
            && let AttachPoint::Tracepoint { event, .. } = &target.point
            && let [TextPiece::Lit(event)] = event.as_slice()
            && known.0.ends_with(&format!("trace_event_raw_{event}"))
        {
            return (known.0.clone(), true);
        }
        (other.0.clone(), false)
    }

    fn syscall_member(&mut self, member: &'static str) {
        if let ProgramKind::Tracepoint { context: Some(name) } = &self.program.kind {
            self.e.types.use_syscall_member(self.e.program, name, member);
        }
    }

    /// A register-wide number as `ty`.
    fn number_as(&mut self, value: Value, ty: &Type) -> Value {
        let to = self.e.types.scalar(self.e.program, ty);
        if matches!(ty, Type::Bool) {
            return Value::binary("!=", Prec::Equality, &value, &Value::atom("0"));
        }
        Value::cast(&to, &value)
    }

    /// `ctx[n]`; of a kprobe that stands in for a trampoline, the register.
    fn slot(&mut self, n: u32, ty: &Type) -> Value {
        let value = match self.program.kind {
            ProgramKind::Kprobe => self.argument(n),
            _ => Value::atom(format!("{}[{n}]", self.ctx())),
        };
        if *ty == Type::U64 { value } else { self.number_as(value, ty) }
    }

    /// `argN` by program kind.
    fn argument(&mut self, n: u32) -> Value {
        let ctx = self.ctx();
        match self.program.kind {
            ProgramKind::Usdt => {
                self.e.header("usdt_args.bpf.h");
                Value::atom(format!("tw_usdt_arg({ctx}, {n})"))
            }
            ProgramKind::Kprobe | ProgramKind::Kretprobe | ProgramKind::Uprobe | ProgramKind::Uretprobe => {
                if n < 5 {
                    return self.chosen(format!("PT_REGS_PARM{}({ctx})", n + 1));
                }
                self.e.header("arguments.bpf.h");
                let user = self.is_user_program();
                self.chosen(format!("tw_argument({ctx}, {n}, {user})"))
            }
            _ => self.chosen(format!("{ctx}[{n}]")),
        }
    }

    /// An argument that a condition may choose among others.
    fn chosen(&mut self, argument: String) -> Value {
        if !self.chooses_arguments {
            return Value::atom(argument);
        }
        self.e.header("arguments.bpf.h");
        Value::atom(format!("tw_chosen({argument})"))
    }

    fn context_member(&mut self, e: &'p Expr, path: &'p [FieldStep]) -> Value {
        let members = self.path_text(path);
        let ctx = self.ctx();
        let Some(field) = path.last().and_then(|step| self.field(step)) else { return Value::atom("0") };
        let kernel = self.is_kernel(path);
        if field.bit_width.is_some() && kernel {
            let to = self.e.types.scalar(self.e.program, &e.ty);
            return Value::cast(&to, &Value::atom(format!("BPF_CORE_READ_BITFIELD_PROBED({ctx}, {members})")));
        }
        let declared = if kernel { field.ty.clone() } else { storage_type(&field.ty) };
        // Pointers of an iterator's context may be NULL, which the verifier wants to see tested before any arithmetic;
        // read this way they are plain numbers to it.
        let is_iter = matches!(self.program.kind, ProgramKind::Iter { .. });
        let others = self.other_contexts();
        let value = if let (true, [other, ..]) = (kernel, others.as_slice()) {
            self.e.types.use_alias(self.e.program, other, path);
            let here = format!("BPF_CORE_READ({ctx}, {members})");
            let there = format!("BPF_CORE_READ(({} *){ctx}, {members})", other.0);
            let text = match self.telling_context(other) {
                (name, true) => format!("bpf_core_type_exists({name}) ? {here} : {there}"),
                (name, false) => format!("bpf_core_type_exists({name}) ? {there} : {here}"),
            };
            Value { text, prec: Prec::Conditional }
        } else if is_iter && matches!(field.ty, Type::Pointer { .. }) {
            Value::atom(format!("BPF_CORE_READ({ctx}, {members})"))
        } else {
            Value::atom(format!("{ctx}->{members}"))
        };
        if matches!(field.ty, Type::Array { .. } | Type::String { .. } | Type::Struct(_)) {
            // The address of an embedded value.
            let to = self.e.types.scalar(self.e.program, &e.ty);
            let here = Value { text: format!("&{ctx}->{members}"), prec: Prec::Unary };
            if let Some(moved) = self.moved_name(path) {
                let here = Value::cast("void *", &here).text;
                let text = format!("bpf_core_field_exists({ctx}->{members}) ? {here} : {moved}");
                return Value::cast(&to, &Value { text, prec: Prec::Conditional });
            }
            return Value::cast(&to, &here);
        }
        self.converted(value, &declared, &e.ty)
    }

    /// Address of what a `__data_loc` member stands for.
    pub fn data_loc(&mut self, path: &'p [FieldStep]) -> Value {
        let members = self.path_text(path);
        let ctx = self.ctx();
        Value { text: format!("(void *){ctx} + ((__u32){ctx}->{members} & 0xffff)"), prec: Prec::Sum }
    }

    /// Names of tasks, which newer kernels have as `__data_loc` in most events of the scheduler: where the text lies then.
    fn moved_name(&mut self, path: &[FieldStep]) -> Option<String> {
        let [step] = path else { return None };
        let tag = step.parent.0.strip_prefix("struct ")?;
        let event = tag.strip_prefix("trace_event_raw_sched_")?;
        let field = self.field(step)?;
        if !field.name.ends_with("comm") || matches!(event, "switch" | "wakeup_template") {
            return None;
        }
        let (ctx, member) = (self.ctx(), format!("__data_loc_{}", field.name));
        let flavour = format!("struct {tag}___text");
        Some(format!(
            "({{ {flavour} {{ __u32 {member}; }} __attribute__((preserve_access_index)); \
             (void *){ctx} + ((({flavour} *){ctx})->{member} & 0xffff); }})"
        ))
    }

    /// A struct, array or string of the context.
    pub fn context_into(&mut self, to: &Place, e: &'p Expr, field: &'p ContextField) {
        match field {
            ContextField::Member(path) => {
                let members = self.path_text(path);
                let ctx = self.ctx();
                let (dst, size) = (self.address(to), self.size_text(to));
                let others = self.other_contexts();
                if let (true, [other, ..]) = (self.is_kernel(path), others.as_slice()) {
                    self.e.types.use_alias(self.e.program, other, path);
                    let here = format!("bpf_probe_read_kernel({dst}, {size}, &{ctx}->{members});");
                    let there = format!("bpf_probe_read_kernel({dst}, {size}, &(({} *){ctx})->{members});", other.0);
                    let (name, known_tells) = self.telling_context(other);
                    let (first, second) = if known_tells { (here, there) } else { (there, here) };
                    self.code.open(format!("if (bpf_core_type_exists({name}))"));
                    self.line(first);
                    self.code.otherwise();
                    self.line(second);
                    self.code.close("");
                    return;
                }
                let here = format!("bpf_probe_read_kernel({dst}, {size}, &{ctx}->{members});");
                let Some(moved) = self.moved_name(path) else { return self.line(here) };
                self.code.open(format!("if (bpf_core_field_exists({ctx}->{members}))"));
                self.line(here);
                self.code.otherwise();
                self.zero(to);
                self.line(format!("bpf_probe_read_kernel_str({dst}, {size}, {moved});"));
                self.code.close("");
            }
            ContextField::DataLoc(path) => {
                let address = self.data_loc(path);
                self.zero(to);
                let (dst, size) = (self.address(to), self.size_text(to));
                if matches!(e.ty, Type::String { .. }) {
                    self.line(format!("bpf_probe_read_kernel_str({dst}, {size}, {});", address.text));
                } else {
                    self.line(format!("bpf_probe_read_kernel({dst}, {size}, {});", address.text));
                }
            }
            ContextField::TypedArg(n) => self.slots_into(to, *n),
            ContextField::ReturnValue => {
                if let ProgramKind::Fexit { args } = self.program.kind {
                    self.slots_into(to, args);
                } else {
                    self.zero(to);
                }
            }
            ContextField::SyscallArg(_)
            | ContextField::Arg(_)
            | ContextField::SyscallReturn
            | ContextField::SyscallNumber
            | ContextField::Register(_)
            | ContextField::Pointer => self.zero(to),
        }
    }

    /// A struct passed by value: it lies in as many slots as it needs.
    fn slots_into(&mut self, to: &Place, first: u32) {
        let ctx = self.ctx();
        let bytes = self.size_of(&to.ty);
        let slots = bytes.div_ceil(8);
        let name = self.fresh("slots");
        self.line(format!("__u64 {name}[{slots}];"));
        for slot in 0..slots {
            self.line(format!("{name}[{slot}] = {ctx}[{}];", first + slot));
        }
        let (dst, size) = (self.address(to), self.size_text(to));
        self.line(format!("__builtin_memcpy({dst}, {name}, {size});"));
    }
}

/// Type of a value in storage: pointers are numbers there.
fn storage_type(ty: &Type) -> Type {
    match ty {
        Type::Pointer { .. } => Type::U64,
        ty => ty.clone(),
    }
}
