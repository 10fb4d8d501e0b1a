//! GuardKit's feature file, `.guardkit/features/FEAT-*.yaml`: the feature's own statement of its waves and task files.

use super::dialect::standing_in_feature_file;
use super::frontmatter::Frontmatter;
use super::yaml::{self, Broken, Node, Value};
use super::{Code, Problem, RelPath, Severity, Span, Spanned, Standing, Text};

/// What a feature file says.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureFile {
    /// The file, relative to the workspace root.
    pub file: RelPath,
    /// `id`; the file's stem where it has none.
    pub id: Spanned<Text>,
    /// `name`.
    pub name: Option<Text>,
    /// `tasks`, in the order of the file.
    pub tasks: Vec<FeatureTask>,
    /// `orchestration.parallel_groups`: the ids of each wave in order. The first group is wave 1.
    pub waves: Vec<Vec<Spanned<Text>>>,
    /// Problems of this file alone.
    pub problems: Vec<Problem>,
}

/// One entry of a feature file's `tasks`.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureTask {
    /// `id`.
    pub id: Spanned<Text>,
    /// `name`.
    pub name: Option<Text>,
    /// `file_path`, relative to the workspace root, as written. The file need not exist (tasks move to other folders).
    pub file_path: Option<Spanned<Text>>,
    /// `dependencies`.
    pub depends_on: Option<Vec<Spanned<Text>>>,
    /// `status`, as written.
    pub status: Option<Spanned<Text>>,
    /// What the status means.
    pub standing: Standing,
    /// `implementation_mode`.
    pub mode: Option<Spanned<Text>>,
    /// `estimated_minutes`.
    pub estimated_minutes: Option<f64>,
    /// The whole entry.
    pub span: Span,
}

const KEYS: [&str; 4] = ["id", "name", "tasks", "orchestration"];

impl FeatureFile {
    /// Reads the text of a feature file. Total: what cannot be read is a problem.
    pub fn parse(file: &RelPath, text: &str) -> Self {
        let (node, problems) = match read_known_keys(text) {
            Some(node) => (node, Vec::new()),
            None => match yaml::read(text, 0) {
                Ok(node) => (node, Vec::new()),
                Err(broken) => read_by_key(text, &broken),
            },
        };
        let stem = || file.file_stem().map(|stem| stem.to_string_lossy().into()).unwrap_or_default();
        let text_of = |key| node.get(key).and_then(Node::as_text);
        let groups = node.get("orchestration").and_then(|orchestration| orchestration.get("parallel_groups"));
        Self {
            file: file.clone(),
            id: text_of("id").unwrap_or_else(|| Spanned::new(stem(), Span::default())),
            name: text_of("name").map(|name| name.value),
            tasks: node.get("tasks").map(Node::items).unwrap_or_default().iter().filter_map(task).collect(),
            waves: groups.map(Node::items).unwrap_or_default().iter().map(ids).collect(),
            problems,
        }
    }
}

/// The keys that matter, of a file that is written as all are: a key a line, in column 0. `None` leaves it to the library.
fn read_known_keys(text: &str) -> Option<Node<'_>> {
    let keys = Frontmatter::of_yaml(text);
    let mut entries = Vec::new();
    for key in KEYS {
        let Some(value) = keys.value(key) else { continue };
        let name = Node { value: Value::Text(key.into()), span: keys.key_span(key).unwrap_or_default() };
        entries.push((name, value.ok()?));
    }
    (!entries.is_empty()).then(|| Node { value: Value::Map(entries), span: Span::default() })
}

/// Where the whole is no YAML its keys are read alone, as those of a task are: a broken name must not cost the waves.
fn read_by_key<'t>(text: &'t str, whole: &Broken) -> (Node<'t>, Vec<Problem>) {
    let keys = Frontmatter::of_yaml(text);
    let mut entries = Vec::new();
    let mut problems = Vec::new();
    for key in KEYS {
        let Some(read) = keys.value(key) else { continue };
        let name = Node { value: Value::Text(key.into()), span: keys.key_span(key).unwrap_or_default() };
        match (read, keys.raw_line(key)) {
            (Ok(node), _) => entries.push((name, node)),
            (Err(_), Some(raw)) if key == "name" => {
                entries.push((name, Node { value: Value::Text(raw.value.into()), span: raw.span }));
            }
            (Err(broken), _) => problems.push(unreadable(&format!("the value of `{key}`"), &broken)),
        }
    }
    if entries.is_empty() && problems.is_empty() {
        problems.push(unreadable("the feature file", whole));
    }
    (Node { value: Value::Map(entries), span: Span::default() }, problems)
}

