//! `feature-build lsp`.

use std::process::ExitCode;

use super::Context;

/// Start the language server on standard input and output.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  feature-build lsp --stdio")]
pub(super) struct Args {
    /// Speak over standard input and output, as it does anyway: editors pass this.
    #[arg(long)]
    stdio: bool,
    /// The editor's process: accepted, and not needed, since the server ends with its standard input.
    #[arg(long = "clientProcessId", value_name = "PID", hide = true)]
    client_process_id: Option<u32>,
}

pub(super) fn main(_context: &Context, _args: &Args) -> anyhow::Result<ExitCode> {
    use anyhow::Context as _;
    crate::lsp::serve().context("starting the language server")
}
