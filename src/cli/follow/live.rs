//! A run in a terminal, on its other screen: a line for the wave, those that failed, one for each task that runs; above them
//! what was said last. When the run is over, or nobody looks, the terminal has its own screen back, with all that was said.

use std::collections::HashMap;
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::super::terminal::{Paint, cut, size};
use super::super::words;
use super::keyboard::{Quiet, is_foreground};
use super::screen::{Screen, Size};
use super::{Show, plain};
use crate::run::{Event, Record, Tally, TaskState, TaskView, View, WaveView};
use crate::task::TaskId;

/// How often the live lines are looked at. They are drawn where they changed, which those of idle tasks do once a second.
const REDRAW: Duration = Duration::from_millis(120);
/// How often it is looked, while a shell has the terminal, whether it has it still.
const LOOK: Duration = Duration::from_secs(1);

/// How often the remaining time is worked out: it takes a moment for a run of thousands of tasks.
const ESTIMATE: Duration = Duration::from_secs(1);

/// No bar is wider, and none is drawn where it would be the fourth part of less than this.
const BAR: usize = 24;
const NARROW: usize = 48;

/// When to draw again.
pub(super) fn redraw() -> Duration {
    if is_foreground() { REDRAW } else { LOOK }
}

pub(super) struct Live {
    screen: Screen,
    /// Since when the wave runs, and each task of it.
    wave: Option<Clock>,
    tasks: HashMap<TaskId, Clock>,
    /// What failed, in the order in which it did.
    failed: Vec<TaskId>,
    /// `, ~4 min left`, or nothing; and when it was last worked out.
    left: String,
    estimated: Option<Instant>,
    paint: Paint,
    quiet: Quiet,
    /// Nothing is drawn: a shell has the terminal.
    hidden: bool,
    /// Why nothing could be drawn: told with the next word.
    lost: Option<io::Error>,
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

    fn elapsed_ms(&self, view: &View) -> u64 {
        let since_set = if view.paused { Duration::ZERO } else { self.set.elapsed() };
        u64::try_from((self.elapsed + since_set).as_millis()).unwrap_or(u64::MAX)
    }
}

impl Live {
    pub(super) fn new() -> Self {
        let mut quiet = Quiet;
        quiet.begin();
        Self {
            screen: Screen::default(),
            wave: None,
            tasks: HashMap::new(),
            failed: Vec::new(),
            left: String::new(),
            estimated: None,
            paint: Paint::of_stdout(),
            quiet,
            hidden: !is_foreground(),
            lost: None,
        }
    }

    /// Takes in what a record means for the clocks, and for what failed.
    fn take(&mut self, record: &Record, view: &View) {
        let now = || Clock::new(&record.time, view);
        match &record.event {
            Event::WaveStarted { .. } => self.wave = Some(now()),
            Event::TaskStarted { task, .. } | Event::TaskAttached { task, .. } | Event::TaskRetrying { task, .. } => {
                self.tasks.insert(task.clone(), now());
            }
            Event::TaskFinished { task, outcome, .. } => {
                self.tasks.remove(task);
                if outcome.is_failure() {
                    self.failed.push(task.clone());
                }
            }
            Event::WaveFinished { .. } | Event::RunFinished { .. } => self.wave = None,
            Event::RunPaused | Event::RunContinued => {
                self.wave.iter_mut().chain(self.tasks.values_mut()).for_each(|clock| clock.set(view));
            }
            Event::RunStarted { .. }
            | Event::RunResumed { .. }
            | Event::RunCancelling { .. }
            | Event::RunDegraded { .. }
            | Event::TaskProgress { .. }
            | Event::TaskSlow { .. } => {}
        }
    }

    fn estimate(&mut self, view: &View) {
        if self.wave.is_none() || self.estimated.is_some_and(|at| at.elapsed() < ESTIMATE) {
            return;
        }
        self.estimated = Some(Instant::now());
        self.left = words::time_left(view).map(|left| format!(", {left}")).unwrap_or_default();
    }

