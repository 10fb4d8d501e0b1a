//! How long things will take, and what did not pass in one run.

use serde_json::{Value, json};

use crate::harness::{Editor, Workspace, eventually};
use crate::{SCRIPTED, wait_for};

#[test]
fn waves_runs_and_progress_say_how_long_it_will_take() {
    let workspace = Workspace::with_agent(SCRIPTED);
    let file = workspace.task("TASK-A-001", 1, "estimated_minutes: 4\n");
    workspace.task("TASK-A-002", 1, "estimated_minutes: 7\n");
    workspace.task("TASK-A-003", 2, "estimated_minutes: 1\n");
    workspace.write("tools/TASK-A-001.sh", &wait_for("go"));
    workspace.write("tools/TASK-A-002.sh", "exit 0\n");
    let mut editor = Editor::open(&workspace);
    editor.open_file(&workspace, &file);
    let mut feature = Value::Null;
    eventually("the workspace is read", || {
        feature = editor.request("featureBuild/waves", json!({}))["roots"][0]["features"][0].clone();
        feature.is_object()
    });
    assert_eq!(feature["waves"][0]["estimate_ms"], 7 * 60_000, "{feature}");
    assert_eq!(feature["waves"][0]["tasks"][0]["estimate_ms"], 4 * 60_000);

    let answer = editor.command("featureBuild/runFeature", workspace.target(json!({})));
    assert!(answer["run"].is_string(), "{answer}");
    // 4 minutes for the one that runs, 1 for the wave behind it.
    let says = |value: &Value, words: &str| value["message"].as_str().is_some_and(|text| text.contains(words));
    editor.progress(|value| says(value, "1/3") && says(value, "~5 min"));
    let runs = editor.request("featureBuild/runs", json!({ "root": workspace.target(json!({}))["root"] }));
    let remaining = runs["runs"][0]["remaining_ms"].as_u64().unwrap();
    assert!((60_000..=300_000).contains(&remaining), "{runs}");

    workspace.write("go", "");
    editor.progress(|value| value["kind"] == "end");
    let waves = editor.request("featureBuild/waves", json!({}));
    let task = &waves["roots"][0]["features"][0]["waves"][0]["tasks"][1];
    assert!(task["estimate_ms"].as_u64().unwrap() < 60_000, "what it took counts more than what its file says: {task}");
    editor.quit();
}

#[test]
fn what_failed_in_one_run_is_run_again() {
    let workspace = Workspace::with_agent(SCRIPTED);
    for task in ["TASK-A-001", "TASK-A-002", "TASK-A-003"] {
        workspace.task(task, 1, "");
        workspace.write(&format!("tools/{task}.sh"), "exit 1\n");
    }
    workspace.write("tools/TASK-A-001.sh", "exit 0\n");
    let mut editor = Editor::open(&workspace);
    let first = editor.command("featureBuild/runWave", workspace.target(json!({ "wave": "1" })))["run"].clone();
    editor.progress(|value| value["kind"] == "end");
    workspace.write("tools/TASK-A-002.sh", "exit 0\n");
    editor.command("featureBuild/runTask", workspace.target(json!({ "task": "TASK-A-002" })));
    editor.progress(|value| value["kind"] == "end");

    workspace.write("tools/TASK-A-003.sh", "exit 0\n");
    let target = json!({ "root": workspace.target(json!({}))["root"], "run": first });
    let again = editor.command("featureBuild/rerunFailed", target.clone());
    assert!(again["run"].is_string(), "{again}");
    editor.next("window/showMessage");
    // A run of one task is called by its name: TASK-A-002 is not in it.
    editor.progress(|value| value["kind"] == "begin" && value["title"] == "TASK-A-003");
    editor.progress(|value| value["kind"] == "end");
    eventually("nothing is left", || {
        let answer = editor.command("featureBuild/rerunFailed", target.clone());
        answer["reason"].as_str().is_some_and(|reason| reason.contains("nothing of run"))
    });
    editor.heard();
    editor.quit();
}
