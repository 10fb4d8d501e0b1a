//! One workspace root: its index, its runs, and what the editor was told about its files.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::mem::Discriminant;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use tower_lsp::ls_types::{Diagnostic, Uri};

use super::convert::{LineTable, uri_of};
use super::message::Request;
use super::runs::{LastAttempt, RunBook};
use super::watch::{Deaf, FileWatch};
use crate::agent::{self, Excerpt};
use crate::plan::{KnownIds, UnknownId};
use crate::run::{self, Durations, NewRuns, Outcome, RunId, RunState, RunSummary};
use crate::task::{self, Problem, RelPath, TaskId};
use crate::workspace::{Changed, Index, private};

/// A file longer than this is cut before its lines are counted: all that has a range stands in the frontmatter.
const READ_FOR_LINES: u64 = 4 * 1024 * 1024;

/// One workspace root.
pub(super) struct Root {
    /// The canonical path.
    pub(super) path: PathBuf,
    /// The same folder as the editor names it: through a link, where the editor opened one.
    shown: PathBuf,
    /// The index, or where it is.
    pub(super) index: IndexState,
    /// What happened while the index was away.
    pub(super) pending: PendingChanges,
    /// Requests that wait for the index.
    pub(super) waiting: Vec<Request>,
    /// The runs.
    pub(super) runs: RunBook,
    /// The state folder; known once the configuration is.
    pub(super) state_dir: PathBuf,
    /// Tasks whose run is being started, with the run once it has: until its first news a second click must find them.
    pub(super) starting: HashMap<TaskId, Option<RunId>>,
    /// The user is being asked whether to trust the configuration.
    pub(super) asking: bool,
    /// The runs that are or were followed.
    pub(super) followed: HashSet<RunId>,
    /// The runs of which news have come.
    pub(super) heard: HashSet<RunId>,
    /// The tasks that the index was told to have passed.
    pub(super) passed: BTreeSet<TaskId>,
    /// Those that it was told to have been started before.
    pub(super) tried: BTreeSet<TaskId>,
    /// Open files, with the editor's URI for each.
    pub(super) open: BTreeMap<RelPath, Uri>,
    /// Lines of closed files that have diagnostics.
    pub(super) lines: Lines,
    /// Closed files whose lines are being read.
    pub(super) reading: Reading,
    /// Messages of unknown dependencies with the nearest known ids added: looked for when the user pauses.
    pub(super) nearest: Nearest,
    /// They are being looked for in all files.
    pub(super) looking_for_nearest: bool,
    /// What was published last, where it is not empty.
    pub(super) published: BTreeMap<RelPath, (Uri, Vec<Diagnostic>)>,
    /// Watches files, where the editor does not.
    pub(super) watch: Option<FileWatch>,
    /// The user was told why changes of files are not.
    pub(super) told_deaf: HashSet<Discriminant<Deaf>>,
    /// Tells of new runs; ends with the root.
    pub(super) run_watch: Option<tokio::task::AbortHandle>,
}

/// Where the index is.
pub(super) enum IndexState {
    /// Here.
    Here(Box<Index>),
    /// On another thread, which brings it back.
    Away,
    /// Lost: the thread that had it broke. The workspace is shown without plan until the server starts again.
    Lost,
}

/// What the index has to hear when it is back.
#[derive(Debug, Default)]
pub(super) struct PendingChanges {
    /// Files whose open text changed, or that were closed.
    pub(super) texts: BTreeSet<RelPath>,
    /// Files and folders that changed on disk.
    pub(super) files: BTreeSet<RelPath>,
    /// Anything may have changed on disk.
    pub(super) everything: bool,
}

/// What another thread does with the index.
#[derive(Debug)]
pub(super) enum Work {
    /// Read the workspace for the first time, with its history of runs.
    Build,
    /// Read the workspace anew: too much changed to read it file by file.
    Rebuild,
    /// Read these files again: open ones, and closed ones.
    Reload { open: BTreeSet<RelPath>, closed: BTreeSet<RelPath> },
}

/// What comes back.
pub(super) struct Done {
    /// When the work began.
    pub(super) began: SystemTime,
    /// The index.
    pub(super) index: Box<Index>,
    /// Where the runs lie.
    pub(super) state_dir: PathBuf,
    /// Files and features that may be different now; `None`: all.
    pub(super) changed: Option<Changed>,
    /// Files that were read again: their old lines are wrong.
    pub(super) reread: BTreeSet<RelPath>,
    /// What is still to be found out about a new index.
    pub(super) rest: Option<DeferredIndexWork>,
    /// The history of runs, read once.
    pub(super) history: Option<Box<History>>,
}

