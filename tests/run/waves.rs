//! Waves: together inside, one after another outside, and what a failure does.

use feature_build::run::Outcome::{Failed, Passed, Skipped};

use crate::bench::{Bench, rendezvous};

#[test]
fn test_wave_parallel_execution() {
    let mut bench = Bench::new();
    bench.wave("1");
    bench.task("A", &rendezvous("A", &["B", "C"]));
    bench.task("B", &rendezvous("B", &["A", "C"]));
    bench.task("C", &rendezvous("C", &["A", "B"]));
    let run = bench.run();
    for task in ["A", "B", "C"] {
        assert_eq!(run.outcome(task), Passed, "{task} met the others: {}", run.reason(task));
    }
    assert_eq!(run.exit_code(), 0);
}

#[test]
fn one_at_a_time_never_overlaps() {
    let mut bench = Bench::new();
    bench.options.max_parallel = std::num::NonZeroU32::new(1);
    bench.wave("1");
    for task in ["A", "B", "C"] {
        bench.task(task, "mkdir busy && rmdir busy");
    }
    assert_eq!(bench.run().exit_code(), 0);
}

#[test]
fn test_wave_error_isolation() {
    let mut bench = Bench::new();
    bench.config.timeout_seconds = Some(5.0);
    bench.wave("1");
    bench.task("FAILS", "exit 3");
    bench.task_argv("NO-PROGRAM", &[], &["/no/such/program"]);
    bench.task("KILLED", "kill -KILL $$");
    bench.task("SLOW", "sleep 60");
    // Goes on for as long as it takes the others to end: it waits for their results.
    let dir = ".feature-build/runs/*";
    bench.task(
        "WELL",
        &format!("until [ -e {dir}/FAILS.1.result ] && [ -e {dir}/NO-PROGRAM.1.result ] && [ -e {dir}/KILLED.1.result ]; do sleep 0.01; done; echo fine"),
    );
    let run = bench.run();
    assert_eq!(run.outcome("FAILS"), Failed);
    assert_eq!(run.exit_code_of("FAILS"), Some(3));
    assert_eq!(run.reason("FAILS"), "exited with 3");
    assert_eq!(run.outcome("NO-PROGRAM"), Failed);
    assert!(
        run.reason("NO-PROGRAM").starts_with("cannot be started: \"/no/such/program\": "),
        "{}",
        run.reason("NO-PROGRAM")
    );
    assert_eq!(run.started_at("NO-PROGRAM"), None);
    assert_eq!(run.outcome("KILLED"), Failed);
    assert_eq!(run.reason("KILLED"), "killed by SIGKILL");
    assert_eq!(run.outcome("SLOW"), feature_build::run::Outcome::TimedOut);
    assert_eq!(run.outcome("WELL"), Passed);
    assert_eq!(run.log("WELL"), "fine\n");
    assert_eq!(run.exit_code(), 1);
}

#[test]
fn test_stop_on_failure_after_wave() {
    let mut bench = Bench::new();
    bench.wave("1");
    bench.task("FAILS", "touch failed; exit 1");
    bench.task("LONGER", "until [ -e failed ]; do sleep 0.01; done; sleep 0.2; touch longer");
    bench.wave("2").task("LATER", "touch later");
    bench.wave("3").task("LATEST", "touch latest");
    let run = bench.run();
    assert_eq!(run.outcome("FAILS"), Failed);
    assert_eq!(run.outcome("LONGER"), Passed, "the wave always finishes");
    assert!(bench.path("longer").exists());
    for task in ["LATER", "LATEST"] {
        assert_eq!(run.outcome(task), Skipped);
        assert_eq!(run.reason(task), "wave 1 did not pass");
    }
    assert!(!bench.path("later").exists());
    assert_eq!(run.exit_code(), 1);
}

