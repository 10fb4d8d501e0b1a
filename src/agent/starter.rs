//! The first configuration of a workspace, with a word on each key that a user may want next.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;

use crate::workspace::{Agent, Config, FILE_NAME, private};

/// Where the schema of the configuration lies for editors, relative to the root: beside the runs, which git ignores.
pub const SCHEMA_FILE: &str = ".feature-build/config.schema.json";

/// The text of a first `feature-build.yaml`, by which this agent does every task.
pub fn starter(name: &str, agent: &Agent) -> String {
    let command = agent.command.as_ref().and_then(crate::workspace::Command::words).unwrap_or_default();
    let title = agent.title.as_deref().unwrap_or(name);
    let command = command.join(" ");
    format!(
        "# yaml-language-server: $schema={SCHEMA_FILE}
# What runs the tasks of this workspace. Every key: feature-build schema config

# Who does a task: {title}, started as `{command}`.
# `feature-build agents` shows which others are installed.
agent: {name}

# Other values for single keys of an agent:
# agents:
#   {name}:
#     model: NAME

# Tasks of one `implementation_mode` can have an agent or a command of their own:
# modes:
#   direct:
#     command: [make, \"{{id}}\"]

# What must succeed after the agent, or the task has failed:
# verify:
#   - make test

# How many tasks run at the same time, and how long one may take:
# max_parallel: 4
# timeout_seconds: 3600
"
    )
}

/// Writes it, and the schema for editors. Never over a file that is there, nor through a link. Blocking.
///
/// # Errors
/// Where the configuration cannot be written, or is there already.
pub fn write_starter(root: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(root.join(FILE_NAME))?;
    file.write_all(text.as_bytes())?;
    // An editor without the schema lacks a convenience; the configuration is written all the same.
    let _ = write_schema(root);
    Ok(())
}

fn write_schema(root: &Path) -> io::Result<()> {
    let path = root.join(SCHEMA_FILE);
    let folder = path.parent().unwrap_or(root);
    private::claim(root, folder)?;
    private::hide_from_git(folder)?;
    private::write_whole(&path, &serde_json::to_vec_pretty(&schemars::schema_for!(Config))?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::agent;
    use crate::workspace::{Config, PRESETS};

    #[test]
    fn the_starter_says_what_it_says_with_and_without_its_comments() {
        for name in PRESETS {
            let text = starter(name, &agent::agent(&Config::default(), name).unwrap());
            let config = Config::parse(&text).unwrap();
            assert_eq!(config.agent.as_ref().unwrap().as_str(), name);
            // Every line that looks like a key is one: a user takes the `# ` away.
            let is_key = |line: &&str| {
                let key = line.trim_start_matches(' ').trim_start_matches("- ");
                key.split_once(':')
                    .is_some_and(|(key, rest)| !key.contains(' ') && (rest.is_empty() || rest.starts_with(' ')))
                    || line.trim_start().starts_with("- ")
            };
            let uncommented = |line: &str| line.strip_prefix("# ").filter(is_key).unwrap_or(line).to_owned();
            let lines: Vec<String> = text.lines().skip(2).map(uncommented).collect();
            let config = Config::parse(&lines.join("\n")).unwrap_or_else(|error| panic!("{name}: {error}\n{lines:#?}"));
            assert_eq!(config.agents.len(), 1);
            assert!(config.modes.contains_key("direct") && config.verify.len() == 1);
            assert!(config.max_parallel.is_some() && config.timeout_seconds.is_some());
        }
    }
}
