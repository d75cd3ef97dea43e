//! Records for user space.

use super::body::{Body, Place, has_effects, hint};
use super::value::Value;
use super::{EmittedAction, EmittedField, Emitter, lines};
use crate::emit::escape;
use crate::program::{Action, ActionId, ActionKind, BinaryOp, Expr, ExprKind, Program};
use crate::source::Span;
use crate::types::{IntType, Type, tuple_layout};

/// Strings and buffers up to this size travel in the fixed part of a record.
const SHORT: u32 = 32;
/// `join()` takes at most this many strings.
const JOIN_STRINGS: u32 = 16;

/// A record's layout.
#[derive(Clone, Debug)]
pub struct Record {
    /// Tag of its struct.
    pub tag: String,
    /// `ACTION_PRINTF`
    pub constant: String,
    /// Members after the header: name, C type, whether the bytes travel in the tail.
    pub fields: Vec<(String, Type, bool)>,
    /// The support headers have its struct.
    pub is_common: bool,
}

impl Record {
    /// Whether the file defines its struct.
    pub fn has_struct(&self) -> bool {
        !self.is_common
    }
}

impl Emitter<'_> {
    /// The record of an action; laid out at its first use, with names from `names`.
    pub fn record(&mut self, id: ActionId, names: &[Option<String>]) -> Record {
        if let Some(record) = &self.records[id.0] {
            return record.clone();
        }
        let program = self.program;
        let action = &program.actions[id.0];
        let kind = kind_name(&action.kind);
        let tag = self.types.free_tag(program, &format!("{kind}_event"));
        let constant = format!("ACTION_{}", tag.trim_end_matches("_event").replace("_event_", "_").to_uppercase());
        let mut fields: Vec<(String, Type, bool)> = Vec::new();
        for (index, ty) in action_fields(action).into_iter().enumerate() {
            let mut name = names
                .get(index)
                .cloned()
                .flatten()
                .map_or_else(|| default_field(&action.kind, index), |name| escape::c_identifier(&name));
            while name == "header" || fields.iter().any(|(known, _, _)| *known == name) {
                name = format!("{name}_{}", index + 1);
            }
            let tail = is_tail(&action.kind, &ty);
            fields.push((name, ty, tail));
        }
        let is_common = fields.is_empty() || matches!(action.kind, ActionKind::PrintMap { .. });
        let record = Record { tag, constant, fields, is_common };
        self.records[id.0] = Some(record.clone());
        record
    }

    /// What the Rust emitter knows of a record.
    pub fn emitted_action(&mut self, id: ActionId) -> EmittedAction {
        let record = self.record(id, &[]);
        let (offsets, size) = layout(&record, self.program);
        let fields = record
            .fields
            .iter()
            .zip(offsets)
            .map(|((name, _, tail), offset)| EmittedField { name: name.clone(), offset, tail: *tail })
            .collect();
        let struct_name = if record.has_struct() { record.tag.clone() } else { String::new() };
        EmittedAction { constant: record.constant, struct_name, size, fields }
    }

    /// The record's struct in C.
    pub fn record_definition(&mut self, record: &Record, code: &mut super::writer::Code) {
        code.open(format!("struct {}", record.tag));
        code.line("struct tw_header header;");
        for (name, ty, tail) in &record.fields {
            let text = if *tail { format!("__u32 {name}_len") } else { self.types.declare(self.program, ty, name) };
            code.line(format!("{text};"));
        }
        code.close(";");
        code.line("");
    }
}

/// Offsets of the members and the size of the fixed part.
fn layout(record: &Record, program: &Program) -> (Vec<u32>, u32) {
    let header = Type::U32;
    let mut types = vec![header.clone(), header];
    types.extend(record.fields.iter().map(|(_, ty, tail)| if *tail { Type::U32 } else { ty.clone() }));
    let (mut offsets, size, _) = tuple_layout(types.iter(), &program.structs);
    offsets.drain(..2);
    (offsets, size)
}

fn has_gaps(record: &Record, program: &Program) -> bool {
    let (_, size) = layout(record, program);
    let sum: u32 =
        record.fields.iter().map(|(_, ty, tail)| if *tail { 4 } else { ty.layout(&program.structs).0 }).sum();
    size != sum + 8
}

