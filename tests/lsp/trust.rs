//! Trust: what the server does before its user has said yes.

use serde_json::{Value, json};

use crate::SCRIPTED;
use crate::harness::{Answer, Editor, Workspace, able, eventually};

const ASKED: &str = "window/showMessageRequest";

/// A workspace whose one task leaves `started` behind, not trusted.
fn untrusted() -> (Workspace, String) {
    let workspace = Workspace::with_agent(SCRIPTED);
    let file = workspace.task("TASK-A-001", 1, "");
    workspace.write("tools/TASK-A-001.sh", "touch started\n");
    workspace.distrust();
    (workspace, file)
}

/// An editor whose user chooses this when asked.
fn editor_that_says(workspace: &Workspace, answer: Option<&'static str>) -> Editor {
    let mut editor = Editor::open(workspace);
    editor.answer_with(move |method, _| match (method, answer) {
        (ASKED, None) => Answer::Silence,
        (ASKED, Some(title)) => Answer::Result(json!({ "title": title })),
        ("window/showDocument", _) => Answer::Result(json!({ "success": true })),
        _ => Answer::Result(Value::Null),
    });
    editor
}

fn run_wave(editor: &mut Editor, workspace: &Workspace) -> Value {
    editor.command("featureBuild/runWave", workspace.target(json!({ "wave": "1" })))
}

fn untrusted_answer() -> Value {
    json!({ "run": null, "reason": "untrusted" })
}

#[test]
fn a_yes_records_and_starts_what_was_asked_for() {
    let (workspace, _) = untrusted();
    let mut editor = editor_that_says(&workspace, Some("Trust and run"));
    assert_eq!(run_wave(&mut editor, &workspace), untrusted_answer(), "answered before the user is asked");
    let question = editor.next(ASKED);
    let text = question["message"].as_str().unwrap();
    assert!(text.contains("Run wave 1 of FEAT-1?") && text.contains("run: sh tools/agent.sh '{id}'"), "{text}");
    let titles: Vec<_> = question["actions"].as_array().unwrap().iter().map(|action| &action["title"]).collect();
    assert_eq!(titles, ["Trust and run", "Show configuration", "Not now"]);
    eventually("the task was started", || workspace.path("started").exists());
    editor.progress(|value| value["kind"] == "end");

    // From now on it is not asked, until the configuration changes: then the difference is shown.
    assert!(run_wave(&mut editor, &workspace)["reason"].as_str().is_some_and(|reason| reason != "untrusted"));
    editor.quit();
}

#[test]
fn a_no_starts_nothing_and_a_change_is_asked_about_with_its_difference() {
    let (workspace, _) = untrusted();
    workspace.trust();
    let changed = "run:\n  command: [sh, tools/agent.sh, \"{id}\", more]\ngrace_seconds: 1\n";
    std::fs::write(workspace.path("feature-build.yaml"), changed).unwrap();
    let mut editor = editor_that_says(&workspace, Some("Not now"));
    assert_eq!(run_wave(&mut editor, &workspace), untrusted_answer());
    let text = editor.next(ASKED)["message"].as_str().unwrap().to_string();
    for line in ["- command: [sh, tools/agent.sh, \"{id}\"]", "+ command: [sh, tools/agent.sh, \"{id}\", more]"] {
        let squeezed = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(squeezed.contains(line), "{text}");
    }
    // Asked again when it is wanted again, not by itself. The answer to the first question and a command go different ways
    // through the server: a command that comes before it finds the first question still open.
    assert!(editor.heard().iter().all(|message| message["method"] != ASKED));
    eventually("it is asked again", || {
        assert_eq!(run_wave(&mut editor, &workspace), untrusted_answer());
        editor.heard().iter().any(|message| message["method"] == ASKED)
    });
    assert!(!workspace.path("started").exists() && !workspace.path(".feature-build").exists());
    editor.quit();
}

