//! The commands, one file each. A terminal is a follower like any other.

mod agents;
mod cancel;
mod check;
mod completions;
mod follow;
mod format;
mod init;
mod log;
mod lsp;
mod misplaced;
mod prune;
mod run;
mod runs;
mod schema;
mod status;
mod terminal;
mod trust;
mod watch;
mod waves;
mod words;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::agent::safe;
use crate::error::with_causes;
use crate::plan::{nearest, one_of};
use crate::run::{
    History, JournalError, Keep, Outcome, RunId, RunPaths, RunSummary, StartError, history as run_history, read_run,
    runs_dir, state_dir as run_state_dir, state_dir_of as run_state_dir_of, unreadable,
};
use crate::task::TaskId;
use crate::workspace::{Config, Index, RootError};

/// Exit code: some task did not pass, or `check` found an error.
const NOT_PASSED: u8 = 1;
/// Exit code: the command line or the configuration is wrong.
const USAGE: u8 = 2;

/// The command line of `feature-build`.
#[derive(Debug, Parser)]
#[command(name = "feature-build", version, about, max_term_width = 100)]
pub struct Cli {
    /// Work in the workspace of DIR instead of the current folder's.
    #[arg(short = 'C', value_name = "DIR", global = true)]
    directory: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Args),
    Agents(agents::Args),
    Waves(waves::Args),
    Run(run::Args),
    Check(check::Args),
    Runs(runs::Args),
    Watch(watch::Args),
    Status(status::Args),
    Log(log::Args),
    Cancel(cancel::Args),
    Prune(prune::Args),
    Trust(trust::Args),
    Lsp(lsp::Args),
    Schema(schema::Args),
    Completions(completions::Args),
}

/// What every command is told besides its own arguments.
#[derive(Debug)]
struct Context {
    /// The folder whose workspace is meant.
    directory: PathBuf,
}

impl Context {
    /// The root of the workspace that is meant.
    fn root(&self) -> anyhow::Result<PathBuf> {
        use anyhow::Context as _;
        // A mistyped folder must not quietly become the workspace that its parent lies in.
        anyhow::ensure!(self.directory.exists(), "there is no folder {}", self.directory.display());
        crate::workspace::find_root(&self.directory)
            .with_context(|| format!("looking for the workspace of {}", self.directory.display()))
    }

    /// Where `init` works: below another user's configuration it makes one of this user's own.
    fn own_root(&self) -> anyhow::Result<PathBuf> {
        match self.root() {
            Err(error) => match error.downcast_ref::<RootError>() {
                Some(RootError::Foreign { folder, .. }) => Ok(folder.clone()),
                _ => Err(error),
            },
            root => root,
        }
    }

    /// Where the state of its runs lies.
    fn state_dir(&self) -> anyhow::Result<PathBuf> {
        self.state().map(|(state_dir, _)| state_dir)
    }

    /// Where the state of the run with this name lies: an earlier `state_dir` may have it.
    fn state_dir_of(&self, run: Option<&str>) -> anyhow::Result<PathBuf> {
        match run.map(TaskId::new) {
            Some(Ok(run)) => self.state().map(|_| ()).and_then(|()| Ok(run_state_dir_of(&self.root()?, &RunId(run)))),
            Some(Err(_)) | None => self.state_dir(),
        }
    }

    /// Where the state of its runs lies, and which of them stay there. A configuration that is not trusted names no folder.
    fn state(&self) -> anyhow::Result<(PathBuf, Keep)> {
        let root = self.root()?;
        let present = run_state_dir(&root);
        match Config::load(&root) {
            Ok(config) => Ok((present, Keep::of(&config))),
            // A run in progress has to be seen and cancelled, whatever somebody does to the configuration meanwhile.
            Err(error) if present.is_dir() => {
                complain(&format!("{error}; looking in {}", present.display()));
                Ok((present, Keep::default()))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// All task files of that workspace, with what their latest attempts say.
    fn index(&self) -> anyhow::Result<Index> {
        Ok(self.index_with_history()?.0)
    }

    /// The same, and what earlier runs left.
    fn index_with_history(&self) -> anyhow::Result<(Index, History)> {
        let mut index = Index::build(&self.root()?);
        let history = run_history(&run_state_dir(index.root()));
        let passed = history.latest.iter().filter(|(_, attempt)| attempt.outcome == Some(Outcome::Passed));
        index.set_passed(passed.map(|(id, _)| id.clone()).collect());
        index.set_tried(history.latest.keys().cloned().collect());
        Ok((index, history))
    }
}

/// The run with this id, where there is one.
fn run_named(state_dir: &Path, name: &str) -> anyhow::Result<RunId> {
    let run = RunId(TaskId::new(name)?);
    anyhow::ensure!(RunPaths::of(state_dir, &run).journal().exists(), "{}", no_run(state_dir, name));
    Ok(run)
}

/// What is said of a run that nobody knows: with the nearest, or what the name means otherwise.
fn no_run(state_dir: &Path, name: &str) -> String {
    let said = format!("no run \"{name}\" here");
    if find_id(run_history(state_dir).latest.keys(), name).is_some() {
        return format!("{said}; it is a task: `feature-build log {name}` shows its output");
    }
    let runs = crate::run::runs(state_dir);
    format!("{said}{}", did_you_mean(name, runs.iter().map(|run| run.run.0.as_str())))
}

/// `; did you mean A or B?`, or nothing where no name is near.
fn did_you_mean<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    let near = nearest_of(name, known);
    if near.is_empty() { String::new() } else { format!("; did you mean {}?", one_of(&near)) }
}

fn nearest_of<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> Vec<String> {
    nearest(name, known).into_iter().map(Into::into).collect()
}

/// The id that is meant: to the letter, else without case, as `run --task` finds it.
fn find_id<'a>(ids: impl Iterator<Item = &'a TaskId> + Clone, wanted: &str) -> Option<&'a TaskId> {
    let to_the_letter = ids.clone().find(|id| id.as_str() == wanted);
    to_the_letter.or_else(|| ids.into_iter().find(|id| id.as_str().eq_ignore_ascii_case(wanted)))
}

