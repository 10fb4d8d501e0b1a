//! Which files of a workspace are read, and how much of them.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use ignore::{WalkBuilder, WalkState};

use super::Config;
use super::config::{FILE_NAME, Glob};
use crate::task::{self, Dialect, Extent};

/// Enough for the frontmatter of nearly every file; one read.
const HEAD: u64 = 8 << 10;
/// No frontmatter is longer: a 50 MB file that forgot its closing mark is not read to its end.
const LONGEST_FRONTMATTER: u64 = 1 << 20;
/// How far into the body a title is looked for.
const TITLE_WITHIN: u64 = 64 << 10;

/// Folders that hold what a dialect reads, relative to the root.
const DIALECT_FOLDERS: [(&str, Dialect); 8] = [
    ("tasks", Dialect::GuardKit),
    (".guardkit/features", Dialect::GuardKit),
    (".planning", Dialect::Gsd),
    ("backlog/tasks", Dialect::BacklogMd),
    ("backlog/completed", Dialect::BacklogMd),
    ("backlog/drafts", Dialect::BacklogMd),
    ("backlog/archive/tasks", Dialect::BacklogMd),
    ("backlog/archive/drafts", Dialect::BacklogMd),
];

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

/// The files that the configuration makes of interest.
#[derive(Debug)]
pub(super) struct Places {
    only: Option<Dialect>,
    own: GlobSet,
    /// The last parts of the user's globs: a README that one of them names is meant to be a task, any other is none.
    own_names: BTreeSet<OsString>,
}

impl Places {
    pub(super) fn new(config: &Config) -> Self {
        let mut own = GlobSetBuilder::new();
        for glob in &config.own.files {
            // A glob that does not compile was refused with the configuration.
            if let Ok(glob) = GlobBuilder::new(glob.as_str()).literal_separator(true).build() {
                own.add(glob);
            }
        }
        let last_part = |glob: &Glob| glob.as_str().rsplit('/').next().map(OsString::from);
        let own_names = config.own.files.iter().filter_map(last_part).collect();
        Self { only: config.dialect, own: own.build().unwrap_or_default(), own_names }
    }

    /// What this file (relative to the root) would be read for.
    pub(super) fn role(&self, file: &Path) -> Option<Role> {
        if file == Path::new(FILE_NAME) {
            return Some(Role::Config);
        }
        if self.reads(Dialect::Own) && self.is_own_task(file) {
            return Some(Role::Task(Dialect::Own));
        }
        if let Some(dialect) = task::dialect_of(file) {
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
        let is_backlog_fact =
            file == Path::new(BACKLOG_CONFIG) || MILESTONES.iter().any(|dir| folder == Path::new(dir));
        if is_backlog_fact && self.reads(Dialect::BacklogMd) {
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

    /// Calls `take` for every file under `within` (relative to the root; empty for all) that is read, on several threads.
    pub(super) fn each_file<T: Send>(
        &self,
        root: &Path,
        within: &Path,
        take: impl Fn(PathBuf, Role) -> Option<T> + Sync,
    ) -> Vec<T> {
        let found = Mutex::new(Vec::new());
        for start in self.dialect_starts(root, within) {
            walk(root, raw_walk(&start), &self.taking(&take), &found);
        }
        if self.reads(Dialect::Own) && !self.own.is_empty() {
            let own = |file: PathBuf| match self.role(&file) {
                Some(role @ Role::Task(Dialect::Own)) => take(file, role),
                _ => None,
            };
            walk(root, git_walk(root, &root.join(within)), &own, &found);
        }
        found.into_inner().unwrap_or_default()
    }

    fn taking<'a, T>(
        &'a self,
        take: &'a (impl Fn(PathBuf, Role) -> Option<T> + Sync),
    ) -> impl Fn(PathBuf) -> Option<T> + Sync + 'a {
        |file| match self.role(&file) {
            Some(role @ (Role::Task(Dialect::GuardKit | Dialect::Gsd | Dialect::BacklogMd) | Role::FeatureFile)) => {
                take(file, role)
            }
            _ => None,
        }
    }

    /// The folders to walk: the dialects' own, or what lies inside `within` of them. A folder that is a link is walked
    /// only where it stays inside the root.
    fn dialect_starts(&self, root: &Path, within: &Path) -> Vec<PathBuf> {
        let folders = DIALECT_FOLDERS.iter().filter(|(_, dialect)| self.reads(*dialect));
        let starts = folders.filter_map(|(folder, _)| {
            let folder = Path::new(folder);
            if folder.starts_with(within) {
                Some(root.join(folder))
            } else {
                within.starts_with(folder).then(|| root.join(within))
            }
        });
        starts.filter(|start| is_inside(root, start)).collect()
    }
}

/// Backlog.md's configuration.
pub(super) const BACKLOG_CONFIG: &str = "backlog/config.yml";
/// The folders of Backlog.md's milestones.
pub(super) const MILESTONES: [&str; 2] = ["backlog/milestones", "backlog/archive/milestones"];

/// Does this path exist, and lead to a place inside the root?
pub(super) fn is_inside(root: &Path, path: &Path) -> bool {
    path.canonicalize().is_ok_and(|real| real.starts_with(root))
}

/// A walk that sees what git ignores and what is hidden: planning folders are often kept out of git.
fn raw_walk(start: &Path) -> WalkBuilder {
    let mut walk = WalkBuilder::new(start);
    walk.standard_filters(false).follow_links(false).threads(threads());
    walk
}

/// A walk as git sees the folder, for a user's own globs. It begins at the root, for what git ignores may be an ancestor
/// of `within`.
fn git_walk(root: &Path, within: &Path) -> WalkBuilder {
    let mut walk = WalkBuilder::new(root);
    walk.hidden(false).require_git(false).follow_links(false).threads(threads());
    let within = within.to_path_buf();
    walk.filter_entry(move |entry| {
        let is_machinery = matches!(entry.file_name().to_str(), Some(".git" | ".feature-build" | "node_modules"));
        !is_machinery && (entry.path().starts_with(&within) || within.starts_with(entry.path()))
    });
    walk
}

/// Would a walk as git sees the root find this file?
pub(super) fn git_sees(root: &Path, file: &Path) -> bool {
    let path = root.join(file);
    git_walk(root, &path).build().flatten().any(|entry| entry.path() == path)
}

/// The walk waits for the disk more than it computes, but more than a few threads only wait for each other.
fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().min(4))
}

