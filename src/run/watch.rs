//! Being told that a file changed, with a look beside it: inotify runs out, and misses network file systems. Where it tells
//! of all, nobody wakes to look for what it would have told.

use std::collections::HashMap;
use std::io::{self, IsTerminal as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Once, OnceLock, PoisonError, Weak};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, ModifyKind, RenameMode};
use notify::{ErrorKind, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;

use super::system;

/// How often to look all the same where the system tells of all changes.
pub(super) const SELDOM: Duration = Duration::from_secs(30);
/// How many looks follow at the usual pace when something was heard, or the watch has just begun: what comes together with
/// it may be a moment late, such as the end of a process behind that of its files.
pub(super) const LOOKS_BEHIND: u32 = 4;

/// One watcher for the whole process: a user may have only some hundred inotify instances, and a server may follow as
/// many runs.
struct Hub {
    watcher: Mutex<RecommendedWatcher>,
    listeners: Arc<Mutex<Listeners>>,
}

type Listeners = HashMap<PathBuf, Vec<Weak<Listener>>>;

/// Whoever is told of a path.
#[derive(Debug, Default)]
struct Listener {
    changed: Notify,
    /// The watch may be gone, whatever has the path now.
    lost: AtomicBool,
}

fn hub() -> Option<&'static Hub> {
    static HUB: OnceLock<Option<Hub>> = OnceLock::new();
    HUB.get_or_init(Hub::new).as_ref()
}

impl Hub {
    /// `None` where the system has no watcher left, or no room for its thread: then the slow look has to do.
    fn new() -> Option<Self> {
        // The watcher would say nothing where its thread cannot be started.
        system::can_start_thread().ok()?;
        let listeners = Arc::new(Mutex::new(Listeners::new()));
        let told = Arc::clone(&listeners);
        let watcher = notify::recommended_watcher(move |event| tell(&told, event));
        let watcher = watcher.inspect_err(tell_once).ok()?;
        Some(Self { watcher: Mutex::new(watcher), listeners })
    }

    fn add(&self, path: &Path, listener: &Arc<Listener>) -> bool {
        let mut watcher = self.watcher.lock().unwrap_or_else(PoisonError::into_inner);
        // Before the watch begins: the end of an older one may be told as soon as it has.
        let was_watched = self.list(path, listener);
        // It panics where its thread is gone, or never was: this one must not go with it.
        let watched = catch_unwind(AssertUnwindSafe(|| watcher.watch(path, RecursiveMode::NonRecursive)));
        if matches!(watched, Ok(Ok(()))) {
            return true;
        }
        if let Ok(Err(error)) = watched
            && matches!(error.kind, ErrorKind::MaxFilesWatch)
        {
            tell_once(&error);
        }
        if self.has_no_listener_but(path, Some(listener)) && was_watched {
            let _ = catch_unwind(AssertUnwindSafe(|| watcher.unwatch(path)));
        }
        false
    }

    /// Puts a listener among those of a path; says whether there were some.
    fn list(&self, path: &Path, listener: &Arc<Listener>) -> bool {
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        let of_path = listeners.entry(path.to_path_buf()).or_default();
        let was_watched = !of_path.is_empty();
        if !of_path.iter().any(|other| other.as_ptr() == Arc::as_ptr(listener)) {
            of_path.push(Arc::downgrade(listener));
        }
        was_watched
    }

    fn remove(&self, path: &Path) {
        let mut watcher = self.watcher.lock().unwrap_or_else(PoisonError::into_inner);
        if self.has_no_listener_but(path, None) {
            // The file may be gone, and the watch with it; or the watcher itself.
            let _ = catch_unwind(AssertUnwindSafe(|| watcher.unwatch(path)));
        }
    }

    /// Takes this one and the dead ones out. The list is not held while the watcher is spoken to: that one answers from the thread
    /// which, telling of a change, waits for the list.
    fn has_no_listener_but(&self, path: &Path, this: Option<&Arc<Listener>>) -> bool {
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(of_path) = listeners.get_mut(path) else { return false };
        let is_this = |other: &Weak<Listener>| this.is_some_and(|this| other.as_ptr() == Arc::as_ptr(this));
        of_path.retain(|listener| listener.strong_count() > 0 && !is_this(listener));
        let none = of_path.is_empty();
        if none {
            listeners.remove(path);
        }
        none
    }
}

