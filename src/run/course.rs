//! What a run does next: pure. No process, no clock, no file; the supervisor asks, obeys, and tells how things ended.

use std::collections::{HashMap, VecDeque};
use std::num::NonZeroU32;

use crate::plan::Schedule;
use crate::task::TaskId;

/// What the supervisor has to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// A wave begins with these tasks still to be started.
    BeginWave { wave: usize, tasks: Vec<TaskId> },
    /// Start this task; [`Course::ended`] or [`Course::hold`] answers.
    Start(TaskId),
    /// This task has its outcome: skipped.
    Skip { task: TaskId, reason: String },
    /// Every task of the wave has its outcome.
    EndWave(usize),
}

/// What an earlier supervisor of the run had come to with a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recalled {
    Passed,
    NotPassed,
    /// It was not started.
    Skipped,
    Running,
}

/// What an earlier supervisor of the run had told of a wave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum Told {
    #[default]
    Nothing,
    Beginning,
    End,
}

/// How far a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Not started. `waits_for`: how many tasks have to pass before.
    Waiting {
        waits_for: usize,
    },
    Running,
    Passed,
    NotPassed,
}

#[derive(Debug)]
struct Node {
    id: TaskId,
    wave: usize,
    after: Vec<usize>,
    dependents: Vec<usize>,
    stage: Stage,
    /// It was never to be started, and this is why.
    left_out: Option<String>,
    awaits_person: bool,
}

/// A run as a chain of decisions.
#[derive(Debug)]
pub(super) struct Course {
    nodes: Vec<Node>,
    by_id: HashMap<TaskId, usize>,
    waves: Vec<WaveState>,
    labels: Vec<Option<String>>,
    limit: usize,
    keep_going: bool,
    running: usize,
    /// Tasks of the present wave that may start.
    ready: VecDeque<usize>,
    /// Tasks of the present wave that will be skipped, each with the reason.
    doomed: VecDeque<(usize, String)>,
    at: usize,
    /// The present wave has begun.
    begun: bool,
    /// No further task starts, and why.
    halted: Option<String>,
    /// No later wave begins, and why.
    last_wave: Option<String>,
    /// No task starts for now.
    paused: bool,
    /// No task starts before another has ended: the system had no room.
    held: bool,
}

#[derive(Debug, Default)]
struct WaveState {
    nodes: Vec<usize>,
    open: usize,
    /// A task did not pass, and not only because it needs a person.
    failed: bool,
    /// What must not be told again.
    told: Told,
}

impl Course {
    pub(super) fn new(schedule: &Schedule, max_parallel: NonZeroU32, keep_going: bool) -> Self {
        let mut course = Self {
            nodes: Vec::new(),
            by_id: HashMap::new(),
            waves: Vec::new(),
            labels: schedule.waves.iter().map(|wave| wave.wave.clone()).collect(),
            limit: usize::try_from(max_parallel.get()).unwrap_or(usize::MAX),
            keep_going,
            running: 0,
            ready: VecDeque::new(),
            doomed: VecDeque::new(),
            at: 0,
            begun: false,
            halted: None,
            last_wave: None,
            paused: false,
            held: false,
        };
        for (wave, scheduled) in schedule.waves.iter().enumerate() {
            course.waves.push(WaveState::default());
            for task in &scheduled.tasks {
                course.add(&task.id, wave, None);
            }
            for skipped in &scheduled.skipped {
                course.add(&skipped.id, wave, Some((skipped.reason.clone(), skipped.awaits_person)));
            }
        }
        for task in schedule.waves.iter().flat_map(|wave| &wave.tasks) {
            course.connect(&task.id, &task.after);
        }
        course
    }

