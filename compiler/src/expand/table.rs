//! The macros of a script and of the standard library.

use std::collections::{HashMap, HashSet};

use crate::codes;
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::source::Span;
use crate::syntax::ast::{Arg, Block, ExprKind, Ident, Macro, MacroParam, Stmt, StmtKind};

/// Words that stay what they are as bare words, whatever macro has their name.
const RESERVED: [&str; 6] = ["pid", "tid", "nsecs", "kstack", "ustack", "true"];

/// Macros by name and number of parameters; the script's go before the standard library's.
#[derive(Debug, Default)]
pub struct Table {
    user: HashMap<String, Vec<Macro>>,
    library: HashMap<String, Vec<Macro>>,
}

/// What a call means.
pub enum Lookup<'a> {
    /// No macro.
    NotAMacro,
    /// A macro, and whether it is the standard library's.
    Found(&'a Macro, bool),
    /// There are macros of that name, but none fits; this one comes closest.
    Mismatch(&'a Macro),
}

impl Table {
    /// Builds the table. What is wrong with the definitions goes to `diagnostics`.
    pub fn new(user: Vec<Macro>, library: Vec<Macro>, diagnostics: &mut Diagnostics) -> Table {
        let mut table = Table::default();
        for definition in user {
            check_params(&definition, diagnostics);
            check_body(&definition.body, diagnostics);
            let same = table.user.entry(definition.name.name.clone()).or_default();
            if let Some(first) = same.iter().find(|first| first.params.len() == definition.params.len()) {
                let message = format!("Redefinition of macro: {}", definition.name.name);
                let error = Diagnostic::error(codes::MACRO_REDEFINED, head(&definition), message);
                diagnostics.push(error.with(head(first), "This is the original definition."));
                continue;
            }
            same.push(definition);
        }
        for definition in library {
            table.library.entry(definition.name.name.clone()).or_default().push(definition);
        }
        table
    }

    /// What `name(args)` means. `in_library`: in the standard library, which the script's macros do not disturb.
    pub fn call(&self, name: &str, args: usize, in_library: bool) -> Lookup<'_> {
        if name.starts_with("__builtin_") || matches!(name, "sizeof" | "offsetof") {
            return Lookup::NotAMacro;
        }
        let fits = |definition: &&Macro| definition.params.len() == args;
        let user = self.user.get(name).filter(|_| !in_library).map_or(&[][..], Vec::as_slice);
        let library = self.library.get(name).map_or(&[][..], Vec::as_slice);
        if let Some(definition) = user.iter().find(fits) {
            return Lookup::Found(definition, false);
        }
        if let Some(definition) = library.iter().find(fits) {
            return Lookup::Found(definition, true);
        }
        match user.iter().chain(library).min_by_key(|definition| definition.params.len().abs_diff(args)) {
            Some(closest) => Lookup::Mismatch(closest),
            None => Lookup::NotAMacro,
        }
    }

    /// What a bare `name` means.
    pub fn word(&self, name: &str, in_library: bool) -> Lookup<'_> {
        let argument = name.strip_prefix("arg").is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
        if argument || RESERVED.contains(&name) {
            return Lookup::NotAMacro;
        }
        self.call(name, 0, in_library)
    }
}

/// `macro name`, which messages underline.
pub fn head(definition: &Macro) -> Span {
    Span { end: definition.name.span.end, ..definition.span }
}

/// The first argument that does not fit its parameter: which, what is expected, what it is.
pub fn mismatch<'a>(definition: &'a Macro, args: &[Arg]) -> Option<(usize, &'a Ident, &'static str, &'static str)> {
    definition.params.iter().zip(args).enumerate().find_map(|(at, (param, arg))| {
        let is = match arg {
            Arg::Type(_) => "a type",
            Arg::Expr(expr) => match expr.kind {
                ExprKind::Var(_) => "a variable",
                ExprKind::Map(_) => "a map",
                _ => "an expression",
            },
        };
        match param {
            MacroParam::Var(name) if is != "a variable" => Some((at, name, "a variable", is)),
            MacroParam::Map(name) if is != "a map" => Some((at, name, "a map", is)),
            _ => None,
        }
    })
}

/// The name of a parameter, with its sigil.
pub fn param_text(param: &MacroParam) -> (String, &Ident) {
    match param {
        MacroParam::Expr(name) => (name.name.clone(), name),
        MacroParam::Var(name) => (format!("${}", name.name), name),
        MacroParam::Map(name) => (format!("@{}", name.name), name),
    }
}

fn check_params(definition: &Macro, diagnostics: &mut Diagnostics) {
    let mut seen = HashSet::new();
    for param in &definition.params {
        let (text, name) = param_text(param);
        let what = match param {
            MacroParam::Expr(_) => "Ident",
            MacroParam::Var(_) => "Variable",
            MacroParam::Map(_) => "Map",
        };
        let message = format!("{what} for macro argument has already been used: {text}");
        if !seen.insert(text) {
            diagnostics.push(Diagnostic::error(codes::MACRO_REDEFINED, name.span, message));
        }
    }
}

/// A macro cannot leave the probe that uses it.
fn check_body(block: &Block, diagnostics: &mut Diagnostics) {
    for stmt in &block.stmts {
        check_stmt(stmt, diagnostics);
    }
}

fn check_stmt(stmt: &Stmt, diagnostics: &mut Diagnostics) {
    match &stmt.kind {
        StmtKind::Return(_) => {
            let message = "'return' statement is not allowed in a macro";
            diagnostics.push(Diagnostic::error(codes::MACRO_BODY, stmt.span, message));
        }
        StmtKind::If { then, otherwise, .. } => {
            check_body(then, diagnostics);
            otherwise.iter().for_each(|block| check_body(block, diagnostics));
        }
        StmtKind::While { body, .. }
        | StmtKind::ForRange { body, .. }
        | StmtKind::ForMap { body, .. }
        | StmtKind::Unroll { body, .. }
        | StmtKind::Block(body) => check_body(body, diagnostics),
        StmtKind::Comptime(stmt) => check_stmt(stmt, diagnostics),
        StmtKind::Expr(_)
        | StmtKind::Assign { .. }
        | StmtKind::Let { .. }
        | StmtKind::Discard(_)
        | StmtKind::Break
        | StmtKind::Continue => {}
    }
}
