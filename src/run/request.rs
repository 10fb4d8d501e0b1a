//! Requests to a supervisor: files in its run's folder. Nobody needs to know its process id.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::RunId;
use crate::task::TaskId;

/// How hard a run or task is ended. Only goes up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// SIGTERM to each task's group, the grace period, then SIGKILL.
    Terminate,
    /// SIGKILL at once.
    Kill,
}

/// Asks a run to end (`tasks`: only these, which end `cancelled`; those that have not started will not). Comes back
/// when the request is written, not when it is obeyed; a run that is over takes no notice. Blocking, but quick.
///
/// # Errors
/// Where the request cannot be written, such as in a run that does not exist.
pub fn cancel(state_dir: &Path, run: &RunId, tasks: Option<&[TaskId]>, level: Level) -> io::Result<()> {
    let _ = (state_dir, run, tasks, level);
    Ok(()) // written next
}
