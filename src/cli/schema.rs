//! `feature-build schema`.

use std::process::ExitCode;

use super::Context;

/// Print the JSON Schema of a machine format.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  feature-build schema waves")]
pub(super) struct Args {}

pub(super) fn main(_context: &Context, _args: &Args) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not built yet")
}
