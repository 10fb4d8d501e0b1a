//! What a task file offers: the lines above its frontmatter, and the same as code actions.

use std::path::Path;

use super::commands::{Command, Target};
use super::convert::duration;
use super::runs::RunBook;
use crate::plan::{self, Feature, PlannedTask, State, Wave};
use crate::run::{Level, Outcome, Tally, TaskState};
use crate::task::{Span, WaveLabel};
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
        Target {
            root,
            feature: Some(feature).filter(|feature| !feature.is_empty()),
            wave,
            task,
            level,
            ..Target::default()
        }
    }
}

/// What a file offers; nothing where it is no task, or a copy that does not count.
pub(super) fn offers(index: &Index, runs: &RunBook, file: &Path) -> Offers {
    let Some(feature) = index.feature_of(file) else { return Offers::default() };
    let planned =
        feature.waves.iter().find_map(|wave| Some((wave, wave.tasks.iter().find(|task| *task.file == *file)?)));
    let Some((wave, task)) = planned else { return Offers::default() };
    let mut offers = Vec::new();
    offers.extend(of_wave(feature, wave, task, runs));
    offers.extend(of_later_waves(feature, wave, runs));
    offers.extend(of_task(feature, task, runs));
    offers.extend(of_last_attempt(feature, task, runs));
    offers.extend(of_failures(feature, wave, runs));
    offers.extend(of_feature(feature, runs));
    offers.extend(of_workspace(index));
    Offers { anchor: task.anchor(), offers }
}

/// `▶ Run wave 1 (3 tasks)`; while something of it runs `⏳ 2/3 done`, which shows its output, and `Cancel`.
fn of_wave(feature: &Feature, wave: &Wave, task: &PlannedTask, runs: &RunBook) -> Vec<Offer> {
    let Some(label) = wave.label.as_ref().map(WaveLabel::as_str) else { return Vec::new() };
    let target = About { feature: feature.id.to_string(), wave: Some(label.to_string()), ..About::default() };
    if let Some(tally) = runs.wave_tally(&feature.id, label) {
        let end = End::after(runs.cancelling(&feature.id, label), runs.doing_to_wave(&feature.id, label));
        let counted = format!("{}/{} done", tally.done, tally.total);
        let status = Offer {
            lens: Some(end.status_of_wave(&tally)),
            action: format!("Show the output of wave {label} ({counted})"),
            command: Command::OpenLog,
            // This file's own output, where there is some: else another one's of the wave.
            target: About { task: Some(task.id.to_string()), ..target.clone() },
        };
        return end.with(status, "", format!("wave {label} ({counted})"), target);
    }
    let tasks = match startable(feature, &target, Command::RunWave) {
        0 => return Vec::new(),
        1 => "1 task".to_string(),
        several => format!("{several} tasks"),
    };
    vec![Offer {
        lens: Some(format!("\u{25b6} Run wave {label} ({tasks})")),
        action: format!("Run wave {label} ({tasks})"),
        command: Command::RunWave,
        target,
    }]
}

/// How something in progress can be ended next: the level only goes up.
struct End {
    level: Level,
    /// What is being done to it already, in words.
    doing: Option<String>,
    /// There is no harder level.
    last: bool,
}

impl End {
    fn after(asked: Option<Level>, doing: Option<String>) -> Self {
        Self { level: Level::after(asked), doing, last: asked == Some(Level::Kill) }
    }

