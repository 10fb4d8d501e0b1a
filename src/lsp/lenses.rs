//! What a task file offers: the lines above its frontmatter, and the same as code actions.

use std::path::Path;

use super::commands::{Command, Target};
use super::proto::duration;
use super::runs::RunBook;
use crate::plan::{self, Feature, PlannedTask, State, Wave};
use crate::run::{Level, Outcome, TaskState};
use crate::task::Span;
use crate::workspace::Index;

/// One thing that can be clicked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Offer {
    /// What the lens says.
    pub(super) lens: Option<String>,
    /// What the code action says: without the signs, and with the names that a lens has from its place.
    pub(super) action: String,
    /// The command.
    pub(super) command: Command,
    /// What it is about, but for the root.
    pub(super) target: About,
}

/// The names of a [`Target`] without its root.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct About {
    /// Empty: the whole workspace.
    feature: String,
    wave: Option<String>,
    task: Option<String>,
    level: Option<Level>,
}

/// What a file offers, and where its lenses stand.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Offers {
    /// The place: the wave's line, else the id's, else the first.
    pub(super) anchor: Span,
    /// In the order in which they are shown.
    pub(super) offers: Vec<Offer>,
}

impl About {
    /// With the root: a command's argument.
    pub(super) fn at(&self, root: String) -> Target {
        let Self { feature, wave, task, level } = self.clone();
        Target { root, feature: Some(feature).filter(|feature| !feature.is_empty()), wave, task, level, run: None }
    }
}

/// What a file offers; nothing where it is no task, or a copy that does not count.
pub(super) fn offers(index: &Index, runs: &RunBook, file: &Path) -> Offers {
    let Some(feature) = index.feature_of(file) else { return Offers::default() };
    let planned =
        feature.waves.iter().find_map(|wave| Some((wave, wave.tasks.iter().find(|task| *task.file == *file)?)));
    let Some((wave, task)) = planned else { return Offers::default() };
    let mut offers = Vec::new();
    offers.extend(of_wave(feature, wave, runs));
    offers.extend(of_later_waves(feature, wave, runs));
    offers.extend(of_task(feature, task, runs));
    offers.extend(of_last_attempt(feature, task, runs));
    offers.extend(of_failures(feature, wave, runs));
    offers.extend(of_feature(feature, runs));
    offers.extend(of_workspace(index));
    Offers { anchor: task.anchor(), offers }
}

/// `▶ Run wave 1 (3 tasks)`, or `⏳ 2/3 done · Cancel` while something of it runs.
fn of_wave(feature: &Feature, wave: &Wave, runs: &RunBook) -> Option<Offer> {
    let label = wave.label.as_ref()?.as_str();
    let target = About { feature: feature.id.to_string(), wave: Some(label.to_string()), ..About::default() };
    if let Some((done, total)) = runs.wave_progress(&feature.id, label) {
        let end = End::after(runs.cancelling(&feature.id, label));
        return Some(Offer {
            lens: Some(end.lens_of_wave(done, total)),
            action: format!("{}: wave {label} ({done}/{total} done)", end.word()),
            command: Command::Cancel,
            target: About { level: Some(end.level), ..target },
        });
    }
    let tasks = match startable(feature, &target, Command::RunWave) {
        0 => return None,
        1 => "1 task".to_string(),
        several => format!("{several} tasks"),
    };
    Some(Offer {
        lens: Some(format!("\u{25b6} Run wave {label} ({tasks})")),
        action: format!("Run wave {label} ({tasks})"),
        command: Command::RunWave,
        target,
    })
}

/// What a click on something in progress does next: the level only goes up.
struct End {
    level: Level,
    /// What is being done to it already.
    doing: Option<&'static str>,
    /// There is no harder level.
    last: bool,
}

impl End {
    fn after(asked: Option<Level>) -> Self {
        Self { level: Level::after(asked), doing: asked.and_then(Level::doing), last: asked == Some(Level::Kill) }
    }

    fn word(&self) -> &'static str {
        if self.level == Level::Kill { "Kill" } else { "Cancel" }
    }

    /// ` · Cancel task`; nothing where all that can be done is being done.
    fn click(&self, what: &str) -> String {
        if self.last { String::new() } else { format!(" \u{b7} {}{what}", self.word()) }
    }

    /// `⏳ 2/3 done · Cancel`, `⏳ 2/3 done, terminating… · Kill`, `⏳ 2/3 done, killing…`.
    fn lens_of_wave(&self, done: usize, total: usize) -> String {
        let doing = self.doing.map(|doing| format!(", {doing}\u{2026}")).unwrap_or_default();
        format!("\u{23f3} {done}/{total} done{doing}{}", self.click(""))
    }

    /// `⏳ running · Cancel task`, `⏳ terminating… · Kill task`, `⏳ killing…`.
    fn lens_of_task(&self, state: &TaskState) -> String {
        let state = match state {
            TaskState::Running { .. } => "running",
            TaskState::Retrying { .. } => "tries again",
            TaskState::Pending | TaskState::Finished { .. } => "waits",
        };
        let now = self.doing.map_or_else(|| state.to_string(), |doing| format!("{doing}\u{2026}"));
        format!("\u{23f3} {now}{}", self.click(" task"))
    }
}

