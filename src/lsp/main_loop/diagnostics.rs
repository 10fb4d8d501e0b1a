//! What the editor is told of problems and failures, unasked.

use std::cell::LazyCell;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use tokio::time::Instant;

use super::{MOST_NEAREST, PAUSE, State};
use crate::lsp::diagnostics::Sources;
use crate::lsp::message::Event;
use crate::lsp::root;
use crate::lsp::root::{DeferredIndexWork, IndexState, Lines, Nearest};
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
        let IndexState::Here(index) = &root.index else { return };
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
                encoding: self.capabilities.encoding,
                client_shows_logs: self.capabilities.shows_logs,
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
    pub(super) fn find_rest(&mut self, path: &Path, mut rest: DeferredIndexWork) {
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

    /// Adds the nearest known ids to the messages of unknown dependencies.
    pub(super) fn look_for_nearest_ids(&mut self) {
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
}
