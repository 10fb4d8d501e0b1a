//! The supervisor: the process that owns one run and is the only writer of its journal.
//!
//! One loop owns the state. What guards report, what users ask for and what signals say comes to it over one channel, in
//! the order in which it came; what it decides is asked of [`Course`], which is pure.

mod adoption;
mod again;
mod asked;
mod attach;
mod attachment;
mod attempts;
mod attendance;
mod holdings;
mod listen;
mod pulse;
mod takeover;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

use regex::bytes::RegexSet;
use tokio::process::{Child, Command};
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;

use super::course::{Course, Step};
use again::Waiting;
use asked::{CANCELLED, FINISHED_WAVE, WITHDRAWN};
use attachment::Detached;
use attempts::Attempts;
use attendance::Attendance;

use super::guard::{Ending, Fed, Job, Link, Report, Wanted};
use super::health::Health;
use super::history::{self, EXIT_CANCELLED};
use super::journal::Journal;
use super::lock::{self, Lock};
use super::past::Past;
use super::paths::task_lock;
use super::prune::prune_some;
use super::reap::Awaited;
use super::record::Recorder;
use super::request::{Asked, Request};
use super::start::{self, Launcher, Takeover, Word};
use super::stopwatch::Stopwatch;
use super::{
    Counts, Event, Level, Order, Outcome, RunId, RunPaths, TaskRef, WaveRef, nesting, open, read_run, reap, role,
    runtime, system,
};
use crate::error::with_causes;
use crate::plan::ScheduledWave;
use crate::task::TaskId;
use holdings::{Holdings, Shared};

/// How many messages wait for the loop before their senders do.
const INBOX: usize = 256;
/// How long to wait before a process is started again for which the system had no room, while none runs that could
/// make some; and how often, before the task is given up.
const RETRY_AFTER: Duration = Duration::from_millis(200);
const RETRIES: u32 = 150;
/// How long to wait where some of the run's tasks run: the end of one is what is waited for, but others may make room before.
const RETRY_BESIDE_OTHERS: Duration = Duration::from_secs(1);
/// How long to wait before a task is started again that the state folder had no room for.
const RETRY_WITHOUT_ROOM_AFTER: Duration = Duration::from_secs(1);

/// The supervisor's whole life. `takeover`: the run had a supervisor before.
pub(super) fn main(run_dir: &Path, takeover: Option<Takeover>) -> ExitCode {
    match supervise(run_dir, takeover) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let words = with_causes(&error);
            let _ = start::say(&words);
            system::note(format_args!("feature-build supervisor: {words}"));
            ExitCode::FAILURE
        }
    }
}

fn supervise(run_dir: &Path, takeover: Option<Takeover>) -> io::Result<()> {
    let paths = RunPaths::at(run_dir);
    if takeover.is_some() {
        // Before the lock: that of a run which is just being started must not be taken from its first supervisor.
        read_past(&paths)?;
    }
    let lock = match takeover {
        None => Lock::acquire(&paths.lock())?,
        Some(_) => Lock::acquire_unless_lost(&paths.lock())?.filter(|_| is_alone(&paths)),
    };
    let lock = match (lock, takeover) {
        (Some(lock), _) => lock,
        (None, Some(_)) => return Word::Owned.say(),
        (None, None) => return Err(io::Error::other("another supervisor owns the run")),
    };
    let past = match takeover {
        None => None,
        // Under the lock: nobody else writes any more.
        Some(takeover) => match read_past(&paths)? {
            None => {
                open::shut(&paths);
                return Word::Finished.say();
            }
            Some(past) => Some(Taken { past, takeover, interrupted: pulse::was_felt(&lock) }),
        },
    };
    system::wait_for_thread()?;
    let prepared = prepare(paths, lock, past)?;
    runtime()?.block_on(Supervisor::run(prepared))
}

/// Whether no other supervisor of the run lives. One that only wants to take it over as well ends when it does not get the lock,
/// which this process has by now: two must not both step back for each other. Blocking.
fn is_alone(paths: &RunPaths) -> bool {
    let give_up = Instant::now() + lock::PATIENCE + RETRY_AFTER;
    while !system::supervisors(paths.dir()).is_empty() {
        if Instant::now() > give_up {
            return false;
        }
        std::thread::sleep(RETRY_AFTER / 10);
    }
    true
}

