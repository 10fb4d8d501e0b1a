//! `feature-build log --follow`.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;

use super::super::{is_lost_output, words};
use super::say_outcome;
use crate::agent::safe;
use crate::run::{Launcher, OutputFollower, Piece, RunId};
use crate::task::TaskId;

/// Prints what is there, then what comes, until the task has its outcome.
pub(super) fn follow(root: &Path, state_dir: &Path, run: &RunId, task: &TaskId) -> anyhow::Result<ExitCode> {
    let runtime = crate::run::runtime()?;
    let mut output = OutputFollower::new(root, state_dir, run, task, Launcher::default());
    let mut printer = Printer { is_terminal: io::stdout().is_terminal(), line: Vec::new() };
    let is_read = runtime.block_on(async {
        while let Some(piece) = output.next().await? {
            if let Err(error) = printer.print(task, &piece) {
                // Whoever read it has seen enough.
                return if is_lost_output(&error) { Ok(false) } else { Err(error).context("printing the log") };
            }
        }
        printer.end().context("printing the log")?;
        anyhow::Ok(true)
    })?;
    if is_read {
        say_outcome(state_dir, run, task);
    }
    Ok(ExitCode::SUCCESS)
}

/// Standard output has the task's bytes and nothing else; what is said about them goes to standard error.
struct Printer {
    is_terminal: bool,
    /// The beginning of a line: a control sequence may be cut in two where a piece ends.
    line: Vec<u8>,
}

/// More of a line is not waited for.
const LONGEST_LINE: usize = 64 << 10;

impl Printer {
    fn print(&mut self, task: &TaskId, piece: &Piece) -> io::Result<()> {
        match piece {
            Piece::Bytes(bytes) => self.bytes(bytes),
            Piece::Attempt(1) => Ok(()),
            Piece::Attempt(attempt) => self.note(&format!("attempt {attempt} of {task}")),
            Piece::Retrying { outcome, rate_limited } => {
                self.note(&format!("{task} {}; another attempt follows", words::not_passed(*outcome, *rate_limited)))
            }
            Piece::Elsewhere(run) => self.note(&format!("{task} runs in run {run}; its output follows")),
        }
    }

    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut output = io::stdout().lock();
        if !self.is_terminal {
            output.write_all(bytes)?;
            return output.flush();
        }
        self.line.extend_from_slice(bytes);
        let ended = self.line.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        let shown = if self.line.len() - ended > LONGEST_LINE { self.line.len() } else { ended };
        let rest = self.line.split_off(shown);
        let whole = std::mem::replace(&mut self.line, rest);
        output.write_all(safe::text(&whole).as_bytes())?;
        output.flush()
    }

    fn note(&mut self, words: &str) -> io::Result<()> {
        self.end()?;
        writeln!(io::stderr(), "feature-build: {words}")
    }

    /// What has no line end yet is all that comes.
    fn end(&mut self) -> io::Result<()> {
        if self.line.is_empty() {
            return Ok(());
        }
        let line = safe::text(&std::mem::take(&mut self.line));
        writeln!(io::stdout(), "{line}")
    }
}
