//! Command lines: what every tool takes, the script's own options and positional parameters.
//!
//! Own parser: the script's options are data, and a tool should not carry more code for its options than for its tracing.

use std::path::PathBuf;

use crate::context::{Buffering, Format};
use crate::error::{Error, Result};
use crate::help;
use crate::manual;
use crate::tool::{OptionDefault, Tool};

/// A command line, taken apart.
#[derive(Debug)]
pub struct Args {
    /// `-o`
    pub output: Option<PathBuf>,
    /// `-f`
    pub format: Format,
    /// `-B`
    pub buffering: Buffering,
    /// `-q`
    pub quiet: bool,
    /// `-v`
    pub verbose: bool,
    /// `-k`
    pub trace_errors: bool,
    /// `--no-warnings`
    pub no_warnings: bool,
    /// `-p`
    pub pid: Option<u32>,
    /// `-c`
    pub command: Option<String>,
    /// `--dwarf-pid`: more processes that `dw_ustack` unwinds.
    pub dwarf_pids: Vec<u32>,
    /// `--dry-run`
    pub dry_run: bool,
    /// `--strict`
    pub strict: bool,
    /// `--explain`
    pub explain: bool,
    /// `--usdt-file-activation`
    pub usdt_file_activation: bool,
    /// `--probe-filter`
    pub probe_filter: Option<String>,
    /// `--traceable-functions`
    pub traceable_functions: Option<PathBuf>,
    /// `--test`, `--bench`
    pub mode: Mode,
    /// Values of [`Tool::options`], in their order.
    pub options: Vec<OptionValue>,
    /// Positional parameters, `$1` first.
    pub params: Vec<String>,
}

/// Which probes run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// All but `test` and `bench`.
    Trace,
    /// `--test`
    Test,
    /// `--bench`
    Bench,
}

/// Value of an option of the script.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum OptionValue {
    Bool(bool),
    Int(i64),
    Str(String),
}

/// What a command line asks for.
#[derive(Debug)]
pub enum Request {
    /// Trace.
    Run(Box<Args>),
    /// Print this on standard output and end: `--help`, `--version`.
    Print(String),
}

/// The tool's own options. The script's come on top; where names meet, the script's win in the long form.
struct Standard {
    short: Option<char>,
    long: &'static str,
    value: bool,
}

const fn flag(short: Option<char>, long: &'static str) -> Standard {
    Standard { short, long, value: false }
}

const fn value(short: Option<char>, long: &'static str) -> Standard {
    Standard { short, long, value: true }
}

const STANDARD: &[Standard] = &[
    flag(Some('h'), "help"),
    flag(Some('V'), "version"),
    flag(Some('q'), "quiet"),
    flag(Some('v'), "verbose"),
    flag(Some('k'), "warnings"),
    flag(None, "no-warnings"),
    flag(None, "dry-run"),
    flag(None, "strict"),
    flag(None, "explain"),
    flag(None, "usdt-file-activation"),
    flag(None, "test"),
    flag(None, "bench"),
    value(Some('o'), "output"),
    value(Some('f'), "format"),
    value(Some('B'), "buffering"),
    value(Some('p'), "pid"),
    value(Some('c'), "cmd"),
    value(None, "dwarf-pid"),
    value(None, "probe-filter"),
    value(None, "traceable-functions"),
    value(None, "mode"),
    value(None, "generate"),
];

/// Takes the words of a command line (without the program's name) apart.
///
/// # Errors
/// What is wrong with them, in one line.
pub fn parse(tool: &'static Tool, words: impl IntoIterator<Item = String>) -> Result<Request> {
    let mut parser = Parser { tool, args: Args::defaults(tool), unknown: Vec::new(), script_help: false };
    let mut words = words.into_iter();
    let mut script_only = false;
    while let Some(word) = words.next() {
        if word == "--" && !script_only {
            script_only = true;
        } else if let Some(long) = word.strip_prefix("--") {
            if let Some(text) = parser.long(long, script_only, &mut words)? {
                return Ok(Request::Print(text));
            }
        } else if !script_only && is_short_options(&word) {
            if let Some(text) = parser.short(&word[1..], &mut words)? {
                return Ok(Request::Print(text));
            }
        } else {
            parser.args.params.push(word);
        }
    }
    parser.finish()
}

fn is_short_options(word: &str) -> bool {
    let mut chars = word.chars();
    // `-5` is a negative number, `-` alone a parameter.
    chars.next() == Some('-') && chars.next().is_some_and(|c| !c.is_ascii_digit())
}

