//! The frontmatter block: where it is, which keys it has, and each value that matters, read alone.
//!
//! Reading key by key is what makes one broken value cost that value only: a YAML reader that is given the whole block
//! rejects it for an `assignee: @name` that nobody here asks for.

use std::ops::Range;

use super::yaml::{self, Broken, Node};
use super::{Span, Spanned};

/// A frontmatter block, cut into keys but not yet read.
#[derive(Debug)]
pub(super) struct Frontmatter<'t> {
    text: &'t str,
    entries: Vec<Entry<'t>>,
    names: Names,
    /// A key stands more than once, or may do so among so many.
    repeats: bool,
    /// Where the body begins.
    pub(super) body: usize,
    /// The opening `---`, where no closing one follows.
    pub(super) unclosed: Option<Span>,
}

/// A key in column 0 with everything up to the next one.
#[derive(Debug)]
struct Entry<'t> {
    name: &'t str,
    key: Span,
    /// From the key to the next key.
    chunk: Span,
    /// What stands behind the colon on the key's line, without the line's end.
    first_line: Span,
}

/// Room for the keys of nearly every file: less than a KiB, which an allocator has at hand.
const USUAL: usize = 24;

/// No block that is meant has more keys.
const MANY: usize = 256;

impl<'t> Frontmatter<'t> {
    /// Finds the block at the beginning of a text; `None` where it does not begin with `---`.
    pub(super) fn find(text: &'t str) -> Option<Self> {
        let mut lines = Lines::behind_opening(text.as_bytes())?;
        let start = lines.at;
        let mut frontmatter = Self::empty(text);
        for line in &mut lines {
            if is_mark(text.as_bytes(), &line) {
                frontmatter.end(line.start);
                frontmatter.body = line.end;
                return Some(frontmatter);
            }
            frontmatter.take(line);
        }
        Some(Self::unclosed(text, start))
    }

    /// That of a text which has none: no keys, and all of the text is the body.
    pub(super) fn missing(text: &'t str) -> Self {
        Self::empty(text)
    }

    /// A text that is all keys, without marks around it.
    pub(super) fn of_yaml(text: &'t str) -> Self {
        Self::within(text, 0, text.len())
    }

    /// Without a closing mark the block ends where the text plainly is a body: at the first blank line.
    fn unclosed(text: &'t str, start: usize) -> Self {
        let mut lines = Lines { bytes: text.as_bytes(), at: start };
        let blank = lines.find(|line| text.get(line.clone()).is_some_and(|line| line.trim().is_empty()));
        let end = blank.map_or(text.len(), |line| line.start);
        Self { unclosed: Some(opening(text)), ..Self::within(text, start, end) }
    }

    fn within(text: &'t str, start: usize, end: usize) -> Self {
        let mut frontmatter = Self::empty(text);
        let lines = Lines { bytes: text.as_bytes(), at: start };
        lines.take_while(|line| line.start < end).for_each(|line| frontmatter.take(line));
        frontmatter.end(end);
        frontmatter.body = end;
        frontmatter
    }

    fn empty(text: &'t str) -> Self {
        let (entries, names) = (Vec::with_capacity(USUAL), Names::default());
        Self { text, entries, names, repeats: false, body: 0, unclosed: None }
    }

    /// Takes the next line: a key, or more of the one before.
    fn take(&mut self, line: Range<usize>) {
        let content = self.text.get(line.clone()).unwrap_or_default();
        let Some((name, key, colon)) = key_of(content) else { return };
        self.end(line.start);
        // Of so many keys the question would cost the square of their number: then it is asked once, of all of them.
        self.repeats = self.repeats || self.entries.len() > MANY || self.entry(name).is_some();
        self.names.insert(name);
        self.entries.push(Entry {
            name,
            key: Span::new(line.start + key.start, line.start + key.end),
            chunk: Span::new(line.start, line.end),
            first_line: Span::new(line.start + colon + 1, line.start + length_of(content)),
        });
    }

    /// The last key's chunk ends here.
    fn end(&mut self, at: usize) {
        if let Some(last) = self.entries.last_mut() {
            last.chunk = Span::new(last.chunk.start as usize, at);
        }
    }

