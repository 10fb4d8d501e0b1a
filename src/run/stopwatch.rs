//! A clock that can be paused.

use std::time::{Duration, Instant};

/// How long something has taken, without the time for which it was paused.
///
/// `Instant` is monotonic: nobody who sets the wall clock moves it. On Linux it is `CLOCK_MONOTONIC`, and on macOS
/// `CLOCK_UPTIME_RAW`; both stand still while the machine sleeps, and so do time-outs and durations.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stopwatch {
    started: Instant,
    paused_for: Duration,
    paused_since: Option<Instant>,
}

impl Stopwatch {
    pub(super) fn start() -> Self {
        Self { started: Instant::now(), paused_for: Duration::ZERO, paused_since: None }
    }

    /// What it shows now.
    pub(super) fn elapsed(&self) -> Duration {
        let now = self.paused_since.unwrap_or_else(Instant::now);
        now.saturating_duration_since(self.started).saturating_sub(self.paused_for)
    }

    pub(super) fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) fn pause(&mut self) {
        self.paused_since.get_or_insert_with(Instant::now);
    }

    pub(super) fn go_on(&mut self) {
        if let Some(since) = self.paused_since.take() {
            self.paused_for += since.elapsed();
        }
    }

    pub(super) fn is_paused(&self) -> bool {
        self.paused_since.is_some()
    }

    /// When it will show this, or did; `None` while it is paused: nobody knows. `None` also where that is too far away
    /// to be told.
    pub(super) fn due(&self, shown: Duration) -> Option<Instant> {
        if self.is_paused() {
            return None;
        }
        self.started.checked_add(shown)?.checked_add(self.paused_for)
    }

    /// Whether it shows this or more.
    pub(super) fn has_reached(&self, shown: Duration) -> bool {
        self.elapsed() >= shown
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_pause_does_not_count() {
        let mut clock = Stopwatch::start();
        clock.pause();
        let shown = clock.elapsed();
        assert_eq!(clock.due(Duration::ZERO), None, "nobody knows when it goes on");
        while clock.paused_since.unwrap().elapsed() < Duration::from_millis(20) {
            std::thread::yield_now();
        }
        clock.pause();
        assert_eq!(clock.elapsed(), shown, "it stands still, however often it is paused");
        clock.go_on();
        assert!(clock.elapsed() + Duration::from_millis(20) <= clock.started.elapsed());
        assert!(clock.due(Duration::ZERO).unwrap() >= clock.started + Duration::from_millis(20));
        assert!(!clock.has_reached(Duration::from_secs(3600)));
        assert_eq!(clock.due(Duration::MAX), None);
    }
}
