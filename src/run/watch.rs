//! Being told that a file changed, with a slow look beside it: inotify runs out, and misses network file systems.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;

/// One watcher for the whole process: a user may have only some hundred inotify instances, and a server may follow as
/// many runs.
struct Hub {
    watcher: Mutex<RecommendedWatcher>,
    listeners: Arc<Mutex<Listeners>>,
}

type Listeners = HashMap<PathBuf, Vec<Weak<Notify>>>;

fn hub() -> Option<&'static Hub> {
    static HUB: OnceLock<Option<Hub>> = OnceLock::new();
    HUB.get_or_init(Hub::new).as_ref()
}

impl Hub {
    /// `None` where the system has no watcher left: then the slow look has to do.
    fn new() -> Option<Self> {
        let listeners = Arc::new(Mutex::new(Listeners::new()));
        let told = Arc::clone(&listeners);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| match event {
            // Looking at a file is no change of it: answering it with another look would never end.
            Ok(event) if matches!(event.kind, EventKind::Access(_)) => {}
            Ok(event) => event.paths.iter().for_each(|path| wake(&told, path)),
            Err(_) => wake_all(&told),
        });
        Some(Self { watcher: Mutex::new(watcher.ok()?), listeners })
    }

    fn add(&self, path: &Path, listener: &Arc<Notify>) -> bool {
        let mut watcher = self.watcher.lock().unwrap_or_else(PoisonError::into_inner);
        if watcher.watch(path, RecursiveMode::NonRecursive).is_err() {
            return false;
        }
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.entry(path.to_path_buf()).or_default().push(Arc::downgrade(listener));
        true
    }

    fn remove(&self, path: &Path) {
        let mut watcher = self.watcher.lock().unwrap_or_else(PoisonError::into_inner);
        if self.has_no_listener(path) {
            // The file may be gone, and the watch with it.
            let _ = watcher.unwatch(path);
        }
    }

    /// Takes the dead ones out. The list is not held while the watcher is spoken to: that one answers from the thread
    /// which, telling of a change, waits for the list.
    fn has_no_listener(&self, path: &Path) -> bool {
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(of_path) = listeners.get_mut(path) else { return false };
        of_path.retain(|listener| listener.strong_count() > 0);
        let none = of_path.is_empty();
        if none {
            listeners.remove(path);
        }
        none
    }
}

/// Whoever watches the path, or the folder that it lies in.
fn wake(listeners: &Mutex<Listeners>, path: &Path) {
    let listeners = listeners.lock().unwrap_or_else(PoisonError::into_inner);
    let of_path = listeners.get(path).into_iter().chain(path.parent().and_then(|parent| listeners.get(parent)));
    of_path.flatten().filter_map(Weak::upgrade).for_each(|listener| listener.notify_one());
}

/// Events were lost: anything may have changed.
fn wake_all(listeners: &Mutex<Listeners>) {
    let listeners = listeners.lock().unwrap_or_else(PoisonError::into_inner);
    listeners.values().flatten().filter_map(Weak::upgrade).for_each(|listener| listener.notify_one());
}

/// A file or folder that is watched as long as this lives.
#[derive(Debug)]
pub(super) struct Watched {
    path: PathBuf,
    changed: Option<Arc<Notify>>,
    registered: bool,
    missing: bool,
}

impl Watched {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_path_buf(), changed: Some(Arc::new(Notify::new())), registered: false, missing: false }
    }

    /// Begins to be told, where the path exists and the system can. Blocking; call again until it exists. What changed
    /// before is not told: look afterwards.
    pub(super) fn register(&mut self) {
        if self.registered {
            return;
        }
        let (Some(hub), Some(changed)) = (hub(), &self.changed) else { return };
        let was_there = self.path.exists();
        self.registered = hub.add(&self.path, changed);
        self.missing = !was_there && !self.registered;
    }

    /// Whether what changes from now on is told.
    pub(super) fn is_registered(&self) -> bool {
        self.registered
    }

    /// Whether nothing is told because the path did not exist when it was last looked for.
    pub(super) fn is_missing(&self) -> bool {
        self.missing
    }

    /// Waits for a change, at most as long as `look`; false where the time passed without one. Cancel safe.
    pub(super) async fn changed(&self, look: Duration) -> bool {
        let Some(changed) = &self.changed else { return false };
        tokio::time::timeout(look, changed.notified()).await.is_ok()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.changed = None;
        if let (true, Some(hub)) = (self.registered, hub()) {
            hub.remove(&self.path);
        }
    }
}
