//! One attempt from its start to its end: a loop over the task's output, the supervisor's word and the clock.

use std::ffi::OsStr;
use std::fmt;
use std::io::{self, PipeReader};
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::super::reap::{self, ChildEnds};
use super::super::stopwatch::Stopwatch;
use super::super::{Level, Limits, Outcome, system};
use super::family::{Exit, Family};
use super::limited::Program;
use super::log::CappedLog;
use super::orphan::Orphan;
use super::output::Output;
use super::{Ending, Guard, Job, Report, program, verify};
use crate::agent::Verdict;
use crate::workspace::{self, Success};

/// `task-progress` comes at most this often.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);
/// How often to look for processes that nothing tells about: those that lost their parent.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// How often to look for the leader's end where the system has no descriptor for it.
const LOOK_FOR_EXIT_EVERY: Duration = Duration::from_millis(50);

/// How often to look for orphans that have ended where nothing tells of them.
const REAP_EVERY: Duration = Duration::from_secs(1);

/// What came of it.
pub(super) enum Done {
    /// It is over.
    Ended {
        ending: Ending,
        /// Nothing of it is left alive.
        all_gone: bool,
        /// What it still misses is to be written ([`CappedLog::finish`]); `None`: there is none.
        log: Option<Box<CappedLog>>,
    },
    /// No room for it on this system right now.
    Busy(String),
}

/// Starts the task's process and stays with it to the end, and then with what verifies its work.
pub(super) fn run(guard: &mut Guard<'_>) -> Done {
    let job = guard.job;
    let most = system::at_most_a_file(job.limits.log_bytes);
    let log = match guard.holdings.log().and_then(|log| CappedLog::new(log, &job.log, most)) {
        Ok(log) => log,
        Err(source) => {
            let doing = format!("its log {} cannot be written", job.log.display());
            return cannot_start(&StartError { doing, source }, job);
        }
    };
    // Taken before the process is there: a duration never says less than the task took.
    let timing = Timing { clock: Stopwatch::start(), is_slow: false };
    let (family, pipe) = match input(job).and_then(|stdin| start(job, &job.argv, stdin)) {
        Ok(started) => started,
        Err(error) => return cannot_start(&error, job),
    };
    let _ = guard.supervisor.say(&Report::Started);
    let output = Output::new(pipe, log, job.handling.format);
    let seen = Attempt::new(guard, family, output, timing, Some(job.handling.success)).see_through();
    let Seen { ending, all_gone, log, .. } = verify::verify(guard, seen);
    Done::Ended { ending, all_gone, log: Some(Box::new(log)) }
}

/// A process could not be started.
pub(super) struct StartError {
    pub(super) doing: String,
    pub(super) source: io::Error,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.doing, self.source)
    }
}

impl StartError {
    /// The end of an attempt that cannot start for this.
    pub(super) fn ending(&self, job: &Job) -> Ending {
        let moved =
            if job.root.exists() { String::new() } else { format!("; {} is not there any more", job.root.display()) };
        Ending::not_started(Outcome::Failed, format!("cannot be started: {self}{moved}"))
    }

    /// With what the system does not say of a program that it does not start.
    fn explained(self, argv: &[String]) -> Self {
        let why = argv.first().and_then(|program| program::why_not(program, &self.source));
        let doing = why.map(|why| format!("{}: {why}", self.doing)).unwrap_or(self.doing);
        Self { doing, ..self }
    }

    pub(super) fn new(doing: String) -> impl FnOnce(io::Error) -> Self {
        move |source| Self { doing, source }
    }
}

fn cannot_start(error: &StartError, job: &Job) -> Done {
    if system::is_shortage(&error.source) {
        return Done::Busy(error.to_string());
    }
    Done::Ended { ending: error.ending(job), all_gone: true, log: None }
}

