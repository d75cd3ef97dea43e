//! What a parameter says besides its probe, in the language of BCC's trace and argdist:
//! `'tcp_sendmsg(struct sock *sk, void *msg, size_t size) (size > 64) "%d bytes", size'`.
//!
//! The expressions become steps in rodata, which `spec.bpf.h` follows; the format stays here.

mod expression;
mod split;
mod types;

pub use split::probe;

use libbpf_rs::OpenObject;

use crate::error::{Error, Result};
use crate::find::kernel;
use crate::find::late::{self, Kind};
use crate::rodata::Rodata;
use crate::tool::{Conversion, SettingSource, Tool};
use expression::{Compiled, Scope, Step};
use split::Spec;
use types::{CType, Types};

/// As in `spec.bpf.h`.
pub const VALUES: usize = 6;
const STEPS: usize = 24;
/// So many operands wait for theirs at most (templates/bpf/spec.bpf.h).
const DEPTH: usize = 8;
/// `struct tw_spec_step`
const STEP_BYTES: usize = 16;

/// A format as `printf` wants it, with what each conversion takes.
#[derive(Clone, Debug, Default)]
pub struct SpecFormat {
    pub pieces: Vec<Piece>,
}

/// A piece of a format that was given on the command line.
#[derive(Clone, Debug)]
pub enum Piece {
    Text(String),
    /// Shows a value.
    Value {
        conversion: Conversion,
        value: usize,
        shown: Shown,
    },
}

/// How a value is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    Number,
    Text,
    /// `%K`
    KernelSymbol,
}

/// Which parameter has expressions, if the tool looks at any.
pub fn parameter(tool: &Tool) -> Option<u32> {
    tool.settings.iter().find_map(|setting| match setting.source {
        SettingSource::SpecCount(n) => Some(n),
        _ => None,
    })
}

/// How many values a parameter asks for; a format without any counts as one.
///
/// # Errors
/// What cannot be understood.
pub fn count(text: &str) -> Result<usize> {
    let spec = split::split(text)?;
    Ok(spec.values.len().max(usize::from(spec.format.is_some())))
}

/// The format of a parameter; empty when it has none.
pub fn format(text: &str) -> SpecFormat {
    let Some(format) = split::split(text).ok().and_then(|spec| spec.format) else { return SpecFormat::default() };
    SpecFormat { pieces: pieces(&format) }
}

/// Settles the expressions.
///
/// # Errors
/// What cannot be understood, or is not to be had at this probe.
pub fn write(text: &str, pid: Option<u32>, rodata: &Rodata, object: &mut OpenObject) -> Result<()> {
    let spec = split::split(text)?;
    let has_places =
        spec.format.as_deref().is_some_and(|format| pieces(format).iter().any(|p| matches!(p, Piece::Value { .. })));
    if spec.values.is_empty() && spec.filter.is_none() && !has_places {
        return Ok(());
    }
    let types = Types::of_kernel();
    let scope = scope(&spec, &types, pid)?;
    let texts = texts(&spec, &types)?;
    let mut steps = vec![0u8; (VALUES + 1) * STEPS * STEP_BYTES];
    let mut is_text = [0u32; VALUES];
    let mut wants_entry = false;
    for (index, value) in spec.values.iter().enumerate() {
        let compiled = expression::compile(value, &scope)?;
        is_text[index] = u32::from(texts[index]);
        wants_entry |= compiled.wants_entry;
        put(&mut steps, index, &cast(compiled, spec.types.get(index).copied(), &types)?);
    }
    if let Some(filter) = spec.filter {
        let compiled = expression::compile(filter, &scope)?;
        wants_entry |= compiled.wants_entry;
        put(&mut steps, VALUES, &compiled.steps);
    }
    rodata.set(object, "tw_spec", &steps)?;
    rodata.set(object, "tw_spec_text", &is_text.map(u32::to_ne_bytes).concat())?;
    rodata.set_number(object, "tw_spec_wants_entry", u64::from(wants_entry))
}

fn put(steps: &mut [u8], which: usize, of: &[Step]) {
    for (at, step) in of.iter().enumerate() {
        let start = (which * STEPS + at) * STEP_BYTES;
        steps[start..start + 4].copy_from_slice(&(step.operation as u32).to_ne_bytes());
        steps[start + 4..start + 8].copy_from_slice(&step.size.to_ne_bytes());
        steps[start + 8..start + 16].copy_from_slice(&step.number.to_ne_bytes());
    }
}

