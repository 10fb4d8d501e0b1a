//! How runs, waves, tasks and times are put into words.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use super::terminal::{Look, Paint};
use crate::agent::{Usage, safe};
use crate::run::{
    self, Counts, Finished, Level, Outcome, RunOutcome, RunState, RunSummary, Tally, TaskState, TaskView, View,
    WaveView,
};
use crate::workspace::find_root;

/// `12 m 03 s`, `1 h 02 m`, `3.2 s`, `450 ms`.
pub(super) fn duration(milliseconds: u64) -> String {
    let seconds = Duration::from_millis(milliseconds).as_secs();
    match milliseconds {
        0..1_000 => format!("{milliseconds} ms"),
        1_000..60_000 => format!("{seconds}.{} s", milliseconds % 1_000 / 100),
        60_000..3_600_000 => format!("{} m {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} m", seconds / 3600, seconds / 60 % 60),
    }
}

/// How long something has run so far, in whole seconds: `12 s`, `12 m 03 s`, `1 h 02 m`.
pub(super) fn elapsed(milliseconds: u64) -> String {
    if milliseconds < 60_000 { format!("{} s", milliseconds / 1_000) } else { duration(milliseconds) }
}

/// `3/7 done`.
pub(super) fn done(tally: &Tally) -> String {
    format!("{}/{} done", tally.done, tally.total)
}

/// `, 2 failed`; nothing where none did.
pub(super) fn failed(tally: &Tally) -> String {
    if tally.failed == 0 { String::new() } else { format!(", {} failed", tally.failed) }
}

/// `~4 min left`; `None` where nothing tells.
pub(super) fn time_left(view: &View) -> Option<String> {
    run::remaining_ms(view, Timestamp::now()).map(|left| format!("{} left", run::about(left)))
}

/// How long ago something was: `just now`, `5 min ago`, `3 h ago`, `2 days ago`. Empty where the time is none.
pub(super) fn ago(time: &str, now: Timestamp) -> String {
    let Ok(time) = time.parse::<Timestamp>() else { return String::new() };
    match now.duration_since(time).as_mins() {
        ..1 => "just now".into(),
        minutes @ 1..60 => format!("{minutes} min ago"),
        minutes @ 60..2_880 => format!("{} h ago", minutes / 60),
        minutes => format!("{} days ago", minutes / 1_440),
    }
}

/// `712 bytes`, `3.4 KB`, `1.0 GB`: in powers of 1,024.
#[allow(clippy::cast_precision_loss)] // shown with one digit behind the point
pub(super) fn size(bytes: u64) -> String {
    let whole = bytes as f64;
    match bytes {
        0..1_024 => count(usize::try_from(bytes).unwrap_or_default(), "byte"),
        1_024..1_048_576 => format!("{:.1} KB", whole / 1_024.0),
        1_048_576..1_073_741_824 => format!("{:.1} MB", whole / 1_048_576.0),
        _ => format!("{:.1} GB", whole / 1_073_741_824.0),
    }
}

/// Where a run stands or how it ended, in one word for people. One that was started and did nothing, for all of it is up to a
/// person, did not pass.
pub(super) fn run_end(run: &RunSummary) -> &'static str {
    let count = |outcome: Outcome| run.summary.get(&outcome).copied().unwrap_or_default();
    match run.outcome() {
        Some(RunOutcome::Passed) if count(Outcome::Passed) == 0 && count(Outcome::Skipped) > 0 => "skipped",
        Some(outcome) => outcome.as_str(),
        None => run_state(run.state),
    }
}

/// Nothing failed in it, and not all of it was run.
pub(super) fn has_left_some(run: &RunSummary) -> bool {
    run.outcome() == Some(RunOutcome::Passed) && run.summary.get(&Outcome::Skipped).is_some_and(|count| *count > 0)
}

/// Where a run stands, as the machine formats say it.
pub(super) fn run_state(state: RunState) -> &'static str {
    match state {
        RunState::Running => "running",
        RunState::Finished => "finished",
        RunState::Died => "died",
    }
}

/// `1 task`, `3 tasks`.
pub(super) fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// `2 passed, 1 failed`.
pub(super) fn counts(counts: &Counts) -> String {
    let some: Vec<String> =
        counts.iter().filter(|(_, count)| **count > 0).map(|(outcome, count)| format!("{count} {outcome}")).collect();
    if some.is_empty() { "nothing yet".into() } else { some.join(", ") }
}

