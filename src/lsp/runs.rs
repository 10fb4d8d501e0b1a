//! What the server knows of a workspace's runs, and the tasks that follow their journals.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior};
use tower_lsp::Client;
use tower_lsp::ls_types::{MessageType, ProgressToken};

use super::events;
use super::message::Event;
use super::progress::{self, Shown};
use super::tell;
use crate::agent::{Excerpt, safe};
use crate::error::with_causes;
use crate::run::{
    self, Checkups, Degraded, Durations, FollowError, Follower, LatestAttempt, Launcher, Level, Outcome, Passed,
    Record, RunId, RunPaths, Tally, TaskState, TaskView, View, WaveView,
};
use crate::task::TaskId;

/// How long news of a run are gathered: a wave of a thousand short tasks is a few messages to the loop, not thousands.
const GATHER: Duration = Duration::from_millis(50);
/// How many events are gathered before that at the most.
const MOST_UNTOLD: usize = 1024;
/// How long a new run's folder may be without a supervisor: it is written before its supervisor has started.
const BIRTH: Duration = Duration::from_secs(10);
/// How often a run without a supervisor is looked at meanwhile.
const BIRTH_LOOK: Duration = Duration::from_millis(100);

/// How often it is shown how long a run will go on, while nothing happens.
const REDRAW: Duration = Duration::from_secs(15);

/// The runs in progress and the latest attempts of one workspace.
#[derive(Debug, Default)]
pub(super) struct RunBook {
    live: BTreeMap<RunId, Arc<View>>,
    clocks: BTreeMap<RunId, Clock>,
    /// What this server has asked of runs in progress (`None`), or of one task of them: their journals tell it a moment later.
    asked: BTreeMap<(RunId, Option<TaskId>), Level>,
    ended: BTreeMap<TaskId, LastAttempt>,
    /// What attempts that passed took.
    durations: Durations,
}

/// A task's latest attempt, where it has ended.
#[derive(Debug, Clone)]
pub(super) struct LastAttempt {
    /// The run.
    pub(super) run: RunId,
    /// How it ended.
    pub(super) outcome: Outcome,
    /// The process's exit code, where it exited.
    pub(super) exit_code: Option<i32>,
    /// Why it did not pass.
    pub(super) reason: Option<String>,
    /// How long it took.
    pub(super) duration_ms: u64,
    /// It passed after an attempt that did not.
    pub(super) flaky: bool,
    /// Its log, absolute.
    pub(super) log: Option<PathBuf>,
    /// The log's end; read only where the task did not pass, and a moment later.
    pub(super) excerpt: Option<Arc<Excerpt>>,
}

/// Times of a run in progress, by the server's own clock.
#[derive(Debug)]
struct Clock {
    started: Instant,
    /// Since when the whole run (`None`) and single tasks are being ended.
    ending: BTreeMap<Option<TaskId>, Instant>,
}

impl Clock {
    fn of(view: &View) -> Self {
        Self { started: own_time(&view.started), ending: BTreeMap::new() }
    }

    fn look(&mut self, view: &View) {
        let of_run = view.ending_since.as_ref().map(|since| (None, since));
        let of_tasks = view.tasks().filter_map(|task| Some((Some(task.id.clone()), task.ending_since.as_ref()?)));
        for (what, since) in of_run.into_iter().chain(of_tasks) {
            self.ending.entry(what).or_insert_with(|| own_time(since));
        }
    }
}

/// The time of a record by the server's clock. A record whose time is still to come is from now: another clock, or one that
/// was set since, must not hold anything up.
fn own_time(time: &str) -> Instant {
    let now = Instant::now();
    let age = time.parse().ok().map(|time: Timestamp| Timestamp::now().duration_since(time));
    let age = age.and_then(|age| Duration::try_from(age).ok()).unwrap_or_default();
    now.checked_sub(age).unwrap_or(now)
}

