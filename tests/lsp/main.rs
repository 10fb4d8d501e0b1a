//! The language server from outside: the real binary over real framing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod ending;
mod estimates;
mod failures;
mod foreign;
mod harness;
mod init;
mod lifecycle;
mod places;
mod runs;
mod texts;
mod trust;
mod waves;

/// An agent that does what the task's own script says, and passes where it has none.
const SCRIPTED: &str = "echo working on $1\n[ -e \"tools/$1.sh\" ] && . \"./tools/$1.sh\"\nexit 0\n";

/// A script that waits until a file is there: the test says when.
fn wait_for(file: &str) -> String {
    format!("while [ ! -e {file} ]; do sleep 0.01; done\n")
}
