//! Symbols, notes and addresses of ELF files.

use std::fs::File;
use std::path::Path;

use object::read::elf::{ElfFile32, ElfFile64};
use object::{Endianness, Object, ObjectSection, ObjectSegment, ObjectSymbol, ReadCache, SymbolKind};

use crate::find::archive;

/// A symbol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// Mangled.
    pub name: String,
    /// Virtual address in the file.
    pub address: u64,
    /// Bytes; 0 when unknown.
    pub size: u64,
    /// A function, also an indirect one.
    pub function: bool,
}

/// What is read from a binary.
#[derive(Debug, Default)]
pub struct Binary {
    /// Defined symbols of `.symtab` and `.dynsym`, each name once.
    pub symbols: Vec<Symbol>,
    /// Loaded segments: virtual address, size in the file, offset in the file.
    segments: Vec<(u64, u64, u64)>,
    /// Where it begins in its archive; 0 for a file of its own.
    base: u64,
    /// USDT probes: provider and name, each once.
    pub usdt: Vec<(String, String)>,
}

impl Binary {
    /// Reads an ELF file.
    ///
    /// # Errors
    /// When it cannot be read or is not ELF.
    pub fn read(path: &Path) -> Result<Self, String> {
        if let Some((archive, name)) = archive::split(path) {
            let (base, bytes) = archive::member(archive, name).ok_or("no such member, or a compressed one")?;
            let elf = ElfFile64::<Endianness>::parse(&*bytes).map_err(|error| error.to_string())?;
            return Ok(Binary { base, ..Self::of(&elf) });
        }
        let file = File::open(path).map_err(|error| error.to_string())?;
        let cache = ReadCache::new(file);
        match ElfFile64::<Endianness, _>::parse(&cache) {
            Ok(elf) => Ok(Self::of(&elf)),
            Err(error) => match ElfFile32::<Endianness, _>::parse(&cache) {
                Ok(elf) => Ok(Self::of(&elf)),
                Err(_) => Err(error.to_string()),
            },
        }
    }

    fn of<'data>(elf: &impl Object<'data>) -> Self {
        let mut binary = Binary::default();
        for segment in elf.segments() {
            let (offset, size) = segment.file_range();
            binary.segments.push((segment.address(), size, offset));
        }
        let mut seen = std::collections::HashSet::new();
        for symbol in elf.symbols().chain(elf.dynamic_symbols()) {
            if symbol.is_undefined() || symbol.address() == 0 {
                continue;
            }
            let Ok(name) = symbol.name() else { continue };
            if !name.is_empty() && seen.insert(name.to_owned()) {
                let function = is_function(&symbol);
                binary.symbols.push(Symbol {
                    name: name.to_owned(),
                    address: symbol.address(),
                    size: symbol.size(),
                    function,
                });
            }
        }
        if let Some(section) = elf.section_by_name(".note.stapsdt")
            && let Ok(data) = section.data()
        {
            let width = if elf.is_64() { 8 } else { 4 };
            binary.usdt = usdt_probes(data, width);
        }
        binary
    }

    /// The symbol called `name`.
    pub fn symbol(&self, name: &str) -> Option<&Symbol> {
        self.symbols.iter().find(|symbol| symbol.name == name)
    }

    /// The function that covers a virtual address.
    pub fn function_at(&self, address: u64) -> Option<&Symbol> {
        self.symbols.iter().find(|s| s.function && s.address <= address && address < s.address + s.size.max(1))
    }

    /// Whether an instruction begins `offset` bytes into a function of the file at `path`.
    pub fn begins_instruction(&self, path: &Path, function: &Symbol, offset: u64) -> bool {
        use std::os::unix::fs::FileExt;
        if offset >= function.size {
            return true;
        }
        let mut code = vec![0; offset as usize + 16];
        let read = File::open(archive::file_of(path))
            .and_then(|file| file.read_at(&mut code, self.file_offset(function.address)));
        match read {
            Ok(count) => crate::find::instruction::begins_at(&code[..count], offset as usize),
            Err(_) => true,
        }
    }

    /// Offset in the file of a virtual address; the address itself where no segment holds it.
    pub fn file_offset(&self, address: u64) -> u64 {
        self.segments
            .iter()
            .find(|(start, size, _)| (*start..start + size).contains(&address))
            .map_or(address, |(start, _, offset)| address - start + offset)
            + self.base
    }
}

fn is_function<'data>(symbol: &impl ObjectSymbol<'data>) -> bool {
    if symbol.kind() == SymbolKind::Text {
        return true;
    }
    matches!(symbol.flags(), object::SymbolFlags::Elf { st_info, .. } if st_info.st_type() == object::elf::STT_GNU_IFUNC)
}

/// Provider and name of each note of `.note.stapsdt`; `width` is the bytes of an address.
///
/// A note is `namesz descsz type`, the owner `stapsdt`, then three addresses, provider, name and arguments as strings.
fn usdt_probes(data: &[u8], width: usize) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut at = 0;
    let word = |at: usize| data.get(at..at + 4).map(|b| u32::from_ne_bytes([b[0], b[1], b[2], b[3]]) as usize);
    while let (Some(name_size), Some(size)) = (word(at), word(at + 4)) {
        let start = at + 12 + name_size.next_multiple_of(4);
        if let Some(description) = data.get(start + 3 * width..start + size) {
            let mut texts = description.split(|&byte| byte == 0).map(|text| String::from_utf8_lossy(text).into_owned());
            if let (Some(provider), Some(name)) = (texts.next(), texts.next())
                && !found.contains(&(provider.clone(), name.clone()))
            {
                found.push((provider, name));
            }
        }
        at = start + size.next_multiple_of(4);
    }
    found
}
