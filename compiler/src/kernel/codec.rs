//! BTF in columns: what a kernel description keeps of BTF, a fifth of its size once deflated.
//!
//! Like values lie together (all member names, all offsets), types are told relative to the type that mentions them,
//! and names by their place in a string table in the order of first use. Decoding gives equivalent BTF: only the order
//! of its strings changes.

use std::collections::HashMap;

use super::btf::{BtfError, body_len, u32_at};

/// What [`pack`] makes: one byte column per sort of value.
pub type Columns = Vec<Vec<u8>>;

const INFO: usize = 0;
const LEN: usize = 1;
const NAME: usize = 2;
const SIZE: usize = 3;
const TYPE: usize = 4;
const MEMBER_NAME: usize = 5;
const MEMBER_TYPE: usize = 6;
const MEMBER_OFFSET: usize = 7;
const PARAM_NAME: usize = 8;
const PARAM_TYPE: usize = 9;
const ENUM_NAME: usize = 10;
const ENUM_VALUE: usize = 11;
const OTHER: usize = 12;
const STRINGS: usize = 13;
const COLUMNS: usize = 14;

/// Where a module's BTF goes on from: the kernel's number of types + 1 and length of its strings; `(1, 0)` for the kernel.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// Id of the first own type.
    pub id: u32,
    /// Offset of the first own string.
    pub string: u32,
}

/// BTF → columns. Names that lie in the kernel's strings are kept as their number in `base`.
///
/// # Errors
/// When the bytes are no BTF.
pub fn pack(btf: &[u8], start: Start, base: Option<&Strings>) -> Result<(Columns, Strings), BtfError> {
    let header = u32_at(btf, 4) as usize;
    let (at, len) = (header + u32_at(btf, 8) as usize, u32_at(btf, 12) as usize);
    let strings = header + u32_at(btf, 16) as usize;
    let mut packer = Packer {
        columns: vec![Vec::new(); COLUMNS],
        text: btf.get(strings..).ok_or(BtfError("no strings"))?,
        start,
        base,
        strings: Strings::default(),
    };
    let types = btf.get(at..at + len).ok_or(BtfError("no types"))?;
    let (mut at, mut id) = (0, start.id);
    while at < types.len() {
        at += packer.one(&types[at..], id)?;
        id += 1;
    }
    packer.strings.text = packer.text.to_vec();
    Ok((packer.columns, packer.strings))
}

/// Number of each string in the packed table, by its offset in the BTF.
#[derive(Clone, Debug, Default)]
pub struct Strings {
    numbers: HashMap<u32, u32>,
    text: Vec<u8>,
}

struct Packer<'a> {
    columns: Columns,
    text: &'a [u8],
    start: Start,
    base: Option<&'a Strings>,
    strings: Strings,
}

