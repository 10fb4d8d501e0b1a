//! A terminal that follows a run: what it shows, and what Ctrl-C does.

mod causes;
mod keyboard;
mod live;
mod output;
mod plain;
mod screen;

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;

use super::format::Format;
use super::terminal;
use super::{NOT_PASSED, complain};
use output::{Ended, Output};

use crate::agent::safe;
use crate::run::{
    self, Checkups, Event, FollowError, Follower, Launcher, Level, NewRuns, Record, RunId, RunPaths, StartError, View,
    Waiting,
};

/// What a shell answers for a program that lost its standard output: 128 and SIGPIPE.
const LOST_OUTPUT: u8 = 141;
/// How long Ctrl-Z waits for the run to pause before it stops this process all the same.
const PAUSING: Duration = Duration::from_secs(2);

/// What a shell answers for a program that Ctrl-C ended: 128 and SIGINT.
const INTERRUPTED: u8 = 130;

/// What Ctrl-C does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Interrupt {
    /// It cancels the run, which this terminal started.
    CancelsRun,
    /// It ends the view: the run is somebody else's.
    EndsView,
}

/// Something that shows a run as its records come.
trait Show {
    /// Shows what a record changed; the view has taken it in already.
    fn show(&mut self, record: &Record, view: &View) -> io::Result<()>;
    /// Time has passed.
    fn tick(&mut self, _view: &View) {}
    /// The view ends before the run does, or this process stands still for a while: then it draws again.
    fn leave(&mut self) {}
    /// A word besides the run's records.
    fn say(&mut self, words: &str) -> io::Result<()>;
}

/// The records themselves.
struct Json;

impl Show for Json {
    fn show(&mut self, record: &Record, _view: &View) -> io::Result<()> {
        let line = safe::json(serde_json::to_string(record)?) + "\n";
        let mut output = io::stdout().lock();
        output.write_all(line.as_bytes())?;
        output.flush()
    }

    fn say(&mut self, words: &str) -> io::Result<()> {
        writeln!(io::stderr(), "{words}")
    }
}

/// Starts a run and follows it to its end: the exit code is the run's.
pub(super) fn start_and_follow(
    state_dir: &Path,
    format: Format,
    start: impl FnOnce() -> Result<RunId, StartError>,
) -> anyhow::Result<ExitCode> {
    let runtime = run::runtime()?;
    runtime.block_on(async {
        // Listened to before the run exists: a Ctrl-C that comes early is obeyed when it does.
        let mut signals = Signals::listen().context("listening to signals")?;
        let run = start()?;
        Ok(ExitCode::from(follow(state_dir, &run, format, Interrupt::CancelsRun, &mut signals).await?))
    })
}

/// Follows runs one after another to their ends: the exit code is the worst of theirs.
pub(super) fn follow_all(state_dir: &Path, runs: &[RunId], format: Format) -> anyhow::Result<ExitCode> {
    let runtime = run::runtime()?;
    runtime.block_on(async {
        let mut signals = Signals::listen().context("listening to signals")?;
        let mut worst = 0;
        for run in runs {
            worst = worst.max(follow(state_dir, run, format, Interrupt::CancelsRun, &mut signals).await?);
        }
        Ok(ExitCode::from(worst))
    })
}

/// Follows a run that somebody else started (`None`: the next one that starts) to its end: the exit code is the run's.
pub(super) fn watch(
    root: &Path,
    state_dir: &Path,
    run: Option<(RunId, Waiting)>,
    format: Format,
) -> anyhow::Result<ExitCode> {
    let runtime = run::runtime()?;
    runtime.block_on(async {
        let mut signals = Signals::listen().context("listening to signals")?;
        let (state_dir, run, _waiting) = match run {
            Some((run, waiting)) => (state_dir.to_path_buf(), run, waiting),
            None => {
                let mut next = NewRuns::after_now(root);
                complain("no run is in progress; waiting for the next one");
                let run = tokio::select! {
                    run = next.next() => run,
                    () = signals.end() => return Ok(ExitCode::from(INTERRUPTED)),
                };
                let state_dir = next.state_dir().to_path_buf();
                let (dir, named) = (state_dir.clone(), run.clone());
                let waiting = tokio::task::spawn_blocking(move || run::may_follow(&dir, &named)).await??;
                (state_dir, run, waiting)
            }
        };
        Ok(ExitCode::from(follow(&state_dir, &run, format, Interrupt::EndsView, &mut signals).await?))
    })
}

/// What the user asks for by a signal.
enum Asked {
    /// Ctrl-C, SIGTERM.
    End,
    /// Ctrl-Z, SIGTSTP.
    Pause,
}

/// SIGHUP keeps its meaning: the terminal is gone, and this process with it; the run is not.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    stop: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            stop: signal(SignalKind::from_raw(rustix::process::Signal::TSTP.as_raw()))?,
        })
    }

    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.interrupt.recv() => Asked::End,
            _ = self.terminate.recv() => Asked::End,
            _ = self.stop.recv() => Asked::Pause,
        }
    }

    /// Where there is no run yet that could pause, Ctrl-Z stops this process and nothing else.
    async fn end(&mut self) {
        while let Asked::Pause = self.next().await {
            stop_here();
        }
    }
}

