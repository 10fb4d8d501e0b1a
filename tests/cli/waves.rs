//! `feature-build waves`.

use std::io::Read as _;
use std::process::Stdio;

use serde_json::json;

use crate::workspace::{Workspace, assert_fits, task};

#[test]
fn people_see_features_waves_and_states() {
    let printed = Workspace::with_everything().run(&["waves", "--all"]);
    assert_eq!((printed.code, printed.err.as_str()), (0, ""));
    insta::assert_snapshot!("text", printed.out);
}

/// Of a repository with hundreds of features the first screen says what can be done.
#[test]
fn what_is_open_is_shown_first_and_no_more_than_can_be_read() {
    let workspace = Workspace::new(&[]);
    let write = |folder: &str, id: &str, more: &str| {
        workspace.write(&format!("tasks/{folder}/{id}.md"), &format!("---\nid: {id}\n{more}\n---\n"));
    };
    for number in 1..=25 {
        write("backlog/large", &format!("BIG-{number}"), "status: backlog\nwave: 1");
    }
    write("completed/large", "BIG-0", "status: completed\nwave: 1");
    write("backlog/large", "BIG-90", "status: cancelled\nwave: 1");
    write("completed/over", "OVER-1", "status: completed\nwave: 1");
    for number in 1..=2 {
        write("backlog", &format!("ONE-{number}"), "status: backlog");
    }
    write("backlog", "HERS-1", "status: in_progress");
    let printed = workspace.run(&["waves"]);
    assert_eq!((printed.code, printed.err.as_str()), (0, ""));
    insta::assert_snapshot!("open", printed.out);
    let all = workspace.run(&["waves", "--all"]).out;
    for id in ["OVER-1", "BIG-0", "BIG-90", "BIG-25", "HERS-1"] {
        assert!(all.contains(id), "{id}: {all}");
    }
    assert!(!all.contains("more") && !all.contains("--all"), "{all}");
    // What is named is shown whole.
    assert!(workspace.run(&["waves", "--feature", "large"]).out.contains("BIG-25"));
    // Machines get everything.
    let tasks = workspace.json(&["waves", "--format", "json"]).to_string();
    assert!(tasks.contains("OVER-1") && tasks.contains("BIG-25"));
}

#[test]
fn machines_get_what_the_schema_says() {
    let workspace = Workspace::with_everything();
    let waves = workspace.json(&["waves", "--format", "json"]);
    assert_fits(&workspace, "waves", &waves);
    let feature = &waves["features"][0];
    assert_eq!((&feature["id"], &feature["dialect"]), (&json!("FEAT-1"), &json!("guardkit")));
    let labels: Vec<_> = feature["waves"].as_array().unwrap().iter().map(|wave| wave["wave"].clone()).collect();
    assert_eq!(labels, [json!("1"), json!("2"), json!("10"), json!(null)]);
    assert_eq!(
        feature["waves"][1]["tasks"][0],
        json!({
            "id": "TASK-003",
            "title": "Title of TASK-003",
            "file": "tasks/backlog/f/TASK-003.md",
            "status": "backlog",
            "state": "waiting",
            "reason": "waits for TASK-002",
            "done_by": null,
            "last_outcome": null,
            "last_run": null,
            "estimate_ms": null,
            "scope": null,
            "archived": false,
            "depends_on": ["TASK-002", "TASK-001"],
        })
    );
}

