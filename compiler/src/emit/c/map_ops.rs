//! Reading and changing maps.

use super::body::{Body, Place};
use super::value::{Prec, Value};
use crate::program::{AggregateUpdate, Expr, LocalId, MapId};
use crate::source::Span;
use crate::types::{Aggregate, LinearBound, SeriesAggregate, Type};

/// The runtime has it as `MISSING_ELEMENT`.
pub const NO_ELEMENT: &str = "Can't lookup map element because it does not exist.";
/// The runtime has it as `FULL_MAP`.
pub const MAP_FULL: &str = "Map full; can't update element. Try increasing max_map_keys config or manually setting the max entries in a map declaration e.g. `let @a = hash(5000)`";

/// Which value of `@m++` or `++@m` is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// `@m++`
    Before,
    /// `++@m`
    After,
    /// None: a statement.
    Dropped,
}

impl Step {
    /// Of an operator in an expression.
    pub fn of(prefix: bool) -> Self {
        if prefix { Step::After } else { Step::Before }
    }
}

impl<'p> Body<'_, 'p> {
    /// C text of a pointer to a map's key, made from the script's key.
    pub fn key(&mut self, map: MapId, key: &'p Expr) -> String {
        let is_bucketed = self.e.maps[map.0].bucketed;
        if is_bucketed {
            return self.bucket_key(map, key, "0");
        }
        self.plain_key(key, "key", &self.e.maps[map.0].key_hint.clone())
    }

    fn plain_key(&mut self, key: &'p Expr, name: &str, tag: &str) -> String {
        use crate::program::ExprKind;
        if matches!(key.ty, Type::Tuple(_) | Type::Record(_)) {
            self.name_tuple(key, tag);
        }
        let is_lying = matches!(key.kind, ExprKind::Local(_) | ExprKind::Item { .. });
        // A scalar variable whose address is taken would be lost to the verifier, which then cannot see loops end.
        if is_lying && !key.ty.is_scalar() {
            let place = self.place_of(key);
            return self.address(&place);
        }
        if !key.ty.is_scalar() {
            let place = if matches!(key.kind, ExprKind::Aggregate(_)) {
                let place = self.temp(&key.ty, name);
                self.store(&place, key);
                place
            } else {
                self.place_of(key)
            };
            return self.address(&place);
        }
        let value = self.u64_of(key);
        let name = super::body::hint(key, self).unwrap_or_else(|| name.to_string());
        let name = self.fresh(&name);
        let text = self.e.types.declare(self.e.program, &key.ty, &name);
        self.line(format!("{text} = {};", value.text));
        format!("&{name}")
    }

    /// The key of a bucket: the script's key with the bucket's number behind it.
    fn bucket_key(&mut self, map: MapId, key: &'p Expr, bucket: &str) -> String {
        let info = self.e.maps[map.0].clone();
        let name = self.fresh("key");
        let text = format!("struct {} {name}", info.key_tag);
        let size = self.size_of(&key.ty) + 8;
        let place = if size <= self.e.program.config.on_stack_limit.max(8) {
            self.line(format!("{text} = {{}};"));
            name
        } else {
            let tag = info.key_tag.clone();
            let member = self.scratch_member(|member| format!("struct {tag} {member}"), "key");
            self.line(format!("tw_zero(&{member}, sizeof({member}));"));
            member
        };
        let inner = Place { align: 8, ..self.place(format!("{place}.key"), &key.ty, 8) };
        self.store(&inner, key);
        self.line(format!("{place}.bucket = {bucket};"));
        format!("&{place}")
    }

    /// A pointer to an element; the place it leads to is good only where the pointer is not NULL.
    fn lookup(&mut self, map: MapId, key: Option<&'p Expr>, hint: &str) -> (String, Place) {
        self.lookup_checked(map, key, hint, None)
    }

    /// As above; `-k` tells when nothing is there.
    fn lookup_checked(&mut self, map: MapId, key: Option<&'p Expr>, hint: &str, span: Option<Span>) -> (String, Place) {
        let info = self.e.maps[map.0].clone();
        let value = self.e.program.map(map).value.clone();
        let call = match key {
            Some(key) if !info.array => {
                let key = self.key(map, key);
                let call = format!("bpf_map_lookup_elem(&{}, {key})", info.name);
                match span {
                    Some(span) => {
                        let check = self.e.check("map_lookup_elem", NO_ELEMENT, false, span);
                        format!("tw_found({check}, {call})")
                    }
                    None => call,
                }
            }
            _ => format!("tw_scalar(&{})", info.name),
        };
        let name = self.fresh(hint);
        if info.array {
            self.line(format!("struct {} *{name} = {call};", info.value_tag));
            let place = self.place(format!("{name}->value"), &value, 8);
            return (name, place);
        }
        let (text, place) = self.value_pointer(&value, &name);
        self.line(format!("{text} = {call};"));
        (name, place)
    }

    /// With `-k`, that nothing is there yet.
    fn tell_missing(&mut self, span: Span) {
        let check = self.e.check("map_lookup_elem", NO_ELEMENT, false, span);
        self.line(format!("tw_found({check}, NULL);"));
    }

    /// Declares a pointer to a value in storage, and the place it leads to.
    pub fn value_pointer(&mut self, ty: &Type, name: &str) -> (String, Place) {
        let program = self.e.program;
        let decayed = Place { decayed: true, ..self.place(name.to_string(), ty, 1) };
        match ty {
            Type::String { .. } => (format!("char *{name}"), decayed),
            Type::MacAddress => (format!("__u8 *{name}"), decayed),
            Type::Array { of, .. } => {
                let inner = match **of {
                    Type::Array { .. } | Type::String { .. } => format!("(*{name})"),
                    _ => format!("*{name}"),
                };
                (self.e.types.declare(program, of, &inner), decayed)
            }
            ty if self.is_kernel_struct(ty) => (format!("__u8 *{name}"), decayed),
            ty => {
                let text = self.e.types.declare(program, ty, &format!("*{name}"));
                (text, self.place(format!("(*{name})"), ty, 8))
            }
        }
    }

    fn map_hint(&self, map: MapId) -> String {
        let name = &self.e.program.map(map).name;
        if name.is_empty() { "value".to_string() } else { name.clone() }
    }

    /// `@m[k]` of a scalar type: zero when missing.
    pub fn map_get(&mut self, e: &'p Expr, map: MapId, key: Option<&'p Expr>) -> Value {
        let hint = self.map_hint(map);
        let (pointer, place) = self.lookup_checked(map, key, &hint, Some(e.span));
        let text = if place.text.starts_with('(') { format!("*{pointer}") } else { place.text };
        let text = format!("{pointer} ? {text} : 0");
        let value = Value { text, prec: Prec::Conditional };
        match &e.ty {
            Type::Pointer { to, .. } => {
                let to = self.e.types.pointer(self.e.program, to);
                Value::cast(&to, &value)
            }
            _ => value,
        }
    }

    /// `@m[k]` of another type, into a place.
    pub fn map_get_into(&mut self, to: &Place, map: MapId, key: Option<&'p Expr>, span: Span) {
        let hint = self.map_hint(map);
        let (pointer, place) = self.lookup_checked(map, key, &hint, Some(span));
        self.code.open(format!("if ({pointer})"));
        self.copy(to, &place);
        self.code.otherwise();
        self.zero(to);
        self.code.close("");
    }

    /// `&@m[k]`
    pub fn map_address(&mut self, e: &'p Expr, map: MapId, key: Option<&'p Expr>) -> Value {
        let to = self.e.types.scalar(self.e.program, &e.ty);
        let declared = &self.e.program.maps[map.0];
        if key.is_none() && (declared.key.is_some() || matches!(declared.value, Type::Aggregate(_))) {
            let itself = format!("(void *)&{}", self.e.maps[map.0].name);
            return Value::cast(&to, &Value { prec: Prec::Unary, text: itself });
        }
        let hint = self.map_hint(map);
        let (pointer, _) = self.lookup(map, key, &hint);
        Value::cast(&to, &Value::atom(pointer))
    }

    /// `has_key(@m, k)`
    pub fn map_has(&mut self, map: MapId, key: &'p Expr) -> Value {
        let name = self.e.maps[map.0].name.clone();
        let key = self.key(map, key);
        let value = Value::atom(format!("bpf_map_lookup_elem(&{name}, {key})"));
        Value::unary("!", &Value::unary("!", &value))
    }

    /// `find(@m, k, $v)`
    pub fn map_find(&mut self, map: MapId, key: &'p Expr, local: LocalId) -> Value {
        let hint = self.map_hint(map);
        let (pointer, place) = self.lookup(map, Some(key), &hint);
        let to = self.local(local);
        self.code.open(format!("if ({pointer})"));
        self.copy(&to, &place);
        self.code.close("");
        Value::binary("!=", Prec::Equality, &Value::atom(pointer), &Value::atom("NULL"))
    }

    /// `delete(@m, k)`: whether it was there.
    pub fn map_delete(&mut self, map: MapId, key: Option<&'p Expr>) -> Value {
        let info = self.e.maps[map.0].clone();
        if info.array {
            return self.scalar_delete(map);
        }
        let Some(key) = key else { return Value::atom("false") };
        if let Some(buckets) = info.buckets.filter(|_| info.bucketed) {
            let key = self.bucket_key(map, key, "0");
            let place = key.trim_start_matches('&').to_string();
            let name = self.fresh("deleted");
            self.line(format!("bool {name} = false;"));
            self.code.open(format!("for ({place}.bucket = 0; {place}.bucket < {buckets}; {place}.bucket++)"));
            self.line(format!("{name} |= !bpf_map_delete_elem(&{}, {key});", info.name));
            self.code.close("");
            return Value::atom(name);
        }
        let call = self.delete_call(map, key);
        // A variable, so that the deletion happens here and once.
        let name = self.fresh("deleted");
        self.line(format!("bool {name} = !{call};"));
        Value::atom(name)
    }

    fn delete_call(&mut self, map: MapId, key: &'p Expr) -> String {
        let key = self.key(map, key);
        format!("bpf_map_delete_elem(&{}, {key})", self.e.maps[map.0].name)
    }

    /// `delete(@m, k)` whose result nobody wants.
    pub fn discard_delete(&mut self, map: MapId, key: Option<&'p Expr>) {
        let info = &self.e.maps[map.0];
        match key {
            Some(key) if !info.array && !info.bucketed => {
                let call = self.delete_call(map, key);
                self.line(format!("{call};"));
            }
            _ => {
                let value = self.map_delete(map, key);
                self.line(format!("(void){};", value.at(Prec::Unary)));
            }
        }
    }

    /// A scalar map is deleted by forgetting its value.
    fn scalar_delete(&mut self, map: MapId) -> Value {
        let info = self.e.maps[map.0].clone();
        let value = self.e.program.map(map).value.clone();
        if let Type::Aggregate(_) = value {
            self.e.header("cpus.bpf.h");
            self.e.uses_cpu_count = true;
            let buckets = info.buckets.unwrap_or(1);
            self.line(format!("tw_forget(&{}, {buckets}, {});", info.name, info.value_size));
            return Value::atom("true");
        }
        let (pointer, place) = self.lookup(map, None, "deleted");
        let name = self.fresh("was_set");
        self.line(format!("bool {name} = {pointer} && {pointer}->set;"));
        self.code.open(format!("if ({name})"));
        self.zero(&place);
        self.line(format!("{pointer}->set = 0;"));
        self.code.close("");
        Value::atom(name)
    }

    /// `len(@m)`
    pub fn map_len(&mut self, map: MapId) -> Value {
        let info = self.e.maps[map.0].clone();
        if info.array {
            return Value::atom("1");
        }
        self.e.header("length.bpf.h");
        Value::atom(format!("tw_map_length(&{})", info.name))
    }

    /// `@m[k]++`
    pub fn map_step(&mut self, e: &'p Expr, map: MapId, key: Option<&'p Expr>, by: i64, step: Step) -> Value {
        let info = self.e.maps[map.0].clone();
        let ty = self.e.program.map(map).value.clone();
        let by = by * i64::from(self.step_size(&ty));
        let text = self.e.types.declare(self.e.program, &ty, "");
        let text = text.trim().to_string();
        let kept = step != Step::Dropped;
        let old = if kept { self.fresh("before") } else { String::new() };
        if info.array {
            let (pointer, place) = self.lookup(map, None, "element");
            if kept {
                self.line(format!("{text} {old} = 0;"));
            }
            self.code.open(format!("if ({pointer})"));
            if kept {
                self.line(format!("{old} = {};", place.text));
            }
            self.bump(&place.text, &format!("&{}", place.text), &ty, by);
            self.line(format!("{pointer}->set = 1;"));
            self.code.close("");
        } else if let Some(key) = key {
            let key = self.key(map, key);
            let pointer = self.fresh("element");
            self.line(format!("{text} *{pointer} = bpf_map_lookup_elem(&{}, {key});", info.name));
            if kept {
                self.line(format!("{text} {old} = 0;"));
            }
            self.code.open(format!("if ({pointer})"));
            if kept {
                self.line(format!("{old} = *{pointer};"));
            }
            self.bump(&format!("*{pointer}"), &pointer, &ty, by);
            self.code.otherwise();
            self.tell_missing(e.span);
            let first = self.fresh("first");
            self.line(format!("{text} {first} = {by};"));
            let check = self.e.check("map_update_elem", MAP_FULL, true, e.span);
            self.line(format!("tw_must({check}, bpf_map_update_elem(&{}, {key}, &{first}, BPF_ANY));", info.name));
            self.code.close("");
        }
        if !kept {
            return Value::atom("0");
        }
        let value = if step == Step::After {
            let sign = if by < 0 { "-" } else { "+" };
            Value::binary(sign, Prec::Sum, &Value::atom(old), &Value::atom(by.abs().to_string()))
        } else {
            Value::atom(old)
        };
        let to = self.e.types.scalar(self.e.program, &e.ty);
        if matches!(e.ty, Type::Int(int) if int.bits == 64) { value } else { Value::cast(&to, &value) }
    }

    /// Adds to a map's value; atomically where the machine can.
    fn bump(&mut self, lvalue: &str, address: &str, ty: &Type, by: i64) {
        if matches!(self.size_of(ty), 4 | 8) {
            self.line(format!("__sync_fetch_and_add({address}, {by});"));
        } else {
            self.line(format!("{lvalue} += {by};"));
        }
    }

    /// `@m[k] = v`
    pub fn set_map(&mut self, map: MapId, key: Option<&'p Expr>, value: &'p Expr, span: Span) {
        let info = self.e.maps[map.0].clone();
        let ty = self.e.program.map(map).value.clone();
        if info.array {
            if !value.ty.is_scalar() {
                let from = self.place_of(value);
                let hint = format!("{}_value", self.map_hint(map));
                let (pointer, place) = self.lookup(map, None, &hint);
                self.code.open(format!("if ({pointer})"));
                self.copy(&place, &from);
                self.line(format!("{pointer}->set = 1;"));
                self.code.close("");
                return;
            }
            let value = self.u64_of(value);
            let hint = format!("{}_value", self.map_hint(map));
            let (pointer, place) = self.lookup(map, None, &hint);
            self.code.open(format!("if ({pointer})"));
            self.line(format!("{} = {};", place.text, value.text));
            self.line(format!("{pointer}->set = 1;"));
            self.code.close("");
            return;
        }
        let Some(key) = key else { return };
        // The value before the key: `@[tid] = @[tid] + 1` reads more easily, and neither sees the other.
        let source = if value.ty.is_scalar() {
            let text = self.u64_of(value);
            let name = super::body::hint(value, self).unwrap_or_else(|| "value".to_string());
            let name = self.fresh(&name);
            let declared = self.e.types.declare(self.e.program, &ty, &name);
            self.line(format!("{declared} = {};", text.text));
            format!("&{name}")
        } else {
            let place = self.place_of(value);
            self.address(&place)
        };
        let key = self.key(map, key);
        let check = self.e.check("map_update_elem", MAP_FULL, true, span);
        self.line(format!("tw_must({check}, bpf_map_update_elem(&{}, {key}, {source}, BPF_ANY));", info.name));
    }

    /// An aggregate as a number, summed over the CPUs.
    pub fn map_summary(&mut self, e: &'p Expr, map: MapId, key: Option<&'p Expr>) -> Value {
        let key = self.element_key(map, key);
        let value = self.summary_of(map, &key);
        let to = self.e.types.scalar(self.e.program, &e.ty);
        Value::cast(&to, &value)
    }

    /// A pointer to the BPF key of an element.
    fn element_key(&mut self, map: MapId, key: Option<&'p Expr>) -> String {
        match key {
            Some(key) if !self.e.maps[map.0].array => self.key(map, key),
            _ => {
                let name = self.fresh("zero");
                self.line(format!("__u32 {name} = 0;"));
                format!("&{name}")
            }
        }
    }

    /// Count, average and total of a `stats()` element.
    pub fn stats_into(&mut self, to: &Place, map: MapId, key: Option<&'p Expr>) {
        self.e.header("cpus.bpf.h");
        self.e.uses_cpu_count = true;
        let key = self.element_key(map, key);
        let name = self.e.maps[map.0].name.clone();
        let signed = matches!(self.e.program.aggregate(map), Some(Aggregate::Stats { signed: true }));
        let dst = self.address(to);
        self.line(format!("tw_read_stats(&{name}, {key}, {signed}, {dst});"));
    }

    /// The number that an aggregate amounts to, by a pointer to its BPF key.
    pub fn summary_of(&mut self, map: MapId, key: &str) -> Value {
        let info = self.e.maps[map.0].clone();
        let name = &info.name;
        if !info.per_cpu {
            let pointer = self.fresh("total");
            self.line(format!("__u64 *{pointer} = bpf_map_lookup_elem(&{name}, {key});"));
            return Value { text: format!("{pointer} ? *{pointer} : 0"), prec: Prec::Conditional };
        }
        self.e.header("cpus.bpf.h");
        self.e.uses_cpu_count = true;
        let text = match self.e.program.aggregate(map) {
            Some(Aggregate::Min { signed }) => format!("tw_lowest(&{name}, {key}, {signed})"),
            Some(Aggregate::Max { signed }) => format!("tw_highest(&{name}, {key}, {signed})"),
            Some(Aggregate::Avg { signed } | Aggregate::Stats { signed }) => {
                format!("tw_mean(&{name}, {key}, {signed})")
            }
            _ => format!("tw_sum(&{name}, {key})"),
        };
        Value::atom(text)
    }

    /// `@m[k] = count()` and its like.
    pub fn aggregate(&mut self, map: MapId, key: Option<&'p Expr>, update: &'p AggregateUpdate, span: Span) {
        self.e.header("aggregates.bpf.h");
        let span = self.update_span(update, span);
        let Some(aggregate) = self.e.program.aggregate(map).cloned() else { return };
        match (update, &aggregate) {
            (AggregateUpdate::Count, _) => self.update(map, key, span, |_| ("tw_add", "1".to_string())),
            (AggregateUpdate::Sum(n), _) if self.e.maps[map.0].array => {
                self.update(map, key, span, |body| ("tw_add_total", body.text(n)));
            }
            (AggregateUpdate::Sum(n), _) => self.update(map, key, span, |body| ("tw_add", body.text(n))),
            (AggregateUpdate::Min(n), Aggregate::Min { signed }) => {
                let name = if *signed { "tw_signed_min" } else { "tw_min" };
                self.update(map, key, span, |body| (name, body.text(n)));
            }
            (AggregateUpdate::Max(n), Aggregate::Max { signed }) => {
                let name = if *signed { "tw_signed_max" } else { "tw_max" };
                self.update(map, key, span, |body| (name, body.text(n)));
            }
            (AggregateUpdate::Avg(n), _) => {
                self.update(map, key, span, |body| ("tw_average", body.text(n)));
            }
            (AggregateUpdate::Hist(n), Aggregate::Hist { k }) => {
                self.e.header("histogram.bpf.h");
                let value = self.text(n);
                self.add_bucket(map, key, &format!("tw_signed_log2_bucket({value}, {k})"), span);
            }
            (AggregateUpdate::Linear(n), Aggregate::Linear { min, max, step }) => {
                self.e.header("histogram.bpf.h");
                let value = self.text(n);
                let (min, max, step) = (self.bound(min), self.bound(max), self.bound(step));
                self.add_bucket(map, key, &format!("tw_linear_bucket({value}, {min}, {max}, {step})"), span);
            }
            (AggregateUpdate::TimeSeries(n), Aggregate::TimeSeries { interval, buckets, agg, signed }) => {
                self.series(map, key, n, (*interval, *buckets, *agg, *signed), span);
            }
            _ => {}
        }
    }

    /// Place of `count()` in `@m[k] = count()`: what is told of a full map names it.
    fn update_span(&self, update: &AggregateUpdate, span: Span) -> Span {
        let names: &[&str] = match update {
            AggregateUpdate::Count => &["count"],
            AggregateUpdate::Sum(_) => &["sum"],
            AggregateUpdate::Min(_) => &["min"],
            AggregateUpdate::Max(_) => &["max"],
            AggregateUpdate::Avg(_) => &["avg", "stats"],
            AggregateUpdate::Hist(_) => &["hist"],
            AggregateUpdate::Linear(_) => &["lhist"],
            AggregateUpdate::TimeSeries(_) => &["tseries"],
        };
        let text = self.e.program.sources.text(span);
        let Some(assignment) = text.find('=') else { return span };
        let found = names.iter().filter_map(|name| text[assignment..].find(&format!("{name}("))).min();
        found.map_or(span, |at| Span { start: span.start + (assignment + at) as u32, ..span })
    }

    /// A bound of a linear histogram; positional parameters are settings called `param_<n>`.
    fn bound(&mut self, bound: &LinearBound) -> String {
        match bound {
            LinearBound::Const(n) => super::expr::literal(*n, &Type::I64).text,
            LinearBound::Param(n) => self.e.param_setting(*n),
        }
    }

    fn update(
        &mut self,
        map: MapId,
        key: Option<&'p Expr>,
        span: Span,
        operand: impl FnOnce(&mut Self) -> (&'static str, String),
    ) {
        let info = self.e.maps[map.0].clone();
        let (function, operand) = operand(self);
        match key {
            Some(key) if !info.array => {
                let key = self.key(map, key);
                let check = self.e.check("map_update_elem", MAP_FULL, true, span);
                self.line(format!("tw_must({check}, {function}(&{}, {key}, {operand}));", info.name));
            }
            _ => {
                let name = self.fresh("zero");
                self.line(format!("__u32 {name} = 0;"));
                self.line(format!("{function}(&{}, &{name}, {operand});", info.name));
            }
        }
    }

    fn add_bucket(&mut self, map: MapId, key: Option<&'p Expr>, bucket: &str, span: Span) {
        let info = self.e.maps[map.0].clone();
        match key {
            Some(key) if !info.array => {
                let key = self.bucket_key(map, key, bucket);
                let check = self.e.check("map_update_elem", MAP_FULL, true, span);
                self.line(format!("tw_must({check}, tw_add(&{}, {key}, 1));", info.name));
            }
            _ => {
                let name = self.fresh("bucket");
                self.line(format!("__u32 {name} = {bucket};"));
                self.line(format!("tw_add(&{}, &{name}, 1);", info.name));
            }
        }
    }

    /// The time, of the map that stands for it.
    pub fn map_clock(&mut self, map: MapId) -> Value {
        let hint = self.map_hint(map);
        let (pointer, place) = self.lookup(map, None, &hint);
        Value { text: format!("{pointer} ? {} : 0", place.text), prec: Prec::Conditional }
    }

    fn series(
        &mut self,
        map: MapId,
        key: Option<&'p Expr>,
        n: &'p Expr,
        (interval, buckets, agg, signed): (u64, u32, SeriesAggregate, bool),
        span: Span,
    ) {
        self.e.header("series.bpf.h");
        let info = self.e.maps[map.0].clone();
        let value = self.text(n);
        let now = self.fresh("now");
        let time = match self.e.program.clock {
            Some(map) => self.map_clock(map).text,
            None => {
                // Intervals begin where the wall clock has multiples of them.
                self.e.rodata("const volatile __u64 tw_wall_offset = 0;");
                "bpf_ktime_get_boot_ns() + tw_wall_offset".to_owned()
            }
        };
        self.line(format!("__u64 {now} = {time};"));
        let epoch = self.fresh("epoch");
        self.line(format!("__u64 {epoch} = {now} / {interval};"));
        let bucket = format!("{epoch} % {buckets}");
        let keep = match (agg, signed) {
            (SeriesAggregate::Last, _) => "TW_SERIES_LAST",
            (SeriesAggregate::Avg | SeriesAggregate::Sum, _) => "TW_SERIES_SUM",
            (SeriesAggregate::Min, true) => "TW_SERIES_MIN",
            (SeriesAggregate::Max, true) => "TW_SERIES_MAX",
            (SeriesAggregate::Min, false) => "TW_SERIES_UNSIGNED_MIN",
            (SeriesAggregate::Max, false) => "TW_SERIES_UNSIGNED_MAX",
        };
        match key {
            Some(key) if !info.array => {
                let key = self.bucket_key(map, key, &bucket);
                let check = self.e.check("map_update_elem", MAP_FULL, true, span);
                self.line(format!(
                    "tw_must({check}, tw_series(&{}, {key}, {value}, {now}, {epoch}, {keep}));",
                    info.name
                ));
            }
            _ => {
                let name = self.fresh("bucket");
                self.line(format!("__u32 {name} = {bucket};"));
                self.line(format!("tw_series(&{}, &{name}, {value}, {now}, {epoch}, {keep});", info.name));
            }
        }
    }
}