struct Parser {
    tool: &'static Tool,
    args: Args,
    unknown: Vec<String>,
    script_help: bool,
}

impl Parser {
    /// `--name`, `--name=value`, `--name value`. A text is to be printed instead of tracing.
    fn long(
        &mut self,
        word: &str,
        script_only: bool,
        rest: &mut impl Iterator<Item = String>,
    ) -> Result<Option<String>> {
        let (name, inline) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (word, None),
        };
        if let Some(index) = self.tool.options.iter().position(|option| option.long() == name) {
            let default = self.tool.options[index].default;
            // As in bpftrace a bare option is `true`; what is not a bool may take the next word.
            let given = match inline {
                Some(value) => value,
                None if matches!(default, OptionDefault::Bool(_)) || script_only => "true".to_owned(),
                None => rest.next().unwrap_or_else(|| "true".to_owned()),
            };
            self.args.options[index] = option_value(name, default, &given, inline_missing(word, script_only))?;
            return Ok(None);
        }
        if script_only && name == "help" {
            self.script_help = true;
            return Ok(None);
        }
        match STANDARD.iter().find(|option| option.long == name) {
            Some(option) if !script_only => self.standard(option, inline, rest),
            _ => {
                self.unknown.push(format!("--{name}"));
                Ok(None)
            }
        }
    }

    /// `-qv`, `-oFILE`, `-o FILE`.
    fn short(&mut self, letters: &str, rest: &mut impl Iterator<Item = String>) -> Result<Option<String>> {
        let mut letters = letters.chars();
        while let Some(letter) = letters.next() {
            if let Some(index) = self.tool.options.iter().position(|option| option.short() == Some(letter)) {
                if self.own_short(index, letters.as_str(), rest)? {
                    break;
                }
                continue;
            }
            let Some(option) = STANDARD.iter().find(|option| option.short == Some(letter)) else {
                return Err(Error::refused(format!("invalid option -- '{letter}'")).hint(self.try_help()));
            };
            let inline =
                if option.value && !letters.as_str().is_empty() { Some(letters.as_str().to_owned()) } else { None };
            if let Some(text) = self.standard(option, inline, rest)? {
                return Ok(Some(text));
            }
            if option.value {
                break;
            }
        }
        Ok(None)
    }

    /// `-i 5`, `-i5`: a letter of the script's own; whether it took the rest of the word.
    fn own_short(&mut self, index: usize, behind: &str, rest: &mut impl Iterator<Item = String>) -> Result<bool> {
        let option = &self.tool.options[index];
        let (given, took) = match option.default {
            OptionDefault::Bool(_) => ("true".to_owned(), false),
            _ if behind.is_empty() => {
                let letter = option.short().unwrap_or_default();
                let missing = || Error::refused(format!("option '-{letter}' requires an argument"));
                (rest.next().ok_or_else(|| missing().hint(self.try_help()))?, false)
            }
            _ => (behind.to_owned(), true),
        };
        self.args.options[index] = option_value(option.long(), option.default, &given, false)?;
        Ok(took)
    }

    fn standard(
        &mut self,
        option: &Standard,
        inline: Option<String>,
        rest: &mut impl Iterator<Item = String>,
    ) -> Result<Option<String>> {
        let given = match (option.value, inline) {
            (false, None) => String::new(),
            (false, Some(_)) => {
                return Err(Error::refused(format!("option '--{}' takes no value", option.long)).hint(self.try_help()));
            }
            (true, Some(value)) => value,
            (true, None) => rest.next().ok_or_else(|| {
                let name = option.short.map_or_else(|| format!("--{}", option.long), |short| format!("-{short}"));
                Error::refused(format!("option '{name}' requires an argument")).hint(self.try_help())
            })?,
        };
        let args = &mut self.args;
        match option.long {
            "help" => return Ok(Some(help::text(self.tool))),
            "version" => return Ok(Some(format!("{} {}\n", self.tool.name, self.tool.version))),
            "generate" => return manual::generate(self.tool, &given).map(Some),
            "quiet" => args.quiet = true,
            "verbose" => args.verbose = true,
            "warnings" => args.trace_errors = true,
            "no-warnings" => args.no_warnings = true,
            "dry-run" => args.dry_run = true,
            "strict" => args.strict = true,
            "explain" => args.explain = true,
            "usdt-file-activation" => args.usdt_file_activation = true,
            "test" => args.mode = Mode::Test,
            "bench" => args.mode = Mode::Bench,
            "mode" => args.mode = mode(&given)?,
            "output" => args.output = Some(PathBuf::from(given)),
            "format" => args.format = format(&given)?,
            "buffering" => args.buffering = buffering(&given)?,
            // As if they were not there.
            "pid" | "cmd" if given.is_empty() => {}
            "pid" => args.pid = Some(pid(&given)?),
            "dwarf-pid" => args.dwarf_pids.push(pid(&given)?),
            "cmd" => args.command = Some(given),
            "probe-filter" => args.probe_filter = Some(given),
            "traceable-functions" => args.traceable_functions = Some(PathBuf::from(given)),
            other => unreachable!("bug: option --{other} is declared but not handled"),
        }
        Ok(None)
    }

    fn finish(self) -> Result<Request> {
        if self.script_help {
            // As bpftrace has it: on standard error, with exit status 1.
            return Err(Error::refused(help::script_options(self.tool)).bare());
        }
        if !self.unknown.is_empty() {
            let error = Error::refused(format!("unexpected program command line options: {}", self.unknown.join(", ")));
            let hint = match help::sorted(self.tool).as_slice() {
                [] => help::NO_OPTIONS.to_owned(),
                known => {
                    let known: Vec<_> = known.iter().map(|option| format!("--{}", option.long())).collect();
                    format!("expected program options: {}", known.join(": "))
                }
            };
            return Err(error.hint(hint));
        }
        if self.args.pid.is_some() && self.args.command.is_some() {
            return Err(Error::refused("USAGE: Cannot use both -c and -p."));
        }
        Ok(Request::Run(Box::new(self.args)))
    }

    fn try_help(&self) -> String {
        format!("try '{} --help'", self.tool.name)
    }
}

