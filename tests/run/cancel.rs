//! Ending a run, a task, a supervisor, a guard.

use std::fs;

use feature_build::run::Outcome::{Cancelled, Failed, Passed, Skipped};
use feature_build::run::{self, Event, FollowError, Follower, Level, Record, RunPaths, RunState};

use crate::bench::{Bench, id, kill, kill_whole, processes_where, wait_until};
use crate::terminal::{Workspace, code, text};

#[test]
fn cancel_asks_first() {
    let mut bench = Bench::new();
    bench.config.grace_seconds = Some(600.0);
    bench.wave("1").task("A", "trap 'touch asked; exit 0' TERM; touch on; while :; do sleep 0.02; done");
    bench.wave("2").task("B", "touch never");
    let run = bench.start();
    bench.wait_for_file("on");
    bench.cancel(&run, None, Level::Terminate);
    let run = bench.follow(&run);
    assert!(bench.path("asked").exists());
    assert_eq!(run.outcome("A"), Cancelled, "also where it exits with 0");
    assert_eq!(run.outcome("B"), Skipped);
    assert_eq!(run.reason("B"), "the run was cancelled");
    assert_eq!(run.exit_code(), 130);
}

#[test]
fn what_ignores_the_question_is_killed_after_the_grace_period() {
    let mut bench = Bench::new();
    bench.config.grace_seconds = Some(0.3);
    let deaf = "trap '' TERM; while :; do sleep 0.02; done";
    // A mate in the group that ignores it too, and a leader that ends first.
    bench.wave("1").task("ALL", &format!("touch on-all; {deaf}"));
    bench.task("MATE", &format!("sh -c \"{deaf}\" & touch on-mate; wait"));
    let run = bench.start();
    bench.wait_for_file("on-all");
    bench.wait_for_file("on-mate");
    bench.cancel(&run, None, Level::Terminate);
    let run = bench.follow(&run);
    assert_eq!(run.outcome("ALL"), Cancelled);
    assert_eq!(run.outcome("MATE"), Cancelled);
}

#[test]
fn a_second_cancel_kills_at_once() {
    let mut bench = Bench::new();
    bench.config.grace_seconds = Some(100_000.0);
    bench.wave("1").task("A", "trap 'touch asked' TERM; touch on; while :; do sleep 0.02; done");
    let run = bench.start();
    bench.wait_for_file("on");
    bench.cancel(&run, None, Level::Terminate);
    bench.wait_for_file("asked");
    bench.cancel(&run, None, Level::Kill);
    assert_eq!(bench.follow(&run).outcome("A"), Cancelled);
}

#[test]
fn cancelling_one_task_leaves_the_others() {
    let mut bench = Bench::new();
    bench.wave("1");
    bench.task("A", "touch on; sleep 600");
    bench.task("B", "until [ -e go ]; do sleep 0.01; done");
    bench.task_after("C", &["B"], "touch never");
    let run = bench.start();
    bench.wait_for_file("on");
    bench.cancel(&run, Some(&[id("A"), id("C")]), Level::Terminate);
    let journal = bench.paths(&run).journal();
    wait_until("both are cancelled", || {
        let view = run::View::of(&run::read_journal(&journal).unwrap());
        view.tally().ended() == 2
    });
    std::fs::write(bench.path("go"), "").unwrap();
    let run = bench.follow(&run);
    assert_eq!(run.outcome("A"), Cancelled);
    assert_eq!(run.outcome("B"), Passed);
    assert_eq!(run.outcome("C"), Skipped);
    assert!(!bench.path("never").exists());
    assert_eq!(run.exit_code(), 130, "nothing failed");
}

#[test]
fn a_failure_beside_a_task_that_was_cancelled_stays_one() {
    let mut bench = Bench::new();
    bench.wave("1");
    bench.task("A", "touch on; sleep 600");
    bench.task("B", "exit 3");
    let run = bench.start();
    bench.wait_for_file("on");
    bench.cancel(&run, Some(&[id("A")]), Level::Terminate);
    let run = bench.follow(&run);
    assert_eq!((run.outcome("A"), run.outcome("B")), (Cancelled, Failed));
    assert_eq!(run.exit_code(), 1);
}

