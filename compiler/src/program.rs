//! The typed program: what `check` makes and `emit` writes out. Complete and immutable.
//!
//! INVARIANT: every [`Expr`] has its final type; every implicit conversion is an explicit [`ExprKind::Cast`];
//! every name is resolved to an index; both sides of a binary operator have the same type (shifts aside);
//! strings assigned to storage of another capacity go through [`ExprKind::Cast`] to the storage's type.

use crate::source::{Sources, Span};
pub use crate::syntax::ast::{BinaryOp, TextPiece};
use crate::types::{Aggregate, Clock, StackType, StructName, StructTable, Type};
use std::collections::BTreeMap;

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

/// Text with positional parameters in it, settled at start.
pub type LateText = Vec<TextPiece>;

/// One attach point; wildcards are expanded at start.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// What `probe` shows when there is nothing to expand: `kprobe:vfs_read`, provider spelled out.
    pub display: LateText,
    /// Where.
    pub point: AttachPoint,
    /// Place in the script.
    pub span: Span,
}

/// Where a program attaches.
#[derive(Clone, Debug, PartialEq)]
pub enum AttachPoint {
    /// Before all others attach.
    Begin,
    /// After all others are detached.
    End,
    /// `self:signal:NAME`
    Signal(String),
    /// `test:name`
    Test(String),
    /// `bench:name`
    Bench(String),
    /// `kprobe`/`kretprobe`
    Kernel { module: Option<LateText>, function: KernelLocation },
    /// `fentry`/`fexit`
    Trampoline { module: Option<LateText>, function: LateText },
    /// `fentry:bpf:[id:]name`
    Bpf { id: Option<LateText>, name: LateText },
    /// `uprobe`/`uretprobe`
    User { path: LateText, location: UserLocation, cpp: bool },
    /// `usdt`
    Usdt { path: LateText, provider: Option<LateText>, name: LateText },
    /// `tracepoint`
    Tracepoint { category: LateText, event: LateText },
    /// `rawtracepoint`
    RawTracepoint { module: Option<LateText>, event: LateText },
    /// `interval`
    Interval { period: Period },
    /// `profile`
    Profile { period: Period },
    /// `software`; perf's PERF_COUNT_SW_* number.
    Software { config: u64, count: u64 },
    /// `hardware`; perf's PERF_COUNT_HW_* number, or PERF_COUNT_HW_CACHE_* with `cache`.
    Hardware { config: u64, count: u64 },
    /// `watchpoint`
    Watchpoint { location: WatchLocation, length: u32, read: bool, write: bool, execute: bool, asynchronous: bool },
    /// `iter`
    Iter { pin: Option<String> },
    /// A parameter names it: `$1`, `entry:$1`. The program is loaded when that is a probe of its kind.
    Late { role: LateRole, text: LateText },
}

/// What is wanted of the probe that a parameter names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LateRole {
    /// `$1`: the probe as it is named.
    Any,
    /// `entry:$1`: where the function begins.
    Entry,
    /// `return:$1`: where it returns.
    Return,
    /// `event:$1`: tracepoints and USDT probes only.
    Event,
}

/// Place in the kernel.
#[derive(Clone, Debug, PartialEq)]
pub enum KernelLocation {
    /// Function, possibly a pattern, with an offset in bytes.
    Function { name: LateText, offset: u64 },
    /// Address (unsafe).
    Address(u64),
}

/// Place in a binary.
#[derive(Clone, Debug, PartialEq)]
pub enum UserLocation {
    /// Symbol, possibly a pattern, with an offset in bytes.
    Symbol { name: LateText, offset: u64 },
    /// Virtual address or file offset.
    Address(u64),
    /// `file.c:12` or `file.c:12:3`.
    Source { file: String, line: u32, column: Option<u32> },
}

/// What a watchpoint watches.
#[derive(Clone, Debug, PartialEq)]
pub enum WatchLocation {
    /// Absolute address.
    Address(LateText),
    /// `function+argN`
    Argument { function: String, arg: u32 },
}

/// How often: a rate or nanoseconds.
#[derive(Clone, Debug, PartialEq)]
pub enum Period {
    /// Times a second.
    Hertz(LateNumber),
    /// `unit` nanoseconds times the number.
    Every { count: LateNumber, unit: u64 },
}

/// A number known now, or a positional parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum LateNumber {
    /// Known.
    Const(u64),
    /// `$n`
    Param(u32),
}

/// A scratch variable.
#[derive(Clone, Debug, PartialEq)]
pub struct Local {
    /// Name without `$`; for expanded macros and generated ones, any identifier.
    pub name: String,
    /// Type.
    pub ty: Type,
}

