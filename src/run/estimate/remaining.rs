//! How long a run will go on: what is left of it, played through in advance.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};

use jiff::Timestamp;

use super::middle;
use crate::run::{Level, Outcome, TaskState, TaskView, View};
use crate::task::TaskId;

/// A task that takes longer than was thought still has this share of the estimate before it.
const LEAST_SHARE: u64 = 20;

/// A task as far as its time matters.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Job {
    wave: usize,
    after: Vec<usize>,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It costs no time any more.
    Over,
    /// It will end after so many milliseconds.
    Running(u64),
    /// It will take so many milliseconds.
    Waiting(u64),
}

/// How long a run will probably go on, in milliseconds. `None` where it is over, paused or being ended, and where
/// nothing tells how long one of its tasks will take.
pub fn remaining_ms(view: &View, now: Timestamp) -> Option<u64> {
    let ending = view.cancelling.is_some_and(|level| level > Level::FinishWave);
    if view.run.is_none() || view.finished.is_some() || view.paused || ending {
        return None;
    }
    Some(play(&jobs(view, now)?, view.waves.len(), limit(view.max_parallel)))
}

/// How long tasks that start at the same time will probably take together: each with its name, the names that it waits
/// for, and how long it takes itself. `None` where that of one is not known, and where there is none.
pub fn together_ms<'a, A>(tasks: impl IntoIterator<Item = (&'a str, A, Option<u64>)>, max_parallel: u32) -> Option<u64>
where
    A: IntoIterator<Item = &'a str>,
{
    let tasks: Vec<(&str, A, Option<u64>)> = tasks.into_iter().collect();
    let places: HashMap<&str, usize> = tasks.iter().enumerate().map(|(place, (name, ..))| (*name, place)).collect();
    let job = |(_, after, estimate): (&str, A, Option<u64>)| {
        let after = after.into_iter().filter_map(|name| places.get(name).copied()).collect();
        Some(Job { wave: 0, after, stage: Stage::Waiting(estimate?) })
    };
    let jobs = tasks.into_iter().map(job).collect::<Option<Vec<_>>>()?;
    (!jobs.is_empty()).then(|| play(&jobs, 1, limit(max_parallel)))
}

fn limit(max_parallel: u32) -> usize {
    if max_parallel == 0 { usize::MAX } else { usize::try_from(max_parallel).unwrap_or(usize::MAX) }
}

fn jobs(view: &View, now: Timestamp) -> Option<Vec<Job>> {
    let places: HashMap<&TaskId, usize> = view.tasks().enumerate().map(|(place, task)| (&task.id, place)).collect();
    let last_wave = last_wave(view);
    let mut doomed: HashSet<&TaskId> = HashSet::new();
    let mut jobs = Vec::new();
    for (wave, task) in
        view.waves.iter().enumerate().flat_map(|(number, wave)| wave.tasks.iter().map(move |task| (number, task)))
    {
        let will_not_start = wave > last_wave || task.left_out || task.after.iter().any(|id| blocks(view, &doomed, id));
        let stage = match &task.state {
            TaskState::Finished { .. } => Stage::Over,
            TaskState::Pending if will_not_start => {
                doomed.insert(&task.id);
                Stage::Over
            }
            TaskState::Pending => Stage::Waiting(estimate(view, task)?),
            // It keeps its place while it waits.
            TaskState::Retrying { since, delay_ms, .. } => {
                let wait = delay_ms.saturating_sub(elapsed_ms(since, now));
                Stage::Running(wait.saturating_add(estimate(view, task)?))
            }
            TaskState::Running { since } => Stage::Running(left(estimate(view, task)?, since, now)),
        };
        let after = task.after.iter().filter_map(|id| places.get(id).copied()).collect();
        jobs.push(Job { wave, after, stage });
    }
    Some(jobs)
}

/// The last wave that will start, as far as can be seen.
fn last_wave(view: &View) -> usize {
    let failed = |task: &TaskView| {
        let failures = [Outcome::Failed, Outcome::TimedOut, Outcome::Cancelled, Outcome::Lost];
        matches!(&task.state, TaskState::Finished { outcome, .. } if failures.contains(outcome))
    };
    let has_failed = view.waves.iter().position(|wave| wave.tasks.iter().any(failed));
    let begun = view.waves.iter().rposition(|wave| wave.started.is_some());
    let stops = has_failed.filter(|_| !view.keep_going);
    let cancelled = view.cancelling.is_some().then_some(begun.unwrap_or_default());
    stops.into_iter().chain(cancelled).min().unwrap_or(usize::MAX)
}

