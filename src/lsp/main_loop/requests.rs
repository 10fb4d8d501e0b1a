//! What the editor asks: lenses, code actions, commands.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::oneshot;
use tower_lsp::ls_types::MessageType;

use super::{FolderRoot, State};
use crate::agent::CONFIG_FILE;
use crate::error::with_causes;
use crate::lsp::commands::{Command, Started, Target};
use crate::lsp::convert::{path_of, uri_of_log};
use crate::lsp::message::{CommandCall, Event, Request};
use crate::lsp::place::Place;
use crate::lsp::root::{IndexState, Root};
use crate::lsp::start_run::{PreparedRun, Refusal, UNTRUSTED};
use crate::lsp::waves::{Runs, Waves};
use crate::lsp::{actions, lenses, plain, tell};
use crate::plan::{Asked, Selection};
use crate::run;
use crate::run::RunId;
use crate::task::TaskId;
use crate::workspace::{Index, find_root};
use crate::{agent, plan};

impl State {
    pub(super) fn request(&mut self, request: Request) {
        let uri = match &request {
            Request::Lenses { uri, .. } => uri.clone(),
            Request::Actions { params, .. } => params.text_document.uri.clone(),
            Request::Waves { .. } => return self.answer_waves(request),
            Request::Runs { root, .. } => {
                let asked = named_path(root);
                return self.answer_runs(asked.as_deref(), request);
            }
            Request::Command(_) => return self.command_for(request),
        };
        if let Some(place) = self.places.get(&uri).cloned() {
            return self.request_about(&place, request);
        }
        // A text that is open is being looked for since it was opened; an older search may not know it yet.
        let first = !self.unplaced.contains_key(&uri);
        self.unplaced.entry(uri.clone()).or_default().push(request);
        if first {
            self.locate(uri, None);
        }
    }

    fn command_for(&mut self, request: Request) {
        let Request::Command(call) = request else { return answer_nothing(request) };
        let Some(asked) = named_path(&call.target.root) else { return answer_nothing(Request::Command(call)) };
        let named_so = |root: &&Root| root.path == asked || root.shown() == asked;
        if let Some(root) = self.roots.values().find(named_so).map(|root| root.path.clone()) {
            return self.command_in(&root, call);
        }
        self.rootless.push((asked.clone(), call));
        let events = self.events.clone();
        tokio::task::spawn_blocking(move || {
            let root = match find_root(&asked) {
                Ok(root) => Some(root),
                Err(error) => {
                    let _ = events.blocking_send(Event::Refused(error));
                    None
                }
            };
            let _ = events.blocking_send(Event::RootFound { root, shown: asked, folder: None });
        });
    }

    /// A request about a file whose place is known.
    pub(super) fn request_about(&mut self, place: &Place, request: Request) {
        let Some(root) = self.roots.get_mut(&place.root) else { return answer_nothing(request) };
        let index = match &root.index {
            IndexState::Here(index) => index,
            IndexState::Away => return root.waiting.push(request),
            IndexState::Lost => return answer_nothing(request),
        };
        let offers = lenses::offers(index, &root.runs, &place.file);
        match request {
            Request::Lenses { uri, answer } => self.answer_lenses(&place.root, &place.file, uri, &offers, answer),
            Request::Actions { params, answer } => {
                let _ = answer.send(actions::of(&offers, &root.uri(), &params, &self.capabilities));
            }
            Request::Command(_) | Request::Waves { .. } | Request::Runs { .. } => answer_nothing(request),
        }
    }

    fn answer_waves(&mut self, request: Request) {
        let Request::Waves { query, answer } = request else { return answer_nothing(request) };
        // An index that is away is back in a moment: then the question is query again.
        let away = |root: &&mut Root| query.has(&root.path) && matches!(root.index, IndexState::Away);
        if let Some(root) = self.roots.values_mut().find(away) {
            return root.waiting.push(Request::Waves { query, answer });
        }
        let mut roots: Vec<&Root> = self.roots.values().filter(|root| query.has(&root.path)).collect();
        roots.sort_by(|a, b| a.path.cmp(&b.path));
        let roots = roots.into_iter().filter_map(|root| Some(query.of(root, root.index()?))).collect();
        let complete = !self.folders.values().any(|found| matches!(found, FolderRoot::Sought));
        let _ = answer.send(Waves { complete, roots });
    }

