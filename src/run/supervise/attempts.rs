//! The number of each task's newest attempt. A task's mark, log and result file carry it.

use std::collections::HashMap;

use crate::task::TaskId;

#[derive(Debug, Default)]
pub(super) struct Attempts {
    newest: HashMap<TaskId, u32>,
}

impl Attempts {
    /// Begins the next attempt; answers with its number, from 1.
    pub(super) fn begin(&mut self, task: &TaskId) -> u32 {
        let newest = self.newest.entry(task.clone()).or_default();
        *newest += 1;
        *newest
    }

    /// The attempt that was begun had no process: the next one gets its number again.
    pub(super) fn take_back(&mut self, task: &TaskId) {
        if let Some(newest) = self.newest.get_mut(task) {
            *newest = newest.saturating_sub(1);
        }
    }

    /// The newest attempt; 0 before the first.
    pub(super) fn newest(&self, task: &TaskId) -> u32 {
        self.newest.get(task).copied().unwrap_or_default()
    }
}
