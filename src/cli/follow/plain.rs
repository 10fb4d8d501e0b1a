//! A run in plain lines: for pipes, files and build servers.

use std::io::{self, Write as _};

use super::super::{terminal, words};
use super::Show;
use super::causes::failures;
use crate::run::{Event, Level, Record, View};
use crate::task::TaskId;

pub(super) struct Plain;

impl Show for Plain {
    fn show(&mut self, record: &Record, view: &View) -> io::Result<()> {
        let mut output = io::stdout().lock();
        for line in lines(&record.event, view) {
            writeln!(output, "{line}")?;
        }
        output.flush()
    }

    fn say(&mut self, words: &str) -> io::Result<()> {
        writeln!(io::stdout(), "{words}")
    }
}

/// What an event adds to a listing; progress adds nothing: a run of an hour would fill it. Titles and reasons come from
/// files and outputs: whatever a line quotes, none of it can move a cursor.
pub(super) fn lines(event: &Event, view: &View) -> Vec<String> {
    words_of(event, view).iter().map(|line| terminal::shown(line)).collect()
}

fn words_of(event: &Event, view: &View) -> Vec<String> {
    match event {
        Event::RunStarted { .. } => vec![words::run_title(view)],
        Event::WaveStarted { wave, tasks } => {
            let left = words::time_left(view).map(|left| format!(" ({left})")).unwrap_or_default();
            vec![format!("{}: {}{left}", words::wave_name(wave.as_deref()), words::count(tasks.len(), "task"))]
        }
        Event::TaskStarted { task, .. } => {
            view.task(task.as_str()).map(|task| format!("  ▶ {} {}", task.id, task.title)).into_iter().collect()
        }
        Event::TaskProgress { .. } => Vec::new(),
        Event::TaskSlow { task, after_ms } => {
            vec![format!("  … {task} takes long: {} so far", words::duration(*after_ms))]
        }
        Event::TaskRetrying { task, outcome, reason, delay_ms, rate_limited, .. } => {
            let how = words::not_passed(*outcome, *rate_limited);
            let why = reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
            vec![format!("  ↻ {task} {how}{why}, tries again in {}", words::duration(*delay_ms))]
        }
        Event::TaskAttached { task, run } => vec![format!("  ▶ {task} runs in run {run} already; waiting for it")],
        Event::TaskFinished { task, .. } => view.task(task.as_str()).map(words::ended_task).into_iter().collect(),
        Event::RunResumed { adopted } => {
            vec![format!(
                "the supervisor died; another one took over, {} going on",
                words::count(adopted.len(), "task")
            )]
        }
        Event::RunCancelling { level, tasks } => vec![cancelling(*level, tasks.as_deref())],
        Event::RunPaused => vec!["paused".into()],
        Event::RunContinued => vec!["going on".into()],
        Event::RunDegraded { reason, for_ms } => {
            vec![format!("the state folder could not be written for {}: {reason}", words::duration(*for_ms))]
        }
        Event::WaveFinished { wave, .. } => words::wave_summary(view, wave.as_deref()),
        Event::RunFinished { .. } => {
            let mut lines = words::run_summary(view);
            lines.extend(failures(view));
            lines.extend(words::run_again(view));
            lines
        }
    }
}

/// `terminating`, `killing TASK-1, TASK-2`.
fn cancelling(level: Level, tasks: Option<&[TaskId]>) -> String {
    match (level.doing(), tasks) {
        (Some(doing), None) => doing.into(),
        (None, None) => "no later wave will start".into(),
        (Some(doing), Some(tasks)) => format!("{doing} {}", names(tasks)),
        (None, Some(tasks)) => format!("not started, nor tried again: {}", names(tasks)),
    }
}

fn names(tasks: &[TaskId]) -> String {
    tasks.iter().map(TaskId::as_str).collect::<Vec<_>>().join(", ")
}
