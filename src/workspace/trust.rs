//! Trust: nothing of a workspace is started before its user has said yes to its configuration as it now stands.
//!
//! What is trusted is a canonical path together with a hash of everything that decides what runs there: the bytes of
//! `feature-build.yaml`. Task files decide nothing of it, unless that file says `task_commands: true`; then the user
//! has trusted them, too. Nothing else is read that could name a command: a configuration includes no other file, and
//! gates in GuardKit's feature files are left to GuardKit. The programs that the configuration names are not part of the
//! hash: a script in the workspace is as much the user's business as the compiler that the script calls.
//!
//! The answer is kept outside every workspace ([`Store`]), or a workspace could bring its own.

mod store;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;
use similar::algorithms::{Capture, Replace, myers};
use similar::{DiffOp, DiffTag};

pub(crate) use store::read_private;
pub use store::{Store, StoreError};

use super::config::{Command, Config, ConfigError, FILE_NAME};

/// A workspace's configuration as it stands on disk: what a user trusts or does not.
#[derive(Debug, Clone, PartialEq)]
pub struct Subject {
    root: PathBuf,
    text: String,
    hash: String,
    config: Config,
}

/// Whether a configuration is trusted.
#[derive(Debug, Clone)]
pub enum Standing {
    /// As it stands.
    Trusted(Trusted),
    /// Nobody was asked yet.
    New,
    /// It was, and has changed since.
    Changed {
        /// The text that was trusted.
        before: String,
    },
}

/// The proof that a configuration is trusted; only a [`Store`] makes one. Whoever starts a run has to show it.
#[derive(Debug, Clone)]
pub struct Trusted {
    /// In a box: a configuration is large.
    subject: Box<Subject>,
    store: Store,
}

/// What a configuration says, in words: where it is said, and what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The key: `run`, `modes.direct`.
    pub key: String,
    /// The command, or what else the key says.
    pub what: String,
}

impl Subject {
    /// Reads the configuration of a root. Blocking.
    ///
    /// # Errors
    /// [`ConfigError`] where it cannot be read or says what cannot be.
    pub fn read(root: &Path) -> Result<Self, ConfigError> {
        let root = root.canonicalize().unwrap_or_else(|_| root.to_path_buf());
        let bytes = Config::read(&root)?;
        let text = crate::task::decode(&bytes).into_owned();
        let config = Config::parse(&text)?;
        let hash = blake3::Hasher::new_derive_key("feature-build 2026-11 configuration").update(&bytes).finalize();
        Ok(Self { root, text, hash: hash.to_hex().to_string(), config })
    }

    /// The canonical root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What the configuration says.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The hash of everything that decides what runs.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The text of the file.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Everything that the configuration says otherwise than one that says nothing, what runs first. It is taken from the
    /// configuration as a value, so that no key can be forgotten here. `command_of` knows the commands of the agents that
    /// come with the program: who is asked for trust has to see them, too.
    pub fn says(&self, command_of: impl Fn(&str) -> Option<Command>) -> Vec<Said> {
        let values =
            serde_json::to_value(&self.config).and_then(|says| Ok((says, serde_json::to_value(Config::default())?)));
        let Ok((Value::Object(mut says), usual)) = values else {
            // Never: but then the text itself, rather than nothing of it.
            return vec![Said { key: "configuration".into(), what: self.text.clone() }];
        };
        let first = FIRST.into_iter().filter_map(|key| Some((key.to_owned(), says.remove(key)?))).collect::<Vec<_>>();
        let mut speaker = Speaker { usual: &usual, command_of: &command_of, said: Vec::new() };
        for (key, value) in first.into_iter().chain(says) {
            speaker.say(&key, &value, usual.get(&key));
        }
        speaker.said
    }

