//! [`Program`] → Rust: `main.rs` and the expansion of `bt!`.

use crate::emit::c::EmittedC;
use crate::program::Program;

/// `src/main.rs` of a tool, formatted.
pub fn main_rs(_program: &Program, _c: &EmittedC) -> String {
    String::new()
}
