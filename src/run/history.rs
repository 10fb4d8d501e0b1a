//! What earlier runs left: read from their folders, the newest first.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::claim::{self, Fate};
use super::kept::{Kept, KeptAttempt};
use super::prune::size_of;
use super::{
    Counts, Durations, Event, JournalError, Outcome, Passed, Record, RunId, RunPaths, Tally, TaskState, lock, private,
    read_journal, read_run, runs_dir, seal, state_dirs, system,
};
use crate::task::TaskId;

/// No cache of a finished run is longer than its journal by more than this: all that it says stands there, too.
const LONGER_SUMMARY: u64 = 64 << 10;

/// The exit code of a run that the user ended: what a shell answers for a program that Ctrl-C ended.
pub(super) const EXIT_CANCELLED: u8 = 130;

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    /// Its supervisor lives.
    Running,
    /// Its journal ends with `run-finished`.
    Finished,
    /// Its supervisor died before the end.
    Died,
}

/// How a run ended as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RunOutcome {
    /// All that was not up to a person passed.
    Passed,
    /// Something did not.
    Failed,
    /// The user ended it.
    Cancelled,
}

impl RunOutcome {
    /// What the exit code that `run` answers with says.
    pub fn of_exit_code(exit_code: u8) -> Self {
        match exit_code {
            0 => Self::Passed,
            EXIT_CANCELLED => Self::Cancelled,
            _ => Self::Failed,
        }
    }

    /// The name that the machine formats use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A run in a few words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    /// The run.
    pub run: RunId,
    /// Where it stands.
    pub state: RunState,
    /// The feature's id.
    pub feature: String,
    /// The feature's title.
    pub title: String,
    /// When it started (RFC 3339, UTC).
    pub started: String,
    /// How many tasks it has, those that are skipped included.
    pub tasks: u32,
    /// How many have which outcome so far.
    pub summary: Counts,
    /// How long it took; `None` where it has not finished.
    pub wall_ms: Option<u64>,
    /// What `run` answered; `None` where it has not finished.
    pub exit_code: Option<u8>,
}

impl RunSummary {
    /// How far its tasks are.
    pub fn tally(&self) -> Tally {
        Tally::of(&self.summary, self.tasks)
    }

    /// How it ended; `None` where it has not finished.
    pub fn outcome(&self) -> Option<RunOutcome> {
        self.exit_code.filter(|_| self.state == RunState::Finished).map(RunOutcome::of_exit_code)
    }
}

/// The newest attempt of a task, whichever run it was in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LatestAttempt {
    /// The run.
    pub run: RunId,
    /// How it ended; `lost` where its supervisor died before the end. `None`: it is going on.
    pub outcome: Option<Outcome>,
    /// The process's exit code, where it exited.
    pub exit_code: Option<i32>,
    /// Why it did not pass.
    pub reason: Option<String>,
    /// How long it took.
    pub duration_ms: u64,
    /// It passed after one that did not.
    #[serde(default)]
    pub flaky: bool,
    /// Its log, relative to the workspace's root where it lies below it, else absolute; `None`: it was not started.
    pub log: Option<String>,
    /// When it ended, or started where it goes on (RFC 3339, UTC).
    pub time: String,
}

/// What earlier runs left.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// All runs, the newest first.
    pub runs: Vec<RunSummary>,
    /// The newest attempt of each task that ever had one.
    pub latest: BTreeMap<TaskId, LatestAttempt>,
    /// How long the attempts that passed took.
    pub durations: Durations,
}

/// All runs of a workspace, the newest first. Blocking; a finished run costs one small file.
pub fn runs(state_dir: &Path) -> Vec<RunSummary> {
    let mut runs: Vec<RunSummary> = digests(state_dir).map(|digest| digest.summary).collect();
    sort_newest_first(&mut runs, |run| run);
    runs
}

