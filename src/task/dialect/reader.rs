//! Reads values of a frontmatter and collects the problems met on the way.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;
use std::path::Path;

use crate::task::frontmatter::Frontmatter;
use crate::task::yaml::{Broken, Node, Value};
use crate::task::{
    Code, Dialect, FeatureRef, NoWave, OwnCommand, OwnWork, Problem, RelPath, Severity, Span, Spanned, Standing, Task,
    Text, WaveLabel, body, boundary_before, wave, words,
};

/// How far into the body a title is looked for: a Markdown parser would read all of a body of 50 MB first.
const TITLE_WITHIN: usize = 64 << 10;

/// More of them say nothing new, and a file may hold a hundred thousand.
const MOST_DUPLICATES: usize = 16;

/// What is lost with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loss {
    /// The task's place in the plan: it must not run then.
    Place,
    /// Something that it can run without.
    Detail,
}

/// A value as the file has it.
pub(super) type Written<'t> = Spanned<Cow<'t, str>>;

/// Reads one frontmatter.
#[derive(Debug)]
pub(super) struct Reader<'t> {
    text: &'t str,
    frontmatter: Frontmatter<'t>,
    problems: Vec<Problem>,
    /// The title, where it was found before all else was read.
    pub(super) known_title: Option<Text>,
}

