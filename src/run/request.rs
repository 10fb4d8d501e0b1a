//! Requests to a supervisor: files in its run's folder. Nobody needs to know its process id.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, mpsc, oneshot};

use super::watch::Watched;
use super::{RunId, RunPaths, private, random, system};
use crate::task::TaskId;

/// No request is longer: it names tasks.
const LONGEST_REQUEST: u64 = 8 << 20;
/// How often requests are looked for that nobody says anything about.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How hard a run or task is ended. Only goes up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// What runs comes to its own end; no later wave starts. Of a single task: it is not started.
    FinishWave,
    /// SIGTERM to each task's group, the grace period, then SIGKILL.
    Terminate,
    /// SIGKILL at once.
    Kill,
}

impl Level {
    /// What a plain wish to end something asks for: to terminate it, and to kill it where that is asked for already.
    pub fn after(asked: Option<Self>) -> Self {
        if asked < Some(Self::Terminate) { Self::Terminate } else { Self::Kill }
    }

    /// What happens to tasks that run, in a word; `None`: they come to their own end.
    pub fn doing(self) -> Option<&'static str> {
        match self {
            Self::FinishWave => None,
            Self::Terminate => Some("terminating"),
            Self::Kill => Some("killing"),
        }
    }
}

/// What is asked for. A cancel looks as it always did: a supervisor of an earlier version still reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Request {
    Cancel {
        level: Level,
        /// Only these tasks; `None`: the whole run.
        tasks: Option<Vec<TaskId>>,
    },
    Pause {
        /// False: go on.
        paused: bool,
    },
}

/// Asks a run to end (`tasks`: only these). What runs ends `cancelled`, what has not started `skipped`. Comes back when
/// the request is written, not when it is obeyed; a run that is over takes no notice. Blocking, but quick.
///
/// # Errors
/// Where the request cannot be written, such as in a run that does not exist.
pub fn cancel(state_dir: &Path, run: &RunId, tasks: Option<&[TaskId]>, level: Level) -> io::Result<()> {
    ask(state_dir, run, &Request::Cancel { level, tasks: tasks.map(<[TaskId]>::to_vec) })
}

/// Asks a run to stop its tasks and their clocks, until [`go_on`]; nothing new starts meanwhile. A run that is cancelled
/// goes on by itself, to its end. Blocking, but quick.
///
/// # Errors
/// As those of [`cancel`].
pub fn pause(state_dir: &Path, run: &RunId) -> io::Result<()> {
    ask(state_dir, run, &Request::Pause { paused: true })
}

/// Asks a run that is paused to go on. Blocking, but quick.
///
/// # Errors
/// As those of [`cancel`].
pub fn go_on(state_dir: &Path, run: &RunId) -> io::Result<()> {
    ask(state_dir, run, &Request::Pause { paused: false })
}

fn ask(state_dir: &Path, run: &RunId, request: &Request) -> io::Result<()> {
    let name = format!("{}-{}.json", std::process::id(), random::letters(8));
    let paths = RunPaths::of(state_dir, run);
    if paths.dir().is_dir() {
        // An empty folder is what git, and others, do not put back.
        private::claim(paths.dir(), &paths.requests())?;
    }
    let path = paths.requests().join(name);
    let asked = match private::write_whole(&path, &serde_json::to_vec(request)?) {
        Err(error) if system::is_no_room(&error) => ask_by_name(&path, request).unwrap_or(Err(error)),
        done => done,
    };
    if asked.is_ok() && *request != (Request::Pause { paused: true }) {
        system::wake_supervisors(paths.dir());
    }
    asked
}

/// The endings of files that ask for the end of the whole run by being there, or of the task that stands behind a `~` in
/// their names: a full disk must not keep anybody from that.
pub(super) const LEVELS: [(&str, Level); 3] =
    [("finish-wave", Level::FinishWave), ("terminate", Level::Terminate), ("kill", Level::Kill)];

/// `None`: no name says this.
fn ask_by_name(path: &Path, request: &Request) -> Option<io::Result<()>> {
    let Request::Cancel { level: wanted, tasks } = request else { return None };
    let (ending, _) = LEVELS.iter().find(|(_, level)| level == wanted)?;
    let ask = |path: PathBuf| private::create(&path).map(drop);
    let Some(tasks) = tasks else { return Some(ask(path.with_extension(ending))) };
    let stem = path.file_stem()?.to_str()?;
    Some(tasks.iter().try_for_each(|task| ask(path.with_file_name(format!("{stem}~{task}.{ending}")))))
}

/// The tasks that a file's name asks for; `None`: the whole run. No id has a `~`.
fn tasks_by_name(path: &Path) -> Option<Vec<TaskId>> {
    let (_, task) = path.file_stem()?.to_str()?.split_once('~')?;
    Some(TaskId::new(task).into_iter().collect())
}

/// A request that was found.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) request: Request,
    obeyed: oneshot::Sender<()>,
}

impl Asked {
    /// It is in the journal: its file may go.
    pub(super) fn obeyed(self) {
        let _ = self.obeyed.send(());
    }
}

/// Tells of requests as they come, until nobody listens. A file goes when its request is obeyed: the next supervisor finds
/// what this one did not come to. `missed` hears where their folder is gone.
pub(super) async fn listen(paths: RunPaths, requests: mpsc::Sender<Asked>, missed: Arc<Notify>) {
    let mut watched = Watched::new(&paths.requests());
    loop {
        let dir = paths.requests();
        let taken = tokio::task::spawn_blocking(move || {
            watched.register();
            (dir.is_dir(), find(&dir), watched)
        });
        let Ok((is_there, found, watched_again)) = taken.await else { return };
        watched = watched_again;
        for (file, request) in found {
            let (obeyed, done) = oneshot::channel();
            if requests.send(Asked { request, obeyed }).await.is_err() || done.await.is_err() {
                return;
            }
            let _ = tokio::task::spawn_blocking(move || fs::remove_file(file)).await;
        }
        if !is_there {
            missed.notify_one();
        }
        watched.changed(LOOK_EVERY).await;
    }
}

/// The requests in the folder. A file that is none is taken away: it would be read again and again.
fn find(dir: &Path) -> Vec<(PathBuf, Request)> {
    let files = private::entries(dir).map(|entry| entry.path());
    files.filter_map(|path| find_one(&path).map(|request| (path, request))).collect()
}

fn find_one(path: &Path) -> Option<Request> {
    let ending = path.extension()?.to_str()?;
    if let Some((_, level)) = LEVELS.iter().find(|(name, _)| *name == ending) {
        return Some(Request::Cancel { level: *level, tasks: tasks_by_name(path) });
    }
    if ending != "json" {
        return None;
    }
    let request = serde_json::from_slice(&private::read(path, LONGEST_REQUEST).ok()?).ok();
    if request.is_none() {
        let _ = fs::remove_file(path);
    }
    request
}
