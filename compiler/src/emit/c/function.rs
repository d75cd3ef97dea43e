//! BPF programs: the section, the context, and what stands around a body.

use std::collections::BTreeSet;

use super::Emitter;
use super::body::Body;
use super::homes::{Homes, needs_callback, shared_locals};
use super::share::{OWN, Written};
use super::value::Value;
use super::walk;
use crate::program::{
    AttachPoint, BpfProgram, Call, ContextField, Expr, ExprKind, KernelLocation, LateText, ProgramKind, StmtKind,
    Target, TextPiece,
};

impl<'p> Emitter<'p> {
    /// Writes one program with its callbacks.
    pub fn bpf_program(&mut self, program: &'p BpfProgram) -> Written {
        let mut shares_vars = false;
        walk::stmts(&program.body, &mut |s| shares_vars |= needs_callback(s));
        let homes = Homes::of(program.predicate.as_ref(), &program.body);
        let has_exit = self.has_exit;
        let mut body = Body::new(self, program, shares_vars);
        body.chooses_arguments = chooses_arguments(program);
        body.prints_parts = super::lines::come_in_parts(body.e.program, program);
        body.homes_read =
            (0..program.locals.len()).filter(|&index| homes.is_read(crate::program::LocalId(index))).collect();
        body.shared = shared_locals(program, &homes);
        body.declare_locals(&homes);
        let declarations = std::mem::replace(&mut body.code, super::writer::Code::at(1));
        body.guards(has_exit);
        if let Some(predicate) = &program.predicate {
            body.code.comment(&format!("/{}/", body.first_line(predicate.span)));
            let condition = body.condition(predicate);
            body.line(format!("if ({})", Value::unary("!", &condition).text));
            body.line("\treturn 0;");
            body.line("");
        }
        body.stmts(&program.body);
        body.finish(declarations.into_text())
    }
}

impl Body<'_, '_> {
    /// What every program does first.
    fn guards(&mut self, has_exit: bool) {
        if matches!(self.program.kind, ProgramKind::Manual) {
            return;
        }
        let is_process_bound = !matches!(self.program.kind, ProgramKind::Iter { .. } | ProgramKind::Interval);
        let mut tests = Vec::new();
        if has_exit {
            self.e.header("exit.bpf.h");
            tests.push("tw_exiting");
        }
        if is_process_bound {
            self.e.header("filter.bpf.h");
            tests.push("tw_other_process()");
        }
        if !tests.is_empty() {
            self.line(format!("if ({})", tests.join(" || ")));
            self.line("\treturn 0;");
            self.line("");
        }
    }

    /// A `begin` program that may run after another one has called exit(): it runs, but nobody listens any more.
    pub fn may_be_unheard(&self) -> bool {
        let is_begin =
            |program: &BpfProgram| program.targets.iter().any(|target| matches!(target.point, AttachPoint::Begin));
        let others = self.e.program.programs.iter().filter(|program| is_begin(program)).count();
        self.e.has_exit && others > 1 && self.program.targets.iter().all(|t| matches!(t.point, AttachPoint::Begin))
    }

    /// C type of the context, with a blank or star behind.
    pub fn ctx_type(&mut self) -> String {
        match &self.program.kind {
            ProgramKind::Manual
            | ProgramKind::Fentry
            | ProgramKind::Fexit { .. }
            | ProgramKind::FentryBpf { .. }
            | ProgramKind::RawTracepoint => "__u64 *".to_string(),
            ProgramKind::Kprobe
            | ProgramKind::Kretprobe
            | ProgramKind::Uprobe
            | ProgramKind::Uretprobe
            | ProgramKind::Usdt => "struct pt_regs *".to_string(),
            ProgramKind::Tracepoint { context: Some(name) } | ProgramKind::Iter { context: name, .. } => {
                self.e.types.mention(name);
                format!("{} *", name.0)
            }
            ProgramKind::Tracepoint { context: None } => "void *".to_string(),
            ProgramKind::PerfEvent | ProgramKind::Interval => "struct bpf_perf_event_data *".to_string(),
        }
    }

