//! `feature-build.yaml`.

mod attempts;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use thiserror::Error;

pub use attempts::{Backoff, Pattern, Retries, Size};

use super::agents::{Agent, AgentName, PRESETS};
use super::private;
use crate::task::{Dialect, OwnKeys, Span, boundary_before, boundary_behind};

/// The name of the file, in the root.
pub const FILE_NAME: &str = "feature-build.yaml";

/// No configuration is longer: a user has to read it before it is trusted.
const LONGEST: u64 = 1 << 20;

/// What `feature-build.yaml` says; every key has a default, so that no file is needed to read a workspace.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The agent that does the tasks: `guardkit`, `claude`, `codex`, `gemini`, `opencode`, `aider`, `cursor-agent`,
    /// `copilot`, or one of `agents`.
    pub agent: Option<AgentName>,
    /// What runs a task, where no agent does.
    pub run: Run,
    /// What runs a task of one `implementation_mode`, instead of `agent` and `run`.
    pub modes: BTreeMap<String, Run>,
    /// Agents of your own, and other values for keys of those that are known.
    pub agents: BTreeMap<String, Agent>,
    /// Commands that must succeed, one after another, after the agent has: each one's failure is the task's.
    pub verify: Vec<Command>,
    /// The variables of the environment that a task may take with it, by name or by a beginning of names (`ANTHROPIC_*`),
    /// besides those that every program needs (`PATH`, `HOME`, `LANG`, ...). Default: all.
    pub env: Option<Vec<String>>,
    /// What a task may take of the machine.
    pub limits: Limits,
    /// When a run has cost this many US dollars, by its agents' own account, it starts no further task.
    #[serde(deserialize_with = "amount")]
    #[schemars(range(min = 0))]
    pub max_cost: Option<f64>,
    /// When a run has used this many tokens, it starts no further task.
    pub max_tokens: Option<u64>,
    /// Let a task's own keys `run`, `agent`, `model` and `verify` count.
    pub task_commands: bool,
    /// How many tasks run at the same time at the most; default: the whole wave, at most 16.
    pub max_parallel: Option<std::num::NonZeroU32>,
    /// After a wave in which a task did not pass, start no later wave. Default: true.
    pub stop_on_failure: Option<bool>,
    /// How long a task has to end after SIGTERM before it is killed, in seconds. Default: 10.
    #[serde(deserialize_with = "seconds")]
    #[schemars(range(min = 0))]
    pub grace_seconds: Option<f64>,
    /// How long one task may take, in seconds. Default: no limit.
    #[serde(deserialize_with = "seconds")]
    #[schemars(range(min = 0))]
    pub timeout_seconds: Option<f64>,
    /// After how many seconds it is said that a task takes long. Default: never.
    #[serde(deserialize_with = "seconds")]
    #[schemars(range(min = 0))]
    pub slow_after_seconds: Option<f64>,
    /// How often a task that failed, or took too long, is tried again. Default: not at all.
    pub retries: Retries,
    /// Regular expressions. Where one fits the last 16 kB of a failed attempt's output, the attempt met a rate limit: it is
    /// repeated as `retries` says how, at most 100 times, and is not counted.
    #[serde(deserialize_with = "attempts::patterns")]
    #[schemars(with = "Vec<Pattern>")]
    pub retry_on: Vec<Pattern>,
    /// How much of a task's output is kept, half of it from the start and half from the end. Default: 64MB.
    pub log_limit: Option<Size>,
    /// Where the state lies instead of `.feature-build/` (relative to the root, or absolute).
    pub state_dir: Option<PathBuf>,
    /// Which runs stay when they are over.
    pub keep: Keep,
    /// The only dialect that is read. Default: every one whose folder is there.
    pub dialect: Option<Dialect>,
    /// A dialect of your own: which files are tasks, and which of their keys mean what.
    pub own: Own,
}

