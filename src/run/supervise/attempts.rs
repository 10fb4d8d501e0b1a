//! The attempts of each task: how many, and how those ended that were followed by another one. A task's mark, log and
//! result file carry the number of its newest attempt.

use std::collections::HashMap;

use super::super::retry::Tally;
use crate::task::TaskId;

#[derive(Debug, Default)]
pub(super) struct Attempts {
    of_task: HashMap<TaskId, OfTask>,
}

#[derive(Debug, Clone, Copy, Default)]
struct OfTask {
    newest: u32,
    tally: Tally,
    /// The user wants no further one.
    last: bool,
}

impl Attempts {
    /// Begins the next attempt; answers with its number, from 1.
    pub(super) fn begin(&mut self, task: &TaskId) -> u32 {
        let of_task = self.of_task.entry(task.clone()).or_default();
        of_task.newest += 1;
        of_task.newest
    }

    /// The attempt that was begun had no process: the next one gets its number again.
    pub(super) fn take_back(&mut self, task: &TaskId) {
        if let Some(of_task) = self.of_task.get_mut(task) {
            of_task.newest = of_task.newest.saturating_sub(1);
        }
    }

    /// An earlier supervisor of the run began so many.
    pub(super) fn recall(&mut self, task: &TaskId, newest: u32) {
        self.of_task.entry(task.clone()).or_default().newest = newest;
    }

    /// An earlier supervisor of the run tried again so often.
    pub(super) fn recall_tally(&mut self, task: &TaskId, tally: Tally) {
        self.of_task.entry(task.clone()).or_default().tally = tally;
    }

    /// The newest attempt; 0 before the first.
    pub(super) fn newest(&self, task: &TaskId) -> u32 {
        self.of(task).newest
    }

    /// The newest attempt is followed by another one.
    pub(super) fn count(&mut self, task: &TaskId, rate_limited: bool) {
        let Tally { failures, rate_limits } = &mut self.of_task.entry(task.clone()).or_default().tally;
        *(if rate_limited { rate_limits } else { failures }) += 1;
    }

    /// The attempts that were followed by another one.
    pub(super) fn tally(&self, task: &TaskId) -> Tally {
        self.of(task).tally
    }

    /// No attempt follows the present one.
    pub(super) fn let_be_the_last(&mut self, task: &TaskId) {
        self.of_task.entry(task.clone()).or_default().last = true;
    }

    pub(super) fn is_last(&self, task: &TaskId) -> bool {
        self.of(task).last
    }

    fn of(&self, task: &TaskId) -> OfTask {
        self.of_task.get(task).copied().unwrap_or_default()
    }
}