/// What a new view of a run changed.
#[derive(Debug, Default)]
pub(super) struct RunDelta {
    /// Tasks whose attempt started or ended.
    pub(super) tasks: Vec<TaskId>,
    /// Of them, those whose log is to be read.
    pub(super) to_read: Vec<TaskId>,
    /// The run has ended with this view.
    pub(super) over: bool,
}

impl LastAttempt {
    /// From the history on disk; `None` while the attempt goes on.
    pub(super) fn of_history(root: &Path, attempt: &LatestAttempt) -> Option<Self> {
        Some(Self {
            run: attempt.run.clone(),
            outcome: attempt.outcome?,
            exit_code: attempt.exit_code,
            reason: attempt.reason.clone(),
            duration_ms: attempt.duration_ms,
            flaky: attempt.flaky,
            log: attempt.log.as_ref().map(|log| root.join(log)),
            excerpt: None,
        })
    }

    fn of_view(root: &Path, run: &RunId, task: &TaskView) -> Option<Self> {
        let TaskState::Finished { outcome, exit_code, duration_ms, reason } = &task.state else { return None };
        if *outcome == Outcome::Skipped {
            return None; // no attempt: what the task's own latest attempt said still counts
        }
        Some(Self {
            run: run.clone(),
            outcome: *outcome,
            exit_code: *exit_code,
            reason: reason.clone(),
            duration_ms: *duration_ms,
            flaky: task.flaky,
            log: task.log.as_ref().map(|log| root.join(log)),
            excerpt: None,
        })
    }

    /// How it ended, in words: `failed (exit 3)`.
    pub(super) fn words(&self) -> String {
        match self.exit_code {
            Some(code) if self.outcome == Outcome::Failed => format!("failed (exit {code})"),
            _ => progress::words(self.outcome).to_string(),
        }
    }
}

impl RunBook {
    /// Takes the history in, below what live runs have told meanwhile.
    pub(super) fn remember(&mut self, ended: BTreeMap<TaskId, LastAttempt>, durations: Durations) {
        self.durations = durations;
        for (task, attempt) in ended {
            let newer =
                self.live_task(task.as_str()).is_some_and(|(_, task)| !matches!(task.state, TaskState::Pending));
            if !newer {
                self.ended.entry(task).or_insert(attempt);
            }
        }
    }

    /// Takes a newer view of a run in.
    pub(super) fn update(&mut self, root: &Path, run: &RunId, view: Arc<View>, over: bool) -> RunDelta {
        let before = self.live.remove(run);
        let mut news = RunDelta { over, ..RunDelta::default() };
        for task in view.tasks() {
            let known = before.as_ref().and_then(|before| before.task(task.id.as_str()));
            if known.is_some_and(|known| known.state == task.state) || task.state == TaskState::Pending {
                continue;
            }
            if task.attempt > 0 {
                self.ended.remove(&task.id);
            }
            if let Some(ended) = LastAttempt::of_view(root, run, task) {
                if ended.outcome == Outcome::Passed {
                    self.durations.add(&passed(&view, task, ended.duration_ms));
                }
                if ended.outcome.is_failure() && ended.log.is_some() {
                    news.to_read.push(task.id.clone());
                }
                self.ended.insert(task.id.clone(), ended);
            }
            news.tasks.push(task.id.clone());
        }
        if over {
            self.clocks.remove(run);
            self.asked.retain(|(asked, _), _| asked != run);
        } else {
            self.clocks.entry(run.clone()).or_insert_with(|| Clock::of(&view)).look(&view);
            self.live.insert(run.clone(), view);
        }
        news
    }

    /// Takes in what a failed task's log says, unless a newer attempt has come between.
    pub(super) fn set_excerpt(&mut self, task: &TaskId, run: &RunId, excerpt: Arc<Excerpt>) {
        if let Some(ended) = self.ended.get_mut(task).filter(|ended| ended.run == *run) {
            ended.excerpt = Some(excerpt);
        }
    }

    /// A task's latest attempt, where it has ended.
    pub(super) fn ended(&self, task: &str) -> Option<&LastAttempt> {
        self.ended.get(task)
    }

