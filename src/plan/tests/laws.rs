//! Laws over made-up workspaces.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// A task file of a made-up workspace: few ids, so that they meet.
fn some_task() -> impl Strategy<Value = Task> {
    let id = prop_oneof![8 => (0..7_u8).prop_map(|at| Some(format!("T{at}"))), 1 => Just(None), 1 => Just(Some("un safe".into()))];
    let place = (0..3_usize, 0..3_u8);
    let wave = prop_oneof![2 => Just(None), 3 => prop::sample::select(vec!["1", "2", "10", "2a"]).prop_map(Some)];
    let feature = prop_oneof![4 => prop::sample::select(vec!["F", "G"]).prop_map(Some), 1 => Just(None)];
    let standing = prop_oneof![
        4 => Just(Standing::Open),
        2 => Just(Standing::Done),
        1 => Just(Standing::Dropped),
        1 => Just(Standing::Claimed),
        1 => Just(Standing::Blocked),
        1 => Just(Standing::Halted),
    ];
    let after = prop::collection::vec(0..9_u8, 0..3);
    let files = prop::collection::vec(0..2_u8, 0..2);
    let dialect = prop_oneof![4 => Just(Dialect::GuardKit), 1 => Just(Dialect::BacklogMd), 1 => Just(Dialect::Gsd)];
    (id, place, wave, feature, standing, after, files, dialect, prop::bool::weighted(0.15)).prop_map(
        |(id, (folder, file), wave, feature, standing, after, files, dialect, person)| {
            let folder = ["backlog", "in_review", "completed"][folder];
            let after: Vec<String> = after.iter().map(|at| format!("T{at}")).collect();
            let files: Vec<String> = files.iter().map(|at| format!("src/{at}.rs")).collect();
            let mut task = task("T0")
                .after(&after.iter().map(String::as_str).collect::<Vec<_>>())
                .files(&files.iter().map(String::as_str).collect::<Vec<_>>())
                .wave(wave.unwrap_or("none"));
            task.standing = standing;
            task = task.in_folder(folder, &format!("{}-{file}", id.as_deref().unwrap_or("none")));
            task.id = id.map(|id| at(id.into(), 0));
            task.feature = feature.map_or(FeatureRef::Alone, |name| FeatureRef::Named(at(name.into(), 2)));
            if dialect != Dialect::GuardKit {
                task = task.dialect(dialect);
            }
            if person { task.person() } else { task }
        },
    )
}

fn some_tasks() -> impl Strategy<Value = BTreeMap<RelPath, Task>> {
    let by_file = |tasks: Vec<Task>| tasks.into_iter().map(|task| (task.file.clone(), task)).collect();
    prop::collection::vec(some_task(), 0..14).prop_map(by_file)
}

