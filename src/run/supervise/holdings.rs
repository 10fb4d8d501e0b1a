//! What belongs to a supervisor as long as its run lasts: its lock, and the order and seal that a next one needs. Where that
//! is taken away it is put back, with the journal: the tasks go on, and nobody may think that they do not.

use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};

use super::super::identity::{self, Identity};
use super::super::lock::{Lock, PutBack};
use super::super::record::Keeper;
use super::super::request::Request;
use super::super::root::Root;
use super::super::{Level, Order, RunPaths, private, system, watch};
use super::{Input, pulse};

/// How long to wait before what could not be put back is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// After how many tries in a row that find another process with the lock that is there the run is that one's.
const TRIES: u32 = 5;

/// The run's files, as they were when this process took the run.
pub(super) struct Holdings {
    root: Root,
    paths: RunPaths,
    /// `None`: the order of an earlier version has no workspace.
    identity: Option<Identity>,
    lock: Lock,
    order: File,
    seal: File,
}

/// The holdings, until the run has ended.
#[derive(Clone)]
pub(super) struct Shared(Arc<Mutex<Option<Holdings>>>);

impl Holdings {
    /// Blocking.
    pub(super) fn open(order: &Order, paths: &RunPaths, lock: Lock) -> io::Result<Self> {
        let identity = Identity { nonce: order.workspace.clone(), state_dir: order.state_dir.clone() };
        Ok(Self {
            root: Root::open(&order.root),
            paths: paths.clone(),
            identity: Some(identity).filter(|identity| !identity.nonce.is_empty()),
            lock,
            order: private::open(&paths.order())?,
            seal: private::open(&paths.seal())?,
        })
    }

    /// Blocking.
    fn put_back(&mut self) -> io::Result<PutBack> {
        if self.is_in_place() || !self.root.is_there() {
            return Ok(PutBack::InPlace);
        }
        self.root.make_run_folder(self.paths.dir())?;
        // The lock first: it says that the run has a supervisor.
        if self.lock.put_back(&self.paths.lock())? == PutBack::ByAnother {
            return Ok(PutBack::ByAnother);
        }
        private::claim(self.paths.dir(), &self.paths.requests())?;
        if !self.paths.supervisor_log().exists() {
            rustix::stdio::dup2_stderr(private::append(&self.paths.supervisor_log())?)?;
        }
        self.identity.as_ref().map_or(Ok(()), identity::claim)?;
        for (file, path) in [(&mut self.order, self.paths.order()), (&mut self.seal, self.paths.seal())] {
            if !private::is_at(file, &path) {
                private::write_whole(&path, &private::text(file)?)?;
                *file = private::open(&path)?;
            }
        }
        // Requests that come now lie in another folder than the one that is watched.
        watch::renew(self.paths.dir());
        Ok(PutBack::Done)
    }

    fn is_in_place(&self) -> bool {
        self.lock.is_at(&self.paths.lock())
            && private::is_at(&self.order, &self.paths.order())
            && private::is_at(&self.seal, &self.paths.seal())
            && self.paths.requests().is_dir()
    }
}

impl Shared {
    pub(super) fn new(holdings: Holdings) -> Self {
        Self(Arc::new(Mutex::new(Some(holdings))))
    }

    /// Lets go of the run. Blocking.
    pub(super) fn let_go(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Puts back what was taken away; `None`: the run has ended.
    pub(super) async fn put_back(&self) -> Option<io::Result<PutBack>> {
        self.with(Holdings::put_back).await
    }

    /// All that is done each time, at once: each thread that wakes for it wakes the processor. Says what was put back, and
    /// whether the journal is in its place; see [`pulse`], too. `None`: the run has ended.
    async fn look(&self, journal: impl FnOnce() -> bool + Send + 'static) -> Option<(io::Result<PutBack>, bool)> {
        let look = |holdings: &mut Holdings| {
            let put_back = holdings.put_back();
            pulse::set_time(&holdings.lock);
            (put_back, journal())
        };
        self.with(look).await
    }

    async fn with<T: Send + 'static>(&self, does: impl FnOnce(&mut Holdings) -> T + Send + 'static) -> Option<T> {
        let Self(shared) = self.clone();
        let done = move || shared.lock().unwrap_or_else(PoisonError::into_inner).as_mut().map(does);
        tokio::task::spawn_blocking(done).await.ok().flatten()
    }
}

/// Keeps the pulse, and all in its place, until the run has ended. `missed`: somebody saw that something is missing.
pub(super) async fn keep(holdings: Shared, mut journal: Keeper, missed: Arc<Notify>, mail: mpsc::Sender<Input>) {
    let mut pause = pulse::EVERY;
    let mut tries = 0;
    let mut told = None;
    loop {
        if tokio::time::timeout(pause, missed.notified()).await.is_ok() {
            // Whatever takes a folder away may not be through with it.
            tokio::time::sleep(RETRY_AFTER).await;
        }
        let Some((put_back, has_journal)) = holdings.look(journal.look()).await else { return };
        let is_lost = matches!(put_back, Ok(PutBack::ByAnother));
        tries = if is_lost { tries + 1 } else { 0 };
        let news = match put_back {
            Ok(PutBack::InPlace) => None,
            Ok(PutBack::Done) => Some("files of the run were taken away, and are back".to_owned()),
            Ok(PutBack::ByAnother) if tries < TRIES => None,
            Ok(PutBack::ByAnother) => {
                Some("the run's lock was taken away, and another process has it: the run ends".to_owned())
            }
            Err(ref error) => Some(format!("files of the run were taken away and cannot be put back: {error}")),
        };
        pause = if is_lost || put_back.is_err() { RETRY_AFTER } else { pulse::EVERY };
        if let Some(news) = news.filter(|news| told.as_ref() != Some(news)) {
            system::note(format_args!("feature-build supervisor: {news}"));
            told = Some(news);
        }
        if tries == TRIES {
            // Two may not own one run.
            let cancel = Request::Cancel { level: Level::Terminate, tasks: None };
            let _ = mail.send(Input::Request(cancel)).await;
        }
        if !journal.is_open() {
            return;
        }
        if !has_journal {
            journal.put_back().await;
        }
    }
}
