//! Texts: edits, positions, lenses and code actions, problems.

use serde_json::{Value, json};

use crate::SCRIPTED;
use crate::harness::{Editor, Workspace, able, task_text};

#[test]
fn lenses_say_what_would_start_and_are_complete() {
    let workspace = Workspace::with_agent(SCRIPTED);
    let first = workspace.task("TASK-A-001", 1, "");
    workspace.task("TASK-A-002", 1, "");
    workspace.task("TASK-A-003", 1, "");
    let second = workspace.task("TASK-A-004", 2, "depends_on: [TASK-A-001]\n");
    workspace.write("tasks/README.md", "# No task\n");
    let mut editor = Editor::open(&workspace);
    let uri = editor.open_file(&workspace, &first);
    let lenses = editor.lenses(&uri);
    assert_eq!(lenses[0]["command"]["title"], "\u{25b6} Run wave 1 (3 tasks)");
    assert_eq!(lenses[0]["command"]["command"], "featureBuild/runWave");
    assert_eq!(lenses[0]["command"]["arguments"], json!([workspace.target(json!({ "wave": "1" }))]));
    assert_eq!(lenses[0]["range"]["start"]["line"], 5, "on the line of the wave");
    assert_eq!(lenses[1]["command"]["title"], "\u{25b6} Run task");
    assert_eq!(lenses[1]["command"]["arguments"], json!([workspace.target(json!({ "task": "TASK-A-001" }))]));
    assert_eq!(lenses.len(), 2);
    let waiting = editor.open_file(&workspace, &second);
    assert!(!editor.titles(&waiting).contains(&"\u{25b6} Run task".to_string()), "it waits for another");
    let readme = editor.open_file(&workspace, "tasks/README.md");
    assert_eq!(editor.lenses(&readme), Vec::<Value>::new());
    editor.quit();
}

#[test]
fn code_actions_carry_the_same_commands() {
    let workspace = Workspace::with_agent(SCRIPTED);
    let file = workspace.task("TASK-A-001", 1, "");
    let at = json!({ "line": 8, "character": 0 });
    let ask = |uri: &str, only: Value| {
        json!({ "textDocument": { "uri": uri }, "range": { "start": at, "end": at },
                "context": { "diagnostics": [], "only": only } })
    };
    let mut editor = Editor::open(&workspace);
    let uri = editor.open_file(&workspace, &file);
    let actions = editor.request("textDocument/codeAction", ask(&uri, Value::Null));
    let titles: Vec<&str> =
        actions.as_array().unwrap().iter().map(|action| action["title"].as_str().unwrap()).collect();
    assert_eq!(titles, ["Run wave 1 (1 task)", "Run task TASK-A-001", "Run feature FEAT-1"]);
    let lenses = editor.lenses(&uri);
    assert_eq!(actions[0]["command"]["command"], lenses[0]["command"]["command"]);
    assert_eq!(actions[0]["command"]["arguments"], lenses[0]["command"]["arguments"]);
    assert_eq!(editor.request("textDocument/codeAction", ask(&uri, json!(["quickfix"]))), json!([]));
    assert_eq!(editor.request("textDocument/codeAction", ask(&uri, json!(["source"]))), actions);
    editor.quit();

    let mut abilities = able();
    abilities["textDocument"] = json!({});
    let mut editor = Editor::start(&[workspace.root()], abilities, json!({}));
    let uri = editor.open_file(&workspace, &file);
    let actions = editor.request("textDocument/codeAction", ask(&uri, Value::Null));
    assert_eq!(actions[0]["command"], "featureBuild/runWave", "a plain command for a client that knows no more");
    editor.quit();
}

#[test]
fn forty_edits_and_a_request_answer_with_the_last_text() {
    let workspace = Workspace::with_agent(SCRIPTED);
    let file = workspace.task("TASK-A-001", 1, "");
    let mut editor = Editor::open(&workspace);
    let uri = editor.open_file(&workspace, &file);
    editor.lenses(&uri); // the index is there: from now on each request answers with the text of its moment
    for round in 0..5 {
        let mut asked = Vec::new();
        for wave in 1..=40 {
            let old = if wave == 1 && round == 0 { 1 } else { usize::from(wave > 10 || (wave == 1 && round > 0)) + 1 };
            let range = json!({ "start": { "line": 5, "character": 6 }, "end": { "line": 5, "character": 6 + old } });
            editor.change(&uri, json!([{ "range": range, "text": wave.to_string() }]));
            if wave == 20 {
                asked.push(editor.ask("textDocument/codeLens", json!({ "textDocument": { "uri": uri } })));
            }
        }
        let last = editor.ask("textDocument/codeLens", json!({ "textDocument": { "uri": uri } }));
        let middle = editor.answer(asked[0]);
        assert_eq!(middle[0]["command"]["title"], "\u{25b6} Run wave 20 (1 task)");
        assert_eq!(editor.answer(last)[0]["command"]["title"], "\u{25b6} Run wave 40 (1 task)");
    }
    editor.quit();
}

