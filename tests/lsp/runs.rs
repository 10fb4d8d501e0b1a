//! Runs: started by a click, by a terminal, by another server; followed, cancelled, survived.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Answer, BINARY, Editor, Workspace, able, eventually, is_of_run, uri as uri_of};
use crate::{SCRIPTED, wait_for};

const RUN_WAVE: &str = "featureBuild/runWave";

/// Three tasks of one wave that wait for a file each.
fn waiting_wave() -> (Workspace, String) {
    let workspace = Workspace::with_agent(SCRIPTED);
    for number in 1..=3 {
        let id = format!("TASK-A-{number:03}");
        workspace.task(&id, 1, "");
        workspace.write(&format!("tools/{id}.sh"), &wait_for(&format!("go-{id}")));
    }
    (workspace, "tasks/backlog/feat/TASK-A-001.md".into())
}

fn let_go(workspace: &Workspace, numbers: impl IntoIterator<Item = u32>) {
    for number in numbers {
        workspace.write(&format!("go-TASK-A-{number:03}"), "");
    }
}

fn run_wave(editor: &mut Editor, workspace: &Workspace) -> String {
    let answer = editor.command(RUN_WAVE, workspace.target(json!({ "wave": "1" })));
    answer["run"].as_str().unwrap_or_else(|| panic!("nothing was started: {answer}")).to_string()
}

#[test]
fn a_click_runs_the_wave_and_lens_and_progress_follow_it() {
    let (workspace, file) = waiting_wave();
    let mut editor = Editor::open(&workspace);
    let uri = editor.open_file(&workspace, &file);
    let click = editor.lenses(&uri)[0]["command"].clone();
    let answer = editor
        .request("workspace/executeCommand", json!({ "command": click["command"], "arguments": click["arguments"] }));
    assert!(answer["run"].is_string(), "{answer}");
    editor.titles_until(&uri, |titles| titles[0] == "\u{23f3} 0/3 done");

    let created = editor
        .wait("a progress bar", |message| message["method"] == "window/workDoneProgress/create" && is_of_run(message));
    let begin = editor.progress(|value| value["kind"] == "begin");
    assert_eq!(begin["token"], created["params"]["token"], "create comes before begin");
    assert_eq!(begin["value"]["cancellable"], true);
    assert_eq!(begin["value"]["percentage"], 0);
    assert_eq!(begin["value"]["title"], "wave 1 of FEAT-1");

    let_go(&workspace, [1]);
    editor.titles_until(&uri, |titles| titles[0] == "\u{23f3} 1/3 done");
    let report =
        editor.progress(|value| value["message"].as_str().is_some_and(|text| text.starts_with("1/3 \u{b7} TASK-A-00")));
    assert_eq!(report["value"]["percentage"], 33);
    let_go(&workspace, [2, 3]);
    let end = editor.progress(|value| value["kind"] == "end");
    assert!(end["value"]["message"].as_str().unwrap().starts_with("3 passed in "), "{end}");
    let titles = editor.titles_until(&uri, |titles| titles[0].starts_with('\u{2713}'));
    assert!(titles[0].starts_with("\u{2713} passed in "), "{titles:?}");
    assert_eq!(titles.len(), 1, "nothing is left to run: {titles:?}");
    for report in editor.heard().iter().filter(|message| message["params"]["value"]["kind"] == "report") {
        assert!(report["params"]["value"]["percentage"].is_u64(), "each report has a percentage: {report}");
    }
    editor.quit();
}

#[test]
fn a_wave_that_already_runs_is_told_and_not_started_again() {
    let (workspace, file) = waiting_wave();
    let mut editor = Editor::open(&workspace);
    editor.open_file(&workspace, &file);
    let command = |target| json!({ "command": RUN_WAVE, "arguments": [target] });
    let both =
        [(); 2].map(|()| editor.ask("workspace/executeCommand", command(workspace.target(json!({ "wave": "1" })))));
    let both = both.map(|id| editor.answer(id));
    assert_eq!(both.iter().filter(|answer| answer["run"].is_string()).count(), 1, "a double click: {both:?}");
    let again = editor.command(RUN_WAVE, workspace.target(json!({ "wave": "1" })));
    assert_eq!(again["run"], Value::Null);
    assert!(again["reason"].as_str().unwrap().contains("wave 1 of FEAT-1"), "{again}");
    editor.wait("the message about it", |message| {
        message["method"] == "window/showMessage" && message["params"]["message"] == again["reason"]
    });
    assert!(again["reason"].as_str().unwrap().contains("already runs"), "{again}");
    let task = editor.command("featureBuild/runTask", workspace.target(json!({ "task": "TASK-A-002" })));
    assert!(task["reason"].as_str().unwrap().contains("TASK-A-002 already runs"), "{task}");
    let_go(&workspace, 1..=3);
    editor.progress(|value| value["kind"] == "end");
    assert_eq!(std::fs::read_dir(workspace.path(".feature-build/runs")).unwrap().count(), 1);
    editor.quit();
}

