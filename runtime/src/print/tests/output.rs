//! Actions and messages.

use super::*;

#[test]
fn joined_strings() {
    let record = [&[0; 8], &8u32.to_le_bytes()[..], b"one\0two\0"].concat();
    let fields = [part(8, Ty::TailBuf(64))];
    assert_eq!(Run::new(false).event(ActionKind::Join("-"), &fields, &record), "one-two\n");
    let json = "{\"type\": \"join\", \"data\": \"one two\"}\n";
    assert_eq!(Run::new(true).event(ActionKind::Join(" "), &fields, &record), json);
}

#[test]
fn lines_of_several_cpus_are_put_together() {
    let mut run = Run::new(false);
    let mut print = |line: u8, text: &'static [u8]| {
        let pieces = Box::leak(Box::new([FormatPiece::Text(text)]));
        run.event(ActionKind::Printf(pieces), &[], &[0, 0, 0, 0, line, 0, 0, 0])
    };
    assert_eq!(print(1, b"a "), "");
    assert_eq!(print(2, b"x"), "");
    assert_eq!(print(1, b"b\nc"), "a b\n");
    assert_eq!(print(2, b"y\n"), "xy\n");
    // What says nothing of lines keeps its place in time.
    assert_eq!(print(0, b"!\n"), "c!\n");
    assert_eq!(print(3, b"the last"), "");
    run.printer.end_of_run();
    assert_eq!(run.take(), "the last\n\n");
}

#[test]
fn parts_do_not_wait_for_ever() {
    let mut run = Run::new(false);
    run.event(ActionKind::Printf(&[FormatPiece::Text(b"a")]), &[], &[0, 0, 0, 0, 1, 0, 0, 0]);
    run.printer.flush().unwrap();
    assert_eq!(run.take(), "");
    std::thread::sleep(std::time::Duration::from_millis(30));
    run.printer.flush().unwrap();
    assert_eq!(run.take(), "a");
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
