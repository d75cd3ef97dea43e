//! The one type model: kernel types, the script's own C types and bpftrace's types.

use std::fmt;

/// The type of a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// No value: `printf(…)`.
    Void,
    /// `bool`, one byte.
    Bool,
    /// `int8` … `uint64`.
    Int(IntType),
    /// A C enum: stored as `repr`, `%s` prints the name.
    Enum {
        /// Tag without `enum`; a made-up name for anonymous enums.
        name: String,
        /// How it is stored.
        repr: IntType,
    },
    /// A NUL-terminated string in `capacity` bytes, the NUL included.
    String {
        /// Bytes of storage.
        capacity: u32,
    },
    /// `buf()`: stored as `struct { __u32 len; __u8 data[capacity]; }`.
    Buffer {
        /// Payload bytes at most.
        capacity: u32,
    },
    /// A pointer, eight bytes.
    Pointer {
        /// What it points to; `Void` for `void *`.
        to: Box<Type>,
        /// Where it points.
        space: AddressSpace,
    },
    /// `T[n]`
    Array {
        /// Element.
        of: Box<Type>,
        /// Number of elements.
        len: u32,
    },
    /// A C struct or union by value; its layout is in the program's [`StructTable`] under the same name.
    Struct(StructName),
    /// `(a, b)`, laid out as a C struct with natural alignment.
    Tuple(Vec<Type>),
    /// `(x = 1, y = 2)`, laid out like a tuple.
    Record(Vec<(String, Type)>),
    /// A kernel stack: stored as [`STACK_STORAGE`].
    KernelStack(StackType),
    /// A user stack: stored as [`STACK_STORAGE`].
    UserStack(StackType),
    /// `ksym()`: an address, u64.
    KernelSymbol,
    /// `usym()`: `struct { __u64 addr; __u32 tgid; __u32 probe; }`.
    UserSymbol,
    /// `ntop()`: `struct { __u32 family; __u8 addr[16]; }` (family 2 or 10).
    Inet,
    /// `macaddr()`: six bytes.
    MacAddress,
    /// `strftime()`: `struct { __u64 nsecs; __u32 format; __u32 clock; }`; `format` indexes [`crate::program::Program::strings`], `clock` as [`Clock`].
    Timestamp,
    /// `strerror()`: i32.
    ErrorName,
    /// `signal_name()`: i32.
    SignalName,
    /// `syscall_name()`: i32.
    SyscallName,
    /// `cgroup_path()`: `struct { __u64 id; __u64 filter; }`; `filter` indexes the strings, `u64::MAX` for none.
    CgroupPath,
    /// `username`: u32 uid.
    UserName,
    /// `probe`: u32, index of the expanded probe name (an attach cookie).
    ProbeName,
    /// A positional parameter that is only printed, as a number if it is one: u32, which.
    Parameter,
    /// `func` where the name is only known in user space: an instruction pointer, u64, kernel or user by probe type.
    /// (Where the attach point names it, the checker makes a string literal of it.)
    KernelFunction,
    /// `func` in a user probe: stored as [`Type::UserSymbol`].
    UserFunction,
    /// GFP flags shown by `%gr`-style conversions: u64.
    GfpFlags,
    /// What a map holds when it is assigned `count()`, `hist()`…: exists only as a map value.
    Aggregate(Aggregate),
}

/// Width and sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IntType {
    /// 8, 16, 32 or 64.
    pub bits: u8,
    /// Whether negative values exist.
    pub signed: bool,
}

/// Where a pointer points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddressSpace {
    /// Read with `bpf_probe_read_kernel`.
    Kernel,
    /// Read with `bpf_probe_read_user`.
    User,
    /// Into BPF memory itself (`&$x`, `&@m`, the probe context): direct loads.
    Bpf,
    /// Unknown: decided by the probe (kernel for kernel probes, user for user probes).
    None,
}

/// A struct's or union's name as C writes it: `struct sock`, `union foo`, `in6_addr_t` for a typedef of an anonymous one.
/// Anonymous members get a made-up name that starts with `anon `.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StructName(pub String);

/// How a stack is taken and shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StackType {
    /// Frames at most (default 127).
    pub limit: u16,
    /// How it is printed.
    pub mode: StackMode,
    /// `dw_ustack`: unwound by DWARF, with tables that the tool makes at start.
    pub dwarf: bool,
}

