//! A kernel as data: [`Description`], its file, and what the checker asks of it.
//!
//! The file: `TKD`, a version byte, the Adler-32 of the rest, then sections (tag, name, length, deflated length, bytes).
//! Nothing is inflated before it is needed.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use super::btf::{Btf, BtfError, Kind};
use super::c_decl::Declarations;
use super::codec::{self, Start, put};
use super::constants;
use super::convert::Converter;
use super::tracepoints::{Events, prototype};
use super::{Function, Kernel, Tracepoint};
use crate::types::{Origin, StructDef, StructName, Type};

/// What was read from a running machine.
#[derive(Clone, Debug, Default)]
pub struct Capture {
    /// `uname -r`
    pub release: String,
    /// `x86_64`
    pub arch: String,
    /// `/sys/kernel/btf/vmlinux`
    pub vmlinux: Vec<u8>,
    /// Name and BTF of modules.
    pub modules: Vec<(String, Vec<u8>)>,
    /// Category, event and text of each `format` file.
    pub formats: Vec<(String, String, String)>,
}

/// One kernel: its types, tracepoints and functions.
#[derive(Debug)]
pub struct Description {
    release: String,
    arch: String,
    sections: Vec<Section>,
    types: OnceLock<Vec<Part>>,
    events: OnceLock<Events>,
    structs: Mutex<HashMap<StructName, Option<StructDef>>>,
}

/// BTF of the kernel or of a module.
#[derive(Debug)]
struct Part {
    btf: Arc<Btf>,
    /// What names of its anonymous types start with.
    anonymous: String,
}

impl Part {
    fn types(&self) -> Converter<'_> {
        Converter { btf: &self.btf, origin: Origin::Kernel, anonymous: &self.anonymous }
    }
}

#[derive(Clone, Debug)]
struct Section {
    tag: u8,
    name: String,
    len: usize,
    deflated: Cow<'static, [u8]>,
}

const MAGIC: &[u8; 4] = b"TKD\x01";
const INFO: u8 = 1;
/// One column of BTF; its name is `vmlinux` or the module.
const COLUMN: u8 = 2;
const EVENTS: u8 = 3;

/// A file that is no kernel description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescriptionError(String);

impl std::fmt::Display for DescriptionError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for DescriptionError {}

impl From<BtfError> for DescriptionError {
    fn from(error: BtfError) -> Self {
        DescriptionError(error.to_string())
    }
}

impl Description {
    /// The description that comes with the compiler: a recent Debian kernel.
    pub fn bundled() -> Description {
        let file: &'static [u8] = include_bytes!("../../kernels/bundled.tkd");
        // SANITY: the file is part of the crate; a test reads it.
        Description::parse(Cow::Borrowed(file)).expect("the bundled kernel description is sound")
    }

    /// Makes a description of what was captured.
    ///
    /// # Errors
    /// When the BTF is malformed.
    pub fn assemble(capture: Capture) -> Result<Description, DescriptionError> {
        let vmlinux = Arc::new(Btf::new(capture.vmlinux, None)?);
        let mut parts = vec![("vmlinux".to_owned(), Arc::clone(&vmlinux))];
        for (name, data) in capture.modules {
            parts.push((name, Arc::new(Btf::new(data, Some(Arc::clone(&vmlinux)))?)));
        }
        let all: Vec<&Btf> = parts.iter().map(|(_, btf)| &**btf).collect();
        let events = Events::collect(capture.formats, &all);

        let info = format!("{}\n{}\n", capture.release, capture.arch);
        let mut sections = vec![Section::deflate(INFO, "", info.as_bytes())];
        sections.push(Section::deflate(EVENTS, "", events.to_text().as_bytes()));
        let mut base = None;
        for (name, btf) in &parts {
            let start = Start { id: btf.own_ids().start, string: btf.first_string() };
            let (columns, strings) = codec::pack(btf.bytes(), start, base.as_ref())?;
            sections.extend(columns.iter().map(|column| Section::deflate(COLUMN, name, column)));
            base.get_or_insert(strings);
        }
        Ok(Description::of(capture.release, capture.arch, sections))
    }

    fn of(release: String, arch: String, sections: Vec<Section>) -> Description {
        let (types, events) = (OnceLock::new(), OnceLock::new());
        Description { release, arch, sections, types, events, structs: Mutex::new(HashMap::new()) }
    }

