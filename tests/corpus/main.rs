//! The corpus of task files that people really wrote, read whole: what comes out is a snapshot that a person looked at.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use feature_build::plan::Feature;
use feature_build::task::Problem;
use feature_build::workspace::Index;

/// The corpus, or `None` (said so) where it is absent.
fn corpus(dialect: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("FEATURE_BUILD_CORPUS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus"), PathBuf::from);
    let folder = folder.join(dialect);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: no corpus at {}; set FEATURE_BUILD_CORPUS", folder.display());
    None
}

fn counts(index: &Index) -> String {
    let features: Vec<&Feature> = index.features().collect();
    let waves: usize =
        features.iter().map(|feature| feature.waves.iter().filter(|wave| wave.label.is_some()).count()).sum();
    let tasks = || features.iter().flat_map(|feature| &feature.waves).flat_map(|wave| &wave.tasks);
    let mut text = format!("features: {}\nwaves: {waves}\ntasks: {}\n", features.len(), tasks().count());
    for (state, count) in tally(tasks().map(|task| task.state.as_str())) {
        writeln!(text, "  {state}: {count}").unwrap();
    }
    let problems = index.all_problems();
    let named = problems.iter().flat_map(|file| &file.problems);
    writeln!(text, "problems:").unwrap();
    for (problem, count) in tally(named.map(|problem| format!("{:?} {}", problem.severity, problem.code))) {
        writeln!(text, "  {problem}: {count}").unwrap();
    }
    text
}

fn tally<T: Ord>(items: impl Iterator<Item = T>) -> BTreeMap<T, usize> {
    let mut counts = BTreeMap::new();
    for item in items {
        *counts.entry(item).or_default() += 1;
    }
    counts
}

/// One line a problem: where, how much, what.
fn list(index: &Index) -> String {
    let mut text = String::new();
    for file in index.all_problems() {
        let source = index.text(&file.file).unwrap();
        for problem in &file.problems {
            let line = source[..problem.span.start as usize].matches('\n').count() + 1;
            let Problem { severity, code, message, .. } = problem;
            writeln!(text, "{}:{line}: {severity:?} {code}: {message}", file.file.display()).unwrap();
        }
    }
    text
}

#[test]
fn the_corpus_is_read_whole() {
    for dialect in ["guardkit", "gsd", "backlog-md"] {
        let Some(folder) = corpus(dialect) else { return };
        let index = Index::build(&folder);
        insta::assert_snapshot!(format!("{dialect}-counts"), counts(&index));
        insta::assert_snapshot!(format!("{dialect}-problems"), list(&index));
    }
}
