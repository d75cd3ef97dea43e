//! What errors, signals and system calls are called, for output and for programs in the kernel.

use std::borrow::Cow;

use libbpf_rs::{MapCore, MapFlags, MapHandle};

use super::tables::{ERRORS, SIGNALS, SYSCALLS};
use crate::context::Maps;
use crate::error::Result;

/// First and last real-time signal as libc counts.
const SIGRTMIN: i32 = 34;
const SIGRTMAX: i32 = 64;

/// Of an `errno`, whatever its sign.
pub fn error(number: i32) -> &'static str {
    named(&ERRORS, number.unsigned_abs()).unwrap_or("Unknown error")
}

/// Of a signal.
pub fn signal(number: i32) -> Cow<'static, str> {
    match named(&SIGNALS, number as u32) {
        Some(name) => name.into(),
        None if (SIGRTMIN..=SIGRTMAX).contains(&number) => format!("Real-time signal {}", number - SIGRTMIN).into(),
        None if (0..SIGRTMIN).contains(&number) => format!("Unknown signal {number}").into(),
        None => "N/A".into(),
    }
}

/// Of a system call of this architecture.
pub fn syscall(number: i32) -> &'static str {
    named(&SYSCALLS, number as u32).unwrap_or("Unknown syscall")
}

fn named(table: &[&'static str], number: u32) -> Option<&'static str> {
    table.get(number as usize).copied().filter(|name| !name.is_empty())
}

/// Fills the maps from which programs take names; the last entry is for numbers without one.
///
/// # Errors
/// When the kernel refuses.
pub fn fill(maps: &Maps) -> Result<()> {
    type Name = fn(i32) -> Cow<'static, str>;
    let tables: [(&str, Name); 3] = [
        ("tw_error_names", |number| error(number).into()),
        ("tw_signal_names", signal),
        ("tw_syscall_names", |number| syscall(number).into()),
    ];
    for (map, name) in tables {
        if let Some(map) = maps.get(map) {
            fill_map(map, name)?;
        }
    }
    Ok(())
}

fn fill_map(map: &MapHandle, name: fn(i32) -> Cow<'static, str>) -> Result<()> {
    let (count, size) = (map.max_entries(), map.value_size() as usize);
    let mut keys = Vec::new();
    let mut values = Vec::new();
    for number in 0..count {
        keys.extend(number.to_ne_bytes());
        let name = name(number as i32);
        let end = values.len() + size;
        values.extend(name.bytes().take(size - 1));
        values.resize(end, 0);
    }
    Ok(map.update_batch(&keys, &values, count, MapFlags::ANY, MapFlags::ANY)?)
}
