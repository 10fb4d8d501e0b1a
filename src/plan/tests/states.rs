//! Waves, states, copies and features.

use super::*;

#[test]
fn declared_waves_count_in_the_order_that_people_expect() {
    let catalog =
        catalog([task("A").wave("10"), task("B").wave("2a"), task("C").wave("0"), task("D").wave("2"), task("E")]);
    assert_eq!(waves(&catalog, "F"), ["0: C", "2: D", "2a: B", "10: A", "none: E"]);
}

#[test]
fn without_declared_waves_they_follow_from_dependencies() {
    let catalog = catalog([
        task("A").done(),
        task("B").after(&["A"]),
        task("C").after(&["B", "A"]),
        task("D"),
        task("E").after(&["D"]),
    ]);
    assert_eq!(waves(&catalog, "F"), ["1: A D", "2: B E", "3: C"]);
}

#[test]
fn states_say_whether_a_task_can_start() {
    let catalog = catalog([
        task("A").done(),
        task("B").after(&["A"]),
        task("C").after(&["A", "B", "D"]),
        task("D").person(),
        task("E").dropped(),
        task("G").after(&["E"]),
        task("H").after(&["nobody"]),
    ]);
    assert_eq!(*state(&catalog, "A"), State::Done);
    assert_eq!(*state(&catalog, "B"), State::Ready);
    assert_eq!(*state(&catalog, "C"), waiting(&["B", "D"]));
    assert_eq!(*state(&catalog, "D"), State::NeedsPerson("implementation_mode: manual".into()));
    assert_eq!(*state(&catalog, "E"), State::Dropped);
    assert_eq!(*state(&catalog, "G"), State::Unrunnable("it depends on E, which is dropped".into()));
    assert_eq!(*state(&catalog, "H"), State::Unrunnable("unknown dependency \"nobody\"".into()));
}

#[test]
fn a_dependency_is_met_by_a_done_task_of_any_feature() {
    let catalog = catalog([
        task("A").feature("G").done(),
        task("B").after(&["A"]),
        task("C").feature("G"),
        task("D").after(&["C"]),
    ]);
    assert_eq!(*state(&catalog, "B"), State::Ready);
    assert_eq!(*state(&catalog, "D"), waiting(&["C"]));
}

#[test]
fn what_passed_counts_as_done_everywhere() {
    let mut catalog = catalog([task("A").feature("G"), task("B").after(&["A"]), task("C").dropped()]);
    catalog.set_passed(["A", "C"].map(|id| TaskId::new(id).unwrap()).into());
    let replanned = catalog.replan();
    assert_eq!(replanned.features, ["F", "G"].map(Into::into).into());
    assert_eq!(
        [state(&catalog, "A"), state(&catalog, "B"), state(&catalog, "C")],
        [&State::Done, &State::Ready, &State::Done]
    );
    catalog.set_passed(std::collections::BTreeSet::new());
    catalog.replan();
    assert_eq!([state(&catalog, "A"), state(&catalog, "B")], [&State::Ready, &waiting(&["A"])]);
}

#[test]
fn an_error_of_its_own_file_stops_a_task() {
    let mut broken = task("A");
    let problem = |severity| Problem {
        code: Code::InvalidFrontmatter,
        severity,
        message: "the wave is lost".into(),
        span: Span::new(1, 2),
        related: Vec::new(),
    };
    broken.problems.push(problem(Severity::Error));
    let catalog_of = |task| catalog([task]);
    assert_eq!(*state(&catalog_of(broken.clone()), "A"), State::Unrunnable("the wave is lost".into()));
    assert_eq!(codes(&catalog_of(broken.clone())), [(Severity::Error, Code::InvalidFrontmatter)]);
    assert_eq!(codes(&catalog_of(broken.done())), [(Severity::Information, Code::InvalidFrontmatter)]);
}

#[test]
fn a_task_without_a_safe_id_stands_in_its_feature_but_cannot_run() {
    let mut nameless = task("A");
    nameless.id = None;
    let catalog = catalog([nameless, task("-x")]);
    let tasks: Vec<_> = catalog.feature("F").unwrap().tasks().collect();
    assert!(tasks.iter().all(|task| task.runnable_id().is_none() && matches!(task.state, State::Unrunnable(_))));
    assert_eq!(tasks.len(), 2);
}

#[test]
fn copies_in_several_status_folders_are_one_task() {
    let order = ["backlog", "in_progress", "design_approved", "in_review", "blocked"];
    for pair in order.windows(2) {
        let catalog = catalog([task("A").in_folder(pair[1], "a"), task("A").in_folder(pair[0], "b")]);
        assert_eq!(*state(&catalog, "A"), State::Ready);
        assert_eq!(catalog.file_of("A").unwrap().to_string_lossy(), format!("tasks/{}/b.md", pair[0]));
        assert!(codes(&catalog).is_empty());
        let copy = format!("tasks/{}/a.md", pair[1]);
        assert_eq!(&*catalog.feature_of(Path::new(&copy)).unwrap().id, "F");
    }
}

#[test]
fn a_copy_in_the_completed_folder_means_that_the_task_is_done() {
    let catalog = catalog([task("A").in_folder("completed", "a"), task("A"), task("B").after(&["A"])]);
    assert_eq!(*state(&catalog, "A"), State::Done);
    assert_eq!(*state(&catalog, "B"), State::Ready);
}

