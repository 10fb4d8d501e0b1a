//! `featureBuild/waves` and `featureBuild/runs`: features, waves, tasks and runs as data, for editors that draw them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tower_lsp::Client;
use tower_lsp::ls_types::notification::Notification;

use super::root::Root;
use super::runs::LastAttempt;
use crate::plan::{Feature, PlannedTask, Progress, State, Wave};
use crate::run::{self, Outcome, RunId, RunOutcome, RunPaths, RunState, RunSummary, View};
use crate::task::Text;
use crate::workspace::Index;

/// What the editor asks `featureBuild/waves` for; nothing named: everything.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct WavesQuery {
    /// Only this root, by its canonical path.
    root: Option<PathBuf>,
    /// Only these features of it.
    features: Option<BTreeSet<String>>,
}

/// What it is answered.
#[derive(Debug, Serialize)]
pub(super) struct Waves {
    /// False while roots are still looked for: then `featureBuild/wavesChanged` will name them.
    pub(super) complete: bool,
    /// The roots.
    pub(super) roots: Vec<RootWaves>,
}

/// One root's features.
#[derive(Debug, Serialize)]
pub(super) struct RootWaves {
    /// Its canonical path: the name that events have for it.
    root: PathBuf,
    /// The editor's URI for it.
    uri: String,
    /// Whether something is configured that runs a task.
    configured: bool,
    /// All, or those that were asked for and exist.
    features: Vec<FeatureWaves>,
}

#[derive(Debug, Serialize)]
struct FeatureWaves {
    id: Box<str>,
    title: Box<str>,
    dialect: &'static str,
    progress: ProgressNow,
    waves: Vec<WaveTasks>,
}

/// How far a feature or a wave is, as its plan tells.
#[derive(Debug, Serialize)]
struct ProgressNow {
    /// All of it is done.
    done: bool,
    /// Something is left, for whomever.
    open: bool,
    /// A run would start something.
    startable: bool,
    /// `1/2 done · 1 needs a person`.
    words: String,
    needs_person: usize,
    unrunnable: usize,
    blocked: usize,
    claimed: usize,
}

impl ProgressNow {
    fn of(progress: &Progress, startable: bool) -> Self {
        Self {
            done: progress.is_done(),
            open: progress.is_open(),
            startable,
            words: progress.words(),
            needs_person: progress.needs_person,
            unrunnable: progress.unrunnable,
            blocked: progress.blocked,
            claimed: progress.claimed,
        }
    }
}

#[derive(Debug, Serialize)]
struct WaveTasks {
    wave: Option<String>,
    progress: ProgressNow,
    /// How long what is still to be done of it will probably take.
    estimate_ms: Option<u64>,
    tasks: Vec<TaskNow>,
}

#[derive(Debug, Serialize)]
struct TaskNow {
    id: Text,
    title: Text,
    file: String,
    status: Text,
    state: &'static str,
    reason: Option<String>,
    depends_on: Box<[Text]>,
    /// Where its lens stands, in bytes: lines of closed files are not known.
    anchor: u32,
    estimated_minutes: Option<f64>,
    /// How long it will probably take.
    estimate_ms: Option<u64>,
    latest: Option<Latest>,
}

/// A task's latest attempt that has ended.
#[derive(Debug, Serialize)]
struct Latest {
    run: RunId,
    outcome: Outcome,
    exit_code: Option<i32>,
    reason: Option<String>,
    duration_ms: u64,
    log: Option<PathBuf>,
}

/// What `featureBuild/runs` answers.
#[derive(Debug, Serialize)]
pub(super) struct Runs {
    /// The newest first.
    pub(super) runs: Vec<RunNow>,
}

/// A run, how it ended, and how long it will go on.
#[derive(Debug, Serialize)]
pub(super) struct RunNow {
    #[serde(flatten)]
    summary: RunSummary,
    /// How it ended; `null` where it has not finished.
    outcome: Option<RunOutcome>,
    /// `null` where it does not go on, or nothing tells.
    remaining_ms: Option<u64>,
}

