//! What a generated program says of itself: constant tables that `main.rs` fills in and the runtime acts upon.
//!
//! Everything here is `'static` data, built at compile time by the emitter. Layout facts (offsets, sizes) describe C
//! structs of the BPF object; generated code asserts each against the skeleton's type of that name.

mod action;
mod attach;
pub mod parts;
mod value;

pub use action::{Action, ActionKind, Conversion, FormatPiece};
pub use attach::{AttachPoint, LateRole, Number, Period, Program, ProgramKind, Target, Text, TextPiece};
pub use parts::Parts;
pub use value::{Map, Member, SeriesAggregate, StackMode, Storage, Ty, Value};

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
    /// Parts of the runtime that not every tool needs.
    pub parts: Parts,
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
    /// `$n` as how often `unroll` repeats its body: 1 to 100; 0: `$#`.
    Repetitions(u32),
    /// Address of a kernel symbol; 0 where it is missing and the script asks whether it is there.
    KernelAddress(Text),
    /// Whether the kernel shows a symbol.
    HasKernelSymbol(Text),
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
    /// How many values the parameter asks for that names the probe.
    SpecCount(u32),
    /// Number of possible CPUs.
    CpuCount,
    /// Process id of the `-c` command.
    ChildPid,
    /// Whether there is one.
    HasChildPid,
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

/// Message of a check: no room for another element.
pub const FULL_MAP: &str = "Map full; can't update element. Try increasing max_map_keys config or manually setting the \
    max entries in a map declaration e.g. `let @a = hash(5000)`";
/// Message of a check: the key is not there.
pub const MISSING_ELEMENT: &str = "Can't lookup map element because it does not exist.";

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
    pub max_bpf_progs: u32,
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
