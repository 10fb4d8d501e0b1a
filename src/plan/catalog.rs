//! Everything that planning knows, kept file by file, and planned again feature by feature.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use super::Feature;
use crate::task::{FeatureFile, Problem, RelPath, Task, TaskId};

/// All tasks of a workspace with what follows from them.
///
/// Tell it what changed (`set_*`), then call [`Catalog::replan`]: only the features are planned again that the changes
/// touch, which is what keeps the cost of a keystroke independent of the size of the workspace.
#[derive(Debug, Default)]
pub struct Catalog {}

/// What planning again changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Replanned {
    /// Features (by id) that are not as before; gone ones too.
    pub features: BTreeSet<Box<str>>,
    /// Files whose problems are not as before.
    pub files: BTreeSet<RelPath>,
}

impl Catalog {
    /// An empty catalog.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what a task file says now; `None` where it is gone, or is no task.
    pub fn set_task(&mut self, file: &Path, task: Option<Arc<Task>>) {
        let _ = (file, task);
    }

    /// Takes what a GuardKit feature file says now; `None` where it is gone or unreadable.
    pub fn set_feature_file(&mut self, file: &Path, feature_file: Option<Arc<FeatureFile>>) {
        let _ = (file, feature_file);
    }

    /// Tells which tasks passed in their latest attempt: they count as done everywhere.
    pub fn set_passed(&mut self, passed: BTreeSet<TaskId>) {
        let _ = passed;
    }

    /// Plans again what the changes since the last call touched.
    pub fn replan(&mut self) -> Replanned {
        Replanned::default()
    }

    /// Features in the order of their ids.
    pub fn features(&self) -> impl Iterator<Item = &Feature> {
        std::iter::empty()
    }

    /// One feature.
    pub fn feature(&self, id: &str) -> Option<&Feature> {
        let _ = id;
        None
    }

    /// The feature that the task of this file stands in; for a copy left behind, the feature of the copy that counts.
    pub fn feature_of(&self, file: &Path) -> Option<&Feature> {
        let _ = file;
        None
    }

    /// The task file that counts for an id.
    pub fn file_of(&self, id: &str) -> Option<&RelPath> {
        let _ = id;
        None
    }

    /// What a task file says.
    pub fn task(&self, file: &Path) -> Option<&Arc<Task>> {
        let _ = file;
        None
    }

    /// All problems of a task file or feature file in the order of their places: those it was read with (`Task::problems`;
    /// as information where the task is done or dropped) and those that planning found.
    pub fn problems(&self, file: &Path) -> &[Problem] {
        let _ = file;
        &[]
    }

    /// The files that have problems, in the order of their paths.
    pub fn files_with_problems(&self) -> impl Iterator<Item = (&RelPath, &[Problem])> {
        std::iter::empty()
    }

    /// Adds the nearest known ids to the message of each `unknown-dependency` of this file.
    ///
    /// Costs a look at every id of the workspace: `check` asks at once, the language server when the user pauses.
    pub fn add_nearest_ids(&self, file: &Path, problems: &mut [Problem]) {
        let _ = (file, problems);
    }
}
