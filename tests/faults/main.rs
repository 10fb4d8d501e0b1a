//! What goes wrong on real machines, done on purpose. Each scenario prints its seed and how often it tried;
//! `FEATURE_BUILD_SEED` repeats one, `FEATURE_BUILD_TESTS=long` tries more often and with more.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs, dead_code)]

#[path = "../run/bench.rs"]
mod bench;
mod chance;
mod circles;
mod clocks;
mod copies;
mod deaths;
mod family;
mod floods;
mod full;
#[path = "../lsp/harness.rs"]
mod harness;
mod idle;
mod leavings;
mod mount;
mod places;
mod room;
mod shortages;
mod stopped;
mod swarms;
mod taken;
mod threads;
mod unwatched;
