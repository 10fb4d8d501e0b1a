//! From "what the user asked for" to "what a run would do": pure, so that the terminal, the lens and the tests agree.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::nearest::{nearest, one_of};
use super::{Feature, PlannedTask, State, Wave};
use crate::task::{TaskId, WaveLabel};

/// Which part of a feature is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// Every wave that is not done, in order.
    Everything,
    /// Only the first of them.
    NextWave,
    /// One wave, by its label.
    Wave(String),
    /// Single tasks, by their ids.
    Tasks(Vec<String>),
}

/// What the user asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// The feature's id; `None`: the one open feature, or (for single tasks) the one that has them.
    pub feature: Option<String>,
    /// Which part of it.
    pub asked: Asked,
    /// Run done tasks too.
    pub redo: bool,
    /// Which tasks start, too, that are not started unasked. Those that are named by their ids are.
    pub include: Include,
}

/// Tasks whose status says that they should not be started unasked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Include {
    /// Those that somebody works on.
    pub claimed: bool,
    /// Those that something stands in the way of.
    pub blocked: bool,
}

/// What a run will do: which tasks start, in which wave, after which others, and which do not start and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Schedule {
    /// The feature's id.
    pub feature: String,
    /// The feature's title.
    pub title: String,
    /// Waves in order; only those with something to start or to say.
    pub waves: Vec<ScheduledWave>,
}

/// One wave of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScheduledWave {
    /// Its label; `None` for tasks outside every wave.
    pub wave: Option<String>,
    /// Tasks that start.
    pub tasks: Vec<ScheduledTask>,
    /// Tasks that were asked for and do not start.
    pub skipped: Vec<Skipped>,
}

/// A task that a run will start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScheduledTask {
    /// Its id.
    pub id: TaskId,
    /// Its title.
    pub title: String,
    /// Its file, relative to the root, `/`-separated.
    pub file: String,
    /// Tasks of this run that it depends on directly: it starts when they have passed and its wave has begun.
    pub after: Vec<TaskId>,
    /// The key of `modes:` that runs it.
    pub mode: Option<String>,
    /// A hint for the estimate.
    pub estimated_minutes: Option<f64>,
    /// `complexity`, as written: the times of tasks of the same kind are a hint for the estimate, too.
    #[serde(default)]
    pub complexity: Option<String>,
}

/// A task that was asked for and will not start: it ends `skipped` with this reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Skipped {
    /// Its id.
    pub id: TaskId,
    /// Its title.
    pub title: String,
    /// Its file, relative to the root, `/`-separated.
    pub file: String,
    /// Why, for people.
    pub reason: String,
    /// It waits for a person, or depends on a task that does: no failure of the run.
    pub awaits_person: bool,
}

/// Nothing can be run as asked.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
pub enum SelectError {
    /// No feature is open.
    #[error("nothing to run: every task of this workspace is done, dropped or needs a person")]
    NothingOpen,
    /// Several features are open and none was named.
    #[error("several features are open; name one with --feature: {}", .0.join(", "))]
    SeveralOpen(Vec<String>),
    /// What is open runs only when it is named: the flags that name it.
    #[error("nothing to run unless it is named: {}", .0.join(", "))]
    OnlyNamed(Vec<String>),
    /// No such feature.
    #[error("no feature \"{name}\" here{}", hint(.nearest))]
    UnknownFeature {
        /// What was asked for.
        name: String,
        /// Known ids near to it.
        nearest: Vec<String>,
    },
    /// No such wave in the feature.
    #[error("feature {feature} has no wave \"{wave}\"; it has {}", .known.join(", "))]
    UnknownWave {
        /// The feature.
        feature: String,
        /// What was asked for.
        wave: String,
        /// The labels it has.
        known: Vec<String>,
    },
    /// No such task.
    #[error("no task \"{name}\" here{}", hint(.nearest))]
    UnknownTask {
        /// What was asked for.
        name: String,
        /// Known ids near to it.
        nearest: Vec<String>,
    },
    /// The id belongs to tasks of several features and none was named.
    #[error("task \"{name}\" stands in several features; name one with --feature: {}", .features.join(", "))]
    AmbiguousTask {
        /// What was asked for.
        name: String,
        /// The features that have one.
        features: Vec<String>,
    },
    /// A run has one feature, and the tasks stand in several.
    #[error("these tasks stand in different features; run them one feature after another: {}", .tasks.join(", "))]
    DifferentFeatures {
        /// Each task with its feature.
        tasks: Vec<String>,
    },
    /// What was asked for is all done.
    #[error("{what} is done; --redo runs it again")]
    AllDone {
        /// The feature, wave or tasks.
        what: String,
    },
    /// What was asked for is over and not done: nobody shall believe that it is.
    #[error("nothing of {what} is left to run: {how}, as their files say; nothing runs before those say otherwise")]
    GivenUp {
        /// The feature, wave or tasks.
        what: String,
        /// How many tasks were halted, dropped and done.
        how: String,
    },
}

