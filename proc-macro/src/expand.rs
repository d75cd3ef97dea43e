//! The macro's argument → the module, or `compile_error!`.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::Hasher;
use std::path::{Path, PathBuf};

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Ident, LitBool, LitStr, Token};
use tracewright_build::{HostEnv, KernelSource};
use tracewright_compiler::diagnostics::Severity;
use tracewright_compiler::emit::{self, ModuleOptions};
use tracewright_compiler::{Compilation, Options};

/// Where the macro is used, and where it may write.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// The Rust file.
    pub source_file: Option<PathBuf>,
    /// Directory of the crate's Cargo.toml.
    pub manifest_dir: PathBuf,
    /// Where skeletons go.
    pub out_dir: PathBuf,
}

impl Place {
    /// As cargo and rustc tell this process.
    pub fn of_this_process(source_file: Option<PathBuf>) -> Place {
        let manifest_dir = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default();
        Place { source_file, manifest_dir, out_dir: out_dir() }
    }
}

/// `OUT_DIR` is set only for crates with a build script. What rustc writes goes to cargo's target directory in any
/// case, and the skeleton beside it; an editor's macro server has neither.
fn out_dir() -> PathBuf {
    if let Some(dir) = std::env::var_os("OUT_DIR") {
        return dir.into();
    }
    let mut args = std::env::args_os();
    let of_rustc = args.find(|arg| arg == "--out-dir").and_then(|_| args.next());
    // Cargo starts rustc in the workspace, but a relative path is good for `include!` only from the source file.
    let absolute = of_rustc.and_then(|dir| std::path::absolute(PathBuf::from(dir)).ok());
    match absolute {
        Some(deps) => deps.with_file_name("tracewright-skeletons"),
        None => std::env::temp_dir().join("tracewright-skeletons"),
    }
}

/// What is between the parentheses.
struct Argument {
    source: Source,
    name: Option<Ident>,
    allow_unsafe: bool,
}

enum Source {
    Text(LitStr),
    Path(LitStr),
}

impl Parse for Argument {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let (mut source, mut name, mut allow_unsafe) = (None, None, false);
        while !input.is_empty() {
            if input.peek(LitStr) {
                source = Some(Source::Text(input.parse()?));
            } else {
                let key = Ident::parse_any(input)?;
                input.parse::<Token![=]>()?;
                match key.to_string().as_str() {
                    "path" => source = Some(Source::Path(input.parse()?)),
                    "name" => name = Some(input.parse()?),
                    "unsafe" => allow_unsafe = input.parse::<LitBool>()?.value,
                    _ => return Err(syn::Error::new(key.span(), "expected a script, `path`, `name` or `unsafe`")),
                }
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        let source = source.ok_or_else(|| input.error("expected a script in quotes, or `path = \"script.bt\"`"))?;
        Ok(Argument { source, name, allow_unsafe })
    }
}

/// A script, read.
struct Script {
    /// What messages call it.
    display: String,
    /// Of the module.
    name: String,
    dir: PathBuf,
    text: String,
    /// So that a change rebuilds.
    path: Option<PathBuf>,
    /// Where errors are shown.
    span: Span,
}

/// The expansion of `bt!`.
pub fn expand(input: TokenStream, place: &Place) -> TokenStream {
    match syn::parse2::<Argument>(input).and_then(|argument| expand_argument(&argument, place)) {
        Ok(tokens) => tokens,
        Err(error) => error.into_compile_error(),
    }
}

fn expand_argument(argument: &Argument, place: &Place) -> syn::Result<TokenStream> {
    let script = read(argument, place)?;
    let refuse = |text: String| syn::Error::new(script.span, text);
    let kernel = KernelSource::Bundled.load().map_err(|error| refuse(format!("{error}")))?;
    let options = Options {
        name: script.name.clone(),
        allow_unsafe: argument.allow_unsafe,
        typed_events: true,
        script_dir: script.dir.display().to_string(),
        ..Options::default()
    };
    let host = HostEnv::default();
    // Macros are expanded on a thread of rustc's with a stack that is none too large.
    let compilation = std::thread::scope(|scope| {
        let check = || tracewright_compiler::check(&script.display, &script.text, &options, &kernel, &host);
        let thread = std::thread::Builder::new().stack_size(64 << 20).spawn_scoped(scope, check);
        thread
            .map_err(|error| refuse(format!("cannot start a thread: {error}")))?
            .join()
            .map_err(|_| refuse(format!("{}: the compiler panicked; this is a bug in tracewright", script.display)))
    })?;
    let Some(program) = &compilation.program else { return Ok(compile_errors(&compilation, script.span, &script)) };

    let tool = emit::emit(program);
    let dir = place.out_dir.join(key(&tool));
    let skeleton = dir.join(format!("{}.skel.rs", tool.name));
    compile(&tool, &dir, &skeleton).map_err(|error| {
        let what = match error.downcast_ref::<std::io::Error>() {
            Some(_) => format!("cannot write to {}", dir.display()),
            None => "the generated C does not compile; this is a bug in tracewright".to_owned(),
        };
        refuse(format!("{}: {what}\n{error}", script.display))
    })?;
    let options = ModuleOptions {
        skeleton: skeleton.display().to_string(),
        script: script.path.as_ref().map(|path| path.display().to_string()),
    };
    Ok(emit::module(program, &emit::c::emit(program), &options))
}

fn read(argument: &Argument, place: &Place) -> syn::Result<Script> {
    let name =
        |default: &str| argument.name.as_ref().map_or_else(|| identifier(default), |name| name.unraw().to_string());
    match &argument.source {
        Source::Text(literal) => Ok(Script {
            display: "script".to_owned(),
            name: name("script"),
            dir: place.manifest_dir.clone(),
            text: literal.value(),
            path: None,
            span: literal.span(),
        }),
        Source::Path(literal) => {
            let given = literal.value();
            let beside = place.source_file.as_deref().and_then(Path::parent).map(|dir| dir.join(&given));
            let in_crate = place.manifest_dir.join(&given);
            let path = beside.filter(|path| path.is_file()).unwrap_or(in_crate);
            let text = fs::read_to_string(&path)
                .map_err(|error| syn::Error::new(literal.span(), format!("cannot read `{given}`: {error}")))?;
            let path = std::path::absolute(&path).unwrap_or(path);
            let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
            let dir = path.parent().map(Path::to_path_buf).unwrap_or_default();
            Ok(Script { display: given, name: name(&stem), dir, text, path: Some(path), span: literal.span() })
        }
    }
}

/// A module name from a file's.
fn identifier(stem: &str) -> String {
    let mut name: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        name.insert_str(0, "script_");
    }
    name
}

