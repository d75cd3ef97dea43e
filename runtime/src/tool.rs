//! What a generated program says of itself: constant tables that `main.rs` fills in and the runtime acts upon.
//!
//! Everything here is `'static` data, built at compile time by the emitter. Layout facts (offsets, sizes) describe C
//! structs of the BPF object; generated code asserts each against the skeleton's type of that name.

/// A generated tool.
#[derive(Clone, Copy, Debug)]
pub struct Tool {
    /// `opensnoop`: as it names itself in messages and `comm`.
    pub name: &'static str,
    /// Of the crate.
    pub version: &'static str,
    /// First paragraph of the script's header comment.
    pub about: &'static str,
    /// The rest of the header comment.
    pub description: &'static str,
    /// Display name of the script in messages: `opensnoop.bt`, `stdin`.
    pub script: &'static str,
    /// The script's text, for messages that quote a line.
    pub source: &'static str,
    /// Options of the script (`getopt`), in order.
    pub options: &'static [ToolOption],
    /// Highest positional parameter that the script uses; `$#` allows any number.
    pub params: u32,
    /// BPF programs in script order.
    pub programs: &'static [Program],
    /// Maps in the order of the script.
    pub maps: &'static [Map],
    /// What events ask for; an event's header carries the index.
    pub actions: &'static [Action],
    /// Texts that events carry by index: strftime formats, cgroup filters.
    pub strings: &'static [&'static str],
    /// What is settled at start besides options and parameters.
    pub settings: &'static [Setting],
    /// Places of checked helpers (`-k`), by error index.
    pub checks: &'static [Check],
    /// Loss counters, by index into the map `tw_losses`.
    pub losses: &'static [Loss],
    /// The script's `config`; the environment overrides it.
    pub config: Config,
    /// Helpers that can do harm are used: told in `--help`.
    pub is_unsafe: bool,
    /// Capabilities beyond CAP_BPF and CAP_PERFMON that the tool needs, by name without `CAP_`.
    pub capabilities: &'static [&'static str],
}

/// An option made by `getopt`.
#[derive(Clone, Copy, Debug)]
pub struct ToolOption {
    /// `errname` for `--errname`; `errname|e` for `-e` too.
    pub name: &'static str,
    /// Its kind and default.
    pub default: OptionDefault,
    /// Help text; empty for none.
    pub help: &'static str,
    /// Name of the rodata variable.
    pub variable: &'static str,
}

impl ToolOption {
    /// The long name.
    pub fn long(&self) -> &'static str {
        self.name.split('|').next().unwrap_or(self.name)
    }

    /// The one-letter form.
    pub fn short(&self) -> Option<char> {
        self.name.split_once('|').and_then(|(_, short)| short.chars().next())
    }
}

/// Kind and default of an option.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum OptionDefault {
    Bool(bool),
    Int(i64),
    Str(&'static str),
}

/// A rodata variable settled at start.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Name of the rodata variable.
    pub variable: &'static str,
    /// Bytes of the variable: 1 (bool), 8 (integers), or a string's capacity.
    pub size: usize,
    /// Where it comes from.
    pub source: SettingSource,
    /// Place in the script: `FILE:LINE:COL1-COL2`.
    pub place: &'static str,
}

