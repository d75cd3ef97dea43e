//! What an event asks for.

use super::Member;

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
    /// Takes six numbers and then texts, and shows them by the format of the parameter that names the probe.
    Spec {
        /// How many texts.
        texts: u32,
    },
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
    /// `.n`; -1 for none.
    pub precision: i32,
    /// Bytes that the length modifier asks for: 1, 2, 4, 8.
    pub length: u8,
    /// `d i u x X o c s p r`, `R` for `rx`, `H` for `rh`, `g` for `gr`.
    pub conversion: u8,
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
