//! Tasks that call `feature-build` themselves: they never wait for what waits for them.

use std::fs;
use std::process::Output;

use feature_build::run::{self, Outcome, RunId, RunPaths, TaskState, View};
use rustix::process::{Pid, Signal, kill_process};

use crate::bench::{binary, kill_whole, processes_where, wait_until};
use crate::terminal::{Workspace, code, text};

/// A line of a task's script that calls the product and keeps what it said and how it ended.
fn calls(name: &str, arguments: &str) -> String {
    format!("{} {arguments} > {name}.out 2>&1; echo $? > {name}.code; mv {name}.code {name}.done; ", binary().display())
}

/// What it said, and its exit code.
fn said(workspace: &Workspace, name: &str) -> (String, String) {
    let read = |ending: &str| fs::read_to_string(workspace.root().join(format!("{name}.{ending}"))).unwrap();
    (read("out"), read("done").trim().to_owned())
}

fn refused(workspace: &Workspace, name: &str, why: &str) {
    let (out, code) = said(workspace, name);
    assert!(out.contains(why), "{name}: {out}");
    assert_eq!(code, "2", "{name}: {out}");
}

fn passes(output: &Output) {
    assert_eq!(code(output), Some(0), "{}{}", text(&output.stdout), text(&output.stderr));
}

const ITSELF: &str = "it would wait for itself";

#[test]
fn a_task_that_would_wait_for_itself_is_told_so_at_once() {
    let workspace = Workspace::new();
    let in_run: [(&str, &str, &str); 9] = [
        ("own", "run --task A", ITSELF),
        ("detached", "run --task A --redo --detach", ITSELF),
        ("all", "run", ITSELF),
        ("wave", "run --feature FEAT-1 --wave 2", "comes to it by itself"),
        ("other", "run --task B", "comes to it by itself"),
        ("resume", "run --resume \"$FEATURE_BUILD_RUN\"", ITSELF),
        ("watch", "watch", ITSELF),
        ("named", "watch \"$FEATURE_BUILD_RUN\" --format json", ITSELF),
        ("log", "log A --follow", ITSELF),
    ];
    let script: String = in_run.iter().map(|(name, arguments, _)| calls(name, arguments)).collect();
    workspace.task("A", 1, &(script + &calls("later", "log B --follow") + &calls("status", "status")));
    workspace.task("B", 2, "true");
    passes(&workspace.call(&["run"]));
    for (name, _, why) in in_run {
        refused(&workspace, name, why);
    }
    // Nothing of it is there yet: it says so, or that it would be waited for.
    assert_eq!(said(&workspace, "later").1, "2");
    assert_eq!(said(&workspace, "status").1, "0");
    assert_eq!(run::runs(&workspace.state()).len(), 1, "nothing was left of what was refused");
}

#[test]
fn a_task_may_run_other_tasks_and_those_may_not_wait_for_it() {
    let workspace = Workspace::new();
    workspace.task("A", 1, &(calls("inner", "run --task B --format json") + "exit $(cat inner.done)"));
    workspace.task("B", 1, &(calls("grand", "run --task A") + &calls("innermost", "run --task C")));
    workspace.task("C", 1, "touch c");
    passes(&workspace.call(&["run", "--task", "A"]));
    refused(&workspace, "grand", ITSELF);
    assert_eq!(said(&workspace, "innermost").1, "0");
    let runs = run::runs(&workspace.state());
    assert_eq!(runs.len(), 3);
    assert!(runs.iter().all(|run| run.exit_code == Some(0)), "{runs:?}");
    assert!(workspace.root().join("c").exists());
}

/// The way leads through another workspace.
#[test]
fn a_task_of_another_workspace_may_not_wait_for_what_called_it() {
    let (one, other) = (Workspace::new(), Workspace::new());
    one.task(
        "A",
        1,
        &(calls("away", &format!("-C {} run --task A", other.root().display())) + "exit $(cat away.done)"),
    );
    other.task("A", 1, &calls("back", &format!("-C {} run --task A", one.root().display())));
    passes(&one.call(&["run"]));
    refused(&other, "back", ITSELF);
}

#[test]
fn a_task_may_cancel_its_own_run() {
    let workspace = Workspace::new();
    let script = "trap '' TERM; ".to_owned() + &calls("cancel", "cancel \"$FEATURE_BUILD_RUN\"") + "exec sleep 600";
    workspace.task("A", 1, &script);
    assert_eq!(code(&workspace.call(&["run"])), Some(130));
    assert_eq!(said(&workspace, "cancel").1, "0");
}

/// The run that a task belongs to loses its supervisor: the task must not become the one who waits for the next one.
#[test]
fn a_task_does_not_wait_for_its_run_when_that_is_taken_over() {
    let workspace = Workspace::new();
    let script = "touch on; until [ -e go ]; do sleep 0.01; done; ".to_owned();
    workspace.task("A", 1, &(script + &calls("resume", "run --resume")));
    let mut follower = workspace.spawn(&["run"]);
    workspace.wait_for_file("on");
    let run = workspace.only_run();
    follower.kill().unwrap();
    follower.wait().unwrap();
    kill_whole(supervisor_of(&workspace, &run));
    workspace.write("go", "");
    workspace.wait_for_file("resume.done");
    let (out, code) = said(&workspace, "resume");
    assert!(out.contains(ITSELF) && code == "2", "{out} {code}");
    assert_eq!(self::code(&workspace.call(&["run", "--resume"])), Some(0));
}