/// Whether this task keeps those from starting that wait for it.
fn blocks(view: &View, doomed: &HashSet<&TaskId>, id: &TaskId) -> bool {
    let state = view.task(id.as_str()).map(|task| &task.state);
    doomed.contains(id) || matches!(state, Some(TaskState::Finished { outcome, .. }) if *outcome != Outcome::Passed)
}

/// The task's own estimate, else what the tasks of this run took that have passed.
fn estimate(view: &View, task: &TaskView) -> Option<u64> {
    let passed = view.tasks().filter_map(|task| match &task.state {
        TaskState::Finished { outcome: Outcome::Passed, duration_ms, .. } => Some(*duration_ms),
        _ => None,
    });
    task.estimate_ms.or_else(|| middle(passed.collect()))
}

fn left(estimate: u64, since: &str, now: Timestamp) -> u64 {
    estimate.saturating_sub(elapsed_ms(since, now)).max(estimate / LEAST_SHARE)
}

fn elapsed_ms(since: &str, now: Timestamp) -> u64 {
    let since: Timestamp = since.parse().unwrap_or(now);
    u64::try_from(now.duration_since(since).as_millis()).unwrap_or(0)
}

/// Plays the run through as the supervisor does: wave after wave, in a wave each task when those before it have ended
/// and there is room. Answers with the time of the last end.
fn play(jobs: &[Job], waves: usize, limit: usize) -> u64 {
    let mut play = Play::new(jobs, limit);
    for wave in 0..waves {
        play.wave(wave);
    }
    play.last_end()
}

struct Play<'a> {
    jobs: &'a [Job],
    limit: usize,
    over: Vec<bool>,
    now: u64,
    /// When which job ends, the next one on top.
    running: BinaryHeap<Reverse<(u64, usize)>>,
}

impl<'a> Play<'a> {
    fn new(jobs: &'a [Job], limit: usize) -> Self {
        let running = jobs.iter().enumerate().filter_map(|(number, job)| match job.stage {
            Stage::Running(left) => Some(Reverse((left, number))),
            _ => None,
        });
        let over = jobs.iter().map(|job| job.stage == Stage::Over).collect();
        Self { jobs, limit, over, now: 0, running: running.collect() }
    }

    fn wave(&mut self, wave: usize) {
        let of_wave = |(number, job): (usize, &Job)| (job.wave == wave).then_some(number);
        let of_wave: Vec<usize> = self.jobs.iter().enumerate().filter_map(of_wave).collect();
        let is_waiting = |number: &usize| matches!(self.jobs.get(*number), Some(Job { stage: Stage::Waiting(_), .. }));
        let mut waiting: VecDeque<usize> = of_wave.iter().copied().filter(is_waiting).collect();
        while of_wave.iter().any(|&number| !self.is_over(number)) {
            self.start(&mut waiting);
            if !self.end_next() {
                return; // what is left waits for each other, which no plan allows
            }
        }
    }

    /// Starts what can start, in order.
    fn start(&mut self, waiting: &mut VecDeque<usize>) {
        waiting.retain(|&number| {
            let Some(job) = self.jobs.get(number) else { return false };
            let Stage::Waiting(takes) = job.stage else { return false };
            let starts = self.running.len() < self.limit && job.after.iter().all(|&before| self.is_over(before));
            if starts {
                self.running.push(Reverse((self.now + takes, number)));
            }
            !starts
        });
    }

    /// Goes on to the next end; false where nothing runs.
    fn end_next(&mut self) -> bool {
        let Some(Reverse((end, number))) = self.running.pop() else { return false };
        self.now = end;
        if let Some(over) = self.over.get_mut(number) {
            *over = true;
        }
        true
    }

    fn last_end(mut self) -> u64 {
        while self.end_next() {}
        self.now
    }

