//! `tracewright check --kernels`: where a script will run, and where not.

use anyhow::Result;
use tracewright_compiler::diagnostics::Severity;
use tracewright_compiler::kernel::Kernel;
use tracewright_compiler::program::{AttachPoint, KernelLocation, Program, ProgramKind, TextPiece};

use crate::args::{CheckArgs, FrontEndArgs};
use crate::front_end::FrontEnd;
use crate::script::Script;

/// Resolves each script's probes, fields and functions against each kernel; whether all run everywhere.
pub fn check(args: &CheckArgs, scripts: &[Script]) -> Result<bool> {
    let mut good = true;
    let front_ends = args
        .kernels
        .iter()
        .map(|kernel| FrontEnd::new(&FrontEndArgs { kernel: kernel.clone(), ..args.front_end.clone() }))
        .collect::<Result<Vec<_>>>()?;
    let width = front_ends.iter().map(|front_end| front_end.release().len()).max().unwrap_or(0);
    for script in scripts {
        println!("{}:", script.display);
        for front_end in &front_ends {
            let compilation = front_end.check(script);
            let mut why: Vec<String> = Vec::new();
            for diagnostic in compilation.diagnostics.iter().filter(|d| d.severity == Severity::Error) {
                why.push(diagnostic.message.clone());
            }
            if let Some(program) = &compilation.program {
                why.extend(missing(program, front_end.kernel()));
            }
            why.dedup();
            good &= why.is_empty();
            let release = front_end.release();
            if why.is_empty() {
                println!("  {release:width$}  runs");
            }
            for (at, reason) in why.iter().enumerate() {
                let (release, verdict) = if at == 0 { (release, "no: ") } else { ("", "    ") };
                println!("  {release:width$}  {verdict}{reason}");
            }
        }
    }
    Ok(good)
}

/// Attach points that the kernel has no place for. Functions without type information might exist all the same:
/// they are told as such.
fn missing(program: &Program, kernel: &dyn Kernel) -> Vec<String> {
    let mut found = Vec::new();
    for program in program.programs.iter().filter(|program| !program.optional) {
        for target in &program.targets {
            let text = match &target.point {
                AttachPoint::Tracepoint { category, event } => match (known(category), known(event)) {
                    (Some(category), Some(event)) if kernel.tracepoints(&category, &event).is_empty() => {
                        format!("no tracepoint {category}:{event}")
                    }
                    _ => continue,
                },
                AttachPoint::RawTracepoint { event, .. } => match known(event) {
                    Some(event) if kernel.raw_tracepoints(&event).is_empty() => format!("no raw tracepoint {event}"),
                    _ => continue,
                },
                AttachPoint::Kernel { function: KernelLocation::Function { name, .. }, .. }
                | AttachPoint::Trampoline { function: name, .. } => match known(name) {
                    Some(name) if kernel.functions(&name).is_empty() => format!("no function {name}"),
                    _ => continue,
                },
                AttachPoint::Iter { .. } => match &program.kind {
                    ProgramKind::Iter { kind, .. } if !kernel.iterators().contains(kind) => {
                        format!("no iterator {kind}")
                    }
                    _ => continue,
                },
                _ => continue,
            };
            found.push(text);
        }
    }
    found
}

fn known(pieces: &[TextPiece]) -> Option<String> {
    let piece = |piece: &TextPiece| match piece {
        TextPiece::Lit(text) => Some(text.clone()),
        TextPiece::Param(_) | TextPiece::Option(_) => None,
    };
    pieces.iter().map(piece).collect()
}