/// `Stop after this wave`, while a run goes on that would start later ones.
fn of_later_waves(feature: &Feature, wave: &Wave, runs: &RunBook) -> Option<Offer> {
    let label = wave.label.as_ref()?.as_str();
    runs.goes_on_behind(&feature.id, label).then(|| Offer {
        lens: Some("Stop after this wave".into()),
        action: format!("Stop after wave {label}"),
        command: Command::Cancel,
        target: About {
            feature: feature.id.to_string(),
            wave: Some(label.to_string()),
            task: None,
            level: Some(Level::FinishWave),
        },
    })
}

/// `▶ Run task`, where it would start now; in a run, inside and outside of its wave, the way to end this task alone.
fn of_task(feature: &Feature, task: &PlannedTask, runs: &RunBook) -> Option<Offer> {
    let target = About { feature: feature.id.to_string(), task: Some(task.id.to_string()), ..About::default() };
    if let Some((run, view)) = runs.live_task(&task.id) {
        let end = End::after(runs.ending(run, view));
        return Some(Offer {
            lens: Some(end.lens_of_task(&view.state)),
            action: format!("{}: {}", end.word(), task.id),
            command: Command::Cancel,
            target: About { level: Some(end.level), ..target },
        });
    }
    (startable(feature, &target, Command::RunTask) > 0).then(|| Offer {
        lens: Some("\u{25b6} Run task".into()),
        action: format!("Run task {}", task.id),
        command: Command::RunTask,
        target,
    })
}

/// `✓ passed in 12 m 03 s`, `✗ failed (exit 3) · Open log`.
fn of_last_attempt(feature: &Feature, task: &PlannedTask, runs: &RunBook) -> Option<Offer> {
    if runs.live_task(&task.id).is_some() {
        return None;
    }
    let ended = runs.ended(&task.id)?;
    let lens = match ended.outcome {
        Outcome::Passed if ended.flaky => format!("\u{2713} passed in {}, flaky", duration(ended.duration_ms)),
        Outcome::Passed => format!("\u{2713} passed in {}", duration(ended.duration_ms)),
        _ if ended.log.is_some() => format!("\u{2717} {} \u{b7} Open log", ended.words()),
        _ => format!("\u{2717} {}", ended.words()),
    };
    Some(Offer {
        lens: Some(lens),
        action: format!("Open the log of {} ({})", task.id, ended.words()),
        command: Command::OpenLog,
        target: About { feature: feature.id.to_string(), task: Some(task.id.to_string()), ..About::default() },
    })
}

/// `↻ Re-run 1 failed`, where nothing of the wave runs.
fn of_failures(feature: &Feature, wave: &Wave, runs: &RunBook) -> Option<Offer> {
    let label = wave.label.as_ref().map(|label| label.as_str().to_string());
    if label.as_ref().is_some_and(|label| runs.wave_progress(&feature.id, label).is_some()) {
        return None;
    }
    let failed = wave.tasks.iter().filter(|task| can_rerun(task, runs)).count();
    (failed > 0).then(|| Offer {
        lens: Some(format!("\u{21bb} Re-run {failed} failed")),
        action: match &label {
            Some(label) => format!("Re-run {failed} failed of wave {label}"),
            None => format!("Re-run {failed} failed"),
        },
        command: Command::RerunFailed,
        target: About { feature: feature.id.to_string(), wave: label, ..About::default() },
    })
}

/// The whole feature, as a code action only: a lens for it above each of its files would be noise.
fn of_feature(feature: &Feature, runs: &RunBook) -> Option<Offer> {
    let target = About { feature: feature.id.to_string(), ..About::default() };
    let idle = runs.running(&feature.id, None).next().is_none();
    (idle && startable(feature, &target, Command::RunFeature) > 0).then(|| Offer {
        lens: None,
        action: format!("Run feature {}", feature.title),
        command: Command::RunFeature,
        target,
    })
}

/// `⚙ Choose what runs these tasks`, where nothing says so yet: a run would only lead to an error.
fn of_workspace(index: &Index) -> Option<Offer> {
    let is_set_up = index.config_error().is_some() || index.config().runs_something();
    (!is_set_up).then(|| Offer {
        lens: Some("\u{2699} Choose what runs these tasks".into()),
        action: "Choose what runs these tasks".into(),
        command: Command::Init,
        target: About::default(),
    })
}

/// Did its latest attempt not pass, and may it run again?
pub(super) fn can_rerun(task: &PlannedTask, runs: &RunBook) -> bool {
    let failed = runs.ended(&task.id).is_some_and(|ended| ended.outcome != Outcome::Passed);
    let stands = matches!(task.state, State::Dropped | State::Halted | State::NeedsPerson(_) | State::Unrunnable(_));
    failed && !stands && task.runnable_id().is_some() && runs.live_task(&task.id).is_none()
}

/// How many tasks a command would start.
fn startable(feature: &Feature, target: &About, command: Command) -> usize {
    let Some(selection) = target.at(String::new()).selection(command) else { return 0 };
    let schedule = plan::select(&[feature], &selection);
    schedule.map_or(0, |schedule| schedule.waves.iter().map(|wave| wave.tasks.len()).sum())
}
