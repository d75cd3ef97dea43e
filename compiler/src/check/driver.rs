//! The walks: over and over until types stand still, then once more for the program.

use super::config::Settings;
use super::ctypes::Definitions;
use super::lower::{Lower, ProbeContext};
use super::programs::Plan;
use super::scope::{Inferred, InferredMap};
use super::stand_in;
use super::widen::settle;
use crate::Options;
use crate::codes;
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::kernel::{Host, Kernel};
use crate::program::{
    AttachPoint, BpfProgram, LateNumber, Local, Map, MapId, MapKind, OptionDefault, Period, Program, SettingSource,
    Target,
};
use crate::source::{Sources, Span};
use crate::syntax::ast::Script;
use crate::types::{IntType, StructTable, Type};
use std::collections::{BTreeMap, HashMap};

/// Types that have not settled after so many walks go in circles; the widest is taken then.
const MAX_WALKS: usize = 24;

/// Infers all types and writes the program down.
#[allow(clippy::too_many_arguments, reason = "the passes before hand over one thing each")]
pub(crate) fn infer_and_lower(
    script: &Script,
    plans: Vec<Plan>,
    settings: Settings,
    definitions: Definitions,
    options: &Options,
    kernel: &dyn Kernel,
    host: &dyn Host,
    sources: &Sources,
    diagnostics: &mut Diagnostics,
) -> Option<Program> {
    let mut previous = Inferred::default();
    let shown_maps = super::given::shown_maps(script);
    let mut structs = StructTable::new();
    let mut last = false;
    let mut assigned = std::collections::HashSet::new();
    let mut untyped = std::collections::HashSet::new();
    for walk in 0.. {
        let mut lower = new_walk(&settings, &definitions, options, kernel, host, sources, &previous, structs);
        lower.last = last;
        lower.shown_maps = &shown_maps;
        lower.assigned_anywhere = std::mem::take(&mut assigned);
        lower.untyped = std::mem::take(&mut untyped);
        let programs = walk_script(&mut lower, script, &plans);
        let mut found = lower.inferred(&programs);
        let assigned_now = lower.maps.iter().filter(|map| map.assigned).map(|map| map.name.clone()).collect();
        let untyped_now = untyped_locals(&found);
        if last {
            default_unknown(&mut found);
        }
        if walk > MAX_WALKS {
            found = widest(&previous, &found);
        }
        if found == previous || walk > 2 * MAX_WALKS {
            if last {
                let (program, found) = finish(lower, script, programs, &settings, &definitions);
                found.iter().for_each(|diagnostic| diagnostics.push(diagnostic.clone()));
                return (!diagnostics.has_errors()).then_some(program);
            }
            last = true;
            default_unknown(&mut found);
        }
        structs = std::mem::take(&mut lower.structs);
        drop(lower);
        assigned = assigned_now;
        untyped = untyped_now;
        previous = found;
    }
    None
}

#[allow(clippy::too_many_arguments, reason = "what the walk may look at, one thing each")]
fn new_walk<'a>(
    settings: &'a Settings,
    definitions: &'a Definitions,
    options: &'a Options,
    kernel: &'a dyn Kernel,
    host: &'a dyn Host,
    sources: &'a Sources,
    previous: &'a Inferred,
    structs: StructTable,
) -> Lower<'a> {
    Lower {
        settings,
        definitions,
        options,
        kernel,
        host,
        sources,
        diagnostics: Diagnostics::default(),
        previous,
        last: false,
        maps: Vec::new(),
        map_index: HashMap::new(),
        actions: Vec::new(),
        strings: Vec::new(),
        rodata: Vec::new(),
        structs,
        enums: BTreeMap::new(),
        is_unsafe: false,
        probe: ProbeContext::nowhere(),
        program: 0,
        locals: Vec::new(),
        scopes: Vec::new(),
        loops: 0,
        trail: Vec::new(),
        trails: BTreeMap::new(),
        uses_cookie: false,
        max_arg: None,
        needs_trampoline: false,
        steps_down: Vec::new(),
        assigned_anywhere: std::collections::HashSet::new(),
        shown_maps: &[],
        untyped: std::collections::HashSet::new(),
        last_stmt: false,
        unevaluated: 0,
        quiet: 0,
    }
}

