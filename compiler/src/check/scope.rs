//! Variables and maps while types are inferred.

use super::lower::Lower;
use super::widen::{join, settle};
use crate::codes;
use crate::diagnostics::Diagnostic;
use crate::program::{Expr, ExprKind, LocalId, MapId};
use crate::source::Span;
use crate::types::{Aggregate, Type};
use std::collections::{BTreeMap, HashMap};

/// What a walk found out: types (loose integers included) of maps by name and of variables by program and order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Inferred {
    pub maps: BTreeMap<String, InferredMap>,
    pub locals: Vec<Vec<Type>>,
}

/// Types of a map.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct InferredMap {
    /// None for a scalar map.
    pub key: Option<Type>,
    pub value: Type,
}

/// A variable or map's type while it grows; loose integers included.
pub(crate) type Slot = Type;

/// A scratch variable.
#[derive(Clone, Debug)]
pub(crate) struct LocalState {
    pub name: String,
    pub slot: Slot,
    /// `let $x : T`: the type is fixed.
    pub declared: bool,
    pub assigned: bool,
    /// Came of `let` without a value.
    pub let_without_value: bool,
    pub span: Span,
}

/// A map.
#[derive(Clone, Debug)]
pub(crate) struct MapState {
    pub name: String,
    /// `None` until it is known whether the map has keys.
    pub keyed: Option<bool>,
    pub key: Slot,
    pub value: Slot,
    /// Something was stored in it.
    pub assigned: bool,
    pub used: bool,
    pub span: Span,
    /// Where it was first used, its declaration aside.
    pub first_use: Span,
}

