//! Arbitrary text is compiled or refused; it never panics.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tracewright_compiler::kernel::{CError, CRequest, CTypes, Description, Host, UserFunction};
use tracewright_compiler::{Options, check, emit};

static KERNEL: LazyLock<Description> = LazyLock::new(Description::bundled);

/// Nothing but the script.
struct Nothing;

impl Host for Nothing {
    fn c_types(&self, _request: &CRequest) -> Result<CTypes, Vec<CError>> {
        Ok(CTypes::default())
    }

    fn read(&self, _path: &str) -> Result<String, String> {
        Err("there are no files".to_string())
    }

    fn list(&self, _path: &str) -> Result<Option<Vec<String>>, String> {
        Ok(None)
    }

    fn user_function(&self, _path: &str, _symbol: &str) -> Option<UserFunction> {
        None
    }

    fn user_symbols(&self, _path: &str, _pattern: &str) -> Vec<String> {
        Vec::new()
    }
}

fuzz_target!(|text: &str| {
    let options = Options { name: "x".to_string(), ..Options::default() };
    let compilation = check("x.bt", text, &options, &*KERNEL, &Nothing);
    compilation.program.map(|program| emit::emit(&program));
});
