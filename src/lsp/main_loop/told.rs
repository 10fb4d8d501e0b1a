//! What the editor is told unasked: diagnostics.

use std::cell::LazyCell;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use tokio::time::Instant;
use tower_lsp::ls_types::MessageType;

use super::requests::fingerprint;
use super::{LENS_GATHER, MOST_NEAREST, PAUSE, REFRESH_ANSWER, State};
use crate::lsp::diagnostics::Sources;
use crate::lsp::message::Event;
use crate::lsp::plain::Plain;
use crate::lsp::root::{Lines, Nearest, Rest, Slot};
use crate::lsp::{lenses, root, tell, waves};
use crate::task::RelPath;

impl State {
    pub(super) fn publish_all(&mut self, path: &Path) {
        let Some(root) = self.roots.get(path) else { return };
        let files = root.all_told_files();
        self.publish(path, files);
    }

    /// Publishes the diagnostics of these files where they are not what was published last.
    pub(super) fn publish(&mut self, path: &Path, files: impl IntoIterator<Item = RelPath>) {
        let Some(root) = self.roots.get_mut(path) else { return };
        let Slot::Here(index) = &root.index else { return };
        let mut missing = BTreeSet::new();
        let mut different = Vec::new();
        let mut unsure = Vec::new();
        for file in files {
            let document = root.open.get(&file).and_then(|uri| self.documents.get(uri));
            let sources = Sources {
                index,
                runs: &root.runs,
                lines: &|file: &Path| match root.open.get(file).and_then(|uri| self.documents.get(uri)) {
                    Some(document) => Some(Arc::clone(document.lines())),
                    None => root.lines.get(file).cloned(),
                },
                uri: &|file: &Path| root.uri_of(file),
                nearest: &root.nearest,
                encoding: self.abilities.encoding,
                client_shows_logs: self.abilities.shows_logs,
            };
            if !root.looking_for_nearest && sources.wants_nearest_ids(&file) {
                unsure.push((path.to_path_buf(), file.clone()));
            }
            let diagnostics = match sources.of_file(&file) {
                Ok(diagnostics) => diagnostics,
                Err(needed) => {
                    missing.extend(needed);
                    continue;
                }
            };
            let Some(uri) = root.uri_of(&file) else { continue };
            let published = root.published.get(&file);
            let same = match published {
                Some((known, before)) => *known == uri && *before == diagnostics,
                None => diagnostics.is_empty(),
            };
            if !same {
                different.push((file, uri, diagnostics, document.map(|document| document.version)));
            }
        }
        for (file, uri, diagnostics, version) in different {
            if diagnostics.is_empty() {
                root.published.remove(&file);
            } else {
                root.published.insert(file, (uri.clone(), diagnostics.clone()));
            }
            self.outbox.put(uri, diagnostics, version);
        }
        if !unsure.is_empty() {
            self.unsure.extend(unsure);
            self.pause = Some(Instant::now() + PAUSE);
        }
        self.read_lines(path, missing);
    }

    pub(super) fn read_lines(&mut self, path: &Path, files: BTreeSet<RelPath>) {
        let Some(root) = self.roots.get_mut(path) else { return };
        let (reading, files) = root.reading.begin(files);
        if files.is_empty() {
            return;
        }
        let (path, events) = (path.to_path_buf(), self.events.clone());
        tokio::task::spawn_blocking(move || {
            let lines = root::read_lines(&path, files);
            let _ = events.blocking_send(Event::Lines { root: path, reading, lines, nearest: None });
        });
    }

    /// Finds what diagnostics of a new index need besides.
    pub(super) fn find_rest(&mut self, path: &Path, mut rest: Rest) {
        let Some(root) = self.roots.get_mut(path) else { return };
        let (reading, files) = root.reading.begin(rest.files);
        rest.files = files;
        root.looking_for_nearest = true;
        let (path, events) = (path.to_path_buf(), self.events.clone());
        tokio::task::spawn_blocking(move || {
            let (lines, nearest) = rest.find(&path);
            let _ = events.blocking_send(Event::Lines { root: path, reading, lines, nearest: Some(nearest) });
        });
    }

