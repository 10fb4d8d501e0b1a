//! `feature-build schema`.

use std::process::ExitCode;

use schemars::{Schema, schema_for};

use super::runs::Runs;
use super::status::Status;
use super::{Context, format, print};
use crate::run::Record;
use crate::workspace::Config;

/// Print the JSON Schema of a machine format, or the names of all where none is given.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  feature-build schema waves")]
pub(super) struct Args {
    /// Which format.
    #[arg(value_enum)]
    name: Option<Name>,
}

/// The formats that have a schema.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Name {
    /// What `waves --format json` prints.
    Waves,
    /// What `check --format json` prints.
    Check,
    /// What `status --format json` prints.
    Status,
    /// What `runs --format json` prints.
    Runs,
    /// What `agents --format json` prints.
    Agents,
    /// One line of `run --format json`, and of the journal.
    Event,
    /// The configuration, feature-build.yaml.
    #[value(alias = "feature-build.yaml")]
    Config,
}

pub(super) fn main(_context: &Context, args: &Args) -> anyhow::Result<ExitCode> {
    let text = match args.name {
        Some(name) => serde_json::to_string_pretty(&schema(name))?,
        None => names().join("\n"),
    };
    print(&(text + "\n"))?;
    Ok(ExitCode::SUCCESS)
}

fn names() -> Vec<String> {
    use clap::ValueEnum as _;
    Name::value_variants().iter().filter_map(|name| Some(name.to_possible_value()?.get_name().to_owned())).collect()
}

fn schema(name: Name) -> Schema {
    match name {
        Name::Waves => schema_for!(format::Waves),
        Name::Check => schema_for!(format::Check),
        Name::Status => schema_for!(Status),
        Name::Runs => schema_for!(Runs),
        Name::Agents => schema_for!(format::Agents),
        Name::Event => schema_for!(Record),
        Name::Config => schema_for!(Config),
    }
}
