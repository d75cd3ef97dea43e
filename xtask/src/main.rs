//! Repository chores.

mod kernels;
mod vm;
mod vm_guest;

use clap::Parser;

/// Repository chores.
#[derive(Parser)]
enum Chore {
    /// Tools on old and new kernels in QEMU.
    Vm(vm::VmArgs),
}

fn main() -> anyhow::Result<()> {
    match Chore::parse() {
        Chore::Vm(args) => vm::run(&args),
    }
}