/// By their start: an id tells only its second, and of two in one second its letters tell nothing.
pub(super) fn sort_newest_first<T>(runs: &mut [T], summary: impl Fn(&T) -> &RunSummary) {
    runs.sort_by_cached_key(|run| {
        let summary = summary(run);
        Reverse((summary.started.parse::<Timestamp>().ok(), summary.run.clone()))
    });
}

/// Why runs are missing in `known`, which [`runs`] answered: their journals cannot be read, or are somebody else's.
/// Blocking.
pub fn unreadable(state_dir: &Path, known: &[RunSummary]) -> Vec<JournalError> {
    let missing = run_ids(state_dir).into_iter().filter(|run| known.iter().all(|known| known.run != *run));
    let journals = missing.map(|run| RunPaths::of(state_dir, &run)).filter(|paths| paths.journal().exists());
    journals.filter_map(|paths| read_run(&paths).err()).collect()
}

/// The runs that have not finished, the newest first: those that live, and those whose supervisor died. Blocking.
pub fn unfinished(state_dir: &Path) -> Vec<RunSummary> {
    runs(state_dir).into_iter().filter(|run| run.state != RunState::Finished).collect()
}

/// The runs that have not finished in the state folders that a workspace had before, each with its folder. Blocking.
pub fn left_behind(root: &Path) -> Vec<(PathBuf, RunSummary)> {
    let former = state_dirs(root).into_iter().skip(1);
    former.flat_map(|dir| unfinished(&dir).into_iter().map(move |run| (dir.clone(), run))).collect()
}

/// The newest attempt of each task that ever had one (`skipped` is none). Blocking.
pub fn latest_attempts(state_dir: &Path) -> BTreeMap<TaskId, LatestAttempt> {
    history(state_dir).latest
}

/// How long the attempts that passed took. Blocking.
pub fn durations(state_dir: &Path) -> Durations {
    history(state_dir).durations
}

/// All that earlier runs left, read once: for those who need more than one part of it. Blocking.
pub fn history(state_dir: &Path) -> History {
    let mut history = History::default();
    let mut passed: Vec<(String, Passed)> = Vec::new();
    for digest in digests(state_dir) {
        history.runs.push(digest.summary.clone());
        digest.attempts.iter().for_each(|(task, attempt)| history.add(task, attempt));
        passed.extend(digest.into_passed());
    }
    sort_newest_first(&mut history.runs, |run| run);
    // Read behind the runs: of one that is pruned meanwhile this knows what could not be read any more.
    let kept = Kept::read(state_dir);
    kept.attempts.iter().for_each(|(task, kept)| history.add(task, &kept.attempt));
    passed.extend(kept.into_passed());
    passed.sort_by(|(one, a), (other, b)| (one, &a.task).cmp(&(other, &b.task)));
    // A run whose pruning was cut short is in both.
    passed.dedup();
    passed.iter().for_each(|(_, passed)| history.durations.add(passed));
    history
}

/// The ids of all runs of a workspace, the newest first as far as ids tell. Blocking.
pub(super) fn run_ids(state_dir: &Path) -> Vec<RunId> {
    // What a link leads to is another workspace's, or nobody's.
    let is_link = state_dir.is_symlink();
    let entries = (!is_link).then(|| private::entries(&runs_dir(state_dir))).into_iter().flatten();
    let mut ids: Vec<RunId> =
        entries.filter_map(|entry| TaskId::new(entry.file_name().to_str()?).ok()).map(RunId).collect();
    ids.sort_unstable_by(|one, other| other.cmp(one));
    ids
}

impl History {
    fn add(&mut self, task: &TaskId, attempt: &LatestAttempt) {
        if self.latest.get(task).is_none_or(|known| attempt.is_newer_than(known)) {
            self.latest.insert(task.clone(), attempt.clone());
        }
    }
}

impl LatestAttempt {
    /// Two runs at the same time are possible: what ended later counts, not what was in the later run. One that goes on
    /// is later than all that ended.
    pub(super) fn is_newer_than(&self, other: &Self) -> bool {
        (self.outcome.is_none(), &self.time) > (other.outcome.is_none(), &other.time)
    }
}