    /// The lines that differ from an earlier text, each with `+` or `-` before it.
    pub fn difference(&self, before: &str) -> Vec<String> {
        // With their ends: a line that got another end is another line.
        let lines_of = |text| -> Vec<&str> { str::split_inclusive(text, '\n').collect() };
        let (old, new) = (lines_of(before), lines_of(&self.text));
        let mut found = Replace::new(Capture::new());
        // One algorithm by its name: `similar`'s usual ways in bring all of them, more than half a megabyte of the program.
        // Long texts that have little in common would take minutes; after so long more lines are shown than have changed.
        let deadline = Some(Instant::now() + Duration::from_secs(1));
        let (old_lines, new_lines) = (0..old.len(), 0..new.len());
        let Ok(()) = myers::diff_deadline(&mut found, old.as_slice(), old_lines, new.as_slice(), new_lines, deadline);
        let signed = |sign: char, lines: &[&str], range: Range<usize>| -> Vec<String> {
            let lines = lines.get(range).unwrap_or_default().iter();
            lines.map(|line| format!("{sign} {}", line.trim_end_matches(['\r', '\n']))).collect()
        };
        let changes = found.into_inner().into_ops();
        let changes = changes.iter().filter(|change| change.tag() != DiffTag::Equal);
        let removed_then_added =
            |change: &DiffOp| [signed('-', &old, change.old_range()), signed('+', &new, change.new_range())].concat();
        changes.flat_map(removed_then_added).collect()
    }
}

/// These are shown first, in this order: what is started, and where. All others follow by their names.
const FIRST: [&str; 9] = ["task_commands", "agent", "run", "verify", "modes", "agents", "state_dir", "keep", "env"];

/// Puts the values of a configuration into words.
struct Speaker<'a, F> {
    usual: &'a Value,
    command_of: &'a F,
    said: Vec<Said>,
}

impl<F: Fn(&str) -> Option<Command>> Speaker<'_, F> {
    fn say(&mut self, key: &str, value: &Value, usual: Option<&Value>) {
        let is_usual = usual.map_or(value.is_null(), |usual| usual == value);
        if is_usual {
            return;
        }
        match value {
            Value::Object(keys) if !keys.is_empty() => {
                for (name, value) in keys {
                    let usual = match key {
                        // What one of a user's own leaves out is as in any that says nothing.
                        "modes" => self.usual.get("run"),
                        _ => usual.and_then(|usual| usual.get(name)),
                    };
                    self.say(&format!("{key}.{name}"), value, usual);
                }
            }
            Value::Array(items) if !items.is_empty() && !is_command(key) => {
                for item in items {
                    if item.is_object() {
                        self.say(key, item, None);
                        continue;
                    }
                    // A list in a list is a command.
                    let what = self.words(key, item);
                    self.said.push(Said { key: key.to_owned(), what });
                }
            }
            _ => {
                let what = self.words(key, value);
                self.said.push(Said { key: without_what_is_clear(key).to_owned(), what });
            }
        }
    }

    fn words(&self, key: &str, value: &Value) -> String {
        match value {
            Value::String(name) if is_agent(key) => match (self.command_of)(name) {
                Some(command) => format!("agent {name}, which is {}", shown(&command)),
                None => format!("agent {name}"),
            },
            Value::String(text) => text.clone(),
            Value::Array(words) if !words.is_empty() => {
                let word = |word: &Value| word.as_str().map_or_else(|| word.to_string(), str::to_owned);
                shown(&Command::Argv(words.iter().map(word).collect()))
            }
            // One that has keys is walked by `say`.
            Value::Array(_) | Value::Object(_) => "nothing".into(),
            Value::Bool(true) if key == "task_commands" => {
                "each task file may name its own command, now and whenever it changes".into()
            }
            other => other.to_string(),
        }
    }
}

/// The keys whose list is one command; `verify` is a list of them.
fn is_command(key: &str) -> bool {
    let name = key.rsplit('.').next().unwrap_or_default();
    matches!(name, "command" | "resume" | "version" | "model_arguments")
}

fn is_agent(key: &str) -> bool {
    key == "agent" || key.ends_with(".agent")
}