/// One `compile_error!` an error, each with the place in the script: there are no spans inside string literals.
fn compile_errors(compilation: &Compilation, span: Span, script: &Script) -> TokenStream {
    let sources = &compilation.sources;
    let mut tokens = TokenStream::new();
    for diagnostic in compilation.diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error) {
        let mut text = match &diagnostic.primary {
            Some(label) => {
                let at = sources.line_col(label.span.file, label.span.start);
                format!("{}:{}:{}: ", sources.get(label.span.file).name, at.line, at.col)
            }
            None => format!("{}: ", script.display),
        };
        text += &format!("{} [{}]", diagnostic.message, diagnostic.code.0);
        if let Some(hint) = &diagnostic.hint {
            text += &format!("\nhint: {hint}");
        }
        tokens.extend(syn::Error::new(span, text).into_compile_error());
    }
    // A file that is refused must be looked at again when it changes.
    if let Some(path) = script.path.as_ref().map(|path| path.display().to_string()) {
        tokens.extend(quote! { const _: &[u8] = include_bytes!(#path); });
    }
    tokens
}

fn key(tool: &emit::GeneratedTool) -> String {
    let mut hasher = DefaultHasher::new();
    for text in [&tool.name, &tool.bpf_c].into_iter().chain(tool.headers.iter().map(|(_, text)| text)) {
        hasher.write(text.as_bytes());
        hasher.write_u8(0xff);
    }
    format!("{:016x}", hasher.finish())
}

fn compile(tool: &emit::GeneratedTool, dir: &Path, skeleton: &Path) -> Result<(), Box<dyn std::error::Error>> {
    if skeleton.exists() {
        return Ok(());
    }
    fs::create_dir_all(dir)?;
    for (name, text) in &tool.headers {
        fs::write(dir.join(name), text)?;
    }
    let source = dir.join(format!("{}.bpf.c", tool.name));
    let object = dir.join(format!("{}.bpf.o", tool.name));
    fs::write(&source, &tool.bpf_c)?;
    tracewright_build::compile_bpf(&source, &object, dir)?;
    // Another rustc may do the same at this moment: the skeleton appears at once, whole.
    let unfinished = dir.join(format!("{}.{}", tool.name, std::process::id()));
    tracewright_build::write_skeleton(&object, &unfinished)?;
    fs::rename(&unfinished, skeleton)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(input: TokenStream) -> String {
        let place = Place { manifest_dir: PathBuf::from("/nonexistent"), ..Place::default() };
        expand(input, &place).to_string()
    }

    #[test]
    fn a_script_must_be_given() {
        assert!(errors(quote! {}).contains("expected a script in quotes"));
        assert!(errors(quote! { file = "a.bt" }).contains("expected a script, `path`"));
    }

    #[test]
    fn a_missing_file_is_named() {
        let text = errors(quote! { path = "probe.bt" });
        assert!(text.contains("compile_error"), "{text}");
        assert!(text.contains("cannot read `probe.bt`"), "{text}");
    }

    #[test]
    fn errors_have_their_place_in_the_script() {
        let text = errors(quote! { "begin { print( }" });
        assert!(text.contains("script:1:"), "{text}");
    }

    #[test]
    fn modules_are_called_after_files() {
        assert_eq!(identifier("tcp-life"), "tcp_life");
        assert_eq!(identifier("9p"), "script_9p");
    }
}