    fn word(&self) -> &'static str {
        if self.level == Level::Kill { "Kill" } else { "Cancel" }
    }

    /// The status, which ends nothing, and behind it what does: `Cancel`, then `Kill`, then nothing.
    fn with(&self, status: Offer, what: &str, named: String, target: About) -> Vec<Offer> {
        let end = Offer {
            lens: Some(format!("{}{what}", self.word())),
            action: format!("{}: {named}", self.word()),
            command: Command::Cancel,
            target: About { level: Some(self.level), ..target },
        };
        [status].into_iter().chain((!self.last).then_some(end)).collect()
    }

    /// `⏳ 2/3 done`, `⏳ 1/3 done, 1 failed, terminating…`, `⏳ 2/3 done, stops after this wave`.
    fn status_of_wave(&self, tally: &Tally) -> String {
        let rest = tally.rest().into_iter().map(|what| format!(", {what}")).collect::<String>();
        let doing = self.doing.as_ref().map(|doing| format!(", {doing}")).unwrap_or_default();
        format!("\u{23f3} {}/{} done{rest}{doing}", tally.done, tally.total)
    }

    /// `⏳ running`, `⏳ terminating…`, `⏳ killing…`, `⏳ will not start`.
    fn status_of_task(&self, state: &TaskState) -> String {
        let state = match state {
            TaskState::Running { .. } => "running",
            TaskState::Retrying { .. } => "tries again",
            TaskState::Pending | TaskState::Finished { .. } => "waits",
        };
        format!("\u{23f3} {}", self.doing.as_deref().unwrap_or(state))
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

/// `▶ Run task`, where it would start now; in a run `⏳ running`, which shows its output, and the way to end it alone.
fn of_task(feature: &Feature, task: &PlannedTask, runs: &RunBook) -> Vec<Offer> {
    let target = About { feature: feature.id.to_string(), task: Some(task.id.to_string()), ..About::default() };
    if let Some((run, view)) = runs.live_task(&task.id) {
        let end = End::after(runs.ending(run, view), runs.doing_to_task(run, view));
        let status = Offer {
            lens: Some(end.status_of_task(&view.state)),
            action: format!("Show the output of {}", task.id),
            command: Command::OpenLog,
            target: target.clone(),
        };
        return end.with(status, " task", task.id.to_string(), target);
    }
    if startable(feature, &target, Command::RunTask) == 0 {
        return Vec::new();
    }
    vec![Offer {
        lens: Some("\u{25b6} Run task".into()),
        action: format!("Run task {}", task.id),
        command: Command::RunTask,
        target,
    }]
}

/// `✓ passed in 12 m 03 s`, `✗ failed (exit 3) · Open log`, `■ cancelled · Open log`.
fn of_last_attempt(feature: &Feature, task: &PlannedTask, runs: &RunBook) -> Option<Offer> {
    if runs.live_task(&task.id).is_some() {
        return None;
    }
    let ended = runs.ended(&task.id)?;
    let lens = match ended.outcome {
        Outcome::Passed if ended.flaky => format!("\u{2713} passed in {}, flaky", duration(ended.duration_ms)),
        Outcome::Passed => format!("\u{2713} passed in {}", duration(ended.duration_ms)),
        outcome => {
            // What the user ended is no failure.
            let sign = if outcome.is_failure() { '\u{2717}' } else { '\u{25a0}' };
            let open = ended.log.as_ref().map_or("", |_| " \u{b7} Open log");
            format!("{sign} {}{open}", ended.words())
        }
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
    if label.as_ref().is_some_and(|label| runs.wave_tally(&feature.id, label).is_some()) {
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

/// Did its latest attempt fail, and may it run again? What was cancelled runs with the rest of its wave.
pub(super) fn can_rerun(task: &PlannedTask, runs: &RunBook) -> bool {
    let failed = runs.ended(&task.id).is_some_and(|ended| ended.outcome.is_failure());
    let stands = matches!(task.state, State::Dropped | State::Halted | State::NeedsPerson(_) | State::Unrunnable(_));
    failed && !stands && task.runnable_id().is_some() && runs.live_task(&task.id).is_none()
}

/// How many tasks a command would start.
fn startable(feature: &Feature, target: &About, command: Command) -> usize {
    let Some(selection) = target.at(String::new()).selection(command) else { return 0 };
    let schedule = plan::select(&[feature], &selection);
    schedule.map_or(0, |schedule| schedule.waves.iter().map(|wave| wave.tasks.len()).sum())
}