/// What the supervisor before left; `None`: it had finished.
fn read_past(paths: &RunPaths) -> io::Result<Option<Past>> {
    let records = read_run(paths).map_err(io::Error::other)?;
    if records.iter().any(|record| matches!(record.event, Event::RunFinished { .. })) {
        return Ok(None);
    }
    let past = Past::of(&records).ok_or_else(|| io::Error::other("the run never began"))?;
    Ok(Some(past))
}

/// What a supervisor holds before it begins.
struct Prepared {
    order: Order,
    paths: RunPaths,
    journal: Journal,
    health: Health,
    holdings: Holdings,
    /// The run had a supervisor before.
    past: Option<Taken>,
}

/// What a supervisor takes over.
struct Taken {
    past: Past,
    takeover: Takeover,
    /// The supervisor before lived a moment ago.
    interrupted: bool,
}

fn prepare(paths: RunPaths, lock: Lock, past: Option<Taken>) -> io::Result<Prepared> {
    let order = open::read_order(&paths, past.is_none())?;
    // Descendants of a guard that is killed come to this process.
    reap::become_subreaper()?;
    let journal = Journal::open(&paths.journal())?;
    let health = Health::open(&paths.health());
    pulse::begin(&lock);
    let holdings = Holdings::open(&order, &paths, lock)?;
    Ok(Prepared { order, paths, journal, health, holdings, past })
}

/// What comes to the loop.
enum Input {
    Guard(TaskId, Report),
    /// An attempt of the supervisor before turned out to have started nothing.
    NotBegun(TaskId),
    /// This run does not wait any more for another one's task.
    Detached(TaskId, Detached),
    /// The user's word.
    Asked(Asked),
    /// What a signal asks for.
    Request(Request),
    Signal,
    /// Whether the output of an attempt that did not pass tells of a rate limit.
    Judged {
        task: TaskId,
        ending: Ending,
        met_rate_limit: bool,
    },
}

struct Supervisor {
    order: Order,
    paths: RunPaths,
    course: Course,
    recorder: Recorder,
    inbox: mpsc::Receiver<Input>,
    /// For the guards' tasks.
    mail: mpsc::Sender<Input>,
    /// The way to each guard that lives.
    guards: HashMap<TaskId, watch::Sender<Wanted>>,
    /// The way to guards that have told of the end, and may wait for room to write it down.
    leaving: Vec<(TaskId, watch::Sender<Wanted>)>,
    /// The tasks that wait between two attempts.
    waiting: HashMap<TaskId, Waiting>,
    retry_on: Option<Arc<RegexSet>>,
    attempts: Attempts,
    /// The other run that a task was attached to last.
    attached: HashMap<TaskId, RunId>,
    /// Since when a task is asked for where that is not when the run was: another run's end before that time does not
    /// count.
    asked_ms: HashMap<TaskId, u64>,
    outcomes: BTreeMap<TaskId, Outcome>,
    level: Option<Level>,
    /// A task ended, or did not start, because the run was cancelled.
    cancelled: bool,
    /// A task ended, or did not start, because the user cancelled it by its name.
    cancelled_by_name: bool,
    retries: u32,
    /// When to try again what waits for room. Kept here: what is heard meanwhile must not put it off.
    release_at: Option<Instant>,
    /// The tasks that the state folder has no room for.
    without_room: HashSet<TaskId>,
    wave: Clock,
    whole: Clock,
}

/// How long something took, and how long its parts took, added up.
#[derive(Debug, Clone, Copy)]
struct Clock {
    watch: Stopwatch,
    /// What it had taken under earlier supervisors.
    before_ms: u64,
    serial_ms: u64,
}

impl Clock {
    fn start() -> Self {
        Self::resume(0, 0)
    }

    fn resume(before_ms: u64, serial_ms: u64) -> Self {
        Self { watch: Stopwatch::start(), before_ms, serial_ms }
    }

    fn wall_ms(&self) -> u64 {
        self.watch.elapsed_ms().saturating_add(self.before_ms)
    }
}

