//! What the benchmarks share.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

pub mod floor;
pub mod made;
pub mod turns;
