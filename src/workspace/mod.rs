//! Where the files are: roots, configuration, discovery, the index of all tasks, and what the user trusts. Reads files and
//! nothing else; only `trust` writes, outside of every workspace.

mod agents;
mod backlog;
mod config;
mod discover;
mod index;
mod left_out;
pub mod placeholder;
pub(crate) mod private;
pub(crate) mod program;
mod root;
mod state;
pub mod trust;
mod walk;

pub use agents::{Agent, AgentName, Format, PRESETS, Success};
pub use config::{
    Backoff, Command, Config, ConfigError, FILE_NAME, Glob, Limits as ResourceLimits, Own, Pattern, Retries, Run, Size,
    Stdin,
};
pub use discover::read_inside;
pub use index::{Changed, FileProblems, Index, Unread};
pub use root::{Owner, RootError, find_root, find_root_among};
pub use state::{USUAL_STATE_DIR, state_dir};
