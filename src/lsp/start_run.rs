//! Starting a run, with all that another thread needs for it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::commands::{Command, Target};
use super::documents::is_on_disk;
use super::trust_prompt::TrustQuestion;
use crate::agent;
use crate::error::with_causes;
use crate::plan::Schedule;
use crate::run::{self, RunId};
use crate::task::Task;
use crate::workspace::trust::{Standing, Store, Subject};

/// A run that is about to be started, with all that another thread needs for it.
pub(super) struct PreparedRun {
    pub(super) root: PathBuf,
    /// The command that asked for it.
    pub(super) asked: (Command, Target),
    pub(super) schedule: Schedule,
    /// Open files of the selection that the editor may have changed, with its text.
    pub(super) touched: Vec<(String, Arc<str>)>,
    pub(super) tasks: HashMap<String, Task>,
}

/// Why nothing was started.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The user was not asked yet whether to trust the configuration.
    Untrusted(Box<TrustQuestion>),
    /// Anything else.
    Reason(String),
}

/// The reason that programs are told where the user has to be asked first.
pub(super) const UNTRUSTED: &str = "untrusted";

impl PreparedRun {
    /// Starts it. Blocking.
    pub(super) fn start(&self) -> Result<RunId, Refusal> {
        if let Some((file, _)) = self.touched.iter().find(|(file, text)| !is_on_disk(&self.root.join(file), text)) {
            let reason = format!("{file} has unsaved changes: save it first, a run reads files from disk");
            return Err(Refusal::Reason(reason));
        }
        let subject = Subject::read(&self.root).map_err(Refusal::of)?;
        let task_of = |file: &Path| self.tasks.get(file.to_str()?);
        let commands = agent::resolve(subject.config(), &self.root, &self.schedule, task_of).map_err(Refusal::of)?;
        let store = Store::of_user().map_err(Refusal::of)?;
        let trusted = match store.standing(subject.clone()).map_err(Refusal::of)? {
            Standing::Trusted(trusted) => trusted,
            standing => {
                let question = TrustQuestion { subject, standing, store, again: self.asked.clone() };
                return Err(Refusal::Untrusted(Box::new(question)));
            }
        };
        run::start(&trusted, &self.schedule, &commands, &run::Options::default()).map_err(Refusal::of)
    }
}

impl Refusal {
    fn of(error: impl std::error::Error) -> Self {
        Self::Reason(with_causes(&error))
    }
}