/// Which runs stay when they are over: the newest within all of these limits. What passed in a run that is gone stays
/// passed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Keep {
    /// So many of the newest. Default: 100.
    pub runs: Option<u32>,
    /// As many of the newest as have this size together, in bytes or such as `500MB`. Default: 1GB.
    pub size: Option<Size>,
    /// Those of the last days. Default: 30.
    pub days: Option<u32>,
}

/// What a task may take of the machine, where the system can say so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// How willingly it lets others go first: 0 to 19.
    #[schemars(range(min = 0, max = 19))]
    pub nice: Option<u8>,
    /// The memory that each of its processes may reserve, in megabytes.
    pub memory_mb: Option<u64>,
    /// The processor time that each of its processes may use, in seconds.
    pub cpu_seconds: Option<u64>,
}

/// A dialect of your own.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Own {
    /// Globs of the task files, relative to the root, such as `work/**/*.md`. Files that git ignores are left out.
    #[serde(deserialize_with = "globs")]
    #[schemars(with = "Vec<Glob>")]
    pub files: Vec<Glob>,
    /// Which key means what.
    pub keys: OwnKeys,
}

/// A file glob, `/`-separated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Glob(String);

/// What runs a task.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Run {
    /// The command, with `{id} {title} {file} {feature} {wave} {workspace}` in its arguments; never a shell.
    pub command: Option<Command>,
    /// What the command reads from its standard input.
    pub stdin: Stdin,
    /// The agent, instead of a command.
    pub agent: Option<AgentName>,
    /// The model that the agent uses.
    pub model: Option<String>,
}

/// An argument vector, or one string that is split into one as a shell would.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Command {
    /// A list of arguments.
    Argv(Vec<String>),
    /// One line.
    Line(String),
}

/// What a task's process reads from its standard input.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Stdin {
    /// Nothing.
    #[default]
    None,
    /// The Markdown body of the task file.
    Body,
}

/// The configuration cannot be used.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
#[error("reading {file}: {message}")]
pub struct ConfigError {
    /// The file, as it should be shown.
    pub file: String,
    /// What is wrong, with line and column.
    pub message: String,
    /// Where in the file.
    pub span: Span,
}

impl Config {
    /// Does it say for any task what runs it?
    pub fn runs_something(&self) -> bool {
        self.task_commands || self.agent.is_some() || self.run.starts() || self.modes.values().any(Run::starts)
    }

    /// Does any command of its own have something filled in, a task's value perhaps?
    pub(super) fn fills_in(&self) -> bool {
        self.commands().any(|(_, command)| command.fills_in())
    }

    /// Every command of its own, with the key that holds it, as a user would write it.
    pub(super) fn commands(&self) -> impl Iterator<Item = (String, &Command)> {
        let verify = self.verify.iter().map(|command| ("`verify`".to_owned(), command));
        let run = self.run.command.iter().map(|command| ("`run.command`".to_owned(), command));
        let modes = self
            .modes
            .iter()
            .filter_map(|(mode, run)| Some((format!("`modes.{mode}.command`"), run.command.as_ref()?)));
        let agents = self.agents.iter().flat_map(|(name, agent)| {
            let keys = [("command", &agent.command), ("resume", &agent.resume)].into_iter();
            keys.filter_map(move |(key, command)| Some((format!("`agents.{name}.{key}`"), command.as_ref()?)))
        });
        verify.chain(run).chain(modes).chain(agents)
    }

    /// The command of a mode, where it has one of its own, else the one for all; `None` also where an agent comes before.
    pub fn command_of(&self, mode: Option<&str>) -> Option<&Command> {
        let run = self.run_of(mode).or_else(|| self.agent.is_none().then_some(&self.run))?;
        run.command.as_ref().filter(|_| run.agent.is_none())
    }

    /// The name of the agent that does the tasks of a mode; `None` where a command does.
    pub fn agent_of(&self, mode: Option<&str>) -> Option<&str> {
        let agent = match self.run_of(mode) {
            Some(run) => run.agent.as_ref(),
            None => self.agent.as_ref().or(self.run.agent.as_ref()),
        };
        agent.map(AgentName::as_str)
    }

