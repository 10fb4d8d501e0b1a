//! What size costs: `cargo bench --bench scale`, in made trees of 1,000, 10,000 and 100,000 tasks and in the corpus.
//!
//! | measured | floor |
//! | --- | --- |
//! | a cold index | walking the tree and reading 4 KiB of each Markdown file, on two threads |
//! | the memory of an index | none |
//! | a keystroke: new text in, lenses' plan and that file's problems out | the same among 1,000 tasks |
//!
//! `-- SIZE ...` measures these sizes only.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod common;

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use common::turns::{Times, in_turns, millis, ratio, time};
use common::{floor, made};
use feature_build::workspace::Index;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [what, root] = arguments.as_slice()
        && what == "memory-of"
    {
        return print_memory(Path::new(root));
    }
    // `cargo test --all-targets` runs this, too, and does not ask for measurements.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return;
    }
    let mut sizes: Vec<usize> = arguments.iter().filter_map(|argument| argument.parse().ok()).collect();
    if sizes.is_empty() {
        sizes = vec![1_000, 10_000, 100_000];
    }
    for root in corpus() {
        cold_index(&root.display().to_string(), &root, 15);
    }
    for &size in &sizes {
        let made = tree(size);
        cold_index(&format!("made, {size}"), &made.root, if size > 50_000 { 7 } else { 15 });
        memory(&made);
        keystrokes(&made);
    }
}

/// The trees that people wrote, where they are there.
fn corpus() -> Vec<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    let corpus = std::env::var_os("FEATURE_BUILD_CORPUS").map_or(beside, PathBuf::from);
    let dialects = ["guardkit", "gsd", "backlog-md"].map(|dialect| corpus.join(dialect));
    dialects.into_iter().filter(|folder| folder.is_dir()).collect()
}

/// A made tree, kept from the last time: a large one takes longer to write than to measure.
fn tree(size: usize) -> made::Made {
    let base = Path::new(env!("CARGO_TARGET_TMPDIR"));
    made::kept(&base.join(format!("made-{size}")), size).unwrap()
}

fn cold_index(name: &str, root: &Path, rounds: usize) {
    let build = || black_box(Index::build(root));
    let floor = || black_box(floor::read_heads(root));
    build(); // the page cache is warm for both
    let (ours, floor) = in_turns(rounds, build, floor);
    println!(
        "cold index, {name}: {}; floor {}; ratio {:.2}, of processor time {:.2} ({:.0} ms)",
        ours.wall.shown(),
        floor.wall.shown(),
        ratio(&ours.wall, &floor.wall),
        ours.processor / floor.processor,
        ours.processor * 1000.0,
    );
}

/// In a process of its own: the peak of this one is that of the largest tree so far.
fn memory(made: &made::Made) {
    let program = std::env::current_exe().unwrap();
    let output = Command::new(program).arg("memory-of").arg(&made.root).output().unwrap();
    let bytes: usize = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
    println!("memory, made, {}: {:.1} MiB, {} bytes a task", made.tasks, bytes as f64 / 1048576.0, bytes / made.tasks);
}

fn print_memory(root: &Path) {
    let before = peak();
    let index = Index::build(root);
    println!("{}", peak() - before);
    drop(index);
}

/// The most memory that this process has had at once, in bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap_or(0) * 1024
}

fn keystrokes(made: &made::Made) {
    let mut index = Index::build(&made.root);
    let file = made.in_large_feature.as_path();
    let text = index.text(file).unwrap();
    type Edit = fn(&str, usize) -> String;
    let kinds: [(&str, Edit); 3] = [
        ("in the title", |text, at| text.replacen("title: Large", &format!("title: {}", "x".repeat(at % 20 + 1)), 1)),
        ("in the wave", |text, at| text.replacen("wave: 1", &format!("wave: {}", at % 9), 1)),
        ("in the body", |text, at| format!("{text}{}", "x".repeat(at % 20 + 1))),
    ];
    for (kind, edit) in kinds {
        let mut times: Vec<Duration> = Vec::new();
        for at in 0..2_000 {
            let text: Arc<str> = edit(&text, at).into();
            times.push(time(|| {
                let changed = index.set_text(file, Some(text));
                black_box(index.feature_of(file));
                black_box(changed.files.iter().map(|file| index.problems(file).len()).sum::<usize>());
                black_box(index.problems(file));
            }));
        }
        let times = Times::new(times);
        println!(
            "keystroke {kind}, made, {}: median {}, p99 {}",
            made.tasks,
            millis(times.median()),
            millis(times.percentile(99))
        );
    }
}
