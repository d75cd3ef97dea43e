//! Maps, and how values lie in BPF memory.

use super::Number;

/// A map of the script.
#[derive(Clone, Copy, Debug)]
pub struct Map {
    /// With `@`, as printed.
    pub name: &'static str,
    /// Name of the BPF map.
    pub bpf_name: &'static str,
    /// Key as the script has it; none for scalar maps.
    pub key: Option<Ty>,
    /// Bytes of the script's key inside the BPF key. (Keys of histograms go on with a bucket number.)
    pub key_size: usize,
    /// Value.
    pub value: Value,
    /// How values are kept.
    pub storage: Storage,
    /// `max_map_keys` (environment) may override the size.
    pub default_size: bool,
}

/// How a map keeps values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// One element array; the value is followed by a `__u64 set` at `set_offset`, non-zero once it was assigned.
    /// Histograms of scalar maps: an array with an entry a bucket, no `set`.
    Array {
        /// Where `set` is; none for histograms.
        set_offset: Option<usize>,
        /// Values are per CPU.
        per_cpu: bool,
    },
    /// Hash map.
    Hash {
        /// Values are per CPU.
        per_cpu: bool,
    },
}

/// What a map's value is.
#[derive(Clone, Copy, Debug)]
pub enum Value {
    /// A plain value.
    Plain(Ty),
    /// `__u64`, summed over CPUs.
    Count,
    /// `__s64`/`__u64`, summed over CPUs.
    Sum {
        /// Sign.
        signed: bool,
    },
    /// `{ __s64 value; __u64 set; }`, smallest over CPUs.
    Min {
        /// Sign.
        signed: bool,
    },
    /// The largest.
    Max {
        /// Sign.
        signed: bool,
    },
    /// `{ __s64 total; __u64 count; }`
    Avg {
        /// Sign.
        signed: bool,
    },
    /// `{ __s64 total; __u64 count; }`
    Stats {
        /// Sign.
        signed: bool,
    },
    /// `__u64` a bucket. Scalar: the array index is the bucket. Keyed: the BPF key is `{ key; __u32 bucket (aligned to 4) }`.
    /// Bucket 0: negative; bucket 1: 0; then as bpftrace's log2 with 2^k buckets a power of two.
    Hist {
        /// 0 to 5.
        k: u8,
    },
    /// `__u64` a bucket: 0 below min, 1.. the steps, last at or above max.
    Linear {
        /// Lower edge.
        min: Number,
        /// Upper edge.
        max: Number,
        /// Width.
        step: Number,
    },
    /// Keyed by bucket as `Hist`, value `{ __u64 epoch; __s64 value; __u64 count; __u64 nsecs; }` per CPU;
    /// bucket = epoch % buckets, epoch = nsecs(boot) / interval; `value` as the aggregate has it (total for avg);
    /// `nsecs` is when it was last set (for last).
    TimeSeries {
        /// Nanoseconds.
        interval: u64,
        /// How many are kept.
        buckets: u32,
        /// What is shown.
        agg: SeriesAggregate,
        /// Sign.
        signed: bool,
    },
}

/// What an interval of a time series shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum SeriesAggregate {
    Last,
    Avg,
    Max,
    Min,
    Sum,
}

/// Type and layout of a value in BPF memory.
#[derive(Clone, Copy, Debug)]
pub enum Ty {
    /// One byte.
    Bool,
    /// Integers, 1 to 8 bytes.
    Int {
        /// Bytes: 1, 2, 4, 8.
        size: u8,
        /// Sign.
        signed: bool,
    },
    /// An enum.
    Enum {
        /// Bytes.
        size: u8,
        /// Sign.
        signed: bool,
        /// Values and names.
        names: &'static [(i64, &'static str)],
    },
    /// NUL-terminated text of at most this many bytes, the NUL included.
    Str(u32),
    /// Only directly in events: `__u32 len` in the fixed part, text behind it (no NUL), in the order of the fields.
    /// The capacity (NUL included) tells whether it was cut off.
    TailStr(u32),
    /// `{ __u32 len; __u8 data[n]; }`
    Buf(u32),
    /// Only directly in events: `__u32 len`, bytes behind.
    TailBuf(u32),
    /// Eight bytes, printed as hex with 0x.
    Pointer,
    /// Elements one after the other.
    Array {
        /// Element.
        of: &'static Ty,
        /// Bytes from one element to the next.
        stride: u32,
        /// How many.
        len: u32,
    },
    /// Struct or record: named members. Size in bytes.
    Struct(u32, &'static [Member]),
    /// Tuple. Size in bytes.
    Tuple(u32, &'static [Member]),
    /// `{ __u64 id; __u32 depth; __u32 tgid; }` and the map of stacks.
    KernelStack {
        /// How it is printed.
        mode: StackMode,
        /// BPF map of the addresses.
        map: &'static str,
        /// Frames at most.
        limit: u16,
    },
    /// As above.
    UserStack {
        /// How it is printed.
        mode: StackMode,
        /// BPF map of the addresses.
        map: &'static str,
        /// Frames at most.
        limit: u16,
    },
    /// `__u64` address.
    KernelSymbol,
    /// `__u64` address of a kernel function, printed without offset (`func`).
    KernelFunction,
    /// `{ __u64 addr; __u32 tgid; __u32 probe; }`
    UserSymbol,
    /// The same, printed without offset (`func`).
    UserFunction,
    /// `{ __u32 family; __u8 addr[16]; }`
    Inet,
    /// Six bytes.
    MacAddress,
    /// `{ __u64 nsecs; __u32 format; __u32 clock; }`
    Timestamp,
    /// `__s32`
    ErrorName,
    /// `__s32`
    SignalName,
    /// `__s32`
    SyscallName,
    /// `{ __u64 id; __u64 filter; }`
    CgroupPath,
    /// `__u32` uid
    UserName,
    /// `__u32` index into the expanded probe names.
    ProbeName,
    /// Index of a positional parameter, from 1; a number if it is one, u32.
    Parameter,
    /// `__u64`
    GfpFlags,
    /// A value without a printed form.
    Opaque(u32),
}

/// A member of a struct or tuple.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// Empty in tuples.
    pub name: &'static str,
    /// Bytes from the start.
    pub offset: u32,
    /// Type.
    pub ty: Ty,
    /// Bitfield: first bit counted from `offset`, and width.
    pub bits: Option<(u8, u8)>,
}

/// How a stack is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the script's")]
pub enum StackMode {
    Bpftrace,
    Perf,
    Raw,
    BuildId,
}

impl Member {
    /// A member that is no bitfield.
    pub const fn new(name: &'static str, offset: u32, ty: Ty) -> Self {
        Member { name, offset, ty, bits: None }
    }
}

impl Ty {
    /// `int8`
    pub const I8: Ty = Ty::Int { size: 1, signed: true };
    /// `int16`
    pub const I16: Ty = Ty::Int { size: 2, signed: true };
    /// `int32`
    pub const I32: Ty = Ty::Int { size: 4, signed: true };
    /// `int64`
    pub const I64: Ty = Ty::Int { size: 8, signed: true };
    /// `uint8`
    pub const U8: Ty = Ty::Int { size: 1, signed: false };
    /// `uint16`
    pub const U16: Ty = Ty::Int { size: 2, signed: false };
    /// `uint32`
    pub const U32: Ty = Ty::Int { size: 4, signed: false };
    /// `uint64`
    pub const U64: Ty = Ty::Int { size: 8, signed: false };
}
