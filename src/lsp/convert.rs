//! The door between bytes and the editor's positions, and between paths and URIs. Nothing else converts.

use std::path::{Path, PathBuf};

use line_index::{LineCol, LineIndex, TextSize, WideEncoding, WideLineCol};
use tower_lsp::ls_types::{Position, PositionEncodingKind, Range, Uri};

use crate::task::Span;

/// What an editor counts in a line: agreed on once, at `initialize`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Encoding {
    /// Bytes.
    Utf8,
    /// UTF-16 code units: what a client means that says nothing.
    #[default]
    Utf16,
    /// Characters.
    Utf32,
}

/// Where the lines of a text begin, and how wide their characters are.
#[derive(Debug, Clone)]
pub(super) struct LineTable {
    index: LineIndex,
    /// Bytes of a byte order mark before the text: spans count them, an editor's text does not have them.
    mark: u32,
}

impl Encoding {
    /// The first of the client's encodings that is ours; UTF-16 where it offers none.
    pub(super) fn negotiate(offered: Option<&[PositionEncodingKind]>) -> Self {
        offered
            .unwrap_or_default()
            .iter()
            .find_map(|kind| {
                [Self::Utf8, Self::Utf16, Self::Utf32].into_iter().find(|encoding| encoding.kind() == *kind)
            })
            .unwrap_or_default()
    }

    /// The protocol's name for it.
    pub(super) fn kind(self) -> PositionEncodingKind {
        match self {
            Self::Utf8 => PositionEncodingKind::UTF8,
            Self::Utf16 => PositionEncodingKind::UTF16,
            Self::Utf32 => PositionEncodingKind::UTF32,
        }
    }

    fn wide(self) -> Option<WideEncoding> {
        match self {
            Self::Utf8 => None,
            Self::Utf16 => Some(WideEncoding::Utf16),
            Self::Utf32 => Some(WideEncoding::Utf32),
        }
    }
}

impl LineTable {
    /// The table of an editor's text.
    pub(super) fn new(text: &str) -> Self {
        Self { index: LineIndex::new(text), mark: 0 }
    }

    /// The table of a file's text as the house decodes it: with its byte order mark, which its spans count.
    pub(super) fn of_disk(text: &str) -> Self {
        const MARK: char = '\u{feff}';
        match text.strip_prefix(MARK) {
            Some(rest) => Self { index: LineIndex::new(rest), mark: 3 },
            None => Self::new(text),
        }
    }

    /// The editor's range of a span. What lies beyond the text is its end.
    pub(super) fn range(&self, span: Span, encoding: Encoding) -> Range {
        Range { start: self.position(span.start, encoding), end: self.position(span.end, encoding) }
    }

    /// The editor's position of a byte.
    pub(super) fn position(&self, offset: u32, encoding: Encoding) -> Position {
        let offset = offset.saturating_sub(self.mark).min(self.index.len().into());
        // A byte in the middle of a character is no position: at most three steps lead to the character's first.
        let at = (0..4).find_map(|back| self.index.try_line_col(TextSize::from(offset.saturating_sub(back))));
        let at = at.unwrap_or(LineCol { line: 0, col: 0 });
        let wide = encoding.wide().and_then(|wide| self.index.to_wide(wide, at));
        Position { line: at.line, character: wide.map_or(at.col, |wide| wide.col) }
    }

    /// The byte that an editor's position means in this table's text: a column beyond the line is the line's end, a
    /// line beyond the text is the text's end (LSP 3.17, `Position`), the middle of a character is its start.
    pub(super) fn offset(&self, text: &str, position: Position, encoding: Encoding) -> usize {
        let Some(line) = self.index.line(position.line) else { return text.len() };
        let line_start = usize::from(line.start());
        let content = text.get(line_start..usize::from(line.end())).unwrap_or_default();
        let content = content.strip_suffix('\n').unwrap_or(content);
        let content = content.strip_suffix('\r').unwrap_or(content);
        let at = WideLineCol { line: position.line, col: position.character };
        let column = match encoding.wide() {
            None => position.character,
            Some(wide) => self.index.to_utf8(wide, at).map_or(u32::MAX, |at| at.col),
        };
        let mut column = (column as usize).min(content.len());
        while !content.is_char_boundary(column) {
            column -= 1;
        }
        line_start + column
    }
}

