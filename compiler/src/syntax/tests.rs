use super::ast::*;
use crate::diagnostics::Diagnostics;
use crate::source::{FileId, Sources, Span};

/// Parses a script that must be sound.
fn parse(text: &str) -> Script {
    let (script, messages) = parse_with_messages(text);
    assert_eq!(messages, "", "{text}");
    script
}

fn parse_with_messages(text: &str) -> (Script, String) {
    let (mut sources, mut diagnostics) = (Sources::default(), Diagnostics::default());
    let file = sources.add("x.bt", text);
    let script = super::parse(&sources, file, &mut diagnostics);
    diagnostics.sort(&sources);
    (script, diagnostics.to_plain(&sources))
}

/// What is said of a script that must be refused, without the file's name and the codes.
fn errors(text: &str) -> Vec<String> {
    let (_, messages) = parse_with_messages(text);
    let lines = messages.lines().filter(|line| !line.starts_with("hint:"));
    lines.map(|line| line.replace("x.bt:", "").replace("syntax: ", "").replace(" error[", " [")).collect()
}

/// The single expression of `begin { … }`.
fn expr(text: &str) -> ExprKind {
    let script = parse(&format!("begin {{ {text} }}"));
    match script.probes[0].body.stmts.last().map(|stmt| &stmt.kind) {
        Some(StmtKind::Expr(expr)) => expr.kind.clone(),
        other => panic!("{text}: {other:?}"),
    }
}

/// An expression with all its parentheses.
fn show(kind: &ExprKind) -> String {
    let sub = |expr: &Expr| show(&expr.kind);
    let list = |exprs: &[Expr]| exprs.iter().map(sub).collect::<Vec<_>>().join(",");
    match kind {
        ExprKind::Int { value, .. } => value.to_string(),
        ExprKind::Bool(value) => value.to_string(),
        ExprKind::Str(bytes) => format!("{:?}", String::from_utf8_lossy(bytes)),
        ExprKind::Ident(name) => name.clone(),
        ExprKind::Var(name) => format!("${name}"),
        ExprKind::Param(index) => format!("${index}"),
        ExprKind::Map(name) => format!("@{name}"),
        ExprKind::MapKey { map, keys } => format!("@{}[{}]", map.name, list(keys)),
        ExprKind::Call { name, args } => {
            let args: Vec<String> = args.iter().map(show_arg).collect();
            format!("{}({})", name.name, args.join(","))
        }
        ExprKind::Unary { op, operand } => format!("({op:?} {})", sub(operand)),
        ExprKind::Binary { op, left, right } => format!("({} {op:?} {})", sub(left), sub(right)),
        ExprKind::Ternary { cond, then, otherwise } => {
            format!("({} ? {} : {})", sub(cond), then.as_deref().map_or(String::new(), sub), sub(otherwise))
        }
        ExprKind::Cast { ty, operand } => format!("(<{}> {})", show_type(ty), sub(operand)),
        ExprKind::Field { base, field } => format!("{}.{}", sub(base), field.name),
        ExprKind::TupleField { base, index } => format!("{}.{index}", sub(base)),
        ExprKind::Index { base, index } => format!("{}[{}]", sub(base), sub(index)),
        ExprKind::Tuple(values) => format!("({},)", list(values)),
        ExprKind::Record(fields) => {
            let fields: Vec<String> =
                fields.iter().map(|(name, value)| format!("{}={}", name.name, sub(value))).collect();
            format!("({})", fields.join(","))
        }
        ExprKind::Block(block) => format!("{{{}}}", block.value.as_deref().map_or(String::new(), sub)),
        ExprKind::If { cond, .. } => format!("(if {})", sub(cond)),
        ExprKind::Comptime(operand) => format!("(comptime {})", sub(operand)),
        other => format!("{other:?}"),
    }
}

fn show_arg(arg: &Arg) -> String {
    match arg {
        Arg::Expr(expr) => show(&expr.kind),
        Arg::Type(ty) => format!("<{}>", show_type(ty)),
    }
}

fn show_type(ty: &TypeName) -> String {
    match &ty.kind {
        TypeNameKind::Named(name) => name.clone(),
        TypeNameKind::Struct(name) => format!("struct {name}"),
        TypeNameKind::Union(name) => format!("union {name}"),
        TypeNameKind::Enum(name) => format!("enum {name}"),
        TypeNameKind::Pointer(to) => format!("{}*", show_type(to)),
        TypeNameKind::Array(of, len) => {
            format!("{}[{}]", show_type(of), len.as_deref().map_or(String::new(), |len| show(&len.kind)))
        }
        TypeNameKind::Sized(name, size) => format!("{name}({size})"),
        TypeNameKind::Typeof(arg) => format!("typeof {}", show_arg(arg)),
        TypeNameKind::Tuple(_) => "tuple".to_string(),
    }
}

