//! Expressions of a parameter, as C has them: made steps of the machine in `spec.bpf.h`.

use crate::error::Result;
use crate::spec::split::refuse;
use crate::spec::types::{CType, Field, Parameter, Types};

/// What a step does; numbers as in `spec.bpf.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Operation {
    Number = 1,
    Input,
    AtEntry,
    Latency,
    Pid,
    Tgid,
    Uid,
    Gid,
    Cpu,
    Context,
    Load,
    Cast,
    Negate,
    Invert,
    Not,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    And,
    Or,
    Xor,
    Left,
    Right,
    Equal,
    Less,
    LessOrEqual,
    Both,
    Either,
}

/// A step of the machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    pub operation: Operation,
    pub size: i32,
    pub number: i64,
}

/// What names mean at the probe.
pub struct Scope<'a> {
    pub types: &'a Types,
    /// Of the function.
    pub parameters: Vec<Parameter>,
    /// Of the function.
    pub result: CType,
    /// Of the tracepoint.
    pub fields: Vec<Field>,
    /// Where in the registers that are the only argument each argument is: functions of system calls have them so.
    pub registers: Option<[i64; 6]>,
    /// The probe has arguments.
    pub has_arguments: bool,
    /// The probe has a result.
    pub has_result: bool,
}

/// An expression, compiled.
#[derive(Debug)]
pub struct Compiled {
    pub steps: Vec<Step>,
    /// Time since, or arguments at, the entry are read.
    pub wants_entry: bool,
}

/// Compiles an expression; its value is loaded, arrays are addresses.
///
/// # Errors
/// What cannot be understood.
pub fn compile(text: &str, scope: &Scope<'_>) -> Result<Compiled> {
    let tokens = tokens(text)?;
    // Before it is taken apart: parentheses nest.
    if tokens.len() > 8 * super::STEPS {
        return Err(refuse(&format!("\"{text}\" is too long")));
    }
    let mut compiler = Compiler { tokens: &tokens, at: 0, scope, steps: Vec::new(), wants_entry: false };
    compiler.value(0)?;
    if let Some(token) = tokens.get(compiler.at) {
        return Err(refuse(&format!("what is \"{}\" in \"{text}\"?", token.text())));
    }
    if compiler.steps.len() > super::STEPS - 1 {
        return Err(refuse(&format!("\"{text}\" is too long")));
    }
    let mut depth = 0usize;
    for step in &compiler.steps {
        let operation = step.operation as u32;
        depth = match operation {
            _ if operation <= Operation::Context as u32 => depth + 1,
            _ if operation >= Operation::Add as u32 => depth.saturating_sub(1),
            _ => depth,
        };
        // One more is not on the stack of the programs.
        if depth > super::DEPTH + 1 {
            return Err(refuse(&format!("\"{text}\" is nested too deeply")));
        }
    }
    Ok(Compiled { steps: compiler.steps, wants_entry: compiler.wants_entry })
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Name(String),
    Number(i64),
    Text(String),
    Symbol(&'static str),
}

impl Token {
    fn text(&self) -> String {
        match self {
            Token::Name(name) => name.clone(),
            Token::Number(number) => number.to_string(),
            Token::Text(text) => format!("\"{text}\""),
            Token::Symbol(symbol) => (*symbol).to_owned(),
        }
    }
}

/// Longer ones first.
const SYMBOLS: [&str; 29] = [
    "->", "==", "!=", "<=", ">=", "<<", ">>", "&&", "||", "<", ">", "+", "-", "*", "/", "%", "&", "|", "^", "!", "~",
    "(", ")", "[", "]", ".", ",", "?", ":",
];

fn tokens(text: &str) -> Result<Vec<Token>> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let word = rest.find(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '$')).unwrap_or(rest.len());
        let length = if first.is_ascii_digit() {
            let digits = rest[..word].trim_end_matches(['u', 'U', 'l', 'L']);
            let number = crate::args::parse_number(digits);
            found.push(Token::Number(number.ok_or_else(|| refuse(&format!("what number is \"{}\"?", &rest[..word])))?));
            word
        } else if word > 0 {
            found.push(Token::Name(rest[..word].to_owned()));
            word
        } else if let Some(symbol) = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            found.push(Token::Symbol(symbol));
            symbol.len()
        } else if let Some(character) = character(rest) {
            found.push(Token::Number(i64::from(character)));
            3
        } else if let Some((text, _)) = rest.strip_prefix('"').and_then(|rest| rest.split_once('"')) {
            found.push(Token::Text(text.to_owned()));
            text.len() + 2
        } else {
            return Err(refuse(&format!("what is \"{rest}\"?")));
        };
        rest = rest[length..].trim_start();
    }
    Ok(found)
}

