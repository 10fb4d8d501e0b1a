//! The supervisor's side of a guard that another supervisor started: no pipe leads to it, so they speak through files.

use std::io;
use std::time::Duration;

use rustix::process::Signal;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::super::claim::Claim;
use super::super::guard::{Ending, Job, LONGEST_WORD, Report, Wanted, has_mark, read_result};
use super::super::watch::Watched;
use super::super::{Level, Outcome, lock, private, system};
use super::Input;
use super::attendance::KILL_AFTER;
use crate::task::TaskId;

/// How often to look at the attempt, where nothing tells of it or something has just been heard. What its guard says of
/// progress may be a second behind the output that it is made from, which is what is heard: see [`Watched::patience`].
const LOOK_EVERY: Duration = Duration::from_millis(300);
/// What is known of trouble that is told by the name of a file.
const TROUBLE: &str = "the output or the result of an attempt cannot be written";

/// An attempt that a supervisor finds when it takes a run over.
pub(super) enum Found {
    /// Its guard lives.
    Alive,
    /// Its guard lives, and has not begun: it may wait for another run's attempt, and will probably not begin any more.
    Waiting,
    /// Its guard saw its end.
    Over(Ending),
    /// Its guard died, too; what was left of it has been ended.
    Died(Ending),
    /// It started nothing and never will.
    NotBegun,
}

impl Found {
    /// How long it took; 0 while it is alive.
    pub(super) fn duration_ms(&self) -> u64 {
        match self {
            Self::Alive | Self::Waiting | Self::NotBegun => 0,
            Self::Over(ending) | Self::Died(ending) => ending.duration_ms,
        }
    }

    pub(super) fn lives(&self) -> bool {
        matches!(self, Self::Alive | Self::Waiting)
    }
}

/// Looks at an attempt of the supervisor before; one that has neither guard nor result becomes `lost`. `told`: the journal
/// says that it was started. Blocking.
pub(super) fn look(job: &Job, told: bool) -> io::Result<Found> {
    let alive = || if told || has_mark(&job.lock, &job.mark) { Found::Alive } else { Found::Waiting };
    if lock::is_held(&job.log) {
        return Ok(alive());
    }
    let Some(claim) = Claim::take(&job.log)? else { return Ok(alive()) };
    if let Some(ending) = read_result(&job.result) {
        return Ok(Found::Over(ending));
    }
    if !told && !has_mark(&job.lock, &job.mark) {
        return Ok(Found::NotBegun);
    }
    let reason = "its supervisor and its guard died; what they left was ended";
    let lost = Ending { started: true, ..Ending::not_started(Outcome::Lost, reason.into()) };
    Ok(Found::Died(claim.seal(&job.result, &job.mark, lost)))
}

/// An adopted attempt.
pub(super) struct Adoption {
    pub(super) task: TaskId,
    pub(super) job: Job,
    /// It has started its process, or is just about to.
    pub(super) begun: bool,
    pub(super) wanted: watch::Receiver<Wanted>,
    pub(super) mail: mpsc::Sender<Input>,
}

/// What one look at an adopted attempt brings.
enum Look {
    /// It goes on.
    Alive {
        /// Its newest progress.
        progress: Option<String>,
        /// Its output or its result cannot be written just now.
        troubled: bool,
    },
    /// It takes long: how long so far, in milliseconds. Told once.
    Slow(u64),
    /// It has begun since the last look.
    Begun,
    Over(Ending),
    /// It started nothing and never will.
    NotBegun,
}

