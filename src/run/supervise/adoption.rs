//! The supervisor's side of a guard that another supervisor started: no pipe leads to it, so they speak through files.

use std::fs;
use std::io;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::super::claim::Claim;
use super::super::guard::{Ending, Job, Report, Wanted};
use super::super::{Outcome, lock, private};
use super::Input;
use crate::task::TaskId;

/// How often to look at the attempt.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// An attempt that a supervisor finds when it takes a run over.
pub(super) enum Found {
    /// Its guard lives.
    Alive,
    /// It is over, now at the latest.
    Over(Ending),
}

impl Found {
    /// How long it took; 0 while it is alive.
    pub(super) fn duration_ms(&self) -> u64 {
        match self {
            Self::Alive => 0,
            Self::Over(ending) => ending.duration_ms,
        }
    }
}

/// Looks at an attempt of the supervisor before; one that has neither guard nor result becomes `lost`. Blocking.
pub(super) fn look(job: &Job) -> io::Result<Found> {
    let reason = "its supervisor and its guard died; what they left was ended";
    let lost = Ending { started: true, ..Ending::not_started(Outcome::Lost, reason.into()) };
    Ok(match Claim::take(&job.log)? {
        Some(claim) => Found::Over(claim.seal(&job.result, &job.mark, lost)),
        None => Found::Alive,
    })
}

/// An adopted attempt.
pub(super) struct Adoption {
    pub(super) task: TaskId,
    pub(super) job: Job,
    pub(super) wanted: watch::Receiver<Wanted>,
    pub(super) mail: mpsc::Sender<Input>,
}

/// What one look at an adopted attempt brings.
enum Look {
    /// It goes on; this is its newest progress.
    Alive(Option<String>),
    Over(Ending),
}

impl Adoption {
    /// Stays with the attempt to its end: passes down what is wanted, and progress up.
    pub(super) async fn attend(mut self) {
        let mut said = None;
        let mut may_change = true;
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                changed = self.wanted.changed(), if may_change => {
                    may_change = changed.is_ok();
                    self.pass_on().await;
                }
            }
            let job = self.job.clone();
            let report = match tokio::task::spawn_blocking(move || look_again(&job)).await {
                Ok(Ok(Look::Over(ending))) => Report::Ended(ending),
                Ok(Ok(Look::Alive(Some(text)))) if said.as_ref() != Some(&text) => {
                    said = Some(text.clone());
                    Report::Progress(text)
                }
                // No room for a look is no reason to give the attempt up.
                Ok(Ok(Look::Alive(_)) | Err(_)) | Err(_) => continue,
            };
            let over = matches!(report, Report::Ended(_));
            if self.mail.send(Input::Guard(self.task.clone(), report)).await.is_err() || over {
                return;
            }
        }
    }

    /// Written by rename: the guard reads all of it or what was there before.
    async fn pass_on(&mut self) {
        let wanted = *self.wanted.borrow_and_update();
        let path = self.job.link.wanted.clone();
        let _ = tokio::task::spawn_blocking(move || private::write_whole(&path, &serde_json::to_vec(&wanted)?)).await;
    }
}

/// The shared look comes first: an owner's would take the lock away from nobody, but wait for a second and a half.
fn look_again(job: &Job) -> io::Result<Look> {
    if lock::is_held(&job.log) {
        return Ok(Look::Alive(fs::read_to_string(&job.link.progress).ok()));
    }
    Ok(match Claim::take(&job.log)? {
        Some(claim) => Look::Over(claim.seal(&job.result, &job.mark, Ending::guard_was_killed())),
        None => Look::Alive(None),
    })
}
