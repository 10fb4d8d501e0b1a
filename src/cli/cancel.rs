//! `feature-build cancel`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};

use super::{Context, NOT_PASSED, complain, find_id, not_among, print, say_unreadable};
use crate::run::{self, Launcher, Level, RunPaths, RunState, RunSummary, Takeover, TaskState, View};
use crate::task::TaskId;

/// End a run in progress, or some of its tasks.
///
/// Each task is asked to end (SIGTERM), and killed when it has not ended within the grace period. What was asked for only
/// gets harder: after `--finish-wave` come the plain form and `--kill`. Of single tasks `--finish-wave` says that they are
/// not started, nor tried again.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  feature-build cancel --task TASK-7")]
pub(super) struct Args {
    /// The run; may be left out where one run is in progress.
    run: Option<String>,
    /// Only this task; may be given several times.
    #[arg(long, value_name = "ID")]
    task: Vec<String>,
    /// Every run in progress.
    #[arg(long, conflicts_with = "run")]
    all: bool,
    /// Let what runs come to its end, and the present wave with it; start no later wave.
    #[arg(long, conflicts_with = "kill")]
    finish_wave: bool,
    /// Kill at once instead of asking first.
    #[arg(long)]
    kill: bool,
}

impl Args {
    fn level(&self) -> Level {
        match (self.finish_wave, self.kill) {
            (true, _) => Level::FinishWave,
            (false, true) => Level::Kill,
            (false, false) => Level::Terminate,
        }
    }
}

pub(super) fn main(context: &Context, args: &Args) -> anyhow::Result<ExitCode> {
    let root = context.root()?;
    let present = context.state_dir()?;
    let mut unfinished: Vec<Unfinished> = Vec::new();
    // What was started before `state_dir` was changed may go on where it was.
    for state_dir in run::state_dirs(&root) {
        let all = run::runs(&state_dir);
        if args.run.is_none() {
            // What may be in progress all the same.
            say_unreadable(&state_dir, &all);
        }
        let open = all.into_iter().filter(|run| run.state != RunState::Finished);
        unfinished.extend(open.map(|summary| Unfinished { state_dir: state_dir.clone(), summary }));
    }
    let named = named(&present, args, in_progress(args, &unfinished))?;
    let targets = if args.task.is_empty() {
        named.into_iter().map(|run| Target { run, tasks: None }).collect()
    } else {
        targets_of(named, &args.task)?
    };
    let targets = only_one(args, targets)?;
    let is_only_one = targets.len() == 1;
    let (mut all_told, mut said) = (true, Ok(()));
    for target in targets {
        let told = tell(&root, &target, args.level());
        match told.with_context(|| format!("cancelling {target}")) {
            Ok(Told::Asked) => {}
            Ok(Told::Ended) => {
                // No supervisor may have it any more.
                said = said.and(print(&format!("ended run {}, which could not go on\n", target.run.summary.run)));
                continue;
            }
            Err(error) if is_only_one => return Err(error),
            // One that cannot be ended keeps nobody from ending the others.
            Err(error) => {
                complain(&format!("{error:#}"));
                all_told = false;
                continue;
            }
        }
        let doing = match (args.level(), &target.tasks) {
            (Level::FinishWave, None) => "ending after its present wave:",
            (Level::FinishWave, Some(_)) => "not starting, nor trying again,",
            (Level::Terminate, _) => "cancelling",
            (Level::Kill, _) => "killing",
        };
        said = said.and(print(&format!("{doing} {target}\n")));
    }
    said?;
    Ok(if all_told { ExitCode::SUCCESS } else { ExitCode::from(NOT_PASSED) })
}

