//! The dialects: how each planning tool writes a task, and the reading that they share.

mod backlog;
mod gsd;
mod guardkit;
mod own;
mod reader;

use std::path::Path;

pub use backlog::{BacklogFacts, Milestone, read_milestone, read_statuses};
pub use gsd::summary_of;
pub(super) use guardkit::standing_of_status;
pub use own::OwnKeys;

use super::frontmatter::Frontmatter;
use super::{Dialect, RelPath, Standing, Task};
use reader::Reader;

/// What a task's neighbours say about it: the facts that its own text does not hold.
#[derive(Debug, Clone, Default)]
pub struct Surroundings<'a> {
    /// GSD: the plan's summary lies beside it.
    pub summary_exists: bool,
    /// Backlog.md: statuses and milestones.
    pub backlog: BacklogFacts<'a>,
    /// The user's own dialect: which key means what.
    pub own: Option<&'a OwnKeys>,
}

/// The dialect that reads a file at this place (relative to the root); its text may still say that it is no task. The
/// user's own globs are not known here.
pub fn dialect_of(path: &Path) -> Option<Dialect> {
    let is_markdown = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("md"));
    if !is_markdown || is_document(path) {
        return None;
    }
    let mut folders = path.iter().map(|part| part.to_str().unwrap_or_default());
    match folders.next()? {
        "tasks" => (!guardkit::is_note(path)).then_some(Dialect::GuardKit),
        ".planning" => gsd::id_of(path).map(|_| Dialect::Gsd),
        "backlog" => backlog::is_task_folder(path).then_some(Dialect::BacklogMd),
        _ => None,
    }
}

/// Files that stand among tasks and are none, whatever keys they have.
pub fn is_document(path: &Path) -> bool {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    ["readme", "summary", "research", "template", "index", "changelog", "claude", "agents"]
        .iter()
        .any(|name| stem.eq_ignore_ascii_case(name))
}

/// Reads a task file. `None` where the text says that it is no task. `text` may end anywhere behind the frontmatter, as
/// long as [`needs_body`] does not ask for more.
pub fn parse(file: &RelPath, text: &str, dialect: Dialect, around: &Surroundings<'_>) -> Option<Task> {
    let reader = Reader::new(text, Frontmatter::find(text)?);
    let mut task = match dialect {
        Dialect::GuardKit => guardkit::read(file, reader),
        Dialect::Gsd => gsd::read(file, reader, around.summary_exists),
        Dialect::BacklogMd => backlog::read(file, reader, around.backlog),
        Dialect::Own => own::read(file, reader, around.own?),
    }?;
    if task.standing != Standing::Open {
        super::problem::calm(&mut task.problems);
    }
    Some(task)
}

/// Does the title come from the body? Then the text of a file must hold the beginning of its body too.
pub fn needs_body(text: &str, dialect: Dialect, own: Option<&OwnKeys>) -> bool {
    let title = match dialect {
        Dialect::Gsd => return true,
        Dialect::GuardKit | Dialect::BacklogMd => "title",
        Dialect::Own => own.map_or("title", |keys| &keys.title),
    };
    Frontmatter::find(text).is_some_and(|frontmatter| Reader::new(text, frontmatter).title(title).is_none())
}

/// The folder of a file, as `/`-separated text.
fn folder_text(file: &Path) -> String {
    let parts = file.parent().into_iter().flat_map(Path::iter).map(|part| part.to_string_lossy());
    parts.collect::<Vec<_>>().join("/")
}
