//! Features, waves and runs as data, for editors that draw them.

use std::path::Path;

use serde_json::{Value, json};

use crate::SCRIPTED;
use crate::harness::{Editor, Workspace, able, uri as uri_of};

const WAVES: &str = "featureBuild/waves";

/// Asks until the answer fits; between two questions the server says that something has changed.
fn waves_until(editor: &mut Editor, question: &Value, fits: impl Fn(&Value) -> bool) -> Value {
    loop {
        let answer = editor.request(WAVES, question.clone());
        if answer["complete"] == true && fits(&answer) {
            return answer;
        }
        editor.next("featureBuild/wavesChanged");
    }
}

#[test]
fn waves_are_told_with_their_tasks_and_last_attempts() {
    let workspace = Workspace::with_agent(SCRIPTED);
    let file = workspace.task("TASK-A-001", 1, "estimated_minutes: 15\n");
    workspace.task("TASK-A-002", 2, "dependencies: [TASK-A-001]\n");
    workspace.write("tools/TASK-A-001.sh", "exit 3\n");
    let mut editor = Editor::start(&[workspace.root()], able(), json!({ "events": true }));
    let answer = waves_until(&mut editor, &json!({}), |answer| answer["roots"][0]["features"][0].is_object());
    let root = &answer["roots"][0];
    assert_eq!(root["root"], workspace.root().to_str().unwrap());
    assert_eq!(root["uri"], workspace.uri("").trim_end_matches('/'), "the root as the editor names it");
    assert_eq!(root["configured"], true);
    let feature = &root["features"][0];
    assert_eq!((&feature["id"], &feature["dialect"]), (&json!("FEAT-1"), &json!("guardkit")));
    assert_eq!(feature["progress"]["words"], "0/2 done");
    assert_eq!(feature["waves"][1]["progress"]["startable"], false, "it waits");
    let task = &feature["waves"][0]["tasks"][0];
    assert_eq!((&task["id"], &task["state"]), (&json!("TASK-A-001"), &json!("ready")));
    assert_eq!((&task["file"], &task["estimated_minutes"]), (&json!(file), &json!(15.0)));
    assert_eq!(task["latest"], Value::Null);
    let anchor = usize::try_from(task["anchor"].as_u64().unwrap()).unwrap();
    let text = std::fs::read_to_string(workspace.path(&file)).unwrap();
    let line = text[..anchor].rfind('\n').unwrap() + 1;
    assert!(text[line..].starts_with("wave: 1"), "the anchor is in the lens's line: {anchor}");
    assert_eq!(feature["waves"][1]["tasks"][0]["reason"], "waits for TASK-A-001");

    let started = editor.command("featureBuild/runTask", workspace.target(json!({ "task": "TASK-A-001" })));
    let question = json!({ "root": workspace.root(), "features": ["FEAT-1"] });
    let latest = |answer: &Value| answer["roots"][0]["features"][0]["waves"][0]["tasks"][0]["latest"].clone();
    let answer = waves_until(&mut editor, &question, |answer| latest(answer).is_object());
    let latest = latest(&answer);
    assert_eq!((&latest["run"], &latest["outcome"]), (&started["run"], &json!("failed")));
    assert_eq!(latest["exit_code"], 3);
    assert!(Path::new(latest["log"].as_str().unwrap()).exists(), "{latest}");
    assert_eq!(
        editor.request(WAVES, json!({ "root": workspace.root(), "features": ["FEAT-9"] }))["roots"][0]["features"],
        json!([])
    );

    let runs = editor.request("featureBuild/runs", json!({ "root": workspace.root() }));
    assert_eq!(runs["runs"][0]["run"], started["run"], "{runs}");
    assert_eq!(runs["runs"].as_array().unwrap().len(), 1);
    editor.quit();
}