/// Asks for the end of a run or of some of its tasks. Its tasks may live without their supervisor; there has to be one that
/// hears of it.
fn tell(root: &Path, target: &Target, level: Level) -> anyhow::Result<Told> {
    let Unfinished { state_dir, summary } = &target.run;
    let (run, died) = (&summary.run, summary.state == RunState::Died);
    if died && run::is_closed(state_dir, run) {
        run::close(root, state_dir, run)?;
        return Ok(Told::Ended);
    }
    run::cancel(state_dir, run, target.tasks.as_deref(), level)?;
    if died {
        run::resume(RunPaths::of(state_dir, run).dir(), Takeover::Settle, &Launcher::default())?;
    }
    Ok(Told::Asked)
}

/// What came of it.
enum Told {
    /// Its supervisor hears of it.
    Asked,
    /// It could get none, and has been ended.
    Ended,
}

/// The runs that live. One whose supervisor died counts where it is named or nothing else is there: runs that a power
/// failure left must not make "the" run one of several.
fn in_progress(args: &Args, unfinished: &[Unfinished]) -> Vec<Unfinished> {
    let lives = |run: &&Unfinished| run.summary.state == RunState::Running;
    let all = args.all || args.run.is_some() || !unfinished.iter().any(|run| lives(&run));
    unfinished.iter().filter(|run| all || lives(run)).cloned().collect()
}

/// A run that has not finished, and the state folder that it lies in.
#[derive(Debug, Clone)]
struct Unfinished {
    state_dir: PathBuf,
    summary: RunSummary,
}

/// A run, or some of its tasks.
struct Target {
    run: Unfinished,
    tasks: Option<Vec<TaskId>>,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(tasks) = &self.tasks {
            let names: Vec<&str> = tasks.iter().map(TaskId::as_str).collect();
            write!(f, "{} of ", names.join(", "))?;
        }
        write!(f, "run {}", self.run.summary.run)
    }
}

/// The runs that the arguments can mean: the named one, else all.
fn named(state_dir: &Path, args: &Args, running: Vec<Unfinished>) -> anyhow::Result<Vec<Unfinished>> {
    let Some(name) = &args.run else { return Ok(running) };
    let run = running.into_iter().find(|run| run.summary.run.0.as_str() == name);
    let otherwise = || format!("no run \"{name}\" is in progress here (`--task {name}` ends a task)");
    Ok(vec![run.ok_or_else(|| not_among(state_dir, name, otherwise()))?])
}

/// The runs in which these tasks have not ended. A task that is in none is an error: the supervisor would pass over it in
/// silence, and a mistyped id would look cancelled.
fn targets_of(runs: Vec<Unfinished>, wanted: &[String]) -> anyhow::Result<Vec<Target>> {
    let mut missing: Vec<&String> = wanted.iter().collect();
    let mut targets = Vec::new();
    for run in runs {
        let records = run::read_run(&RunPaths::of(&run.state_dir, &run.summary.run)).unwrap_or_default();
        let view = View::of(&records);
        let open = view.tasks().filter(|task| !matches!(task.state, TaskState::Finished { .. })).map(|task| &task.id);
        let found = |wanted: &str| find_id(open.clone(), wanted).cloned();
        let tasks: Vec<TaskId> = wanted.iter().filter_map(|wanted| found(wanted)).collect();
        missing.retain(|wanted| found(wanted).is_none());
        if !tasks.is_empty() {
            targets.push(Target { run, tasks: Some(tasks) });
        }
    }
    match missing.first() {
        Some(task) => bail!("task {task} is not in progress here"),
        None => Ok(targets),
    }
}

/// Where several are left, the user has to say that all are meant.
fn only_one(args: &Args, targets: Vec<Target>) -> anyhow::Result<Vec<Target>> {
    match targets.as_slice() {
        _ if args.all => Ok(targets),
        [] => bail!("nothing is in progress here"),
        [_] => Ok(targets),
        several => {
            let names: Vec<String> = several.iter().map(|target| target.run.summary.run.to_string()).collect();
            bail!("several runs are in progress; name one, or use --all: {}", names.join(", "))
        }
    }
}