/// A configuration of which no message can show all: its last mode is the one that does harm.
fn too_long(workspace: &Workspace) {
    let modes: String = (0..30).map(|number| format!("  m{number}: {{command: [\"true\", \"{number}\"]}}\n")).collect();
    let last = format!("  z: {{command: [touch, started, {}, \"\u{3164}hidden\"]}}\n", "x".repeat(3000));
    let config = format!("run:\n  command: [sh, tools/agent.sh, \"{{id}}\"]\nmodes:\n{modes}{last}");
    std::fs::write(workspace.path("feature-build.yaml"), config).unwrap();
}

fn titles(question: &Value) -> Vec<String> {
    let actions = question["actions"].as_array().unwrap().iter();
    actions.map(|action| action["title"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_a_question_cannot_show_cannot_be_agreed_to() {
    let (workspace, _) = untrusted();
    too_long(&workspace);
    // Even a client that says yes to what it was not offered.
    let mut editor = editor_that_says(&workspace, Some("Trust and run"));
    run_wave(&mut editor, &workspace);
    let question = editor.next(ASKED);
    let text = question["message"].as_str().unwrap();
    // The line above, the command for all, and 31 modes; 20 lines are shown.
    assert!(text.contains("… 13 more") && text.ends_with("This is not all of it."), "{text}");
    assert_eq!(titles(&question), ["Show all of it", "Not now"]);
    eventually("asked again, since nothing was trusted", || {
        assert_eq!(run_wave(&mut editor, &workspace), untrusted_answer());
        editor.heard().iter().any(|message| message["method"] == ASKED)
    });
    assert!(!workspace.path("started").exists() && !workspace.path(".feature-build").exists());
    editor.quit();
}

#[test]
fn the_whole_of_it_is_shown_in_a_document_before_it_can_be_agreed_to() {
    let (workspace, _) = untrusted();
    too_long(&workspace);
    let mut editor = Editor::open(&workspace);
    editor.answer_with(|method, params| match method {
        "window/showDocument" => Answer::Result(json!({ "success": true })),
        ASKED if titles(params).contains(&"Show all of it".to_owned()) => {
            Answer::Result(json!({ "title": "Show all of it" }))
        }
        ASKED => Answer::Result(json!({ "title": "Trust and run" })),
        _ => Answer::Result(Value::Null),
    });
    run_wave(&mut editor, &workspace);
    assert_eq!(titles(&editor.next(ASKED)), ["Show all of it", "Not now"]);
    let shown = editor.next("window/showDocument");
    let document = shown["uri"].as_str().unwrap().strip_prefix("file://").unwrap().to_owned();
    let document = std::fs::read_to_string(document).unwrap();
    let whole = document.replace("\n    ↳ ", "");
    for said in ["run: sh tools/agent.sh '{id}'", "modes.m29: true 29", &"x".repeat(3000), "\\u{3164}hidden"] {
        assert!(whole.contains(said), "{said}: {document}");
    }
    assert!(document.lines().all(|line| line.chars().count() < 80), "{document}");
    let question = editor.next(ASKED);
    assert_eq!(titles(&question), ["Trust and run", "Not now"]);
    assert!(!question["message"].as_str().unwrap().contains('\n'), "beside the document: {question}");
    eventually("the task was started", || workspace.path("started").exists());
    editor.progress(|value| value["kind"] == "end");
    editor.quit();
}

#[test]
fn where_no_document_can_be_shown_what_is_too_long_is_left_to_a_terminal() {
    let (workspace, _) = untrusted();
    too_long(&workspace);
    let mut editor = Editor::open(&workspace);
    editor.answer_with(|method, _| match method {
        "window/showDocument" => Answer::Result(json!({ "success": false })),
        ASKED => Answer::Result(json!({ "title": "Show all of it" })),
        _ => Answer::Result(Value::Null),
    });
    run_wave(&mut editor, &workspace);
    editor.wait("how", |message| {
        let text = message["params"]["message"].as_str().unwrap_or_default();
        message["method"] == "window/showMessage" && text.contains("feature-build -C ") && text.ends_with(" trust")
    });
    assert!(!workspace.path("started").exists() && !workspace.path(".feature-build").exists());
    editor.quit();
}

#[test]
fn a_long_list_of_commands_pushes_no_change_out() {
    let (workspace, _) = untrusted();
    let config = |last: &str| {
        let modes: String =
            (0..30).map(|number| format!("  m{number}: {{command: [{last}, \"{number}\"]}}\n")).collect();
        format!("run:\n  command: [sh, tools/agent.sh, \"{{id}}\"]\nmodes:\n{modes}")
    };
    workspace.write("feature-build.yaml", &config("true"));
    std::fs::write(workspace.path("feature-build.yaml"), config("true") + "  last: {command: [touch, started]}\n")
        .unwrap();
    let mut editor = editor_that_says(&workspace, Some("Not now"));
    run_wave(&mut editor, &workspace);
    let text = editor.next(ASKED)["message"].as_str().unwrap().to_string();
    let changed = "changed since you trusted it:\n  +   last: {command: [touch, started]}\nThis is not all of it.";
    assert!(text.contains("… 13 more") && text.ends_with(changed), "{text}");
    editor.quit();
}

#[test]
fn every_command_a_lens_and_a_code_action_are_held_back_and_one_question_is_asked() {
    let (workspace, file) = untrusted();
    let mut editor = editor_that_says(&workspace, None);
    let uri = editor.open_file(&workspace, &file);
    let targets = [
        ("featureBuild/runWave", json!({ "wave": "1" })),
        ("featureBuild/runTask", json!({ "task": "TASK-A-001" })),
        ("featureBuild/runFeature", json!({})),
    ];
    for (command, more) in targets {
        assert_eq!(editor.command(command, workspace.target(more)), untrusted_answer(), "{command}");
    }
    let asked = editor.request("featureBuild/runWave", workspace.target(json!({ "wave": "1" })));
    assert_eq!(asked, untrusted_answer(), "the request of the same name");
    for lens in editor.lenses(&uri) {
        let (command, arguments) = (&lens["command"]["command"], &lens["command"]["arguments"]);
        let answer = editor.request("workspace/executeCommand", json!({ "command": command, "arguments": arguments }));
        assert_eq!(answer, untrusted_answer(), "{lens}");
    }
    let range = json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 0, "character": 0 } });
    let params = json!({ "textDocument": { "uri": uri }, "range": range, "context": { "diagnostics": [] } });
    let actions = editor.request("textDocument/codeAction", params);
    assert!(!actions.as_array().unwrap().is_empty());
    for action in actions.as_array().unwrap() {
        let (command, arguments) = (&action["command"]["command"], &action["command"]["arguments"]);
        let answer = editor.request("workspace/executeCommand", json!({ "command": command, "arguments": arguments }));
        assert_eq!(answer, untrusted_answer(), "{action}");
    }
    editor.next(ASKED);
    let again = editor.heard().into_iter().filter(|message| message["method"] == ASKED).count();
    assert_eq!(again, 0, "one question at a time");
    assert!(!workspace.path("started").exists() && !workspace.path(".feature-build").exists());
    editor.quit();
}

