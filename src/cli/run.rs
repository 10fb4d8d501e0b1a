//! `feature-build run`.

mod choose;
mod rerun;
mod resume;

use std::io::Write as _;
use std::num::NonZeroU32;
use std::process::ExitCode;

use super::follow::start_and_follow;
use super::format::Format;
use super::trust::gate;
use super::{Context, complain};
use crate::agent;
use crate::plan::{Asked, Feature, Include, Schedule, SelectError, Selection, select};
use crate::run::{self, Options};
use crate::workspace::trust::Subject;

/// Run the waves of a feature: the tasks of a wave at the same time.
///
/// Without --feature the one open feature is run; where several are open, a terminal asks which. Without --next, --wave or
/// --task every wave of it that is not done.
/// Nothing starts before you have trusted the workspace's configuration (`feature-build trust`); a terminal asks.
/// The run goes on when the terminal is closed; Ctrl-C ends it, twice at once.
///
/// Exit code: 0 all passed, 1 some task did not, 2 usage or configuration, 130 cancelled.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  feature-build run --feature FEAT-1 --wave 1")]
pub(super) struct Args {
    /// The feature to run.
    #[arg(long, value_name = "ID")]
    feature: Option<String>,
    /// Only the first wave that is not done.
    #[arg(long, conflicts_with_all = ["wave", "task"])]
    next: bool,
    /// Only this wave.
    #[arg(long, value_name = "WAVE", conflicts_with = "task")]
    wave: Option<String>,
    /// Only this task; may be given several times.
    #[arg(long, value_name = "ID")]
    task: Vec<String>,
    /// Run again what did not pass in this run, or in the last one that is over; not what has passed since.
    #[arg(long, value_name = "RUN", conflicts_with_all = ["feature", "next", "wave", "task", "redo"])]
    rerun: Option<Option<String>>,
    /// Go on with this run, or with every run that has not finished: one whose supervisor died, one that is paused. What
    /// was lost is not run again (--rerun does that).
    #[arg(long, value_name = "RUN", conflicts_with_all = ["feature", "next", "wave", "task", "redo", "rerun"])]
    resume: Option<Option<String>>,
    /// Run tasks that are done, too.
    #[arg(long)]
    redo: bool,
    /// Start tasks, too, whose status says that somebody works on them, or that something stands in their way; may be
    /// given several times.
    #[arg(long, value_enum, value_name = "STATE")]
    include: Vec<Held>,
    /// How many tasks run at the same time at the most [default: the whole wave, at most 16].
    #[arg(short = 'j', long, visible_alias = "jobs", value_name = "N", allow_negative_numbers = true)]
    max_parallel: Option<NonZeroU32>,
    /// After a failure run later waves too; only tasks that depend on one that did not pass are skipped.
    #[arg(long)]
    keep_going: bool,
    /// Trust the configuration as it stands, without being asked.
    #[arg(long)]
    trust: bool,
    /// Run the feature that is proposed, and start as many agents as it needs, without being asked.
    #[arg(long)]
    yes: bool,
    /// How often a task that did not pass is tried again [default: what the configuration says, else 0].
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    retries: Option<u32>,
    /// How long one attempt of a task may take [default: what the configuration says, else no limit].
    #[arg(long, value_name = "SECONDS", value_parser = seconds, allow_negative_numbers = true)]
    timeout: Option<f64>,
    /// How to show the run.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Start the run, print its id, and do not follow it.
    #[arg(long, conflicts_with = "format")]
    detach: bool,
}

/// What is not started unasked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Held {
    /// Somebody works on it.
    Claimed,
    /// Something stands in the way.
    Blocked,
}

impl Args {
    fn include(&self) -> Include {
        Include { claimed: self.include.contains(&Held::Claimed), blocked: self.include.contains(&Held::Blocked) }
    }

    fn selection(&self) -> Selection {
        let asked = match (&self.wave, self.next, self.task.as_slice()) {
            (Some(wave), ..) => Asked::Wave(wave.clone()),
            (None, true, _) => Asked::NextWave,
            (None, false, []) => Asked::Everything,
            (None, false, tasks) => Asked::Tasks(tasks.to_vec()),
        };
        Selection { feature: self.feature.clone(), asked, redo: self.redo, include: self.include() }
    }
}

pub(super) fn main(context: &Context, args: &Args) -> anyhow::Result<ExitCode> {
    if let Some(run) = &args.resume {
        return resume::main(&context.state_dir_of(run.as_deref())?, run.as_deref(), args.format, args.detach);
    }
    let index = context.index()?;
    if let Some(error) = index.config_error() {
        // Nothing runs by the half of a configuration that could be read.
        return Err(error.clone().into());
    }
    let root = index.root();
    let features: Vec<&Feature> = index.features().collect();
    if features.is_empty() {
        index.all_read(&Asked::Everything)?;
        anyhow::bail!("no task files in {}", root.display());
    }
    let selection = match &args.rerun {
        None => args.selection(),
        Some(run) => match rerun::selection(&context.state_dir_of(run.as_deref())?, &features, run.as_deref())? {
            Some(selection) => selection,
            None => return Ok(ExitCode::SUCCESS),
        },
    };
    index.all_read(&selection.asked)?;
    let mut selected = select(&features, &selection);
    if let Err(SelectError::SeveralOpen(open)) = &selected {
        let feature = choose::feature(&features, open, root, args.yes)?;
        selected = select(&features, &Selection { feature: Some(feature), ..selection });
    }
    let schedule: Schedule = match selected {
        Ok(schedule) => schedule,
        // Everything that was asked for has passed: a script that runs this twice must not fail.
        Err(done @ (SelectError::AllDone { .. } | SelectError::NothingOpen)) => {
            complain(&done.to_string());
            return Ok(ExitCode::SUCCESS);
        }
        Err(error) => return Err(error.into()),
    };
    let subject = Subject::read(root)?;
    let commands = agent::resolve(subject.config(), root, &schedule, |file| index.task(file))?;
    let options = Options {
        max_parallel: args.max_parallel,
        keep_going: args.keep_going,
        retries: args.retries,
        timeout_seconds: args.timeout,
        ..Options::default()
    };
    for missing in agent::missing(subject.config(), root) {
        complain(&missing.to_string());
    }
    let usual = args.max_parallel.unwrap_or_else(|| run::max_parallel(subject.config()));
    choose::agents(&schedule, usual, args.max_parallel, args.yes)?;
    let trusted = gate(subject, args.trust)?;
    let start = || {
        let started = run::start(&trusted, &schedule, &commands, &options);
        if let Some(said) = run::shared_state(root) {
            complain(&said);
        }
        started
    };
    if args.detach {
        let run = start()?;
        // The run is on; a reader that is gone changes nothing.
        let _ = writeln!(std::io::stdout(), "{run}");
        return Ok(ExitCode::SUCCESS);
    }
    // Only now: it counts as it is trusted.
    start_and_follow(&run::state_dir(root), args.format, start)
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds.is_finite() && seconds >= 0.0 => Ok(seconds),
        _ => Err("a number of seconds must be 0 or more".into()),
    }
}