    /// The tasks whose latest attempt passed.
    pub(super) fn passed(&self) -> BTreeSet<TaskId> {
        let passed = |(task, ended): (&TaskId, &LastAttempt)| (ended.outcome == Outcome::Passed).then(|| task.clone());
        self.ended.iter().filter_map(passed).collect()
    }

    /// The tasks that a run has started before and that are over.
    pub(super) fn tried(&self) -> BTreeSet<TaskId> {
        self.ended.keys().cloned().collect()
    }

    /// The tasks whose latest attempt did not pass.
    pub(super) fn not_passed(&self) -> impl Iterator<Item = &TaskId> {
        self.ended.iter().filter(|(_, ended)| ended.outcome != Outcome::Passed).map(|(task, _)| task)
    }

    /// The runs in progress in which a task has no outcome yet.
    pub(super) fn live_in<'a>(&'a self, task: &str) -> impl Iterator<Item = (&'a RunId, &'a TaskView)> {
        let unfinished = |task: &&TaskView| !matches!(task.state, TaskState::Finished { .. });
        self.live.iter().filter_map(move |(run, view)| Some((run, view.task(task).filter(unfinished)?)))
    }

    /// The run in progress that has a task: before those that wait for its outcome.
    pub(super) fn live_task(&self, task: &str) -> Option<(&RunId, &TaskView)> {
        self.live_in(task).min_by_key(|(_, task)| match task.state {
            TaskState::Running { .. } => 0,
            TaskState::Retrying { .. } => 1,
            TaskState::Pending | TaskState::Finished { .. } => 2,
        })
    }

    /// How far the part of a wave is that runs now; `None` where nothing of it runs.
    pub(super) fn wave_tally(&self, feature: &str, wave: &str) -> Option<Tally> {
        // A task of several runs is one task: it has an outcome when none of them waits for it any more.
        let mut tasks: BTreeMap<&TaskId, Option<Outcome>> = BTreeMap::new();
        for (_, view) in self.running(feature, Some(wave)) {
            for task in view.waves.iter().filter(|view| view.wave.as_deref() == Some(wave)).flat_map(|view| &view.tasks)
            {
                let outcome = task.state.outcome();
                let known = tasks.entry(&task.id).or_insert(outcome);
                *known = outcome.and(*known);
            }
        }
        (!tasks.is_empty()).then(|| tasks.into_values().collect())
    }

    /// The runs in progress that have tasks without an outcome in a feature, or in one wave of it.
    pub(super) fn running(&self, feature: &str, wave: Option<&str>) -> impl Iterator<Item = (&RunId, &View)> {
        self.live.iter().map(|(run, view)| (run, view.as_ref())).filter(move |(_, view)| {
            let asked = view.waves.iter().filter(|view| wave.is_none() || view.wave.as_deref() == wave);
            let mut tasks = asked.flat_map(|wave| &wave.tasks);
            view.feature == feature && tasks.any(|task| !matches!(task.state, TaskState::Finished { .. }))
        })
    }

    /// What attempts that passed took.
    pub(super) fn durations(&self) -> &Durations {
        &self.durations
    }

    /// How hard the runs are being ended in which a wave goes on; `None` where one of them is not.
    pub(super) fn cancelling(&self, feature: &str, wave: &str) -> Option<Level> {
        self.running(feature, Some(wave)).map(|(_, view)| view.cancelling).min().flatten()
    }

    /// What is being done to the runs in which a wave goes on, in words: `terminating…`, `stops after this wave`, `paused`.
    pub(super) fn doing_to_wave(&self, feature: &str, wave: &str) -> Option<String> {
        let mut runs = self.running(feature, Some(wave)).map(|(_, view)| view);
        match self.cancelling(feature, wave) {
            Some(Level::FinishWave) if !runs.any(|view| has_begun(view, wave)) => Some(STAYS.into()),
            Some(level) => Some(ending(level)),
            None => runs.all(|view| view.paused).then(|| PAUSED.into()),
        }
    }

    /// What is being done to a task of a run in progress, in words; nothing where it goes its way.
    pub(super) fn doing_to_task(&self, run: &RunId, task: &TaskView) -> Option<String> {
        let view = self.live.get(run)?;
        // Of the present wave all the others start.
        let stays = || task.cancelling.is_some() || !has_its_wave_begun(view, task);
        match view.ending(task) {
            Some(Level::FinishWave) if matches!(task.state, TaskState::Pending) && stays() => Some(STAYS.into()),
            Some(level) if level > Level::FinishWave => Some(ending(level)),
            _ => view.paused.then(|| PAUSED.into()),
        }
    }

    /// How hard a task of a run in progress is being ended, alone or with its run.
    pub(super) fn ending(&self, run: &RunId, task: &TaskView) -> Option<Level> {
        self.live.get(run)?.ending(task)
    }

    /// When a run in progress began.
    pub(super) fn started(&self, run: &RunId) -> Option<Instant> {
        Some(self.clocks.get(run)?.started)
    }

    /// When a run, or one task of it, was first asked to end; `None` where nobody wants that.
    pub(super) fn ending_since(&self, run: &RunId, task: Option<&TaskId>) -> Option<Instant> {
        let ending = &self.clocks.get(run)?.ending;
        let of_task = task.and_then(|task| ending.get(&Some(task.clone())));
        [of_task, ending.get(&None)].into_iter().flatten().min().copied()
    }

    /// The run in progress of this id.
    pub(super) fn view(&self, run: &RunId) -> Option<&View> {
        self.live.get(run).map(AsRef::as_ref)
    }

    /// How hard a run is to be ended that somebody wants to end, or one task of it.
    pub(super) fn next_level(&self, run: &RunId, task: Option<&TaskId>) -> Level {
        let told = self.live.get(run).and_then(|view| match task {
            Some(task) => view.ending(view.task(task.as_str())?),
            None => view.cancelling,
        });
        let asked = |task: Option<&TaskId>| self.asked.get(&(run.clone(), task.cloned())).copied();
        Level::after(told.max(asked(task)).max(asked(None)))
    }

    /// This server asks a run to end, or one task of it.
    pub(super) fn note_asked(&mut self, run: &RunId, task: Option<&TaskId>, level: Level) {
        let asked = self.asked.entry((run.clone(), task.cloned())).or_insert(level);
        *asked = level.max(*asked);
    }

    /// The run could not be asked.
    pub(super) fn forget_asked(&mut self, run: &RunId, task: Option<&TaskId>) {
        self.asked.remove(&(run.clone(), task.cloned()));
    }

    /// Whether a run in which this wave goes on would start later ones.
    pub(super) fn goes_on_behind(&self, feature: &str, wave: &str) -> bool {
        let will_start = |view: &WaveView| view.started.is_none() && view.tasks.iter().any(|task| !task.left_out);
        self.running(feature, Some(wave)).any(|(_, view)| {
            let behind = view.waves.iter().skip_while(|view| view.wave.as_deref() != Some(wave)).skip(1);
            view.cancelling.is_none() && behind.into_iter().any(will_start)
        })
    }

    /// All runs in progress.
    pub(super) fn live(&self) -> impl Iterator<Item = (&RunId, &View)> {
        self.live.iter().map(|(run, view)| (run, view.as_ref()))
    }
}