    /// The lines that a terminal of this size shows: fewer than it has rows.
    fn lines(&self, view: &View, size: Size) -> Vec<String> {
        let is_on = |wave: &&WaveView| wave.started.is_some() && wave.finished.is_none();
        let (Some(clock), Some(wave)) = (&self.wave, view.waves.iter().find(is_on)) else { return Vec::new() };
        let (rows, columns) = size;
        let (mut shown, mut unseen) = (Vec::new(), 0);
        for task in wave.tasks.iter().filter(|task| !task.left_out) {
            match self.line(task, view) {
                Some(line) => shown.push(line),
                None if matches!(task.state, TaskState::Finished { .. }) => {}
                None => unseen += 1,
            }
        }
        let failed = self.failed.iter().filter_map(|task| view.task(task.as_str())).map(words::ended_task).collect();
        let tally: Tally = wave.tasks.iter().map(|task| task.state.outcome()).collect();
        let (rest, more) = fitting(failed, shown, unseen, rows.saturating_sub(2));
        let ends = if more > 0 { String::new() } else { words::failed(&tally) };
        let paused = if view.paused { ", paused" } else { "" };
        let how =
            format!("{}{ends}, {}{paused}{}", words::done(&tally), words::elapsed(clock.elapsed_ms(view)), self.left);
        let first = format!("{} {}{how}", words::wave_name(wave.wave.as_deref()), bar(&tally, columns));
        let last = (more > 0).then(|| format!("  … {more} more{}", words::failed(&tally)));
        let lines = std::iter::once(first).chain(rest).chain(last).take(rows.saturating_sub(1).max(1));
        lines.map(|line| words::coloured(&cut(&line, columns.saturating_sub(1)), self.paint)).collect()
    }

    /// The line of a task that runs, here or in another run, or waits to be tried again.
    fn line(&self, task: &TaskView, view: &View) -> Option<String> {
        let clock = self.tasks.get(&task.id)?;
        Some(words::task_line(view, task, clock.elapsed_ms(view)))
    }

    fn draw(&mut self, view: &View) -> io::Result<()> {
        let size = size();
        let lines = self.lines(view, size);
        if self.hidden || lines.is_empty() && !self.screen.is_on() {
            return Ok(());
        }
        let bytes = self.screen.draw(lines, size);
        write(&bytes)
    }

    /// Gives the terminal its own screen back, or draws again.
    fn hide(&mut self, hidden: bool) -> io::Result<()> {
        if self.hidden == hidden {
            return Ok(());
        }
        self.hidden = hidden;
        if !hidden {
            self.quiet.begin();
            return Ok(());
        }
        let bytes = self.screen.leave();
        let left = write(&bytes);
        self.quiet.end();
        left
    }

    /// What was said stands on the terminal's own screen where that is shown.
    fn settle(&mut self) -> io::Result<()> {
        if let Some(lost) = self.lost.take() {
            return Err(lost);
        }
        if self.screen.is_on() {
            return Ok(());
        }
        let bytes = self.screen.leave();
        write(&bytes)
    }
}

/// What of these lines fits into so many rows, the newest failures above what runs, and how many tasks are left without a
/// line: besides those that have none, `unseen`.
fn fitting(mut failed: Vec<String>, mut running: Vec<String>, unseen: usize, rows: usize) -> (Vec<String>, usize) {
    let last = usize::from(unseen > 0);
    if failed.len() + running.len() + last <= rows {
        failed.append(&mut running);
        return (failed, unseen);
    }
    let room = rows.saturating_sub(1);
    let of_failed = failed.len().min((room / 4).max(room.saturating_sub(running.len())));
    let of_running = running.len().min(room - of_failed);
    let more = unseen + running.len() - of_running;
    let mut lines = failed.split_off(failed.len() - of_failed);
    lines.extend(running.into_iter().take(of_running));
    (lines, more)
}

/// `████████░░░░░░░░ `, or nothing where there is no room for it.
fn bar(tally: &Tally, columns: usize) -> String {
    if columns < NARROW {
        return String::new();
    }
    let width = (columns / 4).min(BAR);
    let full = width * tally.ended() / tally.total.max(1);
    format!("{}{} ", "█".repeat(full), "░".repeat(width - full))
}

