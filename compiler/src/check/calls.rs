//! Calls and bare words: the standard library, enumerators, constants.

use super::lower::{Lower, constant, poison, string};
use crate::codes;
use crate::diagnostics::Diagnostic;
use crate::kernel::{Function, Kernel, MacroValue};
use crate::program::{Call, Expr, ExprKind};
use crate::source::Span;
use crate::stdlib::{self, CallSite};
use crate::syntax;
use crate::syntax::ast::{Arg, Ident};
use crate::types::Type;

impl Lower<'_> {
    /// `f(a, b)`
    pub fn call(&mut self, name: &Ident, args: &[Arg], span: Span) -> Expr {
        let Some(entry) = stdlib::lookup(&name.name) else {
            let mut libraries = self.definitions.libraries.iter();
            return match libraries.find_map(|(.., types)| types.function(&name.name)) {
                Some(function) => self.external(name, &function, args, span),
                None => match self.old_name(&name.name, args, span) {
                    Some(value) => value,
                    None => self.unknown_function(&name.name, span),
                },
            };
        };
        if args.len() < entry.least || args.len() > entry.most {
            if entry.is_macro {
                let told = format!("Call to {}() has arguments that do not match any definition.", name.name);
                let hint = format!(
                    "The closest definition of {}() has a different number of arguments. Expected: {} but got {}",
                    name.name,
                    args.len().clamp(entry.least, entry.most),
                    args.len()
                );
                return self.report_with_hint(codes::ARGUMENT_COUNT, span, told, &hint);
            }
            let message = wrong_count(&name.name, args.len(), entry.least, entry.most);
            return self.error(codes::ARGUMENT_COUNT, span, message);
        }
        if entry.is_unsafe {
            if !self.options.allow_unsafe {
                let message = format!("{}() is an unsafe function being used in safe mode", name.name);
                return self.report_with_hint(codes::UNSAFE, span, message, "use --unsafe to allow it");
            }
            self.is_unsafe = true;
        }
        (entry.lower)(self, &CallSite { name: entry.name, args, span })
    }

    /// A function of imported C.
    fn external(&mut self, name: &Ident, function: &Function, args: &[Arg], span: Span) -> Expr {
        let (wanted, found) = (function.params.len(), args.len());
        if wanted != found {
            let message = format!("Function `{}` requires {wanted} arguments, got only {found}", name.name);
            return self.error(codes::ARGUMENT_COUNT, span, message);
        }
        let mut values = Vec::new();
        for (arg, (parameter, ty)) in args.iter().zip(&function.params) {
            let Arg::Expr(arg) = arg else {
                return self.error(codes::ARGUMENT_TYPE, span, format!("{}() expects values, not types", name.name));
            };
            let value = self.expr(arg);
            let fits = match (&value.ty, ty) {
                (Type::Bool, to) => *to == Type::Bool,
                (Type::Pointer { to: a, .. }, Type::Pointer { to: b, .. }) => a == b,
                (Type::Pointer { .. }, _) | (_, Type::Pointer { .. }) => false,
                (from, to) if from.is_scalar() && to.is_scalar() => true,
                (from, to) => from == to,
            };
            if self.is_poison(&value) {
                return value;
            }
            if !fits {
                let parameter = match parameter.as_str() {
                    "" => (values.len() + 1).to_string(),
                    name => format!("`{name}`"),
                };
                let (wanted, got) = (super::shown(ty), super::shown(&value.ty));
                let types: Vec<String> = function.params.iter().map(|(_, ty)| super::shown(ty)).collect();
                let message = format!("Expected {wanted} for argument {parameter} got {got}");
                let message = Diagnostic::error(codes::ARGUMENT_TYPE, arg.span, message);
                self.report(message.hint(format!(
                    "Function `{}` requires arguments ({})",
                    name.name,
                    types.join(", ")
                )));
                return poison(span);
            }
            self.warn_declared(&value, ty);
            let value = self.coerce(value, ty);
            values.push(value);
        }
        let call = Call::External { function: name.name.clone(), args: values };
        Expr { ty: function.result.clone(), kind: ExprKind::Call(call), span }
    }

    pub fn report_with_hint(
        &mut self,
        code: crate::diagnostics::Code,
        span: Span,
        message: String,
        hint: &str,
    ) -> Expr {
        self.report(Diagnostic::error(code, span, message).hint(hint));
        poison(span)
    }

    fn unknown_function(&mut self, name: &str, span: Span) -> Expr {
        let error = Diagnostic::error(codes::UNKNOWN_FUNCTION, span, format!("Unknown function: '{name}'"));
        let near = super::names::nearest(name, stdlib::names());
        self.report(match near {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error,
        });
        poison(span)
    }

    /// What scripts of 2018 called `kstack`, `probe` and `ksym`: taken where the name means nothing else.
    fn old_name(&mut self, name: &str, args: &[Arg], span: Span) -> Option<Expr> {
        let new = match (name, args) {
            ("stack", _) => "kstack",
            ("name", []) => "probe",
            ("sym", [_]) => "ksym",
            _ => return None,
        };
        let entry = stdlib::lookup(new).filter(|entry| (entry.least..=entry.most).contains(&args.len()))?;
        let warning = Diagnostic::warning(codes::W_DEPRECATED, span, format!("`{name}` is deprecated, use `{new}`"));
        self.report(warning);
        Some((entry.lower)(self, &CallSite { name: entry.name, args, span }))
    }

    /// A bare word.
    pub fn name(&mut self, name: &str, span: Span) -> Expr {
        if let Some(number) = argument_number(name) {
            return self.argument_number(number, name, span);
        }
        if let Some(entry) = stdlib::lookup(name)
            && entry.least == 0
        {
            return (entry.lower)(self, &CallSite { name: entry.name, args: &[], span });
        }
        if let Some(value) = self.definitions.macros.get(name).cloned() {
            return self.c_macro(name, value, span);
        }
        if let Some((ty, value)) = self.kernel.enumerator(name) {
            self.know_type(&ty);
            return self.kernel_enumerator(name, ty, value, span);
        }
        if let Some(value) = self.kernel.constant(name) {
            return constant(value, Type::Int(super::widen::literal_type(value)), span);
        }
        if let Some(text) = crate::kernel::constants::derived(name) {
            return self.c_macro(name, MacroValue::Text(text.to_owned()), span);
        }
        if let Some(value) = self.old_name(name, &[], span) {
            return value;
        }
        let error = Diagnostic::error(codes::UNKNOWN_NAME, span, format!("Unknown identifier: '{name}'"));
        let near = super::names::nearest(name, stdlib::names());
        self.report(match near {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error,
        });
        poison(span)
    }

    /// Settled at load where the enum is the kernel's: its values differ between kernels.
    fn kernel_enumerator(&mut self, name: &str, ty: Type, value: i64, span: Span) -> Expr {
        match &ty {
            Type::Enum { name: enumeration, .. }
                if !enumeration.contains(' ') && self.kernel.is_kernel_enumeration(enumeration) =>
            {
                let (enumeration, enumerator) = (enumeration.clone(), name.to_owned());
                let call = Call::KernelEnumValue { enumeration, enumerator, value };
                Expr { ty, kind: ExprKind::Call(call), span }
            }
            _ => constant(value, ty, span),
        }
    }

    fn c_macro(&mut self, name: &str, value: MacroValue, span: Span) -> Expr {
        match value {
            MacroValue::Int(value) => constant(value, Type::Int(super::widen::literal_type(value)), span),
            MacroValue::Str(text) => string(text, span),
            MacroValue::Text(text) => match syntax::parse_expression(&text, span) {
                // A macro may name another, but not without end.
                Some(body) if self.trail.len() < 64 => {
                    self.trail.push(span);
                    let value = self.expr(&body);
                    self.trail.pop();
                    value
                }
                _ => self.error(
                    codes::UNKNOWN_NAME,
                    span,
                    format!("unable to expand macro '{name}' as an expression: {text}"),
                ),
            },
        }
    }

    /// Arguments of a call as values; a type among them is reported.
    pub fn values(&mut self, site: &CallSite<'_>) -> Option<Vec<Expr>> {
        let mut out = Vec::new();
        for arg in site.args {
            out.push(self.value(site, arg)?);
        }
        Some(out)
    }

    /// One argument as a value; none when it is unusable (and told).
    pub fn value(&mut self, site: &CallSite<'_>, arg: &Arg) -> Option<Expr> {
        match arg {
            Arg::Expr(expr) => {
                let value = self.expr(expr);
                (!self.is_poison(&value)).then_some(value)
            }
            Arg::Type(ty) => {
                self.error(codes::ARGUMENT_TYPE, ty.span, format!("{}() expects a value, not a type", site.name));
                None
            }
        }
    }

    /// A string literal; anything else is reported.
    pub fn literal_text(&mut self, site: &CallSite<'_>, at: usize) -> Option<Vec<u8>> {
        let value = self.value(site, site.args.get(at)?)?;
        match value.kind {
            ExprKind::Str(text) => Some(text),
            _ => {
                let message = format!(
                    "{}() expects a string literal ({} provided)",
                    site.name,
                    super::widen::kind_name(&value.ty)
                );
                self.error(codes::ARGUMENT_TYPE, site.span, message);
                None
            }
        }
    }
}

/// `arg0` → 0
fn argument_number(name: &str) -> Option<u32> {
    let digits = name.strip_prefix("arg")?;
    if digits.is_empty() || !digits.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

/// That a call has too few or too many arguments.
pub(crate) fn wrong_count(name: &str, found: usize, least: usize, most: usize) -> String {
    let count = |n: usize| match n {
        0 => "no arguments".to_owned(),
        1 => "one argument".to_owned(),
        n => format!("{n} arguments"),
    };
    if least == most {
        format!("{name}() requires {} ({found} provided)", count(least))
    } else if found < least {
        format!("{name}() requires at least {} ({found} provided)", count(least))
    } else {
        format!("{name}() takes up to {} ({found} provided)", count(most))
    }
}
