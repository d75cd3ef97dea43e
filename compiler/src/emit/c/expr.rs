//! Scalars: expressions that C passes around in a register.

use super::body::{Body, has_effects, hint};
use super::map_ops::Step;
use super::value::{Prec, Value};
use crate::program::{BinaryOp, Expr, ExprKind, SettingSource};
use crate::types::{IntType, Type};

impl<'p> Body<'_, 'p> {
    /// The C expression of a scalar. Statements that it needs are written before.
    pub fn expr(&mut self, e: &'p Expr) -> Value {
        if let Some(constant) = fold(e) {
            return literal(constant, &e.ty);
        }
        match &e.kind {
            ExprKind::Int(n) => self.typed_literal(*n, &e.ty),
            ExprKind::Bool(b) => Value::atom(if *b { "true" } else { "false" }),
            ExprKind::Zero => self.typed_literal(0, &e.ty),
            ExprKind::Local(id) => {
                let place = self.local(*id);
                Value::atom(place.text)
            }
            ExprKind::MapGet { map, key } => self.map_get(e, *map, key.as_deref()),
            ExprKind::MapSummary { map, key } => self.map_summary(e, *map, key.as_deref()),
            ExprKind::MapHas { map, key } => self.map_has(*map, key),
            ExprKind::MapFind { map, key, local } => self.map_find(*map, key, *local),
            ExprKind::MapDelete { map, key } => self.map_delete(*map, key.as_deref()),
            ExprKind::MapLen(map) => self.map_len(*map),
            ExprKind::MapStep { map, key, by, prefix } => {
                self.map_step(e, *map, key.as_deref(), *by, Step::of(*prefix))
            }
            ExprKind::AddressOfMap { map, key } => self.map_address(e, *map, key.as_deref()),
            ExprKind::StackLen(inner) => {
                let place = self.place_of(inner);
                Value::cast("__s64", &Value::atom(format!("{}.depth", place.text)))
            }
            ExprKind::LocalStep { local, by, prefix } => {
                let place = self.local(*local);
                let size = self.step_size(&place.ty);
                let old = if *prefix {
                    None
                } else {
                    Some(self.capture_always(&place.ty, &Value::atom(place.text.clone()), "before"))
                };
                self.step(&place.text, *by, size, &place.ty);
                old.unwrap_or_else(|| Value::atom(place.text))
            }
            ExprKind::Negate(inner) => {
                let value = self.expr(inner);
                self.narrowed(&e.ty, &inner.ty, Value::unary("-", &value))
            }
            ExprKind::Invert(inner) => {
                let value = self.expr(inner);
                self.narrowed(&e.ty, &inner.ty, Value::unary("~", &value))
            }
            ExprKind::Not(inner) => {
                let value = self.expr(inner);
                negate(&value)
            }
            ExprKind::Binary { op, left, right } => self.binary(e, *op, left, right),
            ExprKind::PointerOffset { pointer, offset } => {
                let values = self.operands(&[pointer, offset]);
                let size = self.pointee_size(&e.ty);
                let bytes = if size == 1 {
                    values[1].clone()
                } else {
                    Value::binary("*", Prec::Product, &values[1], &Value::atom(size.to_string()))
                };
                let sum = Value::binary("+", Prec::Sum, &Value::cast("void *", &values[0]), &bytes);
                let to = self.e.types.scalar(self.e.program, &e.ty);
                if to == "void *" { sum } else { Value::cast(&to, &sum) }
            }
            ExprKind::And(a, b) => self.short_circuit(a, b, true),
            ExprKind::Or(a, b) => self.short_circuit(a, b, false),
            ExprKind::Ternary { cond, then, otherwise } => self.ternary(e, cond, then, otherwise),
            ExprKind::Equal { left, right, negated } => self.equal(left, right, *negated),
            ExprKind::Cast(inner) => self.cast(e, inner),
            ExprKind::Deref(pointer) => self.deref(e, pointer),
            ExprKind::FieldOf { pointer, path } => self.field_of(e, pointer, path),
            ExprKind::FieldAddress { pointer, path } => self.field_address(e, pointer, path),
            ExprKind::Member { base, path } => {
                let place = self.member_place(base, path);
                self.load(place.text, &e.ty)
            }
            ExprKind::Item { base, index } => {
                let place = self.item_place(base, *index);
                self.load(place.text, &e.ty)
            }
            ExprKind::Element { base, index } => self.element(e, base, index),
            ExprKind::Block(stmts, value) => {
                self.stmts(stmts);
                self.expr(value)
            }
            ExprKind::AddressOfLocal(id) => {
                let place = self.local(*id);
                let to = self.e.types.scalar(self.e.program, &e.ty);
                let address = self.address(&place);
                Value::cast(&to, &Value { text: address, prec: Prec::Unary })
            }
            ExprKind::Context(field) => self.context_scalar(e, field),
            ExprKind::Builtin(builtin) => self.builtin(e, *builtin),
            ExprKind::Call(call) => self.call(e, call),
            ExprKind::Setting(id) => {
                let setting = &self.e.program.settings[id.0];
                let name = self.e.setting_names[id.0].clone();
                let value = Value::atom(name);
                match setting.source {
                    SettingSource::KernelAddress(_) if matches!(e.ty, Type::Pointer { .. }) => {
                        let to = self.e.types.scalar(self.e.program, &e.ty);
                        Value::cast(&to, &value)
                    }
                    _ => value,
                }
            }
            ExprKind::Str(_) | ExprKind::Bytes(_) | ExprKind::Aggregate(_) => {
                // INVARIANT: these have aggregate types; see `store`.
                Value::atom("0")
            }
        }
    }

    /// A literal whose C type is that of `ty` where it matters.
    fn typed_literal(&mut self, n: i64, ty: &Type) -> Value {
        if let Type::Pointer { .. } = ty {
            if n == 0 {
                return Value::atom("NULL");
            }
            let to = self.e.types.scalar(self.e.program, ty);
            return Value::cast(&to, &Value::atom(format!("{:#x}ULL", n as u64)));
        }
        literal(n, ty)
    }

    /// Operands in order: when a later one has effects, the earlier ones are kept in variables first.
    pub fn operands(&mut self, operands: &[&'p Expr]) -> Vec<Value> {
        let mut values = Vec::new();
        for (index, operand) in operands.iter().enumerate() {
            let mut value = self.expr(operand);
            if operands[index + 1..].iter().any(|later| has_effects(later)) {
                let name = hint(operand, self).unwrap_or_else(|| "operand".to_string());
                value = self.capture(&operand.ty, &value, &name);
            }
            values.push(value);
        }
        values
    }

    /// Keeps a scalar in a new variable.
    pub fn capture_always(&mut self, ty: &Type, value: &Value, hint: &str) -> Value {
        let name = self.fresh(hint);
        let text = self.e.types.declare_variable(self.e.program, ty, &name);
        self.line(format!("{text} __maybe_unused = {};", value.text));
        Value::atom(name)
    }

    /// Bytes that a pointer's step moves it; 1 for integers.
    pub fn step_size(&self, ty: &Type) -> u32 {
        match ty {
            Type::Pointer { .. } => self.pointee_size(ty),
            _ => 1,
        }
    }

    fn pointee_size(&self, ty: &Type) -> u32 {
        match ty {
            Type::Pointer { to, .. } => self.size_of(to).max(1),
            _ => 1,
        }
    }

    /// `x++;` and its like.
    pub fn step(&mut self, text: &str, by: i64, size: u32, ty: &Type) {
        if matches!(ty, Type::Pointer { .. }) {
            let bytes = by * i64::from(size);
            let sign = if bytes < 0 { '-' } else { '+' };
            self.line(format!("{text} = (void *){text} {sign} {};", bytes.abs()));
        } else if matches!(ty, Type::Bool) {
            self.line(format!("{text} = {text} + {by};"));
        } else {
            match by {
                1 => self.line(format!("{text}++;")),
                -1 => self.line(format!("{text}--;")),
                by => self.line(format!("{text} += {by};")),
            }
        }
    }

    fn binary(&mut self, e: &'p Expr, op: BinaryOp, left: &'p Expr, right: &'p Expr) -> Value {
        if matches!(op, BinaryOp::Div | BinaryOp::Mod) {
            return self.division(e, op, left, right);
        }
        let values = self.operands(&[left, right]);
        let (mut a, mut b) = (values[0].clone(), values[1].clone());
        let (text, prec) = match op {
            BinaryOp::Add => ("+", Prec::Sum),
            BinaryOp::Sub => ("-", Prec::Sum),
            BinaryOp::Mul => ("*", Prec::Product),
            BinaryOp::BitAnd => ("&", Prec::BitAnd),
            BinaryOp::BitOr => ("|", Prec::BitOr),
            BinaryOp::BitXor => ("^", Prec::BitXor),
            BinaryOp::Shl => ("<<", Prec::Shift),
            BinaryOp::Shr => (">>", Prec::Shift),
            BinaryOp::Eq => ("==", Prec::Equality),
            BinaryOp::Ne => ("!=", Prec::Equality),
            BinaryOp::Lt => ("<", Prec::Relation),
            BinaryOp::Le => ("<=", Prec::Relation),
            BinaryOp::Gt => (">", Prec::Relation),
            BinaryOp::Ge => (">=", Prec::Relation),
            BinaryOp::And => ("&&", Prec::And),
            BinaryOp::Or => ("||", Prec::Or),
            BinaryOp::Div | BinaryOp::Mod => unreachable!("handled above"),
        };
        let is_shift = matches!(op, BinaryOp::Shl | BinaryOp::Shr);
        let is_comparison = matches!(prec, Prec::Equality | Prec::Relation);
        if matches!(left.ty, Type::Pointer { .. }) || matches!(right.ty, Type::Pointer { .. }) {
            if b.text == "NULL" && matches!(op, BinaryOp::Eq) {
                return Value::unary("!", &a);
            }
            a = Value::cast("__u64", &a);
            b = Value::cast("__u64", &b);
            return Value::binary(text, prec, &a, &b);
        }
        if is_comparison {
            // A comparison with itself is an error to clang.
            if a.text == b.text {
                a = Value::cast(&self.e.types.scalar(self.e.program, &left.ty), &Value::unary("+", &a));
            }
            if matches!(left.ty, Type::Bool) && b.text != "true" && b.text != "false" {
                b = Value::cast("bool", &b);
            }
            return Value::binary(text, prec, &a, &b);
        }
        if is_shift {
            // C shifts by the width or more as it likes; the language masks as the machine does.
            if let Some(count) = fold(right) {
                let bits = width(&left.ty);
                b = Value::atom((count as u64 & u64::from(bits - 1)).to_string());
            }
            if fold(left).is_some() {
                let to = self.e.types.scalar(self.e.program, &left.ty);
                a = Value::cast(&to, &a);
            }
        } else if a.text == b.text && matches!(op, BinaryOp::Sub | BinaryOp::BitXor) {
            a = Value::unary("+", &a);
        }
        if width(&e.ty) > width(&left.ty) {
            let to = self.e.types.scalar(self.e.program, &e.ty);
            a = Value::cast(&to, &a);
        }
        let value = Value::binary(text, prec, &a, &b);
        self.narrowed(&e.ty, &left.ty, value)
    }

    /// C computes in `int` at least: brings the result back to a narrower type.
    fn narrowed(&mut self, ty: &Type, operands: &Type, value: Value) -> Value {
        if width(ty) < 32 || (width(ty) == 32 && width(operands) > 32) || sign(ty) != sign(operands) {
            let to = self.e.types.scalar(self.e.program, ty);
            return Value::cast(&to, &value);
        }
        value
    }

    fn division(&mut self, e: &'p Expr, op: BinaryOp, left: &'p Expr, right: &'p Expr) -> Value {
        let values = self.operands(&[left, right]);
        let signed = sign(&left.ty);
        let constant = fold(right);
        let is_div = op == BinaryOp::Div;
        let symbol = if is_div { "/" } else { "%" };
        let value = match constant {
            Some(0) | None => {
                self.e.header("division.bpf.h");
                let name = match (signed, is_div) {
                    (false, true) => "tw_checked_div",
                    (false, false) => "tw_checked_mod",
                    (true, true) => "tw_checked_signed_div",
                    (true, false) => "tw_checked_signed_mod",
                };
                let check = self.e.message_check("Divide or modulo by 0 detected. This can lead to unexpected results. 1 is being used as the result.", e.span);
                Value::atom(format!("{name}({}, {}, {check})", values[0].text, values[1].text))
            }
            Some(n) if signed && (n < 0 || fold(left).is_none()) => {
                self.e.header("numbers.bpf.h");
                let name = if is_div { "tw_signed_div" } else { "tw_signed_mod" };
                Value::atom(format!("{name}({}, {})", values[0].text, values[1].text))
            }
            Some(_) => Value::binary(symbol, Prec::Product, &values[0], &values[1]),
        };
        let to = self.e.types.scalar(self.e.program, &e.ty);
        if value.prec == Prec::Postfix && width(&e.ty) < 64 { Value::cast(&to, &value) } else { value }
    }

    fn short_circuit(&mut self, a: &'p Expr, b: &'p Expr, is_and: bool) -> Value {
        let left = self.condition(a);
        let name = self.fresh("holds");
        let (right, code) = self.aside(true, |body| body.condition(b));
        let (symbol, prec) = if is_and { ("&&", Prec::And) } else { ("||", Prec::Or) };
        if code.is_empty() {
            self.give_back(&name);
            return Value::binary(symbol, prec, &left, &right);
        }
        self.line(format!("bool {name} = {};", left.text));
        self.code.open(if is_and { format!("if ({name})") } else { format!("if (!{name})") });
        self.code.append(code);
        self.line(format!("{name} = {};", right.text));
        self.code.close("");
        Value::atom(name)
    }

    fn ternary(&mut self, e: &'p Expr, cond: &'p Expr, then: &'p Expr, otherwise: &'p Expr) -> Value {
        let condition = self.condition(cond);
        let (a, then_code) = self.aside(true, |body| body.arm(then));
        let (b, else_code) = self.aside(true, |body| body.arm(otherwise));
        if matches!(e.ty, Type::Void) {
            self.code.open(format!("if ({})", condition.text));
            self.code.append(then_code);
            if !else_code.is_empty() {
                self.code.otherwise();
                self.code.append(else_code);
            }
            self.code.close("");
            return Value::atom("0");
        }
        if then_code.is_empty() && else_code.is_empty() {
            let (a, b) = if matches!(e.ty, Type::Int(_)) && (sign(&then.ty) != sign(&otherwise.ty)) {
                let to = self.e.types.scalar(self.e.program, &e.ty);
                (Value::cast(&to, &a), Value::cast(&to, &b))
            } else {
                (a, b)
            };
            let text = format!("{} ? {} : {}", condition.at(Prec::Or), a.at(Prec::Or), b.at(Prec::Conditional));
            return Value { text, prec: Prec::Conditional };
        }
        let name = self.fresh("chosen");
        let text = self.e.types.declare_variable(self.e.program, &e.ty, &name);
        self.line(format!("{text};"));
        self.code.open(format!("if ({})", condition.text));
        self.code.append(then_code);
        self.line(format!("{name} = {};", a.text));
        self.code.otherwise();
        self.code.append(else_code);
        self.line(format!("{name} = {};", b.text));
        self.code.close("");
        Value::atom(name)
    }

    /// An arm of a conditional; without value it is a statement.
    fn arm(&mut self, e: &'p Expr) -> Value {
        if matches!(e.ty, Type::Void) {
            self.discard(e);
            return Value::atom("0");
        }
        self.expr(e)
    }

    /// Evaluates for the effects only.
    pub fn discard(&mut self, e: &'p Expr) {
        match &e.kind {
            ExprKind::LocalStep { local, by, .. } => {
                let place = self.local(*local);
                let size = self.step_size(&place.ty);
                self.step(&place.text, *by, size, &place.ty);
            }
            ExprKind::MapDelete { map, key } => self.discard_delete(*map, key.as_deref()),
            ExprKind::MapStep { map, key, by, .. } => {
                self.map_step(e, *map, key.as_deref(), *by, Step::Dropped);
            }
            ExprKind::Block(stmts, value) => {
                self.stmts(stmts);
                self.discard(value);
            }
            ExprKind::Ternary { .. } if matches!(e.ty, Type::Void) => {
                self.expr(e);
            }
            ExprKind::Int(_) | ExprKind::Bool(_) | ExprKind::Zero | ExprKind::Str(_) | ExprKind::Bytes(_) => {}
            _ if matches!(e.ty, Type::Void) => {
                self.expr(e);
            }
            _ if e.ty.is_scalar() => {
                let value = self.expr(e);
                let value = Value::cast("void", &value);
                self.line(format!("{};", value.text));
            }
            _ => {
                self.place_of(e);
            }
        }
    }

    fn cast(&mut self, e: &'p Expr, inner: &'p Expr) -> Value {
        if !inner.ty.is_scalar() {
            return self.cast_to_scalar(e, inner);
        }
        let value = self.expr(inner);
        if e.ty == inner.ty {
            return value;
        }
        match (&e.ty, &inner.ty) {
            (Type::Bool, Type::Bool) => value,
            (Type::Bool, Type::Pointer { .. }) => Value::binary("!=", Prec::Equality, &value, &Value::atom("NULL")),
            (Type::Bool, _) => Value::binary("!=", Prec::Equality, &value, &Value::atom("0")),
            (Type::Pointer { .. }, Type::Pointer { .. }) => {
                let (to, from) =
                    (self.e.types.scalar(self.e.program, &e.ty), self.e.types.scalar(self.e.program, &inner.ty));
                if to == from { value } else { Value::cast(&to, &value) }
            }
            (Type::Pointer { .. }, from) => {
                let to = self.e.types.scalar(self.e.program, &e.ty);
                let wide = if width(from) < 64 {
                    let wide = if sign(from) { "__s64" } else { "__u64" };
                    Value::cast(wide, &value)
                } else {
                    value
                };
                Value::cast(&to, &wide)
            }
            (to, Type::Pointer { .. }) if width(to) < 64 => {
                let name = self.e.types.scalar(self.e.program, to);
                Value::cast(&name, &Value::cast("__u64", &value))
            }
            (to, from) => {
                let name = self.e.types.scalar(self.e.program, to);
                let from_name = self.e.types.scalar(self.e.program, from);
                if name == from_name { value } else { Value::cast(&name, &value) }
            }
        }
    }

    /// A string setting's C name, for reading.
    pub fn setting_text(&self, id: crate::program::SettingId) -> String {
        format!("tw_text({})", self.e.setting_names[id.0])
    }
}