/// Where a setting comes from.
#[derive(Clone, Copy, Debug)]
pub enum SettingSource {
    /// `$n` as a number.
    ParamNumber(u32),
    /// `$n` as a string.
    ParamString(u32),
    /// `$n` for printing: numbers in decimal, a missing one as 0.
    ParamAny(u32),
    /// `$#`
    ParamCount,
    /// Address of a kernel symbol.
    KernelAddress(Text),
    /// Address of a symbol of a binary.
    UserAddress {
        /// Binary or library.
        path: Text,
        /// Symbol.
        symbol: Text,
    },
    /// Index of the probe of that name among the expanded ones; no probe's index where there is none.
    ProbeIndex(&'static str),
    /// Id of a cgroup by path.
    CgroupId(Text),
    /// Number of possible CPUs.
    CpuCount,
    /// Process id of the `-c` command.
    ChildPid,
    /// Whether there is one.
    HasChildPid,
}

/// Text with positional parameters, settled at start.
pub type Text = &'static [TextPiece];

/// A piece of late-bound text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TextPiece {
    /// Verbatim.
    Lit(&'static str),
    /// `$n`
    Param(u32),
    /// Value of the string option of that name; only in [`SettingSource`].
    Option(&'static str),
}

/// A BPF program and where it attaches.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// Name in the object.
    pub name: &'static str,
    /// What kind of program.
    pub kind: ProgramKind,
    /// Where.
    pub targets: &'static [Target],
    /// Failing to find its target or to load is tolerated.
    pub optional: bool,
    /// Attach cookies are needed: the index of the expanded name among all of the tool.
    pub uses_cookie: bool,
    /// The program reads the current task's pid namespace and such at `-p`: filtered by rodata `tw_pid_filter`.
    pub filters_pid: bool,
}

/// Kind of a BPF program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the probe types'")]
pub enum ProgramKind {
    Manual,
    Kprobe,
    Kretprobe,
    Fentry,
    Fexit,
    Uprobe,
    Uretprobe,
    Usdt,
    Tracepoint,
    RawTracepoint,
    PerfEvent,
    Interval,
    Iter,
}

/// One attach point.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// What `probe` shows when nothing is expanded.
    pub display: Text,
    /// Where.
    pub point: AttachPoint,
    /// Place in the script: `FILE:LINE:COL1-COL2`.
    pub place: &'static str,
}

/// Where a program attaches; wildcards are expanded at start.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "as in the compiler's `program::AttachPoint`")]
pub enum AttachPoint {
    Begin,
    End,
    Signal(&'static str),
    Test(&'static str),
    Bench(&'static str),
    Kernel {
        module: Option<Text>,
        function: Text,
        offset: u64,
    },
    KernelAddress(u64),
    Trampoline {
        module: Option<Text>,
        function: Text,
    },
    Bpf {
        id: Option<Text>,
        name: Text,
    },
    User {
        path: Text,
        symbol: Text,
        offset: u64,
        cpp: bool,
    },
    UserAddress {
        path: Text,
        address: u64,
    },
    UserSource {
        path: Text,
        file: &'static str,
        line: u32,
        column: u32,
    },
    Usdt {
        path: Text,
        provider: Option<Text>,
        name: Text,
    },
    Tracepoint {
        category: Text,
        event: Text,
    },
    RawTracepoint {
        module: Option<Text>,
        event: Text,
    },
    Interval(Period),
    Profile(Period),
    Software {
        config: u64,
        count: u64,
    },
    Hardware {
        config: u64,
        count: u64,
    },
    Watchpoint {
        address: Text,
        length: u32,
        read: bool,
        write: bool,
        execute: bool,
    },
    WatchArgument {
        function: &'static str,
        arg: u32,
        length: u32,
        read: bool,
        write: bool,
        execute: bool,
        asynchronous: bool,
    },
    Iter {
        pin: Option<&'static str>,
    },
    /// A parameter names it; the program is loaded when that is a probe of its kind.
    Late {
        role: LateRole,
        text: Text,
    },
}

/// What is wanted of the probe that a parameter names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LateRole {
    /// The probe as it is named.
    Any,
    /// Where the function begins.
    Entry,
    /// Where it returns.
    Return,
    /// Tracepoints and USDT probes only.
    Event,
}

/// How often.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Period {
    /// Times a second.
    Hertz(Number),
    /// `count` times `unit` nanoseconds.
    Every {
        /// How many.
        count: Number,
        /// Nanoseconds.
        unit: u64,
    },
}

/// A number known at build time, or a positional parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// Known.
    Const(i64),
    /// `$n`
    Param(u32),
}

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

/// What an event asks for.
#[derive(Clone, Copy, Debug)]
pub struct Action {
    /// What to do.
    pub kind: ActionKind,
    /// Fields after the 8 byte header, offsets from the start of the record.
    pub fields: &'static [Member],
    /// Size of the fixed part, header included; tails follow.
    pub size: usize,
    /// Place in the script: `FILE:LINE:COL1-COL2`. Inside of macros, their uses follow from the inside out, a line each.
    pub place: &'static str,
    /// Line and column from 1, for JSON.
    pub line: u32,
    /// Column from 1.
    pub column: u32,
}

