//! Runs as they go on, whoever started them.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use tower_lsp::ls_types::MessageType;

use super::{Bar, State};
use crate::agent::Excerpt;
use crate::lsp::message::Event;
use crate::lsp::root::Root;
use crate::lsp::runs::{RunDelta, RunFollower};
use crate::lsp::{progress, root, tell, watch};
use crate::run;
use crate::run::{NewRuns, RunId, View};
use crate::task::{RelPath, TaskId};

impl State {
    /// Tells of new runs of a root from now on.
    pub(super) fn watch_runs(&mut self, path: &Path, new: NewRuns) {
        let Some(root) = self.roots.get_mut(path) else { return };
        let watching = watch::new_runs(path.to_path_buf(), new, self.events.clone());
        root.run_watch = Some(tokio::spawn(watching).abort_handle());
    }

    /// Follows a run, once.
    pub(super) fn follow(&mut self, path: &Path, run: RunId) {
        let Some(root) = self.roots.get_mut(path) else { return };
        if !root.followed.insert(run.clone()) {
            return;
        }
        let shows = self.capabilities.progress && self.capabilities.run_progress;
        let token = shows.then(|| self.fresh_token(run.0.as_str()));
        if let Some(token) = &token {
            self.tokens.insert(token.clone(), Bar { root: path.to_path_buf(), run: run.clone(), cancelled: false });
        }
        let following = RunFollower {
            client: self.client.clone(),
            root: path.to_path_buf(),
            run,
            token,
            events: self.capabilities.events,
            news: self.events.clone(),
        };
        tokio::spawn(following.follow());
    }

    pub(super) fn run_went_on(&mut self, path: &Path, run: &RunId, view: &Arc<View>, over: bool) {
        if over {
            self.tokens.retain(|_, bar| bar.run != *run);
        }
        let Some(root) = self.roots.get_mut(path) else { return };
        root.starting.retain(|_, of| of.as_ref() != Some(run));
        root.heard.insert(run.clone());
        let news = root.runs.update(path, run, Arc::clone(view), over);
        self.read_logs(path, run, &news);
        self.tell_passed(path);
        let files: Vec<RelPath> = self.files_of(path, &news.tasks);
        self.publish(path, files.iter().cloned());
        self.lenses_stale();
        self.waves_stale(path, self.features_of(path, &files));
        // A run without a first record never was one: its folder was left by somebody who could not start it.
        if news.over && view.run.is_some() {
            self.tell_end(path, view);
        }
    }

    fn files_of(&self, path: &Path, tasks: &[TaskId]) -> Vec<RelPath> {
        let Some(index) = self.roots.get(path).and_then(Root::index) else { return Vec::new() };
        tasks.iter().filter_map(|task| index.file_of(task.as_str()).cloned()).collect()
    }

    /// `None` where the index is away and nobody can tell.
    fn features_of(&self, path: &Path, files: &[RelPath]) -> Option<BTreeSet<Box<str>>> {
        let index = self.roots.get(path)?.index()?;
        Some(files.iter().filter_map(|file| Some(index.feature_of(file)?.id.clone())).collect())
    }

    /// Tells the index which tasks passed, where that is different now.
    pub(super) fn tell_passed(&mut self, path: &Path) {
        let Some(root) = self.roots.get_mut(path) else { return };
        let (passed, tried) = (root.runs.passed(), root.runs.tried());
        if passed == root.passed && tried == root.tried {
            return;
        }
        let Some(index) = root.index_mut() else { return }; // told when it is back
        let mut changed = index.set_passed(passed.clone());
        let by_tried = index.set_tried(tried.clone());
        changed.files.extend(by_tried.files);
        changed.features.extend(by_tried.features);
        (root.passed, root.tried) = (passed, tried);
        self.touched(path, &changed);
    }

    fn read_logs(&self, path: &Path, run: &RunId, news: &RunDelta) {
        let Some(root) = self.roots.get(path) else { return };
        for task in &news.to_read {
            let Some(log) = root.runs.ended(task.as_str()).and_then(|ended| ended.log.clone()) else { continue };
            let (path, run, task) = (path.to_path_buf(), run.clone(), task.clone());
            let events = self.events.clone();
            tokio::task::spawn_blocking(move || {
                let excerpt = root::read_excerpt(&log, &path);
                let _ = events.blocking_send(Event::Excerpt { root: path, task, run, excerpt });
            });
        }
    }

    pub(super) fn excerpt_read(&mut self, path: &Path, task: &TaskId, run: &RunId, excerpt: Option<Arc<Excerpt>>) {
        let (Some(root), Some(excerpt)) = (self.roots.get_mut(path), excerpt) else { return };
        root.runs.set_excerpt(task, run, excerpt);
        let files = self.files_of(path, std::slice::from_ref(task));
        self.publish(path, files);
    }

    /// A message where a run failed; one that the user cancelled did what was asked.
    fn tell_end(&self, path: &Path, view: &View) {
        const CANCELLED: u8 = 130;
        let fails = match &view.finished {
            Some(finished) => finished.exit_code != 0 && finished.exit_code != CANCELLED,
            None => true,
        };
        if !fails || !self.capabilities.failure_messages {
            return;
        }
        let message = format!("{}: {}", progress::title(view), progress::summary(view));
        let first = view.tasks().find(|task| match &task.state {
            run::TaskState::Finished { outcome, .. } => outcome.is_failure() && task.log.is_some(),
            _ => false,
        });
        let Some(first) = first.filter(|_| self.capabilities.interactive_messages).map(|task| task.id.clone()) else {
            return self.message(MessageType::ERROR, message);
        };
        let (client, events, root) = (self.client.clone(), self.events.clone(), path.to_path_buf());
        tokio::spawn(async move {
            let open = format!("Open log of {first}");
            if tell::ask(&client, MessageType::ERROR, &message, &[&open]).await.is_some() {
                let _ = events.send(Event::LogWanted { root, task: first }).await;
            }
        });
    }
}
