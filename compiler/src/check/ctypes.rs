//! The script's own C definitions: structs, enums, typedefs, macros.

use crate::Options;
use crate::diagnostics::Diagnostics;
use crate::kernel::{Host, Kernel, MacroValue};
use crate::source::Sources;
use crate::syntax::ast::Script;
use crate::types::{StructDef, StructName, Type};
use std::collections::HashMap;

/// What the script's C text defines.
#[derive(Clone, Debug, Default)]
pub(crate) struct Definitions {
    pub structs: HashMap<StructName, StructDef>,
    pub typedefs: HashMap<String, Type>,
    /// By tag: the type and the members.
    pub enums: HashMap<String, (Type, Vec<(String, i64)>)>,
    pub macros: HashMap<String, MacroValue>,
}

impl Definitions {
    pub fn enum_members(&self, name: &str) -> Option<Vec<(String, i64)>> {
        self.enums.get(name).map(|(_, members)| members.clone())
    }

    /// An enumerator by name: its enum's type and the value.
    pub fn enumerator(&self, name: &str) -> Option<(Type, i64)> {
        self.enums.values().find_map(|(ty, members)| {
            members.iter().find(|(member, _)| member == name).map(|(_, value)| (ty.clone(), *value))
        })
    }
}

/// Compiles the script's C text through the host and reads what it defines.
pub(crate) fn read_definitions(
    _script: &Script,
    _options: &Options,
    _kernel: &dyn Kernel,
    _host: &dyn Host,
    _sources: &Sources,
    _diagnostics: &mut Diagnostics,
) -> Definitions {
    Definitions::default()
}
