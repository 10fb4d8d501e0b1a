//! Agents, as `feature-build.yaml` names and describes them. The presets of the room `agent` are written the same way.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::config::{Command, Stdin};

/// The agents that come with the program.
pub const PRESETS: [&str; 8] =
    ["guardkit", "claude", "codex", "gemini", "opencode", "aider", "cursor-agent", "copilot"];

/// The name of an agent, with its place in the file.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct AgentName {
    name: String,
    #[serde(skip)]
    place: Option<serde_yaml::Location>,
}

/// An agent. A preset's keys are replaced one by one by those that `agents:` gives under the same name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Agent {
    /// Its name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The command that does a task without asking anybody, with the same placeholders as `run.command`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<Command>,
    /// What the command reads from its standard input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stdin: Option<Stdin>,
    /// The model to use; default: the agent's own choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// What is added to the command where a model was chosen; `{model}` stands for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_arguments: Option<Vec<String>>,
    /// How its output is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reader: Option<Format>,
    /// What counts as success.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub success: Option<Success>,
    /// The command that goes on with a session, told on its standard input what is wrong; `{session}` stands for the
    /// session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resume: Option<Command>,
    /// The command that prints its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Command>,
    /// How to get it, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub get: Option<String>,
}

/// How an agent writes its output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Text for people.
    #[default]
    Text,
    /// Claude Code's `--output-format stream-json`, which others write too.
    ClaudeStreamJson,
    /// `codex exec --json`.
    CodexJson,
    /// `opencode run --format json`.
    OpencodeJson,
    /// Gemini CLI's `--output-format stream-json`.
    GeminiStreamJson,
    /// GitHub Copilot CLI's `--output-format json`.
    CopilotJson,
    /// The text of `guardkit autobuild`.
    Guardkit,
}

/// What counts as success.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Success {
    /// It exits with 0, and its output does not say otherwise.
    #[default]
    Exit,
    /// It exits with 0, and its output says that the work was done.
    Result,
}

impl AgentName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    pub(super) fn place(&self) -> Option<serde_yaml::Location> {
        self.place
    }
}

/// The place is no part of what a configuration says.
impl PartialEq for AgentName {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl<'de> Deserialize<'de> for AgentName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = serde_yaml::Spanned::<String>::deserialize(deserializer)?;
        Ok(Self { name: name.value, place: Some(name.referenced) })
    }
}

impl Agent {
    /// This agent, with the keys that the other one has in their place.
    #[must_use]
    pub fn overridden_by(self, other: &Self) -> Self {
        let other = other.clone();
        Self {
            title: other.title.or(self.title),
            command: other.command.or(self.command),
            stdin: other.stdin.or(self.stdin),
            model: other.model.or(self.model),
            model_arguments: other.model_arguments.or(self.model_arguments),
            reader: other.reader.or(self.reader),
            success: other.success.or(self.success),
            resume: other.resume.or(self.resume),
            version: other.version.or(self.version),
            get: other.get.or(self.get),
        }
    }
}
