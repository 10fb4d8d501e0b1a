//! The one loop that owns all state. Messages of the editor come over one channel in the order in which it spoke;
//! what other threads and tasks bring comes over another, and waits while the editor speaks.

mod cancel;
mod init;
mod requests;
mod rerun;
mod roots;
mod runs;
mod texts;
mod told;
mod trust;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot, watch as latest};
use tokio::time::Instant;
use tower_lsp::Client;
use tower_lsp::ls_types::{
    CodeActionOrCommand, CodeActionParams, CodeLens, Command as LspCommand, DidChangeTextDocumentParams,
    DidOpenTextDocumentParams, InitializeParams, MessageType, NumberOrString, ProgressToken, Range, ShowDocumentParams,
    Uri, WorkspaceFoldersChangeEvent,
};

use super::actions;
use super::capabilities::Abilities;
use super::commands::{Command, Started, Target};
use super::diagnostics::{Outbox, Sources};
use super::documents::{Document, Documents};
use super::lenses::{self, Offers};
use super::plain::{self, Plain};
use super::progress::{self, Shown};
use super::proto::{path_of, uri_of, uri_of_log};
use super::root::{self, Done, Lines, Nearest, Rest, Root, Slot, Work, shown_root};
use super::runs::{Following, News};
use super::tell;
use super::watch::{self, Deaf, FileWatch};
use super::waves::{self, Runs, Stale, Waves};
use crate::agent::{self, CONFIG_FILE, Excerpt};
use crate::plan::{self, Asked, Schedule, Selection};
use crate::run::{self, Level, Rerun, RunId, View};
use crate::task::{RelPath, Task, TaskId, WaveLabel};
use crate::workspace::trust::{Standing, Store, Subject};
use crate::workspace::{Changed, Index, RootError, find_root, find_root_among};
use cancel::Ending;
use requests::{Refusal, answer_nothing, fingerprint};
use rerun::Asking;
use texts::is_on_disk;
use trust::Question;

/// How many messages of other threads wait for the loop.
const HAPPENINGS: usize = 256;
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

/// What the editor said.
pub(super) enum Heard {
    Initialize(Abilities, Vec<PathBuf>, Client),
    Initialized,
    Opened(DidOpenTextDocumentParams),
    Changed(DidChangeTextDocumentParams),
    Saved(Uri),
    Closed(Uri),
    FilesChanged(Vec<Uri>),
    FoldersChanged(WorkspaceFoldersChangeEvent),
    ProgressCancelled(ProgressToken),
    Request(Request),
}

/// What the editor asked, with the way to answer.
pub(super) enum Request {
    Lenses {
        uri: Uri,
        answer: oneshot::Sender<Vec<CodeLens>>,
    },
    Actions {
        params: Box<CodeActionParams>,
        answer: oneshot::Sender<Vec<CodeActionOrCommand>>,
    },
    /// Features, waves and tasks as they stand.
    Waves {
        asked: waves::Asked,
        answer: oneshot::Sender<Waves>,
    },
    /// All runs of a root, which a URI or a path names.
    Runs {
        root: String,
        answer: oneshot::Sender<Runs>,
    },
    /// `loud`: nobody but the user can be told why nothing was started.
    Command {
        command: Command,
        target: Target,
        loud: bool,
        answer: oneshot::Sender<Value>,
    },
}

/// What other threads and tasks bring.
pub(super) enum Happening {
    /// A folder's or an unknown command's root was found, with the editor's name for it.
    RootFound { root: Option<PathBuf>, shown: PathBuf, folder: Option<PathBuf> },
    /// A folder's or a text's root cannot be found.
    Refused(RootError),
    /// A text's root was found; `clean`: the text was the disk's.
    Located { uri: Uri, place: Option<Place>, version: Option<i32>, clean: bool },
    /// The index is back.
    IndexBack { root: PathBuf, done: Option<Done> },
    /// Lines of closed files were read; with those of a new index, all nearest ids were looked for.
    Lines { root: PathBuf, reading: u64, lines: Lines, nearest: Option<Nearest> },
    /// Files changed on disk.
    Files { root: PathBuf, paths: Vec<PathBuf> },
    /// Files changed on disk while they were not watched; `None`: anything may have.
    Missed { root: PathBuf, paths: Option<Vec<PathBuf>> },
    /// A watch stands.
    Watching { root: PathBuf, watch: FileWatch },
    /// Since then changes of files are not told, or not all of them; `None`: nobody knows since when.
    Deaf { root: PathBuf, since: Option<SystemTime>, why: Deaf },
    /// A run's folder appeared.
    RunSeen { root: PathBuf, run: RunId },
    /// A run went on, or ended; `taken` waits until that is known.
    Run { root: PathBuf, run: RunId, view: Arc<View>, over: bool, taken: oneshot::Sender<()> },
    /// A failed task's log was read.
    Excerpt { root: PathBuf, task: TaskId, run: RunId, excerpt: Option<Arc<Excerpt>> },
    /// A run was started, or not.
    Started {
        root: PathBuf,
        tasks: Vec<TaskId>,
        result: Result<RunId, Refusal>,
        loud: bool,
        answer: oneshot::Sender<Value>,
    },
    /// The user was asked whether to trust a root's configuration; `again`: yes, and this is to be started.
    TrustAnswered { root: PathBuf, again: Option<(Command, Target)> },
    /// What did not pass in a run was read.
    RerunRead { root: PathBuf, rerun: Result<Rerun, String>, asking: Asking },
    /// The user was asked whether to end what has run for long.
    EndAnswered { root: PathBuf, ending: Ending, yes: bool },
    /// It could not be asked to end.
    EndFailed { root: PathBuf, ending: Ending },
    /// The user chose who does the tasks, or did not.
    Chosen { root: PathBuf, result: Result<Option<String>, String> },
    /// The editor answered a refresh.
    Refreshed,
    /// The user wants to see a log.
    LogWanted { root: PathBuf, task: TaskId },
}

