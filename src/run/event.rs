//! The one event type: what the journal holds, `run --format json` prints and the editor is told.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Level;
use crate::agent::Told;
use crate::task::TaskId;

/// The id of a run: its start in UTC and a few random characters, `20260114-093015-x7k2`; also its folder's name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct RunId(pub TaskId);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One line of a journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Record {
    /// Version of the format, `major.minor`: a reader takes every minor of its own major.
    pub v: String,
    /// Number of the line, from 1 without a gap.
    pub seq: u64,
    /// When it was written (RFC 3339, UTC).
    pub time: String,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What happened in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The supervisor owns the run.
    RunStarted {
        /// The run.
        run: RunId,
        /// The workspace's root.
        root: String,
        /// The feature's id.
        feature: String,
        /// The feature's title.
        title: String,
        /// Every task of the run, wave by wave, those included that will be skipped.
        waves: Vec<WaveRef>,
        /// How many tasks run at the same time at the most; 0 where the journal does not say.
        #[serde(default)]
        max_parallel: u32,
        /// Later waves start after a wave in which a task did not pass.
        #[serde(default)]
        keep_going: bool,
    },
    /// The supervisor before died; another one has taken the run over.
    RunResumed {
        /// The tasks whose attempts go on.
        adopted: Vec<TaskId>,
    },
    /// The user wants the run, or some of its tasks, to end.
    RunCancelling {
        /// How hard.
        level: Level,
        /// Only these tasks; `null`: the whole run.
        tasks: Option<Vec<TaskId>>,
    },
    /// All tasks are stopped, and so are their clocks.
    RunPaused,
    /// The tasks and their clocks go on.
    RunContinued,
    /// The state folder could not be written for a while; now it can, and what had to wait is in it.
    RunDegraded {
        /// What the system said.
        reason: String,
        /// How long.
        for_ms: u64,
    },
    /// A wave begins: the one before has ended.
    WaveStarted {
        /// Its label.
        wave: Option<String>,
        /// The tasks that will be started.
        tasks: Vec<TaskId>,
    },
    /// A process was started for a task.
    TaskStarted {
        /// The task.
        task: TaskId,
        /// Number of the attempt, from 1.
        attempt: u32,
        /// Its log, relative to the workspace's root where it lies below it, else absolute.
        log: String,
    },
    /// What a task does now: at most once a second a task, made safe to show, at most 200 characters.
    TaskProgress {
        /// The task.
        task: TaskId,
        /// The last line of its output.
        text: String,
    },
    /// An attempt takes long.
    TaskSlow {
        /// The task.
        task: TaskId,
        /// How long it has taken so far.
        after_ms: u64,
    },
    /// An attempt did not pass; another one follows.
    TaskRetrying {
        /// The task.
        task: TaskId,
        /// Number of the attempt that ended.
        attempt: u32,
        /// How that ended.
        outcome: Outcome,
        /// Its process's exit code, where it exited.
        exit_code: Option<i32>,
        /// How long it took.
        duration_ms: u64,
        /// Why it did not pass.
        reason: Option<String>,
        /// Its log.
        log: Option<String>,
        /// How long until the next one starts.
        delay_ms: u64,
        /// Its output asked for another attempt (`retry_on`): no failure of the task, and not counted as a retry.
        rate_limited: bool,
    },
    /// The task runs in another run: that one's outcome will be this one's.
    TaskAttached {
        /// The task.
        task: TaskId,
        /// The other run.
        run: RunId,
    },
    /// A task has its one outcome.
    TaskFinished {
        /// The task.
        task: TaskId,
        /// Its outcome.
        outcome: Outcome,
        /// The process's exit code, where it exited.
        exit_code: Option<i32>,
        /// From start to end of the last attempt, 0 where it was not started.
        duration_ms: u64,
        /// Why it did not pass; `null` where it did.
        reason: Option<String>,
        /// Its log; `null` where it was not started.
        log: Option<String>,
        /// How many attempts it had.
        #[serde(default)]
        attempts: u32,
        /// It passed after it had failed.
        #[serde(default)]
        flaky: bool,
        /// It left processes behind, which were killed.
        #[serde(default)]
        leaked: bool,
        /// What its agent told about its attempts: tokens and cost of all of them.
        #[serde(flatten)]
        told: Told,
    },
    /// Every task of the wave has its outcome.
    WaveFinished {
        /// Its label.
        wave: Option<String>,
        /// How many tasks had which outcome.
        summary: Counts,
        /// How long the wave took.
        wall_ms: u64,
        /// How long its tasks took, added up.
        serial_ms: u64,
    },
    /// The run is over; the last event of every journal.
    RunFinished {
        /// How many tasks had which outcome.
        summary: Counts,
        /// How long the run took.
        wall_ms: u64,
        /// How long its tasks took, added up.
        serial_ms: u64,
        /// The exit code that `run` answers with: 0, 1 or 130.
        exit_code: u8,
    },
}

/// How a task of a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It exited with 0.
    Passed,
    /// It exited otherwise, was killed by somebody else, or could not be started.
    Failed,
    /// It took longer than it may.
    TimedOut,
    /// The user ended it.
    Cancelled,
    /// It was not started.
    Skipped,
    /// Its supervisor died and nobody knows.
    Lost,
}

impl Outcome {
    /// All of them, in their order.
    pub const ALL: [Self; 6] = [Self::Passed, Self::Failed, Self::TimedOut, Self::Cancelled, Self::Skipped, Self::Lost];

    /// Is something wrong with the task? What the user cancelled and what was not started tell nothing about it.
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Failed | Self::TimedOut | Self::Lost)
    }

    /// The name that the machine formats use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::TimedOut => "timed-out",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
            Self::Lost => "lost",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How many tasks had which outcome; every outcome is named, those with none too.
pub type Counts = BTreeMap<Outcome, u32>;

/// A wave as a run announces it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WaveRef {
    /// Its label.
    pub wave: Option<String>,
    /// Its tasks.
    pub tasks: Vec<TaskRef>,
}

/// A task as a run announces it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TaskRef {
    /// Its id.
    pub id: TaskId,
    /// Its title.
    pub title: String,
    /// Its file, relative to the root, `/`-separated.
    pub file: String,
    /// The tasks of the run that have to pass before it starts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<TaskId>,
    /// How long it will probably take; `null` where nothing tells.
    #[serde(default)]
    pub estimate_ms: Option<u64>,
    /// Its `complexity`, as written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complexity: Option<String>,
    /// It was asked for and does not start, whatever becomes of the others: it will be `skipped`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub left_out: bool,
}
