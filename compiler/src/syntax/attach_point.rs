//! Attach points: `kprobe:vfs_*`, `uprobe:/bin/bash:"a b"+4`, `tracepoint:$1:$2`.

use super::ast::{AttachPart, AttachPoint, Ident, TextPiece};
use crate::source::Span;

/// The length of `name` where `text` begins with `name=`.
pub fn name_length(text: &str) -> Option<usize> {
    let length = text.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
    (length > 0 && text.as_bytes().get(length) == Some(&b'=')).then_some(length)
}

/// The length of the attach point that `text` begins with: up to a blank, comma or opening brace outside quotes.
/// One without parts also ends at the `/` of a predicate.
pub fn length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let (mut quoted, mut parts) = (false, false);
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' => return at,
            _ if quoted => {}
            b':' => parts = true,
            b'/' if !parts && at > 0 => return at,
            b',' | b'{' => return at.max(1),
            b if b.is_ascii_whitespace() => return at,
            _ => {}
        }
    }
    bytes.len()
}

/// Splits an attach point at its colons.
pub fn parse(text: &str, span: Span) -> AttachPoint {
    let mut parts = Vec::new();
    let (mut start, mut quoted) = (0, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b':' if !quoted => {
                parts.push((start, at));
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push((start, text.len()));
    let place =
        |(from, to): (usize, usize)| Span { start: span.start + from as u32, end: span.start + to as u32, ..span };
    let provider = Ident { name: text[parts[0].0..parts[0].1].replace('"', ""), span: place(parts[0]) };
    let parts = parts[1..].iter().map(|&(from, to)| part(&text[from..to], place((from, to)))).collect();
    AttachPoint { text: text.to_string(), provider, parts, span }
}

/// One part: takes the quotes off, finds positional parameters (not those in quotes).
fn part(text: &str, span: Span) -> AttachPart {
    let (mut pieces, mut literal, mut quoted) = (Vec::new(), String::new(), false);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        match c {
            '"' => quoted = !quoted,
            '$' if !quoted && digits > 0 => {
                if !literal.is_empty() {
                    pieces.push(TextPiece::Lit(std::mem::take(&mut literal)));
                }
                pieces.push(TextPiece::Param(rest[..digits].parse().unwrap_or(u32::MAX)));
                rest = &rest[digits..];
            }
            c => literal.push(c),
        }
    }
    if !literal.is_empty() {
        pieces.push(TextPiece::Lit(literal));
    }
    AttachPart { pieces, quoted: text.contains('"'), span }
}
