//! The texts that the editor has open.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use tower_lsp::ls_types::{TextDocumentContentChangeEvent, Uri};

use super::convert::{Encoding, LineTable};
use crate::workspace::private;

/// One open text.
#[derive(Debug)]
pub(super) struct Document {
    /// The editor's number of this text; diagnostics name it, so that the editor drops those of an older text.
    pub(super) version: i32,
    /// The editor has changed it since it opened or saved it. Then, and only then, it may differ from the disk.
    pub(super) touched: bool,
    text: Arc<str>,
    lines: Arc<LineTable>,
}

/// All open texts, by the URI that the editor gave them.
#[derive(Debug, Default)]
pub(super) struct Documents {
    open: HashMap<Uri, Document>,
}

impl Document {
    /// A text as the editor opened it.
    pub(super) fn new(version: i32, text: &str) -> Self {
        let lines = Arc::new(LineTable::new(text));
        // An editor may open a file with changes that it kept from the last session.
        Self { version, touched: true, text: text.into(), lines }
    }

    /// The text.
    pub(super) fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// Its lines.
    pub(super) fn lines(&self) -> &Arc<LineTable> {
        &self.lines
    }

    /// Applies one notification's edits, each to the text that the one before left (LSP 3.17, `didChange`).
    pub(super) fn edit(&mut self, version: i32, edits: &[TextDocumentContentChangeEvent], encoding: Encoding) {
        let mut text = self.text.to_string();
        let mut lines = Arc::clone(&self.lines);
        for edit in edits {
            apply(&mut text, &lines, edit, encoding);
            lines = Arc::new(LineTable::new(&text));
        }
        *self = Self { version, touched: true, text: text.into(), lines };
    }
}

fn apply(text: &mut String, lines: &LineTable, edit: &TextDocumentContentChangeEvent, encoding: Encoding) {
    let Some(range) = edit.range else {
        text.clone_from(&edit.text);
        return;
    };
    let start = lines.offset(text, range.start, encoding);
    // A client that sends a reversed range means the empty one at its start; `replace_range` would panic.
    let end = lines.offset(text, range.end, encoding).max(start);
    text.replace_range(start..end, &edit.text);
}

impl Documents {
    /// Takes a text in; the one that had the URI before is gone.
    pub(super) fn open(&mut self, uri: Uri, document: Document) {
        self.open.insert(uri, document);
    }

    /// Forgets a text.
    pub(super) fn close(&mut self, uri: &Uri) {
        self.open.remove(uri);
    }

    /// An open text.
    pub(super) fn get(&self, uri: &Uri) -> Option<&Document> {
        self.open.get(uri)
    }

    /// An open text, to change it.
    pub(super) fn get_mut(&mut self, uri: &Uri) -> Option<&mut Document> {
        self.open.get_mut(uri)
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

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing)]
    use proptest::prelude::*;
    use tower_lsp::ls_types::Range;

    use super::*;

    /// Text with everything that makes columns hard: wide characters, both line ends, tabs.
    fn text(longest: usize) -> impl Strategy<Value = String> {
        let piece = prop_oneof!["a", "b", "\u{e4}", "\u{20ac}", "\u{1f600}", "\n", "\r\n", "\t", "e\u{301}"];
        proptest::collection::vec(piece, 0..longest).prop_map(|pieces| pieces.concat())
    }

    /// A place between two characters, never between CR and LF: an editor has no position there.
    fn boundary(text: &str, pick: usize) -> usize {
        let places: Vec<usize> = text
            .char_indices()
            .map(|(at, _)| at)
            .chain([text.len()])
            .filter(|&at| !(text[..at].ends_with('\r') && text[at..].starts_with('\n')))
            .collect();
        places[pick % places.len()]
    }

    proptest! {
        #[test]
        fn incremental_edits_equal_the_full_text(
            begin in text(40),
            edits in proptest::collection::vec((any::<usize>(), any::<usize>(), text(6)), 1..12),
            encoding in prop_oneof![Just(Encoding::Utf8), Just(Encoding::Utf16), Just(Encoding::Utf32)],
        ) {
            let mut document = Document::new(0, &begin);
            let mut whole = begin;
            for (version, (one, other, new)) in (1..).zip(edits) {
                let (one, other) = (boundary(&whole, one), boundary(&whole, other));
                let (start, end) = (one.min(other), one.max(other));
                // The positions as an editor counts them, without the table under test.
                let position = |at: usize| {
                    let before = &whole[..at];
                    let line = &before[before.rfind('\n').map_or(0, |end| end + 1)..];
                    let character = match encoding {
                        Encoding::Utf8 => line.len(),
                        Encoding::Utf16 => line.encode_utf16().count(),
                        Encoding::Utf32 => line.chars().count(),
                    };
                    tower_lsp::ls_types::Position {
                        line: u32::try_from(before.matches('\n').count()).unwrap_or(u32::MAX),
                        character: u32::try_from(character).unwrap_or(u32::MAX),
                    }
                };
                let range = Range { start: position(start), end: position(end) };
                whole.replace_range(start..end, &new);
                let edit = TextDocumentContentChangeEvent { range: Some(range), range_length: None, text: new };
                document.edit(version, &[edit], encoding);
                prop_assert_eq!(&**document.text(), whole.as_str());
            }
        }
    }

    #[test]
    fn a_reversed_range_is_no_panic() {
        let mut document = Document::new(0, "one\ntwo\n");
        let at = |line| tower_lsp::ls_types::Position { line, character: 1 };
        let range = Some(Range { start: at(1), end: at(0) });
        document.edit(
            1,
            &[TextDocumentContentChangeEvent { range, range_length: None, text: "X".into() }],
            Encoding::Utf8,
        );
        assert_eq!(&**document.text(), "one\ntXwo\n");
    }
}
