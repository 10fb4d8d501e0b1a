//! Pausing: no task, no clock and no new attempt goes on meanwhile.

use std::time::Duration;

use feature_build::run::Outcome::{Cancelled, Passed, TimedOut};
use feature_build::run::{self, Event, Launcher, Level, Record, Resumed, RunId, Takeover, read_journal};
use rustix::process::Signal;

use crate::bench::{Bench, binary, id, kill, processes_of, processes_where, wait_until};
use crate::terminal::Workspace;

/// Writes its pulse into a file, again and again; ends when it may.
const PULSE: &str = "n=0; touch on; until [ -e go ]; do n=$((n+1)); echo $n > pulse; sleep 0.01; done";

fn records(bench: &Bench, run: &RunId) -> Vec<Record> {
    read_journal(&bench.paths(run).journal()).unwrap()
}

fn wait_for(bench: &Bench, run: &RunId, event: &Event) {
    wait_until(&format!("{event:?}"), || records(bench, run).iter().any(|record| record.event == *event));
}

/// What the system says of a process: its state (`T`: stopped) and its parent, behind the name in its `stat`.
fn state_of(pid: i32) -> Option<(char, i32)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut rest = stat.rsplit_once(')')?.1.split_whitespace();
    Some((rest.next()?.chars().next()?, rest.next()?.parse().ok()?))
}

fn is_stopped(pid: i32) -> bool {
    state_of(pid).is_none_or(|(state, _)| matches!(state, 'T' | 'Z'))
}

/// A shell that has just started a program is in `D` as long as that one is stopped before it has taken over (vfork(2));
/// any other `D` passes, and what is in it goes on.
fn all_stopped(run: &RunId) -> bool {
    let states: Vec<_> = processes_of(run).into_iter().filter_map(|pid| Some((pid, state_of(pid)?))).collect();
    let waits = |shell: i32| states.iter().any(|(_, (state, parent))| *state == 'T' && *parent == shell);
    let is_stopped = |(pid, (state, _)): &(i32, (char, i32))| match state {
        'T' | 'Z' => true,
        'D' => waits(*pid),
        _ => false,
    };
    !states.is_empty() && states.iter().all(is_stopped)
}

fn supervisor(bench: &Bench, run: &RunId) -> i32 {
    let wanted = [b"__supervise\0".as_slice(), bench.paths(run).dir().as_os_str().as_encoded_bytes()].concat();
    let found = processes_where(|pid| {
        let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        arguments.windows(wanted.len()).any(|window| window == wanted)
    });
    let [only] = found.as_slice() else { panic!("one supervisor: {found:?}") };
    *only
}

/// How long a task may take: enough to be paused in time on a busy machine.
const TIMEOUT_S: f64 = 4.0;
const TIMEOUT_MS: u64 = 4_000;
/// Long enough for a clock that did not stop to be seen.
const LONG: Duration = Duration::from_millis(TIMEOUT_MS + 500);

fn for_a_while() {
    let until = std::time::Instant::now() + LONG;
    wait_until("a while has passed", || std::time::Instant::now() >= until);
}

#[test]
fn a_pause_stops_tasks_their_clocks_and_new_attempts() {
    let mut bench = Bench::new();
    bench.config.timeout_seconds = Some(TIMEOUT_S);
    bench.options.max_parallel = std::num::NonZeroU32::new(1);
    bench.wave("1").task("A", PULSE).task("B", "touch b");
    let run = bench.start();
    bench.wait_for_file("pulse");
    run::pause(&bench.state(), &run).unwrap();
    wait_for(&bench, &run, &Event::RunPaused);
    wait_until("the tasks are stopped", || all_stopped(&run));
    let pulse = std::fs::read(bench.path("pulse")).unwrap();
    for_a_while();
    assert_eq!(std::fs::read(bench.path("pulse")).unwrap(), pulse, "no task goes on");
    std::fs::write(bench.path("go"), "").unwrap();
    run::go_on(&bench.state(), &run).unwrap();
    let run = bench.follow(&run);
    assert_eq!((run.outcome("A"), run.outcome("B")), (Passed, Passed), "the pause counts for no time-out");
    let events = run.records.iter().filter(|record| matches!(record.event, Event::RunPaused | Event::RunContinued));
    assert_eq!(events.count(), 2);
    let whole = span(&run.records);
    let finished = run.finished();
    assert!(finished.wall_ms + TIMEOUT_MS <= whole, "{} of {whole} ms", finished.wall_ms);
    assert!(finished.serial_ms + TIMEOUT_MS <= whole, "{} of {whole} ms", finished.serial_ms);
}