    /// Is there such a key?
    pub(super) fn has(&self, key: &str) -> bool {
        self.entry(key).is_some()
    }

    /// Where a key's name stands.
    pub(super) fn key_span(&self, key: &str) -> Option<Span> {
        self.entry(key).map(|entry| entry.key)
    }

    /// The value of a key; the first one counts where the key stands twice.
    pub(super) fn value(&self, key: &str) -> Option<Result<Node<'t>, Broken>> {
        self.entry(key).map(|entry| self.read(entry))
    }

    /// The text behind a key on its line, as it stands there: for titles, where an unquoted `: ` is no YAML but plain
    /// enough for everybody.
    pub(super) fn raw_line(&self, key: &str) -> Option<Spanned<&'t str>> {
        let line = self.entry(key)?.first_line.range();
        let raw = self.text.get(line.clone())?;
        let text = raw.trim();
        let start = line.start + (raw.len() - raw.trim_start().len());
        (!text.is_empty()).then(|| Spanned::new(text, Span::new(start, start + text.len())))
    }

    /// The second and later places of keys that stand more than once, each with the first place.
    pub(super) fn duplicates(&self) -> impl Iterator<Item = (&str, Span, Span)> {
        let mut by_name: Vec<&Entry<'_>> = if self.repeats { self.entries.iter().collect() } else { Vec::new() };
        by_name.sort_by_key(|entry| entry.name); // stable: of one name the first place stays the first
        let mut first: Option<&Entry<'_>> = None;
        by_name.into_iter().filter_map(move |entry| match first {
            Some(first) if first.name == entry.name => Some((entry.name, entry.key, first.key)),
            _ => {
                first = Some(entry);
                None
            }
        })
    }

    fn entry(&self, key: &str) -> Option<&Entry<'t>> {
        if self.names.may_have(key) { self.entries.iter().find(|entry| entry.name == key) } else { None }
    }

    fn read(&self, entry: &Entry<'t>) -> Result<Node<'t>, Broken> {
        if let Some(node) = read_without_library(self.text, entry) {
            return Ok(node);
        }
        let chunk = self.text.get(entry.chunk.range()).unwrap_or_default();
        let whole = yaml::read(chunk, entry.chunk.range().start)?;
        let value = match whole.value {
            yaml::Value::Map(mut entries) if entries.len() == 1 => entries.pop().map(|(_, value)| value),
            _ => None,
        };
        value.ok_or_else(|| Broken { message: "this is no `key: value`".into(), span: entry.key })
    }
}

/// Which names a block may have, in a word: most keys that are asked for are not there. A bit for each name; several may
/// share one.
#[derive(Debug, Default)]
struct Names(u64);

impl Names {
    fn insert(&mut self, name: &str) {
        self.0 |= Self::bit(name);
    }

    fn may_have(&self, name: &str) -> bool {
        self.0 & Self::bit(name) != 0
    }

    /// By length and ends, in which nearly all names differ.
    fn bit(name: &str) -> u64 {
        let mut bytes = name.bytes().map(usize::from);
        let (first, last) = (bytes.next().unwrap_or(0), bytes.next_back().unwrap_or(0));
        1 << ((name.len() * 11 + first * 5 + last) % 64)
    }
}

/// Where the frontmatter of these bytes ends: what has to be read of a file before its task is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// There is none: the file does not begin with `---`.
    None,
    /// It ends before this byte, where the body begins.
    Closed(usize),
    /// No closing `---` so far.
    Open,
}

/// Finds the end of the frontmatter in the first bytes of a file. Looks at bytes, not at text: the body, which most of
/// what is read of a file is, need not be decoded for it.
pub fn extent(head: &[u8]) -> Extent {
    let Some(lines) = Lines::behind_opening(head) else {
        return if may_open_later(head) { Extent::Open } else { Extent::None };
    };
    // The first of them follows the line end that the opening mark has.
    let starts = memchr::memchr_iter(b'\n', head).map(|newline| newline + 1);
    let may_close = starts.filter(|start| *start >= lines.at && matches!(head.get(*start), Some(b'-' | b'.')));
    let mut closing = may_close.filter_map(|at| Lines { bytes: head, at }.next().filter(|line| is_mark(head, line)));
    closing.next().map_or(Extent::Open, |line| Extent::Closed(line.end))
}

