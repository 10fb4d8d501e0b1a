//! The look-ups that planning needs beyond one feature: which files claim an id, which of them count, who refers to it.

use std::borrow::{Borrow, Cow};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::hash::{BuildHasher as _, Hash, Hasher};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::few::{Few, insert_under};
use super::file_key::FileKey;
use super::names::{self, Key, Keys};
use super::{Map, Set};
use crate::task::{Dialect, FeatureFile, FeatureRef, FeatureTask, RelPath, Span, Standing, Task, TaskId, Text};

/// What holds the tasks of one feature together. In this order: where several have one name, the first keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum GroupKey {
    /// A name or a folder.
    Named(Dialect, Text),
    /// Backlog.md's tasks without a milestone.
    WholeBacklog,
    /// One file that is a feature of its own.
    Alone(RelPath),
}

/// A task file and what follows from it alone.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) task: Arc<Task>,
    /// The feature that it stands in, as far as this file and the feature files say.
    pub(super) home: Arc<GroupKey>,
    /// Do other files claim the same id? Then there is a verdict on them.
    contested: bool,
}

impl Entry {
    fn new(task: Arc<Task>, home: Arc<GroupKey>) -> Self {
        Self { task, home, contested: false }
    }

    /// The key under which it claims to be a task. Made when asked for, as all its keys are: kept, they would cost more
    /// memory than their task.
    fn identity(&self) -> Option<Key> {
        let id = self.task.id.as_ref()?;
        Some(names::identity(self.task.dialect, &self.task.feature, &id.value))
    }

    /// The id as written; empty where there is none.
    pub(super) fn id(&self) -> &str {
        id_of(&self.task)
    }

    /// The same, to keep.
    pub(super) fn id_text(&self) -> Text {
        self.task.id.as_ref().map(|id| Arc::clone(&id.value)).unwrap_or_default()
    }

    /// Every key that it is found under.
    fn keys(&self) -> impl Iterator<Item = Key> + use<> {
        keys_of(&self.task)
    }

    fn has_key(&self, key: &Key) -> bool {
        match key {
            Key::Exact(id) => **id == *self.id() && self.task.id.is_some(),
            other => self.keys().any(|key| key == *other),
        }
    }
}

/// Entries are told apart by their files, which a table of them needs not repeat.
impl Borrow<OsStr> for Entry {
    fn borrow(&self) -> &OsStr {
        self.task.file.as_os_str()
    }
}

impl Hash for Entry {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.task.file.as_os_str().hash(state);
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.task.file.as_os_str() == other.task.file.as_os_str()
    }
}

impl Eq for Entry {}

/// Which of the files that claim one id are the task.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    /// The files that count: one, but for open duplicates and for dialects that use an id again in another feature.
    counting: BTreeSet<RelPath>,
    /// Files that stand where only one may.
    pub(super) duplicates: BTreeSet<RelPath>,
    /// Several of them are open: none may run.
    pub(super) stops: bool,
    /// A copy lies in `tasks/completed`: the task is done, whatever copies were left behind.
    completed: bool,
}

/// What a feature file says of one id.
#[derive(Debug, Clone, Copy)]
pub(super) struct Statement<'a> {
    pub(super) file: &'a FeatureFile,
    pub(super) task: Option<&'a FeatureTask>,
    /// The number of its wave, from 0, and where it stands.
    pub(super) wave: Option<(usize, Span)>,
}

/// Where an id stands in a feature file.
#[derive(Debug)]
struct Listing {
    file: RelPath,
    task: Option<usize>,
    wave: Option<(usize, Span)>,
}

/// What stands for a key in large tables: with the keys themselves these would be twice as large. Two keys may have one
/// mark, so whoever finds a file under it asks the file's task for its keys; what is only planned again needs not ask.
type Mark = u64;

/// Makes marks, by a seed of its own.
#[derive(Debug, Clone, Default)]
struct Marks(foldhash::fast::RandomState);

impl Marks {
    fn of(&self, key: &Key) -> Mark {
        self.0.hash_one(key)
    }
}

/// All tasks by file and by id.
#[derive(Debug, Default)]
pub(super) struct Tables {
    entries: Set<Entry>,
    /// Files by the keys of their ids.
    claims: Map<Mark, Few<RelPath>>,
    /// Verdicts where several files claim one id; a single file counts.
    verdicts: Map<Key, Verdict>,
    /// How many references of which group look for a key.
    references: Map<Mark, Vec<(GroupKey, usize)>>,
    marks: Marks,
    groups: Map<Arc<GroupKey>, Few<FileKey>>,
    feature_files: BTreeMap<FileKey, Arc<FeatureFile>>,
    feature_files_by_id: Map<Text, BTreeSet<RelPath>>,
    listings: Map<Box<str>, Vec<Listing>>,
    /// Of ids that several feature files list: which of the listings counts, as far as it was asked for.
    decided: Mutex<Map<Box<str>, Option<usize>>>,
    passed: BTreeSet<TaskId>,
    /// Those that a run of ours has started before.
    tried: BTreeSet<TaskId>,
    /// Ids whose verdict and home have to be looked at again.
    stale: Set<Key>,
    /// Groups that are not as they were planned.
    dirty: Set<GroupKey>,
}

