//! The tables that `main.rs` gives to the runtime.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{format_ident, quote};

use super::programs::text;
use super::{actions, header, programs, types};
use crate::emit::c::{EmittedC, EmittedMap, MAP_FULL, NO_ELEMENT};
use crate::emit::escape;
use crate::program::{
    AttachPoint, LateText, Map, MissingProbes, OptionDefault, Program, Setting, SettingSource, TextPiece, UserLocation,
};
use crate::source::Span;

/// All tables, `TOOL` first.
pub fn all(program: &Program, c: &EmittedC, source: &TokenStream) -> Vec<TokenStream> {
    let mut tables = programs::programs(program);
    tables.extend(maps(program, c));
    tables.extend(actions::actions(program, c));
    let used: String = tables.iter().map(ToString::to_string).collect();
    let mut items = vec![tool(program, c, source, &parts(program, c, &used))];
    items.extend(tables);
    items.extend(enums(program, &used));
    items
}

/// The script's text as a literal that reads as the script does.
pub fn source_literal(program: &Program) -> TokenStream {
    let text = program.sources.iter().next().map_or("", |source| source.text.as_str());
    let mut hashes = String::from("#");
    while text.contains(&format!("\"{hashes}")) {
        hashes.push('#');
    }
    // A raw literal cannot hold a lone carriage return, and is to hold nothing that changes how the rest is read.
    let is_plain = text.chars().all(|c| matches!(c, '\n' | '\t') || !escape::is_unseen(c));
    match format!("r{hashes}\"{text}\"{hashes}").parse::<Literal>() {
        Ok(literal) if is_plain => quote! { #literal },
        _ => quote! { #text },
    }
}

/// The parts of the runtime that the tool needs; `used` is the text of its tables.
fn parts(program: &Program, c: &EmittedC, used: &str) -> TokenStream {
    let targets = || program.programs.iter().flat_map(|program| &program.targets);
    // What a format of the command line shows is known only then.
    let is_late = program.settings.iter().any(|setting| matches!(setting.source, SettingSource::SpecCount(_)));
    let shows_symbols = ["UserSymbol", "UserStack", "UserFunction"].iter().any(|ty| used.contains(ty));
    let has_lines =
        targets().any(|target| matches!(target.point, AttachPoint::User { location: UserLocation::Source { .. }, .. }));
    let has_cpp = targets().any(|target| matches!(target.point, AttachPoint::User { cpp: true, .. }));
    let unwinds = c.headers.iter().any(|(name, _)| name == "unwind.bpf.h");
    let parts = [
        (is_late || shows_symbols, quote! { user_symbols: Some(parts::USER_SYMBOLS) }),
        (has_lines, quote! { source_lines: Some(parts::SOURCE_LINES) }),
        (has_cpp, quote! { cpp_names: Some(parts::CPP_NAMES) }),
        (unwinds, quote! { unwinder: Some(parts::UNWINDER) }),
    ];
    let all = parts.iter().all(|(is_needed, _)| *is_needed);
    let needed: Vec<&TokenStream> = parts.iter().filter(|(is_needed, _)| *is_needed).map(|(_, part)| part).collect();
    match (needed.is_empty(), all) {
        (true, _) => quote! { Parts::NONE },
        (false, true) => quote! { Parts { #(#needed),* } },
        (false, false) => quote! { Parts { #(#needed,)* ..Parts::NONE } },
    }
}

fn tool(program: &Program, c: &EmittedC, source: &TokenStream, parts: &TokenStream) -> TokenStream {
    let name = &program.name;
    let (about, description) = header(&program.header);
    let script = program.sources.iter().next().map_or("", |source| source.name.as_str());
    let options = program.settings.iter().filter_map(option);
    let settings = program.settings.iter().filter_map(|setting| other_setting(program, setting));
    let params = highest_param(program);
    let programs = program.programs.iter().map(|p| programs::constant(&p.name));
    let maps = (0..program.maps.len()).map(|n| map_constant(program, n));
    let actions = c.actions.iter().map(actions::constant);
    let strings = &program.strings;
    let checks = c.checks.iter().map(|check| {
        let (helper, message, always) = (&check.helper, &check.message, check.always);
        let mut place = program.sources.place(check.span);
        for &used in program.trails.get(&check.span).into_iter().flatten() {
            place = place + "\n" + &program.sources.place(used);
        }
        let (from, to) = ends(program, check.span);
        let (line, first, last) = (from.0, from.1, to.1);
        let message = match message.as_str() {
            MAP_FULL => quote! { FULL_MAP },
            NO_ELEMENT => quote! { MISSING_ELEMENT },
            message => quote! { #message },
        };
        quote! {
            Check {
                helper: #helper, place: #place, line: #line, columns: (#first, #last), always: #always,
                message: #message,
            }
        }
    });
    let losses = c.losses.iter().map(|(what, hint)| quote! { Loss { what: #what, hint: #hint } });
    let config = config(program);
    let is_unsafe = program.is_unsafe;
    quote! {
        /// What this tool is, for the runtime.
        pub static TOOL: Tool = Tool {
            name: #name,
            version: env!("CARGO_PKG_VERSION"),
            about: #about,
            description: #description,
            script: #script,
            source: #source,
            options: &[#(#options),*],
            params: #params,
            programs: &[#(#programs),*],
            maps: &[#(#maps),*],
            actions: &[#(#actions),*],
            strings: &[#(#strings),*],
            settings: &[#(#settings),*],
            checks: &[#(#checks),*],
            losses: &[#(#losses),*],
            config: #config,
            is_unsafe: #is_unsafe,
            capabilities: &[],
            parts: #parts,
        };
    }
}

fn map_constant(program: &Program, index: usize) -> Ident {
    let name = clean(&program.maps[index].name);
    if name.is_empty() { format_ident!("MAP") } else { format_ident!("MAP_{name}") }
}

/// An identifier's capital letters. Distinct names that differ in case alone keep their case.
fn clean(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect::<String>()
}

/// The script's line, as documentation.
pub fn script_line(program: &Program, span: Span) -> TokenStream {
    let text = program.sources.text(span);
    let line = text.lines().next().unwrap_or("").trim();
    if line.is_empty() {
        return TokenStream::new();
    }
    let more = if text.lines().nth(1).is_some() { " …" } else { "" };
    let text = format!(" `{}`{more}", escape::line_comment(line).replace('`', "'"));
    quote! { #[doc = #text] }
}

/// Line and column of both ends, from 1.
pub fn ends(program: &Program, span: Span) -> ((u32, u32), (u32, u32)) {
    let from = program.sources.line_col(span.file, span.start);
    let to = program.sources.line_col(span.file, span.end);
    ((from.line as u32, from.col as u32), (to.line as u32, to.col as u32))
}

fn maps(program: &Program, c: &EmittedC) -> Vec<TokenStream> {
    program
        .maps
        .iter()
        .zip(&c.maps)
        .enumerate()
        .map(|(n, (map, emitted))| self::map(program, n, map, emitted))
        .collect()
}

fn map(program: &Program, index: usize, map: &Map, emitted: &EmittedMap) -> TokenStream {
    let constant = map_constant(program, index);
    let (name, bpf_name, key_size) = (format!("@{}", map.name), &emitted.bpf_name, emitted.key_size as usize);
    let key = match &map.key {
        Some(key) => {
            let key = types::ty(program, key);
            quote! { Some(#key) }
        }
        None => quote! { None },
    };
    let value = types::value(program, &map.value);
    let per_cpu = emitted.per_cpu;
    let storage = if emitted.array {
        let set_offset = match emitted.set_offset {
            Some(offset) => {
                let offset = offset as usize;
                quote! { Some(#offset) }
            }
            None => quote! { None },
        };
        quote! { Storage::Array { set_offset: #set_offset, per_cpu: #per_cpu } }
    } else {
        quote! { Storage::Hash { per_cpu: #per_cpu } }
    };
    let default_size = map.max_entries.is_none();
    let line = script_line(program, map.span);
    // Two maps may differ in case alone.
    let case = if map.name.chars().any(char::is_lowercase) {
        quote! { #[allow(non_upper_case_globals)] }
    } else {
        TokenStream::new()
    };
    quote! {
        #line
        #case
        const #constant: Map = Map {
            name: #name,
            bpf_name: #bpf_name,
            key: #key,
            key_size: #key_size,
            value: #value,
            storage: #storage,
            default_size: #default_size,
        };
    }
}

/// Names of the enumerators of enums that are printed: `used` is what refers to the tables.
fn enums(program: &Program, used: &str) -> Vec<TokenStream> {
    let table = |(name, values): &(String, Vec<(String, i64)>)| {
        let constant = types::enum_table(program, name);
        let rows = values.iter().map(|(enumerator, value)| quote! { (#value, #enumerator) });
        let doc = format!(" Names of `enum {name}`.");
        quote! {
            #[doc = #doc]
            const #constant: &[(i64, &str)] = &[#(#rows),*];
        }
    };
    let is_used = |(name, _): &&(String, Vec<(String, i64)>)| {
        let constant = types::enum_table(program, name).to_string();
        used.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == constant)
    };
    program.enums.iter().filter(is_used).map(table).collect()
}

fn option(setting: &Setting) -> Option<TokenStream> {
    let SettingSource::Option { name, short, default, help } = &setting.source else { return None };
    let variable = &setting.name;
    let help = help.as_deref().unwrap_or("");
    let default = match default {
        OptionDefault::Bool(value) => quote! { OptionDefault::Bool(#value) },
        OptionDefault::Int(value) => quote! { OptionDefault::Int(#value) },
        OptionDefault::Str(value) => quote! { OptionDefault::Str(#value) },
    };
    let name = short.map_or_else(|| name.clone(), |letter| format!("{name}|{letter}"));
    Some(quote! { ToolOption { name: #name, default: #default, help: #help, variable: #variable } })
}

fn other_setting(program: &Program, setting: &Setting) -> Option<TokenStream> {
    let source = match &setting.source {
        SettingSource::Option { .. } => return None,
        SettingSource::ParamNumber(n) => quote! { ParamNumber(#n) },
        SettingSource::ParamString(n) => quote! { ParamString(#n) },
        SettingSource::ParamAny(n) => quote! { ParamAny(#n) },
        SettingSource::ParamCount => quote! { ParamCount },
        SettingSource::Repetitions(n) => quote! { Repetitions(#n) },
        SettingSource::KernelAddress(symbol) => {
            let symbol = text(symbol);
            quote! { KernelAddress(#symbol) }
        }
        SettingSource::HasKernelSymbol(symbol) => {
            let symbol = text(symbol);
            quote! { HasKernelSymbol(#symbol) }
        }
        SettingSource::UserAddress { path, symbol } => {
            let (path, symbol) = (text(path), text(symbol));
            quote! { UserAddress { path: #path, symbol: #symbol } }
        }
        SettingSource::ProbeIndex(name) => quote! { ProbeIndex(#name) },
        SettingSource::CgroupId(path) => {
            let path = text(path);
            quote! { CgroupId(#path) }
        }
        SettingSource::SpecCount(n) => quote! { SpecCount(#n) },
        SettingSource::CpuCount => quote! { CpuCount },
        SettingSource::ChildPid => quote! { ChildPid },
        SettingSource::HasChildPid => quote! { HasChildPid },
    };
    let variable = &setting.name;
    let size = setting.ty.layout(&program.structs).0 as usize;
    let place = program.sources.place(setting.span);
    Some(quote! { Setting { variable: #variable, size: #size, source: SettingSource::#source, place: #place } })
}

/// Highest `$n` that the script names.
fn highest_param(program: &Program) -> u32 {
    let of_text = |text: &LateText| {
        text.iter().filter_map(|piece| if let TextPiece::Param(n) = piece { Some(*n) } else { None }).max()
    };
    let settings = program.settings.iter().filter_map(|setting| match &setting.source {
        SettingSource::ParamNumber(n) | SettingSource::ParamString(n) | SettingSource::ParamAny(n) => Some(*n),
        SettingSource::KernelAddress(name) | SettingSource::HasKernelSymbol(name) | SettingSource::CgroupId(name) => {
            of_text(name)
        }
        SettingSource::UserAddress { symbol, .. } => of_text(symbol),
        _ => None,
    });
    let targets = program.programs.iter().flat_map(|p| &p.targets).filter_map(|target| match &target.point {
        AttachPoint::Late { text, .. } => of_text(text),
        _ => of_text(&target.display),
    });
    settings.chain(targets).max().unwrap_or(0)
}

fn config(program: &Program) -> TokenStream {
    let config = &program.config;
    let (strlen, keys, cat) = (config.max_strlen, config.max_map_keys, config.max_cat_bytes);
    let (probes, programs) = (config.max_probes, config.max_bpf_progs);
    let (pages, log) = (config.perf_rb_pages.unwrap_or(0), config.log_size);
    let missing = format_ident!(
        "{}",
        match config.missing_probes {
            MissingProbes::Error => "Error",
            MissingProbes::Warn => "Warn",
            MissingProbes::Ignore => "Ignore",
        }
    );
    let (maps, trailer, demangle) = (config.print_maps_on_exit, &config.str_trunc_trailer, config.cpp_demangle);
    let (lazy, debug) = (config.lazy_symbolication, config.show_debug_info);
    let cache = config.cache_user_symbols.as_deref().unwrap_or("");
    quote! {
        Config {
            max_strlen: #strlen,
            max_map_keys: #keys,
            max_probes: #probes,
            max_bpf_progs: #programs,
            max_cat_bytes: #cat,
            perf_rb_pages: #pages,
            log_size: #log,
            missing_probes: MissingProbes::#missing,
            print_maps_on_exit: #maps,
            str_trunc_trailer: #trailer,
            cpp_demangle: #demangle,
            lazy_symbolication: #lazy,
            show_debug_info: #debug,
            cache_user_symbols: #cache,
        }
    }
}