fn unreadable(what: &str, broken: &Broken) -> Problem {
    Problem {
        code: Code::InvalidFrontmatter,
        severity: Severity::Warning,
        message: format!("{what} cannot be read: {}", broken.message).into(),
        span: broken.span,
        related: Vec::new(),
    }
}

fn task(entry: &Node<'_>) -> Option<FeatureTask> {
    let text_of = |key| entry.get(key).and_then(Node::as_text);
    let status = text_of("status");
    let minutes = text_of("estimated_minutes").and_then(|minutes| minutes.value.parse::<f64>().ok());
    Some(FeatureTask {
        id: text_of("id")?,
        name: text_of("name").map(|name| name.value),
        file_path: text_of("file_path"),
        depends_on: entry.get("dependencies").filter(|node| matches!(node.value, Value::List(_))).map(ids),
        standing: status.as_ref().map_or(Standing::Open, |status| standing_in_feature_file(&status.value)),
        status,
        mode: text_of("implementation_mode"),
        estimated_minutes: minutes.filter(|minutes| minutes.is_finite() && *minutes > 0.0),
        span: entry.span,
    })
}

/// A list of ids; one id is a list of one.
fn ids(node: &Node<'_>) -> Vec<Spanned<Text>> {
    match &node.value {
        Value::List(items) => items.iter().filter_map(Node::as_text).collect(),
        _ => node.as_text().into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use std::path::Path;

    use super::*;

    const TEXT: &str = "id: FEAT-1\nname: Ünder: way\ntasks:\n- id: T-1\n  file_path: tasks/backlog/x/T-1.md\n  dependencies: []\n  status: completed\n  estimated_minutes: 22\n- id: T-2\n  dependencies:\n  - T-1\n  status: deferred\norchestration:\n  parallel_groups:\n  - - T-1\n  - [T-2]\n";

    #[test]
    fn reads_tasks_and_waves_with_their_places() {
        let text = TEXT.replace("Ünder: way", "Ünder way");
        let file = FeatureFile::parse(&Path::new(".guardkit/features/FEAT-1.yaml").into(), &text);
        assert_eq!(file.problems, []);
        assert_eq!((&*file.id.value, file.name.as_deref()), ("FEAT-1", Some("Ünder way")));
        assert_eq!(file.tasks[0].standing, Standing::Done);
        assert_eq!(file.tasks[1].standing, Standing::Deferred);
        assert_eq!(file.tasks[0].estimated_minutes, Some(22.0));
        let waves: Vec<Vec<_>> = file.waves.iter().map(|wave| wave.iter().map(|id| &*id.value).collect()).collect();
        assert_eq!(waves, [["T-1"], ["T-2"]]);
        assert_eq!(&text[file.waves[1][0].span.range()], "T-2");
        assert_eq!(&text[file.tasks[1].depends_on.as_ref().unwrap()[0].span.range()], "T-1");
    }

    #[test]
    fn a_broken_value_costs_that_value_only() {
        let read = |text: &str| FeatureFile::parse(&Path::new("FEAT-9.yaml").into(), text);
        let file = read(TEXT);
        assert_eq!(file.problems, []);
        assert_eq!((&*file.id.value, file.name.as_deref()), ("FEAT-1", Some("Ünder: way")));
        assert_eq!((file.tasks.len(), file.waves.len()), (2, 2));
        assert_eq!(&TEXT[file.waves[1][0].span.range()], "T-2");

        let broken = TEXT.replace("dependencies: []", "dependencies: [");
        let file = read(&broken);
        assert_eq!((file.tasks.len(), file.waves.len()), (0, 2));
        assert!(file.problems[0].message.starts_with("the value of `tasks` cannot be read"));
        assert_eq!(file.problems.len(), 1);
    }

    #[test]
    fn a_broken_feature_file_is_a_problem_and_keeps_its_name() {
        let file = FeatureFile::parse(&Path::new("FEAT-9.yaml").into(), "{ no: yaml");
        assert_eq!(&*file.id.value, "FEAT-9");
        assert_eq!(file.problems.len(), 1);
    }
}
