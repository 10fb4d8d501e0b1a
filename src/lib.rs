//! feature-build runs the waves of planned tasks at the same time, as processes, and shows them in any editor.
//!
//! The rooms, each allowed to use those below it only:
//!
//! | room | answers |
//! | --- | --- |
//! | [`cli`], [`lsp`] | what a terminal and an editor see; they translate and decide nothing |
//! | [`run`] | plan in, processes out: supervisor, guard, journal, follower |
//! | [`agent`] | what is started for a task |
//! | [`workspace`] | where the files are: roots, configuration, discovery, the index |
//! | [`plan`] | what follows from all tasks together: features, waves, order, problems (pure) |
//! | [`task`] | what one file says: frontmatter with spans, dialects, body (pure) |

#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

pub mod agent;
pub mod cli;
mod error;
pub mod lsp;
pub mod plan;
pub mod run;
mod stderr;
pub mod task;
pub mod workspace;
