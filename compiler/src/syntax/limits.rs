//! Bounds on nesting, so that walking a tree cannot exhaust the stack.

use super::errors::syntax_error;
use super::token::{Spanned, Token};
use crate::codes;
use crate::diagnostics::Diagnostic;
use crate::source::{FileId, Span};

/// Brackets in brackets.
const NESTING: usize = 100;

/// Operators in one expression, `else if` in one chain.
const OPERATORS: usize = 1000;

/// What is wrong with an item whose tree would be too deep.
pub fn check(tokens: &[Spanned], file: FileId) -> Option<Diagnostic> {
    let (mut nesting, mut operators, mut chain) = (0usize, 0usize, 0usize);
    for (start, token, end) in tokens {
        match token {
            Token::LParen | Token::LBracket | Token::LBrace => nesting += 1,
            Token::RParen | Token::RBracket | Token::RBrace => nesting = nesting.saturating_sub(1),
            _ => {}
        }
        match token {
            Token::Semi | Token::LBrace | Token::RBrace | Token::Comma => operators = 0,
            Token::Else => chain += 1,
            Token::Int(_) | Token::Str(_) | Token::Ident(_) | Token::Var(_) | Token::Map(_) => {}
            _ => operators += 1,
        }
        if *token == Token::Semi {
            chain = 0;
        }
        let what = if nesting > NESTING {
            "brackets nested"
        } else if operators > OPERATORS {
            "expression nested"
        } else if chain > OPERATORS {
            "`else if` chained"
        } else {
            continue;
        };
        let span = Span::new(file, *start, *end);
        return Some(syntax_error(codes::TOO_DEEP, span, format!("{what} too deeply")));
    }
    None
}
