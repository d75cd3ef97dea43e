//! `bt!`: bpftrace scripts inside Rust programs.

mod expand;

/// A script as a module of this program, with `run()` and `run_for(Duration)`.
///
/// ```text
/// bt! { "interval:s:1 { print(1) }" }              mod script
/// bt! { name = opens, "…" }                        mod opens
/// bt!(path = "probe.bt")                           mod probe; beside this source file, or in the crate's directory
/// bt!(path = "probe.bt", name = p, unsafe = true)  system() and the like allowed
/// ```
#[proc_macro]
pub fn bt(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let source_file = proc_macro::Span::call_site().local_file();
    expand::expand(input.into(), &expand::Place::of_this_process(source_file)).into()
}
