//! From the configuration to the argument vector of each scheduled task.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::preset;
use crate::plan::{Schedule, ScheduledTask, Skipped};
use crate::task::{self, Code, Extent, OwnCommand, OwnWork, Task, TaskId};
use crate::workspace::placeholder::{Author, Placeholder, Template, UnsafeValue};
use crate::workspace::{self, Agent, Command as Configured, Config, Format, Run, Stdin, Success, program};

/// The file that says what runs a task.
pub const CONFIG_FILE: &str = "feature-build.yaml";

/// No task's standard input is longer: an agent reads all of it, and this program holds it until the run has begun.
const LONGEST_BODY: u64 = 16 << 20;
/// Nor those of all tasks of a run together.
const LONGEST_BODIES: usize = 256 << 20;

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
    /// How its output is read.
    pub format: Format,
    /// What counts as success.
    pub success: Success,
    /// The argument vector that goes on with an agent's session; `{session}` stands for the session.
    pub resume: Vec<String>,
    /// Commands that must succeed after the process has.
    pub verify: Vec<Vec<String>>,
    /// The variables that it may take with it, by name or by a beginning of names (`ANTHROPIC_*`); `None`: all.
    pub env: Option<Vec<String>>,
}

/// No command can be made for a task.
#[derive(Debug, Error)]
pub enum Error {
    /// Nothing says what runs the task.
    #[error(
        "nothing says what runs task {task}: call `feature-build init` to choose an agent, or write these three lines into {}\n\n\
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
    #[error("reading the command of task {task}: it cannot be split into words: is a quote open? ({origin})")]
    NotSplittable {
        /// The task.
        task: TaskId,
        /// Which key holds it.
        origin: String,
    },
    /// An agent that nobody knows.
    #[error("choosing the agent of task {task}: {message}")]
    UnknownAgent {
        /// The task.
        task: TaskId,
        /// What is wrong, and what was perhaps meant.
        message: String,
    },
    /// A command without a program.
    #[error("reading the command of task {task}: it is empty ({origin})")]
    Empty {
        /// The task.
        task: TaskId,
        /// Which key holds it.
        origin: String,
    },
    /// The program of an agent is nowhere.
    #[error(
        "task {task} cannot be started: `{program}`, the program of {origin}, is not found on PATH, where folders of the \
         workspace and relative ones do not count{get}"
    )]
    NoProgram {
        /// The task.
        task: TaskId,
        /// The program's name.
        program: String,
        /// Whose it is.
        origin: String,
        /// How to get it, where somebody says so.
        get: String,
    },
    /// A value of the task must not stand where the command puts it.
    #[error("task {task} cannot be started: {message} (unsafe-value)")]
    UnsafeValue {
        /// The task.
        task: TaskId,
        /// Which value, and what it would become.
        message: String,
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
    /// The bodies that the tasks of one run shall read are too long together.
    #[error(
        "reading what the tasks read from their standard input: with that of task {task} it is more than {} MB together; \
         start fewer of them at once", LONGEST_BODIES >> 20
    )]
    Bodies {
        /// The task that is one too many.
        task: TaskId,
    },
}

/// Works out what is started for each task of the schedule. Blocking: reads the bodies that commands ask for.
///
/// `task_of` finds a task by its file (relative to the root), for its own keys.
///
/// # Errors
/// [`enum@Error`] for the first task, in the schedule's order, that has no usable command.
pub fn resolve<'a>(
    config: &Config,
    root: &Path,
    schedule: &Schedule,
    task_of: impl Fn(&Path) -> Option<&'a Task>,
) -> Result<BTreeMap<TaskId, Command>, Error> {
    resolve_with(config, root, schedule, task_of, &|name| program::of_preset(name, root))
}

/// The same, where `programs` says where the programs of presets are.
fn resolve_with<'a>(
    config: &Config,
    root: &Path,
    schedule: &Schedule,
    task_of: impl Fn(&Path) -> Option<&'a Task>,
    programs: &dyn Fn(&str) -> Option<PathBuf>,
) -> Result<BTreeMap<TaskId, Command>, Error> {
    let (mut commands, mut held) = (BTreeMap::new(), 0);
    for wave in &schedule.waves {
        if let Some(refused) =
            wave.skipped.iter().find_map(|skipped| refused(skipped, task_of(Path::new(&skipped.file))))
        {
            return Err(refused);
        }
        for task in &wave.tasks {
            let file = task_of(Path::new(&task.file));
            let values = Values { task, feature: &schedule.feature, wave: wave.wave.as_deref(), root };
            let command = Chooser { config, root, task, file, values, programs }.command()?;
            held += command.stdin.as_ref().map_or(0, Vec::len);
            if held > LONGEST_BODIES {
                return Err(Error::Bodies { task: task.id.clone() });
            }
            commands.insert(task.id.clone(), command);
        }
    }
    Ok(commands)
}

