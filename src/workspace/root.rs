//! The root of a workspace: the same answer for the terminal and for the language server.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::{fmt, io};

use thiserror::Error;

use super::backlog::{is_backlog, is_root_of_backlog};
use super::config::FILE_NAME;
use super::private;
use super::trust::{Standing, Store, Subject};

/// No root can be found.
#[derive(Debug, Error)]
pub enum RootError {
    /// No part of the path can be resolved.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A folder above has a configuration of somebody else, who has no part in the folder that was asked about. Whoever
    /// may write to a folder such as `/tmp` could else say what runs for everybody who works below.
    #[error(
        "{} belongs to {owner}, and not to you: it is not taken for {}; if you trust it, call `feature-build -C {} trust`, \
         else put a {FILE_NAME} of your own into your folder (`feature-build init`)",
        .file.display(), .folder.display(), .file.parent().unwrap_or(Path::new("/")).display()
    )]
    Foreign {
        /// The configuration.
        file: PathBuf,
        /// The user that it belongs to.
        owner: Owner,
        /// The folder that was asked about.
        folder: PathBuf,
    },
}

/// A user, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner(u32);

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the user with the id {}", self.0)
    }
}

/// The root of the workspace that a file or folder lies in: the nearest ancestor with `feature-build.yaml`, else with a
/// dialect's folder, else with `.git`, else the folder itself. Canonical. The path itself need not exist yet (a file that
/// an editor has not saved).
///
/// No ancestor above the repository that the path lies in is looked at: what lies there is another project's. One that a
/// GSD project claims by its `sub_repos` is a part of that project.
///
/// # Errors
/// [`RootError`].
pub fn find_root(path: &Path) -> Result<PathBuf, RootError> {
    find_root_among(path, &[])
}

/// The same, where the user has opened these folders: what lies in them was chosen, whoever it belongs to.
///
/// # Errors
/// [`RootError`].
pub fn find_root_among(path: &Path, opened: &[PathBuf]) -> Result<PathBuf, RootError> {
    let folder = existing_folder(path)?;
    let repository = folder.ancestors().find(|dir| dir.join(".git").symlink_metadata().is_ok());
    let end = repository.map(|repository| gsd_project_of(repository).unwrap_or(repository));
    let within = || folder.ancestors().take_while(|dir| end.is_none_or(|end| dir.starts_with(end)));
    let is_opened =
        |dir: &Path| opened.iter().filter_map(|opened| opened.canonicalize().ok()).any(|real| dir.starts_with(real));
    let is_chosen = |dir: &Path| dir == folder || is_opened(dir);
    if let Some(root) = within().find(|dir| dir.join(FILE_NAME).is_file()) {
        if !is_chosen(root) {
            refuse_foreign(root, &folder)?;
        }
        return Ok(root.to_path_buf());
    }
    let owner_of_folder = folder.metadata()?.uid();
    // Whoever may write to a folder such as `/tmp` must not say what the plans of all are that work below.
    let counts = |part: &Path| {
        let dir = part.parent().unwrap_or(part);
        is_chosen(dir) || foreign_owner(part, dir, owner_of_folder).is_ok_and(|owner| owner.is_none())
    };
    let root = within().find(|dir| has_dialect_folder(dir, &counts));
    let root = root.or(repository.filter(|repository| counts(&repository.join(".git"))));
    Ok(root.unwrap_or(&folder).to_path_buf())
}

/// Refuses the configuration of another user, as git does with repositories (CVE-2022-24765): but for the superuser's, for
/// that of whoever owns the folder in question, who could put one right there, and for one that the user has trusted.
fn refuse_foreign(root: &Path, folder: &Path) -> Result<(), RootError> {
    let file = root.join(FILE_NAME);
    let Some(owner) = foreign_owner(&file, root, folder.metadata()?.uid())? else { return Ok(()) };
    if is_trusted(root) {
        return Ok(());
    }
    Err(RootError::Foreign { file, owner: Owner(owner), folder: folder.to_path_buf() })
}

/// The user that chose what a file or folder in a folder above is, where that is another one.
fn foreign_owner(file: &Path, dir: &Path, owner_of_folder: u32) -> io::Result<Option<u32>> {
    let of_file = [file.symlink_metadata()?.uid(), file.metadata()?.uid()];
    let may = |owner: u32| owner == 0 || owner == owner_of_folder || is_users(owner);
    // The superuser's own file may stand in anybody's folder; any other one its owner could have put there.
    let of_dir = if of_file == [0, 0] { None } else { Some(dir.metadata()?.uid()) };
    Ok(of_file.into_iter().chain(of_dir).find(|owner| !may(*owner)))
}

/// Whether this is the user who works here: under `sudo` also the one who called that, as for git.
fn is_users(owner: u32) -> bool {
    let user = rustix::process::geteuid();
    let caller = || std::env::var("SUDO_UID").ok().and_then(|id| id.parse::<u32>().ok());
    owner == user.as_raw() || user.is_root() && caller() == Some(owner)
}

/// Whether the user has trusted this configuration as it stands: then its folder was named, for nothing else asks for it.
fn is_trusted(root: &Path) -> bool {
    let standing = Store::of_user().ok().zip(Subject::read(root).ok());
    standing.is_some_and(|(store, subject)| matches!(store.standing(subject), Ok(Standing::Trusted(_))))
}

