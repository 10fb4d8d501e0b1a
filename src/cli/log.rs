//! `feature-build log`.

use std::process::ExitCode;

use super::Context;

/// Print the log of a task's latest attempt.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  feature-build log TASK-001")]
pub(super) struct Args {}

pub(super) fn main(_context: &Context, _args: &Args) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not built yet")
}
