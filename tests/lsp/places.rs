//! Runs whose folder is another one by now: workspaces that were moved or copied, state folders that change or are shared; and
//! a server that a task has started.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::harness::{BINARY, Editor, Workspace, able, eventually, kill_all_in};
use crate::{SCRIPTED, wait_for};

const CONFIG: &str = "run:\n  command: [sh, tools/agent.sh, \"{id}\"]\ngrace_seconds: 1\n";

/// Two tasks of one wave that wait for a file each, and one more feature's task that waits for nothing.
fn waiting() -> (Workspace, String) {
    let workspace = Workspace::with_agent(SCRIPTED);
    for id in ["TASK-A-001", "TASK-A-002"] {
        workspace.task(id, 1, "");
        workspace.write(&format!("tools/{id}.sh"), &wait_for(&format!("go-{id}")));
    }
    workspace.write(
        "tasks/backlog/other/TASK-O-001.md",
        "---\nid: TASK-O-001\nstatus: backlog\nfeature_id: FEAT-2\nwave: 1\n---\n",
    );
    (workspace, "tasks/backlog/feat/TASK-A-001.md".into())
}

fn call(workspace: &Workspace, arguments: &[&str]) -> Output {
    Command::new(BINARY).arg("-C").arg(workspace.root()).args(arguments).output().unwrap()
}

/// What a command says that has to succeed.
fn says(workspace: &Workspace, arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = call(workspace, arguments);
    let said = String::from_utf8_lossy(&stdout).into_owned();
    assert!(status.success(), "{arguments:?}: {said}{}", String::from_utf8_lossy(&stderr));
    said
}

/// Starts the wave of two from a terminal; answers with the run once its tasks are on.
fn start(workspace: &Workspace, state: &str) -> String {
    let run = says(workspace, &["run", "--feature", "FEAT-1", "--detach"]).trim().to_owned();
    eventually("both tasks are on", || told(&workspace.path(state), &run, "task-started") == 2);
    run
}

/// How many lines of a run's journal name this event.
fn told(state: &Path, run: &str, event: &str) -> usize {
    let journal = state.join("runs").join(run).join("journal.jsonl");
    std::fs::read_to_string(journal).unwrap_or_default().matches(&format!("\"{event}\"")).count()
}

/// The messages that announce or show a run as one in progress.
fn shown<'a>(heard: &'a [Value], run: &str) -> Vec<&'a Value> {
    let of_run = |message: &&Value| {
        let token = message["params"]["token"].as_str().unwrap_or_default();
        let (is_event, of_event) = (message["method"] == "featureBuild/event", &message["params"]["run"]);
        token.contains(run)
            || (is_event && of_event == run)
            || message["params"]["message"].to_string().contains("supervisor died")
    };
    heard.iter().filter(of_run).collect()
}

/// Runs the other feature's task in the editor, to its end: what the server wanted to say of older runs it has said by then.
fn run_another(editor: &mut Editor, workspace: &Workspace) {
    let target = workspace.target(json!({ "feature": "FEAT-2", "task": "TASK-O-001" }));
    let answer = editor.command("featureBuild/runTask", target);
    let run = answer["run"].as_str().unwrap_or_else(|| panic!("nothing was started: {answer}")).to_owned();
    editor.wait("the end of another run", |message| {
        message["params"]["token"].as_str().is_some_and(|token| token.contains(&run))
            && message["params"]["value"]["kind"] == "end"
    });
}

#[test]
fn a_run_that_was_moved_or_copied_unfinished_is_not_announced_and_ends_with_a_cancel() {
    for (is_copy, by_editor) in [(false, true), (false, false), (true, true), (true, false)] {
        let (mut workspace, file) = waiting();
        let run = start(&workspace, ".feature-build");
        kill_all_in(workspace.root());
        let _original = if is_copy {
            let copy = workspace.copy();
            Some(std::mem::replace(&mut workspace, copy))
        } else {
            workspace.move_away();
            None
        };
        workspace.trust();
        let mut editor = Editor::start(&[workspace.root()], able(), json!({ "events": true }));
        let uri = editor.open_file(&workspace, &file);
        let titles = editor.titles(&uri);
        assert!(titles.iter().all(|title| !title.contains('\u{23f3}') && !title.contains("Cancel")), "{titles:?}");
        run_another(&mut editor, &workspace);
        let heard = editor.heard();
        assert!(shown(&heard, &run).is_empty(), "{:#?}", shown(&heard, &run));
        let titles = editor.titles(&uri);
        assert!(titles.iter().all(|title| !title.contains('\u{23f3}') && !title.contains("Cancel")), "{titles:?}");
        assert_eq!(told(&workspace.path(".feature-build"), &run, "run-finished"), 0);
        if by_editor {
            let answer = editor.command("featureBuild/cancel", workspace.target(json!({ "run": run })));
            assert_eq!(answer["cancelled"], json!([run]), "{answer}");
        } else {
            assert!(says(&workspace, &["cancel", &run]).contains("ended run"));
        }
        assert_eq!(told(&workspace.path(".feature-build"), &run, "run-finished"), 1);
        let runs = editor.request("featureBuild/runs", json!({ "root": workspace.uri("") }));
        let of_run = |one: &&Value| one["run"] == run;
        assert_eq!(runs["runs"].as_array().unwrap().iter().find(of_run).unwrap()["state"], "finished", "{runs}");
        let again = editor.command("featureBuild/cancel", workspace.target(json!({ "run": run })));
        assert_eq!(again["cancelled"], json!([]), "it has ended: {again}");
        editor.quit();
    }
}

