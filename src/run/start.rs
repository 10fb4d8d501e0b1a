//! Starting a run: its folder, its order, its supervisor; and giving a run a new supervisor whose own has died.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::num::NonZeroU32;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use jiff::Timestamp;
use thiserror::Error;

use super::estimate::Hint;
use super::guard::Fed;
use super::identity::Identity;
use super::order::FORMAT;
use super::root::{above, make_state_folders};
use super::{
    Budget, Keep, Limits, Order, RetryPolicy, RunId, RunPaths, WaitsForItself, history, identity, nesting, open,
    private, random, reap, seal, system,
};
use crate::agent;
use crate::error::with_causes;
use crate::plan::{Schedule, ScheduledTask};
use crate::task::TaskId;
use crate::workspace::trust::Trusted;
use crate::workspace::{self, Config};

/// As much of a supervisor's last words as is passed on.
const LONGEST_WORD: u64 = 64 << 10;
/// How many tasks run at the same time where nobody says.
const MAX_PARALLEL: NonZeroU32 = NonZeroU32::new(16).unwrap();

/// What the caller of [`start`] decides beyond the configuration.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// How many tasks run at the same time at the most, instead of the configuration's number.
    pub max_parallel: Option<NonZeroU32>,
    /// Run later waves after a wave in which a task did not pass, whatever the configuration says.
    pub keep_going: bool,
    /// How often a task that did not pass is tried again, instead of the configuration's number.
    pub retries: Option<u32>,
    /// How long one attempt may take, instead of the configuration's time.
    pub timeout_seconds: Option<f64>,
    /// The program that becomes supervisor and guard.
    pub launcher: Launcher,
}

/// The program that is started as supervisor and as guard: this binary, except in tests of the library.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Launcher {
    /// The running binary itself, even when its file has been replaced.
    #[default]
    Own,
    /// The feature-build binary at this path.
    At(PathBuf),
}

impl Launcher {
    /// A command that runs it as an internal process of this kind.
    pub(super) fn command(&self, role: &str) -> io::Result<Command> {
        let program: OsString = match self {
            // The kernel's link leads to the file that this process was started from, also after an update has put
            // another one in its place: supervisor and guards of one run are always of one version.
            Self::Own if cfg!(target_os = "linux") => "/proc/self/exe".into(),
            Self::Own => std::env::current_exe()?.into(),
            Self::At(path) => path.into(),
        };
        let mut command = Command::new(program);
        command.arg0("feature-build").arg(role);
        Ok(command)
    }
}

/// The run did not start: nothing is running.
#[derive(Debug, Error)]
pub enum StartError {
    /// The schedule starts nothing and skips nothing.
    #[error("starting a run: there is nothing to run")]
    Nothing,
    /// A task of the schedule has no command.
    #[error("starting a run: task {0} has no command")]
    NoCommand(TaskId),
    /// A task calls this, and the run would wait for that task.
    #[error("starting a run: {0}")]
    WaitsForItself(WaitsForItself),
    /// Two tasks would share each file of theirs: their logs, their locks.
    #[error(
        "starting a run: the ids {one} and {other} differ only in case, which the file system of {} does not tell apart; \
         give one of the tasks another id, or run them one after the other",
        .folder.display()
    )]
    SameFiles {
        /// A task.
        one: TaskId,
        /// Another one.
        other: TaskId,
        /// Where their files would lie.
        folder: PathBuf,
    },
    /// The run's files could not name this path.
    #[error(
        "starting a run: the path {} is no UTF-8, and the files of a run can name no other; give its folder another name",
        .path.display()
    )]
    NotUtf8 {
        /// The workspace's root, or its state folder.
        path: PathBuf,
    },
    /// The run's folder cannot be written.
    #[error("starting a run: writing {}{}", .path.display(), what_to_do(.source))]
    Write {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No process could be started.
    #[error("starting the supervisor of run {run}")]
    Spawn {
        /// The run.
        run: RunId,
        /// Why.
        source: io::Error,
    },
    /// The supervisor gave up.
    #[error("starting the supervisor of run {run}: {message}")]
    Supervisor {
        /// The run.
        run: RunId,
        /// What it said.
        message: String,
    },
    /// The folder is no run's.
    #[error("taking over the run in {}: there is no such run", .dir.display())]
    NoRun {
        /// The folder.
        dir: PathBuf,
    },
}