#[track_caller]
fn shows(text: &str, expected: &str) {
    assert_eq!(show(&expr(text)), expected, "{text}");
}

#[test]
fn precedence_is_that_of_c() {
    shows("1 + 2 * 3 - 4 / 5 % 6", "((1 Add (2 Mul 3)) Sub ((4 Div 5) Mod 6))");
    shows("1 | 2 ^ 3 & 4", "(1 BitOr (2 BitXor (3 BitAnd 4)))");
    shows("1 << 2 + 3", "(1 Shl (2 Add 3))");
    shows("0 == 4 & 3", "((0 Eq 4) BitAnd 3)");
    shows("1 == 2 < 3", "(1 Eq (2 Lt 3))");
    shows("1 || 2 && 3", "(1 Or (2 And 3))");
    shows("1 ? 2 : 3 ? 4 : 5", "(1 ? 2 : (3 ? 4 : 5))");
    shows("1 ?: 2", "(1 ?  : 2)");
    shows("-$x++", "(Neg (PostInc $x))");
    shows("!$x == 2", "((Not $x) Eq 2)");
    shows("*$x.foo", "(Deref $x.foo)");
    shows("(int8)$x.y + 1", "((<int8> $x.y) Add 1)");
    shows("1 - -1", "(1 Sub (Neg 1))");
    shows("@a++ + ++@b", "((PostInc @a) Add (PreInc @b))");
    shows("comptime 1 + 2", "(comptime (1 Add 2))");
}

#[test]
fn casts_are_told_from_parentheses() {
    shows("(size_t)1", "(<size_t> 1)");
    shows("(uint64_t *)arg0", "(<uint64_t*> arg0)");
    shows("(struct x **)arg0", "(<struct x**> arg0)");
    shows("(union u)arg0", "(<union u> arg0)");
    shows("(uint8[4])1", "(<uint8[4]> 1)");
    shows("(int8[])\"abc\"", "(<int8[]> \"abc\")");
    shows("(string[12])$x", "(<string(12)> $x)");
    shows("(typeof($x))1", "(<typeof $x> 1)");
    shows("(unsigned long)1", "(<unsigned long> 1)");
    shows("(foo)-1", "(<foo> (Neg 1))");
    shows("(foo)*$x", "(<foo> (Deref $x))");
    shows("(foo)&$x", "(<foo> (AddrOf $x))");
    shows("(foo)(1)", "(<foo> 1)");
    shows("(foo) + 1", "(foo Add 1)");
    shows("(pid) - 1", "(pid Sub 1)");
    shows("(pid) * 2", "(pid Mul 2)");
    shows("(nsecs) & 2", "(nsecs BitAnd 2)");
    shows("f(x) - 1", "(f(x) Sub 1)");
    shows("(x * y)", "(x Mul y)");
    shows("((struct a *)((struct b *)arg0).c).d", "(<struct a*> (<struct b*> arg0).c).d");
}

#[test]
fn arguments_may_be_types() {
    shows("sizeof(int32)", "sizeof(<int32>)");
    shows("sizeof(struct x *)", "sizeof(<struct x*>)");
    shows("sizeof(foo*)", "sizeof(<foo*>)");
    shows("sizeof(foo)", "sizeof(foo)");
    shows("sizeof($x)", "sizeof($x)");
    shows("offsetof(struct x, a.b.c)", "offsetof(<struct x>,a.b.c)");
    shows("offsetof(*$x, y)", "offsetof((Deref $x),y)");
    shows("f(1, typeof(1 + 2))", "f(1,<typeof (1 Add 2)>)");
}

#[test]
fn tuples_records_and_access() {
    shows("()", "(,)");
    shows("(1)", "1");
    shows("(1,)", "(1,)");
    shows("(1,(2,3),)", "(1,(2,3,),)");
    shows("(x=1,y=(z=2))", "(x=1,y=(z=2))");
    shows("$x.0.1.2", "$x.0.1.2");
    shows("(1,2)[0]", "(1,2,)[0]");
    shows("args->if.struct", "args.if.struct");
    shows("@a[1,(2,3)]", "@a[1,(2,3,)]");
    shows("@[1]", "@[1]");
    shows("@a[1][2]", "@a[1][2]");
    shows("foo().x[1]", "foo().x[1]");
}

