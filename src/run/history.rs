//! What earlier runs left: read from their folders, the newest first.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Counts, Outcome, RunId};
use crate::task::TaskId;

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
    /// Its log, relative to the workspace's root where it lies below it, else absolute; `None`: it was not started.
    pub log: Option<String>,
    /// When it ended, or started where it goes on (RFC 3339, UTC).
    pub time: String,
}

/// All runs of a workspace, the newest first. Blocking; a finished run costs one small file.
pub fn runs(state_dir: &Path) -> Vec<RunSummary> {
    let _ = state_dir;
    Vec::new() // written next
}

/// The runs that have not finished, the newest first: those that live, and those whose supervisor died. Blocking.
pub fn unfinished(state_dir: &Path) -> Vec<RunSummary> {
    runs(state_dir).into_iter().filter(|run| run.state != RunState::Finished).collect()
}

/// The newest attempt of each task that ever had one (`skipped` is none). Blocking.
pub fn latest_attempts(state_dir: &Path) -> BTreeMap<TaskId, LatestAttempt> {
    let _ = state_dir;
    BTreeMap::new() // written next
}
