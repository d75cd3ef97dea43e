//! Statements.

use std::collections::{BTreeMap, BTreeSet};

use super::body::{Body, LoopKind, Place, hint};
use super::share::OWN;
use super::value::{Prec, Value};
use super::walk;
use crate::emit::escape;
use crate::program::{BpfProgram, Expr, ExprKind, LocalId, MapId, Stmt, StmtKind};
use crate::types::Type;

/// Variables outside a callback with their places there, and what is to be copied back: from, to.
type Copies = (Vec<(usize, Place)>, Vec<(Place, Place)>);

/// A range of at most this many steps is a plain loop; the verifier follows each.
const PLAIN_STEPS: i64 = 128;
/// `unroll` repeats at most this often.
const MOST_UNROLLED: u32 = 100;

/// Which locals are declared where they are first set.
#[derive(Debug, Default)]
pub struct Homes {
    common: BTreeMap<usize, Vec<usize>>,
    first: BTreeMap<usize, (Vec<usize>, bool)>,
    /// Locals whose value is looked at.
    read: BTreeSet<usize>,
    /// Locals whose address a callback takes.
    pointed: BTreeSet<usize>,
    next: usize,
}

impl Homes {
    /// Looks at a whole program.
    pub fn of(predicate: Option<&Expr>, body: &[Stmt]) -> Self {
        let mut homes = Homes::default();
        let path = vec![0];
        homes.next = 1;
        if let Some(predicate) = predicate {
            homes.uses(predicate, &path);
        }
        homes.list(body, &path);
        walk::stmts(body, &mut |s| {
            if needs_callback(s) {
                walk::stmt(s, &mut |e| {
                    if let ExprKind::AddressOfLocal(id) = e.kind {
                        homes.pointed.insert(id.0);
                    }
                });
            }
        });
        homes
    }

    /// The local is set before it is read, in the list that holds all its uses.
    pub fn is_in_place(&self, local: LocalId) -> bool {
        match (self.common.get(&local.0), self.first.get(&local.0)) {
            (Some(common), Some((path, true))) => common == path,
            _ => false,
        }
    }

    /// The local occurs.
    pub fn is_used(&self, local: LocalId) -> bool {
        self.common.contains_key(&local.0)
    }

    /// A callback takes the local's address.
    pub fn is_pointed_to(&self, local: LocalId) -> bool {
        self.pointed.contains(&local.0)
    }

    /// The local's value is looked at somewhere.
    pub fn is_read(&self, local: LocalId) -> bool {
        self.read.contains(&local.0)
    }

    fn seen(&mut self, local: LocalId, path: &[usize], sets: bool) {
        self.first.entry(local.0).or_insert_with(|| (path.to_vec(), sets));
        match self.common.get_mut(&local.0) {
            None => {
                self.common.insert(local.0, path.to_vec());
            }
            Some(common) => {
                let same = common.iter().zip(path).take_while(|(a, b)| a == b).count();
                common.truncate(same);
            }
        }
    }

    fn uses(&mut self, e: &Expr, path: &[usize]) {
        let mut found = Vec::new();
        walk::expr(e, &mut |e| match &e.kind {
            ExprKind::Local(id) | ExprKind::AddressOfLocal(id) => found.push((*id, true)),
            ExprKind::LocalStep { local, .. } | ExprKind::MapFind { local, .. } => found.push((*local, false)),
            ExprKind::Block(stmts, _) => walk::stmts(stmts, &mut |s| {
                if let StmtKind::SetLocal { local, .. }
                | StmtKind::Declare(local)
                | StmtKind::ForRange { local, .. }
                | StmtKind::ForMap { local, .. } = &s.kind
                {
                    found.push((*local, false));
                }
            }),
            _ => {}
        });
        for (id, read) in found {
            self.seen(id, path, false);
            if read {
                self.read.insert(id.0);
            }
        }
    }

    fn inner(&mut self, stmts: &[Stmt], path: &[usize]) {
        let mut path = path.to_vec();
        path.push(self.next);
        self.next += 1;
        self.list(stmts, &path);
    }

    fn list(&mut self, stmts: &[Stmt], path: &[usize]) {
        for s in stmts {
            match &s.kind {
                StmtKind::SetLocal { local, value } => {
                    self.uses(value, path);
                    self.seen(*local, path, true);
                }
                StmtKind::Declare(local) => self.seen(*local, path, true),
                StmtKind::If { cond, then, otherwise } => {
                    self.uses(cond, path);
                    self.inner(then, path);
                    self.inner(otherwise, path);
                }
                StmtKind::While { cond, body } => {
                    self.uses(cond, path);
                    self.inner(body, path);
                }
                StmtKind::ForRange { local, start, end, body } => {
                    self.uses(start, path);
                    self.uses(end, path);
                    self.seen(*local, path, true);
                    self.inner(body, path);
                }
                StmtKind::ForMap { local, body, .. } => {
                    self.seen(*local, path, true);
                    self.inner(body, path);
                }
                StmtKind::Unroll { count, body } => {
                    self.uses(count, path);
                    self.inner(body, path);
                }
                StmtKind::Block(body) => self.inner(body, path),
                _ => {
                    let mut direct = Vec::new();
                    walk::stmt(s, &mut |e| direct.push(e));
                    // `walk::stmt` visits nested expressions too: `uses` of each is harmless.
                    for e in direct {
                        self.uses(e, path);
                    }
                }
            }
        }
    }
}

