//! Maps: reading, keys, addresses, `++`.

use super::expr::{tuple, wide};
use super::lower::{Lower, poison};
use crate::codes;
use crate::diagnostics::Diagnostic;
use crate::program::{Expr, ExprKind, MapId};
use crate::source::Span;
use crate::syntax::ast;
use crate::types::{AddressSpace, Aggregate, IntType, Type};

impl Lower<'_> {
    /// `@m`, `@m[k]` as a value.
    pub fn map_value(&mut self, name: &str, keys: Option<&[ast::Expr]>, name_span: Span, span: Span) -> Expr {
        let (map, key) = self.map_place(name, keys, if keys.is_some() { span } else { name_span });
        self.maps[map.0].used = true;
        self.read_map(map, key, name_span, span)
    }

    /// The map and its key, brought to the map's key type.
    pub fn map_place(&mut self, name: &str, keys: Option<&[ast::Expr]>, name_span: Span) -> (MapId, Option<Expr>) {
        let map = self.map_named(name, name_span);
        let key = keys.map(|keys| self.map_key(map, keys, name_span));
        if key.is_none() {
            self.shape_map(map, false, name_span);
        }
        (map, key)
    }

    /// A key as written, brought to the map's key type.
    pub fn map_key(&mut self, map: MapId, keys: &[ast::Expr], name_span: Span) -> Expr {
        let mut values = Vec::new();
        for key in keys {
            let ast::ExprKind::Param(_) = key.kind else {
                let value = self.expr(key);
                if self.is_numberless(&value) {
                    let word = self.raw_aggregate(&value).unwrap_or_default();
                    let message = match keys.len() {
                        1 => format!("Value '{word}' cannot be used as a map key."),
                        _ => format!("{word} cannot be part of a map key"),
                    };
                    return self.error(codes::TYPE_MISMATCH, name_span, message);
                }
                let place = match keys.len() {
                    1 => self.without_key(name_span),
                    _ => name_span,
                };
                values.push(super::assign::read_at(value, place));
                continue;
            };
            values.push(self.item_value(key));
        }
        let span = match (keys.first(), keys.last()) {
            (Some(first), Some(last)) => first.span.to(last.span),
            _ => name_span,
        };
        let key = match <[Expr; 1]>::try_from(values) {
            Ok([only]) => only,
            Err(values) => tuple(values, span),
        };
        self.fit_key(map, key, name_span)
    }

    /// `@m[k]` → `@m`
    fn without_key(&self, span: Span) -> Span {
        let bracket = self.sources.text(span).find('[');
        bracket.map_or(span, |at| Span { end: span.start + at as u32, ..span })
    }

    /// Brings a key to the map's key type.
    pub fn fit_key(&mut self, map: MapId, key: Expr, name_span: Span) -> Expr {
        if !self.shape_map(map, true, name_span) {
            return poison(key.span);
        }
        if self.is_poison(&key) {
            return key;
        }
        let key = self.literal_key(map, key);
        if matches!(key.ty, Type::Aggregate(_) | Type::Void) {
            let word = if key.ty == Type::Void { "void".to_owned() } else { super::widen::shown(&key.ty) };
            return self.error(codes::TYPE_MISMATCH, name_span, format!("Value '{word}' cannot be used as a map key."));
        }
        let ty = self.grow_map_key(map, &self.infer_type(&key), name_span);
        self.warn_sign(&key, &ty);
        self.coerce(key, &ty)
    }

    /// A string literal as a key of a map whose keys are functions: the function's address.
    fn literal_key(&mut self, map: MapId, key: Expr) -> Expr {
        let ty = self.map_key_type(map);
        self.literal_name(key, &ty)
    }

    /// A string literal where the name of a probe or function is expected: what stands for it at run time.
    pub fn literal_name(&mut self, key: Expr, ty: &Type) -> Expr {
        if let (Type::Tuple(types), Type::Tuple(mine)) = (ty, &key.ty)
            && types.len() == mine.len()
            && types.contains(&Type::ProbeName)
            && let ExprKind::Aggregate(items) = key.kind
        {
            let items = items.into_iter().zip(types).map(|(item, ty)| self.literal_name(item, ty)).collect();
            return tuple(items, key.span);
        }
        match (&key.kind, ty) {
            (ExprKind::Str(text), Type::ProbeName) => {
                let name = String::from_utf8_lossy(text).into_owned();
                let source = crate::program::SettingSource::ProbeIndex(name.clone());
                let id = self.add_setting(&format!("probe_{name}"), source, Type::U64, key.span);
                let index = Expr { ty: Type::U64, kind: ExprKind::Setting(id), span: key.span };
                Expr { ty: Type::ProbeName, kind: ExprKind::Cast(Box::new(index)), span: key.span }
            }
            (ExprKind::Str(text), Type::KernelFunction) => {
                let name = String::from_utf8_lossy(text).into_owned();
                let source =
                    crate::program::SettingSource::KernelAddress(vec![crate::program::TextPiece::Lit(name.clone())]);
                let id = self.add_setting(&format!("kaddr_{name}"), source, Type::U64, key.span);
                let address = Expr { ty: Type::U64, kind: ExprKind::Setting(id), span: key.span };
                Expr { ty: Type::KernelFunction, kind: ExprKind::Cast(Box::new(address)), span: key.span }
            }
            _ => key,
        }
    }

    /// The aggregate that a value is, where nothing made a number of it yet.
    pub fn raw_aggregate(&self, value: &Expr) -> Option<String> {
        match &value.kind {
            ExprKind::MapSummary { map, .. } => Some(self.map_value_type(*map).to_string()),
            _ => match &value.ty {
                Type::Aggregate(aggregate) => Some(Type::Aggregate(aggregate.clone()).to_string()),
                _ => None,
            },
        }
    }

    /// Whether the value is one that only a cast makes a number of: `stats()`, and those that are none.
    pub fn is_numberless(&self, value: &Expr) -> bool {
        match &value.kind {
            ExprKind::MapSummary { map, .. } => {
                matches!(self.map_value_type(*map), Type::Aggregate(Aggregate::Stats { .. }))
            }
            _ => matches!(value.ty, Type::Aggregate(_)),
        }
    }

    /// Reads a map's value; aggregates as the integer they come to.
    pub fn read_map(&mut self, map: MapId, key: Option<Expr>, name_span: Span, span: Span) -> Expr {
        let key = key.map(Box::new);
        match self.map_value_type(map) {
            Type::Aggregate(aggregate) => match summary_type(&aggregate) {
                Some(ty) => Expr { ty, kind: ExprKind::MapSummary { map, key }, span },
                None => {
                    let _ = name_span;
                    Expr { ty: Type::Aggregate(aggregate), kind: ExprKind::MapGet { map, key }, span }
                }
            },
            ty => {
                self.know_type(&ty);
                Expr { ty, kind: ExprKind::MapGet { map, key }, span }
            }
        }
    }

    pub fn undefined_map(&mut self, name: &str, span: Span) -> Expr {
        let near = {
            let names = self.maps.iter().filter(|map| map.assigned).map(|map| map.name.as_str());
            super::names::nearest(name, names)
        };
        let error = Diagnostic::error(codes::UNDEFINED_MAP, span, format!("Undefined map: @{name}"));
        self.report(match near {
            Some(near) => error.hint(format!("did you mean `@{near}`?")),
            None => error,
        });
        poison(span)
    }

    pub fn address_of_map(&mut self, name: &str, keys: Option<&[ast::Expr]>, name_span: Span, span: Span) -> Expr {
        let map = self.map_named(name, name_span);
        if self.last && self.previous_unassigned(map) {
            return self.undefined_map(name, name_span);
        }
        // A map with keys as a whole: the map itself, which no key is needed for.
        let whole = keys.is_none() && self.map_keyed(map) != Some(false);
        let key = match whole {
            true => None,
            false => self.map_place(name, keys, name_span).1,
        };
        self.maps[map.0].used = true;
        let ty = Type::Pointer { to: Box::new(self.map_value_type(map)), space: AddressSpace::Bpf };
        Expr { ty, kind: ExprKind::AddressOfMap { map, key: key.map(Box::new) }, span }
    }

    /// `++`, `--`
    pub fn step(&mut self, operand: &ast::Expr, by: i64, prefix: bool, span: Span) -> Expr {
        match &operand.kind {
            ast::ExprKind::Var(name) => {
                let value = self.expr(operand);
                let ExprKind::Local(local) = value.kind else { return poison(span) };
                self.locals[local.0].assigned = true;
                let ty = match &value.ty {
                    Type::Pointer { .. } => value.ty.clone(),
                    Type::Void => return poison(span),
                    Type::Int(_) | Type::Enum { .. } => {
                        let stepped = self.stepped(&self.infer_type(&value), by);
                        self.grow_local(local, &stepped, span)
                    }
                    other => {
                        let message = format!(
                            "Type mismatch for ${name}: trying to assign value of type 'uint64' when variable already \
                             has a type '{other}'"
                        );
                        return self.error(codes::TYPE_MISMATCH, span, message);
                    }
                };
                Expr { ty, kind: ExprKind::LocalStep { local, by, prefix }, span }
            }
            ast::ExprKind::Map(name) => self.step_map(name, None, operand.span, by, prefix, span),
            ast::ExprKind::MapKey { map, keys } => self.step_map(&map.name, Some(keys), map.span, by, prefix, span),
            _ => self.error(codes::OPERAND, operand.span, "syntax: increment/decrement requires a variable or map"),
        }
    }

    /// The type that `++` makes of an integer: 64 bits; `--` makes them signed.
    fn stepped(&self, ty: &Type, by: i64) -> Type {
        match ty {
            Type::Int(int) if by < 0 && int.bits == 64 => wide(true),
            Type::Int(int) => wide(int.signed),
            _ => wide(true),
        }
    }

    fn step_map(
        &mut self,
        name: &str,
        keys: Option<&[ast::Expr]>,
        name_span: Span,
        by: i64,
        prefix: bool,
        span: Span,
    ) -> Expr {
        let (map, key) = self.map_place(name, keys, name_span);
        self.maps[map.0].assigned = true;
        self.maps[map.0].used = true;
        let before = self.map_value_slot(map.0);
        let stepped = match &before {
            Type::Pointer { .. } => before.clone(),
            Type::Int(_) | Type::Void | Type::Bool | Type::Enum { .. } => self.stepped(&before, by),
            other => {
                let message = format!(
                    "Type mismatch for @{name}: trying to assign value of type 'uint64' when map already has a type '{}'",
                    super::widen::shown(other)
                );
                return self.error(codes::TYPE_MISMATCH, span, message);
            }
        };
        let ty = self.grow_map_value(map, &stepped, span);
        let ty = match ty {
            Type::Int(_) | Type::Pointer { .. } => ty,
            _ => return poison(span),
        };
        Expr { ty, kind: ExprKind::MapStep { map, key: key.map(Box::new), by, prefix }, span }
    }
}

/// The integer that an aggregate comes to, if it comes to one.
pub(crate) fn summary_type(aggregate: &Aggregate) -> Option<Type> {
    let int = |signed| Some(Type::Int(IntType { bits: 64, signed }));
    match aggregate {
        Aggregate::Count => int(false),
        Aggregate::Sum { signed } | Aggregate::Min { signed } | Aggregate::Max { signed } => int(*signed),
        Aggregate::Avg { signed } | Aggregate::Stats { signed } => int(*signed),
        Aggregate::Hist { .. } | Aggregate::Linear { .. } | Aggregate::TimeSeries { .. } => None,
    }
}
