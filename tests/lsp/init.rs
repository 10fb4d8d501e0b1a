//! Setting a workspace up from the editor.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::harness::{Answer, Editor, Workspace, able, uri};

const CHOOSE: &str = "\u{2699} Choose what runs these tasks";

/// An editor whose PATH has these programs only.
fn editor(workspace: &Workspace, programs: &[&str]) -> (Editor, tempfile::TempDir) {
    let path = tempfile::tempdir().unwrap();
    for program in programs {
        let file = path.path().join(program);
        std::fs::write(&file, "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let editor = Editor::spawn_with(&[("PATH", path.path().as_os_str())]);
    (editor.initialize(&[workspace.root()], able(), json!({})), path)
}

fn choose(editor: &mut Editor, workspace: &Workspace) -> Value {
    editor.command("featureBuild/init", json!({ "root": uri(workspace.root()) }))
}

#[test]
fn a_workspace_without_configuration_is_set_up_by_a_lens() {
    let workspace = Workspace::new();
    let file = workspace.task("TASK-A-001", 1, "");
    let (mut editor, _path) = editor(&workspace, &["codex", "aider"]);
    editor.answer_with(|method, params| match method {
        "window/showMessageRequest" => Answer::Result(params["actions"][1].clone()),
        "window/showDocument" => Answer::Result(json!({ "success": true })),
        _ => Answer::Result(Value::Null),
    });
    let uri = editor.open_file(&workspace, &file);
    editor.titles_until(&uri, |titles| titles.iter().any(|title| title == CHOOSE));

    assert_eq!(choose(&mut editor, &workspace)["asked"], true);
    let asked = editor.next("window/showMessageRequest");
    assert_eq!(asked["actions"], json!([{ "title": "Codex" }, { "title": "Aider" }]));
    let shown = editor.next("window/showDocument");
    assert!(shown["uri"].as_str().unwrap().ends_with("feature-build.yaml"), "{shown}");
    assert!(std::fs::read_to_string(workspace.path("feature-build.yaml")).unwrap().contains("\nagent: aider\n"));
    editor.titles_until(&uri, |titles| !titles.is_empty() && titles.iter().all(|title| title != CHOOSE));
    let again = choose(&mut editor, &workspace);
    assert_eq!(again["asked"], false, "{again}");
    editor.quit();
}

#[test]
fn it_is_asked_once_at_a_time_and_no_answer_writes_nothing() {
    let workspace = Workspace::new();
    workspace.task("TASK-A-001", 1, "");
    let (mut editor, _path) = editor(&workspace, &["claude"]);
    editor.answer_with(|method, _| match method {
        "window/showMessageRequest" => Answer::Silence,
        _ => Answer::Result(Value::Null),
    });
    assert_eq!(choose(&mut editor, &workspace)["asked"], true);
    editor.next("window/showMessageRequest");
    assert_eq!(choose(&mut editor, &workspace)["asked"], false);
    assert!(!workspace.path("feature-build.yaml").exists());
    editor.quit();
}

#[test]
fn without_any_agent_the_user_is_told() {
    let workspace = Workspace::new();
    workspace.task("TASK-A-001", 1, "");
    let (mut editor, _path) = editor(&workspace, &[]);
    assert_eq!(choose(&mut editor, &workspace)["asked"], true);
    let told = editor.next("window/showMessage");
    assert!(told["message"].as_str().unwrap().contains("no agent"), "{told}");
    assert!(!workspace.path("feature-build.yaml").exists());
    editor.quit();
}
