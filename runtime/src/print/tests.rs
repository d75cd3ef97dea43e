//! Texts that bpftrace 0.27 prints for the same values.

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
        width_from_field: false,
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

#[test]
fn conversions_as_streams_do_them() {
    let mut run = Run::new(false);
    let cases: &[(&str, Ty, i64, &str)] = &[
        ("%d", INT64, -5, "[-5]"),
        ("%5d", INT64, 2, "[    2]"),
        ("%-5d", INT64, 3, "[3    ]"),
        ("%05d", INT64, 4, "[00004]"),
        ("%06d", INT64, -5, "[0000-5]"),
        ("%+d", INT64, 5, "[+5]"),
        ("%+05d", INT64, 5, "[000+5]"),
        ("% d", INT64, 6, "[6]"),
        ("%x", INT64, -1, "[ffffffff]"),
        ("%lx", INT64, -1, "[ffffffffffffffff]"),
        ("%hx", INT64, -1, "[ffff]"),
        ("%hhd", INT64, 300, "[44]"),
        ("%#x", INT64, 255, "[0xff]"),
        ("%#X", INT64, 65, "[0X41]"),
        ("%#08x", INT64, 255, "[00000xff]"),
        ("%-08x", INT64, 65, "[41000000]"),
        ("%#o", INT64, 65, "[0101]"),
        ("%#o", INT64, 0, "[0]"),
        ("%o", INT64, 8, "[10]"),
        ("%u", INT64, -1, "[4294967295]"),
        ("%d", INT64, 0x1122_3344_5566_7788, "[1432778632]"),
        ("%lld", INT64, 0x1122_3344_5566_7788, "[1234605616436508552]"),
        ("%s", INT64, 0x1122_3344_5566_7788, "[1234605616436508552]"),
        ("%s", UINT64, -1, "[18446744073709551615]"),
        ("%p", Ty::Pointer, 0x1ff, "[0x1ff]"),
        ("%8p", Ty::Pointer, 0, "[       0]"),
        ("%c", INT64, 65, "[A]"),
        ("%5c", INT64, 65, "[    A]"),
        ("%s", Ty::Bool, 1, "[true]"),
        ("%d", Ty::Bool, 1, "[1]"),
        ("%5s", ENUM, 2, "[    B]"),
        ("%d", ENUM, 2, "[2]"),
        ("%s", ENUM, 7, "[7]"),
        ("%s", Ty::GfpFlags, 0xdc0, "[GFP_KERNEL|__GFP_ZERO]"),
        ("%s", Ty::GfpFlags, 0x500cc0, "[GFP_USER|__GFP_ACCOUNT]"),
        ("%s", Ty::GfpFlags, 0x100cca, "[GFP_HIGHUSER|0x8]"),
        ("%s", Ty::GfpFlags, 0, "[0]"),
    ];
    for &(format, ty, value, expected) in cases {
        assert_eq!(run.printf(conversion(format), ty, &value.to_le_bytes()), expected, "{format} {value}");
    }
    assert_eq!(run.printf(conversion("%s"), INT8, &[0xff]), "[-1]");
}

#[test]
fn buffers() {
    let mut run = Run::new(false);
    let buffer = [&6u32.to_le_bytes()[..], b"ab\x01\xff\"\\zz"].concat();
    let kind = |letter| Conversion { conversion: letter, ..conversion("%r") };
    assert_eq!(run.printf(kind(b'r'), Ty::Buf(8), &buffer), "[ab\\x01\\xff\"\\]");
    let short = [&3u32.to_le_bytes()[..], b"ab\x01zz"].concat();
    assert_eq!(run.printf(kind(b'R'), Ty::Buf(5), &short), "[\\x61\\x62\\x01]");
    assert_eq!(run.printf(kind(b'H'), Ty::Buf(5), &short), "[61 62 01]");
    let wide = Conversion { width: 12, ..kind(b'H') };
    assert_eq!(run.printf(wide, Ty::Buf(5), &short), "[    61 62 01]");
}

