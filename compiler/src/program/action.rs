//! What user space does on behalf of probes.

use super::MapId;
use crate::source::Span;
use crate::types::Type;

/// What user space does when an event arrives.
#[derive(Clone, Debug, PartialEq)]
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
#[derive(Clone, Debug, PartialEq)]
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
    /// `%s` of `spec_values()`: takes the numbers and then the texts of the values.
    Spec { texts: u32 },
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
    /// `.n`
    pub precision: Option<u32>,
    /// `hh`, `h`, `l`, `ll`, `j`, `z`, `t` or empty.
    pub length: String,
    /// `d i u x X o c s p r`, and `R` for `rx`, `H` for `rh`.
    pub conversion: char,
}
