//! No file can be watched: other programs of the user have taken all that the system gives.

use std::process::{Command, Stdio};

use feature_build::run::{self, Outcome, RunState};
use serde_json::json;

use crate::chance::skipped;
use crate::harness::{Editor, Workspace, able, eventually};

/// Where a user namespace's own limit stands.
const LIMIT: &str = "/proc/sys/user/max_inotify_instances";
const INSIDE: &str = "FEATURE_BUILD_TEST_UNWATCHED";

/// Starts the test once more in a user namespace whose limit it may set; true: this is that one.
fn is_unwatched(name: &str) -> bool {
    let inside = is_limited(name, LIMIT, "0");
    assert!(!inside || notify::recommended_watcher(|_| {}).is_err(), "files can still be watched");
    inside
}

/// The same with another limit, which is set to this.
fn is_limited(name: &str, limit: &str, to: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        std::fs::write(limit, to).unwrap();
        return true;
    }
    let possible = Command::new("unshare").args(["-Ur", "test", "-w", limit]).stderr(Stdio::null()).status();
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
    editor.titles_until(&uri, |titles| titles[0] == "\u{23f3} 0/2 done, 1 cancelled");
    workspace.write("go-TASK-1", "");
    assert_eq!(log.wait_with_output().unwrap().stdout, b"begun\nend\n");
    assert_eq!(watch.wait_with_output().unwrap().status.code(), Some(130), "nothing failed");
    editor.titles_until(&uri, |titles| titles.iter().any(|title| title.contains("passed in")));
    let runs = run::runs(&workspace.path(".feature-build"));
    assert_eq!((runs.len(), runs[0].state), (1, RunState::Finished));
    assert_eq!((runs[0].summary[&Outcome::Passed], runs[0].summary[&Outcome::Cancelled]), (1, 1));
    editor.quit();
}

/// An editor that watches no files, so that the server has to.
fn editor_that_does_not_watch(workspace: &Workspace) -> Editor {
    let mut able = able();
    able["workspace"].as_object_mut().unwrap().remove("didChangeWatchedFiles");
    Editor::start(&[workspace.root()], able, json!({}))
}

/// How many watches the process has.
fn watches(pid: u32) -> usize {
    let files = std::fs::read_dir(format!("/proc/{pid}/fdinfo")).unwrap().flatten();
    let about = files.filter_map(|file| std::fs::read_to_string(file.path()).ok());
    about.map(|about| about.lines().filter(|line| line.starts_with("inotify wd:")).count()).sum()
}

/// How often the user was told something with these words.
fn told(editor: &mut Editor, method: &str, words: &str) -> usize {
    let of_words = |message: &serde_json::Value| {
        message["method"] == method && message["params"]["message"].as_str().is_some_and(|text| text.contains(words))
    };
    editor.heard().iter().filter(|message| of_words(message)).count()
}

fn shows(editor: &mut Editor, uri: &str, words: &str) {
    editor.titles_until(uri, |titles| titles.iter().any(|title| title.contains(words)));
}

#[test]
fn without_a_watch_left_the_user_is_told_once_and_files_are_looked_at() {
    if !is_unwatched("unwatched::without_a_watch_left_the_user_is_told_once_and_files_are_looked_at") {
        return;
    }
    let workspace = Workspace::with_agent("");
    let file = workspace.task("TASK-1", 1, "");
    let mut editor = editor_that_does_not_watch(&workspace);
    let uri = editor.open_file(&workspace, &file);
    shows(&mut editor, &uri, "(1 task)");
    let warned = |message: &serde_json::Value| {
        let text = message["params"]["message"].as_str().unwrap_or_default();
        message["method"] == "window/showMessage" && text.contains("looked at") && text.contains("max_user_watches")
    };
    editor.wait("a warning", warned);
    workspace.task("TASK-2", 1, "");
    shows(&mut editor, &uri, "(2 tasks)");
    std::fs::remove_file(workspace.path("tasks/backlog/feat/TASK-2.md")).unwrap();
    shows(&mut editor, &uri, "(1 task)");
    workspace.write("tasks/other/feat/deep/TASK-3.md", &crate::harness::task_text("TASK-3", 1, ""));
    shows(&mut editor, &uri, "(2 tasks)");
    assert_eq!(told(&mut editor, "window/showMessage", "looked at"), 0, "it was told once");
    editor.quit();
}

