//! Scripts → types and messages, against the bundled kernel description.

use crate::diagnostics::Severity;
use crate::kernel::{Description, NoHost};
use crate::{Compilation, Options};

fn compile(text: &str) -> Compilation {
    let options = Options { name: "test".into(), ..Options::default() };
    crate::check("stdin", text, &options, &Description::bundled(), &NoHost)
}

/// Types by the message about a field that no value has.
#[test]
fn infers_types_as_bpftrace_does() {
    let table = [
        ("1", "int8"),
        ("128", "int16"),
        ("0xffffffff", "int64"),
        ("-1", "int8"),
        ("\"ab\"", "string[3]"),
        ("(1, \"a\")", "(int8,string[2])"),
        ("(uint64)2 - (uint64)1", "int64"),
        ("(uint32)2 + (uint8)1", "uint64"),
        ("(uint32)2 + (int8)1", "int64"),
        ("1 + 1", "int8"),
        ("pid", "uint32"),
        ("pid ? 2 : 300", "int16"),
        ("comm", "string[16]"),
        ("kstack(3)", "kstack_bpftrace_3"),
        ("curtask.pid", "int32"),
        ("(uint8[8])12345", "uint8[8]"),
    ];
    for (expr, expected) in table {
        let found = compile(&format!("begin {{ $v = {expr}; print($v.no_such_field); }}"));
        let expected = format!("Can not access field 'no_such_field' on expression of type '{expected}'");
        let messages: Vec<_> = found.diagnostics.iter().map(|d| d.message.as_str()).collect();
        assert!(messages.contains(&expected.as_str()), "{expr}: {messages:?}");
    }
}

#[test]
fn variables_and_maps_grow() {
    let table = [
        ("$v = 1; $v = pid;", "uint32"),
        ("$v = -1; $v = pid;", "int64"),
        ("$v = (uint8)1; $v = 300;", "uint16"),
        ("$v = (1, \"a\"); $v = (300, \"abc\");", "(int16,string[4])"),
        ("$v = 0; $v = $v + pid;", "uint64"),
    ];
    for (script, expected) in table {
        let found = compile(&format!("begin {{ {script} print($v.no_such_field); }}"));
        let wanted = format!("of type '{expected}'");
        assert!(found.diagnostics.iter().any(|d| d.message.ends_with(&wanted)), "{script}");
    }
}

#[test]
fn refuses_with_places() {
    let table = [
        ("begin { $x = 1; $x = \"a\"; }", "stdin:1:17-25", "Type mismatch for $x"),
        ("begin { print(foo); }", "stdin:1:15-18", "Unknown identifier: 'foo'"),
        ("begin { printf(\"%d\"); }", "stdin:1:9-21", "not enough arguments"),
        ("begin { @x[1] = 1; @x[\"a\"] = 1; }", "stdin:1:20-27", "Argument mismatch for @x"),
        ("begin { break; }", "stdin:1:9-15", "'break' statement is not allowed"),
        ("interval:s:0 { }", "stdin:1:1-13", "interval frequency"),
        ("begin { system(\"ls\"); }", "stdin:1:9-21", "system() is an unsafe function"),
    ];
    for (script, place, message) in table {
        let found = compile(script);
        let first = found.diagnostics.iter().find(|d| d.severity == Severity::Error).expect(script);
        assert!(first.message.starts_with(message), "{script}: {}", first.message);
        assert_eq!(found.sources.place(first.primary.as_ref().expect(script).span), place, "{script}");
        assert!(found.program.is_none());
    }
}

#[test]
fn never_panics_on_half_a_script() {
    let script = "config = { stack_mode = perf } begin, interval:s:1 /pid == 1/ { @a[comm, 1] = hist(nsecs, 2); \
                  for ($kv : @a) { print(($kv.0, *curtask, (uint8[4])5)); } $x = str(args.y); unroll(3) { @b++; } }";
    for end in 0..script.len() {
        drop(compile(&script[..end]));
    }
}

#[test]
fn documents_the_standard_library() {
    let mut names: Vec<_> = crate::stdlib::documented().map(|entry| entry.name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "an entry is there twice");
    assert!(crate::stdlib::documented().all(|entry| !entry.signatures.is_empty() && !entry.example.is_empty()));
}
