//! What to say about attach points without a place on the running system.

use std::collections::HashMap;

use crate::error::{Error, Result};
use crate::find::expand::Request;
use crate::find::glob;
use crate::message;
use crate::text;
use crate::tool::{AttachPoint, MissingProbes, Target, Text, Tool};

/// Collects what was found, block by block, and what was not.
#[derive(Default)]
pub struct Missing {
    /// Messages about attach points that name one place.
    named: Vec<(&'static str, String)>,
    /// For each block of the script: its first attach point, and whether any of its attach points has a place.
    blocks: Vec<(&'static str, bool)>,
    /// Block by the offset of its first attach point.
    by_start: HashMap<usize, usize>,
}

impl Missing {
    /// Notes an attach point; `found` when there is a place for it, or none is wanted.
    pub fn note(&mut self, request: &Request<'_>, target: &'static Target, uses_probe: bool, found: bool) {
        let start = block_start(request.tool, target.place).unwrap_or(usize::MAX - self.blocks.len());
        let block = *self.by_start.entry(start).or_insert_with(|| {
            self.blocks.push((target.place, false));
            self.blocks.len() - 1
        });
        self.blocks[block].1 |= found;
        if !found
            && !uses_probe
            && let Some(name) = exact_name(request, target)
        {
            self.named.push((target.place, format!("No matches for {name}.")));
        }
    }

    /// Says it, as the config has it.
    ///
    /// # Errors
    /// When missing probes are errors.
    pub fn tell(&self, request: &Request<'_>) -> Result<()> {
        let empty = || self.blocks.iter().filter(|(_, found)| !found).map(|(place, _)| *place);
        let warn = |place: &str, text: &str| {
            if !request.args.no_warnings {
                eprintln!("{}", message::at(request.tool, place, "WARNING", text));
            }
        };
        match request.config.missing_probes {
            MissingProbes::Ignore => Ok(()),
            MissingProbes::Warn => {
                for (place, text) in &self.named {
                    warn(place, &format!("{text} Skipping."));
                }
                for place in empty() {
                    warn(
                        place,
                        "Probe has no valid attach points. It is being removed which may cause issues with program \
                         behavior.",
                    );
                }
                Ok(())
            }
            MissingProbes::Error => {
                let mut texts: Vec<String> =
                    self.named.iter().map(|(place, text)| message::at(request.tool, place, "ERROR", text)).collect();
                let text = "Probe has no valid attach points. If this is expected, set the 'missing_probes' config \
                            variable to 'warn'.";
                for place in empty().filter(|place| self.named.iter().all(|(named, _)| named != place)) {
                    texts.push(message::at(request.tool, place, "ERROR", text));
                }
                if texts.is_empty() { Ok(()) } else { Err(Error::refused(texts.join("\n")).bare()) }
            }
        }
    }
}

/// `uprobe /bin/bash:readline`, for attach points that name one place; none for patterns.
fn exact_name(request: &Request<'_>, target: &Target) -> Option<String> {
    let params = &request.args.params;
    let word = |word: Text| text::resolve(word, params);
    let module = |module: Option<Text>| module.map_or_else(String::new, |module| word(module) + ":");
    let name = match target.point {
        AttachPoint::Kernel { module: m, function, .. }
        | AttachPoint::Trampoline { module: m, function }
        | AttachPoint::StandIn { module: m, function, .. } => module(m) + &word(function),
        AttachPoint::User { path, symbol, cpp: false, .. } => {
            let path = word(path);
            let files = crate::find::libraries::binaries(&path, request.target_pid);
            let shown = match files.as_slice() {
                [file] if !path.contains('/') => file.to_string_lossy().into_owned(),
                _ => path,
            };
            format!("{shown}:{}", word(symbol))
        }
        // Without a provider it is a pattern.
        AttachPoint::Usdt { provider: None, .. } => return None,
        AttachPoint::Usdt { path, name, .. } => format!("{}:{}", word(path), word(name)),
        AttachPoint::Tracepoint { category, event } => format!("{}:{}", word(category), word(event)),
        AttachPoint::RawTracepoint { module: m @ Some(_), event } => module(m) + &word(event),
        AttachPoint::Iter { .. } => text::resolve(target.display, params).split(':').nth(1)?.to_owned(),
        _ => return None,
    };
    let display = text::resolve(target.display, params);
    let provider = display.split(':').next().unwrap_or("");
    if glob::is_pattern(&display) || glob::is_pattern(&name) { None } else { Some(format!("{provider} {name}")) }
}

/// Offset of the first attach point of the block that the attach point at `place` belongs to: those before it with
/// only a comma between.
fn block_start(tool: &Tool, place: &str) -> Option<usize> {
    let (start, _) = message::range(tool, place)?;
    let mut ranges: Vec<(usize, usize)> = tool
        .programs
        .iter()
        .flat_map(|program| program.targets)
        .filter_map(|target| message::range(tool, target.place))
        .filter(|range| range.0 <= start)
        .collect();
    ranges.sort_unstable();
    ranges.dedup();
    let mut first = start;
    for range in ranges.iter().rev().skip(1) {
        if tool.source.get(range.1..first)?.trim() != "," {
            break;
        }
        first = range.0;
    }
    Some(first)
}

/// The attach points of the block that a place of the script is in, as they are written.
pub fn probes_at(tool: &Tool, place: &str, params: &[String]) -> Vec<String> {
    let Some((at, _)) = message::range(tool, place) else { return Vec::new() };
    let targets = || tool.programs.iter().flat_map(|program| program.targets);
    let start = |target: &Target| message::range(tool, target.place).map(|range| range.0);
    let Some(last) = targets().filter_map(start).filter(|&start| start <= at).max() else { return Vec::new() };
    let block = |target: &Target| block_start(tool, target.place);
    let Some(first) = targets().find(|target| start(target) == Some(last)).and_then(block) else { return Vec::new() };
    let mut names: Vec<String> = Vec::new();
    for target in targets().filter(|target| block(target) == Some(first)) {
        let name = text::resolve(target.display, params);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}