#[test]
fn the_custom_request_answers_like_the_command() {
    let workspace = Workspace::with_agent(SCRIPTED);
    workspace.task("TASK-A-001", 1, "");
    let mut editor = Editor::open(&workspace);
    let wrong = editor.request(RUN_WAVE, workspace.target(json!({ "wave": "7" })));
    assert_eq!(wrong["run"], Value::Null);
    assert!(wrong["reason"].as_str().unwrap().contains("wave \"7\""), "{wrong}");
    let started = editor.request(RUN_WAVE, workspace.target(json!({ "wave": "1" })));
    assert!(started["run"].is_string(), "{started}");
    editor.progress(|value| value["kind"] == "end");
    let id = editor.ask(RUN_WAVE, json!({ "wave": "1" }));
    assert_eq!(editor.response(id)["error"]["code"], -32602, "no root named");
    let id = editor.ask("workspace/executeCommand", json!({ "command": "featureBuild/none", "arguments": [] }));
    assert_eq!(editor.response(id)["error"]["code"], -32602);
    editor.quit();
}

#[test]
fn without_a_configuration_the_answer_says_what_to_write() {
    let workspace = Workspace::new();
    workspace.task("TASK-A-001", 1, "");
    let mut editor = Editor::open(&workspace);
    let answer = editor.command(RUN_WAVE, workspace.target(json!({ "wave": "1" })));
    assert_eq!(answer["run"], Value::Null);
    let reason = answer["reason"].as_str().unwrap();
    assert!(reason.contains("feature-build.yaml") && reason.contains("command:"), "{reason}");
    editor.quit();
}

#[test]
fn unsaved_changes_refuse_the_run_and_name_the_file() {
    let workspace = Workspace::with_agent(SCRIPTED);
    let file = workspace.task("TASK-A-001", 1, "");
    let other = workspace.task("TASK-B-001", 2, "");
    let mut editor = Editor::open(&workspace);
    let uri = editor.open_file(&workspace, &file);
    let elsewhere = editor.open_file(&workspace, &other);
    let at = json!({ "line": 8, "character": 0 });
    let edit = json!([{ "range": { "start": at, "end": at }, "text": "more" }]);
    editor.change(&uri, edit.clone());
    let answer = editor.command(RUN_WAVE, workspace.target(json!({ "wave": "1" })));
    assert_eq!(answer["run"], Value::Null);
    assert!(answer["reason"].as_str().unwrap().contains(&file), "{answer}");
    // Another task's unsaved changes are no reason, nor are changes that were undone or saved.
    editor.change(&elsewhere, edit);
    let undo = json!({ "start": at, "end": { "line": 8, "character": 4 } });
    editor.change(&uri, json!([{ "range": undo, "text": "" }]));
    assert!(editor.command(RUN_WAVE, workspace.target(json!({ "wave": "1" })))["run"].is_string());
    editor.progress(|value| value["kind"] == "end");
    editor.quit();
}

#[test]
fn a_run_is_cancelled_by_its_lens_and_by_its_progress() {
    for by_lens in [true, false] {
        let (workspace, file) = waiting_wave();
        let mut editor = Editor::open(&workspace);
        let uri = editor.open_file(&workspace, &file);
        run_wave(&mut editor, &workspace);
        let begin = editor.progress(|value| value["kind"] == "begin");
        editor.titles_until(&uri, |titles| titles.contains(&"Cancel".into()));
        // One that has not started by then is skipped.
        eventually("all tasks are on", || told(&workspace, "task-started") == 3);
        if by_lens {
            let answer = editor.click(&uri, "Cancel");
            assert_eq!(answer["cancelled"].as_array().unwrap().len(), 1, "{answer}");
        } else {
            editor.notify("window/workDoneProgress/cancel", json!({ "token": begin["token"] }));
        }
        let end = editor.progress(|value| value["kind"] == "end");
        assert!(end["value"]["message"].as_str().unwrap().contains("3 cancelled"), "{end}");
        let titles = editor.titles_until(&uri, |titles| titles.iter().any(|title| title.contains("cancelled")));
        assert!(titles.contains(&"\u{25a0} cancelled \u{b7} Open log".to_string()), "{titles:?}");
        let shouted = editor.heard().iter().any(|message| message["method"] == "window/showMessage");
        assert!(!shouted, "who cancels needs no error message");
        editor.quit();
    }
}

