//! Why tasks did not pass, without a walk to the log: the places that it names, and its last lines.

use std::path::Path;

use super::super::words;
use crate::agent;
use crate::run::{TaskView, View};

/// How many last lines of a log are shown.
const LINES: usize = 5;
/// How many places that a log names are shown.
const PLACES: usize = 3;
/// How many tasks are told of so: of the others the log is named.
const TASKS: usize = 5;

/// Each task that failed, and of the first ones what their logs name and say last.
pub(super) fn failures(view: &View) -> Vec<String> {
    let told = words::failures(view).enumerate().flat_map(|(at, task)| {
        let cause = if at < TASKS { cause(task, &view.root) } else { Vec::new() };
        std::iter::once(words::finished_task(task)).chain(cause)
    });
    told.collect()
}

fn cause(task: &TaskView, root: &str) -> Vec<String> {
    let root = Path::new(root);
    // A log that cannot be read, or says nothing, has nothing to show; the summary names it all the same.
    let log = task.log.as_ref().map(|log| root.join(log));
    let excerpt = log.and_then(|log| agent::excerpt(&log, root).ok()).unwrap_or_default();
    let places = excerpt.places.iter().map(|named| named.text(root));
    let others = places.filter(|place| excerpt.cause.as_ref() != Some(place)).take(PLACES);
    let others = others.map(|place| format!("    \u{2192} {}", place.trim_end()));
    let said: Vec<&String> = excerpt.last_lines.iter().filter(|line| !line.trim().is_empty()).collect();
    let last = said.iter().skip(said.len().saturating_sub(LINES)).map(|line| format!("      {line}"));
    let cause = excerpt.cause.iter().map(|cause| format!("    {cause}"));
    cause.chain(others).chain(last).collect()
}
