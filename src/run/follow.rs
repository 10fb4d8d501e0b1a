//! Following a journal: its records from the start, then live.

use std::path::{Path, PathBuf};

use thiserror::Error;

use super::{JournalError, Record};

/// A run cannot be followed to its end.
#[derive(Debug, Error)]
pub enum FollowError {
    /// Its journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Its lock is free and it did not finish.
    #[error("following the run in {}: its supervisor died", .dir.display())]
    SupervisorDied {
        /// The run's folder.
        dir: PathBuf,
    },
}

/// Yields the records of one journal: those that are there, then each that comes.
#[derive(Debug)]
pub struct Follower {
    dir: PathBuf,
}

impl Follower {
    /// Follows the run whose folder this is. Does no I/O yet.
    pub fn new(run_dir: &Path) -> Self {
        Self { dir: run_dir.to_path_buf() }
    }

    /// The next record; `None` after `run-finished`. Waits as long as the run lives. Cancel safe.
    ///
    /// # Errors
    /// [`FollowError`]; the follower is of no more use then.
    pub async fn next(&mut self) -> Result<Option<Record>, FollowError> {
        Err(FollowError::SupervisorDied { dir: self.dir.clone() }) // written next
    }
}