impl Packer<'_> {
    /// Packs the type at the head of `data`; returns its length.
    fn one(&mut self, data: &[u8], id: u32) -> Result<usize, BtfError> {
        let word = |n: usize| u32_at(data, n * 4);
        let info = word(1);
        let total = 12 + body_len(info).ok_or(BtfError("unknown kind of type"))?;
        if total > data.len() {
            return Err(BtfError("a type is cut off"));
        }
        let (kind, len) = (info >> 24 & 0x1f, info & 0xffff);
        self.columns[INFO].push((kind | info >> 31 << 7) as u8);
        self.name(NAME, word(0))?;
        if has_len(kind) {
            put(&mut self.columns[LEN], len);
        }
        if has_size(kind) {
            put(&mut self.columns[SIZE], word(2));
        } else {
            self.reference(TYPE, id, word(2));
        }
        let mut last = 0;
        match kind {
            1 | 14 | 17 => put(&mut self.columns[OTHER], word(3)),
            3 => {
                self.reference(OTHER, id, word(3));
                self.reference(OTHER, id, word(4));
                put(&mut self.columns[OTHER], word(5));
            }
            4 | 5 => {
                for n in 0..len as usize {
                    self.name(MEMBER_NAME, word(3 + n * 3))?;
                    self.reference(MEMBER_TYPE, id, word(4 + n * 3));
                    let mut offset = word(5 + n * 3);
                    if info >> 31 == 1 {
                        put(&mut self.columns[MEMBER_OFFSET], offset >> 24);
                        offset &= 0xff_ffff;
                    }
                    put(&mut self.columns[MEMBER_OFFSET], zigzag(offset.wrapping_sub(last)));
                    last = offset;
                }
            }
            6 => {
                for n in 0..len as usize {
                    self.name(ENUM_NAME, word(3 + n * 2))?;
                    put(&mut self.columns[ENUM_VALUE], zigzag(word(4 + n * 2).wrapping_sub(last)));
                    last = word(4 + n * 2);
                }
            }
            13 => {
                for n in 0..len as usize {
                    self.name(PARAM_NAME, word(3 + n * 2))?;
                    self.reference(PARAM_TYPE, id, word(4 + n * 2));
                }
            }
            15 => {
                for n in 0..len as usize {
                    self.reference(OTHER, id, word(3 + n * 3));
                    put(&mut self.columns[OTHER], word(4 + n * 3));
                    put(&mut self.columns[OTHER], word(5 + n * 3));
                }
            }
            19 => {
                for n in 0..len as usize {
                    self.name(ENUM_NAME, word(3 + n * 3))?;
                    put(&mut self.columns[ENUM_VALUE], word(4 + n * 3));
                    put(&mut self.columns[ENUM_VALUE], word(5 + n * 3));
                }
            }
            _ => {}
        }
        Ok(total)
    }

    /// 0 anonymous, 1 the next new string, else a string seen before. A module's odd numbers are the kernel's strings.
    fn name(&mut self, column: usize, offset: u32) -> Result<(), BtfError> {
        let out = &mut self.columns[column];
        if offset == 0 {
            put(out, 0);
            return Ok(());
        }
        let shift = u32::from(self.base.is_some());
        let (mut text, mut at) = (self.text, offset.wrapping_sub(self.start.string));
        if offset < self.start.string {
            let base = self.base.ok_or(BtfError("a name lies before the strings"))?;
            if let Some(number) = base.numbers.get(&offset) {
                put(out, number << 1 | 1);
                return Ok(());
            }
            // A string that no type of the kernel's uses becomes one of the module's.
            (text, at) = (&base.text, offset);
        }
        if let Some(number) = self.strings.numbers.get(&offset) {
            put(out, (number + 2) << shift);
            return Ok(());
        }
        put(out, 1 << shift);
        self.strings.numbers.insert(offset, self.strings.numbers.len() as u32);
        let text = text.get(at as usize..).ok_or(BtfError("a name lies outside"))?;
        let end = text.iter().position(|&b| b == 0).ok_or(BtfError("a name has no end"))?;
        self.columns[STRINGS].extend_from_slice(&text[..=end]);
        Ok(())
    }

    fn reference(&mut self, column: usize, id: u32, to: u32) {
        let value = if to == 0 { 0 } else { zigzag(to.wrapping_sub(id)) + 1 };
        put(&mut self.columns[column], value);
    }
}

/// Columns → BTF. `base_strings`: decoded offsets of the kernel's strings, for a module.
///
/// # Errors
/// When the columns do not fit together.
pub fn unpack(columns: &[&[u8]], start: Start, base_strings: &[u32]) -> Result<(Vec<u8>, Vec<u32>), BtfError> {
    if columns.len() != COLUMNS {
        return Err(BtfError("wrong number of columns"));
    }
    let table = columns[STRINGS];
    // The kernel's own strings start with the empty one.
    let lead = u32::from(start.string == 0);
    let mut offsets = Vec::with_capacity(table.len() / 16);
    let mut next = start.string + lead;
    for text in table.split_inclusive(|&b| b == 0) {
        offsets.push(next);
        next += text.len() as u32;
    }
    let mut unpacker = Unpacker {
        columns: columns.iter().map(|column| Column { data: column, at: 0 }).collect(),
        offsets: &offsets,
        base: base_strings,
        split: start.id != 1,
        used: 0,
        out: Vec::with_capacity(columns[INFO].len() * 28 + table.len()),
    };
    unpacker.out.resize(24, 0);
    for (n, &info) in columns[INFO].iter().enumerate() {
        unpacker.one(info, start.id + n as u32)?;
    }
    let mut out = unpacker.out;
    let types_len = (out.len() - 24) as u32;
    out.resize(out.len() + lead as usize, 0);
    out.extend_from_slice(table);
    let header = [0x0001_eb9f, 24, 0, types_len, types_len, lead + table.len() as u32];
    for (n, word) in header.into_iter().enumerate() {
        out[n * 4..n * 4 + 4].copy_from_slice(&u32::to_le_bytes(word));
    }
    Ok((out, offsets))
}

struct Column<'a> {
    data: &'a [u8],
    at: usize,
}

impl Column<'_> {
    fn get(&mut self) -> Result<u32, BtfError> {
        let (mut value, mut shift) = (0_u32, 0);
        loop {
            let byte = *self.data.get(self.at).ok_or(BtfError("a column is too short"))?;
            self.at += 1;
            value |= u32::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte < 0x80 {
                return Ok(value);
            }
            shift += 7;
        }
    }
}