fn hint(nearest: &[String]) -> String {
    if nearest.is_empty() { String::new() } else { format!("; did you mean {}?", one_of(nearest)) }
}

/// The flags that run the open tasks of a feature that stand in no wave.
fn flags_without_wave<'a>(feature: &'a Feature) -> impl Iterator<Item = String> + 'a {
    let without_wave = feature.waves.iter().filter(|wave| wave.label.is_none()).flat_map(|wave| &wave.tasks);
    without_wave.filter(|task| task.is_left()).filter_map(|task| Some(format!("--task {}", task.runnable_id()?)))
}

/// Works out what a run of this selection would do.
///
/// # Errors
/// [`SelectError`] where the selection names nothing that can run.
pub fn select(features: &[&Feature], selection: &Selection) -> Result<Schedule, SelectError> {
    let feature = feature_of(features, selection)?;
    let chosen = Chosen::new(feature, selection)?;
    Ok(chosen.schedule(features))
}

fn feature_of<'a>(features: &[&'a Feature], selection: &Selection) -> Result<&'a Feature, SelectError> {
    match (&selection.feature, &selection.asked) {
        (Some(name), _) => feature_named(features, name),
        (None, Asked::Tasks(ids)) => feature_with(features, ids),
        (None, _) => the_open_feature(features, selection.redo),
    }
}

/// Finds a feature by its id; else, where only one fits, by its id or title without case, or by the last part of its id.
///
/// # Errors
/// [`SelectError::UnknownFeature`] where none or several fit.
pub fn feature_named<'a>(features: &[&'a Feature], name: &str) -> Result<&'a Feature, SelectError> {
    let lower = name.to_lowercase();
    let fits: [&dyn Fn(&Feature) -> bool; 4] = [
        &|feature| *feature.id == *name,
        &|feature| feature.id.to_lowercase() == lower,
        &|feature| feature.title.to_lowercase() == lower,
        &|feature| feature.id.rsplit('/').next().is_some_and(|last| last.to_lowercase() == lower),
    ];
    for fits in fits {
        let mut found = features.iter().filter(|feature| fits(feature));
        if let (Some(feature), None) = (found.next(), found.next()) {
            return Ok(feature);
        }
    }
    let task = features.iter().find_map(|feature| feature.task_named(name));
    let near = nearest(name, features.iter().flat_map(|feature| [&*feature.id, &*feature.title]));
    let near = task.map(|task| format!("--task {}", task.id)).into_iter().chain(near.into_iter().map(Into::into));
    Err(SelectError::UnknownFeature { name: name.into(), nearest: near.collect() })
}

