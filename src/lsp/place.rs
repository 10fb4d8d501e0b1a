//! Where a text of the editor belongs.

use std::path::{Path, PathBuf};

use super::root::shown_root;
use crate::task::RelPath;
use crate::workspace::{RootError, find_root_among};

/// Where a text belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The canonical root.
    pub(super) root: PathBuf,
    /// Relative to the root.
    pub(super) file: RelPath,
    /// The root as the editor names it.
    pub(super) shown: PathBuf,
}

impl Place {
    /// Where a file belongs; `None` where its folder is not there. The file itself may not be there yet, or be a link: its
    /// folder counts. Blocking.
    pub(super) fn of(path: &Path, opened: &[PathBuf]) -> Result<Option<Self>, RootError> {
        let Some((folder, name)) = path.parent().zip(path.file_name()) else { return Ok(None) };
        let Ok(canonical) = folder.canonicalize() else { return Ok(None) };
        let root = find_root_among(&canonical, opened)?;
        let file = canonical.join(name);
        let shown = shown_root(&root, folder, &canonical);
        Ok(file.strip_prefix(&root).ok().map(Into::into).map(|file| Self { file, root: root.clone(), shown }))
    }
}
