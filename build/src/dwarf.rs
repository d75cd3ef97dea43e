//! What binaries say of their functions: symbols, and DWARF for parameters.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use gimli::{
    AttributeValue, DebuggingInformationEntry, Dwarf, DwarfSections, EndianSlice, RunTimeEndian, SectionId, Unit,
    UnitOffset,
};
use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};
use tracewright_compiler::kernel::{UserFunction, matches};
use tracewright_compiler::types::{AddressSpace, FieldDef, IntType, Origin, StructDef, StructName, Type};

type Reader<'a> = EndianSlice<'a, RunTimeEndian>;
type Die<'a> = DebuggingInformationEntry<Reader<'a>>;

/// Functions whose name fits a pattern, sorted.
pub fn symbols(path: &Path, pattern: &str) -> Vec<String> {
    let Ok(data) = fs::read(path) else { return Vec::new() };
    let Ok(file) = object::File::parse(&*data) else { return Vec::new() };
    let all = file.symbols().chain(file.dynamic_symbols());
    let functions = all.filter(|s| s.kind() == SymbolKind::Text && s.is_definition() && s.size() > 0);
    let names = functions.filter_map(|s| s.name().ok()).filter(|name| matches(pattern, name));
    let mut names: Vec<String> = names.map(str::to_owned).collect();
    names.sort();
    names.dedup();
    names
}

/// USDT probes of a binary, by its notes: provider and name, sorted.
pub fn usdt_probes(path: &Path) -> Vec<(String, String)> {
    let Ok(data) = fs::read(path) else { return Vec::new() };
    let Ok(file) = object::File::parse(&*data) else { return Vec::new() };
    let Some(notes) = file.section_by_name(".note.stapsdt").and_then(|section| section.data().ok()) else {
        return Vec::new();
    };
    let addresses = if file.is_64() { 24 } else { 12 };
    let word = |at: usize| notes.get(at..at + 4).map(|b| u32::from_ne_bytes([b[0], b[1], b[2], b[3]]) as usize);
    let (mut found, mut at) = (Vec::new(), 0);
    // Size of the owner's name, size of the rest, type; three addresses, then provider, name and arguments.
    while let (Some(owner), Some(size)) = (word(at), word(at + 4)) {
        let start = at + 12 + owner.next_multiple_of(4);
        if let Some(texts) = notes.get(start + addresses..start + size) {
            let mut texts = texts.split(|byte| *byte == 0).map(|text| String::from_utf8_lossy(text).into_owned());
            found.extend(texts.next().zip(texts.next()));
        }
        at = start + size.next_multiple_of(4);
    }
    found.sort();
    found.dedup();
    found
}

/// Bytes of a symbol.
pub fn symbol_size(path: &Path, symbol: &str) -> Option<u64> {
    let data = fs::read(path).ok()?;
    let file = object::File::parse(&*data).ok()?;
    let found = file.symbols().chain(file.dynamic_symbols()).find(|s| s.is_definition() && s.name() == Ok(symbol));
    found.map(|symbol| symbol.size())
}

/// Parameters of a function, by the binary's DWARF or that of its debug file.
pub fn function(path: &Path, symbol: &str) -> Option<UserFunction> {
    let data = fs::read(path).ok()?;
    let file = object::File::parse(&*data).ok()?;
    if file.section_by_name(".debug_info").is_some() || file.section_by_name(".zdebug_info").is_some() {
        return function_in(&file, symbol);
    }
    let debug = debug_file(&file, path)?;
    let data = fs::read(debug).ok()?;
    function_in(&object::File::parse(&*data).ok()?, symbol)
}

/// Where distributions keep the DWARF of a stripped binary: by build id, else by the name in `.gnu_debuglink`.
fn debug_file(file: &object::File<'_>, path: &Path) -> Option<PathBuf> {
    if let Ok(Some([first, rest @ ..])) = file.build_id() {
        let rest: String = rest.iter().map(|byte| format!("{byte:02x}")).collect();
        let debug = PathBuf::from(format!("/usr/lib/debug/.build-id/{first:02x}/{rest}.debug"));
        if debug.exists() {
            return Some(debug);
        }
    }
    let (name, _) = file.gnu_debuglink().ok()??;
    let name = String::from_utf8_lossy(name).into_owned();
    let directory = path.parent()?;
    let below = Path::new("/usr/lib/debug").join(directory.strip_prefix("/").unwrap_or(directory));
    let places = [directory.join(&name), directory.join(".debug").join(&name), below.join(&name)];
    places.into_iter().find(|place| place.exists() && place != path)
}

