//! A disk that fills while tasks run, and has room again later.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use feature_build::run::Outcome::{Cancelled, Failed, Passed};
use feature_build::run::{self, Event, Level, RunId};

use crate::bench::{Bench, binary, id, kill_whole, processes_of, wait_until};
use crate::chance::{Chance, is_long};
use crate::family;
use crate::mount::Mounts;

/// Takes all the room that is left. What others give back meanwhile is taken too, until it is dropped.
pub struct Ballast {
    path: PathBuf,
    file: File,
}

impl Ballast {
    pub fn fill(dir: &Path) -> Self {
        let path = dir.join("ballast");
        let mut ballast = Self { file: File::create(&path).unwrap(), path };
        ballast.press();
        ballast
    }

    fn press(&mut self) {
        while self.file.write(&[0; 4096]).is_ok() {}
        while self.file.write(&[0]).is_ok() {}
    }
}

impl Drop for Ballast {
    fn drop(&mut self) {
        fs::remove_file(&self.path).unwrap();
    }
}

/// Fault 6: the state lies on a file system of 1 MB, which fills while tasks run and is freed: no task is killed, no
/// result is lost, what waited starts, and the run says what happened.
#[test]
fn a_full_disk_kills_no_task_and_loses_no_result() {
    let Some(mounts) = Mounts::new() else { return };
    let mut chance = Chance::new("full disk");
    for _ in 0..if is_long() { 20 } else { 2 } {
        chance.tried();
        let mut bench = Bench::new();
        let state = mounts.tmpfs("1m");
        bench.config.state_dir = Some(state.clone());
        bench.options.max_parallel = std::num::NonZeroU32::new(3);
        let written = 300_000 + chance.below(400_000);
        bench.wave("1");
        let until = |name: &str| format!("until [ -e {name} ]; do sleep 0.01; done");
        bench.task("TALKS", &format!("touch up-1; {}; head -c {written} /dev/zero; echo; echo end", until("full")));
        bench.task("FAILS", &format!("touch up-2; {}; exit 7", until("full")));
        bench.task("LONG", &format!("touch up-3; {}; echo long", until("freed")));
        bench.task("WAITS", "touch waits; echo waited");
        let run = bench.start();
        ["up-1", "up-2", "up-3"].iter().for_each(|name| bench.wait_for_file(name));
        let dir = bench.paths(&run).dir().to_path_buf();
        assert_eq!(run::degraded(&dir), None);

        let (root, screen) = (bench.root(), bench.path("screen"));
        let feature_build = |words: &[&str]| {
            let mut command = Command::new(binary());
            command.args(words).current_dir(&root);
            command
        };
        fs::write(bench.path("feature-build.yaml"), format!("state_dir: {}\n", state.display())).unwrap();
        let mut watch = feature_build(&["watch"]).stdout(File::create(&screen).unwrap()).spawn().unwrap();

        let mut ballast = Ballast::fill(&state);
        fs::write(bench.path("full"), "").unwrap();
        wait_until("the run says that it is degraded", || {
            ballast.press();
            run::degraded(&dir).is_some()
        });
        let reason = run::degraded(&dir).unwrap().reason;
        assert!(reason.contains("No space left on device"), "{reason}");
        wait_until("the terminal says so", || {
            fs::read_to_string(&screen).unwrap().contains("the state folder cannot be written: ")
        });
        let status = feature_build(&["status"]).output().unwrap();
        let status = String::from_utf8_lossy(&status.stdout).into_owned();
        assert!(status.contains("degraded: "), "{status}");
        assert!(!bench.path("waits").exists() || bench.paths(&run).log(&id("WAITS"), 1).exists());
        drop(ballast);
        wait_until("it is well again", || run::degraded(&dir).is_none());
        fs::write(bench.path("freed"), "").unwrap();

        let run = bench.follow(&run);
        assert_eq!(watch.wait().unwrap().code(), Some(1), "FAILS has failed");
        assert_eq!(run.outcome("FAILS"), Failed);
        assert_eq!(run.exit_code_of("FAILS"), Some(7), "{}", run.reason("FAILS"));
        for task in ["TALKS", "LONG", "WAITS"] {
            assert_eq!(run.outcome(task), Passed, "{task}: {}", run.reason(task));
        }
        assert_eq!(run.log("LONG"), "long\n");
        assert_eq!(run.log("WAITS"), "waited\n");
        wait_until("the log is whole", || {
            fs::read(run.paths.log(&id("TALKS"), 1)).unwrap().len() as u64 == written + 5
        });
        assert!(run.records.iter().any(|record| matches!(record.event, Event::RunDegraded { .. })), "it is recorded");
    }
}

