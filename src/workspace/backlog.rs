//! Backlog.md's folder, configuration and milestones, found as the tool itself finds them (its
//! `src/utils/backlog-directory.ts`).

use std::io;
use std::path::{Component, Path, PathBuf};

use super::discover::{self, Source};
use crate::task::{self, BacklogConfig, BacklogFacts, BacklogFolder, Dialect, Milestone, Milestones, Text};

/// The configuration at the root, which may name any folder.
pub(super) const ROOT_CONFIG: &str = "backlog.config.yml";
/// The folders that need no naming; the first that has a configuration counts, else the first that is there.
pub(super) const USUAL_FOLDERS: [&str; 2] = ["backlog", ".backlog"];
/// The names of a folder's configuration, the first that is there counts.
const CONFIGS: [&str; 2] = ["config.yml", "config.yaml"];
/// Below the folder: what holds milestones.
const MILESTONES: [&str; 2] = ["milestones", "archive/milestones"];

/// Where Backlog.md's files of a root lie, and what those beside the tasks say.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    folder: BacklogFolder,
    statuses: Vec<Text>,
    milestones: Milestones,
    unread: Vec<NotRead>,
}

/// A file or folder beside the tasks that is there and cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NotRead {
    /// Relative to the root.
    pub(super) file: PathBuf,
    /// What it would say.
    pub(super) of: Of,
    /// Why, with what comes of it.
    pub(super) why: String,
}

/// What a file beside the tasks is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    Configuration,
    Milestone,
}

/// Nobody has more milestones.
const MOST_MILESTONES: usize = 10_000;

impl Backlog {
    /// Reads them. Blocking.
    pub(super) fn load(root: &Path) -> Self {
        let at_root = config_at_root(root);
        let named = at_root.as_ref().and_then(|config| config.folder.as_deref()).and_then(plain_folder);
        let folder = named.unwrap_or_else(|| usual_folder(root).into());
        let config = at_root.or_else(|| config_of_folder(root, &folder)).unwrap_or_default();
        let mut unread: Vec<NotRead> = unread_config(root, &folder).into_iter().collect();
        let mut milestones = Vec::new();
        for below in MILESTONES {
            read_milestones(root, &Path::new(&folder).join(below), &mut milestones, &mut unread);
        }
        milestones.sort_by(|a, b| a.id.cmp(&b.id));
        let folder = BacklogFolder { path: folder.into(), prefix: config.prefix.unwrap_or_else(|| "task".into()) };
        Self { folder, statuses: config.statuses, milestones: Milestones::new(milestones), unread }
    }

    /// What is there and cannot be read.
    pub(super) fn unread(&self) -> &[NotRead] {
        &self.unread
    }

    /// Where its tasks lie.
    pub(super) fn folder(&self) -> &BacklogFolder {
        &self.folder
    }

    /// What is read of each task by.
    pub(super) fn facts(&self) -> BacklogFacts<'_> {
        BacklogFacts { folder: &self.folder.path, statuses: &self.statuses, milestones: Some(&self.milestones) }
    }

    /// The folders that hold tasks.
    pub(super) fn task_folders(folder: &BacklogFolder) -> impl Iterator<Item = (PathBuf, Dialect)> {
        let below = task::BACKLOG_TASK_FOLDERS.map(|below| Path::new(&*folder.path).join(below));
        below.into_iter().map(|folder| (folder, Dialect::BacklogMd))
    }

    /// Does this file, relative to the root, change where tasks are looked for or how they are read?
    pub(super) fn is_fact(folder: &BacklogFolder, file: &Path) -> bool {
        let is_config = |folder: &str| CONFIGS.iter().any(|name| file == Path::new(folder).join(name));
        let is_milestone = || {
            let above = file.parent();
            MILESTONES.iter().any(|below| above == Some(&*Path::new(&*folder.path).join(below)))
        };
        file == Path::new(ROOT_CONFIG) || USUAL_FOLDERS.iter().any(|folder| is_config(folder)) || is_milestone()
    }
}

/// The configuration at the root: one without a project's name is none to the tool.
fn config_at_root(root: &Path) -> Option<BacklogConfig> {
    let text = read(root, &root.join(ROOT_CONFIG)).ok()?;
    Some(task::read_backlog_config(&text)).filter(|config| config.has_project_name)
}

fn config_of_folder(root: &Path, folder: &str) -> Option<BacklogConfig> {
    let file = CONFIGS.iter().map(|name| root.join(folder).join(name)).find(|file| file.is_file())?;
    Some(task::read_backlog_config(&read(root, &file).ok()?))
}