/// What the task's process reads.
fn input(job: &Job) -> Result<Stdio, StartError> {
    if let Some(log) = &job.feedback {
        let feedback = verify::feedback(log, &job.log);
        return feedback
            .map(Stdio::from)
            .map_err(StartError::new(format!("telling what failed, by {}", log.display())));
    }
    match &job.stdin {
        Some(fed) => fed.open().map(Stdio::from).map_err(StartError::new(format!("opening {}", fed.file.display()))),
        None => Ok(Stdio::null()),
    }
}

/// Starts a process of the attempt.
pub(super) fn start(job: &Job, argv: &[String], stdin: Stdio) -> Result<(Family, PipeReader), StartError> {
    start_program(job, argv, stdin).map_err(|error| error.explained(argv))
}

/// Standard output and standard error lead into one pipe: what comes out stays in the order in which it was written.
fn start_program(job: &Job, argv: &[String], stdin: Stdio) -> Result<(Family, PipeReader), StartError> {
    let failed = |doing: &str| StartError::new(doing.to_owned());
    let [program, arguments @ ..] = argv else {
        return Err(failed("its command is empty")(io::ErrorKind::InvalidInput.into()));
    };
    // In the guard itself, so that a program given by a relative path is looked for from there, by every system.
    std::env::set_current_dir(&job.root).map_err(failed(&format!("entering {}", job.root.display())))?;
    let (output, stdout) = io::pipe().map_err(failed("making a pipe"))?;
    rustix::io::ioctl_fionbio(&output, true).map_err(|errno| failed("making a pipe")(errno.into()))?;
    let stderr = stdout.try_clone().map_err(failed("making a pipe"))?;
    let named = || failed(&format!("\"{}\"", verify::program_name(program)));
    // Not left to the system, which would look in folders of the workspace where PATH has relative ones.
    let file = workspace::program::of_user(program).ok_or_else(|| named()(rustix::io::Errno::NOENT.into()))?;
    let made = Program::new(&file, program, arguments, &job.limits.resources);
    let mut started = made.map_err(failed("making a pipe"))?;
    let command = &mut started.command;
    if let Some(allowed) = &job.handling.env {
        command.env_clear().envs(std::env::vars_os().filter(|(name, _)| is_allowed(name, allowed)));
    }
    command.envs(&job.env).stdin(stdin).stdout(stdout).stderr(stderr);
    let family = Family::start(command).map_err(named())?;
    // Also lets go of the pipe's other end, which the command holds.
    if let Err(error) = started.become_it() {
        family.kill();
        family.bury();
        return Err(named()(error));
    }
    Ok((family, output))
}

/// Without these hardly any program works; none of them is a secret.
const ALWAYS: [&str; 11] =
    ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_*", "TZ", "TERM", "TMPDIR", "XDG_*"];

/// Whether a task may take a variable with it: by its name, or by a beginning of names, `ANTHROPIC_*`.
fn is_allowed(name: &OsStr, allowed: &[String]) -> bool {
    let fits = |pattern: &str| match pattern.strip_suffix('*') {
        Some(beginning) => name.as_encoded_bytes().starts_with(beginning.as_bytes()),
        None => name == pattern,
    };
    ALWAYS.into_iter().any(fits) || allowed.iter().any(|pattern| fits(pattern))
}

pub(super) struct Attempt<'a, 'g> {
    guard: &'a mut Guard<'g>,
    family: Family,
    exit_watch: Option<OwnedFd>,
    /// `None` where nothing can tell of them: then they are looked for.
    child_ends: Option<ChildEnds>,
    output: Output,
    /// What counts as success of this process; `None`: its exit code alone does.
    success: Option<Success>,
    /// The supervisor was told that the disk does not take the output.
    troubled: bool,
    progress: Progress,
    /// What the task's time is measured by; all limits below are readings of it, so that a pause stops them all.
    clock: Stopwatch,
    /// The last word on pausing that was obeyed.
    is_stopped: bool,
    /// That it takes long has been said.
    is_slow: bool,
    /// Why and since when the task is being ended.
    ending: Option<(Why, Duration)>,
    /// How and when the leader ended.
    exit: Option<(Exit, Duration)>,
    /// The supervisor that started it died.
    orphan: Option<Orphan>,
}