#[test]
fn what_changes_while_the_user_reads_is_not_trusted() {
    let (workspace, _) = untrusted();
    let mut editor = Editor::open(&workspace);
    let file = workspace.path("feature-build.yaml");
    editor.answer_with(move |method, _| {
        if method != ASKED {
            return Answer::Result(Value::Null);
        }
        std::fs::write(&file, "run:\n  command: [touch, started]\n").unwrap();
        Answer::Result(json!({ "title": "Trust and run" }))
    });
    run_wave(&mut editor, &workspace);
    let said = editor.wait("why not", |message| {
        message["method"] == "window/showMessage"
            && message["params"]["message"].as_str().unwrap().contains("has changed meanwhile")
    });
    assert_eq!(said["params"]["type"], 1);
    assert!(!workspace.path("started").exists() && !workspace.path(".feature-build").exists());
    editor.quit();
}

#[test]
fn the_configuration_is_shown_when_asked_for() {
    let (workspace, _) = untrusted();
    let mut editor = editor_that_says(&workspace, Some("Show configuration"));
    run_wave(&mut editor, &workspace);
    let shown = editor.next("window/showDocument");
    assert_eq!(shown["uri"], workspace.uri("feature-build.yaml"));
    assert!(!workspace.path("started").exists());
    editor.quit();
}

