//! Foreign text (titles, names, labels, paths, output): in what an editor shows it is never a link that runs something, nor an
//! icon. The rules that an editor reads such text by are VS Code's (`linkedText.ts`, `iconLabels.ts`).

use serde_json::{Value, json};

use crate::harness::{Answer, Editor, Workspace, able, task_text};
use crate::{SCRIPTED, wait_for};

const LINK: &str = "[here](command:workbench.action.terminal.new?%7B%7D) $(error)";
/// The same as words.
const WORDS: &str = "[here] (command:workbench.action.terminal.new?%7B%7D) $ (error)";

/// Does VS Code read markup in it? Wider than its own rules, which want a scheme behind the one and a name behind the other.
fn is_markup(text: &str) -> bool {
    text.contains("](") || text.contains("$(")
}

/// A workspace whose folder, feature and title are links; its one task says one, and fails when it is let go.
fn hostile() -> (Workspace, String) {
    let workspace = Workspace::named(&LINK.replace('/', ":"));
    workspace.write("feature-build.yaml", "run:\n  command: [sh, tools/agent.sh, \"{id}\"]\ngrace_seconds: 1\n");
    workspace.write("tools/agent.sh", SCRIPTED);
    let script = format!("echo '{LINK}'\n{}exit 3\n", wait_for("go"));
    workspace.write("tools/TASK-A-001.sh", &script);
    let text = task_text("TASK-A-001", 1, "")
        .replace("title: Task TASK-A-001", &format!("title: \"{LINK}\""))
        .replace("feature_id: FEAT-1", &format!("feature_id: \"{LINK}\""));
    let file = "tasks/backlog/feat/TASK-A-001.md".to_owned();
    workspace.write(&file, &text);
    (workspace, file)
}

fn of_wave(workspace: &Workspace) -> Value {
    workspace.target(json!({ "feature": LINK, "wave": "1" }))
}

/// The texts that a message to the user has.
fn shown(message: &Value) -> Vec<String> {
    let params = &message["params"];
    let text = |value: &Value| value.as_str().map(str::to_owned);
    match message["method"].as_str() {
        Some("window/showMessage") => text(&params["message"]).into_iter().collect(),
        Some("window/showMessageRequest") => {
            let answers = params["actions"].as_array().unwrap().iter().filter_map(|action| text(&action["title"]));
            text(&params["message"]).into_iter().chain(answers).collect()
        }
        Some("$/progress") => ["title", "message"].iter().filter_map(|key| text(&params["value"][key])).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn a_title_in_a_refused_run_is_no_link() {
    let (workspace, _) = hostile();
    let missing = workspace.target(json!({ "feature": LINK, "wave": "none" }));
    let mut editor = Editor::open(&workspace);
    let answer = editor.command("featureBuild/runWave", missing);
    assert!(answer["reason"].as_str().unwrap().contains(WORDS), "{answer}");
    let told = editor.next("window/showMessage");
    assert!(told["message"].as_str().unwrap().contains(WORDS), "{told}");

    // A value that its command would take for an option.
    let text = std::fs::read_to_string(workspace.path("tasks/backlog/feat/TASK-A-001.md")).unwrap();
    workspace.write("tasks/backlog/feat/TASK-A-001.md", &text.replace("title: \"", "title: \"-"));
    workspace.write("feature-build.yaml", "run:\n  command: [touch, \"{title}\"]\n");
    let mut editor = Editor::open(&workspace);
    let answer = editor.command("featureBuild/runWave", of_wave(&workspace));
    let reason = answer["reason"].as_str().unwrap();
    assert!(answer["run"].is_null() && !is_markup(reason), "{answer}");
    let told = editor.next("window/showMessage");
    assert_eq!(told["message"], reason);
    editor.quit();
}

#[test]
fn names_and_output_are_no_links_in_lenses_actions_progress_and_messages() {
    let (workspace, file) = hostile();
    let mut editor = Editor::start(&[workspace.root()], able(), json!({ "interactiveMessages": true }));
    editor.answer_with(|_, _| Answer::Result(Value::Null));
    let uri = editor.open_file(&workspace, &file);
    let titles = editor.titles_until(&uri, |titles| !titles.is_empty());
    assert!(titles.iter().all(|title| !is_markup(title)), "{titles:?}");
    let range = json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 0, "character": 0 } });
    let params = json!({ "textDocument": { "uri": uri }, "range": range, "context": { "diagnostics": [] } });
    let actions = editor.request("textDocument/codeAction", params);
    let titles: Vec<&str> =
        actions.as_array().unwrap().iter().map(|action| action["title"].as_str().unwrap()).collect();
    assert!(titles.iter().all(|title| !is_markup(title)) && titles.iter().any(|title| title.contains(WORDS)));

    let answer = editor.command("featureBuild/runWave", of_wave(&workspace));
    assert!(answer["run"].is_string(), "{answer}");
    let said =
        editor.progress(|value| value["message"].as_str().is_some_and(|text| text.contains("TASK-A-001: [here")));
    assert!(said["value"]["message"].as_str().unwrap().contains(WORDS), "{said}");
    let again = editor.command("featureBuild/runWave", of_wave(&workspace));
    assert!(!is_markup(again["reason"].as_str().unwrap()), "{again}");
    workspace.write("go", "");
    let failed = editor.next("window/showMessageRequest");
    assert!(failed["message"].as_str().unwrap().starts_with("TASK-A-001: 1 failed"), "{failed}");

    // The log cannot be shown: its path is told.
    editor.answer_with(|_, _| Answer::Result(json!({ "success": false })));
    editor.command("featureBuild/openLog", workspace.target(json!({ "task": "TASK-A-001" })));
    let said =
        editor.wait("where the log is", |message| shown(message).iter().any(|text| text.starts_with("the log is ")));
    assert!(shown(&said)[0].contains("[here] (command:"), "{said}");
    for message in editor.heard() {
        assert!(shown(&message).iter().all(|text| !is_markup(text)), "{message}");
    }
    editor.quit();
}

