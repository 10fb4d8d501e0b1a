//! The agents that come with the program, each a file in `presets/`, written as `agents:` of the configuration is.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::workspace::placeholder::Author;
use crate::workspace::{Agent, Config, PRESETS};

const FILES: [(&str, &str); PRESETS.len()] = [
    ("guardkit", include_str!("presets/guardkit.yaml")),
    ("claude", include_str!("presets/claude.yaml")),
    ("codex", include_str!("presets/codex.yaml")),
    ("gemini", include_str!("presets/gemini.yaml")),
    ("opencode", include_str!("presets/opencode.yaml")),
    ("aider", include_str!("presets/aider.yaml")),
    ("cursor-agent", include_str!("presets/cursor-agent.yaml")),
    ("copilot", include_str!("presets/copilot.yaml")),
];

/// Read once. A file that could not be read would be missing here; a test reads them all.
static READ: LazyLock<BTreeMap<&str, Agent>> = LazyLock::new(|| {
    FILES.into_iter().filter_map(|(name, text)| Some((name, serde_yaml::from_str(text).ok()?))).collect()
});

/// The agent of this name: the preset, with what the configuration says otherwise.
pub fn agent(config: &Config, name: &str) -> Option<Agent> {
    match (READ.get(name), config.agents.get(name)) {
        (Some(preset), Some(own)) => Some(preset.clone().overridden_by(own)),
        (preset, own) => preset.or(own).cloned(),
    }
}

/// Who wrote the command of an agent.
pub(super) fn author(config: &Config, name: &str) -> Author {
    written_by(config, name, |own| own.command.is_some())
}

/// Who wrote the command that goes on with its session.
pub(super) fn author_of_resume(config: &Config, name: &str) -> Author {
    written_by(config, name, |own| own.resume.is_some())
}

fn written_by(config: &Config, name: &str, has_own: impl Fn(&Agent) -> bool) -> Author {
    let is_own = !READ.contains_key(name) || config.agents.get(name).is_some_and(has_own);
    if is_own { Author::User } else { Author::Preset }
}

/// The names of all agents: the presets in the order in which they are offered, then the configuration's own.
pub fn names(config: &Config) -> Vec<String> {
    let own = config.agents.keys().map(String::as_str).filter(|name| !PRESETS.contains(name));
    PRESETS.into_iter().chain(own).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_preset_is_whole() {
        assert_eq!(FILES.map(|(name, _)| name), PRESETS, "offered in one order");
        for (name, text) in FILES {
            let preset: Agent = serde_yaml::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
            let program = |words: Option<Vec<String>>| words.unwrap().remove(0);
            for command in [&preset.command, &preset.version].map(|command| command.as_ref().unwrap().words()) {
                assert_eq!(program(command), name);
            }
            assert!(preset.title.is_some() && preset.get.is_some() && preset.reader.is_some(), "{name}");
            assert!(preset.model.is_none(), "{name}: the agent itself knows which model is best");
        }
    }

    #[test]
    fn no_value_can_become_an_option_of_a_preset() {
        use crate::workspace::placeholder::{Placeholder, Template};
        for (name, agent) in READ.iter() {
            for command in [&agent.command, &agent.resume].into_iter().flatten() {
                let hostile = |placeholder| match placeholder {
                    // Never hostile: an id that is none starts no task.
                    Placeholder::Id => "TASK-1".into(),
                    _ => "--$(reboot)".into(),
                };
                // Also as if the user had written it: that is what somebody copies who changes a preset.
                for author in [Author::Preset, Author::User] {
                    let template = Template::new(command.words().unwrap(), author, &|_| None);
                    let filled = template.and_then(|template| template.fill(hostile));
                    filled.unwrap_or_else(|refused| panic!("{name}: {refused}"));
                }
            }
        }
    }

    #[test]
    fn single_keys_of_a_preset_can_be_replaced() {
        let config = Config::parse("agents: {claude: {model: opus}, mine: {command: [x]}}").unwrap();
        let claude = agent(&config, "claude").unwrap();
        assert_eq!(claude.model.as_deref(), Some("opus"));
        assert_eq!(claude.title.as_deref(), Some("Claude Code"));
        assert!(agent(&config, "mine").unwrap().command.is_some());
        assert_eq!(names(&config).last().unwrap(), "mine");
    }
}
