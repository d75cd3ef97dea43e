//! Diagnostics on a terminal, in the form of rustc's.

use std::io::IsTerminal;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};
use tracewright_compiler::diagnostics::{Diagnostic, Diagnostics, Label, Severity};
use tracewright_compiler::source::{FileId, Sources};

/// How diagnostics are shown.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// With colours.
    pub color: bool,
    /// Warnings too.
    pub warnings: bool,
}

impl Style {
    /// Colours when standard error is a terminal that wants them.
    pub fn for_stderr(warnings: bool) -> Self {
        let color = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Style { color, warnings }
    }
}

/// All of them, each ended by a blank line. The first line of each is `file:line:col: error[CODE]: message`, as editors
/// and scripts look for it.
pub fn render(diagnostics: &Diagnostics, sources: &Sources, style: Style) -> String {
    let renderer = if style.color { Renderer::styled() } else { Renderer::plain() };
    let mut out = String::new();
    for diagnostic in diagnostics.iter() {
        if diagnostic.severity == Severity::Warning && !style.warnings {
            continue;
        }
        out += &place(diagnostic, sources, style);
        out += &renderer.render(&[group(diagnostic, sources)]);
        out += "\n\n";
    }
    out
}

/// `file:line:col: ` of the main place; what is about the script as a whole has its name.
fn place(diagnostic: &Diagnostic, sources: &Sources, style: Style) -> String {
    let place = match &diagnostic.primary {
        Some(label) => {
            let at = sources.line_col(label.span.file, label.span.start);
            format!("{}:{}:{}:", sources.get(label.span.file).name, at.line, at.col)
        }
        None => sources.iter().next().map(|script| format!("{}:", script.name)).unwrap_or_default(),
    };
    if place.is_empty() {
        return place;
    }
    if style.color { format!("\x1b[1m{place}\x1b[0m ") } else { place + " " }
}

fn group<'a>(diagnostic: &'a Diagnostic, sources: &'a Sources) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_title(level.primary_title(&diagnostic.message).id(diagnostic.code.0));

    // One snippet a file, the file of the main place first.
    let mut files: Vec<FileId> = Vec::new();
    for label in diagnostic.primary.iter().chain(&diagnostic.secondary) {
        if !files.contains(&label.span.file) {
            files.push(label.span.file);
        }
    }
    for file in files {
        let source = sources.get(file);
        let mut snippet = Snippet::source(&*source.text).path(&*source.name);
        for label in diagnostic.primary.iter().filter(|l| l.span.file == file) {
            snippet = snippet.annotation(annotation(AnnotationKind::Primary, label, &source.text));
        }
        for label in diagnostic.secondary.iter().filter(|l| l.span.file == file) {
            snippet = snippet.annotation(annotation(AnnotationKind::Context, label, &source.text));
        }
        group = group.element(snippet);
    }
    if let Some(hint) = &diagnostic.hint {
        group = group.element(Level::HELP.message(hint));
    }
    group
}

fn annotation<'a>(kind: AnnotationKind, label: &'a Label, text: &str) -> Annotation<'a> {
    // Places made by the compiler lie inside the text; were one not, showing the end of the text beats a panic.
    let end = floor_char_boundary(text, label.span.end as usize);
    let start = floor_char_boundary(text, (label.span.start as usize).min(end));
    let annotation = kind.span(start..end);
    if label.text.is_empty() { annotation } else { annotation.label(&*label.text) }
}

fn floor_char_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use tracewright_compiler::diagnostics::Code;
    use tracewright_compiler::source::Span;

    use super::*;

    #[test]
    fn shows_place_label_and_hint() {
        let mut sources = Sources::default();
        let file = sources.add("a.bt", "begin { print(foo) }\n");
        let mut diagnostics = Diagnostics::default();
        let error = Diagnostic::error(Code("E0301"), Span::new(file, 14, 17), "unknown identifier `foo`");
        diagnostics.push(error.label("not known").hint("did you mean `func`?"));
        let text = render(&diagnostics, &sources, Style { color: false, warnings: true });
        assert!(text.starts_with("a.bt:1:15: error[E0301]: unknown identifier `foo`\n"), "{text}");
        assert!(text.contains("--> a.bt:1:15"), "{text}");
        assert!(text.contains("^^^ not known"), "{text}");
        assert!(text.contains("= help: did you mean `func`?"), "{text}");
    }

    #[test]
    fn what_has_no_place_names_the_script() {
        let mut sources = Sources::default();
        sources.add("empty.bt", "");
        let mut diagnostics = Diagnostics::default();
        diagnostics.push(Diagnostic::global_error(Code("E0504"), "No probes to attach"));
        let text = render(&diagnostics, &sources, Style { color: false, warnings: true });
        assert_eq!(text.trim_end(), "empty.bt: error[E0504]: No probes to attach");
    }

    #[test]
    fn leaves_out_warnings_when_asked() {
        let mut sources = Sources::default();
        let file = sources.add("a.bt", "begin { }");
        let mut diagnostics = Diagnostics::default();
        diagnostics.push(Diagnostic::warning(Code("W0001"), Span::new(file, 0, 5), "unused"));
        assert_eq!(render(&diagnostics, &sources, Style { color: false, warnings: false }), "");
    }
}
