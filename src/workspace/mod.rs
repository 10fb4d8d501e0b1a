//! Where the files are: roots, configuration, discovery, and the index of all tasks. Reads files and nothing else.

mod config;
mod discover;
mod index;
mod root;

pub use config::{Backoff, Command, Config, ConfigError, FILE_NAME, Glob, Own, Run, Stdin};
pub use index::{Changed, FileProblems, Index};
pub use root::{find_root, state_dir};