#[test]
fn one_feature_can_be_named() {
    let workspace = Workspace::with_everything();
    workspace.write("tasks/backlog/TASK-100.md", "---\nid: TASK-100\nstatus: backlog\n---\n");
    let ids = |arguments: &[&str]| -> Vec<String> {
        let waves = workspace.json(arguments);
        waves["features"].as_array().unwrap().iter().map(|feature| feature["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&["waves", "--format", "json"]), ["FEAT-1", "TASK-100"]);
    assert_eq!(ids(&["waves", "--format", "json", "--feature", "feat-1"]), ["FEAT-1"]);
    let printed = workspace.run(&["waves", "--feature", "FEAT-2"]);
    assert_eq!(printed.code, 2);
    assert!(printed.err.contains("no feature \"FEAT-2\" here; did you mean FEAT-1?"), "{}", printed.err);
}

#[test]
fn another_workspace_can_be_meant() {
    let (here, there) = (Workspace::new(&[]), Workspace::with_everything());
    let folder = there.path().join("tasks/backlog");
    let waves = here.json(&["-C", folder.to_str().unwrap(), "waves", "--format", "json"]);
    assert_eq!(waves["features"][0]["id"], "FEAT-1");
}

#[test]
fn a_workspace_without_tasks_is_told() {
    let workspace = Workspace::new(&[("README.md", "---\nid: no-task\n---\n")]);
    let printed = workspace.run(&["waves"]);
    assert!(printed.err.contains("no task files in"), "{}", printed.err);
    assert_eq!(printed.code, 2);
    assert_eq!(workspace.json(&["waves", "--format", "json"]), json!({ "features": [] }));
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    let workspace = Workspace::new(&[]);
    // More than a pipe holds, so that the command is still writing when its reader leaves.
    for number in 0..1500 {
        let keys = format!("wave: {}\nstatus: backlog", number % 7);
        workspace.write(&format!("tasks/backlog/f/T{number}.md"), &task(&format!("TASK-{number}"), &keys));
    }
    for arguments in [&["waves"][..], &["waves", "--format", "json"], &["completions", "bash"], &["schema", "event"]] {
        let mut child = workspace.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first = [0; 1];
        child.stdout.take().unwrap().read_exact(&mut first).unwrap();
        let mut errors = String::new();
        child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{arguments:?}");
        assert_eq!(errors, "", "{arguments:?}");
    }
}

#[test]
fn nothing_from_a_file_can_move_the_cursor() {
    let text = "---\nid: TASK-1\ntitle: \"red \\e[31m and \\a bell\"\nstatus: backlog\nwave: 1\n---\n";
    let workspace = Workspace::new(&[("tasks/backlog/f/TASK-1.md", text)]);
    for arguments in [&["waves"][..], &["check"]] {
        let printed = workspace.run(arguments);
        assert!(!printed.out.contains(['\u{1b}', '\u{7}']), "{:?}", printed.out);
    }
    assert!(workspace.run(&["waves"]).out.contains("red "));
}

#[test]
fn a_mistyped_folder_is_no_workspace() {
    let workspace = Workspace::with_everything();
    let printed = workspace.run(&["-C", "no-such-folder", "waves"]);
    assert_eq!((printed.code, printed.out.as_str()), (2, ""));
    assert_eq!(printed.err, "feature-build: there is no folder no-such-folder\n");
}

#[test]
fn a_word_without_its_option_is_answered_with_the_option() {
    let workspace = Workspace::with_everything();
    let tip = |arguments: &[&str]| -> String {
        let printed = workspace.run(arguments);
        assert_eq!((printed.code, printed.out.as_str()), (2, ""), "{arguments:?}");
        let tip = printed.err.lines().find_map(|line| line.trim().strip_prefix("tip: "));
        tip.unwrap_or_else(|| panic!("{arguments:?}: {}", printed.err)).to_owned()
    };
    assert_eq!(tip(&["run", "TASK-002"]), "'TASK-002' is a task: '--task TASK-002'");
    assert_eq!(tip(&["run", "task-002"]), "'task-002' is a task: '--task TASK-002'");
    assert_eq!(
        tip(&["run", "tasks/backlog/f/TASK-002.md"]),
        "'tasks/backlog/f/TASK-002.md' is a task: '--task TASK-002'"
    );
    assert_eq!(tip(&["run", "feat-1", "TASK-002"]), "'feat-1' is a feature: '--feature FEAT-1'");
    assert_eq!(tip(&["run", "10"]), "'10' is a wave: '--wave 10'");
    assert_eq!(tip(&["run", "TASK-0022"]), "a similar task exists: '--task TASK-002'");
    assert_eq!(tip(&["waves", "FEAT-1"]), "'FEAT-1' is a feature: '--feature FEAT-1'");
    assert_eq!(tip(&["run", "wave", "2"]), "'wave' is an option: '--wave 2'");
    assert_eq!(tip(&["run", "next"]), "'next' is an option: '--next'");
    assert_eq!(tip(&["run", "--dry-run"]), "`feature-build waves` shows what would run, and starts nothing");
    assert_eq!(tip(&["run", "--maxparallel", "2"]), "a similar argument exists: '--max-parallel'");
    let nothing = workspace.run(&["run", "something-else"]);
    assert!(nothing.code == 2 && !nothing.err.contains("tip:"), "{}", nothing.err);

    let error = |arguments: &[&str]| workspace.run(arguments).err;
    let meant = |arguments: &[&str], meant: &str| {
        let error = error(arguments);
        assert!(error.ends_with(&format!("; did you mean {meant}?\n")), "{arguments:?}: {error}");
    };
    meant(&["run", "--feature", "FEAT"], "FEAT-1");
    meant(&["run", "--feature", "TASK-002"], "--task TASK-002");
    meant(&["run", "--task", "FEAT-1"], "--feature FEAT-1");
    meant(&["run", "--task", "002"], "TASK-002");
    assert!(error(&["run", "--wave", "3"]).contains("has no wave \"3\"; it has 1, 2, 10"));
}

#[test]
fn the_nearest_feature_is_the_one_that_has_the_word_in_its_name() {
    let workspace = Workspace::new(&[
        ("tasks/backlog/T-1.md", "---\nid: T-1\nwave: 1\nfeature_id: FEAT-CART\n---\n"),
        ("tasks/backlog/T-2.md", "---\nid: T-2\nwave: 1\nfeature_id: FEAT-MAIL\n---\n"),
    ]);
    for command in ["run", "waves"] {
        let printed = workspace.run(&[command, "--feature", "CART"]);
        assert_eq!(printed.code, 2);
        assert_eq!(printed.err, "feature-build: no feature \"CART\" here; did you mean FEAT-CART?\n");
    }
}

/// What only a configuration names that cannot be read is missing, and one page of a long feature may hide what failed: both
/// are said.
#[test]
fn what_waves_leaves_out_is_said() {
    let workspace = Workspace::new(&[
        ("feature-build.yaml", "own: {files: [\"work/*.md\"]}\nmax_paralel: 3\n"),
        ("work/W-1.md", "---\nid: W-1\n---\n"),
        ("tasks/backlog/f/TASK-1.md", &task("TASK-1", "wave: 1\nstatus: backlog")),
    ]);
    let printed = workspace.run(&["waves"]);
    assert!(printed.out.contains("TASK-1") && !printed.out.contains("W-1"), "{}", printed.out);
    assert!(printed.err.contains("did you mean `max_parallel`?; nothing of it counts"), "{}", printed.err);

    let workspace = Workspace::new(&[("feature-build.yaml", "run: {command: [sh, -c, 'exit 3']}\n")]);
    for number in 10..50 {
        workspace.write(
            &format!("tasks/backlog/f/TASK-{number}.md"),
            &task(&format!("TASK-{number}"), "wave: 1\nstatus: backlog"),
        );
    }
    assert_eq!(workspace.run(&["run", "--trust", "--task", "TASK-45", "--task", "TASK-46"]).code, 1);
    let printed = workspace.run(&["waves"]);
    assert!(printed.out.contains("failed: TASK-45, TASK-46") && printed.out.contains("… 20 more"), "{}", printed.out);
}

/// What was halted or dropped is over and not done.
#[test]
fn what_was_halted_or_dropped_is_not_called_done() {
    let workspace = Workspace::new(&[
        (".planning/phases/01-a/01-01-PLAN.md", "---\nphase: 01-a\nplan: 01\n---\n<objective>\nDo it.\n</objective>\n"),
        (".planning/phases/01-a/01-01-SUMMARY.md", "---\nstatus: halted\n---\n# Stopped\n"),
        ("tasks/backlog/f/TASK-1.md", &task("TASK-1", "wave: 1\nstatus: cancelled")),
        ("feature-build.yaml", "run: {command: [\"true\"]}\n"),
    ]);
    let waves = workspace.run(&["waves"]);
    assert!(waves.out.contains("01-01") && waves.out.contains("halted"), "{}", waves.out);
    for (feature, how) in [("01-a", "1 halted"), ("FEAT-1", "1 dropped")] {
        let refused = workspace.run(&["run", "--trust", "--feature", feature]);
        assert_eq!(refused.code, 2, "{}", refused.err);
        assert!(refused.err.contains("is left to run: ") && refused.err.contains(how), "{}", refused.err);
    }
}
