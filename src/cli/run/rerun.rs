//! `feature-build run --rerun`.

use std::path::Path;

use anyhow::{Context as _, bail};

use super::super::{complain, no_run, not_among};
use crate::plan::{Feature, Selection};
use crate::run::{self, Rerun, RunId, RunState};

/// What did not pass in a run, as a selection; `None` where nothing is left of it, which is said.
pub(super) fn selection(
    state_dir: &Path,
    features: &[&Feature],
    named: Option<&str>,
) -> anyhow::Result<Option<Selection>> {
    let run = chosen(state_dir, named)?;
    let mut rerun =
        Rerun::read(state_dir, &run).with_context(|| format!("looking for what did not pass in run {run}"))?;
    for (task, passed_in) in &rerun.passed_since {
        complain(&format!("{task} is left out: it has passed since, in run {passed_in}"));
    }
    rerun.again.retain(|task| {
        let is_known = features.iter().flat_map(|feature| feature.tasks()).any(|known| *known.id == *task.as_str());
        if !is_known {
            complain(&format!("{task} is left out: it has no task file any more"));
        }
        is_known
    });
    let selection = rerun.selection();
    if selection.is_none() {
        complain(&format!("nothing of run {run} has to run again"));
    }
    Ok(selection)
}

/// The named run, else the last one that is over.
fn chosen(state_dir: &Path, named: Option<&str>) -> anyhow::Result<RunId> {
    let mut runs = run::runs(state_dir).into_iter();
    let Some(name) = named else {
        let over = runs.find(|run| run.state == RunState::Finished);
        return Ok(over.context("no run of this workspace is over: there is nothing to run again")?.run);
    };
    match runs.find(|run| run.run.0.as_str() == name) {
        None => Err(not_among(state_dir, name, no_run(state_dir, name))),
        Some(run) if run.state == RunState::Running => bail!("run {name} goes on: `feature-build watch` shows it"),
        Some(run) => Ok(run.run),
    }
}
