//! Lenses and drawn waves: answered, and asked for again where they are not what stands there.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::time::Instant;
use tower_lsp::ls_types::{CodeLens, Command as LspCommand, Range, Uri};

use super::{LENS_GATHER, REFRESH_ANSWER, State};
use crate::lsp::commands::{Command, Target};
use crate::lsp::lenses::{self, Offers};
use crate::lsp::message::Event;
use crate::lsp::plain;
use crate::task::RelPath;

impl State {
    pub(super) fn answer_lenses(
        &mut self,
        path: &Path,
        file: &RelPath,
        uri: Uri,
        offers: &Offers,
        answer: oneshot::Sender<Vec<CodeLens>>,
    ) {
        let Some(root) = self.roots.get_mut(path) else { return };
        let lines = match self.documents.get(&uri) {
            Some(document) => Some(Arc::clone(document.lines())),
            None => root.lines.get(file).cloned(),
        };
        let version = self.documents.get(&uri).map(|document| document.version);
        // A file that is neither open nor known by its lines: no editor draws lenses there; its first line will do.
        let range = lines.map(|lines| lines.range(offers.anchor, self.capabilities.encoding)).unwrap_or_default();
        let range = Range { end: if range.start.line == range.end.line { range.end } else { range.start }, ..range };
        let root_uri = root.uri();
        let lens = |offer: &lenses::Offer| {
            let target = Target { lens: offer.command == Command::Cancel, ..offer.target.at(root_uri.clone()) };
            let arguments = serde_json::to_value(target).ok().map(|target| vec![target]);
            let title = plain::line(offer.lens.as_ref()?);
            let command = LspCommand { title, command: offer.command.id().to_string(), arguments };
            Some(CodeLens { range, command: Some(command), data: None })
        };
        let _ = answer.send(offers.offers.iter().filter_map(lens).collect());
        if version.is_some() {
            self.lenses_sent.insert(uri, (version, fingerprint(offers)));
        }
    }

    /// Something changed that lenses may show.
    pub(super) fn lenses_stale(&mut self) {
        if self.capabilities.lens_refresh {
            self.lenses_due.get_or_insert_with(|| Instant::now() + LENS_GATHER);
        }
    }

    /// Features of a root have to be asked for again by a client that draws them; `None`: all of the root.
    pub(super) fn waves_stale(&mut self, path: &Path, features: Option<BTreeSet<Box<str>>>) {
        if !self.capabilities.events {
            return;
        }
        let known = self.waves_stale.entry(path.to_path_buf()).or_insert_with(|| Some(BTreeSet::new()));
        match (known.as_mut(), features) {
            (Some(known), Some(features)) => known.extend(features),
            _ => *known = None,
        }
        self.waves_due.get_or_insert_with(|| Instant::now() + LENS_GATHER);
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
}

/// What tells one file's offers from another state of them.
fn fingerprint(offers: &Offers) -> u64 {
    let mut hasher = DefaultHasher::new();
    offers.offers.hash(&mut hasher);
    hasher.finish()
}
