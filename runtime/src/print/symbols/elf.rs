//! Build ids of ELF files.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

const PT_NOTE: u32 = 4;
const NT_GNU_BUILD_ID: u32 = 3;

/// The GNU build id in hex.
pub fn build_id(path: &Path) -> Option<String> {
    let file = File::open(path).ok()?;
    let mut header = [0; 64];
    file.read_exact_at(&mut header, 0).ok()?;
    if &header[..4] != b"\x7fELF" || header[4] != 2 {
        return None;
    }
    let (table, entry, count) = (number(&header, 32, 8), number(&header, 54, 2), number(&header, 56, 2));
    (0..count).find_map(|index| {
        let mut segment = [0; 56];
        file.read_exact_at(&mut segment, table + index * entry).ok()?;
        if number(&segment, 0, 4) as u32 != PT_NOTE {
            return None;
        }
        let (offset, size) = (number(&segment, 8, 8), number(&segment, 32, 8).min(1 << 16));
        let mut notes = vec![0; size as usize];
        file.read_exact_at(&mut notes, offset).ok()?;
        find_note(&notes)
    })
}

fn find_note(mut notes: &[u8]) -> Option<String> {
    while notes.len() >= 12 {
        let (name, size) = (number(notes, 0, 4) as usize, number(notes, 4, 4) as usize);
        let kind = number(notes, 8, 4) as u32;
        let start = 12 + name.next_multiple_of(4);
        let description = notes.get(start..start.checked_add(size)?)?;
        if kind == NT_GNU_BUILD_ID && notes.get(12..12 + name) == Some(b"GNU\0") {
            return Some(description.iter().map(|byte| format!("{byte:02x}")).collect());
        }
        notes = notes.get(start + size.next_multiple_of(4)..)?;
    }
    None
}

fn number(bytes: &[u8], at: usize, size: usize) -> u64 {
    super::super::layout::unsigned_at(bytes, at, size)
}