/// It had not begun: there is nothing that was ended, and nothing that failed.
#[test]
fn a_run_of_which_a_task_was_withdrawn_is_cancelled() {
    let mut bench = Bench::new();
    bench.wave("1");
    bench.task("A", "touch on; until [ -e go ]; do sleep 0.01; done");
    bench.task_after("B", &["A"], "touch never");
    let run = bench.start();
    bench.wait_for_file("on");
    bench.cancel(&run, Some(&[id("B")]), Level::Terminate);
    let journal = bench.paths(&run).journal();
    wait_until("it is withdrawn", || run::View::of(&run::read_journal(&journal).unwrap()).tally().ended() == 1);
    std::fs::write(bench.path("go"), "").unwrap();
    let run = bench.follow(&run);
    assert_eq!((run.outcome("A"), run.outcome("B")), (Passed, Skipped));
    assert_eq!(run.exit_code(), 130);
}

#[test]
fn a_guard_that_is_killed_leaves_nothing_behind() {
    let mut bench = Bench::new();
    bench
        .wave("1")
        .task(
            "A",
            "setsid sleep 600 & env -i PATH=\"$PATH\" setsid sleep 600 & echo $! > unmarked; touch on; sleep 600",
        )
        .task("B", "until [ -e go ]; do sleep 0.01; done");
    let run = bench.start();
    bench.wait_for_file("on");
    let log = bench.paths(&run).log(&id("A"), 1);
    let guards = processes_where(|pid| {
        let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let open = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        arguments.starts_with(b"feature-build\0__guard\0A\0")
            && open.filter_map(|fd| std::fs::read_link(fd.path()).ok()).any(|target| target == log)
    });
    let unmarked = std::fs::read_to_string(bench.path("unmarked")).unwrap();
    let [guard] = guards.as_slice() else { panic!("one guard: {guards:?}") };
    kill(*guard, rustix::process::Signal::KILL);
    wait_until("the others are not touched", || {
        run::View::of(&run::read_journal(&bench.paths(&run).journal()).unwrap()).tally().ended() == 1
    });
    std::fs::write(bench.path("go"), "").unwrap();
    let run = bench.follow(&run);
    assert_eq!(run.outcome("A"), Failed);
    assert_eq!(run.reason("A"), "its guard was killed; its processes were ended");
    let arguments = std::fs::read(format!("/proc/{}/cmdline", unmarked.trim())).unwrap_or_default();
    assert_eq!(arguments, b"", "what has no mark is found by its parent");
    assert_eq!(run.outcome("B"), Passed);
}

#[test]
fn a_supervisor_that_is_killed_is_noticed_and_its_results_are_kept() {
    let mut bench = Bench::new();
    bench.wave("1").task("A", "touch on; until [ -e go ]; do sleep 0.01; done; echo done");
    let run = bench.start();
    bench.wait_for_file("on");
    let dir = bench.paths(&run).dir().to_path_buf();
    let supervisors = processes_where(|pid| {
        let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let wanted = [b"feature-build\0__supervise\0".as_slice(), dir.as_os_str().as_encoded_bytes()].concat();
        arguments.starts_with(&wanted)
    });
    let [supervisor] = supervisors.as_slice() else { panic!("one supervisor: {supervisors:?}") };
    kill(*supervisor, rustix::process::Signal::KILL);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let end = runtime.block_on(async {
        let mut follower = Follower::new(&dir);
        loop {
            match follower.next().await {
                Ok(Some(_)) => {}
                other => return other,
            }
        }
    });
    assert!(matches!(end, Err(FollowError::SupervisorDied { .. })), "{end:?}");
    assert_eq!(run::runs(&bench.state())[0].state, RunState::Died);
    std::fs::write(bench.path("go"), "").unwrap();
    let result = dir.join("A.1.result");
    wait_until("the guard has written the result", || result.exists());
    assert!(std::fs::read_to_string(result).unwrap().contains("passed"));
    bench.check_nothing_left(&run);
}