    fn answer_runs(&self, asked: Option<&Path>, request: Request) {
        let Request::Runs { answer, .. } = request else { return answer_nothing(request) };
        let named_so = |root: &&Root| asked.is_some_and(|asked| root.path == asked || root.shown() == asked);
        let Some(root) = self.roots.values().find(named_so) else {
            return drop(answer.send(Runs { runs: Vec::new() }));
        };
        let path = root.path.clone();
        tokio::task::spawn_blocking(move || {
            let _ = answer.send(Runs::read(&path));
        });
    }

    /// A command in a root that is open.
    pub(super) fn command_in(&mut self, path: &Path, call: CommandCall) {
        let Some(root) = self.roots.get_mut(path) else { return answer_nothing(Request::Command(call)) };
        if matches!(root.index, IndexState::Away) {
            return root.waiting.push(Request::Command(call));
        }
        match call.command {
            Command::Cancel => self.cancel(path, &call.target, call.answer),
            Command::OpenLog => self.open_log(path, &call.target, call.answer),
            Command::Init => self.choose(path, call.answer),
            Command::RerunFailed => match call.target.run.clone() {
                Some(run) => self.read_rerun(path, &run, call),
                None => {
                    let selection = self.failed_selection(path, &call.target);
                    self.start(path, selection, call);
                }
            },
            Command::RunWave | Command::RunTask | Command::RunFeature => {
                let (command, target) = (call.command, &call.target);
                let missing = if command == Command::RunTask { "task" } else { "wave" };
                let selection = target
                    .selection(command)
                    .ok_or_else(|| format!("{} needs a {missing} in its argument", command.id()));
                self.start(path, selection, call);
            }
        }
    }

    /// The tasks whose last attempt did not pass, of the wave, the feature, or the one task.
    fn failed_selection(&self, path: &Path, target: &Target) -> Result<Selection, String> {
        let index = self.roots.get(path).and_then(|root| Some((root, root.index()?)));
        let Some((root, index)) = index else { return Err("the workspace has no plan".into()) };
        let features = index.features().filter(|feature| target.feature.as_deref().is_none_or(|id| *feature.id == *id));
        let waves = features.flat_map(|feature| &feature.waves).filter(|wave| {
            target.wave.as_deref().is_none_or(|label| wave.label.as_ref().is_some_and(|wave| wave.as_str() == label))
        });
        let tasks = waves.flat_map(|wave| &wave.tasks).filter(|task| {
            lenses::can_rerun(task, &root.runs) && target.task.as_deref().is_none_or(|id| *task.id == *id)
        });
        let tasks: Vec<String> = tasks.map(|task| task.id.to_string()).collect();
        if tasks.is_empty() {
            return Err(format!("nothing of {} failed in its last run", target.words()));
        }
        // What failed is run again even where its file says that it is done: that is what was asked for.
        Ok(Selection {
            feature: target.feature.clone(),
            asked: Asked::Tasks(tasks),
            redo: true,
            include: plan::Include::default(),
        })
    }

    /// Starts what was asked for, on another thread: answered when its supervisor runs.
    pub(super) fn start(&mut self, path: &Path, selection: Result<Selection, String>, call: CommandCall) {
        let CommandCall { command, target, notify_user, answer } = call;
        let start = match selection.and_then(|selection| self.prepare(path, &selection, (command, target))) {
            Ok(start) => start,
            Err(reason) => return self.refuse(&reason, notify_user, answer),
        };
        let tasks: Vec<TaskId> =
            start.schedule.waves.iter().flat_map(|wave| &wave.tasks).map(|task| task.id.clone()).collect();
        if let Some(root) = self.roots.get_mut(path) {
            root.starting.extend(tasks.iter().map(|task| (task.clone(), None)));
        }
        let events = self.events.clone();
        tokio::task::spawn_blocking(move || {
            let result = start.start();
            let _ = events.blocking_send(Event::Started { root: start.root, tasks, result, notify_user, answer });
        });
    }

