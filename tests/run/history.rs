//! Looking at runs, over and in progress: `runs`, `watch`, `log --follow`, `prune`, `run --rerun`, estimates.

use std::fs;
use std::io::{BufReader, Read as _};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command};

use feature_build::run::{self, Hint, Outcome, RunPaths, RunState};
use feature_build::task::TaskId;
use jiff::{SignedDuration, Timestamp};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::bench::{kill, kill_whole, processes_where, seal_run, wait_until};
use crate::terminal::{Workspace, code, text};

/// The journal of a run that is over, some hours old, in which each of these tasks had its outcome.
fn old_run(state: &Path, run: &str, hours: i64, outcomes: &[(&str, &str)]) {
    let started = Timestamp::now().checked_sub(SignedDuration::from_hours(hours)).unwrap().to_string();
    let tasks: Vec<Value> = outcomes
        .iter()
        .map(|(task, _)| json!({ "id": task, "title": task, "file": format!("tasks/{task}.md") }))
        .collect();
    let mut events = vec![json!({
        "event": "run-started", "run": run, "root": "/w", "feature": "FEAT-1", "title": "FEAT-1",
        "waves": [{ "wave": "1", "tasks": tasks }],
    })];
    for (task, outcome) in outcomes {
        let log = format!(".feature-build/runs/{run}/{task}.log");
        events.push(json!({ "event": "task-started", "task": task, "attempt": 1, "log": log }));
        events.push(json!({
            "event": "task-finished", "task": task, "outcome": outcome, "exit_code": 0, "duration_ms": 60_000,
            "reason": null, "log": log,
        }));
    }
    events.push(
        json!({ "event": "run-finished", "summary": {}, "wall_ms": 60_000, "serial_ms": 60_000, "exit_code": 0 }),
    );
    let folder = state.join("runs").join(run);
    fs::create_dir_all(folder.join("requests")).unwrap();
    let lines = events.into_iter().enumerate().map(|(number, mut event)| {
        event["v"] = json!("1.1");
        event["seq"] = json!(number + 1);
        event["time"] = json!(started);
        format!("{event}\n")
    });
    fs::write(folder.join("journal.jsonl"), lines.collect::<String>()).unwrap();
    fs::write(folder.join("run.lock"), "").unwrap();
    seal_run(&folder);
    fs::write(folder.join("T.log"), vec![b'x'; 1000]).unwrap();
}

fn names(workspace: &Workspace) -> Vec<String> {
    run::runs(&workspace.state()).into_iter().map(|run| run.run.to_string()).collect()
}

fn passed(workspace: &Workspace, task: &str) -> bool {
    let attempts = run::latest_attempts(&workspace.state());
    attempts.get(&TaskId::new(task).unwrap()).is_some_and(|attempt| attempt.outcome == Some(Outcome::Passed))
}

fn read_until(reader: &mut impl std::io::BufRead, wanted: &str) -> String {
    let mut seen = String::new();
    while !seen.contains(wanted) {
        assert!(reader.read_line(&mut seen).unwrap() > 0, "{wanted} never came: {seen}");
    }
    seen
}

fn end(mut child: Child) -> (Option<i32>, String, String) {
    let (mut out, mut err) = (String::new(), String::new());
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_string(&mut out).unwrap();
    }
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    (child.wait().unwrap().code(), out, err)
}