/// The first watches are there; those for folders that come later are not.
#[test]
fn where_watches_run_out_the_user_is_told_and_files_are_looked_at() {
    let name = "unwatched::where_watches_run_out_the_user_is_told_and_files_are_looked_at";
    if !is_limited(name, "/proc/sys/user/max_inotify_watches", "12") {
        return;
    }
    let workspace = Workspace::with_agent("");
    let file = workspace.task("TASK-1", 1, "");
    let mut editor = editor_that_does_not_watch(&workspace);
    let uri = editor.open_file(&workspace, &file);
    shows(&mut editor, &uri, "(1 task)");
    eventually("the server watches", || watches(editor.pid()) >= 4);
    for number in 0..20 {
        std::fs::create_dir_all(workspace.path(&format!("tasks/more/{number}"))).unwrap();
    }
    let warned = |message: &serde_json::Value| {
        let text = message["params"]["message"].as_str().unwrap_or_default();
        message["method"] == "window/showMessage" && text.contains("looked at")
    };
    editor.wait("a warning", warned);
    workspace.write("tasks/more/19/TASK-2.md", &crate::harness::task_text("TASK-2", 1, ""));
    shows(&mut editor, &uri, "(2 tasks)");
    editor.quit();
}

/// The server is stopped while more happens than the system keeps for it.
#[test]
fn after_more_changes_than_can_be_told_all_is_read_again_and_watched_again() {
    let Ok(limit) = std::fs::read_to_string("/proc/sys/fs/inotify/max_queued_events") else {
        return skipped("nothing is told of inotify here");
    };
    let limit: usize = limit.trim().parse().unwrap();
    if limit > 100_000 {
        return skipped("the queue of inotify is too long here");
    }
    let workspace = Workspace::with_agent("");
    let file = workspace.task("TASK-1", 1, "");
    let mut editor = editor_that_does_not_watch(&workspace);
    let uri = editor.open_file(&workspace, &file);
    shows(&mut editor, &uri, "(1 task)");
    eventually("the server watches", || watches(editor.pid()) >= 4);
    let pid = rustix::process::Pid::from_raw(i32::try_from(editor.pid()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    let folder = workspace.path("tasks/backlog/feat");
    let (one, other) = (folder.join("one.txt"), folder.join("other.txt"));
    for path in [&one, &other] {
        std::fs::write(path, "").unwrap();
    }
    // Equal events in a row are one.
    for _ in 0..limit {
        std::fs::File::open(&one).unwrap();
        std::fs::File::open(&other).unwrap();
    }
    workspace.write("tasks/late/feat/TASK-2.md", &crate::harness::task_text("TASK-2", 1, ""));
    rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
    shows(&mut editor, &uri, "(2 tasks)");
    let logged = |message: &serde_json::Value| {
        let text = message["params"]["message"].as_str().unwrap_or_default();
        message["method"] == "window/logMessage" && text.contains("read anew")
    };
    editor.wait("a line in the log", logged);
    eventually("the folder that came meanwhile is watched", || watches(editor.pid()) >= 6);
    workspace.write("tasks/late/feat/TASK-3.md", &crate::harness::task_text("TASK-3", 1, ""));
    shows(&mut editor, &uri, "(3 tasks)");
    editor.quit();
}

/// A link to the whole disk costs no watch, and takes none away.
#[test]
fn no_watch_follows_a_link() {
    let workspace = Workspace::with_agent("");
    let file = workspace.task("TASK-1", 1, "");
    let out = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(out.path().join("deep/deeper")).unwrap();
    for (link, to) in [("tasks/usr", "/usr"), ("tasks/all", "/"), ("backlog", out.path().to_str().unwrap())] {
        std::os::unix::fs::symlink(to, workspace.path(link)).unwrap();
    }
    let mut editor = editor_that_does_not_watch(&workspace);
    let uri = editor.open_file(&workspace, &file);
    shows(&mut editor, &uri, "(1 task)");
    eventually("the server watches", || watches(editor.pid()) >= 4);
    workspace.task("TASK-2", 1, "");
    shows(&mut editor, &uri, "(2 tasks)");
    // The root, `tasks`, `backlog` and `feat` in it; and the folders that the state will lie in.
    let count = watches(editor.pid());
    assert!(count <= 7, "{count} watches");
    editor.quit();
}
