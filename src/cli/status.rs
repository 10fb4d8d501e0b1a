//! `feature-build status`.

use std::process::ExitCode;

use super::Context;

/// Show runs in progress and the last results.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  feature-build status")]
pub(super) struct Args {}

pub(super) fn main(_context: &Context, _args: &Args) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not built yet")
}
