use std::collections::BTreeMap;

use crate::Options;
use crate::diagnostics::Diagnostics;
use crate::kernel::{CError, CRequest, CTypes, Host, UserFunction};
use crate::source::Sources;
use crate::syntax;
use crate::syntax::ast::*;

/// Files by path. Directories are what lies under their name; those called `open` may be written by anybody.
#[derive(Default)]
struct Files(BTreeMap<&'static str, &'static str>);

impl Host for Files {
    fn c_types(&self, _request: &CRequest) -> Result<CTypes, Vec<CError>> {
        Ok(CTypes::default())
    }

    fn read(&self, path: &str) -> Result<String, String> {
        self.0.get(path).map(|text| text.to_string()).ok_or_else(|| "no such file".to_string())
    }

    fn list(&self, path: &str) -> Result<Option<Vec<String>>, String> {
        if path.ends_with("open") {
            return Err("it may be written by anybody".to_string());
        }
        let directory = format!("{path}/");
        let names: Vec<String> =
            self.0.keys().filter_map(|file| file.strip_prefix(&directory)).map(String::from).collect();
        Ok((!names.is_empty()).then_some(names))
    }

    fn user_function(&self, _path: &str, _symbol: &str) -> Option<UserFunction> {
        None
    }

    fn user_symbols(&self, _path: &str, _pattern: &str) -> Vec<String> {
        Vec::new()
    }
}

fn expand_with(text: &str, files: &[(&'static str, &'static str)]) -> (Script, Vec<String>) {
    let (mut sources, mut diagnostics) = (Sources::default(), Diagnostics::default());
    let file = sources.add("x.bt", text);
    let script = syntax::parse(&sources, file, &mut diagnostics);
    let files = Files(files.iter().copied().collect());
    let options = Options { script_dir: "dir".to_string(), ..Options::default() };
    let script = super::expand(script, &options, &files, &mut sources, &mut diagnostics);
    let mut messages = Vec::new();
    for diagnostic in diagnostics.iter() {
        let place = diagnostic.primary.as_ref().map_or(String::new(), |label| sources.place(label.span));
        messages.push(format!("{place}: {}", diagnostic.message));
        for label in &diagnostic.secondary {
            messages.push(format!("{}: {}", sources.place(label.span), label.text));
        }
    }
    (script, messages)
}

fn expand(text: &str) -> Script {
    let (script, messages) = expand_with(text, &[]);
    assert_eq!(messages, [""; 0], "{text}");
    script
}

fn refused(text: &str) -> Vec<String> {
    expand_with(text, &[]).1
}

/// The body of the first probe, with expansions shown as `name!(…)`.
fn body(text: &str) -> String {
    show_block(&expand(text).probes[0].body)
}

fn show_block(block: &Block) -> String {
    let value = block.value.iter().map(|value| show(value));
    block.stmts.iter().map(show_stmt).chain(value).collect::<Vec<_>>().join("; ")
}

fn show_stmt(stmt: &Stmt) -> String {
    match &stmt.kind {
        StmtKind::Expr(expr) => show(expr),
        StmtKind::Assign { target, value, .. } => format!("{} = {}", show(target), show(value)),
        StmtKind::Let { var, value, .. } => {
            format!("let ${} = {}", var.name, value.as_ref().map_or(String::new(), show))
        }
        StmtKind::If { cond, then, .. } => format!("if {} {{ {} }}", show(cond), show_block(then)),
        StmtKind::ForMap { var, map, body } => format!("for ${} : @{} {{ {} }}", var.name, map.name, show_block(body)),
        StmtKind::ForRange { var, body, .. } => format!("for ${} {{ {} }}", var.name, show_block(body)),
        other => format!("{other:?}"),
    }
}

