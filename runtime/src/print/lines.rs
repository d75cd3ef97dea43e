//! Lines that programs print part by part, each CPU its own: put together, so that they do not get into each other.

use std::time::{Duration, Instant};

use super::Printer;

/// So long the next part of a line is waited for.
const PATIENCE: Duration = Duration::from_millis(20);

/// The beginning of a line.
#[derive(Debug)]
pub(super) struct Part {
    /// The CPU, from 1.
    line: u32,
    text: Vec<u8>,
    since: Instant,
}

impl Printer {
    /// A record prints on `line`: what there is of it comes first. On no line (0): all that has begun comes first.
    pub(super) fn begin_part(&mut self, line: u32) {
        if line == 0 {
            self.end_parts();
        } else if let Some(at) = self.parts.iter().position(|part| part.line == line) {
            self.out.extend(self.parts.swap_remove(at).text);
        }
    }

    /// Keeps what was printed from `start` on and is not a whole line.
    pub(super) fn keep_part(&mut self, line: u32, start: usize) {
        if line == 0 {
            return;
        }
        // A message in between has everything written.
        let start = start.min(self.out.len());
        let end = self.out[start..].iter().rposition(|&byte| byte == b'\n').map_or(start, |at| start + at + 1);
        let text = self.out.split_off(end);
        if !text.is_empty() {
            self.parts.push(Part { line, text, since: Instant::now() });
        }
    }

    /// Prints the parts that nothing has followed.
    pub(super) fn end_old_parts(&mut self) {
        let now = Instant::now();
        for part in self.parts.extract_if(.., |part| now - part.since >= PATIENCE) {
            self.out.extend(part.text);
        }
    }

    /// Prints all parts.
    pub(super) fn end_parts(&mut self) {
        for part in self.parts.drain(..) {
            self.out.extend(part.text);
        }
    }
}
