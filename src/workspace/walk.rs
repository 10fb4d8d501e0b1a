//! Walks folders on several threads: a plain walk, without ignore files, of what lies below a few folders.

use std::fs::{DirEntry, FileType};
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Calls `take` for every file below these folders and gathers its answers, in no order. Links are not followed. What
/// cannot be listed is passed over.
pub(super) fn each_file<T: Send>(folders: Vec<PathBuf>, take: impl Fn(PathBuf) -> Option<T> + Sync) -> Vec<T> {
    let queue = Queue::new(folders);
    let work = || {
        let mut taken = Vec::new();
        while let Some(folder) = queue.next() {
            let _done = Listing { queue: &queue };
            for (entry, kind) in entries(&folder) {
                if kind.is_dir() {
                    queue.add(entry.path());
                } else if kind.is_file() {
                    taken.extend(take(entry.path()));
                }
            }
        }
        taken
    };
    let others = threads() - 1;
    std::thread::scope(|scope| {
        let others: Vec<_> = (0..others).map(|_| scope.spawn(work)).collect();
        let mut taken = work();
        // A thread whose `take` panicked loses what it found; what the others found still counts.
        others.into_iter().filter_map(|other| other.join().ok()).for_each(|found| taken.extend(found));
        taken
    })
}

/// The walk waits for the disk more than it computes, but more than a few threads only wait for each other.
pub(super) fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().min(4))
}

fn entries(folder: &Path) -> impl Iterator<Item = (DirEntry, FileType)> {
    let listed = folder.read_dir().into_iter().flatten().flatten();
    listed.filter_map(|entry| entry.file_type().ok().map(|kind| (entry, kind)))
}

/// The folders that are still to be listed.
struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

struct Waiting {
    folders: Vec<PathBuf>,
    /// Threads that list a folder now, and may find more.
    listing: usize,
}

impl Queue {
    fn new(folders: Vec<PathBuf>) -> Self {
        Self { waiting: Mutex::new(Waiting { folders, listing: 0 }), changed: Condvar::new() }
    }

    fn add(&self, folder: PathBuf) {
        self.lock().folders.push(folder);
        self.changed.notify_one();
    }

    /// A folder to list; `None` when there will be no more. A [`Listing`] must say when it is listed.
    fn next(&self) -> Option<PathBuf> {
        let mut waiting = self.lock();
        loop {
            if let Some(folder) = waiting.folders.pop() {
                waiting.listing += 1;
                return Some(folder);
            }
            if waiting.listing == 0 {
                return None;
            }
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Nothing panics while it holds the lock, so poison means nothing here.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A folder is being listed; when this goes, by a panic too, the other threads need not wait for it.
struct Listing<'a> {
    queue: &'a Queue,
}

impl Drop for Listing<'_> {
    fn drop(&mut self) {
        self.queue.lock().listing -= 1;
        self.queue.changed.notify_all();
    }
}