/// A value that is already told as a problem stops its task alone: the plan would pass over it. Somebody who asks for
/// the task shall know before anything starts.
fn refused(skipped: &Skipped, file: Option<&Task>) -> Option<Error> {
    let problems = file.filter(|_| !skipped.awaits_person).into_iter().flat_map(|file| &file.problems);
    let mut unsafe_values = problems.filter(|problem| problem.code == Code::UnsafeValue);
    let message = unsafe_values.next()?.message.to_string();
    Some(Error::UnsafeValue { task: skipped.id.clone(), message })
}

/// Chooses what is started for one task.
struct Chooser<'a> {
    config: &'a Config,
    root: &'a Path,
    task: &'a ScheduledTask,
    /// Its file; `None` where nothing of it counts.
    file: Option<&'a Task>,
    values: Values<'a>,
    programs: &'a dyn Fn(&str) -> Option<PathBuf>,
}

/// A command as written, and where.
struct Source {
    command: Configured,
    stdin: Stdin,
    origin: String,
    agent: Agent,
    /// Who wrote the command, and who the one that goes on with a session.
    authors: (Author, Author),
}

/// A command, and where it is written.
struct Written<'a> {
    command: &'a Configured,
    origin: &'a str,
    author: Author,
}

impl Source {
    fn of_user(command: Configured, stdin: Stdin, origin: String) -> Self {
        Self { command, stdin, origin, agent: Agent::default(), authors: (Author::User, Author::User) }
    }
}