/// Says which runs cannot be shown, and why: a run must not look as if it had never been. Answers whether there are any of
/// this user's.
fn say_unreadable(state_dir: &Path, known: &[RunSummary]) -> bool {
    let (foreign, broken): (Vec<_>, Vec<_>) =
        unreadable(state_dir, known).into_iter().partition(|error| matches!(error, JournalError::Foreign { .. }));
    let is_any = !broken.is_empty();
    for error in broken {
        complain(&with_causes(&error));
    }
    // A workspace may have come with thousands.
    if let [first, others @ ..] = foreign.as_slice() {
        complain(&with_causes(first));
        if !others.is_empty() {
            complain(&format!("the same goes for {} more in {}", others.len(), runs_dir(state_dir).display()));
        }
    }
    is_any
}

/// Why the run with this name is not among those that can be used: its journal cannot be read, else what the caller says.
fn not_among(state_dir: &Path, name: &str, otherwise: String) -> anyhow::Error {
    let unread = run_named(state_dir, name).ok().and_then(|run| read_run(&RunPaths::of(state_dir, &run)).err());
    unread.map_or_else(|| anyhow::Error::msg(otherwise), Into::into)
}

/// Says to standard error what went wrong, or was left out: on one line, and without anything of a file that could move a
/// cursor.
fn complain(words: &str) {
    crate::stderr::line(&format!("feature-build: {}", terminal::shown(words)));
}

/// Prints to standard output. A reader that is gone, as in `| head`, has seen what it wanted: no error.
fn print(text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut output = std::io::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if !is_lost_output(&error) => Err(error),
        _ => Ok(()),
    }
}

fn is_lost_output(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::BrokenPipe
}

/// Runs the command line of this process. An error of a command is printed to standard error and exits with 2.
pub fn main() -> ExitCode {
    let cli = match misplaced::parse(std::env::args_os().collect()) {
        Ok(cli) => cli,
        Err(error) => return say_usage(&error),
    };
    let context = Context { directory: cli.directory.unwrap_or_else(|| Path::new(".").to_path_buf()) };
    let done = match cli.command {
        Command::Init(args) => init::main(&context, &args),
        Command::Agents(args) => agents::main(&context, &args),
        Command::Waves(args) => waves::main(&context, &args),
        Command::Run(args) => run::main(&context, &args),
        Command::Check(args) => check::main(&context, &args),
        Command::Runs(args) => runs::main(&context, &args),
        Command::Watch(args) => watch::main(&context, &args),
        Command::Status(args) => status::main(&context, &args),
        Command::Log(args) => log::main(&context, &args),
        Command::Cancel(args) => cancel::main(&context, &args),
        Command::Prune(args) => prune::main(&context, &args),
        Command::Trust(args) => trust::main(&context, &args),
        Command::Lsp(args) => lsp::main(&context, &args),
        Command::Schema(args) => schema::main(&context, &args),
        Command::Completions(args) => completions::main(&context, &args),
    };
    done.unwrap_or_else(|error| {
        // An error may quote a file: its control characters must not reach the terminal.
        crate::stderr::line(&format!("feature-build: {}", safe::text(format!("{error:#}").as_bytes())));
        ExitCode::from(if is_of_the_system(&error) { NOT_PASSED } else { USAGE })
    })
}

/// Nothing is wrong with what was asked for: the system could not start it.
fn is_of_the_system(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(StartError::Spawn { .. } | StartError::Supervisor { .. }))
}

/// Help and version, which were asked for, or what is wrong with the command line.
fn say_usage(said: &clap::Error) -> ExitCode {
    match said.print() {
        Err(error) if !said.use_stderr() && !is_lost_output(&error) => {
            crate::stderr::line(&format!("feature-build: printing: {error}"));
            ExitCode::from(USAGE)
        }
        // What cannot be said to standard error is told by the exit code.
        _ => ExitCode::from(u8::try_from(said.exit_code()).unwrap_or(USAGE)),
    }
}
