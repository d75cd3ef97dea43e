//! C expressions with their precedence.

/// How tightly a C expression binds, loosest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Prec {
    /// `?:`
    Conditional,
    /// `||`
    Or,
    /// `&&`
    And,
    /// `|`
    BitOr,
    /// `^`
    BitXor,
    /// `&`
    BitAnd,
    /// `==`
    Equality,
    /// `<`
    Relation,
    /// `<<`
    Shift,
    /// `+`
    Sum,
    /// `*`
    Product,
    /// `!`, casts
    Unary,
    /// names, calls, members
    Postfix,
}

/// A C expression without side effects.
#[derive(Clone, Debug)]
pub struct Value {
    /// C text.
    pub text: String,
    /// Of its outermost operator.
    pub prec: Prec,
}

impl Value {
    /// A name, a call, a literal.
    pub fn atom(text: impl Into<String>) -> Self {
        Value { text: text.into(), prec: Prec::Postfix }
    }

    /// A prefix operator or a cast.
    pub fn unary(operator: &str, operand: &Value) -> Self {
        if operator == "!" && operand.prec == Prec::Unary {
            // !!!x is !x, and whether a pointer is null does not depend on its type.
            let operand = operand.truth();
            return Value { text: format!("!{}", without_pointer_cast(&operand.text)), prec: Prec::Unary };
        }
        if operator == "!" && operand.prec == Prec::Equality {
            let positive = operand.text.strip_suffix(" != NULL").or_else(|| operand.text.strip_suffix(" != 0"));
            if let Some(positive) = positive.filter(|text| is_unary(text)) {
                return Value { text: format!("!{positive}"), prec: Prec::Unary };
            }
        }
        let inner = operand.at(Prec::Unary);
        // `- -1` must not become `--1`.
        let gap = if operator.ends_with(['-', '&', '+']) && inner.starts_with(['-', '&', '+']) { " " } else { "" };
        Value { text: format!("{operator}{gap}{inner}"), prec: Prec::Unary }
    }

    /// A conversion.
    pub fn cast(to: &str, operand: &Value) -> Self {
        let prefix = format!("({to})");
        if operand.text.starts_with(&prefix) && operand.prec == Prec::Unary {
            return operand.clone();
        }
        if operand.prec == Prec::Unary && matches!(to, "__u64" | "__s64") {
            // Nobody sees what kind of pointer it has been.
            return Value { text: format!("{prefix}{}", without_pointer_cast(&operand.text)), prec: Prec::Unary };
        }
        Value::unary(&prefix, operand)
    }

    /// The value where only its truth counts: `!!x` is as good as `x`.
    pub fn truth(&self) -> Self {
        match self.text.strip_prefix("!!") {
            Some(text) if self.prec == Prec::Unary => Value { text: text.to_owned(), prec: Prec::Unary },
            _ => self.clone(),
        }
    }

    /// An operator with two operands, parenthesised so that clang and people are content.
    pub fn binary(operator: &str, prec: Prec, left: &Value, right: &Value) -> Self {
        let left = left.operand(prec, operator, true);
        let right = right.operand(prec, operator, false);
        Value { text: format!("{left} {operator} {right}"), prec }
    }

    /// The text where something that binds at least as `prec` is expected.
    pub fn at(&self, prec: Prec) -> String {
        if self.prec < prec { format!("({})", self.text) } else { self.text.clone() }
    }

    fn operand(&self, outer: Prec, operator: &str, left: bool) -> String {
        use Prec::{And, BitAnd, BitOr, BitXor, Equality, Or, Product, Relation, Sum};
        let plain = match self.prec {
            prec if prec >= Prec::Unary => true,
            Product => {
                outer == Sum || (outer == Product && left && operator == "*") || outer <= Equality && outer <= And
            }
            Sum => (outer == Sum && left) || matches!(outer, Relation | Equality | And | Or),
            Relation | Equality => matches!(outer, And | Or),
            And | Or | BitAnd | BitOr | BitXor => outer == self.prec && left,
            _ => false,
        };
        if plain { self.text.clone() } else { format!("({})", self.text) }
    }
}

/// `x` of `(struct request *)x`.
fn without_pointer_cast(text: &str) -> &str {
    let Some((ty, operand)) = text.strip_prefix('(').and_then(|rest| rest.split_once(')')) else { return text };
    let is_type = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ' ' | '*');
    if ty.ends_with(" *") && ty.chars().all(is_type) { operand } else { text }
}

/// Whether nothing looser than a cast stands outside of parentheses.
fn is_unary(text: &str) -> bool {
    let mut depth = 0;
    text.replace("->", ".").chars().all(|c| {
        depth += i32::from(matches!(c, '(' | '[')) - i32::from(matches!(c, ')' | ']'));
        depth > 0 || c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ')' | ']')
    })
}