/// What becomes of the tasks that a run whose supervisor died had not started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Takeover {
    /// They start where an attempt of the run is still alive, or the run was interrupted a moment ago: then it goes on as
    /// if nothing had happened. Else they are skipped: nobody spends an agent's money unasked after a restart of the
    /// machine.
    #[default]
    Settle,
    /// They start: the user asked for it.
    Continue,
}

/// What [`resume`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resumed {
    /// Its supervisor had died; a new one owns it now.
    TakenOver,
    /// It has a supervisor that lives.
    Owned,
    /// It had finished.
    Finished,
}

/// What helps where nobody may write.
fn what_to_do(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            " (state_dir in feature-build.yaml names another folder)"
        }
        _ => "",
    }
}

/// Starts a run that lives without this process, and answers with its id when its supervisor owns it and its journal
/// has begun. Blocking, but quick.
///
/// This is the one way to a new run, and it takes the proof that the user trusts what runs. `commands` are made by
/// [`agent::resolve`] from the configuration in that proof.
///
/// # Errors
/// [`StartError`]; then nothing is running.
pub fn start(
    trusted: &Trusted,
    schedule: &Schedule,
    commands: &BTreeMap<TaskId, agent::Command>,
    options: &Options,
) -> Result<RunId, StartError> {
    if schedule.waves.iter().all(|wave| wave.tasks.is_empty() && wave.skipped.is_empty()) {
        return Err(StartError::Nothing);
    }
    let scheduled = schedule.waves.iter().flat_map(|wave| &wave.tasks);
    if let Some(task) = scheduled.map(|task| &task.id).find(|id| !commands.contains_key(*id)) {
        return Err(StartError::NoCommand(task.clone()));
    }
    let (root, config) = (trusted.root(), trusted.config());
    let configured = workspace::state_dir(root, config);
    if let Some(path) = [root, &configured].into_iter().find(|path| path.to_str().is_none()) {
        return Err(StartError::NotUtf8 { path: path.to_path_buf() });
    }
    let failed = |source| StartError::Write { path: configured.clone(), source };
    let identity = identity::of(root, &configured).map_err(failed)?;
    let tasks = schedule.waves.iter().flat_map(|wave| &wave.tasks).map(|task| &task.id);
    let callers = nesting::may_start(&identity.state_dir, tasks).map_err(StartError::WaitsForItself)?;
    let (run, paths) = make_folder(above(root, &configured), &identity)?;
    let state_dir = identity.state_dir;
    if let Some((one, other)) = same_but_for_case(commands.keys()).filter(|_| ignores_case(paths.dir())) {
        // Nothing was started: a folder that stays would only look like a run that died.
        let _ = std::fs::remove_dir_all(paths.dir());
        return Err(StartError::SameFiles { one, other, folder: state_dir });
    }
    let order = Order {
        format: FORMAT,
        run: run.clone(),
        asked_ms: system::now_ms(),
        root: root.to_path_buf(),
        schedule: schedule.clone(),
        argv: commands.iter().map(|(id, command)| (id.clone(), command.argv.clone())).collect(),
        handling: commands.iter().map(|(id, command)| (id.clone(), command.handling.clone())).collect(),
        budget: Budget { max_cost: config.max_cost, max_tokens: config.max_tokens },
        stdin: commands.iter().filter_map(|(id, command)| Some((id.clone(), fed_hash(command)?))).collect(),
        max_parallel: options.max_parallel.unwrap_or_else(|| max_parallel(config)),
        keep_going: options.keep_going || config.stop_on_failure == Some(false),
        limits: limits(config, options),
        keep: Keep::of(config),
        retry: retry_policy(config, options),
        estimates: estimates(&state_dir, schedule),
        state_dir,
        callers,
        trusted: trusted.hash().into(),
        workspace: identity.nonce,
    };
    let launched = write_order(&paths, &order, commands, trusted)
        .inspect(|()| nesting::say_started(&order.callers, &paths))
        .and_then(|()| launch(&run, &paths, &options.launcher, None))
        .inspect_err(|_| {
            // Nothing runs and nothing was recorded: a folder would only look like a run that died.
            open::shut(&paths);
            let _ = std::fs::remove_dir_all(paths.dir());
        });
    match launched? {
        Word::Ready | Word::Owned | Word::Finished => Ok(run),
    }
}

