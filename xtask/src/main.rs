//! Repository chores: `cargo xtask --help`.
//!
//! Links no system library: it runs before its own dependencies are installed.

mod bench;
mod demo;
mod generate;
mod kernels;
mod package;
mod setup;
mod shell;
mod test;
mod tools;
mod vm;
mod vm_cases;
mod vm_docs;
mod vm_guest;
mod vm_host;
mod vm_probes;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "Repository chores", max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Install what compiling tools needs: clang, libelf, zlib, pkg-config, make
    Setup(setup::SetupArgs),
    /// Set up, compile opensnoop, run it for five seconds and show what it traced
    Demo,
    /// Everything that this machine can test, and what it cannot
    Test(test::TestArgs),
    /// Compile the tools of generated-tools/ into static binaries
    BuildTools(tools::BuildToolsArgs),
    /// Write the crates of generated-tools/ anew from their scripts
    Generate(generate::GenerateArgs),
    /// Run the tools on old and new kernels in QEMU
    Vm(vm::VmArgs),
    /// Packages of the tools: deb, rpm, tar
    Package(package::PackageArgs),
    /// Measure tools: start, memory, cost of an event, size
    Bench(bench::BenchArgs),
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Setup(args) => setup::setup(&args),
        Command::Demo => demo::demo(),
        Command::Test(args) => test::test(&args),
        Command::BuildTools(args) => tools::build_tools(&args),
        Command::Generate(args) => generate::generate(&args),
        Command::Vm(args) => vm::run(&args),
        Command::Package(args) => package::package(&args),
        Command::Bench(args) => bench::bench(&args),
    }
}