    /// What a mode says itself.
    fn run_of(&self, mode: Option<&str>) -> Option<&Run> {
        mode.and_then(|mode| self.modes.get(mode)).filter(|run| run.starts())
    }

    /// Reads the configuration of a root; the default one where there is no file. Blocking.
    ///
    /// # Errors
    /// [`ConfigError`] where the file cannot be read or says what cannot be.
    pub fn load(root: &Path) -> Result<Self, ConfigError> {
        Self::parse(&crate::task::decode(&Self::read(root)?))
    }

    /// The bytes of a root's configuration; none where there is no file. Blocking.
    pub(super) fn read(root: &Path) -> Result<Vec<u8>, ConfigError> {
        let failed = |error: io::Error| ConfigError::new(error.to_string(), Span::default());
        match private::open_inside(root, Path::new(FILE_NAME)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            file => private::at_most(file.map_err(failed)?, LONGEST).map_err(failed),
        }
    }

    /// Reads the text of a configuration.
    ///
    /// # Errors
    /// [`ConfigError`] with line and column of what cannot be.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let has_content = text.lines().any(|line| !matches!(line.trim().chars().next(), None | Some('#')));
        if !has_content {
            return Ok(Self::default());
        }
        let options = serde_yaml::options! {
            budget: serde_yaml::budget! { max_depth: 64, max_nodes: 50_000, max_events: 200_000 },
            with_snippet: false,
        };
        let config: Self = serde_yaml::from_str_with_options(text, options).map_err(|error| explain(&error, text))?;
        config.check_agents().map_err(|(place, what)| located(place, &what, text))?;
        config.check_commands().map_err(|what| located(None, &what, text))?;
        Ok(config)
    }

    /// The commands are no longer than a person writes them: each of them is filled in for each task.
    fn check_commands(&self) -> Result<(), String> {
        let (mut words, mut bytes) = (0, 0);
        for (_, command) in self.commands() {
            let of_command = command.words().unwrap_or_default();
            words += of_command.len();
            bytes += of_command.iter().map(String::len).sum::<usize>();
        }
        if words > MOST_WORDS || bytes > LONGEST_COMMANDS {
            return Err(format!(
                "the commands have more than {MOST_WORDS} words, or are longer than {} kB, together: call a script",
                LONGEST_COMMANDS >> 10
            ));
        }
        Ok(())
    }

    /// Each agent that is named is known, and nothing has both an agent and a command.
    fn check_agents(&self) -> Result<(), (Option<serde_yaml::Location>, String)> {
        if let Some(agent) = self.agent.as_ref().filter(|_| self.run.starts()) {
            return Err((agent.place(), "`agent` and `run` both say what runs a task; keep one".into()));
        }
        for run in self.modes.values().chain([&self.run]) {
            if let Some(agent) = run.agent.as_ref().filter(|_| run.command.is_some()) {
                return Err((agent.place(), "`agent` and `command` both say what runs a task; keep one".into()));
            }
        }
        let runs = self.modes.values().chain([&self.run]).filter_map(|run| run.agent.as_ref());
        for agent in self.agent.iter().chain(runs) {
            self.knows_agent(agent.as_str()).map_err(|what| (agent.place(), what))?;
        }
        Ok(())
    }

    /// Is this the name of an agent that can be started? The error says what was perhaps meant.
    ///
    /// # Errors
    /// What is wrong, in words for the user.
    pub fn knows_agent(&self, name: &str) -> Result<(), String> {
        if PRESETS.contains(&name) {
            return Ok(());
        }
        match self.agents.get(name) {
            Some(agent) if agent.command.is_some() => Ok(()),
            Some(_) => Err(format!("agent `{name}` has no `command`")),
            None => {
                let own = self.agents.keys().map(String::as_str);
                let known: Vec<&str> = PRESETS.into_iter().chain(own).collect();
                Err(unknown("agent", name, &known))
            }
        }
    }
}

impl Run {
    fn starts(&self) -> bool {
        self.command.is_some() || self.agent.is_some()
    }
}