/// Two ids that are one file's name where case does not count.
fn same_but_for_case<'a>(ids: impl Iterator<Item = &'a TaskId>) -> Option<(TaskId, TaskId)> {
    let mut seen: BTreeMap<String, &TaskId> = BTreeMap::new();
    for id in ids {
        if let Some(other) = seen.insert(id.as_str().to_ascii_lowercase(), id) {
            return Some((other.clone(), id.clone()));
        }
    }
    None
}

/// Whether names that differ in case are one where this folder lies, whose own name has letters.
fn ignores_case(dir: &Path) -> bool {
    let name = dir.file_name().unwrap_or_default();
    [name.to_ascii_uppercase(), name.to_ascii_lowercase()]
        .into_iter()
        .any(|other| other != name && dir.with_file_name(other).symlink_metadata().is_ok())
}

/// How many tasks of a run are at work at the same time, where whoever starts it does not say.
pub fn max_parallel(config: &Config) -> NonZeroU32 {
    config.max_parallel.unwrap_or(MAX_PARALLEL)
}

fn estimates(state_dir: &Path, schedule: &Schedule) -> BTreeMap<TaskId, u64> {
    let past = history::durations(state_dir);
    let estimate = |task: &ScheduledTask| {
        let hint = Hint {
            task: task.id.as_str(),
            feature: &schedule.feature,
            complexity: task.complexity.as_deref(),
            minutes: task.estimated_minutes,
        };
        Some((task.id.clone(), past.estimate(&hint)?))
    };
    schedule.waves.iter().flat_map(|wave| &wave.tasks).filter_map(estimate).collect()
}

/// Gives a run a supervisor where its own has died: that one adopts the attempts which are alive, takes finished results
/// as they are, and tells of the rest that it is lost. Any number of processes may try at once: one succeeds. Blocking,
/// for a second or two where another owner lives.
///
/// # Errors
/// [`StartError`]; then the run is as it was.
pub fn resume(run_dir: &Path, takeover: Takeover, launcher: &Launcher) -> Result<Resumed, StartError> {
    let paths = RunPaths::at(run_dir);
    let name = run_dir.file_name().and_then(|name| name.to_str()).and_then(|name| TaskId::new(name).ok());
    let run = name.map(RunId).filter(|_| paths.order().is_file());
    let run = run.ok_or_else(|| StartError::NoRun { dir: run_dir.to_path_buf() })?;
    match launch(&run, &paths, launcher, Some(takeover))? {
        Word::Ready => Ok(Resumed::TakenOver),
        Word::Owned => Ok(Resumed::Owned),
        Word::Finished => Ok(Resumed::Finished),
    }
}

fn retry_policy(config: &Config, options: &Options) -> RetryPolicy {
    let (said, standard) = (&config.retries, RetryPolicy::default());
    RetryPolicy {
        count: options.retries.unwrap_or(said.count),
        backoff: said.backoff,
        delay_ms: said.delay_seconds.map_or(standard.delay_ms, milliseconds),
        max_delay_ms: said.max_delay_seconds.map_or(standard.max_delay_ms, milliseconds),
        jitter: said.jitter.unwrap_or(standard.jitter),
        retry_on: config.retry_on.iter().map(|pattern| pattern.as_str().to_owned()).collect(),
    }
}

