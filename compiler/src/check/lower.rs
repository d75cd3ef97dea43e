//! The state of one walk over a script: what passes know of types, and the program that comes of it.

use super::attach::Provider;
use super::config::Settings;
use super::ctypes::Definitions;
use super::scope::{Inferred, LocalState, MapState};
use super::widen;
use crate::Options;
use crate::codes;
use crate::diagnostics::{Code, Diagnostic, Diagnostics};
use crate::kernel::{Host, Kernel};
use crate::program::{
    Action, ActionId, ActionKind, ContextField, Expr, ExprKind, LocalId, Setting, SettingId, SettingSource, Stmt,
    StmtKind, StringId, Target,
};
use crate::source::{Sources, Span};
use crate::types::{Origin, StructDef, StructName, StructTable, Type};
use std::collections::{BTreeMap, HashMap};

/// One walk over the script. Walks are repeated until types stand still; the last one's result is the program.
pub(crate) struct Lower<'a> {
    pub settings: &'a Settings,
    pub definitions: &'a Definitions,
    pub options: &'a Options,
    pub kernel: &'a dyn Kernel,
    pub host: &'a dyn Host,
    pub sources: &'a Sources,
    pub diagnostics: Diagnostics,
    /// What the walk before found.
    pub previous: &'a Inferred,
    /// No types are unknown any more: what is left unknown is an error.
    pub last: bool,
    pub maps: Vec<MapState>,
    pub map_index: HashMap<String, usize>,
    pub actions: Vec<Action>,
    pub strings: Vec<String>,
    pub rodata: Vec<Setting>,
    pub structs: StructTable,
    pub enums: BTreeMap<String, Vec<(String, i64)>>,
    pub is_unsafe: bool,
    /// The program being lowered.
    pub probe: ProbeContext,
    pub program: usize,
    pub locals: Vec<LocalState>,
    /// Variables by name, innermost block last.
    pub scopes: Vec<HashMap<String, LocalId>>,
    pub loops: usize,
    /// Uses of macros that led here, outermost first.
    pub trail: Vec<Span>,
    /// See [`crate::program::Program::trails`].
    pub trails: BTreeMap<Span, Vec<Span>>,
    /// Statements that must run before the expression at hand.
    pub uses_cookie: bool,
    pub max_arg: Option<u32>,
    /// The program at hand does what only a trampoline can.
    pub needs_trampoline: bool,
    /// Of each program: it can do without a trampoline, or has none.
    pub steps_down: Vec<bool>,
    /// Maps that something was stored in, anywhere in the script (by the walk before).
    pub assigned_anywhere: std::collections::HashSet<String>,
    /// Maps that keep parameters as they were given.
    pub shown_maps: &'a [String],
    /// Variables (program, number) that nothing gave a type.
    pub untyped: std::collections::HashSet<(usize, usize)>,
    /// The statement at hand is the last of its block.
    pub last_stmt: bool,
    /// The expression at hand is asked for its type alone.
    pub unevaluated: usize,
    /// Diagnostics are not wanted now.
    pub quiet: usize,
}

/// What a body may ask of its probe.
#[derive(Clone, Debug)]
pub(crate) struct ProbeContext {
    pub provider: Provider,
    pub targets: Vec<Target>,
    /// `args.NAME`
    pub args: Option<Vec<ArgField>>,
    /// Why there are none.
    pub args_missing: Option<String>,
    /// `ctx` of an iterator.
    pub context: Option<StructName>,
    /// `retval` of fexit.
    pub result: Option<Type>,
    /// `probe`, where it is known.
    pub probe_name: Option<String>,
    /// `func`, where it is known.
    pub func_name: Option<String>,
    /// Structs that the probed binary's debug information describes.
    pub structs: Vec<StructDef>,
    /// A raw tracepoint's or function's parameters, for `argN`.
    pub parameters: usize,
}

/// An argument of a probe.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ArgField {
    pub name: String,
    pub ty: Type,
    pub source: ContextField,
}

