//! One YAML value with the range of each scalar, as text.
//!
//! The library reads the structure; the spelling of plain scalars is taken from the source, because `02A`, `08` and
//! `1.10` are ids and must not become numbers. One-line scalars and lists of them, by far the most, are read without the
//! library; property tests hold both readers equal. Text stays where it stands: who keeps a value makes a copy, and most
//! values are only looked at.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};

use super::{Span, Spanned, Text, boundary_before, boundary_behind};

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node<'t> {
    pub(super) value: Value<'t>,
    pub(super) span: Span,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value<'t> {
    Null,
    Text(Cow<'t, str>),
    List(Vec<Node<'t>>),
    Map(Vec<(Node<'t>, Node<'t>)>),
}

/// The text is no YAML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Broken {
    pub(super) message: Box<str>,
    pub(super) span: Span,
}

/// A larger value is no value that a person wrote; it is not given to the library at all.
const LARGEST: usize = 1 << 20;

/// Nobody nests a task's values deeper; the reader recurses once a level.
const DEEPEST: usize = 64;

impl<'t> Node<'t> {
    /// The text of a scalar, to keep.
    pub(super) fn as_text(&self) -> Option<Spanned<Text>> {
        self.text().map(|text| Spanned::new(text.into(), self.span))
    }

    /// The text of a scalar.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The text of a scalar, taken out.
    pub(super) fn into_text(self) -> Option<Spanned<Cow<'t, str>>> {
        match self.value {
            Value::Text(text) => Some(Spanned::new(text, self.span)),
            _ => None,
        }
    }

    /// The entry of a map.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        self.entries().find(|(name, _)| *name == key).map(|(_, node)| node)
    }

    /// The items of a list; nothing for other values.
    pub(super) fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// The entries of a map whose keys are text; nothing for other values.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&str, &Self)> {
        let entries = match &self.value {
            Value::Map(entries) => entries.as_slice(),
            _ => &[],
        };
        entries.iter().filter_map(|(key, node)| Some((key.text()?, node)))
    }
}

/// Reads a whole YAML text; `base` is its offset in the file, which all ranges are relative to.
pub(super) fn read(text: &str, base: usize) -> Result<Node<'_>, Broken> {
    if text.len() > LARGEST {
        let message = format!("a value of {} bytes is too large; at most {LARGEST} are read", text.len());
        return Err(Broken { message: message.into(), span: Span::new(base, base) });
    }
    let options = serde_yaml::options! {
        budget: serde_yaml::budget! { max_depth: DEEPEST, max_nodes: 50_000, max_events: 200_000, flow_nesting_limit: DEEPEST },
        with_snippet: false,
    };
    let raw: serde_yaml::Spanned<Raw> =
        serde_yaml::from_str_with_options(text, options).map_err(|error| broken(&error, text, base))?;
    Ok(node(raw, text, base))
}

/// Reads what stands behind `key:` on a line, where that is all of the value and needs no library: nothing, a plain
/// scalar or a quoted one without escapes, or a list of such in brackets. `None` leaves it to the library.
pub(super) fn read_line(value: &str, base: usize) -> Option<Node<'_>> {
    let start = value.len() - value.trim_start_matches(' ').len();
    let text = value.get(start..)?;
    let at = base + start;
    let first = text.bytes().next();
    match first {
        None => Some(Node { value: Value::Null, span: Span::new(base, base) }),
        Some(quote @ (b'"' | b'\'')) => read_quoted(text, quote, at),
        Some(b'[') => read_flow_list(text, at),
        Some(byte) if byte.is_ascii_alphanumeric() => read_plain(text, at),
        Some(_) => None,
    }
}

/// Reads a list that stands below its key, an item a line, where each item needs no library. `None` leaves it to the
/// library.
pub(super) fn read_block_list(text: &str, base: usize) -> Option<Node<'_>> {
    let mut items = Vec::new();
    let mut first = None;
    let mut at = base;
    for line in text.split('\n') {
        let start = at;
        at += line.len() + 1;
        let item = line.trim_start_matches(' ');
        if item.is_empty() {
            continue;
        }
        let indent = line.len() - item.len();
        let (expected, _) = *first.get_or_insert((indent, start + indent));
        if indent != expected {
            return None;
        }
        items.push(read_item(item.strip_prefix("- ")?, start + indent + 2)?);
    }
    // The library lets a list in column 0 begin with its first item, any other with its first dash.
    let start = match first? {
        (0, _) => items.first()?.span.start as usize,
        (_, dash) => dash,
    };
    let end = items.last()?.span.end as usize;
    Some(Node { value: Value::List(items), span: Span::new(start, end) })
}