/// Only what may stand before an opening mark was read so far.
fn may_open_later(head: &[u8]) -> bool {
    let rest = head.get(before_opening(head)..).unwrap_or_default();
    rest.iter().all(u8::is_ascii_whitespace) && !head.is_empty() || rest.trim_ascii_start().starts_with(b"<!--")
}

const MARK: &str = "---";
const CLOSING: [&str; 2] = [MARK, "..."];
const BYTE_ORDER_MARK: &str = "\u{feff}";

fn opening(text: &str) -> Span {
    let start = before_opening(text.as_bytes());
    Span::new(start, start + MARK.len())
}

/// Where the opening mark would stand: behind byte order marks, blank lines and comments (`<!-- ... -->`).
fn before_opening(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    loop {
        // Nearly every file begins with its mark.
        if rest.first() == Some(&b'-') {
            break;
        }
        let blanks = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let (blank, behind) = rest.split_at_checked(blanks).unwrap_or((rest, &[]));
        if let Some(marked) = behind.strip_prefix(BYTE_ORDER_MARK.as_bytes()) {
            rest = marked;
        } else if let Some(end) = behind.strip_prefix(b"<!--").and_then(|comment| memchr::memmem::find(comment, b"-->"))
        {
            rest = behind.get("<!--".len() + end + "-->".len()..).unwrap_or_default();
        } else {
            // A mark that is set in from the margin is none.
            let start_of_line = memchr::memrchr(b'\n', blank).map_or(0, |newline| newline + 1);
            rest = rest.get(start_of_line..).unwrap_or_default();
            break;
        }
    }
    bytes.len() - rest.len()
}

/// Does this line close a frontmatter?
fn is_mark(text: &[u8], line: &Range<usize>) -> bool {
    // Nearly every line is told from a mark by its first byte.
    matches!(text.get(line.start), Some(b'-' | b'.')) && CLOSING.iter().any(|mark| says(text, line, mark))
}

fn says(text: &[u8], line: &Range<usize>, mark: &str) -> bool {
    let behind = text.get(line.clone()).and_then(|line| line.strip_prefix(mark.as_bytes()));
    let is_blank = |text: &[u8]| std::str::from_utf8(text).is_ok_and(|text| text.trim_end().is_empty());
    behind.is_some_and(|behind| matches!(behind, [] | [b'\n']) || is_blank(behind))
}

/// The key that a line begins with in column 0: its name, its place in the line, and the place of its colon.
fn key_of(line: &str) -> Option<(&str, Range<usize>, usize)> {
    if let Some(plain) = plain_key_of(line) {
        return Some(plain);
    }
    let first = line.chars().next()?;
    let (name, start, behind) = match first {
        '"' | '\'' => {
            let end = 1 + line.get(1..)?.find(first)?;
            (line.get(1..end)?, 1, end + 1)
        }
        _ if first.is_alphanumeric() || first == '_' => {
            let colon = colon_of(line)?;
            let name = line.get(..colon)?.trim_end();
            (name, 0, name.len())
        }
        _ => return None,
    };
    let spaces = line.get(behind..)?;
    let colon = behind + (spaces.len() - spaces.trim_start_matches([' ', '\t']).len());
    ends_key(line.get(colon..)?).then_some((name, start..start + name.len(), colon))
}

/// The same where the key is one as nearly all are: a word, and a colon right behind it.
fn plain_key_of(line: &str) -> Option<(&str, Range<usize>, usize)> {
    let bytes = line.as_bytes();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let colon = bytes.iter().position(|byte| !is_plain(*byte) && *byte != b'-')?;
    let ends = matches!(bytes.get(colon..)?, [b':'] | [b':', b' ' | b'\t' | b'\r' | b'\n', ..]);
    let is_key = ends && is_plain(*bytes.first()?);
    is_key.then_some((line.get(..colon)?, 0..colon, colon))
}

fn colon_of(line: &str) -> Option<usize> {
    memchr::memchr_iter(b':', line.as_bytes()).find(|at| line.get(*at..).is_some_and(ends_key))
}

/// How long a line is without its end.
fn length_of(line: &str) -> usize {
    let mut rest = line.as_bytes();
    rest = rest.strip_suffix(b"\n").unwrap_or(rest);
    while let Some(before) = rest.strip_suffix(b"\r") {
        rest = before;
    }
    rest.len()
}

