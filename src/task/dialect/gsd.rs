//! Get Shit Done: the `*-PLAN.md` of a phase, done when its summary says so.
//!
//! The rules are those of gsd-core 1.14 (`plan-scan`, `core-utils`, `plan-document`, `plan-dependency-graph`).

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use super::folder_text;
use super::reader::{Found, Loss, Reader};
use super::{Name, is_dropped};
use crate::task::frontmatter::Frontmatter;
use crate::task::{
    Code, Dialect, FeatureRef, RelPath, Severity, Span, Spanned, Standing, Task, Text, boundary_before, words,
};

/// A longer objective is cut: a title is one line.
const LONGEST_TITLE: usize = 160;

/// What the summary beside a plan says of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Summary {
    /// There is none.
    #[default]
    Missing,
    /// The plan is done.
    Complete,
    /// `status: halted`: a designed stop. The plan is not run again, and what depends on it does not start.
    Halted,
    /// It is there, and finishes nothing: why.
    Unfinished(Text),
}

/// Reads the beginning of a summary, as far as its frontmatter goes.
pub fn read_summary(text: &str) -> Summary {
    /// Beside `blocked`, which is the tool's own, words that people and agents write for work that goes on.
    const UNFINISHED: [&str; 7] = ["blocked", "paused", "partial", "incomplete", "gaps", "gaps_found", "not-complete"];
    if text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}').is_empty() {
        return Summary::Unfinished("its summary is empty".into());
    }
    let status = Frontmatter::find(text).and_then(|found| Reader::new(text, found).text("status", Loss::Detail));
    let Some(status) = status.map(|status| status.value.to_ascii_lowercase()) else { return Summary::Complete };
    match status.as_str() {
        "halted" => Summary::Halted,
        status if UNFINISHED.contains(&status) => {
            Summary::Unfinished(format!("its summary has the status {status}").into())
        }
        _ => Summary::Complete,
    }
}

/// Where a plan lies.
#[derive(Debug, PartialEq, Eq)]
struct Place<'p> {
    /// The workstream that the phase belongs to.
    workstream: Option<&'p str>,
    /// The phase's folder, in one of the folders that hold phases.
    phase: Option<&'p str>,
    /// The folders between the phase's and the file; without a phase all below `.planning`. `/`-separated.
    below: &'p str,
    /// It lies in what a milestone left behind: history.
    is_archived: bool,
}

/// Folders of `.planning` whose plans are history. A milestone that is over has its phases in `milestones/`.
const ARCHIVES: [&str; 5] = ["milestones", "archive", "archived", "_archive", ".archive"];

impl<'p> Place<'p> {
    /// Where this folder is; `None` outside of `.planning`.
    fn of(folder: &'p str) -> Option<Self> {
        let inside = match folder.strip_prefix(".planning")? {
            "" => "",
            below => below.strip_prefix('/')?,
        };
        let mut place = Self { workstream: None, phase: None, below: inside, is_archived: false };
        let mut rest = inside;
        while let Some((part, behind)) = first_part(rest) {
            if part == "phases" || place.is_archived && part.ends_with("-phases") {
                place.phase = first_part(behind).map(|(phase, _)| phase);
                place.below = first_part(behind).map_or("", |(_, below)| below);
                break;
            }
            if place.is_archived && place.workstream.is_none() {
                place.workstream = archived_workstream(part);
            }
            if part == "workstreams" {
                place.workstream = first_part(behind).map(|(name, _)| name);
            }
            place.is_archived |= ARCHIVES.contains(&part);
            rest = behind;
        }
        Some(place)
    }

    /// Every plan here is one, whatever its text says: the phase's own folder, and those that hold its plans.
    fn is_of_phase(&self) -> bool {
        self.phase.is_some() && (matches!(self.below, "" | "plans") || plan_folder_number(self.below).is_some())
    }

    /// In what its id is unique: the phase, with its workstream. It stays the same when the phase is archived.
    fn scope(&self) -> Option<Text> {
        let phase = self.phase?;
        Some(match self.workstream {
            Some(workstream) => words::shared(&format!("{workstream}/{phase}")),
            None => words::shared(phase),
        })
    }

    /// The feature that its plans are: the phase, else the folder.
    fn feature(&self, folder: &str) -> Text {
        match self.scope().filter(|_| !self.is_archived && self.is_of_phase()) {
            Some(scope) => scope,
            None => {
                let inside = folder.strip_prefix(".planning/").unwrap_or(folder);
                words::shared(inside.strip_prefix("phases/").unwrap_or(inside))
            }
        }
    }