/// Where a text belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    root: PathBuf,
    file: RelPath,
    shown: PathBuf,
}

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
pub(super) async fn run(mut heard: mpsc::Receiver<Heard>) {
    let Some((abilities, folders, client)) = initialize(&mut heard).await else { return };
    let (happenings, mut happened) = mpsc::channel(HAPPENINGS);
    let outbox = Arc::new(Outbox::default());
    let mut state = State::new(abilities, folders, client.clone(), happenings, Arc::clone(&outbox));
    let publisher = async { outbox.publish(&client).await };
    let events = async {
        loop {
            // The editor's words come first: a hundred runs in progress must not delay an edit.
            tokio::select! {
                biased;
                message = heard.recv() => match message {
                    Some(message) => state.hear(message),
                    None => return,
                },
                () = due(state.next_due()) => state.tidy(),
                Some(happening) = happened.recv() => state.happen(happening),
            }
        }
    };
    tokio::select! {
        () = publisher => {}
        () = events => {}
    }
}

/// The first message is `initialize`: the service lets nothing else through.
async fn initialize(heard: &mut mpsc::Receiver<Heard>) -> Option<(Abilities, Vec<PathBuf>, Client)> {
    loop {
        if let Heard::Initialize(abilities, folders, client) = heard.recv().await? {
            return Some((abilities, folders, client));
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

struct State {
    abilities: Abilities,
    client: Client,
    happenings: mpsc::Sender<Happening>,
    outbox: Arc<Outbox>,
    /// Folders of the editor, each with the root that it lies in or is, once that is found.
    folders: HashMap<PathBuf, Option<PathBuf>>,
    roots: HashMap<PathBuf, Root>,
    documents: Documents,
    places: HashMap<Uri, Place>,
    /// What the user was told of configurations that are somebody else's.
    told_foreign: HashSet<PathBuf>,
    /// Requests about texts whose root is being looked for.
    unplaced: HashMap<Uri, Vec<Request>>,
    /// Commands for roots that are being looked for, with the path that the command named.
    rootless: Vec<(PathBuf, Request)>,
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
        abilities: Abilities,
        folders: Vec<PathBuf>,
        client: Client,
        happenings: mpsc::Sender<Happening>,
        outbox: Arc<Outbox>,
    ) -> Self {
        Self {
            abilities,
            client,
            happenings,
            outbox,
            folders: folders.into_iter().map(|folder| (folder, None)).collect(),
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

    fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Initialize(..) => {} // the service lets only the first through
            Heard::Initialized => self.initialized(),
            Heard::Opened(params) => self.opened(params),
            Heard::Changed(params) => self.changed(&params),
            Heard::Saved(uri) => self.saved(&uri),
            Heard::Closed(uri) => self.closed(&uri),
            Heard::FilesChanged(uris) => self.files_changed(&uris.iter().filter_map(path_of).collect::<Vec<_>>()),
            Heard::FoldersChanged(event) => self.folders_changed(&event),
            Heard::ProgressCancelled(token) => self.progress_cancelled(&token),
            Heard::Request(request) => self.request(request),
        }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::RootFound { root, shown, folder } => self.root_found(root, shown, folder),
            Happening::Refused(error) => self.refused(&error),
            Happening::Located { uri, place, version, clean } => self.located(uri, place, version, clean),
            Happening::IndexBack { root, done } => self.index_back(&root, done),
            Happening::Lines { root, reading, lines, nearest } => self.lines_read(&root, reading, lines, nearest),
            Happening::Files { root, paths } => self.watched_files_changed(&root, &paths),
            Happening::Missed { root, paths } => self.files_missed(&root, paths.as_deref()),
            Happening::Watching { root, watch } => {
                if let Some(root) = self.roots.get_mut(&root) {
                    root.watch = Some(watch);
                }
            }
            Happening::Deaf { root, since, why } => self.deaf(&root, since, &why),
            Happening::RunSeen { root, run } => self.follow(&root, run),
            Happening::Run { root, run, view, over, taken } => {
                self.run_went_on(&root, &run, &view, over);
                let _ = taken.send(());
            }
            Happening::Excerpt { root, task, run, excerpt } => self.excerpt_read(&root, &task, &run, excerpt),
            Happening::Started { root, tasks, result, loud, answer } => {
                self.run_started(&root, &tasks, result, loud, answer);
            }
            Happening::TrustAnswered { root, again } => self.trust_answered(&root, again),
            Happening::EndAnswered { root, ending, yes } => self.end_answered(&root, ending, yes),
            Happening::EndFailed { root, ending } => self.end_failed(&root, &ending),
            Happening::Chosen { root, result } => self.chosen(&root, result),
            Happening::Refreshed => {
                self.refreshing = false;
            }
            Happening::RerunRead { root, rerun, asking } => self.rerun_read(&root, rerun, asking),
            Happening::LogWanted { root, task } => {
                if let Some(log) = self.log_of(&root, task.as_str()) {
                    self.show_log(log);
                }
            }
        }
    }
}