impl Command {
    fn fills_in(&self) -> bool {
        match self {
            Self::Argv(words) => words.iter().any(|word| word.contains('{')),
            Self::Line(line) => line.contains('{'),
        }
    }

    /// The words, placeholders not filled in; `None` where a quote is open.
    pub fn words(&self) -> Option<Vec<String>> {
        match self {
            Self::Argv(words) => Some(words.clone()),
            Self::Line(line) => shlex::split(line),
        }
    }
}

impl Glob {
    /// The glob, as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ConfigError {
    fn new(message: String, span: Span) -> Self {
        Self { file: FILE_NAME.to_owned(), message, span }
    }
}

fn explain(error: &serde_yaml::Error, text: &str) -> ConfigError {
    let error = error.without_snippet();
    let what = match error {
        serde_yaml::Error::SerdeUnknownField { field, expected, .. } => unknown("key", field, expected),
        serde_yaml::Error::SerdeUnknownVariant { variant, expected, .. } => unknown("value", variant, expected),
        serde_yaml::Error::InvalidScalar { ty, .. } => format!("expected {}", expected_scalar(ty)),
        serde_yaml::Error::InvalidBooleanStrict { .. } => "expected true or false".to_owned(),
        serde_yaml::Error::Unexpected { expected, .. } => format!("expected {}", expected_node(expected)),
        other => without_place(other),
    };
    located(error.location(), &what, text)
}

/// What a value is that the program reads as this type, in a user's words.
fn expected_scalar(name: &str) -> &str {
    match name {
        "bool" | "boolean" => "true or false",
        "f32" | "f64" => "a number",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, 0 or more",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        other => other,
    }
}

/// The same for what is no single value, or should be one.
fn expected_node(name: &str) -> &str {
    match name {
        "string scalar" | "scalar" => "a text",
        "mapping start" => "keys with values (`key: value`)",
        "sequence start" => "a list (`[a, b]`)",
        other => other,
    }
}

fn located(place: Option<serde_yaml::Location>, what: &str, text: &str) -> ConfigError {
    let Some(location) = place else { return ConfigError::new(what.to_owned(), Span::default()) };
    let message = format!("line {}, column {}: {what}", location.line(), location.column());
    ConfigError::new(message, span_in(location, text))
}

fn unknown(kind: &str, name: &str, known: &[&str]) -> String {
    /// No name that is meant is longer, and to compare two takes as long as the product of their lengths.
    const LONGEST_NAME: usize = 100;
    if let Some((end, _)) = name.char_indices().nth(LONGEST_NAME) {
        return format!("unknown {kind} `{}…`", name.get(..end).unwrap_or_default());
    }
    let nearest = known
        .iter()
        .map(|candidate| (strsim::normalized_damerau_levenshtein(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.4)
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    match nearest {
        Some((_, nearest)) => format!("unknown {kind} `{name}`; did you mean `{nearest}`?"),
        None => format!("unknown {kind} `{name}`; known are {}", known.join(", ")),
    }
}

/// The library's message ends with the place, in its own words, and may speak to programmers.
fn without_place(error: &serde_yaml::Error) -> String {
    let message = error.to_string();
    let line = message.lines().next().unwrap_or_default();
    let what = line.rsplit_once(" at line ").map_or(line, |(what, _)| what);
    // What a programmer should do about it.
    let advice = [", set DuplicateKeyPolicy", "; use from_str"];
    let what = advice.iter().find_map(|advice| what.split_once(advice)).map_or(what, |(what, _)| what);
    what.to_owned()
}

fn span_in(location: serde_yaml::Location, text: &str) -> Span {
    let offset = |value: Option<u64>| value.and_then(|value| usize::try_from(value).ok()).unwrap_or(0);
    let start = boundary_before(text, offset(location.span().byte_offset()));
    let end = boundary_behind(text, start.saturating_add(offset(location.span().byte_len())));
    let shown = text.get(start..end).map_or(0, |shown| shown.trim_end().len());
    Span::new(start, start + shown)
}

fn amount<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    let amount = Option::<f64>::deserialize(deserializer)?;
    if amount.is_some_and(|amount| !amount.is_finite() || amount < 0.0) {
        return Err(de::Error::custom("an amount must be 0 or more"));
    }
    Ok(amount)
}

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    let seconds = Option::<f64>::deserialize(deserializer)?;
    if seconds.is_some_and(|seconds| !seconds.is_finite() || seconds < 0.0) {
        return Err(de::Error::custom("a number of seconds must be 0 or more"));
    }
    Ok(seconds)
}