impl StackType {
    /// Words of memory that a stack takes: four a frame where build ids are kept, which only user stacks have.
    pub fn words(self, is_user: bool) -> u16 {
        if is_user && self.mode == StackMode::BuildId { 4 * self.limit } else { self.limit }
    }
}

/// How a stack is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StackMode {
    /// `sym+off`, indented by eight blanks.
    Bpftrace,
    /// `<TAB>addr sym+off (module)`
    Perf,
    /// Hex addresses.
    Raw,
    /// `build-id 0xoffset`
    BuildId,
}

/// Clocks of `nsecs()` and `strftime()`. The discriminant is what events carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Clock {
    /// CLOCK_BOOTTIME
    Boot = 0,
    /// CLOCK_MONOTONIC
    Monotonic = 1,
    /// CLOCK_TAI
    Tai = 2,
    /// Approximated CLOCK_TAI: monotonic plus an offset settled at start.
    SwTai = 3,
}

/// What a map value function keeps.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Aggregate {
    /// `count()`: u64 per CPU.
    Count,
    /// `sum(n)`: i64/u64 per CPU.
    Sum {
        /// Sign of what is summed.
        signed: bool,
    },
    /// `min(n)`: `{ i64/u64 value; u64 set }` per CPU.
    Min {
        /// Sign of what is compared.
        signed: bool,
    },
    /// `max(n)`: as `Min`.
    Max {
        /// Sign of what is compared.
        signed: bool,
    },
    /// `avg(n)`: `{ i64/u64 total; u64 count }` per CPU.
    Avg {
        /// Sign of what is averaged.
        signed: bool,
    },
    /// `stats(n)`: as `Avg`.
    Stats {
        /// Sign of what is summed.
        signed: bool,
    },
    /// `hist(n, k)`: u64 buckets per CPU, 2^k a power of two.
    Hist {
        /// 0 to 5.
        k: u8,
    },
    /// `lhist(n, min, max, step)`: u64 buckets per CPU. The bounds may be positional parameters: see [`LinearBound`].
    Linear {
        /// Lower edge.
        min: LinearBound,
        /// Upper edge.
        max: LinearBound,
        /// Width of a bucket.
        step: LinearBound,
    },
    /// `tseries(n, interval, buckets, agg)`.
    TimeSeries {
        /// Nanoseconds an interval.
        interval: u64,
        /// Intervals kept.
        buckets: u32,
        /// What an interval shows.
        agg: SeriesAggregate,
        /// Sign of the values.
        signed: bool,
    },
}

/// A bound of `lhist`: known now, or a positional parameter or option settled at start.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LinearBound {
    /// Known.
    Const(i64),
    /// `$n`
    Param(u32),
}

/// What an interval of `tseries` shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum SeriesAggregate {
    Last,
    Avg,
    Max,
    Min,
    Sum,
}

/// Layout of a stack value: `struct tw_stack { __u64 id; __u32 depth; __u32 tgid; }`.
/// `id` is the key in the map `tw_stacks_<limit>` whose value is `__u64 ips[limit]`.
pub const STACK_STORAGE: (u32, u32) = (16, 8);

/// Layouts of every struct that a program mentions, by name.
pub type StructTable = std::collections::BTreeMap<StructName, StructDef>;

/// A C struct or union.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StructDef {
    /// `struct foo`
    pub name: StructName,
    /// Fields share their storage.
    pub is_union: bool,
    /// Bytes.
    pub size: u32,
    /// Bytes.
    pub align: u32,
    /// In the order declared; anonymous members have an empty name.
    pub fields: Vec<FieldDef>,
    /// Where the definition comes from.
    pub origin: Origin,
}

/// Where a type's definition comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The kernel description: fields are CO-RE relocated.
    Kernel,
    /// The script, its includes or imports, or DWARF: fixed offsets.
    Script,
}

/// A member of a struct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldDef {
    /// Empty for anonymous struct and union members.
    pub name: String,
    /// Type of the value.
    pub ty: Type,
    /// Bits from the start of the struct.
    pub bit_offset: u32,
    /// Width in bits of a bitfield.
    pub bit_width: Option<u8>,
}

