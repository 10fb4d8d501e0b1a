//! Processes that do not want to end, and processes that their task leaves behind.

use std::process::Command;
use std::time::{Duration, Instant};

use feature_build::run::Outcome::{Cancelled, Passed};
use feature_build::run::{Event, Level};

use crate::bench::{Bench, Run, binary, processes_of};
use crate::chance::{Chance, is_long};

/// Every stop must be through within the grace period and this.
const AFTER_GRACE: Duration = Duration::from_secs(1);

/// How long what a task left behind may hold its output.
const LEAK: Duration = Duration::from_millis(500);

/// Fault 3: the task and its group mate ignore SIGTERM, and the leader exits first.
#[test]
fn what_ignores_sigterm_is_gone_after_the_grace_period() {
    let mut chance = Chance::new("deaf");
    for _ in 0..if is_long() { 20 } else { 3 } {
        chance.tried();
        let mut bench = Bench::new();
        let grace = Duration::from_millis(200 + chance.below(400));
        bench.config.grace_seconds = Some(grace.as_secs_f64());
        let mate = "sh -c 'trap \"\" TERM; touch mate; while :; do sleep 600; done' &";
        let leader = format!("{mate} trap 'exit 7' TERM; until [ -e mate ]; do sleep 0.01; done; touch up; wait; wait");
        bench.wave("1").task("A", &leader);
        let run = bench.start();
        bench.wait_for_file("up");
        let asked = Instant::now();
        bench.cancel(&run, None, Level::Terminate);
        let run = bench.follow(&run);
        assert_eq!(run.outcome("A"), Cancelled);
        assert!(asked.elapsed() < grace + AFTER_GRACE, "{:?} with {grace:?} of grace", asked.elapsed());
    }
}

/// Fault 4: a grandchild holds standard output after its task has ended.
#[test]
fn what_holds_the_output_ends_at_the_leak_time_out() {
    let mut chance = Chance::new("holders");
    for grandchild in ["sleep 600 &", "(while :; do echo still here; sleep 0.001; done) &", "yes &"] {
        let mut quickest = Duration::MAX;
        for _ in 0..if is_long() { 10 } else { 3 } {
            chance.tried();
            let mut bench = Bench::new();
            bench.wave("1").task("A", &format!("{grandchild} exit 0"));
            let run = bench.run();
            assert_eq!(run.outcome("A"), Passed, "{}", run.reason("A"));
            assert!(run.leaked("A"), "{grandchild}: it is said that something was left behind");
            let status = Command::new(binary()).arg("status").current_dir(bench.root()).output().unwrap();
            let status = String::from_utf8_lossy(&status.stdout).into_owned();
            assert!(status.contains("left processes behind, killed"), "{status}");
            quickest = quickest.min(after_its_exit(&run, "A"));
        }
        // Each try may meet a machine that is busy with other things; not all of them.
        assert!(quickest < LEAK + Duration::from_millis(200), "{grandchild}: {quickest:?}");
    }
}

/// How long after its own exit a task was over.
fn after_its_exit(run: &Run, task: &str) -> Duration {
    let at = |place: usize| run.records[place].time.parse::<jiff::Timestamp>().unwrap();
    let (began, over) = (run.started_at(task).unwrap(), run.finished_at(task));
    let Event::TaskFinished { duration_ms, .. } = &run.records[over].event else { unreachable!() };
    at(over).duration_since(at(began)).unsigned_abs().saturating_sub(Duration::from_millis(*duration_ms))
}

/// Fault 5: grandchildren in sessions of their own, daemons, and some that fork faster than they can be counted.
#[test]
fn what_left_its_group_is_gone_after_a_second() {
    const HOPPER: &str =
        "cat > hop <<'END'\nsetsid sh ./hop >/dev/null 2>&1 &\nEND\nsh ./hop; until [ -e hop ]; do :; done; exit 0";
    let mut chance = Chance::new("leavers");
    let leavers = [
        "setsid sh -c 'trap \"\" TERM HUP; sleep 600' >/dev/null 2>&1 & exit 0",
        "(setsid sh -c '(trap \"\" HUP; sleep 600) >/dev/null 2>&1 </dev/null &' &) ; exit 0",
        "(setsid sleep 600 &) ; setsid sleep 601 & (sleep 602 &) ; exit 0",
        HOPPER,
    ];
    for round in 0..if is_long() { 40 } else { 8 } {
        chance.tried();
        let mut bench = Bench::new();
        let leaver = leavers.get(round).unwrap_or_else(|| chance.pick(&leavers));
        bench.wave("1").task("A", leaver);
        let run = bench.run();
        let over = Instant::now();
        assert_eq!(run.outcome("A"), Passed, "{}", run.reason("A"));
        assert!(processes_of(&run.id).is_empty(), "nothing outlives the run's last event, {:?} later", over.elapsed());
    }
}
