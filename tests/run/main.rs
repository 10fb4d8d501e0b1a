//! Running, from outside: real supervisors, real guards, real processes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

mod adoption;
mod agents;
mod bench;
mod cancel;
mod ends;
mod held;
mod history;
mod levels;
mod nesting;
mod output;
mod pausing;
#[path = "../cli/pty.rs"]
mod pty;
mod reasons;
mod retries;
mod screen;
mod terminal;
mod tmux;
mod waves;
