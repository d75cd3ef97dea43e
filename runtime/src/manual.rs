//! `--generate`: the tool's manual page and shell completions, made from its own tables; for whoever packages it.

use std::fmt::Write;

use crate::error::{Error, Result};
use crate::help::{self, Described};
use crate::tool::Tool;

/// What `--generate` prints.
///
/// # Errors
/// When there is no such kind.
pub fn generate(tool: &Tool, kind: &str) -> Result<String> {
    let name = command_name(tool);
    match kind {
        "man" => Ok(page(tool, &name)),
        "complete-bash" => Ok(bash(tool, &name)),
        "complete-zsh" => Ok(zsh(tool, &name)),
        "complete-fish" => Ok(fish(tool, &name)),
        _ => Err(Error::refused(format!("cannot generate '{kind}'"))
            .hint("there are: man, complete-bash, complete-zsh, complete-fish")),
    }
}

/// As it was called, where that is its name with something before it: packages call it `tw-opensnoop`.
fn command_name(tool: &Tool) -> String {
    let called = std::env::args_os().next().unwrap_or_default();
    let called = std::path::Path::new(&called).file_name().unwrap_or_default().to_string_lossy().into_owned();
    if called.ends_with(tool.name) { called } else { tool.name.to_owned() }
}

fn all_options(tool: &Tool) -> Vec<Described> {
    help::own_options(tool).into_iter().chain(help::common_options(tool)).collect()
}

// ---- Manual page ----

/// A page of section 8, in the macros of man(7).
fn page(tool: &Tool, name: &str) -> String {
    let mut out = String::new();
    let upper = name.to_uppercase();
    let _ = writeln!(out, ".TH {} 8 \"\" \"tracewright {}\" \"System Administration\"", roff(&upper), tool.version);
    let about = tool.about.split_whitespace().collect::<Vec<_>>().join(" ");
    let about = about.strip_prefix(tool.name).map_or(about.as_str(), |rest| rest.trim_start_matches([' ', '-', ':']));
    let _ = writeln!(out, ".SH NAME\n{} \\- {}", roff(name), roff(about));
    let _ = writeln!(out, ".SH SYNOPSIS\n.B {}\n{}", roff(name), roff(&help::synopsis(tool)));
    out.push_str(".SH DESCRIPTION\n");
    let (before, sections) = blocks(&help::description(tool), tool.name, name);
    out.push_str(if before.is_empty() { "See the examples.\n" } else { &before });
    if tool.is_unsafe {
        out.push_str(".PP\nThis tool can change the system it runs on.\n");
    }
    if !tool.options.is_empty() {
        options(&mut out, "OPTIONS", &help::own_options(tool));
    }
    options(&mut out, if tool.options.is_empty() { "OPTIONS" } else { "COMMON OPTIONS" }, &help::common_options(tool));
    out.push_str(&sections);
    out.push_str(".SH REQUIREMENTS\nLinux 5.10 or newer with BTF (/sys/kernel/btf/vmlinux). CAP_BPF and CAP_PERFMON");
    for capability in tool.capabilities {
        let _ = write!(out, ", CAP_{}", roff(capability));
    }
    out.push_str(", or root. What is missing is said.\n");
    out.push_str(
        ".SH EXIT STATUS\n0 when all went well, 1 for bad options, missing probes or capabilities, 2 with \
         \\fB\\-\\-strict\\fR when anything was lost, 255 when the kernel refuses to load or attach.\n",
    );
    out.push_str(".SH SEE ALSO\n.BR bpftrace (8)\n");
    out
}

fn options(out: &mut String, title: &str, options: &[Described]) {
    let _ = writeln!(out, ".SH {title}");
    for option in options {
        let short = option.short.map_or_else(String::new, |letter| format!("\\fB\\-{letter}\\fR, "));
        let value = option.value.map_or_else(String::new, |value| format!(" \\fI{}\\fR", roff(value)));
        let _ =
            writeln!(out, ".TP\n{short}\\fB\\-\\-{}\\fR{value}\n{}", roff(option.long), roff(&one_line(&option.help)));
    }
}

/// A help text is a paragraph, whatever breaks it has.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Paragraphs, sections (`Examples:`) and indented blocks of a header comment: what goes into DESCRIPTION, and the
/// sections after it.
fn blocks(text: &str, tool: &str, name: &str) -> (String, String) {
    let (mut description, mut sections) = (String::new(), String::new());
    let mut in_section = false;
    let lines: Vec<&str> = text.lines().collect();
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at];
        let indented = |line: &str| line.starts_with([' ', '\t']);
        let next = lines.get(at + 1).copied().unwrap_or("");
        if line.trim().is_empty() {
            at += 1;
        } else if is_title(line) && (indented(next) || next.is_empty()) {
            in_section = true;
            let _ = writeln!(sections, ".SH {}", roff(&line.trim_end_matches(':').to_uppercase()));
            at += 1;
        } else {
            let verbatim = indented(line);
            let out = if in_section { &mut sections } else { &mut description };
            // A title begins a paragraph by itself.
            if !out.is_empty() && !out.lines().next_back().is_some_and(|line| line.starts_with(".SH")) {
                out.push_str(".PP\n");
            }
            out.push_str(if verbatim { ".nf\n.RS 4\n" } else { "" });
            while let Some(line) = lines.get(at).filter(|line| !line.trim().is_empty() && indented(line) == verbatim) {
                let line = if verbatim { renamed(line, tool, name) } else { (*line).to_owned() };
                let _ = writeln!(
                    out,
                    "{}",
                    roff(if verbatim { line.strip_prefix("    ").unwrap_or(&line) } else { &line })
                );
                at += 1;
            }
            if verbatim {
                out.push_str(".RE\n.fi\n");
            }
        }
    }
    (description, sections)
}

