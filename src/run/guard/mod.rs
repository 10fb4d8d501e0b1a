//! The guard: the small process around one attempt. It holds the task's lock, reads the output, enforces the end, writes
//! the result and leaves nothing behind. No async runtime: a few megabytes at most, for a wave may have thousands.
//!
//! It is told what to do on its standard input, where its supervisor also raises the level; the end of that input means
//! that the supervisor died. It answers on its standard output, one [`Report`] a line. With a later supervisor it speaks
//! through files: see [`Link`].

mod attempt;
mod family;
mod fed;
mod hold;
mod holdings;
pub(in crate::run) mod limited;
mod log;
mod orphan;
mod output;
mod program;
mod rest;
mod room;
mod tail;
mod verify;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::{Deserialize, Serialize};

use super::claim::Claim;
use super::root::Root;
use super::{Level, Limits, Outcome, private, reap, system};
use crate::agent::{Handling, RateLimit, Told};
use attempt::{Done, StartError};
pub(super) use fed::Fed;
pub(super) use hold::has_mark;
use hold::{Hold, Taken};
use holdings::Holdings;
use log::CappedLog;
pub(super) use log::recover;
pub(super) use orphan::{LONGEST_WORD, Link};
use rest::Rest;
pub(super) use tail::{Part, Tail};

/// What a guard is told to do: the first line of its input.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Job {
    /// The program and its arguments.
    pub(super) argv: Vec<String>,
    /// The variables that the process gets besides its parent's.
    pub(super) env: BTreeMap<String, String>,
    /// The folder to start it in.
    pub(super) root: PathBuf,
    /// What it reads as its standard input; `None`: nothing.
    pub(super) stdin: Option<Fed>,
    /// The log of the attempt before, whose failed verification the process reads as its standard input instead.
    #[serde(default)]
    pub(super) feedback: Option<PathBuf>,
    /// How its output is read, and what verifies it.
    #[serde(default)]
    pub(super) handling: Handling,
    /// Where its output goes.
    pub(super) log: PathBuf,
    /// Where the result goes.
    pub(super) result: PathBuf,
    /// The task's lock.
    pub(super) lock: PathBuf,
    /// What every process of the attempt carries in its environment.
    pub(super) mark: String,
    /// When the run was asked for the task, in milliseconds since 1970: an attempt of another run that ended later is
    /// what was asked for.
    pub(super) asked_ms: u64,
    /// The way to a supervisor that did not start this guard.
    pub(super) link: Link,
    /// What to enforce.
    pub(super) limits: Limits,
}

impl Job {
    /// Lets a supervisor that did not start this guard hear that there is something to look at: it watches the log. What
    /// cannot be told so is found a little later. Blocking.
    fn touch_log(&self) {
        let touched =
            private::options().write(true).open(&self.log).and_then(|log| log.set_modified(SystemTime::now()));
        drop(touched);
    }
}

/// What the supervisor wants of the attempt: each further line of a guard's input. A line says all of it, so that the
/// last one counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    /// How hard it is to be ended, never less than [`Level::Terminate`]; `None`: not at all. Only goes up.
    pub(super) level: Option<Level>,
    /// Its processes and its clocks stand still.
    pub(super) paused: bool,
}

/// What a guard says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Report {
    /// The process runs.
    Started,
    /// What it does now, safe to show.
    Progress(String),
    /// Its output or its result cannot be written just now, and why; `None`: now they can.
    Trouble(Option<String>),
    /// It takes longer than is usual: how long so far, in milliseconds.
    Slow(u64),
    /// The state folder has no room for the attempt right now, and why: try again later.
    NoRoom(String),
    /// This system has no room for the process right now: try again when another has ended.
    Busy(String),
    /// The task is another run's; this is the mark of the attempt that has it. Nothing was started.
    Held(String),
    /// The attempt is over.
    Ended(Ending),
}

/// How an attempt ended: also the content of its result file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Ending {
    pub(super) outcome: Outcome,
    pub(super) exit_code: Option<i32>,
    pub(super) duration_ms: u64,
    pub(super) reason: Option<String>,
    /// Whether there was a process.
    pub(super) started: bool,
    /// It left processes behind that had to be killed.
    #[serde(default)]
    pub(super) leaked: bool,
    /// What its agent told.
    #[serde(flatten)]
    pub(super) told: Told,
    /// Its agent's quota is used up: no failure of the task. In a box: it is rare, and an ending is moved about.
    #[serde(default)]
    pub(super) limited: Option<Box<RateLimit>>,
    /// The work was done by the agent's own account, but a command that verifies it failed.
    #[serde(default)]
    pub(super) unverified: bool,
}

impl Ending {
    /// The end of an attempt whose guard died while a supervisor looked on.
    pub(super) fn guard_was_killed() -> Self {
        let reason = "its guard was killed; its processes were ended".into();
        Self { started: true, ..Self::not_started(Outcome::Failed, reason) }
    }