#[test]
fn runs_are_listed_the_newest_first_and_unfinished_ones_on_top() {
    let workspace = Workspace::new();
    assert_eq!(text(&workspace.call(&["runs"]).stdout), "nothing has run in this workspace yet\n");
    workspace.task("A", 1, "touch on; sleep 600");
    workspace.call(&["run", "--detach"]);
    workspace.wait_for_file("on");
    // A later id than any of today.
    old_run(&workspace.state(), "29990101-000000-aaaa", 3, &[("T", "passed")]);
    old_run(&workspace.state(), "20200101-000000-aaaa", 50, &[("T", "failed")]);

    let shown = text(&workspace.call(&["runs"]).stdout);
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.len(), 3, "{shown}");
    assert!(lines[0].contains("running") && lines[0].contains("0/1 done"), "{shown}");
    assert!(lines[1].contains("29990101-000000-aaaa  passed") && lines[1].ends_with("in 1 m 00 s  3 h ago"), "{shown}");
    assert!(lines[2].ends_with("2 days ago"), "{shown}");

    let output = workspace.call(&["runs", "--format", "json", "--limit", "2"]);
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    let schema = serde_json::from_slice(&workspace.call(&["schema", "runs"]).stdout).unwrap();
    assert!(jsonschema::is_valid(&schema, &printed), "{printed}");
    let states: Vec<&str> =
        printed["runs"].as_array().unwrap().iter().map(|run| run["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["running", "finished"]);
}

/// The letters of an id tell nothing of two runs that started within its second.
#[test]
fn a_task_that_failed_is_not_counted_as_done_in_a_run_that_goes_on() {
    let workspace = Workspace::new();
    workspace.task("TASK-1", 1, "exit 3");
    workspace.task("TASK-2", 1, "until [ -e go ]; do sleep 0.02; done");
    let mut terminal = workspace.spawn(&["run"]);
    let shown = || text(&workspace.call(&["runs"]).stdout);
    wait_until("the failure is counted", || shown().contains("failed"));
    assert!(shown().contains("  0/2 done, 1 failed"), "{}", shown());
    workspace.write("go", "");
    assert_eq!(terminal.wait().unwrap().code(), Some(1));
}

#[test]
fn of_two_runs_in_one_second_the_later_one_is_the_newest() {
    let workspace = Workspace::new();
    let state = workspace.state();
    old_run(&state, "20200101-000000-zzzz", 50, &[("T", "failed")]);
    old_run(&state, "20200101-000000-aaaa", 49, &[("T", "passed")]);
    let order = ["20200101-000000-aaaa", "20200101-000000-zzzz"];
    assert_eq!(run::runs(&state).iter().map(|run| run.run.to_string()).collect::<Vec<_>>(), order);
    let status = text(&workspace.call(&["status"]).stdout);
    assert!(status.starts_with("run 20200101-000000-aaaa of "), "{status}");
    let pruned = workspace.call(&["prune", "--keep", "1", "--older-than", "9999"]);
    assert!(text(&pruned.stdout).starts_with("run 20200101-000000-zzzz: "), "{pruned:?}");
    assert_eq!(names(&workspace), order[..1]);
}

#[test]
fn a_watcher_sees_what_the_terminal_sees_and_its_end_is_not_the_runs() {
    let workspace = Workspace::new();
    workspace.task("A", 1, "touch on; until [ -e go ]; do sleep 0.01; done; exit 3");
    let mut waiting = workspace.spawn(&["watch", "--wait"]);
    let mut said = BufReader::new(waiting.stderr.take().unwrap());
    read_until(&mut said, "waiting for the next one");
    workspace.call(&["run", "--detach"]);
    workspace.wait_for_file("on");

    let mut leaving = workspace.spawn(&["watch"]);
    let mut seen = BufReader::new(leaving.stdout.take().unwrap());
    read_until(&mut seen, "▶ A");
    kill(i32::try_from(leaving.id()).unwrap(), Signal::INT);
    read_until(&mut seen, "the run goes on");
    assert_eq!(leaving.wait().unwrap().code(), Some(130));
    assert_eq!(run::runs(&workspace.state())[0].state, RunState::Running);

    workspace.write("go", "");
    let watched = waiting.wait_with_output().unwrap();
    assert_eq!(code(&watched), Some(1), "the run's exit code");
    assert!(text(&watched.stdout).contains("✗ A failed"), "{watched:?}");
    let run = workspace.only_run().to_string();
    let again = workspace.call(&["watch", &run, "--format", "json"]);
    assert_eq!(code(&again), Some(1));
    assert_eq!(
        text(&again.stdout),
        fs::read_to_string(workspace.state().join("runs").join(&run).join("journal.jsonl")).unwrap()
    );
    assert_eq!(code(&workspace.call(&["watch", "nothing"])), Some(2));
}

#[test]
fn a_log_is_followed_to_the_end_of_its_task() {
    let workspace = Workspace::new();
    workspace.task(
        "Task-A",
        1,
        "printf 'one\\n'; touch on; until [ -e go ]; do sleep 0.01; done; printf 'two\\033[31m\\n\\377'",
    );
    workspace.call(&["run", "--detach"]);
    workspace.wait_for_file("on");
    let mut following = workspace.spawn(&["log", "task-a", "-f"]);
    let mut seen = BufReader::new(following.stdout.take().unwrap());
    assert_eq!(read_until(&mut seen, "one"), "one\n");
    workspace.write("go", "");
    let mut rest = Vec::new();
    seen.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"two\x1b[31m\n\xff", "into a pipe the bytes go as they came");
    assert_eq!(following.wait().unwrap().code(), Some(0));
    workspace.wait_for_end();
    assert_eq!(
        workspace.call(&["log", "task-a", "--follow"]).stdout,
        b"one\ntwo\x1b[31m\n\xff",
        "nothing more will come"
    );
}