/// Why a task is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    Cancelled,
    TimedOut,
    Orphaned,
}

impl Why {
    /// The outcome, and the reason in words.
    pub(super) fn told(self, limits: &Limits) -> (Outcome, String) {
        match self {
            Self::Cancelled => (Outcome::Cancelled, "cancelled".into()),
            Self::TimedOut => {
                let limit = Duration::from_millis(limits.timeout_ms.unwrap_or_default());
                (Outcome::TimedOut, format!("took longer than {limit:?}"))
            }
            Self::Orphaned => (Outcome::Lost, "its supervisor died and no other took over; it was ended".into()),
        }
    }
}

#[derive(Debug, Default)]
struct Progress {
    pending: bool,
    said: Option<(Instant, String)>,
}

/// What is known when a process and all that it left behind are gone.
pub(super) struct Seen {
    pub(super) ending: Ending,
    pub(super) all_gone: bool,
    pub(super) log: CappedLog,
    pub(super) timing: Timing,
}

/// Goes on from process to process: the limits are the whole attempt's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timing {
    clock: Stopwatch,
    /// That it takes long has been said.
    is_slow: bool,
}

impl Timing {
    /// Stops the clock, or lets it go on.
    pub(super) fn pause(&mut self, paused: bool) {
        if paused { self.clock.pause() } else { self.clock.go_on() }
    }

    /// Whether the attempt has taken longer than it may.
    pub(super) fn is_over(&self, limits: &Limits) -> bool {
        limits.timeout_ms.is_some_and(|limit| self.clock.has_reached(Duration::from_millis(limit)))
    }

    /// How long the attempt has taken, in milliseconds.
    pub(super) fn elapsed_ms(&self) -> u64 {
        self.clock.elapsed_ms()
    }
}

impl<'a, 'g> Attempt<'a, 'g> {
    pub(super) fn new(
        guard: &'a mut Guard<'g>,
        family: Family,
        output: Output,
        timing: Timing,
        success: Option<Success>,
    ) -> Self {
        let Timing { clock, is_slow } = timing;
        // A supervisor that died while another process of the attempt ran is not heard of again.
        let orphan = guard.control.closed.then(|| Orphan::new(&guard.job.link));
        let exit_watch = system::exit_watch(family.leader());
        Self {
            guard,
            family,
            exit_watch,
            child_ends: ChildEnds::listen().ok(),
            output,
            success,
            troubled: false,
            progress: Progress::default(),
            clock,
            is_stopped: false,
            is_slow,
            ending: None,
            exit: None,
            orphan,
        }
    }

    pub(super) fn see_through(mut self) -> Seen {
        // What ended before its end was listened for.
        reap::others();
        // What came together with the job.
        self.obey_pause();
        while !self.is_over() {
            self.wait();
            self.decide();
        }
        let duration = self.exit.map_or_else(|| self.clock.elapsed(), |(_, at)| at);
        let leaked = self.family.has_others() || (self.output.as_fd().is_some() && self.ending.is_none());
        let all_gone = self.family.kill();
        self.output.read_the_rest();
        self.exit = self.exit.or_else(|| self.family.leader_exit().map(|exit| (exit, duration)));
        let ending = self.ending(duration, leaked, all_gone);
        let timing = Timing { clock: self.clock, is_slow: self.is_slow };
        self.family.bury();
        Seen { ending, all_gone, log: self.output.into_log(), timing }
    }

