//! From the configuration to the argument vector of each scheduled task.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::plan::{Schedule, ScheduledTask};
use crate::task::{self, Extent, OwnCommand, Task, TaskId};
use crate::workspace::{Command as Configured, Config, Run, Stdin};

/// The file that says what runs a task.
pub const CONFIG_FILE: &str = "feature-build.yaml";

/// What is started for one task.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Command {
    /// The program and its arguments; at least the program.
    pub argv: Vec<String>,
    /// What it reads from its standard input; `None`: nothing.
    pub stdin: Option<Vec<u8>>,
    /// What is done with it besides starting it.
    pub handling: Handling,
}

/// How a task's process is dealt with besides being started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Handling {
    /// The argument vector that goes on with an agent's session; `{session}` stands for the session.
    pub resume: Vec<String>,
    /// Commands that must succeed after the process has.
    pub verify: Vec<Vec<String>>,
}

/// No command can be made for a task.
#[derive(Debug, Error)]
pub enum Error {
    /// Nothing says what runs the task.
    #[error(
        "nothing says what runs task {task}: write these three lines into {}\n\n\
         # called once a task, in the root of the workspace; {{id}} {{title}} {{file}} {{feature}} {{wave}} {{workspace}} are filled in\n\
         run:\n  command: [cat, \"{{file}}\"]\n",
        .file.display()
    )]
    NothingConfigured {
        /// A task that has no command.
        task: TaskId,
        /// The file to write.
        file: PathBuf,
    },
    /// A command given as one line has an open quote.
    #[error("reading the command of task {task}: \"{line}\" cannot be split into words (is a quote open?)")]
    NotSplittable {
        /// The task.
        task: TaskId,
        /// The line.
        line: String,
    },
    /// A command without a program.
    #[error("reading the command of task {task}: it is empty ({origin})")]
    Empty {
        /// The task.
        task: TaskId,
        /// Which key holds it.
        origin: String,
    },
    /// The body that the task's process shall read cannot be read.
    #[error("reading {} for the standard input of task {task}", .file.display())]
    Body {
        /// The task.
        task: TaskId,
        /// Its file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Works out what is started for each task of the schedule. Blocking: reads the bodies that commands ask for.
///
/// `task_of` finds a task by its file (relative to the root), for its own `run:` key.
///
/// # Errors
/// [`enum@Error`] for the first task, in the schedule's order, that has no usable command.
pub fn resolve<'a>(
    config: &Config,
    root: &Path,
    schedule: &Schedule,
    task_of: impl Fn(&Path) -> Option<&'a Task>,
) -> Result<BTreeMap<TaskId, Command>, Error> {
    let mut commands = BTreeMap::new();
    for wave in &schedule.waves {
        for task in &wave.tasks {
            let source = source_of(config, task, task_of(Path::new(&task.file)))
                .ok_or_else(|| Error::NothingConfigured { task: task.id.clone(), file: root.join(CONFIG_FILE) })?;
            let values = Values { task, feature: &schedule.feature, wave: wave.wave.as_deref(), root };
            let argv = source.words(&task.id)?.iter().map(|word| values.fill(word)).collect();
            let stdin = source.stdin(root, task)?;
            commands.insert(task.id.clone(), Command { argv, stdin, handling: Handling::default() });
        }
    }
    Ok(commands)
}

/// A command as written, and where.
struct Source<'a> {
    command: Written<'a>,
    stdin: Stdin,
    origin: String,
}

enum Written<'a> {
    Argv(Vec<&'a str>),
    Line(&'a str),
}

fn source_of<'a>(config: &'a Config, task: &ScheduledTask, file: Option<&'a Task>) -> Option<Source<'a>> {
    let own = file.and_then(|file| file.run.as_ref()).filter(|_| config.task_commands);
    if let Some(own) = own {
        let command = match &own.value {
            OwnCommand::Argv(words) => Written::Argv(words.iter().map(AsRef::as_ref).collect()),
            OwnCommand::Line(line) => Written::Line(line),
        };
        return Some(Source { command, stdin: config.run.stdin, origin: format!("`run:` of {}", task.file) });
    }
    let of_mode = task.mode.as_deref().and_then(|mode| Some((mode, config.modes.get(mode)?)));
    if let Some((mode, run)) = of_mode
        && run.command.is_some()
    {
        return configured(run, format!("`modes.{mode}.command`"));
    }
    configured(&config.run, "`run.command`".into())
}

fn configured(run: &Run, origin: String) -> Option<Source<'_>> {
    let command = match run.command.as_ref()? {
        Configured::Argv(words) => Written::Argv(words.iter().map(String::as_str).collect()),
        Configured::Line(line) => Written::Line(line),
    };
    Some(Source { command, stdin: run.stdin, origin })
}

impl Source<'_> {
    /// The words, before anything is filled in: a title with a space or quote stays one argument.
    fn words(&self, task: &TaskId) -> Result<Vec<String>, Error> {
        let words = match &self.command {
            Written::Argv(words) => words.iter().map(ToString::to_string).collect(),
            Written::Line(line) => shlex::split(line)
                .ok_or_else(|| Error::NotSplittable { task: task.clone(), line: (*line).to_string() })?,
        };
        if words.first().is_none_or(String::is_empty) {
            return Err(Error::Empty { task: task.clone(), origin: self.origin.clone() });
        }
        Ok(words)
    }

    fn stdin(&self, root: &Path, task: &ScheduledTask) -> Result<Option<Vec<u8>>, Error> {
        if self.stdin == Stdin::None {
            return Ok(None);
        }
        let file = root.join(&task.file);
        match std::fs::read(&file) {
            Ok(bytes) => Ok(Some(body_of(&bytes).into_bytes())),
            Err(source) => Err(Error::Body { task: task.id.clone(), file, source }),
        }
    }
}

