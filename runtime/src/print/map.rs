//! Printing maps: reading, summing over CPUs, sorting.

use super::MapSource;
use super::hist::Buckets;
use super::json;
use super::layout::{int_of, member_bytes, size_of, u32_at, u64_at, until_nul};
use super::series::{self, Series, Slot};
use super::value::Writer;
use crate::tool::{Map, Number, Storage, Ty, Value};
use std::cmp::Ordering;
use std::collections::HashMap;
use std::io;

/// What a map holds under a key, summed over CPUs.
pub enum Reduced {
    Plain(Vec<u8>),
    Number { value: i64, signed: bool },
    Stats { total: i64, count: u64, signed: bool },
    Buckets(Vec<u64>),
    Series(Vec<Slot>),
}

/// An entry, its key as the script has it.
pub struct Entry {
    pub key: Vec<u8>,
    pub value: Reduced,
}

/// What shows the entries of a map.
#[derive(Clone, Copy)]
pub struct Limits {
    /// The largest so many; 0 for all.
    pub top: u64,
    /// Divisor of values; 0 for 1.
    pub div: u64,
}

impl Limits {
    /// The entries to show, of sorted ones. Series are shown all, as bpftrace does.
    fn of<'a>(&self, map: &Map, entries: &'a [Entry]) -> &'a [Entry] {
        let shows_all = self.top == 0 || matches!(map.value, Value::TimeSeries { .. });
        let top = if shows_all { entries.len() } else { (self.top as usize).min(entries.len()) };
        &entries[entries.len() - top..]
    }
}

/// Steps of a histogram or series, parameters settled.
pub struct Shape<'a> {
    map: &'a Map,
    params: &'a [String],
}

impl<'a> Shape<'a> {
    pub fn new(map: &'a Map, params: &'a [String]) -> Self {
        Shape { map, params }
    }

    fn number(&self, number: Number) -> i64 {
        match number {
            Number::Const(value) => value,
            Number::Option(_) => 0,
            Number::Param(index) => {
                let text = self.params.get(index.wrapping_sub(1) as usize).map_or("0", |text| text.as_str());
                parse_number(text)
            }
        }
    }

    /// How the buckets are cut; none for other maps.
    pub fn buckets(&self) -> Option<Buckets> {
        match self.map.value {
            Value::Hist { k } => Some(Buckets::Log2 { k: k.into() }),
            Value::Linear { min, max, step } => {
                let (min, max, step) = (self.number(min), self.number(max), self.number(step));
                Some(Buckets::Linear { min, max, step })
            }
            _ => None,
        }
    }
}

fn parse_number(text: &str) -> i64 {
    let (digits, radix) = match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => (&text[2..], 16),
        [b'0', _, ..] => (&text[1..], 8),
        _ => (text, 10),
    };
    i64::from_str_radix(digits, radix).unwrap_or(0)
}

/// Every entry that was set, in no order.
pub fn read(shape: &Shape, index: usize, maps: &dyn MapSource) -> io::Result<Vec<Entry>> {
    let map = shape.map;
    match map.value {
        Value::Hist { .. } | Value::Linear { .. } | Value::TimeSeries { .. } => read_buckets(shape, index, maps),
        _ => {
            let mut entries = Vec::new();
            maps.entries(index, &mut |key, values, stride| {
                if is_set(map, values, stride) {
                    let key =
                        if map.key.is_some() { key.get(..map.key_size).unwrap_or(key).to_vec() } else { Vec::new() };
                    entries.push(Entry { key, value: reduce(&map.value, values, stride) });
                }
            })?;
            Ok(entries)
        }
    }
}

/// What stands for a scalar map that was never set.
pub fn unset(shape: &Shape, is_asked_for: bool, is_zeroed: bool) -> Option<Entry> {
    let value = match (&shape.map.value, shape.buckets()) {
        (_, Some(buckets)) if is_zeroed => Reduced::Buckets(vec![0; buckets.len() as usize]),
        (Value::TimeSeries { .. }, _) if is_zeroed => Reduced::Series(Vec::new()),
        (_, Some(_)) | (Value::TimeSeries { .. }, _) => return None,
        (Value::Plain(ty), _) if is_asked_for => Reduced::Plain(vec![0; size_of(ty)]),
        (value, _) if is_asked_for || is_zeroed => reduce(value, &[], 8),
        _ => return None,
    };
    Some(Entry { key: Vec::new(), value })
}