impl Lower<'_> {
    /// Reports an error; the value stands for what could not be made.
    pub fn error(&mut self, code: Code, span: Span, message: impl Into<String>) -> Expr {
        self.report(Diagnostic::error(code, span, message));
        poison(span)
    }

    pub fn warn(&mut self, code: Code, span: Span, message: impl Into<String>) {
        // Nothing is converted where only a type is asked for.
        if self.unevaluated > 0 && matches!(code, codes::W_CAST | codes::W_SIGN) {
            return;
        }
        self.report(Diagnostic::warning(code, span, message));
    }

    /// Adds a diagnostic, with the macros that led here.
    pub fn report(&mut self, mut diagnostic: Diagnostic) {
        if self.quiet > 0 {
            return;
        }
        for span in self.trail.iter().rev() {
            diagnostic = diagnostic.with(*span, "expanded from");
        }
        self.diagnostics.push(diagnostic);
    }

    /// Notes where an expression of a macro's body is used.
    pub fn note_trail(&mut self, span: Span) {
        // What was passed to the macro lies where the macro is used.
        let passed = |used: &Span| used.file == span.file && used.to(span) == *used;
        if self.trail.is_empty() || self.trail.iter().any(passed) {
            return;
        }
        let trail: Vec<Span> = self.trail.iter().rev().copied().collect();
        let known = self.trails.entry(span).or_insert_with(|| trail.clone());
        if *known != trail {
            known.clear();
        }
    }

    /// Whether an operand is unusable because something else is wrong with it, already told or not known yet.
    pub fn is_poison(&self, expr: &Expr) -> bool {
        expr.ty == Type::Void && (!self.last || matches!(expr.kind, ExprKind::Zero))
    }

    /// A struct's layout, with all that it holds by value put into the program's table.
    pub fn structure(&mut self, name: &StructName) -> Option<StructDef> {
        if let Some(def) = self.structs.get(name) {
            return Some(def.clone());
        }
        // The script's own, else the probed binary's, else the kernel's.
        let declared = self.kernel.structure(name);
        let mut def = match self.probe.structs.iter().find(|def| def.name == *name) {
            Some(probed) if declared.as_ref().is_none_or(|def| def.origin == Origin::Kernel) => probed.clone(),
            _ => declared?,
        };
        // Bitfields read as unsigned numbers, as in bpftrace.
        for field in def.fields.iter_mut().filter(|field| field.bit_width.is_some()) {
            if let Type::Int(int) = &mut field.ty {
                int.signed = false;
            }
        }
        self.structs.insert(name.clone(), def.clone());
        for field in &def.fields {
            self.know_type(&field.ty);
        }
        Some(def)
    }

    /// Puts what a type is made of by value into the tables.
    pub fn know_type(&mut self, ty: &Type) {
        match ty {
            Type::Struct(name) => drop(self.structure(&name.clone())),
            Type::Array { of, .. } => self.know_type(of),
            Type::Tuple(items) => items.iter().for_each(|item| self.know_type(item)),
            Type::Record(fields) => fields.iter().for_each(|(_, ty)| self.know_type(ty)),
            Type::Enum { name, .. } if !self.enums.contains_key(name) => {
                let members = self.kernel.enumeration(name).map(|(_, members)| members);
                self.enums.insert(name.clone(), members.unwrap_or_default());
            }
            _ => {}
        }
    }

    /// Bytes of a value.
    pub fn size_of(&mut self, ty: &Type) -> u32 {
        self.know_type(ty);
        ty.layout(&self.structs).0
    }

    /// The action; one for all programs of a probe where they carry the same.
    pub fn add_action(&mut self, kind: ActionKind, fields: Vec<Type>, span: Span) -> ActionId {
        for field in &fields {
            self.know_type(field);
        }
        let trail = self.trail.iter().rev().copied().collect();
        let action = Action { kind, fields, span, trail };
        let at = self.actions.iter().position(|known| *known == action).unwrap_or_else(|| {
            self.actions.push(action);
            self.actions.len() - 1
        });
        ActionId(at)
    }

    pub fn add_string(&mut self, text: &str) -> StringId {
        let at = self.strings.iter().position(|known| known == text).unwrap_or_else(|| {
            self.strings.push(text.to_owned());
            self.strings.len() - 1
        });
        StringId(at as u32)
    }

    /// The rodata variable of that source, made at first use.
    pub fn add_setting(&mut self, name: &str, source: SettingSource, ty: Type, span: Span) -> SettingId {
        if let Some(at) = self.rodata.iter().position(|known| known.source == source) {
            return SettingId(at);
        }
        let mut unique = identifier(name);
        while self.rodata.iter().any(|known| known.name == unique) {
            unique.push('_');
        }
        self.rodata.push(Setting { name: unique, source, ty, span });
        SettingId(self.rodata.len() - 1)
    }

    /// The type under which a value enters a variable or map: integers made of literals stay loose.
    pub fn infer_type(&self, expr: &Expr) -> Type {
        match (&expr.kind, &expr.ty) {
            (ExprKind::Int(value), Type::Int(int)) if *value >= 0 && int.signed => widen::loose(*int),
            (ExprKind::Local(id), Type::Int(_) | Type::Tuple(_) | Type::Record(_)) => self.local_slot(*id),
            (ExprKind::MapGet { map, .. }, Type::Int(_) | Type::Tuple(_) | Type::Record(_)) => {
                self.map_value_slot(map.0)
            }
            (ExprKind::Aggregate(items), Type::Tuple(_)) => {
                Type::Tuple(items.iter().map(|item| self.infer_type(item)).collect())
            }
            (ExprKind::Aggregate(items), Type::Record(fields)) => Type::Record(
                fields.iter().zip(items).map(|((name, _), item)| (name.clone(), self.infer_type(item))).collect(),
            ),
            (ExprKind::Ternary { then, otherwise, .. }, Type::Int(_)) => {
                widen::join(&self.infer_type(then), &self.infer_type(otherwise)).unwrap_or_else(|| expr.ty.clone())
            }
            (ExprKind::Block(_, value), Type::Int(_)) => self.infer_type(value),
            (ExprKind::Item { base, index }, Type::Int(_)) => match self.infer_type(base) {
                Type::Tuple(items) => items.get(*index).cloned().unwrap_or_else(|| expr.ty.clone()),
                Type::Record(fields) => fields.get(*index).map_or_else(|| expr.ty.clone(), |(_, ty)| ty.clone()),
                _ => expr.ty.clone(),
            },
            _ => expr.ty.clone(),
        }
    }
}