/// Two waves: the present one can be the last, and what does not want to end can be killed.
#[test]
fn the_lens_offers_each_level_of_ending_a_run() {
    let (workspace, file) = waiting_wave();
    workspace.write("feature-build.yaml", "run:\n  command: [sh, tools/agent.sh, \"{id}\"]\ngrace_seconds: 100000\n");
    let later = workspace.task("TASK-B-001", 2, "");
    workspace.write("tools/TASK-A-001.sh", "trap '' TERM\ntouch deaf\nwhile :; do sleep 0.01; done\n");
    let mut editor = Editor::open(&workspace);
    let uri = editor.open_file(&workspace, &file);
    let answer = editor.command("featureBuild/runFeature", workspace.target(json!({})));
    assert!(answer["run"].is_string(), "{answer}");
    let stop = "Stop after this wave".to_string();
    editor.titles_until(&uri, |titles| titles.contains(&stop));
    assert_eq!(editor.click(&uri, &stop)["cancelled"].as_array().unwrap().len(), 1);
    let stops = "\u{23f3} 0/3 done, stops after this wave";
    editor.titles_until(&uri, |titles| titles[..2] == [stops, "Cancel"] && !titles.contains(&stop));
    let later = editor.open_file(&workspace, &later);
    let wont = ["\u{23f3} 0/1 done, will not start", "Cancel", "\u{23f3} will not start", "Cancel task"];
    editor.titles_until(&later, |titles| titles == wont);
    eventually("the task ignores SIGTERM", || workspace.path("deaf").exists());
    editor.click(&uri, "Cancel");
    let terminating = "\u{23f3} 0/3 done, 2 cancelled, terminating\u{2026}";
    editor.titles_until(&uri, |titles| titles[..2] == [terminating, "Kill"]);
    assert!(
        editor.progress(|value| value["message"].as_str().is_some_and(|text| text.contains("terminating"))).is_object()
    );
    editor.click(&uri, "Kill");
    let end = editor.progress(|value| value["kind"] == "end");
    assert!(end["value"]["message"].as_str().unwrap().contains("3 cancelled, 1 skipped"), "{end}");
    editor.quit();
}

/// Tasks and clocks stand still, and every place says so until they go on.
#[test]
fn a_paused_run_says_so() {
    let (workspace, file) = waiting_wave();
    let mut editor = Editor::open(&workspace);
    let uri = editor.open_file(&workspace, &file);
    let run = run_wave(&mut editor, &workspace);
    editor.titles_until(&uri, |titles| titles.contains(&"\u{23f3} running".into()));
    let id = feature_build::run::RunId(feature_build::task::TaskId::new(&run).unwrap());
    let state = workspace.path(".feature-build");
    feature_build::run::pause(&state, &id).unwrap();
    editor.titles_until(&uri, |titles| titles[0] == "\u{23f3} 0/3 done, paused" && titles[2] == "\u{23f3} paused");
    feature_build::run::go_on(&state, &id).unwrap();
    editor.titles_until(&uri, |titles| titles[0] == "\u{23f3} 0/3 done" && titles[2] == "\u{23f3} running");
    editor.quit();
}

/// One task of a wave, by its own lens; then the rest of that run alone, by its name.
#[test]
fn a_task_and_a_run_are_ended_level_by_level() {
    let (workspace, file) = waiting_wave();
    workspace.write("feature-build.yaml", "run:\n  command: [sh, tools/agent.sh, \"{id}\"]\ngrace_seconds: 100000\n");
    workspace.write("tools/TASK-A-001.sh", "trap '' TERM\ntouch deaf\nwhile :; do sleep 0.01; done\n");
    workspace.write("tools/TASK-A-003.sh", "trap '' TERM\ntouch deaf-3\nwhile :; do sleep 0.01; done\n");
    let mut editor = Editor::open(&workspace);
    let uri = editor.open_file(&workspace, &file);
    let run = run_wave(&mut editor, &workspace);
    eventually("the task ignores SIGTERM", || workspace.path("deaf").exists());
    eventually("all tasks are on", || told(&workspace, "task-started") == 3);
    editor.titles_until(&uri, |titles| titles.contains(&"\u{23f3} running".into()));
    assert_eq!(editor.click(&uri, "Cancel task")["cancelled"], json!([run]));
    let titles = editor.titles_until(&uri, |titles| titles.contains(&"Kill task".into()));
    assert!(titles.contains(&"\u{23f3} terminating\u{2026}".into()), "{titles:?}");
    assert_eq!(editor.titles(&uri)[0], "\u{23f3} 0/3 done", "the others go on");
    let actions = editor.request(
        "textDocument/codeAction",
        json!({ "textDocument": { "uri": uri }, "context": { "diagnostics": [] },
                "range": { "start": { "line": 0, "character": 0 }, "end": { "line": 0, "character": 0 } } }),
    );
    let titles: Vec<&str> = actions.as_array().unwrap().iter().filter_map(|action| action["title"].as_str()).collect();
    assert!(titles.contains(&"Kill: TASK-A-001") && titles.contains(&"Cancel: wave 1 (0/3 done)"), "{titles:?}");
    assert_eq!(editor.click(&uri, "Kill task")["cancelled"], json!([run]));
    editor.titles_until(&uri, |titles| titles[0] == "\u{23f3} 0/3 done, 1 cancelled");
    // What the user ended is no problem.
    let is_told = |message: &Value| {
        message["method"] == "textDocument/publishDiagnostics" && !message["params"]["diagnostics"][0].is_null()
    };
    assert!(!editor.heard().iter().any(is_told));

    // What an editor's own menu sends: the run by its name, or one task of it.
    let target = |more: Value| {
        let mut target = json!({ "root": uri_of(workspace.root()), "run": run });
        target.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        target
    };
    let answer = editor.command("featureBuild/cancel", target(json!({ "task": "TASK-A-002" })));
    assert_eq!(answer["cancelled"], json!([run]), "{answer}");
    editor.titles_until(&uri, |titles| titles[0] == "\u{23f3} 0/3 done, 2 cancelled");
    let unknown = json!({ "root": uri_of(workspace.root()), "run": "20200101-000000-aaaa" });
    let answer = editor.command("featureBuild/cancel", unknown);
    assert_eq!(answer["cancelled"], json!([]), "no other run: {answer}");
    assert_eq!(answer["reason"], "nothing of run 20200101-000000-aaaa runs");
    // Without a level each cancel is harder than the one before.
    eventually("the third ignores SIGTERM", || workspace.path("deaf-3").exists());
    editor.command("featureBuild/cancel", target(json!({})));
    editor.titles_until(&uri, |titles| titles[..2] == ["\u{23f3} 0/3 done, 2 cancelled, terminating\u{2026}", "Kill"]);
    editor.command("featureBuild/cancel", target(json!({})));
    let end = editor.progress(|value| value["kind"] == "end");
    assert!(end["value"]["message"].as_str().unwrap().contains("3 cancelled"), "{end}");
    editor.quit();
}

