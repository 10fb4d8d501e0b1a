//! Reads the values that people and programs write most, without the library, which takes a hundred times longer over a
//! value: a large workspace has a million of them. Property tests hold both readers equal.

use std::borrow::Cow;

use super::{DEEPEST, Node, Value};
use crate::task::Span;

/// Reads what stands behind `key:` on a line, where that is all of the value and needs no library: nothing, a plain
/// scalar, a quoted one whose escapes are common, or a list of such in brackets. `None` leaves it to the library.
pub(in crate::task) fn read_line(value: &str, base: usize) -> Option<Node<'_>> {
    let start = value.len() - value.trim_start_matches(' ').len();
    let text = value.get(start..)?;
    let at = base + start;
    let first = text.bytes().next();
    match first {
        None => Some(Node { value: Value::Null, span: Span::new(base, base) }),
        Some(quote @ (b'"' | b'\'')) => read_quoted(text, quote, at),
        Some(b'[') => read_flow_list(text, at),
        Some(byte) if begins_plain(byte) => read_plain(text, at),
        Some(_) => None,
    }
}

/// Reads a plain scalar that begins with the rest of its key's line and goes on below it, or one that stands folded below
/// it (`>-`): how programs write a long title. `None` leaves it to the library.
pub(in crate::task) fn read_plain_over_lines<'t>(line: &'t str, below: &'t str, base: usize) -> Option<Node<'t>> {
    let start = line.len() - line.trim_start_matches(' ').len();
    let (first, at) = (line.get(start..)?, base + start);
    let mut block = Block::of(below, base + line.len());
    let node = if first == ">-" {
        // Blanks in an empty line behind it would count.
        let end = base + line.len() + below.trim_end_matches('\n').len();
        block.folded(base + line.len()).filter(|node| node.span.end as usize == end)
    } else {
        block.scalar(read_line(line, base)?, first, at, 0)
    }?;
    block.line().is_none().then_some(node)
}

/// Reads a list that stands below its key, an item a line, where each item needs no library. `None` leaves it to the
/// library.
pub(in crate::task) fn read_block_list(text: &str, base: usize) -> Option<Node<'_>> {
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
pub(in crate::task) fn read_block(text: &str, base: usize) -> Option<Node<'_>> {
    let mut block = Block::of(text, base);
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

impl Line<'_> {
    /// Where it ends, if no blank line stands between it and the one that ends there.
    fn follows(&self, end_of_line: usize) -> Option<usize> {
        (self.at - self.indent == end_of_line + 1).then_some(self.at + self.content.len())
    }
}

/// The lines of a block, read from top to bottom.
struct Block<'t> {
    lines: Vec<Line<'t>>,
    next: usize,
}

impl<'t> Block<'t> {
    fn of(text: &'t str, base: usize) -> Self {
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
        Self { lines, next: 0 }
    }

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
                self.next += 1;
                items.push(self.scalar(read_item(content, inner.at)?, content, inner.at, line.indent)?);
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
                let at = line.at + name.len() + 1;
                self.scalar(read_line(behind, at)?, behind, at, line.indent)?
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

    /// A value whose first line says this, with the deeper lines behind it that are more of a plain scalar.
    fn scalar(&mut self, first: Node<'t>, written: &'t str, at: usize, indent: usize) -> Option<Node<'t>> {
        if self.line().is_none_or(|line| line.indent <= indent) {
            return Some(first);
        }
        let mut joined = part_of_plain(written)?.to_owned();
        let mut end_of_line = at + written.len();
        let mut end = first.span.end as usize;
        while let Some(line) = self.line().filter(|line| line.indent > indent) {
            let part = part_of_plain(line.content)?;
            joined.push(' ');
            joined.push_str(part);
            end = line.at + part.len();
            end_of_line = line.follows(end_of_line)?;
            self.next += 1;
        }
        Some(Node { value: Value::Text(joined.into()), span: Span::new(first.span.start as usize, end) })
    }

    /// All lines as one, without the line's end behind them: where none is deeper than the first, and none is blank.
    fn folded(&mut self, mut end_of_line: usize) -> Option<Node<'t>> {
        let first = self.line().filter(|line| line.indent > 0)?;
        let mut parts = Vec::new();
        while let Some(line) = self.line() {
            if line.indent != first.indent || !is_printable(line.content) || line.content.ends_with(' ') {
                return None;
            }
            parts.push(line.content);
            end_of_line = line.follows(end_of_line)?;
            self.next += 1;
        }
        Some(Node { value: Value::Text(parts.join(" ").into()), span: Span::new(first.at, end_of_line) })
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
        byte if begins_plain(byte) => read_plain(item, at),
        _ => None,
    };
    node.filter(|node| matches!(node.value, Value::Text(_)))
}

fn read_quoted(text: &str, quote: u8, at: usize) -> Option<Node<'_>> {
    let text = text.trim_end_matches(' ');
    let inner = text.strip_prefix(char::from(quote))?.strip_suffix(char::from(quote))?;
    if !is_printable(inner) {
        return None;
    }
    let value = if quote == b'"' { without_escapes(inner) } else { without_doubled_quotes(inner) }?;
    Some(Node { value: Value::Text(value), span: Span::new(at, at + text.len()) })
}

/// A quote inside single quotes stands twice; one that stands alone ends them.
fn without_doubled_quotes(inner: &str) -> Option<Cow<'_, str>> {
    if !inner.contains('\'') {
        return Some(inner.into());
    }
    let all_doubled = inner.split("''").all(|part| !part.contains('\''));
    all_doubled.then(|| inner.replace("''", "'").into())
}

