//! Functions and symbols of the running kernel.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::find::{glob, tracefs};

/// A function that can be probed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Function {
    /// None in the kernel itself.
    pub module: Option<String>,
    /// Its name.
    pub name: String,
}

/// Functions that can be probed and fit the patterns, sorted, each once.
///
/// `available_filter_functions` is asked first (or the file that stands in for it); where it cannot be read,
/// the text symbols of `/proc/kallsyms` serve.
pub fn functions(module: Option<&str>, pattern: &str, list: Option<&Path>) -> Vec<Function> {
    let fits = |name: &str, of_module: Option<&str>| {
        glob::matches(pattern, name)
            && module.is_none_or(|pattern| glob::matches(pattern, of_module.unwrap_or("vmlinux")))
    };
    let traceable = match list {
        Some(path) => read_list(path),
        None => tracefs::get().map_or(Vec::new(), |tracefs| read_list(&tracefs.path("available_filter_functions"))),
    };
    let are_listed = !traceable.is_empty();
    let mut found = traceable;
    found.retain(|function| fits(&function.name, function.module.as_deref()));
    if !are_listed {
        each_text_symbol(|name, of_module| {
            if fits(name, of_module) {
                found.push(Function { module: of_module.map(str::to_owned), name: name.to_owned() });
            }
        });
    }
    found.sort();
    found.dedup();
    found
}

/// Whether a function with this very name exists. Unknown counts as yes: attaching tells.
pub fn function_exists(module: Option<&str>, name: &str) -> bool {
    let (mut is_known, mut are_any) = (false, false);
    each_text_symbol(|symbol, of_module| {
        are_any = true;
        is_known |= symbol == name && module.is_none_or(|m| glob::matches(m, of_module.unwrap_or("vmlinux")));
    });
    is_known || !are_any
}

/// Address of a symbol, by `/proc/kallsyms`.
pub fn address(symbol: &str) -> Option<u64> {
    let mut found = None;
    each_symbol(|address, _, name, _| {
        if name == symbol && found.is_none() {
            found = Some(address);
        }
    });
    found.filter(|&address| address != 0)
}

/// Whether `/proc/kallsyms` has variables: every kernel has this one. (Marks of the linker are there anyway.)
pub fn tells_data() -> bool {
    address("init_task").is_some()
}

/// Addresses of functions by module and name.
#[derive(Debug, Default)]
pub struct Addresses {
    known: HashMap<(Option<String>, String), u64>,
    /// Of modules, by name alone.
    in_modules: HashMap<String, u64>,
}

impl Addresses {
    /// Those that the kernel shows us.
    pub fn read() -> Self {
        let (mut known, mut in_modules) = (HashMap::new(), HashMap::new());
        each_symbol(|address, kind, name, module| {
            if address != 0 && matches!(kind, b't' | b'T' | b'w' | b'W') {
                if module.is_some() {
                    in_modules.entry(name.to_owned()).or_insert(address);
                }
                known.entry((module.map(str::to_owned), name.to_owned())).or_insert(address);
            }
        });
        Addresses { known, in_modules }
    }

    /// The address of a function; without a module, of the kernel's or else of any module's.
    pub fn get(&self, module: Option<&str>, name: &str) -> Option<u64> {
        let own = module.filter(|module| *module != "vmlinux").map(str::to_owned);
        let known = self.known.get(&(own, name.to_owned()));
        known.or_else(|| self.in_modules.get(name).filter(|_| module.is_none())).copied()
    }
}

/// Whether `/proc/kallsyms` has no addresses for us.
pub fn hides_addresses() -> bool {
    let mut hidden = true;
    each_symbol(|address, _, _, _| hidden &= address == 0);
    hidden
}

/// Raw tracepoints that fit, sorted: by the symbols that the kernel makes for each, else by what tracefs lists.
pub fn raw_tracepoints(module: Option<&str>, pattern: &str) -> Vec<Function> {
    let mut found = Vec::new();
    each_symbol(|_, _, name, of_module| {
        let event = name.strip_prefix("__tracepoint_").or_else(|| name.strip_prefix("__traceiter_"));
        if let Some(event) = event
            && glob::matches(pattern, event)
        {
            found.push(Function { module: of_module.map(str::to_owned), name: event.to_owned() });
        }
    });
    if found.is_empty()
        && let Some(tracefs) = tracefs::get()
    {
        let events = tracefs.tracepoints("*", pattern).into_iter();
        found = events.map(|(_, name)| Function { module: None, name }).collect();
    }
    found.retain(|event| {
        module.is_none_or(|pattern| glob::matches(pattern, event.module.as_deref().unwrap_or("vmlinux")))
    });
    found.sort();
    found.dedup();
    found
}

/// `vfs_read` or `nf_nat_init [nf_nat]` a line, as in `available_filter_functions`.
fn read_list(path: &Path) -> Vec<Function> {
    let functions = TRACEABLE.text(path);
    let functions = functions.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let name = words.next()?;
        // Functions of weak symbols that were overridden show as `__ftrace_invalid_address___…`.
        if name.starts_with("__ftrace_invalid_address") {
            return None;
        }
        let module = words.next().map(|word| word.trim_matches(['[', ']']).to_owned());
        Some(Function { module, name: name.to_owned() })
    });
    functions.collect()
}

/// Calls with name and module of each function.
fn each_text_symbol(mut visit: impl FnMut(&str, Option<&str>)) {
    each_symbol(|_, kind, name, module| {
        // Compiler-made parts of functions (`.cold`, `.part.0`) and labels cannot be probed by name.
        if matches!(kind, b't' | b'T' | b'w' | b'W') && !name.contains('.') && !name.starts_with("__pfx_") {
            visit(name, module);
        }
    });
}

/// `/proc/kallsyms`
static SYMBOLS: Kept = Kept(Mutex::new(None));
/// `available_filter_functions`, or what stands in for it.
static TRACEABLE: Kept = Kept(Mutex::new(None));

/// Text that the kernel takes its time to write: kept from the first question on until [`forget`].
struct Kept(Mutex<Option<Arc<str>>>);

impl Kept {
    /// Empty where the file cannot be read.
    fn text(&self, file: &Path) -> Arc<str> {
        let mut text = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(text.get_or_insert_with(|| fs::read_to_string(file).unwrap_or_default().into()))
    }

    fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Lets go of what was read while the tool started.
pub fn forget() {
    SYMBOLS.forget();
    TRACEABLE.forget();
}

/// Calls with address, kind, name and module of each kernel symbol.
fn each_symbol(mut visit: impl FnMut(u64, u8, &str, Option<&str>)) {
    for line in SYMBOLS.text(Path::new("/proc/kallsyms")).lines() {
        let mut words = line.split_whitespace();
        let (Some(address), Some(kind), Some(name)) = (words.next(), words.next(), words.next()) else { continue };
        let address = u64::from_str_radix(address, 16).unwrap_or(0);
        let module = words.next().map(|word| word.trim_matches(['[', ']']));
        visit(address, kind.as_bytes()[0], name, module);
    }
}