#[test]
fn a_second_cancel_of_the_progress_kills() {
    let (workspace, _) = waiting_wave();
    workspace.write("feature-build.yaml", "run:\n  command: [sh, tools/agent.sh, \"{id}\"]\ngrace_seconds: 100000\n");
    workspace.write("tools/TASK-A-001.sh", "trap 'touch asked' TERM\ntouch deaf\nwhile :; do sleep 0.01; done\n");
    let mut editor = Editor::open(&workspace);
    run_wave(&mut editor, &workspace);
    let begin = editor.progress(|value| value["kind"] == "begin");
    eventually("the task runs", || workspace.path("deaf").exists());
    editor.notify("window/workDoneProgress/cancel", json!({ "token": begin["token"] }));
    eventually("the task is asked to end", || workspace.path("asked").exists());
    editor.notify("window/workDoneProgress/cancel", json!({ "token": begin["token"] }));
    editor.progress(|value| value["kind"] == "end");
    editor.quit();
}

#[test]
fn a_retry_is_shown_and_a_flaky_task_is_a_hint() {
    let (workspace, file) = waiting_wave();
    workspace.write(
        "feature-build.yaml",
        "run:\n  command: [sh, tools/agent.sh, \"{id}\"]\nretries: {count: 1, delay_seconds: 1, jitter: 0}\n",
    );
    workspace.write("tools/TASK-A-001.sh", "[ -e tried ] || { touch tried; exit 3; }\n");
    let_go(&workspace, [2, 3]);
    let mut editor = Editor::open(&workspace);
    let uri = editor.open_file(&workspace, &file);
    run_wave(&mut editor, &workspace);
    let waits = |value: &Value| value["message"].as_str().is_some_and(|text| text.contains("tries again in 1"));
    editor.progress(waits);
    editor.titles_until(&uri, |titles| titles[0].starts_with("\u{2713} passed in ") && titles[0].ends_with(", flaky"));
    let told = editor.diagnostics(&uri, |all| all.iter().any(|one| one["code"] == "task-flaky"));
    let flaky = told.iter().find(|one| one["code"] == "task-flaky").unwrap();
    assert_eq!(flaky["severity"], 4, "a hint: {flaky}");
    editor.quit();
}

#[test]
fn a_killed_server_changes_nothing_for_a_run_and_a_new_one_shows_its_end() {
    let (workspace, file) = waiting_wave();
    let mut editor = Editor::open(&workspace);
    run_wave(&mut editor, &workspace);
    editor.progress(|value| value["kind"] == "begin");
    editor.kill();
    let_go(&workspace, [1]);
    let mut editor = Editor::open(&workspace);
    let uri = editor.open_file(&workspace, &file);
    editor.titles_until(&uri, |titles| titles[0] == "\u{23f3} 1/3 done");
    editor.progress(|value| value["kind"] == "begin");
    let_go(&workspace, [2, 3]);
    let end = editor.progress(|value| value["kind"] == "end");
    assert!(end["value"]["message"].as_str().unwrap().starts_with("3 passed"), "{end}");
    editor.quit();
    // And one that comes after the end knows it from the history.
    let mut editor = Editor::open(&workspace);
    let uri = editor.open_file(&workspace, &file);
    assert!(editor.titles(&uri)[0].starts_with("\u{2713} passed in "));
    editor.quit();
}

