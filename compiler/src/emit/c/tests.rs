//! Scripts as C. That clang and kernels take it is tested where those are at hand.

use super::{EmittedC, emit};
use crate::Options;
use crate::kernel::{Description, NoHost};

fn emitted(script: &str) -> EmittedC {
    let options = Options { name: "tool".to_string(), allow_unsafe: true, ..Options::default() };
    let compilation = crate::check("tool.bt", script, &options, &Description::bundled(), &NoHost);
    let messages = compilation.diagnostics.to_plain(&compilation.sources);
    emit(&compilation.program.unwrap_or_else(|| panic!("{messages}")))
}

fn includes(c: &EmittedC, header: &str) -> bool {
    c.headers.iter().any(|(name, _)| name == header)
}

#[test]
fn long_strings_travel_behind_the_record() {
    let c = emitted("tracepoint:syscalls:sys_enter_openat { printf(\"%d %s\\n\", pid, str(args.filename)); }");
    let action = &c.actions[0];
    assert_eq!(action.size, 16);
    assert_eq!((action.fields[0].offset, action.fields[0].tail), (8, false));
    assert_eq!((action.fields[1].offset, action.fields[1].tail), (12, true));
    assert!(c.text.contains("bpf_probe_read_user_str("));
    assert!(c.text.contains("tw_output(event, sizeof(*event) + tail);"));
}

#[test]
fn fixed_records_are_reserved() {
    let c = emitted("begin { printf(\"%d\\n\", pid); }");
    assert!(c.text.contains("tw_reserve(sizeof(*event), ACTION_PRINTF)"));
    assert!(!includes(&c, "scratch.bpf.h"), "nothing large");
}

#[test]
fn kernel_structs_have_the_members_that_are_used() {
    let c = emitted("begin { print(curtask.real_parent.tgid); }");
    assert!(c.text.contains("tw_core_read("));
    assert!(c.text.contains("real_parent, tgid)"));
    let from = c.text.find("struct task_struct {").expect("the struct is declared");
    let declared = &c.text[from..from + c.text[from..].find('}').expect("it ends")];
    assert_eq!(declared.matches(';').count(), 2, "{declared}");
    assert!(c.text.contains("} __attribute__((preserve_access_index));"));
}

#[test]
fn keyed_aggregates_are_per_cpu_hashes() {
    let c = emitted("interval:s:1 { @calls[comm] = count(); @size[pid] = hist(1); }");
    assert!(c.maps.iter().all(|map| map.per_cpu && !map.array));
    assert_eq!(c.maps[0].key_size, 16);
    assert!(c.text.contains("__uint(type, BPF_MAP_TYPE_PERCPU_HASH);"));
    assert!(c.text.contains("struct size_bucket {"));
}

#[test]
fn scalar_maps_tell_whether_they_were_set() {
    let c = emitted("begin { @a = 1; @b = \"text\"; @c = count(); }");
    assert_eq!(c.maps[0].set_offset, Some(8));
    assert!(c.maps[1].set_offset.is_some());
    assert_eq!((c.maps[2].set_offset, c.maps[2].array), (None, true));
}

#[test]
fn text_of_the_script_stays_in_its_comments() {
    let c = emitted("begin { printf(\"*/ #error\\n\"); /* x */ @a = 1; }");
    assert!(!c.text.contains("*/ #error"));
}

#[test]
fn ranges_known_to_be_short_are_plain_loops() {
    let short = emitted("begin { for ($i : 0..10) { @[$i] = 1; } }");
    assert!(!short.text.contains("bpf_loop("));
    let long = emitted("begin { $n = pid; for ($i : 0..$n) { @[$i] = 1; } }");
    assert!(long.text.contains("bpf_loop("));
    assert!(long.text.contains("static long begin_1_loop("));
}

#[test]
fn failures_are_told_with_their_place() {
    let script = "begin { $a = 1; $b = $a - 1; print($a / $b); @m[1] = 2; }";
    let c = emitted(script);
    let texts: Vec<&str> =
        c.checks.iter().map(|check| &script[check.span.start as usize..check.span.end as usize]).collect();
    assert!(texts.iter().any(|text| text.contains("$a / $b")), "{texts:?}");
    assert!(c.checks.iter().any(|check| check.helper == "map_update_elem" && check.always));
}

#[test]
fn only_what_is_used_is_included() {
    let c = emitted("begin { print(1); }");
    for header in ["strings.bpf.h", "stacks.bpf.h", "histogram.bpf.h", "scratch.bpf.h", "exit.bpf.h", "cpus.bpf.h"] {
        assert!(!includes(&c, header), "{header}");
    }
    assert!(includes(&c, "losses.bpf.h"), "by way of events.bpf.h");
}
