//! What is asked of a run while it goes on: to end, to pause, to go on.

use std::time::Duration;

use tokio::sync::watch;

use super::super::guard::Wanted;
use super::super::request::Request;
use super::super::{Event, Level};
use super::Supervisor;
use crate::task::TaskId;

/// Why a task did not start that the user did not want any more.
pub(super) const CANCELLED: &str = "the run was cancelled";
/// Why a task of a later wave did not start.
pub(super) const FINISHED_WAVE: &str = "the run was to end after the wave before";
/// Why a task did not start that the user cancelled by its name.
pub(super) const WITHDRAWN: &str = "cancelled before it was started";
/// How long a request waits to be in the journal before it is obeyed all the same: a full disk must keep nobody from
/// cancelling.
pub(super) const JOURNAL: Duration = Duration::from_secs(1);

impl Supervisor {
    /// In the journal first: a supervisor that dies in between leaves no run that goes on against the user's word.
    pub(super) async fn obey(&mut self, request: Request) {
        match request {
            Request::Cancel { level, tasks } => {
                self.journal(Event::RunCancelling { level, tasks: tasks.clone() }).await;
                match tasks {
                    None => self.cancel(level).await,
                    Some(tasks) => self.cancel_tasks(level, &tasks).await,
                }
            }
            Request::Pause { paused } => self.pause(paused).await,
        }
    }

    /// The second signal means it.
    pub(super) async fn obey_signal(&mut self) {
        let level = if self.is_ending() { Level::Kill } else { Level::Terminate };
        self.obey(Request::Cancel { level, tasks: None }).await;
    }

    /// Whether the tasks that run are being ended.
    pub(super) fn is_ending(&self) -> bool {
        self.level >= Some(Level::Terminate)
    }

    /// The level only goes up.
    async fn cancel(&mut self, level: Level) {
        self.level = self.level.max(Some(level));
        if level == Level::FinishWave {
            return self.course.finish_wave(FINISHED_WAVE);
        }
        self.course.halt(CANCELLED);
        // What has to end must not stand still.
        self.pause(false).await;
        let leaving = self.leaving.iter().map(|(_, guard)| guard);
        self.guards.values().chain(leaving).for_each(|guard| raise(guard, level));
        let waiting: Vec<TaskId> = self.waiting.keys().cloned().collect();
        for task in waiting {
            self.stop_waiting(&task).await;
        }
    }

    async fn cancel_tasks(&mut self, level: Level, tasks: &[TaskId]) {
        for task in tasks {
            if self.course.withdraw(task, WITHDRAWN) {
                continue;
            }
            self.attempts.let_be_the_last(task);
            self.stop_waiting(task).await;
            let leaving = self.leaving.iter().filter(|(of, _)| of == task).map(|(_, guard)| guard);
            let guards = self.guards.get(task).into_iter().chain(leaving);
            guards.filter(|_| level > Level::FinishWave).for_each(|guard| raise(guard, level));
        }
    }

    /// Stops every task and every clock, or lets them go on.
    pub(super) async fn pause(&mut self, paused: bool) {
        if self.course.is_paused() == paused || (paused && self.is_ending()) {
            return;
        }
        self.journal(if paused { Event::RunPaused } else { Event::RunContinued }).await;
        self.course.pause(paused);
        for clock in [&mut self.wave.watch, &mut self.whole.watch] {
            if paused { clock.pause() } else { clock.go_on() }
        }
        self.guards.values().for_each(|guard| guard.send_modify(|wanted| wanted.paused = paused));
    }

    async fn journal(&self, event: Event) {
        self.recorder.record(event).await;
        let _ = tokio::time::timeout(JOURNAL, self.recorder.flush()).await;
    }
}

fn raise(guard: &watch::Sender<Wanted>, level: Level) {
    // What is asked for once more is not told once more: a guard that does not listen would have its pipe full of it.
    guard.send_if_modified(|wanted| {
        let raised = wanted.level < Some(level);
        wanted.level = wanted.level.max(Some(level));
        raised
    });
}
