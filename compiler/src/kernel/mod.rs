//! The kernel description: BTF, tracepoint formats and functions of one kernel, as data.

pub mod btf;
mod c_decl;
pub mod c_types;
mod codec;
pub(crate) mod constants;
mod contexts;
mod convert;
mod description;
pub mod layered;
mod tracepoints;

pub use contexts::other_contexts;
pub use description::{Capture, Description, DescriptionError, matches};

use std::collections::HashMap;

use crate::types::{StructDef, StructName, Type};

/// What the checker asks about a kernel. Implemented by [`Description`]; tests may implement it with data.
pub trait Kernel {
    /// A struct or union by its C name (`struct sock`), or a typedef of an anonymous one.
    fn structure(&self, name: &StructName) -> Option<StructDef>;
    /// A typedef or base type by name: `size_t`, `u32`, `pid_t`.
    fn typedef(&self, name: &str) -> Option<Type>;
    /// Enumerators of an enum: name and value.
    fn enumeration(&self, name: &str) -> Option<(Type, Vec<(String, i64)>)>;
    /// Whether an enum of that name is the kernel's, not the script's: its values are settled at load.
    fn is_kernel_enumeration(&self, name: &str) -> bool {
        !name.is_empty() && self.enumeration(name).is_some()
    }
    /// An enumerator by name: its enum's type and the value.
    fn enumerator(&self, name: &str) -> Option<(Type, i64)>;
    /// A UAPI constant (`AF_INET`, `O_RDONLY`) that is a macro, not an enumerator.
    fn constant(&self, name: &str) -> Option<i64>;
    /// Parameters (name, type) and result of a kernel function.
    fn function(&self, name: &str) -> Option<Function>;
    /// Functions whose name matches a pattern with `*`.
    fn functions(&self, pattern: &str) -> Vec<String>;
    /// Fields of a tracepoint.
    fn tracepoint(&self, category: &str, event: &str) -> Option<Tracepoint>;
    /// Tracepoints (category, event) that match two patterns.
    fn tracepoints(&self, category: &str, event: &str) -> Vec<(String, String)>;
    /// Arguments (name, type) of a raw tracepoint, without the leading `void *`.
    fn raw_tracepoint(&self, event: &str) -> Option<Vec<(String, Type)>>;
    /// Raw tracepoints that match a pattern.
    fn raw_tracepoints(&self, pattern: &str) -> Vec<String>;
    /// Type of a kernel variable (for percpu_kaddr, kaddr), if BTF knows it.
    fn variable(&self, name: &str) -> Option<Type>;
    /// Iterator kinds: `task`, `task_file`; the context is `struct bpf_iter__<kind>`.
    fn iterators(&self) -> Vec<String>;
    /// C declarations of those of the names that are known: `struct foo`, `enum foo`, typedefs, enumerators, constants;
    /// with what they need.
    fn c_declarations(&self, names: &[String]) -> String {
        let _ = names;
        String::new()
    }
}

/// Signature of a kernel function.
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// Name and type, in order.
    pub params: Vec<(String, Type)>,
    /// Result; `Void` for none.
    pub result: Type,
}

/// A tracepoint's record.
#[derive(Clone, Debug, PartialEq)]
pub struct Tracepoint {
    /// What its context is.
    pub context: TracepointContext,
    /// Fields, the `common_*` ones first.
    pub fields: Vec<TracepointField>,
}

/// What the context of a tracepoint is.
#[derive(Clone, Debug, PartialEq)]
pub enum TracepointContext {
    /// A kernel struct: `struct trace_event_raw_sched_switch`.
    Struct(StructName),
    /// `syscalls:sys_enter_*`: arguments by index in `struct trace_event_raw_sys_enter`.
    SyscallEnter,
    /// `syscalls:sys_exit_*`: `struct trace_event_raw_sys_exit`.
    SyscallExit,
    /// No BTF for it: offsets of the format file.
    Format,
}

