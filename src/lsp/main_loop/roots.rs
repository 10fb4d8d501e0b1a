//! Folders, roots and the index: opened, sent to other threads, taken back.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::watch as latest;
use tower_lsp::ls_types::{MessageType, NumberOrString, ProgressToken, WorkspaceFoldersChangeEvent};

use super::requests::answer_nothing;
use super::{FolderRoot, MANY_FILES, QUICK_BUILD, State};
use crate::agent::CONFIG_FILE;
use crate::lsp::convert::path_of;
use crate::lsp::message::{Event, Request};
use crate::lsp::progress::Shown;
use crate::lsp::root::{Done, IndexState, Root, Work, shown_root};
use crate::lsp::watch::{Deaf, FileWatch};
use crate::lsp::{progress, root, tell, watch};
use crate::task::RelPath;
use crate::workspace::{RootError, find_root};

impl State {
    pub(super) fn initialized(&mut self) {
        if self.capabilities.watches_files {
            let client = self.client.clone();
            tokio::spawn(async move {
                if let Err(error) = client.register_capability(vec![watch::registration()]).await {
                    let message = format!("the editor does not watch files: {error}");
                    tell::log(&client, MessageType::WARNING, &message).await;
                }
            });
        }
        for folder in self.folders.keys().cloned().collect::<Vec<_>>() {
            self.find_folders_root(folder);
        }
    }

    pub(super) fn folders_changed(&mut self, event: &WorkspaceFoldersChangeEvent) {
        for folder in event.removed.iter().filter_map(|folder| path_of(&folder.uri)) {
            self.folders.remove(&folder);
        }
        for folder in event.added.iter().filter_map(|folder| path_of(&folder.uri)) {
            self.folders.insert(folder.clone(), FolderRoot::Sought);
            self.find_folders_root(folder);
        }
        self.close_idle_roots();
    }

    pub(super) fn find_folders_root(&self, folder: PathBuf) {
        let events = self.events.clone();
        tokio::task::spawn_blocking(move || {
            let root = match find_root(&folder) {
                Ok(root) => root,
                Err(error) => {
                    let _ = events.blocking_send(Event::Refused(error));
                    let none = Event::RootFound { root: None, shown: folder.clone(), folder: Some(folder) };
                    return drop(events.blocking_send(none));
                }
            };
            let canonical = folder.canonicalize().unwrap_or_else(|_| folder.clone());
            let shown = shown_root(&root, &folder, &canonical);
            let _ = events.blocking_send(Event::RootFound { root: Some(root), shown, folder: Some(folder) });
        });
    }

    /// No root can be found. The user is told of another one's configuration, once; of a folder that is gone only the log.
    pub(super) fn refused(&mut self, error: &RootError) {
        let message = format!("looking for the workspace: {error}");
        let RootError::Foreign { file, .. } = error else { return self.log(MessageType::WARNING, message) };
        if self.told_foreign.insert(file.clone()) {
            let client = self.client.clone();
            tokio::spawn(async move { tell::user(&client, MessageType::WARNING, &message).await });
        }
    }

    pub(super) fn root_found(&mut self, root: Option<PathBuf>, shown: PathBuf, folder: Option<PathBuf>) {
        if let Some(folder) = &folder {
            let Some(found) = self.folders.get_mut(folder) else { return }; // removed meanwhile
            *found = root.clone().map_or(FolderRoot::Refused, FolderRoot::Found);
            // Who was told before that not all roots are known yet waits for this one, also where a text had it opened.
            self.waves_stale(root.as_ref().unwrap_or(folder), None);
        }
        let (asked, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.rootless).into_iter().partition(|(asked, _)| folder.is_none() && *asked == shown);
        self.rootless = rest;
        let Some(root) = root else {
            return asked.into_iter().for_each(|(_, call)| answer_nothing(Request::Command(call)));
        };
        self.open_root(&root, shown);
        for (_, call) in asked {
            self.command_in(&root, call);
        }
    }

    pub(super) fn open_root(&mut self, path: &Path, shown: PathBuf) {
        if self.roots.contains_key(path) {
            return;
        }
        self.roots.insert(path.to_path_buf(), Root::new(path.to_path_buf(), shown));
        self.send_index_away(path, Work::Build);
    }

