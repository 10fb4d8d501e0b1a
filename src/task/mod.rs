//! What one file says: frontmatter with byte ranges, its dialect, its body.
//!
//! Pure: text in, values out. No I/O, no clock, no LSP type. Total: any bytes give a [`Task`] (or "this is no task")
//! and a list of [`Problem`]s, never a panic and never a lost file because of one bad value.

mod body;
mod decode;
mod dialect;
mod feature_file;
mod frontmatter;
mod id;
mod problem;
mod span;
mod wave;
mod words;
mod yaml;

pub use body::{Body, Criterion, Heading};
pub(crate) use decode::{boundary_before, boundary_behind};
pub use decode::{decode, must_be_decoded};
pub use dialect::{
    BACKLOG_TASK_FOLDERS, BacklogConfig, BacklogFacts, BacklogFolder, FromBeginning, Milestone, Milestones, OwnKeys,
    Summary, Surroundings, dialect_of, is_document, parse, parse_beginning, read_backlog_config, read_milestone,
    read_summary, summaries_of,
};
pub use feature_file::{FeatureFile, FeatureTask};
pub use frontmatter::{Extent, extent};
pub use id::{TaskId, UnsafeId};
pub use problem::{Code, Place, Problem, Severity};
pub use span::{Span, Spanned};
pub(crate) use wave::without_case;
pub use wave::{NoWave, WaveLabel};

use std::path::Path;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A file of the workspace, relative to its root.
pub type RelPath = Arc<Path>;

/// A text that was read. Shared, because the same one is known in many places: an id by its file, its plan and all tables.
pub type Text = Arc<str>;

/// How one planning tool writes its task files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// `tasks/**/*.md` with an `id`.
    #[serde(rename = "guardkit")]
    GuardKit,
    /// `.planning/**/*-PLAN.md` with a `phase` or `plan`.
    Gsd,
    /// `backlog/tasks/*.md`.
    #[serde(rename = "backlog.md")]
    BacklogMd,
    /// The key mapping of the user's own `feature-build.yaml`.
    Own,
}

impl Dialect {
    /// The name as it is printed and configured: `backlog.md`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GuardKit => "guardkit",
            Self::Gsd => "gsd",
            Self::BacklogMd => "backlog.md",
            Self::Own => "own",
        }
    }
}

/// How far a task is, by what its own file, folder and neighbours say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// Still to be done.
    Open,
    /// Still to be done, and its status says that somebody works on it.
    Claimed,
    /// Still to be done, and its status says that something stands in the way.
    Blocked,
    /// Done: not run, and satisfies its dependents.
    Done,
    /// Given up: never run, satisfies nobody.
    Dropped,
    /// Stopped by design, with a record of it: not run again, and what depends on it does not start.
    Halted,
    /// Put off by a feature file: not run, and yet satisfies its dependents.
    Deferred,
}

impl Standing {
    /// Is it still to be done, by whomever?
    pub fn is_open(self) -> bool {
        matches!(self, Self::Open | Self::Claimed | Self::Blocked)
    }
}

/// One task file: values with the byte ranges they were read from, and the problems found on the way.
///
/// Ids, waves and dependencies keep the author's spelling (`02A`, `08`, `1.10`): they are text, not typed YAML.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// The file, relative to the workspace root.
    pub file: RelPath,
    /// The dialect that it was read as.
    pub dialect: Dialect,
    /// The id as written, safe or not; `None` where the file is plainly a task but has none.
    pub id: Option<Spanned<Text>>,
    /// Title from the frontmatter, else from the body, else the id.
    pub title: Text,
    /// `status` as written (a GSD plan has none: `done` or `open`, without a range).
    pub status: Option<Spanned<Text>>,
    /// What status, folder and neighbours mean together.
    pub standing: Standing,
    /// What a person should know of the standing: why a plan with a summary is still to be done.
    pub remark: Option<Text>,
    /// In what the id is unique: the phase of a GSD plan, with its workstream. `None`: in the workspace.
    pub scope: Option<Text>,
    /// It lies in an archive: history, which is never started.
    pub is_archived: bool,
    /// For GuardKit: the status folder it lies in (`backlog`, `in_progress`, ...), which ranks copies of one task.
    pub folder: Option<Text>,
    /// The declared wave.
    pub wave: Option<Spanned<WaveLabel>>,
    /// The feature it was planned with.
    pub feature: FeatureRef,
    /// The feature's title for people, where the neighbours know one (the title of a Backlog.md milestone).
    pub feature_title: Option<Text>,
    /// Ids of the tasks that must be done before, as written (remarks behind an id cut off).
    pub depends_on: Box<[Spanned<Text>]>,
    /// Why a person has to do it (`implementation_mode: manual`, `autonomous: false`, ...), where that is so.
    pub needs_person: Option<Spanned<Text>>,
    /// `implementation_mode`: which of the configured `modes:` runs it.
    pub mode: Option<Spanned<Text>>,
    /// What its own file says of who does it; counts only where the configuration allows it. Kept apart, because hardly
    /// any task says so.
    pub own: Option<Box<OwnWork>>,
    /// Files that the task declares to change.
    pub files: Box<[Spanned<Text>]>,
    /// `estimated_minutes` (or hours converted): a hint for the estimate, never a limit.
    pub estimated_minutes: Option<f64>,
    /// `complexity`, as written.
    pub complexity: Option<Text>,
    /// Where lenses stand: the wave line's value, else the id's, else the start of the file.
    pub anchor: Span,
    /// Problems of this file alone.
    pub problems: Vec<Problem>,
}

impl Task {
    /// Where what concerns the task as a whole is shown.
    pub fn id_span(&self) -> Span {
        self.id.as_ref().map_or(self.anchor, |id| id.span)
    }
}

/// The feature a task belongs to, as far as its own file tells.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum FeatureRef {
    /// Named by a key (`feature_id`, `milestone`, ...), with the range of the name.
    Named(Spanned<Text>),
    /// The folder that the file lies in, `/`-separated, without what is no name of a feature: the folders that every
    /// task of the dialect lies in (`tasks/`, `.planning/phases/`), status and date folders.
    Folder(Text),
    /// A feature of its own (a file directly in a status or date folder).
    Alone,
    /// Backlog.md without a milestone: the whole backlog, which runs only when named.
    WholeBacklog,
}

/// Who does a task, and how, by its own file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OwnWork {
    /// The command, `run:`.
    pub run: Option<Spanned<OwnCommand>>,
    /// The agent that shall do it, `agent:`.
    pub agent: Option<Spanned<Text>>,
    /// The model that its agent shall use, `model:`.
    pub model: Option<Spanned<Text>>,
    /// The commands that must succeed after it, `verify:`.
    pub verify: Option<Spanned<Vec<OwnCommand>>>,
}

/// A task's own `run:` key: an argument vector, or one string to be split into one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum OwnCommand {
    /// A list of arguments.
    Argv(Vec<Text>),
    /// One line, to be split as a shell would split it.
    Line(Text),
}
