//! BTF → [`Type`].

use super::btf::{Btf, Kind, TypeId};
use super::c_types::NAMELESS_ENUM;
use crate::types::{AddressSpace, FieldDef, IntType, Origin, StructDef, StructName, Type};

/// Reads types of one BTF object.
#[derive(Clone, Copy, Debug)]
pub struct Converter<'a> {
    /// Where the types are.
    pub btf: &'a Btf,
    /// What the structs are said to come from; pointers of the kernel's point into the kernel.
    pub origin: Origin,
    /// What names of anonymous types start with: `anon ` or `anon script `.
    pub anonymous: &'a str,
}

impl Converter<'_> {
    /// The type at `id`.
    pub fn ty(&self, id: TypeId) -> Type {
        self.named(id, None)
    }

    /// `typedef`: the innermost typedef on the way, which names an anonymous struct or enum.
    fn named(&self, id: TypeId, typedef: Option<TypeId>) -> Type {
        let head = self.btf.head(id);
        match head.kind {
            Kind::Void | Kind::Func | Kind::FuncProto | Kind::Var | Kind::Datasec | Kind::DeclTag | Kind::Unknown => {
                Type::Void
            }
            Kind::Int => self.int(id),
            Kind::Float => match head.size_or_type {
                // bpftrace has no floats: their bits.
                size @ (4 | 8) => Type::Int(IntType { bits: size as u8 * 8, signed: false }),
                size => Type::Array { of: Box::new(Type::Int(IntType::U8)), len: size },
            },
            Kind::Ptr => self.pointer(head.size_or_type),
            Kind::Array => self.array(id),
            Kind::Struct | Kind::Union | Kind::Fwd => Type::Struct(self.struct_name(id, typedef)),
            // A member of a nameless enum is a number.
            Kind::Enum | Kind::Enum64 if self.btf.name(id).starts_with(NAMELESS_ENUM) => Type::Int(IntType {
                bits: (head.size_or_type.clamp(1, 8) * 8) as u8,
                signed: self.btf.is_signed_enum(id),
            }),
            Kind::Enum | Kind::Enum64 => {
                let name = self.tag(id, typedef).unwrap_or_else(|| self.made_up(id));
                let bits = (head.size_or_type.clamp(1, 8) * 8) as u8;
                Type::Enum { name, repr: IntType { bits, signed: self.btf.is_signed_enum(id) } }
            }
            Kind::Typedef => self.named(head.size_or_type, Some(id)),
            Kind::Volatile | Kind::Const | Kind::Restrict | Kind::TypeTag => self.named(head.size_or_type, typedef),
        }
    }

    fn int(&self, id: TypeId) -> Type {
        let (encoding, _, _) = self.btf.int(id);
        let size = self.btf.head(id).size_or_type;
        if encoding & 4 != 0 && size == 1 {
            // As bpftrace has it: C's truth values print as numbers.
            return Type::Int(IntType::U8);
        }
        match size {
            1 | 2 | 4 | 8 => Type::Int(IntType { bits: size as u8 * 8, signed: encoding & 1 != 0 }),
            _ => Type::Array { of: Box::new(Type::U64), len: size / 8 },
        }
    }

    fn pointer(&self, target: TypeId) -> Type {
        let mut space = match self.origin {
            Origin::Kernel => AddressSpace::Kernel,
            Origin::Script => AddressSpace::None,
        };
        let mut id = target;
        // Tags of a pointer stand between it and what it points to.
        loop {
            let head = self.btf.head(id);
            match head.kind {
                Kind::TypeTag if self.btf.name(id) == "user" => space = AddressSpace::User,
                Kind::TypeTag | Kind::Const | Kind::Volatile | Kind::Restrict => {}
                _ => break,
            }
            id = head.size_or_type;
        }
        Type::Pointer { to: Box::new(self.ty(id)), space }
    }

    fn array(&self, id: TypeId) -> Type {
        let (element, len) = self.btf.array(id);
        if self.is_text(element) {
            return Type::String { capacity: len };
        }
        Type::Array { of: Box::new(self.ty(element)), len }
    }

    /// Whether an array of it is a string: `char` in a script; in the kernel any byte, as bpftrace has it.
    fn is_text(&self, element: TypeId) -> bool {
        let id = self.btf.strip(element);
        let head = self.btf.head(id);
        if head.kind != Kind::Int || head.size_or_type != 1 || self.btf.int(id).0 & 4 != 0 {
            return false;
        }
        self.origin == Origin::Kernel || self.btf.name(id) == "char"
    }

    fn tag(&self, id: TypeId, typedef: Option<TypeId>) -> Option<String> {
        let name = self.btf.name(id);
        let name = if name.is_empty() { self.btf.name(typedef?) } else { name };
        Some(name.to_owned())
    }

    fn made_up(&self, id: TypeId) -> String {
        format!("{}{id}", self.anonymous)
    }

    fn struct_name(&self, id: TypeId, typedef: Option<TypeId>) -> StructName {
        let head = self.btf.head(id);
        let name = self.btf.name(id);
        if name.is_empty() {
            return StructName(self.tag(id, typedef).unwrap_or_else(|| self.made_up(id)));
        }
        let union = head.kind == Kind::Union || head.kind == Kind::Fwd && head.flag;
        StructName(format!("{} {name}", if union { "union" } else { "struct" }))
    }

    /// The definition behind a name: `struct sock`, `union foo`, `anon 12`, or a typedef of an anonymous struct.
    pub fn structure(&self, name: &StructName) -> Option<StructDef> {
        let text = name.0.as_str();
        let id = if let Some(tag) = text.strip_prefix("struct ") {
            self.btf.find(tag, &[Kind::Struct])?
        } else if let Some(tag) = text.strip_prefix("union ") {
            self.btf.find(tag, &[Kind::Union])?
        } else if let Some(number) = text.strip_prefix(self.anonymous) {
            number.parse().ok()?
        } else {
            self.btf.strip(self.btf.find(text, &[Kind::Typedef])?)
        };
        let head = self.btf.head(id);
        if !matches!(head.kind, Kind::Struct | Kind::Union) {
            return None;
        }
        let mut fields = Vec::with_capacity(head.len);
        for member in self.btf.members(id) {
            fields.push(FieldDef {
                name: member.name.to_owned(),
                ty: self.ty(member.ty),
                bit_offset: member.bit_offset,
                bit_width: (member.bit_width != 0).then_some(member.bit_width),
            });
        }
        Some(StructDef {
            name: name.clone(),
            is_union: head.kind == Kind::Union,
            size: head.size_or_type,
            align: self.align(id),
            fields,
            origin: self.origin,
        })
    }

    /// Bytes of alignment. BTF does not tell: it is that of the most demanding member, unless a member lies where that
    /// alignment would not allow it.
    pub fn align(&self, id: TypeId) -> u32 {
        let id = self.btf.strip(id);
        let head = self.btf.head(id);
        match head.kind {
            Kind::Int | Kind::Enum | Kind::Enum64 | Kind::Float => head.size_or_type.clamp(1, 16),
            Kind::Ptr => 8,
            Kind::Array => self.align(self.btf.array(id).0),
            Kind::Struct | Kind::Union => {
                let mut align = 1;
                for member in self.btf.members(id) {
                    let wanted = self.align(member.ty);
                    if member.bit_width != 0 || member.bit_offset % (wanted * 8) == 0 {
                        align = align.max(wanted);
                    }
                }
                while align > 1 && !head.size_or_type.is_multiple_of(align) {
                    align /= 2;
                }
                align
            }
            _ => 1,
        }
    }

    /// Bytes of a type; 0 for incomplete ones.
    pub fn size(&self, id: TypeId) -> u32 {
        let id = self.btf.strip(id);
        let head = self.btf.head(id);
        match head.kind {
            Kind::Int | Kind::Enum | Kind::Enum64 | Kind::Float | Kind::Struct | Kind::Union => head.size_or_type,
            Kind::Ptr => 8,
            Kind::Array => {
                let (element, len) = self.btf.array(id);
                self.size(element) * len
            }
            _ => 0,
        }
    }

    /// A typedef or base type by name. C's spellings (`unsigned long`, `long long`) are understood.
    pub fn typedef(&self, name: &str) -> Option<Type> {
        if let Some(id) = self.btf.find(name, &[Kind::Typedef, Kind::Int]) {
            return Some(self.ty(id));
        }
        name.contains(' ').then(|| super::tracepoints::base_type_by_name(name))?
    }

    /// An enum by tag (or the typedef that names it) with its enumerators.
    pub fn enumeration(&self, name: &str) -> Option<(Type, Vec<(String, i64)>)> {
        let id = match name.strip_prefix(self.anonymous) {
            Some(number) => number.parse().ok()?,
            None => match self.btf.find(name, &[Kind::Enum, Kind::Enum64]) {
                Some(id) => id,
                None => self.btf.find(name, &[Kind::Typedef])?,
            },
        };
        let stripped = self.btf.strip(id);
        if !matches!(self.btf.head(stripped).kind, Kind::Enum | Kind::Enum64) {
            return None;
        }
        let names = self.btf.enumerators(stripped).map(|(name, value)| (name.to_owned(), value)).collect();
        Some((self.enum_type(stripped).unwrap_or_else(|| self.ty(id)), names))
    }

    /// An enumerator: its enum and value.
    pub fn enumerator(&self, name: &str) -> Option<(Type, i64)> {
        self.btf.find_enumerator(name).map(|(id, value)| (self.enum_type(id).unwrap_or_else(|| self.ty(id)), value))
    }

    /// The type of a nameless enum's enumerators, which have their names for all that.
    fn enum_type(&self, id: TypeId) -> Option<Type> {
        let name = self.btf.name(id);
        let repr = IntType { bits: 64, signed: self.btf.is_signed_enum(id) };
        name.starts_with(NAMELESS_ENUM).then(|| Type::Enum { name: name.to_owned(), repr })
    }
}