/// argdist's types say how wide a value is.
fn cast(compiled: Compiled, ty: Option<&str>, types: &Types) -> Result<Vec<Step>> {
    let mut steps = compiled.steps;
    if let Some(ty) = ty.filter(|ty| !ty.is_empty()) {
        let operation = expression::Operation::Cast;
        steps.push(Step { operation, size: types.named(ty)?.width(), number: 0 });
    }
    if steps.len() >= STEPS { Err(split::refuse("an expression is too long")) } else { Ok(steps) }
}

/// Which values are strings: by the conversions, or by the types.
fn texts(spec: &Spec<'_>, types: &Types) -> Result<Vec<bool>> {
    if spec.values.len() > VALUES {
        return Err(split::refuse(&format!("at most {VALUES} values can be shown")));
    }
    if let Some(format) = &spec.format {
        let shown: Vec<bool> = pieces(format)
            .iter()
            .filter_map(|piece| match piece {
                Piece::Value { shown, .. } => Some(*shown == Shown::Text),
                Piece::Text(_) => None,
            })
            .collect();
        if shown.len() != spec.values.len() {
            let (wanted, given) = (shown.len(), spec.values.len());
            return Err(split::refuse(&format!("the format has {wanted} conversions for {given} values")));
        }
        return Ok(shown);
    }
    let is_text = |ty: &&str| matches!(types.named(ty), Ok(CType::Pointer(to)) if matches!(*to, CType::Int(-1 | 1)));
    let mut texts: Vec<bool> = spec.types.iter().map(is_text).collect();
    texts.resize(spec.values.len(), false);
    Ok(texts)
}

fn scope<'a>(spec: &Spec<'_>, types: &'a Types, pid: Option<u32>) -> Result<Scope<'a>> {
    let kind = late::kind(spec.probe, pid)?;
    let mut scope = Scope {
        types,
        parameters: Vec::new(),
        // Nobody knows how wide it is.
        result: CType::Int(0),
        fields: Vec::new(),
        registers: None,
        has_arguments: false,
        has_result: false,
    };
    match &kind {
        Kind::Function { kernel, returns } => {
            if let Some((parameters, result)) = kernel.as_deref().and_then(|name| types.function(name)) {
                scope.parameters = parameters;
                scope.result = if result == CType::Void { CType::LONG } else { result };
            }
            if let Some(name) = kernel
                && is_of_system_call(name)
            {
                (scope.registers, scope.parameters) = (Some(registers(types)?), Vec::new());
            }
            (scope.has_arguments, scope.has_result) = (!returns, *returns);
        }
        Kind::Tracepoint { category, event } => {
            scope.fields = types::fields(category, event).unwrap_or_default();
            if scope.fields.is_empty() {
                return Err(Error::refused(format!("no fields of tracepoint {category}:{event} to be found")));
            }
        }
        Kind::Usdt => scope.has_arguments = true,
        Kind::Other => {}
    }
    if let Some(signature) = spec.signature.filter(|signature| !signature.is_empty()) {
        scope.parameters = types.parameters(signature)?;
    }
    Ok(scope)
}

/// Functions of system calls get the caller's registers.
fn is_of_system_call(function: &str) -> bool {
    ["__x64_sys_", "__arm64_sys_"].iter().any(|prefix| function.starts_with(prefix))
}

/// Where `struct pt_regs` has the arguments of a system call.
fn registers(types: &Types) -> Result<[i64; 6]> {
    let CType::Struct(id) = types.named("struct pt_regs")? else { return Err(split::refuse("no struct pt_regs")) };
    if let Some((_, offset)) = types.member(id, "regs") {
        return Ok([0, 1, 2, 3, 4, 5].map(|n| offset + 8 * n));
    }
    let mut found = [0; 6];
    for (place, name) in found.iter_mut().zip(["di", "si", "dx", "r10", "r8", "r9"]) {
        *place = types.member(id, name).ok_or_else(|| split::refuse("unknown registers"))?.1;
    }
    Ok(found)
}

/// The kernel's name of a function that is given as a system call's: `sys_read`.
pub fn system_call_function(name: &str) -> Option<String> {
    let call = name.strip_prefix("sys_")?;
    ["__x64_sys_", "__arm64_sys_"]
        .iter()
        .map(|prefix| format!("{prefix}{call}"))
        .find(|function| kernel::function_exists(None, function))
}

