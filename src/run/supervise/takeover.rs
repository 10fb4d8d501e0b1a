//! Taking a run over whose supervisor died: its journal tells what it had come to, its guards' locks what lives.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;

use super::super::course::{Recalled, Told};
use super::super::guard::{Ending, Job, Report, Wanted, read_result};
use super::super::past::{Past, Retrying, Stand};
use super::super::{Event, Level, Outcome, RunPaths, Takeover, identity, lock, system};
use super::adoption::{self, Adoption, Found};
use super::again::Waiting;
use super::asked::{CANCELLED, FINISHED_WAVE, JOURNAL, WITHDRAWN};
use super::{Clock, Supervisor, Taken};
use crate::task::TaskId;
use crate::workspace::trust::{Standing, Store, Subject};

/// Why nothing more starts in a run that was taken over.
const NOT_TRUSTED: &str = "its supervisor died, and the workspace's configuration is not trusted any more as it was when \
                           the run began; look at it with `feature-build trust`, then start what is left with \
                           `feature-build run --rerun`";

/// Why nothing more starts in a run that lost its supervisor and in which nothing lived any more.
const NOT_STARTED: &str = "its supervisor died before it was started";

/// An attempt of the supervisor before that has no outcome in the journal.
struct Open {
    task: TaskId,
    attempt: u32,
    /// The journal says that it was started.
    told: bool,
    job: Job,
}

impl Supervisor {
    /// Goes on where the supervisor before ended.
    pub(super) async fn take_over(&mut self, taken: &Taken) -> io::Result<()> {
        let Taken { past, takeover, interrupted } = taken;
        let takeover = *takeover;
        if takeover == Takeover::Continue {
            // Asked for anew: what other runs came to meanwhile is not what is meant.
            self.order.asked_ms = system::now_ms();
        }
        self.recall(past);
        let silent_ms = past.silent_ms(Timestamp::now());
        let (earlier, open) = (self.earlier_results(past), self.open_attempts(past));
        let looked = tokio::task::spawn_blocking(move || -> io::Result<_> {
            let found: io::Result<Vec<(Open, Found)>> =
                open.into_iter().map(|open| adoption::look(&open.job, open.told).map(|found| (open, found))).collect();
            let read = |(task, result): (TaskId, PathBuf)| Some((task, read_result(&result)?));
            Ok((earlier.into_iter().filter_map(read).collect::<Vec<_>>(), found?))
        });
        let (earlier, mut found) = looked.await.map_err(io::Error::other)??;
        earlier.iter().for_each(|(task, ending)| self.attempts.told(task, ending));
        found.retain(|(open, found)| self.is_attempt(open, found));
        let alive = found.iter().filter(|(_, found)| matches!(found, Found::Alive));
        let adopted: Vec<TaskId> = alive.map(|(open, _)| open.task.clone()).collect();
        let went_on = outlived(&found, *interrupted) || self.waits_for_another(past);
        // What ended meanwhile went on for no longer than it took; nobody knows when the machine was off.
        let ended_ms = found.iter().map(|(_, found)| found.duration_ms()).max().unwrap_or_default();
        let went_on_ms = if went_on { silent_ms } else { silent_ms.min(ended_ms) };
        self.whole.before_ms += went_on_ms;
        self.wave.before_ms += went_on_ms;
        let (root, hash) = (self.order.root.clone(), self.order.trusted.clone());
        let is_trusted = tokio::task::spawn_blocking(move || is_trusted(&root, &hash)).await.unwrap_or(false);
        let goes_on = is_trusted && (takeover == Takeover::Continue || went_on);
        self.recorder.record(Event::RunResumed { adopted }).await;
        self.recall_level(past);
        if !goes_on {
            self.course.halt(if is_trusted { NOT_STARTED } else { NOT_TRUSTED });
        }
        let begun: BTreeSet<TaskId> = found.iter().map(|(open, _)| open.task.clone()).collect();
        for (open, found) in found {
            self.take_attempt_over(past, open, found, goes_on).await;
        }
        for (task, stand) in past.begun.iter().filter(|(task, _)| !begun.contains(*task)) {
            if let Stand::Retrying(before) = stand {
                self.take_wait_over(task, before, goes_on).await;
            }
        }
        if takeover == Takeover::Continue {
            self.pause(false).await;
        }
        // A full disk keeps nobody from cancelling what goes on.
        let _ = tokio::time::timeout(JOURNAL, self.recorder.flush()).await;
        Ok(())
    }

