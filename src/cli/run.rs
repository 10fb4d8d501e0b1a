//! `feature-build run`.

use std::process::ExitCode;

use super::Context;

/// Run the waves of a feature: the tasks of a wave at the same time.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  feature-build run --feature FEAT-1 --wave 1")]
pub(super) struct Args {}

pub(super) fn main(_context: &Context, _args: &Args) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not built yet")
}
