//! Problems: what is wrong with a task file or between task files, with a stable code and a place.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{RelPath, Span};

/// The stable name of a kind of problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// The frontmatter, or one value of it, cannot be read.
    InvalidFrontmatter,
    /// Plainly a task, but without an id.
    MissingId,
    /// An id that could not name a file or stand in a command line.
    UnsafeId,
    /// A file cannot be read, a folder cannot be listed: nobody knows which tasks are there.
    Unreadable,
    /// Several open files have one id.
    DuplicateId,
    /// A wave that cannot be read as one.
    InvalidWave,
    /// A dependency that names no known task.
    UnknownDependency,
    /// A dependency that was dropped: nobody will ever do it.
    DroppedDependency,
    /// Tasks that wait for each other.
    DependencyCycle,
    /// A dependency that lies in the same wave or a later one.
    DependencyNotEarlier,
    /// Two open tasks of one wave declare the same file.
    FileOverlap,
    /// The feature file and the frontmatter disagree.
    WaveMismatch,
    /// `feature-build.yaml` cannot be read or says what cannot be.
    InvalidConfiguration,
    /// A program that a run would start and that this machine has not.
    MissingProgram,
    /// A key of a task file that counts only where the configuration allows it.
    IgnoredKey,
    /// A value that could become an option or a command where the configuration puts it.
    UnsafeValue,
    /// A plan whose file is called as its tool calls none: the tool does not run it.
    UnusualName,
    /// A feature file and a task's own file disagree about whether it is done.
    StatusMismatch,
    /// A feature file names a task file that is not there.
    MissingFile,
    /// No task was read in the whole workspace.
    NothingRead,
    /// Files of a planning tool that are not read.
    LeftOut,
}

/// How much a problem matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// It stops a task from running.
    Error,
    /// Something is not as it was meant.
    Warning,
    /// It concerns only tasks that are done or dropped.
    Information,
}

/// A place in a file of the workspace.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// The file, relative to the root.
    pub file: RelPath,
    /// Where in it.
    pub span: Span,
}

/// One problem at one place of one file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Problem {
    /// Its stable name.
    pub code: Code,
    /// How much it matters.
    pub severity: Severity,
    /// What, and what to do.
    pub message: Box<str>,
    /// Where in the file that owns the problem.
    pub span: Span,
    /// Its other ends, each with what it is.
    pub related: Vec<(Place, Box<str>)>,
}

impl Code {
    /// The name as it is printed: `dependency-cycle`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidFrontmatter => "invalid-frontmatter",
            Self::MissingId => "missing-id",
            Self::UnsafeId => "unsafe-id",
            Self::Unreadable => "unreadable",
            Self::DuplicateId => "duplicate-id",
            Self::InvalidWave => "invalid-wave",
            Self::UnknownDependency => "unknown-dependency",
            Self::DroppedDependency => "dropped-dependency",
            Self::DependencyCycle => "dependency-cycle",
            Self::DependencyNotEarlier => "dependency-not-earlier",
            Self::FileOverlap => "file-overlap",
            Self::WaveMismatch => "wave-mismatch",
            Self::InvalidConfiguration => "invalid-configuration",
            Self::MissingProgram => "missing-program",
            Self::IgnoredKey => "ignored-key",
            Self::UnsafeValue => "unsafe-value",
            Self::UnusualName => "unusual-name",
            Self::StatusMismatch => "status-mismatch",
            Self::MissingFile => "missing-file",
            Self::NothingRead => "nothing-read",
            Self::LeftOut => "left-out",
        }
    }
}

/// What concerns only done or dropped tasks is information.
pub fn calm(problems: &mut [Problem]) {
    for problem in problems {
        problem.severity = Severity::Information;
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
