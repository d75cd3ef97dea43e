//! Format strings: parsed here, printed by user space.

use super::lower::Lower;
use super::widen::shown;
use crate::codes;
use crate::program::{Conversion, Expr, ExprKind, Format, FormatPiece};
use crate::source::Span;
use crate::types::Type;

/// `%g`, where `g` stands for `%gr`.
const POINTED_G: char = 'q';

/// Splits a format into text and conversions. What is no conversion is text, as in bpftrace.
pub(crate) fn parse(text: &[u8]) -> Format {
    let mut pieces = Vec::new();
    let mut literal = Vec::new();
    let mut at = 0;
    while at < text.len() {
        if text[at] != b'%' {
            literal.push(text[at]);
            at += 1;
        } else if text.get(at + 1) == Some(&b'%') {
            literal.push(b'%');
            at += 2;
        } else if let Some((conversion, length)) = conversion(&text[at..]) {
            if conversion.conversion == '%' {
                literal.push(b'%');
                at += length;
                continue;
            }
            if !literal.is_empty() {
                pieces.push(FormatPiece::Text(std::mem::take(&mut literal)));
            }
            pieces.push(FormatPiece::Conversion(conversion));
            at += length;
        } else {
            literal.push(b'%');
            at += 1;
        }
    }
    if !literal.is_empty() {
        pieces.push(FormatPiece::Text(literal));
    }
    Format { text: text.to_vec(), pieces }
}

/// A conversion as written.
fn letters(conversion: char) -> String {
    match conversion {
        'R' => "rx".to_owned(),
        'H' => "rh".to_owned(),
        'g' => "gr".to_owned(),
        other => other.to_string(),
    }
}

/// One conversion and how many bytes it takes. As in bpftrace, flags come in this order, and a `*` takes no argument.
fn conversion(text: &[u8]) -> Option<(Conversion, usize)> {
    let mut out = Conversion::default();
    let mut at = 1;
    let mut flag = |letter: u8| {
        let found = text.get(at) == Some(&letter);
        at += usize::from(found);
        found
    };
    out.left = flag(b'-');
    out.plus = flag(b'+');
    out.space = flag(b' ');
    out.alternate = flag(b'#');
    out.zero = text.get(at) == Some(&b'0');
    loop {
        match digits(text, at) {
            (Some(width), next) => (out.width, at) = (Some(width), next),
            (None, _) if text.get(at) == Some(&b'*') => at += 1,
            (None, _) => break,
        }
    }
    if text.get(at) == Some(&b'.') {
        let (precision, next) = match text.get(at + 1) {
            Some(b'*') => (None, at + 2),
            _ => digits(text, at + 1),
        };
        if next == at + 1 {
            return None;
        }
        out.precision = precision;
        at = next;
    }
    let lengths = at;
    while text.get(at).is_some_and(|letter| b"hlLjzt".contains(letter)) {
        at += 1;
    }
    out.length = match &text[lengths..at] {
        b"L" => "ll".to_owned(),
        given => {
            let known = ["hh", "ll", "h", "l", "j", "z", "t"];
            known.into_iter().find(|length| given.starts_with(length.as_bytes())).unwrap_or_default().to_owned()
        }
    };
    let (conversion, used) = match (text.get(at)?, text.get(at + 1)) {
        (b'r', Some(b'x')) => ('R', 2),
        (b'r', Some(b'h')) => ('H', 2),
        (b'g', Some(b'r')) => ('g', 2),
        // Alone it would be for a number with a point.
        (b'g', _) => (POINTED_G, 1),
        (c @ (b'd' | b'i' | b'u' | b'x' | b'X' | b'o' | b'c' | b's' | b'p' | b'r' | b'%'), _) => (char::from(*c), 1),
        (c @ (b'e' | b'E' | b'f' | b'F' | b'G' | b'a' | b'A' | b'n'), _) => (char::from(*c), 1),
        _ => return None,
    };
    out.conversion = conversion;
    Some((out, at + used))
}

fn digits(text: &[u8], from: usize) -> (Option<u32>, usize) {
    let mut at = from;
    let mut value: Option<u32> = None;
    while let Some(digit) = text.get(at).filter(|c| c.is_ascii_digit()) {
        value = Some(value.unwrap_or(0).saturating_mul(10).saturating_add(u32::from(digit - b'0')));
        at += 1;
    }
    (value, at)
}

