//! Tracepoints whose struct is called otherwise on other kernels.
//!
//! A struct is named for the event or for the class of events that it belongs to, and kernels regroup events now and
//! then: the record of `block:block_rq_complete` is a `trace_event_raw_block_rq_complete` on 5.10 and a
//! `trace_event_raw_block_rq_completion` since. A program that is to run on both names both.

use crate::types::StructName;

/// `category event struct struct…`, without `trace_event_raw_`: of Debian's kernels 5.10, 6.1, 6.12 and 7.2.
const TABLE: &str = include_str!("contexts.txt");

/// What the struct of an event, here `known`, is called on other kernels.
pub fn other_contexts(category: &str, event: &str, known: &StructName) -> Vec<StructName> {
    let line = TABLE.lines().find_map(|line| {
        let rest = line.strip_prefix(category)?.strip_prefix(' ')?;
        rest.strip_prefix(event)?.strip_prefix(' ')
    });
    let names =
        line.unwrap_or_default().split_whitespace().map(|name| StructName(format!("struct trace_event_raw_{name}")));
    names.filter(|name| name != known).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_elsewhere_by_another_name() {
        let known = StructName("struct trace_event_raw_block_rq_completion".to_owned());
        let other = StructName("struct trace_event_raw_block_rq_complete".to_owned());
        assert_eq!(other_contexts("block", "block_rq_complete", &known), [other]);
        assert!(other_contexts("sched", "sched_switch", &known).is_empty());
        assert!(other_contexts("block", "block_rq", &known).is_empty());
    }
}