/// `Examples:`, not a sentence that ends in a colon.
fn is_title(line: &str) -> bool {
    line.ends_with(':') && line.starts_with(char::is_uppercase) && line.split_whitespace().count() <= 2
}

/// A line of an example with the command called as it is installed.
fn renamed(line: &str, tool: &str, name: &str) -> String {
    let blank = line.len() - line.trim_start_matches([' ', '#', '$']).len();
    let (start, rest) = line.split_at(blank);
    match rest.strip_prefix(tool) {
        Some(rest) if rest.is_empty() || rest.starts_with(' ') => format!("{start}{name}{rest}"),
        _ => line.to_owned(),
    }
}

/// Text that roff prints as it is.
fn roff(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    // A line must not begin as a request does.
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

// ---- Completions ----

/// What the value of an option may be, for all shells.
enum Values {
    Words(&'static [&'static str]),
    Files,
    Processes,
    Commands,
    Anything,
}

fn values(option: &Described) -> Values {
    match option.long {
        "format" => Values::Words(&["text", "json"]),
        "buffering" => Values::Words(&["none", "line", "full"]),
        "output" => Values::Files,
        "pid" => Values::Processes,
        "cmd" => Values::Commands,
        _ => Values::Anything,
    }
}

/// `-p|--pid`
fn spellings(option: &Described, between: &str) -> String {
    let short = option.short.map_or_else(String::new, |letter| format!("-{letter}{between}"));
    format!("{short}--{}", option.long)
}

fn function_name(name: &str) -> String {
    format!("_{}", name.replace(|c: char| !c.is_ascii_alphanumeric(), "_"))
}

fn bash(tool: &Tool, name: &str) -> String {
    let (function, options) = (function_name(name), all_options(tool));
    let mut cases = String::new();
    for option in options.iter().filter(|option| option.value.is_some()) {
        let reply = match values(option) {
            Values::Words(words) => format!("COMPREPLY=($(compgen -W '{}' -- \"$cur\"))", words.join(" ")),
            Values::Files => "COMPREPLY=($(compgen -f -- \"$cur\"))".to_owned(),
            Values::Processes => "COMPREPLY=($(compgen -W \"$(cd /proc && echo [0-9]*)\" -- \"$cur\"))".to_owned(),
            Values::Commands => "COMPREPLY=($(compgen -c -- \"$cur\"))".to_owned(),
            Values::Anything => "COMPREPLY=()".to_owned(),
        };
        let _ = writeln!(cases, "    {}) {reply}; return ;;", spellings(option, "|"));
    }
    let words = options.iter().map(|option| spellings(option, " ")).collect::<Vec<_>>().join(" ");
    format!(
        "# {name}: completion for bash\n{function}() {{\n    local cur=${{COMP_WORDS[COMP_CWORD]}} \
         prev=${{COMP_WORDS[COMP_CWORD - 1]}}\n    case $prev in\n{cases}    esac\n    \
         COMPREPLY=($(compgen -W '{words}' -- \"$cur\"))\n}}\ncomplete -F {function} {name}\n"
    )
}

fn zsh(tool: &Tool, name: &str) -> String {
    let quoted = |text: &str| {
        let text = text.replace('\\', "\\\\").replace('[', "\\[").replace(']', "\\]").replace(':', "\\:");
        text.replace('\'', "'\\''")
    };
    let mut out = format!("#compdef {name}\n_arguments -s -S \\\n");
    for option in all_options(tool) {
        let help = quoted(&one_line(&option.help));
        let action = option.value.map_or_else(String::new, |value| {
            let action = match values(&option) {
                Values::Words(words) => format!("({})", words.join(" ")),
                Values::Files => "_files".to_owned(),
                Values::Processes => "_pids".to_owned(),
                Values::Commands => "_cmdstring".to_owned(),
                Values::Anything => " ".to_owned(),
            };
            format!(":{value}:{action}")
        });
        let (plus, equals) = if option.value.is_some() { ("+", "=") } else { ("", "") };
        let spec = match option.short {
            Some(letter) => {
                format!("'(-{letter} --{0})'{{-{letter}{plus},--{0}{equals}}}'[{help}]{action}'", option.long)
            }
            None => format!("'--{}{equals}[{help}]{action}'", option.long),
        };
        let _ = writeln!(out, "  {spec} \\");
    }
    out.push_str("  '*::argument:_default'\n");
    out
}

fn fish(tool: &Tool, name: &str) -> String {
    let mut out = format!("complete -c {name} -f\n");
    for option in all_options(tool) {
        let short = option.short.map_or_else(String::new, |letter| format!(" -s {letter}"));
        let value = match (option.value, values(&option)) {
            (None, _) => String::new(),
            (Some(_), Values::Words(words)) => format!(" -x -a '{}'", words.join(" ")),
            (Some(_), Values::Files) => " -r -F".to_owned(),
            (Some(_), Values::Processes) => " -x -a '(__fish_complete_pids)'".to_owned(),
            (Some(_), Values::Commands) => " -x -a '(__fish_complete_command)'".to_owned(),
            (Some(_), Values::Anything) => " -x".to_owned(),
        };
        let help = one_line(&option.help).replace('\\', "\\\\").replace('\'', "\\'");
        let _ = writeln!(out, "complete -c {name}{short} -l {}{value} -d '{help}'", option.long);
    }
    out
}
