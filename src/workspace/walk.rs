//! Walks folders on several threads: a plain walk, without ignore files, of what lies below a few folders.

use std::ffi::{CStr, OsStr};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

#[cfg(target_os = "linux")]
use rustix::fs::RawDir;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, openat, statat};
use rustix::io::Errno;

/// A file that the walk has come to.
pub(super) struct Found<'w> {
    /// Its path, relative to the root.
    pub(super) file: &'w Path,
    folder: BorrowedFd<'w>,
    name: &'w CStr,
}

impl Found<'_> {
    /// Opens it: by its name in its folder, which costs the kernel a look at one name where the whole path has ten.
    pub(super) fn open(&self) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        Ok(openat(self.folder, self.name, flags, Mode::empty())?.into())
    }
}

/// What the walk meets.
pub(super) enum Met<'w> {
    /// A file.
    File(&'w Found<'w>),
    /// Something else that has a name: a link, a pipe. Relative to the root.
    Other(&'w Path, FileType),
    /// A folder that cannot be listed, or not to its end. Relative to the root.
    Unlisted(&'w Path, io::Error),
}

/// How many bytes of names are listed at a time.
const ROOM: usize = 32 << 10;

/// Calls `take` for all that is met below these folders, which are relative to the root, and gathers its answers, in no
/// order. Links are not followed. A folder that is gone is none.
pub(super) fn each_file<T: Send>(
    root: &Path,
    folders: Vec<PathBuf>,
    take: impl Fn(Met<'_>) -> Option<T> + Sync,
) -> Vec<T> {
    let queue = Queue::new(folders);
    let work = || {
        let (mut taken, mut room) = (Vec::new(), Vec::with_capacity(ROOM));
        while let Some(folder) = queue.next() {
            let _done = Listing { queue: &queue };
            // What was listed before an error counts.
            match list(root, &folder, &queue, &mut room, |met| taken.extend(take(met))) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(error) => taken.extend(take(Met::Unlisted(&folder, error.into()))),
            }
        }
        taken
    };
    on_threads(work)
}

/// Gathers what several threads find that share out the same work, in no order.
pub(super) fn on_threads<T: Send>(work: impl Fn() -> Vec<T> + Copy + Send + Sync) -> Vec<T> {
    let others = threads() - 1;
    std::thread::scope(|scope| {
        // Where the system has no room for another thread, fewer of them find the same.
        let spawn = |_| std::thread::Builder::new().spawn_scoped(scope, work).ok();
        let others: Vec<_> = (0..others).map_while(spawn).collect();
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

/// Hands over the files of one folder, and puts the folders in it into the queue.
fn list(
    root: &Path,
    folder: &Path,
    queue: &Queue,
    room: &mut Vec<u8>,
    mut take: impl FnMut(Met<'_>),
) -> rustix::io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::DIRECTORY;
    let open = openat(CWD, root.join(folder), flags, Mode::empty())?;
    let mut path = Vec::from(folder.as_os_str().as_bytes());
    path.push(b'/');
    let start_of_name = path.len();
    each_entry(&open, room, |name, listed| {
        if matches!(name.to_bytes(), b"." | b"..") {
            return;
        }
        path.truncate(start_of_name);
        path.extend_from_slice(name.to_bytes());
        let file = Path::new(OsStr::from_bytes(&path));
        match kind_of(open.as_fd(), name, listed) {
            FileType::Directory => queue.add(file.to_path_buf()),
            FileType::RegularFile => take(Met::File(&Found { file, folder: open.as_fd(), name })),
            kind => take(Met::Other(file, kind)),
        }
    })
}

/// The entries of a folder, without a copy of each name.
#[cfg(target_os = "linux")]
fn each_entry(folder: &OwnedFd, room: &mut Vec<u8>, mut take: impl FnMut(&CStr, FileType)) -> rustix::io::Result<()> {
    let mut entries = RawDir::new(folder, room.spare_capacity_mut());
    while let Some(entry) = entries.next() {
        let entry = entry?;
        take(entry.file_name(), entry.file_type());
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn each_entry(folder: &OwnedFd, _: &mut Vec<u8>, mut take: impl FnMut(&CStr, FileType)) -> rustix::io::Result<()> {
    for entry in rustix::fs::Dir::read_from(folder)? {
        let entry = entry?;
        take(entry.file_name(), entry.file_type());
    }
    Ok(())
}

/// Some file systems do not tell it with the name.
fn kind_of(folder: BorrowedFd<'_>, name: &CStr, listed: FileType) -> FileType {
    match listed {
        FileType::Unknown => statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)
            .map_or(FileType::Unknown, |data| FileType::from_raw_mode(data.st_mode)),
        known => known,
    }
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
    /// Threads that wait for a folder: nobody else is told of one, for that costs a call of the system.
    idle: usize,
}

impl Queue {
    fn new(folders: Vec<PathBuf>) -> Self {
        Self { waiting: Mutex::new(Waiting { folders, listing: 0, idle: 0 }), changed: Condvar::new() }
    }

    fn add(&self, folder: PathBuf) {
        let mut waiting = self.lock();
        waiting.folders.push(folder);
        let is_awaited = waiting.idle > 0;
        drop(waiting);
        if is_awaited {
            self.changed.notify_one();
        }
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
            waiting.idle += 1;
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            waiting.idle -= 1;
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
        let mut waiting = self.queue.lock();
        waiting.listing -= 1;
        // Only the last one has news for those who wait: that there will be no more.
        if waiting.listing == 0 {
            self.queue.changed.notify_all();
        }
    }
}
