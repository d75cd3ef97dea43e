//! The script as written: a tree with places, no meaning yet.
//!
//! Macros and imports are still in it; `expand` resolves them into a tree of the same types.

use crate::source::Span;

/// A whole script (or an imported one).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Script {
    /// The header comment (after a shebang), without comment marks: becomes the tool's `--help`.
    pub header: String,
    /// C preamble pieces in the order written: `#include`, `#define`, structs, enums, typedefs.
    pub c_definitions: Vec<CDefinition>,
    /// C sources of imported libraries (`import "lib.bpf.c"`), whose functions the script may call; filled by `expand`.
    pub c_sources: Vec<CSource>,
    /// `import "…"`.
    pub imports: Vec<Import>,
    /// `config = { … }`.
    pub config: Vec<ConfigAssignment>,
    /// `let @m = hash(100);`
    pub map_declarations: Vec<MapDeclaration>,
    /// `macro f(a, $b, @c) { … }`
    pub macros: Vec<Macro>,
    /// `fn f($a : int64) : int64 { … }` where accepted.
    pub functions: Vec<Function>,
    /// Action blocks.
    pub probes: Vec<Probe>,
}

/// A name with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Ident {
    /// Without sigil.
    pub name: String,
    /// Place, sigil included.
    pub span: Span,
}

/// C text of the preamble, verbatim (one directive, or one struct/union/enum/typedef with its semicolon).
#[derive(Clone, Debug, PartialEq)]
pub struct CDefinition {
    /// Verbatim text.
    pub text: String,
    /// Place.
    pub span: Span,
}

/// An imported C source.
#[derive(Clone, Debug, PartialEq)]
pub struct CSource {
    /// Display name.
    pub name: String,
    /// Verbatim text.
    pub text: String,
    /// The `import` that names it.
    pub span: Span,
}

/// `import "path";`
#[derive(Clone, Debug, PartialEq)]
pub struct Import {
    /// As written.
    pub path: String,
    /// Place.
    pub span: Span,
}

/// `name = value` in the config block.
#[derive(Clone, Debug, PartialEq)]
pub struct ConfigAssignment {
    /// As written; any of the three spellings.
    pub name: Ident,
    /// Value.
    pub value: ConfigValue,
    /// Place of the value.
    pub value_span: Span,
}

/// Value of a config variable.
#[derive(Clone, Debug, PartialEq)]
pub enum ConfigValue {
    /// `42`
    Int(u64),
    /// `"text"`
    Str(String),
    /// A bare word: `perf`, `true`.
    Word(String),
}

/// `let @m = lruhash(100);`
#[derive(Clone, Debug, PartialEq)]
pub struct MapDeclaration {
    /// The map.
    pub map: Ident,
    /// `hash`, `lruhash`, `percpuhash`, `percpulruhash` (unchecked).
    pub kind: Ident,
    /// Maximum number of entries.
    pub max_entries: Option<u64>,
    /// Place.
    pub span: Span,
}

/// `macro name(params) { body }`
#[derive(Clone, Debug, PartialEq)]
pub struct Macro {
    /// Name.
    pub name: Ident,
    /// Parameters.
    pub params: Vec<MacroParam>,
    /// Body; its value is the macro's.
    pub body: Block,
    /// Place.
    pub span: Span,
}

/// What a macro parameter accepts.
#[derive(Clone, Debug, PartialEq)]
pub enum MacroParam {
    /// `a`: an expression, evaluated at each use.
    Expr(Ident),
    /// `$a`: a scratch variable, by reference.
    Var(Ident),
    /// `@a`: a map, by reference.
    Map(Ident),
}

/// `fn name($a : type, …) : type { body }`
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// Name.
    pub name: Ident,
    /// Parameters.
    pub params: Vec<(Ident, TypeName)>,
    /// Result.
    pub result: TypeName,
    /// Body.
    pub body: Block,
    /// Place.
    pub span: Span,
}

