//! Where the state of a workspace lies.

use std::path::{Path, PathBuf};

use super::Config;

/// Where the state of a workspace lies, relative to its root, unless `state_dir` says otherwise.
pub const USUAL_STATE_DIR: &str = ".feature-build";

/// Where the runs, locks and logs of a workspace lie: `.feature-build/`, or where `state_dir` moves it.
pub fn state_dir(root: &Path, config: &Config) -> PathBuf {
    config.state_dir.as_ref().map_or_else(|| root.join(USUAL_STATE_DIR), |dir| root.join(dir))
}