#[test]
fn columns_are_counted_in_the_negotiated_encoding() {
    // Two wide characters before the value that the diagnostic is about.
    let text = task_text("TASK-A-001", 1, "depends_on: [ \"\u{1f600}\u{e4}\", TASK-NONE]\n");
    for (encoding, column) in [("utf-8", 24), ("utf-16", 21), ("utf-32", 20)] {
        let workspace = Workspace::with_agent(SCRIPTED);
        workspace.write("tasks/backlog/feat/TASK-A-001.md", &text);
        let mut abilities = able();
        abilities["general"] = json!({ "positionEncodings": [encoding] });
        let mut editor = Editor::start(&[workspace.root()], abilities, json!({}));
        let uri = workspace.uri("tasks/backlog/feat/TASK-A-001.md");
        let about = |all: &[Value]| {
            let none = |one: &&Value| one["message"].as_str().unwrap().contains("TASK-NONE");
            all.iter().find(none).map(|one| one["range"]["start"].clone())
        };
        let closed = editor.diagnostics(&uri, |all| about(all).is_some());
        assert_eq!(about(&closed).unwrap(), json!({ "line": 6, "character": column }), "{encoding}, closed");
        editor.open_text(&uri, &text);
        // A wide character more before it, as an edit in that encoding; then every column moves by its width.
        let wide = if encoding == "utf-8" {
            4
        } else if encoding == "utf-16" {
            2
        } else {
            1
        };
        let at = json!({ "line": 6, "character": 15 });
        editor.change(&uri, json!([{ "range": { "start": at, "end": at }, "text": "\u{1f600}" }]));
        let moved = json!({ "line": 6, "character": column + wide });
        editor.diagnostics(&uri, |all| about(all).as_ref() == Some(&moved));
        editor.quit();
    }
}

#[test]
fn problems_of_closed_files_are_told_and_follow_edits_of_others() {
    let workspace = Workspace::with_agent(SCRIPTED);
    let named = workspace.task("TASK-A-001", 1, "");
    let naming = workspace.task("TASK-A-002", 2, "depends_on: [TASK-A-01]\n");
    let mut editor = Editor::open(&workspace);
    let told = editor.diagnostics(&workspace.uri(&naming), |all| all.len() == 1);
    assert_eq!(told[0]["code"], "unknown-dependency");
    assert_eq!(told[0]["severity"], 1);
    assert_eq!(told[0]["source"], "feature-build");
    assert!(told[0]["message"].as_str().unwrap().contains("TASK-A-001"), "names the nearest: {}", told[0]);
    // The other file takes the id that was missing: the problem of the closed file goes.
    let uri = editor.open_file(&workspace, &named);
    let range = json!({ "start": { "line": 1, "character": 4 }, "end": { "line": 1, "character": 14 } });
    editor.change(&uri, json!([{ "range": range, "text": "TASK-A-01" }]));
    editor.diagnostics(&workspace.uri(&naming), <[Value]>::is_empty);
    // Closed without being saved: the disk counts again.
    editor.notify("textDocument/didClose", json!({ "textDocument": { "uri": uri } }));
    editor.diagnostics(&workspace.uri(&naming), |all| all.len() == 1);
    editor.quit();
}

#[test]
fn what_has_not_changed_is_not_published_again() {
    let workspace = Workspace::with_agent(SCRIPTED);
    let file = workspace.task("TASK-A-001", 1, "depends_on: [TASK-NONE]\n");
    let mut editor = Editor::open(&workspace);
    let uri = editor.open_file(&workspace, &file);
    editor.diagnostics(&uri, |all| all.len() == 1);
    editor.lenses(&uri);
    editor.heard();
    let end = json!({ "line": 10, "character": 0 });
    for _ in 0..10 {
        editor.change(&uri, json!([{ "range": { "start": end, "end": end }, "text": "more\n" }]));
        editor.lenses(&uri); // what waits to be published is gathered: each edit gets its chance
    }
    // A change that is published: everything before it has been published by then.
    let at = json!({ "line": 0, "character": 3 });
    editor.change(&uri, json!([{ "range": { "start": at, "end": at }, "text": "\n" }]));
    editor.diagnostics(&uri, |all| all.len() == 1 && all[0]["range"]["start"]["line"] == 7);
    let again = editor.heard().into_iter().filter(|one| one["method"] == "textDocument/publishDiagnostics").count();
    assert_eq!(again, 0);
    editor.quit();
}