#[test]
fn fields_of_variable_length_follow_the_fixed_part() {
    let mut run = Run::new(false);
    let text = |conversion| FormatPiece::Conversion(conversion);
    let pieces = Box::leak(Box::new([
        text(conversion("%s")),
        FormatPiece::Text(b"|"),
        text(conversion("%d")),
        FormatPiece::Text(b"|"),
        text(conversion("%6s")),
    ]));
    let fields = [part(8, Ty::TailStr(16)), part(12, INT32), part(16, Ty::TailStr(16))];
    let record =
        [&[0; 8], &5u32.to_le_bytes()[..], &7u32.to_le_bytes(), &2u32.to_le_bytes(), b"h\xffllo", b"yo"].concat();
    assert_eq!(run.event(ActionKind::Printf(pieces), &fields, &record), "h\u{fffd}llo|7|    yo");
}

#[test]
fn values() {
    let record =
        Ty::Struct(16, const { &[named("a", 0, INT8), named("b", 8, Ty::Tuple(4, const { &[part(0, INT32)] }))] });
    let cases: &[(Ty, &[u8], &str, &str)] = &[
        (INT8, &[0xff], "-1", "-1"),
        (UINT64, &[0xff; 8], "18446744073709551615", "\"18446744073709551615\""),
        (Ty::Bool, &[1], "true", "true"),
        (Ty::Pointer, &[16, 0, 0, 0, 0, 0, 0, 0], "0x10", "16"),
        (Ty::Pointer, &[0; 8], "0x0", "0"),
        (Ty::Str(8), b"a\"\x01\0zzz", "a\"\u{1}", "\"a\\\"\\u0001\""),
        (PAIR, b"\x01\0\0\0abc\0", "(1, abc)", "[1,\"abc\"]"),
        (record, b"\x05\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\0", "{ .a = 5, .b = (7) }", "{\"a\": 5, \"b\": [7]}"),
        (Ty::Array { of: &INT8, stride: 1, len: 3 }, b"ab\0", "[97,98,0]", "[97,98,0]"),
        (Ty::Buf(4), b"\x02\0\0\0a\xffzz", "a\\xff", "[97,-1]"),
        (Ty::MacAddress, b"\x18\xc0\x4d\x08\x2e\xbb", "18:C0:4D:08:2E:BB", "\"18:C0:4D:08:2E:BB\""),
        (Ty::ErrorName, &[2, 0, 0, 0], "No such file or directory", "\"No such file or directory\""),
        (Ty::SignalName, &[9, 0, 0, 0], "Killed", "\"Killed\""),
        (Ty::SignalName, &[64, 0, 0, 0], "Real-time signal 30", "\"Real-time signal 30\""),
        (Ty::SyscallName, &[0xff; 4], "Unknown syscall", "\"Unknown syscall\""),
        (Ty::UserName, &[0; 4], "root", "\"root\""),
        (Ty::ProbeName, &[0; 4], "uprobe:/bin/sh:main", "\"uprobe:/bin/sh:main\""),
        (Ty::Opaque(4), &[0; 4], "", "null"),
        (ENUM, &[2, 0, 0, 0], "B", "2"),
    ];
    for &(ty, bytes, text, json) in cases {
        assert_eq!(Run::new(false).value(ty, bytes), text);
        let expected = format!("{{\"type\": \"value\", \"data\": {json}}}");
        assert_eq!(Run::new(true).value(ty, bytes), expected);
    }
}

#[test]
fn addresses() {
    let inet = |family: i32, address: &[u8]| {
        let mut bytes = [&(family as u32).to_le_bytes()[..], address].concat();
        bytes.resize(20, 0);
        Run::new(false).value(Ty::Inet, &bytes)
    };
    assert_eq!(inet(libc::AF_INET, &[127, 0, 0, 1]), "127.0.0.1");
    let mut address = [0; 16];
    address[15] = 1;
    assert_eq!(inet(libc::AF_INET6, &address), "::1");
    address[10..].copy_from_slice(&[0xff, 0xff, 1, 2, 3, 4]);
    assert_eq!(inet(libc::AF_INET6, &address), "::ffff:1.2.3.4");
}

#[test]
fn bitfields() {
    let member = |bits| Member { name: "x", offset: 0, ty: INT32, bits: Some(bits) };
    let members: &'static [Member] = Box::leak(Box::new([member((0, 4)), member((4, 3))]));
    assert_eq!(Run::new(false).value(Ty::Struct(4, members), &[0b0111_0101, 0, 0, 0]), "{ .x = 5, .x = 7 }");
}