    pub(super) fn lines_read(&mut self, path: &Path, reading: u64, mut lines: Lines, nearest: Option<Nearest>) {
        let Some(root) = self.roots.get_mut(path) else { return };
        root.reading.end(reading, &mut lines);
        root.lines.extend(lines);
        if let Some(nearest) = nearest {
            root.looking_for_nearest = false;
            root.nearest.extend(nearest);
        }
        // Another file's related place may have waited for these lines, too.
        self.publish_all(path);
    }
}

// --- lenses and messages

impl State {
    /// Something changed that lenses may show.
    pub(super) fn lenses_stale(&mut self) {
        if self.abilities.lens_refresh {
            self.lenses_due.get_or_insert_with(|| Instant::now() + LENS_GATHER);
        }
    }

    /// Features of a root have to be asked for again by a client that draws them; `None`: all of the root.
    pub(super) fn waves_stale(&mut self, path: &Path, features: Option<BTreeSet<Box<str>>>) {
        if !self.abilities.events {
            return;
        }
        let known = self.waves_stale.entry(path.to_path_buf()).or_insert_with(|| Some(BTreeSet::new()));
        match (known.as_mut(), features) {
            (Some(known), Some(features)) => known.extend(features),
            _ => *known = None,
        }
        self.waves_due.get_or_insert_with(|| Instant::now() + LENS_GATHER);
    }

    /// When [`State::run_due`] is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let lenses = self.lenses_due.filter(|_| !self.refreshing);
        [lenses, self.waves_due, self.pause].into_iter().flatten().min()
    }

    /// Does what was put off.
    pub(super) fn run_due(&mut self) {
        let now = Instant::now();
        if self.lenses_due.is_some_and(|due| due <= now) && !self.refreshing {
            self.lenses_due = None;
            if self.lenses_differ() {
                self.refresh_lenses();
            }
        }
        if self.waves_due.is_some_and(|due| due <= now) {
            self.waves_due = None;
            tokio::spawn(waves::tell(self.client.clone(), std::mem::take(&mut self.waves_stale)));
        }
        if self.pause.is_some_and(|due| due <= now) {
            self.pause = None;
            self.look_for_nearest_ids();
        }
    }

    /// Adds the nearest known ids to the messages of unknown dependencies.
    fn look_for_nearest_ids(&mut self) {
        for (path, file) in std::mem::take(&mut self.unsure) {
            let Some(root) = self.roots.get_mut(&path) else { continue };
            let Some(index) = root.index() else {
                self.unsure.insert((path, file)); // it is away for a moment
                self.pause = Some(Instant::now() + PAUSE);
                continue;
            };
            let problems = index.problems(&file);
            let known = LazyCell::new(|| index.known_ids());
            let unknown = root::unknown_ids(index, &file, &problems);
            let found: Nearest = unknown.map(|unknown| (unknown.message.clone(), known.complete(&unknown))).collect();
            if root.nearest.len() > MOST_NEAREST {
                root.nearest.clear();
            }
            root.nearest.extend(found);
            self.publish(&path, [file]);
        }
    }

    /// Are there open texts whose lenses are not what the editor has?
    pub(super) fn lenses_differ(&self) -> bool {
        self.lenses_sent.iter().any(|(uri, sent)| {
            let Some(place) = self.places.get(uri) else { return false };
            let version = self.documents.get(uri).map(|document| document.version);
            if version != sent.0 {
                return false; // the text has changed since: the editor asks by itself
            }
            let Some(root) = self.roots.get(&place.root) else { return false };
            root.index().is_some_and(|index| fingerprint(&lenses::offers(index, &root.runs, &place.file)) != sent.1)
        })
    }

    /// Asks the editor to ask again. One at a time: a slow editor gets one refresh for all that changed meanwhile.
    pub(super) fn refresh_lenses(&mut self) {
        self.refreshing = true;
        let (client, events) = (self.client.clone(), self.events.clone());
        tokio::spawn(async move {
            let _ = tokio::time::timeout(REFRESH_ANSWER, client.code_lens_refresh()).await;
            let _ = events.send(Event::Refreshed).await;
        });
    }

    /// Tells the user.
    pub(super) fn message(&self, kind: MessageType, message: impl Into<Plain>) {
        let (client, message) = (self.client.clone(), message.into());
        tokio::spawn(async move { tell::user(&client, kind, message).await });
    }

    /// Tells the editor's log.
    pub(super) fn log(&self, kind: MessageType, message: String) {
        let client = self.client.clone();
        tokio::spawn(async move { tell::log(&client, kind, &message).await });
    }
}