/// `wave 2a`.
pub(super) fn wave_name(label: Option<&str>) -> String {
    label.map_or_else(|| "no wave".into(), |label| format!("wave {}", safe::line(label.as_bytes())))
}

/// The sign that stands before an outcome.
pub(super) fn mark(outcome: Outcome) -> char {
    match outcome {
        Outcome::Passed => '✓',
        Outcome::Failed | Outcome::TimedOut | Outcome::Lost => '✗',
        Outcome::Cancelled => '■',
        Outcome::Skipped => '-',
    }
}

/// The line that announces a run.
pub(super) fn run_title(view: &View) -> String {
    let run = view.run.as_ref().map(ToString::to_string).unwrap_or_default();
    let waves = count(view.waves.len(), "wave");
    let estimate = run::remaining_ms(view, Timestamp::now());
    let estimate = estimate.map(|estimate| format!(", {}", run::about(estimate))).unwrap_or_default();
    format!(
        "run {run}: {}, {} in {waves}{estimate}",
        feature_name(&view.feature, &view.title),
        count(view.tasks().count(), "task")
    )
}

/// A feature's id, and its title where that says more.
pub(super) fn feature_name(id: &str, title: &str) -> String {
    let (id, title) = (safe::line(id.as_bytes()), safe::line(title.as_bytes()));
    if title.is_empty() || id == title { id } else { format!("{id} ({title})") }
}

/// How an attempt ended that another one follows: an outcome, or `met a rate limit`, which is no failure of the task.
pub(super) fn not_passed(outcome: Outcome, rate_limited: bool) -> &'static str {
    if rate_limited { "met a rate limit" } else { outcome.as_str() }
}

/// What is said of a task that is being ended: `, terminating`; nothing where nobody wants that.
pub(super) fn ending(level: Option<Level>) -> &'static str {
    match level {
        None => "",
        Some(Level::FinishWave) => ", not tried again",
        Some(Level::Terminate) => ", terminating",
        Some(Level::Kill) => ", killing",
    }
}

/// A task of a run, wherever it stands. `elapsed_ms`: how long it has run, or waited to be tried again.
pub(super) fn task_line(view: &View, task: &TaskView, elapsed_ms: u64) -> String {
    let (id, ending) = (&task.id, ending(task.cancelling.and(view.ending(task))));
    match &task.state {
        TaskState::Pending if view.orphaned => format!("    {id} not started: its supervisor died"),
        TaskState::Pending => match &task.attached {
            Some(run) => format!("  ▶ {id} runs in run {run}{ending}{}", said(task)),
            None => format!("    {id} waits{ending}"),
        },
        TaskState::Finished { .. } => finished_task(task),
        TaskState::Retrying { delay_ms, outcome, rate_limited, .. } => {
            let how = not_passed(*outcome, *rate_limited);
            let left = elapsed(delay_ms.saturating_sub(elapsed_ms) + 999);
            format!("  ↻ {id} {how}, tries again in {left}{ending}")
        }
        TaskState::Running { .. } => {
            let long = if task.slow_ms.is_some() { ", takes long" } else { "" };
            format!("  ▶ {id} has run for {}{long}{ending}{}", elapsed(elapsed_ms), said(task))
        }
    }
}

/// What a task said last; its title before it said anything.
fn said(task: &TaskView) -> String {
    match &task.progress {
        Some(text) => format!(": {}", safe::line(text.as_bytes())),
        None => title(task),
    }
}

/// ` (Count the words)`; nothing where it has no other than its id.
fn title(task: &TaskView) -> String {
    let title = safe::line(task.title.as_bytes());
    if title.is_empty() || title == task.id.as_str() { String::new() } else { format!(" ({title})") }
}

/// A task that is over, with its outcome, duration, title, cause and log.
pub(super) fn finished_task(task: &TaskView) -> String {
    let TaskState::Finished { outcome, .. } = &task.state else { return ended_task(task) };
    let log = task.log.as_ref().filter(|_| !matches!(outcome, Outcome::Passed | Outcome::Skipped));
    let log = log.map(|log| format!(" (log: {})", safe::text(log.as_bytes()))).unwrap_or_default();
    ended_task(task) + &log
}

