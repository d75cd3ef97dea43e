//! Types that expressions of a parameter name: those of the running kernel, and C's own.

use std::ffi::OsStr;

use libbpf_rs::Btf;
use libbpf_rs::btf::types::{Array, Composite, Enum, Enum64, Func, FuncProto, Int, IntEncoding, MemberAttr, Ptr};
use libbpf_rs::btf::{BtfType, HasSize, TypeId};

use crate::error::Result;
use crate::find::tracefs;
use crate::spec::split::refuse;

/// A type, as far as reading values goes.
#[derive(Clone, Debug, PartialEq)]
pub enum CType {
    /// Bytes, negative if there is a sign; 0 when only the value tells.
    Int(i32),
    Pointer(Box<CType>),
    /// Elements one after the other.
    Array(Box<CType>),
    Struct(u32),
    Void,
}

impl CType {
    pub const LONG: CType = CType::Int(-8);

    /// Bytes that a value has in a register or in memory, negative if there is a sign.
    pub fn width(&self) -> i32 {
        match self {
            CType::Int(size) => *size,
            _ => 8,
        }
    }

    pub fn is_signed(&self) -> bool {
        matches!(self, CType::Int(size) if *size <= 0)
    }
}

/// A parameter of the probed function.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    pub name: String,
    pub ty: CType,
}

/// A field of a tracepoint.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    pub name: String,
    pub offset: i64,
    pub ty: CType,
    /// The field tells where the text is.
    pub is_located: bool,
}

/// The running kernel's types.
pub struct Types {
    btf: Option<Btf<'static>>,
}

impl Types {
    pub fn of_kernel() -> Self {
        Types { btf: Btf::from_vmlinux().ok() }
    }

    /// Parameters and result of a function of the kernel.
    pub fn function(&self, name: &str) -> Option<(Vec<Parameter>, CType)> {
        let function = self.btf.as_ref()?.type_by_name::<Func<'_>>(name)?;
        let prototype = FuncProto::try_from(function.next_type()?).ok()?;
        let parameter = |(name, ty): (Option<&OsStr>, TypeId)| Parameter {
            name: name.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            ty: self.by_id(ty),
        };
        let parameters = prototype.iter().map(|member| parameter((member.name, member.ty))).collect();
        let result = prototype.next_type().map_or(CType::Void, |ty| self.convert(ty));
        Some((parameters, result))
    }

    /// Type and bytes from the start of a member, unless it is a bitfield.
    pub fn member(&self, of: u32, name: &str) -> Option<(CType, i64)> {
        let composite = self.btf.as_ref()?.type_by_id::<Composite<'_>>(TypeId::from(of))?;
        for member in composite.iter() {
            let MemberAttr::Normal { offset } = member.attr else { continue };
            let offset = i64::from(offset / 8);
            match member.name {
                Some(known) if known == name => return Some((self.by_id(member.ty), offset)),
                Some(known) if !known.is_empty() => {}
                _ => {
                    if let CType::Struct(inner) = self.by_id(member.ty)
                        && let Some((ty, inside)) = self.member(inner, name)
                    {
                        return Some((ty, offset + inside));
                    }
                }
            }
        }
        None
    }

