//! Everything that planning knows, kept file by file, and planned again feature by feature.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::feature::{Awaited, Planned, plan};
use super::few::Few;
use super::nearest::{KnownIds, UnknownId};
use super::tables::{Entry, GroupKey, Tables, named};
use super::{Feature, Map, Set};
use crate::task::{Code, Dialect, FeatureFile, Problem, RelPath, Span, Task, TaskId};

/// A dependency is not looked for among more, where they are in no order.
const MOST_UNSORTED: usize = 500;

/// All tasks of a workspace with what follows from them.
///
/// Tell it what changed (`set_*`), then call [`Catalog::replan`]: only the features are planned again that the changes
/// touch, which is what keeps the cost of a keystroke independent of the size of the workspace.
#[derive(Debug, Default)]
pub struct Catalog {
    tables: Tables,
    planned: Map<GroupKey, Planned>,
    /// Which group has which feature id, and the other way round.
    by_id: BTreeMap<Box<str>, GroupKey>,
    ids: Map<GroupKey, Box<str>>,
    /// The groups that go by one name.
    namesakes: Map<Box<str>, Few<GroupKey>>,
}

/// What planning again changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Replanned {
    /// Features (by id) that are not as before; gone ones too.
    pub features: BTreeSet<Box<str>>,
    /// Files whose problems are not as before.
    pub files: BTreeSet<RelPath>,
}

/// What may be different when all is planned again.
#[derive(Debug, Default)]
struct Changes {
    features: BTreeSet<Box<str>>,
    /// The old problems of the files that may have others now. A file may go from one feature to another with its problems
    /// unchanged, so they are compared only when all is planned.
    problems_before: BTreeMap<RelPath, Vec<Problem>>,
}

impl Changes {
    fn note(&mut self, old: &Planned, new: &Planned) {
        if old.feature != new.feature {
            let features = old.feature.iter().chain(&new.feature);
            self.features.extend(features.map(|feature| feature.id.clone()));
        }
        let is_other = |(file, problems): &(&RelPath, &Vec<Problem>)| new.problems.get(*file) != Some(*problems);
        for (file, problems) in old.problems.iter().filter(is_other) {
            self.problems_before.insert(file.clone(), problems.clone());
        }
        for file in new.problems.keys().filter(|file| old.problems.get(*file) != new.problems.get(*file)) {
            self.problems_before.entry(file.clone()).or_default();
        }
    }
}

impl Catalog {
    /// An empty catalog.
    pub fn new() -> Self {
        Self::default()
    }

    /// Everything at once, planned on several threads: the same as an empty catalog that is told of each file, but much
    /// sooner done. Each file stands once among the tasks or the feature files.
    pub fn of(tasks: &[Arc<Task>], feature_files: Vec<Arc<FeatureFile>>, threads: usize) -> Self {
        let mut catalog = Self::new();
        catalog.tables.fill(tasks, feature_files, threads);
        catalog.plan_waiting(threads, None);
        catalog
    }

    /// Takes what a task file says now; `None` where it is gone, or is no task.
    pub fn set_task(&mut self, file: &Path, task: Option<Arc<Task>>) {
        self.tables.set_task(file, task);
    }

    /// Takes what a GuardKit feature file says now; `None` where it is gone or unreadable.
    pub fn set_feature_file(&mut self, file: &Path, feature_file: Option<Arc<FeatureFile>>) {
        self.tables.set_feature_file(file, feature_file);
    }

    /// Tells which tasks passed in their latest attempt: they count as done everywhere.
    pub fn set_passed(&mut self, passed: BTreeSet<TaskId>) {
        self.tables.set_passed(passed);
    }

    /// Tells which tasks a run has started before: one of them that its status calls claimed was claimed by that run.
    pub fn set_tried(&mut self, tried: BTreeSet<TaskId>) {
        self.tables.set_tried(tried);
    }

    /// Plans again what the changes since the last call touched.
    pub fn replan(&mut self) -> Replanned {
        let mut changes = Changes::default();
        self.plan_waiting(1, Some(&mut changes));
        changes.problems_before.retain(|file, problems| self.problems(file) != problems.as_slice());
        Replanned { features: changes.features, files: changes.problems_before.into_keys().collect() }
    }

