//! Task ids that are safe to use as a file name and as an argument.

use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// An id made of letters, digits, `.`, `_` and `-` that begins with a letter or digit.
///
/// Only such an id can name a log file or stand in a command line, so only tasks with one can run.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct TaskId(Arc<str>);

/// The text is no safe id.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
#[error(
    "\"{0}\" is no safe id: an id has only letters, digits, `.`, `_` and `-`, begins with a letter or digit, and is at most 128 long"
)]
pub struct UnsafeId(pub String);

/// Longer ids could not name a file with a suffix on every file system.
const LONGEST: usize = 128;

impl TaskId {
    /// Takes the text as an id.
    ///
    /// # Errors
    /// [`UnsafeId`] where a character or the length does not fit.
    pub fn new(text: &str) -> Result<Self, UnsafeId> {
        Self::check(text).map(|()| Self(text.into()))
    }

    /// Is the text an id?
    ///
    /// # Errors
    /// [`UnsafeId`] where a character or the length does not fit.
    pub(crate) fn check(text: &str) -> Result<(), UnsafeId> {
        let first_fits = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        let all_fit = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
        if first_fits && all_fit && text.len() <= LONGEST { Ok(()) } else { Err(UnsafeId(text.into())) }
    }

    /// The same without a copy of the text.
    pub(crate) fn of(text: &Arc<str>) -> Result<Self, UnsafeId> {
        Self::check(text).map(|()| Self(Arc::clone(text)))
    }

    /// An id for a task that has none that is safe, made from letters, digits and `-`: it can never start, but a run
    /// has to name it to say so.
    pub(crate) fn without_one(name: &str) -> Self {
        Self::new(&format!("no-id.{name}")).unwrap_or_else(|_| Self("no-id".into()))
    }

    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl std::borrow::Borrow<str> for TaskId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for TaskId {
    type Error = UnsafeId;

    fn try_from(text: String) -> Result<Self, UnsafeId> {
        Self::new(&text)
    }
}

impl From<TaskId> for String {
    fn from(id: TaskId) -> Self {
        id.0.as_ref().into()
    }
}