/// One action block.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// `name =` before the attach points.
    pub name: Option<Ident>,
    /// The comma-separated list.
    pub attach_points: Vec<AttachPoint>,
    /// `/ … /`
    pub predicate: Option<Expr>,
    /// Action.
    pub body: Block,
    /// Place of the attach points and predicate.
    pub span: Span,
}

/// `kprobe:vfs_*`, split at its colons; quotes and braces are taken off.
#[derive(Clone, Debug, PartialEq)]
pub struct AttachPoint {
    /// As written, without surrounding blanks: what `probe` shows for aliases.
    pub text: String,
    /// `kprobe`, or a short name as written.
    pub provider: Ident,
    /// What follows, between colons.
    pub parts: Vec<AttachPart>,
    /// Place.
    pub span: Span,
}

/// One colon-separated part of an attach point.
#[derive(Clone, Debug, PartialEq)]
pub struct AttachPart {
    /// Literal text and positional parameters in order.
    pub pieces: Vec<TextPiece>,
    /// The part was (partly) in quotes: wildcards and `+` in it still count as bpftrace has it, colons do not.
    pub quoted: bool,
    /// Place.
    pub span: Span,
}

/// A piece of late-bound text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TextPiece {
    /// Verbatim.
    Lit(String),
    /// `$1`: 1-based positional parameter.
    Param(u32),
    /// `getopt("name", "default")`: only in arguments of functions.
    Option(String),
}

impl std::fmt::Display for TextPiece {
    /// As the script has it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            TextPiece::Lit(text) => f.write_str(text),
            TextPiece::Param(n) => write!(f, "${n}"),
            TextPiece::Option(name) => write!(f, "--{name}"),
        }
    }
}

/// `{ statements; value }`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Block {
    /// Statements.
    pub stmts: Vec<Stmt>,
    /// The value: a last expression without a semicolon. A probe's body has it as a plain statement.
    pub value: Option<Box<Expr>>,
    /// Place, braces included.
    pub span: Span,
}

/// A statement with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Stmt {
    /// What it does.
    pub kind: StmtKind,
    /// Place.
    pub span: Span,
}

/// What a statement does.
#[derive(Clone, Debug, PartialEq)]
pub enum StmtKind {
    /// An expression for its effect (calls, `++`, assignments inside macros, blocks).
    Expr(Expr),
    /// `target = value`, `target += value`.
    Assign { target: Expr, op: Option<BinaryOp>, value: Expr },
    /// `let $x;`, `let $x : int32;`, `let $x = 1;`
    Let { var: Ident, ty: Option<TypeName>, value: Option<Expr> },
    /// `_ = value`
    Discard(Expr),
    /// `if cond { } else { }`; `else if` nests.
    If { cond: Expr, then: Block, otherwise: Option<Block> },
    /// `while cond { }`
    While { cond: Expr, body: Block },
    /// `for $i : start..end { }`
    ForRange { var: Ident, start: Expr, end: Expr, body: Block },
    /// `for $kv : @map { }`
    ForMap { var: Ident, map: Ident, body: Block },
    /// `unroll(n) { }`
    Unroll { count: Expr, body: Block },
    /// `break`
    Break,
    /// `continue`
    Continue,
    /// `return`, `return value`
    Return(Option<Expr>),
    /// `{ … }` as a statement.
    Block(Block),
    /// `comptime if …` or another statement decided while compiling.
    Comptime(Box<Stmt>),
}

/// An expression with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Place.
    pub span: Span,
}

