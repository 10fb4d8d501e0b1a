//! Which agents this machine has.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

use super::{preset, safe};
use crate::workspace::placeholder::Author;
use crate::workspace::{Agent, Config, program};

/// An agent that takes longer to say its version is shown without one.
const PATIENCE: Duration = Duration::from_secs(10);
/// More is no version.
const MOST: u64 = 4096;

/// An agent, and whether it is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The name that the configuration calls it by.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// Its program; `None` where it is not on PATH.
    pub program: Option<PathBuf>,
    /// What its program says its version is.
    pub version: Option<String>,
    /// How to get it, where somebody says so.
    pub get: Option<String>,
}

/// Looks on PATH for every agent that the configuration knows. Blocking, but quick: it starts nothing.
pub fn found(config: &Config, root: &Path) -> Vec<Found> {
    let of = |name: String| {
        let agent = preset::agent(config, &name).unwrap_or_default();
        let program = first_word(&agent).and_then(|word| match preset::author(config, &name) {
            Author::Preset => program::of_preset(&word, root),
            // From the root, as a run starts it.
            Author::User => {
                program::of_user(&word).map(|file| root.join(file)).filter(|file| program::is_executable(file))
            }
        });
        let title = agent.title.unwrap_or_else(|| name.clone());
        Found { name, title, program, version: None, get: agent.get }
    };
    preset::names(config).into_iter().map(of).collect()
}

/// The same, with their versions: asks all of them at the same time. Only presets are asked: what the configuration says
/// has to be trusted before it is started.
pub async fn found_with_versions(config: &Config, root: &Path) -> Vec<Found> {
    let mut all = found(config, root);
    let mut asked = tokio::task::JoinSet::new();
    for (at, agent) in all.iter().enumerate() {
        if config.agents.contains_key(&agent.name) {
            continue;
        }
        let version = preset::agent(config, &agent.name).and_then(|agent| agent.version?.words());
        if let (Some(program), Some(version)) = (agent.program.clone(), version) {
            asked.spawn(async move { (at, version_of(&program, version.get(1..).unwrap_or_default()).await) });
        }
    }
    while let Some(answer) = asked.join_next().await {
        let Ok((at, version)) = answer else { continue };
        if let Some(agent) = all.get_mut(at) {
            agent.version = version;
        }
    }
    all
}

fn first_word(agent: &Agent) -> Option<String> {
    agent.command.as_ref()?.words()?.into_iter().next()
}

/// The first line that the program prints. Asked in a folder that nobody's project lies in.
async fn version_of(program: &Path, arguments: &[String]) -> Option<String> {
    let mut command = Command::new(program);
    command.args(arguments).current_dir("/").stdin(Stdio::null());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true).spawn().ok()?;
    let mut output = Vec::new();
    let mut printed = child.stdout.take()?.take(MOST);
    tokio::time::timeout(PATIENCE, printed.read_to_end(&mut output)).await.ok()?.ok()?;
    output.split(|&byte| byte == b'\n').map(safe::line).find(|line| !line.is_empty())
}
