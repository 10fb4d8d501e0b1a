//! What a journal tells a supervisor that takes the run over: pure.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::retry::Tally;
use super::{Event, Level, Outcome, Record, RunId};
use crate::agent::Told;
use crate::task::TaskId;

/// A run up to the last record of the supervisor before.
#[derive(Debug, Default)]
pub(super) struct Past {
    /// The tasks that have their outcome, in the order in which they got it.
    pub(super) finished: Vec<Finished>,
    /// Where the other tasks stand that were begun.
    pub(super) begun: BTreeMap<TaskId, Stand>,
    /// The waves that were told of, by their labels, in order.
    pub(super) waves: Vec<PastWave>,
    /// The tasks that another attempt follows, or followed: how many failed, how many met a rate limit.
    pub(super) tallies: BTreeMap<TaskId, Tally>,
    /// The run stands still.
    pub(super) paused: bool,
    /// How hard the run is being ended.
    pub(super) level: Option<Level>,
    /// What was asked of single tasks.
    pub(super) asked: Vec<(Vec<TaskId>, Level)>,
    /// From the first record to the last, without pauses.
    pub(super) wall_ms: u64,
    /// What the attempts that ended took, added up; not those that another one still has to follow.
    pub(super) serial_ms: u64,
    paused_since: Option<Timestamp>,
    /// The time of the last record.
    last: Option<Timestamp>,
}

/// A task that got its outcome.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) task: TaskId,
    pub(super) outcome: Outcome,
    pub(super) reason: Option<String>,
    /// What its agent told.
    pub(super) told: Told,
}

/// Where a task stands that was begun and has no outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stand {
    /// This attempt was started.
    Started(u32),
    /// This attempt did not pass; the next one has not been started.
    Retrying(Retrying),
    /// It waits for another run's attempt; it had so many attempts of its own.
    Attached { run: RunId, attempts: u32 },
}

/// An attempt that another one is to follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Retrying {
    pub(super) attempt: u32,
    pub(super) outcome: Outcome,
    pub(super) exit_code: Option<i32>,
    pub(super) duration_ms: u64,
    pub(super) reason: Option<String>,
    /// How long until the next one starts, counted from the record.
    delay_ms: u64,
    told: Option<Timestamp>,
}

impl Retrying {
    /// How long until the next one starts, counted from now.
    pub(super) fn left_ms(&self, now: Timestamp) -> u64 {
        self.delay_ms.saturating_sub(between(self.told, Some(now)))
    }
}

/// A wave that was told of.
#[derive(Debug)]
pub(super) struct PastWave {
    pub(super) label: Option<String>,
    pub(super) ended: bool,
    /// From its first record to the last that was read, without pauses.
    pub(super) wall_ms: u64,
    /// What its attempts took, added up.
    pub(super) serial_ms: u64,
    began: Option<Timestamp>,
    paused_ms: u64,
}

impl Past {
    /// `None`: the run never began.
    pub(super) fn of(records: &[Record]) -> Option<Self> {
        let first = records.first().filter(|record| matches!(record.event, Event::RunStarted { .. }))?;
        let began = time(first);
        let mut past = Self::default();
        let mut paused_ms = 0;
        for record in records {
            paused_ms += past.take(record);
        }
        // Where the run stands still its clocks do, too.
        past.last = records.last().and_then(time);
        let last = past.paused_since.or(past.last);
        past.wall_ms = between(began, last).saturating_sub(paused_ms);
        for wave in past.waves.iter_mut().filter(|wave| !wave.ended) {
            wave.wall_ms = between(wave.began, last).saturating_sub(wave.paused_ms);
        }
        Some(past)
    }

    /// How long nobody has told anything until now: time of the run, where something of it went on meanwhile.
    pub(super) fn silent_ms(&self, now: Timestamp) -> u64 {
        if self.paused { 0 } else { between(self.last, Some(now)) }
    }

    /// How hard a task is being ended.
    pub(super) fn level_of(&self, task: &TaskId) -> Option<Level> {
        let asked = self.asked.iter().filter(|(tasks, _)| tasks.contains(task)).map(|(_, level)| *level);
        asked.max().max(self.level)
    }

    /// Answers with the length of a pause that is over with this record.
    fn take(&mut self, record: &Record) -> u64 {
        match &record.event {
            Event::WaveStarted { wave, .. } => self.waves.push(PastWave {
                label: wave.clone(),
                ended: false,
                wall_ms: 0,
                serial_ms: 0,
                began: time(record),
                paused_ms: 0,
            }),
            Event::WaveFinished { .. } => {
                if let Some(wave) = self.waves.last_mut() {
                    wave.ended = true;
                }
            }
            Event::TaskStarted { task, attempt, .. } => {
                if let Some(Stand::Retrying(before)) = self.begun.insert(task.clone(), Stand::Started(*attempt)) {
                    self.add_serial(before.duration_ms);
                }
            }
            Event::TaskRetrying {
                task,
                attempt,
                outcome,
                exit_code,
                duration_ms,
                reason,
                delay_ms,
                rate_limited,
                ..
            } => {
                let tally = self.tallies.entry(task.clone()).or_default();
                *(if *rate_limited { &mut tally.rate_limits } else { &mut tally.failures }) += 1;
                let retrying = Retrying {
                    attempt: *attempt,
                    outcome: *outcome,
                    exit_code: *exit_code,
                    duration_ms: *duration_ms,
                    reason: reason.clone(),
                    delay_ms: *delay_ms,
                    told: time(record),
                };
                self.begun.insert(task.clone(), Stand::Retrying(retrying));
            }
            Event::TaskAttached { task, run } => {
                let attempts = match self.begun.get(task) {
                    Some(Stand::Started(attempts) | Stand::Attached { attempts, .. }) => *attempts,
                    Some(Stand::Retrying(retrying)) => retrying.attempt,
                    None => 0,
                };
                self.begun.insert(task.clone(), Stand::Attached { run: run.clone(), attempts });
            }
            Event::TaskFinished { task, outcome, duration_ms, reason, told, .. } => {
                self.begun.remove(task);
                let (task, reason, told) = (task.clone(), reason.clone(), told.clone());
                let finished = Finished { task, outcome: *outcome, reason, told };
                self.finished.push(finished);
                self.add_serial(*duration_ms);
            }
            Event::RunPaused => {
                self.paused = true;
                self.paused_since = time(record);
            }
            Event::RunContinued => {
                self.paused = false;
                let paused_ms = between(self.paused_since.take(), time(record));
                if let Some(wave) = self.waves.last_mut() {
                    wave.paused_ms += paused_ms;
                }
                return paused_ms;
            }
            Event::RunCancelling { level, tasks: None } => self.level = self.level.max(Some(*level)),
            Event::RunCancelling { level, tasks: Some(tasks) } => self.asked.push((tasks.clone(), *level)),
            _ => {}
        }
        0
    }

    fn add_serial(&mut self, duration_ms: u64) {
        self.serial_ms += duration_ms;
        if let Some(wave) = self.waves.last_mut().filter(|wave| !wave.ended) {
            wave.serial_ms += duration_ms;
        }
    }
}

fn time(record: &Record) -> Option<Timestamp> {
    record.time.parse().ok()
}

/// Never negative: somebody may have set the clock back.
fn between(from: Option<Timestamp>, to: Option<Timestamp>) -> u64 {
    let (Some(from), Some(to)) = (from, to) else { return 0 };
    u64::try_from(to.duration_since(from).as_millis()).unwrap_or_default()
}
