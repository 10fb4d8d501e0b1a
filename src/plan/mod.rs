//! What follows from all tasks together: features, waves, order, states, problems, and what a run would do.
//!
//! Pure: no I/O, no clock. The workspace's index feeds it; the command line and the language server show it.

mod catalog;
mod feature;
mod few;
mod file_key;
mod graph;
mod names;
mod nearest;
mod planned;
mod progress;
mod select;
mod tables;
#[cfg(test)]
mod tests;

pub use catalog::{Catalog, Replanned};
pub use nearest::{KnownIds, UnknownId};
pub(crate) use nearest::{nearest, one_of};
pub use planned::PlannedTask;
pub use progress::Progress;
pub use select::{
    Asked, Include, Schedule, ScheduledTask, ScheduledWave, SelectError, Selection, Skipped, feature_named, select,
};

use crate::task::{Dialect, Text, WaveLabel};

/// A hash table with a seed of its own that costs less than the standard library's.
pub(crate) type Map<K, V> = std::collections::HashMap<K, V, foldhash::fast::RandomState>;
/// The same without values.
pub(crate) type Set<T> = std::collections::HashSet<T, foldhash::fast::RandomState>;

/// The tasks that were planned together, in waves that run in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Feature {
    /// Its id: what `--feature` takes; unique in the workspace.
    pub id: Box<str>,
    /// Its title for people; the id where nobody gave one.
    pub title: Box<str>,
    /// The dialect of its tasks.
    pub dialect: Dialect,
    /// False where it runs only when named (`backlog.md` without milestones).
    pub runs_unasked: bool,
    /// Its waves in order. Tasks outside the declared waves stand last, in the one group whose label is `None`.
    pub waves: Vec<Wave>,
}

impl Feature {
    /// Its tasks, wave by wave.
    pub fn tasks(&self) -> impl Iterator<Item = &PlannedTask> + Clone {
        self.waves.iter().flat_map(|wave| &wave.tasks)
    }

    /// The task of this id; where none has it to the letter, the only one that has it without case.
    pub fn task_named(&self, id: &str) -> Option<&PlannedTask> {
        let to_the_letter = self.tasks().find(|task| *task.id == *id && !id.is_empty());
        let mut without_case = self.tasks().filter(|task| task.id.eq_ignore_ascii_case(id) && !id.is_empty());
        to_the_letter.or_else(|| without_case.next().filter(|_| without_case.next().is_none()))
    }

    /// Would a run of everything have something to do, or to say, that is not up to a person?
    pub fn is_open(&self) -> bool {
        let in_waves = self.waves.iter().filter(|wave| wave.label.is_some()).flat_map(|wave| &wave.tasks);
        in_waves.into_iter().any(PlannedTask::is_left)
    }
}

/// The tasks of one feature that may run at the same time.
#[derive(Debug, Clone, PartialEq)]
pub struct Wave {
    /// Its label; `None` for the group "no wave", whose tasks run only by `--task`.
    pub label: Option<WaveLabel>,
    /// Its tasks, in the order of their ids.
    pub tasks: Vec<PlannedTask>,
}

/// Whether a task can run, and why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Its file says so, or its latest attempt passed.
    Done,
    /// Given up; never run.
    Dropped,
    /// Nothing stands in the way.
    Ready,
    /// Waits for these tasks (their ids), in an earlier wave, its own, or another feature.
    Waiting(Vec<Text>),
    /// Somebody has to do it (why).
    NeedsPerson(Text),
    /// Its status says that somebody works on it (which); starts only when it is named, or such tasks are included.
    Claimed(Held),
    /// Its status says that something stands in the way (which); starts only when it is named, or such tasks are included.
    Blocked(Held),
    /// It was stopped by design; not run again.
    Halted,
    /// A problem stops it (which).
    Unrunnable(Text),
}

/// A task that is not started unasked, because of what its status says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The status, as written.
    pub status: Text,
    /// The tasks that it waits for all the same (their ids).
    pub waits_for: Vec<Text>,
}

impl State {
    /// The tasks that it waits for (their ids), started unasked or not.
    pub fn waits_for(&self) -> &[Text] {
        match self {
            Self::Waiting(ids) => ids,
            Self::Claimed(held) | Self::Blocked(held) => &held.waits_for,
            _ => &[],
        }
    }

    /// The name that the machine formats use.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Dropped => "dropped",
            Self::Ready => "ready",
            Self::Waiting(_) => "waiting",
            Self::NeedsPerson(_) => "needs-person",
            Self::Claimed(_) => "claimed",
            Self::Blocked(_) => "blocked",
            Self::Halted => "halted",
            Self::Unrunnable(_) => "unrunnable",
        }
    }

    /// Why it does not start, for people; `None` where there is nothing to say.
    pub fn reason(&self) -> Option<String> {
        match self {
            Self::Done | Self::Dropped | Self::Ready => None,
            Self::Halted => Some("its summary says that it was halted".into()),
            Self::Waiting(ids) => Some(format!("waits for {}", ids.join(", "))),
            Self::NeedsPerson(why) | Self::Unrunnable(why) => Some(why.to_string()),
            Self::Claimed(held) => Some(format!("somebody works on it (status {})", held.status)),
            Self::Blocked(held) => Some(format!("something stands in its way (status {})", held.status)),
        }
    }
}
