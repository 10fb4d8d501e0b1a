//! `feature-build lsp`.

use std::process::ExitCode;

use super::Context;

/// Start the language server on standard input and output.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  feature-build lsp --stdio")]
pub(super) struct Args {}

pub(super) fn main(_context: &Context, _args: &Args) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not built yet")
}
