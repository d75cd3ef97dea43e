//! What the grammar's rules do beyond building a node.

use lalrpop_util::ErrorRecovery;

use super::ast::*;
use super::errors::syntax_error;
use super::token::Token;
use crate::codes;
use crate::diagnostics::Diagnostic;
use crate::source::{FileId, Span};

/// The span between two byte offsets.
macro_rules! at {
    ($place:expr, $start:expr, $end:expr) => {
        $place.span($start, $end)
    };
}
pub(super) use at;

/// What the byte offsets of tokens count in.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    /// A text of the script.
    File(FileId),
    /// A text from elsewhere, all of which stands for one span.
    Within(Span),
}

impl Place {
    pub fn span(self, start: usize, end: usize) -> Span {
        match self {
            Place::File(file) => Span::new(file, start, end),
            Place::Within(span) => span,
        }
    }
}

/// A piece of a script's top level.
#[derive(Clone, Debug)]
pub enum Item {
    CDefinition(CDefinition),
    Import(Import),
    Config(Vec<ConfigAssignment>),
    MapDeclaration(MapDeclaration),
    Macro(Macro),
    Function(Function),
    Probe(Probe),
}

/// A statement in a list, and whether it may be the list's value.
#[derive(Clone, Debug)]
pub struct Statement {
    pub stmt: Stmt,
    /// It ended in a brace, not a semicolon.
    pub value: bool,
}

impl Statement {
    /// What stands for a statement that could not be parsed.
    pub fn nothing(span: Span) -> Statement {
        let block = Block { span, ..Block::default() };
        Statement { stmt: Stmt { kind: StmtKind::Block(block), span }, value: false }
    }
}

/// Which loop a `for` is.
#[derive(Clone, Debug)]
pub enum ForHead {
    Map(Ident, Ident),
    Range(Ident, Expr, Expr),
}

/// Errors of one item: of the grammar, recovered from, and of its actions.
#[derive(Default)]
pub struct Errors {
    pub recovered: Vec<ErrorRecovery<usize, Token, ()>>,
    pub diagnostics: Vec<Diagnostic>,
}

impl Errors {
    pub fn recovered(&mut self, error: ErrorRecovery<usize, Token, ()>) {
        self.recovered.push(error);
    }

    /// Only variables and maps can be assigned to.
    pub fn check_target(&mut self, target: &Expr, op: Span, value: Span) {
        let span = target.span.to(value);
        let error = match &target.kind {
            ExprKind::Var(_) | ExprKind::Map(_) | ExprKind::MapKey { .. } => return,
            ExprKind::Field { .. } | ExprKind::TupleField { .. } => syntax_error(
                codes::BAD_TARGET,
                span,
                "Tuples and records are immutable once created. Consider creating a new value and assigning it instead.",
            ),
            ExprKind::Index { .. } => syntax_error(codes::BAD_TARGET, span, "invalid assignment target")
                .hint("only variables (`$x`) and maps (`@x`, `@x[key]`) can be assigned to"),
            ExprKind::Ident(name) => syntax_error(codes::BAD_TARGET, op, "expected ';'")
                .hint(format!("`{name}` cannot be assigned to: variables start with `$` and maps with `@`")),
            _ => syntax_error(codes::BAD_TARGET, op, "expected ';'")
                .hint("only variables (`$x`) and maps (`@x`, `@x[key]`) can be assigned to"),
        };
        self.diagnostics.push(error);
    }

    /// `++` and `--` need something to change, `&` something with an address.
    pub fn check_operand(&mut self, op: UnaryOp, operand: &Expr, at: Span) {
        use UnaryOp::*;
        match (op, &operand.kind) {
            (AddrOf, ExprKind::Var(_) | ExprKind::Map(_)) => {}
            (AddrOf, kind) => {
                // What stands behind the map or variable is too much.
                let span = match kind {
                    ExprKind::MapKey { map, .. } => Span { start: map.span.end, end: map.span.end + 1, ..operand.span },
                    ExprKind::Field { base, .. } | ExprKind::Index { base, .. } => {
                        Span { start: base.span.end, end: base.span.end + 1, ..operand.span }
                    }
                    _ => operand.span,
                };
                self.diagnostics.push(syntax_error(
                    codes::BAD_OPERAND,
                    span,
                    "address-of operator (&) can only be used on a map or variable",
                ));
            }
            (PreInc | PreDec | PostInc | PostDec, ExprKind::Var(_) | ExprKind::Map(_) | ExprKind::MapKey { .. }) => {}
            (PreInc | PreDec, _) => self.diagnostics.push(syntax_error(
                codes::BAD_OPERAND,
                operand.span,
                "increment/decrement requires a variable or map",
            )),
            (PostInc | PostDec, _) => self.diagnostics.push(syntax_error(
                codes::BAD_OPERAND,
                at,
                "increment/decrement requires a variable or map",
            )),
            _ => {}
        }
    }

    /// `sizeof` and `offsetof` are a part of the language.
    pub fn check_arguments(&mut self, name: &Ident, args: &[Arg], end: Span) {
        let message = match (name.name.as_str(), args.len()) {
            ("sizeof" | "offsetof", 0) => "expected expression",
            ("offsetof", 1) => "expected ','",
            ("sizeof", 2..) | ("offsetof", 3..) => "expected ')'",
            _ => return,
        };
        self.diagnostics.push(syntax_error(codes::SYNTAX, end, message));
    }

