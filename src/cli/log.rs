//! `feature-build log`.

mod follow;

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, IsTerminal as _, Write as _};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow, bail};

use super::terminal::{Paint, shown};
use super::{Context, did_you_mean, find_id, is_lost_output, run_named, words};
use crate::agent::safe;
use crate::run::{self, RunId, RunPaths, RunState, TaskState, View};
use crate::task::TaskId;
use crate::workspace::private;

/// Print the output of a task: of its latest attempt, or of its attempt in one run.
///
/// In a terminal control sequences are left out; into a pipe or file the bytes go as they came.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  feature-build log TASK-7\n  feature-build log TASK-7 --follow")]
pub(super) struct Args {
    /// The task.
    task: String,
    /// The run.
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
    /// Go on printing as it comes, until the task has its outcome, and say that (on standard error).
    #[arg(long, short, conflicts_with = "attempt")]
    follow: bool,
    /// The attempt, from 1 [default: the latest].
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    attempt: Option<NonZeroU32>,
}

pub(super) fn main(context: &Context, args: &Args) -> anyhow::Result<ExitCode> {
    let (root, state_dir) = (context.root()?, context.state_dir_of(args.run.as_deref())?);
    if args.follow
        && let Some((run, task)) = live(&state_dir, args)?
    {
        let _waiting = run::may_follow_task(&state_dir, &run, &task)?;
        return follow::follow(&root, &state_dir, &run, &task);
    }
    let Found { path, run, task } = match &args.run {
        Some(run) => of_run(&state_dir, &run_named(&state_dir, run)?, args)?,
        None => latest(&state_dir, args)?,
    };
    let path = root.join(path);
    if let Some(attempt) = args.attempt.filter(|_| !path.exists()) {
        bail!("task {} has no attempt {attempt} there: {} does not exist", args.task, path.display());
    }
    let log = private::open(&path).with_context(|| format!("reading the log {}", path.display()))?;
    match copy(log) {
        Err(error) if !is_lost_output(&error) => {
            Err(error).with_context(|| format!("printing the log {}", path.display()))
        }
        Err(_) => Ok(ExitCode::SUCCESS),
        Ok(()) => {
            if args.follow {
                say_outcome(&state_dir, &run, &task);
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// A log, and whose it is.
struct Found {
    path: PathBuf,
    run: RunId,
    task: TaskId,
}

/// Says how a task ended in a run, on standard error: standard output has the task's bytes and nothing else. A run that was
/// removed meanwhile has nothing to say.
fn say_outcome(state_dir: &Path, run: &RunId, task: &TaskId) {
    let view = view(state_dir, run);
    if let Some(task) = view.task(task.as_str()).filter(|task| matches!(task.state, TaskState::Finished { .. })) {
        let line = words::coloured(&shown(&words::ended_task(task)), Paint::of_stderr());
        crate::stderr::line(&format!("feature-build: {}", line.trim_start()));
    }
}

/// The run in progress, and the task of it, whose output is still to come; `None`: what there is is all.
fn live(state_dir: &Path, args: &Args) -> anyhow::Result<Option<(RunId, TaskId)>> {
    let named = args.run.as_ref().map(|run| TaskId::new(run)).transpose()?;
    let running = run::unfinished(state_dir).into_iter().filter(|run| run.state == RunState::Running);
    let asked = running.filter(|run| named.as_ref().is_none_or(|named| run.run.0 == *named));
    let mut open = asked.filter_map(|run| {
        let view = view(state_dir, &run.run);
        let is_open =
            |id: &&TaskId| view.task(id.as_str()).is_some_and(|task| !matches!(task.state, TaskState::Finished { .. }));
        let task = find_id(view.tasks().map(|task| &task.id), &args.task).filter(is_open)?;
        Some((run.run.clone(), task.clone()))
    });
    Ok(open.next())
}

fn view(state_dir: &Path, run: &RunId) -> View {
    View::of(&run::read_run(&RunPaths::of(state_dir, run)).unwrap_or_default())
}

fn of_run(state_dir: &Path, run: &RunId, args: &Args) -> anyhow::Result<Found> {
    let wanted = &args.task;
    let view = View::of(&run::read_run(&RunPaths::of(state_dir, run))?);
    let ids = view.tasks().map(|task| &task.id);
    let task = find_id(ids.clone(), wanted).and_then(|id| view.task(id.as_str()));
    let near = || did_you_mean(wanted, ids.map(TaskId::as_str));
    let task = task.ok_or_else(|| anyhow!("task {wanted} is not in run {run}{}", near()))?;
    let log = task.log.as_ref().ok_or_else(|| anyhow!("task {} was not started in run {run}", task.id))?;
    let path = args.attempt.map_or_else(|| PathBuf::from(log), |attempt| log_of(state_dir, run, &task.id, attempt));
    Ok(Found { path, run: run.clone(), task: task.id.clone() })
}

/// The log of one attempt.
fn log_of(state_dir: &Path, run: &RunId, task: &TaskId, attempt: NonZeroU32) -> PathBuf {
    RunPaths::of(state_dir, run).log(task, attempt.get())
}

fn latest(state_dir: &Path, args: &Args) -> anyhow::Result<Found> {
    let wanted = &args.task;
    let attempts = run::latest_attempts(state_dir);
    let found = find_id(attempts.keys(), wanted).and_then(|task| attempts.get_key_value(task));
    let near = || did_you_mean(wanted, attempts.keys().map(TaskId::as_str));
    let (task, attempt) = found.ok_or_else(|| anyhow!("task {wanted} has not run in this workspace{}", near()))?;
    if let Some(log) = &attempt.log {
        let named = args.attempt.map(|number| log_of(state_dir, &attempt.run, task, number));
        let path = named.unwrap_or_else(|| PathBuf::from(log));
        return Ok(Found { path, run: attempt.run.clone(), task: task.clone() });
    }
    if !RunPaths::of(state_dir, &attempt.run).dir().exists() {
        bail!("the output of task {task} is gone: run {} was removed, it was old", attempt.run);
    }
    let reason = attempt.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    bail!("task {task} has no output that can be shown in run {}{reason}", attempt.run)
}

fn copy(log: File) -> io::Result<()> {
    let mut output = io::stdout().lock();
    if !output.is_terminal() {
        io::copy(&mut BufReader::new(log), &mut output)?;
        return output.flush();
    }
    let mut log = BufReader::new(log);
    loop {
        let line = take_line(&mut log)?;
        if line.is_empty() {
            return output.flush();
        }
        output.write_all(safe::text(&line).as_bytes())?;
    }
}

/// A line, or as much of one as is shown at a time: a log may be one line of many megabytes.
fn take_line(log: &mut impl io::BufRead) -> io::Result<Vec<u8>> {
    const MOST: u64 = 64 << 10;
    let mut line = Vec::new();
    io::Read::take(log, MOST).read_until(b'\n', &mut line)?;
    Ok(line)
}
