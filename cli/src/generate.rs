//! `generate`: the crate of a script, for reading, changing, packaging.

use std::path::Path;

use anyhow::Result;
use tracewright_compiler::emit::{self, CrateOptions, Dependency};

use crate::args::GenerateArgs;
use crate::cache;
use crate::cargo::{PROFILE_RELEASE, cargo_config};
use crate::front_end::FrontEnd;
use crate::script::{Script, tool_name};

/// Writes the crate; whether the script was good.
///
/// # Errors
/// When the script cannot be read or a file cannot be written.
pub fn generate(args: &GenerateArgs) -> Result<bool> {
    let mut script = match (&args.program, &args.script) {
        (Some(program), _) => Script::from_text(program.clone()),
        (None, path) => Script::read(path.as_deref().unwrap_or("-"))?,
    };
    if script.display == Script::NO_FILE {
        script.name = tool_name(&args.output.file_name().unwrap_or_default().to_string_lossy());
    } else if let Some(name) = Path::new(&script.display).file_name() {
        // The crate says the same wherever it was generated.
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