/// Changes: each marks what it touches and works nothing out.
impl Tables {
    pub(super) fn set_task(&mut self, file: &Path, task: Option<Arc<Task>>) {
        let old = self.entries.get(file.as_os_str()).map(|entry| Arc::clone(&entry.task));
        if old == task {
            return;
        }
        self.doubt_what_was_decided();
        let dependents_see_it = !matches!((&old, &task), (Some(old), Some(new)) if look_the_same(old, new));
        self.forget(file, dependents_see_it);
        if let Some(task) = task {
            self.take(task, dependents_see_it);
        }
        // What was asked for in between was answered by half of it.
        self.doubt_what_was_decided();
    }

    pub(super) fn set_feature_file(&mut self, file: &Path, feature_file: Option<Arc<FeatureFile>>) {
        if self.feature_files.get(file.as_os_str()) == feature_file.as_ref() {
            return;
        }
        self.doubt_what_was_decided();
        if let Some((FileKey(file), old)) = self.feature_files.remove_entry(file.as_os_str()) {
            self.forget_listings(&file, &old);
        }
        if let Some(new) = feature_file {
            self.take_listings(&new);
            self.feature_files.insert(FileKey(Arc::clone(&new.file)), new);
        }
        self.doubt_what_was_decided();
    }

    pub(super) fn set_passed(&mut self, passed: BTreeSet<TaskId>) {
        let before = std::mem::replace(&mut self.passed, passed);
        let changed: Vec<TaskId> = before.symmetric_difference(&self.passed).cloned().collect();
        for id in changed {
            self.touch_id(id.as_str());
        }
    }

    pub(super) fn set_tried(&mut self, tried: BTreeSet<TaskId>) {
        let before = std::mem::replace(&mut self.tried, tried);
        let changed: Vec<TaskId> = before.symmetric_difference(&self.tried).cloned().collect();
        for id in changed {
            self.touch_id(id.as_str());
        }
    }

    /// Settles which files count and where they belong, and hands over the groups to be planned again.
    pub(super) fn take_dirty(&mut self) -> Set<GroupKey> {
        for key in std::mem::take(&mut self.stale) {
            self.settle(&key);
        }
        std::mem::take(&mut self.dirty)
    }

    fn forget(&mut self, file: &Path, tell_dependents: bool) {
        let Some(entry) = self.entries.take(file.as_os_str()) else { return };
        for key in entry.keys() {
            self.drop_claim(&key, &entry.task.file);
        }
        self.leave_group(&entry);
        self.touch(&entry, tell_dependents);
    }

    fn take(&mut self, task: Arc<Task>, tell_dependents: bool) {
        let home = self.home_of(&task);
        let entry = Entry::new(task, shared_home(&self.groups, home));
        for key in entry.keys() {
            insert_under(&mut self.claims, self.marks.of(&key), Arc::clone(&entry.task.file));
        }
        self.join_group(&entry);
        self.touch(&entry, tell_dependents);
        self.entries.insert(entry);
    }

    fn drop_claim(&mut self, key: &Key, file: &RelPath) {
        let mark = self.marks.of(key);
        if let Some(files) = self.claims.get_mut(&mark) {
            files.remove(file);
            if files.is_empty() {
                self.claims.remove(&mark);
            }
        }
    }

    fn join_group(&mut self, entry: &Entry) {
        insert_under(&mut self.groups, Arc::clone(&entry.home), FileKey(Arc::clone(&entry.task.file)));
        references_in(&entry.task)
            .for_each(|key| add_reference(&mut self.references, self.marks.of(&key), &entry.home));
    }

    fn leave_group(&mut self, entry: &Entry) {
        if let Some(files) = self.groups.get_mut(&*entry.home) {
            files.remove(entry.task.file.as_os_str());
            if files.is_empty() {
                self.groups.remove(&*entry.home);
            }
        }
        for key in references_in(&entry.task) {
            self.drop_reference(&key, &entry.home);
        }
    }

    fn drop_reference(&mut self, key: &Key, group: &GroupKey) {
        let mark = self.marks.of(key);
        let Some(groups) = self.references.get_mut(&mark) else { return };
        if let Some((_, count)) = groups.iter_mut().find(|(known, _)| known == group) {
            *count -= 1;
        }
        groups.retain(|(_, count)| *count > 0);
        if groups.is_empty() {
            self.references.remove(&mark);
        }
    }

