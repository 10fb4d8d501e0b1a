//! Many small tasks, and a lot of output, against their floors: `cargo bench --bench swarm`.
//!
//! | measured | floor |
//! | --- | --- |
//! | a wave of 10,000 `true`s | the same processes, started and awaited one after another |
//! | a wave of 8 tasks that write 200 MB each | the same tasks, writing straight to files |
//! | memory of supervisor and guards: a wave of 1,000 `true`s, and of 8 tasks that write 2 MB and 200 MB each | none |
//!
//! `-- memory` measures that alone.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

#[path = "../tests/run/bench.rs"]
#[allow(dead_code, unreachable_pub, clippy::expect_used)]
mod bench;
#[path = "../tests/faults/family.rs"]
#[allow(dead_code, unreachable_pub)]
mod family;

use std::fs::{self, File};
use std::num::NonZeroU32;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bench::Bench;

const PROGRAM: &str = env!("CARGO_BIN_EXE_feature-build");
const ROUNDS: usize = 3;

fn main() {
    // `cargo test --all-targets` runs this, too, and does not ask for measurements.
    let asked = |what| std::env::args().any(|argument| argument == what);
    if !asked("--bench") {
        return;
    }
    memory();
    if asked("memory") {
        return;
    }
    println!("{:<44} {:>9} {:>9} {:>7}", "", "median", "floor", "ratio");
    let number = std::env::var("FEATURE_BUILD_SWARM").ok().and_then(|number| number.parse().ok()).unwrap_or(10_000);
    trues(number);
    floods();
}

/// The most that a process was seen to have, in KiB.
#[derive(Default)]
struct Memory {
    /// With the pages of the program's file, which all of its processes share (`VmHWM`).
    whole: i64,
    /// Without them (`Private`).
    own: i64,
}

impl Memory {
    /// Takes in what the process has now, where it lives.
    fn look(&mut self, pid: i32) {
        let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        let private = rollup.lines().filter_map(|line| line.strip_prefix("Private_")?.split_ascii_whitespace().nth(1));
        self.own = self.own.max(private.map(|kib| kib.parse::<i64>().unwrap()).sum());
        self.whole = self.whole.max(family::peak_memory(pid).unwrap_or_default());
    }

    fn shown(&self) -> String {
        let mib = |kib: i64| kib as f64 / 1024.0;
        format!("{:.1} MiB of its own, {:.1} MiB with what it shares", mib(self.own), mib(self.whole))
    }
}

fn memory() {
    memory_of_run(1_000, 0);
    memory_of_run(0, 2_000_000);
    memory_of_run(0, 200_000_000);
}

/// A wave of tasks that do nothing, then one of 8 that write so many bytes each and stay until they were looked at.
fn memory_of_run(trues: usize, bytes: usize) {
    const TASKS: usize = 8;
    let mut bench = Bench::new();
    bench.options.max_parallel = NonZeroU32::new(8);
    if trues > 0 {
        bench.wave("1");
    }
    for number in 0..trues {
        bench.task_argv(&format!("TRUE-{number}"), &[], &["true"]);
    }
    bench.wave("2");
    for number in 0..TASKS {
        let wait = "until [ -e go ]; do sleep 0.02; done";
        bench.task(&format!("T-{number}"), &format!("head -c {bytes} /dev/zero; touch {number}.written; {wait}"));
    }
    let run = bench.start();
    let supervisor = family::supervisor(bench.paths(&run).dir()).unwrap();
    let (mut of_supervisor, mut of_guards) = (Memory::default(), Memory::default());
    // To their ends: a guard needs most when it joins head and tail of a long log.
    while family::supervisor(bench.paths(&run).dir()) == Some(supervisor) {
        of_supervisor.look(supervisor);
        let guards = family::guards(supervisor);
        guards.iter().for_each(|&guard| of_guards.look(guard));
        if (0..TASKS).all(|number| bench.path(&format!("{number}.written")).exists()) {
            fs::write(bench.path("go"), "").unwrap();
        }
    }
    assert_eq!(bench.follow(&run).exit_code(), 0);
    println!("{trues} times `true`, then {TASKS} tasks that write {} MB each", bytes / 1_000_000);
    println!("  supervisor: {}", of_supervisor.shown());
    println!("  largest guard: {}", of_guards.shown());
}

fn trues(number: usize) {
    let floor = |_: &Path| {
        for _ in 0..number {
            assert!(Command::new("true").status().unwrap().success());
        }
    };
    report(&format!("a wave of {number} `true`s"), number, "[\"true\"]", floor);
}

fn floods() {
    const TASKS: usize = 8;
    let command = "[head, -c, \"200000000\", /dev/zero]";
    let floor = |root: &Path| {
        let started = (0..TASKS).map(|task| {
            let output = File::create(root.join(format!("{task}.out"))).unwrap();
            Command::new("head").args(["-c", "200000000", "/dev/zero"]).stdout(output).spawn().unwrap()
        });
        let started: Vec<_> = started.collect();
        started.into_iter().for_each(|mut task| assert!(task.wait().unwrap().success()));
    };
    report("8 tasks that write 200 MB each", TASKS, command, floor);
}

/// Measures both in turns, so that a machine that slows down slows both.
fn report(what: &str, tasks: usize, command: &str, floor: impl Fn(&Path)) {
    let (mut our_times, mut floor_times) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        // On the disk that the build is on: /tmp may be memory.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let root = folder.path();
        write_tasks(root, tasks, command);
        our_times.push(time(|| {
            let run = Command::new(PROGRAM)
                .args(["run", "--trust"])
                .current_dir(root)
                .stdout(Stdio::null())
                .status()
                .unwrap();
            assert!(run.success());
        }));
        floor_times.push(time(|| floor(root)));
    }
    our_times.sort_unstable();
    floor_times.sort_unstable();
    let (median, floor) = (our_times[ROUNDS / 2].as_secs_f64(), floor_times[ROUNDS / 2].as_secs_f64());
    println!("{what:<44} {median:>7.3} s {floor:>7.3} s {:>7.2}", median / floor);
}

fn write_tasks(root: &Path, tasks: usize, command: &str) {
    let folder = root.join("tasks/backlog/swarm");
    fs::create_dir_all(&folder).unwrap();
    fs::write(root.join("feature-build.yaml"), format!("run:\n  command: {command}\n")).unwrap();
    for number in 1..=tasks {
        let text = format!("---\nid: SWARM-{number}\ntitle: One of many\nstatus: backlog\nwave: 1\n---\n");
        fs::write(folder.join(format!("SWARM-{number}.md")), text).unwrap();
    }
}

fn time(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}
