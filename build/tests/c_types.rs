//! C definitions of scripts, through clang.

use tracewright_build::HostEnv;
use tracewright_compiler::kernel::c_types::{Compiled, compile};
use tracewright_compiler::kernel::layered::Layered;
use tracewright_compiler::kernel::{CRequest, Description, Kernel, MacroValue};
use tracewright_compiler::types::{IntType, Origin, StructDef, StructName, Type};

fn compiled(text: &str, macros: &[&str]) -> Compiled {
    let macros = macros.iter().map(|&name| name.to_owned()).collect();
    let request = CRequest { text: text.to_owned(), macros, ..CRequest::default() };
    compile(&request, &Description::bundled(), &HostEnv::default()).unwrap_or_else(|errors| panic!("{errors:?}"))
}

fn structure(kernel: &dyn Kernel, name: &str) -> StructDef {
    kernel.structure(&StructName(name.to_owned())).unwrap_or_else(|| panic!("no {name}"))
}

#[test]
fn structs_of_the_script() {
    let c = compiled(
        "struct A { char a[4]; unsigned char b[4]; char *g; struct { int x; } in; union { int z; char y; }; int v:3; };\n\
         typedef struct { long q; } T; enum { LOOSE = 7 }; enum color { RED = 3 };",
        &["LOOSE"],
    );
    let a = structure(&c.types, "struct A");
    assert_eq!(a.origin, Origin::Script);
    assert_eq!(a.fields[0].ty, Type::String { capacity: 4 });
    assert_eq!(a.fields[1].ty, Type::Array { of: Box::new(Type::Int(IntType::U8)), len: 4 });
    assert_eq!(a.fields[5].bit_width, Some(3));
    assert_eq!(structure(&c.types, "T").size, 8);
    assert_eq!(c.types.enumerator("RED").unwrap().1, 3);
    // Of a nameless enum: printed by name, too.
    assert_eq!(c.types.enumerator("LOOSE").unwrap().1, 7);
}

#[test]
fn kernel_types_are_declared_when_they_are_mentioned() {
    let c = compiled(
        "#include <linux/fs.h>\n#include <net/sock.h>\n#include <linux/nonesuch.h>\n\
         struct mine { struct list_head list; u32 n; struct sock_common c; struct file *f; char name[TASK_COMM_LEN]; \
         struct work_struct w; atomic_t a; struct task_struct t; };",
        &[],
    );
    let kernel = Description::bundled();
    let mine = structure(&c.types, "struct mine");
    let common = structure(&kernel, "struct sock_common").size;
    let task = structure(&kernel, "struct task_struct").size;
    assert_eq!(mine.fields[2].bit_offset, 24 * 8);
    assert_eq!(mine.fields[3].bit_offset, (24 + common) * 8);
    assert_eq!(structure(&c.types, "struct task_struct").size, task);
    // The script sees the kernel's own, which are relocated.
    let layered = Layered { script: Some(c.types), kernel: &kernel };
    assert_eq!(structure(&layered, "struct file").origin, Origin::Kernel);
    assert_eq!(structure(&layered, "struct list_head").origin, Origin::Kernel);
    assert_eq!(structure(&layered, "struct mine").origin, Origin::Script);
}

#[test]
fn declarations_have_the_layout_of_the_kernel() {
    let kernel = Description::bundled();
    let names = ["task_struct", "sock", "sk_buff", "inode", "net_device", "request", "tcp_sock", "mm_struct", "page"];
    let text: String = names.iter().map(|name| format!("struct {name} tw_{name};\n")).collect();
    let c = compiled(&text, &[]);
    for name in names {
        let (ours, theirs) =
            (structure(&c.types, &format!("struct {name}")), structure(&kernel, &format!("struct {name}")));
        assert_eq!(ours.size, theirs.size, "{name}");
        for field in theirs.fields.iter().filter(|f| !f.name.is_empty()) {
            let same = ours.fields.iter().find(|f| f.name == field.name).unwrap();
            assert_eq!((same.bit_offset, same.bit_width), (field.bit_offset, field.bit_width), "{name}.{}", field.name);
        }
    }
}

