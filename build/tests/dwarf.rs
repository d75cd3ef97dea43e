//! Functions of binaries.

use std::process::Command;

use tracewright_build::HostEnv;
use tracewright_compiler::kernel::Host;
use tracewright_compiler::types::{AddressSpace, IntType, StructName, Type};

const PROGRAM: &str = "struct point { int x; char *name; char tag[8]; struct point *next; int f:3; };\n\
    __attribute__((noinline)) long work(struct point *p, unsigned char c, const char *s, int a[3]) \
    { return p->x + c + s[0] + a[0]; }\n\
    int main(int argc, char **argv) { struct point p = { argc }; int a[3] = { 1 }; return work(&p, 4, argv[0], a) == 7; }";

#[test]
fn parameters_come_from_dwarf() {
    let directory = tempfile::TempDir::new().unwrap();
    let (source, binary) = (directory.path().join("program.c"), directory.path().join("program"));
    std::fs::write(&source, PROGRAM).unwrap();
    let built = Command::new("clang").args(["-g", "-O0", "-w", "-o"]).arg(&binary).arg(&source).status().unwrap();
    assert!(built.success());
    let host = HostEnv::default();
    let path = binary.to_str().unwrap();
    let work = host.user_function(path, "work").unwrap();
    let user = |to| Type::Pointer { to: Box::new(to), space: AddressSpace::User };
    let point = StructName("struct point".to_owned());
    assert_eq!(
        work.params,
        [
            ("p".to_owned(), user(Type::Struct(point.clone()))),
            ("c".to_owned(), Type::Int(IntType::U8)),
            ("s".to_owned(), user(Type::Int(IntType::I8))),
            ("a".to_owned(), user(Type::Int(IntType::I32))),
        ]
    );
    assert_eq!(work.result, Type::I64);
    let def = work.structs.iter().find(|def| def.name == point).unwrap();
    assert_eq!((def.size, def.align), (40, 8));
    assert_eq!(def.fields[2].ty, Type::String { capacity: 8 });
    assert_eq!((def.fields[4].bit_offset, def.fields[4].bit_width), (256, Some(3)));
    assert_eq!(host.user_symbols(path, "wor*"), ["work"]);
    assert!(host.user_function(path, "nonesuch").is_none());
}