/// What happens to a workspace.
#[derive(Debug, Clone)]
enum Change {
    Task(Box<Task>),
    Remove(Box<Task>),
    FeatureFile(&'static str, Option<FeatureFile>),
    Passed(BTreeSet<TaskId>),
}

fn some_change() -> impl Strategy<Value = Change> {
    let statement =
        (prop::sample::select(vec!["F", "G", "H"]), prop::collection::vec((0..8_u8, 0..3_usize, any::<bool>()), 0..5));
    let statement = statement.prop_map(|(id, listed)| {
        let ids: Vec<String> = listed.iter().map(|(id, ..)| format!("T{id}")).collect();
        let wave =
            |at| ids.iter().zip(&listed).filter(move |(_, listed)| listed.1 == at).map(|(id, _)| id.as_str()).collect();
        let waves: Vec<Vec<&str>> = (0..3).map(wave).collect();
        let mut file = feature_file(&waves.iter().map(Vec::as_slice).collect::<Vec<_>>());
        file.file = Path::new(&format!(".guardkit/features/{id}.yaml")).into();
        file.id = at(id.into(), 0);
        for (task, (_, _, done)) in file.tasks.iter_mut().zip(&listed) {
            task.standing = if *done { Standing::Done } else { Standing::Open };
            task.file_path = Some(at(format!("tasks/in_review/{}-0.md", task.id.value).into(), 42));
            task.depends_on = done.then(|| vec![at("T1".into(), 43)]);
        }
        Change::FeatureFile(id, Some(file))
    });
    let passed = prop::collection::btree_set(0..7_u8, 0..3)
        .prop_map(|ids| Change::Passed(ids.iter().map(|at| TaskId::new(&format!("T{at}")).unwrap()).collect()));
    prop_oneof![
        6 => some_task().prop_map(|task| Change::Task(Box::new(task))),
        3 => some_task().prop_map(|task| Change::Remove(Box::new(task))),
        3 => statement,
        1 => prop::sample::select(vec!["F", "G", "H"]).prop_map(|id| Change::FeatureFile(id, None)),
        1 => passed,
    ]
}

/// What a workspace says at a moment.
#[derive(Debug, Clone, Default)]
struct Model {
    tasks: BTreeMap<RelPath, Task>,
    files: BTreeMap<RelPath, FeatureFile>,
    passed: BTreeSet<TaskId>,
}

impl Model {
    fn apply(&mut self, change: &Change, catalog: &mut Catalog) {
        match change {
            Change::Task(task) => {
                self.tasks.insert(task.file.clone(), (**task).clone());
                catalog.set_task(&task.file, Some(Arc::new((**task).clone())));
            }
            Change::Remove(task) => {
                self.tasks.remove(&task.file);
                catalog.set_task(&task.file, None);
            }
            Change::FeatureFile(id, file) => {
                let path: RelPath = Path::new(&format!(".guardkit/features/{id}.yaml")).into();
                match file {
                    Some(file) => self.files.insert(path.clone(), file.clone()),
                    None => self.files.remove(&path),
                };
                catalog.set_feature_file(&path, file.clone().map(Arc::new));
            }
            Change::Passed(passed) => {
                self.passed = passed.clone();
                catalog.set_passed(passed.clone());
            }
        }
    }

    /// Plans it at one go, from the last file to the first.
    fn plan(&self) -> Catalog {
        let mut catalog = Catalog::new();
        catalog.set_passed(self.passed.clone());
        for task in self.tasks.values().rev() {
            catalog.set_task(&task.file, Some(Arc::new(task.clone())));
        }
        for file in self.files.values().rev() {
            catalog.set_feature_file(&file.file, Some(Arc::new(file.clone())));
        }
        catalog.replan();
        catalog
    }