/// What diagnostics of a whole workspace need, and lenses do not: they do not wait for it.
pub(super) struct DeferredIndexWork {
    /// Closed and open files with something to tell, or that such a file names.
    pub(super) files: BTreeSet<RelPath>,
    known: KnownIds,
    unknown: Vec<UnknownId>,
}

impl DeferredIndexWork {
    /// Reads the files' lines, and finds the messages of unknown dependencies with the nearest known ids. Blocking.
    pub(super) fn find(self, root: &Path) -> (Lines, Nearest) {
        let nearest = self.unknown.iter().map(|unknown| (unknown.message.clone(), self.known.complete(unknown)));
        (read_lines(root, self.files), nearest.collect())
    }
}

/// Lines of closed files.
pub(super) type Lines = HashMap<RelPath, Arc<LineTable>>;
/// Messages of unknown dependencies, with the nearest known ids added.
pub(super) type Nearest = HashMap<Box<str>, Box<str>>;

/// Which files' lines are being read. A file that changes meanwhile is read again, and what was read before does not
/// count.
#[derive(Debug, Default)]
pub(super) struct Reading {
    newest: u64,
    files: HashMap<RelPath, u64>,
}

impl Reading {
    /// Those of the files that are not being read yet, with the number of this reading.
    pub(super) fn begin(&mut self, mut files: BTreeSet<RelPath>) -> (u64, BTreeSet<RelPath>) {
        self.newest += 1;
        files.retain(|file| !self.files.contains_key(file));
        self.files.extend(files.iter().map(|file| (file.clone(), self.newest)));
        (self.newest, files)
    }

    /// All files may have changed.
    pub(super) fn anew(&self) -> Self {
        Self { newest: self.newest, files: HashMap::new() }
    }

    /// The file has changed.
    pub(super) fn forget(&mut self, file: &Path) {
        self.files.remove(file);
    }

    /// Leaves those lines that count.
    pub(super) fn end(&mut self, reading: u64, lines: &mut Lines) {
        lines.retain(|file, _| self.files.get(file) == Some(&reading));
        self.files.retain(|_, of| *of != reading);
    }
}

/// What earlier runs left.
pub(super) struct History {
    /// The latest attempts that have ended.
    pub(super) ended: BTreeMap<TaskId, LastAttempt>,
    /// Runs in progress.
    pub(super) live: Vec<RunId>,
    /// The runs that come later.
    pub(super) new_runs: NewRuns,
    /// How long the attempts that passed took.
    pub(super) durations: Durations,
}

impl Root {
    /// A root whose index is still to be built.
    pub(super) fn new(path: PathBuf, shown: PathBuf) -> Self {
        Self {
            state_dir: path.join(crate::workspace::USUAL_STATE_DIR),
            path,
            shown,
            index: IndexState::Away,
            pending: PendingChanges::default(),
            waiting: Vec::new(),
            runs: RunBook::default(),
            starting: HashMap::new(),
            asking: false,
            followed: HashSet::new(),
            heard: HashSet::new(),
            passed: BTreeSet::new(),
            tried: BTreeSet::new(),
            open: BTreeMap::new(),
            lines: HashMap::new(),
            reading: Reading::default(),
            nearest: HashMap::new(),
            looking_for_nearest: false,
            published: BTreeMap::new(),
            watch: None,
            told_deaf: HashSet::new(),
            run_watch: None,
        }
    }

    /// The root as the editor names it: what commands carry.
    pub(super) fn uri(&self) -> String {
        uri_of(&self.shown).map(|uri| uri.as_str().to_string()).unwrap_or_default()
    }

    /// The folder as the editor names it.
    pub(super) fn shown(&self) -> &Path {
        &self.shown
    }

    /// A path of the workspace, relative to the root, whichever name of the root it begins with.
    pub(super) fn relative(&self, path: &Path) -> Option<RelPath> {
        path.strip_prefix(&self.path).or_else(|_| path.strip_prefix(&self.shown)).ok().map(Into::into)
    }

    /// Must the index hear of a change of this path? A path without ending may be a folder that came or went with all
    /// that is in it; what runs and git write is none. While the index is away it cannot say what concerns it.
    pub(super) fn concerns(&self, file: &Path) -> bool {
        let state = self.state_dir.strip_prefix(&self.path).unwrap_or(&self.state_dir);
        if file.as_os_str().is_empty() || file.starts_with(state) || file.starts_with(".git") {
            return false;
        }
        file.extension().is_none() || self.index().is_none_or(|index| index.concerns(file))
    }

