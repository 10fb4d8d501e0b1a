//! Many tasks, and few of what the system gives to each of them.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use feature_build::run::Outcome::{Cancelled, Passed, Skipped};
use feature_build::run::{Launcher, Level};

use crate::bench::{Bench, wait_until};
use crate::chance::{Chance, is_long};
use crate::family;

/// The supervisor stays below this, whatever the number of tasks: in KiB.
const MEMORY: i64 = 64 << 10;
/// How long a whole wave may take to be cancelled, besides the grace period.
const CANCELLED_WITHIN: Duration = Duration::from_secs(2);

/// Fault 7: only 64 open files. The tasks queue, none fails for that, and the supervisor closes what it opens.
#[test]
fn few_open_files_make_tasks_wait_and_none_fail() {
    let mut chance = Chance::new("few files");
    let tasks = if is_long() { 400 } else { 80 };
    let mut bench = Bench::new();
    bench.options.max_parallel = NonZeroU32::new(100);
    bench.options.launcher = Launcher::At(bench.with_limit("ulimit -n 64"));
    bench.wave("1").task("BEFORE", "touch before; until [ -e on ]; do sleep 0.01; done");
    bench.wave("2");
    for number in 0..tasks {
        chance.tried();
        bench.task(&format!("T{number}"), &format!("sleep 0.0{}", chance.below(10)));
    }
    bench.wave("3").task("AFTER", "touch after; until [ -e end ]; do sleep 0.01; done");
    let run = bench.start();
    let supervisor = family::supervisor(bench.paths(&run).dir()).unwrap();
    bench.wait_for_file("before");
    let before = family::open_files(supervisor);
    std::fs::write(bench.path("on"), "").unwrap();
    bench.wait_for_file("after");
    wait_until("as few files are open as before", || family::open_files(supervisor) <= before);
    std::fs::write(bench.path("end"), "").unwrap();
    let run = bench.follow(&run);
    assert_eq!(run.exit_code(), 0, "{:?}", run.view().summary);
}

/// Fault 10: a wave of many tasks that do next to nothing. How fast it is says `cargo bench --bench swarm`: here it only has
/// to go on.
#[test]
fn a_wave_of_thousands_needs_little_memory() {
    let tasks = if is_long() { 10_000 } else { 500 };
    let mut bench = Bench::new();
    bench.wave("1");
    for number in 0..tasks {
        bench.task_argv(&format!("T{number}"), &[], &["touch", &format!("touched-{number}")]);
    }
    bench.wave("2").task("LAST", "touch last; until [ -e end ]; do sleep 0.01; done");
    let run = bench.start();
    let supervisor = family::supervisor(bench.paths(&run).dir()).unwrap();
    for number in 0..tasks {
        bench.wait_for_file(&format!("touched-{number}"));
    }
    bench.wait_for_file("last");
    let peak = family::peak_memory(supervisor).unwrap();
    assert!(peak < MEMORY, "the supervisor had {peak} KiB");
    std::fs::write(bench.path("end"), "").unwrap();
    let run = bench.follow(&run);
    assert_eq!(run.finished().summary[&Passed], tasks + 1);
}

/// Fault 10: a wave of ten thousand, cancelled as a whole.
#[test]
fn a_wave_of_ten_thousand_is_cancelled_at_once() {
    let mut bench = Bench::new();
    bench.wave("1");
    for number in 0..10_000 {
        bench.task_argv(&format!("T{number}"), &[], &["sleep", "600"]);
    }
    let run = bench.start();
    let journal = bench.paths(&run).journal();
    wait_until("some tasks run", || std::fs::read_to_string(&journal).unwrap().matches("task-started").count() >= 10);
    let asked = Instant::now();
    bench.cancel(&run, None, Level::Terminate);
    wait_until("it is over", || std::fs::read_to_string(&journal).unwrap().contains("\"run-finished\""));
    let took = asked.elapsed();
    let limit = CANCELLED_WITHIN + Duration::from_secs_f64(bench.config.grace_seconds.unwrap());
    assert!(took < limit, "{took:?}");
    let run = bench.follow(&run);
    let summary = run.finished().summary;
    assert_eq!(summary[&Cancelled] + summary[&Skipped], 10_000);
    assert_eq!(run.exit_code(), 130);
}
