//! No file can be watched: other programs of the user have taken all that the system gives.

use std::process::{Command, Stdio};

use feature_build::run::{self, Outcome, RunState};
use serde_json::json;

use crate::chance::skipped;
use crate::harness::{Editor, Workspace, eventually};

/// Where a user namespace's own limit stands.
const LIMIT: &str = "/proc/sys/user/max_inotify_instances";
const INSIDE: &str = "FEATURE_BUILD_TEST_UNWATCHED";

/// Starts the test once more in a user namespace whose limit it may set; true: this is that one.
fn is_unwatched(name: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        std::fs::write(LIMIT, "0").unwrap();
        assert!(notify::recommended_watcher(|_| {}).is_err(), "files can still be watched");
        return true;
    }
    let possible = Command::new("unshare").args(["-Ur", "test", "-w", LIMIT]).stderr(Stdio::null()).status();
    if !possible.is_ok_and(|status| status.success()) {
        skipped("there are no user namespaces here");
        return false;
    }
    let mut inside = Command::new("unshare");
    inside.arg("-Ur").arg(std::env::current_exe().unwrap()).args([name, "--exact", "--nocapture"]).env(INSIDE, "1");
    assert!(inside.status().unwrap().success(), "{name} failed in a user namespace");
    false
}

/// Runs, their output and what is asked of them are looked for every now and then, by terminals, servers and supervisors.
#[test]
fn without_a_watcher_left_all_is_heard_by_looking() {
    if !is_unwatched("unwatched::without_a_watcher_left_all_is_heard_by_looking") {
        return;
    }
    let workspace = Workspace::new();
    workspace.write("feature-build.yaml", "run:\n  command: [sh, tools/agent.sh, \"{id}\"]\n");
    workspace.write("tools/agent.sh", "echo begun; touch on-$1; until [ -e go-$1 ]; do sleep 0.01; done; echo end\n");
    let file = workspace.task("TASK-1", 1, "");
    workspace.task("TASK-2", 1, "");
    let mut editor = Editor::open(&workspace);
    let uri = editor.open_file(&workspace, &file);
    let call = |arguments: &[&str]| {
        let mut command = Command::new(crate::harness::BINARY);
        command.arg("-C").arg(workspace.root()).args(arguments).stdout(Stdio::piped()).stderr(Stdio::null());
        command.spawn().unwrap()
    };
    assert!(call(&["run", "--detach"]).wait().unwrap().success());
    editor.titles_until(&uri, |titles| titles.contains(&"\u{23f3} running".to_string()));
    eventually("both run", || workspace.path("on-TASK-1").exists() && workspace.path("on-TASK-2").exists());
    let log = call(&["log", "TASK-1", "--follow"]);
    let watch = call(&["watch"]);
    editor.command("featureBuild/cancel", workspace.target(json!({ "task": "TASK-2" })));
    editor.titles_until(&uri, |titles| titles[0] == "\u{23f3} 1/2 done");
    workspace.write("go-TASK-1", "");
    assert_eq!(log.wait_with_output().unwrap().stdout, b"begun\nend\n");
    assert_eq!(watch.wait_with_output().unwrap().status.code(), Some(1));
    editor.titles_until(&uri, |titles| titles.iter().any(|title| title.contains("passed in")));
    let runs = run::runs(&workspace.path(".feature-build"));
    assert_eq!((runs.len(), runs[0].state), (1, RunState::Finished));
    assert_eq!((runs[0].summary[&Outcome::Passed], runs[0].summary[&Outcome::Cancelled]), (1, 1));
    editor.quit();
}