/// What is wrong with a glob; an expression that could not be made of it is quoted whole by the library.
fn words(error: &globset::Error) -> String {
    match error.kind() {
        globset::ErrorKind::Regex(_) => "it is too large, or nests too deep".into(),
        other => other.to_string(),
    }
}

/// All commands together have no more words than this.
const MOST_WORDS: usize = 1_000;
/// And are no longer: an argument of the system's is at most 128 kB.
const LONGEST_COMMANDS: usize = 64 << 10;
/// All globs together are no longer than this: each is looked for in every path.
const LONGEST_GLOBS: usize = 16 << 10;

fn globs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Glob>, D::Error> {
    let globs = Vec::<Glob>::deserialize(deserializer)?;
    if globs.iter().map(|glob| glob.0.len()).sum::<usize>() > LONGEST_GLOBS {
        return Err(de::Error::custom(format!("the globs are longer than {LONGEST_GLOBS} bytes together")));
    }
    Ok(globs)
}

impl<'de> Deserialize<'de> for Glob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.len() > LONGEST_GLOBS {
            return Err(de::Error::custom(format!("the glob is longer than {LONGEST_GLOBS} bytes")));
        }
        let no_glob = |error: globset::Error| {
            de::Error::custom(format!("`{}` is no glob: {}", attempts::shortened(&text), words(&error)))
        };
        let glob = globset::Glob::new(&text).map_err(no_glob)?;
        // A glob may be read and yet make no expression: one that nests too deep.
        globset::GlobSet::builder().add(glob).build().map_err(no_glob)?;
        Ok(Self(text))
    }
}

/// By hand, not `untagged`: that would lose the place and the words of an error, and turn `[sleep, 2]` away for its
/// number.
impl<'de> Deserialize<'de> for Command {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CommandVisitor)
    }
}

struct CommandVisitor;

