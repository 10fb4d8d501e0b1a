//! `feature-build waves`.

use std::process::ExitCode;

use super::Context;

/// Show features, waves and tasks with their states.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  feature-build waves --format json")]
pub(super) struct Args {}

pub(super) fn main(_context: &Context, _args: &Args) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not built yet")
}
