//! Commands that a task calls: what they must not wait for, because it waits for them.
//!
//! An attempt's processes have its mark and its log in their environment, and a run that one of them starts keeps that, with
//! what its caller's run was started by, in its order. So a run knows all attempts that it is part of, in other workspaces,
//! too. What else attempts wait for, they say in notes ([`waits`]). An environment that was copied, or outlived its attempt, tells of nothing that runs any more: it does not count.

mod waits;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::claim::{Fate, fate};
use super::{Order, RunId, RunPaths, TaskState, View, read_run, seal, system};
use crate::task::TaskId;
pub use waits::Waiting;
pub(super) use waits::say_started;
use waits::{Circle, Wanted, circle};

/// The variable that has the path of an attempt's log: it tells the run's folder.
pub(super) const LOG: &str = system::LOG;

/// An attempt that a run or a command was started by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    run_dir: PathBuf,
    task: TaskId,
    attempt: u32,
}

/// Something would wait for what waits for it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WaitsForItself {
    /// The task is what called.
    #[error("task {task} of run {run} is what called this command: it would wait for itself")]
    Task {
        /// The task.
        task: TaskId,
        /// Its run.
        run: String,
    },
    /// A run to which the caller belongs has this task.
    #[error(
        "run {run} has task {task} and comes to it by itself; this command was called by that run's task {caller}, and would \
         wait for the run that waits for it"
    )]
    Run {
        /// The task.
        task: TaskId,
        /// The run that has it.
        run: String,
        /// The task of that run which called.
        caller: TaskId,
    },
    /// The run is one to which the caller belongs.
    #[error("run {run} waits for its task {caller}, which called this command: it would wait for itself")]
    Following {
        /// The run.
        run: String,
        /// The task of that run which called.
        caller: TaskId,
    },
    /// Over any number of others it would wait for the caller.
    #[error("task {task} waits for run {run}, which waits for task {caller}, and that one called this command")]
    Circle {
        /// The task.
        task: TaskId,
        /// A run that it has started, or follows.
        run: RunId,
        /// The task that called.
        caller: TaskId,
    },
}

impl Caller {
    fn paths(&self) -> RunPaths {
        RunPaths::at(&self.run_dir)
    }

    fn run(&self) -> String {
        self.run_dir.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The attempt goes on. Blocking.
    fn lives(&self) -> bool {
        matches!(fate(&self.paths(), &self.task, self.attempt), Fate::Alive)
    }

    fn is_in(&self, state_dir: &Path) -> bool {
        let own = self.run_dir.ancestors().nth(2);
        own == Some(state_dir)
            || own
                .and_then(|own| own.canonicalize().ok())
                .is_some_and(|own| Ok(own) == state_dir.canonicalize().map_err(drop))
    }
}

/// The attempts that this process belongs to and that go on, the outermost first. Blocking.
fn callers() -> Vec<Caller> {
    let Some(caller) = caller() else { return Vec::new() };
    let order = seal::read_order(&caller.paths()).ok().and_then(|order| serde_json::from_slice::<Order>(&order).ok());
    let outer = order.map(|order| order.callers).unwrap_or_default();
    outer.into_iter().chain([caller]).filter(Caller::lives).collect()
}

/// What the environment says.
fn caller() -> Option<Caller> {
    let log = PathBuf::from(std::env::var_os(LOG)?);
    let (run, task, attempt) = attempt_named(&std::env::var(system::MARK).ok()?)?;
    let run_dir = log.parent().filter(|dir| dir.is_absolute())?.to_path_buf();
    (run_dir.file_name()?.to_str() == Some(run.0.as_str())).then_some(Caller { run_dir, task, attempt })
}

/// What a mark names.
fn attempt_named(mark: &str) -> Option<(RunId, TaskId, u32)> {
    let mut words = mark.rsplit('/');
    let attempt = system::attempt_of(words.next()?)?;
    let task = TaskId::new(words.next()?).ok()?;
    let run = TaskId::new(words.next()?).ok()?;
    words.next().is_none().then_some((RunId(run), task, attempt))
}

/// Whether this process has an attempt's mark that is over: whoever takes that attempt's task next kills what carries it.
/// Blocking.
pub(super) fn is_mark_stale() -> bool {
    std::env::var_os(system::MARK).is_some() && !caller().is_some_and(|caller| caller.lives())
}

/// What a run of these tasks is started by; refused where it would wait for that. Blocking.
pub(super) fn may_start<'a>(
    state_dir: &Path,
    tasks: impl Iterator<Item = &'a TaskId>,
) -> Result<Vec<Caller>, WaitsForItself> {
    let callers = callers();
    if !callers.is_empty() {
        may_wait(state_dir, &callers, &tasks.cloned().collect())?;
    }
    Ok(callers)
}

