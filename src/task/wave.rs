//! Wave labels, in the order that people expect.

use std::cmp::Ordering;
use std::fmt;

/// The label of a wave as the author wrote it, without the words around it (`wave-1` is `1`).
///
/// Ordered by its runs of digits and letters: `0 < 1 < 2 < 2a < 3.5 < 10`.
#[derive(Debug, Clone)]
pub struct WaveLabel(Box<str>);

impl WaveLabel {
    /// The label, as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
impl fmt::Display for WaveLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
impl Ord for WaveLabel {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0) // stub: the task room's author writes this
    }
}
impl PartialOrd for WaveLabel {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl PartialEq for WaveLabel {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for WaveLabel {}
