//! Plan in, processes out: supervisor, guard, journal, follower. Knows no editor.
//!
//! A run is a folder, `<state>/runs/<run>/`. [`start()`] writes what has to be done into it and starts the supervisor, a
//! process that nobody's end takes along. The supervisor starts one guard a task and writes the journal; everybody
//! else, the process that called [`start()`] included, follows the journal.

mod arrivals;
mod claim;
mod close;
mod course;
mod estimate;
mod event;
mod follow;
mod guard;
mod health;
mod history;
mod identity;
mod journal;
mod kept;
mod lock;
mod nesting;
mod open;
mod order;
mod output;
mod past;
mod paths;
mod prune;
mod random;
mod reap;
mod record;
mod request;
mod rerun;
mod retry;
mod role;
mod root;
mod runtime;
mod seal;
mod start;
mod stopwatch;
mod supervise;
mod system;
mod view;
mod watch;

use crate::workspace::private;

pub use arrivals::NewRuns;
pub use claim::{Fate, fate};
pub use close::{CloseError, close, is_closed, is_stranded, why_closed};
pub use estimate::{Durations, Hint, Passed, about, expected_ms, remaining_ms, together_ms};
pub use event::{Counts, Event, Outcome, Record, RunId, TaskRef, WaveRef};
pub use follow::{FollowError, Follower};
pub use health::{Checkups, Degraded, degraded};
pub use history::{
    History, LatestAttempt, RunOutcome, RunState, RunSummary, durations, history, latest_attempts, left_behind, runs,
    unfinished, unreadable,
};
pub use identity::{shared_state, state_dir, state_dir_of, state_dirs};
pub use journal::{JournalError, read_journal, read_run};
pub use nesting::{Caller, Waiting, WaitsForItself, may_follow, may_follow_task};
pub use order::{Budget, Limits, Order};
pub use output::{OutputError, OutputFollower, Piece};
pub use paths::{RunPaths, runs_dir};
pub use prune::{Keep, PruneError, Pruned, prune};
pub use request::{Level, cancel, go_on, pause};
pub use rerun::{Rerun, rerun};
pub use retry::RetryPolicy;
pub use role::internal;
pub use runtime::runtime;
pub use start::{Launcher, Options, Resumed, StartError, Takeover, max_parallel, resume, start};
pub(crate) use system::can_start_thread;
pub use view::{Finished, Tally, TaskState, TaskView, View, WaveView};
