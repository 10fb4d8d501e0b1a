//! What planning promises, case by case and as laws over made-up workspaces.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod laws;
mod problems;
mod selection;
mod states;

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::task::{
    Code, Dialect, FeatureFile, FeatureRef, FeatureTask, Problem, RelPath, Severity, Span, Spanned, Standing, Task,
    TaskId, WaveLabel,
};

/// A value that stands at a place of its own, so that a test can tell places apart.
fn at<T>(value: T, line: usize) -> Spanned<T> {
    Spanned::new(value, Span::new(line * 100, line * 100 + 10))
}

/// An open GuardKit task in `tasks/backlog/` of the feature F.
fn task(id: &str) -> Task {
    let file = format!("tasks/backlog/f/{id}.md");
    Task {
        file: Path::new(&file).into(),
        dialect: Dialect::GuardKit,
        id: Some(at(id.into(), 0)),
        title: format!("Title of {id}").into(),
        status: Some(at("backlog".into(), 1)),
        standing: Standing::Open,
        remark: None,
        scope: None,
        is_archived: false,
        folder: Some("backlog".into()),
        wave: None,
        feature: FeatureRef::Named(at("F".into(), 2)),
        feature_title: None,
        depends_on: Box::default(),
        needs_person: None,
        mode: None,
        own: None,
        files: Box::default(),
        estimated_minutes: None,
        complexity: None,
        anchor: Span::new(0, 10),
        problems: Vec::new(),
    }
}

/// Short ways to say how a task differs.
impl Task {
    fn wave(mut self, label: &str) -> Self {
        self.wave = WaveLabel::read(label).unwrap().map(|label| at(label, 3));
        self
    }

    fn after(mut self, ids: &[&str]) -> Self {
        self.depends_on = ids.iter().enumerate().map(|(line, id)| at((*id).into(), 10 + line)).collect();
        self
    }

    fn done(mut self) -> Self {
        self.standing = Standing::Done;
        self
    }

    fn dropped(mut self) -> Self {
        self.standing = Standing::Dropped;
        self
    }

    fn halted(mut self) -> Self {
        self.standing = Standing::Halted;
        self
    }

    fn person(mut self) -> Self {
        self.needs_person = Some(at("implementation_mode: manual".into(), 4));
        self
    }

    fn feature(mut self, name: &str) -> Self {
        self.feature = FeatureRef::Named(at(name.into(), 2));
        self
    }

    fn files(mut self, files: &[&str]) -> Self {
        self.files = files.iter().enumerate().map(|(line, file)| at((*file).into(), 20 + line)).collect();
        self
    }

    /// Moves the file to a status folder.
    fn in_folder(mut self, folder: &str, file: &str) -> Self {
        self.file = Path::new(&format!("tasks/{folder}/{file}.md")).into();
        self.folder = Some(folder.into());
        if folder == "completed" {
            self.standing = Standing::Done;
        }
        self
    }

    fn dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = dialect;
        self.folder = None;
        self
    }
}

/// A feature file of these waves, its id F.
fn feature_file(waves: &[&[&str]]) -> FeatureFile {
    let id = |id: &&str| at((*id).into(), 30);
    let entry = |id: &&str| FeatureTask {
        id: at((*id).into(), 40),
        name: None,
        file_path: None,
        depends_on: None,
        status: None,
        standing: Standing::Open,
        mode: None,
        estimated_minutes: None,
        span: Span::new(4000, 4010),
    };
    FeatureFile {
        file: Path::new(".guardkit/features/F.yaml").into(),
        id: at("F".into(), 0),
        name: Some("The feature".into()),
        tasks: waves.iter().copied().flatten().map(entry).collect(),
        waves: waves.iter().map(|wave| wave.iter().map(id).collect()).collect(),
        problems: Vec::new(),
    }
}

fn catalog(tasks: impl IntoIterator<Item = Task>) -> Catalog {
    let mut catalog = Catalog::new();
    for task in tasks {
        catalog.set_task(&task.file.clone(), Some(Arc::new(task)));
    }
    catalog.replan();
    catalog
}

fn with_feature_file(tasks: impl IntoIterator<Item = Task>, file: FeatureFile) -> Catalog {
    let mut catalog = catalog(tasks);
    catalog.set_feature_file(&file.file.clone(), Some(Arc::new(file)));
    catalog.replan();
    catalog
}

/// The waves of a feature as `label: ids`.
fn waves(catalog: &Catalog, feature: &str) -> Vec<String> {
    let label = |wave: &Wave| wave.label.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string);
    let ids = |wave: &Wave| wave.tasks.iter().map(|task| &*task.id).collect::<Vec<_>>().join(" ");
    catalog.feature(feature).unwrap().waves.iter().map(|wave| format!("{}: {}", label(wave), ids(wave))).collect()
}

fn state<'a>(catalog: &'a Catalog, id: &str) -> &'a State {
    let mut found = catalog.features().flat_map(Feature::tasks).filter(|task| *task.id == *id);
    let state = &found.next().unwrap().state;
    assert!(found.next().is_none(), "{id} stands once");
    state
}

fn waiting(ids: &[&str]) -> State {
    State::Waiting(ids.iter().map(|id| (*id).into()).collect())
}

/// All problems as `severity code file: message`.
fn told(catalog: &Catalog) -> Vec<String> {
    let problems =
        catalog.files_with_problems().flat_map(|(file, problems)| problems.iter().map(move |problem| (file, problem)));
    let line = |(file, problem): (&RelPath, &Problem)| {
        let stem = file.file_stem().unwrap().to_string_lossy();
        format!("{:?} {} {stem}: {}", problem.severity, problem.code, problem.message)
    };
    problems.map(line).collect()
}

fn codes(catalog: &Catalog) -> Vec<(Severity, Code)> {
    catalog
        .files_with_problems()
        .flat_map(|(_, problems)| problems)
        .map(|problem| (problem.severity, problem.code))
        .collect()
}