    fn recall(&mut self, past: &Past) {
        self.level = past.level;
        for finished in &past.finished {
            self.course.recall(&finished.task, recalled(finished.outcome));
            self.outcomes.insert(finished.task.clone(), finished.outcome);
            self.attempts.recall_told(&finished.task, &finished.told);
            self.note_cancel(finished.outcome, finished.reason.as_deref());
        }
        for (task, tally) in &past.tallies {
            self.attempts.recall_tally(task, *tally);
        }
        for task in past.asked.iter().flat_map(|(tasks, _)| tasks) {
            self.course.withdraw(task, WITHDRAWN);
            self.attempts.let_be_the_last(task);
        }
        self.recall_waves(past);
        self.whole = Clock::resume(past.wall_ms, past.serial_ms);
        if past.paused {
            self.course.pause(true);
            self.wave.watch.pause();
            self.whole.watch.pause();
        }
    }

    /// Whether the user wants anything more to start. Behind [`Self::recall`]: it depends on which wave is the present one.
    fn recall_level(&mut self, past: &Past) {
        match past.level {
            Some(Level::Terminate | Level::Kill) => self.course.halt(CANCELLED),
            Some(Level::FinishWave) => self.course.finish_wave(FINISHED_WAVE),
            None => {}
        }
    }

    /// Waves are told of in order, so equal labels of two waves are no trouble.
    fn recall_waves(&mut self, past: &Past) {
        let mut waves = self.order.schedule.waves.iter().enumerate();
        for told in &past.waves {
            let Some((number, _)) = waves.find(|(_, wave)| wave.wave == told.label) else { return };
            self.course.recall_wave(number, if told.ended { Told::End } else { Told::Beginning });
            if !told.ended {
                self.wave = Clock::resume(told.wall_ms, told.serial_ms);
            }
        }
    }

    /// The attempts that the supervisor before started, or was starting: then the log is there, and the journal does
    /// not say so yet.
    fn open_attempts(&mut self, past: &Past) -> Vec<Open> {
        let tasks = self.order.schedule.waves.iter().flat_map(|wave| &wave.tasks);
        let tasks: Vec<TaskId> =
            tasks.map(|task| &task.id).filter(|task| !self.outcomes.contains_key(*task)).cloned().collect();
        tasks.into_iter().filter_map(|task| self.open_attempt(past, task)).collect()
    }

    /// The results of the attempts that others followed, of tasks that have no outcome yet, the oldest of each task first:
    /// what they used counts, and the next attempt goes on with the last one's session.
    fn earlier_results(&self, past: &Past) -> Vec<(TaskId, PathBuf)> {
        let of_task = |(task, stand): (&TaskId, &Stand)| {
            let ended = match stand {
                Stand::Started(attempt) => attempt.saturating_sub(1),
                Stand::Retrying(before) => before.attempt,
                Stand::Attached { attempts, .. } => *attempts,
            };
            (1..=ended).map(|attempt| (task.clone(), self.paths.result(task, attempt))).collect::<Vec<_>>()
        };
        past.begun.iter().flat_map(of_task).collect()
    }

    fn open_attempt(&mut self, past: &Past, task: TaskId) -> Option<Open> {
        let (attempt, told) = match past.begun.get(&task) {
            Some(Stand::Started(attempt)) => (*attempt, true),
            // Its next attempt may have been about to start.
            Some(Stand::Attached { attempts, .. }) => (attempts + 1, false),
            Some(Stand::Retrying(before)) => (before.attempt + 1, false),
            None => (1, false),
        };
        self.attempts.recall(&task, attempt);
        let log = self.paths.log(&task, attempt);
        if !told && !log.exists() && !lock::is_held(&log) {
            self.attempts.take_back(&task);
            return None;
        }
        let job = self.job(&task, attempt);
        Some(Open { task, attempt, told, job })
    }

    /// False for what started nothing and never will: the task stands where it stood before.
    fn is_attempt(&mut self, open: &Open, found: &Found) -> bool {
        let is_none = matches!(found, Found::NotBegun);
        if is_none {
            self.attempts.take_back(&open.task);
        }
        !is_none
    }

