//! Cancellation what runs: what is a slip of the hand, what is asked about first, and what counts at once.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tower_lsp::Client;
use tower_lsp::ls_types::{MessageType, ProgressToken};

use super::State;
use crate::error::with_causes;
use crate::lsp::commands::Target;
use crate::lsp::convert::duration;
use crate::lsp::message::{Cancellation, Event};
use crate::lsp::root::Root;
use crate::lsp::{plain, progress, tell};
use crate::plan;
use crate::run;
use crate::run::{Level, RunId, RunPaths, View};
use crate::task::{TaskId, WaveLabel};
use crate::workspace::Index;

/// A lens that has come to stand where another one was clicked does nothing for so long: the second click of a double click
/// meant that other one.
const SLIP: Duration = Duration::from_secs(2);
/// What has run for longer is not ended without a question: that would be costly to repeat.
const LONG_MS: u64 = 60_000;

/// The answers that the user may choose.
const NO: &str = "Keep it running";

/// Who waits for the answer: the sender of a command, or nobody.
type Answer = Option<oneshot::Sender<Value>>;

impl State {
    /// Cancels the named run, or the runs of the wave or feature; where a task is named, that one alone.
    pub(super) fn cancel(&mut self, path: &Path, target: &Target, answer: oneshot::Sender<Value>) {
        let Some(root) = self.roots.get(path) else { return };
        let runs = runs_of(root, target);
        if runs.is_empty() {
            return end_stranded(path, target, answer);
        }
        let task = target.task.as_ref().and_then(|task| TaskId::new(task).ok());
        let level_of = |run: &RunId| target.level.unwrap_or_else(|| root.runs.next_level(run, task.as_ref()));
        let runs: Vec<(RunId, Level)> = runs.into_iter().map(|run| (run.clone(), level_of(&run))).collect();
        // A run's id says nothing to whoever is asked: it is named by what it runs.
        let named = target.run.as_ref().and_then(|_| root.runs.view(&runs.first()?.0)).map(progress::title);
        let what = match (named, &task) {
            (Some(run), Some(task)) => format!("{task} of {run}"),
            (Some(run), None) => run,
            (None, _) => target.words(),
        };
        let cancellation = Cancellation { runs, task, what };
        if target.lens
            && let Some(left) = self.slip(root, &cancellation)
        {
            let left_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX).max(1);
            let reason = "clicked where another lens stood a moment ago";
            let ignored = json!({ "cancelled": [], "ignored": { "left_ms": left_ms }, "reason": reason });
            return drop(answer.send(ignored));
        }
        self.end(path, cancellation, Some(answer));
    }

    /// The second cancel means it; so does the first one of a run that is being ended already.
    pub(super) fn progress_cancelled(&mut self, token: &ProgressToken) {
        let Some(bar) = self.tokens.get(token) else { return };
        let (path, run) = (bar.root.clone(), bar.run.clone());
        let Some(root) = self.roots.get(&path) else { return };
        let level = if bar.cancelled { Level::Kill } else { root.runs.next_level(&run, None) };
        let what = root.runs.view(&run).map_or_else(|| format!("run {run}"), progress::title);
        let cancellation = Cancellation { runs: vec![(run, level)], task: None, what };
        let ends = self.end(&path, cancellation, None);
        if let Some(bar) = self.tokens.get_mut(token) {
            bar.cancelled |= ends;
        }
    }

    /// How long a lens that was clicked has still to be ignored: it has stood there for too short a time.
    fn slip(&self, root: &Root, cancellation: &Cancellation) -> Option<Duration> {
        let since = |(run, level): &(RunId, Level)| {
            let asked = self.asked.get(&(run.clone(), cancellation.task.clone())).copied();
            match level {
                Level::Kill => asked.max(root.runs.ending_since(run, cancellation.task.as_ref())),
                // One that has told nothing yet was started just now.
                Level::FinishWave | Level::Terminate => {
                    asked.max(Some(root.runs.started(run).unwrap_or_else(Instant::now)))
                }
            }
        };
        // Where one of several runs is old, its lens is, too.
        let oldest = cancellation.runs.iter().filter_map(since).min()?;
        SLIP.checked_sub(oldest.elapsed()).filter(|left| !left.is_zero())
    }

    /// Ends it, or asks the user first. Is it being ended?
    fn end(&mut self, path: &Path, cancellation: Cancellation, answer: Answer) -> bool {
        let question = self.roots.get(path).and_then(|root| question(root, &cancellation));
        let asked: Vec<_> = cancellation.runs.iter().map(|(run, _)| (run.clone(), cancellation.task.clone())).collect();
        // Who cancels once more while the question is open has answered it.
        let is_asked = asked.iter().any(|asked| self.asked.contains_key(asked));
        let Some(question) = question.filter(|_| self.capabilities.message_requests && !is_asked) else {
            self.end_now(path, cancellation, answer);
            return true;
        };
        self.asked.extend(asked.into_iter().map(|asked| (asked, Instant::now())));
        if let Some(answer) = answer {
            // Answered before the user is: editors wait for commands, some of them with everything else.
            let _ = answer.send(json!({ "cancelled": [], "asking": true, "reason": "the user is asked first" }));
        }
        let (client, events, root) = (self.client.clone(), self.events.clone(), path.to_path_buf());
        tokio::spawn(async move {
            let yes = question.ask(&client).await;
            let _ = events.send(Event::EndAnswered { root, cancellation, yes }).await;
        });
        false
    }

    pub(super) fn end_answered(&mut self, path: &Path, cancellation: Cancellation, yes: bool) {
        for (run, _) in &cancellation.runs {
            self.asked.remove(&(run.clone(), cancellation.task.clone()));
        }
        if yes {
            self.end_now(path, cancellation, None);
        }
    }

    /// A next word is the first one again.
    pub(super) fn end_failed(&mut self, path: &Path, cancellation: &Cancellation) {
        if let Some(root) = self.roots.get_mut(path) {
            cancellation.runs.iter().for_each(|(run, _)| root.runs.forget_asked(run, cancellation.task.as_ref()));
        }
    }

    fn end_now(&mut self, path: &Path, cancellation: Cancellation, answer: Answer) {
        if let Some(root) = self.roots.get_mut(path) {
            cancellation
                .runs
                .iter()
                .for_each(|(run, level)| root.runs.note_asked(run, cancellation.task.as_ref(), *level));
        }
        let (path, client, events) = (path.to_path_buf(), self.client.clone(), self.events.clone());
        tokio::spawn(async move {
            let cancelled: Vec<RunId> = cancellation.runs.iter().map(|(run, _)| run.clone()).collect();
            let (root, asked) = (path.clone(), cancellation.clone());
            let ended = tokio::task::spawn_blocking(move || {
                let tasks = asked.task.as_ref().map(std::slice::from_ref);
                let cancel = |run, level| run::cancel(&run::state_dir_of(&root, run), run, tasks, level);
                asked.runs.iter().find_map(|(run, level)| cancel(run, *level).err())
            });
            let failed = ended.await.ok().flatten().map(|error| format!("cancelling: {error}"));
            if failed.is_some() {
                let _ = events.send(Event::EndFailed { root: path, cancellation }).await;
            }
            match (answer, failed) {
                (Some(answer), reason) => {
                    let reason = reason.map(|reason| plain::text(&reason));
                    let _ = answer.send(json!({ "cancelled": cancelled, "reason": reason }));
                }
                (None, Some(reason)) => tell::user(&client, MessageType::ERROR, &reason).await,
                (None, None) => {}
            }
        });
    }
}