fn function_in(file: &object::File<'_>, symbol: &str) -> Option<UserFunction> {
    let endian = if file.is_little_endian() { RunTimeEndian::Little } else { RunTimeEndian::Big };
    let section = |id: SectionId| -> Result<_, gimli::Error> {
        let section = file.section_by_name(id.name());
        Ok(section.and_then(|section| section.uncompressed_data().ok()).unwrap_or_default())
    };
    let sections = DwarfSections::load(section).ok()?;
    let dwarf = sections.borrow(|data| EndianSlice::new(data, endian));
    let mut units = dwarf.units();
    while let Ok(Some(header)) = units.next() {
        let Ok(unit) = dwarf.unit(header) else { continue };
        let is_x86 = file.architecture() == object::Architecture::X86_64;
        let mut reader = UnitReader { dwarf: &dwarf, unit: &unit, structs: BTreeMap::new(), is_x86 };
        if let Some(function) = reader.function(symbol) {
            return Some(function);
        }
    }
    None
}

/// Reads the types of one compilation unit.
struct UnitReader<'d, 'a> {
    dwarf: &'d Dwarf<Reader<'a>>,
    unit: &'d Unit<Reader<'a>>,
    structs: BTreeMap<StructName, StructDef>,
    is_x86: bool,
}

impl<'a> UnitReader<'_, 'a> {
    fn function(&mut self, symbol: &str) -> Option<UserFunction> {
        let mut entries = self.unit.entries();
        let mut found = None;
        while let Ok(Some(entry)) = entries.next_dfs() {
            // Declarations have no parameters to read from registers.
            if entry.tag() == gimli::DW_TAG_subprogram
                && (self.text(entry, gimli::DW_AT_name).as_deref() == Some(symbol)
                    || self.text(entry, gimli::DW_AT_linkage_name).as_deref() == Some(symbol))
            {
                found = Some(entry.offset());
                if !entry.has_attr(gimli::DW_AT_declaration) {
                    break;
                }
            }
        }
        let offset = found?;
        let entry = self.unit.entry(offset).ok()?;
        let result = self.type_of(&entry).map_or(Type::Void, |ty| self.ty(ty, 0));
        let mut params = Vec::new();
        for child in self.children(offset).iter().filter(|child| child.tag() == gimli::DW_TAG_formal_parameter) {
            let name = self.text(child, gimli::DW_AT_name).unwrap_or_else(|| format!("arg{}", params.len()));
            params.push((name, self.type_of(child).map_or(Type::Void, |ty| self.ty(ty, 0))));
        }
        let places = self.places(&params);
        let structs = std::mem::take(&mut self.structs).into_values().collect();
        Some(UserFunction { params, places, structs, result })
    }

    /// Where the calling convention has each parameter: `argN` counts the integer registers, then words of the stack.
    /// Nothing is known behind a parameter of which it is not known whether it takes integer registers.
    fn places(&self, params: &[(String, Type)]) -> Vec<Option<u32>> {
        let registers = if self.is_x86 { 6 } else { 8 };
        let (mut taken, mut floats, mut words, mut lost) = (0, 0, 0, false);
        let mut places = Vec::new();
        for (_, ty) in params {
            let place = match ty {
                // A float.
                Type::Void => {
                    floats += 1;
                    lost |= floats > 8;
                    None
                }
                Type::Struct(name) => {
                    let def = self.structs.get(name);
                    let size = def.map_or(0, |def| def.size);
                    let needs = size.div_ceil(8);
                    lost |= size == 0 || def.is_none_or(|def| def.fields.iter().any(|field| self.has_float(&field.ty)));
                    match () {
                        // By reference.
                        () if size > 16 && !self.is_x86 => taken += 1,
                        () if size > 16 || taken + needs > registers => words += needs,
                        () => taken += needs,
                    }
                    None
                }
                _ if lost => None,
                _ if taken < registers => {
                    taken += 1;
                    Some(taken - 1)
                }
                _ => {
                    words += 1;
                    Some(registers + words - 1)
                }
            };
            places.push(place);
        }
        places
    }

    fn has_float(&self, ty: &Type) -> bool {
        match ty {
            Type::Void => true,
            Type::Array { of, .. } => self.has_float(of),
            Type::Struct(name) => {
                self.structs.get(name).is_none_or(|def| def.fields.iter().any(|field| self.has_float(&field.ty)))
            }
            _ => false,
        }
    }

    fn text(&self, entry: &Die<'a>, name: gimli::DwAt) -> Option<String> {
        let value = entry.attr_value(name)?;
        Some(self.dwarf.attr_string(self.unit, value).ok()?.to_string_lossy().into_owned())
    }

    fn number(&self, entry: &Die<'a>, name: gimli::DwAt) -> Option<u64> {
        entry.attr_value(name)?.udata_value()
    }

    /// Types of other units (`DW_FORM_ref_addr`) are not followed.
    fn type_of(&self, entry: &Die<'a>) -> Option<UnitOffset> {
        match entry.attr_value(gimli::DW_AT_type)? {
            AttributeValue::UnitRef(offset) => Some(offset),
            AttributeValue::DebugInfoRef(offset) => offset.to_unit_offset(&self.unit.header),
            _ => None,
        }
    }

    fn children(&self, offset: UnitOffset) -> Vec<Die<'a>> {
        let mut children = Vec::new();
        let Ok(mut entries) = self.unit.entries_at_offset(offset) else { return children };
        let Ok(Some(_)) = entries.next_dfs() else { return children };
        while let Ok(Some(entry)) = entries.next_dfs() {
            match entry.depth() {
                ..=0 => break,
                1 => children.push(entry.clone()),
                _ => {}
            }
        }
        children
    }

    fn ty(&mut self, offset: UnitOffset, depth: u32) -> Type {
        let Ok(entry) = self.unit.entry(offset) else { return Type::Void };
        let target = self.type_of(&entry);
        // Types that contain themselves stop at pointers; this stops malformed ones.
        if depth > 64 {
            return Type::Void;
        }
        match entry.tag() {
            gimli::DW_TAG_base_type => self.base(&entry),
            gimli::DW_TAG_pointer_type | gimli::DW_TAG_reference_type | gimli::DW_TAG_rvalue_reference_type => {
                let to = Box::new(target.map_or(Type::Void, |ty| self.ty(ty, depth + 1)));
                Type::Pointer { to, space: AddressSpace::User }
            }
            gimli::DW_TAG_structure_type | gimli::DW_TAG_class_type | gimli::DW_TAG_union_type => {
                self.structure(&entry, depth)
            }
            gimli::DW_TAG_enumeration_type => {
                let bits = (self.number(&entry, gimli::DW_AT_byte_size).unwrap_or(4).clamp(1, 8) * 8) as u8;
                Type::Int(IntType { bits, signed: false })
            }
            gimli::DW_TAG_array_type => {
                let mut ty = target.map_or(Type::Void, |ty| self.ty(ty, depth + 1));
                let is_text = target.is_some_and(|element| self.is_char(element));
                let ranges = self.children(offset);
                for range in ranges.iter().rev().filter(|child| child.tag() == gimli::DW_TAG_subrange_type) {
                    let count = self.number(range, gimli::DW_AT_count);
                    let last = || self.number(range, gimli::DW_AT_upper_bound).map(|last| last + 1);
                    let len = count.or_else(last).unwrap_or(0) as u32;
                    ty = match ty {
                        Type::Int(IntType { bits: 8, .. }) if is_text => Type::String { capacity: len },
                        ty => Type::Array { of: Box::new(ty), len },
                    };
                }
                ty
            }
            gimli::DW_TAG_typedef
            | gimli::DW_TAG_const_type
            | gimli::DW_TAG_volatile_type
            | gimli::DW_TAG_restrict_type
            | gimli::DW_TAG_atomic_type => target.map_or(Type::Void, |ty| self.ty(ty, depth + 1)),
            _ => Type::Void,
        }
    }

    fn base(&self, entry: &Die<'a>) -> Type {
        let bits = (self.number(entry, gimli::DW_AT_byte_size).unwrap_or(0) * 8) as u8;
        match entry.attr_value(gimli::DW_AT_encoding) {
            Some(AttributeValue::Encoding(gimli::DW_ATE_boolean)) if bits == 8 => Type::Bool,
            // Floats are in other registers than those that probes see.
            Some(AttributeValue::Encoding(gimli::DW_ATE_float)) => Type::Void,
            Some(AttributeValue::Encoding(encoding)) if matches!(bits, 8 | 16 | 32 | 64) => {
                let signed = matches!(encoding, gimli::DW_ATE_signed | gimli::DW_ATE_signed_char);
                Type::Int(IntType { bits, signed })
            }
            _ => Type::Void,
        }
    }

    fn is_char(&self, mut offset: UnitOffset) -> bool {
        for _ in 0..16 {
            let Ok(entry) = self.unit.entry(offset) else { return false };
            if entry.tag() == gimli::DW_TAG_base_type {
                return self.text(&entry, gimli::DW_AT_name).as_deref() == Some("char");
            }
            match self.type_of(&entry) {
                Some(next) => offset = next,
                None => return false,
            }
        }
        false
    }

    fn structure(&mut self, entry: &Die<'a>, depth: u32) -> Type {
        let is_union = entry.tag() == gimli::DW_TAG_union_type;
        let keyword = if is_union { "union" } else { "struct" };
        let name = match self.text(entry, gimli::DW_AT_name) {
            Some(name) => StructName(format!("{keyword} {name}")),
            None => StructName(format!("anon user {:x}", entry.offset().0)),
        };
        if self.structs.contains_key(&name) || entry.has_attr(gimli::DW_AT_declaration) {
            return Type::Struct(name);
        }
        let size = self.number(entry, gimli::DW_AT_byte_size).unwrap_or(0) as u32;
        let def =
            StructDef { name: name.clone(), is_union, size, align: 1, fields: Vec::new(), origin: Origin::Script };
        // Known before its members are read: they may point back to it.
        self.structs.insert(name.clone(), def);
        let mut fields = Vec::new();
        for member in self.children(entry.offset()).iter().filter(|child| child.tag() == gimli::DW_TAG_member) {
            if let Some(field) = self.member(member, depth) {
                fields.push(field);
            }
        }
        let mut align = fields.iter().map(|field| self.align(&field.ty)).max().unwrap_or(1).max(1);
        while align > 1 && !size.is_multiple_of(align) {
            align /= 2;
        }
        if let Some(def) = self.structs.get_mut(&name) {
            def.fields = fields;
            def.align = align;
        }
        Type::Struct(name)
    }

    /// Static members have no place in the struct.
    fn member(&mut self, member: &Die<'a>, depth: u32) -> Option<FieldDef> {
        if member.has_attr(gimli::DW_AT_external) {
            return None;
        }
        let ty = self.ty(self.type_of(member)?, depth + 1);
        let byte = self.number(member, gimli::DW_AT_data_member_location).unwrap_or(0) as u32;
        let bit_width = self.number(member, gimli::DW_AT_bit_size).map(|bits| bits as u8);
        let bit_offset = match (self.number(member, gimli::DW_AT_data_bit_offset), bit_width) {
            (Some(bits), _) => bits as u32,
            (None, Some(width)) => {
                // DWARF 3 counts from the most significant bit of the storage unit.
                let unit = self.number(member, gimli::DW_AT_byte_size).map_or(32, |bytes| bytes as u32 * 8);
                let from_top = self.number(member, gimli::DW_AT_bit_offset).unwrap_or(0) as u32;
                byte * 8 + unit.saturating_sub(from_top + u32::from(width))
            }
            (None, None) => byte * 8,
        };
        Some(FieldDef { name: self.text(member, gimli::DW_AT_name).unwrap_or_default(), ty, bit_offset, bit_width })
    }

    fn align(&self, ty: &Type) -> u32 {
        match ty {
            Type::Struct(name) => self.structs.get(name).map_or(1, |def| def.align),
            Type::Array { of, .. } => self.align(of),
            other => other.layout(&self.structs).1,
        }
    }
}