/// The same without its log.
pub(super) fn ended_task(task: &TaskView) -> String {
    let TaskState::Finished { outcome, duration_ms, reason, .. } = &task.state else {
        return format!("    {}", task.id);
    };
    let mut line = format!("  {} {} {outcome}", mark(*outcome), task.id);
    // Of one that was lost nobody knows how long it took.
    if !matches!(outcome, Outcome::Skipped | Outcome::Lost) {
        line.push_str(&format!(" in {}", duration(*duration_ms)));
    }
    if task.flaky {
        line.push_str(&format!(", flaky: at its attempt {}", task.attempt));
    }
    line.push_str(&task.told.usage.map(spent).unwrap_or_default());
    line.push_str(&title(task));
    if let Some(reason) = reason.as_ref().filter(|reason| *reason != outcome.as_str()) {
        line.push_str(&format!(": {}", safe::line(reason.as_bytes())));
    }
    if task.leaked {
        line.push_str("; left processes behind, killed");
    }
    line
}

/// The tasks of a run that failed.
pub(super) fn failures(view: &View) -> impl Iterator<Item = &TaskView> {
    view.tasks().filter(|task| is_failure(task))
}

fn is_failure(task: &TaskView) -> bool {
    matches!(task.state, TaskState::Finished { outcome, .. } if outcome.is_failure())
}

/// A wave that is over: a headline, and each of its tasks but for those that failed, which stand at the end of the run.
pub(super) fn wave_summary(view: &View, label: Option<&str>) -> Vec<String> {
    let wave = view.waves.iter().find(|wave| wave.wave.as_deref() == label);
    wave.map(|wave| summary_of(view, wave)).unwrap_or_default()
}

/// A run that is over: every task that did not fail, wave by wave, and a headline. Where there is one wave, that has just
/// been said.
pub(super) fn run_summary(view: &View) -> Vec<String> {
    let Some(finished) = &view.finished else { return Vec::new() };
    let mut lines = Vec::new();
    if view.waves.len() > 1 {
        lines.push("summary:".to_string());
        lines.extend(view.waves.iter().flat_map(|wave| summary_of(view, wave)));
    }
    let run = view.run.as_ref().map(ToString::to_string).unwrap_or_default();
    let used = view.tasks().filter_map(|task| task.told.usage).reduce(Usage::plus);
    let ended = ended(finished, run::expected_ms(view, &view.waves));
    lines.push(format!("run {run}: {ended}{}", used.map(spent).unwrap_or_default()));
    lines
}

/// How to run again what did not pass; `None` where all did that could.
pub(super) fn run_again(view: &View) -> Option<String> {
    let has_passed = |task: &TaskView| matches!(task.state, TaskState::Finished { outcome: Outcome::Passed, .. });
    let is_left = view.tasks().any(|task| !task.left_out && !has_passed(task));
    let (run, program) = (view.run.as_ref()?, called_in(Path::new(&view.root)));
    is_left.then(|| format!("run again what did not pass: {program} run --rerun {run}"))
}

/// How this program is called for a workspace: from outside of it the workspace has to be named.
fn called_in(root: &Path) -> String {
    let is_here = find_root(Path::new(".")).is_ok_and(|here| here == root);
    let named = root.to_str().and_then(|root| shlex::try_quote(root).ok()).filter(|_| !is_here);
    named.map_or_else(|| "feature-build".into(), |root| format!("feature-build -C {root}"))
}

fn summary_of(view: &View, wave: &WaveView) -> Vec<String> {
    let expected_ms = run::expected_ms(view, std::slice::from_ref(wave));
    let how = wave.finished.as_ref().map_or_else(|| "not started".into(), |finished| ended(finished, expected_ms));
    let headline = format!("{}: {how}", wave_name(wave.wave.as_deref()));
    let others = wave.tasks.iter().filter(|task| !is_failure(task));
    std::iter::once(headline).chain(others.map(finished_task)).collect()
}

/// `2 passed, 1 failed in 12 m 03 s`, `3 passed in 12 m 03 s (~10 min estimated), 2.7 times faster than one after another`.
/// A run that ends early is no fast one, and keeps to no estimate.
fn ended(finished: &Finished, expected_ms: Option<u64>) -> String {
    let mut words = format!("{} in {}", counts(&finished.summary), duration(finished.wall_ms));
    if !all_passed(finished) {
        return words;
    }
    if let Some(expected) = expected_ms {
        words.push_str(&format!(" ({} estimated)", run::about(expected)));
    }
    if let Some(times) = times_faster(finished) {
        words.push_str(&format!(", {times} times faster than one after another"));
    }
    words
}

