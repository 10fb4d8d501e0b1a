//! Where the parts of a run lie.

use std::path::{Path, PathBuf};

use super::RunId;
use crate::task::TaskId;

/// The folder of all runs of a workspace.
pub fn runs_dir(state_dir: &Path) -> PathBuf {
    state_dir.join("runs")
}

/// The files of one run. A task's files carry its id, which is safe as a file name, and endings of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunPaths {
    dir: PathBuf,
}

impl RunPaths {
    /// The files of a run of this workspace.
    pub fn of(state_dir: &Path, run: &RunId) -> Self {
        Self { dir: runs_dir(state_dir).join(run.0.as_str()) }
    }

    /// The files in a run's folder.
    pub fn at(dir: &Path) -> Self {
        Self { dir: dir.to_path_buf() }
    }

    /// The run's folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What the supervisor has to do.
    pub fn order(&self) -> PathBuf {
        self.dir.join("run.json")
    }

    /// What shows that the order was written by this user on this machine.
    pub(super) fn seal(&self) -> PathBuf {
        self.dir.join("run.seal")
    }

    /// The journal: the only truth about the run.
    pub fn journal(&self) -> PathBuf {
        self.dir.join("journal.jsonl")
    }

    /// Held by the supervisor as long as it lives.
    pub fn lock(&self) -> PathBuf {
        self.dir.join("run.lock")
    }

    /// What a supervisor could tell nobody else. No id has a `~`, so it is no task's log.
    pub(super) fn supervisor_log(&self) -> PathBuf {
        self.dir.join("supervisor~.log")
    }

    /// Whether the run has trouble with its state folder.
    pub(super) fn health(&self) -> PathBuf {
        self.dir.join("health")
    }

    /// A summary of a finished journal, for those who need no more: a cache.
    pub fn summary(&self) -> PathBuf {
        self.dir.join("result.json")
    }

    /// Where requests to the supervisor are put.
    pub fn requests(&self) -> PathBuf {
        self.dir.join("requests")
    }

    /// What its attempts wait for that have called commands of the product: a file each.
    pub(super) fn waits(&self) -> PathBuf {
        self.dir.join("waits")
    }

    /// The output of an attempt, counted from 1. No id has a `~`, so no task's log is another one's.
    pub fn log(&self, task: &TaskId, attempt: u32) -> PathBuf {
        match attempt {
            0 | 1 => self.dir.join(format!("{task}.log")),
            later => self.dir.join(format!("{task}~{later}.log")),
        }
    }

    /// What a task reads from its standard input.
    pub(super) fn stdin(&self, task: &TaskId) -> PathBuf {
        self.dir.join(format!("{task}.stdin"))
    }

    /// How an attempt ended, written by its guard.
    pub(super) fn result(&self, task: &TaskId, attempt: u32) -> PathBuf {
        self.dir.join(format!("{task}.{attempt}.result"))
    }

    /// What is wanted of an attempt that outlived its supervisor, written by the next one.
    pub(super) fn wanted(&self, task: &TaskId, attempt: u32) -> PathBuf {
        self.dir.join(format!("{task}~{attempt}.wanted"))
    }

    /// There while such an attempt's output or result cannot be written, made by its guard.
    pub(super) fn trouble(&self, task: &TaskId, attempt: u32) -> PathBuf {
        self.dir.join(format!("{task}~{attempt}.trouble"))
    }

    /// That an adopted attempt takes long, and has not been told yet.
    pub(super) fn slow(&self, task: &TaskId, attempt: u32) -> PathBuf {
        self.dir.join(format!("{task}~{attempt}.slow"))
    }

    /// What such an attempt does now, written by its guard.
    pub(super) fn progress(&self, task: &TaskId, attempt: u32) -> PathBuf {
        self.dir.join(format!("{task}~{attempt}.progress"))
    }
}

/// The lock of a task: held by the guard of its one attempt.
pub(super) fn task_lock(state_dir: &Path, task: &TaskId) -> PathBuf {
    locks_dir(state_dir).join(format!("{task}.lock"))
}

/// The folder of all tasks' locks.
pub(super) fn locks_dir(state_dir: &Path) -> PathBuf {
    state_dir.join("locks")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::HashMap;

    use super::*;

    /// Whatever a task is called, its files are its own; file systems that do not tell case apart are left out here.
    #[test]
    fn no_file_of_a_task_is_the_runs_or_another_tasks() {
        let run = RunPaths::at(Path::new("/runs/r"));
        let mut owners: HashMap<PathBuf, String> = HashMap::new();
        let mut claim = |path: PathBuf, owner: String| {
            let name = path.file_name().unwrap().to_str().unwrap();
            assert!(name.len() <= 255 - ".tmp".len(), "{name}");
            for path in
                [path.clone(), path.with_file_name(format!("{name}.tmp")), path.with_file_name(format!("{name}.tail"))]
            {
                let before = owners.insert(path.clone(), owner.clone());
                assert!(
                    before.as_ref().is_none_or(|before| *before == owner),
                    "{}: {before:?}, {owner}",
                    path.display()
                );
            }
        };
        for path in [
            run.order(),
            run.seal(),
            run.journal(),
            run.lock(),
            run.supervisor_log(),
            run.health(),
            run.summary(),
            run.requests(),
            run.waits(),
        ] {
            claim(path, "the run".into());
        }
        let parts = ["supervisor", "run", "journal", "health", "result", "requests", "waits", "a", "1", "2"];
        let ends = [
            "",
            ".log",
            ".tail",
            ".log.tail",
            ".json",
            ".jsonl",
            ".lock",
            ".seal",
            ".tmp",
            ".1",
            ".2",
            ".1.result",
            "-1",
            "_1",
        ];
        let made = parts.iter().flat_map(|part| ends.map(|end| format!("{part}{end}")));
        for id in made.chain([format!("x{}", ".".repeat(127)), "x".repeat(128)]) {
            let task = TaskId::new(&id).unwrap();
            claim(run.stdin(&task), id.clone());
            for attempt in [1, 2, 11, u32::MAX] {
                let files = [
                    run.log(&task, attempt),
                    run.result(&task, attempt),
                    run.wanted(&task, attempt),
                    run.trouble(&task, attempt),
                    run.slow(&task, attempt),
                    run.progress(&task, attempt),
                ];
                files.into_iter().for_each(|path| claim(path, id.clone()));
            }
        }
        for none in ["", ".", "..", ".x", "~", "a~2", "a/b", "supervisor~"] {
            assert!(TaskId::new(none).is_err(), "{none:?}");
        }
    }
}
