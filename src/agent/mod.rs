//! What is started for a task, and how its output is understood: an argument vector and a standard input, never a shell;
//! a log's last lines and the places that it names, safe to show.

mod found;
mod limits;
mod missing;
mod output;
mod preset;
mod readers;
mod resolve;
pub mod safe;
mod starter;
mod told;

pub use found::{Found, found, found_with_versions};
pub use limits::{RateLimit, WallTime};
pub use missing::{Missing, missing};
pub use output::{Excerpt, Named, VERIFY_HEADER, excerpt, line_count};
pub use preset::{agent, names};
pub use readers::{Reader, Reading, Verdict};
pub use resolve::{CONFIG_FILE, Command, Error, Handling, resolve};
pub use starter::{starter, write_starter};
pub use told::{Told, Usage};
