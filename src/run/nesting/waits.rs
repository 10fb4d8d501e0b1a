//! What attempts wait for: notes in their runs' folders, by which a circle is found without a look at all runs.
//!
//! A command that an attempt has called leaves a note of the run that it follows or has started, and then looks whether that
//! would close a circle: so of two that would wait for each other at least one sees the other. The look goes from note to
//! note, in other workspaces, too: from a run to its open tasks, from a task to the attempt that holds its lock, from that to
//! what it waits for.

use std::collections::HashSet;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::super::lock::{self, Lock};
use super::super::paths::task_lock;
use super::super::{RunId, RunPaths, TaskState, View, private, random, read_run, system};
use super::{Caller, attempt_named};
use crate::task::TaskId;

/// No note is longer: a path and two ids.
const LONGEST_NOTE: u64 = 64 << 10;
/// As much of a task's lock as is read: its holder's mark stands first.
const LONGEST_LOCK: u64 = 64 << 10;
/// No more notes of one run are read, nor more steps made: a state folder may hold what nobody of us has written.
const MOST_NOTES: usize = 1024;
const MOST_STEPS: usize = 100_000;

/// What an attempt waits for.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Note {
    task: TaskId,
    attempt: u32,
    /// The run that is waited for.
    run_dir: PathBuf,
    /// Only for this task of it.
    only: Option<TaskId>,
    /// The attempt has started that run: it waits until that is over. Else it waits as long as the note is locked.
    has_started: bool,
}

/// A process that an attempt has called waits for a run: known to others until this is dropped.
#[derive(Debug)]
#[must_use]
pub struct Waiting {
    /// Nobody else ever takes the lock of a note, so it may be removed.
    note: Option<(PathBuf, Lock)>,
}

impl Waiting {
    /// This process belongs to no attempt.
    pub(super) fn of_nobody() -> Self {
        Self { note: None }
    }

