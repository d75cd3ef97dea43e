//! Statements.

use super::body::{Body, Place, hint};
use super::homes::Homes;
use super::walk;
use crate::emit::escape;
use crate::program::{Expr, ExprKind, LocalId, Stmt, StmtKind};
use crate::types::Type;

impl<'p> Body<'_, 'p> {
    /// Declares the locals that are not declared at their first assignment.
    pub fn declare_locals(&mut self, homes: &Homes) {
        for index in 0..self.program.locals.len() {
            let id = LocalId(index);
            let local = &self.program.locals[index];
            if !homes.is_used(id) {
                continue;
            }
            let name = self.fresh(&local.name);
            self.local_names.push((index, name.clone()));
            let mut shared = self.shared.contains(&index);
            if shared && local.ty.is_scalar() && !homes.is_pointed_to(id) {
                let text = self.e.types.declare_variable(self.e.program, &local.ty, &name);
                self.vars.push(format!("{text};"));
                let copy = self.place(format!("vars->{name}"), &local.ty, 8);
                self.copies.push((index, copy));
                self.shared.remove(&index);
                shared = false;
            }
            if homes.is_in_place(id) && !shared {
                continue;
            }
            let place = self.declare_at(&local.ty, &name, shared);
            self.zero(&place);
            if !homes.is_read(id) && place.text == name {
                self.line(format!("(void){name};"));
            }
            self.locals[index] = Some(place);
        }
    }

    fn local_name(&self, id: LocalId) -> String {
        self.local_names
            .iter()
            .find(|(index, _)| *index == id.0)
            .map_or_else(|| escape::c_identifier(&self.program.locals[id.0].name), |(_, name)| name.clone())
    }

    /// A statement list in the current block.
    pub fn stmts(&mut self, stmts: &'p [Stmt]) {
        for s in stmts {
            self.stmt(s);
        }
    }

    fn stmt(&mut self, s: &'p Stmt) {
        match &s.kind {
            StmtKind::Expr(e) => {
                if !matches!(e.kind, ExprKind::Block(..)) {
                    self.comment(s.span);
                }
                self.discard(e);
            }
            StmtKind::Declare(local) => {
                let ty = self.program.locals[local.0].ty.clone();
                let is_new = self.locals[local.0].is_none();
                if is_new && ty.is_scalar() {
                    self.introduce(*local, "0");
                    return;
                }
                let place = self.introduced(*local);
                self.zero(&place);
            }
            StmtKind::SetLocal { local, value } => {
                self.comment(s.span);
                self.set_local(*local, value);
            }
            StmtKind::SetMap { map, key, value } => {
                self.comment(s.span);
                self.set_map(*map, key.as_ref(), value, s.span);
            }
            StmtKind::Aggregate { map, key, update } => {
                self.comment(s.span);
                self.aggregate(*map, key.as_ref(), update, s.span);
            }
            StmtKind::If { cond, then, otherwise } => {
                self.comment(s.span);
                let condition = self.condition(cond);
                self.code.open(format!("if ({})", condition.text));
                self.stmts(then);
                if !otherwise.is_empty() {
                    self.code.otherwise();
                    self.stmts(otherwise);
                }
                self.code.close("");
            }
            StmtKind::While { cond, body } => {
                self.comment(s.span);
                self.while_loop(cond, body);
            }
            StmtKind::ForRange { local, start, end, body } => {
                self.comment(s.span);
                self.for_range(*local, start, end, body);
            }
            StmtKind::ForMap { local, map, body } => {
                self.comment(s.span);
                self.for_map(*local, *map, body);
            }
            StmtKind::Unroll { count, body } => {
                self.comment(s.span);
                self.unroll(count, body);
            }
            StmtKind::Break => self.jump("break"),
            StmtKind::Continue => self.jump("continue"),
            StmtKind::Return(value) => {
                self.comment(s.span);
                let value = value.as_ref().map(|e| self.text(e));
                self.leave(value.as_deref());
            }
            StmtKind::Block(body) => {
                self.code.open("");
                self.stmts(body);
                self.code.close("");
            }
            StmtKind::Action { action, args } => {
                self.comment(s.span);
                if self.may_be_unheard() {
                    self.e.header("exit.bpf.h");
                    self.code.open("if (!tw_exiting)");
                    self.action(*action, args, s.span);
                    self.code.close("");
                } else {
                    self.action(*action, args, s.span);
                }
            }
            StmtKind::Exit { code } => {
                self.comment(s.span);
                self.e.header("exit.bpf.h");
                let code = code.as_ref().map_or_else(|| "0".to_string(), |e| self.text(e));
                self.line(format!("tw_exit({code});"));
                self.leave(None);
            }
            StmtKind::Join { action, array } => {
                self.comment(s.span);
                self.join(*action, array);
            }
            StmtKind::Signal { signal, thread } => {
                self.comment(s.span);
                let helper = if *thread { "bpf_send_signal_thread" } else { "bpf_send_signal" };
                let value = self.text(signal);
                self.must(helper, s, format!("{helper}({value})"));
            }
            StmtKind::Override(value) => {
                self.comment(s.span);
                let value = self.text(value);
                let ctx = self.ctx();
                self.must("bpf_override_return", s, format!("bpf_override_return({ctx}, {value})"));
            }
            StmtKind::Debug { format, args } => {
                self.comment(s.span);
                let operands: Vec<&'p Expr> = args.iter().collect();
                let values = self.operands(&operands);
                let mut text = format!("bpf_printk({}", escape::c_string(format.as_bytes()));
                for value in values {
                    text += &format!(", {}", value.text);
                }
                self.line(format!("{text});"));
            }
        }
    }

    /// A helper whose failure `-k` tells of.
    fn must(&mut self, helper: &str, s: &Stmt, call: String) {
        let check = self.e.helper_check(helper.trim_start_matches("bpf_"), s.span);
        self.line(format!("tw_check({check}, {call});"));
    }

    /// Ends the program.
    pub fn leave(&mut self, value: Option<&str>) {
        let inside = self.in_callback > 0;
        if inside {
            self.returns_from_callback = true;
            if let Some(value) = value {
                self.line(format!("vars->result = {value};"));
            }
            self.line("vars->returned = true;");
            self.line("return 1;");
        } else {
            self.line(format!("return {};", value.unwrap_or("0")));
        }
    }

    /// After a callback that may have ended the program.
    pub(super) fn leave_if_returned(&mut self, returned: bool) {
        if !returned {
            return;
        }
        self.line("if (vars->returned)");
        let text = if self.in_callback > 0 { "\treturn 1;" } else { "\treturn vars->result;" };
        self.line(text);
    }

    pub(super) fn introduce(&mut self, local: LocalId, value: &str) {
        let name = self.local_name(local);
        let ty = self.program.locals[local.0].ty.clone();
        let text = self.e.types.declare_variable(self.e.program, &ty, &name);
        let unused = if self.homes_read.contains(&local.0) { "" } else { " __maybe_unused" };
        self.line(format!("{text}{unused} = {value};"));
        self.locals[local.0] = Some(self.place(name, &ty, 8));
    }

    /// The place of a local, declared here when it is not yet.
    pub(super) fn introduced(&mut self, local: LocalId) -> Place {
        if let Some(place) = &self.locals[local.0] {
            return place.clone();
        }
        let name = self.local_name(local);
        let ty = self.program.locals[local.0].ty.clone();
        let place = self.declare_at(&ty, &name, self.shared.contains(&local.0));
        if !self.homes_read.contains(&local.0) && place.text == name {
            self.line(format!("(void){name};"));
        }
        self.locals[local.0] = Some(place.clone());
        place
    }

    fn set_local(&mut self, local: LocalId, value: &'p Expr) {
        let ty = self.program.locals[local.0].ty.clone();
        if self.locals[local.0].is_none() && ty.is_scalar() {
            let value = self.expr(value);
            self.introduce(local, &value.text);
            return;
        }
        if matches!(value.ty, Type::Tuple(_) | Type::Record(_)) {
            let name = self.local_name(local);
            self.name_tuple(value, &name);
        }
        let place = self.introduced(local);
        if ty.is_scalar() {
            let value = self.expr(value);
            if value.text != place.text {
                self.assign(&place, &value);
            }
            return;
        }
        // A string made from itself is put together elsewhere first.
        let mut reads_itself = false;
        if !matches!(value.kind, ExprKind::Local(_) | ExprKind::Aggregate(_)) {
            walk::expr(value, &mut |e| reads_itself |= matches!(e.kind, ExprKind::Local(id) if id == local));
        }
        if reads_itself {
            let name = hint(value, self).unwrap_or_else(|| "next".to_string());
            let next = self.temp(&ty, &name);
            self.store(&next, value);
            self.copy(&place, &next);
        } else {
            self.store(&place, value);
        }
    }
}