fn show(expr: &Expr) -> String {
    let list = |exprs: &[Expr]| exprs.iter().map(show).collect::<Vec<_>>().join(", ");
    match &expr.kind {
        ExprKind::Int { value, .. } => value.to_string(),
        ExprKind::Ident(name) => name.clone(),
        ExprKind::Var(name) => format!("${name}"),
        ExprKind::Map(name) => format!("@{name}"),
        ExprKind::MapKey { map, keys } => format!("@{}[{}]", map.name, list(keys)),
        ExprKind::Call { name, args } => {
            let args: Vec<String> = args
                .iter()
                .map(|arg| match arg {
                    Arg::Expr(expr) => show(expr),
                    Arg::Type(ty) => format!("<{}>", show_type(ty)),
                })
                .collect();
            format!("{}({})", name.name, args.join(", "))
        }
        ExprKind::Unary { op, operand } => format!("{op:?} {}", show(operand)),
        ExprKind::Binary { op, left, right } => format!("({} {op:?} {})", show(left), show(right)),
        ExprKind::Cast { ty, operand } => format!("<{}>{}", show_type(ty), show(operand)),
        ExprKind::Block(block) => format!("{{ {} }}", show_block(block)),
        ExprKind::Expanded { name, body, .. } => format!("{name}!({})", show(body)),
        other => format!("{other:?}"),
    }
}

fn show_type(ty: &TypeName) -> String {
    match &ty.kind {
        TypeNameKind::Named(name) => name.clone(),
        TypeNameKind::Pointer(to) => format!("{}*", show_type(to)),
        TypeNameKind::Struct(name) => format!("struct {name}"),
        TypeNameKind::Typeof(arg) => match arg.as_ref() {
            Arg::Expr(expr) => format!("typeof {}", show(expr)),
            Arg::Type(ty) => show_type(ty),
        },
        other => format!("{other:?}"),
    }
}

#[test]
fn parameters_stand_for_what_is_passed() {
    assert_eq!(body("macro f(x) { x + 1 } begin { print(f(2)); }"), "print(f!((2 Add 1)))");
    assert_eq!(body("macro one() { 1 } begin { print(one); print(one()); }"), "print(one!(1)); print(one!(1))");
    assert_eq!(
        body("macro f($a, @b) { $a += 1; @b[$a]++; for ($kv : @b) { print($kv) } } begin { f($x, @y); }"),
        "f!({ $x = 1; PostInc @y[$x]; for $f_kv : @y { print($f_kv) } })"
    );
    assert_eq!(body("macro f(x) { f(x, 1) } macro f(x, y) { x + y } begin { f(2) }"), "f!(f!((2 Add 1)))");
}

#[test]
fn types_can_be_passed() {
    assert_eq!(
        body("macro f(t) { (t)1 + sizeof(t) } begin { f(int32); f(struct a *); f($x); }"),
        "f!((<int32>1 Add sizeof(<int32>))); f!((<struct a*>1 Add sizeof(<struct a*>))); \
         f!((<typeof $x>1 Add sizeof($x)))"
    );
}

#[test]
fn variables_of_a_macro_are_its_own() {
    assert_eq!(
        body("macro f(x) { $y = x; $y } begin { $y = 5; print(f($y)); print(f(f($y))); $f_y_3 = 1; }"),
        "$y = 5; print(f!({ $f_y = $y; $f_y })); \
         print(f!({ $f_y_4 = f!({ $f_y_2 = $y; $f_y_2 }); $f_y_4 })); $f_y_3 = 1"
    );
    assert_eq!(
        refused("macro f() { @x++ } begin { f(); }"),
        [
            "x.bt:1:13-15: Unhygienic access to map: @x. Maps must be passed into the macro as arguments.",
            "x.bt:1:28-31: expanded from",
        ]
    );
}

#[test]
fn arguments_must_fit() {
    assert_eq!(
        refused("macro f($x) { $x++ } begin { f(@a); }"),
        [
            "x.bt:1:30-35: Call to f() has arguments that do not match any definition.",
            "x.bt:1:32-34: Mismatched arg. f() expects a variable for arg $x but got a map.",
            "x.bt:1:9-11: This is the argument in the closest definition.",
        ]
    );
    assert_eq!(
        refused("macro f(x) { x } begin { f(); }"),
        [
            "x.bt:1:26-29: Call to f() has arguments that do not match any definition.",
            "x.bt:1:1-8: The closest definition of f() has a different number of arguments. Expected: 1 but got 0",
        ]
    );
}