    /// Waits until something happens or is due, and takes it in.
    fn wait(&mut self) {
        let timeout = self.next_due().map(|due| due.saturating_duration_since(Instant::now()));
        let mut timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        let mut sources = Vec::with_capacity(5);
        let mut fds = Vec::with_capacity(5);
        if let Some(output) = self.output.as_fd() {
            sources.push(Source::Output);
            fds.push(PollFd::from_borrowed_fd(output, PollFlags::IN));
        }
        if !self.guard.control.closed {
            sources.push(Source::Control);
            fds.push(PollFd::from_borrowed_fd(self.guard.control.input.as_fd(), PollFlags::IN));
        }
        if let Some(watch) = self.exit_watch.as_ref().filter(|_| self.exit.is_none()) {
            sources.push(Source::Exit);
            fds.push(PollFd::from_borrowed_fd(watch.as_fd(), PollFlags::IN));
        }
        if let Some(news) = self.orphan.as_ref().and_then(Orphan::as_fd) {
            sources.push(Source::Link);
            fds.push(PollFd::from_borrowed_fd(news, PollFlags::IN));
        }
        if let Some(ends) = &self.child_ends {
            sources.push(Source::Child);
            fds.push(PollFd::from_borrowed_fd(ends.as_fd(), PollFlags::IN));
        }
        loop {
            match poll(&mut fds, timeout.as_ref()) {
                Ok(_) => break,
                // A signal, such as a child's end. What is ready is taken in all the same before a clock is looked at: who was
                // stopped for long would else find that a task has taken too long that had ended in time.
                Err(rustix::io::Errno::INTR) => timeout = Some(Timespec { tv_sec: 0, tv_nsec: 0 }),
                Err(_) => return,
            }
        }
        let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        for (source, _) in sources.iter().zip(ready).filter(|(_, ready)| *ready) {
            match source {
                Source::Output => _ = self.output.read().then(|| self.progress.pending = true),
                Source::Control => self.hear(),
                Source::Exit => self.see_exit(),
                Source::Child => self.reap(),
                Source::Link => self.orphan.iter_mut().for_each(Orphan::hear),
            }
        }
        if self.child_ends.is_none() {
            self.reap();
        }
        if self.exit.is_none() && self.exit_watch.is_none() {
            self.see_exit();
        }
    }

    /// An agent may leave thousands behind that end long before it does.
    fn reap(&mut self) {
        if let Some(ends) = &mut self.child_ends {
            ends.take_in();
        }
        reap::others();
    }

    fn see_exit(&mut self) {
        self.exit = self.family.leader_exit().map(|exit| (exit, self.clock.elapsed()));
        if self.exit.is_some() && self.ending.is_some() {
            // What had left the group has not heard of the end; it has become this guard's child by now.
            self.family.terminate_others();
        }
    }

    fn next_due(&self) -> Option<Instant> {
        let now = Instant::now();
        let mut due = Vec::with_capacity(8);
        if self.ending.is_none() {
            due.extend(self.timeout().and_then(|timeout| self.clock.due(timeout)));
            due.extend(self.slow_after().and_then(|slow| self.clock.due(slow)));
            due.extend(self.orphan_deadline());
        }
        due.extend(self.orphan.as_ref().map(Orphan::look_at));
        due.extend(self.kill_at().and_then(|at| self.clock.due(at)));
        due.extend(self.leak_deadline().and_then(|at| self.clock.due(at)));
        due.extend(self.progress.due());
        due.extend(self.output.retry_at());
        due.push(self.guard.holdings.look_at());
        if self.exit.is_some() {
            due.push(now + LOOK_EVERY);
        } else if self.exit_watch.is_none() {
            due.push(now + LOOK_FOR_EXIT_EVERY);
        }
        if self.child_ends.is_none() {
            due.push(now + REAP_EVERY);
        }
        due.into_iter().min()
    }

