//! Locks tell who is alive: the operating system drops a lock with its holder, however that one ends.
//!
//! A lock file is never removed: whoever had opened the old one would hold a lock that nobody else can see. The
//! standard library opens files close-on-exec, so no task inherits a lock.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::{private, system};

/// Somebody who only looks whether a lock is held takes it, shared, for a moment. An owner tries as long as this before
/// it believes that there is another owner.
pub(super) const PATIENCE: Duration = Duration::from_millis(1500);
const PAUSE: Duration = Duration::from_millis(10);

/// What came of putting a lock back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PutBack {
    /// Its path led to it.
    InPlace,
    /// Now it does again.
    Done,
    /// Another process holds the file that is there.
    ByAnother,
}

/// A lock that this process holds until it drops it or ends.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock; `None` where somebody else holds it. What the file holds stays. Blocking.
    pub(super) fn acquire(path: &Path) -> io::Result<Option<Self>> {
        let give_up = Instant::now() + PATIENCE;
        let mut file = open(path)?;
        loop {
            match file.try_lock() {
                Ok(()) if private::is_at(&file, path) => return Ok(Some(Self { file })),
                // Taken away in between: a lock that nobody else can see.
                Ok(()) => file = open(path)?,
                Err(TryLockError::WouldBlock) if Instant::now() < give_up => thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }

    /// The same where the file may have been taken away from under its holder: a new or empty one is no proof that nobody
    /// has the lock. Blocking; looks at processes in that case.
    pub(super) fn acquire_unless_lost(path: &Path) -> io::Result<Option<Self>> {
        let lock = Self::acquire(path)?;
        Ok(lock.filter(|lock| !lock.is_blank() || !system::holds_lost(path)))
    }

    /// Whether the path still leads to the file that is locked.
    pub(super) fn is_at(&self, path: &Path) -> bool {
        private::is_at(&self.file, path)
    }

    /// Where the path leads to another file by now, or to none: takes that one instead, with what stood in the old one.
    /// Until then the old one stays locked. Blocking.
    pub(super) fn put_back(&mut self, path: &Path) -> io::Result<PutBack> {
        if self.is_at(path) {
            return Ok(PutBack::InPlace);
        }
        let file = open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(PutBack::ByAnother),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        private::copy(&self.file, &file)?;
        if !private::is_at(&file, path) {
            return Err(io::Error::other("it was taken away again"));
        }
        self.file = file;
        Ok(PutBack::Done)
    }

    /// Nothing stands in it: it may be new.
    pub(super) fn is_blank(&self) -> bool {
        is_blank(&self.file)
    }

    /// The file that is locked. A lock belongs to what was opened: it is held as long as any handle of this file is.
    pub(super) fn file(&self) -> &File {
        &self.file
    }
}

/// Whether somebody holds this lock. Where the file is missing or empty, that is no proof: its holder may have lost it.
pub(super) fn is_held(path: &Path) -> bool {
    match private::open(path) {
        Ok(file) => match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => true,
            _ => is_blank(&file) && system::holds_lost(path),
        },
        Err(error) => error.kind() == io::ErrorKind::NotFound && system::holds_lost(path),
    }
}

fn open(path: &Path) -> io::Result<File> {
    private::only_file(private::options().create(true).truncate(false).read(true).write(true).open(path)?)
}

