//! A file as the key of a table.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::ffi::OsStr;
use std::hash::{Hash, Hasher};

use crate::task::RelPath;

/// A plain relative path, told from others by its bytes.
///
/// A path's own hash, equality and order go through it part by part, because `a//b` is `a/b`. The files of an index are plain
/// already, and asked for so often that this was a tenth of its time.
#[derive(Debug, Clone)]
pub(super) struct FileKey(pub(super) RelPath);

impl Borrow<OsStr> for FileKey {
    fn borrow(&self) -> &OsStr {
        self.0.as_os_str()
    }
}

impl Hash for FileKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.as_os_str().hash(state);
    }
}

impl PartialEq for FileKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_os_str() == other.0.as_os_str()
    }
}

impl Eq for FileKey {}

impl Ord for FileKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.as_os_str().cmp(other.0.as_os_str())
    }
}

impl PartialOrd for FileKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