/// Scalar maps exist as soon as the program is loaded. Whether they were assigned is told by a word of their own, of
/// aggregates by their not being zero.
fn is_set(map: &Map, values: &[u8], stride: usize) -> bool {
    let mut cpus = values.chunks(stride.max(1));
    match (map.storage, &map.value) {
        (Storage::Array { set_offset: Some(offset), .. }, _) => cpus.any(|value| u64_at(value, offset) != 0),
        (Storage::Array { .. }, Value::Min { .. } | Value::Max { .. }) => cpus.any(|value| u64_at(value, 8) != 0),
        (Storage::Array { .. }, _) => values.iter().any(|&byte| byte != 0),
        _ => true,
    }
}

/// An entry made of several elements: the key goes on with a bucket, or, without a key, the index is the bucket.
fn read_buckets(shape: &Shape, index: usize, maps: &dyn MapSource) -> io::Result<Vec<Entry>> {
    let map = shape.map;
    let count = match map.value {
        Value::TimeSeries { buckets, .. } => buckets,
        _ => shape.buckets().map_or(0, Buckets::len),
    } as usize;
    let mut found: Vec<Entry> = Vec::new();
    let mut places: HashMap<Vec<u8>, usize> = HashMap::new();
    let bucket_offset = if map.key.is_some() { map.key_size.next_multiple_of(4) } else { 0 };
    maps.entries(index, &mut |key, values, stride| {
        let bucket = u32_at(key, bucket_offset) as usize;
        let script_key = if map.key.is_some() { key.get(..map.key_size).unwrap_or(key) } else { &[] };
        let place = match places.get(script_key) {
            Some(&place) => place,
            None => {
                let value = match map.value {
                    Value::TimeSeries { .. } => Reduced::Series(Vec::new()),
                    _ => Reduced::Buckets(vec![0; count]),
                };
                found.push(Entry { key: script_key.to_vec(), value });
                places.insert(script_key.to_vec(), found.len() - 1);
                found.len() - 1
            }
        };
        match (&mut found[place].value, &map.value) {
            (Reduced::Buckets(counts), _) if bucket < counts.len() => counts[bucket] += sum(values, stride) as u64,
            (Reduced::Series(slots), &Value::TimeSeries { agg, signed, .. }) => {
                slots.extend(series::reduce(values, stride, agg, signed));
            }
            _ => {}
        }
    })?;
    if map.key.is_none() {
        found.retain(|entry| match &entry.value {
            Reduced::Buckets(counts) => counts.iter().any(|&count| count > 0),
            Reduced::Series(slots) => !slots.is_empty(),
            _ => true,
        });
    }
    Ok(found)
}

/// One value out of those of the CPUs.
pub fn reduce(value: &Value, values: &[u8], stride: usize) -> Reduced {
    let cpus = || values.chunks(stride.max(1));
    match *value {
        Value::Plain(ty) => Reduced::Plain(plain(&ty, values, stride)),
        Value::Count => Reduced::Number { value: sum(values, stride), signed: true },
        Value::Sum { signed } => Reduced::Number { value: sum(values, stride), signed },
        Value::Min { signed } | Value::Max { signed } => {
            let is_min = matches!(value, Value::Min { .. });
            let set = cpus().filter(|cpu| u64_at(cpu, 8) != 0).map(|cpu| u64_at(cpu, 0));
            let order = |value: &u64| if signed { (*value ^ 1 << 63) as i128 } else { i128::from(*value) };
            let best = if is_min { set.min_by_key(order) } else { set.max_by_key(order) };
            Reduced::Number { value: best.unwrap_or(0) as i64, signed }
        }
        Value::Avg { signed } | Value::Stats { signed } => {
            let total = cpus().fold(0i64, |total, cpu| total.wrapping_add(u64_at(cpu, 0) as i64));
            let count = cpus().fold(0u64, |count, cpu| count.wrapping_add(u64_at(cpu, 8)));
            Reduced::Stats { total, count, signed }
        }
        Value::Hist { .. } | Value::Linear { .. } => Reduced::Buckets(vec![sum(values, stride) as u64]),
        Value::TimeSeries { agg, signed, .. } => {
            Reduced::Series(series::reduce(values, stride, agg, signed).into_iter().collect())
        }
    }
}