impl Supervisor {
    async fn run(prepared: Prepared) -> io::Result<()> {
        let Prepared { order, paths, journal, health, holdings, past } = prepared;
        let (mail, inbox) = mpsc::channel(INBOX);
        reap::always()?;
        listen::signals(&mail)?;
        let missed = Arc::new(Notify::new());
        listen::requests(&paths, &mail, Arc::clone(&missed));
        let course = Course::new(&order.schedule, order.max_parallel, order.keep_going);
        let tasks = order.schedule.waves.iter().map(|wave| wave.tasks.len() + wave.skipped.len()).sum();
        let retry_on = again::patterns(&order.retry.retry_on)?;
        let recorder = Recorder::start(journal, health, tasks)?;
        let mut supervisor = Self {
            order,
            paths,
            course,
            recorder,
            inbox,
            mail,
            guards: HashMap::new(),
            leaving: Vec::new(),
            waiting: HashMap::new(),
            retry_on,
            attempts: Attempts::default(),
            attached: HashMap::new(),
            asked_ms: HashMap::new(),
            outcomes: BTreeMap::new(),
            level: None,
            cancelled: false,
            cancelled_by_name: false,
            retries: 0,
            release_at: None,
            without_room: HashSet::new(),
            wave: Clock::start(),
            whole: Clock::start(),
        };
        let (state_dir, keep) = (supervisor.order.state_dir.clone(), supervisor.order.keep);
        match past {
            None => supervisor.announce().await,
            Some(taken) => supervisor.take_over(&taken).await?,
        }
        let holdings = Shared::new(holdings);
        let (journal, mail) = (supervisor.recorder.keeper(), supervisor.mail.clone());
        tokio::spawn(holdings::keep(holdings.clone(), journal, missed, mail));
        Word::Ready.say()?;
        supervisor.steer().await;
        // What is written now would else be written nowhere.
        let _ = holdings.put_back().await;
        supervisor.recorder.keeper().put_back().await;
        let journal = supervisor.finish().await;
        let _ = tokio::task::spawn_blocking(move || {
            // Held to the very end: whoever sees it free finds a finished journal.
            holdings.let_go();
            prune_some(&state_dir, &keep);
            open::forget_some();
        })
        .await;
        journal
    }

    async fn announce(&mut self) {
        let event = Event::RunStarted {
            run: self.order.run.clone(),
            root: self.order.root.display().to_string(),
            feature: self.order.schedule.feature.clone(),
            title: self.order.schedule.title.clone(),
            waves: self.order.schedule.waves.iter().map(|wave| wave_ref(wave, &self.order.estimates)).collect(),
            max_parallel: self.order.max_parallel.get(),
            keep_going: self.order.keep_going,
        };
        self.recorder.record(event).await;
        self.recorder.flush().await;
    }

    /// The loop. Between two steps it looks at what came: starting a wave of thousands takes seconds, and a cancel
    /// must not wait for that.
    async fn steer(&mut self) {
        while !self.course.is_over() {
            self.try_again().await;
            match self.course.next() {
                Some(step) => {
                    self.take(step).await;
                    tokio::task::yield_now().await;
                    while let Ok(input) = self.inbox.try_recv() {
                        self.hear(input).await;
                    }
                }
                None if self.course.is_over() => return,
                None => self.wait().await,
            }
        }
    }

