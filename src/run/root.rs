//! The workspace's folder as a process of ours found it, and the folders of its state in it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::paths::{locks_dir, runs_dir};
use super::private;
use super::private::is_at;

/// The folder that the workspace is. Where it was moved or removed as a whole, nothing is made anew in its place.
#[derive(Debug)]
pub(super) struct Root {
    path: PathBuf,
    folder: Option<File>,
}

impl Root {
    /// Blocking.
    pub(super) fn open(path: &Path) -> Self {
        Self { path: path.to_path_buf(), folder: File::open(path).ok() }
    }

    /// Whether the path leads to the same folder. Blocking.
    pub(super) fn is_there(&self) -> bool {
        self.folder.as_ref().is_some_and(|folder| is_at(folder, &self.path))
    }

    /// Makes the folders that the files of this run and the locks of its tasks lie in, where they are missing. Blocking.
    pub(super) fn make_run_folder(&self, run_dir: &Path) -> io::Result<()> {
        let Some((runs, state_dir)) = run_dir.parent().and_then(|runs| Some((runs, runs.parent()?))) else {
            return Err(io::Error::other(format!("{} is no run's folder", run_dir.display())));
        };
        make_state_folders(above(&self.path, state_dir), state_dir)?;
        private::claim(runs, run_dir)
    }
}

/// The folder below which no link is followed. A `state_dir` outside was named by a trusted configuration: the links on
/// the way to it are the user's own.
pub(super) fn above<'a>(root: &'a Path, state_dir: &'a Path) -> &'a Path {
    if state_dir.starts_with(root) { root } else { state_dir }
}

/// Makes the folders of a workspace's state, where they are missing. Blocking.
pub(super) fn make_state_folders(above: &Path, state_dir: &Path) -> io::Result<()> {
    for dir in [state_dir.to_path_buf(), runs_dir(state_dir), locks_dir(state_dir)] {
        private::claim(above, &dir)?;
    }
    private::hide_from_git(state_dir)
}
