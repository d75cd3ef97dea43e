//! Map value functions: `@ = count()` and its like.

use crate::check::Lower;
use crate::codes;
use crate::program::{AggregateUpdate, Expr, ExprKind, MapId, SettingSource, Stmt, StmtKind};
use crate::source::Span;
use crate::stdlib::CallSite;
use crate::syntax::ast;
use crate::types::{Aggregate, IntType, LinearBound, SeriesAggregate, Type};

/// The functions whose value only goes straight into a map, with the least and most arguments.
pub(crate) const AGGREGATES: [(&str, usize, usize); 9] = [
    ("count", 0, 0),
    ("sum", 1, 1),
    ("min", 1, 1),
    ("max", 1, 1),
    ("avg", 1, 1),
    ("stats", 1, 1),
    ("hist", 1, 2),
    ("lhist", 4, 4),
    ("tseries", 3, 4),
];

/// The call, if the expression is one of a map value function.
pub(crate) fn aggregate_call(expr: &ast::Expr) -> Option<CallSite<'_>> {
    match &expr.kind {
        ast::ExprKind::Call { name, args } => {
            let (name, ..) = AGGREGATES.iter().find(|(known, ..)| *known == name.name)?;
            Some(CallSite { name, args, span: expr.span })
        }
        ast::ExprKind::Expanded { body, .. } => aggregate_call(body),
        ast::ExprKind::Block(block) if block.stmts.is_empty() => aggregate_call(block.value.as_deref()?),
        ast::ExprKind::Ident(name) if name == "count" => Some(CallSite { name: "count", args: &[], span: expr.span }),
        _ => None,
    }
}

/// Where a map value function stands alone.
pub(crate) fn misplaced(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    note_series(lower, site);
    lower.error(codes::AGGREGATE_MISUSE, site.span, format!("{}() must be assigned directly to a map", site.name))
}