/// What stands for an expression that could not be made.
pub(crate) fn poison(span: Span) -> Expr {
    Expr { ty: Type::Void, kind: ExprKind::Zero, span }
}

/// An integer constant of a type.
pub(crate) fn constant(value: i64, ty: Type, span: Span) -> Expr {
    Expr { ty, kind: ExprKind::Int(value), span }
}

/// A string literal.
pub(crate) fn string(text: impl Into<Vec<u8>>, span: Span) -> Expr {
    let bytes = text.into();
    Expr { ty: Type::String { capacity: bytes.len() as u32 + 1 }, kind: ExprKind::Str(bytes), span }
}

/// A call without a value: the statement in place of an expression.
pub(crate) fn effect(kind: StmtKind, span: Span) -> Expr {
    Expr { ty: Type::Void, kind: ExprKind::Block(vec![Stmt { kind, span }], Box::new(poison(span))), span }
}

/// A call that does nothing and has no value.
pub(crate) fn nothing(span: Span) -> Expr {
    Expr { ty: Type::Void, kind: ExprKind::Block(Vec::new(), Box::new(poison(span))), span }
}

/// Text made fit for a C identifier.
pub(crate) fn identifier(text: &str) -> String {
    let mut name: String = text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect();
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        name.insert(0, '_');
    }
    name
}

impl Lower<'_> {
    /// Refuses a thing that this probe type does not have.
    pub fn wrong_probe(&mut self, span: Span, message: String) -> Expr {
        self.error(codes::WRONG_PROBE, span, message)
    }
}

impl Lower<'_> {
    /// Notes the use of `tseries`, which may still change.
    pub fn unstable_tseries(&mut self, site: &crate::stdlib::CallSite<'_>) -> Option<()> {
        self.unstable(self.settings.unstable_tseries, "tseries", site)
    }

    /// Notes the use of `typeinfo`, which may still change.
    pub fn unstable_typeinfo(&mut self, site: &crate::stdlib::CallSite<'_>) -> Option<()> {
        self.unstable(self.settings.unstable_typeinfo, "typeinfo", site)
    }

    fn unstable(
        &mut self,
        allowed: super::config::Unstable,
        feature: &str,
        site: &crate::stdlib::CallSite<'_>,
    ) -> Option<()> {
        let variable = format!("unstable_{feature}");
        if allowed == super::config::Unstable::Error {
            self.error(codes::UNSTABLE, site.span, super::driver::unstable_refused(feature, &variable));
            return None;
        }
        if allowed == super::config::Unstable::Warn {
            let mut warning = Diagnostic::global_error(
                codes::W_UNSTABLE,
                format!(
                    "Script is using an unstable feature: {feature}. To prevent this warning you must explicitly enable it in \
                     the config e.g. {variable}=enable"
                ),
            );
            warning.severity = crate::diagnostics::Severity::Warning;
            self.diagnostics.push(warning);
        }
        Some(())
    }
}