struct Unpacker<'a> {
    columns: Vec<Column<'a>>,
    offsets: &'a [u32],
    base: &'a [u32],
    split: bool,
    used: usize,
    out: Vec<u8>,
}

impl Unpacker<'_> {
    fn one(&mut self, info: u8, id: u32) -> Result<(), BtfError> {
        let (kind, flag) = (u32::from(info & 0x1f), u32::from(info >> 7));
        let name = self.name(NAME)?;
        let len = if has_len(kind) { self.columns[LEN].get()? } else { 0 };
        let third = if has_size(kind) { self.columns[SIZE].get()? } else { self.reference(TYPE, id)? };
        self.push(name);
        self.push(flag << 31 | kind << 24 | len);
        self.push(third);
        let mut last = 0_u32;
        match kind {
            1 | 14 | 17 => self.copy(OTHER)?,
            3 => {
                self.copy_reference(OTHER, id)?;
                self.copy_reference(OTHER, id)?;
                self.copy(OTHER)?;
            }
            4 | 5 => {
                for _ in 0..len {
                    self.copy_name(MEMBER_NAME)?;
                    self.copy_reference(MEMBER_TYPE, id)?;
                    let width = if flag == 1 { self.columns[MEMBER_OFFSET].get()? } else { 0 };
                    last = last.wrapping_add(unzigzag(self.columns[MEMBER_OFFSET].get()?));
                    self.push(width << 24 | last);
                }
            }
            6 => {
                for _ in 0..len {
                    self.copy_name(ENUM_NAME)?;
                    last = last.wrapping_add(unzigzag(self.columns[ENUM_VALUE].get()?));
                    self.push(last);
                }
            }
            13 => {
                for _ in 0..len {
                    self.copy_name(PARAM_NAME)?;
                    self.copy_reference(PARAM_TYPE, id)?;
                }
            }
            15 => {
                for _ in 0..len {
                    self.copy_reference(OTHER, id)?;
                    self.copy(OTHER)?;
                    self.copy(OTHER)?;
                }
            }
            19 => {
                for _ in 0..len {
                    self.copy_name(ENUM_NAME)?;
                    self.copy(ENUM_VALUE)?;
                    self.copy(ENUM_VALUE)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn push(&mut self, word: u32) {
        self.out.extend_from_slice(&word.to_le_bytes());
    }

    fn copy(&mut self, column: usize) -> Result<(), BtfError> {
        let value = self.columns[column].get()?;
        self.push(value);
        Ok(())
    }

    fn copy_name(&mut self, column: usize) -> Result<(), BtfError> {
        let offset = self.name(column)?;
        self.push(offset);
        Ok(())
    }

    fn copy_reference(&mut self, column: usize, id: u32) -> Result<(), BtfError> {
        let to = self.reference(column, id)?;
        self.push(to);
        Ok(())
    }

    fn name(&mut self, column: usize) -> Result<u32, BtfError> {
        let mut code = self.columns[column].get()?;
        if self.split {
            if code & 1 == 1 {
                let number = (code >> 1) as usize;
                return self.base.get(number).copied().ok_or(BtfError("a name is missing in the kernel's BTF"));
            }
            code >>= 1;
        }
        let number = match code {
            0 => return Ok(0),
            1 => {
                self.used += 1;
                self.used - 1
            }
            seen => seen as usize - 2,
        };
        self.offsets.get(number).copied().ok_or(BtfError("a name is missing"))
    }

    fn reference(&mut self, column: usize, id: u32) -> Result<u32, BtfError> {
        let value = self.columns[column].get()?;
        Ok(if value == 0 { 0 } else { id.wrapping_add(unzigzag(value - 1)) })
    }
}

/// Kinds whose head counts members: struct, union, enum, prototype, section, enum64.
fn has_len(kind: u32) -> bool {
    matches!(kind, 4 | 5 | 6 | 13 | 15 | 19)
}

/// Kinds whose head has a size rather than a type.
fn has_size(kind: u32) -> bool {
    matches!(kind, 1 | 4 | 5 | 6 | 15 | 16 | 19)
}

/// Appends a number, seven bits a byte, low bits first.
pub fn put(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn zigzag(delta: u32) -> u32 {
    let delta = delta as i32;
    ((delta << 1) ^ (delta >> 31)) as u32
}

fn unzigzag(value: u32) -> u32 {
    (value >> 1) ^ (value & 1).wrapping_neg()
}
