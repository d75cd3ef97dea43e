//! Replaces uses of macros by their bodies.
//!
//! One walk does it all. A use's arguments are expanded where they are written; then the macro's body is copied and
//! walked with a [`Frame`] that says what its parameters stand for and what its own variables are called.

use std::collections::{HashMap, HashSet};

use super::params;
use super::table::{self, Lookup, Table};
use crate::codes;
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::source::{FileId, Sources, Span};
use crate::stdlib;
use crate::syntax::ast::*;
use crate::syntax::visit;

/// Nodes that expansion may make. More is taken for a mistake.
const BUDGET: usize = 2_000_000;

/// Expands every macro in a script's probes and functions.
pub fn expand(script: &mut Script, table: &Table, sources: &mut Sources, diagnostics: &mut Diagnostics) {
    let mut walker = Walker {
        table,
        sources,
        diagnostics,
        frames: Vec::new(),
        used: HashSet::new(),
        parameters: HashMap::new(),
        names: script_variables(script),
        budget: BUDGET,
        exhausted: false,
    };
    for probe in &mut script.probes {
        if let Some(predicate) = &mut probe.predicate {
            walker.expr(predicate);
        }
        walker.parameters = params::take(&mut probe.body, table);
        walker.block(&mut probe.body);
        walker.parameters.clear();
    }
    for function in &mut script.functions {
        walker.block(&mut function.body);
    }
}

struct Walker<'a> {
    table: &'a Table,
    sources: &'a mut Sources,
    diagnostics: &'a mut Diagnostics,
    /// The macros being expanded, outermost first.
    frames: Vec<Frame>,
    /// Macros used so far, by the place of their bodies.
    used: HashSet<Span>,
    /// Variables of the probe that stand for a positional parameter.
    parameters: HashMap<String, u32>,
    /// Names of variables that are taken.
    names: HashSet<String>,
    budget: usize,
    exhausted: bool,
}

/// A macro being expanded.
struct Frame {
    name: String,
    arity: usize,
    /// Where it is used.
    call: Span,
    /// The body's text, and its index for this use: places in it differ from those of other uses.
    file: (FileId, FileId),
    /// It is the standard library's.
    in_library: bool,
    /// What its parameters stand for: expressions and types, expanded already.
    exprs: HashMap<String, Arg>,
    /// What its variables are called outside: parameters and its own.
    vars: HashMap<String, String>,
    /// The variables among them that are parameters.
    params: HashSet<String>,
    maps: HashMap<String, String>,
}

