//! Tables of programs: where they attach.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use crate::emit::escape;
use crate::program::{
    AttachPoint, BpfProgram, KernelLocation, LateNumber, LateText, Period, Program, ProgramKind, Target, TextPiece,
    UserLocation,
};

/// Name of a program's constant: `BEGIN_1` for `begin_1`.
pub fn constant(name: &str) -> Ident {
    format_ident!("{}", name.to_uppercase())
}

pub fn programs(program: &Program) -> Vec<TokenStream> {
    let one = |bpf: &BpfProgram| {
        let (constant, name, kind) = (constant(&bpf.name), &bpf.name, program_kind(&bpf.kind));
        let targets = bpf.targets.iter().map(|target| self::target(program, target));
        let (optional, uses_cookie) = (bpf.optional, bpf.uses_cookie);
        let filters_pid = filters_pid(&bpf.kind);
        let probe = probe_line(bpf);
        quote! {
            #probe
            const #constant: Program = Program {
                name: #name,
                kind: ProgramKind::#kind,
                targets: &[#(#targets),*],
                optional: #optional,
                uses_cookie: #uses_cookie,
                filters_pid: #filters_pid,
            };
        }
    };
    program.programs.iter().map(one).collect()
}

fn program_kind(kind: &ProgramKind) -> Ident {
    format_ident!(
        "{}",
        match kind {
            ProgramKind::Manual => "Manual",
            ProgramKind::Kprobe => "Kprobe",
            ProgramKind::Kretprobe => "Kretprobe",
            ProgramKind::Fentry | ProgramKind::FentryBpf { exit: false } => "Fentry",
            ProgramKind::Fexit { .. } | ProgramKind::FentryBpf { exit: true } => "Fexit",
            ProgramKind::Uprobe => "Uprobe",
            ProgramKind::Uretprobe => "Uretprobe",
            ProgramKind::Usdt => "Usdt",
            ProgramKind::Tracepoint { .. } => "Tracepoint",
            ProgramKind::RawTracepoint => "RawTracepoint",
            ProgramKind::PerfEvent => "PerfEvent",
            ProgramKind::Interval => "Interval",
            ProgramKind::Iter { .. } => "Iter",
        }
    )
}

/// Kernel probes see every process: `-p` is theirs to check.
fn filters_pid(kind: &ProgramKind) -> bool {
    !matches!(
        kind,
        ProgramKind::Manual
            | ProgramKind::Interval
            | ProgramKind::Uprobe
            | ProgramKind::Uretprobe
            | ProgramKind::Usdt
            | ProgramKind::Iter { .. }
    )
}

