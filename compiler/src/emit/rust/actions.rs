//! Tables of actions: what records say, and how they are printed.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{format_ident, quote};

use super::tables::{ends, script_line};
use super::types;
use crate::emit::c::{EmittedAction, EmittedC};
use crate::program::{Action, ActionKind, Conversion, Format, FormatPiece, Program};
use crate::types::Type;

/// Called as in C: `PRINTF_2` for `ACTION_PRINTF_2`.
pub fn constant(action: &EmittedAction) -> Ident {
    format_ident!("{}", action.constant.strip_prefix("ACTION_").unwrap_or(&action.constant))
}

pub fn actions(program: &Program, c: &EmittedC) -> Vec<TokenStream> {
    program.actions.iter().zip(&c.actions).map(|(action, emitted)| self::action(program, action, emitted)).collect()
}

fn action(program: &Program, action: &Action, emitted: &EmittedAction) -> TokenStream {
    let constant = constant(emitted);
    let kind = action_kind(&action.kind);
    let fields = action.fields.iter().zip(&emitted.fields).map(|(ty, field)| {
        let ty = match (ty, field.tail) {
            (Type::String { capacity }, true) => quote! { Ty::TailStr(#capacity) },
            (Type::Buffer { capacity }, true) => quote! { Ty::TailBuf(#capacity) },
            _ => types::ty(program, ty),
        };
        types::member_of(&field.name, field.offset, &ty, None)
    });
    let size = emitted.size as usize;
    let mut place = program.sources.place(action.span);
    if matches!(action.kind, ActionKind::Errorf(_) | ActionKind::Warnf(_)) {
        for &used in &action.trail {
            place = place + "\n" + &program.sources.place(used);
        }
    }
    let ((line, column), _) = ends(program, action.span);
    let doc = script_line(program, action.span);
    quote! {
        #doc
        const #constant: Action = Action {
            kind: #kind,
            fields: &[#(#fields),*],
            size: #size,
            place: #place,
            line: #line,
            column: #column,
        };
    }
}

fn action_kind(kind: &ActionKind) -> TokenStream {
    let kind = match kind {
        ActionKind::Printf(f) => with_format("Printf", f),
        ActionKind::Errorf(f) => with_format("Errorf", f),
        ActionKind::Warnf(f) => with_format("Warnf", f),
        ActionKind::Cat(f) => with_format("Cat", f),
        ActionKind::System(f) => with_format("System", f),
        ActionKind::PrintValue => quote! { PrintValue },
        ActionKind::PrintMap { map } => with_index("PrintMap", map.0),
        ActionKind::PrintElement { map } => with_index("PrintElement", map.0),
        ActionKind::Clear(map) => with_index("Clear", map.0),
        ActionKind::Zero(map) => with_index("Zero", map.0),
        ActionKind::Time(format) => quote! { Time(#format) },
        ActionKind::Join { separator } => quote! { Join(#separator) },
        ActionKind::Unwatch => quote! { Unwatch },
        ActionKind::SkbOutput { path } => quote! { SkbOutput(#path) },
    };
    quote! { ActionKind::#kind }
}

fn with_index(kind: &str, index: usize) -> TokenStream {
    let (kind, index) = (format_ident!("{kind}"), Literal::usize_unsuffixed(index));
    quote! { #kind(#index) }
}

fn with_format(kind: &str, format: &Format) -> TokenStream {
    let kind = format_ident!("{kind}");
    let pieces = format.pieces.iter().map(|piece| match piece {
        FormatPiece::Text(bytes) => {
            let bytes = Literal::byte_string(bytes);
            quote! { FormatPiece::Text(#bytes) }
        }
        FormatPiece::Conversion(conversion) => self::conversion(conversion),
        FormatPiece::Spec { texts } => {
            let texts = Literal::u32_unsuffixed(*texts);
            quote! { FormatPiece::Spec { texts: #texts } }
        }
    });
    quote! { #kind(&[#(#pieces),*]) }
}

fn conversion(c: &Conversion) -> TokenStream {
    let letter = Literal::byte_character(c.conversion as u8);
    let mut out = quote! { Conversion::new(#letter) };
    for (set, flag) in
        [(c.left, "left"), (c.zero, "zero"), (c.plus, "plus"), (c.space, "space"), (c.alternate, "alternate")]
    {
        if set {
            let flag = format_ident!("{flag}");
            out.extend(quote! { .#flag() });
        }
    }
    if let Some(width) = c.width {
        let width = Literal::u32_unsuffixed(width);
        out.extend(quote! { .width(#width) });
    }
    if let Some(precision) = c.precision {
        let precision = Literal::u32_unsuffixed(precision);
        out.extend(quote! { .precision(#precision) });
    }
    let length: u8 = match c.length.as_str() {
        "hh" => 1,
        "h" => 2,
        "" => 4,
        _ => 8,
    };
    if length != 4 {
        let length = Literal::u8_unsuffixed(length);
        out.extend(quote! { .length(#length) });
    }
    quote! { #out.piece() }
}
