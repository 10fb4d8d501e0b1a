//! Each stage on its way from bytes to what an editor shows: `cargo bench --bench stages`.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod common;
#[path = "../tests/lsp/harness.rs"]
#[allow(dead_code, unreachable_pub)]
mod harness;

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use common::made::{self, SEED};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use feature_build::plan::Catalog;
use feature_build::task::{self, RelPath, Surroundings, Task};
use feature_build::workspace::Index;
use harness::{Editor, able, uri};
use serde_json::json;

const TASKS: usize = 1_000;

criterion_group!(stages, parse, plan, index, lens, diagnostics);
criterion_main!(stages);

fn tree() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    made::make(folder.path(), TASKS, SEED).unwrap();
    folder
}

fn texts(root: &Path) -> Vec<(RelPath, String)> {
    let files = ignore::WalkBuilder::new(root).standard_filters(false).build().flatten();
    let markdown = files.filter(|entry| entry.path().extension().is_some_and(|extension| extension == "md"));
    let read = |path: &Path| (path.strip_prefix(root).unwrap().into(), std::fs::read_to_string(path).unwrap());
    markdown.map(|entry| read(entry.path())).collect()
}

fn tasks(texts: &[(RelPath, String)]) -> Vec<Arc<Task>> {
    let around = Surroundings::default();
    let read = |(file, text): &(RelPath, String)| {
        task::parse(file, text, task::dialect_of(file, &task::BacklogFolder::default())?, &around)
    };
    texts.iter().filter_map(read).map(Arc::new).collect()
}

/// From texts to tasks.
fn parse(criterion: &mut Criterion) {
    let folder = tree();
    let texts = texts(folder.path());
    let bytes = texts.iter().map(|(_, text)| text.len() as u64).sum();
    let mut group = criterion.benchmark_group("parse");
    group.throughput(Throughput::Bytes(bytes));
    group.bench_function("1,000 tasks", |bencher| bencher.iter(|| tasks(black_box(&texts))));
    group.finish();
}

/// From tasks to features, waves and problems.
fn plan(criterion: &mut Criterion) {
    let folder = tree();
    let tasks = tasks(&texts(folder.path()));
    let mut group = criterion.benchmark_group("plan");
    group.throughput(Throughput::Elements(tasks.len() as u64));
    group.bench_function("1,000 tasks", |bencher| {
        bencher.iter_batched(|| tasks.clone(), planned, BatchSize::LargeInput);
    });
    group.finish();
}

fn planned(tasks: Vec<Arc<Task>>) -> Catalog {
    let mut catalog = Catalog::new();
    for task in tasks {
        let file = Arc::clone(&task.file);
        catalog.set_task(&file, Some(task));
    }
    catalog.replan();
    catalog
}

/// From a folder to all of that.
fn index(criterion: &mut Criterion) {
    let folder = tree();
    let mut group = criterion.benchmark_group("index");
    group.throughput(Throughput::Elements(TASKS as u64));
    group.bench_function("1,000 tasks", |bencher| bencher.iter(|| Index::build(folder.path())));
    group.finish();
}

/// The question of a file's lenses to the server, and its answer.
fn lens(criterion: &mut Criterion) {
    let folder = tree();
    let (mut editor, uri, _) = open(folder.path());
    let mut group = criterion.benchmark_group("lens");
    group.throughput(Throughput::Elements(1));
    group.bench_function("a wave of 28, over the protocol", |bencher| bencher.iter(|| editor.lenses(&uri)));
    group.finish();
}

/// An edit that gives a file a problem or takes it away, to the diagnostics that say so.
fn diagnostics(criterion: &mut Criterion) {
    let folder = tree();
    let (mut editor, uri, text) = open(folder.path());
    let texts = [text.clone(), text.replacen("depends_on: []", "depends_on: [X]", 1)];
    let mut count = 0;
    let mut group = criterion.benchmark_group("diagnostics");
    group.throughput(Throughput::Elements(1));
    group.bench_function("a wave of 28, over the protocol", |bencher| {
        bencher.iter(|| {
            count += 1;
            editor.change(&uri, json!([{ "text": texts[count % 2] }]));
            editor.diagnostics(&uri, |all| all.len() == count % 2)
        });
    });
    group.finish();
}

fn open(root: &Path) -> (Editor, String, String) {
    let path = root.join(made::in_large_feature());
    let text = std::fs::read_to_string(&path).unwrap();
    let mut editor = Editor::start(&[root], able(), json!({}));
    let uri = uri(&path);
    editor.open_text(&uri, &text);
    assert!(!editor.lenses(&uri).is_empty());
    (editor, uri, text)
}