/// Types of the record's fields: what the action says, and what its kind implies.
fn action_fields(action: &Action) -> Vec<Type> {
    match &action.kind {
        ActionKind::PrintMap { .. } => vec![Type::U64, Type::U64],
        ActionKind::Join { .. } => vec![Type::Buffer { capacity: u32::MAX }],
        ActionKind::Clear(_) | ActionKind::Zero(_) | ActionKind::Time(_) => Vec::new(),
        _ => action.fields.clone(),
    }
}

fn is_tail(kind: &ActionKind, ty: &Type) -> bool {
    match ty {
        Type::Buffer { .. } if matches!(kind, ActionKind::Join { .. } | ActionKind::SkbOutput { .. }) => true,
        Type::String { capacity } | Type::Buffer { capacity } => *capacity > SHORT,
        _ => false,
    }
}

fn kind_name(kind: &ActionKind) -> &'static str {
    match kind {
        ActionKind::Printf(_) => "printf",
        ActionKind::Errorf(_) => "errorf",
        ActionKind::Warnf(_) => "warnf",
        ActionKind::Cat(_) => "cat",
        ActionKind::System(_) => "system",
        ActionKind::PrintValue => "print",
        ActionKind::PrintMap { .. } => "print_map",
        ActionKind::PrintElement { .. } => "print_element",
        ActionKind::Clear(_) => "clear",
        ActionKind::Zero(_) => "zero",
        ActionKind::Time(_) => "time",
        ActionKind::Join { .. } => "join",
        ActionKind::Unwatch => "unwatch",
        ActionKind::SkbOutput { .. } => "skb",
    }
}

fn default_field(kind: &ActionKind, index: usize) -> String {
    match (kind, index) {
        (ActionKind::PrintMap { .. }, 0) => "top".to_string(),
        (ActionKind::PrintMap { .. }, 1) => "div".to_string(),
        (ActionKind::PrintElement { .. }, 0) => "key".to_string(),
        (ActionKind::PrintElement { .. } | ActionKind::PrintValue, _) => "value".to_string(),
        (ActionKind::Join { .. }, _) => "words".to_string(),
        (ActionKind::Unwatch, _) => "address".to_string(),
        (_, index) => format!("arg{}", index + 1),
    }
}

/// Whether the record must get through a flood of data.
fn is_control(kind: &ActionKind) -> bool {
    matches!(
        kind,
        ActionKind::PrintMap { .. }
            | ActionKind::Clear(_)
            | ActionKind::Zero(_)
            | ActionKind::Time(_)
            | ActionKind::Unwatch
    )
}

/// What a field's value is, before the record is at hand.
enum Ready<'p> {
    Lazy(&'p Expr),
    Scalar(Value),
    Place(Place),
}

