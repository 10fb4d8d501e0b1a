//! Guards that somebody has stopped: what they hold must end all the same where the user wants that.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use feature_build::run::Outcome::Cancelled;
use feature_build::run::{self, Launcher, Level, Resumed, Takeover};
use rustix::process::Signal;

use crate::bench::{Bench, binary, id, kill, kill_whole, processes_of, wait_until};
use crate::chance::{Chance, is_long};
use crate::family;

/// How a guard stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// Once: it goes on when it is told to.
    Once,
    /// Whenever it goes on, it is stopped again.
    Always,
}

/// `cancel --kill` ends a task whose guard does not answer, under the supervisor that started it and under the next one.
#[test]
fn a_task_whose_guard_is_stopped_ends_with_a_kill() {
    let mut chance = Chance::new("stopped guards");
    let mut scenarios: Vec<(Stop, bool, bool)> =
        vec![(Stop::Once, false, true), (Stop::Always, false, false), (Stop::Always, true, false)];
    for _ in 0..if is_long() { 12 } else { 0 } {
        scenarios.push((*chance.pick(&[Stop::Once, Stop::Always]), chance.below(2) == 0, chance.below(2) == 0));
    }
    for (stop, adopted, whole_run) in scenarios {
        chance.tried();
        let mut bench = Bench::new();
        bench.wave("1").task("A", "setsid sleep 600 & touch up; exec sleep 600");
        let run = bench.start();
        bench.wait_for_file("up");
        let dir = bench.paths(&run).dir().to_path_buf();
        let supervisor = family::supervisor(&dir).unwrap();
        let guard = family::guards(supervisor)[0];
        std::thread::sleep(Duration::from_millis(chance.below(50)));
        if adopted {
            kill_whole(supervisor);
        }
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            kill(guard, Signal::STOP);
            if stop == Stop::Always {
                scope.spawn(|| {
                    let guard = rustix::process::Pid::from_raw(guard).unwrap();
                    // It has gone when this fails.
                    while !over.load(Ordering::Relaxed) && rustix::process::kill_process(guard, Signal::STOP).is_ok() {
                        std::thread::sleep(Duration::from_millis(1));
                    }
                });
            }
            if adopted {
                let taken = run::resume(&dir, Takeover::Settle, &Launcher::At(binary())).unwrap();
                assert_eq!(taken, Resumed::TakenOver);
            }
            let asked = Instant::now();
            bench.cancel(&run, (!whole_run).then(|| vec![id("A")]).as_deref(), Level::Kill);
            wait_until("nothing of the task is alive", || processes_of(&run).is_empty());
            let run = bench.follow(&run);
            over.store(true, Ordering::Relaxed);
            assert_eq!(run.outcome("A"), Cancelled, "{stop:?}, adopted: {adopted}: {}", run.reason("A"));
            eprintln!("{stop:?}, adopted: {adopted}: {:?}, {}", asked.elapsed(), run.reason("A"));
        });
        wait_until("the guard is gone", || !family::is_there(guard));
    }
}
