//! Many small tasks, and a lot of output, against their floors: `cargo bench --bench swarm`.
//!
//! | measured | floor |
//! | --- | --- |
//! | a wave of 10,000 `true`s | the same processes, started and awaited one after another |
//! | a wave of 8 tasks that write 200 MB each | the same tasks, writing straight to files |

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_feature-build");
const ROUNDS: usize = 3;

fn main() {
    // `cargo test --all-targets` runs this, too, and does not ask for measurements.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    println!("{:<44} {:>9} {:>9} {:>7}", "", "median", "floor", "ratio");
    let number = std::env::var("FEATURE_BUILD_SWARM").ok().and_then(|number| number.parse().ok()).unwrap_or(10_000);
    trues(number);
    floods();
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