impl<'p> Body<'_, 'p> {
    /// Sends an action's record.
    pub fn action(&mut self, id: ActionId, args: &'p [Expr], _span: Span) {
        self.e.header("events.bpf.h");
        let names: Vec<Option<String>> = args.iter().map(|arg| hint(arg, self)).collect();
        let kind = &self.e.program.actions[id.0].kind;
        let names = if matches!(kind, ActionKind::PrintMap { .. }) { Vec::new() } else { names };
        let record = self.e.record(id, &names);
        for (arg, name) in args.iter().zip(&names) {
            if matches!(arg.ty, Type::Tuple(_) | Type::Record(_)) {
                self.name_tuple(arg, name.as_deref().unwrap_or("tuple"));
            }
        }
        let ready = self.ready(args);
        let control = is_control(kind);
        if matches!(kind, ActionKind::PrintMap { .. }) {
            let numbers: Vec<&Expr> = args.iter().collect();
            let values = self.operands(&numbers);
            let number = |at: usize| values.get(at).map_or("0", |value| value.text.as_str());
            self.line(format!("tw_print_map({}, {}, {});", record.constant, number(0), number(1)));
            return;
        }
        let is_part = self.prints_parts && lines::are_parts(kind);
        if is_part {
            self.e.header("lines.bpf.h");
        }
        if record.fields.is_empty() {
            let send = match (control, is_part) {
                (true, _) => "tw_send_control",
                (false, true) => "tw_send_part",
                (false, false) => "tw_send",
            };
            self.line(format!("{send}({});", record.constant));
            return;
        }
        if record.fields.iter().any(|(_, _, tail)| *tail) {
            self.send_with_tail(&record, &ready, control, is_part);
        } else {
            self.send_fixed(&record, &ready, control, is_part);
        }
    }

    /// Effects happen whether or not there is room for the record, and before it is reserved.
    fn ready(&mut self, args: &'p [Expr]) -> Vec<Ready<'p>> {
        let effects = args.iter().any(has_effects) || args.iter().any(runs_callbacks) || args.iter().any(may_tell);
        let mut ready = Vec::new();
        for arg in args {
            if !effects {
                ready.push(Ready::Lazy(arg));
            } else if arg.ty.is_scalar() {
                let value = self.expr(arg);
                let name = hint(arg, self).unwrap_or_else(|| "arg".to_string());
                ready.push(Ready::Scalar(self.capture(&arg.ty, &value, &name)));
            } else if is_fixed(&arg.kind) {
                ready.push(Ready::Lazy(arg));
            } else {
                let place = if matches!(arg.kind, ExprKind::Local(_)) {
                    let from = self.place_of(arg);
                    let copy = self.temp(&arg.ty, "arg");
                    self.copy(&copy, &from);
                    copy
                } else {
                    self.place_of(arg)
                };
                ready.push(Ready::Place(place));
            }
        }
        ready
    }

    fn fill(&mut self, to: &Place, ready: Option<&Ready<'p>>) {
        match ready {
            None => self.zero(to),
            Some(Ready::Lazy(e)) => self.store_as(to, e),
            Some(Ready::Scalar(value)) => self.assign(to, value),
            Some(Ready::Place(from)) => self.copy(to, from),
        }
    }

    /// Stores an argument in a field, whose type it has up to its width.
    fn store_as(&mut self, to: &Place, e: &'p Expr) {
        if to.ty.is_scalar() {
            let value = self.expr(e);
            self.assign(to, &value);
        } else {
            self.store(to, e);
        }
    }

    fn send_fixed(&mut self, record: &Record, ready: &[Ready<'p>], control: bool, is_part: bool) {
        let event = self.fresh("event");
        let reserve = if control { "tw_reserve_control" } else { "tw_reserve" };
        // Locals that arguments need are declared before, so that only the filling stands in the block.
        self.line(format!("struct {} *{event} = {reserve}(sizeof(*{event}), {});", record.tag, record.constant));
        self.code.open(format!("if ({event})"));
        if is_part {
            self.line(format!("{event}->header.aux = tw_line();"));
        }
        if has_gaps(record, self.e.program) {
            self.clear_fields(&event, record);
        }
        for (index, (name, ty, _)) in record.fields.iter().enumerate() {
            let place = self.place(format!("{event}->{name}"), ty, 4);
            self.fill(&place, ready.get(index));
        }
        let submit = if control { "tw_submit_control" } else { "tw_submit" };
        self.line(format!("{submit}({event});"));
        self.code.close("");
    }

    /// Zeroes all behind the header.
    fn clear_fields(&mut self, event: &str, record: &Record) {
        let (_, size) = layout(record, self.e.program);
        if size > 256 {
            self.line(format!("tw_zero(&{event}->header + 1, sizeof(*{event}) - sizeof({event}->header));"));
        } else {
            self.line(format!(
                "__builtin_memset(&{event}->header + 1, 0, sizeof(*{event}) - sizeof({event}->header));"
            ));
        }
    }

    fn send_with_tail(&mut self, record: &Record, ready: &[Ready<'p>], control: bool, is_part: bool) {
        let room: u32 = record
            .fields
            .iter()
            .filter(|(_, _, tail)| *tail)
            .map(|(_, ty, _)| match ty {
                Type::String { capacity } | Type::Buffer { capacity } => *capacity,
                _ => 0,
            })
            .sum();
        let tag = record.tag.clone();
        let member = self.scratch_member(
            |name| format!("struct {{\n\t\tstruct {tag} event;\n\t\tchar tail[{room}];\n\t}} {name}"),
            tag.trim_end_matches("_event"),
        );
        self.uses_scratch = true;
        let event = self.fresh("event");
        let (tail, length) = (self.fresh("tail"), self.fresh("len"));
        self.line(format!("struct {tag} *{event} = &{member}.event;"));
        self.line(format!("__u64 {tail} = 0, {length};"));
        self.line("");
        self.line(format!("{event}->header.action = {};", record.constant));
        self.line(format!("{event}->header.aux = {};", if is_part { "tw_line()" } else { "0" }));
        if has_gaps(record, self.e.program) {
            self.clear_fields(&event, record);
        }
        for (index, (name, ty, is_tail)) in record.fields.iter().enumerate() {
            if !is_tail {
                let place = self.place(format!("{event}->{name}"), ty, 4);
                self.fill(&place, ready.get(index));
                continue;
            }
            let dst = format!("{member}.tail + {tail}");
            self.put_tail(&dst, &length, ty, ready.get(index));
            self.line(format!("{event}->{name}_len = {length};"));
            self.line(format!("{tail} += {length};"));
        }
        let output = if control { "tw_output_control" } else { "tw_output" };
        self.line(format!("{output}({event}, sizeof(*{event}) + {tail});"));
    }

    /// Writes a string's or buffer's bytes to the tail and its length to `length`.
    fn put_tail(&mut self, dst: &str, length: &str, ty: &Type, ready: Option<&Ready<'p>>) {
        match (ty, ready) {
            (Type::String { capacity }, Some(Ready::Lazy(e))) => self.put_string(dst, length, *capacity, e),
            (Type::String { capacity }, Some(Ready::Place(place))) => {
                self.e.header("strings.bpf.h");
                let src = self.address(place);
                self.line(format!(
                    "{length} = tw_str_put(bpf_probe_read_kernel_str({dst}, {capacity}, {src}), {capacity});"
                ));
            }
            (Type::Buffer { capacity }, Some(Ready::Lazy(e))) => {
                if let ExprKind::Call(crate::program::Call::Buf { pointer, len }) = &e.kind {
                    let source = self.pointer_text(pointer);
                    let limit = self.limit(len.as_deref(), *capacity, &capacity.to_string());
                    let helper = self.read_helper(pointer);
                    self.line(format!("{length} = {limit};"));
                    let check = self.read_check(pointer, "", e);
                    self.line(format!("tw_check({check}, {helper}({dst}, {length}, {source}));"));
                } else {
                    let place = self.place_of(e);
                    self.put_buffer(dst, length, *capacity, &place);
                }
            }
            (Type::Buffer { capacity }, Some(Ready::Place(place))) => {
                let place = place.clone();
                self.put_buffer(dst, length, *capacity, &place);
            }
            _ => self.line(format!("{length} = 0;")),
        }
    }

    fn put_buffer(&mut self, dst: &str, length: &str, capacity: u32, place: &Place) {
        self.line(format!("{length} = {}.len;", place.text));
        self.line(format!("if ({length} > {capacity})"));
        self.line(format!("\t{length} = {capacity};"));
        self.line(format!("bpf_probe_read_kernel({dst}, {length}, {}.data);", place.text));
    }

    fn put_string(&mut self, dst: &str, length: &str, capacity: u32, e: &'p Expr) {
        use crate::program::{Call, ContextField};
        self.e.header("strings.bpf.h");
        let (helper, size, source, check) = match &e.kind {
            ExprKind::Call(Call::Str { pointer, len }) => {
                let source = self.pointer_text(pointer);
                let limit = self.limit(len.as_deref(), capacity, &capacity.to_string());
                (self.read_str_helper(pointer), limit, source, Some(pointer))
            }
            ExprKind::Cast(inner) if matches!(inner.ty, Type::String { .. }) && self.size_of(&inner.ty) <= capacity => {
                self.put_string(dst, length, self.size_of(&inner.ty), inner);
                return;
            }
            ExprKind::Context(ContextField::DataLoc(path)) => {
                let source = self.data_loc(path).text;
                ("bpf_probe_read_kernel_str", capacity.to_string(), source, None)
            }
            ExprKind::FieldOf { pointer, path } => {
                let source = self.field_text(pointer, path);
                (self.read_str_helper(pointer), capacity.to_string(), format!("&{source}"), Some(pointer))
            }
            _ => {
                let (source, size) = self.string_source(e);
                ("bpf_probe_read_kernel_str", size.min(capacity).to_string(), source, None)
            }
        };
        let call = format!("{helper}({dst}, {size}, {source})");
        if let Some(pointer) = check {
            let check = self.read_check(pointer, "_str", e);
            self.line(format!("{length} = tw_str_put(tw_check({check}, {call}), {capacity});"));
        } else {
            self.line(format!("{length} = tw_str_put({call}, {capacity});"));
        }
    }

    /// `join(array)`: up to sixteen strings, each with its NUL, one after the other.
    pub fn join(&mut self, id: ActionId, array: &'p Expr) {
        self.e.header("join.bpf.h");
        if self.prints_parts {
            self.e.header("lines.bpf.h");
        }
        let record = self.e.record(id, &[]);
        let longest = self.e.program.config.max_strlen;
        let room = longest;
        let tag = record.tag.clone();
        let member = self.scratch_member(
            |name| format!("struct {{\n\t\tstruct {tag} event;\n\t\tchar tail[{}];\n\t}} {name}", room * 2),
            "join",
        );
        let source = self.pointer_text(array);
        let user = self.space(array) == crate::types::AddressSpace::User;
        let event = self.fresh("event");
        self.line(format!("struct {tag} *{event} = &{member}.event;"));
        self.line("");
        self.line(format!("{event}->header.action = {};", record.constant));
        let line = if self.prints_parts { "tw_line()" } else { "0" };
        self.line(format!("{event}->header.aux = {line};"));
        let field = &record.fields[0].0;
        self.line(format!(
            "{event}->{field}_len = tw_join({member}.tail, {room}, (void *){}, {JOIN_STRINGS}, {user});",
            parenthesized(&source)
        ));
        let length = self.fresh("len");
        self.line(format!("__u64 {length} = {event}->{field}_len;"));
        self.line(format!("if ({length} > {room})"));
        self.line(format!("\t{length} = {room};"));
        self.line(format!("tw_output({event}, sizeof(*{event}) + {length});"));
    }

    /// `skboutput()`: the packet's first bytes, up to the last that is wanted.
    pub fn skb_output(&mut self, id: ActionId, skb: &'p Expr, len: &'p Expr, offset: &'p Expr) -> Value {
        self.e.header("events.bpf.h");
        self.e.header("skb.bpf.h");
        let skb = self.text(skb);
        let (len, offset) = (self.text(len), self.text(offset));
        let record = self.skb_record(id);
        let (packet, event) = (self.fresh("skb"), self.fresh("packet"));
        self.line(format!("void *{packet} = (void *){};", parenthesized(&skb)));
        self.line(format!("struct {} {event} = {{}};", record.tag));
        self.line(format!("{event}.header.action = {};", record.constant));
        // What user space leaves out again: the kernel copies from the start.
        self.line(format!("{event}.header.aux = {offset};"));
        self.line(format!("{event}.nsecs = bpf_ktime_get_boot_ns();"));
        self.line(format!("{event}.packet_len = tw_packet_bytes({packet}, {len}, {offset});"));
        let call = format!("tw_send_packet({packet}, {event}.packet_len, &{event}, sizeof({event}))");
        Value::cast("__u32", &Value::atom(call))
    }

    fn skb_record(&mut self, id: ActionId) -> Record {
        if self.e.records[id.0].is_none() {
            let tag = self.e.types.free_tag(self.e.program, "skb_event");
            let constant = format!("ACTION_{}", tag.trim_end_matches("_event").to_uppercase());
            let fields = vec![
                ("nsecs".to_string(), Type::Int(IntType::U64), false),
                ("packet".to_string(), Type::Buffer { capacity: u32::MAX }, true),
            ];
            self.e.records[id.0] = Some(Record { tag, constant, fields, is_common: false });
        }
        self.e.record(id, &[])
    }

    fn field_text(&mut self, pointer: &'p Expr, path: &'p [crate::program::FieldStep]) -> String {
        self.arrow(pointer, path)
    }
}

fn parenthesized(text: &str) -> String {
    if text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') { text.to_string() } else { format!("({text})") }
}

/// Values that later effects cannot change.
fn is_fixed(kind: &ExprKind) -> bool {
    matches!(kind, ExprKind::Str(_) | ExprKind::Bytes(_) | ExprKind::Zero)
}

/// Divisions tell of zeros, elements of indices that are out of range: before what is printed of their result.
fn may_tell(e: &Expr) -> bool {
    let mut found = false;
    super::walk::expr(e, &mut |e| {
        if let ExprKind::Binary { op: BinaryOp::Div | BinaryOp::Mod, right, .. } = &e.kind {
            found |= super::expr::fold(right).is_none();
        }
        if let ExprKind::Element { index, .. } = &e.kind {
            found |= super::expr::fold(index).is_none();
        }
    });
    found || (e.ty.is_scalar() && matches!(e.kind, ExprKind::Deref(_)))
}

/// Loops in callbacks, which a reserved record would have to be carried through.
fn runs_callbacks(e: &Expr) -> bool {
    use crate::program::Call;
    let mut found = false;
    super::walk::expr(e, &mut |e| {
        found |= matches!(
            e.kind,
            ExprKind::MapLen(_)
                | ExprKind::Call(
                    Call::StrContains { .. } | Call::StrStr { .. } | Call::StrLen(_) | Call::GlobMatch { .. }
                )
        );
    });
    found
}
