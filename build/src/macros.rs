//! Values of object-like macros.

pub use tracewright_compiler::kernel::MacroValue as Value;

/// Evaluates expressions: none for what is no integer constant.
pub type Evaluate<'a> = &'a dyn Fn(&[String]) -> Vec<(String, Option<Value>)>;

/// Values of those of the `wanted` names that are macros. Literals are read here; what needs a compiler goes to
/// `evaluate`, all at once; anything else is given as its text.
pub fn values(macros: &[(String, String)], wanted: &[String], evaluate: Evaluate<'_>) -> Vec<(String, Value)> {
    let mut known = Vec::new();
    let mut open = Vec::new();
    // `#define SOCK_STREAM SOCK_STREAM`: an enumerator, made known to the preprocessor.
    let means = |name: &String, text: &String| wanted.contains(name) && !text.is_empty() && text != name;
    for (name, text) in macros.iter().filter(|(name, text)| means(name, text)) {
        match literal(text) {
            Some(value) => known.push((name.clone(), value)),
            None => open.push((name.clone(), text)),
        }
    }
    if open.is_empty() {
        return known;
    }
    let names: Vec<String> = open.iter().map(|(name, _)| name.clone()).collect();
    for ((name, text), (_, value)) in open.into_iter().zip(evaluate(&names)) {
        known.push((name, value.unwrap_or_else(|| Value::Text(text.clone()))));
    }
    known
}

fn literal(text: &str) -> Option<Value> {
    let mut text = text.trim();
    while let Some(inner) = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        text = inner.trim();
    }
    if text.starts_with('"') {
        return string(text).map(Value::Str);
    }
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest.trim()),
        None => (false, text),
    };
    let value = integer(digits)? as i64;
    Some(Value::Int(if negative { value.wrapping_neg() } else { value }))
}

fn integer(text: &str) -> Option<u64> {
    if let Some(inner) = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        let mut bytes = inner.bytes();
        let first = bytes.next().filter(|&b| b != b'\\')?;
        return bytes.next().is_none().then_some(u64::from(first));
    }
    let digits = text.trim_end_matches(['u', 'U', 'l', 'L']);
    if let Some(hex) = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        return u64::from_str_radix(hex, 16).ok();
    }
    if digits.len() > 1 && digits.starts_with('0') {
        return u64::from_str_radix(&digits[1..], 8).ok();
    }
    digits.parse().ok()
}

/// One or more string literals, put together.
fn string(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(inner) = rest.strip_prefix('"') {
        let mut bytes = inner.bytes().enumerate();
        let end = loop {
            let (at, byte) = bytes.next()?;
            match byte {
                b'"' => break at,
                b'\\' => out.push(match bytes.next()?.1 {
                    b'n' => b'\n',
                    b't' => b'\t',
                    b'r' => b'\r',
                    b'0' => 0,
                    other => other,
                }),
                other => out.push(other),
            }
        };
        rest = inner[end + 1..].trim_start();
    }
    rest.is_empty().then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals() {
        assert_eq!(literal("0x10UL"), Some(Value::Int(16)));
        assert_eq!(literal("(-5)"), Some(Value::Int(-5)));
        assert_eq!(literal("010"), Some(Value::Int(8)));
        assert_eq!(literal("'a'"), Some(Value::Int(97)));
        assert_eq!(literal(r#""a\n" "b""#), Some(Value::Str(b"a\nb".to_vec())));
        assert_eq!(literal("A + 1"), None);
        assert_eq!(literal("(1)+(2)"), None);
    }
}
