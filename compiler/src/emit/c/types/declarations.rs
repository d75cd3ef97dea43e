//! Declarations of the types that a program needs, each before its use.

use std::collections::BTreeSet;

use super::{Types, struct_name, tuple_items};
use crate::emit::c::writer::Code;
use crate::emit::escape;
use crate::program::Program;
use crate::types::{FieldDef, Origin, StructDef, StructName, Type};

impl Types {
    /// The declarations, in an order that C accepts.
    pub fn declarations(&mut self, program: &Program) -> String {
        let mut out = Output { types: self, program, code: Code::default(), done: BTreeSet::new() };
        out.enums();
        out.relocated_enumerators();
        out.forward();
        out.syscalls();
        let kernel: Vec<StructName> = out.types.kernel_fields.keys().cloned().collect();
        for name in &kernel {
            out.kernel_struct(name);
        }
        out.aliases();
        let script: Vec<StructName> = out.types.script_structs.iter().cloned().collect();
        for name in &script {
            out.script_struct(name);
        }
        for capacity in out.types.buffers.clone() {
            out.code.open(format!("struct tw_buffer_{capacity}"));
            out.code.line("__u32 len;");
            out.code.line(format!("__u8 data[{capacity}];"));
            out.code.close(";");
            out.code.line("");
        }
        let mut index = 0;
        let mut written = BTreeSet::new();
        while index < out.types.tuples.len() {
            out.tuple(index, &mut written);
            index += 1;
        }
        out.code.into_text()
    }
}

struct Output<'a> {
    types: &'a mut Types,
    program: &'a Program,
    code: Code,
    done: BTreeSet<StructName>,
}