/// All at once: half of it would be half a screen.
fn write(bytes: &str) -> io::Result<()> {
    if bytes.is_empty() {
        return Ok(());
    }
    let mut output = io::stdout().lock();
    output.write_all(bytes.as_bytes())?;
    output.flush()
}

impl Show for Live {
    fn show(&mut self, record: &Record, view: &View) -> io::Result<()> {
        self.take(record, view);
        // The live lines show it, or the wave's summary, or what stands at the end.
        if let Event::TaskStarted { .. } | Event::TaskProgress { .. } | Event::TaskFinished { .. } = &record.event {
            return Ok(());
        }
        let lines = plain::lines(&record.event, view);
        self.screen.say(lines.iter().map(|line| words::coloured(line, self.paint)));
        if matches!(record.event, Event::RunFinished { .. }) {
            let bytes = self.screen.leave();
            return write(&bytes);
        }
        self.settle()?;
        // What takes a moment is not worth another screen: that is begun when time has passed.
        if self.screen.is_on() { self.draw(view) } else { Ok(()) }
    }

    fn tick(&mut self, view: &View) {
        // `bg` and `fg` are told by no signal that could be waited for.
        let hidden = self.hide(!is_foreground());
        self.estimate(view);
        self.lost = hidden.and_then(|()| self.draw(view)).err().or(self.lost.take());
    }

    fn leave(&mut self) {
        // A terminal that is gone has nothing to get back.
        let _ = self.hide(true);
    }

