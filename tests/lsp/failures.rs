//! Failures: diagnostics of last runs, messages, logs.

use serde_json::{Value, json};

use crate::harness::{Answer, Editor, Workspace, able, uri};
use crate::{SCRIPTED, wait_for};

const FAILING: &str = "echo compiling\necho 'src/a.rs:2:5: this is wrong'\necho the end\nexit 3\n";

/// Two tasks, of which the first fails and names a place.
fn failing_wave() -> (Workspace, String) {
    let workspace = Workspace::with_agent(SCRIPTED);
    workspace.write("src/a.rs", "one\ntwo\n");
    let file = workspace.task("TASK-A-001", 1, "");
    workspace.task("TASK-A-002", 1, "");
    workspace.write("tools/TASK-A-001.sh", FAILING);
    (workspace, file)
}

fn run_wave(editor: &mut Editor, workspace: &Workspace) {
    let answer = editor.command("featureBuild/runWave", workspace.target(json!({ "wave": "1" })));
    assert!(answer["run"].is_string(), "{answer}");
}

/// The diagnostic of the failure, with the log's last lines.
fn failure(editor: &mut Editor, uri: &str) -> Value {
    let with_lines = |all: &[Value]| all.iter().any(|one| one["message"].as_str().unwrap().contains("the end"));
    editor.diagnostics(uri, with_lines).pop().unwrap()
}

#[test]
fn a_failure_is_listed_fixed_run_again_and_gone() {
    let (workspace, file) = failing_wave();
    let mut editor = Editor::open(&workspace);
    let uri = editor.open_file(&workspace, &file);
    run_wave(&mut editor, &workspace);
    let told = failure(&mut editor, &uri);
    assert_eq!(told["severity"], 1);
    assert_eq!(told["range"], json!({ "start": { "line": 1, "character": 4 }, "end": { "line": 1, "character": 14 } }));
    let message = told["message"].as_str().unwrap();
    // The cause first, then the outcome, then the rest without what was only progress.
    let lines: Vec<&str> = message.lines().collect();
    assert_eq!(lines[..2], ["src/a.rs:2:5 this is wrong", "TASK-A-001 failed (exit 3)"], "{message}");
    assert!(message.ends_with("the end") && !message.contains("compiling"), "{message}");
    let related = told["relatedInformation"].as_array().unwrap();
    assert!(related[0]["location"]["uri"].as_str().unwrap().ends_with("TASK-A-001.log"), "{told}");
    assert_eq!(related[1]["location"]["uri"], workspace.uri("src/a.rs"));
    assert_eq!(related[1]["location"]["range"]["start"], json!({ "line": 1, "character": 4 }));
    assert_eq!(related[1]["message"], "this is wrong");

    let titles = editor.titles_until(&uri, |titles| titles.iter().any(|title| title.contains("Re-run")));
    assert_eq!(
        titles,
        [
            "\u{25b6} Run wave 1 (1 task)",
            "\u{25b6} Run task",
            "\u{2717} failed (exit 3) \u{b7} Open log",
            "\u{21bb} Re-run 1 failed"
        ]
    );
    // The second run is held so that "a newer run starts it" can be told from "it passed".
    workspace.write("tools/TASK-A-001.sh", &wait_for("go"));
    let rerun = editor.lenses(&uri)[3]["command"].clone();
    let answer = editor.command(rerun["command"].as_str().unwrap(), rerun["arguments"][0].clone());
    assert!(answer["run"].is_string(), "{answer}");
    editor.diagnostics(&uri, <[Value]>::is_empty);
    workspace.write("go", "");
    editor.titles_until(&uri, |titles| titles.len() == 1 && titles[0].starts_with("\u{2713} passed"));
    let again = editor.command("featureBuild/rerunFailed", workspace.target(json!({ "wave": "1" })));
    assert!(again["reason"].as_str().unwrap().contains("nothing of wave 1 of FEAT-1 failed"), "{again}");
    editor.quit();
}

#[test]
fn failures_come_back_after_a_restart_and_follow_edits() {
    let (workspace, file) = failing_wave();
    let mut editor = Editor::open(&workspace);
    run_wave(&mut editor, &workspace);
    failure(&mut editor, &workspace.uri(&file));
    editor.quit();

    let mut editor = Editor::open(&workspace);
    let told = failure(&mut editor, &workspace.uri(&file));
    assert_eq!(told["range"]["start"]["line"], 1, "the file is closed");
    let uri = editor.open_file(&workspace, &file);
    let at = json!({ "line": 1, "character": 0 });
    editor.change(&uri, json!([{ "range": { "start": at, "end": at }, "text": "priority: high\n" }]));
    editor.diagnostics(&uri, |all| all.len() == 1 && all[0]["range"]["start"]["line"] == 2);
    editor.quit();
}

