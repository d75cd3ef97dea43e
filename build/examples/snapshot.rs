//! `snapshot ROOT FILE`: describes the kernel whose `sys` and `proc` are below ROOT.

use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, root, file] = &arguments[..] else { return Err("usage: snapshot ROOT FILE".into()) };
    std::fs::write(file, tracewright_build::snapshot(Path::new(root))?.to_bytes())?;
    Ok(())
}