#[test]
fn macros_have_values() {
    let c = compiled(
        "#define A 5\n#define B (A << 3)\n#define S \"text\"\n#define E curtask->pid\n#define NEG -1\nstruct x { int a; };",
        &["A", "B", "S", "E", "NEG", "UNKNOWN"],
    );
    let mut macros = c.macros;
    macros.sort_by(|a, b| a.0.cmp(&b.0));
    let int = |name: &str, n| (name.to_owned(), MacroValue::Int(n));
    assert_eq!(
        macros,
        [
            int("A", 5),
            int("B", 40),
            ("E".to_owned(), MacroValue::Text("curtask->pid".to_owned())),
            int("NEG", -1),
            ("S".to_owned(), MacroValue::Str(b"text".to_vec())),
        ]
    );
}

#[test]
fn headers_of_the_c_library_are_read() {
    let c = compiled("#include <stdint.h>\n#include <sys/types.h>\nstruct x { uint64_t a; size_t b; pid_t c; };", &[]);
    assert_eq!(structure(&c.types, "struct x").size, 24);
}

#[test]
fn errors_have_their_place() {
    let request = CRequest { text: "struct x {\n  nonesuch_t a;\n};".to_owned(), ..CRequest::default() };
    let errors = compile(&request, &Description::bundled(), &HostEnv::default()).unwrap_err();
    assert_eq!((errors[0].line, errors[0].column), (2, 3));
    assert!(errors[0].message.contains("unknown type name 'nonesuch_t'"), "{errors:?}");
    let request = CRequest { text: "#include \"nonesuch.h\"\n".to_owned(), ..CRequest::default() };
    let errors = compile(&request, &Description::bundled(), &HostEnv::default()).unwrap_err();
    assert!(errors[0].message.contains("'nonesuch.h' file not found"), "{errors:?}");
    assert_eq!(errors[0].line, 1);
}

#[test]
fn functions_of_imported_c_have_signatures() {
    let c = compiled(
        "int add(int a, char *b) { return a + *b; } _Bool odd(int a) { return a & 1; } static int own(void) { return 1; }",
        &[],
    );
    let add = c.types.function("add").unwrap();
    assert_eq!((add.params.len(), add.result), (2, Type::Int(IntType::I32)));
    assert_eq!(c.types.function("odd").unwrap().result, Type::Bool);
    assert!(c.types.function("own").is_none());
}

#[test]
fn headers_that_scripts_include() {
    let headers = [
        "linux/sched.h",
        "linux/path.h",
        "linux/dcache.h",
        "net/sock.h",
        "linux/socket.h",
        "linux/blkdev.h",
        "linux/bio.h",
        "linux/fs.h",
        "linux/nfs_fs.h",
        "linux/mm.h",
        "linux/tcp.h",
        "linux/skbuff.h",
        "linux/ip.h",
        "linux/ipv6.h",
        "linux/udp.h",
        "linux/in.h",
        "linux/in6.h",
        "net/ipv6.h",
        "linux/kernel.h",
        "linux/types.h",
        "asm/ptrace.h",
        "linux/if_ether.h",
        "linux/errno.h",
        "linux/limits.h",
        "uapi/linux/ptrace.h",
        "linux/stat.h",
        "linux/fcntl.h",
        "linux/netdevice.h",
        "linux/icmp.h",
        "linux/unistd.h",
        "linux/bpf.h",
        "linux/perf_event.h",
        "linux/version.h",
        "netinet/in.h",
        "sys/socket.h",
        "stdint.h",
        "stdbool.h",
        "stddef.h",
        "string.h",
        "stdio.h",
        "sys/stat.h",
    ];
    for header in headers {
        let text = format!("#include <{header}>\nstruct mine {{ int a; }};");
        let c = compiled(&text, &["AF_INET", "PATH_MAX"]);
        assert_eq!(structure(&c.types, "struct mine").size, 4, "{header}");
    }
    let kernel_headers = headers.iter().take_while(|header| **header != "netinet/in.h");
    let all: String = kernel_headers.map(|header| format!("#include <{header}>\n")).collect();
    let c = compiled(&(all + "struct mine { struct sockaddr_in in; u64 n; struct sock_common c; };"), &[]);
    let kernel = Description::bundled();
    let layered = Layered { script: Some(c.types), kernel: &kernel };
    assert_eq!(structure(&layered, "struct tcphdr").origin, Origin::Kernel);
    assert_eq!(structure(&layered, "struct mine").origin, Origin::Script);
}