    fn decide(&mut self) {
        let now = Instant::now();
        if let Some(wanted) = self.orphan.as_mut().and_then(|orphan| orphan.look(&self.guard.job.link)) {
            self.guard.control.want(wanted);
            self.obey_pause();
        }
        self.guard.holdings.look(now, self.output.log_mut());
        self.output.retry(now);
        self.say_trouble();
        self.say_progress(now);
        self.say_slow();
        if self.exit.is_some() || self.ending.is_some() {
            return;
        }
        let why = if self.guard.control.wanted.level.is_some() {
            Why::Cancelled
        } else if self.timeout().is_some_and(|timeout| self.clock.has_reached(timeout)) {
            Why::TimedOut
        } else if self.orphan_deadline().is_some_and(|at| at <= now) {
            Why::Orphaned
        } else {
            return;
        };
        self.ending = Some((why, self.clock.elapsed()));
        if self.guard.control.wanted.level != Some(Level::Kill) {
            self.family.terminate();
        }
        // What is stopped hears of SIGTERM only when it goes on.
        self.go_on();
    }

    /// Whether only killing what is left remains to be done.
    fn is_over(&self) -> bool {
        let kill_now = self.guard.control.wanted.level == Some(Level::Kill);
        if self.ending.is_some() {
            let all_ended = self.exit.is_some() && !self.family.has_others();
            return all_ended || kill_now || self.kill_at().is_some_and(|at| self.clock.has_reached(at));
        }
        if self.exit.is_none() {
            return false;
        }
        let nothing_left = self.output.as_fd().is_none() && !self.family.has_others();
        nothing_left
            || self.guard.control.wanted.level.is_some()
            || self.leak_deadline().is_some_and(|at| self.clock.has_reached(at))
    }

    fn timeout(&self) -> Option<Duration> {
        self.guard.job.limits.timeout_ms.map(Duration::from_millis)
    }

    /// `None` also where it has been said.
    fn slow_after(&self) -> Option<Duration> {
        self.guard.job.limits.slow_after_ms.filter(|_| !self.is_slow && self.exit.is_none()).map(Duration::from_millis)
    }

    fn orphan_deadline(&self) -> Option<Instant> {
        self.orphan.as_ref()?.deadline(Duration::from_millis(self.guard.job.limits.orphan_ms))
    }

    fn kill_at(&self) -> Option<Duration> {
        let (_, since) = self.ending?;
        since.checked_add(Duration::from_millis(self.guard.job.limits.grace_ms))
    }

    /// Counted from the leader's end: were it counted from the last line, a process that was left behind and writes
    /// would hold the task for ever.
    fn leak_deadline(&self) -> Option<Duration> {
        let (_, at) = self.exit.filter(|_| self.ending.is_none())?;
        at.checked_add(Duration::from_millis(self.guard.job.limits.leak_ms))
    }

    fn hear(&mut self) {
        if self.guard.control.update().is_err() {
            self.guard.control.closed = true;
        }
        if self.guard.control.closed && self.orphan.is_none() {
            self.orphan = Some(Orphan::new(&self.guard.job.link));
            // The next supervisor has not heard of it.
            self.troubled = false;
        }
        self.obey_pause();
    }

    /// Once a change: a task that was stopped and is being ended must go on, for it has to hear of that.
    fn obey_pause(&mut self) {
        match (self.guard.control.wanted.paused, self.is_stopped) {
            (true, false) => {
                self.is_stopped = true;
                self.family.pause();
                self.clock.pause();
            }
            (false, true) => {
                self.is_stopped = false;
                self.go_on();
            }
            _ => {}
        }
    }

    fn go_on(&mut self) {
        if self.clock.is_paused() {
            self.clock.go_on();
            self.family.go_on();
        }
    }

    fn say_trouble(&mut self) {
        let trouble = self.output.trouble();
        if trouble.is_some() != self.troubled {
            self.troubled = !self.troubled;
            let trouble =
                trouble.map(|why| format!("the log {} cannot be written: {why}", self.guard.job.log.display()));
            if self.orphan.is_some() {
                self.guard.job.link.say_trouble(trouble.is_some());
                self.guard.job.touch_log();
            }
            let _ = self.guard.supervisor.say(&Report::Trouble(trouble));
        }
    }

