//! The script's own C types over those of the kernel.

use super::c_types::ScriptTypes;
use super::{Function, Kernel, Tracepoint};
use crate::types::{StructDef, StructName, Type};

/// What a script sees: its own types first, then the kernel's.
pub struct Layered<'a> {
    /// The script's.
    pub script: Option<ScriptTypes>,
    /// The kernel's.
    pub kernel: &'a dyn Kernel,
}

impl Layered<'_> {
    fn first<T>(&self, ask: impl Fn(&dyn Kernel) -> Option<T>) -> Option<T> {
        let own = self.script.as_ref().and_then(|script| ask(script));
        own.or_else(|| ask(self.kernel))
    }

    /// Types that the script got from the kernel's headers are the kernel's, wherever it knows them: the headers of the
    /// machine that compiles say nothing about the kernel that runs.
    fn first_named<T>(&self, name: &str, ask: impl Fn(&dyn Kernel) -> Option<T>) -> Option<T> {
        if self.script.as_ref().is_some_and(|script| script.is_of_kernel_header(name)) {
            return ask(self.kernel).or_else(|| self.script.as_ref().and_then(|script| ask(script)));
        }
        self.first(ask)
    }
}

impl Kernel for Layered<'_> {
    fn structure(&self, name: &StructName) -> Option<StructDef> {
        self.first_named(&name.0, |k| k.structure(name))
    }

    fn typedef(&self, name: &str) -> Option<Type> {
        self.first_named(name, |k| k.typedef(name))
    }

    fn enumeration(&self, name: &str) -> Option<(Type, Vec<(String, i64)>)> {
        self.first_named(&format!("enum {name}"), |k| k.enumeration(name))
    }

    fn is_kernel_enumeration(&self, name: &str) -> bool {
        let own = |script: &ScriptTypes| {
            !script.is_of_kernel_header(&format!("enum {name}")) && script.enumeration(name).is_some()
        };
        self.kernel.is_kernel_enumeration(name) && !self.script.as_ref().is_some_and(own)
    }

    fn enumerator(&self, name: &str) -> Option<(Type, i64)> {
        self.first(|k| k.enumerator(name))
    }

    fn constant(&self, name: &str) -> Option<i64> {
        self.kernel.constant(name)
    }

    fn function(&self, name: &str) -> Option<Function> {
        self.kernel.function(name)
    }

    fn functions(&self, pattern: &str) -> Vec<String> {
        self.kernel.functions(pattern)
    }

    fn tracepoint(&self, category: &str, event: &str) -> Option<Tracepoint> {
        self.kernel.tracepoint(category, event)
    }

    fn tracepoints(&self, category: &str, event: &str) -> Vec<(String, String)> {
        self.kernel.tracepoints(category, event)
    }

    fn raw_tracepoint(&self, event: &str) -> Option<Vec<(String, Type)>> {
        self.kernel.raw_tracepoint(event)
    }

    fn raw_tracepoints(&self, pattern: &str) -> Vec<String> {
        self.kernel.raw_tracepoints(pattern)
    }

    fn variable(&self, name: &str) -> Option<Type> {
        self.kernel.variable(name)
    }

    fn iterators(&self) -> Vec<String> {
        self.kernel.iterators()
    }

    fn c_declarations(&self, names: &[String]) -> String {
        self.kernel.c_declarations(names)
    }
}
