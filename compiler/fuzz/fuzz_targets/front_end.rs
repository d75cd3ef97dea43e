//! Arbitrary text is compiled or refused; it never panics.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tracewright_compiler::kernel::{Description, NoHost};
use tracewright_compiler::{Options, check, emit};

static KERNEL: LazyLock<Description> = LazyLock::new(Description::bundled);

fuzz_target!(|text: &str| {
    let options = Options { name: "x".to_string(), ..Options::default() };
    let compilation = check("x.bt", text, &options, &*KERNEL, &NoHost);
    compilation.program.map(|program| emit::emit(&program));
});
