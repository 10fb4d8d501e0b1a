//! The root of a workspace: the same answer for the terminal and for the language server.

use std::path::{Path, PathBuf};

use super::Config;

/// The root of the workspace that a file or folder lies in: the nearest ancestor with `feature-build.yaml`, else with a
/// dialect's folder, else with `.git`, else the folder itself. Canonical.
///
/// # Errors
/// Where the path cannot be resolved.
pub fn find_root(path: &Path) -> std::io::Result<PathBuf> {
    path.canonicalize() // stub: the workspace room's author writes this
}

/// Where the runs, locks and logs of a workspace lie: `.feature-build/`, or where `state_dir` moves it.
pub fn state_dir(root: &Path, config: &Config) -> PathBuf {
    config.state_dir.as_ref().map_or_else(|| root.join(".feature-build"), |dir| root.join(dir))
}
