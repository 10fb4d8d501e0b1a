//! A task that another run has: this run waits for that one's outcome and takes it over.

use tokio::sync::{mpsc, watch};

use super::super::guard::{Ending, Report, Wanted};
use super::super::{Event, Follower, Launcher, Outcome, RunId, RunPaths};
use super::Input;
use crate::task::TaskId;

/// How waiting for another run's task ended.
pub(super) enum Detached {
    /// The other run has its outcome.
    TakenOver {
        ending: Ending,
        /// The other run's log, as its events show it.
        log: Option<String>,
    },
    /// The other run has none to give: this run may start the task.
    Released,
    /// This run does not want it any more. The other run is left alone.
    Cancelled,
}

/// This run waits for a task of another run.
pub(super) struct Attachment {
    pub(super) task: TaskId,
    pub(super) other: RunId,
    pub(super) paths: RunPaths,
    /// Progress before this time is old.
    pub(super) since: String,
    pub(super) wanted: watch::Receiver<Wanted>,
    pub(super) mail: mpsc::Sender<Input>,
}

impl Attachment {
    pub(super) async fn attend(self) {
        let mut wanted = self.wanted.clone();
        let detached = tokio::select! {
            detached = self.follow() => detached,
            Ok(_) = wanted.wait_for(|wanted| wanted.level.is_some()) => Detached::Cancelled,
        };
        let _ = self.mail.send(Input::Detached(self.task.clone(), detached)).await;
    }

    /// A journal that ends, breaks off or cannot be read before the task has its outcome gives none.
    async fn follow(&self) -> Detached {
        // Where its supervisor dies its attempt may go on, and nobody else may be there to take the outcome.
        let mut follower = Follower::recovering(self.paths.dir(), Launcher::Own);
        while let Ok(Some(record)) = follower.next().await {
            match record.event {
                Event::TaskProgress { task, text } if task == self.task && record.time >= self.since => {
                    let _ = self.mail.send(Input::Guard(task, Report::Progress(text))).await;
                }
                Event::TaskFinished { task, outcome, exit_code, duration_ms, reason, log, leaked, .. }
                    if task == self.task =>
                {
                    if matches!(outcome, Outcome::Skipped | Outcome::Lost) {
                        return Detached::Released;
                    }
                    let from = format!("in run {}", self.other);
                    let reason = reason.map_or_else(|| from.clone(), |reason| format!("{reason}, {from}"));
                    let ending = Ending {
                        exit_code,
                        duration_ms,
                        started: log.is_some(),
                        leaked,
                        ..Ending::not_started(outcome, reason)
                    };
                    return Detached::TakenOver { ending, log };
                }
                _ => {}
            }
        }
        Detached::Released
    }
}