/// The supervisor of the workspace's run.
fn kill_supervisor(workspace: &Workspace) {
    let runs = workspace.root().join(".feature-build/runs");
    let is_supervisor = |pid: &i32| {
        let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let mut words = arguments.split(|&byte| byte == 0).skip(1);
        words.next() == Some(b"__supervise")
            && words.next().is_some_and(|dir| dir.starts_with(runs.as_os_str().as_encoded_bytes()))
    };
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let [supervisor] = pids.filter(is_supervisor).collect::<Vec<_>>()[..] else { panic!("one supervisor") };
    let supervisor = rustix::process::Pid::from_raw(supervisor).unwrap();
    rustix::process::kill_process(supervisor, rustix::process::Signal::KILL).unwrap();
}

/// How many lines of the journal of the workspace's one run name this event.
fn told(workspace: &Workspace, event: &str) -> usize {
    let runs = std::fs::read_dir(workspace.root().join(".feature-build/runs")).unwrap().flatten();
    let journals: Vec<_> = runs.map(|run| run.path().join("journal.jsonl")).collect();
    let [journal] = journals.as_slice() else { panic!("one run: {journals:?}") };
    std::fs::read_to_string(journal).unwrap().matches(&format!("\"{event}\"")).count()
}

#[test]
fn a_server_gives_a_run_that_it_follows_a_new_supervisor() {
    let (workspace, file) = waiting_wave();
    let mut editor = Editor::open(&workspace);
    run_wave(&mut editor, &workspace);
    let uri = editor.open_file(&workspace, &file);
    editor.progress(|value| value["kind"] == "begin");
    eventually("all tasks are on", || told(&workspace, "task-started") == 3);
    kill_supervisor(&workspace);
    eventually("the run is taken over", || told(&workspace, "run-resumed") == 1);
    let_go(&workspace, 1..=3);
    let end = editor.progress(|value| value["kind"] == "end");
    assert!(end["value"]["message"].as_str().unwrap().starts_with("3 passed"), "{end}");
    editor.titles_until(&uri, |titles| titles[0].starts_with("\u{2713} passed"));
    editor.quit();
}

#[test]
fn of_two_servers_that_start_one_brings_a_run_back_and_both_show_it() {
    let (workspace, file) = waiting_wave();
    let mut editor = Editor::open(&workspace);
    run_wave(&mut editor, &workspace);
    editor.progress(|value| value["kind"] == "begin");
    eventually("all tasks are on", || told(&workspace, "task-started") == 3);
    editor.kill();
    kill_supervisor(&workspace);
    let mut editors = [Editor::open(&workspace), Editor::open(&workspace)];
    eventually("the run is taken over", || told(&workspace, "run-resumed") == 1);
    let_go(&workspace, 1..=3);
    for editor in &mut editors {
        let uri = editor.open_file(&workspace, &file);
        editor.titles_until(&uri, |titles| titles[0].starts_with("\u{2713} passed"));
    }
    assert_eq!(told(&workspace, "run-resumed"), 1);
    editors.into_iter().for_each(Editor::quit);
}

#[test]
fn a_task_that_lives_without_its_supervisor_is_not_called_lost() {
    let (workspace, file) = waiting_wave();
    let mut editor = Editor::open(&workspace);
    run_wave(&mut editor, &workspace);
    eventually("all tasks are on", || told(&workspace, "task-started") == 3);
    editor.kill();
    kill_supervisor(&workspace);
    let mut editor = Editor::open(&workspace);
    let uri = editor.open_file(&workspace, &file);
    let titles = editor.titles_until(&uri, |titles| {
        assert!(!titles.iter().any(|title| title.contains("lost")), "{titles:?}");
        titles.contains(&"Cancel task".to_string())
    });
    assert_eq!(titles[0], "\u{23f3} 0/3 done");
    let_go(&workspace, 1..=3);
    editor.titles_until(&uri, |titles| titles[0].starts_with("\u{2713} passed"));
    editor.quit();
}