    /// Reads a description file.
    ///
    /// # Errors
    /// When it is none, or damaged, or of another version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Description, DescriptionError> {
        Description::parse(Cow::Owned(bytes.to_vec()))
    }

    fn parse(file: Cow<'static, [u8]>) -> Result<Description, DescriptionError> {
        let damaged = || DescriptionError("the kernel description is damaged".to_owned());
        if !file.starts_with(&MAGIC[..3]) {
            return Err(DescriptionError("this is not a kernel description".to_owned()));
        }
        if !file.starts_with(MAGIC) {
            return Err(DescriptionError("the kernel description is of another version: capture it again".to_owned()));
        }
        if file.len() < 8 || adler32(&file[8..]).to_le_bytes() != file[4..8] {
            return Err(damaged());
        }
        let mut sections = Vec::new();
        let mut at = 8;
        while at < file.len() {
            let tag = file[at];
            at += 1;
            let name_len = get(&file, &mut at).ok_or_else(damaged)?;
            let name = file.get(at..at + name_len).ok_or_else(damaged)?;
            let name = String::from_utf8_lossy(name).into_owned();
            at += name_len;
            let len = get(&file, &mut at).ok_or_else(damaged)?;
            let deflated_len = get(&file, &mut at).ok_or_else(damaged)?;
            let range = at..at + deflated_len;
            let deflated = match &file {
                Cow::Borrowed(file) => Cow::Borrowed(file.get(range).ok_or_else(damaged)?),
                Cow::Owned(file) => Cow::Owned(file.get(range).ok_or_else(damaged)?.to_vec()),
            };
            sections.push(Section { tag, name, len, deflated });
            at += deflated_len;
        }
        let info = sections.iter().find(|s| s.tag == INFO).ok_or_else(damaged)?;
        let info = String::from_utf8_lossy(&info.inflate()).into_owned();
        let mut lines = info.lines().map(str::to_owned);
        let (release, arch) = (lines.next().ok_or_else(damaged)?, lines.next().ok_or_else(damaged)?);
        Ok(Description::of(release, arch, sections))
    }

    /// The description file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut body = Vec::new();
        for section in &self.sections {
            body.push(section.tag);
            put(&mut body, section.name.len() as u32);
            body.extend_from_slice(section.name.as_bytes());
            put(&mut body, section.len as u32);
            put(&mut body, section.deflated.len() as u32);
            body.extend_from_slice(&section.deflated);
        }
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&adler32(&body).to_le_bytes());
        out.extend_from_slice(&body);
        out
    }

    /// `uname -r` of the kernel.
    pub fn release(&self) -> &str {
        &self.release
    }

    /// `x86_64`
    pub fn arch(&self) -> &str {
        &self.arch
    }

    fn parts(&self) -> &[Part] {
        // SANITY: the checksum was right, so these are bytes that `assemble` wrote.
        self.types.get_or_init(|| self.decode().expect("a kernel description with the right checksum is sound"))
    }

    fn decode(&self) -> Result<Vec<Part>, BtfError> {
        let mut parts: Vec<Part> = Vec::new();
        let mut names: Vec<&str> = Vec::new();
        for section in self.sections.iter().filter(|s| s.tag == COLUMN) {
            if !names.contains(&section.name.as_str()) {
                names.push(&section.name);
            }
        }
        let mut base_strings = Vec::new();
        for name in names {
            let columns: Vec<Vec<u8>> =
                self.sections.iter().filter(|s| s.tag == COLUMN && s.name == name).map(Section::inflate).collect();
            let columns: Vec<&[u8]> = columns.iter().map(Vec::as_slice).collect();
            let base = parts.first().map(|part| Arc::clone(&part.btf));
            let start = match &base {
                Some(base) => Start { id: base.own_ids().end, string: base.strings_end() },
                None => Start { id: 1, string: 0 },
            };
            let (data, strings) = codec::unpack(&columns, start, &base_strings)?;
            let anonymous = if base.is_some() { format!("anon {name} ") } else { "anon ".to_owned() };
            if base.is_none() {
                base_strings = strings;
            }
            parts.push(Part { btf: Arc::new(Btf::new(data, base)?), anonymous });
        }
        Ok(parts)
    }

    fn events(&self) -> &Events {
        self.events.get_or_init(|| {
            let text = self.sections.iter().find(|s| s.tag == EVENTS).map(Section::inflate).unwrap_or_default();
            Events::from_text(&String::from_utf8_lossy(&text)).unwrap_or_default()
        })
    }

    /// BTF of the kernel proper.
    pub fn vmlinux(&self) -> Option<&Btf> {
        self.parts().first().map(|part| &*part.btf)
    }

    fn first<T>(&self, ask: impl Fn(&Converter<'_>) -> Option<T>) -> Option<T> {
        self.parts().iter().find_map(|part| ask(&part.types()))
    }

    fn signature(&self, types: &Converter<'_>, name: &str, kind: Kind) -> Option<Function> {
        let id = prototype(types.btf, types.btf.find(name, &[kind])?)?;
        let params = types.btf.params(id).enumerate();
        let named = |(n, (name, ty)): (usize, (&str, u32))| {
            let name = if name.is_empty() { format!("arg{n}") } else { name.to_owned() };
            (name, types.ty(ty))
        };
        Some(Function { params: params.map(named).collect(), result: types.ty(types.btf.head(id).size_or_type) })
    }
}

