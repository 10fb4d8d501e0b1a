//! `featureBuild/event`: every event of every run, for clients that draw runs themselves.

use serde_json::Value;
use tower_lsp::Client;
use tower_lsp::ls_types::notification::Notification;

use crate::run::{Event, Record, RunId, RunOutcome};

/// The custom notification.
enum EventNotification {}

impl Notification for EventNotification {
    type Params = Value;
    const METHOD: &'static str = "featureBuild/event";
}

/// Sends a journal's record, serialized as the journal and `run --format json` have it. Added to each are `run` and `root`,
/// because an editor hears of many runs over one wire, and `remaining_ms`: how long the run will probably go on after it. The
/// last one says how the run ended, `outcome`: the same word as in every other place.
pub(super) async fn send(client: &Client, root: &str, run: &RunId, record: &Record, remaining_ms: Option<u64>) {
    let Ok(Value::Object(mut params)) = serde_json::to_value(record) else { return };
    params.entry("run").or_insert_with(|| run.0.as_str().into());
    params.entry("root").or_insert_with(|| root.into());
    params.insert("remaining_ms".into(), remaining_ms.into());
    if let Event::RunFinished { exit_code, .. } = record.event {
        params.insert("outcome".into(), RunOutcome::of_exit_code(exit_code).as_str().into());
    }
    client.send_notification::<EventNotification>(Value::Object(params)).await;
}
