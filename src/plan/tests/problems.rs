//! Each problem that planning finds, and how much it matters.

use super::*;

#[test]
fn several_open_files_with_one_id_may_not_run() {
    let catalog =
        catalog([task("A").in_folder("backlog", "a"), task("A").in_folder("backlog", "b"), task("B").after(&["A"])]);
    assert_eq!(codes(&catalog), [(Severity::Error, Code::DuplicateId); 2]);
    let (_, problems) = catalog.files_with_problems().next().unwrap();
    assert_eq!(problems[0].related[0].0.file.to_string_lossy(), "tasks/backlog/b.md");
    let feature = catalog.feature("F").unwrap();
    let stopped: Vec<_> = feature.tasks().filter(|task| *task.id == *"A").collect();
    assert!(stopped.iter().all(|task| matches!(task.state, State::Unrunnable(_))));
    assert_eq!(stopped.len(), 2);
    assert_eq!(*state(&catalog, "B"), waiting(&["A"]));
}

#[test]
fn an_id_of_gsd_belongs_to_its_phase() {
    let plan = |phase: &str, folder: &str| {
        let mut task = task("01-01").dialect(Dialect::Gsd);
        task.file = Path::new(&format!(".planning/phases/{phase}/{folder}01-01-PLAN.md")).into();
        task.feature = FeatureRef::Folder(phase.into());
        task
    };
    assert!(codes(&catalog([plan("a", ""), plan("b", "")])).is_empty());
    assert_eq!(codes(&catalog([plan("a", ""), plan("a", "plans/")])), [(Severity::Error, Code::DuplicateId); 2]);
    assert!(codes(&catalog([plan("a", "").done(), plan("a", "plans/")])).is_empty());
}

#[test]
fn an_unknown_dependency_stops_an_open_task_and_names_the_nearest() {
    let mut catalog =
        catalog([task("TASK-001"), task("TASK-002").after(&["TASK-01"]), task("TASK-003").after(&["gone"]).done()]);
    assert_eq!(
        told(&catalog),
        [
            "Error unknown-dependency TASK-002: unknown dependency \"TASK-01\": no task of this workspace has this id",
            "Information unknown-dependency TASK-003: unknown dependency \"gone\": no task of this workspace has this id",
        ]
    );
    let file = Path::new("tasks/backlog/f/TASK-002.md");
    let unknown = catalog.unknown_id(file, &catalog.problems(file)[0]).unwrap();
    let message = catalog.known_ids().complete(&unknown);
    assert!(message.ends_with("did you mean TASK-001?"), "{message}");
    // Someone writes the missing task: the problem goes without anybody touching the file that has it.
    catalog.set_task(Path::new("new.md"), Some(Arc::new(Task { file: Path::new("new.md").into(), ..task("TASK-01") })));
    let replanned = catalog.replan();
    assert!(replanned.files.contains(file));
    assert!(catalog.problems(file).is_empty());
}

#[test]
fn a_cycle_is_shown_whole_to_each_of_its_tasks() {
    let catalog =
        catalog([task("A").after(&["C"]), task("B").after(&["A"]), task("C").after(&["B"]), task("D").after(&["A"])]);
    let told = told(&catalog);
    assert_eq!(told.len(), 3);
    assert!(
        told.iter().all(|line| line.starts_with("Error dependency-cycle") && line.ends_with("A -> C -> B -> A")),
        "{told:?}"
    );
    assert!(matches!(state(&catalog, "B"), State::Unrunnable(_)));
    assert_eq!(*state(&catalog, "D"), waiting(&["A"]));
    let problem = &catalog.problems(Path::new("tasks/backlog/f/A.md"))[0];
    assert_eq!(problem.span, at((), 10).span);
    assert_eq!(problem.related.len(), 2);
}

#[test]
fn a_cycle_may_lead_through_other_features_and_is_told_until_it_is_broken() {
    let a = task("A").after(&["B"]);
    let mut catalog = catalog([a.clone(), task("B").feature("G").after(&["C"]), task("C").feature("H").after(&["A"])]);
    assert_eq!(codes(&catalog), [(Severity::Error, Code::DependencyCycle); 3]);
    catalog.set_task(&a.file, Some(Arc::new(a.clone().after(&[]))));
    catalog.replan();
    assert!(codes(&catalog).is_empty(), "{:?}", told(&catalog));
    catalog.set_task(&a.file, Some(Arc::new(a.clone())));
    catalog.replan();
    assert_eq!(codes(&catalog), [(Severity::Error, Code::DependencyCycle); 3]);
}

