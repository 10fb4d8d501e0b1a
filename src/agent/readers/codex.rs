//! `codex exec --json`.

use serde_json::Value;

use super::{Reading, number, rate_limit, text};
use crate::agent::Usage;

pub(super) fn read(event: &Value, reading: &mut Reading) {
    match text(event, &["type"]) {
        Some("thread.started") => reading.in_session(text(event, &["thread_id"])),
        Some("turn.started") => _ = reading.turns(None),
        Some("item.started" | "item.updated" | "item.completed") => {
            if let Some(item) = event.get("item") {
                works(item, reading);
            }
        }
        Some("turn.completed") => {
            // What came from the cache is part of the input here.
            let (input_tokens, output_tokens) =
                (number(event, &["usage", "input_tokens"]), number(event, &["usage", "output_tokens"]));
            reading.spends(Usage { input_tokens, output_tokens, cost_usd: None });
            reading.limited = None;
            reading.ends();
        }
        Some("turn.failed") => {
            let words = text(event, &["error", "message"]).unwrap_or("its turn failed");
            reading.limited = rate_limit(words).or(reading.limited.take());
            reading.failed(words);
        }
        // Lost connections come this way, too, and it tries again: no verdict.
        Some("error") => {
            let words = text(event, &["message"]).unwrap_or_default();
            reading.limited = rate_limit(words).or(reading.limited.take());
            reading.says(words);
        }
        _ => {}
    }
}

fn works(item: &Value, reading: &mut Reading) {
    match text(item, &["type"]) {
        Some("agent_message") => reading.speaks(text(item, &["text"]).unwrap_or_default()),
        Some("command_execution") => reading.uses("runs", text(item, &["command"])),
        Some("file_change") => {
            let first = item.get("changes").and_then(Value::as_array).and_then(|changes| changes.first());
            reading.uses("changes", first.and_then(|change| text(change, &["path"])));
        }
        Some("mcp_tool_call") => reading.uses("calls", text(item, &["tool"])),
        Some("web_search") => reading.uses("searches", text(item, &["query"])),
        Some("error") => reading.says(text(item, &["message"]).unwrap_or_default()),
        _ => {}
    }
}
