//! A run in plain lines: for pipes, files and build servers.

use std::io::{self, Write as _};

use super::super::words;
use super::Show;
use super::causes::causes;
use crate::run::{Event, Record, View};

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

/// What an event adds to a listing; progress adds nothing: a run of an hour would fill it.
pub(super) fn lines(event: &Event, view: &View) -> Vec<String> {
    match event {
        Event::RunStarted { .. } => vec![words::run_title(view)],
        Event::WaveStarted { wave, tasks } => {
            vec![format!("{}: {}", words::wave_name(wave.as_deref()), words::count(tasks.len(), "task"))]
        }
        Event::TaskStarted { task, .. } => {
            view.task(task.as_str()).map(|task| format!("  ▶ {} {}", task.id, task.title)).into_iter().collect()
        }
        Event::TaskProgress { .. } => Vec::new(),
        Event::TaskFinished { task, .. } => view.task(task.as_str()).map(words::finished_task).into_iter().collect(),
        Event::WaveFinished { wave, .. } => words::wave_summary(view, wave.as_deref()),
        Event::RunFinished { .. } => {
            let mut lines = causes(view);
            lines.extend(words::run_summary(view));
            lines
        }
    }
}