    /// Whether a task waits for another run that lives.
    fn waits_for_another(&self, past: &Past) -> bool {
        past.begun.values().any(|stand| match stand {
            Stand::Attached { run, .. } => {
                let state_dir = identity::state_dir_of(&self.order.root, run);
                lock::is_held(&RunPaths::of(&state_dir, run).lock())
            }
            Stand::Started(_) | Stand::Retrying(_) => false,
        })
    }

    /// `goes_on`: where it did not pass, another attempt may follow.
    async fn take_attempt_over(&mut self, past: &Past, open: Open, found: Found, goes_on: bool) {
        let Open { task, attempt, told, job } = open;
        self.course.recall(&task, Recalled::Running);
        if !goes_on {
            self.attempts.let_be_the_last(&task);
        }
        let started = match &found {
            Found::Alive => true,
            Found::Over(ending) | Found::Died(ending) => ending.started,
            Found::Waiting | Found::NotBegun => false,
        };
        if started && !told {
            let log = self.shown_log(&task, attempt);
            self.recorder.record(Event::TaskStarted { task: task.clone(), attempt, log }).await;
        }
        match found {
            Found::Over(ending) | Found::Died(ending) => self.hear_guard(task, Report::Ended(ending)).await,
            Found::Alive => self.adopt(past, task, job, true),
            Found::Waiting => self.adopt(past, task, job, false),
            Found::NotBegun => self.begin_again(task).await,
        }
    }

    fn adopt(&mut self, past: &Past, task: TaskId, job: Job, begun: bool) {
        let (guard, wanted) = watch::channel(Wanted::default());
        // What was asked for before has not reached its guard where the supervisor died in between.
        let level = past.level_of(&task).filter(|level| *level >= Level::Terminate);
        guard.send_replace(Wanted { level, paused: past.paused });
        self.guards.insert(task.clone(), guard);
        tokio::spawn(Adoption { task, job, begun, wanted, mail: self.mail.clone() }.attend());
    }

    /// A task that was to be tried again: it waits for the rest of its time, or has had its last attempt.
    async fn take_wait_over(&mut self, task: &TaskId, before: &Retrying, goes_on: bool) {
        self.course.recall(task, Recalled::Running);
        self.attempts.recall(task, before.attempt);
        let ending = Ending {
            exit_code: before.exit_code,
            duration_ms: before.duration_ms,
            started: true,
            ..Ending::not_started(before.outcome, before.reason.clone().unwrap_or_default())
        };
        if !goes_on || self.is_ending() || self.attempts.is_last(task) {
            return self.end(task, ending).await;
        }
        let until = Instant::now() + Duration::from_millis(before.left_ms(Timestamp::now()));
        self.waiting.insert(task.clone(), Waiting { until, ending });
    }
}

/// Whether something of the run went on when its supervisor had died: then it is as if nothing had happened. Where all
/// that ran died with the supervisor, somebody wanted that, or the machine was restarted.
fn outlived(found: &[(Open, Found)], interrupted: bool) -> bool {
    let lives = found.iter().any(|(_, found)| found.lives());
    let saw_an_end = found.iter().any(|(_, found)| matches!(found, Found::Over(_)));
    let died = found.iter().any(|(_, found)| matches!(found, Found::Died(_)));
    lives || (interrupted && (saw_an_end || !died))
}

/// Whether the user trusts the workspace's configuration as it stands, and it is the one with this hash, which the order
/// was made from. Another one that was trusted since does not count: it took the place of what the order runs. Blocking.
fn is_trusted(root: &Path, hash: &str) -> bool {
    let standing = Store::of_user().map_err(io::Error::other).and_then(|store| {
        let subject = Subject::read(root).map_err(io::Error::other)?;
        store.standing(subject).map_err(io::Error::other)
    });
    matches!(standing, Ok(Standing::Trusted(trusted)) if trusted.hash() == hash)
}

fn recalled(outcome: Outcome) -> Recalled {
    match outcome {
        Outcome::Passed => Recalled::Passed,
        Outcome::Skipped => Recalled::Skipped,
        Outcome::Failed | Outcome::TimedOut | Outcome::Cancelled | Outcome::Lost => Recalled::NotPassed,
    }
}
