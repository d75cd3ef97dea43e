//! Maps that keep positional parameters as they were given: `@name = $1`, printed and nothing else.
//!
//! Whether a parameter is a number or a text shows when the tool starts. A map of numbers must know it before, one that is
//! only shown need not.

use std::collections::HashMap;

use crate::syntax::ast::{Arg, Expr, ExprKind, Script, StmtKind};
use crate::syntax::visit;

/// The names of such maps.
pub(crate) fn shown_maps(script: &Script) -> Vec<String> {
    // Of each map: how often it is named, and how often as what is set to a parameter or shown.
    let mut named: HashMap<String, (usize, usize)> = HashMap::new();
    let mut set: Vec<String> = Vec::new();
    for probe in &script.probes {
        let mut visit = |expr: &Expr| {
            if let Some(name) = map_name(expr) {
                named.entry(name.to_owned()).or_default().0 += 1;
            }
            if let ExprKind::Call { name, args } = &expr.kind
                && matches!(name.name.as_str(), "print" | "clear" | "zero" | "len" | "delete" | "has_key")
                && let Some(Arg::Expr(first)) = args.first()
                && let Some(name) = map_name(first)
            {
                named.entry(name.to_owned()).or_default().1 += 1;
            }
        };
        for stmt in &probe.body.stmts {
            if let StmtKind::Assign { target, op: None, value } = &stmt.kind
                && matches!(value.kind, ExprKind::Param(_))
                && let Some(name) = map_name(target)
            {
                set.push(name.to_owned());
            }
        }
        visit::block(&probe.body, &mut visit, &mut |_| {});
        probe.predicate.iter().for_each(|predicate| visit::expr(predicate, &mut visit, &mut |_| {}));
    }
    for name in &set {
        named.entry(name.clone()).or_default().1 += 1;
    }
    set.retain(|name| named.get(name).is_some_and(|(all, shown)| all == shown));
    set
}

fn map_name(expr: &Expr) -> Option<&str> {
    match &expr.kind {
        ExprKind::Map(name) => Some(name),
        ExprKind::MapKey { map, .. } => Some(&map.name),
        _ => None,
    }
}
