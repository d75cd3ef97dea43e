//! Types of the script's own C definitions, by the BTF that clang made of them.

use std::collections::{HashMap, HashSet};

use super::btf::{Btf, BtfError, Kind};
use super::convert::Converter;
use super::{CError, CRequest, Function, Host, Kernel, MacroValue, Tracepoint};
use crate::types::{Origin, StructDef, StructName, Type};

/// The types that a script defines or includes.
#[derive(Debug)]
pub struct ScriptTypes {
    btf: Btf,
    /// `struct foo`, `foo_t`: defined by a header of the kernel.
    of_kernel_headers: HashSet<String>,
}

/// What a script's C text means.
#[derive(Debug)]
pub struct Compiled {
    /// Its types.
    pub types: ScriptTypes,
    /// Values of the macros that were asked for.
    pub macros: Vec<(String, MacroValue)>,
}

/// Names of the variables that [`Host::c_types`] adds, so that clang describes the types: pointers to each type
/// that the text defines, and to each that a kernel header defines; and to each function.
pub const TYPE_VARIABLE: &str = "tw_type_";
/// See [`TYPE_VARIABLE`].
pub const HEADER_VARIABLE: &str = "tw_header_";
/// See [`TYPE_VARIABLE`]; the function's name follows.
pub const FUNCTION_VARIABLE: &str = "tw_function_";

/// The encoding of `_Bool`.
const BTF_INT_BOOL: u32 = 4;

/// What the tags start with that stand for those of nameless enums: clang describes only enums with tags.
pub const NAMELESS_ENUM: &str = "tw_nameless_";

/// How often clang may ask for further types: a declaration can need another one.
const ROUNDS: usize = 12;

/// Has a script's C text compiled. Kernel types that it mentions without a definition are declared by the kernel
/// description; [`CRequest::kernel_types`] is filled in here.
///
/// # Errors
/// Clang's messages, or why its BTF is unusable.
pub fn compile(request: &CRequest, kernel: &dyn Kernel, host: &dyn Host) -> Result<Compiled, Vec<CError>> {
    let described = compile_with(request.clone(), kernel, host);
    let unknown = |types: &ScriptTypes| {
        let tags = request.macros.iter().filter(|word| word.contains(' ')).map(|word| StructName(word.clone()));
        tags.into_iter().any(|tag| kernel.structure(&tag).is_none() && types.structure(&tag).is_none())
    };
    let lacking = match &described {
        Ok(compiled) => unknown(&compiled.types),
        Err(_) => true,
    };
    if !lacking || !request.text.contains("#include") && request.includes.is_empty() {
        return described;
    }
    // The headers of this machine know what no running kernel tells of itself.
    let by_headers = compile_with(CRequest { machine_headers: true, ..request.clone() }, kernel, host);
    match (by_headers, described) {
        (Ok(compiled), _) | (Err(_), Ok(compiled)) => Ok(compiled),
        (Err(errors), Err(_)) => Err(errors),
    }
}

fn compile_with(mut request: CRequest, kernel: &dyn Kernel, host: &dyn Host) -> Result<Compiled, Vec<CError>> {
    let mut wanted: Vec<String> = Vec::new();
    for _ in 0..ROUNDS {
        match host.c_types(&request) {
            Ok(compiled) => {
                let types = ScriptTypes::new(compiled.btf, compiled.enumerators)
                    .map_err(|error| vec![whole(error.to_string())])?;
                return Ok(Compiled { types, macros: compiled.macros });
            }
            Err(errors) => {
                let before = request.kernel_types.len();
                let missing = errors.iter().flat_map(|error| missing_names(&error.message));
                for name in missing {
                    if !wanted.contains(&name) {
                        wanted.push(name);
                    }
                }
                request.kernel_types = kernel.c_declarations(&wanted);
                if request.kernel_types.len() == before {
                    return Err(errors);
                }
            }
        }
    }
    host.c_types(&request).and(Err(vec![whole("the definitions need too many types of the kernel".to_owned())]))
}

fn whole(message: String) -> CError {
    CError { line: 0, column: 0, message }
}

/// What a message of clang's says is missing: `unknown type name 'u32'`, `incomplete type 'struct list_head'`.
fn missing_names(message: &str) -> Vec<String> {
    let quoted = || message.split('\'').skip(1).step_by(2);
    if message.contains("unknown type name") || message.contains("undeclared identifier") {
        return quoted().next().map(str::to_owned).into_iter().collect();
    }
    if message.contains("incomplete") || message.contains("never completed") {
        let tags = quoted().filter_map(|text| {
            let at = ["struct ", "union ", "enum "].iter().find_map(|keyword| text.find(keyword))?;
            let text = text[at..].split(['[', '*', '(', ')']).next()?;
            Some(text.trim().to_owned())
        });
        return tags.collect();
    }
    Vec::new()
}