fn has_begun(view: &View, wave: &str) -> bool {
    view.waves.iter().any(|of| of.wave.as_deref() == Some(wave) && of.started.is_some())
}

fn has_its_wave_begun(view: &View, task: &TaskView) -> bool {
    view.waves.iter().any(|wave| wave.started.is_some() && wave.tasks.iter().any(|of| of.id == task.id))
}

/// It waits, and in vain.
const STAYS: &str = "will not start";
/// Tasks and clocks stand still.
const PAUSED: &str = "paused";

/// What happens to what runs and has to end.
fn ending(level: Level) -> String {
    level.doing().map_or_else(|| "stops after this wave".into(), |doing| format!("{doing}\u{2026}"))
}

fn passed(view: &View, task: &TaskView, duration_ms: u64) -> Passed {
    Passed { task: task.id.clone(), feature: view.feature.clone(), complexity: task.complexity.clone(), duration_ms }
}

/// Everything that the follower of one run needs.
pub(super) struct RunFollower {
    /// The wire to the editor.
    pub(super) client: Client,
    /// The canonical root.
    pub(super) root: PathBuf,
    /// The run.
    pub(super) run: RunId,
    /// A fresh token, where the editor shows progress.
    pub(super) token: Option<ProgressToken>,
    /// The editor wants every event.
    pub(super) events: bool,
    /// Where news go.
    pub(super) news: mpsc::Sender<Event>,
}