#[test]
fn a_client_that_cannot_ask_is_told_what_to_call() {
    // A folder from the internet has the name that somebody gave it.
    let workspace = Workspace::named("\u{1b}]0;owned\u{7}\u{202e}evil");
    workspace.write("feature-build.yaml", "run:\n  command: [touch, started]\n");
    workspace.task("TASK-A-001", 1, "");
    workspace.distrust();
    let mut cannot = able();
    for ability in ["showMessage", "showDocument"] {
        cannot["window"].as_object_mut().unwrap().remove(ability);
    }
    let mut editor = Editor::start(&[workspace.root()], cannot, json!({}));
    assert_eq!(run_wave(&mut editor, &workspace), untrusted_answer());
    let told = editor.next("window/showMessage");
    let text = told["message"].as_str().unwrap();
    assert!(text.contains("feature-build -C ") && text.ends_with(" trust"), "{text}");
    assert_clean("what to call", &told);
    workspace.trust();
    assert!(run_wave(&mut editor, &workspace)["run"].is_string());
    editor.progress(|value| value["kind"] == "end");
    let shown = editor.command("featureBuild/openLog", workspace.target(json!({ "task": "TASK-A-001" })));
    assert!(shown["uri"].is_string(), "{shown}");
    editor.wait("where the log is", |message| {
        let text = message["params"]["message"].as_str().unwrap_or_default();
        message["method"] == "window/showMessage" && text.contains("the log is ") && {
            assert_clean("where the log is", &message["params"]);
            true
        }
    });
    assert!(editor.heard().iter().all(|message| message["method"] != ASKED));
    editor.quit();
}

#[test]
fn a_value_that_would_become_an_option_refuses_the_run_and_says_why() {
    let workspace = Workspace::with_agent(SCRIPTED);
    workspace.write("feature-build.yaml", "run:\n  command: [touch, \"{title}\"]\n");
    let task = |id: &str, title: &str| {
        let text = format!(
            "---\nid: {id}\ntitle: {title}\nstatus: backlog\nfeature_id: FEAT-1\nwave: 1\nimplementation_mode: task-work\n---\n"
        );
        workspace.write(&format!("tasks/backlog/{id}.md"), &text);
    };
    task("TASK-A-001", "started");
    task("TASK-A-002", "--help");
    workspace.trust();
    let mut editor = Editor::open(&workspace);
    let answer = run_wave(&mut editor, &workspace);
    assert_eq!(answer["run"], Value::Null);
    let reason = answer["reason"].as_str().unwrap();
    // It is the command that is wrong: the harmless title is refused, too.
    for said in ["TASK-A-001", "`{title}` is in argument 1", "$FEATURE_BUILD_TITLE", "--title={title}"] {
        assert!(reason.contains(said), "{said}: {reason}");
    }
    assert!(!workspace.path("started").exists() && !workspace.path(".feature-build").exists());
    editor.quit();
}

