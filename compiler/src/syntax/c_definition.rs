//! The extent of C definitions in a script.

/// Whether what follows `struct`, `union`, `enum` or `typedef` goes on like a C definition.
pub fn starts(rest: &str) -> bool {
    let next = rest.trim_start();
    let blank = next.len() < rest.len();
    next.starts_with('{') || (blank && next.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'))
}

/// The length of the directive or definition that `text` begins with.
pub fn length(text: &str) -> usize {
    if text.starts_with('#') { directive(text.as_bytes()) } else { definition(text) }
}

/// Up to the end of the line, continued lines included.
fn directive(bytes: &[u8]) -> usize {
    let mut at = 0;
    while at < bytes.len() {
        match &bytes[at..] {
            [b'\\', b'\n', ..] => at += 2,
            [b'\\', b'\r', b'\n', ..] => at += 3,
            [b'\n', ..] => return at,
            _ => at += 1,
        }
    }
    at
}

/// Up to the semicolon. After the braces of a struct, union or enum it may be missing: the definition then ends
/// behind its attributes; a typedef's behind the name.
fn definition(text: &str) -> usize {
    let bytes = text.as_bytes();
    let typedef = text.starts_with("typedef");
    let mut at = 0;
    let mut closed = None;
    while at < bytes.len() {
        let next = skip_comment(bytes, at);
        if next > at {
            at = next;
            continue;
        }
        match bytes[at] {
            b';' => return at + 1,
            b'{' if closed.is_none() => {
                at = skip_nested(bytes, at, b'{', b'}');
                closed = Some(at);
                continue;
            }
            b'(' => {
                at = skip_nested(bytes, at, b'(', b')');
                closed = closed.map(|_| at);
                continue;
            }
            b'{' => break,
            b if b.is_ascii_alphabetic() || b == b'_' => {
                let end = at + bytes[at..].iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
                match closed {
                    Some(_) if text[at..end].starts_with("__attribute") => {}
                    Some(_) if typedef && !text[end..].trim_start().starts_with(';') => return end,
                    Some(closed) if !typedef && !text[end..].trim_start().starts_with(';') => return closed,
                    _ => {}
                }
                at = end;
                continue;
            }
            // What cannot belong to a declarator belongs to the next item.
            b'/' | b'#' if closed.is_some() => break,
            _ => {}
        }
        at += 1;
    }
    closed.unwrap_or(at)
}

/// Behind the comment or string at `at`; `at` when there is none.
fn skip_comment(bytes: &[u8], at: usize) -> usize {
    let end = |length: Option<usize>| length.map_or(bytes.len(), |length| at + length);
    match &bytes[at..] {
        [b'/', b'/', rest @ ..] => end(rest.iter().position(|b| *b == b'\n').map(|n| n + 2)),
        [b'/', b'*', rest @ ..] => end(rest.windows(2).position(|pair| pair == b"*/").map(|n| n + 4)),
        _ => at,
    }
}

fn skip_nested(bytes: &[u8], mut at: usize, open: u8, close: u8) -> usize {
    let mut depth = 0usize;
    while at < bytes.len() {
        let next = skip_comment(bytes, at);
        if next > at {
            at = next;
            continue;
        }
        if bytes[at] == open {
            depth += 1;
        } else if bytes[at] == close {
            depth -= 1;
            if depth == 0 {
                return at + 1;
            }
        }
        at += 1;
    }
    at
}
