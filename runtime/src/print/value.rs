//! Text of values, as `print` and `%s` show them.

use super::layout::{bitfield, int_of, member_bytes, size_of, u32_at, u64_at, until_nul};
use super::{MapSource, names::Names, numbers, stack};
use crate::spec::SpecFormat;
use crate::tool::{Member, StackMode, Ty};
use std::io::Write as _;

/// Writes values: what names them, where stacks are found, and the text so far.
pub struct Writer<'a> {
    pub names: &'a mut Names,
    /// How the values of the parameter that names the probe are shown.
    pub spec: &'a SpecFormat,
    pub maps: &'a dyn MapSource,
    pub out: &'a mut Vec<u8>,
}

/// Frames of a stack with what is needed to name them.
pub struct Stack<'a> {
    pub mode: StackMode,
    pub map: &'a str,
    pub id: u64,
    pub depth: usize,
    /// None for the kernel's.
    pub tgid: Option<u32>,
}

impl Writer<'_> {
    /// A value as text. `bytes` is the value; of a variable-length field, its tail.
    pub fn value(&mut self, ty: &Ty, bytes: &[u8]) {
        match *ty {
            Ty::Bool => self.text(if bytes.first().is_some_and(|&byte| byte != 0) { "true" } else { "false" }),
            Ty::Int { size, signed } => self.integer(int_of(bytes, size, signed), signed),
            Ty::Enum { size, signed, names } => self.enumerator(int_of(bytes, size, signed), signed, names),
            Ty::Str(_) => self.string(until_nul(bytes)),
            Ty::TailStr(_) => self.string(until_nul(bytes)),
            Ty::Buf(_) => self.buffer(buffer_bytes(bytes), false),
            Ty::TailBuf(_) => self.buffer(bytes, false),
            Ty::Pointer => self.pointer(u64_at(bytes, 0)),
            Ty::Array { of, stride, len } => self.array(of, stride as usize, len as usize, bytes),
            Ty::Struct(_, members) => self.structure(members, bytes),
            Ty::Tuple(_, members) => {
                self.out.push(b'(');
                self.members(members, bytes);
                self.out.push(b')');
            }
            Ty::KernelStack { .. } | Ty::UserStack { .. } => {
                if let Some(stack) = stack_of(ty, bytes) {
                    stack::write(self, &stack);
                }
            }
            Ty::KernelSymbol => self.names.kernel_symbol(u64_at(bytes, 0), self.out),
            Ty::KernelFunction => self.names.kernel_symbol(u64_at(bytes, 0), self.out),
            Ty::UserSymbol | Ty::UserFunction => {
                self.names.user_symbol(u64_at(bytes, 0), u32_at(bytes, 8), self.out);
            }
            Ty::Inet => inet(u32_at(bytes, 0), bytes.get(4..).unwrap_or_default(), self.out),
            Ty::MacAddress => {
                for index in 0..6 {
                    let byte = bytes.get(index).copied().unwrap_or(0);
                    let separator = if index == 0 { "" } else { ":" };
                    self.format(format_args!("{separator}{byte:02X}"));
                }
            }
            Ty::Timestamp => {
                self.names.timestamp(u64_at(bytes, 0), u32_at(bytes, 8), u32_at(bytes, 12), self.out);
            }
            Ty::ErrorName => self.text(numbers::error(u32_at(bytes, 0) as i32)),
            Ty::SignalName => self.text(&numbers::signal(u32_at(bytes, 0) as i32)),
            Ty::SyscallName => self.text(numbers::syscall(u32_at(bytes, 0) as i32)),
            Ty::CgroupPath => self.names.cgroup_path(u64_at(bytes, 0), u64_at(bytes, 8), self.out),
            Ty::UserName => self.names.user(u32_at(bytes, 0), self.out),
            Ty::Parameter => {
                self.names.parameter(u32_at(bytes, 0), self.out);
            }
            Ty::ProbeName => self.names.probe(u32_at(bytes, 0), self.out),
            Ty::GfpFlags => self.names.gfp_flags(u64_at(bytes, 0), self.out),
            Ty::Opaque(_) => {}
        }
    }

    /// A map's key: parts of a tuple without parentheses.
    pub fn key(&mut self, ty: &Ty, bytes: &[u8]) {
        match ty {
            Ty::Tuple(_, members) => self.members(members, bytes),
            _ => self.value(ty, bytes),
        }
    }

    fn members(&mut self, members: &[Member], bytes: &[u8]) {
        for (index, member) in members.iter().enumerate() {
            if index > 0 {
                self.text(", ");
            }
            self.member(member, bytes);
        }
    }

    fn structure(&mut self, members: &[Member], bytes: &[u8]) {
        if members.is_empty() {
            return self.text("{ }");
        }
        self.text("{ ");
        for (index, member) in members.iter().enumerate() {
            self.text(if index > 0 { ", ." } else { "." });
            self.text(member.name);
            self.text(" = ");
            self.member(member, bytes);
        }
        self.text(" }");
    }

    fn member(&mut self, member: &Member, bytes: &[u8]) {
        match (member.bits, &member.ty) {
            (Some(bits), &Ty::Enum { signed, names, .. }) => {
                self.enumerator(bitfield(bytes, member, bits), signed, names);
            }
            (Some(bits), Ty::Bool) => self.text(if bitfield(bytes, member, bits) != 0 { "true" } else { "false" }),
            (Some(bits), ty) => {
                self.integer(bitfield(bytes, member, bits), matches!(ty, Ty::Int { signed: true, .. }));
            }
            (None, ty) => self.value(ty, member_bytes(bytes, member)),
        }
    }

    fn array(&mut self, of: &Ty, stride: usize, len: usize, bytes: &[u8]) {
        self.out.push(b'[');
        for index in 0..len {
            if index > 0 {
                self.out.push(b',');
            }
            self.value(of, element(bytes, of, stride, index));
        }
        self.out.push(b']');
    }

    pub fn integer(&mut self, value: i64, signed: bool) {
        if signed { self.format(format_args!("{value}")) } else { self.format(format_args!("{}", value as u64)) }
    }

    fn enumerator(&mut self, value: i64, signed: bool, names: &[(i64, &str)]) {
        match enumerator_name(value, names) {
            Some(name) => self.text(name),
            None => self.integer(value, signed),
        }
    }

    /// A string; one that fills all the room there is was cut off, which the trailer tells.
    pub fn string(&mut self, text: &[u8]) {
        self.out.extend_from_slice(text);
        if text.len() >= self.names.max_strlen {
            self.out.extend_from_slice(self.names.trunc_trailer.as_bytes());
        }
    }

    /// `\x00` for bytes that cannot be printed, or for all.
    pub fn buffer(&mut self, bytes: &[u8], all: bool) {
        for &byte in bytes {
            match byte {
                b' '..=b'~' if !all => self.out.push(byte),
                _ => self.format(format_args!("\\x{byte:02x}")),
            }
        }
    }

    /// `61 62 01`
    pub fn hex(&mut self, bytes: &[u8]) {
        for (index, byte) in bytes.iter().enumerate() {
            self.format(format_args!("{}{byte:02x}", if index > 0 { " " } else { "" }));
        }
    }

    pub fn pointer(&mut self, address: u64) {
        self.format(format_args!("{address:#x}"));
    }

    pub fn text(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    pub fn format(&mut self, arguments: std::fmt::Arguments) {
        // SANITY: a Vec takes what it is given.
        let _ = self.out.write_fmt(arguments);
    }
}