/// No text that an editor shows may steer it or reorder its lines.
fn assert_clean(what: &str, value: &Value) {
    let is_bad = |char: char| {
        char.is_control() && char != '\n'
            || matches!(char, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    match value {
        Value::String(text) => assert!(!text.contains(is_bad), "{what}: {text:?}"),
        Value::Array(items) => items.iter().for_each(|item| assert_clean(what, item)),
        Value::Object(keys) => keys.values().for_each(|value| assert_clean(what, value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[test]
fn nothing_of_a_file_or_an_output_is_shown_with_control_characters() {
    const NASTY: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}evil\u{2066}\u{8}\r\u{61c}";
    let workspace = Workspace::with_agent(SCRIPTED);
    let quoted: String = NASTY.chars().map(|char| format!("\\u{:04x}", u32::from(char))).collect();
    let octal: String = NASTY.bytes().map(|byte| format!("\\{byte:03o}")).collect();
    let file = "tasks/backlog/TASK-A-001.md";
    let task = |id: &str, more: &str| {
        format!("---\nid: {id}\ntitle: \"t {quoted}\"\nstatus: backlog\nfeature_id: FEAT-1\nwave: 1\n{more}---\n")
    };
    workspace.write(file, &task("TASK-A-001", ""));
    workspace.write("tasks/backlog/TASK-A-002.md", &task("TASK-A-002", &format!("depends_on: [\"x{quoted}\"]\n")));
    workspace.write("src/a.rs", "one\n");
    // What stands before a carriage return is overwritten: it comes first.
    let place = "src/a.rs:1:1: wrong \\033[31mred\\342\\200\\256";
    let script = format!("printf '{octal}{place}\\n{octal}the end\\n'; exit 3\n");
    workspace.write("tools/TASK-A-001.sh", &script);
    workspace.distrust();
    let agent = format!("run:\n  command: [sh, tools/agent.sh, \"{{id}}\", \"{quoted}\"]\n");
    std::fs::write(workspace.path("feature-build.yaml"), agent).unwrap();

    let mut editor = editor_that_says(&workspace, Some("Trust and run"));
    let uri = editor.open_file(&workspace, file);
    run_wave(&mut editor, &workspace);
    let asked = editor.next(ASKED);
    assert!(asked["message"].as_str().unwrap().contains("evil"), "{asked}");
    assert_clean("the question", &asked);
    let told =
        editor.diagnostics(&uri, |all| all.iter().any(|one| one["message"].as_str().unwrap().contains("the end")));
    assert!(told.iter().any(|one| one["relatedInformation"][1]["message"].as_str().is_some()), "{told:?}");
    assert_clean("the diagnostics", &json!(told));
    for lens in editor.lenses(&uri) {
        assert_clean("a lens", &lens["command"]["title"]);
    }
    let range = json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 0, "character": 0 } });
    let params = json!({ "textDocument": { "uri": uri }, "range": range, "context": { "diagnostics": [] } });
    let actions = editor.request("textDocument/codeAction", params);
    for action in actions.as_array().unwrap() {
        assert_clean("a code action", &action["title"]);
    }
    let end = editor.progress(|value| value["kind"] == "end");
    assert_clean("the end of the progress", &end);
    for message in editor.heard() {
        // The events are the journal's records: plain data, as they are in the file.
        let is_shown = message["method"].as_str().is_some_and(|method| method != "featureBuild/event");
        assert_clean(&message["method"].to_string(), if is_shown { &message["params"] } else { &Value::Null });
    }
    editor.quit();
}

/// Opened by itself the folder lies below somebody else's configuration; opened as a whole, that one was chosen.
#[test]
fn another_users_configuration_above_is_told_once_and_not_taken() {
    const MALLORY: u32 = 64_001;
    if !rustix::process::geteuid().is_root() {
        return eprintln!("skipped: only the superuser can make files of other users");
    }
    let workspace = Workspace::with_agent("");
    workspace.distrust();
    let config = workspace.path("feature-build.yaml");
    std::os::unix::fs::chown(&config, Some(MALLORY), Some(MALLORY)).unwrap();
    let files = ["TASK-1", "TASK-2"].map(|id| {
        let file = format!("mine/tasks/{id}/feat/{id}.md");
        workspace.write(&file, &crate::harness::task_text(id, 1, ""));
        file
    });
    let mut editor = Editor::start(&[&workspace.path("mine")], able(), json!({}));
    let is_told = |message: &Value| {
        let text = message["params"]["message"].as_str().unwrap_or_default();
        message["method"] == "window/showMessage" && text.contains("belongs to the user with the id 64001")
    };
    editor.wait("a warning", is_told);
    let mut waves = || editor.request("featureBuild/waves", json!({}));
    crate::harness::eventually("nobody waits for a root that is refused", || waves()["complete"] == true);
    for file in &files {
        let uri = editor.open_file(&workspace, file);
        assert!(editor.titles(&uri).is_empty());
    }
    assert!(!editor.heard().iter().any(is_told), "told twice");
    editor.quit();

    let mut editor = Editor::start(&[workspace.root()], able(), json!({}));
    let file = workspace.task("TASK-3", 1, "");
    let uri = editor.open_file(&workspace, &file);
    editor.titles_until(&uri, |titles| titles.iter().any(|title| title.contains("(1 task)")));
    assert!(!editor.heard().iter().any(is_told));
    editor.quit();
}