    fn say(&mut self, words: &str) -> io::Result<()> {
        self.screen.say([words.to_owned()]);
        self.settle()
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::unwrap_used)]

    use super::*;

    fn live() -> Live {
        Live {
            screen: Screen::default(),
            wave: None,
            tasks: HashMap::new(),
            failed: Vec::new(),
            left: String::new(),
            estimated: None,
            paint: Paint::of_stdout(),
            quiet: Quiet,
            hidden: true,
            lost: None,
        }
    }

    fn tell(live: &mut Live, view: &mut View, seconds_ago: i64, event: serde_json::Value) {
        let time = Timestamp::now() - jiff::SignedDuration::from_secs(seconds_ago);
        let mut record = serde_json::json!({ "v": "1.1", "seq": 1, "time": time.to_string() });
        record.as_object_mut().unwrap().extend(event.as_object().unwrap().clone());
        let record = serde_json::from_value(record).unwrap();
        view.apply(&record);
        live.take(&record, view);
    }

    fn started(count: usize) -> (Live, View) {
        let (mut live, mut view) = (live(), View::default());
        let ids: Vec<String> = (1..=count).map(|number| format!("T{number}")).collect();
        let tasks: Vec<_> = ids.iter().map(|id| serde_json::json!({ "id": id, "title": "", "file": "" })).collect();
        let run = serde_json::json!({ "event": "run-started", "run": "r", "root": "/w", "feature": "F", "title": "F",
            "waves": [{ "wave": "1", "tasks": tasks }] });
        tell(&mut live, &mut view, 0, run);
        tell(&mut live, &mut view, 0, serde_json::json!({ "event": "wave-started", "wave": "1", "tasks": ids }));
        (live, view)
    }

    fn start(live: &mut Live, view: &mut View, id: &str) {
        tell(live, view, 0, serde_json::json!({ "event": "task-started", "task": id, "attempt": 1, "log": "l" }));
    }

    fn finish(live: &mut Live, view: &mut View, id: &str, outcome: &str) {
        let event = serde_json::json!({ "event": "task-finished", "task": id, "outcome": outcome, "exit_code": null,
            "duration_ms": 1, "reason": null, "log": null });
        tell(live, view, 0, event);
    }

    #[test]
    fn a_task_of_another_run_has_a_line_and_each_outcome_counts() {
        let (mut live, mut view) = started(2);
        tell(&mut live, &mut view, 0, serde_json::json!({ "event": "task-attached", "task": "T1", "run": "other" }));
        let progress = serde_json::json!({ "event": "task-progress", "task": "T1", "text": "compiling" });
        tell(&mut live, &mut view, 0, progress);
        let lines = live.lines(&view, (24, 40));
        assert_eq!(lines, ["wave 1 0/2 done, 0 s", "  ▶ T1 runs in run other: compiling", "  … 1 more"]);
        for (id, outcome, done) in [("T1", "passed", 1), ("T2", "skipped", 1)] {
            finish(&mut live, &mut view, id, outcome);
            assert!(live.lines(&view, (24, 40))[0].starts_with(&format!("wave 1 {done}/2 done")), "{id}");
        }
    }

    #[test]
    fn a_wave_that_is_larger_than_the_screen_says_what_it_does_not_show() {
        let (mut live, mut view) = started(60);
        (1..=50).for_each(|number| start(&mut live, &mut view, &format!("T{number}")));
        assert_eq!(live.lines(&view, (24, 80)).last().unwrap(), "  … 39 more");
        finish(&mut live, &mut view, "T1", "failed");
        finish(&mut live, &mut view, "T2", "timed-out");
        finish(&mut live, &mut view, "T3", "passed");
        let lines = live.lines(&view, (24, 80));
        assert_eq!(lines.len(), 23);
        assert_eq!(lines[1..3], ["  ✗ T1 failed in 1 ms", "  ✗ T2 timed-out in 1 ms"]);
        assert!(lines[3].starts_with("  ▶ T4 has run for "), "{lines:?}");
        assert_eq!(lines[22], "  … 38 more, 2 failed");
        assert!(!lines[0].contains("failed"), "said once: {}", lines[0]);
        for rows in 0..30 {
            for columns in [0, 1, 2, 20, 47, 48, 200] {
                let lines = live.lines(&view, (rows, columns));
                assert!((1..rows.max(2)).contains(&lines.len()), "{rows} rows: {lines:?}");
                assert!(lines.iter().all(|line| line.chars().count() <= columns), "{columns} columns: {lines:?}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn no_task_is_neither_shown_nor_counted(failed in 0_usize..9, running in 0_usize..30, unseen in 0_usize..9,
            rows in 0_usize..40) {
            let name = |kind: &str, count: usize| -> Vec<String> { (0..count).map(|at| format!("{kind}{at}")).collect() };
            let (lines, more) = fitting(name("f", failed), name("r", running), unseen, rows);
            let shown = lines.iter().filter(|line| line.starts_with('r')).count();
            proptest::prop_assert_eq!(shown + more, running + unseen);
            let last = usize::from(more > 0);
            proptest::prop_assert!(lines.len() + last <= rows.max(1), "{} lines in {} rows", lines.len(), rows);
            if let Some(newest) = failed.checked_sub(1).filter(|_| rows > 4) {
                let newest = format!("f{newest}");
                proptest::prop_assert!(lines.contains(&newest));
            }
        }
    }

    #[test]
    fn a_clock_shows_what_the_run_counts_and_not_the_view() {
        let (mut live, mut view) = (live(), View::default());
        let began = (Timestamp::now() - jiff::SignedDuration::from_secs(7_200)).to_string();
        let mut clock = Clock::new(&began, &view);
        let show = |clock: &Clock, view: &View| words::elapsed(clock.elapsed_ms(view));
        assert_eq!(show(&clock, &view), "2 h 00 m", "a view that begins late");
        tell(&mut live, &mut view, 3_600, serde_json::json!({ "event": "run-paused" }));
        clock.set(&view);
        clock.set -= Duration::from_secs(600);
        assert_eq!(show(&clock, &view), "1 h 00 m", "it stands still in a pause");
        tell(&mut live, &mut view, 0, serde_json::json!({ "event": "run-continued" }));
        clock.set(&view);
        clock.set -= Duration::from_secs(7_200);
        assert_eq!(show(&clock, &view), "3 h 00 m", "the pause does not count, and the clock goes on by itself");
    }
}
