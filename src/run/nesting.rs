//! Commands that a task calls: what they must not wait for, because it waits for them.
//!
//! An attempt's processes have its mark and its log in their environment, and a run that one of them starts keeps that, with
//! what its caller's run was started by, in its order. So a run knows all attempts that it is part of, in other workspaces,
//! too. An environment that was copied, or outlived its attempt, tells of nothing that runs any more: it does not count.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::claim::{Fate, fate};
use super::{Order, RunId, RunPaths, TaskState, View, history, read_run, seal, system};
use crate::task::TaskId;

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
    /// What the task has started waits for the caller.
    #[error("task {task} has started run {run}, which waits for task {caller}, and that one called this command")]
    Circle {
        /// The task.
        task: TaskId,
        /// A run that it started.
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
    let mark = std::env::var(system::MARK).ok()?;
    let mut words = mark.rsplit('/');
    let attempt = system::attempt_of(words.next()?)?;
    let task = TaskId::new(words.next()?).ok()?;
    let run_dir = log.parent().filter(|dir| dir.is_absolute())?.to_path_buf();
    (run_dir.file_name()?.to_str() == words.next()).then_some(Caller { run_dir, task, attempt })
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
    no_circle(state_dir, callers, tasks)
}

/// Whether this process may follow a run to its end: not one to which it belongs, nor one that waits for such a one.
/// Blocking.
///
/// # Errors
/// [`WaitsForItself`].
pub fn may_follow(state_dir: &Path, run: &RunId) -> Result<(), WaitsForItself> {
    let callers = callers();
    if callers.is_empty() {
        return Ok(());
    }
    let paths = RunPaths::of(state_dir, run);
    let of_run = |caller: &&Caller| caller.is_in(state_dir) && caller.run() == run.0.as_str();
    if let Some(caller) = callers.iter().find(of_run) {
        return Err(WaitsForItself::Following { run: run.to_string(), caller: caller.task.clone() });
    }
    let open = open_tasks(&paths);
    let own = |caller: &&Caller| caller.is_in(state_dir) && open.contains(&caller.task);
    match callers.iter().find(own) {
        Some(caller) => Err(WaitsForItself::Following { run: run.to_string(), caller: caller.task.clone() }),
        None => no_circle(state_dir, &callers, &open),
    }
}

/// Whether this process may wait for the end of one task of a run. Blocking.
///
/// # Errors
/// [`WaitsForItself`].
pub fn may_follow_task(state_dir: &Path, run: &RunId, task: &TaskId) -> Result<(), WaitsForItself> {
    let callers = callers();
    if callers.is_empty() {
        return Ok(());
    }
    let here = |caller: &&Caller| caller.is_in(state_dir);
    if let Some(caller) = callers.iter().filter(here).find(|caller| caller.task == *task) {
        return Err(WaitsForItself::Task { task: task.clone(), run: caller.run() });
    }
    let view = View::of(&read_run(&RunPaths::of(state_dir, run)).unwrap_or_default());
    let runs = view.task(task.as_str()).is_some_and(|task| matches!(task.state, TaskState::Running { .. }));
    let of_run = |caller: &&Caller| caller.run() == run.0.as_str();
    // One that has not begun may have to wait for the caller's wave.
    if let Some(caller) = callers.iter().filter(here).find(of_run).filter(|_| !runs) {
        let (run, caller) = (run.to_string(), caller.task.clone());
        return Err(WaitsForItself::Run { task: task.clone(), run, caller });
    }
    no_circle(state_dir, &callers, &BTreeSet::from([task.clone()]))
}

/// What has no outcome yet in a run.
fn open_tasks(paths: &RunPaths) -> BTreeSet<TaskId> {
    let view = View::of(&read_run(paths).unwrap_or_default());
    let open = view.tasks().filter(|task| !matches!(task.state, TaskState::Finished { .. }));
    open.map(|task| task.id.clone()).collect()
}

/// Whether none of these tasks has started a run that waits for one of the callers, over any number of others.
fn no_circle(state_dir: &Path, callers: &[Caller], tasks: &BTreeSet<TaskId>) -> Result<(), WaitsForItself> {
    let started: Vec<(Caller, RunId)> = history::unfinished(state_dir)
        .into_iter()
        .filter_map(|run| {
            let order = seal::read_order(&RunPaths::of(state_dir, &run.run)).ok()?;
            let caller = serde_json::from_slice::<Order>(&order).ok()?.callers.pop()?;
            Some((caller, run.run))
        })
        .filter(|(caller, _)| caller.is_in(state_dir))
        .collect();
    for task in tasks {
        let mut seen = BTreeSet::from([task.clone()]);
        let mut ahead = vec![task.clone()];
        while let Some(next) = ahead.pop() {
            for (_, run) in started.iter().filter(|(caller, _)| caller.task == next) {
                for open in open_tasks(&RunPaths::of(state_dir, run)) {
                    if let Some(caller) = callers.iter().find(|caller| caller.task == open && caller.is_in(state_dir)) {
                        let (task, run, caller) = (task.clone(), run.clone(), caller.task.clone());
                        return Err(WaitsForItself::Circle { task, run, caller });
                    }
                    if seen.insert(open.clone()) {
                        ahead.push(open);
                    }
                }
            }
        }
    }
    Ok(())
}
