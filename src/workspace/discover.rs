//! Which files of a workspace are read, and how much of them.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use ignore::WalkBuilder;
use rustix::fs::FileType;

use super::Config;
use super::backlog::Backlog;
use super::config::{FILE_NAME, Glob};
use super::private;
use super::walk::{self, Found, Met};
use crate::task::{self, BacklogFolder, Dialect, Extent, FromBeginning, Task};

/// Enough for the frontmatter of nearly every file; one read.
const HEAD: usize = 4 << 10;
/// No frontmatter is longer: a 50 MB file that forgot its closing mark is not read to its end.
const LONGEST_FRONTMATTER: usize = 1 << 20;
/// How far into the body a title is looked for.
const TITLE_WITHIN: usize = 64 << 10;

/// Folders that hold what a dialect reads, relative to the root; those of Backlog.md are where its configuration says.
const DIALECT_FOLDERS: [(&str, Dialect); 3] =
    [("tasks", Dialect::GuardKit), (".guardkit/features", Dialect::GuardKit), (".planning", Dialect::Gsd)];

/// What a file is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Task(Dialect),
    FeatureFile,
    Config,
    /// Backlog.md's configuration and milestones: they change how its tasks are read.
    BacklogFacts,
    /// GSD: it says that the plan beside it is done.
    Summary,
}

/// Where the bytes of a file are.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    /// The walk stands before it.
    Found(&'a Found<'a>),
    /// At this path, which no link leads out of the root.
    Path(&'a Path),
    /// At this path below this root, unless a link leads out of that.
    Inside(&'a Path, &'a Path),
}

impl Source<'_> {
    fn open(self) -> io::Result<File> {
        match self {
            Self::Found(found) => found.open(),
            Self::Path(path) => private::open_plain(path),
            Self::Inside(root, path) => private::open_inside(root, path),
        }
    }
}

/// The files that the configuration makes of interest.
#[derive(Debug)]
pub(super) struct Places {
    only: Option<Dialect>,
    own: GlobSet,
    /// The last parts of the user's globs: a README that one of them names is meant to be a task, any other is none.
    own_names: BTreeSet<OsString>,
    backlog: BacklogFolder,
}

impl Places {
    pub(super) fn new(config: &Config, backlog: &BacklogFolder) -> Self {
        let mut own = GlobSetBuilder::new();
        for glob in &config.own.files {
            // A glob that does not compile was refused with the configuration.
            if let Ok(glob) = GlobBuilder::new(glob.as_str()).literal_separator(true).build() {
                own.add(glob);
            }
        }
        let last_part = |glob: &Glob| glob.as_str().rsplit('/').next().map(OsString::from);
        let own_names = config.own.files.iter().filter_map(last_part).collect();
        Self { only: config.dialect, own: own.build().unwrap_or_default(), own_names, backlog: backlog.clone() }
    }

    /// What this file (relative to the root) would be read for.
    pub(super) fn role(&self, file: &Path) -> Option<Role> {
        if file.as_os_str() == FILE_NAME {
            return Some(Role::Config);
        }
        if self.reads(Dialect::Own) && self.is_own_task(file) {
            return Some(Role::Task(Dialect::Own));
        }
        if let Some(dialect) = task::dialect_of(file, &self.backlog) {
            return self.reads(dialect).then_some(Role::Task(dialect));
        }
        self.role_beside_tasks(file)
    }

    fn is_own_task(&self, file: &Path) -> bool {
        let is_named = || file.file_name().is_some_and(|name| self.own_names.contains(name));
        self.own.is_match(file) && (!task::is_document(file) || is_named())
    }

    fn role_beside_tasks(&self, file: &Path) -> Option<Role> {
        let extension = file.extension().and_then(|extension| extension.to_str());
        let is_yaml = matches!(extension, Some("yaml" | "yml"));
        let folder = file.parent()?;
        if is_yaml && folder == Path::new(".guardkit/features") && self.reads(Dialect::GuardKit) {
            let name = file.file_name()?.to_str()?;
            return name.starts_with("FEAT-").then_some(Role::FeatureFile);
        }
        if self.reads(Dialect::BacklogMd) && Backlog::is_fact(&self.backlog, file) {
            return Some(Role::BacklogFacts);
        }
        let is_summary = file.starts_with(".planning")
            && file.file_name().is_some_and(|name| name.to_string_lossy().ends_with("SUMMARY.md"));
        (is_summary && self.reads(Dialect::Gsd)).then_some(Role::Summary)
    }