    /// The URI of a file: the editor's own where it is open.
    pub(super) fn uri_of(&self, file: &Path) -> Option<Uri> {
        self.open.get(file).cloned().or_else(|| uri_of(&self.shown.join(file)))
    }

    /// The index, where it is here.
    pub(super) fn index(&self) -> Option<&Index> {
        match &self.index {
            IndexState::Here(index) => Some(index),
            IndexState::Away | IndexState::Lost => None,
        }
    }

    /// The index to change, where it is here.
    pub(super) fn index_mut(&mut self) -> Option<&mut Index> {
        match &mut self.index {
            IndexState::Here(index) => Some(index),
            IndexState::Away | IndexState::Lost => None,
        }
    }

    /// Every file that has or had something published, or has something to publish.
    pub(super) fn all_told_files(&self) -> BTreeSet<RelPath> {
        let Some(index) = self.index() else { return BTreeSet::new() };
        let mut files: BTreeSet<RelPath> = index.all_problems().into_iter().map(|problems| problems.file).collect();
        files.extend(self.published.keys().cloned());
        files.extend(self.runs.not_passed().filter_map(|task| index.file_of(task.as_str()).cloned()));
        files
    }
}

impl PendingChanges {
    /// Has the index to go away again to hear it?
    pub(super) fn has_files(&self) -> bool {
        self.everything || !self.files.is_empty()
    }
}

/// Does the work. Blocking.
pub(super) fn work(root: &Path, index: Option<Box<Index>>, work: Work) -> Done {
    let began = SystemTime::now();
    match (work, index) {
        (Work::Reload { open, closed }, Some(mut index)) => {
            let mut touched = Changed::default();
            for file in &closed {
                merge(&mut touched, index.set_text(file, None)); // what was open until now is the disk's again
            }
            for file in open.iter().chain(&closed) {
                merge(&mut touched, index.reload(file));
            }
            let reread: BTreeSet<RelPath> = open.into_iter().chain(closed).collect();
            touched.files.extend(reread.iter().cloned());
            Done {
                began,
                index,
                state_dir: run::state_dir(root),
                changed: Some(touched),
                reread,
                rest: None,
                history: None,
            }
        }
        (work, _) => build(root, matches!(work, Work::Build), began),
    }
}

fn build(root: &Path, first: bool, began: SystemTime) -> Done {
    let mut index = Box::new(Index::build(root));
    let state_dir = run::state_dir(root);
    let history = first.then(|| Box::new(history(root, &state_dir)));
    if let Some(history) = &history {
        let passed = |(task, ended): (&TaskId, &LastAttempt)| (ended.outcome == Outcome::Passed).then(|| task.clone());
        index.set_passed(history.ended.iter().filter_map(passed).collect());
        index.set_tried(history.ended.keys().cloned().collect());
    }
    let problems = index.all_problems();
    let related = problems.iter().flat_map(|file| &file.problems).flat_map(|problem| &problem.related);
    let mut files: BTreeSet<RelPath> = related.map(|(place, _)| place.file.clone()).collect();
    files.extend(problems.iter().map(|file| file.file.clone()));
    let not_passed =
        history.iter().flat_map(|history| &history.ended).filter(|(_, ended)| ended.outcome != Outcome::Passed);
    files.extend(not_passed.filter_map(|(task, _)| index.file_of(task.as_str()).cloned()));
    let unknown = problems.iter().flat_map(|of| unknown_ids(&index, &of.file, &of.problems)).collect();
    let rest = Some(DeferredIndexWork { files, known: index.known_ids(), unknown });
    Done { began, index, state_dir, changed: None, reread: BTreeSet::new(), rest, history }
}

/// Those that cannot go on, and only be ended, are none that run.
fn goes_on(state_dir: &Path, run: &RunSummary) -> bool {
    match run.state {
        RunState::Running => true,
        RunState::Died => !run::is_closed(state_dir, &run.run),
        RunState::Finished => false,
    }
}