#[test]
fn the_same_task_never_runs_twice_at_a_time() {
    let mut bench = Bench::new();
    bench.wave("1").task("A", "mkdir busy && touch on && until [ -e go ]; do sleep 0.01; done && rmdir busy");
    let first = bench.start();
    bench.wait_for_file("on");
    let second = bench.start();
    let journal = bench.paths(&second).journal();
    wait_until("the second run waits for the first", || {
        let records = run::read_journal(&journal).unwrap();
        records.iter().any(|record| matches!(record.event, Event::TaskAttached { .. }))
    });
    std::fs::write(bench.path("go"), "").unwrap();
    assert_eq!(bench.follow(&first).outcome("A"), Passed);
    assert_eq!(bench.follow(&second).outcome("A"), Passed);
}

#[test]
fn the_present_wave_is_finished_and_no_later_one_starts() {
    let mut bench = Bench::new();
    bench.options.max_parallel = std::num::NonZeroU32::new(1);
    bench.wave("1").task("A", "touch on; until [ -e go ]; do sleep 0.01; done").task("B", "true");
    bench.wave("2").task("C", "touch never");
    let run = bench.start();
    bench.wait_for_file("on");
    bench.cancel(&run, None, Level::FinishWave);
    let journal = bench.paths(&run).journal();
    let asked = |level| move |record: &Record| record.event == Event::RunCancelling { level, tasks: None };
    wait_until("it is in the journal", || run::read_journal(&journal).unwrap().iter().any(asked(Level::FinishWave)));
    std::fs::write(bench.path("go"), "").unwrap();
    let run = bench.follow(&run);
    assert_eq!((run.outcome("A"), run.outcome("B")), (Passed, Passed));
    assert_eq!(run.outcome("C"), Skipped);
    assert_eq!(run.reason("C"), "the run was to end after the wave before");
    assert_eq!(run.exit_code(), 130);
}

#[test]
fn finishing_the_last_wave_leaves_nothing_out() {
    let mut bench = Bench::new();
    bench.wave("1").task("A", "touch on; until [ -e go ]; do sleep 0.01; done").skipped("P", true);
    let run = bench.start();
    bench.wait_for_file("on");
    bench.cancel(&run, None, Level::FinishWave);
    std::fs::write(bench.path("go"), "").unwrap();
    assert_eq!(bench.follow(&run).exit_code(), 0);
}

#[test]
fn the_level_only_goes_up() {
    let mut bench = Bench::new();
    bench.config.grace_seconds = Some(100_000.0);
    bench.wave("1").task("A", "trap 'touch asked' TERM; touch on; while :; do sleep 0.02; done");
    let run = bench.start();
    bench.wait_for_file("on");
    bench.cancel(&run, None, Level::FinishWave);
    bench.cancel(&run, None, Level::Terminate);
    bench.wait_for_file("asked");
    bench.cancel(&run, None, Level::FinishWave);
    bench.cancel(&run, None, Level::Kill);
    let run = bench.follow(&run);
    assert_eq!((run.outcome("A"), run.exit_code()), (Cancelled, 130));
}

/// A guard may find the job and the cancel in its input together.
#[test]
fn a_cancel_that_comes_with_the_start_is_not_lost() {
    let mut bench = Bench::new();
    bench.wave("1").task("A", "exec sleep 600").task("B", "exec sleep 600");
    for _ in 0..10 {
        let run = bench.start();
        for task in ["A", "B"] {
            bench.cancel(&run, Some(&[id(task)]), Level::Terminate);
        }
        let run = bench.follow(&run);
        for task in ["A", "B"] {
            assert!(matches!(run.outcome(task), Cancelled | Skipped), "{task}: {:?}", run.outcome(task));
        }
    }
}

