//! Writes the BPF C of scripts into a directory, each in one of its own: `emit OUT [-e PROGRAM | SCRIPT]…`

use std::path::Path;

use tracewright_build::{HostEnv, KernelSource};
use tracewright_compiler::{Options, emit};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let out = args.next().ok_or("emit OUT [-e PROGRAM | SCRIPT]…")?;
    let kernel = KernelSource::Bundled.load()?;
    // A panic in one script must not hide the others.
    let mut failed = 0;
    let mut number = 0;
    while let Some(arg) = args.next() {
        number += 1;
        let (file, name, text) = if arg == "-e" {
            ("stdin".to_string(), format!("script_{number}"), args.next().ok_or("-e PROGRAM")?)
        } else {
            let path = Path::new(&arg).with_extension("");
            let parts: Vec<_> = path.iter().rev().take(2).map(|part| part.to_string_lossy()).collect();
            let name = parts.iter().rev().cloned().collect::<Vec<_>>().join("_").replace(['-', '.', '/'], "_");
            (arg.clone(), name, std::fs::read_to_string(&arg)?)
        };
        let options = Options { name: name.clone(), allow_unsafe: true, ..Options::default() };
        let compilation = tracewright_compiler::check(&file, &text, &options, &kernel, &HostEnv::default());
        let Some(program) = compilation.program else {
            eprint!("{name}: {}", compilation.diagnostics.to_plain(&compilation.sources));
            failed += 1;
            continue;
        };
        let Ok(c) = std::panic::catch_unwind(|| emit::c::emit(&program)) else {
            eprintln!("{name}: panicked");
            failed += 1;
            continue;
        };
        let directory = Path::new(&out).join(&name);
        std::fs::create_dir_all(&directory)?;
        std::fs::write(directory.join(format!("{name}.bpf.c")), &c.text)?;
        for (header, text) in &c.headers {
            std::fs::write(directory.join(header), text)?;
        }
    }
    if failed > 0 { Err(format!("{failed} refused").into()) } else { Ok(()) }
}