/// What those who look at many runs need of one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Digest {
    /// The length of the journal that this was made from: with another length it is out of date.
    journal_bytes: u64,
    /// How many bytes the run's files had at its end; `None` before.
    #[serde(default)]
    pub(super) bytes: Option<u64>,
    pub(super) summary: RunSummary,
    attempts: BTreeMap<TaskId, LatestAttempt>,
    /// The `complexity` of the tasks that have one.
    complexities: BTreeMap<TaskId, String>,
}

impl Digest {
    /// What is to be known of the run's attempts when it is gone.
    pub(super) fn to_keep(&self) -> impl Iterator<Item = (TaskId, KeptAttempt)> {
        self.attempts.iter().map(|(task, attempt)| {
            let kept = KeptAttempt {
                attempt: attempt.clone(),
                feature: self.summary.feature.clone(),
                complexity: self.complexities.get(task).cloned(),
            };
            (task.clone(), kept)
        })
    }

    /// The attempts that passed, each with the time when it ended.
    fn into_passed(self) -> impl Iterator<Item = (String, Passed)> {
        let Self { summary, attempts, mut complexities, .. } = self;
        let passed = attempts.into_iter().filter(|(_, attempt)| attempt.outcome == Some(Outcome::Passed));
        passed.map(move |(task, attempt)| {
            let complexity = complexities.remove(&task);
            let feature = summary.feature.clone();
            (attempt.time, Passed { task, feature, complexity, duration_ms: attempt.duration_ms })
        })
    }
}

fn digests(state_dir: &Path) -> impl Iterator<Item = Digest> {
    digests_by_folder(state_dir).map(|(_, digest)| digest)
}

/// Each run's digest with the name of its folder, the newest first as far as ids tell. Blocking.
pub(super) fn digests_by_folder(state_dir: &Path) -> impl Iterator<Item = (RunId, Digest)> {
    run_ids(state_dir).into_iter().filter_map(move |run| {
        let digest = digest(&RunPaths::of(state_dir, &run))?;
        Some((run, digest))
    })
}

/// From the cache where it is right, else from the journal. `None`: the journal tells nothing yet, cannot be read, or is
/// somebody else's.
fn digest(paths: &RunPaths) -> Option<Digest> {
    let journal_bytes = private::open(&paths.journal()).ok()?.metadata().ok()?.len();
    if !seal::is_own(paths) {
        return None;
    }
    let cached: Option<Digest> = private::read(&paths.summary(), journal_bytes.saturating_add(LONGER_SUMMARY))
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok());
    if let Some(cached) = cached.filter(|cached| cached.journal_bytes == journal_bytes) {
        return Some(cached);
    }
    // Looked at before the journal: a supervisor that ends in between has written all by then.
    let lives = lock::is_held(&paths.lock()) || !system::supervisors(paths.dir()).is_empty();
    let fate = |task: &TaskId, attempt| claim::fate(paths, task, attempt);
    fold(&read_journal(&paths.journal()).ok()?, (!lives).then_some(&fate), journal_bytes)
}

/// Writes the cache of a finished run: whoever cannot read it reads the journal. Blocking.
pub(super) fn write_summary(paths: &RunPaths, journal_bytes: u64) {
    let written = || -> io::Result<()> {
        let records = read_journal(&paths.journal()).map_err(io::Error::other)?;
        let Some(mut digest) = fold(&records, None, journal_bytes) else { return Ok(()) };
        digest.bytes = Some(size_of(paths.dir()));
        private::write_whole(&paths.summary(), &serde_json::to_vec(&digest)?)
    };
    // A cache: that it is missing costs time and nothing else.
    let _ = written();
}