/// The path of a `file:` URI; other schemes (`untitled:`, `git:`) have none.
pub(super) fn path_of(uri: &Uri) -> Option<PathBuf> {
    let is_file = uri.scheme().as_str().eq_ignore_ascii_case("file");
    is_file.then(|| uri.to_file_path()).flatten().map(std::borrow::Cow::into_owned)
}

/// The URI of an absolute path.
pub(super) fn uri_of(path: &Path) -> Option<Uri> {
    Uri::from_file_path(path)
}

/// The scheme of logs for a client that shows them itself.
const LOG_SCHEME: &str = "feature-build-log";

/// The URI of a log; `client_shows`: the client makes a text of it that is safe to show.
pub(super) fn uri_of_log(path: &Path, client_shows: bool) -> Option<Uri> {
    let uri = uri_of(path)?;
    if !client_shows {
        return Some(uri);
    }
    format!("{LOG_SCHEME}{}", uri.as_str().strip_prefix("file")?).parse().ok()
}

/// A duration as people read it: `0.4 s`, `42 s`, `12 m 03 s`, `1 h 02 m`.
pub(super) fn duration(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    match seconds {
        0 => format!("{milliseconds} ms"),
        1..10 => format!("{}.{} s", seconds, milliseconds % 1000 / 100),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} m {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} m", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::str::FromStr;

    use super::*;

    const TEXT: &str = "a\u{e4}\u{1f600}b\r\nsecond\n";

    fn at(line: u32, character: u32) -> Position {
        Position { line, character }
    }

    #[test]
    fn each_encoding_counts_its_own_units() {
        let table = LineTable::new(TEXT);
        let b = u32::try_from(TEXT.find('b').unwrap()).unwrap();
        for (encoding, column) in [(Encoding::Utf8, 7), (Encoding::Utf16, 4), (Encoding::Utf32, 3)] {
            assert_eq!(table.position(b, encoding), at(0, column), "{encoding:?}");
            assert_eq!(table.offset(TEXT, at(0, column), encoding), b as usize, "{encoding:?}");
        }
    }

    #[test]
    fn what_lies_outside_is_the_nearest_end() {
        let table = LineTable::new(TEXT);
        for encoding in [Encoding::Utf8, Encoding::Utf16, Encoding::Utf32] {
            assert_eq!(table.offset(TEXT, at(0, 99), encoding), TEXT.find('\r').unwrap());
            assert_eq!(table.offset(TEXT, at(0, u32::MAX), encoding), TEXT.find('\r').unwrap());
            assert_eq!(table.offset(TEXT, at(9, 0), encoding), TEXT.len());
            assert_eq!(table.position(9999, encoding), at(2, 0));
        }
        assert_eq!(table.offset(TEXT, at(0, 3), Encoding::Utf16), 3, "the middle of a surrogate pair is its start");
        assert_eq!(table.position(4, Encoding::Utf16), at(0, 2), "so is the middle of a character's bytes");
    }

    #[test]
    fn a_byte_order_mark_counts_in_the_file_only() {
        let table = LineTable::of_disk("\u{feff}ab\ncd");
        assert_eq!(table.position(4, Encoding::Utf16), at(0, 1));
        assert_eq!(table.position(7, Encoding::Utf16), at(1, 1));
    }

    #[test]
    fn the_first_known_encoding_of_the_client_counts() {
        let offered = [PositionEncodingKind::new("utf-7"), PositionEncodingKind::UTF32, PositionEncodingKind::UTF8];
        assert_eq!(Encoding::negotiate(Some(&offered)), Encoding::Utf32);
        assert_eq!(Encoding::negotiate(Some(&[])), Encoding::Utf16);
        assert_eq!(Encoding::negotiate(None), Encoding::Utf16);
    }

    #[test]
    fn paths_with_spaces_and_umlauts_survive_the_way_to_the_editor_and_back() {
        let path = Path::new("/tmp/with space/\u{fc}ber#1?%41.md");
        assert_eq!(path_of(&uri_of(path).unwrap()).unwrap(), path);
        assert_eq!(path_of(&Uri::from_str("untitled:Untitled-1").unwrap()), None);
    }

    #[test]
    fn durations_read_well() {
        let shown = [6, 1_400, 42_900, 723_000, 3_725_000].map(duration);
        assert_eq!(shown, ["6 ms", "1.4 s", "42 s", "12 m 03 s", "1 h 02 m"]);
    }
}
