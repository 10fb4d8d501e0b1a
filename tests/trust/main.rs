//! Trust from outside: every way to start a process of a workspace is tried before its user has said yes; what its files
//! may not become; what they may not show.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

mod commands;
mod denial;
mod ended;
mod foreign;
mod gate;
mod hostile;
mod nasty;
mod owners;
mod places;
mod programs;
#[path = "../cli/pty.rs"]
mod pty;
mod values;