    /// A task that stands in a schedule twice counts once.
    fn add(&mut self, id: &TaskId, wave: usize, left_out: Option<(String, bool)>) {
        let number = self.nodes.len();
        if self.by_id.contains_key(id) {
            return;
        }
        self.by_id.insert(id.clone(), number);
        let awaits_person = left_out.as_ref().is_some_and(|(_, awaits_person)| *awaits_person);
        self.nodes.push(Node {
            id: id.clone(),
            wave,
            after: Vec::new(),
            dependents: Vec::new(),
            stage: Stage::Waiting { waits_for: 0 },
            left_out: left_out.map(|(reason, _)| reason),
            awaits_person,
        });
        if let Some(state) = self.waves.get_mut(wave) {
            state.nodes.push(number);
            state.open += 1;
        }
    }

    fn connect(&mut self, id: &TaskId, after: &[TaskId]) {
        let Some(&number) = self.by_id.get(id) else { return };
        let before: Vec<usize> = after.iter().filter_map(|id| self.by_id.get(id).copied()).collect();
        for &other in &before {
            if let Some(node) = self.nodes.get_mut(other) {
                node.dependents.push(number);
            }
        }
        if let Some(node) = self.nodes.get_mut(number) {
            node.stage = Stage::Waiting { waits_for: before.len() };
            node.after = before;
        }
    }

    /// The next thing to do; `None`: nothing before a task ends, or nothing at all ([`Course::is_over`]).
    pub(super) fn next(&mut self) -> Option<Step> {
        while self.at < self.waves.len() {
            let told = self.told();
            // A wave whose beginning was told has to have an end, whatever happened meanwhile.
            if !self.begun && (self.halted.is_none() || told != Told::Nothing) {
                let step = self.begin_wave();
                if told == Told::Nothing {
                    return Some(step);
                }
            }
            if let Some(step) = self.skip_next() {
                return Some(step);
            }
            if let Some(step) = self.start_next() {
                return Some(step);
            }
            if self.open_in_wave() == 0 {
                if let Some(step) = self.end_wave().filter(|_| told != Told::End) {
                    return Some(step);
                }
                continue;
            }
            if self.running > 0 || !self.ready.is_empty() {
                return None;
            }
            self.doom_the_rest();
        }
        None
    }

    /// Takes in what an earlier supervisor had come to. Only before the first [`Course::next`]; tasks in the order in
    /// which they ended.
    pub(super) fn recall(&mut self, id: &TaskId, recalled: Recalled) {
        let Some(&number) = self.by_id.get(id) else { return };
        match recalled {
            Recalled::Passed => self.close(number, true),
            Recalled::NotPassed => self.close(number, false),
            Recalled::Skipped => {
                self.recall_reason(number);
                self.close(number, false);
            }
            Recalled::Running => {
                self.running += 1;
                if let Some(node) = self.nodes.get_mut(number) {
                    node.stage = Stage::Running;
                }
            }
        }
    }

    /// Takes in what an earlier supervisor had told of a wave. Only before the first [`Course::next`].
    pub(super) fn recall_wave(&mut self, wave: usize, told: Told) {
        if let Some(wave) = self.waves.get_mut(wave) {
            wave.told = wave.told.max(told);
        }
    }

    /// A task that was skipped because of others waited for a person where all of these did.
    fn recall_reason(&mut self, number: usize) {
        let Some(node) = self.nodes.get(number).filter(|node| node.left_out.is_none()) else { return };
        if let Some(&other) = node.after.iter().find(|&&other| self.stage(other) == Some(Stage::NotPassed)) {
            self.depends_on(number, other);
        }
    }

    /// A task has ended.
    pub(super) fn ended(&mut self, id: &TaskId, passed: bool) {
        let Some(&number) = self.by_id.get(id) else { return };
        self.running = self.running.saturating_sub(1);
        self.held = false;
        self.close(number, passed);
    }

    /// A task could not start because the system has no room for it: it waits, and all others with it, until a task has
    /// ended or [`Course::release`] is called.
    pub(super) fn hold(&mut self, id: &TaskId) {
        let Some(&number) = self.by_id.get(id) else { return };
        self.running = self.running.saturating_sub(1);
        self.held = true;
        if let Some(node) = self.nodes.get_mut(number) {
            node.stage = Stage::Waiting { waits_for: 0 };
        }
        self.ready.push_front(number);
    }

