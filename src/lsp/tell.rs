//! Words for the user and for the editor's log. They may quote a file, an output, the name of a folder: all go through here,
//! and none of them can steer what shows it.
#![expect(clippy::disallowed_methods, reason = "this is the place that they are left to")]

use std::collections::HashMap;
use std::path::Path;

use tower_lsp::Client;
use tower_lsp::ls_types::{MessageActionItem, MessageType, Position, Range, ShowDocumentParams, Uri};

use super::capabilities::ClientCapabilities;
use super::convert::{uri_of, uri_of_log};
use super::plain::{self, Plain};
use crate::agent::{self, safe};

/// Shows the user a message.
pub(super) async fn user(client: &Client, kind: MessageType, message: impl Into<Plain>) {
    client.show_message(kind, message.into().into_string()).await;
}

/// Asks the user to choose one of some answers: its place among them; nothing where the user chose none, or the editor
/// cannot ask.
pub(super) async fn ask(
    client: &Client,
    kind: MessageType,
    question: impl Into<Plain>,
    answers: &[&str],
) -> Option<usize> {
    let titles: Vec<String> = answers.iter().map(|answer| plain::line(answer)).collect();
    let action = |title: &String| MessageActionItem { title: title.clone(), properties: HashMap::new() };
    let actions = titles.iter().map(action).collect();
    let question = question.into().into_string();
    let chosen = client.show_message_request(kind, question, Some(actions)).await.ok()??;
    titles.iter().position(|title| *title == chosen.title)
}

/// Tells the editor's log, which shows a text as it is.
pub(super) async fn log(client: &Client, kind: MessageType, message: &str) {
    client.log_message(kind, safe::text(message.as_bytes())).await;
}

/// Opens a file in the editor; where it cannot, tells where the file lies, which is called `what`.
pub(super) async fn file(client: &Client, can_show: bool, what: &str, path: &Path) {
    let Some(uri) = uri_of(path) else { return };
    if !(can_show && show(client, uri, None).await) {
        user(client, MessageType::INFO, &format!("the {what} is {}", path.display())).await;
    }
}

/// Opens a log at its end, where what went wrong stands; where the editor cannot, tells where it lies.
pub(super) async fn task_log(client: &Client, capabilities: ClientCapabilities, path: &Path) {
    let Some(uri) = uri_of_log(path, capabilities.shows_logs) else { return };
    let log = path.to_path_buf();
    // A log that cannot be read is opened all the same: the editor says why it cannot.
    let lines = tokio::task::spawn_blocking(move || agent::line_count(&log).unwrap_or_default()).await;
    let end = Position { line: lines.unwrap_or_default(), character: 0 };
    if !(capabilities.show_document && show(client, uri, Some(Range { start: end, end })).await) {
        user(client, MessageType::INFO, &format!("the log is {}", path.display())).await;
    }
}

async fn show(client: &Client, uri: Uri, selection: Option<Range>) -> bool {
    let asked = ShowDocumentParams { uri, external: None, take_focus: Some(true), selection };
    client.show_document(asked).await.unwrap_or(false)
}
