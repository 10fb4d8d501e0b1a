//! All task files of a workspace, parsed and planned, and kept so while files change.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Config;
use crate::plan::Feature;
use crate::task::{Problem, RelPath, Task, TaskId};

/// The problems of one file.
#[derive(Debug, Clone, PartialEq)]
pub struct FileProblems {
    /// The file.
    pub file: RelPath,
    /// Its problems, in the order of their places.
    pub problems: Vec<Problem>,
}

/// What one change of a file touched: followers refresh these and nothing else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changed {
    /// Files whose problems may be different now.
    pub files: BTreeSet<RelPath>,
    /// Features (by id) whose plan may be different now.
    pub features: BTreeSet<Box<str>>,
}

/// All task files of one root, parsed and planned. Cheap to update: a change of one file costs its feature, not the
/// workspace (promise 8).
#[derive(Debug)]
pub struct Index {
    root: PathBuf,
}

impl Index {
    /// Reads the whole workspace. Never fails as a whole: what cannot be read is a problem. Blocking.
    pub fn build(root: &Path) -> Self {
        Self { root: root.to_path_buf() }
    }
    /// The canonical root.
    pub fn root(&self) -> &Path {
        &self.root
    }
    /// The configuration in force (the default one where the file is broken; then a problem says so).
    pub fn config(&self) -> &Arc<Config> {
        unimplemented!()
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
    /// What a file says, where it is a task.
    pub fn task(&self, file: &Path) -> Option<&Task> {
        let _ = file;
        None
    }
    /// The feature that a task file belongs to.
    pub fn feature_of(&self, file: &Path) -> Option<&Feature> {
        let _ = file;
        None
    }
    /// The task file that counts for an id.
    pub fn file_of(&self, id: &str) -> Option<&RelPath> {
        let _ = id;
        None
    }
    /// The problems of one file, planning's included.
    pub fn problems(&self, file: &Path) -> Vec<Problem> {
        let _ = file;
        Vec::new()
    }
    /// The problems of all files that have any, in the order of their paths.
    pub fn all_problems(&self) -> Vec<FileProblems> {
        Vec::new()
    }
    /// Would this path, if it existed, be read as a task file, feature file or configuration?
    pub fn concerns(&self, file: &Path) -> bool {
        let _ = file;
        false
    }
    /// Takes the text of an open editor as the file's text (`None`: back to what the disk has).
    pub fn set_text(&mut self, file: &Path, text: Option<Arc<str>>) -> Changed {
        let _ = (file, text);
        Changed::default()
    }
    /// Reads a file again that changed, appeared or went on disk. Blocking.
    pub fn reload(&mut self, file: &Path) -> Changed {
        let _ = file;
        Changed::default()
    }
    /// Tells which tasks passed in their latest attempt: they count as done everywhere.
    pub fn set_passed(&mut self, passed: BTreeSet<TaskId>) -> Changed {
        let _ = passed;
        Changed::default()
    }
}
