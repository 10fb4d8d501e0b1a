//! What belongs to a guard as long as its attempt lasts, its log and its task's lock, and what it does where that is taken
//! away: whoever finds neither must not believe that nobody is at the task, and what an agent was paid for is not lost.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::super::claim::Claim;
use super::super::lock::PutBack;
use super::super::root::Root;
use super::super::system;
use super::Job;
use super::hold::Hold;
use super::log::CappedLog;

/// How often to look. Nothing is doubled meanwhile: who finds no lock looks for its holder.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The log, the lock, and where they belong.
pub(super) struct Holdings {
    root: Root,
    claim: Claim,
    hold: Hold,
    lock: PathBuf,
    /// The folder of the run.
    run_dir: PathBuf,
    look_at: Instant,
    /// That they cannot be put back has been said.
    told: bool,
}

impl Holdings {
    pub(super) fn new(job: &Job, root: Root, claim: Claim, hold: Hold) -> Self {
        let run_dir = job.log.parent().unwrap_or(&job.log).to_path_buf();
        let look_at = Instant::now() + LOOK_EVERY;
        Self { root, claim, hold, lock: job.lock.clone(), run_dir, look_at, told: false }
    }

    /// A handle of the log.
    pub(super) fn log(&self) -> io::Result<File> {
        self.claim.log()
    }

    /// When to look next.
    pub(super) fn look_at(&self) -> Instant {
        self.look_at
    }

    /// Looks, where it is time to. Blocking.
    pub(super) fn look(&mut self, now: Instant, log: &mut CappedLog) {
        if now >= self.look_at {
            self.look_at = now + LOOK_EVERY;
            self.put_back(Some(log));
        }
    }

    /// Puts back what was taken away; `log`: what is still written to. Blocking.
    pub(super) fn put_back(&mut self, log: Option<&mut CappedLog>) {
        if (self.claim.is_in_place() && self.hold.is_in_place(&self.lock)) || !self.root.is_there() {
            return;
        }
        if let Err(error) = self.try_to_put_back(log)
            && !std::mem::replace(&mut self.told, true)
        {
            system::note(format_args!("feature-build guard: putting {} back: {error}", self.lock.display()));
        }
    }

    fn try_to_put_back(&mut self, log: Option<&mut CappedLog>) -> io::Result<()> {
        self.root.make_run_folder(&self.run_dir)?;
        // The lock first: it says that somebody is at the task.
        let held = self.hold.put_back(&self.lock);
        let claimed = self.claim.put_back()?;
        if let (PutBack::Done, Some(log)) = (claimed, log) {
            log.go_on_in(self.claim.log()?);
        }
        if held? == PutBack::ByAnother || claimed == PutBack::ByAnother {
            return Err(io::Error::other("another process holds it"));
        }
        Ok(())
    }

    /// What ends the attempt.
    pub(super) fn into_parts(self) -> (Claim, Hold) {
        (self.claim, self.hold)
    }
}
