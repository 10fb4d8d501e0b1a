//! The one loop that owns all state. Messages of the editor come over one channel in the order in which it spoke;
//! what other threads and tasks bring comes over another, and waits while the editor speaks.

mod cancel;
mod diagnostics;
mod documents;
mod lenses;
mod requests;
mod rerun;
mod roots;
mod runs;
mod setup;
mod trust;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tower_lsp::Client;
use tower_lsp::ls_types::{InitializeParams, MessageType, ProgressToken, Uri};

use super::capabilities::ClientCapabilities;
use super::convert::path_of;
use super::diagnostics::Outbox;
use super::documents::Documents;
use super::message::{ClientMessage, CommandCall, Event, Request};
use super::place::Place;
use super::plain::Plain;
use super::root::Root;
use super::tell;
use super::waves::{self, Stale};
use crate::run::RunId;
use crate::task::{RelPath, TaskId};

/// How many messages of other threads wait for the loop.
const EVENTS: usize = 256;
/// When the user has stopped typing for so long, what is costly is looked at: nearest ids, other files' lenses.
const PAUSE: Duration = Duration::from_millis(250);
/// How long changes are gathered before the editor is told to ask for lenses again.
const LENS_GATHER: Duration = Duration::from_millis(50);
/// How long the answer to a refresh is waited for before the next may be sent.
const REFRESH_ANSWER: Duration = Duration::from_secs(5);
/// More changed files than this are read by reading the workspace anew, which is done in parallel.
const MANY_FILES: usize = 500;
/// How many messages with nearest ids are kept.
const MOST_NEAREST: usize = 4096;
/// An index that is there sooner needs no progress bar.
const QUICK_BUILD: Duration = Duration::from_millis(200);

/// The folders that the editor opened. Older clients name one, or none.
pub(super) fn folders(params: &InitializeParams) -> Vec<PathBuf> {
    #[allow(deprecated, reason = "clients that are older than workspace folders send nothing else")]
    let single = || params.root_uri.as_ref().and_then(path_of).or_else(|| params.root_path.clone().map(PathBuf::from));
    match &params.workspace_folders {
        Some(folders) => folders.iter().filter_map(|folder| path_of(&folder.uri)).collect(),
        None => single().into_iter().collect(),
    }
}

/// Runs the loop until the server ends.
pub(super) async fn run(mut messages: mpsc::Receiver<ClientMessage>) {
    let Some((capabilities, folders, client)) = initialize(&mut messages).await else { return };
    let (events, mut incoming) = mpsc::channel(EVENTS);
    let outbox = Arc::new(Outbox::default());
    let mut state = State::new(capabilities, folders, client.clone(), events, Arc::clone(&outbox));
    let publisher = async { outbox.publish(&client).await };
    let events = async {
        loop {
            // The editor's words come first: a hundred runs in progress must not delay an edit.
            tokio::select! {
                biased;
                message = messages.recv() => match message {
                    Some(message) => state.on_message(message),
                    None => return,
                },
                () = due(state.next_due()) => state.run_due(),
                Some(event) = incoming.recv() => state.on_event(event),
            }
        }
    };
    tokio::select! {
        () = publisher => {}
        () = events => {}
    }
}

/// The first message is `initialize`: the service lets nothing else through.
async fn initialize(
    messages: &mut mpsc::Receiver<ClientMessage>,
) -> Option<(ClientCapabilities, Vec<PathBuf>, Client)> {
    loop {
        if let ClientMessage::Initialize(capabilities, folders, client) = messages.recv().await? {
            return Some((capabilities, folders, client));
        }
    }
}

