//! Following a journal: its records from the start, then live.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;

use super::journal::Tail;
use super::watch::Watched;
use super::{Event, JournalError, Record, RunPaths, lock};

/// How often a journal is looked at that nobody says anything about.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// The lock has to be free this many looks in a row: a run that is just being started has no supervisor yet.
const FREE_LOOKS: u32 = 3;
/// Records that are read ahead: no more are taken from the file before these are consumed.
const READ_AHEAD: usize = 1024;

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
    paths: RunPaths,
    /// `None` while it is away, reading.
    reader: Option<Reader>,
    reading: Option<tokio::task::JoinHandle<(Reader, Result<Seen, JournalError>)>>,
    records: VecDeque<Record>,
    free_looks: u32,
    ended: bool,
}

/// What reads, on a thread that may block.
#[derive(Debug)]
struct Reader {
    tail: Tail,
    watched: Watched,
    lock: PathBuf,
    /// The lock is worth a look: nothing has been heard for a while.
    look_at_lock: bool,
}

#[derive(Debug)]
struct Seen {
    records: VecDeque<Record>,
    lock_is_free: bool,
}

impl Reader {
    /// The lock is looked at before the journal: what a supervisor wrote before it ended is then always seen.
    fn read(&mut self) -> Result<Seen, JournalError> {
        self.watched.register();
        let lock_is_free = self.look_at_lock && !lock::is_held(&self.lock);
        let mut records = VecDeque::new();
        while records.len() < READ_AHEAD && self.tail.read(&mut records)? {}
        Ok(Seen { records, lock_is_free })
    }
}

impl Follower {
    /// Follows the run whose folder this is. Does no I/O yet.
    pub fn new(run_dir: &Path) -> Self {
        let paths = RunPaths::at(run_dir);
        let reader = Reader {
            tail: Tail::new(&paths.journal()),
            watched: Watched::new(&paths.journal()),
            lock: paths.lock(),
            look_at_lock: false,
        };
        Self { paths, reader: Some(reader), reading: None, records: VecDeque::new(), free_looks: 0, ended: false }
    }

    /// The next record; `None` after `run-finished`. Waits as long as the run lives. Cancel safe.
    ///
    /// # Errors
    /// [`FollowError`]; the follower is of no more use then.
    pub async fn next(&mut self) -> Result<Option<Record>, FollowError> {
        loop {
            if let Some(record) = self.records.pop_front() {
                self.ended = matches!(record.event, Event::RunFinished { .. });
                return Ok(Some(record));
            }
            if self.ended {
                return Ok(None);
            }
            self.read().await?;
            if !self.records.is_empty() {
                self.free_looks = 0;
                continue;
            }
            if self.free_looks >= FREE_LOOKS {
                return Err(FollowError::SupervisorDied { dir: self.paths.dir().to_path_buf() });
            }
            if let Some(reader) = &mut self.reader {
                let heard = reader.watched.changed(LOOK_EVERY).await;
                reader.look_at_lock = !heard;
            }
        }
    }

    /// Reads what is there. The reading itself is a task of its own that this keeps hold of: a caller that stops waiting
    /// loses nothing.
    async fn read(&mut self) -> Result<(), FollowError> {
        if self.reading.is_none() {
            let Some(mut reader) = self.reader.take() else { return Ok(()) };
            self.reading = Some(tokio::task::spawn_blocking(move || {
                let seen = reader.read();
                (reader, seen)
            }));
        }
        let Some(reading) = &mut self.reading else { return Ok(()) };
        let joined = reading.await;
        self.reading = None;
        let Ok((reader, seen)) = joined else {
            return Err(FollowError::SupervisorDied { dir: self.paths.dir().to_path_buf() });
        };
        self.reader = Some(reader);
        let seen = seen?;
        self.free_looks = if seen.lock_is_free { self.free_looks + 1 } else { 0 };
        self.records = seen.records;
        Ok(())
    }
}
