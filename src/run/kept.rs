//! What is kept of runs that were pruned: each task's latest attempt, so that what passed stays passed, and what its newest
//! attempts took that passed, so that estimates stay as good as they were. The file's first line seals the second one, as
//! each run's folder is: a workspace from the internet must not tell what has passed.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::estimate::OWN;
use super::{LatestAttempt, Passed, private, seal};
use crate::run::Outcome;
use crate::task::TaskId;

/// The latest attempts of tasks whose runs are gone.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) attempts: BTreeMap<TaskId, KeptAttempt>,
    /// Of each task no more than an estimate looks at, the oldest first.
    #[serde(default)]
    passed: BTreeMap<TaskId, Vec<KeptPassed>>,
}

/// One of them, with what an estimate needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct KeptAttempt {
    pub(super) attempt: LatestAttempt,
    pub(super) feature: String,
    #[serde(default)]
    pub(super) complexity: Option<String>,
}

/// An attempt that passed, as far as an estimate needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct KeptPassed {
    time: String,
    duration_ms: u64,
    feature: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    complexity: Option<String>,
}

/// No file of this kind is longer: some hundred bytes for each task that ever ran.
const LONGEST: u64 = 256 << 20;
/// Longer than the line with the seal.
const LONGEST_SEAL: usize = 128;

impl Kept {
    /// What the workspace has kept; nothing where no run was pruned, or the file cannot be read. Blocking.
    pub(super) fn read(state_dir: &Path) -> Self {
        // It may have come with the workspace: it is not held before it is believed.
        if !is_believed(state_dir).unwrap_or(false) {
            return Self::default();
        }
        let bytes = private::read(&path(state_dir), LONGEST).unwrap_or_default();
        let mut lines = bytes.splitn(2, |&byte| byte == b'\n');
        let (seal, kept) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
        if seal::is_sealed(&sealed(kept), seal, state_dir) {
            serde_json::from_slice(kept).unwrap_or_default()
        } else {
            Self::default()
        }
    }

    /// Writes it whole. The caller holds the lock of pruning: there is one writer at a time. Blocking.
    pub(super) fn write(&self, state_dir: &Path) -> io::Result<()> {
        let kept = serde_json::to_vec(self)?;
        let seal = seal::seal(&sealed(&kept))?;
        private::write_whole(&path(state_dir), &[seal.as_bytes(), b"\n", &kept].concat())
    }

    /// Takes an attempt in, unless a newer one of its task is known. Its log goes with its run.
    pub(super) fn add(&mut self, task: TaskId, mut kept: KeptAttempt) {
        kept.attempt.log = None;
        if kept.attempt.outcome == Some(Outcome::Passed) {
            self.add_passed(&task, &kept);
        }
        match self.attempts.get_mut(&task) {
            Some(known) if !kept.attempt.is_newer_than(&known.attempt) => {}
            Some(known) => *known = kept,
            None => drop(self.attempts.insert(task, kept)),
        }
    }

    /// Runs are pruned in any order, and again after a pruning that was killed half-way.
    fn add_passed(&mut self, task: &TaskId, kept: &KeptAttempt) {
        let KeptAttempt { attempt, feature, complexity } = kept.clone();
        let passed = KeptPassed { time: attempt.time, duration_ms: attempt.duration_ms, feature, complexity };
        let known = self.passed.entry(task.clone()).or_default();
        let place = known.partition_point(|other| other.time < passed.time);
        if known.get(place) != Some(&passed) {
            known.insert(place, passed);
        }
        known.drain(..known.len().saturating_sub(OWN));
    }

    /// The attempts that passed, each with the time when it ended.
    pub(super) fn into_passed(self) -> impl Iterator<Item = (String, Passed)> {
        self.passed.into_iter().flat_map(|(task, kept)| {
            kept.into_iter().map(move |kept| {
                let KeptPassed { time, duration_ms, feature, complexity } = kept;
                (time, Passed { task: task.clone(), feature, complexity, duration_ms })
            })
        })
    }
}

/// Whether the first line seals what stands behind it. Blocking.
fn is_believed(state_dir: &Path) -> io::Result<bool> {
    let file = private::open(&path(state_dir))?;
    let mut head = [0; LONGEST_SEAL];
    let count = file.read_at(&mut head, 0)?;
    let head = head.get(..count).unwrap_or_default();
    let Some(end) = head.iter().position(|&byte| byte == b'\n') else { return Ok(false) };
    let seal = head.get(..end).unwrap_or_default();
    Ok(seal::is_sealed_file(&sealed(b""), &file, end as u64 + 1, LONGEST, seal, state_dir))
}

/// Unlike a run, and unlike an order.
fn sealed(kept: &[u8]) -> Vec<u8> {
    [b"\0kept\0", kept].concat()
}

fn path(state_dir: &Path) -> PathBuf {
    state_dir.join("attempts")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::run::RunId;

    fn passed(second: u64, duration_ms: u64) -> KeptAttempt {
        let attempt = LatestAttempt {
            run: RunId(TaskId::new("r").unwrap()),
            outcome: Some(Outcome::Passed),
            exit_code: Some(0),
            reason: None,
            duration_ms,
            flaky: false,
            log: None,
            time: format!("2026-01-01T00:00:{second:02}Z"),
        };
        KeptAttempt { attempt, feature: "F".into(), complexity: None }
    }

    /// Runs are pruned the newest first, and some of them twice.
    #[test]
    fn the_newest_durations_are_kept_whatever_the_order() {
        let task = TaskId::new("A").unwrap();
        let mut kept = Kept::default();
        for second in [8, 7, 7, 3, 9, 8, 6, 5, 4] {
            kept.add(task.clone(), passed(second, second * 100));
        }
        let failed = KeptAttempt {
            attempt: LatestAttempt { outcome: Some(Outcome::Failed), ..passed(10, 1).attempt },
            ..passed(10, 1)
        };
        kept.add(task.clone(), failed.clone());
        assert_eq!(kept.attempts.get(&task).unwrap().attempt, failed.attempt);
        let durations: Vec<u64> = kept.into_passed().map(|(_, passed)| passed.duration_ms).collect();
        assert_eq!(durations, [500, 600, 700, 800, 900]);
    }
}
