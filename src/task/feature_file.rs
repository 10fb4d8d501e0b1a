//! GuardKit's feature file, `.guardkit/features/FEAT-*.yaml`: the feature's own statement of its waves and task files.

use super::{Problem, RelPath, Span, Spanned, Standing};

/// What a feature file says.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureFile {
    /// The file, relative to the workspace root.
    pub file: RelPath,
    /// `id`; the file's stem where it has none.
    pub id: Spanned<Box<str>>,
    /// `name`.
    pub name: Option<Box<str>>,
    /// `tasks`, in the order of the file.
    pub tasks: Vec<FeatureTask>,
    /// `orchestration.parallel_groups`: the ids of each wave in order. The first group is wave 1.
    pub waves: Vec<Vec<Spanned<Box<str>>>>,
    /// Problems of this file alone.
    pub problems: Vec<Problem>,
}

/// One entry of a feature file's `tasks`.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureTask {
    /// `id`.
    pub id: Spanned<Box<str>>,
    /// `name`.
    pub name: Option<Box<str>>,
    /// `file_path`, relative to the workspace root, as written. The file need not exist (tasks move to other folders).
    pub file_path: Option<Spanned<Box<str>>>,
    /// `dependencies`.
    pub depends_on: Option<Vec<Spanned<Box<str>>>>,
    /// `status`, as written.
    pub status: Option<Spanned<Box<str>>>,
    /// What the status means.
    pub standing: Standing,
    /// `implementation_mode`.
    pub mode: Option<Spanned<Box<str>>>,
    /// `estimated_minutes`.
    pub estimated_minutes: Option<f64>,
    /// The whole entry.
    pub span: Span,
}
