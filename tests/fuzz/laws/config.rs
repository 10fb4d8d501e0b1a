//! Any text is a configuration or an error with a place; and what it configures is an argument vector or a refusal.

use std::path::Path;

use feature_build::agent;
use feature_build::plan::{Schedule, ScheduledTask, ScheduledWave};
use feature_build::task::{self, TaskId};
use feature_build::workspace::Config;

use super::assert_inside;

pub fn law(bytes: &[u8]) {
    let text = task::decode(bytes);
    match Config::parse(&text) {
        Err(error) => assert_inside(error.span, &text),
        Ok(config) => {
            names_its_agents(&config);
            for title in ["a title", "--force", "$(reboot)", "\u{1b}[2J"] {
                makes_commands(&config, title);
            }
        }
    }
}

fn names_its_agents(config: &Config) {
    for name in agent::names(config) {
        assert!(agent::agent(config, &name).is_some(), "{name} is named and unknown");
    }
}

/// No program and no option comes from a title, whatever the configuration says.
fn makes_commands(config: &Config, title: &str) {
    let modes = config.modes.keys().map(|mode| Some(mode.clone())).chain([None]);
    for mode in modes.take(8) {
        let Ok(commands) = agent::resolve(config, Path::new("/w"), &schedule(title, mode), |_| None) else { continue };
        for command in commands.values() {
            let (program, arguments) = command.argv.split_first().expect("a command has a program");
            assert!(!program.contains(title) || says(config, title), "{program:?} comes from the title");
            let options = arguments.split(|argument| argument == "--").next().unwrap_or_default();
            assert!(title != "--force" || !options.iter().any(|option| option == title) || says(config, title));
        }
    }
}

/// The configuration itself says the word.
fn says(config: &Config, word: &str) -> bool {
    let word = serde_json::to_string(word).unwrap();
    serde_json::to_string(config).unwrap().contains(word.trim_matches('"'))
}

fn schedule(title: &str, mode: Option<String>) -> Schedule {
    let id = TaskId::new("T-1").unwrap();
    let task = ScheduledTask {
        id,
        title: title.into(),
        file: "tasks/T-1.md".into(),
        after: Vec::new(),
        mode,
        estimated_minutes: None,
        complexity: None,
    };
    let wave = ScheduledWave { wave: Some("1".into()), tasks: vec![task], skipped: Vec::new() };
    Schedule { feature: "F".into(), title: "F".into(), waves: vec![wave] }
}
