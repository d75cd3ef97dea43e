//! The items of a script, sorted by kind; their order in the text is checked.

use super::actions::Item;
use super::ast::Script;
use super::errors::syntax_error;
use crate::codes;
use crate::diagnostics::Diagnostics;
use crate::source::{FileId, Span};

/// Builds the script. Each item comes with its first byte.
pub fn arrange(items: Vec<(usize, Item)>, file: FileId, diagnostics: &mut Diagnostics) -> Script {
    let mut script = Script::default();
    // C definitions come first, then config and imports, then everything else.
    let (mut configs, mut settings_begun, mut code) = (0, false, false);
    for (start, item) in items {
        let mut refuse = |span: Span, message: &str| {
            diagnostics.push(syntax_error(codes::MISPLACED_ITEM, span, message));
        };
        let keyword = |length: usize| Span::new(file, start, start + length);
        match item {
            Item::CDefinition(definition) => {
                if code || settings_begun {
                    refuse(definition.span, "C definitions must appear before config, imports, macros and probes");
                }
                script.c_definitions.push(definition);
            }
            Item::Config(settings) => {
                settings_begun = true;
                configs += 1;
                if code {
                    refuse(keyword(6), "config must appear before probes and functions");
                } else if configs > 1 {
                    refuse(keyword(6), "duplicate config block");
                }
                script.config.extend(settings);
            }
            Item::Import(import) => {
                settings_begun = true;
                if code {
                    refuse(keyword(6), "root imports must appear before probes and functions");
                }
                script.imports.push(import);
            }
            Item::MapDeclaration(declaration) => {
                code = true;
                script.map_declarations.push(declaration);
            }
            Item::Macro(definition) => {
                code = true;
                script.macros.push(definition);
            }
            Item::Function(function) => {
                code = true;
                script.functions.push(function);
            }
            Item::Probe(probe) => {
                code = true;
                script.probes.push(probe);
            }
        }
    }
    script
}
