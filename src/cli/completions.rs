//! `feature-build completions`.

use std::process::ExitCode;

use clap::CommandFactory as _;

use super::{Cli, Context, print};

/// Print a shell's completions.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  feature-build completions bash > ~/.local/share/bash-completion/completions/feature-build"
)]
pub(super) struct Args {
    /// Which shell.
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

pub(super) fn main(_context: &Context, args: &Args) -> anyhow::Result<ExitCode> {
    // Into memory first: the generator panics where it cannot write, as into a closed pipe.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "feature-build", &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}
