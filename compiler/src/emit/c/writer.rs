//! Lines of C with their indentation.

use crate::emit::escape;

/// Lines under way.
#[derive(Clone, Debug, Default)]
pub struct Code {
    lines: Vec<String>,
    depth: usize,
    /// Where the `else` stands of each block that is open.
    elses: Vec<Option<usize>>,
}

impl Code {
    /// Empty, to be put where the indentation is `depth`.
    pub fn at(depth: usize) -> Self {
        Code { depth, ..Code::default() }
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
        self.elses.push(None);
    }

    /// `}` with what follows it.
    pub fn close(&mut self, tail: &str) {
        self.depth -= 1;
        if let Some(at) = self.elses.pop().flatten()
            && self.chain(at)
        {
            return;
        }
        self.line(format!("}}{tail}"));
    }

    /// `} else {`
    pub fn otherwise(&mut self) {
        self.depth -= 1;
        self.elses.pop();
        self.elses.push(Some(self.lines.len()));
        self.line("} else {");
        self.depth += 1;
    }

    /// Makes one `} else if (…) {` of the `} else {` at line `at` and an `if` that is all that follows.
    fn chain(&mut self, at: usize) -> bool {
        let inner = "\t".repeat(self.depth + 1);
        let mut first = at + 1;
        let comment = self.lines.get(first).filter(|line| line.starts_with(&format!("{inner}/*"))).cloned();
        first += usize::from(comment.is_some());
        let Some(head) = self.lines.get(first).and_then(|line| line.strip_prefix(&format!("{inner}if ("))) else {
            return false;
        };
        let ends = [format!("{inner}}}"), format!("{inner}}} else")];
        let is_own = |line: &String| line.starts_with(&inner) && !line[inner.len()..].starts_with('\t');
        let is_chain = |line: &String| *line == ends[0] || line.starts_with(&ends[1]);
        let behind = &self.lines[first + 1..];
        // One `if` with all its arms, and nothing else at its depth.
        let is_single = behind.iter().filter(|line| is_own(line)).all(is_chain)
            && behind.iter().filter(|line| **line == ends[0]).count() == 1
            && behind.last() == Some(&ends[0])
            && head.ends_with('{')
            && !self.lines[at..].iter().any(|line| line.contains('\n'));
        if !is_single {
            return false;
        }
        let head = format!("{}}} else if ({head}", "\t".repeat(self.depth));
        let mut chained = vec![head];
        chained.extend(comment);
        chained.extend(behind.iter().map(|line| line.strip_prefix('\t').unwrap_or(line).to_owned()));
        self.lines.splice(at.., chained);
        true
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
