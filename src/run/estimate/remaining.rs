//! How long a run will go on: what is left of it, played through in advance.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap, HashSet};

use jiff::Timestamp;

use super::middle;
use crate::run::{Level, Outcome, TaskState, TaskView, View, WaveView};
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

/// How long all that could start of some waves was thought to take, in milliseconds, before anything had. `None` where
/// nothing told how long one of the tasks takes, and where nothing could start.
pub fn expected_ms(view: &View, waves: &[WaveView]) -> Option<u64> {
    let could_start = |wave: &&WaveView| wave.tasks.iter().any(|task| !task.left_out);
    let expected = |wave: &WaveView| {
        let tasks = wave.tasks.iter().filter(|task| !task.left_out);
        let tasks = tasks.map(|task| (task.id.as_str(), task.after.iter().map(TaskId::as_str), task.estimate_ms));
        together_ms(tasks, view.max_parallel)
    };
    let sum: u64 = waves.iter().filter(could_start).map(expected).sum::<Option<u64>>()?;
    (sum > 0).then_some(sum)
}

fn limit(max_parallel: u32) -> usize {
    if max_parallel == 0 { usize::MAX } else { usize::try_from(max_parallel).unwrap_or(usize::MAX) }
}

fn jobs(view: &View, now: Timestamp) -> Option<Vec<Job>> {
    let places: HashMap<&TaskId, usize> = view.tasks().enumerate().map(|(place, task)| (&task.id, place)).collect();
    let (last_wave, usual) = (last_wave(view), usual(view));
    let mut doomed: HashSet<&TaskId> = HashSet::new();
    let mut jobs = Vec::new();
    for (wave, task) in
        view.waves.iter().enumerate().flat_map(|(number, wave)| wave.tasks.iter().map(move |task| (number, task)))
    {
        let will_not_start = wave > last_wave || task.left_out || task.after.iter().any(|id| blocks(view, &doomed, id));
        let stage = match &task.state {
            TaskState::Finished { .. } => Stage::Over,
            // It will end within its grace period, which nobody here knows; what waits for it does not start.
            _ if task.cancelling > Some(Level::FinishWave) => {
                doomed.insert(&task.id);
                Stage::Over
            }
            TaskState::Pending if will_not_start => {
                doomed.insert(&task.id);
                Stage::Over
            }
            TaskState::Pending => Stage::Waiting(task.estimate_ms.or(usual)?),
            // It keeps its place while it waits.
            TaskState::Retrying { since, delay_ms, .. } => {
                let wait = delay_ms.saturating_sub(view.elapsed_ms(since, now));
                Stage::Running(wait.saturating_add(task.estimate_ms.or(usual)?))
            }
            TaskState::Running { since } => {
                Stage::Running(left(task.estimate_ms.or(usual)?, view.elapsed_ms(since, now)))
            }
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

/// What the tasks of this run took that have passed: it stands for what is not known of another.
fn usual(view: &View) -> Option<u64> {
    let passed = view.tasks().filter_map(|task| match &task.state {
        TaskState::Finished { outcome: Outcome::Passed, duration_ms, .. } => Some(*duration_ms),
        _ => None,
    });
    middle(passed.collect())
}

fn left(estimate: u64, elapsed: u64) -> u64 {
    estimate.saturating_sub(elapsed).max(estimate / LEAST_SHARE)
}

/// Plays the run through as the supervisor does: wave after wave, in a wave each task when those before it have ended
/// and there is room. Answers with the time of the last end.
fn play(jobs: &[Job], waves: usize, limit: usize) -> u64 {
    let mut play = Play::new(jobs, limit);
    let mut of_wave: Vec<Vec<usize>> = vec![Vec::new(); waves];
    for (number, job) in jobs.iter().enumerate() {
        if let Some(numbers) = of_wave.get_mut(job.wave) {
            numbers.push(number);
        }
    }
    for (wave, numbers) in of_wave.iter().enumerate() {
        play.wave(wave, numbers);
    }
    play.last_end()
}

/// A wave of ten thousand tasks is played in a few milliseconds: nothing here looks at all tasks for each of them.
struct Play<'a> {
    jobs: &'a [Job],
    limit: usize,
    now: u64,
    over: Vec<bool>,
    /// For each job how many of those before it are not over, and which wait for it.
    waits_for: Vec<usize>,
    dependents: Vec<Vec<usize>>,
    /// The present wave, how many of its jobs are not over, and which of them can start.
    wave: usize,
    open: usize,
    ready: BTreeSet<usize>,
    /// When which job ends, the next one on top.
    running: BinaryHeap<Reverse<(u64, usize)>>,
}

impl<'a> Play<'a> {
    fn new(jobs: &'a [Job], limit: usize) -> Self {
        let running = jobs.iter().enumerate().filter_map(|(number, job)| match job.stage {
            Stage::Running(left) => Some(Reverse((left, number))),
            _ => None,
        });
        let over: Vec<bool> = jobs.iter().map(|job| job.stage == Stage::Over).collect();
        let mut dependents = vec![Vec::new(); jobs.len()];
        let mut waits_for = Vec::with_capacity(jobs.len());
        for (number, job) in jobs.iter().enumerate() {
            let open = job.after.iter().filter(|&&before| over.get(before) == Some(&false));
            waits_for.push(open.clone().count());
            for &before in open {
                if let Some(dependents) = dependents.get_mut(before) {
                    dependents.push(number);
                }
            }
        }
        let running = running.collect();
        Self { jobs, limit, now: 0, over, waits_for, dependents, wave: 0, open: 0, ready: BTreeSet::new(), running }
    }

    fn wave(&mut self, wave: usize, numbers: &[usize]) {
        self.wave = wave;
        self.open = numbers.iter().filter(|&&number| self.over.get(number) == Some(&false)).count();
        numbers.iter().for_each(|&number| self.make_ready(number));
        while self.open > 0 {
            self.start();
            if !self.end_next() {
                return; // what is left waits for each other, which no plan allows
            }
        }
    }

    fn make_ready(&mut self, number: usize) {
        let Some(job) = self.jobs.get(number) else { return };
        let is_free = self.waits_for.get(number) == Some(&0);
        if job.wave == self.wave && is_free && matches!(job.stage, Stage::Waiting(_)) {
            self.ready.insert(number);
        }
    }

    /// Starts what can start, in order.
    fn start(&mut self) {
        while self.running.len() < self.limit {
            let Some(number) = self.ready.pop_first() else { return };
            if let Some(Stage::Waiting(takes)) = self.jobs.get(number).map(|job| job.stage) {
                self.running.push(Reverse((self.now.saturating_add(takes), number)));
            }
        }
    }

    /// Goes on to the next end; false where nothing runs.
    fn end_next(&mut self) -> bool {
        let Some(Reverse((end, number))) = self.running.pop() else { return false };
        self.now = end;
        if let Some(over) = self.over.get_mut(number) {
            *over = true;
        }
        if self.jobs.get(number).is_some_and(|job| job.wave == self.wave) {
            self.open = self.open.saturating_sub(1);
        }
        for dependent in self.dependents.get(number).cloned().unwrap_or_default() {
            if let Some(waits_for) = self.waits_for.get_mut(dependent) {
                *waits_for = waits_for.saturating_sub(1);
            }
            self.make_ready(dependent);
        }
        true
    }

    fn last_end(mut self) -> u64 {
        while self.end_next() {}
        self.now
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::unwrap_used)]

    use jiff::SignedDuration;
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

    /// A run of two waves: `A` and `B` in the first, `C` after them in the second, each thought to take 10 s.
    fn run_of_two_waves() -> View {
        let task = |id: &str, after: &[&str], estimate: Option<u64>| serde_json::json!({ "id": id, "title": id, "file": id, "after": after, "estimate_ms": estimate });
        let started = serde_json::json!({
            "v": "1.1", "seq": 1, "time": "2026-01-01T00:00:00Z", "event": "run-started", "run": "r", "root": "/w",
            "feature": "F", "title": "F", "max_parallel": 4, "waves": [
                { "wave": "1", "tasks": [task("A", &[], Some(10_000)), task("B", &[], Some(10_000))] },
                { "wave": "2", "tasks": [task("C", &["A"], None)] },
            ],
        });
        let mut view = View::default();
        view.apply(&serde_json::from_value(started).unwrap());
        view
    }

    fn tell(view: &mut View, event: serde_json::Value) {
        tell_at(view, 0, event);
    }

    fn tell_at(view: &mut View, seconds: i64, event: serde_json::Value) {
        let mut record = serde_json::json!({ "v": "1.1", "seq": 2, "time": at(seconds).to_string() });
        record.as_object_mut().unwrap().extend(event.as_object().unwrap().clone());
        view.apply(&serde_json::from_value(record).unwrap());
    }

    fn start(view: &mut View, task: &str) {
        tell(view, serde_json::json!({ "event": "task-started", "task": task, "attempt": 1, "log": "l" }));
    }

    fn end(view: &mut View, task: &str, outcome: &str, duration_ms: u64) {
        let event = serde_json::json!({
            "event": "task-finished", "task": task, "outcome": outcome, "exit_code": null, "duration_ms": duration_ms,
            "reason": null, "log": null,
        });
        tell(view, event);
    }

    fn at(seconds: i64) -> Timestamp {
        "2026-01-01T00:00:00Z".parse::<Timestamp>().unwrap().checked_add(SignedDuration::from_secs(seconds)).unwrap()
    }

    #[test]
    fn what_runs_has_only_the_rest_before_it() {
        let mut view = run_of_two_waves();
        assert_eq!(remaining_ms(&view, at(0)), None, "nothing tells about C");
        start(&mut view, "A");
        start(&mut view, "B");
        end(&mut view, "B", "passed", 4_000);
        assert_eq!(remaining_ms(&view, at(4)), Some(6_000 + 4_000), "B tells what C will take");
        assert_eq!(remaining_ms(&view, at(600)), Some(500 + 4_000), "what takes too long still takes a little longer");
        assert_eq!(remaining_ms(&view, at(-9)), Some(10_000 + 4_000), "a clock that went back does no harm");
    }

    #[test]
    fn a_pause_brings_no_end_nearer() {
        let mut view = run_of_two_waves();
        start(&mut view, "A");
        start(&mut view, "B");
        end(&mut view, "B", "passed", 4_000);
        let (paused, goes_on) =
            (serde_json::json!({ "event": "run-paused" }), serde_json::json!({ "event": "run-continued" }));
        tell_at(&mut view, 3, paused.clone());
        assert_eq!(view.elapsed_ms("2026-01-01T00:00:00Z", at(60)), 3_000, "it stands still");
        assert_eq!(remaining_ms(&view, at(60)), None);
        tell_at(&mut view, 100, paused);
        tell_at(&mut view, 3_603, goes_on);
        assert_eq!(view.elapsed_ms("2026-01-01T00:00:00Z", at(3_604)), 4_000, "a pause that is told twice is one");
        assert_eq!(view.elapsed_ms("2026-01-01T01:00:02Z", at(3_604)), 1_000, "what began in it counts from its end");
        assert_eq!(view.elapsed_ms("2026-01-01T01:00:04Z", at(3_605)), 1_000, "an earlier one does not matter");
        assert_eq!(remaining_ms(&view, at(3_604)), Some(6_000 + 4_000));
    }

    #[test]
    fn what_will_not_start_takes_no_time() {
        let mut view = run_of_two_waves();
        end(&mut view, "B", "passed", 4_000);
        let mut cancelled = view.clone();
        end(&mut view, "A", "failed", 1_000);
        assert_eq!(remaining_ms(&view, at(1)), Some(0), "no later wave after a failure");
        view.keep_going = true;
        assert_eq!(remaining_ms(&view, at(1)), Some(0), "C waits for A, which failed");

        cancelled.cancelling = Some(Level::FinishWave);
        assert_eq!(remaining_ms(&cancelled, at(0)), Some(10_000), "the wave is finished and no more");
        cancelled.cancelling = Some(Level::Terminate);
        assert_eq!(remaining_ms(&cancelled, at(0)), None);
    }

    #[test]
    fn tasks_that_start_together_take_as_long_as_their_longest_chain() {
        let tasks = |last| [("A", vec![], Some(3)), ("B", vec!["A", "elsewhere"], Some(4)), ("C", vec![], last)];
        assert_eq!(together_ms(tasks(Some(5)), 0), Some(7));
        assert_eq!(together_ms(tasks(Some(5)), 1), Some(12));
        assert_eq!(together_ms(tasks(None), 0), None);
        assert_eq!(together_ms([] as [(&str, Vec<&str>, Option<u64>); 0], 0), None);
    }
}
