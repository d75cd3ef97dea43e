//! What is printed: `printf`, `print`, `cat`, `system`, `join`, `time`.

use crate::check::{Lower, effect, parse_format, poison};
use crate::codes;
use crate::program::{ActionKind, Call, Conversion, Expr, ExprKind, Format, FormatPiece, SettingSource, StmtKind};
use crate::stdlib::{CallSite, spec};
use crate::syntax::ast::{self, Arg};
use crate::types::{Aggregate, IntType, Type};

pub(super) fn printf(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    formatted(lower, site, ActionKind::Printf)
}

pub(super) fn errorf(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    formatted(lower, site, ActionKind::Errorf)
}

pub(super) fn warnf(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    formatted(lower, site, ActionKind::Warnf)
}

pub(super) fn cat(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    formatted(lower, site, ActionKind::Cat)
}

pub(super) fn system(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    formatted(lower, site, ActionKind::System)
}

fn formatted(lower: &mut Lower<'_>, site: &CallSite<'_>, make: fn(Format) -> ActionKind) -> Expr {
    let Some(text) = lower.literal_text(site, 0) else { return poison(site.span) };
    let mut format = parse_format(&text);
    let Ok(values) = spec_values(lower, &mut format, site) else { return poison(site.span) };
    let args = format_arguments(lower, site, 1, values.as_ref().map(|values| values.argument));
    let Some(mut fields) = lower.check_format(&format, args, site.span) else { return poison(site.span) };
    if let Some(values) = values {
        let mut all = spec::numbers(lower, site);
        for text in values.texts {
            let Some(text) = lower.value(site, text) else { return poison(site.span) };
            if !matches!(text.ty, Type::String { .. }) {
                return lower.error(codes::ARGUMENT_TYPE, text.span, "spec_values() expects strings");
            }
            all.push(text);
        }
        fields.splice(values.field..values.field, all);
    }
    send(lower, make(format), fields, site)
}

/// `spec_values(texts…)` among the arguments of a format.
struct SpecValues<'a> {
    /// Which argument of the call.
    argument: usize,
    /// Where its fields go.
    field: usize,
    texts: &'a [Arg],
}

/// The call of `spec_values`, and its `%s` made the piece that it is; `Err` where it is refused.
fn spec_values<'a>(
    lower: &mut Lower<'_>,
    format: &mut Format,
    site: &CallSite<'a>,
) -> Result<Option<SpecValues<'a>>, Refused> {
    let mut calls = site.args.iter().enumerate().filter_map(|(at, arg)| match arg {
        Arg::Expr(ast::Expr { kind: ast::ExprKind::Call { name, args }, .. }) if name.name == "spec_values" => {
            Some((at, args.as_slice()))
        }
        _ => None,
    });
    let Some((argument, texts)) = calls.next() else { return Ok(None) };
    let conversions = format.pieces.iter_mut().filter(|piece| matches!(piece, FormatPiece::Conversion(_)));
    let Some(piece) = argument.checked_sub(1).and_then(|at| conversions.into_iter().nth(at)) else { return Ok(None) };
    let FormatPiece::Conversion(conversion) = &*piece else { return Ok(None) };
    if conversion.conversion != 's' {
        return Ok(None);
    }
    let plain = Conversion { conversion: 's', ..Conversion::default() };
    let refusal = if texts.len() > spec::VALUES as usize {
        Some(format!("spec_values() takes up to {} strings ({} provided)", spec::VALUES, texts.len()))
    } else {
        (*conversion != plain).then(|| "spec_values() is printed by a plain %s, without flags or a width".to_owned())
    };
    if let Some(message) = refusal {
        lower.error(codes::ARGUMENT_TYPE, site.span, message);
        return Err(Refused);
    }
    *piece = FormatPiece::Spec { texts: texts.len() as u32 };
    Ok(Some(SpecValues { argument, field: argument - 1, texts }))
}

/// What was wrong has been told.
struct Refused;

/// Arguments of a format: a bare parameter is printed as it was given.
fn format_arguments(lower: &mut Lower<'_>, site: &CallSite<'_>, from: usize, without: Option<usize>) -> Vec<Expr> {
    let conversions = site.args.first().and_then(|arg| match arg {
        Arg::Expr(ast::Expr { kind: ast::ExprKind::Str(text), .. }) => Some(conversion_letters(text)),
        _ => None,
    });
    let letters = conversions.unwrap_or_default();
    let mut out = Vec::new();
    for (at, arg) in site.args.iter().skip(from).enumerate().filter(|(at, _)| Some(at + from) != without) {
        let value = match arg {
            Arg::Expr(expr) => match (&expr.kind, letters.get(at)) {
                (ast::ExprKind::Param(n), Some('s')) => lower.parameter_any(*n, expr.span),
                _ => lower.expr(expr),
            },
            Arg::Type(ty) => {
                lower.error(codes::ARGUMENT_TYPE, ty.span, format!("{}() expects a value, not a type", site.name))
            }
        };
        out.push(value);
    }
    out
}

