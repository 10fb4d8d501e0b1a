//! `feature-build check`.

use serde_json::{Value, json};

use crate::workspace::{Workspace, assert_fits, task};

fn with_problems() -> Workspace {
    let workspace = Workspace::with_everything();
    // Two characters outside the basic plane stand before the reference: each is two UTF-16 units, and four bytes.
    workspace.write(
        "tasks/backlog/f/TASK-007.md",
        &task("TASK-007", "wave: 1\nstatus: backlog\ndependencies: [\"😀😀\", TASK-002]"),
    );
    workspace
        .write("tasks/backlog/f/TASK-008.md", &task("TASK-008", "wave: 2\nstatus: backlog\nblocked_by: [TASK-009]"));
    workspace
        .write("tasks/backlog/f/TASK-009.md", &task("TASK-009", "wave: 2\nstatus: backlog\nblocked_by: [TASK-008]"));
    workspace.write("tasks/completed/f/TASK-011.md", &task("TASK-011", "wave: 1\ndependencies: [gone]"));
    workspace
}

#[test]
fn people_see_each_problem_with_its_place() {
    let printed = with_problems().run(&["check"]);
    assert_eq!((printed.code, printed.err.as_str()), (1, ""));
    insta::assert_snapshot!("text", printed.out);
}

#[test]
fn machines_get_what_the_schema_says() {
    let workspace = with_problems();
    let check = workspace.json(&["check", "--format", "json"]);
    assert_fits(&workspace, "check", &check);
    let of = |file: &str| -> Vec<&Value> {
        check["problems"].as_array().unwrap().iter().filter(|problem| problem["file"] == file).collect()
    };
    let (emoji, same_wave) = (of("tasks/backlog/f/TASK-007.md")[0], of("tasks/backlog/f/TASK-007.md")[1]);
    assert_eq!((&emoji["code"], &emoji["severity"]), (&json!("unknown-dependency"), &json!("error")));
    assert_eq!(same_wave["code"], "dependency-not-earlier");
    assert_eq!(
        same_wave["range"],
        json!({ "start": { "line": 6, "character": 23 }, "end": { "line": 6, "character": 31 } })
    );
    assert_eq!(same_wave["related"][0]["file"], "tasks/backlog/f/TASK-002.md");
    assert_eq!(same_wave["related"][0]["range"]["start"], json!({ "line": 4, "character": 6 }));
    assert_eq!(of("tasks/completed/f/TASK-011.md")[0]["severity"], "information");
}

#[test]
fn github_gets_annotations() {
    let printed = with_problems().run(&["check", "--format", "github", "tasks/backlog/f/TASK-010.md"]);
    assert_eq!(printed.code, 1);
    insta::assert_snapshot!("github", printed.out);
}

#[test]
fn only_errors_fail() {
    let clean = Workspace::new(&[("tasks/backlog/f/TASK-1.md", &task("TASK-1", "wave: 1\nstatus: backlog"))]);
    let printed = clean.run(&["check"]);
    assert_eq!((printed.code, printed.out.as_str()), (0, "no problems\n"));
    clean.write("tasks/backlog/f/TASK-2.md", &task("TASK-2", "wave: 1\nstatus: backlog\ndependencies: [TASK-1]"));
    let printed = clean.run(&["check"]);
    assert!(printed.out.contains("warning[dependency-not-earlier]"), "{}", printed.out);
    assert_eq!(printed.code, 0);
    clean.write("tasks/backlog/f/TASK-3.md", &task("TASK-3", "wave: 2\nstatus: backlog\ndependencies: [gone]"));
    assert_eq!(clean.run(&["check"]).code, 1);
}

#[test]
fn paths_restrict_the_report_and_the_exit_code() {
    let workspace = with_problems();
    let printed = workspace.run(&["check", "tasks/completed"]);
    assert_eq!(printed.code, 0);
    assert!(printed.out.ends_with("1 for information in 1 file\n"), "{}", printed.out);
    let printed = workspace.run(&["check", "nowhere"]);
    assert_eq!(printed.code, 2);
    assert!(printed.err.contains("looking for nowhere"), "{}", printed.err);
    let printed = workspace.run(&["check", "/"]);
    assert_eq!(printed.code, 2);
    assert!(printed.err.contains("lies outside of the workspace"), "{}", printed.err);
}

#[test]
fn a_broken_configuration_is_a_problem() {
    let workspace = Workspace::new(&[("feature-build.yaml", "task_comands: true\n")]);
    let check = workspace.json(&["check", "--format", "json"]);
    assert_eq!(check["problems"][0]["code"], "invalid-configuration");
    assert_eq!(workspace.run(&["check"]).code, 1);
}