    fn touch(&mut self, entry: &Entry, tell_dependents: bool) {
        self.dirty.insert(GroupKey::clone(&entry.home));
        self.dirty.extend(self.listing_groups(entry.id()));
        self.stale.extend(entry.identity());
        if tell_dependents {
            self.touch_references(entry.keys());
        }
    }

    fn touch_references(&mut self, keys: impl IntoIterator<Item = Key>) {
        let groups = keys.into_iter().filter_map(|key| self.references.get(&self.marks.of(&key)));
        self.dirty.extend(groups.flatten().map(|(group, _)| group.clone()));
    }

    /// Whether a task of this id is done, or where it stands, is not as before.
    fn touch_id(&mut self, id: &str) {
        let exact = Key::Exact(id.into());
        let continuing = names::continuing(id);
        let keys = [Some(&exact), continuing.as_ref()].into_iter().flatten();
        let files: Vec<RelPath> =
            keys.flat_map(|key| self.under(key)).map(|entry| Arc::clone(&entry.task.file)).collect();
        for file in &files {
            let Some(entry) = self.entries.get(file.as_os_str()) else { continue };
            self.dirty.insert(GroupKey::clone(&entry.home));
            self.stale.extend(entry.identity());
            let keys = entry.keys();
            self.touch_references(keys);
        }
        // Nobody may claim the id: a feature file that calls it completed satisfies those who refer to it all the same.
        self.touch_references([exact]);
    }

    fn take_listings(&mut self, feature_file: &FeatureFile) {
        for id in self.list(feature_file) {
            self.touch_id(id);
        }
        for (key, group) in references_of(feature_file) {
            add_reference(&mut self.references, self.marks.of(&key), &group);
        }
        self.dirty.insert(named(Dialect::GuardKit, &feature_file.id.value));
        self.touch_rivals(feature_file);
    }

    /// Notes what a feature file lists, and answers with those ids.
    fn list<'a>(&mut self, feature_file: &'a FeatureFile) -> Vec<&'a str> {
        let file = Arc::clone(&feature_file.file);
        self.feature_files_by_id.entry(feature_file.id.value.clone()).or_default().insert(file);
        let listings = listings(feature_file);
        let ids = listings.iter().map(|(id, _)| *id).collect();
        for (id, listing) in listings {
            // One feature file lists it, hardly ever another: a list that grows by itself begins with room for four.
            self.listings.entry(id.into()).or_insert_with(|| Vec::with_capacity(1)).push(listing);
        }
        ids
    }

    fn forget_listings(&mut self, file: &RelPath, feature_file: &FeatureFile) {
        self.touch_rivals(feature_file);
        for (id, _) in listings(feature_file) {
            if let Some(all) = self.listings.get_mut(id) {
                all.retain(|listing| listing.file != *file);
                if all.is_empty() {
                    self.listings.remove(id);
                }
            }
            self.touch_id(id);
        }
        for (key, group) in references_of(feature_file) {
            self.drop_reference(&key, &group);
        }
        remove_from(&mut self.feature_files_by_id, &feature_file.id.value, file);
        self.dirty.insert(named(Dialect::GuardKit, &feature_file.id.value));
    }

    /// Other feature files that list the same ids are told which of them counts.
    fn touch_rivals(&mut self, feature_file: &FeatureFile) {
        let lists = listings(feature_file).into_iter().filter_map(|(id, _)| self.listings.get(id)).flatten();
        let files = lists.filter_map(|listing| self.feature_files.get(listing.file.as_os_str()));
        self.dirty.extend(files.map(|file| named(Dialect::GuardKit, &file.id.value)));
    }

    fn settle(&mut self, identity: &Key) {
        let files: Vec<RelPath> = self.claimants(identity).map(|entry| Arc::clone(&entry.task.file)).collect();
        for file in &files {
            self.settle_home(file);
        }
        let contested = files.len() > 1;
        for file in &files {
            if self.entries.get(file.as_os_str()).is_some_and(|entry| entry.contested != contested)
                && let Some(entry) = self.entries.take(file.as_os_str())
            {
                self.entries.insert(Entry { contested, ..entry });
            }
        }
        let verdict = contested.then(|| self.judge(identity));
        let before = match verdict {
            Some(verdict) => self.verdicts.insert(identity.clone(), verdict),
            None => self.verdicts.remove(identity),
        };
        let changed = self.verdicts.get(identity) != before.as_ref();
        for file in &files {
            let Some(entry) = self.entries.get(file.as_os_str()) else { continue };
            self.dirty.insert(GroupKey::clone(&entry.home));
            if changed {
                let keys = entry.keys();
                self.touch_references(keys);
            }
        }
        if let Key::Exact(id) = identity {
            self.dirty.extend(self.listing_groups(id));
        }
    }

    /// A feature file tells whether the tasks that it lists exist.
    fn listing_groups(&self, id: &str) -> Vec<GroupKey> {
        let files = self
            .listings
            .get(id)
            .into_iter()
            .flatten()
            .filter_map(|listing| self.feature_files.get(listing.file.as_os_str()));
        files.map(|file| named(Dialect::GuardKit, &file.id.value)).collect()
    }

    fn settle_home(&mut self, file: &RelPath) {
        let Some(entry) = self.entries.get(file.as_os_str()) else { return };
        let home = self.home_of(&entry.task);
        if home == *entry.home {
            return;
        }
        let Some(mut entry) = self.entries.take(file.as_os_str()) else { return };
        self.leave_group(&entry);
        self.dirty.insert(GroupKey::clone(&entry.home));
        entry.home = shared_home(&self.groups, home);
        self.dirty.insert(GroupKey::clone(&entry.home));
        self.join_group(&entry);
        self.touch_references(entry.keys());
        self.entries.insert(entry);
    }
}

