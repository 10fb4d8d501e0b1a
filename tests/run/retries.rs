//! Trying again: what did not pass, and what met a rate limit.

use feature_build::run::Outcome::{Cancelled, Failed, Passed, Skipped, TimedOut};
use feature_build::run::{Event, Level, Record, TaskState, View, read_journal};
use feature_build::workspace::Config;
use feature_build::workspace::{Backoff, Retries};

use crate::bench::{Bench, Run, id, wait_until};
use crate::terminal::{Workspace, code, text};

/// A bench whose tasks are tried again so often, at once.
fn bench(count: u32) -> Bench {
    let mut bench = Bench::new();
    bench.config.retries = Retries { count, delay_seconds: Some(0.0), ..Retries::default() };
    bench
}

/// Fails as often as this, and counts its attempts in a file of its own.
fn fails(name: &str, times: u32) -> String {
    format!("echo x >> count-{name}; echo attempt $(wc -l < count-{name}); [ $(wc -l < count-{name}) -gt {times} ]")
}

fn retries(records: &[Record]) -> Vec<(u32, bool)> {
    let retrying = records.iter().filter_map(|record| match &record.event {
        Event::TaskRetrying { attempt, rate_limited, .. } => Some((*attempt, *rate_limited)),
        _ => None,
    });
    retrying.collect()
}

fn finished(run: &Run, name: &str) -> (u32, bool) {
    let finished = run.records.iter().find_map(|record| match &record.event {
        Event::TaskFinished { task, attempts, flaky, .. } if task.as_str() == name => Some((*attempts, *flaky)),
        _ => None,
    });
    finished.unwrap()
}

#[test]
fn what_passes_after_a_failure_is_flaky_and_keeps_each_log() {
    let mut bench = bench(2);
    bench.wave("1").task("A", &fails("A", 2)).task("B", "true");
    bench.wave("2").task("C", "true");
    let run = bench.run();
    assert_eq!((run.outcome("A"), run.exit_code()), (Passed, 0));
    assert_eq!(finished(&run, "A"), (3, true));
    assert_eq!(finished(&run, "B"), (1, false));
    assert_eq!(run.outcome("C"), Passed, "a later wave starts");
    assert_eq!(retries(&run.records), [(1, false), (2, false)]);
    for attempt in 1..=3 {
        let log = std::fs::read_to_string(run.paths.log(&id("A"), attempt)).unwrap();
        assert_eq!(log.trim(), format!("attempt {attempt}"));
    }
    assert!(run.view().task("A").unwrap().flaky);
    assert!(run.view().task("A").unwrap().log.as_ref().unwrap().ends_with("A~3.log"));
}

#[test]
fn retries_end() {
    let mut bench = bench(1);
    bench.wave("1").task("A", &fails("A", 99)).task("B", "exec sleep 600");
    bench.config.timeout_seconds = Some(3.0);
    let run = bench.run();
    assert_eq!((run.outcome("A"), run.outcome("B")), (Failed, TimedOut));
    assert_eq!((finished(&run, "A"), finished(&run, "B")), ((2, false), (2, false)));
}

#[test]
fn what_cannot_be_started_is_not_tried_again() {
    let mut bench = bench(3);
    bench.wave("1").task_argv("A", &[], &["no-such-program-anywhere"]);
    let run = bench.run();
    assert_eq!(run.outcome("A"), Failed);
    assert_eq!(retries(&run.records), []);
}

#[test]
fn a_rate_limit_is_no_failure() {
    let mut bench = bench(0);
    bench.config.retry_on = Config::parse("retry_on: ['(?i)rate limit']").unwrap().retry_on;
    bench.wave("1").task("A", &format!("echo Rate Limit reached; {}", fails("A", 4)));
    bench.task("B", "echo other trouble; exit 3");
    let run = bench.run();
    assert_eq!(run.outcome("A"), Passed);
    assert_eq!(finished(&run, "A"), (5, false), "not flaky");
    assert_eq!(retries(&run.records), [(1, true), (2, true), (3, true), (4, true)]);
    assert_eq!(run.outcome("B"), Failed);
}