/// Takes a format apart.
fn pieces(format: &str) -> Vec<Piece> {
    let (mut found, mut text, mut value) = (Vec::new(), String::new(), 0);
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        text.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(behind) = rest.strip_prefix('%') {
            text.push('%');
            rest = behind;
            continue;
        }
        let Some((conversion, shown, used)) = conversion(rest) else {
            text.push('%');
            continue;
        };
        if !text.is_empty() {
            found.push(Piece::Text(std::mem::take(&mut text)));
        }
        found.push(Piece::Value { conversion, value, shown });
        value += 1;
        rest = &rest[used..];
    }
    text.push_str(rest);
    if !text.is_empty() {
        found.push(Piece::Text(text));
    }
    found
}

/// A conversion behind its `%`, and how long it is.
fn conversion(text: &str) -> Option<(Conversion, Shown, usize)> {
    let mut out = Conversion::new(b'd');
    let flags = text.len() - text.trim_start_matches(['-', '0', '+', ' ', '#']).len();
    for flag in text[..flags].bytes() {
        match flag {
            b'-' => out.left = true,
            b'0' => out.zero = true,
            b'+' => out.plus = true,
            b' ' => out.space = true,
            _ => out.alternate = true,
        }
    }
    let mut rest = &text[flags..];
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    out.width = rest[..digits].parse().unwrap_or(0);
    rest = &rest[digits..];
    for (length, bytes) in [("hh", 1), ("ll", 8), ("h", 2), ("l", 8), ("z", 8)] {
        if let Some(behind) = rest.strip_prefix(length) {
            (out.length, rest) = (bytes, behind);
            break;
        }
    }
    let letter = rest.bytes().next()?;
    let shown = match letter {
        b'd' | b'i' | b'u' | b'x' | b'X' | b'o' | b'c' | b'p' => Shown::Number,
        b's' => Shown::Text,
        b'K' => Shown::KernelSymbol,
        _ => return None,
    };
    out.conversion = letter;
    Some((out, shown, text.len() - rest.len() + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(format: &str) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Value { conversion, value, .. } => {
                format!("<{}{}{}>", value, conversion.conversion as char, conversion.length)
            }
        };
        pieces(format).iter().map(piece).collect()
    }

    #[test]
    fn formats_are_taken_apart() {
        assert_eq!(shape("read %d bytes"), "read <0d4> bytes");
        assert_eq!(shape("%s: %-8lx 100%%"), "<0s4>: <1x8> 100%");
        assert_eq!(shape("%q"), "%q");
    }

    fn scope(types: &Types) -> Scope<'_> {
        Scope {
            types,
            parameters: types.parameters("int fd, char *path, size_t n").unwrap(),
            result: CType::Int(0),
            fields: Vec::new(),
            registers: None,
            has_arguments: true,
            has_result: false,
        }
    }

    fn steps(text: &str) -> Vec<expression::Operation> {
        let types = Types::of_kernel();
        let compiled = expression::compile(text, &scope(&types)).unwrap();
        compiled.steps.iter().map(|step| step.operation).collect()
    }

    #[test]
    fn expressions_become_steps() {
        use expression::Operation::*;
        assert_eq!(steps("fd"), [Input]);
        assert_eq!(steps("arg3 > 20000"), [Input, Number, LessOrEqual, Not]);
        assert_eq!(steps("n + 2 * 3"), [Input, Number, Number, Multiply, Add]);
        assert_eq!(
            steps("(fd == 1 || fd == 2) && n"),
            [Input, Number, Equal, Input, Number, Equal, Either, Input, Both]
        );
        assert_eq!(steps("path[0] == 'a'"), [Input, Number, Number, Multiply, Add, Load, Number, Equal]);
        assert_eq!(steps("*path"), [Input, Load]);
        assert_eq!(steps("(unsigned char)fd"), [Input, Cast]);
        // "bash" and its NUL are four bytes and one.
        let pieces = [Input, Load, Number, Equal, Input, Load, Number, Equal, Both];
        assert_eq!(steps("STRCMP(\"bash\", path)"), pieces);
        assert_eq!(steps("STRCMP(path, \"bash\")"), pieces);
    }

    #[test]
    fn what_cannot_be_evaluated() {
        let types = Types::of_kernel();
        for text in ["nothing", "fd ->", "retval", "fd fd", "(fd", "arg9", "STRCMP(path)", "\"a\" == path"] {
            assert!(expression::compile(text, &scope(&types)).is_err(), "{text}");
        }
    }
}