/// One of two runs has the task, the other waits for it: for the user it is one task.
#[test]
fn a_task_of_two_runs_is_one_task_in_the_editor() {
    let (workspace, file) = waiting_wave();
    let detached = || {
        let arguments = ["run", "--feature", "FEAT-1", "--wave", "1", "--detach"];
        let started = Command::new(BINARY).args(arguments).current_dir(workspace.root()).stdout(Stdio::null()).status();
        assert!(started.unwrap().success());
    };
    let told = |event: &str| {
        let runs = std::fs::read_dir(workspace.root().join(".feature-build/runs")).unwrap().flatten();
        let journals = runs.map(|run| std::fs::read_to_string(run.path().join("journal.jsonl")).unwrap_or_default());
        journals.map(|journal| journal.matches(&format!("\"{event}\"")).count()).sum::<usize>()
    };
    detached();
    eventually("all tasks are on", || told("task-started") == 3);
    detached();
    eventually("the other run waits for them", || told("task-attached") == 3);
    let mut editor = Editor::open(&workspace);
    let uri = editor.open_file(&workspace, &file);
    editor.titles_until(&uri, |titles| titles[0] == "\u{23f3} 0/3 done" && titles.contains(&"Cancel task".to_string()));
    let answer = editor.command("featureBuild/cancel", workspace.target(json!({ "task": "TASK-A-001" })));
    assert_eq!(answer["cancelled"].as_array().unwrap().len(), 2, "{answer}");
    editor.titles_until(&uri, |titles| titles[0] == "\u{23f3} 0/3 done, 1 cancelled");
    let_go(&workspace, 2..=3);
    editor.titles_until(&uri, |titles| titles.iter().any(|title| title.starts_with("\u{25a0} cancelled")));
    eventually("both runs have ended", || told("run-finished") == 2);
    editor.quit();
}

#[test]
fn ending_a_server_properly_changes_nothing_for_a_run() {
    let (workspace, file) = waiting_wave();
    let mut editor = Editor::open(&workspace);
    run_wave(&mut editor, &workspace);
    editor.quit();
    let_go(&workspace, 1..=3);
    let mut editor = Editor::open(&workspace);
    let uri = editor.open_file(&workspace, &file);
    editor.titles_until(&uri, |titles| titles[0].starts_with("\u{2713} passed"));
    editor.quit();
}

/// The answer to a click names the run before the run has told anything.
#[test]
fn a_run_can_be_cancelled_as_soon_as_it_is_answered() {
    let (workspace, _) = waiting_wave();
    let mut editor = Editor::open(&workspace);
    for target in [json!({ "wave": "1" }), json!({}), json!({ "task": "TASK-A-001" })] {
        let run = run_wave(&mut editor, &workspace);
        let other = editor.command("featureBuild/cancel", workspace.target(json!({ "wave": "2" })));
        assert_eq!(other["cancelled"], json!([]), "{other}");
        let answer = editor.command("featureBuild/cancel", workspace.target(target));
        assert_eq!(answer["cancelled"], json!([run]), "{answer}");
        let_go(&workspace, 2..=3);
        // The first task waits for what never comes: only the cancel ends the run.
        editor.progress(|value| value["kind"] == "end");
        std::fs::remove_file(workspace.path("go-TASK-A-002")).unwrap();
        std::fs::remove_file(workspace.path("go-TASK-A-003")).unwrap();
    }
    editor.quit();
}

#[test]
fn two_servers_on_one_root_show_the_same_run() {
    let (workspace, file) = waiting_wave();
    let mut one = Editor::open(&workspace);
    let mut other = Editor::open(&workspace);
    let uri = other.open_file(&workspace, &file);
    assert_eq!(other.titles(&uri)[0], "\u{25b6} Run wave 1 (3 tasks)");
    run_wave(&mut one, &workspace);
    other.titles_until(&uri, |titles| titles[0] == "\u{23f3} 0/3 done");
    let refused = other.command(RUN_WAVE, workspace.target(json!({ "wave": "1" })));
    assert_eq!(refused["run"], Value::Null, "{refused}");
    let_go(&workspace, 1..=3);
    for editor in [&mut one, &mut other] {
        editor.progress(|value| value["kind"] == "end");
    }
    other.titles_until(&uri, |titles| titles[0].starts_with("\u{2713} passed"));
    one.quit();
    other.quit();
}

#[test]
fn a_run_of_a_terminal_shows_in_the_editor() {
    let (workspace, file) = waiting_wave();
    let mut editor = Editor::open(&workspace);
    let uri = editor.open_file(&workspace, &file);
    assert_eq!(editor.titles(&uri)[0], "\u{25b6} Run wave 1 (3 tasks)");
    let mut terminal = Command::new(BINARY)
        .args(["run", "--feature", "FEAT-1", "--wave", "1"])
        .current_dir(workspace.root())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    editor.titles_until(&uri, |titles| titles[0] == "\u{23f3} 0/3 done");
    editor.progress(|value| value["kind"] == "begin");
    let_go(&workspace, 1..=3);
    editor.progress(|value| value["kind"] == "end");
    assert!(terminal.wait().unwrap().success());
    editor.quit();
}

