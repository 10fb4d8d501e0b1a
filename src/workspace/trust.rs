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

use similar::algorithms::{Capture, Replace, myers};
use similar::{DiffOp, DiffTag};

pub use store::{Store, StoreError};

use super::agents::AgentName;
use super::config::{Command, Config, ConfigError, FILE_NAME, Run};

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

/// What a configuration runs, in words: where it is said, and what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The key: `run`, `modes.direct`.
    pub key: String,
    /// The command, or what else the key allows.
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

    /// Everything that a run may start, in the configuration's order. `command_of` knows the commands of the agents that
    /// come with the program: who is asked for trust has to see them, too.
    pub fn runs(&self, command_of: impl Fn(&str) -> Option<Command>) -> Vec<Said> {
        let agent = |name: &AgentName| match command_of(name.as_str()) {
            Some(command) => format!("agent {}, which is {}", name.as_str(), shown(&command)),
            None => format!("agent {}", name.as_str()),
        };
        let said = |key: String, run: &Run| {
            let what = run.command.as_ref().map(shown).or_else(|| run.agent.as_ref().map(agent))?;
            Some(Said { key, what })
        };
        let top = self.config.agent.as_ref().map(|name| Said { key: "agent".into(), what: agent(name) });
        let agents = self.config.agents.iter().flat_map(|(name, agent)| {
            let more = agent.model_arguments.clone().map(Command::Argv);
            let commands = [
                ("command", &agent.command),
                ("model_arguments", &more),
                ("resume", &agent.resume),
                ("version", &agent.version),
            ];
            let said = |(key, command): (&str, &Option<Command>)| {
                command.as_ref().map(|command| Said { key: format!("agents.{name}.{key}"), what: shown(command) })
            };
            commands.into_iter().filter_map(said).collect::<Vec<_>>()
        });
        let verify = self.config.verify.iter().map(|command| Said { key: "verify".into(), what: shown(command) });
        let modes = self.config.modes.iter().filter_map(|(mode, run)| said(format!("modes.{mode}"), run));
        let tasks = self.config.task_commands.then(|| Said {
            key: "task_commands".into(),
            what: "each task file may name its own command, now and whenever it changes".into(),
        });
        let run = said("run".into(), &self.config.run);
        top.into_iter().chain(run).chain(modes).chain(agents).chain(verify).chain(tasks).collect()
    }

    /// The lines that differ from an earlier text, each with `+` or `-` before it.
    pub fn difference(&self, before: &str) -> Vec<String> {
        // With their ends: a line that got another end is another line.
        let lines_of = |text| -> Vec<&str> { str::split_inclusive(text, '\n').collect() };
        let (old, new) = (lines_of(before), lines_of(&self.text));
        let mut found = Replace::new(Capture::new());
        // One algorithm by its name: `similar`'s usual ways in bring all of them, more than half a megabyte of the program.
        let Ok(()) = myers::diff(&mut found, old.as_slice(), 0..old.len(), new.as_slice(), 0..new.len());
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

impl Standing {
    /// What a user has to see before the answer: all that the configuration runs, and in a part of its own what changed
    /// since the last one. The lines are as the file has them: not safe to show before control characters are taken out.
    pub fn describe(&self, subject: &Subject, command_of: impl Fn(&str) -> Option<Command>) -> Vec<Vec<String>> {
        let said = subject.runs(command_of);
        let mut lines = vec![format!("{} runs:", subject.root.join(FILE_NAME).display())];
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

    #[test]
    fn every_command_is_shown_as_it_is_called() {
        let subject = subject(
            "task_commands: true\nrun: {command: [claude, -p, 'do {file}']}\nmodes: {direct: {command: 'make {id}'}}\n",
        );
        let said = subject.runs(|_| None);
        let keys: Vec<_> = said.iter().map(|said| format!("{}: {}", said.key, said.what)).collect();
        assert_eq!(keys[..2], ["run: claude -p 'do {file}'", "modes.direct: make {id}"]);
        assert!(keys[2].starts_with("task_commands: each task file"));
        let agents = self::subject("agent: claude\n").runs(|name| Some(Command::Line(format!("{name} --print"))));
        assert_eq!(agents[0].what, "agent claude, which is claude --print");
    }

    #[test]
    fn a_change_of_one_byte_is_another_subject_and_shows_its_lines() {
        let (one, other) = (subject("run:\n  command: a\n"), subject("run:\n  command: b\n"));
        assert_ne!(one.hash(), other.hash());
        assert_eq!(other.difference(one.text()), ["-   command: a", "+   command: b"]);
        assert_ne!(one.hash(), subject("run:\n  command: a\n\n").hash());
    }
}