impl Chooser<'_> {
    fn command(&self) -> Result<Command, Error> {
        let source = self.source()?.ok_or_else(|| Error::NothingConfigured {
            task: self.task.id.clone(),
            file: self.root.join(CONFIG_FILE),
        })?;
        let model = self.model(&source.agent);
        let (author, author_of_resume) = source.authors;
        let written = Written { command: &source.command, origin: &source.origin, author };
        let argv = self.argv(&written, &source.agent, model.as_deref())?;
        let resume = match &source.agent.resume {
            Some(command) => {
                let origin = format!("`resume` of {}", source.origin);
                let written = Written { command, origin: &origin, author: author_of_resume };
                self.argv(&written, &source.agent, model.as_deref())?
            }
            None => Vec::new(),
        };
        let handling = Handling {
            format: source.agent.reader.unwrap_or_default(),
            success: source.agent.success.unwrap_or_default(),
            resume,
            verify: self.verify()?,
            env: self.config.env.clone(),
        };
        Ok(Command { argv, stdin: self.stdin(source.stdin)?, handling })
    }

    /// What counts, from the nearest to the task to the farthest. An agent named nearer than a command comes before it.
    fn source(&self) -> Result<Option<Source>, Error> {
        if let Some(own) = self.own().and_then(|file| file.run.as_ref()) {
            let origin = format!("`run:` of {}", self.task.file);
            let command = configured(&own.value);
            return Ok(Some(Source::of_user(command, self.config.run.stdin, origin)));
        }
        if let Some(agent) = self.own().and_then(|file| file.agent.as_ref()) {
            return self.agent(&agent.value).map(Some);
        }
        if let Some((mode, run)) = self.mode()
            && let Some(source) = self.of_run(run, format!("`modes.{mode}.command`"))?
        {
            return Ok(Some(source));
        }
        if let Some(agent) = &self.config.agent {
            return self.agent(agent.as_str()).map(Some);
        }
        self.of_run(&self.config.run, "`run.command`".into())
    }

    /// The task's file, where its own keys count.
    fn own(&self) -> Option<&OwnWork> {
        self.file.filter(|_| self.config.task_commands)?.own.as_deref()
    }

    fn mode(&self) -> Option<(&str, &Run)> {
        let mode = self.task.mode.as_deref()?;
        Some((mode, self.config.modes.get(mode)?))
    }

    fn of_run(&self, run: &Run, origin: String) -> Result<Option<Source>, Error> {
        if let Some(agent) = &run.agent {
            return self.agent(agent.as_str()).map(Some);
        }
        Ok(run.command.as_ref().map(|command| Source::of_user(command.clone(), run.stdin, origin)))
    }

    fn agent(&self, name: &str) -> Result<Source, Error> {
        let task = self.task.id.clone();
        let unknown = |message| Error::UnknownAgent { task, message };
        self.config.knows_agent(name).map_err(unknown.clone())?;
        let agent = preset::agent(self.config, name).unwrap_or_default();
        let command = agent.command.clone().ok_or_else(|| unknown(format!("agent `{name}` has no command")))?;
        let authors = (preset::author(self.config, name), preset::author_of_resume(self.config, name));
        let origin = format!("agent `{name}`");
        Ok(Source { command, stdin: agent.stdin.unwrap_or_default(), origin, agent, authors })
    }

    /// The model that was chosen, the nearest to the task first.
    fn model(&self, agent: &Agent) -> Option<String> {
        let of_task = self.own().and_then(|file| file.model.as_ref()).map(|model| model.value.to_string());
        let of_mode = || self.mode().and_then(|(_, run)| run.model.clone());
        of_task.or_else(of_mode).or_else(|| self.config.run.model.clone()).or_else(|| agent.model.clone())
    }

    /// The words, with everything but the session filled in. Split before that: a title with a space or quote stays
    /// one argument.
    fn argv(&self, written: &Written<'_>, agent: &Agent, model: Option<&str>) -> Result<Vec<String>, Error> {
        let &Written { command, origin, author } = written;
        let task = || self.task.id.clone();
        let words = command.words().ok_or_else(|| Error::NotSplittable { task: task(), origin: origin.into() })?;
        if words.first().is_none_or(String::is_empty) {
            return Err(Error::Empty { task: task(), origin: origin.into() });
        }
        let refused = |value: UnsafeValue| Error::UnsafeValue { task: task(), message: format!("in {origin} {value}") };
        let real_name = |program: &str| program::real_name(program, self.root);
        let value = |placeholder| self.values.value(placeholder);
        let template = Template::new(words, author, &real_name);
        let mut words = template.and_then(|template| template.fill(value)).map_err(refused)?;
        if let (Author::Preset, Some(program)) = (author, words.first_mut()) {
            *program = self.found(program, origin, agent)?;
        }
        if let (Some(model), Some(arguments)) = (model, &agent.model_arguments) {
            if model.starts_with('-') || model.contains('\0') {
                let message = format!("`model` is {model:?} here, which is no model");
                return Err(Error::UnsafeValue { task: task(), message });
            }
            words.extend(arguments.iter().map(|word| word.replace("{model}", model)));
        }
        Ok(words)
    }

    /// The whole path of an agent's program: what the order says is what starts, whatever PATH has by then.
    fn found(&self, program: &str, origin: &str, agent: &Agent) -> Result<String, Error> {
        let file = (self.programs)(program).and_then(|file| file.into_os_string().into_string().ok());
        file.ok_or_else(|| Error::NoProgram {
            task: self.task.id.clone(),
            program: program.into(),
            origin: origin.into(),
            get: agent.get.as_ref().map(|get| format!("; to get it: {get}")).unwrap_or_default(),
        })
    }

    /// The workspace's commands, then the task's own.
    fn verify(&self) -> Result<Vec<Vec<String>>, Error> {
        let nothing = Agent::default();
        let origin = format!("`verify:` of {}", self.task.file);
        let own = self.own().and_then(|file| file.verify.as_ref()).into_iter().flat_map(|verify| &verify.value);
        let own = own.map(|command| (configured(command), origin.as_str()));
        let all = self.config.verify.iter().map(|command| (command.clone(), "`verify`")).chain(own);
        let argv = |(command, origin): (Configured, &str)| {
            self.argv(&Written { command: &command, origin, author: Author::User }, &nothing, None)
        };
        all.map(argv).collect()
    }

    fn stdin(&self, stdin: Stdin) -> Result<Option<Vec<u8>>, Error> {
        if stdin == Stdin::None {
            return Ok(None);
        }
        let file = self.root.join(&self.task.file);
        match workspace::read_inside(self.root, &file, LONGEST_BODY) {
            Ok(bytes) => Ok(Some(body_of(&bytes).into_bytes())),
            Err(error) if error.kind() == std::io::ErrorKind::FileTooLarge => {
                let message = format!("it is longer than {} MB, which no agent reads", LONGEST_BODY >> 20);
                Err(Error::Body { task: self.task.id.clone(), file, source: std::io::Error::other(message) })
            }
            Err(source) => Err(Error::Body { task: self.task.id.clone(), file, source }),
        }
    }
}