/// A colon ends a key only before a blank: `http://x` has no key.
fn ends_key(text: &str) -> bool {
    text.strip_prefix(':').is_some_and(|behind| behind.is_empty() || behind.starts_with([' ', '\t', '\r', '\n']))
}

/// Most values are one line, or a list of such lines. `None` for all others.
fn read_without_library<'t>(text: &'t str, entry: &Entry<'t>) -> Option<Node<'t>> {
    let Range { start, end } = entry.first_line.range();
    let (line, behind) = (text.get(start..end)?, text.get(end..entry.chunk.range().end)?);
    if only_blank_or_comment(behind) {
        return yaml::read_line(line, start);
    }
    if line.bytes().any(|byte| byte != b' ') {
        return yaml::read_plain_over_lines(line, behind, start);
    }
    yaml::read_block_list(behind, end).or_else(|| yaml::read_block(behind, end))
}

fn only_blank_or_comment(text: &str) -> bool {
    text == "\n" || text.lines().all(|line| line.trim().is_empty() || line.starts_with('#'))
}

/// The lines of a text with their ends, as ranges.
struct Lines<'t> {
    bytes: &'t [u8],
    at: usize,
}

impl<'t> Lines<'t> {
    /// The lines behind the mark that opens a frontmatter.
    fn behind_opening(bytes: &'t [u8]) -> Option<Self> {
        let mut lines = Self { bytes, at: before_opening(bytes) };
        lines.next().filter(|line| says(bytes, line, MARK))?;
        Some(lines)
    }
}

