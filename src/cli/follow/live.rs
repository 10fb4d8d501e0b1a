//! A run in a terminal: one live line a task under a bar for the wave; what is over scrolls away above them.

use std::collections::{HashMap, HashSet};
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;

use super::super::terminal::Paint;
use super::super::words;
use super::keyboard::{Quiet, is_foreground};
use super::{Show, plain};
use crate::run::{Event, Outcome, Record, View};
use crate::task::TaskId;

/// How often the live lines are drawn again.
const REDRAW: Duration = Duration::from_millis(120);
/// How often it is looked, while a shell has the terminal, whether it has it still.
const LOOK: Duration = Duration::from_secs(1);

/// How often the remaining time is worked out: it takes a moment for a run of thousands of tasks.
const ESTIMATE: Duration = Duration::from_secs(1);

/// When to draw again.
pub(super) fn redraw() -> Duration {
    if is_foreground() { REDRAW } else { LOOK }
}

pub(super) struct Live {
    screen: MultiProgress,
    wave: Option<Wave>,
    tasks: HashMap<TaskId, Line>,
    paint: Paint,
    /// When the remaining time was last worked out.
    estimated: Option<Instant>,
    quiet: Quiet,
    /// Nothing is drawn: a shell has the terminal.
    hidden: bool,
}

/// The bar of the wave that runs.
struct Wave {
    bar: ProgressBar,
    /// The tasks that have no outcome yet.
    open: HashSet<TaskId>,
    clock: Clock,
    /// `, ~4 min left`, or nothing.
    left: String,
}

/// The line of a task that runs, here or in another run.
struct Line {
    bar: ProgressBar,
    clock: Clock,
}

/// How long something has taken, as the run's clocks count: whenever this view began, and without the run's pauses.
///
/// It is read from the journal's times where it is set, and goes on by a monotonic clock.
struct Clock {
    since: String,
    elapsed: Duration,
    set: Instant,
}

impl Clock {
    fn new(since: &str, view: &View) -> Self {
        let mut clock = Self { since: since.into(), elapsed: Duration::ZERO, set: Instant::now() };
        clock.set(view);
        clock
    }

    fn set(&mut self, view: &View) {
        self.elapsed = Duration::from_millis(view.elapsed_ms(&self.since, Timestamp::now()));
        self.set = Instant::now();
    }

    /// `12s`.
    fn show(&self, view: &View) -> String {
        let since_set = if view.paused { Duration::ZERO } else { self.set.elapsed() };
        format!("{:#}", HumanDuration(self.elapsed + since_set))
    }
}

impl Live {
    pub(super) fn new() -> Self {
        let screen = MultiProgress::with_draw_target(ProgressDrawTarget::stdout());
        let mut quiet = Quiet;
        quiet.begin();
        Self {
            screen,
            wave: None,
            tasks: HashMap::new(),
            paint: Paint::of_stdout(),
            estimated: None,
            quiet,
            hidden: false,
        }
    }

    fn begin_wave(&mut self, wave: Option<&str>, tasks: &[TaskId], record: &Record, view: &View) {
        let bar = self.screen.add(ProgressBar::new(tasks.len() as u64));
        bar.set_style(style("{prefix} {bar:24} {pos}/{len} done, {msg}"));
        bar.set_prefix(words::wave_name(wave));
        let open = tasks.iter().cloned().collect();
        self.wave = Some(Wave { bar, open, clock: Clock::new(&record.time, view), left: String::new() });
    }

    fn begin_task(&mut self, task: &TaskId, record: &Record, view: &View) {
        self.remove_line(task);
        let bar = self.screen.add(ProgressBar::new_spinner());
        bar.set_style(style("  {spinner} {prefix}  {wide_msg}"));
        self.tasks.insert(task.clone(), Line { bar, clock: Clock::new(&record.time, view) });
    }

    fn end_task(&mut self, task: &TaskId) {
        self.remove_line(task);
        // It may have none: it was cancelled before it was started, or between two attempts.
        if let Some(wave) = &mut self.wave
            && wave.open.remove(task)
        {
            wave.bar.inc(1);
        }
    }

    /// Another attempt gets a line of its own.
    fn remove_line(&mut self, task: &TaskId) {
        let Some(line) = self.tasks.remove(task) else { return };
        line.bar.finish_and_clear();
        self.screen.remove(&line.bar);
    }

    fn show_estimate(&mut self, view: &View) {
        let Some(wave) = &mut self.wave else { return };
        if self.estimated.is_some_and(|at| at.elapsed() < ESTIMATE) {
            return;
        }
        self.estimated = Some(Instant::now());
        wave.left = words::time_left(view).map(|left| format!(", {left}")).unwrap_or_default();
    }

    fn show_times(&self, view: &View) {
        if let Some(wave) = &self.wave {
            wave.bar.set_message(format!("{}{}", wave.clock.show(view), wave.left));
        }
        for (task, line) in &self.tasks {
            let ending = view.task(task.as_str()).and_then(|task| view.ending(task));
            line.bar.set_prefix(format!("{task} {:>4}{}", line.clock.show(view), words::ending(ending)));
        }
    }

    /// The run has stopped or gone on, and so do its clocks.
    fn set_clocks(&mut self, view: &View) {
        let wave = self.wave.iter_mut().map(|wave| &mut wave.clock);
        wave.chain(self.tasks.values_mut().map(|line| &mut line.clock)).for_each(|clock| clock.set(view));
    }