/// Of per-CPU plain values, integers are added up and of others the first that is not empty is taken.
fn plain(ty: &Ty, values: &[u8], stride: usize) -> Vec<u8> {
    let size = size_of(ty);
    let first = values.get(..size.min(values.len())).unwrap_or_default();
    if values.len() <= stride {
        return first.to_vec();
    }
    let cpus = || values.chunks(stride.max(1)).map(|cpu| &cpu[..size.min(cpu.len())]);
    match *ty {
        Ty::Int { size, signed } => {
            let total = cpus().fold(0i64, |total, cpu| total.wrapping_add(int_of(cpu, size, signed)));
            total.to_le_bytes()[..size as usize].to_vec()
        }
        _ => cpus().find(|cpu| cpu.iter().any(|&byte| byte != 0)).unwrap_or(first).to_vec(),
    }
}

fn sum(values: &[u8], stride: usize) -> i64 {
    values.chunks(stride.max(1)).fold(0i64, |total, cpu| total.wrapping_add(u64_at(cpu, 0) as i64))
}

/// Average, toward zero.
pub fn average(total: i64, count: u64, signed: bool) -> i64 {
    match (count, signed) {
        (0, _) => 0,
        (count, true) => (i128::from(total) / i128::from(count)) as i64,
        (count, false) => (total as u64 / count) as i64,
    }
}

/// Ascending: numbers by value, histograms by their total, all others by key.
pub fn sort(map: &Map, entries: &mut [Entry]) {
    let Some(key) = &map.key else { return };
    let by_key = |a: &Entry, b: &Entry| compare(key, &a.key, &b.key);
    match map.value {
        Value::Plain(Ty::Int { .. })
        | Value::Count
        | Value::Sum { .. }
        | Value::Avg { .. }
        | Value::Stats { .. }
        | Value::Hist { .. }
        | Value::Linear { .. } => {
            entries.sort_by(|a, b| weight(map, &a.value).cmp(&weight(map, &b.value)).then_with(|| by_key(a, b)));
        }
        // bpftrace compares these without their sign.
        Value::Min { .. } | Value::Max { .. } => entries.sort_by(|a, b| {
            let weight = |entry: &Entry| weight(map, &entry.value) as u64;
            weight(a).cmp(&weight(b)).then_with(|| by_key(a, b))
        }),
        Value::Plain(_) | Value::TimeSeries { .. } => entries.sort_by(by_key),
    }
}

fn weight(map: &Map, value: &Reduced) -> i128 {
    let of = |value: i64, signed: bool| if signed { value.into() } else { (value as u64).into() };
    match value {
        Reduced::Plain(bytes) => match map.value {
            Value::Plain(Ty::Int { size, signed }) => of(int_of(bytes, size, signed), signed),
            _ => 0,
        },
        Reduced::Number { value, signed } => of(*value, *signed),
        Reduced::Stats { total, count, signed } => of(average(*total, *count, *signed), *signed),
        Reduced::Buckets(counts) => counts.iter().map(|&count| i128::from(count)).sum(),
        Reduced::Series(_) => 0,
    }
}

fn last_epoch(value: &Reduced) -> Option<u64> {
    match value {
        Reduced::Series(slots) => slots.iter().map(|slot| slot.epoch).max(),
        _ => None,
    }
}

/// The newest interval that any series of a map has.
fn last_of(entries: &[Entry]) -> u64 {
    entries.iter().filter_map(|entry| last_epoch(&entry.value)).max().unwrap_or(0)
}