    /// The number that the phase's folder begins with: `03` of `03-authentication`.
    fn phase_number(&self) -> Option<&'p str> {
        let number = self.phase?.split('-').next()?;
        number.starts_with(|first: char| first.is_ascii_digit()).then_some(number)
    }
}

/// The first folder of a `/`-separated path, and what lies in it.
fn first_part(path: &str) -> Option<(&str, &str)> {
    let (first, rest) = path.split_once('/').unwrap_or((path, ""));
    (!first.is_empty()).then_some((first, rest))
}

/// `milestones/ws-<workstream>-<date>` is what a workstream left behind.
fn archived_workstream(part: &str) -> Option<&str> {
    let name = part.strip_prefix("ws-")?;
    let is_date = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let end = name.char_indices().find(|(at, c)| *c == '-' && name.get(at + 1..).is_some_and(is_date));
    Some(end.and_then(|(at, _)| name.get(..at)).unwrap_or(name))
}

/// `01` of a folder `01-plan`, which holds one plan.
fn plan_folder_number(folder: &str) -> Option<&str> {
    let (number, word) = folder.split_once('-')?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && word.eq_ignore_ascii_case("plan")).then_some(number)
}

/// What a plan is called.
#[derive(Debug, PartialEq, Eq)]
struct PlanName<'p> {
    id: Cow<'p, str>,
    /// The tool itself does not execute a file of this name.
    is_unusual: bool,
}

impl<'p> PlanName<'p> {
    /// The name of the plan in this file, `stem` being its name without `.md`; `None` for other files.
    fn of(stem: &'p str, folder: &'p str, place: &Place<'p>) -> Option<Self> {
        if is_derived(stem) {
            return None;
        }
        let in_phase = |plan: &str| place.phase_number().map(|phase| Cow::Owned(format!("{phase}-{plan}")));
        if stem == "PLAN" {
            let numbered = plan_folder_number(place.below).filter(|_| place.phase.is_some());
            return match numbered {
                Some(number) => Some(Self { id: in_phase(number)?, is_unusual: true }),
                None => Some(Self { id: folder.rsplit('/').next()?.into(), is_unusual: false }),
            };
        }
        if let Some(id) = stem.strip_suffix("-PLAN") {
            return (!id.is_empty()).then_some(Self { id: id.into(), is_unusual: false });
        }
        let is_number = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
        if let Some(plan) = stem.strip_prefix("PLAN-").filter(|plan| is_number(plan) && place.below == "plans") {
            return Some(Self { id: in_phase(plan).unwrap_or_else(|| plan.into()), is_unusual: true });
        }
        let (phase, plan) = stem.split_once("-PLAN-")?;
        let fits = is_number(phase) && is_number(plan);
        fits.then(|| Self { id: format!("{phase}-{plan}").into(), is_unusual: true })
    }
}

/// Files that are made from a plan, or about it: its outline, a review, what it was before it was sent back, a summary.
fn is_derived(stem: &str) -> bool {
    ["-outline", ".pre-bounce", "-plan-review", "summary"].iter().any(|end| {
        let start = stem.len().checked_sub(end.len());
        start.and_then(|start| stem.get(start..)).is_some_and(|found| found.eq_ignore_ascii_case(end))
    })
}

/// The id that a plan's file name gives: its stem without `PLAN` (`09.1-05-PLAN.md`, `12-PLAN-05.md`,
/// `12-x/plans/PLAN-05.md`), or its folder's name for a plain `PLAN.md`. `None` for other files.
pub(in crate::task) fn id_of(path: &Path) -> Option<String> {
    with_name(path, |name| name.id.into_owned())
}

