//! Beginning and end of a server, what it announces, folders and roots.

use serde_json::{Value, json};

use crate::SCRIPTED;
use crate::harness::{Editor, Workspace, able, uri};

#[test]
fn all_commands_are_announced_and_the_encoding_is_negotiated() {
    let workspace = Workspace::new();
    for (offered, chosen) in [
        (json!(["utf-8", "utf-16"]), "utf-8"),
        (json!(["utf-32", "utf-8"]), "utf-32"),
        (json!(["utf-16"]), "utf-16"),
        (json!(["utf-7"]), "utf-16"),
        (Value::Null, "utf-16"),
    ] {
        let mut abilities = able();
        abilities["general"] = json!({ "positionEncodings": offered });
        let editor = Editor::start(&[workspace.root()], abilities, json!({}));
        assert_eq!(editor.capabilities["positionEncoding"], chosen, "{offered}");
        editor.quit();
    }
    let editor = Editor::open(&workspace);
    let commands = ["runWave", "runTask", "runFeature", "rerunFailed", "cancel", "openLog", "init"];
    let commands = commands.map(|command| format!("featureBuild/{command}"));
    assert_eq!(editor.capabilities["executeCommandProvider"]["commands"], json!(commands));
    assert_eq!(editor.capabilities["codeLensProvider"]["resolveProvider"], false);
    assert_eq!(editor.capabilities["textDocumentSync"]["change"], 2, "incremental");
    editor.quit();
}

#[test]
fn exit_without_shutdown_is_exit_code_1() {
    let mut editor = Editor::open(&Workspace::new());
    editor.notify("exit", Value::Null);
    assert_eq!(editor.end().code(), Some(1));
}

#[test]
fn the_end_of_input_ends_the_server() {
    let mut editor = Editor::open(&Workspace::new());
    editor.hang_up();
    editor.end();
}

#[test]
fn the_end_of_input_ends_the_server_before_initialize_and_after_shutdown() {
    let mut editor = Editor::spawn();
    editor.hang_up();
    editor.end();
    let mut editor = Editor::open(&Workspace::new());
    editor.request("shutdown", Value::Null);
    editor.hang_up();
    assert_eq!(editor.end().code(), Some(0));
}

#[test]
fn a_client_that_can_nothing_is_served() {
    let workspace = Workspace::with_agent(SCRIPTED);
    let file = workspace.task("TASK-A-001", 1, "");
    let mut editor = Editor::start(&[workspace.root()], json!({}), Value::Null);
    let uri = editor.open_file(&workspace, &file);
    assert_eq!(editor.titles(&uri), ["\u{25b6} Run wave 1 (1 task)", "\u{25b6} Run task"]);
    let asked: Vec<Value> = editor.heard().into_iter().filter(|message| message.get("id").is_some()).collect();
    assert!(asked.is_empty(), "nothing is asked of a client that can nothing: {asked:?}");
    editor.quit();
}

#[test]
fn a_folder_may_hold_several_roots_and_folders_come_and_go() {
    let one = Workspace::with_agent(SCRIPTED);
    one.write("sub a/feature-build.yaml", "run:\n  command: [\"true\"]\n");
    one.write("sub a/tasks/backlog/f/TASK-S-001.md", &crate::harness::task_text("TASK-S-001", 1, ""));
    let file = one.task("TASK-A-001", 1, "depends_on: [TASK-NONE]\n");
    let other = Workspace::with_agent(SCRIPTED);
    let broken = other.task("TASK-B-001", 1, "depends_on: [TASK-NONE]\n");
    let mut editor = Editor::open(&one);

    let in_sub = editor.open_file(&one, "sub a/tasks/backlog/f/TASK-S-001.md");
    let lens = editor.lenses(&in_sub)[0].clone();
    assert_eq!(lens["command"]["arguments"][0]["root"], uri(&one.path("sub a")));
    editor.diagnostics(&one.uri(&file), |all| all.len() == 1);

    let folder = json!({ "uri": uri(other.root()), "name": "other" });
    editor.notify("workspace/didChangeWorkspaceFolders", json!({ "event": { "added": [folder], "removed": [] } }));
    editor.diagnostics(&other.uri(&broken), |all| all.len() == 1);
    let folder = json!({ "uri": uri(other.root()), "name": "other" });
    editor.notify("workspace/didChangeWorkspaceFolders", json!({ "event": { "added": [], "removed": [folder] } }));
    editor.diagnostics(&other.uri(&broken), <[Value]>::is_empty);
    editor.quit();
}

#[test]
fn a_workspace_behind_a_link_keeps_the_name_that_the_editor_has() {
    let workspace = Workspace::with_agent(SCRIPTED);
    let file = workspace.task("TASK-A-001", 1, "depends_on: [TASK-NONE]\n");
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().canonicalize().unwrap().join("link");
    std::os::unix::fs::symlink(workspace.root(), &link).unwrap();
    let mut editor = Editor::start(&[&link], able(), json!({}));
    editor.diagnostics(&uri(&link.join(&file)), |all| all.len() == 1);
    let good = workspace.task("TASK-A-002", 1, "");
    editor.open_text(&uri(&link.join(&good)), &std::fs::read_to_string(workspace.path(&good)).unwrap());
    let lens = editor.lenses(&uri(&link.join(&good)));
    assert_eq!(lens.last().unwrap()["command"]["arguments"][0]["root"], uri(&link));
    editor.quit();
}

#[test]
fn files_are_watched_by_the_editor_where_it_can() {
    let workspace = Workspace::with_agent(SCRIPTED);
    let file = workspace.task("TASK-A-001", 1, "");
    let mut editor = Editor::open(&workspace);
    let registered = editor.next("client/registerCapability");
    assert_eq!(registered["registrations"][0]["method"], "workspace/didChangeWatchedFiles");
    let uri = editor.open_file(&workspace, &file);
    assert_eq!(editor.titles(&uri)[0], "\u{25b6} Run wave 1 (1 task)");
    let other = workspace.task("TASK-A-002", 1, "");
    let change = json!({ "uri": workspace.uri(&other), "type": 1 });
    editor.notify("workspace/didChangeWatchedFiles", json!({ "changes": [change] }));
    assert_eq!(editor.titles(&uri)[0], "\u{25b6} Run wave 1 (2 tasks)", "the next request already has it");
    std::fs::remove_dir_all(workspace.path("tasks/backlog/feat")).unwrap();
    let change = json!({ "uri": workspace.uri("tasks/backlog/feat"), "type": 3 });
    editor.notify("workspace/didChangeWatchedFiles", json!({ "changes": [change] }));
    editor.titles_until(&uri, |titles| titles.first().is_some_and(|first| first.ends_with("(1 task)")));
    editor.quit();
}

#[test]
fn files_are_watched_by_the_server_where_the_editor_cannot() {
    let workspace = Workspace::with_agent(SCRIPTED);
    let file = workspace.task("TASK-A-001", 1, "");
    let mut abilities = able();
    abilities["workspace"]["didChangeWatchedFiles"] = Value::Null;
    let mut editor = Editor::start(&[workspace.root()], abilities, json!({}));
    let uri = editor.open_file(&workspace, &file);
    assert_eq!(editor.titles(&uri)[0], "\u{25b6} Run wave 1 (1 task)");
    // The watch is set up behind the first answers: what came before it is noticed, too.
    for number in 2..5 {
        workspace.task(&format!("TASK-A-{number:03}"), 1, "");
        let expected = format!("\u{25b6} Run wave 1 ({number} tasks)");
        editor.titles_until(&uri, |titles| titles[0] == expected);
    }
    editor.quit();
}
