//! Values of maps and events, typed: what the expansion of `bt!` is written with.

use libbpf_rs::{MapCore, MapFlags, MapHandle};

use crate::error::{Error, Result};

/// A value that is read from BPF memory.
pub trait Value: Sized {
    /// Reads it; bytes that are missing count as zero.
    fn read(bytes: &[u8]) -> Self;
}

macro_rules! integers {
    ($($ty:ty),*) => {$(
        impl Value for $ty {
            fn read(bytes: &[u8]) -> Self {
                let mut raw = [0; size_of::<$ty>()];
                let size = raw.len().min(bytes.len());
                raw[..size].copy_from_slice(&bytes[..size]);
                <$ty>::from_ne_bytes(raw)
            }
        }
    )*};
}

integers!(u8, u16, u32, u64, i8, i16, i32, i64);

impl Value for bool {
    fn read(bytes: &[u8]) -> Self {
        bytes.first().is_some_and(|&byte| byte != 0)
    }
}

/// Text up to the first NUL.
impl Value for String {
    fn read(bytes: &[u8]) -> Self {
        let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
        String::from_utf8_lossy(&bytes[..end]).into_owned()
    }
}

/// What has no type of its own here: its bytes.
impl Value for Vec<u8> {
    fn read(bytes: &[u8]) -> Self {
        bytes.to_vec()
    }
}

/// What `stats()` keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// How many values.
    pub count: u64,
    /// Their sum.
    pub total: i64,
}

impl Stats {
    /// Average, cut toward zero; 0 without values.
    pub fn average(&self) -> i64 {
        if self.count == 0 { 0 } else { self.total.wrapping_div(self.count as i64) }
    }
}

/// `size` bytes at `offset`, as many of them as there are.
pub fn part(bytes: &[u8], offset: usize, size: usize) -> &[u8] {
    let start = offset.min(bytes.len());
    &bytes[start..(start + size).min(bytes.len())]
}

/// The next piece behind the fixed part of a record: its length stands at `offset`. Moves `at` behind it.
pub fn tail<'a>(record: &'a [u8], offset: usize, at: &mut usize) -> &'a [u8] {
    let length = u32::read(part(record, offset, 4)) as usize;
    let bytes = part(record, *at, length);
    *at += length;
    bytes
}

/// Adds up what the CPUs counted.
pub fn sum_unsigned(cpus: &[Vec<u8>]) -> u64 {
    cpus.iter().map(|bytes| u64::read(bytes)).fold(0, u64::wrapping_add)
}

/// Adds up what the CPUs summed.
pub fn sum_signed(cpus: &[Vec<u8>]) -> i64 {
    cpus.iter().map(|bytes| i64::read(bytes)).fold(0, i64::wrapping_add)
}

/// Total and count of `avg()` and `stats()` over CPUs.
pub fn stats(cpus: &[Vec<u8>]) -> Stats {
    cpus.iter().fold(Stats::default(), |sum, bytes| Stats {
        total: sum.total.wrapping_add(i64::read(bytes)),
        count: sum.count.wrapping_add(u64::read(part(bytes, 8, 8))),
    })
}

/// Values of the CPUs that set one, of `min()` and `max()`.
pub fn extremes(cpus: &[Vec<u8>]) -> impl Iterator<Item = i64> + '_ {
    cpus.iter().filter(|bytes| u64::read(part(bytes, 8, 8)) != 0).map(|bytes| i64::read(bytes))
}

/// A plain value: the first CPU's, or the first that is not zero where each CPU has its own.
pub fn plain(cpus: &[Vec<u8>]) -> &[u8] {
    let set = cpus.iter().find(|bytes| bytes.iter().any(|&byte| byte != 0));
    set.or(cpus.first()).map_or(&[], Vec::as_slice)
}

/// A key and its value on each CPU; one where the map is shared.
pub type Row = (Vec<u8>, Vec<Vec<u8>>);

/// All elements of a map.
///
/// # Errors
/// When the kernel refuses.
pub fn rows(map: &MapHandle) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for key in map.keys() {
        let values = if map.map_type().is_percpu() {
            map.lookup_percpu(&key, MapFlags::ANY)
        } else {
            map.lookup(&key, MapFlags::ANY).map(|value| value.map(|value| vec![value]))
        };
        // An element may go between the look at the key and now.
        if let Some(values) = values.map_err(Error::from)? {
            rows.push((key, values));
        }
    }
    Ok(rows)
}
