//! JSON forms. Every line is an object of its own, valid for any bytes.

use super::layout::{bitfield, int_of, member_bytes, u32_at, u64_at, until_nul};
use super::value::{Writer, buffer_bytes, element};
use crate::tool::{Member, Ty};

impl Writer<'_> {
    /// A value as JSON: numbers, lists and objects where there are such forms, else its text.
    pub fn json(&mut self, ty: &Ty, bytes: &[u8]) {
        match *ty {
            Ty::Bool => self.value(ty, bytes),
            Ty::Int { size, signed } | Ty::Enum { size, signed, .. } => {
                self.json_integer(int_of(bytes, size, signed), signed);
            }
            Ty::Pointer => self.json_integer(u64_at(bytes, 0) as i64, false),
            Ty::Buf(_) => self.json_bytes(buffer_bytes(bytes)),
            Ty::TailBuf(_) => self.json_bytes(bytes),
            Ty::Array { of, stride, len } => {
                self.out.push(b'[');
                for index in 0..len as usize {
                    if index > 0 {
                        self.out.push(b',');
                    }
                    self.json(of, element(bytes, of, stride as usize, index));
                }
                self.out.push(b']');
            }
            Ty::Tuple(_, members) => {
                self.out.push(b'[');
                for (index, member) in members.iter().enumerate() {
                    if index > 0 {
                        self.out.push(b',');
                    }
                    self.json_member(member, bytes);
                }
                self.out.push(b']');
            }
            Ty::Struct(_, members) => {
                self.out.push(b'{');
                for (index, member) in members.iter().enumerate() {
                    self.text(if index > 0 { ", " } else { "" });
                    string(member.name.as_bytes(), self.out);
                    self.text(": ");
                    self.json_member(member, bytes);
                }
                self.out.push(b'}');
            }
            Ty::Parameter => {
                let start = self.out.len();
                if !self.names.parameter(u32_at(bytes, 0), self.out) {
                    quote_from(self.out, start);
                }
            }
            Ty::Opaque(_) => self.text("null"),
            Ty::Str(_) if until_nul(bytes).len() < self.names.max_strlen => string(until_nul(bytes), self.out),
            _ => self.json_text(|writer| writer.value(ty, bytes)),
        }
    }

    fn json_member(&mut self, member: &Member, bytes: &[u8]) {
        match (member.bits, &member.ty) {
            (Some(bits), ty) => {
                let signed = matches!(ty, Ty::Int { signed: true, .. } | Ty::Enum { signed: true, .. });
                let value = bitfield(bytes, member, bits);
                match ty {
                    Ty::Bool => self.text(if value != 0 { "true" } else { "false" }),
                    _ => self.json_integer(value, signed),
                }
            }
            (None, ty) => self.json(ty, member_bytes(bytes, member)),
        }
    }

    /// A map's key: its text without blanks, quoted.
    pub fn json_key(&mut self, ty: &Ty, bytes: &[u8]) {
        let start = self.out.len();
        self.key(ty, bytes);
        let mut kept = start;
        for index in start..self.out.len() {
            if self.out[index] != b' ' {
                self.out[kept] = self.out[index];
                kept += 1;
            }
        }
        self.out.truncate(kept);
        quote_from(self.out, start);
    }

    /// A string of what `write` appends.
    pub fn json_text(&mut self, write: impl FnOnce(&mut Self)) {
        let start = self.out.len();
        write(self);
        quote_from(self.out, start);
    }

    /// A number; a string where readers that keep numbers as doubles would change it.
    pub fn json_integer(&mut self, value: i64, signed: bool) {
        let exact = if signed {
            i128::from(value) == value as f64 as i128
        } else {
            u128::from(value as u64) == value as u64 as f64 as u128
        };
        let quote = if exact { "" } else { "\"" };
        self.text(quote);
        self.integer(value, signed);
        self.text(quote);
    }

    fn json_bytes(&mut self, bytes: &[u8]) {
        self.out.push(b'[');
        // bpftrace shows them as int8.
        for (index, byte) in bytes.iter().map(|&byte| byte as i8).enumerate() {
            self.format(format_args!("{}{byte}", if index > 0 { "," } else { "" }));
        }
        self.out.push(b']');
    }
}

/// A JSON string.
pub fn string(text: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(text);
    quote_from(out, start);
}

/// Makes what stands from `start` on a JSON string. Text that needs no escapes is not copied.
fn quote_from(out: &mut Vec<u8>, start: usize) {
    let is_plain = out[start..].iter().all(|&byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\');
    if is_plain {
        out.insert(start, b'"');
        out.push(b'"');
        return;
    }
    let text = out.split_off(start);
    out.push(b'"');
    for chunk in text.utf8_chunks() {
        for character in chunk.valid().chars() {
            escape(character, out);
        }
        for &byte in chunk.invalid() {
            // A byte that is not UTF-8 keeps its number.
            escape_code(byte.into(), out);
        }
    }
    out.push(b'"');
}

fn escape(character: char, out: &mut Vec<u8>) {
    match character {
        '"' => out.extend_from_slice(b"\\\""),
        '\\' => out.extend_from_slice(b"\\\\"),
        '\n' => out.extend_from_slice(b"\\n"),
        '\t' => out.extend_from_slice(b"\\t"),
        '\r' => out.extend_from_slice(b"\\r"),
        '\u{8}' => out.extend_from_slice(b"\\b"),
        '\u{c}' => out.extend_from_slice(b"\\f"),
        '\0'..='\u{1f}' => escape_code(character as u32, out),
        _ => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}

fn escape_code(code: u32, out: &mut Vec<u8>) {
    use std::io::Write as _;
    // SANITY: a Vec takes what it is given.
    let _ = write!(out, "\\u{code:04x}");
}
