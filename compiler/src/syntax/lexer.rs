//! Text → tokens, one list for each top-level item.
//!
//! Three modes: between items (C definitions, attach points), in a predicate (where a `/` may close it) and in bodies.

use super::attach_point;
use super::c_definition;
use super::errors::syntax_error;
use super::literal;
use super::token::{Spanned, Token};
use crate::codes;
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::source::{FileId, Span};

/// The tokens of a script.
#[derive(Debug, Default)]
pub struct Lexed {
    /// The comment at the top, without comment marks.
    pub header: String,
    /// One list for each item.
    pub items: Vec<Vec<Spanned>>,
}

/// Splits a script into tokens. Malformed literals go to `diagnostics`; the tokens stand for what was meant.
pub fn lex(text: &str, file: FileId, diagnostics: &mut Diagnostics) -> Lexed {
    let mut lexer = Lexer { text, bytes: text.as_bytes(), at: 0, file, diagnostics, tokens: Vec::new() };
    let mut lexed = Lexed { header: lexer.header(), items: Vec::new() };
    loop {
        lexer.skip_blanks();
        if lexer.at >= lexer.bytes.len() {
            return lexed;
        }
        lexer.item();
        lexed.items.push(std::mem::take(&mut lexer.tokens));
    }
}

struct Lexer<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    file: FileId,
    diagnostics: &'a mut Diagnostics,
    tokens: Vec<Spanned>,
}