/// `run` for `run.command`: that a command runs is clear.
fn without_what_is_clear(key: &str) -> &str {
    let is_run = key.starts_with("run.") || key.starts_with("modes.");
    let shorter = key.strip_suffix(".command").or_else(|| key.strip_suffix(".agent"));
    shorter.filter(|_| is_run).unwrap_or(key)
}

impl Standing {
    /// What a user has to see before the answer: all that the configuration says, and in a part of its own what changed
    /// since the last one. The lines are as the file has them: not safe to show before control characters are taken out.
    pub fn describe(&self, subject: &Subject, command_of: impl Fn(&str) -> Option<Command>) -> Vec<Vec<String>> {
        let said = subject.says(command_of);
        let mut lines = vec![format!("{} says:", subject.root.join(FILE_NAME).display())];
        if said.is_empty() {
            lines.push("  nothing".into());
        }
        lines.extend(said.iter().map(|said| format!("  {}: {}", said.key, said.what)));
        let mut parts = vec![lines];
        if let Self::Changed { before } = self {
            let changed = subject.difference(before).into_iter().map(|line| format!("  {line}"));
            parts.push(std::iter::once("changed since you trusted it:".into()).chain(changed).collect());
        }
        parts
    }
}

impl Trusted {
    /// The canonical root.
    pub fn root(&self) -> &Path {
        &self.subject.root
    }

    /// The configuration that is trusted: this one, not what the disk may have by now.
    pub fn config(&self) -> &Config {
        &self.subject.config
    }

    /// The hash under which it is trusted.
    pub fn hash(&self) -> &str {
        &self.subject.hash
    }

    /// A seal for what this user made, as nobody else can make it.
    ///
    /// # Errors
    /// [`StoreError`] where the user's key can be neither read nor made.
    pub(crate) fn seal(&self, what: &[u8]) -> Result<String, StoreError> {
        self.store.seal(what)
    }
}

