//! `feature-build prune`.

use std::process::ExitCode;

use anyhow::ensure;

use super::{Context, print, say_unreadable, words};
use crate::run::{self, Keep, Pruned, RunState};
use crate::workspace::Size;
use crate::workspace::trust::{Standing, Store, StoreError, Subject};

/// Remove old runs with their logs. What passed in them stays passed.
///
/// A run stays that has not finished, or that is among the newest within all limits: by default the last 100 runs, 1 GB
/// and 30 days, or what `keep:` in feature-build.yaml says. The end of each run does the same.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  feature-build prune --keep 10 --dry-run")]
pub(super) struct Args {
    /// Keep so many of the newest.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    keep: Option<u32>,
    /// Keep as many of the newest as have this size together, such as 500MB.
    #[arg(long, value_name = "SIZE")]
    max_bytes: Option<Size>,
    /// Remove what started longer ago.
    #[arg(long, value_name = "DAYS", allow_negative_numbers = true)]
    older_than: Option<u32>,
    /// Only say what would be removed.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn main(context: &Context, args: &Args) -> anyhow::Result<ExitCode> {
    if !args.dry_run {
        let subject = Subject::read(&context.root()?)?;
        let says_what_goes = subject.config().state_dir.is_some() || subject.config().keep != Default::default();
        let is_trusted =
            || Ok::<_, StoreError>(matches!(Store::of_user()?.standing(subject.clone())?, Standing::Trusted(_)));
        ensure!(
            !says_what_goes || is_trusted()?,
            "removing old runs: feature-build.yaml says which (`state_dir`, `keep`), and you have not trusted it as it is \
             now: look at it with `feature-build trust`"
        );
    }
    let (state_dir, configured) = context.state()?;
    let keep = Keep {
        runs: args.keep.unwrap_or(configured.runs),
        bytes: args.max_bytes.map_or(configured.bytes, |size| size.0),
        days: args.older_than.unwrap_or(configured.days),
    };
    if !args.dry_run {
        let root = context.root()?;
        for run in run::unfinished(&state_dir).iter().filter(|run| run.state == RunState::Died) {
            // Else what was moved or copied with its workspace would stay for ever.
            if run::is_closed(&state_dir, &run.run) {
                run::close(&root, &state_dir, &run.run)?;
            }
        }
    }
    let pruned = run::prune(&state_dir, &keep, args.dry_run)?;
    print(&text(&pruned, args.dry_run))?;
    // What is not the user's own is left to the user.
    say_unreadable(&state_dir, &run::runs(&state_dir));
    Ok(ExitCode::SUCCESS)
}

fn text(pruned: &[Pruned], dry_run: bool) -> String {
    let bytes = pruned.iter().map(|run| run.bytes).sum();
    let lines = pruned.iter().map(|pruned| format!("run {}: {}\n", pruned.run, words::size(pruned.bytes)));
    let verb = if dry_run { "would remove" } else { "removed" };
    lines.chain([format!("{verb} {}, {}\n", words::count(pruned.len(), "run"), words::size(bytes))]).collect()
}
