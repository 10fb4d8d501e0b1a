//! `feature-build waves`.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::bail;

use super::format::{self, Format, StateName, slashed};
use super::terminal::{Look, Paint, print_json, shown};
use super::words::count;
use super::{Context, print};
use crate::agent::safe;
use crate::plan::{Feature, PlannedTask, State, Wave};
use crate::run::{Durations, about, max_parallel};
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
    let running = history.latest.iter().filter(|(_, attempt)| attempt.outcome.is_none()).map(|(id, _)| id.clone());
    let runs = Runs {
        running: running.collect(),
        durations: history.durations,
        max_parallel: max_parallel(index.config()).get(),
    };
    if let Some(left_out) = index.left_out().filter(|_| args.feature.is_none()) {
        // Beside what was asked for, in every format: nobody shall believe that there is nothing else.
        for problem in &left_out.problems {
            eprintln!("feature-build: {}", safe::text(problem.message.as_bytes()));
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
        Format::Text if features.is_empty() => bail!("no task files in {}", index.root().display()),
        Format::Text => {
            print(&text(&features, &runs, Paint::of_stdout()))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// What runs tell of the tasks: which of them run, and how long things will probably take.
struct Runs {
    running: HashSet<TaskId>,
    durations: Durations,
    max_parallel: u32,
}

impl Runs {
    /// Where a task stands: whatever the plan says of one that runs, it runs.
    fn state(&self, task: &PlannedTask) -> StateName {
        if task.runnable_id().is_some_and(|id| self.running.contains(&id)) {
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
    format::Task {
        id: task.id.to_string(),
        title: task.title().to_string(),
        file: slashed(&task.file),
        status: task.status().to_owned(),
        scope: task.scope().map(ToString::to_string),
        archived: task.is_archived(),
        state: runs.state(task),
        reason: runs.reason(wave, task),
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
    let width = feature.tasks().map(|task| shown_id(task).chars().count()).max().unwrap_or(0).min(WIDEST_ID);
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
    let name = runs.state(task);
    let (mark, look) = mark(name);
    let state = paint.paint(look, &format!("{:STATE_WIDTH$}", name.as_str()));
    // The heading says that already.
    let why = runs.reason(wave, task).filter(|_| wave.label.is_some() || name != StateName::Ready);
    let why = why.map(|why| paint.paint(Look::Dim, &format!("  ({})", shown(&why)))).unwrap_or_default();
    let title = if *task.title() == task.id { String::new() } else { shown(task.title()) };
    format!("{} {:width$}  {state}  {title}{why}", paint.paint(look, mark), shown_id(task))
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

fn summary(features: &[&Feature], runs: &Runs) -> String {
    let waves = features.iter().flat_map(|feature| &feature.waves).filter(|wave| wave.label.is_some()).count();
    let mut states: BTreeMap<StateName, usize> = BTreeMap::new();
    for task in features.iter().flat_map(|feature| feature.tasks()) {
        *states.entry(runs.state(task)).or_default() += 1;
    }
    let tasks = states.values().sum();
    let parts: Vec<String> = states.iter().map(|(name, number)| format!("{number} {}", name.as_str())).collect();
    let counts = [count(features.len(), "feature"), count(waves, "wave"), count(tasks, "task")].join(", ");
    if parts.is_empty() { counts } else { format!("{counts}: {}", parts.join(", ")) }
}
