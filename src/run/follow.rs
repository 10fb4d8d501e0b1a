//! Following a journal: its records from the start, then live.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use thiserror::Error;

use super::journal::Tail;
use super::watch::Watched;
use super::{
    Event, JournalError, Launcher, Record, Resumed, RunPaths, StartError, Takeover, lock, resume, seal, system,
};
use crate::error::with_causes;

/// How often a journal is looked at that nobody says anything about.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How often a journal is looked for that is not there yet. A server sees a run's folder before the journal in it, and
/// the user who has clicked waits.
const LOOK_FOR_EVERY: Duration = Duration::from_millis(20);
/// The lock has to be free this many looks in a row: a run that is just being started has no supervisor yet.
const FREE_LOOKS: u32 = 3;
/// A run that does not go on gets no more new supervisors than this.
const TRIES: u32 = 3;
/// Records that are read ahead: no more are taken from the file before these are consumed.
const READ_AHEAD: usize = 1024;

/// A run cannot be followed to its end.
#[derive(Debug, Error)]
pub enum FollowError {
    /// Its journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Its lock is free and it did not finish.
    #[error("following the run in {}: its supervisor died{}", .dir.display(), .why.as_ref().map(|why| format!("; {why}")).unwrap_or_default())]
    SupervisorDied {
        /// The run's folder.
        dir: PathBuf,
        /// Why no other one took it over, where that was tried.
        why: Option<String>,
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
    /// Whatever is added from now on will be told: there is nothing to read before.
    at_end: bool,
    /// When the lock is worth a look, if nothing is heard before. Kept here: a caller with a shorter breath stops waiting
    /// and comes back, again and again, and must still learn that the supervisor died.
    look_at: Option<Instant>,
    free_looks: u32,
    recovery: Option<Recovery>,
    ended: bool,
}

/// How the run gets a supervisor where its own dies.
#[derive(Debug)]
struct Recovery {
    launcher: Launcher,
    /// The run has begun: before, whoever starts it is still about to.
    begun: bool,
    /// How often it was tried since the run went on last.
    tries: u32,
    trying: Option<tokio::task::JoinHandle<Result<Resumed, StartError>>>,
    /// What became of the last try.
    why: Option<String>,
}

/// What reads, on a thread that may block.
#[derive(Debug)]
struct Reader {
    tail: Tail,
    watched: Watched,
    paths: RunPaths,
    /// This user started the run.
    is_own: bool,
    /// The next reading looks at the lock: nothing has been heard for a while.
    look_at_lock: bool,
}

#[derive(Debug)]
struct Seen {
    records: VecDeque<Record>,
    /// All was read, and more will be told.
    at_end: bool,
    /// `None`: not looked at.
    lock_is_free: Option<bool>,
}

impl Reader {
    /// The lock is looked at before the journal: what a supervisor wrote before it ended is then always seen.
    fn read(&mut self) -> Result<Seen, JournalError> {
        self.watched.register();
        let is_free = || !lock::is_held(&self.paths.lock()) && system::supervisors(self.paths.dir()).is_empty();
        let lock_is_free = std::mem::take(&mut self.look_at_lock).then(is_free);
        if !self.is_own && self.tail.open()? {
            self.is_own = seal::is_own(&self.paths);
            if !self.is_own {
                return Err(JournalError::Foreign { path: self.paths.journal() });
            }
        }
        let mut records = VecDeque::new();
        let mut more = true;
        while more && records.len() < READ_AHEAD {
            more = self.tail.read(&mut records)?;
        }
        Ok(Seen { records, at_end: !more && self.watched.is_registered(), lock_is_free })
    }
}

impl Follower {
    /// Follows the run whose folder this is. Does no I/O yet.
    pub fn new(run_dir: &Path) -> Self {
        let paths = RunPaths::at(run_dir);
        let reader = Reader {
            tail: Tail::new(&paths.journal()),
            watched: Watched::new(&paths.journal()),
            paths: paths.clone(),
            is_own: false,
            look_at_lock: false,
        };
        Self {
            paths,
            reader: Some(reader),
            reading: None,
            records: VecDeque::new(),
            at_end: false,
            look_at: None,
            free_looks: 0,
            recovery: None,
            ended: false,
        }
    }

    /// Follows the run, and gives it a new supervisor where its own dies: as often as it goes on in between.
    pub fn recovering(run_dir: &Path, launcher: Launcher) -> Self {
        let recovery = Recovery { launcher, begun: false, tries: 0, trying: None, why: None };
        Self { recovery: Some(recovery), ..Self::new(run_dir) }
    }

