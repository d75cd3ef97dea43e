//! The expansion of `bt!`: a module that runs the script inside another program.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::{assertions, skeleton_name, tables};
use crate::emit::c::EmittedC;
use crate::program::Program;

/// Where the expansion finds what was made beside it.
#[derive(Clone, Debug)]
pub struct ModuleOptions {
    /// Absolute path of the skeleton.
    pub skeleton: String,
    /// Absolute path of the script, so that a change of it rebuilds; none for a script in the macro itself.
    pub script: Option<String>,
}

/// A module called after the script: `opensnoop::run()`, `opensnoop::run_for(…)`, `opensnoop::TOOL`.
pub fn module(program: &Program, c: &EmittedC, options: &ModuleOptions) -> TokenStream {
    let name = format_ident!("{}", program.name);
    let builder = format_ident!("{}SkelBuilder", skeleton_name(&program.name));
    let skeleton = &options.skeleton;
    let source = tables::source_literal(program);
    let tables = tables::all(program, c, &source);
    let assertions = assertions(c);
    let tracked = options.script.as_ref().map(|path| quote! { const _: &[u8] = include_bytes!(#path); });
    quote! {
        #[allow(dead_code, non_upper_case_globals)]
        mod #name {
            use std::mem::MaybeUninit;
            use std::time::Duration;
            use ::tracewright::libbpf_rs::skel::{OpenSkel, Skel, SkelBuilder};
            use ::tracewright::tool::*;
            use ::tracewright::{Result, Session};

            #tracked

            #[allow(clippy::all, unused_imports, unused_qualifications)]
            mod skeleton {
                use ::tracewright::libbpf_rs;
                include!(#skeleton);
            }

            /// Traces until the script ends or a signal comes; the exit status of the script.
            pub fn run() -> Result<u8> {
                Session::embedded(&TOOL)?.run(trace)
            }

            /// Traces for a time.
            pub fn run_for(time: Duration) -> Result<u8> {
                let mut session = Session::embedded(&TOOL)?;
                session.limit(time);
                session.run(trace)
            }

            fn trace(session: &mut Session) -> Result<()> {
                let mut object = MaybeUninit::uninit();
                let mut open = skeleton::#builder::default().open(&mut object)?;
                session.configure(open.open_object_mut())?;
                let loaded = session.load(open)?;
                session.attach(loaded.object())?;
                session.poll(loaded.object())?;
                session.finish(loaded.object())
            }

            #(#tables)*
            #(#assertions)*
        }
    }
}
