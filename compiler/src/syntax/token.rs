//! Tokens: what the lexer hands to the grammar.

use super::ast::AttachPoint;

/// A token between two byte offsets of its text.
pub type Spanned = (usize, Token, usize);

/// A token.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the grammar shows the text of each")]
pub enum Token {
    // Whole pieces, read in a mode of their own.
    CDefinition(String),
    AttachPoint(Box<AttachPoint>),
    /// `name` of `name=kprobe:f`.
    ProbeName(String),
    /// The `/` that opens a predicate.
    PredicateOpen,
    /// The `/` that closes a predicate.
    PredicateClose,

    // Literals and names.
    Int(u64),
    Duration(u64),
    BadInt(String),
    Str(Vec<u8>),
    Ident(String),
    Var(String),
    Map(String),
    Param(u32),
    ParamCount,
    /// `_` of `_ = value`.
    Underscore,

    // Put in by the lexer's look ahead.
    /// A `(` that opens a cast.
    CastOpen,
    /// No text: what follows is an argument that names a type.
    TypeFollows,

    // Keywords.
    Break,
    Comptime,
    Config,
    Continue,
    Else,
    Enum,
    False,
    Fn,
    For,
    If,
    Import,
    Let,
    Macro,
    Return,
    Struct,
    True,
    Typeof,
    Union,
    Unroll,
    While,

    // Punctuation.
    LBrace,
    RBrace,
    LParen,
    RParen,
    LBracket,
    RBracket,
    Comma,
    Semi,
    Colon,
    Question,
    Dot,
    DotDot,
    Arrow,

    // Operators.
    Assign,
    AddAssign,
    SubAssign,
    MulAssign,
    DivAssign,
    ModAssign,
    AndAssign,
    OrAssign,
    XorAssign,
    ShlAssign,
    ShrAssign,
    PlusPlus,
    MinusMinus,
    Plus,
    Minus,
    Star,
    Slash,
    Percent,
    Amp,
    Pipe,
    Caret,
    Tilde,
    Bang,
    AndAnd,
    OrOr,
    EqEq,
    NotEq,
    Less,
    LessEq,
    Greater,
    GreaterEq,
    Shl,
    Shr,

    /// A character that begins no token.
    Unknown(char),
}

impl Token {
    /// The keyword that `word` is, if any.
    pub fn keyword(word: &str) -> Option<Token> {
        Some(match word {
            "break" => Token::Break,
            "comptime" => Token::Comptime,
            "continue" => Token::Continue,
            "else" => Token::Else,
            "enum" => Token::Enum,
            "false" => Token::False,
            "for" => Token::For,
            "if" => Token::If,
            "let" => Token::Let,
            "return" => Token::Return,
            "struct" => Token::Struct,
            "true" => Token::True,
            "typeof" => Token::Typeof,
            "union" => Token::Union,
            "unroll" => Token::Unroll,
            "while" => Token::While,
            _ => return None,
        })
    }
}
