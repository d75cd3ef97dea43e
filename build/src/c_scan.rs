//! Finds the types, functions and macros in preprocessed C.

use std::collections::HashSet;

use tracewright_compiler::kernel::c_types::NAMELESS_ENUM;

/// A type that the text defines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeName {
    /// `struct foo`, `foo_t`
    pub name: String,
    /// It stands in a header of the kernel.
    pub of_kernel_header: bool,
}

/// What a text defines.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Structs, unions, enums with a body, and typedefs.
    pub types: Vec<TypeName>,
    /// Functions with a body that other files may call, or declared `extern`.
    pub functions: Vec<String>,
    /// Object-like macros: name and text; the last definition of each.
    pub macros: Vec<(String, String)>,
    /// Enumerators of enums without a name, which nothing else refers to.
    pub loose_enumerators: Vec<String>,
    /// Enumerators of the other enums, but for those of the kernel's headers.
    pub enumerators: Vec<String>,
}

/// Reads `clang -E -dD` output. What stands in a file `kernel_types.h` is the kernel's.
pub fn scan(text: &str) -> Found {
    let mut scanner = Scanner { seen: HashSet::new(), found: Found::default() };
    let mut skip = false;
    let mut declared = false;
    let mut of_kernel_header = false;
    let mut statement: Vec<&str> = Vec::new();
    let mut depth = 0_usize;
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# ") {
            let file = rest.split('"').nth(1).unwrap_or("");
            skip = file.starts_with('<');
            declared = file.ends_with("/kernel_types.h") || file == "kernel_types.h";
            let places = ["/include/linux/", "/asm/", "/asm-generic/", "/include/uapi/"];
            of_kernel_header = declared || places.iter().any(|place| file.contains(place));
            continue;
        }
        if let Some(rest) = line.strip_prefix("#define ") {
            if !skip && !declared {
                scanner.define(rest);
            }
            continue;
        }
        if let Some(name) = line.strip_prefix("#undef ") {
            scanner.found.macros.retain(|(known, _)| known != name.trim());
            continue;
        }
        if line.starts_with('#') || skip {
            continue;
        }
        for token in tokens(line) {
            statement.push(token);
            match token {
                "{" => depth += 1,
                "}" => depth = depth.saturating_sub(1),
                _ => {}
            }
            let ends = token == ";" || token == "}" && is_function(&statement);
            if depth == 0 && ends {
                scanner.statement(&statement, of_kernel_header);
                statement.clear();
            }
        }
    }
    scanner.found
}

/// The text with tags for its nameless enums, but for those that a typedef names.
pub fn name_enums(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut count = 0;
    let mut in_comment = false;
    for line in text.split_inclusive('\n') {
        let mut rest = line;
        while !line.trim_start().starts_with('#')
            && let Some(at) = rest.find("enum")
        {
            let (before, behind) = (&rest[..at], &rest[at + 4..]);
            let is_word = !before.ends_with(|c: char| c.is_alphanumeric() || c == '_');
            let comments = before.rfind("/*").map_or(in_comment, |open| !before[open..].contains("*/"));
            in_comment = comments && !before.contains("*/");
            let named = before.trim_end().ends_with("typedef") || before.contains("//") || in_comment;
            out.push_str(before);
            out.push_str("enum");
            if is_word && !named && behind.trim_start().starts_with('{') {
                out.push_str(&format!(" {NAMELESS_ENUM}{count}"));
                count += 1;
            }
            rest = behind;
        }
        if let Some(open) = rest.rfind("/*") {
            in_comment = !rest[open..].contains("*/");
        } else if rest.contains("*/") {
            in_comment = false;
        }
        out.push_str(rest);
    }
    out
}

/// Whether what ends with this brace is a function: its body follows a parameter list.
fn is_function(statement: &[&str]) -> bool {
    let Some(open) = statement.iter().position(|&t| t == "{") else { return false };
    open > 0 && statement[open - 1] == ")" && !matches!(statement[0], "struct" | "union" | "enum" | "typedef")
}

struct Scanner {
    seen: HashSet<String>,
    found: Found,
}

impl Scanner {
    fn define(&mut self, rest: &str) {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        if rest[end..].starts_with('(') {
            return;
        }
        let (name, value) = (rest[..end].to_owned(), rest[end..].trim().to_owned());
        self.found.macros.retain(|(known, _)| *known != name);
        self.found.macros.push((name, value));
    }

    fn add(&mut self, name: String, of_kernel_header: bool) {
        if self.seen.insert(name.clone()) {
            self.found.types.push(TypeName { name, of_kernel_header });
        }
    }

