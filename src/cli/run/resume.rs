//! `feature-build run --resume`.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use super::super::follow::follow_all;
use super::super::format::Format;
use super::super::{NOT_PASSED, complain, not_among, say_unreadable};
use crate::run::{self, Launcher, Resumed, RunId, RunPaths, RunState, Takeover, Waiting};

/// Goes on with a run that has not finished, or with all of them, and follows them.
pub(super) fn main(state_dir: &Path, named: Option<&str>, format: Format, detach: bool) -> anyhow::Result<ExitCode> {
    let (unfinished, is_any_unread) = chosen(state_dir, named)?;
    if unfinished.is_empty() {
        if !is_any_unread {
            complain("no run is unfinished");
        }
        return Ok(ExitCode::SUCCESS);
    }
    let (mut going, mut waiting) = (Vec::new(), Vec::new());
    for run in &unfinished {
        match go_on(state_dir, run, detach) {
            Ok(waits) => {
                going.push(run.clone());
                waiting.push(waits);
            }
            // One that cannot be taken over keeps nobody from the others.
            Err(error) if unfinished.len() > 1 => complain(&format!("{error:#}")),
            Err(error) => return Err(error),
        }
    }
    if detach {
        going.iter().try_for_each(|run| writeln!(std::io::stdout(), "{run}"))?;
    }
    let all_followed = if detach { ExitCode::SUCCESS } else { follow_all(state_dir, &going, format)? };
    drop(waiting);
    Ok(if going.len() < unfinished.len() { ExitCode::from(NOT_PASSED) } else { all_followed })
}

/// The oldest first: that is the order in which they will end. And whether there are others that cannot be read, which is
/// said.
fn chosen(state_dir: &Path, named: Option<&str>) -> anyhow::Result<(Vec<RunId>, bool)> {
    let all = run::runs(state_dir);
    let is_any_unread = named.is_none() && say_unreadable(state_dir, &all);
    let unfinished = all.into_iter().rev().filter(|run| run.state != RunState::Finished);
    let mut unfinished = unfinished.map(|run| run.run);
    let Some(name) = named else { return Ok((unfinished.collect(), is_any_unread)) };
    let run = unfinished.find(|run| run.0.as_str() == name);
    let otherwise = || format!("no run \"{name}\" is unfinished here");
    Ok((vec![run.ok_or_else(|| not_among(state_dir, name, otherwise()))?], false))
}

/// One that lost its supervisor gets a new one; one that was paused goes on. It may be followed.
fn go_on(state_dir: &Path, run: &RunId, detach: bool) -> anyhow::Result<Option<Waiting>> {
    let waiting = (!detach).then(|| run::may_follow(state_dir, run)).transpose()?;
    let dir = RunPaths::of(state_dir, run).dir().to_path_buf();
    if let Some(why) = run::why_closed(state_dir, run) {
        anyhow::bail!(
            "run {run} cannot go on: {why}; `feature-build cancel {run}` ends it, `feature-build run --rerun {run}` starts \
             what is left"
        );
    }
    if run::resume(&dir, Takeover::Continue, &Launcher::default())? == Resumed::Owned {
        run::go_on(state_dir, run)?;
    }
    Ok(waiting)
}