impl Runs {
    /// All runs of a workspace, and what goes on where `state_dir` was before. Blocking.
    pub(super) fn read(root: &Path) -> Self {
        let now = Timestamp::now();
        let remaining = |state_dir: &Path, run: &RunSummary| {
            let is_running = run.state == RunState::Running;
            let paths = is_running.then(|| RunPaths::of(state_dir, &run.run))?;
            run::remaining_ms(&View::of(&run::read_run(&paths).ok()?), now)
        };
        let now_of = |state_dir: &PathBuf, run: RunSummary| RunNow {
            outcome: run.outcome(),
            remaining_ms: remaining(state_dir, &run),
            summary: run,
        };
        let state_dir = run::state_dir(root);
        let before = run::left_behind(root).into_iter().map(|(dir, run)| now_of(&dir, run));
        let mut runs: Vec<RunNow> =
            before.chain(run::runs(&state_dir).into_iter().map(|run| now_of(&state_dir, run))).collect();
        runs.sort_by(|one, other| other.summary.started.cmp(&one.summary.started));
        Self { runs }
    }
}

/// Features whose waves may be different now, by root; `None`: all of the root.
pub(super) type Stale = BTreeMap<PathBuf, Option<BTreeSet<Box<str>>>>;

impl WavesQuery {
    /// Is this root asked for?
    pub(super) fn has(&self, root: &Path) -> bool {
        self.root.as_deref().is_none_or(|asked| asked == root)
    }

    /// What is to be said of a root.
    pub(super) fn of(&self, root: &Root, index: &Index) -> RootWaves {
        let wanted = |feature: &&Feature| self.features.as_ref().is_none_or(|asked| asked.contains(&*feature.id));
        let max_parallel = run::max_parallel(index.config()).get();
        RootWaves {
            root: root.path.clone(),
            uri: root.uri(),
            configured: index.config().runs_something(),
            features: index.features().filter(wanted).map(|feature| feature_now(feature, root, max_parallel)).collect(),
        }
    }
}

fn feature_now(feature: &Feature, root: &Root, max_parallel: u32) -> FeatureWaves {
    let of_waves = feature.progress_of_waves();
    // Tasks outside every wave run only one by one; what runs starts no second time.
    let can_start = |task: &PlannedTask| task.state == State::Ready && root.runs.live_task(&task.id).is_none();
    let startable = |wave: &Wave, progress: &Progress| {
        wave.label.is_some() && progress.ready > 0 && wave.tasks.iter().any(can_start)
    };
    let waves = feature.waves.iter().zip(&of_waves);
    FeatureWaves {
        id: feature.id.clone(),
        title: feature.title.clone(),
        dialect: feature.dialect.as_str(),
        progress: ProgressNow::of(
            &of_waves.iter().copied().sum(),
            waves.clone().any(|(wave, progress)| startable(wave, progress)),
        ),
        waves: waves
            .map(|(wave, progress)| WaveTasks {
                wave: wave.label.as_ref().map(ToString::to_string),
                progress: ProgressNow::of(progress, startable(wave, progress)),
                estimate_ms: root.runs.durations().of_wave(&feature.id, wave, max_parallel),
                tasks: wave.tasks.iter().map(|task| task_now(&feature.id, task, root)).collect(),
            })
            .collect(),
    }
}

fn task_now(feature: &str, task: &PlannedTask, root: &Root) -> TaskNow {
    TaskNow {
        id: task.id.clone(),
        title: task.title().clone(),
        file: task.file.to_string_lossy().into_owned(),
        status: task.status().into(),
        state: task.state.as_str(),
        reason: task.state.reason(),
        depends_on: task.depends_on.clone(),
        anchor: task.anchor().start,
        estimated_minutes: task.estimated_minutes(),
        estimate_ms: root.runs.durations().of_task(feature, task),
        latest: root.runs.ended(&task.id).map(latest),
    }
}

fn latest(ended: &LastAttempt) -> Latest {
    Latest {
        run: ended.run.clone(),
        outcome: ended.outcome,
        exit_code: ended.exit_code,
        reason: ended.reason.clone(),
        duration_ms: ended.duration_ms,
        log: ended.log.clone(),
    }
}

/// The notification that says what to ask for again.
enum WavesChanged {}

#[derive(Debug, Serialize, Deserialize)]
struct WavesChangedParams {
    root: PathBuf,
    features: Option<BTreeSet<Box<str>>>,
}

impl Notification for WavesChanged {
    type Params = WavesChangedParams;
    const METHOD: &'static str = "featureBuild/wavesChanged";
}

/// Tells the editor what to ask for again.
pub(super) async fn tell(client: Client, stale: Stale) {
    for (root, features) in stale {
        client.send_notification::<WavesChanged>(WavesChangedParams { root, features }).await;
    }
}