    /// Watches files from now on, and has those read again that changed since then.
    pub(super) fn watch_files(&self, root: &Path, since: SystemTime) {
        let (root, events) = (root.to_path_buf(), self.events.clone());
        tokio::task::spawn_blocking(move || {
            let watch = match FileWatch::new(&root, events.clone()) {
                Ok(watch) => watch,
                Err(why) => return drop(events.blocking_send(Event::Deaf { root, since: Some(since), why })),
            };
            let _ = events.blocking_send(Event::Watching { root: root.clone(), watch });
            let paths = FileWatch::missed(&root, since);
            let _ = events.blocking_send(Event::Missed { root, paths });
        });
    }

    /// Changes of files are not told any more. The user is told, once a root; the server looks for itself. What came too
    /// fast is read anew, and watched anew: folders that came meanwhile are not watched.
    pub(super) fn deaf(&mut self, path: &Path, since: Option<SystemTime>, why: &Deaf) {
        let events = self.events.clone();
        let Some(root) = self.roots.get_mut(path) else { return };
        let is_first = root.told_deaf.insert(std::mem::discriminant(why));
        let from_now = since.unwrap_or_else(SystemTime::now);
        root.watch = (!matches!(why, Deaf::Overflow)).then(|| FileWatch::look(path, from_now, events));
        if root.watch.is_none() {
            self.watch_files(path, from_now);
        }
        if since.is_none() {
            self.files_missed(path, None);
        }
        if is_first {
            self.tell_deaf(path, why);
        }
    }

    fn tell_deaf(&self, path: &Path, why: &Deaf) {
        let place = path.display();
        let message = match why {
            Deaf::Overflow => format!("watching the files of {place}: {why}; all of them are read anew"),
            Deaf::NoneLeft(_) | Deaf::TooMany(_) => {
                format!("the files of {place} are not watched, but looked at every few seconds: {why}")
            }
        };
        let client = self.client.clone();
        let is_mended = matches!(why, Deaf::Overflow);
        tokio::spawn(async move {
            tell::log(&client, MessageType::WARNING, &message).await;
            if !is_mended {
                tell::user(&client, MessageType::WARNING, &message).await;
            }
        });
    }

    /// Forgets roots in which nothing is open and that belong to no folder. Their runs go on.
    pub(super) fn close_idle_roots(&mut self) {
        let used = |path: &PathBuf, root: &Root| {
            !root.open.is_empty()
                || self.folders.values().any(|found| matches!(found, FolderRoot::Found(found) if found == path))
        };
        let idle: Vec<PathBuf> =
            self.roots.iter().filter(|(path, root)| !used(path, root)).map(|(path, _)| path.clone()).collect();
        for path in idle {
            self.waves_stale(&path, None);
            let Some(root) = self.roots.remove(&path) else { continue };
            if let Some(watch) = root.run_watch {
                watch.abort();
            }
            for (uri, _) in root.published.into_values() {
                self.outbox.put(uri, Vec::new(), None);
            }
        }
    }

    /// Sends the index to another thread. It comes back as a message; until then what needs it waits.
    pub(super) fn send_index_away(&mut self, path: &Path, work: Work) {
        let Some(root) = self.roots.get_mut(path) else { return };
        let index = match std::mem::replace(&mut root.index, IndexState::Away) {
            IndexState::Here(index) => Some(index),
            IndexState::Away | IndexState::Lost => None,
        };
        let (path, events) = (path.to_path_buf(), self.events.clone());
        let bar = matches!(work, Work::Build).then(|| self.build_progress(&path)).flatten();
        tokio::spawn(async move {
            let at = path.clone();
            let done = tokio::task::spawn_blocking(move || root::work(&at, index, work)).await.ok();
            drop(bar);
            let _ = events.send(Event::IndexBack { root: path, done }).await;
        });
    }

