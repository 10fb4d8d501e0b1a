//! How many instructions parsing, planning, a keystroke and the output of a task take, counted by callgrind and compared
//! with the numbers that `benches/instructions.txt` keeps. Fails where one is more than a tenth above its number. `-- save`
//! writes them anew.
//!
//! `cargo bench --bench instructions` counts optimized code. `cargo test` counts, too, in the code that it builds anyway:
//! a step back of an algorithm shows there just as well, and an optimized build of everything would cost minutes each time.
//!
//! Unlike a time, this is the same on a busy machine. (Not to the last one: hash tables begin with a random seed.)

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod common;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;

use common::made::{self, SEED};
use feature_build::agent::Reader;
use feature_build::plan::Catalog;
use feature_build::task::{self, RelPath, Surroundings, Task};
use feature_build::workspace::{Format, Index};

/// More than this much above its number is a step back.
const SLACK: f64 = 1.10;
const STAGES: [&str; 4] = ["parse", "plan", "keystroke", "output"];

/// How the code that is counted was built.
#[derive(Clone, Copy)]
struct Build {
    /// What its numbers are kept under.
    name: &'static str,
    /// How many tasks are parsed and planned.
    tasks: usize,
}

const OPTIMIZED: Build = Build { name: "optimized", tasks: 1_000 };
/// Ten times as many instructions a task.
const UNOPTIMIZED: Build = Build { name: "unoptimized", tasks: 150 };

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [what, stage, root] = arguments.as_slice()
        && what == "run"
    {
        run(stage, Path::new(root));
        return ExitCode::SUCCESS;
    }
    let build = if arguments.iter().any(|argument| argument == "--bench") { OPTIMIZED } else { UNOPTIMIZED };
    if Command::new("valgrind").arg("--version").output().is_err() {
        let must = std::env::var_os("CI").is_some();
        eprintln!("instructions: {}valgrind is not installed", if must { "" } else { "skipped, " });
        return if must { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    }
    let folder = tempfile::tempdir().unwrap();
    made::make(folder.path(), build.tasks, SEED).unwrap();
    let name = |stage| format!("{}-{stage}", build.name);
    let counted: BTreeMap<String, u64> = STAGES.map(|stage| (name(stage), count(stage, folder.path()))).into();
    if arguments.iter().any(|argument| argument == "save") {
        save(counted);
        return ExitCode::SUCCESS;
    }
    compare(&counted)
}

/// Where the numbers are kept.
fn kept() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/instructions.txt")
}

/// The numbers of the other build stay.
fn save(counted: BTreeMap<String, u64>) {
    let mut all = read_kept();
    all.extend(counted);
    let mut text = String::new();
    for (stage, count) in all {
        writeln!(text, "{stage} {count}").unwrap();
    }
    std::fs::write(kept(), text).unwrap();
}

fn read_kept() -> BTreeMap<String, u64> {
    let text = std::fs::read_to_string(kept()).expect("reading benches/instructions.txt");
    let lines = text.lines().filter_map(|line| line.split_once(' '));
    lines.map(|(stage, count)| (stage.to_owned(), count.parse().unwrap())).collect()
}

fn compare(counted: &BTreeMap<String, u64>) -> ExitCode {
    let before = read_kept();
    let mut verdict = ExitCode::SUCCESS;
    for (stage, &count) in counted {
        let kept = before[stage];
        let ratio = count as f64 / kept as f64;
        println!("{stage}: {count} instructions, {kept} kept, ratio {ratio:.3}");
        if ratio > SLACK {
            eprintln!("{stage} takes more instructions than it may; if it must, run with `-- save`");
            verdict = ExitCode::FAILURE;
        }
    }
    verdict
}

/// The instructions of one stage, without what prepares it.
fn count(stage: &str, root: &Path) -> u64 {
    let out = root.join(format!("callgrind.{stage}"));
    // The function itself and not its closures; older compilers put a hash behind the name.
    let measured = ["", "::h*"].map(|end| format!("--toggle-collect=instructions::{stage}{end}"));
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", &format!("--callgrind-out-file={}", out.display())])
        .args(measured)
        .arg(std::env::current_exe().unwrap())
        .args(["run", stage])
        .arg(root)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let profile = std::fs::read_to_string(out).unwrap();
    let total = profile.lines().find_map(|line| line.strip_prefix("totals: ")).expect("a total in callgrind's file");
    let count = total.trim().parse().unwrap();
    assert!(count > 100_000, "{stage}: callgrind counted {count} instructions: it did not find the function");
    count
}

/// One stage, in the process that callgrind watches.
fn run(stage: &str, root: &Path) {
    let texts = texts(root);
    match stage {
        "parse" => drop(black_box(parse(&texts))),
        "plan" => {
            let tasks = parse(&texts);
            drop(black_box(plan(tasks)));
        }
        "keystroke" => {
            let mut index = Index::build(root);
            let file: RelPath = made::in_large_feature().into();
            let text = index.text(&file).unwrap();
            keystroke(&mut index, &file, &text);
        }
        "output" => output(&"Compiling a crate of that name v1.0.0\n".repeat(30_000)),
        other => panic!("no stage {other}"),
    }
}

fn texts(root: &Path) -> Vec<(RelPath, String)> {
    let files = ignore::WalkBuilder::new(root).standard_filters(false).sort_by_file_name(Ord::cmp).build().flatten();
    let markdown = files.filter(|entry| entry.path().extension().is_some_and(|extension| extension == "md"));
    let read = |path: &Path| (path.strip_prefix(root).unwrap().into(), std::fs::read_to_string(path).unwrap());
    markdown.map(|entry| read(entry.path())).collect()
}

#[inline(never)]
fn parse(texts: &[(RelPath, String)]) -> Vec<Task> {
    let around = Surroundings::default();
    let read = |(file, text): &(RelPath, String)| {
        task::parse(file, text, task::dialect_of(file, &task::BacklogFolder::default())?, &around)
    };
    texts.iter().filter_map(read).collect()
}

#[inline(never)]
fn plan(tasks: Vec<Task>) -> Catalog {
    let mut catalog = Catalog::new();
    for task in tasks {
        let file = Arc::clone(&task.file);
        catalog.set_task(&file, Some(Arc::new(task)));
    }
    catalog.replan();
    catalog
}

/// A few edits of one task of a large feature: its title, its wave, its body.
#[inline(never)]
fn keystroke(index: &mut Index, file: &Path, text: &Arc<str>) {
    for (before, after) in [("title: Large", "title: Larger"), ("wave: 1", "wave: 2"), ("## Description", "## Text")] {
        let changed = index.set_text(file, Some(text.replacen(before, after, 1).into()));
        black_box(changed.files.iter().map(|file| index.problems(file).len()).sum::<usize>());
        black_box(index.feature_of(file));
    }
}

/// What a guard reads in a task's output while it goes into the log: it must cost less than its copy.
#[inline(never)]
fn output(text: &str) {
    let mut reader = Reader::new(Format::Text);
    text.as_bytes().chunks(64 << 10).for_each(|piece| reader.feed(piece));
    reader.finish();
    black_box(reader.progress());
}
