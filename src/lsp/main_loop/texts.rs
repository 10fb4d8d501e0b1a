//! Open texts and files on disk.

use super::*;
use crate::workspace::private;

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
        let happenings = self.happenings.clone();
        let path = path_of(&uri);
        let version = text.as_ref().map(|(version, _)| *version);
        let opened: Vec<PathBuf> = self.folders.keys().cloned().collect();
        tokio::task::spawn_blocking(move || {
            let clean = match (&path, &text) {
                (Some(path), Some((_, text))) => is_on_disk(path, text),
                _ => true,
            };
            let place = path.as_deref().and_then(|path| {
                place_of(path, &opened).unwrap_or_else(|error| {
                    let _ = happenings.blocking_send(Happening::Refused(error));
                    None
                })
            });
            let _ = happenings.blocking_send(Happening::Located { uri, place, version, clean });
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
        document.edit(params.text_document.version, &params.content_changes, self.abilities.encoding);
        if let Some(place) = self.places.get(uri).cloned() {
            self.text_changed(&place);
        }
    }

    /// Tells the index of an open text.
    pub(super) fn text_changed(&mut self, place: &Place) {
        let Some(root) = self.roots.get_mut(&place.root) else { return };
        root.backlog.texts.insert(place.file.clone());
        if root.index().is_some() {
            self.feed_backlog(&place.root);
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
            root.backlog.files.insert(place.file);
            self.reload_backlog(&place.root);
        }
    }

    pub(super) fn closed(&mut self, uri: &Uri) {
        self.documents.close(uri);
        self.lenses_sent.remove(uri);
        let Some(place) = self.places.remove(uri) else { return };
        if let Some(root) = self.roots.get_mut(&place.root) {
            root.open.remove(&place.file);
            root.lines.remove(&place.file);
            root.backlog.files.insert(place.file.clone());
        }
        self.reload_backlog(&place.root);
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
        root.backlog.everything |= paths.is_none();
        let paths = paths.unwrap_or_default();
        let files: Vec<RelPath> = paths.iter().filter_map(|changed| root.relative(changed)).collect();
        for file in files {
            if root.concerns(&file) {
                root.backlog.files.insert(file);
            }
        }
        self.reload_backlog(path);
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

/// Is the text what the disk has? Bytes that are no UTF-8 the editor reads in its own way: they are taken as equal.
pub(super) fn is_on_disk(path: &Path, text: &str) -> bool {
    // One byte more than that is another text, however long the file is.
    let most = (text.len() as u64).saturating_mul(2).saturating_add(8);
    let Ok(bytes) = private::read_plain(path, most) else { return false };
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    std::str::from_utf8(bytes).is_err() || bytes == text.strip_prefix('\u{feff}').unwrap_or(text).as_bytes()
}

/// Where a file belongs; `None` where its folder is not there. The file itself may not be there yet, or be a link: its
/// folder counts. Blocking.
fn place_of(path: &Path, opened: &[PathBuf]) -> Result<Option<Place>, RootError> {
    let Some((folder, name)) = path.parent().zip(path.file_name()) else { return Ok(None) };
    let Ok(canonical) = folder.canonicalize() else { return Ok(None) };
    let root = find_root_among(&canonical, opened)?;
    let file = canonical.join(name);
    let shown = shown_root(&root, folder, &canonical);
    Ok(file.strip_prefix(&root).ok().map(Into::into).map(|file| Place { file, root: root.clone(), shown }))
}
