//! Values that live in memory: strings, tuples, structs, arrays, buffers, stacks.

use super::body::{Body, Place, hint};
use super::types::{has_padding, tuple_items};
use super::value::{Prec, Value};
use crate::emit::escape;
use crate::program::{Builtin, Call, ContextField, Expr, ExprKind, FieldStep};
use crate::types::{AddressSpace, Type, tuple_layout};

impl<'p> Body<'_, 'p> {
    /// Where the value of an expression lies; evaluates it into new room when it lies nowhere yet.
    /// Scalars get a variable.
    pub fn place_of(&mut self, e: &'p Expr) -> Place {
        match &e.kind {
            ExprKind::Local(id) => self.local(*id),
            ExprKind::Item { base, index } => self.item_place(base, *index),
            ExprKind::Member { base, path } => self.member_place(base, path),
            ExprKind::Element { base, index } if !e.ty.is_scalar() => {
                if let Some(index) = super::expr::fold(index) {
                    let place = self.place_of(base);
                    return self.place(format!("{}[{index}]", place.text), &e.ty, 1);
                }
                self.new_place(e)
            }
            ExprKind::Block(stmts, value) => {
                self.stmts(stmts);
                self.place_of(value)
            }
            // A shorter view of the same bytes.
            ExprKind::Cast(inner)
                if matches!((&e.ty, &inner.ty), (Type::String { .. }, Type::String { .. })) && e.ty == inner.ty =>
            {
                self.place_of(inner)
            }
            _ => self.new_place(e),
        }
    }

    fn new_place(&mut self, e: &'p Expr) -> Place {
        let name = hint(e, self).unwrap_or_else(|| default_name(&e.ty).to_string());
        if e.ty.is_scalar() {
            let value = self.expr(e);
            let name = self.fresh(&name);
            // Storage form: its address may be a map's key.
            let text = self.e.types.declare(self.e.program, &e.ty, &name);
            let value = if matches!(e.ty, Type::Pointer { .. }) { Value::cast("__u64", &value) } else { value };
            self.line(format!("{text} = {};", value.text));
            return self.place(name, &e.ty, 8);
        }
        if let ExprKind::Str(bytes) = &e.kind
            && self.is_on_stack(&e.ty)
        {
            let name = self.fresh(&name);
            let text = self.e.types.declare(self.e.program, &e.ty, &name);
            self.line(format!("{text} __aligned_8 = {};", escape::c_string(until_nul(bytes))));
            return self.place(name, &e.ty, 8);
        }
        if matches!(e.ty, Type::Tuple(_) | Type::Record(_)) {
            self.name_tuple(e, &name);
        }
        let place = self.temp(&e.ty, &name);
        self.store(&place, e);
        place
    }

    /// Gives a tuple's struct readable member names, from the expressions it is made of.
    pub fn name_tuple(&mut self, e: &Expr, tag: &str) {
        if let ExprKind::Aggregate(items) = &e.kind {
            let names: Vec<Option<String>> = items.iter().map(|item| hint(item, self)).collect();
            for (item, name) in items.iter().zip(&names) {
                if matches!(item.ty, Type::Tuple(_) | Type::Record(_)) {
                    self.name_tuple(item, name.as_deref().unwrap_or("tuple"));
                }
            }
            self.e.types.tuple(self.e.program, &e.ty, tag, &names);
        }
    }

    /// An item of a tuple or record.
    pub fn item_place(&mut self, base: &'p Expr, index: usize) -> Place {
        let place = self.place_of(base);
        self.item_of(&place, index)
    }

    /// An item of a tuple that lies somewhere.
    pub fn item_of(&mut self, place: &Place, index: usize) -> Place {
        let shape = self.e.types.tuple(self.e.program, &place.ty, "", &[]);
        let items = tuple_items(&place.ty);
        let (offsets, _, align) = tuple_layout(items.iter(), &self.e.program.structs);
        let offset = offsets[index];
        // What clang knows of the member's alignment follows from the struct's.
        let known = if offset == 0 { align } else { align.min(1 << offset.trailing_zeros()) };
        self.place(format!("{}.{}", place.text, shape.members[index]), &items[index], known)
    }

    /// A member of a struct by value.
    pub fn member_place(&mut self, base: &'p Expr, path: &'p [FieldStep]) -> Place {
        let place = self.place_of(base);
        let ty = self.path_type(path);
        if let Some(to) = self.nameless(path) {
            let text = Value::cast(&to, &Value::atom(place.text)).at(Prec::Postfix);
            return self.place(format!("{text}->value"), &ty, 1);
        }
        let members = self.path_text(path);
        if self.is_kernel_struct(&base.ty)
            && let Some(step) = path.first()
        {
            let to = self.e.types.pointer(self.e.program, &Type::Struct(step.parent.clone()));
            let text = Value::cast(&to, &Value::atom(place.text)).at(Prec::Postfix);
            return self.place(format!("{text}->{members}"), &ty, 1);
        }
        self.place(format!("{}.{members}", place.text), &ty, 1)
    }

    fn path_type(&self, path: &[FieldStep]) -> Type {
        path.last()
            .and_then(|step| self.e.program.structs.get(&step.parent)?.fields.get(step.field))
            .map_or(Type::Void, |field| field.ty.clone())
    }

    /// Evaluates an expression into a place. Every byte of the place is written.
    pub fn store(&mut self, to: &Place, e: &'p Expr) {
        if e.ty.is_scalar() {
            let value = self.expr(e);
            self.assign(to, &value);
            return;
        }
        if matches!(e.ty, Type::Void) {
            self.discard(e);
            return;
        }
        if let (Type::String { capacity }, Type::String { capacity: from }) = (&to.ty, &e.ty)
            && capacity != from
            && !matches!(e.kind, ExprKind::Str(_) | ExprKind::Zero)
        {
            let (capacity, from) = (*capacity, *from);
            self.resize(to, e, capacity, from);
            return;
        }
        match &e.kind {
            ExprKind::Zero | ExprKind::Int(_) | ExprKind::Bool(_) => self.zero(to),
            ExprKind::Str(bytes) => self.store_literal(to, bytes),
            ExprKind::Bytes(bytes) => self.store_bytes(to, bytes),
            ExprKind::Local(_) | ExprKind::Item { .. } => {
                let from = self.place_of(e);
                self.copy(to, &from);
            }
            ExprKind::Member { base, path } => {
                let from = self.member_place(base, path);
                // A kernel struct's member may be smaller than it is here: its own size is kept.
                self.copy(to, &from);
            }
            ExprKind::MapGet { map, key } => self.map_get_into(to, *map, key.as_deref(), e.span),
            ExprKind::Ternary { cond, then, otherwise } => {
                let condition = self.condition(cond);
                self.code.open(format!("if ({})", condition.text));
                self.store(to, then);
                self.code.otherwise();
                self.store(to, otherwise);
                self.code.close("");
            }
            ExprKind::Cast(inner) => self.cast_into(to, e, inner),
            ExprKind::Deref(pointer) => {
                let source = self.text(pointer);
                self.read_into(to, pointer, &source, e);
            }
            ExprKind::FieldOf { pointer, path } => self.read_field(to, e, pointer, path),
            ExprKind::Element { base, index } => self.element_into(to, e, base, index),
            ExprKind::Aggregate(items) => self.store_items(to, e, items),
            ExprKind::Block(stmts, value) => {
                self.stmts(stmts);
                self.store(to, value);
            }
            ExprKind::Context(field) => self.context_into(to, e, field),
            ExprKind::Builtin(builtin) => self.builtin_into(to, *builtin),
            ExprKind::Call(call) => self.call_into(to, e, call),
            ExprKind::Setting(id) => {
                let source = self.setting_text(*id);
                self.zero(to);
                let (dst, size) = (self.address(to), self.size_text(to));
                self.line(format!("bpf_probe_read_kernel_str({dst}, {size}, {source});"));
            }
            _ => {
                // INVARIANT: the other kinds are scalars.
                self.zero(to);
            }
        }
    }

    fn store_literal(&mut self, to: &Place, bytes: &[u8]) {
        let capacity = self.size_of(&to.ty);
        let text = until_nul(bytes);
        let text = &text[..text.len().min(capacity.saturating_sub(1) as usize)];
        let dst = self.address(to);
        if text.is_empty() {
            self.zero(to);
            return;
        }
        let length = text.len() as u32 + 1;
        let literal = escape::c_string(text);
        if length.div_ceil(8) > 32 || (to.align < 8 && length > 64) {
            self.zero(to);
            self.line(format!("bpf_probe_read_kernel_str({dst}, {capacity}, {literal});"));
            return;
        }
        if length < capacity {
            self.zero(to);
        }
        self.line(format!("__builtin_memcpy({dst}, {literal}, {length});"));
    }

    fn store_bytes(&mut self, to: &Place, bytes: &[u8]) {
        let capacity = self.size_of(&to.ty) as usize;
        if bytes.len() < capacity || bytes.is_empty() {
            self.zero(to);
        }
        let bytes = &bytes[..bytes.len().min(capacity)];
        if !bytes.is_empty() {
            let dst = self.address(to);
            self.line(format!("__builtin_memcpy({dst}, {}, {});", escape::c_string(bytes), bytes.len()));
        }
    }

    /// Item by item; the bytes between them are zero.
    fn store_items(&mut self, to: &Place, e: &'p Expr, items: &'p [Expr]) {
        if let Type::Array { .. } = to.ty {
            for (index, item) in items.iter().enumerate() {
                let place = self.place(format!("{}[{index}]", to.text), &item.ty, 1);
                self.store(&place, item);
            }
            return;
        }
        if let Type::Struct(name) = &to.ty {
            self.zero(to);
            let Some(def) = self.e.program.structs.get(name) else { return };
            for (field, item) in def.fields.iter().zip(items) {
                let place = self.place(format!("{}.{}", to.text, field.name), &field.ty, 1);
                self.store(&place, item);
            }
            return;
        }
        self.name_tuple(e, "tuple");
        // An item may read what is written here: `$t = ($t.1, $t.0)`.
        let reads_itself = items.iter().any(|item| self.mentions(item, &to.text));
        if reads_itself {
            let copy = self.temp(&to.ty, "next");
            self.store_items_at(&copy, items);
            self.copy(to, &copy);
        } else {
            self.store_items_at(to, items);
        }
    }

    fn store_items_at(&mut self, to: &Place, items: &'p [Expr]) {
        if has_padding(&to.ty, self.e.program) {
            self.zero(to);
        }
        // In the order written; scalars before an item with effects are already stored by value.
        for (index, item) in items.iter().enumerate() {
            let place = self.item_of(to, index);
            self.store(&place, item);
        }
    }

    fn mentions(&self, e: &Expr, place: &str) -> bool {
        let mut found = false;
        super::walk::expr(e, &mut |e| {
            if let ExprKind::Local(id) = e.kind {
                found |= self.locals[id.0].as_ref().is_some_and(|local| local.text == place);
            }
        });
        found
    }

    fn cast_into(&mut self, to: &Place, e: &'p Expr, inner: &'p Expr) {
        match (&e.ty, &inner.ty) {
            (a, b) if a == b => self.store(to, inner),
            (Type::String { capacity }, Type::String { capacity: from }) => self.resize(to, inner, *capacity, *from),
            (Type::String { .. }, Type::Array { .. } | Type::Buffer { .. })
            | (Type::Array { .. }, Type::String { .. } | Type::Array { .. } | Type::Buffer { .. })
            | (Type::Struct(_), _) => self.copy_bytes(to, inner),
            (Type::Buffer { .. }, Type::Buffer { .. }) => {
                let from = self.place_of(inner);
                self.zero(to);
                let size = self.size_of(&inner.ty).min(self.size_of(&e.ty));
                let (dst, src) = (self.address(to), self.address(&from));
                self.copy_raw(&dst, &src, size, to.align.min(from.align));
            }
            (Type::Array { .. } | Type::String { .. }, from) if from.is_scalar() => {
                // An integer's bytes.
                let value = self.expr(inner);
                let name = self.fresh("number");
                let text = self.e.types.declare(self.e.program, from, &name);
                self.line(format!("{text} = {};", value.text));
                let size = self.size_of(from).min(self.size_of(&e.ty));
                if size < self.size_of(&e.ty) {
                    self.zero(to);
                }
                let dst = self.address(to);
                self.line(format!("__builtin_memcpy({dst}, &{name}, {size});"));
            }
            (Type::Tuple(_) | Type::Record(_), Type::Tuple(_) | Type::Record(_)) => self.cast_items(to, e, inner),
            _ => self.copy_bytes(to, inner),
        }
    }

    /// A string into room of another size.
    fn resize(&mut self, to: &Place, inner: &'p Expr, capacity: u32, from: u32) {
        if let ExprKind::Str(bytes) = &inner.kind
            && from <= capacity
        {
            return self.store_literal(to, bytes);
        }
        if from <= capacity {
            // Fill the larger place directly where the value is only now made.
            let is_made_here = !matches!(
                inner.kind,
                ExprKind::Local(_) | ExprKind::Item { .. } | ExprKind::Member { .. } | ExprKind::Block(..)
            );
            if is_made_here {
                self.zero_tail(to, from);
                let view = Place { ty: inner.ty.clone(), decayed: true, ..to.clone() };
                self.store(&view, inner);
                return;
            }
            let place = self.place_of(inner);
            self.zero_tail(to, from);
            let (dst, src) = (self.address(to), self.address(&place));
            self.copy_raw(&dst, &src, from, to.align.min(place.align));
            return;
        }
        let place = self.place_of(inner);
        self.zero(to);
        let (dst, src) = (self.address(to), self.address(&place));
        let size = self.size_text(to);
        self.line(format!("bpf_probe_read_kernel_str({dst}, {size}, {src});"));
    }

    /// Zeroes what a value of `from` bytes does not reach.
    fn zero_tail(&mut self, to: &Place, from: u32) {
        if self.size_of(&to.ty) > from {
            self.zero(to);
        }
    }

    fn copy_raw(&mut self, dst: &str, src: &str, size: u32, align: u32) {
        if size == 0 {
            return;
        }
        if size.div_ceil(align.clamp(1, 8)) > 64 {
            self.line(format!("bpf_probe_read_kernel({dst}, {size}, {src});"));
        } else {
            self.line(format!("__builtin_memcpy({dst}, {src}, {size});"));
        }
    }

    /// The same bytes under another type.
    fn copy_bytes(&mut self, to: &Place, inner: &'p Expr) {
        let from = self.place_of(inner);
        let (a, b) = (self.size_of(&to.ty), self.size_of(&inner.ty));
        if b < a {
            self.zero(to);
        }
        let (dst, mut src) = (self.address(to), self.address(&from));
        let mut size = a.min(b);
        if let Type::Buffer { capacity } = inner.ty {
            src = format!("{}.data", from.text);
            size = a.min(capacity);
        }
        self.copy_raw(&dst, &src, size, to.align.min(from.align));
        if matches!(to.ty, Type::String { .. }) && b >= a && a > 0 {
            self.line(format!("{}[{}] = 0;", to.text, a - 1));
        }
    }

    fn cast_items(&mut self, to: &Place, _e: &'p Expr, inner: &'p Expr) {
        let from = self.place_of(inner);
        self.convert_tuple(to, &from);
    }

    fn convert_tuple(&mut self, to: &Place, from: &Place) {
        if has_padding(&to.ty, self.e.program) {
            self.zero(to);
        }
        for index in 0..tuple_items(&to.ty).len() {
            let source = match (&to.ty, &from.ty) {
                (Type::Record(names), Type::Record(others)) => {
                    others.iter().position(|(name, _)| *name == names[index].0).unwrap_or(index)
                }
                _ => index,
            };
            let (a, b) = (self.item_of(to, index), self.item_of(from, source));
            match (&a.ty, &b.ty) {
                (x, y) if x == y => self.copy(&a, &b),
                (Type::String { capacity }, Type::String { capacity: short }) => {
                    self.zero_tail(&a, *short);
                    let (dst, src) = (self.address(&a), self.address(&b));
                    if short <= capacity {
                        self.copy_raw(&dst, &src, *short, a.align.min(b.align));
                    } else {
                        self.line(format!("bpf_probe_read_kernel_str({dst}, {capacity}, {src});"));
                    }
                }
                (Type::Tuple(_) | Type::Record(_), _) => self.convert_tuple(&a, &b),
                (x, _) if x.is_scalar() => {
                    let value = self.load(b.text.clone(), &b.ty);
                    let name = self.e.types.scalar(self.e.program, x);
                    let value = Value::cast(&name, &value);
                    self.assign(&a, &value);
                }
                _ => {
                    self.zero(&a);
                    let (dst, src) = (self.address(&a), self.address(&b));
                    let size = self.size_of(&a.ty).min(self.size_of(&b.ty));
                    self.copy_raw(&dst, &src, size, 1);
                }
            }
        }
    }

    /// A byte array or string as a number.
    pub fn cast_to_scalar(&mut self, e: &'p Expr, inner: &'p Expr) -> Value {
        let place = self.place_of(inner);
        if matches!(e.ty, Type::Pointer { .. }) {
            let to = self.e.types.scalar(self.e.program, &e.ty);
            let address = self.address(&place);
            return Value::cast(&to, &Value { text: address, prec: Prec::Unary });
        }
        let name = self.fresh("number");
        let text = self.e.types.declare(self.e.program, &e.ty, &name);
        self.line(format!("{text} = 0;"));
        let size = self.size_of(&e.ty).min(self.size_of(&inner.ty));
        let mut src = self.address(&place);
        if matches!(inner.ty, Type::KernelStack(_) | Type::UserStack(_)) {
            src = format!("&{}.id", place.text);
        }
        self.line(format!("__builtin_memcpy(&{name}, {src}, {size});"));
        Value::atom(name)
    }

    /// A scalar element of an array or string.
    pub fn element(&mut self, e: &'p Expr, base: &'p Expr, index: &'p Expr) -> Value {
        if let Some(index) = super::expr::fold(index) {
            let place = self.place_of(base);
            return self.load(format!("{}[{index}]", place.text), &e.ty);
        }
        let name = self.fresh("element");
        let text = self.e.types.declare(self.e.program, &e.ty, &name);
        self.line(format!("{text} = 0;"));
        let to = self.place(name.clone(), &e.ty, 8);
        self.element_into(&to, e, base, index);
        self.load(name, &e.ty)
    }

    fn element_into(&mut self, to: &Place, e: &'p Expr, base: &'p Expr, index: &'p Expr) {
        let place = self.place_of(base);
        if let Some(index) = super::expr::fold(index) {
            let from = self.place(format!("{}[{index}]", place.text), &e.ty, 1);
            self.copy(to, &from);
            return;
        }
        let length = match &base.ty {
            Type::Array { len, .. } => *len,
            ty => self.size_of(ty),
        };
        let value = self.expr(index);
        let index_name = self.fresh("index");
        self.line(format!("__u64 {index_name} = {};", value.text));
        let message = "Array access out of bounds. This can lead to unexpected results.";
        let check = self.e.message_check(message, e.span);
        if !e.ty.is_scalar() {
            self.zero(to);
        }
        let (dst, size) = (self.address(to), self.size_text(to));
        self.code.open(format!("if ({index_name} < {length})"));
        // Kernels before 5.12 refuse loads from the stack at an offset that they do not know.
        self.line(format!("bpf_probe_read_kernel({dst}, {size}, &{}[{index_name}]);", place.text));
        self.code.otherwise();
        self.line(format!("tw_report({check}, {index_name});"));
        self.code.close("");
    }

    fn builtin_into(&mut self, to: &Place, builtin: Builtin) {
        match builtin {
            Builtin::Comm => {
                let capacity = self.size_of(&to.ty);
                let dst = self.address(to);
                if capacity > 16 {
                    self.zero(to);
                }
                if capacity < 16 {
                    self.line(format!("bpf_get_current_comm({dst}, {capacity});"));
                } else {
                    self.e.header("current_comm.bpf.h");
                    self.line(format!("tw_current_comm({dst});"));
                }
            }
            Builtin::FunctionAddress => {
                let address = self.function_address();
                self.user_symbol(to, &address);
            }
            _ => self.zero(to),
        }
    }

    /// Fills a `struct tw_user_symbol`.
    pub fn user_symbol(&mut self, to: &Place, address: &Value) {
        let probe = if self.program.uses_cookie { self.probe_index().text } else { "0".to_string() };
        self.line(format!("{}.addr = {};", to.text, address.text));
        self.line(format!("{}.tgid = bpf_get_current_pid_tgid() >> 32;", to.text));
        self.line(format!("{}.probe = {probe};", to.text));
    }

    /// Where a string that is only read lies: also literals and settings, without a copy. C text of a `const char *`,
    /// and how many bytes it may have.
    pub fn string_source(&mut self, e: &'p Expr) -> (String, u32) {
        let capacity = self.size_of(&e.ty);
        match &e.kind {
            ExprKind::Str(bytes) => {
                let text = until_nul(bytes);
                (escape::c_string(text), text.len() as u32 + 1)
            }
            ExprKind::Setting(id) => (self.setting_text(*id), capacity),
            ExprKind::Call(Call::SettingStr { setting, offset: 0 }) => (self.setting_text(*setting), capacity),
            ExprKind::Cast(inner) if matches!(inner.ty, Type::String { .. }) && self.size_of(&inner.ty) <= capacity => {
                self.string_source(inner)
            }
            ExprKind::Context(ContextField::Member(_)) if matches!(e.ty, Type::String { .. }) => {
                let place = self.place_of(e);
                (self.address(&place), capacity)
            }
            _ => {
                let place = self.place_of(e);
                (self.address(&place), capacity)
            }
        }
    }

    /// Address space aware read helper for strings.
    pub fn read_str_helper(&self, e: &Expr) -> &'static str {
        match e.ty {
            Type::Pointer { space: AddressSpace::User, .. } => "bpf_probe_read_user_str",
            Type::Pointer { space: AddressSpace::Kernel | AddressSpace::Bpf, .. } => "bpf_probe_read_kernel_str",
            _ if e.ty.is_scalar() => "bpf_probe_read_str",
            // Our own memory.
            _ => "bpf_probe_read_kernel_str",
        }
    }
}

/// What a C string literal of these bytes holds.
pub fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|&byte| byte == 0).next().unwrap_or(bytes)
}

fn default_name(ty: &Type) -> &'static str {
    match ty {
        Type::String { .. } => "text",
        Type::Buffer { .. } => "buffer",
        Type::Tuple(_) => "tuple",
        Type::Record(_) => "record",
        Type::KernelStack(_) | Type::UserStack(_) => "stack",
        Type::Array { .. } => "array",
        Type::UserSymbol | Type::UserFunction => "symbol",
        Type::Inet | Type::MacAddress => "address",
        Type::Timestamp => "time",
        Type::Struct(_) => "copy",
        _ => "value",
    }
}