impl Lower<'_> {
    pub fn open_scope(&mut self) {
        self.scopes.push(HashMap::new());
    }

    pub fn close_scope(&mut self) {
        self.scopes.pop();
    }

    /// The variable of that name, if one is in scope.
    pub fn find_local(&self, name: &str) -> Option<LocalId> {
        self.scopes.iter().rev().find_map(|scope| scope.get(name)).copied()
    }

    /// A new variable in the innermost block.
    pub fn new_local(&mut self, name: &str, slot: Slot, declared: bool, span: Span) -> LocalId {
        let id = LocalId(self.locals.len());
        self.locals.push(LocalState {
            name: name.to_owned(),
            slot,
            declared,
            assigned: false,
            let_without_value: false,
            span,
        });
        if let Some(scope) = self.scopes.last_mut() {
            scope.insert(name.to_owned(), id);
        }
        id
    }

    /// What the walk before knew of the variable, else what this one knows.
    pub fn local_slot(&self, id: LocalId) -> Slot {
        let known = self.previous.locals.get(self.program).and_then(|locals| locals.get(id.0));
        match known {
            Some(slot) if *slot != Type::Void => slot.clone(),
            _ => self.locals[id.0].slot.clone(),
        }
    }

    /// Whether nothing was ever found out of the variable.
    pub fn never_typed(&self, id: LocalId) -> bool {
        self.locals[id.0].let_without_value && self.untyped.contains(&(self.program, id.0))
    }

    pub fn local_type(&self, id: LocalId) -> Type {
        settle(&self.local_slot(id))
    }

    /// Lets a variable take one more type. The type that values must be brought to.
    pub fn grow_local(&mut self, id: LocalId, ty: &Type, span: Span) -> Type {
        let local = &self.locals[id.0];
        if local.declared {
            // Numbers and pointers are brought to the declared type, literals aside (see `fit_declared`).
            let brought = matches!(
                (ty, &local.slot),
                (Type::Int(_), Type::Int(_)) | (Type::Pointer { .. }, Type::Pointer { .. })
            );
            if !brought && !fits(ty, &local.slot) && *ty != Type::Void {
                let (name, slot) = (local.name.clone(), local.slot.clone());
                self.mismatch(&format!("${name}"), "variable", ty, &slot, span);
            }
            return settle(&self.locals[id.0].slot);
        }
        match join(&local.slot, ty) {
            Some(joined) => self.locals[id.0].slot = joined,
            None => {
                let (name, slot) = (local.name.clone(), local.slot.clone());
                self.mismatch(&format!("${name}"), "variable", ty, &slot, span);
            }
        }
        let both = join(&self.local_slot(id), &self.locals[id.0].slot);
        settle(&both.unwrap_or_else(|| self.locals[id.0].slot.clone()))
    }

    /// Checks that a literal fits its variable's declared type, and warns of other numbers that may not.
    pub fn fit_declared(&mut self, id: LocalId, value: &Expr, span: Span) {
        let local = &self.locals[id.0];
        let slot = settle(&local.slot);
        let Type::Int(int) = slot else { return };
        if let ExprKind::Int(number) = value.kind {
            let unsigned = matches!(value.ty, Type::Int(ty) if !ty.signed) && number < 0;
            let holds = match (int.signed, int.bits) {
                (true, 64) => !unsigned,
                (true, bits) => !unsigned && number >= -(1 << (bits - 1)) && number < 1 << (bits - 1),
                (false, 64) => unsigned || number >= 0,
                (false, bits) => number >= 0 && number < 1 << bits,
            };
            if !holds {
                let name = local.name.clone();
                self.mismatch(&format!("${name}"), "variable", &value.ty, &slot, span);
            }
            return;
        }
        self.warn_declared(value, &slot);
    }

    fn mismatch(&mut self, name: &str, what: &str, value: &Type, has: &Type, span: Span) {
        self.report(Diagnostic::error(
            codes::TYPE_MISMATCH,
            span,
            format!(
                "Type mismatch for {name}: trying to assign value of type '{}' when {what} already has a type '{}'",
                super::widen::shown(value),
                super::widen::shown(has)
            ),
        ));
    }

    /// The map of that name, known from now on.
    pub fn map_named(&mut self, name: &str, span: Span) -> MapId {
        if let Some(at) = self.map_index.get(name).copied() {
            let state = &mut self.maps[at];
            if state.first_use == state.span && !state.used && !state.assigned {
                state.first_use = span;
            }
            return MapId(at);
        }
        self.maps.push(MapState {
            name: name.to_owned(),
            keyed: None,
            key: Type::Void,
            value: Type::Void,
            assigned: false,
            used: false,
            span,
            first_use: span,
        });
        self.map_index.insert(name.to_owned(), self.maps.len() - 1);
        MapId(self.maps.len() - 1)
    }

    /// Whether the map has keys, as far as is known.
    pub fn map_keyed(&self, map: MapId) -> Option<bool> {
        let state = &self.maps[map.0];
        state.keyed.or_else(|| self.previous.maps.get(&state.name).map(|map| map.key.is_some()))
    }

    pub fn map_value_slot(&self, map: usize) -> Slot {
        let state = &self.maps[map];
        match self.previous.maps.get(&state.name) {
            Some(known) if known.value != Type::Void => known.value.clone(),
            _ => state.value.clone(),
        }
    }

    pub fn map_value_type(&self, map: MapId) -> Type {
        settle(&self.map_value_slot(map.0))
    }

    pub fn map_key_slot(&self, map: MapId) -> Slot {
        let state = &self.maps[map.0];
        match self.previous.maps.get(&state.name).and_then(|known| known.key.as_ref()) {
            Some(known) if *known != Type::Void => known.clone(),
            _ => state.key.clone(),
        }
    }

    pub fn map_key_type(&self, map: MapId) -> Type {
        settle(&self.map_key_slot(map))
    }

    /// Lets a map's value take one more type. The type that values must be brought to.
    pub fn grow_map_value(&mut self, map: MapId, ty: &Type, span: Span) -> Type {
        let state = &self.maps[map.0];
        match join(&state.value, ty) {
            Some(joined) => self.maps[map.0].value = joined,
            None => {
                let (name, value) = (state.name.clone(), state.value.clone());
                let different = match (&value, ty) {
                    (Type::Aggregate(Aggregate::Hist { .. }), Type::Aggregate(Aggregate::Hist { .. })) => {
                        Some("Different bits in a single hist unsupported")
                    }
                    (Type::Aggregate(Aggregate::Linear { .. }), Type::Aggregate(Aggregate::Linear { .. })) => {
                        Some("Different lhist bounds in a single map unsupported")
                    }
                    (Type::Aggregate(Aggregate::TimeSeries { .. }), Type::Aggregate(Aggregate::TimeSeries { .. })) => {
                        Some("Different tseries bounds in a single map unsupported")
                    }
                    _ => None,
                };
                if let Some(message) = different {
                    self.error(codes::TYPE_MISMATCH, span, message);
                } else {
                    self.mismatch(&format!("@{name}"), "map", ty, &value, span);
                }
            }
        }
        let both = join(&self.map_value_slot(map.0), &self.maps[map.0].value);
        settle(&both.unwrap_or_else(|| self.maps[map.0].value.clone()))
    }

    /// Lets a map's key take one more type. The type that keys must be brought to.
    pub fn grow_map_key(&mut self, map: MapId, ty: &Type, span: Span) -> Type {
        let state = &self.maps[map.0];
        match join(&state.key, ty) {
            Some(joined) => self.maps[map.0].key = joined,
            None => {
                let message = format!(
                    "Argument mismatch for @{}: trying to access with arguments: '{}' when map expects arguments: '{}'",
                    state.name,
                    super::widen::shown(ty),
                    super::widen::shown(&state.key)
                );
                self.error(codes::TYPE_MISMATCH, span, message);
            }
        }
        let both = join(&self.map_key_slot(map), &self.maps[map.0].key);
        settle(&both.unwrap_or_else(|| self.maps[map.0].key.clone()))
    }

    /// Notes that the map is used with or without a key; refuses both at once.
    pub fn shape_map(&mut self, map: MapId, keyed: bool, span: Span) -> bool {
        let state = &mut self.maps[map.0];
        match state.keyed {
            Some(known) if known != keyed => {
                let name = state.name.clone();
                let message = if keyed {
                    format!(
                        "@{name} used as a map with an explicit key (non-scalar map), previously used without an \
                         explicit key (scalar map)"
                    )
                } else {
                    format!(
                        "@{name} used as a map without an explicit key (scalar map), previously used with an explicit \
                         key (non-scalar map)"
                    )
                };
                self.error(codes::MAP_SHAPE, span, message);
                false
            }
            _ => {
                state.keyed = Some(keyed);
                true
            }
        }
    }
}

/// Whether a value of type `ty` can be kept as `fixed` without loss.
pub(crate) fn fits(ty: &Type, fixed: &Type) -> bool {
    match (ty, fixed) {
        (Type::String { capacity: a }, Type::String { capacity: b }) => a <= b,
        (Type::Int(a), Type::Int(b)) => {
            let joined = super::widen::join_ints(*a, *b);
            joined.bits & !1 == b.bits && (joined.signed == b.signed || super::widen::is_loose(*a))
        }
        (Type::Tuple(a), Type::Tuple(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| fits(a, b)),
        _ => join(ty, fixed).is_some_and(|joined| settle(&joined) == settle(fixed)),
    }
}