    /// The same, where this was wanted of the attempt: a guard that does not obey is killed, too.
    pub(super) fn without_guard(wanted: Wanted) -> Self {
        match wanted.level {
            Some(Level::Kill) => {
                let reason = "cancelled; its guard did not end it, and was killed with it".into();
                Self { started: true, ..Self::not_started(Outcome::Cancelled, reason) }
            }
            _ => Self::guard_was_killed(),
        }
    }

    /// The end of an attempt that had no process.
    pub(super) fn not_started(outcome: Outcome, reason: String) -> Self {
        Self {
            outcome,
            exit_code: None,
            duration_ms: 0,
            reason: Some(reason),
            started: false,
            leaked: false,
            told: Told::default(),
            limited: None,
            unverified: false,
        }
    }
}

/// How often the folders of a run are made anew that somebody takes away while an attempt begins.
const TRIES: u32 = 10;
/// No result is longer.
const LONGEST_RESULT: u64 = 1 << 20;

/// The result of an attempt, where its guard left one.
pub(super) fn read_result(path: &Path) -> Option<Ending> {
    serde_json::from_slice(&private::read(path, LONGEST_RESULT).ok()?).ok()
}

/// Puts the result of an attempt into its file. Blocking.
pub(super) fn write_result(path: &Path, ending: &Ending) -> io::Result<()> {
    private::write_whole(path, &serde_json::to_vec(ending)?)
}

/// The guard's whole life.
pub(super) fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error leads into a file in the run's folder.
            system::note(format_args!("feature-build guard: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn serve() -> io::Result<()> {
    let mut control = Control::new();
    let job: Job = serde_json::from_slice(&control.first_line()?)?;
    control.take_wishes();
    reap::become_subreaper()?;
    let root = Root::open(&job.root);
    let supervisor = Supervisor::new()?;
    let mut tries = 0;
    let taken = loop {
        let taken = take_part(&job, Root::open(&job.root), &mut control, &supervisor);
        tries += 1;
        let is_away = taken.as_ref().is_err_and(|error| error.source.kind() == io::ErrorKind::NotFound);
        // Somebody takes the folders away just now; nothing was started.
        match job.log.parent().filter(|_| is_away && tries <= TRIES && root.is_there()) {
            // What cannot be made is told by what is tried again.
            Some(run_dir) => _ = root.make_run_folder(run_dir),
            None => break taken,
        }
    };
    match taken {
        Err(error) if system::is_no_room(&error.source) => supervisor.say(&Report::NoRoom(error.to_string())),
        Err(error) if system::is_shortage(&error.source) => supervisor.say(&Report::Busy(error.to_string())),
        Err(error) => supervisor.say(&Report::Ended(error.ending(&job))),
        Ok(done) => done,
    }
}

/// What a guard has at hand while its attempt lasts.
struct Guard<'a> {
    job: &'a Job,
    control: &'a mut Control,
    supervisor: &'a Supervisor,
    holdings: &'a mut Holdings,
}

/// An error comes before anything was started; what comes behind that is the answer's own.
fn take_part(
    job: &Job,
    root: Root,
    control: &mut Control,
    supervisor: &Supervisor,
) -> Result<io::Result<()>, StartError> {
    let taking_lock = || StartError::new(format!("taking its lock {}", job.lock.display()));
    // Before anything else: from here on this attempt belongs to this process, or has ended already.
    let claim = Claim::wait_for(&job.log).map_err(StartError::new(format!("taking its log {}", job.log.display())))?;
    if let Some(ending) = read_result(&job.result) {
        // Somebody ended this attempt before it could start: never twice.
        return Ok(supervisor.say(&Report::Ended(ending)));
    }
    if control.wanted.level.is_some() {
        return Ok(conclude(job, control, supervisor, None, &cancelled_before(), None));
    }
    let mut hold = match Hold::take(&job.lock, &job.mark, job.asked_ms, &job.root).map_err(taking_lock())? {
        Taken::Held(hold) => hold,
        Taken::ByAnother(mark) => return Ok(supervisor.say(&Report::Held(mark))),
    };
    // Taking both may have lasted. Behind this an attempt that has not begun never begins under a next supervisor, which
    // knows by the mark in the lock whether it has.
    control.look().map_err(StartError::new("hearing its supervisor".into()))?;
    if control.closed {
        return Ok(Ok(()));
    }
    if control.wanted.level.is_some() {
        return Ok(conclude(job, control, supervisor, None, &cancelled_before(), None));
    }
    hold.begin().map_err(taking_lock())?;
    let mut holdings = Holdings::new(job, root, claim, hold);
    let done = attempt::run(&mut Guard { job, control, supervisor, holdings: &mut holdings });
    Ok(see_off(job, control, supervisor, holdings, done))
}

fn see_off(
    job: &Job,
    control: &mut Control,
    supervisor: &Supervisor,
    mut holdings: Holdings,
    done: Done,
) -> io::Result<()> {
    match done {
        Done::Ended { ending, all_gone, mut log } => {
            // What is written now would else be written nowhere.
            holdings.put_back(log.as_deref_mut());
            // What could not be killed is left to whoever takes the task next.
            let (_claim, hold) = holdings.into_parts();
            conclude(job, control, supervisor, Some(hold).filter(|_| all_gone), &ending, log)
        }
        Done::Busy(why) => {
            holdings.into_parts().1.end(false)?;
            supervisor.say(&Report::Busy(why))
        }
    }
}