/// One walk over all programs.
fn walk_script(lower: &mut Lower<'_>, script: &Script, plans: &[Plan]) -> Vec<(BpfProgram, Vec<Type>)> {
    declare_maps(lower, script);
    plans.iter().enumerate().map(|(at, plan)| walk_program(lower, script, plan, at)).collect()
}

/// `let @m = hash(10);` makes the map exist; what it holds comes of its uses.
fn declare_maps(lower: &mut Lower<'_>, script: &Script) {
    for declaration in &script.map_declarations {
        if map_kind(&declaration.kind.name).is_none() {
            lower.report(
                Diagnostic::error(
                    codes::UNKNOWN_NAME,
                    declaration.span,
                    format!("Invalid bpf map type: {}", declaration.kind.name),
                )
                .hint("Valid map types: percpulruhash, percpuhash, lruhash, hash"),
            );
        }
        lower.map_named(&declaration.map.name, declaration.span);
    }
}

/// The words of a feature that the config forbids.
pub(crate) fn unstable_refused(feature: &str, variable: &str) -> String {
    format!(
        "{feature} feature is not enabled by default. To enable this unstable feature, set the config flag to enable. {variable}=enable"
    )
}

/// Refuses declarations of kinds that do not keep what is stored.
fn check_declared_kind(lower: &mut Lower<'_>, map: usize, declaration: Option<&crate::syntax::ast::MapDeclaration>) {
    let Some(declaration) = declaration else { return };
    if declaration.max_entries == Some(0) {
        lower.error(codes::LIMIT, declaration.span, "A map must have room for at least one entry");
    }
    let Some(kind) = map_kind(&declaration.kind.name) else { return };
    let per_cpu = matches!(kind, MapKind::PerCpuHash | MapKind::PerCpuLruHash);
    let kept_per_cpu = match lower.map_value_type(MapId(map)) {
        Type::Aggregate(_) => true,
        Type::Void => return,
        _ => false,
    };
    if per_cpu != kept_per_cpu && lower.maps[map].assigned {
        // The name alone, without its key.
        let first = lower.maps[map].first_use;
        let place = Span { end: first.end.min(first.start + 1 + lower.maps[map].name.len() as u32), ..first };
        let needed = if kept_per_cpu { "percpuhash" } else { "hash" };
        lower.error(
            codes::TYPE_MISMATCH,
            place,
            format!(
                "Incompatible map types. Type from declaration: {}. Type from value/key type: {needed}",
                declaration.kind.name
            ),
        );
    }
}

fn map_kind(name: &str) -> Option<MapKind> {
    Some(match name {
        "hash" => MapKind::Hash,
        "lruhash" => MapKind::LruHash,
        "percpuhash" => MapKind::PerCpuHash,
        "percpulruhash" => MapKind::PerCpuLruHash,
        _ => return None,
    })
}

fn walk_program(lower: &mut Lower<'_>, script: &Script, plan: &Plan, at: usize) -> (BpfProgram, Vec<Type>) {
    let probe = &script.probes[plan.probe];
    lower.probe = plan.context.clone();
    lower.program = at;
    lower.locals = Vec::new();
    lower.scopes = vec![HashMap::new()];
    lower.loops = 0;
    lower.uses_cookie = false;
    lower.max_arg = None;
    lower.needs_trampoline = false;
    let predicate = probe.predicate.as_ref().map(|predicate| {
        let value = lower.condition_value(predicate);
        lower.truth(value)
    });
    let body = lower.body(&probe.body);
    lower.check_locals();
    let slots = lower.locals.iter().map(|local| local.slot.clone()).collect();
    let program = BpfProgram {
        name: plan.name.clone(),
        kind: plan.kind.clone(),
        targets: plan.context.targets.clone(),
        optional: plan.optional,
        uses_cookie: lower.uses_cookie,
        max_arg: lower.max_arg,
        locals: lower.final_locals(),
        predicate,
        body,
        span: probe.span,
    };
    lower.steps_down.push(!lower.needs_trampoline && stand_in::is_possible(&program));
    (program, slots)
}