impl Walker<'_> {
    /// Gives a place in a macro's body to the use at hand.
    fn at(&self, span: &mut Span) {
        if let Some(frame) = self.frames.last()
            && span.file == frame.file.0
        {
            span.file = frame.file.1;
        }
    }

    fn block(&mut self, block: &mut Block) {
        self.at(&mut block.span);
        for stmt in &mut block.stmts {
            self.stmt(stmt);
        }
        if let Some(value) = &mut block.value {
            self.expr(value);
        }
    }

    fn stmt(&mut self, stmt: &mut Stmt) {
        self.at(&mut stmt.span);
        match &mut stmt.kind {
            StmtKind::Expr(expr) | StmtKind::Discard(expr) => self.expr(expr),
            StmtKind::Assign { target, op: _, value } => {
                self.expr(value);
                self.expr(target);
            }
            StmtKind::Let { var, ty, value } => {
                self.at(&mut var.span);
                self.check_shadowing(var, stmt.span);
                ty.iter_mut().for_each(|ty| self.type_name(ty));
                value.iter_mut().for_each(|value| self.expr(value));
                self.rename_var(&mut var.name);
            }
            StmtKind::If { cond, then, otherwise } => {
                self.expr(cond);
                self.block(then);
                otherwise.iter_mut().for_each(|block| self.block(block));
            }
            StmtKind::While { cond: head, body } | StmtKind::Unroll { count: head, body } => {
                self.expr(head);
                self.block(body);
            }
            StmtKind::ForRange { var, start, end, body } => {
                self.at(&mut var.span);
                self.expr(start);
                self.expr(end);
                self.rename_var(&mut var.name);
                self.block(body);
            }
            StmtKind::ForMap { var, map, body } => {
                self.at(&mut var.span);
                self.rename_map(map);
                self.rename_var(&mut var.name);
                self.block(body);
            }
            StmtKind::Return(value) => value.iter_mut().for_each(|value| self.expr(value)),
            StmtKind::Block(block) => self.block(block),
            StmtKind::Comptime(stmt) => self.stmt(stmt),
            StmtKind::Break | StmtKind::Continue => {}
        }
    }

    fn expr(&mut self, expr: &mut Expr) {
        if !self.spend(1, expr.span) {
            return;
        }
        if !matches!(expr.kind, ExprKind::Expanded { .. }) {
            self.at(&mut expr.span);
        }
        match &mut expr.kind {
            ExprKind::Ident(_) => self.word(expr),
            ExprKind::Call { .. } => self.call(expr),
            ExprKind::Var(name) => {
                if let Some(n) = self.parameters.get(name).filter(|_| self.frames.is_empty()) {
                    *expr = Expr { kind: ExprKind::Param(*n), span: expr.span };
                    return;
                }
                let mut name = std::mem::take(name);
                self.rename_var(&mut name);
                expr.kind = ExprKind::Var(name);
            }
            ExprKind::Map(name) => {
                let mut map = Ident { name: std::mem::take(name), span: expr.span };
                self.rename_map(&mut map);
                expr.kind = ExprKind::Map(map.name);
            }
            ExprKind::MapKey { map, keys } => {
                self.rename_map(map);
                keys.iter_mut().for_each(|key| self.expr(key));
            }
            ExprKind::Unary { op: _, operand } | ExprKind::Comptime(operand) => self.expr(operand),
            ExprKind::Binary { op: _, left, right } => {
                self.expr(left);
                self.expr(right);
            }
            ExprKind::Ternary { cond, then, otherwise } => {
                self.expr(cond);
                then.iter_mut().for_each(|then| self.expr(then));
                self.expr(otherwise);
            }
            ExprKind::Cast { ty, operand } => {
                self.type_name(ty);
                self.expr(operand);
            }
            ExprKind::Field { base, field } => {
                self.at(&mut field.span);
                self.expr(base);
            }
            ExprKind::TupleField { base, index: _ } => self.expr(base),
            ExprKind::Index { base, index } => {
                self.expr(base);
                self.expr(index);
            }
            ExprKind::Tuple(values) => values.iter_mut().for_each(|value| self.expr(value)),
            ExprKind::Record(fields) => fields.iter_mut().for_each(|(name, value)| {
                self.at(&mut name.span);
                self.expr(value);
            }),
            ExprKind::Block(block) => self.block(block),
            ExprKind::If { cond, then, otherwise } => {
                self.expr(cond);
                self.block(then);
                otherwise.iter_mut().for_each(|block| self.block(block));
            }
            ExprKind::Assign { target, op: _, value } => {
                self.expr(value);
                self.expr(target);
            }
            // Expanded where it was written.
            ExprKind::Expanded { .. } => {}
            ExprKind::Int { .. }
            | ExprKind::BadInt(_)
            | ExprKind::Bool(_)
            | ExprKind::Str(_)
            | ExprKind::Param(_)
            | ExprKind::ParamCount => {}
        }
    }

    fn arg(&mut self, arg: &mut Arg) {
        if let Arg::Expr(Expr { kind: ExprKind::Ident(name), .. }) = arg
            && let Some(Arg::Type(ty)) = self.frames.last().and_then(|frame| frame.exprs.get(name))
        {
            *arg = Arg::Type(ty.clone());
            return;
        }
        match arg {
            Arg::Expr(expr) => self.expr(expr),
            Arg::Type(ty) => self.type_name(ty),
        }
    }

    fn type_name(&mut self, ty: &mut TypeName) {
        self.at(&mut ty.span);
        match &mut ty.kind {
            TypeNameKind::Named(name) => {
                let Some(arg) = self.frames.last().and_then(|frame| frame.exprs.get(name)) else { return };
                ty.kind = match arg {
                    Arg::Type(argument) => argument.kind.clone(),
                    Arg::Expr(Expr { kind: ExprKind::Ident(name), .. }) => TypeNameKind::Named(name.clone()),
                    Arg::Expr(_) => TypeNameKind::Typeof(Box::new(arg.clone())),
                };
            }
            TypeNameKind::Pointer(to) | TypeNameKind::Array(to, _) => self.type_name(to),
            TypeNameKind::Typeof(arg) => self.arg(arg),
            TypeNameKind::Tuple(types) => types.iter_mut().for_each(|ty| self.type_name(ty)),
            TypeNameKind::Struct(_) | TypeNameKind::Union(_) | TypeNameKind::Enum(_) | TypeNameKind::Sized(..) => {}
        }
    }

    // ---- Uses ----

    /// A bare word: a parameter, or a macro without parameters.
    fn word(&mut self, expr: &mut Expr) {
        let ExprKind::Ident(name) = &expr.kind else { return };
        if let Some(arg) = self.frames.last().and_then(|frame| frame.exprs.get(name)) {
            let arg = arg.clone();
            match arg {
                Arg::Expr(argument) => {
                    if self.spend(size(&argument), expr.span) {
                        *expr = argument;
                    }
                }
                Arg::Type(ty) => {
                    let message = format!("`{name}` stands for a type here, where a value is expected");
                    self.error(
                        Diagnostic::error(codes::MACRO_ARGUMENTS, expr.span, message).with(ty.span, "this type"),
                    );
                }
            }
            return;
        }
        let table = self.table;
        match table.word(name, self.in_library()) {
            Lookup::NotAMacro => {}
            Lookup::Found(definition, in_library) => self.inline(expr, definition, in_library, Vec::new()),
            Lookup::Mismatch(_) if stdlib::is_builtin(name) => {}
            Lookup::Mismatch(closest) => self.mismatch(expr.span, closest, &[]),
        }
    }

    fn call(&mut self, expr: &mut Expr) {
        let ExprKind::Call { name, args } = &mut expr.kind else { return };
        self.at(&mut name.span);
        args.iter_mut().for_each(|arg| self.arg(arg));
        let table = self.table;
        match table.call(&name.name, args.len(), self.in_library()) {
            Lookup::NotAMacro => {}
            Lookup::Found(definition, in_library) => {
                let args = std::mem::take(args);
                self.inline(expr, definition, in_library, args);
            }
            Lookup::Mismatch(_) if stdlib::is_builtin(&name.name) => {}
            Lookup::Mismatch(closest) => {
                let args = std::mem::take(args);
                self.mismatch(expr.span, closest, &args);
            }
        }
    }

    /// Puts the body of a macro in the place of its use.
    fn inline(&mut self, expr: &mut Expr, definition: &Macro, in_library: bool, args: Vec<Arg>) {
        if table::mismatch(definition, &args).is_some() {
            return self.mismatch(expr.span, definition, &args);
        }
        let name = &definition.name.name;
        if self.frames.iter().any(|frame| frame.name == *name && frame.arity == args.len()) {
            let chain: Vec<&str> = self.frames.iter().map(|frame| frame.name.as_str()).chain([name.as_str()]).collect();
            let message = format!("Recursive macro call detected. Call chain: {}", chain.join(" > "));
            return self.error(Diagnostic::error(codes::MACRO_RECURSION, expr.span, message));
        }
        let frame = self.frame(definition, in_library, args, expr.span);
        self.frames.push(frame);
        let mut body = definition.body.clone();
        self.block(&mut body);
        self.frames.pop();
        let span = body.span;
        let body = match body.value {
            // The value alone, so that a literal stays one.
            Some(value) if body.stmts.is_empty() => value,
            _ => Box::new(Expr { kind: ExprKind::Block(body), span }),
        };
        expr.kind = ExprKind::Expanded { name: name.clone(), call: expr.span, body };
    }

    fn frame(&mut self, definition: &Macro, in_library: bool, args: Vec<Arg>, call: Span) -> Frame {
        let name = definition.name.name.clone();
        let text = definition.body.span.file;
        let first = self.used.insert(definition.body.span);
        let file = if first { text } else { self.sources.alias(text).unwrap_or(text) };
        let mut frame = Frame {
            arity: args.len(),
            call,
            file: (text, file),
            in_library,
            exprs: HashMap::new(),
            vars: HashMap::new(),
            params: HashSet::new(),
            maps: HashMap::new(),
            name,
        };
        for (param, arg) in definition.params.iter().zip(args) {
            match (param, arg) {
                (MacroParam::Var(param), Arg::Expr(Expr { kind: ExprKind::Var(var), .. })) => {
                    frame.params.insert(param.name.clone());
                    frame.vars.insert(param.name.clone(), var);
                }
                (MacroParam::Map(param), Arg::Expr(Expr { kind: ExprKind::Map(map), .. })) => {
                    frame.maps.insert(param.name.clone(), map);
                }
                (param, arg) => {
                    frame.exprs.insert(table::param_text(param).1.name.clone(), arg);
                }
            }
        }
        let mut own = Vec::new();
        declared(&definition.body, &mut own);
        for var in own {
            if !frame.vars.contains_key(&var) {
                let unique = self.unique(&frame.name, &var);
                frame.vars.insert(var, unique);
            }
        }
        frame
    }

    /// A name that no variable has yet.
    fn unique(&mut self, name: &str, var: &str) -> String {
        let plain = format!("{name}_{var}");
        let mut unique = plain.clone();
        let mut count = 1;
        while !self.names.insert(unique.clone()) {
            count += 1;
            unique = format!("{plain}_{count}");
        }
        unique
    }

    fn mismatch(&mut self, call: Span, closest: &Macro, args: &[Arg]) {
        let name = &closest.name.name;
        let message = format!("Call to {name}() has arguments that do not match any definition.");
        let error = Diagnostic::error(codes::MACRO_ARGUMENTS, call, message);
        let error = match table::mismatch(closest, args).filter(|_| args.len() == closest.params.len()) {
            Some((at, param, expected, is)) => {
                let span = match &args[at] {
                    Arg::Expr(expr) => expr.span,
                    Arg::Type(ty) => ty.span,
                };
                let (text, _) = table::param_text(&closest.params[at]);
                error
                    .with(span, format!("Mismatched arg. {name}() expects {expected} for arg {text} but got {is}."))
                    .with(param.span, "This is the argument in the closest definition.")
            }
            None => {
                let (expected, got) = (closest.params.len(), args.len());
                let text = format!(
                    "The closest definition of {name}() has a different number of arguments. Expected: {expected} but got {got}"
                );
                error.with(table::head(closest), text)
            }
        };
        self.error(error);
    }

    // ---- Names ----

    fn in_library(&self) -> bool {
        self.frames.last().is_some_and(|frame| frame.in_library)
    }

    fn rename_var(&self, name: &mut String) {
        if let Some(outside) = self.frames.last().and_then(|frame| frame.vars.get(name)) {
            name.clone_from(outside);
        }
    }

    /// A macro sees the maps that it was passed, no others.
    fn rename_map(&mut self, map: &mut Ident) {
        self.at(&mut map.span);
        let Some(frame) = self.frames.last() else { return };
        match frame.maps.get(&map.name) {
            Some(outside) => map.name.clone_from(outside),
            None => {
                let message = format!(
                    "Unhygienic access to map: @{}. Maps must be passed into the macro as arguments.",
                    map.name
                );
                self.error(Diagnostic::error(codes::MACRO_HYGIENE, map.span, message));
            }
        }
    }

    fn check_shadowing(&mut self, var: &Ident, stmt: Span) {
        if self.frames.last().is_some_and(|frame| frame.params.contains(&var.name)) {
            let span = Span { end: var.span.end, ..stmt };
            let message = format!("Variable declaration shadows macro arg ${}", var.name);
            self.error(Diagnostic::error(codes::MACRO_BODY, span, message));
        }
    }

    // ---- Messages ----

    /// Adds an error, with the uses of macros that led to it.
    fn error(&mut self, mut error: Diagnostic) {
        for frame in self.frames.iter().rev() {
            error = error.with(frame.call, "expanded from");
        }
        self.diagnostics.push(error);
    }

    /// Counts what expansion makes: macros that double their argument can fill any memory.
    fn spend(&mut self, nodes: usize, span: Span) -> bool {
        if self.budget >= nodes {
            self.budget -= nodes;
            return true;
        }
        self.budget = 0;
        if !self.exhausted {
            self.exhausted = true;
            let span = self.frames.first().map_or(span, |frame| frame.call);
            self.diagnostics.push(Diagnostic::error(codes::MACRO_RECURSION, span, "Macros expand to too much code"));
        }
        false
    }
}

/// The names of variables that a macro makes: those it declares, assigns or loops over.
fn declared(block: &Block, names: &mut Vec<String>) {
    visit::block(block, &mut |_| {}, &mut |name| names.push(name.to_string()));
}

/// Every name of a variable in a script, macros not counted.
fn script_variables(script: &Script) -> HashSet<String> {
    let mut names = HashSet::new();
    let mut add = |expr: &Expr| {
        if let ExprKind::Var(name) = &expr.kind {
            names.insert(name.clone());
        }
    };
    let mut declared = Vec::new();
    for probe in &script.probes {
        probe.predicate.iter().for_each(|predicate| visit::expr(predicate, &mut add, &mut |_| {}));
        visit::block(&probe.body, &mut add, &mut |name| declared.push(name.to_string()));
    }
    for function in &script.functions {
        declared.extend(function.params.iter().map(|(name, _)| name.name.clone()));
        visit::block(&function.body, &mut add, &mut |name| declared.push(name.to_string()));
    }
    names.extend(declared);
    names
}

/// The number of nodes in an expression.
fn size(expr: &Expr) -> usize {
    let mut nodes = 0;
    visit::expr(expr, &mut |_| nodes += 1, &mut |_| {});
    nodes
}
