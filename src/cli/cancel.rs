//! `feature-build cancel`.

use std::process::ExitCode;

use super::Context;

/// Cancel a run, or single tasks of it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  feature-build cancel --all")]
pub(super) struct Args {}

pub(super) fn main(_context: &Context, _args: &Args) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not built yet")
}
