//! From "what the user asked for" to "what a run would do": pure, so that the terminal, the lens and the tests agree.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::Feature;
use crate::task::TaskId;

/// Which part of a feature is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// Every wave that is not done, in order.
    Everything,
    /// Only the first of them.
    NextWave,
    /// One wave, by its label.
    Wave(String),
    /// Single tasks, by their ids.
    Tasks(Vec<String>),
}

/// What the user asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// The feature's id; `None`: the one open feature, or (for single tasks) the one that has them.
    pub feature: Option<String>,
    /// Which part of it.
    pub asked: Asked,
    /// Run done tasks too.
    pub redo: bool,
}

/// What a run will do: which tasks start, in which wave, after which others, and which do not start and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Schedule {
    /// The feature's id.
    pub feature: String,
    /// The feature's title.
    pub title: String,
    /// Waves in order; only those with something to start or to say.
    pub waves: Vec<ScheduledWave>,
}

/// One wave of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScheduledWave {
    /// Its label; `None` for tasks outside every wave.
    pub wave: Option<String>,
    /// Tasks that start.
    pub tasks: Vec<ScheduledTask>,
    /// Tasks that were asked for and do not start.
    pub skipped: Vec<Skipped>,
}

/// A task that a run will start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScheduledTask {
    /// Its id.
    pub id: TaskId,
    /// Its title.
    pub title: String,
    /// Its file, relative to the root, `/`-separated.
    pub file: String,
    /// Tasks of this run that it depends on directly: it starts when they have passed and its wave has begun.
    pub after: Vec<TaskId>,
    /// The key of `modes:` that runs it.
    pub mode: Option<String>,
    /// A hint for the estimate.
    pub estimated_minutes: Option<f64>,
}

/// A task that was asked for and will not start: it ends `skipped` with this reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Skipped {
    /// Its id.
    pub id: TaskId,
    /// Its title.
    pub title: String,
    /// Its file, relative to the root, `/`-separated.
    pub file: String,
    /// Why, for people.
    pub reason: String,
    /// It waits for a person, or depends on a task that does: no failure of the run.
    pub awaits_person: bool,
}

/// Nothing can be run as asked.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
pub enum SelectError {
    /// No feature is open.
    #[error("nothing to run: every task of this workspace is done, dropped or needs a person")]
    NothingOpen,
    /// Several features are open and none was named.
    #[error("several features are open; name one with --feature: {}", .0.join(", "))]
    SeveralOpen(Vec<String>),
    /// No such feature.
    #[error("no feature \"{name}\" here{}", hint(.nearest))]
    UnknownFeature {
        /// What was asked for.
        name: String,
        /// Known ids near to it.
        nearest: Vec<String>,
    },
    /// No such wave in the feature.
    #[error("feature {feature} has no wave \"{wave}\"; it has {}", .known.join(", "))]
    UnknownWave {
        /// The feature.
        feature: String,
        /// What was asked for.
        wave: String,
        /// The labels it has.
        known: Vec<String>,
    },
    /// No such task.
    #[error("no task \"{name}\" here{}", hint(.nearest))]
    UnknownTask {
        /// What was asked for.
        name: String,
        /// Known ids near to it.
        nearest: Vec<String>,
    },
    /// The id belongs to tasks of several features and none was named.
    #[error("task \"{name}\" stands in several features; name one with --feature: {}", .features.join(", "))]
    AmbiguousTask {
        /// What was asked for.
        name: String,
        /// The features that have one.
        features: Vec<String>,
    },
    /// What was asked for is all done.
    #[error("{what} is done; --redo runs it again")]
    AllDone {
        /// The feature, wave or tasks.
        what: String,
    },
}

fn hint(nearest: &[String]) -> String {
    if nearest.is_empty() { String::new() } else { format!("; did you mean {}?", nearest.join(", ")) }
}

/// Works out what a run of this selection would do.
///
/// # Errors
/// [`SelectError`] where the selection names nothing that can run.
pub fn select(features: &[&Feature], selection: &Selection) -> Result<Schedule, SelectError> {
    let _ = (features, selection);
    Err(SelectError::NothingOpen) // stub: the plan room's author writes this
}