fn configured(own: &OwnCommand) -> Configured {
    match own {
        OwnCommand::Argv(words) => Configured::Argv(words.iter().map(ToString::to_string).collect()),
        OwnCommand::Line(line) => Configured::Line(line.to_string()),
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
    fn value(&self, placeholder: Placeholder) -> Cow<'_, str> {
        match placeholder {
            Placeholder::Id => self.task.id.as_str().into(),
            Placeholder::Title => self.task.title.as_str().into(),
            Placeholder::File => self.task.file.as_str().into(),
            Placeholder::Feature => self.feature.into(),
            Placeholder::Wave => self.wave.unwrap_or_default().into(),
            Placeholder::Workspace => self.root.to_string_lossy(),
        }
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
        let commands =
            resolve_with(config, Path::new("/w"), schedule, |_| None, &|name| Some(Path::new("/p").join(name)))?;
        Ok(commands.into_values().next().unwrap().argv)
    }

    #[test]
    fn placeholders_become_whole_arguments() {
        let config = of(Configured::Line(
            "agent --do {id} '{\"a\": {x}}' 'see {file} in {workspace}' -- {title} {feature} {wave}".into(),
        ));
        let argv = argv(&config, &schedule("say \"hi\"; rm -rf {id} $HOME", None)).unwrap();
        let title = "say \"hi\"; rm -rf {id} $HOME";
        let sentence = "see tasks/T-1.md in /w";
        assert_eq!(argv, ["agent", "--do", "T-1", "{\"a\": {x}}", sentence, "--", title, "F", "2"]);
    }

    #[test]
    fn a_mode_comes_before_the_rest() {
        let config = config("run: {command: [any]}\nmodes: {direct: {command: [special]}}");
        assert_eq!(argv(&config, &schedule("t", Some("direct"))).unwrap(), ["special"]);
        assert_eq!(argv(&config, &schedule("t", Some("other"))).unwrap(), ["any"]);
        assert_eq!(argv(&config, &schedule("t", None)).unwrap(), ["any"]);
    }

    #[test]
    fn an_agent_comes_from_the_mode_else_from_the_top() {
        let config = config("agent: aider\nmodes: {direct: {agent: guardkit, model: sonnet}}");
        assert_eq!(argv(&config, &schedule("t", Some("other"))).unwrap().first().unwrap(), "/p/aider");
        let direct = argv(&config, &schedule("t", Some("direct"))).unwrap();
        assert_eq!(direct, ["/p/guardkit", "autobuild", "task", "T-1", "--model=sonnet"]);
    }

    #[test]
    fn an_agent_whose_program_is_nowhere_is_refused_with_what_to_do() {
        let of = |yaml: &str| resolve_with(&config(yaml), Path::new("/w"), &schedule("t", None), |_| None, &|_| None);
        let refused = of("agent: aider").unwrap_err().to_string();
        assert!(refused.contains("`aider`, the program of agent `aider`, is not found on PATH"), "{refused}");
        assert!(refused.ends_with("; to get it: python -m pip install aider-chat"), "{refused}");
        of("agent: aider\nagents: {aider: {command: [aider]}}").unwrap();
    }

    #[test]
    fn keys_of_an_agent_are_replaced_and_its_model_stays_one_argument() {
        let yaml = "agent: guardkit\nagents: {guardkit: {command: [\"my kit\", \"{id}\"], model: \"large x\"}}";
        assert_eq!(argv(&config(yaml), &schedule("t", None)).unwrap(), ["my kit", "T-1", "--model=large x"]);
    }

    #[test]
    fn a_model_that_looks_like_an_option_is_refused() {
        // Also where it would stay behind a `--model=`: an agent may take its arguments apart in its own way.
        for agent in ["guardkit", "aider", "claude"] {
            let yaml = format!("agent: {agent}\nagents: {{{agent}: {{model: --danger}}}}");
            let refused = argv(&config(&yaml), &schedule("t", None)).unwrap_err().to_string();
            assert!(refused.contains("`model` is \"--danger\" here") && refused.contains("unsafe-value"), "{refused}");
        }
    }

    #[test]
    fn a_tasks_own_agent_counts_only_where_it_may() {
        let root = Path::new("/w");
        let task = |keys: &str| {
            let text = format!("---\nid: T-1\n{keys}\n---\n");
            task::parse(&Path::new("tasks/T-1.md").into(), &text, task::Dialect::GuardKit, &Default::default()).unwrap()
        };
        let own = task("agent: guardkit\nmodel: m\nverify: [make check, [test, \"-e\", x y]]");
        let command = |yaml: &str, own: &Task| {
            let programs = |name: &str| Some(Path::new("/p").join(name));
            let commands = resolve_with(&config(yaml), root, &schedule("t", None), |_| Some(own), &programs)
                .map(BTreeMap::into_values);
            commands.map(|mut commands| commands.next().unwrap())
        };
        let ignored = command("agent: aider\nverify: [cargo test]", &own).unwrap();
        assert_eq!(ignored.argv[0], "/p/aider");
        assert_eq!(ignored.handling.verify, [["cargo", "test"]]);
        let counted = command("agent: aider\ntask_commands: true\nverify: [cargo test]", &own).unwrap();
        assert_eq!(counted.argv.last().unwrap(), "--model=m");
        assert_eq!(counted.handling.verify, [vec!["cargo", "test"], vec!["make", "check"], vec!["test", "-e", "x y"]]);
        let unknown = command("task_commands: true", &task("agent: gardkit")).unwrap_err().to_string();
        assert!(unknown.contains("task T-1") && unknown.contains("did you mean `guardkit`?"), "{unknown}");
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