/// The feature that has all of these tasks.
fn feature_with<'a>(features: &[&'a Feature], ids: &[String]) -> Result<&'a Feature, SelectError> {
    let having = |id: &String| -> Vec<&'a Feature> {
        features.iter().copied().filter(|feature| feature.task_named(id).is_some()).collect()
    };
    if let Some(name) = ids.iter().find(|id| having(id).is_empty()) {
        return Err(unknown_task(features, name));
    }
    let has_all = |feature: &&Feature| ids.iter().all(|id| feature.task_named(id).is_some());
    let with_all: Vec<&Feature> = features.iter().copied().filter(has_all).collect();
    match (with_all.as_slice(), ids.first()) {
        ([feature], _) => Ok(feature),
        ([], _) => {
            let places =
                ids.iter().flat_map(|id| having(id).into_iter().map(move |feature| format!("{id} ({})", feature.id)));
            Err(SelectError::DifferentFeatures { tasks: places.collect() })
        }
        (several, name) => Err(SelectError::AmbiguousTask {
            name: name.cloned().unwrap_or_default(),
            features: several.iter().map(|feature| feature.id.to_string()).collect(),
        }),
    }
}

fn unknown_task(features: &[&Feature], name: &str) -> SelectError {
    let ids = features.iter().flat_map(|feature| feature.tasks()).map(|task| &*task.id).filter(|id| !id.is_empty());
    let feature = feature_named(features, name).ok().map(|feature| format!("--feature {}", feature.id));
    let near = feature.into_iter().chain(nearest(name, ids).into_iter().map(Into::into));
    SelectError::UnknownTask { name: name.into(), nearest: near.collect() }
}

fn the_open_feature<'a>(features: &[&'a Feature], redo: bool) -> Result<&'a Feature, SelectError> {
    let ids = |features: &[&Feature]| features.iter().map(|feature| feature.id.to_string()).collect();
    let (unasked, only_named): (Vec<&Feature>, Vec<&Feature>) =
        features.iter().partition(|feature| feature.runs_unasked);
    let open: Vec<&Feature> = unasked.iter().copied().filter(|feature| feature.is_open()).collect();
    match open.as_slice() {
        [feature] => return Ok(feature),
        [] => {}
        several => return Err(SelectError::SeveralOpen(ids(several))),
    }
    match unasked.as_slice() {
        // Nothing is open: the only feature is meant all the same, be it to say that it is done or to do it again.
        [feature] => Ok(feature),
        several if redo && !several.is_empty() => Err(SelectError::SeveralOpen(ids(several))),
        _ => {
            let named = only_named.iter().filter(|feature| feature.is_open());
            let flags = named.map(|feature| format!("--feature {}", feature.id));
            let flags: Vec<String> =
                flags.chain(features.iter().flat_map(|feature| flags_without_wave(feature))).collect();
            Err(if flags.is_empty() { SelectError::NothingOpen } else { SelectError::OnlyNamed(flags) })
        }
    }
}

/// The tasks that were asked for, by wave.
struct Chosen<'a> {
    feature: &'a Feature,
    include: Include,
    /// With the place of each wave in the feature.
    waves: Vec<(usize, &'a Wave, Vec<&'a PlannedTask>)>,
}

impl<'a> Chosen<'a> {
    fn new(feature: &'a Feature, selection: &Selection) -> Result<Self, SelectError> {
        let wanted = match &selection.asked {
            Asked::Everything => Wanted::Everything,
            Asked::NextWave => Wanted::Wave(next_wave(feature, selection.redo)),
            Asked::Wave(label) => Wanted::Wave(Some(wave_named(feature, label)?)),
            Asked::Tasks(ids) => Wanted::Tasks(tasks_named(feature, ids)?),
        };
        let waves = feature.waves.iter().enumerate().map(|(at, wave)| {
            let tasks =
                wave.tasks.iter().filter(|task| wanted.includes(at, wave, task, selection.redo)).collect::<Vec<_>>();
            (at, wave, tasks)
        });
        let mut waves: Vec<_> = waves.collect();
        open_before_settled(&mut waves);
        waves.retain(|(_, _, tasks)| !tasks.is_empty());
        if waves.is_empty() {
            return Err(nothing_left(feature, &selection.asked));
        }
        let named = matches!(selection.asked, Asked::Tasks(_));
        let include = if named { Include { claimed: true, blocked: true } } else { selection.include };
        Ok(Self { feature, include, waves })
    }

