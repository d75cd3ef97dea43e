//! A reader of BTF: types by id and by name, straight from the bytes.
//!
//! Kernels have more than a hundred thousand types and a script uses a few dozen, so nothing is decoded before it is
//! asked for; a hash over the names finds a type without touching the others.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

/// BTF_KIND_* of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the format's")]
pub enum Kind {
    Void,
    Int,
    Ptr,
    Array,
    Struct,
    Union,
    Enum,
    Fwd,
    Typedef,
    Volatile,
    Const,
    Restrict,
    Func,
    FuncProto,
    Var,
    Datasec,
    Float,
    DeclTag,
    TypeTag,
    Enum64,
    Unknown,
}

const KINDS: [Kind; 20] = [
    Kind::Void,
    Kind::Int,
    Kind::Ptr,
    Kind::Array,
    Kind::Struct,
    Kind::Union,
    Kind::Enum,
    Kind::Fwd,
    Kind::Typedef,
    Kind::Volatile,
    Kind::Const,
    Kind::Restrict,
    Kind::Func,
    Kind::FuncProto,
    Kind::Var,
    Kind::Datasec,
    Kind::Float,
    Kind::DeclTag,
    Kind::TypeTag,
    Kind::Enum64,
];

/// Index of a type; 0 is `void`.
pub type TypeId = u32;

/// The head of a type.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    /// What it is.
    pub kind: Kind,
    /// Number of members, parameters or enumerators.
    pub len: usize,
    /// Struct: members carry bitfield widths. Enum: signed. Fwd: a union.
    pub flag: bool,
    /// Bytes of the type, or the type it refers to.
    pub size_or_type: u32,
    name: u32,
    body: usize,
}

/// A member of a struct or union.
#[derive(Clone, Copy, Debug)]
pub struct Member<'a> {
    /// Empty for anonymous members.
    pub name: &'a str,
    /// Its type.
    pub ty: TypeId,
    /// From the start of the struct.
    pub bit_offset: u32,
    /// Width of a bitfield, 0 for none.
    pub bit_width: u8,
}

/// Bytes that are no BTF.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BtfError(pub &'static str);

impl std::fmt::Display for BtfError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "malformed BTF: {}", self.0)
    }
}

impl std::error::Error for BtfError {}

/// BTF of a kernel, or of a module on top of it.
#[derive(Debug)]
pub struct Btf {
    data: Vec<u8>,
    strings: usize,
    strings_len: usize,
    /// Offset of each own type in `data`.
    types: Vec<u32>,
    base: Option<Arc<Btf>>,
    first_id: u32,
    first_string: u32,
    index: OnceLock<NameIndex>,
    enums: OnceLock<Vec<TypeId>>,
    /// Values of enumerators where BTF has only their low halves, without a sign: clang before 15 wrote it so.
    exact: HashMap<String, i64>,
}

/// Hash chains over the names of types.
#[derive(Debug)]
struct NameIndex {
    heads: Vec<u32>,
    next: Vec<u32>,
}

const HEADER: usize = 24;

impl Btf {
    /// Reads a `.BTF` section or a file of `/sys/kernel/btf`. `base` is the kernel's for a module's.
    ///
    /// # Errors
    /// When the bytes are no BTF of this machine's byte order.
    pub fn new(data: Vec<u8>, base: Option<Arc<Btf>>) -> Result<Btf, BtfError> {
        if data.len() < HEADER || u16_at(&data, 0) != 0xeb9f {
            return Err(BtfError("no BTF header"));
        }
        let header = u32_at(&data, 4) as usize;
        let (types_at, types_len) = (u32_at(&data, 8) as usize, u32_at(&data, 12) as usize);
        let (strings_at, strings_len) = (u32_at(&data, 16) as usize, u32_at(&data, 20) as usize);
        let (types_at, strings) = (header + types_at, header + strings_at);
        if types_at + types_len > data.len() || strings + strings_len > data.len() {
            return Err(BtfError("sections are longer than the data"));
        }
        let mut types = Vec::with_capacity(types_len / 24);
        let (mut at, end) = (types_at, types_at + types_len);
        while at < end {
            types.push(at as u32);
            if at + 12 > end {
                return Err(BtfError("a type is cut off"));
            }
            at += 12 + body_len(u32_at(&data, at + 4)).ok_or(BtfError("unknown kind of type"))?;
        }
        if at != end {
            return Err(BtfError("the last type is cut off"));
        }
        let (first_id, first_string) = base
            .as_ref()
            .map_or((1, 0), |b| (b.first_id + b.types.len() as u32, b.first_string + b.strings_len as u32));
        Ok(Btf {
            data,
            strings,
            strings_len,
            types,
            base,
            first_id,
            first_string,
            index: OnceLock::new(),
            enums: OnceLock::new(),
            exact: HashMap::new(),
        })
    }

