//! What there is to probe on the running system.

pub mod archive;
pub mod bpf;
pub mod demangle;
pub mod elf;
pub mod expand;
pub mod glob;
pub mod instruction;
pub mod kernel;
pub mod late;
pub mod libraries;
pub mod lines;
pub mod missing;
pub mod tracefs;
pub mod user;
