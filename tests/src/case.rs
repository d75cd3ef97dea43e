//! A case: a script, what to do while it runs, what it must print.
//!
//! ```text
//! tests/cases/ok/<area>/<name>.bt      a script that runs; lines `//! key: value` tell how
//!                      <name>.out      its exact standard output
//!                      <name>.err      its exact standard error without `Attached N probes` (optional)
//! tests/cases/err/<area>/<name>.bt     a script that is refused
//!                       <name>.err     first line: `LINE:COL1-COL2` of the first error, or `-` for no place
//! tests/cases/warn/<area>/<name>.bt    a script that is warned about
//!                        <name>.err    a line a warning, in order: `LINE:COL1-COL2: text`
//! tests/cases/programs/<name>.c        programs that are traced
//! ```
//!
//! Directives: `args`, `flags` (of the tool), `env: K=V`, `run` (a shell command once all is attached), `signal` (sent
//! then to the tool), `exit`, `match` (expected files hold regular expressions, found in order), `unsafe`,
//! `at: start` (of `err`: refused by the tool, not by the compiler), `needs` (kprobe, fentry, hardware, tracefs), `timeout` (seconds), `program`, `stdin`. `{program}`, `{tmp}` and `{pid}`
//! are replaced in them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// What is expected of the script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It runs.
    Ok,
    /// It is refused.
    Err,
    /// It is compiled, and refused when it starts.
    Start,
    /// It is compiled with warnings.
    Warn,
}

/// One case.
#[derive(Clone, Debug)]
pub struct Case {
    /// What is expected.
    pub kind: Kind,
    /// `ok/maps/clear`
    pub name: String,
    /// The script.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
    /// What its directives say.
    pub directives: Directives,
}

/// `//! key: value` lines.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs, reason = "the module's documentation tells each")]
pub struct Directives {
    pub args: Vec<String>,
    pub flags: Vec<String>,
    pub env: Vec<(String, String)>,
    pub run: Option<String>,
    pub signal: Option<String>,
    pub exit: i32,
    pub matches: bool,
    pub allow_unsafe: bool,
    pub needs: Vec<String>,
    pub timeout: u64,
    pub program: Option<String>,
    pub stdin: Option<String>,
    pub at_start: bool,
}

impl Case {
    /// The file beside the script with this extension, if there is one.
    pub fn expected(&self, extension: &str) -> Option<String> {
        let bytes = std::fs::read(self.path.with_extension(extension)).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// All cases below `dir`, by name.
///
/// # Errors
/// When a directory or case cannot be read, or a directive is unknown.
pub fn discover(dir: &Path) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for (kind, sub) in [(Kind::Ok, "ok"), (Kind::Err, "err"), (Kind::Warn, "warn")] {
        let base = dir.join(sub);
        if base.is_dir() {
            walk(dir, &base, kind, &mut cases)?;
        }
    }
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(cases)
}

fn walk(root: &Path, dir: &Path, kind: Kind, cases: &mut Vec<Case>) -> Result<()> {
    for entry in std::fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            walk(root, &path, kind, cases)?;
        } else if path.extension().is_some_and(|extension| extension == "bt") {
            let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let directives = directives(&text).with_context(|| path.display().to_string())?;
            let kind = if kind == Kind::Err && directives.at_start { Kind::Start } else { kind };
            let name = path.strip_prefix(root)?.with_extension("").display().to_string();
            cases.push(Case { kind, name, path, text, directives });
        }
    }
    Ok(())
}

fn directives(text: &str) -> Result<Directives> {
    let mut directives = Directives { timeout: 10, ..Directives::default() };
    for line in text.lines().filter_map(|line| line.strip_prefix("//! ")) {
        let (key, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.trim();
        match key.trim() {
            "args" => directives.args = words(value),
            "flags" => directives.flags = words(value),
            "env" => {
                let (name, value) = value.split_once('=').with_context(|| format!("`{line}` has no ="))?;
                directives.env.push((name.to_owned(), value.to_owned()));
            }
            "run" => directives.run = Some(value.to_owned()),
            "signal" => directives.signal = Some(value.trim_start_matches("SIG").to_owned()),
            "exit" => directives.exit = value.parse().with_context(|| line.to_owned())?,
            "match" => directives.matches = true,
            "unsafe" => directives.allow_unsafe = true,
            "needs" => directives.needs = words(&value.replace(',', " ")),
            "timeout" => directives.timeout = value.parse().with_context(|| line.to_owned())?,
            "program" => directives.program = Some(value.to_owned()),
            "at" => directives.at_start = value == "start",
            "stdin" => directives.stdin = Some(value.to_owned()),
            other => bail!("unknown directive `{other}`"),
        }
    }
    Ok(directives)
}

/// Splits as a shell would, with single and double quotes and backslashes.
pub fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => word.get_or_insert_default().extend(chars.next()),
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_like_a_shell() {
        assert_eq!(words(r#"-f json "C D" 'e "f"' g\ h """#), ["-f", "json", "C D", "e \"f\"", "g h", ""]);
        assert_eq!(words("  "), Vec::<String>::new());
    }

    #[test]
    fn reads_directives() {
        let read = directives("//! args: 1 2\n//! match\n//! env: A=b=c\nbegin { }\n").expect("good");
        assert_eq!(read.args, ["1", "2"]);
        assert_eq!(read.env, [("A".to_owned(), "b=c".to_owned())]);
        assert!(read.matches);
        assert_eq!(read.timeout, 10);
        assert!(directives("//! typo: 1").is_err());
    }
}
