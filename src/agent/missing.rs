//! Programs that a run would not find.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use super::preset;
use crate::workspace::{Command, Config, program};

/// A program that a configuration starts by its name alone, and that is not on PATH.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Missing {
    /// The program.
    pub program: String,
    /// What starts it: `agent claude`, `verify`.
    pub origin: String,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { program, origin } = self;
        write!(f, "`{program}`, the program of {origin}, is not found on PATH: tasks would fail there")
    }
}

/// What the configuration starts and this machine has not. A program that is named with its folder may be made by a task, and
/// what is filled in may be anything: neither is looked for. Blocking, but quick: it starts nothing.
pub fn missing(config: &Config, root: &Path) -> Vec<Missing> {
    let modes = || std::iter::once(None).chain(config.modes.keys().map(|mode| Some(mode.as_str())));
    let own = |command: &Command, origin: &str| {
        let program = first_word(command).filter(|program| program::of_user(program).is_none())?;
        Some(Missing { program, origin: origin.to_owned() })
    };
    let verify = config.verify.iter().filter_map(|command| own(command, "verify"));
    let commands = modes().filter_map(|mode| own(config.command_of(mode)?, "run"));
    let agents: BTreeSet<&str> = modes().filter_map(|mode| config.agent_of(mode)).collect();
    let agents = agents.into_iter().filter_map(|name| {
        let origin = format!("agent {name}");
        let command = preset::agent(config, name)?.command?;
        let is_own = config.agents.get(name).is_some_and(|agent| agent.command.is_some());
        if is_own {
            return own(&command, &origin);
        }
        let program = first_word(&command).filter(|program| program::of_preset(program, root).is_none())?;
        Some(Missing { program, origin })
    });
    let missing: BTreeSet<Missing> = verify.chain(commands).chain(agents).collect();
    missing.into_iter().collect()
}

fn first_word(command: &Command) -> Option<String> {
    command.words()?.into_iter().next().filter(|program| !program.is_empty() && !program.contains(['/', '{']))
}
