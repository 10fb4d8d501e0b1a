//! A guard without a supervisor: it looks for the next one, and speaks with that one through files.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::super::{lock, private};
use super::Wanted;

/// How often to look for a supervisor, and for its word.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// No word is longer, neither the supervisor's nor the guard's.
pub(in crate::run) const LONGEST_WORD: u64 = 64 << 10;

/// Where a guard and a supervisor that did not start it find each other.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::run) struct Link {
    /// The run's lock: held by somebody means that the attempt is adopted.
    pub(in crate::run) lock: PathBuf,
    /// What is wanted of the task, written by the supervisor.
    pub(in crate::run) wanted: PathBuf,
    /// The newest progress, written by the guard.
    pub(in crate::run) progress: PathBuf,
}

/// The state of a guard whose supervisor died. Another one may come, and die as well.
#[derive(Debug)]
pub(super) struct Orphan {
    /// Since when nobody owns the run.
    alone_since: Option<Instant>,
    look_at: Instant,
}

impl Orphan {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self { alone_since: Some(now), look_at: now }
    }

    /// Looks, where it is time to: what a supervisor wants.
    pub(super) fn look(&mut self, link: &Link) -> Option<Wanted> {
        let now = Instant::now();
        if now < self.look_at {
            return None;
        }
        self.look_at = now + LOOK_EVERY;
        if lock::is_held(&link.lock) {
            self.alone_since = None;
        } else {
            self.alone_since.get_or_insert(now);
        }
        serde_json::from_slice(&private::read(&link.wanted, LONGEST_WORD).ok()?).ok()
    }

    pub(super) fn look_at(&self) -> Instant {
        self.look_at
    }

    /// When it has been alone for too long.
    pub(super) fn deadline(&self, limit: Duration) -> Option<Instant> {
        self.alone_since?.checked_add(limit)
    }

    /// Says it to whoever supervises now. Progress that cannot be written is old in a second.
    pub(super) fn say_progress(&self, link: &Link, text: &str) {
        let _ = private::write_whole(&link.progress, text.as_bytes());
    }
}
