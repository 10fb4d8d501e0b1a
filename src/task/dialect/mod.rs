//! The dialects: how each planning tool writes a task, and the reading that they share.

mod backlog;
mod gsd;
mod guardkit;
mod own;
mod reader;

use std::path::Path;

pub use backlog::{BacklogFacts, Milestone, Milestones, read_milestone, read_statuses};
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

/// Reads a task file. `None` where the text says that it is no task.
pub fn parse(file: &RelPath, text: &str, dialect: Dialect, around: &Surroundings<'_>) -> Option<Task> {
    read(file, Reader::new(text, Frontmatter::find(text)?), dialect, around)
}

fn read(file: &RelPath, reader: Reader<'_>, dialect: Dialect, around: &Surroundings<'_>) -> Option<Task> {
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

/// What the frontmatter of a file tells without the rest of it.
#[derive(Debug)]
pub enum FromHead {
    /// All there is to know; `None`: it is no task.
    Known(Option<Box<Task>>),
    /// The title comes from the body: its beginning must be read too.
    NeedsBody,
}

/// Reads a task file's frontmatter, which ends where `head` ends.
pub fn parse_head(file: &RelPath, head: &str, dialect: Dialect, around: &Surroundings<'_>) -> FromHead {
    let Some(frontmatter) = Frontmatter::find(head) else { return FromHead::Known(None) };
    let mut reader = Reader::new(head, frontmatter);
    let title = match dialect {
        Dialect::Gsd => None,
        Dialect::GuardKit | Dialect::BacklogMd => reader.title("title"),
        Dialect::Own => reader.title(around.own.map_or("title", |keys| &keys.title)),
    };
    match title {
        Some(_) => FromHead::Known(read(file, reader, dialect, around).map(Box::new)),
        None => FromHead::NeedsBody,
    }
}

/// The folder of a file, as `/`-separated text.
fn folder_text(file: &Path) -> String {
    let parts = file.parent().into_iter().flat_map(Path::iter).map(|part| part.to_string_lossy());
    parts.collect::<Vec<_>>().join("/")
}