/// Reads maps and lists that stand below their key, a key or an item a line, where each scalar needs no library: what a
/// program writes. `None` leaves it to the library.
pub(super) fn read_block(text: &str, base: usize) -> Option<Node<'_>> {
    let mut lines = Vec::new();
    let mut at = base;
    for line in text.split('\n') {
        let content = line.trim_start_matches(' ');
        let indent = line.len() - content.len();
        if !content.is_empty() {
            lines.push(Line { indent, content, at: at + indent });
        }
        at += line.len() + 1;
    }
    let mut block = Block { lines, next: 0 };
    let node = block.below(0, 0)?;
    block.line().is_none().then_some(node)
}

/// A line that is not blank.
#[derive(Clone, Copy)]
struct Line<'t> {
    indent: usize,
    content: &'t str,
    /// Where the content begins.
    at: usize,
}

/// The lines of a block, read from top to bottom.
struct Block<'t> {
    lines: Vec<Line<'t>>,
    next: usize,
}

impl<'t> Block<'t> {
    fn line(&self) -> Option<Line<'t>> {
        self.lines.get(self.next).copied()
    }

    /// The map or list that begins with the next line. `beside`: its dashes stand in the column of the key above.
    fn read(&mut self, indent: usize, beside: bool, depth: usize) -> Option<Node<'t>> {
        let first = self.line().filter(|line| line.indent == indent && depth < DEEPEST)?;
        if first.content.starts_with("- ") { self.list(first, beside, depth) } else { self.map(first, depth) }
    }

    fn list(&mut self, first: Line<'t>, beside: bool, depth: usize) -> Option<Node<'t>> {
        let mut items: Vec<Node<'t>> = Vec::new();
        while let Some(line) = self.line().filter(|line| line.indent == first.indent) {
            let Some(behind) = line.content.strip_prefix("- ") else { break };
            let content = behind.trim_start_matches(' ');
            let shift = line.content.len() - content.len();
            let inner = Line { indent: line.indent + shift, content, at: line.at + shift };
            if content.starts_with("- ") || key_of(content).is_some() {
                *self.lines.get_mut(self.next)? = inner; // the item's own first line begins behind the dash
                items.push(self.read(inner.indent, false, depth + 1)?);
            } else {
                items.push(read_item(content, inner.at)?);
                self.next += 1;
            }
            self.end_of_value(line.indent)?;
        }
        // The library lets a list beside its key begin with its first item, any other with its first dash.
        let start = if beside { items.first()?.span.start as usize } else { first.at };
        let end = items.last()?.span.end as usize;
        Some(Node { value: Value::List(items), span: Span::new(start, end) })
    }

    fn map(&mut self, first: Line<'t>, depth: usize) -> Option<Node<'t>> {
        let mut entries: Vec<(Node<'t>, Node<'t>)> = Vec::new();
        while let Some(line) = self.line().filter(|line| line.indent == first.indent) {
            let Some((name, behind)) = key_of(line.content) else { break };
            let is_again = |(key, _): &(Node<'t>, Node<'t>)| key.text() == Some(name);
            if entries.iter().any(is_again) {
                return None;
            }
            self.next += 1;
            let key = Node { value: Value::Text(name.into()), span: Span::new(line.at, line.at + name.len()) };
            let value = if behind.trim_start_matches(' ').is_empty() {
                self.below(line.indent, depth)?
            } else {
                read_line(behind, line.at + name.len() + 1)?
            };
            entries.push((key, value));
            self.end_of_value(line.indent)?;
        }
        let end = entries.last()?.1.span.end as usize;
        Some(Node { value: Value::Map(entries), span: Span::new(first.at, end) })
    }

    /// The value of a key whose line has none. (Where there is none below either, the library knows which place that has.)
    fn below(&mut self, indent: usize, depth: usize) -> Option<Node<'t>> {
        let line = self.line()?;
        let beside = line.indent == indent && line.content.starts_with("- ");
        (beside || line.indent > indent).then(|| self.read(line.indent, beside, depth + 1)).flatten()
    }

    /// A deeper line behind a value would be more of it.
    fn end_of_value(&self, indent: usize) -> Option<()> {
        self.line().is_none_or(|line| line.indent <= indent).then_some(())
    }
}

/// The plain key that a line begins with, and what stands behind its colon.
fn key_of(line: &str) -> Option<(&str, &str)> {
    let (name, behind) = line.split_once(':')?;
    let is_plain = name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !is_null(name);
    (is_plain && (behind.is_empty() || behind.starts_with(' '))).then_some((name, behind))
}

