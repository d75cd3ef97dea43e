//! Tracepoints: their format files, and the kernel structs behind them.

use std::collections::HashMap;
use std::fmt::Write;

use super::btf::{Btf, Kind, TypeId};
use super::convert::Converter;
use super::{Tracepoint, TracepointContext, TracepointField};
use crate::types::{AddressSpace, IntType, StructName, Type};

/// A field as the format file has it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FormatField {
    /// `const char *`, `char[16]`, `__data_loc char[]`.
    pub c_type: String,
    /// Name.
    pub name: String,
    /// Bytes.
    pub offset: u32,
    /// Bytes.
    pub size: u32,
    /// Sign.
    pub signed: bool,
}

/// An event of tracefs.
#[derive(Clone, Debug)]
pub struct Event {
    /// `sched`
    pub category: String,
    /// `sched_switch`
    pub event: String,
    /// `trace_event_raw_sched_switch`, where BTF has it.
    pub class: Option<String>,
    /// Index into [`Events::formats`].
    pub format: usize,
}

/// All events of a kernel; many share a format.
#[derive(Clone, Debug, Default)]
pub struct Events {
    /// Fields, the `common_*` ones first.
    pub formats: Vec<Vec<FormatField>>,
    /// Sorted by category and event.
    pub events: Vec<Event>,
}

/// Fields of a `format` file of tracefs.
pub fn parse_format(text: &str) -> Vec<FormatField> {
    text.lines().filter_map(|line| parse_field(line.trim())).collect()
}

/// `field:char prev_comm[16]; offset:8; size:16; signed:0;`
fn parse_field(line: &str) -> Option<FormatField> {
    let mut parts = line.strip_prefix("field:")?.split(';').map(str::trim);
    let declaration = parts.next()?;
    let (mut offset, mut size, mut signed) = (0, 0, false);
    for part in parts {
        match part.split_once(':') {
            Some(("offset", n)) => offset = n.parse().ok()?,
            Some(("size", n)) => size = n.parse().ok()?,
            Some(("signed", n)) => signed = n == "1",
            _ => {}
        }
    }
    let (declaration, array) = match declaration.find('[') {
        // `__data_loc char[] name` has its brackets in the type.
        Some(at) if declaration.ends_with(']') => (declaration[..at].trim_end(), &declaration[at..]),
        _ => (declaration, ""),
    };
    let name_at = declaration.rfind(|c: char| !c.is_alphanumeric() && c != '_')? + 1;
    let (c_type, name) = (declaration[..name_at].trim_end(), &declaration[name_at..]);
    Some(FormatField { c_type: format!("{c_type}{array}"), name: name.to_owned(), offset, size, signed })
}

impl Events {
    /// Sorts out what the formats of a kernel have in common, and finds each event's struct in BTF.
    pub fn collect(formats: impl IntoIterator<Item = (String, String, String)>, btf: &[&Btf]) -> Events {
        let mut events = Events::default();
        let mut known: HashMap<Vec<FormatField>, usize> = HashMap::new();
        let classes = Classes::collect(btf);
        for (category, event, text) in formats {
            let fields = parse_format(&text);
            let class = classes.of(&category, &event, &fields);
            let next = events.formats.len();
            let format = *known.entry(fields).or_insert_with_key(|fields| {
                events.formats.push(fields.clone());
                next
            });
            events.events.push(Event { category, event, class, format });
        }
        events.events.sort_by(|a, b| (&a.category, &a.event).cmp(&(&b.category, &b.event)));
        events
    }