/// At this time, or never.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// Stops this process as Ctrl-Z stops any other: the shell gets its prompt back. Comes back when the shell continues it.
fn stop_here() {
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP);
}

const GOES_ON: &str = "the run goes on: `feature-build watch` shows it again, `cancel` ends it";
const ENDS_BY_ITSELF: &str = "the run comes to its end by itself: `feature-build watch` shows it";

/// The user has seen enough.
async fn leave(output: &Output, words: &str) -> u8 {
    output.say(words);
    output.leave().await;
    INTERRUPTED
}

/// Whether what is shown goes on by itself: for that alone time is told.
fn is_live(format: Format) -> bool {
    format == Format::Text && terminal::is_live()
}

fn output(format: Format) -> io::Result<(Output, Ended)> {
    match format {
        Format::Json => Output::start(|| Json),
        Format::Text if is_live(format) => Output::start(live::Live::new),
        Format::Text => Output::start(|| plain::Plain),
    }
}

async fn follow(
    state_dir: &Path,
    run: &RunId,
    format: Format,
    interrupt: Interrupt,
    signals: &mut Signals,
) -> anyhow::Result<u8> {
    let (output, mut ended) = output(format).with_context(|| {
        format!("starting what shows run {run}, which goes on: `feature-build watch {run}` shows it")
    })?;
    let exit_code = match follow_into(&output, &mut ended, state_dir, run, (format, interrupt), signals).await {
        Ok(Seen::All(exit_code)) => exit_code,
        Ok(Seen::Left(exit_code)) => return Ok(exit_code),
        Err(error) => {
            // The terminal has its own screen back before the error is told.
            output.leave().await;
            return Err(error);
        }
    };
    tokio::select! {
        shown = output.finish(ended) => Ok(if shown.is_ok() { exit_code } else { LOST_OUTPUT }),
        // Nobody reads what is left to be shown.
        () = signals.end() => {
            keyboard::restore();
            Ok(exit_code)
        }
    }
}

/// How following a run ended, with the exit code.
enum Seen {
    /// With the run.
    All(u8),
    /// Before it: the user left, or nobody reads.
    Left(u8),
}

async fn follow_into(
    output: &Output,
    ended: &mut Ended,
    state_dir: &Path,
    run: &RunId,
    (format, interrupt): (Format, Interrupt),
    signals: &mut Signals,
) -> anyhow::Result<Seen> {
    let paths = RunPaths::of(state_dir, run);
    let mut follower = Follower::recovering(paths.dir(), Launcher::default());
    let mut checkups = Checkups::new(paths.dir());
    let mut view = View::default();
    let mut tick_at = is_live(format).then(Instant::now);
    let mut asked: Option<Level> = None;
    // This process stops when the run has paused, and in any case by this time.
    let mut stop_by: Option<Instant> = None;
    loop {
        tokio::select! {
            record = follower.next(), if output.has_room() => match record {
                Ok(Some(record)) => {
                    view.apply(&record);
                    if matches!(record.event, Event::RunPaused) {
                        stop_by = stop_by.map(|_| Instant::now());
                    }
                    output.show(record);
                }
                Ok(None) => break,
                Err(error @ FollowError::SupervisorDied { .. }) => {
                    output.say(terminal::shown(&format!("feature-build: {error}")));
                    break;
                }
                Err(error) => return Err(error.into()),
            },
            () = output.room(), if !output.has_room() => {}
            signal = signals.next() => match (signal, interrupt) {
                (Asked::Pause, Interrupt::EndsView) => {
                    output.leave().await;
                    stop_here();
                }
                (Asked::Pause, Interrupt::CancelsRun) => {
                    run::pause(state_dir, run).with_context(|| format!("pausing run {run}"))?;
                    stop_by = Some(Instant::now() + PAUSING);
                    output.say("pausing: `fg` or `bg` lets the tasks go on");
                }
                (Asked::End, Interrupt::EndsView) => return Ok(Seen::Left(leave(output, GOES_ON).await)),
                (Asked::End, Interrupt::CancelsRun) => {
                    let (level, words) = match asked.max(view.cancelling) {
                        None | Some(Level::FinishWave) => {
                            (Level::Terminate, "cancelling: each task is asked to end; once more kills them")
                        }
                        Some(Level::Terminate) => (Level::Kill, "killing every task; once more ends only this view"),
                        Some(Level::Kill) => return Ok(Seen::Left(leave(output, ENDS_BY_ITSELF).await)),
                    };
                    asked = Some(level);
                    run::cancel(state_dir, run, None, level).with_context(|| format!("cancelling run {run}"))?;
                    output.say(words);
                }
            },
            degraded = checkups.degraded() => {
                let reason = safe::line(degraded.reason.as_bytes());
                output.say(format!("the state folder cannot be written: {reason}; what runs goes on"));
            }
            () = at(stop_by) => {
                stop_by = None;
                output.leave().await;
                stop_here();
                run::go_on(state_dir, run).with_context(|| format!("continuing run {run}"))?;
            }
            () = at(tick_at) => {
                output.tick();
                tick_at = Some(Instant::now() + live::redraw());
            }
            // Whoever read the output is gone. That ends the view; the run goes on.
            () = ended.lost() => return Ok(Seen::Left(LOST_OUTPUT)),
        }
    }
    Ok(Seen::All(view.finished.map_or(NOT_PASSED, |finished| finished.exit_code)))
}
