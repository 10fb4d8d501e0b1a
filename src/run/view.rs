//! A run as it stands: a pure fold of its records. The terminal, lenses and progress all show this.

use std::collections::HashMap;

use jiff::Timestamp;

use super::claim::Fate;
use super::{Counts, Event, Level, Outcome, Record, RunId, WaveRef};
use crate::agent::Told;
use crate::task::TaskId;

/// A run as its records tell so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct View {
    /// The run; `None` before its first record.
    pub run: Option<RunId>,
    /// The workspace's root.
    pub root: String,
    /// The feature's id.
    pub feature: String,
    /// The feature's title.
    pub title: String,
    /// When it started (RFC 3339, UTC).
    pub started: String,
    /// Its waves in order.
    pub waves: Vec<WaveView>,
    /// How many tasks run at the same time at the most; 0 where the journal does not say.
    pub max_parallel: u32,
    /// Later waves start after a wave in which a task did not pass.
    pub keep_going: bool,
    /// All its tasks are stopped, and so are their clocks.
    pub paused: bool,
    /// How hard the whole run is being ended; `None` while nobody wants that.
    pub cancelling: Option<Level>,
    /// When its tasks were first asked to end (RFC 3339, UTC).
    pub ending_since: Option<String>,
    /// How often a supervisor died and another one took the run over.
    pub resumed: u32,
    /// How many tasks have which outcome so far; only outcomes that some task has.
    pub summary: Counts,
    /// How it ended; `None` while it goes on.
    pub finished: Option<Finished>,
    /// Its supervisor died, and nobody has taken it over: see [`Self::supervisor_died`].
    pub orphaned: bool,
    pauses: Vec<Pause>,
    places: HashMap<TaskId, (usize, usize)>,
}

/// A time for which a run was paused (RFC 3339, UTC).
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pause {
    from: String,
    /// `None` while it lasts.
    to: Option<String>,
}

/// A wave of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct WaveView {
    /// Its label.
    pub wave: Option<String>,
    /// Its tasks, those included that are skipped.
    pub tasks: Vec<TaskView>,
    /// When it began (RFC 3339, UTC); `None` before.
    pub started: Option<String>,
    /// How it ended; `None` before.
    pub finished: Option<Finished>,
}

/// How a wave or a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// How many tasks had which outcome.
    pub summary: Counts,
    /// How long it took.
    pub wall_ms: u64,
    /// How long its tasks took, added up.
    pub serial_ms: u64,
    /// The exit code that `run` answers with; 0 for a wave.
    pub exit_code: u8,
}

/// A task of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskView {
    /// Its id.
    pub id: TaskId,
    /// Its title.
    pub title: String,
    /// Its file, relative to the root, `/`-separated.
    pub file: String,
    /// Where it stands.
    pub state: TaskState,
    /// What it said last.
    pub progress: Option<String>,
    /// The other run whose attempt it waits for.
    pub attached: Option<RunId>,
    /// Its log, where it was started.
    pub log: Option<String>,
    /// The number of its newest attempt, from 1; 0 before the first.
    pub attempt: u32,
    /// The tasks of the run that have to pass before it starts.
    pub after: Vec<TaskId>,
    /// How long it will probably take; `None` where nothing tells.
    pub estimate_ms: Option<u64>,
    /// Its `complexity`, as written.
    pub complexity: Option<String>,
    /// It does not start, whatever becomes of the others.
    pub left_out: bool,
    /// How long its attempt had taken when it was told that this is long.
    pub slow_ms: Option<u64>,
    /// How hard this task alone is being ended; [`View::ending`] counts in what is asked of its run.
    pub cancelling: Option<Level>,
    /// When it alone was first asked to end (RFC 3339, UTC).
    pub ending_since: Option<String>,
    /// It passed after it had failed.
    pub flaky: bool,
    /// It left processes behind, which were killed.
    pub leaked: bool,
    /// What its agents told: tokens and cost, model, session.
    pub told: Told,
}

