//! Types and layouts → tokens of `tracewright::tool::Ty`.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use crate::program::Program;
use crate::types::{
    Aggregate, FieldDef, LinearBound, SeriesAggregate, StackMode, StackType, StructDef, Type, tuple_layout,
};

/// `Ty` of a value in BPF memory.
pub fn ty(program: &Program, ty: &Type) -> TokenStream {
    let structs = &program.structs;
    match ty {
        Type::Void | Type::Aggregate(_) => quote! { Ty::Opaque(0) },
        Type::Bool => quote! { Ty::Bool },
        Type::Int(int) => {
            let name = format_ident!("{}{}", if int.signed { "I" } else { "U" }, int.bits);
            quote! { Ty::#name }
        }
        Type::Enum { name, repr } => {
            let (size, signed) = (repr.size() as u8, repr.signed);
            let names = match program.enums.iter().any(|(known, _)| known == name) {
                true => {
                    let table = enum_table(program, name);
                    quote! { #table }
                }
                false => quote! { &[] },
            };
            quote! { Ty::Enum { size: #size, signed: #signed, names: #names } }
        }
        Type::String { capacity } => quote! { Ty::Str(#capacity) },
        Type::Buffer { capacity } => quote! { Ty::Buf(#capacity) },
        Type::Pointer { .. } => quote! { Ty::Pointer },
        Type::Array { of, len } => {
            let stride = of.layout(structs).0;
            let of = self::ty(program, of);
            quote! { Ty::Array { of: &#of, stride: #stride, len: #len } }
        }
        Type::Struct(name) => match structs.get(name) {
            Some(def) => {
                let (size, members) = (def.size, members(program, def));
                quote! { Ty::Struct(#size, &[#(#members),*]) }
            }
            None => quote! { Ty::Opaque(0) },
        },
        Type::Tuple(items) => {
            let (offsets, size, _) = tuple_layout(items.iter(), structs);
            let members = items.iter().zip(offsets).map(|(item, offset)| member(program, "", offset, item, None));
            quote! { Ty::Tuple(#size, &[#(#members),*]) }
        }
        Type::Record(fields) => {
            let (offsets, size, _) = tuple_layout(fields.iter().map(|(_, item)| item), structs);
            let members =
                fields.iter().zip(offsets).map(|((name, item), offset)| member(program, name, offset, item, None));
            quote! { Ty::Struct(#size, &[#(#members),*]) }
        }
        Type::KernelStack(stack) => stack_ty("KernelStack", *stack),
        Type::UserStack(stack) => stack_ty("UserStack", *stack),
        Type::KernelSymbol => quote! { Ty::KernelSymbol },
        Type::UserSymbol => quote! { Ty::UserSymbol },
        Type::Inet => quote! { Ty::Inet },
        Type::MacAddress => quote! { Ty::MacAddress },
        Type::Timestamp => quote! { Ty::Timestamp },
        Type::ErrorName => quote! { Ty::ErrorName },
        Type::SignalName => quote! { Ty::SignalName },
        Type::SyscallName => quote! { Ty::SyscallName },
        Type::CgroupPath => quote! { Ty::CgroupPath },
        Type::UserName => quote! { Ty::UserName },
        Type::ProbeName => quote! { Ty::ProbeName },
        Type::Parameter => quote! { Ty::Parameter },
        Type::KernelFunction => quote! { Ty::KernelFunction },
        Type::UserFunction => quote! { Ty::UserFunction },
        Type::GfpFlags => quote! { Ty::GfpFlags },
    }
}

/// A `Member` of a struct, tuple or record of an event.
pub fn member(program: &Program, name: &str, offset: u32, ty: &Type, bits: Option<(u8, u8)>) -> TokenStream {
    let ty = self::ty(program, ty);
    member_of(name, offset, &ty, bits)
}

/// A `Member` whose type is written already.
pub fn member_of(name: &str, offset: u32, ty: &TokenStream, bits: Option<(u8, u8)>) -> TokenStream {
    match bits {
        Some((first, width)) => {
            quote! { Member { name: #name, offset: #offset, ty: #ty, bits: Some((#first, #width)) } }
        }
        None => quote! { Member::new(#name, #offset, #ty) },
    }
}

/// Members of a struct; those of anonymous members stand in their place.
fn members(program: &Program, def: &StructDef) -> Vec<TokenStream> {
    let mut out = Vec::new();
    add_members(program, def, 0, &mut out);
    out
}

fn add_members(program: &Program, def: &StructDef, base: u32, out: &mut Vec<TokenStream>) {
    for field in &def.fields {
        let offset = base + field.bit_offset / 8;
        if field.name.is_empty()
            && let Type::Struct(inner) = &field.ty
            && let Some(inner) = program.structs.get(inner)
        {
            add_members(program, inner, offset, out);
            continue;
        }
        out.push(member(program, &field.name, offset, &field.ty, bits(field)));
    }
}

fn bits(field: &FieldDef) -> Option<(u8, u8)> {
    field.bit_width.map(|width| ((field.bit_offset % 8) as u8, width))
}

fn stack_ty(kind: &str, stack: StackType) -> TokenStream {
    let map = format!("tw_stacks_{}", stack.words(kind == "UserStack"));
    let (kind, mode, limit) = (format_ident!("{kind}"), stack_mode(stack.mode), stack.limit);
    quote! { Ty::#kind { mode: StackMode::#mode, map: #map, limit: #limit } }
}

fn stack_mode(mode: StackMode) -> proc_macro2::Ident {
    format_ident!(
        "{}",
        match mode {
            StackMode::Bpftrace => "Bpftrace",
            StackMode::Perf => "Perf",
            StackMode::Raw => "Raw",
            StackMode::BuildId => "BuildId",
        }
    )
}

/// `Value` of a map.
pub fn value(program: &Program, ty: &Type) -> TokenStream {
    let Type::Aggregate(aggregate) = ty else {
        let ty = self::ty(program, ty);
        return quote! { Value::Plain(#ty) };
    };
    match aggregate {
        Aggregate::Count => quote! { Value::Count },
        Aggregate::Sum { signed } => quote! { Value::Sum { signed: #signed } },
        Aggregate::Min { signed } => quote! { Value::Min { signed: #signed } },
        Aggregate::Max { signed } => quote! { Value::Max { signed: #signed } },
        Aggregate::Avg { signed } => quote! { Value::Avg { signed: #signed } },
        Aggregate::Stats { signed } => quote! { Value::Stats { signed: #signed } },
        Aggregate::Hist { k } => quote! { Value::Hist { k: #k } },
        Aggregate::Linear { min, max, step } => {
            let (min, max, step) = (bound(min), bound(max), bound(step));
            quote! { Value::Linear { min: #min, max: #max, step: #step } }
        }
        Aggregate::TimeSeries { interval, buckets, agg, signed } => {
            let agg = format_ident!(
                "{}",
                match agg {
                    SeriesAggregate::Last => "Last",
                    SeriesAggregate::Avg => "Avg",
                    SeriesAggregate::Max => "Max",
                    SeriesAggregate::Min => "Min",
                    SeriesAggregate::Sum => "Sum",
                }
            );
            quote! {
                Value::TimeSeries {
                    interval: #interval, buckets: #buckets, agg: SeriesAggregate::#agg, signed: #signed,
                }
            }
        }
    }
}

fn bound(bound: &LinearBound) -> TokenStream {
    match bound {
        LinearBound::Const(value) => quote! { Number::Const(#value) },
        LinearBound::Param(n) => quote! { Number::Param(#n) },
    }
}

/// Name of the table of an enum's values.
pub fn enum_table(program: &Program, name: &str) -> proc_macro2::Ident {
    let clean = |name: &str| -> String {
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
    };
    // Names that differ in case only.
    let alike = program.enums.iter().map(|(known, _)| known).take_while(|known| *known != name);
    match alike.filter(|known| clean(known) == clean(name)).count() {
        0 => format_ident!("ENUM_{}", clean(name)),
        before => format_ident!("ENUM_{}_{}", clean(name), before + 1),
    }
}