    fn reads(&self, dialect: Dialect) -> bool {
        match self.only {
            Some(only) => only == dialect,
            None => dialect != Dialect::Own || !self.own.is_empty(),
        }
    }

    /// Calls `take` for every file under `within` (relative to the root; empty for all) that is read, on several
    /// threads: with its path relative to the root, and where no link leads out of it. What should be read and cannot goes
    /// to `tell`, with the reason.
    pub(super) fn each_file<T: Send>(
        &self,
        root: &Path,
        within: &Path,
        take: impl Fn(&Path, Role, Source<'_>) -> Option<T> + Sync,
        tell: impl Fn(&Path, String) -> T + Sync,
    ) -> Vec<T> {
        let (starts, untrodden) = self.dialect_starts(root, within);
        let mut taken = walk::each_file(root, starts, |met| match met {
            Met::File(found) => {
                let role = self.role_in_walk(found.file)?;
                take(found.file, role, Source::Found(found))
            }
            Met::Unlisted(folder, error) => Some(tell(folder, unlisted(&error))),
            Met::Other(file, FileType::Symlink) => match self.behind_link(root, file) {
                Behind::Nothing => None,
                Behind::File(role, path) => take(file, role, Source::Path(&path)),
                Behind::Untold(why) => Some(tell(file, why)),
            },
            Met::Other(file, _) => self.role_in_walk(file).map(|_| tell(file, "it is no file that can be read".into())),
        });
        taken.extend(untrodden.into_iter().map(|(folder, why)| tell(&folder, why)));
        if self.reads(Dialect::Own) && !self.own.is_empty() {
            taken.extend(self.own_files(root, within, &take, &tell));
        }
        taken
    }

    /// What a walk of the dialects' folders reads a file for.
    fn role_in_walk(&self, file: &Path) -> Option<Role> {
        let role = self.role(file)?;
        matches!(role, Role::Task(Dialect::GuardKit | Dialect::Gsd | Dialect::BacklogMd) | Role::FeatureFile)
            .then_some(role)
    }

    /// What stands behind a link. Inside the root a file is read through it, unless it is read under its own name, too.
    fn behind_link(&self, root: &Path, link: &Path) -> Behind {
        let role = self.role_in_walk(link);
        let real = match root.join(link).canonicalize() {
            Ok(real) => real,
            Err(error) if role.is_some() => return Behind::Untold(format!("it is a link that leads nowhere: {error}")),
            Err(_) => return Behind::Nothing,
        };
        let inside = real.strip_prefix(root).ok();
        match (role, inside) {
            _ if inside.is_some_and(|inside| self.is_walked(inside, real.is_dir())) => Behind::Nothing,
            (_, None) if role.is_some() || real.is_dir() => {
                Behind::Untold("it is a link that leads out of the workspace, which is not followed".into())
            }
            (Some(role), Some(_)) if real.is_file() => Behind::File(role, real),
            (_, Some(_)) if real.is_dir() => {
                Behind::Untold("it is a link to a folder, which is not followed: move the folder here".into())
            }
            _ => Behind::Nothing,
        }
    }

    /// Is this read, or listed, under its own name?
    fn is_walked(&self, inside: &Path, is_folder: bool) -> bool {
        let is_listed = self.dialect_folders().any(|folder| inside.starts_with(folder));
        is_listed && (is_folder || self.role_in_walk(inside).is_some())
    }

    /// The file on disk that is read for this one: itself, or what a link inside the root leads to. `None`: there is none.
    ///
    /// # Errors
    /// Why it is not read.
    pub(super) fn on_disk(&self, root: &Path, file: &Path) -> Result<Option<PathBuf>, String> {
        let path = root.join(file);
        match path.symlink_metadata() {
            Ok(about) if about.is_file() => Ok(is_inside(root, &path).then_some(path)),
            Ok(about) if about.is_symlink() && path.parent().is_some_and(|folder| is_inside(root, folder)) => {
                match self.behind_link(root, file) {
                    Behind::Nothing => Ok(None),
                    Behind::File(_, path) => Ok(Some(path)),
                    Behind::Untold(why) => Err(why),
                }
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(error.to_string()),
            _ => Ok(None),
        }
    }

    fn own_files<T: Send>(
        &self,
        root: &Path,
        within: &Path,
        take: &(impl Fn(&Path, Role, Source<'_>) -> Option<T> + Sync),
        tell: &(impl Fn(&Path, String) -> T + Sync),
    ) -> Vec<T> {
        let met = |entry: Result<ignore::DirEntry, ignore::Error>| match entry {
            Ok(entry) => self.take_own(root, &entry, take, tell),
            Err(error) => unwalked(root, &error).map(|(folder, error)| tell(&folder, unlisted(error))),
        };
        // The library's own walk on several threads waits for ever where the system has no room for one of them.
        let walk = Mutex::new(git_walk(root, &root.join(within), |_| true).build());
        // Poison means that another thread's `take` panicked; what this one finds still counts.
        let next = || walk.lock().unwrap_or_else(PoisonError::into_inner).next();
        walk::on_threads(|| std::iter::from_fn(next).filter_map(met).collect())
    }

    fn take_own<T>(
        &self,
        root: &Path,
        entry: &ignore::DirEntry,
        take: &impl Fn(&Path, Role, Source<'_>) -> Option<T>,
        tell: &impl Fn(&Path, String) -> T,
    ) -> Option<T> {
        let file = entry.path().strip_prefix(root).ok()?;
        let role = self.role(file).filter(|role| *role == Role::Task(Dialect::Own))?;
        match entry.file_type()? {
            kind if kind.is_file() => take(file, role, Source::Path(entry.path())),
            kind if kind.is_symlink() => Some(tell(file, "it is a link, which is not followed".into())),
            _ => None,
        }
    }

    /// The folders that hold what the dialects read.
    fn dialect_folders(&self) -> impl Iterator<Item = PathBuf> {
        let fixed = DIALECT_FOLDERS.iter().map(|(folder, dialect)| (PathBuf::from(folder), *dialect));
        let folders = fixed.chain(Backlog::task_folders(&self.backlog));
        folders.filter(|(_, dialect)| self.reads(*dialect)).map(|(folder, _)| folder)
    }

    /// The folders to walk, relative to the root: the dialects' own, or what lies inside `within` of them. A folder that
    /// is a link is walked only where it stays inside the root. Those that should be walked and are not, with the reason.
    fn dialect_starts(&self, root: &Path, within: &Path) -> (Vec<PathBuf>, Vec<(PathBuf, String)>) {
        let starts = self.dialect_folders().filter_map(|folder| {
            if folder.starts_with(within) {
                Some(folder)
            } else {
                within.starts_with(&folder).then(|| within.to_path_buf())
            }
        });
        let (mut inside, mut others) = (Vec::new(), Vec::new());
        for start in starts {
            match root.join(&start).canonicalize() {
                Ok(real) if real.starts_with(root) => inside.push(start),
                Ok(_) => others.push((start, "a link leads out of the workspace there, which is not followed".into())),
                Err(error) if is_missing(&error) => {}
                Err(error) => others.push((start, unlisted(&error))),
            }
        }
        (inside, others)
    }
}

/// What a link leads to.
enum Behind {
    /// Nothing that is read, or nothing that is not read under its own name.
    Nothing,
    /// A file that is read through it.
    File(Role, PathBuf),
    /// Something that is not read, though it should be; with the reason.
    Untold(String),
}

pub(super) fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn unlisted(error: &io::Error) -> String {
    format!("it cannot be listed: {error}")
}

/// The folder, relative to the root, at which a walk failed; `None` where it is gone, or nobody's.
fn unwalked<'e>(root: &Path, error: &'e ignore::Error) -> Option<(PathBuf, &'e io::Error)> {
    match error {
        ignore::Error::WithPath { path, err } => {
            let why = err.io_error().filter(|error| !is_missing(error))?;
            Some((path.strip_prefix(root).ok()?.to_path_buf(), why))
        }
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => unwalked(root, err),
        _ => None,
    }
}

/// Reads a file of at most this many bytes that lies in the root: not through a link, which could lead out of it.
/// Blocking.
///
/// # Errors
/// Where it cannot be read, is longer, or a link is on the way.
pub fn read_inside(root: &Path, path: &Path, most: u64) -> io::Result<Vec<u8>> {
    if path.canonicalize()? != *path || !path.starts_with(root) {
        return Err(io::Error::other("it is reached through a link, or lies outside of the workspace"));
    }
    private::read(path, most)
}

/// Does this path exist, and lead to a place inside the root?
pub(super) fn is_inside(root: &Path, path: &Path) -> bool {
    path.canonicalize().is_ok_and(|real| real.starts_with(root))
}

/// A walk as git sees the folder `within` of this root, without folders that are not wanted. It begins at the root of the
/// repository, for what git ignores may be an ancestor of `within`, and what it ignores may be said above the workspace;
/// not above the repository, where somebody else may say it.
pub(super) fn git_walk(
    root: &Path,
    within: &Path,
    is_wanted: impl Fn(&Path) -> bool + Send + Sync + 'static,
) -> WalkBuilder {
    let top = top_of(root);
    let mut walk = WalkBuilder::new(top);
    walk.hidden(false).require_git(false).follow_links(false).parents(false);
    if !ignores_are_files(top) {
        // Then nothing is known to be ignored there.
        walk.git_ignore(false).git_exclude(false).ignore(false);
    }
    let within = within.to_path_buf();
    walk.filter_entry(move |entry| {
        let is_machinery = matches!(entry.file_name().to_str(), Some(".git" | ".feature-build" | "node_modules"));
        let is_on_the_way = entry.path().starts_with(&within) || within.starts_with(entry.path());
        let is_folder = || entry.file_type().is_some_and(|kind| kind.is_dir());
        let is_fine = || !is_folder() || is_wanted(entry.path()) && ignores_are_files(entry.path());
        !is_machinery && is_on_the_way && is_fine()
    });
    walk
}

/// The root of the repository that a folder lies in, else the folder itself.
pub(super) fn top_of(root: &Path) -> &Path {
    root.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(root)
}

/// Whether all that says in this folder what git ignores can be read: the library that does would wait for a named pipe, and
/// take a file of gigabytes into memory.
fn ignores_are_files(folder: &Path) -> bool {
    const LONGEST: u64 = 1 << 20;
    let is_short = |path: &Path| path.metadata().is_ok_and(|about| about.is_file() && about.len() <= LONGEST);
    let is_absent = |path: &Path| path.symlink_metadata().is_err();
    let is_fine = |path: PathBuf| is_absent(&path) || is_short(&path);
    let git = folder.join(".git");
    // In a worktree of its own it is a file that names a folder, in which a file may name another one.
    let (is_folder, is_nothing) = (git.is_dir(), is_absent(&git));
    let of_git = match (is_folder || is_nothing, is_short(&git)) {
        (true, _) => is_fine(git.join("info/exclude")),
        (false, true) => git_folder_of(&git).is_none_or(|git| {
            is_fine(git.join("commondir"))
                && common_folder_of(&git).is_none_or(|common| is_fine(common.join("info/exclude")))
        }),
        (false, false) => false,
    };
    of_git && is_fine(folder.join(".gitignore")) && is_fine(folder.join(".ignore"))
}

/// The folder that a `.git` file names, which is short.
fn git_folder_of(file: &Path) -> Option<PathBuf> {
    let text = std::fs::read_to_string(file).ok()?;
    Some(file.parent()?.join(text.lines().next()?.strip_prefix("gitdir: ")?))
}

/// The folder that a worktree shares with others, where that can be said by a short file.
fn common_folder_of(git: &Path) -> Option<PathBuf> {
    let text = std::fs::read_to_string(git.join("commondir")).ok()?;
    Some(git.join(text.lines().next()?))
}

/// Would a walk as git sees the root find this file?
pub(super) fn git_sees(root: &Path, file: &Path) -> bool {
    let path = root.join(file);
    git_walk(root, &path, |_| true).build().flatten().any(|entry| entry.path() == path)
}

/// Reads as much of a task file as its task needs: the frontmatter, and more of the body where `parse_beginning` asks for
/// it.
pub(super) fn read_task(
    source: Source<'_>,
    parse_beginning: impl Fn(&str) -> FromBeginning,
    parse: impl Fn(&str) -> Option<Task>,
) -> io::Result<Option<Task>> {
    BUFFER.with_borrow_mut(|buffer| {
        let mut file = Beginning { file: source.open()?, buffer, read: 0, is_whole: false };
        file.read_once(HEAD)?;
        if task::must_be_decoded(file.bytes()) {
            while !file.is_whole && file.read < LONGEST_FRONTMATTER {
                file.read_once(file.read.max(HEAD).min(LONGEST_FRONTMATTER - file.read))?;
            }
            return Ok(parse(&task::decode(file.bytes())));
        }
        let mut extent = file.extent();
        while !file.is_whole && extent == Extent::Open && file.read < LONGEST_FRONTMATTER {
            file.read_once(file.read.max(HEAD).min(LONGEST_FRONTMATTER - file.read))?;
            extent = file.extent();
        }
        let body = match extent {
            Extent::Closed(body) => body,
            // Where a task may do without, its title stands further down.
            Extent::None if !file.is_whole && parse(&task::decode(file.bytes())).is_some() => 0,
            Extent::None | Extent::Open => return Ok(parse(&task::decode(file.bytes()))),
        };
        // Most titles stand in the frontmatter; the body, most of what was read, need not even be decoded then.
        for end in [body, file.read] {
            let beginning = file.bytes().get(..end).unwrap_or_default();
            if let FromBeginning::Known(task) = parse_beginning(&task::decode(beginning)) {
                return Ok(task);
            }
        }
        while !file.is_whole && file.read < body + TITLE_WITHIN {
            file.read_once(body + TITLE_WITHIN - file.read)?;
        }
        Ok(parse(&task::decode(file.bytes())))
    })
}

thread_local! {
    /// What this thread reads files into: without it, each of 100,000 files would allocate and clear its own.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A file and as much of it as was read.
struct Beginning<'b> {
    file: File,
    /// Keeps its length from file to file, and what the last one left in it.
    buffer: &'b mut Vec<u8>,
    read: usize,
    is_whole: bool,
}

impl Beginning<'_> {
    fn bytes(&self) -> &[u8] {
        self.buffer.get(..self.read).unwrap_or_default()
    }

    /// Where the frontmatter ends. What was read may end inside a line: `---` may be the beginning of a longer one.
    fn extent(&self) -> Extent {
        match task::extent(self.bytes()) {
            Extent::Closed(body) if body == self.read && !self.is_whole && !self.bytes().ends_with(b"\n") => {
                Extent::Open
            }
            extent => extent,
        }
    }

    /// Reads once, at most so many bytes more: a second call for most files would only be told that there is nothing left.
    fn read_once(&mut self, at_most: usize) -> io::Result<()> {
        let end = self.read + at_most;
        if self.buffer.len() < end {
            self.buffer.resize(end, 0);
        }
        let read = loop {
            match self.file.read(self.buffer.get_mut(self.read..end).unwrap_or_default()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        self.read += read;
        self.is_whole = read == 0;
        Ok(())
    }
}

/// Reads a file as far as its frontmatter goes.
pub(super) fn read_beginning(root: &Path, file: &Path) -> io::Result<String> {
    let mut file = private::open_in_folder(root, file)?;
    let (mut bytes, mut most) = (Vec::new(), HEAD);
    loop {
        let read = (&mut file).take((most - bytes.len()) as u64).read_to_end(&mut bytes)?;
        let is_open = task::extent(&bytes) == Extent::Open;
        if read == 0 || !is_open || bytes.len() >= TITLE_WITHIN {
            return Ok(task::decode(&bytes).into_owned());
        }
        most = TITLE_WITHIN;
    }
}

/// Reads a small file whole; a large one is cut, which makes it a broken one.
pub(super) fn read_small(source: Source<'_>) -> io::Result<String> {
    let mut bytes = Vec::new();
    source.open()?.take(LONGEST_FRONTMATTER as u64).read_to_end(&mut bytes)?;
    Ok(task::decode(&bytes).into_owned())
}
