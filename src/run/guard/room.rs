//! Waiting for room: the system has none for one more process, and what the agent has done must not be lost for that.

use std::thread;
use std::time::{Duration, Instant};

use super::attempt::{Timing, Why};
use super::orphan::Orphan;
use super::{Control, Job, Report, Supervisor};

/// How often to try again.
const RETRY_EVERY: Duration = Duration::from_millis(200);

/// A guard that waits, between two processes of its attempt.
pub(super) struct Room<'a> {
    job: &'a Job,
    supervisor: &'a Supervisor,
    orphan: Option<Orphan>,
    said: bool,
}

impl<'a> Room<'a> {
    pub(super) fn new(job: &'a Job, supervisor: &'a Supervisor) -> Self {
        Self { job, supervisor, orphan: None, said: false }
    }

    /// Waits for a moment, and for the end of a pause. `reason`: why there is no room.
    ///
    /// # Errors
    /// Why nothing is to be started any more.
    pub(super) fn wait(&mut self, control: &mut Control, timing: &mut Timing, reason: &str) -> Result<(), Why> {
        if !std::mem::replace(&mut self.said, true) {
            let _ = self.supervisor.say(&Report::Progress(format!("waits for room for a process: {reason}")));
        }
        let until = Instant::now() + RETRY_EVERY;
        loop {
            self.hear(control, until);
            timing.pause(control.wanted.paused);
            if control.wanted.level.is_some() {
                return Err(Why::Cancelled);
            }
            if timing.is_over(&self.job.limits) {
                return Err(Why::TimedOut);
            }
            let limit = Duration::from_millis(self.job.limits.orphan_ms);
            let deadline = self.orphan.as_ref().and_then(|orphan| orphan.deadline(limit));
            if deadline.is_some_and(|at| at <= Instant::now()) {
                return Err(Why::Orphaned);
            }
            if Instant::now() >= until && !control.wanted.paused {
                return Ok(());
            }
        }
    }

    /// Takes the supervisor's word in, whichever way it comes; waits for it until then at the most.
    fn hear(&mut self, control: &mut Control, until: Instant) {
        let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        if !control.closed {
            if control.wait(left).is_err() {
                control.closed = true;
            }
            return;
        }
        thread::sleep(left);
        if let Some(wanted) = self.orphan.get_or_insert_with(|| Orphan::new(&self.job.link)).look(&self.job.link) {
            control.want(wanted);
        }
    }
}