#[test]
fn a_followed_log_goes_on_with_the_next_attempt() {
    let workspace = Workspace::new();
    let config = fs::read_to_string(workspace.root().join("feature-build.yaml")).unwrap();
    workspace.write("feature-build.yaml", &format!("{config}retries: {{count: 1, delay_seconds: 0.01}}\n"));
    workspace.task(
        "A",
        1,
        "if [ -e once ]; then echo second; else echo first; touch once; until [ -e go ]; do sleep 0.01; done; exit 1; fi",
    );
    workspace.call(&["run", "--detach"]);
    workspace.wait_for_file("once");
    let mut following = workspace.spawn(&["log", "A", "-f"]);
    let mut seen = BufReader::new(following.stdout.take().unwrap());
    read_until(&mut seen, "first");
    workspace.write("go", "");
    read_until(&mut seen, "second");
    let (code, _, said) = end(following);
    assert_eq!(code, Some(0));
    assert!(said.contains("attempt 2 of A"), "{said}");
}

#[test]
fn what_failed_in_a_run_is_run_again_but_not_what_passed_since() {
    let workspace = Workspace::new();
    assert_eq!(code(&workspace.call(&["run", "--rerun"])), Some(2), "no run is over");
    workspace.task("A", 1, "true").task("B", 1, "[ -e fixed ]").task("C", 1, "[ -e fixed ]").task(
        "D",
        2,
        "touch later",
    );
    assert_eq!(code(&workspace.call(&["run"])), Some(1));
    let first = workspace.only_run().to_string();
    workspace.write("fixed", "");
    assert_eq!(code(&workspace.call(&["run", "--task", "B"])), Some(0));

    let again = workspace.call(&["run", "--rerun", &first]);
    assert_eq!(code(&again), Some(0), "{again:?}");
    assert!(text(&again.stderr).contains("B is left out: it has passed since"), "{again:?}");
    let shown = text(&again.stdout);
    assert!(shown.contains("✓ C passed") && shown.contains("✓ D passed") && !shown.contains("▶ A"), "{shown}");
    assert!(!shown.contains("▶ B"), "{shown}");

    let nothing = workspace.call(&["run", "--rerun"]);
    assert_eq!(code(&nothing), Some(0));
    assert!(text(&nothing.stderr).contains("nothing of run"), "{nothing:?}");
    assert_eq!(code(&workspace.call(&["run", "--rerun", "nothing"])), Some(2));
}

#[test]
fn old_runs_are_removed_and_what_passed_stays_passed() {
    let workspace = Workspace::new();
    workspace.task("LIVE", 1, "touch on; sleep 600");
    workspace.call(&["run", "--detach"]);
    workspace.wait_for_file("on");
    let state = workspace.state();
    for number in 0..6 {
        old_run(&state, &format!("2020010{number}-000000-aaaa",), 48 - number, &[(&format!("T-{number}"), "passed")]);
    }
    // A task that failed after it had passed is not passed, whichever of its runs are gone.
    old_run(&state, "20200107-000000-aaaa", 40, &[("TWICE", "passed")]);
    old_run(&state, "20200108-000000-aaaa", 39, &[("TWICE", "failed")]);
    let elsewhere = tempfile::tempdir().unwrap();
    fs::write(elsewhere.path().join("precious"), "").unwrap();
    symlink(elsewhere.path(), state.join("runs/20200101-000000-aaaa/link")).unwrap();
    let before = names(&workspace);
    let twice = || {
        let hint = Hint { task: "TWICE", feature: "another", complexity: None, minutes: None };
        run::durations(&state).estimate(&hint)
    };
    assert_eq!(twice(), Some(60_000));

    let dry = workspace.call(&["prune", "--keep", "2", "--dry-run"]);
    assert!(text(&dry.stdout).contains("would remove 6 runs, "), "{dry:?}");
    assert_eq!(names(&workspace), before);
    let pruned = workspace.call(&["prune", "--keep", "2"]);
    assert_eq!(code(&pruned), Some(0), "{pruned:?}");
    assert!(text(&pruned.stdout).ends_with(&text(&dry.stdout).replace("would remove", "removed")), "{pruned:?}");
    assert_eq!(names(&workspace)[1..], ["20200108-000000-aaaa", "20200107-000000-aaaa"], "and the one in progress");
    assert!(!state.join("pruned").exists());
    assert!(elsewhere.path().join("precious").exists(), "links are not followed");
    assert!((0..6).all(|number| passed(&workspace, &format!("T-{number}"))));

    assert_eq!(code(&workspace.call(&["prune", "--keep", "0"])), Some(0));
    assert_eq!(names(&workspace).len(), 1, "what goes on stays");
    assert!(passed(&workspace, "T-0") && !passed(&workspace, "TWICE"));
    assert_eq!(twice(), Some(60_000), "what it took when it passed tells still");
    let log = workspace.call(&["log", "T-0"]);
    assert!(text(&log.stderr).contains("is gone"), "{log:?}");
    assert_eq!(text(&workspace.call(&["prune"]).stdout), "removed 0 runs, 0 bytes\n");
}

