//! One workspace root: its index, its runs, and what the editor was told about its files.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tower_lsp::ls_types::{Diagnostic, Uri};

use super::main_loop::Request;
use super::proto::{LineTable, uri_of};
use super::runs::{Ended, RunBook};
use super::watch::FileWatch;
use crate::agent::{self, Excerpt};
use crate::run::{self, Durations, NewRuns, Outcome, RunId, RunState};
use crate::task::{self, Code, Problem, RelPath, TaskId};
use crate::workspace::{Changed, Index, private, state_dir};

/// A file longer than this is cut before its lines are counted: all that has a range stands in the frontmatter.
const READ_FOR_LINES: u64 = 4 * 1024 * 1024;

/// One workspace root.
pub(super) struct Root {
    /// The canonical path.
    pub(super) path: PathBuf,
    /// The same folder as the editor names it: through a link, where the editor opened one.
    shown: PathBuf,
    /// The index, or where it is.
    pub(super) index: Slot,
    /// What happened while the index was away.
    pub(super) backlog: Backlog,
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
    /// Open files, with the editor's URI for each.
    pub(super) open: BTreeMap<RelPath, Uri>,
    /// Lines of closed files that have diagnostics.
    pub(super) lines: HashMap<RelPath, Arc<LineTable>>,
    /// Closed files whose lines are being read.
    pub(super) reading_lines: BTreeSet<RelPath>,
    /// Messages of unknown dependencies with the nearest known ids added: looked for when the user pauses.
    pub(super) nearest: HashMap<Box<str>, Box<str>>,
    /// What was published last, where it is not empty.
    pub(super) published: BTreeMap<RelPath, (Uri, Vec<Diagnostic>)>,
    /// Watches files, where the editor does not.
    pub(super) watch: Option<FileWatch>,
    /// Tells of new runs; ends with the root.
    pub(super) run_watch: Option<tokio::task::AbortHandle>,
}

/// Where the index is.
pub(super) enum Slot {
    /// Here.
    Here(Box<Index>),
    /// On another thread, which brings it back.
    Away,
    /// Lost: the thread that had it broke. The workspace is shown without plan until the server starts again.
    Lost,
}

/// What the index has to hear when it is back.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    /// Files whose open text changed, or that were closed.
    pub(super) texts: BTreeSet<RelPath>,
    /// Files and folders that changed on disk.
    pub(super) files: BTreeSet<RelPath>,
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
    /// The index.
    pub(super) index: Box<Index>,
    /// Files and features that may be different now; `None`: all.
    pub(super) changed: Option<Changed>,
    /// Files that were read again: their old lines are wrong.
    pub(super) reread: BTreeSet<RelPath>,
    /// Lines of files with problems.
    pub(super) lines: HashMap<RelPath, Arc<LineTable>>,
    /// Messages of problems, with the nearest known ids added.
    pub(super) nearest: HashMap<Box<str>, Box<str>>,
    /// The history of runs, read once.
    pub(super) history: Option<Box<History>>,
}

/// What earlier runs left.
pub(super) struct History {
    /// The latest attempts that have ended.
    pub(super) ended: BTreeMap<TaskId, Ended>,
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
            state_dir: path.join(".feature-build"),
            path,
            shown,
            index: Slot::Away,
            backlog: Backlog::default(),
            waiting: Vec::new(),
            runs: RunBook::default(),
            starting: HashMap::new(),
            asking: false,
            followed: HashSet::new(),
            heard: HashSet::new(),
            passed: BTreeSet::new(),
            open: BTreeMap::new(),
            lines: HashMap::new(),
            reading_lines: BTreeSet::new(),
            nearest: HashMap::new(),
            published: BTreeMap::new(),
            watch: None,
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
            Slot::Here(index) => Some(index),
            Slot::Away | Slot::Lost => None,
        }
    }

    /// The index to change, where it is here.
    pub(super) fn index_mut(&mut self) -> Option<&mut Index> {
        match &mut self.index {
            Slot::Here(index) => Some(index),
            Slot::Away | Slot::Lost => None,
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

impl Backlog {
    /// Has the index to go away again to hear it?
    pub(super) fn has_files(&self) -> bool {
        !self.files.is_empty()
    }
}

/// Does the work. Blocking.
pub(super) fn work(root: &Path, index: Option<Box<Index>>, work: Work) -> Done {
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
                index,
                changed: Some(touched),
                reread,
                lines: HashMap::new(),
                nearest: HashMap::new(),
                history: None,
            }
        }
        (work, _) => build(root, matches!(work, Work::Build)),
    }
}