impl Output<'_> {
    fn enums(&mut self) {
        for name in self.types.enums.clone() {
            if name.is_empty() || name.starts_with("anon") {
                continue;
            }
            let tag = escape::c_identifier(&name);
            let known = self.program.enums.iter().find(|(known, _)| *known == name);
            let first = known.and_then(|(_, values)| values.first()).cloned();
            let (enumerator, value) = first.unwrap_or_else(|| (format!("{tag}_unused"), 0));
            self.code.open(format!("enum {tag}"));
            self.code.line(format!("{} = {value},", escape::c_identifier(&enumerator)));
            self.code.close(";");
            self.code.line("");
        }
    }

    /// Enumerators whose values are relocated, under names that clash with none of a header.
    fn relocated_enumerators(&mut self) {
        for (name, enumerators) in std::mem::take(&mut self.types.enumerators) {
            self.code.open(format!("enum {name}___tw"));
            for (enumerator, value) in enumerators {
                self.code.line(format!("{enumerator}___tw = {value},"));
            }
            self.code.close(";");
            self.code.line("");
        }
    }

    fn syscalls(&mut self) {
        let members = std::mem::take(&mut self.types.syscall_members);
        let names: BTreeSet<String> = members.iter().map(|(name, _)| name.clone()).collect();
        for name in names {
            self.code.open(&name);
            for (_, member) in members.iter().filter(|(known, _)| *known == name) {
                self.code.line(match *member {
                    "args" => "unsigned long args[6];",
                    "ret" => "long ret;",
                    _ => "long id;",
                });
            }
            self.code.close(" __attribute__((preserve_access_index));");
            self.code.line("");
        }
    }

    fn aliases(&mut self) {
        for (alias, members) in std::mem::take(&mut self.types.aliases) {
            if self.types.kernel_fields.contains_key(&alias) {
                continue;
            }
            self.code.open(&alias.0);
            // Several events share the alias, and name the same member each.
            let mut declared = BTreeSet::new();
            for (parent, index) in members {
                if let Some(field) = self.program.structs.get(&parent).and_then(|def| def.fields.get(index).cloned())
                    && declared.insert(field.name.clone())
                {
                    self.kernel_member(&field);
                }
            }
            self.code.close(" __attribute__((preserve_access_index));");
            self.code.line("");
        }
    }

    fn forward(&mut self) {
        let names: Vec<String> = self
            .types
            .mentioned
            .iter()
            .filter(|name| name.0.contains(' '))
            .filter(|name| !self.types.kernel_fields.contains_key(name) && !self.types.script_structs.contains(name))
            .filter(|name| !self.types.syscall_members.iter().any(|(known, _)| *known == name.0))
            .map(|name| format!("{};", struct_name(self.program, name)))
            .collect();
        for name in &names {
            self.code.line(name);
        }
        if !names.is_empty() {
            self.code.line("");
        }
    }

    /// A kernel struct with the members that are used: their offsets are settled when the program is loaded.
    fn kernel_struct(&mut self, name: &StructName) {
        if name.0.starts_with("anon ") || !self.done.insert(name.clone()) {
            return;
        }
        self.embedded_first(name);
        let is_typedef = !name.0.contains(' ');
        let Some(def) = self.program.structs.get(name) else { return };
        if is_typedef {
            self.code.open(format!("typedef {}", if def.is_union { "union" } else { "struct" }));
        } else {
            self.code.open(&*struct_name(self.program, name));
        }
        self.kernel_members(name);
        let attribute = "__attribute__((preserve_access_index))";
        if is_typedef {
            self.code.close(&format!(" {attribute} {};", name.0));
        } else {
            self.code.close(&format!(" {attribute};"));
        }
        self.code.line("");
    }

    fn used(&self, name: &StructName) -> Vec<FieldDef> {
        let Some(def) = self.program.structs.get(name) else { return Vec::new() };
        let Some(used) = self.types.kernel_fields.get(name) else { return Vec::new() };
        used.iter().filter_map(|&index| def.fields.get(index).cloned()).collect()
    }

    fn embedded_first(&mut self, name: &StructName) {
        for field in self.used(name) {
            let mut ty = &field.ty;
            while let Type::Array { of, .. } = ty {
                ty = of;
            }
            if let Type::Struct(inner) = ty {
                if inner.0.starts_with("anon ") {
                    self.embedded_first(inner);
                } else if self.program.structs.get(inner).is_some_and(|def| def.origin == Origin::Kernel) {
                    self.kernel_struct(inner);
                } else {
                    self.script_struct(inner);
                }
            }
        }
    }

    fn kernel_members(&mut self, name: &StructName) {
        for field in self.used(name) {
            self.kernel_member(&field);
        }
    }

    fn kernel_member(&mut self, field: &FieldDef) {
        let mut dimensions = String::new();
        let mut ty = &field.ty;
        while let Type::Array { of, len } = ty {
            dimensions += &format!("[{len}]");
            ty = of;
        }
        let name = &field.name;
        let bits = field.bit_width.map_or(String::new(), |bits| format!(" : {bits}"));
        match ty {
            Type::Struct(inner) if inner.0.starts_with("anon ") => {
                let is_union = self.program.structs.get(inner).is_some_and(|def| def.is_union);
                self.code.open(if is_union { "union" } else { "struct" });
                self.kernel_members(inner);
                let tail = if name.is_empty() { ";".to_string() } else { format!(" {name}{dimensions};") };
                self.code.close(&tail);
            }
            Type::Struct(inner) => {
                self.code.line(format!("{} {name}{dimensions};", struct_name(self.program, inner)));
            }
            Type::Pointer { to, .. } => {
                let pointer = match &**to {
                    Type::Struct(inner) if inner.0.starts_with("anon ") => "void *".to_string(),
                    Type::Struct(inner) if !inner.0.contains(' ') && !self.types.kernel_fields.contains_key(inner) => {
                        "void *".to_string()
                    }
                    to => self.types.pointer(self.program, to),
                };
                self.code.line(format!("{pointer}{name}{dimensions};"));
            }
            Type::Enum { name: tag, repr } if tag.is_empty() || tag.starts_with("anon") => {
                // Only another enum is compatible with an enum.
                let size = if repr.bits == 64 { " = 0x100000000" } else { "" };
                self.code.line(format!("enum {{ {name}_unused{size} }} {name}{dimensions};"));
            }
            Type::Enum { name: tag, .. } => {
                self.code.line(format!("enum {} {name}{dimensions}{bits};", escape::c_identifier(tag)));
            }
            Type::String { capacity } => self.code.line(format!("char {name}{dimensions}[{capacity}];")),
            Type::Bool => self.code.line(format!("bool {name}{dimensions}{bits};")),
            Type::Int(int) => self.code.line(format!("{} {name}{dimensions}{bits};", int.c_name())),
            _ => self.code.line(format!("__u64 {name}{dimensions};")),
        }
    }

    /// A struct of the script's own, whole: its offsets are fixed.
    fn script_struct(&mut self, name: &StructName) {
        if name.0.starts_with("anon ") || !self.done.insert(name.clone()) {
            return;
        }
        let Some(def) = self.program.structs.get(name).cloned() else { return };
        self.script_first(&def);
        let is_typedef = !name.0.contains(' ');
        if is_typedef {
            self.code.open(format!("typedef {}", if def.is_union { "union" } else { "struct" }));
        } else {
            self.code.open(struct_name(self.program, name).as_ref());
        }
        let attribute = self.script_members(&def);
        if is_typedef {
            self.code.close(&format!("{attribute} {};", struct_name(self.program, name)));
        } else {
            self.code.close(&format!("{attribute};"));
        }
        self.code.line("");
    }

    fn script_first(&mut self, def: &StructDef) {
        for field in &def.fields {
            let mut ty = &field.ty;
            while let Type::Array { of, .. } = ty {
                ty = of;
            }
            if let Type::Struct(inner) = ty {
                if inner.0.starts_with("anon ") {
                    if let Some(inner) = self.program.structs.get(inner).cloned() {
                        self.script_first(&inner);
                    }
                } else {
                    self.script_struct(inner);
                }
            }
        }
    }

    /// Members with what C would not do by itself (packing, gaps) spelled out; returns the struct's attributes.
    fn script_members(&mut self, def: &StructDef) -> String {
        let packed = !self.is_natural(def);
        let mut at = 0;
        let mut gaps = 0;
        for field in &def.fields {
            if packed
                && !def.is_union
                && field.bit_offset > at
                && field.bit_offset - at >= 8
                && field.bit_width.is_none()
            {
                let bytes = (field.bit_offset - at) / 8;
                self.code.line(format!("__u8 gap_{gaps}[{bytes}];"));
                gaps += 1;
            }
            let (size, _) = field.ty.layout(&self.program.structs);
            at = field.bit_offset + field.bit_width.map_or(size * 8, u32::from);
            self.script_member(field);
        }
        if packed && def.size * 8 > at && !def.is_union {
            let bytes = def.size - at.div_ceil(8);
            if bytes > 0 {
                self.code.line(format!("__u8 gap_{gaps}[{bytes}];"));
            }
        }
        if packed { format!(" __attribute__((packed, aligned({})))", def.align.max(1)) } else { String::new() }
    }

    fn is_natural(&self, def: &StructDef) -> bool {
        if def.fields.iter().any(|field| field.bit_width.is_some()) {
            return true;
        }
        let (mut at, mut max_align) = (0u32, 1u32);
        for field in &def.fields {
            let (size, align) = field.ty.layout(&self.program.structs);
            let align = align.max(1);
            max_align = max_align.max(align);
            let expected = if def.is_union { 0 } else { at.div_ceil(align) * align };
            if field.bit_offset != expected * 8 {
                return false;
            }
            at = if def.is_union { at.max(size) } else { expected + size };
        }
        at.div_ceil(max_align) * max_align == def.size
    }

    fn script_member(&mut self, field: &FieldDef) {
        let name = &field.name;
        let bits = field.bit_width.map_or(String::new(), |bits| format!(" : {bits}"));
        let mut dimensions = String::new();
        let mut ty = &field.ty;
        while let Type::Array { of, len } = ty {
            dimensions += &format!("[{len}]");
            ty = of;
        }
        match ty {
            Type::Struct(inner) if inner.0.starts_with("anon ") => {
                let Some(inner) = self.program.structs.get(inner).cloned() else { return };
                self.code.open(if inner.is_union { "union" } else { "struct" });
                let attribute = self.script_members(&inner);
                let tail =
                    if name.is_empty() { format!("{attribute};") } else { format!("{attribute} {name}{dimensions};") };
                self.code.close(&tail);
            }
            Type::Struct(inner) => {
                self.code.line(format!("{} {name}{dimensions};", struct_name(self.program, inner)));
            }
            Type::Pointer { .. } => self.code.line(format!("__u64 {name}{dimensions};")),
            Type::String { capacity } => self.code.line(format!("char {name}{dimensions}[{capacity}];")),
            ty => {
                let text = self.types.declare(self.program, ty, &format!("{name}{dimensions}"));
                self.code.line(format!("{text}{bits};"));
            }
        }
    }

    fn tuple(&mut self, index: usize, written: &mut BTreeSet<usize>) {
        if !written.insert(index) {
            return;
        }
        let (ty, tag, members) = self.types.tuples[index].clone();
        let items = tuple_items(&ty);
        for item in &items {
            self.tuples_in(item, written);
        }
        self.code.open(format!("struct {tag}"));
        for (item, member) in items.iter().zip(&members) {
            let text = self.types.declare(self.program, item, member);
            self.code.line(format!("{text};"));
        }
        self.code.close(";");
        self.code.line("");
    }

    fn tuples_in(&mut self, ty: &Type, written: &mut BTreeSet<usize>) {
        match ty {
            Type::Array { of, .. } => self.tuples_in(of, written),
            Type::Tuple(_) | Type::Record(_) => {
                self.types.tuple(self.program, ty, "", &[]);
                if let Some(index) = self.types.tuples.iter().position(|(known, _, _)| known == ty) {
                    self.tuple(index, written);
                }
            }
            _ => {}
        }
    }
}