    /// A task that was started turns out not to have been: it starts again, where tasks still start.
    pub(super) fn again(&mut self, id: &TaskId) {
        let Some(&number) = self.by_id.get(id) else { return };
        self.running = self.running.saturating_sub(1);
        if let Some(node) = self.nodes.get_mut(number) {
            node.stage = Stage::Waiting { waits_for: 0 };
        }
        if self.halted.is_none() {
            self.ready.push_front(number);
        }
    }

    /// Try again to start what waits for room.
    pub(super) fn release(&mut self) {
        self.held = false;
    }

    /// Whether tasks wait for room.
    pub(super) fn is_held(&self) -> bool {
        self.held
    }

    /// Whether tasks wait for room while none runs that could make some.
    pub(super) fn is_stuck(&self) -> bool {
        self.held && self.running == 0
    }

    /// Starts no further task.
    pub(super) fn halt(&mut self, reason: &str) {
        self.halted.get_or_insert_with(|| reason.to_string());
        self.ready.clear();
    }

    /// Starts no wave after the present one, which goes on to its end.
    pub(super) fn finish_wave(&mut self, reason: &str) {
        self.last_wave.get_or_insert_with(|| reason.to_string());
        // A wave that an earlier supervisor had begun is the present one.
        if !self.begun && !self.waves.iter().any(|wave| wave.told == Told::Beginning) {
            self.halt(reason);
        }
    }

    /// Starts nothing as long as it is paused.
    pub(super) fn pause(&mut self, paused: bool) {
        self.paused = paused;
    }

    pub(super) fn is_paused(&self) -> bool {
        self.paused
    }

    /// Does not start this task; false where it has been started already.
    pub(super) fn withdraw(&mut self, id: &TaskId, reason: &str) -> bool {
        let Some(node) = self.by_id.get(id).and_then(|&number| self.nodes.get_mut(number)) else { return false };
        if !matches!(node.stage, Stage::Waiting { .. }) {
            return false;
        }
        let number = self.by_id.get(id).copied().unwrap_or_default();
        node.left_out.get_or_insert_with(|| reason.to_string());
        let in_present_wave = self.begun && node.wave == self.at;
        self.ready.retain(|&other| other != number);
        if in_present_wave {
            self.doom(number, reason.to_string());
        }
        true
    }

    /// Every task has its outcome.
    pub(super) fn is_over(&self) -> bool {
        self.at >= self.waves.len()
    }

    /// Whether a task that did not pass did so only because it needs a person, or depends on one that does.
    pub(super) fn awaits_person(&self, id: &TaskId) -> bool {
        self.by_id.get(id).and_then(|&number| self.nodes.get(number)).is_some_and(|node| node.awaits_person)
    }

    fn begin_wave(&mut self) -> Step {
        self.begun = true;
        let mut tasks = Vec::new();
        let numbers = self.waves.get(self.at).map(|wave| wave.nodes.clone()).unwrap_or_default();
        for &number in &numbers {
            if self.stage(number).is_none_or(|stage| !matches!(stage, Stage::Waiting { .. })) {
                continue;
            }
            match self.obstacle(number) {
                Some(reason) => self.doom(number, reason),
                None => tasks.push(number),
            }
        }
        for &number in tasks.iter().filter(|_| self.halted.is_none()) {
            if self.stage(number) == Some(Stage::Waiting { waits_for: 0 }) {
                self.ready.push_back(number);
            }
        }
        let tasks = tasks.iter().filter_map(|&number| Some(self.nodes.get(number)?.id.clone())).collect();
        Step::BeginWave { wave: self.at, tasks }
    }

