//! `featureBuild/event`: every event of every run, for clients that draw runs themselves.

use serde_json::Value;
use tower_lsp::Client;
use tower_lsp::ls_types::notification::Notification;

use crate::run::{Record, RunId};

/// The custom notification.
enum EventNotification {}

impl Notification for EventNotification {
    type Params = Value;
    const METHOD: &'static str = "featureBuild/event";
}

/// Sends a journal's record, serialized as the journal and `run --format json` have it, with `run` and `root` added to
/// each: an editor hears of many runs over one wire.
pub(super) async fn send(client: &Client, root: &str, run: &RunId, record: &Record) {
    let Ok(Value::Object(mut params)) = serde_json::to_value(record) else { return };
    params.entry("run").or_insert_with(|| run.0.as_str().into());
    params.entry("root").or_insert_with(|| root.into());
    client.send_notification::<EventNotification>(Value::Object(params)).await;
}