fn history(root: &Path, state_dir: &Path) -> History {
    let new_runs = NewRuns::after_now(root);
    let run::History { runs, latest, durations } = run::history(state_dir);
    // Those that lost their supervisor, too: who follows them gives them a new one.
    let here = runs.into_iter().filter(|run| goes_on(state_dir, run)).map(|summary| summary.run);
    // `state_dir` may have been changed since.
    let before = run::left_behind(root).into_iter().filter(|(dir, run)| goes_on(dir, run));
    let live: Vec<RunId> = here.chain(before.map(|(_, summary)| summary.run)).collect();
    let mut ended = BTreeMap::new();
    for (task, attempt) in latest {
        // Its attempt may be alive, or have a result: the supervisor that takes the run over tells which.
        if attempt.outcome == Some(Outcome::Lost) && live.contains(&attempt.run) {
            continue;
        }
        let Some(mut attempt) = LastAttempt::of_history(root, &attempt) else { continue };
        if attempt.outcome != Outcome::Passed {
            attempt.excerpt = attempt.log.as_deref().and_then(|log| read_excerpt(log, root));
        }
        ended.insert(task, attempt);
    }
    History { ended, live, new_runs, durations }
}

/// A file's dependencies that nobody knows.
pub(super) fn unknown_ids<'a>(
    index: &'a Index,
    file: &'a Path,
    problems: &'a [Problem],
) -> impl Iterator<Item = UnknownId> + 'a {
    problems.iter().filter_map(|problem| index.unknown_id(file, problem))
}

/// The end of a log; `None` where it cannot be read: the outcome is told without it. Blocking.
pub(super) fn read_excerpt(log: &Path, root: &Path) -> Option<Arc<Excerpt>> {
    agent::excerpt(log, root).ok().map(Arc::new)
}

/// The lines of closed files. One that cannot be read has none, and its diagnostics stand at its start. Blocking.
pub(super) fn read_lines(root: &Path, files: BTreeSet<RelPath>) -> Lines {
    use std::io::Read as _;
    let read = |file: &RelPath| {
        let mut bytes = Vec::new();
        let opened = private::open_plain(&root.join(file));
        let _ = opened.and_then(|opened| opened.take(READ_FOR_LINES).read_to_end(&mut bytes));
        Arc::new(LineTable::of_disk(&task::decode(&bytes)))
    };
    files.into_iter().map(|file| (file.clone(), read(&file))).collect()
}

fn merge(into: &mut Changed, other: Changed) {
    into.files.extend(other.files);
    into.features.extend(other.features);
}

/// The editor's name of a root, from a folder's name in the editor and in truth: `/link/sub` is `/real/sub`, so a root
/// `/real` is `/link`.
pub(super) fn shown_root(root: &Path, folder: &Path, folder_canonical: &Path) -> PathBuf {
    if let Ok(below) = root.strip_prefix(folder_canonical) {
        return if below.as_os_str().is_empty() { folder.to_path_buf() } else { folder.join(below) };
    }
    let above = folder_canonical.strip_prefix(root).ok().and_then(|below| {
        let prefix = folder.components().count().checked_sub(below.components().count())?;
        folder.ends_with(below).then(|| folder.components().take(prefix).collect::<PathBuf>())
    });
    above.unwrap_or_else(|| root.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_were_read_before_a_file_changed_do_not_count() {
        let lines = || Arc::new(LineTable::new(""));
        let file = |name: &str| -> RelPath { Path::new(name).into() };
        let mut reading = Reading::default();
        let (first, files) = reading.begin([file("changes"), file("stays")].into());
        assert_eq!(files.len(), 2);
        let (_, again) = reading.begin([file("stays")].into());
        assert!(again.is_empty(), "it is being read");
        reading.forget(&file("changes"));
        let (second, files) = reading.begin([file("changes")].into());
        assert_eq!(files, [file("changes")].into());
        let mut old: Lines = [(file("changes"), lines()), (file("stays"), lines())].into();
        reading.end(first, &mut old);
        assert_eq!(old.into_keys().collect::<Vec<_>>(), [file("stays")]);
        let mut new: Lines = [(file("changes"), lines())].into();
        reading.end(second, &mut new);
        assert_eq!(new.len(), 1);
    }

    #[test]
    fn a_root_keeps_the_name_that_the_editor_has_for_it() {
        let shown = |root: &str, folder: &str, canonical: &str| {
            shown_root(Path::new(root), Path::new(folder), Path::new(canonical))
        };
        assert_eq!(shown("/real", "/link", "/real"), Path::new("/link"));
        assert_eq!(shown("/real/sub", "/link", "/real"), Path::new("/link/sub"));
        assert_eq!(shown("/real", "/link/sub", "/real/sub"), Path::new("/link"));
        assert_eq!(shown("/real", "/other-name", "/real/sub"), Path::new("/real"));
        assert_eq!(shown("/elsewhere", "/link", "/real"), Path::new("/elsewhere"));
    }
}