fn read_flow_list(text: &str, at: usize) -> Option<Node<'_>> {
    let inner = text.trim_end_matches(' ').strip_prefix('[')?.strip_suffix(']')?;
    if inner.is_empty() {
        return Some(Node { value: Value::List(Vec::new()), span: Span::new(at, at + 1) });
    }
    // In brackets more characters mean something than elsewhere.
    if inner.contains(['[', ']', '{', '}', ':', '#']) {
        return None;
    }
    let mut items = Vec::new();
    let mut start = at + 1;
    for part in inner.split(',') {
        items.push(read_item(part, start)?);
        start += part.len() + 1;
    }
    let end = items.last().map(|item| item.span.end as usize)?;
    Some(Node { value: Value::List(items), span: Span::new(at, end) })
}

/// An item of a list that is a plain scalar or a quoted one. (Where nothing stands, the library knows which place that
/// has.)
fn read_item(text: &str, base: usize) -> Option<Node<'_>> {
    let item = text.trim_start_matches(' ');
    let at = base + (text.len() - item.len());
    let node = match item.bytes().next()? {
        quote @ (b'"' | b'\'') => read_quoted(item, quote, at),
        byte if byte.is_ascii_alphanumeric() => read_plain(item, at),
        _ => None,
    };
    node.filter(|node| matches!(node.value, Value::Text(_)))
}

fn read_quoted(text: &str, quote: u8, at: usize) -> Option<Node<'_>> {
    let text = text.trim_end_matches(' ');
    let inner = text.strip_prefix(char::from(quote))?.strip_suffix(char::from(quote))?;
    let simple = inner.bytes().all(|byte| is_printable(byte) && byte != quote && byte != b'\\');
    simple.then(|| Node { value: Value::Text(inner.into()), span: Span::new(at, at + text.len()) })
}

fn read_plain(text: &str, at: usize) -> Option<Node<'_>> {
    let text = without_comment(text)?.trim_end_matches(' ');
    if text.ends_with(':') {
        return None;
    }
    let value = if is_null(text) { Value::Null } else { Value::Text(text.into()) };
    Some(Node { value, span: Span::new(at, at + text.len()) })
}

/// A plain scalar without the remark behind it. `None` where a character is not printable, or `: ` makes it a map.
fn without_comment(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    if !bytes.iter().copied().all(is_printable) {
        return None;
    }
    for at in memchr::memchr2_iter(b'#', b':', bytes) {
        match (bytes.get(at.wrapping_sub(1)), bytes.get(at), bytes.get(at + 1)) {
            (Some(b' '), Some(b'#'), _) => return text.get(..at),
            (_, Some(b':'), Some(b' ')) => return None,
            _ => {}
        }
    }
    Some(text)
}

/// ASCII only: the library alone knows which other characters end a line or may not stand in YAML at all.
fn is_printable(byte: u8) -> bool {
    (b' '..=b'~').contains(&byte)
}

fn is_null(text: &str) -> bool {
    matches!(text, "null" | "Null" | "NULL")
}

/// A value as the library gives it, before plain scalars get their spelling back.
#[derive(Debug)]
enum Raw {
    Null,
    /// A number or boolean: its text is in the source.
    Plain,
    Text(String),
    List(Vec<serde_yaml::Spanned<Raw>>),
    Map(Vec<(serde_yaml::Spanned<Raw>, serde_yaml::Spanned<Raw>)>),
}

fn node(raw: serde_yaml::Spanned<Raw>, text: &str, base: usize) -> Node<'_> {
    let range = byte_range(raw.referenced.span(), text);
    let spelling = || text.get(range.clone()).unwrap_or_default().trim_end();
    let mut end = range.end;
    let value = match raw.value {
        Raw::Null => Value::Null,
        Raw::Plain => Value::Text(spelling().into()),
        Raw::Text(read) => Value::Text(read.into()),
        Raw::List(items) => Value::List(items.into_iter().map(|item| node(item, text, base)).collect()),
        Raw::Map(entries) => Value::Map(
            entries.into_iter().map(|(key, value)| (node(key, text, base), node(value, text, base))).collect(),
        ),
    };
    if matches!(value, Value::Text(_)) {
        end = range.start + spelling().len();
    }
    let end = (base + end).max(end_of_last(&value));
    Node { value, span: Span::new(base + range.start, end) }
}

/// The library gives a list or map the range of its first character; it reaches to its last value.
fn end_of_last(value: &Value<'_>) -> usize {
    let last = match value {
        Value::List(items) => items.last(),
        Value::Map(entries) => entries.last().map(|(_, value)| value),
        Value::Null | Value::Text(_) => None,
    };
    last.map_or(0, |last| last.span.end as usize)
}

