//! `bench`: what tools cost, beside bpftrace when it is there.

use anyhow::{Result, bail};
use clap::Args;

/// Arguments of `bench`.
#[derive(Debug, Args)]
pub struct BenchArgs {}

/// Measures.
///
/// # Errors
/// When a tool cannot be built or run.
pub fn bench(_args: &BenchArgs) -> Result<()> {
    bail!("not there yet")
}