    /// Bytes of a type.
    pub fn size(&self, ty: &CType) -> i64 {
        match ty {
            CType::Int(size) => i64::from(size.unsigned_abs()).max(1),
            CType::Struct(id) => {
                let composite = self.btf.as_ref().and_then(|btf| btf.type_by_id::<Composite<'_>>(TypeId::from(*id)));
                composite.map_or(1, |composite| composite.size() as i64)
            }
            CType::Pointer(_) => 8,
            CType::Array(_) | CType::Void => 1,
        }
    }

    fn by_id(&self, id: TypeId) -> CType {
        let found = self.btf.as_ref().and_then(|btf| btf.type_by_id::<BtfType<'_>>(id));
        found.map_or(CType::Void, |ty| self.convert(ty))
    }

    fn convert(&self, ty: BtfType<'_>) -> CType {
        let ty = ty.skip_mods_and_typedefs();
        if let Ok(int) = Int::try_from(ty) {
            let size = int.size() as i32;
            return CType::Int(if matches!(int.encoding, IntEncoding::Signed | IntEncoding::Char) {
                -size
            } else {
                size
            });
        }
        if Ptr::try_from(ty).is_ok() {
            // Structs point to each other: what is pointed to is looked at no further.
            return CType::Pointer(Box::new(ty.next_type().map_or(CType::Void, |to| self.convert_flat(to))));
        }
        self.convert_flat(ty)
    }

    /// A type; of pointers and arrays only as much as one step needs.
    fn convert_flat(&self, ty: BtfType<'_>) -> CType {
        let ty = ty.skip_mods_and_typedefs();
        if let Ok(composite) = Composite::try_from(ty) {
            return CType::Struct(composite.type_id().into());
        }
        if let Ok(array) = Array::try_from(ty) {
            return CType::Array(Box::new(self.convert(array.contained_type())));
        }
        if let Ok(number) = Enum::try_from(ty) {
            return CType::Int(number.size() as i32 * if number.is_signed() { -1 } else { 1 });
        }
        if let Ok(number) = Enum64::try_from(ty) {
            return CType::Int(if number.is_signed() { -8 } else { 8 });
        }
        if Int::try_from(ty).is_ok() || Ptr::try_from(ty).is_ok() { self.convert(ty) } else { CType::Void }
    }

    /// `struct sock *sk, u32 x`
    ///
    /// # Errors
    /// A type that the kernel does not have.
    pub fn parameters(&self, signature: &str) -> Result<Vec<Parameter>> {
        let mut found = Vec::new();
        for text in signature.split(',').map(str::trim).filter(|text| !text.is_empty() && *text != "void") {
            let start = text.trim_end_matches(|c: char| c.is_alphanumeric() || c == '_').len();
            let (ty, name) = text.split_at(start);
            found.push(Parameter { name: name.to_owned(), ty: self.named(ty)? });
        }
        Ok(found)
    }

    /// `const struct sock *`
    ///
    /// # Errors
    /// A type that the kernel does not have.
    pub fn named(&self, text: &str) -> Result<CType> {
        let stars = text.matches('*').count();
        let words: Vec<&str> = text
            .split(|c: char| c.is_whitespace() || c == '*')
            .filter(|word| !matches!(*word, "" | "const" | "volatile" | "__user" | "restrict"))
            .collect();
        let mut ty = match words.as_slice() {
            ["void"] => CType::Void,
            ["struct" | "union", name] => self.composite(name)?,
            ["enum", _] => CType::Int(4),
            words => match number(&words.join(" ")) {
                Some(size) => CType::Int(size),
                None => self.typedef(words)?,
            },
        };
        for _ in 0..stars {
            ty = CType::Pointer(Box::new(ty));
        }
        Ok(ty)
    }

    /// A struct by name. User space's times have other names in the kernel.
    fn composite(&self, name: &str) -> Result<CType> {
        let others = match name {
            "timespec" => "__kernel_timespec",
            "timeval" => "__kernel_old_timeval",
            _ => name,
        };
        let find = |name| self.btf.as_ref().and_then(|btf| btf.type_by_name::<Composite<'_>>(name));
        match find(name).or_else(|| find(others)) {
            Some(composite) => Ok(CType::Struct(composite.type_id().into())),
            None => Err(refuse(&format!("the kernel has no struct {name}, and others are not known here"))),
        }
    }

    fn typedef(&self, words: &[&str]) -> Result<CType> {
        if let [name] = words
            && let Some(btf) = &self.btf
            && let Some(ty) = btf.type_by_name::<BtfType<'_>>(name)
        {
            return Ok(self.convert(ty));
        }
        Err(refuse(&format!("what type is \"{}\"?", words.join(" "))))
    }
}

/// Bytes of an integer type, negative if it has a sign.
fn number(name: &str) -> Option<i32> {
    Some(match name {
        "char" | "signed char" | "s8" | "__s8" | "int8_t" => -1,
        "unsigned char" | "u8" | "__u8" | "uint8_t" | "bool" | "_Bool" => 1,
        "short" | "short int" | "s16" | "__s16" | "int16_t" => -2,
        "unsigned short" | "unsigned short int" | "u16" | "__u16" | "uint16_t" | "__be16" => 2,
        "int" | "signed" | "signed int" | "s32" | "__s32" | "int32_t" | "pid_t" => -4,
        "unsigned" | "unsigned int" | "u32" | "__u32" | "uint32_t" | "__be32" | "uid_t" | "gid_t" => 4,
        "long" | "long int" | "long long" | "long long int" | "s64" | "__s64" | "int64_t" | "ssize_t" | "loff_t"
        | "off_t" => -8,
        "unsigned long" | "unsigned long int" | "unsigned long long" | "u64" | "__u64" | "uint64_t" | "size_t"
        | "uintptr_t" => 8,
        _ => return None,
    })
}

/// Fields of a tracepoint, by its format.
pub fn fields(category: &str, event: &str) -> Option<Vec<Field>> {
    let path = tracefs::get()?.path(&format!("events/{category}/{event}/format"));
    let text = std::fs::read_to_string(path).ok()?;
    Some(text.lines().filter_map(field).collect())
}

/// `field:char comm[16]; offset:8; size:16; signed:0;`, with tabs between.
fn field(line: &str) -> Option<Field> {
    let mut parts = line.trim().split(';').map(str::trim);
    let declaration = parts.next()?.strip_prefix("field:")?;
    let mut number = |name: &str| parts.next()?.strip_prefix(name)?.parse::<i64>().ok();
    let (offset, size, signed) = (number("offset:")?, number("size:")?, number("signed:")?);
    let is_located = declaration.starts_with("__data_loc");
    let name_part = declaration.split('[').next().filter(|_| !is_located).unwrap_or(declaration);
    let name = name_part.rsplit(|c: char| c.is_whitespace() || c == '*').next()?;
    let is_array = is_located || declaration.contains('[');
    let sign = if signed != 0 { -1 } else { 1 };
    let ty = if is_array {
        CType::Array(Box::new(CType::Int(-1)))
    } else if declaration.contains('*') {
        CType::Pointer(Box::new(CType::Int(-1)))
    } else {
        CType::Int(size as i32 * sign)
    };
    Some(Field { name: name.to_owned(), offset, ty, is_located })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_a_format() {
        let id = field("\tfield:long id;\toffset:8;\tsize:8;\tsigned:1;").unwrap();
        assert_eq!((id.name.as_str(), id.offset, id.ty), ("id", 8, CType::Int(-8)));
        let comm = field("\tfield:char prev_comm[16];\toffset:8;\tsize:16;\tsigned:0;").unwrap();
        assert_eq!((comm.name.as_str(), comm.is_located), ("prev_comm", false));
        let path = field("\tfield:__data_loc char[] filename;\toffset:8;\tsize:4;\tsigned:0;").unwrap();
        assert_eq!((path.name.as_str(), path.is_located), ("filename", true));
        let pointer = field("\tfield:const char * filename;\toffset:24;\tsize:8;\tsigned:0;").unwrap();
        assert_eq!(pointer.name, "filename");
    }

    #[test]
    fn signatures_without_types_of_the_kernel() {
        let types = Types { btf: None };
        let parameters = types.parameters("int fd, const char *path, size_t n").unwrap();
        assert_eq!(parameters[0], Parameter { name: "fd".into(), ty: CType::Int(-4) });
        assert_eq!(parameters[1].ty, CType::Pointer(Box::new(CType::Int(-1))));
        assert_eq!(parameters[2], Parameter { name: "n".into(), ty: CType::Int(8) });
        assert!(types.parameters("struct nothing *x").is_err());
    }
}