pub fn supervisor_of(workspace: &Workspace, run: &RunId) -> i32 {
    let dir = RunPaths::of(&workspace.state(), run).dir().display().to_string();
    let is_it = |pid: i32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split(|&byte| byte == 0).skip(1).take(2).eq([b"__supervise".as_slice(), dir.as_bytes()])
    };
    processes_where(is_it)[0]
}

/// What only looks as if it belonged to a task: its environment was copied.
#[test]
fn an_environment_whose_attempt_is_over_or_elsewhere_refuses_nothing() {
    let workspace = Workspace::new();
    workspace.task(
        "A",
        1,
        "env -0 > environment.tmp; mv environment.tmp environment; until [ -e go ]; do sleep 0.01; done",
    );
    passes(&workspace.call(&["run", "--detach"]));
    workspace.wait_for_file("environment");
    let environment = fs::read_to_string(workspace.root().join("environment")).unwrap();
    let copied = || environment.split('\0').filter_map(|variable| variable.split_once('='));
    let other = Workspace::new();
    other.task("A", 1, "true");
    passes(&other.command(&["run"]).envs(copied()).output().unwrap());
    let own = workspace.command(&["run", "--task", "A"]).envs(copied()).output().unwrap();
    assert_eq!(code(&own), Some(2), "while it goes on it is as if the task had called");
    let mut damaged = workspace.command(&["run", "--task", "A", "--detach"]);
    passes(&damaged.envs(copied()).env("FEATURE_BUILD_ATTEMPT", "x/y").output().unwrap());
    workspace.write("go", "");
    workspace.wait_for_end();
    passes(&workspace.command(&["run", "--redo", "--task", "A"]).envs(copied()).output().unwrap());
    // A run that died, as after a restart of the machine, has not ended; and nothing of it is alive.
    fs::remove_file(workspace.root().join("go")).unwrap();
    fs::remove_file(workspace.root().join("environment")).unwrap();
    passes(&workspace.call(&["run", "--redo", "--detach"]));
    workspace.wait_for_file("environment");
    let environment = fs::read_to_string(workspace.root().join("environment")).unwrap();
    let copied = environment.split('\0').filter_map(|variable| variable.split_once('='));
    let (run, died) = {
        let unfinished = run::unfinished(&workspace.state()).remove(0);
        (unfinished.run, unfinished.started)
    };
    kill_whole(supervisor_of(&workspace, &run));
    for pid in processes_where(|pid| carries(pid, &run)) {
        // It may have ended meanwhile.
        let _ = kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL);
    }
    let guards = || processes_where(|pid| is_guard_of(pid, &workspace));
    guards().into_iter().for_each(kill_whole);
    wait_until("nothing of it is alive", || guards().is_empty());
    workspace.write("go", "");
    // What has the mark is ended by whoever takes the task: this command, but not the run that it has started.
    let _ = workspace.command(&["run", "--redo", "--task", "A"]).envs(copied).output().unwrap();
    wait_until("it has passed all the same", || {
        run::runs(&workspace.state())
            .iter()
            .any(|newer| newer.run != run && newer.started > died && newer.exit_code == Some(0))
    });
}

fn carries(pid: i32, run: &RunId) -> bool {
    let wanted = format!("FEATURE_BUILD_RUN={run}");
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    environment.split(|&byte| byte == 0).any(|variable| variable == wanted.as_bytes())
}

fn is_guard_of(pid: i32, workspace: &Workspace) -> bool {
    let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let cwd = fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default();
    line.split('\0').nth(1) == Some("__guard") && cwd.starts_with(workspace.root())
}

/// Two tasks of two runs each start a run of the other one.
#[test]
fn two_tasks_that_call_each_other_both_end() {
    let workspace = Workspace::new();
    for (task, other) in [("A", "B"), ("B", "A")] {
        let script = format!("touch on-{task}; until [ -e on-{other} ]; do sleep 0.01; done; ");
        workspace.task(task, 1, &(script + &calls(task, &format!("run --task {other}"))));
        passes(&workspace.call(&["run", "--task", task, "--detach"]));
    }
    workspace.wait_for_file("A.done");
    workspace.wait_for_file("B.done");
    workspace.wait_for_end();
    let ends: Vec<(String, String)> = ["A", "B"].iter().map(|task| said(&workspace, task)).collect();
    assert!(ends.iter().any(|(out, code)| code != "0" && out.contains("that one called this command")), "{ends:?}");
    for run in run::runs(&workspace.state()) {
        let view = View::of(&run::read_run(&RunPaths::of(&workspace.state(), &run.run)).unwrap());
        let open = view.tasks().filter(|task| !matches!(task.state, TaskState::Finished { .. })).count();
        assert_eq!(open, 0);
        assert!(!run.summary.contains_key(&Outcome::Lost) || run.summary[&Outcome::Lost] == 0);
    }
}

