//! Watching files where the editor cannot, and for new runs, which no editor watches.

use std::path::{Path, PathBuf};

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