    /// Why a task that waits cannot start in its wave, as far as that is known when the wave begins.
    fn obstacle(&mut self, number: usize) -> Option<String> {
        let node = self.nodes.get(number)?;
        if let Some(reason) = &node.left_out {
            return Some(reason.clone());
        }
        let not_passed = node.after.iter().copied().find(|&other| self.stage(other) == Some(Stage::NotPassed));
        if let Some(other) = not_passed {
            return Some(self.depends_on(number, other));
        }
        let of_later_wave =
            node.after.iter().filter_map(|&other| self.nodes.get(other)).find(|other| other.wave > self.at)?;
        Some(format!("depends on {}, which stands in a later wave", of_later_wave.id))
    }

    /// The reason, and the mark that a person is waited for, as it goes from a task to its dependents.
    fn depends_on(&mut self, number: usize, other: usize) -> String {
        let Some(before) = self.nodes.get(other) else { return String::new() };
        let reason = format!("depends on {}, which did not pass", before.id);
        let only_for_persons = self.nodes.get(number).is_some_and(|node| {
            let missing = node.after.iter().filter(|&&after| self.stage(after) == Some(Stage::NotPassed));
            missing.filter_map(|&after| self.nodes.get(after)).all(|after| after.awaits_person)
        });
        if let Some(node) = self.nodes.get_mut(number) {
            node.awaits_person = only_for_persons;
        }
        reason
    }

    fn doom(&mut self, number: usize, reason: String) {
        self.doomed.push_back((number, reason));
    }

    fn skip_next(&mut self) -> Option<Step> {
        let (number, reason) = loop {
            let (number, reason) = self.doomed.pop_front()?;
            if matches!(self.stage(number), Some(Stage::Waiting { .. })) {
                break (number, reason);
            }
        };
        let task = self.nodes.get(number)?.id.clone();
        self.close(number, false);
        Some(Step::Skip { task, reason })
    }

    fn start_next(&mut self) -> Option<Step> {
        if self.held || self.paused || self.halted.is_some() || self.running >= self.limit {
            return None;
        }
        let number = self.ready.pop_front()?;
        let node = self.nodes.get_mut(number)?;
        node.stage = Stage::Running;
        self.running += 1;
        Some(Step::Start(node.id.clone()))
    }

    fn close(&mut self, number: usize, passed: bool) {
        let Some(node) = self.nodes.get_mut(number) else { return };
        node.stage = if passed { Stage::Passed } else { Stage::NotPassed };
        let (wave, awaits_person, dependents) = (node.wave, node.awaits_person, node.dependents.clone());
        if let Some(wave) = self.waves.get_mut(wave) {
            wave.open = wave.open.saturating_sub(1);
            wave.failed |= !passed && !awaits_person;
        }
        for dependent in dependents {
            self.tell(dependent, number, passed);
        }
    }

    /// A task that this one waits for has ended. Those of later waves are dealt with when their wave begins.
    fn tell(&mut self, number: usize, other: usize, passed: bool) {
        let (present, begun, halted) = (self.at, self.begun, self.halted.is_some());
        let Some(node) = self.nodes.get_mut(number) else { return };
        let Stage::Waiting { waits_for } = &mut node.stage else { return };
        if passed {
            *waits_for = waits_for.saturating_sub(1);
        }
        let may_start = *waits_for == 0 && node.left_out.is_none() && !halted;
        if node.wave != present || !begun {
            return;
        }
        if !passed {
            let reason = self.depends_on(number, other);
            self.doom(number, reason);
        } else if may_start {
            self.ready.push_back(number);
        }
    }

    /// Nothing runs, nothing is ready, and tasks wait: the run was halted, or they wait for each other.
    fn doom_the_rest(&mut self) {
        let numbers = self.waves.get(self.at).map(|wave| wave.nodes.clone()).unwrap_or_default();
        for number in numbers {
            let Some(node) = self.nodes.get(number) else { continue };
            if !matches!(node.stage, Stage::Waiting { .. }) {
                continue;
            }
            let reason = match (&node.left_out, &self.halted) {
                (Some(reason), _) | (None, Some(reason)) => reason.clone(),
                (None, None) => "waits for a task that waits for it".into(),
            };
            self.doom(number, reason);
        }
    }

