//! `feature-build agents`.

use std::process::ExitCode;

use super::format::{self, Agents};
use super::terminal::{Look, Paint, print_json, shown};
use super::{Context, print};
use crate::agent::{self, Found};
use crate::workspace::Config;

/// Show the agents that can do tasks: which are installed, and which version.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  feature-build agents\n  feature-build agents --format json")]
pub(super) struct Args {
    /// How to print them.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object; see `feature-build schema agents`.
    Json,
}

pub(super) fn main(context: &Context, args: &Args) -> anyhow::Result<ExitCode> {
    let root = context.root()?;
    let config = Config::load(&root)?;
    let runtime = crate::run::runtime()?;
    let found = runtime.block_on(agent::found_with_versions(&config, &root));
    match args.format {
        Format::Json => print_json(&Agents { agents: found.iter().map(agent_json).collect() }),
        Format::Text => {
            print(&text(&found, Paint::of_stdout()))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn agent_json(found: &Found) -> format::Agent {
    format::Agent {
        name: found.name.clone(),
        title: found.title.clone(),
        program: found.program.as_ref().map(|program| program.display().to_string()),
        version: found.version.clone(),
        get: found.get.clone(),
    }
}

fn text(found: &[Found], paint: Paint) -> String {
    let width = found.iter().map(|agent| agent.name.chars().count()).max().unwrap_or_default();
    found.iter().map(|agent| line(agent, width, paint)).collect()
}

fn line(agent: &Found, width: usize, paint: Paint) -> String {
    let name = format!("{:width$}", shown(&agent.name));
    let Some(program) = &agent.program else {
        let get = agent.get.as_ref().map(|get| format!("; get it: {}", shown(get))).unwrap_or_default();
        return format!("  {name}  {}\n", paint.paint(Look::Dim, &format!("not found{get}")));
    };
    let version = agent.version.as_deref().unwrap_or("version unknown");
    let program = shown(&program.display().to_string());
    format!("{} {}  {version}, {program}\n", paint.paint(Look::Green, "✓"), paint.paint(Look::Bold, &name))
}
