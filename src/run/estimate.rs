//! How long things will probably take: of a task from what earlier attempts took, of a run from what its tasks will
//! take. Pure.

use std::collections::HashMap;

use crate::task::TaskId;

/// So many of a task's own newest attempts tell: what it took long ago was another task.
const OWN: usize = 5;
/// So many of the newest attempts of other tasks tell.
const OTHERS: usize = 20;

/// An attempt that passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    /// The task.
    pub task: TaskId,
    /// The feature of its run.
    pub feature: String,
    /// The task's `complexity`, as written.
    pub complexity: Option<String>,
    /// How long it took.
    pub duration_ms: u64,
}

/// What is known of a task before it runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hint<'a> {
    /// Its id.
    pub task: &'a str,
    /// Its feature's id.
    pub feature: &'a str,
    /// Its `complexity`, as written.
    pub complexity: Option<&'a str>,
    /// Its `estimated_minutes`.
    pub minutes: Option<f64>,
}

/// How long earlier attempts took: what estimates are made from.
#[derive(Debug, Clone, Default)]
pub struct Durations {
    of_task: HashMap<TaskId, Newest>,
    of_feature: HashMap<String, OfFeature>,
}

#[derive(Debug, Clone, Default)]
struct OfFeature {
    all: Newest,
    of_complexity: HashMap<String, Newest>,
}

/// Durations, the oldest first, no more of them than tell something.
#[derive(Debug, Clone, Default)]
struct Newest(Vec<u64>);

impl Durations {
    /// Takes in an attempt that is newer than all before it.
    pub fn add(&mut self, passed: &Passed) {
        self.of_task.entry(passed.task.clone()).or_default().push(passed.duration_ms, OWN);
        let feature = self.of_feature.entry(passed.feature.clone()).or_default();
        feature.all.push(passed.duration_ms, OTHERS);
        if let Some(complexity) = &passed.complexity {
            feature.of_complexity.entry(complexity.clone()).or_default().push(passed.duration_ms, OTHERS);
        }
    }

    /// How long a task will probably take, in milliseconds: what it took itself, else what tasks of its feature and
    /// complexity took, else those of its feature, else what its file says; `None` where nothing tells.
    pub fn estimate(&self, hint: &Hint) -> Option<u64> {
        let feature = self.of_feature.get(hint.feature);
        let own = self.of_task.get(hint.task).and_then(Newest::median);
        own.or_else(|| feature?.of_complexity.get(hint.complexity?)?.median())
            .or_else(|| feature?.all.median())
            .or_else(|| minutes(hint.minutes?))
    }
}

impl Newest {
    fn push(&mut self, duration_ms: u64, most: usize) {
        if self.0.len() >= most {
            self.0.remove(0);
        }
        self.0.push(duration_ms);
    }

    /// The middle one, which one attempt that hung does not move; of two the longer.
    fn median(&self) -> Option<u64> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied()
    }
}

/// Minutes in milliseconds; `None` where they are no time.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // looked at before
fn minutes(minutes: f64) -> Option<u64> {
    const LONGEST: f64 = 60.0 * 24.0 * 365.0;
    (minutes > 0.0 && minutes <= LONGEST).then_some((minutes * 60_000.0) as u64)
}