fn is_blank(file: &File) -> bool {
    file.metadata().is_ok_and(|data| data.len() == 0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::os::unix::fs::FileExt as _;

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

    #[test]
    fn an_owner_is_believed_after_longer_than_anybody_looks() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.lock");
        let _lock = Lock::acquire(&path).unwrap().unwrap();
        let asked = Instant::now();
        assert!(Lock::acquire(&path).unwrap().is_none());
        assert!(asked.elapsed() >= PATIENCE);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_was_taken_away_from_who_waits_for_it_is_no_lock() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().canonicalize().unwrap().join("a.lock");
        let held = Lock::acquire(&path).unwrap().unwrap();
        let waiting = thread::spawn({
            let path = path.clone();
            move || Lock::acquire(&path).unwrap().unwrap()
        });
        let handles = || {
            let all = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
            all.filter(|entry| std::fs::read_link(entry.path()).is_ok_and(|file| file == path)).count()
        };
        while handles() < 2 && !waiting.is_finished() {
            thread::sleep(PAUSE);
        }
        std::fs::remove_file(&path).unwrap();
        drop(held);
        assert!(waiting.join().unwrap().is_at(&path));
    }

    #[test]
    fn a_lock_that_was_taken_away_is_put_back_with_its_text() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.lock");
        // Longer than one piece.
        let long = "run/task/1@nonce\n".repeat(10_000).into_bytes();
        let mut lock = Lock::acquire(&path).unwrap().unwrap();
        assert!(lock.is_blank());
        lock.file().write_all_at(&long, 0).unwrap();
        assert!(!lock.is_blank() && lock.is_at(&path));
        assert_eq!(lock.put_back(&path).unwrap(), PutBack::InPlace);

        std::fs::remove_file(&path).unwrap();
        assert!(!lock.is_at(&path));
        std::fs::write(&path, vec![b'x'; long.len() + 1]).unwrap();
        assert_eq!(lock.put_back(&path).unwrap(), PutBack::Done);
        assert!(lock.is_at(&path) && is_held(&path));
        assert_eq!(private::text(lock.file()).unwrap(), long);
        assert_eq!(std::fs::read(&path).unwrap(), long);

        std::fs::remove_file(&path).unwrap();
        let other = Lock::acquire(&path).unwrap().unwrap();
        assert_eq!(lock.put_back(&path).unwrap(), PutBack::ByAnother);
        assert!(other.is_at(&path) && !lock.is_at(&path));
    }

    /// A process that looks like a guard and holds a lock whose file is gone from its path.
    #[cfg(target_os = "linux")]
    struct LostLock {
        guard: std::process::Child,
    }

    #[cfg(target_os = "linux")]
    impl LostLock {
        fn of(path: &Path) -> Self {
            let role = crate::run::role::GUARD;
            let dir = path.parent().unwrap();
            std::fs::write(dir.join(role), "while :; do sleep 0.1 < /dev/null; done").unwrap();
            let lock = File::create(path).unwrap();
            lock.lock().unwrap();
            let mut command = std::process::Command::new("sh");
            let guard = command.arg(role).current_dir(dir).stdin(lock).spawn().unwrap();
            // `Command` keeps its handle of the file.
            drop(command);
            // A program that has just been started has no arguments yet for a moment.
            let arguments = format!("/proc/{}/cmdline", guard.id());
            while !std::fs::read(&arguments).unwrap().ends_with(format!("{role}\0").as_bytes()) {
                thread::sleep(PAUSE);
            }
            std::fs::remove_file(path).unwrap();
            Self { guard }
        }
    }

    #[cfg(target_os = "linux")]
    impl Drop for LostLock {
        fn drop(&mut self) {
            let _ = self.guard.kill();
            let _ = self.guard.wait();
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_missing_or_empty_lock_is_held_by_who_lost_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.lock");
        let lost = LostLock::of(&path);
        assert!(is_held(&path), "missing");
        File::create(&path).unwrap();
        assert!(is_held(&path), "empty");
        assert!(Lock::acquire_unless_lost(&path).unwrap().is_none());
        // Who held a file with something in it has ended.
        std::fs::write(&path, "mark").unwrap();
        assert!(!is_held(&path));
        assert!(Lock::acquire_unless_lost(&path).unwrap().is_some());
        File::create(&path).unwrap();
        drop(lost);
        assert!(!is_held(&path));
        assert!(Lock::acquire_unless_lost(&path).unwrap().is_some());
        // What is no lock is nobody's.
        assert!(!is_held(&dir.path().join("a.lock/b")));
    }
}