impl Args {
    fn defaults(tool: &'static Tool) -> Self {
        let options = tool.options.iter().map(|option| match option.default {
            OptionDefault::Bool(value) => OptionValue::Bool(value),
            OptionDefault::Int(value) => OptionValue::Int(value),
            OptionDefault::Str(value) => OptionValue::Str(value.to_owned()),
        });
        Args {
            output: None,
            format: Format::Text,
            buffering: Buffering::Line,
            quiet: false,
            verbose: false,
            trace_errors: false,
            no_warnings: false,
            pid: None,
            command: None,
            dwarf_pids: Vec::new(),
            dry_run: false,
            strict: false,
            explain: false,
            usdt_file_activation: false,
            probe_filter: None,
            traceable_functions: None,
            mode: Mode::Trace,
            options: options.collect(),
            params: Vec::new(),
        }
    }
}

/// Whether `--name` stood without a value, where none could follow.
fn inline_missing(word: &str, script_only: bool) -> bool {
    script_only && !word.contains('=')
}

/// The value of a script's option, by its default's kind.
fn option_value(name: &str, default: OptionDefault, given: &str, bare: bool) -> Result<OptionValue> {
    let refuse =
        |what: &str| Err(Error::refused(format!("program command line option --{name} {what} (value: {given})")));
    match default {
        OptionDefault::Bool(_) => match given {
            "1" => Ok(OptionValue::Bool(true)),
            "0" => Ok(OptionValue::Bool(false)),
            word if ["true", "yes", "on"].iter().any(|known| word.eq_ignore_ascii_case(known)) => {
                Ok(OptionValue::Bool(true))
            }
            word if ["false", "no", "off"].iter().any(|known| word.eq_ignore_ascii_case(known)) => {
                Ok(OptionValue::Bool(false))
            }
            _ => refuse("expects a boolean (e.g. 'true')"),
        },
        OptionDefault::Int(_) if bare => refuse("expects an integer"),
        OptionDefault::Int(_) => match read_number(given) {
            Ok(number) => Ok(OptionValue::Int(number)),
            Err(NoNumber::Syntax) => refuse("invalid integer"),
            Err(NoNumber::Trailing) => refuse("invalid trailing bytes"),
            Err(NoNumber::Range) => refuse("value is out of range"),
        },
        OptionDefault::Str(_) if bare => refuse("expects a string"),
        OptionDefault::Str(_) => Ok(OptionValue::Str(given.to_owned())),
    }
}

/// Suffixes of numbers and what they multiply by.
const SUFFIXES: [(&str, u64); 12] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
    ("ull", 1),
    ("ul", 1),
    ("u", 1),
    ("ll", 1),
    ("l", 1),
];

/// Why a text is no number.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum NoNumber {
    Syntax,
    Trailing,
    Range,
}