/// A whole workspace at once.
///
/// Told file by file, each would be told of those before it, and asked again when the next one comes.
impl Tables {
    /// Takes all that there is into tables that have nothing yet; the tables of keys are made on a thread of their own
    /// where there are `threads` for it.
    pub(super) fn fill(&mut self, tasks: &[Arc<Task>], feature_files: Vec<Arc<FeatureFile>>, threads: usize) {
        for feature_file in feature_files {
            self.list(&feature_file);
            self.feature_files.insert(FileKey(Arc::clone(&feature_file.file)), feature_file);
        }
        let this = &*self;
        let (by_key, by_file) = if threads > 1 {
            std::thread::scope(|scope| {
                let by_key = std::thread::Builder::new().spawn_scoped(scope, || ByKey::new(this, tasks));
                let by_file = ByFile::new(this, tasks);
                let by_key = match by_key {
                    Ok(by_key) => by_key.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
                    // The system has no room for another thread.
                    Err(_) => ByKey::new(this, tasks),
                };
                (by_key, by_file)
            })
        } else {
            (ByKey::new(this, tasks), ByFile::new(this, tasks))
        };
        (self.claims, self.references) = (by_key.claims, by_key.references);
        (self.entries, self.groups) = (by_file.entries, by_file.groups);
        self.dirty.extend(self.groups.keys().map(|group| GroupKey::clone(group)));
        self.dirty.extend(self.feature_files.values().map(|file| named(Dialect::GuardKit, &file.id.value)));
        self.doubt_what_several_say();
    }

    /// Marks the ids that several files claim, or several feature files list: for those alone the tables say too little
    /// while they are made.
    fn doubt_what_several_say(&mut self) {
        self.doubt_what_was_decided();
        let claims = self.claims.values().filter(|files| files.as_slice().len() > 1).flatten();
        let claimants = claims.filter_map(|file| self.entries.get(file.as_os_str())?.identity());
        let listed = self.listings.iter().filter(|(_, listings)| listings.len() > 1).map(|(id, _)| &**id);
        // What a feature file lists by the beginning of its id has no home before all ids are known.
        let continued = self.listings.keys().filter_map(|id| names::continuing(id));
        let continuing: Vec<Key> =
            continued.flat_map(|key| self.under(&key).filter_map(Entry::identity).collect::<Vec<_>>()).collect();
        self.stale.extend(claimants.chain(listed.map(|id| Key::Exact(id.into()))).chain(continuing));
    }
}

/// The tables whose keys are those of ids.
struct ByKey {
    claims: Map<Mark, Few<RelPath>>,
    references: Map<Mark, Vec<(GroupKey, usize)>>,
}

impl ByKey {
    fn new(tables: &Tables, tasks: &[Arc<Task>]) -> Self {
        let mut claims: Map<Mark, Few<RelPath>> = Map::with_capacity_and_hasher(tasks.len(), Default::default());
        let mut references = Map::default();
        let marks = &tables.marks;
        // From the end, or both threads would count references to the same paths at the same time.
        for task in tasks.iter().rev() {
            for key in keys_of(task) {
                insert_under(&mut claims, marks.of(&key), Arc::clone(&task.file));
            }
            if task.depends_on.is_empty() {
                continue;
            }
            let home = tables.home_of(task);
            references_in(task).for_each(|key| add_reference(&mut references, marks.of(&key), &home));
        }
        for (key, group) in tables.feature_files.values().flat_map(|file| references_of(file)) {
            add_reference(&mut references, marks.of(&key), &group);
        }
        Self { claims, references }
    }
}

/// The tables of files.
struct ByFile {
    entries: Set<Entry>,
    groups: Map<Arc<GroupKey>, Few<FileKey>>,
}