    /// What a run of the selection would do, or why there is none.
    fn prepare(&self, path: &Path, selection: &Selection, asked: (Command, Target)) -> Result<PreparedRun, String> {
        let target = &asked.1;
        let index = self.roots.get(path).and_then(|root| Some((root, root.index()?)));
        let Some((root, index)) = index else { return Err("the workspace has no plan".into()) };
        if let Some(error) = index.config_error() {
            // The last one that could be read is not what the user has written since.
            return Err(with_causes(error));
        }
        index.all_read(&selection.asked).map_err(|error| error.to_string())?;
        let features: Vec<_> = index.features().collect();
        let schedule = plan::select(&features, selection).map_err(|error| with_causes(&error))?;
        let mut tasks = schedule.waves.iter().flat_map(|wave| &wave.tasks).peekable();
        if let Some(feature) = &selection.feature
            && let Asked::Wave(wave) = &selection.asked
            && let Some((run, _)) = root.runs.running(feature, Some(wave)).next()
        {
            return Err(format!("{} already runs (run {run})", target.words()));
        }
        if tasks.peek().is_none() {
            let skipped = schedule.waves.iter().flat_map(|wave| &wave.skipped).next();
            return Err(match skipped {
                Some(skipped) => format!("nothing of {} can start: {}: {}", target.words(), skipped.id, skipped.reason),
                None => format!("nothing of {} can start", target.words()),
            });
        }
        for task in tasks {
            if let Some((run, _)) = root.runs.live_task(task.id.as_str()) {
                return Err(format!("{} already runs (run {run})", task.id));
            }
            match root.starting.get(&task.id) {
                Some(Some(run)) => return Err(format!("{} already runs (run {run})", target.words())),
                Some(None) => return Err(format!("{} is already being started", target.words())),
                None => {}
            }
        }
        let files = schedule.waves.iter().flat_map(|wave| &wave.tasks).map(|task| task.file.as_str());
        let touched = files.clone().chain([CONFIG_FILE]).filter_map(|file| {
            let document = self.documents.get(root.open.get(Path::new(file))?)?;
            document.touched.then(|| (file.to_string(), Arc::clone(document.text())))
        });
        // Also what does not start: a value that stops a task is a reason to refuse the run.
        let skipped = schedule.waves.iter().flat_map(|wave| &wave.skipped).map(|task| task.file.as_str());
        let tasks = files.chain(skipped);
        let tasks = tasks.filter_map(|file| index.task(Path::new(file)).map(|task| (file.to_string(), task.clone())));
        Ok(PreparedRun {
            root: path.to_path_buf(),
            asked,
            touched: touched.collect(),
            tasks: tasks.collect(),
            schedule,
        })
    }

    pub(super) fn run_started(
        &mut self,
        path: &Path,
        tasks: &[TaskId],
        result: Result<RunId, Refusal>,
        notify_user: bool,
        answer: oneshot::Sender<Value>,
    ) {
        if let (Err(_), Some(root)) = (&result, self.roots.get_mut(path)) {
            root.starting.retain(|task, _| !tasks.contains(task));
        }
        let run = match result {
            Ok(run) => run,
            Err(Refusal::Reason(reason)) => return self.refuse(&reason, notify_user, answer),
            Err(Refusal::Untrusted(question)) => {
                // Answered before the user is: editors wait for commands, some of them with everything else.
                let _ = answer.send(json!(Started::nothing(UNTRUSTED)));
                return self.ask_for_trust(path, *question);
            }
        };
        if let Some(root) = self.roots.get_mut(path) {
            // A short run may have been noticed, followed and over before its start is told here: no news would come that
            // take its tasks out again.
            root.starting.retain(|task, _| !tasks.contains(task));
            if !root.heard.contains(&run) {
                root.starting.extend(tasks.iter().map(|task| (task.clone(), Some(run.clone()))));
            }
        }
        self.follow(path, run.clone());
        self.tell_surroundings(path);
        let _ = answer.send(json!(Started::run(run)));
    }

    /// Says what a run finds around it that its user does not expect: once that another workspace has the state folder, and
    /// which programs are not there.
    fn tell_surroundings(&self, path: &Path) {
        let config = self.roots.get(path).and_then(|root| root.index()).map(Index::config).cloned();
        let (client, path) = (self.client.clone(), path.to_path_buf());
        let look = move || {
            let missing = agent::missing(&config.unwrap_or_default(), &path);
            let missing = missing.into_iter().map(|missing| (MessageType::WARNING, missing.to_string()));
            let shared = run::shared_state(&path).map(|said| (MessageType::INFO, said));
            missing.chain(shared).collect::<Vec<_>>()
        };
        tokio::spawn(async move {
            for (kind, said) in tokio::task::spawn_blocking(look).await.unwrap_or_default() {
                tell::user(&client, kind, &agent::safe::line(said.as_bytes())).await;
            }
        });
    }

