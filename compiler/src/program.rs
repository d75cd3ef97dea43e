//! The typed program: what `check` makes and `emit` writes out. Complete and immutable.
//!
//! INVARIANT: every [`Expr`] has its final type; every implicit conversion is an explicit [`ExprKind::Cast`];
//! every name is resolved to an index; both sides of a binary operator have the same type (shifts aside);
//! strings assigned to storage of another capacity go through [`ExprKind::Cast`] to the storage's type.

use std::collections::BTreeMap;

use crate::source::{Sources, Span};
pub use crate::syntax::ast::{BinaryOp, TextPiece};
use crate::types::{Aggregate, StructName, StructTable, Type};

mod action;
mod attach;
mod code;

pub use action::{Action, ActionKind, Conversion, Format, FormatPiece};
pub use attach::{AttachPoint, KernelLocation, LateNumber, LateRole, LateText, Period, Target, UserLocation};
pub use code::{AggregateUpdate, Builtin, Call, ContextField, Expr, ExprKind, FieldStep, SpecPart, Stmt, StmtKind};

/// Index into [`Program::maps`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MapId(pub usize);
/// Index into [`Program::actions`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ActionId(pub usize);
/// Index into [`BpfProgram::locals`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LocalId(pub usize);
/// Index into [`Program::strings`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StringId(pub u32);
/// Index into [`Program::settings`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SettingId(pub usize);

/// A whole script, checked.
#[derive(Clone, Debug)]
pub struct Program {
    /// Tool name: the script's file stem, made an identifier (`opensnoop`).
    pub name: String,
    /// The script's header comment.
    pub header: String,
    /// Texts that spans refer to.
    pub sources: Sources,
    /// Settings of the script's `config` block, defaults filled in.
    pub config: Config,
    /// The script's own C text (structs, enums, typedefs, defines), verbatim, in order; empty when all it needs is in `structs`.
    pub structs: StructTable,
    /// Enumerators by enum name, for `%s` and printing: name and value.
    pub enums: Vec<(String, Vec<(String, i64)>)>,
    /// Where expressions inside a macro's body are used, innermost first: for what is told of them at run time. Those
    /// that are used in several places have none.
    pub trails: BTreeMap<Span, Vec<Span>>,
    /// Imported C whose functions the programs call: file name and text.
    pub libraries: Vec<(String, String)>,
    /// Maps in the order of first appearance.
    pub maps: Vec<Map>,
    /// BPF programs in script order.
    pub programs: Vec<BpfProgram>,
    /// What user space does on behalf of probes.
    pub actions: Vec<Action>,
    /// Strings that events refer to by index: strftime formats, cgroup filters.
    pub strings: Vec<String>,
    /// What is settled at start: options, positional parameters, addresses.
    pub settings: Vec<Setting>,
    /// Whether unsafe helpers are used (and were allowed).
    pub is_unsafe: bool,
    /// The scalar map whose value stands for the time, by `BPFTRACE_DUMMY_TS_MAP` when compiling: time series that come out
    /// the same whenever they are made.
    pub clock: Option<MapId>,
}

/// The script's `config`, defaults filled in. Those marked *late* may be overridden by `BPFTRACE_*` when the tool starts.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// `license`, default `GPL`.
    pub license: String,
    /// Bytes; default 1024.
    pub max_strlen: u32,
    /// *late* Entries per map; default 4096.
    pub max_map_keys: u32,
    /// *late* Default 1024.
    pub max_probes: u32,
    /// Default 1024.
    pub max_bpf_progs: u32,
    /// *late* Bytes; default 10240.
    pub max_cat_bytes: u32,
    /// *late* Pages of the ring; none: from memory size.
    pub perf_rb_pages: Option<u32>,
    /// *late* Bytes; default 1000000.
    pub log_size: u32,
    /// *late*
    pub missing_probes: MissingProbes,
    /// Bytes; default 32.
    pub on_stack_limit: u32,
    /// *late* Default true.
    pub print_maps_on_exit: bool,
    /// *late* Default `..`.
    pub str_trunc_trailer: String,
    /// *late* Default true.
    pub cpp_demangle: bool,
    /// *late* Default false.
    pub lazy_symbolication: bool,
    /// *late* Default true.
    pub show_debug_info: bool,
    /// *late* `PER_PID`, `PER_PROGRAM`, `NONE`; none: by ASLR.
    pub cache_user_symbols: Option<String>,
}