fn build(root: &Path, first: bool) -> Done {
    let mut index = Box::new(Index::build(root));
    let history = first.then(|| Box::new(history(root, &state_dir(root, index.config()))));
    if let Some(history) = &history {
        let passed = |(task, ended): (&TaskId, &Ended)| (ended.outcome == Outcome::Passed).then(|| task.clone());
        index.set_passed(history.ended.iter().filter_map(passed).collect());
    }
    let problems = index.all_problems();
    let nearest = problems.iter().flat_map(|file| nearest_ids(&index, &file.file, &file.problems)).collect();
    let related = problems.iter().flat_map(|file| &file.problems).flat_map(|problem| &problem.related);
    let mut files: BTreeSet<RelPath> = related.map(|(place, _)| place.file.clone()).collect();
    files.extend(problems.iter().map(|file| file.file.clone()));
    let not_passed =
        history.iter().flat_map(|history| &history.ended).filter(|(_, ended)| ended.outcome != Outcome::Passed);
    files.extend(not_passed.filter_map(|(task, _)| index.file_of(task.as_str()).cloned()));
    let lines = read_lines(root, files);
    Done { index, changed: None, reread: BTreeSet::new(), lines, nearest, history }
}

fn history(root: &Path, state_dir: &Path) -> History {
    let new_runs = NewRuns::after_now(state_dir);
    let run::History { runs, latest, durations } = run::history(state_dir);
    // Those that lost their supervisor, too: who follows them gives them a new one.
    let live: Vec<RunId> =
        runs.into_iter().filter(|run| run.state != RunState::Finished).map(|summary| summary.run).collect();
    let mut ended = BTreeMap::new();
    for (task, attempt) in latest {
        // Its attempt may be alive, or have a result: the supervisor that takes the run over tells which.
        if attempt.outcome == Some(Outcome::Lost) && live.contains(&attempt.run) {
            continue;
        }
        let Some(mut attempt) = Ended::of_history(root, &attempt) else { continue };
        if attempt.outcome != Outcome::Passed {
            attempt.excerpt = attempt.log.as_deref().and_then(|log| read_excerpt(log, root));
        }
        ended.insert(task, attempt);
    }
    History { ended, live, new_runs, durations }
}

/// The messages of a file's unknown dependencies, with the nearest known ids added. Costs a look at every id.
pub(super) fn nearest_ids(index: &Index, file: &Path, problems: &[Problem]) -> Vec<(Box<str>, Box<str>)> {
    let unknown = problems.iter().filter(|problem| problem.code == Code::UnknownDependency);
    let mut unknown: Vec<Problem> = unknown.cloned().collect();
    let plain: Vec<Box<str>> = unknown.iter().map(|problem| problem.message.clone()).collect();
    index.add_nearest_ids(file, &mut unknown);
    plain.into_iter().zip(unknown.into_iter().map(|problem| problem.message)).collect()
}

/// The end of a log; `None` where it cannot be read: the outcome is told without it. Blocking.
pub(super) fn read_excerpt(log: &Path, root: &Path) -> Option<Arc<Excerpt>> {
    agent::excerpt(log, root).ok().map(Arc::new)
}

/// The lines of closed files. One that cannot be read has none, and its diagnostics stand at its start. Blocking.
pub(super) fn read_lines(root: &Path, files: BTreeSet<RelPath>) -> HashMap<RelPath, Arc<LineTable>> {
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
