//! Following the output of a task: what is in its log, then what comes, through all attempts that it has in a run.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;

use super::guard::{Part, Tail};
use super::watch::Watched;
use super::{Event, FollowError, Follower, Launcher, Outcome, Record, RunId, RunPaths, private};
use crate::task::TaskId;

/// How often a log is looked at that nobody says anything about.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How much of a log is read at a time.
const CHUNK: usize = 64 << 10;

/// A piece of what a task puts out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Bytes of its log, as they came, with a mark where some were left out.
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
    ended: bool,
}

/// A log that is being read.
#[derive(Debug)]
struct Log {
    path: PathBuf,
    file: Option<File>,
    watched: Watched,
    length: u64,
    end: End,
}

/// Where the end of a log is that is too long for its file.
#[derive(Debug)]
enum End {
    /// It has none, as far as is known.
    None,
    /// Beside the log, and read there behind the log's head.
    Beside(Tail),
    /// In the log again.
    Joined,
}

impl OutputFollower {
    /// Follows a task of a run of the workspace, and gives that run a new supervisor where its own dies.
    pub fn new(root: &Path, state_dir: &Path, run: &RunId, task: &TaskId, launcher: Launcher) -> Self {
        let paths = RunPaths::of(state_dir, run);
        Self {
            state_dir: state_dir.to_path_buf(),
            root: root.to_path_buf(),
            task: task.clone(),
            follower: Follower::recovering(paths.dir(), launcher.clone()),
            launcher,
            log: None,
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

async fn grown(log: Option<&Log>) {
    match log {
        Some(log) => drop(log.watched.changed(LOOK_EVERY).await),
        None => std::future::pending().await,
    }
}

impl Log {
    fn new(path: &Path) -> Self {
        Self { path: path.to_path_buf(), file: None, watched: Watched::new(path), length: 0, end: End::None }
    }

    /// The next bytes; none at the end of what is there. Blocking.
    fn read(&mut self) -> io::Result<Vec<u8>> {
        self.watched.register();
        if self.file.is_none() {
            self.file = Some(private::open(&self.path)?);
        }
        // Before the head is read: as long as it has no end beside it, all that it has is its own.
        self.look_for_end();
        match &mut self.end {
            End::Beside(tail) if tail.head() == self.length => match tail.next()? {
                Part::Bytes(bytes) => Ok(bytes),
                Part::Nothing => Ok(Vec::new()),
                Part::InLog(at) => {
                    self.end = End::Joined;
                    self.file.as_mut().map_or(Ok(0), |file| file.seek(SeekFrom::Start(at)))?;
                    self.read_log(u64::MAX)
                }
            },
            End::Beside(tail) => {
                let most = tail.head().saturating_sub(self.length);
                self.read_log(most)
            }
            End::None | End::Joined => self.read_log(u64::MAX),
        }
    }

    fn look_for_end(&mut self) {
        if !matches!(self.end, End::None) {
            return;
        }
        let Some(tail) = Tail::open(&self.path) else { return };
        // What was read behind the head can only be the end that was put there.
        self.end = if self.length > tail.head() { End::Joined } else { End::Beside(tail) };
        self.watched = Watched::new(&Tail::path(&self.path));
        self.watched.register();
    }

    fn read_log(&mut self, most: u64) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(most).map_or(CHUNK, |most| most.min(CHUNK))];
        let read = self.file.as_mut().map_or(Ok(0), |file| file.read(&mut bytes))?;
        bytes.truncate(read);
        self.length += read as u64;
        Ok(bytes)
    }
}
