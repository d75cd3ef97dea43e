//! Types as written → types.

use super::lower::Lower;
use crate::codes;
use crate::diagnostics::Diagnostic;
use crate::source::Span;
use crate::syntax::ast::{self, Arg, TypeNameKind};
use crate::types::{AddressSpace, IntType, Origin, StructName, Type};

impl Lower<'_> {
    /// The type that a name stands for; an unknown one is reported.
    pub fn type_name(&mut self, written: &ast::TypeName) -> Option<Type> {
        self.type_name_at(written, written.span)
    }

    /// The same, where an unknown name is reported at `span`: with the stars of a pointer.
    fn type_name_at(&mut self, written: &ast::TypeName, span: Span) -> Option<Type> {
        match &written.kind {
            TypeNameKind::Named(name) => match self.named_type(name) {
                Some(ty) => Some(ty),
                None => self.unknown_type(name, span),
            },
            TypeNameKind::Struct(name) => self.struct_type("struct", name, span),
            TypeNameKind::Union(name) => self.struct_type("union", name, span),
            TypeNameKind::Enum(name) => match self.kernel.enumeration(name).map(|(ty, _)| ty) {
                Some(ty) => {
                    self.know_type(&ty);
                    Some(ty)
                }
                None => self.unknown_type(&format!("enum {name}"), span),
            },
            TypeNameKind::Pointer(to) => {
                let to = match &to.kind {
                    // A pointer to what is not known is still a pointer.
                    TypeNameKind::Named(name) if name == "void" => Type::Void,
                    _ => self.type_name_at(to, span)?,
                };
                Some(Type::Pointer { to: Box::new(to), space: AddressSpace::None })
            }
            TypeNameKind::Array(of, len) => {
                let of = self.type_name(of)?;
                let len = match len {
                    Some(len) => {
                        let value = self.expr(len);
                        match super::fold::constant_int(&value).and_then(|n| u32::try_from(n).ok()) {
                            Some(len) => len,
                            None => {
                                self.error(codes::NOT_CONSTANT, len.span, "Array size must be a literal");
                                return None;
                            }
                        }
                    }
                    None => 0,
                };
                Some(Type::Array { of: Box::new(of), len })
            }
            TypeNameKind::Sized(name, size) => match name.as_str() {
                "string" => Some(Type::String { capacity: *size as u32 }),
                "buffer" => Some(Type::Buffer { capacity: *size as u32 }),
                other => {
                    let of = self.named_type(other);
                    match of {
                        Some(of) => Some(Type::Array { of: Box::new(of), len: *size as u32 }),
                        None => self.unknown_type(other, span),
                    }
                }
            },
            TypeNameKind::Typeof(arg) => self.type_of_arg(arg),
            TypeNameKind::Tuple(items) => {
                Some(Type::Tuple(items.iter().map(|item| self.type_name(item)).collect::<Option<_>>()?))
            }
        }
    }

    /// The type of an expression or named type; the expression is not evaluated.
    pub fn type_of_arg(&mut self, arg: &Arg) -> Option<Type> {
        match arg {
            Arg::Type(ty) => self.type_name(ty),
            Arg::Expr(expr) => {
                // A word may name a type as well as a value.
                if let ast::ExprKind::Ident(name) = &expr.kind
                    && !crate::stdlib::is_builtin(name)
                    && let Some(ty) = self.named_type(name)
                {
                    return Some(ty);
                }
                if let ast::ExprKind::Map(name) = &expr.kind
                    && let Some(at) = self.map_index.get(name).copied()
                    && self.map_keyed(crate::program::MapId(at)) == Some(true)
                {
                    // `typeof(@m)` of a keyed map is its key's type.
                    return Some(self.map_key_type(crate::program::MapId(at)));
                }
                let value = self.expr_unevaluated(expr);
                (!self.is_poison(&value)).then_some(value.ty)
            }
        }
    }

    /// Lowers an expression for its type alone.
    pub fn expr_unevaluated(&mut self, expr: &ast::Expr) -> crate::program::Expr {
        let (actions, settings) = (self.actions.len(), self.rodata.len());
        let value = self.expr(expr);
        self.actions.truncate(actions);
        self.rodata.truncate(settings);
        value
    }

    /// A type of one name: bpftrace's, C's, the script's, the kernel's.
    pub fn named_type(&mut self, name: &str) -> Option<Type> {
        if let Some(ty) = base_type(name) {
            return Some(match ty {
                Type::String { .. } => Type::String { capacity: self.settings.config.max_strlen },
                other => other,
            });
        }
        let plain = StructName(name.to_owned());
        if self.structure(&plain).is_some() {
            return Some(Type::Struct(plain));
        }
        if let Some(ty) = self.kernel.typedef(name) {
            self.know_type(&ty);
            return Some(ty);
        }
        self.kernel_tag(name)
    }

    /// A struct or union of the kernel by its tag alone: `(task_struct *)arg0`. The script's own need their keyword.
    fn kernel_tag(&mut self, name: &str) -> Option<Type> {
        ["struct", "union"].iter().map(|word| StructName(format!("{word} {name}"))).find_map(|full| {
            let def = self.structure(&full)?;
            (def.origin == Origin::Kernel).then_some(Type::Struct(full))
        })
    }

    fn struct_type(&mut self, word: &str, name: &str, span: Span) -> Option<Type> {
        let full = StructName(format!("{word} {name}"));
        if self.structure(&full).is_some() {
            return Some(Type::Struct(full));
        }
        // `struct foo` where foo is a typedef, and the other way round.
        let bare = StructName(name.to_owned());
        if self.structure(&bare).is_some() {
            return Some(Type::Struct(bare));
        }
        self.unknown_type(&full.0, span)
    }

    fn unknown_type(&mut self, name: &str, span: Span) -> Option<Type> {
        let error = Diagnostic::error(codes::UNKNOWN_TYPE, span, format!("Cannot resolve unknown type \"{name}\""));
        let tagged = ["struct", "union"].iter().map(|word| format!("{word} {name}"));
        let near = tagged
            .take_while(|_| !name.contains(' '))
            .find(|full| self.structure(&StructName(full.clone())).is_some())
            .or_else(|| super::names::nearest(name, BASE_TYPES.iter().map(|(name, ..)| *name)));
        self.report(match near {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error,
        });
        None
    }
}