impl StructDef {
    /// The member called `name`, looked up through anonymous members: the path of members to it, outermost first.
    pub fn find<'a>(&'a self, name: &str, table: &'a StructTable) -> Option<Vec<&'a FieldDef>> {
        for field in &self.fields {
            if field.name == name {
                return Some(vec![field]);
            }
        }
        for field in self.fields.iter().filter(|f| f.name.is_empty()) {
            if let Type::Struct(inner) = &field.ty
                && let Some(mut path) = table.get(inner).and_then(|def| def.find(name, table))
            {
                path.insert(0, field);
                return Some(path);
            }
        }
        None
    }
}

impl IntType {
    /// A number's lowest bits as this type has them.
    pub fn wrap(self, n: i64) -> i64 {
        match (self.bits, self.signed) {
            (8, true) => i64::from(n as i8),
            (8, false) => i64::from(n as u8),
            (16, true) => i64::from(n as i16),
            (16, false) => i64::from(n as u16),
            (32, true) => i64::from(n as i32),
            (32, false) => i64::from(n as u32),
            _ => n,
        }
    }

    /// `int64`
    pub const I64: IntType = IntType { bits: 64, signed: true };
    /// `uint64`
    pub const U64: IntType = IntType { bits: 64, signed: false };
    /// `int32`
    pub const I32: IntType = IntType { bits: 32, signed: true };
    /// `uint32`
    pub const U32: IntType = IntType { bits: 32, signed: false };
    /// `int8`
    pub const I8: IntType = IntType { bits: 8, signed: true };
    /// `uint8`
    pub const U8: IntType = IntType { bits: 8, signed: false };

    /// Bytes.
    pub fn size(self) -> u32 {
        u32::from(self.bits) / 8
    }

    /// C's name: `__u32`.
    pub fn c_name(self) -> String {
        format!("__{}{}", if self.signed { 's' } else { 'u' }, self.bits)
    }
}

impl Type {
    /// `uint64`
    pub const U64: Type = Type::Int(IntType::U64);
    /// `int64`
    pub const I64: Type = Type::Int(IntType::I64);
    /// `uint32`
    pub const U32: Type = Type::Int(IntType::U32);

    /// Bytes and alignment of a value in BPF memory, events and maps. Aggregates have no such layout: `(0, 1)`.
    pub fn layout(&self, structs: &StructTable) -> (u32, u32) {
        match self {
            Type::Void | Type::Aggregate(_) => (0, 1),
            Type::Bool => (1, 1),
            Type::Int(int) | Type::Enum { repr: int, .. } => (int.size(), int.size()),
            Type::String { capacity } => (*capacity, 1),
            Type::Buffer { capacity } => (round_up(4 + capacity, 4), 4),
            Type::Pointer { .. } | Type::KernelSymbol | Type::KernelFunction | Type::GfpFlags => (8, 8),
            Type::Array { of, len } => {
                let (size, align) = of.layout(structs);
                (size * len, align)
            }
            Type::Struct(name) => structs.get(name).map_or((0, 1), |def| (def.size, def.align.max(1))),
            Type::Tuple(items) => {
                let (offsets, size, align) = tuple_layout(items.iter(), structs);
                drop(offsets);
                (size, align)
            }
            Type::Record(fields) => {
                let (_, size, align) = tuple_layout(fields.iter().map(|(_, ty)| ty), structs);
                (size, align)
            }
            Type::KernelStack(_) | Type::UserStack(_) => STACK_STORAGE,
            Type::UserSymbol | Type::UserFunction | Type::Timestamp | Type::CgroupPath => (16, 8),
            Type::Inet => (20, 4),
            Type::MacAddress => (6, 1),
            Type::ErrorName
            | Type::SignalName
            | Type::SyscallName
            | Type::UserName
            | Type::ProbeName
            | Type::Parameter => (4, 4),
        }
    }

    /// Whether C passes it around in a register: integers, bool, enums, pointers and the one-word special types.
    pub fn is_scalar(&self) -> bool {
        matches!(
            self,
            Type::Bool
                | Type::Int(_)
                | Type::Enum { .. }
                | Type::Pointer { .. }
                | Type::KernelSymbol
                | Type::KernelFunction
                | Type::GfpFlags
                | Type::ErrorName
                | Type::SignalName
                | Type::SyscallName
                | Type::UserName
                | Type::ProbeName
                | Type::Parameter
        )
    }
}