/// How an attempt stands of which a journal that nobody writes any more tells only the beginning: its guard may live, or have
/// left its result.
fn settle(attempt: &mut LatestAttempt, fate: Fate, counts: &mut Counts) {
    match fate {
        Fate::Alive => return,
        Fate::Over(TaskState::Finished { outcome, exit_code, duration_ms, reason }) => {
            attempt.outcome = Some(outcome);
            attempt.exit_code = exit_code;
            attempt.duration_ms = duration_ms;
            attempt.reason = reason;
        }
        Fate::Over(_) | Fate::Lost => {
            attempt.outcome = Some(Outcome::Lost);
            attempt.reason = Some("its supervisor died".into());
        }
    }
    if let Some(outcome) = attempt.outcome {
        *counts.entry(outcome).or_default() += 1;
    }
}

/// How an attempt stands.
type FateOf<'a> = &'a dyn Fn(&TaskId, u32) -> Fate;

/// `fate`: how the attempts stand of a run that has no supervisor; `None`: it has one.
fn fold(records: &[Record], fate: Option<FateOf<'_>>, journal_bytes: u64) -> Option<Digest> {
    let mut begun: BTreeMap<TaskId, u32> = BTreeMap::new();
    let mut attempts: BTreeMap<TaskId, LatestAttempt> = BTreeMap::new();
    let mut complexities = BTreeMap::new();
    let mut summary: Option<RunSummary> = None;
    for record in records {
        match (&record.event, &mut summary) {
            (Event::RunStarted { run, feature, title, waves, .. }, _) => {
                let tasks = waves.iter().flat_map(|wave| &wave.tasks);
                complexities = tasks.filter_map(|task| Some((task.id.clone(), task.complexity.clone()?))).collect();
                summary = Some(RunSummary {
                    run: run.clone(),
                    state: if fate.is_none() { RunState::Running } else { RunState::Died },
                    feature: feature.clone(),
                    title: title.clone(),
                    started: record.time.clone(),
                    tasks: u32::try_from(waves.iter().map(|wave| wave.tasks.len()).sum::<usize>()).unwrap_or(u32::MAX),
                    summary: Counts::new(),
                    wall_ms: None,
                    exit_code: None,
                });
            }
            (Event::TaskStarted { task, log, attempt: number, .. }, Some(run)) => {
                begun.insert(task.clone(), *number);
                let attempt = LatestAttempt {
                    run: run.run.clone(),
                    outcome: None,
                    exit_code: None,
                    reason: None,
                    duration_ms: 0,
                    flaky: false,
                    log: Some(log.clone()),
                    time: record.time.clone(),
                };
                attempts.insert(task.clone(), attempt);
            }
            (Event::TaskFinished { task, outcome, exit_code, duration_ms, reason, log, flaky, .. }, Some(run)) => {
                begun.remove(task);
                *run.summary.entry(*outcome).or_default() += 1;
                // An output without a start of its own was another run's: the attempt is told of there.
                let taken_over = log.is_some() && !attempts.contains_key(task);
                if *outcome == Outcome::Skipped || taken_over {
                    continue;
                }
                let attempt = LatestAttempt {
                    run: run.run.clone(),
                    outcome: Some(*outcome),
                    exit_code: *exit_code,
                    reason: reason.clone(),
                    duration_ms: *duration_ms,
                    flaky: *flaky,
                    log: log.clone(),
                    time: record.time.clone(),
                };
                attempts.insert(task.clone(), attempt);
            }
            (Event::RunFinished { wall_ms, exit_code, summary: counts, .. }, Some(run)) => {
                run.state = RunState::Finished;
                run.wall_ms = Some(*wall_ms);
                run.exit_code = Some(*exit_code);
                run.summary = counts.clone();
            }
            _ => {}
        }
    }
    let mut summary = summary?;
    if let Some(fate) = fate.filter(|_| summary.state == RunState::Died) {
        for (task, number) in begun {
            if let Some(attempt) = attempts.get_mut(&task) {
                settle(attempt, fate(&task, number), &mut summary.summary);
            }
        }
    }
    Some(Digest { journal_bytes, bytes: None, summary, attempts, complexities })
}