impl RunFollower {
    /// Follows the run to its end: folds its journal, passes events on, tells the loop when a task has started or ended,
    /// and feeds the progress bar; that one shows nothing that the loop does not know.
    pub(super) async fn follow(self) {
        let (root, run) = (self.root.clone(), self.run.clone());
        let found = tokio::task::spawn_blocking(move || run::state_dir_of(&root, &run));
        let Ok(state_dir) = found.await else { return };
        if self.is_stranded(&state_dir).await {
            return;
        }
        let paths = RunPaths::of(&state_dir, &self.run);
        let mut follower = Follower::recovering(paths.dir(), Launcher::default());
        let mut checkups = Checkups::new(paths.dir());
        let mut view = View::default();
        let mut bar = None;
        let mut speaking = None;
        let mut tell_at = None;
        // Told to the editor behind the loop: see `tell`.
        let mut untold = Vec::new();
        let mut left = RemainingTime::default();
        let mut redraw = tokio::time::interval(REDRAW);
        redraw.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let born_by = Instant::now() + BIRTH;
        loop {
            let record = tokio::select! {
                record = follower.next() => record,
                () = at(tell_at) => {
                    tell_at = None;
                    self.tell(&view, false).await;
                    self.tell_events(&mut untold).await;
                    self.show(&mut bar, &view, speaking.as_ref(), left.of(&view));
                    continue;
                }
                degraded = checkups.degraded() => {
                    self.warn(&degraded).await;
                    continue;
                }
                // The time that is left goes by while nothing happens.
                _ = redraw.tick(), if bar.is_some() && tell_at.is_none() => {
                    self.show(&mut bar, &view, speaking.as_ref(), left.of(&view));
                    continue;
                }
            };
            let record = match record {
                Ok(Some(record)) => record,
                Ok(None) => break,
                // A run that another process starts just now has a folder before it has a supervisor.
                Err(_) if view.run.is_none() && Instant::now() < born_by => {
                    tokio::time::sleep(BIRTH_LOOK).await;
                    follower = Follower::recovering(paths.dir(), Launcher::default());
                    continue;
                }
                Err(error @ FollowError::SupervisorDied { .. }) => {
                    tell::log(&self.client, MessageType::WARNING, &with_causes(&error)).await;
                    let paths = paths.clone();
                    let looked = tokio::task::spawn_blocking(move || {
                        view.supervisor_died(|task, attempt| run::fate(&paths, task, attempt));
                        view
                    });
                    let Ok(looked) = looked.await else { return };
                    view = looked;
                    break;
                }
                Err(FollowError::Journal(error)) => {
                    tell::log(&self.client, MessageType::WARNING, &with_causes(&error)).await;
                    break;
                }
            };
            // A folder that is being copied here had no journal when it was looked at first.
            if view.run.is_none() && self.is_stranded(&state_dir).await {
                return;
            }
            view.apply(&record);
            let left_ms = left.of(&view);
            match &record.event {
                run::Event::TaskProgress { task, .. } => speaking = Some(task.clone()),
                _ => tell_at = tell_at.or(Some(Instant::now() + GATHER)),
            }
            if self.events {
                untold.push((record, left_ms));
                if untold.len() >= MOST_UNTOLD {
                    tell_at = Some(Instant::now());
                } else if tell_at.is_none() {
                    self.tell_events(&mut untold).await;
                }
            }
            if tell_at.is_none() {
                self.show(&mut bar, &view, speaking.as_ref(), left_ms);
            }
        }
        self.tell(&view, true).await;
        self.tell_events(&mut untold).await;
        if bar.is_none() && view.run.is_some() {
            self.show(&mut bar, &view, None, None);
        }
        if let Some(bar) = bar {
            let shown = Shown { over: true, message: progress::summary(&view), ..Shown::of(&view, None, None) };
            bar.send_replace(shown);
        }
    }

