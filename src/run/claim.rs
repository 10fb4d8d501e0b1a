//! Who an attempt belongs to: whoever holds the lock on its log.
//!
//! Its guard takes it before anything else and holds it until the result is in its file, so "held" means that the guard
//! lives. Whoever finds it free and no result may seal the attempt: end what is left of it and write a result. A guard
//! that comes late finds that result and starts nothing. So an attempt has exactly one result, whoever dies when.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::guard::{Ending, read_result, recover, write_result};
use super::lock::{self, Lock, PutBack};
use super::{Outcome, RunPaths, TaskState, system};
use crate::task::TaskId;

/// How many times in a row somebody who seals the attempt may keep its guard waiting, 1.5 seconds each: killing what is
/// left takes a second or two.
const PATIENCE: u32 = 20;

/// Where an attempt stands whose supervisor died.
#[derive(Debug)]
pub enum Fate {
    /// Its guard lives.
    Alive,
    /// It has ended so.
    Over(TaskState),
    /// Neither.
    Lost,
}

/// Only looks: what is lost stays as it is. Blocking.
pub fn fate(paths: &RunPaths, task: &TaskId, attempt: u32) -> Fate {
    // The lock first: a guard holds it until the result is there.
    if lock::is_held(&paths.log(task, attempt)) {
        return Fate::Alive;
    }
    let Some(ending) = read_result(&paths.result(task, attempt)) else { return Fate::Lost };
    Fate::Over(TaskState::Finished {
        outcome: ending.outcome,
        exit_code: ending.exit_code,
        duration_ms: ending.duration_ms,
        reason: ending.reason.filter(|_| ending.outcome != Outcome::Passed),
    })
}

/// An attempt that belongs to this process.
#[derive(Debug)]
pub(super) struct Claim {
    lock: Lock,
    path: PathBuf,
}

impl Claim {
    /// Takes the attempt that has this log; `None` where it belongs to somebody else. The log stays as it is. Blocking.
    pub(super) fn take(log: &Path) -> io::Result<Option<Self>> {
        Ok(Lock::acquire(log)?.map(|lock| Self { lock, path: log.to_path_buf() }))
    }

    /// Waits for the attempt: its guard has nobody to fear but somebody who is sealing it. Blocking.
    pub(super) fn wait_for(log: &Path) -> io::Result<Self> {
        for _ in 0..PATIENCE {
            if let Some(claim) = Self::take(log)? {
                return Ok(claim);
            }
        }
        Err(io::Error::other("another process holds the attempt"))
    }

    /// Whether the log is where it was.
    pub(super) fn is_in_place(&self) -> bool {
        self.lock.is_at(&self.path)
    }

    /// Makes the log anew where it was taken away, with what stood in it. Blocking.
    pub(super) fn put_back(&mut self) -> io::Result<PutBack> {
        self.lock.put_back(&self.path)
    }

    /// A handle of the log. The attempt is held as long as one is open.
    pub(super) fn log(&self) -> io::Result<File> {
        self.lock.file().try_clone()
    }

    /// Takes the result that the guard left; where there is none, ends what carries the mark and makes `otherwise` the
    /// result. Blocking.
    pub(super) fn seal(self, result: &Path, mark: &str, otherwise: Ending) -> Ending {
        if let Some(ending) = read_result(result) {
            return ending;
        }
        system::kill_all_marked(mark);
        if let Err(error) = self.log().and_then(|log| recover(log, &self.path)) {
            system::note(format_args!("feature-build supervisor: completing {}: {error}", self.path.display()));
        }
        // Without a result a guard that comes late could still start the task; the journal has the outcome in any case.
        if let Err(error) = write_result(result, &otherwise) {
            system::note(format_args!("feature-build supervisor: writing {}: {error}", result.display()));
        }
        otherwise
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_claim_is_one_processs_alone_and_is_put_back_where_its_log_went() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("a.log");
        std::fs::write(&log, "output").unwrap();
        let mut claim = Claim::wait_for(&log).unwrap();
        assert!(Claim::take(&log).unwrap().is_none());
        assert!(claim.is_in_place());
        std::fs::remove_file(&log).unwrap();
        assert!(!claim.is_in_place());
        assert_eq!(claim.put_back().unwrap(), PutBack::Done);
        assert!(claim.is_in_place());
        assert_eq!(std::fs::read(&log).unwrap(), b"output");
        // As long as any handle is open.
        let handle = claim.log().unwrap();
        drop(claim);
        assert!(Claim::take(&log).unwrap().is_none());
        drop(handle);
        assert!(Claim::take(&log).unwrap().is_some());
    }

    #[test]
    fn an_attempt_lives_is_over_or_is_lost() {
        let dir = tempfile::tempdir().unwrap();
        let paths = RunPaths::at(dir.path());
        let task = TaskId::new("A").unwrap();
        let fate_of = || fate(&paths, &task, 1);
        assert!(matches!(fate_of(), Fate::Lost));
        let claim = Claim::take(&paths.log(&task, 1)).unwrap().unwrap();
        assert!(matches!(fate_of(), Fate::Alive));
        drop(claim);
        assert!(matches!(fate_of(), Fate::Lost));
        // Why an attempt failed is told; what is said of one that passed is no reason.
        for (outcome, shown) in [(Outcome::Failed, Some("said")), (Outcome::Passed, None)] {
            write_result(&paths.result(&task, 1), &Ending::not_started(outcome, "said".into())).unwrap();
            let Fate::Over(TaskState::Finished { outcome: told, reason, .. }) = fate_of() else {
                panic!("{outcome:?}")
            };
            assert_eq!((told, reason.as_deref()), (outcome, shown));
        }
        let claim = Claim::take(&paths.log(&task, 1)).unwrap().unwrap();
        assert!(matches!(fate_of(), Fate::Alive), "until the guard lets go, there may be more to come");
        // A result that is there is not written over.
        let other = Ending::not_started(Outcome::Lost, "other".into());
        assert_eq!(claim.seal(&paths.result(&task, 1), "no/mark/1@of-a-test", other).outcome, Outcome::Passed);
    }
}