/// Name of an enumerator.
pub fn enumerator_name<'a>(value: i64, names: &[(i64, &'a str)]) -> Option<&'a str> {
    names.iter().find(|(number, _)| *number == value).map(|(_, name)| *name)
}

/// An element of an array.
pub fn element<'a>(bytes: &'a [u8], of: &Ty, stride: usize, index: usize) -> &'a [u8] {
    let start = (stride * index).min(bytes.len());
    let end = (start + size_of(of)).min(bytes.len());
    &bytes[start..end]
}

/// The used part of `{ __u32 len; __u8 data[n]; }`.
pub fn buffer_bytes(bytes: &[u8]) -> &[u8] {
    let data = bytes.get(4..).unwrap_or_default();
    &data[..data.len().min(u32_at(bytes, 0) as usize)]
}

/// `{ __u64 id; __u32 depth; __u32 tgid; }`
fn stack_of<'a>(ty: &Ty, bytes: &[u8]) -> Option<Stack<'a>> {
    let (mode, map, limit, is_user) = match *ty {
        Ty::KernelStack { mode, map, limit } => (mode, map, limit, false),
        Ty::UserStack { mode, map, limit } => (mode, map, limit, true),
        _ => return None,
    };
    let depth = (u32_at(bytes, 8) as usize).min(limit.into());
    Some(Stack { mode, map, id: u64_at(bytes, 0), depth, tgid: is_user.then(|| u32_at(bytes, 12)) })
}

/// IPv4 and IPv6 addresses as inet_ntop writes them.
fn inet(family: u32, address: &[u8], out: &mut Vec<u8>) {
    let mut octets = [0; 16];
    let len = address.len().min(16);
    octets[..len].copy_from_slice(&address[..len]);
    let result = match family as i32 {
        libc::AF_INET => write!(out, "{}", std::net::Ipv4Addr::new(octets[0], octets[1], octets[2], octets[3])),
        libc::AF_INET6 => inet6(octets, out),
        _ => Ok(()),
    };
    // SANITY: a Vec takes what it is given.
    let _ = result;
}

/// glibc writes the deprecated IPv4-compatible addresses in dotted form, too.
fn inet6(octets: [u8; 16], out: &mut Vec<u8>) -> std::io::Result<()> {
    let is_compatible = octets[..12] == [0; 12] && (octets[12] != 0 || octets[13] != 0);
    if is_compatible {
        return write!(out, "::{}", std::net::Ipv4Addr::new(octets[12], octets[13], octets[14], octets[15]));
    }
    write!(out, "{}", std::net::Ipv6Addr::from(octets))
}