/// What the placeholders stand for.
struct Values<'a> {
    task: &'a ScheduledTask,
    feature: &'a str,
    wave: Option<&'a str>,
    root: &'a Path,
}

impl Values<'_> {
    /// Fills one argument in, in a single pass: a title that contains `{id}` is not filled in again. Other braces are
    /// left alone, so that an argument may be JSON.
    fn fill(&self, word: &str) -> String {
        let mut filled = String::with_capacity(word.len());
        let mut rest = word;
        while let Some((before, from)) = rest.split_once('{') {
            filled.push_str(before);
            let known = from.split_once('}').and_then(|(name, after)| Some((self.value(name)?, after)));
            if let Some((value, after)) = known {
                filled.push_str(&value);
                rest = after;
            } else {
                filled.push('{');
                rest = from;
            }
        }
        filled + rest
    }

    fn value(&self, name: &str) -> Option<String> {
        Some(match name {
            "id" => self.task.id.to_string(),
            "title" => self.task.title.clone(),
            "file" => self.task.file.clone(),
            "feature" => self.feature.to_string(),
            "wave" => self.wave.unwrap_or_default().to_string(),
            "workspace" => self.root.display().to_string(),
            _ => return None,
        })
    }
}

/// What follows the frontmatter; the whole file where there is none.
fn body_of(bytes: &[u8]) -> String {
    let text = task::decode(bytes);
    match task::extent(text.as_bytes()) {
        Extent::Closed(body) => text.get(body..).unwrap_or_default().into(),
        Extent::None | Extent::Open => text.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use super::*;
    use crate::plan::ScheduledWave;

    fn schedule(title: &str, mode: Option<&str>) -> Schedule {
        let task = ScheduledTask {
            id: TaskId::new("T-1").unwrap(),
            title: title.into(),
            file: "tasks/T-1.md".into(),
            after: Vec::new(),
            mode: mode.map(Into::into),
            estimated_minutes: None,
            complexity: None,
        };
        let wave = ScheduledWave { wave: Some("2".into()), tasks: vec![task], skipped: Vec::new() };
        Schedule { feature: "F".into(), title: "The feature".into(), waves: vec![wave] }
    }

    fn config(yaml: &str) -> Config {
        Config::parse(yaml).unwrap()
    }

    fn of(command: Configured) -> Config {
        Config { run: Run { command: Some(command), ..Run::default() }, ..Config::default() }
    }

    fn argv(config: &Config, schedule: &Schedule) -> Result<Vec<String>, Error> {
        let commands = resolve(config, Path::new("/w"), schedule, |_| None)?;
        Ok(commands.into_values().next().unwrap().argv)
    }

    #[test]
    fn placeholders_become_whole_arguments() {
        let config =
            of(Configured::Line("agent --do {id} {title} '{\"a\": {x}}' {file}:{feature}:{wave}:{workspace}".into()));
        let argv = argv(&config, &schedule("say \"hi\"; rm -rf {id} $HOME", None)).unwrap();
        let wanted = ["agent", "--do", "T-1", "say \"hi\"; rm -rf {id} $HOME", "{\"a\": {x}}", "tasks/T-1.md:F:2:/w"];
        assert_eq!(argv, wanted);
    }

    #[test]
    fn a_mode_comes_before_the_rest() {
        let config = config("run: {command: [any]}\nmodes: {direct: {command: [special]}}");
        assert_eq!(argv(&config, &schedule("t", Some("direct"))).unwrap(), ["special"]);
        assert_eq!(argv(&config, &schedule("t", Some("other"))).unwrap(), ["any"]);
        assert_eq!(argv(&config, &schedule("t", None)).unwrap(), ["any"]);
    }

    #[test]
    fn what_is_missing_is_said_with_lines_that_work() {
        let message = argv(&Config::default(), &schedule("t", None)).unwrap_err().to_string();
        assert!(message.contains("/w/feature-build.yaml"), "{message}");
        let (_, lines) = message.split_once("\n\n").unwrap();
        assert_eq!(lines.trim_end().lines().count(), 3);
        assert_eq!(argv(&config(lines), &schedule("t", None)).unwrap(), ["cat", "tasks/T-1.md"]);
    }

    #[test]
    fn what_cannot_be_a_command_is_refused() {
        let schedule = schedule("t", None);
        let open = of(Configured::Line("a \"b".into()));
        assert!(matches!(argv(&open, &schedule), Err(Error::NotSplittable { .. })));
        for empty in [Configured::Argv(Vec::new()), Configured::Argv(vec![String::new()]), Configured::Line(" ".into())]
        {
            assert!(matches!(argv(&of(empty), &schedule), Err(Error::Empty { .. })));
        }
    }

    #[test]
    fn the_body_is_what_follows_the_frontmatter() {
        assert_eq!(body_of(b"---\r\nid: A\r\n---\r\n# Do\r\n"), "# Do\r\n");
        assert_eq!(body_of(b"# Do\n"), "# Do\n");
    }
}
