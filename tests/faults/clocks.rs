//! Fault 8: the wall clock jumps, processes are stopped and go on; durations and time-outs stay true.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use feature_build::run::Outcome::{Failed, Passed, TimedOut};
use feature_build::run::{Event, Launcher, Record, read_journal};
use feature_build::workspace::{Backoff, Retries};
use rustix::process::Signal;

use crate::bench::{Bench, binary, processes_where, wait_until};
use crate::chance::{Chance, skipped};

/// Debian's `libfaketime`, for processes with threads.
fn library() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").unwrap().flatten();
    folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1")).find(|path| path.exists())
}

/// The binary, with a wall clock that this file moves while it runs. The monotonic clock is left alone.
fn with_clock(bench: &Bench, library: &Path, clock: &Path) -> PathBuf {
    let path = bench.path("with-clock");
    let script = format!(
        "#!/bin/sh\nexport LD_PRELOAD={} FAKETIME_TIMESTAMP_FILE={} FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1 \
         DONT_FAKE_MONOTONIC=1\nexec {} \"$@\"\n",
        library.display(),
        clock.display(),
        binary().display()
    );
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    path
}

fn time(record: &Record) -> jiff::Timestamp {
    record.time.parse().unwrap()
}

fn duration(records: &[Record], name: &str) -> u64 {
    let found = records.iter().find_map(|record| match &record.event {
        Event::TaskFinished { task, duration_ms, .. } if task.as_str() == name => Some(*duration_ms),
        _ => None,
    });
    found.unwrap()
}

#[test]
fn a_wall_clock_that_jumps_moves_no_duration_and_no_time_out() {
    let Some(library) = library() else { return skipped("Debian's libfaketime is not installed") };
    let mut chance = Chance::new("fault 8, the wall clock");
    let mut bench = Bench::new();
    let clock = bench.path("clock");
    fs::write(&clock, "+0").unwrap();
    bench.options.launcher = Launcher::At(with_clock(&bench, &library, &clock));
    bench.config.timeout_seconds = Some(3.0);
    bench.config.retries = Retries {
        count: 1,
        backoff: Backoff::Fixed,
        delay_seconds: Some(0.5),
        jitter: Some(0.0),
        ..Retries::default()
    };
    bench.wave("1");
    bench.task("A", "touch on-A; until [ -e go ]; do sleep 0.01; done");
    bench.task("B", "touch on-B; exec sleep 600");
    bench.task("C", "exit 3");
    let run = bench.start();
    bench.wait_for_file("on-A");
    bench.wait_for_file("on-B");
    let journal = bench.paths(&run).journal();
    for jump in ["+1d", "-1d", "+1d"] {
        chance.tried();
        let before = read_journal(&journal).unwrap().len();
        fs::write(&clock, format!("{jump}\n")).unwrap();
        let go = jump == "+1d" && before > 0;
        if go {
            fs::write(bench.path("go"), "").unwrap();
        }
        wait_until("something happens after the jump", || {
            let records = read_journal(&journal).unwrap();
            records.len() > before || matches!(records.last().unwrap().event, Event::RunFinished { .. })
        });
    }
    let run = bench.follow(&run);
    let farthest = run.records.iter().map(|record| time(record).duration_since(time(&run.records[0])).abs()).max();
    assert!(farthest.unwrap().as_hours() >= 20, "the clock jumped: {farthest:?}");
    assert_eq!((run.outcome("A"), run.outcome("B"), run.outcome("C")), (Passed, TimedOut, Failed));
    let (a, b) = (duration(&run.records, "A"), duration(&run.records, "B"));
    assert!(a < 3_000 && (3_000..30_000).contains(&b), "A took {a} ms, B {b} ms");
    let wall = run.finished().wall_ms;
    assert!((6_500..60_000).contains(&wall), "two attempts of B and the wait between: {wall} ms");
}

#[test]
fn processes_that_are_stopped_and_go_on_lose_nothing() {
    let mut chance = Chance::new("fault 8, SIGSTOP and SIGCONT");
    let mut bench = Bench::new();
    bench.config.timeout_seconds = Some(60.0);
    bench.wave("1");
    for number in 0..6 {
        bench.task(&format!("T{number}"), "echo begin; sleep 1; echo end");
    }
    bench.wave("2").task("LAST", "true");
    let run = bench.start();
    let journal = bench.paths(&run).journal();
    let is_over = || matches!(read_journal(&journal).unwrap().last().unwrap().event, Event::RunFinished { .. });
    let dir = bench.paths(&run).dir().to_path_buf();
    while !is_over() {
        let own = processes_where(|pid| belongs_to(pid, &dir));
        if own.is_empty() {
            continue;
        }
        let pid = *chance.pick(&own);
        if kill_if_there(pid, Signal::STOP) {
            chance.tried();
            let until = std::time::Instant::now() + std::time::Duration::from_millis(chance.below(80));
            wait_until("a while has passed", || std::time::Instant::now() >= until);
            kill_if_there(pid, Signal::CONT);
        }
    }
    let run = bench.follow(&run);
    assert_eq!(run.exit_code(), 0, "{:?}", run.view().summary);
    for number in 0..6 {
        let name = format!("T{number}");
        assert_eq!(run.log(&name), "begin\nend\n", "{name}");
        let took = duration(&run.records, &name);
        assert!((1_000..60_000).contains(&took), "{name} took {took} ms");
    }
}

/// The supervisor of this run, or one of its guards: those stand in the run's folder, or were started by it.
fn belongs_to(pid: i32, dir: &Path) -> bool {
    let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let is_ours = arguments.starts_with(b"feature-build\0__");
    is_ours && fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == *dir || dir.starts_with(&cwd))
}

/// It may have ended meanwhile.
fn kill_if_there(pid: i32, signal: Signal) -> bool {
    Path::new(&format!("/proc/{pid}/cmdline")).exists()
        && rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), signal).is_ok()
}
