//! Action blocks → BPF programs: one for each kind of program, and one for each event where the body reads what
//! differs between events.

use super::attach::{self, Point, Provider};
use super::lower::{ArgField, ProbeContext, identifier};
use crate::codes;
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::kernel::{Host, Kernel, TracepointContext};
use crate::program::{
    AttachPoint, Config, ContextField, FieldStep, KernelLocation, MissingProbes, ProgramKind, Target, TextPiece,
    UserLocation,
};
use crate::syntax::ast::{self, Script};
use crate::types::{AddressSpace, StructName, Type};

/// A BPF program to be made of an action block.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Index into the script's probes.
    pub probe: usize,
    pub name: String,
    pub kind: ProgramKind,
    pub optional: bool,
    pub context: ProbeContext,
}

impl ProbeContext {
    /// Before any probe is entered.
    pub fn nowhere() -> Self {
        ProbeContext {
            provider: Provider::Begin,
            targets: Vec::new(),
            args: None,
            args_missing: None,
            context: None,
            result: None,
            probe_name: None,
            func_name: None,
            structs: Vec::new(),
            parameters: 0,
        }
    }
}

/// What a body asks of its probe, by the words in it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Uses {
    /// Structs are named: the probed binary may describe them.
    pub structs: bool,
    pub args: bool,
    pub probe: bool,
    /// `probe` is compared with a string: it must be one.
    pub probe_compared: bool,
    pub func: bool,
    pub retval: bool,
}

struct Planner<'a> {
    kernel: &'a dyn Kernel,
    host: &'a dyn Host,
    config: &'a Config,
    diagnostics: &'a mut Diagnostics,
    names: Vec<String>,
    plans: Vec<Plan>,
    /// `probe` and `func` are numbers, since some probe of the script only knows them at start.
    late_probe: bool,
    late_func: bool,
    /// The point looked at is not in the kernel description, and its arguments are read.
    is_missing: bool,
}

/// Whether only the running system tells what `probe` shows: patterns, the module of a raw tracepoint, the symbol of a
/// C++ function, the path of a library or program that is named without one.
fn is_named_late(point: &Point) -> bool {
    let by_system = match &point.target.point {
        AttachPoint::RawTracepoint { module: None, .. } | AttachPoint::Usdt { provider: None, .. } => true,
        AttachPoint::User { path, .. } | AttachPoint::Usdt { path, .. } => {
            let path = attach::plain(path);
            !path.contains('/') && !path.is_empty()
        }
        _ => false,
    };
    by_system || is_function_late(point)
}

/// Whether only the running system tells what `func` shows.
fn is_function_late(point: &Point) -> bool {
    point.wildcard || matches!(point.target.point, AttachPoint::User { cpp: true, .. })
}

/// Decides on the programs of a script, in its order.
pub(crate) fn plan_programs(
    script: &Script,
    probes: Vec<Vec<Point>>,
    kernel: &dyn Kernel,
    host: &dyn Host,
    config: &Config,
    diagnostics: &mut Diagnostics,
) -> Vec<Plan> {
    let uses: Vec<Uses> = script.probes.iter().map(super::warnings::uses_of).collect();
    let any_late = |wanted: fn(&Uses) -> bool, is_late: fn(&Point) -> bool| {
        let late = |point: &Point| is_late(point) || attach::known(&point.target.display).is_none();
        probes.iter().zip(&uses).any(|(points, uses)| wanted(uses) && points.iter().any(late))
    };
    let mut planner = Planner {
        kernel,
        host,
        config,
        diagnostics,
        names: Vec::new(),
        plans: Vec::new(),
        late_probe: any_late(|uses| uses.probe && !uses.probe_compared, is_named_late)
            || any_late(|uses| uses.probe, |point| point.wildcard),
        late_func: any_late(|uses| uses.func, is_function_late),
        is_missing: false,
    };
    for (at, points) in probes.into_iter().enumerate() {
        planner.plan_probe(at, &script.probes[at], points, uses[at]);
    }
    let plans = planner.plans;
    if plans.is_empty() && !diagnostics.has_errors() {
        diagnostics.push(Diagnostic::global_error(codes::PROBE_MISSING, "No probes to attach"));
    }
    plans
}