    fn is_over(&self, number: usize) -> bool {
        self.over.get(number).copied().unwrap_or(true)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    /// The same, one tick of the clock after another.
    fn tick_by_tick(jobs: &[Job], waves: usize, limit: usize) -> u64 {
        let mut left: Vec<Option<u64>> = jobs
            .iter()
            .map(|job| match job.stage {
                Stage::Running(left) => Some(left),
                _ => None,
            })
            .collect();
        let mut over: Vec<bool> = jobs.iter().map(|job| job.stage == Stage::Over).collect();
        let mut time = 0;
        for wave in 0..waves {
            while (0..jobs.len()).any(|number| jobs[number].wave == wave && !over[number]) {
                for (number, job) in jobs.iter().enumerate().filter(|(_, job)| job.wave == wave) {
                    let Stage::Waiting(takes) = job.stage else { continue };
                    let free = left.iter().flatten().count() < limit;
                    if free && left[number].is_none() && !over[number] && job.after.iter().all(|&before| over[before]) {
                        left[number] = Some(takes);
                    }
                }
                time += 1;
                for number in 0..jobs.len() {
                    left[number] = left[number].map(|left| left - 1);
                    if left[number] == Some(0) {
                        left[number] = None;
                        over[number] = true;
                    }
                }
            }
        }
        time
    }

    /// The longest chain of each wave, added up: what a run takes that is not short of room.
    fn longest_chains(jobs: &[Job], waves: usize) -> u64 {
        fn end(jobs: &[Job], number: usize) -> u64 {
            let in_wave = |before: &&usize| jobs[**before].wave == jobs[number].wave;
            let before = jobs[number].after.iter().filter(in_wave).map(|&before| end(jobs, before)).max();
            match jobs[number].stage {
                Stage::Over => 0,
                Stage::Running(left) => left,
                Stage::Waiting(takes) => before.unwrap_or(0) + takes,
            }
        }
        let of_wave = |wave| (0..jobs.len()).filter(move |&number| jobs[number].wave == wave);
        (0..waves).map(|wave| of_wave(wave).map(|number| end(jobs, number)).max().unwrap_or(0)).sum()
    }

    const WAVES: usize = 3;

    /// Jobs in the order of their waves, each after some before it; only tasks of the first wave run or are over.
    fn some_jobs() -> impl Strategy<Value = Vec<Job>> {
        let job = (0..WAVES, 0_u8..3, 1_u64..9, proptest::collection::vec(any::<prop::sample::Index>(), 0..3));
        proptest::collection::vec(job, 0..9).prop_map(|mut drawn| {
            drawn.sort_by_key(|(wave, ..)| *wave);
            let mut jobs: Vec<Job> = Vec::new();
            for (number, (wave, stage, time, after)) in drawn.into_iter().enumerate() {
                let mut after: Vec<usize> =
                    after.iter().filter(|_| number > 0).map(|before| before.index(number)).collect();
                let stage = match stage {
                    0 if wave == 0 => Stage::Over,
                    1 if wave == 0 => Stage::Running(time),
                    _ => Stage::Waiting(time),
                };
                if !matches!(stage, Stage::Waiting(_)) {
                    after.clear();
                }
                jobs.push(Job { wave, after, stage });
            }
            jobs
        })
    }

    fn work(jobs: &[Job]) -> u64 {
        jobs.iter()
            .map(|job| match job.stage {
                Stage::Over => 0,
                Stage::Running(time) | Stage::Waiting(time) => time,
            })
            .sum()
    }

    proptest! {
        #[test]
        fn a_run_is_played_as_the_clock_would(jobs in some_jobs(), limit in 1_usize..5) {
            prop_assert_eq!(play(&jobs, WAVES, limit), tick_by_tick(&jobs, WAVES, limit));
        }

        #[test]
        fn with_room_for_all_the_longest_chains_count(jobs in some_jobs()) {
            prop_assert_eq!(play(&jobs, WAVES, usize::MAX), longest_chains(&jobs, WAVES));
        }

        /// With room for all a task that ends never makes the rest longer. With less room it can (that is so with every
        /// list), but never beyond one task after another, nor below the longest chains.
        #[test]
        fn what_ends_early_makes_nothing_longer(
            jobs in some_jobs(),
            limit in 1_usize..5,
            which in any::<prop::sample::Index>(),
        ) {
            let before = play(&jobs, WAVES, usize::MAX);
            let limited = play(&jobs, WAVES, limit);
            prop_assert!(longest_chains(&jobs, WAVES) <= limited && limited <= work(&jobs));
            if !jobs.is_empty() {
                let mut after = jobs.clone();
                after[which.index(jobs.len())].stage = Stage::Over;
                prop_assert!(play(&after, WAVES, usize::MAX) <= before);
                prop_assert!(play(&after, WAVES, limit) <= work(&after));
            }
        }
    }
}