fn limits(config: &Config, options: &Options) -> Limits {
    let standard = Limits::default();
    Limits {
        timeout_ms: options.timeout_seconds.or(config.timeout_seconds).map(milliseconds),
        slow_after_ms: config.slow_after_seconds.map(milliseconds),
        log_bytes: config.log_limit.map_or(standard.log_bytes, |limit| limit.0),
        resources: config.limits,
        grace_ms: config.grace_seconds.map_or(standard.grace_ms, milliseconds),
        ..standard
    }
}

/// What is negative or no number is 0; what is too long, as long as there is.
fn milliseconds(seconds: f64) -> u64 {
    let duration = Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX);
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn make_folder(above: &Path, identity: &Identity) -> Result<(RunId, RunPaths), StartError> {
    let state_dir = &identity.state_dir;
    let failed = |path: &Path| {
        let path = path.to_path_buf();
        move |source| StartError::Write { path, source }
    };
    make_state_folders(above, state_dir).map_err(failed(state_dir))?;
    identity::claim(identity).map_err(failed(state_dir))?;
    loop {
        let run = new_id();
        let paths = RunPaths::of(state_dir, &run);
        match private::create_dir(paths.dir()) {
            Ok(()) => {
                let made = private::create_dir(&paths.requests()).map_err(failed(&paths.requests()));
                return made.inspect_err(|_| _ = std::fs::remove_dir(paths.dir())).map(|()| (run, paths));
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(paths.dir())(error)),
        }
    }
}

fn new_id() -> RunId {
    loop {
        let name = format!("{}-{}", Timestamp::now().strftime("%Y%m%d-%H%M%S"), random::letters(4));
        // Only digits, letters and `-`: always an id.
        if let Ok(id) = TaskId::new(&name) {
            return RunId(id);
        }
    }
}

fn fed_hash(command: &agent::Command) -> Option<String> {
    let stdin = command.stdin.as_ref()?;
    Some(Fed::hash(stdin.as_slice()).ok()?.to_string())
}

fn write_order(
    paths: &RunPaths,
    order: &Order,
    commands: &BTreeMap<TaskId, agent::Command>,
    trusted: &Trusted,
) -> Result<(), StartError> {
    let failed = |path: PathBuf| move |source| StartError::Write { path, source };
    for (id, command) in commands {
        let Some(stdin) = &command.stdin else { continue };
        let path = paths.stdin(id);
        private::write_whole(&path, stdin).map_err(failed(path))?;
    }
    let bytes = serde_json::to_vec(order).map_err(io::Error::from).map_err(failed(paths.order()))?;
    private::write_whole(&paths.order(), &bytes).map_err(failed(paths.order()))?;
    seal::write(paths, &bytes, trusted).map_err(failed(paths.seal()))?;
    open::open(paths).map_err(failed(paths.seal()))
}

/// What a supervisor says to whoever started it, before it goes about its work or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// It owns the run, and the journal has begun.
    Ready,
    /// Another supervisor owns the run.
    Owned,
    /// There is nothing left to do.
    Finished,
}

impl Word {
    const ALL: [Self; 3] = [Self::Ready, Self::Owned, Self::Finished];

    fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready\n",
            Self::Owned => "owned\n",
            Self::Finished => "finished\n",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|word| word.as_str() == text)
    }

    /// Ends the conversation: from now on this process's standard output leads nowhere.
    pub(super) fn say(self) -> io::Result<()> {
        say(self.as_str())
    }
}