#[test]
fn a_change_names_the_features_to_ask_for_again() {
    let workspace = Workspace::with_agent(SCRIPTED);
    let file = workspace.task("TASK-A-001", 1, "");
    let mut editor = Editor::start(&[workspace.root()], able(), json!({ "events": true }));
    waves_until(&mut editor, &json!({}), |answer| answer["roots"][0]["features"][0].is_object());
    let uri = editor.open_file(&workspace, &file);
    let text = std::fs::read_to_string(workspace.path(&file)).unwrap();
    // The whole root is named once, when its index is there; that may swallow the first edits, but not each of them.
    let named = (2..9).find_map(|wave: u32| {
        editor.change(&uri, json!([{ "text": text.replace("wave: 1", &format!("wave: {wave}")) }]));
        let named = editor.next("featureBuild/wavesChanged");
        assert_eq!(named["root"], workspace.root().to_str().unwrap());
        named["features"].is_array().then(|| (wave, named["features"].clone()))
    });
    let (wave, features) = named.expect("a change is told by itself");
    assert_eq!(features, json!(["FEAT-1"]));
    let label = json!(wave.to_string());
    waves_until(&mut editor, &json!({}), |answer| answer["roots"][0]["features"][0]["waves"][0]["wave"] == label);
    editor.quit();
}

/// Who has asked before waits for it: nothing else may ever change.
#[test]
fn a_folder_is_told_once_it_is_known_whatever_was_opened_before() {
    let workspace = Workspace::with_agent(SCRIPTED);
    let file = workspace.task("TASK-A-001", 1, "");
    let mut editor = Editor::start(&[], able(), json!({ "events": true }));
    let uri = editor.open_file(&workspace, &file);
    editor.lens(&uri, "\u{25b6} Run task");
    let folder = json!({ "uri": uri_of(workspace.root()), "name": "folder" });
    // The first words may be about the index that was built; there are not so many of them.
    for _ in 0..6 {
        editor.notify("workspace/didChangeWorkspaceFolders", json!({ "event": { "added": [folder], "removed": [] } }));
        assert_eq!(editor.next("featureBuild/wavesChanged")["root"], workspace.root().to_str().unwrap());
        editor.notify("workspace/didChangeWorkspaceFolders", json!({ "event": { "added": [], "removed": [folder] } }));
    }
    editor.quit();
}

#[test]
fn a_client_that_does_not_ask_for_events_is_not_told_of_changes() {
    let workspace = Workspace::with_agent(SCRIPTED);
    let file = workspace.task("TASK-A-001", 1, "");
    let mut editor = Editor::open(&workspace);
    let uri = editor.open_file(&workspace, &file);
    editor.change(
        &uri,
        json!([{ "text": std::fs::read_to_string(workspace.path(&file)).unwrap().replace("wave: 1", "wave: 7") }]),
    );
    editor.titles_until(&uri, |titles| titles.iter().any(|title| title.contains("wave 7")));
    assert!(!editor.heard().iter().any(|message| message["method"] == "featureBuild/wavesChanged"));
    editor.quit();
}

/// Nobody may take a feature for done in which something is left for a person.
#[test]
fn a_wave_with_a_task_for_a_person_is_not_done() {
    let workspace = Workspace::with_agent(SCRIPTED);
    workspace.task("TASK-A-001", 1, "");
    workspace.task("TASK-A-002", 1, "implementation_mode: manual\n");
    let mut editor = Editor::start(&[workspace.root()], able(), json!({ "events": true }));
    let progress = |answer: &Value| answer["roots"][0]["features"][0]["waves"][0]["progress"].clone();
    let answer = waves_until(&mut editor, &json!({}), |answer| progress(answer).is_object());
    assert_eq!(progress(&answer)["words"], "0/2 done \u{b7} 1 needs a person");
    editor.command("featureBuild/runWave", workspace.target(json!({ "wave": "1" })));
    let answer =
        waves_until(&mut editor, &json!({}), |answer| progress(answer)["words"] == "1/2 done \u{b7} 1 needs a person");
    let progress = progress(&answer);
    assert_eq!(
        (&progress["done"], &progress["open"], &progress["startable"]),
        (&json!(false), &json!(true), &json!(false))
    );
    assert_eq!(answer["roots"][0]["features"][0]["progress"]["done"], false);
    editor.quit();
}
