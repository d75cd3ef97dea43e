//! What the parser could not use → diagnostics: `expected ';'`.

use std::fmt::Display;

use lalrpop_util::ParseError;

use super::token::{Spanned, Token};
use crate::codes;
use crate::diagnostics::{Code, Diagnostic};
use crate::source::{FileId, Span};

/// What a rule waits for, most telling first: where several tokens would do, the first of these is named.
const CLOSERS: [&str; 18] = [
    "CAST_OPEN",
    "\";\"",
    "\")\"",
    "\"]\"",
    "PRED_CLOSE",
    "\":\"",
    "\"{\"",
    "\"=\"",
    "\"(\"",
    "\"}\"",
    "\"..\"",
    "ATTACH",
    "STR",
    "VAR",
    "MAP",
    "INT",
    "IDENT",
    "\",\"",
];

/// A syntax error as a diagnostic. `tokens` are those of the item, `end` is where the item ends.
pub fn unexpected(error: &ParseError<usize, Token, ()>, tokens: &[Spanned], file: FileId, end: usize) -> Diagnostic {
    let (found, span, expected) = match error {
        ParseError::UnrecognizedToken { token: (start, token, stop), expected } => {
            // Words are underlined whole, of the rest the first character.
            let stop =
                if is_word(token) || matches!(token, Token::Unknown(_)) { *stop } else { (*stop).min(*start + 1) };
            (Some(token), Span::new(file, *start, stop), expected.as_slice())
        }
        ParseError::ExtraToken { token: (start, token, stop) } => {
            (Some(token), Span::new(file, *start, *stop), &[][..])
        }
        ParseError::UnrecognizedEof { expected, .. } => (None, Span::new(file, end, end), expected.as_slice()),
        ParseError::InvalidToken { location } => (None, Span::new(file, *location, *location), &[][..]),
        ParseError::User { .. } => (None, Span::new(file, end, end), &[][..]),
    };
    let at = tokens.iter().position(|(start, ..)| *start == span.start as usize).unwrap_or(tokens.len());
    let previous = at.checked_sub(1).map(|at| &tokens[at].1);
    // `for ($i : $x) {`: that no `..` comes is only seen behind the parenthesis.
    let span = match tokens.get(at + 1) {
        Some((start, _, stop)) if found == Some(&Token::RParen) && expected.iter().any(|e| e == "\"..\"") => {
            Span::new(file, *start, *stop)
        }
        _ => span,
    };
    if let Some(Token::Unknown(c)) = found
        && !matches!(c, '}' | ')' | ';' | '\'')
    {
        return syntax_error(codes::SYNTAX, span, format!("unexpected character '{c}'"));
    }
    let message = expectation(expected, &tokens[..at], found);
    let error = syntax_error(codes::SYNTAX, span, message);
    match hint(expected, previous, found, &tokens[..at]) {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// An error that says that it is one of syntax.
pub fn syntax_error(code: Code, span: Span, message: impl Display) -> Diagnostic {
    Diagnostic::error(code, span, format!("syntax: {message}"))
}

fn expectation(expected: &[String], before: &[Spanned], found: Option<&Token>) -> String {
    let may = |name: &str| expected.iter().any(|e| e == name);
    let back = |steps: usize| before.len().checked_sub(steps).map(|at| &before[at].1);
    let item = before.first().map(|(_, token, _)| token);
    match back(1) {
        Some(Token::Let) if may("MAP") => {
            return "root-level let statements need to be map declarations, e.g. let @a = hash(2);".into();
        }
        Some(Token::LParen) if item == Some(&Token::Let) && may("INT") => {
            return "expected positive integer for map declaration max entries".into();
        }
        Some(Token::LParen) if back(2) == Some(&Token::For) => return "expected variable in for loop".into(),
        Some(Token::LParen) if item == Some(&Token::Fn) && may("VAR") => {
            return "expected variable in function argument".into();
        }
        Some(Token::Assign) if item == Some(&Token::Let) && may("IDENT") && !may("VAR") => {
            return "expected map type name".into();
        }
        Some(Token::Macro) => return "expected macro name".into(),
        Some(Token::Fn) => return "expected function name".into(),
        Some(Token::LBrace) if item == Some(&Token::Config) => return "expected config key".into(),
        Some(Token::Import) => return "expected string after 'import'".into(),
        Some(Token::Str(_)) if may("\";\"") && !may("\"+\"") && !may("\"}\"") => {
            return "expected ';' after import".into();
        }
        Some(Token::Let) if may("VAR") => return "expected variable after 'let'".into(),
        Some(Token::Else) => return "expected '{' or 'if' after 'else'".into(),
        Some(Token::Arrow) => return "expected field name after '->'".into(),
        Some(Token::Dot) => return "expected field name or tuple index after '.'".into(),
        Some(Token::For) => return "expected variable in for loop".into(),
        _ => {}
    }
    let ended = matches!(back(1), Some(Token::Semi | Token::LBrace | Token::RBrace));
    if found.is_none() && may("\"}\"") && (ended || !may("\";\"")) {
        return "expected '}'".into();
    }
    if may("\"..\"") {
        return "expected map or range in for loop".into();
    }
    // What can begin an expression.
    if may("CAST_OPEN") || may("PARAM") {
        return "expected expression".into();
    }
    if may("VAR") && may("MAP") && may("IDENT") {
        return "expected macro argument ($var, @map, or identifier)".into();
    }
    if may("STR") && may("INT") {
        return "expected string, int, boolean, or ident".into();
    }
    if may("\"typeof\"") {
        return "expected type name".into();
    }
    if may("PRED_CLOSE") {
        return "expected '/' to close predicate".into();
    }
    // Before a list's next element.
    let next = CLOSERS.iter().find(|closer| may(closer));
    match next {
        Some(&"ATTACH") => "expected attach point".into(),
        Some(&"STR") => "expected string".into(),
        Some(&"VAR") => "expected variable".into(),
        Some(&"MAP") => "expected map".into(),
        Some(&"INT") => "expected positive integer".into(),
        Some(&"IDENT") => "expected identifier".into(),
        Some(token) => format!("expected {}", token.replace('"', "'")),
        None => "unexpected input".into(),
    }
}

fn hint(expected: &[String], previous: Option<&Token>, found: Option<&Token>, before: &[Spanned]) -> Option<String> {
    let may = |name: &str| expected.iter().any(|e| e == name);
    let found = found?;
    if may("\"{\"") && is_infix(found) {
        let keyword = before.iter().rev().find_map(|(_, token, _)| match token {
            Token::If => Some("if"),
            Token::While => Some("while"),
            Token::Unroll => Some("unroll"),
            _ => None,
        });
        if let Some(keyword) = keyword {
            return Some(format!("put the whole condition in parentheses: `{keyword} (a == b) {{ … }}`"));
        }
    }
    match (previous, found) {
        (Some(Token::Ident(_)), Token::Assign) if may("\";\"") => {
            Some("variables start with `$` and maps with `@`".to_string())
        }
        (_, Token::Assign) if may("\";\"") => Some("an assignment is a statement of its own".to_string()),
        (Some(Token::RBrace), Token::Semi) => None,
        (_, Token::Unknown('\'')) => Some("strings are put in double quotes".to_string()),
        (_, Token::Else) => Some("`else` belongs right after the closing brace of an `if`".to_string()),
        (_, Token::AttachPoint(point)) if may("\"{\"") => {
            Some(format!("attach points are separated by commas; is `{}` part of the one before?", point.text))
        }
        _ => None,
    }
}

fn is_word(token: &Token) -> bool {
    !matches!(token, Token::Str(_) | Token::PlusPlus | Token::MinusMinus | Token::Unknown(_))
        && !is_infix(token)
        && !matches!(token, Token::Assign | Token::DotDot | Token::Arrow)
}

fn is_infix(token: &Token) -> bool {
    use Token::*;
    matches!(
        token,
        Plus | Minus
            | Star
            | Slash
            | Percent
            | Amp
            | Pipe
            | Caret
            | AndAnd
            | OrOr
            | EqEq
            | NotEq
            | Less
            | LessEq
            | Greater
            | GreaterEq
            | Shl
            | Shr
            | Question
    )
}
