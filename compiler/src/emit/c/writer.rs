//! Lines of C with their indentation.

use crate::emit::escape;

/// Lines under way.
#[derive(Clone, Debug, Default)]
pub struct Code {
    lines: Vec<String>,
    depth: usize,
}

impl Code {
    /// Empty, to be put where the indentation is `depth`.
    pub fn at(depth: usize) -> Self {
        Code { lines: Vec::new(), depth }
    }

    /// How deep the next line is.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// One line.
    pub fn line(&mut self, text: impl AsRef<str>) {
        let text = text.as_ref();
        if text.is_empty() {
            self.lines.push(String::new());
        } else {
            self.lines.push("\t".repeat(self.depth) + text);
        }
    }

    /// A comment with text from the script.
    pub fn comment(&mut self, text: &str) {
        self.line(format!("/* {} */", escape::c_comment(text)));
    }

    /// `head {`, and deeper.
    pub fn open(&mut self, head: impl AsRef<str>) {
        let head = head.as_ref();
        self.line(if head.is_empty() { "{".to_string() } else { format!("{head} {{") });
        self.depth += 1;
    }

    /// `}` with what follows it.
    pub fn close(&mut self, tail: &str) {
        self.depth -= 1;
        self.line(format!("}}{tail}"));
    }

    /// `} else {`
    pub fn otherwise(&mut self) {
        self.depth -= 1;
        self.line("} else {");
        self.depth += 1;
    }

    /// Appends lines that were written at the same depth.
    pub fn append(&mut self, other: Code) {
        self.lines.extend(other.lines);
    }

    /// The text, each line ended.
    pub fn into_text(self) -> String {
        let mut out = self.lines.join("\n");
        if !out.is_empty() {
            out.push('\n');
        }
        out
    }
}