/// `!x`, or the opposite comparison.
fn negate(value: &Value) -> Value {
    Value::unary("!", value)
}

/// Width in bits of a scalar.
pub fn width(ty: &Type) -> u32 {
    match ty {
        Type::Bool => 8,
        Type::Int(int) | Type::Enum { repr: int, .. } => u32::from(int.bits),
        Type::ErrorName | Type::SignalName | Type::SyscallName | Type::UserName | Type::ProbeName | Type::Parameter => {
            32
        }
        _ => 64,
    }
}

/// Whether a scalar has a sign.
pub fn sign(ty: &Type) -> bool {
    match ty {
        Type::Int(int) | Type::Enum { repr: int, .. } => int.signed,
        Type::ErrorName | Type::SignalName | Type::SyscallName => true,
        _ => false,
    }
}

/// A number as C has it, of a type that keeps its value.
pub fn literal(n: i64, ty: &Type) -> Value {
    if matches!(ty, Type::Bool) {
        return Value::atom(if n != 0 { "true" } else { "false" });
    }
    if !sign(ty) {
        let mask = if width(ty) == 64 { u64::MAX } else { (1u64 << width(ty)) - 1 };
        let n = n as u64 & mask;
        return Value::atom(match n {
            0..=0x7fff_ffff => n.to_string(),
            0x8000_0000..=0xffff_ffff => format!("{n}U"),
            _ if n > i64::MAX as u64 => format!("{n:#x}ULL"),
            _ => format!("{n}ULL"),
        });
    }
    match n {
        i64::MIN => Value::atom("(-0x7fffffffffffffffLL - 1)"),
        _ if n == i64::from(i32::MIN) => Value::atom("(-0x7fffffff - 1)"),
        _ if i32::try_from(n).is_ok() && n >= 0 => Value::atom(n.to_string()),
        _ if i32::try_from(n).is_ok() => Value { text: n.to_string(), prec: Prec::Unary },
        _ if n >= 0 => Value::atom(format!("{n}LL")),
        _ => Value { text: format!("{n}LL"), prec: Prec::Unary },
    }
}