impl<'de> Visitor<'de> for CommandVisitor {
    type Value = Command;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a command: a list of arguments, or one line of text")
    }

    fn visit_str<E: de::Error>(self, line: &str) -> Result<Command, E> {
        match shlex::split(line) {
            None => Err(E::custom("the command has a quote without its end")),
            Some(words) if words.is_empty() => Err(E::custom("the command is empty")),
            Some(_) => Ok(Command::Line(line.to_owned())),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Command, A::Error> {
        let mut argv = Vec::new();
        while let Some(argument) = items.next_element::<String>()? {
            argv.push(argument);
        }
        match argv.first() {
            Some(program) if !program.is_empty() => Ok(Command::Argv(argv)),
            _ => Err(de::Error::custom("the command is empty")),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn error(text: &str) -> String {
        Config::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn reads_every_kind_of_value() {
        let config = Config::parse(
            "# what runs tasks\nrun:\n  command: [sleep, 2, '{id}']\n  stdin: body\nmodes:\n  direct:\n    command: make \
             {id}\nmax_parallel: 4\ngrace_seconds: 2.5\ndialect: backlog.md\nown:\n  files: ['work/**/*.md']\n  keys:\n    \
             id: ticket\n",
        )
        .unwrap();
        assert_eq!(config.run.command, Some(Command::Argv(vec!["sleep".into(), "2".into(), "{id}".into()])));
        assert_eq!(config.run.stdin, Stdin::Body);
        assert_eq!(config.modes.get("direct").unwrap().command, Some(Command::Line("make {id}".into())));
        assert_eq!(config.dialect, Some(Dialect::BacklogMd));
        assert_eq!(config.own.keys.id, "ticket");
        assert_eq!(config.own.keys.wave, "wave");
    }

    #[test]
    fn nothing_is_the_default() {
        for text in ["", "\n\n", "# only words\n"] {
            assert_eq!(Config::parse(text), Ok(Config::default()), "{text:?}");
        }
    }

    #[test]
    fn an_unknown_key_names_its_place_and_the_nearest_known_one() {
        let text = "run:\n  comand: make\n";
        let error = Config::parse(text).unwrap_err();
        assert_eq!(
            error.to_string(),
            "reading feature-build.yaml: line 2, column 3: unknown key `comand`; did you mean `command`?"
        );
        assert_eq!(text.get(error.span.range()), Some("comand"));
        assert!(self::error("max_paralel: 3\n").contains("did you mean `max_parallel`?"));
        assert!(self::error("zzz: 3\n").contains("known are agent, run, modes"));
    }

    #[test]
    fn an_unknown_agent_names_its_place_and_the_nearest_known_one() {
        for (text, place, words) in [
            ("agent: clade\n", "line 1, column 8", "unknown agent `clade`; did you mean `claude`?"),
            ("modes:\n  direct:\n    agent: codexx\n", "line 3, column 12", "did you mean `codex`?"),
            ("agents: {mine: {command: [x]}}\nagent: mien\n", "line 2", "did you mean `mine`?"),
            ("agents: {mine: {stdin: body}}\nagent: mine\n", "line 2", "agent `mine` has no `command`"),
            ("agent: claude\nrun: {command: [x]}\n", "line 1", "keep one"),
            ("run:\n  command: [x]\n  agent: claude\n", "line 3", "keep one"),
            ("agents: {claude: {modell: x}}\n", "line 1", "did you mean `model`?"),
        ] {
            let error = error(text);
            assert!(error.contains(place) && error.contains(words), "{text:?}: {error}");
        }
        assert!(Config::parse("agents: {mine: {command: [x]}}\nagent: mine\n").is_ok());
    }

    #[test]
    fn a_wrong_value_names_its_place_and_what_was_wanted() {
        for (text, place, words) in [
            ("run:\n  command: {a: b}\n", "line 2", "a list of arguments, or one line"),
            ("run:\n  command: ''\n", "line 2", "the command is empty"),
            ("run:\n  command: \"a 'b\"\n", "line 2", "a quote without its end"),
            ("max_parallel: 0\n", "line 1", ""),
            ("grace_seconds: -1\n", "line 1", "0 or more"),
            ("dialect: guardkitt\n", "line 1", "did you mean `guardkit`?"),
            ("own:\n  files: ['a[']\n", "line 2", "is no glob"),
            ("run:\n", "line 1", "expected keys with values"),
            ("agent:\n  claude: x\n", "line 2", "expected a text"),
            ("max_parallel: many\n", "line 1", "expected a whole number"),
            (&format!("run:\n  command: [a{}]\n", ", '{id}'".repeat(1000)), "", "more than 1000 words"),
            (&format!("verify: [[a, {}]]\n", "x".repeat(65536)), "", "longer than 64 kB"),
            ("retries: {count: x}\n", "line 1", "expected a whole number, 0 or more"),
            ("stop_on_failure: perhaps\n", "line 1", "expected true or false"),
            ("max_parallel: 1\nmax_parallel: 2\n", "line 2", "duplicate mapping key: max_parallel"),
            ("run:\n  stdin: bodies\n", "line 2", "did you mean `body`?"),
            ("max_parallel: 1\n---\nmax_parallel: 2\n", "line 3", "multiple YAML documents"),
        ] {
            let error = error(text);
            assert!(error.contains(place) && error.contains(words), "{text:?}: {error}");
            let is_clean = !error.contains("Policy") && !error.contains("from_str");
            assert!(is_clean, "words of the library: {error}");
        }
    }
}
