//! The editor's progress bar of one run.

use std::time::Duration;

use tokio::sync::watch;
use tower_lsp::Client;
use tower_lsp::ls_types::{
    ProgressParams, ProgressParamsValue, ProgressToken, WorkDoneProgress, WorkDoneProgressBegin, WorkDoneProgressEnd,
    WorkDoneProgressReport, notification,
};

use super::convert::duration;
use super::plain;
use crate::run::{self, Level, Outcome, TaskState, TaskView, View};

/// At most ten reports a second: more than an editor can draw, and each is a message to it.
const BETWEEN_REPORTS: Duration = Duration::from_millis(100);

/// What the bar shows; foreign text in it as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Shown {
    /// The run in words.
    pub(super) title: String,
    /// What happens now.
    pub(super) message: String,
    /// Tasks that have ended, of 100.
    pub(super) percentage: u32,
    /// The run is over: the message is its summary.
    pub(super) over: bool,
}

impl Shown {
    /// What the bar shows of a run. `last` is the task that spoke last; `left_ms` how long the run will go on.
    pub(super) fn of(view: &View, last: Option<&str>, left_ms: Option<u64>) -> Self {
        let tally = view.tally();
        let percentage = u32::try_from(tally.ended() * 100 / tally.total.max(1)).unwrap_or(100);
        let over = view.finished.is_some();
        let message = if over { summary(view) } else { message(view, last, left_ms) };
        Self { title: title(view), message, percentage, over }
    }
}

/// A run in words: `wave 1 of FEAT-1`, `FEAT-1`.
pub(super) fn title(view: &View) -> String {
    let mut tasks = view.tasks();
    let first = tasks.next();
    if let (Some(only), None) = (first, tasks.next()) {
        return only.id.to_string();
    }
    match view.waves.as_slice() {
        [only] if only.wave.is_some() => {
            format!("wave {} of {}", only.wave.as_deref().unwrap_or_default(), view.feature)
        }
        _ => view.feature.clone(),
    }
}

/// `2/3 · TASK-2: compiling · 1 failed · ~4 min`.
fn message(view: &View, last: Option<&str>, left_ms: Option<u64>) -> String {
    let tally = view.tally();
    let mut parts = vec![format!("{}/{}", tally.done, tally.total)];
    let running = |id: &&str| view.task(id).is_some_and(|task| matches!(task.state, TaskState::Running { .. }));
    let speaking = last.filter(running).and_then(|id| view.task(id));
    let running = || view.tasks().find(|task| matches!(task.state, TaskState::Running { .. }));
    if let Some(task) = speaking.or_else(running) {
        let id = if task.slow_ms.is_some() { format!("{} (takes long)", task.id) } else { task.id.to_string() };
        parts.push(task.progress.as_ref().map_or_else(|| id.clone(), |text| format!("{id}: {text}")));
    }
    if let Some(waiting) = view.tasks().find_map(again) {
        parts.push(waiting);
    }
    if view.paused {
        parts.push("paused".into());
    }
    parts.extend(ending(view));
    parts.extend(tally.rest());
    parts.extend(left_ms.map(run::about));
    parts.join(" \u{b7} ")
}

/// `stops after this wave`, `terminating`, `killing TASK-2`.
fn ending(view: &View) -> Option<String> {
    match view.cancelling {
        Some(Level::FinishWave) => Some("stops after this wave".into()),
        Some(level) => level.doing().map(Into::into),
        None => view.tasks().find_map(|task| Some(format!("{} {}", view.ending(task)?.doing()?, task.id))),
    }
}

/// `TASK-2 tries again in 5 s`.
fn again(task: &TaskView) -> Option<String> {
    let TaskState::Retrying { delay_ms, .. } = &task.state else { return None };
    Some(format!("{} tries again in {}", task.id, duration(*delay_ms)))
}

/// `2 passed, 1 failed in 12 s`.
pub(super) fn summary(view: &View) -> String {
    let counts = view.finished.as_ref().map_or(&view.summary, |finished| &finished.summary);
    let ended = counts.iter().filter(|(_, count)| **count > 0);
    let ended = ended.map(|(&outcome, count)| format!("{count} {}", words(outcome)));
    let waiting = view.tasks().filter(|task| view.orphaned && task.state == TaskState::Pending).count();
    let waiting = (waiting > 0).then(|| format!("{waiting} not started"));
    let parts: Vec<String> = ended.chain(waiting).collect();
    let outcomes = if parts.is_empty() { "nothing was run".into() } else { parts.join(", ") };
    match &view.finished {
        Some(finished) => format!("{outcomes} in {}", duration(finished.wall_ms)),
        None => outcomes,
    }
}

/// An outcome in words.
pub(super) fn words(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Failed => "failed",
        Outcome::TimedOut => "timed out",
        Outcome::Cancelled => "cancelled",
        Outcome::Skipped => "skipped",
        Outcome::Lost => "lost",
    }
}

/// Shows a run's progress until it is over, or until nobody tells about it any more.
///
/// The token must be fresh: a client forgets it when the answer to `create` or the end has come, and one that was
/// used twice would show nothing. `begin` waits for the answer to `create`; a client that refuses is left alone.
pub(super) async fn show(client: Client, token: ProgressToken, mut shown: watch::Receiver<Shown>) {
    if client.create_work_done_progress(token.clone()).await.is_err() {
        return;
    }
    let begun = shown.borrow_and_update().clone();
    let begin = WorkDoneProgressBegin {
        title: plain::line(&begun.title),
        cancellable: Some(true),
        message: Some(plain::line(&begun.message)),
        percentage: Some(begun.percentage),
    };
    tell(&client, &token, WorkDoneProgress::Begin(begin)).await;
    let mut over = begun.over;
    while !over && shown.changed().await.is_ok() {
        let now = shown.borrow_and_update().clone();
        over = now.over;
        if over {
            break;
        }
        // Without a percentage in each report VS Code ignores the whole report, once `begin` had one.
        let report = WorkDoneProgressReport {
            cancellable: Some(true),
            message: Some(plain::line(&now.message)),
            percentage: Some(now.percentage),
        };
        tell(&client, &token, WorkDoneProgress::Report(report)).await;
        tokio::time::sleep(BETWEEN_REPORTS).await;
    }
    let message = Some(plain::line(&shown.borrow().message));
    tell(&client, &token, WorkDoneProgress::End(WorkDoneProgressEnd { message })).await;
}

async fn tell(client: &Client, token: &ProgressToken, value: WorkDoneProgress) {
    let value = ProgressParamsValue::WorkDone(value);
    client.send_notification::<notification::Progress>(ProgressParams { token: token.clone(), value }).await;
}