#[test]
fn a_features_name_that_is_a_link_is_words_where_its_run_fails() {
    let (workspace, file) = hostile();
    let text = std::fs::read_to_string(workspace.path(&file)).unwrap();
    workspace.write(&file.replace("001", "002"), &text.replace("TASK-A-001", "TASK-A-002"));
    workspace.write("go", "");
    let mut editor = Editor::open(&workspace);
    let answer = editor.command("featureBuild/runWave", of_wave(&workspace));
    assert!(answer["run"].is_string(), "{answer}");
    let begin = editor.progress(|value| value["kind"] == "begin");
    assert!(begin["value"]["title"].as_str().unwrap().contains(WORDS), "{begin}");
    let failed = editor.next("window/showMessage");
    let told = failed["message"].as_str().unwrap();
    assert!(told.starts_with(&format!("wave 1 of {WORDS}: ")), "{told}");
    editor.quit();
}

#[test]
fn the_question_of_trust_shows_a_link_in_a_command_as_what_it_is() {
    let (workspace, _) = hostile();
    let config = "run:\n  command: [sh, -c, \"echo $(id -u) $(date) [x](command:y)\", sh, \"{id}\"]\n";
    workspace.write("feature-build.yaml", config);
    workspace.distrust();
    let mut editor = Editor::open(&workspace);
    editor.answer_with(|_, _| Answer::Result(Value::Null));
    editor.command("featureBuild/runWave", of_wave(&workspace));
    let question = editor.next("window/showMessageRequest")["message"].as_str().unwrap().to_owned();
    assert!(question.starts_with(&format!("Run wave 1 of {WORDS}?")), "{question}");
    assert!(question.contains("$(id -u) $\\u{28}date) [x]\\u{28}command:y)"), "{question}");
    editor.quit();
}

#[test]
fn a_diagnostic_says_what_the_output_said() {
    let (workspace, file) = hostile();
    workspace.write("go", "");
    let mut editor = Editor::open(&workspace);
    let uri = editor.open_file(&workspace, &file);
    editor.command("featureBuild/runWave", of_wave(&workspace));
    let with_output = |all: &[Value]| all.iter().any(|one| one["message"].as_str().unwrap().ends_with(LINK));
    editor.diagnostics(&uri, with_output);
    editor.quit();
}
