//! Texts that bpftrace 0.27 prints for the same values.

mod maps;
mod output;
mod values;

use super::*;
use crate::tool::*;
use std::cell::RefCell;
use std::rc::Rc;

const INT8: Ty = Ty::Int { size: 1, signed: true };
const INT32: Ty = Ty::Int { size: 4, signed: true };
const INT64: Ty = Ty::Int { size: 8, signed: true };
const UINT64: Ty = Ty::Int { size: 8, signed: false };
const ENUM: Ty = Ty::Enum { size: 4, signed: false, names: &[(1, "A"), (2, "B")] };
const PAIR: Ty = Ty::Tuple(8, &[part(0, INT32), part(4, Ty::Str(4))]);

const fn part(offset: u32, ty: Ty) -> Member {
    Member { name: "", offset, ty, bits: None }
}

const fn named(name: &'static str, offset: u32, ty: Ty) -> Member {
    Member { name, offset, ty, bits: None }
}

const CONFIG: Config = Config {
    max_strlen: 1024,
    max_map_keys: 4096,
    max_probes: 1024,
    max_bpf_progs: 1024,
    max_cat_bytes: 10240,
    perf_rb_pages: 64,
    log_size: 1_000_000,
    missing_probes: MissingProbes::Error,
    print_maps_on_exit: true,
    str_trunc_trailer: "..",
    cpp_demangle: true,
    lazy_symbolication: false,
    show_debug_info: false,
    cache_user_symbols: "",
};

const TOOL: Tool = Tool {
    name: "tool",
    version: "0",
    about: "",
    description: "",
    script: "stdin",
    source: "begin { @a[2] = 1 }\n",
    options: &[],
    params: 0,
    programs: &[],
    maps: &[],
    actions: &[],
    strings: &["%H:%M:%S", "%Y-%m-%d %H:%M:%S.%f", ""],
    settings: &[],
    checks: &[],
    losses: &[],
    config: CONFIG,
    is_unsafe: false,
    capabilities: &[],
    parts: Parts { user_symbols: Some(parts::USER_SYMBOLS), ..Parts::NONE },
};

/// Key, and the value of each CPU.
type Element = (Vec<u8>, Vec<Vec<u8>>);

#[derive(Default)]
struct FakeMaps {
    maps: Vec<Vec<Element>>,
    stacks: Vec<Vec<u64>>,
}

impl MapSource for FakeMaps {
    fn entries(&self, map: usize, each: EachEntry) -> io::Result<()> {
        for (key, cpus) in &self.maps[map] {
            each(key, &cpus.concat(), cpus[0].len());
        }
        Ok(())
    }

    fn lookup(&self, map: usize, key: &[u8]) -> io::Result<Option<(Vec<u8>, usize)>> {
        let found = self.maps[map].iter().find(|(other, _)| other == key);
        Ok(found.map(|(_, cpus)| (cpus.concat(), cpus[0].len())))
    }

    fn stack(&self, _: &str, id: u64) -> Option<Vec<u64>> {
        self.stacks.get(id as usize).cloned()
    }
}

#[derive(Clone, Default)]
struct Shared(Rc<RefCell<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Run {
    printer: Printer,
    written: Shared,
    maps: FakeMaps,
}

fn settings(json: bool) -> Settings {
    Settings {
        json,
        buffering: Buffering::Full,
        quiet: false,
        warnings: true,
        params: Vec::new(),
        probes: vec!["uprobe:/bin/sh:main".to_owned()],
        max_cat_bytes: 4,
        missing_probes: MissingProbes::Error,
        str_trunc_trailer: "..".to_owned(),
        cpp_demangle: true,
        show_debug_info: false,
    }
}

impl Run {
    fn new(json: bool) -> Self {
        Run::with(json, TOOL, FakeMaps::default())
    }

    fn with(json: bool, tool: Tool, maps: FakeMaps) -> Self {
        let written = Shared::default();
        let printer = Printer::new(Box::leak(Box::new(tool)), settings(json), Box::new(written.clone()));
        Run { printer, written, maps }
    }

    fn take(&mut self) -> String {
        self.printer.finish().unwrap();
        String::from_utf8_lossy(&std::mem::take(&mut *self.written.0.borrow_mut())).into_owned()
    }

    fn event(&mut self, kind: ActionKind, fields: &[Member], record: &[u8]) -> String {
        let fields: &'static [Member] = Box::leak(fields.to_vec().into_boxed_slice());
        let size = fields.iter().map(|field| field.offset as usize + layout::size_of(&field.ty)).max().unwrap_or(8);
        let action = Action { kind, fields, size, place: "stdin:1:9-20", line: 1, column: 9 };
        self.printer.event(&action, record, &self.maps).unwrap();
        self.take()
    }

    /// `print()` of a value.
    fn value(&mut self, ty: Ty, bytes: &[u8]) -> String {
        let record = [&[0; 8], bytes].concat();
        self.event(ActionKind::PrintValue, &[part(8, ty)], &record).trim_end_matches('\n').to_owned()
    }

    /// `printf()` of one conversion.
    fn printf(&mut self, conversion: Conversion, ty: Ty, bytes: &[u8]) -> String {
        let pieces = Box::leak(Box::new([
            FormatPiece::Text(b"["),
            FormatPiece::Conversion(conversion),
            FormatPiece::Text(b"]"),
        ]));
        self.event(ActionKind::Printf(pieces), &[part(8, ty)], &[&[0; 8], bytes].concat())
    }

    fn map(&mut self) -> String {
        self.printer.end_of_run();
        self.printer.print_all_maps(&self.maps).unwrap();
        self.take()
    }
}

/// `%-08lld` as the compiler takes it apart.
fn conversion(text: &str) -> Conversion {
    let mut conversion = Conversion {
        left: text.contains('-'),
        zero: text.trim_start_matches(['%', '-', '+', '#', ' ']).starts_with('0'),
        plus: text.contains('+'),
        space: text.contains(' '),
        alternate: text.contains('#'),
        width: 0,
        precision: -1,
        length: 4,
        conversion: *text.as_bytes().last().unwrap(),
    };
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    conversion.width = digits.parse().unwrap_or(0);
    conversion.length = match text.matches(['l', 'h']).collect::<String>().as_str() {
        "l" | "ll" => 8,
        "h" => 2,
        "hh" => 1,
        _ => 4,
    };
    conversion
}

fn ints(values: &[i64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn map(name: &'static str, key: Option<Ty>, value: Value) -> Map {
    let key_size = key.as_ref().map_or(0, layout::size_of);
    Map { name, bpf_name: "m", key, key_size, value, storage: Storage::Hash { per_cpu: true }, default_size: true }
}

fn one_map(json: bool, map: Map, entries: Vec<Element>) -> Run {
    let tool = Tool { maps: Box::leak(Box::new([map])), ..TOOL };
    Run::with(json, tool, FakeMaps { maps: vec![entries], stacks: Vec::new() })
}