/// Starts the helper, which starts the supervisor and ends; waits for the supervisor's word.
fn launch(run: &RunId, paths: &RunPaths, launcher: &Launcher, takeover: Option<Takeover>) -> Result<Word, StartError> {
    let failed = |source| StartError::Spawn { run: run.clone(), source };
    let (mut word, said) = io::pipe().map_err(failed)?;
    let log = paths.supervisor_log();
    let errors = private::append(&log).map_err(failed)?;
    // What stands there already was said by another supervisor.
    let said_before = errors.metadata().map_err(failed)?.len();
    let mut command = launcher.command(super::role::DETACH).map_err(failed)?;
    command.arg(paths.dir()).args(takeover.map(Takeover::as_argument));
    command.current_dir(paths.dir()).stdin(Stdio::null()).stdout(said).stderr(errors);
    for (name, _) in std::env::vars_os() {
        if is_of_an_editor(&name) {
            command.env_remove(name);
        }
    }
    if nesting::is_mark_stale() {
        command.env_remove(system::MARK);
    }
    let helper = reap::status(&mut command).map_err(failed)?;
    // This process's end of the pipe: while it is open, the end of the supervisor's word would never be seen.
    drop(command);
    let mut message = String::new();
    word.read_to_string(&mut message).map_err(failed)?;
    if let Some(word) = Word::parse(&message) {
        return Ok(word);
    }
    if message.is_empty() {
        // A log that cannot be read says nothing.
        message = read_from(&log, said_before).unwrap_or_default();
    }
    if message.trim().is_empty() {
        message = if helper.success() {
            "it ended without a word; something has killed it".into()
        } else {
            format!("it was not started ({helper})")
        };
    }
    Err(StartError::Supervisor { run: run.clone(), message: message.trim().into() })
}

fn read_from(log: &Path, start: u64) -> io::Result<String> {
    let mut log = private::open(log)?;
    log.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    log.take(LONGEST_WORD).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

impl Takeover {
    /// How a supervisor is told.
    fn as_argument(self) -> &'static str {
        match self {
            Self::Settle => "--settle",
            Self::Continue => "--continue",
        }
    }

    /// What a supervisor was told.
    pub(super) fn parse(argument: &OsStr) -> Option<Self> {
        [Self::Settle, Self::Continue].into_iter().find(|takeover| takeover.as_argument() == argument)
    }
}

/// Variables that belong to the editor which this process was started by; a task that starts that editor, or another
/// Electron program, must not get them.
fn is_of_an_editor(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.starts_with(b"VSCODE_") || name.starts_with(b"ELECTRON_")
}

/// The helper's whole life: it leaves the session, starts the supervisor with these arguments and ends at once. So the
/// supervisor is no descendant of the editor or terminal any more, whichever way those end what they started.
pub(super) fn detach(arguments: &[OsString]) -> ExitCode {
    match try_detach(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            system::note(format_args!("{}", with_causes(&error)));
            ExitCode::FAILURE
        }
    }
}

fn try_detach(arguments: &[OsString]) -> io::Result<()> {
    system::close_inherited();
    rustix::process::setsid()?;
    let mut command = Launcher::Own.command(super::role::SUPERVISE)?;
    command.args(arguments).spawn()?;
    Ok(())
}

/// Ends the supervisor's word: from now on its standard output leads nowhere.
pub(super) fn say(word: &str) -> io::Result<()> {
    use std::io::Write as _;
    let mut output = io::stdout();
    // Whoever started the run may be gone already; the run goes on.
    let _ = output.write_all(word.as_bytes()).and_then(|()| output.flush());
    Ok(rustix::stdio::dup2_stdout(File::options().write(true).open("/dev/null")?)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn ids_that_would_share_their_files_are_found() {
        let same = |ids: &[&str]| {
            let ids: Vec<TaskId> = ids.iter().map(|id| TaskId::new(id).unwrap()).collect();
            same_but_for_case(ids.iter()).map(|(one, other)| [one.to_string(), other.to_string()])
        };
        assert_eq!(same(&["Task-1", "task-2", "TASK-1"]), Some(["Task-1".into(), "TASK-1".into()]));
        assert_eq!(same(&["Task-1", "task-2", "TASK-10"]), None);
    }

    /// A second name of the folder stands for a file system that does not tell case apart.
    #[test]
    fn a_file_system_that_ignores_case_is_known_by_the_folders_own_name() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("20260101-000000-abcd");
        std::fs::create_dir(&run).unwrap();
        assert!(!ignores_case(&run));
        std::os::unix::fs::symlink(&run, folder.path().join("20260101-000000-ABCD")).unwrap();
        assert!(ignores_case(&run));
    }
}
