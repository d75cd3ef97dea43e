//! Visiting every expression below another, in order of evaluation.

use crate::program::{AggregateUpdate, Call, Expr, ExprKind, Stmt, StmtKind};

/// Calls `visit` with `e` and all that it contains.
pub fn expr<'a>(e: &'a Expr, visit: &mut dyn FnMut(&'a Expr)) {
    visit(e);
    let mut optional = |e: &'a Option<Box<Expr>>| {
        if let Some(e) = e {
            expr(e, visit);
        }
    };
    match &e.kind {
        ExprKind::MapGet { key, .. }
        | ExprKind::MapSummary { key, .. }
        | ExprKind::MapDelete { key, .. }
        | ExprKind::MapStep { key, .. }
        | ExprKind::AddressOfMap { key, .. } => optional(key),
        ExprKind::MapHas { key, .. } | ExprKind::MapFind { key, .. } => expr(key, visit),
        ExprKind::StackLen(e)
        | ExprKind::Negate(e)
        | ExprKind::Invert(e)
        | ExprKind::Not(e)
        | ExprKind::Cast(e)
        | ExprKind::Deref(e) => expr(e, visit),
        ExprKind::Binary { left, right, .. } | ExprKind::Equal { left, right, .. } => {
            expr(left, visit);
            expr(right, visit);
        }
        ExprKind::PointerOffset { pointer, offset } => {
            expr(pointer, visit);
            expr(offset, visit);
        }
        ExprKind::And(a, b) | ExprKind::Or(a, b) => {
            expr(a, visit);
            expr(b, visit);
        }
        ExprKind::Ternary { cond, then, otherwise } => {
            expr(cond, visit);
            expr(then, visit);
            expr(otherwise, visit);
        }
        ExprKind::FieldOf { pointer, .. } | ExprKind::FieldAddress { pointer, .. } => expr(pointer, visit),
        ExprKind::Member { base, .. } | ExprKind::Item { base, .. } => expr(base, visit),
        ExprKind::Element { base, index } => {
            expr(base, visit);
            expr(index, visit);
        }
        ExprKind::Aggregate(items) => items.iter().for_each(|e| expr(e, visit)),
        ExprKind::Block(stmts, value) => {
            stmts.iter().for_each(|s| stmt(s, visit));
            expr(value, visit);
        }
        ExprKind::Call(call) => call_args(call, visit),
        ExprKind::Int(_)
        | ExprKind::Bool(_)
        | ExprKind::Str(_)
        | ExprKind::Bytes(_)
        | ExprKind::Zero
        | ExprKind::Local(_)
        | ExprKind::MapLen(_)
        | ExprKind::LocalStep { .. }
        | ExprKind::AddressOfLocal(_)
        | ExprKind::Context(_)
        | ExprKind::Builtin(_)
        | ExprKind::Setting(_) => {}
    }
}

fn call_args<'a>(call: &'a Call, visit: &mut dyn FnMut(&'a Expr)) {
    match call {
        Call::Str { pointer, len } | Call::Buf { pointer, len } => {
            expr(pointer, visit);
            if let Some(len) = len {
                expr(len, visit);
            }
        }
        Call::BufOf(e)
        | Call::KernelSymbol(e)
        | Call::UserSymbol(e)
        | Call::MacAddress(e)
        | Call::Name(e)
        | Call::NameText(e)
        | Call::ByteSwap(e)
        | Call::StrLen(e)
        | Call::SocketCookie(e)
        | Call::SetSpace(e)
        | Call::CommOf(e)
        | Call::Strftime { nsecs: e, .. }
        | Call::CgroupPath { id: e, .. }
        | Call::Path { pointer: e, .. } => expr(e, visit),
        Call::Ntop { family, address } => {
            if let Some(family) = family {
                expr(family, visit);
            }
            expr(address, visit);
        }
        Call::StrNCmp { left, right, .. } | Call::StrConcat(left, right) => {
            expr(left, visit);
            expr(right, visit);
        }
        Call::StrContains { haystack, needle } | Call::StrStr { haystack, needle } => {
            expr(haystack, visit);
            expr(needle, visit);
        }
        Call::GlobMatch { text, pattern } => {
            expr(text, visit);
            expr(pattern, visit);
        }
        Call::WriteUser { pointer, source, length } => {
            expr(pointer, visit);
            expr(source, visit);
            expr(length, visit);
        }
        Call::MemCmp { left, right, n } => {
            expr(left, visit);
            expr(right, visit);
            expr(n, visit);
        }
        Call::PerCpuKaddr { cpu, .. } => {
            if let Some(cpu) = cpu {
                expr(cpu, visit);
            }
        }
        Call::Stats { key, .. } => {
            if let Some(key) = key {
                expr(key, visit);
            }
        }
        Call::ParentPid(task) => {
            if let Some(task) = task {
                expr(task, visit);
            }
        }
        Call::SkbOutput { skb, len, offset, .. } => {
            expr(skb, visit);
            expr(len, visit);
            expr(offset, visit);
        }
        Call::External { args, .. } | Call::Support { args, .. } | Call::Spec { inputs: args, .. } => {
            args.iter().for_each(|e| expr(e, visit))
        }
        Call::SettingStr { .. }
        | Call::Stack(_)
        | Call::KernelSizeOf(_)
        | Call::KernelOffsetOf { .. }
        | Call::KernelFieldExists { .. }
        | Call::KernelEnumValue { .. } => {}
    }
}

