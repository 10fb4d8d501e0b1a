//! A task in its place in the plan: what its file says, and what others say of it.

use std::fmt;
use std::sync::Arc;

use super::State;
use crate::task::{FeatureTask, RelPath, Span, Task, TaskId, Text};

/// A task in its place in the plan.
///
/// It refers to its task: with all that is shown of it repeated, plans would be a fifth of an index.
#[derive(Clone)]
pub struct PlannedTask {
    /// The id as written; empty where the file has none. Runnable only where [`PlannedTask::runnable_id`] is some.
    pub id: Text,
    /// The file that counts for it.
    pub file: RelPath,
    /// Whether and why it can run.
    pub state: State,
    /// The known tasks it depends on, by their own spelling; of other features too.
    pub depends_on: Box<[Text]>,
    /// It counts as done because it passed in a run; no file says so.
    pub is_done_by_run: bool,
    task: Arc<Task>,
    stated: Option<Box<Stated>>,
}

/// What the feature file says of a task; hardly any has one.
#[derive(Debug, Clone, Default, PartialEq)]
struct Stated {
    title: Option<Text>,
    needs_person: Option<Text>,
    mode: Option<Text>,
    estimated_minutes: Option<f64>,
}

impl PlannedTask {
    pub(super) fn new(task: &Arc<Task>, state: State, depends_on: Box<[Text]>) -> Self {
        let id = task.id.as_ref().map(|id| Arc::clone(&id.value)).unwrap_or_default();
        let (file, task) = (Arc::clone(&task.file), Arc::clone(task));
        Self { id, file, state, depends_on, is_done_by_run: false, task, stated: None }
    }

    /// Takes what the feature file says: its title counts before that of the task's file, all else behind it.
    pub(super) fn stated(mut self, by_feature_file: Option<&FeatureTask>, needs_person: Option<Text>) -> Self {
        let stated = Stated {
            title: by_feature_file.and_then(|task| task.name.clone()),
            needs_person: needs_person.filter(|_| self.task.needs_person.is_none()),
            mode: by_feature_file.and_then(|task| Some(task.mode.as_ref()?.value.clone())),
            estimated_minutes: by_feature_file.and_then(|task| task.estimated_minutes),
        };
        self.stated = (stated != Stated::default()).then(|| Box::new(stated));
        self
    }

    /// The id where it is a safe one.
    pub fn runnable_id(&self) -> Option<TaskId> {
        TaskId::of(&self.id).ok()
    }

    /// Title for people.
    pub fn title(&self) -> &Text {
        self.by_feature_file(|stated| stated.title.as_ref()).unwrap_or(&self.task.title)
    }

    /// The range of its id (or its anchor where it has none): where failures are shown.
    pub fn id_span(&self) -> Span {
        self.task.id_span()
    }

    /// Where its lens stands.
    pub fn anchor(&self) -> Span {
        self.task.anchor
    }

    /// `status` as written; empty where there is none.
    pub fn status(&self) -> &str {
        self.task.status.as_ref().map_or("", |status| &status.value)
    }

    /// Why a person has to do it, done or not: such a task is never started, not even by `--redo`.
    pub fn needs_person(&self) -> Option<&Text> {
        let by_task = self.task.needs_person.as_ref().map(|why| &why.value);
        by_task.or_else(|| self.by_feature_file(|stated| stated.needs_person.as_ref()))
    }

    /// The key of `modes:` that runs it.
    pub fn mode(&self) -> Option<&str> {
        let by_task = self.task.mode.as_ref().map(|mode| &*mode.value);
        by_task.or_else(|| self.by_feature_file(|stated| stated.mode.as_deref()))
    }

    /// A hint for the estimate.
    pub fn estimated_minutes(&self) -> Option<f64> {
        self.task.estimated_minutes.or_else(|| self.by_feature_file(|stated| stated.estimated_minutes))
    }

    /// `complexity`, as written.
    pub fn complexity(&self) -> Option<&str> {
        self.task.complexity.as_deref()
    }

    /// What a person should know of its state, beside why it does not start.
    pub fn remark(&self) -> Option<&Text> {
        self.task.remark.as_ref()
    }

    /// In what its id is unique; `None`: in the workspace.
    pub fn scope(&self) -> Option<&Text> {
        self.task.scope.as_ref()
    }

    /// It lies in an archive: history.
    pub fn is_archived(&self) -> bool {
        self.task.is_archived
    }

    /// Is it up to a person how it goes on?
    pub(crate) fn awaits_somebody(&self) -> bool {
        matches!(self.state, State::NeedsPerson(_) | State::Claimed(_) | State::Blocked(_))
    }

    /// Would a run have something to do for it, or to say about it, that is not up to a person?
    pub(crate) fn is_left(&self) -> bool {
        matches!(self.state, State::Ready | State::Waiting(_) | State::Unrunnable(_))
    }

    fn by_feature_file<'a, T>(&'a self, say: impl FnOnce(&'a Stated) -> Option<T>) -> Option<T> {
        self.stated.as_deref().and_then(say)
    }

    /// All that can be seen of it.
    fn seen(&self) -> impl PartialEq + fmt::Debug {
        let places = (&self.id, &self.file, self.id_span(), self.anchor());
        let words = (self.title(), self.status(), self.needs_person(), self.mode(), self.complexity());
        (
            places,
            words,
            self.estimated_minutes(),
            (&self.state, self.is_done_by_run),
            &self.depends_on,
            self.remark(),
            self.is_archived(),
        )
    }
}

/// Two are the same that look the same, whatever else their files say.
impl PartialEq for PlannedTask {
    fn eq(&self, other: &Self) -> bool {
        self.seen() == other.seen()
    }
}

impl fmt::Debug for PlannedTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PlannedTask").field(&self.seen()).finish()
    }
}
