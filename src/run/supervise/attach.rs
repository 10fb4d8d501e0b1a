//! What a supervisor does with a task that another run has.

use std::collections::BTreeSet;

use tokio::sync::watch;

use super::super::guard::{Ending, Wanted};
use super::super::{Event, Outcome, RunId, journal, nesting, system};
use super::Supervisor;
use super::asked::CANCELLED;
use super::attachment::{Attachment, Detached};
use crate::task::TaskId;

impl Supervisor {
    /// The attempt with this mark has the task: its run's outcome will be this one's.
    pub(super) async fn attach(&mut self, task: TaskId, mark: &str) {
        let asked_to_end = self.give_back(&task);
        if asked_to_end {
            return self.end(&task, Ending::not_started(Outcome::Skipped, CANCELLED.into())).await;
        }
        let Some(other) = mark.split('/').next().and_then(|run| TaskId::new(run).ok()).map(RunId) else {
            // Nobody can be waited for: the guard that is started next looks again.
            return self.course.again(&task);
        };
        if let Some(reason) = self.would_wait_for_itself(&task).await {
            return self.end(&task, Ending::not_started(Outcome::Failed, reason)).await;
        }
        if self.attached.insert(task.clone(), other.clone()).as_ref() != Some(&other) {
            self.recorder.record(Event::TaskAttached { task: task.clone(), run: other.clone() }).await;
        }
        let (guard, wanted) = watch::channel(Wanted::default());
        self.guards.insert(task.clone(), guard);
        let root = self.order.root.clone();
        let attachment = Attachment { task, other, root, since: journal::now(), wanted, mail: self.mail.clone() };
        tokio::spawn(attachment.attend());
    }

    /// Two tasks may each have started a run that wants the other one: whichever comes second sees it here.
    async fn would_wait_for_itself(&self, task: &TaskId) -> Option<String> {
        if self.order.callers.is_empty() {
            return None;
        }
        let (state_dir, callers) = (self.order.state_dir.clone(), self.order.callers.clone());
        let wanted = BTreeSet::from([task.clone()]);
        let looked = tokio::task::spawn_blocking(move || nesting::may_wait(&state_dir, &callers, &wanted)).await;
        // A look that failed has found nothing.
        looked.ok()?.err().map(|error| error.to_string())
    }

    /// The newest attempt of this task started nothing: the next one gets its place.
    pub(super) async fn begin_again(&mut self, task: TaskId) {
        if self.give_back(&task) {
            return self.end(&task, Ending::not_started(Outcome::Skipped, CANCELLED.into())).await;
        }
        self.course.again(&task);
    }

    /// Takes back an attempt that has not begun; says whether the task is to end.
    fn give_back(&mut self, task: &TaskId) -> bool {
        self.attempts.take_back(task);
        self.guards.remove(task).is_some_and(|guard| guard.borrow().level.is_some()) || self.is_ending()
    }

    /// Waiting for another run's task is over.
    pub(super) async fn detach(&mut self, task: TaskId, detached: Detached) {
        self.guards.remove(&task);
        match detached {
            Detached::TakenOver { ending, log } => {
                self.course.ended(&task, ending.outcome == Outcome::Passed);
                self.settle_with_log(&task, ending, log).await;
            }
            Detached::Cancelled => {
                // Whoever only reads that it was cancelled would believe that it had ended.
                let other = self.attached.get(&task).map(|run| format!("not waited for any more, it is run {run}'s"));
                let reason = other.unwrap_or_else(|| "cancelled".into());
                self.end(&task, Ending::not_started(Outcome::Cancelled, reason)).await;
            }
            Detached::Released => {
                // The end of an attempt that gave no outcome must not be waited for again.
                self.asked_ms.insert(task.clone(), system::now_ms());
                self.course.again(&task);
            }
        }
    }
}
