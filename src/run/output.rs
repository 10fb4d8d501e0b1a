//! Following the output of a task: what is in its log, then what comes, through all attempts that it has in a run.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;

use super::seal::LONGEST_ORDER;
use super::watch::Watched;
use super::{Event, FollowError, Follower, Launcher, Order, Outcome, Record, RunId, RunPaths, private};
use crate::task::TaskId;

/// How often a log is looked at that nobody says anything about.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How much of a log is read at a time.
const CHUNK: usize = 64 << 10;

/// A piece of what a task puts out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Bytes of its log, as they came.
    Bytes(Vec<u8>),
    /// An attempt starts, the first or a later one.
    Attempt(u32),
    /// An attempt did not pass; another one follows.
    Retrying {
        /// How it ended.
        outcome: Outcome,
        /// It met a rate limit: no failure of the task.
        rate_limited: bool,
    },
    /// The task runs in another run: its output follows.
    Elsewhere(RunId),
    /// The log has as much as is written while the attempt goes on; its newest part comes with the end.
    Full,
}

/// The output of a task cannot be followed to its end.
#[derive(Debug, Error)]
pub enum OutputError {
    /// The run cannot be followed.
    #[error(transparent)]
    Follow(#[from] FollowError),
    /// The log cannot be read.
    #[error("reading the log {}", .path.display())]
    Log {
        /// The log.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Yields what one task of a run puts out.
#[derive(Debug)]
pub struct OutputFollower {
    state_dir: PathBuf,
    root: PathBuf,
    task: TaskId,
    follower: Follower,
    launcher: Launcher,
    log: Option<Log>,
    /// How many bytes a log has at the most while its attempt goes on.
    most: u64,
    ended: bool,
}

/// A log that is being read.
#[derive(Debug)]
struct Log {
    path: PathBuf,
    file: Option<File>,
    watched: Watched,
    length: u64,
    told_full: bool,
}

impl OutputFollower {
    /// Follows a task of a run of the workspace, and gives that run a new supervisor where its own dies. Blocking: reads
    /// what the run was told about logs.
    pub fn new(root: &Path, state_dir: &Path, run: &RunId, task: &TaskId, launcher: Launcher) -> Self {
        let paths = RunPaths::of(state_dir, run);
        Self {
            state_dir: state_dir.to_path_buf(),
            root: root.to_path_buf(),
            task: task.clone(),
            follower: Follower::recovering(paths.dir(), launcher.clone()),
            launcher,
            log: None,
            most: longest_head(&paths),
            ended: false,
        }
    }

    /// The next piece; `None` when the task has its outcome and all of its output was told. Not cancel safe.
    ///
    /// # Errors
    /// [`OutputError`].
    pub async fn next(&mut self) -> Result<Option<Piece>, OutputError> {
        loop {
            let bytes = self.read().await?;
            if !bytes.is_empty() {
                return Ok(Some(Piece::Bytes(bytes)));
            }
            if self.ended {
                return Ok(None);
            }
            if self.is_newly_full() {
                return Ok(Some(Piece::Full));
            }
            let record = tokio::select! {
                record = self.follower.next() => record?,
                () = grown(self.log.as_ref()) => continue,
            };
            if let Some(piece) = self.hear(record) {
                return Ok(Some(piece));
            }
        }
    }

    /// A log is complete before its attempt's end is told, and all of it was read when this hears of that or of a next
    /// attempt.
    fn hear(&mut self, record: Option<Record>) -> Option<Piece> {
        let Some(record) = record else {
            self.ended = true;
            return None;
        };
        match record.event {
            Event::TaskStarted { task, attempt, log } if task == self.task => {
                self.log = Some(Log::new(&self.root.join(log)));
                Some(Piece::Attempt(attempt))
            }
            Event::TaskRetrying { task, outcome, rate_limited, .. } if task == self.task => {
                Some(Piece::Retrying { outcome, rate_limited })
            }
            Event::TaskAttached { task, run } if task == self.task => {
                let paths = RunPaths::of(&self.state_dir, &run);
                self.follower = Follower::recovering(paths.dir(), self.launcher.clone());
                Some(Piece::Elsewhere(run))
            }
            Event::TaskFinished { task, .. } if task == self.task => {
                self.ended = true;
                None
            }
            _ => None,
        }
    }

    fn is_newly_full(&mut self) -> bool {
        let Some(log) = &mut self.log else { return false };
        let is_new = log.length >= self.most && !log.told_full;
        log.told_full |= is_new;
        is_new
    }

    async fn read(&mut self) -> Result<Vec<u8>, OutputError> {
        let Some(mut log) = self.log.take() else { return Ok(Vec::new()) };
        let path = log.path.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let bytes = log.read();
            (log, bytes)
        });
        let failed = |source| OutputError::Log { path, source };
        let (log, bytes) = match reading.await {
            Ok(read) => read,
            Err(error) => return Err(failed(io::Error::other(error))),
        };
        self.log = Some(log);
        bytes.map_err(failed)
    }
}

/// Half of the limit: behind it the newest output goes elsewhere until the attempt ends.
fn longest_head(paths: &RunPaths) -> u64 {
    let order: Option<Order> =
        private::read(&paths.order(), LONGEST_ORDER).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    order.map_or(u64::MAX, |order| order.limits.log_bytes / 2)
}

async fn grown(log: Option<&Log>) {
    match log {
        Some(log) => drop(log.watched.changed(LOOK_EVERY).await),
        None => std::future::pending().await,
    }
}

impl Log {
    fn new(path: &Path) -> Self {
        Self { path: path.to_path_buf(), file: None, watched: Watched::new(path), length: 0, told_full: false }
    }

    /// The next bytes; none at the end of what is there. Blocking.
    fn read(&mut self) -> io::Result<Vec<u8>> {
        self.watched.register();
        if self.file.is_none() {
            self.file = Some(private::open(&self.path)?);
        }
        let mut bytes = vec![0; CHUNK];
        let read = self.file.as_mut().map_or(Ok(0), |file| file.read(&mut bytes))?;
        bytes.truncate(read);
        self.length += read as u64;
        Ok(bytes)
    }
}
