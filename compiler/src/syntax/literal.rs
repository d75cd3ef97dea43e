//! Numbers and strings.

use super::token::Token;

/// An error in a literal: bytes from, to, message.
pub type LiteralError = (usize, usize, String);

const MAX: &str = "maximum value is 18446744073709551615";

/// Reads the number that `text` begins with: the token, its length, what is wrong with it.
pub fn number(text: &str) -> (Token, usize, Option<LiteralError>) {
    let bytes = text.as_bytes();
    if bytes[0] == b'0' && matches!(bytes.get(1), Some(b'x' | b'X')) {
        return hexadecimal(text);
    }
    let digits = digits_end(bytes, 0, u8::is_ascii_digit);
    let mantissa = text[..digits].replace('_', "");
    if text[..digits].ends_with('_') {
        let error = (digits - 1, digits, "trailing underscore in integer literal".to_string());
        return (Token::BadInt(text[..digits].into()), digits, Some(error));
    }
    let exponent = digits_end(bytes, (digits + 1).min(bytes.len()), u8::is_ascii_digit);
    if matches!(bytes.get(digits), Some(b'e' | b'E')) && exponent > digits + 1 {
        return scientific(text, &mantissa, digits + 1, exponent);
    }
    let end = digits_end(bytes, digits, u8::is_ascii_alphanumeric);
    let whole = &text[..end];
    let bad = |from: usize, message: String| (Token::BadInt(whole.into()), end, Some((from, end, message)));
    let scale = match &text[digits..end] {
        "" | "u" | "U" | "l" | "L" | "ul" | "UL" | "ll" | "LL" | "ull" | "ULL" => None,
        "ns" => Some(1),
        "us" => Some(1_000),
        "ms" => Some(1_000_000),
        "s" => Some(1_000_000_000),
        "m" => Some(60_000_000_000),
        "h" => Some(3_600_000_000_000),
        "d" => Some(86_400_000_000_000),
        "e" | "E" => return bad(0, format!("invalid trailing bytes: {whole}")),
        suffix => return bad(digits, format!("invalid integer suffix '{suffix}'")),
    };
    let octal = mantissa.len() > 1 && mantissa.starts_with('0') && scale.is_none();
    if octal && mantissa.contains(['8', '9']) {
        return bad(0, format!("invalid trailing bytes: {whole}"));
    }
    let value = u64::from_str_radix(&mantissa, if octal { 8 } else { 10 }).ok();
    match (value, scale) {
        (Some(value), None) => (Token::Int(value), end, None),
        (Some(value), Some(scale)) => match value.checked_mul(scale) {
            Some(value) => (Token::Duration(value), end, None),
            None => bad(0, format!("overflow error, {MAX}: {whole}")),
        },
        (None, _) => bad(0, format!("overflow error, {MAX}: {whole}")),
    }
}

fn hexadecimal(text: &str) -> (Token, usize, Option<LiteralError>) {
    let bytes = text.as_bytes();
    let digits = digits_end(bytes, 2, u8::is_ascii_hexdigit);
    // Suffixes of C, as long as the number ends there.
    let word = digits_end(bytes, digits, u8::is_ascii_alphanumeric);
    let suffix = text[digits..word].to_ascii_lowercase();
    let end = if matches!(suffix.as_str(), "u" | "l" | "ul" | "ll" | "ull") { word } else { digits };
    let value = text[2..digits].replace('_', "");
    let message = if value.is_empty() {
        format!("invalid integer: {}", &text[..end])
    } else {
        match u64::from_str_radix(&value, 16) {
            Ok(value) => return (Token::Int(value), end, None),
            Err(_) => format!("overflow error, {MAX}: {}", &text[2..end]),
        }
    };
    (Token::BadInt(text[..end].into()), end, Some((0, end, message)))
}

/// `2e3`
fn scientific(text: &str, mantissa: &str, from: usize, end: usize) -> (Token, usize, Option<LiteralError>) {
    let whole = &text[..end];
    let bad = |message: String| (Token::BadInt(whole.into()), end, Some((0, end, message)));
    if !matches!(mantissa.as_bytes(), [b'1'..=b'9']) {
        return bad(format!("coefficient part of scientific literal must be 1-9: {whole}"));
    }
    let exponent: Option<u32> = text[from..end].replace('_', "").parse().ok();
    let power = exponent.and_then(|exponent| 10u64.checked_pow(exponent));
    // SANITY: one digit, as checked above.
    let digit = u64::from(mantissa.as_bytes()[0] - b'0');
    match power.and_then(|power| power.checked_mul(digit)) {
        Some(value) => (Token::Int(value), end, None),
        None => bad(format!("overflow error, {MAX}: {whole}")),
    }
}

fn digits_end(bytes: &[u8], from: usize, is_digit: fn(&u8) -> bool) -> usize {
    from + bytes[from..].iter().take_while(|b| is_digit(b) || **b == b'_').count()
}

/// Reads the string that `text` begins with: its bytes, its length with quotes, what is wrong with it.
/// A string ends at the end of its line at the latest.
pub fn string(text: &str) -> (Vec<u8>, usize, Vec<LiteralError>) {
    let bytes = text.as_bytes();
    let (mut value, mut errors, mut at) = (Vec::new(), Vec::new(), 1);
    loop {
        match &bytes[at..] {
            [b'"', ..] => return (value, at + 1, errors),
            rest @ ([] | [b'\n', ..]) => {
                let from = at + usize::from(!rest.is_empty());
                let to = from + rest.get(1).is_some_and(u8::is_ascii) as usize;
                errors.push((from, to, "unterminated string".to_string()));
                return (value, at, errors);
            }
            [b'\\', rest @ ..] if !rest.is_empty() && rest[0] != b'\n' => {
                let (length, byte) = escape(rest);
                match byte {
                    Ok(byte) => value.push(byte),
                    // The backslash is left out, and the `x` of a hexadecimal escape.
                    Err(message) => {
                        let from = at + 1 + usize::from(rest[0] == b'x');
                        errors.push((from, (at + 1 + length).max(from + 1), message));
                    }
                }
                at += 1 + length;
            }
            [byte, ..] => {
                value.push(*byte);
                at += 1;
            }
        }
    }
}

/// What stands behind a backslash: how many bytes, and the byte that it means.
fn escape(rest: &[u8]) -> (usize, Result<u8, String>) {
    let count = |max: usize, is_digit: fn(&u8) -> bool| rest.iter().take(max).take_while(|b| is_digit(b)).count();
    match rest[0] {
        b'n' => (1, Ok(b'\n')),
        b't' => (1, Ok(b'\t')),
        b'r' => (1, Ok(b'\r')),
        b'"' => (1, Ok(b'"')),
        b'\\' => (1, Ok(b'\\')),
        b'x' => {
            let digits = rest[1..].iter().take(2).take_while(|b| b.is_ascii_hexdigit()).count();
            let text = String::from_utf8_lossy(&rest[1..1 + digits]);
            let byte = u8::from_str_radix(&text, 16).map_err(|_| "invalid hex escape sequence".to_string());
            (1 + digits, byte)
        }
        b'0'..=b'7' => {
            let digits = count(3, |b| (b'0'..=b'7').contains(b));
            let value = rest[..digits].iter().fold(0u32, |value, b| value * 8 + u32::from(b - b'0'));
            // Three digits may exceed a byte: C keeps the low eight bits.
            (digits, Ok(value as u8))
        }
        _ => {
            let text = String::from_utf8_lossy(rest);
            let c = text.chars().next().unwrap_or('\\');
            (c.len_utf8(), Err(format!("invalid escape character '\\{c}'")))
        }
    }
}
