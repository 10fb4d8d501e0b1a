//! Starting a run: its folder, its order, its supervisor.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::RunId;
use crate::agent;
use crate::plan::Schedule;
use crate::task::TaskId;
use crate::workspace::Config;

/// What the caller of [`start`] decides beyond the configuration.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// How many tasks run at the same time at the most, instead of the configuration's number.
    pub max_parallel: Option<NonZeroU32>,
    /// Run later waves after a wave in which a task did not pass, whatever the configuration says.
    pub keep_going: bool,
    /// The program that becomes supervisor and guard.
    pub launcher: Launcher,
}

/// The program that is started as supervisor and as guard: this binary, except in tests of the library.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Launcher {
    /// The running binary itself, even when its file has been replaced.
    #[default]
    Own,
    /// The feature-build binary at this path.
    At(PathBuf),
}

impl Launcher {
    /// What to execute.
    pub(super) fn program(&self) -> io::Result<OsString> {
        match self {
            // The kernel's link leads to the file that this process was started from, also after an update has put
            // another one in its place: supervisor and guard of one run are always of one version.
            Self::Own if cfg!(target_os = "linux") => Ok("/proc/self/exe".into()),
            Self::Own => std::env::current_exe().map(Into::into),
            Self::At(path) => Ok(path.into()),
        }
    }
}

/// The run did not start: nothing is running.
#[derive(Debug, Error)]
pub enum StartError {
    /// The schedule starts nothing and skips nothing.
    #[error("starting a run: there is nothing to run")]
    Nothing,
    /// A task of the schedule has no command.
    #[error("starting a run: task {0} has no command")]
    NoCommand(TaskId),
    /// The run's folder cannot be written.
    #[error("starting a run: writing {}", .path.display())]
    Write {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No process could be started.
    #[error("starting the supervisor of run {run}")]
    Spawn {
        /// The run.
        run: RunId,
        /// Why.
        source: io::Error,
    },
    /// The supervisor gave up.
    #[error("starting the supervisor of run {run}: {message}")]
    Supervisor {
        /// The run.
        run: RunId,
        /// What it said.
        message: String,
    },
}

/// Starts a run that lives without this process, and answers with its id when its supervisor owns it and its journal
/// has begun. Blocking, but quick.
///
/// # Errors
/// [`StartError`]; then nothing is running.
pub fn start(
    root: &Path,
    config: &Config,
    schedule: &Schedule,
    commands: &BTreeMap<TaskId, agent::Command>,
    options: &Options,
) -> Result<RunId, StartError> {
    let _ = (root, config, schedule, commands, options);
    Err(StartError::Nothing) // written next
}