/// Offsets of the items, size and alignment of a tuple, in bytes: natural alignment, size rounded up.
/// An empty tuple has size 0 and alignment 1.
pub fn tuple_layout<'a>(items: impl Iterator<Item = &'a Type>, structs: &StructTable) -> (Vec<u32>, u32, u32) {
    let (mut offsets, mut at, mut max_align) = (Vec::new(), 0, 1);
    for item in items {
        let (size, align) = item.layout(structs);
        at = round_up(at, align);
        offsets.push(at);
        at += size;
        max_align = max_align.max(align);
    }
    (offsets, round_up(at, max_align), max_align)
}

fn round_up(n: u32, to: u32) -> u32 {
    n.div_ceil(to) * to
}

impl fmt::Display for IntType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}int{}", if self.signed { "" } else { "u" }, self.bits)
    }
}

impl fmt::Display for StackMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StackMode::Bpftrace => "bpftrace",
            StackMode::Perf => "perf",
            StackMode::Raw => "raw",
            StackMode::BuildId => "build_id",
        })
    }
}

/// As bpftrace's messages show types: `int8`, `string[3]`, `(int8,int8)`, `struct foo *`.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Void => f.write_str("void"),
            Type::Bool => f.write_str("bool"),
            Type::Int(int) => int.fmt(f),
            Type::Enum { name, .. } => write!(f, "enum {name}"),
            Type::String { capacity } => write!(f, "string[{capacity}]"),
            Type::Buffer { capacity } => write!(f, "buffer[{}]", capacity + 4),
            Type::Pointer { to, .. } => write!(f, "{to} *"),
            Type::Array { of, len } => write!(f, "{of}[{len}]"),
            Type::Struct(name) => f.write_str(&name.0),
            Type::Tuple(items) => {
                let items: Vec<_> = items.iter().map(ToString::to_string).collect();
                write!(f, "({})", items.join(","))
            }
            Type::Record(fields) => {
                let fields: Vec<_> = fields.iter().map(|(name, ty)| format!(".{name} = {ty}")).collect();
                write!(f, "record {{ {} }}", fields.join(", "))
            }
            Type::KernelStack(stack) => write!(f, "kstack_{}_{}", stack.mode, stack.limit),
            Type::UserStack(stack) => write!(f, "ustack_{}_{}", stack.mode, stack.limit),
            Type::KernelSymbol => f.write_str("ksym_t"),
            Type::UserSymbol => f.write_str("usym_t"),
            Type::Inet => f.write_str("inet[24]"),
            Type::MacAddress => f.write_str("mac_address"),
            Type::Timestamp => f.write_str("timestamp"),
            Type::ErrorName | Type::SignalName | Type::SyscallName => f.write_str("string[64]"),
            Type::CgroupPath => f.write_str("cgroup_path_t"),
            Type::UserName => f.write_str("username_t"),
            Type::ProbeName => f.write_str("probe_t"),
            Type::Parameter => f.write_str("string"),
            Type::KernelFunction | Type::UserFunction => f.write_str("func_t"),
            Type::GfpFlags => f.write_str("gfp_flags_t"),
            Type::Aggregate(aggregate) => f.write_str(match aggregate {
                Aggregate::Count => "count_t",
                Aggregate::Sum { signed: false } => "usum_t",
                Aggregate::Sum { .. } => "sum_t",
                Aggregate::Min { signed: false } => "umin_t",
                Aggregate::Min { .. } => "min_t",
                Aggregate::Max { signed: false } => "umax_t",
                Aggregate::Max { .. } => "max_t",
                Aggregate::Avg { signed: false } => "uavg_t",
                Aggregate::Avg { .. } => "avg_t",
                Aggregate::Stats { signed: false } => "ustats_t",
                Aggregate::Stats { .. } => "stats_t",
                Aggregate::Hist { .. } => "hist_t",
                Aggregate::Linear { .. } => "lhist_t",
                Aggregate::TimeSeries { .. } => "tseries_t",
            }),
        }
    }
}