#[test]
fn waves_says_which_tasks_run() {
    let workspace = Workspace::new();
    workspace.task("A", 1, "touch on; until [ -e go ]; do sleep 0.01; done");
    workspace.task("B", 2, "true");
    let states = || {
        let told: Value = serde_json::from_slice(&workspace.call(&["waves", "--format", "json"]).stdout).unwrap();
        let schema = serde_json::from_slice(&workspace.call(&["schema", "waves"]).stdout).unwrap();
        assert!(jsonschema::is_valid(&schema, &told), "{told}");
        let waves = told["features"][0]["waves"].as_array().unwrap().clone();
        waves.iter().map(|wave| wave["tasks"][0]["state"].as_str().unwrap().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(states(), ["ready", "ready"]);
    workspace.call(&["run", "--detach"]);
    workspace.wait_for_file("on");
    wait_until("A runs", || states() == ["running", "ready"]);
    let shown = text(&workspace.call(&["waves"]).stdout);
    assert!(shown.contains("▶ A  running") && shown.ends_with("2 tasks: 1 running, 1 ready\n"), "{shown}");
    workspace.write("go", "");
    workspace.wait_for_end();
    assert_eq!(states(), ["done", "done"]);
}

#[test]
fn a_run_whose_lock_is_held_is_not_removed() {
    let workspace = Workspace::new();
    old_run(&workspace.state(), "20200101-000000-aaaa", 900, &[("T", "passed")]);
    let lock = fs::File::open(workspace.state().join("runs/20200101-000000-aaaa/run.lock")).unwrap();
    lock.lock().unwrap();
    assert!(text(&workspace.call(&["prune"]).stdout).contains("removed 0 runs"));
    drop(lock);
    assert!(text(&workspace.call(&["prune"]).stdout).contains("removed 1 run,"));
}

#[test]
fn the_end_of_a_run_removes_what_the_configuration_does_not_keep() {
    let workspace = Workspace::new();
    let config = fs::read_to_string(workspace.root().join("feature-build.yaml")).unwrap();
    workspace.write("feature-build.yaml", &format!("{config}keep: {{runs: 2}}\n"));
    for number in 1..5 {
        old_run(&workspace.state(), &format!("2020010{number}-000000-aaaa"), 48, &[("T", "passed")]);
    }
    workspace.task("A", 1, "true");
    assert_eq!(code(&workspace.call(&["run"])), Some(0));
    wait_until("two runs are left", || names(&workspace).len() == 2);
    assert_eq!(names(&workspace)[1], "20200104-000000-aaaa");
    assert!(passed(&workspace, "A") && passed(&workspace, "T"));
}

#[test]
fn a_run_says_how_long_it_will_go_on() {
    let workspace = Workspace::new();
    old_run(&workspace.state(), "20200101-000000-aaaa", 48, &[("A", "passed")]);
    workspace.task_with("A", 1, "touch on; until [ -e go ]; do sleep 0.01; done", "estimated_minutes: 55\n");
    workspace.task_with("B", 2, "true", "estimated_minutes: 3\n");
    workspace.call(&["run", "--redo", "--detach"]);
    workspace.wait_for_file("on");
    let status = |arguments: &[&str]| text(&workspace.call(arguments).stdout);
    // A took a minute, and so did all of its feature: the files' own words count where nothing else tells.
    assert!(status(&["status"]).contains("~2 min left"), "{}", status(&["status"]));
    let told: Value = serde_json::from_str(&status(&["status", "--format", "json"])).unwrap();
    let remaining = told["runs"][0]["remaining_ms"].as_u64().unwrap();
    assert!((60_000..=120_000).contains(&remaining), "{told}");
    assert_eq!(told["runs"][0]["waves"][0]["tasks"][0]["estimate_ms"], 60_000);
    workspace.write("go", "");
    let summary = status(&["watch", told["runs"][0]["run"].as_str().unwrap()]);
    let said = |begins: &str, ends: &str| summary.lines().any(|line| line.starts_with(begins) && line.contains(ends));
    assert!(said("wave 1: 1 passed in ", " (~1 min estimated)"), "{summary}");
    assert!(said("run ", ": 2 passed in ") && summary.trim_end().ends_with(" (~2 min estimated)"), "{summary}");
}

#[test]
fn a_followed_log_shows_the_newest_output_though_it_is_full() {
    let workspace = Workspace::new();
    let config = fs::read_to_string(workspace.root().join("feature-build.yaml")).unwrap();
    workspace.write("feature-build.yaml", &format!("{config}log_limit: 1000\n"));
    let waits_for = |name: &str| format!("until [ -e {name} ]; do sleep 0.01; done");
    let script = format!(
        "echo first; head -c 5000 /dev/zero | tr '\\0' x; echo; echo news; touch on; {}; echo more; {}; echo last",
        waits_for("seen"),
        waits_for("go")
    );
    workspace.task("A", 1, &script);
    workspace.call(&["run", "--detach"]);
    workspace.wait_for_file("on");
    let tail = RunPaths::of(&workspace.state(), &workspace.only_run()).dir().join("A.log.tail");
    let has_news = |tail: Vec<u8>| tail.windows(5).any(|bytes| bytes == b"news\n");
    wait_until("the guard has read all of it", || fs::read(&tail).is_ok_and(has_news));
    let mut following = workspace.spawn(&["log", "A", "-f"]);
    let mut shown = BufReader::new(following.stdout.take().unwrap());
    let mut all = read_until(&mut shown, "news\n");
    workspace.write("seen", "");
    all += &read_until(&mut shown, "more\n");
    workspace.write("go", "");
    std::io::Read::read_to_string(&mut shown, &mut all).unwrap();
    assert!(following.wait().unwrap().success());
    let (head, rest) = all.split_once("\n[feature-build: ").unwrap();
    let (count, end) = rest.split_once(" bytes left out]\n").unwrap();
    assert!(head.starts_with("first\nxxx") && end.starts_with("xxx"), "{all}");
    assert!(end.ends_with("xxx\nnews\nmore\nlast\n"), "nothing is missing, and nothing comes twice: {all}");
    let length = "first\n".len() + 5000 + "\nnews\nmore\nlast\n".len();
    assert_eq!(head.len() + count.parse::<usize>().unwrap() + end.len(), length);
}

#[test]
fn a_number_below_zero_is_a_wrong_value_and_no_unknown_option() {
    let workspace = Workspace::new();
    workspace.task("A", 1, "touch never");
    for arguments in [
        ["prune", "--keep", "-1"].as_slice(),
        &["prune", "--older-than", "-1"],
        &["run", "--retries", "-1"],
        &["run", "--timeout", "-1"],
        &["run", "--max-parallel", "-1"],
        &["log", "A", "--attempt", "-1"],
    ] {
        let refused = workspace.call(arguments);
        assert_eq!(code(&refused), Some(2), "{arguments:?}");
        assert!(text(&refused.stderr).contains("invalid value '-1' for '--"), "{arguments:?}: {refused:?}");
    }
    assert!(!workspace.root().join("never").exists());
}

#[test]
fn an_attempt_that_was_not_made_is_told() {
    let workspace = Workspace::new();
    workspace.task("A", 1, "true");
    workspace.call(&["run"]);
    let refused = workspace.call(&["log", "a", "--attempt", "7"]);
    assert_eq!(code(&refused), Some(2));
    assert!(text(&refused.stderr).contains("task a has no attempt 7 there: "), "{refused:?}");
    assert_eq!(code(&workspace.call(&["log", "A", "--attempt", "1"])), Some(0));
}

#[test]
fn a_task_is_cancelled_whatever_the_case_of_its_name() {
    let workspace = Workspace::new();
    workspace.task("Task-A", 1, "touch on; sleep 600");
    workspace.call(&["run", "--detach"]);
    workspace.wait_for_file("on");
    assert_eq!(code(&workspace.call(&["cancel", "--task", "task-b"])), Some(2));
    let cancelled = workspace.call(&["cancel", "--task", "TASK-a"]);
    assert!(text(&cancelled.stdout).starts_with("cancelling Task-A of run "), "{cancelled:?}");
    workspace.wait_for_end();
}

#[test]
fn a_run_that_has_not_finished_is_never_removed() {
    let workspace = Workspace::new();
    workspace.task("A", 1, "touch on; until [ -e go ]; do sleep 0.01; done");
    let run = text(&workspace.call(&["run", "--detach"]).stdout).trim().to_owned();
    workspace.wait_for_file("on");
    let dir = workspace.state().join("runs").join(&run).display().to_string();
    let is_supervisor = |pid: i32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split(|&byte| byte == 0).skip(1).take(2).eq([b"__supervise".as_slice(), dir.as_bytes()])
    };
    processes_where(is_supervisor).into_iter().for_each(kill_whole);
    wait_until("it died", || run::runs(&workspace.state())[0].state == RunState::Died);
    let pruned = workspace.call(&["prune", "--keep", "0", "--max-bytes", "0", "--older-than", "0"]);
    assert!(text(&pruned.stdout).contains("removed 0 runs"), "{pruned:?}");
    assert_eq!(names(&workspace).len(), 1);
    workspace.write("go", "");
    assert_eq!(code(&workspace.call(&["run", "--resume"])), Some(0));
}

#[test]
fn status_says_what_is_not_as_usual() {
    let workspace = Workspace::new();
    workspace.task("A", 1, "touch on; until [ -e go ]; do sleep 0.01; done");
    workspace.task("B", 2, "true");
    workspace.call(&["run", "--detach"]);
    workspace.wait_for_file("on");
    workspace.call(&["cancel", "--finish-wave"]);
    wait_until("status tells of it", || text(&workspace.call(&["status"]).stdout).contains("no later wave will start"));
    let told: Value = serde_json::from_slice(&workspace.call(&["status", "--format", "json"]).stdout).unwrap();
    let schema = serde_json::from_slice(&workspace.call(&["schema", "status"]).stdout).unwrap();
    assert!(jsonschema::is_valid(&schema, &told), "{told}");
    let run = &told["runs"][0];
    assert_eq!(
        (&run["cancelling"], &run["paused"], &run["degraded"]),
        (&json!("finish-wave"), &json!(false), &Value::Null)
    );
    workspace.write("go", "");
    workspace.wait_for_end();
}

#[test]
fn status_says_which_run_has_a_task() {
    let workspace = Workspace::new();
    workspace.task("A", 1, "echo on; touch on; until [ -e go ]; do sleep 0.01; done");
    let first = text(&workspace.call(&["run", "--detach"]).stdout).trim().to_owned();
    workspace.wait_for_file("on");
    workspace.call(&["run", "--detach"]);
    let attached = format!("  \u{25b6} A runs in run {first}");
    wait_until("status tells of it", || text(&workspace.call(&["status"]).stdout).contains(&attached));
    let told: Value = serde_json::from_slice(&workspace.call(&["status", "--format", "json"]).stdout).unwrap();
    let schema = serde_json::from_slice(&workspace.call(&["schema", "status"]).stdout).unwrap();
    assert!(jsonschema::is_valid(&schema, &told), "{told}");
    for run in told["runs"].as_array().unwrap() {
        let has_it = run["run"] == json!(first);
        let attached = &run["waves"][0]["tasks"][0]["attached"];
        assert_eq!(*attached, if has_it { Value::Null } else { json!(first) }, "{run}");
    }
    workspace.write("go", "");
    workspace.wait_for_end();
}

#[test]
fn a_run_of_a_newer_format_is_not_passed_over_in_silence() {
    let workspace = Workspace::new();
    workspace.task("T", 1, "true");
    old_run(&workspace.state(), "20200101-000000-aaaa", 1, &[("T", "passed")]);
    let folder = workspace.state().join("runs/20200101-000000-aaaa");
    let journal = fs::read_to_string(folder.join("journal.jsonl")).unwrap();
    fs::write(folder.join("journal.jsonl"), journal.replace("\"v\":\"1.", "\"v\":\"7.")).unwrap();
    let _ = fs::remove_file(folder.join("result.json"));
    for command in [&["runs"][..], &["status"], &["cancel"], &["run", "--resume"]] {
        let called = workspace.call(command);
        let said = text(&called.stderr).to_string();
        assert!(said.contains("its format is 7.") && said.contains("use a newer one"), "{command:?}: {said}");
        let all = format!("{said}{}", text(&called.stdout));
        assert!(!all.contains("nothing has run") && !all.contains("no run is unfinished"), "{command:?}: {all}");
    }
    let run = "20200101-000000-aaaa";
    let named: [&[&str]; 5] =
        [&["status"], &["cancel"], &["run", "--resume"], &["run", "--rerun"], &["log", "T", "--run"]];
    for command in named {
        let called = workspace.call(&[command, &[run]].concat());
        let said = text(&called.stderr).to_string();
        assert!(said.contains("its format is 7.") && said.contains("use a newer one"), "{command:?}: {said}");
        assert_eq!(code(&called), Some(2), "{command:?}: {said}");
    }
}

/// Nobody reads "ready" or "finished" and takes it for what it is not.
#[test]
fn what_did_not_pass_is_called_so_everywhere() {
    let workspace = Workspace::new();
    workspace.task("A", 1, "true").task("B", 1, "exit 3").task("C", 1, "touch on; exec sleep 600").task("D", 1, "true");
    workspace.task("E", 2, "true");
    workspace.write("tasks/completed/F.md", "---\nid: F\nfeature_id: FEAT-1\nwave: 1\n---\n# F\n");
    workspace.call(&["run", "--task", "A", "--task", "B"]);
    let failed = workspace.only_run();
    let cancelled = text(&workspace.call(&["run", "--task", "C", "--detach"]).stdout).trim().to_owned();
    workspace.wait_for_file("on");
    workspace.call(&["cancel"]);
    workspace.wait_for_end();

    let shown = text(&workspace.call(&["waves", "--all"]).stdout);
    let line = |id: &str| shown.lines().find(|line| line.contains(&format!(" {id}  "))).unwrap().trim().to_owned();
    assert!(line("A").starts_with("✓ A  done          Task A  (passed just now in run "), "{shown}");
    assert!(line("A").ends_with(&format!("{failed})")), "{shown}");
    assert_eq!(line("B"), "✗ B  failed        Task B  (exited with 3, just now)");
    assert!(line("C").starts_with("■ C  cancelled     Task C  ("), "{shown}");
    assert_eq!(line("D"), "▶ D  ready         Task D");
    assert_eq!(line("E"), "▶ E  ready         Task E");
    assert_eq!(line("F"), "✓ F  done", "{shown}");
    let last = shown.trim_end().lines().last().unwrap();
    assert_eq!(last, "1 feature, 2 waves, 6 tasks: 2 done, 1 cancelled, 1 failed, 2 ready");

    let told: Value = serde_json::from_slice(&workspace.call(&["waves", "--format", "json"]).stdout).unwrap();
    let tasks = told["features"][0]["waves"][0]["tasks"].as_array().unwrap();
    let task = |id: &str| tasks.iter().find(|task| task["id"] == id).unwrap();
    for (id, state, last, by) in [
        ("A", "done", json!("passed"), json!("run")),
        ("B", "ready", json!("failed"), json!(null)),
        ("C", "ready", json!("cancelled"), json!(null)),
        ("D", "ready", json!(null), json!(null)),
        ("F", "done", json!(null), json!("file")),
    ] {
        let task = task(id);
        assert_eq!((&task["state"], &task["last_outcome"], &task["done_by"]), (&json!(state), &last, &by), "{task}");
    }
    assert_eq!(task("B")["last_run"], failed.to_string());
    assert_eq!(task("D")["last_run"], json!(null));

    let shown = text(&workspace.call(&["runs"]).stdout);
    let (newest, oldest) = shown.trim_end().split_once('\n').unwrap();
    assert!(newest.starts_with(&format!("■ {cancelled}  cancelled  FEAT-1  1 cancelled in ")), "{shown}");
    assert!(oldest.starts_with(&format!("✗ {failed}  failed     FEAT-1  1 passed, 1 failed in ")), "{shown}");
    let told: Value = serde_json::from_slice(&workspace.call(&["runs", "--format", "json"]).stdout).unwrap();
    assert_eq!((&told["runs"][0]["state"], &told["runs"][0]["outcome"]), (&json!("finished"), &json!("cancelled")));
    assert_eq!(told["runs"][1]["outcome"], "failed");
    let shown = text(&workspace.call(&["status", &cancelled]).stdout);
    assert!(shown.starts_with(&format!("run {cancelled} of FEAT-1: cancelled: 1 cancelled in ")), "{shown}");
    let told: Value =
        serde_json::from_slice(&workspace.call(&["status", &cancelled, "--format", "json"]).stdout).unwrap();
    assert_eq!((&told["runs"][0]["state"], &told["runs"][0]["outcome"]), (&json!("finished"), &json!("cancelled")));
}

/// What nobody can remove, and what never became a run, keeps no old run from going.
#[test]
fn old_runs_go_whatever_else_lies_in_the_state_folder() {
    let workspace = Workspace::new();
    workspace.task("A", 1, "true");
    for _ in 0..2 {
        assert_eq!(code(&workspace.call(&["run", "--redo"])), Some(0));
    }
    let state = workspace.state();
    let shell = |script: &str| {
        let done = Command::new("sh").args(["-ec", script]).current_dir(&state).status().unwrap();
        assert!(done.success(), "{script}");
    };
    shell("mkdir pruned; cd pruned; i=0; while [ $i -lt 600 ]; do mkdir d; cd d; i=$((i+1)); done");
    shell(
        "mkdir -p runs/20200101-000000-aaaa/requests runs/20200101-000000-bbbb; touch -d '2 days ago' runs/20200101-000000-aaaa",
    );
    let own = workspace.command(&["prune", "--keep", "1"]);
    let pruned = Command::new("sh")
        .args(["-c", "ulimit -n 200; exec \"$0\" \"$@\""])
        .arg(own.get_program())
        .args(own.get_args())
        .output()
        .unwrap();
    assert_eq!(code(&pruned), Some(0), "{}", text(&pruned.stderr));
    assert!(text(&pruned.stdout).contains("removed 1 run,"), "{}", text(&pruned.stdout));
    assert!(!state.join("runs/20200101-000000-aaaa").exists(), "nobody ever started it");
    assert!(state.join("runs/20200101-000000-bbbb").exists(), "somebody may be starting it");
    let left: Vec<_> = std::fs::read_dir(&state).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with("pruned-")), "{left:?}");
}