fn target(program: &Program, target: &Target) -> TokenStream {
    let display = text(&target.display);
    let point = point(&target.point);
    let place = program.sources.place(target.span);
    quote! { Target { display: #display, point: #point, place: #place } }
}

fn point(point: &AttachPoint) -> TokenStream {
    let point = match point {
        AttachPoint::Begin => quote! { Begin },
        AttachPoint::End => quote! { End },
        AttachPoint::Signal(name) => quote! { Signal(#name) },
        AttachPoint::Test(name) => quote! { Test(#name) },
        AttachPoint::Bench(name) => quote! { Bench(#name) },
        AttachPoint::Kernel { module, function: KernelLocation::Function { name, offset } } => {
            let (module, name) = (optional_text(module.as_ref()), text(name));
            quote! { Kernel { module: #module, function: #name, offset: #offset } }
        }
        AttachPoint::Kernel { function: KernelLocation::Address(address), .. } => quote! { KernelAddress(#address) },
        AttachPoint::Trampoline { module, function } => {
            let (module, function) = (optional_text(module.as_ref()), text(function));
            quote! { Trampoline { module: #module, function: #function } }
        }
        AttachPoint::StandIn { of, module, function } => {
            let (module, function) = (optional_text(module.as_ref()), text(function));
            quote! { StandIn { of: #of, module: #module, function: #function } }
        }
        AttachPoint::Bpf { id, name } => {
            let (id, name) = (optional_text(id.as_ref()), text(name));
            quote! { Bpf { id: #id, name: #name } }
        }
        AttachPoint::User { path, location, cpp } => user_point(path, location, *cpp),
        AttachPoint::Usdt { path, provider, name } => {
            let (path, provider, name) = (text(path), optional_text(provider.as_ref()), text(name));
            quote! { Usdt { path: #path, provider: #provider, name: #name } }
        }
        AttachPoint::Tracepoint { category, event } => {
            let (category, event) = (text(category), text(event));
            quote! { Tracepoint { category: #category, event: #event } }
        }
        AttachPoint::RawTracepoint { module, event } => {
            let (module, event) = (optional_text(module.as_ref()), text(event));
            quote! { RawTracepoint { module: #module, event: #event } }
        }
        AttachPoint::Interval { period } => {
            let period = self::period(period);
            quote! { Interval(#period) }
        }
        AttachPoint::Profile { period } => {
            let period = self::period(period);
            quote! { Profile(#period) }
        }
        AttachPoint::Software { config, count } => quote! { Software { config: #config, count: #count } },
        AttachPoint::Hardware { config, count } => quote! { Hardware { config: #config, count: #count } },
        AttachPoint::Watchpoint { address, length, read, write, execute } => {
            let address = text(address);
            quote! {
                Watchpoint { address: #address, length: #length, read: #read, write: #write, execute: #execute }
            }
        }
        AttachPoint::Iter { pin } => {
            let pin = match pin {
                Some(pin) => quote! { Some(#pin) },
                None => quote! { None },
            };
            quote! { Iter { pin: #pin } }
        }
        AttachPoint::Late { role, text: named } => {
            let (role, named) = (format_ident!("{role:?}"), text(named));
            quote! { Late { role: LateRole::#role, text: #named } }
        }
    };
    quote! { AttachPoint::#point }
}

fn user_point(path: &LateText, location: &UserLocation, cpp: bool) -> TokenStream {
    let path = text(path);
    match location {
        UserLocation::Symbol { name, offset } => {
            let name = text(name);
            quote! { User { path: #path, symbol: #name, offset: #offset, cpp: #cpp } }
        }
        UserLocation::Address(address) => quote! { UserAddress { path: #path, address: #address } },
        UserLocation::Source { file, line, column } => {
            let column = column.unwrap_or(0);
            quote! { UserSource { path: #path, file: #file, line: #line, column: #column } }
        }
    }
}

pub fn text(text: &LateText) -> TokenStream {
    let pieces = text.iter().map(|piece| match piece {
        TextPiece::Lit(text) => quote! { TextPiece::Lit(#text) },
        TextPiece::Param(n) => quote! { TextPiece::Param(#n) },
        TextPiece::Option(name) => quote! { TextPiece::Option(#name) },
    });
    quote! { &[#(#pieces),*] }
}

fn optional_text(text: Option<&LateText>) -> TokenStream {
    match text {
        Some(text) => {
            let text = self::text(text);
            quote! { Some(#text) }
        }
        None => quote! { None },
    }
}

fn period(period: &Period) -> TokenStream {
    match period {
        Period::Hertz(hertz) => {
            let hertz = number(hertz);
            quote! { Period::Hertz(#hertz) }
        }
        Period::Every { count, unit } => {
            let count = number(count);
            quote! { Period::Every { count: #count, unit: #unit } }
        }
    }
}

fn number(number: &LateNumber) -> TokenStream {
    match number {
        LateNumber::Const(value) => {
            let value = *value as i64;
            quote! { Number::Const(#value) }
        }
        LateNumber::Param(n) => quote! { Number::Param(#n) },
        LateNumber::Option(name) => quote! { Number::Option(#name) },
    }
}

/// The attach points of a program, as documentation.
fn probe_line(bpf: &BpfProgram) -> TokenStream {
    const SHOWN: usize = 3;
    let shown = |target: &Target| target.display.iter().map(TextPiece::to_string).collect::<String>();
    let mut points: Vec<String> = bpf.targets.iter().map(shown).collect();
    points.dedup();
    let more = if points.len() > SHOWN { " …" } else { "" };
    points.truncate(SHOWN);
    let text = points.iter().map(|point| format!("`{}`", escape::line_comment(point).replace('`', "'")));
    let text = format!(" {}{more}", text.collect::<Vec<_>>().join(", "));
    quote! { #[doc = #text] }
}
