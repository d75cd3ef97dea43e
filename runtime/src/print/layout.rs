//! Reading values out of BPF memory.

use crate::tool::{Action, Map, Member, Tool, Ty, Value};

/// Bytes of a value; of variable-length fields, of their fixed part.
pub fn size_of(ty: &Ty) -> usize {
    match *ty {
        Ty::Bool => 1,
        Ty::Int { size, .. } | Ty::Enum { size, .. } => size.into(),
        Ty::Str(size) | Ty::Struct(size, _) | Ty::Tuple(size, _) | Ty::Opaque(size) => size as usize,
        Ty::TailStr(_) | Ty::TailBuf(_) => 4,
        Ty::Buf(capacity) => 4 + capacity as usize,
        Ty::Pointer | Ty::KernelSymbol | Ty::KernelFunction | Ty::GfpFlags => 8,
        Ty::Array { stride, len, .. } => stride as usize * len as usize,
        Ty::KernelStack { .. } | Ty::UserStack { .. } => 16,
        Ty::UserSymbol | Ty::UserFunction | Ty::Timestamp | Ty::CgroupPath => 16,
        Ty::Inet => 20,
        Ty::MacAddress => 6,
        Ty::ErrorName | Ty::SignalName | Ty::SyscallName | Ty::UserName | Ty::ProbeName | Ty::Parameter => 4,
    }
}

/// Up to eight bytes at an offset; what lies outside reads as zero.
pub fn unsigned_at(bytes: &[u8], offset: usize, size: usize) -> u64 {
    let mut word = [0; 8];
    let from = bytes.get(offset..).unwrap_or_default();
    let size = size.min(8).min(from.len());
    if cfg!(target_endian = "big") {
        word[8 - size..].copy_from_slice(&from[..size]);
    } else {
        word[..size].copy_from_slice(&from[..size]);
    }
    u64::from_ne_bytes(word)
}

/// As [`unsigned_at`], sign-extended.
pub fn signed_at(bytes: &[u8], offset: usize, size: usize) -> i64 {
    sign_extend(unsigned_at(bytes, offset, size), size * 8)
}

/// `__u64` at an offset.
pub fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    unsigned_at(bytes, offset, 8)
}

/// `__u32` at an offset.
pub fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    unsigned_at(bytes, offset, 4) as u32
}

/// An integer of some width as 64 bits.
pub fn int_of(bytes: &[u8], size: u8, signed: bool) -> i64 {
    if signed { signed_at(bytes, 0, size.into()) } else { unsigned_at(bytes, 0, size.into()) as i64 }
}

/// A bitfield: `bits` counts from the least significant bit of the bytes at `offset`. bpftrace has them unsigned.
pub fn bitfield(bytes: &[u8], member: &Member, (first, width): (u8, u8)) -> i64 {
    let from = bytes.get(member.offset as usize..).unwrap_or_default();
    let mut word = [0; 16];
    let len = from.len().min(16);
    word[..len].copy_from_slice(&from[..len]);
    let value = (u128::from_le_bytes(word) >> first) as u64;
    (if width < 64 { value & ((1 << width) - 1) } else { value }) as i64
}

fn sign_extend(value: u64, bits: usize) -> i64 {
    match bits {
        0 => 0,
        bits if bits >= 64 => value as i64,
        bits => ((value << (64 - bits)) as i64) >> (64 - bits),
    }
}

/// The bytes of a member; short when the record is.
pub fn member_bytes<'a>(bytes: &'a [u8], member: &Member) -> &'a [u8] {
    let start = (member.offset as usize).min(bytes.len());
    let end = (start + size_of(&member.ty)).min(bytes.len());
    &bytes[start..end]
}

/// Text up to its NUL.
pub fn until_nul(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len())]
}

/// Whether a tool prints user-space symbols anywhere.
pub fn shows_user_symbols(tool: &Tool) -> bool {
    shows(tool, |ty| matches!(ty, Ty::UserStack { .. } | Ty::UserSymbol | Ty::UserFunction))
}

/// Whether a tool prints a value of such a type, or one that has it within.
pub fn shows(tool: &Tool, fits: fn(&Ty) -> bool) -> bool {
    let of_action = |action: &Action| action.fields.iter().any(|field| holds(&field.ty, fits));
    let of_map = |map: &Map| {
        map.key.is_some_and(|key| holds(&key, fits)) || matches!(map.value, Value::Plain(ty) if holds(&ty, fits))
    };
    tool.actions.iter().any(of_action) || tool.maps.iter().any(of_map)
}

fn holds(ty: &Ty, fits: fn(&Ty) -> bool) -> bool {
    fits(ty)
        || match ty {
            Ty::Array { of, .. } => holds(of, fits),
            Ty::Struct(_, members) | Ty::Tuple(_, members) => members.iter().any(|member| holds(&member.ty, fits)),
            _ => false,
        }
}
