//! `feature-build watch`.

use std::path::Path;
use std::process::ExitCode;

use anyhow::bail;

use super::format::Format;
use super::{Context, follow, run_named};
use crate::run::{self, RunId, RunOutcome, RunState, RunSummary, Waiting};

/// Follow a run as `run` shows it, whoever started it. Ctrl-C ends the view, not the run.
///
/// Without RUN the newest run in progress. The exit code is the run's.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  feature-build watch")]
pub(super) struct Args {
    /// The run.
    run: Option<String>,
    /// Where no run is in progress, wait for the next one.
    #[arg(long, conflicts_with = "run")]
    wait: bool,
    /// How to show it.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) fn main(context: &Context, args: &Args) -> anyhow::Result<ExitCode> {
    let state_dir = context.state_dir_of(args.run.as_deref())?;
    let root = context.root()?;
    let run = match &args.run {
        Some(name) => {
            let run = run_named(&state_dir, name)?;
            let waiting = run::may_follow(&state_dir, &run)?;
            Some((run, waiting))
        }
        // What was started before `state_dir` was changed may go on where it was.
        None => run::state_dirs(&root).iter().find_map(|dir| newest(dir).transpose()).transpose()?,
    };
    if run.is_none() && !args.wait {
        let last = run::runs(&state_dir).into_iter().find(|run| run.state != RunState::Running);
        let last = last.map_or_else(
            || "nothing has run in this workspace yet".into(),
            |run| format!("`feature-build watch {}` shows the last one, which {}", run.run, ended(&run)),
        );
        bail!("no run is in progress: {last}; `feature-build watch --wait` waits for the next one");
    }
    let state_dir = run.as_ref().map_or(state_dir, |(run, _)| run::state_dir_of(&root, run));
    follow::watch(&root, &state_dir, run, args.format)
}

/// The newest run in progress; a task that calls this means none that waits for it.
fn newest(state_dir: &Path) -> Result<Option<(RunId, Waiting)>, run::WaitsForItself> {
    let running = run::unfinished(state_dir).into_iter().filter(|run| run.state == RunState::Running);
    let mut refused = Ok(None);
    for run in running {
        match run::may_follow(state_dir, &run.run) {
            Ok(waiting) => return Ok(Some((run.run, waiting))),
            Err(error) => refused = refused.and(Err(error)),
        }
    }
    refused
}

fn ended(run: &RunSummary) -> &'static str {
    match run.outcome() {
        Some(RunOutcome::Passed) => "passed",
        Some(RunOutcome::Failed) => "failed",
        Some(RunOutcome::Cancelled) => "was cancelled",
        None => "lost its supervisor",
    }
}