/// The byte range that the library states, held inside the text and on character boundaries whatever it says.
fn byte_range(span: serde_yaml::Span, text: &str) -> std::ops::Range<usize> {
    let start = span.byte_offset().and_then(|offset| usize::try_from(offset).ok()).unwrap_or(0);
    let start = boundary_before(text, start);
    let length = span.byte_len().and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
    start..boundary_behind(text, start.saturating_add(length)).max(start)
}

fn broken(error: &serde_yaml::Error, text: &str, base: usize) -> Broken {
    let message = error.to_string();
    let line = message.lines().next().unwrap_or("no YAML");
    // The library counts lines from the beginning of the value that it was given: in a message that would be a wrong place.
    let message = line.split_once(" at line ").map_or(line, |(what, _)| what).into();
    let at = error.location().map_or(0..0, |location| place_of(&location, text));
    Broken { message, span: Span::new(base + at.start, base + at.end) }
}

/// The range of an error. Those of the scanner have only a line and a column: then it is that one character.
fn place_of(location: &serde_yaml::Location, text: &str) -> std::ops::Range<usize> {
    let range = byte_range(location.span(), text);
    if range.end > 0 {
        return range;
    }
    let number = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
    let lines = text.split_inclusive('\n').take(number(location.line()).saturating_sub(1));
    let start = lines.map(str::len).sum::<usize>();
    let line = text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    let mut letters = line.char_indices().skip(number(location.column()).saturating_sub(1));
    letters.next().map_or(start..start, |(at, letter)| start + at..start + at + letter.len_utf8())
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any YAML value")
    }
    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }
    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }
    fn visit_i128<E: de::Error>(self, _: i128) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }
    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }
    fn visit_u128<E: de::Error>(self, _: u128) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }
    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(text.to_owned()))
    }
    fn visit_string<E: de::Error>(self, text: String) -> Result<Raw, E> {
        Ok(Raw::Text(text))
    }
    fn visit_unit<E: de::Error>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }
    fn visit_none<E: de::Error>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Raw::List(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Raw::Map(map))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn shown<'t>(text: &'t str, node: &Node<'_>) -> &'t str {
        text.get(node.span.range()).unwrap()
    }

    #[test]
    fn plain_scalars_keep_their_spelling_and_their_place() {
        let text = "plan: [02A, 08, 1.10, 09, true, 0x1F, 1e3, ~]  # why\n";
        let node = read(text, 0).unwrap();
        let items = node.get("plan").unwrap().items();
        let read: Vec<_> = items.iter().filter_map(Node::as_text).map(|item| item.value).collect();
        assert_eq!(
            read.iter().map(|item| &**item).collect::<Vec<_>>(),
            ["02A", "08", "1.10", "09", "true", "0x1F", "1e3"]
        );
        for item in items.iter().filter_map(Node::as_text) {
            assert_eq!(&text[item.span.range()], &*item.value);
        }
    }

    #[test]
    fn a_list_reaches_to_its_last_value() {
        let text = "wave: [1, 2]\n";
        assert_eq!(shown(text, read(text, 0).unwrap().get("wave").unwrap()), "[1, 2");
    }

    #[test]
    fn offsets_count_from_the_file_and_in_bytes() {
        let file = "é: x\nid: Ünï\n";
        let start = file.find("id").unwrap();
        let node = read(&file[start..], start).unwrap();
        assert_eq!(shown(file, node.get("id").unwrap()), "Ünï");
    }

    #[test]
    fn a_deep_value_and_a_bomb_are_refused() {
        assert!(read(&format!("a: {}", "[".repeat(5_000)), 0).is_err());
        let bomb = "a: [&x [1,1,1,1,1,1,1,1,1], &y [*x,*x,*x,*x,*x,*x,*x,*x], &z [*y,*y,*y,*y,*y,*y,*y,*y,*y], \
                    &w [*z,*z,*z,*z,*z,*z,*z,*z,*z], &v [*w,*w,*w,*w,*w,*w,*w,*w,*w], [*v,*v,*v,*v,*v,*v,*v,*v]]";
        assert!(read(bomb, 0).is_err());
    }

    #[test]
    fn the_message_of_a_broken_value_is_one_line_and_its_place_is_inside() {
        let text = "a: [1, 2\nb: }\n";
        let broken = read(text, 7).unwrap_err();
        assert_eq!(broken.message.lines().count(), 1);
        assert!(broken.span.end as usize <= 7 + text.len());
    }

    #[test]
    fn a_broken_value_is_found_where_it_breaks() {
        for (text, place) in [("é: 1\na: x: y\n", ":"), ("tasks: [\n", "[")] {
            let broken = read(text, 0).unwrap_err();
            assert_eq!(text.get(broken.span.range()), Some(place), "{broken:?}");
            assert!(!broken.message.contains("line"), "{}", broken.message);
        }
    }

    proptest! {
        /// The fast path may say "ask the library", but never anything else than the library.
        #[test]
        fn the_fast_path_reads_what_the_library_reads(value in "[ -~]{0,24}") {
            same_as_library(&value)?;
        }

        /// Made of what means something in YAML, so that it comes together often.
        #[test]
        fn the_fast_path_reads_sharp_values_as_the_library(parts in prop::collection::vec(prop::sample::select(SHARP), 0..8)) {
            same_as_library(&parts.concat())?;
        }
    }

    const SHARP: &[&str] = &[
        "a", "TASK-1", "08", "null", "true", " ", " ", ":", ": ", " #", "#", "-", "- ", "'", "\"", "\\", "[", "]",
        "[]", ",", "{", "}", "&", "*", "!", "|", ">", "%", "@", "`", "~", "?", ".", "\t", "é", "...", "---",
    ];

    fn same_as_library(value: &str) -> Result<(), TestCaseError> {
        let line = format!(" {value}");
        let Some(fast) = read_line(&line, 4) else { return Ok(()) };
        equal_to_library(&fast, &format!("key: {value}\n"))
    }

    fn equal_to_library(fast: &Node<'_>, text: &str) -> Result<(), TestCaseError> {
        let whole = read(text, 0).map_err(|broken| TestCaseError::fail(format!("{text:?}: {}", broken.message)))?;
        let slow = whole.get("key").cloned().unwrap();
        prop_assert_eq!(&fast.value, &slow.value, "{:?}", text);
        if matches!(&fast.value, Value::Text(_)) || !fast.items().is_empty() {
            prop_assert_eq!(fast.span, slow.span, "{:?}", text);
        }
        Ok(())
    }

    /// The items of a list, some of them of a kind that the library alone reads.
    fn item() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-z0-9]{1,3}",
            "\"[a-z ]{0,3}\"",
            "'[a-z,]{0,3}'",
            prop::sample::select(SHARP).prop_map(str::to_owned)
        ]
    }

    /// Lines of a block: keys, items, and what may stand behind them.
    fn block_line() -> impl Strategy<Value = String> {
        let dashes = prop::sample::select(&["", "", "- ", "- - ", "-  "][..]);
        let key = prop::sample::select(&["", "id: ", "tasks:", "a_1: ", "id:", "null: ", "x:y: "][..]);
        let value =
            prop_oneof![3 => Just(String::new()), 3 => "[a-z0-9]{1,3}", 1 => Just("[]".to_owned()), 1 => item()];
        let indent = prop::sample::select(&["", "", "  ", "  ", "    ", " "][..]);
        (indent, dashes, key, value).prop_map(|(indent, dashes, key, value)| format!("{indent}{dashes}{key}{value}\n"))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn blocks_are_read_as_the_library_reads_them(lines in prop::collection::vec(block_line(), 1..7)) {
            let lines = lines.concat();
            let (below, keyed) = (format!("\n{lines}"), format!("key:\n{lines}"));
            if let Some(fast) = read_block(&below, 4) {
                let whole = read(&keyed, 0);
                let whole = whole.map_err(|broken| TestCaseError::fail(format!("{lines:?}: {}", broken.message)))?;
                prop_assert_eq!(Some(&fast), whole.get("key"), "{:?}", lines);
            }
        }
    }

    proptest! {
        #[test]
        fn lists_in_brackets_are_read_as_the_library_reads_them(items in prop::collection::vec(item(), 0..4), gap in " {0,2}") {
            same_as_library(&format!("[{}]", items.join(&format!("{gap},{gap}"))))?;
        }

        #[test]
        fn lists_below_their_key_are_read_as_the_library_reads_them(
            indent in prop::sample::select(&["", "  ", "    "][..]),
            lines in prop::collection::vec(("-  {0,2}| {0,1}- ", item()), 1..4),
        ) {
            let lines: String = lines.iter().map(|(dash, item)| format!("{indent}{dash}{item}\n")).collect();
            let (text, list) = (format!("key:\n{lines}"), format!("\n{lines}"));
            for fast in [read_block_list(&list, 4), read_block(&list, 4)].into_iter().flatten() {
                equal_to_library(&fast, &text)?;
            }
        }
    }
}