const BASE_TYPES: [(&str, u8, bool); 44] = [
    ("int8", 8, true),
    ("int16", 16, true),
    ("int32", 32, true),
    ("int64", 64, true),
    ("uint8", 8, false),
    ("uint16", 16, false),
    ("uint32", 32, false),
    ("uint64", 64, false),
    ("int8_t", 8, true),
    ("int16_t", 16, true),
    ("int32_t", 32, true),
    ("int64_t", 64, true),
    ("uint8_t", 8, false),
    ("uint16_t", 16, false),
    ("uint32_t", 32, false),
    ("uint64_t", 64, false),
    ("u8", 8, false),
    ("u16", 16, false),
    ("u32", 32, false),
    ("u64", 64, false),
    ("s8", 8, true),
    ("s16", 16, true),
    ("s32", 32, true),
    ("s64", 64, true),
    ("__u8", 8, false),
    ("__u16", 16, false),
    ("__u32", 32, false),
    ("__u64", 64, false),
    ("__s8", 8, true),
    ("__s16", 16, true),
    ("__s32", 32, true),
    ("__s64", 64, true),
    ("int", 32, true),
    ("unsigned int", 32, false),
    ("unsigned", 32, false),
    ("char", 8, true),
    ("unsigned char", 8, false),
    ("short", 16, true),
    ("unsigned short", 16, false),
    ("long", 64, true),
    ("unsigned long", 64, false),
    ("long long", 64, true),
    ("unsigned long long", 64, false),
    ("size_t", 64, false),
];

/// Types that need no kernel.
pub(crate) fn base_type(name: &str) -> Option<Type> {
    let other = match name {
        "bool" | "_Bool" => Some(Type::Bool),
        "void" => Some(Type::Void),
        "string" => Some(Type::String { capacity: 0 }),
        "signed char" => Some(Type::Int(IntType::I8)),
        "ssize_t" | "long int" | "signed long" => Some(Type::I64),
        "uintptr_t" | "long unsigned int" | "long long unsigned int" => Some(Type::U64),
        "signed int" | "signed" => Some(Type::Int(IntType::I32)),
        "short int" => Some(Type::Int(IntType { bits: 16, signed: true })),
        "short unsigned int" | "unsigned short int" => Some(Type::Int(IntType { bits: 16, signed: false })),
        "username_t" => Some(Type::UserName),
        "ksym_t" => Some(Type::KernelSymbol),
        "usym_t" => Some(Type::UserSymbol),
        "inet_t" => Some(Type::Inet),
        "macaddr_t" => Some(Type::MacAddress),
        _ => None,
    };
    other.or_else(|| {
        BASE_TYPES
            .iter()
            .find(|(known, ..)| *known == name)
            .map(|(_, bits, signed)| Type::Int(IntType { bits: *bits, signed: *signed }))
    })
}