    /// The fields of a record have names of their own.
    pub fn check_record(&mut self, fields: &[(Ident, Expr)]) {
        for (at, (name, value)) in fields.iter().enumerate() {
            if fields[..at].iter().any(|(other, _)| other.name == name.name) {
                let message = format!("Named argument list already contains name: {}", name.name);
                self.diagnostics.push(syntax_error(codes::SYNTAX, name.span.to(value.span), message));
            }
        }
    }

    /// The number of a tuple's element.
    pub fn tuple_index(&mut self, index: u64, span: Span) -> u32 {
        u32::try_from(index).unwrap_or_else(|_| {
            self.diagnostics.push(syntax_error(codes::BAD_NUMBER, span, "tuple index is too large"));
            0
        })
    }

    /// `base[keys]`
    pub fn index(&mut self, base: Expr, mut keys: Vec<Expr>, span: Span) -> Expr {
        if keys.is_empty() {
            let end = Span { start: span.end - 1, ..span };
            self.diagnostics.push(syntax_error(codes::SYNTAX, end, "expected expression"));
            return base;
        }
        if let ExprKind::Map(name) = base.kind {
            return expr(ExprKind::MapKey { map: Ident { name, span: base.span }, keys }, span);
        }
        if keys.len() > 1 {
            let at = keys[0].span.to(keys[keys.len() - 1].span);
            self.diagnostics.push(syntax_error(codes::SYNTAX, at, "expected one index"));
        }
        expr(ExprKind::Index { base: Box::new(base), index: Box::new(keys.swap_remove(0)) }, span)
    }
}

pub fn expr(kind: ExprKind, span: Span) -> Expr {
    Expr { kind, span }
}

/// A block of statements; its value is a last expression without a semicolon, be it an `if` or a block.
pub fn block(stmts: Vec<Statement>, last: Option<Stmt>, span: Span) -> Block {
    let trailing_value = stmts.last().is_some_and(|last| last.value);
    let mut stmts: Vec<Stmt> = stmts.into_iter().map(|statement| statement.stmt).collect();
    let last = match last {
        None if trailing_value => stmts.pop(),
        last => last,
    };
    let mut value = None;
    match last {
        Some(Stmt { kind: StmtKind::Expr(expr), .. }) => value = Some(Box::new(expr)),
        Some(Stmt { kind: StmtKind::If { cond, then, otherwise }, span }) if ends_in_values(&then, &otherwise) => {
            value = Some(Box::new(expr(ExprKind::If { cond: Box::new(cond), then, otherwise }, span)));
        }
        Some(Stmt { kind: StmtKind::Block(block), span }) if block.value.is_some() => {
            value = Some(Box::new(expr(ExprKind::Block(block), span)));
        }
        Some(stmt) => stmts.push(as_statement(stmt)),
        None => {}
    }
    let stmts = stmts.into_iter().map(as_statement).collect();
    Block { stmts, value, span }
}

fn ends_in_values(then: &Block, otherwise: &Option<Block>) -> bool {
    then.value.is_some() && otherwise.as_ref().is_some_and(|block| block.value.is_some())
}

/// A block whose value nobody takes: the last expression becomes a statement.
pub fn as_statements(mut block: Block) -> Block {
    if let Some(value) = block.value.take() {
        let span = value.span;
        let kind = match value.kind {
            ExprKind::If { cond, then, otherwise } => StmtKind::If { cond: *cond, then, otherwise },
            ExprKind::Block(block) => StmtKind::Block(as_statements(block)),
            _ => StmtKind::Expr(*value),
        };
        block.stmts.push(as_statement(Stmt { kind, span }));
    }
    block
}

/// A statement whose value, if it has one, nobody takes.
pub fn as_statement(mut stmt: Stmt) -> Stmt {
    stmt.kind = match stmt.kind {
        StmtKind::If { cond, then, otherwise } => {
            StmtKind::If { cond, then: as_statements(then), otherwise: otherwise.map(as_statements) }
        }
        kind => kind,
    };
    stmt
}

pub fn if_kind((cond, then, otherwise): (Expr, Block, Option<Block>)) -> ExprKind {
    ExprKind::If { cond: Box::new(cond), then, otherwise }
}

/// The block that `else if …` stands for.
pub fn else_if(parts: (Expr, Block, Option<Block>), span: Span) -> Block {
    let (cond, then, otherwise) = parts;
    let stmt = Stmt { kind: StmtKind::If { cond, then, otherwise }, span };
    block(vec![Statement { stmt, value: true }], None, span)
}

pub fn for_loop(head: ForHead, body: Block) -> StmtKind {
    match head {
        ForHead::Map(var, map) => StmtKind::ForMap { var, map, body },
        ForHead::Range(var, start, end) => StmtKind::ForRange { var, start, end, body },
    }
}

/// `T[n]`; of `string` and `buffer` the number is the size in bytes.
pub fn array_type(of: TypeName, len: Option<Expr>, span: Span) -> TypeName {
    let kind = match (of.kind, len) {
        (TypeNameKind::Named(name), Some(Expr { kind: ExprKind::Int { value, .. }, .. }))
            if name == "string" || name == "buffer" =>
        {
            TypeNameKind::Sized(name, value)
        }
        (kind, len) => TypeNameKind::Array(Box::new(TypeName { kind, span: of.span }), len.map(Box::new)),
    };
    TypeName { kind, span }
}