    /// Plans what waits for it, on so many threads. What that changes is noted where somebody asks: the first plan of a
    /// workspace changes all of it.
    fn plan_waiting(&mut self, threads: usize, mut changes: Option<&mut Changes>) {
        let mut waiting = self.tables.take_dirty();
        let (mut seen, mut names) = (Set::default(), Set::default());
        while !waiting.is_empty() {
            let groups: Vec<GroupKey> = waiting.drain().collect();
            seen.extend(groups.iter().cloned());
            self.planned.reserve(groups.len());
            for (group, new) in plan_all(&self.tables, groups, threads).into_iter().flatten() {
                let old = self.planned.remove(&group).unwrap_or_default();
                // Who stood in a cycle with this feature, or does now, tells of its tasks too.
                let partners = old.partners.iter().chain(&new.partners);
                waiting.extend(partners.filter(|partner| !seen.contains(*partner)).cloned());
                names.extend(self.change_name(&group, &old, &new));
                let new = self.with_its_id(&group, new);
                if let Some(changes) = changes.as_deref_mut() {
                    changes.note(&old, &new);
                }
                if new != Planned::default() {
                    self.planned.insert(group, new);
                }
            }
        }
        for name in names {
            self.share_out(&name, changes.as_deref_mut());
        }
    }

    /// Features in the order of their ids.
    pub fn features(&self) -> impl Iterator<Item = &Feature> {
        self.by_id.values().filter_map(|group| self.feature_in(group))
    }

    /// One feature.
    pub fn feature(&self, id: &str) -> Option<&Feature> {
        self.feature_in(self.by_id.get(id)?)
    }

    /// The feature that the task of this file stands in; for a copy left behind, the feature of the copy that counts.
    pub fn feature_of(&self, file: &Path) -> Option<&Feature> {
        let entry = self.tables.entry(file)?;
        self.feature_in(&self.tables.counting_for(entry).home)
    }

    /// The task file that counts for an id.
    pub fn file_of(&self, id: &str) -> Option<&RelPath> {
        self.tables.find(id).map(|entry| &entry.task.file)
    }

    /// What a task file says.
    pub fn task(&self, file: &Path) -> Option<&Arc<Task>> {
        self.tables.entry(file).map(|entry| &entry.task)
    }

    /// The task files and feature files that it was told of.
    pub fn files(&self) -> impl Iterator<Item = &RelPath> {
        self.tables.files()
    }

    /// Was it told of this task file or feature file?
    pub fn has(&self, file: &Path) -> bool {
        self.tables.entry(file).is_some() || self.tables.feature_file(file).is_some()
    }

    /// All problems of a task file or feature file in the order of their places: those it was read with (`Task::problems`;
    /// as information where the task is done or dropped) and those that planning found.
    pub fn problems(&self, file: &Path) -> &[Problem] {
        let problems = self.group_of(file).and_then(|group| self.planned.get(&group)?.problems.get(file));
        problems.map_or(&[], Vec::as_slice)
    }

    /// The files that have problems, in the order of their paths.
    pub fn files_with_problems(&self) -> impl Iterator<Item = (&RelPath, &[Problem])> {
        let files = self.planned.values().flat_map(|planned| planned.problems.iter());
        let sorted: BTreeMap<&RelPath, &[Problem]> =
            files.map(|(file, problems)| (file, problems.as_slice())).collect();
        sorted.into_iter()
    }

    /// The dependency that this problem of a file is about, where nobody knows it.
    pub fn unknown_id(&self, file: &Path, problem: &Problem) -> Option<UnknownId> {
        (problem.code == Code::UnknownDependency).then(|| UnknownId {
            message: problem.message.clone(),
            wanted: self.dependency_at(file, problem.span).map(Into::into),
            own: self.tables.entry(file).map_or("", Entry::id).into(),
        })
    }

    /// Every id, to look for those nearest to an unknown one.
    pub fn known_ids(&self) -> KnownIds {
        KnownIds::new(self.tables.ids())
    }

    /// What the dependency at this place says.
    fn dependency_at(&self, file: &Path, span: Span) -> Option<&str> {
        // They stand in the order of the file, nearly always; thousands of them are not gone through for each.
        let sorted = self.tables.entry(file).map_or(&[][..], |entry| &entry.task.depends_on);
        if let Ok(at) = sorted.binary_search_by_key(&span, |text| text.span) {
            return sorted.get(at).map(|text| &*text.value);
        }
        let by_task = sorted.iter().take(MOST_UNSORTED);
        let tasks = self.tables.feature_file(file).into_iter().flat_map(|file| &file.tasks);
        let by_feature_file = tasks.filter_map(|task| task.depends_on.as_ref()).flatten().take(MOST_UNSORTED);
        by_task.chain(by_feature_file).find(|text| text.span == span).map(|text| &*text.value)
    }

    fn feature_in(&self, group: &GroupKey) -> Option<&Feature> {
        self.planned.get(group)?.feature.as_ref()
    }