fn conversion_letters(text: &[u8]) -> Vec<char> {
    parse_format(text)
        .pieces
        .iter()
        .filter_map(|piece| match piece {
            FormatPiece::Conversion(conversion) => Some(conversion.conversion),
            FormatPiece::Text(_) | FormatPiece::Spec { .. } => None,
        })
        .collect()
}

/// What is only printed is looked up by user space: the event carries which name or parameter it is.
fn printed(lower: &Lower<'_>, arg: Expr) -> Expr {
    let Expr { ty, kind, span } = arg;
    match kind {
        ExprKind::Call(Call::NameText(number)) => *number,
        ExprKind::Setting(id) => match lower.rodata[id.0].source {
            SettingSource::ParamAny(n) if !lower.options.typed_events => {
                crate::check::constant(i64::from(n), Type::Parameter, span)
            }
            _ => Expr { ty, kind: ExprKind::Setting(id), span },
        },
        ExprKind::MapSummary { map, key } => match lower.map_value_type(map) {
            Type::Aggregate(Aggregate::Stats { signed }) => {
                let number = Type::Int(IntType { bits: 64, signed });
                let fields = [("count", Type::U64), ("average", number.clone()), ("total", number)];
                let ty = Type::Record(fields.map(|(name, ty)| (name.to_owned(), ty)).to_vec());
                Expr { ty, kind: ExprKind::Call(Call::Stats { map, key }), span }
            }
            _ => Expr { ty, kind: ExprKind::MapSummary { map, key }, span },
        },
        ExprKind::Aggregate(items) if matches!(ty, Type::Tuple(_) | Type::Record(_)) => {
            let items: Vec<Expr> = items.into_iter().map(|item| printed(lower, item)).collect();
            let types = items.iter().map(|item| item.ty.clone());
            let ty = match ty {
                Type::Record(fields) => Type::Record(fields.into_iter().map(|(name, _)| name).zip(types).collect()),
                _ => Type::Tuple(types.collect()),
            };
            Expr { ty, kind: ExprKind::Aggregate(items), span }
        }
        kind => Expr { ty, kind, span },
    }
}

/// The statement that sends an event with these fields.
fn send(lower: &mut Lower<'_>, kind: ActionKind, args: Vec<Expr>, site: &CallSite<'_>) -> Expr {
    // A key is looked up as it is in the map.
    let keys = usize::from(matches!(kind, ActionKind::PrintElement { .. }));
    let shown = |(at, arg)| if at < keys { arg } else { printed(lower, arg) };
    let args: Vec<Expr> = args.into_iter().enumerate().map(shown).collect();
    let (kind, args) = match kind {
        ActionKind::Printf(format) if !lower.options.typed_events => {
            let (format, args) = with_literals(format, args);
            (ActionKind::Printf(format), args)
        }
        kind => (kind, args),
    };
    let fields = args.iter().map(|arg| arg.ty.clone()).collect();
    let action = lower.add_action(kind, fields, site.span);
    effect(StmtKind::Action { action, args }, site.span)
}

/// A format with the literal strings among its arguments put into it: what is known now need not be sent.
fn with_literals(format: Format, args: Vec<Expr>) -> (Format, Vec<Expr>) {
    // These count the pieces of text around them.
    if format.pieces.iter().any(|piece| matches!(piece, FormatPiece::Spec { .. })) {
        return (format, args);
    }
    let mut args = args.into_iter();
    let mut kept = Vec::new();
    let mut pieces: Vec<FormatPiece> = Vec::new();
    for piece in format.pieces {
        let known = match &piece {
            FormatPiece::Text(text) => Some(text.clone()),
            FormatPiece::Spec { .. } => None,
            FormatPiece::Conversion(conversion) => args.next().and_then(|arg| {
                let known = literal_text(conversion, &arg);
                kept.extend(known.is_none().then_some(arg));
                known
            }),
        };
        match (known, pieces.last_mut()) {
            (Some(more), Some(FormatPiece::Text(text))) => text.extend(more),
            (Some(text), _) => pieces.push(FormatPiece::Text(text)),
            (None, _) => pieces.push(piece),
        }
    }
    kept.extend(args);
    (Format { pieces, ..format }, kept)
}

