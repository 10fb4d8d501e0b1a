//! Watching files where the editor cannot, and for new runs, which no editor watches.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use notify::event::{CreateKind, EventKind, ModifyKind, RenameMode};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tower_lsp::ls_types::{DidChangeWatchedFilesRegistrationOptions, FileSystemWatcher, GlobPattern, Registration};

use super::message::Event;
use crate::run::NewRuns;

/// What an editor is asked to watch: tasks, summaries, feature files, the configuration; and the folders of the
/// dialects, since a folder that goes is one event for the folder.
const GLOBS: [&str; 3] = ["**/*.md", "**/*.{yml,yaml}", "**/{tasks,.planning,backlog,.guardkit}/**"];
/// Folders of a root that are watched with all that is in them.
const DEEP: [&str; 4] = ["tasks", ".planning", "backlog", ".guardkit"];
/// A file system may give its files other times than the clock says: coarser ones, or those of another machine.
const CLOCKS_DIFFER: Duration = Duration::from_secs(2);
/// The request that makes the editor watch.
pub(super) fn registration() -> Registration {
    let watchers = GLOBS
        .iter()
        .map(|glob| FileSystemWatcher { glob_pattern: GlobPattern::String((*glob).into()), kind: None })
        .collect();
    Registration {
        id: "feature-build/files".into(),
        method: "workspace/didChangeWatchedFiles".into(),
        register_options: serde_json::to_value(DidChangeWatchedFilesRegistrationOptions { watchers }).ok(),
    }
}

/// No root takes more watches of the system's than this: all programs of a user share them.
const MOST_FOLDERS: usize = 8192;
/// Nor more than this part of what one user may have.
const SHARE: usize = 4;
/// Where Linux says how many watches one user may have.
const WATCHES: &str = "/proc/sys/fs/inotify/max_user_watches";
/// How long the server waits between two looks at the files that it is not told about.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Looking takes no more than this part of a processor, however many files there are.
const LOOK_SHARE: u32 = 20;
/// More changes than this are not told one by one.
const MOST_MISSED: usize = 10_000;

/// A watch on the files of a root: ends when dropped.
pub(super) enum FileWatch {
    /// The system tells of changes.
    Told { _watcher: RecommendedWatcher },
    /// The server looks for them.
    Looking(AbortHandle),
}

/// Why changes of files are not told, or not all of them.
#[derive(Debug, Error)]
pub(super) enum Deaf {
    #[error(
        "the system gives no further watch ({0}; on Linux `fs.inotify.max_user_watches` and \
         `fs.inotify.max_user_instances` say how many a user may have)"
    )]
    NoneLeft(notify::Error),
    #[error("they have more than {0} folders, and watches of all programs are counted together")]
    TooMany(usize),
    #[error("more of them changed at once than the system could tell")]
    Overflow,
}

impl FileWatch {
    /// Watches a root's own files and the dialects' folders. No link is followed: it may lead to the whole disk.
    /// Blocking: large folders take a while.
    pub(super) fn new(root: &Path, told: mpsc::Sender<Event>) -> Result<Self, Deaf> {
        let most = most_folders();
        let deep: Vec<PathBuf> =
            DEEP.iter().map(|folder| root.join(folder)).filter(|folder| is_folder_inside(root, folder)).collect();
        let folders: usize = deep.iter().map(|folder| count_folders(folder, most)).sum();
        if folders > most {
            return Err(Deaf::TooMany(most));
        }
        // The watcher is told nothing where its thread cannot be started, and panics then.
        crate::run::can_start_thread().map_err(|error| Deaf::NoneLeft(notify::Error::io(error)))?;
        let handler = handler(root.to_path_buf(), told, most, folders);
        let config = notify::Config::default().with_follow_symlinks(false);
        let mut watcher = RecommendedWatcher::new(handler, config).map_err(Deaf::NoneLeft)?;
        watcher.watch(root, RecursiveMode::NonRecursive).map_err(Deaf::NoneLeft)?;
        for folder in &deep {
            match watcher.watch(folder, RecursiveMode::Recursive) {
                // It has gone meanwhile, which the watch on the root tells.
                Err(error) if !folder.is_dir() => drop(error),
                watched => watched.map_err(Deaf::NoneLeft)?,
            }
        }
        Ok(Self::Told { _watcher: watcher })
    }

    /// Looks for what changed since then, now and again.
    pub(super) fn look(root: &Path, since: SystemTime, told: mpsc::Sender<Event>) -> Self {
        Self::Looking(tokio::spawn(look(root.to_path_buf(), since, told)).abort_handle())
    }

