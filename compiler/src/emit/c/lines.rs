//! Lines that are printed by several statements: other CPUs' lines must not get in between.

use super::walk;
use crate::program::{ActionKind, BpfProgram, Format, FormatPiece, Program, ProgramKind, StmtKind};

/// What a statement does to the line that is being printed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Prints {
    Part,
    End,
}

/// Whether a program prints lines part by part, and to their ends. Programs that never run side by side with themselves
/// (`begin`, `interval`, iterators) have no need to say so; what never ends a line is shown as it comes. A record of any
/// other program has all that has begun shown before it: the order stays that in which things were printed.
pub(super) fn come_in_parts(program: &Program, bpf: &BpfProgram) -> bool {
    if matches!(bpf.kind, ProgramKind::Manual | ProgramKind::Iter { .. } | ProgramKind::Interval) {
        return false;
    }
    let (mut parts, mut ends) = (false, false);
    walk::stmts(&bpf.body, &mut |stmt| {
        if let StmtKind::Action { action, .. } = &stmt.kind {
            let prints = prints(&program.actions[action.0].kind);
            parts |= prints == Some(Prints::Part);
            ends |= prints == Some(Prints::End);
        }
        ends |= matches!(stmt.kind, StmtKind::Join { .. });
    });
    parts && ends
}

/// Whether the records of an action say whose line they belong to.
pub(super) fn are_parts(kind: &ActionKind) -> bool {
    prints(kind).is_some()
}

fn prints(kind: &ActionKind) -> Option<Prints> {
    match kind {
        ActionKind::Printf(format) if ends_line(format) => Some(Prints::End),
        ActionKind::Printf(_) => Some(Prints::Part),
        ActionKind::Cat(_) | ActionKind::Join { .. } => Some(Prints::End),
        _ => None,
    }
}

fn ends_line(format: &Format) -> bool {
    matches!(format.pieces.last(), Some(FormatPiece::Text(text)) if text.ends_with(b"\n"))
}
