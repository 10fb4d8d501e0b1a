//! The dialects: how each planning tool writes a task, and the reading that they share.

mod backlog;
mod gsd;
mod guardkit;
mod own;
mod reader;

use std::borrow::Cow;
use std::path::Path;

pub use backlog::{
    BACKLOG_TASK_FOLDERS, BacklogConfig, BacklogFacts, BacklogFolder, Milestone, Milestones, read_backlog_config,
    read_milestone,
};
pub use gsd::{Summary, read_summary, summaries_of};
pub(super) use guardkit::standing_in_feature_file;
pub use own::OwnKeys;

use super::frontmatter::Frontmatter;
use super::{Dialect, RelPath, Task};
use reader::Reader;

/// What a task's neighbours say about it: the facts that its own text does not hold.
#[derive(Debug, Clone, Default)]
pub struct Surroundings<'a> {
    /// GSD: what the summary beside the plan says.
    pub summary: Summary,
    /// Backlog.md: statuses and milestones.
    pub backlog: BacklogFacts<'a>,
    /// The user's own dialect: which key means what.
    pub own: Option<&'a OwnKeys>,
}

/// The dialect that reads a file at this place (relative to the root); its text may still say that it is no task. The
/// user's own globs are not known here.
pub fn dialect_of(path: &Path, backlog: &BacklogFolder) -> Option<Dialect> {
    let Name { folder, stem, extension } = Name::of(path);
    if !extension.eq_ignore_ascii_case(b"md") || names_document(stem) {
        return None;
    }
    if backlog.has_task(folder, stem) {
        return Some(Dialect::BacklogMd);
    }
    match folder.split(|byte| *byte == b'/').next()? {
        b"tasks" => (!guardkit::is_note(stem)).then_some(Dialect::GuardKit),
        b".planning" => gsd::id_of(path).map(|_| Dialect::Gsd),
        _ => None,
    }
}

/// Files that stand among tasks and are none, whatever keys they have.
pub fn is_document(path: &Path) -> bool {
    names_document(Name::of(path).stem)
}

fn names_document(stem: &[u8]) -> bool {
    let names: [&[u8]; 8] =
        [b"readme", b"summary", b"research", b"template", b"index", b"changelog", b"claude", b"agents"];
    names.iter().any(|name| stem.eq_ignore_ascii_case(name))
}

/// A path in bytes. Each file of a workspace is asked for these, and going through a path part by part is dear.
struct Name<'p> {
    folder: &'p [u8],
    stem: &'p [u8],
    /// Empty where there is none.
    extension: &'p [u8],
}

impl<'p> Name<'p> {
    fn of(path: &'p Path) -> Self {
        let path = path.as_os_str().as_encoded_bytes();
        let (folder, name) = cut_at_last(path, b'/').unwrap_or((&[], path));
        // A name that begins with its only dot is no extension.
        let (stem, extension) = cut_at_last(name, b'.').filter(|(stem, _)| !stem.is_empty()).unwrap_or((name, &[]));
        Self { folder, stem, extension }
    }
}

fn cut_at_last(bytes: &[u8], mark: u8) -> Option<(&[u8], &[u8])> {
    let at = memchr::memrchr(mark, bytes)?;
    Some((bytes.get(..at)?, bytes.get(at + 1..)?))
}

/// Reads a task file. `None` where the text says that it is no task.
pub fn parse(file: &RelPath, text: &str, dialect: Dialect, around: &Surroundings<'_>) -> Option<Task> {
    read(file, Reader::new(text, frontmatter(text, dialect)?), dialect, around)
}

/// The frontmatter; an empty one where the dialect's tool takes a file without one for a task, too.
fn frontmatter(text: &str, dialect: Dialect) -> Option<Frontmatter<'_>> {
    let may_lack_one = matches!(dialect, Dialect::Gsd | Dialect::BacklogMd);
    Frontmatter::find(text).or_else(|| may_lack_one.then(|| Frontmatter::missing(text)))
}

/// Is this a status of what was given up? The same words everywhere, whoever wrote them.
fn is_dropped(status: &str) -> bool {
    ["cancelled", "superseded", "obsolete", "archived", "deferred", "deleted"]
        .iter()
        .any(|dropped| status.trim().eq_ignore_ascii_case(dropped))
}

fn read(file: &RelPath, reader: Reader<'_>, dialect: Dialect, around: &Surroundings<'_>) -> Option<Task> {
    let mut task = match dialect {
        Dialect::GuardKit => guardkit::read(file, reader),
        Dialect::Gsd => gsd::read(file, reader, &around.summary),
        Dialect::BacklogMd => backlog::read(file, reader, around.backlog),
        Dialect::Own => own::read(file, reader, around.own?),
    }?;
    if !task.standing.is_open() {
        super::problem::calm(&mut task.problems);
    }
    Some(task)
}

/// What the beginning of a file tells without the rest of it.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "one at a time, on its way to its owner: a box would be one for each file"
)]
pub enum FromBeginning {
    /// All there is to know; `None`: it is no task.
    Known(Option<Task>),
    /// The title comes from the body, and is not decided yet: more of it must be read.
    NeedsMore,
}

/// Reads a task from the beginning of its file, which holds its frontmatter and maybe some of the body. What it then knows
/// is what [`parse`] would read in the whole file.
pub fn parse_beginning(file: &RelPath, beginning: &str, dialect: Dialect, around: &Surroundings<'_>) -> FromBeginning {
    let Some(frontmatter) = frontmatter(beginning, dialect) else { return FromBeginning::Known(None) };
    let mut reader = Reader::new(beginning, frontmatter);
    let title = match dialect {
        Dialect::Gsd => gsd::known_from_beginning(&mut reader, &around.summary),
        Dialect::GuardKit | Dialect::BacklogMd => reader.title_in_beginning("title"),
        Dialect::Own => reader.title_in_beginning(around.own.map_or("title", |keys| &keys.title)),
    };
    match title {
        Some(title) => {
            reader.known_title = Some(title);
            FromBeginning::Known(read(file, reader, dialect, around))
        }
        None => FromBeginning::NeedsMore,
    }
}

/// The folder of a file, as `/`-separated text.
fn folder_text(file: &Path) -> Cow<'_, str> {
    let folder = Name::of(file).folder;
    std::str::from_utf8(folder).map_or_else(|_| String::from_utf8_lossy(folder), Cow::Borrowed)
}
