//! Plan in, processes out: supervisor, guard, journal, follower. Knows no editor.

mod event;

pub use event::{Counts, Event, Outcome, Record, RunId, TaskRef, WaveRef};
