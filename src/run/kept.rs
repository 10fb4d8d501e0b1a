//! What is kept of runs that were pruned: each task's latest attempt, so that what passed stays passed.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{LatestAttempt, Passed, private};
use crate::run::Outcome;
use crate::task::TaskId;

/// The latest attempts of tasks whose runs are gone.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) attempts: BTreeMap<TaskId, KeptAttempt>,
}

/// One of them, with what an estimate needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct KeptAttempt {
    pub(super) attempt: LatestAttempt,
    pub(super) feature: String,
    #[serde(default)]
    pub(super) complexity: Option<String>,
}

/// No file of this kind is longer: some hundred bytes for each task that ever ran.
const LONGEST: u64 = 256 << 20;

impl Kept {
    /// What the workspace has kept; nothing where no run was pruned, or the file cannot be read. Blocking.
    pub(super) fn read(state_dir: &Path) -> Self {
        let bytes = private::read(&path(state_dir), LONGEST).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    /// Writes it whole. The caller holds the lock of pruning: there is one writer at a time. Blocking.
    pub(super) fn write(&self, state_dir: &Path) -> io::Result<()> {
        private::write_whole(&path(state_dir), &serde_json::to_vec(self)?)
    }

    /// Takes an attempt in, unless a newer one of its task is known. Its log goes with its run.
    pub(super) fn add(&mut self, task: TaskId, mut kept: KeptAttempt) {
        kept.attempt.log = None;
        match self.attempts.get_mut(&task) {
            Some(known) if !kept.attempt.is_newer_than(&known.attempt) => {}
            Some(known) => *known = kept,
            None => drop(self.attempts.insert(task, kept)),
        }
    }

    /// The attempts that passed, each with the time when it ended.
    pub(super) fn into_passed(self) -> impl Iterator<Item = (String, Passed)> {
        let passed = self.attempts.into_iter().filter(|(_, kept)| kept.attempt.outcome == Some(Outcome::Passed));
        passed.map(|(task, kept)| {
            let KeptAttempt { attempt, feature, complexity } = kept;
            (attempt.time, Passed { task, feature, complexity, duration_ms: attempt.duration_ms })
        })
    }
}

fn path(state_dir: &Path) -> PathBuf {
    state_dir.join("attempts.json")
}