/// The folder of runs comes to a server that is there already.
#[test]
fn a_run_that_is_carried_into_a_workspace_is_not_announced() {
    let (workspace, _) = waiting();
    let run = start(&workspace, ".feature-build");
    kill_all_in(workspace.root());
    let (other, _) = waiting();
    let mut editor = Editor::start(&[other.root()], able(), json!({ "events": true }));
    run_another(&mut editor, &other);
    let to = other.path(".feature-build/runs");
    assert!(
        Command::new("cp")
            .arg("-r")
            .arg(workspace.path(".feature-build/runs").join(&run))
            .arg(&to)
            .status()
            .unwrap()
            .success()
    );
    let newer = says(&other, &["run", "--task", "TASK-O-001", "--redo"]);
    editor.wait("the end of the run that came after it", |message| {
        let token = message["params"]["token"].as_str().unwrap_or_default();
        message["params"]["value"]["kind"] == "end" && newer.contains(token.split('/').nth(1).unwrap_or("none"))
    });
    let heard = editor.heard();
    assert!(shown(&heard, &run).is_empty(), "{:#?}", shown(&heard, &run));
    editor.quit();
}

#[test]
fn a_run_is_followed_to_its_end_when_state_dir_changes_and_runs_of_the_new_one_are_seen() {
    let (workspace, file) = waiting();
    let mut editor = Editor::open(&workspace);
    let uri = editor.open_file(&workspace, &file);
    let run = start(&workspace, ".feature-build");
    editor.titles_until(&uri, |titles| titles[0] == "\u{23f3} 0/2 done");
    workspace.write("feature-build.yaml", &format!("{CONFIG}state_dir: elsewhere\n"));
    let change = json!({ "uri": workspace.uri("feature-build.yaml"), "type": 2 });
    editor.notify("workspace/didChangeWatchedFiles", json!({ "changes": [change] }));
    says(&workspace, &["run", "--task", "TASK-O-001", "--detach"]);
    let new = std::fs::read_dir(workspace.path("elsewhere/runs")).unwrap().next().unwrap().unwrap().file_name();
    let new = new.to_str().unwrap().to_owned();
    let of = |run: &str, message: &Value| message["params"]["token"].as_str().is_some_and(|token| token.contains(run));
    editor.wait("the end of the new run", |message| of(&new, message) && message["params"]["value"]["kind"] == "end");
    // The old one goes on, for this server and for one that comes now.
    assert_eq!(editor.titles(&uri)[0], "\u{23f3} 0/2 done");
    let mut later = Editor::open(&workspace);
    let later_uri = later.open_file(&workspace, &file);
    for (editor, uri) in [(&mut editor, &uri), (&mut later, &later_uri)] {
        editor.titles_until(uri, |titles| titles[0] == "\u{23f3} 0/2 done");
        let runs = editor.request("featureBuild/runs", json!({ "root": workspace.uri("") }));
        let of_old = runs["runs"].as_array().unwrap().iter().find(|one| one["run"] == run);
        assert_eq!(of_old.unwrap_or_else(|| panic!("{runs}"))["state"], "running");
        let refused = editor.command("featureBuild/runWave", workspace.target(json!({ "wave": "1" })));
        assert!(refused["reason"].as_str().unwrap().contains("already runs"), "{refused}");
    }
    workspace.write("go-TASK-A-001", "");
    for (editor, uri) in [(&mut editor, &uri), (&mut later, &later_uri)] {
        editor.titles_until(uri, |titles| titles[0] == "\u{23f3} 1/2 done");
    }
    let answer = editor.command("featureBuild/cancel", workspace.target(json!({ "run": run })));
    assert_eq!(answer["cancelled"], json!([run]), "{answer}");
    for editor in [&mut editor, &mut later] {
        let end = editor.wait("the end", |message| of(&run, message) && message["params"]["value"]["kind"] == "end");
        assert!(end["params"]["value"]["message"].as_str().unwrap().contains("1 cancelled"), "{end}");
    }
    editor.quit();
    later.quit();
}