#[test]
fn a_wave_starts_when_the_one_before_has_ended() {
    let mut bench = Bench::new();
    bench.wave("1").task("SLOW", "sleep 0.3; touch slow").task("QUICK", "true");
    bench.wave("2").task("NEXT", "[ -e slow ]");
    let run = bench.run();
    assert_eq!(run.exit_code(), 0);
    assert!(run.finished_at("SLOW") < run.started_at("NEXT").unwrap());
}

#[test]
fn keep_going_skips_exactly_what_depends_on_a_failure() {
    let mut bench = Bench::new();
    bench.options.keep_going = true;
    bench.wave("1").task("FAILS", "exit 1").task("WELL", "true");
    bench.wave("2").task_after("DIRECT", &["FAILS"], "true").task_after("FREE", &["WELL"], "true");
    bench.wave("3").task_after("INDIRECT", &["DIRECT"], "true").task("ALONE", "true");
    let run = bench.run();
    assert_eq!(run.outcome("DIRECT"), Skipped);
    assert_eq!(run.reason("DIRECT"), "depends on FAILS, which did not pass");
    assert_eq!(run.outcome("INDIRECT"), Skipped);
    assert_eq!(run.reason("INDIRECT"), "depends on DIRECT, which did not pass");
    for task in ["WELL", "FREE", "ALONE"] {
        assert_eq!(run.outcome(task), Passed);
    }
    assert_eq!(run.exit_code(), 1);
}

#[test]
fn a_task_waits_for_one_in_its_own_wave() {
    let mut bench = Bench::new();
    bench.wave("1");
    bench.task_after("SECOND", &["FIRST"], "[ -e first ]");
    bench.task("FIRST", "sleep 0.2; touch first");
    bench.task("BROKEN", "exit 1");
    bench.task_after("NEVER", &["BROKEN"], "touch never");
    let run = bench.run();
    assert_eq!(run.outcome("SECOND"), Passed);
    assert!(run.finished_at("FIRST") < run.started_at("SECOND").unwrap());
    assert_eq!(run.outcome("NEVER"), Skipped);
    assert_eq!(run.reason("NEVER"), "depends on BROKEN, which did not pass");
    assert!(!bench.path("never").exists());
}

#[test]
fn what_needs_a_person_fails_nothing() {
    let mut bench = Bench::new();
    bench.wave("1").task("WELL", "true").skipped("BY-HAND", true);
    bench.wave("2").task("NEXT", "true").skipped("BEHIND", true);
    let run = bench.run();
    assert_eq!(run.outcome("BY-HAND"), Skipped);
    assert_eq!(run.reason("BY-HAND"), "not for a machine");
    assert_eq!(run.outcome("NEXT"), Passed);
    assert_eq!(run.exit_code(), 0);
}

#[test]
fn any_other_task_that_does_not_start_is_a_failure() {
    let mut bench = Bench::new();
    bench.wave("1").task("WELL", "true").skipped("BROKEN", false);
    bench.wave("2").task("NEXT", "true");
    let run = bench.run();
    assert_eq!(run.outcome("NEXT"), Skipped);
    assert_eq!(run.exit_code(), 1);
}

#[test]
fn summaries_count_and_add_up() {
    let mut bench = Bench::new();
    bench.wave("1").task("A", "sleep 0.4").task("B", "sleep 0.4").task("C", "sleep 0.4; exit 1");
    bench.wave("2").task("D", "true");
    let run = bench.run();
    let finished = run.finished();
    assert_eq!(finished.summary[&Passed], 2);
    assert_eq!(finished.summary[&Failed], 1);
    assert_eq!(finished.summary[&Skipped], 1);
    assert_eq!(finished.summary.len(), 6, "every outcome is named");
    assert!(finished.serial_ms >= 1200, "{finished:?}");
    assert!(finished.wall_ms >= 400, "{finished:?}");
    let view = run.view();
    assert_eq!(view.waves[0].finished.as_ref().unwrap().summary[&Passed], 2);
    assert!(view.waves[1].finished.is_none(), "a wave that never began has no end");
}