#[test]
fn strings_that_were_cut_off() {
    let tool = Tool { config: Config { max_strlen: 6, ..CONFIG }, ..TOOL };
    let mut run = Run::with(false, tool, FakeMaps::default());
    assert_eq!(run.value(Ty::Str(7), b"abcdef\0"), "abcdef..");
    assert_eq!(run.value(Ty::Str(7), b"abcde\0z"), "abcde");
    let mut run = Run::with(true, tool, FakeMaps::default());
    assert_eq!(run.value(Ty::Str(7), b"abcdef\0"), "{\"type\": \"value\", \"data\": \"abcdef..\"}");
}

#[test]
fn stacks() {
    let stack = Ty::KernelStack { mode: StackMode::Raw, map: "s", limit: 4 };
    let value = [&0u64.to_le_bytes()[..], &2u32.to_le_bytes(), &0u32.to_le_bytes()].concat();
    let maps = || FakeMaps { maps: Vec::new(), stacks: vec![vec![0x10, 0xab, 0xcd]] };
    assert_eq!(Run::with(false, TOOL, maps()).value(stack, &value), "\n10\nab");
    let unknown = Ty::UserStack { mode: StackMode::Bpftrace, map: "s", limit: 1 };
    assert_eq!(Run::with(false, TOOL, maps()).value(unknown, &value), "\n        0x10");
    let perf = Ty::UserStack { mode: StackMode::Perf, map: "s", limit: 1 };
    assert_eq!(
        Run::with(true, TOOL, maps()).value(perf, &value),
        "{\"type\": \"value\", \"data\": \"\\n\\t10 0x10 ([unknown])\\n\"}"
    );
}

#[test]
fn symbols_of_this_process() {
    let address = symbols_of_this_process as fn() as usize as u64;
    let symbol = |tgid: u32| [&address.to_le_bytes()[..], &tgid.to_le_bytes(), &7u32.to_le_bytes()].concat();
    let name = Run::new(false).value(Ty::UserSymbol, &symbol(std::process::id()));
    assert!(name.contains("symbols_of_this_process"), "{name}");
    assert_eq!(Run::new(false).value(Ty::UserSymbol, &symbol(u32::MAX)), format!("{address:#x}"));
}

#[test]
fn counts_are_sorted_by_value_and_added_up() {
    let entry = |key: i64, counts: [i64; 2]| (ints(&[key]), counts.iter().map(|count| ints(&[*count])).collect());
    let entries = vec![entry(1, [5, 5]), entry(2, [1, 0]), entry(-3, [2, 8])];
    let count = map("@", Some(INT64), Value::Count);
    assert_eq!(one_map(false, count, entries.clone()).map(), "\n\n@[2]: 1\n@[-3]: 10\n@[1]: 10\n");
    assert_eq!(
        one_map(true, count, entries.clone()).map(),
        "{\"type\": \"map\", \"data\": {\"@\": {\"2\": 1, \"-3\": 10, \"1\": 10}}}\n"
    );
    let mut run = one_map(false, count, entries);
    run.printer.print_map(0, 1, 3, &run.maps).unwrap();
    assert_eq!(run.take(), "@[1]: 3\n");
}

#[test]
fn minima_and_maxima_take_cpus_that_have_one() {
    let values = vec![ints(&[0, 0]), ints(&[-4, 1]), ints(&[7, 1])];
    let entry = vec![(ints(&[1]), values)];
    let of = |value| one_map(false, map("@m", Some(INT64), value), entry.clone()).map();
    assert_eq!(of(Value::Min { signed: true }), "\n\n@m[1]: -4\n");
    assert_eq!(of(Value::Max { signed: true }), "\n\n@m[1]: 7\n");
}

#[test]
fn averages_go_toward_zero() {
    let entries = vec![(ints(&[1]), vec![ints(&[-5, 1]), ints(&[-2, 1])])];
    let of = |json, value| one_map(json, map("@a", Some(INT64), value), entries.clone()).map();
    assert_eq!(of(false, Value::Avg { signed: true }), "\n\n@a[1]: -3\n");
    assert_eq!(of(false, Value::Stats { signed: true }), "\n\n@a[1]: { .count = 2, .average = -3, .total = -7 }\n");
    assert_eq!(
        of(true, Value::Stats { signed: true }),
        "{\"type\": \"stats\", \"data\": {\"@a\": {\"1\": {\"count\": 2, \"average\": -3, \"total\": -7}}}}\n"
    );
}