/// Ends those of the target that nothing goes on with: they were moved or copied before they had ended.
fn end_stranded(path: &Path, target: &Target, answer: oneshot::Sender<Value>) {
    let (path, target) = (path.to_path_buf(), target.clone());
    tokio::task::spawn_blocking(move || {
        let stranded = stranded(&path, &target);
        let ended = stranded.iter().find_map(|(state_dir, run)| run::close(&path, state_dir, run).err());
        let reason = match ended {
            Some(error) => Some(format!("cancelling: {}", with_causes(&error))),
            None if stranded.is_empty() => Some(format!("nothing of {} runs", target.words())),
            None => None,
        };
        let cancelled: Vec<RunId> = stranded.into_iter().map(|(_, run)| run).collect();
        let reason = reason.map(|reason| plain::text(&reason));
        let _ = answer.send(json!({ "cancelled": cancelled, "reason": reason }));
    });
}

/// The runs of a target that can only be ended, each with its state folder. Blocking.
fn stranded(path: &Path, target: &Target) -> Vec<(PathBuf, RunId)> {
    let is_of_target = |state_dir: &Path, run: &RunId| {
        let view = View::of(&run::read_run(&RunPaths::of(state_dir, run)).unwrap_or_default());
        let is_open = |task: &run::TaskView| !matches!(task.state, run::TaskState::Finished { .. });
        let of_wave = |wave: &&run::WaveView| target.wave.is_none() || wave.wave.as_deref() == target.wave.as_deref();
        match (&target.run, &target.task, &target.feature) {
            (Some(named), ..) => run.0 == *named,
            (None, Some(task), _) => view.task(task).is_some_and(is_open),
            (None, None, Some(feature)) => {
                view.feature == *feature && view.waves.iter().filter(of_wave).flat_map(|wave| &wave.tasks).any(is_open)
            }
            (None, None, None) => true,
        }
    };
    let of_dir = |state_dir: PathBuf| {
        let runs = run::unfinished(&state_dir).into_iter().map(|run| run.run);
        let here = runs.filter(|run| run::is_stranded(&state_dir, run) && is_of_target(&state_dir, run));
        here.map(|run| (state_dir.clone(), run)).collect::<Vec<_>>()
    };
    run::state_dirs(path).into_iter().flat_map(of_dir).collect()
}

