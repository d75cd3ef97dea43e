//! Where programs attach.

use super::TextPiece;
use crate::source::Span;

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
    /// The function of the trampoline program `of`, by kprobe: where the kernel has no trampoline for it.
    StandIn { of: String, module: Option<LateText>, function: LateText },
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
    Watchpoint { address: LateText, length: u32, read: bool, write: bool, execute: bool },
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

/// How often: a rate or nanoseconds.
#[derive(Clone, Debug, PartialEq)]
pub enum Period {
    /// Times a second.
    Hertz(LateNumber),
    /// `unit` nanoseconds times the number.
    Every { count: LateNumber, unit: u64 },
}

/// A number known now, a positional parameter or an option.
#[derive(Clone, Debug, PartialEq)]
pub enum LateNumber {
    /// Known.
    Const(u64),
    /// `$n`
    Param(u32),
    /// `$name`, an extension: the option of that name.
    Option(String),
}