/// What a dialect found out itself; the rest of a [`Task`] is read the same way everywhere.
#[derive(Debug)]
pub(super) struct Found<'t> {
    pub(super) dialect: Dialect,
    pub(super) id: Option<Written<'t>>,
    pub(super) title: Text,
    pub(super) status: Option<Written<'t>>,
    pub(super) standing: Standing,
    /// What a person should know of that.
    pub(super) remark: Option<Text>,
    /// In what the id is unique; the workspace where there is none.
    pub(super) scope: Option<Text>,
    pub(super) is_archived: bool,
    pub(super) folder: Option<&'t str>,
    pub(super) wave: Option<Spanned<WaveLabel>>,
    pub(super) feature: FeatureRef,
    pub(super) feature_title: Option<Text>,
    pub(super) depends_on: Vec<Written<'t>>,
    pub(super) needs_person: Option<Written<'t>>,
    pub(super) mode: Option<Written<'t>>,
    pub(super) files: Vec<Written<'t>>,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str, frontmatter: Frontmatter<'t>) -> Self {
        Self { text, frontmatter, problems: Vec::new(), known_title: None }
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.frontmatter.has(key)
    }

    pub(super) fn has_any(&self, keys: &[&str]) -> bool {
        keys.iter().any(|key| self.has(key))
    }

    /// Was there a value that says where the task stands (its id, so far), and could not be read? Then the file must be
    /// told of, not passed over: somebody meant it to be a task.
    pub(super) fn has_lost_its_place(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// A scalar as text. Nothing for null and for the ways to write "nothing" (`none`, `N/A`).
    pub(super) fn text(&mut self, key: &str, loss: Loss) -> Option<Written<'t>> {
        let node = self.node(key, loss)?;
        match node.value {
            Value::Null => None,
            Value::Text(text) => {
                let text = trimmed(text);
                (!wave::is_absent(&text)).then(|| Spanned::new(text, node.span))
            }
            Value::List(_) | Value::Map(_) => {
                self.lost(key, node.span, loss, "it must be one value, not a list or a map");
                None
            }
        }
    }

    /// The first of these keys that has a value.
    pub(super) fn first_text(&mut self, keys: &[&str], loss: Loss) -> Option<Written<'t>> {
        keys.iter().find_map(|key| self.text(key, loss))
    }

    /// A title is text for people: what YAML rejects in it (an unquoted `: `) is read as it stands.
    pub(super) fn title(&self, key: &str) -> Option<Cow<'t, str>> {
        match self.frontmatter.value(key)? {
            Ok(node) => node.into_text().map(|text| trimmed(text.value)).filter(|title| !title.is_empty()),
            Err(_) => self.frontmatter.raw_line(key).map(|raw| raw.value.into()),
        }
    }

    /// The title from the frontmatter, else the first heading, else the id.
    pub(super) fn title_or_heading(&mut self, key: &str, id: Option<&Written<'t>>) -> Text {
        let known = self.known_title.take();
        let title = known.or_else(|| self.title(key).map(Text::from)).or_else(|| self.heading());
        title.or_else(|| id.map(|id| (*id.value).into())).unwrap_or_default()
    }

    /// The same where the text is the beginning of a file; `None` where more of it would have to be known.
    pub(super) fn title_in_beginning(&self, key: &str) -> Option<Text> {
        self.title(key).map(Text::from).or_else(|| self.heading_in_beginning())
    }

    /// The first heading of the body.
    pub(super) fn heading(&self) -> Option<Text> {
        body::first_heading(self.near(), self.frontmatter.body).map(|heading| heading.value.into())
    }

    /// The same, where nothing that may stand behind the text can change it.
    pub(super) fn heading_in_beginning(&self) -> Option<Text> {
        body::first_heading_in_beginning(self.near(), self.frontmatter.body).map(|heading| heading.value.into())
    }

    /// The text as far as a title may stand.
    fn near(&self) -> &'t str {
        let end = boundary_before(self.text, self.frontmatter.body + TITLE_WITHIN);
        self.text.get(..end).unwrap_or_default()
    }

    /// Where the body begins.
    pub(super) fn body_start(&self) -> usize {
        self.frontmatter.body
    }

    /// The beginning of the body, as far as a title may stand.
    pub(super) fn body(&self) -> &'t str {
        self.near().get(self.frontmatter.body..).unwrap_or_default()
    }

    /// A list of texts; one text is a list of one, or of several between commas. A map's item is meant by its `id`.
    pub(super) fn list(&mut self, key: &str, loss: Loss) -> Vec<Written<'t>> {
        let Some(node) = self.node(key, loss) else { return Vec::new() };
        let mut list = match node.value {
            Value::Null => Vec::new(),
            Value::Text(text) => split_at_commas(self.text, text, node.span),
            Value::List(items) => items.into_iter().filter_map(item_text).collect(),
            Value::Map(_) => {
                self.lost(key, node.span, loss, "it must be a list");
                Vec::new()
            }
        };
        list.retain(|item| !wave::is_absent(item.value.trim()));
        list
    }

    /// The ids of a list of dependencies, without the remarks behind them.
    pub(super) fn ids(&mut self, keys: &[&str]) -> Vec<Written<'t>> {
        let ids = keys.iter().flat_map(|key| self.list(key, Loss::Place)).map(without_remark);
        let mut ids: Vec<Written<'t>> = ids.collect();
        if ids.len() > 1 {
            // A set: a file may have thousands.
            let mut known = HashSet::with_capacity(ids.len());
            ids.retain(|id| known.insert(id.value.clone()));
        }
        ids
    }

    /// The declared wave: the first of these keys that has a value.
    pub(super) fn wave(&mut self, keys: &[&str]) -> Option<Spanned<WaveLabel>> {
        keys.iter().find_map(|key| self.wave_of(key))
    }

    fn wave_of(&mut self, key: &str) -> Option<Spanned<WaveLabel>> {
        let node = self.node(key, Loss::Place)?;
        let read = match &node.value {
            Value::Null => return None,
            Value::Text(text) => WaveLabel::read_shared(text),
            Value::List(_) | Value::Map(_) => Err(NoWave),
        };
        match read {
            Ok(label) => label.map(|label| Spanned::new(label, node.span)),
            Err(error) => {
                let written = self.text.get(node.span.range()).unwrap_or_default();
                let message = format!("`{key}: {written}` is read as no wave: {error}");
                self.problem(Code::InvalidWave, Severity::Warning, message, node.span);
                None
            }
        }
    }

    /// A number of minutes, from keys that hold minutes or hours.
    pub(super) fn minutes(&mut self) -> Option<f64> {
        let minutes = self.number("estimated_minutes");
        minutes.or_else(|| Some(60.0 * self.number("estimated_hours").or_else(|| self.number("estimate_hours"))?))
    }

    fn number(&mut self, key: &str) -> Option<f64> {
        let number: f64 = self.text(key, Loss::Detail)?.value.parse().ok()?;
        (number.is_finite() && number > 0.0).then_some(number)
    }

    /// The place of a value that is not this word.
    pub(super) fn is_other_than(&mut self, key: &str, word: &str) -> Option<Span> {
        let value = self.text(key, Loss::Detail)?;
        (value.value != word).then_some(value.span)
    }

    fn own_work(&mut self) -> Option<Box<OwnWork>> {
        let own = OwnWork {
            run: self.command(),
            verify: self.commands(),
            agent: self.text("agent", Loss::Detail).map(kept),
            model: self.text("model", Loss::Detail).map(kept),
        };
        (own != OwnWork::default()).then(|| Box::new(own))
    }

    fn command(&mut self) -> Option<Spanned<OwnCommand>> {
        let node = self.node("run", Loss::Detail)?;
        Some(Spanned::new(own_command(&node)?, node.span))
    }

    /// `verify:`: one line, or a list whose items are lines or argument vectors.
    fn commands(&mut self) -> Option<Spanned<Vec<OwnCommand>>> {
        let node = self.node("verify", Loss::Detail)?;
        let commands: Vec<OwnCommand> = match &node.value {
            Value::Text(line) if !line.trim().is_empty() => vec![OwnCommand::Line((**line).into())],
            Value::List(items) => items.iter().filter_map(own_command).collect(),
            _ => Vec::new(),
        };
        (!commands.is_empty()).then(|| Spanned::new(commands, node.span))
    }

    fn node(&mut self, key: &str, loss: Loss) -> Option<Node<'t>> {
        match self.frontmatter.value(key)? {
            Ok(node) => Some(node),
            Err(broken) => {
                self.broken(key, &broken, loss);
                None
            }
        }
    }

    fn broken(&mut self, key: &str, broken: &Broken, loss: Loss) {
        let span = if broken.span.start == broken.span.end {
            self.frontmatter.key_span(key).unwrap_or(broken.span)
        } else {
            broken.span
        };
        self.lost(key, span, loss, &broken.message);
    }

    fn lost(&mut self, key: &str, span: Span, loss: Loss, why: &str) {
        let severity = match loss {
            Loss::Place => Severity::Error,
            Loss::Detail => Severity::Warning,
        };
        self.problem(Code::InvalidFrontmatter, severity, format!("the value of `{key}` cannot be read: {why}"), span);
    }

    pub(super) fn problem(&mut self, code: Code, severity: Severity, message: impl Into<Box<str>>, span: Span) {
        let problem = Problem { code, severity, message: message.into(), span, related: Vec::new() };
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// The place of a key's name, else the beginning of the file.
    pub(super) fn key_span(&self, key: &str) -> Span {
        self.frontmatter.key_span(key).unwrap_or_default()
    }

    /// Makes the task, with what every dialect reads the same way.
    pub(super) fn finish(mut self, file: &RelPath, found: Found<'t>) -> Task {
        let own = self.own_work();
        let estimated_minutes = self.minutes();
        let complexity = self.text("complexity", Loss::Detail);
        self.tell_about_the_block(file, &found);
        let id_span = found.id.as_ref().map(|id| id.span);
        let anchor = found.wave.as_ref().map(|wave| wave.span).or(id_span).unwrap_or_default();
        self.problems.sort_by_key(|problem| problem.span);
        Task {
            file: file.clone(),
            dialect: found.dialect,
            id: found.id.as_ref().map(words::shared_at),
            title: found.title,
            status: found.status.as_ref().map(words::shared_at),
            standing: found.standing,
            remark: found.remark,
            scope: found.scope,
            is_archived: found.is_archived,
            folder: found.folder.map(words::shared),
            wave: found.wave,
            feature: found.feature,
            feature_title: found.feature_title,
            depends_on: found.depends_on.iter().map(words::shared_at).collect(),
            needs_person: found.needs_person.as_ref().map(words::shared_at),
            mode: found.mode.as_ref().map(words::shared_at),
            own,
            files: found.files.into_iter().map(kept).collect(),
            estimated_minutes,
            complexity: complexity.map(|text| words::shared(&text.value)),
            anchor,
            problems: self.problems,
        }
    }

    fn tell_about_the_block(&mut self, file: &Path, found: &Found<'t>) {
        if let Some(opening) = self.frontmatter.unclosed {
            let message = "the frontmatter has no closing `---`: other tools see no task here";
            self.problem(Code::InvalidFrontmatter, Severity::Error, message, opening);
        }
        let duplicates = self.frontmatter.duplicates().take(MOST_DUPLICATES);
        let duplicates: Vec<_> = duplicates.map(|(key, second, first)| (key.to_owned(), second, first)).collect();
        for (key, second, first) in duplicates {
            let message = format!("`{key}` stands twice; the first one counts");
            self.problem(Code::InvalidFrontmatter, Severity::Warning, message, second);
            if let Some(problem) = self.problems.last_mut() {
                let place = crate::task::Place { file: file.into(), span: first };
                problem.related.push((place, "the first one".into()));
            }
        }
        self.tell_about_the_id(found);
    }

    fn tell_about_the_id(&mut self, found: &Found<'t>) {
        match &found.id {
            None if self.problems.iter().any(|problem| problem.severity == Severity::Error) => {}
            None => {
                let message = "this task has no id; give it one, such as `id: TASK-001`";
                self.problem(Code::MissingId, Severity::Error, message, Span::default());
            }
            Some(id) => {
                if let Err(error) = crate::task::TaskId::check(&id.value) {
                    self.problem(Code::UnsafeId, Severity::Error, error.to_string(), id.span);
                }
            }
        }
    }
}