impl Kernel for Description {
    fn structure(&self, name: &StructName) -> Option<StructDef> {
        // SANITY: nothing panics while it is held.
        let mut known = self.structs.lock().expect("no holder of the lock panics");
        known.entry(name.clone()).or_insert_with(|| self.first(|types| types.structure(name))).clone()
    }

    fn typedef(&self, name: &str) -> Option<Type> {
        self.first(|types| types.typedef(name))
    }

    fn enumeration(&self, name: &str) -> Option<(Type, Vec<(String, i64)>)> {
        self.first(|types| types.enumeration(name))
    }

    fn enumerator(&self, name: &str) -> Option<(Type, i64)> {
        self.first(|types| types.enumerator(name))
    }

    fn constant(&self, name: &str) -> Option<i64> {
        constants::value(name)
    }

    fn function(&self, name: &str) -> Option<Function> {
        self.first(|types| self.signature(types, name, Kind::Func))
    }

    fn functions(&self, pattern: &str) -> Vec<String> {
        let mut names = Vec::new();
        for part in self.parts() {
            let found = part.btf.of_kind(Kind::Func).map(|id| part.btf.name(id)).filter(|n| matches(pattern, n));
            names.extend(found.map(str::to_owned));
        }
        names.sort();
        names.dedup();
        names
    }

    fn tracepoint(&self, category: &str, event: &str) -> Option<Tracepoint> {
        let events = self.events();
        let event = events.find(category, event)?;
        // The last part sees the kernel's types and its own; which module an event is of, only its struct tells.
        let part = match &event.class {
            Some(class) => self.parts().iter().find(|p| p.btf.find(class, &[Kind::Struct]).is_some()),
            None => None,
        };
        let part = part.or_else(|| self.parts().first())?;
        Some(events.typed(event, &part.types()))
    }

    fn tracepoints(&self, category: &str, event: &str) -> Vec<(String, String)> {
        let events = self.events().events.iter();
        let found = events.filter(|e| matches(category, &e.category) && matches(event, &e.event));
        found.map(|e| (e.category.clone(), e.event.clone())).collect()
    }

    fn raw_tracepoint(&self, event: &str) -> Option<Vec<(String, Type)>> {
        self.first(|types| {
            let typedef = self.signature(types, &format!("btf_trace_{event}"), Kind::Typedef)?;
            // The typedef's parameters have no names; the function that calls the probes has.
            let named = ["__traceiter_", "__probestub_", "__bpf_trace_"].iter();
            let mut named = named.filter_map(|prefix| self.signature(types, &format!("{prefix}{event}"), Kind::Func));
            let named = named.find(|f| f.params.len() == typedef.params.len());
            let mut params = named.unwrap_or(typedef).params;
            if !params.is_empty() {
                params.remove(0);
            }
            Some(params)
        })
    }

    fn raw_tracepoints(&self, pattern: &str) -> Vec<String> {
        let mut names = Vec::new();
        for part in self.parts() {
            let typedefs =
                part.btf.of_kind(Kind::Typedef).filter_map(|id| part.btf.name(id).strip_prefix("btf_trace_"));
            names.extend(typedefs.filter(|name| matches(pattern, name)).map(str::to_owned));
        }
        names.sort();
        names.dedup();
        names
    }

    fn variable(&self, name: &str) -> Option<Type> {
        self.first(|types| {
            let id = types.btf.find(name, &[Kind::Var])?;
            Some(types.ty(types.btf.head(id).size_or_type))
        })
    }

