//! `feature-build log`.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};

use super::{Context, is_lost_output};
use crate::agent::safe;
use crate::run::{self, RunId, RunPaths};
use crate::task::TaskId;

/// Print the output of a task: of its latest attempt, or of its attempt in one run.
///
/// In a terminal control sequences are left out; into a pipe or file the bytes go as they came.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  feature-build log TASK-7")]
pub(super) struct Args {
    /// The task.
    task: String,
    /// The run.
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
}

pub(super) fn main(context: &Context, args: &Args) -> anyhow::Result<ExitCode> {
    let state_dir = context.state_dir()?;
    let task = TaskId::new(&args.task)?;
    let path = match &args.run {
        Some(run) => RunPaths::of(&state_dir, &RunId(TaskId::new(run)?)).log(&task, 1),
        None => latest(&context.root()?, &state_dir, &task)?,
    };
    let log = File::open(&path).with_context(|| format!("reading the log {}", path.display()))?;
    match copy(log) {
        Err(error) if !is_lost_output(&error) => {
            Err(error).with_context(|| format!("printing the log {}", path.display()))
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn latest(root: &Path, state_dir: &Path, task: &TaskId) -> anyhow::Result<PathBuf> {
    let mut attempts = run::latest_attempts(state_dir);
    // As `run --task` finds it: to the letter, else without case.
    let without_case = || attempts.keys().find(|id| id.as_str().eq_ignore_ascii_case(task.as_str())).cloned();
    let known = if attempts.contains_key(task) { Some(task.clone()) } else { without_case() };
    let attempt = known.and_then(|known| attempts.remove(&known));
    let attempt = attempt.ok_or_else(|| anyhow!("task {task} has not run in this workspace"))?;
    let log = attempt.log.ok_or_else(|| {
        let reason = attempt.reason.unwrap_or_default();
        anyhow!("task {task} has no output, it was not started in run {}: {reason}", attempt.run)
    })?;
    Ok(root.join(log))
}

fn copy(log: File) -> io::Result<()> {
    let mut output = io::stdout().lock();
    if !output.is_terminal() {
        io::copy(&mut BufReader::new(log), &mut output)?;
        return output.flush();
    }
    let mut log = BufReader::new(log);
    loop {
        let line = take_line(&mut log)?;
        if line.is_empty() {
            return output.flush();
        }
        output.write_all(safe::text(&line).as_bytes())?;
    }
}

/// A line, or as much of one as is shown at a time: a log may be one line of many megabytes.
fn take_line(log: &mut impl io::BufRead) -> io::Result<Vec<u8>> {
    const MOST: u64 = 64 << 10;
    let mut line = Vec::new();
    io::Read::take(log, MOST).read_until(b'\n', &mut line)?;
    Ok(line)
}
