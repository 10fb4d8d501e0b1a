//! Ending what runs by a click: what is a slip of the hand, what is asked about first, what counts at once.

use std::time::{Duration, Instant};

use feature_build::run::Level;
use serde_json::{Value, json};

use crate::harness::{Answer, Editor, Workspace, able, eventually};
use crate::{SCRIPTED, wait_for};

const MAYBE: &str = "window/showMessageRequest";

/// A task that does not end when it is asked to.
fn deaf() -> (Workspace, String) {
    let workspace = Workspace::with_agent(SCRIPTED);
    workspace.write("feature-build.yaml", "run:\n  command: [sh, tools/agent.sh, \"{id}\"]\ngrace_seconds: 100000\n");
    let file = workspace.task("TASK-A-001", 1, "");
    workspace.write("tools/TASK-A-001.sh", "trap 'touch asked' TERM\ntouch deaf\nwhile :; do sleep 0.01; done\n");
    (workspace, file)
}

fn start(editor: &mut Editor, workspace: &Workspace) -> String {
    let answer = editor.command("featureBuild/runWave", workspace.target(json!({ "wave": "1" })));
    eventually("the task runs", || workspace.path("deaf").exists());
    answer["run"].as_str().unwrap_or_else(|| panic!("nothing was started: {answer}")).to_string()
}

fn once(editor: &mut Editor, lens: &Value) -> Value {
    editor.command(lens["command"].as_str().unwrap(), lens["arguments"][0].clone())
}

/// Makes the workspace's one run look as if it had begun two minutes ago.
fn age(workspace: &Workspace) {
    let runs = std::fs::read_dir(workspace.path(".feature-build/runs")).unwrap().flatten();
    let [journal] = runs.map(|run| run.path().join("journal.jsonl")).collect::<Vec<_>>().try_into().unwrap();
    let text = std::fs::read_to_string(&journal).unwrap();
    let now = jiff::Timestamp::now();
    let earlier = now - jiff::SignedDuration::from_mins(2);
    let aged = |line: &str| {
        let mut record: Value = serde_json::from_str(line).unwrap();
        record["time"] = json!(earlier.to_string());
        record.to_string() + "\n"
    };
    std::fs::write(journal, text.lines().map(aged).collect::<String>()).unwrap();
}

#[test]
fn a_lens_that_has_only_just_come_to_stand_there_ends_nothing() {
    let (workspace, file) = deaf();
    let mut editor = Editor::open(&workspace);
    let uri = editor.open_file(&workspace, &file);
    let run = start(&mut editor, &workspace);
    for (title, level) in [("Cancel", "terminate"), ("Kill", "kill")] {
        for title in [title.to_string(), format!("{title} task")] {
            let lens = editor.lens(&uri, &title);
            assert_eq!(lens["arguments"][0]["lens"], true, "{lens}");
            assert_eq!(lens["arguments"][0]["level"], level, "{lens}");
        }
        let lens = editor.lens(&uri, title);
        let answer = once(&mut editor, &lens);
        let left = answer["ignored"]["left_ms"].as_u64().unwrap_or_else(|| panic!("{title}: {answer}"));
        assert!((1..=2000).contains(&left), "{answer}");
        assert_eq!(answer["cancelled"], json!([]), "{answer}");
        assert_eq!(workspace.path("asked").exists(), title == "Kill", "nothing was asked for");
        let begun = Instant::now();
        assert_eq!(editor.click(&uri, title)["cancelled"], json!([run]), "later it counts");
        assert!(begun.elapsed() < Duration::from_secs(30));
        if title == "Cancel" {
            eventually("the task is asked to end", || workspace.path("asked").exists());
        }
    }
    editor.progress(|value| value["kind"] == "end");
    editor.quit();
}

/// A key, a palette, another client: who sends what no lens sends means it.
#[test]
fn what_is_no_lens_counts_at_once() {
    let (workspace, _) = deaf();
    let mut editor = Editor::open(&workspace);
    let run = start(&mut editor, &workspace);
    let cancel = |editor: &mut Editor| {
        let answer = editor.command("featureBuild/cancel", workspace.target(json!({})));
        assert_eq!(answer["cancelled"], json!([run]), "{answer}");
    };
    cancel(&mut editor);
    editor.progress(|value| value["message"].as_str().is_some_and(|text| text.contains("terminating")));
    eventually("the task is asked to end", || workspace.path("asked").exists());
    cancel(&mut editor);
    let end = editor.progress(|value| value["kind"] == "end");
    assert!(end["value"]["message"].as_str().unwrap().starts_with("1 cancelled"), "{end}");
    editor.quit();
}

/// The journal tells of the first one a moment later.
#[test]
fn two_words_in_a_row_are_two() {
    let (workspace, _) = deaf();
    let mut editor = Editor::open(&workspace);
    start(&mut editor, &workspace);
    for _ in 0..2 {
        editor.command("featureBuild/cancel", workspace.target(json!({})));
    }
    let end = editor.progress(|value| value["kind"] == "end");
    assert!(end["value"]["message"].as_str().unwrap().starts_with("1 cancelled"), "{end}");
    editor.quit();
}