#[test]
fn keys_of_several_parts() {
    let entries =
        || vec![(b"\x02\0\0\0a b\0".to_vec(), vec![ints(&[1])]), (b"\x01\0\0\0z\0\0\0".to_vec(), vec![ints(&[1])])];
    let sum = map("@k", Some(PAIR), Value::Sum { signed: true });
    assert_eq!(one_map(false, sum, entries()).map(), "\n\n@k[1, z]: 1\n@k[2, a b]: 1\n");
    assert_eq!(
        one_map(true, sum, entries()).map(),
        "{\"type\": \"map\", \"data\": {\"@k\": {\"1,z\": 1, \"2,ab\": 1}}}\n"
    );
}

#[test]
fn scalars_never_set_are_printed_when_asked_for() {
    let scalar =
        |value| Map { storage: Storage::Array { set_offset: Some(16), per_cpu: false }, ..map("@x", None, value) };
    let unset = vec![(vec![0; 4], vec![ints(&[0, 0, 0])])];
    let asked = |value| {
        let mut run = one_map(false, scalar(value), unset.clone());
        run.printer.print_map(0, 0, 0, &run.maps).unwrap();
        run.take()
    };
    assert_eq!(asked(Value::Plain(INT64)), "@x: 0\n");
    assert_eq!(asked(Value::Stats { signed: true }), "@x: { .count = 0, .average = 0, .total = 0 }\n");
    assert_eq!(asked(Value::Plain(Ty::Str(4))), "@x: \n");
    assert_eq!(one_map(false, scalar(Value::Plain(INT64)), unset.clone()).map(), "\n\n");
    assert_eq!(one_map(true, scalar(Value::Plain(INT64)), unset.clone()).map(), "");
    let empty = "{\"type\": \"stats\", \"data\": {\"@x\": {}}}\n";
    assert_eq!(one_map(true, scalar(Value::Avg { signed: true }), unset).map(), empty);
    let count = Map { storage: Storage::Array { set_offset: None, per_cpu: true }, ..map("@c", None, Value::Count) };
    let no_counts = vec![(vec![0; 4], vec![ints(&[0]), ints(&[0])])];
    assert_eq!(one_map(false, count, no_counts.clone()).map(), "\n\n");
    let mut run = one_map(false, count, vec![(vec![0; 4], vec![ints(&[0]), ints(&[2])])]);
    run.event(ActionKind::Zero(0), &[], &[0; 8]);
    run.maps.maps = vec![no_counts];
    assert_eq!(run.map(), "\n\n@c: 0\n");
    let set = vec![(vec![0; 4], vec![ints(&[5, 0, 1])])];
    assert_eq!(one_map(false, scalar(Value::Plain(INT64)), set).map(), "\n\n@x: 5\n");
}

fn bar(width: usize) -> String {
    format!("|{}{}|", "@".repeat(width), " ".repeat(52 - width))
}

#[test]
fn histograms() {
    let bucket = |bucket: u32, count: i64| (bucket.to_le_bytes().to_vec(), vec![ints(&[count])]);
    let scalar = |value| Map { storage: Storage::Array { set_offset: None, per_cpu: true }, ..map("@h", None, value) };
    let entries = vec![bucket(0, 1), bucket(1, 0), bucket(2, 4), bucket(4, 2), bucket(12, 4)];
    let text = one_map(false, scalar(Value::Hist { k: 0 }), entries).map();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[2], "@h:");
    assert_eq!(lines[3], format!("(..., 0)               1 {}", bar(13)));
    assert_eq!(lines[5], format!("[1]                    4 {}", bar(52)));
    assert_eq!(lines[6], format!("[2, 4)                 0 {}", bar(0)));
    assert_eq!(lines[7], format!("[4, 8)                 2 {}", bar(26)));
    assert_eq!(lines[15], format!("[1K, 2K)               4 {}", bar(52)));
    assert_eq!(lines.len(), 17);
    let open = "{\"type\": \"hist\", \"data\": {\"@h\": [{\"max\": -1, \"count\": 1},{\"min\": 0, \"max\": 0, \"count\": 2}]}}\n";
    let entries = vec![bucket(0, 1), bucket(1, 2)];
    assert_eq!(one_map(true, scalar(Value::Hist { k: 0 }), entries).map(), open);
    let fine = one_map(false, scalar(Value::Hist { k: 2 }), vec![bucket(36, 1), bucket(44, 1)]).map();
    assert!(fine.contains("\n[896, 1024)            1 "), "{fine}");
    assert!(fine.contains("\n[3584, 4K)             1 "), "{fine}");
}