/// All that started.
fn all_passed(finished: &Finished) -> bool {
    let has = |outcome: &Outcome| finished.summary.get(outcome).is_some_and(|count| *count > 0);
    !Outcome::ALL.iter().filter(|outcome| !matches!(outcome, Outcome::Passed | Outcome::Skipped)).any(has)
}

/// `, $0.09, 24.4 k tokens`: what agents used, as far as they say.
fn spent(usage: Usage) -> String {
    let cost = usage.cost_usd.map(|cost| format!(", ${cost:.2}")).unwrap_or_default();
    match usage.tokens() {
        0 => cost,
        tokens @ 1..=9_999 => format!("{cost}, {tokens} tokens"),
        tokens => format!("{cost}, {}.{} k tokens", tokens / 1000, tokens % 1000 / 100),
    }
}

/// `None` where there is nothing to compare: less than two tasks' worth of time was saved.
#[allow(clippy::cast_precision_loss)] // milliseconds of a run are far below 2^52
fn times_faster(finished: &Finished) -> Option<String> {
    let times = finished.serial_ms as f64 / finished.wall_ms.max(1) as f64;
    (times >= 1.05).then(|| format!("{times:.1}"))
}

/// The line with its mark in colour.
pub(super) fn coloured(line: &str, paint: Paint) -> String {
    let look = match line.trim_start().chars().next() {
        Some('✓') => Look::Green,
        Some('✗') => Look::Red,
        Some('■') => Look::Yellow,
        _ => return line.into(),
    };
    let indent = line.len() - line.trim_start().len();
    let (before, rest) = line.split_at(indent);
    let mut chars = rest.chars();
    let mark = chars.next().map(String::from).unwrap_or_default();
    format!("{before}{}{}", paint.paint(look, &mark), chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        let words = [0, 999, 3_250, 59_999, 60_000, 723_000, 3_720_000].map(duration);
        assert_eq!(words, ["0 ms", "999 ms", "3.2 s", "59.9 s", "1 m 00 s", "12 m 03 s", "1 h 02 m"]);
    }

    #[test]
    fn times_and_sizes_read_well() {
        let now: Timestamp = "2026-03-03T12:00:00Z".parse().unwrap_or_default();
        let times =
            ["2026-03-03T11:59:30Z", "2026-03-03T11:18:00Z", "2026-03-02T09:00:00Z", "2026-02-20T00:00:00Z", "x"];
        assert_eq!(times.map(|time| ago(time, now)), ["just now", "42 min ago", "27 h ago", "11 days ago", ""]);
        assert_eq!(ago("2026-03-03T12:01:00Z", now), "just now", "a clock that went back");
        assert_eq!([1, 712, 3_500, 5 << 20, 3 << 30].map(size), ["1 byte", "712 bytes", "3.4 KB", "5.0 MB", "3.0 GB"]);
    }

    #[test]
    fn what_was_used_is_said_as_far_as_it_is_known() {
        let usage = |input_tokens, cost_usd| Usage { input_tokens, output_tokens: 0, cost_usd };
        assert_eq!(spent(usage(24_432, Some(0.0871))), ", $0.09, 24.4 k tokens");
        assert_eq!(spent(usage(900, None)), ", 900 tokens");
        assert_eq!(spent(usage(0, Some(1.0))), ", $1.00");
        assert_eq!(spent(usage(0, None)), "");
    }

    #[test]
    fn only_what_is_faster_is_called_so() {
        let ended = |outcome, wall_ms, serial_ms| Finished {
            summary: Counts::from([(Outcome::Passed, 2), (Outcome::Lost, 0), (outcome, 1)]),
            wall_ms,
            serial_ms,
            exit_code: 0,
        };
        let said = |outcome, wall_ms, serial_ms| super::ended(&ended(outcome, wall_ms, serial_ms), None);
        assert!(said(Outcome::Skipped, 1_000, 2_700).ends_with(" in 1.0 s, 2.7 times faster than one after another"));
        assert!(said(Outcome::Skipped, 1_000, 1_000).ends_with(" in 1.0 s"));
        assert!(said(Outcome::Skipped, 0, 0).ends_with(" in 0 ms"));
        for outcome in [Outcome::Failed, Outcome::TimedOut, Outcome::Cancelled, Outcome::Lost] {
            assert!(said(outcome, 1_000, 2_700).ends_with(" in 1.0 s"), "{outcome}");
        }
    }
}
