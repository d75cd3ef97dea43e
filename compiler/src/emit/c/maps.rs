//! How the script's maps are kept in BPF.

use super::Emitter;
use super::writer::Code;
use crate::emit::escape;
use crate::program::{Map, MapKind};
use crate::types::{Aggregate, LinearBound, Type};

/// `lhist` with bounds that are settled at start has room for this many buckets.
const LINEAR_BUCKETS: u32 = 1002;

/// A map as it is declared in C.
#[derive(Clone, Debug)]
pub struct MapInfo {
    /// C name.
    pub name: String,
    /// One element (or one a bucket) in an array rather than a hash.
    pub array: bool,
    /// Values are per CPU.
    pub per_cpu: bool,
    /// The BPF key is the script's key with a bucket's number behind it.
    pub bucketed: bool,
    /// Buckets of a histogram or series.
    pub buckets: Option<u32>,
    /// Tag of the struct that a scalar map's value is.
    pub value_tag: String,
    /// Tag of the key's struct, where buckets make one.
    pub key_tag: String,
    /// Name for a tuple key's struct.
    pub key_hint: String,
    /// Offset of `set` in a scalar map's value.
    pub set_offset: Option<u32>,
    /// Bytes of the BPF value.
    pub value_size: u32,
}

/// What a map cannot be called in the skeleton: Rust's words, and names that its code uses.
const SKELETON_WORDS: &[&str] = &[
    "Err",
    "None",
    "Ok",
    "Some",
    "abstract",
    "as",
    "async",
    "await",
    "become",
    "box",
    "bss",
    "bss_data",
    "config",
    "crate",
    "data",
    "data_data",
    "dyn",
    "final",
    "fn",
    "gen",
    "impl",
    "in",
    "kconfig",
    "let",
    "libbpf_rs",
    "loop",
    "macro",
    "map",
    "match",
    "mod",
    "move",
    "mut",
    "name",
    "obj",
    "object",
    "open_object",
    "override",
    "priv",
    "pub",
    "ref",
    "rodata",
    "rodata_data",
    "self",
    "Self",
    "slf",
    "std",
    "super",
    "trait",
    "try",
    "type",
    "types",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
];

