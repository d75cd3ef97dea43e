//! `generate`: the crate of a script, for reading, changing, packaging.

use std::path::Path;

use anyhow::Result;
use tracewright_compiler::emit::{self, CrateOptions, Dependency};

use crate::args::GenerateArgs;
use crate::cache;
use crate::cargo::{PROFILE_RELEASE, cargo_config};
use crate::front_end::FrontEnd;
use crate::script::Script;

/// Writes the crate; whether the script was good.
///
/// # Errors
/// When the script cannot be read or a file cannot be written.
pub fn generate(args: &GenerateArgs) -> Result<bool> {
    let mut script = Script::read(&args.script)?;
    // The crate says the same wherever it was generated.
    if let Some(name) = Path::new(&args.script).file_name().filter(|_| args.script != "-") {
        script.display = name.to_string_lossy().into_owned();
    }
    let front_end = FrontEnd::new(&args.front_end)?;
    let compilation = front_end.check(&script);
    eprint!("{}", front_end.report(&compilation));
    let Some(program) = &compilation.program else { return Ok(false) };

    let vendored = args.runtime == "vendored";
    let runtime = if vendored { "runtime".to_owned() } else { args.runtime.clone() };
    let options = CrateOptions { runtime: Dependency::Path(runtime), workspace: args.workspace_member };
    for (path, mut text) in emit::crate_files(program, &options) {
        if path == "Cargo.toml" && !args.workspace_member {
            text.push_str(&format!("\n{PROFILE_RELEASE}\n[workspace]\n"));
        }
        cache::write_if_changed(&args.output.join(path), &text)?;
    }
    if vendored {
        cache::unpack_runtime(&args.output.join("runtime"))?;
        cache::write_if_changed(&args.output.join("Cargo.lock"), cache::lock_file())?;
    }
    if !args.workspace_member {
        cache::write_if_changed(&args.output.join(".cargo/config.toml"), &cargo_config())?;
        cache::write_if_changed(&args.output.join(format!("{}.bt", script.name)), &script.text)?;
    }
    Ok(true)
}