/// A statement.
#[derive(Clone, Debug)]
pub struct Stmt {
    /// What it does.
    pub kind: StmtKind,
    /// Place in the script.
    pub span: Span,
}

/// What a statement does.
#[derive(Clone, Debug)]
pub enum StmtKind {
    /// Evaluates and drops the value.
    Expr(Expr),
    /// `let $x` at its place: zeroes the variable (needed in loops; the first assignment of a block-scoped variable too).
    Declare(LocalId),
    /// `$x = value`; `value.ty` is the variable's type.
    SetLocal { local: LocalId, value: Expr },
    /// `@m = v`, `@m[k] = v`; types fit the map's.
    SetMap { map: MapId, key: Option<Expr>, value: Expr },
    /// `@m[k] = count()` and its like.
    Aggregate { map: MapId, key: Option<Expr>, update: AggregateUpdate },
    /// `if`
    If { cond: Expr, then: Vec<Stmt>, otherwise: Vec<Stmt> },
    /// `while`
    While { cond: Expr, body: Vec<Stmt> },
    /// `for $i : start..end`; both of the local's type.
    ForRange { local: LocalId, start: Expr, end: Expr, body: Vec<Stmt> },
    /// `for $kv : @map`; the local is a tuple (key, value), aggregates read as int64/uint64 (count, sum, min, max, avg) as the local's type says.
    ForMap { local: LocalId, map: MapId, body: Vec<Stmt> },
    /// `unroll(n)` with a count that is a setting: the body at most 100 times, guarded. (Constant counts are unrolled by the checker? No: kept, the emitter repeats the body.)
    Unroll { count: Expr, body: Vec<Stmt> },
    /// `break`
    Break,
    /// `continue`
    Continue,
    /// `return`: ends this program; the value is a `bool`/int for `test` probes.
    Return(Option<Expr>),
    /// Own scope.
    Block(Vec<Stmt>),
    /// Sends an event for user space to act upon; arguments as the action's fields say.
    Action { action: ActionId, args: Vec<Expr> },
    /// `exit(code)`: sends the exit event, ends the program.
    Exit { code: Option<Expr> },
    /// `join(array, sep)`: sends the strings of a NULL-terminated array of user or kernel `char *`.
    Join { action: ActionId, array: Expr },
    /// `signal(n)`; `thread` for `signal_thread`.
    Signal { signal: Expr, thread: bool },
    /// `override(rc)`
    Override(Expr),
    /// `write_user(ptr, value)`
    WriteUser { pointer: Expr, value: Expr },
    /// `debugf`: bpf_trace_printk with at most three integer arguments.
    Debug { format: String, args: Vec<Expr> },
}

/// A map value function's update.
#[derive(Clone, Debug)]
pub enum AggregateUpdate {
    /// `count()`
    Count,
    /// `sum(n)`; the argument is int64 or uint64, as the aggregate's sign says. Likewise below.
    Sum(Expr),
    /// `min(n)`
    Min(Expr),
    /// `max(n)`
    Max(Expr),
    /// `avg(n)` and `stats(n)`
    Avg(Expr),
    /// `hist(n)`; int64 or uint64.
    Hist(Expr),
    /// `lhist(n)`; int64.
    Linear(Expr),
    /// `tseries(n)`
    TimeSeries(Expr),
}

/// A typed expression.
#[derive(Clone, Debug)]
pub struct Expr {
    /// Type of the value.
    pub ty: Type,
    /// What it is.
    pub kind: ExprKind,
    /// Place in the script.
    pub span: Span,
}

