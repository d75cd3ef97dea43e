//! The files of a crate around a tool.

use tera::{Context, Tera};

use super::{header, story_rs, tool_rs};
use crate::emit::{self, escape};
use crate::program::Program;

const MANIFEST: &str = include_str!("../../../../templates/crate/Cargo.toml.tera");
const BUILD_RS: &str = include_str!("../../../../templates/crate/build.rs.tera");

/// How the crate refers to the runtime, and what it is part of.
#[derive(Clone, Debug)]
pub struct CrateOptions {
    /// Where the crate `tracewright` comes from.
    pub runtime: Dependency,
    /// A member of a workspace, which has the profiles.
    pub workspace: bool,
}

/// Where a crate comes from.
#[derive(Clone, Debug)]
pub enum Dependency {
    /// A directory, relative to the crate or absolute.
    Path(String),
    /// A version of the registry.
    Version(String),
    /// `workspace = true`
    Workspace,
}

/// Paths, relative to the crate, and texts of all files but the script, which is to be beside them as `<name>.bt`.
pub fn crate_files(program: &Program, options: &CrateOptions) -> Vec<(String, String)> {
    let c = emit::c::emit(program);
    let (main_rs, tool_rs) = (story_rs(program), tool_rs(program, &c));
    let tool = emit::with_rust(program, c, main_rs);
    let mut context = Context::new();
    let script = program.sources.iter().next().map_or("", |source| source.name.as_str());
    context.insert("script", &escape::line_comment(script));
    context.insert("name", &program.name);
    let about = header(&program.header).0;
    context.insert(
        "about",
        &if about.is_empty() { String::new() } else { toml_string(about.lines().next().unwrap_or("")) },
    );
    // The functions of libbpf's header for USDT end up in the object, with the path of the header.
    context.insert("usdt", &tool.headers.iter().any(|(name, _)| name == "usdt_args.bpf.h"));
    context.insert("runtime", &dependency(&options.runtime));
    let mut files = vec![
        ("Cargo.toml".to_owned(), render(MANIFEST, &context)),
        ("build.rs".to_owned(), render(BUILD_RS, &context)),
        ("src/main.rs".to_owned(), tool.main_rs),
        ("src/tool.rs".to_owned(), tool_rs),
        (format!("src/bpf/{}.bpf.c", tool.name), tool.bpf_c),
    ];
    files.extend(tool.headers.into_iter().map(|(name, text)| (format!("src/bpf/{name}"), text)));
    files
}

fn dependency(dependency: &Dependency) -> String {
    match dependency {
        Dependency::Path(path) => {
            format!("{{ path = {}, default-features = false, features = [\"static\"] }}", toml_string(path))
        }
        Dependency::Version(version) => {
            format!("{{ version = {}, default-features = false, features = [\"static\"] }}", toml_string(version))
        }
        Dependency::Workspace => "{ workspace = true, features = [\"static\"] }".to_owned(),
    }
}

fn toml_string(text: &str) -> String {
    // JSON's escapes are TOML's, which wants one more.
    serde_json::Value::String(text.to_owned()).to_string().replace('\u{7f}', "\\u007f")
}

/// # Panics
/// When a template of ours is wrong.
fn render(template: &str, context: &Context) -> String {
    match Tera::one_off(template, context, false) {
        Ok(text) => text,
        Err(error) => panic!("bug: a template does not render: {error}"),
    }
}
