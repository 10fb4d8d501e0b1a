//! One YAML value with the range of each scalar, as text.
//!
//! The library reads the structure; the spelling of plain scalars is taken from the source, because `02A`, `08` and
//! `1.10` are ids and must not become numbers. What is written most is read without the library ([`scan`]). Text stays where
//! it stands: who keeps a value makes a copy, and most values are only looked at.

mod scan;

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};

use super::{Span, Spanned, Text, boundary_before, boundary_behind};
pub(super) use scan::{read_block, read_block_list, read_line, read_plain_over_lines};

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
}