/// What an expression is.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// A constant: integers, enums, pointers (as bit pattern of their width, sign-extended to 64 bits).
    Int(i64),
    /// A constant.
    Bool(bool),
    /// A string literal; `ty` is a string with capacity `len + 1` or more.
    Str(Vec<u8>),
    /// Bytes of a constant array (`pton`).
    Bytes(Vec<u8>),
    /// An empty value of any type: zero, "", all fields zero.
    Zero,
    /// `$x`
    Local(LocalId),
    /// `@m`, `@m[k]`: the value, zero when missing. Not for aggregates.
    MapGet { map: MapId, key: Option<Box<Expr>> },
    /// An aggregate read as an integer, summed over CPUs: count, sum, min, max, avg, stats (average). `ty` int64/uint64.
    MapSummary { map: MapId, key: Option<Box<Expr>> },
    /// `has_key(@m, k)`: bool.
    MapHas { map: MapId, key: Box<Expr> },
    /// `find(@m, k, $v)`: bool; sets the local when found.
    MapFind { map: MapId, key: Box<Expr>, local: LocalId },
    /// `delete(@m, k)`: bool. With `warn`, a missing key is reported (the value is discarded). A scalar map has no key.
    MapDelete { map: MapId, key: Option<Box<Expr>>, warn: bool },
    /// `len(@m)`: int64, number of entries.
    MapLen(MapId),
    /// `len(stack)`: int64, frames.
    StackLen(Box<Expr>),
    /// `++`/`--` on a variable; pointers step by the size of what they point to. `ty` is the variable's.
    LocalStep { local: LocalId, by: i64, prefix: bool },
    /// `++`/`--` on a map element; missing counts from 0.
    MapStep { map: MapId, key: Option<Box<Expr>>, by: i64, prefix: bool },
    /// `-`, `~`
    Negate(Box<Expr>),
    /// `~`
    Invert(Box<Expr>),
    /// `!`: bool; the operand is a bool.
    Not(Box<Expr>),
    /// Arithmetic and comparison of integers, booleans and pointers. Division and modulo by zero give 1 and a warning;
    /// signed operands divide as signed. Pointer plus or minus an int is [`ExprKind::PointerOffset`].
    Binary { op: BinaryOp, left: Box<Expr>, right: Box<Expr> },
    /// `p + i`: `offset` int64, in elements of what `pointer` points to, negative for `-`.
    PointerOffset { pointer: Box<Expr>, offset: Box<Expr> },
    /// `&&`: bool operands, short circuit.
    And(Box<Expr>, Box<Expr>),
    /// `||`
    Or(Box<Expr>, Box<Expr>),
    /// `c ? a : b`; both of type `ty` (may be Void).
    Ternary { cond: Box<Expr>, then: Box<Expr>, otherwise: Box<Expr> },
    /// Equality of strings, arrays, tuples, records, structs, buffers: bool. Strings compare up to the first NUL, at most the smaller capacity.
    Equal { left: Box<Expr>, right: Box<Expr>, negated: bool },
    /// A conversion to `ty`: between integers (C rules), to bool (non-zero), integer and pointer, pointer and pointer,
    /// string to a larger or smaller capacity, integer ↔ byte array, string ↔ char array, tuple and record item by item,
    /// int to enum and back, char array (by value) to string.
    Cast(Box<Expr>),
    /// `*p`: reads what `pointer` points to, by its address space. Scalars and whole structs and arrays.
    Deref(Box<Expr>),
    /// `p.field` through a pointer: read by the pointer's address space; kernel structs with CO-RE.
    /// `path` leads through anonymous members and embedded structs (all fields by value), outermost first.
    FieldOf { pointer: Box<Expr>, path: Vec<FieldStep> },
    /// `&p.field`: the address only; also what arrays decay to. `ty` is a pointer.
    FieldAddress { pointer: Box<Expr>, path: Vec<FieldStep> },
    /// `s.field` of a struct by value.
    Member { base: Box<Expr>, path: Vec<FieldStep> },
    /// Item of a tuple or record.
    Item { base: Box<Expr>, index: usize },
    /// `a[i]` of an array or string by value. A constant index is in range; a variable one out of range gives zero and a warning.
    Element { base: Box<Expr>, index: Box<Expr> },
    /// A tuple or record; the items have the types of `ty`.
    Aggregate(Vec<Expr>),
    /// `{ …; value }`
    Block(Vec<Stmt>, Box<Expr>),
    /// `&$x`: pointer into BPF memory.
    AddressOfLocal(LocalId),
    /// `&@m`, `&@m[k]`: pointer to the map's value, null when missing.
    AddressOfMap { map: MapId, key: Option<Box<Expr>> },
    /// A field of the probe's context.
    Context(ContextField),
    /// What the kernel knows.
    Builtin(Builtin),
    /// A helper with arguments.
    Call(Call),
    /// A value settled at start, in rodata.
    Setting(SettingId),
}

/// One step from a struct to a member.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldStep {
    /// The struct stepped from.
    pub parent: StructName,
    /// Index into its [`crate::types::StructDef::fields`].
    pub field: usize,
}

