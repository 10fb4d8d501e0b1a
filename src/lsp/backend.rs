//! The protocol's handlers: each hands its message to the main loop, in the order in which the editor spoke, and a
//! request then waits for its answer. They know and decide nothing.
//!
//! The order holds because `send` on the one channel is each handler's first await: handlers are polled in the order
//! in which their messages came, up to there.

use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{mpsc, oneshot};
use tower_lsp::jsonrpc::{Error, Result};
use tower_lsp::ls_types::{
    CodeActionOrCommand, CodeActionParams, CodeLens, CodeLensParams, DidChangeConfigurationParams,
    DidChangeTextDocumentParams, DidChangeWatchedFilesParams, DidChangeWorkspaceFoldersParams,
    DidCloseTextDocumentParams, DidOpenTextDocumentParams, DidSaveTextDocumentParams, ExecuteCommandParams,
    InitializeParams, InitializeResult, InitializedParams, ServerInfo, WorkDoneProgressCancelParams,
};
use tower_lsp::{Client, LanguageServer};

use super::capabilities::{self, ClientCapabilities};
use super::commands::{Command, Target};
use super::message::{ClientMessage, CommandCall, Request};
use super::plain;
use super::waves::{self, Runs, Waves};

/// The protocol's side of the server.
pub(super) struct Backend {
    client: Client,
    messages: mpsc::Sender<ClientMessage>,
    shut_down: Arc<AtomicBool>,
}

impl Backend {
    /// A backend that hands everything to this channel, and sets the flag when the editor asked for `shutdown`.
    pub(super) fn new(client: Client, messages: mpsc::Sender<ClientMessage>, shut_down: Arc<AtomicBool>) -> Self {
        Self { client, messages, shut_down }
    }

    async fn tell(&self, message: ClientMessage) {
        // The loop is gone only when the server ends.
        let _ = self.messages.send(message).await;
    }

    /// Hands a request over and waits for its answer. Nothing is lost when the editor cancels the request and this is
    /// dropped: the loop finds nobody waiting.
    async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<T>) -> Request) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        self.tell(ClientMessage::Request(request(answer))).await;
        answered.await.map_err(|_| Error::request_cancelled())
    }

    /// The custom request `featureBuild/runWave`.
    pub(super) async fn run_wave(&self, params: Value) -> Result<Value> {
        self.command(Command::RunWave, vec![params], false).await
    }

    /// The custom request `featureBuild/waves`.
    pub(super) async fn waves(&self, query: waves::WavesQuery) -> Result<Waves> {
        self.ask(|answer| Request::Waves { query, answer }).await
    }

    /// The custom request `featureBuild/runs`.
    pub(super) async fn runs(&self, of: Target) -> Result<Runs> {
        self.ask(|answer| Request::Runs { root: of.root, answer }).await
    }

    /// `window/workDoneProgress/cancel`, which is not in the trait.
    pub(super) async fn cancel_progress(&self, params: WorkDoneProgressCancelParams) {
        self.tell(ClientMessage::ProgressCancelled(params.token)).await;
    }

    async fn command(&self, command: Command, arguments: Vec<Value>, notify_user: bool) -> Result<Value> {
        let target = Target::of(arguments).map_err(|wrong| Error::invalid_params(plain::text(&wrong)))?;
        self.ask(|answer| Request::Command(CommandCall { command, target, notify_user, answer })).await
    }
}

impl LanguageServer for Backend {
    async fn initialize(&self, params: InitializeParams) -> Result<InitializeResult> {
        let client = ClientCapabilities::of(&params);
        let capabilities = capabilities::server(&client);
        self.tell(ClientMessage::Initialize(client, super::main_loop::folders(&params), self.client.clone())).await;
        Ok(InitializeResult {
            capabilities,
            server_info: Some(ServerInfo {
                name: env!("CARGO_PKG_NAME").into(),
                version: Some(env!("CARGO_PKG_VERSION").into()),
            }),
            offset_encoding: None,
        })
    }

    async fn initialized(&self, _: InitializedParams) {
        self.tell(ClientMessage::Initialized).await;
    }

    async fn shutdown(&self) -> Result<()> {
        self.shut_down.store(true, Ordering::Release);
        Ok(())
    }

    async fn did_open(&self, params: DidOpenTextDocumentParams) {
        self.tell(ClientMessage::Opened(params)).await;
    }

    async fn did_change(&self, params: DidChangeTextDocumentParams) {
        self.tell(ClientMessage::Changed(params)).await;
    }

    async fn did_save(&self, params: DidSaveTextDocumentParams) {
        self.tell(ClientMessage::Saved(params.text_document.uri)).await;
    }

    async fn did_close(&self, params: DidCloseTextDocumentParams) {
        self.tell(ClientMessage::Closed(params.text_document.uri)).await;
    }

    async fn did_change_watched_files(&self, params: DidChangeWatchedFilesParams) {
        self.tell(ClientMessage::FilesChanged(params.changes.into_iter().map(|change| change.uri).collect())).await;
    }

    async fn did_change_workspace_folders(&self, params: DidChangeWorkspaceFoldersParams) {
        self.tell(ClientMessage::FoldersChanged(params.event)).await;
    }

    /// No settings are read, but a client that pushes them shall not be told that it did wrong.
    async fn did_change_configuration(&self, _: DidChangeConfigurationParams) {}

    async fn code_lens(&self, params: CodeLensParams) -> Result<Option<Vec<CodeLens>>> {
        self.ask(|answer| Request::Lenses { uri: params.text_document.uri, answer }).await.map(Some)
    }

    async fn code_action(&self, params: CodeActionParams) -> Result<Option<Vec<CodeActionOrCommand>>> {
        self.ask(|answer| Request::Actions { params: Box::new(params), answer }).await.map(Some)
    }

    async fn execute_command(&self, params: ExecuteCommandParams) -> Result<Option<Value>> {
        let Some(command) = Command::of(&params.command) else {
            return Err(Error::invalid_params(plain::text(&format!("no command \"{}\" here", params.command))));
        };
        self.command(command, params.arguments, true).await.map(Some)
    }
}
