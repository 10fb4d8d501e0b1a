//! The main job against its floor, in one run: `cargo bench --bench main_job`.
//!
//! | measured | floor |
//! | --- | --- |
//! | a wave of three tasks that sleep for 2 s, from the command line to its end | three `sleep 2` started and awaited |
//! | the same, how many times faster | three `sleep 2` one after another |
//! | a cold `check` of a workspace | walking it and reading 4 KiB of each Markdown file |
//!
//! The workspace is the one that `FEATURE_BUILD_CORPUS` names (default: `../shared/corpus/guardkit` where it is there).

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_feature-build");

fn main() {
    // `cargo test --all-targets` runs this, too, and does not ask for measurements.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    println!("{:<44} {:>9} {:>9} {:>9} {:>7}", "", "median", "spread", "floor", "ratio");
    wave_of_sleeps();
    cold_check();
}

fn wave_of_sleeps() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::create_dir_all(root.join("tasks/backlog/nap")).unwrap();
    fs::write(root.join("feature-build.yaml"), "run:\n  command: [sleep, \"2\"]\n").unwrap();
    for number in 1..=3 {
        let text = format!("---\nid: NAP-{number}\ntitle: A nap\nstatus: backlog\nwave: 1\n---\n");
        fs::write(root.join(format!("tasks/backlog/nap/NAP-{number}.md")), text).unwrap();
    }
    let ours = || assert!(feature_build(root, &["run", "--redo", "--trust"]).success());
    let floor = || {
        let naps: Vec<_> = (0..3).map(|_| Command::new("sleep").arg("2").spawn().unwrap()).collect();
        naps.into_iter().for_each(|mut nap| assert!(nap.wait().unwrap().success()));
    };
    report("a wave of three tasks that sleep for 2 s", 5, ours, floor);
    let serial = || (0..3).for_each(|_| assert!(Command::new("sleep").arg("2").status().unwrap().success()));
    report("the same, beside one after another", 5, ours, serial);
}

fn cold_check() {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/guardkit");
    let corpus = std::env::var_os("FEATURE_BUILD_CORPUS").map_or(beside, PathBuf::from);
    if !corpus.is_dir() {
        println!("a cold check: skipped, {} is not there", corpus.display());
        return;
    }
    // Its exit code speaks of the corpus.
    let ours = || assert!(feature_build(&corpus, &["check"]).code().is_some_and(|code| code < 2));
    let floor = || read_heads(&corpus);
    report("a cold check", 15, ours, floor);
}

fn feature_build(root: &Path, arguments: &[&str]) -> std::process::ExitStatus {
    Command::new(PROGRAM).args(arguments).current_dir(root).stdout(Stdio::null()).status().unwrap()
}

fn read_heads(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_heads(&path);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            let mut head = [0; 4096];
            let _ = File::open(&path).unwrap().read(&mut head).unwrap();
        }
    }
}

/// Measures both in turns, so that a machine that slows down slows both.
fn report(what: &str, rounds: usize, ours: impl Fn(), floor: impl Fn()) {
    let (mut our_times, mut floor_times) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        our_times.push(time(&ours));
        floor_times.push(time(&floor));
    }
    our_times.sort_unstable();
    floor_times.sort_unstable();
    let (median, floor) = (our_times[rounds / 2], floor_times[rounds / 2]);
    let spread = our_times[rounds - 1] - our_times[0];
    let ratio = median.as_secs_f64() / floor.as_secs_f64();
    let shown = |time: Duration| format!("{:.3} s", time.as_secs_f64());
    println!("{what:<44} {:>9} {:>9} {:>9} {ratio:>7.3}", shown(median), shown(spread), shown(floor));
}

fn time(work: &impl Fn()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}