/// What `%-16s` makes of a literal; none where that is not known for sure.
fn literal_text(conversion: &Conversion, arg: &Expr) -> Option<Vec<u8>> {
    const LONGEST: usize = 64;
    let plain = Conversion {
        left: conversion.left,
        width: conversion.width,
        conversion: 's',
        length: conversion.length.clone(),
        ..Conversion::default()
    };
    let ExprKind::Str(text) = &arg.kind else { return None };
    let width = conversion.width.unwrap_or(0) as usize;
    let is_plain = text.len().max(width) <= LONGEST && text.iter().all(|byte| (b' '..=b'~').contains(byte));
    if *conversion != plain || !is_plain {
        return None;
    }
    let blanks = vec![b' '; width.saturating_sub(text.len())];
    Some(if conversion.left { [text.as_slice(), &blanks].concat() } else { [&blanks, text.as_slice()].concat() })
}

pub(super) fn debugf(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let Some(text) = lower.literal_text(site, 0) else { return poison(site.span) };
    let format = parse_format(&text);
    let args = format_arguments(lower, site, 1, None);
    lower.warn(
        codes::W_DEPRECATED,
        site.span,
        "The debugf() builtin is not recommended for production use. For more information see bpf_trace_printk in \
         bpf-helpers(7).",
    );
    let Some(args) = lower.check_format(&format, args, site.span) else { return poison(site.span) };
    if args.len() > 3 {
        return lower.error(codes::ARGUMENT_COUNT, site.span, "cannot use more than 3 conversion specifiers");
    }
    let format = String::from_utf8_lossy(&text).into_owned();
    effect(StmtKind::Debug { format, args }, site.span)
}

/// `print(value)`, `print(@m)`, `print(@m, top, div)`, `print(@m[k])`
pub(super) fn print(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let span = site.span;
    let Some(Arg::Expr(first)) = site.args.first() else {
        return lower.error(codes::ARGUMENT_TYPE, span, "print() expects a value, not a type");
    };
    match map_argument(first) {
        Some(ast::ExprKind::Map(name)) => {
            let map = lower.map_named(name, first.span);
            lower.maps[map.0].used = true;
            if lower.last && lower.previous_unassigned(map) {
                let name = name.clone();
                return lower.undefined_map(&name, first.span);
            }
            // A scalar map that holds a plain value is printed as a map, by reference.
            let mut args = Vec::new();
            if site.args.len() > 1 && matches!(lower.map_value_type(map), Type::Aggregate(Aggregate::Stats { .. })) {
                lower.warn(
                    codes::W_UNUSED,
                    span,
                    "print()'s top and div arguments are ignored when used on stats() maps.",
                );
            }
            for at in [1, 2] {
                if let Some(arg) = site.args.get(at) {
                    let Some(value) = lower.value(site, arg) else { return poison(span) };
                    let literal =
                        crate::check::constant_int(&value).is_some() || matches!(value.kind, ExprKind::Setting(_));
                    if !matches!(value.ty, Type::Int(_)) || !literal {
                        return lower.error(
                            codes::ARGUMENT_TYPE,
                            span,
                            format!("print() expects a int literal ({} provided)", crate::check::kind_name(&value.ty)),
                        );
                    }
                    args.push(lower.coerce(value, &Type::U64));
                }
            }
            while args.len() < 2 {
                args.push(crate::check::constant(0, Type::U64, span));
            }
            send(lower, ActionKind::PrintMap { map }, args, site)
        }
        Some(ast::ExprKind::MapKey { map: name, keys }) => {
            if site.args.len() > 1 {
                return lower.error(
                    codes::ARGUMENT_COUNT,
                    span,
                    format!("Non-map print() only takes 1 argument, {} found", site.args.len()),
                );
            }
            let map = lower.map_named(&name.name, name.span);
            lower.maps[map.0].used = true;
            let key = lower.map_key(map, keys, name.span);
            let ty = lower.map_value_type(map);
            let mut args = vec![key.clone()];
            if let Type::Aggregate(aggregate) = &ty {
                if crate::check::summary_type(aggregate).is_none() {
                    let message = format!(
                        "Map type {ty} cannot print the value of individual keys. You must print the whole map."
                    );
                    return lower.error(codes::ARGUMENT_TYPE, span, message);
                }
                return send(lower, ActionKind::PrintElement { map }, args, site);
            }
            if ty == Type::Void {
                return poison(span);
            }
            let value = lower.read_map(map, Some(key), name.span, first.span);
            args.push(value);
            send(lower, ActionKind::PrintElement { map }, args, site)
        }
        _ => {
            if site.args.len() > 1 {
                return lower.error(
                    codes::ARGUMENT_COUNT,
                    span,
                    format!("Non-map print() only takes 1 argument, {} found", site.args.len()),
                );
            }
            let value = match &first.kind {
                ast::ExprKind::Param(n) => lower.parameter_any(*n, first.span),
                _ => lower.expr(first),
            };
            if lower.is_poison(&value) {
                return poison(span);
            }
            if value.ty == Type::Void || value.ty == Type::Tuple(Vec::new()) {
                return lower.error(codes::ARGUMENT_TYPE, span, "none type passed to print() is not printable");
            }
            send(lower, ActionKind::PrintValue, vec![crate::check::read_at(value, span)], site)
        }
    }
}