/// The first configuration that is there and cannot be read: a link leads out of the workspace, or it is no file.
fn unread_config(root: &Path, folder: &str) -> Option<NotRead> {
    let of_folder = CONFIGS.iter().map(|name| Path::new(folder).join(name)).find(|file| root.join(file).is_file());
    let mut files = [Some(PathBuf::from(ROOT_CONFIG)), of_folder].into_iter().flatten();
    files.find_map(|file| {
        let error = read(root, &root.join(&file)).err().filter(|error| error.kind() != io::ErrorKind::NotFound)?;
        let why = format!("reading {}: {error}; it counts as missing", file.display());
        Some(NotRead { file, of: Of::Configuration, why })
    })
}

/// Reads the milestones of one folder, relative to the root.
fn read_milestones(root: &Path, folder: &Path, milestones: &mut Vec<Milestone>, unread: &mut Vec<NotRead>) {
    let mut tell = |file: PathBuf, error: &io::Error| {
        let why = format!("{error}; its tasks stand under what they name themselves");
        unread.push(NotRead { file, of: Of::Milestone, why });
    };
    let real = match root.join(folder).canonicalize() {
        Ok(real) => real,
        Err(error) if discover::is_missing(&error) => return,
        Err(error) => return tell(folder.into(), &error),
    };
    if !real.starts_with(root) {
        return tell(folder.into(), &io::Error::other("a link leads out of the workspace there, and is not followed"));
    }
    let names =
        real.read_dir().and_then(|entries| entries.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>());
    let mut names = match names {
        Ok(names) => names,
        Err(error) => return tell(folder.into(), &error),
    };
    names.retain(|name| Path::new(name).extension().is_some_and(|extension| extension == "md"));
    names.sort();
    for name in names.into_iter().take(MOST_MILESTONES) {
        let file = folder.join(name);
        match read(root, &root.join(&file)) {
            Ok(text) => milestones.extend(task::read_milestone(&text)),
            // It went meanwhile.
            Err(error) if discover::is_missing(&error) && root.join(&file).symlink_metadata().is_err() => {}
            Err(error) => tell(file, &error),
        }
    }
}

/// Reads a file, which no link leads out of this root.
fn read(root: &Path, file: &Path) -> io::Result<String> {
    discover::read_small(Source::Inside(root, file))
}

fn usual_folder(root: &Path) -> &'static str {
    let has_config = |folder: &&&str| CONFIGS.iter().any(|name| root.join(folder).join(name).is_file());
    let with_config = USUAL_FOLDERS.iter().find(has_config);
    let found = with_config.or_else(|| USUAL_FOLDERS.iter().find(|folder| root.join(folder).is_dir()));
    found.copied().unwrap_or(USUAL_FOLDERS[0])
}

/// A folder below the root as the tool takes it, `/`-separated; `None` for the root itself and for places outside.
fn plain_folder(named: &str) -> Option<String> {
    let named = named.trim().replace('\\', "/");
    let mut parts: Vec<&str> = Vec::new();
    for part in Path::new(&named).components() {
        match part {
            Component::Normal(name) => parts.push(name.to_str()?),
            Component::CurDir => {}
            Component::ParentDir => {
                parts.pop()?;
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

/// Is there a backlog of the tool's in this folder, what does not count left out?
pub(super) fn is_root_of_backlog(dir: &Path, counts: &dyn Fn(&Path) -> bool) -> bool {
    dir.join(ROOT_CONFIG).is_file() && counts(&dir.join(ROOT_CONFIG)) && config_at_root(dir).is_some()
        || USUAL_FOLDERS.iter().map(|folder| dir.join(folder)).any(|folder| is_backlog(&folder) && counts(&folder))
}

/// Backlog.md's own folder.
pub(super) fn is_backlog(dir: &Path) -> bool {
    let has_its_name = dir.file_name().is_some_and(|name| USUAL_FOLDERS.iter().any(|usual| name == *usual));
    has_its_name
        && (CONFIGS.iter().any(|name| dir.join(name).is_file())
            || dir.join("tasks").is_dir() && dir.join("completed").is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_folder_lies_below_the_root() {
        assert_eq!(plain_folder(" docs//backlog/ ").as_deref(), Some("docs/backlog"));
        assert_eq!(plain_folder("a/../b").as_deref(), Some("b"));
        assert_eq!(plain_folder("a\\b").as_deref(), Some("a/b"));
        for outside in ["", ".", "..", "../x", "/x", "a/../../x"] {
            assert_eq!(plain_folder(outside), None, "{outside}");
        }
    }
}
