//! [`Program`] → BPF C.

use crate::program::Program;

/// The C and what the Rust emitter has to know of it: layouts and names are decided here, once.
#[derive(Clone, Debug, Default)]
pub struct EmittedC {
    /// `<name>.bpf.c`
    pub text: String,
    /// Support headers it includes.
    pub headers: Vec<(String, String)>,
    /// For each of the program's maps: how it is kept in BPF.
    pub maps: Vec<EmittedMap>,
    /// For each of the program's actions: the record.
    pub actions: Vec<EmittedAction>,
    /// Checked helper calls, by index.
    pub checks: Vec<EmittedCheck>,
    /// Loss counters, by index: what, hint.
    pub losses: Vec<(String, String)>,
    /// Stack maps in use: limits.
    pub stack_limits: Vec<u16>,
}

/// How a map is kept.
#[derive(Clone, Debug)]
pub struct EmittedMap {
    /// Name in C.
    pub bpf_name: String,
    /// Array (scalar) rather than hash.
    pub array: bool,
    /// Values per CPU.
    pub per_cpu: bool,
    /// Offset of `set` behind a scalar's value.
    pub set_offset: Option<u32>,
    /// Bytes of the script's key in the BPF key.
    pub key_size: u32,
}

/// The record of an action.
#[derive(Clone, Debug)]
pub struct EmittedAction {
    /// C struct of the fixed part: `struct printf_open`; its name without `struct`.
    pub struct_name: String,
    /// Bytes of the fixed part, header included.
    pub size: u32,
    /// Offset of each field, and whether it travels in the tail.
    pub fields: Vec<EmittedField>,
}

/// A field of a record.
#[derive(Clone, Debug)]
pub struct EmittedField {
    /// C member name.
    pub name: String,
    /// Bytes from the start of the record.
    pub offset: u32,
    /// A `__u32` length stands here, the bytes follow the fixed part.
    pub tail: bool,
}

/// A checked helper call.
#[derive(Clone, Debug)]
pub struct EmittedCheck {
    /// `probe_read_user`, or empty where `message` says it all.
    pub helper: String,
    /// Whole message for bounds, division and map-full warnings; empty for helpers.
    pub message: String,
    /// Told always, not only with `-k`.
    pub always: bool,
    /// Place.
    pub span: crate::source::Span,
}

/// Writes the BPF C of a program.
pub fn emit(_program: &Program) -> EmittedC {
    EmittedC::default()
}