impl Emitter<'_> {
    /// Decides names and layouts of all maps.
    pub fn plan_maps(&mut self) {
        for index in 0..self.program.maps.len() {
            let map = &self.program.maps[index];
            let info = self.plan_map(map);
            self.maps.push(info);
        }
    }

    fn plan_map(&mut self, map: &Map) -> MapInfo {
        let program = self.program;
        let name = self.map_name(map);
        let aggregate = match &map.value {
            Type::Aggregate(aggregate) => Some(aggregate),
            _ => None,
        };
        let buckets = aggregate.and_then(buckets);
        let array = map.key.is_none();
        let per_cpu = match map.kind {
            MapKind::Default => aggregate.is_some(),
            MapKind::PerCpuHash | MapKind::PerCpuLruHash => true,
            MapKind::Hash | MapKind::LruHash => false,
        };
        let bucketed = buckets.is_some() && !array;
        let set_offset = match aggregate {
            _ if !array => None,
            None => Some(map.value.layout(&program.structs).0.div_ceil(8) * 8),
            // What adds up to zero was set all the same.
            Some(Aggregate::Sum { .. }) => Some(8),
            Some(_) => None,
        };
        let hint = if map.name.is_empty() { name.clone() } else { map.name.clone() };
        let has_struct = set_offset.is_some() && aggregate.is_none();
        let value_tag = match &map.value {
            _ if !has_struct => String::new(),
            Type::Int(_) => self.scalar_tag(&map.value),
            _ => self.types.free_tag(program, &format!("{hint}_value")),
        };
        let key_tag = if bucketed { self.types.free_tag(program, &format!("{hint}_bucket")) } else { String::new() };
        let value_size = match aggregate {
            Some(Aggregate::Min { .. } | Aggregate::Max { .. } | Aggregate::Avg { .. } | Aggregate::Stats { .. }) => 16,
            Some(Aggregate::TimeSeries { .. }) => 32,
            Some(Aggregate::Sum { .. }) if array => 16,
            Some(_) => 8,
            None => set_offset.map_or(map.value.layout(&program.structs).0, |offset| offset + 8),
        };
        MapInfo {
            key_hint: format!("{hint}_key"),
            name,
            array,
            per_cpu,
            bucketed,
            buckets,
            value_tag,
            key_tag,
            set_offset,
            value_size,
        }
    }

    /// The script's name where it is free; a variable of the same name would hide it.
    fn map_name(&mut self, map: &Map) -> String {
        let plain = if map.name.is_empty() {
            match &map.value {
                Type::Aggregate(Aggregate::Count) => "counts",
                Type::Aggregate(Aggregate::Hist { .. } | Aggregate::Linear { .. }) => "histogram",
                _ => "values",
            }
            .to_string()
        } else {
            escape::c_identifier(&map.name)
        };
        let is_variable = self
            .program
            .programs
            .iter()
            .flat_map(|program| &program.locals)
            .any(|local| escape::c_identifier(&local.name) == plain);
        let taken =
            is_variable || SKELETON_WORDS.contains(&plain.as_str()) || escape::OUR_NAMES.contains(&plain.as_str());
        let wanted = if taken { format!("{plain}_map") } else { plain };
        self.global_name(&wanted)
    }

    /// Scalar maps of one integer type have one struct.
    fn scalar_tag(&mut self, ty: &Type) -> String {
        let c_type = self.types.scalar(self.program, ty);
        if let Some(tag) = self.scalar_tags.get(&c_type) {
            return tag.clone();
        }
        let tag = self.types.free_tag(self.program, &format!("scalar{c_type}").replace("__", "_"));
        self.scalar_tags.insert(c_type, tag.clone());
        tag
    }

    /// A scalar map's value, and whether it was assigned.
    fn scalar_struct(&mut self, code: &mut Code, ty: &Type, tag: &str) {
        if !self.scalars_defined.insert(tag.to_string()) {
            return;
        }
        let text = self.types.declare(self.program, ty, "value");
        let aligned =
            if ty.layout(&self.program.structs).0.is_multiple_of(8) && ty.is_scalar() { "" } else { " __aligned_8" };
        code.open(format!("struct {tag}"));
        code.line(format!("{text};"));
        code.line(format!("__u64 set{aligned};"));
        code.close(";");
        code.line("");
    }

    /// `.maps` section.
    pub fn map_definitions(&mut self) -> String {
        let mut code = Code::default();
        for index in 0..self.program.maps.len() {
            self.map_definition(&mut code, index);
        }
        code.into_text()
    }

    fn map_definition(&mut self, code: &mut Code, index: usize) {
        let program = self.program;
        let map = &program.maps[index];
        let info = self.maps[index].clone();
        let key = match &map.key {
            Some(key) if info.bucketed => {
                let text = self.types.declare(program, key, "key");
                code.open(format!("struct {}", info.key_tag));
                code.line(format!("{text};"));
                code.line("__u32 bucket;");
                code.close(";");
                code.line("");
                format!("struct {}", info.key_tag)
            }
            Some(key) => self.types.declare(program, key, "").trim_end().replace(" [", "["),
            None => "__u32".to_string(),
        };
        let value = match &map.value {
            Type::Aggregate(Aggregate::Sum { .. }) if info.array => "struct tw_total".to_string(),
            Type::Aggregate(aggregate) => aggregate_value(aggregate).to_string(),
            ty if info.set_offset.is_some() => {
                self.scalar_struct(code, ty, &info.value_tag);
                format!("struct {}", info.value_tag)
            }
            ty => self.types.declare(program, ty, "").trim_end().replace(" [", "["),
        };
        match &map.value {
            Type::Aggregate(Aggregate::TimeSeries { .. }) => self.header("series.bpf.h"),
            Type::Aggregate(_) => self.header("aggregates.bpf.h"),
            _ => {}
        }
        let kind = match (map.kind, info.array, info.per_cpu) {
            (_, true, true) => "PERCPU_ARRAY",
            (_, true, false) => "ARRAY",
            (MapKind::LruHash, ..) => "LRU_HASH",
            (MapKind::PerCpuLruHash, ..) => "LRU_PERCPU_HASH",
            (_, _, true) => "PERCPU_HASH",
            (_, _, false) => "HASH",
        };
        let entries = if info.array {
            info.buckets.unwrap_or(1)
        } else {
            let entries = map.max_entries.unwrap_or(program.config.max_map_keys);
            // A key of a histogram has several buckets.
            if info.bucketed { entries.saturating_mul(info.buckets.unwrap_or(1).min(16)) } else { entries }
        };
        code.comment(&format!("@{}", map.name));
        code.open("struct");
        code.line(format!("__uint(type, BPF_MAP_TYPE_{kind});"));
        code.line(format!("__uint(max_entries, {entries});"));
        code.line(format!("__type(key, {key});"));
        code.line(format!("__type(value, {value});"));
        code.close(&format!(" {} SEC(\".maps\");", info.name));
        code.line("");
    }
}

fn buckets(aggregate: &Aggregate) -> Option<u32> {
    match aggregate {
        Aggregate::Hist { k } => Some(((65 - u32::from(*k)) << k) + 1),
        Aggregate::Linear {
            min: LinearBound::Const(min),
            max: LinearBound::Const(max),
            step: LinearBound::Const(step),
        } => {
            let steps = max.saturating_sub(*min).max(0) / (*step).max(1);
            Some(u32::try_from(steps).unwrap_or(LINEAR_BUCKETS).saturating_add(3))
        }
        Aggregate::Linear { .. } => Some(LINEAR_BUCKETS),
        Aggregate::TimeSeries { buckets, .. } => Some(*buckets),
        _ => None,
    }
}

fn aggregate_value(aggregate: &Aggregate) -> &'static str {
    match aggregate {
        Aggregate::Sum { signed: true } => "__s64",
        Aggregate::Min { .. } | Aggregate::Max { .. } => "struct tw_extreme",
        Aggregate::Avg { .. } | Aggregate::Stats { .. } => "struct tw_average",
        Aggregate::TimeSeries { .. } => "struct tw_interval",
        _ => "__u64",
    }
}
