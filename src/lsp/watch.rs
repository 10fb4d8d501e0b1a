//! Watching files where the editor cannot, and for new runs, which no editor watches.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tower_lsp::ls_types::{DidChangeWatchedFilesRegistrationOptions, FileSystemWatcher, GlobPattern, Registration};

use super::main_loop::Happening;
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

/// A watch on the files of a root: ends when dropped.
pub(super) struct FileWatch {
    _watcher: RecommendedWatcher,
}

impl FileWatch {
    /// Watches a root's own files and the dialects' folders. Blocking: large folders take a while.
    pub(super) fn new(root: &Path, told: mpsc::Sender<Happening>) -> notify::Result<Self> {
        let of = root.to_path_buf();
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let Ok(event) = event else { return };
            if event.kind.is_access() {
                return;
            }
            // This thread belongs to the watcher: it may wait for the loop.
            let _ = told.blocking_send(Happening::Files { root: of.clone(), paths: event.paths });
        })?;
        watcher.watch(root, RecursiveMode::NonRecursive)?;
        for folder in DEEP.map(|folder| root.join(folder)).iter().filter(|folder| folder.is_dir()) {
            watcher.watch(folder, RecursiveMode::Recursive)?;
        }
        Ok(Self { _watcher: watcher })
    }

    /// What changed since then, before anybody watched it: files, and folders in which one came or went. Blocking.
    pub(super) fn missed(root: &Path, since: SystemTime) -> Vec<PathBuf> {
        let since = since.checked_sub(CLOCKS_DIFFER).unwrap_or(since);
        let is_new =
            |path: &Path| path.symlink_metadata().and_then(|about| about.modified()).is_ok_and(|at| at >= since);
        let (mut missed, mut folders) = (Vec::new(), vec![root.to_path_buf()]);
        while let Some(folder) = folders.pop() {
            for entry in folder.read_dir().into_iter().flatten().flatten() {
                let path = entry.path();
                if is_new(&path) {
                    missed.push(path); // a folder with all that is in it
                } else if entry.file_type().is_ok_and(|kind| kind.is_dir())
                    && (folder != root || Self::is_deep(root, &path))
                {
                    folders.push(path);
                }
            }
        }
        missed
    }

    /// Would a new folder of this path have to be watched?
    pub(super) fn is_deep(root: &Path, path: &Path) -> bool {
        DEEP.iter().any(|folder| root.join(folder) == path)
    }
}

/// Tells of every new run as soon as its folder is there, whoever started it, for as long as the server lives.
pub(super) async fn new_runs(root: PathBuf, mut new: NewRuns, told: mpsc::Sender<Happening>) {
    loop {
        let run = new.next().await;
        if told.send(Happening::RunSeen { root: root.clone(), run }).await.is_err() {
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
        let mut missed = FileWatch::missed(root, SystemTime::now());
        missed.sort();
        assert_eq!(missed, ["tasks/backlog/f/new.md", "tasks/changed", "x.yaml"].map(|path| root.join(path)));
    }
}
