//! `feature-build prune`.

use std::process::ExitCode;

use super::{Context, print, words};
use crate::run::{self, Keep, Pruned};

/// Remove old runs with their logs. What passed in them stays passed.
///
/// A run stays that has not finished, or that is among the newest within all limits: by default the last 100 runs, 1 GB
/// and 30 days, or what `keep:` in feature-build.yaml says. The end of each run does the same.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  feature-build prune --keep 10 --dry-run")]
pub(super) struct Args {
    /// Keep so many of the newest.
    #[arg(long, value_name = "N")]
    keep: Option<u32>,
    /// Keep as many of the newest as have this size together, such as 500MB.
    #[arg(long, value_name = "SIZE", value_parser = size)]
    max_bytes: Option<u64>,
    /// Remove what started longer ago.
    #[arg(long, value_name = "DAYS")]
    older_than: Option<u32>,
    /// Only say what would be removed.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn main(context: &Context, args: &Args) -> anyhow::Result<ExitCode> {
    let (state_dir, configured) = context.state()?;
    let keep = Keep {
        runs: args.keep.unwrap_or(configured.runs),
        bytes: args.max_bytes.unwrap_or(configured.bytes),
        days: args.older_than.unwrap_or(configured.days),
    };
    let pruned = run::prune(&state_dir, &keep, args.dry_run)?;
    print(&text(&pruned, args.dry_run))?;
    Ok(ExitCode::SUCCESS)
}

fn text(pruned: &[Pruned], dry_run: bool) -> String {
    let bytes = pruned.iter().map(|run| run.bytes).sum();
    let lines = pruned.iter().map(|pruned| format!("run {}: {}\n", pruned.run, words::size(pruned.bytes)));
    let verb = if dry_run { "would remove" } else { "removed" };
    lines.chain([format!("{verb} {}, {}\n", words::count(pruned.len(), "run"), words::size(bytes))]).collect()
}

/// `1000`, `500MB`, `1.5 GB`: in powers of 1,024, as `prune` prints them.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // looked at before
fn size(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u32); 7] = [("GB", 30), ("MB", 20), ("KB", 10), ("G", 30), ("M", 20), ("K", 10), ("B", 0)];
    let upper = text.trim().to_ascii_uppercase();
    let unit = UNITS.iter().find_map(|(unit, power)| Some((upper.strip_suffix(unit)?, *power)));
    let (number, power) = unit.unwrap_or((&upper, 0));
    let bytes = number.trim().parse::<f64>().ok().map(|number| number * f64::from(1_u32 << power));
    let bytes = bytes.filter(|bytes| bytes.is_finite() && *bytes >= 0.0);
    bytes.map(|bytes| bytes as u64).ok_or_else(|| "a size is a number of bytes, or one such as 500MB or 1GB".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        let sizes = ["0", "1000", "2k", "1.5 KB", "500MB", "1gb", "7B"].map(|text| size(text).ok());
        assert_eq!(sizes, [0, 1_000, 2_048, 1_536, 500 << 20, 1 << 30, 7].map(Some));
        for wrong in ["", "GB", "-1", "nan", "1TBx", "inf"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