    async fn wait(&mut self) {
        // The disk may have room again long before another task ends.
        let waits_for_room = !self.without_room.is_empty();
        let retry_after = if waits_for_room { RETRY_WITHOUT_ROOM_AFTER } else { RETRY_AFTER };
        let retry_after = if self.course.is_stuck() { retry_after } else { retry_after.max(RETRY_BESIDE_OTHERS) };
        if !waits_for_room && !self.course.is_held() {
            self.release_at = None;
        } else if self.release_at.is_none() {
            self.release_at = Some(Instant::now() + retry_after);
        }
        let stuck_until = self.release_at;
        let Some(until) = stuck_until.into_iter().chain(self.next_try()).min() else {
            if let Some(input) = self.inbox.recv().await {
                self.hear(input).await;
            }
            return;
        };
        match tokio::time::timeout_at(until, self.inbox.recv()).await {
            Ok(Some(input)) => self.hear(input).await,
            Ok(None) | Err(_) if stuck_until.is_some_and(|at| at <= Instant::now()) => {
                self.release_at = None;
                self.course.release();
            }
            Ok(None) | Err(_) => {}
        }
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::BeginWave { wave, tasks } => {
                self.wave = Clock::start();
                self.recorder.record(Event::WaveStarted { wave: self.label(wave), tasks }).await;
            }
            Step::Start(task) => self.start(task).await,
            Step::Skip { task, reason } => {
                self.settle(&task, Ending::not_started(Outcome::Skipped, reason)).await;
            }
            Step::EndWave(wave) => {
                let ids: Vec<TaskId> = self.order.schedule.waves.get(wave).map(ids_of).unwrap_or_default();
                let event = Event::WaveFinished {
                    wave: self.label(wave),
                    summary: self.count(ids.iter()),
                    wall_ms: self.wave.wall_ms(),
                    serial_ms: self.wave.serial_ms,
                };
                self.recorder.record(event).await;
            }
        }
    }

    async fn start(&mut self, task: TaskId) {
        if let Some(reason) = self.order.budget.is_spent(self.attempts.used()) {
            return self.end(&task, Ending::not_started(Outcome::Skipped, reason)).await;
        }
        let attempt = self.attempts.begin(&task);
        match self.spawn_guard(&task) {
            Ok((child, awaited)) => {
                let (tell, wanted) = watch::channel(Wanted::default());
                self.guards.insert(task.clone(), tell);
                let job = self.job(&task, attempt);
                let guard = Attendance {
                    task,
                    job,
                    child,
                    _awaited: awaited,
                    wanted,
                    mail: self.mail.clone(),
                    troubled: false,
                };
                tokio::spawn(guard.attend());
            }
            Err(error) if system::is_shortage(&error) => self.hold(&task, &error.to_string()).await,
            Err(error) => {
                let reason = format!("cannot be started: starting its guard: {error}");
                self.end(&task, Ending::not_started(Outcome::Failed, reason)).await;
            }
        }
    }

    fn spawn_guard(&self, task: &TaskId) -> io::Result<(Child, Awaited)> {
        let mut command = Launcher::Own.command(role::GUARD)?;
        // The guard reads its job from its input; the name is for people who look at the list of processes.
        command.arg(task.as_str()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut command = Command::from(command);
        reap::start(|| command.spawn(), Child::id)
    }

    fn job(&self, task: &TaskId, attempt: u32) -> Job {
        let order = &self.order;
        let scheduled = order.schedule.waves.iter().find_map(|wave| {
            let scheduled = wave.tasks.iter().find(|scheduled| scheduled.id == *task)?;
            Some((wave.wave.clone().unwrap_or_default(), scheduled.file.clone(), scheduled.title.clone()))
        });
        let (wave, file, title) = scheduled.unwrap_or_default();
        let log = self.paths.log(task, attempt);
        let variables = [
            ("FEATURE_BUILD_RUN", order.run.to_string()),
            ("FEATURE_BUILD_TASK", task.to_string()),
            ("FEATURE_BUILD_FEATURE", order.schedule.feature.clone()),
            ("FEATURE_BUILD_WAVE", wave),
            ("FEATURE_BUILD_FILE", file),
            ("FEATURE_BUILD_TITLE", title),
            (system::WORKSPACE, order.root.display().to_string()),
            (nesting::LOG, log.display().to_string()),
            (system::MARK, mark(order, task, attempt)),
        ];
        let handling = order.handling.get(task).cloned().unwrap_or_default();
        let session = self.attempts.session_to_mend(task).filter(|_| !handling.resume.is_empty());
        let argv = match session {
            Some(session) => handling.resume.iter().map(|word| word.replace("{session}", session)).collect(),
            None => order.argv.get(task).cloned().unwrap_or_default(),
        };
        Job {
            feedback: session.map(|_| self.paths.log(task, attempt.saturating_sub(1))),
            argv,
            // No variable can have a zero byte.
            env: variables.into_iter().map(|(name, value)| (name.into(), value.replace('\0', "\u{fffd}"))).collect(),
            root: order.root.clone(),
            stdin: order.stdin.get(task).map(|hash| Fed { file: self.paths.stdin(task), hash: hash.clone() }),
            result: self.paths.result(task, attempt),
            lock: task_lock(&order.state_dir, task),
            mark: mark(order, task, attempt),
            asked_ms: self.asked_ms.get(task).copied().unwrap_or(order.asked_ms),
            link: Link {
                lock: self.paths.lock(),
                wanted: self.paths.wanted(task, attempt),
                progress: self.paths.progress(task, attempt),
                trouble: self.paths.trouble(task, attempt),
                slow: self.paths.slow(task, attempt),
            },
            log,
            limits: order.limits,
            handling,
        }
    }

    async fn hear(&mut self, input: Input) {
        match input {
            Input::Guard(task, report) => self.hear_guard(task, report).await,
            Input::NotBegun(task) => self.begin_again(task).await,
            Input::Detached(task, detached) => self.detach(task, detached).await,
            Input::Asked(asked) => {
                self.obey(asked.request.clone()).await;
                asked.obeyed();
            }
            Input::Request(request) => self.obey(request).await,
            Input::Signal => self.obey_signal().await,
            Input::Judged { task, ending, met_rate_limit } => self.judged(task, ending, met_rate_limit).await,
        }
    }

    async fn hear_guard(&mut self, task: TaskId, report: Report) {
        match report {
            Report::Started => {
                self.retries = 0;
                self.has_room(&task).await;
                let attempt = self.attempts.newest(&task);
                let log = self.shown_log(&task, attempt);
                self.recorder.record(Event::TaskStarted { task, attempt, log }).await;
            }
            Report::Progress(text) => self.recorder.offer(Event::TaskProgress { task, text }),
            Report::Trouble(trouble) => self.recorder.trouble(&task, trouble).await,
            Report::Slow(after_ms) => self.recorder.record(Event::TaskSlow { task, after_ms }).await,
            Report::Busy(why) => {
                self.guards.remove(&task);
                self.hold(&task, &why).await;
            }
            Report::Held(mark) => self.attach(task, &mark).await,
            Report::NoRoom(why) => {
                self.guards.remove(&task);
                self.wait_for_room(&task, why).await;
            }
            Report::Ended(ending) => {
                self.leaving.retain(|(_, guard)| !guard.is_closed());
                self.leaving.extend(self.guards.remove(&task).map(|guard| (task.clone(), guard)));
                self.attempt_ended(task, ending).await;
            }
        }
    }

    /// No room for the task's process: it waits until another has ended.
    async fn hold(&mut self, task: &TaskId, why: &str) {
        self.attempts.take_back(task);
        if self.is_ending() || self.attempts.is_last(task) {
            let ending = Ending::not_started(Outcome::Skipped, CANCELLED.into());
            return self.end(task, ending).await;
        }
        if self.guards.is_empty() && !other_attempts_run().await {
            self.retries += 1;
        }
        if self.retries > RETRIES {
            let ending = Ending::not_started(Outcome::Failed, format!("cannot be started: {why}"));
            return self.end(task, ending).await;
        }
        self.course.hold(task);
    }

    /// The state folder takes nothing more: the task waits, as long as it takes.
    async fn wait_for_room(&mut self, task: &TaskId, why: String) {
        self.attempts.take_back(task);
        if self.is_ending() || self.attempts.is_last(task) {
            let ending = Ending::not_started(Outcome::Skipped, CANCELLED.into());
            return self.end(task, ending).await;
        }
        self.without_room.insert(task.clone());
        self.recorder.trouble(task, Some(format!("a task cannot be started: {why}"))).await;
        self.course.hold(task);
    }

    /// The task has started, or will not.
    async fn has_room(&mut self, task: &TaskId) {
        if self.without_room.remove(task) {
            self.recorder.trouble(task, None).await;
        }
    }

    async fn end(&mut self, task: &TaskId, ending: Ending) {
        self.course.ended(task, ending.outcome == Outcome::Passed);
        self.settle(task, ending).await;
    }

    /// The one outcome of a task.
    async fn settle(&mut self, task: &TaskId, ending: Ending) {
        let log = ending.started.then(|| self.shown_log(task, self.attempts.newest(task)));
        self.settle_with_log(task, ending, log).await;
    }

    async fn settle_with_log(&mut self, task: &TaskId, ending: Ending, log: Option<String>) {
        self.has_room(task).await;
        self.outcomes.insert(task.clone(), ending.outcome);
        self.add_serial(ending.duration_ms);
        self.note_cancel(ending.outcome, ending.reason.as_deref());
        let event = Event::TaskFinished {
            task: task.clone(),
            outcome: ending.outcome,
            exit_code: ending.exit_code,
            duration_ms: ending.duration_ms,
            reason: ending.reason.filter(|_| ending.outcome != Outcome::Passed),
            log,
            attempts: if ending.started { self.attempts.newest(task) } else { 0 },
            flaky: ending.outcome == Outcome::Passed && self.attempts.tally(task).failures > 0,
            leaked: ending.leaked,
            told: self.attempts.told_of(task).unwrap_or(ending.told),
        };
        self.recorder.record(event).await;
    }

    /// Whether a task did not run, or not to its end, because the user wanted that: of the run, or of the task by its name.
    fn note_cancel(&mut self, outcome: Outcome, reason: Option<&str>) {
        self.cancelled |= match outcome {
            Outcome::Cancelled => self.is_ending(),
            Outcome::Skipped => self.is_ending() || reason == Some(FINISHED_WAVE),
            _ => false,
        };
        self.cancelled_by_name |= match outcome {
            Outcome::Cancelled => true,
            Outcome::Skipped => reason == Some(WITHDRAWN),
            _ => false,
        };
    }

    fn add_serial(&mut self, duration_ms: u64) {
        self.wave.serial_ms += duration_ms;
        self.whole.serial_ms += duration_ms;
    }

    async fn finish(self) -> io::Result<()> {
        let event = Event::RunFinished {
            summary: self.count(self.outcomes.keys()),
            wall_ms: self.whole.wall_ms(),
            serial_ms: self.whole.serial_ms,
            exit_code: self.exit_code(),
        };
        self.recorder.record(event).await;
        let paths = self.paths.clone();
        let journal = self.recorder.close().await?;
        let done = move || {
            open::shut(&paths);
            history::write_summary(&paths, journal.length());
        };
        tokio::task::spawn_blocking(done).await?;
        Ok(())
    }

    fn exit_code(&self) -> u8 {
        let all_well =
            self.outcomes.iter().all(|(task, outcome)| *outcome == Outcome::Passed || self.course.awaits_person(task));
        // What the user cancelled is no failure, nor is what waited for it.
        let nothing_failed = !self.outcomes.values().any(|outcome| outcome.is_failure());
        let is_cancelled = self.cancelled || (self.cancelled_by_name && nothing_failed);
        match (is_cancelled, all_well) {
            (true, _) => EXIT_CANCELLED,
            (false, true) => 0,
            (false, false) => 1,
        }
    }

    fn count<'a>(&self, tasks: impl Iterator<Item = &'a TaskId>) -> Counts {
        let mut counts: Counts = Outcome::ALL.into_iter().map(|outcome| (outcome, 0)).collect();
        for outcome in tasks.filter_map(|task| self.outcomes.get(task)) {
            *counts.entry(*outcome).or_default() += 1;
        }
        counts
    }

    fn label(&self, wave: usize) -> Option<String> {
        self.order.schedule.waves.get(wave).and_then(|wave| wave.wave.clone())
    }

    /// A log's path as events show it.
    fn shown_log(&self, task: &TaskId, attempt: u32) -> String {
        let log = self.paths.log(task, attempt);
        log.strip_prefix(&self.order.root).unwrap_or(&log).display().to_string()
    }
}