/// The runs in progress that a target names.
fn runs_of(root: &Root, target: &Target) -> HashSet<RunId> {
    let mut runs: HashSet<RunId> = match (&target.run, &target.task, &target.feature) {
        (Some(run), ..) => root.runs.live().map(|(live, _)| live).filter(|live| live.0 == *run).cloned().collect(),
        // Also those that wait for its outcome: they would start it anew.
        (None, Some(task), _) => root.runs.live_in(task).map(|(run, _)| run.clone()).collect(),
        (None, None, Some(feature)) => {
            root.runs.running(feature, target.wave.as_deref()).map(|(run, _)| run.clone()).collect()
        }
        (None, None, None) => root.runs.live().map(|(run, _)| run.clone()).collect(),
    };
    runs.extend(just_started(root, target));
    runs
}

/// The runs of the target that were started a moment ago and have not told anything yet.
fn just_started(root: &Root, target: &Target) -> Vec<RunId> {
    let is_of_wave = |wave: &&plan::Wave| {
        let label = wave.label.as_ref().map(WaveLabel::as_str);
        target.wave.is_none() || label == target.wave.as_deref()
    };
    let is_of_feature = |name: &str, id: &TaskId| {
        let features = root.index().into_iter().flat_map(Index::features).filter(|feature| *feature.id == *name);
        let mut tasks = features.flat_map(|feature| &feature.waves).filter(is_of_wave).flat_map(|wave| &wave.tasks);
        tasks.any(|task| task.runnable_id().as_ref() == Some(id))
    };
    let is_of_target = |id: &TaskId| match (&target.run, &target.task, &target.feature) {
        (Some(_), ..) | (None, None, None) => true,
        (None, Some(task), _) => id.as_str() == task,
        (None, None, Some(feature)) => is_of_feature(feature, id),
    };
    let of_target = root.starting.iter().filter(|(id, _)| is_of_target(id)).filter_map(|(_, run)| run.as_ref());
    of_target.filter(|run| target.run.as_ref().is_none_or(|named| run.0 == *named)).cloned().collect()
}

/// What the user is asked before something is ended that has run for long.
struct Question {
    verb: &'static str,
    what: String,
    ran_ms: u64,
    tasks: usize,
}

/// The question; `None` where nothing has run for long, or it is being ended already.
fn question(root: &Root, cancellation: &Cancellation) -> Option<Question> {
    let long = cancellation.runs.iter().filter_map(|(run, level)| Some((root.runs.view(run)?, *level)));
    let long = long.filter_map(|(view, level)| Some((view, level, ran_ms(view, level, cancellation.task.as_ref())?)));
    let long: Vec<(&View, Level, u64)> = long.filter(|(.., ran_ms)| *ran_ms > LONG_MS).collect();
    let running = |view: &View| match &cancellation.task {
        Some(_) => 1,
        None => view.tasks().filter(|task| matches!(task.state, run::TaskState::Running { .. })).count(),
    };
    Some(Question {
        verb: if long.iter().any(|(_, level, _)| *level == Level::Kill) { "Kill" } else { "Cancel" },
        what: cancellation.what.clone(),
        ran_ms: long.iter().map(|(.., ran_ms)| *ran_ms).max()?,
        tasks: long.iter().map(|(view, ..)| running(view)).sum(),
    })
}

/// How long what is to be ended has run; `None` where it may come to its own end, or is being ended already.
fn ran_ms(view: &View, level: Level, task: Option<&TaskId>) -> Option<u64> {
    let ends = |asked: Option<Level>| level > Level::FinishWave && asked <= Some(Level::FinishWave);
    let now = Timestamp::now();
    let Some(task) = task else { return ends(view.cancelling).then(|| view.elapsed_ms(&view.started, now)) };
    let task = view.task(task.as_str())?;
    match &task.state {
        run::TaskState::Running { since } if ends(view.ending(task)) => Some(view.elapsed_ms(since, now)),
        _ => None,
    }
}

impl Question {
    /// Asks. Closing the question, or a client that cannot show it after all, ends nothing.
    async fn ask(self, client: &Client) -> bool {
        let yes = format!("{} it", self.verb);
        let loses = match self.tasks {
            0 => String::new(),
            1 => "; a task that runs loses what it has not saved".into(),
            several => format!("; {several} tasks that run lose what they have not saved"),
        };
        let text = format!("{} {}?\nIt has run for {}{loses}.", self.verb, self.what, duration(self.ran_ms));
        tell::ask(client, MessageType::WARNING, text, &[&yes, NO]).await == Some(0)
    }
}
