//! `feature-build completions`.

use std::process::ExitCode;

use super::Context;

/// Print a shell's completions.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  feature-build completions bash")]
pub(super) struct Args {}

pub(super) fn main(_context: &Context, _args: &Args) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not built yet")
}
