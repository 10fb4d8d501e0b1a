//! How far a wave or a feature is: the one answer to "is it done?", for the terminal, lenses and views.

use super::{Feature, Map, Set, State};

/// How many tasks stand where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Tasks whose file or latest attempt says so.
    pub done: usize,
    /// Tasks that were given up, or stopped by design.
    pub dropped: usize,
    /// Those of them that were stopped by design.
    pub halted: usize,
    /// Tasks that can start.
    pub ready: usize,
    /// Tasks that wait for others.
    pub waiting: usize,
    /// Tasks in whose way something stands: their status says so, or they wait for one that no run will do, through however
    /// many others.
    pub blocked: usize,
    /// Tasks that somebody works on.
    pub claimed: usize,
    /// Tasks that somebody has to do.
    pub needs_person: usize,
    /// Tasks that a problem stops.
    pub unrunnable: usize,
}

impl Progress {
    /// All tasks that somebody still counts on: those that were given up are no part of the whole.
    pub fn total(&self) -> usize {
        self.done + self.ready + self.waiting + self.blocked + self.claimed + self.needs_person + self.unrunnable
    }

    /// Is all of it done? What only a person can do, or nobody can, is not.
    pub fn is_done(&self) -> bool {
        self.done > 0 && !self.is_open()
    }

    /// Is something left, for whomever?
    pub fn is_open(&self) -> bool {
        self.done < self.total()
    }

    /// `1/2 done · 1 needs a person`: what is done, and what keeps a run from doing the rest.
    pub fn words(&self) -> String {
        let needs = if self.needs_person == 1 { "needs a person" } else { "need a person" };
        let rest = [
            (self.needs_person, needs),
            (self.claimed, "claimed"),
            (self.unrunnable, "cannot run"),
            (self.blocked, "blocked"),
        ];
        let rest = rest.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
        let done = match (self.total(), self.dropped) {
            (0, 1..) if self.halted == self.dropped => "halted".to_owned(),
            (0, 1..) => "dropped".to_owned(),
            (total, _) => format!("{}/{total} done", self.done),
        };
        std::iter::once(done).chain(rest).collect::<Vec<_>>().join(" \u{b7} ")
    }

    fn plus(self, other: Self) -> Self {
        Self {
            done: self.done + other.done,
            dropped: self.dropped + other.dropped,
            halted: self.halted + other.halted,
            ready: self.ready + other.ready,
            waiting: self.waiting + other.waiting,
            blocked: self.blocked + other.blocked,
            claimed: self.claimed + other.claimed,
            needs_person: self.needs_person + other.needs_person,
            unrunnable: self.unrunnable + other.unrunnable,
        }
    }
}

impl std::iter::Sum for Progress {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), Self::plus)
    }
}

impl Feature {
    /// How far it is as a whole.
    pub fn progress(&self) -> Progress {
        self.progress_of_waves().into_iter().sum()
    }

    /// How far each of its waves is, in their order.
    pub fn progress_of_waves(&self) -> Vec<Progress> {
        let stuck = self.stuck();
        let of_wave = |wave: &super::Wave| {
            let mut progress = Progress::default();
            for task in &wave.tasks {
                progress.halted += usize::from(task.state == State::Halted);
                match &task.state {
                    State::Done => progress.done += 1,
                    State::Dropped | State::Halted => progress.dropped += 1,
                    State::Ready => progress.ready += 1,
                    State::Blocked(_) => progress.blocked += 1,
                    State::Waiting(_) if stuck.contains(&*task.id) => progress.blocked += 1,
                    State::Waiting(_) => progress.waiting += 1,
                    State::Claimed(_) => progress.claimed += 1,
                    State::NeedsPerson(_) => progress.needs_person += 1,
                    State::Unrunnable(_) => progress.unrunnable += 1,
                }
            }
            progress
        };
        self.waves.iter().map(of_wave).collect()
    }

    /// The ids of tasks that no run does, and of those that wait for them.
    fn stuck(&self) -> Set<&str> {
        let no_run_does =
            |state: &State| matches!(state, State::NeedsPerson(_) | State::Blocked(_) | State::Unrunnable(_));
        let mut news: Vec<&str> = self.tasks().filter(|task| no_run_does(&task.state)).map(|task| &*task.id).collect();
        let mut stuck = Set::default();
        if news.is_empty() {
            return stuck;
        }
        let mut behind: Map<&str, Vec<&str>> = Map::default();
        for task in self.tasks() {
            if let State::Waiting(ids) = &task.state {
                ids.iter().for_each(|id| behind.entry(id).or_default().push(&task.id));
            }
        }
        while let Some(id) = news.pop() {
            if stuck.insert(id) {
                news.extend(behind.get(id).into_iter().flatten());
            }
        }
        stuck
    }
}