    /// One declaration at file level.
    fn statement(&mut self, tokens: &[&str], of_kernel_header: bool) {
        for (n, keyword) in tokens.iter().enumerate().filter(|(_, t)| matches!(**t, "struct" | "union" | "enum")) {
            let mut at = n + 1;
            // `struct __attribute__((packed)) foo {`
            while tokens.get(at) == Some(&"__attribute__") {
                at += 1 + balanced(&tokens[at + 1..]);
            }
            match (tokens.get(at), tokens.get(at + 1)) {
                (Some(name), Some(&"{")) if is_word(name) => {
                    self.add(format!("{keyword} {name}"), of_kernel_header);
                    if *keyword == "enum" && !of_kernel_header {
                        self.found.enumerators.extend(enumerators(&tokens[at + 2..]));
                    }
                }
                (Some(&"{"), _) if *keyword == "enum" && !of_kernel_header => {
                    self.found.loose_enumerators.extend(enumerators(&tokens[at + 1..]));
                }
                _ => {}
            }
        }
        if tokens.first() == Some(&"typedef") {
            if let Some(name) = typedef_name(tokens) {
                self.add(name.to_owned(), of_kernel_header);
            }
            return;
        }
        let head = tokens.iter().position(|&t| t == "(").unwrap_or(tokens.len());
        let is_body = is_function(tokens) && !tokens[..head].contains(&"static");
        let is_declaration = tokens.contains(&"(") && !tokens.contains(&"{") && !tokens.contains(&"=");
        if is_body || is_declaration && tokens.first() == Some(&"extern") && !of_kernel_header {
            let open = tokens.iter().position(|&t| t == "(");
            let name = open.and_then(|at| tokens.get(at.checked_sub(1)?)).filter(|name| is_word(name));
            let name = name.filter(|name| !name.starts_with("__"));
            if let Some(name) = name
                && self.seen.insert(format!("{name}()"))
            {
                self.found.functions.push((*name).to_owned());
            }
        }
    }
}

/// Enumerators up to the closing brace.
fn enumerators(tokens: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let mut expects_name = true;
    let mut depth = 0;
    for token in tokens {
        match *token {
            "}" => break,
            "(" => depth += 1,
            ")" => depth -= 1,
            "," if depth == 0 => expects_name = true,
            name if expects_name && is_word(name) => {
                found.push(name.to_owned());
                expects_name = false;
            }
            _ => {}
        }
    }
    found
}

/// The name that a typedef gives: `(*name)(…)`, `name[…]`, or the last word.
fn typedef_name<'a>(tokens: &[&'a str]) -> Option<&'a str> {
    let mut end = tokens.len() - 1;
    let body_end = tokens.iter().rposition(|&t| t == "}").map_or(0, |at| at + 1);
    let tail = &tokens[body_end..end];
    if let Some(at) = tail.windows(2).position(|w| w == ["(", "*"]) {
        return tail[at + 2..].iter().find(|t| is_word(t)).copied();
    }
    if let Some(at) = tail.iter().position(|&t| t == "__attribute__")
        && at > 0
    {
        end = body_end + at;
    }
    let tail = &tokens[body_end..end];
    let cut =
        tail.iter().position(|&t| t == "[").or_else(|| tail.iter().rposition(|&t| t == "(")).unwrap_or(tail.len());
    tail[..cut].iter().rev().find(|t| is_word(t)).copied()
}

/// Tokens of a parenthesised group at the start.
fn balanced(tokens: &[&str]) -> usize {
    let mut depth = 0;
    for (n, token) in tokens.iter().enumerate() {
        match *token {
            "(" => depth += 1,
            ")" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return n + 1;
        }
    }
    tokens.len()
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

/// Words, numbers, string literals whole, and single characters.
fn tokens(line: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let bytes = line.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        match bytes[at] {
            b if b.is_ascii_whitespace() => {
                at += 1;
                continue;
            }
            quote @ (b'"' | b'\'') => {
                at += 1;
                while at < bytes.len() && bytes[at] != quote {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                at = (at + 1).min(bytes.len());
            }
            b if b.is_ascii_alphanumeric() || b == b'_' => {
                while at < bytes.len() && (bytes[at].is_ascii_alphanumeric() || bytes[at] == b'_') {
                    at += 1;
                }
            }
            b if b.is_ascii() => at += 1,
            _ => {
                at += line[at..].chars().next().map_or(1, char::len_utf8);
            }
        }
        out.push(&line[start..at]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_is_defined() {
        let text = "# 1 \"main.c\"\n# 1 \"./kernel_types.h\" 1\nstruct hidden { int a; };\n# 2 \"main.c\" 2\n\
                    # 1 \"./definitions.h\" 1\n#define N 4\n#define F(x) x\nstruct foo {\n int a[4]; struct bar { int c; } b; };\n\
                    typedef struct { int a; } anon_t; typedef int (*fn)(int, char *); typedef int pair_t[2];\n\
                    enum { A = (1, 2), B }; enum color { RED }; struct __attribute__((packed)) tight { char c; };\n\
                    int add(int a, int b) { if (a) { return b; } return a + b; }\nextern int other(void);\nstatic int own(void) { return 1; }\n\
                    int x = 3;";
        let found = scan(text);
        let names: Vec<&str> = found.types.iter().map(|ty| ty.name.as_str()).collect();
        assert!(found.types[0].of_kernel_header && !found.types[1].of_kernel_header);
        assert_eq!(
            names,
            ["struct hidden", "struct foo", "struct bar", "anon_t", "fn", "pair_t", "enum color", "struct tight"]
        );
        assert_eq!(found.functions, ["add", "other"]);
        assert_eq!(found.macros, [("N".to_owned(), "4".to_owned())]);
        assert_eq!(found.loose_enumerators, ["A", "B"]);
        assert_eq!(found.enumerators, ["RED"]);
    }
}
