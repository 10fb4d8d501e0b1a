//! Gemini CLI's `--output-format stream-json`.

use serde_json::Value;

use super::{Reading, at, number, object_of, rate_limit, text};
use crate::agent::Usage;

pub(super) fn read(event: &Value, reading: &mut Reading) {
    match text(event, &["type"]) {
        Some("init") => {
            reading.in_session(text(event, &["session_id"]));
            // `auto`: it chooses a model for each request; which ones, its result says.
            reading.with_model(text(event, &["model"]).filter(|model| *model != "auto"));
        }
        Some("message") if text(event, &["role"]) == Some("assistant") => {
            reading.speaks_on(text(event, &["content"]).unwrap_or_default());
        }
        Some("tool_use") => {
            reading.uses(text(event, &["tool_name"]).unwrap_or_default(), event.get("parameters").and_then(object_of));
        }
        // Also what it gets over; the result decides.
        Some("error") => complains(text(event, &["message"]).unwrap_or_default(), reading),
        Some("result") => result(event, reading),
        _ => {}
    }
}

fn complains(words: &str, reading: &mut Reading) {
    reading.limited = rate_limit(words).or(reading.limited.take());
    reading.speaks(words);
}

fn result(event: &Value, reading: &mut Reading) {
    if event.get("stats").is_some() {
        let tokens = |key| number(event, &["stats", key]);
        let (input_tokens, output_tokens) = (tokens("input_tokens"), tokens("output_tokens"));
        reading.told.usage = Some(Usage { input_tokens, output_tokens, cost_usd: None });
    }
    let models = at(event, &["stats", "models"]).and_then(Value::as_object);
    reading.with_model(models.and_then(|models| models.keys().next()).map(String::as_str));
    match text(event, &["status"]) {
        Some("success") => {
            reading.limited = None;
            reading.ends();
        }
        Some("error") => {
            // Without a message of its own it has told the error before.
            let words = text(event, &["error", "message"]).map_or_else(|| reading.last_words.clone(), str::to_owned);
            reading.limited = rate_limit(&words).or(reading.limited.take());
            reading.failed(if words.is_empty() { "its result is an error" } else { &words });
        }
        _ => {}
    }
}