    fn iterators(&self) -> Vec<String> {
        let mut kinds = Vec::new();
        for part in self.parts() {
            let structs = part.btf.of_kind(Kind::Struct).filter_map(|id| part.btf.name(id).strip_prefix("bpf_iter__"));
            kinds.extend(structs.map(str::to_owned));
        }
        kinds.sort();
        kinds.dedup();
        kinds
    }

    fn c_declarations(&self, names: &[String]) -> String {
        let Some(part) = self.parts().first() else { return String::new() };
        let mut declarations = Declarations::new(part.types());
        let mut macros = String::new();
        for name in names {
            if !declarations.declare(name)
                && let Some(value) = constants::value(name)
            {
                macros += &format!("#ifndef {name}\n#define {name} {value}\n#endif\n");
            }
        }
        declarations.finish() + &macros
    }
}

impl Section {
    fn deflate(tag: u8, name: &str, data: &[u8]) -> Section {
        let deflated = miniz_oxide::deflate::compress_to_vec(data, 10);
        Section { tag, name: name.to_owned(), len: data.len(), deflated: Cow::Owned(deflated) }
    }

    fn inflate(&self) -> Vec<u8> {
        // SANITY: the checksum was right, so this is what `deflate` wrote.
        miniz_oxide::inflate::decompress_to_vec_with_limit(&self.deflated, self.len)
            .expect("a kernel description with the right checksum is sound")
    }
}

fn get(data: &[u8], at: &mut usize) -> Option<usize> {
    let (mut value, mut shift) = (0_usize, 0);
    loop {
        let byte = *data.get(*at)?;
        *at += 1;
        value |= usize::from(byte & 0x7f).checked_shl(shift)?;
        if byte < 0x80 {
            return Some(value);
        }
        shift += 7;
    }
}

fn adler32(data: &[u8]) -> u32 {
    let (mut a, mut b) = (1_u32, 0_u32);
    // As many bytes as fit before the sums could overflow.
    for chunk in data.chunks(5552) {
        for &byte in chunk {
            a += u32::from(byte);
            b += a;
        }
        a %= 65521;
        b %= 65521;
    }
    b << 16 | a
}

/// Whether a name fits a pattern with `*` (any text), `?` (any character) and `[…]`.
pub fn matches(pattern: &str, name: &str) -> bool {
    glob(pattern.as_bytes(), name.as_bytes())
}

fn glob(mut pattern: &[u8], mut name: &[u8]) -> bool {
    loop {
        match (pattern.first(), name.first()) {
            (None, None) => return true,
            (Some(b'*'), _) => {
                let rest = &pattern[1..];
                return rest.is_empty() || (0..=name.len()).any(|skip| glob(rest, &name[skip..]));
            }
            (Some(b'?'), Some(_)) => (pattern, name) = (&pattern[1..], &name[1..]),
            (Some(b'['), Some(&c)) => {
                let Some(end) = pattern.iter().position(|&b| b == b']') else { return false };
                if !in_set(&pattern[1..end], c) {
                    return false;
                }
                (pattern, name) = (&pattern[end + 1..], &name[1..]);
            }
            (Some(p), Some(n)) if p == n => (pattern, name) = (&pattern[1..], &name[1..]),
            _ => return false,
        }
    }
}