/// What runs in the folder that a workspace had before is not started a second time.
#[test]
fn a_task_that_runs_is_not_started_again_from_another_state_folder() {
    let (workspace, _) = waiting();
    start(&workspace, ".feature-build");
    workspace.write("feature-build.yaml", &format!("{CONFIG}state_dir: elsewhere\n"));
    let run = says(&workspace, &["run", "--task", "TASK-A-001", "--detach"]).trim().to_owned();
    let elsewhere = workspace.path("elsewhere");
    eventually("something comes of it", || {
        ["task-started", "task-attached", "task-finished"].iter().any(|event| told(&elsewhere, &run, event) > 0)
    });
    assert_eq!(told(&elsewhere, &run, "task-started"), 0, "it runs twice");
    workspace.write("go-TASK-A-001", "");
    eventually("it takes over how it ended", || told(&elsewhere, &run, "run-finished") == 1);
    workspace.write("go-TASK-A-002", "");
}

#[test]
fn that_another_workspace_has_the_state_folder_is_told_once() {
    let shared = tempfile::tempdir().unwrap();
    let shared = shared.path().canonicalize().unwrap();
    let config = format!("{CONFIG}state_dir: {}\n", shared.display());
    let [(first, _), (second, _)] = [waiting(), waiting()];
    for workspace in [&first, &second] {
        workspace.write("feature-build.yaml", &config);
    }
    says(&first, &["run", "--task", "TASK-O-001"]);
    let mut said = Vec::new();
    for _ in 0..2 {
        let mut editor = Editor::open(&second);
        for _ in 0..2 {
            second.write(
                "tasks/backlog/other/TASK-O-001.md",
                "---\nid: TASK-O-001\nstatus: backlog\nfeature_id: FEAT-2\nwave: 1\n---\n",
            );
            let target = second.target(json!({ "feature": "FEAT-2", "task": "TASK-O-001" }));
            let answer = editor.command("featureBuild/runTask", target);
            if answer["run"].is_string() {
                editor.progress(|value| value["kind"] == "end");
            }
        }
        said.extend(editor.heard().into_iter().filter(|message| {
            message["method"] == "window/showMessage"
                && message["params"]["message"].as_str().unwrap().contains("state_dir")
        }));
        editor.quit();
    }
    let [only] = said.as_slice() else { panic!("{said:#?}") };
    let text = only["params"]["message"].as_str().unwrap();
    assert!(text.contains(&first.root().display().to_string()), "{text}");
}

#[test]
fn a_server_that_a_task_has_started_refuses_what_would_wait_for_that_task() {
    let (workspace, file) = waiting();
    let dump = "env -0 > environment.tmp; mv environment.tmp environment\n";
    workspace.write("tools/TASK-A-001.sh", &format!("{dump}{}", wait_for("go-TASK-A-001")));
    let run = start(&workspace, ".feature-build");
    eventually("the environment is written", || workspace.path("environment").exists());
    let environment = std::fs::read_to_string(workspace.path("environment")).unwrap();
    let variables = environment.split('\0').filter_map(|variable| variable.split_once('='));
    let of_task: Vec<(&str, &std::ffi::OsStr)> = variables
        .filter(|(name, _)| name.starts_with("FEATURE_BUILD_"))
        .map(|(name, value)| (name, value.as_ref()))
        .collect();
    let mut editor = Editor::spawn_with(&of_task).initialize(&[workspace.root()], able(), json!({}));
    editor.open_file(&workspace, &file);
    let wave = editor.command("featureBuild/runWave", workspace.target(json!({ "wave": "1" })));
    assert_eq!(wave["run"], Value::Null, "{wave}");
    // It may have heard of the run by then.
    let reason = wave["reason"].as_str().unwrap();
    assert!(reason.contains("already runs") || reason.contains("it would wait for itself"), "{reason}");
    let (other, _) = waiting();
    other.write(
        "tools/TASK-O-001.sh",
        &format!("{BINARY} -C '{}' run --task TASK-A-001 > out 2>&1\necho $? > code\n", workspace.root().display()),
    );
    let mut away = Editor::spawn_with(&of_task).initialize(&[other.root()], able(), json!({}));
    run_another(&mut away, &other);
    assert_eq!(std::fs::read_to_string(other.path("code")).unwrap().trim(), "2");
    let out = std::fs::read_to_string(other.path("out")).unwrap();
    assert!(
        out.contains(&format!("task TASK-A-001 of run {run}")) && out.contains("it would wait for itself"),
        "{out}"
    );
    away.quit();
    editor.quit();
}