#[test]
fn a_cycle_through_a_done_task_stops_nobody() {
    let catalog = catalog([task("A").after(&["B"]), task("B").after(&["A"]).done()]);
    assert_eq!(codes(&catalog), [(Severity::Information, Code::DependencyCycle); 2]);
    assert_eq!(*state(&catalog, "A"), State::Ready);
}

#[test]
fn a_task_that_depends_on_itself_is_a_cycle() {
    let catalog = catalog([task("A").after(&["A"])]);
    assert_eq!(told(&catalog), ["Error dependency-cycle A: dependency cycle: A -> A"]);
}

#[test]
fn a_dependency_in_the_same_or_a_later_wave_is_told() {
    let catalog = catalog([
        task("A").wave("1").after(&["B", "C"]),
        task("B").wave("1"),
        task("C").wave("2"),
        task("D").wave("2").after(&["A"]),
        task("E").wave("1").after(&["C"]).done(),
    ]);
    assert_eq!(
        told(&catalog),
        [
            "Warning dependency-not-earlier A: A depends on B of its own wave 1",
            "Warning dependency-not-earlier A: A depends on C of the later wave 2, its own is 1",
            "Information dependency-not-earlier E: E depends on C of the later wave 2, its own is 1",
        ]
    );
    let place = &catalog.problems(Path::new("tasks/backlog/f/A.md"))[1].related[0].0;
    assert_eq!((place.file.to_string_lossy().as_ref(), place.span), ("tasks/backlog/f/C.md", at((), 3).span));
}

#[test]
fn open_tasks_of_a_wave_that_declare_one_file_are_told() {
    let files = ["src/a.rs", "src/b.rs"];
    let tasks = [
        task("A").wave("1").files(&files),
        task("B").wave("1").files(&["./src/a.rs"]),
        task("C").wave("2").files(&files),
        task("D").wave("1").files(&files).done(),
    ];
    assert_eq!(
        told(&catalog(tasks)),
        [
            "Warning file-overlap A: src/a.rs is also declared by B of the same wave (1)",
            "Warning file-overlap B: src/a.rs is also declared by A of the same wave (1)",
        ]
    );
}

#[test]
fn a_forgotten_wave_is_told_where_others_have_one() {
    assert!(told(&catalog([task("A"), task("B")])).is_empty());
    assert_eq!(
        told(&catalog([task("A").wave("1"), task("B"), task("C").done()])),
        ["Warning invalid-wave B: B has no wave, while others of its feature have: it runs only by --task"]
    );
}

#[test]
fn where_feature_file_and_frontmatter_disagree_it_is_told() {
    let mut statement = feature_file(&[&["A", "B"], &["C", "gone"]]);
    statement.tasks[3].standing = Standing::Done;
    let tasks = [task("A").wave("1"), task("B").wave("2"), task("C").wave("1").done(), task("D").wave("2")];
    assert_eq!(
        told(&with_feature_file(tasks, statement)),
        [
            "Information wave-mismatch F: gone is listed here, but no task file has this id",
            "Warning wave-mismatch B: B says wave 2, but F.yaml puts it into wave 1, which counts",
            "Information wave-mismatch C: C says wave 1, but F.yaml puts it into wave 2, which counts",
            "Warning wave-mismatch D: D says wave 2, but F.yaml puts it into none, which counts: it runs only by --task",
        ]
    );
}

#[test]
fn a_feature_file_takes_tasks_that_name_another_feature() {
    let mut review = task("B").feature("TASK-REV-1");
    review.file = Path::new("tasks/backlog/f/B.md").into();
    let catalog = with_feature_file([task("A").feature("G"), review], feature_file(&[&["A", "B"]]));
    assert_eq!(
        told(&catalog),
        ["Warning wave-mismatch A: A names the feature G, but F.yaml lists it in F, which counts"]
    );
}

#[test]
fn lists_of_places_have_an_end() {
    let count = 300;
    let ring = |at: usize| task(&format!("T{at}")).after(&[&*format!("T{}", (at + 1) % count)]);
    let catalog = catalog((0..count).map(ring));
    assert_eq!(codes(&catalog).len(), count);
    let longest =
        catalog.files_with_problems().flat_map(|(_, problems)| problems).map(|problem| problem.message.len()).max();
    assert!(longest.unwrap() < 1000);
}
