//! Why tasks did not pass, without a walk to the log: the places that it names, and its last lines.

use std::path::Path;

use crate::agent;
use crate::run::{Outcome, TaskState, TaskView, View};

/// How many last lines of a log are shown.
const LINES: usize = 5;
/// How many places that a log names are shown.
const PLACES: usize = 3;
/// How many tasks are told of: the others' logs are named in the summary.
const TASKS: usize = 5;

/// The places and the last lines of each task that failed or took too long.
pub(super) fn causes(view: &View) -> Vec<String> {
    view.tasks().filter(|task| is_to_blame(task)).take(TASKS).flat_map(|task| cause(task, &view.root)).collect()
}

fn is_to_blame(task: &TaskView) -> bool {
    matches!(&task.state, TaskState::Finished { outcome: Outcome::Failed | Outcome::TimedOut, .. })
}

fn cause(task: &TaskView, root: &str) -> Vec<String> {
    let root = Path::new(root);
    // A log that cannot be read, or says nothing, has nothing to show; the summary names it all the same.
    let log = task.log.as_ref().map(|log| root.join(log));
    let excerpt = log.and_then(|log| agent::excerpt(&log, root).ok()).unwrap_or_default();
    let places = excerpt.places.iter().map(|named| named.text(root));
    let others = places.filter(|place| excerpt.cause.as_ref() != Some(place)).take(PLACES);
    let others = others.map(|place| format!("  \u{2192} {}", place.trim_end()));
    let said: Vec<&String> = excerpt.last_lines.iter().filter(|line| !line.trim().is_empty()).collect();
    let last = said.iter().skip(said.len().saturating_sub(LINES)).map(|line| format!("    {line}"));
    let lines: Vec<String> = others.chain(last).collect();
    let cause = excerpt.cause.map(|cause| format!(" {cause}")).unwrap_or_default();
    if lines.is_empty() && cause.is_empty() {
        return lines;
    }
    std::iter::once(format!("why {} did not pass:{cause}", task.id)).chain(lines).collect()
}