/// Calls `visit` with every expression of a statement.
pub fn stmt<'a>(s: &'a Stmt, visit: &mut dyn FnMut(&'a Expr)) {
    let mut optional = |e: &'a Option<Expr>| {
        if let Some(e) = e {
            expr(e, visit);
        }
    };
    match &s.kind {
        StmtKind::Expr(e) | StmtKind::SetLocal { value: e, .. } | StmtKind::Override(e) => expr(e, visit),
        StmtKind::SetMap { key, value, .. } => {
            optional(key);
            expr(value, visit);
        }
        StmtKind::Aggregate { key, update, .. } => {
            optional(key);
            match update {
                AggregateUpdate::Count => {}
                AggregateUpdate::Sum(e)
                | AggregateUpdate::Min(e)
                | AggregateUpdate::Max(e)
                | AggregateUpdate::Avg(e)
                | AggregateUpdate::Hist(e)
                | AggregateUpdate::Linear(e)
                | AggregateUpdate::TimeSeries(e) => expr(e, visit),
            }
        }
        StmtKind::If { cond, then, otherwise } => {
            expr(cond, visit);
            then.iter().chain(otherwise).for_each(|s| stmt(s, visit));
        }
        StmtKind::While { cond, body } => {
            expr(cond, visit);
            body.iter().for_each(|s| stmt(s, visit));
        }
        StmtKind::ForRange { start, end, body, .. } => {
            expr(start, visit);
            expr(end, visit);
            body.iter().for_each(|s| stmt(s, visit));
        }
        StmtKind::ForMap { body, .. } | StmtKind::Block(body) => body.iter().for_each(|s| stmt(s, visit)),
        StmtKind::Unroll { count, body } => {
            expr(count, visit);
            body.iter().for_each(|s| stmt(s, visit));
        }
        StmtKind::Return(e) | StmtKind::Exit { code: e } => optional(e),
        StmtKind::Action { args, .. } | StmtKind::Debug { args, .. } => args.iter().for_each(|e| expr(e, visit)),
        StmtKind::Join { array, .. } => expr(array, visit),
        StmtKind::Signal { signal, .. } => expr(signal, visit),
        StmtKind::Declare(_) | StmtKind::Break | StmtKind::Continue => {}
    }
}

/// Calls `visit` with every statement below and with `stmts` themselves, also those inside expressions.
pub fn stmts<'a>(stmts: &'a [Stmt], visit: &mut dyn FnMut(&'a Stmt)) {
    for s in stmts {
        visit(s);
        match &s.kind {
            StmtKind::If { then, otherwise, .. } => {
                self::stmts(then, visit);
                self::stmts(otherwise, visit);
            }
            StmtKind::While { body, .. }
            | StmtKind::ForRange { body, .. }
            | StmtKind::ForMap { body, .. }
            | StmtKind::Unroll { body, .. }
            | StmtKind::Block(body) => self::stmts(body, visit),
            _ => {}
        }
        stmt_blocks(s, visit);
    }
}

/// Statements inside block expressions that belong directly to `s`.
fn stmt_blocks<'a>(s: &'a Stmt, visit: &mut dyn FnMut(&'a Stmt)) {
    let mut blocks: Vec<&'a [Stmt]> = Vec::new();
    own_exprs(s, &mut |e| {
        if let ExprKind::Block(inner, _) = &e.kind {
            blocks.push(inner);
        }
    });
    for block in blocks {
        stmts(block, visit);
    }
}

/// Expressions of a statement that are not inside its nested statement lists (those of block expressions are visited).
fn own_exprs<'a>(s: &'a Stmt, visit: &mut dyn FnMut(&'a Expr)) {
    match &s.kind {
        StmtKind::If { cond, .. } | StmtKind::While { cond, .. } => expr(cond, visit),
        StmtKind::ForRange { start, end, .. } => {
            expr(start, visit);
            expr(end, visit);
        }
        StmtKind::Unroll { count, .. } => expr(count, visit),
        StmtKind::ForMap { .. } | StmtKind::Block(_) => {}
        _ => stmt(s, visit),
    }
}