fn cancelled_before() -> Ending {
    Ending::not_started(Outcome::Skipped, "cancelled before it was started".into())
}

/// Log and result are in their files before the task is free and before anybody hears of it. Where there is no room for
/// them the task is free all the same, the supervisor hears of its end, and this process stays until they are written.
fn conclude(
    job: &Job,
    control: &mut Control,
    supervisor: &Supervisor,
    hold: Option<Hold>,
    ending: &Ending,
    log: Option<Box<CappedLog>>,
) -> io::Result<()> {
    let mut rest = Rest::new(job, ending, log);
    let written = rest.write();
    let counts = matches!(ending.outcome, Outcome::Passed | Outcome::Failed | Outcome::TimedOut) && ending.started;
    let ended = hold.map_or(Ok(()), |hold| hold.end(counts));
    if let Err(error) = &written {
        supervisor.say(&Report::Trouble(Some(format!("the result of an attempt cannot be written: {error}"))))?;
    }
    supervisor.say(&Report::Ended(ending.clone()))?;
    if written.is_err() {
        job.link.say_trouble(true);
        job.touch_log();
        rest.wait_for_room(control);
        job.link.say_trouble(false);
        job.touch_log();
    }
    ended
}

/// The way to the supervisor.
struct Supervisor {
    output: io::Stdout,
}

impl Supervisor {
    /// A supervisor that is stopped reads nothing: then the guard must go on reading its task's output, so it never
    /// waits for room in the pipe.
    fn new() -> io::Result<Self> {
        let output = io::stdout();
        rustix::io::ioctl_fionbio(&output, true)?;
        Ok(Self { output })
    }

    /// Says it, or not where nobody listens. A line is shorter than `PIPE_BUF`, so it goes whole or not at all (POSIX,
    /// `write`); what must not be lost is in the result file.
    fn say(&self, report: &Report) -> io::Result<()> {
        let mut line = serde_json::to_vec(report)?;
        line.push(b'\n');
        match rustix::io::write(&self.output, &line) {
            Ok(_) => Ok(()),
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::PIPE) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// What comes from the supervisor.
struct Control {
    input: io::Stdin,
    unread: Vec<u8>,
    wanted: Wanted,
    closed: bool,
}

/// The longest line that a supervisor sends: the job, whose arguments the kernel limits to a few megabytes.
const LONGEST_JOB: usize = 32 << 20;

impl Control {
    fn new() -> Self {
        Self { input: io::stdin(), unread: Vec::new(), wanted: Wanted::default(), closed: false }
    }

    /// Waits for the first line.
    fn first_line(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(line) = self.take_line() {
                return Ok(line);
            }
            if self.closed || self.unread.len() > LONGEST_JOB {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the job did not arrive"));
            }
            self.read()?;
        }
    }

    /// Reads what is there; waits for a first byte. Call when the input is readable.
    fn update(&mut self) -> io::Result<()> {
        self.read()?;
        self.take_wishes();
        Ok(())
    }

    /// Takes in what comes; waits for it so long at the most.
    fn wait(&mut self, time: Duration) -> io::Result<()> {
        let mut fds = [PollFd::new(&self.input, PollFlags::IN)];
        let timeout = Timespec::try_from(time).unwrap_or(Timespec { tv_sec: 0, tv_nsec: 0 });
        match poll(&mut fds, Some(&timeout)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => Ok(()),
            Ok(_) => self.update(),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes in what has come, and whether the supervisor lives; waits for nothing.
    fn look(&mut self) -> io::Result<()> {
        while !self.closed {
            let mut fds = [PollFd::new(&self.input, PollFlags::IN)];
            match poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) {
                Ok(0) => break,
                Ok(_) => self.read()?,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.take_wishes();
        Ok(())
    }

    /// Takes in what was read. To be called behind the first line too: what was read together with it will not make the
    /// input readable again.
    fn take_wishes(&mut self) {
        while let Some(line) = self.take_line() {
            if let Ok(wanted) = serde_json::from_slice::<Wanted>(&line) {
                self.want(wanted);
            }
        }
    }

    /// A level only goes up.
    fn want(&mut self, wanted: Wanted) {
        self.wanted = Wanted { level: self.wanted.level.max(wanted.level), ..wanted };
    }

    fn read(&mut self) -> io::Result<()> {
        let mut buffer = [0; 8192];
        // Past the standard library's buffer: what lay there would not make `poll` say that something is to be read.
        let count = rustix::io::read(&self.input, &mut buffer)?;
        self.closed = count == 0;
        self.unread.extend_from_slice(buffer.get(..count).unwrap_or_default());
        Ok(())
    }

    fn take_line(&mut self) -> Option<Vec<u8>> {
        let end = self.unread.iter().position(|&byte| byte == b'\n')?;
        let rest = self.unread.split_off(end + 1);
        Some(std::mem::replace(&mut self.unread, rest))
    }
}