impl ByFile {
    fn new(tables: &Tables, tasks: &[Arc<Task>]) -> Self {
        let mut entries = Set::with_capacity_and_hasher(tasks.len(), Default::default());
        let mut groups: Map<Arc<GroupKey>, Vec<FileKey>> = Map::default();
        for task in tasks {
            let home = shared_home(&groups, tables.home_of(task));
            groups.entry(Arc::clone(&home)).or_default().push(FileKey(Arc::clone(&task.file)));
            entries.insert(Entry::new(Arc::clone(task), home));
        }
        Self { entries, groups: groups.into_iter().map(|(group, files)| (group, files.into())).collect() }
    }
}

/// Questions.
impl Tables {
    pub(super) fn entry(&self, file: &Path) -> Option<&Entry> {
        self.entries.get(file.as_os_str())
    }

    pub(super) fn feature_file(&self, file: &Path) -> Option<&Arc<FeatureFile>> {
        self.feature_files.get(file.as_os_str())
    }

    /// Every task file and feature file.
    pub(super) fn files(&self) -> impl Iterator<Item = &RelPath> {
        self.entries.iter().map(|entry| &entry.task.file).chain(self.feature_files.keys().map(|key| &key.0))
    }

    /// Every id of the workspace.
    pub(super) fn ids(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(Entry::id).filter(|id| !id.is_empty())
    }