/// Whether tasks of other runs run, which will make room when they end.
async fn other_attempts_run() -> bool {
    tokio::task::spawn_blocking(system::other_attempts_run).await.unwrap_or(false)
}

/// What every process of an attempt carries in its environment.
fn mark(order: &Order, task: &TaskId, attempt: u32) -> String {
    match order.workspace.as_str() {
        "" => format!("{}/{task}/{attempt}", order.run),
        nonce => format!("{}/{task}/{attempt}@{nonce}", order.run),
    }
}

/// Every task of a wave, those included that are skipped.
fn ids_of(wave: &ScheduledWave) -> Vec<TaskId> {
    wave.tasks.iter().map(|task| &task.id).chain(wave.skipped.iter().map(|task| &task.id)).cloned().collect()
}

fn wave_ref(wave: &ScheduledWave, estimates: &BTreeMap<TaskId, u64>) -> WaveRef {
    let starting = wave.tasks.iter().map(|task| TaskRef {
        id: task.id.clone(),
        title: task.title.clone(),
        file: task.file.clone(),
        after: task.after.clone(),
        estimate_ms: estimates.get(&task.id).copied(),
        complexity: task.complexity.clone(),
        left_out: false,
    });
    let skipped = wave.skipped.iter().map(|task| TaskRef {
        id: task.id.clone(),
        title: task.title.clone(),
        file: task.file.clone(),
        after: Vec::new(),
        estimate_ms: None,
        complexity: None,
        left_out: true,
    });
    let tasks = starting.chain(skipped);
    WaveRef { wave: wave.wave.clone(), tasks: tasks.collect() }
}
