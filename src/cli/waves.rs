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
use crate::plan::{self, Asked, Feature, Include, PlannedTask, Progress, Selection, State, Wave};
use crate::run::{Durations, LatestAttempt, Outcome, about, max_parallel};
use crate::task::TaskId;

/// Show features, waves and tasks with their states.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  feature-build waves --feature FEAT-1\n  feature-build waves --format json")]
pub(super) struct Args {
    /// Only this feature.
    #[arg(long, value_name = "FEATURE")]
    feature: Option<String>,
    /// Also what is done or dropped, and every line.
    #[arg(long)]
    all: bool,
    /// How to print them: JSON has all.
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
    if let Some(error) = index.config_error() {
        // Else the tasks that only it names would be missing without a word.
        complain(&format!("{error}; nothing of it counts"));
    }
    if let Some(left_out) = index.left_out().filter(|_| args.feature.is_none()) {
        // Beside what was asked for, in every format: nobody shall believe that there is nothing else.
        for problem in &left_out.problems {
            super::complain(&problem.message);
        }
    }
    let all: Vec<&Feature> = index.features().collect();
    let features = match &args.feature {
        Some(name) => vec![crate::plan::feature_named(&all, name)?],
        None => all,
    };
    match args.format {
        Format::Json => print_json(&format::Waves {
            features: features.into_iter().map(|feature| feature_json(feature, &runs)).collect(),
        }),
        Format::Text if features.is_empty() => {
            index.all_read(&Asked::Everything)?;
            bail!("no task files in {}", index.root().display())
        }
        Format::Text => {
            if let Err(unread) = index.all_read(&Asked::Everything) {
                complain(&unread.to_string());
            }
            let shown = if args.all || args.feature.is_some() { Extent::All } else { Extent::Open };
            print(&Page { runs: &runs, paint: Paint::of_stdout(), extent: shown }.text(&features))?;
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

/// How much is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// What is open, of long lists the beginning.
    Open,
    All,
}

/// What people read.
struct Page<'a> {
    runs: &'a Runs,
    paint: Paint,
    extent: Extent,
}

/// So many lines of a feature, and so many features, are shown where not all is asked for.
const LINES: usize = 20;
/// So many names stand in a line that says what can be done.
const NAMES: usize = 3;

impl Page<'_> {
    fn text(&self, features: &[&Feature]) -> String {
        let open: Vec<&Feature> =
            features.iter().copied().filter(|feature| self.extent == Extent::All || is_left(feature)).collect();
        // One single task is a feature like others.
        let is_single = |feature: &&Feature| self.extent == Extent::Open && feature.tasks().count() == 1;
        let (singles, others): (Vec<&Feature>, Vec<&Feature>) = open.iter().partition(|feature| is_single(feature));
        let (singles, others) = if singles.len() > 1 { (singles, others) } else { (Vec::new(), open.clone()) };
        let mut text = String::new();
        // A feature that is longer than the page may hide what failed.
        let is_cut = open.iter().any(|feature| feature.tasks().count() > LINES);
        if self.extent == Extent::Open && (open.len() > 1 || is_cut) {
            text += &self.what_can_be_done(&open);
        }
        let most = if self.extent == Extent::All { others.len() } else { LINES };
        others.iter().take(most).for_each(|feature| self.feature(&mut text, feature));
        if let Some(more) = others.len().checked_sub(most).filter(|more| *more > 0) {
            let _ = writeln!(text, "… {} more\n", count(more, "feature"));
        }
        if !singles.is_empty() {
            self.singles(&mut text, &singles);
        }
        text + &self.summary(features)
    }