    /// The files of a group in the order of their paths' bytes, copies that do not count included.
    pub(super) fn members<'a>(&'a self, group: &GroupKey) -> impl Iterator<Item = &'a Entry> {
        self.groups.get(group).into_iter().flatten().filter_map(|FileKey(file)| self.entries.get(file.as_os_str()))
    }

    /// The feature files of a group; the first counts.
    pub(super) fn feature_files_of<'a>(&'a self, group: &GroupKey) -> impl Iterator<Item = &'a Arc<FeatureFile>> {
        let files = match group {
            GroupKey::Named(Dialect::GuardKit, id) => self.feature_files_by_id.get(id),
            _ => None,
        };
        files.into_iter().flatten().filter_map(|file| self.feature_files.get(file.as_os_str()))
    }

    /// Is this file the task, and no copy left behind?
    pub(super) fn counts(&self, entry: &Entry) -> bool {
        self.verdict(entry).is_none_or(|verdict| verdict.counting.contains(&entry.task.file))
    }

    /// The verdict on the files that claim one id; `None` where only this one does.
    pub(super) fn verdict(&self, entry: &Entry) -> Option<&Verdict> {
        if !entry.contested {
            return None;
        }
        self.verdicts.get(&entry.identity()?)
    }

    /// The file that counts for the id of this one.
    pub(super) fn counting_for<'a>(&'a self, entry: &'a Entry) -> &'a Entry {
        let Some(verdict) = self.verdict(entry).filter(|verdict| !verdict.counting.contains(&entry.task.file)) else {
            return entry;
        };
        verdict.counting.first().and_then(|file| self.entry(file)).unwrap_or(entry)
    }

    /// What the task's file, its copies, the feature file and earlier runs mean together.
    pub(super) fn standing(&self, entry: &Entry) -> Standing {
        let task = &*entry.task;
        if self.is_done_by_files(entry) || self.passed.contains(entry.id()) {
            return Standing::Done;
        }
        match task.standing {
            standing if standing.is_open() && self.stated_standing(task) == Some(Standing::Deferred) => {
                Standing::Deferred
            }
            // An agent of ours wrote the status: nobody else works on it.
            Standing::Claimed if self.tried.contains(id_of(task)) => Standing::Open,
            standing => standing,
        }
    }

    /// Whether a file says that it is done: its own, another one of its id, the feature file. What passed in a run does not
    /// count here.
    pub(super) fn is_done_by_files(&self, entry: &Entry) -> bool {
        entry.task.standing == Standing::Done
            || self.verdict(entry).is_some_and(|verdict| verdict.completed)
            || self.stated_standing(&entry.task) == Some(Standing::Done)
    }

    /// What a feature file says of an id: of several the one that names an existing file, or that a task names.
    pub(super) fn statement(&self, id: &str) -> Option<Statement<'_>> {
        let listings = self.listings.get(id)?;
        if let [listing] = listings.as_slice() {
            return self.read(listing);
        }
        let known = self.decided.lock().unwrap_or_else(PoisonError::into_inner).get(id).copied();
        let at = known.unwrap_or_else(|| {
            let at = self.decide(id, listings);
            self.decided.lock().unwrap_or_else(PoisonError::into_inner).insert(id.into(), at);
            at
        });
        self.read(listings.get(at?)?)
    }

    /// Which of several listings of an id counts.
    fn decide(&self, id: &str, listings: &[Listing]) -> Option<usize> {
        let statements = listings.iter().enumerate().filter_map(|(at, listing)| Some((at, self.read(listing)?)));
        let first = statements.min_by_key(|(_, statement)| {
            let names_a_file = self.named_file(id, statement).is_some();
            (!names_a_file, !self.is_named_by_a_task(id, &statement.file.id.value), &statement.file.file)
        });
        Some(first?.0)
    }

    /// What is said of ids may be different now.
    fn doubt_what_was_decided(&mut self) {
        self.decided.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The tasks that a reference of this one means: those of its own feature where it has some of that name.
    pub(super) fn resolve<'a>(&'a self, from: &Entry, text: &Text) -> Vec<&'a Entry> {
        let keys = names::keys_of_reference(from.task.dialect, &from.task.feature, text);
        let is_near = |entry: &&Entry| entry.home == from.home;
        // To GSD a plan of another phase is none.
        let only_near = from.task.dialect == Dialect::Gsd;
        let mut found = keys.into_iter().map(|key| {
            let mut found = self.counting(&key);
            found.retain(|entry| !only_near || is_near(entry));
            if matches!(key, Key::Continued(_)) {
                found.retain(|entry| continues(entry, text) && entry.task.file != from.task.file);
                found.truncate(if found.len() == 1 { 1 } else { 0 });
            }
            found
        });
        let mut found = found.find(|found| !found.is_empty()).unwrap_or_default();
        if found.len() > 1 && found.iter().any(is_near) {
            found.retain(is_near);
        }
        found
    }

    /// The task that an id means, without a place that it is referred to from.
    pub(super) fn find(&self, id: &str) -> Option<&Entry> {
        let folded = Key::Folded(names::folded(id));
        let mut found = [Key::Exact(id.into()), folded].into_iter().flat_map(|key| self.counting(&key));
        found.next()
    }

    /// The GuardKit task of an id; else the one whose id or file continues it, where that is one.
    pub(super) fn find_listed(&self, id: &str) -> Option<&Entry> {
        let exact = self.counting(&Key::Exact(id.into()));
        let of_guardkit = |entry: &&Entry| entry.task.dialect == Dialect::GuardKit;
        exact.into_iter().find(of_guardkit).or_else(|| {
            let mut found = self.counting(&names::continuing(id)?);
            found.retain(|entry| continues(entry, id));
            found.pop().filter(|_| found.is_empty())
        })
    }

    /// What a feature file says of a task: by its id, else by the one that its id or file continues.
    pub(super) fn statement_of(&self, task: &Task) -> Option<Statement<'_>> {
        if task.dialect != Dialect::GuardKit || self.listings.is_empty() {
            return None;
        }
        let id = id_of(task);
        self.statement(id).or_else(|| {
            let names = [id, stem_of(&task.file)].into_iter();
            let mut shorter = names.flat_map(|name| name.rmatch_indices('-').filter_map(|(at, _)| name.get(..at)));
            let listed = shorter.find(|name| self.listings.contains_key(*name))?;
            // Not what another file is to the letter, nor what several continue.
            let is_this = self.find_listed(listed).is_some_and(|entry| entry.task.file == task.file);
            is_this.then(|| self.statement(listed)).flatten()
        })
    }

    fn counting(&self, key: &Key) -> Vec<&Entry> {
        self.under(key).filter(|entry| self.counts(entry)).collect()
    }

    fn claimants<'a>(&'a self, identity: &Key) -> impl Iterator<Item = &'a Entry> {
        let place = names::place_of_identity(identity);
        let entries: Vec<&Entry> = self.under(&place).collect();
        entries.into_iter().filter(move |entry| entry.identity().as_ref() == Some(identity))
    }

    /// The tasks that are found under a key.
    fn under<'a>(&'a self, key: &Key) -> impl Iterator<Item = &'a Entry> {
        let files = self.claims.get(&self.marks.of(key)).into_iter().flatten();
        files.filter_map(|file| self.entries.get(file.as_os_str())).filter(move |entry| entry.has_key(key))
    }

    fn home_of(&self, task: &Task) -> GroupKey {
        if let Some(statement) = self.statement_of(task) {
            return named(Dialect::GuardKit, &statement.file.id.value);
        }
        match &task.feature {
            FeatureRef::Named(name) => named(task.dialect, &name.value),
            FeatureRef::Folder(name) => named(task.dialect, name),
            FeatureRef::Alone => GroupKey::Alone(Arc::clone(&task.file)),
            FeatureRef::WholeBacklog => GroupKey::WholeBacklog,
        }
    }

    fn is_done_elsewhere(&self, task: &Task) -> bool {
        self.passed.contains(id_of(task)) || self.stated_standing(task) == Some(Standing::Done)
    }

    /// What the feature file says of a GuardKit task.
    fn stated_standing(&self, task: &Task) -> Option<Standing> {
        Some(self.statement_of(task)?.task?.standing)
    }

    fn read(&self, listing: &Listing) -> Option<Statement<'_>> {
        let file = self.feature_files.get(listing.file.as_os_str())?;
        Some(Statement { file, task: listing.task.and_then(|at| file.tasks.get(at)), wave: listing.wave })
    }

    /// The task file that a feature file names for an id, where it exists and claims the id.
    fn named_file<'a>(&'a self, id: &str, statement: &Statement<'_>) -> Option<&'a RelPath> {
        let path = statement.task?.file_path.as_ref()?;
        let entry = self.entries.get(plain_path(&path.value).as_os_str())?;
        (entry.id() == id && entry.task.dialect == Dialect::GuardKit).then_some(&entry.task.file)
    }

    fn is_named_by_a_task(&self, id: &str, feature: &str) -> bool {
        let exact = Key::Exact(id.into());
        let names = |task: &Task| matches!(&task.feature, FeatureRef::Named(name) if &*name.value == feature);
        self.under(&exact).any(|entry| entry.task.dialect == Dialect::GuardKit && names(&entry.task))
    }

    fn judge(&self, identity: &Key) -> Verdict {
        let (copies, others): (Vec<&Entry>, Vec<&Entry>) =
            self.claimants(identity).partition(|entry| entry.task.dialect == Dialect::GuardKit);
        let completed = copies.iter().any(|copy| copy.task.folder.as_deref() == Some("completed"));
        let is_open = |entry: &&Entry| {
            let done = (completed && entry.task.dialect == Dialect::GuardKit) || self.is_done_elsewhere(&entry.task);
            !done && entry.task.standing.is_open()
        };
        let place = self.deciding_place(&copies);
        let counting = pick(&place, is_open).into_iter().chain(others);
        let counting: BTreeSet<RelPath> = counting.map(|entry| Arc::clone(&entry.task.file)).collect();
        let open: BTreeSet<RelPath> = self.open_files(&counting, is_open);
        let stops = open.len() > 1;
        let mut duplicates = if stops { open } else { BTreeSet::new() };
        if place.len() > 1 && place.iter().all(|entry| rank(entry) <= LAST_OPEN_RANK) {
            duplicates.extend(place.iter().map(|entry| Arc::clone(&entry.task.file)));
        }
        Verdict { counting, duplicates, stops, completed }
    }

    fn open_files(&self, files: &BTreeSet<RelPath>, is_open: impl Fn(&&Entry) -> bool) -> BTreeSet<RelPath> {
        let entries = files.iter().filter_map(|file| self.entries.get(file.as_os_str()));
        entries.filter(is_open).map(|entry| Arc::clone(&entry.task.file)).collect()
    }

    /// The copies of a GuardKit task among which one counts: the one that the feature file names, else those of the
    /// first status folder.
    fn deciding_place<'a>(&self, copies: &[&'a Entry]) -> Vec<&'a Entry> {
        let named = copies.first().and_then(|copy| {
            let statement = self.statement(copy.id())?;
            self.named_file(copy.id(), &statement)
        });
        if let Some(copy) = copies.iter().find(|copy| Some(&copy.task.file) == named) {
            return vec![copy];
        }
        let first = copies.iter().map(|copy| rank(copy)).min();
        copies.iter().copied().filter(|copy| Some(rank(copy)) == first).collect()
    }
}