impl Planner<'_> {
    fn plan_probe(&mut self, at: usize, _probe: &ast::Probe, points: Vec<Point>, uses: Uses) {
        let first = self.plans.len();
        let span = points.first().map(|point| point.target.span);
        for point in points {
            for (point, optional) in self.expand(point, uses) {
                self.place(at, point, optional, uses, first);
            }
        }
        if let Some(span) = span
            && self.plans.len() == first
            && self.config.missing_probes == MissingProbes::Warn
        {
            let text =
                "Probe has no valid attach points. It is being removed which may cause issues with program behavior.";
            self.diagnostics.push(Diagnostic::warning(codes::W_PROBE_MISSING, span, text));
        }
    }

    /// Wildcards whose body reads `args` become one point for each event of the kernel description.
    fn expand(&mut self, point: Point, uses: Uses) -> Vec<(Point, bool)> {
        let optional = point.optional;
        if !point.wildcard || !uses.args {
            return vec![(point, optional)];
        }
        let span = point.target.span;
        let lit = |text: &str| vec![TextPiece::Lit(text.to_owned())];
        let make = |provider: Provider, parts: &[&str], at: AttachPoint| Point {
            provider,
            target: Target {
                display: vec![TextPiece::Lit(format!("{}:{}", provider.name(), parts.join(":")))],
                point: at,
                span,
            },
            wildcard: false,
            optional: point.optional,
        };
        let expanded: Vec<Point> = match &point.target.point {
            AttachPoint::Tracepoint { category, event } => {
                let (category, event) = (attach::plain(category), attach::plain(event));
                self.kernel
                    .tracepoints(&category, &event)
                    .iter()
                    .map(|(category, event)| {
                        let at = AttachPoint::Tracepoint { category: lit(category), event: lit(event) };
                        make(Provider::Tracepoint, &[category, event], at)
                    })
                    .collect()
            }
            AttachPoint::RawTracepoint { event, .. } => {
                let names = self.kernel.raw_tracepoints(&attach::plain(event));
                let one = |name: &String| {
                    let at = AttachPoint::RawTracepoint { module: None, event: lit(name) };
                    make(Provider::RawTracepoint, &[name], at)
                };
                names.iter().map(one).collect()
            }
            AttachPoint::Trampoline { module, function } => {
                let names = self.kernel.functions(&attach::plain(function));
                let shown = module.as_deref().and_then(attach::known).filter(|module| !module.contains('*'));
                let shown = shown.unwrap_or_else(|| "vmlinux".to_owned());
                let one = |name: &String| {
                    let at = AttachPoint::Trampoline { module: module.clone(), function: lit(name) };
                    make(point.provider, &[&shown, name], at)
                };
                names.iter().map(one).collect()
            }
            AttachPoint::User { path, location: UserLocation::Symbol { name, offset: 0 }, cpp: false } => {
                let path_text = attach::plain(path);
                let names = self.host.user_symbols(&path_text, &attach::plain(name));
                let one = |name: &String| {
                    let location = UserLocation::Symbol { name: lit(name), offset: 0 };
                    let at = AttachPoint::User { path: path.clone(), location, cpp: false };
                    make(point.provider, &[&path_text, name], at)
                };
                names.iter().map(one).collect()
            }
            _ => Vec::new(),
        };
        let is_known = matches!(
            point.target.point,
            AttachPoint::Tracepoint { .. } | AttachPoint::RawTracepoint { .. } | AttachPoint::Trampoline { .. }
        );
        if expanded.is_empty() && is_known && attach::known(&point.target.display).is_some() {
            if self.config.missing_probes == MissingProbes::Error {
                let text = "Probe has no valid attach points. If this is expected, set the 'missing_probes' config \
                            variable to 'warn'.";
                self.diagnostics.push(Diagnostic::error(codes::PROBE_MISSING, span, text));
            }
            return Vec::new();
        }
        if expanded.is_empty() {
            return vec![(point, optional)];
        }
        expanded.into_iter().map(|point| (point, true)).collect()
    }

    /// Puts a point into a program of its action block that fits, or makes one.
    fn place(&mut self, at: usize, point: Point, optional: bool, uses: Uses, first: usize) {
        self.is_missing = false;
        let (mut context, kind) = self.context_of(&point, uses);
        // Nobody knows what the body reads there.
        if self.is_missing {
            return;
        }
        let is_late = if uses.probe_compared { point.wildcard } else { is_named_late(&point) };
        let known_name = attach::known(&point.target.display).filter(|_| !is_late);
        if !self.late_probe {
            context.probe_name = known_name;
        }
        if !self.late_func {
            context.func_name = function_name(&point);
        }
        let alone = optional
            || point.provider.is_manual()
            || (uses.probe && context.probe_name.is_some())
            || (uses.func && context.func_name.is_some());
        if !alone {
            for plan in &mut self.plans[first..] {
                let same = plan.kind == kind
                    && !plan.optional
                    && plan.context.args == context.args
                    && plan.context.result == context.result
                    && plan.context.provider == context.provider
                    && (!uses.probe || plan.context.probe_name == context.probe_name)
                    && (!uses.func || plan.context.func_name == context.func_name);
                if same {
                    plan.context.targets.push(point.target);
                    return;
                }
            }
        }
        context.targets = vec![point.target.clone()];
        let name = self.unique_name(&point);
        self.plans.push(Plan { probe: at, name, kind, optional, context });
    }

    fn unique_name(&mut self, point: &Point) -> String {
        let mut base = identifier(&attach::plain(&point.target.display));
        base.truncate(64);
        let mut count = 1;
        loop {
            let name = format!("{base}_{count}");
            if !self.names.contains(&name) {
                self.names.push(name.clone());
                return name;
            }
            count += 1;
        }
    }

    /// What the body may ask of this point, and the kind of program that runs there.
    fn context_of(&mut self, point: &Point, uses: Uses) -> (ProbeContext, ProgramKind) {
        let mut context = ProbeContext { provider: point.provider, ..ProbeContext::nowhere() };
        let kind = match &point.target.point {
            AttachPoint::Begin
            | AttachPoint::End
            | AttachPoint::Signal(_)
            | AttachPoint::Test(_)
            | AttachPoint::Bench(_) => ProgramKind::Manual,
            AttachPoint::Kernel { .. } if point.provider == Provider::Kprobe => ProgramKind::Kprobe,
            AttachPoint::Kernel { .. } | AttachPoint::StandIn { .. } => ProgramKind::Kretprobe,
            AttachPoint::Trampoline { function, .. } => {
                self.trampoline(point, &attach::plain(function), uses, &mut context)
            }
            AttachPoint::Bpf { .. } => ProgramKind::FentryBpf { exit: point.provider == Provider::Fexit },
            AttachPoint::User { path, location, .. } => {
                if (uses.args || uses.structs) && point.provider == Provider::Uprobe {
                    self.user_arguments(&attach::plain(path), location, &mut context);
                }
                if point.provider == Provider::Uprobe { ProgramKind::Uprobe } else { ProgramKind::Uretprobe }
            }
            AttachPoint::Usdt { .. } => ProgramKind::Usdt,
            AttachPoint::Tracepoint { category, event } => {
                let (category, event) = (attach::plain(category), attach::plain(event));
                ProgramKind::Tracepoint { context: self.tracepoint(point, &category, &event, uses, &mut context) }
            }
            AttachPoint::RawTracepoint { event, .. } => {
                self.raw_tracepoint(point, &attach::plain(event), uses, &mut context);
                ProgramKind::RawTracepoint
            }
            AttachPoint::Late { .. } => match point.provider {
                Provider::Kretprobe => ProgramKind::Kretprobe,
                Provider::Uprobe => ProgramKind::Uprobe,
                Provider::Uretprobe => ProgramKind::Uretprobe,
                Provider::Tracepoint => ProgramKind::Tracepoint { context: None },
                Provider::RawTracepoint => ProgramKind::RawTracepoint,
                Provider::Usdt => ProgramKind::Usdt,
                _ => ProgramKind::Kprobe,
            },
            AttachPoint::Interval { .. } => ProgramKind::Interval,
            AttachPoint::Profile { .. }
            | AttachPoint::Software { .. }
            | AttachPoint::Hardware { .. }
            | AttachPoint::Watchpoint { .. } => ProgramKind::PerfEvent,
            AttachPoint::Iter { .. } => {
                let text = attach::plain(&point.target.display);
                let kind = text.split(':').nth(1).unwrap_or_default().to_owned();
                let name = StructName(format!("struct bpf_iter__{kind}"));
                context.context = Some(name.clone());
                ProgramKind::Iter { kind, context: name }
            }
        };
        (context, kind)
    }

    /// Told once where a probe that the body reads arguments of is not in the kernel description.
    fn missing(&mut self, point: &Point, message: String) {
        self.is_missing = true;
        let span = point.target.span;
        self.diagnostics.push(match self.config.missing_probes {
            MissingProbes::Error => Diagnostic::error(codes::PROBE_MISSING, span, message),
            MissingProbes::Warn => Diagnostic::warning(codes::W_PROBE_MISSING, span, message + " Skipping."),
            MissingProbes::Ignore => return,
        });
    }

    fn trampoline(&mut self, point: &Point, name: &str, uses: Uses, context: &mut ProbeContext) -> ProgramKind {
        let exit = point.provider == Provider::Fexit;
        let function = if point.wildcard { None } else { self.kernel.function(name) };
        if function.is_none() && !point.wildcard && (uses.args || uses.retval) && !name.contains('$') {
            self.missing(point, format!("No matches for {} {name}.", point.provider.name()));
        }
        let Some(function) = function else {
            return if exit { ProgramKind::Fexit { args: 0 } } else { ProgramKind::Fentry };
        };
        let args = function.params.len() as u32;
        let used = uses.args;
        context.parameters = function.params.len();
        if used {
            context.args = Some(typed_args(function.params));
        }
        if exit {
            if uses.retval {
                context.result = Some(in_kernel(function.result));
            }
            return ProgramKind::Fexit { args };
        }
        ProgramKind::Fentry
    }

    fn raw_tracepoint(&mut self, point: &Point, event: &str, uses: Uses, context: &mut ProbeContext) {
        if point.wildcard {
            return;
        }
        match self.kernel.raw_tracepoint(event) {
            Some(params) => {
                context.parameters = params.len();
                if uses.args {
                    context.args = Some(typed_args(params));
                }
            }
            None if uses.args && !event.contains('$') => {
                self.missing(point, format!("No BTF data for rawtracepoint {event}."));
            }
            None => {}
        }
    }

    fn user_arguments(&mut self, path: &str, location: &UserLocation, context: &mut ProbeContext) {
        let UserLocation::Symbol { name, offset: 0 } = location else { return };
        if let Some(function) = self.host.user_function(path, &attach::plain(name)) {
            context.parameters = function.params.len();
            context.structs = function.structs;
            let fields = function.params.into_iter().zip(function.places).map(|((name, ty), place)| ArgField {
                name,
                ty: place.map_or(Type::Void, |_| in_space(ty, AddressSpace::User)),
                source: ContextField::Arg(place.unwrap_or(0)),
            });
            context.args = Some(fields.collect());
        } else {
            context.args_missing = Some("Cannot read function parameters".into());
        }
    }

    fn tracepoint(
        &mut self,
        point: &Point,
        category: &str,
        event: &str,
        uses: Uses,
        context: &mut ProbeContext,
    ) -> Option<StructName> {
        if point.wildcard || !uses.args {
            return None;
        }
        let Some(tracepoint) = self.kernel.tracepoint(category, event) else {
            if !category.contains('$') && !event.contains('$') {
                self.missing(point, format!("No matches for tracepoint {category}:{event}."));
            }
            return None;
        };
        let name = match &tracepoint.context {
            TracepointContext::Struct(name) => name.clone(),
            TracepointContext::SyscallEnter => StructName("struct trace_event_raw_sys_enter".into()),
            TracepointContext::SyscallExit => StructName("struct trace_event_raw_sys_exit".into()),
            TracepointContext::Format => StructName(format!("struct format_{category}_{event}")),
        };
        let fields = tracepoint.fields.iter().filter_map(|field| {
            let syscall =
                matches!(tracepoint.context, TracepointContext::SyscallEnter | TracepointContext::SyscallExit);
            let source = match (&tracepoint.context, field.name.as_str()) {
                (TracepointContext::SyscallEnter, _) if field.syscall_arg.is_some() => {
                    ContextField::SyscallArg(field.syscall_arg.unwrap_or(0))
                }
                (TracepointContext::SyscallExit, "ret") => ContextField::SyscallReturn,
                (_, "__syscall_nr" | "nr") if syscall => ContextField::SyscallNumber,
                _ => {
                    let path = member_path(self.kernel, &name, &field.name)?;
                    if field.data_loc { ContextField::DataLoc(path) } else { ContextField::Member(path) }
                }
            };
            let space = if syscall { AddressSpace::User } else { AddressSpace::Kernel };
            let ty = match (&field.ty, field.data_loc) {
                (Type::String { .. }, true) => Type::String { capacity: self.config.max_strlen },
                (Type::Array { of, .. }, true) if is_char(of) => Type::String { capacity: self.config.max_strlen },
                (Type::Array { of, len }, _) if is_char(of) => Type::String { capacity: *len },
                (ty, _) => in_space(ty.clone(), space),
            };
            Some(ArgField { name: field.name.clone(), ty, source })
        });
        context.args = Some(fields.collect());
        Some(name)
    }
}

