//! Words for the user and for the editor's log. They may quote a file, an output, the name of a folder: all go through here,
//! and none of them can steer what shows it.

use std::path::Path;

use tower_lsp::Client;
use tower_lsp::ls_types::{MessageType, ShowDocumentParams};

use super::proto::uri_of;
use crate::agent::safe;

/// Shows the user a message.
pub(super) async fn user(client: &Client, kind: MessageType, message: &str) {
    client.show_message(kind, safe::text(message.as_bytes())).await;
}

/// Tells the editor's log.
pub(super) async fn log(client: &Client, kind: MessageType, message: &str) {
    client.log_message(kind, safe::text(message.as_bytes())).await;
}

/// Opens a file in the editor; where it cannot, tells where the file lies, which is called `what`.
pub(super) async fn file(client: &Client, can_show: bool, what: &str, path: &Path) {
    let Some(uri) = uri_of(path) else { return };
    let asked = ShowDocumentParams { uri, external: None, take_focus: Some(true), selection: None };
    let shown = can_show && client.show_document(asked).await.unwrap_or(false);
    if !shown {
        user(client, MessageType::INFO, &format!("the {what} is {}", path.display())).await;
    }
}
