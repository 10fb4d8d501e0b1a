//! `feature-build.yaml`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What `feature-build.yaml` says; every key has a default, so that no file is needed to read a workspace.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What runs a task.
    pub run: Run,
    /// What runs a task of one `implementation_mode`, instead of `run`.
    pub modes: BTreeMap<String, Run>,
    /// Let a task's own `run:` key count.
    pub task_commands: bool,
    /// How many tasks run at the same time at the most; default: the whole wave, at most 16.
    pub max_parallel: Option<std::num::NonZeroU32>,
    /// After a wave in which a task did not pass, start no later wave. Default: true.
    pub stop_on_failure: Option<bool>,
    /// How long a task has to end after SIGTERM before it is killed, in seconds. Default: 10.
    pub grace_seconds: Option<f64>,
    /// How long one task may take, in seconds. Default: no limit.
    pub timeout_seconds: Option<f64>,
    /// Where the state lies instead of `.feature-build/` (relative to the root, or absolute).
    pub state_dir: Option<PathBuf>,
}

/// What runs a task.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Run {
    /// The command, with `{id} {title} {file} {feature} {wave} {workspace}` in its arguments; never a shell.
    pub command: Option<Command>,
    /// What the command reads from its standard input.
    pub stdin: Stdin,
}

/// An argument vector, or one string that is split into one as a shell would.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Command {
    /// A list of arguments.
    Argv(Vec<String>),
    /// One line.
    Line(String),
}

/// What a task's process reads from its standard input.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Stdin {
    /// Nothing.
    #[default]
    None,
    /// The Markdown body of the task file.
    Body,
}

/// The configuration cannot be used.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
#[error("reading {file}: {message}")]
pub struct ConfigError {
    /// The file, as it should be shown.
    pub file: String,
    /// What is wrong, with line and column.
    pub message: String,
}