fn map_argument(expr: &ast::Expr) -> Option<&ast::ExprKind> {
    match &expr.kind {
        ast::ExprKind::Map(_) | ast::ExprKind::MapKey { .. } => Some(&expr.kind),
        ast::ExprKind::Expanded { body, .. } => map_argument(body),
        ast::ExprKind::Block(block) if block.stmts.is_empty() => block.value.as_deref().and_then(map_argument),
        _ => None,
    }
}

pub(super) fn time(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let format = if site.args.is_empty() {
        "%H:%M:%S\n".to_owned()
    } else {
        let Some(text) = lower.literal_text(site, 0) else { return poison(site.span) };
        String::from_utf8_lossy(&text).into_owned()
    };
    send(lower, ActionKind::Time(format), Vec::new(), site)
}

pub(super) fn join(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let Some(array) = lower.value(site, &site.args[0]) else { return poison(site.span) };
    let separator = if site.args.len() > 1 {
        let Some(text) = lower.literal_text(site, 1) else { return poison(site.span) };
        String::from_utf8_lossy(&text).into_owned()
    } else {
        " ".to_owned()
    };
    let char_pointer = |space| Type::Pointer { to: Box::new(Type::Int(IntType::I8)), space };
    let array = match &array.ty {
        Type::Pointer { .. } => array,
        Type::Int(_) => {
            let space = lower.space_of_value(&array);
            let ty = Type::Pointer { to: Box::new(char_pointer(space)), space };
            let span = array.span;
            Expr { ty, kind: ExprKind::Cast(Box::new(array)), span }
        }
        Type::Array { .. } => match lower.address(array) {
            Ok((address, _)) => address,
            Err(value) => {
                let message = format!(
                    "join() only supports int or pointer arguments ({} provided)",
                    crate::check::kind_name(&value.ty)
                );
                return lower.error(codes::ARGUMENT_TYPE, site.span, message);
            }
        },
        ty => {
            let message =
                format!("join() only supports int or pointer arguments ({} provided)", crate::check::kind_name(ty));
            return lower.error(codes::ARGUMENT_TYPE, site.span, message);
        }
    };
    let text = Type::String { capacity: lower.settings.config.max_strlen };
    let action = lower.add_action(ActionKind::Join { separator }, vec![text], site.span);
    effect(StmtKind::Join { action, array }, site.span)
}

pub(super) fn exit(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let code = match site.args.first() {
        None => None,
        Some(arg) => {
            let Some(code) = lower.value(site, arg) else { return poison(site.span) };
            if !matches!(code.ty, Type::Int(_)) {
                let message =
                    format!("exit() only supports int arguments ({} provided)", crate::check::kind_name(&code.ty));
                return lower.error(codes::ARGUMENT_TYPE, site.span, message);
            }
            Some(lower.coerce(code, &Type::Int(IntType::I32)))
        }
    };
    effect(StmtKind::Exit { code }, site.span)
}

pub(super) fn unwatch(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    let Some(address) = lower.value(site, &site.args[0]) else { return poison(site.span) };
    let address = match &address.ty {
        Type::Int(_) => lower.coerce(address, &Type::U64),
        Type::Pointer { .. } => {
            let span = address.span;
            Expr { ty: Type::U64, kind: ExprKind::Cast(Box::new(address)), span }
        }
        ty => {
            let message = format!("unwatch() only supports int arguments ({} provided)", crate::check::kind_name(ty));
            return lower.error(codes::ARGUMENT_TYPE, site.span, message);
        }
    };
    send(lower, ActionKind::Unwatch, vec![address], site)
}

/// `assert(cond, message)`
pub(super) fn assert(lower: &mut Lower<'_>, site: &CallSite<'_>) -> Expr {
    use crate::program::Stmt;
    let Some(cond) = lower.value(site, &site.args[0]) else { return poison(site.span) };
    let cond = lower.truth(cond);
    let Some(message) = lower.value(site, &site.args[1]) else { return poison(site.span) };
    let format = parse_format(b"assert failed: %s");
    let Some(fields) = lower.check_format(&format, vec![message], site.span) else { return poison(site.span) };
    let types = fields.iter().map(|field| field.ty.clone()).collect();
    let action = lower.add_action(ActionKind::Errorf(format), types, site.span);
    let one = crate::check::constant(1, Type::Int(IntType::I32), site.span);
    let span = site.span;
    let otherwise = vec![
        Stmt { kind: StmtKind::Action { action, args: fields }, span },
        Stmt { kind: StmtKind::Exit { code: Some(one) }, span },
    ];
    effect(StmtKind::If { cond, then: Vec::new(), otherwise }, span)
}