/// Members that lead from a context struct to a tracepoint's field. `common_*` live in `ent`.
fn member_path(kernel: &dyn Kernel, name: &StructName, field: &str) -> Option<Vec<FieldStep>> {
    let def = kernel.structure(name)?;
    let relative = format!("__data_loc_{field}");
    if let Some(at) = def.fields.iter().position(|known| known.name == field || known.name == relative) {
        return Some(vec![FieldStep { parent: name.clone(), field: at }]);
    }
    let common = field.strip_prefix("common_")?;
    let entry = def.fields.iter().position(|known| known.name == "ent")?;
    let Type::Struct(inner) = &def.fields[entry].ty else { return None };
    let inner_def = kernel.structure(inner)?;
    let at = inner_def.fields.iter().position(|known| known.name == common)?;
    Some(vec![FieldStep { parent: name.clone(), field: entry }, FieldStep { parent: inner.clone(), field: at }])
}

/// `char`: one byte, signed.
pub(crate) fn is_char(ty: &Type) -> bool {
    matches!(ty, Type::Int(int) if int.bits == 8 && int.signed)
}

fn typed_args(params: Vec<(String, Type)>) -> Vec<ArgField> {
    let fields = params.into_iter().enumerate();
    fields
        .map(|(at, (name, ty))| ArgField {
            name: if name.is_empty() { format!("arg{at}") } else { name },
            ty: in_kernel(ty),
            source: ContextField::TypedArg(at as u32),
        })
        .collect()
}

fn in_kernel(ty: Type) -> Type {
    in_space(ty, AddressSpace::Kernel)
}

/// Pointers of unknown space lie in `space`.
pub(crate) fn in_space(ty: Type, space: AddressSpace) -> Type {
    match ty {
        Type::Pointer { to, space: AddressSpace::None } => Type::Pointer { to, space },
        other => other,
    }
}

/// The function that a point names, if it names one.
fn function_name(point: &Point) -> Option<String> {
    if point.wildcard {
        return None;
    }
    match &point.target.point {
        AttachPoint::Kernel { function: KernelLocation::Function { name, .. }, .. } => attach::known(name),
        AttachPoint::Trampoline { function, .. } => attach::known(function),
        // C++ names are shown as people write them: by whoever has the symbol.
        AttachPoint::User { location: UserLocation::Symbol { name, .. }, cpp: false, .. } => {
            attach::known(name).filter(|name| !name.starts_with("_Z"))
        }
        AttachPoint::Bpf { name, .. } => attach::known(name),
        _ => None,
    }
}