    /// Ids of the types that are defined here rather than in the base.
    pub fn own_ids(&self) -> std::ops::Range<TypeId> {
        self.first_id..self.first_id + self.types.len() as u32
    }

    /// Offset of the first own string: where the base's end.
    pub fn first_string(&self) -> u32 {
        self.first_string
    }

    /// Offset behind the last own string.
    pub fn strings_end(&self) -> u32 {
        self.first_string + self.strings_len as u32
    }

    /// The head of a type.
    pub fn head(&self, id: TypeId) -> Head {
        let void = Head { kind: Kind::Void, len: 0, flag: false, size_or_type: 0, name: 0, body: 0 };
        if id < self.first_id {
            return self.base.as_ref().map_or(void, |base| base.head(id));
        }
        let Some(&at) = self.types.get((id - self.first_id) as usize) else { return void };
        let at = at as usize;
        let info = u32_at(&self.data, at + 4);
        Head {
            kind: KINDS.get((info >> 24 & 0x1f) as usize).copied().unwrap_or(Kind::Unknown),
            len: (info & 0xffff) as usize,
            flag: info >> 31 == 1,
            size_or_type: u32_at(&self.data, at + 8),
            name: u32_at(&self.data, at),
            body: at + 12,
        }
    }

    /// Where the body of a type lies.
    fn owner(&self, id: TypeId) -> &Btf {
        match &self.base {
            Some(base) if id < self.first_id => base.owner(id),
            _ => self,
        }
    }

    fn string(&self, offset: u32) -> &str {
        if offset < self.first_string {
            return self.base.as_ref().map_or("", |base| base.string(offset));
        }
        std::str::from_utf8(self.string_bytes(offset)).unwrap_or("")
    }

    fn string_bytes(&self, offset: u32) -> &[u8] {
        if offset < self.first_string {
            return self.base.as_ref().map_or(&[], |base| base.string_bytes(offset));
        }
        let start = self.strings + (offset - self.first_string) as usize;
        let end = self.strings + self.strings_len;
        let Some(rest) = self.data.get(start..end) else { return &[] };
        &rest[..rest.iter().position(|&b| b == 0).unwrap_or(rest.len())]
    }

    /// Name of a type; empty for anonymous ones.
    pub fn name(&self, id: TypeId) -> &str {
        self.string(self.head(id).name)
    }

    /// Encoding bits of an integer: 1 signed, 2 char, 4 bool; then offset and width in bits.
    pub fn int(&self, id: TypeId) -> (u32, u32, u32) {
        let word = self.word(id, 0);
        (word >> 24 & 0xf, word >> 16 & 0xff, word & 0xff)
    }

    /// Element type and length of an array.
    pub fn array(&self, id: TypeId) -> (TypeId, u32) {
        (self.word(id, 0), self.word(id, 2))
    }

