//! `.eh_frame` and `.debug_frame` of a file as rows: for each address, where the caller's frame is.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use gimli::{
    BaseAddresses, CfaRule, CieOrFde, DebugFrame, EhFrame, EndianSlice, LittleEndian, Operation, RegisterRule,
    UnwindContext, UnwindExpression, UnwindSection, UnwindTableRow, X86_64,
};
use object::read::elf::ElfFile64;
use object::{Architecture, Endianness, Object, ObjectSection, ObjectSegment, ReadCache, ReadRef};

type Slice<'data> = EndianSlice<'data, LittleEndian>;

/// As `struct tw_unwind_row` of unwind.bpf.h.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// First address in the file.
    pub pc: u32,
    pub cfa: Cfa,
    pub cfa_offset: i32,
    /// 0: rbp is the caller's.
    pub bp_offset: i16,
}

/// `TW_CFA_…`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Cfa {
    /// The stack ends here, or nobody says how it goes on.
    None,
    Sp,
    Bp,
    Plt,
    Signal,
}

impl Row {
    /// Bytes of a row in the map.
    pub const SIZE: usize = 16;

    fn end(pc: u32) -> Self {
        Row { pc, cfa: Cfa::None, cfa_offset: 0, bp_offset: 0 }
    }

    fn rule(self) -> (Cfa, i32, i16) {
        (self.cfa, self.cfa_offset, self.bp_offset)
    }

    /// As the map has it.
    pub fn bytes(self) -> [u8; Self::SIZE] {
        let mut out = [0; Self::SIZE];
        out[..4].copy_from_slice(&self.pc.to_ne_bytes());
        out[4..8].copy_from_slice(&self.cfa_offset.to_ne_bytes());
        out[8..10].copy_from_slice(&self.bp_offset.to_ne_bytes());
        out[10] = self.cfa as u8;
        out
    }
}

/// What unwinding needs of a file.
#[derive(Debug, Default)]
pub struct Table {
    /// By address, none twice.
    pub rows: Vec<Row>,
    /// Loaded segments: offset in the file, size there, virtual address.
    segments: Vec<(u64, u64, u64)>,
    /// Names of the libraries that it needs.
    pub needed: Vec<String>,
}

impl Table {
    /// Reads an ELF file of x86_64; `None` for what is none.
    pub fn read(path: &Path) -> Option<Self> {
        Self::parse(&ReadCache::new(File::open(path).ok()?))
    }

    /// As `read`, of what is in memory.
    pub fn parse<'data>(image: impl ReadRef<'data>) -> Option<Self> {
        let elf = ElfFile64::<Endianness, _>::parse(image).ok()?;
        if elf.architecture() != Architecture::X86_64 {
            return None;
        }
        let segments = elf
            .segments()
            .map(|segment| {
                let (offset, size) = segment.file_range();
                (offset, size, segment.address())
            })
            .collect();
        let mut rows = Rows::default();
        let mut bases = BaseAddresses::default();
        if let Some(text) = elf.section_by_name(".text") {
            bases = bases.set_text(text.address());
        }
        if let Some(got) = elf.section_by_name(".got") {
            bases = bases.set_got(got.address());
        }
        if let Some(section) = elf.section_by_name(".eh_frame") {
            let data = section.uncompressed_data().ok()?;
            rows.add(&EhFrame::new(&data, LittleEndian), &bases.clone().set_eh_frame(section.address()));
        }
        // Code without exceptions, and assembly, may have nothing but this.
        if let Some(Ok(data)) = elf.section_by_name(".debug_frame").map(|section| section.uncompressed_data()) {
            let mut section = DebugFrame::new(&data, LittleEndian);
            section.set_address_size(8);
            rows.add(&section, &bases);
        }
        Some(Table { rows: rows.finish(), segments, needed: needed(&elf).unwrap_or_default() })
    }

    /// What to take from addresses of a mapping that begins at `start` with `offset` of the file to get those of the file.
    pub fn bias(&self, start: u64, offset: u64) -> Option<u64> {
        const PAGE: u64 = 4096;
        let (at, _, address) =
            self.segments.iter().find(|(at, size, _)| at & !(PAGE - 1) <= offset && offset < at + size)?;
        Some(start.wrapping_sub(address.wrapping_add(offset).wrapping_sub(*at)))
    }
}

/// DT_NEEDED of the dynamic section.
fn needed<'data>(elf: &impl Object<'data>) -> Option<Vec<String>> {
    const NEEDED: u64 = 1;
    let (dynamic, names) = (elf.section_by_name(".dynamic")?, elf.section_by_name(".dynstr")?);
    let (dynamic, names) = (dynamic.data().ok()?, names.data().ok()?);
    let word = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_le_bytes);
    let entries = dynamic.chunks_exact(16).map(|entry| (word(&entry[..8]), word(&entry[8..])));
    let name = |offset: u64| {
        let name = names.get(usize::try_from(offset).ok()?..)?.split(|&byte| byte == 0).next()?;
        Some(String::from_utf8_lossy(name).into_owned())
    };
    Some(entries.filter(|(kind, _)| *kind == NEEDED).filter_map(|(_, offset)| name(offset)).collect())
}

