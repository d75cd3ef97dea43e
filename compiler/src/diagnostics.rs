//! Errors and warnings as data. Rendering is the consumer's: a terminal in the CLI, `compile_error!` in `bt!`.

use crate::source::{Sources, Span};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The script is refused.
    Error,
    /// The script is compiled all the same.
    Warning,
}

/// A stable code, `E0102` or `W0007`: see `codes.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Code(pub &'static str);

/// A place with a word about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What is to be seen there; empty for a bare underline.
    pub text: String,
}

/// One error or warning.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// Stable code.
    pub code: Code,
    /// What is wrong, in one line, without a final stop.
    pub message: String,
    /// The place it is about; none for a script as a whole.
    pub primary: Option<Label>,
    /// Other places (`expanded from`, `first assigned here`).
    pub secondary: Vec<Label>,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// An error about `span`.
    pub fn error(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, Some(span), message.into())
    }

    /// A warning about `span`.
    pub fn warning(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, Some(span), message.into())
    }

    /// An error about the script as a whole.
    pub fn global_error(code: Code, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, None, message.into())
    }

    fn new(severity: Severity, code: Code, span: Option<Span>, message: String) -> Self {
        let primary = span.map(|span| Label { span, text: String::new() });
        Diagnostic { severity, code, message, primary, secondary: Vec::new(), hint: None }
    }

    /// Adds a word under the main underline.
    pub fn label(mut self, text: impl Into<String>) -> Self {
        if let Some(label) = &mut self.primary {
            label.text = text.into();
        }
        self
    }

    /// Adds another place.
    pub fn with(mut self, span: Span, text: impl Into<String>) -> Self {
        self.secondary.push(Label { span, text: text.into() });
        self
    }

    /// Adds what to do about it.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// What a compilation had to say, in the order it was found.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    items: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Adds one; the same one twice (a body checked for several attach points) is kept once.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if !self.items.contains(&diagnostic) {
            self.items.push(diagnostic);
        }
    }

    /// Adds several.
    pub fn extend(&mut self, diagnostics: impl IntoIterator<Item = Diagnostic>) {
        diagnostics.into_iter().for_each(|diagnostic| self.push(diagnostic));
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.items.iter()
    }

    /// Whether the script is refused.
    pub fn has_errors(&self) -> bool {
        self.items.iter().any(|d| d.severity == Severity::Error)
    }

    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Ends a phase: `Err` when the script is refused.
    ///
    /// # Errors
    /// When an error was pushed; the errors stay in `self`.
    pub fn propagate(&self) -> Result<(), Failed> {
        if self.has_errors() { Err(Failed) } else { Ok(()) }
    }

    /// Sorts by place: texts in the order they were added, then position.
    pub fn sort(&mut self, sources: &Sources) {
        for diagnostic in &mut self.items {
            for label in diagnostic.primary.iter_mut().chain(&mut diagnostic.secondary) {
                label.span.file = sources.original(label.span.file);
            }
        }
        self.items.sort_by_key(|d| d.primary.as_ref().map(|l| (l.span.file, l.span.start)));
    }

    /// Plain rendering, for `compile_error!` and tests:
    /// `file:line:col: error[CODE]: message`, then the hint.
    pub fn to_plain(&self, sources: &Sources) -> String {
        let mut out = String::new();
        for d in &self.items {
            if let Some(label) = &d.primary {
                let at = sources.line_col(label.span.file, label.span.start);
                out += &format!("{}:{}:{}: ", sources.get(label.span.file).name, at.line, at.col);
            }
            let severity = match d.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            };
            out += &format!("{severity}[{}]: {}\n", d.code.0, d.message);
            if let Some(hint) = &d.hint {
                out += &format!("hint: {hint}\n");
            }
        }
        out
    }
}

/// A phase found errors; they are in the [`Diagnostics`].
#[derive(Clone, Copy, Debug)]
pub struct Failed;
