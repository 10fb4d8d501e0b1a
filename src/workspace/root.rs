//! The root of a workspace: the same answer for the terminal and for the language server.

use std::io;
use std::path::{Path, PathBuf};

use super::backlog::{is_backlog, is_root_of_backlog};
use super::config::FILE_NAME;
use super::{Config, private};

/// The root of the workspace that a file or folder lies in: the nearest ancestor with `feature-build.yaml`, else with a
/// dialect's folder, else with `.git`, else the folder itself. Canonical. The path itself need not exist yet (a file that
/// an editor has not saved).
///
/// No ancestor above the repository that the path lies in is looked at: what lies there is another project's. One that a
/// GSD project claims by its `sub_repos` is a part of that project.
///
/// # Errors
/// Where no part of the path can be resolved.
pub fn find_root(path: &Path) -> io::Result<PathBuf> {
    let folder = existing_folder(path)?;
    let repository = folder.ancestors().find(|dir| dir.join(".git").symlink_metadata().is_ok());
    let end = repository.map(|repository| gsd_project_of(repository).unwrap_or(repository));
    let within = || folder.ancestors().take_while(|dir| end.is_none_or(|end| dir.starts_with(end)));
    let nearest = |has: fn(&Path) -> bool| within().find(|ancestor| has(ancestor));
    let root = nearest(|dir| dir.join(FILE_NAME).is_file()).or_else(|| nearest(has_dialect_folder)).or(repository);
    Ok(root.unwrap_or(&folder).to_path_buf())
}

/// Where the state of a workspace lies, relative to its root, unless `state_dir` says otherwise.
pub const USUAL_STATE_DIR: &str = ".feature-build";

/// Where the runs, locks and logs of a workspace lie: `.feature-build/`, or where `state_dir` moves it.
pub fn state_dir(root: &Path, config: &Config) -> PathBuf {
    config.state_dir.as_ref().map_or_else(|| root.join(USUAL_STATE_DIR), |dir| root.join(dir))
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

fn has_dialect_folder(dir: &Path) -> bool {
    dir.join(".planning").is_dir()
        || dir.join(".guardkit").is_dir()
        || is_root_of_backlog(dir)
        || has_guardkit_tasks(dir)
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
