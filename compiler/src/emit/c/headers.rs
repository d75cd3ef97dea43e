//! The support headers, as files that go into generated crates.

/// How the sections of a `.bpf.c` are arranged.
pub const TEMPLATE: &str = include_str!("../../../../templates/bpf/tool.bpf.c.tera");

/// Every support header: name and text.
const HEADERS: &[(&str, &str)] = &[
    ("aggregates.bpf.h", include_str!("../../../../templates/bpf/aggregates.bpf.h")),
    ("arguments.bpf.h", include_str!("../../../../templates/bpf/arguments.bpf.h")),
    ("checks.bpf.h", include_str!("../../../../templates/bpf/checks.bpf.h")),
    ("comm.bpf.h", include_str!("../../../../templates/bpf/comm.bpf.h")),
    ("cpus.bpf.h", include_str!("../../../../templates/bpf/cpus.bpf.h")),
    ("current_comm.bpf.h", include_str!("../../../../templates/bpf/current_comm.bpf.h")),
    ("division.bpf.h", include_str!("../../../../templates/bpf/division.bpf.h")),
    ("error_names.bpf.h", include_str!("../../../../templates/bpf/error_names.bpf.h")),
    ("events.bpf.h", include_str!("../../../../templates/bpf/events.bpf.h")),
    ("exit.bpf.h", include_str!("../../../../templates/bpf/exit.bpf.h")),
    ("filter.bpf.h", include_str!("../../../../templates/bpf/filter.bpf.h")),
    ("glob.bpf.h", include_str!("../../../../templates/bpf/glob.bpf.h")),
    ("histogram.bpf.h", include_str!("../../../../templates/bpf/histogram.bpf.h")),
    ("join.bpf.h", include_str!("../../../../templates/bpf/join.bpf.h")),
    ("length.bpf.h", include_str!("../../../../templates/bpf/length.bpf.h")),
    ("lines.bpf.h", include_str!("../../../../templates/bpf/lines.bpf.h")),
    ("long_strings.bpf.h", include_str!("../../../../templates/bpf/long_strings.bpf.h")),
    ("losses.bpf.h", include_str!("../../../../templates/bpf/losses.bpf.h")),
    ("names.bpf.h", include_str!("../../../../templates/bpf/names.bpf.h")),
    ("numbers.bpf.h", include_str!("../../../../templates/bpf/numbers.bpf.h")),
    ("parent.bpf.h", include_str!("../../../../templates/bpf/parent.bpf.h")),
    ("per_cpu.bpf.h", include_str!("../../../../templates/bpf/per_cpu.bpf.h")),
    ("function_ip.bpf.h", include_str!("../../../../templates/bpf/function_ip.bpf.h")),
    ("process.bpf.h", include_str!("../../../../templates/bpf/process.bpf.h")),
    ("scratch.bpf.h", include_str!("../../../../templates/bpf/scratch.bpf.h")),
    ("series.bpf.h", include_str!("../../../../templates/bpf/series.bpf.h")),
    ("signal_names.bpf.h", include_str!("../../../../templates/bpf/signal_names.bpf.h")),
    ("skb.bpf.h", include_str!("../../../../templates/bpf/skb.bpf.h")),
    ("spec.bpf.h", include_str!("../../../../templates/bpf/spec.bpf.h")),
    ("stacks.bpf.h", include_str!("../../../../templates/bpf/stacks.bpf.h")),
    ("strings.bpf.h", include_str!("../../../../templates/bpf/strings.bpf.h")),
    ("syscall_names.bpf.h", include_str!("../../../../templates/bpf/syscall_names.bpf.h")),
    ("tracewright.bpf.h", include_str!("../../../../templates/bpf/tracewright.bpf.h")),
    ("unwind.bpf.h", include_str!("../../../../templates/bpf/unwind.bpf.h")),
    ("usdt_args.bpf.h", include_str!("../../../../templates/bpf/usdt_args.bpf.h")),
    ("usermode.bpf.h", include_str!("../../../../templates/bpf/usermode.bpf.h")),
    ("values.bpf.h", include_str!("../../../../templates/bpf/values.bpf.h")),
];

/// The texts of headers and of all that they include, each once, in the order of their names.
pub fn with_dependencies(names: &[&'static str]) -> Vec<(String, String)> {
    let mut wanted: Vec<&str> = names.to_vec();
    let mut index = 0;
    while index < wanted.len() {
        if let Some((_, text)) = HEADERS.iter().find(|(known, _)| *known == wanted[index]) {
            for line in text.lines() {
                if let Some(name) = line.strip_prefix("#include \"").and_then(|rest| rest.strip_suffix('"'))
                    && !wanted.contains(&name)
                {
                    wanted.push(name);
                }
            }
        }
        index += 1;
    }
    HEADERS
        .iter()
        .filter(|(name, _)| wanted.contains(name))
        .map(|(name, text)| (name.to_string(), text.to_string()))
        .collect()
}