#[test]
fn a_failed_run_is_a_message_with_an_action_only_for_clients_that_want_it() {
    let (workspace, _) = failing_wave();
    let mut editor = Editor::open(&workspace);
    run_wave(&mut editor, &workspace);
    let told = editor.next("window/showMessage");
    assert_eq!(told["type"], 1);
    assert!(told["message"].as_str().unwrap().starts_with("wave 1 of FEAT-1: 1 passed, 1 failed in "), "{told}");
    editor.quit();

    let (workspace, _) = failing_wave();
    let mut editor = Editor::start(&[workspace.root()], able(), json!({ "interactiveMessages": true }));
    editor.answer_with(|method, params| match method {
        "window/showMessageRequest" => Answer::Result(params["actions"][0].clone()),
        "window/showDocument" => Answer::Result(json!({ "success": true })),
        _ => Answer::Result(Value::Null),
    });
    run_wave(&mut editor, &workspace);
    let asked = editor.next("window/showMessageRequest");
    assert_eq!(asked["actions"][0]["title"], "Open log of TASK-A-001");
    let shown = editor.next("window/showDocument");
    assert!(shown["uri"].as_str().unwrap().ends_with("TASK-A-001.log"), "{shown}");
    editor.quit();

    let (workspace, _) = failing_wave();
    let mut cannot = able();
    cannot["window"]["showMessage"] = Value::Null;
    let mut editor = Editor::start(&[workspace.root()], cannot, json!({ "interactiveMessages": true }));
    run_wave(&mut editor, &workspace);
    editor.next("window/showMessage");
    editor.quit();
}

#[test]
fn a_log_is_opened_by_the_editor_or_named() {
    let (workspace, file) = failing_wave();
    let mut editor = Editor::open(&workspace);
    let opened = editor.open_file(&workspace, &file);
    let none = editor.command("featureBuild/openLog", workspace.target(json!({ "task": "TASK-A-001" })));
    assert_eq!(none["uri"], Value::Null);
    run_wave(&mut editor, &workspace);
    let titles = editor.titles_until(&opened, |titles| titles.iter().any(|title| title.contains("Open log")));
    let at = titles.iter().position(|title| title.contains("Open log")).unwrap();
    let click = editor.lenses(&opened)[at]["command"].clone();
    let answer = editor.command(click["command"].as_str().unwrap(), click["arguments"][0].clone());
    assert_eq!(editor.next("window/showDocument")["uri"], answer["uri"]);
    editor.quit();

    let mut cannot = able();
    cannot["window"]["showDocument"] = Value::Null;
    let mut editor = Editor::start(&[workspace.root()], cannot, json!({}));
    let answer = editor.command("featureBuild/openLog", workspace.target(json!({ "task": "TASK-A-001" })));
    let log = workspace.path(".feature-build/runs");
    assert!(answer["uri"].as_str().unwrap().starts_with(&uri(&log)), "{answer}");
    let told = editor.next("window/showMessage");
    assert!(told["message"].as_str().unwrap().contains("TASK-A-001.log"), "{told}");
    editor.quit();
}

#[test]
fn each_way_to_name_a_place_leads_to_it() {
    let workspace = Workspace::with_agent(SCRIPTED);
    workspace.write("src/a.rs", "one\ntwo\nthree\nfour\n");
    let file = workspace.task("TASK-A-001", 1, "");
    let output = [
        "src/a.rs:1:1: first",
        "error: second",
        "  --> src/a.rs:2:3",
        "  File \"src/a.rs\", line 3",
        "::error file=src/a.rs,line=4,col=2::fourth",
        "/etc/passwd:1:1: outside",
        "src/none.rs:1:1: nowhere",
    ];
    let script = format!("cat <<'END'\n{}\nthe end\nEND\nexit 1\n", output.join("\n"));
    workspace.write("tools/TASK-A-001.sh", &script);
    let mut editor = Editor::open(&workspace);
    run_wave(&mut editor, &workspace);
    let told = failure(&mut editor, &workspace.uri(&file));
    let related = told["relatedInformation"].as_array().unwrap();
    let places: Vec<(u64, u64)> = related[1..]
        .iter()
        .map(|one| {
            assert_eq!(one["location"]["uri"], workspace.uri("src/a.rs"));
            let start = &one["location"]["range"]["start"];
            (start["line"].as_u64().unwrap(), start["character"].as_u64().unwrap())
        })
        .collect();
    assert_eq!(places, [(0, 0), (1, 2), (2, 0), (3, 1)]);
    editor.quit();
}

#[test]
fn a_task_that_cannot_be_started_is_listed_with_its_reason() {
    let workspace = Workspace::new();
    workspace.write("feature-build.yaml", "run:\n  command: [no-such-program-anywhere]\n");
    let file = workspace.task("TASK-A-001", 1, "");
    let mut editor = Editor::open(&workspace);
    run_wave(&mut editor, &workspace);
    let said = editor.wait("what is not there", |message| {
        message["method"] == "window/showMessage"
            && message["params"]["message"].as_str().unwrap().contains("not found on PATH")
    });
    let message = said["params"]["message"].as_str().unwrap();
    assert!(message.starts_with("`no-such-program-anywhere`, the program of run, "), "{message}");
    assert_eq!(said["params"]["type"], 2, "a warning");
    let told = editor.diagnostics(&workspace.uri(&file), |all| !all.is_empty());
    let message = told[0]["message"].as_str().unwrap();
    assert!(message.starts_with("TASK-A-001 failed") && message.contains("no-such-program-anywhere"), "{message}");
    editor.quit();
}
