//! Open texts and files on disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use tower_lsp::ls_types::{DidChangeTextDocumentParams, DidOpenTextDocumentParams, Uri};

use super::State;
use super::requests::answer_nothing;
use crate::lsp::convert::path_of;
use crate::lsp::documents::{Document, is_on_disk};
use crate::lsp::message::Event;
use crate::lsp::place::Place;
use crate::lsp::watch::FileWatch;
use crate::task::RelPath;
use crate::workspace::Changed;

impl State {
    pub(super) fn opened(&mut self, params: DidOpenTextDocumentParams) {
        let opened = params.text_document;
        let document = Document::new(opened.version, &opened.text);
        let text = Arc::clone(document.text());
        self.documents.open(opened.uri.clone(), document);
        self.locate(opened.uri, Some((opened.version, text)));
    }

    /// Finds the root of a text, and whether the text is the disk's.
    pub(super) fn locate(&self, uri: Uri, text: Option<(i32, Arc<str>)>) {
        let events = self.events.clone();
        let path = path_of(&uri);
        let version = text.as_ref().map(|(version, _)| *version);
        let opened: Vec<PathBuf> = self.folders.keys().cloned().collect();
        tokio::task::spawn_blocking(move || {
            let clean = match (&path, &text) {
                (Some(path), Some((_, text))) => is_on_disk(path, text),
                _ => true,
            };
            let place = path.as_deref().and_then(|path| {
                Place::of(path, &opened).unwrap_or_else(|error| {
                    let _ = events.blocking_send(Event::Refused(error));
                    None
                })
            });
            let _ = events.blocking_send(Event::Located { uri, place, version, clean });
        });
    }

    pub(super) fn located(&mut self, uri: Uri, place: Option<Place>, version: Option<i32>, clean: bool) {
        if let Some(document) = self.documents.get_mut(&uri)
            && version == Some(document.version)
            && clean
        {
            document.touched = false;
        }
        let waiting = self.unplaced.remove(&uri).unwrap_or_default();
        // Without a place the requests are dropped: an answer of nothing is sent for them.
        let Some(place) = place else { return waiting.into_iter().for_each(answer_nothing) };
        self.open_root(&place.root, place.shown.clone());
        if self.documents.get(&uri).is_some() && !self.places.contains_key(&uri) {
            self.places.insert(uri.clone(), place.clone());
            if let Some(root) = self.roots.get_mut(&place.root) {
                root.open.insert(place.file.clone(), uri.clone());
            }
            self.text_changed(&place);
            self.move_published(&place, &uri);
        }
        for request in waiting {
            self.request_about(&place, request);
        }
    }

    /// Publishes under the URI that the editor uses now, and clears the other spelling.
    pub(super) fn move_published(&mut self, place: &Place, uri: &Uri) {
        let Some(root) = self.roots.get_mut(&place.root) else { return };
        if root.published.get(&place.file).is_some_and(|(published, _)| published != uri)
            && let Some((old, _)) = root.published.remove(&place.file)
        {
            self.outbox.put(old, Vec::new(), None);
        }
        self.publish(&place.root, [place.file.clone()]);
    }

    pub(super) fn changed(&mut self, params: &DidChangeTextDocumentParams) {
        let uri = &params.text_document.uri;
        let Some(document) = self.documents.get_mut(uri) else { return };
        document.edit(params.text_document.version, &params.content_changes, self.capabilities.encoding);
        if let Some(place) = self.places.get(uri).cloned() {
            self.text_changed(&place);
        }
    }

    /// Tells the index of an open text.
    pub(super) fn text_changed(&mut self, place: &Place) {
        let Some(root) = self.roots.get_mut(&place.root) else { return };
        root.pending.texts.insert(place.file.clone());
        if root.index().is_some() {
            self.feed_pending(&place.root);
        }
    }

    pub(super) fn saved(&mut self, uri: &Uri) {
        if let Some(document) = self.documents.get_mut(uri) {
            document.touched = false;
        }
        // The index reads the configuration from disk only: half-typed it would forget every task.
        let Some(place) = self.places.get(uri).cloned() else { return };
        let Some(root) = self.roots.get_mut(&place.root) else { return };
        if root.index().is_none_or(|index| index.task(&place.file).is_none()) {
            root.pending.files.insert(place.file);
            self.reload_pending(&place.root);
        }
    }

    pub(super) fn closed(&mut self, uri: &Uri) {
        self.documents.close(uri);
        self.lenses_sent.remove(uri);
        let Some(place) = self.places.remove(uri) else { return };
        if let Some(root) = self.roots.get_mut(&place.root) {
            root.open.remove(&place.file);
            root.lines.remove(&place.file);
            root.pending.files.insert(place.file.clone());
        }
        self.reload_pending(&place.root);
        self.close_idle_roots();
    }

    pub(super) fn files_changed(&mut self, paths: &[PathBuf]) {
        for root in self.roots.keys().cloned().collect::<Vec<_>>() {
            self.watched_files_changed(&root, paths);
        }
    }

    pub(super) fn watched_files_changed(&mut self, path: &Path, paths: &[PathBuf]) {
        let Some(root) = self.roots.get_mut(path) else { return };
        let new_folder = |changed: &PathBuf| {
            FileWatch::is_deep(path, changed) && root.relative(changed).is_some_and(|file| root.concerns(&file))
        };
        if paths.iter().any(new_folder) && root.watch.take().is_some() {
            self.watch_files(path, SystemTime::now());
        }
        self.files_missed(path, Some(paths));
    }

    /// Has files read again; `None`: all of them.
    pub(super) fn files_missed(&mut self, path: &Path, paths: Option<&[PathBuf]>) {
        let Some(root) = self.roots.get_mut(path) else { return };
        root.pending.everything |= paths.is_none();
        let paths = paths.unwrap_or_default();
        let files: Vec<RelPath> = paths.iter().filter_map(|changed| root.relative(changed)).collect();
        for file in files {
            if root.concerns(&file) {
                root.pending.files.insert(file);
            }
        }
        self.reload_pending(path);
    }

    /// Takes in what a change of the index touched: publishes what is different, and refreshes lenses.
    pub(super) fn touched(&mut self, path: &Path, changed: &Changed) {
        self.publish(path, changed.files.iter().cloned());
        if !changed.features.is_empty() {
            self.lenses_stale();
            self.waves_stale(path, Some(changed.features.clone()));
        }
    }
}
