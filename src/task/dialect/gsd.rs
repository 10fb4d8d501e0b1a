//! Get Shit Done: `.planning/**/*-PLAN.md`, done when the summary lies beside it.

use std::path::{Path, PathBuf};

use super::folder_text;
use super::reader::{Found, Loss, Reader};
use crate::task::{Dialect, FeatureRef, RelPath, Span, Spanned, Standing, Task, Text, boundary_before, words};

/// A longer objective is cut: a title is one line.
const LONGEST_TITLE: usize = 160;

/// The id that a plan's file name gives: its stem without `PLAN` (`09.1-05-PLAN.md`, `12-PLAN-05.md`), or its folder's
/// name for a plain `PLAN.md`. `None` for other files.
pub(in crate::task) fn id_of(path: &Path) -> Option<String> {
    let stem = path.file_stem()?.to_str()?;
    if stem == "PLAN" {
        return path.parent()?.file_name()?.to_str().map(str::to_owned);
    }
    if let Some(id) = stem.strip_suffix("-PLAN") {
        return (!id.is_empty()).then(|| id.to_owned());
    }
    let (phase, plan) = stem.split_once("-PLAN-")?;
    let is_number = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    (is_number(phase) && is_number(plan)).then(|| format!("{phase}-{plan}"))
}

/// The summary that says that a plan is done; `None` for files that are no plan.
pub fn summary_of(path: &Path) -> Option<PathBuf> {
    let id = id_of(path)?;
    let is_plain = path.file_stem().is_some_and(|stem| stem == "PLAN");
    let name = if is_plain { "SUMMARY.md".to_owned() } else { format!("{id}-SUMMARY.md") };
    Some(path.with_file_name(name))
}

pub(super) fn read(file: &RelPath, mut reader: Reader<'_>, summary_exists: bool) -> Option<Task> {
    if !reader.has_any(&["phase", "plan"]) {
        return None;
    }
    let id = id_of(file)?;
    let (standing, status) = if summary_exists { (Standing::Done, "done") } else { (Standing::Open, "open") };
    let found = Found {
        dialect: Dialect::Gsd,
        title: title(&mut reader).unwrap_or_else(|| id.as_str().into()),
        status: Some(Spanned::new(status.into(), Span::default())),
        standing,
        folder: None,
        wave: reader.wave(&["wave"]),
        feature: FeatureRef::Folder(feature(file)),
        feature_title: None,
        depends_on: reader.ids(&["depends_on"]),
        needs_person: reader
            .is_false("autonomous")
            .map(|span| Spanned::new("the plan is not autonomous: it has steps for a person".into(), span)),
        mode: reader.first_text(&["implementation_mode", "type"], Loss::Detail),
        files: reader.list("files_modified", Loss::Detail),
        id: Some(Spanned::new(id.into(), id_span(&mut reader))),
    };
    Some(reader.finish(file, found))
}

/// The id is no text of the file; where it stands for an editor is the number of the plan.
fn id_span(reader: &mut Reader<'_>) -> Span {
    let key = if reader.has("plan") { "plan" } else { "phase" };
    let value = reader.text(key, Loss::Detail).map(|value| value.span);
    value.unwrap_or_else(|| reader.key_span(key))
}

/// The folder, without those that every phase lies in.
fn feature(file: &Path) -> Text {
    let folder = folder_text(file);
    let inside = folder.strip_prefix(".planning/").unwrap_or(&folder);
    words::shared(inside.strip_prefix("phases/").unwrap_or(inside))
}

const OPENING: &str = "<objective>";
const CLOSING: &str = "</objective>";

/// The objective, where the body begins with it: headings behind it belong to what the plan lists. Else the first
/// heading.
fn title(reader: &mut Reader<'_>) -> Option<Text> {
    let known = reader.known_title.take();
    let first = known.or_else(|| objective(opening_objective(reader)?)).or_else(|| reader.heading());
    first.or_else(|| objective(reader.body().split_once(OPENING)?.1))
}

/// The same where the text is the beginning of a file; `None` where more of it would have to be known.
pub(super) fn title_in_beginning(reader: &Reader<'_>) -> Option<Text> {
    match opening_objective(reader) {
        Some(behind) if has_end(behind) => objective(behind).or_else(|| reader.heading_in_beginning()),
        Some(_) => None,
        None => reader.heading_in_beginning(),
    }
}

/// What stands behind the mark that is the first text of the body. Anywhere else it may be quoted, or commented out.
fn opening_objective<'t>(reader: &Reader<'t>) -> Option<&'t str> {
    reader.body().trim_start().strip_prefix(OPENING)
}

/// The first paragraph of an objective ends in this text.
fn has_end(behind: &str) -> bool {
    let mut lines = behind.trim_start().split_inclusive('\n');
    behind.contains(CLOSING) || lines.any(|line| line.ends_with('\n') && line.trim().is_empty())
}

/// The first sentence of an objective.
fn objective(behind: &str) -> Option<Text> {
    let text = behind.split(CLOSING).next()?.trim_start();
    let paragraph = text.lines().take_while(|line| !line.trim().is_empty());
    let words = paragraph.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ");
    let end = words.find(". ").map_or(words.len(), |end| end + 1);
    let sentence = words.get(..end)?.trim_end_matches('.');
    let cut = sentence.get(..boundary_before(sentence, LONGEST_TITLE))?;
    (!cut.is_empty()).then(|| cut.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn ids_and_summaries_follow_from_the_file_name() {
        for (file, id, summary) in [
            ("p/09.1-05-PLAN.md", "09.1-05", "p/09.1-05-SUMMARY.md"),
            ("p/12-PLAN-05.md", "12-05", "p/12-05-SUMMARY.md"),
            ("p/22c-05-some-slug-PLAN.md", "22c-05-some-slug", "p/22c-05-some-slug-SUMMARY.md"),
            ("quick/001-fix/PLAN.md", "001-fix", "quick/001-fix/SUMMARY.md"),
        ] {
            assert_eq!(id_of(Path::new(file)).unwrap(), id);
            assert_eq!(summary_of(Path::new(file)).unwrap(), Path::new(summary));
        }
        for file in ["p/09.1-05-SUMMARY.md", "p/RESEARCH.md", "p/-PLAN.md", "p/TEST-PLAN-notes.md"] {
            assert_eq!(id_of(Path::new(file)), None, "{file}");
        }
    }

    #[test]
    fn the_objective_gives_one_sentence() {
        let behind = "\nBuild the\nthing. Then more.\n\nPurpose: x\n</objective>\n";
        assert_eq!(objective(behind).unwrap().as_ref(), "Build the thing");
        assert_eq!(objective(&behind.replace('\n', "\r\n")).unwrap().as_ref(), "Build the thing");
        assert_eq!(objective("One\n \nPurpose: x").unwrap().as_ref(), "One");
        assert_eq!(objective("\n\n</objective>\n\nBehind it."), None);
    }
}
