//! `feature-build run --resume`.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::bail;

use super::super::NOT_PASSED;
use super::super::follow::follow_all;
use super::super::format::Format;
use super::super::terminal::shown;
use crate::run::{self, Launcher, Resumed, RunId, RunPaths, Takeover};

/// Goes on with a run that has not finished, or with all of them, and follows them.
pub(super) fn main(state_dir: &Path, named: Option<&str>, format: Format, detach: bool) -> anyhow::Result<ExitCode> {
    let unfinished = chosen(state_dir, named)?;
    if unfinished.is_empty() {
        eprintln!("feature-build: no run is unfinished");
        return Ok(ExitCode::SUCCESS);
    }
    let mut going = Vec::new();
    for run in &unfinished {
        match go_on(state_dir, run) {
            Ok(()) => going.push(run.clone()),
            // One that cannot be taken over keeps nobody from the others.
            Err(error) if unfinished.len() > 1 => eprintln!("feature-build: {}", shown(&format!("{error:#}"))),
            Err(error) => return Err(error),
        }
    }
    if detach {
        going.iter().try_for_each(|run| writeln!(std::io::stdout(), "{run}"))?;
    }
    let all_followed = if detach { ExitCode::SUCCESS } else { follow_all(state_dir, &going, format)? };
    Ok(if going.len() < unfinished.len() { ExitCode::from(NOT_PASSED) } else { all_followed })
}

/// The oldest first: that is the order in which they will end.
fn chosen(state_dir: &Path, named: Option<&str>) -> anyhow::Result<Vec<RunId>> {
    let unfinished = run::unfinished(state_dir).into_iter().rev().map(|run| run.run);
    let Some(name) = named else { return Ok(unfinished.collect()) };
    match unfinished.into_iter().find(|run| run.0.as_str() == name) {
        Some(run) => Ok(vec![run]),
        None => bail!("no run \"{name}\" is unfinished here"),
    }
}

/// One that lost its supervisor gets a new one; one that was paused goes on.
fn go_on(state_dir: &Path, run: &RunId) -> anyhow::Result<()> {
    let dir = RunPaths::of(state_dir, run).dir().to_path_buf();
    if run::resume(&dir, Takeover::Continue, &Launcher::default())? == Resumed::Owned {
        run::go_on(state_dir, run)?;
    }
    Ok(())
}
