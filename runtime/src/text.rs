//! Text and numbers with positional parameters in them.

use crate::error::{Error, Result};
use crate::tool::{Number, TextPiece};

/// Puts positional parameters into a text; missing ones are empty.
pub fn resolve(text: &[TextPiece], params: &[String]) -> String {
    let piece = |piece: &TextPiece| match piece {
        TextPiece::Lit(text) => (*text).to_owned(),
        TextPiece::Param(n) => param(params, *n).unwrap_or_default().to_owned(),
        TextPiece::Option(_) => String::new(),
    };
    text.iter().map(piece).collect()
}

/// `$n`, if it was given.
pub fn param(params: &[String], n: u32) -> Option<&str> {
    params.get((n as usize).checked_sub(1)?).map(String::as_str)
}

/// `$n` as it is printed, and whether it is a number; a missing one is 0.
pub fn param_any(params: &[String], n: u32) -> (String, bool) {
    let given = param(params, n).filter(|given| !given.is_empty()).unwrap_or("0");
    match crate::args::parse_number(given) {
        Some(number) if given.trim_start().starts_with('-') => (number.to_string(), true),
        Some(number) => ((number as u64).to_string(), true),
        None => (given.to_owned(), false),
    }
}

/// A number, by positional parameter where it is one; a missing one is 0.
///
/// # Errors
/// When the parameter is not a number.
pub fn number(number: Number, params: &[String]) -> Result<i64> {
    match number {
        Number::Const(value) => Ok(value),
        Number::Param(n) => param_number(params, n),
        Number::Option(_) => Ok(0),
    }
}

/// `$n` as a number; a missing one is 0.
///
/// # Errors
/// When it is not a number.
pub fn param_number(params: &[String], n: u32) -> Result<i64> {
    match param(params, n) {
        None | Some("") => Ok(0),
        Some(text) => crate::args::parse_number(text).ok_or_else(|| {
            Error::refused(format!("$%{n} used numerically but given \"{text}\"").replace("$%", "$"))
                .hint("Try using str($1) to treat it as a string.".replace("$1", &format!("${n}")))
        }),
    }
}
