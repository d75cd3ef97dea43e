//! Where variables are declared.

use std::collections::{BTreeMap, BTreeSet};

use super::loops::steps;
use super::walk;
use crate::program::{BpfProgram, Expr, ExprKind, LocalId, Stmt, StmtKind};

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
pub fn uses_in(body: &[Stmt]) -> BTreeMap<usize, usize> {
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