/// From the first to the last record, in milliseconds.
fn span(records: &[Record]) -> u64 {
    let time = |record: &Record| record.time.parse::<jiff::Timestamp>().unwrap();
    let span = time(records.last().unwrap()).duration_since(time(records.first().unwrap()));
    u64::try_from(span.as_millis()).unwrap()
}

#[test]
fn a_time_out_goes_on_after_a_pause() {
    let mut bench = Bench::new();
    bench.config.timeout_seconds = Some(TIMEOUT_S);
    bench.wave("1").task("A", "touch on; exec sleep 600");
    let run = bench.start();
    bench.wait_for_file("on");
    run::pause(&bench.state(), &run).unwrap();
    wait_for(&bench, &run, &Event::RunPaused);
    for_a_while();
    run::go_on(&bench.state(), &run).unwrap();
    let run = bench.follow(&run);
    assert_eq!(run.outcome("A"), TimedOut);
    let (_, duration) = duration(&run.records, "A");
    assert!((TIMEOUT_MS..2 * TIMEOUT_MS).contains(&duration), "{duration} ms");
}

fn duration(records: &[Record], name: &str) -> (u32, u64) {
    let found = records.iter().find_map(|record| match &record.event {
        Event::TaskFinished { task, duration_ms, attempts, .. } if task.as_str() == name => {
            Some((*attempts, *duration_ms))
        }
        _ => None,
    });
    found.unwrap()
}

#[test]
fn signals_to_the_supervisor_pause_too() {
    let mut bench = Bench::new();
    bench.wave("1").task("A", PULSE);
    let run = bench.start();
    bench.wait_for_file("on");
    let supervisor = supervisor(&bench, &run);
    kill(supervisor, Signal::TSTP);
    wait_for(&bench, &run, &Event::RunPaused);
    wait_until("the tasks are stopped", || all_stopped(&run));
    kill(supervisor, Signal::CONT);
    wait_for(&bench, &run, &Event::RunContinued);
    std::fs::write(bench.path("go"), "").unwrap();
    assert_eq!(bench.follow(&run).outcome("A"), Passed);
}

#[test]
fn a_paused_run_can_be_cancelled() {
    let mut bench = Bench::new();
    bench.config.grace_seconds = Some(600.0);
    bench.wave("1").task("A", "trap 'touch asked; exit 0' TERM; touch on; while :; do sleep 0.02; done");
    let run = bench.start();
    bench.wait_for_file("on");
    run::pause(&bench.state(), &run).unwrap();
    wait_until("the tasks are stopped", || all_stopped(&run));
    bench.cancel(&run, None, Level::Terminate);
    let run = bench.follow(&run);
    assert_eq!((run.outcome("A"), run.exit_code()), (Cancelled, 130));
    assert!(bench.path("asked").exists(), "it is asked first");
}

#[test]
fn one_task_of_a_paused_run_can_be_cancelled() {
    let mut bench = Bench::new();
    bench.config.grace_seconds = Some(600.0);
    bench.wave("1").task("A", "touch a; exec sleep 600").task("B", PULSE);
    let run = bench.start();
    bench.wait_for_file("a");
    bench.wait_for_file("on");
    run::pause(&bench.state(), &run).unwrap();
    wait_until("the tasks are stopped", || all_stopped(&run));
    bench.cancel(&run, Some(&[id("A")]), Level::Terminate);
    wait_until("A has ended", || run::View::of(&records(&bench, &run)).tally().ended() == 1);
    assert!(all_stopped(&run), "B is still stopped");
    std::fs::write(bench.path("go"), "").unwrap();
    run::go_on(&bench.state(), &run).unwrap();
    let run = bench.follow(&run);
    assert_eq!((run.outcome("A"), run.outcome("B")), (Cancelled, Passed));
}