impl ScriptTypes {
    /// `btf`: bytes of a `.BTF` section. `enumerators`: values that it may not have in full.
    ///
    /// # Errors
    /// When the bytes are no BTF.
    pub fn new(btf: Vec<u8>, enumerators: HashMap<String, i64>) -> Result<ScriptTypes, BtfError> {
        let mut btf = Btf::new(btf, None)?;
        btf.set_enumerators(enumerators);
        let mut of_kernel_headers = HashSet::new();
        for id in btf.of_kind(Kind::Var).filter(|&id| btf.name(id).starts_with(HEADER_VARIABLE)) {
            let target = btf.head(btf.head(id).size_or_type).size_or_type;
            let keyword = match btf.head(target).kind {
                Kind::Struct => "struct ",
                Kind::Union => "union ",
                Kind::Enum | Kind::Enum64 => "enum ",
                _ => "",
            };
            of_kernel_headers.insert(format!("{keyword}{}", btf.name(target)));
        }
        Ok(ScriptTypes { btf, of_kernel_headers })
    }

    fn types(&self) -> Converter<'_> {
        Converter { btf: &self.btf, origin: Origin::Script, anonymous: "anon script " }
    }

    /// The BTF itself.
    pub fn btf(&self) -> &Btf {
        &self.btf
    }

    /// Whether the script has that type (`struct foo`, `foo_t`) from a header of the kernel.
    pub fn is_of_kernel_header(&self, name: &str) -> bool {
        self.of_kernel_headers.contains(name)
    }
}

/// `struct request___old`: how a struct of the kernel looks on other kernels. What follows the three underscores is no
/// part of its name there (a convention of libbpf's); its members are found when the program is loaded.
fn is_flavour(name: &StructName) -> bool {
    name.0.split_once("___").is_some_and(|(_, flavour)| !flavour.is_empty())
}

/// Only types: a script's C has no functions and tracepoints to trace.
impl Kernel for ScriptTypes {
    fn structure(&self, name: &StructName) -> Option<StructDef> {
        if is_flavour(name) {
            return Converter { origin: Origin::Kernel, ..self.types() }.structure(name);
        }
        self.types().structure(name)
    }

    fn typedef(&self, name: &str) -> Option<Type> {
        self.types().typedef(name)
    }

    fn enumeration(&self, name: &str) -> Option<(Type, Vec<(String, i64)>)> {
        self.types().enumeration(name)
    }

    fn is_kernel_enumeration(&self, _: &str) -> bool {
        false
    }

    fn enumerator(&self, name: &str) -> Option<(Type, i64)> {
        self.types().enumerator(name)
    }

    fn constant(&self, _: &str) -> Option<i64> {
        None
    }

    fn function(&self, name: &str) -> Option<Function> {
        let types = self.types();
        let variable = format!("{FUNCTION_VARIABLE}{name}");
        let id = match self.btf.find(name, &[Kind::Func]) {
            Some(id) => id,
            None => self.btf.head(self.btf.find(&variable, &[Kind::Var])?).size_or_type,
        };
        let id = super::tracepoints::prototype(&self.btf, id)?;
        let ty = |id| {
            let stripped = self.btf.strip(id);
            let is_int = self.btf.head(stripped).kind == Kind::Int;
            // A truth value that a function takes or returns is one, other than those in structs.
            if is_int && self.btf.int(stripped).0 & BTF_INT_BOOL != 0 { Type::Bool } else { types.ty(id) }
        };
        let params = self.btf.params(id).map(|(name, id)| (name.to_owned(), ty(id))).collect();
        Some(Function { params, result: ty(self.btf.head(id).size_or_type) })
    }

    fn functions(&self, _: &str) -> Vec<String> {
        Vec::new()
    }

    fn tracepoint(&self, _: &str, _: &str) -> Option<Tracepoint> {
        None
    }

    fn tracepoints(&self, _: &str, _: &str) -> Vec<(String, String)> {
        Vec::new()
    }

    fn raw_tracepoint(&self, _: &str) -> Option<Vec<(String, Type)>> {
        None
    }

    fn raw_tracepoints(&self, _: &str) -> Vec<String> {
        Vec::new()
    }

    fn variable(&self, _: &str) -> Option<Type> {
        None
    }

    fn iterators(&self) -> Vec<String> {
        Vec::new()
    }
}
