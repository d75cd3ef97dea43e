//! The script's own C definitions: structs, enums, typedefs, macros.

use super::warnings;
use crate::Options;
use crate::codes;
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::kernel::c_types::{self, ScriptTypes};
use crate::kernel::{CError, CRequest, Host, Kernel, MacroValue};
use crate::source::{Sources, Span};
use crate::stdlib;
use crate::syntax::ast::Script;
use std::collections::{BTreeSet, HashMap};

/// What the script's C text defines.
#[derive(Debug, Default)]
pub(crate) struct Definitions {
    /// Types, for [`Layered`](crate::kernel::layered::Layered).
    pub types: Option<ScriptTypes>,
    /// Imported C: file name, text, and what it declares.
    pub libraries: Vec<(String, String, ScriptTypes)>,
    /// Macros that the script uses.
    pub macros: HashMap<String, MacroValue>,
}

/// Compiles the script's C text through the host and reads what it defines.
pub(crate) fn read_definitions(
    script: &Script,
    options: &Options,
    kernel: &dyn Kernel,
    host: &dyn Host,
    sources: &Sources,
    diagnostics: &mut Diagnostics,
) -> Definitions {
    let libraries = read_libraries(script, options, kernel, host, diagnostics);
    if script.c_definitions.is_empty() && options.includes.is_empty() {
        return Definitions { libraries, ..Definitions::default() };
    }
    let (text, lines) = laid_out(script, sources);
    let mut include_dirs = options.include_dirs.clone();
    if !options.script_dir.is_empty() {
        include_dirs.push(options.script_dir.clone());
    }
    let request = CRequest {
        text,
        include_dirs,
        includes: options.includes.clone(),
        macros: words(script).into_iter().collect(),
        ..CRequest::default()
    };
    match c_types::compile(&request, kernel, host) {
        Ok(compiled) => {
            Definitions { types: Some(compiled.types), libraries, macros: compiled.macros.into_iter().collect() }
        }
        Err(errors) => {
            for error in errors {
                report(&error, script, &lines, sources, diagnostics);
            }
            Definitions::default()
        }
    }
}

/// Has imported C compiled, for the signatures of its functions.
fn read_libraries(
    script: &Script,
    options: &Options,
    kernel: &dyn Kernel,
    host: &dyn Host,
    diagnostics: &mut Diagnostics,
) -> Vec<(String, String, ScriptTypes)> {
    let mut libraries: Vec<(String, String, ScriptTypes)> = Vec::new();
    for source in &script.c_sources {
        let mut include_dirs = options.include_dirs.clone();
        if let Some((directory, _)) = source.name.rsplit_once('/') {
            include_dirs.push(match options.script_dir.as_str() {
                "" => directory.to_owned(),
                script => format!("{script}/{directory}"),
            });
        }
        let request = CRequest { text: source.text.clone(), include_dirs, ..CRequest::default() };
        match c_types::compile(&request, kernel, host) {
            Ok(compiled) => {
                let plain = source.name.rsplit('/').next().unwrap_or(&source.name);
                let file = match libraries.iter().any(|(file, ..)| file == plain) {
                    true => format!("{}-{plain}", libraries.len()),
                    false => plain.to_owned(),
                };
                libraries.push((file, source.text.clone(), compiled.types));
            }
            Err(errors) => {
                for error in errors {
                    let message = format!("{}:{}:{}: {}", source.name, error.line, error.column, error.message);
                    diagnostics.push(Diagnostic::error(codes::C_DEFINITIONS, source.span, message));
                }
            }
        }
    }
    libraries
}

/// Every piece at its line where it can be, and for each line of the text which piece it is of, and its line there.
fn laid_out(script: &Script, sources: &Sources) -> (String, Vec<(usize, usize)>) {
    let mut text = String::new();
    let mut lines: Vec<(usize, usize)> = Vec::new();
    for (at, piece) in script.c_definitions.iter().enumerate() {
        let line = sources.line_col(piece.span.file, piece.span.start).line;
        while lines.len() + 1 < line {
            text.push('\n');
            lines.push((at, 0));
        }
        for (offset, content) in piece.text.trim_end_matches('\n').split('\n').enumerate() {
            text.push_str(content);
            text.push('\n');
            lines.push((at, offset));
        }
    }
    (text, lines)
}

/// Clang's message at the place in the script.
fn report(error: &CError, script: &Script, lines: &[(usize, usize)], sources: &Sources, diagnostics: &mut Diagnostics) {
    let message = error.message.clone();
    let piece = error.line.checked_sub(1).and_then(|line| lines.get(line));
    let diagnostic = match piece.and_then(|(at, offset)| Some((script.c_definitions.get(*at)?, *offset))) {
        Some((piece, offset)) => {
            let start = line_start(sources, piece.span, offset) + error.column.saturating_sub(1) as u32;
            let start = start.min(piece.span.end.saturating_sub(1));
            let span = Span { file: piece.span.file, start, end: (start + 1).min(piece.span.end) };
            Diagnostic::error(codes::C_DEFINITIONS, span, message)
        }
        None => Diagnostic::global_error(codes::C_DEFINITIONS, message),
    };
    diagnostics.push(diagnostic);
}

/// Where the line `offset` lines into a piece starts, in bytes of its source.
fn line_start(sources: &Sources, span: Span, offset: usize) -> u32 {
    if offset == 0 {
        return span.start;
    }
    let text = sources.text(span);
    let mut at = 0;
    for _ in 0..offset {
        match text[at..].find('\n') {
            Some(next) => at += next + 1,
            None => break,
        }
    }
    span.start + at as u32
}

/// Words of the script's bodies that could be C macros.
fn words(script: &Script) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    for probe in &script.probes {
        let mut visit = |name: &str| {
            if !stdlib::is_builtin(name) {
                words.insert(name.to_owned());
            }
        };
        warnings::words_of_probe(probe, &mut visit);
    }
    words
}
