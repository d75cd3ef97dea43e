//! Scripts as they are given on the command line.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result};

/// A script to compile.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    /// What messages call it: the path as given, or `stdin`.
    pub display: String,
    /// Name of the tool, from the file's name.
    pub name: String,
    /// Directory for relative imports and includes.
    pub dir: String,
    /// The source.
    pub text: String,
}

impl Script {
    /// What messages call a program without a file.
    pub const NO_FILE: &str = "stdin";

    /// A file, or standard input for `-`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(path: &str) -> Result<Script> {
        let mut bytes = Vec::new();
        if path == "-" {
            std::io::stdin().read_to_end(&mut bytes).context("cannot read standard input")?;
            return Ok(Script::from_text(String::from_utf8_lossy(&bytes).into_owned()));
        }
        bytes = std::fs::read(path).with_context(|| format!("cannot read `{path}`"))?;
        let file = Path::new(path);
        let stem = file.file_stem().map(|stem| stem.to_string_lossy()).unwrap_or_default();
        let dir = file.parent().map(|dir| dir.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(Script {
            display: path.to_owned(),
            name: tool_name(&stem),
            dir: if dir.is_empty() { ".".to_owned() } else { dir },
            text: String::from_utf8_lossy(&bytes).into_owned(),
        })
    }

    /// A program given with `-e` or on standard input.
    pub fn from_text(text: String) -> Script {
        Script { display: Self::NO_FILE.to_owned(), name: Self::NO_FILE.to_owned(), dir: ".".to_owned(), text }
    }
}

/// A name that is good for a crate, a C object, its skeleton and a file.
pub fn tool_name(stem: &str) -> String {
    let words = stem.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let name = words.collect::<Vec<_>>().join("_");
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        name
    } else {
        format!("tool_{name}").trim_end_matches('_').to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_identifiers() {
        assert_eq!(tool_name("opensnoop"), "opensnoop");
        assert_eq!(tool_name("tcp-life.v2"), "tcp_life_v2");
        assert_eq!(tool_name("1st"), "tool_1st");
        assert_eq!(tool_name(""), "tool");
        assert_eq!(tool_name("ok__a_"), "ok_a");
    }
}
