//! The one place where text from a script becomes C or Rust text.

/// Words that C, libbpf's headers and ours have taken.
const RESERVED: &[&str] = &[
    "auto",
    "bool",
    "break",
    "case",
    "char",
    "const",
    "continue",
    "default",
    "do",
    "double",
    "else",
    "enum",
    "extern",
    "false",
    "float",
    "for",
    "goto",
    "if",
    "inline",
    "int",
    "long",
    "register",
    "restrict",
    "return",
    "short",
    "signed",
    "sizeof",
    "static",
    "struct",
    "switch",
    "true",
    "typedef",
    "typeof",
    "union",
    "unsigned",
    "void",
    "volatile",
    "while",
    "asm",
    "SEC",
    "NULL",
    "offsetof",
    "container_of",
    "barrier",
    "barrier_var",
    "ctx",
    "scratch",
    "vars",
    "likely",
    "unlikely",
    "linux",
    "unix",
    "main",
    "LICENSE",
    "memcpy",
    "memset",
    "memcmp",
    "memmove",
    "strlen",
    "strcmp",
    "strncmp",
    "printf",
    "abs",
    "labs",
    "exit",
    "abort",
    "malloc",
    "free",
    "index",
    "rindex",
    "log",
    "exp",
    "pow",
    "sin",
    "cos",
    "tan",
    "sqrt",
    "floor",
    "ceil",
    "round",
    "bcmp",
    "bzero",
    "strstr",
    "strchr",
    "strcpy",
    "strcat",
    "signal",
    "fork",
    "pipe",
    "alloca",
    "select",
    "y0",
    "y1",
    "j0",
    "j1",
    "gamma",
];

/// Parameters and variables that functions of generated code have whatever the script says.
pub const OUR_NAMES: &[&str] = &["data", "frame", "inputs", "key", "map", "shared", "step", "value"];

/// Tags of structs that C takes and the skeleton's Rust does not, and those of our own headers.
const TAKEN_TAGS: &[&str] = &[
    "Box",
    "Clone",
    "Copy",
    "Debug",
    "Default",
    "Err",
    "None",
    "Ok",
    "Option",
    "Result",
    "Self",
    "Some",
    "String",
    "Vec",
    "abstract",
    "as",
    "async",
    "await",
    "become",
    "box",
    "bpf_map",
    "bpf_perf_event_data",
    "bpf_pidns_info",
    "bss",
    "core",
    "crate",
    "data",
    "dyn",
    "f32",
    "f64",
    "final",
    "fn",
    "gen",
    "i128",
    "i16",
    "i32",
    "i64",
    "i8",
    "impl",
    "in",
    "isize",
    "kconfig",
    "let",
    "libbpf_rs",
    "loop",
    "macro",
    "maps",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "progs",
    "pt_regs",
    "pub",
    "ref",
    "rodata",
    "self",
    "std",
    "str",
    "super",
    "trait",
    "try",
    "type",
    "u128",
    "u16",
    "u32",
    "u64",
    "u8",
    "unsafe",
    "unsized",
    "use",
    "user_pt_regs",
    "user_regs_struct",
    "usize",
    "virtual",
    "where",
    "yield",
];

/// Whether a struct of the script cannot have this tag in generated code.
pub fn is_taken_tag(tag: &str) -> bool {
    TAKEN_TAGS.contains(&tag) || tag.starts_with("tw_")
}

/// A C identifier near `name`: other characters become `_`, and taken words get one appended.
/// An empty or purely non-ASCII name becomes `unnamed`.
pub fn c_identifier(name: &str) -> String {
    let mut out: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect();
    if out.chars().all(|c| c == '_') {
        out = "unnamed".to_string();
    }
    if out.starts_with(|c: char| c.is_ascii_digit()) {
        out.insert(0, '_');
    }
    let taken = RESERVED.contains(&out.as_str())
        || out.starts_with("__")
        || out.starts_with("bpf_")
        || out.starts_with("BPF_")
        || out.starts_with("PT_REGS")
        || out.starts_with("tw_")
        || out.starts_with("TW_");
    if taken {
        if out.starts_with('_') {
            out = out.trim_start_matches('_').to_string();
        }
        out.push('_');
    }
    out
}

/// A C string literal with these bytes. Octal escapes: at most three digits, so that what follows is not swallowed.
pub fn c_string(bytes: &[u8]) -> String {
    let mut out = String::from("\"");
    for &byte in bytes {
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\t' => out.push_str("\\t"),
            // `??=` and its like are trigraphs.
            b'?' => out.push_str("\\?"),
            b' '..=b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("\\{byte:03o}")),
        }
    }
    out.push('"');
    out
}

/// Whether a character ends a line, controls a terminal, or changes the direction in which text is read: rustc refuses
/// these in comments, and a reader of C would see other code than the compiler.
pub fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}')
}

/// Text for a comment that ends with its line: `//`, `///`, `#`.
pub fn line_comment(text: &str) -> String {
    text.chars().map(|c| if is_unseen(c) && c != '\t' { ' ' } else { c }).collect()
}

/// Text for the inside of a C comment: one line, and neither the end nor the start of one.
pub fn c_comment(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut out = words.join(" ");
    out = out.replace(is_unseen, " ");
    while out.contains("*/") {
        out = out.replace("*/", "* /");
    }
    while out.contains("/*") {
        out = out.replace("/*", "/ *");
    }
    // A trigraph or a backslash at the end could join lines; none is at the end, as ` */` follows.
    out = out.replace("??/", "?? /");
    if out.ends_with('*') {
        out.push(' ');
    }
    const LONGEST: usize = 100;
    if out.chars().count() > LONGEST {
        out = out.chars().take(LONGEST - 1).collect::<String>() + "…";
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_cannot_be_left() {
        assert_eq!(c_comment("a */ b"), "a * / b");
        assert_eq!(c_comment("/* x"), "/ * x");
        assert_eq!(c_comment("a\n  b"), "a b");
    }

    #[test]
    fn comments_are_one_line() {
        assert_eq!(line_comment("a\nb\r\u{202e}c"), "a b  c");
        assert_eq!(c_comment("a\u{2066}b"), "a b");
    }

    #[test]
    fn strings_keep_their_bytes() {
        assert_eq!(c_string(b"a\"\x01" as &[u8]), "\"a\\\"\\001\"");
        assert_eq!(c_string(b"??=1"), "\"\\?\\?=1\"");
    }

    #[test]
    fn identifiers_are_free() {
        assert_eq!(c_identifier("start"), "start");
        assert_eq!(c_identifier("int"), "int_");
        assert_eq!(c_identifier("a-b"), "a_b");
        assert_eq!(c_identifier("__x"), "x_");
    }
}
