//! The journal: an append-only file of records, one JSON object a line.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::Record;

/// A journal cannot be read.
#[derive(Debug, Error)]
pub enum JournalError {
    /// The file cannot be read.
    #[error("reading the journal {}", .path.display())]
    Io {
        /// The journal.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A newer feature-build wrote it in a format that this one does not know.
    #[error("reading the journal {}: its format is {found}, this feature-build knows {known}; use a newer one", .path.display())]
    NewerFormat {
        /// The journal.
        path: PathBuf,
        /// Its version.
        found: String,
        /// The newest version that is known.
        known: &'static str,
    },
    /// A finished line is no record.
    #[error("reading the journal {}: line {line} is no record: {message}", .path.display())]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        message: String,
    },
}

/// Reads all records of a journal. An unterminated last line is being written, or was never finished: it is ignored.
/// Blocking.
///
/// # Errors
/// [`JournalError`].
pub fn read_journal(path: &Path) -> Result<Vec<Record>, JournalError> {
    Err(JournalError::Io { path: path.to_path_buf(), source: io::ErrorKind::NotFound.into() }) // written next
}