fn in_set(set: &[u8], c: u8) -> bool {
    let (negated, set) = match set.first() {
        Some(b'!' | b'^') => (true, &set[1..]),
        _ => (false, set),
    };
    let ranges = set.windows(3).any(|w| w[1] == b'-' && w[0] <= c && c <= w[2]);
    (ranges || set.contains(&c)) != negated
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::TracepointContext;
    use crate::types::{AddressSpace, IntType, StructTable};

    fn field(kernel: &Description, of: &str, name: &str) -> Type {
        let def = kernel.structure(&StructName(of.into())).unwrap();
        def.fields.iter().find(|f| f.name == name).unwrap().ty.clone()
    }

    #[test]
    fn types_of_the_bundled_kernel() {
        let kernel = Description::bundled();
        assert!(kernel.release().starts_with("6.12."));
        assert_eq!(field(&kernel, "struct task_struct", "comm"), Type::String { capacity: 16 });
        assert_eq!(field(&kernel, "struct task_struct", "pid"), Type::Int(IntType::I32));
        let mm = StructName("struct mm_struct".into());
        let mm = Type::Pointer { to: Box::new(Type::Struct(mm)), space: AddressSpace::Kernel };
        assert_eq!(field(&kernel, "struct task_struct", "mm"), mm);
        assert_eq!(kernel.typedef("pid_t"), Some(Type::Int(IntType::I32)));
        assert_eq!(kernel.typedef("size_t"), Some(Type::U64));
        assert_eq!(kernel.enumerator("BPF_MAP_TYPE_ARRAY").unwrap().1, 2);
        assert_eq!(kernel.constant("AF_INET6"), Some(10));
        let read = kernel.function("vfs_read").unwrap();
        assert_eq!(
            read.params.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
            ["file", "buf", "count", "pos"]
        );
        assert_eq!(read.result, Type::I64);
        assert!(kernel.iterators().contains(&"task".to_owned()));
        assert!(kernel.functions("vfs_rea*").contains(&"vfs_read".to_owned()));
    }

    #[test]
    fn every_struct_is_read_and_fits_its_size() {
        let kernel = Description::bundled();
        let parts = kernel.parts();
        assert!(parts.len() > 5, "the bundled kernel has modules");
        let mut seen = 0;
        for part in parts {
            for id in part.btf.own_ids() {
                let types = part.types();
                let name = StructName(format!("{}{id}", part.anonymous));
                let Some(def) = types.structure(&name) else { continue };
                seen += 1;
                for field in &def.fields {
                    let bits = field.bit_width.map_or(0, u32::from);
                    assert!(field.bit_offset + bits <= def.size * 8, "{} {}", part.btf.name(id), field.name);
                }
                assert!(def.align > 0 && def.size.is_multiple_of(def.align), "{}", part.btf.name(id));
            }
        }
        assert!(seen > 5000);
    }

    #[test]
    fn tracepoints_have_their_structs() {
        let kernel = Description::bundled();
        let issue = kernel.tracepoint("block", "block_rq_issue").unwrap();
        assert_eq!(issue.context, TracepointContext::Struct(StructName("struct trace_event_raw_block_rq".into())));
        let open = kernel.tracepoint("syscalls", "sys_enter_openat").unwrap();
        assert_eq!(open.context, TracepointContext::SyscallEnter);
        let name = open.fields.iter().find(|f| f.name == "filename").unwrap();
        assert_eq!((name.syscall_arg, name.c_type.as_str()), (Some(1), "const char *"));
        assert!(matches!(&name.ty, Type::Pointer { space: AddressSpace::User, .. }));
        let exec = kernel.tracepoint("sched", "sched_process_exec").unwrap();
        assert!(exec.fields.iter().find(|f| f.name == "filename").unwrap().data_loc);
        assert!(kernel.tracepoint("ext4", "ext4_da_write_begin").is_some());
        assert!(kernel.tracepoints("syscalls", "sys_enter_*").len() > 300);
        let switch = kernel.raw_tracepoint("sched_switch").unwrap();
        assert_eq!(
            switch.iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>(),
            ["preempt", "prev", "next", "prev_state"]
        );
        for (category, event) in kernel.tracepoints("*", "*") {
            let tracepoint = kernel.tracepoint(&category, &event).unwrap();
            for f in tracepoint.fields.iter().filter(|f| !f.data_loc && !matches!(f.ty, Type::Struct(_))) {
                let size = f.ty.layout(&StructTable::new()).0;
                assert!(size == f.size || size == 0, "{category}:{event} {f:?}");
            }
            let known = tracepoint.context != TracepointContext::Format || category == "ftrace";
            assert!(known, "{category}:{event} has no struct");
        }
    }

    #[test]
    fn a_file_survives_a_round_trip_and_damage_is_noticed() {
        let mut bytes = Description::bundled().to_bytes();
        assert!(bytes.len() < 2_000_000);
        assert!(Description::from_bytes(&bytes).is_ok());
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        assert!(Description::from_bytes(&bytes).is_err());
        assert!(Description::from_bytes(b"no").is_err());
    }

    #[test]
    fn patterns() {
        for (pattern, name, fits) in [
            ("vfs_*", "vfs_read", true),
            ("*", "", true),
            ("v*_r*d", "vfs_read", true),
            ("vfs_rea?", "vfs_read", true),
            ("vfs_[a-r]ead", "vfs_read", true),
            ("vfs_[!r]ead", "vfs_read", false),
            ("vfs", "vfs_read", false),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }
}
