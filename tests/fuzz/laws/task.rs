//! Any bytes in, a task and problems out: never a panic, and every range inside the file.

use std::path::Path;

use feature_build::task::{
    self, Body, Dialect, Extent, FeatureFile, FromBeginning, OwnKeys, RelPath, Spanned, Surroundings, Task, Text,
};

use super::assert_inside;

const PLACES: [(&str, Dialect); 4] = [
    ("tasks/backlog/f/T.md", Dialect::GuardKit),
    (".planning/phases/01-x/01-01-PLAN.md", Dialect::Gsd),
    ("backlog/tasks/t.md", Dialect::BacklogMd),
    ("own/t.md", Dialect::Own),
];

pub fn law(bytes: &[u8]) {
    let text = task::decode(bytes);
    assert_eq!(text.len(), bytes.len(), "every byte keeps its offset");
    task::extent(bytes);
    check_body(&text);
    let keys = OwnKeys::default();
    let around = Surroundings { own: Some(&keys), ..Surroundings::default() };
    for (file, dialect) in PLACES {
        let file: RelPath = Path::new(file).into();
        let task = task::parse(&file, &text, dialect, &around);
        if let Some(task) = &task {
            check_task(task, &text);
        }
        check_beginnings(&file, &text, dialect, &around, task.as_ref());
    }
    check_feature_file(&text);
    task::read_backlog_config(&text);
    task::read_milestone(&text);
    task::read_summary(&text);
}

fn check_task(task: &Task, text: &str) {
    for problem in &task.problems {
        assert_inside(problem.span, text);
        problem.related.iter().for_each(|(place, _)| assert_inside(place.span, text));
    }
    assert_inside(task.anchor, text);
    let id = task.id.iter().filter(|_| task.dialect != Dialect::Gsd);
    id.chain(&task.status).chain(&task.depends_on).chain(&task.mode).chain(&task.files).for_each(|value| {
        assert_inside(value.span, text);
        check_plain(value, text);
    });
}

/// What the beginning of a file tells is what the whole file tells, wherever in the body it ends.
fn check_beginnings(file: &RelPath, text: &str, dialect: Dialect, around: &Surroundings<'_>, whole: Option<&Task>) {
    const ENDS: usize = 9;
    let Extent::Closed(body) = task::extent(text.as_bytes()) else { return };
    for end in (body..=text.len()).step_by((text.len() - body) / ENDS + 1) {
        let beginning = task::decode(&text.as_bytes()[..end]);
        if let FromBeginning::Known(task) = task::parse_beginning(file, &beginning, dialect, around) {
            assert_eq!(task.as_ref(), whole, "the first {end} bytes tell something else");
        }
    }
}

fn check_feature_file(text: &str) {
    let file = FeatureFile::parse(&Path::new("FEAT-1.yaml").into(), text);
    file.problems.iter().for_each(|problem| assert_inside(problem.span, text));
    file.waves.iter().flatten().for_each(|id| assert_inside(id.span, text));
    file.tasks.iter().for_each(|task| assert_inside(task.span, text));
}

fn check_body(text: &str) {
    let body = Body::read(text);
    body.headings.iter().for_each(|heading| assert_inside(heading.span, text));
    body.criteria.iter().for_each(|criterion| assert_inside(criterion.mark, text));
}

/// A value that stands in the file as one plain word says what its range shows.
fn check_plain(value: &Spanned<Text>, text: &str) {
    let shown = &text[value.span.range()];
    let is_plain =
        !shown.is_empty() && shown.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if is_plain {
        assert_eq!(shown, &*value.value);
    }
}
