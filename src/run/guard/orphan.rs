//! A guard without a supervisor: it looks for the next one, and speaks with that one through files.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::super::request::LEVELS;
use super::super::watch::{LOOKS_BEHIND, SELDOM};
use super::super::{lock, private, system};
use super::Wanted;

/// How often to look for a supervisor, and for its word, where nothing tells of them.
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
    /// There while output or result cannot be written, made by the guard.
    pub(in crate::run) trouble: PathBuf,
    /// How long the attempt had taken when that was long, written by the guard, taken away by the supervisor.
    pub(in crate::run) slow: PathBuf,
}

impl Link {
    /// Says what is wanted of the attempt. Blocking. On a full disk by the name of a file, where that can be said: its level.
    pub(in crate::run) fn want(&self, wanted: Wanted) -> io::Result<()> {
        let written = private::write_whole(&self.wanted, &serde_json::to_vec(&wanted)?);
        let Some((name, _)) = LEVELS.iter().find(|(_, level)| Some(*level) == wanted.level) else { return written };
        written.or_else(|_| private::create(&self.wanted.with_extension(name)).map(drop))
    }

    /// What is wanted of the attempt.
    pub(super) fn wanted(&self) -> Option<Wanted> {
        let said = private::read(&self.wanted, LONGEST_WORD).ok();
        let said = said.and_then(|text| serde_json::from_slice::<Wanted>(&text).ok());
        let is_there = |name: &str| self.wanted.with_extension(name).symlink_metadata().is_ok();
        let named = LEVELS.iter().filter(|(name, _)| is_there(name)).map(|(_, level)| *level).max();
        let Some(named) = named else { return said };
        let said = said.unwrap_or_default();
        Some(Wanted { level: said.level.max(Some(named)), ..said })
    }

    /// Says that the attempt takes long. Where there is no room for that, nobody is warned. Blocking.
    pub(super) fn say_slow(&self, after_ms: u64) {
        let _ = private::write_whole(&self.slow, after_ms.to_string().as_bytes());
    }

    /// Takes the guard's word that the attempt takes long: it is there once. Blocking.
    pub(in crate::run) fn take_slow(&self) -> Option<u64> {
        let said = private::read(&self.slow, LONGEST_WORD).ok()?;
        std::fs::remove_file(&self.slow).ok()?;
        String::from_utf8(said).ok()?.parse().ok()
    }

    /// Says whether output or result cannot be written: by a name, for which also a full disk has room.
    pub(super) fn say_trouble(&self, is_there: bool) {
        let _ = if is_there { private::create(&self.trouble).map(drop) } else { std::fs::remove_file(&self.trouble) };
    }
}

/// The system's word of what others do to the files between guard and supervisor.
#[derive(Debug)]
struct News {
    watch: OwnedFd,
}

impl News {
    #[cfg(target_os = "linux")]
    fn of(link: &Link) -> io::Result<Self> {
        use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};
        let dir = link.wanted.parent().filter(|dir| system::is_local(dir)).ok_or(io::ErrorKind::Unsupported)?;
        let watch = init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        // What is written to logs and journal is no matter of this: it would be heard a thousand times a second.
        add_watch(&watch, dir, WatchFlags::CREATE | WatchFlags::MOVED_TO | WatchFlags::DELETE)?;
        let news = Self { watch };
        news.watch_lock(link)?;
        Ok(news)
    }

    /// A supervisor writes into the lock when it has taken it, and closes it with its end. Again before each look: another file may have come to its place.
    #[cfg(target_os = "linux")]
    fn watch_lock(&self, link: &Link) -> io::Result<()> {
        use rustix::fs::inotify::{WatchFlags, add_watch};
        add_watch(&self.watch, &link.lock, WatchFlags::MODIFY | WatchFlags::CLOSE_WRITE | WatchFlags::DELETE_SELF)?;
        Ok(())
    }

    #[cfg(not(target_os = "linux"))]
    fn of(_link: &Link) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    #[cfg(not(target_os = "linux"))]
    fn watch_lock(&self, _link: &Link) -> io::Result<()> {
        Ok(())
    }

    /// Takes all of it in: whoever hears it looks.
    fn take_in(&mut self) -> io::Result<()> {
        let mut news = [0; 4096];
        loop {
            match rustix::io::read(&self.watch, &mut news) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// The state of a guard whose supervisor died. Another one may come, and die as well.
#[derive(Debug)]
pub(super) struct Orphan {
    /// Since when nobody owns the run.
    alone_since: Option<Instant>,
    look_at: Instant,
    /// Tells of what the next supervisor does; `None` where that cannot be told.
    news: Option<News>,
    /// How many looks are still to come at the usual pace.
    looks: u32,
}

impl Orphan {
    pub(super) fn new(link: &Link) -> Self {
        let now = Instant::now();
        Self { alone_since: Some(now), look_at: now, news: News::of(link).ok(), looks: LOOKS_BEHIND }
    }

    /// What becomes readable when there is something to look at.
    pub(super) fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        self.news.as_ref().map(|news| news.watch.as_fd())
    }

    /// There is something to look at.
    pub(super) fn hear(&mut self) {
        if self.news.as_mut().is_some_and(|news| news.take_in().is_err()) {
            self.news = None;
        }
        self.looks = LOOKS_BEHIND;
        self.look_at = Instant::now();
    }

    /// Looks, where it is time to: what a supervisor wants.
    pub(super) fn look(&mut self, link: &Link) -> Option<Wanted> {
        let now = Instant::now();
        if now < self.look_at {
            return None;
        }
        if self.news.as_ref().is_some_and(|news| news.watch_lock(link).is_err()) {
            // The lock is gone for the moment, so nothing tells of it.
            self.looks = LOOKS_BEHIND;
        }
        if lock::is_held(&link.lock) {
            self.alone_since = None;
            self.looks = self.looks.saturating_sub(1);
        } else {
            self.alone_since.get_or_insert(now);
            self.looks = LOOKS_BEHIND;
        }
        self.look_at = now + if self.news.is_some() && self.looks == 0 { SELDOM } else { LOOK_EVERY };
        link.wanted()
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