    /// As text, for the description file.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        for fields in &self.formats {
            for f in fields {
                let _ = writeln!(out, "{}\t{}\t{} {} {}", f.c_type, f.name, f.offset, f.size, u8::from(f.signed));
            }
            out.push_str("-\n");
        }
        out.push_str("=\n");
        for e in &self.events {
            // Most structs are called as the event is.
            let class = match &e.class {
                Some(class) if class.strip_prefix("trace_event_raw_") == Some(&e.event) => "+",
                Some(class) => class,
                None => "-",
            };
            let _ = writeln!(out, "{} {} {} {class}", e.category, e.event, e.format);
        }
        out
    }

    /// What [`Events::to_text`] wrote; none when it is damaged.
    pub fn from_text(text: &str) -> Option<Events> {
        let mut events = Events::default();
        let mut lines = text.lines();
        let mut fields = Vec::new();
        for line in lines.by_ref() {
            match line {
                "=" => break,
                "-" => events.formats.push(std::mem::take(&mut fields)),
                _ => {
                    let (c_type, rest) = line.split_once('\t')?;
                    let (name, rest) = rest.split_once('\t')?;
                    let mut numbers = rest.split(' ').map(|n| n.parse::<u32>().ok());
                    fields.push(FormatField {
                        c_type: c_type.to_owned(),
                        name: name.to_owned(),
                        offset: numbers.next()??,
                        size: numbers.next()??,
                        signed: numbers.next()?? == 1,
                    });
                }
            }
        }
        for line in lines {
            let mut words = line.split(' ');
            let (category, event) = (words.next()?.to_owned(), words.next()?.to_owned());
            let format = words.next()?.parse().ok()?;
            let class = match words.next()? {
                "+" => Some(format!("trace_event_raw_{event}")),
                "-" => None,
                class => Some(class.to_owned()),
            };
            events.events.push(Event { category, event, class, format });
        }
        Some(events)
    }

    /// An event by name.
    pub fn find(&self, category: &str, event: &str) -> Option<&Event> {
        let at =
            self.events.binary_search_by(|e| (e.category.as_str(), e.event.as_str()).cmp(&(category, event))).ok()?;
        Some(&self.events[at])
    }

    /// An event with its fields typed.
    pub fn typed(&self, event: &Event, types: &Converter<'_>) -> Tracepoint {
        let syscall = event.category == "syscalls";
        let context = match &event.class {
            _ if syscall && event.event.starts_with("sys_enter_") => TracepointContext::SyscallEnter,
            _ if syscall && event.event.starts_with("sys_exit_") => TracepointContext::SyscallExit,
            Some(class) => TracepointContext::Struct(StructName(format!("struct {class}"))),
            None => TracepointContext::Format,
        };
        let space = if context == TracepointContext::SyscallEnter { AddressSpace::User } else { AddressSpace::Kernel };
        let fields = self.formats[event.format].iter();
        let fields = fields
            .map(|f| TracepointField {
                name: f.name.clone(),
                ty: field_type(f, types, space),
                c_type: f.c_type.clone(),
                offset: f.offset,
                size: f.size,
                data_loc: f.c_type.starts_with("__data_loc ") || f.c_type.starts_with("__rel_loc "),
                // Behind the common fields and the syscall's number, eight bytes each.
                syscall_arg: (context == TracepointContext::SyscallEnter && f.offset >= 16)
                    .then(|| (f.offset - 16) / 8),
            })
            .collect();
        Tracepoint { context, fields }
    }
}

fn field_type(field: &FormatField, types: &Converter<'_>, space: AddressSpace) -> Type {
    let c_type = field.c_type.strip_prefix("__data_loc ").or_else(|| field.c_type.strip_prefix("__rel_loc "));
    if let Some(behind) = c_type {
        let element = behind.split('[').next().unwrap_or(behind).trim_end();
        return match element {
            "char" => Type::String { capacity: 0 },
            _ => Type::Array {
                of: Box::new(c_type_by_name(element, types, space).unwrap_or(Type::Int(IntType::U8))),
                len: 0,
            },
        };
    }
    if let Some((element, _)) = field.c_type.split_once('[') {
        if element == "char" {
            return Type::String { capacity: field.size };
        }
        let of = c_type_by_name(element, types, space).unwrap_or(Type::Int(IntType::U8));
        let size = match &of {
            Type::Struct(name) => types.structure(name).map_or(0, |def| def.size),
            other => other.layout(&Default::default()).0,
        };
        return match field.size.checked_div(size) {
            Some(len) => Type::Array { of: Box::new(of), len },
            None => Type::Array { of: Box::new(Type::Int(IntType::U8)), len: field.size },
        };
    }
    match c_type_by_name(&field.c_type, types, space) {
        Some(ty @ (Type::Pointer { .. } | Type::Enum { .. } | Type::Bool))
            if ty.layout(&Default::default()).0 == field.size =>
        {
            ty
        }
        Some(Type::Struct(name)) if types.structure(&name).is_some_and(|def| def.size == field.size) => {
            Type::Struct(name)
        }
        _ => match field.size {
            1 | 2 | 4 | 8 => Type::Int(IntType { bits: field.size as u8 * 8, signed: field.signed }),
            size => Type::Array { of: Box::new(Type::Int(IntType::U8)), len: size },
        },
    }
}

/// A type as C writes it, without arrays: `const struct iovec *`, `enum foo`, `unsigned long`.
pub(super) fn c_type_by_name(text: &str, types: &Converter<'_>, space: AddressSpace) -> Option<Type> {
    let text = text.trim();
    let stars = text.matches('*').count();
    let words = text.split(|c: char| c == '*' || c.is_whitespace());
    let words: Vec<&str> =
        words.filter(|w| !matches!(*w, "" | "const" | "volatile" | "__user" | "restrict" | "__seg_gs")).collect();
    let base = match words.as_slice() {
        ["void"] => Some(Type::Void),
        ["struct" | "union", _] => Some(Type::Struct(StructName(words.join(" ")))),
        ["enum", name] => types.enumeration(name).map(|(ty, _)| ty),
        [name] if !is_base_word(name) => types.typedef(name),
        words if !words.is_empty() && words.iter().all(|w| is_base_word(w)) => Some(base_type(words)),
        _ => None,
    };
    if stars == 0 {
        return base;
    }
    let mut ty = base.unwrap_or(Type::Void);
    for _ in 0..stars {
        ty = Type::Pointer { to: Box::new(ty), space };
    }
    Some(ty)
}