async fn due(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// A progress bar of the editor's.
struct Bar {
    root: PathBuf,
    run: RunId,
    /// The user has cancelled it before.
    cancelled: bool,
}

/// The root that a folder of the editor lies in or is.
enum FolderRoot {
    Sought,
    Found(PathBuf),
    /// The folder is gone, or its root is somebody else's.
    Refused,
}

struct State {
    capabilities: ClientCapabilities,
    client: Client,
    events: mpsc::Sender<Event>,
    outbox: Arc<Outbox>,
    folders: HashMap<PathBuf, FolderRoot>,
    roots: HashMap<PathBuf, Root>,
    documents: Documents,
    places: HashMap<Uri, Place>,
    /// What the user was told of configurations that are somebody else's.
    told_foreign: HashSet<PathBuf>,
    /// Requests about texts whose root is being looked for.
    unplaced: HashMap<Uri, Vec<Request>>,
    /// Commands for roots that are being looked for, with the path that the command named.
    rootless: Vec<(PathBuf, CommandCall)>,
    /// The runs whose progress the editor may cancel.
    tokens: HashMap<ProgressToken, Bar>,
    next_token: u64,
    /// What each text's lenses were when the editor asked last.
    lenses_sent: HashMap<Uri, (Option<i32>, u64)>,
    lenses_due: Option<Instant>,
    /// Roots whose user is being asked who does the tasks.
    choosing: HashSet<PathBuf>,
    /// Runs, or tasks of them, that the user is being asked about before they are ended, and since when.
    asked: HashMap<(RunId, Option<TaskId>), Instant>,
    refreshing: bool,
    /// What a client that draws waves has to ask for again, and when it is told so.
    waves_stale: Stale,
    waves_due: Option<Instant>,
    /// Files whose nearest ids are looked for at the next pause.
    unsure: BTreeSet<(PathBuf, RelPath)>,
    pause: Option<Instant>,
}

impl State {
    fn new(
        capabilities: ClientCapabilities,
        folders: Vec<PathBuf>,
        client: Client,
        events: mpsc::Sender<Event>,
        outbox: Arc<Outbox>,
    ) -> Self {
        Self {
            capabilities,
            client,
            events,
            outbox,
            folders: folders.into_iter().map(|folder| (folder, FolderRoot::Sought)).collect(),
            roots: HashMap::new(),
            documents: Documents::default(),
            places: HashMap::new(),
            told_foreign: HashSet::new(),
            unplaced: HashMap::new(),
            rootless: Vec::new(),
            tokens: HashMap::new(),
            next_token: 0,
            lenses_sent: HashMap::new(),
            lenses_due: None,
            choosing: HashSet::new(),
            asked: HashMap::new(),
            refreshing: false,
            waves_stale: Stale::new(),
            waves_due: None,
            unsure: BTreeSet::new(),
            pause: None,
        }
    }

    fn on_message(&mut self, message: ClientMessage) {
        match message {
            ClientMessage::Initialize(..) => {} // the service lets only the first through
            ClientMessage::Initialized => self.initialized(),
            ClientMessage::Opened(params) => self.opened(params),
            ClientMessage::Changed(params) => self.changed(&params),
            ClientMessage::Saved(uri) => self.saved(&uri),
            ClientMessage::Closed(uri) => self.closed(&uri),
            ClientMessage::FilesChanged(uris) => {
                self.files_changed(&uris.iter().filter_map(path_of).collect::<Vec<_>>())
            }
            ClientMessage::FoldersChanged(event) => self.folders_changed(&event),
            ClientMessage::ProgressCancelled(token) => self.progress_cancelled(&token),
            ClientMessage::Request(request) => self.request(request),
        }
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::RootFound { root, shown, folder } => self.root_found(root, shown, folder),
            Event::Refused(error) => self.refused(&error),
            Event::Located { uri, place, version, clean } => self.located(uri, place, version, clean),
            Event::IndexBack { root, done } => self.index_back(&root, done),
            Event::Lines { root, reading, lines, nearest } => self.lines_read(&root, reading, lines, nearest),
            Event::Files { root, paths } => self.watched_files_changed(&root, &paths),
            Event::Missed { root, paths } => self.files_missed(&root, paths.as_deref()),
            Event::Watching { root, watch } => {
                if let Some(root) = self.roots.get_mut(&root) {
                    root.watch = Some(watch);
                }
            }
            Event::Deaf { root, since, why } => self.deaf(&root, since, &why),
            Event::RunSeen { root, run } => self.follow(&root, run),
            Event::Run { root, run, view, over, taken } => {
                self.run_went_on(&root, &run, &view, over);
                let _ = taken.send(());
            }
            Event::Excerpt { root, task, run, excerpt } => self.excerpt_read(&root, &task, &run, excerpt),
            Event::Started { root, tasks, result, notify_user, answer } => {
                self.run_started(&root, &tasks, result, notify_user, answer);
            }
            Event::TrustAnswered { root, again } => self.trust_answered(&root, again),
            Event::EndAnswered { root, cancellation, yes } => self.end_answered(&root, cancellation, yes),
            Event::EndFailed { root, cancellation } => self.end_failed(&root, &cancellation),
            Event::Chosen { root, result } => self.chosen(&root, result),
            Event::Refreshed => {
                self.refreshing = false;
            }
            Event::RerunRead { root, rerun, call } => self.rerun_read(&root, rerun, call),
            Event::LogWanted { root, task } => {
                if let Some(log) = self.log_of(&root, task.as_str()) {
                    self.show_log(log);
                }
            }
        }
    }

    /// When [`State::run_due`] is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let lenses = self.lenses_due.filter(|_| !self.refreshing);
        [lenses, self.waves_due, self.pause].into_iter().flatten().min()
    }

    /// Does what was put off.
    pub(super) fn run_due(&mut self) {
        let now = Instant::now();
        if self.lenses_due.is_some_and(|due| due <= now) && !self.refreshing {
            self.lenses_due = None;
            if self.lenses_differ() {
                self.refresh_lenses();
            }
        }
        if self.waves_due.is_some_and(|due| due <= now) {
            self.waves_due = None;
            tokio::spawn(waves::tell(self.client.clone(), std::mem::take(&mut self.waves_stale)));
        }
        if self.pause.is_some_and(|due| due <= now) {
            self.pause = None;
            self.look_for_nearest_ids();
        }
    }

    /// Tells the user.
    pub(super) fn message(&self, kind: MessageType, message: impl Into<Plain>) {
        let (client, message) = (self.client.clone(), message.into());
        tokio::spawn(async move { tell::user(&client, kind, message).await });
    }

    /// Tells the editor's log.
    pub(super) fn log(&self, kind: MessageType, message: String) {
        let client = self.client.clone();
        tokio::spawn(async move { tell::log(&client, kind, &message).await });
    }
}
