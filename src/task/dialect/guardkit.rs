//! GuardKit: `tasks/**/*.md`, with a folder for each status.

use std::path::Path;

use super::reader::{Found, Loss, Reader, Written};
use super::{Name, folder_text, is_dropped};
use crate::task::{Dialect, FeatureRef, RelPath, Spanned, Standing, Task, words};

/// Keys that name the feature, the most telling first.
const FEATURE_KEYS: [&str; 5] = ["feature_id", "parent_feature", "feature", "parent_review", "parent_task"];

/// The folder that all tasks lie in.
const TOP: &str = "tasks";

/// Folders, directly in it, of files that are no tasks yet.
const TEMPLATE_FOLDERS: [&str; 4] = ["templates", "template", "_templates", ".templates"];

/// Folders that hold no open tasks.
const DONE_FOLDER: &str = "completed";

/// Folders that say how far their tasks are, beside the names of dropped statuses.
const STATUS_FOLDERS: [&str; 9] = [
    "backlog",
    "in_progress",
    "design_approved",
    "in_review",
    "review_complete",
    "blocked",
    DONE_FOLDER,
    "pending",
    "planned",
];

/// What an agent wrote about a task, beside it: `TASK-7-SUMMARY.md`. It repeats the task's id. In small letters the word
/// belongs to a task's title.
pub(super) fn is_note(stem: &[u8]) -> bool {
    let ends: [&[u8]; 4] = [b"-SUMMARY", b"_SUMMARY", b"-RESEARCH", b"_RESEARCH"];
    ends.iter().any(|end| stem.ends_with(end))
}

pub(super) fn read<'t>(file: &'t RelPath, mut reader: Reader<'t>) -> Option<Task> {
    let folder = folder_text(file);
    let place = Place::of(&folder);
    let written = reader.first_text(&["id", "task_id"], Loss::Place);
    let by_name = || Some(Spanned::new(id_of_name(Name::of(file).stem)?.into(), reader.key_span("id")));
    let id =
        if written.is_none() && !reader.has_lost_its_place() && reader.has("status") { by_name() } else { written };
    if place.is_template || id.is_none() && !is_plainly_a_task(&reader) {
        return None;
    }
    if id.as_ref().is_some_and(|id| is_placeholder(&id.value)) && is_template(file) {
        return None;
    }
    let status = reader.text("status", Loss::Detail);
    let mode = reader.text("implementation_mode", Loss::Detail);
    let found = Found {
        dialect: Dialect::GuardKit,
        title: reader.title_or_heading("title", id.as_ref()),
        standing: place.standing(status.as_ref().map(|status| &*status.value)),
        remark: None,
        scope: None,
        is_archived: false,
        folder: place.status,
        wave: reader.wave(&["wave", "parallel_group"]),
        feature: feature(&mut reader, &place),
        feature_title: None,
        depends_on: reader.ids(&["dependencies", "depends_on", "blocked_by"]),
        needs_person: needs_person(&mut reader, mode.as_ref()),
        files: ["files_to_modify", "files_to_create"].iter().flat_map(|key| reader.list(key, Loss::Detail)).collect(),
        mode,
        status,
        id,
    };
    Some(reader.finish(file, found))
}

/// The id that a file's name begins with: `TASK-A-001` of `TASK-A-001-add-login.md`. GuardKit finds tasks by their names.
fn id_of_name(stem: &[u8]) -> Option<&str> {
    let stem = std::str::from_utf8(stem).ok().filter(|stem| stem.starts_with("TASK-"))?;
    let is_of_id = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'.')
    };
    let length = stem.split('-').take_while(|part| is_of_id(part)).map(|part| part.len() + 1).sum::<usize>();
    let id = stem.get(..length.checked_sub(1)?)?;
    id.bytes().any(|byte| byte.is_ascii_digit()).then_some(id)
}

/// Without an id, a file counts as a task that lacks one only where it has the keys that nothing but a task has.
fn is_plainly_a_task(reader: &Reader<'_>) -> bool {
    let has_id_key = reader.has_any(&["id", "task_id"]);
    let has_place = reader.has_any(&["wave", "parallel_group", "dependencies", "depends_on", "implementation_mode"]);
    let has_status = reader.has("status");
    reader.has_lost_its_place() || has_id_key && (has_status || has_place) || has_status && has_place
}

fn is_placeholder(id: &str) -> bool {
    id.contains(['{', '<', '[']) || id.as_bytes().windows(3).any(|letters| letters == b"XXX")
}