impl Lexer<'_> {
    // ---- Between items ----

    /// Skips a shebang; reads the comment that follows.
    fn header(&mut self) -> String {
        let shebang = self.bytes.len() - self.text.trim_start().len();
        if self.text[shebang..].starts_with("#!") {
            self.at = self.line_end(shebang);
        }
        let mut lines: Vec<String> = Vec::new();
        let mut rest = self.text[self.at..].trim_start();
        if let Some(comment) = rest.strip_prefix("/*") {
            let comment = comment.split_once("*/").map_or(comment, |(inside, _)| inside);
            let strip = |line: &str| {
                let line = line.trim_start();
                let line = line.strip_prefix('*').unwrap_or(line);
                line.strip_prefix(' ').unwrap_or(line).trim_end().to_string()
            };
            lines.extend(comment.lines().map(strip));
        } else {
            while let Some(line) = rest.strip_prefix("//") {
                let (line, after) = line.split_once('\n').unwrap_or((line, ""));
                lines.push(line.strip_prefix(' ').unwrap_or(line).trim_end().to_string());
                rest = after;
            }
        }
        lines.join("\n").trim_matches('\n').to_string()
    }

    /// Reads one item: at a byte that is neither blank nor a comment.
    fn item(&mut self) {
        if self.bytes[self.at] == b'#' {
            return self.c_definition();
        }
        let word = self.word_at(self.at);
        let (word, end) = (&self.text[self.at..word], word);
        match word {
            "struct" | "union" | "enum" | "typedef" if c_definition::starts(&self.text[end..]) => self.c_definition(),
            "config" => self.keyword_item(end, Token::Config, false),
            "import" => self.keyword_item(end, Token::Import, true),
            "let" => self.map_declaration(end),
            "macro" => self.keyword_item(end, Token::Macro, false),
            "fn" if self.name_follows(end) => self.keyword_item(end, Token::Fn, false),
            _ => self.probe(),
        }
    }

    fn c_definition(&mut self) {
        let start = self.at;
        self.at = start + c_definition::length(&self.text[start..]);
        let mut text = self.text[start..self.at].trim_end().to_string();
        let end = start + text.len();
        if !text.starts_with('#') && !text.ends_with(';') {
            text.push(';');
        }
        self.tokens.push((start, Token::CDefinition(text), end));
    }

    /// An item that a keyword begins, up to its closing brace or (`by_semi`) its semicolon.
    fn keyword_item(&mut self, end: usize, keyword: Token, by_semi: bool) {
        self.tokens.push((self.at, keyword, end));
        self.at = end;
        self.body(by_semi);
    }

    /// `let @m = hash(10);`, the semicolon being optional.
    fn map_declaration(&mut self, end: usize) {
        self.tokens.push((self.at, Token::Let, end));
        self.at = end;
        loop {
            self.skip_blanks();
            if self.at >= self.bytes.len() || matches!(self.bytes[self.at], b'{' | b'}') {
                return;
            }
            self.token();
            match self.tokens.last() {
                Some((_, Token::Semi, _)) => return,
                Some((_, Token::RParen, _)) => {
                    self.skip_blanks();
                    if self.bytes.get(self.at) == Some(&b';') {
                        self.token();
                    }
                    return;
                }
                _ => {}
            }
        }
    }

    /// Attach points, a predicate, a body.
    fn probe(&mut self) {
        loop {
            self.skip_blanks();
            match self.bytes.get(self.at) {
                None => return,
                Some(b'{') => return self.body(false),
                Some(b',') => self.push(Token::Comma, 1),
                Some(b'/') if !self.tokens.is_empty() => {
                    self.push(Token::PredicateOpen, 1);
                    self.predicate();
                    self.skip_blanks();
                    return self.body(false);
                }
                Some(_) => self.attach_point(),
            }
        }
    }

    fn attach_point(&mut self) {
        let (start, rest) = (self.at, &self.text[self.at..]);
        let name = if self.tokens.is_empty() { attach_point::name_length(rest) } else { None };
        if let Some(length) = name {
            self.push(Token::ProbeName(rest[..length].to_string()), length);
            self.at += 1;
            return;
        }
        let length = attach_point::length(rest);
        let point = attach_point::parse(&rest[..length], Span::new(self.file, start, start + length));
        self.push(Token::AttachPoint(Box::new(point)), length);
    }

    // ---- Predicates and bodies ----

    /// Up to and with the `/` that stands before a `{`.
    fn predicate(&mut self) {
        let mut depth = 0usize;
        loop {
            self.skip_blanks();
            let Some(&byte) = self.bytes.get(self.at) else { return };
            match byte {
                b'/' if depth == 0 && self.brace_follows(self.at + 1) => return self.push(Token::PredicateClose, 1),
                // A `{` after an operand is no block expression: the predicate was not closed.
                b'{' if depth == 0 && self.after_operand() => return,
                b'(' | b'[' | b'{' => depth += 1,
                b')' | b']' | b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.token();
        }
    }

    /// Up to the brace that closes the first one, or (`by_semi`) a semicolon.
    fn body(&mut self, by_semi: bool) {
        let mut depth = 0usize;
        loop {
            self.skip_blanks();
            if self.at >= self.bytes.len() {
                return;
            }
            self.token();
            match self.tokens.last() {
                Some((_, Token::LBrace, _)) => depth += 1,
                Some((_, Token::RBrace, _)) if depth <= 1 => return,
                Some((_, Token::RBrace, _)) => depth -= 1,
                Some((_, Token::Semi, _)) if by_semi && depth == 0 => return,
                // An import without its semicolon must not swallow the script.
                Some((_, Token::Str(_), _)) if by_semi && self.tokens.len() == 2 => {
                    self.skip_blanks();
                    if self.bytes.get(self.at) != Some(&b';') {
                        if self.at < self.bytes.len() {
                            self.token();
                        }
                        return;
                    }
                }
                _ => {}
            }
        }
    }

    /// Reads one token: at a byte that is neither blank nor a comment.
    fn token(&mut self) {
        let start = self.at;
        let byte = self.bytes[start];
        match byte {
            b'0'..=b'9' => self.number(),
            b'"' => {
                let (value, length, errors) = literal::string(&self.text[start..]);
                for (from, to, message) in errors {
                    let span = Span::new(self.file, start + from, start + to);
                    let error = syntax_error(codes::BAD_STRING, span, message);
                    self.diagnostics.push(match from >= length {
                        // What ends too late is told where it should have ended: show where it begins, too.
                        true => error.with(Span::new(self.file, start, start + 1), "the string begins here"),
                        false => error,
                    });
                }
                self.push(Token::Str(value), length);
            }
            b'$' => self.dollar(),
            b'@' => {
                let digit = self.bytes.get(start + 1).is_some_and(u8::is_ascii_digit);
                let end = if digit { start + 1 } else { self.word_at(start + 1) };
                self.push(Token::Map(self.text[start + 1..end].to_string()), end - start);
            }
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => self.word(),
            _ => {
                let (token, length) = punctuation(&self.bytes[start..]).unwrap_or_else(|| {
                    // SANITY: `start` is a character's first byte, since every other token is ASCII or ends on a boundary.
                    let c = self.text[start..].chars().next().unwrap();
                    (Token::Unknown(c), c.len_utf8())
                });
                self.push(token, length);
            }
        }
    }

    fn number(&mut self) {
        let start = self.at;
        if matches!(self.tokens.last(), Some((_, Token::Dot, _))) {
            // `$t.0.1`: digits only.
            let digits = self.bytes[start..].iter().take_while(|b| b.is_ascii_digit()).count();
            let value = self.text[start..start + digits].parse().unwrap_or(u64::MAX);
            return self.push(Token::Int(value), digits);
        }
        let (token, length, error) = literal::number(&self.text[start..]);
        if let Some((from, to, message)) = error {
            let span = Span::new(self.file, start + from, start + to);
            self.diagnostics.push(syntax_error(codes::BAD_NUMBER, span, message));
        }
        self.push(token, length);
    }

    fn dollar(&mut self) {
        let start = self.at + 1;
        let end = match self.bytes.get(start) {
            Some(b'0'..=b'9') => start + self.bytes[start..].iter().take_while(|b| b.is_ascii_digit()).count(),
            _ => self.word_at(start),
        };
        let name = &self.text[start..end];
        let token = match self.bytes.get(start) {
            Some(b'#') => return self.push(Token::ParamCount, 2),
            Some(b'0'..=b'9') => match name.parse() {
                Ok(index) if index > 0 => Token::Param(index),
                _ => {
                    let message = format!("invalid positional parameter: ${name}");
                    let span = Span::new(self.file, self.at, end);
                    let error = syntax_error(codes::BAD_NUMBER, span, message);
                    self.diagnostics.push(error.hint("positional parameters count from 1: `$1`, `$2`, …"));
                    Token::Param(1)
                }
            },
            _ if name.is_empty() => {
                let span = Span::new(self.file, self.at, start);
                self.diagnostics.push(syntax_error(codes::SYNTAX, span, "expected identifier after '$'"));
                Token::Var("_".into())
            }
            _ => Token::Var(name.to_string()),
        };
        self.push(token, end - self.at);
    }

    fn word(&mut self) {
        let end = self.word_at(self.at);
        let word = &self.text[self.at..end];
        let token = match Token::keyword(word) {
            Some(keyword) if !self.is_name(&keyword, end) => keyword,
            _ if word == "_" && self.assignment_follows(end) => Token::Underscore,
            _ => Token::Ident(word.to_string()),
        };
        self.push(token, end - self.at);
    }

    /// Whether a keyword that ends at `end` is a name like others where it stands.
    fn is_name(&self, keyword: &Token, end: usize) -> bool {
        use Token::*;
        let last = self.tokens.last().map(|(_, token, _)| token);
        let next = skip_blanks(self.bytes, end).0;
        let word_follows = self.bytes.get(next).is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_');
        match last {
            // A member, a tag, a macro.
            Some(Dot | Arrow | Struct | Union | Enum | Macro) => return true,
            // A field of a record.
            Some(LParen | Comma) if self.assignment_follows(end) => return true,
            _ => {}
        }
        // A macro's parameter.
        let in_head = matches!(self.tokens.first(), Some((_, Macro, _)))
            && !self.tokens.iter().any(|(_, token, _)| *token == RParen);
        match keyword {
            _ if in_head => true,
            // `else` is a word like others where no block ends before it.
            Else => last != Some(&RBrace),
            Typeof => self.bytes.get(next) != Some(&b'('),
            Struct | Union | Enum => !word_follows,
            // Statements begin with these, expressions do not.
            Break | Continue | For | Let | Return | Unroll | While => last.is_some_and(opens_operand),
            _ => false,
        }
    }

    // ---- Looking around ----

    fn push(&mut self, token: Token, length: usize) {
        self.tokens.push((self.at, token, self.at + length));
        self.at += length;
    }

    fn skip_blanks(&mut self) {
        let (at, open) = skip_blanks(self.bytes, self.at);
        if let Some(start) = open {
            let span = Span::new(self.file, start, start + 2);
            self.diagnostics.push(Diagnostic::warning(codes::W_OPEN_COMMENT, span, "unterminated comment"));
        }
        self.at = at;
    }

    /// The end of the word at `start`; `start` when there is none.
    fn word_at(&self, start: usize) -> usize {
        let is_word = |b: &&u8| b.is_ascii_alphanumeric() || **b == b'_';
        start + self.bytes[start..].iter().take_while(is_word).count()
    }

    fn line_end(&self, start: usize) -> usize {
        self.text[start..].find('\n').map_or(self.bytes.len(), |n| start + n)
    }

    fn name_follows(&self, at: usize) -> bool {
        let (next, _) = skip_blanks(self.bytes, at);
        next > at && self.bytes.get(next).is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_')
    }

    fn brace_follows(&self, at: usize) -> bool {
        self.bytes.get(skip_blanks(self.bytes, at).0) == Some(&b'{')
    }

    fn assignment_follows(&self, at: usize) -> bool {
        let (next, _) = skip_blanks(self.bytes, at);
        self.bytes.get(next) == Some(&b'=') && self.bytes.get(next + 1) != Some(&b'=')
    }

    fn after_operand(&self) -> bool {
        use Token::*;
        matches!(
            self.tokens.last(),
            Some((
                _,
                Int(_)
                    | Duration(_)
                    | BadInt(_)
                    | Str(_)
                    | Ident(_)
                    | Var(_)
                    | Map(_)
                    | Param(_)
                    | ParamCount
                    | True
                    | False
                    | RParen
                    | RBracket
                    | RBrace
                    | PlusPlus
                    | MinusMinus,
                _
            ))
        )
    }
}