fn with_name<T>(path: &Path, tell: impl FnOnce(PlanName<'_>) -> T) -> Option<T> {
    let folder = folder_text(path);
    let stem = path.file_stem()?.to_str()?;
    Some(tell(PlanName::of(stem, &folder, &Place::of(&folder)?)?))
}

/// The summaries of which each says that a plan is done, in the plan's folder; none for files that are no plan.
pub fn summaries_of(path: &Path) -> Vec<PathBuf> {
    let own = with_name(path, |name| name.is_unusual.then(|| name.id.into_owned()));
    let (Some(own), Some(stem)) = (own, path.file_stem().and_then(|stem| stem.to_str())) else { return Vec::new() };
    let mut names = Vec::with_capacity(3);
    let word = stem.to_ascii_lowercase().find("plan").map(|at| (at, at + "plan".len()));
    if let Some((before, behind)) = word.and_then(|(start, end)| Some((stem.get(..start)?, stem.get(end..)?))) {
        names.push(format!("{before}SUMMARY{behind}.md"));
    }
    names.push(format!("{stem}-SUMMARY.md"));
    let id = canonical_id(stem);
    if id != stem.strip_suffix("-PLAN").unwrap_or(stem) {
        names.push(format!("{id}-SUMMARY.md"));
    }
    if let Some(own) = own {
        names.push(format!("{own}-SUMMARY.md"));
        names.push(format!("{}-SUMMARY.md", canonical_id(&own)));
    }
    names.dedup();
    names.into_iter().map(|name| path.with_file_name(name)).collect()
}

/// Phase and plan of a file's stem without the slug behind them, `19-02` of `19-02-python-PLAN`: `extractCanonicalPlanId`
/// of gsd-core. The whole stem without `-PLAN` where it has no such pair.
fn canonical_id(stem: &str) -> Cow<'_, str> {
    let base = stem.strip_suffix("-PLAN").unwrap_or(stem);
    let parts: Vec<&str> = base.split('-').filter(|part| !part.is_empty()).collect();
    let phase = parts.iter().position(|part| is_id_token(part, usize::MAX));
    let pair = phase.and_then(|at| Some((parts.get(at)?, parts.get(at + 1)?)));
    match pair.filter(|(_, plan)| is_id_token(plan, 2)) {
        Some((phase, plan)) => format!("{phase}-{plan}").into(),
        None => base.into(),
    }
}

/// `09`, `12A`, `3A`, `06.1`: at least two digits, or one with a letter; a bare digit is a word of a slug, and so is a
/// continuation of more digits than `longest` (a year).
fn is_id_token(part: &str, longest: usize) -> bool {
    let mut segments = part.split('.');
    let first = segments.next().unwrap_or_default();
    let digits = first.bytes().take_while(u8::is_ascii_digit).count();
    let letters = first.get(digits..).unwrap_or_default();
    let has_letter = letters.len() == 1 && letters.bytes().all(|byte| byte.is_ascii_alphabetic());
    let fits = match digits {
        0 => false,
        1 => has_letter,
        _ => digits <= longest && (letters.is_empty() || has_letter),
    };
    fits && segments.all(|segment| !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit()))
}

pub(super) fn read(file: &RelPath, mut reader: Reader<'_>, summary: &Summary) -> Option<Task> {
    let name = Name::of(file);
    let folder = folder_text(file);
    let place = Place::of(&folder)?;
    if !place.is_of_phase() && !reader.has_any(&["phase", "plan"]) {
        return None;
    }
    let stem = std::str::from_utf8(name.stem).ok()?;
    let plan = PlanName::of(stem, &folder, &place)?;
    if plan.is_unusual {
        let message = "GSD executes no plan of this name: it reads `PHASE-PLAN-PLAN.md`, such as `03-01-PLAN.md`";
        reader.problem(Code::UnusualName, Severity::Warning, message, Span::default());
    }
    let id: Text = words::shared(&plan.id);
    let written = reader.text("status", Loss::Detail);
    let dropped = written.filter(|status| is_dropped(&status.value));
    let (standing, status, remark) = match summary {
        _ if dropped.is_some() => (Standing::Dropped, dropped, None),
        Summary::Complete => (Standing::Done, unwritten("done"), None),
        Summary::Halted => (Standing::Halted, unwritten("halted"), None),
        Summary::Missing | Summary::Unfinished(_) if place.is_archived => {
            (Standing::Dropped, unwritten("archived"), None)
        }
        Summary::Missing => (Standing::Open, unwritten("open"), None),
        Summary::Unfinished(why) => (Standing::Open, unwritten("open"), Some(Text::clone(why))),
    };
    let found = Found {
        dialect: Dialect::Gsd,
        title: title(&mut reader).unwrap_or_else(|| Text::clone(&id)),
        status,
        standing,
        remark,
        scope: place.scope().filter(|_| place.is_of_phase()),
        is_archived: place.is_archived,
        folder: None,
        wave: reader.wave(&["wave"]),
        feature: FeatureRef::Folder(place.feature(&folder)),
        feature_title: None,
        depends_on: reader.ids(&["depends_on"]),
        needs_person: needs_person(&mut reader),
        mode: reader.first_text(&["implementation_mode", "type"], Loss::Detail),
        files: ["files_modified", "files-modified", "files_deleted", "files-deleted"]
            .iter()
            .flat_map(|key| reader.list(key, Loss::Detail))
            .collect(),
        id: Some(Spanned::new(id.to_string().into(), id_span(&mut reader))),
    };
    Some(reader.finish(file, found))
}