/// The value of a constant integer expression, wrapped to its type.
pub fn fold(e: &Expr) -> Option<i64> {
    let int = match &e.ty {
        Type::Int(int) | Type::Enum { repr: int, .. } => *int,
        Type::Bool => IntType::U8,
        _ => return None,
    };
    let value = match &e.kind {
        ExprKind::Int(n) => *n,
        ExprKind::Bool(b) => i64::from(*b),
        ExprKind::Zero => 0,
        ExprKind::Cast(inner) => {
            let value = fold(inner)?;
            if matches!(e.ty, Type::Bool) { i64::from(value != 0) } else { value }
        }
        ExprKind::Negate(inner) => fold(inner)?.wrapping_neg(),
        ExprKind::Invert(inner) => !fold(inner)?,
        ExprKind::Not(inner) => i64::from(fold(inner)? == 0),
        ExprKind::Binary { op, left, right } => fold_binary(*op, left, right)?,
        _ => return None,
    };
    Some(int.wrap(value))
}

fn fold_binary(op: BinaryOp, left: &Expr, right: &Expr) -> Option<i64> {
    let (a, b) = (fold(left)?, fold(right)?);
    let signed = sign(&left.ty);
    let less = if signed { a < b } else { (a as u64) < b as u64 };
    Some(match op {
        BinaryOp::Add => a.wrapping_add(b),
        BinaryOp::Sub => a.wrapping_sub(b),
        BinaryOp::Mul => a.wrapping_mul(b),
        BinaryOp::Div if b == 0 => return None,
        BinaryOp::Mod if b == 0 => return None,
        BinaryOp::Div if signed => a.wrapping_div(b),
        BinaryOp::Mod if signed => a.wrapping_rem(b),
        BinaryOp::Div => (a as u64 / b as u64) as i64,
        BinaryOp::Mod => (a as u64 % b as u64) as i64,
        BinaryOp::BitAnd => a & b,
        BinaryOp::BitOr => a | b,
        BinaryOp::BitXor => a ^ b,
        BinaryOp::Shl => a.wrapping_shl((b as u32) & (width(&left.ty) - 1)),
        BinaryOp::Shr if signed => a.wrapping_shr((b as u32) & (width(&left.ty) - 1)),
        BinaryOp::Shr => (a as u64).wrapping_shr((b as u32) & (width(&left.ty) - 1)) as i64,
        BinaryOp::Eq => i64::from(a == b),
        BinaryOp::Ne => i64::from(a != b),
        BinaryOp::Lt => i64::from(less),
        BinaryOp::Le => i64::from(less || a == b),
        BinaryOp::Gt => i64::from(!less && a != b),
        BinaryOp::Ge => i64::from(!less),
        BinaryOp::And | BinaryOp::Or => return None,
    })
}