/// The first byte from `at` that is neither blank nor in a comment; where a comment opens that does not end.
fn skip_blanks(bytes: &[u8], mut at: usize) -> (usize, Option<usize>) {
    loop {
        match &bytes[at..] {
            [b' ' | b'\t' | b'\r' | b'\n' | 0x0b | 0x0c, ..] => at += 1,
            [b'/', b'/', rest @ ..] => at += 2 + rest.iter().take_while(|b| **b != b'\n').count(),
            [b'/', b'*', rest @ ..] => match rest.windows(2).position(|pair| pair == b"*/") {
                Some(length) => at += 2 + length + 2,
                None => return (bytes.len(), Some(at)),
            },
            _ => return (at, None),
        }
    }
}

/// Whether an operand is what may follow the token.
fn opens_operand(token: &Token) -> bool {
    use Token::*;
    matches!(
        token,
        LParen
            | LBracket
            | Comma
            | Question
            | Assign
            | AddAssign
            | SubAssign
            | MulAssign
            | DivAssign
            | ModAssign
            | AndAssign
            | OrAssign
            | XorAssign
            | ShlAssign
            | ShrAssign
            | Plus
            | Minus
            | Star
            | Slash
            | Percent
            | Amp
            | Pipe
            | Caret
            | Tilde
            | Bang
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
    )
}