impl Default for Config {
    /// bpftrace's.
    fn default() -> Self {
        Config {
            license: "GPL".into(),
            max_strlen: 1024,
            max_map_keys: 4096,
            max_probes: 1024,
            max_bpf_progs: 1024,
            max_cat_bytes: 10240,
            perf_rb_pages: None,
            log_size: 1_000_000,
            missing_probes: MissingProbes::Error,
            on_stack_limit: 32,
            print_maps_on_exit: true,
            str_trunc_trailer: "..".into(),
            cpp_demangle: true,
            lazy_symbolication: false,
            show_debug_info: true,
            cache_user_symbols: None,
        }
    }
}

/// What to do about probes that do not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the config values")]
pub enum MissingProbes {
    Error,
    Warn,
    Ignore,
}

/// A map.
#[derive(Clone, Debug, PartialEq)]
pub struct Map {
    /// Without `@`; empty for the anonymous map.
    pub name: String,
    /// Key; none for a scalar map. Several keys are a tuple.
    pub key: Option<Type>,
    /// Value; an aggregate for `count()` and its like.
    pub value: Type,
    /// Kind of BPF map.
    pub kind: MapKind,
    /// `let @m = hash(n)`; none: `max_map_keys`.
    pub max_entries: Option<u32>,
    /// First appearance.
    pub span: Span,
}

/// Kinds of BPF maps that scripts can ask for. `Default`: the emitter's choice
/// (array or per-CPU array for scalar maps, hash or per-CPU hash for keyed ones).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the script's words")]
pub enum MapKind {
    Default,
    Hash,
    LruHash,
    PerCpuHash,
    PerCpuLruHash,
}

/// One BPF program: a body, and all the places where it is attached.
///
/// An action block with attach points of several program types, or whose `args`, `probe` or `func` differ between
/// attach points, becomes several of these.
#[derive(Clone, Debug)]
pub struct BpfProgram {
    /// C function name, unique: `begin_1`, `kprobe_vfs_read_2`.
    pub name: String,
    /// What kind of program; decides section, context and helpers.
    pub kind: ProgramKind,
    /// Where it attaches, in the script's order. All fit `kind`.
    pub targets: Vec<Target>,
    /// Load failure of this program alone is tolerated (compile-time expansion of a wildcard whose `args` differ).
    pub optional: bool,
    /// The body reads the attach cookie (`probe`, or `func` by name): targets are numbered from [`Target::probe_index`].
    pub uses_cookie: bool,
    /// `argN` of USDT or stack arguments: how many arguments are read.
    pub max_arg: Option<u32>,
    /// Scratch variables.
    pub locals: Vec<Local>,
    /// The predicate; the body is skipped when it is false.
    pub predicate: Option<Expr>,
    /// The body.
    pub body: Vec<Stmt>,
    /// Place of the attach points in the script.
    pub span: Span,
}

