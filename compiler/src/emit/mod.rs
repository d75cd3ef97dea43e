//! [`Program`] → text: BPF C, Rust, manifests.

pub mod c;
pub mod escape;
pub mod rust;

pub use rust::{CrateOptions, Dependency, ModuleOptions, crate_files, module};

use crate::program::Program;

/// The texts of one tool.
#[derive(Clone, Debug)]
pub struct GeneratedTool {
    /// Crate and binary name: `opensnoop`.
    pub name: String,
    /// First line of the script's header comment; empty when it has none.
    pub about: String,
    /// `src/bpf/<name>.bpf.c`
    pub bpf_c: String,
    /// `src/main.rs`, formatted. Includes the skeleton as `concat!(env!("OUT_DIR"), "/<name>.skel.rs")`.
    pub main_rs: String,
    /// Support headers that the C includes: file name and text (`tracewright.bpf.h`).
    pub headers: Vec<(String, String)>,
}

/// Writes a program out.
pub fn emit(program: &Program) -> GeneratedTool {
    let c = c::emit(program);
    let main_rs = rust::main_rs(program, &c);
    with_rust(program, c, main_rs)
}

fn with_rust(program: &Program, c: c::EmittedC, main_rs: String) -> GeneratedTool {
    let mut headers = c.headers;
    // The build links what is called so to the programs.
    let library = |file: &str| format!("{}.{}.lib.bpf.c", program.name, file.trim_end_matches(".bpf.c"));
    headers.extend(program.libraries.iter().map(|(file, text)| (library(file), text.clone())));
    let about = rust::header(&program.header).0.lines().next().unwrap_or_default().to_owned();
    GeneratedTool { name: program.name.clone(), about, bpf_c: c.text, main_rs, headers }
}
