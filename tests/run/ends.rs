//! Nothing is left behind: tasks whose processes leave their group, hold the pipe, or do not want to end.

use feature_build::run::Outcome::{Failed, Passed};

use crate::bench::{Bench, id, trust};

/// `follow` checks that no process of the run is alive.
fn passes_and_leaves_nothing(script: &str) {
    let mut bench = Bench::new();
    bench.wave("1").task("A", script);
    let run = bench.run();
    assert_eq!(run.outcome("A"), Passed, "{}", run.reason("A"));
    assert!(run.leaked("A"), "it is said that something was left behind");
}

#[test]
fn a_grandchild_that_holds_the_output_in_silence() {
    passes_and_leaves_nothing("sleep 600 & exit 0");
}

#[test]
fn a_grandchild_that_holds_the_output_and_talks() {
    passes_and_leaves_nothing("(while :; do echo still here; sleep 0.01; done) & exit 0");
}

#[test]
fn a_grandchild_in_a_session_of_its_own() {
    passes_and_leaves_nothing("setsid sh -c 'trap \"\" TERM HUP; sleep 600' >/dev/null 2>&1 & exit 0");
}

#[test]
fn a_daemon() {
    passes_and_leaves_nothing("(setsid sh -c '(sleep 600) >/dev/null 2>&1 </dev/null &' &) ; exit 0");
}

#[test]
fn a_grandchild_that_hops() {
    passes_and_leaves_nothing(
        "cat > hop <<'END'\nsetsid sh ./hop $1 >/dev/null 2>&1 &\nsleep 0.005\nEND\nsh ./hop; exit 0",
    );
}

#[test]
fn few_open_files_delay_tasks_and_fail_none() {
    let mut bench = Bench::new();
    bench.options.max_parallel = std::num::NonZeroU32::new(100);
    bench.wave("1");
    for number in 0..40 {
        bench.task(&format!("T{number}"), "sleep 0.05");
    }
    bench.options.launcher = feature_build::run::Launcher::At(bench.with_limit("ulimit -n 40"));
    let run = bench.run();
    assert_eq!(run.exit_code(), 0, "{:?}", run.view().summary);
}

#[test]
fn a_working_directory_that_is_gone_is_said_so() {
    let mut bench = Bench::new();
    bench.wave("1").task("A", "true");
    // Outside of the root. Its end is no matter of the test: the supervisor may still write there.
    let state = tempfile::tempdir().unwrap();
    bench.config.state_dir = Some(state.path().to_path_buf());
    let root = bench.path("gone");
    std::fs::create_dir(&root).unwrap();
    std::fs::write(root.join("feature-build.yaml"), serde_json::to_string(&bench.config).unwrap()).unwrap();
    let trusted = trust(&root);
    std::fs::remove_dir_all(&root).unwrap();
    let run = feature_build::run::start(&trusted, &bench.schedule, &bench.commands, &bench.options).unwrap();
    let run = bench.follow(&run);
    assert_eq!(run.outcome("A"), Failed);
    assert!(run.reason("A").starts_with("cannot be started: entering "), "{}", run.reason("A"));
}

/// What is fed belongs to the order: an agent that is told something else does something else.
#[test]
fn what_a_task_reads_is_what_was_written_when_the_run_was_started() {
    let mut bench = Bench::new();
    bench.wave("1").task("A", "cat > got-A; touch on; until [ -e go ]; do sleep 0.01; done");
    bench.wave("2").task("B", "cat > got-B");
    for task in ["A", "B"] {
        bench.commands.get_mut(&id(task)).unwrap().stdin = Some(b"do good".to_vec());
    }
    let run = bench.start();
    bench.wait_for_file("on");
    std::fs::write(bench.paths(&run).dir().join("B.stdin"), "do evil").unwrap();
    std::fs::write(bench.path("go"), "").unwrap();
    let run = bench.follow(&run);
    assert_eq!((run.outcome("A"), run.outcome("B")), (Passed, Failed));
    assert_eq!(std::fs::read(bench.path("got-A")).unwrap(), b"do good");
    assert!(run.reason("B").contains("it is not what was written there"), "{}", run.reason("B"));
    assert!(!bench.path("got-B").exists());
}