    /// Says that the innermost of these attempts waits for a run, or for one task of it. Blocking.
    pub(super) fn say(callers: &[Caller], run: &RunPaths, only: Option<&TaskId>) -> Self {
        let said = callers.last().map(|caller| write(caller, &note(caller, run, only, false)));
        Self { note: said.and_then(|said| said.inspect_err(tell).ok()) }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some((path, _)) = &self.note {
            // Without its lock it counts no more.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Says that the innermost of these attempts has started a run. Blocking.
pub(in crate::run) fn say_started(callers: &[Caller], run: &RunPaths) {
    if let Some(caller) = callers.last() {
        let _ = write(caller, &note(caller, run, None, true)).inspect_err(tell);
    }
}

fn note(caller: &Caller, run: &RunPaths, only: Option<&TaskId>, has_started: bool) -> Note {
    let (task, attempt) = (caller.task.clone(), caller.attempt);
    Note { task, attempt, run_dir: run.dir().to_path_buf(), only: only.cloned(), has_started }
}

fn write(caller: &Caller, note: &Note) -> io::Result<(PathBuf, Lock)> {
    let folder = caller.paths().waits();
    private::claim(&caller.run_dir, &folder)?;
    let path = folder.join(format!("{}-{}", std::process::id(), random::letters(8)));
    let lock = Lock::acquire(&path)?.ok_or(io::ErrorKind::AlreadyExists)?;
    let mut file = lock.file();
    file.write_all(&serde_json::to_vec(note)?)?;
    Ok((path, lock))
}

/// The command goes on: all that is lost is that others may not see a circle.
fn tell(error: &io::Error) {
    system::note(format_args!("feature-build: saying what this task waits for: {error}"));
}

/// What an attempt waits for now.
fn waits_of(attempt: &Caller) -> impl Iterator<Item = Note> {
    let entries = private::entries(&attempt.paths().waits()).take(MOST_NOTES);
    entries
        .filter_map(|entry| {
            let path = entry.path();
            let note: Note = serde_json::from_slice(&private::read(&path, LONGEST_NOTE).ok()?).ok()?;
            let is_over = if note.has_started {
                // The cache that a run leaves behind at its end.
                RunPaths::at(&note.run_dir).summary().exists() || !note.run_dir.exists()
            } else {
                !lock::is_held(&path)
            };
            if is_over {
                // It never counts again.
                let _ = std::fs::remove_file(&path);
            }
            (!is_over).then_some(note)
        })
        .filter(|note| note.task == attempt.task && note.attempt == attempt.attempt)
}

/// What somebody wants to wait for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Wanted {
    /// A run, or one task of it.
    Run(PathBuf, Option<TaskId>),
    /// A task, in whichever run of this state folder.
    Task(PathBuf, TaskId),
}

/// What leads back: an attempt of this task waits for this run, which has the caller's task.
pub(super) struct Circle {
    pub(super) by: Option<(TaskId, RunId)>,
    pub(super) caller: TaskId,
}

/// Whether waiting for this would be waiting for one of these attempts, over any number of others. Blocking.
pub(super) fn circle(callers: &[Caller], wanted: impl IntoIterator<Item = Wanted>) -> Option<Circle> {
    let mut ahead: Vec<(Wanted, Option<(TaskId, RunId)>)> = wanted.into_iter().map(|wanted| (wanted, None)).collect();
    let mut seen: HashSet<Wanted> = ahead.iter().map(|(wanted, _)| wanted.clone()).collect();
    let mut steps = 0;
    while let Some((wanted, by)) = ahead.pop().filter(|_| steps < MOST_STEPS) {
        steps += 1;
        let next: Vec<(Wanted, Option<(TaskId, RunId)>)> = match wanted {
            Wanted::Run(dir, only) => {
                let state_dir = dir.ancestors().nth(2).unwrap_or(&dir).to_path_buf();
                let tasks = awaited(&RunPaths::at(&dir), only.as_ref()).into_iter();
                tasks.map(|task| (Wanted::Task(state_dir.clone(), task), by.clone())).collect()
            }
            Wanted::Task(state_dir, task) => {
                if let Some(caller) = callers.iter().find(|caller| caller.task == task && caller.is_in(&state_dir)) {
                    return Some(Circle { by, caller: caller.task.clone() });
                }
                let holder = holder(&state_dir, &task);
                let waits = holder.iter().flat_map(waits_of);
                waits
                    .map(|note| {
                        let run = note.run_dir.file_name().and_then(|name| TaskId::new(name.to_str()?).ok());
                        (Wanted::Run(note.run_dir, note.only), run.map(|run| (task.clone(), RunId(run))))
                    })
                    .collect()
            }
        };
        ahead.extend(next.into_iter().filter(|(wanted, _)| seen.insert(wanted.clone())));
    }
    None
}

/// What of a run has still to end before what is waited for has: all of it, or one task.
fn awaited(run: &RunPaths, only: Option<&TaskId>) -> Vec<TaskId> {
    let view = View::of(&read_run(run).unwrap_or_default());
    let is_open = |state: &TaskState| !matches!(state, TaskState::Finished { .. });
    let task = only.and_then(|task| view.task(task.as_str()));
    let has = |wave: &&super::super::WaveView| only.is_none_or(|task| wave.tasks.iter().any(|of| of.id == *task));
    match task.map(|task| &task.state) {
        Some(TaskState::Finished { .. }) => Vec::new(),
        Some(TaskState::Running { .. } | TaskState::Retrying { .. }) => only.cloned().into_iter().collect(),
        // It waits for the waves before its own.
        Some(TaskState::Pending) | None => {
            let last = view.waves.iter().position(|wave| only.is_some() && has(&wave)).unwrap_or(view.waves.len());
            let waves = view.waves.iter().take(last.saturating_add(1));
            let open = waves.flat_map(|wave| &wave.tasks).filter(|task| is_open(&task.state));
            open.map(|task| task.id.clone()).collect()
        }
    }
}

/// The attempt that has a task: its mark stands in the task's lock. Blocking.
fn holder(state_dir: &Path, task: &TaskId) -> Option<Caller> {
    let path = task_lock(state_dir, task);
    let text = private::read(&path, LONGEST_LOCK).ok()?;
    let mark = std::str::from_utf8(text.split(|&byte| byte == b'\n').next()?).ok()?;
    let (run, of, attempt) = attempt_named(mark)?;
    let run_dir = RunPaths::of(state_dir, &run).dir().to_path_buf();
    (of == *task && lock::is_held(&path)).then_some(Caller { run_dir, task: of, attempt })
}
