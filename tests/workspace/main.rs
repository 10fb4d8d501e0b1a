//! The index from outside: what it reads, what it leaves alone, and that it stays right while files change.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod index;

use std::fs;
use std::path::Path;

use feature_build::plan::Feature;
use feature_build::workspace::Index;

/// A workspace of the test's own.
struct Workspace {
    dir: tempfile::TempDir,
}

impl Workspace {
    fn new(files: &[(&str, &str)]) -> Self {
        let workspace = Self { dir: tempfile::tempdir().unwrap() };
        for (file, text) in files {
            workspace.write(file, text);
        }
        workspace
    }

    fn root(&self) -> &Path {
        self.dir.path()
    }

    fn write(&self, file: &str, text: impl AsRef<[u8]>) {
        let path = self.root().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn remove(&self, file: &str) {
        fs::remove_file(self.root().join(file)).unwrap();
    }

    fn index(&self) -> Index {
        Index::build(self.root())
    }
}

/// `id: state` of every task, in order.
fn states(index: &Index) -> Vec<String> {
    let tasks = index.features().flat_map(|feature| &feature.waves).flat_map(|wave| &wave.tasks);
    tasks.map(|task| format!("{}: {}", task.id, task.state.as_str())).collect()
}

fn feature_ids(index: &Index) -> Vec<&str> {
    index.features().map(|feature| &*feature.id).collect()
}

/// Everything that an index says, to compare two of them.
fn everything(index: &Index) -> (Vec<Feature>, Vec<String>) {
    let problems = index.all_problems().into_iter().map(|file| format!("{file:?}")).collect();
    (index.features().cloned().collect(), problems)
}