    /// What a plan of hundreds of features is opened for: what can run now, what failed, what waits for the user.
    fn what_can_be_done(&self, features: &[&Feature]) -> String {
        let next = |feature: &&Feature| {
            // As `run --next` would have it.
            let feature_id = Some(feature.id.to_string());
            let selection =
                Selection { feature: feature_id, asked: Asked::NextWave, redo: false, include: Include::default() };
            let schedule = plan::select(&[*feature], &selection).ok()?;
            let wave = schedule.waves.iter().find(|wave| !wave.tasks.is_empty())?;
            let runs = |id: &str| {
                let task = feature.tasks().find(|task| &*task.id == id);
                task.is_some_and(|task| self.runs.state(task) == StateName::Running)
            };
            let startable = wave.tasks.iter().filter(|task| !runs(task.id.as_str())).count();
            let label = wave.wave.as_ref().filter(|_| startable > 0)?;
            if feature.tasks().count() == 1 {
                return feature.tasks().next().map(shown_id);
            }
            Some(format!("wave {} of {} ({})", shown(label), shown(&feature.id), count(startable, "task")))
        };
        let tasks = || features.iter().flat_map(|feature| feature.tasks());
        let named = |fits: &dyn Fn(&&PlannedTask) -> bool| tasks().filter(|task| fits(task)).map(shown_id).collect();
        let failed: Vec<String> =
            named(&|task| self.runs.last_failure(task).is_some_and(|(_, outcome)| outcome.is_failure()));
        let person: Vec<String> = named(&|task| {
            matches!(task.state, State::NeedsPerson(_) | State::Claimed(_) | State::Blocked(_) | State::Halted)
        });
        let parts = [
            ("can run now", features.iter().filter_map(next).collect::<Vec<_>>()),
            ("failed", failed),
            ("waits for you", person),
        ];
        let parts = parts.into_iter().filter(|(_, names)| !names.is_empty());
        let lines: String = parts
            .map(|(what, names)| format!("{}: {}\n", self.paint.paint(Look::Bold, what), some_of(&names)))
            .collect();
        if lines.is_empty() { lines } else { lines + "\n" }
    }

