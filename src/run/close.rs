//! Ending a run that no supervisor may go on with: its workspace was moved or copied before it had ended, or its files were
//! cut back after it had.

use std::io;
use std::path::Path;

use thiserror::Error;

use super::journal::Journal;
use super::lock::Lock;
use super::open::{self, Closed};
use super::past::Past;
use super::{
    Counts, Event, Fate, JournalError, Outcome, Record, RunId, RunPaths, TaskState, View, fate, history, identity,
    lock, read_run, system,
};
use crate::agent::Told;

/// A run cannot be ended.
#[derive(Debug, Error)]
pub enum CloseError {
    /// Its journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Somebody holds it.
    #[error("ending run {0}: another process does that just now")]
    Busy(RunId),
    /// A file fails.
    #[error("ending run {run}")]
    Io {
        /// The run.
        run: RunId,
        /// Why.
        source: io::Error,
    },
}

/// Whether a run that its journal calls unfinished can get no supervisor any more: it can only be ended, by [`close`].
/// Blocking.
pub fn is_closed(state_dir: &Path, run: &RunId) -> bool {
    why_closed(state_dir, run).is_some()
}

/// Why a run that its journal calls unfinished can get no supervisor any more; `None`: it can, or has one. Blocking.
pub fn why_closed(state_dir: &Path, run: &RunId) -> Option<&'static str> {
    let paths = RunPaths::of(state_dir, run);
    let lives = lock::is_held(&paths.lock()) || !system::supervisors(paths.dir()).is_empty();
    if lives { None } else { open::closed(&paths).map(Closed::why) }
}

/// Whether such a run has begun and not finished. Blocking.
pub fn is_stranded(state_dir: &Path, run: &RunId) -> bool {
    // The lock was free before its journal is read: that has all that it will ever have.
    is_closed(state_dir, run)
        && read_run(&RunPaths::of(state_dir, run)).is_ok_and(|records| {
            let is_over = |record: &Record| matches!(record.event, Event::RunFinished { .. });
            !records.is_empty() && !records.iter().any(is_over)
        })
}

/// Ends such a run: its journal gets an end. What of it is alive and belongs to this workspace is killed; what belongs to
/// the one that this is a copy of is not touched. Blocking.
///
/// # Errors
/// [`CloseError`]; then the run is as it was.
pub fn close(root: &Path, state_dir: &Path, run: &RunId) -> Result<(), CloseError> {
    let paths = RunPaths::of(state_dir, run);
    let failed = |source| CloseError::Io { run: run.clone(), source };
    let Some(lock) = Lock::acquire(&paths.lock()).map_err(failed)? else { return Err(CloseError::Busy(run.clone())) };
    let records = read_run(&paths)?;
    let closed = open::closed(&paths);
    let is_over = records.iter().any(|record| matches!(record.event, Event::RunFinished { .. }));
    if is_over || closed.is_none() {
        return Ok(());
    }
    // Which workspace this is has to be known before anything is killed.
    let identity = identity::of(root, state_dir).and_then(|identity| identity::claim(&identity).map(|()| identity));
    let ours = format!("@{}", identity.map_err(failed)?.nonce);
    let of_run = format!("{run}/");
    system::kill_all(|mark| mark.starts_with(&of_run) && mark.ends_with(&ours));
    if closed == Some(Closed::Earlier) {
        // Its marks name no workspace.
        let is_left = |marked: &system::Marked| {
            marked.mark.starts_with(&of_run) && !marked.mark.contains('@') && marked.workspace.as_deref() == Some(root)
        };
        system::marked(is_left).iter().for_each(|marked| system::kill_all_marked(&marked.mark));
    }
    let ended = write_end(&paths, &records, closed.unwrap_or(Closed::Elsewhere).why()).map_err(failed);
    open::shut(&paths);
    drop(lock);
    ended
}

fn write_end(paths: &RunPaths, records: &[Record], why: &str) -> io::Result<()> {
    let mut view = View::of(records);
    view.supervisor_died(|task, attempt| fate(paths, task, attempt));
    let known = View::of(records);
    let is_known = |task: &str| known.task(task).is_some_and(|task| matches!(task.state, TaskState::Finished { .. }));
    // Nothing of it is open: the line that was never finished goes.
    let mut journal = Journal::open(&paths.journal())?;
    for task in view.tasks().filter(|task| !is_known(task.id.as_str())) {
        let (outcome, exit_code, duration_ms, reason) = match &task.state {
            TaskState::Finished { outcome, exit_code, duration_ms, reason } => {
                let lost = (*outcome == Outcome::Lost).then(|| why.to_owned());
                (*outcome, *exit_code, *duration_ms, lost.or_else(|| reason.clone()))
            }
            TaskState::Running { .. } | TaskState::Retrying { .. } => (Outcome::Lost, None, 0, Some(why.to_owned())),
            // It may have been started without a word of it in the journal.
            TaskState::Pending if paths.log(&task.id, 1).exists() => match fate(paths, &task.id, 1) {
                Fate::Over(TaskState::Finished { outcome, exit_code, duration_ms, reason }) => {
                    (outcome, exit_code, duration_ms, reason)
                }
                Fate::Over(_) | Fate::Alive | Fate::Lost => (Outcome::Lost, None, 0, Some(why.to_owned())),
            },
            TaskState::Pending => (Outcome::Skipped, None, 0, Some(why.to_owned())),
        };
        journal.append(&Event::TaskFinished {
            task: task.id.clone(),
            outcome,
            exit_code,
            duration_ms,
            reason,
            log: task.log.clone(),
            attempts: task.attempt,
            flaky: false,
            leaked: false,
            told: Told::default(),
        })?;
    }
    let records = read_run(paths).map_err(io::Error::other)?;
    let (view, past) = (View::of(&records), Past::of(&records));
    if let Some(wave) = view.waves.iter().find(|wave| wave.started.is_some() && wave.finished.is_none()) {
        let told = past.as_ref().and_then(|past| past.waves.last());
        let mut summary = Counts::new();
        for task in &wave.tasks {
            if let TaskState::Finished { outcome, .. } = task.state {
                *summary.entry(outcome).or_default() += 1;
            }
        }
        let (wall_ms, serial_ms) = told.map_or((0, 0), |wave| (wave.wall_ms, wave.serial_ms));
        journal.append(&Event::WaveFinished { wave: wave.wave.clone(), summary, wall_ms, serial_ms })?;
    }
    let (wall_ms, serial_ms) = past.map_or((0, 0), |past| (past.wall_ms, past.serial_ms));
    journal.append(&Event::RunFinished { summary: view.summary.clone(), wall_ms, serial_ms, exit_code: 1 })?;
    history::write_summary(paths, journal.length());
    Ok(())
}