impl Iterator for Lines<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let rest = self.bytes.get(self.at..).filter(|rest| !rest.is_empty())?;
        let length = memchr::memchr(b'\n', rest).map_or(rest.len(), |newline| newline + 1);
        let start = self.at;
        self.at += length;
        Some(start..self.at)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    fn text_of(source: &str, key: &str) -> Option<String> {
        let frontmatter = Frontmatter::find(source)?;
        let text = frontmatter.value(key)?.ok()?.as_text()?;
        Some(text.value.to_string())
    }

    #[test]
    fn finds_the_block_behind_a_byte_order_mark_and_with_crlf() {
        let source = "\u{feff}---\r\nid: A\r\nwave: 2 # why\r\n---\r\n# Body\r\n";
        assert_eq!(text_of(source, "id").unwrap(), "A");
        assert_eq!(text_of(source, "wave").unwrap(), "2");
        let frontmatter = Frontmatter::find(source).unwrap();
        assert_eq!(&source[frontmatter.body..], "# Body\r\n");
        assert_eq!(&source[frontmatter.value("wave").unwrap().unwrap().span.range()], "2");
    }

    #[test]
    fn a_broken_value_costs_that_value_only() {
        let source = "---\nid: A\nassignee: @name\ntitle: Fix: the thing\ndepends_on: [B\nwave: 1\n---\n";
        let frontmatter = Frontmatter::find(source).unwrap();
        assert!(frontmatter.value("assignee").unwrap().is_err());
        assert!(frontmatter.value("depends_on").unwrap().is_err());
        assert_eq!(frontmatter.raw_line("title").unwrap().value, "Fix: the thing");
        assert_eq!(text_of(source, "wave").unwrap(), "1");
    }

    #[test]
    fn a_list_in_column_0_belongs_to_its_key() {
        let source = "---\ndepends_on:\n- A\n# between\n- \"B\"\nid: C\n---\n";
        let frontmatter = Frontmatter::find(source).unwrap();
        let node = frontmatter.value("depends_on").unwrap().unwrap();
        let items: Vec<_> = node.items().iter().filter_map(Node::as_text).map(|item| item.value).collect();
        assert_eq!(items, ["A".into(), "B".into()]);
    }

    #[test]
    fn an_unclosed_block_ends_at_the_first_blank_line() {
        let source = "---\nid: A\nwave: 1\n\nnote: this is the body\n";
        let frontmatter = Frontmatter::find(source).unwrap();
        assert_eq!(frontmatter.unclosed, Some(Span::new(0, 3)));
        assert!(frontmatter.has("wave") && !frontmatter.has("note"));
    }

    #[test]
    fn the_first_of_a_duplicate_key_counts_and_the_second_is_told() {
        let source = "---\nid: A\nid: B\n---\n";
        assert_eq!(text_of(source, "id").unwrap(), "A");
        let frontmatter = Frontmatter::find(source).unwrap();
        let duplicates: Vec<_> = frontmatter.duplicates().collect();
        assert_eq!(duplicates, [("id", Span::new(10, 12), Span::new(4, 6))]);
    }

    /// A file that nobody meant must not cost the square of its keys.
    #[test]
    fn a_megabyte_of_keys_takes_no_minute() {
        let many: String = (0..120_000).map(|number| format!("k{number}:\n")).collect();
        let source = format!("---\nid: A\n{many}k7: again\n---\n");
        let began = std::time::Instant::now();
        let frontmatter = Frontmatter::find(&source).unwrap();
        let duplicates: Vec<&str> = frontmatter.duplicates().map(|(name, _, _)| name).collect();
        assert_eq!(duplicates, ["k7"]);
        assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
    }

    #[test]
    fn blank_lines_marks_and_comments_may_stand_before_the_block() {
        for before in ["\n", "\r\n  \n", "\u{feff}\n", "<!-- one\ntwo -->\n", "\n<!-- a --> <!-- b -->\n\n\u{feff}"] {
            let source = format!("{before}---\nid: A\n---\nbody");
            assert_eq!(text_of(&source, "id").as_deref(), Some("A"), "{before:?}");
            assert_eq!(extent(source.as_bytes()), Extent::Closed(source.len() - 4), "{before:?}");
            assert_eq!(extent(before.as_bytes()), Extent::Open, "{before:?}");
        }
        for source in ["text\n---\nid: A\n---\n", "\n  ---\nid: A\n---\n", "# A\n---\n", "<!-- \n---\nid: A\n---\n"] {
            assert!(Frontmatter::find(source).is_none(), "{source:?}");
        }
    }

    #[test]
    fn the_extent_is_known_from_the_head_alone() {
        assert_eq!(extent(b"# no task\n"), Extent::None);
        assert_eq!(extent(b"---\nid: A\n"), Extent::Open);
        assert_eq!(extent(b"---\nid: A\n---\nbody"), Extent::Closed(14));
    }

    #[test]
    fn quoted_keys_and_folded_titles_are_read() {
        let source = "---\n\"id\": 'A b'\ntitle: >-\n  one\n  two\n---\n";
        assert_eq!(text_of(source, "id").unwrap(), "A b");
        assert_eq!(text_of(source, "title").unwrap(), "one two");
    }

    /// Every value of the corpus that is read without the library is what the library reads.
    #[test]
    fn the_fast_path_is_true_on_the_corpus() {
        let corpus = std::env::var_os("FEATURE_BUILD_CORPUS").unwrap_or_else(|| "../shared/corpus".into());
        let files = ignore::WalkBuilder::new(&corpus).standard_filters(false).build().flatten();
        let mut compared = 0;
        for entry in files.filter(|entry| entry.path().is_file()) {
            let bytes = std::fs::read(entry.path()).unwrap();
            let text = crate::task::decode(&bytes);
            let found = match entry.path().extension().and_then(|kind| kind.to_str()) {
                Some("md") => Frontmatter::find(&text),
                Some("yaml" | "yml") => Some(Frontmatter::of_yaml(&text)),
                _ => None,
            };
            compared += found.map_or(0, |found| compare_with_library(&text, &found));
        }
        if compared == 0 {
            eprintln!("skipped: no corpus at {}; set FEATURE_BUILD_CORPUS", corpus.display());
        }
    }

    fn compare_with_library(text: &str, frontmatter: &Frontmatter<'_>) -> usize {
        let mut compared = 0;
        for entry in &frontmatter.entries {
            let Some(fast) = read_without_library(text, entry) else { continue };
            let slow = yaml::read(&text[entry.chunk.range()], entry.chunk.range().start).unwrap();
            let (_, slow) = slow.entries().next().unwrap();
            assert_eq!(slow.value, fast.value, "{}", entry.name);
            compared += 1;
        }
        compared
    }
}