/// The escapes that programs write for what is no ASCII, and for the two characters that need one.
fn without_escapes(inner: &str) -> Option<Cow<'_, str>> {
    if !inner.contains(['"', '\\']) {
        return Some(inner.into());
    }
    let mut read = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = rest.find(['"', '\\']) {
        read.push_str(rest.get(..at)?);
        // A quote without an escape ends the value.
        let escape = rest.get(at..)?.strip_prefix('\\')?;
        let (char, length) = match escape.chars().next()? {
            same @ ('"' | '\\') => (same, 1),
            'u' => (escaped(escape.get(1..5)?)?, 5),
            _ => return None,
        };
        read.push(char);
        rest = escape.get(length..)?;
    }
    read.push_str(rest);
    Some(read.into())
}

fn escaped(hex: &str) -> Option<char> {
    let is_hex = hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    let char = char::from_u32(u32::from_str_radix(hex, 16).ok().filter(|_| is_hex)?)?;
    is_printable_char(char).then_some(char)
}

fn read_plain(text: &str, at: usize) -> Option<Node<'_>> {
    let text = without_comment(text)?.trim_end_matches(' ');
    if text.ends_with(':') || is_no_finite_number(text) {
        return None;
    }
    let value = if is_null(text) { Value::Null } else { Value::Text(text.into()) };
    Some(Node { value, span: Span::new(at, at + text.len()) })
}

/// A line of a plain scalar that has several; a remark would end it.
fn part_of_plain(text: &str) -> Option<&str> {
    let part = text.trim_matches(' ');
    let is_plain = part.bytes().next().is_some_and(begins_plain) && !part.ends_with(':');
    (is_plain && without_comment(part)?.len() == part.len()).then_some(part)
}

/// May a plain scalar begin so? (It may begin with more, which the library knows.)
fn begins_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/' | b'_' | b'(')
}

/// A plain scalar without the remark behind it. `None` where a character is not printable, or `: ` makes it a map.
fn without_comment(text: &str) -> Option<&str> {
    if !is_printable(text) {
        return None;
    }
    let bytes = text.as_bytes();
    for at in memchr::memchr2_iter(b'#', b':', bytes) {
        match (bytes.get(at.wrapping_sub(1)), bytes.get(at), bytes.get(at + 1)) {
            (Some(b' '), Some(b'#'), _) => return text.get(..at),
            (_, Some(b':'), Some(b' ')) => return None,
            _ => {}
        }
    }
    Some(text)
}

fn is_printable(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~')) || text.chars().all(is_printable_char)
}

/// Without those that end a line, are blank, or may not stand in YAML at all (YAML 1.2.2, section 5.1).
fn is_printable_char(char: char) -> bool {
    match char {
        ' '..='~' => true,
        '\u{a1}'.. => !char.is_whitespace() && !matches!(char, '\u{feff}' | '\u{fffe}' | '\u{ffff}'),
        _ => false,
    }
}

/// The library may refuse these.
fn is_no_finite_number(text: &str) -> bool {
    text.starts_with('.') && [".inf", ".nan"].iter().any(|number| text.eq_ignore_ascii_case(number))
}

fn is_null(text: &str) -> bool {
    matches!(text, "null" | "Null" | "NULL")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::super::read;
    use super::*;

    proptest! {
        /// The fast path may say "ask the library", but never anything else than the library.
        #[test]
        fn the_fast_path_reads_what_the_library_reads(value in "[ -~\u{80}-\u{10ffff}]{0,24}|[ -~]{0,24}|\"(\\\\u[0-9a-f]{4}|[ -~]){0,9}\"") {
            same_as_library(&value)?;
        }

        /// Made of what means something in YAML, so that it comes together often.
        #[test]
        fn the_fast_path_reads_sharp_values_as_the_library(parts in prop::collection::vec(prop::sample::select(SHARP), 0..8)) {
            same_as_library(&parts.concat())?;
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn scalars_over_several_lines_are_read_as_the_library_reads_them(
            first in prop_oneof![2 => Just(">-".to_owned()), 3 => words(), 1 => item()],
            more in prop::collection::vec((prop::sample::select(&["  ", "  ", "  ", " ", "    ", ""][..]), words()), 1..4),
        ) {
            let more: String = more.iter().map(|(indent, words)| format!("{indent}{words}\n")).collect();
            let (line, below) = (format!(" {first}"), format!("\n{more}"));
            if let Some(fast) = read_plain_over_lines(&line, &below, 4) {
                equal_to_library(&fast, &format!("key:{line}{below}"))?;
            }
        }
    }

    /// A line of a title, now and then with what means something in YAML; it may be blank.
    fn words() -> impl Strategy<Value = String> {
        let word = prop_oneof![9 => "[a-zé]{1,4}", 1 => prop::sample::select(SHARP).prop_map(str::to_owned)];
        prop::collection::vec(word, 0..5).prop_map(|words| words.join(" "))
    }

    const SHARP: &[&str] = &[
        "a", "TASK-1", "08", "null", "true", " ", " ", ":", ": ", " #", "#", "-", "- ", "'", "\"", "\\", "[", "]",
        "[]", ",", "{", "}", "&", "*", "!", "|", ">", "%", "@", "`", "~", "?", ".", "\t", "é", "...", "---", "/", "(",
        "_", "—", "\'\'", "\\u2014", "\\\"", "\u{a0}", "\u{85}", "\u{2028}", "\u{feff}", ".inf", ".5",
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
        let value = prop_oneof![
            3 => Just(String::new()),
            3 => "[a-z0-9]{1,3}",
            1 => "[a-z]{1,3} [a-z]{1,3} ",
            1 => Just("[]".to_owned()),
            1 => item()
        ];
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