#[test]
fn a_run_that_cannot_be_ended_keeps_nobody_from_ending_the_others() {
    let workspace = Workspace::new();
    for task in ["A", "B", "C"] {
        workspace.task(task, 1, &format!("touch on-{task}; exec sleep 600"));
        assert!(workspace.call(&["run", "--task", task, "--detach"]).status.success());
        workspace.wait_for_file(&format!("on-{task}"));
    }
    // The newest comes first.
    let runs = run::runs(&workspace.state());
    let held = RunPaths::of(&workspace.state(), &runs[0].run).dir().join("requests");
    let aside = held.with_extension("aside");
    fs::rename(&held, &aside).unwrap();
    fs::write(&held, "").unwrap();
    let cancelled = workspace.call(&["cancel", "--all", "--kill"]);
    assert_eq!(code(&cancelled), Some(1));
    let (said, failed) = (text(&cancelled.stdout), text(&cancelled.stderr));
    assert_eq!(said, format!("killing run {}\nkilling run {}\n", runs[1].run, runs[2].run));
    assert!(failed.contains(&format!("cancelling run {}: ", runs[0].run)), "{failed}");
    wait_until("the others are over", || run::unfinished(&workspace.state()).len() == 1);
    assert_eq!(code(&workspace.call(&["cancel", "--kill"])), Some(2), "the only one");
    fs::remove_file(&held).unwrap();
    fs::rename(&aside, &held).unwrap();
    assert_eq!(code(&workspace.call(&["cancel", "--all", "--kill"])), Some(0));
    workspace.wait_for_end();
}

/// One that died counts where it is named, where all are meant, and where none lives.
#[test]
fn a_run_whose_supervisor_died_is_not_the_run_where_others_live() {
    let workspace = Workspace::new();
    let start = |task: &str| {
        workspace.task(task, 1, &format!("touch on-{task}; exec sleep 600"));
        let run = text(&workspace.call(&["run", "--task", task, "--detach"]).stdout).trim().to_owned();
        workspace.wait_for_file(&format!("on-{task}"));
        run
    };
    let state_of =
        |run: &str| run::runs(&workspace.state()).into_iter().find(|known| known.run.0.as_str() == run).unwrap().state;
    let kill_supervisor = |run: &str| {
        let dir = workspace.state().join("runs").join(run).display().to_string();
        let is_supervisor = |pid: i32| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.split(|&byte| byte == 0).skip(1).take(2).eq([b"__supervise".as_slice(), dir.as_bytes()])
        };
        processes_where(is_supervisor).into_iter().for_each(kill_whole);
        wait_until("it died", || state_of(run) == RunState::Died);
    };
    let said = |arguments: &[&str]| {
        let called = workspace.call(arguments);
        assert_eq!(code(&called), Some(0), "{arguments:?}: {}", text(&called.stderr));
        text(&called.stdout)
    };
    let (first, second, third) = (start("A"), start("B"), start("C"));
    let several = workspace.call(&["cancel"]);
    assert_eq!(code(&several), Some(2));
    let named = format!("several runs are in progress; name one, or use --all: {third}, {second}, {first}");
    assert!(text(&several.stderr).contains(&named), "{}", text(&several.stderr));

    kill_supervisor(&first);
    kill_supervisor(&second);
    assert_eq!(said(&["cancel", "--finish-wave"]), format!("ending after its present wave: run {third}\n"));
    assert_eq!(said(&["cancel", &first]), format!("cancelling run {first}\n"));
    wait_until("the named one ends", || state_of(&first) == RunState::Finished);
    assert_eq!(state_of(&second), RunState::Died);
    assert_eq!(said(&["cancel", "--all", "--kill"]), format!("killing run {third}\nkilling run {second}\n"));
    workspace.wait_for_end();
    let nothing = workspace.call(&["cancel"]);
    assert!(text(&nothing.stderr).contains("nothing is in progress here"), "{}", text(&nothing.stderr));
}