/// Order of keys: numbers by value, strings by their bytes, tuples and structs part by part.
fn compare(ty: &Ty, a: &[u8], b: &[u8]) -> Ordering {
    match *ty {
        Ty::Int { size, signed } | Ty::Enum { size, signed, .. } => {
            let (a, b) = (int_of(a, size, signed), int_of(b, size, signed));
            if signed { a.cmp(&b) } else { (a as u64).cmp(&(b as u64)) }
        }
        Ty::Pointer | Ty::KernelSymbol | Ty::UserSymbol => u64_at(a, 0).cmp(&u64_at(b, 0)),
        Ty::Str(_) => until_nul(a).cmp(until_nul(b)),
        Ty::Struct(_, members) | Ty::Tuple(_, members) => members
            .iter()
            .map(|member| compare(&member.ty, member_bytes(a, member), member_bytes(b, member)))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal),
        _ => a.cmp(b),
    }
}

/// Writes out what a large map has come to so far.
pub type Drain<'a> = &'a mut dyn FnMut(&mut Vec<u8>) -> io::Result<()>;

/// Prints entries that are sorted.
///
/// # Errors
/// When output cannot be written.
pub fn write(writer: &mut Writer, shape: &Shape, entries: &[Entry], limits: Limits, drain: Drain) -> io::Result<()> {
    let last = last_of(entries);
    for entry in limits.of(shape.map, entries) {
        write_entry(writer, shape, entry, limits.div.max(1), last);
        drain(writer.out)?;
    }
    Ok(())
}

fn write_entry(writer: &mut Writer, shape: &Shape, entry: &Entry, div: u64, last: u64) {
    let map = shape.map;
    writer.text(map.name);
    if let Some(key) = &map.key {
        writer.out.push(b'[');
        writer.key(key, &entry.key);
        writer.out.push(b']');
    }
    match &entry.value {
        Reduced::Buckets(counts) => {
            writer.text(":\n");
            if let Some(buckets) = shape.buckets() {
                let (rows, first) = rows(buckets, counts, div);
                buckets.write(&rows, first, writer.out);
            }
        }
        Reduced::Series(slots) => {
            writer.text(":");
            series_of(map).write(slots, last, writer);
        }
        value => {
            writer.text(": ");
            write_value(writer, map, value, div);
        }
    }
    writer.out.push(b'\n');
}

/// A value that is not a histogram or series.
pub fn write_value(writer: &mut Writer, map: &Map, value: &Reduced, div: u64) {
    match (value, map.value) {
        (Reduced::Plain(bytes), Value::Plain(Ty::Int { size, signed })) if div > 1 => {
            writer.integer(divided(int_of(bytes, size, signed), div, signed), signed);
        }
        (Reduced::Plain(bytes), Value::Plain(ty)) => writer.value(&ty, bytes),
        (&Reduced::Number { value, signed }, _) => writer.integer(divided(value, div, signed), signed),
        (&Reduced::Stats { total, count, signed }, Value::Avg { .. }) => {
            writer.integer(divided(average(total, count, signed), div, signed), signed);
        }
        (&Reduced::Stats { total, count, signed }, _) => {
            writer.format(format_args!("{{ .count = {count}, .average = "));
            writer.integer(divided(average(total, count, signed), div, signed), signed);
            writer.text(", .total = ");
            writer.integer(total, signed);
            writer.text(" }");
        }
        _ => {}
    }
}