/// A value with a text of its own.
fn kept(written: Written<'_>) -> Spanned<Text> {
    written.map(Text::from)
}

fn own_command(node: &Node<'_>) -> Option<OwnCommand> {
    match &node.value {
        Value::Text(line) if !line.trim().is_empty() => Some(OwnCommand::Line((**line).into())),
        Value::List(items) => {
            let argv: Option<Vec<_>> = items.iter().map(|item| item.text().map(Text::from)).collect();
            argv.filter(|argv| !argv.is_empty()).map(OwnCommand::Argv)
        }
        _ => None,
    }
}

fn trimmed(text: Cow<'_, str>) -> Cow<'_, str> {
    let ends = (text.bytes().next(), text.bytes().next_back());
    if let (Some(b'!'..=b'~'), Some(b'!'..=b'~')) = ends {
        return text;
    }
    let start = text.len() - text.trim_start().len();
    let end = start + text.trim().len();
    part(text, start..end)
}

/// A part of a text, copied only where the whole was.
fn part(text: Cow<'_, str>, range: Range<usize>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.get(range).unwrap_or_default()),
        Cow::Owned(text) if range.len() == text.len() => Cow::Owned(text),
        Cow::Owned(text) => Cow::Owned(text.get(range).unwrap_or_default().to_owned()),
    }
}

