//! What a run of a selection would do.

use super::*;

fn choose(catalog: &Catalog, feature: Option<&str>, asked: Asked, redo: bool) -> Result<Schedule, SelectError> {
    let features: Vec<&Feature> = catalog.features().collect();
    select(&features, &Selection { feature: feature.map(Into::into), asked, redo, include: Include::default() })
}

/// A schedule as `wave: id<after ... | skipped!`; `?` where it awaits a person.
fn shown(schedule: &Schedule) -> Vec<String> {
    let started = |task: &ScheduledTask| {
        let after: Vec<&str> = task.after.iter().map(TaskId::as_str).collect();
        if after.is_empty() { task.id.to_string() } else { format!("{}<{}", task.id, after.join(",")) }
    };
    let skipped = |task: &Skipped| format!("{}{}", task.id, if task.awaits_person { "?" } else { "!" });
    let line = |wave: &ScheduledWave| {
        let tasks: Vec<String> = wave.tasks.iter().map(started).chain(wave.skipped.iter().map(skipped)).collect();
        format!("{}: {}", wave.wave.as_deref().unwrap_or("none"), tasks.join(" "))
    };
    schedule.waves.iter().map(line).collect()
}

fn everything(tasks: impl IntoIterator<Item = Task>) -> Vec<String> {
    shown(&choose(&catalog(tasks), None, Asked::Everything, false).unwrap())
}

fn reasons(schedule: &Schedule) -> Vec<String> {
    let skipped = schedule.waves.iter().flat_map(|wave| &wave.skipped);
    skipped.map(|task| format!("{}: {}", task.id, task.reason)).collect()
}

#[test]
fn a_run_of_everything_takes_every_wave_that_is_not_done() {
    let tasks = [
        task("A").wave("1").done(),
        task("B").wave("2").after(&["A"]),
        task("C").wave("2").after(&["B"]),
        task("D").wave("3").after(&["B", "A"]),
        task("E").wave("3").dropped(),
        task("G"),
    ];
    assert_eq!(everything(tasks), ["2: B C<B", "3: D<B"]);
}

#[test]
fn tasks_for_a_person_and_what_depends_on_them_wait_without_failing() {
    let tasks = [
        task("A").wave("1").person(),
        task("B").wave("1"),
        task("C").wave("2").after(&["A"]),
        task("D").wave("3").after(&["C", "B"]),
        task("E").wave("3").after(&["C", "X"]),
        task("G").wave("3").after(&["E", "A"]),
    ];
    assert_eq!(everything(tasks.clone()), ["1: B A?", "2: C?", "3: D? E! G!"]);
    let schedule = choose(&catalog(tasks), None, Asked::Everything, false).unwrap();
    assert_eq!(
        reasons(&schedule),
        [
            "A: it needs a person (implementation_mode: manual)",
            "C: it depends on A, which does not start: it needs a person (implementation_mode: manual)",
            "D: it depends on C, which does not start: it needs a person (implementation_mode: manual)",
            "E: unknown dependency \"X\"",
            "G: it depends on E, which does not start: unknown dependency \"X\"",
        ]
    );
}

#[test]
fn what_waits_for_a_later_wave_or_for_nobody_in_the_run_is_skipped() {
    let tasks = [
        task("A").wave("1").after(&["B"]),
        task("B").wave("2"),
        task("C").wave("2").after(&["O"]),
        task("D").wave("2").after(&["P"]),
        task("O").feature("G"),
        task("P").feature("G").person(),
    ];
    let catalog = catalog(tasks);
    let schedule = choose(&catalog, Some("F"), Asked::Everything, false).unwrap();
    assert_eq!(shown(&schedule), ["1: A!", "2: B C! D?"]);
    assert_eq!(
        reasons(&schedule)[..2],
        ["A: it depends on B, which comes in a later wave", "C: it depends on O, which is not done"]
    );
}

#[test]
fn next_is_the_first_wave_with_something_to_do() {
    let catalog =
        catalog([task("A").wave("1").done(), task("P").wave("2").person(), task("B").wave("3"), task("C").wave("4")]);
    let schedule = choose(&catalog, None, Asked::NextWave, false).unwrap();
    assert_eq!(shown(&schedule), ["3: B"]);
    assert_eq!(shown(&choose(&catalog, None, Asked::NextWave, true).unwrap()), ["1: A"]);
}

#[test]
fn one_wave_is_named_by_its_label() {
    let catalog = catalog([task("A").wave("1"), task("B").wave("2A").after(&["A"]), task("C").wave("2A")]);
    for name in ["2A", "2a", "wave-2a"] {
        let schedule = choose(&catalog, None, Asked::Wave(name.into()), false).unwrap();
        assert_eq!(shown(&schedule), ["2A: C B!"]);
    }
    let error = choose(&catalog, None, Asked::Wave("9".into()), false).unwrap_err();
    assert_eq!(error.to_string(), "feature F has no wave \"9\"; it has 1, 2A");
}