/// A field of a tracepoint.
#[derive(Clone, Debug, PartialEq)]
pub struct TracepointField {
    /// As `args.name` takes it.
    pub name: String,
    /// Type by BTF where it is known there, else by the format's C type.
    pub ty: Type,
    /// The C type as the format file has it (`const char *`, `char[16]`), for `list -v`.
    pub c_type: String,
    /// Bytes from the start of the record.
    pub offset: u32,
    /// Bytes.
    pub size: u32,
    /// `__data_loc`: `ty` is what lies behind (a string or array of unknown length).
    pub data_loc: bool,
    /// For syscalls: which argument.
    pub syscall_arg: Option<u32>,
}

/// What the pure compiler asks of the outside: clang on C definitions, DWARF of binaries.
pub trait Host {
    /// Compiles C text (structs, enums, typedefs, includes, macros) and returns the BTF it leads to,
    /// as ELF `.BTF` section bytes; `macros` are names whose constant values are wanted.
    ///
    /// # Errors
    /// Clang's messages, with positions in `text`.
    fn c_types(&self, request: &CRequest) -> Result<CTypes, Vec<CError>>;
    /// Reads a file that a script imports or includes.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn read(&self, path: &str) -> Result<String, String>;
    /// Names in a directory, sorted; `None` when it is not a directory. World-writable ones are an error.
    ///
    /// # Errors
    /// Why it is refused.
    fn list(&self, path: &str) -> Result<Option<Vec<String>>, String>;
    /// Parameters of a function of a binary, by its DWARF.
    fn user_function(&self, path: &str, symbol: &str) -> Option<UserFunction>;
    /// Symbols of a binary that match a pattern: compile time only, for wildcards whose body reads `args`.
    fn user_symbols(&self, path: &str, pattern: &str) -> Vec<String>;
    /// Bytes of a symbol of a binary; none where it is not known.
    fn user_symbol_size(&self, _path: &str, _symbol: &str) -> Option<u64> {
        None
    }
}

/// No files and no clang: scripts that need neither compile all the same.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHost;

impl Host for NoHost {
    fn c_types(&self, _request: &CRequest) -> Result<CTypes, Vec<CError>> {
        Ok(CTypes::default())
    }

    fn read(&self, path: &str) -> Result<String, String> {
        Err(format!("{path}: there are no files here"))
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

/// C text to compile.
#[derive(Clone, Debug, Default)]
pub struct CRequest {
    /// The preamble, each piece at its line.
    pub text: String,
    /// `-I`
    pub include_dirs: Vec<String>,
    /// `--include`
    pub includes: Vec<String>,
    /// Identifiers used in the script that might be macros: their constant values are wanted.
    pub macros: Vec<String>,
    /// Declarations (C) of kernel types that the text refers to, by the kernel description.
    pub kernel_types: String,
    /// Kernel headers that the text names are read, where this machine has them. Else they are taken for empty: what
    /// they declare is in the description.
    pub machine_headers: bool,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct CTypes {
    /// BTF.
    pub btf: Vec<u8>,
    /// Values of macros: integers and strings.
    pub macros: Vec<(String, MacroValue)>,
    /// Values of the text's enumerators; those that are not here are in the BTF.
    pub enumerators: HashMap<String, i64>,
}

/// Value of a C macro.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum MacroValue {
    Int(i64),
    Str(Vec<u8>),
    /// Anything else: its text, to be parsed as an expression of the script.
    Text(String),
}

/// A message of clang's.
#[derive(Clone, Debug, PartialEq)]
pub struct CError {
    /// Line in the request's text, from 1; 0 when unknown.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
    /// `fatal error: 'foo.h' file not found`
    pub message: String,
}

/// A function of a binary, by DWARF.
#[derive(Clone, Debug, PartialEq)]
pub struct UserFunction {
    /// Name and type.
    pub params: Vec<(String, Type)>,
    /// The `argN` that holds each; none of floats and structs by value.
    pub places: Vec<Option<u32>>,
    /// Structs that the types mention.
    pub structs: Vec<StructDef>,
    /// Result.
    pub result: Type,
}
