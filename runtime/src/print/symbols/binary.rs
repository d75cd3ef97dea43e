//! Symbols of binaries, by blazesym; names of C++ and Rust as they are written there.

use super::{At, Frame, SymbolizeBinary};
use blazesym::symbolize::source::{Elf, Source};
use blazesym::symbolize::{Input, Sym, Symbolized, Symbolizer};
use std::path::Path;

/// Reads symbol tables, and DWARF where lines are wanted.
struct Binaries {
    symbolizer: Symbolizer,
    demangle: bool,
}

/// What `parts::USER_SYMBOLS` links.
pub fn open(demangle: bool, debug_info: bool) -> Box<dyn SymbolizeBinary> {
    let symbolizer = Symbolizer::builder()
        .enable_demangling(false)
        .enable_code_info(debug_info)
        .enable_inlined_fns(debug_info)
        .enable_auto_reload(false)
        .build();
    Box::new(Binaries { symbolizer, demangle })
}

impl SymbolizeBinary for Binaries {
    fn frames(&self, path: &Path, at: At) -> Vec<Frame> {
        let (input, must_fit) = match at {
            At::Offset(offset) => (Input::FileOffset(offset), false),
            At::Address(address) => (Input::VirtOffset(address), true),
        };
        let symbolize = |debug_syms| {
            let source = Source::Elf(Elf { debug_syms, ..Elf::new(path) });
            self.symbolizer.symbolize_single(&source, input)
        };
        // Debug information that cannot be read, as that of another compression, is no reason to know nothing.
        match symbolize(true).or_else(|_| symbolize(false)) {
            Ok(Symbolized::Sym(symbol)) if must_fit && symbol.size.is_none_or(|size| symbol.offset >= size) => {
                Vec::new()
            }
            Ok(Symbolized::Sym(symbol)) => frames(&symbol, self.demangle),
            _ => Vec::new(),
        }
    }
}

fn frames(symbol: &Sym, demangle: bool) -> Vec<Frame> {
    let named = |name: &str| if demangle { demangled(name) } else { name.into() };
    let place = |info: Option<&blazesym::symbolize::CodeInfo>| {
        info.map(|info| match info.line {
            Some(line) => format!("{}:{line}", info.to_path().display()).into(),
            None => info.to_path().display().to_string().into(),
        })
    };
    let offset = symbol.offset as u64;
    let mut frames: Vec<Frame> = Vec::with_capacity(1 + symbol.inlined.len());
    let inlined = symbol.inlined.iter().rev();
    frames.extend(inlined.map(|inlined| Frame {
        name: named(&inlined.name),
        offset,
        place: place(inlined.code_info.as_ref()),
        is_inlined: true,
    }));
    let name = named(&symbol.name);
    frames.push(Frame { name, offset, place: place(symbol.code_info.as_deref()), is_inlined: false });
    frames
}

/// Names of Rust without their hash, of C++ with their parameters. `f` is a mangled type, but the name of a C function.
fn demangled(name: &str) -> Box<str> {
    if let Ok(rust) = rustc_demangle::try_demangle(name) {
        return format!("{rust:#}").into();
    }
    let cpp = name.starts_with("_Z").then(|| cpp_demangle::Symbol::new(name).ok()?.demangle().ok());
    cpp.flatten().map_or_else(|| name.into(), Into::into)
}

#[cfg(test)]
mod tests {
    use super::demangled;

    #[test]
    fn only_mangled_names_are_demangled() {
        assert_eq!(&*demangled("f"), "f");
        assert_eq!(&*demangled("_ZN2ns1A2goEiPKc"), "ns::A::go(int, char const*)");
        assert_eq!(&*demangled("_ZN4core3fmt5write17h0123456789abcdefE"), "core::fmt::write");
    }
}