/// An integer as scripts write them: sign, base by prefix (`0x`, `0b`, `0o`, `0`), the whole 64 bits, `1e3`, `10ms`.
pub fn parse_number(text: &str) -> Option<i64> {
    let number = read_number(text).ok()?;
    // Here what is below 64 bits is no number; options wrap around as bpftrace's do.
    let negative = text.trim_start().starts_with('-');
    if negative && number > 0 { None } else { Some(number) }
}

/// As `parse_number`, and why there is none.
fn read_number(text: &str) -> Result<i64, NoNumber> {
    let text = text.trim_start();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = match digits.starts_with("0") {
        true => digits.to_ascii_lowercase(),
        false => digits.to_owned(),
    };
    let (base, digits) = if let Some(hex) = lower.strip_prefix("0x") {
        (16, hex)
    } else if let Some(binary) = lower.strip_prefix("0b") {
        (2, binary)
    } else if let Some(octal) = lower.strip_prefix("0o") {
        (8, octal)
    } else if lower.len() > 1 && lower.starts_with('0') {
        (8, lower.as_str())
    } else {
        (10, lower.as_str())
    };
    let end = digits.find(|c: char| c != '_' && !c.is_digit(base)).unwrap_or(digits.len());
    let (digits, suffix) = digits.split_at(end);
    let digits = digits.replace('_', "");
    if digits.is_empty() {
        return Err(NoNumber::Syntax);
    }
    let number = u64::from_str_radix(&digits, base).map_err(|_| NoNumber::Range)?;
    let magnitude = match (suffix, base) {
        ("", _) => number,
        (suffix, 10) => scaled(number, suffix)?,
        _ => return Err(NoNumber::Trailing),
    };
    Ok(if negative { (magnitude as i64).wrapping_neg() } else { magnitude as i64 })
}

/// `1e3`, `10ms`, `5u`
fn scaled(number: u64, suffix: &str) -> Result<u64, NoNumber> {
    let scale = if let Some(exponent) = suffix.strip_prefix('e') {
        let exponent = exponent.parse().map_err(|_| NoNumber::Trailing)?;
        if !(1..=9).contains(&number) {
            return Err(NoNumber::Trailing);
        }
        10u64.checked_pow(exponent).ok_or(NoNumber::Range)?
    } else {
        let suffix = SUFFIXES.iter().find(|(known, _)| *known == suffix);
        suffix.map(|(_, scale)| *scale).ok_or(NoNumber::Trailing)?
    };
    number.checked_mul(scale).ok_or(NoNumber::Range)
}

fn mode(given: &str) -> Result<Mode> {
    match given {
        "test" => Ok(Mode::Test),
        "bench" => Ok(Mode::Bench),
        _ => Err(Error::refused(format!("Invalid mode '{given}': test or bench"))),
    }
}

fn format(given: &str) -> Result<Format> {
    match given {
        "text" | "" => Ok(Format::Text),
        "json" => Ok(Format::Json),
        _ => Err(Error::refused(format!("Invalid output format \"{given}\"\nValid formats: 'text', 'json'"))),
    }
}

fn buffering(given: &str) -> Result<Buffering> {
    match given {
        "none" => Ok(Buffering::None),
        "line" => Ok(Buffering::Line),
        "full" => Ok(Buffering::Full),
        _ => Err(Error::refused("USAGE: -B must be either 'line', 'full', or 'none'.")),
    }
}

fn pid(given: &str) -> Result<u32> {
    /// The kernel's PID_MAX_LIMIT.
    const PID_MAX: u128 = 4 * 1024 * 1024;
    if let Some(number) = given.strip_prefix('-').and_then(|digits| digits.parse::<u64>().ok()) {
        return Err(Error::refused(format!("Pid out of range: {}", number.wrapping_neg())));
    }
    let digits = given.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 {
        return Err(Error::refused(format!("Failed to parse pid: invalid integer: {given}")));
    }
    // `0x10`, `0b11`
    if digits < given.len()
        && let Some(Ok(pid)) = parse_number(given).map(u32::try_from)
    {
        return Ok(pid);
    }
    if digits < given.len() {
        return Err(Error::refused(format!("Failed to parse pid: invalid trailing bytes: {given}")));
    }
    match given.parse::<u128>() {
        Ok(pid) if (0..=PID_MAX).contains(&pid) => Ok(pid as u32),
        _ => Err(Error::refused(format!("Pid out of range: {given}"))),
    }
}
