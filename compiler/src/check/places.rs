//! Places as bpftrace shows them: parentheses off, semicolons on, casts by their type alone.

use super::lower::Lower;
use crate::source::Span;
use crate::syntax::ast::{Expr, ExprKind};

impl Lower<'_> {
    /// The place of an expression, without parentheses around it or around its outermost operands.
    pub fn place(&self, expr: &Expr) -> Span {
        match &expr.kind {
            ExprKind::Cast { .. } | ExprKind::Tuple(_) | ExprKind::Record(_) => expr.span,
            ExprKind::Binary { left, right, .. } => within(self.place(left), self.place(right), expr.span),
            ExprKind::Ternary { cond, otherwise, .. } => within(self.place(cond), self.place(otherwise), expr.span),
            _ => self.bare(expr.span),
        }
    }

    /// The place without parentheses around it.
    pub fn bare(&self, span: Span) -> Span {
        let mut span = span;
        loop {
            let text = self.sources.text(span);
            if !(text.starts_with('(') && text.ends_with(')') && text.len() > 2) {
                return span;
            }
            let inner = &text[1..text.len() - 1];
            let start = span.start + 1 + (inner.len() - inner.trim_start().len()) as u32;
            let end = span.end - 1 - (inner.len() - inner.trim_end().len()) as u32;
            if start >= end {
                return span;
            }
            span = Span { start, end, ..span };
        }
    }

    /// The place of a statement with its semicolon, if one follows.
    pub fn with_semicolon(&self, span: Span) -> Span {
        super::warnings::with_semicolon(self.sources, span)
    }

    /// The place of a block that is a statement: up to what follows, as bpftrace tells it.
    pub fn to_next_token(&self, span: Span) -> Span {
        let after = self.sources.get(span.file).text.get(span.end as usize..).unwrap_or("");
        let rest = after.trim_start();
        if rest.starts_with([';', '}']) {
            return span;
        }
        Span { end: span.end + (after.len() - rest.len()) as u32, ..span }
    }

    /// `(type)` of a cast.
    pub fn cast_place(&self, whole: Span, type_span: Span) -> Span {
        let text = &self.sources.get(whole.file).text;
        let before = text.get(whole.start as usize..type_span.start as usize).unwrap_or("");
        let start = before.rfind('(').map_or(type_span.start, |at| whole.start + at as u32);
        let after = text.get(type_span.end as usize..whole.end as usize).unwrap_or("");
        let end = after.find(')').map_or(type_span.end, |at| type_span.end + at as u32 + 1);
        Span { start, end, ..whole }
    }
}

/// From one operand to the other; operands that a macro put in lie elsewhere.
fn within(left: Span, right: Span, whole: Span) -> Span {
    let span = left.to(right);
    let inside = span.file == whole.file && span.start >= whole.start && span.end <= whole.end;
    if inside { span } else { whole }
}
