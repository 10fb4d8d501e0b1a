//! GitHub Copilot CLI's `--output-format json`.

use serde_json::Value;

use super::{Reading, at, number, object_of, rate_limit, text};
use crate::agent::Usage;

pub(super) fn read(event: &Value, reading: &mut Reading) {
    let data = |key| text(event, &["data", key]);
    match text(event, &["type"]) {
        Some("session.start") => {
            reading.in_session(data("sessionId"));
            reading.with_model(data("selectedModel"));
        }
        Some("session.tools_updated") => reading.with_model(data("model")),
        Some("session.model_change") => reading.with_model(data("newModel")),
        Some("assistant.turn_start") => _ = reading.turns(data("turnId")),
        Some("assistant.message") => {
            reading.with_model(data("model"));
            reading.speaks(data("content").unwrap_or_default());
            // The input is told nowhere.
            let output_tokens = number(event, &["data", "outputTokens"]);
            reading.spends(Usage { output_tokens, ..Usage::default() });
        }
        Some("tool.execution_start") => {
            reading.uses(data("toolName").unwrap_or_default(), at(event, &["data", "arguments"]).and_then(object_of));
        }
        Some("session.error") => {
            let words = data("message").unwrap_or_default();
            reading.limited = rate_limit(words).or(reading.limited.take());
            reading.speaks(words);
        }
        Some("result") => result(event, reading),
        _ => {}
    }
}

fn result(event: &Value, reading: &mut Reading) {
    reading.in_session(text(event, &["sessionId"]));
    match at(event, &["exitCode"]).and_then(Value::as_i64) {
        Some(0) => {
            reading.limited = None;
            reading.ends();
        }
        Some(_) => {
            let words = reading.last_words.clone();
            reading.failed(if words.is_empty() { "its result is an error" } else { &words });
        }
        None => {}
    }
}
