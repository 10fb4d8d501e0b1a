//! What the editor can ask for: the commands, their one argument, and their answers.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::plan::{Asked, Include, Selection};
use crate::run::{Level, RunId};
use crate::task::TaskId;

/// A command of `workspace/executeCommand`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Command {
    /// Run one wave.
    RunWave,
    /// Run one task.
    RunTask,
    /// Run every wave of a feature that is not done.
    RunFeature,
    /// Run again what did not pass in its last attempt.
    RerunFailed,
    /// Cancel what runs.
    Cancel,
    /// Open a task's log.
    OpenLog,
    /// Choose what runs the tasks of a workspace.
    Init,
}

/// What a command is about: names only, nothing that can go stale between the lens and the click.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Target {
    /// The workspace's root, as a URI (a path is taken too).
    pub(super) root: String,
    /// The feature's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) feature: Option<String>,
    /// The wave's label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) wave: Option<String>,
    /// The task's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) task: Option<String>,
    /// How hard to cancel; where it is missing, `terminate`, and `kill` where that is asked for already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) level: Option<Level>,
    /// The run that is cancelled, or whose failures are run again; without it the runs that have what is named, and each
    /// task's latest attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) run: Option<TaskId>,
    /// A lens was clicked: one that has only just come to stand where the mouse was ends nothing.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) lens: bool,
}

/// The answer to a command that starts a run: it comes at once, what happens next arrives as progress, diagnostics
/// and events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Started {
    /// The run; `null` where nothing was started.
    pub(super) run: Option<RunId>,
    /// Why nothing was started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
}

impl Command {
    /// All of them: what the server announces.
    pub(super) const ALL: [Self; 7] =
        [Self::RunWave, Self::RunTask, Self::RunFeature, Self::RerunFailed, Self::Cancel, Self::OpenLog, Self::Init];

    /// The id on the wire.
    pub(super) fn id(self) -> &'static str {
        match self {
            Self::RunWave => "featureBuild/runWave",
            Self::RunTask => "featureBuild/runTask",
            Self::RunFeature => "featureBuild/runFeature",
            Self::RerunFailed => "featureBuild/rerunFailed",
            Self::Cancel => "featureBuild/cancel",
            Self::OpenLog => "featureBuild/openLog",
            Self::Init => "featureBuild/init",
        }
    }

    /// The command with this id.
    pub(super) fn of(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|command| command.id() == id)
    }
}

impl Target {
    /// Reads a command's arguments: one object. The error says what was expected.
    pub(super) fn of(mut arguments: Vec<Value>) -> Result<Self, String> {
        if arguments.len() != 1 {
            return Err(format!("a command takes one object as argument, not {} arguments", arguments.len()));
        }
        let argument = arguments.pop().unwrap_or_default();
        let target: Self = serde_json::from_value(argument).map_err(|error| {
            format!("a command's argument is {{root, feature, wave, task, level, run, lens}}: {error}")
        })?;
        if target.root.is_empty() {
            Err("a command's argument names the root of its workspace".into())
        } else {
            Ok(target)
        }
    }

    /// What a command that runs something asks for; `None` where the command does not, or the target lacks the name.
    pub(super) fn selection(&self, command: Command) -> Option<Selection> {
        let asked = match command {
            Command::RunWave => Asked::Wave(self.wave.clone()?),
            Command::RunTask => Asked::Tasks(vec![self.task.clone()?]),
            Command::RunFeature => Asked::Everything,
            Command::RerunFailed | Command::Cancel | Command::OpenLog | Command::Init => return None,
        };
        Some(Selection { feature: self.feature.clone(), asked, redo: false, include: Include::default() })
    }

    /// The target in words: `wave 1 of FEAT-1`.
    pub(super) fn words(&self) -> String {
        let of_feature = self.feature.as_ref().map(|feature| format!(" of {feature}")).unwrap_or_default();
        if let Some(run) = &self.run {
            let task = self.task.as_ref().map(|task| format!("{task} of ")).unwrap_or_default();
            return format!("{task}run {run}");
        }
        match (&self.task, &self.wave) {
            (Some(task), _) => task.clone(),
            (None, Some(wave)) => format!("wave {wave}{of_feature}"),
            (None, None) => self.feature.clone().unwrap_or_else(|| "the workspace".into()),
        }
    }
}

impl Started {
    /// The run that was started.
    pub(super) fn run(run: RunId) -> Self {
        Self { run: Some(run), reason: None }
    }

    /// Nothing was started.
    pub(super) fn nothing(reason: impl Into<String>) -> Self {
        Self { run: None, reason: Some(reason.into()) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn every_id_leads_back_to_its_command() {
        for command in Command::ALL {
            assert_eq!(Command::of(command.id()), Some(command));
        }
        assert_eq!(Command::of("featureBuild/unknown"), None);
    }

    #[test]
    fn a_wrong_argument_is_told() {
        assert!(Target::of(vec![]).unwrap_err().contains("one object"));
        assert!(
            Target::of(vec![json!({"root": 3})]).unwrap_err().contains("{root, feature, wave, task, level, run, lens}")
        );
        assert!(Target::of(vec![json!({})]).unwrap_err().contains("root"));
        let target = Target::of(vec![json!({"root": "file:///w", "feature": "F", "wave": "1"})]).unwrap();
        assert_eq!(target.words(), "wave 1 of F");
    }
}