    /// Takes the live lines away, or shows them again.
    fn hide(&mut self, hidden: bool) {
        if self.hidden == hidden {
            return;
        }
        self.hidden = hidden;
        if hidden {
            // A screen that cannot be cleared is left as it is.
            let _ = self.screen.clear();
            self.screen.set_draw_target(ProgressDrawTarget::hidden());
            self.quiet.end();
        } else {
            self.quiet.begin();
            self.screen.set_draw_target(ProgressDrawTarget::stdout());
        }
    }

    fn end_wave(&mut self) {
        if let Some(wave) = self.wave.take() {
            wave.bar.finish_and_clear();
            self.screen.remove(&wave.bar);
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
            Event::WaveStarted { wave, tasks } => self.begin_wave(wave.as_deref(), tasks, record, view),
            Event::TaskStarted { task, .. } => {
                self.begin_task(task, record, view);
                return Ok(());
            }
            // Its progress comes from there.
            Event::TaskAttached { task, .. } => self.begin_task(task, record, view),
            Event::TaskRetrying { task, .. } => self.remove_line(task),
            Event::TaskProgress { task, text } => {
                if let Some(line) = self.tasks.get(task) {
                    line.bar.set_message(text.clone());
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
            Event::RunPaused | Event::RunContinued => self.set_clocks(view),
            Event::RunStarted { .. }
            | Event::RunResumed { .. }
            | Event::RunCancelling { .. }
            | Event::RunDegraded { .. }
            | Event::TaskSlow { .. } => {}
        }
        for line in plain::lines(&record.event, view) {
            self.say(&words::coloured(&line, self.paint))?;
        }
        Ok(())
    }

    fn tick(&mut self, view: &View) {
        // `bg` and `fg` are told by no signal that could be waited for.
        self.hide(!is_foreground());
        self.show_estimate(view);
        self.show_times(view);
        let wave = self.wave.iter().map(|wave| &wave.bar);
        wave.chain(self.tasks.values().map(|line| &line.bar)).for_each(ProgressBar::tick);
    }

    fn leave(&mut self) {
        self.hide(true);
    }

    fn say(&mut self, words: &str) -> io::Result<()> {
        if self.hidden { writeln!(io::stdout(), "{words}") } else { self.screen.println(words) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::unwrap_used)]

    use super::*;

    fn tell(view: &mut View, seconds_ago: i64, event: serde_json::Value) -> Record {
        let time = Timestamp::now() - jiff::SignedDuration::from_secs(seconds_ago);
        let mut record = serde_json::json!({ "v": "1.1", "seq": 1, "time": time.to_string() });
        record.as_object_mut().unwrap().extend(event.as_object().unwrap().clone());
        let record = serde_json::from_value(record).unwrap();
        view.apply(&record);
        record
    }

    #[test]
    fn a_task_of_another_run_has_a_line_and_each_outcome_counts() {
        let mut live = Live {
            screen: MultiProgress::with_draw_target(ProgressDrawTarget::hidden()),
            wave: None,
            tasks: HashMap::new(),
            paint: Paint::of_stdout(),
            estimated: None,
            quiet: Quiet,
            hidden: false,
        };
        let mut view = View::default();
        let task = |id| serde_json::json!({ "id": id, "title": id, "file": "" });
        let finished = |id, outcome| {
            serde_json::json!({ "event": "task-finished", "task": id, "outcome": outcome, "exit_code": null,
                "duration_ms": 1, "reason": null, "log": null })
        };
        let events = [
            serde_json::json!({ "event": "run-started", "run": "r", "root": "/w", "feature": "F", "title": "F",
                "waves": [{ "wave": "1", "tasks": [task("A"), task("B")] }] }),
            serde_json::json!({ "event": "wave-started", "wave": "1", "tasks": ["A", "B"] }),
            serde_json::json!({ "event": "task-attached", "task": "A", "run": "other" }),
            serde_json::json!({ "event": "task-progress", "task": "A", "text": "compiling" }),
        ];
        for event in events {
            let record = tell(&mut view, 0, event);
            live.show(&record, &view).unwrap();
        }
        assert_eq!(live.tasks[&TaskId::new("A").unwrap()].bar.message(), "compiling");
        for (id, outcome, done) in [("A", "passed", 1), ("B", "skipped", 2)] {
            let record = tell(&mut view, 0, finished(id, outcome));
            live.show(&record, &view).unwrap();
            assert_eq!((live.wave.as_ref().unwrap().bar.position(), live.tasks.len()), (done, 0), "{id}");
        }
    }

    #[test]
    fn a_clock_shows_what_the_run_counts_and_not_the_view() {
        let mut view = View::default();
        let began = (Timestamp::now() - jiff::SignedDuration::from_secs(7_200)).to_string();
        let mut clock = Clock::new(&began, &view);
        assert_eq!(clock.show(&view), "2h", "a view that begins late");
        tell(&mut view, 3_600, serde_json::json!({ "event": "run-paused" }));
        clock.set(&view);
        clock.set -= Duration::from_secs(600);
        assert_eq!(clock.show(&view), "60m", "it stands still in a pause");
        tell(&mut view, 0, serde_json::json!({ "event": "run-continued" }));
        clock.set(&view);
        clock.set -= Duration::from_secs(7_200);
        assert_eq!(clock.show(&view), "3h", "the pause does not count, and the clock goes on by itself");
    }
}
