//! Fields, items and elements.

use super::lower::{Lower, constant, poison};
use super::programs::is_char;
use super::widen::shown;
use crate::codes;
use crate::diagnostics::Diagnostic;
use crate::program::{ContextField, Expr, ExprKind, FieldStep};
use crate::source::Span;
use crate::syntax::ast::{self, Ident};
use crate::types::{AddressSpace, Origin, StructName, Type};

impl Lower<'_> {
    /// `base.field`, `base->field`
    pub fn field(&mut self, base: &ast::Expr, field: &Ident, span: Span) -> Expr {
        if let ast::ExprKind::Ident(name) = &base.kind {
            match name.as_str() {
                "args" | "__builtin_args" => return self.argument_field(field, base.span, span),
                "ctx" | "__builtin_ctx" if self.probe.context.is_some() => return self.context_field(field, span),
                _ => {}
            }
        }
        let value = self.expr(base);
        self.field_of(value, field, span)
    }

    /// A field of a value: of a struct, behind a pointer, or of a record.
    pub fn field_of(&mut self, value: Expr, field: &Ident, span: Span) -> Expr {
        if self.is_poison(&value) {
            return poison(span);
        }
        match value.ty.clone() {
            Type::Record(fields) => match fields.iter().position(|(name, _)| *name == field.name) {
                Some(index) => {
                    let ty = fields[index].1.clone();
                    Expr { ty, kind: ExprKind::Item { base: Box::new(value), index }, span }
                }
                None => {
                    let near = super::names::nearest(&field.name, fields.iter().map(|(name, _)| name.as_str()));
                    self.unknown_field(span, format!("Record does not contain a field named '{}'", field.name), near)
                }
            },
            Type::Struct(name) => match self.field_path(&name, field, span) {
                Some((path, ty)) => self.step_into(value, path, ty, span),
                None => poison(span),
            },
            Type::Pointer { to, .. } => match *to {
                Type::Struct(name) => match self.field_path(&name, field, span) {
                    Some((path, ty)) => self.behind(value, path, ty, span),
                    None => poison(span),
                },
                ty @ Type::Record(_) => {
                    let record = Expr { ty, kind: ExprKind::Deref(Box::new(value)), span };
                    self.field_of(record, field, span)
                }
                _ => self.no_fields(&value.ty, field, span),
            },
            _ => self.no_fields(&value.ty, field, span),
        }
    }

    fn no_fields(&mut self, ty: &Type, field: &Ident, span: Span) -> Expr {
        let message = format!("Can not access field '{}' on expression of type '{}'", field.name, shown(ty));
        self.error(codes::UNKNOWN_FIELD, span, message)
    }

    fn unknown_field(&mut self, span: Span, message: String, near: Option<String>) -> Expr {
        let error = Diagnostic::error(codes::UNKNOWN_FIELD, span, message);
        self.report(match near {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error,
        });
        poison(span)
    }

    /// The members that lead to a field, through anonymous ones, and its type.
    pub fn field_path(&mut self, name: &StructName, field: &Ident, span: Span) -> Option<(Vec<FieldStep>, Type)> {
        let Some(def) = self.structure(name) else {
            self.error(codes::UNKNOWN_TYPE, span, format!("Cannot resolve unknown type \"{}\"", name.0));
            return None;
        };
        if let Some(found) = self.find_member(name, &field.name) {
            return Some(found);
        }
        let near = super::names::nearest(&field.name, def.fields.iter().map(|field| field.name.as_str()));
        let message = format!("Struct/union of type '{}' does not contain a field named '{}'", name.0, field.name);
        if near.is_none() && def.origin == Origin::Kernel {
            let hint = "kernels differ in it: `--kernel host`, or the file of another, compiles for one that has it";
            self.report(Diagnostic::error(codes::UNKNOWN_FIELD, span, message).hint(hint));
        } else {
            self.unknown_field(span, message, near);
        }
        None
    }

    /// A member by name, looked up through anonymous members.
    pub fn find_member(&mut self, name: &StructName, field: &str) -> Option<(Vec<FieldStep>, Type)> {
        let def = self.structure(name)?;
        if let Some(at) = def.fields.iter().position(|known| known.name == field) {
            return Some((vec![FieldStep { parent: name.clone(), field: at }], def.fields[at].ty.clone()));
        }
        for (at, member) in def.fields.iter().enumerate().filter(|(_, member)| member.name.is_empty()) {
            if let Type::Struct(inner) = &member.ty
                && let Some((mut path, ty)) = self.find_member(inner, field)
            {
                path.insert(0, FieldStep { parent: name.clone(), field: at });
                return Some((path, ty));
            }
        }
        None
    }

    /// A member of a struct by value; what the value was read from is read further instead.
    fn step_into(&mut self, value: Expr, path: Vec<FieldStep>, ty: Type, span: Span) -> Expr {
        match value.kind {
            ExprKind::FieldOf { pointer, path: mut before } => {
                before.extend(path);
                self.behind(*pointer, before, ty, span)
            }
            ExprKind::Deref(pointer) => self.behind(*pointer, path, ty, span),
            ExprKind::Context(ContextField::Member(mut before)) => {
                before.extend(path);
                self.read(ExprKind::Context(ContextField::Member(before)), ty, AddressSpace::Kernel, span)
            }
            kind => {
                let base = Box::new(Expr { ty: value.ty, kind, span: value.span });
                let space = self.default_space();
                self.read(ExprKind::Member { base, path }, ty, space, span)
            }
        }
    }

    /// A member behind a pointer.
    fn behind(&mut self, pointer: Expr, path: Vec<FieldStep>, ty: Type, span: Span) -> Expr {
        let space = match &pointer.ty {
            Type::Pointer { space: AddressSpace::Bpf, .. } => self.default_space(),
            Type::Pointer { space, .. } => *space,
            _ => AddressSpace::None,
        };
        self.read(ExprKind::FieldOf { pointer: Box::new(pointer), path }, ty, space, span)
    }

    /// What a member reads as: character arrays are strings, pointers lie where their struct lies.
    fn read(&mut self, kind: ExprKind, ty: Type, space: AddressSpace, span: Span) -> Expr {
        self.know_type(&ty);
        match ty {
            Type::Array { ref of, len } if is_char(of) && len > 0 => {
                let array = Expr { ty: ty.clone(), kind, span };
                Expr { ty: Type::String { capacity: len }, kind: ExprKind::Cast(Box::new(array)), span }
            }
            Type::Pointer { .. } => Expr { ty: super::programs::in_space(ty, space), kind, span },
            ty => Expr { ty, kind, span },
        }
    }

    /// `args.field`
    fn argument_field(&mut self, field: &Ident, args_span: Span, span: Span) -> Expr {
        let Some(args) = self.probe.args.clone() else { return self.no_args(args_span) };
        match args.iter().find(|arg| arg.name == field.name) {
            Some(arg)
                if arg.name.starts_with("common_") && self.probe.provider == super::attach::Provider::Tracepoint =>
            {
                self.error(codes::UNKNOWN_FIELD, span, "BPF does not support accessing common tracepoint fields")
            }
            Some(arg) if arg.ty == Type::Void => {
                self.error(codes::TYPE_MISMATCH, span, format!("{} has unsupported type", field.name))
            }
            Some(arg) => {
                self.know_type(&arg.ty);
                self.know_source(&arg.source);
                self.argument(arg.ty.clone(), arg.source.clone(), span)
            }
            None if self.probe.provider == super::attach::Provider::Uprobe => {
                let near = super::names::nearest(&field.name, args.iter().map(|arg| arg.name.as_str()));
                self.unknown_field(span, format!("Can't find function parameter {}", field.name), near)
            }
            None => {
                let near = super::names::nearest(&field.name, args.iter().map(|arg| arg.name.as_str()));
                let target = self.probe.targets.first().map(|target| super::attach::plain(&target.display));
                let message = format!(
                    "Struct/union of type 'struct {}_args' does not contain a field named '{}'",
                    target.unwrap_or_default(),
                    field.name
                );
                self.unknown_field(span, message, near)
            }
        }
    }

    fn argument(&mut self, ty: Type, source: ContextField, span: Span) -> Expr {
        self.note_context(&source, &ty);
        if let ContextField::Arg(n) = &source {
            self.max_arg = self.max_arg.max(Some(*n));
            // A register holds it: brought to its type.
            let raw = Expr { ty: Type::U64, kind: ExprKind::Context(source), span };
            return self.coerce(raw, &ty);
        }
        match (&source, &ty) {
            (ContextField::Member(_), Type::String { capacity }) => {
                let array = Type::Array { of: Box::new(Type::Int(crate::types::IntType::I8)), len: *capacity };
                let raw = Expr { ty: array, kind: ExprKind::Context(source), span };
                Expr { ty, kind: ExprKind::Cast(Box::new(raw)), span }
            }
            _ => Expr { ty, kind: ExprKind::Context(source), span },
        }
    }

    fn know_source(&mut self, source: &ContextField) {
        if let ContextField::Member(path) | ContextField::DataLoc(path) = source {
            for step in path {
                self.structure(&step.parent);
            }
        }
    }

    fn no_args(&mut self, span: Span) -> Expr {
        use super::attach::Provider::*;
        let takes = matches!(self.probe.provider, Tracepoint | RawTracepoint | Fentry | Fexit | Uprobe);
        if takes {
            // Told where the attach point was looked up.
            let message = self.probe.args_missing.clone().unwrap_or_else(|| {
                "The args builtin is not available here: the probe's arguments are not known".into()
            });
            return self.error(codes::WRONG_PROBE, span, message);
        }
        let kind = self.probe.provider.type_name();
        self.wrong_probe(
            span,
            format!(
                "The args builtin can only be used with tracepoint, rawtracepoint, fentry/fexit, and uprobe probes \
                 ({kind} used here)"
            ),
        )
    }

    /// `args` as a whole: a record.
    pub fn all_arguments(&mut self, span: Span) -> Expr {
        let Some(args) = self.probe.args.clone() else { return self.no_args(span) };
        let mut types = Vec::new();
        let mut items = Vec::new();
        for arg in args.iter().filter(|arg| !arg.name.starts_with("common_") && arg.ty != Type::Void) {
            self.know_type(&arg.ty);
            self.know_source(&arg.source);
            types.push((arg.name.clone(), arg.ty.clone()));
            items.push(self.argument(arg.ty.clone(), arg.source.clone(), span));
        }
        Expr { ty: Type::Record(types), kind: ExprKind::Aggregate(items), span }
    }

    /// `ctx.field` of an iterator.
    fn context_field(&mut self, field: &Ident, span: Span) -> Expr {
        let Some(name) = self.probe.context.clone() else { return poison(span) };
        match self.field_path(&name, field, span) {
            Some((path, ty)) => {
                self.read(ExprKind::Context(ContextField::Member(path)), ty, AddressSpace::Kernel, span)
            }
            None => poison(span),
        }
    }

    /// `t.0`
    pub fn item(&mut self, base: Expr, index: u64, span: Span) -> Expr {
        if self.is_poison(&base) {
            return poison(span);
        }
        let types: Vec<Type> = match &base.ty {
            Type::Tuple(items) => items.clone(),
            ty => {
                let message = format!("Can not access index '{index}' on expression of type '{}'", shown(ty));
                return self.error(codes::UNKNOWN_FIELD, span, message);
            }
        };
        let at = index as usize;
        match types.get(at) {
            Some(ty) => Expr { ty: ty.clone(), kind: ExprKind::Item { base: Box::new(base), index: at }, span },
            None => {
                let message = format!("Invalid tuple index: {index}. Found {} elements in tuple.", types.len());
                self.error(codes::OUT_OF_BOUNDS, span, message)
            }
        }
    }

    /// `a[i]`
    pub fn index(&mut self, base: &ast::Expr, index: &ast::Expr, span: Span) -> Expr {
        let value = self.expr(base);
        let at = self.expr(index);
        if self.is_poison(&value) || self.is_poison(&at) {
            return poison(span);
        }
        let known = super::fold::constant_int(&at);
        match value.ty.clone() {
            Type::Record(_) => {
                let written = self.sources.text(index.span).to_owned();
                let message = format!("Can not access index '{written}' on expression of type '{}'", shown(&value.ty));
                self.error(codes::UNKNOWN_FIELD, span, message)
            }
            Type::Tuple(_) => match known {
                Some(n) if n >= 0 => self.item(value, n as u64, span),
                _ => self.error(
                    codes::NOT_CONSTANT,
                    span,
                    "Array-style access for tuples only valid for integer literals",
                ),
            },
            Type::Pointer { to, .. } => {
                if *to == Type::Void {
                    let message =
                        "The array index operator [] cannot be used on a pointer to an unsized type (void *).";
                    return self.error(codes::OPERAND, span, message);
                }
                if !matches!(at.ty, Type::Int(_)) || known.is_some_and(|n| n < 0) {
                    return self.bad_index(&at, span);
                }
                let ty = value.ty.clone();
                let offset = self.coerce(at, &Type::I64);
                let pointer = self.pointer_offset(value, offset, ty, span);
                let element = self.deref(pointer, span);
                self.settle_element(element)
            }
            Type::Array { of, len } => self.array_element(value, *of, len, at, known, span),
            Type::String { capacity } => {
                if !matches!(at.ty, Type::Int(_)) || known.is_some_and(|n| n < 0) {
                    return self.bad_index(&at, span);
                }
                if let Some(n) = known
                    && n >= i64::from(capacity)
                {
                    let message = format!("the index {n} is out of bounds for array of size {capacity}");
                    return self.error(codes::OUT_OF_BOUNDS, span, message);
                }
                if let (ExprKind::Str(bytes), Some(n)) = (&value.kind, known) {
                    let byte = bytes.get(n as usize).copied().unwrap_or(0) as i8;
                    let literal = constant(i64::from(byte), Type::Int(crate::types::IntType::I8), span);
                    return Expr { ty: literal.ty.clone(), kind: ExprKind::Cast(Box::new(literal)), span };
                }
                let index = Box::new(self.coerce(at, &Type::I64));
                let ty = Type::Int(crate::types::IntType::I8);
                Expr { ty, kind: ExprKind::Element { base: Box::new(value), index }, span }
            }
            ty => {
                let message = format!(
                    "The array index operator [] can only be used on arrays, pointers, and tuples, found {}.",
                    shown(&ty)
                );
                self.error(codes::OPERAND, span, message)
            }
        }
    }

    fn bad_index(&mut self, at: &Expr, span: Span) -> Expr {
        let message =
            format!("The array index operator [] only accepts non-negative integer indices. Got: {}", shown(&at.ty));
        self.error(codes::OPERAND, span, message)
    }

    fn array_element(&mut self, value: Expr, of: Type, len: u32, at: Expr, known: Option<i64>, span: Span) -> Expr {
        if !matches!(at.ty, Type::Int(_) | Type::Enum { .. }) || known.is_some_and(|n| n < 0) {
            return self.bad_index(&at, span);
        }
        if let Some(n) = known
            && len > 0
            && n >= i64::from(len)
        {
            let message = format!("the index {n} is out of bounds for array of size {len}");
            return self.error(codes::OUT_OF_BOUNDS, span, message);
        }
        let offset = self.coerce(at, &Type::I64);
        // A known element, or one of an array without a length, is read where it lies.
        let value = if known.is_some() || len == 0 {
            match self.address(value) {
                Ok((address, space)) => {
                    let ty = Type::Pointer { to: Box::new(of), space };
                    let address = as_pointer(address, &ty);
                    let pointer = self.pointer_offset(address, offset, ty, span);
                    let element = self.deref(pointer, span);
                    return self.settle_element(element);
                }
                Err(value) => value,
            }
        } else {
            value
        };
        self.know_type(&of);
        let element = Expr { ty: of, kind: ExprKind::Element { base: Box::new(value), index: Box::new(offset) }, span };
        self.settle_element(element)
    }

    /// Character arrays read as strings, also as elements.
    fn settle_element(&mut self, element: Expr) -> Expr {
        match &element.ty {
            Type::Array { of, len } if is_char(of) && *len > 0 => {
                let (span, capacity) = (element.span, *len);
                Expr { ty: Type::String { capacity }, kind: ExprKind::Cast(Box::new(element)), span }
            }
            _ => element,
        }
    }

    /// The address of a value that lies in memory, and where that is; other values are given back.
    pub fn address(&mut self, value: Expr) -> Result<(Expr, AddressSpace), Expr> {
        let Expr { ty, kind, span } = value;
        let space_of = |pointer: &Expr| match &pointer.ty {
            Type::Pointer { space, .. } => *space,
            _ => AddressSpace::None,
        };
        match kind {
            ExprKind::FieldOf { pointer, path } => {
                let space = space_of(&pointer);
                let ty = Type::Pointer { to: Box::new(ty), space };
                Ok((Expr { ty, kind: ExprKind::FieldAddress { pointer, path }, span }, space))
            }
            ExprKind::Deref(pointer) => {
                let space = space_of(&pointer);
                Ok((*pointer, space))
            }
            kind => Err(Expr { ty, kind, span }),
        }
    }
}

/// An address as a pointer of another type; what it was computed with keeps its own.
pub(crate) fn as_pointer(address: Expr, ty: &Type) -> Expr {
    let span = address.span;
    match address.kind {
        ExprKind::FieldAddress { .. } => Expr { ty: ty.clone(), ..address },
        _ if address.ty == *ty => address,
        _ => Expr { ty: ty.clone(), kind: ExprKind::Cast(Box::new(address)), span },
    }
}
