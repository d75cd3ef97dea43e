//! `import "…"`: scripts, C headers, C sources and directories of them, each once.

use std::collections::HashSet;

use crate::Options;
use crate::codes;
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::kernel::Host;
use crate::source::Sources;
use crate::syntax;
use crate::syntax::ast::{CDefinition, CSource, Import, Script};

/// Names that stand for what is built in.
const BUILT_IN: [&str; 2] = ["stdlib", "stdlib/base.bpf.c"];

/// Merges into a script what it imports. What is imported comes first, so that its `begin` probes run first.
pub fn resolve(
    mut script: Script,
    options: &Options,
    host: &dyn Host,
    sources: &mut Sources,
    diagnostics: &mut Diagnostics,
) -> Script {
    let imports = std::mem::take(&mut script.imports);
    let mut importer = Importer {
        host,
        sources,
        diagnostics,
        main: &options.script_dir,
        seen: HashSet::new(),
        merged: Script::default(),
    };
    for import in &imports {
        importer.import(import, &options.script_dir, "");
    }
    let merged = importer.merged;
    Script { header: std::mem::take(&mut script.header), ..append(merged, script) }
}

struct Importer<'a> {
    host: &'a dyn Host,
    sources: &'a mut Sources,
    diagnostics: &'a mut Diagnostics,
    /// Where the main script lies.
    main: &'a str,
    /// Paths that were imported already.
    seen: HashSet<String>,
    merged: Script,
}

impl Importer<'_> {
    /// `directory` is where the importing file lies, `shown` how messages call that directory.
    fn import(&mut self, import: &Import, directory: &str, shown: &str) {
        if BUILT_IN.contains(&import.path.as_str()) {
            return;
        }
        // What is not beside the importing file may be beside the main script.
        let beside = self.exists(&join(directory, &import.path)) || !self.exists(&join(self.main, &import.path));
        let (directory, shown) = if beside { (directory, shown) } else { (self.main, "") };
        let path = join(directory, &import.path);
        let name = join(shown, &import.path);
        match self.host.list(&path) {
            Ok(Some(names)) => {
                for file in names.iter().filter(|name| kind(name).is_some()) {
                    self.file(import, &join(&path, file), &join(&name, file));
                }
            }
            Ok(None) if kind(&path).is_none() => match self.host.read(&path) {
                Ok(_) => self.diagnostics.push(
                    Diagnostic::error(
                        codes::IMPORT_KIND,
                        import.span,
                        format!("unknown import type: \"{}\"", import.path),
                    )
                    .hint("`.bt`, `.h` and `.bpf.c` files and directories can be imported"),
                ),
                Err(reason) => self.not_found(import, &path, &reason),
            },
            Ok(None) => self.file(import, &path, &name),
            Err(reason) => self.not_found(import, &path, &reason),
        }
    }

    fn exists(&self, path: &str) -> bool {
        matches!(self.host.list(path), Ok(Some(_))) || self.host.read(path).is_ok()
    }

    fn file(&mut self, import: &Import, path: &str, name: &str) {
        if !self.seen.insert(path.to_string()) {
            return;
        }
        let text = match self.host.read(path) {
            Ok(text) => text,
            Err(reason) => return self.not_found(import, path, &reason),
        };
        match kind(path) {
            Some(Kind::Script) => {
                let file = self.sources.add(name, text);
                let mut script = syntax::parse(self.sources, file, self.diagnostics);
                if let Some(first) = script.config.first() {
                    self.diagnostics.push(Diagnostic::error(
                        codes::BAD_CONFIG,
                        first.name.span,
                        "invalid `config` within import",
                    ));
                    script.config.clear();
                }
                for import in std::mem::take(&mut script.imports) {
                    self.import(&import, parent(path), parent(name));
                }
                self.merged = append(std::mem::take(&mut self.merged), script);
            }
            Some(Kind::Header) => self.merged.c_definitions.push(CDefinition { text, span: import.span }),
            Some(Kind::Source) => {
                self.merged.c_sources.push(CSource { name: name.to_string(), text, span: import.span });
            }
            None => {}
        }
    }

    fn not_found(&mut self, import: &Import, path: &str, reason: &str) {
        let error = Diagnostic::error(codes::IMPORT_NOT_FOUND, import.span, "Unable to find suitable path for import");
        self.diagnostics.push(error.label(reason).hint(format!("checked: {path}")));
    }
}

enum Kind {
    Script,
    Header,
    Source,
}

fn kind(path: &str) -> Option<Kind> {
    if path.ends_with(".bt") {
        Some(Kind::Script)
    } else if path.ends_with(".h") {
        Some(Kind::Header)
    } else if path.ends_with(".bpf.c") {
        Some(Kind::Source)
    } else {
        None
    }
}

/// A path relative to a directory, without `.` and, where that can be told, `..`.
fn join(directory: &str, path: &str) -> String {
    let path =
        if directory.is_empty() || path.starts_with('/') { path.to_string() } else { format!("{directory}/{path}") };
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "." => {}
            "" if !parts.is_empty() => {}
            ".." if parts.last().is_some_and(|last| !matches!(*last, ".." | "")) => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn parent(path: &str) -> &str {
    match path.rfind('/') {
        Some(0) => "/",
        Some(at) => &path[..at],
        None => "",
    }
}

fn append(mut first: Script, second: Script) -> Script {
    first.c_definitions.extend(second.c_definitions);
    first.c_sources.extend(second.c_sources);
    first.config.extend(second.config);
    first.map_declarations.extend(second.map_declarations);
    first.macros.extend(second.macros);
    first.functions.extend(second.functions);
    first.probes.extend(second.probes);
    first
}
