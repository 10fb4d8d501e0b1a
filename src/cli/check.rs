//! `feature-build check`.

use std::process::ExitCode;

use super::Context;

/// Check all task files and report problems.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  feature-build check --format github")]
pub(super) struct Args {}

pub(super) fn main(_context: &Context, _args: &Args) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not built yet")
}