impl Lower<'_> {
    fn final_locals(&self) -> Vec<Local> {
        let mut names: Vec<String> = Vec::new();
        let mut locals = Vec::new();
        for (at, local) in self.locals.iter().enumerate() {
            let base = super::lower::identifier(&local.name);
            let mut name = base.clone();
            let mut count = 1;
            while names.contains(&name) {
                count += 1;
                name = format!("{base}_{count}");
            }
            names.push(name.clone());
            locals.push(Local { name, ty: self.local_type(crate::program::LocalId(at)) });
        }
        locals
    }

    fn inferred(&self, programs: &[(BpfProgram, Vec<Type>)]) -> Inferred {
        let maps = self.maps.iter().map(|map| {
            let keyed = map.keyed.unwrap_or(false);
            (map.name.clone(), InferredMap { key: keyed.then(|| map.key.clone()), value: map.value.clone() })
        });
        Inferred { maps: maps.collect(), locals: programs.iter().map(|(_, slots)| slots.clone()).collect() }
    }
}

/// The programs, each followed by the one that stands in for it, if it has one.
fn with_stand_ins(programs: Vec<(BpfProgram, Vec<Type>)>, steps_down: &[bool]) -> Vec<BpfProgram> {
    let mut all = Vec::new();
    for ((program, _), steps_down) in programs.into_iter().zip(steps_down) {
        let stand_in = steps_down.then(|| stand_in::of(&program));
        all.push(program);
        all.extend(stand_in);
    }
    all
}

/// Variables that no assignment gave a type.
fn untyped_locals(found: &Inferred) -> std::collections::HashSet<(usize, usize)> {
    let mut out = std::collections::HashSet::new();
    for (program, slots) in found.locals.iter().enumerate() {
        let untyped = slots.iter().enumerate().filter(|(_, slot)| **slot == Type::Void);
        out.extend(untyped.map(|(at, _)| (program, at)));
    }
    out
}

/// Both at once: for types that go in circles.
fn widest(a: &Inferred, b: &Inferred) -> Inferred {
    use super::widen::join;
    let mut out = b.clone();
    for (name, map) in &mut out.maps {
        if let Some(other) = a.maps.get(name) {
            map.value = join(&map.value, &other.value).unwrap_or_else(|| map.value.clone());
        }
    }
    for (mine, others) in out.locals.iter_mut().zip(&a.locals) {
        for (slot, other) in mine.iter_mut().zip(others) {
            *slot = join(slot, other).unwrap_or_else(|| slot.clone());
        }
    }
    out
}

/// What nothing says a type of is an integer.
fn default_unknown(found: &mut Inferred) {
    for map in found.maps.values_mut() {
        if map.value == Type::Void {
            map.value = Type::Int(IntType::I64);
        }
        if map.key == Some(Type::Void) {
            map.key = Some(Type::Int(IntType::I64));
        }
    }
    for slot in found.locals.iter_mut().flatten() {
        if *slot == Type::Void {
            *slot = Type::Int(IntType::I64);
        }
    }
}

