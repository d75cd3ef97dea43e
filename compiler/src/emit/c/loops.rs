//! Loops, and the callbacks that some become.

use super::body::{Body, LoopKind, Place};
use super::homes::uses_in;
use super::share::OWN;
use super::value::{Prec, Value};
use super::walk;
use crate::program::{Expr, ExprKind, LocalId, MapId, Stmt, StmtKind};
use crate::types::Type;

/// Variables outside a callback with their places there, and what is to be copied back: from, to.
type Copies = (Vec<(usize, Place)>, Vec<(Place, Place)>);

/// A range of at most this many steps is a plain loop; the verifier follows each.
const PLAIN_STEPS: i64 = 128;
/// `unroll` repeats at most this often.
const MOST_UNROLLED: u32 = 100;

impl<'p> Body<'_, 'p> {
    pub(super) fn while_loop(&mut self, cond: &'p Expr, body: &'p [Stmt]) {
        let (condition, code) = self.aside(true, |this| this.condition(cond));
        if code.is_empty() {
            self.code.open(format!("while ({})", condition.text));
        } else {
            self.code.open("for (;;)");
            self.code.append(code);
            self.line(format!("if ({})", Value::unary("!", &condition).text));
            self.line("\tbreak;");
        }
        self.looped(body);
    }

    /// The body of an open loop, and its end.
    fn looped(&mut self, body: &'p [Stmt]) {
        self.loops.push(LoopKind::Plain { next: None, done: None });
        self.stmts(body);
        let ended = self.loops.pop();
        let Some(LoopKind::Plain { next, done }) = ended else {
            return self.code.close("");
        };
        if let Some(next) = next {
            self.line(format!("{next}:;"));
        }
        self.code.close("");
        if let Some(done) = done {
            self.line(format!("{done}:;"));
        }
    }

    /// `break` or `continue`, of the innermost loop that is one in the script, too.
    pub(super) fn jump(&mut self, word: &str) {
        let inner = self.loops.last() == Some(&LoopKind::Unrolled);
        let around = self.loops.iter().rposition(|kind| *kind != LoopKind::Unrolled);
        let text = match around.map(|at| (at, self.loops[at].clone())) {
            Some((_, LoopKind::Callback)) => format!("return {};", u8::from(word == "break")),
            Some((at, LoopKind::Plain { mut next, mut done })) if inner => {
                let label = if word == "break" { &mut done } else { &mut next };
                let label =
                    label.get_or_insert_with(|| self.fresh(if word == "break" { "done" } else { "next" })).clone();
                self.loops[at] = LoopKind::Plain { next, done };
                format!("goto {label};")
            }
            _ => format!("{word};"),
        };
        self.line(text);
    }

    pub(super) fn unroll(&mut self, count: &'p Expr, body: &'p [Stmt]) {
        let index = self.fresh("i");
        let head = match super::expr::fold(count) {
            // 64 bits: the verifier forgets a counter that shares a stack slot with something else.
            Some(n) => format!("for (__u64 {index} = 0; {index} < {n}; {index}++)"),
            None => {
                let value = self.u64_of(count);
                let limit = self.fresh("times");
                self.line(format!("__u64 {limit} = {};", value.text));
                format!("for (__u64 {index} = 0; {index} < {limit} && {index} < {MOST_UNROLLED}; {index}++)")
            }
        };
        self.code.open(head);
        self.loops.push(LoopKind::Unrolled);
        self.stmts(body);
        self.loops.pop();
        self.code.close("");
    }

    pub(super) fn for_range(&mut self, local: LocalId, start: &'p Expr, end: &'p Expr, body: &'p [Stmt]) {
        let ty = self.program.locals[local.0].ty.clone();
        if steps(start, end).is_some() {
            let (first, last) = (self.text(start), self.text(end));
            let place = if self.locals[local.0].is_none() {
                self.introduce(local, &first);
                self.local(local)
            } else {
                self.local(local)
            };
            let name = place.text;
            // The verifier must see the counter: in memory that others share it does not.
            let changed = changes(body, local) || name.contains("->");
            if changed {
                let counter = self.fresh("step");
                let text = self.e.types.declare_variable(self.e.program, &ty, &counter);
                self.code.open(format!("for ({text} = {first}; {counter} < {last}; {counter}++)"));
                self.line(format!("{name} = {counter};"));
            } else {
                self.code.open(format!("for ({name} = {first}; {name} < {last}; {name}++)"));
            }
            self.looped(body);
            return;
        }
        let values = self.operands(&[start, end]);
        let first = self.fresh("first");
        let text = self.e.types.declare_variable(self.e.program, &ty, &first);
        self.vars.push(format!("{text};"));
        self.line(format!("vars->{first} = {};", values[0].text));
        let last = self.simple(values[1].clone(), &end.ty, "end");
        let (name, returned, changed) = self.callback("__u64 step, void *data", body, |this| {
            let place = this.introduced(local);
            let to = this.e.types.scalar(this.e.program, &ty);
            let step = Value::binary(
                "+",
                Prec::Sum,
                &Value::atom(format!("vars->{first}")),
                &Value::cast(&to, &Value::atom("step")),
            );
            this.assign(&place, &step);
        });
        self.line(format!("if ({last} > vars->{first})"));
        self.line(format!("\tbpf_loop({last} - vars->{first}, {name}, frame, 0);"));
        self.copy_back(&changed);
        self.leave_if_returned(returned);
    }

    pub(super) fn for_map(&mut self, local: LocalId, map: MapId, body: &'p [Stmt]) {
        let info = self.e.maps[map.0].clone();
        let declared = self.e.program.map(map);
        let key_ty = declared.key.clone().unwrap_or(Type::U64);
        let value_ty = declared.value.clone();
        let parameters = "void *map __maybe_unused, const void *key, void *value __maybe_unused, void *data";
        let (name, returned, changed) = self.callback(parameters, body, |this| {
            let place = this.introduced(local);
            let names = [Some("key".to_string()), Some("value".to_string())];
            this.e.types.tuple(this.e.program, &place.ty, "element", &names);
            if super::types::has_padding(&place.ty, this.e.program) {
                this.zero(&place);
            }
            let (key_place, value_place) = (this.item_of(&place, 0), this.item_of(&place, 1));
            this.copy_from_pointer(&key_place, &key_ty, "(void *)key");
            if matches!(value_ty, Type::Aggregate(_)) {
                let sum = this.summary_of(map, "key");
                let to = this.e.types.scalar(this.e.program, &value_place.ty);
                this.assign(&value_place, &Value::cast(&to, &sum));
            } else {
                this.copy_from_pointer(&value_place, &value_ty, "value");
            }
        });
        self.line(format!("bpf_for_each_map_elem(&{}, {name}, frame, 0);", info.name));
        self.copy_back(&changed);
        self.leave_if_returned(returned);
    }

    fn copy_from_pointer(&mut self, to: &Place, ty: &Type, pointer: &str) {
        let name = self.fresh("from");
        let (text, place) = self.value_pointer(ty, &name);
        self.line(format!("{text} = {pointer};"));
        if to.ty == *ty {
            self.copy(to, &place);
        } else if to.ty.is_scalar() {
            let value = self.load(place.text.clone(), ty);
            let name = self.e.types.scalar(self.e.program, &to.ty);
            self.assign(to, &Value::cast(&name, &value));
        } else {
            self.zero(to);
            let (dst, src) = (self.address(to), self.address(&place));
            let size = self.size_of(&to.ty).min(self.size_of(ty));
            self.line(format!("bpf_probe_read_kernel({dst}, {size}, {src});"));
        }
    }

    /// Gives callbacks the values of the variables that they use.
    fn copy_in(&mut self, body: &[Stmt]) -> Copies {
        let (mut outside, mut changed) = (Vec::new(), Vec::new());
        let used = uses_in(body);
        for (index, copy) in self.copies.clone() {
            let Some(place) = self.locals[index].clone() else { continue };
            if !used.contains_key(&index) || place.text == copy.text {
                continue;
            }
            self.line(format!("{} = {};", copy.text, place.text));
            if changes(body, LocalId(index)) {
                changed.push((place.clone(), copy.clone()));
            }
            outside.push((index, place));
            self.locals[index] = Some(copy);
        }
        (outside, changed)
    }

    /// Takes back what a callback changed.
    fn copy_back(&mut self, changed: &[(Place, Place)]) {
        for (place, copy) in changed {
            self.line(format!("{} = {};", place.text, copy.text));
        }
    }

    /// Writes a loop's body as a function of its own. Returns its name, whether it may end the program, and what is to
    /// be copied back.
    fn callback(
        &mut self,
        parameters: &str,
        body: &'p [Stmt],
        before: impl FnOnce(&mut Self),
    ) -> (String, bool, Vec<(Place, Place)>) {
        let number = self.callbacks_begun + 1;
        self.callbacks_begun = number;
        let name = if number == 1 { format!("{OWN}_loop") } else { format!("{OWN}_loop{number}") };
        let (outside, changed) = self.copy_in(body);
        let outer_returns = std::mem::replace(&mut self.returns_from_callback, false);
        let (outer_ctx, outer_scratch) = (self.uses_ctx, self.uses_scratch);
        self.uses_ctx = false;
        self.in_callback += 1;
        self.loops.push(LoopKind::Callback);
        let depth = self.code.depth();
        let outer = std::mem::replace(&mut self.code, super::writer::Code::at(1));
        before(self);
        self.stmts(body);
        let inner = std::mem::replace(&mut self.code, outer);
        debug_assert_eq!(depth, self.code.depth());
        self.loops.pop();
        self.in_callback -= 1;
        let text = inner.into_text();
        let mut function = format!("static long {name}({parameters})\n{{\n");
        function += &format!("\tstruct {OWN}_frame *frame = data;\n");
        if mentions_word(&text, "scratch") || mentions_word(&text, "vars") {
            function += &format!("\tstruct {OWN}_scratch *scratch = frame->scratch;\n");
            self.shares_scratch = true;
        }
        if mentions_word(&text, "vars") {
            function += &format!("\tstruct {OWN}_vars *vars = &scratch->vars;\n");
        }
        if self.uses_ctx && mentions_word(&text, "ctx") {
            let ty = self.ctx_type();
            function += &format!("\t{ty}ctx = frame->ctx;\n");
            self.shares_ctx = true;
        }
        if !mentions_word(&function, "scratch") && !mentions_word(&text, "frame") && !mentions_word(&function, "ctx") {
            function = format!("static long {name}({parameters} __maybe_unused)\n{{\n");
        }
        function += "\n";
        function += &text;
        function += "\treturn 0;\n}\n\n";
        self.callbacks.push(function);
        let returned = self.returns_from_callback;
        self.returns_from_callback |= outer_returns;
        self.ends_in_callback |= returned;
        self.uses_ctx |= outer_ctx;
        self.uses_scratch |= outer_scratch;
        for (index, place) in outside {
            self.locals[index] = Some(place);
        }
        (name, returned, changed)
    }
}

/// How many steps a range has, when that is known and small.
pub fn steps(start: &Expr, end: &Expr) -> Option<i64> {
    let (start, end) = (super::expr::fold(start)?, super::expr::fold(end)?);
    let steps = end.saturating_sub(start).max(0);
    (steps <= PLAIN_STEPS).then_some(steps)
}

fn mentions_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|part| part == word)
}

fn changes(body: &[Stmt], local: LocalId) -> bool {
    let mut found = false;
    walk::stmts(body, &mut |s| {
        found |= matches!(s.kind, StmtKind::SetLocal { local: id, .. } if id == local);
        walk::stmt(s, &mut |e| {
            found |= matches!(
                e.kind,
                ExprKind::LocalStep { local: id, .. }
                    | ExprKind::MapFind { local: id, .. }
                    | ExprKind::AddressOfLocal(id) if id == local
            );
        });
    });
    found
}