/// A field of the probe's context.
#[derive(Clone, Debug, PartialEq)]
pub enum ContextField {
    /// `argN` of kprobes and uprobes (register or stack slot), raw tracepoints, USDT: u64/int64.
    Arg(u32),
    /// `retval` of kretprobe/uretprobe: register; of fexit: `ctx[args]` as `ty`.
    ReturnValue,
    /// Argument of fentry/fexit/raw tracepoint, typed: `ctx[index]` as `ty` (structs by value spread over several slots).
    TypedArg(u32),
    /// Member of the tracepoint's or iterator's context struct; `ty` is the member's.
    Member(Vec<FieldStep>),
    /// Argument `n` of a syscall: `args[n]` of `struct trace_event_raw_sys_enter`, as `ty`.
    SyscallArg(u32),
    /// Return value of a syscall: `ret` of `struct trace_event_raw_sys_exit`, as `ty`.
    SyscallReturn,
    /// Syscall number: `id` of `struct trace_event_raw_sys_enter`/`_exit`.
    SyscallNumber,
    /// A `__data_loc` member: a string (`ty` String) or array behind the record, at most `ty`'s size.
    DataLoc(Vec<FieldStep>),
    /// `reg("ip")`: member of pt_regs by its kernel name, u64.
    Register(String),
    /// `ctx` itself: a pointer.
    Pointer,
}

/// What needs no argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Builtin {
    /// `pid` in the tool's pid namespace: tgid, u32. The emitter uses bpf_get_ns_current_pid_tgid with the setting made at start where the namespace is not the initial one.
    Pid,
    /// `tid` likewise.
    Tid,
    /// `pid(init)`
    InitPid,
    /// `tid(init)`
    InitTid,
    /// u32
    Uid,
    /// u32
    Gid,
    /// uid for [`Type::UserName`].
    UserName,
    /// String of 16 bytes.
    Comm,
    /// u32 (smp_processor_id)
    Cpu,
    /// u32
    NumaNode,
    /// Clock in nanoseconds.
    Nsecs(Clock),
    /// Nanoseconds since the tool started.
    Elapsed,
    /// u32
    Rand,
    /// Pointer to `struct task_struct`.
    CurrentTask,
    /// u64
    CgroupId,
    /// u64
    Jiffies,
    /// bool/u8: whether user mode was interrupted.
    UserMode,
    /// u32 index of the expanded probe name (attach cookie), or a constant when there is one target.
    ProbeIndex,
    /// Instruction pointer of the probed function (bpf_get_func_ip or pt_regs), u64.
    FunctionAddress,
}