#[test]
fn the_file_that_the_feature_file_names_counts_among_copies() {
    let mut statement = feature_file(&[&["A"]]);
    statement.tasks[0].file_path = Some(at("./tasks/in_review/a.md".into(), 41));
    let copies = [task("A").in_folder("in_review", "a"), task("A").in_folder("backlog", "b")];
    let catalog = with_feature_file(copies.clone(), statement.clone());
    assert_eq!(catalog.file_of("A").unwrap().to_string_lossy(), "tasks/in_review/a.md");
    statement.tasks[0].file_path = Some(at("tasks/backlog/gone.md".into(), 41));
    let catalog = with_feature_file(copies, statement);
    assert_eq!(catalog.file_of("A").unwrap().to_string_lossy(), "tasks/backlog/b.md");
}

#[test]
fn the_feature_file_counts_for_waves_names_and_what_is_completed() {
    let mut statement = feature_file(&[&["B"], &["A", "C"]]);
    statement.tasks[1].name = Some("Named by the feature".into());
    statement.tasks[0].standing = Standing::Done;
    let catalog = with_feature_file(
        [task("A").wave("1"), task("B").wave("1"), task("C").feature("G"), task("D").wave("1")],
        statement,
    );
    assert_eq!(waves(&catalog, "F"), ["1: B", "2: A C", "none: D"]);
    let feature = catalog.feature("F").unwrap();
    assert_eq!((&*feature.title, &**feature.task_named("A").unwrap().title()), ("The feature", "Named by the feature"));
    assert_eq!(*state(&catalog, "B"), State::Done);
    assert!(catalog.feature("G").is_none());
}

#[test]
fn a_completed_task_of_the_feature_file_satisfies_without_a_file() {
    let mut statement = feature_file(&[&["gone", "A"]]);
    statement.tasks[0].standing = Standing::Done;
    let catalog = with_feature_file([task("A").after(&["gone"])], statement);
    assert_eq!(*state(&catalog, "A"), State::Ready);
}

#[test]
fn backlog_references_mean_the_number() {
    let backlog = |id: &str| {
        let mut task = task(id).dialect(Dialect::BacklogMd);
        task.feature = FeatureRef::WholeBacklog;
        task
    };
    let catalog = catalog([
        backlog("BACK-1").done(),
        backlog("BACK-2").after(&["task-1"]),
        backlog("back-3").after(&["Back-02"]),
    ]);
    assert_eq!(*state(&catalog, "BACK-2"), State::Ready);
    assert_eq!(*state(&catalog, "back-3"), waiting(&["BACK-2"]));
    let feature = catalog.feature("backlog").unwrap();
    assert!(!feature.runs_unasked);
    assert_eq!(waves(&catalog, "backlog"), ["1: BACK-1 BACK-2", "2: back-3"]);
}

#[test]
fn gsd_references_mean_their_own_phase_first() {
    let plan = |phase: &str, id: &str| {
        let mut task = task(id).dialect(Dialect::Gsd);
        task.file = Path::new(&format!(".planning/phases/{phase}/{id}-PLAN.md")).into();
        task.feature = FeatureRef::Folder(phase.into());
        task
    };
    let catalog = catalog([
        plan("1-old", "01-01").done(),
        plan("1-old", "01-02").done(),
        plan("2-new", "02-01-slug"),
        plan("2-new", "02-02").after(&["01"]),
        plan("2-new", "02-03").after(&["01-02", "02-01"]),
    ]);
    assert_eq!(*state(&catalog, "02-02"), waiting(&["02-01-slug"]));
    assert_eq!(*state(&catalog, "02-03"), waiting(&["02-01-slug"]));
}

#[test]
fn features_that_go_by_one_name_keep_ids_of_their_own() {
    let mut alone = task("F");
    alone.feature = FeatureRef::Alone;
    let mut catalog = catalog([task("A"), alone, task("B").dialect(Dialect::Own)]);
    let ids = |catalog: &Catalog| catalog.features().map(|feature| feature.id.to_string()).collect::<Vec<_>>();
    assert_eq!(ids(&catalog), ["F", "F@own", "F@tasks/backlog/f/F.md"]);
    catalog.set_task(Path::new("tasks/backlog/f/A.md"), None);
    let replanned = catalog.replan();
    assert_eq!(ids(&catalog), ["F", "F@tasks/backlog/f/F.md"]);
    assert_eq!(replanned.features, ["F", "F@own"].map(Into::into).into());
}

#[test]
fn a_wave_is_done_only_when_all_of_it_is() {
    let progress = |tasks: Vec<Task>| {
        let catalog = catalog(tasks);
        let feature = catalog.features().next().unwrap().clone();
        let progress = feature.progress();
        (progress.words(), progress.is_done(), progress.is_open())
    };
    let open = |words: &str| (words.to_owned(), false, true);
    assert_eq!(progress(vec![task("A").done(), task("B").done()]), ("2/2 done".into(), true, false));
    assert_eq!(progress(vec![task("A").done(), task("B")]), open("1/2 done"));
    assert_eq!(progress(vec![task("A").done(), task("P").person()]), open("1/2 done \u{b7} 1 needs a person"));
    assert_eq!(progress(vec![task("A").done(), task("B").after(&["nobody"])]), open("1/2 done \u{b7} 1 cannot run"));
    assert_eq!(progress(vec![task("A").done(), task("B").dropped()]), ("1/1 done".into(), true, false));
    assert_eq!(progress(vec![task("A").dropped()]), ("dropped".into(), false, false));
    assert_eq!(progress(vec![task("A").halted()]), ("halted".into(), false, false));
    assert_eq!(progress(vec![task("A").halted(), task("B").dropped()]), ("dropped".into(), false, false));
    let behind =
        [task("P").person(), task("A").after(&["B"]), task("B").after(&["P"]), task("C").after(&["D"]), task("D")];
    assert_eq!(progress(behind.into()), open("0/5 done \u{b7} 1 needs a person \u{b7} 2 blocked"));
}
