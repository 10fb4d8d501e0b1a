//! What a journal costs its readers: `cargo bench --bench journal`.
//!
//! | measured | goal |
//! | --- | --- |
//! | an event of a real run, from its time stamp to a follower | 99 of 100 within 5 ms |
//! | reading and replaying a journal of 200,000 events | within a second |
//! | what 100 finished runs add to opening a workspace | under 20 ms |

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use common::turns::{Times, time};
use feature_build::run::{self, Event, Follower, Record, View, read_journal};
use jiff::Timestamp;

const PROGRAM: &str = env!("CARGO_BIN_EXE_feature-build");
const TASKS: usize = 300;
const EVENTS: usize = 200_000;
const RUNS: usize = 100;
const ROUNDS: usize = 7;

fn main() {
    // `cargo test --all-targets` runs this, too, and does not ask for measurements.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let root = folder.path();
    workspace(root, TASKS);
    let journal = follow(root);
    replay(root, &journal);
    open();
}

fn workspace(root: &Path, tasks: usize) {
    fs::create_dir_all(root.join("tasks/backlog/many")).unwrap();
    fs::write(root.join("feature-build.yaml"), "run:\n  command: [\"true\"]\nmax_parallel: 2\n").unwrap();
    for number in 1..=tasks {
        let text = format!("---\nid: T-{number}\ntitle: One of many\nstatus: backlog\nwave: 1\n---\n");
        fs::write(root.join(format!("tasks/backlog/many/T-{number}.md")), text).unwrap();
    }
}

fn start(root: &Path) -> std::process::Child {
    let mut command = Command::new(PROGRAM);
    command.args(["run", "--redo", "--trust"]).current_dir(root).stdout(Stdio::null());
    command.spawn().unwrap()
}

/// Follows a run from its first event to its last, beside the terminal that started it.
fn follow(root: &Path) -> PathBuf {
    let mut run = start(root);
    let dir = loop {
        let runs = root.join(".feature-build/runs").read_dir().into_iter().flatten().flatten();
        match runs.map(|entry| entry.path()).find(|dir| dir.join("journal.jsonl").exists()) {
            Some(dir) => break dir,
            None => std::thread::yield_now(),
        }
    };
    let late = tokio::runtime::Runtime::new().unwrap().block_on(async {
        let began = Timestamp::now();
        let mut follower = Follower::new(&dir);
        let mut late = Vec::new();
        while let Some(record) = follower.next().await.unwrap() {
            let written: Timestamp = record.time.parse().unwrap();
            // What was there before is read in one piece.
            if written > began {
                late.push(Duration::try_from(Timestamp::now() - written).unwrap_or_default());
            }
        }
        late
    });
    assert!(run.wait().unwrap().success());
    let count = late.len();
    let late = Times::new(late);
    println!(
        "an event to a follower, {count} events: median {:.2} ms, 99 of 100 within {:.2} ms",
        late.median().as_secs_f64() * 1e3,
        late.percentile(99).as_secs_f64() * 1e3
    );
    dir.join("journal.jsonl")
}

/// The events of one task of a real run, again and again.
fn replay(root: &Path, journal: &Path) {
    let records = read_journal(journal).unwrap();
    let is_end = |record: &&Record| matches!(record.event, Event::RunFinished { .. });
    let (end, rest): (Vec<&Record>, Vec<&Record>) = records.iter().partition(is_end);
    let lines = rest.iter().chain(rest.iter().skip(3).cycle().take(EVENTS - records.len())).chain(&end);
    let mut text = String::new();
    for (at, record) in lines.enumerate() {
        let record = Record { seq: at as u64 + 1, ..(*record).clone() };
        text.push_str(&serde_json::to_string(&record).unwrap());
        text.push('\n');
    }
    let path = root.join("long.jsonl");
    fs::write(&path, text).unwrap();
    let took = (0..ROUNDS).map(|_| time(|| View::of(&read_journal(&path).unwrap()))).collect();
    println!("replaying {EVENTS} events: {}", Times::new(took).shown());
}

fn open() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    workspace(folder.path(), 3);
    for _ in 0..RUNS {
        assert!(start(folder.path()).wait().unwrap().success());
    }
    let state = folder.path().join(".feature-build");
    let took = (0..ROUNDS).map(|_| time(|| run::history(&state))).collect();
    println!("what {RUNS} finished runs add to opening a workspace: {}", Times::new(took).shown());
}
