//! What older kernels cannot do with maps, and what is done instead: tried, never told by a version.

use std::mem::size_of;

use libbpf_rs::libbpf_sys::{self, bpf_map_create_opts, size_t};
use libbpf_rs::{MapHandle, MapType, OpenMapMut, OpenObject, ProgramType};

use crate::error::{Error, Result};
use crate::message;
use crate::rodata::Rodata;
use crate::tool::{Map, Member, Storage, Tool, Ty, Value};

/// Bytes of a key that every kernel takes.
const SAFE_KEY: usize = 512;
/// A string at the end of a key that keeps less than this is not worth having.
const SHORTEST: usize = 128;

/// `bpf_map_lookup_percpu_elem`
const LOOKUP_PERCPU: libbpf_sys::bpf_func_id = 195;

/// The object has the CPUs share values of aggregates: it reads them, and the kernel cannot read another CPU's.
///
/// # Errors
/// When libbpf refuses another kind of map.
pub fn share_values(tool: &Tool, verbose: bool, object: &mut OpenObject) -> Result<()> {
    let rodata = Rodata::of(object)?;
    if rodata.size("tw_shared_values").is_none() || has_helper(LOOKUP_PERCPU) {
        return Ok(());
    }
    rodata.set_number(object, "tw_shared_values", 1)?;
    rodata.set_number(object, "tw_cpu_count", 1)?;
    for mut map in object.maps_mut() {
        let name = map.name().to_string_lossy().into_owned();
        let Some(table) = tool.maps.iter().find(|table| table.bpf_name == name) else { continue };
        let is_aggregate = !matches!(table.value, Value::Plain(_));
        let shared = match map.map_type() {
            MapType::PercpuHash => MapType::Hash,
            MapType::LruPercpuHash => MapType::LruHash,
            MapType::PercpuArray => MapType::Array,
            _ => continue,
        };
        if is_aggregate {
            map.set_type(shared)?;
            if verbose {
                eprintln!("{}: shared by all CPUs, the kernel cannot read the values of other CPUs", table.name);
            }
        }
    }
    Ok(())
}

/// Keys that are larger than the kernel takes lose the end of the string that they end in.
///
/// # Errors
/// When a key does not end in a string, with what to set to make it smaller.
pub fn shorten_keys(tool: &Tool, no_warnings: bool, object: &mut OpenObject) -> Result<()> {
    let large = |map: &OpenMapMut<'_>| {
        let name = map.name().to_string_lossy().into_owned();
        let table = tool.maps.iter().find(|table| table.bpf_name == name);
        table.filter(|table| map.key_size() as usize > SAFE_KEY && matches!(table.storage, Storage::Hash { .. }))
    };
    let Some(largest) = object.maps_mut().filter(|map| large(map).is_some()).map(|map| map.key_size()).max() else {
        return Ok(());
    };
    if takes_keys_of(largest) {
        return Ok(());
    }
    for mut map in object.maps_mut() {
        let Some(table) = large(&map) else { continue };
        if !can_be_cut(table) {
            return Err(too_large(table, map.key_size()));
        }
        map.set_key_size(SAFE_KEY as u32)?;
        if !no_warnings {
            let name = table.name;
            message::warning(&format!("{name}: keys are cut to {SAFE_KEY} bytes, the kernel takes no larger ones"));
        }
    }
    Ok(())
}

/// What lies behind the limit is the end of one string.
fn can_be_cut(map: &Map) -> bool {
    let is_plain = !matches!(map.value, Value::Hist { .. } | Value::Linear { .. } | Value::TimeSeries { .. });
    is_plain && map.key.is_some_and(|key| last_string(&key, 0).is_some_and(|start| start + SHORTEST <= SAFE_KEY))
}

/// Where the string starts that a value ends in.
fn last_string(ty: &Ty, offset: usize) -> Option<usize> {
    match ty {
        Ty::Str(_) => Some(offset),
        Ty::Tuple(_, members) | Ty::Struct(_, members) => {
            let last: &Member = members.iter().max_by_key(|member| member.offset)?;
            last_string(&last.ty, offset + last.offset as usize)
        }
        _ => None,
    }
}

fn too_large(map: &Map, size: u32) -> Error {
    let (count, bytes) = map.key.map_or((0, 0), |key| long_strings(&key));
    let error =
        Error::kernel(format!("{}: its keys have {size} bytes, and this kernel takes {SAFE_KEY} at most.", map.name));
    let rest = (size as usize).saturating_sub(bytes);
    match SAFE_KEY.saturating_sub(rest).checked_div(count) {
        Some(room) if room >= 16 => error.hint(format!(
            "Give str() a length, or compile the script with shorter strings: config = {{ max_strlen = {} }}, or \
             BPFTRACE_MAX_STRLEN in the environment.",
            room / 8 * 8
        )),
        _ => error,
    }
}

/// How many long strings a key has, and their bytes.
fn long_strings(ty: &Ty) -> (usize, usize) {
    match ty {
        Ty::Str(size) if *size > 64 => (1, *size as usize),
        Ty::Tuple(_, members) | Ty::Struct(_, members) => members
            .iter()
            .map(|member| long_strings(&member.ty))
            .fold((0, 0), |(count, bytes), (more, size)| (count + more, bytes + size)),
        Ty::Array { of, len, .. } => {
            let (count, bytes) = long_strings(of);
            (count * *len as usize, bytes * *len as usize)
        }
        _ => (0, 0),
    }
}

fn takes_keys_of(size: u32) -> bool {
    let options = bpf_map_create_opts { sz: size_of::<bpf_map_create_opts>() as size_t, ..Default::default() };
    let trial = MapHandle::create(MapType::Hash, None::<&str>, size, 8, 1, &options);
    // What else may be wrong is told when the object is loaded.
    !trial.is_err_and(|error| error.to_string().contains(&std::io::Error::from_raw_os_error(libc::E2BIG).to_string()))
}

fn has_helper(helper: libbpf_sys::bpf_func_id) -> bool {
    // Where nothing can be told, the verifier will.
    ProgramType::RawTracepoint.is_helper_supported(helper).unwrap_or(true)
}