fn walk<T: Send>(root: &Path, walk: WalkBuilder, take: &(impl Fn(PathBuf) -> Option<T> + Sync), found: &Mutex<Vec<T>>) {
    walk.build_parallel().run(|| {
        Box::new(|entry| {
            if let Some(taken) = entry.ok().and_then(|entry| relative_file(root, &entry)).and_then(take) {
                // Poison means that another thread's `take` panicked; what this one found still counts.
                found.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(taken);
            }
            WalkState::Continue
        })
    });
}

fn relative_file(root: &Path, entry: &ignore::DirEntry) -> Option<PathBuf> {
    let is_file = entry.file_type().is_some_and(|kind| kind.is_file());
    is_file.then(|| entry.path().strip_prefix(root).ok().map(Path::to_path_buf)).flatten()
}

/// Reads as much of a task file as its task needs: the frontmatter, and the beginning of the body where the title is
/// there.
pub(super) fn read_task(path: &Path, needs_body: impl Fn(&str) -> bool) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut bytes = Vec::with_capacity(1 << 10);
    read_up_to(&mut file, &mut bytes, HEAD)?;
    if task::extent(&bytes) == Extent::Open && is_full(&bytes, HEAD) {
        read_up_to(&mut file, &mut bytes, LONGEST_FRONTMATTER - HEAD)?;
    }
    let Extent::Closed(body) = task::extent(&bytes) else { return Ok(task::decode(&bytes).into_owned()) };
    let frontmatter = task::decode(bytes.get(..body).unwrap_or_default()).into_owned();
    if !needs_body(&frontmatter) {
        return Ok(frontmatter);
    }
    let missing = (body as u64 + TITLE_WITHIN).saturating_sub(bytes.len() as u64);
    read_up_to(&mut file, &mut bytes, missing)?;
    Ok(task::decode(&bytes).into_owned())
}

/// Reads a small file whole; a large one is cut, which makes it a broken one.
pub(super) fn read_small(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    read_up_to(&mut File::open(path)?, &mut bytes, LONGEST_FRONTMATTER)?;
    Ok(task::decode(&bytes).into_owned())
}

fn read_up_to(file: &mut File, bytes: &mut Vec<u8>, limit: u64) -> io::Result<()> {
    file.take(limit).read_to_end(bytes).map(drop)
}

fn is_full(bytes: &[u8], limit: u64) -> bool {
    bytes.len() as u64 == limit
}