/// `'a'`
fn character(text: &str) -> Option<u8> {
    match text.as_bytes() {
        [b'\'', character, b'\'', ..] => Some(*character),
        _ => None,
    }
}

/// Operator, how tightly it binds, what it does.
fn binary(symbol: &str) -> Option<(u8, Operation)> {
    Some(match symbol {
        "||" => (1, Operation::Either),
        "&&" => (2, Operation::Both),
        "|" => (3, Operation::Or),
        "^" => (4, Operation::Xor),
        "&" => (5, Operation::And),
        "==" | "!=" => (6, Operation::Equal),
        "<" | ">=" => (7, Operation::Less),
        "<=" | ">" => (7, Operation::LessOrEqual),
        "<<" => (8, Operation::Left),
        ">>" => (8, Operation::Right),
        "+" => (9, Operation::Add),
        "-" => (9, Operation::Subtract),
        "*" => (10, Operation::Multiply),
        "/" => (10, Operation::Divide),
        "%" => (10, Operation::Modulo),
        _ => return None,
    })
}

struct Compiler<'a> {
    tokens: &'a [Token],
    at: usize,
    scope: &'a Scope<'a>,
    steps: Vec<Step>,
    wants_entry: bool,
}

impl Compiler<'_> {
    fn step(&mut self, operation: Operation, size: i32, number: i64) {
        self.steps.push(Step { operation, size, number });
    }

    fn take(&mut self, symbol: &str) -> bool {
        let found = matches!(self.tokens.get(self.at), Some(Token::Symbol(known)) if *known == symbol);
        self.at += usize::from(found);
        found
    }

    fn want(&mut self, symbol: &str) -> Result<()> {
        if self.take(symbol) { Ok(()) } else { Err(refuse(&format!("\"{symbol}\" is missing"))) }
    }

    /// A value on the top of the stack, of operators that bind more tightly.
    fn value(&mut self, least: u8) -> Result<CType> {
        let mut left = self.unary()?;
        while let Some(Token::Symbol(symbol)) = self.tokens.get(self.at) {
            let Some((binding, operation)) = binary(symbol).filter(|(binding, _)| *binding > least) else { break };
            self.at += 1;
            // a[i] and p + i count elements; here addresses are plain numbers, which nobody adds to.
            let right = self.value(binding)?;
            let is_signed = left.is_signed() && right.is_signed();
            self.step(operation, if is_signed { -8 } else { 8 }, 0);
            // a > b is !(a <= b), and so on.
            if matches!(*symbol, "!=" | ">" | ">=") {
                self.step(Operation::Not, 0, 0);
            }
            left = if binding <= 7 && binding != 3 && binding != 4 && binding != 5 {
                CType::Int(-4)
            } else {
                CType::Int(if is_signed { -8 } else { 8 })
            };
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<CType> {
        if self.take("-") {
            self.unary()?;
            self.step(Operation::Negate, 0, 0);
            return Ok(CType::LONG);
        }
        if self.take("!") {
            self.unary()?;
            self.step(Operation::Not, 0, 0);
            return Ok(CType::Int(-4));
        }
        if self.take("~") {
            let ty = self.unary()?;
            self.step(Operation::Invert, 0, 0);
            return Ok(ty);
        }
        if self.take("+") {
            return self.unary();
        }
        if self.take("*") {
            let ty = self.unary()?;
            let to = pointee(&ty)?;
            return Ok(self.loaded(to, 0));
        }
        if let Some(ty) = self.cast()? {
            self.unary()?;
            self.step(Operation::Cast, ty.width(), 0);
            return Ok(ty);
        }
        self.postfix()
    }

    /// `(type)`
    fn cast(&mut self) -> Result<Option<CType>> {
        if self.tokens.get(self.at) != Some(&Token::Symbol("(")) {
            return Ok(None);
        }
        let mut words = String::new();
        let mut end = self.at + 1;
        while let Some(token) = self.tokens.get(end) {
            match token {
                Token::Name(name) => words = words + " " + name,
                Token::Symbol("*") => words.push('*'),
                _ => break,
            }
            end += 1;
        }
        if self.tokens.get(end) != Some(&Token::Symbol(")")) || words.is_empty() {
            return Ok(None);
        }
        // `(x)` is x in brackets unless x is a type.
        let is_parameter = self.scope.parameters.iter().any(|parameter| parameter.name == words.trim());
        match self.scope.types.named(&words) {
            Ok(ty) if !is_parameter => {
                self.at = end + 1;
                Ok(Some(ty))
            }
            _ => Ok(None),
        }
    }

    fn postfix(&mut self) -> Result<CType> {
        let mut ty = self.primary()?;
        loop {
            if self.take("->") || self.take(".") {
                let Some(Token::Name(name)) = self.tokens.get(self.at) else {
                    return Err(refuse("the name of a member is missing"));
                };
                self.at += 1;
                let of = match &ty {
                    CType::Pointer(to) => to.as_ref(),
                    other => other,
                };
                let CType::Struct(id) = of else {
                    return Err(refuse(&format!("what {name} is a member of has no known type: give a signature")));
                };
                let (member, offset) = self
                    .scope
                    .types
                    .member(*id, name)
                    .ok_or_else(|| refuse(&format!("this kernel's struct has no member {name}")))?;
                ty = self.loaded(member, offset);
            } else if self.take("[") {
                let to = pointee(&ty)?;
                let size = self.scope.types.size(&to);
                self.value(0)?;
                self.want("]")?;
                self.step(Operation::Number, 0, size);
                self.step(Operation::Multiply, 8, 0);
                self.step(Operation::Add, 8, 0);
                ty = self.loaded(to, 0);
            } else {
                return Ok(ty);
            }
        }
    }

    /// What lies behind an address: scalars are read, of others the address is kept.
    fn loaded(&mut self, ty: CType, offset: i64) -> CType {
        match &ty {
            CType::Int(_) | CType::Pointer(_) => {
                // 0 is for results whose width nobody knows; memory has one.
                let size = if ty.width() == 0 { -8 } else { ty.width() };
                self.step(Operation::Load, size, offset);
            }
            _ if offset != 0 => {
                self.step(Operation::Number, 0, offset);
                self.step(Operation::Add, 8, 0);
            }
            _ => {}
        }
        ty
    }

    fn primary(&mut self) -> Result<CType> {
        if self.take("(") {
            let ty = self.value(0)?;
            self.want(")")?;
            return Ok(ty);
        }
        let token = self.tokens.get(self.at).cloned().ok_or_else(|| refuse("an expression is missing"))?;
        self.at += 1;
        match token {
            Token::Number(number) => {
                self.step(Operation::Number, 0, number);
                Ok(CType::LONG)
            }
            Token::Name(name) => self.name(&name),
            Token::Text(text) => Err(refuse(&format!("what about \"{text}\"? STRCMP(\"{text}\", STRING)"))),
            Token::Symbol(symbol) => Err(refuse(&format!("what is \"{symbol}\"?"))),
        }
    }

    fn name(&mut self, name: &str) -> Result<CType> {
        let own = |operation, ty| Ok::<_, crate::error::Error>((operation, ty));
        let (operation, ty) = match name {
            "$pid" => own(Operation::Pid, CType::Int(4))?,
            // BCC's $PID is what user space calls the process id.
            "$PID" | "$TGID" | "$tgid" => own(Operation::Tgid, CType::Int(4))?,
            "$TID" | "$tid" => own(Operation::Pid, CType::Int(4))?,
            "$UID" | "$uid" => own(Operation::Uid, CType::Int(4))?,
            "$GID" | "$gid" => own(Operation::Gid, CType::Int(4))?,
            "$CPU" | "$cpu" => own(Operation::Cpu, CType::Int(4))?,
            "$latency" | "$lantency" if self.scope.has_result => {
                self.wants_entry = true;
                own(Operation::Latency, CType::Int(8))?
            }
            "retval" | "$retval" if self.scope.has_result => {
                self.step(Operation::Input, self.scope.result.width(), 0);
                return Ok(self.scope.result.clone());
            }
            "retval" | "$retval" | "$latency" => {
                return Err(refuse(&format!("{name} is for returns: r::FUNCTION, r:LIBRARY:FUNCTION")));
            }
            "$entry" if self.scope.has_result => {
                self.want("(")?;
                let Some(Token::Name(parameter)) = self.tokens.get(self.at).cloned() else {
                    return Err(refuse("$entry(PARAMETER)"));
                };
                self.at += 1;
                self.want(")")?;
                self.wants_entry = true;
                return self.argument(&parameter, Operation::AtEntry);
            }
            "args" if !self.scope.fields.is_empty() => return self.field(),
            "STRCMP" => return self.same_text(),
            _ if self.scope.has_arguments => return self.argument(name, Operation::Input),
            _ => return Err(refuse(&format!("there is no \"{name}\" at this probe"))),
        };
        self.step(operation, 0, 0);
        Ok(ty)
    }

    /// `STRCMP("text", STRING)`: whether they are the same, as BCC has it. Compared piece by piece, with its NUL.
    fn same_text(&mut self) -> Result<CType> {
        let usage = || refuse("STRCMP(\"text\", STRING)");
        self.want("(")?;
        let mut text = self.text();
        if text.is_some() {
            self.want(",")?;
        }
        let start = self.steps.len();
        self.value(0)?;
        let address = self.steps.split_off(start);
        if text.is_none() {
            self.want(",")?;
            text = self.text();
        }
        self.want(")")?;
        let mut bytes = text.ok_or_else(usage)?.into_bytes();
        bytes.push(0);
        let mut at = 0;
        while at < bytes.len() {
            // No more is read than the string has: there may be nothing behind it.
            let size = [8, 4, 2, 1].into_iter().find(|size| at + size <= bytes.len()).unwrap_or(1);
            let mut piece = [0; 8];
            piece[..size].copy_from_slice(&bytes[at..at + size]);
            self.steps.extend_from_slice(&address);
            self.step(Operation::Load, if size == 8 { -8 } else { size as i32 }, at as i64);
            self.step(Operation::Number, 0, i64::from_le_bytes(piece));
            self.step(Operation::Equal, -8, 0);
            if at > 0 {
                self.step(Operation::Both, 0, 0);
            }
            at += size;
        }
        Ok(CType::Int(-4))
    }

    fn text(&mut self) -> Option<String> {
        let Some(Token::Text(text)) = self.tokens.get(self.at) else { return None };
        self.at += 1;
        Some(text.clone())
    }

    /// `arg1`, counted from 1 as BCC does, or a parameter by name.
    fn argument(&mut self, name: &str, operation: Operation) -> Result<CType> {
        let number = name.strip_prefix("arg").and_then(|digits| digits.parse::<usize>().ok()).filter(|n| *n > 0);
        let index = match number {
            Some(number) => number - 1,
            None => match self.scope.parameters.iter().position(|parameter| parameter.name == name) {
                Some(index) => index,
                None => return Err(refuse(&format!("there is no \"{name}\" at this probe: give a signature"))),
            },
        };
        if index >= 6 {
            return Err(refuse("only the first six arguments can be read"));
        }
        let ty = match self.scope.parameters.get(index) {
            // Structs by value are in registers in ways of their own.
            Some(parameter) if !matches!(parameter.ty, CType::Struct(_)) => parameter.ty.clone(),
            _ => CType::Int(8),
        };
        if let Some(registers) = self.scope.registers {
            self.step(operation, 8, 0);
            self.step(Operation::Load, ty.width(), registers[index]);
        } else {
            self.step(operation, ty.width(), index as i64);
        }
        Ok(ty)
    }

    /// `args->NAME`
    fn field(&mut self) -> Result<CType> {
        if !self.take("->") {
            self.want(".")?;
        }
        let Some(Token::Name(name)) = self.tokens.get(self.at) else {
            return Err(refuse("args->FIELD"));
        };
        self.at += 1;
        let Some(field) = self.scope.fields.iter().find(|field| field.name == *name).cloned() else {
            let known: Vec<&str> = self.scope.fields.iter().map(|field| field.name.as_str()).collect();
            return Err(refuse(&format!("the tracepoint has no {name}; it has {}", known.join(", "))));
        };
        match (&field.ty, field.is_located) {
            (CType::Array(_), true) => {
                self.step(Operation::Context, 0, 0);
                self.step(Operation::Context, 4, field.offset);
                self.step(Operation::Number, 0, 0xffff);
                self.step(Operation::And, 8, 0);
                self.step(Operation::Add, 8, 0);
            }
            // The address itself.
            (CType::Array(_), false) => self.step(Operation::Context, 0, field.offset),
            (ty, _) => self.step(Operation::Context, ty.width(), field.offset),
        }
        Ok(field.ty)
    }
}

fn pointee(ty: &CType) -> Result<CType> {
    match ty {
        CType::Pointer(to) | CType::Array(to) if **to != CType::Void => Ok((**to).clone()),
        _ => Err(refuse("what is pointed to has no known type: give a signature")),
    }
}
