//! The reading commands from outside: the real binary over small workspaces.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod check;
mod choose;
mod full;
mod init;
mod pty;
mod schema;
mod waves;
mod workspace;
