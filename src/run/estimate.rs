//! How long things will probably take: of a task from what earlier attempts took, of a run from what its tasks will
//! take. Pure.

mod remaining;

use std::collections::HashMap;

pub use remaining::{expected_ms, remaining_ms, together_ms};

use crate::plan::{PlannedTask, State, Wave};
use crate::task::TaskId;

/// So many of a task's own newest attempts tell: what it took long ago was another task.
pub(super) const OWN: usize = 5;
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
    by_task: HashMap<TaskId, Newest>,
    by_feature: HashMap<String, OfFeature>,
}

#[derive(Debug, Clone, Default)]
struct OfFeature {
    all: Newest,
    /// Those that say no complexity are of one, too.
    by_complexity: HashMap<Option<String>, Newest>,
}

/// Durations, the oldest first, no more of them than tell something.
#[derive(Debug, Clone, Default)]
struct Newest(Vec<u64>);

impl Durations {
    /// Takes in an attempt that is newer than all before it.
    pub fn add(&mut self, passed: &Passed) {
        self.by_task.entry(passed.task.clone()).or_default().push(passed.duration_ms, OWN);
        let feature = self.by_feature.entry(passed.feature.clone()).or_default();
        feature.all.push(passed.duration_ms, OTHERS);
        feature.by_complexity.entry(passed.complexity.clone()).or_default().push(passed.duration_ms, OTHERS);
    }

    /// How long a task will probably take, in milliseconds: what it took itself, else what tasks of its feature and
    /// complexity took, else what its file says, else what other tasks of its feature took: a small one tells less of a
    /// large one than its author does. `None` where nothing tells.
    pub fn estimate(&self, hint: &Hint) -> Option<u64> {
        let feature = self.by_feature.get(hint.feature);
        let own = self.by_task.get(hint.task).and_then(Newest::median);
        own.or_else(|| feature?.by_complexity.get(&hint.complexity.map(String::from))?.median())
            .or_else(|| minutes(hint.minutes?))
            .or_else(|| feature?.all.median())
    }
}

impl Durations {
    /// How long a task of this feature will probably take, as [`Durations::estimate`] says.
    pub fn of_task(&self, feature: &str, task: &PlannedTask) -> Option<u64> {
        let hint = Hint { task: &task.id, feature, complexity: task.complexity(), minutes: task.estimated_minutes() };
        self.estimate(&hint)
    }

    /// How long what is still to be done of a wave will probably take; `None` where nothing is, or nothing tells.
    pub fn of_wave(&self, feature: &str, wave: &Wave, max_parallel: u32) -> Option<u64> {
        let open = wave.tasks.iter().filter(|task| matches!(task.state, State::Ready | State::Waiting(_)));
        let tasks = open.map(|task| {
            let after = task.depends_on.iter().map(AsRef::as_ref);
            (task.id.as_ref(), after, self.of_task(feature, task))
        });
        together_ms(tasks, max_parallel)
    }
}

impl Newest {
    fn push(&mut self, duration_ms: u64, most: usize) {
        if self.0.len() >= most {
            self.0.remove(0);
        }
        self.0.push(duration_ms);
    }

    fn median(&self) -> Option<u64> {
        middle(self.0.clone())
    }
}

/// The middle duration, which one attempt that hung does not move; of two the longer.
fn middle(mut durations: Vec<u64>) -> Option<u64> {
    durations.sort_unstable();
    durations.get(durations.len() / 2).copied()
}

/// A time that is only known about, in words: `~40 s`, `~4 min`, `~1 h 20 min`. Rounded up: who waits is glad of less.
pub fn about(milliseconds: u64) -> String {
    let seconds = milliseconds.div_ceil(1_000).max(1);
    let minutes = seconds.div_ceil(60);
    match seconds {
        0..=10 => format!("~{seconds} s"),
        11..=50 => format!("~{} s", seconds.div_ceil(10) * 10),
        51..=3_600 => format!("~{minutes} min"),
        _ => format!("~{} h {:02} min", minutes / 60, minutes % 60),
    }
}

/// Minutes in milliseconds; `None` where they are no time.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // looked at before
fn minutes(minutes: f64) -> Option<u64> {
    const LONGEST: f64 = 60.0 * 24.0 * 365.0;
    (minutes > 0.0 && minutes <= LONGEST).then_some((minutes * 60_000.0) as u64)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn passed(task: &str, feature: &str, complexity: Option<&str>, duration_ms: u64) -> Passed {
        let task = TaskId::new(task).unwrap();
        Passed { task, feature: feature.into(), complexity: complexity.map(Into::into), duration_ms }
    }

    fn hint<'a>(task: &'a str, feature: &'a str, complexity: Option<&'a str>, minutes: Option<f64>) -> Hint<'a> {
        Hint { task, feature, complexity, minutes }
    }

    #[test]
    fn what_is_nearest_to_the_task_tells() {
        let mut durations = Durations::default();
        durations.add(&passed("A", "F", Some("3"), 100));
        durations.add(&passed("B", "F", Some("3"), 300));
        durations.add(&passed("C", "F", Some("8"), 900));
        assert_eq!(durations.estimate(&hint("A", "F", None, Some(1.0))), Some(100), "its own attempt");
        assert_eq!(durations.estimate(&hint("N", "F", Some("3"), None)), Some(300), "its feature and complexity");
        assert_eq!(
            durations.estimate(&hint("N", "F", Some("1"), Some(0.5))),
            Some(30_000),
            "its file, not other sizes"
        );
        assert_eq!(durations.estimate(&hint("N", "F", None, Some(0.5))), Some(30_000), "its file, not other sizes");
        assert_eq!(durations.estimate(&hint("N", "F", Some("1"), None)), Some(300), "its feature");
        durations.add(&passed("D", "F", None, 70));
        assert_eq!(durations.estimate(&hint("N", "F", None, Some(0.5))), Some(70), "those that say no complexity");
        assert_eq!(durations.estimate(&hint("N", "G", Some("3"), Some(0.5))), Some(30_000), "its file");
        assert_eq!(durations.estimate(&hint("N", "G", None, None)), None);
        for no_time in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(durations.estimate(&hint("N", "G", None, Some(no_time))), None);
        }
    }

    #[test]
    fn what_was_long_ago_is_forgotten_and_one_that_hung_does_not_count() {
        let mut durations = Durations::default();
        for duration in [9_000, 9_000, 9_000, 10, 12, 11, 10, 60_000] {
            durations.add(&passed("A", "F", None, duration));
        }
        assert_eq!(durations.estimate(&hint("A", "F", None, None)), Some(11));
    }

    #[test]
    fn times_that_are_known_about_read_well() {
        let words = [0, 2_400, 10_001, 59_000, 60_001, 3_540_000, 4_800_000].map(about);
        assert_eq!(words, ["~1 s", "~3 s", "~20 s", "~1 min", "~2 min", "~59 min", "~1 h 20 min"]);
    }
}