/// The map as one line of JSON.
///
/// # Errors
/// When output cannot be written.
pub fn write_json(
    writer: &mut Writer,
    shape: &Shape,
    entries: &[Entry],
    limits: Limits,
    drain: Drain,
) -> io::Result<()> {
    let map = shape.map;
    let kind = match map.value {
        Value::Avg { .. } | Value::Stats { .. } => "stats",
        Value::Hist { .. } | Value::Linear { .. } => "hist",
        Value::TimeSeries { .. } => "tseries",
        _ => "map",
    };
    writer.format(format_args!("{{\"type\": \"{kind}\", \"data\": {{"));
    json::string(map.name.as_bytes(), writer.out);
    writer.text(": ");
    let (div, last) = (limits.div.max(1), last_of(entries));
    match (&map.key, entries.first()) {
        (None, Some(entry)) => write_json_value(writer, shape, &entry.value, div, last),
        (None, None) => writer.text("{}"),
        (Some(key), _) => {
            writer.out.push(b'{');
            for (index, entry) in limits.of(map, entries).iter().enumerate() {
                writer.text(if index > 0 { ", " } else { "" });
                writer.json_key(key, &entry.key);
                writer.text(": ");
                write_json_value(writer, shape, &entry.value, div, last);
                drain(writer.out)?;
            }
            writer.out.push(b'}');
        }
    }
    writer.text("}}\n");
    Ok(())
}

/// A value as JSON; series end with the interval `last`, or with their own last one.
pub fn write_json_value(writer: &mut Writer, shape: &Shape, value: &Reduced, div: u64, last: u64) {
    let map = shape.map;
    match (value, map.value) {
        (Reduced::Plain(bytes), Value::Plain(Ty::Int { size, signed })) => {
            writer.json_integer(divided(int_of(bytes, size, signed), div, signed), signed);
        }
        (Reduced::Plain(bytes), Value::Plain(ty)) => writer.json(&ty, bytes),
        (&Reduced::Number { value, signed }, _) => writer.json_integer(divided(value, div, signed), signed),
        (&Reduced::Stats { total, count, signed }, Value::Avg { .. }) => {
            writer.json_integer(divided(average(total, count, signed), div, signed), signed);
        }
        (&Reduced::Stats { total, count, signed }, _) => {
            writer.text("{\"count\": ");
            writer.json_integer(count as i64, false);
            writer.text(", \"average\": ");
            writer.json_integer(divided(average(total, count, signed), div, signed), signed);
            writer.text(", \"total\": ");
            writer.json_integer(total, signed);
            writer.out.push(b'}');
        }
        (Reduced::Buckets(counts), _) => {
            let Some(buckets) = shape.buckets() else { return writer.text("[]") };
            let (rows, _) = rows(buckets, counts, div);
            writer.out.push(b'[');
            for (index, row) in rows.iter().enumerate() {
                writer.text(if index > 0 { ",{" } else { "{" });
                if let Some(min) = row.min {
                    writer.text("\"min\": ");
                    writer.json_integer(min, true);
                    writer.text(", ");
                }
                if let Some(end) = row.end {
                    writer.text("\"max\": ");
                    writer.json_integer(end.wrapping_sub(if end == i64::MAX { 0 } else { 1 }), true);
                    writer.text(", ");
                }
                writer.text("\"count\": ");
                writer.json_integer(row.count as i64, false);
                writer.out.push(b'}');
            }
            writer.out.push(b']');
        }
        (Reduced::Series(slots), _) => {
            series_of(map).write_json(slots, last.max(last_epoch(value).unwrap_or(0)), writer)
        }
        (Reduced::Plain(_), _) => writer.text("null"),
    }
}

fn rows(buckets: Buckets, counts: &[u64], div: u64) -> (Vec<super::hist::Row>, u32) {
    let first = counts.iter().position(|&count| count > 0).unwrap_or(0) as u32;
    // bpftrace divides the counts of log2 histograms only.
    let div = if matches!(buckets, Buckets::Linear { .. }) { 1 } else { div };
    (buckets.rows(counts, div), first)
}

fn series_of(map: &Map) -> Series {
    match map.value {
        Value::TimeSeries { interval, buckets, signed, .. } => Series { interval, buckets, signed },
        _ => Series { interval: 1, buckets: 0, signed: true },
    }
}

fn divided(value: i64, div: u64, signed: bool) -> i64 {
    match (div, signed) {
        (0 | 1, _) => value,
        (div, true) => (i128::from(value) / i128::from(div)) as i64,
        (div, false) => (value as u64 / div) as i64,
    }
}
