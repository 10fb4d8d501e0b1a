//! `feature-build status`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::format::Format;
use super::terminal::{print_json, shown};
use super::{Context, not_among, print, run_named, say_unreadable, words};
use crate::run::{self, Counts, Level, Outcome, RunOutcome, RunPaths, RunState, RunSummary, TaskState, TaskView, View};

/// Show the runs in progress, and how the last one ended; or one run.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  feature-build status --format json")]
pub(super) struct Args {
    /// The run.
    run: Option<String>,
    /// How to show them.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What `status --format json` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Status {
    /// The run that was named; else the runs in progress, the newest first, and behind them the newest of those that are
    /// over.
    runs: Vec<Run>,
}

/// One run.
#[derive(Debug, Serialize, JsonSchema)]
struct Run {
    /// Its id.
    run: String,
    /// `running`, `finished` or `died`.
    state: &'static str,
    /// How it ended; `null` where it has not finished.
    outcome: Option<RunOutcome>,
    /// The feature's id.
    feature: String,
    /// The feature's title.
    title: String,
    /// When it started (RFC 3339, UTC).
    started: String,
    /// How many tasks have which outcome so far.
    summary: Counts,
    /// How long it took; `null` where it has not finished.
    wall_ms: Option<u64>,
    /// How long it will probably go on; `null` where it does not, or nothing tells.
    remaining_ms: Option<u64>,
    /// What `run` answered; `null` where it has not finished.
    exit_code: Option<u8>,
    /// All its tasks are stopped, and so are their clocks.
    paused: bool,
    /// How hard it is being ended; `null` while nobody wants that.
    cancelling: Option<Level>,
    /// How often its supervisor died and another one took it over.
    resumed: u32,
    /// Why its state folder cannot be written just now; `null` where all is well.
    degraded: Option<String>,
    /// Its waves in order.
    waves: Vec<Wave>,
}

/// One wave of a run.
#[derive(Debug, Serialize, JsonSchema)]
struct Wave {
    /// Its label.
    wave: Option<String>,
    /// Its tasks.
    tasks: Vec<Task>,
}

/// One task of a run.
#[derive(Debug, Serialize, JsonSchema)]
struct Task {
    /// Its id.
    id: String,
    /// Its title.
    title: String,
    /// `pending`, `running`, `retrying` or `finished`.
    state: &'static str,
    /// Since when it runs, or waits to be tried again (RFC 3339, UTC).
    since: Option<String>,
    /// How long it will probably take; `null` where nothing tells.
    estimate_ms: Option<u64>,
    /// What it said last.
    progress: Option<String>,
    /// The other run that has it, where this one waits for its outcome; `null` where it does not.
    attached: Option<String>,
    /// How it ended.
    outcome: Option<Outcome>,
    /// The number of its newest attempt, from 1; 0 before the first.
    attempt: u32,
    /// It passed after it had failed.
    flaky: bool,
    /// How hard it is being ended, alone or with its run; `null` while nobody wants that, and where it has ended.
    cancelling: Option<Level>,
    /// How long its attempt had taken when it was told that this is long.
    slow_ms: Option<u64>,
    /// Its process's exit code.
    exit_code: Option<i32>,
    /// How long it took.
    duration_ms: Option<u64>,
    /// Why it did not pass.
    reason: Option<String>,
    /// It left processes behind, which were killed.
    leaked: bool,
    /// Its log.
    log: Option<String>,
}

/// A run with all that is known of it now.
struct Shown {
    summary: RunSummary,
    view: View,
    remaining_ms: Option<u64>,
    degraded: Option<String>,
    /// Why no supervisor may have it any more; `None`: one may, or has it.
    why_closed: Option<&'static str>,
}

