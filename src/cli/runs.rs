//! `feature-build runs`.

use std::path::Path;
use std::process::ExitCode;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::format::Format;
use super::terminal::{self, Look, Paint, print_json};
use super::{Context, print, say_unreadable, words};
use crate::run::{self, Counts, RunOutcome, RunPaths, RunState, RunSummary, View};

/// List the runs of the workspace, the newest first; those that have not finished on top.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  feature-build runs --limit 5")]
pub(super) struct Args {
    /// No more than these.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// How to print them.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What `runs --format json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "runs")]
pub(super) struct Runs {
    /// The newest first; those that have not finished on top.
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
    /// How many tasks it has, those that are skipped included.
    tasks: u32,
    /// How many tasks have which outcome so far.
    summary: Counts,
    /// How long it took; `null` where it has not finished.
    wall_ms: Option<u64>,
    /// How long it will probably go on; `null` where it does not, or nothing tells.
    remaining_ms: Option<u64>,
    /// What `run` answered; `null` where it has not finished.
    exit_code: Option<u8>,
}

pub(super) fn main(context: &Context, args: &Args) -> anyhow::Result<ExitCode> {
    let state_dir = context.state_dir()?;
    let now = Timestamp::now();
    let all = run::runs(&state_dir);
    let is_any_unread = say_unreadable(&state_dir, &all);
    let (unfinished, finished): (Vec<RunSummary>, Vec<RunSummary>) =
        all.into_iter().partition(|run| run.state != RunState::Finished);
    let here = |run| (state_dir.clone(), run);
    // What was started before `state_dir` was changed may go on where it was.
    let before = run::left_behind(&context.root()?);
    let runs = unfinished.into_iter().map(here).chain(before).chain(finished.into_iter().map(here));
    let remaining = |state_dir: &Path, run: &RunSummary| {
        let is_running = run.state == RunState::Running;
        let records = is_running.then(|| run::read_run(&RunPaths::of(state_dir, &run.run)))?;
        run::remaining_ms(&View::of(&records.ok()?), now)
    };
    let runs: Vec<(RunSummary, Option<u64>)> = runs
        .take(args.limit.unwrap_or(usize::MAX))
        .map(|(state_dir, run)| {
            let remaining = remaining(&state_dir, &run);
            (run, remaining)
        })
        .collect();
    match args.format {
        Format::Json => {
            return print_json(&Runs { runs: runs.iter().map(|(run, remaining)| describe(run, *remaining)).collect() });
        }
        Format::Text if runs.is_empty() && is_any_unread => {}
        Format::Text if runs.is_empty() => print("nothing has run in this workspace yet\n")?,
        Format::Text => print(&text(&runs, now, Paint::of_stdout()))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn describe(run: &RunSummary, remaining_ms: Option<u64>) -> Run {
    Run {
        run: run.run.to_string(),
        state: words::run_state(run.state),
        outcome: run.outcome(),
        feature: run.feature.clone(),
        title: run.title.clone(),
        started: run.started.clone(),
        tasks: run.tasks,
        summary: run.summary.clone(),
        wall_ms: run.wall_ms,
        remaining_ms,
        exit_code: run.exit_code,
    }
}

fn text(runs: &[(RunSummary, Option<u64>)], now: Timestamp, paint: Paint) -> String {
    let features: Vec<String> = runs.iter().map(|(run, _)| words::feature_name(&run.feature, &run.title)).collect();
    let width = features.iter().map(|name| terminal::width(name)).max().unwrap_or(0).min(WIDEST_FEATURE);
    let lines = runs.iter().zip(&features);
    lines
        .map(|((run, remaining), feature)| line(run, *remaining, &terminal::padded(feature, width), now, paint))
        .collect()
}

/// A longer name moves its own line only.
const WIDEST_FEATURE: usize = 40;

fn line(run: &RunSummary, remaining_ms: Option<u64>, feature: &str, now: Timestamp, paint: Paint) -> String {
    let (mark, look) = match (run.state, run.outcome()) {
        (RunState::Running, _) => ("▶", Look::Blue),
        (_, Some(RunOutcome::Passed)) if words::has_left_some(run) => ("○", Look::Dim),
        (_, Some(RunOutcome::Passed)) => ("✓", Look::Green),
        (_, Some(RunOutcome::Cancelled)) => ("■", Look::Yellow),
        (_, Some(RunOutcome::Failed) | None) => ("✗", Look::Red),
    };
    let took = match (run.wall_ms, remaining_ms) {
        (Some(wall_ms), _) => format!(" in {}", words::duration(wall_ms)),
        (None, Some(left)) => format!(" {} left", run::about(left)),
        (None, None) => String::new(),
    };
    let how = match run.outcome() {
        Some(_) => words::counts(&run.summary),
        None => words::done(&run.tally()) + &words::failed(&run.tally()),
    };
    let ago = paint.paint(Look::Dim, &words::ago(&run.started, now));
    format!("{} {}  {:9}  {feature}  {how}{took}  {ago}\n", paint.paint(look, mark), run.run, words::run_end(run))
}
