//! What is started for a task: an argument vector and a standard input. Never a shell.

mod resolve;

pub use resolve::{CONFIG_FILE, Command, Error, resolve};