/// A status that no text of the file says.
fn unwritten(status: &'static str) -> Option<Spanned<Cow<'static, str>>> {
    Some(Spanned::new(status.into(), Span::default()))
}

fn needs_person<'t>(reader: &mut Reader<'t>) -> Option<Spanned<Cow<'t, str>>> {
    if let Some(span) = reader.is_other_than("autonomous", "true") {
        return Some(Spanned::new("the plan is not autonomous: it has steps for a person".into(), span));
    }
    let span = checkpoint_for_person(reader.body(), reader.body_start())?;
    Some(Spanned::new("the plan has a checkpoint for a person".into(), span))
}

/// A task of the plan's body with a type such as `checkpoint:human-verify`.
fn checkpoint_for_person(body: &str, start: usize) -> Option<Span> {
    const MARK: &str = "type=\"checkpoint:human-";
    let at = outside_fences(body).find_map(|(at, line)| Some(at + line.find(MARK)?))?;
    Some(Span::new(start + at, start + at + MARK.len()))
}

/// The lines of a body that stand in no code fence, each with its offset.
fn outside_fences(body: &str) -> impl Iterator<Item = (usize, &str)> {
    let (mut at, mut fence) = (0, None);
    body.split_inclusive('\n').filter_map(move |line| {
        let start = at;
        at += line.len();
        let text = line.trim_start();
        let mark = ["```", "~~~"].into_iter().find(|mark| text.starts_with(mark));
        match (fence, mark) {
            (None, Some(_)) => fence = mark,
            (Some(open), Some(mark)) if open == mark => fence = None,
            (None, None) => return Some((start, line)),
            _ => {}
        }
        None
    })
}

/// The id is no text of the file; where it stands for an editor is the number of the plan.
fn id_span(reader: &mut Reader<'_>) -> Span {
    let key = if reader.has("plan") { "plan" } else { "phase" };
    let value = reader.text(key, Loss::Detail).map(|value| value.span);
    value.unwrap_or_else(|| reader.key_span(key))
}

const OPENING: &str = "<objective>";
const CLOSING: &str = "</objective>";

/// The objective, else the first heading: headings around an objective belong to what the plan lists.
fn title(reader: &mut Reader<'_>) -> Option<Text> {
    let known = reader.known_title.take();
    known.or_else(|| objective(behind_opening(reader.body())?)).or_else(|| reader.heading())
}

/// The same where the text is the beginning of a file; `None` where more of it would have to be known.
fn title_in_beginning(reader: &Reader<'_>) -> Option<Text> {
    let behind = behind_opening(reader.body()).filter(|behind| has_end(behind))?;
    objective(behind).or_else(|| reader.heading_in_beginning())
}

/// All that the body decides where the text is the beginning of a file; `None` where more of it would have to be known.
pub(super) fn known_from_beginning(reader: &mut Reader<'_>, summary: &Summary) -> Option<Text> {
    let may_start = matches!(summary, Summary::Missing | Summary::Unfinished(_));
    if may_start && reader.is_other_than("autonomous", "true").is_none() {
        // A checkpoint for a person may stand anywhere in it.
        return None;
    }
    title_in_beginning(reader)
}

/// What stands behind the mark of the objective. In a code fence or a comment it is quoted, inside a line mentioned.
fn behind_opening(body: &str) -> Option<&str> {
    let mut in_comment = false;
    let at = outside_fences(body).find_map(|(at, line)| {
        let opens = !in_comment && line.trim_start().starts_with(OPENING);
        let last = |mark: &str| line.rfind(mark).map_or(0, |at| at + 1);
        in_comment = if in_comment { last("-->") <= last("<!--") } else { last("<!--") > last("-->") };
        opens.then(|| at + line.len() - line.trim_start().len() + OPENING.len())
    })?;
    body.get(at..)
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
    let sentence = words.get(..end_of_sentence(&words))?.trim_end_matches('.');
    let cut = sentence.get(..boundary_before(sentence, LONGEST_TITLE))?;
    (!cut.is_empty()).then(|| cut.into())
}

