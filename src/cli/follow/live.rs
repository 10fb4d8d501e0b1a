//! A run in a terminal: one live line a task under a bar for the wave; what is over scrolls away above them.

use std::collections::HashMap;
use std::io;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::super::terminal::Paint;
use super::super::words;
use super::{Show, plain};
use crate::run::{Event, Outcome, Record, View};
use crate::task::TaskId;

/// How often the live lines are drawn again.
pub(super) const REDRAW: Duration = Duration::from_millis(120);

/// How often the remaining time is worked out: it takes a moment for a run of thousands of tasks.
const ESTIMATE: Duration = Duration::from_secs(1);

pub(super) struct Live {
    screen: MultiProgress,
    wave: Option<ProgressBar>,
    tasks: HashMap<TaskId, ProgressBar>,
    paint: Paint,
    /// When the remaining time was last worked out.
    estimated: Option<Instant>,
}

impl Live {
    pub(super) fn new() -> Self {
        let screen = MultiProgress::with_draw_target(ProgressDrawTarget::stdout());
        Self { screen, wave: None, tasks: HashMap::new(), paint: Paint::of_stdout(), estimated: None }
    }

    fn begin_wave(&mut self, wave: Option<&str>, tasks: usize) {
        let bar = self.screen.add(ProgressBar::new(tasks as u64));
        bar.set_style(style("{prefix} {bar:24} {pos}/{len} done, {elapsed}{msg}"));
        bar.set_prefix(words::wave_name(wave));
        self.wave = Some(bar);
    }

    fn begin_task(&mut self, task: &TaskId) {
        let line = self.screen.add(ProgressBar::new_spinner());
        line.set_style(style("  {spinner} {prefix} {elapsed:>4}  {wide_msg}"));
        line.set_prefix(task.to_string());
        self.tasks.insert(task.clone(), line);
    }

    fn end_task(&mut self, task: &TaskId) {
        if self.remove_line(task)
            && let Some(wave) = &self.wave
        {
            wave.inc(1);
        }
    }

    /// False where it has none. Another attempt gets a line of its own.
    fn remove_line(&mut self, task: &TaskId) -> bool {
        let Some(line) = self.tasks.remove(task) else { return false };
        line.finish_and_clear();
        self.screen.remove(&line);
        true
    }

    fn show_estimate(&mut self, view: &View) {
        let Some(wave) = &self.wave else { return };
        if self.estimated.is_some_and(|at| at.elapsed() < ESTIMATE) {
            return;
        }
        self.estimated = Some(Instant::now());
        wave.set_message(words::time_left(view).map(|left| format!(", {left}")).unwrap_or_default());
    }

    fn end_wave(&mut self) {
        if let Some(bar) = self.wave.take() {
            bar.finish_and_clear();
            self.screen.remove(&bar);
        }
    }
}

/// A template that is wrong would show in every test of this; the library's own is better than no line.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

impl Show for Live {
    fn show(&mut self, record: &Record, view: &View) -> io::Result<()> {
        match &record.event {
            Event::WaveStarted { wave, tasks } => self.begin_wave(wave.as_deref(), tasks.len()),
            Event::TaskStarted { task, .. } => {
                self.begin_task(task);
                return Ok(());
            }
            Event::TaskRetrying { task, .. } => {
                self.remove_line(task);
            }
            Event::TaskProgress { task, text } => {
                if let Some(line) = self.tasks.get(task) {
                    line.set_message(text.clone());
                }
                return Ok(());
            }
            Event::TaskFinished { task, outcome, .. } => {
                self.end_task(task);
                // The wave's summary follows; only what went wrong is worth a line before it.
                if matches!(outcome, Outcome::Passed | Outcome::Skipped) {
                    return Ok(());
                }
            }
            Event::WaveFinished { .. } | Event::RunFinished { .. } => self.end_wave(),
            Event::RunStarted { .. }
            | Event::RunResumed { .. }
            | Event::RunCancelling { .. }
            | Event::RunPaused
            | Event::RunContinued
            | Event::RunDegraded { .. }
            | Event::TaskSlow { .. }
            | Event::TaskAttached { .. } => {}
        }
        for line in plain::lines(&record.event, view) {
            self.say(&words::coloured(&line, self.paint))?;
        }
        Ok(())
    }

    fn tick(&mut self, view: &View) {
        self.show_estimate(view);
        self.wave.iter().chain(self.tasks.values()).for_each(ProgressBar::tick);
    }

    fn leave(&mut self) {
        // A screen that cannot be cleared is left as it is.
        let _ = self.screen.clear();
    }

    fn say(&mut self, words: &str) -> io::Result<()> {
        self.screen.println(words)
    }
}
