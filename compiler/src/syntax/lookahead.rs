//! Tells types from values where one token ahead is not enough: a cast from an expression in parentheses, an argument
//! that is a type from one that is a value.

use super::token::{Spanned, Token};

/// Words that are types wherever one may stand.
const TYPE_NAMES: [&str; 11] =
    ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "string", "bool", "void"];

/// Words that begin or continue the integer types of C.
const C_WORDS: [&str; 6] = ["unsigned", "signed", "long", "short", "int", "char"];

/// Builtins: in `(pid) - 1` a value, where `(size_t)-1` is a cast.
const VALUES: [&str; 30] = [
    "args",
    "cgroup",
    "comm",
    "cpid",
    "cpu",
    "ctx",
    "curtask",
    "elapsed",
    "func",
    "gid",
    "jiffies",
    "kstack",
    "ncpus",
    "nsecs",
    "numaid",
    "pcomm",
    "pid",
    "ppid",
    "probe",
    "rand",
    "retval",
    "tid",
    "uid",
    "usermode",
    "username",
    "ustack",
    "stack",
    "name",
    "leader_comm",
    "usermode",
];

/// Marks casts and type arguments.
pub fn mark_types(tokens: &mut Vec<Spanned>) {
    let mut marks = Vec::new();
    for at in 0..tokens.len() {
        match tokens[at].1 {
            Token::LParen if is_cast(tokens, at) => tokens[at].1 = Token::CastOpen,
            Token::LParen | Token::Comma if is_type_argument(tokens, at) => marks.push(at + 1),
            _ => {}
        }
    }
    for at in marks.into_iter().rev() {
        let start = tokens[at].0;
        tokens.insert(at, (start, Token::TypeFollows, start));
    }
}

/// What a run of tokens could be.
#[derive(Clone, Copy, PartialEq)]
enum Reading {
    /// Only a type: `struct x *`, `uint32`, `foo *`.
    Type,
    /// A type or a value: `foo`, `foo[4]`.
    Either,
}

fn is_cast(tokens: &[Spanned], open: usize) -> bool {
    let called = open > 0 && matches!(tokens[open - 1].1, Token::Ident(_) | Token::Typeof);
    let Some((reading, end)) = scan_type(tokens, open + 1) else { return false };
    if called || !matches!(tokens.get(end), Some((_, Token::RParen, _))) {
        return false;
    }
    let Some((_, next, _)) = tokens.get(end + 1) else { return false };
    let value = matches!(&tokens[open + 1].1, Token::Ident(word) if is_value(word));
    match next {
        Token::Int(_) | Token::Duration(_) | Token::BadInt(_) | Token::Str(_) | Token::Ident(_) => true,
        Token::Var(_) | Token::Map(_) | Token::Param(_) | Token::ParamCount => true,
        Token::True | Token::False | Token::LParen | Token::Bang | Token::Tilde => true,
        Token::PlusPlus | Token::MinusMinus => {
            let operand = tokens.get(end + 2);
            reading == Reading::Type || matches!(operand, Some((_, Token::Var(_) | Token::Map(_), _)))
        }
        Token::Minus | Token::Star => reading == Reading::Type || !value,
        Token::Amp => {
            let operand = tokens.get(end + 2);
            let address = matches!(operand, Some((_, Token::Var(_) | Token::Map(_), _)));
            reading == Reading::Type || (address && !value)
        }
        _ => false,
    }
}

fn is_type_argument(tokens: &[Spanned], before: usize) -> bool {
    if tokens[before].1 == Token::LParen
        && !(before > 0 && matches!(tokens[before - 1].1, Token::Ident(_) | Token::Typeof))
    {
        return false;
    }
    match scan_type(tokens, before + 1) {
        Some((Reading::Type, end)) => matches!(tokens.get(end), Some((_, Token::RParen | Token::Comma, _))),
        _ => false,
    }
}

/// Reads a type from `at`; returns what else it could be and where it ends.
fn scan_type(tokens: &[Spanned], at: usize) -> Option<(Reading, usize)> {
    let token = |at: usize| tokens.get(at).map(|(_, token, _)| token);
    let (mut reading, mut end) = match token(at)? {
        Token::Struct | Token::Union | Token::Enum if matches!(token(at + 1), Some(Token::Ident(_))) => {
            (Reading::Type, at + 2)
        }
        Token::Typeof if token(at + 1) == Some(&Token::LParen) => (Reading::Type, skip_parens(tokens, at + 1)?),
        Token::Ident(word) if TYPE_NAMES.contains(&word.as_str()) => (Reading::Type, at + 1),
        Token::Ident(word) if C_WORDS.contains(&word.as_str()) => {
            let is_word =
                |token: Option<&Token>| matches!(token, Some(Token::Ident(w)) if C_WORDS.contains(&w.as_str()));
            (Reading::Type, (at + 1..).find(|at| !is_word(token(*at)))?)
        }
        Token::Ident(_) => (Reading::Either, at + 1),
        _ => return None,
    };
    loop {
        match token(end) {
            Some(Token::Star) => {
                reading = Reading::Type;
                end += 1;
            }
            Some(Token::LBracket) => {
                end = match (token(end + 1), token(end + 2)) {
                    (Some(Token::RBracket), _) => {
                        reading = Reading::Type;
                        end + 2
                    }
                    (Some(Token::Int(_) | Token::Param(_)), Some(Token::RBracket)) => end + 3,
                    _ => return None,
                }
            }
            _ => return Some((reading, end)),
        }
    }
}

fn skip_parens(tokens: &[Spanned], open: usize) -> Option<usize> {
    let mut depth = 0usize;
    for (at, (_, token, _)) in tokens.iter().enumerate().skip(open) {
        match token {
            // An inner cast may be marked already.
            Token::LParen | Token::CastOpen => depth += 1,
            Token::RParen if depth == 1 => return Some(at + 1),
            Token::RParen => depth -= 1,
            _ => {}
        }
    }
    None
}

fn is_value(word: &str) -> bool {
    let numbered = word.strip_prefix("sarg").or_else(|| word.strip_prefix("arg"));
    let numbered = numbered.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    numbered || word.starts_with("__builtin_") || VALUES.contains(&word)
}
