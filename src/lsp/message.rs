//! What reaches the main loop: from the editor, and from other threads and tasks.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use serde_json::Value;
use tokio::sync::oneshot;
use tower_lsp::Client;
use tower_lsp::ls_types::{
    CodeActionOrCommand, CodeActionParams, CodeLens, DidChangeTextDocumentParams, DidOpenTextDocumentParams,
    ProgressToken, Uri, WorkspaceFoldersChangeEvent,
};

use super::capabilities::ClientCapabilities;
use super::commands::{Command, Target};
use super::place::Place;
use super::root::{Done, Lines, Nearest};
use super::start_run::Refusal;
use super::watch::{Deaf, FileWatch};
use super::waves::{self, Runs, Waves};
use crate::agent::Excerpt;
use crate::run::{Level, Rerun, RunId, View};
use crate::task::TaskId;
use crate::workspace::RootError;

/// What the editor said.
pub(super) enum ClientMessage {
    Initialize(ClientCapabilities, Vec<PathBuf>, Client),
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
        query: waves::WavesQuery,
        answer: oneshot::Sender<Waves>,
    },
    /// All runs of a root, which a URI or a path names.
    Runs {
        root: String,
        answer: oneshot::Sender<Runs>,
    },
    Command(CommandCall),
}

/// A command, with the way to answer.
pub(super) struct CommandCall {
    pub(super) command: Command,
    pub(super) target: Target,
    /// Nobody but the user can be told why nothing was started.
    pub(super) notify_user: bool,
    pub(super) answer: oneshot::Sender<Value>,
}

/// What other threads and tasks bring.
pub(super) enum Event {
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
        notify_user: bool,
        answer: oneshot::Sender<Value>,
    },
    /// The user was asked whether to trust a root's configuration; `again`: yes, and this is to be started.
    TrustAnswered { root: PathBuf, again: Option<(Command, Target)> },
    /// What did not pass in a run was read.
    RerunRead { root: PathBuf, rerun: Result<Rerun, String>, call: CommandCall },
    /// The user was asked whether to end what has run for long.
    EndAnswered { root: PathBuf, cancellation: Cancellation, yes: bool },
    /// It could not be asked to end.
    EndFailed { root: PathBuf, cancellation: Cancellation },
    /// The user chose who does the tasks, or did not.
    Chosen { root: PathBuf, result: Result<Option<String>, String> },
    /// The editor answered a refresh.
    Refreshed,
    /// The user wants to see a log.
    LogWanted { root: PathBuf, task: TaskId },
}

/// Runs, or one task of them, that somebody wants to end.
#[derive(Debug, Clone)]
pub(super) struct Cancellation {
    pub(super) runs: Vec<(RunId, Level)>,
    /// Only this task.
    pub(super) task: Option<TaskId>,
    /// In words: `wave 1 of FEAT-1`.
    pub(super) what: String,
}
