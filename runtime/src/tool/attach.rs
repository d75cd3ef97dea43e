//! BPF programs, and where they attach.

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
    /// The function of the trampoline program `of`, by kprobe: where the kernel has no trampoline for it.
    StandIn {
        of: &'static str,
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
    /// The value of the option of that name; only in [`Period`].
    Option(&'static str),
}