/// An item of a list of ids or files: text, or a map that has it under a usual name (`- id: A`), or a map whose only key
/// it is (`- A: why`).
fn item_text(item: Node<'_>) -> Option<Written<'_>> {
    let named = ["id", "task", "task_id", "path", "file"].iter().find_map(|name| item.get(name));
    if let Some(named) = named {
        return named.clone().into_text();
    }
    match item.value {
        Value::Map(entries) => entries.into_iter().next().and_then(|(key, _)| key.into_text()),
        _ => item.into_text(),
    }
}

/// `A, B` as one text is a list that lacks its brackets.
fn split_at_commas<'t>(source: &'t str, text: Cow<'t, str>, span: Span) -> Vec<Written<'t>> {
    let Some(source) = source.get(span.range()).filter(|source| **source == *text) else {
        return text.split(',').map(|part| Spanned::new(part.trim().to_owned().into(), span)).collect();
    };
    let mut at = span.start as usize;
    let mut parts = Vec::new();
    for part in source.split(',') {
        let start = at + (part.len() - part.trim_start().len());
        parts.push(Spanned::new(part.trim().into(), Span::new(start, start + part.trim().len())));
        at += part.len() + 1;
    }
    parts
}

/// `TASK-X (completed)` means `TASK-X`.
fn without_remark(item: Written<'_>) -> Written<'_> {
    let whole = item.value.trim();
    let id = whole.split(char::is_whitespace).next().unwrap_or_default().trim_end_matches([':', ',', ';']);
    if id.len() == item.value.len() || id.is_empty() {
        return item;
    }
    // The range of a quoted text begins with its quote, so it only shrinks where the text stands there plainly.
    let plain = (item.span.end - item.span.start) as usize == item.value.len();
    let start = item.span.start as usize;
    let span = if plain { Span::new(start, start + id.len()) } else { item.span };
    let before = item.value.len() - item.value.trim_start().len();
    let range = before..before + id.len();
    Spanned::new(part(item.value, range), span)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    fn reader(text: &str) -> Reader<'_> {
        Reader::new(text, Frontmatter::find(text).unwrap())
    }

    #[test]
    fn dependencies_are_read_in_every_way_they_are_written() {
        let text = "---\ndependencies:\n  - TASK-A (completed)\n  - \"TASK-B\"\n  - id: TASK-C\n  - TASK-D: after the talk\n  - null\ndepends_on: TASK-E, TASK-A\nblocked_by: [09, 10]\n---\n";
        let ids = reader(text).ids(&["dependencies", "depends_on", "blocked_by"]);
        let names: Vec<_> = ids.iter().map(|id| &*id.value).collect();
        assert_eq!(names, ["TASK-A", "TASK-B", "TASK-C", "TASK-D", "TASK-E", "09", "10"]);
        assert_eq!(&text[ids[0].span.range()], "TASK-A");
        assert_eq!(&text[ids[4].span.range()], "TASK-E");
        assert_eq!(&text[ids[5].span.range()], "09");
    }

    #[test]
    fn the_ways_to_write_nothing_are_nothing() {
        for nothing in ["null", "~", "none", "N/A", "", "''"] {
            let text = format!("---\nfeature: {nothing}\n---\n");
            assert_eq!(reader(&text).text("feature", Loss::Detail), None, "{nothing}");
        }
    }

    #[test]
    fn the_first_key_with_a_wave_counts_and_what_is_none_is_told() {
        let text = "---\nwave: [1, 2]\nparallel_group: wave-2\n---\n";
        let mut reader = reader(text);
        assert_eq!(reader.wave(&["wave", "parallel_group"]).unwrap().value.as_str(), "2");
        let [problem] = reader.problems.as_slice() else { panic!("{:?}", reader.problems) };
        assert_eq!((problem.code, problem.severity), (Code::InvalidWave, Severity::Warning));
    }

    #[test]
    fn hours_become_minutes() {
        assert_eq!(reader("---\nestimated_hours: 1.5\n---\n").minutes(), Some(90.0));
        assert_eq!(reader("---\nestimated_minutes: 20\nestimated_hours: 3\n---\n").minutes(), Some(20.0));
        assert_eq!(reader("---\nestimated_minutes: 2-3 hours\n---\n").minutes(), None);
    }
}
