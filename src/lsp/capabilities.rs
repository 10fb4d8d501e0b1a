//! What client and server told each other at `initialize`: what the client can do as named booleans, once.

use serde::Deserialize;
use tower_lsp::ls_types::{
    CodeActionKind, CodeActionOptions, CodeActionProviderCapability, CodeLensOptions, ExecuteCommandOptions,
    InitializeParams, OneOf, SaveOptions, ServerCapabilities, TextDocumentSyncCapability, TextDocumentSyncKind,
    TextDocumentSyncOptions, TextDocumentSyncSaveOptions, WorkspaceFoldersServerCapabilities,
    WorkspaceServerCapabilities,
};

use super::commands::Command;
use super::convert::Encoding;

/// The kind of our code actions: an editor that asks for `source` gets them too.
pub(super) const ACTION_KIND: CodeActionKind = CodeActionKind::new("source.featureBuild");

/// What the client can do and wants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ClientCapabilities {
    /// What a column counts.
    pub(super) encoding: Encoding,
    /// It shows progress that the server begins.
    pub(super) progress: bool,
    /// It asks for lenses again when told to.
    pub(super) lens_refresh: bool,
    /// It watches files when asked to.
    pub(super) watches_files: bool,
    /// It can open a file for the server.
    pub(super) show_document: bool,
    /// It knows code actions that are more than commands.
    pub(super) action_literals: bool,
    /// A message may carry actions: it shows them, and its owner said that it does not block meanwhile.
    pub(super) interactive_messages: bool,
    /// It can ask the user to choose an answer to a message.
    pub(super) message_requests: bool,
    /// The server tells by a message that a run failed: not where the client does so itself.
    pub(super) failure_messages: bool,
    /// The server shows a run's progress by the protocol: not where the client shows it itself.
    pub(super) run_progress: bool,
    /// It shows logs itself, as text without control sequences, under URIs of a scheme of their own.
    pub(super) shows_logs: bool,
    /// It wants every event of every run.
    pub(super) events: bool,
}

/// What an owner of a client may set in `initializationOptions`. Unknown keys are other servers' business.
#[derive(Debug, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct InitOptions {
    events: bool,
    interactive_messages: bool,
    failure_messages: bool,
    run_progress: bool,
    logs: bool,
    /// A client that lets its owner answer requests, but not say so among its capabilities, as lsp-mode.
    show_document: bool,
}

impl Default for InitOptions {
    fn default() -> Self {
        Self {
            events: false,
            interactive_messages: false,
            failure_messages: true,
            run_progress: true,
            logs: false,
            show_document: false,
        }
    }
}

impl ClientCapabilities {
    /// Reads them from the client's first request.
    pub(super) fn of(params: &InitializeParams) -> Self {
        let capabilities = &params.capabilities;
        let window = capabilities.window.as_ref();
        let workspace = capabilities.workspace.as_ref();
        let text = capabilities.text_document.as_ref();
        let wishes = params.initialization_options.clone().map(serde_json::from_value).and_then(Result::ok);
        let wishes: InitOptions = wishes.unwrap_or_default();
        let offered = capabilities.general.as_ref().and_then(|general| general.position_encodings.as_deref());
        let yes = |ability: Option<bool>| ability == Some(true);
        let message_actions = window.and_then(|window| window.show_message.as_ref()?.message_action_item.as_ref());
        Self {
            encoding: Encoding::negotiate(offered),
            progress: yes(window.and_then(|window| window.work_done_progress)),
            lens_refresh: yes(workspace.and_then(|workspace| workspace.code_lens.as_ref()?.refresh_support)),
            watches_files: yes(
                workspace.and_then(|workspace| workspace.did_change_watched_files.as_ref()?.dynamic_registration)
            ),
            show_document: wishes.show_document
                || window.and_then(|window| window.show_document.as_ref()).is_some_and(|show| show.support),
            action_literals: text
                .and_then(|text| text.code_action.as_ref()?.code_action_literal_support.as_ref())
                .is_some(),
            interactive_messages: wishes.interactive_messages && message_actions.is_some(),
            message_requests: message_actions.is_some(),
            failure_messages: wishes.failure_messages,
            run_progress: wishes.run_progress,
            shows_logs: wishes.logs,
            events: wishes.events,
        }
    }
}

/// What the server can do.
pub(super) fn server(client: &ClientCapabilities) -> ServerCapabilities {
    ServerCapabilities {
        position_encoding: Some(client.encoding.kind()),
        text_document_sync: Some(TextDocumentSyncCapability::Options(TextDocumentSyncOptions {
            open_close: Some(true),
            change: Some(TextDocumentSyncKind::INCREMENTAL),
            save: Some(TextDocumentSyncSaveOptions::SaveOptions(SaveOptions { include_text: Some(false) })),
            ..TextDocumentSyncOptions::default()
        })),
        // Lenses are complete when sent: lsp-mode drops those that need a second request.
        code_lens_provider: Some(CodeLensOptions { resolve_provider: Some(false) }),
        code_action_provider: Some(CodeActionProviderCapability::Options(CodeActionOptions {
            code_action_kinds: Some(vec![ACTION_KIND]),
            ..CodeActionOptions::default()
        })),
        // Neovim refuses commands that are not listed here.
        execute_command_provider: Some(ExecuteCommandOptions {
            commands: Command::ALL.map(|command| command.id().to_string()).to_vec(),
            ..ExecuteCommandOptions::default()
        }),
        workspace: Some(WorkspaceServerCapabilities {
            workspace_folders: Some(WorkspaceFoldersServerCapabilities {
                supported: Some(true),
                change_notifications: Some(OneOf::Left(true)),
            }),
            ..WorkspaceServerCapabilities::default()
        }),
        ..ServerCapabilities::default()
    }
}