#[test]
fn linear_histograms() {
    let value = Value::Linear { min: Number::Const(5), max: Number::Const(15), step: Number::Const(3) };
    let key = |key: i64, bucket: u32| [&key.to_le_bytes()[..], &bucket.to_le_bytes()].concat();
    let entry = |key_: i64, bucket: u32, count: i64| (key(key_, bucket), vec![ints(&[count])]);
    let entries = vec![entry(1, 0, 1), entry(1, 2, 1), entry(1, 4, 2), entry(2, 1, 1)];
    let expected = format!(
        "\n\n@h[2]:\n[5, 8)                 1 {full}\n\n@h[1]:\n(..., 5)               1 {half}\n[5, 8)                 0 {none}\n\
        [8, 11)                1 {half}\n[11, 14)               0 {none}\n[14, ...)              2 {full}\n\n",
        full = bar(52),
        half = bar(26),
        none = bar(0)
    );
    assert_eq!(one_map(false, map("@h", Some(INT64), value), entries).map(), expected);
}

#[test]
fn series() {
    let value = Value::TimeSeries { interval: 1_000_000_000, buckets: 5, agg: SeriesAggregate::Last, signed: true };
    let slot = |bucket: u32, epoch: i64, value: i64| {
        (
            bucket.to_le_bytes().to_vec(),
            vec![ints(&[epoch, value, 1, 1]), ints(&[epoch, 99, 1, 0]), ints(&[0, 0, 0, 0])],
        )
    };
    let entries = vec![slot(0, 10, -2), slot(2, 12, 2), slot(3, 3, 50)];
    let text = one_map(false, map("@s", None, value), entries).map();
    let lines: Vec<&str> = text.lines().collect();
    let after_time = |line: &str| line[8..].to_owned();
    assert_eq!(lines[2], "@s:");
    assert_eq!(lines[3], "         -2                                                  2");
    assert_eq!(lines[4], format!("hh:mm:ss |{}|", "_".repeat(51)));
    assert_eq!(after_time(lines[5]), " *                         .                         | -2");
    assert_eq!(after_time(lines[6]), " |                         .                         | -");
    assert_eq!(after_time(lines[7]), " |                         .                         * 2");
    assert_eq!(lines[8], format!("         v{}v", "_".repeat(51)));
    assert_eq!(lines[9], lines[3]);
    assert_eq!((lines[10], lines.len()), ("", 11));
}

#[test]
fn elements_of_aggregates_are_looked_up() {
    let mut run = one_map(false, map("@", Some(INT64), Value::Count), vec![(ints(&[7]), vec![ints(&[3]), ints(&[4])])]);
    let element = |run: &mut Run, key: i64| {
        run.event(ActionKind::PrintElement(0), &[part(8, INT64)], &[&[0; 8], &key.to_le_bytes()[..]].concat())
    };
    assert_eq!(element(&mut run, 7), "7\n");
    assert_eq!(element(&mut run, 8), "0\n");
}

#[test]
fn joined_strings() {
    let record = [&[0; 8], &8u32.to_le_bytes()[..], b"one\0two\0"].concat();
    let fields = [part(8, Ty::TailBuf(64))];
    assert_eq!(Run::new(false).event(ActionKind::Join("-"), &fields, &record), "one-two\n");
    let json = "{\"type\": \"join\", \"data\": \"one two\"}\n";
    assert_eq!(Run::new(true).event(ActionKind::Join(" "), &fields, &record), json);
}

#[test]
fn commands_and_files() {
    let system = ActionKind::System(&[FormatPiece::Text(b"echo hi; echo ho >&2")]);
    assert_eq!(Run::new(false).event(system, &[], &[0; 8]), "hi\nho\n\n");
    assert_eq!(Run::new(true).event(system, &[], &[0; 8]), "{\"type\": \"syscall\", \"data\": \"hi\\nho\\n\"}\n");
    let cat = ActionKind::Cat(&[FormatPiece::Text(b"/proc/sys/kernel/ostype")]);
    assert_eq!(Run::new(false).event(cat, &[], &[0; 8]), "Linu");
}