/// All of a wave have something published; what one of them says of itself is news of that file alone.
#[test]
fn the_status_of_one_task_of_28_publishes_that_file_alone() {
    let workspace = Workspace::with_agent(SCRIPTED);
    let files: Vec<String> =
        (1..=28).map(|number| workspace.task(&format!("TASK-A-{number:03}"), 1, "depends_on: [TASK-NONE]\n")).collect();
    let mut editor = Editor::open(&workspace);
    for file in &files {
        editor.diagnostics(&workspace.uri(file), |all| all.len() == 1 && all[0]["severity"] == 1);
    }
    let uri = editor.open_file(&workspace, &files[6]);
    editor.lenses(&uri);
    editor.heard();
    let range = json!({ "start": { "line": 3, "character": 8 }, "end": { "line": 3, "character": 15 } });
    editor.change(&uri, json!([{ "range": range, "text": "completed" }]));
    editor.diagnostics(&uri, |all| all.len() == 1 && all[0]["severity"] == 3);
    // A later change of another file is published: all that the first one changed was published before.
    let other = editor.open_file(&workspace, &files[7]);
    editor.change(&other, json!([{ "range": range, "text": "completed" }]));
    editor.diagnostics(&other, |all| all.len() == 1 && all[0]["severity"] == 3);
    let published = editor.heard().into_iter().filter(|one| one["method"] == "textDocument/publishDiagnostics");
    assert_eq!(published.map(|one| one["params"]["uri"].clone()).collect::<Vec<_>>(), Vec::<Value>::new());
    editor.quit();
}

#[test]
fn requests_before_the_index_is_there_are_answered_when_it_is_and_can_be_cancelled() {
    let workspace = Workspace::with_agent(SCRIPTED);
    for number in 0..300 {
        workspace.task(&format!("TASK-A-{number:03}"), 1, "");
    }
    let mut editor = Editor::open(&workspace);
    let uri = editor.open_file(&workspace, "tasks/backlog/feat/TASK-A-000.md");
    // More than tower-lsp's own limit of handlers: none of them holds up the others.
    let asked: Vec<i64> =
        (0..20).map(|_| editor.ask("textDocument/codeLens", json!({ "textDocument": { "uri": uri } }))).collect();
    editor.notify("$/cancelRequest", json!({ "id": asked[0] }));
    for id in &asked[1..] {
        assert_eq!(editor.answer(*id)[0]["command"]["title"], "\u{25b6} Run wave 1 (300 tasks)");
    }
    let first = editor.response(asked[0]);
    assert!(first["error"]["code"] == -32800 || first["result"].is_array(), "{first}");
    editor.quit();
}

#[test]
fn the_end_of_input_ends_the_server_while_requests_wait() {
    let workspace = Workspace::with_agent(SCRIPTED);
    for number in 0..300 {
        workspace.task(&format!("TASK-A-{number:03}"), 1, "");
    }
    let mut editor = Editor::open(&workspace);
    let uri = editor.open_file(&workspace, "tasks/backlog/feat/TASK-A-000.md");
    for _ in 0..20 {
        editor.ask("textDocument/codeLens", json!({ "textDocument": { "uri": uri } }));
    }
    editor.hang_up();
    editor.end();
}

#[test]
fn a_cycle_is_told_with_its_other_ends_in_closed_files() {
    let workspace = Workspace::with_agent(SCRIPTED);
    let one = workspace.task("TASK-A-001", 1, "depends_on: [TASK-A-002]\n");
    let other = workspace.task("TASK-A-002", 1, "depends_on: [TASK-A-001]\n");
    let mut editor = Editor::open(&workspace);
    let cycle = |all: &[Value]| all.iter().any(|one| one["code"] == "dependency-cycle");
    let told = editor.diagnostics(&workspace.uri(&one), cycle);
    let told = told.iter().find(|one| one["code"] == "dependency-cycle").unwrap();
    let related = told["relatedInformation"].as_array().unwrap();
    assert!(related.iter().any(|place| place["location"]["uri"] == workspace.uri(&other)), "{told}");
    assert_eq!(told["range"]["start"]["line"], 6);
    editor.diagnostics(&workspace.uri(&other), cycle);
    editor.quit();
}

#[test]
fn a_command_that_takes_a_value_where_none_may_stand_is_told_in_the_configuration_while_it_does() {
    let workspace = Workspace::new();
    workspace.write("feature-build.yaml", "run:\n  command: [sh, -c, \"echo {title}\"]\n");
    let mut editor = Editor::open(&workspace);
    let uri = editor.open_file(&workspace, "feature-build.yaml");
    let told = editor.diagnostics(&uri, |diagnostics| !diagnostics.is_empty());
    assert_eq!((told.len(), &told[0]["code"]), (1, &json!("unsafe-value")), "{told:?}");
    assert_eq!(told[0]["range"]["start"], json!({ "line": 1, "character": 21 }), "{told:?}");

    workspace.write("feature-build.yaml", "run:\n  command: [sh, -c, 'echo \"$1\"', sh, \"{title}\"]\n");
    editor.notify("workspace/didChangeWatchedFiles", json!({ "changes": [{ "uri": uri, "type": 2 }] }));
    editor.diagnostics(&uri, <[_]>::is_empty);
    editor.quit();
}