    /// What changed since then, before anybody watched it: files, and folders in which one came or went; `None`: more
    /// than is worth telling. Blocking.
    pub(super) fn missed(root: &Path, since: SystemTime) -> Option<Vec<PathBuf>> {
        let since = since.checked_sub(CLOCKS_DIFFER).unwrap_or(since);
        let is_new =
            |path: &Path| path.symlink_metadata().and_then(|about| about.modified()).is_ok_and(|at| at >= since);
        let (mut missed, mut folders) = (Vec::new(), vec![root.to_path_buf()]);
        while let Some(folder) = folders.pop() {
            for entry in folder.read_dir().into_iter().flatten().flatten() {
                let path = entry.path();
                if is_new(&path) {
                    missed.push(path); // a folder with all that is in it
                } else if folder == root && Self::is_deep(root, &path) {
                    folders.extend(Some(path).filter(|path| is_folder_inside(root, path)));
                } else if folder != root && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    folders.push(path);
                }
            }
            if missed.len() > MOST_MISSED {
                return None;
            }
        }
        Some(missed)
    }

    /// Would a new folder of this path have to be watched?
    pub(super) fn is_deep(root: &Path, path: &Path) -> bool {
        DEEP.iter().any(|folder| root.join(folder) == path)
    }
}

impl Drop for FileWatch {
    fn drop(&mut self) {
        if let Self::Looking(task) = self {
            task.abort();
        }
    }
}

/// What the watcher's thread does with an event. It may wait for the loop.
fn handler(
    root: PathBuf,
    told: mpsc::Sender<Event>,
    most: usize,
    mut folders: usize,
) -> impl FnMut(notify::Result<notify::Event>) {
    move |event| {
        let deaf = match event {
            Ok(event) if event.need_rescan() => Deaf::Overflow,
            Ok(event) if event.kind.is_access() => return,
            Ok(event) => {
                folders += event.paths.iter().map(|path| folders_that_came(&event.kind, path, most)).sum::<usize>();
                let files = Event::Files { root: root.clone(), paths: event.paths };
                if told.blocking_send(files).is_err() || folders <= most {
                    return;
                }
                // Told once: what comes from this watch until it is dropped is no other news.
                folders = 0;
                Deaf::TooMany(most)
            }
            Err(error) => Deaf::NoneLeft(error),
        };
        // The loop has ended: nobody is left to be told.
        let _ = told.blocking_send(Event::Deaf { root: root.clone(), since: None, why: deaf });
    }
}

/// How many folders an event brings that the watcher watches from now on.
fn folders_that_came(kind: &EventKind, path: &Path, most: usize) -> usize {
    match kind {
        EventKind::Create(CreateKind::Folder) => 1,
        EventKind::Modify(ModifyKind::Name(RenameMode::To)) => count_folders(path, most),
        _ => 0,
    }
}

/// How many watches one root may have.
fn most_folders() -> usize {
    let limit = std::fs::read_to_string(WATCHES).ok().and_then(|text| text.trim().parse::<usize>().ok());
    limit.map_or(MOST_FOLDERS, |limit| MOST_FOLDERS.min(limit / SHARE))
}

/// A folder of the root, which may be a link to another place inside.
fn is_folder_inside(root: &Path, folder: &Path) -> bool {
    folder.canonicalize().is_ok_and(|real| real.starts_with(root) && real != root && real.is_dir())
}

/// How many folders this one is and has, links not followed; counts no further than one more than `most`. Blocking.
fn count_folders(folder: &Path, most: usize) -> usize {
    if !folder.is_dir() {
        return 0;
    }
    let (mut count, mut folders) = (0, vec![folder.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        count += 1;
        if count > most {
            break;
        }
        let inside = folder.read_dir().into_iter().flatten().flatten();
        let inside = inside.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        folders.extend(inside.map(|entry| entry.path()));
    }
    count
}

async fn look(root: PathBuf, mut since: SystemTime, told: mpsc::Sender<Event>) {
    loop {
        let (at, began) = (root.clone(), SystemTime::now());
        let timed = move || (FileWatch::missed(&at, since), began.elapsed().unwrap_or_default());
        // The runtime ends, and the server with it.
        let Ok((paths, took)) = tokio::task::spawn_blocking(timed).await else { return };
        since = began;
        if told.send(Event::Missed { root: root.clone(), paths }).await.is_err() {
            return;
        }
        tokio::time::sleep(LOOK_EVERY.max(took * LOOK_SHARE)).await;
    }
}

/// Tells of every new run as soon as its folder is there, whoever started it, for as long as the server lives.
pub(super) async fn new_runs(root: PathBuf, mut new: NewRuns, told: mpsc::Sender<Event>) {
    loop {
        let run = new.next().await;
        if told.send(Event::RunSeen { root: root.clone(), run }).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_changed_before_the_watch_stood_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let long_ago = SystemTime::now() - Duration::from_secs(3600);
        let all =
            ["tasks/backlog/f/old.md", "tasks/backlog/f/new.md", "tasks/changed/any.md", "docs/elsewhere.md", "x.yaml"];
        for file in all {
            std::fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
            std::fs::write(root.join(file), "").unwrap();
        }
        for old in [all[0], all[2], "tasks/backlog/f", "tasks/backlog", "tasks", "docs"] {
            std::fs::File::open(root.join(old)).unwrap().set_modified(long_ago).unwrap();
        }
        let mut missed = FileWatch::missed(root, SystemTime::now()).unwrap();
        missed.sort();
        assert_eq!(missed, ["tasks/backlog/f/new.md", "tasks/changed", "x.yaml"].map(|path| root.join(path)));
    }
}
