//! Running again what did not pass in one run.

use std::path::Path;

use tower_lsp::ls_types::MessageType;

use super::State;
use crate::error::with_causes;
use crate::lsp::commands::Target;
use crate::lsp::message::{CommandCall, Event, Request};
use crate::lsp::root::{IndexState, Root};
use crate::plan::Selection;
use crate::run;
use crate::run::{Rerun, RunId};
use crate::task::TaskId;

impl State {
    /// Reads what did not pass in the run, on another thread.
    pub(super) fn read_rerun(&self, path: &Path, run: &TaskId, call: CommandCall) {
        let Some(root) = self.roots.get(path) else { return };
        let run = RunId(run.clone());
        if root.runs.live().any(|(live, _)| *live == run) {
            let reason = format!("run {run} goes on: cancel it, or wait for its end");
            return self.refuse(&reason, call.notify_user, call.answer);
        }
        let path = path.to_path_buf();
        let events = self.events.clone();
        tokio::task::spawn_blocking(move || {
            let rerun = Rerun::read(&run::state_dir_of(&path, &run), &run).map_err(|error| with_causes(&error));
            let _ = events.blocking_send(Event::RerunRead { root: path, rerun, call });
        });
    }

    pub(super) fn rerun_read(&mut self, path: &Path, rerun: Result<Rerun, String>, call: CommandCall) {
        let Some(root) = self.roots.get_mut(path) else { return };
        if matches!(root.index, IndexState::Away) {
            return root.waiting.push(Request::Command(call));
        }
        let selection = rerun.and_then(|rerun| self.rerun_selection(path, rerun, &call.target));
        self.start(path, selection, call);
    }

    fn rerun_selection(&self, path: &Path, mut rerun: Rerun, target: &Target) -> Result<Selection, String> {
        let index = self.roots.get(path).and_then(Root::index);
        let left_out: Vec<&str> = rerun.passed_since.iter().map(|(task, _)| task.as_str()).collect();
        if !left_out.is_empty() {
            self.message(MessageType::INFO, format!("left out, passed since: {}", left_out.join(", ")));
        }
        rerun.again.retain(|task| index.is_some_and(|index| index.file_of(task.as_str()).is_some()));
        rerun.selection().ok_or_else(|| format!("nothing of {} has to run again", target.words()))
    }
}