    /// Members of a struct or union.
    pub fn members(&self, id: TypeId) -> impl Iterator<Item = Member<'_>> {
        let (head, owner) = (self.head(id), self.owner(id));
        let own = matches!(head.kind, Kind::Struct | Kind::Union);
        (0..if own { head.len } else { 0 }).map(move |n| {
            let at = head.body + n * 12;
            let offset = u32_at(&owner.data, at + 8);
            let (bit_offset, bit_width) =
                if head.flag { (offset & 0xff_ffff, (offset >> 24) as u8) } else { (offset, 0) };
            Member {
                name: owner.string(u32_at(&owner.data, at)),
                ty: u32_at(&owner.data, at + 4),
                bit_offset,
                bit_width,
            }
        })
    }

    /// Makes the values of enumerators known.
    pub fn set_enumerators(&mut self, values: HashMap<String, i64>) {
        self.exact = values;
    }

    /// Whether an enum has negative values.
    pub fn is_signed_enum(&self, id: TypeId) -> bool {
        self.head(id).flag || !self.exact.is_empty() && self.enumerators(id).any(|(_, value)| value < 0)
    }

    /// Enumerators with their values.
    pub fn enumerators(&self, id: TypeId) -> impl Iterator<Item = (&str, i64)> {
        let (head, owner) = (self.head(id), self.owner(id));
        let step = match head.kind {
            Kind::Enum => 8,
            Kind::Enum64 => 12,
            _ => 0,
        };
        (0..if step == 0 { 0 } else { head.len }).map(move |n| {
            let at = head.body + n * step;
            let low = u32_at(&owner.data, at + 4);
            let value = match (head.kind, head.flag) {
                (Kind::Enum64, _) => (u64::from(u32_at(&owner.data, at + 8)) << 32 | u64::from(low)) as i64,
                // Kernels before 6.1 do not mark signed enums; negative values still have the top bit set.
                (_, true) => i64::from(low as i32),
                (_, false) => i64::from(low),
            };
            let name = owner.string(u32_at(&owner.data, at));
            (name, owner.exact.get(name).copied().unwrap_or(value))
        })
    }

    /// Parameters of a function prototype: name (empty where unnamed) and type.
    pub fn params(&self, id: TypeId) -> impl Iterator<Item = (&str, TypeId)> {
        let (head, owner) = (self.head(id), self.owner(id));
        (0..if head.kind == Kind::FuncProto { head.len } else { 0 }).map(move |n| {
            let at = head.body + n * 8;
            (owner.string(u32_at(&owner.data, at)), u32_at(&owner.data, at + 4))
        })
    }

    fn word(&self, id: TypeId, n: usize) -> u32 {
        let (head, owner) = (self.head(id), self.owner(id));
        u32_at(&owner.data, head.body + 4 * n)
    }

    /// `id` without typedefs, qualifiers and tags.
    pub fn strip(&self, mut id: TypeId) -> TypeId {
        // A chain this long is a cycle in malformed data.
        for _ in 0..64 {
            let head = self.head(id);
            match head.kind {
                Kind::Typedef | Kind::Const | Kind::Volatile | Kind::Restrict | Kind::TypeTag => id = head.size_or_type,
                _ => break,
            }
        }
        id
    }

    /// The type of that name and one of those kinds: here, else in the base.
    pub fn find(&self, name: &str, kinds: &[Kind]) -> Option<TypeId> {
        if name.is_empty() {
            return None;
        }
        let index = self.index.get_or_init(|| self.build_index());
        let mut at = index.heads[hash(name.as_bytes()) as usize & (index.heads.len() - 1)];
        while at != 0 {
            let id = self.first_id + at - 1;
            let head = self.head(id);
            if kinds.contains(&head.kind) && self.string_bytes(head.name) == name.as_bytes() {
                return Some(id);
            }
            at = index.next[at as usize - 1];
        }
        self.base.as_ref().and_then(|base| base.find(name, kinds))
    }

    fn build_index(&self) -> NameIndex {
        let mut heads = vec![0_u32; (self.types.len() * 2).next_power_of_two().max(16)];
        let mut next = vec![0_u32; self.types.len()];
        // Backwards, so that of several types with one name the first is found first.
        for n in (0..self.types.len()).rev() {
            let name = u32_at(&self.data, self.types[n] as usize);
            if name != 0 {
                let slot = hash(self.string_bytes(name)) as usize & (heads.len() - 1);
                next[n] = heads[slot];
                heads[slot] = n as u32 + 1;
            }
        }
        NameIndex { heads, next }
    }

    /// Own types of a kind.
    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = TypeId> {
        self.own_ids().filter(move |&id| self.head(id).kind == kind)
    }

    /// The enum that has an enumerator of that name, and its value: here, else in the base.
    pub fn find_enumerator(&self, name: &str) -> Option<(TypeId, i64)> {
        let enums = self.enums.get_or_init(|| {
            self.own_ids().filter(|&id| matches!(self.head(id).kind, Kind::Enum | Kind::Enum64)).collect()
        });
        let own =
            enums.iter().find_map(|&id| self.enumerators(id).find(|(n, _)| *n == name).map(|(_, value)| (id, value)));
        own.or_else(|| self.base.as_ref().and_then(|base| base.find_enumerator(name)))
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.data
    }
}

/// Bytes behind the head of a type; none for a kind that this reader does not know.
pub(super) fn body_len(info: u32) -> Option<usize> {
    let len = (info & 0xffff) as usize;
    Some(match KINDS.get((info >> 24 & 0x1f) as usize)? {
        Kind::Int | Kind::Var | Kind::DeclTag => 4,
        Kind::Array => 12,
        Kind::Struct | Kind::Union | Kind::Datasec | Kind::Enum64 => 12 * len,
        Kind::Enum | Kind::FuncProto => 8 * len,
        _ => 0,
    })
}

fn hash(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |h, &b| (h ^ u32::from(b)).wrapping_mul(0x0100_0193))
}

pub(super) fn u16_at(data: &[u8], at: usize) -> u16 {
    data.get(at..at + 2).map_or(0, |b| u16::from_le_bytes([b[0], b[1]]))
}

pub(super) fn u32_at(data: &[u8], at: usize) -> u32 {
    data.get(at..at + 4).map_or(0, |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
}