    fn group_of(&self, file: &Path) -> Option<GroupKey> {
        if let Some(entry) = self.tables.entry(file) {
            return Some(GroupKey::clone(&entry.home));
        }
        Some(named(Dialect::GuardKit, &self.tables.feature_file(file)?.id.value))
    }

    /// A plan knows its feature's name; under which id it goes is decided among the namesakes.
    fn with_its_id(&self, group: &GroupKey, mut new: Planned) -> Planned {
        if let (Some(id), Some(feature)) = (self.ids.get(group), &mut new.feature) {
            feature.id = id.clone();
        }
        new
    }

    /// Notes under which name a group goes now, and answers with the names that have to be shared out again.
    fn change_name(&mut self, group: &GroupKey, old: &Planned, new: &Planned) -> Vec<Box<str>> {
        if old.name == new.name {
            return Vec::new();
        }
        if let Some(name) = &old.name {
            if let Some(groups) = self.namesakes.get_mut(name) {
                groups.remove(group);
            }
            self.take_id(group);
        }
        if let Some(name) = &new.name {
            self.namesakes.entry(name.clone()).or_default().insert(group.clone());
        }
        old.name.iter().chain(&new.name).cloned().collect()
    }

    /// The first of the namesakes has the name as its id; the others have a mark behind it.
    fn share_out(&mut self, name: &str, mut changes: Option<&mut Changes>) {
        let Some((name, groups)) = self.namesakes.remove_entry(name) else { return };
        for group in &groups {
            self.take_id(group);
        }
        for (at, group) in groups.iter().enumerate() {
            let id: Box<str> = if at == 0 { name.clone() } else { format!("{name}@{}", mark(group)).into() };
            if let Some(feature) = self.planned.get_mut(group).and_then(|planned| planned.feature.as_mut())
                && feature.id != id
            {
                let before = std::mem::replace(&mut feature.id, id.clone());
                if let Some(changes) = changes.as_deref_mut() {
                    changes.features.extend([before, id.clone()]);
                }
            }
            self.by_id.insert(id.clone(), group.clone());
            self.ids.insert(group.clone(), id);
        }
        if !groups.is_empty() {
            self.namesakes.insert(name, groups);
        }
    }

    fn take_id(&mut self, group: &GroupKey) {
        let Some(id) = self.ids.remove(group) else { return };
        if self.by_id.get(&id) == Some(group) {
            self.by_id.remove(&id);
        }
    }
}

/// Fewer features than this are planned sooner than a thread starts.
const WORTH_A_THREAD: usize = 64;

/// Plans these groups: each plan follows from the tables alone, so that they can be made at the same time. The answer is
/// one list a thread.
fn plan_all(tables: &Tables, groups: Vec<GroupKey>, threads: usize) -> Vec<Vec<(GroupKey, Planned)>> {
    let plan_each = |groups: Vec<GroupKey>| -> Vec<(GroupKey, Planned)> {
        let awaited = Awaited::new(tables);
        groups
            .into_iter()
            .map(|group| {
                let planned = plan(&awaited, &group);
                (group, planned)
            })
            .collect()
    };
    if threads < 2 || groups.len() < WORTH_A_THREAD {
        return vec![plan_each(groups)];
    }
    let mut shares: Vec<Vec<GroupKey>> = vec![Vec::new(); threads];
    for (at, group) in groups.into_iter().enumerate() {
        if let Some(share) = shares.get_mut(at % threads) {
            share.push(group);
        }
    }
    let shares: Vec<Mutex<Vec<GroupKey>>> = shares.into_iter().map(Mutex::new).collect();
    let plan_share = |share: &Mutex<Vec<GroupKey>>| {
        plan_each(std::mem::take(&mut *share.lock().unwrap_or_else(PoisonError::into_inner)))
    };
    let plan_share = &plan_share;
    std::thread::scope(|scope| {
        let spawn = |share| std::thread::Builder::new().spawn_scoped(scope, move || plan_share(share));
        let workers: Vec<_> = shares.iter().map(|share| (share, spawn(share))).collect();
        let planned = workers.into_iter().map(|(share, worker)| match worker {
            Ok(worker) => worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            // The system has no room for another thread.
            Err(_) => plan_share(share),
        });
        planned.collect()
    })
}

/// Tells a feature from another of the same name.
fn mark(group: &GroupKey) -> String {
    match group {
        GroupKey::Named(dialect, _) => dialect.as_str().into(),
        GroupKey::WholeBacklog => "backlog".into(),
        GroupKey::Alone(file) => file.display().to_string(),
    }
}