/// Two independent runs, in one workspace or in two; each one's task calls what would wait for the other one's.
#[test]
fn tasks_that_follow_each_other_in_any_way_both_end() {
    let ways: [(bool, [&str; 2]); 7] = [
        (false, ["watch RUN", "watch RUN"]),
        (false, ["log TASK --follow", "log TASK --follow"]),
        (false, ["watch RUN", "run --task TASK"]),
        (false, ["run --task TASK", "log TASK --follow"]),
        (true, ["run --task TASK", "run --task TASK"]),
        (true, ["watch RUN", "log TASK --follow"]),
        (true, ["run --task TASK --redo", "watch RUN --format json"]),
    ];
    for (is_apart, commands) in ways {
        let (one, other) = (Workspace::new(), Workspace::new());
        let places = [&one, if is_apart { &other } else { &one }];
        let names = ["A", "B"];
        for (number, command) in commands.iter().enumerate() {
            let (here, there) = (places[number], places[1 - number]);
            let command = command.replace("TASK", names[1 - number]).replace("RUN", "\"$(cat run-of-other)\"");
            let command = format!("-C '{}' {command}", there.root().display());
            // The second one calls when the first one waits.
            let when = "touch on-X; until [ -e go-X ]; do sleep 0.01; done; ".replace('X', names[number]);
            let other_run = format!("cp run-of-{} run-of-other; ", names[1 - number]);
            here.task(names[number], 1, &(when + &other_run + &calls(names[number], &command)));
        }
        for (number, name) in names.into_iter().enumerate() {
            passes(&places[number].call(&["run", "--task", name, "--detach"]));
            places[number].wait_for_file(&format!("on-{name}"));
        }
        for (number, name) in names.into_iter().enumerate() {
            let mut runs = run::runs(&places[1 - number].state());
            runs.retain(|run| {
                let records = run::read_run(&RunPaths::of(&places[1 - number].state(), &run.run)).unwrap();
                View::of(&records).task(names[1 - number]).is_some()
            });
            places[number].write(&format!("run-of-{}", names[1 - number]), &runs[0].run.to_string());
            assert_eq!(runs.len(), 1, "{name}");
        }
        places[0].write("go-A", "");
        wait_until("the first one waits", || is_called(&places[0].root()));
        places[1].write("go-B", "");
        let ends = [(0, "A"), (1, "B")].map(|(number, name)| {
            places[number].wait_for_file(&format!("{name}.done"));
            said(places[number], name)
        });
        // Whichever looked second: a run of the first one may still be on its way.
        let is_told = |(out, code): &(String, String)| code != "0" && out.contains("called this command");
        assert!(ends.iter().any(is_told), "{commands:?} {is_apart}: {ends:?}");
        for place in places {
            place.wait_for_end();
        }
    }
}

/// Whether a command of the product waits that a task of this workspace has called.
fn is_called(root: &std::path::Path) -> bool {
    let waits = |folder: &std::path::Path| fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    let runs = fs::read_dir(root.join(".feature-build/runs")).into_iter().flatten().flatten();
    runs.map(|run| run.path().join("waits")).any(|folder| waits(&folder))
}

/// A task may follow what does not wait for it, and what it followed is forgotten when that is over.
#[test]
fn a_task_may_follow_what_does_not_wait_for_it() {
    let workspace = Workspace::new();
    workspace.task(
        "A",
        1,
        &(calls("log", "log B --follow")
            + &calls("watch", "watch \"$(cat run-of-b)\"")
            + &calls("own", "run --task C")),
    );
    workspace.task("B", 1, "until [ -e go ]; do sleep 0.01; done");
    workspace.task("C", 1, "true");
    passes(&workspace.call(&["run", "--task", "B", "--detach"]));
    workspace.write("run-of-b", &workspace.only_run().to_string());
    passes(&workspace.call(&["run", "--task", "A", "--detach"]));
    wait_until("it follows", || is_called(&workspace.root()));
    workspace.write("go", "");
    for name in ["log", "watch", "own"] {
        workspace.wait_for_file(&format!("{name}.done"));
        assert_eq!(said(&workspace, name).1, "0", "{}", said(&workspace, name).0);
    }
    workspace.wait_for_end();
}

/// `watch --wait` begins to follow what starts later.
#[test]
fn a_task_does_not_wait_for_the_next_run_where_that_waits_for_it() {
    let workspace = Workspace::new();
    workspace.task("A", 1, &("touch on; ".to_owned() + &calls("next", "watch --wait")));
    passes(&workspace.call(&["run", "--task", "A", "--detach"]));
    workspace.wait_for_file("on");
    workspace.wait_for_file("next.done");
    refused(&workspace, "next", ITSELF);
    workspace.wait_for_end();
}