    /// The program's parts, its name left open.
    fn finish(mut self, declarations: String) -> Written {
        let code = std::mem::take(&mut self.code).into_text();
        let ctx_type = self.ctx_type();
        let (frame, vars) = if self.shares_vars { self.frame(&ctx_type) } else { Default::default() };
        if self.program.kind == ProgramKind::Usdt {
            // libbpf attaches by maps that the header defines, also where no argument is read.
            self.e.header("usdt_args.bpf.h");
        }
        let mut body = vars;
        if let Some(inputs) = self.spec_inputs.take() {
            body += &format!("\tconst struct tw_spec_inputs inputs = {{ {{ {inputs} }} }};\n");
        }
        body += &declarations;
        body += &code;
        // Where the last statement already leaves, another would never be reached.
        let ends = code.trim_end().lines().last().is_some_and(|line| line.starts_with("\treturn "))
            && !code.trim_end().lines().rev().nth(1).is_some_and(|line| line.trim_start().starts_with("if ("));
        if !ends {
            body += "\n\treturn 0;\n";
        }
        let mut scratch = String::new();
        if !self.scratch.is_empty() {
            self.e.header("scratch.bpf.h");
            scratch = std::mem::take(&mut self.vars_definition);
            scratch += &format!("struct {OWN}_scratch {{\n");
            for member in &self.scratch {
                scratch += &format!("\t{member}\n");
            }
            scratch += "};\n\n";
        }
        Written {
            name: self.program.name.clone(),
            span: self.program.span,
            comment: self.heading(),
            places: self.places(),
            section: self.section(),
            ctx_type: self.uses_ctx.then_some(ctx_type),
            before: frame + &std::mem::take(&mut self.callbacks).concat(),
            body: body.trim_start_matches('\n').to_string(),
            scratch,
        }
    }

    /// What a program shares with its callbacks: definitions before it, and variables at its top.
    fn frame(&mut self, ctx_type: &str) -> (String, String) {
        // Variables that loops change lie where the verifier does not follow their values: it would look at every step of
        // the loop.
        let has_vars = !self.vars.is_empty() || self.ends_in_callback;
        if has_vars {
            let mut definition = format!("struct {OWN}_vars {{\n");
            for member in &self.vars {
                definition += &format!("\t{member}\n");
            }
            if self.ends_in_callback {
                definition += "\tbool returned;\n\t__s32 result;\n";
            }
            definition += "};\n\n";
            self.scratch.insert(0, format!("struct {OWN}_vars vars;"));
            self.vars_definition = definition;
        }
        let mut frame = format!("struct {OWN}_frame {{\n");
        let mut values: Vec<&str> = Vec::new();
        if self.shares_ctx {
            frame += &format!("\t{ctx_type}ctx;\n");
            values.push(".ctx = ctx");
            self.uses_ctx = true;
        }
        if has_vars || self.shares_scratch {
            frame += &format!("\tstruct {OWN}_scratch *scratch;\n");
            values.push(".scratch = scratch");
        }
        frame += "};\n\n";
        let mut vars;
        if values.is_empty() {
            frame.clear();
            vars = "\tvoid *frame = NULL;\n\n".to_string();
        } else {
            vars = format!("\tstruct {OWN}_frame shared = {{ {} }}, *frame = &shared;\n", values.join(", "));
            if has_vars {
                vars += &format!("\tstruct {OWN}_vars *vars = &scratch->vars;\n");
            }
            vars += "\n";
        }
        if self.ends_in_callback {
            vars += "\tvars->returned = false;\n\tvars->result = 0;\n";
        }
        (frame, vars)
    }

    /// The script's line.
    fn heading(&self) -> String {
        let line = self.first_line(self.program.span);
        let stands_in = self.program.targets.iter().any(|target| matches!(target.point, AttachPoint::StandIn { .. }));
        if stands_in { format!("Where there is no trampoline: {line}") } else { line }
    }