#[test]
fn json_is_valid_for_any_bytes() {
    let text = Run::new(true).value(Ty::Str(8), b"\xffa\x7f\n\0");
    assert_eq!(text, "{\"type\": \"value\", \"data\": \"\\u00ffa\u{7f}\\n\"}");
}

#[test]
fn json_messages() {
    let mut run = Run::new(true);
    run.printer.attached(2).unwrap();
    assert_eq!(run.take(), "{\"type\": \"attached_probes\", \"count\": 2, \"data\": {\"probes\": 2}}\n");
    let errorf = ActionKind::Errorf(&[FormatPiece::Text(b"x\n")]);
    assert_eq!(
        run.event(errorf, &[], &[0; 8]),
        "{\"type\": \"errorf\", \"msg\": \"x\\n\", \"filename\": \"stdin\", \"line\": 1, \"col\": 9}\n"
    );
    let check = Check {
        helper: "map_update_elem",
        place: "stdin:1:9-14",
        line: 1,
        columns: (9, 14),
        always: true,
        message: "",
    };
    run.printer.helper_error(&check, -7).unwrap();
    assert_eq!(
        run.take(),
        "{\"type\": \"helper_error\", \"msg\": \"Argument list too long\", \"helper\": \"map_update_elem\", \"retcode\": -7, \
        \"filename\": \"stdin\", \"line\": 1, \"col\": 9}\n"
    );
    run.printer.benchmarks(&[("foo".to_owned(), 33, 40000)]).unwrap();
    assert_eq!(
        run.take(),
        "{\"type\": \"benchmark_result\", \"data\": {\"foo\": {\"average\": 33, \"iters\": 40000}}}\n"
    );
}

#[test]
fn benchmarks_as_a_table() {
    let mut run = Run::new(false);
    run.printer.benchmarks(&[("foo".to_owned(), 31, 40000)]).unwrap();
    assert_eq!(
        run.take(),
        "Benchmark                                Time(ns)       Iterations\n\
        ------------------------------------------------------------------\n\
        foo                                      31             40000\n"
    );
}

#[test]
fn times() {
    let stamp = |format: u32| [&0u64.to_le_bytes()[..], &format.to_le_bytes(), &0u32.to_le_bytes()].concat();
    let text = Run::new(false).value(Ty::Timestamp, &stamp(1));
    assert!(text.starts_with("20") && text.len() == "2026-11-20 22:34:50.908852".len(), "{text}");
    assert_eq!(Run::new(false).event(ActionKind::Time("%%\n"), &[], &[0; 8]), "%\n");
}

#[test]
fn checks_of_our_own_are_runtime_errors() {
    let mut run = Run::new(true);
    let message = "Array access out of bounds. This can lead to unexpected results.";
    let check = Check { helper: "", place: "stdin:1:9-14", line: 1, columns: (9, 14), always: true, message };
    run.printer.helper_error(&check, 0).unwrap();
    assert_eq!(
        run.take(),
        format!(
            "{{\"type\": \"runtime_error\", \"msg\": \"{message}\", \"filename\": \"stdin\", \"line\": 1, \"col\": 9}}\n"
        )
    );
}

#[test]
#[ignore = "speed: run by hand, --release"]
fn a_hundred_thousand_stacks() {
    let stacks: Vec<Vec<u64>> = (0..100_000u64)
        .map(|n| {
            (0..30)
                .map(|frame| a_hundred_thousand_stacks as fn() as usize as u64 + (n * 7 + frame * 13) % 30_000)
                .collect()
        })
        .collect();
    let stack = Ty::UserStack { mode: StackMode::Bpftrace, map: "s", limit: 30 };
    let tool = Tool { maps: Box::leak(Box::new([map("@", Some(stack), Value::Count)])), ..TOOL };
    let entry = |n: u64| {
        let key = [&n.to_le_bytes()[..], &30u32.to_le_bytes(), &std::process::id().to_le_bytes()].concat();
        (key, vec![ints(&[n as i64 % 100])])
    };
    let maps = vec![(0..100_000).map(entry).collect()];
    let mut run = Run::with(false, tool, FakeMaps { maps, stacks });
    let start = std::time::Instant::now();
    let text = run.map();
    eprintln!("{} bytes in {:?}", text.len(), start.elapsed());
    assert!(start.elapsed().as_secs() < 60);
}
