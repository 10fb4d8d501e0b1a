//! `feature-build watch`.

use std::path::Path;
use std::process::ExitCode;

use super::format::Format;
use super::{Context, follow, run_named};
use crate::run::{self, RunId, RunState};

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
    let state_dir = context.state_dir_of(args.run.as_deref())?;
    let run = match &args.run {
        Some(name) => {
            let run = run_named(&state_dir, name)?;
            run::may_follow(&state_dir, &run)?;
            Some(run)
        }
        None => newest(&state_dir)?,
    };
    follow::watch(&context.root()?, &state_dir, run, args.format)
}

/// The newest run in progress; a task that calls this means none that waits for it.
fn newest(state_dir: &Path) -> Result<Option<RunId>, run::WaitsForItself> {
    let running = run::unfinished(state_dir).into_iter().filter(|run| run.state == RunState::Running);
    let mut refused = Ok(None);
    for run in running {
        match run::may_follow(state_dir, &run.run) {
            Ok(()) => return Ok(Some(run.run)),
            Err(error) => refused = refused.and(Err(error)),
        }
    }
    refused
}
