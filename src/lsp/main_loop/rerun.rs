//! Running again what did not pass in one run.

use super::*;
use crate::error::with_causes;
use crate::run::Rerun;

/// A command that names a run, while that run's journal is read.
pub(in crate::lsp) struct Asking {
    pub(super) target: Target,
    pub(super) loud: bool,
    pub(super) answer: oneshot::Sender<Value>,
}

impl State {
    /// Reads what did not pass in the run, on another thread.
    pub(super) fn read_rerun(&self, path: &Path, run: &TaskId, asking: Asking) {
        let Some(root) = self.roots.get(path) else { return };
        let run = RunId(run.clone());
        if root.runs.live().any(|(live, _)| *live == run) {
            let reason = format!("run {run} goes on: cancel it, or wait for its end");
            return self.refuse(&reason, asking.loud, asking.answer);
        }
        let path = path.to_path_buf();
        let happenings = self.happenings.clone();
        tokio::task::spawn_blocking(move || {
            let rerun = Rerun::read(&run::state_dir_of(&path, &run), &run).map_err(|error| with_causes(&error));
            let _ = happenings.blocking_send(Happening::RerunRead { root: path, rerun, asking });
        });
    }

    pub(super) fn rerun_read(&mut self, path: &Path, rerun: Result<Rerun, String>, asking: Asking) {
        let Some(root) = self.roots.get_mut(path) else { return };
        let Asking { target, loud, answer } = asking;
        if matches!(root.index, Slot::Away) {
            let command = Command::RerunFailed;
            return root.waiting.push(Request::Command { command, target, loud, answer });
        }
        let selection = rerun.and_then(|rerun| self.rerun_selection(path, rerun, &target));
        self.start(path, selection, (Command::RerunFailed, target), loud, answer);
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
