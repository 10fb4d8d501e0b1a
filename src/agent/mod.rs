//! What is started for a task, and how its output is understood: an argument vector and a standard input, never a shell;
//! a log's last lines and the places that it names, safe to show.

mod output;
mod resolve;
pub mod safe;
mod told;

pub use output::{Excerpt, Named, excerpt};
pub use resolve::{CONFIG_FILE, Command, Error, Handling, resolve};
pub use told::{RateLimit, Told, Usage};
