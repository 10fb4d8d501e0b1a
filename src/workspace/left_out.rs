//! What looks like a planning tool's and is not read: nobody shall believe that there is nothing to do.

use std::path::{Path, PathBuf};

use super::backlog::is_backlog;
use super::discover;
use crate::task::{Code, Problem, Severity, Span};

/// How deep below the root other roots are looked for: `packages/group/name/.planning`.
const DEEPEST: usize = 4;
/// More files and folders are not looked through.
const MOST_ENTRIES: usize = 50_000;
/// More places are not named.
const MOST_NAMED: usize = 8;

/// What was looked for, for who has none of it.
const LOOKED_FOR: &str = "tasks/**/*.md (GuardKit), .planning/phases/*/*-PLAN.md (GSD), backlog/tasks/*.md (Backlog.md), and \
    what `own:` in feature-build.yaml names";

/// Tells what lies in a root and is not read; `reads_any`: does the root have tasks that are? Blocking: goes through a part
/// of the folders as git sees them.
pub(super) fn problem(root: &Path, reads_any: bool) -> Option<Problem> {
    let places = places(root);
    let (code, severity) =
        if reads_any { (Code::LeftOut, Severity::Warning) } else { (Code::NothingRead, Severity::Error) };
    let named: Vec<String> = places.iter().take(MOST_NAMED).map(|(place, why)| format!("{place} ({why})")).collect();
    let more = places.len().saturating_sub(MOST_NAMED);
    let message = match (named.is_empty(), reads_any) {
        (true, true) => return None,
        (true, false) => format!("no task was read here; looked for {LOOKED_FOR}"),
        (false, _) => {
            let rest = if more > 0 { format!("; {more} more") } else { String::new() };
            let start = if reads_any { "planning files that are not read" } else { "no task was read, but there are" };
            format!("{start}: {}{rest}", named.join(", "))
        }
    };
    Some(Problem { code, severity, message: message.into(), span: Span::default(), related: Vec::new() })
}

/// Each place, relative to the root, with why it is not read.
fn places(root: &Path) -> Vec<(String, &'static str)> {
    let top = root.to_path_buf();
    // A repository in this one is another project.
    let is_of_this = move |folder: &Path| !folder.starts_with(&top) || folder == top || !folder.join(".git").exists();
    let above = root.strip_prefix(discover::top_of(root)).map_or(0, |below| below.components().count());
    let mut walk = discover::git_walk(root, root, is_of_this);
    walk.max_depth(Some(above + DEEPEST));
    let folders =
        walk.build().flatten().take(MOST_ENTRIES).filter(|entry| entry.file_type().is_some_and(|kind| kind.is_dir()));
    let mut found: Vec<(PathBuf, &'static str)> = Vec::new();
    for entry in folders {
        let Ok(place) = entry.path().strip_prefix(root) else { continue };
        if found.iter().any(|(above, _)| place.starts_with(above)) {
            continue;
        }
        if let Some(why) = why_not_read(entry.path(), place) {
            found.push((place.to_path_buf(), why));
        }
    }
    found.sort();
    found.into_iter().map(|(place, why)| (place.to_string_lossy().into_owned(), why)).collect()
}

/// Why a folder of a planning tool's is not read; `None` for those that are, and for all others.
fn why_not_read(folder: &Path, place: &Path) -> Option<&'static str> {
    const NESTED: &str = "another root below this one: `feature-build -C` with its parent reads it";
    let name = place.file_name()?.to_str()?;
    let is_nested = place.components().count() > 1;
    match name {
        ".gsd" => Some("GSD 2 keeps its plans in a database"),
        ".planning" | ".guardkit" if is_nested && !place.starts_with(".planning") => Some(NESTED),
        "backlog" | ".backlog" if is_nested && is_backlog(folder) => Some(NESTED),
        _ => None,
    }
}
