//! Maps, histograms, series.

use super::*;

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
    // Epochs count from 1970; seconds are the same in all time zones.
    assert_eq!((&lines[5][5..8], &lines[7][5..8]), (":10", ":12"));
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