/// Whether a loop needs a callback.
pub fn needs_callback(s: &Stmt) -> bool {
    match &s.kind {
        StmtKind::ForMap { .. } => true,
        StmtKind::ForRange { start, end, .. } => steps(start, end).is_none(),
        _ => false,
    }
}

/// Locals that a callback shares with what is around it. Those that live in one callback alone, or in none, stay C
/// variables, whose values the verifier knows.
pub fn shared_locals(program: &BpfProgram, homes: &Homes) -> BTreeSet<usize> {
    let mut all = uses_in(&program.body);
    if let Some(predicate) = &program.predicate {
        count_uses(predicate, &mut all);
    }
    let mut shared = BTreeSet::new();
    walk::stmts(&program.body, &mut |s| {
        let (local, body) = match &s.kind {
            StmtKind::ForMap { local, body, .. } => (*local, body),
            StmtKind::ForRange { local, body, .. } if needs_callback(s) => (*local, body),
            _ => return,
        };
        for (index, count) in uses_in(body) {
            let is_all = all.get(&index).is_some_and(|&all| all == count);
            let is_own = index == local.0 && all.get(&index).is_some_and(|&all| all == count + 1);
            if !((is_own || is_all) && homes.is_in_place(LocalId(index))) {
                shared.insert(index);
            }
        }
    });
    shared
}

/// How often each local occurs in statements.
fn uses_in(body: &[Stmt]) -> BTreeMap<usize, usize> {
    let mut found = BTreeMap::new();
    walk::stmts(body, &mut |s| {
        if let StmtKind::SetLocal { local, .. }
        | StmtKind::Declare(local)
        | StmtKind::ForRange { local, .. }
        | StmtKind::ForMap { local, .. } = &s.kind
        {
            *found.entry(local.0).or_insert(0) += 1;
        }
    });
    for s in body {
        walk::stmt(s, &mut |e| count_use(e, &mut found));
    }
    found
}

fn count_uses(e: &Expr, found: &mut BTreeMap<usize, usize>) {
    walk::expr(e, &mut |e| count_use(e, found));
}

fn count_use(e: &Expr, found: &mut BTreeMap<usize, usize>) {
    if let ExprKind::Local(id)
    | ExprKind::AddressOfLocal(id)
    | ExprKind::LocalStep { local: id, .. }
    | ExprKind::MapFind { local: id, .. } = &e.kind
    {
        *found.entry(id.0).or_insert(0) += 1;
    }
}

/// How many steps a range has, when that is known and small.
fn steps(start: &Expr, end: &Expr) -> Option<i64> {
    let (start, end) = (super::expr::fold(start)?, super::expr::fold(end)?);
    let steps = end.saturating_sub(start).max(0);
    (steps <= PLAIN_STEPS).then_some(steps)
}

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
    fn leave_if_returned(&mut self, returned: bool) {
        if !returned {
            return;
        }
        self.line("if (vars->returned)");
        let text = if self.in_callback > 0 { "\treturn 1;" } else { "\treturn vars->result;" };
        self.line(text);
    }

    fn introduce(&mut self, local: LocalId, value: &str) {
        let name = self.local_name(local);
        let ty = self.program.locals[local.0].ty.clone();
        let text = self.e.types.declare_variable(self.e.program, &ty, &name);
        let unused = if self.homes_read.contains(&local.0) { "" } else { " __maybe_unused" };
        self.line(format!("{text}{unused} = {value};"));
        self.locals[local.0] = Some(self.place(name, &ty, 8));
    }

    /// The place of a local, declared here when it is not yet.
    fn introduced(&mut self, local: LocalId) -> Place {
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

    fn while_loop(&mut self, cond: &'p Expr, body: &'p [Stmt]) {
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
    fn jump(&mut self, word: &str) {
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

    fn unroll(&mut self, count: &'p Expr, body: &'p [Stmt]) {
        let index = self.fresh("i");
        let head = match super::expr::fold(count) {
            Some(n) => format!("for (__u32 {index} = 0; {index} < {n}; {index}++)"),
            None => {
                let value = self.u64_of(count);
                let limit = self.fresh("times");
                self.line(format!("__u64 {limit} = {};", value.text));
                format!("for (__u32 {index} = 0; {index} < {limit} && {index} < {MOST_UNROLLED}; {index}++)")
            }
        };
        self.code.open(head);
        self.loops.push(LoopKind::Unrolled);
        self.stmts(body);
        self.loops.pop();
        self.code.close("");
    }

    fn for_range(&mut self, local: LocalId, start: &'p Expr, end: &'p Expr, body: &'p [Stmt]) {
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

    fn for_map(&mut self, local: LocalId, map: MapId, body: &'p [Stmt]) {
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
