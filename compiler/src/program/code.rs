//! Statements and expressions of a program.

use super::{ActionId, BinaryOp, LocalId, MapId, SettingId, StringId};
use crate::source::Span;
use crate::types::{Clock, StackType, StructName, Type};

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
    /// `delete(@m, k)`: bool. A scalar map has no key.
    MapDelete { map: MapId, key: Option<Box<Expr>> },
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
    /// `globmatch(text, pattern)`: bool.
    GlobMatch { text: Box<Expr>, pattern: Box<Expr> },
    /// Strings put together; `ty` is a string.
    StrConcat(Box<Expr>, Box<Expr>),
    /// What a `strerror()`, `signal_name()` or `syscall_name()` number is called; `ty` is a string.
    NameText(Box<Expr>),
    /// What `stats()` keeps in a map: a record of three 64-bit numbers.
    Stats { map: MapId, key: Option<Box<Expr>> },
    /// `write_user(pointer, source, length)`: bool.
    WriteUser { pointer: Box<Expr>, source: Box<Expr>, length: Box<Expr> },
    /// `memcmp(a, b, n)`: int64/int32.
    MemCmp { left: Box<Expr>, right: Box<Expr>, n: Box<Expr> },
    /// `path(struct path *, size)`: bpf_d_path; a string.
    Path { pointer: Box<Expr>, size: Option<u32> },
    /// `percpu_kaddr("sym", cpu)`: pointer; the symbol is a ksym of the object. `address` is what kallsyms says of it.
    PerCpuKaddr { symbol: String, address: SettingId, cpu: Option<Box<Expr>> },
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
    /// What the parameter that names the probe says: from arguments or result. Bool or int64.
    Spec { part: SpecPart, inputs: Vec<Expr> },
    /// `comm(pid)`, resolved by walking tasks where possible.
    CommOf(Box<Expr>),
}

/// A part of what a parameter says besides its probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpecPart {
    /// The filter: bool.
    Holds,
    /// A value: int64.
    Number(u32),
    /// Whether a value is the address of a string: bool, known at load.
    IsText(u32),
    /// Keeps inputs and time for the return; bool.
    Enter,
}