/// `long unsigned int`, in any order of the words.
pub(super) fn base_type_by_name(name: &str) -> Option<Type> {
    let words: Vec<&str> = name.split_whitespace().collect();
    words.iter().all(|word| is_base_word(word)).then(|| base_type(&words))
}

fn is_base_word(word: &str) -> bool {
    matches!(word, "unsigned" | "signed" | "char" | "short" | "int" | "long" | "_Bool" | "bool")
}

/// Plain `char` is unsigned: so the kernel is built, and so its BTF says.
fn base_type(words: &[&str]) -> Type {
    let has = |word| words.contains(&word);
    if has("bool") || has("_Bool") {
        return Type::Bool;
    }
    let bits = match () {
        _ if has("char") => 8,
        _ if has("short") => 16,
        _ if has("long") => 64,
        _ => 32,
    };
    let signed = if bits == 8 { has("signed") } else { !has("unsigned") };
    Type::Int(IntType { bits, signed })
}

/// A struct's members as a format file would list them: name, offset and size in bytes.
type Shape = Vec<(String, u32, u32)>;

/// The `trace_event_raw_*` structs of a kernel, by shape.
struct Classes<'a> {
    btf: &'a [&'a Btf],
    by_shape: HashMap<Shape, Vec<&'a str>>,
}

impl<'a> Classes<'a> {
    fn collect(btf: &'a [&'a Btf]) -> Self {
        let mut by_shape: HashMap<Shape, Vec<&str>> = HashMap::new();
        for btf in btf {
            let types = converter(btf);
            for id in btf.of_kind(Kind::Struct).filter(|&id| btf.name(id).starts_with("trace_event_raw_")) {
                let members = btf.members(id).filter(|m| m.name != "ent" && m.name != "__data");
                let shape = members.map(|m| (m.name.to_owned(), m.bit_offset / 8, types.size(m.ty))).collect();
                by_shape.entry(shape).or_default().push(btf.name(id));
            }
        }
        Classes { btf, by_shape }
    }

    /// The struct of an event. An event's own struct is called as the event is; events of a class share one of another
    /// name, which tracefs does not tell: it is one of the same shape, made for the same tracepoint arguments, and
    /// of those the one whose name is most like the event's.
    fn of(&self, category: &str, event: &str, fields: &[FormatField]) -> Option<String> {
        let shape: Shape = fields.iter().filter(|f| !f.name.starts_with("common_")).map(in_struct).collect();
        let mut found = self.by_shape.get(&shape).cloned().unwrap_or_default();
        let own = format!("trace_event_raw_{event}");
        if found.contains(&own.as_str()) {
            return Some(own);
        }
        if category == "syscalls" || category == "ftrace" {
            return None;
        }
        if let Some(wanted) = self.arguments(&format!("btf_trace_{event}"), Kind::Typedef) {
            let fits = |class: &&str| {
                let class = class.strip_prefix("trace_event_raw_").unwrap_or(class);
                let probe = ["__bpf_trace_", "perf_trace_", "trace_event_raw_event_"].iter();
                probe
                    .filter_map(|p| self.arguments(&format!("{p}{class}"), Kind::Func))
                    .next()
                    .is_none_or(|a| a == wanted)
            };
            if found.iter().any(fits) {
                found.retain(fits);
            }
        }
        let likeness = |class: &&str| {
            let class = class.strip_prefix("trace_event_raw_").unwrap_or(class);
            event.bytes().zip(class.bytes()).take_while(|(a, b)| a == b).count()
        };
        found.sort();
        found.into_iter().rev().max_by_key(likeness).map(str::to_owned)
    }

    /// Parameter types of a function (or typedef of a pointer to one), as text.
    fn arguments(&self, name: &str, kind: Kind) -> Option<Vec<Type>> {
        let (btf, id) = self.btf.iter().find_map(|btf| Some((btf, btf.find(name, &[kind])?)))?;
        let id = prototype(btf, id)?;
        Some(btf.params(id).map(|(_, ty)| converter(btf).ty(ty)).collect())
    }
}

fn in_struct(field: &FormatField) -> (String, u32, u32) {
    let prefix = match field.c_type.split(' ').next() {
        Some("__data_loc") => "__data_loc_",
        Some("__rel_loc") => "__rel_loc_",
        _ => "",
    };
    (format!("{prefix}{}", field.name), field.offset, field.size)
}

fn converter(btf: &Btf) -> Converter<'_> {
    Converter { btf, origin: crate::types::Origin::Kernel, anonymous: "anon " }
}

/// The prototype behind a function, or a typedef of a pointer to one.
pub(super) fn prototype(btf: &Btf, mut id: TypeId) -> Option<TypeId> {
    for _ in 0..16 {
        let head = btf.head(id);
        match head.kind {
            Kind::FuncProto => return Some(id),
            Kind::Func | Kind::Ptr | Kind::Typedef | Kind::Const | Kind::Volatile | Kind::TypeTag => {
                id = head.size_or_type;
            }
            _ => return None,
        }
    }
    None
}