/// A helper with arguments.
#[derive(Clone, Debug)]
pub enum Call {
    /// `str(ptr, len)`: reads a string by the pointer's space; `ty` is a string whose capacity includes the NUL.
    /// `len`: run-time limit in bytes, NUL included, if not constant.
    Str { pointer: Box<Expr>, len: Option<Box<Expr>> },
    /// `str($1)`-like: the string in a setting, from `offset`.
    SettingStr { setting: SettingId, offset: u32 },
    /// `buf(ptr, len)`; `ty` Buffer.
    Buf { pointer: Box<Expr>, len: Option<Box<Expr>> },
    /// `buf(array)`: bytes of a value.
    BufOf(Box<Expr>),
    /// `kstack`/`ustack`; `ty` says which.
    Stack(StackType),
    /// `ksym(addr)`
    KernelSymbol(Box<Expr>),
    /// `usym(addr)`
    UserSymbol(Box<Expr>),
    /// `ntop(af, addr)`: an integer (IPv4, as in memory), or an array/pointer to 4 or 16 bytes; `family` none: inferred from the argument's type.
    Ntop { family: Option<Box<Expr>>, address: Box<Expr> },
    /// `macaddr(ptr or array)`
    MacAddress(Box<Expr>),
    /// `strftime(fmt, ns)`
    Strftime { format: StringId, clock: Clock, nsecs: Box<Expr> },
    /// `strerror(n)`, `signal_name(n)`, `syscall_name(n)`: `ty` says which.
    Name(Box<Expr>),
    /// `cgroup_path(id, filter)`
    CgroupPath { id: Box<Expr>, filter: Option<StringId> },
    /// `bswap(n)`
    ByteSwap(Box<Expr>),
    /// `strncmp(a, b, n)`: 0 when equal; both strings; int64/uint64.
    StrNCmp { left: Box<Expr>, right: Box<Expr>, n: u32 },
    /// `strcontains(haystack, needle)`: bool.
    StrContains { haystack: Box<Expr>, needle: Box<Expr> },
    /// `strlen(s)`: int64
    StrLen(Box<Expr>),
    /// `strstr(haystack, needle)`: int64 position, -1 when absent.
    StrStr { haystack: Box<Expr>, needle: Box<Expr> },
    /// Strings put together; `ty` is a string.
    StrConcat(Box<Expr>, Box<Expr>),
    /// `memcmp(a, b, n)`: int64/int32.
    MemCmp { left: Box<Expr>, right: Box<Expr>, n: Box<Expr> },
    /// `path(struct path *, size)`: bpf_d_path; a string.
    Path { pointer: Box<Expr>, size: Option<u32> },
    /// `percpu_kaddr("sym", cpu)`: pointer; the symbol is a ksym of the object.
    PerCpuKaddr { symbol: String, cpu: Option<Box<Expr>> },
    /// `socket_cookie(sk)`: u64
    SocketCookie(Box<Expr>),
    /// `skboutput(path, skb, len, offset)`: the path by action; int64/uint32.
    SkbOutput { action: ActionId, skb: Box<Expr>, len: Box<Expr>, offset: Box<Expr> },
    /// `ppid(task)`
    ParentPid(Option<Box<Expr>>),
    /// `sizeof(struct of the kernel)`: at load, bpf_core_type_size; u64.
    KernelSizeOf(StructName),
    /// `offsetof(struct of the kernel, path)`: at load; u64.
    KernelOffsetOf { path: Vec<FieldStep> },
    /// `field_exists(struct of the kernel, path)`: at load; bool.
    KernelFieldExists { path: Vec<FieldStep> },
    /// A kernel enumerator: at load, bpf_core_enum_value; the constant is the description's value.
    KernelEnumValue { enumeration: String, enumerator: String, value: i64 },
    /// `kptr`/`uptr`: only the type changes.
    SetSpace(Box<Expr>),
    /// A function of `import`ed BPF C.
    External { function: String, args: Vec<Expr> },
    /// `strcap`, `is_err` and other small ones that have a C function in the support header: called by name.
    Support { function: &'static str, args: Vec<Expr> },
    /// `comm(pid)`, resolved by walking tasks where possible.
    CommOf(Box<Expr>),
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
    /// `kaddr(name)`
    KernelAddress(LateText),
    /// `uaddr(name)` in the binary of the probe's target.
    UserAddress { path: LateText, symbol: LateText },
    /// Index of the probe of that name among the expanded ones, where `probe` is compared with a literal.
    ProbeIndex(String),
    /// `cgroupid(path)`
    CgroupId(LateText),
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

/// What user space does when an event arrives.
#[derive(Clone, Debug)]
pub struct Action {
    /// What to do.
    pub kind: ActionKind,
    /// Types of the values that the event carries, in order.
    pub fields: Vec<Type>,
    /// Place of the call, for error messages and generated names.
    pub span: Span,
    /// Macro expansion trail, innermost first.
    pub trail: Vec<Span>,
}

/// What user space does.
#[derive(Clone, Debug)]
pub enum ActionKind {
    /// `printf`
    Printf(Format),
    /// `errorf`
    Errorf(Format),
    /// `warnf`
    Warnf(Format),
    /// `cat`
    Cat(Format),
    /// `system`
    System(Format),
    /// `print(value)`: one field.
    PrintValue,
    /// `print(@m, top, div)`: fields are top and div where given (else 0), u64 each.
    PrintMap { map: MapId },
    /// `print(@m[k])`: fields are the key and (not for aggregates) the value.
    PrintElement { map: MapId },
    /// `clear(@m)`
    Clear(MapId),
    /// `zero(@m)`
    Zero(MapId),
    /// `time(fmt)`
    Time(String),
    /// `join(…, sep)`
    Join { separator: String },
    /// `unwatch(addr)`: one field.
    Unwatch,
    /// `skboutput(path, …)`
    SkbOutput { path: String },
}

/// A format, parsed.
#[derive(Clone, Debug, PartialEq)]
pub struct Format {
    /// As written, escapes resolved.
    pub text: Vec<u8>,
    /// Literal text and conversions, in order.
    pub pieces: Vec<FormatPiece>,
}

/// A piece of a format.
#[derive(Clone, Debug, PartialEq)]
pub enum FormatPiece {
    /// Literal text, `%%` resolved.
    Text(Vec<u8>),
    /// A conversion; takes the next field.
    Conversion(Conversion),
}

/// `%-16.8lld`
#[derive(Clone, Debug, Default, PartialEq)]
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
    /// `'`
    pub grouping: bool,
    /// Minimum width.
    pub width: Option<u32>,
    /// `*`: the width is the next field.
    pub width_from_field: bool,
    /// `.n`
    pub precision: Option<u32>,
    /// `hh`, `h`, `l`, `ll`, `j`, `z`, `t` or empty.
    pub length: String,
    /// `d i u x X o c s p r`, and `R` for `rx`, `H` for `rh`.
    pub conversion: char,
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
