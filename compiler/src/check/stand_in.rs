//! Trampolines step down to kprobes: a program of its own for the kernels, or functions, that have no trampoline.

use super::lower::Lower;
use crate::program::{AttachPoint, BpfProgram, ContextField, ProgramKind, TextPiece};
use crate::types::Type;

/// Arguments that lie in registers.
const REGISTERS: u32 = 6;

impl Lower<'_> {
    /// Notes what a kprobe could not give as a trampoline does.
    pub fn note_context(&mut self, source: &ContextField, ty: &Type) {
        let in_register = matches!(ty, Type::Int(_) | Type::Enum { .. } | Type::Pointer { .. });
        self.needs_trampoline |= match source {
            // At its end a function's arguments are gone.
            ContextField::TypedArg(n) => {
                self.probe.provider == super::Provider::Fexit || *n >= REGISTERS || !in_register
            }
            ContextField::ReturnValue => !in_register,
            _ => false,
        };
    }
}

/// Whether a program could run as a kprobe, by where it attaches.
pub(crate) fn is_possible(program: &BpfProgram) -> bool {
    let is_name = |text: &[TextPiece]| !super::attach::plain(text).contains('*');
    let fits = |point: &AttachPoint| match point {
        AttachPoint::Trampoline { module, function } => is_name(function) && module.as_deref().is_none_or(is_name),
        _ => false,
    };
    matches!(program.kind, ProgramKind::Fentry | ProgramKind::Fexit { .. })
        && !program.optional
        && program.targets.iter().all(|target| fits(&target.point))
}

/// The program that stands in for `program`.
pub(crate) fn of(program: &BpfProgram) -> BpfProgram {
    let mut copy = program.clone();
    copy.name = format!("{}_kprobe", program.name);
    copy.kind = match program.kind {
        ProgramKind::Fexit { .. } => ProgramKind::Kretprobe,
        _ => ProgramKind::Kprobe,
    };
    for target in &mut copy.targets {
        if let AttachPoint::Trampoline { module, function } = &target.point {
            target.point =
                AttachPoint::StandIn { of: program.name.clone(), module: module.clone(), function: function.clone() };
        }
    }
    copy
}