/// Where a task of a run stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskState {
    /// Not started yet.
    Pending,
    /// Its process runs.
    Running {
        /// Since when (RFC 3339, UTC).
        since: String,
    },
    /// Its attempt did not pass; another one follows.
    Retrying {
        /// When the attempt ended (RFC 3339, UTC).
        since: String,
        /// How long from then until the next one starts.
        delay_ms: u64,
        /// How the attempt ended.
        outcome: Outcome,
        /// Its output told of a rate limit.
        rate_limited: bool,
    },
    /// It has its outcome.
    Finished {
        /// The outcome.
        outcome: Outcome,
        /// The process's exit code, where it exited.
        exit_code: Option<i32>,
        /// How long it took.
        duration_ms: u64,
        /// Why it did not pass.
        reason: Option<String>,
    },
}

/// How far some tasks of a run are: the one count that terminals, lenses and progress show.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// All of them.
    pub total: usize,
    /// Those that passed. A task that failed or was left to a person is not done.
    pub done: usize,
    /// Those that somebody has to look at.
    pub failed: usize,
    /// Those that the user ended.
    pub cancelled: usize,
    /// Those that were not started and will not be.
    pub skipped: usize,
}

impl Tally {
    /// So many tasks, of which these have an outcome.
    pub fn of(counts: &Counts, total: u32) -> Self {
        let number = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
        let mut tally = Self { total: number(total), ..Self::default() };
        counts.iter().for_each(|(outcome, count)| tally.add(*outcome, number(*count)));
        tally
    }

    fn add(&mut self, outcome: Outcome, count: usize) {
        let sum = match outcome {
            Outcome::Passed => &mut self.done,
            Outcome::Failed | Outcome::TimedOut | Outcome::Lost => &mut self.failed,
            Outcome::Cancelled => &mut self.cancelled,
            Outcome::Skipped => &mut self.skipped,
        };
        *sum = sum.saturating_add(count);
    }

    /// How many have an outcome, whichever.
    pub fn ended(&self) -> usize {
        self.done + self.failed + self.cancelled + self.skipped
    }

    /// What did not pass, in words: `1 failed`, `2 skipped`.
    pub fn rest(&self) -> Vec<String> {
        let rest = [(self.failed, "failed"), (self.cancelled, "cancelled"), (self.skipped, "skipped")];
        rest.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect()
    }
}

impl FromIterator<Option<Outcome>> for Tally {
    fn from_iter<T: IntoIterator<Item = Option<Outcome>>>(outcomes: T) -> Self {
        let mut tally = Self::default();
        for outcome in outcomes {
            tally.total += 1;
            outcome.into_iter().for_each(|outcome| tally.add(outcome, 1));
        }
        tally
    }
}

impl TaskState {
    /// The outcome; `None` before there is one.
    pub fn outcome(&self) -> Option<Outcome> {
        match self {
            Self::Finished { outcome, .. } => Some(*outcome),
            Self::Pending | Self::Running { .. } | Self::Retrying { .. } => None,
        }
    }
}

/// Keeps when something was asked to end. No later wave to start asks nothing of what runs.
fn note_ending(since: &mut Option<String>, level: Level, time: &str) {
    if level > Level::FinishWave && since.is_none() {
        *since = Some(time.to_owned());
    }
}

