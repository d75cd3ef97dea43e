//! The expansion of `bt!`: a module that runs the script inside another program, with its events and maps typed.

use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};

use super::{assertions, tables, trace};
use crate::emit::c::{EmittedAction, EmittedC, EmittedMap};
use crate::emit::escape;
use crate::program::{Action, ActionKind, Map, Program};
use crate::types::{Aggregate, Type, tuple_layout};

/// Where the expansion finds what was made beside it.
#[derive(Clone, Debug)]
pub struct ModuleOptions {
    /// Absolute path of the skeleton.
    pub skeleton: String,
    /// Absolute path of the script, so that a change of it rebuilds; none for a script in the macro itself.
    pub script: Option<String>,
}

/// A module called after the script: `opens::run()`, `opens::Script` with typed events and maps.
pub fn module(program: &Program, c: &EmittedC, options: &ModuleOptions) -> TokenStream {
    let name = format_ident!("{}", program.name);
    let trace = trace(program);
    let skeleton = &options.skeleton;
    let source = tables::source_literal(program);
    let tables = tables::all(program, c, &source);
    let assertions = assertions(c);
    let tracked = options.script.as_ref().map(|path| quote! { const _: &[u8] = include_bytes!(#path); });
    let (events, maps, script) = (events(program, c), maps(program, c), script());
    quote! {
        #[allow(
            dead_code, non_upper_case_globals, unsafe_code, clippy::all, clippy::pedantic, clippy::nursery, clippy::restriction
        )]
        mod #name {
            use std::mem::MaybeUninit;
            use std::time::Duration;
            use ::tracewright::libbpf_rs::skel::{OpenSkel, Skel, SkelBuilder};
            use ::tracewright::read::{self, Value as _};
            use ::tracewright::tool::*;
            use ::tracewright::{Result, Session};

            #tracked

            #[allow(unused_imports, unused_qualifications)]
            mod skeleton {
                use ::tracewright::libbpf_rs;
                include!(#skeleton);
            }

            #script
            #events
            #maps

            #trace

            #(#tables)*
            #(#assertions)*
        }
    }
}

fn script() -> TokenStream {
    quote! {
        /// Traces until the script ends or a signal comes, printing as the script says; the script's exit status.
        pub fn run() -> Result<u8> {
            Session::embedded(&TOOL)?.run(trace)
        }

        /// The same for a time.
        pub fn run_for(time: Duration) -> Result<u8> {
            let mut session = Session::embedded(&TOOL)?;
            session.limit(time);
            session.run(trace)
        }

        /// The script, to be run with its events handed over and its maps read afterwards.
        pub struct Script {
            session: Session,
        }

        impl Script {
            /// Checks privileges and finds what there is to attach.
            pub fn new() -> Result<Self> {
                let mut session = Session::embedded(&TOOL)?;
                session.keep_maps();
                Ok(Script { session })
            }

            /// Takes what `printf` would have printed.
            pub fn on_event(&mut self, mut handle: impl FnMut(Event) + 'static) {
                self.session.observe(move |action, record| match Event::read(action, record) {
                    Some(event) => {
                        handle(event);
                        true
                    }
                    None => false,
                });
            }

            /// Traces until the script ends or a signal comes.
            pub fn run(&mut self) -> Result<u8> {
                self.session.run(trace)
            }

            /// Traces for a time.
            pub fn run_for(&mut self, time: Duration) -> Result<u8> {
                self.session.limit(time);
                self.session.run(trace)
            }

            /// The maps, as the last run left them.
            pub fn maps(&self) -> Maps<'_> {
                Maps { session: &self.session }
            }
        }
    }
}

/// `Event` and a struct for each `printf`.
fn events(program: &Program, c: &EmittedC) -> TokenStream {
    let all = program.actions.iter().zip(&c.actions).enumerate();
    let printed: Vec<_> = all.filter(|(_, (action, _))| matches!(action.kind, ActionKind::Printf(_))).collect();
    let names: Vec<_> = printed.iter().map(|(index, _)| format_ident!("Printf{}", index + 1)).collect();
    let indices = printed.iter().map(|(index, _)| Literal::usize_unsuffixed(*index));
    let structs =
        printed.iter().zip(&names).map(|((_, (action, emitted)), name)| event(program, name, action, emitted));
    quote! {
        /// What a `printf` of the script carries.
        #[derive(Clone, Debug)]
        pub enum Event {
            #(#[doc = concat!("See [`", stringify!(#names), "`].")] #names(#names)),*
        }

        impl Event {
            fn read(action: usize, record: &[u8]) -> Option<Self> {
                match action {
                    #(#indices => Some(Event::#names(#names::read(record))),)*
                    _ => None,
                }
            }
        }

        #(#structs)*
    }
}

