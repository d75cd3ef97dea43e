//! Stable codes of diagnostics: `E01xx` syntax, `E02xx` expansion, `E03xx` names and types, `E04xx` calls,
//! `E05xx` probes, `E06xx` limits and safety; `W` likewise.

use crate::diagnostics::Code;

// ---- Syntax ----

/// What stands there does not fit the grammar.
pub const SYNTAX: Code = Code("E0101");
/// A malformed number.
pub const BAD_NUMBER: Code = Code("E0102");
/// A malformed string: unterminated, unknown escape.
pub const BAD_STRING: Code = Code("E0103");
/// An assignment to what cannot be assigned to.
pub const BAD_TARGET: Code = Code("E0104");
/// An operand that `++`, `--` or `&` does not take.
pub const BAD_OPERAND: Code = Code("E0105");
/// An item at the wrong place of the script, or given twice.
pub const MISPLACED_ITEM: Code = Code("E0106");