impl Adoption {
    /// Stays with the attempt to its end: passes down what is wanted, and progress up.
    pub(super) async fn attend(mut self) {
        let mut said = None;
        let mut was_troubled = false;
        let mut may_change = true;
        // Its guard has it open as long as it lives, and touches it where it has something to say besides.
        let mut watched = Watched::new(&self.job.log);
        let mut next_look = Instant::now();
        let mut asked_to_kill: Option<Instant> = None;
        loop {
            let patience = if asked_to_kill.is_some() { LOOK_EVERY } else { watched.patience(LOOK_EVERY) };
            tokio::select! {
                // Not more often: an output may be heard of a thousand times a second.
                heard = async { tokio::time::sleep_until(next_look).await; watched.changed_within(patience).await } => {
                    if !heard {
                        watched.heard_nothing();
                    }
                }
                changed = self.wanted.changed(), if may_change => {
                    may_change = changed.is_ok();
                    let wanted = *self.wanted.borrow();
                    self.pass_on().await;
                    if wanted.level == Some(Level::Kill) {
                        asked_to_kill = asked_to_kill.or_else(|| Some(Instant::now()));
                    }
                }
            }
            next_look = Instant::now() + LOOK_EVERY;
            let (job, begun, wanted) = (self.job.clone(), self.begun, *self.wanted.borrow());
            let may_kill = asked_to_kill.is_some_and(|asked| asked.elapsed() >= KILL_AFTER);
            let task = self.task.clone();
            let looked = tokio::task::spawn_blocking(move || {
                watched.register();
                if may_kill {
                    system::kill_all_marked(&job.mark);
                    system::signal_guard(&job.log, Signal::KILL);
                }
                (watched, look_again(&job, begun, wanted))
            });
            // A look that failed altogether is no reason to give the attempt up either.
            let Ok((watched_again, looked)) = looked.await else {
                watched = Watched::new(&self.job.log);
                continue;
            };
            watched = watched_again;
            let (input, over) = match looked {
                Ok(Look::Over(ending)) => (Input::Guard(task, Report::Ended(ending)), true),
                Ok(Look::NotBegun) => (Input::NotBegun(task), true),
                Ok(Look::Begun) => {
                    self.begun = true;
                    (Input::Guard(task, Report::Started), false)
                }
                Ok(Look::Slow(after_ms)) => (Input::Guard(task, Report::Slow(after_ms)), false),
                Ok(Look::Alive { troubled, .. }) if troubled != was_troubled => {
                    was_troubled = troubled;
                    (Input::Guard(task, Report::Trouble(troubled.then(|| TROUBLE.into()))), false)
                }
                Ok(Look::Alive { progress: Some(text), .. }) if said.as_ref() != Some(&text) => {
                    said = Some(text.clone());
                    (Input::Guard(task, Report::Progress(text)), false)
                }
                // No room for a look is no reason to give the attempt up.
                Ok(Look::Alive { .. }) | Err(_) => continue,
            };
            if over && was_troubled {
                let _ = self.mail.send(Input::Guard(self.task.clone(), Report::Trouble(None))).await;
            }
            if self.mail.send(input).await.is_err() || over {
                return;
            }
        }
    }

    /// Written by rename: the guard reads all of it or what was there before.
    async fn pass_on(&mut self) {
        let wanted = *self.wanted.borrow_and_update();
        let (link, log) = (self.job.link.clone(), self.job.log.clone());
        let said = tokio::task::spawn_blocking(move || {
            let _ = link.want(wanted);
            if wanted.level.is_some() {
                // What has to end must not stand still, whoever has stopped it.
                system::signal_guard(&log, Signal::CONT);
            }
        });
        let _ = said.await;
    }
}

/// The shared look comes first: an owner's would take the lock away from nobody, but wait for a second and a half.
fn look_again(job: &Job, begun: bool, wanted: Wanted) -> io::Result<Look> {
    if lock::is_held(&job.log) {
        if !begun && has_mark(&job.lock, &job.mark) {
            return Ok(Look::Begun);
        }
        if let Some(after_ms) = job.link.take_slow() {
            return Ok(Look::Slow(after_ms));
        }
        let progress = private::read(&job.link.progress, LONGEST_WORD).ok();
        let progress = progress.and_then(|text| String::from_utf8(text).ok());
        return Ok(Look::Alive { progress, troubled: job.link.trouble.symlink_metadata().is_ok() });
    }
    let Some(claim) = Claim::take(&job.log)? else {
        return Ok(Look::Alive { progress: None, troubled: false });
    };
    if !begun && read_result(&job.result).is_none() && !has_mark(&job.lock, &job.mark) {
        return Ok(Look::NotBegun);
    }
    Ok(Look::Over(claim.seal(&job.result, &job.mark, Ending::without_guard(wanted))))
}