fn is_template(file: &Path) -> bool {
    file.iter().any(|part| part.to_string_lossy().to_ascii_lowercase().contains("template"))
}

fn feature(reader: &mut Reader<'_>, place: &Place<'_>) -> FeatureRef {
    match reader.first_text(&FEATURE_KEYS, Loss::Detail) {
        Some(name) => FeatureRef::Named(words::shared_at(&name)),
        None if place.is_top => FeatureRef::Folder(words::shared(TOP)),
        None if place.feature.is_empty() => FeatureRef::Alone,
        None => FeatureRef::Folder(words::shared(place.feature)),
    }
}

fn needs_person<'t>(reader: &mut Reader<'t>, mode: Option<&Written<'t>>) -> Option<Written<'t>> {
    if let Some(mode) = mode.filter(|mode| mode.value.eq_ignore_ascii_case("manual")) {
        return Some(Spanned::new("implementation_mode is manual".into(), mode.span));
    }
    let kind = reader.text("task_type", Loss::Detail)?;
    kind.value
        .eq_ignore_ascii_case("operator_handoff")
        .then(|| Spanned::new("task_type is operator_handoff".into(), kind.span))
}

/// What a status means, alone.
pub(in crate::task) fn standing_of_status(status: &str) -> Standing {
    let is = |names: &[&str]| names.iter().any(|name| status.trim().eq_ignore_ascii_case(name));
    if is(&["completed", "closed", "in_review", "review_complete"]) {
        Standing::Done
    } else if is_dropped(status) {
        Standing::Dropped
    } else if is(&["in_progress", "in-progress"]) {
        Standing::Claimed
    } else if is(&["blocked"]) {
        Standing::Blocked
    } else {
        Standing::Open
    }
}

/// What a status in a feature file means (`TERMINAL_SATISFIED` of GuardKit): a task that was put off satisfies those
/// that depend on it, and one that was skipped is still to be done.
pub(in crate::task) fn standing_in_feature_file(status: &str) -> Standing {
    if status.trim().eq_ignore_ascii_case("deferred") { Standing::Deferred } else { standing_of_status(status) }
}

/// What the folders of a file say.
struct Place<'f> {
    /// The status folder, directly under `tasks/`.
    status: Option<&'f str>,
    /// The folders below, without those that are a status or a date; `/`-separated.
    feature: &'f str,
    /// It lies in no folder but `tasks/` itself.
    is_top: bool,
    /// It lies in `tasks/templates/`: what new tasks are copied from. (A feature folder of that name is deeper.)
    is_template: bool,
}

impl<'f> Place<'f> {
    /// By the `/`-separated folder that a file lies in.
    fn of(folder: &'f str) -> Self {
        let mut below = folder.split_once('/').map_or("", |(_, below)| below);
        let is_top = below.is_empty();
        let is_template = TEMPLATE_FOLDERS.contains(&below.split('/').next().unwrap_or_default());
        let status = cut_first(&mut below, is_status_folder);
        while cut_first(&mut below, |name| is_status_folder(name) || is_date(name)).is_some() {}
        Self { status, feature: below, is_top, is_template }
    }

    /// The status decides where it says "done" or "dropped", else the folder: files are moved before their status is
    /// changed.
    fn standing(&self, status: Option<&str>) -> Standing {
        let by_status = status.map_or(Standing::Open, standing_of_status);
        match self.status {
            _ if !by_status.is_open() => by_status,
            Some(DONE_FOLDER) => Standing::Done,
            Some(folder) if is_dropped(folder) => Standing::Dropped,
            _ => by_status,
        }
    }
}

/// Cuts the first part of a path off where it fits.
fn cut_first<'f>(path: &mut &'f str, fits: impl FnOnce(&str) -> bool) -> Option<&'f str> {
    let (first, rest) = path.split_once('/').unwrap_or((*path, ""));
    let fits = !first.is_empty() && fits(first);
    if fits {
        *path = rest;
    }
    fits.then_some(first)
}

fn is_status_folder(name: &str) -> bool {
    STATUS_FOLDERS.contains(&name) || is_dropped(name)
}

/// `2026-03` and `2026-03-01` are when something was done, not what.
fn is_date(name: &str) -> bool {
    let fits = |(at, byte): (usize, u8)| if matches!(at, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() };
    matches!(name.len(), 4 | 7 | 10) && name.bytes().enumerate().all(fits)
}