#[test]
fn single_tasks_run_from_any_feature_and_from_no_wave() {
    let catalog = catalog([task("A").wave("1"), task("B"), task("C").feature("G").after(&["A"]), task("D").dropped()]);
    let one = |id: &str| choose(&catalog, None, Asked::Tasks(vec![id.into()]), false);
    assert_eq!(shown(&one("B").unwrap()), ["none: B"]);
    assert_eq!(shown(&one("a").unwrap()), ["1: A"]);
    assert_eq!(shown(&one("C").unwrap()), ["1: C!"]);
    assert_eq!(reasons(&one("D").unwrap()), ["D: it was dropped (status backlog)"]);
    assert!(matches!(one("nobody").unwrap_err(), SelectError::UnknownTask { .. }));
    let both = choose(&catalog, None, Asked::Tasks(vec!["A".into(), "C".into()]), false).unwrap_err();
    assert_eq!(
        both.to_string(),
        "these tasks stand in different features; run them one feature after another: A (F), C (G)"
    );
}

#[test]
fn done_tasks_run_again_only_when_asked() {
    let catalog = catalog([task("A").done(), task("B").done().after(&["A"]), task("P").done().person()]);
    let error = choose(&catalog, None, Asked::Everything, false).unwrap_err();
    assert_eq!(error.to_string(), "feature F is done; --redo runs it again");
    let error = choose(&catalog, None, Asked::Tasks(vec!["A".into()]), false).unwrap_err();
    assert_eq!(error.to_string(), "A is done; --redo runs it again");
    assert_eq!(shown(&choose(&catalog, None, Asked::Everything, true).unwrap()), ["1: A P?", "2: B<A"]);
    assert_eq!(shown(&choose(&catalog, None, Asked::Tasks(vec!["B".into()]), true).unwrap()), ["2: B"]);
}

/// Backlog.md keeps one folder: what is done and what was opened again under the same id stand beside each other.
#[test]
fn of_files_that_share_an_id_the_open_one_runs() {
    let file = |name: &str| {
        let mut task = task("A").dialect(Dialect::BacklogMd);
        task.file = Path::new(&format!("backlog/tasks/{name}.md")).into();
        task
    };
    for settled in [file("a").wave("1").done(), file("a").wave("1").dropped()] {
        let catalog = catalog([settled, file("b").wave("2"), task("B").dialect(Dialect::BacklogMd).wave("1")]);
        for (asked, redo, expected) in [
            (Asked::Tasks(vec!["A".into()]), false, vec!["2: A"]),
            (Asked::Tasks(vec!["A".into()]), true, vec!["2: A"]),
            (Asked::Everything, true, vec!["1: B", "2: A"]),
        ] {
            let schedule = choose(&catalog, None, asked, redo).unwrap();
            assert_eq!(shown(&schedule), expected);
            let files = schedule.waves.iter().flat_map(|wave| &wave.tasks).map(|task| task.file.as_str());
            assert_eq!(files.filter(|file| file.starts_with("backlog/")).collect::<Vec<_>>(), ["backlog/tasks/b.md"]);
        }
    }
}

#[test]
fn features_are_found_by_id_title_or_last_part() {
    let mut folder = task("A");
    folder.feature = FeatureRef::Folder("milestones/v1/01-Setup".into());
    folder.feature_title = Some("Set everything up".into());
    let catalog = catalog([folder, task("B").feature("FEAT-1")]);
    for name in ["milestones/v1/01-Setup", "01-setup", "set everything up", "MILESTONES/v1/01-setup"] {
        let schedule = choose(&catalog, Some(name), Asked::Everything, false).unwrap();
        assert_eq!(schedule.feature, "milestones/v1/01-Setup", "{name}");
    }
    let error = choose(&catalog, Some("FEAT-2"), Asked::Everything, false).unwrap_err();
    assert_eq!(error.to_string(), "no feature \"FEAT-2\" here; did you mean FEAT-1?");
    let error = choose(&catalog, None, Asked::Everything, false).unwrap_err();
    assert!(matches!(error, SelectError::SeveralOpen(ids) if ids.len() == 2));
}

#[test]
fn the_whole_backlog_runs_only_when_named() {
    let mut backlog = task("BACK-1").dialect(Dialect::BacklogMd);
    backlog.feature = FeatureRef::WholeBacklog;
    let catalog = catalog([backlog]);
    assert_eq!(
        choose(&catalog, None, Asked::Everything, false).unwrap_err().to_string(),
        "nothing to run unless it is named: --feature backlog"
    );
    assert_eq!(shown(&choose(&catalog, Some("backlog"), Asked::Everything, false).unwrap()), ["1: BACK-1"]);
}

#[test]
fn a_feature_is_not_called_done_while_a_task_without_a_wave_is_open() {
    let catalog = catalog([task("A").wave("1").done(), task("B")]);
    for (feature, asked) in [(None, Asked::Everything), (Some("F"), Asked::Everything), (Some("F"), Asked::NextWave)] {
        let error = choose(&catalog, feature, asked, false).unwrap_err();
        assert_eq!(error.to_string(), "nothing to run unless it is named: --task B");
    }
    let error = choose(&catalog, None, Asked::Wave("1".into()), false).unwrap_err();
    assert_eq!(error.to_string(), "wave 1 of feature F is done; --redo runs it again");
}

#[test]
fn tasks_that_no_run_can_name_are_told_all_the_same() {
    let mut nameless = task("A");
    nameless.id = None;
    let duplicates = [task("D").in_folder("backlog", "d1"), task("D").in_folder("backlog", "d2")];
    let tasks = duplicates.into_iter().chain([nameless, task("B")]);
    assert_eq!(everything(tasks), ["1: B no-id.A! D!"]);
}
