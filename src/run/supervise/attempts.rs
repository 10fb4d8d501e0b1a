//! The attempts of each task: how many, and how those ended that were followed by another one. A task's mark, log and
//! result file carry the number of its newest attempt.

use std::collections::HashMap;

use super::super::guard::Ending;
use super::super::retry::Tally;
use crate::agent::{Told, Usage};
use crate::task::TaskId;

#[derive(Debug, Default)]
pub(super) struct Attempts {
    of_task: HashMap<TaskId, OfTask>,
}

#[derive(Debug, Clone, Default)]
struct OfTask {
    newest: u32,
    tally: Tally,
    /// What the agents of all attempts used, and the newest's model and session.
    told: Told,
    /// The newest attempt did its work, but that was not verified.
    unverified: bool,
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

    /// What the agents of a task told an earlier supervisor: it counts for the run's limits.
    pub(super) fn recall_told(&mut self, task: &TaskId, told: &Told) {
        self.of_task.entry(task.clone()).or_default().told = told.clone();
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

    /// Takes in what the agent of an attempt that has ended told.
    pub(super) fn told(&mut self, task: &TaskId, ending: &Ending) {
        let of_task = self.of_task.entry(task.clone()).or_default();
        let usage = match (of_task.told.usage, ending.told.usage) {
            (Some(before), Some(now)) => Some(before.plus(now)),
            (before, now) => before.or(now),
        };
        let model = ending.told.model.clone().or(of_task.told.model.take());
        let session = ending.told.session.clone().or(of_task.told.session.take());
        of_task.told = Told { usage, model, session };
        of_task.unverified = ending.unverified;
    }

    /// What the agents of a task's attempts told; `None` where none of them ended under this supervisor.
    pub(super) fn told_of(&self, task: &TaskId) -> Option<Told> {
        self.of_task.get(task).map(|of_task| of_task.told.clone()).filter(|told| *told != Told::default())
    }

    /// The session that the next attempt goes on with: the work in it is done but for what its verification showed.
    pub(super) fn session_to_mend(&self, task: &TaskId) -> Option<&str> {
        self.of_task.get(task).filter(|of_task| of_task.unverified)?.told.session.as_deref()
    }

    /// What all agents used.
    pub(super) fn used(&self) -> Usage {
        let usages = self.of_task.values().filter_map(|of_task| of_task.told.usage);
        usages.fold(Usage::default(), Usage::plus)
    }

    fn of(&self, task: &TaskId) -> OfTask {
        self.of_task.get(task).cloned().unwrap_or_default()
    }
}