/// What to do.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "as in the compiler's `program::ActionKind`")]
pub enum ActionKind {
    Printf(&'static [FormatPiece]),
    Errorf(&'static [FormatPiece]),
    Warnf(&'static [FormatPiece]),
    Cat(&'static [FormatPiece]),
    System(&'static [FormatPiece]),
    /// The one field.
    PrintValue,
    /// Fields: `__u64 top`, `__u64 div`.
    PrintMap(usize),
    /// Fields: the key, then the value unless the map aggregates.
    PrintElement(usize),
    Clear(usize),
    Zero(usize),
    Time(&'static str),
    /// One field: `TailBuf` of NUL-terminated strings one after the other.
    Join(&'static str),
    Unwatch,
    SkbOutput(&'static str),
}

/// A piece of a format.
#[derive(Clone, Copy, Debug)]
pub enum FormatPiece {
    /// Literal bytes.
    Text(&'static [u8]),
    /// Takes the next field.
    Conversion(Conversion),
}

/// `%-16.8lld`
#[derive(Clone, Copy, Debug)]
pub struct Conversion {
    /// `-`
    pub left: bool,
    /// `0`
    pub zero: bool,
    /// `+`
    pub plus: bool,
    /// blank
    pub space: bool,
    /// `#`
    pub alternate: bool,
    /// Minimum width, 0 for none.
    pub width: u32,
    /// The width is the field before the value.
    pub width_from_field: bool,
    /// `.n`; -1 for none.
    pub precision: i32,
    /// Bytes that the length modifier asks for: 1, 2, 4, 8.
    pub length: u8,
    /// `d i u x X o c s p r`, `R` for `rx`, `H` for `rh`, `g` for `gr`.
    pub conversion: u8,
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

impl Conversion {
    /// A bare conversion: `%d`. The methods below refine it.
    pub const fn new(conversion: u8) -> Self {
        Conversion {
            left: false,
            zero: false,
            plus: false,
            space: false,
            alternate: false,
            width: 0,
            width_from_field: false,
            precision: -1,
            length: 4,
            conversion,
        }
    }

    /// The piece of a format.
    pub const fn piece(self) -> FormatPiece {
        FormatPiece::Conversion(self)
    }

    /// `-`
    pub const fn left(mut self) -> Self {
        self.left = true;
        self
    }

    /// `0`
    pub const fn zero(mut self) -> Self {
        self.zero = true;
        self
    }

    /// `+`
    pub const fn plus(mut self) -> Self {
        self.plus = true;
        self
    }

    /// blank
    pub const fn space(mut self) -> Self {
        self.space = true;
        self
    }

    /// `#`
    pub const fn alternate(mut self) -> Self {
        self.alternate = true;
        self
    }

    /// Minimum width.
    pub const fn width(mut self, width: u32) -> Self {
        self.width = width;
        self
    }

    /// `*`
    pub const fn width_from_field(mut self) -> Self {
        self.width_from_field = true;
        self
    }

    /// `.n`
    pub const fn precision(mut self, precision: i32) -> Self {
        self.precision = precision;
        self
    }

    /// Bytes that the length modifier asks for.
    pub const fn length(mut self, length: u8) -> Self {
        self.length = length;
        self
    }
}

/// A checked helper call.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// `probe_read_user`, `map_update_elem`, …; or a whole message for bounds and division checks.
    pub helper: &'static str,
    /// Place in the script, and the uses of macros that it is in, as in [`Action::place`].
    pub place: &'static str,
    /// Line from 1.
    pub line: u32,
    /// Columns from 1, half open.
    pub columns: (u32, u32),
    /// Told always, not only with `-k`.
    pub always: bool,
    /// Tell only for negative results (helpers), or whenever the event comes.
    pub message: &'static str,
}

/// A loss counter.
#[derive(Clone, Copy, Debug)]
pub struct Loss {
    /// What was lost: `events`, `updates of @start`.
    pub what: &'static str,
    /// What to raise.
    pub hint: &'static str,
}

/// The script's `config`.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "as in the compiler's `program::Config`")]
pub struct Config {
    pub max_strlen: u32,
    pub max_map_keys: u32,
    pub max_probes: u32,
    pub max_cat_bytes: u32,
    pub perf_rb_pages: u32,
    pub log_size: u32,
    pub missing_probes: MissingProbes,
    pub print_maps_on_exit: bool,
    pub str_trunc_trailer: &'static str,
    pub cpp_demangle: bool,
    pub lazy_symbolication: bool,
    pub show_debug_info: bool,
    pub cache_user_symbols: &'static str,
}

/// What to do about probes that do not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the config values")]
pub enum MissingProbes {
    Error,
    Warn,
    Ignore,
}