#[test]
fn numbers() {
    for (text, value) in [
        ("1_000", 1000),
        ("1e6", 1_000_000),
        ("0x1F", 31),
        ("0X1_f", 31),
        ("017", 15),
        ("1ULL", 1),
        ("0xffUL", 255),
        ("10ms", 10_000_000),
        ("1m", 60_000_000_000),
        ("1d", 86_400_000_000_000),
        ("18446744073709551615", u64::MAX),
        ("1e19", 10_000_000_000_000_000_000),
    ] {
        assert!(matches!(expr(text), ExprKind::Int { value: found, .. } if found == value), "{text}");
    }
    assert!(matches!(expr("10ms"), ExprKind::Int { duration: true, .. }));
    assert_eq!(errors("begin { 1_ }"), ["1:10: [E0102]: trailing underscore in integer literal"]);
    assert_eq!(errors("begin { 12e3 }"), ["1:9: [E0102]: coefficient part of scientific literal must be 1-9: 12e3"]);
    assert_eq!(errors("begin { 0b11 }"), ["1:10: [E0102]: invalid integer suffix 'b11'"]);
    assert_eq!(errors("begin { 1e20 }"), ["1:9: [E0102]: overflow error, maximum value is 18446744073709551615: 1e20"]);
}

#[test]
fn strings() {
    assert_eq!(expr(r#""a\tb\x41\101\r\"\\\0é""#), ExprKind::Str("a\tbAA\r\"\\\0é".into()));
    assert_eq!(expr(r#""\x80\xff""#), ExprKind::Str(vec![0x80, 0xff]));
    assert_eq!(errors(r#"begin { "\q" }"#), [r"1:11: [E0103]: invalid escape character '\q'"]);
    assert_eq!(errors(r#"begin { "abc"#), ["1:13: [E0103]: unterminated string", "1:13: [E0101]: expected ';'"]);
}

#[test]
fn statements() {
    let script = parse(
        "begin { $x = 1; @a[1] += 2; let $y; let $z : uint8[4] = 1; _ = 3; if 1 { } else if (2) { 3 } else { }
         while ($x < 1) { break; } unroll(3) { } for ($kv : @a) { continue } for $i : 0..$x.y { }
         { 1 } { $q = 2; }; if (1) { }; comptime if (1) { } return 1; return; $w = { $v = 1; $v } }",
    );
    let kinds: Vec<String> = script.probes[0].body.stmts.iter().map(|stmt| format!("{:?}", stmt.kind)).collect();
    let names: Vec<&str> = kinds.iter().map(|kind| kind.split([' ', '(']).next().unwrap_or("")).collect();
    let expected = [
        "Assign", "Assign", "Let", "Let", "Discard", "If", "While", "Unroll", "ForMap", "ForRange", "Block", "Block",
        "If", "Comptime", "Return", "Return", "Assign",
    ];
    assert_eq!(names, expected);
}

#[test]
fn a_block_has_its_last_expression_as_value() {
    let script = parse(
        "macro f(x) { if (x) { 1 } else if (2) { 3 } else { 4 } } begin { $x = { $y = 1; $y }; { 1 } if (1) { 2 } else { 3 } }",
    );
    assert!(matches!(script.macros[0].body.value.as_deref().map(|value| &value.kind), Some(ExprKind::If { .. })));
    let body = &script.probes[0].body;
    assert!(body.value.is_none());
    let StmtKind::Assign { value: Expr { kind: ExprKind::Block(block), .. }, .. } = &body.stmts[0].kind else {
        panic!()
    };
    assert!(block.value.is_some() && block.stmts.len() == 1);
    assert!(matches!(&body.stmts[1].kind, StmtKind::Block(block) if block.value.is_some() && block.stmts.is_empty()));
    assert!(matches!(&body.stmts[2].kind, StmtKind::If { then, .. } if then.value.is_none()));
}

#[test]
fn attach_points_keep_their_text() {
    let script = parse(
        "BEGIN/1/{} kprobe:f,kprobe:g* /pid == 1 / 2/ {} uprobe:/bin/a:\"x y\"+3 /1/ {} usdt:/a::p {} named=k:$1,k:b$2c {}
         uprobe:a:cpp:\"n::f(int, char)\", {} software:faults: {} i:1s{} u:/a//b:main.c:12:5 {}",
    );
    let texts: Vec<&str> =
        script.probes.iter().flat_map(|p| &p.attach_points).map(|point| point.text.as_str()).collect();
    let expected = [
        "BEGIN",
        "kprobe:f",
        "kprobe:g*",
        "uprobe:/bin/a:\"x y\"+3",
        "usdt:/a::p",
        "k:$1",
        "k:b$2c",
        "uprobe:a:cpp:\"n::f(int, char)\"",
        "software:faults:",
        "i:1s",
        "u:/a//b:main.c:12:5",
    ];
    assert_eq!(texts, expected);
    assert!(script.probes[1].predicate.is_some());
    let quoted = &script.probes[2].attach_points[0].parts[1];
    assert_eq!((quoted.quoted, quoted.pieces.as_slice()), (true, &[TextPiece::Lit("x y+3".into())][..]));
    assert_eq!(script.probes[3].attach_points[0].parts[1].pieces, []);
    let named = &script.probes[4];
    assert_eq!(named.name.as_ref().map(|name| name.name.as_str()), Some("named"));
    let pieces = [TextPiece::Lit("b".into()), TextPiece::Param(2), TextPiece::Lit("c".into())];
    assert_eq!(named.attach_points[1].parts[0].pieces, pieces);
}

#[test]
fn a_script_with_everything_before_its_probes() {
    let script = parse(
        "#!/usr/bin/bpftrace\n/*\n * foo - does foo\n *\n * More.\n */\n#include <linux/a.h>\n#define X(a) \\\n  a\n\
         #ifdef A\nstruct a { struct { int x; } y; /* } */ }\n#endif\nenum e { A, B = 3 } typedef struct { int q; } t;\n\
         struct p { int a; } __attribute__((packed))\nunion u { int a; };\nconfig = { max_strlen=10; stack_mode=perf;; a=\"b\" }\n\
         import \"x.bt\"; let @m = lruhash(100) macro f($a, @b, c) { c } fn g($a : struct a *) : int32 { return 1; }\nbegin {}",
    );
    assert_eq!(script.header, "foo - does foo\n\nMore.");
    let definitions: Vec<&str> = script.c_definitions.iter().map(|d| d.text.as_str()).collect();
    let expected = [
        "#include <linux/a.h>",
        "#define X(a) \\\n  a",
        "#ifdef A",
        "struct a { struct { int x; } y; /* } */ };",
        "#endif",
        "enum e { A, B = 3 };",
        "typedef struct { int q; } t;",
        "struct p { int a; } __attribute__((packed));",
        "union u { int a; };",
    ];
    assert_eq!(definitions, expected);
    assert_eq!(script.config.len(), 3);
    assert_eq!(script.config[1].value, ConfigValue::Word("perf".into()));
    assert_eq!(script.imports[0].path, "x.bt");
    assert_eq!(script.map_declarations[0].max_entries, Some(100));
    assert_eq!((script.macros.len(), script.functions.len(), script.probes.len()), (1, 1, 1));
}

#[test]
fn errors_say_what_is_missing() {
    for (text, expected) in [
        ("begin { $x = 1 $y = 2 }", "1:16: [E0101]: expected ';'"),
        ("begin { 1 + }", "1:13: [E0101]: expected expression"),
        ("begin { foo(1 }", "1:15: [E0101]: expected ')'"),
        ("begin {", "1:8: [E0101]: expected '}'"),
        ("begin", "1:6: [E0101]: expected '{'"),
        ("{ }", "1:1: [E0101]: expected attach point"),
        ("kprobe:f /pid {}", "1:15: [E0101]: expected '/' to close predicate"),
        ("begin { if $x == 1 { } }", "1:15: [E0101]: expected '{'"),
        ("begin { let x = 1; }", "1:13: [E0101]: expected variable after 'let'"),
        ("begin { for (i : @x) {} }", "1:14: [E0101]: expected variable in for loop"),
        ("begin { for ($i : @x[1]) {} }", "1:26: [E0101]: expected map or range in for loop"),
        ("begin { let $i : (int8, int32); }", "1:18: [E0101]: expected type name"),
        ("import foo; begin {}", "1:8: [E0101]: expected string after 'import'"),
        (
            "let $a = 1; begin {}",
            "1:5: [E0101]: root-level let statements need to be map declarations, e.g. let @a = hash(2);",
        ),
        ("config = { a=1 b=2 } begin {}", "1:16: [E0101]: expected ';'"),
        ("macro f(1) { } begin {}", "1:9: [E0101]: expected macro argument ($var, @map, or identifier)"),
        ("begin { $x[1] = 1; }", "1:9: [E0104]: invalid assignment target"),
        ("begin { x++; }", "1:10: [E0105]: increment/decrement requires a variable or map"),
        ("begin { $x = &1; }", "1:15: [E0105]: address-of operator (&) can only be used on a map or variable"),
        ("begin {} config = {}", "1:10: [E0106]: config must appear before probes and functions"),
        (
            "begin {} struct a { int x; };",
            "1:10: [E0106]: C definitions must appear before config, imports, macros and probes",
        ),
    ] {
        assert_eq!(errors(text), [expected], "{text}");
    }
}

#[test]
fn every_error_is_found_in_one_run() {
    let found =
        errors("begin { $x = ; $y = 1 +; print(1); }\nkprobe:f { @a[] = 1; $z = 'c'; }\nend { print(1) print(2); }");
    let expected = [
        "1:14: [E0101]: expected expression",
        "1:24: [E0101]: expected expression",
        "2:15: [E0101]: expected expression",
        "2:27: [E0101]: expected expression",
        "3:16: [E0101]: expected ';'",
    ];
    assert_eq!(found, expected);
}

#[test]
fn expressions_from_elsewhere() {
    let at = Span::new(FileId(3), 7, 9);
    let expr = super::parse_expression("(u8)$x > 1", at).expect("it is an expression");
    assert_eq!((show(&expr.kind).as_str(), expr.span), ("((<u8> $x) Gt 1)", at));
    for text in ["1 +", "1; 2", "} {", "", "do { x(); } while (0)", "1 } begin { 2"] {
        assert_eq!(super::parse_expression(text, at), None, "{text}");
    }
}

#[test]
fn deep_nesting_is_refused() {
    for (open, close) in [("(", ")"), ("{", "}"), ("-", ""), ("1+", "")] {
        let text = format!("begin {{ {}1{} }}", open.repeat(20_000), close.repeat(20_000));
        assert!(errors(&text)[0].contains("[E0107]"), "{open}");
    }
}

/// A fixed stream of numbers (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }
}

const SEEDS: [&str; 4] = [
    "#include <a.h>\nstruct a { int x[4]; } __attribute__((packed))\nconfig = { a = 1; b = \"c\" }\nimport \"x\";\nlet @m = hash(1);\nmacro f($a, @b, c) { c + 1 }\nbegin { f($a, @b, 1) }",
    "kprobe:f*,u:/a/b:\"x y\"+0x4 /pid == 1 / 2 && comm != \"a\\x00\"/ { @[ustack(), (1,2)] = count(); if $1 { } else if (2) { } }",
    "begin { $x = (struct x *)(uint8[4])arg0->a.b.0[1]; $y = { $z = 1; $z } ?: (q = 1, r = ()); for ($i : 0..$#) { unroll(3) { break } } }",
    "// header\nfn f($a : typeof(1)) : string[3] { return comptime 1_000e3 << 0x1f; }\nend { _ = sizeof(struct a *) - -10ms; while !$a++ { @a[1]--; delete(@a, 1) } }",
];

const PIECES: [&str; 46] = [
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    ";",
    ",",
    "/",
    "//",
    "/*",
    "*/",
    "\"",
    "\\",
    "$",
    "@",
    "#",
    ":",
    "..",
    ".",
    "->",
    "=",
    "==",
    "++",
    "-",
    "*",
    "&",
    "?",
    "if ",
    "else ",
    "for ",
    "let ",
    "macro ",
    "fn ",
    "import ",
    "config ",
    "struct ",
    "comptime ",
    "0x",
    "1e",
    "_",
    "é",
    "\u{0}",
    "\n",
    "typeof",
    "int32",
];

#[test]
fn nothing_panics() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for round in 0..3000 {
        let mut text: Vec<u8> = match round % 3 {
            0 => (0..random.below(80)).map(|_| random.below(256) as u8).collect(),
            1 => (0..random.below(40)).flat_map(|_| PIECES[random.below(PIECES.len())].bytes()).collect(),
            _ => SEEDS[random.below(SEEDS.len())].into(),
        };
        for _ in 0..random.below(6) {
            let at = random.below(text.len() + 1);
            match random.below(4) {
                0 if at < text.len() => drop(text.remove(at)),
                1 => text.truncate(at),
                2 => drop(text.splice(at..at, PIECES[random.below(PIECES.len())].bytes())),
                _ => text.insert(at, random.below(256) as u8),
            }
        }
        let text = String::from_utf8_lossy(&text);
        let (_, messages) = parse_with_messages(&text);
        drop(messages);
    }
}
