//! What a supervisor has to do: written once by whoever starts the run, read by every supervisor that the run ever has.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Caller, Keep, RetryPolicy, RunId};
use crate::agent::{Handling, Usage};
use crate::plan::Schedule;
use crate::task::TaskId;
use crate::workspace::ResourceLimits;

/// The form of the orders that this version writes. It grows where an older program would do something else by reading an
/// order of the new form than what it says.
pub(super) const FORMAT: u32 = 1;

/// The content of a run's `run.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// Its form: no program carries out an order of a later one.
    #[serde(default)]
    pub format: u32,
    /// The run.
    pub run: RunId,
    /// When it was asked for, in milliseconds since 1970: a task that another run has at this time, or later, is taken
    /// over from there.
    #[serde(default)]
    pub asked_ms: u64,
    /// The workspace's root: where tasks are started.
    pub root: PathBuf,
    /// The workspace's state folder.
    pub state_dir: PathBuf,
    /// What to do.
    pub schedule: Schedule,
    /// The argument vector of each task that starts.
    pub argv: BTreeMap<TaskId, Vec<String>>,
    /// How the tasks' processes are dealt with; a task that is missing needs nothing special.
    #[serde(default)]
    pub handling: BTreeMap<TaskId, Handling>,
    /// The tasks whose standard input lies in a file of the run, with the hash of what stands there: by it that is sealed
    /// together with this order.
    pub stdin: BTreeMap<TaskId, String>,
    /// How many tasks run at the same time at the most.
    pub max_parallel: NonZeroU32,
    /// Run later waves after a wave in which a task did not pass.
    pub keep_going: bool,
    /// The limits of each attempt.
    pub limits: Limits,
    /// Which older runs stay when this one ends.
    #[serde(default)]
    pub keep: Keep,
    /// Whether a task is tried again.
    #[serde(default)]
    pub retry: RetryPolicy,
    /// How long tasks will probably take, in milliseconds; those are missing of which nothing tells.
    #[serde(default)]
    pub estimates: BTreeMap<TaskId, u64>,
    /// What the run's agents may use together.
    #[serde(default)]
    pub budget: Budget,
    /// The attempts that the run was started by and that went on then, the outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub callers: Vec<Caller>,
    /// What names the workspace, whatever becomes of its path; empty in an order of an earlier version.
    #[serde(default)]
    pub workspace: String,
    /// The hash of the configuration that the user trusted when the run was started.
    #[serde(default)]
    pub trusted: String,
}

/// What the agents of a run may use together, by their own account; a task that runs is not ended for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Budget {
    /// In US dollars.
    pub max_cost: Option<f64>,
    /// Tokens, in and out.
    pub max_tokens: Option<u64>,
}

impl Budget {
    /// Why no further task may start; `None`: one may.
    pub(super) fn is_spent(&self, used: Usage) -> Option<String> {
        let cost = used.cost_usd.unwrap_or_default();
        if let Some(max) = self.max_cost.filter(|max| cost >= *max) {
            return Some(format!("the run has cost ${cost:.2}, and `max_cost` is ${max:.2}"));
        }
        let tokens = used.tokens();
        let max = self.max_tokens.filter(|max| tokens >= *max)?;
        Some(format!("the run has used {tokens} tokens, and `max_tokens` is {max}"))
    }
}

/// What a guard enforces. Times in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// How long an attempt may take; `None`: no limit.
    pub timeout_ms: Option<u64>,
    /// After how long it is said that an attempt takes long; `None`: never.
    #[serde(default)]
    pub slow_after_ms: Option<u64>,
    /// How long it has to end after SIGTERM before it is killed.
    pub grace_ms: u64,
    /// How long what it left behind may live, and hold its output, after it has exited.
    pub leak_ms: u64,
    /// How long it goes on without a supervisor.
    pub orphan_ms: u64,
    /// What its processes may take of the machine.
    #[serde(default)]
    pub resources: ResourceLimits,
    /// How many bytes of its output are kept, half from its head and half from its tail.
    pub log_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            timeout_ms: None,
            slow_after_ms: None,
            grace_ms: 10_000,
            leak_ms: 500,
            orphan_ms: 30_000,
            resources: ResourceLimits::default(),
            log_bytes: 64 << 20,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_spent_when_it_is_reached() {
        let used = Usage { input_tokens: 7, output_tokens: 3, cost_usd: Some(2.0) };
        let budget = |max_cost, max_tokens| Budget { max_cost, max_tokens }.is_spent(used);
        assert_eq!(budget(None, None), None);
        assert_eq!(budget(Some(2.1), Some(11)), None);
        assert_eq!(budget(Some(2.0), None).as_deref(), Some("the run has cost $2.00, and `max_cost` is $2.00"));
        assert_eq!(budget(None, Some(10)).as_deref(), Some("the run has used 10 tokens, and `max_tokens` is 10"));
        assert_eq!(Budget { max_cost: Some(0.1), max_tokens: Some(1) }.is_spent(Usage::default()), None);
    }
}
