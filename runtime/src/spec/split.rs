//! A parameter taken apart: `p:c:write(int fd):int:fd`, `do_nanosleep(struct hrtimer_sleeper *t) "task: %x", t->task`.

use crate::error::{Error, Result};

/// What a parameter says. Expressions are as written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spec<'a> {
    /// `p:c:write`
    pub probe: &'a str,
    /// `int fd`; none when there is none to be seen.
    pub signature: Option<&'a str>,
    /// `arg3 > 20000`
    pub filter: Option<&'a str>,
    /// With escapes resolved; none when types say how values are shown.
    pub format: Option<String>,
    /// Types of the values, where they are given.
    pub types: Vec<&'a str>,
    /// What is asked for.
    pub values: Vec<&'a str>,
}

/// The probe alone.
pub fn probe(text: &str) -> &str {
    let text = text.trim();
    // Patterns may have brackets and dots, but neither of these.
    let end = text.find(|c: char| c.is_whitespace() || matches!(c, '(' | '"')).unwrap_or(text.len());
    &text[..end]
}

/// Takes a parameter apart.
///
/// # Errors
/// What cannot be understood.
pub fn split(text: &str) -> Result<Spec<'_>> {
    let text = text.trim();
    let mut spec = Spec { probe: probe(text), ..Spec::default() };
    let mut rest = &text[spec.probe.len()..];
    if rest.starts_with('(') {
        let (signature, behind) = bracketed(rest)?;
        (spec.signature, rest) = (Some(signature.trim()), behind);
    }
    rest = rest.trim_start();
    if let Some(behind) = rest.strip_prefix(':') {
        return distribution(spec, behind);
    }
    if rest.starts_with('(') {
        let (filter, behind) = bracketed(rest)?;
        (spec.filter, rest) = (Some(filter.trim()), behind.trim_start());
    }
    if rest.starts_with('"') {
        let (format, behind) = quoted(rest)?;
        spec.format = Some(format);
        rest = behind.trim_start();
        if let Some(values) = rest.strip_prefix(',') {
            spec.values = parts(values, ',');
            rest = "";
        }
    }
    // What a shell's quotes left behind, or BCC's name of the result.
    if rest.is_empty() || rest.starts_with('#') { Ok(spec) } else { Err(refuse(&format!("what is \"{rest}\"?"))) }
}

/// `type[,type]:expr[,expr][:filter][#label]`
fn distribution<'a>(mut spec: Spec<'a>, text: &'a str) -> Result<Spec<'a>> {
    let text = parts(text, '#')[0];
    let fields = parts(text, ':');
    let (types, values, filter) = match *fields.as_slice() {
        ["" | _] => return Err(refuse("an expression is missing: PROBE(SIGNATURE):TYPE:EXPRESSION[:FILTER]")),
        [types, values] => (types, values, None),
        [types, values, filter] => (types, values, Some(filter)),
        _ => return Err(refuse("too many parts: PROBE(SIGNATURE):TYPE:EXPRESSION[:FILTER]")),
    };
    spec.types = if types.is_empty() { Vec::new() } else { parts(types, ',') };
    spec.values = parts(values, ',');
    spec.filter = filter.filter(|filter| !filter.is_empty());
    if !spec.types.is_empty() && spec.types.len() != spec.values.len() {
        return Err(refuse("there have to be as many types as expressions"));
    }
    Ok(spec)
}

pub fn refuse(reason: &str) -> Error {
    Error::refused(format!("not a probe and its expressions: {reason}")).hint(
        "PROBE[(SIGNATURE)] [(FILTER)] [\"FORMAT\", EXPRESSION, …] or PROBE(SIGNATURE):TYPE:EXPRESSION[:FILTER], \
         in one word for the shell",
    )
}

/// `(a (b)) rest` → `a (b)`, ` rest`.
fn bracketed(text: &str) -> Result<(&str, &str)> {
    let (mut depth, mut is_quoted) = (0, false);
    for (at, c) in text.char_indices() {
        match c {
            '"' => is_quoted = !is_quoted,
            '(' if !is_quoted => depth += 1,
            ')' if !is_quoted => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Ok((&text[1..at], &text[at + 1..]));
        }
    }
    Err(refuse("a bracket is not closed"))
}

/// `"a\n" rest` → the text, ` rest`.
fn quoted(text: &str) -> Result<(String, &str)> {
    let mut out = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((out, &text[at + 1..])),
            '\\' => match chars.next().map(|(_, c)| c) {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some(other) => out.push(other),
                None => {}
            },
            c => out.push(c),
        }
    }
    Err(refuse("a quote is not closed"))
}

/// Parts between separators that are in no brackets or quotes.
fn parts(text: &str, separator: char) -> Vec<&str> {
    let (mut found, mut depth, mut start, mut is_quoted) = (Vec::new(), 0, 0, false);
    for (at, c) in text.char_indices() {
        match c {
            '"' => is_quoted = !is_quoted,
            _ if is_quoted => {}
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            c if c == separator && depth == 0 => {
                found.push(text[start..at].trim());
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    found.push(text[start..].trim());
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_trace_takes() {
        let spec = split("do_sys_open \"%s\", arg2").unwrap();
        assert_eq!((spec.probe, spec.signature, spec.filter), ("do_sys_open", None, None));
        assert_eq!((spec.format.as_deref(), spec.values), (Some("%s"), vec!["arg2"]));
        let spec = split("sys_read (arg3 > 20000) \"read %d bytes\", arg3").unwrap();
        assert_eq!((spec.probe, spec.filter, spec.values), ("sys_read", Some("arg3 > 20000"), vec!["arg3"]));
        let spec = split("p:c:nanosleep(struct timespec *req) \"%d sec %d nsec\", req->tv_sec, req->tv_nsec").unwrap();
        assert_eq!((spec.probe, spec.signature), ("p:c:nanosleep", Some("struct timespec *req")));
        assert_eq!(spec.values, ["req->tv_sec", "req->tv_nsec"]);
        assert_eq!(split("t:sched:sched_switch").unwrap().probe, "t:sched:sched_switch");
        let spec = split("p:c:open(char *path) (STRCMP(\"a),\", path)) \"%s\", path").unwrap();
        assert_eq!((spec.filter, spec.values), (Some("STRCMP(\"a),\", path)"), vec!["path"]));
    }

    #[test]
    fn what_argdist_takes() {
        let spec = split("p:c:write(int fd):int:fd").unwrap();
        assert_eq!((spec.probe, spec.signature), ("p:c:write", Some("int fd")));
        assert_eq!((spec.types, spec.values), (vec!["int"], vec!["fd"]));
        let spec = split("r::__vfs_read():u32:$PID:$latency > 100000").unwrap();
        assert_eq!((spec.values, spec.filter), (vec!["$PID"], Some("$latency > 100000")));
        let spec = split("r::vfs_read()").unwrap();
        assert_eq!((spec.probe, spec.signature, spec.values.len()), ("r::vfs_read", Some(""), 0));
        assert_eq!(split("t:raw_syscalls:sys_enter():int:args->id").unwrap().values, ["args->id"]);
    }

    #[test]
    fn what_cannot_be_understood() {
        for text in ["f (a", "f \"a", "f x", "f():int", "f():int,int:a"] {
            assert!(split(text).is_err(), "{text}");
        }
    }
}
