//! Backlog.md: `backlog/tasks/*.md` and `backlog/completed/*.md`; waves follow from `dependencies`.

use std::path::Path;

use super::reader::{Found, Loss, Reader};
use crate::task::frontmatter::Frontmatter;
use crate::task::{Dialect, FeatureRef, RelPath, Spanned, Standing, Task, yaml};

/// What the files beside the tasks say.
#[derive(Debug, Clone, Copy, Default)]
pub struct BacklogFacts<'a> {
    /// `statuses` of `backlog/config.yml`, in order; the last one means done. Empty: the tool's own.
    pub statuses: &'a [Box<str>],
    /// Ids and titles of `backlog/milestones/`.
    pub milestones: &'a [Milestone],
}

/// A milestone: a feature of Backlog.md.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Milestone {
    /// `id`, such as `m-1`.
    pub id: Box<str>,
    /// `title`.
    pub title: Box<str>,
}

/// What "done" is called where the configuration names no statuses.
const DONE: &str = "Done";

/// The folders that hold tasks, open ones in the first only.
const TASKS: &str = "tasks";
const COMPLETED: &str = "completed";

/// Does this folder hold task files? (Files are never deeper.)
pub(super) fn is_task_folder(path: &Path) -> bool {
    matches!(folder(path).as_str(), "tasks" | "completed" | "drafts" | "archive/tasks" | "archive/drafts")
}

fn folder(path: &Path) -> String {
    let folder = super::folder_text(path);
    folder.strip_prefix("backlog/").unwrap_or_default().to_owned()
}

pub(super) fn read(file: &RelPath, mut reader: Reader<'_>, facts: BacklogFacts<'_>) -> Option<Task> {
    let id = reader.text("id", Loss::Place);
    let is_plainly_a_task =
        reader.has("status") && reader.has_any(&["id", "dependencies", "created_date", "milestone"]);
    if id.is_none() && !is_plainly_a_task && !reader.has_lost_its_place() {
        return None;
    }
    let status = reader.text("status", Loss::Detail);
    let mode = reader.text("implementation_mode", Loss::Detail);
    let (feature, feature_title) = feature(&mut reader, facts.milestones);
    let found = Found {
        dialect: Dialect::BacklogMd,
        title: reader.title_or_heading("title", id.as_ref()),
        standing: standing(&folder(file), status.as_ref().map(|status| &*status.value), facts.statuses),
        folder: Some(folder(file).into()),
        wave: None,
        feature,
        feature_title,
        depends_on: reader.ids(&["dependencies"]),
        needs_person: None,
        files: reader.list("modified_files", Loss::Detail),
        mode,
        status,
        id,
    };
    Some(reader.finish(file, found))
}

fn standing(folder: &str, status: Option<&str>, statuses: &[Box<str>]) -> Standing {
    let done = statuses.last().map_or(DONE, |last| last);
    if folder == COMPLETED || status.is_some_and(|status| status.eq_ignore_ascii_case(done)) {
        Standing::Done
    } else if folder == TASKS {
        Standing::Open
    } else {
        Standing::Dropped
    }
}

/// A milestone is written as its id or as its title; both are one feature, named by the id.
fn feature(reader: &mut Reader<'_>, milestones: &[Milestone]) -> (FeatureRef, Option<Box<str>>) {
    let Some(written) = reader.text("milestone", Loss::Detail) else { return (FeatureRef::WholeBacklog, None) };
    let is = |name: &str| name.eq_ignore_ascii_case(&written.value);
    let by_id = milestones.iter().find(|milestone| is(&milestone.id));
    match by_id.or_else(|| milestones.iter().find(|milestone| is(&milestone.title))) {
        Some(known) => {
            let name = Spanned::new(known.id.clone(), written.span);
            (FeatureRef::Named(name), Some(known.title.clone()))
        }
        None => (FeatureRef::Named(written), None),
    }
}

/// `statuses` of a `backlog/config.yml`.
pub fn read_statuses(text: &str) -> Vec<Box<str>> {
    let Some(node) = yaml::read(text, 0).ok() else { return Vec::new() };
    let items = node.get("statuses").map(yaml::Node::items).unwrap_or_default();
    items.iter().filter_map(|item| item.as_text().map(|text| text.value)).collect()
}

/// A file of `backlog/milestones/`.
pub fn read_milestone(text: &str) -> Option<Milestone> {
    let mut reader = Reader::new(text, Frontmatter::find(text)?);
    let id = reader.text("id", Loss::Detail)?.value;
    let title = reader.title("title").unwrap_or_else(|| id.clone());
    Some(Milestone { id, title })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_status_means_done() {
        let statuses = read_statuses("statuses: [\"To Do\", \"Shipped\"]\n");
        assert_eq!(standing("tasks", Some("shipped"), &statuses), Standing::Done);
        assert_eq!(standing("tasks", Some("Done"), &statuses), Standing::Open);
        assert_eq!(standing("tasks", Some("done"), &[]), Standing::Done);
        assert_eq!(standing("archive/tasks", Some("To Do"), &[]), Standing::Dropped);
    }

    #[test]
    fn a_milestone_has_an_id_and_a_title() {
        let milestone = read_milestone("---\nid: m-6\ntitle: \"New UI\"\n---\n");
        assert_eq!(milestone, Some(Milestone { id: "m-6".into(), title: "New UI".into() }));
        assert_eq!(read_milestone("# Milestones\n"), None);
    }
}