/// The supervisor dies while the disk is full: the next one takes over all the same, hears from the guards that they have
/// no room, and ends what the user wants to end.
#[test]
fn a_run_is_taken_over_and_a_task_of_it_cancelled_while_the_disk_is_full() {
    let Some(mounts) = Mounts::new() else { return };
    let mut bench = Bench::new();
    let state = mounts.tmpfs("1m");
    bench.config.state_dir = Some(state.clone());
    bench
        .wave("1")
        .task("TALKS", "touch up-1; until [ -e full ]; do sleep 0.01; done; head -c 300000 /dev/zero; exec sleep 600");
    bench.task("OTHER", "touch up-2; until [ -e freed ]; do sleep 0.01; done");
    let run = bench.start();
    let (dir, journal) = (bench.paths(&run).dir().to_path_buf(), bench.paths(&run).journal());
    let runs = |event: &Event| matches!(event, Event::TaskStarted { .. });
    wait_until("both run", || {
        run::read_journal(&journal).unwrap().iter().filter(|record| runs(&record.event)).count() == 2
    });
    let mut ballast = Ballast::fill(&state);
    let supervisor = family::supervisor(&dir).unwrap();
    kill_whole(supervisor);
    fs::write(bench.path("full"), "").unwrap();
    let troubled = dir.join("TALKS~1.trouble");
    wait_until("its guard says that there is no room", || {
        ballast.press();
        troubled.exists()
    });
    let taken = run::resume(&dir, run::Takeover::Settle, &run::Launcher::At(binary())).unwrap();
    assert_eq!(taken, run::Resumed::TakenOver);
    wait_until("the run says that it is degraded", || run::degraded(&dir).is_some());
    bench.cancel(&run, Some(&[id("TALKS")]), Level::Terminate);
    wait_until("TALKS is ended", || {
        ballast.press();
        ended(&run, "TALKS")
    });
    assert!(!ended(&run, "OTHER"));
    drop(ballast);
    fs::write(bench.path("freed"), "").unwrap();
    let run = bench.follow(&run);
    assert_eq!((run.outcome("TALKS"), run.outcome("OTHER")), (Cancelled, Passed));
    // The result, which ends the run, is in its file a moment before.
    wait_until("its guard says that there is room again", || !troubled.exists());
}

/// No process of this task is alive.
fn ended(run: &RunId, task: &str) -> bool {
    let wanted = format!("FEATURE_BUILD_TASK={task}");
    !processes_of(run).into_iter().any(|pid| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|&byte| byte == 0).any(|variable| variable == wanted.as_bytes())
    })
}

/// Whoever wants to end a run must not need room for that, neither must what waits for some.
#[test]
fn a_run_is_cancelled_while_the_disk_is_full() {
    let Some(mounts) = Mounts::new() else { return };
    let mut bench = Bench::new();
    let state = mounts.tmpfs("1m");
    bench.config.state_dir = Some(state.clone());
    bench.options.max_parallel = std::num::NonZeroU32::new(2);
    bench.wave("1").task("RUNS", "touch up-1; exec sleep 600");
    bench.task("ENDS", "touch up-2; until [ -e full ]; do sleep 0.01; done").task("WAITS", "true");
    let run = bench.start();
    ["up-1", "up-2"].iter().for_each(|name| bench.wait_for_file(name));
    let dir = bench.paths(&run).dir().to_path_buf();
    let mut ballast = Ballast::fill(&state);
    fs::write(bench.path("full"), "").unwrap();
    wait_until("the run says that it is degraded", || {
        ballast.press();
        run::degraded(&dir).is_some()
    });
    bench.cancel(&run, None, Level::Terminate);
    wait_until("nothing runs any more, though nobody can write that down", || processes_of(&run).is_empty());
    drop(ballast);
    let run = bench.follow(&run);
    assert_eq!(run.outcome("RUNS"), Cancelled);
    assert_eq!(run.outcome("ENDS"), Passed);
    assert_eq!(run.exit_code(), 130);
}

/// A guard whose task has ended, and for whose log there is no room, stays until there is; not where the user wants its end.
#[test]
fn a_guard_that_waits_for_room_ends_with_a_kill() {
    let Some(mounts) = Mounts::new() else { return };
    let mut chance = Chance::new("guards without room");
    for adopted in [false, true] {
        chance.tried();
        let mut bench = Bench::new();
        let state = mounts.tmpfs("1m");
        bench.config.state_dir = Some(state.clone());
        let written = 300_000 + chance.below(100_000);
        let script = format!("touch up; until [ -e full ]; do sleep 0.01; done; head -c {written} /dev/zero; exit 3");
        bench.wave("1").task("A", &script).task("B", "touch up-b; until [ -e freed ]; do sleep 0.01; done");
        let run = bench.start();
        ["up", "up-b"].iter().for_each(|name| bench.wait_for_file(name));
        let dir = bench.paths(&run).dir().to_path_buf();
        let supervisor = family::supervisor(&dir).unwrap();
        let guards = family::guards(supervisor);
        let log = bench.paths(&run).log(&id("A"), 1);
        let has_log = |pid: i32| {
            let open = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
            open.filter_map(|file| fs::read_link(file.path()).ok()).any(|target| target == log)
        };
        let guard = guards.into_iter().find(|pid| has_log(*pid)).unwrap();
        let mut ballast = Ballast::fill(&state);
        fs::write(bench.path("full"), "").unwrap();
        wait_until("the task has ended", || {
            ballast.press();
            ended(&run, "A")
        });
        wait_until("there is no room", || {
            ballast.press();
            run::degraded(&dir).is_some()
        });
        assert!(family::is_there(guard), "it waits");
        if adopted {
            kill_whole(supervisor);
            let taken = run::resume(&dir, run::Takeover::Settle, &run::Launcher::At(binary())).unwrap();
            assert_eq!(taken, run::Resumed::TakenOver);
        }
        bench.cancel(&run, Some(&[id("A")]), Level::Kill);
        wait_until("it waits no longer", || {
            ballast.press();
            !family::is_there(guard)
        });
        drop(ballast);
        fs::write(bench.path("freed"), "").unwrap();
        let run = bench.follow(&run);
        assert_eq!(run.outcome("B"), Passed);
    }
}
