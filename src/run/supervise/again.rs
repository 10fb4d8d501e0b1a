//! Trying again: what follows an attempt that did not pass, and the wait before it.
//!
//! A task that waits keeps its place in the wave: nobody else starts in its stead, so that a wave which meets a rate limit
//! does not meet it with more tasks than it may have.

use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use regex::bytes::RegexSet;
use tokio::time::Instant;

use super::super::guard::Ending;
use super::super::retry::{self, Next};
use super::super::{Event, Outcome, private};
use super::{Input, Supervisor, mark};
use crate::task::TaskId;

/// How much of the end of an attempt's output is searched for `retry_on`.
const TAIL: u64 = 16 << 10;

/// A task between two attempts.
pub(super) struct Waiting {
    pub(super) until: Instant,
    /// How the attempt before ended.
    pub(super) ending: Ending,
}

impl Supervisor {
    /// An attempt has ended: its outcome is the task's, unless another one follows.
    pub(super) async fn attempt_ended(&mut self, task: TaskId, ending: Ending) {
        self.attempts.told(&task, &ending);
        if !self.may_follow(&task, &ending) {
            return self.end(&task, ending).await;
        }
        if ending.limited.is_some() {
            return self.judged(task, ending, true).await;
        }
        let Some(patterns) = self.retry_on.clone() else {
            return self.judged(task, ending, false).await;
        };
        let (log, mail) = (self.paths.log(&task, self.attempts.newest(&task)), self.mail.clone());
        tokio::spawn(async move {
            let searched = tokio::task::spawn_blocking(move || tail(&log).is_ok_and(|tail| patterns.is_match(&tail)));
            let met_rate_limit = searched.await.unwrap_or(false);
            let _ = mail.send(Input::Judged { task, ending, met_rate_limit }).await;
        });
    }

    /// What could not be started would not start the next time either.
    fn may_follow(&self, task: &TaskId, ending: &Ending) -> bool {
        let is_tried_again = ending.limited.is_some() || self.order.retry.concerns(ending.outcome);
        let is_paid_for = self.order.budget.is_spent(self.attempts.used()).is_none();
        ending.started && !self.is_ending() && !self.attempts.is_last(task) && is_tried_again && is_paid_for
    }

    /// It is known whether the attempt met a rate limit.
    pub(super) async fn judged(&mut self, task: TaskId, ending: Ending, met_rate_limit: bool) {
        if !self.may_follow(&task, &ending) {
            return self.end(&task, ending).await;
        }
        let attempt = self.attempts.newest(&task);
        let seed = retry::seed_of(&mark(&self.order, &task, attempt));
        let next = self.order.retry.next(self.attempts.tally(&task), ending.outcome, met_rate_limit, seed);
        let Next::Again { delay, rate_limited } = next else { return self.end(&task, ending).await };
        // The agent knows when it may go on; before that, no attempt could do more than find out the same.
        let limit = ending.limited.as_ref().filter(|_| rate_limited);
        let named = limit.and_then(|limit| limit.wait(&jiff::Zoned::now()));
        let delay = named.unwrap_or(delay);
        self.attempts.count(&task, rate_limited);
        let event = Event::TaskRetrying {
            task: task.clone(),
            attempt,
            outcome: ending.outcome,
            exit_code: ending.exit_code,
            duration_ms: ending.duration_ms,
            reason: ending.reason.clone(),
            log: Some(self.shown_log(&task, attempt)),
            delay_ms: u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
            rate_limited,
        };
        self.recorder.record(event).await;
        self.waiting.insert(task, Waiting { until: Instant::now() + delay, ending });
    }

    /// When the next wait is over; `None` also while nothing may start.
    pub(super) fn next_try(&self) -> Option<Instant> {
        let waits = self.waiting.values().map(|waiting| waiting.until);
        waits.min().filter(|_| !self.course.is_paused())
    }

    /// Starts what has waited long enough.
    pub(super) async fn try_again(&mut self) {
        while self.next_try().is_some_and(|at| at <= Instant::now()) {
            let first = self.waiting.iter().min_by_key(|(_, waiting)| waiting.until).map(|(task, _)| task.clone());
            let Some(task) = first else { return };
            if let Some(Waiting { ending, .. }) = self.waiting.remove(&task) {
                self.add_serial(ending.duration_ms);
            }
            self.start(task).await;
        }
    }

    /// Ends the wait of a task that is cancelled.
    pub(super) async fn stop_waiting(&mut self, task: &TaskId) {
        let Some(Waiting { ending, .. }) = self.waiting.remove(task) else { return };
        let how = ending.reason.unwrap_or_else(|| ending.outcome.to_string());
        let reason = format!("cancelled while it waited to be tried again; before: {how}");
        self.end(task, Ending { outcome: Outcome::Cancelled, reason: Some(reason), ..ending }).await;
    }
}

/// The patterns in one; `None` where there are none.
pub(super) fn patterns(retry_on: &[String]) -> io::Result<Option<std::sync::Arc<RegexSet>>> {
    if retry_on.is_empty() {
        return Ok(None);
    }
    RegexSet::new(retry_on).map(|set| Some(std::sync::Arc::new(set))).map_err(io::Error::other)
}

fn tail(log: &Path) -> io::Result<Vec<u8>> {
    let mut log = private::open(log)?;
    let length = log.seek(SeekFrom::End(0))?;
    log.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut tail = Vec::new();
    log.take(TAIL).read_to_end(&mut tail)?;
    Ok(tail)
}