/// Whoever answers what an event tells means the run as it is by then.
#[test]
fn the_server_knows_what_its_events_tell() {
    let (workspace, _) = deaf();
    let mut editor = Editor::start(&[workspace.root()], able(), json!({ "events": true }));
    let run = start(&mut editor, &workspace);
    // Somebody else's word.
    let run = feature_build::run::RunId(feature_build::task::TaskId::new(&run).unwrap());
    feature_build::run::cancel(&workspace.path(".feature-build"), &run, None, Level::Terminate).unwrap();
    while editor.next("featureBuild/event")["event"] != "run-cancelling" {}
    editor.command("featureBuild/cancel", workspace.target(json!({})));
    let end = editor.progress(|value| value["kind"] == "end");
    assert!(end["value"]["message"].as_str().unwrap().starts_with("1 cancelled"), "{end}");
    editor.quit();
}

/// The status tells and shows; it is nothing that ends something.
#[test]
fn a_click_on_a_status_shows_output_and_ends_nothing() {
    let workspace = Workspace::with_agent(SCRIPTED);
    let file = workspace.task("TASK-A-001", 1, "");
    workspace.task("TASK-A-002", 1, "");
    workspace.write("tools/TASK-A-001.sh", &wait_for("go"));
    workspace.write("tools/TASK-A-002.sh", &wait_for("go"));
    let mut editor = Editor::open(&workspace);
    let uri = editor.open_file(&workspace, &file);
    editor.command("featureBuild/runWave", workspace.target(json!({ "wave": "1" })));
    editor.titles_until(&uri, |titles| titles.contains(&"\u{23f3} running".into()));
    for title in ["\u{23f3} 0/2 done", "\u{23f3} running"] {
        let lens = editor.lens(&uri, title);
        let answer = once(&mut editor, &lens);
        assert!(answer["uri"].as_str().unwrap().ends_with("TASK-A-001.log"), "{title}: {answer}");
        assert_eq!(editor.next("window/showDocument")["uri"], answer["uri"]);
    }
    workspace.write("go", "");
    let end = editor.progress(|value| value["kind"] == "end");
    assert!(end["value"]["message"].as_str().unwrap().starts_with("2 passed"), "{end}");
    editor.quit();
}

#[test]
fn what_has_run_for_long_is_ended_after_a_question_where_one_can_be_asked() {
    for (answers, by_progress) in
        [(Some("Keep it running"), false), (Some("Cancel it"), false), (Some("Cancel it"), true), (None, false)]
    {
        let (workspace, file) = deaf();
        let mut editor = Editor::open(&workspace);
        let run = start(&mut editor, &workspace);
        editor.quit();
        age(&workspace);

        let mut capabilities = able();
        if answers.is_none() {
            capabilities["window"]["showMessage"] = Value::Null;
        }
        let mut editor = Editor::start(&[workspace.root()], capabilities, json!({}));
        editor.answer_with(move |method, _| match (method, answers) {
            (MAYBE, Some(answer)) => Answer::Result(json!({ "title": answer })),
            _ => Answer::Result(Value::Null),
        });
        let uri = editor.open_file(&workspace, &file);
        let lens = editor.lens(&uri, "Cancel");
        if by_progress {
            let begin = editor.progress(|value| value["kind"] == "begin");
            editor.notify("window/workDoneProgress/cancel", json!({ "token": begin["token"] }));
        } else {
            let answer = once(&mut editor, &lens);
            assert_eq!(answer.get("ignored"), None, "it began long ago: {answer}");
            if answers.is_none() {
                assert_eq!(answer["cancelled"], json!([run]), "{answer}");
            } else {
                assert_eq!((&answer["asking"], &answer["cancelled"]), (&json!(true), &json!([])), "{answer}");
            }
        }
        if let Some(chosen) = answers {
            let asked = editor.next(MAYBE);
            let text = asked["message"].as_str().unwrap();
            assert!(text.starts_with("Cancel ") && text.contains("It has run for 2 m 0"), "{text}");
            if chosen == "Keep it running" {
                // The next one is asked about again; who cancels while it is asked means it.
                assert_eq!(once(&mut editor, &lens)["asking"], true);
                editor.next(MAYBE);
                assert!(!workspace.path("asked").exists());
                editor.quit();
                continue;
            }
        }
        eventually("the task is asked to end", || workspace.path("asked").exists());
        editor.quit();
    }
}

/// A client that says that it can ask, and never answers, must not keep anybody from ending a run.
#[test]
fn who_cancels_while_the_question_is_open_has_answered_it() {
    let (workspace, file) = deaf();
    let mut editor = Editor::open(&workspace);
    let run = start(&mut editor, &workspace);
    editor.quit();
    age(&workspace);
    let mut editor = Editor::open(&workspace);
    let uri = editor.open_file(&workspace, &file);
    editor.answer_with(|method, _| if method == MAYBE { Answer::Silence } else { Answer::Result(Value::Null) });
    editor.lens(&uri, "Cancel");
    let target = workspace.target(json!({ "wave": "1" }));
    assert_eq!(editor.command("featureBuild/cancel", target.clone())["asking"], true);
    assert_eq!(editor.command("featureBuild/cancel", target)["cancelled"], json!([run]));
    eventually("the task is asked to end", || workspace.path("asked").exists());
    editor.quit();
}