    fn schedule(&self, features: &[&'a Feature]) -> Schedule {
        let decisions = Decisions::new(self, features);
        let mut told = HashSet::new();
        let waves = self.waves.iter().map(|(_, wave, tasks)| {
            let mut scheduled = ScheduledWave {
                wave: wave.label.as_ref().map(ToString::to_string),
                tasks: Vec::new(),
                skipped: Vec::new(),
            };
            for task in tasks {
                let Some(decision) = decisions.of(task) else { continue };
                // Files that share an id are one task to a run, which has one outcome for it.
                let id = stand_in_id(task);
                if !told.insert(id.clone()) {
                    continue;
                }
                match decision {
                    Decision::Start(after) => scheduled.tasks.push(scheduled_task(id, task, after)),
                    Decision::Skip(why) => scheduled.skipped.push(skipped_task(id, task, why)),
                }
            }
            scheduled
        });
        let says_something = |wave: &ScheduledWave| !wave.tasks.is_empty() || !wave.skipped.is_empty();
        Schedule {
            feature: self.feature.id.to_string(),
            title: self.feature.title.to_string(),
            waves: waves.filter(says_something).collect(),
        }
    }
}

/// Of files that share an id, only those count that are still open, where there are any: a run has one outcome for an id,
/// and what is done or dropped must not stand for what there is left to do.
fn open_before_settled<'a>(waves: &mut [(usize, &'a Wave, Vec<&'a PlannedTask>)]) {
    let is_settled = |task: &PlannedTask| matches!(task.state, State::Done | State::Dropped | State::Halted);
    let chosen = waves.iter().flat_map(|(_, _, tasks)| tasks).copied();
    let open: HashSet<&str> = chosen.filter(|task| !is_settled(task)).map(|task: &'a PlannedTask| &*task.id).collect();
    for (_, _, tasks) in waves {
        tasks.retain(|task| task.id.is_empty() || !is_settled(task) || !open.contains(&*task.id));
    }
}

/// The part of a feature that was asked for.
enum Wanted<'a> {
    Everything,
    Wave(Option<usize>),
    Tasks(BTreeSet<&'a Path>),
}

impl Wanted<'_> {
    fn includes(&self, at: usize, wave: &Wave, task: &PlannedTask, redo: bool) -> bool {
        match self {
            Self::Everything => wave.label.is_some() && is_due(task, redo),
            Self::Wave(asked) => *asked == Some(at) && is_due(task, redo),
            Self::Tasks(files) => files.contains(&*task.file) && (redo || task.state != State::Done),
        }
    }
}

/// Is a task one of those that a wave would run? Dropped ones never are.
fn is_due(task: &PlannedTask, redo: bool) -> bool {
    match task.state {
        State::Dropped | State::Halted => false,
        State::Done => redo,
        State::Ready
        | State::Waiting(_)
        | State::NeedsPerson(_)
        | State::Claimed(_)
        | State::Blocked(_)
        | State::Unrunnable(_) => true,
    }
}

/// The first wave that is not done. One in which only persons have something to do holds nobody up: then the first
/// after it, where there is one.
fn next_wave(feature: &Feature, redo: bool) -> Option<usize> {
    let waves = || feature.waves.iter().enumerate().filter(|(_, wave)| wave.label.is_some());
    let has_due = |wave: &Wave| wave.tasks.iter().any(|task| is_due(task, redo));
    let has_work = |wave: &Wave| {
        wave.tasks.iter().any(|task| is_due(task, redo) && task.needs_person().is_none() && !task.awaits_somebody())
    };
    let first = |fits: &dyn Fn(&Wave) -> bool| waves().find(|(_, wave)| fits(wave)).map(|(at, _)| at);
    first(&has_work).or_else(|| first(&has_due))
}

fn wave_named(feature: &Feature, label: &str) -> Result<usize, SelectError> {
    let asked = WaveLabel::read(label).ok().flatten();
    let found = asked.and_then(|asked| feature.waves.iter().position(|wave| wave.label.as_ref() == Some(&asked)));
    found.ok_or_else(|| SelectError::UnknownWave {
        feature: feature.id.to_string(),
        wave: label.into(),
        known: feature.waves.iter().filter_map(|wave| wave.label.as_ref()).map(ToString::to_string).collect(),
    })
}