#[test]
fn definitions_are_checked() {
    assert_eq!(
        refused("macro f(x) { 1 } macro f(y) { 2 } begin {}"),
        ["x.bt:1:18-25: Redefinition of macro: f", "x.bt:1:1-8: This is the original definition."]
    );
    assert_eq!(
        refused("macro f($x, $x) { 1 } begin {}"),
        ["x.bt:1:13-15: Variable for macro argument has already been used: $x"]
    );
    assert_eq!(
        refused("macro f() { return 1; } begin {}"),
        ["x.bt:1:13-21: 'return' statement is not allowed in a macro"]
    );
    assert_eq!(
        refused("macro f($x) { let $x = 2; } begin { f($z); }"),
        ["x.bt:1:15-21: Variable declaration shadows macro arg $x", "x.bt:1:37-42: expanded from"]
    );
}

#[test]
fn recursion_is_refused() {
    assert_eq!(
        refused("macro f(x) { g(x) } macro g(x) { f(x) } begin { f(1); }"),
        [
            "x.bt:1:34-38: Recursive macro call detected. Call chain: f > g > f",
            "x.bt:1:14-18: expanded from",
            "x.bt:1:49-53: expanded from",
        ]
    );
    let doubling = format!("macro d(x) {{ x + x }} begin {{ {}1{} }}", "d(".repeat(40), ")".repeat(40));
    assert!(refused(&doubling)[0].ends_with("Macros expand to too much code"));
}

#[test]
fn the_library_has_macros_that_scripts_can_override() {
    assert!(body("begin { assert($x, 1); }").starts_with("assert!({ if Not $x { errorf("));
    assert_eq!(body("macro assert(a, b) { a } begin { assert(1, 2); }"), "assert!(1)");
    let text = body("macro errorf(a, b) { 1 } begin { assert($x, 1); errorf(1, 2); }");
    assert!(text.contains("{ errorf(") && text.ends_with("errorf!(1)"), "{text}");
    assert_eq!(
        body("macro comm() { 1 } macro pid() { 2 } begin { print(comm); print(pid); }"),
        "print(comm!(1)); print(pid)"
    );
}

#[test]
fn files_are_imported_once() {
    let files = [
        ("dir/a.bt", "import \"sub/b.bt\"; macro a() { b() } begin { print(10); }"),
        ("dir/sub/b.bt", "import \"../a.bt\"; import \"c.h\"; macro b() { 2 } begin { print(20); }"),
        ("dir/sub/c.h", "struct c { int x; };"),
        ("dir/lib/d.bt", "macro d() { 3 }"),
        ("dir/lib/e.bpf.c", "int e(void) { return 1; }"),
        ("dir/lib/note.txt", ""),
        ("dir/f.txt", ""),
    ];
    let text = "import \"a.bt\"; import \"./a.bt\"; import \"lib\"; import \"stdlib\"; begin { print(a()); print(d); }";
    let (script, messages) = expand_with(text, &files[..]);
    assert_eq!(messages, [""; 0]);
    let bodies: Vec<String> = script.probes.iter().map(|probe| show_block(&probe.body)).collect();
    assert_eq!(bodies, ["print(20)", "print(10)", "print(a!(b!(2))); print(d!(3))"]);
    assert_eq!(script.c_definitions[0].text, "struct c { int x; };");
    assert_eq!(script.c_sources[0].name, "lib/e.bpf.c");
    assert_eq!(
        expand_with("import \"nowhere.bt\"; import \"f.txt\"; import \"open\"; begin {}", &files[..]).1,
        [
            "x.bt:1:1-20: Unable to find suitable path for import",
            "x.bt:1:22-36: unknown import type: \"f.txt\"",
            "x.bt:1:38-51: Unable to find suitable path for import",
        ]
    );
}
