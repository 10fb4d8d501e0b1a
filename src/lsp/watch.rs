//! Watching files where the editor cannot, and the folder of runs, which no editor watches.

use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::{Notify, mpsc};
use tower_lsp::ls_types::{DidChangeWatchedFilesRegistrationOptions, FileSystemWatcher, GlobPattern, Registration};

use super::main_loop::Happening;
use crate::run::{RunId, runs_dir};
use crate::task::TaskId;
use std::collections::HashSet;
use std::sync::Arc;

/// What an editor is asked to watch: tasks, summaries, feature files, the configuration; and the folders of the
/// dialects, since a folder that goes is one event for the folder.
const GLOBS: [&str; 3] = ["**/*.md", "**/*.{yml,yaml}", "**/{tasks,.planning,backlog,.guardkit}/**"];
/// Folders of a root that are watched with all that is in them.
const DEEP: [&str; 4] = ["tasks", ".planning", "backlog", ".guardkit"];
/// How often the folder of runs is read though nothing was told: `inotify` runs out of watches and misses network
/// file systems.
const SLOW_POLL: Duration = Duration::from_secs(2);

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

/// Tells of every run that is not in `known` as soon as its folder is there, whoever started it, for as long as the
/// server lives.
pub(super) async fn new_runs(
    root: PathBuf,
    state_dir: PathBuf,
    mut known: HashSet<RunId>,
    told: mpsc::Sender<Happening>,
) {
    let stirred = Arc::new(Notify::new());
    let mut watching: Option<(PathBuf, RecommendedWatcher)> = None;
    loop {
        let nearest = nearest_folder(&runs_dir(&state_dir));
        if watching.as_ref().map(|(folder, _)| folder) != nearest.as_ref() {
            watching = nearest.and_then(|folder| Some((folder.clone(), stirring(&folder, &stirred)?)));
        }
        let folder = runs_dir(&state_dir);
        let names = tokio::task::spawn_blocking(move || run_folders(&folder)).await.unwrap_or_default();
        known.retain(|run| names.contains(run)); // pruned runs are not remembered for ever
        for run in names {
            if known.insert(run.clone()) && told.send(Happening::RunSeen { root: root.clone(), run }).await.is_err() {
                return;
            }
        }
        tokio::select! {
            () = stirred.notified() => {}
            () = tokio::time::sleep(SLOW_POLL) => {}
        }
    }
}

/// The runs that have a folder. Blocking.
pub(super) fn run_folders(folder: &Path) -> HashSet<RunId> {
    let Ok(entries) = std::fs::read_dir(folder) else { return HashSet::new() };
    entries.flatten().filter_map(|entry| Some(RunId(TaskId::new(entry.file_name().to_str()?).ok()?))).collect()
}

/// The folder itself, or the nearest that it will be made in.
fn nearest_folder(folder: &Path) -> Option<PathBuf> {
    folder.ancestors().take(3).find(|folder| folder.is_dir()).map(Path::to_path_buf)
}

fn stirring(folder: &Path, stirred: &Arc<Notify>) -> Option<RecommendedWatcher> {
    let stirred = Arc::clone(stirred);
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if event.is_ok_and(|event| !event.kind.is_access()) {
            stirred.notify_one();
        }
    })
    .ok()?;
    watcher.watch(folder, RecursiveMode::NonRecursive).ok()?;
    Some(watcher)
}