/// The files of these tasks; of each that has the id, where it is a duplicate.
fn tasks_named<'a>(feature: &'a Feature, ids: &[String]) -> Result<BTreeSet<&'a Path>, SelectError> {
    let mut files = BTreeSet::new();
    for name in ids {
        let id = &feature.task_named(name).ok_or_else(|| unknown_task(&[feature], name))?.id;
        files.extend(feature.tasks().filter(|task| task.id == *id).map(|task| &*task.file));
    }
    Ok(files)
}

/// Nothing of what was asked for is left. That must not hide the tasks that only `--task` runs.
fn nothing_left(feature: &Feature, asked: &Asked) -> SelectError {
    let whole = matches!(asked, Asked::Everything | Asked::NextWave);
    let flags: Vec<String> = flags_without_wave(feature).filter(|_| whole).collect();
    if !flags.is_empty() {
        return SelectError::OnlyNamed(flags);
    }
    let is_asked_for = |wave: &&Wave, task: &PlannedTask| match asked {
        Asked::Everything | Asked::NextWave => true,
        Asked::Wave(label) => wave.label.as_ref().is_some_and(|wave| wave.as_str() == label),
        Asked::Tasks(ids) => ids.iter().any(|id| *id == *task.id),
    };
    let tasks =
        || feature.waves.iter().flat_map(|wave| wave.tasks.iter().filter(move |task| is_asked_for(&wave, task)));
    let count = |state: &State| tasks().filter(|task| task.state == *state).count();
    let (halted, dropped, done) = (count(&State::Halted), count(&State::Dropped), count(&State::Done));
    let what = what(feature, asked);
    if halted == 0 && (done > 0 || dropped == 0) {
        return SelectError::AllDone { what };
    }
    let parts = [(halted, "halted"), (dropped, "dropped"), (done, "done")];
    let parts = parts.into_iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}"));
    SelectError::GivenUp { what, how: parts.collect::<Vec<_>>().join(", ") }
}

fn what(feature: &Feature, asked: &Asked) -> String {
    match asked {
        Asked::Everything | Asked::NextWave => format!("feature {}", feature.id),
        Asked::Wave(label) => format!("wave {label} of feature {}", feature.id),
        Asked::Tasks(ids) => ids.join(", "),
    }
}

/// What becomes of each chosen task.
struct Decisions<'a> {
    by_file: HashMap<&'a Path, Decision>,
}

/// What becomes of one task.
#[derive(Debug, Clone)]
enum Decision {
    /// It starts after these have passed.
    Start(Vec<TaskId>),
    Skip(Why),
}

/// Why a task does not start.
#[derive(Debug, Clone)]
struct Why {
    reason: String,
    awaits_person: bool,
}

impl Why {
    fn stopped(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), awaits_person: false }
    }
}