/// The copies that count among those of one place: all open ones, else the first that is done.
fn pick<'a>(place: &[&'a Entry], is_open: impl Fn(&&Entry) -> bool) -> Vec<&'a Entry> {
    let open: Vec<&Entry> = place.iter().copied().filter(is_open).collect();
    if !open.is_empty() {
        return open;
    }
    let done = place.iter().find(|entry| entry.task.standing != Standing::Dropped);
    done.or(place.first()).copied().into_iter().collect()
}

/// Places after this one hold no task that is still to be done.
const LAST_OPEN_RANK: usize = 5;

/// The order in which GuardKit's folders count for copies of a task.
fn rank(entry: &Entry) -> usize {
    const FOLDERS: [&str; LAST_OPEN_RANK] = ["backlog", "in_progress", "design_approved", "in_review", "blocked"];
    let Some(folder) = entry.task.folder.as_deref() else { return LAST_OPEN_RANK };
    if let Some(rank) = FOLDERS.iter().position(|name| *name == folder) {
        return rank;
    }
    let by_standing = match entry.task.standing {
        Standing::Open | Standing::Claimed | Standing::Blocked => 1,
        Standing::Done => 2,
        Standing::Dropped | Standing::Halted | Standing::Deferred => 3,
    };
    LAST_OPEN_RANK + by_standing
}

