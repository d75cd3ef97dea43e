//! Casts: those written, and those that fit a value to its place.

use super::lower::{Lower, constant, poison};
use super::widen::{self, shown};
use crate::codes;
use crate::program::{AttachPoint, Expr, ExprKind, Stmt, StmtKind};
use crate::source::Span;
use crate::syntax::ast;
use crate::types::{AddressSpace, IntType, Type};

impl Lower<'_> {
    /// Brings a value to the type of its place. The types fit already, or the mismatch was told.
    pub fn coerce(&mut self, value: Expr, ty: &Type) -> Expr {
        if value.ty == *ty || *ty == Type::Void || value.ty == Type::Void {
            return value;
        }
        let span = value.span;
        match (value.kind, ty) {
            (ExprKind::Int(n), Type::Int(_)) => constant(n, ty.clone(), span),
            (ExprKind::Zero, _) => Expr { ty: ty.clone(), kind: ExprKind::Zero, span },
            (ExprKind::Aggregate(items), Type::Tuple(types)) if items.len() == types.len() => {
                let items = items.into_iter().zip(types).map(|(item, ty)| self.coerce(item, ty)).collect();
                Expr { ty: ty.clone(), kind: ExprKind::Aggregate(items), span }
            }
            (ExprKind::Aggregate(items), Type::Record(fields)) if same_order(&value.ty, fields) => {
                let items = items.into_iter().zip(fields).map(|(item, (_, ty))| self.coerce(item, ty)).collect();
                Expr { ty: ty.clone(), kind: ExprKind::Aggregate(items), span }
            }
            (ExprKind::Block(stmts, inner), _) => {
                let inner = Box::new(self.coerce(*inner, ty));
                Expr { ty: ty.clone(), kind: ExprKind::Block(stmts, inner), span }
            }
            (kind, _) => {
                let value = Expr { ty: value.ty, kind, span };
                self.know_type(ty);
                Expr { ty: ty.clone(), kind: ExprKind::Cast(Box::new(value)), span }
            }
        }
    }

    /// `(type)value`
    pub fn cast(&mut self, written: &ast::TypeName, operand: &ast::Expr, span: Span) -> Expr {
        let value = match &operand.kind {
            ast::ExprKind::Param(n) if is_string_type(written) => self.parameter_text(*n, operand.span),
            _ => self.expr(operand),
        };
        if self.is_poison(&value) {
            let _ = self.type_name(written);
            return poison(span);
        }
        let place = self.cast_place(span, written.span);
        let ty = match self.cast_target(written, &value) {
            Some(ty) => ty,
            None => return poison(span),
        };
        self.know_type(&ty);
        if self.is_numberless(&value) && matches!(value.kind, ExprKind::MapSummary { .. }) {
            let name = self.raw_aggregate(&value).unwrap_or_default();
            let message = format!("Cannot cast from \"{name}\" to \"{}\"", shown(&ty));
            return self.error(codes::BAD_CAST, place, message);
        }
        if matches!(value.kind, ExprKind::MapSummary { .. }) && matches!(ty, Type::Int(_)) {
            // What makes a number of an aggregate.
            return Expr { ty, kind: ExprKind::Cast(Box::new(value)), span: place };
        }
        let same = match (&value.ty, &ty) {
            (Type::Pointer { to: a, .. }, Type::Pointer { to: b, .. }) => a == b,
            (a, b) => a == b,
        };
        if same {
            // For another kind of probe that a parameter may name, the cast may be needed.
            let is_late = self.probe.targets.iter().any(|target| matches!(target.point, AttachPoint::Late { .. }));
            if !is_late {
                let message = format!("Unnecessary cast: expression is already of type {}", shown(&ty));
                self.warn(codes::W_CAST, place, message);
            }
            // `(int8)1` has a type of its own, a literal takes any.
            if !matches!(value.kind, ExprKind::Int(_)) {
                return Expr { span: place, ..value };
            }
        }
        self.convert(value, ty, written.span, place)
    }

    /// The type that a cast names; `T[]` takes its length from the value.
    fn cast_target(&mut self, written: &ast::TypeName, value: &Expr) -> Option<Type> {
        if let ast::TypeNameKind::Array(of, None) = &written.kind {
            let of = self.type_name(of)?;
            let item = self.size_of(&of).max(1);
            let bytes = match (&value.kind, &value.ty) {
                (ExprKind::Int(n), Type::Int(int)) if int.signed => widen::literal_type(*n).size(),
                (_, ty) => {
                    let ty = ty.clone();
                    self.size_of(&ty)
                }
            };
            if bytes % item != 0 {
                let message = format!("Cannot cast from \"{}\" to \"{}[]\"", shown(&value.ty), shown(&of));
                self.error(codes::BAD_CAST, written.span, message);
                return None;
            }
            return Some(Type::Array { of: Box::new(of), len: bytes / item });
        }
        if let ast::TypeNameKind::Named(name) = &written.kind
            && name == "string"
        {
            let capacity = match &value.ty {
                Type::String { capacity } if matches!(value.kind, ExprKind::Setting(_)) => *capacity,
                Type::Array { len, .. } => *len,
                _ => self.settings.config.max_strlen,
            };
            return Some(Type::String { capacity });
        }
        self.type_name(written)
    }

    /// Converts a value to a type that the script asks for.
    fn convert(&mut self, value: Expr, ty: Type, type_span: Span, span: Span) -> Expr {
        use Type::{Array, Bool, Buffer, Enum, Int, Pointer, String};
        let cast = |value: Expr, ty: Type| Expr { ty, kind: ExprKind::Cast(Box::new(value)), span };
        match (&value.ty, &ty) {
            (Int(_), Int(to)) => {
                if let ExprKind::Int(n) = value.kind {
                    // Kept as a cast: `(uint8)1` has a type of its own, a literal takes any.
                    let inner = constant(to.wrap(n), ty.clone(), value.span);
                    return cast_literal(inner, span);
                }
                cast(value, ty)
            }
            (Int(_) | Enum { .. }, Bool) | (Pointer { .. }, Bool) => {
                let mut value = self.truth(value);
                value.span = span;
                value
            }
            (String { .. } | Array { .. } | Buffer { .. }, Bool) => {
                let mut value = match value.ty {
                    String { .. } => self.truth(value),
                    _ => return self.bad_cast(&value.ty.clone(), &ty, type_span, span),
                };
                value.span = span;
                value
            }
            (Int(_), Enum { name, .. })
                if matches!(value.kind, ExprKind::Int(n)
                    if self.enums.get(name).is_some_and(|all| !all.is_empty() && !all.iter().any(|(_, v)| *v == n))) =>
            {
                let ExprKind::Int(n) = value.kind else { return poison(span) };
                let message = format!("Enum: {name} doesn't contain a variant value of {n}");
                self.error(codes::BAD_CAST, span, message)
            }
            (Bool | Enum { .. }, Int(_)) | (Int(_), Enum { .. }) | (Enum { .. }, Enum { .. }) => match value.kind {
                ExprKind::Int(n) => Expr { ty, kind: ExprKind::Int(n), span },
                ExprKind::Bool(b) => cast_literal(constant(i64::from(b), ty.clone(), value.span), span),
                _ => cast(value, ty),
            },
            (Pointer { .. }, Int(_)) => cast(value, ty),
            (Int(_), Pointer { to, .. }) => {
                let space = self.space_of_value(&value);
                let ty = Pointer { to: to.clone(), space };
                // As unsigned, whatever it was: `(int8 *)-1` is 0xff.
                match value.ty {
                    Int(int) if int.signed && int.bits < 64 => {
                        let unsigned = IntType { signed: false, ..int };
                        let inner = match value.kind {
                            ExprKind::Int(n) => constant(unsigned.wrap(n), Int(unsigned), value.span),
                            _ => cast(value, Int(unsigned)),
                        };
                        cast(inner, ty)
                    }
                    _ => cast(value, ty),
                }
            }
            (Pointer { space, .. }, Pointer { to, .. }) => {
                let ty = Pointer { to: to.clone(), space: *space };
                cast(value, ty)
            }
            (Array { .. } | String { .. }, Pointer { to, .. }) => {
                // An array that lies somewhere decays to its address: `(struct tcp_skb_cb *)$skb->cb`.
                let to = to.clone();
                let of = match &value.ty {
                    Array { of, .. } => of.clone(),
                    _ => Box::new(Int(IntType::I8)),
                };
                match self.address(value) {
                    Err(value @ Expr { ty: String { .. }, .. }) => {
                        self.text_in_memory(value, Pointer { to, space: AddressSpace::Bpf }, span)
                    }
                    Ok((address, space)) => {
                        let decayed = Pointer { to: of, space };
                        let address = super::fields::as_pointer(address, &decayed);
                        cast(address, Pointer { to, space })
                    }
                    Err(value) => self.bad_cast(&value.ty.clone(), &ty, type_span, span),
                }
            }
            (Int(_), Array { of, len }) | (Array { of, len }, Int(_)) => {
                let (mine, other) = (self.size_of(of) * len, if matches!(ty, Int(_)) { self.size_of(&ty) } else { 0 });
                let from = self.size_of(&value.ty.clone());
                let fits = match (&value.kind, &ty) {
                    (ExprKind::Int(_), Array { .. }) => (from..=8).contains(&mine),
                    (_, Array { .. }) => mine == from,
                    _ => mine == other,
                };
                if !fits || !matches!(**of, Int(_) | Bool) {
                    return self.bad_cast(&value.ty.clone(), &ty, type_span, span);
                }
                let value = match (&value.kind, &ty) {
                    (ExprKind::Int(n), Array { .. }) if mine.is_power_of_two() && mine <= 8 => {
                        let int = IntType { bits: (mine * 8) as u8, signed: false };
                        constant(*n, Int(int), value.span)
                    }
                    _ => value,
                };
                cast(value, ty)
            }
            (String { capacity }, Array { of, len })
                if matches!(**of, Int(int) if int.bits == 8) && capacity == len =>
            {
                cast(value, ty)
            }
            (Buffer { .. }, Buffer { .. }) => cast(value, ty),
            (Int(_), Type::UserName) => cast(value, ty),
            (from, Int(_)) if from.is_scalar() => cast(value, ty),
            (Type::Struct(_), Pointer { to, .. }) => {
                let to = to.clone();
                match self.address(value) {
                    Ok((address, space)) => cast(address, Pointer { to, space }),
                    Err(value) => self.bad_cast(&value.ty.clone(), &ty, type_span, span),
                }
            }
            (Type::Tuple(_), Type::Tuple(_)) | (Type::Record(_), Type::Record(_)) => {
                if widen::join(&value.ty, &ty).is_some() {
                    self.coerce(value, &ty)
                } else {
                    self.bad_cast(&value.ty.clone(), &ty, type_span, span)
                }
            }
            (from, to) if from == to => Expr { span, ..value },
            _ => self.bad_cast(&value.ty.clone(), &ty, type_span, span),
        }
    }

    /// A pointer to a string that lies nowhere yet: it is put in a variable.
    fn text_in_memory(&mut self, value: Expr, pointer: Type, span: Span) -> Expr {
        let (stmts, id) = match value.kind {
            ExprKind::Local(id) => (Vec::new(), id),
            _ => {
                let id = self.new_local("__text", value.ty.clone(), false, span);
                self.locals[id.0].assigned = true;
                self.grow_local(id, &value.ty.clone(), span);
                // A literal's bytes behind a NUL are kept.
                let text = match &value.kind {
                    ExprKind::Str(bytes) => Expr { kind: ExprKind::Bytes(bytes.clone()), ..value.clone() },
                    _ => value.clone(),
                };
                (vec![Stmt { kind: StmtKind::SetLocal { local: id, value: text }, span }], id)
            }
        };
        let text = Type::Pointer { to: Box::new(value.ty), space: AddressSpace::Bpf };
        let address = Expr { ty: text, kind: ExprKind::AddressOfLocal(id), span };
        let cast = Expr { ty: pointer.clone(), kind: ExprKind::Cast(Box::new(address)), span };
        if stmts.is_empty() {
            return cast;
        }
        Expr { ty: pointer, kind: ExprKind::Block(stmts, Box::new(cast)), span }
    }

    fn bad_cast(&mut self, from: &Type, to: &Type, _type_span: Span, span: Span) -> Expr {
        let to = match to {
            Type::String { capacity } if *capacity == self.settings.config.max_strlen => "string".to_owned(),
            other => shown(other),
        };
        let message = format!("Cannot cast from \"{}\" to \"{to}\"", shown(from));
        self.error(codes::BAD_CAST, span, message)
    }

    /// Where an integer that is used as an address points.
    pub fn space_of_value(&self, value: &Expr) -> AddressSpace {
        match &value.kind {
            ExprKind::Cast(inner) | ExprKind::Call(crate::program::Call::SetSpace(inner)) => match &inner.ty {
                Type::Pointer { space, .. } => *space,
                _ => self.space_of_value(inner),
            },
            ExprKind::PointerOffset { pointer, .. } => self.space_of_value(pointer),
            ExprKind::Binary { left, right, .. } => {
                let left = self.space_of_value(left);
                if left == AddressSpace::None { self.space_of_value(right) } else { left }
            }
            ExprKind::Context(_) => self.default_space(),
            _ => match &value.ty {
                Type::Pointer { space, .. } => *space,
                _ => self.default_space(),
            },
        }
    }
}

/// A literal with a type of its own.
fn cast_literal(inner: Expr, span: Span) -> Expr {
    Expr { ty: inner.ty.clone(), kind: ExprKind::Cast(Box::new(inner)), span }
}

fn same_order(ty: &Type, fields: &[(String, Type)]) -> bool {
    match ty {
        Type::Record(mine) => mine.len() == fields.len() && mine.iter().zip(fields).all(|(a, b)| a.0 == b.0),
        _ => false,
    }
}

fn is_string_type(written: &ast::TypeName) -> bool {
    match &written.kind {
        ast::TypeNameKind::Named(name) | ast::TypeNameKind::Sized(name, _) => name == "string",
        _ => false,
    }
}