/// What has passed has passed, and what is alive runs, also where nobody has taken the run over yet.
#[test]
fn what_goes_on_or_ended_without_a_supervisor_is_neither_lost_nor_started_again() {
    let workspace = Workspace::new();
    for task in ["A", "B"] {
        workspace.task(
            task,
            1,
            &format!("echo >> started; touch on-{task}; until [ -e go-{task} ]; do sleep 0.01; done"),
        );
    }
    assert_eq!(code(&workspace.call(&["run", "--detach"])), Some(0));
    ["on-A", "on-B"].into_iter().for_each(|file| workspace.wait_for_file(file));
    let run = workspace.only_run();
    let paths = RunPaths::of(&workspace.state(), &run);
    wait_until("the journal tells it", || {
        fs::read_to_string(paths.journal()).is_ok_and(|text| text.matches("task-started").count() == 2)
    });
    crate::bench::kill_whole(crate::nesting::supervisor_of(&workspace, &run));
    workspace.write("go-A", "");
    wait_until("A has ended", || {
        let status = text(&workspace.call(&["status"]).stdout);
        status.contains("\u{2713} A passed") && paths.dir().join("A.1.result").exists()
    });
    let waves = text(&workspace.call(&["waves", "--all"]).stdout);
    assert!(
        !waves.contains("lost") && waves.contains("\u{2713} A  done") && waves.contains("\u{25b6} B  running"),
        "{waves}"
    );
    assert!(!waves.contains("can run now"), "{waves}");
    let runs: Value = serde_json::from_slice(&workspace.call(&["runs", "--format", "json"]).stdout).unwrap();
    assert_eq!(runs["runs"][0]["summary"]["passed"], 1, "{runs}");
    workspace.write("go-B", "");
    assert_eq!(code(&workspace.call(&["run", "--resume"])), Some(0));
    assert_eq!(fs::read_to_string(workspace.root().join("started")).unwrap().lines().count(), 2);
}

/// A run in which all was up to a person passed nothing.
#[test]
fn a_run_that_did_nothing_is_not_called_passed() {
    let workspace = Workspace::new();
    workspace.task_with("P", 1, "true", "implementation_mode: manual\n").task("A", 2, "true");
    for (arguments, mark, word) in [
        (&["run", "--task", "P"][..], "\u{25cb}", "  skipped "),
        (&["run", "--wave", "2"], "\u{2713}", "  passed "),
        (&["run", "--redo"], "\u{25cb}", "  passed "),
    ] {
        workspace.call(arguments);
        let shown = text(&workspace.call(&["runs"]).stdout);
        let newest = shown.lines().next().unwrap();
        assert!(newest.starts_with(mark) && newest.contains(word), "{arguments:?}: {shown}");
    }
}
