//! Whether values in memory are the same.

use super::body::{Body, Place};
use super::types::tuple_items;
use super::value::{Prec, Value};
use crate::program::Expr;
use crate::types::Type;

impl<'p> Body<'_, 'p> {
    /// Equality of values in memory.
    pub fn equal(&mut self, left: &'p Expr, right: &'p Expr, negated: bool) -> Value {
        let value = match (&left.ty, &right.ty) {
            (Type::String { .. }, Type::String { .. }) => self.strings_equal(left, right),
            _ => {
                let a = self.place_of(left);
                let b = self.place_of(right);
                self.places_equal(&a, &b)
            }
        };
        if negated { Value::unary("!", &value) } else { value }
    }

    fn strings_equal(&mut self, left: &'p Expr, right: &'p Expr) -> Value {
        let (a, a_size) = self.string_source(left);
        let (b, b_size) = self.string_source(right);
        let max = a_size.min(b_size);
        let function = self.equal_function(max);
        self.string_call(function, &a, &b, max)
    }

    fn string_call(&mut self, function: &str, a: &str, b: &str, max: u32) -> Value {
        Value::atom(format!("{function}({a}, {b}, {max})"))
    }

    /// Whether two places hold the same.
    pub fn places_equal(&mut self, a: &Place, b: &Place) -> Value {
        match (&a.ty, &b.ty) {
            (Type::String { capacity: x }, Type::String { capacity: y }) => {
                let max = *x.min(y);
                let function = self.equal_function(max);
                let (a, b) = (self.address(a), self.address(b));
                self.string_call(function, &a, &b, max)
            }
            (Type::Tuple(_) | Type::Record(_), Type::Tuple(_) | Type::Record(_)) => {
                let mut all: Option<Value> = None;
                for index in 0..tuple_items(&a.ty).len() {
                    let (x, y) = (self.item_of(a, index), self.item_of(b, index));
                    let same = self.places_equal(&x, &y);
                    all = Some(match all {
                        Some(all) => Value::binary("&&", Prec::And, &all, &same),
                        None => same,
                    });
                }
                all.unwrap_or_else(|| Value::atom("true"))
            }
            (x, y) if x.is_scalar() && y.is_scalar() => {
                Value::binary("==", Prec::Equality, &Value::atom(a.text.clone()), &Value::atom(b.text.clone()))
            }
            _ => {
                self.e.header("strings.bpf.h");
                let size = self.size_of(&a.ty).min(self.size_of(&b.ty));
                let (x, y) = (self.address(a), self.address(b));
                let (x, y) = (cast_void(&x), cast_void(&y));
                Value::atom(format!("tw_bytes_equal({x}, {y}, {size})"))
            }
        }
    }
}

fn cast_void(text: &str) -> String {
    format!("(void *){text}")
}