impl View {
    /// The view of a whole journal.
    pub fn of<'a>(records: impl IntoIterator<Item = &'a Record>) -> Self {
        let mut view = Self::default();
        for record in records {
            view.apply(record);
        }
        view
    }

    /// Takes the next record in. What names an unknown task or wave changes nothing.
    pub fn apply(&mut self, record: &Record) {
        match &record.event {
            Event::RunStarted { run, root, feature, title, waves, max_parallel, keep_going } => {
                *self = Self {
                    run: Some(run.clone()),
                    root: root.clone(),
                    feature: feature.clone(),
                    title: title.clone(),
                    started: record.time.clone(),
                    max_parallel: *max_parallel,
                    keep_going: *keep_going,
                    ..Self::default()
                };
                self.announce(waves);
            }
            Event::WaveStarted { wave, .. } => {
                if let Some(view) = self.waves.iter_mut().find(|view| view.wave == *wave) {
                    view.started = Some(record.time.clone());
                }
            }
            Event::TaskStarted { task, attempt, log } => {
                if let Some(view) = self.task_mut(task.as_str()) {
                    view.state = TaskState::Running { since: record.time.clone() };
                    view.log = Some(log.clone());
                    view.attempt = *attempt;
                    view.attached = None;
                    view.progress = None;
                    view.slow_ms = None;
                }
            }
            Event::TaskSlow { task, after_ms } => {
                if let Some(view) = self.task_mut(task.as_str()) {
                    view.slow_ms = Some(*after_ms);
                }
            }
            Event::TaskRetrying { task, outcome, delay_ms, rate_limited, .. } => {
                if let Some(view) = self.task_mut(task.as_str()) {
                    view.state = TaskState::Retrying {
                        since: record.time.clone(),
                        delay_ms: *delay_ms,
                        outcome: *outcome,
                        rate_limited: *rate_limited,
                    };
                }
            }
            Event::RunResumed { .. } => self.resumed += 1,
            Event::RunCancelling { level, tasks: None } => {
                self.cancelling = self.cancelling.max(Some(*level));
                note_ending(&mut self.ending_since, *level, &record.time);
            }
            Event::RunPaused => self.pause(&record.time),
            Event::RunContinued => self.go_on(&record.time),
            Event::RunCancelling { level, tasks: Some(tasks) } => {
                for task in tasks {
                    if let Some(view) = self.task_mut(task.as_str()) {
                        view.cancelling = view.cancelling.max(Some(*level));
                        note_ending(&mut view.ending_since, *level, &record.time);
                    }
                }
            }
            Event::TaskAttached { task, run } => {
                if let Some(view) = self.task_mut(task.as_str()) {
                    view.attached = Some(run.clone());
                }
            }
            Event::RunDegraded { .. } => {}
            Event::TaskProgress { task, text } => {
                if let Some(view) = self.task_mut(task.as_str()) {
                    view.progress = Some(text.clone());
                }
            }
            Event::TaskFinished { task, outcome, exit_code, duration_ms, reason, log, flaky, leaked, told, .. } => {
                let Some(view) = self.task_mut(task.as_str()) else { return };
                let state = TaskState::Finished {
                    outcome: *outcome,
                    exit_code: *exit_code,
                    duration_ms: *duration_ms,
                    reason: reason.clone(),
                };
                let counted = matches!(view.state, TaskState::Finished { .. });
                view.state = state;
                view.flaky = *flaky;
                view.leaked = *leaked;
                view.told = told.clone();
                view.log = log.clone().or_else(|| view.log.take());
                if !counted {
                    *self.summary.entry(*outcome).or_default() += 1;
                }
            }
            Event::WaveFinished { wave, summary, wall_ms, serial_ms } => {
                if let Some(view) = self.waves.iter_mut().find(|view| view.wave == *wave) {
                    view.finished = Some(Finished {
                        summary: summary.clone(),
                        wall_ms: *wall_ms,
                        serial_ms: *serial_ms,
                        exit_code: 0,
                    });
                }
            }
            Event::RunFinished { summary, wall_ms, serial_ms, exit_code } => {
                self.finished = Some(Finished {
                    summary: summary.clone(),
                    wall_ms: *wall_ms,
                    serial_ms: *serial_ms,
                    exit_code: *exit_code,
                });
            }
        }
    }

    /// Takes in that the supervisor died. Attempts may go on, or may have ended since: `fate` knows, from the task and the
    /// number of its attempt. What neither lives nor has ended is `lost`. What had not started stays so: whether it starts is
    /// decided by whoever takes the run over.
    pub fn supervisor_died(&mut self, fate: impl Fn(&TaskId, u32) -> Fate) {
        self.orphaned = true;
        for task in self.waves.iter_mut().flat_map(|wave| &mut wave.tasks) {
            let state = match task.state {
                TaskState::Finished { .. } | TaskState::Pending => continue,
                TaskState::Running { .. } | TaskState::Retrying { .. } => match fate(&task.id, task.attempt) {
                    Fate::Alive => continue,
                    Fate::Over(state) => state,
                    Fate::Lost => TaskState::Finished {
                        outcome: Outcome::Lost,
                        exit_code: None,
                        duration_ms: 0,
                        reason: Some("its supervisor died".into()),
                    },
                },
            };
            if let TaskState::Finished { outcome, .. } = &state {
                *self.summary.entry(*outcome).or_default() += 1;
            }
            task.state = state;
        }
    }

    /// A task of the run.
    pub fn task(&self, id: &str) -> Option<&TaskView> {
        let (wave, task) = self.places.get(id)?;
        self.waves.get(*wave)?.tasks.get(*task)
    }

    /// All tasks, wave by wave.
    pub fn tasks(&self) -> impl Iterator<Item = &TaskView> + Clone {
        self.waves.iter().flat_map(|wave| &wave.tasks)
    }

    /// How hard a task is being ended, alone or with its run; `None` where nobody wants that, and where it has ended.
    pub fn ending(&self, task: &TaskView) -> Option<Level> {
        if matches!(task.state, TaskState::Finished { .. }) {
            return None;
        }
        self.cancelling.max(task.cancelling)
    }

    /// How many milliseconds what began then has taken until now, as the run's clocks count: without its pauses.
    pub fn elapsed_ms(&self, since: &str, now: Timestamp) -> u64 {
        let time = |text: &str| text.parse::<Timestamp>().map_or(now, |time| time.min(now));
        let between = |from: Timestamp, to: Timestamp| u64::try_from(to.duration_since(from).as_millis()).unwrap_or(0);
        let since = time(since);
        let paused = |pause: &Pause| between(time(&pause.from).max(since), pause.to.as_deref().map_or(now, time));
        between(since, now).saturating_sub(self.pauses.iter().map(paused).sum())
    }

    /// How far its tasks are.
    pub fn tally(&self) -> Tally {
        self.tasks().map(|task| task.state.outcome()).collect()
    }

    fn pause(&mut self, time: &str) {
        if !std::mem::replace(&mut self.paused, true) {
            self.pauses.push(Pause { from: time.into(), to: None });
        }
    }

    fn go_on(&mut self, time: &str) {
        self.paused = false;
        if let Some(pause) = self.pauses.last_mut().filter(|pause| pause.to.is_none()) {
            pause.to = Some(time.into());
        }
    }

    fn task_mut(&mut self, id: &str) -> Option<&mut TaskView> {
        let (wave, task) = self.places.get(id)?;
        self.waves.get_mut(*wave)?.tasks.get_mut(*task)
    }

    fn announce(&mut self, waves: &[WaveRef]) {
        for (at_wave, wave) in waves.iter().enumerate() {
            let mut tasks = Vec::with_capacity(wave.tasks.len());
            for (at_task, task) in wave.tasks.iter().enumerate() {
                self.places.insert(task.id.clone(), (at_wave, at_task));
                tasks.push(TaskView {
                    id: task.id.clone(),
                    title: task.title.clone(),
                    file: task.file.clone(),
                    state: TaskState::Pending,
                    progress: None,
                    attached: None,
                    log: None,
                    attempt: 0,
                    after: task.after.clone(),
                    estimate_ms: task.estimate_ms,
                    complexity: task.complexity.clone(),
                    left_out: task.left_out,
                    slow_ms: None,
                    cancelling: None,
                    ending_since: None,
                    flaky: false,
                    leaked: false,
                    told: Told::default(),
                });
            }
            self.waves.push(WaveView { wave: wave.wave.clone(), tasks, started: None, finished: None });
        }
    }
}