/// Kind of a BPF program.
#[derive(Clone, Debug, PartialEq)]
pub enum ProgramKind {
    /// `begin`, `end`, `self:signal`, `test`, `bench`: raw tracepoint programs run by BPF_PROG_TEST_RUN.
    Manual,
    /// kprobe (also with offset), context `struct pt_regs`.
    Kprobe,
    /// kretprobe, context `struct pt_regs`.
    Kretprobe,
    /// fentry; typed arguments in `ctx[i]`.
    Fentry,
    /// fexit; the return value is `ctx[args]`.
    Fexit {
        /// Number of arguments of the function.
        args: u32,
    },
    /// `fentry:bpf:…` / `fexit:bpf:…` without arguments.
    FentryBpf {
        /// fexit
        exit: bool,
    },
    /// uprobe, context `struct pt_regs`.
    Uprobe,
    /// uretprobe, context `struct pt_regs`.
    Uretprobe,
    /// USDT: libbpf's `bpf_usdt_arg`.
    Usdt,
    /// Tracepoint; the context type is a kernel struct (`struct trace_event_raw_sched_switch`), none when `args` is not used.
    Tracepoint {
        /// Name of the context struct in the kernel description, or a `StructDef` of origin `Script` made from the format.
        context: Option<StructName>,
    },
    /// Raw tracepoint: `ctx[i]` are the tracepoint's arguments. With `btf`, loaded as tp_btf so that pointers are trusted.
    RawTracepoint,
    /// Perf events: profile, software, hardware, watchpoint. Context `struct bpf_perf_event_data`.
    PerfEvent,
    /// `interval`: a perf event on one CPU.
    Interval,
    /// Iterator; context is a kernel struct (`struct bpf_iter__task`).
    Iter {
        /// `task`, `task_file`, …
        kind: String,
        /// `struct bpf_iter__task`
        context: StructName,
    },
}

/// A scratch variable.
#[derive(Clone, Debug, PartialEq)]
pub struct Local {
    /// Name without `$`; for expanded macros and generated ones, any identifier.
    pub name: String,
    /// Type.
    pub ty: Type,
}

/// A value that is settled when the tool starts and kept in rodata.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// C name of the rodata variable: `opt_errname`, `param_1`, `kaddr_avenrun`.
    pub name: String,
    /// Where it comes from.
    pub source: SettingSource,
    /// Type of the variable: bool, int64/uint64, string.
    pub ty: Type,
    /// First use.
    pub span: Span,
}

/// Where a setting comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum SettingSource {
    /// `getopt(name, default, help)`
    Option {
        /// For `--name`.
        name: String,
        /// For `-n`: `getopt("name|n")`, an extension.
        short: Option<char>,
        default: OptionDefault,
        help: Option<String>,
    },
    /// `$n` as a number: not a number is an error at start; missing is 0.
    ParamNumber(u32),
    /// `$n` as a string: missing is "".
    ParamString(u32),
    /// `$n` by what is given: only for printing (`ty` String; numbers print the same).
    ParamAny(u32),
    /// `$#`
    ParamCount,
    /// `$n` as how often `unroll` repeats its body: 1 to 100; 0: `$#`.
    Repetitions(u32),
    /// `kaddr(name)`
    KernelAddress(LateText),
    /// `symbol_exists(name)`
    HasKernelSymbol(LateText),
    /// `uaddr(name)` in the binary of the probe's target.
    UserAddress { path: LateText, symbol: LateText },
    /// Index of the probe of that name among the expanded ones, where `probe` is compared with a literal.
    ProbeIndex(String),
    /// `cgroupid(path)`
    CgroupId(LateText),
    /// How many values the parameter that names the probe asks for.
    SpecCount(u32),
    /// `ncpus`
    CpuCount,
    /// `cpid`
    ChildPid,
    /// `has_cpid`
    HasChildPid,
}

/// Default value of an option; its kind decides the option's type.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum OptionDefault {
    Bool(bool),
    Int(i64),
    Str(String),
}

impl Program {
    /// The map at `id`.
    pub fn map(&self, id: MapId) -> &Map {
        &self.maps[id.0]
    }

    /// The aggregate that a map keeps, if any.
    pub fn aggregate(&self, id: MapId) -> Option<&Aggregate> {
        match &self.maps[id.0].value {
            Type::Aggregate(aggregate) => Some(aggregate),
            _ => None,
        }
    }
}