/// What an expression is.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// An integer literal; a duration in nanoseconds.
    Int { value: u64, duration: bool },
    /// An integer literal that does not fit in 64 bits, or is malformed: refused later with its text.
    BadInt(String),
    /// `true`, `false`
    Bool(bool),
    /// A string literal, escapes resolved.
    Str(Vec<u8>),
    /// A bare word: a builtin, enum value, C constant or macro.
    Ident(String),
    /// `$x`
    Var(String),
    /// `$1`
    Param(u32),
    /// `$#`
    ParamCount,
    /// `@m` without a key.
    Map(String),
    /// `@m[key]`; several keys make a tuple.
    MapKey { map: Ident, keys: Vec<Expr> },
    /// `f(a, b)`; an argument may name a type (`sizeof`, `typeof`, `offsetof`, macros).
    Call { name: Ident, args: Vec<Arg> },
    /// `!x`, `~x`, `-x`, `*x`, `&x`, `++x`, `x--`…
    Unary { op: UnaryOp, operand: Box<Expr> },
    /// `a + b`
    Binary { op: BinaryOp, left: Box<Expr>, right: Box<Expr> },
    /// `c ? a : b`; `then` is empty for `c ?: b`.
    Ternary { cond: Box<Expr>, then: Option<Box<Expr>>, otherwise: Box<Expr> },
    /// `(type)x`
    Cast { ty: TypeName, operand: Box<Expr> },
    /// `a.b`, `a->b`
    Field { base: Box<Expr>, field: Ident },
    /// `a.0`
    TupleField { base: Box<Expr>, index: u32 },
    /// `a[i]` where `a` is not a map.
    Index { base: Box<Expr>, index: Box<Expr> },
    /// `(a, b)`, `(a,)`, `()`
    Tuple(Vec<Expr>),
    /// `(x = 1, y = 2)`: a record.
    Record(Vec<(Ident, Expr)>),
    /// `{ …; value }`
    Block(Block),
    /// `if c { a } else { b }` as a value.
    If { cond: Box<Expr>, then: Block, otherwise: Option<Block> },
    /// `comptime expr`
    Comptime(Box<Expr>),
    /// `target = value` where a macro or block uses it as an expression.
    Assign { target: Box<Expr>, op: Option<BinaryOp>, value: Box<Expr> },
    /// What came of a macro: its body, with the place it was used.
    Expanded { name: String, call: Span, body: Box<Expr> },
}

/// An argument of a call.
#[derive(Clone, Debug, PartialEq)]
pub enum Arg {
    /// A value.
    Expr(Expr),
    /// A type that cannot be read as a value: `struct foo`, `uint32`, `int8[4]`, `struct foo *`.
    Type(TypeName),
}

/// A type as written.
#[derive(Clone, Debug, PartialEq)]
pub struct TypeName {
    /// What it is.
    pub kind: TypeNameKind,
    /// Place.
    pub span: Span,
}

/// A type as written.
#[derive(Clone, Debug, PartialEq)]
pub enum TypeNameKind {
    /// `uint32`, `size_t`, `unsigned long` (words joined by one blank), `string`, `bool`, `void`.
    Named(String),
    /// `struct foo`
    Struct(String),
    /// `union foo`
    Union(String),
    /// `enum foo`
    Enum(String),
    /// `T *`
    Pointer(Box<TypeName>),
    /// `T[n]`, `T[]`
    Array(Box<TypeName>, Option<Box<Expr>>),
    /// `string[16]`, `buffer[16]`
    Sized(String, u64),
    /// `typeof(expr or type)`
    Typeof(Box<Arg>),
    /// `(int64, string)`: a tuple type, where accepted.
    Tuple(Vec<TypeName>),
}

/// Operators with one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnaryOp {
    /// `!`
    Not,
    /// `~`
    BitNot,
    /// `-`
    Neg,
    /// `+`
    Plus,
    /// `*`
    Deref,
    /// `&`
    AddrOf,
    /// `++x`
    PreInc,
    /// `--x`
    PreDec,
    /// `x++`
    PostInc,
    /// `x--`
    PostDec,
}

/// Operators with two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are the operators'")]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    BitAnd,
    BitOr,
    BitXor,
    Shl,
    Shr,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    And,
    Or,
}