impl Lower<'_> {
    /// Fits arguments to a format: their number and types.
    pub fn check_format(&mut self, format: &Format, args: Vec<Expr>, span: Span) -> Option<Vec<Expr>> {
        let conversions: Vec<&Conversion> = format
            .pieces
            .iter()
            .filter_map(|piece| match piece {
                FormatPiece::Conversion(conversion) => Some(conversion),
                FormatPiece::Text(_) | FormatPiece::Spec { .. } => None,
            })
            .collect();
        let wanted = conversions.len();
        if args.len() != wanted {
            let which = if args.len() < wanted { "not enough" } else { "too many" };
            self.error(
                codes::FORMAT,
                span,
                format!("{which} arguments for format string ({} supplied, {wanted} expected)", args.len()),
            );
            return None;
        }
        let mut args = args.into_iter();
        let mut out = Vec::new();
        let mut fine = true;
        for conversion in conversions {
            let Some(arg) = args.next() else { break };
            if self.is_poison(&arg) {
                fine = false;
                continue;
            }
            // One message a call.
            fine = fine && self.takes(&arg, conversion.conversion, span);
            out.push(self.printable(arg));
        }
        fine.then_some(out)
    }

    fn takes(&mut self, arg: &Expr, conversion: char, span: Span) -> bool {
        if matches!(arg.kind, ExprKind::MapSummary { .. }) && conversion == 's' {
            return true;
        }
        if matches!(conversion, 'e' | 'E' | 'f' | 'F' | 'G' | 'a' | 'A' | 'n' | POINTED_G) {
            let letter = if conversion == POINTED_G { 'g' } else { conversion };
            self.error(codes::FORMAT, span, format!("unsupported format specifier: {letter}"));
            return false;
        }
        if let Some(aggregate) = self.raw_aggregate(arg) {
            let message = format!("unsupported format specifier for type '{aggregate}': {}", letters(conversion));
            self.error(codes::FORMAT, span, message);
            return false;
        }
        let takes = match &arg.ty {
            Type::Int(_) | Type::Bool => !matches!(conversion, 'r' | 'R' | 'H'),
            Type::Enum { .. } => !matches!(conversion, 'r' | 'R' | 'H'),
            Type::Pointer { .. } => !matches!(conversion, 'r' | 'R' | 'H' | 'g'),
            Type::Buffer { .. } => matches!(conversion, 'r' | 'R' | 'H' | 's'),
            Type::Void | Type::Aggregate(_) => false,
            _ => conversion == 's',
        };
        if !takes {
            let message = match &arg.ty {
                Type::Void => format!("unable to print none type for specifier: {}", letters(conversion)),
                ty => format!("unsupported format specifier for type '{}': {}", shown(ty), letters(conversion)),
            };
            self.error(codes::FORMAT, span, message);
        }
        takes
    }

    /// An argument as the event carries it: literals as wide integers.
    pub fn printable(&mut self, arg: Expr) -> Expr {
        match (&arg.kind, &arg.ty) {
            (ExprKind::Int(_), Type::Int(int)) if int.signed => self.coerce(arg, &Type::I64),
            _ => arg,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conversions(text: &str) -> String {
        let format = parse(text.as_bytes());
        format
            .pieces
            .iter()
            .map(|piece| match piece {
                FormatPiece::Text(text) => String::from_utf8_lossy(text).into_owned(),
                FormatPiece::Conversion(c) => format!("<{}{}>", c.length, c.conversion),
                FormatPiece::Spec { .. } => "<spec>".to_owned(),
            })
            .collect()
    }

    #[test]
    fn splits_formats() {
        assert_eq!(conversions("a %d b"), "a <d> b");
        assert_eq!(conversions("%-6d%%%lld"), "<d>%<lld>");
        assert_eq!(conversions("%rx %rh %r %gr"), "<R> <H> <r> <g>");
        assert_eq!(conversions("%hhx %.2s %05d"), "<hhx> <s> <d>");
        assert_eq!(conversions("100% %q %"), "100%q %");
        assert_eq!(conversions("%5% %+ d %-#010x %.*d %0*d %0-5d"), "% <d> <x> <d> <d> %0-5d");
    }
}