    /// `None` for a wave that never began: nobody was told of it.
    fn end_wave(&mut self) -> Option<Step> {
        let wave = self.at;
        let begun = std::mem::take(&mut self.begun);
        self.at += 1;
        self.ready.clear();
        if begun && !self.keep_going && self.waves.get(wave).is_some_and(|wave| wave.failed) {
            let label = self.labels.get(wave).cloned().flatten();
            self.halt(&format!(
                "{} did not pass",
                label.map_or_else(|| "the wave before".into(), |label| format!("wave {label}"))
            ));
        }
        // One whose end was told before is no longer the present one.
        let was_present = self.waves.get(wave).is_some_and(|wave| wave.told != Told::End);
        if let Some(reason) = self.last_wave.clone().filter(|_| was_present) {
            self.halt(&reason);
        }
        begun.then_some(Step::EndWave(wave))
    }

    fn told(&self) -> Told {
        self.waves.get(self.at).map_or(Told::Nothing, |wave| wave.told)
    }

    fn open_in_wave(&self) -> usize {
        self.waves.get(self.at).map_or(0, |wave| wave.open)
    }

    fn stage(&self, number: usize) -> Option<Stage> {
        self.nodes.get(number).map(|node| node.stage)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;
    use crate::plan::{ScheduledTask, ScheduledWave, Skipped};

    /// A task of a made-up schedule: its wave, what it depends on, whether it passes when it is started.
    #[derive(Debug, Clone)]
    struct Made {
        wave: usize,
        after: BTreeSet<usize>,
        passes: bool,
    }

    fn id(number: usize) -> TaskId {
        TaskId::new(&format!("T{number}")).unwrap()
    }

    fn schedule(tasks: &[Made]) -> Schedule {
        let waves = tasks.iter().map(|task| task.wave + 1).max().unwrap_or_default();
        let mut schedule = Schedule { feature: "F".into(), title: "F".into(), waves: Vec::new() };
        for wave in 0..waves {
            let of_wave = tasks.iter().enumerate().filter(|(_, task)| task.wave == wave);
            let tasks = of_wave.map(|(number, task)| ScheduledTask {
                id: id(number),
                title: String::new(),
                file: String::new(),
                after: task.after.iter().copied().map(id).collect(),
                mode: None,
                estimated_minutes: None,
                complexity: None,
            });
            schedule.waves.push(ScheduledWave {
                wave: Some(wave.to_string()),
                tasks: tasks.collect(),
                skipped: Vec::new(),
            });
        }
        schedule
    }

    /// Walks the course to its end, ending the running tasks in the order that `pick` chooses.
    fn walk(
        tasks: &[Made],
        limit: u32,
        keep_going: bool,
        mut pick: impl FnMut(usize) -> usize,
    ) -> BTreeMap<usize, bool> {
        let mut course = Course::new(&schedule(tasks), NonZeroU32::new(limit).unwrap(), keep_going);
        let mut running: Vec<TaskId> = Vec::new();
        let mut outcomes = BTreeMap::new();
        let mut open_wave = None;
        while !course.is_over() {
            match course.next() {
                Some(Step::BeginWave { wave, .. }) => assert_eq!(open_wave.replace(wave), None, "one wave at a time"),
                Some(Step::EndWave(wave)) => {
                    assert!(running.is_empty());
                    assert_eq!(open_wave.take(), Some(wave));
                }
                Some(Step::Start(task)) => {
                    running.push(task);
                    assert!(running.len() <= limit as usize);
                }
                Some(Step::Skip { task, reason }) => {
                    assert!(!reason.is_empty());
                    assert!(outcomes.insert(number(&task), None).is_none(), "{task} has two outcomes");
                }
                None if running.is_empty() => break,
                None => {
                    let task = running.remove(pick(running.len()));
                    let passed = tasks[number(&task)].passes;
                    assert!(outcomes.insert(number(&task), Some(passed)).is_none(), "{task} has two outcomes");
                    course.ended(&task, passed);
                }
            }
        }
        assert!(course.is_over());
        assert_eq!(outcomes.len(), tasks.len(), "every task has an outcome");
        outcomes.into_iter().map(|(number, started)| (number, started.is_some())).collect()
    }

    fn number(id: &TaskId) -> usize {
        id.as_str()[1..].parse().unwrap()
    }

    /// Tasks that depend on earlier ones in the list only, whose waves never go down: what planning makes.
    fn planned() -> impl Strategy<Value = Vec<Made>> {
        let task = (0..3_usize, proptest::collection::vec(any::<proptest::sample::Index>(), 0..3), any::<bool>());
        proptest::collection::vec(task, 1..12).prop_map(|made| {
            let mut wave = 0;
            made.into_iter()
                .enumerate()
                .map(|(number, (step, after, passes))| {
                    wave += step / 2;
                    let after = after.iter().filter(|_| number > 0).map(|index| index.index(number.max(1))).collect();
                    Made { wave, after, passes }
                })
                .collect()
        })
    }

    proptest! {
        #[test]
        fn keep_going_starts_exactly_what_depends_on_nothing_that_did_not_pass(
            tasks in planned(), limit in 1_u32..5, picks in proptest::collection::vec(any::<proptest::sample::Index>(), 12),
        ) {
            let mut picks = picks.into_iter();
            let started = walk(&tasks, limit, true, |count| picks.next().unwrap().index(count));
            let mut passed = vec![false; tasks.len()];
            for (number, task) in tasks.iter().enumerate() {
                let may_start = task.after.iter().all(|&other| passed[other]);
                prop_assert_eq!(started[&number], may_start, "T{}", number);
                passed[number] = may_start && task.passes;
            }
        }

        #[test]
        fn without_it_nothing_starts_after_a_wave_that_did_not_pass(tasks in planned(), limit in 1_u32..5) {
            let started = walk(&tasks, limit, false, |_| 0);
            let mut passed = vec![false; tasks.len()];
            for (number, task) in tasks.iter().enumerate() {
                let wave_before_failed = (0..number).any(|other| tasks[other].wave < task.wave && !passed[other]);
                let may_start = !wave_before_failed && task.after.iter().all(|&other| passed[other]);
                prop_assert_eq!(started[&number], may_start, "T{}", number);
                passed[number] = may_start && task.passes;
            }
        }

        #[test]
        fn any_schedule_comes_to_its_end(
            made in proptest::collection::vec((0..4_usize, proptest::collection::btree_set(0..10_usize, 0..4), any::<bool>()), 0..10),
            keep_going in any::<bool>(),
        ) {
            let tasks: Vec<Made> =
                made.into_iter().map(|(wave, after, passes)| Made { wave, after, passes }).collect();
            walk(&tasks, 2, keep_going, |_| 0);
        }
    }

    /// What a journal would tell of a course.
    #[derive(Debug, Default)]
    struct Journal {
        waves: BTreeMap<usize, Told>,
        ended: Vec<(TaskId, Recalled)>,
        running: Vec<TaskId>,
    }

    impl Journal {
        /// Obeys steps and ends tasks until the course is over, or so often.
        fn drive(&mut self, course: &mut Course, tasks: &[Made], actions: usize, mut pick: impl FnMut(usize) -> usize) {
            for _ in 0..actions {
                match course.next() {
                    Some(Step::BeginWave { wave, .. }) => {
                        assert_eq!(self.waves.insert(wave, Told::Beginning), None, "a wave begins once");
                    }
                    Some(Step::EndWave(wave)) => {
                        assert_eq!(self.waves.insert(wave, Told::End), Some(Told::Beginning), "a wave ends once");
                    }
                    Some(Step::Start(task)) => {
                        assert!(!self.running.contains(&task) && !self.has_ended(&task), "{task} starts again");
                        self.running.push(task);
                    }
                    Some(Step::Skip { task, .. }) => {
                        assert!(!self.running.contains(&task) && !self.has_ended(&task), "{task} has two outcomes");
                        self.ended.push((task, Recalled::Skipped));
                    }
                    None if self.running.is_empty() => return,
                    None => {
                        let task = self.running.remove(pick(self.running.len()));
                        let passed = tasks[number(&task)].passes;
                        course.ended(&task, passed);
                        self.ended.push((task, if passed { Recalled::Passed } else { Recalled::NotPassed }));
                    }
                }
            }
        }

        fn has_ended(&self, task: &TaskId) -> bool {
            self.ended.iter().any(|(ended, _)| ended == task)
        }

        /// The course of the next supervisor.
        fn recall(&self, course: &mut Course) {
            self.ended.iter().for_each(|(task, recalled)| course.recall(task, *recalled));
            self.running.iter().for_each(|task| course.recall(task, Recalled::Running));
            self.waves.iter().for_each(|(wave, told)| course.recall_wave(*wave, *told));
        }
    }

    proptest! {
        /// Supervisors die again and again, at any point; each next one is told what the journal tells.
        #[test]
        fn a_course_that_is_recalled_comes_to_the_end_of_one_that_was_not(
            tasks in planned(),
            limit in 1_u32..5,
            keep_going in any::<bool>(),
            deaths in proptest::collection::vec(0..12_usize, 0..5),
            halted_after in proptest::option::of(0..5_usize),
            picks in proptest::collection::vec(any::<proptest::sample::Index>(), 64),
        ) {
            let mut picks = picks.into_iter().cycle();
            let mut pick = |count: usize| picks.next().unwrap().index(count);
            let fresh = || Course::new(&schedule(&tasks), NonZeroU32::new(limit).unwrap(), keep_going);
            let mut journal = Journal::default();
            for (death, actions) in deaths.iter().enumerate() {
                let mut course = fresh();
                journal.recall(&mut course);
                if halted_after.is_some_and(|after| after <= death) {
                    course.halt("cancelled");
                }
                journal.drive(&mut course, &tasks, *actions, &mut pick);
            }
            let mut course = fresh();
            journal.recall(&mut course);
            if halted_after.is_some() {
                course.halt("cancelled");
            }
            journal.drive(&mut course, &tasks, usize::MAX, &mut pick);
            prop_assert!(course.is_over());
            prop_assert_eq!(journal.ended.len(), tasks.len());
            prop_assert!(journal.waves.values().all(|told| *told == Told::End), "{:?}", journal.waves);
            if halted_after.is_none() {
                let started = walk(&tasks, limit, keep_going, |_| 0);
                for (task, recalled) in &journal.ended {
                    prop_assert_eq!(*recalled != Recalled::Skipped, started[&number(task)], "{}", task);
                }
            }
        }

        /// Asked for at any point. What is paused meanwhile starts nothing.
        #[test]
        fn a_course_that_finishes_its_wave_does_all_of_it_and_begins_no_later_one(
            tasks in planned(), limit in 1_u32..5, actions in 0..30_usize,
        ) {
            let mut course = Course::new(&schedule(&tasks), NonZeroU32::new(limit).unwrap(), true);
            let mut journal = Journal::default();
            journal.drive(&mut course, &tasks, actions, |_| 0);
            course.finish_wave("enough");
            let begun: BTreeSet<usize> = journal.waves.keys().copied().collect();
            course.pause(true);
            let started = |journal: &Journal| {
                let ended = journal.ended.iter().filter(|(_, recalled)| *recalled != Recalled::Skipped);
                journal.running.len() + ended.count()
            };
            let before = started(&journal);
            journal.drive(&mut course, &tasks, usize::MAX, |_| 0);
            prop_assert_eq!(started(&journal), before, "nothing starts in a pause");
            course.pause(false);
            journal.drive(&mut course, &tasks, usize::MAX, |_| 0);
            prop_assert!(course.is_over());
            prop_assert_eq!(journal.waves.keys().copied().collect::<BTreeSet<_>>(), begun.clone());
            let otherwise = walk(&tasks, limit, true, |_| 0);
            for (task, recalled) in &journal.ended {
                let expected = otherwise[&number(task)] && begun.contains(&tasks[number(task)].wave);
                prop_assert_eq!(*recalled != Recalled::Skipped, expected, "{}", task);
            }
        }

        #[test]
        fn a_recalled_course_of_any_schedule_comes_to_its_end(
            made in proptest::collection::vec((0..4_usize, proptest::collection::btree_set(0..10_usize, 0..4), any::<bool>()), 0..10),
            keep_going in any::<bool>(),
            actions in 0..30_usize,
        ) {
            let tasks: Vec<Made> =
                made.into_iter().map(|(wave, after, passes)| Made { wave, after, passes }).collect();
            let fresh = || Course::new(&schedule(&tasks), NonZeroU32::new(2).unwrap(), keep_going);
            let mut journal = Journal::default();
            journal.drive(&mut fresh(), &tasks, actions, |_| 0);
            let mut course = fresh();
            journal.recall(&mut course);
            journal.drive(&mut course, &tasks, usize::MAX, |_| 0);
            prop_assert!(course.is_over());
            prop_assert_eq!(journal.ended.len(), tasks.len());
        }
    }

    #[test]
    fn what_waits_for_a_person_stops_nothing_when_it_is_recalled() {
        let mut made = schedule(&[
            Made { wave: 0, after: BTreeSet::from([9]), passes: true },
            Made { wave: 1, after: BTreeSet::new(), passes: true },
        ]);
        made.waves[0].skipped = vec![Skipped {
            id: id(9),
            title: String::new(),
            file: String::new(),
            reason: "by hand".into(),
            awaits_person: true,
        }];
        let mut course = Course::new(&made, NonZeroU32::MIN, false);
        course.recall(&id(9), Recalled::Skipped);
        course.recall(&id(0), Recalled::Skipped);
        course.recall_wave(0, Told::Beginning);
        assert!(course.awaits_person(&id(0)));
        assert_eq!(course.next(), Some(Step::EndWave(0)));
        assert_eq!(course.next(), Some(Step::BeginWave { wave: 1, tasks: vec![id(1)] }));
    }

    #[test]
    fn what_waits_for_a_person_is_handed_on_and_stops_nothing() {
        let mut made = schedule(&[
            Made { wave: 0, after: BTreeSet::new(), passes: true },
            Made { wave: 1, after: BTreeSet::from([9]), passes: true },
            Made { wave: 1, after: BTreeSet::new(), passes: true },
        ]);
        let skipped = |awaits_person| Skipped {
            id: id(9),
            title: String::new(),
            file: String::new(),
            reason: "by hand".into(),
            awaits_person,
        };
        for awaits_person in [true, false] {
            made.waves[0].skipped = vec![skipped(awaits_person)];
            let mut course = Course::new(&made, NonZeroU32::MIN, false);
            let mut started = Vec::new();
            while let Some(step) = course.next() {
                if let Step::Start(task) = step {
                    course.ended(&task, true);
                    started.push(number(&task));
                }
            }
            assert!(course.is_over());
            assert_eq!(started, if awaits_person { vec![0, 2] } else { vec![0] });
            assert_eq!(course.awaits_person(&id(1)), awaits_person);
        }
    }

    #[test]
    fn what_has_no_room_waits_for_another_to_end() {
        let free = Made { wave: 0, after: BTreeSet::new(), passes: true };
        let mut course = Course::new(&schedule(&[free.clone(), free]), NonZeroU32::new(2).unwrap(), false);
        let steps: Vec<Step> = std::iter::from_fn(|| course.next()).collect();
        assert_eq!(steps[1..], [Step::Start(id(0)), Step::Start(id(1))]);
        course.hold(&id(1));
        assert_eq!(course.next(), None);
        assert!(!course.is_stuck());
        course.ended(&id(0), true);
        assert_eq!(course.next(), Some(Step::Start(id(1))));
        course.hold(&id(1));
        assert!(course.is_stuck());
        course.release();
        assert_eq!(course.next(), Some(Step::Start(id(1))));
    }
}
