//! How commands print, and the machine formats of `waves` and `check`: contracts, described by the schemas that are made from these types.

use std::path::Path;

use clap::ValueEnum;
use clap::builder::PossibleValue;
use schemars::JsonSchema;
use serde::Serialize;

use crate::run::Outcome;
use crate::task::{Code, Dialect, Severity};

/// How a command prints what it has to say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs: one JSON object, or of a run each event as it comes, one a line; see `feature-build schema`.
    Json,
}

/// How problems are printed: as everything else, or for a build server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProblemFormat {
    As(Format),
    Github,
}

impl Default for ProblemFormat {
    fn default() -> Self {
        Self::As(Format::default())
    }
}

impl ValueEnum for ProblemFormat {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::As(Format::Text), Self::As(Format::Json), Self::Github]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        match self {
            Self::As(format) => format.to_possible_value(),
            Self::Github => Some(PossibleValue::new("github").help("Annotations of GitHub Actions")),
        }
    }
}

/// What `waves --format json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "waves", deny_unknown_fields)]
pub(super) struct Waves {
    /// Features in the order of their ids.
    pub(super) features: Vec<Feature>,
}

/// Tasks that were planned together.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Feature {
    /// What `--feature` takes.
    pub(super) id: String,
    /// For people.
    pub(super) title: String,
    /// The planning tool that wrote its tasks.
    pub(super) dialect: Dialect,
    /// In the order in which they run; the tasks without a wave last.
    pub(super) waves: Vec<Wave>,
}

/// Tasks that may run at the same time.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Wave {
    /// Its label; `null` for the tasks outside every wave, which run only by `--task`.
    pub(super) wave: Option<String>,
    /// How long what is still to be done of it will probably take, in milliseconds; `null` where nothing tells.
    pub(super) estimate_ms: Option<u64>,
    /// In the order of their ids.
    pub(super) tasks: Vec<Task>,
}

/// One task.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Task {
    /// As written; empty where the file has none.
    pub(super) id: String,
    /// For people.
    pub(super) title: String,
    /// Relative to the root, with `/`.
    pub(super) file: String,
    /// As written.
    pub(super) status: String,
    /// In what its id is unique: a GSD phase, with its workstream; `null`: in the workspace.
    pub(super) scope: Option<String>,
    /// It lies in an archive: history, which is never started.
    pub(super) archived: bool,
    /// Whether it can run; a state that a program does not know means that it does not start.
    pub(super) state: StateName,
    /// Why it cannot, for people; `null` where there is nothing to say.
    pub(super) reason: Option<String>,
    /// What makes it `done`; `null` where it is not.
    pub(super) done_by: Option<DoneBy>,
    /// How its latest attempt ended; `null` where it never had one, and while it runs.
    pub(super) last_outcome: Option<Outcome>,
    /// The run of its latest attempt; `null` where it never had one.
    pub(super) last_run: Option<String>,
    /// How long it will probably take, in milliseconds; `null` where nothing tells.
    pub(super) estimate_ms: Option<u64>,
    /// The ids of the known tasks that it depends on.
    pub(super) depends_on: Vec<String>,
}

/// What makes a task done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum DoneBy {
    /// A file says so: its own or its feature's.
    File,
    /// Its latest attempt passed; no file says so.
    Run,
}

/// Whether a task can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum StateName {
    /// Its file says so, or its latest attempt passed.
    Done,
    /// Given up.
    Dropped,
    /// A run is at it.
    Running,
    /// Nothing stands in the way.
    Ready,
    /// Others have to be done before.
    Waiting,
    /// Somebody has to do it.
    NeedsPerson,
    /// Its status says that somebody works on it: it starts only when it is named or included.
    Claimed,
    /// Its status says that something stands in the way: it starts only when it is named or included.
    Blocked,
    /// A problem stops it.
    Unrunnable,
    /// Stopped by design, with a record of it.
    Halted,
}

impl StateName {
    /// The name that is printed, here and in JSON.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Dropped => "dropped",
            Self::Running => "running",
            Self::Ready => "ready",
            Self::Waiting => "waiting",
            Self::NeedsPerson => "needs-person",
            Self::Claimed => "claimed",
            Self::Blocked => "blocked",
            Self::Unrunnable => "unrunnable",
            Self::Halted => "halted",
        }
    }
}

/// What `check --format json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "check", deny_unknown_fields)]
pub(super) struct Check {
    /// In the order of their files and places.
    pub(super) problems: Vec<Problem>,
}

/// One problem.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Problem {
    /// Its stable name.
    pub(super) code: Code,
    /// How much it matters.
    pub(super) severity: Severity,
    /// For people.
    pub(super) message: String,
    /// Relative to the root, with `/`.
    pub(super) file: String,
    /// Where in it.
    pub(super) range: Range,
    /// Its other ends.
    pub(super) related: Vec<Related>,
}

/// Another end of a problem.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Related {
    /// Relative to the root, with `/`.
    pub(super) file: String,
    /// Where in it.
    pub(super) range: Range,
    /// What is there.
    pub(super) message: String,
}

/// What `agents --format json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "agents", deny_unknown_fields)]
pub(super) struct Agents {
    /// The presets in the order in which they are offered, then the configuration's own.
    pub(super) agents: Vec<Agent>,
}

/// One agent.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Agent {
    /// What `agent:` in feature-build.yaml takes.
    pub(super) name: String,
    /// For people.
    pub(super) title: String,
    /// Its program; `null` where it is not on PATH.
    pub(super) program: Option<String>,
    /// What it says its version is; `null` where it is not found, not asked, or did not answer.
    pub(super) version: Option<String>,
    /// How to get it, for people.
    pub(super) get: Option<String>,
}

/// A part of a file, its end exclusive.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Range {
    /// First character.
    pub(super) start: Position,
    /// One past the last.
    pub(super) end: Position,
}

/// A place in a file.
#[derive(Debug, Clone, Copy, Default, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Position {
    /// From 0.
    pub(super) line: u32,
    /// From 0, in UTF-16 code units.
    pub(super) character: u32,
}

/// A path as the machine formats show it: with `/` on every system.
pub(super) fn slashed(file: &Path) -> String {
    file.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}
