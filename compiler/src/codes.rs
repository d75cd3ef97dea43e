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
/// Nested deeper than a tree can be walked.
pub const TOO_DEEP: Code = Code("E0107");

/// A comment that does not end.
pub const W_OPEN_COMMENT: Code = Code("W0101");

// ---- Imports and macros ----

/// An import that cannot be found or read.
pub const IMPORT_NOT_FOUND: Code = Code("E0201");
/// An import of a kind that cannot be imported.
pub const IMPORT_KIND: Code = Code("E0202");
/// Two macros with one name and as many parameters, or two parameters with one name.
pub const MACRO_REDEFINED: Code = Code("E0203");
/// Arguments that fit no definition of a macro.
pub const MACRO_ARGUMENTS: Code = Code("E0204");
/// A macro that uses itself, or expands without end.
pub const MACRO_RECURSION: Code = Code("E0205");
/// A map that a macro uses without having been passed it.
pub const MACRO_HYGIENE: Code = Code("E0206");
/// A statement that macros cannot have: `return`, a declaration that shadows a parameter.
pub const MACRO_BODY: Code = Code("E0207");

// ---- Names and types, calls, probes, limits ----

/// A name that nothing answers to.
pub const UNKNOWN_NAME: Code = Code("E0301");
/// A variable that was never assigned.
pub const UNDEFINED_VARIABLE: Code = Code("E0302");
/// A map that was never assigned.
pub const UNDEFINED_MAP: Code = Code("E0303");
/// A value of another type than its place holds.
pub const TYPE_MISMATCH: Code = Code("E0304");
/// A struct without such a field.
pub const UNKNOWN_FIELD: Code = Code("E0305");
/// A type that is not known.
pub const UNKNOWN_TYPE: Code = Code("E0306");
/// A keyed map used as a scalar, or the other way round.
pub const MAP_SHAPE: Code = Code("E0307");
/// An operator that does not take such operands.
pub const OPERAND: Code = Code("E0308");
/// A cast that cannot be done.
pub const BAD_CAST: Code = Code("E0309");
/// A variable declared twice.
pub const REDECLARED: Code = Code("E0310");
/// An index outside its array or tuple.
pub const OUT_OF_BOUNDS: Code = Code("E0311");
/// A value that must be known while compiling, and is not.
pub const NOT_CONSTANT: Code = Code("E0312");
/// A literal that fits in no integer type, or an overflow in constants.
pub const BAD_LITERAL: Code = Code("E0313");
/// `break`, `continue` outside a loop, and such.
pub const MISPLACED: Code = Code("E0314");
/// C definitions that clang refuses.
pub const C_DEFINITIONS: Code = Code("E0315");
/// A setting of the `config` block.
pub const BAD_CONFIG: Code = Code("E0316");
/// A value that only goes straight into a map.
pub const AGGREGATE_MISUSE: Code = Code("E0317");

/// A function that does not exist.
pub const UNKNOWN_FUNCTION: Code = Code("E0401");
/// Too few or too many arguments.
pub const ARGUMENT_COUNT: Code = Code("E0402");
/// An argument of the wrong kind.
pub const ARGUMENT_TYPE: Code = Code("E0403");
/// A format string and its arguments.
pub const FORMAT: Code = Code("E0404");
/// A builtin that this probe type does not have.
pub const WRONG_PROBE: Code = Code("E0405");
/// `fail()` or `static_assert()` of the script.
pub const SCRIPT_FAILS: Code = Code("E0406");

/// A provider that does not exist.
pub const UNKNOWN_PROVIDER: Code = Code("E0501");
/// An attach point with too few or too many parts.
pub const PROBE_PARTS: Code = Code("E0502");
/// A part of an attach point that makes no sense.
pub const PROBE_PART: Code = Code("E0503");
/// An attach point that matches nothing.
pub const PROBE_MISSING: Code = Code("E0504");

/// An unsafe function without leave.
pub const UNSAFE: Code = Code("E0601");
/// More than bpftrace takes.
pub const LIMIT: Code = Code("E0602");
/// A feature that the script's config forbids.
pub const UNSTABLE: Code = Code("E0603");

/// A value is computed and thrown away.
pub const W_DISCARDED: Code = Code("W0301");
/// Code that is never reached.
pub const W_UNREACHABLE: Code = Code("W0302");
/// A variable or map that is not used.
pub const W_UNUSED: Code = Code("W0303");
/// A cast that changes nothing.
pub const W_CAST: Code = Code("W0304");
/// A sign that gets lost.
pub const W_SIGN: Code = Code("W0305");
/// A string cut off.
pub const W_TRUNCATED: Code = Code("W0306");
/// A variable read before it is assigned.
pub const W_UNASSIGNED: Code = Code("W0307");
/// A form that goes out of use.
pub const W_DEPRECATED: Code = Code("W0308");
/// A feature that may change.
pub const W_UNSTABLE: Code = Code("W0309");
/// Division that may surprise.
pub const W_DIVISION: Code = Code("W0310");
/// A probe that matches nothing.
pub const W_PROBE_MISSING: Code = Code("W0501");