    /// The attach points as the script has them.
    fn places(&self) -> String {
        let shown = |target: &Target| target.display.iter().map(TextPiece::to_string).collect::<String>();
        let mut places: Vec<String> = self.program.targets.iter().map(shown).collect();
        places.dedup();
        places.join(", ")
    }

    /// libbpf's section name. Where the target is one and known now, it is spelled out; the rest is the tool's to attach.
    fn section(&self) -> String {
        let kind = match &self.program.kind {
            ProgramKind::RawTracepoint if needs_trusted_pointers(self.program) => "tp_btf",
            ProgramKind::Manual | ProgramKind::RawTracepoint => "raw_tp",
            ProgramKind::Kprobe => "kprobe",
            ProgramKind::Kretprobe => "kretprobe",
            ProgramKind::Fentry | ProgramKind::FentryBpf { exit: false } => "fentry",
            ProgramKind::Fexit { .. } | ProgramKind::FentryBpf { exit: true } => "fexit",
            ProgramKind::Uprobe => "uprobe",
            ProgramKind::Uretprobe => "uretprobe",
            ProgramKind::Usdt => "usdt",
            ProgramKind::Tracepoint { .. } => "tracepoint",
            ProgramKind::PerfEvent | ProgramKind::Interval => "perf_event",
            ProgramKind::Iter { kind, .. } => {
                let kind = section_part(kind).unwrap_or_default();
                return format!("iter/{kind}");
            }
        };
        match self.target() {
            Some(target) => format!("{kind}/{target}"),
            None => kind.to_string(),
        }
    }

    fn target(&self) -> Option<String> {
        let [target] = self.program.targets.as_slice() else { return None };
        match &target.point {
            AttachPoint::Kernel { module: None, function: KernelLocation::Function { name, offset: 0 } }
            | AttachPoint::Trampoline { module: None, function: name }
            | AttachPoint::StandIn { module: None, function: name, .. } => late(name),
            AttachPoint::Tracepoint { category, event } => Some(format!("{}/{}", late(category)?, late(event)?)),
            AttachPoint::RawTracepoint { module: None, event } => late(event),
            _ => None,
        }
    }
}

/// Whether it calls helpers that take only pointers of which the kernel knows the type.
fn needs_trusted_pointers(program: &BpfProgram) -> bool {
    let mut found = false;
    let mut look = |e: &Expr| found |= matches!(e.kind, ExprKind::Call(Call::SkbOutput { .. } | Call::SocketCookie(_)));
    program.predicate.iter().for_each(|predicate| walk::expr(predicate, &mut look));
    walk::stmts(&program.body, &mut |s| walk::stmt(s, &mut look));
    found
}

/// Whether conditions may decide which of several arguments is read.
fn chooses_arguments(program: &BpfProgram) -> bool {
    let (mut arguments, mut conditions) = (BTreeSet::new(), false);
    let mut look = |e: &Expr| match &e.kind {
        ExprKind::Context(ContextField::Arg(n) | ContextField::TypedArg(n)) => {
            arguments.insert(*n);
        }
        ExprKind::Ternary { .. } => conditions = true,
        _ => {}
    };
    program.predicate.iter().for_each(|predicate| walk::expr(predicate, &mut look));
    walk::stmts(&program.body, &mut |s| walk::stmt(s, &mut look));
    walk::stmts(&program.body, &mut |s| conditions |= matches!(s.kind, StmtKind::If { .. }));
    conditions && arguments.len() > 1
}

/// Text that is known now and safe in a section name.
fn late(text: &LateText) -> Option<String> {
    let mut out = String::new();
    for piece in text {
        match piece {
            TextPiece::Lit(text) => out += &section_part(text)?,
            TextPiece::Param(_) | TextPiece::Option(_) => return None,
        }
    }
    (!out.is_empty()).then_some(out)
}

fn section_part(text: &str) -> Option<String> {
    text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.')).then(|| text.to_string())
}