    /// A progress bar for a build that takes a while; it ends when the sender is dropped.
    pub(super) fn build_progress(&mut self, root: &Path) -> Option<latest::Sender<Shown>> {
        if !self.capabilities.progress {
            return None;
        }
        let token = self.fresh_token("index");
        let message = root.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (sender, mut receiver) =
            latest::channel(Shown { title: "Reading task files".into(), message, ..Shown::default() });
        let client = self.client.clone();
        tokio::spawn(async move {
            if tokio::time::timeout(QUICK_BUILD, receiver.changed()).await.is_err() {
                progress::show(client, token, receiver).await;
            }
        });
        Some(sender)
    }

    pub(super) fn fresh_token(&mut self, what: &str) -> ProgressToken {
        self.next_token += 1;
        NumberOrString::String(format!("feature-build/{what}/{}", self.next_token))
    }

    pub(super) fn index_back(&mut self, path: &Path, done: Option<Done>) {
        let Some(root) = self.roots.get_mut(path) else { return };
        let Some(done) = done else {
            root.index = IndexState::Lost;
            std::mem::take(&mut root.waiting).into_iter().for_each(answer_nothing);
            self.log(MessageType::ERROR, format!("reading the workspace {} failed", path.display()));
            return;
        };
        root.state_dir = done.state_dir;
        root.index = IndexState::Here(done.index);
        let everything = done.changed.is_none();
        let configuration = done.reread.iter().any(|file| **file == *Path::new(CONFIG_FILE));
        root.lines.retain(|file, _| !everything && !done.reread.contains(file));
        done.reread.iter().for_each(|file| root.reading.forget(file));
        if everything {
            root.reading = root.reading.anew();
            // A new index knows neither open texts nor what passed.
            let open: Vec<RelPath> = root.open.keys().cloned().collect();
            root.pending.texts.extend(open);
            root.passed = BTreeSet::new();
            root.tried = BTreeSet::new();
        }
        if let Some(rest) = done.rest {
            self.find_rest(path, rest);
        }
        // Not while the index is built: that, and the first lenses with it, would wait for a core.
        if done.history.is_some() && !self.capabilities.watches_files {
            self.watch_files(path, done.began);
        }
        let Some(root) = self.roots.get_mut(path) else { return };
        if let Some(history) = done.history {
            root.runs.remember(history.ended, history.durations);
            self.watch_runs(path, history.new_runs);
            for run in history.live {
                self.follow(path, run);
            }
        }
        self.feed_pending(path);
        self.tell_passed(path);
        self.answer_waiting(path);
        if everything {
            self.publish_all(path);
        }
        // What a client draws says whether anything runs the tasks.
        if everything || configuration {
            self.waves_stale(path, None);
        }
        if let Some(changed) = done.changed {
            self.touched(path, &changed);
        }
        self.lenses_stale();
        self.reload_pending(path);
    }

    /// Gives the index the open texts that changed while it was away.
    pub(super) fn feed_pending(&mut self, path: &Path) {
        let Some(root) = self.roots.get_mut(path) else { return };
        for file in std::mem::take(&mut root.pending.texts) {
            let Some(root) = self.roots.get_mut(path) else { return };
            let text = root.open.get(&file).and_then(|uri| self.documents.get(uri)).map(|open| Arc::clone(open.text()));
            let Some(text) = text else {
                root.pending.files.insert(file);
                continue;
            };
            let Some(index) = root.index_mut() else { return };
            let mut changed = index.set_text(&file, Some(text));
            changed.files.insert(file);
            self.touched(path, &changed);
        }
    }

    pub(super) fn answer_waiting(&mut self, path: &Path) {
        let Some(root) = self.roots.get_mut(path) else { return };
        for request in std::mem::take(&mut root.waiting) {
            self.request(request);
        }
    }

    pub(super) fn reload_pending(&mut self, path: &Path) {
        let Some(root) = self.roots.get_mut(path) else { return };
        if root.index().is_none() || !root.pending.has_files() {
            return;
        }
        let files = std::mem::take(&mut root.pending.files);
        let rebuild = std::mem::take(&mut root.pending.everything) || files.len() > MANY_FILES;
        let (open, closed): (BTreeSet<_>, BTreeSet<_>) =
            files.into_iter().partition(|file| root.open.contains_key(file));
        let work = if rebuild { Work::Rebuild } else { Work::Reload { open, closed } };
        self.send_index_away(path, work);
    }
}
