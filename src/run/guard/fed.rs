//! What a task's process reads: a file that was written when the run was started.

use std::fs::File;
use std::io::{self, Read, Seek as _};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::private;

/// A file and what has to stand in it: an agent that is told something else does something else.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::run) struct Fed {
    pub(in crate::run) file: PathBuf,
    /// From the order, which is sealed.
    pub(in crate::run) hash: String,
}

impl Fed {
    /// The hash of what is fed. Blocking.
    pub(in crate::run) fn hash(mut content: impl Read) -> io::Result<blake3::Hash> {
        let mut hasher = blake3::Hasher::new_derive_key("feature-build 2026-11 standard input");
        io::copy(&mut content, &mut hasher)?;
        Ok(hasher.finalize())
    }

    /// Opens it where it is what it was. Blocking.
    pub(super) fn open(&self) -> io::Result<File> {
        let mut file = private::open(&self.file)?;
        if Self::hash(&file)?.to_hex().as_str() != self.hash {
            return Err(io::Error::other("it is not what was written there when the run was started"));
        }
        file.rewind()?;
        Ok(file)
    }
}
