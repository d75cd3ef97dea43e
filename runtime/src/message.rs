//! Messages on standard error, in the form of bpftrace's.

use crate::tool::Tool;

/// `ERROR: …`
pub fn error(text: &str) {
    eprintln!("ERROR: {text}");
}

/// `WARNING: …`
pub fn warning(text: &str) {
    eprintln!("WARNING: {text}");
}

/// A message about a place of the script: `FILE:LINE:COL1-COL2: SEVERITY: text`, the line and an underline.
pub fn at(tool: &Tool, place: &str, severity: &str, text: &str) -> String {
    let mut out = format!("{place}: {severity}: {text}");
    if let Some((line, from, to)) = columns(tool, place)
        && let Some(source) = tool.source.lines().nth(line - 1)
    {
        let blank: String = source.chars().take(from - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        out += &format!("\n{source}\n{blank}{}", "~".repeat(to.saturating_sub(from).max(1)));
    } else if let Some((first, last)) = lines(tool, place) {
        for source in tool.source.lines().skip(first - 1).take(last + 1 - first) {
            out += &format!("\n{source}");
        }
    }
    out
}

/// First and last line, from 1, of `FILE:LINE1-LINE2`: what spans lines is quoted without a mark.
fn lines(tool: &Tool, place: &str) -> Option<(usize, usize)> {
    let rest = place.strip_prefix(tool.script)?.strip_prefix(':')?;
    let (first, last) = rest.split_once('-')?;
    let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
    (0 < first && first <= last).then_some((first, last))
}

/// Line and half-open columns, from 1, of `FILE:LINE:COL1-COL2`. Only places in the script itself can be quoted.
fn columns(tool: &Tool, place: &str) -> Option<(usize, usize, usize)> {
    let rest = place.strip_prefix(tool.script)?.strip_prefix(':')?;
    let (line, columns) = rest.split_once(':')?;
    let (from, to) = columns.split_once('-')?;
    let (line, from): (usize, usize) = (line.parse().ok()?, from.parse().ok()?);
    if line == 0 || from == 0 { None } else { Some((line, from, to.parse().ok()?)) }
}

/// Byte offsets of a place of one line in the script.
pub fn range(tool: &Tool, place: &str) -> Option<(usize, usize)> {
    let (line, from, to) = columns(tool, place)?;
    let mut start = 0;
    for _ in 1..line {
        start += tool.source.get(start..)?.find('\n')? + 1;
    }
    let text = tool.source.get(start..)?;
    let offset = |column: usize| text.char_indices().nth(column - 1).map_or(text.len(), |(at, _)| at);
    Some((start + offset(from), start + offset(to)))
}
