//! Backlog.md: `backlog/tasks/*.md` and `backlog/completed/*.md`; waves follow from `dependencies`.

use std::collections::HashMap;
use std::path::Path;

use super::Name;
use super::reader::{Found, Loss, Reader};
use crate::task::frontmatter::Frontmatter;
use crate::task::{Dialect, FeatureRef, RelPath, Spanned, Standing, Task, Text, words, yaml};

/// What the files beside the tasks say.
#[derive(Debug, Clone, Copy, Default)]
pub struct BacklogFacts<'a> {
    /// `statuses` of `backlog/config.yml`, in order; the last one means done. Empty: the tool's own.
    pub statuses: &'a [Text],
    /// Those of `backlog/milestones/`.
    pub milestones: Option<&'a Milestones>,
}

/// The milestones by what they may be called: a large backlog has one for each few of its tasks, and each task names
/// one.
#[derive(Debug, Default)]
pub struct Milestones {
    all: Vec<Milestone>,
    /// By id without case, and by title without case; the first of several counts.
    by_id: HashMap<String, usize>,
    by_title: HashMap<String, usize>,
}

/// A milestone: a feature of Backlog.md.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Milestone {
    /// `id`, such as `m-1`.
    pub id: Text,
    /// `title`.
    pub title: Text,
}

impl Milestones {
    /// These milestones.
    pub fn new(all: Vec<Milestone>) -> Self {
        let mut milestones = Self::default();
        for (at, milestone) in all.iter().enumerate() {
            milestones.by_id.entry(milestone.id.to_ascii_lowercase()).or_insert(at);
            milestones.by_title.entry(milestone.title.to_ascii_lowercase()).or_insert(at);
        }
        Self { all, ..milestones }
    }

    /// The one of this id, else of this title.
    fn named(&self, name: &str) -> Option<&Milestone> {
        let name = name.to_ascii_lowercase();
        let at = self.by_id.get(&name).or_else(|| self.by_title.get(&name))?;
        self.all.get(*at)
    }
}

/// What "done" is called where the configuration names no statuses.
const DONE: &str = "Done";

/// The folders that hold tasks, open ones in the first only.
const TASKS: &str = "tasks";
const COMPLETED: &str = "completed";

/// Does this folder hold task files? (Files are never deeper.)
pub(super) fn is_task_folder(folder: &[u8]) -> bool {
    let inside = folder.strip_prefix(b"backlog/").unwrap_or_default();
    matches!(inside, b"tasks" | b"completed" | b"drafts" | b"archive/tasks" | b"archive/drafts")
}

/// The folder, without the one that all others lie in. Folders that hold tasks have plain names.
fn folder(path: &Path) -> &str {
    let inside = Name::of(path).folder.strip_prefix(b"backlog/").unwrap_or_default();
    std::str::from_utf8(inside).unwrap_or_default()
}

pub(super) fn read<'t>(file: &'t RelPath, mut reader: Reader<'t>, facts: BacklogFacts<'_>) -> Option<Task> {
    let id = reader.text("id", Loss::Place);
    let is_plainly_a_task =
        reader.has("status") && reader.has_any(&["id", "dependencies", "created_date", "milestone"]);
    if id.is_none() && !is_plainly_a_task && !reader.has_lost_its_place() {
        return None;
    }
    let status = reader.text("status", Loss::Detail);
    let mode = reader.text("implementation_mode", Loss::Detail);
    let (feature, feature_title) = feature(&mut reader, facts.milestones);
    let folder = folder(file);
    let found = Found {
        dialect: Dialect::BacklogMd,
        title: reader.title_or_heading("title", id.as_ref()),
        standing: standing(folder, status.as_ref().map(|status| &*status.value), facts.statuses),
        folder: Some(folder),
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

fn standing(folder: &str, status: Option<&str>, statuses: &[Text]) -> Standing {
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
fn feature(reader: &mut Reader<'_>, milestones: Option<&Milestones>) -> (FeatureRef, Option<Text>) {
    let Some(written) = reader.text("milestone", Loss::Detail) else { return (FeatureRef::WholeBacklog, None) };
    match milestones.and_then(|milestones| milestones.named(&written.value)) {
        Some(known) => {
            let name = Spanned::new(known.id.clone(), written.span);
            (FeatureRef::Named(name), Some(known.title.clone()))
        }
        None => (FeatureRef::Named(words::shared_at(&written)), None),
    }
}

/// `statuses` of a `backlog/config.yml`.
pub fn read_statuses(text: &str) -> Vec<Text> {
    let Some(node) = yaml::read(text, 0).ok() else { return Vec::new() };
    let items = node.get("statuses").map(yaml::Node::items).unwrap_or_default();
    items.iter().filter_map(|item| item.as_text().map(|text| text.value)).collect()
}

/// A file of `backlog/milestones/`.
pub fn read_milestone(text: &str) -> Option<Milestone> {
    let mut reader = Reader::new(text, Frontmatter::find(text)?);
    let id: Text = reader.text("id", Loss::Detail)?.value.into();
    let title = reader.title("title").map_or_else(|| id.clone(), Text::from);
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
    fn a_milestone_is_found_by_its_id_before_its_title_and_without_case() {
        let milestone = |id: &str, title: &str| Milestone { id: id.into(), title: title.into() };
        let all =
            Milestones::new(vec![milestone("m-1", "New UI"), milestone("m-2", "M-1"), milestone("m-3", "new ui")]);
        let named = |name| all.named(name).map(|milestone| &*milestone.id);
        assert_eq!([named("M-1"), named("NEW UI"), named("m-4")], [Some("m-1"), Some("m-1"), None]);
    }

    #[test]
    fn a_milestone_has_an_id_and_a_title() {
        let milestone = read_milestone("---\nid: m-6\ntitle: \"New UI\"\n---\n");
        assert_eq!(milestone, Some(Milestone { id: "m-6".into(), title: "New UI".into() }));
        assert_eq!(read_milestone("# Milestones\n"), None);
    }
}