    /// One that can only be ended is none that runs.
    async fn is_stranded(&self, state_dir: &Path) -> bool {
        let (state_dir, run) = (state_dir.to_path_buf(), self.run.clone());
        tokio::task::spawn_blocking(move || run::is_stranded(&state_dir, &run)).await.unwrap_or(false)
    }

    /// The tasks go on, so nobody would notice.
    async fn warn(&self, degraded: &Degraded) {
        let reason = safe::line(degraded.reason.as_bytes());
        let message = format!("run {}: the state folder cannot be written: {reason}; what runs goes on", self.run);
        tell::user(&self.client, MessageType::WARNING, &message).await;
    }

    /// Comes back when the loop has taken it in: who sees it in the editor, and answers with a command, means it as it is
    /// by then. The editor's words come before what is in the loop's other channel.
    async fn tell(&self, view: &View, over: bool) {
        let (taken, done) = oneshot::channel();
        let (root, run, view) = (self.root.clone(), self.run.clone(), Arc::new(view.clone()));
        // The loop is gone only when the server ends.
        let _ = self.news.send(Event::Run { root, run, view, over, taken }).await;
        let _ = done.await;
    }

    /// Passes events on, in their order.
    async fn tell_events(&self, untold: &mut Vec<(Record, Option<u64>)>) {
        for (record, left_ms) in untold.drain(..) {
            events::send(&self.client, &self.root.to_string_lossy(), &self.run, &record, left_ms).await;
        }
    }

    /// Feeds the progress bar; the first time it begins it.
    fn show(
        &self,
        bar: &mut Option<watch::Sender<Shown>>,
        view: &View,
        speaking: Option<&TaskId>,
        left_ms: Option<u64>,
    ) {
        let Some(token) = &self.token else { return };
        let shown = Shown::of(view, speaking.map(TaskId::as_str), left_ms);
        if let Some(bar) = bar {
            bar.send_replace(shown);
            return;
        }
        let (sender, receiver) = watch::channel(shown);
        tokio::spawn(progress::show(self.client.clone(), token.clone(), receiver));
        *bar = Some(sender);
    }
}

/// How long a run will go on. Working that out takes a moment for a run of thousands of tasks, and there may be thousands
/// of events a second: it may cost a twentieth of the time, no more.
#[derive(Debug, Default)]
struct RemainingTime {
    known: Option<Known>,
}

/// What came out, when, and how long that took.
#[derive(Debug, Clone, Copy)]
struct Known {
    left_ms: Option<u64>,
    at: Instant,
    took: Duration,
}

/// What costs no more is worked out each time.
const CHEAP: Duration = Duration::from_millis(2);

impl RemainingTime {
    fn of(&mut self, view: &View) -> Option<u64> {
        if let Some(known) = self.known.filter(|known| known.took > CHEAP && known.at.elapsed() < known.took * 20) {
            let gone = u64::try_from(known.at.elapsed().as_millis()).unwrap_or(0);
            return known.left_ms.map(|left| left.saturating_sub(gone));
        }
        let begun = Instant::now();
        let left_ms = run::remaining_ms(view, Timestamp::now());
        self.known = Some(Known { left_ms, at: Instant::now(), took: begun.elapsed() });
        left_ms
    }
}

/// At this time, or never.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}
