//! Backlog.md: `tasks/*.md` and `completed/*.md` of its folder; waves follow from `dependencies`.

use std::collections::HashMap;
use std::path::Path;

use super::reader::{Found, Loss, Reader};
use super::{Name, is_dropped};
use crate::task::frontmatter::Frontmatter;
use crate::task::{Dialect, FeatureRef, RelPath, Spanned, Standing, Task, Text, words, yaml};

/// Where tasks lie, and what their files are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BacklogFolder {
    /// The folder, relative to the root and `/`-separated.
    pub path: Box<str>,
    /// What the names of task files begin with, before a `-`; compared without case.
    pub prefix: Box<str>,
}

impl Default for BacklogFolder {
    fn default() -> Self {
        Self { path: USUAL_FOLDER.into(), prefix: "task".into() }
    }
}

impl BacklogFolder {
    /// Is a file of this name, in this folder relative to the root, a task's? (They are never deeper.)
    pub(super) fn has_task(&self, folder: &[u8], stem: &[u8]) -> bool {
        let Some(below) = below(folder, self.path.as_bytes()) else { return false };
        let has_prefix = |prefix: &[u8]| {
            let (start, behind) = stem.split_at_checked(prefix.len()).unwrap_or_default();
            start.eq_ignore_ascii_case(prefix) && behind.first() == Some(&b'-')
        };
        match below {
            b"tasks" | b"completed" | b"archive/tasks" => has_prefix(self.prefix.as_bytes()),
            b"drafts" | b"archive/drafts" => has_prefix(DRAFT.as_bytes()),
            _ => false,
        }
    }
}

/// The folders below [`BacklogFolder::path`] that hold task files.
pub const BACKLOG_TASK_FOLDERS: [&str; 5] = ["tasks", "completed", "drafts", "archive/tasks", "archive/drafts"];

/// What the names of drafts begin with.
const DRAFT: &str = "draft";

/// The part of a folder's path that is below another one.
fn below<'f>(folder: &'f [u8], above: &[u8]) -> Option<&'f [u8]> {
    folder.strip_prefix(above)?.strip_prefix(b"/")
}

/// What the files beside the tasks say.
#[derive(Debug, Clone, Copy)]
pub struct BacklogFacts<'a> {
    /// [`BacklogFolder::path`].
    pub folder: &'a str,
    /// `statuses` of the configuration, in order; the last one means done. Empty: the tool's own.
    pub statuses: &'a [Text],
    /// Those of its `milestones/`.
    pub milestones: Option<&'a Milestones>,
}

impl Default for BacklogFacts<'_> {
    fn default() -> Self {
        Self { folder: USUAL_FOLDER, statuses: &[], milestones: None }
    }
}

/// Where the tool's files lie unless something says otherwise.
const USUAL_FOLDER: &str = "backlog";

/// What a configuration says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BacklogConfig {
    /// It names the project; to the tool one at the root that does not is none.
    pub has_project_name: bool,
    /// `backlog_directory`: the folder, in a configuration at the root.
    pub folder: Option<Box<str>>,
    /// `statuses`, in order.
    pub statuses: Vec<Text>,
    /// `task_prefix`.
    pub prefix: Option<Box<str>>,
}

/// The milestones by what they may be called: a large backlog has one for each few of its tasks, and each task names
/// one.
#[derive(Debug, Default)]
pub struct Milestones {
    all: Vec<Milestone>,
    /// By id without case, and by title without case; the first of several counts.
    by_id: HashMap<String, usize>,
    by_title: HashMap<String, usize>,
    /// By the number of the id.
    by_number: HashMap<String, usize>,
}

