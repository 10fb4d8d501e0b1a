//! A task that another run has: this run waits for that one's outcome and takes it over.

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::super::guard::{Ending, Report, Wanted};
use super::super::identity;
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
    /// The workspace's root.
    pub(super) root: PathBuf,
    /// Progress before this time is old.
    pub(super) since: String,
    pub(super) wanted: watch::Receiver<Wanted>,
    pub(super) mail: mpsc::Sender<Input>,
}

/// How often somebody is asked again who has a task, and no folder in which its outcome could be seen.
const LOOK_EVERY: Duration = Duration::from_secs(1);

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
        let Some(run_dir) = self.run_dir().await else {
            // Who has the task has lost its folder, and puts it back or ends: not to be asked again at once.
            tokio::time::sleep(LOOK_EVERY).await;
            return Detached::Released;
        };
        // Where its supervisor dies its attempt may go on, and nobody else may be there to take the outcome.
        let mut follower = Follower::recovering(&run_dir, Launcher::Own);
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

    /// The folder of the other run: `state_dir` may have been another one when it was started. `None`: it is nowhere.
    async fn run_dir(&self) -> Option<PathBuf> {
        let (root, other) = (self.root.clone(), self.other.clone());
        let find = move || RunPaths::of(&identity::state_dir_of(&root, &other), &other);
        let paths = tokio::task::spawn_blocking(find).await.ok()?;
        let journal = paths.journal();
        let is_there = tokio::task::spawn_blocking(move || journal.exists()).await.unwrap_or(false);
        is_there.then(|| paths.dir().to_path_buf())
    }
}