impl<'a> Decisions<'a> {
    fn new(chosen: &Chosen<'a>, features: &[&'a Feature]) -> Self {
        let mut decisions = Self { by_file: HashMap::new() };
        let persons = Persons::new(chosen.feature, features);
        let place: HashMap<&str, usize> =
            chosen.waves.iter().flat_map(|(at, _, tasks)| tasks.iter().map(|task| (&*task.id, *at))).collect();
        let by_id: HashMap<&str, &PlannedTask> =
            chosen.waves.iter().flat_map(|(_, _, tasks)| tasks.iter().map(|task| (&*task.id, *task))).collect();
        let ways = Ways { include: chosen.include, place, by_id, persons };
        for (at, _, tasks) in &chosen.waves {
            decisions.decide_wave(*at, tasks, &ways);
        }
        decisions
    }

    fn of(&self, task: &PlannedTask) -> Option<&Decision> {
        self.by_file.get(&*task.file)
    }

    /// Decides each task after those of its own wave that it depends on: by counting what is still open, so that long
    /// chains cost no more than their length.
    fn decide_wave(&mut self, at: usize, tasks: &[&'a PlannedTask], ways: &Ways<'a>) {
        let mut waits: HashMap<&Path, usize> = HashMap::new();
        let mut dependents: BTreeMap<&str, Vec<&'a PlannedTask>> = BTreeMap::new();
        for &task in tasks {
            let here: Vec<&str> = depended_on(task).filter(|id| ways.place.get(id) == Some(&at)).collect();
            waits.insert(&task.file, here.len());
            for id in here {
                dependents.entry(id).or_default().push(task);
            }
        }
        let mut free: Vec<&'a PlannedTask> =
            tasks.iter().rev().copied().filter(|task| waits.get(&*task.file) == Some(&0)).collect();
        while let Some(task) = free.pop() {
            let decision = self.decide(at, task, ways);
            self.by_file.insert(&task.file, decision);
            for dependent in dependents.remove(&*task.id).unwrap_or_default() {
                let Some(count) = waits.get_mut(&*dependent.file) else { continue };
                *count -= 1;
                if *count == 0 {
                    free.push(dependent);
                }
            }
        }
        for task in tasks {
            let in_cycle = || Decision::Skip(Why::stopped("it waits for itself through other tasks"));
            self.by_file.entry(&task.file).or_insert_with(in_cycle);
        }
    }

    fn decide(&self, at: usize, task: &PlannedTask, ways: &Ways) -> Decision {
        if let Some(why) = own_obstacle(task, ways.include) {
            return Decision::Skip(why);
        }
        let mut after = Vec::new();
        let mut obstacles = Vec::new();
        for id in depended_on(task) {
            match self.way(at, task, id, ways) {
                Way::Free => {}
                Way::After(id) => after.push(id),
                Way::Blocked(why) => obstacles.push(why),
            }
        }
        // What a person has to do excuses a task only where nothing else stops it.
        let awaits_person = obstacles.iter().all(|why| why.awaits_person);
        match obstacles.into_iter().find(|why| why.awaits_person == awaits_person) {
            Some(why) => Decision::Skip(why),
            None => Decision::Start(after),
        }
    }

    /// What a dependency means for the start of a task.
    fn way(&self, at: usize, task: &PlannedTask, id: &str, ways: &Ways) -> Way {
        let waits = task.state.waits_for().iter().any(|waited| **waited == *id);
        let Some((target, &place)) = ways.by_id.get(id).zip(ways.place.get(id)) else {
            if !waits {
                return Way::Free;
            }
            let awaits_person = ways.persons.hold_up(id);
            return Way::Blocked(Why { reason: format!("it depends on {id}, which is not done"), awaits_person });
        };
        let was_done = target.state == State::Done;
        if place > at {
            let reason = format!("it depends on {id}, which comes in a later wave");
            return if was_done { Way::Free } else { Way::Blocked(Why::stopped(reason)) };
        }
        match (self.of(target), target.runnable_id()) {
            (Some(Decision::Start(_)), Some(target)) => Way::After(target),
            (Some(Decision::Skip(why)), _) => {
                let reason = format!("it depends on {id}, which does not start: {}", why.reason);
                Way::Blocked(Why { reason: first_cause(reason), awaits_person: why.awaits_person })
            }
            _ => Way::Blocked(Why::stopped(format!("it depends on {id}, which cannot start"))),
        }
    }
}

/// Where the chosen tasks stand, and whom the others wait for.
struct Ways<'a> {
    include: Include,
    place: HashMap<&'a str, usize>,
    by_id: HashMap<&'a str, &'a PlannedTask>,
    persons: Persons<'a>,
}

/// What a dependency means for the start of a task.
enum Way {
    /// Nothing stands in the way.
    Free,
    After(TaskId),
    Blocked(Why),
}

/// A chain of reasons would grow with each link: only the first cause is kept behind the own dependency.
fn first_cause(reason: String) -> String {
    const LINK: &str = ", which does not start: ";
    match (reason.find(LINK), reason.rfind(LINK)) {
        (Some(first), Some(last)) if first < last => {
            let (own, cause) = (reason.get(..first).unwrap_or_default(), reason.get(last..).unwrap_or_default());
            format!("{own}{cause}")
        }
        _ => reason,
    }
}