fn finish(
    mut lower: Lower<'_>,
    script: &Script,
    programs: Vec<(BpfProgram, Vec<Type>)>,
    settings: &Settings,
    definitions: &Definitions,
) -> (Program, Diagnostics) {
    let mut maps = Vec::new();
    for at in 0..lower.maps.len() {
        let state = lower.maps[at].clone();
        let declaration = script.map_declarations.iter().find(|declaration| declaration.map.name == state.name);
        if !state.used && declaration.is_some() {
            lower.warn(codes::W_UNUSED, state.span, format!("Unused map: @{}", state.name));
        }
        check_declared_kind(&mut lower, at, declaration);
        let id = MapId(at);
        let key = (state.keyed == Some(true)).then(|| lower.map_key_type(id));
        let value = match lower.map_value_type(id) {
            Type::Void => Type::Int(IntType::I64),
            ty => ty,
        };
        if let Some(key) = &key {
            lower.know_type(key);
        }
        lower.know_type(&value);
        maps.push(Map {
            name: state.name,
            key: key.map(|key| settle(&key)),
            value,
            kind: declaration.and_then(|d| map_kind(&d.kind.name)).unwrap_or(MapKind::Default),
            max_entries: declaration.and_then(|d| d.max_entries).map(|n| n.min(u64::from(u32::MAX)) as u32),
            span: state.span,
        });
    }
    for (program, _) in &programs {
        for local in &program.locals {
            lower.know_type(&local.ty);
        }
    }
    for (program, _) in &programs {
        for target in &program.targets {
            rate_is_known(&mut lower, target);
        }
    }
    let clock = clock_map(&mut lower, &maps);
    let program = Program {
        name: lower.options.name.clone(),
        header: script.header.clone(),
        sources: lower.sources.clone(),
        config: settings.config.clone(),
        structs: lower.structs,
        enums: lower.enums.into_iter().collect(),
        trails: lower.trails,
        libraries: definitions.libraries.iter().map(|(file, text, _)| (file.clone(), text.clone())).collect(),
        maps,
        programs: with_stand_ins(programs, &lower.steps_down),
        actions: lower.actions,
        strings: lower.strings,
        settings: lower.rodata,
        // Whoever allows unsafe helpers also forces probes where no symbol says that they fit.
        is_unsafe: lower.is_unsafe || lower.options.allow_unsafe,
        clock,
    };
    (program, lower.diagnostics)
}

/// The map that stands for the time.
fn clock_map(lower: &mut Lower<'_>, maps: &[Map]) -> Option<MapId> {
    const VARIABLE: &str = "BPFTRACE_DUMMY_TS_MAP";
    let (_, written) = lower.options.env.iter().find(|(name, _)| name == VARIABLE)?;
    let name = written.strip_prefix('@');
    let found = maps.iter().position(|map| Some(map.name.as_str()) == name);
    let problem = match found.map(|index| &maps[index]) {
        None => "not found",
        Some(map) if map.key.is_some() => "must be scalar",
        Some(map) if !matches!(&map.value, Type::Int(int) if !int.signed) => "value must be an unsigned integer",
        Some(_) => return found.map(MapId),
    };
    let message = format!("{VARIABLE}: \"{written}\" {problem}");
    lower.diagnostics.push(Diagnostic::global_error(codes::BAD_CONFIG, message));
    None
}

/// A rate that an option sets wants one that is a number.
fn rate_is_known(lower: &mut Lower<'_>, target: &Target) {
    let (AttachPoint::Profile { period } | AttachPoint::Interval { period }) = &target.point else { return };
    let (Period::Hertz(LateNumber::Option(wanted)) | Period::Every { count: LateNumber::Option(wanted), .. }) = period
    else {
        return;
    };
    let is_known = lower.rodata.iter().any(|setting| {
        matches!(&setting.source, SettingSource::Option { name, default: OptionDefault::Int(_), .. } if name == wanted)
    });
    if !is_known {
        let message = format!("The script has no option '{wanted}' that is a number: getopt(\"{wanted}\", 99)");
        lower.diagnostics.push(Diagnostic::error(codes::PROBE_PART, target.span, message));
    }
}
