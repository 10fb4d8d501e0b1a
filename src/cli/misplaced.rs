//! What a word was meant to be that stands on the command line without the option that takes it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory as _, FromArgMatches as _};

use super::terminal::shown;
use super::{Cli, Context, nearest_of};
use crate::plan::{Feature, feature_named};
use crate::run::RunPaths;
use crate::task::TaskId;
use crate::workspace::state_dir;

/// The command line, or an error that also says which option a word without one belongs to.
pub(super) fn parse(arguments: Vec<OsString>) -> Result<Cli, clap::Error> {
    let command = Cli::command();
    let parsed = command.clone().try_get_matches_from(&arguments).and_then(|matches| Cli::from_arg_matches(&matches));
    parsed.map_err(|mut error| {
        let tips = word_of(&error).and_then(|word| {
            let called = Called::of(&command, &arguments)?;
            let tips = if word.starts_with('-') { known_elsewhere(&word) } else { called.tips(&word, &arguments) };
            Some(tips).filter(|tips| !tips.is_empty())
        });
        if let Some(tips) = tips {
            let tips = tips.iter().map(|tip| StyledStr::from(shown(tip))).collect();
            // What clap takes for the nearest option, and how that one is used.
            error.remove(ContextKind::SuggestedArg);
            error.insert(ContextKind::Usage, ContextValue::StyledStr(usage(&command, &arguments)));
            error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
        }
        error
    })
}

/// How the command that was called is used.
fn usage(command: &clap::Command, arguments: &[OsString]) -> StyledStr {
    let called = arguments.iter().skip(1).find_map(|argument| command.find_subcommand(argument)).unwrap_or(command);
    let name = format!("{} {}", command.get_name(), called.get_name());
    called.clone().bin_name(name).render_usage()
}

/// What stands here for an option that other runners have: the nearest name would be another thing.
fn known_elsewhere(option: &str) -> Vec<String> {
    match option {
        "--dry-run" | "--plan" | "--list" | "-n" => {
            vec!["`feature-build waves` shows what would run, and starts nothing".into()]
        }
        _ => Vec::new(),
    }
}

/// The word that no option takes, or an option that is none.
fn word_of(error: &clap::Error) -> Option<String> {
    match (error.kind(), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::UnknownArgument, Some(ContextValue::String(word))) => Some(word.clone()),
        _ => None,
    }
}

/// A command that was called, as far as that can be told from arguments that are wrong.
struct Called {
    directory: PathBuf,
    /// The names of its options.
    options: Vec<String>,
}

impl Called {
    fn of(command: &clap::Command, arguments: &[OsString]) -> Option<Self> {
        let called = arguments.iter().skip(1).find_map(|argument| command.find_subcommand(argument))?;
        let options = called.get_arguments().filter_map(|option| option.get_long()).map(Into::into).collect();
        let behind = arguments.iter().skip_while(|argument| *argument != "-C").nth(1);
        Some(Self { directory: behind.map_or_else(|| Path::new(".").to_path_buf(), Into::into), options })
    }

    fn takes(&self, option: &str) -> bool {
        self.options.iter().any(|known| known == option)
    }

    fn tips(&self, word: &str, arguments: &[OsString]) -> Vec<String> {
        if self.takes(word) {
            // `run wave 1`
            let behind = arguments.iter().skip_while(|argument| *argument != word).nth(1);
            let value = behind.and_then(|value| value.to_str()).map(|value| format!(" {value}")).unwrap_or_default();
            return vec![format!("'{word}' is an option: '--{word}{value}'")];
        }
        // Where there is no workspace to look into, the error stays as it is.
        let Ok(index) = (Context { directory: self.directory.clone() }).index() else { return Vec::new() };
        let features: Vec<&Feature> = index.features().collect();
        let known = self.known(&features, word);
        if !known.is_empty() {
            return known;
        }
        let run = TaskId::new(word).ok().map(crate::run::RunId);
        let state = state_dir(index.root(), index.config());
        if run.is_some_and(|run| RunPaths::of(&state, &run).journal().exists()) {
            return vec![format!("'{word}' is a run: `feature-build watch {word}` shows it")];
        }
        self.near(&features, word)
    }

    fn known(&self, features: &[&Feature], word: &str) -> Vec<String> {
        let mut tips = Vec::new();
        let by_file = |feature: &&Feature| {
            let mut tasks = feature.tasks();
            tasks.find(|task| Path::new(word).ends_with(&*task.file)).map(|task| task.id.to_string())
        };
        let named = |feature: &&Feature| feature.task_named(word).map(|task| task.id.to_string());
        if self.takes("task")
            && let Some(id) = features.iter().find_map(named).or_else(|| features.iter().find_map(by_file))
        {
            tips.push(format!("'{word}' is a task: '--task {id}'"));
        }
        if self.takes("feature")
            && let Ok(feature) = feature_named(features, word)
        {
            tips.push(format!("'{word}' is a feature: '--feature {}'", feature.id));
        }
        let waves = features.iter().flat_map(|feature| &feature.waves);
        if self.takes("wave") && waves.filter_map(|wave| wave.label.as_ref()).any(|label| label.to_string() == word) {
            tips.push(format!("'{word}' is a wave: '--wave {word}'"));
        }
        tips
    }

    fn near(&self, features: &[&Feature], word: &str) -> Vec<String> {
        let tasks = features.iter().flat_map(|feature| feature.tasks()).map(|task| &*task.id);
        let near = |option: &str, names: Vec<String>| -> Vec<String> {
            let names = names.into_iter().filter(|_| self.takes(option));
            names.map(|name| format!("a similar {option} exists: '--{option} {name}'")).collect()
        };
        let mut tips = near("task", nearest_of(word, tasks));
        tips.extend(near("feature", nearest_of(word, features.iter().map(|feature| &*feature.id))));
        tips
    }
}