/// Each id that a feature file lists, once, with where it stands.
fn listings(feature_file: &FeatureFile) -> Vec<(&str, Listing)> {
    let mut order: Vec<&str> = Vec::new();
    let mut found: Map<&str, Listing> = Map::default();
    let mut listing_of = |id| {
        found.entry(id).or_insert_with(|| {
            order.push(id);
            Listing { file: Arc::clone(&feature_file.file), task: None, wave: None }
        });
    };
    let in_waves = || feature_file.waves.iter().enumerate().flat_map(|(at, ids)| ids.iter().map(move |id| (at, id)));
    feature_file.tasks.iter().for_each(|task| listing_of(&task.id.value));
    in_waves().for_each(|(_, id)| listing_of(&id.value));
    for (at, task) in feature_file.tasks.iter().enumerate() {
        if let Some(listing) = found.get_mut(&*task.id.value) {
            listing.task.get_or_insert(at);
        }
    }
    for (at, id) in in_waves() {
        if let Some(listing) = found.get_mut(&*id.value) {
            listing.wave.get_or_insert((at, id.span));
        }
    }
    order.into_iter().filter_map(|id| found.remove_entry(id)).collect()
}

/// Who a feature file's `dependencies` refer to, and the group that is planned with them.
fn references_of(feature_file: &FeatureFile) -> impl Iterator<Item = (Key, GroupKey)> {
    let group = named(Dialect::GuardKit, &feature_file.id.value);
    let texts = feature_file.tasks.iter().filter_map(|task| task.depends_on.as_ref()).flatten();
    texts.map(move |text| (Key::Exact(Arc::clone(&text.value)), group.clone()))
}

fn stem_of(file: &Path) -> &str {
    file.file_stem().and_then(OsStr::to_str).unwrap_or_default()
}

/// Every key that a task is found under.
fn keys_of(task: &Task) -> impl Iterator<Item = Key> + use<> {
    let stem = stem_of(&task.file);
    let keys: Option<Keys> = task.id.as_ref().map(|id| names::keys_of_id(task.dialect, &task.feature, &id.value, stem));
    keys.into_iter().flatten()
}

/// Every key that a task looks for.
fn references_in(task: &Task) -> impl Iterator<Item = Key> {
    task.depends_on.iter().flat_map(|text| names::keys_of_reference(task.dialect, &task.feature, &text.value))
}

fn add_reference(references: &mut Map<Mark, Vec<(GroupKey, usize)>>, mark: Mark, group: &GroupKey) {
    // Nearly every task is referred to from one feature only: a list that grows by itself begins with room for four.
    let groups = references.entry(mark).or_insert_with(|| Vec::with_capacity(1));
    match groups.iter_mut().find(|(known, _)| known == group) {
        Some((_, count)) => *count += 1,
        None => groups.push((group.clone(), 1)),
    }
}

/// The same group as the table has it: one for all of a feature.
fn shared_home<T>(groups: &Map<Arc<GroupKey>, T>, home: GroupKey) -> Arc<GroupKey> {
    match groups.get_key_value(&home) {
        Some((known, _)) => Arc::clone(known),
        None => Arc::new(home),
    }
}

/// Does a task's id, or the name of its file, go on behind this id?
fn continues(entry: &Entry, id: &str) -> bool {
    names::continues(entry.id(), id) || names::continues(stem_of(&entry.task.file), id)
}

/// Would a task that refers to this one, or shares its id, be planned the same?
fn look_the_same(old: &Task, new: &Task) -> bool {
    let id = |task: &Task| task.id.as_ref().map(|id| id.value.clone());
    let texts = |task: &Task| task.depends_on.iter().map(|text| text.value.clone()).collect::<Vec<_>>();
    let feature = |task: &Task| match &task.feature {
        FeatureRef::Named(name) => FeatureRef::Folder(name.value.clone()),
        other => other.clone(),
    };
    id(old) == id(new)
        && old.dialect == new.dialect
        && old.standing == new.standing
        && old.folder == new.folder
        && feature(old) == feature(new)
        && texts(old) == texts(new)
}

/// The group of a name.
pub(super) fn named(dialect: Dialect, name: &Text) -> GroupKey {
    GroupKey::Named(dialect, Arc::clone(name))
}

fn id_of(task: &Task) -> &str {
    task.id.as_ref().map_or("", |id| &id.value)
}

fn remove_from<K: Eq + Hash>(map: &mut Map<K, BTreeSet<RelPath>>, key: &K, file: &Path) {
    if let Some(files) = map.get_mut(key) {
        files.remove(file);
        if files.is_empty() {
            map.remove(key);
        }
    }
}

/// A path as files are known by: relative, without `.` and with the separators of this system.
pub(super) fn plain_path(text: &str) -> Cow<'_, Path> {
    if !text.contains('\\') && text.split('/').all(|part| !matches!(part, "" | ".")) {
        return Path::new(text).into();
    }
    let path = text.replace('\\', "/");
    let parts = Path::new(&path).components().filter(|part| !matches!(part, Component::CurDir));
    parts.collect::<PathBuf>().into()
}