    fn say_progress(&mut self, now: Instant) {
        if !self.progress.pending || self.progress.due().is_some_and(|due| due > now) {
            return;
        }
        self.progress.pending = false;
        let Some(text) = self.output.progress() else { return };
        if self.progress.said.as_ref().is_some_and(|(_, said)| *said == text) {
            return;
        }
        match &self.orphan {
            None => _ = self.guard.supervisor.say(&Report::Progress(text.clone())),
            Some(orphan) => orphan.say_progress(&self.guard.job.link, &text),
        }
        self.progress.said = Some((now, text));
    }

    fn say_slow(&mut self) {
        if self.ending.is_some() || !self.slow_after().is_some_and(|slow| self.clock.has_reached(slow)) {
            return;
        }
        self.is_slow = true;
        let after_ms = self.clock.elapsed_ms();
        match &self.orphan {
            None => _ = self.guard.supervisor.say(&Report::Slow(after_ms)),
            Some(_) => {
                self.guard.job.link.say_slow(after_ms);
                self.guard.job.touch_log();
            }
        }
    }

    fn ending(&self, duration: Duration, leaked: bool, all_gone: bool) -> Ending {
        let exit_code = match self.exit {
            Some((Exit::Code(code), _)) => Some(code),
            _ => None,
        };
        let (outcome, mut reason) = self.verdict();
        if !all_gone {
            let remark = "some of its processes could not be killed";
            reason = Some(reason.map_or_else(|| remark.into(), |reason| format!("{reason}; {remark}")));
        }
        let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let reading = self.output.reading();
        Ending {
            outcome,
            exit_code,
            duration_ms,
            reason,
            started: true,
            leaked,
            told: reading.told.clone(),
            limited: reading.limited.clone().filter(|_| outcome == Outcome::Failed).map(Box::new),
            unverified: false,
        }
    }

    fn verdict(&self) -> (Outcome, Option<String>) {
        match (self.ending, self.exit) {
            (Some((why, _)), _) => {
                let (outcome, reason) = why.told(&self.guard.job.limits);
                (outcome, Some(reason))
            }
            (None, Some((Exit::Code(0), _))) => self.own_account(),
            (None, Some((Exit::Code(code), _))) => {
                (Outcome::Failed, Some(self.with_words(format!("exited with {code}"))))
            }
            (None, Some((Exit::Signal(signal), _))) => {
                (Outcome::Failed, Some(format!("killed by {}", system::signal_name(signal))))
            }
            (None, None) => (Outcome::Failed, Some("its end was not seen".into())),
        }
    }
}

impl Attempt<'_, '_> {
    /// An exit code of 0 is not enough: what an agent says about its own work counts more.
    fn own_account(&self) -> (Outcome, Option<String>) {
        let Some(success) = self.success else { return (Outcome::Passed, None) };
        match &self.output.reading().verdict {
            Some(Verdict::Failed(_)) => (Outcome::Failed, Some(self.with_words("its agent failed".into()))),
            Some(Verdict::Blocked(words)) => (Outcome::Failed, Some(format!("its agent is blocked: {words}"))),
            None if success == Success::Result => {
                (Outcome::Failed, Some("its agent ended without saying that the work is done".into()))
            }
            Some(Verdict::Done) | None => (Outcome::Passed, None),
        }
    }

    /// With what the agent says besides.
    fn with_words(&self, reason: String) -> String {
        match &self.output.reading().verdict {
            Some(Verdict::Failed(words) | Verdict::Blocked(words)) => format!("{reason}: {words}"),
            Some(Verdict::Done) | None => reason,
        }
    }
}

enum Source {
    Output,
    Control,
    Exit,
    Child,
    Link,
}

impl Progress {
    /// When the next may be said; `None`: nothing to say, or at once.
    fn due(&self) -> Option<Instant> {
        let (at, _) = self.said.as_ref().filter(|_| self.pending)?;
        Some(*at + PROGRESS_EVERY)
    }
}