pub(super) fn main(context: &Context, args: &Args) -> anyhow::Result<ExitCode> {
    let state_dir = context.state_dir_of(args.run.as_deref())?;
    let (chosen, is_any_unread) = match &args.run {
        Some(name) => (vec![(state_dir.clone(), named(&state_dir, name)?)], false),
        None => chosen(&context.root()?, &state_dir),
    };
    let shown: Vec<Shown> = chosen.into_iter().map(|(state_dir, run)| Shown::of(&state_dir, run)).collect();
    match args.format {
        Format::Json => return print_json(&Status { runs: shown.iter().map(describe).collect() }),
        Format::Text if shown.is_empty() && is_any_unread => {}
        Format::Text if shown.is_empty() => print("nothing has run in this workspace yet\n")?,
        Format::Text => {
            let text: Vec<String> = shown.iter().flat_map(lines).collect();
            print(&format!("{}\n", text.join("\n")))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn named(state_dir: &Path, name: &str) -> anyhow::Result<RunSummary> {
    let wanted = run_named(state_dir, name)?;
    let found = run::runs(state_dir).into_iter().find(|run| run.run == wanted);
    // It has a journal: that one is broken, somebody else's, or has no line yet.
    found.ok_or_else(|| not_among(state_dir, name, format!("run \"{name}\" has not begun yet")))
}

/// Those to show, and whether there are others that cannot be read.
fn chosen(root: &Path, state_dir: &Path) -> (Vec<(PathBuf, RunSummary)>, bool) {
    let all = run::runs(state_dir);
    let is_any_unread = say_unreadable(state_dir, &all);
    let (running, over): (Vec<_>, Vec<_>) = all.into_iter().partition(|run| run.state == RunState::Running);
    let here = |run| (state_dir.to_path_buf(), run);
    // What was started before `state_dir` was changed may go on where it was.
    let before = run::left_behind(root).into_iter().filter(|(_, run)| run.state == RunState::Running);
    let chosen = running.into_iter().map(here).chain(before).chain(over.into_iter().next().map(here));
    (chosen.collect(), is_any_unread)
}

impl Shown {
    fn of(state_dir: &Path, summary: RunSummary) -> Self {
        let paths = RunPaths::of(state_dir, &summary.run);
        let mut view = View::of(&run::read_run(&paths).unwrap_or_default());
        if summary.state == RunState::Died {
            view.supervisor_died(|task, attempt| run::fate(&paths, task, attempt));
        }
        let is_running = summary.state == RunState::Running;
        Self {
            remaining_ms: is_running.then(|| run::remaining_ms(&view, Timestamp::now())).flatten(),
            degraded: is_running.then(|| run::degraded(paths.dir())).flatten().map(|degraded| degraded.reason),
            why_closed: run::why_closed(state_dir, &summary.run).filter(|_| summary.state == RunState::Died),
            summary,
            view,
        }
    }

    /// What is not as usual with a run in progress.
    fn remarks(&self) -> Vec<String> {
        let view = &self.view;
        if self.summary.state != RunState::Running {
            return Vec::new();
        }
        let cancelling = view.cancelling.map(|level| match level {
            Level::FinishWave => "no later wave will start".into(),
            Level::Terminate => "terminating".into(),
            Level::Kill => "killing".into(),
        });
        let taken_over = (view.resumed > 0).then(|| "taken over from a supervisor that died".into());
        let degraded = self.degraded.as_ref();
        let degraded = degraded.map(|why| format!("degraded: its state folder cannot be written: {}", shown(why)));
        let paused = view.paused.then(|| "paused".into());
        paused.into_iter().chain(cancelling).chain(taken_over).chain(degraded).collect()
    }
}

fn describe(run: &Shown) -> Run {
    let Shown { summary, view, remaining_ms, degraded, .. } = run;
    let waves = view.waves.iter();
    Run {
        run: summary.run.to_string(),
        state: words::run_state(summary.state),
        outcome: summary.outcome(),
        feature: summary.feature.clone(),
        title: summary.title.clone(),
        started: summary.started.clone(),
        summary: view.summary.clone(),
        wall_ms: summary.wall_ms,
        remaining_ms: *remaining_ms,
        exit_code: summary.exit_code,
        paused: view.paused,
        cancelling: view.cancelling,
        resumed: view.resumed,
        degraded: degraded.clone(),
        waves: waves
            .map(|wave| Wave {
                wave: wave.wave.clone(),
                tasks: wave.tasks.iter().map(|task| describe_task(view, task)).collect(),
            })
            .collect(),
    }
}

fn describe_task(view: &View, task: &TaskView) -> Task {
    let mut described = Task {
        id: task.id.to_string(),
        title: task.title.clone(),
        state: "pending",
        since: None,
        estimate_ms: task.estimate_ms,
        progress: task.progress.clone(),
        attached: None,
        outcome: None,
        attempt: task.attempt,
        flaky: task.flaky,
        cancelling: view.ending(task),
        slow_ms: task.slow_ms,
        exit_code: None,
        duration_ms: None,
        reason: None,
        leaked: task.leaked,
        log: task.log.clone(),
    };
    match &task.state {
        TaskState::Pending => described.attached = task.attached.as_ref().map(ToString::to_string),
        TaskState::Running { since } => {
            described.state = "running";
            described.since = Some(since.clone());
        }
        TaskState::Retrying { since, .. } => {
            described.state = "retrying";
            described.since = Some(since.clone());
        }
        TaskState::Finished { outcome, exit_code, duration_ms, reason } => {
            described.state = "finished";
            described.outcome = Some(*outcome);
            described.exit_code = *exit_code;
            described.duration_ms = Some(*duration_ms);
            described.reason.clone_from(reason);
        }
    }
    described
}

fn lines(run: &Shown) -> Vec<String> {
    let Shown { summary, view, remaining_ms, why_closed, .. } = run;
    let feature = words::feature_name(&summary.feature, &summary.title);
    let left = remaining_ms.map(|left| format!(", {} left", run::about(left))).unwrap_or_default();
    let how = match (summary.state, summary.wall_ms) {
        (RunState::Running, _) => {
            let tally = view.tally();
            let rest = tally.rest().into_iter().map(|what| format!(", {what}")).collect::<String>();
            format!("running, {}/{} done{rest}{left}", tally.done, tally.total)
        }
        (RunState::Died, _) => match why_closed {
            Some(why) => format!("it cannot go on, {why}; `feature-build cancel {}` ends it", summary.run),
            None => "its supervisor died; `feature-build run --resume` goes on with it".into(),
        },
        (RunState::Finished, wall_ms) => {
            let took = words::duration(wall_ms.unwrap_or_default());
            format!("{}: {} in {took}", words::run_end(summary), words::counts(&summary.summary))
        }
    };
    let mut lines = vec![format!("run {} of {feature}: {how}", summary.run)];
    lines.extend(run.remarks().into_iter().map(|remark| format!("  {remark}")));
    for wave in &view.waves {
        lines.push(words::wave_name(wave.wave.as_deref()));
        lines.extend(wave.tasks.iter().map(|task| task_line(view, task)));
    }
    lines
}

fn task_line(view: &View, task: &TaskView) -> String {
    let since = match &task.state {
        TaskState::Running { since } | TaskState::Retrying { since, .. } => Some(since),
        TaskState::Pending | TaskState::Finished { .. } => None,
    };
    let elapsed_ms = since.map_or(0, |since| view.elapsed_ms(since, Timestamp::now()));
    words::task_line(view, task, elapsed_ms)
}