    /// Says why nothing was started. Editors do not show the answers of commands: the user is told besides.
    pub(super) fn refuse(&self, reason: &str, notify_user: bool, answer: oneshot::Sender<Value>) {
        // Some programs show it.
        let reason = plain::text(reason);
        if notify_user {
            self.message(MessageType::WARNING, reason.clone());
        }
        let _ = answer.send(json!(Started::nothing(reason)));
    }

    /// The log of a task's run in progress, else of its latest attempt.
    pub(super) fn log_of(&self, path: &Path, task: &str) -> Option<PathBuf> {
        let root = self.roots.get(path)?;
        let live = root.runs.live_task(task).and_then(|(_, task)| task.log.as_ref()).map(|log| path.join(log));
        live.or_else(|| root.runs.ended(task)?.log.clone())
    }

    fn open_log(&self, path: &Path, target: &Target, answer: oneshot::Sender<Value>) {
        let of_task = target.task.as_deref().and_then(|task| self.log_of(path, task));
        let Some(log) = of_task.or_else(|| self.log_of_wave(path, target)) else {
            let reason = format!("{} has no log yet", target.words());
            let _ = answer.send(json!({ "uri": null, "reason": plain::text(&reason) }));
            self.message(MessageType::INFO, reason);
            return;
        };
        let uri = uri_of_log(&log, self.capabilities.shows_logs);
        let _ = answer.send(json!({ "uri": uri }));
        self.show_log(log);
    }

    /// Where a wave is named that runs: the log of its first task that runs, else of the first that has one.
    fn log_of_wave(&self, path: &Path, target: &Target) -> Option<PathBuf> {
        let (feature, wave) = (target.feature.as_deref()?, target.wave.as_deref()?);
        let runs = self.roots.get(path)?.runs.running(feature, Some(wave));
        let tasks = runs.flat_map(|(_, view)| &view.waves).filter(|view| view.wave.as_deref() == Some(wave));
        let with_log = tasks.flat_map(|wave| &wave.tasks).filter(|task| task.log.is_some());
        let is_over = |task: &&run::TaskView| matches!(task.state, run::TaskState::Finished { .. });
        with_log.min_by_key(is_over)?.log.as_ref().map(|log| path.join(log))
    }

    /// Opens a log in the editor, or tells where it lies.
    pub(super) fn show_log(&self, log: PathBuf) {
        let (client, capabilities) = (self.client.clone(), self.capabilities);
        tokio::spawn(async move { tell::task_log(&client, capabilities, &log).await });
    }

    /// Opens a file in the editor, or tells where it lies.
    pub(super) fn show(&self, what: &'static str, path: &Path) {
        let (client, can_show, path) = (self.client.clone(), self.capabilities.show_document, path.to_path_buf());
        tokio::spawn(async move { tell::file(&client, can_show, what, &path).await });
    }
}

/// The path that a command's argument names: a URI, or a path.
fn named_path(root: &str) -> Option<PathBuf> {
    if Path::new(root).is_absolute() {
        return Some(PathBuf::from(root));
    }
    root.parse().ok().as_ref().and_then(path_of)
}

/// Answers a request that nothing can be said to.
pub(super) fn answer_nothing(request: Request) {
    match request {
        Request::Lenses { answer, .. } => drop(answer.send(Vec::new())),
        Request::Actions { answer, .. } => drop(answer.send(Vec::new())),
        Request::Waves { answer, .. } => drop(answer.send(Waves { complete: true, roots: Vec::new() })),
        Request::Runs { answer, .. } => drop(answer.send(Runs { runs: Vec::new() })),
        Request::Command(CommandCall { target, answer, .. }) => {
            let reason = format!("no workspace at \"{}\"", target.root);
            drop(answer.send(json!(Started::nothing(plain::text(&reason)))));
        }
    }
}