/// Rows of all sections, before they are put in order.
#[derive(Default)]
struct Rows {
    rows: Vec<Row>,
    /// Functions of the sections before, by their first address and with their end: what is described there counts.
    known: BTreeMap<u32, u32>,
}

impl Rows {
    fn add<'data, S: UnwindSection<Slice<'data>>>(&mut self, section: &S, bases: &BaseAddresses) {
        let mut described = Vec::new();
        let rows = &mut self.rows;
        let mut context = UnwindContext::new();
        let mut entries = section.entries(bases);
        // What is broken ends it: all behind it would be guessed.
        while let Ok(Some(entry)) = entries.next() {
            let CieOrFde::Fde(partial) = entry else { continue };
            let Ok(fde) = partial.parse(S::cie_from_offset) else { continue };
            let (Ok(first), Ok(end)) =
                (u32::try_from(fde.initial_address()), u32::try_from(fde.initial_address().saturating_add(fde.len())))
            else {
                continue;
            };
            if first == 0 || first >= end {
                continue;
            }
            let before = self.known.range(..end).next_back();
            if before.is_some_and(|(_, known_end)| *known_end > first) {
                continue;
            }
            described.push((first, end));
            let before = rows.len();
            if fde.is_signal_trampoline() {
                // The kernel's frame, whatever expressions describe it.
                rows.push(Row { cfa: Cfa::Signal, ..Row::end(first) });
            } else if let Ok(mut table) = fde.rows(section, bases, &mut context) {
                while let Ok(Some(row)) = table.next_row() {
                    let Ok(pc) = u32::try_from(row.start_address()) else { continue };
                    rows.push(one(section, pc, row));
                }
            }
            if rows.len() == before {
                rows.push(Row::end(first));
            }
            rows.push(Row::end(end));
        }
        self.known.extend(described);
    }

    /// By address, none twice.
    fn finish(self) -> Vec<Row> {
        let mut rows = self.rows;
        // Where one function ends and the next one begins, the latter counts.
        rows.sort_by_key(|row| (row.pc, row.cfa != Cfa::None));
        let mut out: Vec<Row> = Vec::with_capacity(rows.len());
        for row in rows {
            if out.last().is_some_and(|last| last.pc == row.pc) {
                out.pop();
            }
            if out.last().is_none_or(|last| last.rule() != row.rule()) {
                out.push(row);
            }
        }
        out.shrink_to_fit();
        out
    }
}

fn one<'data>(section: &impl UnwindSection<Slice<'data>>, pc: u32, row: &UnwindTableRow<usize>) -> Row {
    let (cfa, cfa_offset) = match row.cfa() {
        CfaRule::RegisterAndOffset { register, offset } => match (*register, i32::try_from(*offset)) {
            (X86_64::RSP, Ok(offset)) => (Cfa::Sp, offset),
            (X86_64::RBP, Ok(offset)) => (Cfa::Bp, offset),
            _ => return Row::end(pc),
        },
        CfaRule::Expression(expression) => match plt_threshold(section, expression) {
            Some(threshold) => (Cfa::Plt, threshold),
            None => return Row::end(pc),
        },
    };
    if !matches!(row.register(X86_64::RA), Some(RegisterRule::Offset(-8))) {
        return Row::end(pc);
    }
    let bp_offset = match row.register(X86_64::RBP) {
        None | Some(RegisterRule::SameValue | RegisterRule::Undefined) => 0,
        Some(RegisterRule::Offset(offset)) => match i16::try_from(offset) {
            Ok(offset) => offset,
            Err(_) => return Row::end(pc),
        },
        Some(_) => return Row::end(pc),
    };
    Row { pc, cfa, cfa_offset, bp_offset }
}

/// Linkers describe entries of the PLT, 16 bytes each, by `rsp + 8 + ((rip & 15) >= N) * 8`: the N.
fn plt_threshold<'data>(
    section: &impl UnwindSection<Slice<'data>>,
    expression: &UnwindExpression<usize>,
) -> Option<i32> {
    let expression = expression.get(section).ok()?;
    let encoding = gimli::Encoding { address_size: 8, format: gimli::Format::Dwarf32, version: 4 };
    let mut operations = expression.operations(encoding);
    let mut all = Vec::new();
    while let Some(operation) = operations.next().ok()? {
        all.push(operation);
    }
    match all[..] {
        [
            Operation::RegisterOffset { register: X86_64::RSP, offset: 8, .. },
            Operation::RegisterOffset { register: X86_64::RA, offset: 0, .. },
            Operation::UnsignedConstant { value: 15 },
            Operation::And,
            Operation::UnsignedConstant { value: threshold },
            Operation::Ge,
            Operation::UnsignedConstant { value: 3 },
            Operation::Shl,
            Operation::Plus,
        ] => i32::try_from(threshold).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Cfa, Table};

    #[test]
    fn own_file_has_rows_in_order() {
        if cfg!(not(target_arch = "x86_64")) {
            return;
        }
        let table = Table::read(&std::env::current_exe().unwrap()).unwrap();
        assert!(table.rows.windows(2).all(|pair| pair[0].pc < pair[1].pc));
        // Every function begins with the return address on top of the stack.
        assert!(table.rows.iter().any(|row| row.cfa == Cfa::Sp && row.cfa_offset == 8 && row.bp_offset == 0));
    }
}
