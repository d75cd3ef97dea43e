//! `printf`: formats that were taken apart when the tool was built.

use super::layout::{int_of, member_bytes, size_of, u32_at};
use super::value::{Writer, buffer_bytes};
use crate::spec::{self, Piece, Shown};
use crate::tool::{Conversion, FormatPiece, Member, Ty};

/// The fields of a record, one after the other.
pub struct Fields<'a> {
    record: &'a [u8],
    members: std::slice::Iter<'a, Member>,
    /// Where the next variable-length field has its bytes.
    tail: usize,
}

impl<'a> Fields<'a> {
    /// Of a whole record with its header; `fixed` is the size of the part before the tails.
    pub fn new(record: &'a [u8], members: &'a [Member], fixed: usize) -> Self {
        Fields { record, members: members.iter(), tail: fixed }
    }
}

impl<'a> Iterator for Fields<'a> {
    /// Type and bytes; of a variable-length field, the bytes of its tail.
    type Item = (&'a Ty, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let member = self.members.next()?;
        let bytes = member_bytes(self.record, member);
        if !matches!(member.ty, Ty::TailStr(_) | Ty::TailBuf(_)) {
            return Some((&member.ty, bytes));
        }
        let start = self.tail.min(self.record.len());
        let end = start.saturating_add(u32_at(bytes, 0) as usize).min(self.record.len());
        self.tail = end;
        Some((&member.ty, &self.record[start..end]))
    }
}

impl Writer<'_> {
    /// Appends the formatted text. Nothing is allocated but what the text itself needs.
    pub fn printf(&mut self, pieces: &[FormatPiece], fields: &mut Fields) {
        for piece in pieces {
            match piece {
                FormatPiece::Text(text) => self.out.extend_from_slice(text),
                FormatPiece::Spec { texts } => {
                    let fields: Vec<(&Ty, &[u8])> = fields.by_ref().take(spec::VALUES + *texts as usize).collect();
                    self.spec_values(&fields);
                }
                FormatPiece::Conversion(conversion) => {
                    let Some((ty, bytes)) = fields.next() else { continue };
                    let start = self.out.len();
                    self.convert(conversion, ty, bytes);
                    // A stream pads what is written first: of values in brackets, the bracket.
                    let first = match (ty, conversion.conversion) {
                        (Ty::Tuple(..) | Ty::Array { .. }, b's') => 1,
                        (Ty::Struct(..), b's') => 2,
                        _ => self.out.len() - start,
                    };
                    pad(self.out, start, first, conversion);
                }
            }
        }
    }

    /// Numbers and texts of the values, by the format that was given on the command line.
    fn spec_values(&mut self, fields: &[(&Ty, &[u8])]) {
        let format = self.spec;
        for piece in &format.pieces {
            match piece {
                Piece::Text(text) => self.text(text),
                Piece::Value { conversion, value, shown } => {
                    let at = if *shown == Shown::Text { spec::VALUES + value } else { *value };
                    let Some((ty, bytes)) = fields.get(at) else { continue };
                    let start = self.out.len();
                    match shown {
                        Shown::KernelSymbol => self.names.kernel_symbol(number(ty, bytes) as u64, self.out),
                        _ => self.convert(conversion, ty, bytes),
                    }
                    pad(self.out, start, self.out.len() - start, conversion);
                }
            }
        }
    }

    fn convert(&mut self, conversion: &Conversion, ty: &Ty, bytes: &[u8]) {
        match conversion.conversion {
            b's' => self.value(ty, bytes),
            b'g' => self.names.gfp_flags(number(ty, bytes) as u64, self.out),
            b'r' | b'R' | b'H' => self.raw_bytes(conversion, ty, bytes),
            b'c' => self.out.push(number(ty, bytes) as u8),
            b'p' => self.hex_address(number(ty, bytes) as u64),
            b'd' | b'i' => {
                let value = truncated(number(ty, bytes), conversion.length);
                let plus = if conversion.plus && value >= 0 { "+" } else { "" };
                self.format(format_args!("{plus}{value}"));
            }
            kind => {
                let value = truncated(number(ty, bytes), conversion.length) as u64 & mask(conversion.length);
                // As with C++ streams: the base is shown, but not of a zero.
                let alternate = conversion.alternate && value != 0;
                match (kind, alternate) {
                    (b'x', false) => self.format(format_args!("{value:x}")),
                    (b'x', true) => self.format(format_args!("{value:#x}")),
                    (b'X', false) => self.format(format_args!("{value:X}")),
                    (b'X', true) => self.format(format_args!("0X{value:X}")),
                    (b'o', false) => self.format(format_args!("{value:o}")),
                    (b'o', true) => self.format(format_args!("0{value:o}")),
                    _ => self.format(format_args!("{value}")),
                }
            }
        }
    }

    /// Zero is shown as `0`, as C++ streams do.
    fn hex_address(&mut self, address: u64) {
        if address == 0 { self.text("0") } else { self.pointer(address) }
    }

    fn raw_bytes(&mut self, conversion: &Conversion, ty: &Ty, bytes: &[u8]) {
        let bytes = match ty {
            Ty::TailBuf(_) | Ty::TailStr(_) => bytes,
            Ty::Buf(_) => buffer_bytes(bytes),
            Ty::Int { .. } | Ty::Array { .. } | Ty::Str(_) => &bytes[..bytes.len().min(size_of(ty))],
            _ => return self.value(ty, bytes),
        };
        match conversion.conversion {
            b'H' => self.hex(bytes),
            kind => self.buffer(bytes, kind == b'R'),
        }
    }
}

/// The value of a field that a number conversion shows.
fn number(ty: &Ty, bytes: &[u8]) -> i64 {
    match *ty {
        Ty::Int { size, signed } | Ty::Enum { size, signed, .. } => int_of(bytes, size, signed),
        Ty::Bool => i64::from(bytes.first().is_some_and(|&byte| byte != 0)),
        Ty::ErrorName | Ty::SignalName | Ty::SyscallName => int_of(bytes, 4, true),
        _ => int_of(bytes, size_of(ty).min(8) as u8, false),
    }
}

fn truncated(value: i64, length: u8) -> i64 {
    match length {
        1 => value as i8 as i64,
        2 => value as i16 as i64,
        4 => value as i32 as i64,
        _ => value,
    }
}

fn mask(length: u8) -> u64 {
    match length {
        1 => 0xff,
        2 => 0xffff,
        4 => 0xffff_ffff,
        _ => u64::MAX,
    }
}

/// Wider fields are not.
const WIDEST: usize = 1 << 20;

/// Pads the first `len` bytes of what was written from `start` on; the width counts bytes, and zeros go outside of a
/// sign (C++ streams).
fn pad(out: &mut Vec<u8>, start: usize, len: usize, conversion: &Conversion) {
    // A width that was given when the tool was started may be anything.
    let width = (conversion.width as usize).min(WIDEST);
    if len >= width {
        return;
    }
    let fill = if conversion.zero { b'0' } else { b' ' };
    let at = if conversion.left { start + len } else { start };
    out.splice(at..at, std::iter::repeat_n(fill, width - len));
}