/// Says, once a process, that changes are heard late: in the log of a supervisor or server. Somebody at a terminal sees
/// nothing of it but that, and a line among live ones would be in the way.
fn tell_once(error: &notify::Error) {
    static TOLD: Once = Once::new();
    if !io::stderr().is_terminal() {
        TOLD.call_once(|| {
            crate::stderr::line(&format!(
                "feature-build: the system gives no further watch on files ({error}): runs are looked at now and then"
            ));
        });
    }
}

/// Passes on what the watcher tells.
fn tell(listeners: &Mutex<Listeners>, event: notify::Result<notify::Event>) {
    match event {
        // That a writer closed it tells of the end of that process.
        Ok(event) if matches!(event.kind, EventKind::Access(AccessKind::Close(AccessMode::Write))) => {
            event.paths.iter().for_each(|path| wake(listeners, path));
        }
        // Looking at a file is no change of it: answering it with another look would never end.
        Ok(event) if matches!(event.kind, EventKind::Access(_)) => {}
        // Its queue ran over.
        Ok(event) if event.need_rescan() => wake_all(listeners),
        Ok(event) => {
            if is_end(event.kind) {
                event.paths.iter().for_each(|path| lose(listeners, path));
            }
            event.paths.iter().for_each(|path| wake(listeners, path));
        }
        Err(_) => wake_all(listeners),
    }
}

/// Whether what had a path has it no more.
fn is_end(kind: EventKind) -> bool {
    let is_moved = |mode| matches!(mode, RenameMode::From | RenameMode::Both | RenameMode::Any);
    matches!(kind, EventKind::Remove(_)) || matches!(kind, EventKind::Modify(ModifyKind::Name(mode)) if is_moved(mode))
}

/// What had this path, and all that lay below it, was taken away and is there anew: whoever watches it in this process looks
/// again, at what is there now.
pub(super) fn renew(path: &Path) {
    if let Some(hub) = hub() {
        lose(&hub.listeners, path);
    }
}

/// Whoever watches the path, or the folder that it lies in.
fn wake(listeners: &Mutex<Listeners>, path: &Path) {
    let listeners = listeners.lock().unwrap_or_else(PoisonError::into_inner);
    let of_path = listeners.get(path).into_iter().chain(path.parent().and_then(|parent| listeners.get(parent)));
    of_path.flatten().filter_map(Weak::upgrade).for_each(|listener| listener.changed.notify_one());
}

/// Events were lost, an end of a file perhaps: anything may have changed.
fn wake_all(listeners: &Mutex<Listeners>) {
    lose(listeners, Path::new(""));
}

/// Something had this path and has it no more. The watcher knows its watches by their paths: with that of the old file it
/// takes away that of another one that has come to the place before this was told, and those of all that lies in a folder.
fn lose(listeners: &Mutex<Listeners>, path: &Path) {
    let listeners = listeners.lock().unwrap_or_else(PoisonError::into_inner);
    let below = listeners.iter().filter(|(watched, _)| watched.starts_with(path));
    below.flat_map(|(_, of_path)| of_path).filter_map(Weak::upgrade).for_each(|listener| {
        listener.lost.store(true, Ordering::Release);
        listener.changed.notify_one();
    });
}

/// A file or folder that is watched as long as this lives.
#[derive(Debug)]
pub(super) struct Watched {
    path: PathBuf,
    listener: Option<Arc<Listener>>,
    registered: bool,
    /// The file that is watched; another one may have come to its place since.
    file: Option<(u64, u64)>,
    missing: bool,
    /// It lies where the system tells of all changes.
    is_local: bool,
    /// How many looks are still to come at the usual pace.
    looks: AtomicU32,
}

