//! `feature-build cancel`.

use std::process::ExitCode;

use anyhow::{Context as _, bail};

use super::{Context, print};
use crate::run::{self, Level, RunId, RunPaths, RunState, View};
use crate::task::TaskId;

/// End a run in progress, or some of its tasks.
///
/// Each task is asked to end (SIGTERM), and killed when it has not ended within the grace period.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  feature-build cancel --task TASK-7")]
pub(super) struct Args {
    /// The run; may be left out where one run is in progress.
    run: Option<String>,
    /// Only this task; may be given several times.
    #[arg(long, value_name = "ID")]
    task: Vec<String>,
    /// Every run in progress.
    #[arg(long, conflicts_with = "run")]
    all: bool,
    /// Kill at once instead of asking first.
    #[arg(long)]
    now: bool,
}

pub(super) fn main(context: &Context, args: &Args) -> anyhow::Result<ExitCode> {
    let state_dir = context.state_dir()?;
    let tasks = args.task.iter().map(|id| TaskId::new(id)).collect::<Result<Vec<_>, _>>()?;
    let running = run::unfinished(&state_dir).into_iter().filter(|run| run.state == RunState::Running);
    let mut running: Vec<RunId> = running.map(|run| run.run).collect();
    if !tasks.is_empty() {
        running.retain(|run| has_one_of(&RunPaths::of(&state_dir, run), &tasks));
    }
    let level = if args.now { Level::Kill } else { Level::Terminate };
    let only = (!tasks.is_empty()).then_some(tasks.as_slice());
    for run in chosen(args, running)? {
        run::cancel(&state_dir, &run, only, level).with_context(|| format!("cancelling run {run}"))?;
        print(&format!("cancelling run {run}\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn chosen(args: &Args, running: Vec<RunId>) -> anyhow::Result<Vec<RunId>> {
    if let Some(name) = &args.run {
        let Some(run) = running.into_iter().find(|run| run.0.as_str() == name) else {
            bail!("no run \"{name}\" is in progress here");
        };
        return Ok(vec![run]);
    }
    match running.as_slice() {
        [] if args.all => Ok(running),
        [] => bail!("nothing is in progress here"),
        [_] => Ok(running),
        _ if args.all => Ok(running),
        several => {
            let names: Vec<String> = several.iter().map(ToString::to_string).collect();
            bail!("several runs are in progress; name one, or use --all: {}", names.join(", "))
        }
    }
}

fn has_one_of(paths: &RunPaths, tasks: &[TaskId]) -> bool {
    let records = run::read_journal(&paths.journal()).unwrap_or_default();
    let view = View::of(&records);
    tasks.iter().any(|task| view.task(task.as_str()).is_some())
}
