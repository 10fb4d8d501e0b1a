//! `feature-build watch`.

use std::process::ExitCode;

use super::format::Format;
use super::{Context, follow, run_named};
use crate::run::{self, RunState};

/// Follow a run as `run` shows it, whoever started it. Ctrl-C ends the view, not the run.
///
/// Without RUN the newest run in progress; where there is none, the next one that starts. The exit code is the run's.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  feature-build watch")]
pub(super) struct Args {
    /// The run.
    run: Option<String>,
    /// How to show it.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) fn main(context: &Context, args: &Args) -> anyhow::Result<ExitCode> {
    let state_dir = context.state_dir()?;
    let newest = || run::unfinished(&state_dir).into_iter().find(|run| run.state == RunState::Running);
    let run = match &args.run {
        Some(name) => Some(run_named(&state_dir, name)?),
        None => newest().map(|run| run.run),
    };
    follow::watch(&state_dir, run, args.format)
}