/// A command as one line: words apart, those with a space quoted.
fn shown(command: &Command) -> String {
    match command {
        Command::Line(line) => line.clone(),
        Command::Argv(words) => {
            let quoted = words.iter().map(|word| shlex::try_quote(word).map_or_else(|_| word.clone(), Into::into));
            quoted.collect::<Vec<_>>().join(" ")
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    fn subject(text: &str) -> Subject {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(FILE_NAME), text).unwrap();
        Subject::read(dir.path()).unwrap()
    }

    fn lines(subject: &Subject, command_of: impl Fn(&str) -> Option<Command>) -> Vec<String> {
        subject.says(command_of).iter().map(|said| format!("{}: {}", said.key, said.what)).collect()
    }

    #[test]
    fn every_command_is_shown_as_it_is_called() {
        let subject = subject(
            "task_commands: true\nrun: {command: [claude, -p, 'do {file}'], stdin: body}\nmodes: {direct: {command: \
             'make {id}'}}\nverify: [cargo test, [sh, -c, 'a b']]\nstate_dir: /x\nkeep: {runs: 1}\nenv: []\n",
        );
        let said = lines(&subject, |_| None);
        assert!(said[0].starts_with("task_commands: each task file"), "{said:?}");
        let wanted = [
            "run: claude -p 'do {file}'",
            "run.stdin: body",
            "verify: cargo test",
            "verify: sh -c 'a b'",
            "modes.direct: make {id}",
            "state_dir: /x",
            "keep.runs: 1",
            "env: nothing",
        ];
        assert_eq!(said[1..], wanted);
        let agents = lines(&self::subject("agent: claude\n"), |name| Some(Command::Line(format!("{name} --print"))));
        assert_eq!(agents, ["agent: agent claude, which is claude --print"]);
        assert!(lines(&self::subject("# nothing\n"), |_| None).is_empty());
        let others = self::subject(
            "run: {agent: claude, model: agent}\nagents: {claude: {}}\nstop_on_failure: true\nmax_cost: 2\n",
        );
        assert_eq!(
            lines(&others, |_| None),
            [
                "run: agent claude",
                "run.model: agent",
                "agents.claude: nothing",
                "max_cost: 2.0",
                "stop_on_failure: true"
            ]
        );
        assert_eq!(others.config().max_cost, Some(2.0));
    }

    /// The keys of an object of the schema, with those of the objects in it.
    fn keys(schema: &Value, of: &Value, path: &str, found: &mut Vec<String>) {
        let referred = of.get("$ref").or_else(|| of.pointer("/anyOf/0/$ref")).and_then(Value::as_str);
        let of = referred.and_then(|path| schema.pointer(path.trim_start_matches('#'))).unwrap_or(of);
        let Some(properties) = of.get("properties").and_then(Value::as_object) else {
            return found.push(path.to_owned());
        };
        for (name, property) in properties {
            keys(schema, property, &[path, name].join("."), found);
        }
    }

    #[test]
    fn whatever_key_a_configuration_has_is_shown() {
        let text = include_str!("../../tests/fuzz/corpus/config/every-key.yaml");
        let said: Vec<String> = subject(text).says(|_| None).into_iter().map(|said| format!(".{}", said.key)).collect();
        let schema = serde_json::to_value(schemars::schema_for!(Config)).unwrap();
        let mut all = Vec::new();
        keys(&schema, &schema, "", &mut all);
        assert!(all.len() > 25, "{all:?}");
        for key in all {
            // An agent stands in that file instead of a command for all; and the keys of `own` are those of its file.
            if key.starts_with(".run.") || key.starts_with(".own.keys.") {
                continue;
            }
            let is_shown = said.iter().any(|said| *said == key || said.starts_with(&format!("{key}.")));
            assert!(is_shown, "{key} is not shown, or not in every-key.yaml: {said:?}");
        }
        for key in [".run", ".run.stdin", ".run.model"] {
            let run = subject("run: {command: [x], stdin: body, model: m}\n");
            assert!(run.says(|_| None).iter().any(|said| format!(".{}", said.key) == key), "{key}");
        }
        for key in
            ["command", "stdin", "model", "model_arguments", "reader", "success", "resume", "version", "title", "get"]
        {
            assert!(said.contains(&format!(".agents.mine.{key}")), "{key}: {said:?}");
        }
    }

    #[test]
    fn a_change_of_one_byte_is_another_subject_and_shows_its_lines() {
        let (one, other) = (subject("run:\n  command: a\n"), subject("run:\n  command: b\n"));
        assert_ne!(one.hash(), other.hash());
        assert_eq!(other.difference(one.text()), ["-   command: a", "+   command: b"]);
        assert_ne!(one.hash(), subject("run:\n  command: a\n\n").hash());
    }

    #[test]
    fn lines_between_changes_are_no_changes() {
        let before = "# 1\n# 2\n# 3\n# 4\n# 5\n";
        assert_eq!(
            subject("# one\n# 2\n# 3\n# 4\n# five\n").difference(before),
            ["- # 1", "+ # one", "- # 5", "+ # five"]
        );
    }

    #[test]
    fn a_question_shows_what_a_configuration_says_and_what_changed_apart() {
        let subject = subject("max_cost: 2\n");
        let says = vec![format!("{} says:", subject.root().join(FILE_NAME).display()), "  max_cost: 2.0".into()];
        assert_eq!(Standing::New.describe(&subject, |_| None), std::slice::from_ref(&says));
        let changed = Standing::Changed { before: "max_cost: 1\n".into() };
        let changes =
            ["changed since you trusted it:", "  - max_cost: 1", "  + max_cost: 2"].map(str::to_owned).to_vec();
        assert_eq!(changed.describe(&subject, |_| None), [says, changes]);
        let nothing = Standing::New.describe(&self::subject("# nothing\n"), |_| None);
        assert_eq!(nothing[0][1..], ["  nothing"]);
    }
}