    fn feature(&self, text: &mut String, feature: &Feature) {
        let id = shown(&feature.id);
        let title = if feature.title == feature.id { String::new() } else { format!("  {}", shown(&feature.title)) };
        let dialect = self.paint.paint(Look::Dim, &format!("({})", feature.dialect.as_str()));
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}{title}  {dialect}", self.paint.paint(Look::Bold, &id));
        let width = width_of(feature.tasks());
        let mut lines = Lines::new(self.extent);
        for (wave, progress) in feature.waves.iter().zip(feature.progress_of_waves()) {
            let tasks: Vec<&PlannedTask> = wave.tasks.iter().filter(|task| self.is_shown(task)).collect();
            if tasks.is_empty() || !lines.has_room() {
                lines.left_out += tasks.len();
                continue;
            }
            let _ = writeln!(text, "  {}", self.heading(feature, wave, progress));
            for task in tasks {
                if lines.take() {
                    let _ = writeln!(text, "    {}", self.task(wave, task, width).trim_end());
                }
            }
        }
        lines.end(text, "    ");
        text.push('\n');
    }

    fn heading(&self, feature: &Feature, wave: &Wave, progress: Progress) -> String {
        let heading = match &wave.label {
            Some(label) => format!("wave {label}"),
            None => "no wave (run only by --task)".into(),
        };
        let hides = self.extent == Extent::Open && progress.done > 0;
        let done = hides.then(|| format!("{} of {} done", progress.done, progress.total()));
        let takes = self.runs.of_wave(feature, wave).map(about);
        let remarks: Vec<String> = done.into_iter().chain(takes).collect();
        if remarks.is_empty() {
            return heading;
        }
        heading + &self.paint.paint(Look::Dim, &format!("  ({})", remarks.join(", ")))
    }

    /// Features of one task each: lists of their own would be three lines for each.
    fn singles(&self, text: &mut String, features: &[&Feature]) {
        let _ = writeln!(text, "{}", self.paint.paint(Look::Bold, &count(features.len(), "single task")));
        let width = width_of(features.iter().flat_map(|feature| feature.tasks()));
        let mut lines = Lines::new(self.extent);
        for (wave, task) in features
            .iter()
            .flat_map(|feature| &feature.waves)
            .flat_map(|wave| wave.tasks.iter().map(move |task| (wave, task)))
        {
            if lines.take() {
                let _ = writeln!(text, "    {}", self.task(wave, task, width).trim_end());
            }
        }
        lines.end(text, "    ");
        text.push('\n');
    }

    fn is_shown(&self, task: &PlannedTask) -> bool {
        let is_over = matches!(self.runs.state(task), StateName::Done | StateName::Dropped);
        self.extent == Extent::All || !is_over
    }

    fn task(&self, wave: &Wave, task: &PlannedTask, width: usize) -> String {
        let (name, word) = self.runs.word(task);
        let (mark, look) = match self.runs.last_failure(task) {
            Some((_, outcome)) if name == StateName::Ready => mark_of_outcome(outcome),
            _ => mark(name),
        };
        let state = self.paint.paint(look, &format!("{word:STATE_WIDTH$}"));
        // The heading says that already.
        let why = self.runs.reason(wave, task).filter(|_| wave.label.is_some() || name != StateName::Ready);
        let why: Vec<String> = why.into_iter().chain(self.runs.history(task)).collect();
        let why = (!why.is_empty()).then(|| why.join("; "));
        let why = why.map(|why| self.paint.paint(Look::Dim, &format!("  ({})", shown(&why)))).unwrap_or_default();
        let title = if *task.title() == task.id { String::new() } else { shown(task.title()) };
        let id = terminal::padded(&shown_id(task), width);
        format!("{} {id}  {state}  {title}{why}", self.paint.paint(look, mark))
    }

    /// The count of everything, whatever of it is shown.
    fn summary(&self, features: &[&Feature]) -> String {
        let counts = counts(features, self.runs) + "\n";
        let is_hidden = features.iter().flat_map(|feature| feature.tasks()).any(|task| !self.is_shown(task));
        if !is_hidden {
            return counts;
        }
        counts + &self.paint.paint(Look::Dim, "`feature-build waves --all` shows what is done, too") + "\n"
    }
}

/// The lines of a list that may be cut off.
struct Lines {
    /// `None`: as many as there are.
    room: Option<usize>,
    left_out: usize,
}

impl Lines {
    fn new(extent: Extent) -> Self {
        Self { room: (extent == Extent::Open).then_some(LINES), left_out: 0 }
    }

    fn has_room(&self) -> bool {
        self.room != Some(0)
    }

    /// Whether one more line is shown; else it is counted.
    fn take(&mut self) -> bool {
        match &mut self.room {
            Some(0) => {
                self.left_out += 1;
                return false;
            }
            Some(room) => *room -= 1,
            None => {}
        }
        true
    }

    fn end(&self, text: &mut String, indent: &str) {
        if self.left_out > 0 {
            let _ = writeln!(text, "{indent}… {} more", self.left_out);
        }
    }
}

fn is_left(feature: &Feature) -> bool {
    // What was halted waits for somebody to decide how it goes on.
    let progress = feature.progress();
    progress.is_open() || progress.halted > 0
}

/// The first names, and how many more there are.
fn some_of(names: &[String]) -> String {
    let first = names.iter().take(NAMES).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMES) {
        0 => first,
        more => format!("{first}, … {more} more"),
    }
}

fn width_of<'a>(tasks: impl Iterator<Item = &'a PlannedTask>) -> usize {
    tasks.map(|task| terminal::width(&shown_id(task))).max().unwrap_or(0).min(WIDEST_ID)
}

/// A longer id moves its own line only.
const WIDEST_ID: usize = 40;
/// The width of `needs-person`, the longest state.
const STATE_WIDTH: usize = 12;

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

fn counts(features: &[&Feature], runs: &Runs) -> String {
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