/// What stops a task whatever becomes of others.
fn own_obstacle(task: &PlannedTask, include: Include) -> Option<Why> {
    if let Some(why) = task.needs_person() {
        return Some(Why { reason: format!("it needs a person ({why})"), awaits_person: true });
    }
    match &task.state {
        State::Claimed(_) if !include.claimed => held(task),
        State::Blocked(_) if !include.blocked => held(task),
        State::Halted => Some(Why::stopped("its summary says that it was halted")),
        State::Unrunnable(why) => Some(Why::stopped(why.to_string())),
        State::Dropped => Some(Why::stopped(match task.status() {
            "" => "it was dropped".into(),
            status => format!("it was dropped (status {status})"),
        })),
        _ if task.runnable_id().is_none() => Some(Why::stopped("it has no id that could name a log or an argument")),
        _ => None,
    }
}

/// Somebody decides whether it starts: no failure of the run.
fn held(task: &PlannedTask) -> Option<Why> {
    let reason = format!("{}; --task {} starts it", task.state.reason()?, task.id);
    Some(Why { reason, awaits_person: true })
}

/// What a task depends on: known tasks, and itself never (a run must not wait for that).
fn depended_on(task: &PlannedTask) -> impl Iterator<Item = &str> {
    task.depends_on.iter().map(|id| &**id).filter(|id| *id != &*task.id)
}

/// Which tasks are not done only because somebody has to do something.
struct Persons<'a> {
    awaiting: HashSet<&'a str>,
}

impl<'a> Persons<'a> {
    fn new(feature: &'a Feature, features: &[&'a Feature]) -> Self {
        let others = features.iter().copied().filter(|other| other.id != feature.id);
        let all = others.flat_map(Feature::tasks).chain(feature.tasks());
        let persons = all.filter(|task| task.awaits_somebody());
        let mut persons = Self { awaiting: persons.map(|task| &*task.id).collect() };
        let mut waiting: Vec<&PlannedTask> = feature.tasks().collect();
        // Each round settles at least one link of every chain; a round without a change ends it.
        loop {
            let before = waiting.len();
            waiting.retain(|task| !persons.settle(task));
            if waiting.len() == before {
                return persons;
            }
        }
    }

    fn hold_up(&self, id: &str) -> bool {
        self.awaiting.contains(id)
    }

    /// Takes a task in that waits for nothing but such tasks.
    fn settle(&mut self, task: &'a PlannedTask) -> bool {
        let State::Waiting(ids) = &task.state else { return false };
        let settled = ids.iter().all(|id| self.hold_up(id));
        if settled {
            self.awaiting.insert(&task.id);
        }
        settled
    }
}

fn scheduled_task(id: TaskId, task: &PlannedTask, after: &[TaskId]) -> ScheduledTask {
    ScheduledTask {
        id,
        title: task.title().to_string(),
        file: slashed(&task.file),
        after: after.to_vec(),
        mode: task.mode().map(ToOwned::to_owned),
        estimated_minutes: task.estimated_minutes(),
        complexity: task.complexity().map(ToOwned::to_owned),
    }
}

fn skipped_task(id: TaskId, task: &PlannedTask, why: &Why) -> Skipped {
    Skipped {
        id,
        title: task.title().to_string(),
        file: slashed(&task.file),
        reason: why.reason.clone(),
        awaits_person: why.awaits_person,
    }
}

/// The id under which a run speaks of a task. One without a safe id cannot run, but must not be passed over in silence.
fn stand_in_id(task: &PlannedTask) -> TaskId {
    /// Far below the longest id.
    const LONGEST: usize = 80;
    if let Some(id) = task.runnable_id() {
        return id;
    }
    let stem = task.file.file_stem().unwrap_or_default().to_string_lossy();
    let safe: String =
        stem.chars().take(LONGEST).map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect();
    TaskId::without_one(&safe)
}

/// A path as the machine formats show it: with `/` on every system.
fn slashed(file: &Path) -> String {
    file.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}