impl Watched {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_path_buf(),
            listener: Some(Arc::default()),
            registered: false,
            file: None,
            missing: false,
            is_local: false,
            looks: AtomicU32::new(LOOKS_BEHIND),
        }
    }

    /// Begins to be told, where the path exists and the system can. Blocking; to be called before each look: the path may
    /// come to be, or be another file. What changed before is not told: look afterwards.
    pub(super) fn register(&mut self) {
        let Some(listener) = &self.listener else { return };
        let file = identity(&self.path);
        // Before the watch begins: what is lost from then on is to be seen the next time.
        let is_lost = listener.lost.swap(false, Ordering::AcqRel);
        if self.registered && file == self.file && !is_lost {
            return;
        }
        self.file = file;
        let Some(hub) = hub() else { return };
        let was_there = self.path.exists();
        self.registered = hub.add(&self.path, listener);
        self.missing = !was_there && !self.registered;
        self.is_local = self.registered && system::is_local(&self.path);
        self.looks.store(LOOKS_BEHIND, Ordering::Relaxed);
    }

    /// Whether what changes from now on is told.
    pub(super) fn is_registered(&self) -> bool {
        self.registered
    }

    /// Whether nothing is told because the path did not exist when it was last looked for.
    pub(super) fn is_missing(&self) -> bool {
        self.missing
    }

    /// When to look next, if nothing is heard before: after `look`, the usual time, or much later.
    pub(super) fn patience(&self, look: Duration) -> Duration {
        if self.is_local && self.looks.load(Ordering::Relaxed) == 0 { SELDOM } else { look }
    }

    /// Nothing was heard for [`Self::patience`].
    pub(super) fn heard_nothing(&self) {
        let less = |looks: u32| Some(looks.saturating_sub(1));
        let _ = self.looks.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    /// Waits for a change, at most for [`Self::patience`]; false where the time passed without one. Cancel safe.
    pub(super) async fn changed(&self, look: Duration) -> bool {
        let heard = self.changed_within(self.patience(look)).await;
        if !heard {
            self.heard_nothing();
        }
        heard
    }

    /// Waits for a change, at most for so long; false where the time passed without one. Cancel safe.
    pub(super) async fn changed_within(&self, time: Duration) -> bool {
        let Some(listener) = &self.listener else { return false };
        let heard = tokio::time::timeout(time, listener.changed.notified()).await.is_ok();
        if heard {
            self.looks.store(LOOKS_BEHIND, Ordering::Relaxed);
        }
        heard
    }
}

/// Which file has this path now.
fn identity(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    path.metadata().ok().map(|about| (about.dev(), about.ino()))
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.listener = None;
        if let (true, Some(hub)) = (self.registered, hub()) {
            hub.remove(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// Takes all that is told, as who looks does: the watch is renewed before each look.
    async fn settle(watched: &mut Watched, quiet: Duration) {
        watched.register();
        while watched.changed_within(quiet).await {
            watched.register();
        }
        assert!(watched.is_registered());
    }

    /// What is told is told of the file that has the path: also where another one has come to its place, and has perhaps
    /// the number of the old one, or its watch was begun before the end of the old one was told.
    #[test]
    fn a_file_that_is_replaced_is_watched_again() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, "").unwrap();
        let mut watched = Watched::new(&path);
        watched.register();
        for round in 0..20 {
            if round % 2 == 0 {
                std::fs::remove_file(&path).unwrap();
                std::fs::write(&path, "").unwrap();
            } else {
                let other = dir.path().join("other");
                std::fs::write(&other, "").unwrap();
                std::fs::rename(other, &path).unwrap();
            }
            runtime.block_on(async {
                settle(&mut watched, Duration::from_millis(100)).await;
                std::fs::write(&path, "changed").unwrap();
                assert!(watched.changed_within(Duration::from_secs(60)).await, "round {round}");
            });
        }
    }

    /// The watcher tells of the end of the old file late, and takes the watch on the new one away: of the path itself, or of
    /// a folder above it.
    #[test]
    fn a_watch_that_is_taken_away_is_begun_again() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, "").unwrap();
        let mut watched = Watched::new(&path);
        for ended in [path.as_path(), dir.path()] {
            runtime.block_on(async {
                settle(&mut watched, Duration::from_millis(100)).await;
                let hub = hub().unwrap();
                let end = notify::Event::new(EventKind::Remove(notify::event::RemoveKind::Any));
                tell(&hub.listeners, Ok(end.add_path(ended.to_path_buf())));
                hub.watcher.lock().unwrap().unwatch(&path).unwrap();
                assert!(watched.changed_within(Duration::from_secs(60)).await, "it is told that it is to look");
                settle(&mut watched, Duration::from_millis(100)).await;
                std::fs::write(&path, "changed").unwrap();
                assert!(watched.changed_within(Duration::from_secs(60)).await, "the end of {}", ended.display());
            });
        }
    }

    /// Nobody wakes for what would be told, once it is certain that it would.
    #[test]
    fn where_all_is_told_nobody_looks_often() {
        let dir = tempfile::tempdir().unwrap();
        let mut watched = Watched::new(dir.path());
        let look = Duration::from_millis(1);
        assert_eq!(watched.patience(look), look, "it is not watched yet");
        watched.register();
        for _ in 0..LOOKS_BEHIND {
            assert_eq!(watched.patience(look), look);
            watched.heard_nothing();
        }
        assert_eq!(watched.patience(look), if system::is_local(dir.path()) { SELDOM } else { look });
    }
}