fn punctuation(bytes: &[u8]) -> Option<(Token, usize)> {
    use Token::*;
    Some(match bytes {
        [b'<', b'<', b'=', ..] => (ShlAssign, 3),
        [b'>', b'>', b'=', ..] => (ShrAssign, 3),
        [b'<', b'<', ..] => (Shl, 2),
        [b'>', b'>', ..] => (Shr, 2),
        [b'<', b'=', ..] => (LessEq, 2),
        [b'>', b'=', ..] => (GreaterEq, 2),
        [b'=', b'=', ..] => (EqEq, 2),
        [b'!', b'=', ..] => (NotEq, 2),
        [b'&', b'&', ..] => (AndAnd, 2),
        [b'|', b'|', ..] => (OrOr, 2),
        [b'+', b'+', ..] => (PlusPlus, 2),
        [b'-', b'-', ..] => (MinusMinus, 2),
        [b'-', b'>', ..] => (Arrow, 2),
        [b'.', b'.', ..] => (DotDot, 2),
        [b'+', b'=', ..] => (AddAssign, 2),
        [b'-', b'=', ..] => (SubAssign, 2),
        [b'*', b'=', ..] => (MulAssign, 2),
        [b'/', b'=', ..] => (DivAssign, 2),
        [b'%', b'=', ..] => (ModAssign, 2),
        [b'&', b'=', ..] => (AndAssign, 2),
        [b'|', b'=', ..] => (OrAssign, 2),
        [b'^', b'=', ..] => (XorAssign, 2),
        [b'{', ..] => (LBrace, 1),
        [b'}', ..] => (RBrace, 1),
        [b'(', ..] => (LParen, 1),
        [b')', ..] => (RParen, 1),
        [b'[', ..] => (LBracket, 1),
        [b']', ..] => (RBracket, 1),
        [b',', ..] => (Comma, 1),
        [b';', ..] => (Semi, 1),
        [b':', ..] => (Colon, 1),
        [b'?', ..] => (Question, 1),
        [b'.', ..] => (Dot, 1),
        [b'=', ..] => (Assign, 1),
        [b'+', ..] => (Plus, 1),
        [b'-', ..] => (Minus, 1),
        [b'*', ..] => (Star, 1),
        [b'/', ..] => (Slash, 1),
        [b'%', ..] => (Percent, 1),
        [b'&', ..] => (Amp, 1),
        [b'|', ..] => (Pipe, 1),
        [b'^', ..] => (Caret, 1),
        [b'~', ..] => (Tilde, 1),
        [b'!', ..] => (Bang, 1),
        [b'<', ..] => (Less, 1),
        [b'>', ..] => (Greater, 1),
        _ => return None,
    })
}
