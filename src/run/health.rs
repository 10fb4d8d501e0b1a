//! Whether the state folder takes what a run has to write.
//!
//! A full disk cannot be told of in a file that would have to grow. So each run has a file of one fixed size from its
//! start, which is written again in place. (A file system that never writes in place may refuse that too; then the
//! journal's event, written when there is room, is all that tells.)

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use super::watch::Watched;
use super::{Event, RunPaths, journal};
use crate::task::TaskId;
use crate::workspace::private;

/// Less than a page: a reader sees an old text or a new one.
const SIZE: usize = 512;
/// The longest reason that fits with all its quotes escaped.
const LONGEST_REASON: usize = 200;

/// The state folder cannot be written just now; the run goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Degraded {
    /// What the system says.
    pub reason: String,
    /// Since when (RFC 3339, UTC).
    pub since: String,
}

/// Whether a run that goes on has trouble with its state folder; `None`: all is well, or nothing is known. What a
/// supervisor that died has left here means nothing: ask about living runs only. Blocking.
pub fn degraded(run_dir: &Path) -> Option<Degraded> {
    let text = private::read(&RunPaths::at(run_dir).health(), SIZE as u64).ok()?;
    serde_json::from_slice(&text).ok()
}

/// How often a follower looks at a run's health.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A follower's look at a run's health, again and again.
#[derive(Debug)]
pub struct Checkups {
    run_dir: PathBuf,
    /// `None` while somebody looks.
    watched: Option<Watched>,
    looking: Option<JoinHandle<(Watched, Option<Degraded>)>>,
    /// When to look next, if nothing is heard before.
    look_at: Instant,
    seen: Option<Degraded>,
}

impl Checkups {
    /// Of the run whose folder this is.
    pub fn new(run_dir: &Path) -> Self {
        Self {
            run_dir: run_dir.to_path_buf(),
            watched: Some(Watched::new(&RunPaths::at(run_dir).health())),
            looking: None,
            look_at: Instant::now(),
            seen: None,
        }
    }

    /// Waits until the run has become degraded; each time is told once. Cancel safe: a look is a task of its own that this
    /// keeps hold of.
    pub async fn degraded(&mut self) -> Degraded {
        loop {
            if let Some(watched) = &self.watched
                && !watched.changed_within(self.look_at.saturating_duration_since(Instant::now())).await
            {
                watched.heard_nothing();
            }
            if let Some(mut watched) = self.watched.take() {
                let dir = self.run_dir.clone();
                self.looking = Some(tokio::task::spawn_blocking(move || {
                    watched.register();
                    let now = degraded(&dir);
                    (watched, now)
                }));
            }
            let Some(looking) = &mut self.looking else { return std::future::pending().await };
            let looked = looking.await;
            self.looking = None;
            let Ok((watched, now)) = looked else { return std::future::pending().await };
            self.look_at = Instant::now() + watched.patience(LOOK_EVERY);
            self.watched = Some(watched);
            if now == self.seen {
                continue;
            }
            self.seen.clone_from(&now);
            if let Some(degraded) = now {
                return degraded;
            }
        }
    }
}

/// What has trouble.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    Journal,
    Task(TaskId),
}

/// The health of one run: written by whoever writes its journal.
#[derive(Debug)]
pub(super) struct Health {
    /// `None` where it could not be made: then only the journal tells.
    file: Option<File>,
    troubles: BTreeMap<Source, String>,
    /// Since when, and why at first.
    since: Option<(Instant, Degraded)>,
}

impl Health {
    /// Makes the file, or takes over the one that is there; nothing is known to be wrong. Blocking.
    pub(super) fn open(path: &Path) -> Self {
        let file = private::options().write(true).create(true).truncate(false).open(path);
        let health = Self { file: file.ok(), troubles: BTreeMap::new(), since: None };
        health.write();
        health
    }

    /// Something could not be written. Blocking.
    pub(super) fn ill(&mut self, source: Source, reason: &str) {
        let reason: String = reason.chars().filter(|letter| !letter.is_control()).take(LONGEST_REASON).collect();
        self.troubles.insert(source, reason.clone());
        if self.since.is_none() {
            self.since = Some((Instant::now(), Degraded { reason, since: journal::now() }));
            self.write();
        }
    }

    /// What has to be recorded when all trouble is over; `None` where there is none.
    pub(super) fn ends(&self) -> Option<Event> {
        let (at, degraded) = self.since.as_ref()?;
        let for_ms = u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX);
        Some(Event::RunDegraded { reason: degraded.reason.clone(), for_ms })
    }

    /// Nothing is wrong any more. Blocking.
    pub(super) fn clear(&mut self) {
        self.troubles.clear();
        if self.since.take().is_some() {
            self.write();
        }
    }

    /// What has to be recorded when this trouble is over; `None` where there is none, or other trouble goes on.
    pub(super) fn ends_with(&self, source: &Source) -> Option<Event> {
        let is_last = self.troubles.len() == 1 && self.troubles.contains_key(source);
        self.ends().filter(|_| is_last)
    }

    /// It could be written, or need not be any more. Blocking.
    pub(super) fn well(&mut self, source: &Source) {
        self.troubles.remove(source);
        if self.troubles.is_empty() {
            self.clear();
        }
    }

    fn write(&self) {
        let Some(file) = &self.file else { return };
        let state = self.since.as_ref().map(|(_, degraded)| degraded);
        let mut text = serde_json::to_vec(&state).unwrap_or_default();
        text.resize(SIZE, b' ');
        // Nothing could be told of this failure in any other way.
        let _ = file.write_all_at(&text, 0);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn task(id: &str) -> Source {
        Source::Task(TaskId::new(id).unwrap())
    }

    #[test]
    fn a_run_is_degraded_until_the_last_trouble_is_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = RunPaths::at(dir.path()).health();
        let mut health = Health::open(&path);
        assert_eq!(degraded(dir.path()), None);
        health.ill(task("A"), "no \"room\"\n left");
        health.ill(Source::Journal, &"\"".repeat(1000));
        assert_eq!(degraded(dir.path()).unwrap().reason, "no \"room\" left");
        assert_eq!(health.ends_with(&Source::Journal), None, "A goes on");
        health.well(&task("A"));
        assert_eq!(health.ends_with(&task("B")), None);
        assert!(degraded(dir.path()).is_some());
        let over = health.ends_with(&Source::Journal);
        assert!(matches!(over, Some(Event::RunDegraded { reason, .. }) if reason == "no \"room\" left"));
        health.well(&Source::Journal);
        assert_eq!(degraded(dir.path()), None);
        assert_eq!(health.ends_with(&Source::Journal), None, "said once");
        assert_eq!(std::fs::metadata(path).unwrap().len(), SIZE as u64);
    }

    #[test]
    fn the_longest_reason_fits() {
        let dir = tempfile::tempdir().unwrap();
        let mut health = Health::open(&RunPaths::at(dir.path()).health());
        health.ill(Source::Journal, &"\"".repeat(1000));
        assert_eq!(degraded(dir.path()).unwrap().reason.len(), LONGEST_REASON);
    }
}
