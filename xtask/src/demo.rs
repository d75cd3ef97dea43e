//! `demo`: from a fresh clone to traced lines.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::setup::{SetupArgs, setup};
use crate::shell::{exists, interrupt, is_root, line, root};
use crate::tools;

/// How long opensnoop runs.
const RUN_FOR: Duration = Duration::from_secs(5);

/// Sets up, compiles opensnoop, runs it and shows what it traced.
///
/// # Errors
/// When any of it fails, or nothing was traced.
pub fn demo() -> Result<()> {
    let start = Instant::now();
    step(1, "install what compiling needs");
    setup(&SetupArgs::default())?;

    step(2, "compile generated-tools/opensnoop (the first time takes a minute or two)");
    let binary = tools::build(&["opensnoop".to_owned()])?.remove(0);
    let size = std::fs::metadata(&binary)?.len();
    println!("{}: {:.1} MB, static, runs on any kernel with BTF from 5.10", binary.display(), size as f64 / 1e6);

    step(3, &format!("run it for {} seconds while something opens files", RUN_FOR.as_secs()));
    let mut command = if is_root() { Command::new(&binary) } else { Command::new("sudo") };
    if !is_root() {
        if !exists("sudo") {
            bail!("tracing needs root, and there is no sudo. As root, run:\n    {}", binary.display());
        }
        command.arg(&binary);
    }
    println!("$ {}", line(&command));
    let mut child = command.stdout(Stdio::piped()).spawn().context("cannot run opensnoop")?;
    let stdout = child.stdout.take().context("no output")?;
    let reader = std::thread::spawn(move || {
        let mut traced = 0;
        for text in BufReader::new(stdout).lines().map_while(Result::ok) {
            let by_us = text.contains("/README.md");
            traced += u32::from(by_us);
            println!("{text}");
        }
        traced
    });
    let until = Instant::now() + RUN_FOR;
    while Instant::now() < until {
        std::thread::sleep(Duration::from_millis(500));
        let _ = std::fs::File::open(root().join("README.md"));
    }
    interrupt(child.id(), !is_root())?;
    let status = child.wait()?;
    let traced = reader.join().unwrap_or(0);
    if !status.success() {
        bail!("opensnoop failed: {status}");
    }
    if traced == 0 {
        bail!("opensnoop ran, but did not see README.md being opened");
    }
    println!(
        "\ndemo: opensnoop saw README.md being opened {traced} times; all done in {} s",
        start.elapsed().as_secs()
    );
    Ok(())
}

fn step(number: u32, text: &str) {
    println!("\n[{number}/3] {text}");
}
