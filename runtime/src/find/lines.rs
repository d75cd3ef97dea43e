//! Addresses of source lines, by DWARF.

use std::fs::File;
use std::path::Path;
use std::rc::Rc;

use gimli::{Dwarf, EndianRcSlice, NativeEndian, SectionId};
use object::read::elf::ElfFile64;
use object::{Endianness, Object, ObjectSection, ReadCache};

type Reader = EndianRcSlice<NativeEndian>;

/// Virtual address where `file:line[:column]` starts; `column` 0 is any.
///
/// # Errors
/// Why there is none, in bpftrace's words.
pub fn address(path: &Path, file: &str, line: u32, column: u32) -> Result<u64, String> {
    let place = if column == 0 { format!("{file}:{line}") } else { format!("{file}:{line}:{column}") };
    let dwarf = load(path)?;
    match search(&dwarf, file, line, column).map_err(|error| format!("DWARF error: {error}"))? {
        Found::Address(address) => Ok(address),
        Found::File => Err(format!("DWARF error: Unable to map '{place}' to address")),
        Found::Nothing => Err(format!("DWARF error: No compilation unit matches {file}")),
    }
}

enum Found {
    Address(u64),
    File,
    Nothing,
}

fn load(path: &Path) -> Result<Dwarf<Reader>, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let cache = ReadCache::new(file);
    let elf = ElfFile64::<Endianness, _>::parse(&cache).map_err(|error| error.to_string())?;
    let section = |id: SectionId| -> Result<Reader, String> {
        let data = elf.section_by_name(id.name()).and_then(|section| section.data().ok()).unwrap_or(&[]);
        Ok(EndianRcSlice::new(Rc::from(data), NativeEndian))
    };
    Dwarf::load(section)
}

fn search(dwarf: &Dwarf<Reader>, file: &str, line: u32, column: u32) -> gimli::Result<Found> {
    let mut found = Found::Nothing;
    let mut units = dwarf.units();
    while let Some(header) = units.next()? {
        let unit = dwarf.unit(header)?;
        let Some(program) = unit.line_program.clone() else { continue };
        let mut rows = program.rows();
        while let Some((header, row)) = rows.next_row()? {
            let Some(entry) = row.file(header) else { continue };
            let name = dwarf.attr_string(&unit, entry.path_name())?;
            let mut name = gimli::Reader::to_string_lossy(&name)?.into_owned();
            if !name.starts_with('/')
                && let Some(directory) = entry.directory(header)
            {
                let directory = dwarf.attr_string(&unit, directory)?;
                name = format!("{}/{name}", gimli::Reader::to_string_lossy(&directory)?);
            }
            if !is_suffix(&name, file) {
                continue;
            }
            if matches!(found, Found::Nothing) {
                found = Found::File;
            }
            let row_column = match row.column() {
                gimli::ColumnType::LeftEdge => 0,
                gimli::ColumnType::Column(column) => column.get(),
            };
            let fits = row.line().is_some_and(|number| number.get() == u64::from(line))
                && (column == 0 || row_column == u64::from(column));
            if fits && !row.end_sequence() {
                return Ok(Found::Address(row.address()));
            }
        }
    }
    Ok(found)
}

/// Whether `path` ends in the components of `file`.
fn is_suffix(path: &str, file: &str) -> bool {
    path.strip_suffix(file).is_some_and(|rest| rest.is_empty() || rest.ends_with('/') || file.starts_with('/'))
}
