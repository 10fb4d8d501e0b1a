//! Words for the user and for the editor's log. They may quote a file, an output, the name of a folder: all go through here,
//! and none of them can steer what shows it.

use tower_lsp::Client;
use tower_lsp::ls_types::MessageType;

use crate::agent::safe;

/// Shows the user a message.
pub(super) async fn user(client: &Client, kind: MessageType, message: &str) {
    client.show_message(kind, safe::text(message.as_bytes())).await;
}

/// Tells the editor's log.
pub(super) async fn log(client: &Client, kind: MessageType, message: &str) {
    client.log_message(kind, safe::text(message.as_bytes())).await;
}
