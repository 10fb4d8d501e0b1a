//! `feature-build waves`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::bail;
use jiff::Timestamp;

use super::format::{self, DoneBy, Format, StateName, slashed};
use super::terminal::{self, Look, Paint, print_json, shown};
use super::words::{self, count};
use super::{Context, complain, print};
use crate::plan::{Asked, Feature, PlannedTask, State, Wave};
use crate::run::{Durations, LatestAttempt, Outcome, about, max_parallel};
use crate::task::TaskId;

/// Show features, waves and tasks with their states.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  feature-build waves --feature FEAT-1\n  feature-build waves --format json")]
pub(super) struct Args {
    /// Only this feature.
    #[arg(long, value_name = "FEATURE")]
    feature: Option<String>,
    /// Only features in which something is left to do.
    #[arg(long)]
    open: bool,
    /// How to print them.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) fn main(context: &Context, args: &Args) -> anyhow::Result<ExitCode> {
    let (index, history) = context.index_with_history()?;
    let runs = Runs {
        latest: history.latest,
        now: Timestamp::now(),
        durations: history.durations,
        max_parallel: max_parallel(index.config()).get(),
    };
    if let Some(left_out) = index.left_out().filter(|_| args.feature.is_none()) {
        // Beside what was asked for, in every format: nobody shall believe that there is nothing else.
        for problem in &left_out.problems {
            super::complain(&problem.message);
        }
    }
    let all: Vec<&Feature> = index.features().collect();
    let features = match &args.feature {
        Some(name) => vec![crate::plan::feature_named(&all, name)?],
        None => all.into_iter().filter(|feature| !args.open || is_left(feature)).collect(),
    };
    match args.format {
        Format::Json => print_json(&format::Waves {
            features: features.into_iter().map(|feature| feature_json(feature, &runs)).collect(),
        }),
        Format::Text if features.is_empty() && args.open && index.features().next().is_some() => {
            print("no task is open\n")?;
            Ok(ExitCode::SUCCESS)
        }
        Format::Text if features.is_empty() => {
            index.all_read(&Asked::Everything)?;
            bail!("no task files in {}", index.root().display())
        }
        Format::Text => {
            if let Err(unread) = index.all_read(&Asked::Everything) {
                complain(&unread.to_string());
            }
            print(&text(&features, &runs, Paint::of_stdout()))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// What runs tell of the tasks: which of them run, how they last ended, and how long things will probably take.
struct Runs {
    latest: BTreeMap<TaskId, LatestAttempt>,
    now: Timestamp,
    durations: Durations,
    max_parallel: u32,
}

impl Runs {
    fn latest(&self, task: &PlannedTask) -> Option<&LatestAttempt> {
        self.latest.get(&task.runnable_id()?)
    }

    /// How a task last ended, where that is not what it is called by its state: it did not pass, and nothing has been tried
    /// since.
    fn last_failure(&self, task: &PlannedTask) -> Option<(&LatestAttempt, Outcome)> {
        let is_open = matches!(task.state, State::Ready | State::Waiting(_));
        let latest = self.latest(task).filter(|_| is_open)?;
        let outcome = latest.outcome.filter(|outcome| *outcome != Outcome::Passed)?;
        Some((latest, outcome))
    }

    /// The state for people: a task that starts with the next run, but whose last attempt did not pass, goes by that.
    fn word(&self, task: &PlannedTask) -> (StateName, &'static str) {
        let state = self.state(task);
        let failure = self.last_failure(task).filter(|_| state == StateName::Ready);
        (state, failure.map_or(state.as_str(), |(_, outcome)| outcome.as_str()))
    }

    /// What runs add to a task's state, for people: `exited with 3, 5 min ago`, `passed 2 h ago`.
    fn history(&self, task: &PlannedTask) -> Option<String> {
        let ago = |latest: &LatestAttempt| words::ago(&latest.time, self.now);
        if task.is_done_by_run && self.state(task) == StateName::Done {
            return self.latest(task).map(|latest| format!("passed {} in run {}", ago(latest), latest.run));
        }
        let (latest, outcome) = self.last_failure(task).filter(|_| self.state(task) != StateName::Running)?;
        let said = latest.reason.as_ref().filter(|reason| *reason != outcome.as_str() && !reason.is_empty());
        let why = match (self.state(task), said) {
            (StateName::Ready, Some(reason)) => format!("{reason}, "),
            (StateName::Ready, None) => String::new(),
            (_, Some(reason)) => format!("{outcome}: {reason}, "),
            (_, None) => format!("{outcome} "),
        };
        Some(format!("{why}{}", ago(latest)))
    }

    /// Where a task stands: whatever the plan says of one that runs, it runs.
    fn state(&self, task: &PlannedTask) -> StateName {
        if self.latest(task).is_some_and(|latest| latest.outcome.is_none()) {
            return StateName::Running;
        }
        match &task.state {
            State::Done => StateName::Done,
            State::Dropped => StateName::Dropped,
            State::Ready => StateName::Ready,
            State::Waiting(_) => StateName::Waiting,
            State::NeedsPerson(_) => StateName::NeedsPerson,
            State::Claimed(_) => StateName::Claimed,
            State::Blocked(_) => StateName::Blocked,
            State::Halted => StateName::Halted,
            State::Unrunnable(_) => StateName::Unrunnable,
        }
    }

    fn reason(&self, wave: &Wave, task: &PlannedTask) -> Option<String> {
        match self.state(task) {
            StateName::Running => None,
            StateName::Ready if wave.label.is_none() => Some("no wave: runs only by --task".into()),
            _ => task.state.reason().or_else(|| task.remark().map(ToString::to_string)),
        }
    }

    fn of_wave(&self, feature: &Feature, wave: &Wave) -> Option<u64> {
        // What runs only one by one has no time together.
        wave.label.as_ref()?;
        self.durations.of_wave(&feature.id, wave, self.max_parallel)
    }
}

fn is_left(feature: &Feature) -> bool {
    feature.progress().is_open()
}

fn feature_json(feature: &Feature, runs: &Runs) -> format::Feature {
    format::Feature {
        id: feature.id.to_string(),
        title: feature.title.to_string(),
        dialect: feature.dialect,
        waves: feature.waves.iter().map(|wave| wave_json(feature, wave, runs)).collect(),
    }
}

fn wave_json(feature: &Feature, wave: &Wave, runs: &Runs) -> format::Wave {
    format::Wave {
        wave: wave.label.as_ref().map(ToString::to_string),
        estimate_ms: runs.of_wave(feature, wave),
        tasks: wave.tasks.iter().map(|task| task_json(feature, wave, task, runs)).collect(),
    }
}

fn task_json(feature: &Feature, wave: &Wave, task: &PlannedTask, runs: &Runs) -> format::Task {
    let (state, latest) = (runs.state(task), runs.latest(task));
    format::Task {
        id: task.id.to_string(),
        title: task.title().to_string(),
        file: slashed(&task.file),
        status: task.status().to_owned(),
        scope: task.scope().map(ToString::to_string),
        archived: task.is_archived(),
        state,
        reason: runs.reason(wave, task),
        done_by: (state == StateName::Done).then_some(if task.is_done_by_run { DoneBy::Run } else { DoneBy::File }),
        last_outcome: latest.and_then(|latest| latest.outcome),
        last_run: latest.map(|latest| latest.run.to_string()),
        estimate_ms: runs.durations.of_task(&feature.id, task),
        depends_on: task.depends_on.iter().map(ToString::to_string).collect(),
    }
}

fn text(features: &[&Feature], runs: &Runs, paint: Paint) -> String {
    let mut text = String::new();
    for feature in features {
        feature_text(&mut text, feature, runs, paint);
    }
    text + &summary(features, runs) + "\n"
}

fn feature_text(text: &mut String, feature: &Feature, runs: &Runs, paint: Paint) {
    let id = shown(&feature.id);
    let title = if feature.title == feature.id { String::new() } else { format!("  {}", shown(&feature.title)) };
    let dialect = paint.paint(Look::Dim, &format!("({})", feature.dialect.as_str()));
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{}{title}  {dialect}", paint.paint(Look::Bold, &id));
    let width = feature.tasks().map(|task| terminal::width(&shown_id(task))).max().unwrap_or(0).min(WIDEST_ID);
    for wave in &feature.waves {
        let heading = match &wave.label {
            Some(label) => format!("wave {label}"),
            None => "no wave (run only by --task)".into(),
        };
        let takes = runs.of_wave(feature, wave).map(|takes| paint.paint(Look::Dim, &format!("  ({})", about(takes))));
        let _ = writeln!(text, "  {heading}{}", takes.unwrap_or_default());
        for task in &wave.tasks {
            let _ = writeln!(text, "    {}", task_text(wave, task, width, runs, paint).trim_end());
        }
    }
    text.push('\n');
}

/// A longer id moves its own line only.
const WIDEST_ID: usize = 40;
/// The width of `needs-person`, the longest state.
const STATE_WIDTH: usize = 12;

fn task_text(wave: &Wave, task: &PlannedTask, width: usize, runs: &Runs, paint: Paint) -> String {
    let (name, word) = runs.word(task);
    let (mark, look) = match runs.last_failure(task) {
        Some((_, outcome)) if name == StateName::Ready => mark_of_outcome(outcome),
        _ => mark(name),
    };
    let state = paint.paint(look, &format!("{word:STATE_WIDTH$}"));
    // The heading says that already.
    let why = runs.reason(wave, task).filter(|_| wave.label.is_some() || name != StateName::Ready);
    let why: Vec<String> = why.into_iter().chain(runs.history(task)).collect();
    let why = (!why.is_empty()).then(|| why.join("; "));
    let why = why.map(|why| paint.paint(Look::Dim, &format!("  ({})", shown(&why)))).unwrap_or_default();
    let title = if *task.title() == task.id { String::new() } else { shown(task.title()) };
    let id = terminal::padded(&shown_id(task), width);
    format!("{} {id}  {state}  {title}{why}", paint.paint(look, mark))
}

/// The id; the file where there is none.
fn shown_id(task: &PlannedTask) -> String {
    if task.id.is_empty() { shown(&slashed(&task.file)) } else { shown(&task.id) }
}

fn mark(state: StateName) -> (&'static str, Look) {
    match state {
        StateName::Done => ("✓", Look::Green),
        StateName::Dropped => ("-", Look::Dim),
        StateName::Running => ("▶", Look::Green),
        StateName::Ready => ("▶", Look::Blue),
        StateName::Waiting => ("…", Look::Yellow),
        StateName::NeedsPerson | StateName::Claimed | StateName::Blocked => ("?", Look::Yellow),
        StateName::Halted => ("-", Look::Yellow),
        StateName::Unrunnable => ("✗", Look::Red),
    }
}

/// What the user cancelled is no failure.
fn mark_of_outcome(outcome: Outcome) -> (&'static str, Look) {
    if outcome == Outcome::Cancelled { ("■", Look::Yellow) } else { ("✗", Look::Red) }
}

fn summary(features: &[&Feature], runs: &Runs) -> String {
    let waves = features.iter().flat_map(|feature| &feature.waves).filter(|wave| wave.label.is_some()).count();
    let mut states: BTreeMap<(StateName, &str), usize> = BTreeMap::new();
    for task in features.iter().flat_map(|feature| feature.tasks()) {
        *states.entry(runs.word(task)).or_default() += 1;
    }
    let tasks = states.values().sum();
    let parts: Vec<String> = states.iter().map(|((_, word), number)| format!("{number} {word}")).collect();
    let counts = [count(features.len(), "feature"), count(waves, "wave"), count(tasks, "task")].join(", ");
    if parts.is_empty() { counts } else { format!("{counts}: {}", parts.join(", ")) }
}
