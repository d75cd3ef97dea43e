//! Messages about the script, with its place.

use super::json;
use crate::message::at;
use crate::modes::Held;
use crate::tool::{Action, Check, FULL_MAP, MISSING_ELEMENT, Tool};
use std::cell::RefCell;
use std::io::{self, IsTerminal as _, Write as _};

/// How bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    Error,
    Warning,
}

impl Severity {
    /// `ERROR`; in colour on a terminal, if `BPFTRACE_COLOR` does not say otherwise.
    fn label(self) -> String {
        let (name, colour) = match self {
            Severity::Error => ("ERROR", "31"),
            Severity::Warning => ("WARNING", "33"),
        };
        let is_coloured = match std::env::var("BPFTRACE_COLOR").as_deref() {
            Ok("always") => true,
            Ok("never") => false,
            _ => io::stderr().is_terminal(),
        };
        if is_coloured { format!("\x1b[{colour}m{name}\x1b[0m") } else { name.to_owned() }
    }

    /// `ERROR: `
    pub fn prefix(self) -> String {
        self.label() + ": "
    }
}

thread_local! {
    /// Where messages go instead of standard error, and how many errors there were.
    static DIVERTED: RefCell<Option<(Held, usize)>> = const { RefCell::new(None) };
}

/// Messages of a test belong to what it prints, as long as this lives.
pub struct Diverted(());

/// Has messages go to `held`.
pub fn divert(held: &Held) -> Diverted {
    DIVERTED.set(Some((held.clone(), 0)));
    Diverted(())
}

impl Diverted {
    /// Errors since then.
    pub fn count(&self) -> usize {
        DIVERTED.with_borrow(|diverted| diverted.as_ref().map_or(0, |(_, count)| *count))
    }
}

impl Drop for Diverted {
    fn drop(&mut self) {
        DIVERTED.set(None);
    }
}

fn write(severity: Option<Severity>, text: &[u8]) {
    let is_diverted = DIVERTED.with_borrow_mut(|diverted| match diverted {
        Some((held, errors)) => {
            *errors += usize::from(severity == Some(Severity::Error));
            held.write_all(text).is_ok()
        }
        None => false,
    });
    if !is_diverted {
        // Nobody reading it is no error.
        let _ = io::stderr().lock().write_all(text);
    }
}

/// A line on standard error.
pub fn tell(line: &str) {
    write(None, format!("{line}\n").as_bytes());
}

/// `FILE:1:9-62: ERROR: text`, and the uses of macros that it came through.
pub fn tell_script_message(tool: &Tool, severity: Severity, place: &str, text: &[u8]) {
    let mut places = place.lines();
    let mut message = format!("{}: {}", places.next().unwrap_or(""), severity.prefix()).into_bytes();
    message.extend_from_slice(text);
    if !text.ends_with(b"\n") {
        message.push(b'\n');
    }
    for place in places {
        message.extend_from_slice(at(tool, place, &severity.label(), "expanded from").as_bytes());
        message.push(b'\n');
    }
    write(Some(severity), &message);
}

/// `errorf` and `warnf` as JSON.
pub fn write_script_message(tool: &Tool, severity: Severity, action: &Action, text: &[u8], out: &mut Vec<u8>) {
    let kind = if severity == Severity::Error { "errorf" } else { "warnf" };
    super::text(&format!("{{\"type\": \"{kind}\", \"msg\": "), out);
    json::string(text, out);
    super::text(", \"filename\": ", out);
    json::string(tool.script.as_bytes(), out);
    super::text(&format!(", \"line\": {}, \"col\": {}}}\n", action.line, action.column), out);
}

/// Place, what failed, and the script's line; then the uses of macros that it came through.
pub fn tell_helper_error(tool: &Tool, check: &Check, result: i64) {
    let mut text = message(check, result, true);
    if !is_own_check(check) {
        text += &format!("\nAdditional Info - helper: {}, retcode: {result}", check.helper);
    }
    let label = Severity::Warning.label();
    for place in check.place.lines() {
        tell(&at(tool, place, &label, &text));
        "expanded from".clone_into(&mut text);
    }
}

/// As JSON.
pub fn write_helper_error(tool: &Tool, check: &Check, result: i64, out: &mut Vec<u8>) {
    let kind = if is_own_check(check) { "runtime_error" } else { "helper_error" };
    super::text(&format!("{{\"type\": \"{kind}\", \"msg\": "), out);
    json::string(message(check, result, false).as_bytes(), out);
    if !is_own_check(check) {
        super::text(", \"helper\": ", out);
        json::string(check.helper.as_bytes(), out);
        super::text(&format!(", \"retcode\": {result}"), out);
    }
    super::text(", \"filename\": ", out);
    json::string(tool.script.as_bytes(), out);
    super::text(&format!(", \"line\": {}, \"col\": {}}}\n", check.line, check.columns.0), out);
}

/// Bounds, division: no helper failed. The text may stand in the helper's stead.
fn is_own_check(check: &Check) -> bool {
    check.helper.is_empty() || check.helper.contains(' ')
}

/// What was lost, and what to raise.
pub fn tell_loss(what: &str, hint: &str, count: u64) {
    let hint = if hint.is_empty() { String::new() } else { format!("\nHINT: {hint}") };
    if what == "events" {
        return tell(&format!("Lost {count} events{hint}"));
    }
    tell(&format!("{}Lost {count} {what}{hint}", Severity::Warning.prefix()));
}

/// As JSON.
pub fn write_loss(what: &str, hint: &str, count: u64, out: &mut Vec<u8>) {
    if what == "events" {
        return super::text(
            &format!("{{\"type\": \"lost_events\", \"count\": {count}, \"data\": {{\"events\": {count}}}}}\n"),
            out,
        );
    }
    super::text("{\"type\": \"lost\", \"data\": {\"what\": ", out);
    json::string(what.as_bytes(), out);
    super::text(&format!(", \"count\": {count}, \"hint\": "), out);
    json::string(hint.as_bytes(), out);
    super::text("}}\n", out);
}

fn message(check: &Check, result: i64, is_text: bool) -> String {
    let number = result.unsigned_abs() as i32;
    let is_full = matches!(number, libc::E2BIG | libc::ENOSPC);
    match check {
        Check { message, .. } if !message.is_empty() && (is_text || is_own_check(check)) => (*message).to_owned(),
        Check { helper, .. } if helper.contains(' ') => (*helper).to_owned(),
        Check { helper: "map_update_elem", .. } if is_text && is_full => FULL_MAP.to_owned(),
        Check { helper: "map_lookup_elem", .. } if is_text => MISSING_ELEMENT.to_owned(),
        _ => plain(&io::Error::from_raw_os_error(number)),
    }
}

/// An error's text without its number.
pub fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}
