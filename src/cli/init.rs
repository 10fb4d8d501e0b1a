//! `feature-build init`.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail, ensure};

use super::terminal::shown;
use super::words::count;
use super::{Context, print};
use crate::agent::{self, CONFIG_FILE, Found};
use crate::workspace::{Config, Index};

/// Set the workspace up: choose the agent that does its tasks, and write feature-build.yaml.
///
/// Asks in a terminal; elsewhere it needs --agent and --yes. A file that is there is never overwritten.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  feature-build init\n  feature-build init --agent claude --yes")]
pub(super) struct Args {
    /// The agent that does the tasks.
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    /// Put a feature-build.yaml that is there aside, as feature-build.yaml.old.
    #[arg(long)]
    force: bool,
}

pub(super) fn main(context: &Context, args: &Args) -> anyhow::Result<ExitCode> {
    let root = context.own_root()?;
    let file = root.join(CONFIG_FILE);
    let is_there = file.symlink_metadata().is_ok();
    ensure!(args.force || !is_there, "{} is there already; --force puts it aside", file.display());
    let can_ask = io::stdin().is_terminal() && io::stdout().is_terminal();
    ensure!(can_ask || args.yes, "nobody can be asked here: give --agent NAME and --yes");

    let name = match &args.agent {
        Some(name) => name.clone(),
        None if can_ask && !args.yes => ask_which(&root)?,
        None => bail!("give the agent, too: --agent NAME (`feature-build agents` lists them)"),
    };
    Config::default().knows_agent(&name).map_err(anyhow::Error::msg)?;
    let text = agent::starter(&name, &agent::agent(&Config::default(), &name).unwrap_or_default());
    if !args.yes {
        print(&format!("\n{text}\n"))?;
        if !confirmed(&format!("Write this to {}?", shown(&file.display().to_string())))? {
            bail!("nothing was written");
        }
    }
    if is_there {
        put_aside(&file)?;
    }
    agent::write_starter(&root, &text).with_context(|| format!("writing {}", file.display()))?;
    print(&next_steps(&root, &name))?;
    Ok(ExitCode::SUCCESS)
}

/// Lists the agents, those that are here first, and asks for one.
fn ask_which(root: &Path) -> anyhow::Result<String> {
    let (here, elsewhere): (Vec<Found>, Vec<Found>) =
        agent::found(&Config::default(), root).into_iter().partition(|agent| agent.program.is_some());
    let mut list = format!("{}\n\nWho shall do the tasks?\n", what_is_here(root));
    let choices: Vec<Found> = here.into_iter().chain(elsewhere).collect();
    for (at, agent) in choices.iter().enumerate() {
        let remark = if agent.program.is_some() { "" } else { " (not installed)" };
        list += &format!("  {}  {}{remark}\n", at + 1, agent.title);
    }
    print(&list)?;
    loop {
        let answer = ask(&format!("1 to {} [1]: ", choices.len()))?;
        let number = if answer.is_empty() { Ok(1) } else { answer.parse::<usize>() };
        let by_number = number.ok().and_then(|number| choices.get(number.checked_sub(1)?));
        if let Some(chosen) = by_number.or_else(|| choices.iter().find(|agent| agent.name == answer)) {
            return Ok(chosen.name.clone());
        }
    }
}

fn confirmed(question: &str) -> anyhow::Result<bool> {
    let answer = ask(&format!("{question} [Y/n] "))?.to_lowercase();
    Ok(answer.is_empty() || answer == "y" || answer == "yes")
}

fn ask(question: &str) -> anyhow::Result<String> {
    print(question)?;
    io::stdout().flush()?;
    let mut answer = String::new();
    let count = io::stdin().lock().read_line(&mut answer).context("reading the answer")?;
    ensure!(count > 0, "there was no answer");
    Ok(answer.trim().to_owned())
}

/// Never over another file: what was put aside before is somebody's, too.
fn put_aside(file: &Path) -> anyhow::Result<()> {
    let aside = file.with_extension("yaml.old");
    std::fs::hard_link(file, &aside).with_context(|| format!("putting {} aside", file.display()))?;
    std::fs::remove_file(file).with_context(|| format!("putting {} aside", file.display()))
}

/// `GuardKit tasks: 12 in 3 features`.
fn what_is_here(root: &Path) -> String {
    let index = Index::build(root);
    let features: Vec<_> = index.features().collect();
    let mut dialects: Vec<&str> = features.iter().map(|feature| feature.dialect.as_str()).collect();
    dialects.sort_unstable();
    dialects.dedup();
    let tasks = features.iter().map(|feature| feature.tasks().count()).sum();
    if features.is_empty() {
        return format!("No task files in {} yet.", shown(&root.display().to_string()));
    }
    let features = count(features.len(), "feature");
    format!(
        "{} of {} in {features} ({})",
        count(tasks, "task"),
        shown(&root.display().to_string()),
        dialects.join(", ")
    )
}

fn next_steps(root: &Path, name: &str) -> String {
    let mut text = format!("{}\nwritten: {CONFIG_FILE}; `{name}` does the tasks\n", what_is_here(root));
    let found = agent::found(&Config::default(), root);
    if let Some(missing) = found.iter().find(|agent| agent.name == name && agent.program.is_none()) {
        let get = missing.get.as_deref().unwrap_or_default();
        text += &format!("{} is not installed yet: {get}\n", missing.title);
    }
    text += "\nnext:\n  feature-build waves   what there is to do\n  feature-build run     run what is open\n";
    text
}