    /// The same with everything told at once.
    fn plan_at_once(&self, threads: usize) -> Catalog {
        let tasks: Vec<Arc<Task>> = self.tasks.values().cloned().map(Arc::new).collect();
        let feature_files = self.files.values().cloned().map(Arc::new).collect();
        let mut catalog = Catalog::of(&tasks, feature_files, threads);
        catalog.set_passed(self.passed.clone());
        catalog.replan();
        catalog
    }
}

type Seen = (BTreeMap<Box<str>, Feature>, BTreeMap<RelPath, Vec<Problem>>);

fn seen(catalog: &Catalog) -> Seen {
    let features = catalog.features().map(|feature| (feature.id.clone(), feature.clone())).collect();
    let problems = catalog.files_with_problems().map(|(file, problems)| (file.clone(), problems.to_vec())).collect();
    (features, problems)
}

/// The keys whose values differ.
fn differ<K: Ord + Clone, V: PartialEq>(before: &BTreeMap<K, V>, after: &BTreeMap<K, V>) -> BTreeSet<K> {
    before.keys().chain(after.keys()).filter(|key| before.get(*key) != after.get(*key)).cloned().collect()
}

fn some_selection() -> impl Strategy<Value = Selection> {
    let asked = prop_oneof![
        Just(Asked::Everything),
        Just(Asked::NextWave),
        prop::sample::select(vec!["1", "2", "10"]).prop_map(|wave| Asked::Wave(wave.into())),
        prop::collection::vec(0..7_u8, 1..4)
            .prop_map(|ids| Asked::Tasks(ids.iter().map(|at| format!("T{at}")).collect())),
    ];
    let feature = prop::sample::select(vec![None, Some("F".to_owned()), Some("G".to_owned())]);
    (feature, asked, any::<bool>()).prop_map(|(feature, asked, redo)| Selection {
        feature,
        asked,
        redo,
        include: Include::default(),
    })
}

proptest! {
    /// What stops a task is told: nobody should have to ask twice why it does not start.
    #[test]
    fn what_cannot_run_has_an_error_in_its_file(
        tasks in some_tasks(),
        changes in prop::collection::vec(some_change(), 0..6),
    ) {
        let (mut model, mut catalog) = (Model::default(), Catalog::new());
        let tasks = tasks.into_values().map(|task| Change::Task(Box::new(task)));
        tasks.chain(changes).for_each(|change| model.apply(&change, &mut catalog));
        catalog.replan();
        for task in catalog.features().flat_map(Feature::tasks) {
            // What is wrong with an id is found where its file is read, which made-up tasks were not.
            if let (State::Unrunnable(why), Some(_)) = (&task.state, task.runnable_id()) {
                let problems = catalog.problems(&task.file);
                // A feature file may say what it depends on.
                let files = catalog.files_with_problems().filter(|(file, _)| file.starts_with(".guardkit"));
                let listed: Vec<&Problem> = files.flat_map(|(_, problems)| problems).collect();
                let has_error = problems.iter().chain(listed).any(|problem| problem.severity == Severity::Error);
                prop_assert!(has_error, "{}: {why}: {problems:?}", task.file.display());
            }
        }
    }
}

proptest! {
    /// Whatever changed in whatever order: the result is the one of planning everything, and exactly what is different
    /// is said to be.
    #[test]
    fn planning_again_equals_planning_everything(changes in prop::collection::vec(some_change(), 1..24)) {
        let (mut model, mut catalog) = (Model::default(), Catalog::new());
        for change in &changes {
            let before = seen(&catalog);
            model.apply(change, &mut catalog);
            let replanned = catalog.replan();
            let after = seen(&catalog);
            prop_assert_eq!(&after, &seen(&model.plan()));
            prop_assert_eq!(replanned.files, differ(&before.1, &after.1));
            let features = differ(&before.0, &after.0);
            prop_assert!(replanned.features.is_superset(&features), "{:?} {:?}", replanned.features, features);
        }
    }

    /// Everything told at once is as everything told file by file, and so is what is told afterwards.
    #[test]
    fn telling_at_once_equals_telling_file_by_file(
        changes in prop::collection::vec(some_change(), 0..16),
        later in prop::collection::vec(some_change(), 1..6),
        threads in 1..3_usize,
    ) {
        let (mut model, mut file_by_file) = (Model::default(), Catalog::new());
        changes.iter().for_each(|change| model.apply(change, &mut file_by_file));
        file_by_file.replan();
        let mut at_once = model.plan_at_once(threads);
        prop_assert_eq!(seen(&at_once), seen(&file_by_file));
        for change in &later {
            Model::default().apply(change, &mut at_once);
            model.apply(change, &mut file_by_file);
            prop_assert_eq!(at_once.replan(), file_by_file.replan());
            prop_assert_eq!(seen(&at_once), seen(&file_by_file));
        }
    }

    /// Every file that counts stands once, in one wave, with one state; waves stand in order.
    #[test]
    fn waves_partition_the_tasks(tasks in some_tasks()) {
        let catalog = catalog(tasks.values().cloned());
        let mut files = BTreeSet::new();
        for feature in catalog.features() {
            for task in feature.tasks() {
                prop_assert!(files.insert(task.file.clone()), "{:?} stands twice", task.file);
                prop_assert_eq!(catalog.feature_of(&task.file).map(|feature| &feature.id), Some(&feature.id));
            }
            let labels: Vec<_> = feature.waves.iter().map(|wave| wave.label.clone()).collect();
            prop_assert!(labels.windows(2).all(|pair| pair[1].is_none() || pair[0] < pair[1]), "{labels:?}");
            prop_assert!(feature.waves.iter().all(|wave| !wave.tasks.is_empty()));
        }
        let ids: BTreeSet<_> = files.iter().filter_map(|file| tasks[file].id.clone()).map(|id| id.value).collect();
        let known: BTreeSet<_> = tasks.values().filter_map(|task| task.id.clone()).map(|id| id.value).collect();
        prop_assert_eq!(ids, known, "every id has a task that counts");
    }

    /// In computed waves nobody stands beside or before what it depends on, but in a cycle; in Backlog.md beside or before
    /// what it waits for, since what is finished counts for no wave there.
    #[test]
    fn computed_waves_respect_dependencies(tasks in some_tasks()) {
        let without_waves = tasks.into_values().map(|task| task.wave("none")).collect::<Vec<_>>();
        let catalog = catalog(without_waves);
        for feature in catalog.features() {
            let wave_of = |id: &str| {
                let has = |wave: &&Wave| wave.tasks.iter().any(|task| *task.id == *id);
                feature.waves.iter().find(has).and_then(|wave| wave.label.clone())
            };
            for wave in &feature.waves {
                for task in &wave.tasks {
                    let in_cycle = catalog.problems(&task.file).iter().any(|problem| problem.code == Code::DependencyCycle);
                    let is_alone = |id: &str| feature.tasks().filter(|task| *task.id == *id).count() == 1;
                    let counts = |id: &Text| feature.dialect != Dialect::BacklogMd || task.state.waits_for().contains(id);
                    for id in task.depends_on.iter().filter(|id| !in_cycle && is_alone(id) && counts(id)) {
                        if let Some(earlier) = wave_of(id) {
                            prop_assert!(Some(&earlier) < wave.label.as_ref(), "{} {id}", task.id);
                        }
                    }
                }
            }
        }
    }

    /// A schedule starts only what may start, each task once, after tasks of the run that come before it.
    #[test]
    fn a_schedule_starts_only_what_may_start(tasks in some_tasks(), selection in some_selection()) {
        let catalog = catalog(tasks.values().cloned());
        let features: Vec<&Feature> = catalog.features().collect();
        let Ok(schedule) = select(&features, &selection) else { return Ok(()) };
        let feature = catalog.feature(&schedule.feature).unwrap();
        let mut named = BTreeSet::new();
        let mut started = BTreeSet::new();
        for wave in &schedule.waves {
            prop_assert!(!wave.tasks.is_empty() || !wave.skipped.is_empty());
            for skipped in &wave.skipped {
                prop_assert!(named.insert(skipped.id.clone()));
            }
            for task in &wave.tasks {
                prop_assert!(named.insert(task.id.clone()), "{} has two places", task.id);
                // By its file: a done one may share the id of one that is open.
                let planned = feature.tasks().find(|planned| *planned.file == *Path::new(&task.file)).unwrap();
                let may = match &planned.state {
                    State::Ready => true,
                    State::Waiting(ids) => ids.iter().all(|id| task.after.iter().any(|after| after.as_str() == &**id)),
                    State::Done => selection.redo,
                    State::Claimed(_) | State::Blocked(_) => matches!(selection.asked, Asked::Tasks(_)),
                    State::Dropped | State::Halted | State::NeedsPerson(_) | State::Unrunnable(_) => false,
                };
                prop_assert!(may && planned.needs_person().is_none(), "{} is {:?}", task.id, planned.state);
            }
            // Inside a wave: take away what waits for nobody, until nothing is left.
            let mut open: Vec<_> = wave.tasks.iter().collect();
            while !open.is_empty() {
                let before = open.len();
                let here = started.clone();
                open.retain(|task| {
                    let free = task.after.iter().all(|id| here.contains(id));
                    if free { started.insert(task.id.clone()); }
                    !free
                });
                prop_assert!(open.len() < before, "`after` leads in a circle, or out of the run: {open:?}");
            }
        }
    }
}