#[test]
fn every_event_is_told_to_a_client_that_asks() {
    let workspace = Workspace::with_agent(SCRIPTED);
    workspace.task("TASK-A-001", 1, "estimated_minutes: 5\n");
    let mut editor = Editor::start(&[workspace.root()], able(), json!({ "events": true }));
    let run = run_wave(&mut editor, &workspace);
    let last = editor.wait("the run's end", |message| message["params"]["event"] == "run-finished");
    let heard: Vec<Value> = editor.heard().into_iter().chain([last]).collect();
    let events: Vec<&Value> = heard
        .iter()
        .filter(|message| message["method"] == "featureBuild/event")
        .map(|message| &message["params"])
        .collect();
    for (number, event) in (1..).zip(&events) {
        assert_eq!(event["seq"], number, "none is missing, in their order");
        assert_eq!(event["run"], run);
        assert_eq!(event["root"], workspace.root().to_str().unwrap());
    }
    let names: Vec<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    for name in ["run-started", "wave-started", "task-started", "task-finished", "wave-finished", "run-finished"] {
        assert!(names.contains(&name), "{name} is missing: {names:?}");
    }
    let left = |event: Option<&&Value>| event.unwrap()["remaining_ms"].as_u64();
    assert!(left(events.first()).is_some_and(|left| (200_000..=300_000).contains(&left)), "{events:?}");
    assert_eq!(left(events.last()), None, "nothing is left after the end");
    assert_eq!(events.last().unwrap()["outcome"], "passed", "{events:?}");
    let runs = editor.request("featureBuild/runs", json!({ "root": workspace.root() }));
    assert_eq!(runs["runs"][0]["outcome"], "passed", "{runs}");
    editor.quit();
}

#[test]
fn no_event_is_told_to_a_client_that_does_not_ask() {
    let workspace = Workspace::with_agent(SCRIPTED);
    workspace.task("TASK-A-001", 1, "");
    let mut editor = Editor::open(&workspace);
    run_wave(&mut editor, &workspace);
    editor.progress(|value| value["kind"] == "end");
    assert!(!editor.heard().iter().any(|message| message["method"] == "featureBuild/event"));
    editor.quit();
}

#[test]
fn a_feature_runs_its_waves_in_order() {
    let workspace = Workspace::with_agent(SCRIPTED);
    let file = workspace.task("TASK-A-001", 1, "");
    workspace.task("TASK-A-002", 2, "depends_on: [TASK-A-001]\n");
    let mut editor = Editor::open(&workspace);
    let uri = editor.open_file(&workspace, &file);
    let answer = editor.command("featureBuild/runFeature", workspace.target(json!({})));
    assert!(answer["run"].is_string(), "{answer}");
    let end = editor.progress(|value| value["kind"] == "end");
    assert!(end["value"]["message"].as_str().unwrap().starts_with("2 passed"), "{end}");
    editor.titles_until(&uri, |titles| titles == [titles[0].clone()] && titles[0].starts_with('\u{2713}'));
    editor.quit();
}

#[test]
fn each_run_has_a_token_of_its_own_and_reports_come_at_most_ten_times_a_second() {
    let workspace = Workspace::with_agent(SCRIPTED);
    for number in 1..=16 {
        workspace.task(&format!("TASK-A-{number:03}"), 1, "");
        workspace.task(&format!("TASK-B-{number:03}"), 2, "");
    }
    let mut editor = Editor::open(&workspace);
    let mut tokens = Vec::new();
    for wave in ["1", "2"] {
        let began = Instant::now();
        let answer = editor.command(RUN_WAVE, workspace.target(json!({ "wave": wave })));
        assert!(answer["run"].is_string(), "{answer}");
        tokens.push(editor.progress(|value| value["kind"] == "end")["token"].clone());
        let tenths = began.elapsed().as_millis() / 100;
        let heard = editor.heard();
        let reports = heard.iter().filter(|message| message["params"]["value"]["kind"] == "report").count();
        assert!(reports as u128 <= tenths + 1, "{reports} reports in {tenths} tenths of a second");
    }
    assert_ne!(tokens[0], tokens[1]);
    editor.quit();
}

#[test]
fn a_client_that_refuses_progress_gets_none() {
    let workspace = Workspace::with_agent(SCRIPTED);
    let file = workspace.task("TASK-A-001", 1, "");
    let mut editor = Editor::open(&workspace);
    editor.answer_with(|method, _| match method {
        "window/workDoneProgress/create" => Answer::Error,
        _ => Answer::Result(Value::Null),
    });
    let uri = editor.open_file(&workspace, &file);
    editor.lenses(&uri);
    run_wave(&mut editor, &workspace);
    editor.titles_until(&uri, |titles| titles[0].starts_with('\u{2713}'));
    assert!(!editor.heard().iter().any(|message| message["method"] == "$/progress"));
    editor.quit();
}

/// The server's requests have no time-out: one that is never answered must hold up nothing else.
#[test]
fn a_client_that_answers_nothing_is_served() {
    let workspace = Workspace::with_agent(SCRIPTED);
    let file = workspace.task("TASK-A-001", 1, "");
    workspace.write("tools/TASK-A-001.sh", "echo the end\nexit 3\n");
    let mut editor = Editor::start(&[workspace.root()], able(), json!({ "interactiveMessages": true }));
    editor.answer_with(|_, _| Answer::Silence);
    let uri = editor.open_file(&workspace, &file);
    assert_eq!(editor.titles(&uri).len(), 2);
    run_wave(&mut editor, &workspace);
    editor.diagnostics(&uri, |all| all.len() == 1 && all[0]["message"].as_str().unwrap().contains("the end"));
    editor.next("window/showMessageRequest");
    assert!(editor.titles(&uri).iter().any(|title| title.contains("Open log")));
    editor.quit();
}

