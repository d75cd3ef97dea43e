//! Long lines of C, broken as people would.

/// Columns; a tab has eight.
const WIDTH: usize = 120;
const TAB: usize = 8;

/// The text with its long lines broken. Comments and lines of the preprocessor stay.
pub fn wrapped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        let code = line.trim_start_matches('\t');
        let tabs = line.len() - code.len();
        if tabs * TAB + code.chars().count() <= WIDTH || is_no_code(code) {
            out += line;
            out.push('\n');
        } else {
            breaks(code, tabs, &mut out);
        }
    }
    out
}

fn is_no_code(code: &str) -> bool {
    ["/*", " *", "//", "#"].iter().any(|start| code.starts_with(start))
}

fn breaks(code: &str, tabs: usize, out: &mut String) {
    let (mut rest, mut indent) = (code, tabs);
    loop {
        let room = WIDTH.saturating_sub(indent * TAB).max(40);
        *out += &"\t".repeat(indent);
        // What is continued stands two tabs further in, so that it does not look like a block.
        indent = tabs + 2;
        match place(rest, room) {
            Some(at) if rest.chars().count() > room => {
                *out += rest[..at].trim_end();
                out.push('\n');
                rest = rest[at..].trim_start();
            }
            _ => {
                *out += rest;
                out.push('\n');
                return;
            }
        }
    }
}

/// Where to break: behind the outermost comma or operator that fits, the last of them.
fn place(code: &str, room: usize) -> Option<usize> {
    let mut best: Option<(usize, usize)> = None;
    let (mut depth, mut is_quoted, mut is_escaped) = (0usize, false, false);
    for (column, (at, c)) in code.char_indices().enumerate() {
        if column > room {
            break;
        }
        if is_quoted {
            is_quoted = is_escaped || c != '"';
            is_escaped = c == '\\' && !is_escaped;
            continue;
        }
        match c {
            '"' => is_quoted = true,
            '(' | '{' | '[' => depth += 1,
            ')' | '}' | ']' => depth = depth.saturating_sub(1),
            ' ' => {
                let before = &code[..at];
                let is_place = [",", "&&", "||", "=", "?", ":"].iter().any(|mark| before.ends_with(mark));
                // A first word or two alone on a line help nobody.
                if is_place && column * 3 > room && best.is_none_or(|(least, _)| depth <= least) {
                    best = Some((depth, at));
                }
            }
            _ => {}
        }
    }
    best.map(|(_, at)| at)
}

#[cfg(test)]
mod tests {
    use super::wrapped;

    #[test]
    fn lines_are_broken_outside_first() {
        let (a, b) = ("a".repeat(50), "b".repeat(50));
        let text = format!("\tx = f({a}, g({b}, c), d);\n\treturn;\n");
        assert_eq!(wrapped(&text), format!("\tx = f({a},\n\t\t\tg({b}, c), d);\n\treturn;\n"));
        let quoted = format!("\tf(\"{a}, {b}, {b}\");\n");
        assert_eq!(wrapped(&quoted), quoted);
    }
}