/// A wait that would take an hour.
fn waiting() -> (Bench, feature_build::run::RunId) {
    let mut bench = bench(1);
    bench.config.retries.delay_seconds = Some(3600.0);
    bench.config.retries.max_delay_seconds = Some(3600.0);
    bench.config.retries.backoff = Backoff::Fixed;
    bench.options.max_parallel = std::num::NonZeroU32::new(1);
    bench.wave("1").task("A", "exit 3").task("B", "touch b");
    bench.wave("2").task("C", "true");
    let run = bench.start();
    wait_until("A waits", || {
        let view = View::of(&read_journal(&bench.paths(&run).journal()).unwrap());
        matches!(view.task("A").unwrap().state, TaskState::Retrying { .. })
    });
    (bench, run)
}

#[test]
fn a_cancel_ends_the_wait_of_a_run() {
    let (bench, run) = waiting();
    bench.cancel(&run, None, Level::Terminate);
    let run = bench.follow(&run);
    assert_eq!((run.outcome("A"), run.outcome("B"), run.outcome("C")), (Cancelled, Skipped, Skipped));
    assert!(run.reason("A").contains("while it waited to be tried again"), "{}", run.reason("A"));
    assert_eq!((run.exit_code_of("A"), run.exit_code()), (Some(3), 130));
    assert!(!bench.path("b").exists(), "what waits keeps its place");
}

#[test]
fn a_cancel_ends_the_wait_of_a_task() {
    let (bench, run) = waiting();
    bench.cancel(&run, Some(&[id("A")]), Level::FinishWave);
    let run = bench.follow(&run);
    assert_eq!((run.outcome("A"), run.outcome("B"), run.exit_code()), (Cancelled, Passed, 130));
}

#[test]
fn a_long_attempt_is_told_once() {
    let mut bench = Bench::new();
    bench.config.slow_after_seconds = Some(0.05);
    bench.wave("1").task("A", "sleep 0.3");
    let run = bench.run();
    let slow: Vec<u64> = run
        .records
        .iter()
        .filter_map(|record| match &record.event {
            Event::TaskSlow { after_ms, .. } => Some(*after_ms),
            _ => None,
        })
        .collect();
    assert_eq!(slow.len(), 1);
    assert!(slow[0] >= 50, "{slow:?}");
    assert_eq!(run.view().task("A").unwrap().slow_ms, Some(slow[0]));
}

#[test]
fn what_verifies_a_long_attempt_does_not_tell_it_again() {
    let mut bench = Bench::new();
    bench.config.slow_after_seconds = Some(0.05);
    bench.wave("1").task("A", "sleep 0.2");
    bench.commands.get_mut(&id("A")).unwrap().handling.verify = vec![vec!["true".into()], vec!["true".into()]];
    let run = bench.run();
    assert_eq!(run.outcome("A"), Passed, "{}", run.reason("A"));
    let slow = run.records.iter().filter(|record| matches!(record.event, Event::TaskSlow { .. }));
    assert_eq!(slow.count(), 1);
}

#[test]
fn the_terminal_does_not_call_a_rate_limit_a_failure() {
    let workspace = Workspace::new();
    workspace
        .write("feature-build.yaml", "task_commands: true\nretries: {count: 0, delay_seconds: 0}\nretry_on: [quota]\n");
    workspace.task("TASK-1", 1, "echo x >> tries; [ $(wc -l < tries) -gt 1 ] || { echo no quota; exit 1; }");
    let run = workspace.call(&["run"]);
    let said = text(&run.stdout);
    assert_eq!(code(&run), Some(0), "{said}{}", text(&run.stderr));
    assert!(said.contains("↻ TASK-1 met a rate limit (exited with 1), tries again in 0 ms"), "{said}");
    assert!(!said.contains("failed") && !said.contains("flaky"), "{said}");
}

#[test]
fn the_terminal_tells_of_retries_and_prints_each_log() {
    let workspace = Workspace::new();
    workspace.write("feature-build.yaml", "task_commands: true\nretries: {count: 0, delay_seconds: 0}\n");
    workspace.task("TASK-1", 1, "echo x >> tries; echo try $(wc -l < tries); [ $(wc -l < tries) -gt 1 ]");
    let run = workspace.call(&["run", "--retries", "1"]);
    let said = text(&run.stdout);
    assert_eq!(code(&run), Some(0), "{said}{}", text(&run.stderr));
    assert!(said.contains("↻ TASK-1 failed") && said.contains("flaky: at its attempt 2"), "{said}");
    assert_eq!(text(&workspace.call(&["log", "TASK-1"]).stdout), "try 2\n");
    assert_eq!(text(&workspace.call(&["log", "TASK-1", "--attempt", "1"]).stdout), "try 1\n");
    assert_eq!(code(&workspace.call(&["run", "--redo", "--timeout", "-1"])), Some(2));
}