#[test]
fn a_run_reads_the_configuration_from_disk() {
    let workspace = Workspace::with_agent(SCRIPTED);
    workspace.task("TASK-A-001", 1, "");
    let mut editor = Editor::open(&workspace);
    let uri = editor.open_file(&workspace, "feature-build.yaml");
    let at = json!({ "line": 0, "character": 0 });
    editor.change(&uri, json!([{ "range": { "start": at, "end": at }, "text": "# more\n" }]));
    let answer = editor.command(RUN_WAVE, workspace.target(json!({ "wave": "1" })));
    assert!(answer["reason"].as_str().unwrap().contains("feature-build.yaml has unsaved changes"), "{answer}");
    // Saved with something that cannot be read: told at its place, and gone when it is right again.
    workspace.write("feature-build.yaml", "rum:\n  command: [x]\n");
    editor.notify("textDocument/didSave", json!({ "textDocument": { "uri": uri } }));
    let told = editor.diagnostics(&uri, |all| !all.is_empty());
    assert_eq!(told[0]["code"], "invalid-configuration");
    let answer = editor.command(RUN_WAVE, workspace.target(json!({ "wave": "1" })));
    assert_eq!(answer["run"], Value::Null, "not by the configuration before: {answer}");
    assert!(answer["reason"].as_str().unwrap().contains("unknown key `rum`"), "{answer}");
    workspace.write("feature-build.yaml", "run:\n  command: [\"true\"]\n");
    editor.notify("textDocument/didSave", json!({ "textDocument": { "uri": uri } }));
    editor.diagnostics(&uri, <[Value]>::is_empty);
    editor.quit();
}

/// A hundred runs in progress, of real processes. Lenses and edits are compared with those of the same server before
/// the runs.
#[test]
fn many_runs_in_progress_leave_lenses_and_edits_fast() {
    const RUNS: usize = 100;
    let workspace = Workspace::with_agent("while [ ! -e go ]; do echo still here; sleep 0.2; done\n");
    for number in 0..=RUNS {
        workspace.task(&format!("TASK-A-{number:03}"), 1, "");
    }
    let mut editor = Editor::open(&workspace);
    let uri = editor.open_file(&workspace, "tasks/backlog/feat/TASK-A-000.md");
    editor.lenses(&uri);
    let round = |editor: &mut Editor| {
        let at = json!({ "line": 8, "character": 0 });
        editor.change(&uri, json!([{ "range": { "start": at, "end": at }, "text": "x" }]));
        let began = Instant::now();
        editor.lenses(&uri);
        began.elapsed()
    };
    let median = |editor: &mut Editor| {
        let mut times: Vec<Duration> = (0..41).map(|_| round(editor)).collect();
        times.sort();
        times[20]
    };
    let before = median(&mut editor);
    for number in 1..=RUNS {
        let task = format!("TASK-A-{number:03}");
        let answer = editor.command("featureBuild/runTask", workspace.target(json!({ "task": task })));
        assert!(answer["run"].is_string(), "{answer}");
    }
    let during = median(&mut editor);
    workspace.write("go", "");
    println!("edit to lens: {before:?} without runs, {during:?} with {RUNS} runs");
    // Not a measurement: with the runs' events in the way of the editor's messages this took seconds.
    assert!(during < Duration::from_millis(500), "{before:?} became {during:?}");
    eventually("all runs end", || {
        let runs = std::fs::read_dir(workspace.path(".feature-build/runs")).unwrap();
        runs.flatten()
            .all(|run| std::fs::read_to_string(run.path().join("journal.jsonl")).unwrap().contains("\"run-finished\""))
    });
    editor.quit();
}

#[test]
fn a_test_leaves_no_process_behind() {
    let workspace = Workspace::with_agent("trap '' TERM; touch started; while :; do sleep 0.1; done\n");
    workspace.task("TASK-A-001", 1, "");
    let mut editor = Editor::open(&workspace);
    run_wave(&mut editor, &workspace);
    eventually("the task runs", || workspace.path("started").exists());
    let variable = format!("FEATURE_BUILD_WORKSPACE={}", workspace.root().display());
    let is_of_it = |process: std::fs::DirEntry| {
        let environment = std::fs::read(process.path().join("environ")).unwrap_or_default();
        environment.split(|&byte| byte == 0).any(|given| given == variable.as_bytes())
    };
    let alive = || std::fs::read_dir("/proc").unwrap().flatten().any(is_of_it);
    assert!(alive());
    drop((editor, workspace));
    assert!(!alive());
}