/// `tseries()` may still change: says so, wherever it stands.
fn note_series(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Option<()> {
    if site.name == "tseries" { lower.unstable_tseries(site) } else { Some(()) }
}

impl Lower<'_> {
    /// `@m[k] = count()`: the statement.
    pub(crate) fn aggregate(&mut self, map: MapId, key: Option<Expr>, site: &CallSite<'_>, span: Span) -> Option<Stmt> {
        let (_, least, most) = AGGREGATES.iter().find(|(name, ..)| *name == site.name)?;
        note_series(self, site)?;
        let found = site.args.len();
        if found < *least || found > *most {
            let message = crate::check::wrong_count(site.name, found, *least, *most);
            self.error(codes::ARGUMENT_COUNT, site.span, message);
            return None;
        }
        if site.name == "count" {
            self.grow_map_value(map, &Type::Aggregate(Aggregate::Count), site.span);
            let kind = StmtKind::Aggregate { map, key, update: AggregateUpdate::Count };
            return Some(Stmt { kind, span });
        }
        let value = self.value(site, &site.args[0])?;
        if !matches!(value.ty, Type::Int(_) | Type::Enum { .. }) {
            let message = match site.name {
                "hist" | "lhist" | "tseries" => format!(
                    "{}() only supports int arguments ({} provided)",
                    site.name,
                    crate::check::kind_name(&value.ty)
                ),
                _ => format!(
                    "{}() only supports integer arguments ({} provided)",
                    site.name,
                    crate::check::shown(&value.ty)
                ),
            };
            self.error(codes::ARGUMENT_TYPE, site.span, message);
            return None;
        }
        let signed = matches!(value.ty, Type::Int(IntType { signed: true, .. }));
        let aggregate = self.aggregate_of(site, signed)?;
        let kept = self.grow_map_value(map, &Type::Aggregate(aggregate.clone()), site.span);
        // The map may be signed because of another use.
        let signed = match &kept {
            Type::Aggregate(
                Aggregate::Sum { signed }
                | Aggregate::Min { signed }
                | Aggregate::Max { signed }
                | Aggregate::Avg { signed }
                | Aggregate::Stats { signed }
                | Aggregate::TimeSeries { signed, .. },
            ) => *signed,
            Type::Aggregate(Aggregate::Linear { .. }) => true,
            _ => signed,
        };
        let value = self.coerce(value, &Type::Int(IntType { bits: 64, signed }));
        let update = match aggregate {
            Aggregate::Count => AggregateUpdate::Count,
            Aggregate::Sum { .. } => AggregateUpdate::Sum(value),
            Aggregate::Min { .. } => AggregateUpdate::Min(value),
            Aggregate::Max { .. } => AggregateUpdate::Max(value),
            Aggregate::Avg { .. } | Aggregate::Stats { .. } => AggregateUpdate::Avg(value),
            Aggregate::Hist { .. } => AggregateUpdate::Hist(value),
            Aggregate::Linear { .. } => AggregateUpdate::Linear(value),
            Aggregate::TimeSeries { .. } => AggregateUpdate::TimeSeries(value),
        };
        Some(Stmt { kind: StmtKind::Aggregate { map, key, update }, span })
    }

    fn aggregate_of(&mut self, site: &CallSite<'_>, signed: bool) -> Option<Aggregate> {
        Some(match site.name {
            "sum" => Aggregate::Sum { signed },
            "min" => Aggregate::Min { signed },
            "max" => Aggregate::Max { signed },
            "avg" => Aggregate::Avg { signed },
            "stats" => Aggregate::Stats { signed },
            "hist" => Aggregate::Hist { k: self.hist_bits(site)? },
            "lhist" => self.linear(site)?,
            _ => self.series(site, signed)?,
        })
    }

    fn hist_bits(&mut self, site: &CallSite<'_>) -> Option<u8> {
        let Some(arg) = site.args.get(1) else { return Some(0) };
        let bits = self.value(site, arg)?;
        match crate::check::constant_int(&bits) {
            Some(bits @ 0..=5) => Some(bits as u8),
            Some(bits) => {
                self.error(codes::ARGUMENT_TYPE, site.span, format!("hist: bits {bits} must be 0..5"));
                None
            }
            None => {
                self.error(codes::NOT_CONSTANT, site.span, "hist() bits must be an integer literal");
                None
            }
        }
    }

    fn linear(&mut self, site: &CallSite<'_>) -> Option<Aggregate> {
        let mut bounds = Vec::new();
        for (at, name) in [(1, "min"), (2, "max"), (3, "step")] {
            let value = self.value(site, &site.args[at])?;
            let bound = match (&value.kind, crate::check::constant_int(&value)) {
                (_, Some(n)) => LinearBound::Const(n),
                (ExprKind::Setting(id), _) => match &self.rodata[id.0].source {
                    SettingSource::ParamNumber(n) => LinearBound::Param(*n),
                    _ => return self.no_bound(site, name),
                },
                _ => return self.no_bound(site, name),
            };
            bounds.push(bound);
        }
        let bounds: [LinearBound; 3] = bounds.try_into().ok()?;
        let [min, max, step] = bounds;
        if let (LinearBound::Const(low), LinearBound::Const(high), LinearBound::Const(width)) = (&min, &max, &step) {
            let message = if *width < 0 {
                "lhist: invalid step value".to_owned()
            } else if *width == 0 {
                format!("lhist() step must be >= 1 ({width} provided)")
            } else if *low < 0 {
                "lhist: invalid min value (must be non-negative literal)".to_owned()
            } else if low > high {
                format!("lhist() min must be less than max (provided min {low} and max {high})")
            } else if high - low < *width {
                format!(
                    "lhist() step is too large for the given range (provided step {width} for range {})",
                    high - low
                )
            } else if (high - low) / width > 1000 {
                format!("lhist() too many buckets, must be <= 1000 (would need {})", (high - low) / width)
            } else {
                return Some(Aggregate::Linear { min, max, step });
            };
            self.error(codes::ARGUMENT_TYPE, site.span, message);
            return None;
        }
        Some(Aggregate::Linear { min, max, step })
    }

    fn no_bound<T>(&mut self, site: &CallSite<'_>, name: &str) -> Option<T> {
        let message = match name {
            "step" => "lhist: invalid step value".to_owned(),
            _ => format!("lhist: invalid {name} value (must be non-negative literal)"),
        };
        self.error(codes::NOT_CONSTANT, site.span, message);
        None
    }

    /// A literal that is not negative.
    fn natural(&mut self, site: &CallSite<'_>, at: usize, name: &str) -> Option<u64> {
        let value = self.value(site, &site.args[at])?;
        match crate::check::constant_int(&value) {
            Some(n) if n >= 0 || matches!(value.ty, Type::Int(IntType { signed: false, .. })) => Some(n as u64),
            _ => {
                let message = format!("{}: invalid {name} value (must be non-negative literal)", site.name);
                self.error(codes::NOT_CONSTANT, site.span, message);
                None
            }
        }
    }

    fn series(&mut self, site: &CallSite<'_>, signed: bool) -> Option<Aggregate> {
        let interval = self.natural(site, 1, "interval_ns")?;
        let buckets = self.natural(site, 2, "num_intervals")?;
        for (name, n) in [("interval_ns", interval), ("num_intervals", buckets)] {
            if n < 1 {
                self.error(codes::ARGUMENT_TYPE, site.span, format!("tseries() {name} must be >= 1 ({n} provided)"));
                return None;
            }
        }
        if buckets > 1_000_000 {
            self.error(
                codes::ARGUMENT_TYPE,
                site.span,
                format!("tseries() num_intervals must be < 1000000 ({buckets} provided)"),
            );
            return None;
        }
        let agg = if site.args.len() == 4 {
            let text = self.literal_text(site, 3)?;
            match text.as_slice() {
                b"avg" => SeriesAggregate::Avg,
                b"max" => SeriesAggregate::Max,
                b"min" => SeriesAggregate::Min,
                b"sum" => SeriesAggregate::Sum,
                other => {
                    let message = format!(
                        "tseries() expects one of the following aggregation functions: avg, max, min, sum (\"{}\" \
                         provided)",
                        String::from_utf8_lossy(other)
                    );
                    self.error(codes::ARGUMENT_TYPE, site.span, message);
                    return None;
                }
            }
        } else {
            SeriesAggregate::Last
        };
        Some(Aggregate::TimeSeries { interval, buckets: buckets as u32, agg, signed })
    }
}
