//! Locks tell who is alive: the operating system drops a lock with its holder, however that one ends.
//!
//! A lock file is never removed: whoever had opened the old one would hold a lock that nobody else can see. The
//! standard library opens files close-on-exec, so no task inherits a lock.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::private;

/// Somebody who only looks whether a lock is held takes it, shared, for a moment. An owner tries as long as this before
/// it believes that there is another owner.
const PATIENCE: Duration = Duration::from_millis(1500);
const PAUSE: Duration = Duration::from_millis(10);

/// A lock that this process holds until it drops it or ends.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock; `None` where somebody else holds it. What the file holds stays. Blocking.
    pub(super) fn acquire(path: &Path) -> io::Result<Option<Self>> {
        let file =
            private::only_file(private::options().create(true).truncate(false).read(true).write(true).open(path)?)?;
        let give_up = Instant::now() + PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Some(Self { file })),
                Err(TryLockError::WouldBlock) if Instant::now() < give_up => thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }

    /// The file that is locked. A lock belongs to what was opened: it is held as long as any handle of this file is.
    pub(super) fn file(&self) -> &File {
        &self.file
    }
}

/// Whether somebody holds this lock.
pub(super) fn is_held(path: &Path) -> bool {
    let Ok(file) = private::open(path) else { return false };
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_held_lock_has_one_owner_and_is_free_afterwards() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.lock");
        assert!(!is_held(&path));
        let lock = Lock::acquire(&path).unwrap().unwrap();
        assert!(is_held(&path));
        assert!(Lock::acquire(&path).unwrap().is_none());
        drop(lock);
        assert!(!is_held(&path));
        assert!(Lock::acquire(&path).unwrap().is_some());
    }

    #[test]
    fn a_look_does_not_keep_an_owner_out() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.lock");
        drop(Lock::acquire(&path).unwrap());
        let looking = File::open(&path).unwrap();
        looking.lock_shared().unwrap();
        let owner = thread::spawn(move || Lock::acquire(&path).unwrap().is_some());
        drop(looking);
        assert!(owner.join().unwrap());
    }
}