/// Where the first sentence ends. A full stop in brackets or code, behind an abbreviation, or before a small letter ends
/// none.
fn end_of_sentence(text: &str) -> usize {
    /// What people shorten in plans.
    const SHORTENED: [&str; 14] =
        ["e.g", "i.e", "etc", "vs", "cf", "rev", "approx", "no", "fig", "sec", "ch", "incl", "max", "min"];
    let (mut depth, mut in_code) = (0_usize, false);
    for (at, c) in text.char_indices() {
        match c {
            '`' => in_code = !in_code,
            '(' | '[' if !in_code => depth += 1,
            ')' | ']' if !in_code => depth = depth.saturating_sub(1),
            '.' | '!' | '?' if depth == 0 && !in_code => {
                let behind = text.get(at + 1..).unwrap_or_default();
                let next = behind.strip_prefix(' ').and_then(|behind| behind.chars().next());
                let word = text.get(..at).unwrap_or_default().rsplit(' ').next().unwrap_or_default();
                let is_short = SHORTENED.iter().any(|short| word.eq_ignore_ascii_case(short));
                if next.is_some_and(|next| !next.is_lowercase()) && !is_short {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn ids_and_summaries_follow_from_the_file_name() {
        for (file, id, summary) in [
            (".planning/p/09.1-05-PLAN.md", "09.1-05", ".planning/p/09.1-05-SUMMARY.md"),
            (".planning/p/12-PLAN-05.md", "12-05", ".planning/p/12-05-SUMMARY.md"),
            (".planning/p/12.2-PLAN-05-slug.md", "12.2-05-slug", ".planning/p/12.2-05-SUMMARY.md"),
            (".planning/p/19-02-python-PLAN.md", "19-02-python", ".planning/p/19-02-SUMMARY.md"),
            (".planning/phases/147-x/plans/PLAN-01.md", "147-01", ".planning/phases/147-x/plans/SUMMARY-01.md"),
            (".planning/phases/147-x/02-plan/PLAN.md", "147-02", ".planning/phases/147-x/02-plan/SUMMARY.md"),
            (".planning/p/22c-05-some-slug-PLAN.md", "22c-05-some-slug", ".planning/p/22c-05-some-slug-SUMMARY.md"),
            (".planning/quick/001-fix/PLAN.md", "001-fix", ".planning/quick/001-fix/SUMMARY.md"),
        ] {
            assert_eq!(id_of(Path::new(file)).unwrap(), id);
            assert!(summaries_of(Path::new(file)).contains(&summary.into()), "{:?}", summaries_of(Path::new(file)));
        }
        for file in [
            ".planning/p/09.1-05-SUMMARY.md",
            ".planning/p/RESEARCH.md",
            ".planning/p/-PLAN.md",
            ".planning/p/TEST-PLAN-notes.md",
        ] {
            assert_eq!(id_of(Path::new(file)), None, "{file}");
        }
    }

    #[test]
    fn a_place_has_a_scope_that_survives_the_archive() {
        let scope = |folder| Place::of(folder).and_then(|place| Some((place.scope()?.to_string(), place.is_archived)));
        for (folder, expected, is_archived) in [
            (".planning/phases/01-a", "01-a", false),
            (".planning/phases/01-a/plans", "01-a", false),
            (".planning/milestones/v1.0-phases/01-a", "01-a", true),
            (".planning/workstreams/api/phases/01-a", "api/01-a", false),
            (".planning/workstreams/api/milestones/v2-phases/01-a", "api/01-a", true),
            (".planning/milestones/ws-api-2026-03-01/phases/01-a", "api/01-a", true),
        ] {
            assert_eq!(scope(folder), Some((expected.to_owned(), is_archived)), "{folder}");
        }
        assert_eq!(scope(".planning/quick/001-fix"), None);
        assert_eq!(Place::of("docs/.planning"), None);
    }

    #[test]
    fn a_summary_says_whether_it_finishes_its_plan() {
        let unfinished = |status: &str| Summary::Unfinished(format!("its summary has the status {status}").into());
        for (text, expected) in [
            ("# Done\n", Summary::Complete),
            ("---\nstatus: complete\n---\n", Summary::Complete),
            ("---\nstatus: Halted # designed stop\n---\n", Summary::Halted),
            ("---\nphase: 1\nstatus: BLOCKED\n---\n", unfinished("blocked")),
            ("---\nstatus: gaps_found\n---\n", unfinished("gaps_found")),
            ("\n \n", Summary::Unfinished("its summary is empty".into())),
        ] {
            assert_eq!(read_summary(text), expected, "{text}");
        }
    }

    #[test]
    fn a_sentence_ends_where_the_next_one_begins() {
        for (text, expected) in [
            ("Promote the N3 (rev. 1) to supported. More.", "Promote the N3 (rev. 1) to supported."),
            ("Use e.g. Rust. Then rest.", "Use e.g. Rust."),
            ("Read `a. B`, and go. On.", "Read `a. B`, and go."),
            ("Move to v1. 2 is next.", "Move to v1."),
            ("One only", "One only"),
            ("Is it? Yes.", "Is it?"),
        ] {
            assert_eq!(text.get(..end_of_sentence(text)), Some(expected));
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