/// The guard says nothing while it is stopped, and the supervisor hears nothing while it is: neither loses anything.
#[test]
fn a_guard_and_a_supervisor_that_are_stopped_lose_nothing() {
    let mut bench = Bench::new();
    bench.wave("1").task("A", "touch on; until [ -e go ]; do sleep 0.01; done; echo said; touch over");
    bench.task("B", "touch b; exec sleep 600");
    bench.config.timeout_seconds = Some(TIMEOUT_S);
    let run = bench.start();
    bench.wait_for_file("on");
    bench.wait_for_file("b");
    let guards = processes_where(|pid| {
        let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let parent = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let parent = parent.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse().ok());
        arguments.starts_with(b"feature-build\0__guard\0") && parent == Some(supervisor(&bench, &run))
    });
    assert_eq!(guards.len(), 2);
    let stopped: Vec<i32> = guards.into_iter().chain([supervisor(&bench, &run)]).collect();
    stopped.iter().for_each(|pid| kill(*pid, Signal::STOP));
    std::fs::write(bench.path("go"), "").unwrap();
    bench.wait_for_file("over");
    for_a_while();
    stopped.iter().for_each(|pid| kill(*pid, Signal::CONT));
    let run = bench.follow(&run);
    assert_eq!(run.outcome("A"), Passed, "it had ended before anybody could look at its time");
    assert_eq!(run.log("A").trim(), "said");
    assert_eq!(run.outcome("B"), TimedOut);
    assert!(duration(&run.records, "B").1 >= TIMEOUT_MS);
}

#[test]
fn a_paused_run_that_is_taken_over_stays_paused() {
    let mut bench = Bench::new();
    bench.wave("1").task("A", PULSE);
    let run = bench.start();
    bench.wait_for_file("on");
    run::pause(&bench.state(), &run).unwrap();
    wait_for(&bench, &run, &Event::RunPaused);
    wait_until("the tasks are stopped", || all_stopped(&run));
    kill(supervisor(&bench, &run), Signal::KILL);
    let dir = bench.paths(&run).dir().to_path_buf();
    let launcher = Launcher::At(binary());
    wait_until("it is taken over", || {
        run::resume(&dir, Takeover::Settle, &launcher).is_ok_and(|resumed| resumed == Resumed::TakenOver)
    });
    std::fs::write(bench.path("go"), "").unwrap();
    assert!(run::View::of(&records(&bench, &run)).paused);
    assert!(all_stopped(&run));
    run::go_on(&bench.state(), &run).unwrap();
    assert_eq!(bench.follow(&run).outcome("A"), Passed);
}

#[test]
fn ctrl_z_pauses_the_run_and_then_stops_the_terminals_process() {
    let workspace = Workspace::new();
    workspace.task("TASK-1", 1, PULSE);
    let mut terminal = workspace.spawn(&["run"]);
    workspace.wait_for_file("on");
    let run = workspace.only_run();
    let pid = i32::try_from(terminal.id()).unwrap();
    kill(pid, Signal::TSTP);
    wait_until("the terminal's process is stopped", || is_stopped(pid));
    let journal = run::RunPaths::of(&workspace.state(), &run).journal();
    let view = || run::View::of(&read_journal(&journal).unwrap());
    assert!(view().paused, "before that the run has paused");
    wait_until("the tasks are stopped", || all_stopped(&run));
    kill(pid, Signal::CONT);
    wait_until("it goes on", || !view().paused);
    workspace.write("go", "");
    assert_eq!(terminal.wait().unwrap().code(), Some(0));
}
