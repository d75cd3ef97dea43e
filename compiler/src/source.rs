//! Source texts and places in them.

/// Index of a source text in a [`Sources`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub u16);

/// A half-open byte range in one source text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// The text that the range lies in.
    pub file: FileId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The range `start..end` of `file`, in bytes.
    pub fn new(file: FileId, start: usize, end: usize) -> Self {
        Span { file, start: start as u32, end: end as u32 }
    }

    /// The smallest range that holds both. `other` must lie in the same file, otherwise `self` is returned.
    pub fn to(self, other: Span) -> Span {
        if self.file != other.file {
            return self;
        }
        Span { file: self.file, start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// One source text with the name that diagnostics show.
#[derive(Clone, Debug)]
pub struct Source {
    /// Display name: a path, or `stdin` for a script from the command line or standard input.
    pub name: String,
    /// The text.
    pub text: String,
}

/// All texts of one compilation: the script first, then what it imports.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: Vec<Source>,
    /// Further indexes of texts, counted down from the highest.
    aliases: Vec<FileId>,
}

/// A place as people read it: line and column count from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineCol {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub col: usize,
}

impl Sources {
    /// Adds a text and returns its index.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> FileId {
        self.files.push(Source { name: name.into(), text: text.into() });
        FileId((self.files.len() - 1) as u16)
    }

    /// Another index of the text at `id`, so that a use of a macro has places of its own; none when there are too many.
    pub fn alias(&mut self, id: FileId) -> Option<FileId> {
        let id = self.original(id);
        if self.files.len() + self.aliases.len() > usize::from(u16::MAX) / 2 {
            return None;
        }
        self.aliases.push(id);
        Some(FileId(u16::MAX - (self.aliases.len() - 1) as u16))
    }

    /// The index under which the text was added.
    pub fn original(&self, id: FileId) -> FileId {
        self.aliases.get(usize::from(u16::MAX - id.0)).copied().unwrap_or(id)
    }

    /// The text at `id`.
    pub fn get(&self, id: FileId) -> &Source {
        &self.files[usize::from(self.original(id).0)]
    }

    /// All texts, in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = &Source> {
        self.files.iter()
    }

    /// The script text that `span` covers.
    pub fn text(&self, span: Span) -> &str {
        self.get(span.file).text.get(span.start as usize..span.end as usize).unwrap_or("")
    }

    /// Where `offset` bytes into `file` is.
    pub fn line_col(&self, file: FileId, offset: u32) -> LineCol {
        let text = &self.get(file).text;
        let mut offset = (offset as usize).min(text.len());
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        let before = &text[..offset];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        LineCol { line: before.matches('\n').count() + 1, col: before[line_start..].chars().count() + 1 }
    }

    /// bpftrace's form of a place: `FILE:LINE:COL1-COL2`, half open, or
    /// `FILE:LINE1-LINE2` where the range spans several lines.
    pub fn place(&self, span: Span) -> String {
        let name = &self.get(span.file).name;
        let (start, end) = (self.line_col(span.file, span.start), self.line_col(span.file, span.end));
        if start.line == end.line {
            format!("{name}:{}:{}-{}", start.line, start.col, end.col)
        } else {
            format!("{name}:{}-{}", start.line, end.line)
        }
    }
}