fn event(program: &Program, name: &proc_macro2::Ident, action: &Action, emitted: &EmittedAction) -> TokenStream {
    let line = program.sources.text(action.span).lines().next().unwrap_or("");
    let doc = format!(" `{}`", escape::line_comment(line).replace('`', "'"));
    let fields = action.fields.iter().zip(&emitted.fields);
    let names: Vec<_> = emitted.fields.iter().map(|field| member(&field.name)).collect();
    let types = action.fields.iter().map(rust_type);
    let reads = fields.map(|(ty, field)| {
        let offset = Literal::usize_unsuffixed(field.offset as usize);
        let size = Literal::usize_unsuffixed(ty.layout(&program.structs).0 as usize);
        if field.tail {
            let ty = rust_type(ty);
            quote! { <#ty as read::Value>::read(read::tail(record, #offset, &mut at)) }
        } else {
            read_value(program, ty, &quote! { read::part(record, #offset, #size) })
        }
    });
    let size = Literal::usize_unsuffixed(emitted.size as usize);
    quote! {
        #[doc = #doc]
        #[derive(Clone, Debug)]
        pub struct #name {
            #(pub #names: #types),*
        }

        impl #name {
            #[allow(unused_mut, unused_variables)]
            fn read(record: &[u8]) -> Self {
                let mut at = #size;
                // In the order of the record: what has no fixed length is read one behind the other.
                #name { #(#names: #reads),* }
            }
        }
    }
}

/// A name for a member; a keyword gets a `_`.
fn member(name: &str) -> proc_macro2::Ident {
    syn::parse_str::<proc_macro2::Ident>(name).unwrap_or_else(|_| format_ident!("{name}_"))
}

/// `Maps` with a method for each map.
fn maps(program: &Program, c: &EmittedC) -> TokenStream {
    let methods = program.maps.iter().zip(&c.maps).map(|(map, emitted)| map_method(program, map, emitted));
    quote! {
        /// The script's maps.
        pub struct Maps<'a> {
            session: &'a Session,
        }

        impl Maps<'_> {
            #(#methods)*
        }
    }
}

fn map_method(program: &Program, map: &Map, emitted: &EmittedMap) -> TokenStream {
    let name = if map.name.is_empty() { format_ident!("anonymous") } else { member(&map.name) };
    let bpf_name = &emitted.bpf_name;
    let doc = format!(" `@{}`", map.name);
    let Some((value_type, value)) = map_value(program, map) else { return TokenStream::new() };
    match &map.key {
        Some(key) => {
            let key_type = rust_type(key);
            let read_key = read_value(program, key, &quote! { key.as_slice() });
            quote! {
                #[doc = #doc]
                pub fn #name(&self) -> Result<Vec<(#key_type, #value_type)>> {
                    let rows = self.session.rows(#bpf_name)?;
                    Ok(rows.iter().map(|(key, cpus)| (#read_key, #value)).collect())
                }
            }
        }
        None => quote! {
            #[doc = #doc]
            pub fn #name(&self) -> Result<#value_type> {
                let rows = self.session.rows(#bpf_name)?;
                let cpus: &[Vec<u8>] = rows.first().map_or(&[], |(_, cpus)| cpus);
                Ok(#value)
            }
        },
    }
}

/// Type of a map's value and how it is read from `cpus`; none for what is kept in many elements a key.
fn map_value(program: &Program, map: &Map) -> Option<(TokenStream, TokenStream)> {
    let Type::Aggregate(aggregate) = &map.value else {
        let size = Literal::usize_unsuffixed(map.value.layout(&program.structs).0 as usize);
        let value = read_value(program, &map.value, &quote! { read::part(read::plain(cpus), 0, #size) });
        return Some((rust_type(&map.value), value));
    };
    Some(match aggregate {
        Aggregate::Count | Aggregate::Sum { signed: false } => (quote! { u64 }, quote! { read::sum_unsigned(cpus) }),
        Aggregate::Sum { .. } => (quote! { i64 }, quote! { read::sum_signed(cpus) }),
        Aggregate::Min { signed: true } => (quote! { i64 }, quote! { read::extremes(cpus).min().unwrap_or(0) }),
        Aggregate::Max { signed: true } => (quote! { i64 }, quote! { read::extremes(cpus).max().unwrap_or(0) }),
        Aggregate::Min { .. } => {
            (quote! { u64 }, quote! { read::extremes(cpus).map(|value| value as u64).min().unwrap_or(0) })
        }
        Aggregate::Max { .. } => {
            (quote! { u64 }, quote! { read::extremes(cpus).map(|value| value as u64).max().unwrap_or(0) })
        }
        Aggregate::Avg { .. } => (quote! { i64 }, quote! { read::stats(cpus).average() }),
        Aggregate::Stats { .. } => (quote! { read::Stats }, quote! { read::stats(cpus) }),
        Aggregate::Hist { .. } | Aggregate::Linear { .. } | Aggregate::TimeSeries { .. } => return None,
    })
}

/// The Rust type that a value is handed over as.
fn rust_type(ty: &Type) -> TokenStream {
    match ty {
        Type::Bool => quote! { bool },
        Type::Int(int) | Type::Enum { repr: int, .. } => {
            let name = format_ident!("{}{}", if int.signed { 'i' } else { 'u' }, int.bits);
            quote! { #name }
        }
        Type::String { .. } => quote! { String },
        Type::Pointer { .. } | Type::KernelSymbol | Type::KernelFunction | Type::GfpFlags => quote! { u64 },
        Type::ErrorName | Type::SignalName | Type::SyscallName => quote! { i32 },
        Type::UserName | Type::ProbeName | Type::Parameter => quote! { u32 },
        Type::Tuple(items) => {
            let items = items.iter().map(rust_type);
            quote! { (#(#items,)*) }
        }
        _ => quote! { Vec<u8> },
    }
}

/// An expression that reads a value from the bytes that `bytes` gives.
fn read_value(program: &Program, ty: &Type, bytes: &TokenStream) -> TokenStream {
    if let Type::Tuple(items) = ty {
        let (offsets, _, _) = tuple_layout(items.iter(), &program.structs);
        let items = items.iter().zip(offsets).map(|(item, offset)| {
            let offset = Literal::usize_unsuffixed(offset as usize);
            let size = Literal::usize_unsuffixed(item.layout(&program.structs).0 as usize);
            read_value(program, item, &quote! { read::part(#bytes, #offset, #size) })
        });
        return quote! { (#(#items,)*) };
    }
    let ty = rust_type(ty);
    quote! { <#ty as read::Value>::read(#bytes) }
}