    /// The next record; `None` after `run-finished`. Waits as long as the run lives. Cancel safe.
    ///
    /// # Errors
    /// [`FollowError`]; the follower is of no more use then.
    pub async fn next(&mut self) -> Result<Option<Record>, FollowError> {
        loop {
            if let Some(record) = self.records.pop_front() {
                self.ended = matches!(record.event, Event::RunFinished { .. });
                self.note(&record);
                return Ok(Some(record));
            }
            if self.ended {
                return Ok(None);
            }
            if !self.at_end {
                self.read().await?;
                if !self.records.is_empty() {
                    self.free_looks = 0;
                    continue;
                }
                if self.free_looks >= FREE_LOOKS {
                    self.recover().await?;
                    // Where nobody took it over nothing will be heard: the next look comes soon.
                    self.free_looks = 1;
                    continue;
                }
            }
            if let Some(reader) = &mut self.reader {
                // Once the lock was free it is looked at until that is certain.
                let patience = if self.free_looks > 0 { LOOK_EVERY } else { reader.watched.patience(LOOK_EVERY) };
                let look_at = *self.look_at.get_or_insert_with(|| Instant::now() + patience);
                let left = look_at.saturating_duration_since(Instant::now());
                let patience = if reader.watched.is_missing() { left.min(LOOK_FOR_EVERY) } else { left };
                let heard = reader.watched.changed_within(patience).await;
                self.at_end = false;
                reader.look_at_lock = !heard && patience == left;
                if reader.look_at_lock {
                    reader.watched.heard_nothing();
                }
                if heard || reader.look_at_lock {
                    self.look_at = None;
                }
            }
        }
    }

    /// A supervisor that takes over and dies at once, again and again, must not be started for ever.
    fn note(&mut self, record: &Record) {
        let Some(recovery) = &mut self.recovery else { return };
        recovery.begun = true;
        if !matches!(record.event, Event::RunStarted { .. } | Event::RunResumed { .. }) {
            recovery.tries = 0;
        }
    }

    /// Gives the run a new supervisor. The attempt is a task of its own that this keeps hold of: cancel safe.
    async fn recover(&mut self) -> Result<(), FollowError> {
        let dir = self.paths.dir();
        let died = |why| FollowError::SupervisorDied { dir: dir.to_path_buf(), why };
        let Some(recovery) = self.recovery.as_mut().filter(|recovery| recovery.begun) else { return Err(died(None)) };
        if recovery.trying.is_none() {
            if recovery.tries >= TRIES {
                return Err(died(Some(recovery.why.take().unwrap_or_else(|| "so did those that took over".into()))));
            }
            recovery.tries += 1;
            let (dir, launcher) = (dir.to_path_buf(), recovery.launcher.clone());
            let trying = tokio::task::spawn_blocking(move || resume(&dir, Takeover::Settle, &launcher));
            recovery.trying = Some(trying);
        }
        let Some(trying) = &mut recovery.trying else { return Ok(()) };
        let tried = trying.await;
        recovery.trying = None;
        recovery.why = match tried {
            Ok(Ok(_)) => None,
            Ok(Err(error)) => Some(with_causes(&error)),
            Err(error) => Some(error.to_string()),
        };
        Ok(())
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
            return Err(FollowError::SupervisorDied { dir: self.paths.dir().to_path_buf(), why: None });
        };
        self.reader = Some(reader);
        let seen = seen?;
        match seen.lock_is_free {
            Some(true) => self.free_looks += 1,
            Some(false) => self.free_looks = 0,
            None => {}
        }
        self.records = seen.records;
        self.at_end = seen.at_end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const FINISHED: &str = concat!(
        r#"{"v":"1.0","seq":1,"time":"2026-01-01T00:00:00Z","event":"run-finished","#,
        r#""summary":{},"wall_ms":1,"serial_ms":1,"exit_code":0}"#,
        "\n"
    );

    /// Ten journals, each of which begins while it is waited for: with the slow look alone this takes five seconds.
    #[test]
    fn a_journal_that_begins_late_is_heard_soon() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let began = Instant::now();
        for _ in 0..10 {
            let dir = tempfile::tempdir().unwrap();
            let paths = RunPaths::at(dir.path());
            seal::own(paths.dir());
            let mut follower = Follower::new(paths.dir());
            runtime.block_on(async {
                let write = async {
                    tokio::time::sleep(Duration::from_millis(30)).await;
                    std::fs::write(paths.journal(), FINISHED).unwrap();
                };
                let (record, ()) = tokio::join!(follower.next(), write);
                assert!(record.unwrap().is_some());
            });
        }
        assert!(began.elapsed() < 6 * LOOK_EVERY, "{:?}", began.elapsed());
    }

    #[test]
    fn a_caller_with_a_short_breath_learns_that_the_supervisor_died() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let mut follower = Follower::new(dir.path());
        runtime.block_on(async {
            let give_up = Instant::now() + Duration::from_secs(60);
            while Instant::now() < give_up {
                match tokio::time::timeout(LOOK_EVERY / 4, follower.next()).await {
                    Err(_) => {}
                    Ok(end) => return assert!(matches!(end, Err(FollowError::SupervisorDied { .. }))),
                }
            }
            panic!("it never learns");
        });
    }
}