/// Whether what these attempts called may wait for these tasks. Blocking.
pub(super) fn may_wait(state_dir: &Path, callers: &[Caller], tasks: &BTreeSet<TaskId>) -> Result<(), WaitsForItself> {
    let here = || callers.iter().rev().filter(|caller| caller.is_in(state_dir));
    for caller in here() {
        if tasks.contains(&caller.task) {
            return Err(WaitsForItself::Task { task: caller.task.clone(), run: caller.run() });
        }
    }
    for caller in here() {
        if let Some(task) = open_tasks(&caller.paths()).into_iter().find(|task| tasks.contains(task)) {
            return Err(WaitsForItself::Run { task, run: caller.run(), caller: caller.task.clone() });
        }
    }
    no_circle(callers, tasks.iter().map(|task| Wanted::Task(state_dir.to_path_buf(), task.clone())))
}

/// Lets this process follow a run to its end: not one to which it belongs, nor one that waits for such a one. Others that
/// would wait for it see that it waits until the answer is dropped. Blocking.
///
/// # Errors
/// [`WaitsForItself`].
pub fn may_follow(state_dir: &Path, run: &RunId) -> Result<Waiting, WaitsForItself> {
    let callers = callers();
    if callers.is_empty() {
        return Ok(Waiting::of_nobody());
    }
    let paths = RunPaths::of(state_dir, run);
    // Said before it is looked: of two at once one sees the other.
    let waiting = Waiting::say(&callers, &paths, None);
    let of_run = |caller: &&Caller| caller.is_in(state_dir) && caller.run() == run.0.as_str();
    if let Some(caller) = callers.iter().find(of_run) {
        return Err(WaitsForItself::Following { run: run.to_string(), caller: caller.task.clone() });
    }
    let open = open_tasks(&paths);
    let own = |caller: &&Caller| caller.is_in(state_dir) && open.contains(&caller.task);
    if let Some(caller) = callers.iter().find(own) {
        return Err(WaitsForItself::Following { run: run.to_string(), caller: caller.task.clone() });
    }
    no_circle(&callers, [Wanted::Run(paths.dir().to_path_buf(), None)]).map(|()| waiting)
}

/// Lets this process wait for the end of one task of a run, as [`may_follow`] does for all of it. Blocking.
///
/// # Errors
/// [`WaitsForItself`].
pub fn may_follow_task(state_dir: &Path, run: &RunId, task: &TaskId) -> Result<Waiting, WaitsForItself> {
    let callers = callers();
    if callers.is_empty() {
        return Ok(Waiting::of_nobody());
    }
    let paths = RunPaths::of(state_dir, run);
    let waiting = Waiting::say(&callers, &paths, Some(task));
    let here = |caller: &&Caller| caller.is_in(state_dir);
    if let Some(caller) = callers.iter().filter(here).find(|caller| caller.task == *task) {
        return Err(WaitsForItself::Task { task: task.clone(), run: caller.run() });
    }
    let view = View::of(&read_run(&paths).unwrap_or_default());
    let runs = view.task(task.as_str()).is_some_and(|task| matches!(task.state, TaskState::Running { .. }));
    let of_run = |caller: &&Caller| caller.run() == run.0.as_str();
    // One that has not begun may have to wait for the caller's wave.
    if let Some(caller) = callers.iter().filter(here).find(of_run).filter(|_| !runs) {
        let (run, caller) = (run.to_string(), caller.task.clone());
        return Err(WaitsForItself::Run { task: task.clone(), run, caller });
    }
    no_circle(&callers, [Wanted::Run(paths.dir().to_path_buf(), Some(task.clone()))]).map(|()| waiting)
}

/// What has no outcome yet in a run.
fn open_tasks(paths: &RunPaths) -> BTreeSet<TaskId> {
    let view = View::of(&read_run(paths).unwrap_or_default());
    let open = view.tasks().filter(|task| !matches!(task.state, TaskState::Finished { .. }));
    open.map(|task| task.id.clone()).collect()
}

/// Whether nothing of this waits for one of the callers, over any number of others.
fn no_circle(callers: &[Caller], wanted: impl IntoIterator<Item = Wanted>) -> Result<(), WaitsForItself> {
    match circle(callers, wanted) {
        None => Ok(()),
        Some(Circle { by: Some((task, run)), caller }) => Err(WaitsForItself::Circle { task, run, caller }),
        Some(Circle { by: None, caller }) => {
            let run = callers.iter().find(|of| of.task == caller).map(Caller::run).unwrap_or_default();
            Err(WaitsForItself::Task { task: caller, run })
        }
    }
}
