//! Types of the script's own C definitions, by the BTF that clang made of them.

use super::btf::{Btf, BtfError};
use super::convert::Converter;
use super::{Function, Kernel, Tracepoint};
use crate::types::{Origin, StructDef, StructName, Type};

/// The types that a script defines or includes.
#[derive(Debug)]
pub struct ScriptTypes {
    btf: Btf,
}

impl ScriptTypes {
    /// `btf`: bytes of a `.BTF` section.
    ///
    /// # Errors
    /// When the bytes are no BTF.
    pub fn new(btf: Vec<u8>) -> Result<ScriptTypes, BtfError> {
        Ok(ScriptTypes { btf: Btf::new(btf, None)? })
    }

    fn types(&self) -> Converter<'_> {
        Converter { btf: &self.btf, origin: Origin::Script, anonymous: "anon script " }
    }

    /// The BTF itself.
    pub fn btf(&self) -> &Btf {
        &self.btf
    }
}

/// Only types: a script's C has no functions and tracepoints to trace.
impl Kernel for ScriptTypes {
    fn structure(&self, name: &StructName) -> Option<StructDef> {
        self.types().structure(name)
    }

    fn typedef(&self, name: &str) -> Option<Type> {
        self.types().typedef(name)
    }

    fn enumeration(&self, name: &str) -> Option<(Type, Vec<(String, i64)>)> {
        self.types().enumeration(name)
    }

    fn enumerator(&self, name: &str) -> Option<(Type, i64)> {
        self.types().enumerator(name)
    }

    fn constant(&self, _: &str) -> Option<i64> {
        None
    }

    fn function(&self, name: &str) -> Option<Function> {
        let types = self.types();
        let id = self.btf.find(name, &[super::btf::Kind::Func])?;
        let id = super::tracepoints::prototype(&self.btf, id)?;
        let params = self.btf.params(id).map(|(name, ty)| (name.to_owned(), types.ty(ty))).collect();
        Some(Function { params, result: types.ty(self.btf.head(id).size_or_type) })
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