/// `1` of `1`, `m-1` and `m-01`.
fn number_of_milestone(id: &str) -> Option<String> {
    let digits = id.strip_prefix("m-").unwrap_or(id);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let without_zeros = digits.trim_start_matches('0');
    is_number.then(|| if without_zeros.is_empty() { "0".into() } else { without_zeros.into() })
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
            let id = milestone.id.to_ascii_lowercase();
            if let Some(number) = number_of_milestone(&id) {
                milestones.by_number.entry(number).or_insert(at);
            }
            milestones.by_id.entry(id).or_insert(at);
            milestones.by_title.entry(milestone.title.to_ascii_lowercase()).or_insert(at);
        }
        Self { all, ..milestones }
    }

    /// The one of this id, also as `1` and `m-01` for `m-1`, else of this title.
    fn named(&self, name: &str) -> Option<&Milestone> {
        let name = name.to_ascii_lowercase();
        let by_number = || self.by_number.get(&number_of_milestone(&name)?);
        let at = self.by_id.get(&name).or_else(by_number).or_else(|| self.by_title.get(&name))?;
        self.all.get(*at)
    }
}

/// The statuses of a task where the configuration names none.
const USUAL_STATUSES: [&str; 3] = ["To Do", "In Progress", "Done"];

/// The folders that hold tasks, open ones in the first only.
const TASKS: &str = "tasks";
const COMPLETED: &str = "completed";

/// The folder, without the one that all others lie in. Folders that hold tasks have plain names.
fn folder_below<'p>(path: &'p Path, above: &str) -> &'p str {
    let inside = below(Name::of(path).folder, above.as_bytes()).unwrap_or_default();
    std::str::from_utf8(inside).unwrap_or_default()
}

pub(super) fn read<'t>(file: &'t RelPath, mut reader: Reader<'t>, facts: BacklogFacts<'_>) -> Option<Task> {
    let id = reader.text("id", Loss::Place);
    let status = reader.text("status", Loss::Detail);
    let mode = reader.text("implementation_mode", Loss::Detail);
    let (feature, feature_title) = feature(&mut reader, facts.milestones);
    let folder = folder_below(file, facts.folder);
    let found = Found {
        dialect: Dialect::BacklogMd,
        title: reader.title_or_heading("title", id.as_ref()),
        standing: standing(folder, status.as_ref().map(|status| &*status.value), facts.statuses),
        remark: None,
        scope: None,
        is_archived: false,
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
    let known: Vec<&str> = match statuses {
        [] => USUAL_STATUSES.to_vec(),
        statuses => statuses.iter().map(AsRef::as_ref).collect(),
    };
    let at = status.and_then(|status| known.iter().position(|known| known.eq_ignore_ascii_case(status)));
    let is_last = at.is_some_and(|at| at + 1 == known.len());
    match folder {
        COMPLETED => Standing::Done,
        _ if is_last => Standing::Done,
        TASKS if at.is_none() && status.is_some_and(is_dropped) => Standing::Dropped,
        TASKS if at.is_some_and(|at| at > 0) => Standing::Claimed,
        TASKS => Standing::Open,
        _ => Standing::Dropped,
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

/// A configuration. Its commands (`onStatusChange`) are not read, and never run.
pub fn read_backlog_config(text: &str) -> BacklogConfig {
    let keys = Frontmatter::of_yaml(text);
    let node = |names: [&str; 2]| names.iter().find_map(|name| keys.value(name)?.ok());
    let word =
        |names| node(names).and_then(|node| node.as_text()).map(|text| text.value).filter(|text| !text.is_empty());
    let statuses = node(["statuses", "statuses"]);
    let statuses = statuses.as_ref().map(yaml::Node::items).unwrap_or_default();
    BacklogConfig {
        has_project_name: word(["project_name", "projectName"]).is_some(),
        folder: word(["backlog_directory", "backlogDirectory"]).map(|folder| (*folder).into()),
        statuses: statuses.iter().filter_map(|item| item.as_text().map(|text| text.value)).collect(),
        prefix: word(["task_prefix", "taskPrefix"]).map(|prefix| (*prefix).into()),
    }
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
        let statuses = read_backlog_config("statuses: [\"To Do\", \"Shipped\"]\n").statuses;
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
