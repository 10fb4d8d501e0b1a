//! Standard error, where it may be full, closed or gone: what cannot be said there is said nowhere, and ends nothing. The
//! macros of the standard library panic instead.

use std::io::Write as _;

/// Writes a line.
pub(crate) fn line(words: &str) {
    // There is no other place to tell of it.
    let _ = writeln!(std::io::stderr(), "{words}");
}
