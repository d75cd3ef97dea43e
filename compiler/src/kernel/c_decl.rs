//! C declarations of kernel types, for the script's C text that mentions them.

use std::collections::HashSet;
use std::fmt::Write;

use super::btf::{Btf, Kind, Member, TypeId};
use super::convert::Converter;

/// Writes declarations in an order that C takes.
pub struct Declarations<'a> {
    types: Converter<'a>,
    out: String,
    /// Complete definitions, and forward declarations.
    complete: HashSet<TypeId>,
    mentioned: HashSet<TypeId>,
    enumerators: HashSet<String>,
}

impl<'a> Declarations<'a> {
    /// Nothing yet.
    pub fn new(types: Converter<'a>) -> Self {
        let (complete, mentioned, enumerators) = (HashSet::new(), HashSet::new(), HashSet::new());
        Declarations { types, out: String::new(), complete, mentioned, enumerators }
    }

    /// The C text.
    pub fn finish(self) -> String {
        self.out
    }

    fn btf(&self) -> &'a Btf {
        self.types.btf
    }

    /// Declares what `name` names: `struct foo`, `enum foo`, a typedef, or an enumerator. False: BTF does not know it.
    pub fn declare(&mut self, name: &str) -> bool {
        let found = match name.split_once(' ') {
            Some(("struct", tag)) => self.btf().find(tag, &[Kind::Struct]),
            Some(("union", tag)) => self.btf().find(tag, &[Kind::Union]),
            Some(("enum", tag)) => self.btf().find(tag, &[Kind::Enum, Kind::Enum64]),
            _ => {
                let typedef = self.btf().find(name, &[Kind::Typedef]);
                typedef.or_else(|| self.btf().find_enumerator(name).map(|(id, _)| id))
            }
        };
        let Some(id) = found else { return false };
        if self.btf().head(id).kind == Kind::Typedef {
            self.typedef(id);
            self.complete(id);
        } else {
            self.complete(id);
        }
        true
    }

    /// Makes `id` a complete type, so that members of it can be declared.
    fn complete(&mut self, id: TypeId) {
        let head = self.btf().head(id);
        match head.kind {
            Kind::Const | Kind::Volatile | Kind::Restrict | Kind::TypeTag => self.complete(head.size_or_type),
            Kind::Typedef => {
                if !self.is_plain(id) {
                    self.typedef(id);
                }
                self.complete(head.size_or_type);
            }
            Kind::Array => self.complete(self.btf().array(id).0),
            Kind::Ptr | Kind::FuncProto | Kind::Fwd => self.mention(id),
            Kind::Enum | Kind::Enum64 => self.enumeration(id),
            Kind::Struct | Kind::Union => {
                if !self.complete.insert(id) {
                    return;
                }
                let members: Vec<Member<'a>> = self.btf().members(id).collect();
                for member in &members {
                    self.complete(member.ty);
                }
                if !self.btf().name(id).is_empty() {
                    let body = self.body(id);
                    let _ = writeln!(self.out, "{body};");
                }
            }
            _ => {}
        }
    }

    /// Makes `id` known enough for pointers to it.
    fn mention(&mut self, id: TypeId) {
        let head = self.btf().head(id);
        match head.kind {
            Kind::Ptr | Kind::Const | Kind::Volatile | Kind::Restrict | Kind::TypeTag => {
                self.mention(head.size_or_type)
            }
            Kind::Typedef if !self.is_plain(id) => self.typedef(id),
            // An array's elements are complete even behind a pointer.
            Kind::Array => self.complete(id),
            Kind::Enum | Kind::Enum64 => self.enumeration(id),
            Kind::FuncProto => {
                if !self.mentioned.insert(id) {
                    return;
                }
                self.mention(head.size_or_type);
                let params: Vec<TypeId> = self.btf().params(id).map(|(_, ty)| ty).collect();
                params.into_iter().for_each(|ty| self.mention(ty));
            }
            Kind::Struct | Kind::Union | Kind::Fwd => {
                if self.btf().name(id).is_empty() {
                    self.complete(id);
                } else if self.mentioned.insert(id) {
                    let _ = writeln!(self.out, "{};", self.tag(id));
                }
            }
            _ => {}
        }
    }

    fn typedef(&mut self, id: TypeId) {
        if !self.complete.insert(id) {
            return;
        }
        let target = self.btf().head(id).size_or_type;
        self.mention(target);
        let declaration = self.declarator(target, self.btf().name(id).to_owned());
        let _ = writeln!(self.out, "typedef {declaration};");
    }

    fn enumeration(&mut self, id: TypeId) {
        if !self.complete.insert(id) {
            return;
        }
        let mut names = Vec::new();
        for (name, value) in self.btf().enumerators(id) {
            // The kernel has enumerators of one name in several enums of different files.
            if self.enumerators.insert(name.to_owned()) {
                names.push(format!("{name} = {value}"));
            }
        }
        let tag = self.btf().name(id);
        if names.is_empty() {
            names.push(format!("tw_no_name_{id}"));
        }
        let packed = if self.btf().head(id).size_or_type < 4 { " __attribute__((packed))" } else { "" };
        let _ = writeln!(self.out, "enum {tag} {{ {} }}{packed};", names.join(", "));
    }

    /// Typedefs of integers are written as what they are, lest they clash with those of the C library.
    fn is_plain(&self, id: TypeId) -> bool {
        matches!(self.btf().head(self.btf().strip(id)).kind, Kind::Int | Kind::Void | Kind::Float)
    }

    fn tag(&self, id: TypeId) -> String {
        let head = self.btf().head(id);
        let union = head.kind == Kind::Union || head.kind == Kind::Fwd && head.flag;
        format!("{} {}", if union { "union" } else { "struct" }, self.btf().name(id))
    }

    /// `struct foo { … }`, padded explicitly where C would lay it out otherwise.
    fn body(&self, id: TypeId) -> String {
        let head = self.btf().head(id);
        let keyword = if head.kind == Kind::Union { "union" } else { "struct" };
        let natural = head.kind == Kind::Union || self.is_natural(id);
        let mut out = format!("{keyword} {} {{ ", self.btf().name(id));
        let mut at = 0;
        for (n, member) in self.btf().members(id).enumerate() {
            if !natural {
                out += &padding(at, member.bit_offset, n);
            }
            out += &self.declarator(member.ty, member.name.to_owned());
            if member.bit_width != 0 {
                let _ = write!(out, " : {}", member.bit_width);
                at = member.bit_offset + u32::from(member.bit_width);
            } else {
                at = member.bit_offset + self.types.size(member.ty) * 8;
            }
            out += "; ";
        }
        if !natural {
            out += &padding(at, head.size_or_type * 8, head.len);
            let _ = write!(out, "}} __attribute__((packed, aligned({})))", self.types.align(id));
            return out;
        }
        out + "}"
    }

    /// Whether C's own rules give each member the place it has.
    fn is_natural(&self, id: TypeId) -> bool {
        let mut at = 0;
        for member in self.btf().members(id) {
            if member.bit_width != 0 {
                at = member.bit_offset + u32::from(member.bit_width);
                continue;
            }
            let align = self.types.align(member.ty).max(1) * 8;
            if at.next_multiple_of(align) != member.bit_offset {
                return false;
            }
            at = member.bit_offset + self.types.size(member.ty) * 8;
        }
        let align = self.types.align(id).max(1) * 8;
        at.next_multiple_of(align) == self.btf().head(id).size_or_type * 8
    }

    /// A declaration of `inner` as a thing of type `id`, inside out as C has it.
    fn declarator(&self, id: TypeId, inner: String) -> String {
        let head = self.btf().head(id);
        match head.kind {
            Kind::Const | Kind::Volatile | Kind::Restrict | Kind::TypeTag => self.declarator(head.size_or_type, inner),
            Kind::Ptr => {
                let mut target = head.size_or_type;
                while matches!(
                    self.btf().head(target).kind,
                    Kind::Const | Kind::Volatile | Kind::Restrict | Kind::TypeTag
                ) {
                    target = self.btf().head(target).size_or_type;
                }
                let inner = match self.btf().head(target).kind {
                    Kind::Array | Kind::FuncProto => format!("(*{inner})"),
                    _ => format!("*{inner}"),
                };
                self.declarator(target, inner)
            }
            Kind::Array => {
                let (element, len) = self.btf().array(id);
                self.declarator(element, format!("{inner}[{len}]"))
            }
            Kind::FuncProto => {
                let params: Vec<String> = self
                    .btf()
                    .params(id)
                    .map(|(_, ty)| if ty == 0 { "...".to_owned() } else { self.declarator(ty, String::new()) })
                    .collect();
                let params = if params.is_empty() { "void".to_owned() } else { params.join(", ") };
                self.declarator(head.size_or_type, format!("{inner}({params})"))
            }
            Kind::Typedef if self.is_plain(id) => self.declarator(self.btf().strip(id), inner),
            Kind::Typedef | Kind::Int | Kind::Float => format!("{} {inner}", self.btf().name(id)),
            Kind::Struct | Kind::Union if self.btf().name(id).is_empty() => format!("{} {inner}", self.body(id)),
            Kind::Struct | Kind::Union | Kind::Fwd => format!("{} {inner}", self.tag(id)),
            Kind::Enum | Kind::Enum64 => match self.btf().name(id) {
                "" => format!("{} {inner}", if head.flag { "int" } else { "unsigned int" }),
                name => format!("enum {name} {inner}"),
            },
            _ => format!("void {inner}"),
        }
    }
}

fn padding(from: u32, to: u32, n: usize) -> String {
    let mut out = String::new();
    let bits = (from.next_multiple_of(8)).min(to) - from.min(to);
    if bits > 0 {
        let _ = write!(out, "unsigned char : {bits}; ");
    }
    let bytes = to.saturating_sub(from.next_multiple_of(8)) / 8;
    if bytes > 0 {
        let _ = write!(out, "unsigned char tw_padding_{n}[{bytes}]; ");
    }
    let rest = to.saturating_sub(from.next_multiple_of(8)) % 8;
    if rest > 0 {
        let _ = write!(out, "unsigned char : {rest}; ");
    }
    out
}
