//! Values and formats.

use super::*;

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
fn times() {
    let stamp = |format: u32| [&0u64.to_le_bytes()[..], &format.to_le_bytes(), &0u32.to_le_bytes()].concat();
    let text = Run::new(false).value(Ty::Timestamp, &stamp(1));
    assert!(text.starts_with("20") && text.len() == "2026-11-20 22:34:50.908852".len(), "{text}");
    assert_eq!(Run::new(false).event(ActionKind::Time("%%\n"), &[], &[0; 8]), "%\n");
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

#[test]
fn code_that_was_compiled_at_run_time() {
    let pid = std::process::id();
    let path = format!("/tmp/perf-{pid}.map");
    std::fs::write(&path, "10000 20 late_one\n10020 8 late two\n").unwrap();
    let stack = Ty::UserStack { mode: StackMode::Bpftrace, map: "s", limit: 4 };
    let value = [&0u64.to_le_bytes()[..], &3u32.to_le_bytes(), &pid.to_le_bytes()].concat();
    let maps = FakeMaps { maps: Vec::new(), stacks: vec![vec![0x1001f, 0x10021, 0x10028]] };
    let text = Run::with(false, TOOL, maps).value(stack, &value);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(text, "\n        late_one+31\n        late two+1\n        0x10028");
}