/// The canonical folder of a path: itself, or the nearest ancestor that exists.
fn existing_folder(path: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    let mut failed = io::Error::from(io::ErrorKind::NotFound);
    for ancestor in path.ancestors() {
        match ancestor.canonicalize() {
            Ok(found) if found.is_dir() => return Ok(found),
            Ok(_) => {}
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

/// The folder above a repository whose GSD configuration names it as one of its `sub_repos`.
fn gsd_project_of(repository: &Path) -> Option<&Path> {
    /// As far as GSD itself looks upwards.
    const HIGHEST: usize = 10;
    /// No configuration of GSD's is longer.
    const LONGEST: u64 = 1 << 20;
    let claims = |project: &&Path| {
        let first = repository.strip_prefix(project).ok().and_then(|inside| inside.iter().next()?.to_str());
        let file = project.join(".planning/config.json");
        let config = private::read_plain(&file, LONGEST).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let config: serde_json::Value = config.unwrap_or_default();
        let sub_repos = config.get("sub_repos").or_else(|| config.get("planning")?.get("sub_repos"));
        let mut names = sub_repos.and_then(serde_json::Value::as_array).into_iter().flatten();
        first.is_some_and(|first| names.any(|name| name.as_str() == Some(first)))
    };
    repository.ancestors().skip(1).take(HIGHEST).find(claims)
}

/// Whether a planning tool's files stand in a folder, those left out that do not count.
fn has_dialect_folder(dir: &Path, counts: &dyn Fn(&Path) -> bool) -> bool {
    let has_folder = |name: &str| dir.join(name).is_dir() && counts(&dir.join(name));
    has_folder(".planning")
        || has_folder(".guardkit")
        || is_root_of_backlog(dir, counts)
        || has_guardkit_tasks(dir) && counts(&dir.join("tasks"))
}

/// `tasks` is a usual name: a folder of program text (`src/tasks`) is no root of a workspace, and neither is Backlog.md's
/// folder, which has a `tasks` of its own (and another one in its `archive`).
fn has_guardkit_tasks(dir: &Path) -> bool {
    /// `tasks/<status>/<feature>/TASK-1.md`.
    const DEEPEST: usize = 3;
    !dir.ancestors().take(2).any(is_backlog) && has_markdown(&dir.join("tasks"), DEEPEST)
}

fn has_markdown(dir: &Path, depth: usize) -> bool {
    let Ok(entries) = dir.read_dir() else { return false };
    let mut folders = Vec::new();
    for entry in entries.flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => folders.push(entry.path()),
            Ok(_) if entry.path().extension().is_some_and(|extension| extension == "md") => return true,
            _ => {}
        }
    }
    depth > 1 && folders.iter().any(|folder| has_markdown(folder, depth - 1))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;

    use super::*;

    fn workspace(files: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        dir
    }

    #[test]
    fn the_configuration_wins_over_a_nearer_dialect_folder_and_that_over_git() {
        let dir =
            workspace(&[".git/HEAD", "a/tasks/backlog/f/T.md", "b/feature-build.yaml", "b/c/.planning/x/PLAN.md"]);
        let root = dir.path().canonicalize().unwrap();
        assert_eq!(find_root(&dir.path().join("a/tasks/backlog/f/T.md")).unwrap(), root.join("a"));
        assert_eq!(find_root(&dir.path().join("b/c/.planning")).unwrap(), root.join("b"));
        fs::create_dir_all(root.join("z/y")).unwrap();
        assert_eq!(find_root(&root.join("z/y")).unwrap(), root);
        assert_eq!(find_root(&root.join("z/y/not/there.md")).unwrap(), root);
    }

    #[test]
    fn the_search_ends_at_the_repository_unless_a_gsd_project_claims_it() {
        let dir = workspace(&["tasks/backlog/T.md", "api/.git", "api/src/a.rs", "web/.git/HEAD", "feature-build.yaml"]);
        let root = dir.path().canonicalize().unwrap();
        assert_eq!(find_root(&root.join("api/src")).unwrap(), root.join("api"));
        assert_eq!(find_root(&root.join("web")).unwrap(), root.join("web"));

        fs::create_dir(root.join(".planning")).unwrap();
        for config in [r#"{"sub_repos": ["api"]}"#, r#"{"planning": {"sub_repos": ["api"]}}"#] {
            fs::write(root.join(".planning/config.json"), config).unwrap();
            assert_eq!(find_root(&root.join("api/src")).unwrap(), root, "{config}");
            assert_eq!(find_root(&root.join("web")).unwrap(), root.join("web"), "{config}");
        }
        fs::create_dir(root.join("api/.planning")).unwrap();
        assert_eq!(find_root(&root.join("api/.planning")).unwrap(), root, "the configuration above still wins");
    }

    #[test]
    fn backlogs_tasks_folder_is_not_taken_for_guardkits() {
        let dir = workspace(&[
            "backlog/config.yml",
            "backlog/tasks/t.md",
            "backlog/archive/tasks/u.md",
            "src/tasks/mod.rs",
            "src/tasks/deep/mod.rs",
        ]);
        let root = dir.path().canonicalize().unwrap();
        for inside in ["backlog/tasks/t.md", "backlog/archive/tasks/u.md", "src/tasks/deep"] {
            assert_eq!(find_root(&root.join(inside)).unwrap(), root, "{inside}");
        }
    }
}
